// What led to what, drawn on a canvas: only what is in view is drawn. The waterfall says the same in words.
import { duration, shown } from "../format.js";
import { useQuery } from "../query.js";
import { colour } from "../theme.js";
import { html, useEffect, useMemo, useRef, useState } from "../view.js";
import { kindOf, MARK } from "./tree.js";

const COLUMN_PX = 190;
const ROW_PX = 26;
const NODE_PX = { width: 160, height: 20 };
const MARGIN_PX = 16;
const ZOOM = { least: 0.08, most: 2.5, step: 1.2, names: 0.55 };
const KINDS = ["model", "tool", "agent", "find", "net", "other"];
const PAN_PX = 60;
const START_PX = 220;

export function Graph({ tree, traceId, chosen, choose }) {
  const canvas = useRef(null);
  const places = useMemo(() => layout(tree), [tree]);
  const links = useLinks(tree, traceId);
  const [view, setView] = useState(() => startOf(tree, places, chosen));
  const drag = useRef(null);

  useEffect(() => {
    const draw = () => paint(canvas.current, { tree, places, links, view, chosen });
    draw();
    const watching = new ResizeObserver(draw);
    watching.observe(canvas.current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      watching.disconnect();
      scheme.removeEventListener("change", draw);
    };
  }, [tree, places, links, view, chosen]);

  const zoom = (factor, at = { x: 0, y: 0 }) =>
    setView((last) => {
      const scale = Math.max(ZOOM.least, Math.min(ZOOM.most, last.scale * factor));
      const by = scale / last.scale;
      return { scale, x: at.x - (at.x - last.x) * by, y: at.y - (at.y - last.y) * by };
    });
  const pan = (x, y) => setView((last) => ({ ...last, x: last.x + x, y: last.y + y }));
  useWheel(canvas, (event) => zoom(event.deltaY < 0 ? ZOOM.step : 1 / ZOOM.step, pointOf(event)));
  const keys = {
    ArrowLeft: () => pan(PAN_PX, 0),
    ArrowRight: () => pan(-PAN_PX, 0),
    ArrowUp: () => pan(0, PAN_PX),
    ArrowDown: () => pan(0, -PAN_PX),
    "+": () => zoom(ZOOM.step),
    "-": () => zoom(1 / ZOOM.step),
    0: () => setView(startOf(tree, places, null)),
  };
  const onKeyDown = (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    keys[event.key]();
  };
  const onPointerDown = (event) => {
    drag.current = { x: event.clientX, y: event.clientY, moved: false };
    canvas.current.setPointerCapture(event.pointerId);
  };
  const onPointerMove = (event) => {
    const from = drag.current;
    if (!from) return;
    const by = { x: event.clientX - from.x, y: event.clientY - from.y };
    if (!from.moved && Math.hypot(by.x, by.y) < 4) return;
    drag.current = { x: event.clientX, y: event.clientY, moved: true };
    pan(by.x, by.y);
  };
  const onPointerUp = (event) => {
    const wasClick = drag.current && !drag.current.moved;
    drag.current = null;
    const found = wasClick ? hit(places, view, pointOf(event)) : -1;
    if (found >= 0) choose(found);
  };
  return html`<div class="wf">
    <canvas class="graph" ref=${canvas} tabindex="0" role="img"
      aria-label="Graph of ${tree.size} spans. Arrow keys move it, plus and minus zoom; the waterfall lists the same spans."
      onKeyDown=${onKeyDown} onPointerDown=${onPointerDown} onPointerMove=${onPointerMove} onPointerUp=${onPointerUp}></canvas>
    <p class="filters graph-tools">
      <button onClick=${() => zoom(ZOOM.step)}>Closer</button>
      <button onClick=${() => zoom(1 / ZOOM.step)}>Farther</button>
      <button onClick=${() => setView(startOf(tree, places, null))}>To the start</button>
      <span class="soft can-hide">Drag to move, turn the wheel to zoom, click a span to open it.</span>
    </p>
  </div>`;
}

// The view in which the first root, or the span that is looked at, stands at the left.
function startOf(tree, places, chosen) {
  const place = chosen ?? tree.roots[0];
  const x = Math.min(0, MARGIN_PX + COLUMN_PX - places.x[place]);
  return { x, y: Math.min(0, START_PX - places.y[place]), scale: 1 };
}

// Links between spans of this trace, which are no parents: [from, to] places.
function useLinks(tree, traceId) {
  const query = useQuery(`/api/v1/traces/${traceId}/graph`);
  return useMemo(() => {
    const edges = query.data?.edges ?? [];
    const known = new Map(tree.columns.span_id.map((id, place) => [id, place]));
    return edges
      .filter((edge) => edge.kind === "link" && known.has(edge.from) && known.has(edge.to))
      .map((edge) => [known.get(edge.from), known.get(edge.to)]);
  }, [query.data, tree]);
}

// A listener that may keep the page from scrolling has to say so when it is added.
function useWheel(ref, work) {
  const latest = useRef(work);
  latest.current = work;
  useEffect(() => {
    const box = ref.current;
    const onWheel = (event) => {
      event.preventDefault();
      latest.current(event);
    };
    box.addEventListener("wheel", onWheel, { passive: false });
    return () => box.removeEventListener("wheel", onWheel);
  }, []);
}

function pointOf(event) {
  const box = event.target.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

// Depth gives the column, the leaves give the rows, and a parent stands in the middle of its children.
export function layout(tree) {
  const x = new Float64Array(tree.size);
  const y = new Float64Array(tree.size).fill(-1);
  let row = 0;
  const waiting = [...tree.roots].reverse().map((place) => [place, false]);
  const seen = new Uint8Array(tree.size);
  while (waiting.length) {
    const [place, isBack] = waiting.pop();
    const children = tree.children[place].filter((child) => tree.depth[child] === tree.depth[place] + 1);
    if (isBack) {
      y[place] = (y[children[0]] + y[children[children.length - 1]]) / 2;
    } else if (!seen[place]) {
      seen[place] = 1;
      x[place] = MARGIN_PX + tree.depth[place] * COLUMN_PX;
      if (children.length) {
        waiting.push([place, true]);
        for (let at = children.length - 1; at >= 0; at -= 1) waiting.push([children[at], false]);
      } else {
        y[place] = MARGIN_PX + row * ROW_PX;
        row += 1;
      }
    }
  }
  return { x, y };
}

function hit({ x, y }, view, point) {
  const at = { x: (point.x - view.x) / view.scale, y: (point.y - view.y) / view.scale };
  for (let place = 0; place < x.length; place += 1) {
    const isInside = at.x >= x[place] && at.x <= x[place] + NODE_PX.width && at.y >= y[place] && at.y <= y[place] + NODE_PX.height;
    if (isInside) return place;
  }
  return -1;
}

function paint(canvas, { tree, places, links, view, chosen }) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
  const seen = {
    left: -view.x / view.scale - COLUMN_PX,
    right: (width - view.x) / view.scale + COLUMN_PX,
    top: -view.y / view.scale - ROW_PX,
    bottom: (height - view.y) / view.scale + ROW_PX,
  };
  const colours = Object.fromEntries(
    ["line-strong", "ink", "ink-soft", "bad", "accent", "surface", "chosen", ...KINDS.map((kind) => `kind-${kind}`)].map(
      (name) => [name, colour(name)],
    ),
  );
  paintEdges(pen, { tree, places, links, seen, colours });
  paintNodes(pen, { tree, places, seen, colours, chosen, hasNames: view.scale >= ZOOM.names });
}

function paintEdges(pen, { tree, places: { x, y }, links, seen, colours }) {
  const line = (from, to) => {
    if (Math.max(y[from], y[to]) < seen.top || Math.min(y[from], y[to]) > seen.bottom || x[from] > seen.right || x[to] < seen.left) return;
    const start = { x: x[from] + NODE_PX.width, y: y[from] + NODE_PX.height / 2 };
    const end = { x: x[to], y: y[to] + NODE_PX.height / 2 };
    const middle = (start.x + end.x) / 2;
    pen.moveTo(start.x, start.y);
    pen.bezierCurveTo(middle, start.y, middle, end.y, end.x, end.y);
  };
  const stroke = (name, draw, dash = []) => {
    pen.beginPath();
    pen.setLineDash(dash);
    pen.strokeStyle = colours[name];
    draw();
    pen.stroke();
  };
  const parents = (isWanted) => () => {
    for (let place = 0; place < tree.size; place += 1) {
      const parent = tree.columns.parent[place];
      if (parent >= 0 && isWanted(place)) line(parent, place);
    }
  };
  pen.lineWidth = 1;
  stroke("line-strong", parents((place) => !tree.failing[place]));
  stroke("bad", parents((place) => tree.failing[place]));
  stroke("accent", () => links.forEach(([from, to]) => line(from, to)), [4, 3]);
  pen.setLineDash([]);
}

function paintNodes(pen, { tree, places: { x, y }, seen, colours, chosen, hasNames }) {
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (let place = 0; place < tree.size; place += 1) {
    if (y[place] < seen.top || y[place] > seen.bottom || x[place] < seen.left || x[place] > seen.right) continue;
    const marks = tree.columns.marks[place];
    pen.fillStyle = colours[place === chosen ? "chosen" : "surface"];
    pen.fillRect(x[place], y[place], NODE_PX.width, NODE_PX.height);
    pen.strokeStyle = colours[marks & MARK.error ? "bad" : marks & MARK.critical ? "ink" : "line-strong"];
    pen.strokeRect(x[place], y[place], NODE_PX.width, NODE_PX.height);
    pen.fillStyle = colours[`kind-${kindOf(tree.columns.span_type[place])}`];
    pen.fillRect(x[place], y[place], 4, NODE_PX.height);
    if (!hasNames) continue;
    pen.fillStyle = colours[marks & MARK.error ? "bad" : "ink"];
    const took = duration(tree.columns.duration_us[place]);
    pen.fillText(cut(`${shown(tree.columns.name[place])} · ${took}`), x[place] + 9, y[place] + NODE_PX.height / 2 + 1, NODE_PX.width - 14);
  }
}

function cut(text) {
  return text.length > 30 ? `${text.slice(0, 29)}…` : text;
}
