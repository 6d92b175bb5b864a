"""What a call costs: a person's own prices over a table's, looked up once a model."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from flowtrace_mcp.analytics.price_lookup import PriceNames
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.conventions import MODEL_CALLS
from flowtrace_mcp.ingest.price_files import (
    CUSTOM_NAME,
    PACKAGED_PATH,
    UPDATED_NAME,
    PriceTable,
    read_table,
)
from flowtrace_mcp.model.price import Price, Rates, Service, cost_at, rates_for
from flowtrace_mcp.model.span_facts import SpanFacts

# A sender uses few models; this many at once are none of a sender's.
_MODELS_KEPT: Final = 4096
_SERVICES: Final[dict[str, Service]] = {"batch": "batch", "flex": "flex", "priority": "priority"}
_NO_TIER: Final = 2**63

Level = Literal["custom", "updated", "packaged"]
_Stamp = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPrice:
    """A price and where it stands."""

    name: str  # in its table
    level: Level
    price: Price


@dataclass(frozen=True, slots=True)
class _Quick:
    """What nearly every call of a model needs: the rates below the first tier."""

    price: Price
    service: Service
    rates: Rates
    tier_at: int

    def rates_at(self, input_count: int) -> Rates:
        if input_count <= self.tier_at:
            return self.rates
        return rates_for(self.price, input_count, self.service)


@dataclass(slots=True)
class _State:
    """All that was read from one set of files; replaced as a whole when one of them changes."""

    stamp: _Stamp
    layers: tuple[tuple[Level, PriceTable, PriceNames], ...]
    problem: InputError | None = None  # why a file of the data folder is passed over
    quick: dict[tuple[str, str, str, str], _Quick | None] = field(default_factory=dict)


class PriceBook:
    """The prices of this machine; nothing is read before the first question.

    Threads may share one: a state is replaced whole, and what is kept in it is made again at
    worst.

    Args:
        folder: The data folder, for a person's own prices and an updated table; None = neither.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._paths = () if folder is None else (folder / CUSTOM_NAME, folder / UPDATED_NAME)
        self._stamp = self._stamps()
        self._state: _State | None = None

    def refresh(self) -> None:
        """Heed files that have changed; costs a look at each, so do it once a batch.

        They are read with the next question: a table takes 2 MiB, and who sends no model call
        needs none. A damaged file of the data folder is passed over: spans are stored all the
        same.
        """
        self._stamp = self._stamps()

    @property
    def version(self) -> object:
        """Return what is equal as long as the prices are."""
        return self._stamp

    @property
    def table(self) -> tuple[Level, PriceTable]:
        """Return the table in use, and whether it is the packaged one."""
        level, table, _ = self._loaded().layers[-1]
        return level, table

    @property
    def custom(self) -> dict[str, Price]:
        """Return a person's own prices, by name."""
        _, table, _ = self._loaded().layers[0]
        return {name: table.price(name) for name in table.models}

    @property
    def problem(self) -> InputError | None:
        """Return why a file of the data folder is passed over, None when none is."""
        return self._loaded().problem

    def find(self, provider: str, model: str, request_model: str = "") -> KnownPrice | None:
        """Return the price of a model, else of the one that was asked for; None = not known."""
        for name in dict.fromkeys((model, request_model)):
            for level, table, names in self._loaded().layers if name else ():
                found = names.find(provider, name)
                if found is not None:
                    return KnownPrice(name=found, level=level, price=table.price(found))
        return None

    def cost_usd(self, facts: SpanFacts, *, model: str = "", provider: str = "") -> float | None:
        """Return what a model call costs by its usage; None when that is not known.

        Args:
            facts: What the span says.
            model: Of a call that names none, that of the span it runs under.
            provider: Likewise.
        """
        usage = facts.usage
        if usage is None or facts.is_aggregate or facts.operation not in MODEL_CALLS:
            return None
        key = (
            facts.provider or provider,
            facts.model or model,
            facts.request_model,
            facts.service_tier,
        )
        kept = self._loaded().quick
        quick = kept.get(key) or self._look_up(key)
        if quick is None:
            return None
        return cost_at(quick.rates_at(usage.input_total), usage, facts.cache_write_1h or 0)

    def _look_up(self, key: tuple[str, str, str, str]) -> _Quick | None:
        provider, model, request_model, tier = key
        kept = self._loaded().quick
        if key in kept:  # known to have no price
            return kept[key]
        if len(kept) >= _MODELS_KEPT:
            kept.clear()
        known = self.find(provider, model, request_model)
        service = _SERVICES.get(tier, "standard")
        kept[key] = quick = None if known is None else _quick(known.price, service)
        return quick

    def _loaded(self) -> _State:
        state, stamp = self._state, self._stamp
        if state is None or state.stamp != stamp:
            state = self._state = _read(self._paths, stamp)
        return state

    def _stamps(self) -> _Stamp:
        return tuple(_stamp(path) for path in self._paths)


def _quick(price: Price, service: Service) -> _Quick:
    above = [tier.above_tokens for tier in price.tiers(service) if tier.above_tokens]
    return _Quick(price, service, rates_for(price, 0, service), min(above, default=_NO_TIER))


def _read(paths: tuple[Path, ...], stamp: _Stamp) -> _State:
    own = [_table_or_problem(path) for path in paths] or [(PriceTable(), None)] * 2
    (custom, _), (updated, _) = own
    problem = next((told for _, told in own if told is not None), None)
    level: Level = "updated" if updated.models else "packaged"
    table = updated if updated.models else read_table(PACKAGED_PATH)
    layers: tuple[tuple[Level, PriceTable, PriceNames], ...] = (
        ("custom", custom, PriceNames(custom.models, is_own=True)),
        (level, table, PriceNames(table.models)),
    )
    return _State(stamp=stamp, layers=layers, problem=problem)


def _table_or_problem(path: Path) -> tuple[PriceTable, InputError | None]:
    """Return a table, empty when its file is damaged, and then why."""
    try:
        return read_table(path, is_checked=False), None
    except InputError as error:
        return PriceTable(), error


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes with a file; a missing one has one too."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
