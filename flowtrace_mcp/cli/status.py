"""`flowtrace status`: what is stored, who listens, what is still off."""

import argparse
from collections.abc import Iterator
from typing import Final

from flowtrace_mcp.cli.listeners import seen_listener
from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.status import ListenerFacts, Status, status, status_body
from flowtrace_mcp.services.storage_health import health_body, storage_health

TREES_SHOWN: Final = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--storage",
        action="store_true",
        help="the figures of the file, table by table, with advice",
    )


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Print the state of the file, the listener and the model."""
    if arguments.storage:
        return _tell_storage(call)
    found = status(call.program.context(), seen_listener(call.program))
    if call.output.is_json:
        call.output.answer({"database": str(call.program.settings.db_path), **status_body(found)})
    else:
        _tell(call, found)
    return 0


def port_lines(listener: ListenerFacts) -> Iterator[str]:
    """Yield one line for each port that is served."""
    for port, what in (
        (listener.rest_port, "REST, MCP over HTTP"),
        (listener.otlp_http_port, "OTLP/HTTP"),
        (listener.otlp_grpc_port, "OTLP/gRPC"),
    ):
        if port is not None:
            yield f"{port:<6} {what}"


def readable_size(size_bytes: int) -> str:
    """Return a size in the largest decimal unit that leaves a whole number before the point."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    size = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"


def _tell_storage(call: Call) -> int:
    health = storage_health(call.program.context(), with_tables=True)
    if call.output.is_json:
        call.output.answer({"database": health.path, **health_body(health)})
        return 0
    say, pages = call.output.say, health.pages
    say(health.path, Style.BOLD)
    say(f"  file       {readable_size(health.file_bytes)}, {readable_size(health.free_bytes)} free")
    waiting = (
        "" if pages.waiting_pages is None else f", {pages.waiting_pages:,} pages not copied yet"
    )
    say(f"  log        {readable_size(health.log_bytes)}{waiting}")
    say(
        f"  pages      {pages.page_count:,} of {pages.page_bytes} bytes, vacuum {pages.auto_vacuum}"
    )
    if health.disk_free_bytes is not None:
        say(f"  disk       {readable_size(health.disk_free_bytes)} free")
    say(f"  checkpoint {iso_time(health.last_checkpoint_us)}")
    if health.last_check is not None:
        problems = health.last_check.problems
        say(f"  checked    {iso_time(health.last_check.at_us)}, {problems} problems")
    for tree in health.trees[:TREES_SHOWN]:
        size, unused = readable_size(tree.total_bytes), readable_size(tree.unused_bytes)
        say(f"  {tree.kind:<6} {tree.name:<28} {size:>10}  {tree.rows:>12,} rows, {unused} unused")
    for advice in health.advice:
        say(f"  advice     {advice}")
    return 0


def _tell(call: Call, found: Status) -> None:
    say, store = call.output.say, found.store
    say(f"flowtrace {found.version}: {found.health}", Style.BOLD)
    log = f" and {readable_size(store.log_bytes)} of log" if store.log_bytes else ""
    say(f"  database   {call.program.settings.db_path}")
    say(f"  size       {readable_size(store.file_bytes)}{log}")
    say(f"  memories   {store.memory_count:,}")
    say(f"  traces     {store.trace_count:,} with {store.span_count:,} spans")
    say(f"  sessions   {store.session_count:,}")
    say(f"  telemetry  {store.log_count:,} log records, {store.metric_point_count:,} metric points")
    say(f"  embedder   {found.embedder} ({found.embedder_state})")
    if found.pending_embeddings:
        say(f"  pending    {found.pending_embeddings:,} memories wait for a vector")
    if found.model_change is not None:
        change = found.model_change
        say(
            f"  change     {change.from_embedder} to {change.to_embedder}:"
            f" {change.done:,} of {change.total:,} memories; words find the others"
        )
    owner = found.listener.owner_pid
    say(
        "  listener   none; an editor or `flowtrace serve` starts it"
        if owner is None
        else f"  listener   process {owner}"
    )
    for line in port_lines(found.listener):
        say(f"    {line}")
    for problem in found.problems:
        say(f"  problem    {problem}")
    for line in found.budgets:
        say(f"  {line}")
    for agent, how in found.switch_on.items():
        say(f"to see {agent}'s traces, set:", Style.DIM)
        for line in how.splitlines():
            say(f"  {line}")
