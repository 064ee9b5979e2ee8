"""The map's parts that need no browser: what travels, colours, selection, contact sheet."""

from __future__ import annotations

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as strategies

from analysis.dataset import Dataset, label_frame
from components import plotly_js
from components.map import SHEET_WITHOUT_ROUTE, spread, take_events
from components.map.codec import mask_of, pack, rows_of
from components.map.paint import MAX_COLOURS, NONE, choices, default_choice, paint_by
from components.map.panel import selection_counts, selection_sentence
from components.map.selection import (
    clear_selection,
    select_rows,
    selected_rows,
    selection_key,
    sent_to_browser,
)
from components.theme import OTHER_COLOUR

HOSTILE = '<img src=x onerror="alert(1)">'


def dataset(labels: list[list[str]], **columns: Any) -> Dataset:
    n = len(labels)
    own = [c for c in columns if c not in ("origin", "split", "brightness")]
    frame = pd.DataFrame(
        {"image_id": [f"i{k}" for k in range(n)], "path": "/x", "origin": "training", "split": None} | columns
    )
    pairs = label_frame((i, c) for i, cs in enumerate(labels) for c in cs)
    return Dataset("made", {}, frame, pairs, label_frame([]), metadata=tuple(own))


def opened(labels: list[list[str]], **columns: Any) -> Any:
    return SimpleNamespace(
        source=SimpleNamespace(id="src"), dataset=dataset(labels, **columns), fingerprint=str(labels)
    )


def unpack(packed: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["base64"]), dtype=np.dtype(packed["dtype"]).newbyteorder("<"))


@pytest.fixture(autouse=True)
def empty_session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    state: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", state)
    return state


# --- what travels ----------------------------------------------------------------------------------------------
@given(strategies.data())
def test_a_selection_survives_the_way_to_the_browser_and_back(data: strategies.DataObject) -> None:
    n = data.draw(strategies.integers(0, 70))
    rows = sorted(data.draw(strategies.sets(strategies.integers(0, n - 1)))) if n else []
    assert rows_of(mask_of(np.array(rows, dtype=np.int64), n), n).tolist() == rows


@given(strategies.text(max_size=40), strategies.integers(0, 50))
def test_what_is_no_mask_is_refused_and_never_read_as_rows_beyond_the_end(text: str, n: int) -> None:
    try:
        rows = rows_of(text, n)
    except ValueError:
        return
    assert rows.tolist() == [] or rows.max() < n


def test_bits_beyond_the_last_row_are_refused() -> None:
    with pytest.raises(ValueError, match="beyond row 2"):
        rows_of(base64.b64encode(b"\x08").decode(), 3)


def test_a_hundred_thousand_selected_pictures_are_under_twenty_kilobytes() -> None:
    assert len(mask_of(np.arange(0, 100_000, 3), 100_000)) < 20_000


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
def test_arrays_travel_unchanged(dtype: str) -> None:
    array = np.arange(7).astype(dtype)
    assert np.array_equal(unpack(pack(array)), array)


def test_an_array_the_browser_cannot_read_is_refused() -> None:
    with pytest.raises(ValueError, match="int64"):
        pack(np.arange(3))


def test_both_sides_know_the_same_array_types() -> None:
    script = (Path(plotly_js.__file__).parent / "map" / "codec.js").read_text()
    for name in ("uint8", "uint16", "uint32", "float32"):
        assert f"{name}:" in script


# --- colours ---------------------------------------------------------------------------------------------------
def test_colours_are_given_to_the_most_frequent_and_the_others_share_a_grey() -> None:
    labels = [[f"c{i:02d}"] for i in range(20) for _ in range(20 - i)]
    paint = paint_by(dataset(labels), "concept:1").data
    assert paint["names"] == [f"c{i:02d}" for i in range(MAX_COLOURS)] + ["8 others"]
    assert paint["colours"][-1] == OTHER_COLOUR
    assert len(set(paint["colours"])) == MAX_COLOURS + 1
    assert paint["rest"] == MAX_COLOURS
    counted = np.bincount(unpack(paint["code"]))
    assert [f"{c:,}" for c in counted] == paint["counts"]


def test_concepts_are_cut_to_a_level_and_several_are_said() -> None:
    labels = [["a/x"], ["a/y"], ["b/z"], ["a/x", "b/z"], ["a/x", "a/y"], []]
    paint = paint_by(dataset(labels), "concept:1").data
    assert paint["names"] == ["a", "b", "several of them"]
    assert unpack(paint["code"]).tolist() == [0, 0, 1, 2, 0, NONE]
    assert "1 picture without one" in paint["note"]


def test_default_colours_are_the_finest_level_that_twelve_colours_can_show() -> None:
    assert default_choice(dataset([[f"g{i % 3}/c{i}"] for i in range(30)])) == "concept:1"
    assert default_choice(dataset([[f"g{i % 3}/c{i}"] for i in range(9)])) == "concept:2"
    assert default_choice(dataset([[f"c{i}"] for i in range(30)])) == "concept:1"
    assert default_choice(dataset([[], []], brightness=[0.1, 0.2])) == "attribute:brightness"


def test_every_choice_offered_can_be_drawn() -> None:
    made = dataset(
        [["a/x"], ["b"], [], ["a/x", "b"]],
        origin=["training", "real_world", "training", "training"],
        split=["train", None, "test", "train"],
        brightness=[0.1, np.nan, 0.5, 0.9],
        camera=["A", None, HOSTILE, "A"],
        flash=[True, False, True, True],
        price=[1.5, 2.5, np.inf, np.nan],
        empty=[None, None, None, None],
    )
    offered = choices(made)
    assert {"concept:1", "concept:2", "origin", "split", "attribute:brightness", "column:camera"} <= set(offered)
    for choice in offered:
        for dark in (False, True):
            data = paint_by(made, choice, dark).data
            assert len(unpack(data["code"])) == 4
            if data["kind"] == "number":
                assert data["low"] < data["high"]
            else:
                assert len(data["names"]) == len(data["colours"]) == len(data["counts"])
    assert unpack(paint_by(made, "column:camera").data["code"]).tolist()[1] == NONE


def test_a_numeric_column_with_many_values_has_a_scale_and_few_have_colours() -> None:
    many = dataset([["a"]] * 40, price=[float(i) for i in range(40)])
    assert paint_by(many, "column:price").kind == "number"
    few = dataset([["a"]] * 40, price=[i % 3 for i in range(40)])
    assert paint_by(few, "column:price").kind == "category"


def test_one_odd_picture_does_not_flatten_the_scale() -> None:
    paint = paint_by(dataset([["a"]] * 100, brightness=[i / 100 for i in range(99)] + [1e6]), "attribute:brightness")
    assert paint.data["high"] < 1


def test_colours_of_the_origins_stay_with_them_where_one_is_missing() -> None:
    made = dataset([["a"], ["a"]], origin=["real_world", "real_world"])
    assert "origin" not in choices(made)
    both = dataset([["a"], ["a"]], origin=["real_world", "training"])
    assert paint_by(both, "origin").data["names"] == ["Training", "Real world"]


# --- selection -------------------------------------------------------------------------------------------------
def test_a_seeded_selection_is_read_by_image_id(empty_session: dict[str, Any]) -> None:
    made = opened([["a"]] * 5)
    empty_session[selection_key("src")] = ["i3", "gone", "i1", "i3"]
    assert selected_rows(made).tolist() == [1, 3]


def test_selecting_in_the_browser_does_not_send_the_map_again() -> None:
    made = opened([["a"]] * 5)
    sent = sent_to_browser(made)
    state = take_events(made, {"n": 5, "rev": sent[0], "mask": mask_of(np.array([0, 4]), 5)}, None)
    assert state.selected.tolist() == [0, 4]
    assert selected_rows(made).tolist() == [0, 4]
    assert sent_to_browser(made) == sent


def test_selecting_from_python_reaches_the_browser_under_a_new_revision() -> None:
    made = opened([["a"]] * 5)
    before = sent_to_browser(made)
    select_rows(made, [2])
    after = sent_to_browser(made)
    assert after[0] != before[0]
    assert rows_of(after[1], 5).tolist() == [2]
    clear_selection(made)
    assert rows_of(sent_to_browser(made)[1], 5).tolist() == []
    assert selected_rows(made).tolist() == []


@pytest.mark.parametrize(
    "wrong",
    [{"n": 4}, {"rev": "other"}, {"mask": "AAAA"}, {"mask": None}, {"mask": "%%"}],
    ids=["another dataset", "an older revision", "too long", "nothing", "not base64"],
)
def test_a_selection_that_does_not_fit_changes_nothing(wrong: dict[str, Any]) -> None:
    made = opened([["a"]] * 5)
    select_rows(made, [1])
    message = {"n": 5, "rev": sent_to_browser(made)[0], "mask": mask_of(np.array([3]), 5)} | wrong
    assert take_events(made, message, None).selected.tolist() == [1]


@pytest.mark.parametrize(("value", "row"), [(0, 0), (4, 4), (5, None), (-1, None), ("2", None), (None, None)])
def test_only_a_row_of_the_dataset_is_opened(value: Any, row: int | None) -> None:
    assert take_events(opened([["a"]] * 5), None, value).opened == row


def test_concepts_of_a_selection_are_counted_with_their_share() -> None:
    made = opened([["a"], ["a"], ["a", "b"], [], [HOSTILE]])
    table = selection_counts(made, np.array([0, 2, 3, 4]))
    assert table["Concept"].tolist()[0] == "a"
    assert dict(zip(table["Concept"], table["Pictures"], strict=True)) == {
        "a": 2,
        "b": 1,
        HOSTILE: 1,
        "no concept": 1,
    }
    assert table["Of the concept"].round().tolist()[0] == 67
    assert "50% are a" in selection_sentence(table, 4)


def test_a_hostile_concept_is_told_as_text() -> None:
    made = opened([[HOSTILE]])
    sentence = selection_sentence(selection_counts(made, np.array([0])), 1)
    assert "\\<img" in sentence


# --- contact sheet ---------------------------------------------------------------------------------------------
def test_pictures_of_a_contact_sheet_are_spread_and_few() -> None:
    xy = np.random.default_rng(0).uniform(-1, 1, (5000, 2)).astype(np.float32)
    rows = spread(xy, SHEET_WITHOUT_ROUTE)
    assert 100 <= len(rows) <= SHEET_WITHOUT_ROUTE
    distance = np.linalg.norm(xy[rows][:, None] - xy[rows][None], axis=2) + np.eye(len(rows)) * 9
    assert np.median(distance.min(axis=1)) > 0.1
    assert set(spread(xy, 20, np.array([7, 8, 9])).tolist()) <= {7, 8, 9}
    assert spread(xy[:0], 20).tolist() == []


# --- plotly.js -------------------------------------------------------------------------------------------------
def test_plotly_is_served_from_the_installed_package_and_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    monkeypatch.setattr(plotly_js, "_served", False)
    assert plotly_js.plotly_url() is None
    client = TestClient(Starlette(routes=plotly_js.routes()))
    address = plotly_js.plotly_url()
    assert address is not None
    answer = client.get(address, headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert int(answer.headers["content-length"]) < 2_000_000
    assert answer.content == client.get(address, headers={"accept-encoding": "identity"}).content
    assert b"Plotly" in answer.content
