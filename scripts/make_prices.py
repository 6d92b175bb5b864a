"""Write flowtrace_mcp/ingest/prices.json.gz: what models cost, out of LiteLLM's price map.

    python scripts/make_prices.py WHEEL_OR_JSON [YYYY-MM-DD]

The map lies in LiteLLM's wheel (MIT licence, see NOTICE); LiteLLM itself is never installed. Of
the map only what a price per token of text needs is kept. Without a date it is today's.
"""

import gzip
import json
import re
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flowtrace_mcp.analytics.litellm_prices import prices_from
from flowtrace_mcp.ingest.price_files import PriceFile, packed

PATH = Path(__file__).parents[1] / "flowtrace_mcp" / "ingest" / "prices.json.gz"
INSIDE = "litellm/model_prices_and_context_window_backup.json"
WHEEL = re.compile(r"litellm-(?P<version>[0-9.]+)-.*\.whl")


def read_map(path: Path) -> tuple[dict[str, Any], str]:
    """Return the map and where it is from."""
    wheel = WHEEL.fullmatch(path.name)
    if wheel is None:
        return json.loads(path.read_bytes()), f"LiteLLM's price map, {path.name}"
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(INSIDE)), f"LiteLLM {wheel['version']}"


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    price_map, source = read_map(Path(arguments[0]))
    date = arguments[1] if len(arguments) > 1 else f"{datetime.now(UTC):%Y-%m-%d}"
    models = prices_from(price_map)
    PATH.write_bytes(packed(PriceFile(source=source, licence="MIT", date=date, models=models)))
    size = len(gzip.decompress(PATH.read_bytes()))
    print(f"{len(models)} prices, {PATH.stat().st_size} bytes ({size} unpacked)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
