"""The probe script: it passes our receiver, and fails one that says yes to everything."""

import http.server
import subprocess
import sys
import threading
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "bench" / "probe_otlp.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_every_probe_passes_on_a_receiver_of_ours():
    done = run()
    assert (done.returncode, "FAIL" in done.stdout) == (0, False), done.stdout + done.stderr


class SaysYes(http.server.BaseHTTPRequestHandler):
    """Answers 200 to whatever comes."""

    def do_POST(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self):
        self.do_POST()

    def do_OPTIONS(self):
        self.do_POST()

    def log_message(self, *told):
        del told


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_receiver_that_says_yes_to_everything_fails():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), SaysYes) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        done = run(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join(5)
    assert done.returncode == 1
    failed = {line[6:26].strip() for line in done.stdout.splitlines() if line.startswith("FAIL")}
    assert {"garbage protobuf", "GET", "70 MB body", "CORS preflight"} <= failed
