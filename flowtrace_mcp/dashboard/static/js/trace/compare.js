// Two traces side by side: their sums, and what each kind of step took in the one and the other.
import { count, duration, moment, shown, tokenSum, usd } from "../format.js";
import { useQuery } from "../query.js";
import { Link, setParams } from "../router.js";
import { Table } from "../ui/lists.js";
import { Empty, Loaded } from "../ui/states.js";
import { html, useMemo } from "../view.js";
import { MARK } from "./tree.js";

const OFFERED = 50;
const ROWS_MOST = 200;

export function Compare({ trace, other }) {
  return html`<${Choice} trace=${trace} other=${other} />
    ${other
      ? html`<${Both} trace=${trace} other=${other} />`
      : html`<${Empty} title="Compare with which trace?"><p class="soft">Choose one above; traces of the same name come first.</p><//>`}`;
}

function Choice({ trace, other }) {
  const query = useQuery("/api/v1/traces", { limit: OFFERED });
  const own = trace.columns.name[0];
  const rows = (query.data?.items ?? []).filter((row) => row.trace_id !== trace.trace_id);
  rows.sort((one, two) => Number(two.name === own) - Number(one.name === own));
  return html`<div class="filters"><label>Compare with
    <select value=${other ?? ""} onChange=${(event) => setParams({ with: event.target.value, span: "" }, {})}>
      <option value="">choose a trace</option>
      ${other && !rows.some((row) => row.trace_id === other) && html`<option value=${other}>${other}</option>`}
      ${rows.map((row) => html`<option key=${row.trace_id} value=${row.trace_id}>
        ${shown((row.name ?? row.trace_id).slice(0, 60))}, ${moment(row.start_us)}, ${duration(row.duration_us)}</option>`)}
    </select></label></div>`;
}

function Both({ trace, other }) {
  const query = useQuery(`/api/v1/traces/${encodeURIComponent(other)}/waterfall`);
  return html`<${Loaded} query=${query}>${(second) => html`<${Differences} first=${trace} second=${second} />`}<//>`;
}

function Differences({ first, second }) {
  const rows = useMemo(() => stepsOf(first.columns, second.columns), [first, second]);
  const sums = [
    ["Took", (one) => one.end_us - one.start_us, duration],
    ["Cost", (one) => one.totals.cost_usd, usd],
    ["Tokens", (one) => tokenSum(one.totals.tokens), count],
    ["Model calls", (one) => one.totals.model_calls, count],
    ["Tool calls", (one) => one.totals.tool_calls, count],
    ["Spans", (one) => one.totals.spans, count],
    ["Failed", (one) => one.totals.errors, count],
  ];
  return html`
    <${Table} label="Sums of both traces" rows=${sums} keyOf=${([name]) => name} columns=${[
      { title: "Whole trace", cell: ([name]) => name },
      { title: "This", isNumber: true, cell: ([, value, format]) => format(value(first)) },
      { title: "Other", isNumber: true, cell: ([, value, format]) => format(value(second)) },
      { title: "Difference", isNumber: true, cell: ([, value, format]) => change(value(first), value(second), format) },
    ]} />
    <${Table} label="Steps of both traces" rows=${rows.slice(0, ROWS_MOST)} keyOf=${(row) => row.name} columns=${[
      { title: "Step", cell: (row) => html`<span class="name">${shown(row.name)}</span>
          ${row.failed[0] !== row.failed[1] && html` <span class="badge bad">failed ${row.failed[0]} and ${row.failed[1]} times</span>`}` },
      { title: "Times", isNumber: true, cell: (row) => `${row.times[0]} / ${row.times[1]}` },
      { title: "This", isNumber: true, cell: (row) => (row.times[0] ? duration(row.took[0]) : "–") },
      { title: "Other", isNumber: true, cell: (row) => (row.times[1] ? duration(row.took[1]) : "–") },
      { title: "Difference", isNumber: true, cell: (row) => change(row.took[0], row.took[1], duration) },
    ]} />
    <p><${Link} to=${["trace", second.trace_id]}>Open the other trace<//></p>`;
}

// What spans of one name took together in each trace, the largest difference first.
export function stepsOf(first, second) {
  const steps = new Map();
  [first, second].forEach((columns, at) => {
    columns.name.forEach((name, place) => {
      if (columns.marks[place] & MARK.duplicate) return;
      const step = steps.get(name) ?? { name, times: [0, 0], took: [0, 0], failed: [0, 0] };
      step.times[at] += 1;
      step.took[at] += columns.duration_us[place];
      step.failed[at] += columns.marks[place] & MARK.error ? 1 : 0;
      steps.set(name, step);
    });
  });
  const size = (step) => Math.abs(step.took[0] - step.took[1]);
  return [...steps.values()].sort((one, other) => size(other) - size(one));
}

function change(one, other, format) {
  if (one === null || other === null || one === other) return "–";
  return `${one > other ? "+" : "−"}${format(Math.abs(one - other))}`;
}
