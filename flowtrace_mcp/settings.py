"""Every option: its name, its environment variable, its place in ``flowtrace.toml``, its default.

Environment over ``flowtrace.toml`` in the data folder over defaults. This table is the only
place; help text and ``docs/settings.md`` are made from it.
"""

import json
import os
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from flowtrace_mcp.errors import SettingsError
from flowtrace_mcp.redaction_list import parse_redaction_list

SETTINGS_FILE: Final = "flowtrace.toml"
DATABASE_FILE: Final = "flowtrace.db"
TOKEN_FILE: Final = "token"  # noqa: S105 - the name of a file, not a secret
LOG_FILE: Final = "flowtrace.log"
SECRET_FIELDS: Final = ("api_key", "redact", "forward_headers")  # errors do not repeat them

ListenerMode = Literal["auto", "off", "required"]
AuthMode = Literal["false", "true", "strict"]
SelfTracesMode = Literal["on", "off", "content"]
ToolProfile = Literal["core", "memory", "observe", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What this process was told; see ``OPTIONS`` for the meaning of each."""

    home: Path
    db_path: Path
    host: str = "127.0.0.1"
    port: int = 9600
    otlp_http_port: int = 4318
    otlp_grpc_port: int = 4317
    listener: ListenerMode = "auto"
    require_auth: AuthMode = "true"
    api_key: str = ""
    tools: ToolProfile = "core"
    project: str = ""
    embedder: str = "minilm"
    memory_mirror: bool = True
    redact: tuple[re.Pattern[str], ...] = ()
    log_level: str = "warning"
    self_traces: SelfTracesMode = "on"
    forward_endpoint: str = ""
    forward_headers: str = ""
    budget_command: tuple[str, ...] = ()
    span_durability: Literal["full", "normal"] = "full"
    span_search: bool = True
    retention_days: int = 0
    retention_bytes: int = 0
    backup_hours: int = 0
    backup_keep: int = 7
    backup_compress: bool = True
    backup_passphrase_file: Path | None = None
    max_body_bytes: int = 64 * 1024 * 1024
    cors_origins: tuple[str, ...] = ()

    @property
    def token_path(self) -> Path:
        """Return the file that holds the token of this data folder."""
        return self.home / TOKEN_FILE

    @property
    def log_path(self) -> Path:
        """Return the bounded log file."""
        return self.home / LOG_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option: where it is read from and how its text is understood."""

    field: str
    section: str
    parse: Callable[[str], Any]  # raises ValueError with the rule
    help: str

    @property
    def variable(self) -> str:
        """Return the environment variable."""
        return f"FLOWTRACE_{self.field.upper()}"


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        word = text.strip().lower()
        if word not in words:
            raise ValueError("it is one of " + ", ".join(words))
        return word

    return parse


def _port(text: str) -> int:
    if not text.strip().isdigit() or int(text) > 65535:
        raise ValueError("a port is a number from 0 (any free one) to 65535")
    return int(text)


def _positive(text: str) -> int:
    if not text.strip().isdigit() or int(text) < 1:
        raise ValueError("it is a whole number above 0")
    return int(text)


def _count(text: str) -> int:
    if not text.strip().isdigit() or len(text.strip()) > 9:
        raise ValueError("it is a whole number from 0")
    return int(text)


def _size(text: str) -> int:
    if not text.strip().isdigit() or len(text.strip()) > 18:
        raise ValueError("it is a whole number of bytes from 0")
    return int(text)


def _switch(text: str) -> bool:
    word = {"true": "on", "1": "on", "yes": "on", "false": "off", "0": "off", "no": "off"}
    return _one_of("on", "off")(word.get(text.strip().lower(), text)) == "on"


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _origins(text: str) -> tuple[str, ...]:
    """Return the origins of a list: a JSON array of strings, or separated by commas."""
    listed = json.loads(text) if text.startswith("[") else text.split(",")
    origins = tuple(str(one).strip().rstrip("/") for one in listed)
    for origin in origins:
        parts = urlsplit(origin)
        is_origin = parts.scheme in ("http", "https") and origin.endswith(f"://{parts.netloc}")
        if not (is_origin and is_loopback(parts.hostname or "")):
            raise ValueError("each is that of a page on this machine, like http://localhost:3000")
    return origins


def _words(text: str) -> tuple[str, ...]:
    """Return a program and its arguments; no shell reads them."""
    listed = json.loads(text) if text.strip() else []
    if not isinstance(listed, list) or not all(isinstance(one, str) and one for one in listed):
        raise ValueError('it is a JSON array of texts, like ["notify-send", "Flowtrace"]')
    return tuple(listed)


def _embedder(text: str) -> str:
    choice = text.strip()
    backend, _, model = choice.partition(":")
    if choice not in ("minilm", "off") and not (backend == "sentence-transformers" and model):
        raise ValueError("it is minilm, sentence-transformers:<name or path>, or off")
    return choice


def _auth(text: str) -> str:
    word = {"1": "true", "yes": "true", "on": "true", "0": "false", "no": "false", "off": "false"}
    return _one_of("false", "true", "strict")(word.get(text.strip().lower(), text))


OPTIONS: Final = (
    Option(
        field="db_path",
        section="storage",
        parse=_path,
        help="database file; default flowtrace.db in the data folder",
    ),
    Option(
        field="host",
        section="server",
        parse=str.strip,
        help="address to listen on; anything but loopback needs require_auth strict",
    ),
    Option(field="port", section="server", parse=_port, help="REST and MCP over HTTP"),
    Option(field="otlp_http_port", section="ingest", parse=_port, help="OTLP over HTTP"),
    Option(field="otlp_grpc_port", section="ingest", parse=_port, help="OTLP over gRPC"),
    Option(
        field="listener",
        section="server",
        parse=_one_of("auto", "off", "required"),
        help="auto: the first process listens; off: never; required: refuse to start without",
    ),
    Option(
        field="require_auth",
        section="auth",
        parse=_auth,
        help="true: all but health and OTLP needs the token; strict: OTLP too; false: nothing",
    ),
    Option(
        field="api_key",
        section="auth",
        parse=str.strip,
        help="a token of your own instead of the one in the data folder",
    ),
    Option(
        field="tools",
        section="server",
        parse=_one_of("core", "memory", "observe", "all"),
        help="which MCP tools to offer; core is the five of the README",
    ),
    Option(
        field="project",
        section="memory",
        parse=str.strip,
        help="name of the project, instead of the repository's identity",
    ),
    Option(
        field="embedder",
        section="memory",
        parse=_embedder,
        help="minilm, sentence-transformers:<name or path>, or off for text search alone",
    ),
    Option(
        field="memory_mirror",
        section="memory",
        parse=_switch,
        help="on: Claude Code's own MEMORY.md and ours tell each other what they hold; off: not",
    ),
    Option(
        field="redact",
        section="memory",
        parse=parse_redaction_list,
        help="a list of words and `/expressions/` to take out of memories, besides secrets",
    ),
    Option(
        field="log_level",
        section="observability",
        parse=_one_of("debug", "info", "warning", "error"),
        help="how much goes to stderr and the log file",
    ),
    Option(
        field="self_traces",
        section="observability",
        parse=_one_of("on", "off", "content"),
        help="on: calls of our own tools are spans, without texts; content: with them; off: none",
    ),
    Option(
        field="forward_endpoint",
        section="observability",
        parse=str.strip,
        help="URL of another OTLP/HTTP receiver; who listens sends on to it what is stored",
    ),
    Option(
        field="forward_headers",
        section="observability",
        parse=str.strip,
        help="headers for it, name=value,name=value, as OTEL_EXPORTER_OTLP_HEADERS has them",
    ),
    Option(
        field="budget_command",
        section="observability",
        parse=_words,
        help='a program for budgets that run it, as a JSON array: ["notify-send", "Flowtrace"]',
    ),
    Option(
        field="span_durability",
        section="storage",
        parse=_one_of("full", "normal"),
        help="full: an acknowledged span survives a power cut; normal: it may not",
    ),
    Option(
        field="span_search",
        section="observability",
        parse=_switch,
        help="on: the words of spans are indexed, some 80 bytes a span; off: the index is emptied",
    ),
    Option(
        field="retention_days",
        section="storage",
        parse=_count,
        help="spans, log records and points older than this go, memories never; 0: all are kept",
    ),
    Option(
        field="retention_bytes",
        section="storage",
        parse=_size,
        help="the oldest of them go until the file holds no more bytes; 0: it may grow",
    ),
    Option(
        field="backup_hours",
        section="storage",
        parse=_count,
        help="a backup every so many hours, by whoever listens; 0: none by the clock",
    ),
    Option(
        field="backup_keep",
        section="storage",
        parse=_positive,
        help="how many backups by the clock are kept; those you made stay",
    ),
    Option(
        field="backup_compress",
        section="storage",
        parse=_switch,
        help="on: backups by the clock are packed with zstd; off: plain database files",
    ),
    Option(
        field="backup_passphrase_file",
        section="storage",
        parse=_path,
        help="file whose first line is a passphrase that encrypts backups by the clock",
    ),
    Option(
        field="max_body_bytes",
        section="ingest",
        parse=_positive,
        help="largest OTLP body, after decompression",
    ),
    Option(
        field="cors_origins",
        section="ingest",
        parse=_origins,
        help="pages on this machine that may send OTLP from a browser: http://localhost:3000, ...",
    ),
)


def default_home(environ: Mapping[str, str], platform: str) -> Path:
    """Return the platform's data folder for Flowtrace.

    Args:
        environ: Environment variables; ``XDG_DATA_HOME``, ``APPDATA`` and ``HOME`` count.
        platform: As ``sys.platform`` says.
    """
    user = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    if platform == "win32":
        return Path(environ.get("APPDATA") or user / "AppData" / "Roaming") / "Flowtrace"
    if platform == "darwin":
        return user / "Library" / "Application Support" / "Flowtrace"
    return Path(environ.get("XDG_DATA_HOME") or user / ".local" / "share") / "Flowtrace"


def load_settings(
    environ: Mapping[str, str] = os.environ, *, db_path: Path | None = None
) -> Settings:
    """Return the settings of this process.

    Args:
        environ: Environment variables.
        db_path: What the command line said; wins over everything.

    Raises:
        SettingsError: The file cannot be read, or a value breaks its rule.
    """
    home_text = environ.get("FLOWTRACE_HOME", "")
    home = _path(home_text) if home_text else default_home(environ, sys.platform).absolute()
    values = _from_file(home / SETTINGS_FILE)
    for option in OPTIONS:
        text = environ.get(option.variable, "")
        if text:
            values[option.field] = _parsed(option, text, option.variable)
    if db_path is not None:
        values["db_path"] = db_path.absolute()
    values.setdefault("db_path", home / DATABASE_FILE)
    settings = Settings(home=home, **values)
    _refuse_open_door(settings)
    return settings


def _from_file(path: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"cannot read {SETTINGS_FILE} in the data folder",
            why=str(error) if isinstance(error, tomllib.TOMLDecodeError) else "it is not readable",
            mend="correct or remove the file",
        ) from error
    known = {(option.section, option.field): option for option in OPTIONS}
    values: dict[str, Any] = {}
    for section, table in tables.items():
        for key, value in table.items() if isinstance(table, dict) else ((section, table),):
            option = known.get((section, key))
            if option is None:
                raise SettingsError(
                    f"{SETTINGS_FILE} has an unknown setting [{section}] {key}",
                    why="settings are " + ", ".join(f"[{s}] {k}" for s, k in known),
                    mend="correct its name or remove it",
                )
            values[option.field] = _parsed(option, _as_text(value), f"[{section}] {key}")
    return values


def _as_text(value: Any) -> str:
    """Return a value of the file as an environment variable would hold it."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, list) else str(value)


def _parsed(option: Option, text: str, place: str) -> Any:
    try:
        return option.parse(text)
    except ValueError as error:
        shown = "" if option.field in SECRET_FIELDS else f" {text[:80]!r}"
        raise SettingsError(
            f"{place} cannot be{shown}", why=str(error), mend="correct or remove it"
        ) from error


def is_loopback(host: str) -> bool:
    """Say whether an address of ours is reachable from this machine only."""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _refuse_open_door(settings: Settings) -> None:
    if not is_loopback(settings.host) and settings.require_auth != "strict":
        raise SettingsError(
            f"FLOWTRACE_HOST cannot be {settings.host!r} with FLOWTRACE_REQUIRE_AUTH="
            f"{settings.require_auth}",
            why="anything but loopback needs the token on every route, OTLP included",
            mend="set FLOWTRACE_REQUIRE_AUTH=strict, or listen on 127.0.0.1",
        )
