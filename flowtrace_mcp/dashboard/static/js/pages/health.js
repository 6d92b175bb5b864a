// How Flowtrace itself is: storage, ports, model, what agents lack; retention and backups.
import { ask, headers, post, remove } from "../api.js";
import { bytes, count, moment, shown } from "../format.js";
import { useQuery } from "../query.js";
import { Figure, Head } from "../ui/bits.js";
import { Confirm, save, useAction } from "../ui/actions.js";
import { Table } from "../ui/lists.js";
import { Empty, Loaded } from "../ui/states.js";
import { html, useRef, useState } from "../view.js";

export default function Health() {
  const query = useQuery("/api/v1/status");
  return html`<${Head} title="Health and settings"><button onClick=${query.reload}>Look again</button><//>
    <${Loaded} query=${query}>${(status) => html`<${Status} status=${status} />`}<//>
    <${Retention} />
    <${Backups} />`;
}

function Status({ status }) {
  const { store, listener } = status;
  const problems = [...(listener.problems ?? []), ...(status.problems ?? [])];
  const lacking = Object.entries(status.switch_on ?? {});
  return html`
    ${problems.map((problem) => html`<p key=${problem} class="note bad">${shown(problem)}</p>`)}
    <div class="cards">
      <${Figure} name="Health" aside="version ${status.version}">
        <span class=${status.health === "ok" ? "good" : "bad"}>${status.health}</span><//>
      <${Figure} name="File" aside="${bytes(store.log_bytes)} of log beside it">${bytes(store.file_bytes)}<//>
      <${Figure} name="Spans" aside="${count(store.trace_count)} traces, ${count(store.session_count)} sessions">${count(store.span_count)}<//>
      <${Figure} name="Memories" aside=${status.pending_embeddings ? `${status.pending_embeddings} wait for vectors` : "all have vectors"}>${count(store.memory_count)}<//>
      <${Figure} name="Log records" aside="${count(store.metric_point_count)} metric points">${count(store.log_count)}<//>
      <${Figure} name="Model" aside=${status.embedder_state}>${shown(status.embedder)}<//>
    </div>
    <section class="card" aria-label="Ports"><h2>Ports</h2><dl class="facts">
      <dt>REST, MCP, dashboard</dt><dd class="mono">${listener.rest_port ?? "nobody listens"}</dd>
      <dt>OTLP over HTTP</dt><dd class="mono">${listener.otlp_http_port ?? "nobody listens"}</dd>
      <dt>OTLP over gRPC</dt><dd class="mono">${listener.otlp_grpc_port ?? "nobody listens"}</dd>
      <dt>Process</dt><dd class="mono">${listener.owner_pid ?? "–"}</dd>
    </dl></section>
    ${lacking.length > 0 && html`<section class="card" aria-label="Agents"><h2>What agents have still to switch on</h2>
      ${lacking.map(([agent, what]) => html`<div key=${agent} class="stack"><h3>${shown(agent)}</h3>
        <pre class="text" tabindex="0">${shown(typeof what === "string" ? what : [what].flat().join("\n"))}</pre></div>`)}
    </section>`}`;
}

function Retention() {
  const query = useQuery("/api/v1/admin/retention");
  const [days, setDays] = useState("");
  const action = useAction(query.reload);
  const put = (rule) => action.run(() => post("/api/v1/admin/retention", rule), "Done.");
  const set = (event) => {
    event.preventDefault();
    put({ days: Number(days) });
  };
  return html`<section class="card" aria-label="Retention"><h2>Retention</h2>
    <p class="soft">How long what agents did is kept. Memories are kept always.</p>
    <${Loaded} query=${query} rows=${2}>${({ rules }) => html`
      ${rules.length
        ? html`<${Table} label="Rules" rows=${rules} keyOf=${(row) => `${row.project}-${row.sensitivity}`} columns=${[
            { title: "Project", cell: (row) => shown(row.project ?? "–") },
            { title: "Days", isNumber: true, cell: (row) => row.days ?? "–" },
            { title: "At most", isNumber: true, cell: (row) => (row.bytes === null ? "–" : bytes(row.bytes)) },
          ]} />`
        : html`<p>Everything is kept: no rule is set.</p>`}
      <form class="filters" onSubmit=${set}>
        <label>Keep for <input type="number" min="0" value=${days} onInput=${(event) => setDays(event.target.value)} /> days</label>
        <button disabled=${!days.trim()}>Set for all projects</button>
        ${rules.length > 0 && html`<button type="button" onClick=${() => put({})}>Remove the rule for all</button>`}
        <${Confirm} label="Run the rules now" question="Spans that are older than the rules go for good."
          run=${() => action.run(() => post("/api/v1/admin/retention/run"), (done) => `${count(done.deleted_spans)} spans have gone.`)} />
      </form>
      ${action.note}`}<//>
  </section>`;
}

function Backups() {
  const query = useQuery("/api/v1/admin/backups");
  const action = useAction(query.reload);
  const base = "/api/v1/admin/backups";
  const download = (row) => action.run(() => save(`${base}/${row.backup_id}/export`, `${row.backup_id}.zip`), "The download is in your browser.");
  return html`<section class="card" aria-label="Backups"><h2>Backups</h2>
    <div class="filters">
      <button class="primary" disabled=${action.isBusy}
        onClick=${() => action.run(() => post("/api/v1/admin/backup", { compress: true }), "The backup is made.")}>Make a backup</button>
      <${Upload} action=${action} />
    </div>
    ${action.note}
    <${Loaded} query=${query} rows=${2}>${({ backups }) =>
      backups.length
        ? html`<${Table} label="Backups" rows=${backups} keyOf=${(row) => row.backup_id} columns=${[
            { title: "Backup", cell: (row) => html`<span class="mono name">${shown(row.backup_id)}</span>` },
            { title: "Made", cell: (row) => moment(row.created_at * 1_000_000) },
            { title: "Size", isNumber: true, canHide: true, cell: (row) => bytes(row.size_bytes) },
            {
              title: "Do",
              cell: (row) => html`<span class="filters">
                <button onClick=${() => download(row)}>Download</button>
                <${Confirm} label="Restore" question="The backup takes the place of everything. The present state is kept as a backup first."
                  run=${() => action.run(() => post(`${base}/${row.backup_id}/restore`), "The backup is restored.")} />
                <${Confirm} label="Delete" question="The backup goes for good." isDanger=${true}
                  run=${() => action.run(() => remove(`${base}/${row.backup_id}`), "The backup is deleted.")} />
              </span>`,
            },
          ]} />`
        : html`<${Empty} title="There is no backup yet"><p class="soft">One is made while agents work, in seconds.</p><//>`}<//>
  </section>`;
}

function Upload({ action }) {
  const input = useRef(null);
  const send = async () => {
    const [file] = input.current.files;
    if (!file) return;
    const options = { method: "POST", headers: headers({ "Content-Type": "application/zip" }), body: file };
    await action.run(() => ask("/api/v1/admin/backups/import", options), "The file is taken in; restore it below.");
    input.current.value = "";
  };
  return html`<label class="button">Take one in
    <input class="unseen" type="file" accept=".zip" ref=${input} onChange=${send} /></label>`;
}
