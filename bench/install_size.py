"""Size of the base install: site-packages without pip and setuptools, no extras."""

import json
import subprocess
import sys
import venv
from pathlib import Path

from lab import data_folder, report

LIMIT_MB = 330
ROOT = Path(__file__).parents[1]
NOT_OURS = ("pip", "setuptools", "_distutils_hack", "pkg_resources")


def size_mb(path: Path) -> float:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in files) / 1e6


def main() -> int:
    with data_folder() as folder:
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        install = [str(python), "-m", "pip", "install", "--quiet", str(ROOT)]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL, timeout=900)
        asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
        packages = Path(subprocess.check_output([str(python), "-c", asked], text=True).strip())
        sizes = {
            one.name: round(size_mb(one), 1)
            for one in packages.iterdir()
            if not one.name.startswith(NOT_OURS)
        }
        listed = json.loads(
            subprocess.check_output([str(python), "-m", "pip", "list", "--format", "json"])
        )
    names = {one["name"].lower() for one in listed}
    total_mb = round(sum(sizes.values()), 1)
    largest = dict(sorted(sizes.items(), key=lambda pair: -pair[1])[:8])
    return report(
        "size of the base install",
        {"mb": total_mb, "limit_mb": LIMIT_MB, "largest_mb": largest, "packages": len(names)},
        size=total_mb <= LIMIT_MB,
        no_torch="torch" not in names,
    )


if __name__ == "__main__":
    sys.exit(main())
