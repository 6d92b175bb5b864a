// The token of the data folder: it comes in the link's fragment, which no server and no log sees, and is
// kept for this tab alone. A cookie would be sent to every other port of this machine as well.
const KEY = "flowtrace-token";
const ANSWER_LIMIT_MS = 150;

const channel = "BroadcastChannel" in window ? new BroadcastChannel(KEY) : null;
const listeners = new Set();

export function token() {
  return sessionStorage.getItem(KEY) ?? "";
}

// Keep a token, and hand it to the other tabs of this dashboard.
export function keepToken(told) {
  adopt(told);
  channel?.postMessage({ token: told });
}

// Be told when another token is there.
export function onToken(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Take the token out of the address, or ask the other tabs for theirs.
export async function findToken() {
  const told = new URLSearchParams(location.hash.slice(1)).get("token");
  if (told) {
    history.replaceState(history.state, "", location.pathname + location.search);
    keepToken(told);
  } else if (!token() && channel) {
    await askOthers();
  }
}

function adopt(told) {
  if (told === token()) return;
  sessionStorage.setItem(KEY, told);
  for (const listener of listeners) listener();
}

function askOthers() {
  return new Promise((done) => {
    const stop = onToken(() => {
      stop();
      done();
    });
    setTimeout(done, ANSWER_LIMIT_MS);
    channel.postMessage({ wanted: true });
  });
}

channel?.addEventListener("message", ({ data }) => {
  if (data.token) adopt(data.token);
  else if (data.wanted && token()) channel.postMessage({ token: token() });
});
