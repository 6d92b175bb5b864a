// The address bar is the state of a page: its path names the page, its query the filters.
import { html, useEffect, useState } from "./view.js";

export const BASE = "/dashboard";
const listeners = new Set();

export function current() {
  const path = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) : "";
  return {
    parts: path.split("/").filter(Boolean).map(decodeURIComponent),
    params: Object.fromEntries(new URLSearchParams(location.search)),
  };
}

let route = current();

function changed() {
  route = current();
  for (const listener of listeners) listener(route);
}

window.addEventListener("popstate", changed);

export function href(parts, params = {}) {
  const query = new URLSearchParams(
    Object.entries(params).filter(([, value]) => value !== "" && value !== undefined),
  ).toString();
  const path = [BASE, ...parts.map(encodeURIComponent)].join("/");
  return query ? `${path}?${query}` : path;
}

export function go(address, { replace = false } = {}) {
  if (address === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  changed();
}

// Set some filters of this page and keep the others; typing does not fill the history.
export function setParams(some, options = { replace: true }) {
  go(href(route.parts, { ...route.params, ...some }), options);
}

export function useRoute() {
  const [seen, setSeen] = useState(route);
  useEffect(() => {
    listeners.add(setSeen);
    setSeen(route);
    return () => listeners.delete(setSeen);
  }, []);
  return seen;
}

// A link of the dashboard; one of elsewhere, a new tab or a download is the browser's.
export function Link({ to, params, children, ...more }) {
  const address = href(to, params);
  const follow = (event) => {
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
    if (!isPlain || event.altKey || event.defaultPrevented) return;
    event.preventDefault();
    go(address);
  };
  return html`<a href=${address} onClick=${follow} ...${more}>${children}</a>`;
}
