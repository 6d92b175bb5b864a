"""A stand-in for the Messages API on loopback: a script says which tool the model calls next."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Gets the texts of all tool results so far; returns a tool and its arguments, or None to end.
Script = Callable[[list[str]], tuple[str, Mapping[str, Any]] | None]
_USAGE = {
    "input_tokens": 1200,
    "output_tokens": 1,
    "cache_read_input_tokens": 300,
    "cache_creation_input_tokens": 200,
}
# Requests for titles and the like offer fewer tools, and are answered without the script.
_TOOLS_OF_A_TURN = 3


@dataclass
class StandIn:
    """What is asked of the model, and where."""

    url: str
    turns: list[dict[str, Any]] = field(default_factory=list)  # bodies, in their order

    def first_text(self) -> str:
        """Return all that the model was told with the first turn."""
        return json.dumps(self.turns[0]["messages"], ensure_ascii=False)


@contextmanager
def standing_in(script: Script) -> Iterator[StandIn]:
    """Serve a model that follows a script."""
    stand_in = StandIn(url="")

    class Handler(_Handler):
        def next_block(self, body: dict[str, Any]) -> dict[str, Any]:
            if len(body.get("tools") or ()) <= _TOOLS_OF_A_TURN:
                return {"type": "text", "text": "done"}
            stand_in.turns.append(body)
            results = list(_results(body["messages"]))
            step = script(results)
            if step is None:
                return {"type": "text", "text": "done"}
            name, arguments = step
            call_id = f"toolu_{len(results):04d}"
            return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _results(messages: list[dict[str, Any]]) -> Iterator[str]:
    for message in messages:
        blocks = message["content"] if isinstance(message["content"], list) else []
        for block in blocks:
            if block.get("type") == "tool_result":
                content = block.get("content", "")
                yield content if isinstance(content, str) else json.dumps(content)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def next_block(self, body: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""

    def do_GET(self) -> None:
        self._json({"data": [], "has_more": False})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(size) or b"{}")
        if not self.path.startswith("/v1/messages"):
            self._json({})
        elif "count_tokens" in self.path:
            self._json({"input_tokens": 10})
        else:
            self._message(body, self.next_block(body))

    def _message(self, body: dict[str, Any], block: dict[str, Any]) -> None:
        is_call = block["type"] == "tool_use"
        stop = "tool_use" if is_call else "end_turn"
        message = {
            "id": f"msg_{block.get('id', 'last')}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model", "stand-in"),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _USAGE,
        }
        if not body.get("stream"):
            self._json({**message, "content": [block], "stop_reason": stop})
            return
        delta = (
            {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            if is_call
            else {"type": "text_delta", "text": block["text"]}
        )
        empty = {**block, "input": {}} if is_call else {"type": "text", "text": ""}
        events = {
            "message_start": {"message": message},
            "content_block_start": {"index": 0, "content_block": empty},
            "content_block_delta": {"index": 0, "delta": delta},
            "content_block_stop": {"index": 0},
            "message_delta": {
                "delta": {"stop_reason": stop, "stop_sequence": None},
                "usage": {"output_tokens": 42},
            },
            "message_stop": {},
        }
        lines = (
            f"event: {name}\ndata: {json.dumps({'type': name, **told})}\n\n"
            for name, told in events.items()
        )
        self._send("".join(lines).encode(), "text/event-stream")

    def _json(self, value: object) -> None:
        self._send(json.dumps(value).encode(), "application/json")

    def _send(self, data: bytes, form: str) -> None:
        self.send_response(200)
        self.send_header("content-type", form)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
