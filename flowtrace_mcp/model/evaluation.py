"""What an evaluator reads, and what it says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One execution of a tool, as an evaluator sees it."""

    name: str
    arguments_text: str  # as sent; equal texts are equal arguments
    is_error: bool
    start_us: int  # Unix microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A judgement of a run; in OpenTelemetry a ``gen_ai.evaluation.result`` event."""

    evaluator: str  # gen_ai.evaluation.name
    score: float  # gen_ai.evaluation.score.value: 0 worst, 1 best
    label: str  # gen_ai.evaluation.score.label
    explanation: str  # gen_ai.evaluation.explanation: one sentence, without what was in the calls
