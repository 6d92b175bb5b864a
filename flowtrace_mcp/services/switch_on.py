"""What an agent still has to switch on before its OpenTelemetry arrives, to be copied as it is."""

import json
from typing import Final

from flowtrace_mcp.clients.table import (
    BY_NAME,
    claude_variables,
    codex_telemetry,
    gemini_telemetry,
)
from flowtrace_mcp.clients.toml_tables import with_table
from flowtrace_mcp.services.client_traffic import traffic_of
from flowtrace_mcp.services.context import Context

# Instead of an address, while nothing listens where any free port would do.
NO_PORT: Final = "FLOWTRACE_OTLP_HTTP_PORT to a port that stays; 0 is another one at each start"
# Agent, as the answer calls it -> the client.
_AGENTS: Final = {"claude-code": "claude-code", "codex": "codex", "gemini-cli": "gemini"}


def switch_on(context: Context, otlp_http_port: int | None) -> dict[str, str]:
    """Return what is still off for agents whose newest sessions sent no OpenTelemetry.

    Hooks tell of tools and prompts alone: known by them, a session still lacks tokens and cost.

    Args:
        context: The means of the program.
        otlp_http_port: The port that is served, None = by nobody.
    """
    traffic = traffic_of(context, [BY_NAME[client] for client in _AGENTS.values()])
    port = otlp_http_port or context.settings.otlp_http_port
    return {
        agent: telemetry_variables(agent, port) if port else NO_PORT
        for agent, client in _AGENTS.items()
        if traffic[client].traces_us is None
    }


def telemetry_variables(agent: str, otlp_http_port: int) -> str:
    """Return exactly what switches on an agent's export toward a port of this machine."""
    otlp = f"http://127.0.0.1:{otlp_http_port}"
    match agent:
        case "claude-code":
            said = claude_variables(otlp).items()
            return " ".join(f"{name}={value}" for name, value in said)
        case "codex":
            table = with_table("", ("otel",), codex_telemetry(otlp)).rstrip()
            return f"in ~/.codex/config.toml:\n{table}"
        case _:
            setting = json.dumps(gemini_telemetry(otlp))
            return f'in ~/.gemini/settings.json:\n"telemetry": {setting}'
