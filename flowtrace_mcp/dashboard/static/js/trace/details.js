// One span in full.
import { count, duration, moment, shown, usd } from "../format.js";
import { useQuery } from "../query.js";
import { Link } from "../router.js";
import { Json } from "../ui/json.js";
import { Plain } from "../ui/markdown.js";
import { Loaded } from "../ui/states.js";
import { html } from "../view.js";
import { Conversation } from "./messages.js";
import { kindOf, MARK } from "./tree.js";

const NOTES = [
  [MARK.duplicate, "Told by another span as well; it counts once."],
  [MARK.aggregate, "Repeats the usage of spans below it, and is not summed."],
  [MARK.critical, "On the critical path: the trace waited for it."],
  [MARK.folded, "Noise of the agent's own machinery."],
];

export function Details({ traceId, spanId, marks, close }) {
  const query = useQuery(`/api/v1/traces/${traceId}/spans/${spanId}`);
  return html`<aside class="card details" aria-label="Span">
    <${Loaded} query=${query} rows=${8}>${(span) => html`
      <div class="row spread">
        <h2><span class="wf-kind ${kindOf(span.span_type)}"></span>${shown(span.display)}</h2>
        <button class="plain" onClick=${close} aria-label="Close the span">✕</button>
      </div>
      ${span.error && html`<div class="note bad"><span class="text">
        ${shown([span.error.type, span.error.message].filter(Boolean).join(": ") || "It failed.")}</span></div>`}
      <${Facts} span=${span} />
      ${NOTES.filter(([mark]) => marks & mark).map(([mark, text]) => html`<p key=${mark} class="soft">${text}</p>`)}
      <${Texts} span=${span} />
      <${Rest} span=${span} />
    `}<//>
  </aside>`;
}

function Facts({ span }) {
  const { tokens } = span;
  const kinds = ["input", "cache_read", "cache_write", "output", "reasoning"];
  const told = kinds.filter((kind) => tokens[kind] !== null);
  const facts = [
    ["Kind", [span.span_type, span.operation].filter(Boolean).join(" · ")],
    ["Began", moment(span.start_us)],
    ["Took", duration(span.duration_us)],
    ["Model", [span.provider, span.model].filter(Boolean).join(" / ")],
    ["Tokens", told.map((kind) => `${count(tokens[kind])} ${kind.replace("_", " ")}`).join(", ")],
    ["Cost", span.cost_usd === null ? "" : `${usd(span.cost_usd)}${span.cost_from ? ` (by ${span.cost_from})` : ""}`],
    ["About the cost", span.cost_note],
    ["Tool", span.tool && [span.tool.name, span.tool.server && `of ${span.tool.server}`].filter(Boolean).join(" ")],
    ["Span id", span.span_id],
  ];
  return html`<dl class="facts">
    ${facts.filter(([, value]) => value).map(
      ([name, value]) => html`<dt key=${name}>${name}</dt><dd key="${name}-">${shown(value)}</dd>`,
    )}
  </dl>`;
}

function Texts({ span }) {
  return html`
    <${Told} title="Arguments" value=${span.arguments} />
    <${Told} title="Result" value=${span.result} />
    <${Conversation} title="Instructions" value=${span.system} />
    <${Conversation} title="Input" value=${span.input} />
    <${Conversation} title="Output" value=${span.output} />`;
}

function Told({ title, value }) {
  if (value === null || value === undefined || value === "") return null;
  return html`<section class="stack"><h3>${title}</h3>
    ${typeof value === "object" ? html`<${Json} value=${value} />` : html`<${Plain} text=${value} />`}
  </section>`;
}

function Rest({ span }) {
  return html`
    ${span.tool?.hooks && html`<${Folded} title="Hooks" value=${span.tool.hooks} />`}
    ${span.links.length > 0 && html`<section class="stack"><h3>Links</h3>
      ${span.links.map((link) => html`<${Link} key=${link.span_id} to=${["trace", link.trace_id]}
        params=${{ span: link.span_id }}>Span ${link.span_id}<//>`)}
    </section>`}
    ${span.span_events.length > 0 && html`<${Folded} title="Events" value=${span.span_events} />`}
    <${Folded} title="Attributes" value=${span.attributes} />
    <${Folded} title="Resource" value=${span.resource} />`;
}

function Folded({ title, value }) {
  return html`<details><summary>${title}</summary><${Json} value=${value} depth=${1} /></details>`;
}
