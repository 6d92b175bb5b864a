// One trace: its sums, its waterfall, and the span that is looked at.
import { count, duration, moment, shown, tokenSum, usd } from "../format.js";
import { useEvent, useQuery, useSoon } from "../query.js";
import { Link, setParams } from "../router.js";
import { Errors, Head } from "../ui/bits.js";
import { Loaded } from "../ui/states.js";
import { html, useMemo } from "../view.js";
import { Compare } from "../trace/compare.js";
import { Details } from "../trace/details.js";
import { Graph } from "../trace/graph.js";
import { MARK, treeOf } from "../trace/tree.js";
import { Waterfall } from "../trace/waterfall.js";

const RELOAD_MS = 1000;
const VIEWS = { "": "Waterfall", graph: "Graph", compare: "Compare" };

export default function Trace({ parts, params }) {
  const [traceId] = parts;
  const query = useQuery(`/api/v1/traces/${encodeURIComponent(traceId)}/waterfall`);
  const reloadSoon = useSoon(query.reload, RELOAD_MS);
  useEvent("trace", (row) => row.trace_id === traceId && reloadSoon());
  return html`<${Loaded} query=${query} rows=${12}>${(trace) => html`<${Shown} trace=${trace} params=${params} />`}<//>`;
}

function Shown({ trace, params }) {
  const tree = useMemo(() => treeOf(trace.columns), [trace]);
  const place = params.span ? trace.columns.span_id.indexOf(params.span) : -1;
  const chosen = place < 0 ? null : place;
  const choose = (at) => setParams({ span: trace.columns.span_id[at] });
  const close = () => setParams({ span: "" });
  const view = VIEWS[params.view] ? params.view : "";
  return html`
    <${TraceHead} trace=${trace} />
    <nav class="tabs" aria-label="Views of the trace">${Object.entries(VIEWS).map(
      ([name, title]) => html`<${Link} key=${name} to=${["trace", trace.trace_id]}
        params=${{ ...params, view: name }} aria-current=${name === view ? "page" : undefined}>${title}<//>`,
    )}</nav>
    ${view === "compare" ? html`<${Compare} trace=${trace} other=${params.with} />` : null}
    <div class="trace-view ${chosen === null ? "" : "with-details"}" hidden=${view === "compare"}>
      <div class="stack">
        ${view === "graph" && html`<${Graph} tree=${tree} traceId=${trace.trace_id} chosen=${chosen} choose=${choose} />`}
        ${view === "" && html`<${Waterfall} tree=${tree} chosen=${chosen} choose=${choose} />`}
        <${Keys} tree=${tree} choose=${choose} />
      </div>
      ${chosen !== null &&
      html`<${Details} key=${params.span} traceId=${trace.trace_id} spanId=${params.span}
        marks=${trace.columns.marks[chosen]} close=${close} />`}
    </div>`;
}

function TraceHead({ trace }) {
  const { totals } = trace;
  const name = trace.prompt ?? trace.columns.name[0] ?? trace.trace_id;
  return html`<${Head} title=${shown(name.length > 140 ? `${name.slice(0, 140)}…` : name)}
      above=${html`<p class="soft"><${Link} to=${["traces"]}>Traces<//>
        ${trace.session && html` / <${Link} to=${["session", trace.session]}>${shown(trace.agent ?? trace.session)}<//>`}
        / <span class="mono">${trace.trace_id}</span></p>`} />
    <p class="row soft">
      <span>${moment(trace.start_us)}</span>
      <span>${duration(trace.end_us - trace.start_us)}</span>
      <span>${count(totals.spans)} spans</span>
      <span>${count(totals.model_calls)} model calls</span>
      <span>${count(totals.tool_calls)} tool calls</span>
      <span>${count(tokenSum(totals.tokens))} tokens</span>
      <span>${usd(totals.cost_usd)}${trace.unpriced_calls ? ` and ${trace.unpriced_calls} calls without a known price` : ""}</span>
      <${Errors} number=${totals.errors} />
    </p>`;
}

function Keys({ tree, choose }) {
  const firstError = tree.columns.marks.findIndex((mark) => mark & MARK.error);
  return html`<p class="row soft legend">
    ${["agent", "model", "tool", "find", "net", "other"].map(
      (kind) => html`<span key=${kind}><span class="wf-kind ${kind}"></span>${LEGEND[kind]}</span>`,
    )}
    <span><span class="wf-mark critical"></span>critical path</span>
    ${firstError >= 0 && html`<button onClick=${() => choose(firstError)}>First failure</button>`}
    <span class="can-hide">Keys: ↑ ↓ move, ← → fold, Enter opens, e next failure</span>
  </p>`;
}

const LEGEND = {
  agent: "agent",
  model: "model",
  tool: "tool",
  find: "search",
  net: "network, database",
  other: "other",
};
