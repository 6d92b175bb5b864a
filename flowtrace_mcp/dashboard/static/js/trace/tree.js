// A trace as a tree of rows, out of the columns that the server gives.
export const MARK = { folded: 1, aggregate: 2, duplicate: 4, critical: 8, error: 16 };

const KINDS = {
  Generation: "model",
  Response: "model",
  Reasoning: "model",
  Planning: "model",
  Synthesis: "model",
  Embedding: "find",
  Retrieval: "find",
  Reranking: "find",
  ToolCall: "tool",
  ToolResponse: "tool",
  Root: "agent",
  HttpCall: "net",
  Database: "net",
};

// The colour of a kind of work.
export function kindOf(spanType) {
  return KINDS[spanType] ?? "other";
}

// Spans by their place in the columns: children of each, depth, and the ancestors of what failed.
export function treeOf(columns) {
  const size = columns.span_id.length;
  const children = Array.from({ length: size }, () => []);
  const roots = [];
  for (let place = 0; place < size; place += 1) {
    const parent = columns.parent[place];
    (parent < 0 || parent === place ? roots : children[parent]).push(place);
  }
  const depth = new Int32Array(size).fill(-1);
  settle(roots, children, depth);
  for (let place = 0; place < size; place += 1) {
    if (depth[place] < 0) {
      roots.push(place); // spans that are one another's parents
      settle([place], children, depth);
    }
  }
  const failing = new Uint8Array(size);
  for (let place = 0; place < size; place += 1) {
    if (!(columns.marks[place] & MARK.error)) continue;
    for (let at = place; at >= 0 && !failing[at]; at = columns.parent[at]) failing[at] = 1;
  }
  return { columns, size, roots, children, depth, failing };
}

function settle(starts, children, depth) {
  const waiting = starts.map((place) => [place, 0]);
  while (waiting.length) {
    const [place, level] = waiting.pop();
    if (depth[place] >= 0) continue;
    depth[place] = level;
    for (const child of children[place]) waiting.push([child, level + 1]);
  }
}

// Rows in the order in which they are seen: {place, depth}, or {noiseOf, count, depth} for folded noise.
// `closed` holds places whose children are hidden, `noisy` parents whose noise is shown (-1: the roots').
export function rowsOf(tree, closed, noisy) {
  const rows = [];
  const waiting = [];
  const seen = new Uint8Array(tree.size);
  const add = (places, parent, depth) => {
    const isNoise = (place) => tree.columns.marks[place] & MARK.folded && !noisy.has(parent);
    const kept = places.filter((place) => !isNoise(place));
    if (kept.length < places.length) {
      waiting.push({ noiseOf: parent, count: places.length - kept.length, depth });
    }
    for (let at = kept.length - 1; at >= 0; at -= 1) waiting.push({ place: kept[at], depth });
  };
  add(tree.roots, -1, 0);
  while (waiting.length) {
    const row = waiting.pop();
    if (row.place !== undefined && seen[row.place]) continue;
    rows.push(row);
    if (row.place === undefined) continue;
    seen[row.place] = 1;
    if (!closed.has(row.place)) add(tree.children[row.place], row.place, row.depth + 1);
  }
  return rows;
}

// The start and the end of all spans, in microseconds from the start of the trace.
export function extentOf(columns) {
  let end = 1;
  for (let place = 0; place < columns.span_id.length; place += 1) {
    end = Math.max(end, columns.start_us[place] + columns.duration_us[place]);
  }
  return end;
}

// The parents of a span, so that a closed one can be opened for it.
export function ancestorsOf(tree, place) {
  const found = new Set();
  for (let at = tree.columns.parent[place]; at >= 0 && !found.has(at); at = tree.columns.parent[at]) found.add(at);
  return found;
}
