"""Fetch the libraries of the dashboard from npm, and write what they are into a manifest.

    python -m scripts.vendor_dashboard

Change a version below and run it; tests hold the files against the manifest. npm itself checks what
it fetches against the registry's hash. Nothing is built: an import that names a package is made to
name the file beside it, and what is no module gets an export.
"""

import base64
import hashlib
import json
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "flowtrace_mcp/dashboard/static/vendor"
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Package:
    """One package: what is taken of it, under which name, and what is changed in it."""

    name: str
    version: str
    licence_file: str
    files: dict[str, str]  # path in the package -> name here
    replaced: dict[str, str] = field(default_factory=dict)
    appended: dict[str, str] = field(default_factory=dict)  # name here -> what is added


PACKAGES = (
    Package(
        name="preact",
        version="11.2.0",
        licence_file="LICENSE",
        files={"dist/preact.mjs": "preact.js", "hooks/dist/hooks.mjs": "hooks.js"},
        replaced={'from"preact"': 'from"./preact.js"'},
    ),
    Package(
        name="htm",
        version="3.1.1",
        licence_file="LICENSE",
        files={"dist/htm.module.js": "htm.js"},
    ),
    Package(
        name="uplot",
        version="1.6.32",
        licence_file="LICENSE",
        files={"dist/uPlot.iife.min.js": "uplot.js", "dist/uPlot.min.css": "uplot.css"},
        appended={"uplot.js": "export default uPlot;\n"},
    ),
)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        told = [vendor(package, Path(folder)) for package in PACKAGES]
    text = json.dumps({"packages": told}, indent=2) + "\n"
    (FOLDER / MANIFEST).write_text(text, encoding="utf-8")
    for one in told:
        print(f"{one['name']} {one['version']}: {', '.join(one['files'])}")


def vendor(package: Package, folder: Path) -> dict[str, object]:
    """Write the files of a package; return its row of the manifest."""
    spec = f"{package.name}@{package.version}"
    packed = subprocess.run(
        ["npm", "pack", spec, "--silent", "--pack-destination", str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    archive = folder / packed.stdout.strip().splitlines()[-1]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    with tarfile.open(archive) as tar:
        described = json.loads(read(tar, "package.json"))
        files = {here: read(tar, there) for there, here in package.files.items()}
        licence = f"LICENSE-{package.name}.txt"
        (FOLDER / licence).write_text(read(tar, package.licence_file), encoding="utf-8")
    hashes = {}
    for name, content in files.items():
        written = changed(content, package, name)
        (FOLDER / name).write_text(written, encoding="utf-8")
        hashes[name] = f"sha256-{hashlib.sha256(written.encode()).hexdigest()}"
    return {
        "name": package.name,
        "version": package.version,
        "licence": described["license"],
        "licence_file": licence,
        "integrity": f"sha512-{digest}",  # of the package, as npm writes it
        "files": hashes,  # of what lies here
    }


def changed(content: str, package: Package, name: str) -> str:
    """Return a file as it is kept: without the link to a source map that is not here."""
    lines = [line for line in content.splitlines() if not line.startswith("//# sourceMappingURL=")]
    content = "\n".join(lines) + "\n"
    for old, new in package.replaced.items():
        content = content.replace(old, new)
    return content + package.appended.get(name, "")


def read(tar: tarfile.TarFile, path: str) -> str:
    """Return the text of a file in a package."""
    found = tar.extractfile(f"package/{path}")
    assert found is not None, path
    return found.read().decode("utf-8")


if __name__ == "__main__":
    main()
