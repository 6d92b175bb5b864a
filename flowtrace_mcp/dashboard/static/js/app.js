// The frame: the list of pages, the page itself, and how things stand with the server.
import { OfflineError } from "./api.js";
import { loadAll, PAGES, pageOf } from "./pages.js";
import { useEvent } from "./query.js";
import { current, Link, useRoute } from "./router.js";
import { startStream, streamState } from "./stream.js";
import { applyTheme, nextTheme, theme } from "./theme.js";
import { findToken } from "./token.js";
import { isTyping } from "./ui/lists.js";
import { Empty, Failed, Loading } from "./ui/states.js";
import { html, render, useEffect, useLayoutEffect, useRef, useState } from "./view.js";

const REST_LIMIT_MS = 2000;
const STATES = {
  live: ["Live", ""],
  connecting: ["Connecting", "wait"],
  offline: ["No server; trying again", "off"],
  refused: ["Token needed", "off"],
};

function Standing() {
  const [state, setState] = useState(streamState());
  useEvent("state", setState);
  useEffect(() => setState(streamState()), []); // it may have changed since the first look
  const [text, colour] = STATES[state];
  return html`<span role="status" title=${text}>
    <span class="dot ${colour}"></span><span class="wide">${text}</span>
  </span>`;
}

function Theme() {
  const [wish, setWish] = useState(theme());
  return html`<button class="plain" onClick=${() => setWish(nextTheme())}
    title="Colours: ${wish}">◐<span class="unseen">Colours: ${wish}</span></button>`;
}

function Side({ page }) {
  const chosen = page?.under ?? page?.path;
  const list = useRef(null);
  useEffect(() => {
    const link = list.current.querySelector("[aria-current]");
    link?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [chosen]);
  return html`<header class="side">
    <${Link} to=${[]} class="brand" aria-label="Flowtrace">
      <img src=${new URL("../icon.svg", import.meta.url).href} alt="" /><span>Flowtrace</span>
    <//>
    <nav aria-label="Pages" ref=${list}><ul>
      ${PAGES.map(
        (one) => html`<li key=${one.path}>
          <${Link} to=${[one.path]} aria-current=${one.path === chosen ? "page" : undefined}>
            ${one.title}
          <//>
        </li>`,
      )}
    </ul></nav>
    <div class="foot"><${Standing} /><${Theme} /></div>
  </header>`;
}

const components = new Map(); // of the pages whose modules are there

async function load(page) {
  components.set(page, (await page.load()).default);
}

// The component of a page, once its module is there.
function usePage(page) {
  const [error, setError] = useState(null);
  const [, setTurn] = useState(0);
  const begin = () => {
    setError(null);
    if (!page || components.has(page)) return;
    load(page).then(
      () => setTurn((last) => last + 1),
      () => setError(new OfflineError()),
    );
  };
  useLayoutEffect(begin, [page]);
  // A browser does not fetch a module again that it once could not get, but for a new document.
  useEvent("state", (standing) => standing === "live" && error && location.reload());
  return { component: components.get(page) ?? null, error, begin };
}

function App() {
  const route = useRoute();
  const page = pageOf(route.parts);
  const { component: Page, error, begin } = usePage(page);
  const main = useRef(null);
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) isFirst.current = false;
    else main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [page, route.parts[1]]);
  let shown = html`<${Loading} />`;
  if (!page) shown = html`<${Unknown} />`;
  else if (error) shown = html`<${Failed} error=${error} retry=${begin} />`;
  else if (Page) shown = html`<${Page} parts=${route.parts.slice(1)} params=${route.params} />`;
  return html`<div class="frame">
    <a class="skip" href="#main">To the page</a>
    <${Side} page=${page} />
    <main id="main" ref=${main} tabindex="-1">${shown}</main>
  </div>`;
}

// The slash goes to the search of a page, if it has one.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector("main input[type=search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
});

function Unknown() {
  return html`<${Empty} title="There is no such page">
    <p><${Link} to=${[]}>To the first page<//></p>
  <//>`;
}

applyTheme();
const first = pageOf(current().parts);
await Promise.all([findToken(), first ? load(first).catch(() => undefined) : undefined]);
startStream();
render(html`<${App} />`, document.getElementById("app"));
// The answers that the first view waits for go first.
if (window.requestIdleCallback) requestIdleCallback(loadAll, { timeout: REST_LIMIT_MS });
else setTimeout(loadAll, REST_LIMIT_MS);
