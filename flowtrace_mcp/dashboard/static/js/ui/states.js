// What is seen where there is no answer: it is on its way, there is nothing, or it failed.
import { OfflineError } from "../api.js";
import { keepToken } from "../token.js";
import { html, useEffect, useState } from "../view.js";

const PATIENCE_MS = 150; // what comes sooner needs no announcement

export function Loading({ rows = 6 }) {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  if (!isLate) return null;
  return html`<div class="skeleton" role="status">
    <span class="unseen">Loading</span>
    ${Array.from({ length: rows }, (_, row) => html`<i key=${row}></i>`)}
  </div>`;
}

export function Empty({ title, children }) {
  return html`<div class="state"><h2>${title}</h2>${children}</div>`;
}

export function Failed({ error, retry }) {
  if (error.needsToken) return html`<${NeedsToken} />`;
  const isOffline = error instanceof OfflineError;
  return html`<div class="state" role="alert">
    <h2>${isOffline ? "The server is not there" : "That did not work"}</h2>
    ${!isOffline && html`<p>${error.message}</p>`}
    ${error.mend && html`<p class="soft">${error.mend}</p>`}
    ${retry && html`<button onClick=${retry}>Try again</button>`}
  </div>`;
}

function NeedsToken() {
  const [told, setTold] = useState("");
  const keep = (event) => {
    event.preventDefault();
    if (told.trim()) keepToken(told.trim());
  };
  return html`<div class="state" role="alert">
    <h2>This page needs the token of your data folder</h2>
    <p>Open the dashboard by its link, which carries it:</p>
    <pre>flowtrace dashboard</pre>
    <p class="soft">or paste what <code>flowtrace token</code> prints:</p>
    <form class="filters" onSubmit=${keep}>
      <label><span class="unseen">Token</span>
        <input type="password" autocomplete="off" value=${told}
          onInput=${(event) => setTold(event.target.value)} /></label>
      <button class="primary">Open</button>
    </form>
  </div>`;
}

// Show the answer of a query, or the state it is in. A failure beside an old answer is a note above it.
export function Loaded({ query, children, rows }) {
  const { data, error, reload } = query;
  if (data === null) {
    return error
      ? html`<${Failed} error=${error} retry=${reload} />`
      : html`<${Loading} rows=${rows} />`;
  }
  return html`${error && html`<${Stale} error=${error} retry=${reload} />`}${children(data)}`;
}

export function Stale({ error, retry }) {
  return html`<div class="note bad" role="alert">
    <span>This is from before: ${error.message}.</span>
    <button onClick=${retry}>Try again</button>
  </div>`;
}
