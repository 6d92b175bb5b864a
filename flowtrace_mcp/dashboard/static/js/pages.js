// Every page: its first part of the path, its name, and its module, which is loaded when it is shown.
// A page is one module of js/pages/ whose default export is a component that gets `parts` and `params`.
export const PAGES = [
  { path: "sessions", title: "Sessions", load: () => import("./pages/sessions.js") },
  { path: "traces", title: "Traces", load: () => import("./pages/traces.js") },
];

// Reached from other pages, not from the list at the side.
export const INNER_PAGES = [
  { path: "trace", title: "Trace", under: "traces", load: () => import("./pages/trace.js") },
  { path: "session", title: "Session", under: "sessions", load: () => import("./pages/session.js") },
];

export function pageOf(parts) {
  const path = parts[0] ?? PAGES[0].path;
  return [...PAGES, ...INNER_PAGES].find((page) => page.path === path) ?? null;
}
