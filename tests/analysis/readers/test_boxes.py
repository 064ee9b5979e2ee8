"""Boxes and predictions that a manifest brings, and how pixels become shares."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forms_support import boxes, coco, load, pictures, voc_xml, write
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.dataset import BOX_COLUMNS
from analysis.readers.boxes import given_boxes, in_shares, measured


def rows(path: Path, *values: dict[str, object]) -> Path:
    return write(path, "\n".join(map(json.dumps, values)))


@pytest.mark.parametrize(
    "value",
    [
        [{"concept": "a/ b", "x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}],
        [{"label": "a/b", "bbox": [0.1, 0.2, 0.3, 0.4]}],
        [{"category": "a/b", "box": [0.1, 0.2, 0.3, 0.4]}],
        {"concept": "a/b", "x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4},
        [["a/b", 0.1, 0.2, 0.3, 0.4]],
        [[0.1, 0.2, 0.3, 0.4, "a/b"]],
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_boxes_may_be_written_in_several_ways(tmp_path: Path, value: object, as_text: bool) -> None:
    pictures(tmp_path, "1.png")
    dataset = load(rows(tmp_path / "m.jsonl", {"image": "1.png", "boxes": json.dumps(value) if as_text else value}))
    assert boxes(dataset) == [("1.png", "a/b", 0.1, 0.2, 0.3, 0.4)]
    assert "boxes" not in dataset.images
    assert not len(dataset.labels)  # a box is no label: only `concepts` is


def test_boxes_without_a_name_and_of_several_rows_are_kept(tmp_path: Path) -> None:
    pictures(tmp_path, "1.png", "2.png")
    path = rows(
        tmp_path / "m.jsonl",
        {"image": "1.png", "boxes": [[0.1, 0.2, 0.3, 0.4], [4, 2, 20, 10]]},
        {"image": "2.png", "boxes": None},
        {"image": "1.png", "boxes": [0.5, 0.5, 0.1, 0.1]},
        {"image": "1.png", "boxes": " "},
    )
    assert boxes(load(path)) == [
        ("1.png", "", 0.1, 0.2, 0.3, 0.4),
        ("1.png", "", 0.5, 0.5, 0.1, 0.1),
        ("1.png", "", 4, 2, 20, 10),  # in pixels, until the picture is measured
    ]


def test_boxes_of_parquet_and_csv_are_the_same(tmp_path: Path) -> None:
    pictures(tmp_path, "1.png")
    value = [{"concept": "a", "x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}]
    pq.write_table(pa.table({"image": ["1.png"], "boxes": [value]}), tmp_path / "m.parquet")
    pd.DataFrame({"image": ["1.png"], "boxes": [json.dumps(value)]}).to_csv(tmp_path / "m.csv", index=False)
    assert (
        boxes(load(tmp_path / "m.parquet")) == boxes(load(tmp_path / "m.csv")) == [("1.png", "a", 0.1, 0.2, 0.3, 0.4)]
    )


@pytest.mark.parametrize(
    "value",
    [
        *("nonsense", "[1, 2", 3, True, [3], [[1, 2, 3]], [[1, 2, 3, "a", "b"]], [{"x": 1}], [{"bbox": "1 2 3 4"}]),
        *([[1, 2, 3, None]], [[1, 2, 0, 4]], [[1, 2, 3, -4]], [[1, 2, 3, True]], [[1e300, 2, 3, 4]]),
        [{"concept": {}, "bbox": [1, 2, 3, 4]}],
    ],
)
def test_a_box_that_is_none_is_left_out_with_its_line_and_costs_nothing_else(tmp_path: Path, value: object) -> None:
    pictures(tmp_path, "1.png", "2.png")
    good = {"concept": "a", "bbox": [0.1, 0.2, 0.3, 0.4]}
    both = [good, *value] if isinstance(value, list) else value
    path = rows(
        tmp_path / "m.jsonl",
        {"image": "1.png", "concepts": ["a"], "boxes": [good]},
        {"image": "2.png", "concepts": ["b"], "boxes": both},
    )
    dataset = load(path)
    assert dataset.concepts_by_row == (("a",), ("b",))
    kept = [("1.png", "a", 0.1, 0.2, 0.3, 0.4), ("2.png", "a", 0.1, 0.2, 0.3, 0.4)]
    assert boxes(dataset) == kept[: 1 + isinstance(value, list)]
    (bad,) = dataset.unreadable
    assert bad.image_id == "m.jsonl, line 2" and bad.reason.startswith("box left out: ") and "\n" not in bad.reason


@pytest.mark.parametrize(
    ("predicted", "confidence", "expected"),
    [
        ("apple", 0.9, {"apple": 0.9}),
        ("Fruit/ apple ;leek", "0.9;0.1", {"Fruit/apple": 0.9, "leek": 0.1}),
        (["apple", "leek"], [0.9, 0.1], {"apple": 0.9, "leek": 0.1}),
        ("apple", None, {"apple": None}),
        ("apple;leek", None, {"apple": None, "leek": None}),
        (None, 0.9, {}),
        (7, "1", {"7": 1.0}),
        ("a;b", "[0, 1]", {"a": 0.0, "b": 1.0}),
    ],
)
def test_predictions_are_read(
    tmp_path: Path, predicted: object, confidence: object, expected: dict[str, float | None]
) -> None:
    pictures(tmp_path, "1.png")
    dataset = load(rows(tmp_path / "m.jsonl", {"image": "1.png", "predicted": predicted, "confidence": confidence}))
    found = {
        c: None if np.isnan(v) else v for c, v in dataset.predictions[["concept", "confidence"]].itertuples(index=False)
    }
    assert found == expected
    assert {"predicted", "confidence"} <= set(dataset.metadata)  # to filter a gallery by


@pytest.mark.parametrize(
    ("predicted", "confidence", "message"),
    [
        ("apple", 1.5, "from 0 to 1"),
        ("apple", "high", "from 0 to 1"),
        ("apple", -0.1, "from 0 to 1"),
        ("apple", True, "from 0 to 1"),
        ("apple;leek", 0.5, "2 concepts are predicted, but 1 confidences"),
        ({"apple": 0.5}, None, "predicted must be a list"),
    ],
)
def test_a_prediction_that_is_none_is_left_out_with_its_line_and_costs_nothing_else(
    tmp_path: Path, predicted: object, confidence: object, message: str
) -> None:
    pictures(tmp_path, "1.png", "2.png")
    bad = {"image": "1.png", "concepts": ["apple"], "predicted": predicted, "confidence": confidence}
    dataset = load(rows(tmp_path / "m.jsonl", bad, {"image": "2.png", "predicted": "leek", "confidence": 0.5}))
    assert dataset.concepts_by_row[0] == ("apple",)
    said = {r: c for r, _, c in dataset.predictions.itertuples(index=False)}
    assert said.pop(1) == 0.5 and all(map(np.isnan, said.values()))
    assert dataset.images["confidence"].isna().tolist() == [True, False]  # and still a column of numbers
    (left,) = dataset.unreadable
    assert left.image_id == "m.jsonl, line 1" and message in left.reason


def test_of_several_confidences_the_bad_one_is_left_out(tmp_path: Path) -> None:
    pictures(tmp_path, "1.png")
    dataset = load(rows(tmp_path / "m.jsonl", {"image": "1.png", "predicted": "a;b", "confidence": "0.9;1.5"}))
    assert dataset.predictions["confidence"].tolist()[0] == 0.9 and np.isnan(dataset.predictions["confidence"][1])


def test_names_of_labels_boxes_and_predictions_are_composed(tmp_path: Path) -> None:
    whole, apart = unicodedata.normalize("NFC", "Käse"), unicodedata.normalize("NFD", "Käse")
    pictures(tmp_path, f"{apart}.png")
    given = {
        "image": f"{apart}.png", "concepts": [apart], "not_concepts": [f"{apart}/{apart}"], "predicted": apart,
        "boxes": [{"concept": apart, "bbox": [0.1, 0.2, 0.3, 0.4]}],
    }  # fmt: skip
    dataset = load(rows(tmp_path / "m.jsonl", given))
    assert dataset.concepts == (whole,) and dataset.negatives["concept"].tolist() == [f"{whole}/{whole}"]
    assert dataset.boxes["concept"].tolist() == dataset.predictions["concept"].tolist() == [whole]
    assert dataset.images["image_id"].tolist() == [f"{apart}.png"]


@pytest.mark.parametrize("form", ["coco", "yolo", "voc"])
def test_a_box_of_no_width_is_left_out_and_its_label_stays(tmp_path: Path, form: str) -> None:
    name = {"coco": "images/1.png", "yolo": "images/1.png", "voc": "JPEGImages/1.png"}[form]
    pictures(tmp_path, name)
    if form == "coco":
        write(tmp_path / "annotations" / "instances_a.json", coco(["1.png"], [(0, 0, [4, 2, 0, 5])]))
    elif form == "yolo":
        write(tmp_path / "data.yaml", "names: [apple]\ntrain: images\n")
        write(tmp_path / "labels" / "1.txt", "0 0.5 0.5 0 0.4\n")
    else:
        write(tmp_path / "Annotations" / "1.xml", voc_xml("1.png", ("apple", 4, 2, 4, 7)))
    dataset = load(tmp_path)
    assert dataset.concepts_by_row == (("apple",),) and boxes(dataset) == []
    (left,) = dataset.unreadable
    assert "no box in its picture; the label is kept" in left.reason


def test_the_surest_of_several_rows_counts(tmp_path: Path) -> None:
    pictures(tmp_path, "1.png")
    given_rows = [{"image": "1.png", "predicted": "a", "confidence": c} for c in (None, 0.2, 0.8, None, 0.5)]
    dataset = load(rows(tmp_path / "m.jsonl", *given_rows))
    assert dataset.predictions.values.tolist() == [[0, "a", 0.8]]


NUMBERS = st.floats(-3, 5)


@settings(max_examples=300, deadline=None)
@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_a_cut_box_lies_in_the_picture_and_is_the_part_of_it_that_does(x: float, y: float, w: float, h: float) -> None:
    box = in_shares("c", x, y, w, h)
    if box is None:
        assert w <= 0 or h <= 0 or x >= 1 or y >= 1 or min(x + w, 1) <= max(x, 0) or min(y + h, 1) <= max(y, 0)
        return
    _, left, top, width, height = box
    assert 0 <= left <= left + width <= 1 + 1e-12 and 0 <= top <= top + height <= 1 + 1e-12
    assert left == max(x, 0) and left + width == pytest.approx(min(x + w, 1))
    assert top == max(y, 0) and top + height == pytest.approx(min(y + h, 1))


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 5000), st.integers(1, 5000),
    st.lists(st.tuples(*[st.floats(0.01, 0.49)] * 4), min_size=1, max_size=5),
)  # fmt: skip
def test_pixels_and_shares_of_one_box_are_measured_alike(
    width: int, height: int, shares: list[tuple[float, float, float, float]]
) -> None:
    frame = pd.DataFrame([(0, "c", *s) for s in shares], columns=list(BOX_COLUMNS))
    pixels = frame.assign(
        x=frame["x"] * width, y=frame["y"] * height, width=frame["width"] * width, height=frame["height"] * height
    )
    large = (pixels[["x", "y", "width", "height"]] > 1.01).any(axis=1)
    size = np.array([float(width)]), np.array([float(height)])
    same = measured(frame, *size)
    np.testing.assert_allclose(same.iloc[:, 2:], frame.iloc[:, 2:])
    np.testing.assert_allclose(measured(pixels[large], *size).iloc[:, 2:], frame[large].iloc[:, 2:])


def test_boxes_beside_their_picture_are_dropped_when_it_is_measured() -> None:
    frame = pd.DataFrame(
        [
            (0, "in", 10, 10, 10, 10),
            (1, "cut", -10, 0, 20, 500),
            (0, "out", 100, 0, 5, 5),
            (0, "share", 0, 0, 1.005, 1),
        ],
        columns=list(BOX_COLUMNS),
    )
    out = measured(frame, np.array([100.0, 200.0]), np.array([50.0, 100.0]))
    assert out["concept"].tolist() == ["in", "cut", "share"]
    np.testing.assert_allclose(out.iloc[:, 2:], [[0.1, 0.2, 0.1, 0.2], [0, 0, 0.05, 1], [0, 0, 1, 1]])
    assert tuple(out.columns) == BOX_COLUMNS


@settings(max_examples=200, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5), lambda v: st.lists(v, max_size=5) | st.dictionaries(st.sampled_from(["x", "y", "width", "height", "bbox", "concept"]), v, max_size=5), max_leaves=12))  # fmt: skip  # noqa: E501
def test_any_value_is_boxes_and_reasons(value: object) -> None:
    reasons: list[str] = []
    found = given_boxes(value, str, reasons.append)
    assert all(b.width > 0 and b.height > 0 for b in found)
    assert all(r and "\n" not in r for r in reasons)
    if isinstance(value, list) and len(value) != 4:
        assert len(found) + len(reasons) == sum(v is not None for v in value)
