// The stream of changes: read for as long as the page is seen, resumed from where it was left.
import { ask, headers } from "./api.js";
import { onToken } from "./token.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

const listeners = new Map(); // kind of event -> functions
let place = "";
let state = "connecting"; // or live, offline, refused
let reading = null;
let wait = FIRST_WAIT_MS;
let retry = 0;

export function streamState() {
  return state;
}

// Call a function with the data of every event of a kind: session, trace, reset, state.
export function onEvent(kind, listener) {
  if (!listeners.has(kind)) listeners.set(kind, new Set());
  listeners.get(kind).add(listener);
  return () => listeners.get(kind).delete(listener);
}

export function startStream() {
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : begin()));
  window.addEventListener("online", begin);
  onToken(() => {
    stop();
    begin();
  });
  begin();
}

function tell(kind, data) {
  for (const listener of listeners.get(kind) ?? []) listener(data);
}

function become(next) {
  if (next === state) return;
  state = next;
  tell("state", next);
}

function stop() {
  clearTimeout(retry);
  reading?.abort();
  reading = null;
}

async function begin() {
  if (reading || document.hidden) return;
  clearTimeout(retry);
  const mine = new AbortController();
  reading = mine;
  try {
    const more = place ? { "Last-Event-ID": place } : {};
    const response = await ask("/api/v1/stream", { headers: headers(more), signal: mine.signal });
    become("live");
    wait = FIRST_WAIT_MS;
    await read(response.body.getReader());
    become("offline");
  } catch (error) {
    if (mine.signal.aborted) return;
    become(error.needsToken ? "refused" : "offline");
  }
  if (reading !== mine) return;
  reading = null;
  if (state === "refused") return; // another token begins it anew
  retry = setTimeout(begin, wait);
  wait = Math.min(wait * 2, LONGEST_WAIT_MS);
}

async function read(reader) {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const parts = text.split("\n\n");
    text = parts.pop();
    parts.forEach(take);
  }
}

function take(part) {
  const event = { kind: "message", data: "" };
  for (const line of part.split("\n")) {
    if (line.startsWith("event: ")) event.kind = line.slice(7);
    else if (line.startsWith("data: ")) event.data += line.slice(6);
    else if (line.startsWith("id: ")) place = line.slice(4);
  }
  if (event.data) tell(event.kind, JSON.parse(event.data));
}
