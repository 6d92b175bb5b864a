"""Asking the process of ours that owns the listener, over loopback."""

import base64
import http.client
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.services.own_process import may_be_ours
from flowtrace_mcp.settings import Settings

LISTENER_FILE: Final = "listener.json"
ANSWER_LIMIT_S: Final = 5.0
ANSWER_LIMIT_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Where the listener of a data folder is."""

    host: str
    port: int
    pid: int


def find_owner(settings: Settings) -> Owner | None:
    """Return where the listener said it is; it may have ended since."""
    try:
        told = json.loads((settings.home / LISTENER_FILE).read_text(encoding="utf-8"))
        return Owner(host=settings.host, port=int(told["ports"]["rest"]), pid=int(told["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def ask(
    settings: Settings, owner: Owner, method: str, path: str, body: object = None
) -> dict[str, Any] | None:
    """Return the owner's JSON answer, or None when there is none to be had.

    A token goes with the question, so none is asked once the owner has ended.
    """
    if not may_be_ours(owner.pid):
        return None
    headers = {"Content-Type": "application/json"}
    token = settings.api_key or _token(settings.token_path)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection(owner.host, owner.port, timeout=ANSWER_LIMIT_S)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, body=sent, headers=headers)
        answer = connection.getresponse()
        content = answer.read(ANSWER_LIMIT_BYTES)
        found = json.loads(content) if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return found if isinstance(found, dict) else None


def _token(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def encode_remotely(settings: Settings, texts: Sequence[str]) -> list[VectorCode] | None:
    """Return codes made by the listener's owner.

    Returns:
        One code a text; none at all when the owner has no model ready; None when there is no
        owner to ask.
    """
    owner = find_owner(settings)
    if owner is None or owner.pid == os.getpid():
        return None
    answer = ask(settings, owner, "POST", "/api/v1/embed", {"texts": list(texts)})
    codes = None if answer is None else _codes(answer)
    return None if codes and len(codes) != len(texts) else codes


def _codes(answer: dict[str, Any]) -> list[VectorCode] | None:
    """Return the codes of an answer; None when it is another program that holds the port now."""
    try:
        return [
            VectorCode(
                embedder=str(code["embedder"]),
                sign_code=base64.b64decode(code["sign"], validate=True),
                int8_code=base64.b64decode(code["int8"], validate=True),
                scale=float(code["scale"]),
            )
            for code in answer["codes"]
        ]
    except (KeyError, TypeError, ValueError):
        return None
