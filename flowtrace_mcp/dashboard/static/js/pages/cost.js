// What agents cost: day by day, by what, and what is to come.
import { count, daysAgo, shown, usd } from "../format.js";
import { useQuery } from "../query.js";
import { Link, setParams } from "../router.js";
import { Figure, Head } from "../ui/bits.js";
import { Chart } from "../ui/chart.js";
import { sinceOf, TextFilter, TimeFilter } from "../ui/filters.js";
import { Table } from "../ui/lists.js";
import { Budgets } from "../ui/budgets.js";
import { Empty, Loaded } from "../ui/states.js";
import { html, useMemo } from "../view.js";

const BY = ["model", "agent", "project", "session", "tool", "provider", "environment", "day"];
const TIMES = [
  { name: "1", label: "Today" },
  { name: "7", label: "7 days" },
  { name: "30", label: "30 days" },
];
const DAY_US = 86_400_000_000;

export default function Cost({ params }) {
  const by = BY.includes(params.by) ? params.by : "model";
  const since = sinceOf(params.time, "30") ?? daysAgo(29);
  const asked = { by, since, project: params.project, model: params.model, agent: params.agent, limit: 100 };
  const costs = useQuery("/api/v1/costs", asked);
  return html`<${Head} title="Cost">
      <div class="filters">
        <${TextFilter} name="project" label="Project" value=${params.project} />
        <${TimeFilter} value=${params.time} fallback="30" times=${TIMES} />
      </div>
    <//>
    <${Loaded} query=${costs}>${(answer) => html`
      <${Sums} answer=${answer} />
      <${Days} project=${params.project} since=${since} />
      <section class="stack" aria-label="By what">
        <div class="filters"><label>By
          <select value=${by} onChange=${(event) => setParams({ by: event.target.value }, {})}>
            ${BY.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
          </select></label>
          ${answer.note && html`<span class="soft">${answer.note}</span>`}
        </div>
        ${answer.items.length
          ? html`<${Rows} answer=${answer} by=${by} />`
          : html`<${Empty} title="Nothing was used in this time"><p>${answer.note}</p><//>`}
      </section>
    `}<//>
    <${Budgets} />`;
}

function Sums({ answer }) {
  const { total, forecast_30d: coming } = answer;
  const spent = (total.input ?? 0) + (total.cache_read ?? 0) + (total.cache_write ?? 0) + (total.output ?? 0);
  const range = coming.usd === undefined ? "too few days to tell" : `between ${usd(coming.low)} and ${usd(coming.high)}`;
  return html`<div class="cards">
    <${Figure} name="Spent" aside=${total.unpriced ? `${total.unpriced} calls have no known price` : null}>${usd(total.usd)}<//>
    <${Figure} name="Next 30 days" aside=${range}>${usd(coming.usd)}<//>
    <${Figure} name="Saved by caches" aside="at list price">${usd(total.saved_usd)}<//>
    <${Figure} name="Tokens" aside="${count(total.cache_read ?? 0)} read from a cache">${count(spent)}<//>
    <${Figure} name="Model calls">${count(total.calls ?? 0)}<//>
  </div>`;
}

function Days({ project, since }) {
  const query = useQuery("/api/v1/analytics/timeseries", { step: "day", since, project });
  const items = query.data?.items;
  const chart = useMemo(() => {
    if (!items?.length) return null;
    const first = items[0].time_us;
    const size = Math.round((items[items.length - 1].time_us - first) / DAY_US) + 1;
    const known = new Map(items.map((item) => [item.time_us, item.usd ?? 0]));
    const times = Array.from({ length: size }, (_, at) => first + at * DAY_US);
    return { times, series: [{ name: "Cost", values: times.map((time) => known.get(time) ?? 0), colour: "accent" }] };
  }, [items]);
  if (!chart) return null;
  return html`<${Chart} title="By day" times=${chart.times} series=${chart.series} format=${usd} isDaily=${true} />`;
}

function Rows({ answer, by }) {
  const whole = answer.total.usd || 0;
  const isTool = by === "tool";
  const money = [
    { title: "Input", isNumber: true, canHide: true, cell: (row) => count(row.input ?? 0) },
    { title: "Cached", isNumber: true, canHide: true, cell: (row) => count(row.cache_read ?? 0) },
    { title: "Output", isNumber: true, canHide: true, cell: (row) => count(row.output ?? 0) },
    { title: "Cost", isNumber: true, cell: (row) => usd(row.usd) },
    { title: "Share", canHide: true, cell: (row) => html`<${Share} part=${whole ? (row.usd ?? 0) / whole : 0} />` },
  ];
  const columns = [
    { title: by, cell: (row) => html`<${Name} row=${row} by=${by} />` },
    { title: isTool ? "Runs" : "Calls", isNumber: true, cell: (row) => count(row.calls ?? 0) },
    ...(isTool ? [{ title: "Failed", isNumber: true, cell: (row) => count(row.errors ?? 0) }] : money),
  ];
  return html`<${Table} label="Cost by ${by}" columns=${columns} rows=${answer.items}
      keyOf=${(row) => `${row.provider ?? ""}/${row[by]}`} />
    ${answer.more > 0 && html`<p class="soft">${answer.more} more cost less.</p>`}`;
}

function Name({ row, by }) {
  if (by === "session" && row.session) return html`<${Link} to=${["session", row.session]}><span class="name">${shown(row.session)}</span><//>`;
  if (by === "project" && row.project) {
    return html`<${Link} to=${["cost"]} params=${{ project: row.project, by: "model" }}><span class="name">${shown(row.project)}</span><//>`;
  }
  return html`<span class="name">${shown(row[by] ?? "–")}</span>
    ${row.provider && by === "model" && html`<span class="soft"> ${shown(row.provider)}</span>`}`;
}

function Share({ part }) {
  return html`<span class="share" title="${(part * 100).toFixed(1)} %"><i style=${{ width: `${Math.round(part * 100)}%` }}></i></span>`;
}
