"""Whether an agent went in circles: the same tool calls again, with nothing new to find."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.model.evaluation import Evaluation, ToolCall

EVALUATOR: Final = "repeated_calls"
LOOP: Final = "loop"
RETRY: Final = "retry"
NONE: Final = "none"

# Twice happens to careful agents too: a test is run, and run again to be sure.
LOOP_LEAST_ROUNDS: Final = 3
# Longer cycles are mostly real work of a fixed form, such as read, edit, test over many files.
CYCLE_MOST_CALLS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loop:
    """A block of calls that came again and again without a break."""

    first: int  # index of the first call of the first round
    period: int  # calls in a round
    length: int  # calls in all, an unfinished last round included

    @property
    def rounds(self) -> int:
        return self.length // self.period

    @property
    def repeated(self) -> range:
        """Return the indexes of the calls after the first round."""
        return range(self.first + self.period, self.first + self.length)


def evaluate_repeated_calls(calls: Sequence[ToolCall]) -> Evaluation:
    """Judge how much of a run was the same calls over again.

    Two calls are the same when name and arguments are. A *loop* is a block of at most 4 calls
    that follows itself at least twice; a *retry* is a call right after the same call failed.

    Args:
        calls: The tool calls of one run, in any order; they are read in order of their start.

    Returns:
        ``gen_ai.evaluation.name`` ``repeated_calls``; the score is the share of calls that were
        not repeats, 1 for a run without calls; the label is ``loop``, else ``retry``, else
        ``none``. The explanation names tools and counts, never arguments.

    Formula:
        1 - r / n, with n calls of which r are in a loop after its first round, or retries.
    """
    ordered = sorted(calls, key=lambda call: call.start_us)
    keys = [(call.name, call.arguments_text) for call in ordered]
    loops = _loops(keys)
    retries = [
        index
        for index in range(1, len(keys))
        if keys[index] == keys[index - 1] and ordered[index - 1].is_error
    ]
    repeats = set(retries).union(*(loop.repeated for loop in loops))
    return Evaluation(
        evaluator=EVALUATOR,
        score=1 - len(repeats) / len(keys) if keys else 1.0,
        label=LOOP if loops else RETRY if retries else NONE,
        explanation=_explanation([call.name for call in ordered], loops, retries),
    )


def _loops(keys: Sequence[tuple[str, str]]) -> list[_Loop]:
    """Return every loop, those with shorter rounds first."""
    return [loop for period in range(1, CYCLE_MOST_CALLS + 1) for loop in _loops_of(keys, period)]


def _loops_of(keys: Sequence[tuple[str, str]], period: int) -> list[_Loop]:
    """Return the longest stretches in which every call is the one ``period`` calls before it."""
    loops = []
    first = 0
    for index in range(period, len(keys) + 1):
        if index < len(keys) and keys[index] == keys[index - period]:
            continue
        loop = _Loop(first=first, period=period, length=index - first)
        if loop.rounds >= LOOP_LEAST_ROUNDS:
            loops.append(loop)
        first = index - period + 1
    return loops


def _explanation(names: Sequence[str], loops: Sequence[_Loop], retries: Sequence[int]) -> str:
    if loops:
        worst = max(loops, key=lambda loop: len(loop.repeated))
        block = names[worst.first : worst.first + worst.period]
        what = f"{block[0]} was called" if worst.period == 1 else f"{', '.join(block)} were called"
        return f"{what} {worst.rounds} times in a row with the same arguments"
    if retries:
        tools = ", ".join(dict.fromkeys(names[index] for index in retries))
        times = "once" if len(retries) == 1 else f"{len(retries)} times"
        return f"{tools} failed, and the same call followed {times}"
    return "no call was repeated in vain"
