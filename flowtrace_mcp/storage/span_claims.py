"""Which span tells what of a session, so that hooks and OpenTelemetry count nothing twice."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Final, NamedTuple

import apsw

from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.model.span_write import TIMED, SpanWrite, ToldBeside, claim_text
from flowtrace_mcp.storage.rows import insert_rows, int_array

CREATE: Final = """
    CREATE TABLE span_claims (
        claim_id INTEGER NOT NULL,
        span_id INTEGER NOT NULL,
        authority INTEGER NOT NULL,
        start_us INTEGER NOT NULL,
        end_us INTEGER NOT NULL,
        PRIMARY KEY (claim_id, span_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX span_claims_by_span ON span_claims (span_id);
"""
_INSERT: Final = "INSERT INTO span_claims (claim_id, span_id, authority, start_us, end_us)"
_AGAIN: Final = """
    ON CONFLICT (claim_id, span_id) DO UPDATE SET
        authority = excluded.authority, start_us = excluded.start_us, end_us = excluded.end_us
"""
_LIST: Final = """
    SELECT claim_id, span_id, authority, start_us, end_us FROM span_claims
    WHERE claim_id IN carray(?)
"""
# A long session runs one tool thousands of times; only those that run at the time matter.
_LIST_TIMED: Final = f"{_LIST} AND end_us >= ? AND start_us <= ?"
_DELETE: Final = "DELETE FROM span_claims WHERE claim_id = ? AND span_id = ?"
_DELETE_SPANS: Final = "DELETE FROM span_claims WHERE span_id IN carray(?)"
# Nearly every claim comes once: they would drive the names of sessions out of the cache.
_number: Final = string_id.__wrapped__
# A hook's clock is read as its process starts, some time after the tool has ended.
_SLACK_US: Final = 250_000


class Claim(NamedTuple):
    """One row: a span tells something; ids are signed numbers."""

    claim_id: int
    span_id: int
    authority: int
    start_us: int
    end_us: int

    def overlaps(self, other: "Claim") -> bool:
        """Say whether both spans ran at one time, give or take a process's start."""
        return (
            self.start_us <= other.end_us + _SLACK_US and other.start_us <= self.end_us + _SLACK_US
        )


class Settled(NamedTuple):
    """Which spans give way; signed span ids."""

    refused: frozenset[int]  # of the batch
    withdrawn: frozenset[int]  # stored before


def settle_claims(connection: apsw.Connection, writes: Iterable[SpanWrite | ToldBeside]) -> Settled:
    """Decide which spans of a batch, and which stored ones, others tell better; note the claims.

    Of spans that tell the same, those of the highest authority stay.
    """
    claims, timed = _claims_of(writes)
    if not claims:
        return Settled(frozenset(), frozenset())
    fresh = {(claim.claim_id, claim.span_id) for claim in claims}
    found = _list_rivals(connection, claims, timed)
    stored = [claim for claim in found if claim[:2] not in fresh]
    every, new = _Rivals((*claims, *stored), timed), _Rivals(claims, timed)
    refused = {claim.span_id for claim in claims if every.beat(claim)}
    # Between those that were stored before it was decided then.
    beaten = [claim for claim in stored if new.beat(claim)]
    # Another claim of a span that goes may stay behind: it beats nothing.
    connection.executemany(_DELETE, [claim[:2] for claim in beaten])
    withdrawn = {claim.span_id for claim in beaten} - {claim.span_id for claim in claims}
    insert_rows(
        connection, _INSERT, [claim for claim in claims if claim.span_id not in refused], _AGAIN
    )
    return Settled(frozenset(refused), frozenset(withdrawn))


def delete_claims(connection: apsw.Connection, span_numbers: Iterable[int]) -> None:
    """Forget what spans have told, by their signed ids; they are gone."""
    connection.execute(_DELETE_SPANS, (int_array(span_numbers),))


def list_tellers(reader: apsw.Connection, told: Sequence[ToldBeside]) -> list[Claim | None]:
    """Return, for each of what is told, the claim of the stored span that tells it best.

    None stands where nothing has more authority.
    """
    asked, timed = _claims_of(told)
    rivals = _Rivals(_list_rivals(reader, asked, timed), timed)
    return [_teller_of(_claims_of((one,))[0], rivals) for one in told]


class _Rivals:
    """Claims by what they tell, against which others are held.

    Args:
        claims: Of several spans.
        timed: Ids of the claims that hold only while both spans run.
    """

    def __init__(self, claims: Iterable[Claim], timed: Set[int]) -> None:
        self._timed = timed
        self._by_id: defaultdict[int, list[Claim]] = defaultdict(list)
        self._highest: defaultdict[int, int] = defaultdict(int)
        for claim in claims:
            self._by_id[claim.claim_id].append(claim)
            self._highest[claim.claim_id] = max(self._highest[claim.claim_id], claim.authority)

    def beat(self, claim: Claim) -> bool:
        """Say whether another span tells the same with more authority."""
        return any(self.better(claim))

    def better(self, claim: Claim) -> Iterator[Claim]:
        """Yield the claims of the spans that tell the same with more authority."""
        if self._highest.get(claim.claim_id, 0) <= claim.authority:
            return  # nearly always, and quicker than to look at thousands of equals
        is_timed = claim.claim_id in self._timed
        for rival in self._by_id[claim.claim_id]:
            if rival.authority > claim.authority and (not is_timed or rival.overlaps(claim)):
                yield rival


def _list_rivals(reader: apsw.Connection, claims: Sequence[Claim], timed: Set[int]) -> list[Claim]:
    """Return what is stored of the same claims, timed ones only from the time of these."""
    certain = {claim.claim_id for claim in claims} - timed
    found = list(reader.execute(_LIST, (int_array(sorted(certain)),))) if certain else []
    running = [claim for claim in claims if claim.claim_id in timed]
    if running:
        since_us = min(claim.start_us for claim in running) - _SLACK_US
        until_us = max(claim.end_us for claim in running) + _SLACK_US
        wanted = int_array(sorted({claim.claim_id for claim in running}))
        found += reader.execute(_LIST_TIMED, (wanted, since_us, until_us))
    return [Claim._make(row) for row in found]


def _teller_of(claims: Sequence[Claim], rivals: _Rivals) -> Claim | None:
    better = [rival for claim in claims for rival in rivals.better(claim)]
    return max(better, key=lambda rival: (rival.authority, -rival.start_us), default=None)


def _claims_of(writes: Iterable[SpanWrite | ToldBeside]) -> tuple[list[Claim], set[int]]:
    """Return the claims of a batch, and which of them hold only while both spans run."""
    claims: list[Claim] = []
    timed: set[int] = set()
    for write in writes:
        for said in write.claims:
            claim_id = to_signed(_number(claim_text(said, write.session)))
            if said.startswith(TIMED):
                timed.add(claim_id)
            claims.append(
                Claim(
                    claim_id=claim_id,
                    span_id=int.from_bytes(write.span_id, "big", signed=True),
                    authority=int(write.authority),
                    start_us=write.start_us,
                    end_us=write.start_us + write.duration_us,
                )
            )
    return claims, timed
