"""Put together the folder of an MCPB bundle, the format in which Claude Desktop takes extensions.

The host runs the package from the folder with uv, which fetches what it needs. `make mcpb` validates and
packs it with the format's own tool.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import flowtrace_mcp
from flowtrace_mcp.tools.server import PROFILES

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = "flowtrace_mcp"
COPIED: Final = ("pyproject.toml", "README.md", "LICENSE", "NOTICE")
ICON: Final = "plugin/claude/icon.png"
FOLDER: Final = "${__dirname}"  # the host puts the place of the unpacked bundle there


def manifest() -> dict[str, Any]:
    """Return the manifest, version 0.4; tools and version are those of the package."""
    catalog = json.loads((ROOT / PACKAGE / "tools/catalog.json").read_text(encoding="utf-8"))
    return {
        "manifest_version": "0.4",
        "name": "flowtrace-mcp",
        "display_name": "Flowtrace",
        "version": flowtrace_mcp.__version__,
        "description": "Memory and observability for coding agents, on your own machine.",
        "author": {"name": "The Flowtrace MCP authors"},
        "license": "Apache-2.0",
        "icon": "icon.png",
        "keywords": ["memory", "observability", "opentelemetry", "agents"],
        "server": {
            "type": "uv",
            "entry_point": f"{PACKAGE}/__main__.py",
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--no-dev", "--directory", FOLDER, "flowtrace-mcp"],
            },
        },
        "tools": [
            {"name": tool["name"], "description": tool["description"]}
            for tool in catalog
            if tool["name"] in PROFILES["core"]
        ],
        "compatibility": {
            "platforms": ["darwin", "win32", "linux"],
            "runtimes": {"python": ">=3.11"},
        },
    }


def stage(folder: Path) -> None:
    """Fill a folder with what goes into the bundle; what was there goes."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        ROOT / PACKAGE, folder / PACKAGE, ignore=shutil.ignore_patterns("__pycache__", "*.py[cod]")
    )
    for name in COPIED:
        shutil.copyfile(ROOT / name, folder / name)
    shutil.copyfile(ROOT / ICON, folder / "icon.png")
    text = json.dumps(manifest(), indent=2) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    stage(Path(sys.argv[1]))
