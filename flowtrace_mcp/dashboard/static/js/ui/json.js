// A value as JSON that opens and closes.
import { shown } from "../format.js";
import { html, useState } from "../view.js";

const SHOWN_ITEMS = 100;
const SHOWN_CHARACTERS = 2000;
const OPEN_DEPTH = 2;

export function Json({ value, depth = 0 }) {
  return html`<div class="json"><${Value} value=${value} depth=${depth} /></div>`;
}

function Value({ value, depth }) {
  if (value !== null && typeof value === "object") return html`<${Group} value=${value} depth=${depth} />`;
  if (typeof value === "string") return html`<${Text} text=${value} />`;
  return html`<span class="plain-value">${String(value)}</span>`;
}

function Text({ text }) {
  const [isWhole, setWhole] = useState(false);
  const isCut = !isWhole && text.length > SHOWN_CHARACTERS;
  return html`<span class="string">${shown(isCut ? text.slice(0, SHOWN_CHARACTERS) : text)}</span>
    ${isCut && html` <button class="plain" onClick=${() => setWhole(true)}>… ${text.length.toLocaleString("en")} characters</button>`}`;
}

function Group({ value, depth }) {
  const [limit, setLimit] = useState(SHOWN_ITEMS);
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH);
  const isList = Array.isArray(value);
  const entries = isList ? value.map((item, at) => [at, item]) : Object.entries(value);
  if (!entries.length) return html`<span class="soft">${isList ? "[]" : "{}"}</span>`;
  const left = entries.length - limit;
  return html`<details open=${isOpen} onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary class="soft">${isList ? `[${entries.length}]` : `{${entries.length}}`}</summary>
    ${isOpen && html`<div>
      ${entries.slice(0, limit).map(
        ([key, item]) => html`<div key=${key}>
          <span class="key">${shown(key)}</span>: <${Value} value=${item} depth=${depth + 1} />
        </div>`,
      )}
      ${left > 0 && html`<button class="plain" onClick=${() => setLimit(limit + SHOWN_ITEMS)}>${left} more</button>`}
    </div>`}
  </details>`;
}
