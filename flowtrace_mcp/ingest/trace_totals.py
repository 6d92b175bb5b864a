"""What a whole trace adds up to: which spans count, and which repeat another.

One model call may be told by several spans: by a parent that sums up its children, by two
instrumentations side by side, by a wrapper around the provider's own span. One tool execution may
be seen from the client and from the server. Each counts once.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec.structs import replace

from flowtrace_mcp.ingest.trace_tree import TraceSpan, TraceTree
from flowtrace_mcp.model.edge import SpanStatus
from flowtrace_mcp.model.usage import TokenUsage

# Of the spans that ran before, how many one is compared with.
_MOST_COMPARED: Final = 32


class SpanVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one span is to the sums of its trace."""

    counts: bool = False  # as one model call or one tool execution
    aggregate: bool = False  # its usage repeats that of spans below it
    duplicate_of: bytes = b""  # the span that counts in its place
    model: str = ""  # of a model call: its own, else that of the span it runs under
    provider: str = ""  # likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceTotals:
    """The sums of a trace."""

    spans: int
    errors: int
    model_calls: int  # failed ones and embeddings included
    tool_calls: int
    usage: TokenUsage
    cost_usd: float | None  # of the calls whose cost is known; None = of none
    unpriced_calls: int  # model calls that used tokens and whose cost is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceIdentity:
    """Whose trace it is: the outermost span that says so is believed; "" = none does."""

    session: str = ""
    turn: str = ""
    user: str = ""
    agent: str = ""


def judge(tree: TraceTree) -> dict[bytes, SpanVerdict]:
    """Return the verdict on every span of one trace, by span id."""
    verdicts = {span.span_id: SpanVerdict(aggregate=span.facts.is_aggregate) for span in tree.spans}
    calls = _counting_calls(tree, verdicts)
    _drop_duplicates(tree, calls, verdicts, _is_same_call)
    tools = _counting_tools(tree, verdicts)
    _drop_duplicates(tree, tools, verdicts, _is_same_execution)
    for span_id, verdict in verdicts.items():
        place = verdicts[verdict.duplicate_of].duplicate_of if verdict.duplicate_of else b""
        if place:  # what it repeats was found to repeat yet another
            verdicts[span_id] = replace(verdict, duplicate_of=place)
    for span in calls:
        verdicts[span.span_id] = replace(
            verdicts[span.span_id],
            model=_inherited(tree, span, lambda each: each.facts.model),
            provider=_inherited(tree, span, lambda each: each.facts.provider),
        )
    return verdicts


def total(spans: Sequence[TraceSpan], verdicts: Mapping[bytes, SpanVerdict]) -> TraceTotals:
    """Return the sums over the spans that count."""
    counting = [span for span in spans if verdicts[span.span_id].counts]
    calls = [span.facts for span in counting if span.is_model_call]
    costs = [call.cost_usd for call in calls if call.cost_usd is not None]
    return TraceTotals(
        spans=len(spans),
        errors=sum(span.status == SpanStatus.ERROR for span in spans),
        model_calls=len(calls),
        tool_calls=len(counting) - len(calls),
        usage=sum((call.usage or TokenUsage() for call in calls), TokenUsage()),
        cost_usd=sum(costs) if costs else None,
        unpriced_calls=sum(call.cost_usd is None and call.usage is not None for call in calls),
    )


def total_of_totals(totals: Iterable[TraceTotals]) -> TraceTotals:
    """Return the sums over several traces, as of a session."""
    listed = list(totals)
    costs = [each.cost_usd for each in listed if each.cost_usd is not None]
    return TraceTotals(
        spans=sum(each.spans for each in listed),
        errors=sum(each.errors for each in listed),
        model_calls=sum(each.model_calls for each in listed),
        tool_calls=sum(each.tool_calls for each in listed),
        usage=sum((each.usage for each in listed), TokenUsage()),
        cost_usd=sum(costs) if costs else None,
        unpriced_calls=sum(each.unpriced_calls for each in listed),
    )


def identity_of(tree: TraceTree) -> TraceIdentity:
    """Return whose trace it is."""
    facts = [span.facts for span in tree.spans]
    return TraceIdentity(
        session=next((each.session for each in facts if each.session), ""),
        turn=next((each.turn for each in facts if each.turn), ""),
        user=next((each.user for each in facts if each.user), ""),
        agent=next((each.agent for each in facts if each.agent), ""),
    )


def _counting_calls(tree: TraceTree, verdicts: dict[bytes, SpanVerdict]) -> list[TraceSpan]:
    """Mark the model calls that count among those that contain each other; return them.

    A call that runs inside a tool is a call of its own, so nothing is looked for through tools.
    """
    inside: defaultdict[bytes, list[TraceSpan]] = defaultdict(list)
    for span in reversed(tree.spans):
        inner = inside.pop(span.span_id, [])
        if span.is_model_call:
            inner = _outer_or_inner(span, inner, verdicts)
        parent = tree.parent(span)
        if parent is not None and not span.is_tool:
            inside[parent.span_id] += inner
    return [span for span in tree.spans if verdicts[span.span_id].counts]


def _outer_or_inner(
    outer: TraceSpan, inner: list[TraceSpan], verdicts: dict[bytes, SpanVerdict]
) -> list[TraceSpan]:
    """Decide between a call and the calls inside it; return those that count.

    The innermost that know their usage count. When only the outer one knows it, the inner ones
    are its details.
    """
    inner_know = any(span.facts.usage for span in inner)
    if inner and (inner_know or not outer.facts.usage):
        verdicts[outer.span_id] = SpanVerdict(aggregate=True)
        return inner
    verdicts[outer.span_id] = SpanVerdict(counts=True)
    for span in inner:
        verdicts[span.span_id] = SpanVerdict(duplicate_of=outer.span_id)
    return [outer]


def _counting_tools(tree: TraceTree, verdicts: dict[bytes, SpanVerdict]) -> list[TraceSpan]:
    """Mark the tool executions that count among those that contain each other; return them."""
    counting = []
    for span in tree.spans:
        if not span.is_tool:
            continue
        outer = _enclosing_execution(tree, span)
        if outer is None:
            verdicts[span.span_id] = replace(verdicts[span.span_id], counts=True)
            counting.append(span)
        else:
            # Parents come first, so the outer one already knows in whose place it stands.
            place = verdicts[outer.span_id].duplicate_of or outer.span_id
            verdicts[span.span_id] = replace(verdicts[span.span_id], duplicate_of=place)
    return counting


def _enclosing_execution(tree: TraceTree, span: TraceSpan) -> TraceSpan | None:
    """Return the span above that tells the same execution, as an MCP client tells its server's."""
    for above in tree.ancestors(span):
        if above.is_model_call or above.is_agent:
            return None
        if above.is_tool:
            return above if _is_same_tool(above, span) else None
    return None


def _is_same_tool(left: TraceSpan, right: TraceSpan) -> bool:
    if left.facts.tool_call_id and right.facts.tool_call_id:
        return left.facts.tool_call_id == right.facts.tool_call_id
    # Agents prefix the tools of MCP servers: mcp__server__tool.
    names = {span.facts.tool_name.rpartition("__")[2] for span in (left, right)}
    return len(names) == 1


def _drop_duplicates(
    tree: TraceTree,
    spans: list[TraceSpan],
    verdicts: dict[bytes, SpanVerdict],
    is_same: Callable[[TraceSpan, TraceSpan], bool],
) -> None:
    """Let one of several spans that tell the same count: the one with the most detail.

    Two views of one thing come from two instrumentations, at one time, and neither runs under
    the other: equal calls of one instrumentation that overlap are parallel calls.
    """
    if len({span.scope_name for span in spans}) < 2:
        return

    def are_two_views(left: TraceSpan, right: TraceSpan) -> bool:
        return (
            left.scope_name != right.scope_name
            and left.overlaps(right)
            and is_same(left, right)
            and left not in tree.ancestors(right)
            and right not in tree.ancestors(left)
        )

    recent: deque[list[TraceSpan]] = deque(maxlen=_MOST_COMPARED)
    groups: list[list[TraceSpan]] = []
    for span in sorted(spans, key=lambda each: (each.start_us, each.span_id)):
        group = next(
            (group for group in recent if all(are_two_views(each, span) for each in group)), None
        )
        if group is None:
            group = []
            groups.append(group)
            recent.append(group)
        group.append(span)
    for group in groups:
        best = max(group, key=_detail)
        for span in group:
            if span is not best:
                verdicts[span.span_id] = SpanVerdict(duplicate_of=best.span_id)


def _detail(span: TraceSpan) -> tuple[int, int, int]:
    """Return how much a span knows; of equals the one that began first wins."""
    facts = span.facts
    usage = facts.usage or TokenUsage()
    counts = (usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning)
    known = sum(count is not None for count in counts)
    return known, facts.cost_usd is not None, -span.start_us


def _is_same_call(left: TraceSpan, right: TraceSpan) -> bool:
    ours, others = left.facts, right.facts
    if ours.response_id and others.response_id:
        return ours.response_id == others.response_id
    return ours.usage is not None and (ours.model, ours.usage) == (others.model, others.usage)


def _is_same_execution(left: TraceSpan, right: TraceSpan) -> bool:
    call_id = left.facts.tool_call_id
    return bool(call_id) and call_id == right.facts.tool_call_id


def _inherited(tree: TraceTree, span: TraceSpan, wanted: Callable[[TraceSpan], str]) -> str:
    """Return what a span says, else what the nearest span above says."""
    return wanted(span) or next(filter(None, map(wanted, tree.ancestors(span))), "")
