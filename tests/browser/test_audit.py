"""The audit in a real browser: run all, cancel, open a check, dismiss and undo, reload, a cold deep link."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from analysis.registry import CHECKS
from tests.browser.driving import SAMPLE, running_app, settled, width_too_much

PAGES = [check.page for check in CHECKS if check.id != "balance"]

RUN_ALL = 240_000
"""Milliseconds to wait for all checks; about 45 s on two quiet cores, more beside other tests."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit") / "cache"


@pytest.fixture(scope="module")
def audited(cache: Path) -> Iterator[str]:
    """The app on the sample; tests below build on each other's kept results, in order."""
    with running_app(cache, EXPLORER_DATASET=SAMPLE) as address:
        yield address


def card(page: Page, address: str) -> None:
    page.goto(f"{address}/scorecard")
    expect(page.locator(".tde-score")).to_be_visible(timeout=180_000)
    settled(page)


def test_a_cold_deep_link_shows_the_scorecard_before_its_first_run(page: Page, audited: str) -> None:
    card(page, audited)
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Scorecard")
    expect(page.locator(".tde-score")).to_have_text("Nothing has been looked at yet.")
    expect(page.get_by_test_id("stMain")).to_contain_text("you may stop at any time")
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_cancel_stops_within_seconds_and_the_page_goes_on(page: Page, audited: str) -> None:
    card(page, audited)
    page.get_by_role("button", name="Run all checks").click()
    running = page.locator(".st-key-scorecard-running")
    expect(running).to_be_visible()
    running.get_by_role("button", name="Cancel").click()
    expect(running).to_have_count(0, timeout=10_000)
    expect(page.get_by_role("button", name="Run all checks")).to_be_enabled()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_run_all_fills_the_scorecard_and_the_reports_can_be_taken_along(
    page: Page, browser: Browser, audited: str, tmp_path: Path
) -> None:
    card(page, audited)
    page.get_by_role("button", name="Run all checks").click()
    expect(page.locator(".tde-score")).to_contain_text("looked at:")
    page.wait_for_function("!document.querySelector('.st-key-scorecard-running')", timeout=400_000)
    settled(page)
    expect(page.get_by_test_id("stMain")).not_to_contain_text("Stopped short")
    expect(page.get_by_role("button", name="Run again")).to_have_count(len(CHECKS), timeout=RUN_ALL)
    with page.expect_download() as as_json:
        page.get_by_role("button", name="Report (JSON)").click()
    as_json.value.save_as(tmp_path / "report.json")
    content = json.loads((tmp_path / "report.json").read_bytes())
    assert [c["id"] for c in content["checks"]] == [c.id for c in CHECKS]
    with page.expect_download() as as_html:
        page.get_by_role("button", name="Report (one page)").click()
    as_html.value.save_as(tmp_path / "report.html")
    context = browser.new_context(viewport={"width": 900, "height": 900})
    asked: list[str] = []
    tab = context.new_page()
    tab.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    tab.goto(f"file://{tmp_path / 'report.html'}")
    expect(tab.locator("h1")).to_contain_text("Perfect Pint")
    assert tab.evaluate("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert set(asked) <= {"file", "data"}
    context.close()


def test_a_reload_and_a_restart_show_the_kept_results_at_once(page: Page, audited: str, cache: Path) -> None:
    card(page, audited)
    sentence = page.locator(".tde-score").inner_text()
    assert "looked at:" in sentence
    page.reload()
    expect(page.locator(".tde-score")).to_have_text(sentence)
    with running_app(cache, EXPLORER_DATASET=SAMPLE) as another:
        card(page, another)
        expect(page.locator(".tde-score")).to_have_text(sentence)
        expect(page.locator(".st-key-scorecard-running")).to_have_count(0)


@pytest.mark.parametrize("slug", PAGES)
def test_the_page_of_a_check_says_its_answer_without_running_again_and_fits_a_900_pixel_window(
    page: Page, audited: str, slug: str
) -> None:
    page.goto(f"{audited}/{slug}")
    expect(page.locator(".tde-verdict")).to_be_visible()
    settled(page)
    expect(page.locator("[class*=-running]")).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_text("How this is judged")).to_be_visible()
    page.set_viewport_size({"width": 900, "height": 900})
    wide = width_too_much(page)
    assert max(wide.values()) <= 0, f"{wide} px too wide"


def test_a_picture_of_the_scorecard_opens_in_full(page: Page, audited: str) -> None:
    card(page, audited)
    page.locator("[class*=st-key-statement] button.tile").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Most similar pictures")


def test_a_finding_is_dismissed_with_a_reason_and_brought_back(page: Page, audited: str) -> None:
    card(page, audited)
    before = page.locator(".tde-score").inner_text()
    slug = next(s for s in PAGES if _has_finding(page, audited, s))
    page.locator("[class*=-whole-dismiss] button").click()
    page.get_by_role("textbox", name="Reason").fill("This is how users take them")
    page.locator("[class*=-whole-confirm] button").click()
    expect(page.locator("[class*=-answer]").get_by_text("Dismissed", exact=True)).to_be_visible()
    card(page, audited)
    expect(page.get_by_test_id("stMain")).to_contain_text("This is how users take them")
    expect(page.locator(".tde-score")).not_to_have_text(before)
    page.goto(f"{audited}/{slug}")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("This is how users take them")).to_have_count(0)
    card(page, audited)
    expect(page.locator(".tde-score")).to_have_text(before)


def _has_finding(page: Page, address: str, slug: str) -> bool:
    page.goto(f"{address}/{slug}")
    expect(page.locator(".tde-verdict")).to_be_visible()
    settled(page)
    return page.locator("[class*=-whole-dismiss]").count() > 0


def test_the_scorecard_is_no_wider_than_a_900_pixel_window_light_or_dark(page: Page, audited: str) -> None:
    page.set_viewport_size({"width": 900, "height": 900})
    card(page, audited)
    wide = width_too_much(page)
    assert max(wide.values()) <= 0, f"{wide} px too wide"
