"""Budgets looked at after spans came and by the clock; who is to be told is told, once."""

import http.client
import json
import logging
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import urlsplit

from flowtrace_mcp.errors import FlowtraceError
from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.services.budget_words import event_line
from flowtrace_mcp.services.budgets import (
    FULL_PERCENT,
    BudgetState,
    dear_traces,
    is_local_address,
    project_word,
    state_of,
    used,
)
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.pause import Pause
from flowtrace_mcp.storage.budgets import Budget, BudgetEvent

TIMER_US: Final = 10_000_000
# What looking took is left to others many times.
REST_FACTOR: Final = 20
TRACES_A_LOOK: Final = 20
EVENTS_KEPT_US: Final = 400 * DAY_US
WEBHOOK_LIMIT_S: Final = 5.0
COMMAND_LIMIT_S: Final = 10.0
WAITING_LIMIT: Final = 100  # events that wait to be told
_ERROR_CHARACTERS: Final = 120

_log: Final = logging.getLogger(__name__)

Teller = Callable[[Budget, BudgetEvent], str]


class BudgetWatch:
    """Looks at every budget, notes what was reached, and tells it on a thread of its own.

    Args:
        context: The means of the program.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._clock = ""
        self._timer = Pause()
        self._rest = Pause()
        self._teller = ThreadPoolExecutor(1, thread_name_prefix="flowtrace-budgets")
        self._room = threading.BoundedSemaphore(WAITING_LIMIT)

    def run_once(self) -> int:
        """Look where spans have come or it is time; return how many thresholds were reached anew."""
        now_us, clock = self._context.now_us(), self._context.store.budgets.arrival_clock()
        is_due = clock != self._clock or not self._timer.holds(now_us)
        if not is_due or self._rest.holds(now_us):
            return 0
        self._clock = clock
        self._timer.begin(now_us, now_us + TIMER_US)
        fired = self.look()
        ended_us = self._context.now_us()
        self._rest.begin(ended_us, ended_us + REST_FACTOR * (ended_us - now_us))
        return fired

    def look(self) -> int:
        """Look at every budget now; return how many thresholds were reached anew."""
        budgets = self._context.store.budgets.list_budgets()
        by_id = {one.budget_id: one for one in budgets}
        events = [
            event
            for budget in budgets
            if budget.is_active
            for event in reached_by(self._context, budget)
        ]
        if not events:
            return 0
        forget_us = self._context.now_us() - EVENTS_KEPT_US
        fresh = self._context.store.budgets.fire(events, forget_us)
        for event in fresh:
            self._tell(by_id[event.budget_id], event)
        return len(fresh)

    def close(self) -> None:
        """Tell what waits, and end."""
        self._teller.shutdown()

    def _tell(self, budget: Budget, event: BudgetEvent) -> None:
        _log.warning("%s", event_line(budget, event))
        tellers: list[tuple[str, Teller]] = []
        if budget.webhook:
            tellers.append(("webhook", self._post))
        if budget.runs_command:
            tellers.append(("command", self._run))
        if not tellers:
            self._note(event, ["log"])
        elif self._room.acquire(blocking=False):
            self._teller.submit(self._tell_others, budget, event, tellers)
        else:
            self._note(event, ["log", "nobody else: too much waits to be told"])

    def _tell_others(
        self, budget: Budget, event: BudgetEvent, tellers: Sequence[tuple[str, Teller]]
    ) -> None:
        try:
            said = [f"{name}: {tell(budget, event)}" for name, tell in tellers]
            self._note(event, ["log", *said])
        except Exception:  # noqa: BLE001 - the edge of the thread: later events are told still
            _log.exception("a budget's event was not told")
        finally:
            self._room.release()

    def _note(self, event: BudgetEvent, told: Sequence[str]) -> None:
        try:
            self._context.store.budgets.note_told(event, "; ".join(told))
        except FlowtraceError as error:
            _log.warning("who was told of a budget was not noted: %s", error)

    def _post(self, budget: Budget, event: BudgetEvent) -> str:
        """Post an event; redirects are not followed."""
        if not is_local_address(budget.webhook):
            return "refused, not on this machine"
        parts = urlsplit(budget.webhook)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=WEBHOOK_LIMIT_S
        )
        try:
            connection.request(
                "POST", path or "/", self._body(budget, event), {"Content-Type": "application/json"}
            )
            return str(connection.getresponse().status)
        except (OSError, http.client.HTTPException) as error:
            return f"failed, {str(error)[:_ERROR_CHARACTERS]}"
        finally:
            connection.close()

    def _run(self, budget: Budget, event: BudgetEvent) -> str:
        """Run the command of the settings with the line as its last argument, JSON on stdin."""
        command = self._context.settings.budget_command
        if not command:
            return "none in the settings"
        try:
            done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
                [*command, event_line(budget, event)],
                input=self._body(budget, event),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=COMMAND_LIMIT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"failed, {str(error)[:_ERROR_CHARACTERS]}"
        return f"exit code {done.returncode}"

    def _body(self, budget: Budget, event: BudgetEvent) -> bytes:
        body = event_body(budget, event) | {
            "project": project_word(self._context, budget),
            "agent": budget.agent,
            "model": budget.model,
            "message": event_line(budget, event),
        }
        return json.dumps(body).encode()


def reached_by(context: Context, budget: Budget) -> list[BudgetEvent]:
    """Return the thresholds that a budget has reached in its present period, told or not."""
    if budget.period != "trace":
        return _events_of(context, state_of(context, budget))
    least = budget.amount * budget.thresholds[0] / FULL_PERCENT
    wanted = dear_traces(budget, context.now_us(), least)
    found = context.store.budgets.list_dear_traces(wanted, TRACES_A_LOOK)
    return [
        event
        for trace in found
        for event in _events_of(
            context,
            BudgetState(
                budget=budget,
                period_us=0,
                until_us=None,
                spent=used(budget, trace.measures),
                trace_id=trace.trace_id,
            ),
        )
    ]


def event_body(budget: Budget, event: BudgetEvent) -> dict[str, object]:
    """Return an event as JSON has it."""
    body: dict[str, object] = {
        "budget": budget.name,
        "period": budget.period,
        "period_us": event.period_us,
        "threshold_percent": event.threshold_percent,
        "time_us": event.at_us,
        "spent": event.spent,
        "amount": event.amount,
        "unit": budget.unit,
    }
    return body | ({"trace_id": event.trace_id.hex()} if event.trace_id else {})


def _events_of(context: Context, state: BudgetState) -> list[BudgetEvent]:
    return [
        BudgetEvent(
            budget_id=state.budget.budget_id,
            period_us=state.period_us,
            trace_id=state.trace_id,
            threshold_percent=threshold,
            at_us=context.now_us(),
            spent=state.spent,
            amount=state.budget.amount,
        )
        for threshold in state.budget.thresholds
        if state.percent >= threshold
    ]
