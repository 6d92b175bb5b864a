"""A browser that is on this machine, and a server with recorded data for it to look at.

Nothing is downloaded: the tests use the Chromium or Chrome that they find, and say loudly when there is
none. With FLOWTRACE_NEEDS_CHROMIUM set they fail then.
"""

import os
import shutil
import warnings
from pathlib import Path

import pytest

from tests.dashboard.served import Served, fill

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",)
ROOT = Path(__file__).parents[2]
WAIT_MS = 20_000


def find_chromium():
    """Return the path of a Chromium or Chrome, or None."""
    named = os.environ.get("FLOWTRACE_CHROMIUM")
    if named:
        return named
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or next((place for place in PLACES if Path(place).exists()), None)


def missing():
    """Return what keeps the browser tests from running, "" when nothing does."""
    try:
        import axe_playwright_python  # noqa: F401 - only asked for
        import playwright  # noqa: F401 - only asked for
    except ImportError as error:
        return f"the package {error.name} is not installed"
    return "" if find_chromium() else "there is no Chromium or Chrome on this machine"


def pytest_terminal_summary(terminalreporter):
    if MISSING:
        terminalreporter.section("THE DASHBOARD WAS NOT TESTED IN A BROWSER", sep="!", red=True)
        terminalreporter.line(f"{MISSING}; see CONTRIBUTING.md")


MISSING = missing()


@pytest.fixture(scope="module")
def chromium():
    if MISSING:
        if os.environ.get("FLOWTRACE_NEEDS_CHROMIUM"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return find_chromium()


@pytest.fixture(scope="module")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with warnings.catch_warnings(), sync_playwright() as playwright:
        # Debian's Chromium in a container has no user namespaces to build its sandbox of.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(chromium, tmp_path_factory):
    del chromium  # without a browser no server is needed
    served = Served(tmp_path_factory.mktemp("dashboard"))
    served.start()
    fill(served)
    yield served
    served.stop()


@pytest.fixture
def own_server(chromium, tmp_path):
    """Return a server without data that a test may stop and start."""
    del chromium
    served = Served(tmp_path)
    served.start()
    yield served
    served.stop()


@pytest.fixture
def open_page(browser):
    """Return what opens an address; the test fails where a page complains on its console."""
    contexts, complaints = [], []

    def open_one(address, *, width=1280, scheme="light", context=None, may_complain=False):
        if context is None:
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=scheme,
                reduced_motion="reduce",
            )
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        if not may_complain:
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on(
                "console",
                lambda told: complaints.append(told.text) if told.type == "error" else None,
            )
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def screenshots():
    """Return where pictures of the pages are kept."""
    folder = Path(os.environ.get("FLOWTRACE_SCREENSHOTS", ROOT / "build" / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
