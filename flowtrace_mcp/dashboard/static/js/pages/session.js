// One session: its sums, and its traces.
import { count, duration, moment, shown, tokenSum, usd } from "../format.js";
import { useEvent, useQuery, useSoon } from "../query.js";
import { Link } from "../router.js";
import { Figure, Head, useNow } from "../ui/bits.js";
import { Table } from "../ui/lists.js";
import { Loaded } from "../ui/states.js";
import { html } from "../view.js";
import { traceColumns } from "./traces.js";

const RELOAD_MS = 1000;

export default function Session({ parts }) {
  const [name] = parts;
  const now = useNow();
  const query = useQuery(`/api/v1/sessions/${encodeURIComponent(name)}`);
  const reloadSoon = useSoon(query.reload, RELOAD_MS);
  useEvent("session", (row) => row.session === name && reloadSoon());
  return html`<${Loaded} query=${query}>${(session) => html`
    <${Head} title=${shown(session.agent ?? "Session")}
      above=${html`<p class="soft"><${Link} to=${["sessions"]}>Sessions<//> / <span class="mono">${shown(name)}</span></p>`} />
    <${Sums} session=${session} />
    <${Table} label="Traces of this session" columns=${traceColumns(now)}
      rows=${session.traces.map(asRow)} keyOf=${(row) => row.trace_id} />
  `}<//>`;
}

function Sums({ session }) {
  const { totals } = session;
  return html`<div class="cards">
    <${Figure} name="Cost" aside=${session.unpriced_calls ? `${session.unpriced_calls} calls have no known price` : null}>
      ${usd(totals.cost_usd)}<//>
    <${Figure} name="Tokens" aside="${count(totals.tokens.output)} out, ${count(totals.tokens.cache_read)} from cache">
      ${count(tokenSum(totals.tokens))}<//>
    <${Figure} name="Calls" aside="of models; ${count(totals.tool_calls)} of tools">${count(totals.model_calls)}<//>
    <${Figure} name="Lasted" aside=${moment(session.start_us)}>${duration(session.end_us - session.start_us)}<//>
    <${Figure} name="Failed" aside="of ${count(totals.spans)} spans">${count(totals.errors)}<//>
  </div>`;
}

function asRow(trace) {
  return { ...trace, name: trace.prompt ?? null, duration_us: trace.end_us - trace.start_us };
}
