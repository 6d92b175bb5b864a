// Markdown as agents write it, made of nodes: no text ever becomes markup, and a link leads to the web or
// is no link.
import { shown } from "../format.js";
import { html, useState } from "../view.js";

const LONG = 12_000; // characters that are shown at once
const INLINE = /(`[^`\n]+`)|\*\*([^*\n]+)\*\*|\*([^*\s][^*\n]*)\*|\[([^\]\n]+)\]\(([^)\s]+)\)/g;
const FENCE = /^\s*(```|~~~)/;
const HEADING = /^(#{1,6})\s+(.*)$/;
const ITEM = /^\s*(?:[-*+]|\d{1,4}[.)])\s+(.*)$/;

export function Markdown({ text }) {
  return html`<${Long} text=${String(text)}>${(part) => html`<div class="md">
    ${blocks(part).map(block)}
  </div>`}<//>`;
}

// A text of which the beginning is shown, until somebody wants all.
export function Long({ text, children }) {
  const [isWhole, setWhole] = useState(false);
  if (isWhole || text.length <= LONG) return children(text);
  return html`${children(text.slice(0, LONG))}
    <button onClick=${() => setWhole(true)}>Show all ${text.length.toLocaleString("en")} characters</button>`;
}

export function Plain({ text }) {
  return html`<${Long} text=${String(text)}>${(part) => html`<pre class="text" tabindex="0">${shown(part)}</pre>`}<//>`;
}

function blocks(text) {
  const found = [];
  let open = null;
  for (const line of text.split(/\r?\n/)) {
    if (FENCE.test(line)) {
      if (open?.kind === "code") open = null;
      else found.push((open = { kind: "code", lines: [] }));
    } else if (open?.kind === "code") open.lines.push(line);
    else open = plainLine(line, open, found);
  }
  return found;
}

function plainLine(line, open, found) {
  if (!line.trim()) return null;
  const heading = HEADING.exec(line);
  if (heading) {
    found.push({ kind: "heading", text: heading[2] });
    return null;
  }
  const kind = ITEM.test(line) ? "list" : "text";
  if (open?.kind === "list" && kind === "text") {
    open.lines[open.lines.length - 1] += `\n${line.trim()}`;
    return open;
  }
  const block = open?.kind === kind ? open : { kind, lines: [], isNumbered: /^\s*\d/.test(line) };
  if (block !== open) found.push(block);
  block.lines.push(kind === "list" ? ITEM.exec(line)[1] : line);
  return block;
}

function block(one, at) {
  switch (one.kind) {
    case "code":
      return html`<pre key=${at} tabindex="0"><code>${shown(one.lines.join("\n"))}</code></pre>`;
    case "heading":
      return html`<p key=${at}><strong>${inline(one.text)}</strong></p>`;
    case "list": {
      const items = one.lines.map((line, row) => html`<li key=${row}>${inline(line)}</li>`);
      return one.isNumbered ? html`<ol key=${at}>${items}</ol>` : html`<ul key=${at}>${items}</ul>`;
    }
    default:
      return html`<p key=${at}>${inline(one.lines.join("\n"))}</p>`;
  }
}

function inline(text) {
  const parts = [];
  let last = 0;
  for (const found of text.matchAll(INLINE)) {
    parts.push(shown(text.slice(last, found.index)), styled(found));
    last = found.index + found[0].length;
  }
  parts.push(shown(text.slice(last)));
  return parts;
}

function styled([whole, code, strong, weak, label, target]) {
  if (code) return html`<code>${shown(code.slice(1, -1))}</code>`;
  if (strong) return html`<strong>${shown(strong)}</strong>`;
  if (weak) return html`<em>${shown(weak)}</em>`;
  if (!isWebAddress(target)) return shown(whole);
  return html`<a href=${target} target="_blank" rel="noopener noreferrer">${shown(label)}</a>`;
}

function isWebAddress(target) {
  try {
    return ["http:", "https:"].includes(new URL(target).protocol);
  } catch {
    return false;
  }
}
