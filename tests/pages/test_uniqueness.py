"""Repeated pictures page: the groups side by side, the list of what to keep; and pictures on both sides."""

from __future__ import annotations

import csv
import io

import pytest
from app_support import has_title, new_session, run_until, words
from duplicates_support import scene
from PIL import ImageOps

from analysis.checks.uniqueness import find_uniqueness
from components.charts.uniqueness import keep_list


def folder(root, copies, across=False):
    """`train/A`, `train/B` and `test/A`; copies, or one picture under two concepts in two splits, if wanted."""
    for number, place in enumerate(("train/A", "train/B", "test/A")):
        (root / place).mkdir(parents=True)
        for i in range(5):
            scene(100 * number + i, (160, 120)).save(root / place / f"{i}.jpg", quality=92)
    if copies:
        ImageOps.mirror(scene(3, (160, 120))).save(root / "train/A/mirrored.jpg", quality=92)
        scene(102, (160, 120)).save(root / "train/A/two.jpg", quality=60)
        scene(4, (160, 120)).resize((120, 90)).save(root / "test/A/leak.jpg", quality=92)
    if across:
        (root / "test/B").mkdir()
        scene(3, (160, 120)).save(root / "test/B/again.jpg", quality=60)
    return root


@pytest.fixture
def open_page(tmp_path, monkeypatch):
    """`open_page(page, copies)`: the page once its check has run."""

    def opener(page, copies, across=False):
        monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
        monkeypatch.setenv("EXPLORER_DATASET", str(folder(tmp_path / "pictures", copies, across)))
        done = run_until(new_session(page), has_title)
        return run_until(done, lambda at: "Looked at" in words(at))

    return opener


def test_groups_are_shown_with_what_to_keep(open_page):
    at = open_page("pages/audit/uniqueness.py", copies=True)
    text = words(at)
    assert "2 pictures of 18 repeat another, in 2 groups." in text
    assert "under different concepts" in text
    assert "Keep the best of each group" in text and "2 pictures would be set aside" in text


def test_without_copies_there_is_nothing_to_set_aside(open_page):
    text = words(open_page("pages/audit/uniqueness.py", copies=False))
    assert "No picture repeats another among 15." in text
    assert "set aside" not in text.replace("How this is judged", "").split("The same picture")[0]


def test_one_picture_under_two_concepts_in_two_splits_is_shown_though_it_makes_no_group(open_page):
    text = words(open_page("pages/audit/uniqueness.py", copies=False, across=True))
    assert "1 pair of copies carries different concepts." in text
    assert "One picture under two concepts, in two splits" in text


def test_each_leaked_picture_stands_beside_its_copy(open_page):
    at = open_page("pages/audit/leakage.py", copies=True)
    text = words(at)
    assert "1 of 6 pictures kept apart for judging is also among the others." in text
    assert "Each picture beside its copy" in text


def test_the_list_says_of_every_training_picture_what_to_do():
    from duplicates_support import dataset_of

    pictures = {f"A/{i}.jpg": scene(i) for i in range(4)} | {"A/small.jpg": scene(2).resize((160, 120))}
    dataset, features = dataset_of(pictures)
    members = find_uniqueness(dataset, features).findings().tables["members"]
    rows = list(csv.DictReader(io.StringIO(keep_list(dataset, members).decode("utf-8-sig"))))
    assert [r["image_id"] for r in rows] == list(pictures)
    assert [r["action"] for r in rows] == ["keep"] * 4 + ["set aside"]
    assert rows[4]["copy_of"] == "A/2.jpg" and rows[0]["copy_of"] == "" and rows[2]["group"] == rows[4]["group"] == "1"
