// Numbers, times and names as people read them; what nobody knows is a dash.
const DASH = "–";
const DAY_US = 86_400_000_000;

export function duration(us) {
  if (us === null || us === undefined) return DASH;
  if (us < 1000) return `${us} µs`;
  if (us < 10_000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1000)} ms`;
  if (us < 60_000_000) return `${(us / 1e6).toFixed(us < 10_000_000 ? 2 : 1)} s`;
  const seconds = Math.round(us / 1e6);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${pad(Math.floor((seconds % 3600) / 60))} m`;
}

export function count(number) {
  if (number === null || number === undefined) return DASH;
  if (number < 10_000) return number.toLocaleString("en");
  if (number < 1_000_000) return `${(number / 1000).toFixed(number < 100_000 ? 1 : 0)}k`;
  if (number < 1e9) return `${(number / 1e6).toFixed(number < 1e8 ? 1 : 0)}M`;
  return `${(number / 1e9).toFixed(1)}G`;
}

export function usd(amount) {
  if (amount === null || amount === undefined) return DASH;
  if (amount === 0) return "$0";
  if (Math.abs(amount) < 0.0001) return "<$0.0001";
  if (Math.abs(amount) < 0.01) return `$${amount.toFixed(4)}`;
  return `$${amount.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

export function bytes(number) {
  if (number === null || number === undefined) return DASH;
  const units = ["B", "KB", "MB", "GB", "TB"];
  const step = Math.min(Math.floor(Math.log10(Math.max(number, 1)) / 3), units.length - 1);
  return `${(number / 1000 ** step).toFixed(step ? 1 : 0)} ${units[step]}`;
}

export function percent(share) {
  return share === null || share === undefined ? DASH : `${(share * 100).toFixed(1)} %`;
}

// Input of all kinds and output: what a person counts as the tokens of a call.
export function tokenSum(tokens) {
  if (!tokens) return null;
  const known = [tokens.input, tokens.cache_read, tokens.cache_write, tokens.output].filter(
    (number) => number !== null && number !== undefined,
  );
  return known.length ? known.reduce((sum, number) => sum + number, 0) : null;
}

export function nowUs() {
  return Date.now() * 1000;
}

export function ago(us, now = nowUs()) {
  const seconds = Math.max(0, Math.round((now - us) / 1e6));
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return day(us);
}

export function day(us) {
  const date = new Date(us / 1000);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

export function clock(us) {
  const date = new Date(us / 1000);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

export function moment(us) {
  return `${day(us)} ${clock(us)}`;
}

export function startOfDay(now = nowUs()) {
  const date = new Date(now / 1000);
  date.setHours(0, 0, 0, 0);
  return date.getTime() * 1000;
}

export function daysAgo(days, now = nowUs()) {
  return startOfDay(now) - days * DAY_US;
}

// Text of agents may hold what would turn the direction of a line round, or not be seen at all.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g;

export function shown(text) {
  return String(text).replace(
    UNSEEN,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function pad(number) {
  return String(number).padStart(2, "0");
}
