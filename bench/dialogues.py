"""Long dialogues in the format of LoCoMo, and a known pipeline over one of them to compare with."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import numpy as np

from flowtrace_mcp.analytics.words import query_terms, quoted
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.services.context import Caller, Context

TOP = 10


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What one of the two said."""

    name: str  # of the data, such as D1:3
    author: str
    text: str
    session: str
    sequence: int
    when: datetime


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question and the turns that hold its answer."""

    text: str
    evidence: frozenset[str]
    category: int


@dataclass(frozen=True, kw_only=True)
class Dialogue:
    """One conversation: a project."""

    name: str
    turns: tuple[Turn, ...]
    questions: tuple[Question, ...]

    @property
    def caller(self) -> Caller:
        """Return someone who asks from that project, outside of any session."""
        return Caller(project=ProjectIdentity(identity=f"name:{self.name}", name=self.name))


def read_dialogues(path: Path) -> list[Dialogue]:
    """Return the dialogues of a file; questions without a known turn as evidence are left out."""
    return [
        _dialogue(raw, f"{path.stem}-{number}")
        for number, raw in enumerate(json.loads(path.read_text()))
    ]


def _dialogue(raw: dict[str, Any], name: str) -> Dialogue:
    said = raw["conversation"]
    numbers = sorted(int(key[8:]) for key in said if re.fullmatch(r"session_\d+", key))
    turns = tuple(
        Turn(
            name=turn["dia_id"],
            author=turn["speaker"],
            text=turn["text"],
            session=f"session_{number}",
            sequence=sequence,
            when=datetime.strptime(
                said[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y"
            ).replace(tzinfo=UTC),
        )
        for number in numbers
        for sequence, turn in enumerate(said[f"session_{number}"], 1)
    )
    known = {turn.name for turn in turns}
    questions = (
        Question(
            text=one["question"],
            category=one["category"],
            evidence=frozenset(re.findall(r"D\d+:\d+", " ".join(one["evidence"]))) & known,
        )
        for one in raw["qa"]
    )
    return Dialogue(
        name=name, turns=turns, questions=tuple(one for one in questions if one.evidence)
    )


class Reference:
    """The known pipeline over one dialogue, all turns scored.

    Formula:
        d + 0.4 * (b + 0.3 * (b one before and after) + 0.2 * (b two before and after))
        + 0.4 * (largest d + 0.4 * b of the session), with b = bm25 / largest bm25
    """

    def __init__(self, context: Context, dialogue: Dialogue) -> None:
        self._context = context
        self._turns = dialogue.turns
        self._text = apsw.Connection(":memory:")
        self._text.execute("CREATE VIRTUAL TABLE t USING fts5(x, tokenize='porter unicode61')")
        texts = [
            f"[{turn.when.day} {turn.when:%B %Y}] {turn.author}: {turn.text}"
            for turn in self._turns
        ]
        self._text.executemany("INSERT INTO t (rowid, x) VALUES (?, ?)", enumerate(texts))
        codes = [
            code
            for start in range(0, len(texts), 64)
            for code in context.meaning.encode(texts[start : start + 64]) or []
        ]
        self._vectors = _unit(codes)
        sessions = [turn.session for turn in self._turns]
        self._session = np.unique(sessions, return_inverse=True)[1]

    def ask(self, question: str) -> list[str]:
        """Return the names of the ten best turns."""
        d = self._vectors @ _unit(self._context.meaning.encode([question]) or [])[0]
        b = self._bm25(question)
        around = b.copy()
        for step, share in ((1, 0.3), (2, 0.2)):
            same = self._session[step:] == self._session[:-step]
            around[step:] += share * b[:-step] * same
            around[:-step] += share * b[step:] * same
        best = np.full(self._session.max() + 1, -1.0)
        np.maximum.at(best, self._session, d + 0.4 * b)
        order = np.argsort(-(d + 0.4 * around + 0.4 * best[self._session]), kind="stable")
        return [self._turns[index].name for index in order[:TOP]]

    def _bm25(self, question: str) -> "np.ndarray[Any, np.dtype[np.float64]]":
        scores = np.zeros(len(self._turns))
        terms = query_terms(question)
        if terms:
            match = " OR ".join(map(quoted, terms))
            for row, value in self._text.execute(
                "SELECT rowid, -bm25(t) FROM t WHERE t MATCH ?", (match,)
            ):
                scores[row] = value
        return scores / max(scores.max(), 1e-9)


def _unit(codes: list[VectorCode]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    rows = np.stack([np.frombuffer(code.int8_code, np.int8) for code in codes]).astype(float)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
