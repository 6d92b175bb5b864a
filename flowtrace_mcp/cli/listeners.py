"""Which process listens, as a command sees it from outside."""

import http.client
import json
from typing import Any, Final

from flowtrace_mcp.cli.program import Program
from flowtrace_mcp.services.loopback import LISTENER_FILE, find_owner
from flowtrace_mcp.services.status import ListenerFacts
from flowtrace_mcp.settings import Settings

HEALTH_LIMIT_S: Final = 2.0
HEALTH_LIMIT_BYTES: Final = 64 * 1024


def seen_listener(program: Program) -> ListenerFacts:
    """Return who serves which port: this process, or the one of ours that answers.

    Raises:
        FlowtraceError: The settings or the file are wrong.
    """
    own = program.listener_facts()
    owner = find_owner(program.settings)
    if own.owner_pid is not None or owner is None:
        return own
    health = read_health(owner.host, owner.port)
    if health.get("data_folder_id") != program.context().store.data_folder_id:
        return own
    ports, problems = _told(program.settings)
    return ListenerFacts(
        owner_pid=owner.pid,
        rest_port=owner.port,
        otlp_http_port=ports.get("otlp_http"),
        otlp_grpc_port=ports.get("otlp_grpc"),
        problems=(*own.problems, *problems),
    )


def read_health(host: str, port: int) -> dict[str, Any]:
    """Return what ``/health`` of a port says; {} when it is no Flowtrace.

    No token goes with it: who answers is not known yet.
    """
    connection = http.client.HTTPConnection(host, port, timeout=HEALTH_LIMIT_S)
    try:
        connection.request("GET", "/health")
        said = json.loads(connection.getresponse().read(HEALTH_LIMIT_BYTES))
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return said if isinstance(said, dict) and "data_folder_id" in said else {}


def _told(settings: Settings) -> tuple[dict[str, int], list[str]]:
    """Return the ports that the listener's owner serves, and what it could not do."""
    try:
        told = json.loads((settings.home / LISTENER_FILE).read_text(encoding="utf-8"))
        ports = {name: int(port) for name, port in told["ports"].items() if port}
        return ports, [str(problem) for problem in told.get("problems", ())]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, []
