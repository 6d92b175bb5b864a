"""Which span tells what of a session, so that hooks and OpenTelemetry count nothing twice."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
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
_DELETE: Final = "DELETE FROM span_claims WHERE claim_id = ? AND span_id = ?"
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
    found = connection.execute(_LIST, (int_array(sorted({claim.claim_id for claim in claims})),))
    stored = [claim for claim in map(Claim._make, found) if claim[:2] not in fresh]
    by_id: defaultdict[int, list[Claim]] = defaultdict(list)
    for claim in (*claims, *stored):
        by_id[claim.claim_id].append(claim)
    refused = {claim.span_id for claim in claims if _is_beaten(claim, by_id, timed)}
    beaten = [claim for claim in stored if _is_beaten(claim, by_id, timed)]
    # Another claim of a span that goes may stay behind: it beats nothing.
    connection.executemany(_DELETE, [claim[:2] for claim in beaten])
    withdrawn = {claim.span_id for claim in beaten} - {claim.span_id for claim in claims}
    insert_rows(
        connection, _INSERT, [claim for claim in claims if claim.span_id not in refused], _AGAIN
    )
    return Settled(frozenset(refused), frozenset(withdrawn))


def list_tellers(reader: apsw.Connection, told: Sequence[ToldBeside]) -> list[Claim | None]:
    """Return, for each of what is told, the claim of the stored span that tells it best.

    None stands where nothing has more authority.
    """
    asked = [_claims_of((one,)) for one in told]
    wanted = {claim.claim_id for claims, _ in asked for claim in claims}
    by_id: defaultdict[int, list[Claim]] = defaultdict(list)
    for claim in map(Claim._make, reader.execute(_LIST, (int_array(sorted(wanted)),))):
        by_id[claim.claim_id].append(claim)
    return [_teller_of(claims, by_id, timed) for claims, timed in asked]


def _teller_of(
    claims: Sequence[Claim], by_id: defaultdict[int, list[Claim]], timed: set[int]
) -> Claim | None:
    better = [
        rival
        for claim in claims
        for rival in by_id[claim.claim_id]
        if rival.authority > claim.authority
        and (claim.claim_id not in timed or rival.overlaps(claim))
    ]
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


def _is_beaten(claim: Claim, by_id: defaultdict[int, list[Claim]], timed: set[int]) -> bool:
    rivals: Sequence[Claim] = by_id[claim.claim_id]
    return any(
        rival.authority > claim.authority and (claim.claim_id not in timed or rival.overlaps(claim))
        for rival in rivals
    )
