"""A newcomer opens the bundled sample and walks through it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.driving import SAMPLE, settled


def test_a_newcomer_opens_the_sample_and_walks_through_every_page(page: Page, app: str) -> None:
    page.goto(app)
    page.locator(f".st-key-open-{SAMPLE} button").click()
    expect(page).to_have_url(f"{app}/overview?dataset={SAMPLE}", timeout=60_000)
    expect(page.locator(".st-key-shell-facts")).to_contain_text("Real world", timeout=180_000)
    for name, words in (
        ("Class balance", "concept"),
        ("Embedding map", "Similar pictures lie close together"),
        ("Training and real world", "Real world"),
        ("Gallery", "Gallery"),
    ):
        page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
        expect(page.locator("h1").first).to_have_text(name)
        settled(page)
        expect(page.get_by_test_id("stMain")).to_contain_text(words)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        assert f"dataset={SAMPLE}" in page.url


def test_a_shared_link_opens_the_sample_in_a_new_browser(page: Page, app: str) -> None:
    page.goto(f"{app}/map?dataset={SAMPLE}")
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Perfect Pint")
    expect(page.locator(".tde-map-status")).to_contain_text("pictures", timeout=180_000)
