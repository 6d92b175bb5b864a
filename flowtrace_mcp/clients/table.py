"""Every editor and agent that we know: where its configuration lies, and what stands in it for us.

The places and shapes are those of each client's documents; README.md and docs/install.md say which
were tried with the client itself.
"""

import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

Form = Literal["json", "toml"]
Scope = Literal["user", "project"]
SERVER: Final = "flowtrace"
_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things are on this machine."""

    home: Path
    project: Path
    system: str  # Linux, Darwin or Windows
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """Return the folder of programs' settings of this person."""
        if self.system == "Windows":
            return Path(self.environ.get("APPDATA") or self.home / "AppData/Roaming")
        if self.system == "Darwin":
            return self.home / "Library/Application Support"
        return self.xdg

    @property
    def xdg(self) -> Path:
        """Return the same where a program follows XDG on every system."""
        return Path(self.environ.get("XDG_CONFIG_HOME") or self.home / ".config")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something of ours in a file of a client's."""

    path: Path
    form: Form
    keys: tuple[str, ...]
    value: Any
    is_item: bool = False  # of the array at ``keys``, among others
    gives_way: bool = False  # another value that is there is a person's own, and stays
    decides: bool = False  # and where it does, the whole part stays out


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How we are started and reached."""

    server: tuple[str, ...]  # the command of the MCP server
    hook: tuple[str, ...]  # the command of a hook, to which the agent's name is added
    otlp: str  # address of the OTLP/HTTP port
    token: str = ""  # that OTLP needs, "" = none
    system: str = "Linux"

    def hook_line(self, agent: str) -> str:
        """Return the command line of an agent's hook."""
        words = [*self.hook, agent]
        return subprocess.list2cmdline(words) if self.system == "Windows" else shlex.join(words)


def stdio_of(program: Program) -> dict[str, Any]:
    """Return how most clients say that a server is started."""
    command, *arguments = program.server
    return {"command": command, "args": arguments} if arguments else {"command": command}


_Files = Callable[[Places], Sequence[Path]]
_Say = Callable[["Client", Places, Program], Sequence[Entry]]


def _nowhere(_: Places) -> Sequence[Path]:
    return ()


def _nothing(_client: "Client", _places: Places, _program: Program) -> Sequence[Entry]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client and how it is told about us.

    Attributes:
        name: As it is typed.
        title: As people call it.
        signs: Folders or files that are there where it is installed.
        user: Its files for a person.
        project: Its files for a project; none = it has none.
        keys: Where the MCP server stands in them.
        server: What stands there.
        form: Of the files.
        hooks: Entries that declare hooks.
        telemetry: Entries that send OpenTelemetry to us.
        agent: What `flowtrace hook` calls it, "" = it has no hooks that we can declare.
        seen_as: Names under which its spans arrive.
        plugins: Files that say which plugins are enabled, for a client that has one of ours.
    """

    name: str
    title: str
    signs: _Files
    user: _Files
    project: _Files = _nowhere
    keys: tuple[str, ...] = ("mcpServers", SERVER)
    server: Callable[[Program], Any] = stdio_of
    form: Form = "json"
    hooks: _Say = _nothing
    telemetry: _Say = _nothing
    agent: str = ""
    seen_as: tuple[str, ...] = ()
    plugins: _Files = _nowhere

    def server_entries(self, places: Places, program: Program, scope: Scope) -> list[Entry]:
        """Return what starts our MCP server; nothing where a scope does not exist."""
        files = self.user(places) if scope == "user" else self.project(places)
        value = self.server(program)
        return [Entry(path=path, form=self.form, keys=self.keys, value=value) for path in files]


def _typed(program: Program) -> dict[str, Any]:
    return {"type": "stdio", **stdio_of(program)}


def _claude_folder(places: Places) -> Path:
    told = places.environ.get("CLAUDE_CONFIG_DIR")
    return Path(told) if told else places.home / ".claude"


def _claude_file(places: Places) -> Path:
    told = places.environ.get("CLAUDE_CONFIG_DIR")
    return Path(told) / ".claude.json" if told else places.home / ".claude.json"


def _claude_settings(places: Places) -> Path:
    return _claude_folder(places) / "settings.json"


def _gemini_file(places: Places) -> Path:
    return places.home / ".gemini/settings.json"


def _codex_hooks_file(places: Places) -> Path:
    return _codex_folder(places) / "hooks.json"


def _codex_folder(places: Places) -> Path:
    return Path(places.environ.get("CODEX_HOME") or places.home / ".codex")


CLAUDE_EVENTS: Final = (
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "Stop",
    "SessionEnd",
)
CODEX_EVENTS: Final = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop")
GEMINI_EVENTS: Final = (
    "SessionStart",
    "SessionEnd",
    "BeforeAgent",
    "AfterAgent",
    "BeforeTool",
    "AfterTool",
)
CURSOR_EVENTS: Final = (
    "sessionStart",
    "sessionEnd",
    "beforeSubmitPrompt",
    "preToolUse",
    "postToolUse",
    "postToolUseFailure",
    "afterAgentResponse",
    "stop",
)
# An action is told after it was done, so that nothing waits for us before.
WINDSURF_EVENTS: Final = (
    "pre_user_prompt",
    "post_read_code",
    "post_write_code",
    "post_run_command",
    "post_mcp_tool_use",
    "post_cascade_response",
)


def _hooks_at(file: Callable[[Places], Path], events: Sequence[str]) -> _Say:
    """Return what declares hooks in the form that Claude Code, Codex and Gemini CLI share."""

    def say(client: Client, places: Places, program: Program) -> Sequence[Entry]:
        item = {"hooks": [{"type": "command", "command": program.hook_line(client.agent)}]}
        return _items(file(places), events, item)

    return say


def _items(path: Path, events: Sequence[str], item: Any) -> list[Entry]:
    return [
        Entry(path=path, form="json", keys=("hooks", event), value=item, is_item=True)
        for event in events
    ]


def _cursor_hooks(client: Client, places: Places, program: Program) -> Sequence[Entry]:
    path = places.home / ".cursor/hooks.json"
    version = Entry(path=path, form="json", keys=("version",), value=1, gives_way=True)
    return [version, *_items(path, CURSOR_EVENTS, {"command": program.hook_line(client.agent)})]


def _windsurf_hooks(client: Client, places: Places, program: Program) -> Sequence[Entry]:
    path = places.home / ".codeium/windsurf/hooks.json"
    item = {"command": program.hook_line(client.agent), "show_output": False}
    return _items(path, WINDSURF_EVENTS, item)


def claude_variables(otlp: str, token: str = "") -> dict[str, str]:
    """Return what switches Claude Code's export on toward an address."""
    said = {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        _ENDPOINT: otlp,
        "OTEL_LOG_USER_PROMPTS": "1",
        "OTEL_LOG_TOOL_DETAILS": "1",
    }
    if token:
        said["OTEL_EXPORTER_OTLP_HEADERS"] = f"Authorization=Bearer {token}"
    return said


def codex_telemetry(otlp: str, token: str = "") -> dict[str, Any]:
    """Return the table ``otel`` of Codex for an address."""

    def exporter(signal: str) -> dict[str, Any]:
        said: dict[str, Any] = {"endpoint": f"{otlp}/v1/{signal}", "protocol": "binary"}
        if token:
            said["headers"] = {"Authorization": f"Bearer {token}"}
        return {"otlp-http": said}

    return {"trace_exporter": exporter("traces"), "exporter": exporter("logs")}


def gemini_telemetry(otlp: str) -> dict[str, Any]:
    """Return the setting ``telemetry`` of Gemini CLI for an address."""
    return {"enabled": True, "traces": True, "otlpProtocol": "http", "otlpEndpoint": otlp}


def _claude_telemetry(_: Client, places: Places, program: Program) -> Sequence[Entry]:
    return [
        Entry(
            path=_claude_settings(places),
            form="json",
            keys=("env", name),
            value=value,
            gives_way=True,
            decides=name == _ENDPOINT,
        )
        for name, value in claude_variables(program.otlp, program.token).items()
    ]


def _codex_telemetry(_: Client, places: Places, program: Program) -> Sequence[Entry]:
    return [
        Entry(
            path=_codex_folder(places) / "config.toml",
            form="toml",
            keys=("otel",),
            value=codex_telemetry(program.otlp, program.token),
            gives_way=True,
            decides=True,
        )
    ]


def _gemini_telemetry(_: Client, places: Places, program: Program) -> Sequence[Entry]:
    return [
        Entry(
            path=_gemini_file(places),
            form="json",
            keys=("telemetry",),
            value=gemini_telemetry(program.otlp),
            gives_way=True,
            decides=True,
        )
    ]


CLIENTS: Final = (
    Client(
        name="claude-code",
        title="Claude Code",
        signs=lambda places: (_claude_folder(places), _claude_file(places)),
        user=lambda places: (_claude_file(places),),
        project=lambda places: (places.project / ".mcp.json",),
        server=_typed,
        hooks=_hooks_at(_claude_settings, CLAUDE_EVENTS),
        telemetry=_claude_telemetry,
        agent="claude-code",
        seen_as=("claude-code",),
        plugins=lambda places: (_claude_settings(places),),
    ),
    Client(
        name="cursor",
        title="Cursor",
        signs=lambda places: (places.home / ".cursor",),
        user=lambda places: (places.home / ".cursor/mcp.json",),
        project=lambda places: (places.project / ".cursor/mcp.json",),
        hooks=_cursor_hooks,
        agent="cursor",
        seen_as=("cursor",),
    ),
    Client(
        name="windsurf",
        title="Devin Desktop (was Windsurf)",
        signs=lambda places: (_devin(places), places.home / ".codeium/windsurf"),
        user=lambda places: (
            _devin(places) / "mcp_config.json",
            places.home / ".codeium/windsurf/mcp_config.json",
        ),
        project=lambda places: (places.project / ".devin/mcp_config.json",),
        hooks=_windsurf_hooks,
        agent="windsurf",
        seen_as=("windsurf",),
    ),
    Client(
        name="cline",
        title="Cline",
        signs=lambda places: (places.home / ".cline",),
        user=lambda places: (places.home / ".cline/data/settings/cline_mcp_settings.json",),
        server=lambda program: {"transport": _typed(program)},
        seen_as=("cline",),
    ),
    Client(
        name="vscode",
        title="VS Code",
        signs=lambda places: (places.config / "Code/User",),
        user=lambda places: (places.config / "Code/User/mcp.json",),
        project=lambda places: (places.project / ".vscode/mcp.json",),
        keys=("servers", SERVER),
        server=_typed,
    ),
    Client(
        name="codex",
        title="Codex",
        signs=lambda places: (_codex_folder(places),),
        user=lambda places: (_codex_folder(places) / "config.toml",),
        keys=("mcp_servers", SERVER),
        form="toml",
        hooks=_hooks_at(_codex_hooks_file, CODEX_EVENTS),
        telemetry=_codex_telemetry,
        agent="codex",
        seen_as=("codex", "codex_exec", "codex_cli_rs", "codex-cli"),
    ),
    Client(
        name="gemini",
        title="Gemini CLI",
        signs=lambda places: (places.home / ".gemini",),
        user=lambda places: (_gemini_file(places),),
        project=lambda places: (places.project / ".gemini/settings.json",),
        hooks=_hooks_at(_gemini_file, GEMINI_EVENTS),
        telemetry=_gemini_telemetry,
        agent="gemini",
        seen_as=("gemini-cli",),
    ),
    Client(
        name="opencode",
        title="opencode",
        signs=lambda places: (places.xdg / "opencode",),
        user=lambda places: (_opencode(places.xdg / "opencode"),),
        project=lambda places: (_opencode(places.project),),
        keys=("mcp", SERVER),
        server=lambda program: {"type": "local", "command": list(program.server)},
        seen_as=("opencode",),
    ),
    Client(
        name="claude-desktop",
        title="Claude Desktop",
        signs=lambda places: (places.config / "Claude",),
        user=lambda places: (places.config / "Claude/claude_desktop_config.json",),
    ),
)
BY_NAME: Final = {client.name: client for client in CLIENTS}


def _devin(places: Places) -> Path:
    return (places.config if places.system == "Windows" else places.xdg) / "devin"


def _opencode(folder: Path) -> Path:
    """Return the file that opencode reads: the one with comments where that is the one there."""
    with_comments = folder / "opencode.jsonc"
    return with_comments if with_comments.exists() else folder / "opencode.json"


def is_there(client: Client, places: Places) -> bool:
    """Say whether a client has left its signs on this machine."""
    return any(sign.exists() for sign in client.signs(places))


def started_by(value: Any) -> tuple[tuple[str, ...], Mapping[str, str]] | None:
    """Return the command and the variables by which a client starts a server.

    Args:
        value: What stands in its file, in any of the shapes that clients have.

    Returns:
        None when it starts none: the server is reached by a URL, or the shape is not known.
    """
    told = value.get("transport", value) if isinstance(value, dict) else None
    if not isinstance(told, dict):
        return None
    command, variables = told.get("command"), told.get("env") or told.get("environment") or {}
    words = [command, *(told.get("args") or ())] if isinstance(command, str) else command
    if not command or not isinstance(words, list) or not isinstance(variables, dict):
        return None
    return tuple(map(str, words)), {str(name): str(text) for name, text in variables.items()}
