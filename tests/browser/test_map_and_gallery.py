"""The map and the gallery as a person uses them: hover, draw around, recolour, open; hostile names stay text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support import photo

from tests.browser.driving import draw_around, running_app

HOSTILE = "<img src=x onerror=window.hit=1>"
COUNT = 12


@pytest.fixture(scope="module")
def hostile_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app on three concepts of training pictures, one with a hostile name, and some real-world ones."""
    root = tmp_path_factory.mktemp("hostile")
    for origin, seed in (("training", 0), ("real", 5000)):
        for number, concept in enumerate(("apple", HOSTILE, "pear")):
            folder = root / origin / concept
            folder.mkdir(parents=True)
            for i in range(COUNT):
                tint = [(190, 60, 60), (60, 90, 190), (80, 180, 80)][number]
                photo(seed + 100 * number + i, tint=tint).save(folder / f"{i}.jpg")
    with running_app(
        root / "cache",
        EXPLORER_ROOTS=str(root),
        EXPLORER_DATASET=str(root / "training"),
        EXPLORER_REAL_WORLD=str(root / "real"),
    ) as address:
        yield address


def open_map(page: Page, address: str) -> None:
    page.goto(f"{address}/map")
    expect(page.locator(".tde-map-status")).to_contain_text(f"{6 * COUNT} pictures", timeout=180_000)
    page.wait_for_function("() => document.querySelector('.tde-map-plot')?._fullLayout")


def point(page: Page) -> tuple[float, float]:
    """Place on the screen of one point of the map."""
    x, y = page.evaluate(
        """() => {
            const graph = document.querySelector('.tde-map-plot'), trace = graph.data[0];
            const { xaxis, yaxis } = graph._fullLayout, frame = graph.getBoundingClientRect();
            return [frame.left + xaxis.l2p(trace.x[0]), frame.top + yaxis.l2p(trace.y[0])];
        }"""
    )
    return x, y


def zoom(page: Page) -> list[float]:
    return page.evaluate("() => [...document.querySelector('.tde-map-plot')._fullLayout.xaxis.range]")


def test_hovering_a_point_shows_its_picture_by_address(page: Page, hostile_app: str) -> None:
    open_map(page, hostile_app)
    x, y = point(page)
    page.mouse.move(x - 40, y - 40)
    page.mouse.move(x, y, steps=5)
    picture = page.locator(".tde-map-card img")
    expect(picture).to_be_visible()
    assert "/thumbnails/" in str(picture.get_attribute("src"))
    page.wait_for_function("() => document.querySelector('.tde-map-card img').naturalWidth > 0")


def test_drawing_around_points_shows_their_pictures_and_survives_recolouring_and_a_visit(
    page: Page, hostile_app: str
) -> None:
    open_map(page, hostile_app)
    draw_around(page, 0.01, 0.01, 0.99, 0.99)
    expect(page.get_by_text(f"{6 * COUNT} pictures selected")).to_be_visible()
    expect(page.locator("button.tile")).to_have_count(48)
    page.get_by_role("button", name="Closer").click()
    page.wait_for_function("(before) => document.querySelector('.tde-map-plot')._fullLayout.xaxis.range[0] > -1")
    before = zoom(page)
    page.locator(".st-key-map-colour input").click()
    page.get_by_role("option", name="Brightness").click()
    expect(page.locator(".tde-map-scale")).to_be_visible()
    assert zoom(page) == pytest.approx(before)
    expect(page.locator(".tde-map-status")).to_contain_text(f"{6 * COUNT} of {6 * COUNT} selected")
    page.get_by_test_id("stSidebar").get_by_role("link", name="Gallery", exact=True).click()
    expect(page.locator("h1").first).to_have_text("Gallery")
    page.get_by_test_id("stSidebar").get_by_role("link", name="Embedding map", exact=True).click()
    expect(page.locator(".tde-map-status")).to_contain_text(f"{6 * COUNT} of {6 * COUNT} selected")
    assert zoom(page) == pytest.approx(before)
    page.get_by_role("button", name="Clear the selection").click()
    expect(page.locator(".tde-map-status")).to_contain_text(f"{6 * COUNT} pictures;")


def test_the_keyboard_alone_selects_and_opens(page: Page, hostile_app: str) -> None:
    open_map(page, hostile_app)
    page.locator(".tde-map-chip").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{2 * COUNT} pictures selected")).to_be_visible()
    page.locator("button.tile").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text(f"2 of {2 * COUNT}")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_contact_sheet_fills_the_map_without_overlap(page: Page, hostile_app: str) -> None:
    open_map(page, hostile_app)
    page.locator(".st-key-map-look").get_by_text("Pictures", exact=True).click()
    expect(page.locator(".tde-map-tile").first).to_be_visible()
    boxes = page.evaluate(
        "() => [...document.querySelectorAll('.tde-map-tile')].map((t) => t.getBoundingClientRect())"
        ".map((b) => [b.left, b.top, b.width])"
    )
    assert len(boxes) >= 15
    for i, (left, top, width) in enumerate(boxes):
        for other_left, other_top, _ in boxes[:i]:
            assert abs(left - other_left) >= width or abs(top - other_top) >= width


@pytest.mark.parametrize("width", [1440, 900])
def test_a_hostile_concept_name_stays_text_everywhere(page: Page, hostile_app: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 1000})
    open_map(page, hostile_app)
    chip = page.locator(".tde-map-chip", has_text=HOSTILE)
    expect(chip).to_be_visible()
    chip.click()
    expect(page.locator("button.tile").first).to_contain_text(HOSTILE)
    page.locator("button.tile").first.click()
    expect(page.get_by_role("dialog")).to_contain_text(HOSTILE)
    page.goto(f"{hostile_app}/gallery?row={COUNT}")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("() => window.hit") is None
    assert page.locator("img[src='x']").count() == 0
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")


def test_masks_are_the_same_on_both_sides(page: Page, hostile_app: str) -> None:
    import numpy as np

    from components.map.codec import mask_of

    page.goto(f"{hostile_app}/app/static/favicon.png")
    script = (Path(__file__).resolve().parents[2] / "components" / "map" / "codec.js").read_text()
    rng = np.random.default_rng(0)
    for n in (0, 1, 7, 8, 9, 1000, 20_001):
        flags = rng.random(n) < 0.3
        mask = mask_of(np.flatnonzero(flags), n)
        there_and_back, read = page.evaluate(
            """async ([source, mask, n]) => {
                const codec = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
                const flags = codec.flagsFromMask(mask, n);
                return [codec.maskFromFlags(flags), [...flags]];
            }""",
            [script, mask, n],
        )
        assert there_and_back == mask
        assert read == flags.astype(int).tolist()
