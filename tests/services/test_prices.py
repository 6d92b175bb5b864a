import gzip
import http.server
import json
import threading

import msgspec
import pytest

from flowtrace_mcp.errors import InputError, NotFoundError, TooLargeError
from flowtrace_mcp.ingest.price_files import CUSTOM_NAME, PriceFile
from flowtrace_mcp.model.price import Price, Rates
from flowtrace_mcp.services import prices
from flowtrace_mcp.services.prices import (
    find_price,
    read_source,
    remove_price,
    restore_table,
    set_price,
    show_prices,
    update_table,
)

TODAY = "2026-11-25"
USUAL = Rates(input=1, output=2)


def price_map(count=200):
    entry = {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "mode": "chat"}
    return json.dumps({f"model-{number}": entry for number in range(count)}).encode()


def test_a_price_of_ones_own_is_shown_and_found(tmp_path):
    set_price(tmp_path, " my-model ", USUAL)
    assert show_prices(tmp_path).custom == {"my-model": Price(standard=(USUAL,))}
    known = find_price(tmp_path, "my-model", "ollama")
    assert (known.name, known.level) == ("my-model", "custom")


def test_a_price_of_ones_own_can_be_taken_away_again(tmp_path):
    set_price(tmp_path, "gpt-4o", USUAL)
    remove_price(tmp_path, "gpt-4o")
    assert find_price(tmp_path, "gpt-4o").level == "packaged"
    with pytest.raises(NotFoundError):
        remove_price(tmp_path, "gpt-4o")


@pytest.mark.parametrize("provider", ["gemini", "google-gla", "gcp.gemini"])
def test_a_provider_may_be_named_as_senders_name_it(tmp_path, provider):
    assert find_price(tmp_path, "gemini-2.5-pro", provider).name == "gemini/gemini-2.5-pro"


def test_an_unknown_price_is_an_error_that_says_how_to_set_it(tmp_path):
    with pytest.raises(NotFoundError, match="prices set"):
        find_price(tmp_path, "boom-1")


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_a_model_needs_a_name(tmp_path, name):
    with pytest.raises(InputError):
        set_price(tmp_path, name, USUAL)


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf")])
def test_a_rate_is_an_amount_of_money(tmp_path, rate):
    with pytest.raises(InputError, match="cache_read"):
        set_price(tmp_path, "m", Rates(input=1, output=1, cache_read=rate))


def test_so_many_prices_of_ones_own_are_kept_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(prices, "CUSTOM_MOST", 2)
    for name in ("a", "b", "b"):
        set_price(tmp_path, name, USUAL)
    with pytest.raises(InputError):
        set_price(tmp_path, "c", USUAL)


def test_a_damaged_file_is_not_written_over(tmp_path):
    (tmp_path / CUSTOM_NAME).write_text("no json")
    with pytest.raises(InputError):
        set_price(tmp_path, "m", USUAL)
    assert (tmp_path / CUSTOM_NAME).read_text() == "no json"
    assert CUSTOM_NAME in show_prices(tmp_path).problem


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_map_of_litellm_is_taken_over_and_given_up_again(tmp_path, pack):
    update_table(tmp_path, "map.json", pack(price_map()), TODAY)
    shown = show_prices(tmp_path)
    assert (shown.level, shown.source, shown.date) == ("updated", "map.json", TODAY)
    assert shown.model_count == 200
    restore_table(tmp_path)
    restore_table(tmp_path)
    assert show_prices(tmp_path).level == "packaged"


def test_a_table_of_ours_keeps_its_own_date_and_source(tmp_path):
    models = {f"m-{number}": Price(standard=(USUAL,)) for number in range(100)}
    sent = PriceFile(source="a colleague", date="2026-01-02", models=models)
    update_table(tmp_path, "file", msgspec.json.encode(sent), TODAY)
    shown = show_prices(tmp_path)
    assert (shown.source, shown.date) == ("a colleague", "2026-01-02")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>not found</html>",
        b"[1, 2]",
        b"[" * 100_000,
        b'{"models": {"m": {"standard": [{"input": "much"}]}}}',
        price_map(99),
        gzip.compress(price_map())[:-30],
    ],
)
def test_what_is_no_price_table_changes_nothing(tmp_path, data):
    with pytest.raises(InputError):
        update_table(tmp_path, "x", data, TODAY)
    assert show_prices(tmp_path).level == "packaged"


def test_a_table_larger_than_any_is_refused_however_it_is_packed(tmp_path, monkeypatch):
    monkeypatch.setattr(prices, "LARGEST_FILE_BYTES", 1000)
    path = tmp_path / "map.json"
    path.write_bytes(price_map())
    with pytest.raises(TooLargeError):
        read_source(str(path))
    with pytest.raises(TooLargeError):
        update_table(tmp_path, "x", gzip.compress(price_map()), TODAY)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("no/such/file", "No such file or directory"),
        ("/", "Is a directory"),
        ("http://127.0.0.1:9/x", "Connection refused"),
        ("http://[", "Invalid IPv6 URL"),
    ],
)
def test_a_source_that_cannot_be_read_is_named_with_the_reason(source, why):
    with pytest.raises(InputError, match="cannot read") as caught:
        read_source(source)
    assert caught.value.why == why


def test_a_table_can_come_from_a_url(tmp_path):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(price_map())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/map.json"
        update_table(tmp_path, url, read_source(url), TODAY)
        server.shutdown()
    assert show_prices(tmp_path).source == url
