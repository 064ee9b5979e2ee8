"""Pascal VOC: the challenge's layout, what labelling tools write, and hostile XML."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from forms_support import boxes, concepts, load, pictures, reasons, splits, voc_xml, write
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.sources import Source, load_dataset

TWO = {
    "1": voc_xml("1.png", ("apple", 4, 2, 24, 12)),
    "2": voc_xml("2.png", ("leek", 0, 0, 40, 20), ("apple", 20, 10, 30, 15)),
}


@pytest.mark.parametrize(
    ("home", "images", "annotations"),
    [
        ("", "JPEGImages", "Annotations"),
        ("VOC2012", "JPEGImages", "Annotations"),
        ("VOCdevkit/VOC2007", "JPEGImages", "Annotations"),
        ("", "images", "annotations"),
        ("", "images", "annotations/xmls"),
        ("", "train", "train"),  # Roboflow
        ("", "", ""),  # a labelling tool, beside the pictures
        ("set", "", ""),
        ("", "images", "images"),
    ],
)
def test_every_usual_layout_is_read(tmp_path: Path, home: str, images: str, annotations: str) -> None:
    pictures(tmp_path / home / images, "1.png", "2.png", "3.png")
    for name, content in TWO.items():
        write(tmp_path / home / annotations / f"{name}.xml", content)
    dataset = load(tmp_path)
    at = "".join(f"{part}/" for part in (home if home != "set" else "", images) if part)
    assert concepts(dataset) == {f"{at}1.png": ("apple",), f"{at}2.png": ("leek", "apple"), f"{at}3.png": ()}
    assert boxes(dataset) == [
        (f"{at}1.png", "apple", 0.1, 0.1, 0.5, 0.5),
        (f"{at}2.png", "apple", 0.5, 0.5, 0.25, 0.25),
        (f"{at}2.png", "leek", 0.0, 0.0, 1.0, 1.0),
    ]
    assert not dataset.unreadable


def test_splits_come_from_the_image_sets(tmp_path: Path) -> None:
    pictures(tmp_path / "JPEGImages", "1.png", "2.png", "3.png", "4.png")
    for name, content in TWO.items():
        write(tmp_path / "Annotations" / f"{name}.xml", content)
    sets = {
        "train": "1\n",
        "val": "2\n3\n",
        "trainval": "1\n2\n3\n",
        "apple_train": "1  1\n2 -1\n",
        "test": "gone\n2\n",
    }
    for name, content in sets.items():
        write(tmp_path / "ImageSets" / "Main" / f"{name}.txt", content)
    dataset = load(tmp_path)
    assert splits(dataset) == dict(
        zip((f"JPEGImages/{i}.png" for i in range(1, 5)), ("train", "val", "val", None), strict=True)
    )
    told = [u.reason for u in dataset.unreadable]
    assert len(told) == 2
    assert any("not there (gone)" in r for r in told) and any("“val” already" in r for r in told)


def test_splits_come_from_the_folders(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        pictures(tmp_path / split, "1.png")
        write(tmp_path / split / "1.xml", TWO["1"])
    assert splits(load(tmp_path)) == {"train/1.png": "train", "valid/1.png": "valid"}


def test_masks_are_no_pictures(tmp_path: Path) -> None:
    pictures(tmp_path, "JPEGImages/1.png", "SegmentationClass/1.png", "SegmentationObject/1.png")
    write(tmp_path / "Annotations" / "1.xml", TWO["1"])
    assert list(concepts(load(tmp_path))) == ["JPEGImages/1.png"]


def test_the_file_name_inside_counts_where_the_name_of_the_xml_does_not(tmp_path: Path) -> None:
    pictures(tmp_path, "JPEGImages/a.png", "JPEGImages/b.png")
    write(tmp_path / "Annotations" / "a.xml", voc_xml("old-name.jpg", ("apple", 0, 0, 5, 5)))
    write(tmp_path / "Annotations" / "0001.xml", voc_xml("C:\\me\\b.png", ("leek", 0, 0, 5, 5)))
    write(tmp_path / "Annotations" / "0002.xml", voc_xml("../../etc/passwd", ("leek", 0, 0, 5, 5)))
    dataset = load(tmp_path)
    assert concepts(dataset) == {"JPEGImages/a.png": ("apple",), "JPEGImages/b.png": ("leek",)}
    assert reasons(dataset) == {"Annotations/0002.xml": "is about a picture that is not there (../../etc/passwd)"}


def test_without_a_size_boxes_stay_pixels_until_the_picture_is_measured(tmp_path: Path) -> None:
    pictures(tmp_path, "JPEGImages/a.png", "JPEGImages/b.png")
    write(tmp_path / "Annotations" / "a.xml", voc_xml("a.png", ("apple", 4, 2, 24, 12), size=None))
    write(tmp_path / "Annotations" / "b.xml", voc_xml("b.png", ("apple", 4, 2, 24, 12), size=(0, 0)))
    assert [b[2:] for b in boxes(load(tmp_path))] == [(4, 2, 20, 10)] * 2


def test_real_world_names_are_matched_like_folders(tmp_path: Path) -> None:
    pictures(tmp_path / "t", "Fruit/apple/1.png")
    pictures(tmp_path / "r" / "JPEGImages", "1.png", "2.png")
    for name, content in TWO.items():
        write(tmp_path / "r" / "Annotations" / f"{name}.xml", content)
    dataset = load(tmp_path / "t", tmp_path / "r")
    assert concepts(dataset)["real_world:JPEGImages/2.png"] == ("Fruit/apple",)


def test_a_folder_of_folders_with_some_xml_stays_one(tmp_path: Path) -> None:
    pictures(tmp_path, "apple/1.png", "images/2.png")
    write(tmp_path / "feed.xml", "<rss><annotation/></rss>".replace("annotation", "channel"))
    write(tmp_path / "images" / "a.xml", "<annotations><image/></annotations>")
    write(tmp_path / "apple" / "1.xml", TWO["1"])
    assert concepts(load(tmp_path)) == {"apple/1.png": ("apple",), "images/2.png": ("images",)}


BOMB = '<!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]><annotation><object><name>&y;</name></object></annotation>'
OUTER = (
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><annotation><object><name>&x;</name></object></annotation>'
)


@pytest.mark.parametrize(
    "content",
    [
        "<annotation>",
        "",
        "not xml <annotation>",
        "<annotation><a></b></annotation>",
        BOMB,
        OUTER,
        b"\xff\xfe<annotation>",
        "<other><annotation/></other>",
        '<?xml version="1.0" encoding="none"?><annotation/>',
    ],
)
def test_a_hostile_xml_costs_only_its_own_labels(tmp_path: Path, content: str | bytes) -> None:
    pictures(tmp_path / "JPEGImages", "1.png", "2.png")
    write(tmp_path / "Annotations" / "1.xml", TWO["1"])
    write(tmp_path / "Annotations" / "2.xml", content)
    dataset = load(tmp_path)
    assert concepts(dataset) == {"JPEGImages/1.png": ("apple",), "JPEGImages/2.png": ()}
    assert list(reasons(dataset)) == ["Annotations/2.xml"]


def test_an_object_without_a_name_or_with_a_wrong_box_is_told(tmp_path: Path) -> None:
    pictures(tmp_path / "JPEGImages", "1.png")
    content = voc_xml("1.png", ("apple", 9, 9, 2, 2), ("", 0, 0, 5, 5), ("leek", 0, 0, 5, 5)).replace(">5<", ">x<", 1)
    write(tmp_path / "Annotations" / "1.xml", content)
    dataset = load(tmp_path)
    assert concepts(dataset) == {"JPEGImages/1.png": ("apple", "leek")}
    assert [b[1] for b in boxes(dataset)] == ["leek"]
    assert len(dataset.unreadable) == 2


def test_the_fence_holds(tmp_path: Path) -> None:
    pictures(tmp_path / "out", "x.png")
    write(tmp_path / "out" / "x.xml", TWO["1"])
    inside = tmp_path / "in"
    pictures(inside / "JPEGImages", "1.png", "2.png")
    write(inside / "Annotations" / "1.xml", TWO["1"])
    os.symlink(tmp_path / "out" / "x.xml", inside / "Annotations" / "2.xml")
    os.symlink(tmp_path / "out" / "x.png", inside / "JPEGImages" / "x.png")
    dataset = load_dataset(Source(inside), allowed_roots=[inside])
    assert concepts(dataset) == {"JPEGImages/1.png": ("apple",), "JPEGImages/2.png": ()}


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(-30, 60)] * 4))
def test_any_box_is_cut_to_its_picture(
    tmp_path_factory: pytest.TempPathFactory, corners: tuple[int, int, int, int]
) -> None:
    root = tmp_path_factory.mktemp("v")
    write(root / "JPEGImages" / "1.png", b"x")
    write(root / "Annotations" / "1.xml", voc_xml("1.png", ("apple", *corners)))
    dataset = load(root)
    left, top, right, bottom = corners
    cut = (max(left, 0), max(top, 0), min(right, 40), min(bottom, 20))
    if right > left and bottom > top and cut[2] > cut[0] and cut[3] > cut[1]:
        ((_, _, *got),) = boxes(dataset)
        assert got == pytest.approx(
            [cut[0] / 40, cut[1] / 20, (cut[2] - cut[0]) / 40, (cut[3] - cut[1]) / 20], abs=1e-4
        )
    else:
        assert boxes(dataset) == [] and len(dataset.unreadable) == 1
