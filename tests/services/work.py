"""Work of an agent, told span by span and stored as any sender's spans are."""

import json
import zlib

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.services.post_spans import post_spans

START_US = 1_795_000_000_000_000  # 2026-11-18
SECOND_US = 1_000_000


class Work:
    """Spans to be stored; times are seconds since the start of the work."""

    def __init__(self, context, session="s-1"):
        self._context = context
        self.session = session
        self.spans = []

    def span(self, name, at_s=0.0, for_s=1.0, *, under="", trace=1, error="", **attributes):
        """Add a span and return its id in hex."""
        span_id = f"{_number(f'{self.session} {len(self.spans)}'):016x}"
        if self.session:
            attributes.setdefault("session.id", self.session)
        start_us = START_US + int(at_s * SECOND_US)
        self.spans.append(
            {
                "trace_id": self.trace_id(trace),
                "span_id": span_id,
                "parent_span_id": under,
                "name": name,
                "start_time": start_us,
                "end_time": start_us + int(for_s * SECOND_US),
                "status": "error" if error else "ok",
                "status_message": error,
                "attributes": attributes,
            }
        )
        return span_id

    def tool(self, name, at_s=0.0, for_s=1.0, *, arguments=None, **more):
        """Add the execution of a tool."""
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
        if arguments is not None:
            attributes["gen_ai.tool.call.arguments"] = json.dumps(arguments)
        return self.span(f"execute_tool {name}", at_s, for_s, **more, **attributes)

    def call(self, model, at_s=0.0, for_s=1.0, *, tokens=(10, 5), **more):
        """Add a call of a model."""
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": tokens[0],
            "gen_ai.usage.output_tokens": tokens[1],
        }
        return self.span(f"chat {model}", at_s, for_s, **more, **attributes)

    def trace_id(self, trace=1):
        """Return the id in hex of one of the work's traces."""
        return f"{_number(self.session):016x}{trace:016x}"

    def store(self):
        """Store what was added; it is on disk when this returns."""
        pipeline = Pipeline(self._context.store, self._context.now_us)
        posted = post_spans(pipeline, {"spans": self.spans})
        assert posted.rejected == 0, posted.errors
        return self


def _number(text):
    return 2**32 + zlib.crc32(text.encode()) * 2654435761 % 2**63
