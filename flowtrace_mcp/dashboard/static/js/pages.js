// Every page: its first part of the path, its name, and its module, which is loaded when it is shown.
// A page is one module of js/pages/ whose default export is a component that gets `parts` and `params`.
export const PAGES = [
  { path: "now", title: "Now", load: () => import("./pages/now.js") },
  { path: "sessions", title: "Sessions", load: () => import("./pages/sessions.js") },
  { path: "traces", title: "Traces", load: () => import("./pages/traces.js") },
  { path: "memory", title: "Memory", load: () => import("./pages/memory.js") },
  { path: "cost", title: "Cost", load: () => import("./pages/cost.js") },
  { path: "health", title: "Health", load: () => import("./pages/health.js") },
];

// Reached from other pages, not from the list at the side.
const INNER_PAGES = [
  { path: "trace", under: "traces", load: () => import("./pages/trace.js") },
  { path: "session", under: "sessions", load: () => import("./pages/session.js") },
];

export function pageOf(parts) {
  const path = parts[0] ?? PAGES[0].path;
  return [...PAGES, ...INNER_PAGES].find((page) => page.path === path) ?? null;
}

// Get the other pages too, so that they are there when the server is not.
export function loadAll() {
  for (const page of [...PAGES, ...INNER_PAGES]) page.load().catch(() => undefined);
}
