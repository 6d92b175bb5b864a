"""The whole of `flowtrace hook` as an agent runs it: send one event on, answer, never fail.

An agent waits for this process at every tool call, so it imports next to nothing: no argparse,
no json, no settings (`bench/hooks.py`). What it is given it passes on as it stands; the process
that listens understands it.
"""

import _socket  # what `socket` is made of: that module takes a quarter of an empty process
import os
import select
import sys
import time

from flowtrace_mcp.services.own_process import may_be_ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    # Agent, event, folder and project to what the agent is told; see ``hook_alone``.
    AnswerAlone = Callable[[str, bytes, str, str], bytes]

SPOOL_FILE = "hooks.spool"
_SPOOL_TRIES = 4
SPOOL_LIMIT_BYTES = 64 * 1024 * 1024
EVENT_LIMIT_BYTES = 16 * 1024 * 1024
ANSWER_LIMIT_S = 0.045
# What a person has just typed is worth more patience where memory has something to say, and a
# session begins but once.
ASKING_LIMIT_S = 0.15
BEGINNING_LIMIT_S = 0.5
_BEGINNING = (b'"SessionStart"', b'"sessionStart"', b'"TaskStart"', b'"TaskResume"')
_ASKING = (b'"UserPromptSubmit"', b'"BeforeAgent"')
# With the last turn of a session that nobody attends, Claude Code ends what still runs in the
# background: the hook of a tool that began 50 ms ago among it, with what that tool answered.
LINGER_S = 0.3
_UNATTENDED = "CLAUDE_CODE_SESSION_ATTENDED"  # "0" there
_LAST = (b'"Stop"', b'"StopFailure"')
ANSWER_LIMIT_BYTES = 256 * 1024
# An agent that keeps the pipe open and silent is not waited for.
SILENCE_LIMIT_S = 2.0
_LEAST_S = 0.001  # a timeout of 0 would not wait at all, a negative one is an error
_HEAD_BYTES = 4096  # an event says its name before its contents
_CHUNK_BYTES = 1024 * 1024
_LISTENER_FILE = "listener.json"
_SETTINGS_FILE = "flowtrace.toml"
_DECIDING_SETTINGS = (b"api_key", b"host")  # those that say how the listener is reached
_PREFIX = b'{"hook":'  # of every answer: another program's is told by its lack
_UNKEPT = b',"kept":false}'  # the end of an answer that came before the disk's
_NONE = (b"", False)

# What an agent takes for "nothing to say"; the rest take no output at all.
NOTHING = {"gemini": b"{}", "cursor": b"{}", "cline": b'{"cancel": false}'}
_SILENT_OF_FOLDER = ("windsurf",)  # whose events do not say where the agent works
AGENTS = ("claude-code", "codex", "gemini", "cursor", "windsurf", "cline")


def main(
    agent: str,
    environ: "Mapping[str, str]" = os.environ,
    answer_alone: "AnswerAlone | None" = None,
) -> int:
    """Take an event from stdin and write the answer to stdout; return 0, whatever happens."""
    nothing = NOTHING.get(agent, b"")
    try:
        if agent not in AGENTS:
            os.write(2, f"flowtrace hook: the agent is one of {', '.join(AGENTS)}\n".encode())
            return 0
        answer = deliver(agent, _read_stdin(), environ, answer_alone)
    except Exception:  # noqa: BLE001 - the outer edge: an agent's work never stops for us
        answer = b""
    try:
        _write_stdout(answer or nothing)
    except OSError:  # nobody listens to the answer
        return 0
    return 0


def deliver(
    agent: str,
    event: bytes,
    environ: "Mapping[str, str]",
    answer_alone: "AnswerAlone | None" = None,
) -> bytes:
    """Send an event to the listener, or else keep it in the spool.

    Args:
        agent: One of ``AGENTS``.
        event: What the agent wrote.
        environ: Environment variables.
        answer_alone: Says what memory has for a session that begins while nobody listens, as
            the only one does: its server starts with it.

    Returns:
        What to tell the agent; empty for nothing.
    """
    if not event.strip():
        return b""
    time_us = time.time_ns() // 1000
    folder = environ.get("CLAUDE_PROJECT_DIR") or environ.get("GEMINI_PROJECT_DIR") or ""
    if not folder and agent in _SILENT_OF_FOLDER:
        folder = _cwd()
    project = environ.get("FLOWTRACE_PROJECT", "")
    home = data_folder(environ, sys.platform)
    query = f"time_us={time_us}&folder={_quoted(folder)}&project={_quoted(project)}"
    sent = _send(home, f"/api/v1/hooks/{agent}?{query}", event, environ)
    answer, is_kept = sent or _NONE
    if not is_kept:
        spool(home, spool_line(time_us, agent, folder, project, event))
    if environ.get(_UNATTENDED) == "0" and _names(event, _LAST):
        time.sleep(LINGER_S)
    if sent is None and answer_alone is not None and _names(event, _BEGINNING):
        return answer_alone(agent, event, folder, project)
    return answer


def data_folder(environ: "Mapping[str, str]", platform: str) -> str:
    """Return the data folder, as ``settings`` would without importing it."""
    told = environ.get("FLOWTRACE_HOME", "")
    if told:
        return os.path.abspath(os.path.expanduser(told))
    user = environ.get("HOME") or os.path.expanduser("~")
    if platform == "win32":
        return os.path.join(environ.get("APPDATA") or f"{user}/AppData/Roaming", "Flowtrace")
    if platform == "darwin":
        return f"{user}/Library/Application Support/Flowtrace"
    return f"{environ.get('XDG_DATA_HOME') or user + '/.local/share'}/Flowtrace"


def spool_line(time_us: int, agent: str, folder: str, project: str, event: bytes) -> bytes:
    """Return one line of the spool; what may hold any bytes stands in base 64."""
    from binascii import b2a_base64

    parts = (folder.encode("utf-8", "surrogateescape"), project.encode("utf-8", "replace"), event)
    coded = b" ".join(b2a_base64(part, newline=False) or b"-" for part in parts)
    return b"1 %d %s %s\n" % (time_us, agent.encode(), coded)


def spool(home: str, line: bytes) -> bool:
    """Append a line to the spool in one write; say whether there was room.

    A line begins on a fresh one, so that what another writer left torn spoils itself alone. Who
    takes the file up renames it first: if that happened meanwhile, the line is written again.
    They are compared while ours is open, for the number of a file that is gone serves the next.
    """
    os.makedirs(home, mode=0o700, exist_ok=True)
    path = f"{home}/{SPOOL_FILE}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    for _ in range(_SPOOL_TRIES):
        file = os.open(path, flags, 0o600)
        try:
            held = os.fstat(file)
            if held.st_size + len(line) > SPOOL_LIMIT_BYTES:
                return False
            os.write(file, b"\n" + line)
            if os.stat(path).st_ino == held.st_ino:
                return True
        except FileNotFoundError:
            continue
        finally:
            os.close(file)
    return True


def _send(
    home: str, target: str, event: bytes, environ: "Mapping[str, str]"
) -> tuple[bytes, bool] | None:
    """Return the listener's answer and whether it has the event; None when nobody listens."""
    try:
        listener = _find_listener(home, environ)
        return None if listener is None else _ask(*listener, target, event)
    except ConnectionRefusedError:
        return None
    except (OSError, ValueError):
        return _NONE


def _find_listener(home: str, environ: "Mapping[str, str]") -> tuple[str, int, str] | None:
    """Return host, port and token of the process that listens; None when it has ended."""
    told = _read(f"{home}/{_LISTENER_FILE}")
    port, pid = _number(told, b'"rest":'), _number(told, b'"pid":')
    if not port or not may_be_ours(pid):
        return None
    kept = _read(f"{home}/{_SETTINGS_FILE}")
    if any(name in kept for name in _DECIDING_SETTINGS):
        host, token = _settled(environ)
    else:
        host, token = environ.get("FLOWTRACE_HOST", ""), environ.get("FLOWTRACE_API_KEY", "")
    return host or "127.0.0.1", port, token or _read(f"{home}/token").decode("ascii").strip()


def _settled(environ: "Mapping[str, str]") -> tuple[str, str]:
    """Return host and key where the settings file says them, at the price of reading it."""
    from flowtrace_mcp.errors import FlowtraceError
    from flowtrace_mcp.settings import load_settings

    try:
        settings = load_settings(environ)
    except FlowtraceError as error:
        raise ValueError from error
    return settings.host, settings.api_key


def _ask(host: str, port: int, token: str, target: str, event: bytes) -> tuple[bytes, bool]:
    limit_s = _limit_s(event)
    until_s = time.monotonic() + limit_s
    family = _socket.AF_INET6 if ":" in host else _socket.AF_INET
    connection = _socket.socket(family, _socket.SOCK_STREAM)
    try:
        connection.settimeout(limit_s)
        connection.connect((host, port))
        connection.settimeout(max(until_s - time.monotonic(), _LEAST_S))
        connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        head = (
            f"POST {target} HTTP/1.1\r\nHost: localhost:{port}\r\n{authorization}"
            "Content-Type: application/json\r\nConnection: close\r\n"
            f"Content-Length: {len(event)}\r\n\r\n"
        )
        connection.sendall(head.encode("ascii") + event)
        answer = b""
        while len(answer) < ANSWER_LIMIT_BYTES and (left_s := until_s - time.monotonic()) > 0:
            connection.settimeout(left_s)
            chunk = connection.recv(65536)
            answer += chunk
            said = answer_in(answer)
            if said is not None:
                return said
            if not chunk:
                break
    finally:
        connection.close()
    return _NONE


def _limit_s(event: bytes) -> float:
    """Return how long the listener's answer to an event is waited for."""
    if _names(event, _BEGINNING):
        return BEGINNING_LIMIT_S
    return ASKING_LIMIT_S if _names(event, _ASKING) else ANSWER_LIMIT_S


def _names(event: bytes, names: tuple[bytes, ...]) -> bool:
    """Say whether an event is one of these."""
    return any(name in event[:_HEAD_BYTES] for name in names)


def answer_in(answer: bytes) -> tuple[bytes, bool] | None:
    """Return what an HTTP answer tells the agent, and whether the event is on disk.

    Returns:
        None while it is incomplete, and for an answer that is not ours.
    """
    head, _, body = answer.partition(b"\r\n\r\n")
    size = _number(head.lower(), b"content-length:")
    if not head.startswith(b"HTTP/1.1 200 ") or not size or len(body) < size:
        return None
    if not body.startswith(_PREFIX) or not body.endswith(b"}"):
        return None
    is_kept = not body.endswith(_UNKEPT)
    said = body[len(_PREFIX) : -1 if is_kept else -len(_UNKEPT)]
    return (b"" if said == b"null" else said), is_kept


def _read_stdin() -> bytes:
    """Return what is written to us, cut at the limit; all of it is taken, so no writer fails."""
    kept: list[bytes] = []
    size = 0
    while select.select([0], [], [], SILENCE_LIMIT_S)[0] if os.name == "posix" else True:
        chunk = os.read(0, _CHUNK_BYTES)
        if not chunk:
            break
        if size < EVENT_LIMIT_BYTES:
            kept.append(chunk[: EVENT_LIMIT_BYTES - size])
        size += len(chunk)
    return b"".join(kept)


def _write_stdout(answer: bytes) -> None:
    while answer:
        answer = answer[os.write(1, answer) :]


def _read(path: str) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(file, 65536)
    finally:
        os.close(file)


def _number(text: bytes, name: bytes) -> int:
    """Return the number that follows a name, 0 when none does."""
    digits = text.partition(name)[2].lstrip()[:20]
    end = next((at for at, byte in enumerate(digits) if not 48 <= byte <= 57), len(digits))
    return int(digits[:end] or b"0")


def _quoted(text: str) -> str:
    """Return text as it may stand in an address, every byte of it coded."""
    coded = text.encode("utf-8", "surrogateescape").hex("%")
    return f"%{coded}" if coded else ""


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:  # the folder is gone
        return ""
