// All traces, newest first, and as they go on.
import { count, duration, shown, tokenSum, usd } from "../format.js";
import { usePages } from "../query.js";
import { Link, setParams } from "../router.js";
import { Errors, Head, isLive, More, Name, useNow, When } from "../ui/bits.js";
import { sinceOf, TextFilter, TimeFilter } from "../ui/filters.js";
import { Table } from "../ui/lists.js";
import { Empty, Loaded } from "../ui/states.js";
import { html } from "../view.js";
import { NoSessions, useLiveRows } from "./sessions.js";

export function traceColumns(now) {
  return [
    {
      title: "Trace",
      cell: (row) => html`<${Link} to=${["trace", row.trace_id]}>
        <span class="name">
          <span class="dot ${isLive(row, now) ? "" : "past"}"></span>${shown(row.name ?? row.trace_id.slice(0, 12))}
        </span>
      <//>`,
    },
    { title: "Agent", canHide: true, cell: (row) => html`<${Name} text=${row.agent ?? row.service} />` },
    { title: "Project", canHide: true, cell: (row) => html`<${Name} text=${row.project} />` },
    { title: "Began", cell: (row) => html`<${When} us=${row.start_us} now=${now} />` },
    { title: "Took", isNumber: true, cell: (row) => duration(row.duration_us) },
    { title: "Spans", isNumber: true, canHide: true, cell: (row) => count(row.totals.spans) },
    { title: "Tokens", isNumber: true, canHide: true, cell: (row) => count(tokenSum(row.totals.tokens)) },
    { title: "Cost", isNumber: true, cell: (row) => usd(row.totals.cost_usd) },
    { title: "Errors", canHide: true, cell: (row) => html`<${Errors} number=${row.totals.errors} />` },
  ];
}

export default function Traces({ params }) {
  const now = useNow();
  const since = sinceOf(params.time);
  const { q, project, session, agent, model, tool } = params;
  const has_errors = params.failed === "1" ? "true" : undefined;
  const isSearch = Boolean(q || agent || model || tool || has_errors);
  const asked = { q, project, session, agent, model, tool, has_errors, since, limit: 50 };
  const pages = usePages("/api/v1/traces", asked);
  const rows = useLiveRows(
    pages.items,
    "trace",
    (row) => row.trace_id,
    // What the words of a search are about only the server can tell.
    (row) =>
      !isSearch &&
      row.start_us >= (since ?? 0) &&
      (!project || row.project === project) &&
      (!session || row.session === session),
  );
  const isFiltered = isSearch || project || session || params.time;
  return html`<${Head} title="Traces">
      <div class="filters">
        <${TextFilter} name="q" label="Search" value=${q} />
        <${TextFilter} name="project" label="Project" value=${project} />
        <${TextFilter} name="model" label="Model" value=${model} />
        <${TimeFilter} value=${params.time} />
        <label><input type="checkbox" checked=${params.failed === "1"}
          onChange=${(event) => setParams({ failed: event.target.checked ? "1" : "" }, {})} /> failed</label>
      </div>
    <//>
    <${Loaded} query=${pages}>${() => {
      if (rows.length) {
        return html`<${Table} label="Traces" columns=${traceColumns(now)} rows=${rows}
            keyOf=${(row) => row.trace_id} />
          <${More} pages=${pages} />`;
      }
      if (!isFiltered) return html`<${NoSessions} />`;
      return html`<${Empty} title="No trace matches">
        <p><${Link} to=${["traces"]}>Show all traces<//></p>
      <//>`;
    }}<//>`;
}
