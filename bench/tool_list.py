"""What `tools/list` costs an agent: o200k tokens of name, description and input schema."""

import json
import sys

from lab import data_folder, report, serving

from flowtrace_mcp.analytics.tokens import estimate_tokens

TOTAL_LIMIT = 1500
TOOL_LIMIT = 350


def main() -> int:
    with data_folder() as folder, serving(folder) as one:
        tools = one.ask("tools/list")["result"]["tools"]
    costs = {
        tool["name"]: estimate_tokens(
            json.dumps(
                {key: tool[key] for key in ("name", "description", "inputSchema")},
                separators=(",", ":"),
            )
        )
        for tool in tools
    }
    total = sum(costs.values())
    figures = {"tokens": costs, "total": total, "counted_by": "an estimate never below o200k"}
    return report(
        "tokens of tools/list",
        figures,
        total=total <= TOTAL_LIMIT,
        each=max(costs.values()) <= TOOL_LIMIT,
    )


if __name__ == "__main__":
    sys.exit(main())
