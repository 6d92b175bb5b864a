"""What Prometheus scrapes."""

import re

from tests.rest.posted import post, span

SAMPLE = re.compile(r'(flowtrace_\w+)(\{\w+="[^"]*"\})? (\d+)')


def scraped(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.endswith("\n")
    return answer.text


def test_what_is_stored_is_counted(client):
    post(client, span(1), span(2))

    samples = {name: int(value) for name, _, value in SAMPLE.findall(scraped(client))}

    assert samples["flowtrace_stored_spans"] == 2
    assert samples["flowtrace_stored_traces"] == 1
    assert samples["flowtrace_writable"] == 1
    assert samples["flowtrace_database_bytes"] > 0


def test_every_sample_follows_its_help_and_type(client):
    lines = scraped(client).splitlines()

    for said, kind, sample in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        name = SAMPLE.fullmatch(sample)[1]
        assert said.startswith(f"# HELP {name} ")
        assert kind == f"# TYPE {name} gauge"


def test_the_counts_need_the_token(make_client):
    assert make_client("true", "t" * 32).get("/metrics").status_code == 401
