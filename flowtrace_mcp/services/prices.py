"""Show, set and update what models cost."""

import gzip
import math
import urllib.error
import urllib.request
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

import msgspec

from flowtrace_mcp.analytics.litellm_prices import prices_from
from flowtrace_mcp.errors import InputError, NotFoundError, TooLargeError
from flowtrace_mcp.ingest.conventions import provider_name
from flowtrace_mcp.ingest.price_book import KnownPrice, PriceBook
from flowtrace_mcp.ingest.price_files import (
    CUSTOM_NAME,
    LARGEST_FILE_BYTES,
    UPDATED_NAME,
    PriceFile,
    read_file,
    write_file,
)
from flowtrace_mcp.model.price import Price, Rates
from flowtrace_mcp.model.text import UNDECODABLE

LONGEST_NAME: Final = 200
CUSTOM_MOST: Final = 10_000
# A file that holds fewer is a page that says no, or a sample, and not the world's models.
TABLE_LEAST: Final = 100
FETCH_LIMIT_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesShown:
    """The tables in use."""

    level: str  # packaged or updated
    source: str
    date: str
    model_count: int
    custom: Mapping[str, Price]
    problem: str  # why a file of the data folder is passed over, "" when none is


def show_prices(folder: Path) -> PricesShown:
    """Return which table is in use in a data folder, and what stands above it."""
    book = PriceBook(folder)
    level, table = book.table
    return PricesShown(
        level=level,
        source=table.source,
        date=table.date,
        model_count=len(table.models),
        custom=book.custom,
        problem=str(book.problem or ""),
    )


def find_price(folder: Path, model: str, provider: str = "") -> KnownPrice:
    """Return the price that calls of a model have.

    Raises:
        NotFoundError: None is known.
    """
    known = PriceBook(folder).find(provider_name(provider) if provider else "", model)
    if known is None:
        raise NotFoundError(
            f"no price is known for {model[:80]!r}",
            why="neither your own prices nor the table has it; its calls have no cost",
            mend="`flowtrace prices set MODEL --input USD --output USD`, per million tokens",
        )
    return known


def set_price(folder: Path, model: str, rates: Rates) -> Price:
    """Put a price above the table; calls that arrive from now on have it.

    Args:
        folder: The data folder.
        model: As senders name it, with ``provider/`` before it to bind it to one provider.
        rates: USD per million tokens.

    Raises:
        InputError: The name is empty or too long, or a rate is no amount of money.
    """
    name = model.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise InputError(
            f"a model cannot be called {name[:40]!r}",
            why=f"a name has 1 to {LONGEST_NAME} characters",
            mend="copy it from a trace",
        )
    for field, rate in msgspec.structs.asdict(rates).items():
        if rate is not None and not (math.isfinite(rate) and rate >= 0):
            raise InputError(
                f"{field} cannot be {rate}",
                why="it is USD per million tokens",
                mend="give a number from 0",
            )
    path = folder / CUSTOM_NAME
    custom = read_file(path).models
    if name not in custom and len(custom) >= CUSTOM_MOST:
        raise InputError(
            f"there are {CUSTOM_MOST} prices of your own already",
            why="so many are kept",
            mend="take some away with `flowtrace prices set MODEL --remove`",
        )
    price = Price(standard=(rates,))
    write_file(path, PriceFile(source="set by hand", models=custom | {name: price}))
    return price


def remove_price(folder: Path, model: str) -> None:
    """Take a price of one's own away; the table's holds again.

    Raises:
        NotFoundError: There is none of that name.
    """
    path = folder / CUSTOM_NAME
    custom = dict(read_file(path).models)
    if custom.pop(model.strip(), None) is None:
        raise NotFoundError(
            f"you have set no price for {model[:80]!r}",
            why="only prices of your own can be taken away",
            mend="`flowtrace prices` lists them",
        )
    write_file(path, PriceFile(source="set by hand", models=custom))


def update_table(folder: Path, source: str, data: bytes, today: str) -> PriceFile:
    """Take a table over from LiteLLM's price map, or from a table of ours.

    Args:
        folder: The data folder.
        source: What the data is from, to be shown.
        data: JSON, gzip-ed or not.
        today: YYYY-MM-DD, the date of a map, which has none of its own.

    Raises:
        InputError: It is no price table.
        TooLargeError: It is larger than any.
    """
    table = _table(_unpacked(data))
    if len(table.models) < TABLE_LEAST:
        raise InputError(
            "that is no price table",
            why=f"it holds {len(table.models)} prices per token of text",
            mend="give LiteLLM's model_prices_and_context_window.json, as a file or its URL",
        )
    table = msgspec.structs.replace(table, source=table.source or source, date=table.date or today)
    write_file(folder / UPDATED_NAME, table)
    return table


def restore_table(folder: Path) -> None:
    """Go back to the table in the package."""
    (folder / UPDATED_NAME).unlink(missing_ok=True)


def read_source(source: str) -> bytes:
    """Return what a file or an http(s) URL holds; the one place that goes to the network.

    Raises:
        InputError: It cannot be read.
        TooLargeError: It is larger than any price table.
    """
    is_url = source.startswith(("https://", "http://"))
    try:
        data = _fetched(source) if is_url else _read(Path(source).expanduser())
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise InputError(
            f"cannot read {source[:200]!r}",
            why=_reason(error)[:200],
            mend="check the name, or fetch it yourself and give the file",
        ) from error
    if len(data) > LARGEST_FILE_BYTES:
        raise _too_large()
    return data


def _reason(error: OSError | ValueError) -> str:
    """Return what the system said, without what Python puts around it."""
    inner = getattr(error, "reason", error)  # what urllib met
    return getattr(inner, "strerror", None) or str(inner)


def _fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=FETCH_LIMIT_S) as answer:  # noqa: S310 - http(s) only
        found: bytes = answer.read(LARGEST_FILE_BYTES + 1)
    return found


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST_FILE_BYTES + 1)


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.open(BytesIO(data)) as file:
            found = file.read(LARGEST_FILE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            "that is no price table", why="its compression is damaged", mend="fetch it again"
        ) from error
    if len(found) > LARGEST_FILE_BYTES:
        raise _too_large()
    return found


def _table(data: bytes) -> PriceFile:
    try:
        found = msgspec.json.decode(data)
        if isinstance(found, dict) and isinstance(found.get("models"), dict):
            return msgspec.convert(found, PriceFile)
    except UNDECODABLE as error:
        raise InputError(
            "that is no price table", why=str(error)[:200], mend="give a JSON file"
        ) from error
    return PriceFile(models=prices_from(found) if isinstance(found, dict) else {})


def _too_large() -> TooLargeError:
    return TooLargeError(
        "that is no price table",
        why=f"it is larger than {LARGEST_FILE_BYTES} bytes",
        mend="give LiteLLM's model_prices_and_context_window.json",
    )
