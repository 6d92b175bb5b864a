"""What changes, as it changes: server-sent events of traces and sessions.

Each client reads on from its own place in the file at its own pace, so nothing is queued for it:
one that reads slowly gets the later state of what changed meanwhile, and one that reads not at all is
hung up on and may go on later from where it was.

Source: HTML Living Standard, section 9.2, https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from flowtrace_mcp.errors import BusyError
from flowtrace_mcp.rest.answers import to_json
from flowtrace_mcp.rest.declared import PROJECT, Declaration, DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.live import Changes, changes_after, last_change

LOOK_PERIOD_S: Final = 0.25
# Proxies and browsers hang up on what says nothing; a page that is gone is noticed as well.
SILENCE_S: Final = 15.0
SLOW_LIMIT_S: Final = 20.0  # a client that takes nothing for so long is hung up on
CLIENTS_MOST: Final = 64
RETRY_MS: Final = 1000

_SILENT: Final = b":\n\n"
_EVENTS: Final = "text/event-stream"
_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
_LAST_EVENT: Final = "last-event-id"
_AFTER: Final = Parameter(
    name="after",
    form="integer",
    least=0,
    means="go on after this event, as the header `Last-Event-ID` does; 0 is the beginning",
)


def stream_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes of the stream; one of them is where other systems have it."""
    clients = Clients()
    respond = partial(_respond, endpoints, clients)
    return [
        endpoints.responding(
            Declaration(
                method="GET",
                path=path,
                takes=(PROJECT, _AFTER),
                says=says,
                media_type=_EVENTS,
            ),
            respond,
        )
        for path, says in (
            ("/api/v1/stream", "traces and sessions as they change, as server-sent events"),
            ("/api/v1/traces/stream", "the same"),
        )
    ]


class Clients:
    """How many look on; not more than so many at a time."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Count one client for as long as it stays."""
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1


class LiveResponse(StreamingResponse):
    """A response without an end; a client that takes nothing of it is hung up on."""

    def __init__(self, events: AsyncIterator[bytes], clients: Clients) -> None:
        super().__init__(events, media_type=_EVENTS, headers=_HEADERS)
        self._clients = clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until either side goes."""

        async def send_soon(message: Message) -> None:
            async with asyncio.timeout(SLOW_LIMIT_S):
                await send(message)

        with self._clients.one_more(), suppress(TimeoutError):
            await super().__call__(scope, receive, send_soon)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    """One client: where it goes on, and how to look."""

    start: int | None  # None = from now on
    ask_last: Callable[[], int]
    ask_changes: Callable[[int], Changes]


def _respond(endpoints: Endpoints, clients: Clients, question: Question) -> Response:
    if clients.count >= CLIENTS_MOST:
        raise BusyError(
            "too many look on",
            why=f"at most {CLIENTS_MOST} streams are open at a time",
            mend="close other pages of the dashboard",
        )
    context = endpoints.open_context()
    watch = _Watch(
        start=_place(question),
        ask_last=partial(last_change, context),
        ask_changes=partial(changes_after, context, project=question.text(PROJECT)),
    )
    return LiveResponse(_events(endpoints, watch), clients)


def _place(question: Question) -> int | None:
    told = question.headers.get(_LAST_EVENT, "") or question.text(_AFTER)
    return int(told) if told.isascii() and told.isdigit() and len(told) < 19 else None


async def _events(endpoints: Endpoints, watch: _Watch) -> AsyncIterator[bytes]:
    ask = partial(asyncio.get_running_loop().run_in_executor, endpoints.workers)
    last = await ask(watch.ask_last)
    place = last if watch.start is None else watch.start
    yield f"retry: {RETRY_MS}\n".encode() + _event("ready", {"last": last}, place)
    silent_s = 0.0
    while True:
        if last < place:  # a backup has taken the place of the content
            place = last
            yield _event("reset", {"last": last}, place)
        elif last > place:
            changes = await ask(watch.ask_changes, place)
            place, silent_s = changes.last, 0.0
            yield _told(changes)
            if not changes.is_whole:
                continue
        await asyncio.sleep(LOOK_PERIOD_S)
        silent_s += LOOK_PERIOD_S
        if silent_s >= SILENCE_S:
            silent_s = 0.0
            yield _SILENT
        last = await ask(watch.ask_last)


def _told(changes: Changes) -> bytes:
    """Return events for all changes; the last of them has the number to go on from."""
    parts = [_event("session", session) for session in changes.sessions]
    parts += [_event("trace", trace, number) for number, trace in changes.traces]
    parts.append(_event("seen", {"last": changes.last}, changes.last))
    return b"".join(parts)


def _event(kind: str, data: object, number: int | None = None) -> bytes:
    head = f"event: {kind}\n" + ("" if number is None else f"id: {number}\n")
    return head.encode() + b"data: " + to_json(data) + b"\n\n"
