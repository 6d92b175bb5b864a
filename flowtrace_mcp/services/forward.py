"""Send on what is stored to another OTLP endpoint, from where it was left, until nothing is left.

The bookmark goes on after the endpoint has taken a batch: what is cut short is sent again, and
nothing is passed over. Only reading connections are used between bookmarks, so that what
arrives meanwhile is stored as quickly as ever.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar
from urllib.parse import urlsplit

from msgspec.structs import replace
from opentelemetry.util.re import parse_env_headers

from flowtrace_mcp.errors import AccessError, BusyError, FlowtraceError, InputError
from flowtrace_mcp.ingest.otlp_encoding import Clean, logs_request, metrics_request, trace_request
from flowtrace_mcp.ingest.otlp_sending import OtlpEndpoint, Sent
from flowtrace_mcp.model.forwarding import Forwarding, Signal
from flowtrace_mcp.model.redactor import Redactor
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.loopback import LISTENER_FILE, find_owner
from flowtrace_mcp.services.own_process import may_be_ours
from flowtrace_mcp.settings import Settings, is_loopback
from flowtrace_mcp.storage.forward_store import ForwardBatch
from flowtrace_mcp.storage.payloads import StoredPayload

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
# Longer than a request may take; who is killed blocks the next one for so long.
LEASE_US: Final = 45_000_000
_STEP_S: Final = 10.0  # the lease is renewed as often while an endpoint is waited for
_SIGNALS: Final = {Signal.SPANS: "traces", Signal.LOGS: "logs", Signal.POINTS: "metrics"}
# The endpoint says that it is about this request, so the batch is tried in halves.
_ABOUT_REQUEST: Final = frozenset((400, 413, 422))
_NOWHERE: Final = frozenset((301, 302, 307, 308, 404, 405, 415, 501))

_Item = TypeVar("_Item", StoredPayload, bytes)


@dataclass(slots=True, kw_only=True)
class Forwarded:
    """What one run has sent."""

    sent_count: int = 0
    rejected_count: int = 0  # refused by the endpoint, and not sent again
    unreadable_count: int = 0  # spans whose kept bytes are none
    redaction_count: int = 0
    message: str = ""  # why the endpoint refused, the first time


@dataclass(slots=True, kw_only=True)
class Forwarder:
    """Forwards to one endpoint.

    Attributes:
        context: The means of the program.
        endpoint: Where to.
        wait: Waits some seconds; says whether to stop at once.
        patience_s: How long an endpoint that does not answer is asked again.
        note: Is told of what was sent after every batch.
    """

    context: Context
    endpoint: OtlpEndpoint
    wait: Callable[[float], bool]
    patience_s: float
    note: Callable[[Forwarded], None] = lambda _: None
    done: Forwarded = field(default_factory=Forwarded)
    _owner: str = ""

    def run(self, since_us: int | None = None) -> Forwarded:
        """Send until nothing is left; return what has been sent since this was made.

        Args:
            since_us: Begin anew with what happened then or later; None = go on.

        Raises:
            BusyError: Another process forwards there, or the endpoint does not answer; what was
                not sent is sent the next time.
            AccessError: The endpoint does not let us in.
            InputError: There is no OTLP at the endpoint.
        """
        self._owner = self._owner or self.context.random_bytes(8).hex()
        self._hold()
        try:
            self._send_all(self._begin(since_us))
        finally:
            self.context.store.take_lease(self._lease, self._owner, 0)
        return self.done

    @property
    def _lease(self) -> str:
        return f"forward {self.endpoint.base}"

    def _hold(self) -> None:
        if not self.context.store.take_lease(self._lease, self._owner, LEASE_US):
            raise BusyError(
                f"cannot forward to {self.endpoint.base}",
                why="another process of this data folder does so now",
                mend="let it; if it was killed, try again in a minute",
            )

    def _begin(self, since_us: int | None) -> Forwarding:
        kept = self.context.store.forwardings
        known = kept.find_forwarding(self.endpoint.base)
        if known is None or since_us is not None:
            return kept.begin(self.endpoint.base, since_us or 0)
        return known

    def _send_all(self, forwarding: Forwarding) -> None:
        kept = self.context.store.forwardings
        while (batch := kept.next_batch(forwarding)) is not None:
            before = self.done.sent_count
            if not self._send_batch(batch):
                return
            sent = forwarding.sent_count + self.done.sent_count - before
            forwarding = replace(batch.then, sent_count=sent)
            if not kept.update(forwarding):  # it lagged too far behind what arrives
                forwarding = kept.begin(self.endpoint.base, forwarding.since_us)
            self.note(self.done)

    def _send_batch(self, batch: ForwardBatch) -> bool:
        """Send a batch; say whether all of it is done with."""
        self._hold()
        signal = _SIGNALS[batch.signal]
        if batch.signal == Signal.SPANS:
            return self._send_items(signal, batch.spans, self._trace_request)
        make = logs_request if batch.signal == Signal.LOGS else metrics_request
        return self._send_items(signal, batch.records, lambda records: make(records, self._clean()))

    def _send_items(
        self, signal: str, items: Sequence[_Item], make: Callable[[Sequence[_Item]], bytes]
    ) -> bool:
        """Send items; in halves where the endpoint does not take them together."""
        waiting = [items] if items else []
        while waiting:
            part = waiting.pop()
            request = make(part)
            sent = self._send_patiently(signal, request) if request else Sent(status=200)
            if sent is None:
                return False
            if not sent.is_accepted and len(part) > 1:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
                continue
            rejected_count = sent.rejected_count if sent.is_accepted else 1
            self.done.sent_count += len(part) - rejected_count
            self.done.rejected_count += rejected_count
            if rejected_count:
                self.done.message = self.done.message or sent.message
        return True

    def _trace_request(self, spans: Sequence[StoredPayload]) -> bytes:
        request, unreadable_count = trace_request(spans, self._clean())
        if len(spans) == unreadable_count == 1:
            self.done.unreadable_count += 1
            self.done.sent_count -= 1
        return request

    def _clean(self) -> Clean:
        redactor = Redactor(own=self.context.settings.redact)

        def clean(key: str, text: str) -> str:
            before = redactor.count
            (cleaned,) = redactor.tree({key: text}).values()
            if redactor.count == before:
                return text
            self.done.redaction_count += redactor.count - before
            return str(cleaned)

        return clean

    def _send_patiently(self, signal: str, request: bytes) -> Sent | None:
        """Send until it is taken or refused; None when it is time to stop."""
        waited_s, pause_s = 0.0, FIRST_WAIT_S
        while True:
            sent = self.endpoint.send(signal, request)
            if sent.is_accepted or sent.status in _ABOUT_REQUEST:
                return sent
            self._refuse_for_good(sent)
            if sent.retry_after_s is not None:
                pause_s = max(sent.retry_after_s, FIRST_WAIT_S)
            if waited_s + pause_s > self.patience_s:
                raise _unreachable(self.endpoint.base, sent)
            if self._wait(pause_s):
                return None
            waited_s += pause_s
            pause_s = min(pause_s * 2, LONGEST_WAIT_S)

    def _wait(self, pause_s: float) -> bool:
        """Wait, renewing the lease; say whether to stop."""
        while pause_s > 0:
            if self.wait(min(pause_s, _STEP_S)):
                return True
            pause_s -= _STEP_S
            self._hold()
        return False

    def _refuse_for_good(self, sent: Sent) -> None:
        base = self.endpoint.base
        if sent.status in (401, 403):
            raise AccessError(
                f"{base} does not let us in ({sent.status})",
                why=sent.message,
                mend="give the endpoint's token with --header or FLOWTRACE_FORWARD_HEADERS",
            )
        if sent.status in _NOWHERE:
            raise InputError(
                f"{base} takes no OTLP over HTTP ({sent.status})",
                why=sent.message,
                mend="give the URL of its OTLP/HTTP receiver, most often with port 4318",
            )


def _unreachable(base: str, sent: Sent) -> FlowtraceError:
    said = f"it answers {sent.status}: {sent.message}" if sent.status else sent.message
    return BusyError(
        f"{base} does not take what is sent",
        why=said or "it does not answer",
        mend="see that it runs, then forward again: it goes on where it stopped",
    )


def refuse_ourselves(settings: Settings, endpoint: OtlpEndpoint) -> None:
    """Refuse to forward a file to itself.

    Raises:
        InputError: The endpoint is the listener of this data folder.
    """
    owner, parts = find_owner(settings), urlsplit(endpoint.base)
    if owner is None or not may_be_ours(owner.pid) or not is_loopback(parts.hostname or ""):
        return
    told = json.loads((settings.home / LISTENER_FILE).read_text(encoding="utf-8"))
    if parts.port in told["ports"].values():
        raise InputError(
            f"cannot forward to {endpoint.base}",
            why="that is the listener of this data folder itself",
            mend="give another endpoint",
        )


def headers_of(text: str) -> Mapping[str, str]:
    """Return headers as ``OTEL_EXPORTER_OTLP_HEADERS`` has them: ``name=value,name=value``."""
    return parse_env_headers(text, liberal=True)
