// Light, dark, or as the system has it; a wish is kept.
const KEY = "flowtrace-theme";
const NEXT = { system: "light", light: "dark", dark: "system" };

export function theme() {
  return localStorage.getItem(KEY) ?? "system";
}

export function applyTheme(wish = theme()) {
  if (wish === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = wish;
}

export function nextTheme() {
  const wish = NEXT[theme()] ?? "system";
  localStorage.setItem(KEY, wish);
  applyTheme(wish);
  return wish;
}

// The value of a colour of css/tokens.css, for what is drawn on a canvas.
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
