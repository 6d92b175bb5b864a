// Filters that stand in the address bar.
import { daysAgo } from "../format.js";
import { setParams } from "../router.js";
import { html } from "../view.js";

const TIMES = [
  { name: "1", label: "Today", days: 0 },
  { name: "7", label: "7 days", days: 6 },
  { name: "30", label: "30 days", days: 29 },
  { name: "all", label: "All time", days: null },
];

// The start that a filter means, in microseconds, or undefined for all times.
export function sinceOf(name, fallback = "all") {
  const found = TIMES.find((one) => one.name === (name ?? fallback));
  return !found || found.days === null ? undefined : daysAgo(found.days);
}

export function TimeFilter({ value, fallback = "all", times = TIMES }) {
  return html`<label>Time
    <select value=${value ?? fallback}
      onChange=${(event) => setParams({ time: event.target.value }, {})}>
      ${times.map((one) => html`<option key=${one.name} value=${one.name}>${one.label}</option>`)}
    </select>
  </label>`;
}

export function TextFilter({ name, label, value }) {
  return html`<label>${label}
    <input type="search" value=${value ?? ""} spellcheck=${false} autocomplete="off"
      onChange=${(event) => setParams({ [name]: event.target.value.trim() }, {})} />
  </label>`;
}
