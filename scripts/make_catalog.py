"""Write flowtrace_mcp/tools/catalog.json: the tools as clients list them, made from the tools.

The server lists tools before it imports any of them. `--check` fails when the file is stale.
"""

import json
import sys
from pathlib import Path

from flowtrace_mcp.tools.declaring import listed
from flowtrace_mcp.tools.running import TOOLS

PATH = Path(__file__).parents[1] / "flowtrace_mcp" / "tools" / "catalog.json"


def catalog() -> str:
    tools = [
        listed(tool).model_dump(mode="json", by_alias=True, exclude_none=True) for tool in TOOLS
    ]
    return json.dumps(tools, indent=1) + "\n"


def main(arguments: list[str]) -> int:
    if "--check" not in arguments:
        PATH.write_text(catalog(), encoding="utf-8")
    elif PATH.read_text(encoding="utf-8") != catalog():
        print(f"{PATH.name} is stale: run scripts/make_catalog.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
