// What is remembered: asked as an agent asks, or all of it; one memory with its history.
import { ask, headers, post } from "../api.js";
import { moment, nowUs, shown } from "../format.js";
import { useQuery } from "../query.js";
import { Link, setParams } from "../router.js";
import { Confirm, save, useAction } from "../ui/actions.js";
import { Head, Name, useNow, When } from "../ui/bits.js";
import { TextFilter } from "../ui/filters.js";
import { Table } from "../ui/lists.js";
import { Markdown } from "../ui/markdown.js";
import { Empty, Loaded } from "../ui/states.js";
import { html, useCallback, useEffect, useState } from "../view.js";

const SHOWN_MOST = 500;

export default function Memory({ params }) {
  const all = useAll();
  const [turn, setTurn] = useState(0);
  const changed = useCallback(() => {
    all.reload();
    setTurn((last) => last + 1);
  }, [all.reload]);
  const asked = useAnswer(params, turn);
  return html`<${Head} title="Memory">
      <div class="filters">
        <${TextFilter} name="q" label="Ask" value=${params.q} />
        <label><input type="checkbox" checked=${params.strict === "1"}
          onChange=${(event) => setParams({ strict: event.target.checked ? "1" : "" }, {})} /> only what answers</label>
        <${ProjectFilter} query=${all} value=${params.project} />
        <button onClick=${() => save("/api/v1/memories/export?all=true", "memories.jsonl")}>Export all</button>
      </div>
    <//>
    <div class="trace-view ${params.id ? "with-details" : ""}">
      <div class="stack">
        ${params.q
          ? html`<${Answer} asked=${asked} params=${params} />`
          : html`<${All} query=${all} params=${params} />`}
      </div>
      ${params.id && html`<${One} key=${params.id} id=${params.id} project=${params.of ?? params.project} changed=${changed} />`}
    </div>`;
}

// Every memory, newest first, and the projects there are: the lines of an export.
function useAll() {
  const [state, setState] = useState({ data: null, error: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let isGone = false;
    read("/api/v1/memories/export?all=true").then(
      (data) => isGone || setState({ data, error: null }),
      (error) => isGone || setState((last) => ({ ...last, error })),
    );
    return () => {
      isGone = true;
    };
  }, [turn]);
  return { ...state, reload: useCallback(() => setTurn((last) => last + 1), []) };
}

async function read(path) {
  const text = await (await ask(path, { headers: headers() })).text();
  const lines = text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const memories = lines.filter((line) => line.type === "memory");
  memories.sort((one, other) => other.recorded_us - one.recorded_us);
  return { memories, projects: lines.filter((line) => line.type === "project") };
}

function useAnswer({ q, project, strict }, turn) {
  const [state, setState] = useState({ data: null, error: null });
  const [again, setAgain] = useState(0);
  useEffect(() => {
    if (!q) return undefined;
    let isGone = false;
    post("/api/v1/memories/recall", { query: q, project, strict: strict === "1", limit: 30, budget: 4000 }).then(
      (data) => isGone || setState({ data, error: null }),
      (error) => isGone || setState({ data: null, error }),
    );
    return () => {
      isGone = true;
    };
  }, [q, project, strict, turn, again]);
  return { ...state, reload: () => setAgain((last) => last + 1) };
}

function ProjectFilter({ query, value }) {
  const projects = query.data?.projects ?? [];
  return html`<label>Project
    <select value=${value ?? ""} onChange=${(event) => setParams({ project: event.target.value, id: "" }, {})}>
      <option value="">${"any"}</option>
      ${projects.map((one) => html`<option key=${one.identity} value=${one.identity}>${shown(one.name)}</option>`)}
    </select></label>`;
}

function All({ query, params }) {
  const now = useNow();
  const isAll = params.retired === "1";
  return html`<${Loaded} query=${query}>${({ memories }) => {
    const wanted = memories.filter(
      (row) => (isAll || isInForce(row)) && (!params.project || row.project === params.project),
    );
    if (!memories.length) return html`<${NoMemories} />`;
    return html`
      <p class="filters"><label><input type="checkbox" checked=${isAll}
        onChange=${(event) => setParams({ retired: event.target.checked ? "1" : "" }, {})} /> also what was retired</label>
        <span class="soft">${wanted.length} memories</span></p>
      <${Table} label="Memories" rows=${wanted.slice(0, SHOWN_MOST)} keyOf=${(row) => row.id} columns=${[
        { title: "Memory", cell: (row) => html`<${ToMemory} id=${row.id} of=${row.project} params=${params} text=${row.content} />
            ${!isInForce(row) && html`<span class="badge">${shown(row.retraction ?? "retired")}</span>`}` },
        { title: "Kind", canHide: true, cell: (row) => html`<span class="badge">${row.kind}</span>` },
        { title: "Topic", canHide: true, cell: (row) => html`<${Name} text=${row.topic} />` },
        { title: "Noted", cell: (row) => html`<${When} us=${row.recorded_us} now=${now} />` },
      ]} />
      ${wanted.length > SHOWN_MOST && html`<p class="soft">Only the newest ${SHOWN_MOST} are listed; ask for others.</p>`}`;
  }}<//>`;
}

function isInForce(row) {
  return !row.retracted_us && (!row.valid_to_us || row.valid_to_us > nowUs());
}

function Answer({ asked, params }) {
  return html`<${Loaded} query=${asked}>${({ memories, more, reason }) =>
    memories.length
      ? html`<${Table} label="What an agent would be told" rows=${memories} keyOf=${(row) => row.id} columns=${[
            { title: "Memory", cell: (row) => html`<${ToMemory} id=${row.id} of=${params.project} params=${params} text=${row.text} />
                ${row.flag && html`<span class="badge warn">${row.flag}</span>`}` },
            { title: "Kind", canHide: true, cell: (row) => html`<span class="badge">${row.kind}</span>` },
            { title: "Score", isNumber: true, cell: (row) => row.score.toFixed(3) },
            { title: "Noted", canHide: true, cell: (row) => row.when },
          ]} />
          ${more > 0 && html`<p class="soft">${more} more are weaker.</p>`}`
      : html`<${Empty} title="Nothing is strong enough"><p>${reason}</p>
          ${!params.project && html`<p class="soft">Memories are asked for in one project: choose it above.</p>`}<//>`}<//>`;
}

function ToMemory({ id, of, params, text }) {
  return html`<${Link} to=${["memory"]} params=${{ ...params, id, of }}><span class="name">${shown(text)}</span><//>`;
}

function NoMemories() {
  return html`<${Empty} title="Nothing is remembered yet">
    <p>Agents remember by the tool <code>remember</code>. By hand:</p>
    <pre>flowtrace remember 'Staging runs Postgres 16' --kind fact --topic staging-db</pre>
  <//>`;
}

function One({ id, project, changed }) {
  const query = useQuery(`/api/v1/memories/${encodeURIComponent(id)}/history`, { project });
  const close = () => setParams({ id: "", of: "" });
  return html`<aside class="card details" aria-label="Memory">
    <${Loaded} query=${query}>${({ id: asked, items }) => {
      const one = items.find((item) => item.id === asked) ?? items[items.length - 1];
      return html`
        <div class="row spread"><h2>${shown(one.topic || one.kind)}</h2>
          <button class="plain" onClick=${close} aria-label="Close the memory">✕</button></div>
        <${Markdown} text=${one.text} />
        <${Facts} one=${one} />
        ${!one.superseded_by && html`<${Change} one=${one} project=${project} changed=${changed} />`}
        <${History} items=${items} />`;
    }}<//>
  </aside>`;
}

function Facts({ one }) {
  const facts = [
    ["Kind", one.kind], ["Scope", one.scope], ["State", one.state], ["Noted", moment(one.recorded_us)],
    ["By", [one.agent, one.author].filter(Boolean).join(", ")], ["Session", one.session],
    ["Tags", one.tags?.join(", ")], ["Files", one.files?.join(", ")], ["Changed since", one.changed?.join(", ")],
    ["Seen", one.seen ? `${one.seen} times` : ""],
  ];
  return html`<dl class="facts">
    ${facts.filter(([, value]) => value).map(([name, value]) => html`<dt key=${name}>${name}</dt><dd key="${name}-">${shown(value)}</dd>`)}
    ${one.span && html`<dt>Learnt in</dt><dd><${Link} to=${["trace", one.trace]} params=${{ span: one.span }}>span ${one.span}<//></dd>`}
  </dl>`;
}

function Change({ one, project, changed }) {
  const [text, setText] = useState(null);
  const action = useAction((answer) => {
    setText(null);
    const id = answer.results?.[0]?.id; // of a new version; what was forgotten stays in view
    if (id) setParams({ id });
    changed();
  });
  const keep = (event) => {
    event.preventDefault();
    const { kind, topic, scope, tags, files } = one;
    const body = { content: text, kind, topic, scope, tags, files, supersedes: one.id, project };
    action.run(() => post("/api/v1/memories", body), "A new version is kept.");
  };
  const forget = (hard) => action.run(() => post("/api/v1/memories/forget", { id: one.id, project, hard }), "It is forgotten.");
  return html`<div class="stack">
    ${text === null
      ? html`<div class="filters">
          <button onClick=${() => setText(one.text)}>Edit</button>
          <${Confirm} label="Forget" question="Agents are no longer told this. History keeps it." run=${() => forget(false)} />
          <${Confirm} label="Erase" isDanger=${true} question="The text goes for good, out of the indexes and the log as well."
            run=${() => forget(true)} />
        </div>`
      : html`<form class="stack" onSubmit=${keep}>
          <label class="stack"><span>New version</span>
            <textarea rows="6" value=${text} onInput=${(event) => setText(event.target.value)}></textarea></label>
          <div class="filters"><button class="primary" disabled=${!text.trim() || action.isBusy}>Keep as a new version</button>
            <button type="button" onClick=${() => setText(null)}>Leave it</button></div>
        </form>`}
    ${action.note}
  </div>`;
}

function History({ items }) {
  if (items.length < 2) return null;
  return html`<section class="stack"><h3>History</h3><ol class="history">
    ${items.map((item) => html`<li key=${item.id}>
      <p><span class="badge">${item.outcome}</span> <span class="soft">${moment(item.recorded_us)} · ${item.state}</span></p>
      <p class="text">${shown(item.text)}</p>
    </li>`)}
  </ol></section>`;
}
