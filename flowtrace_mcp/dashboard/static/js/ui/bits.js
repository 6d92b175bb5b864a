// Small things that every page shows.
import { ago, moment, nowUs, shown } from "../format.js";
import { html, useEffect, useState } from "../view.js";

const LIVE_US = 90_000_000; // who was heard of so lately counts as at work

export function isLive(row, now = nowUs()) {
  return now - (row.end_us ?? row.start_us + row.duration_us) < LIVE_US;
}

// The time now, every few seconds: for "3 m ago" that stays true.
export function useNow(periodMs = 5000) {
  const [now, setNow] = useState(nowUs());
  useEffect(() => {
    const timer = setInterval(() => setNow(nowUs()), periodMs);
    return () => clearInterval(timer);
  }, [periodMs]);
  return now;
}

export function When({ us, now }) {
  const iso = new Date(us / 1000).toISOString();
  return html`<time datetime=${iso} title=${moment(us)}>${ago(us, now)}</time>`;
}

export function Errors({ number }) {
  return number ? html`<span class="badge bad">${number} failed</span>` : null;
}

export function Figure({ name, children, aside }) {
  return html`<dl class="card figure">
    <dt>${name}</dt>
    <dd>${children}</dd>
    ${aside && html`<dd class="aside">${aside}</dd>`}
  </dl>`;
}

// Set the title of the window and the head of the page.
export function Head({ title, above, children }) {
  useEffect(() => {
    document.title = `${title} · Flowtrace`;
  }, [title]);
  return html`<header class="head"><div>${above}<h1>${title}</h1></div>${children}</header>`;
}

export function More({ pages }) {
  if (pages.next === null) return null;
  return html`<p class="row">
    <button onClick=${pages.more}>Show more</button>
    ${pages.moreError && html`<span class="bad">${pages.moreError.message}</span>`}
  </p>`;
}

// A name of somebody else's choosing, in a narrow column.
export function Name({ text }) {
  return html`<span class="name short">${text ? shown(text) : "–"}</span>`;
}
