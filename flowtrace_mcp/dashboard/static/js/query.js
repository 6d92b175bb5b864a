// What a page asks of the server, as state: the answer, why there is none, and whether it is on its way.
import { get } from "./api.js";
import { onEvent } from "./stream.js";
import { onToken } from "./token.js";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "./view.js";

const NOTHING = { data: null, error: null, isLoading: true };

// Ask once for each path and filters; `path` null asks nothing. An answer stays while it is asked for anew.
export function useQuery(path, params = {}) {
  const key = path === null ? null : JSON.stringify([path, params]);
  const [state, setState] = useState(NOTHING);
  const [turn, setTurn] = useState(0);
  const asked = useRef(null);
  const reload = useCallback(() => setTurn((last) => last + 1), []);
  // Not after the next picture but before it: the answer takes long enough.
  useLayoutEffect(() => {
    if (key === null) return undefined;
    const mine = new AbortController();
    const isNew = asked.current !== key;
    asked.current = key;
    setState((last) => (isNew ? NOTHING : { ...last, isLoading: true }));
    const [askedPath, askedParams] = JSON.parse(key);
    get(askedPath, askedParams, mine.signal).then(
      (data) => setState({ data, error: null, isLoading: false }),
      (error) => {
        if (!mine.signal.aborted) setState((last) => ({ ...last, error, isLoading: false }));
      },
    );
    return () => mine.abort();
  }, [key, turn]);
  useRetry(state.error, reload);
  return { ...state, reload };
}

// A list that grows page by page: items, whether there are more, and how to get them.
export function usePages(path, params = {}) {
  const first = useQuery(path, params);
  const [rest, setRest] = useState({ of: null, items: [], next: null, error: null });
  const isOfThis = rest.of === first.data;
  const next = isOfThis && first.data ? rest.next : (first.data?.next ?? null);
  const more = async () => {
    const before = isOfThis ? rest.items : [];
    try {
      const page = await get(path, { ...params, cursor: next });
      setRest({ of: first.data, items: [...before, ...page.items], next: page.next, error: null });
    } catch (error) {
      setRest({ of: first.data, items: before, next, error });
    }
  };
  const items = first.data ? [...first.data.items, ...(isOfThis ? rest.items : [])] : null;
  return { ...first, items, next, more, moreError: isOfThis ? rest.error : null };
}

// Try again by itself when the server or another token is there.
function useRetry(error, reload) {
  const failed = useRef(false);
  failed.current = Boolean(error);
  useEffect(() => {
    const again = () => failed.current && reload();
    const stops = [
      onEvent("state", (state) => state === "live" && again()),
      onEvent("reset", reload),
      onToken(again),
    ];
    return () => stops.forEach((stop) => stop());
  }, []);
}

export function useEvent(kind, listener) {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => onEvent(kind, (data) => latest.current(data)), [kind]);
}

// Call a function soon, and once for many calls.
export function useSoon(work, delayMs) {
  const timer = useRef(0);
  const latest = useRef(work);
  latest.current = work;
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    if (timer.current) return;
    timer.current = setTimeout(() => {
      timer.current = 0;
      latest.current();
    }, delayMs);
  }, [delayMs]);
}
