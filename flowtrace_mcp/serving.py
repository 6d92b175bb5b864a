"""The second half of the composition root: what the listener serves, joined together.

It imports Starlette and uvicorn, so ``app.py`` imports it late, on a thread; what answers is
imported by the process that has the ports.
"""

import ctypes
import gc
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from mcp.server.lowlevel import Server

from flowtrace_mcp.rest.access import AccessGate, AccessPolicy, grpc_admission
from flowtrace_mcp.rest.listener import Doors, GrpcServer, Listener
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.keys import KeyRing
from flowtrace_mcp.services.rates import RateLimiter
from flowtrace_mcp.services.status import ListenerFacts
from flowtrace_mcp.services.token import read_or_create_token
from flowtrace_mcp.settings import Settings

if TYPE_CHECKING:
    from flowtrace_mcp.ingest.pipeline import Pipeline

REST_WORKERS: Final = 4
# From here on a block of memory is one of its own, and goes back to the system when it is freed.
OWN_BLOCK_BYTES: Final = 1024 * 1024
_M_MMAP_THRESHOLD: Final = -3


def build_listener(
    context: Context,
    listener_facts: Callable[[], ListenerFacts],
    build_mcp: Callable[[], Server[Any]],
) -> Listener:
    """Return the listener of this process; it has taken no port yet.

    Args:
        context: The means of the program.
        listener_facts: Who serves which port.
        build_mcp: Returns an MCP server over the program.

    Raises:
        SettingsError: The token file cannot be used.
    """
    give_memory_back()
    # What the start has made stays; to look through it again and again takes 2.5 us a span.
    gc.freeze()
    settings = context.settings
    policy = replace(
        access_policy(settings),
        find_key=KeyRing(context).find,
        note=context.store.access.note,
        limiter=RateLimiter(),
        now_us=context.now_us,
    )
    open_doors = partial(_open_doors, context, policy, listener_facts, build_mcp)
    return Listener(settings, context.store.data_folder_id, open_doors, context.now_us)


def _open_doors(
    context: Context,
    policy: AccessPolicy,
    listener_facts: Callable[[], ListenerFacts],
    build_mcp: Callable[[], Server[Any]],
) -> Doors:
    from flowtrace_mcp.dashboard.routes import dashboard_routes
    from flowtrace_mcp.ingest.otlp_http import invite_browsers, otlp_http_app, refuse_as_status
    from flowtrace_mcp.ingest.pipeline import Pipeline
    from flowtrace_mcp.rest.endpoints import Endpoints
    from flowtrace_mcp.rest.mcp_http import mcp_route
    from flowtrace_mcp.rest.rest_app import rest_app

    settings = context.settings
    pipeline = Pipeline(context.store, context.now_us, context.prices, context.unsettled)
    endpoints = Endpoints(
        open_context=lambda: context,
        workers=ThreadPoolExecutor(REST_WORKERS, thread_name_prefix="flowtrace-rest"),
        limit_bytes=settings.max_body_bytes,
    )
    otlp = AccessGate(
        otlp_http_app(pipeline, settings), policy, is_otlp=True, refuse=refuse_as_status
    )
    beside = [mcp_route(build_mcp), *dashboard_routes()]
    return Doors(
        rest=rest_app(endpoints, pipeline, listener_facts, policy, extra_routes=beside),
        otlp_http=invite_browsers(otlp, settings.cors_origins),
        otlp_grpc=_grpc_opener(pipeline, settings, policy),
    )


def give_memory_back() -> None:
    """Let the memory of large bodies go back to the system.

    The allocator of glibc raises its own threshold to 32 MiB once such a block was freed; then
    bodies leave holes, and 200 of 60 MiB, eight at a time, left 260 MiB behind.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another libc
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, OWN_BLOCK_BYTES)


def access_policy(settings: Settings) -> AccessPolicy:
    """Return who may come in, making the token of the data folder when there is none.

    Raises:
        SettingsError: The token file cannot be used.
    """
    is_needed = settings.require_auth != "false" and not settings.api_key
    token = read_or_create_token(settings.token_path) if is_needed else settings.api_key
    return AccessPolicy(require_auth=settings.require_auth, token=token, host=settings.host)


def _grpc_opener(
    pipeline: "Pipeline", settings: Settings, policy: AccessPolicy
) -> Callable[[tuple[str, int]], GrpcServer]:
    admit = grpc_admission(policy)

    def open_grpc(address: tuple[str, int]) -> GrpcServer:
        # grpc costs 0.1 s to import: the HTTP ports are open before that.
        from flowtrace_mcp.ingest.otlp_grpc import OtlpGrpc

        return OtlpGrpc(pipeline, address, settings.max_body_bytes, admit)

    return open_grpc
