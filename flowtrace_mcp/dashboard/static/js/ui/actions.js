// What changes something: it is asked for once more where it cannot be undone, and says how it went.
import { ask, headers } from "../api.js";
import { html, useRef, useState } from "../view.js";

// run(work, said): do it, then say so (a text, or a function of the answer) or why not.
export function useAction(done = () => undefined) {
  const [state, setState] = useState({ isBusy: false, text: "", isBad: false });
  const run = async (work, said) => {
    setState({ isBusy: true, text: "", isBad: false });
    try {
      const answer = await work();
      setState({ isBusy: false, text: typeof said === "function" ? said(answer) : said, isBad: false });
      done(answer);
    } catch (error) {
      setState({ isBusy: false, text: [error.message, error.mend].filter(Boolean).join("; "), isBad: true });
    }
  };
  const note = html`<p role="status" class=${state.isBad ? "bad" : "good"}>${state.isBusy ? "…" : state.text}</p>`;
  return { ...state, run, note };
}

export function Confirm({ label, question, run, isDanger = false }) {
  const dialog = useRef(null);
  const go = () => {
    dialog.current.close();
    run();
  };
  return html`<button type="button" class=${isDanger ? "danger" : ""} onClick=${() => dialog.current.showModal()}>${label}</button>
    <dialog ref=${dialog} aria-label=${label}>
      <p>${question}</p>
      <div class="filters">
        <button type="button" onClick=${() => dialog.current.close()}>Leave it</button>
        <button type="button" class=${isDanger ? "danger" : "primary"} onClick=${go}>${label}</button>
      </div>
    </dialog>`;
}

// A link cannot send the token, so the file is fetched and handed to the browser.
export async function save(path, name) {
  const response = await ask(path, { headers: headers() });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
