"""What a person does with the app, done by a real browser on real pictures."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support import photo

from tests.browser.driving import running_app, settled, width_too_much

HOSTILE = '<img src=x onerror="document.title=1337"> **bold** [x](http://example.invalid)'
PAGES = ("overview", "balance", "map", "compare", "gallery", "scorecard")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training and a real-world folder; one concept has a hostile name; one file is broken."""
    root = tmp_path_factory.mktemp("data") / "pictures"
    concepts = {"Apple": (170, 60, 60), "Pear": (150, 170, 60), HOSTILE.replace("/", "_"): (60, 90, 170)}
    for origin, shift in (("training", 0), ("real", 50)):
        for number, (concept, tint) in enumerate(concepts.items()):
            folder = root / origin / concept
            folder.mkdir(parents=True)
            for i in range(14):
                colour = tuple(max(0, c - shift) for c in tint)
                photo(1000 * shift + 100 * number + i, size=(120, 90), tint=colour).save(folder / f"{i}.jpg")
    (root / "training" / "Apple" / "broken.jpg").write_bytes(b"broken")
    return root


@pytest.fixture(scope="module")
def given(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app started on those folders, as `make demo DATASET=… REAL_WORLD=…` does."""
    environment = {"EXPLORER_DATASET": str(pictures / "training"), "EXPLORER_REAL_WORLD": str(pictures / "real")}
    with running_app(tmp_path_factory.mktemp("given") / "cache", **environment) as address:
        yield address


def opened(page: Page, address: str, slug: str) -> None:
    """Go to a page by its address, cold, and wait until the dataset is open."""
    page.goto(f"{address}/{slug}")
    expect(page.locator("h1").first).to_be_visible()
    expect(page.locator(".st-key-shell-facts")).to_be_visible()
    settled(page)


@pytest.mark.parametrize("slug", PAGES)
def test_a_cold_deep_link_shows_the_page_inside_the_shell_and_hostile_names_stay_text_in_900_pixels_too(
    page: Page, given: str, slug: str
) -> None:
    opened(page, given, slug)
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Training Data Explorer")
    expect(page.get_by_test_id("stSidebar").get_by_role("link", name="Embedding map")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.locator("text=Page not found")).to_have_count(0)
    assert "1337" not in page.title()
    assert page.locator('img[src="x"]').count() == 0
    assert page.locator('a[href*="example.invalid"]').count() == 0
    page.set_viewport_size({"width": 900, "height": 900})
    wide = width_too_much(page)
    assert max(wide.values()) <= 1, f"{wide} px too wide"


def test_home_is_no_wider_than_a_900_pixel_window_light_or_dark(page: Page, given: str) -> None:
    page.set_viewport_size({"width": 900, "height": 900})
    page.goto(f"{given}/?dataset=none")
    settled(page)
    wide = width_too_much(page)
    assert max(wide.values()) <= 1, f"{wide} px too wide"


def test_the_overview_lists_the_broken_file(page: Page, given: str) -> None:
    opened(page, given, "overview")
    expect(page.get_by_test_id("stMain")).to_contain_text("broken.jpg")
    expect(page.get_by_test_id("stMain")).to_contain_text("not an image")


def map_ready(page: Page, address: str) -> None:
    opened(page, address, "map")
    expect(page.locator(".tde-map-status")).to_contain_text("84 pictures")
    expect(page.locator(".tde-map-plot .main-svg").first).to_be_visible()
    page.wait_for_timeout(500)


def test_a_click_on_a_colour_selects_its_pictures_and_the_csv_holds_them(page: Page, given: str) -> None:
    map_ready(page, given)
    page.locator(".tde-map-chip", has_text="Pear").click()
    expect(page.locator(".tde-map-status")).to_contain_text("28 of 84 selected")
    settled(page)
    with page.expect_download() as waiting:
        page.get_by_test_id("stDownloadButton").get_by_role("button").first.click()
    rows = Path(waiting.value.path()).read_text(encoding="utf-8").strip().splitlines()
    assert len(rows) == 29 and "image_id" in rows[0]
    assert all("Pear" in row for row in rows[1:])


def test_search_by_words_ranks_pictures(page: Page, given: str) -> None:
    map_ready(page, given)
    page.get_by_role("textbox", name="Find by words").fill("green apple")
    page.keyboard.press("Enter")
    settled(page)
    expect(page.locator("button.tile").first).to_be_visible()


def test_a_click_in_the_gallery_opens_the_picture_in_full(page: Page, given: str) -> None:
    opened(page, given, "gallery")
    expect(page.locator("button.tile")).to_have_count(48)
    page.locator("button.tile").nth(3).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.locator("img").first).to_be_visible()
    expect(dialog).to_contain_text("Brightness")
    settled(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_click_on_a_bar_shows_the_pictures_of_that_concept(page: Page, given: str) -> None:
    opened(page, given, "balance")
    bar = page.locator(".js-plotly-plot .bars .point path").first
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    settled(page)
    expect(page.locator("button.tile").first).to_be_visible()


def test_a_folder_outside_the_allowed_ones_is_refused_in_place(page: Page, app: str) -> None:
    page.goto(app)
    page.get_by_role("textbox", name="Training pictures").fill("/etc")
    page.keyboard.press("Enter")
    settled(page)
    expect(page.get_by_test_id("stMain")).to_contain_text("/etc")
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert "/overview" not in page.url


def test_an_uploaded_zip_opens(page: Page, app: str, pictures: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted((pictures / "training" / "Pear").iterdir()):
            archive.write(path, f"fruit/Pear/{path.name}")
    page.goto(app)
    upload = {"name": "fruit.zip", "mimeType": "application/zip", "buffer": buffer.getvalue()}
    page.locator("input[type=file]").first.set_input_files(upload)  # type: ignore[arg-type]
    expect(page.locator(".st-key-shell-facts")).to_contain_text("14")


def test_a_zip_that_leaves_its_folder_is_refused_in_place(page: Page, app: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../escape.jpg", b"x")
    page.goto(app)
    upload = {"name": "bad.zip", "mimeType": "application/zip", "buffer": buffer.getvalue()}
    page.locator("input[type=file]").first.set_input_files(upload)  # type: ignore[arg-type]
    expect(page.get_by_test_id("stMain")).to_contain_text("escape.jpg")


def test_cancelled_loading_offers_to_resume_and_ends(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "many" / "thing"
    folder.mkdir(parents=True)
    for i in range(700):
        photo(5000 + i).save(folder / f"{i}.jpg")
    with running_app(tmp_path / "cancel" / "cache", EXPLORER_DATASET=str(tmp_path / "many")) as address:
        page.goto(f"{address}/overview")
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Resume").click()
        expect(page.locator(".st-key-shell-facts")).to_contain_text("700", timeout=120_000)
