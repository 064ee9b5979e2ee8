"""YOLO: the layouts of Ultralytics, Darknet and labelling tools; polygons, empty files, hostile lines and paths."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from forms_support import boxes, concepts, load, pictures, reasons, splits, write
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import InputError
from analysis.sources import Source, load_dataset

YAML = "train: {train}\nval: {val}\nnames:\n  0: apple\n  1: leek\n"
LINES = "0 0.5 0.5 0.2 0.4\n1 0.25 0.5 5e-1 1\n"


def dataset_of(root: Path, pattern: str, yaml: str, name: str = "data.yaml", lines: str = LINES) -> Path:
    """Two pictures a split, the second without a text file."""
    for split in ("train", "val"):
        images = pattern.format(split=split, kind="images")
        pictures(root / images, "1.png", "2.png")
        write(root / pattern.format(split=split, kind="labels") / "1.txt", lines)
    write(root / name, yaml)
    return root


@pytest.mark.parametrize(
    ("pattern", "yaml", "name"),
    [
        ("{kind}/{split}", "path: .\n" + YAML.format(train="images/train", val="images/val"), "data.yaml"),
        ("{kind}/{split}", "path: coco8\n" + YAML.format(train="images/train", val="images/val"), "coco8.yaml"),
        ("{kind}/{split}", "path: /datasets/coco8\n" + YAML.format(train="images/train", val="images/val"), "x.yml"),
        ("{split}/{kind}", YAML.format(train="../train/images", val="../val/images"), "data.yaml"),  # Roboflow
        ("{split}/{kind}", YAML.format(train="train/images", val="val/images"), "data.yaml"),
        ("{split}/{kind}", "train: [train/images]\nval: [val/images]\nnames: [apple, leek]\nnc: 2\n", "data.yaml"),
        ("{kind}/{split}", YAML.format(train="gone/train", val="gone/val"), "data.yaml"),
        ("{kind}/{split}", YAML.format(train="images/train", val="images/val"), "set/data.yaml"),
    ],
)
def test_every_usual_layout_is_read(tmp_path: Path, pattern: str, yaml: str, name: str) -> None:
    inner = "set/" if name.startswith("set/") else ""
    dataset_of(tmp_path / inner, pattern, yaml, name.removeprefix("set/"))
    dataset = load(tmp_path)
    train, val = (pattern.format(split=s, kind="images") for s in ("train", "val"))
    assert concepts(dataset) == {
        f"{train}/1.png": ("apple", "leek"), f"{train}/2.png": (),
        f"{val}/1.png": ("apple", "leek"), f"{val}/2.png": (),
    }  # fmt: skip
    assert splits(dataset) == {i: "train" if "train" in i else "val" for i in concepts(dataset)}
    assert boxes(dataset)[:2] == [
        (f"{train}/1.png", "apple", 0.4, 0.3, 0.2, 0.4), (f"{train}/1.png", "leek", 0.0, 0.0, 0.5, 1.0),
    ]  # fmt: skip


def test_darknet_with_lists_is_read(tmp_path: Path) -> None:
    write(
        tmp_path / "obj.data",
        "classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\nbackup = b/\n",
    )
    write(tmp_path / "obj.names", "apple\nleek\n\n")
    write(tmp_path / "train.txt", "data/obj_train_data/1.png\ndata/obj_train_data/2.png\n\n")
    write(tmp_path / "valid.txt", "data/obj_valid_data/3.png\r\n")
    pictures(tmp_path, "obj_train_data/1.png", "obj_train_data/2.png", "obj_valid_data/3.png")
    write(tmp_path / "obj_train_data" / "1.txt", "0 0.5 0.5 0.2 0.4")
    write(tmp_path / "obj_valid_data" / "3.txt", "1 0.5 0.5 0.2 0.4")
    dataset = load(tmp_path)
    assert concepts(dataset) == {
        "obj_train_data/1.png": ("apple",), "obj_train_data/2.png": (), "obj_valid_data/3.png": ("leek",),
    }  # fmt: skip
    assert list(splits(dataset).values()) == ["train", "train", "valid"]
    assert len(load(tmp_path / "obj.data")) == 3


def test_lists_of_pictures_in_a_yaml_are_read(tmp_path: Path) -> None:
    pictures(tmp_path, "images/a/1.png", "images/a/2.png", "images/a/3.png")
    write(tmp_path / "labels" / "a" / "1.txt", "0 .5 .5 1 1")
    write(tmp_path / "train.txt", "./images/a/1.png\nimages/a/gone.png\n../out.png\n")
    write(tmp_path / "val.txt", "./images/a/2.png")
    write(tmp_path / "data.yaml", YAML.format(train="train.txt", val="val.txt"))
    dataset = load(tmp_path)
    assert splits(dataset) == {"images/a/1.png": "train", "images/a/2.png": "val"}
    assert reasons(dataset) == {"images/a/gone.png": "is not there", "out.png": "is not there"}


@pytest.mark.parametrize("names", ["classes.txt", "labels/classes.txt", "obj.names"])
def test_images_and_labels_with_a_file_of_names_are_read(tmp_path: Path, names: str) -> None:
    pictures(tmp_path / "images", "1.png", "2.png")
    write(tmp_path / "labels" / "1.txt", "1 0.5 0.5 1 1")
    write(tmp_path / names, "apple\nleek\n")
    assert concepts(load(tmp_path)) == {"images/1.png": ("leek",), "images/2.png": ()}


def test_a_blank_line_among_the_names_renames_no_class(tmp_path: Path) -> None:
    pictures(tmp_path / "images", "1.png", "2.png")
    write(tmp_path / "labels" / "1.txt", "2 0.5 0.5 1 1")
    write(tmp_path / "labels" / "2.txt", "1 0.5 0.5 1 1")
    write(tmp_path / "classes.txt", "glass\n\nmetal\nplastic\n\n")
    dataset = load(tmp_path)
    assert concepts(dataset) == {"images/1.png": ("metal",), "images/2.png": ()}
    assert "class 1" in next(iter(reasons(dataset).values()))


def test_labels_beside_the_pictures_are_read(tmp_path: Path) -> None:
    pictures(tmp_path / "train", "1.png", "2.png")
    write(tmp_path / "train" / "1.txt", "1 0.5 0.5 1 1")
    write(tmp_path / "data.yaml", YAML.format(train="train", val="val"))
    dataset = load(tmp_path)
    assert concepts(dataset) == {"train/1.png": ("leek",), "train/2.png": ()}
    assert "gives a place for val that is not there" in reasons(dataset)["data.yaml"]


def test_polygons_and_confidences_and_key_points(tmp_path: Path) -> None:
    lines = "0 0.1 0.2 0.5 0.2 0.5 0.6 0.3 0.7\n1 0.5 0.5 0.2 0.4 0.93\n"
    dataset = load(
        dataset_of(tmp_path / "a", "{kind}/{split}", YAML.format(train="images/train", val="images/val"), lines=lines)
    )
    assert [b[1:] for b in boxes(dataset)[:2]] == [("apple", 0.1, 0.2, 0.4, 0.5), ("leek", 0.4, 0.3, 0.2, 0.4)]
    yaml = "kpt_shape: [2, 2]\n" + YAML.format(train="images/train", val="images/val")
    dataset = load(dataset_of(tmp_path / "b", "{kind}/{split}", yaml, lines="0 0.5 0.5 0.2 0.4 0.9 0.9 0.1 0.1\n"))
    assert boxes(dataset)[0][1:] == ("apple", 0.4, 0.3, 0.2, 0.4)


def test_one_folder_for_two_splits_is_told(tmp_path: Path) -> None:
    dataset_of(tmp_path, "{kind}/{split}", YAML.format(train="images/train", val="images/train"))
    dataset = load(tmp_path)
    assert set(splits(dataset).values()) == {"train"}
    assert "2 times" in reasons(dataset)["data.yaml"]


def test_real_world_names_are_matched_like_folders(tmp_path: Path) -> None:
    pictures(tmp_path / "t", "Fruit/apple/1.png")
    real = dataset_of(tmp_path / "r", "{kind}/{split}", YAML.format(train="images/train", val="images/val"))
    dataset = load(tmp_path / "t", real)
    assert concepts(dataset)["real_world:images/train/1.png"] == ("Fruit/apple",)
    assert dataset.images.set_index("image_id")["category"]["real_world:images/train/1.png"] == "leek"
    assert {b[1] for b in boxes(dataset)} == {"Fruit/apple", ""}


def test_a_classification_folder_with_a_yaml_or_captions_stays_a_folder(tmp_path: Path) -> None:
    pictures(tmp_path, "train/apple/1.png", "val/leek/2.png")
    write(tmp_path / "data.yaml", YAML.format(train="train", val="val"))
    assert concepts(load(tmp_path)) == {"train/apple/1.png": ("apple",), "val/leek/2.png": ("leek",)}
    write(tmp_path / "train" / "apple" / "1.txt", "a photo of 1 apple on a table")
    assert concepts(load(tmp_path)) == {"train/apple/1.png": ("apple",), "val/leek/2.png": ("leek",)}
    write(tmp_path / "classes.txt", "apple\nleek")
    assert concepts(load(tmp_path)) == {"train/apple/1.png": ("apple",), "val/leek/2.png": ("leek",)}


@pytest.mark.parametrize(
    "line",
    [
        *("0 0.5 0.5 0.2", "x 0.5 0.5 0.2 0.4", "0 a b c d", "0 nan 0.5 0.2 0.4", "-1 .5 .5 .2 .2"),
        *("0.5 .5 .5 .2 .2", "7 .5 .5 .2 .2", "1 5 5 .2 .2", "1e400 .5 .5 .1 .1", "0 inf .5 .2 .2"),
    ],
)
def test_a_bad_line_is_told_and_costs_no_other(tmp_path: Path, line: str) -> None:
    dataset_of(tmp_path, "{kind}/{split}", YAML.format(train="images/train", val="images/val"))
    write(tmp_path / "labels" / "val" / "1.txt", f"0 0.5 0.5 0.2 0.4\n{line}\n1 0.5 0.5 0.2 0.4\n")
    dataset = load(tmp_path)
    assert [b[1] for b in boxes(dataset) if "val" in b[0]] == ["apple", "leek"]
    assert "line 2" in reasons(dataset)["labels/val/1.txt"]


def test_a_label_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    dataset_of(tmp_path, "{kind}/{split}", YAML.format(train="images/train", val="images/val"))
    (tmp_path / "labels" / "val" / "1.txt").write_bytes(b"\xff\xfe0 .5")
    dataset = load(tmp_path)
    assert reasons(dataset) == {"labels/val/1.txt": "is not UTF-8 text"}
    assert len(dataset) == 4


@pytest.mark.parametrize("place", ["../secret", "/etc", "images/../../secret", "C:/x"])
def test_no_place_leads_out_of_the_folder(tmp_path: Path, place: str) -> None:
    pictures(tmp_path / "secret", "s.png")
    inside = dataset_of(tmp_path / "in", "{kind}/{split}", YAML.format(train="images/train", val=place))
    dataset = load(inside)
    assert all("secret" not in i for i in dataset.images["image_id"])
    assert "val" in reasons(dataset)["data.yaml"]


def test_the_fence_holds_for_labels_and_places(tmp_path: Path) -> None:
    pictures(tmp_path / "out", "s.png")
    write(tmp_path / "out" / "1.txt", "1 0.5 0.5 1 1")
    inside = dataset_of(tmp_path / "in", "{kind}/{split}", YAML.format(train="images/train", val="more"))
    os.symlink(tmp_path / "out", inside / "more")
    (inside / "labels" / "train" / "1.txt").unlink()
    os.symlink(tmp_path / "out" / "1.txt", inside / "labels" / "train" / "1.txt")
    write(inside / "labels" / "train" / "2.txt", "0 .5 .5 1 1")
    dataset = load_dataset(Source(inside), allowed_roots=[inside])
    assert concepts(dataset) == {"images/train/1.png": (), "images/train/2.png": ("apple",)}
    assert reasons(dataset)["labels/train/1.txt"] == "lies outside the allowed folders"


@pytest.mark.parametrize(
    "content", ["names: [", "a: &a [*a]", b"\xff\xff", "- 1", "names: 3\ntrain: x", "x" * 2_000_000]
)
def test_a_yaml_that_cannot_be_read_is_one_clear_line(tmp_path: Path, content: str | bytes) -> None:
    pictures(tmp_path, "images/1.png")
    path = write(tmp_path / "data.yaml", content)
    with pytest.raises(InputError, match=r"data\.yaml") as error:
        load(path)
    assert "\n" not in str(error.value)


def test_names_may_be_wrong_in_every_way(tmp_path: Path) -> None:
    yaml = "train: images/train\nval: images/val\nnames: {0: apple, 1: [x], '2': ' ', 3: null, a: b, 4: 12}\n"
    dataset_of(tmp_path, "{kind}/{split}", yaml, lines="0 .5 .5 1 1\n1 .5 .5 1 1\n4 .5 .5 1 1\n")
    assert concepts(load(tmp_path))["images/train/1.png"] == ("apple", "12")


SHARES = st.floats(0, 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SHARES, SHARES, SHARES, SHARES), min_size=1, max_size=4))
def test_any_box_lies_in_its_picture(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, ...]]) -> None:
    root = tmp_path_factory.mktemp("y")
    write(root / "images" / "1.png", b"x")
    write(root / "classes.txt", "apple")
    write(root / "labels" / "1.txt", "".join(f"0 {' '.join(map(repr, row))}\n" for row in rows))
    dataset = load(root)
    assert concepts(dataset) == {"images/1.png": ("apple",)}
    frame = dataset.boxes
    assert (frame[["x", "y"]] >= 0).all(axis=None) and (frame[["width", "height"]] > 0).all(axis=None)
    assert (frame["x"] + frame["width"] <= 1 + 1e-9).all() and (frame["y"] + frame["height"] <= 1 + 1e-9).all()
    whole = {
        r
        for r in rows
        if all(c - s / 2 >= 0 and c + s / 2 <= 1 and s > 1e-6 for c, s in zip(r[:2], r[2:], strict=True))
    }
    found = {(r.x + r.width / 2, r.y + r.height / 2, r.width, r.height) for r in frame.itertuples()}
    assert all(any(r == pytest.approx(f, abs=1e-6) for f in found) for r in whole)
