// What may be spent: how far each budget is, one more, one less.
import { post, remove } from "../api.js";
import { count, shown, usd } from "../format.js";
import { useQuery } from "../query.js";
import { html, useState } from "../view.js";
import { Confirm, useAction } from "./actions.js";
import { Table } from "./lists.js";
import { Loaded } from "./states.js";

const PERIODS = { daily: "a day", weekly: "a week", monthly: "a month", hourly: "an hour", total: "in all" };
const NEW = { name: "", amount: "", period: "monthly", unit: "usd", project: "" };
const BASE = "/api/v1/budget/alerts";

export function Budgets() {
  const query = useQuery("/api/v1/budget/status");
  const action = useAction(query.reload);
  return html`<section class="card" aria-label="Budgets"><h2>Budgets</h2>
    <${Loaded} query=${query} rows=${2}>${({ items }) => html`
      ${items.length
        ? html`<${Rows} budgets=${items} action=${action} />`
        : html`<p class="soft">There is none. Who spends more than a budget allows is told; nothing is stopped unless you say so on the command line.</p>`}
      <${Add} action=${action} />
      ${action.note}
    `}<//>
  </section>`;
}

function Rows({ budgets, action }) {
  const amount = (row, number) => (row.unit === "usd" ? usd(number) : `${count(number)} ${row.unit}`);
  return html`<${Table} label="Budgets" rows=${budgets} keyOf=${(row) => row.id} columns=${[
    { title: "Budget", cell: (row) => html`<span class="name">${shown(row.name)}</span>` },
    { title: "Period", canHide: true, cell: (row) => row.period },
    { title: "Spent", isNumber: true, cell: (row) => amount(row, row.spent) },
    { title: "Of", isNumber: true, cell: (row) => amount(row, row.amount) },
    { title: "Used", isNumber: true, cell: (row) => html`<span class=${row.percent >= 100 ? "bad" : ""}>${row.percent} %</span>` },
    {
      title: "Do",
      cell: (row) => html`<${Confirm} label="Remove" isDanger=${true} question="Nobody is told any more when it is spent."
        run=${() => action.run(() => remove(`${BASE}/${encodeURIComponent(row.id)}`), "The budget is removed.")} />`,
    },
  ]} />`;
}

function Add({ action }) {
  const [told, setTold] = useState(NEW);
  const set = (name) => (event) => setTold({ ...told, [name]: event.target.value });
  const add = (event) => {
    event.preventDefault();
    const body = { ...told, amount: Number(told.amount), project: told.project.trim() || null };
    action.run(() => post(BASE, body), "The budget is set.").then(() => setTold(NEW));
  };
  return html`<form class="filters" onSubmit=${add}>
    <label>Name <input required value=${told.name} onInput=${set("name")} /></label>
    <label>At most <input required type="number" min="0" step="any" value=${told.amount} onInput=${set("amount")} /></label>
    <label><span class="unseen">Unit</span><select value=${told.unit} onChange=${set("unit")}>
      <option value="usd">USD</option><option value="tokens">tokens</option></select></label>
    <label><span class="unseen">Period</span><select value=${told.period} onChange=${set("period")}>
      ${Object.entries(PERIODS).map(([name, text]) => html`<option key=${name} value=${name}>${text}</option>`)}</select></label>
    <label>Only in project <input value=${told.project} onInput=${set("project")} /></label>
    <button disabled=${action.isBusy}>Set the budget</button>
  </form>`;
}
