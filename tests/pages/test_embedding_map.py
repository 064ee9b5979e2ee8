"""Embedding map: a selection shows its pictures, words and likeness find pictures, the layout is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from app_support import new_session, press, run_until, words
from streamlit.testing.v1 import AppTest
from support import photo

from components.map.selection import selection_key

PAGE = "pages/explore/embedding_map.py"
HOSTILE = "<img src=x onerror=alert(1)>"


def maps(at: AppTest) -> list[dict[str, Any]]:
    """What the map component was given."""
    return [json.loads(c.proto.json) for c in at.get("bidi_component") if c.proto.component_name == "tde_map"]


def tiles(at: AppTest, number: int = 0) -> list[dict[str, Any]]:
    """Tiles of one gallery on the page."""
    galleries = [c for c in at.get("bidi_component") if c.proto.component_name == "tde_gallery"]
    return json.loads(galleries[number].proto.json)["tiles"]


def seed(at: AppTest, ids: list[str]) -> AppTest:
    """Select pictures as if they had been drawn around."""
    at.session_state[selection_key(at.query_params["dataset"])] = ids
    return at.run()


@pytest.fixture
def open_map(small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    (small_folder / HOSTILE).mkdir()
    photo(7).save(small_folder / HOSTILE / "0.jpg")
    (tmp_path / "real" / "Leek").mkdir(parents=True)
    for i in range(2):
        photo(900 + i).save(tmp_path / "real" / "Leek" / f"{i}.jpg")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(small_folder))
    monkeypatch.setenv("EXPLORER_REAL_WORLD", str(tmp_path / "real"))

    def opener(**query: str) -> AppTest:
        return run_until(new_session(PAGE, **query), lambda at: bool(maps(at)))

    return opener


def test_the_map_has_every_picture_and_says_what_to_do(open_map, own_cache: Path) -> None:  # type: ignore[no-untyped-def]
    at = open_map()
    (data,) = maps(at)
    assert data["n"] == 18
    assert data["origin_counts"] == [16, 2]
    assert HOSTILE in data["labels"]
    assert "Draw around points to see their pictures" in words(at)
    assert len(list(own_cache.rglob("maps/*.npy"))) == 1


def test_a_seeded_selection_shows_its_pictures_and_counts(open_map) -> None:  # type: ignore[no-untyped-def]
    at = seed(open_map(), ["Fruit/Apple/0.jpg", "Fruit/Pear/1.jpg", "real_world:Leek/0.jpg", "gone.jpg"])
    assert "3 pictures selected" in words(at)
    assert [t["caption"] for t in tiles(at)] == ["Apple", "Pear", "Leek"]
    assert [t["real"] for t in tiles(at)] == [False, False, True]
    table = at.dataframe[0].value
    assert dict(zip(table["Concept"], table["Pictures"], strict=True)) == {
        "Fruit/Apple": 1,
        "Fruit/Pear": 1,
        "Leek": 1,
    }


def test_clearing_selects_nothing_and_tells_the_browser(open_map) -> None:  # type: ignore[no-untyped-def]
    at = seed(open_map(), ["Fruit/Apple/0.jpg"])
    before = maps(at)[0]["rev"]
    press(at, "Clear the selection")
    assert not at.exception
    assert "selected" not in words(at)
    assert maps(at)[0]["rev"] != before


def test_colours_follow_the_choice(open_map) -> None:  # type: ignore[no-untyped-def]
    at = open_map()
    assert maps(at)[0]["paint"]["kind"] == "category"
    at.selectbox(key="map-colour").set_value("attribute:brightness").run()
    assert not at.exception
    paint = maps(at)[0]["paint"]
    assert paint["kind"] == "number" and paint["low_text"].startswith("darker")


def test_one_concept_keeps_the_others_as_context(open_map) -> None:  # type: ignore[no-untyped-def]
    at = open_map()
    at.selectbox(key="map-concept").set_value("Fruit").run()
    assert not at.exception
    assert maps(at)[0]["shown"] is not None
    assert maps(at)[0]["n"] == 18


def test_words_find_pictures_with_an_honest_note(open_map) -> None:  # type: ignore[no-untyped-def]
    at = open_map()
    at.text_input(key="map-words").set_value("*red* apple").run()
    assert not at.exception
    assert "18 pictures most like “\\*red\\* apple”" in words(at)
    assert "What it cannot tell" in words(at)
    assert sorted(maps(at)[0]["rings"]) == list(range(18))
    assert len(tiles(at)) == 18
    press(at, "Select them on the map")
    assert "18 pictures selected" in words(at)
    press(at, "End this search")
    assert not at.exception
    assert maps(at)[0]["rings"] == []


def test_a_link_to_more_like_one_picture_marks_it_and_its_neighbours(open_map) -> None:  # type: ignore[no-untyped-def]
    at = open_map(like="Fruit/Pear/2.jpg")
    (data,) = maps(at)
    assert data["focus"] not in data["rings"] and len(data["rings"]) == 17
    assert tiles(at)[0]["note"] == "the chosen one"
    assert tiles(at)[0]["row"] == data["focus"]


def test_without_the_route_a_contact_sheet_brings_its_pictures_along(open_map) -> None:  # type: ignore[no-untyped-def]
    at = open_map()
    assert maps(at)[0]["url"] is None and maps(at)[0]["thumbs"] is None
    (look,) = [b for b in at.get("button_group") if b.key == "map-look"]
    look.set_value("Pictures").run()
    assert not at.exception
    thumbs = maps(at)[0]["thumbs"]
    assert len(thumbs) >= 8
    assert all(t.startswith("data:image/jpeg;base64,") for t in thumbs.values())
