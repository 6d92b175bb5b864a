// Charts over time; the library is loaded with the first of them. The figures are there as a table too.
import { clock, day, moment } from "../format.js";
import { colour } from "../theme.js";
import { html, useEffect, useRef, useState } from "../view.js";

const HEIGHT_PX = 190;
const HOUR_S = 3600;
const DAY_S = 86_400;

// series: {name, values, colour (a name of css/tokens.css)}; times in microseconds; format(value) for people.
export function Chart({ title, times, series, format, isDaily = false }) {
  const box = useRef(null);
  const [said, setSaid] = useState("");
  useEffect(() => {
    let plot = null;
    let isGone = false;
    const draw = async () => {
      const { default: Plot } = await import("../../vendor/uplot.js");
      if (isGone) return;
      plot?.destroy();
      plot = plotOf(Plot, box.current, { times, series, format, isDaily, say: setSaid });
    };
    draw();
    const watching = new ResizeObserver(([entry]) =>
      plot?.setSize({ width: Math.floor(entry.contentRect.width), height: HEIGHT_PX }),
    );
    watching.observe(box.current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      isGone = true;
      watching.disconnect();
      scheme.removeEventListener("change", draw);
      plot?.destroy();
    };
  }, [times, series]);
  return html`<figure class="card">
    <figcaption class="row spread"><h2>${title}</h2><span class="soft number">${said}</span></figcaption>
    <div ref=${box} class="chart" aria-hidden="true"></div>
    <details>
      <summary class="soft">As a table</summary>
      <${Figures} title=${title} times=${times} series=${series} format=${format} isDaily=${isDaily} />
    </details>
  </figure>`;
}

function Figures({ title, times, series, format, isDaily }) {
  return html`<div class="table-wrap" tabindex="0" role="region" aria-label=${title}><table>
    <thead><tr><th scope="col">Time</th>
      ${series.map((one) => html`<th key=${one.name} scope="col" class="number">${one.name}</th>`)}
    </tr></thead>
    <tbody>${times.map(
      (time, at) => html`<tr key=${time}><td>${isDaily ? day(time) : moment(time)}</td>
        ${series.map((one) => html`<td key=${one.name} class="number">${format(one.values[at])}</td>`)}
      </tr>`,
    )}</tbody>
  </table></div>`;
}

function plotOf(Plot, box, { times, series, format, isDaily, say }) {
  const axis = { stroke: colour("ink-soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
  const step = isDaily ? DAY_S : HOUR_S;
  const name = isDaily ? (time) => day(time).slice(5) : (time) => clock(time).slice(0, 5);
  const toText = (_, ticks) => ticks.map((tick) => name(tick * 1e6));
  const tell = (plot) => {
    const at = plot.cursor.idx;
    const told = series.map((one) => format(one.values[at] ?? 0)).join(", ");
    say(at === null ? "" : `${isDaily ? day(times[at]) : moment(times[at])}: ${told}`);
  };
  const options = {
    width: Math.floor(box.clientWidth),
    height: HEIGHT_PX,
    cursor: { y: false, drag: { x: false, y: false } },
    legend: { show: false },
    hooks: { setCursor: [tell] },
    axes: [
      { ...axis, values: toText, incrs: [1, 2, 3, 4, 6, 12, 24].map((many) => many * step) },
      { ...axis, size: 64, values: (_, ticks) => ticks.map(format) },
    ],
    scales: {
      x: { range: (_, first, last) => [first - step / 2, last + step / 2] },
      y: { range: (_, __, top) => [0, top > 0 ? top * 1.1 : 1] },
    },
    series: [
      {},
      ...series.map((one) => ({
        label: one.name,
        stroke: colour(one.colour),
        fill: `${colour(one.colour)}66`,
        width: 1,
        paths: Plot.paths.bars({ size: [0.7, 28] }),
        points: { show: false },
      })),
    ],
  };
  return new Plot(options, [times.map((time) => time / 1e6), ...series.map((one) => one.values)], box);
}
