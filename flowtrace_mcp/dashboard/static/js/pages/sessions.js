// All sessions, newest first, and as they go on.
import { count, duration, shown, tokenSum, usd } from "../format.js";
import { useEvent, usePages } from "../query.js";
import { Link } from "../router.js";
import { Errors, Head, isLive, More, Name, useNow, When } from "../ui/bits.js";
import { sinceOf, TextFilter, TimeFilter } from "../ui/filters.js";
import { Table } from "../ui/lists.js";
import { Empty, Loaded } from "../ui/states.js";
import { html, useEffect, useMemo, useState } from "../view.js";

export function sessionColumns(now) {
  return [
    {
      title: "Session",
      cell: (row) => html`<${Link} to=${["session", row.session]}>
        <span class="name">
          <span class="dot ${isLive(row, now) ? "" : "past"}"></span>${shown(row.agent ?? row.session)}
        </span>
      <//>
      ${row.agent && html`<span class="soft mono name">${shown(row.session)}</span>`}`,
    },
    { title: "Project", canHide: true, cell: (row) => html`<${Name} text=${row.project} />` },
    { title: "Last", cell: (row) => html`<${When} us=${row.end_us} now=${now} />` },
    {
      title: "Lasted",
      isNumber: true,
      canHide: true,
      cell: (row) => duration(row.end_us - row.start_us),
    },
    {
      title: "Calls",
      isNumber: true,
      canHide: true,
      cell: (row) => `${count(row.totals.model_calls)} / ${count(row.totals.tool_calls)}`,
    },
    { title: "Tokens", isNumber: true, cell: (row) => count(tokenSum(row.totals.tokens)) },
    { title: "Cost", isNumber: true, cell: (row) => usd(row.totals.cost_usd) },
    { title: "Errors", canHide: true, cell: (row) => html`<${Errors} number=${row.totals.errors} />` },
  ];
}

// Rows of an answer with what the stream has told of them since; new ones come first.
export function useLiveRows(items, kind, keyOf, isWanted) {
  const [told, setTold] = useState(new Map());
  useEffect(() => setTold(new Map()), [items === null]);
  useEvent(kind, (row) => setTold((last) => new Map(last).set(keyOf(row), row)));
  return useMemo(() => {
    if (items === null) return null;
    const known = new Set(items.map(keyOf));
    const fresh = [...told.values()].filter((row) => !known.has(keyOf(row)) && isWanted(row));
    fresh.sort((one, other) => other.start_us - one.start_us);
    return [...fresh, ...items.map((row) => told.get(keyOf(row)) ?? row)];
  }, [items, told]);
}

export default function Sessions({ params }) {
  const now = useNow();
  const since = sinceOf(params.time);
  const pages = usePages("/api/v1/sessions", { project: params.project, since, limit: 50 });
  const rows = useLiveRows(
    pages.items,
    "session",
    (row) => row.session,
    (row) => row.start_us >= (since ?? 0) && (!params.project || row.project === params.project),
  );
  return html`<${Head} title="Sessions">
      <div class="filters">
        <${TextFilter} name="project" label="Project" value=${params.project} />
        <${TimeFilter} value=${params.time} />
      </div>
    <//>
    <${Loaded} query=${pages}>${() =>
      rows.length
        ? html`<${Table} label="Sessions" columns=${sessionColumns(now)} rows=${rows}
              keyOf=${(row) => row.session} />
            <${More} pages=${pages} />`
        : html`<${NoSessions} isFiltered=${params.project || params.time} />`}
    <//>`;
}

export function NoSessions({ isFiltered }) {
  if (isFiltered) {
    return html`<${Empty} title="No session matches">
      <p><${Link} to=${["sessions"]}>Show all sessions<//></p>
    <//>`;
  }
  return html`<${Empty} title="No agent has been seen yet">
    <p>A session appears here as soon as an agent sends telemetry or runs a hook. To connect one:</p>
    <pre>flowtrace install claude-code</pre>
    <p class="soft">Any program with an OpenTelemetry SDK may send to 127.0.0.1:4318.</p>
  <//>`;
}
