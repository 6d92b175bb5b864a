"""Every page, light and dark, wide and narrow: it shows what there is, fits, and is accessible."""

import pytest

from tests.dashboard.served import BIG_TRACE, HOSTILE, HOSTILE_TRACE, PROJECT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

PAGES = {
    "now": ("/dashboard/", "text=Cost today"),
    "sessions": ("/dashboard/sessions", "td >> text=claude-code"),
    "session": ("/dashboard/session/long-session", "text=Lasted"),
    "traces": ("/dashboard/traces", "td >> text=step 1"),
    "trace": (f"/dashboard/trace/{BIG_TRACE}?span={3:016x}", "aside >> text=orders/total.py"),
    "graph": (f"/dashboard/trace/{BIG_TRACE}?view=graph", "canvas"),
    "compare": (
        f"/dashboard/trace/{BIG_TRACE}?view=compare&with={HOSTILE_TRACE}",
        "td >> text=Model calls",
    ),
    "memory": ("/dashboard/memory", "td >> text=Staging runs Postgres"),
    "cost": ("/dashboard/cost", "td >> text=gpt-4.1-mini"),
    "health": ("/dashboard/health", "text=Make a backup"),
}
LOOKS = [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_its_content_fits_and_has_no_violation(
    served, open_page, screenshots, name, scheme, width
):
    from axe_playwright_python.sync_playwright import Axe

    path, sign = PAGES[name]
    page = open_page(served.link(path), width=width, scheme=scheme)
    page.wait_for_selector(sign, state="attached")
    page.wait_for_selector("text=Live", state="attached")
    page.screenshot(path=screenshots / f"{name}-{scheme}-{width}.png")
    assert page.evaluate(OVERFLOW) <= 0
    assert page.locator("h1").count() == 1
    violations = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in violations] == []


def test_the_token_leaves_the_address_at_once(served, open_page):
    page = open_page(served.link("/dashboard/sessions?time=all"))
    page.wait_for_selector("td")
    assert page.url == f"{served.origin}/dashboard/sessions?time=all"
    assert page.evaluate("document.cookie") == ""


def test_nothing_is_asked_of_anybody_else(served, open_page, browser):
    context = browser.new_context()
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page = open_page(served.link("/dashboard/cost"), context=context)
    page.wait_for_selector("canvas", state="attached")
    context.close()
    assert asked
    assert all(address.startswith(served.origin) for address in asked)


def test_filters_stand_in_the_address_and_the_way_back_is_that_of_the_browser(served, open_page):
    page = open_page(served.link("/dashboard/traces"))
    page.wait_for_selector("td")
    page.keyboard.press("/")
    page.keyboard.type("nothing-has-this-word")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=No trace matches")
    assert "q=nothing-has-this-word" in page.url
    page.go_back()
    page.wait_for_selector("td")
    assert "q=" not in page.url


def test_a_list_is_walked_and_opened_with_the_keyboard(served, open_page):
    page = open_page(served.link("/dashboard/sessions"))
    page.wait_for_selector("td")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Lasted")
    assert "/dashboard/session/" in page.url


def test_what_arrives_is_shown_without_asking(served, open_page):
    from tests.dashboard.served import span

    page = open_page(served.link("/dashboard/"))
    page.wait_for_selector("text=Live", state="attached")
    attributes = {"session.id": "just-now", "gen_ai.agent.name": "newcomer"}
    served.send(span("1" * 32, 77, name="deploy the shop", attributes=attributes))
    page.wait_for_selector("text=newcomer")
    page.wait_for_selector("text=deploy the shop")


@pytest.mark.parametrize(
    "path", ["/dashboard/traces", "/dashboard/trace/" + "e" * 32, "/dashboard/memory"]
)
def test_hostile_text_is_readable_and_nothing_else(served, open_page, screenshots, path):
    page = open_page(served.link(path))
    page.wait_for_selector("text=onerror", state="attached")
    if "/trace/" in path:
        page.click(".wf-row")
        page.wait_for_selector("aside >> text=Show all 30,000 characters", state="attached")
        page.click("aside summary")
    page.screenshot(path=screenshots / f"hostile-{path.split('/')[2]}.png")
    text = page.inner_text("main")
    assert "<script>" in text
    assert "\\u202e" in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert page.evaluate("window.hacked") is None
    assert page.locator("main script, main img, a[href^='javascript']").count() == 0
    assert HOSTILE[:10] in text
    assert page.evaluate(OVERFLOW) <= 0


def test_colours_follow_the_wish_and_it_is_kept(served, open_page):
    page = open_page(served.link("/dashboard/health"), scheme="dark")
    page.wait_for_selector("text=Make a backup")
    page.click("button[title^=Colours]")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.reload()
    page.wait_for_selector("text=Make a backup")
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "light"


def test_memory_is_asked_edited_and_forgotten(served, open_page):
    added = {"content": "The payroll job runs on Fridays", "kind": "fact", "topic": "payroll"}
    served.ask("POST", "/api/v1/memories", {**added, "project": PROJECT})
    page = open_page(served.link("/dashboard/memory"))
    page.get_by_label("Project").select_option(label=PROJECT)
    page.get_by_label("Ask").fill("when does the payroll job run")
    page.get_by_label("Ask").press("Enter")
    page.click("td a >> text=payroll job")
    page.click("aside >> text=Edit")
    page.fill("textarea", "The payroll job runs on Mondays")
    page.click("text=Keep as a new version")
    page.wait_for_selector("aside .md >> text=Mondays")
    assert "Fridays" in page.inner_text("aside .history")
    page.click("aside >> button:text-is('Forget')")
    page.click("dialog[open] button:text-is('Forget')")
    page.wait_for_selector("aside >> text=It is forgotten.")
    assert (
        served.ask(
            "POST", "/api/v1/memories/recall", {"query": "payroll Mondays", "project": PROJECT}
        )[1]["memories"]
        == []
    )


def test_all_memories_are_exported(served, open_page):
    page = open_page(served.link("/dashboard/memory"))
    page.wait_for_selector("td")
    with page.expect_download() as download:
        page.click("text=Export all")
    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert any("Staging runs Postgres" in line for line in lines)


def test_a_budget_is_set_and_removed(served, open_page):
    page = open_page(served.link("/dashboard/cost"))
    page.get_by_label("Name").fill("this month")
    page.get_by_label("At most").fill("20")
    page.click("text=Set the budget")
    page.wait_for_selector("text=The budget is set.")
    page.wait_for_selector("td >> text=$20.00")
    page.click("td >> button:text-is('Remove')")
    page.click("dialog[open] button:text-is('Remove')")
    page.wait_for_selector("text=The budget is removed.")
    page.wait_for_selector("td >> text=$20.00", state="detached")


def test_a_backup_is_made_downloaded_restored_and_deleted(own_server, open_page):
    page = open_page(own_server.link("/dashboard/health"))
    page.click("text=Make a backup")
    page.wait_for_selector("text=The backup is made.")
    with page.expect_download() as download:
        page.click("text=Download")
    assert download.value.suggested_filename.endswith(".zip")
    page.click("button:text-is('Restore')")
    page.click("dialog[open] button:text-is('Restore')")
    page.wait_for_selector("text=The backup is restored.")
    page.locator("button:text-is('Delete')").first.click()
    page.click("dialog[open] button:text-is('Delete')")
    page.wait_for_selector("text=The backup is deleted.")
