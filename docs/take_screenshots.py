"""Take the pictures in docs/images: every page of the app on the bundled sample, wide and narrow, light and dark.

    python docs/take_screenshots.py [--out docs/images] [--dataset FOLDER --real-world FOLDER] [--only map]

By default only what the documents show is taken; `--all` takes every page at 1440 and 900 px in both schemes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from analysis.registry import CHECKS  # noqa: E402
from tests.browser.conftest import FLAGS, find_chromium  # noqa: E402 - needs the path set above
from tests.browser.driving import SAMPLE, draw_around, running_app, settled  # noqa: E402

PAGES = {
    "start": "",
    "overview": "overview",
    "balance": "balance",
    "map": "map",
    "compare": "compare",
    "gallery": "gallery",
    "scorecard": "scorecard",
    **{check.id: check.page for check in CHECKS if check.id != "balance"},
    "why": "why",
}
AUDIT = ("scorecard", *(check.id for check in CHECKS if check.id != "balance"))
KEPT = [("light", 1440, 1000), ("dark", 900, 1000)]
ALL = [(scheme, width, 1000) for scheme in ("light", "dark") for width in (1440, 900)]


def main() -> int:
    """Start the app, visit the pages, write the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "images")
    parser.add_argument("--dataset", default=SAMPLE)
    parser.add_argument("--real-world", default="")
    parser.add_argument("--only", nargs="+", choices=PAGES, default=list(PAGES))
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--full", action="store_true", help="the whole length of each page")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    environment = {"EXPLORER_DATASET": arguments.dataset, "EXPLORER_REAL_WORLD": arguments.real_world}
    with (
        tempfile.TemporaryDirectory() as cache,
        running_app(Path(cache) / "cache", **environment) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for look in ALL if arguments.all else KEPT:
            for name in arguments.only:
                path = arguments.out / f"{name}-{look[1]}-{look[0]}.png"
                _take(browser, f"{address}/{PAGES[name]}", name, path, look, arguments.full)
                print(path)
        browser.close()
    return 0


def _take(browser: Browser, url: str, name: str, path: Path, look: tuple[str, int, int], full: bool) -> None:
    scheme, width, height = look
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(300_000)
    page.goto(f"{url}?dataset={SAMPLE}" if name == "start" else url)
    if name == "start":
        page.wait_for_selector("h1")
    else:
        page.wait_for_selector(".st-key-shell-facts")
    settled(page)
    if name in AUDIT:
        _audit(page, name)
    if name == "map":
        _draw_on_map(page)
    page.wait_for_timeout(1500)
    if full:
        length = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": width, "height": int(length) + 40})
        page.wait_for_timeout(1500)
    page.screenshot(path=str(path))
    context.close()


def _audit(page: Page, name: str) -> None:
    """Run what has not been run yet, and wait for the answer."""
    if name == "scorecard":
        button = page.locator(".st-key-run-all button, .st-key-run-due button").first
        if page.get_by_role("button", name="Run", exact=True).count():
            button.click()
            page.wait_for_timeout(2000)
    else:
        page.wait_for_selector(".tde-verdict")
    page.wait_for_function("!document.querySelector('[class*=-running]')")
    settled(page)


def _draw_on_map(page: Page) -> None:
    """Draw around the right half of the map, so that the picture shows what that does."""
    page.wait_for_selector(".tde-map-plot .main-svg")
    page.wait_for_timeout(1500)
    draw_around(page, left=0.55, right=0.97)
    settled(page)


if __name__ == "__main__":
    raise SystemExit(main())
