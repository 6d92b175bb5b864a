"""The static files: whole, small, named by their digest, and as the manifest says."""

import gzip
import hashlib
import json
import re

import pytest

from flowtrace_mcp.dashboard.bundle import FOLDER, Bundle

LIMIT_LINES = 500
FIRST_VIEW_BYTES = 250_000
OWN_FILES = [
    path for kind in ("js", "css") for path in (FOLDER / kind).rglob("*") if path.is_file()
]


@pytest.fixture
def bundle():
    return Bundle("/base")


def test_the_page_names_every_file_by_the_digest_of_all(bundle):
    page = bundle.page().content.decode()
    named = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert named
    root = f"/base/{bundle.digest}/"
    assert all(name.startswith(root) for name in named)
    assert all(bundle.find(name.removeprefix(root)) for name in named)
    assert "{{" not in page


def test_the_page_names_the_modules_of_the_part_that_is_asked_for(bundle):
    def named(part):
        return set(re.findall(r"js/[\w/]+\.js", bundle.page(part).content.decode()))

    assert {"js/pages/trace.js", "js/trace/waterfall.js"} <= named("trace")
    assert "js/trace/waterfall.js" not in named("cost")
    assert named("") == named("now")
    assert named("nowhere") < named("now")
    assert bundle.page("trace") is bundle.page("trace")


def test_another_content_has_another_digest(tmp_path):
    digests = set()
    for text in ("one", "two"):
        (tmp_path / "index.html").write_text(text)
        digests.add(Bundle("/base", tmp_path).digest)
    assert len(digests) == 2


def test_a_file_is_ready_as_it_is_and_gzipped(bundle):
    file = bundle.find("js/app.js")
    assert file.media_type.startswith("text/javascript")
    assert gzip.decompress(file.gzipped) == file.content
    assert bundle.find("js/app.js") is file


@pytest.mark.parametrize("name", ["index.html", "js/none.js", "../bundle.py", "js", ""])
def test_nothing_else_is_found(bundle, name):
    assert bundle.find(name) is None


def test_all_that_there_is_takes_less_than_a_first_view_may(bundle):
    names = re.findall(rf'"/base/{bundle.digest}/([^"]+)"', bundle.page().content.decode())
    sent = len(bundle.page().gzipped) + sum(len(bundle.find(name).gzipped) for name in set(names))
    assert sent < FIRST_VIEW_BYTES


def test_what_is_vendored_is_what_the_manifest_says():
    vendor = FOLDER / "vendor"
    told = json.loads((vendor / "manifest.json").read_text(encoding="utf-8"))["packages"]
    known = {"manifest.json", *(package["licence_file"] for package in told)}
    for package in told:
        assert package["version"]
        assert package["licence"]
        assert package["integrity"].startswith("sha512-")
        for name, digest in package["files"].items():
            content = (vendor / name).read_bytes()
            assert digest == f"sha256-{hashlib.sha256(content).hexdigest()}", name
            known.add(name)
    assert {path.name for path in vendor.iterdir()} == known


@pytest.mark.parametrize("path", OWN_FILES, ids=lambda path: path.name)
def test_own_files_are_short_and_never_make_markup_of_text(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LIMIT_LINES
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)
    assert "dangerously" not in text
    assert not re.search(r"https?://(?!www\.w3\.org)", text.replace('"http:", "https:"', ""))
