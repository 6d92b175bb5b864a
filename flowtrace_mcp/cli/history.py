"""`flowtrace history`: every version of a fact, and what became of it."""

import argparse

from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.history import HistoryEntry, entry_of, history


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("id", metavar="ID", help="of any version, as `recall` shows it")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Print the versions of a fact, oldest first."""
    entries = history(call.program.context(), arguments.id, call.caller())
    if call.output.is_json:
        call.output.answer({"items": [entry_of(entry) for entry in entries]})
        return 0
    for entry in entries:
        _tell(call, entry)
    return 0


def _tell(call: Call, entry: HistoryEntry) -> None:
    memory, say = entry.memory, call.output.say
    topic = f"  [{memory.topic}]" if memory.topic else ""
    when = iso_time(memory.recorded_us)
    say(f"{memory.handle}  {when}  {memory.kind.value}{topic}  {entry.state}", Style.BOLD)
    call.output.say_wrapped(memory.content, "  ")
    for line in _lines(entry):
        say(f"  {line}", Style.DIM)


def _lines(entry: HistoryEntry) -> list[str]:
    memory = entry.memory
    who = ", ".join(name for name in (memory.author, memory.agent) if name)
    where = f", session {memory.session}" if memory.session else ""
    span = f", span {memory.span_id.hex()}" if memory.span_id else ""
    of_what = f" of {', '.join(entry.older)}" if entry.older else ""
    lines = [f"{entry.outcome.value}{of_what}, by {who or 'nobody named'}{where}{span}"]
    if memory.seen_count > 1:
        lines.append(f"said {memory.seen_count} times, last {iso_time(memory.last_seen_us)}")
    lines += [
        f"retired {iso_time(from_us)} to {iso_time(to_us)}: {reason}"
        for from_us, to_us, reason in entry.lapses
    ]
    if memory.retracted_us is not None:
        by = f" by {', '.join(entry.newer)}" if entry.newer else ""
        lines.append(f"retired {iso_time(memory.retracted_us)}: {memory.retraction}{by}")
    if entry.changed_files:
        lines.append("changed since: " + ", ".join(one.text for one in entry.changed_files))
    return lines
