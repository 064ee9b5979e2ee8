"""Gallery: filter, sort, page, open one by link, sort by likeness."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from app_support import has_title, new_session, press, run_until, words
from streamlit.testing.v1 import AppTest
from support import photo

PAGE = "pages/explore/gallery.py"


def galleries(at: AppTest) -> list[dict[str, Any]]:
    """What the gallery components on the page were given, the page's own first."""
    return [json.loads(c.proto.json) for c in at.get("bidi_component") if c.proto.component_name == "tde_gallery"]


def captions(at: AppTest) -> list[str]:
    return [t["caption"] for t in galleries(at)[0]["tiles"]]


@pytest.fixture
def open_gallery(small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    (tmp_path / "real" / "Leek").mkdir(parents=True)
    for i in range(40):
        photo(900 + i, size=(32, 32)).save(tmp_path / "real" / "Leek" / f"{i:02d}.jpg")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(small_folder))
    monkeypatch.setenv("EXPLORER_REAL_WORLD", str(tmp_path / "real"))

    def opener(**query: str) -> AppTest:
        return run_until(new_session(PAGE, **query), lambda at: has_title(at) and bool(galleries(at)))

    return opener


def test_the_first_page_has_48_pictures_and_the_second_the_rest(open_gallery) -> None:  # type: ignore[no-untyped-def]
    at = open_gallery()
    assert "**55 pictures**" in words(at)
    assert len(captions(at)) == 48
    (pager,) = at.get("pagination")
    pager.set_value(2).run()
    assert not at.exception
    assert len(captions(at)) == 7
    assert "49–55 of 55" in words(at)


def test_filters_combine_and_a_new_list_starts_at_its_first_page(open_gallery) -> None:  # type: ignore[no-untyped-def]
    at = open_gallery()
    at.get("pagination")[0].set_value(2).run()
    at.selectbox(key="gallery-concept").set_value("Fruit").run()
    assert captions(at) == ["Apple"] * 6 + ["Pear"] * 6
    assert "12 of 55 pictures" in words(at)
    at.selectbox(key="gallery-origin").set_value("real_world").run()
    assert not at.exception
    assert "No picture matches" in words(at)
    at.selectbox(key="gallery-concept").set_value(None).run()
    assert len(captions(at)) == 40


def test_a_link_with_a_concept_opens_filtered(open_gallery) -> None:  # type: ignore[no-untyped-def]
    assert captions(open_gallery(concept="Fruit/Pear")) == ["Pear"] * 6


def test_sorting_by_a_measured_column_orders_and_shows_its_values(open_gallery) -> None:  # type: ignore[no-untyped-def]
    at = open_gallery(concept="Fruit")
    at.selectbox(key="gallery-sort-None").set_value("brightness").run()
    rising = [float(t["note"]) for t in galleries(at)[0]["tiles"]]
    assert rising == sorted(rising) and rising[0] < rising[-1]
    (order,) = [b for b in at.get("button_group") if b.key == "gallery-order"]
    order.set_value(True).run()
    assert not at.exception
    assert [float(t["note"]) for t in galleries(at)[0]["tiles"]] == rising[::-1]


def test_a_range_limits_the_list(open_gallery) -> None:  # type: ignore[no-untyped-def]
    at = open_gallery()
    at.selectbox(key="gallery-column").set_value("megapixels").run()
    assert "55 pictures" in words(at)
    slider = at.slider(key="gallery-range-megapixels")
    slider.set_value((slider.min, 0.002)).run()
    assert not at.exception
    assert "40 of 55 pictures" in words(at)


@pytest.mark.parametrize("query", [{"image": "Fruit/Pear/3.jpg"}, {"row": "9"}])
def test_a_link_to_a_picture_opens_it_with_facts_and_neighbours(open_gallery, query: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    at = open_gallery(**query)
    assert "Fruit/Pear/3.jpg".replace("/", "\\/").replace(".", "\\.") in words(at)
    assert "Most similar pictures" in words(at)
    assert at.query_params["image"] == "Fruit/Pear/3.jpg"
    shown, neighbours = galleries(at)
    assert len(shown["tiles"]) == 48 and len(neighbours["tiles"]) == 10
    assert 9 not in [t["row"] for t in neighbours["tiles"]]
    facts = at.dataframe[0].value
    assert dict(zip(facts["What"], facts["Value"], strict=True))["Size"] == "96 x 72 pixels"


def test_previous_and_next_walk_through_the_list(open_gallery) -> None:  # type: ignore[no-untyped-def]
    at = open_gallery(image="Fruit/Pear/3.jpg", concept="Fruit")
    assert "10 of 12" in words(at)
    press(at, "Next")
    assert at.query_params["image"] == "Fruit/Pear/4.jpg"
    press(at, "Previous")
    press(at, "Previous")
    assert at.query_params["image"] == "Fruit/Pear/2.jpg"


@pytest.mark.parametrize("query", [{"image": "../../etc/passwd"}, {"row": "99"}, {"row": "-1"}, {"row": "x"}])
def test_a_link_to_a_picture_that_is_not_there_says_so(open_gallery, query: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    at = open_gallery(**query)
    assert "not in this dataset" in at.info[0].value
    assert len(galleries(at)) == 1


def test_a_picture_whose_file_is_gone_is_shown_small_with_a_sentence(open_gallery, small_folder: Path) -> None:  # type: ignore[no-untyped-def]
    at = open_gallery()
    (small_folder / "Leek" / "0.jpg").unlink()
    at.query_params["image"] = "Leek/0.jpg"
    at.run()
    assert not at.exception
    assert "can no longer be opened" in at.warning[0].value


def test_more_like_this_sorts_the_list_by_likeness(open_gallery) -> None:  # type: ignore[no-untyped-def]
    at = open_gallery(image="Leek/1.jpg")
    press(at, "Show all pictures like this")
    assert at.query_params["like"] == "Leek/1.jpg"
    assert "image" not in at.query_params
    (shown,) = galleries(at)
    notes = [t["note"] for t in shown["tiles"]]
    assert notes[0] == "the chosen picture"
    scores = [float(n.removeprefix("similarity ")) for n in notes[1:]]
    assert scores == sorted(scores, reverse=True)
    press(at, "Forget the chosen picture")
    assert not at.exception
    assert "like" not in at.query_params
