"""A trace as a skeleton: what ran under what, how long, what failed, what it cost."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

import msgspec

from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.trace_reading import ReadSpan, TraceReading
from flowtrace_mcp.services.views.rows import (
    MESSAGE_CHARACTERS,
    NO_ROW,
    Row,
    Rows,
    error_of,
    full,
    is_folded,
    ms,
    name_of,
    usd,
)

# Leaves of one name beside each other from here on are one row.
RUN_LEAST: Final = 3
_WORTH_OF_ERROR: Final = 10.0
# So that of two rows with nothing to tell the one nearer to the root comes first.
_WORTH_OF_DEPTH: Final = 1e-3


class _Node(msgspec.Struct, kw_only=True):
    """A row of the tree: a span, or a run of equal leaves of which it is the first."""

    span: ReadSpan
    depth: int
    under: int  # index of the node above
    hidden: int  # folded spans below
    run: Sequence[ReadSpan] = ()
    is_leaf: bool = True
    worth: float = 0.0


def tree_rows(reading: TraceReading) -> Rows:
    """Return a trace as its sums, then spans from the roots down; noise is only counted.

    Errors and what leads to them are worth most, then what took long or cost much.
    """
    nodes = _joined(_nodes(reading.spans))
    _weigh(nodes, reading)
    rows = [_head(reading), *(_row(node) for node in nodes)]
    return Rows(
        rows=rows,
        worth=[2 * _WORTH_OF_ERROR, *(node.worth for node in nodes)],
        under=[NO_ROW, *(node.under + 1 if node.under >= 0 else 0 for node in nodes)],
    )


def _head(reading: TraceReading) -> Row:
    totals = reading.totals
    return full(
        {
            "trace": reading.trace_id.hex(),
            "agent": reading.agent or reading.service,
            "session": reading.session,
            "prompt": one_line(reading.hooks.prompt, MESSAGE_CHARACTERS),
            "start": iso_time(reading.start_us),
            "ms": ms(reading.end_us - reading.start_us),
            "spans": totals.spans,
            "errors": totals.errors,
            "calls": totals.model_calls,
            "tools": totals.tool_calls,
            "in": totals.usage.input_total,
            "out": totals.usage.output,
            "usd": usd(totals.cost_usd),
            "unpriced": totals.unpriced_calls,
        }
    )


def _row(node: _Node) -> Row:
    span, facts = node.span, node.span.facts
    is_counted = not span.verdict.aggregate and not span.verdict.duplicate_of
    usage = facts.usage if is_counted else None
    tokens = [one.facts.usage for one in node.run if one.facts.usage] if is_counted else []
    costs = [one.facts.cost_usd for one in node.run if one.facts.cost_usd is not None]
    if not node.run:
        tokens = [usage] if usage else []
        costs = [facts.cost_usd] if facts.cost_usd is not None and is_counted else []
    return full(
        {
            "span": span.record.span_id.hex(),
            "depth": node.depth,
            "name": name_of(span),
            "times": len(node.run),
            "ms": ms(sum(one.record.duration_us for one in node.run or (span,))),
            "tool": facts.tool_name,
            "model": facts.model if tokens else "",
            "in": sum(each.input_total for each in tokens),
            "out": sum(each.output or 0 for each in tokens),
            "usd": usd(sum(costs)) if costs and is_counted else None,
            "usd_note": span.cost.note if is_counted else "",
            "error": one_line(error_of(span), MESSAGE_CHARACTERS),
            "folded": node.hidden,
        }
    )


def _nodes(spans: Sequence[ReadSpan]) -> list[_Node]:
    """Return nodes, parents first, children by start.

    A span whose parent never came is a root; spans that are one another's parents are roots
    too, so that none is lost.
    """
    known = {span.record.span_id for span in spans}
    children: dict[bytes, list[ReadSpan]] = {}
    for span in spans:
        parent = span.record.parent_span_id
        children.setdefault(parent if parent in known else b"", []).append(span)
    nodes: list[_Node] = []
    seen: set[bytes] = set()
    for start in (children.get(b"", []), spans):  # the second finds what a cycle hid
        stack = [(span, NO_ROW) for span in reversed(start)]
        while stack:
            span, under = stack.pop()
            if span.record.span_id in seen:
                continue
            seen.add(span.record.span_id)
            below, hidden = _below(span, children, seen)
            index = under
            if not is_folded(span) or under == NO_ROW:
                index = len(nodes)
                depth = nodes[under].depth + 1 if under != NO_ROW else 0
                nodes.append(
                    _Node(span=span, depth=depth, under=under, hidden=hidden, is_leaf=not below)
                )
            stack += [(child, index) for child in reversed(below)]
    return nodes


def _below(
    span: ReadSpan, children: dict[bytes, list[ReadSpan]], seen: set[bytes]
) -> tuple[list[ReadSpan], int]:
    """Return what lies below a span by start, lifted through noise, and how much noise."""
    shown, hidden = [], 0
    stack = [*children.get(span.record.span_id, ())]
    while stack:
        child = stack.pop()
        if child.record.span_id in seen:
            continue
        if not is_folded(child):
            shown.append(child)
            continue
        seen.add(child.record.span_id)
        hidden += 1
        stack += children.get(child.record.span_id, ())
    shown.sort(key=lambda child: (child.record.start_us, child.record.span_id))
    return shown, hidden


def _joined(nodes: Sequence[_Node]) -> list[_Node]:
    """Return the nodes with runs of equal leaves as one node each."""
    joined: list[_Node] = []
    moved: dict[int, int] = {NO_ROW: NO_ROW}  # index before -> index after
    for key, run in groupby(enumerate(nodes), key=lambda pair: _alike(*pair)):
        alike = list(run)
        is_run = key[1] != "" and len(alike) >= RUN_LEAST
        for index, node in alike[:1] if is_run else alike:
            moved[index] = len(joined)
            node.under = moved[node.under]
            joined.append(node)
        if is_run:
            joined[-1].run = [node.span for _, node in alike]
            joined[-1].hidden = sum(node.hidden for _, node in alike)
    return joined


def _alike(index: int, node: _Node) -> tuple[int, str, str]:
    """Return what two leaves must have in common to be one row; no two other nodes do."""
    if not node.is_leaf or error_of(node.span):
        return (index, "", "")
    return (node.under, name_of(node.span), node.span.facts.tool_name)


def _weigh(nodes: Sequence[_Node], reading: TraceReading) -> None:
    """Set the worth of each node: its own, or that of what lies below it."""
    whole_us = max(reading.end_us - reading.start_us, 1)
    whole_tokens = max(reading.totals.usage.total, 1)
    for node in reversed(nodes):
        spans = node.run or (node.span,)
        took = sum(span.record.duration_us for span in spans) / whole_us
        used = sum(span.facts.usage.total for span in spans if span.facts.usage) / whole_tokens
        own = (_WORTH_OF_ERROR if error_of(node.span) else 0.0) + min(took, 1) + min(used, 1)
        node.worth = max(node.worth, own - _WORTH_OF_DEPTH * node.depth)
        if node.under != NO_ROW:
            above = nodes[node.under]
            above.worth = max(above.worth, node.worth)
