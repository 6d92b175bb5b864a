"""One line of the doctor's answer: a question with a verdict and a mend."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from flowtrace_mcp.errors import FlowtraceError

REINSTALL: Final = "install flowtrace-mcp again"


class Verdict(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was looked at and how it is.

    Attributes:
        name: Of what.
        verdict: How it went.
        found: What was found, for a person.
        mend: What to do or to type, "" = nothing.
        facts: The same for a program, where a line is not enough.
    """

    name: str
    verdict: Verdict
    found: str
    mend: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


def failed(name: str, error: FlowtraceError) -> Check:
    """Return the check that an error stands for."""
    found = f"{error.what}: {error.why}" if error.why else error.what
    return Check(name=name, verdict=Verdict.FAIL, found=found, mend=error.mend)
