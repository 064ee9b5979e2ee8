"""The gallery's parts that need no browser: tiles, clicks, filters, order, CSV, facts of a picture."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.dataset import Dataset, label_frame
from components.gallery.dialog import facts_table
from components.gallery.export import pictures_csv
from components.gallery.filters import (
    AS_LOADED,
    NO_CONCEPT,
    NO_SPLIT,
    Filter,
    column_choices,
    concept_choices,
    is_range,
    matching_rows,
    sorted_rows,
)
from components.gallery.tiles import _tiles, clicked_row, component_key, concept_captions

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def made() -> Dataset:
    frame = pd.DataFrame(
        {
            "image_id": ["d.jpg", "b.jpg", f"{HOSTILE}.jpg", "a.jpg", "c.jpg"],
            "path": "/secret/place",
            "origin": ["training", "training", "real_world", "real_world", "training"],
            "split": ["train", "test", None, None, "train"],
            "content_hash": [f"{i:032x}" for i in range(5)],
            "width": 640,
            "height": 480,
            "brightness": [0.5, 0.1, np.nan, 0.9, 0.5],
            "file_bytes": 2048,
            "format": "JPEG",
            "phash": "0" * 16,
            "camera": ["A", None, "B", "A", "B"],
        }
    )
    labels = label_frame([(0, "Fruit/Apple"), (1, "Fruit"), (2, HOSTILE), (4, "Fruit/Apple/Red"), (4, HOSTILE)])
    return Dataset("made", {}, frame, labels, label_frame([(1, "Leek")]), metadata=("camera",))


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        (Filter(), [0, 1, 2, 3, 4]),
        (Filter(concept="Fruit"), [0, 1, 4]),
        (Filter(concept="Fruit/Apple"), [0, 4]),
        (Filter(concept=HOSTILE), [2, 4]),
        (Filter(concept=NO_CONCEPT), [3]),
        (Filter(origin="real_world"), [2, 3]),
        (Filter(split="train"), [0, 4]),
        (Filter(split=NO_SPLIT), [2, 3]),
        (Filter(column="brightness", low=0.1, high=0.5), [0, 1, 4]),
        (Filter(column="camera", values=("B",)), [2, 4]),
        (Filter(column="camera"), [0, 1, 2, 3, 4]),
        (Filter(concept="Fruit", origin="training", split="train", column="camera", values=("A",)), [0]),
        (Filter(concept="nowhere"), []),
    ],
)
def test_filters_keep_exactly_what_matches(made: Dataset, wanted: Filter, rows: list[int]) -> None:
    assert matching_rows(made, wanted).tolist() == rows


def test_pictures_without_a_value_come_last_in_both_orders(made: Dataset) -> None:
    rows = np.arange(5)
    assert sorted_rows(made, rows, "brightness").tolist() == [1, 0, 4, 3, 2]
    assert sorted_rows(made, rows, "brightness", descending=True).tolist() == [3, 0, 4, 1, 2]
    assert sorted_rows(made, rows, "camera").tolist()[-1] == 1
    assert sorted_rows(made, np.array([4, 3, 0]), "image_id").tolist() == [3, 4, 0]
    assert sorted_rows(made, rows, AS_LOADED, descending=True).tolist() == [4, 3, 2, 1, 0]


def test_parents_are_offered_before_what_is_below_them(made: Dataset) -> None:
    assert concept_choices(made) == [HOSTILE, "Fruit", "Fruit/Apple", "Fruit/Apple/Red"]
    assert list(column_choices(made)) == ["brightness", "file_bytes", "format", "camera"]
    assert is_range(made.images["brightness"]) and not is_range(made.images["camera"])
    assert not is_range(made.images["file_bytes"])  # one value only: no range to choose


@pytest.mark.parametrize(
    ("value", "row"),
    [(3, 3), (3.0, 3), (9, None), (3.5, None), (True, None), ("3", None), (None, None), ([3], None)],
)
def test_a_click_counts_only_for_a_picture_that_is_shown(value: Any, row: int | None) -> None:
    assert clicked_row(value, np.array([1, 3])) == row


@pytest.mark.parametrize("key", ["a__b", "balance-x_", "__", "a___b"])
def test_a_concept_with_double_underscores_gives_a_key_streamlit_accepts(key: str) -> None:
    assert "__" not in component_key(key) and not component_key(key).endswith("_")
    assert component_key(key) != component_key(key + "x")
    assert component_key("plain-key_1") == "plain-key_1"


def test_tiles_carry_names_as_they_are_for_text_nodes(made: Dataset) -> None:
    opened: Any = SimpleNamespace(
        dataset=made, source=SimpleNamespace(id="s"), thumbnails=lambda rows: [b"jpeg" for _ in rows]
    )
    tiles = _tiles(opened, np.array([4, 3]), None, ["similar\nvery", ""], None)
    assert tiles[0]["caption"] == f"Red, {HOSTILE}"
    assert tiles[0]["note"] == "similar very"
    assert tiles[1]["caption"] == "no concept"
    assert [t["origin"] for t in tiles] == ["Training", "Real world"]
    assert [t["real"] for t in tiles] == [False, True]
    assert all(t["src"].startswith("data:image/jpeg;base64,") for t in tiles)
    assert concept_captions(opened, [1]) == ["Fruit"]


def test_no_script_of_ours_turns_text_into_markup() -> None:
    from pathlib import Path

    import components

    scripts = sorted(Path(components.__path__[0]).rglob("*.js"))
    assert len(scripts) >= 5
    for script in scripts:
        text = script.read_text()
        for way in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
        ):
            assert way not in text, f"{script.name}: {way}"


def test_csv_holds_the_rows_in_order_and_no_path(made: Dataset) -> None:
    text = pictures_csv(made, [4, 3])
    assert text.startswith(b"\xef\xbb\xbf")
    table = pd.read_csv(io.BytesIO(text))
    assert table["image_id"].tolist() == ["c.jpg", "a.jpg"]
    assert table["concepts"].tolist()[0] == f"Fruit/Apple/Red|{HOSTILE}"
    assert b"/secret" not in text
    assert {"brightness", "camera", "origin", "split"} <= set(table.columns)


def test_csv_of_nothing_is_a_header() -> None:
    frame = pd.DataFrame({"image_id": [], "path": [], "origin": [], "split": []})
    empty = Dataset("e", {}, frame, label_frame([]), label_frame([]))
    assert pictures_csv(empty, []).decode("utf-8-sig").splitlines() == ["image_id,origin,split,concepts"]


def test_facts_of_a_picture_have_units_and_say_what_is_unknown(made: Dataset) -> None:
    facts = dict(zip(*(facts_table(made, 2)[c] for c in ("What", "Value")), strict=True))
    assert facts["Size"] == "640 x 480 pixels"
    assert facts["File"] == "JPEG, 2 KB"
    assert facts["Brightness"] == "–"
    assert facts["camera"] == "B"
    assert dict(facts_table(made, 0).to_numpy())["Brightness"] == "0.50 (0-1)"
