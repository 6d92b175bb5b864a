"""Files of prices: the table in the package, one that a person took over, and a person's own."""

import gzip
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.price import Price
from flowtrace_mcp.model.text import UNDECODABLE

PACKAGED_PATH: Final = Path(__file__).with_name("prices.json.gz")
UPDATED_NAME: Final = "prices-table.json.gz"  # in the data folder: instead of the packaged table
CUSTOM_NAME: Final = "prices.json"  # in the data folder: above every table
LARGEST_FILE_BYTES: Final = 64 * 1024 * 1024


class PriceFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Prices by model, with or without a provider before the name, and where they are from."""

    source: str = ""
    licence: str = ""
    date: str = ""  # YYYY-MM-DD, as of when
    models: dict[str, Price] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """A file read so far as to know its names: a price is decoded when somebody asks for it."""

    source: str = ""
    date: str = ""
    models: Mapping[str, msgspec.Raw] = field(default_factory=dict)

    def price(self, name: str) -> Price:
        """Return the price under a name of the table."""
        return _PRICE.decode(self.models[name])


class _Lazy(msgspec.Struct, frozen=True, kw_only=True):
    source: str = ""
    date: str = ""
    models: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)


_T = TypeVar("_T")
_PRICE: Final = msgspec.json.Decoder(Price)
_TABLE: Final = msgspec.json.Decoder(_Lazy)
_FILE: Final = msgspec.json.Decoder(PriceFile)


def read_table(path: Path, *, is_checked: bool = True) -> PriceTable:
    """Return the table of a file; an empty one where there is no file.

    Args:
        path: The file.
        is_checked: Whether all prices in it are known to be readable.

    Raises:
        InputError: The file is damaged.
    """
    if not is_checked:
        read_file(path)
    found = _decoded(path, _TABLE)
    if found is None:
        return PriceTable()
    return PriceTable(source=found.source, date=found.date, models=found.models)


def read_file(path: Path) -> PriceFile:
    """Return a whole file, every price of it checked; an empty one where there is no file.

    Raises:
        InputError: The file is damaged.
    """
    return _decoded(path, _FILE) or PriceFile()


def write_file(path: Path, content: PriceFile) -> None:
    """Write a file so that readers find the old one or the new one, never half of one."""
    data = packed(content) if path.suffix == ".gz" else _readable(content)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished.write_bytes(data)
    unfinished.replace(path)


def packed(content: PriceFile) -> bytes:
    """Return the file as it is kept; the same prices are the same bytes."""
    return gzip.compress(msgspec.json.encode(content), 9, mtime=0)


def _readable(content: PriceFile) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _decoded(path: Path, decoder: "msgspec.json.Decoder[_T]") -> "_T | None":
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return decoder.decode(gzip.decompress(data) if path.suffix == ".gz" else data)
    except (OSError, EOFError, zlib.error, *UNDECODABLE) as error:
        raise InputError(
            f"cannot read {path.name} in the data folder",
            why=str(error)[:200],
            mend="correct it, or remove it and run `flowtrace prices set` again",
        ) from error
