"""The very first request to a fresh server is a deep link: a person opens one they were sent."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.driving import running_app


def test_the_first_link_to_a_fresh_server_shows_its_page_without_a_false_alarm(tmp_path: Path, page: Page) -> None:
    with running_app(tmp_path / "cache") as address:
        page.goto(f"{address}/overview")
        expect(page.get_by_text("No dataset is open yet")).to_be_visible()
        expect(page.get_by_text("Training Data Explorer")).to_have_count(1)
        page.wait_for_timeout(500)
        expect(page.get_by_text("Page not found")).to_have_count(0)
