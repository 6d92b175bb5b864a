// The waterfall: only the rows in view are in the page, so that ten thousand scroll like ten.
import { count, duration, shown, usd } from "../format.js";
import { html, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../view.js";
import { ancestorsOf, extentOf, kindOf, MARK, rowsOf } from "./tree.js";

export const ROW_PX = 28;
const SPARE_ROWS = 12;
const INDENT_PX = 14;
const INDENT_LEVELS = 14;
const TICKS = 4;
const ROOM_PERCENT = 45; // beside a bar, for more than how long it took

export function Waterfall({ tree, chosen, choose }) {
  const [closed, setClosed] = useState(new Set());
  const [noisy, setNoisy] = useState(new Set());
  const rows = useMemo(() => rowsOf(tree, closed, noisy), [tree, closed, noisy]);
  const extent = useMemo(() => extentOf(tree.columns), [tree]);
  const at = rows.findIndex((row) => row.place === chosen);
  const [active, setActive] = useState(0);
  const view = useView(rows.length);

  useEffect(() => {
    if (chosen === null) return;
    const above = ancestorsOf(tree, chosen);
    if ([...above].some((place) => closed.has(place))) {
      setClosed(new Set([...closed].filter((place) => !above.has(place))));
    }
  }, [chosen, tree]);
  useEffect(() => {
    if (at < 0) return;
    setActive(at);
    view.reveal(at);
  }, [at]);

  const toggle = useCallback((row) => {
    if (row.place === undefined) setNoisy((last) => flipped(last, row.noiseOf));
    else setClosed((last) => flipped(last, row.place));
  }, []);
  const open = (row) => (row.place === undefined ? toggle(row) : choose(row.place));
  const move = (to) => {
    const bounded = Math.max(0, Math.min(rows.length - 1, to));
    setActive(bounded);
    view.reveal(bounded);
  };
  const onKeyDown = keysOf({ rows, tree, closed, active, move, open, toggle, page: view.page });

  const once = useOnce();
  const first = Math.max(0, view.first - SPARE_ROWS);
  const last = Math.min(rows.length, view.first + view.page + SPARE_ROWS);
  return html`<div class="wf">
    <${Axis} extent=${extent} />
    <div class="wf-scroll" style=${{ "--rows-height": `${rows.length * ROW_PX}px` }} ref=${view.ref} role="tree" aria-label="Spans" tabindex="0"
      aria-activedescendant=${rows.length ? `row-${active}` : undefined} onKeyDown=${onKeyDown}>
      <div class="wf-all" role="presentation" style=${{ height: `${rows.length * ROW_PX}px` }}>
        ${Array.from({ length: last - first }, (_, offset) => {
          const index = first + offset;
          const row = rows[index];
          const isOpen = row.place !== undefined && !closed.has(row.place);
          const facts = { row, index, tree, extent, isChosen: index === at, isActive: index === active, isOpen };
          return once(facts, () => html`<${Row} key=${row.place ?? `noise-${row.noiseOf}`} ...${facts}
            open=${open} toggle=${toggle} />`);
        })}
      </div>
    </div>
  </div>`;
}

// Make a row once for as long as nothing that it shows has changed: a view that is the same object as
// before is passed over, so that a scroll costs only the rows that come into view.
function useOnce() {
  const before = useRef(new Map());
  const now = new Map();
  const last = before.current;
  before.current = now;
  return (facts, make) => {
    const kept = last.get(facts.row);
    const isSame = kept && Object.keys(facts).every((name) => kept.facts[name] === facts[name]);
    const found = isSame ? kept : { facts, made: make() };
    now.set(facts.row, found);
    return found.made;
  };
}

function flipped(set, value) {
  const next = new Set(set);
  if (!next.delete(value)) next.add(value);
  return next;
}

// Which rows are in view, and how to bring one there.
function useView(size) {
  const ref = useRef(null);
  const [first, setFirst] = useState(0);
  const [page, setPage] = useState(30);
  useLayoutEffect(() => {
    const box = ref.current;
    const look = () => {
      setFirst(Math.floor(box.scrollTop / ROW_PX));
      setPage(Math.ceil(box.clientHeight / ROW_PX));
    };
    const watching = new ResizeObserver(look);
    watching.observe(box);
    box.addEventListener("scroll", look, { passive: true });
    look();
    return () => {
      watching.disconnect();
      box.removeEventListener("scroll", look);
    };
  }, []);
  const reveal = (index) => {
    const box = ref.current;
    const top = index * ROW_PX;
    const isSeen = top >= box.scrollTop && top + ROW_PX <= box.scrollTop + box.clientHeight;
    const isNear = Math.abs(top - box.scrollTop - box.clientHeight / 2) < box.clientHeight;
    if (isSeen) return;
    if (!isNear) box.scrollTop = top - box.clientHeight / 2;
    else if (top < box.scrollTop) box.scrollTop = top;
    else box.scrollTop = top + ROW_PX - box.clientHeight;
  };
  return { ref, first: Math.min(first, Math.max(0, size - 1)), page, reveal };
}

function keysOf({ rows, tree, closed, active, move, open, toggle, page }) {
  const row = rows[active];
  const canFold = row?.place !== undefined && tree.children[row.place].length > 0;
  const isClosed = row?.place !== undefined && closed.has(row.place);
  const toParent = () => {
    for (let at = active - 1; at >= 0; at -= 1) if (rows[at].depth < row.depth) return move(at);
    return undefined;
  };
  const nextError = (step) => {
    for (let at = active + step; at >= 0 && at < rows.length; at += step) {
      const { place } = rows[at];
      if (place !== undefined && tree.columns.marks[place] & MARK.error) return move(at);
    }
    return undefined;
  };
  const keys = {
    ArrowDown: () => move(active + 1),
    j: () => move(active + 1),
    ArrowUp: () => move(active - 1),
    k: () => move(active - 1),
    PageDown: () => move(active + page - 1),
    PageUp: () => move(active - page + 1),
    Home: () => move(0),
    End: () => move(rows.length - 1),
    ArrowRight: () => (canFold && isClosed ? toggle(row) : move(active + 1)),
    ArrowLeft: () => (canFold && !isClosed ? toggle(row) : toParent()),
    Enter: () => open(row),
    " ": () => open(row),
    e: () => nextError(1),
    E: () => nextError(-1),
  };
  return (event) => {
    if (!row || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  };
}

function Axis({ extent }) {
  const ticks = Array.from({ length: TICKS + 1 }, (_, at) => at);
  return html`<div class="wf-axis" aria-hidden="true">
    <span class="wf-name">Span</span>
    <span class="wf-track">
      ${ticks.map(
        (at) => html`<span key=${at} class="wf-tick" style=${{ left: `${(at * 100) / TICKS}%` }}>
          ${duration(Math.round((extent * at) / TICKS))}</span>`,
      )}
    </span>
  </div>`;
}

function Row({ row, index, tree, extent, isChosen, isActive, isOpen, open, toggle }) {
  const top = { transform: `translateY(${index * ROW_PX}px)` };
  const indent = { paddingLeft: `${8 + Math.min(row.depth, INDENT_LEVELS) * INDENT_PX}px` };
  if (row.place === undefined) {
    return html`<div class="wf-row noise ${isActive ? "active" : ""}" style=${top} id="row-${index}"
      role="treeitem" aria-level=${row.depth + 1} aria-selected="false" onClick=${() => toggle(row)}>
      <span class="wf-name" style=${indent}><span class="wf-fold">▸</span>${row.count} spans of noise</span>
      <span class="wf-track"></span>
    </div>`;
  }
  const { columns } = tree;
  const { place } = row;
  const marks = columns.marks[place];
  const hasChildren = tree.children[place].length > 0;
  const classes = [
    "wf-row",
    marks & MARK.error && "error",
    tree.failing[place] && "failing",
    marks & MARK.critical && "critical",
    marks & (MARK.duplicate | MARK.aggregate) && "beside",
    isChosen && "chosen",
    isActive && "active",
  ];
  const fold = (event) => {
    event.stopPropagation();
    toggle(row);
  };
  return html`<div class=${classes.filter(Boolean).join(" ")} style=${top} id="row-${index}" role="treeitem"
    aria-level=${row.depth + 1} aria-expanded=${hasChildren ? isOpen : undefined}
    aria-selected=${isChosen} onClick=${() => open(row)}>
    <span class="wf-name" style=${indent}>
      <span class="wf-fold" aria-hidden="true" onClick=${hasChildren ? fold : undefined}>
        ${hasChildren ? (isOpen ? "▾" : "▸") : ""}</span>
      <span class="wf-kind ${kindOf(columns.span_type[place])}"></span>
      <span class="wf-label">${shown(columns.name[place])}</span>
      ${marks & MARK.error ? html`<span class="unseen"> failed</span>` : null}
    </span>
    <${Bar} columns=${columns} place=${place} extent=${extent} />
  </div>`;
}

function Bar({ columns, place, extent }) {
  const left = (columns.start_us[place] / extent) * 100;
  const width = (columns.duration_us[place] / extent) * 100;
  const right = 100 - left - width;
  const isLate = left > right;
  const hasRoom = Math.max(left, right) >= ROOM_PERCENT;
  const text = { [isLate ? "right" : "left"]: `${isLate ? 100 - left : left + width}%` };
  const tokens = columns.tokens[place];
  const about = [
    duration(columns.duration_us[place]),
    hasRoom && tokens ? `${count(tokens)} tokens` : "",
    hasRoom && columns.cost_usd[place] ? usd(columns.cost_usd[place]) : "",
  ];
  return html`<span class="wf-track">
    <span class="wf-bar ${kindOf(columns.span_type[place])}"
      style=${{ left: `${left}%`, width: `max(2px, ${width}%)` }}></span>
    <span class="wf-about" style=${text}>${about.filter(Boolean).join(" · ")}</span>
  </span>`;
}
