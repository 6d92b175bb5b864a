// Questions to the REST interface; every failure is an Error that says what is wrong and what to do.
import { token } from "./token.js";

export class ApiError extends Error {
  constructor(status, body) {
    super(body.error ?? `the server answered ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.mend = body.mend ?? "";
  }

  get needsToken() {
    return this.status === 401;
  }
}

// Nobody answers: the server has ended, or is about to begin again.
export class OfflineError extends Error {
  constructor() {
    super("the server does not answer");
    this.mend = "it is asked again by itself; start it with `flowtrace serve` or open an editor";
  }
}

export function headers(more = {}) {
  const told = token();
  return told ? { ...more, Authorization: `Bearer ${told}` } : more;
}

export function address(path, params = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== "" && value !== null && value !== undefined) query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export async function get(path, params = {}, signal = undefined) {
  return body(await ask(address(path, params), { headers: headers(), signal }));
}

export async function post(path, sent = {}, method = "POST") {
  const told = headers({ "Content-Type": "application/json" });
  return body(await ask(path, { method, headers: told, body: JSON.stringify(sent) }));
}

export async function remove(path) {
  return body(await ask(path, { method: "DELETE", headers: headers() }));
}

// Return the raw response: for downloads and streams.
export async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, cache: "no-store", credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new OfflineError();
  }
  if (!response.ok) throw new ApiError(response.status, await readable(response));
  return response;
}

async function body(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new OfflineError();
  }
}

async function readable(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}
