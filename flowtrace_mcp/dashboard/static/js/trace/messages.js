// Messages to and from models as a conversation, in whatever shape they were recorded.
import { shown } from "../format.js";
import { Json } from "../ui/json.js";
import { Markdown } from "../ui/markdown.js";
import { html, useState } from "../view.js";

const SHOWN_MESSAGES = 12;

export function Conversation({ title, value }) {
  const messages = messagesOf(value);
  const [isWhole, setWhole] = useState(false);
  if (!messages.length) return null;
  const hidden = isWhole ? 0 : Math.max(0, messages.length - SHOWN_MESSAGES);
  return html`<section class="stack">
    <h3>${title}</h3>
    ${hidden > 0 && html`<button onClick=${() => setWhole(true)}>Show ${hidden} earlier messages</button>`}
    ${messages.slice(hidden).map((message, at) => html`<${Message} key=${at} message=${message} />`)}
  </section>`;
}

function Message({ message }) {
  return html`<article class="message ${message.role}">
    ${message.role && html`<h4>${shown(message.role)}</h4>`}
    ${message.parts.map((part, at) => html`<${Part} key=${at} part=${part} />`)}
  </article>`;
}

function Part({ part }) {
  if (part.text !== undefined) {
    if (!part.label) return html`<${Markdown} text=${part.text} />`;
    return html`<details><summary class="soft">${part.label}</summary><${Markdown} text=${part.text} /></details>`;
  }
  return html`<div>
    ${part.label && html`<span class="badge">${shown(part.label)}</span>`}
    <${Json} value=${part.value} />
  </div>`;
}

// Return [{role, parts: [{text} or {label, value}]}].
export function messagesOf(value) {
  if (value === null || value === undefined || value === "") return [];
  if (Array.isArray(value)) return value.map(messageOf);
  if (typeof value === "object" && Array.isArray(value.messages)) return value.messages.map(messageOf);
  return [messageOf(value)];
}

function messageOf(item) {
  if (item === null || typeof item !== "object") return { role: "", parts: [{ text: String(item) }] };
  const message = isObject(item.message) ? item.message : item;
  const content = message.parts ?? message.content ?? message.contents;
  const calls = (message.tool_calls ?? []).map?.(callOf) ?? [];
  if (content === undefined && !calls.length && message.role === undefined) {
    return { role: "", parts: [partOf(message)] };
  }
  const parts = Array.isArray(content) ? content.map(partOf) : [content].filter(hasContent).map(partOf);
  if (hasContent(message.reasoning)) parts.unshift({ label: "Thinking", text: String(message.reasoning) });
  return { role: String(message.role ?? ""), parts: [...parts, ...calls] };
}

function partOf(part) {
  if (!isObject(part)) return { text: String(part) };
  const type = String(part.type ?? "");
  const text = part.text ?? part.content ?? part.thinking ?? part.reasoning;
  if (/tool.?(call|use)$|function_call$/.test(type)) return callOf(part);
  if (/tool.?(call.?response|result)|function_call_output/.test(type)) {
    const told = part.response ?? part.result ?? part.content ?? part.output;
    return typeof told === "string" ? { label: "Tool result", text: told } : { label: "Tool result", value: told };
  }
  if (typeof text === "string") return /think|reason/.test(type) ? { label: "Thinking", text } : { text };
  return { label: type, value: part };
}

function callOf(part) {
  const call = isObject(part.function) ? part.function : isObject(part.tool_call) ? part.tool_call : part;
  const told = call.arguments ?? call.input ?? call.args;
  return { label: `calls ${call.name ?? "a tool"}`, value: parsed(told) };
}

function parsed(value) {
  if (typeof value !== "string") return value ?? {};
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function hasContent(value) {
  return value !== undefined && value !== null && value !== "";
}

function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
