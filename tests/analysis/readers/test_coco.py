"""COCO: every usual layout opens with its labels, boxes and splits; hostile files cost one line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from forms_support import boxes, coco, concepts, load, pictures, reasons, splits, write
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import Cancelled, InputError
from analysis.sources import Source, load_dataset

NAMES = ("1.png", "2.png", "3.png")
TWO = coco(NAMES, [(0, 0, [4, 2, 20, 10]), (1, 1, [0, 0, 40, 20]), (1, 0, [20, 10, 10, 5])])


@pytest.mark.parametrize(
    ("annotations", "images"),
    [
        ("annotations/instances_train2017.json", "train2017"),  # COCO's own
        ("annotations/instances_train2017.json", "images/train2017"),
        ("annotations/instances_train.json", "images/train"),  # CVAT, Datumaro
        ("annotations/train.json", "images"),
        ("train/_annotations.coco.json", "train"),  # Roboflow
        ("train.json", "train"),
        ("annotations/instances_train.json", "some/where/else"),
        ("wrapper/annotations/instances_train2017.json", "wrapper/train2017"),
    ],
)
def test_every_usual_layout_is_read(tmp_path: Path, annotations: str, images: str) -> None:
    write(tmp_path / annotations, TWO)
    pictures(tmp_path / images, *NAMES)
    dataset = load(tmp_path)
    inner = images.removeprefix("wrapper/")
    assert concepts(dataset) == {
        f"{inner}/1.png": ("apple",), f"{inner}/2.png": ("leek", "apple"), f"{inner}/3.png": (),
    }  # fmt: skip
    assert set(splits(dataset).values()) == {"train"}
    assert boxes(dataset) == [
        (f"{inner}/1.png", "apple", 0.1, 0.1, 0.5, 0.5),
        (f"{inner}/2.png", "apple", 0.5, 0.5, 0.25, 0.25),
        (f"{inner}/2.png", "leek", 0.0, 0.0, 1.0, 1.0),
    ]
    assert not dataset.unreadable


def test_splits_come_from_the_files_and_one_json_has_none(tmp_path: Path) -> None:
    for split in ("train2017", "val2017", "test-dev2017", "default"):
        write(tmp_path / "a" / "annotations" / f"instances_{split}.json", coco(["x.png"], [(0, 0, None)]))
        pictures(tmp_path / "a" / split, "x.png")
    assert splits(load(tmp_path / "a")) == {
        "train2017/x.png": "train", "val2017/x.png": "val", "test-dev2017/x.png": "test", "default/x.png": None,
    }  # fmt: skip
    write(tmp_path / "b" / "result.json", coco(["images/x.png", "images/val/y.png"], []))  # Label Studio
    pictures(tmp_path / "b" / "images", "x.png", "val/y.png")
    assert splits(load(tmp_path / "b")) == {"images/val/y.png": "val", "images/x.png": None}


def test_the_json_itself_may_be_given(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write(tmp_path / "annotations" / f"instances_{split}.json", TWO)
        pictures(tmp_path / "images" / split, *NAMES)
    dataset = load(tmp_path / "annotations" / "instances_val.json")
    assert set(splits(dataset).values()) == {"val"}
    assert dataset.roots["training"] == tmp_path
    assert len(dataset) == 3


@pytest.mark.parametrize("first", [0, 1, 7])
def test_category_numbers_may_begin_anywhere(tmp_path: Path, first: int) -> None:
    write(
        tmp_path / "annotations" / "instances_a.json",
        coco(["1.png"], [(0, 0, None), (0, 1, None)], first_category=first),
    )
    pictures(tmp_path / "images", "1.png")
    assert concepts(load(tmp_path)) == {"images/1.png": ("apple", "leek")}


def test_the_least_a_file_may_say_is_enough(tmp_path: Path) -> None:
    content = {
        "images": [{"id": "a", "file_name": "1.png"}],
        "annotations": [{"image_id": "a", "category_id": 0, "bbox": [4, 2, 20, 10]}],
        "categories": [{"id": 0, "name": "apple"}],
    }
    write(tmp_path / "c.json", content)
    pictures(tmp_path, "1.png")
    dataset = load(tmp_path)
    assert concepts(dataset) == {"1.png": ("apple",)}
    assert boxes(dataset) == [("1.png", "apple", 4, 2, 20, 10)]  # pixels, until the picture is measured


def test_captions_key_points_and_stuff_do_not_double_the_instances(tmp_path: Path) -> None:
    other = coco(NAMES, [(0, 1, [1, 1, 5, 5])])
    for task in ("captions", "person_keypoints", "stuff"):
        write(tmp_path / "annotations" / f"{task}_train.json", other)
    write(tmp_path / "annotations" / "instances_train.json", TWO)
    pictures(tmp_path / "images" / "train", *NAMES)
    assert concepts(load(tmp_path))["images/train/1.png"] == ("apple",)


def test_panoptic_segments_and_captions_alone_are_read(tmp_path: Path) -> None:
    content = coco(["1.png"], [])
    content["annotations"] = [
        {"image_id": 10, "file_name": "1.png", "segments_info": [{"id": 3, "category_id": 2, "bbox": [4, 2, 20, 10]}]}
    ]
    write(tmp_path / "a" / "annotations" / "panoptic_val2017.json", content)
    pictures(tmp_path / "a" / "val2017", "1.png")
    assert boxes(load(tmp_path / "a")) == [("val2017/1.png", "leek", 0.1, 0.1, 0.5, 0.5)]
    captions = {"images": content["images"], "annotations": [{"id": 1, "image_id": 10, "caption": "a"}]}
    write(tmp_path / "b" / "annotations" / "captions_val2017.json", captions)
    pictures(tmp_path / "b" / "val2017", "1.png")
    dataset = load(tmp_path / "b")
    assert concepts(dataset) == {"val2017/1.png": ()} and not dataset.unreadable


def test_missing_files_are_unreadable_and_not_taken_from_another_split(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write(tmp_path / "annotations" / f"instances_{split}.json", TWO)
        pictures(tmp_path / "images" / split, *NAMES)
    (tmp_path / "images" / "train" / "2.png").unlink()
    dataset = load(tmp_path)
    assert reasons(dataset) == {"images/train/2.png": "is not there"}
    assert len(dataset) == 5


def test_a_split_whose_pictures_were_not_fetched_is_one_line(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write(tmp_path / "annotations" / f"instances_{split}.json", coco([f"{split}{i}.png" for i in range(3)], []))
    pictures(tmp_path / "images" / "val", "val0.png", "val1.png", "val2.png")
    dataset = load(tmp_path)
    assert len(dataset) == 3
    assert list(reasons(dataset)) == ["annotations/instances_train.json"]
    assert "3 pictures of which none is there" in dataset.unreadable[0].reason


def test_a_picture_in_two_splits_is_told(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write(tmp_path / "annotations" / f"instances_{split}.json", TWO)
    pictures(tmp_path / "images", *NAMES)
    dataset = load(tmp_path)
    assert len(dataset) == 3
    assert "3 times" in reasons(dataset)["annotations/instances_val.json"]


def test_real_world_names_are_matched_like_folders(tmp_path: Path) -> None:
    pictures(tmp_path / "train", "Fruit/apple/1.png", "leek/2.png")
    write(
        tmp_path / "real" / "annotations" / "instances_r.json",
        coco(NAMES, [(0, 0, [0, 0, 40, 20]), (1, 2, [0, 0, 4, 2])], ("apple", "leek", "dog")),
    )
    pictures(tmp_path / "real" / "images", *NAMES)
    dataset = load(tmp_path / "train", tmp_path / "real")
    found = concepts(dataset)
    assert found["real_world:images/1.png"] == ("Fruit/apple",)
    assert found["real_world:images/2.png"] == ()
    assert dataset.images.set_index("image_id")["category"]["real_world:images/2.png"] == "dog"
    assert [b[1] for b in boxes(dataset)] == ["Fruit/apple", ""]


def test_a_folder_of_folders_with_some_json_stays_one(tmp_path: Path) -> None:
    pictures(tmp_path, "apple/1.png", "leek/2.png")
    write(tmp_path / "notes.json", {"images": ["x"], "file_name": 3})
    write(tmp_path / "config.json", {"a": 1})
    write(tmp_path / "other.json", coco(["elsewhere/1.png"], []))
    write(tmp_path / "apple" / "info.json", TWO)
    assert concepts(load(tmp_path)) == {"apple/1.png": ("apple",), "leek/2.png": ("leek",)}


OUTSIDE = (
    "../out.png",
    "/etc/hostname",
    "C:\\x.png",
    "..\\out.png",
    "a/../../out.png",
    "~/x.png",
    "http://x/1.png",
    "a\0.png",
)


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    pictures(tmp_path, "out.png")
    write(tmp_path / "in" / "annotations" / "instances_a.json", coco([name, "1.png"], [(0, 0, None)]))
    pictures(tmp_path / "in" / "images", "1.png")
    dataset = load(tmp_path / "in")
    assert concepts(dataset) == {"images/1.png": ()}
    assert len(dataset.unreadable) == 1


def test_the_fence_holds_for_linked_pictures_and_files(tmp_path: Path) -> None:
    pictures(tmp_path / "out", "x.png")
    inside = tmp_path / "in"
    write(inside / "annotations" / "instances_a.json", coco(["1.png", "x.png"], []))
    pictures(inside / "images", "1.png")
    os.symlink(tmp_path / "out" / "x.png", inside / "images" / "x.png")
    dataset = load_dataset(Source(inside), allowed_roots=[inside])
    assert dataset.images["image_id"].tolist() == ["images/1.png"]
    assert reasons(dataset) == {"images/x.png": "lies outside the allowed folders"}
    write(tmp_path / "out" / "a.json", TWO)
    other = tmp_path / "other"
    pictures(other / "images", *NAMES)
    (other / "annotations").mkdir()
    os.symlink(tmp_path / "out" / "a.json", other / "annotations" / "a.json")
    assert load_dataset(Source(other), allowed_roots=[other]).concepts == ("images",)  # a folder of folders


def damaged(**changes: Any) -> dict[str, Any]:
    return {**TWO, **changes}


@pytest.mark.parametrize(
    "content",
    [
        '{"images": [{"file_name": "1.png"',
        '{"images": [{"file_name": "1.png"}], "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
        b'{"images": [{"file_name": "\xff\xfe"}]}',
        json.dumps(damaged(annotations={"a": 1})),
        json.dumps(damaged(categories="apple")),
        '{"images": [{"file_name": "1.png", "id": ' + "9" * 5000 + "}]}",
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path, content: str | bytes) -> None:
    write(tmp_path / "annotations" / "instances_a.json", content)
    pictures(tmp_path / "images", *NAMES)
    with pytest.raises(InputError, match=r"annotations/instances_a\.json") as error:
        load(tmp_path)
    assert "\n" not in str(error.value)


BAD = (None, 3, "x", [], {}, [1], float("nan"), -1, 1e308, True, "NaN")


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    "where", ["image", "id", "file_name", "annotation", "image_id", "category_id", "bbox", "category", "name"]
)
def test_a_wrong_value_never_costs_the_rest(tmp_path: Path, where: str, bad: object) -> None:
    content = json.loads(json.dumps(TWO))
    if where in ("image", "annotation", "category"):
        content[{"image": "images", "annotation": "annotations", "category": "categories"}[where]].append(bad)
    else:
        group = "images" if where in ("id", "file_name") else "categories" if where == "name" else "annotations"
        content[group][-1][where] = bad
    write(tmp_path / "annotations" / "instances_a.json", json.dumps(content))
    pictures(tmp_path / "images", *NAMES)
    dataset = load(tmp_path)
    assert concepts(dataset)["images/1.png"] == ("apple",)
    assert all("\n" not in u.reason and len(u.reason) < 200 for u in dataset.unreadable)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(-60, 60), min_size=4, max_size=4))
def test_any_bbox_becomes_shares_or_is_told(tmp_path_factory: pytest.TempPathFactory, bbox: list[float]) -> None:
    tmp_path = tmp_path_factory.mktemp("c")
    write(tmp_path / "annotations" / "instances_a.json", coco(["1.png"], [(0, 0, bbox)]))
    write(tmp_path / "images" / "1.png", b"x")
    dataset = load(tmp_path)
    assert concepts(dataset) == {"images/1.png": ("apple",)}
    x, y, width, height = bbox
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, 40), min(y + height, 20)
    if right - left > 1e-9 and bottom - top > 1e-9 and width > 0 and height > 0:
        ((_, _, *got),) = boxes(dataset)
        assert got == pytest.approx([left / 40, top / 20, (right - left) / 40, (bottom - top) / 20], abs=1e-4)
    elif len(dataset.boxes) == 0:
        assert len(dataset.unreadable) == 1


def test_reading_can_be_cancelled(tmp_path: Path) -> None:
    write(tmp_path / "annotations" / "instances_a.json", TWO)
    pictures(tmp_path / "images", *NAMES)

    def cancel(done: int, total: int, note: str = "") -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        load_dataset(Source(tmp_path), progress=cancel)
