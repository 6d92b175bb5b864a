// What agents do now, what today has cost, and whether that is usual.
import { count, daysAgo, duration, nowUs, shown, startOfDay, tokenSum, usd } from "../format.js";
import { useEvent, useQuery, useSoon } from "../query.js";
import { Link } from "../router.js";
import { Errors, Figure, Head, isLive, useNow, When } from "../ui/bits.js";
import { Chart } from "../ui/chart.js";
import { Failed, Loaded } from "../ui/states.js";
import { html, useMemo, useState } from "../view.js";
import { NoSessions, useLiveRows } from "./sessions.js";

const USUAL_DAYS = 7;
const HOUR_US = 3_600_000_000;
const RELOAD_MS = 5000;
const SHOWN_PAST = 5;
const WINDOW_S = 86_400;
const BAD = ["critical", "high"];

export default function Now() {
  const now = useNow(2000);
  const sessions = useQuery("/api/v1/sessions", { limit: 30 });
  const rows = useLiveRows(sessions.data?.items ?? null, "session", (row) => row.session, () => true);
  const doing = useDoing();
  return html`<${Head} title="Now" />
    <${Today} />
    ${sessions.data && html`<${Insights} />`}
    <${Loaded} query=${sessions}>${() => {
      if (!rows.length) return html`<${NoSessions} />`;
      const live = rows.filter((row) => isLive(row, now)).sort((one, other) => other.end_us - one.end_us);
      const past = rows.filter((row) => !live.includes(row)).slice(0, SHOWN_PAST);
      return html`
        <section class="stack" aria-label="At work">
          <h2>At work</h2>
          ${live.length
            ? html`<ul class="sessions">${live.map(
                (row) => html`<${Session} key=${row.session} row=${row} latest=${doing.get(row.session)} now=${now} />`,
              )}</ul>`
            : html`<p class="soft">No agent has been heard of in the last minute and a half.</p>`}
        </section>
        ${past.length > 0 && html`<section class="stack" aria-label="Lately">
          <h2>Lately</h2>
          <ul class="sessions">${past.map(
            (row) => html`<${Session} key=${row.session} row=${row} now=${now} />`,
          )}</ul>
          <p><${Link} to=${["sessions"]}>All sessions<//></p>
        </section>`}`;
    }}<//>`;
}

// What each session's last trace came to last, as far as the stream has told.
function useDoing() {
  const [doing, setDoing] = useState(new Map());
  useEvent("trace", (row) => {
    if (row.session && row.latest) {
      setDoing((last) => new Map(last).set(row.session, { ...row.latest, trace_id: row.trace_id }));
    }
  });
  return doing;
}

function Session({ row, latest, now }) {
  const live = isLive(row, now);
  return html`<li class="card session">
    <div class="row spread">
      <${Link} to=${["session", row.session]}>
        <span class="dot ${live ? "" : "past"}"></span><strong>${shown(row.agent ?? row.session)}</strong>
      <//>
      <span class="soft"><${When} us=${row.end_us} now=${now} /></span>
    </div>
    <p class="soft name">${row.project ? shown(row.project) : html`<span class="mono">${shown(row.session)}</span>`}</p>
    ${latest && html`<p class="name">
      <${Link} to=${["trace", latest.trace_id]} params=${{ span: latest.span_id }}>${shown(latest.display)}<//>
      ${latest.status === "error" && html` <span class="badge bad">failed</span>`}
      <span class="soft"> ${duration(latest.duration_us)}</span>
    </p>`}
    <p class="row figures">
      <span>${usd(row.totals.cost_usd)}</span>
      <span>${count(tokenSum(row.totals.tokens))} tokens</span>
      <span>${count(row.totals.model_calls)} calls</span>
      <span>${count(row.totals.tool_calls)} tools</span>
      <${Errors} number=${row.totals.errors} />
    </p>
  </li>`;
}

function Today() {
  const since = daysAgo(USUAL_DAYS);
  const query = useQuery("/api/v1/analytics/timeseries", { step: "hour", since });
  const reloadSoon = useSoon(query.reload, RELOAD_MS);
  useEvent("trace", reloadSoon);
  const items = query.data?.items;
  const sums = useMemo(() => (items ? against(items) : null), [items]);
  const chart = useMemo(() => (items ? lastHours(items) : null), [items]);
  if (query.data === null) return query.error ? html`<${Failed} error=${query.error} retry=${query.reload} />` : null;
  return html`
    <section class="cards" aria-label="Today">
      <${Versus} name="Cost today" of="usd" sums=${sums} format=${usd} />
      <${Versus} name="Tokens today" of="tokens" sums=${sums} format=${count} />
      <${Versus} name="Model calls today" of="calls" sums=${sums} format=${count} />
      <${Versus} name="Failed today" of="errors" sums=${sums} format=${count} />
    </section>
    ${items.length > 0 && html`<${Chart} title="Cost of the last 24 hours" times=${chart.times} series=${chart.series} format=${usd} />`}`;
}

// What is out of the ordinary lately, the gravest first; nothing where all is as usual.
function Insights() {
  const query = useQuery("/api/v1/insights", { window_seconds: WINDOW_S, min_severity: "medium", limit: 5 });
  const insights = query.data?.insights ?? [];
  if (!insights.length) return null;
  return html`<section class="stack" aria-label="Out of the ordinary">
    <h2>Out of the ordinary</h2>
    ${insights.map(
      (one) => html`<p key=${one.id} class="note ${BAD.includes(one.severity) ? "bad" : ""}">
        <strong>${shown(one.summary)}</strong> <span>${shown(one.description)}</span>
        ${one.related_trace_ids.length > 0 && html`<${Link} to=${["trace", one.related_trace_ids[0]]}>A trace of it<//>`}</p>`,
    )}
  </section>`;
}

function Versus({ name, of, sums, format }) {
  const usual = sums.usual[of];
  const about = usual === null ? "nothing to compare with yet" : `usually ${format(usual)} by this time`;
  return html`<${Figure} name=${name} aside=${about}>${format(sums.today[of])}<//>`;
}

// The sums of today, and the median of the same hours of the days before in which anything was done.
export function against(items, now = nowUs()) {
  const start = startOfDay(now);
  const sinceMidnight = now - start;
  const days = new Map();
  for (const item of items) {
    const begun = startOfDay(item.time_us);
    if (item.time_us - begun > sinceMidnight) continue;
    const sum = days.get(begun) ?? { usd: 0, tokens: 0, calls: 0, errors: 0 };
    sum.usd += item.usd ?? 0;
    sum.tokens += (item.input ?? 0) + (item.output ?? 0);
    sum.calls += item.calls ?? 0;
    sum.errors += item.errors ?? 0;
    days.set(begun, sum);
  }
  const today = days.get(start) ?? { usd: 0, tokens: 0, calls: 0, errors: 0 };
  days.delete(start);
  const names = Object.keys(today);
  const past = [...days.values()];
  const usual = Object.fromEntries(names.map((name) => [name, median(past.map((sum) => sum[name]))]));
  return { today, usual };
}

function median(numbers) {
  if (!numbers.length) return null;
  const sorted = [...numbers].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function lastHours(items, now = nowUs()) {
  const last = now - (now % HOUR_US);
  const times = Array.from({ length: 24 }, (_, at) => last - (23 - at) * HOUR_US);
  const known = new Map(items.map((item) => [item.time_us, item.usd ?? 0]));
  const values = times.map((time) => known.get(time) ?? 0);
  return { times, series: [{ name: "Cost", values, colour: "accent" }] };
}
