"""Training and real world: what differs is said and seen; nothing to compare is said too."""

from __future__ import annotations

import numpy as np
import pytest
from app_support import has_title, new_session, run_until, words
from PIL import Image
from support import photo

from analysis.dataset import Dataset, label_frame
from components.comparison import concepts_of_both
from components.side_by_side import mosaic, mosaic_rows

PAGE = "pages/explore/side_by_side.py"


def make(root, counts, *, dark=False, first=0):
    for number, (concept, n) in enumerate(counts.items()):
        (root / concept).mkdir(parents=True, exist_ok=True)
        for i in range(n):
            image = photo(first + 1000 * number + i, size=(64, 48))
            if dark:
                image = Image.fromarray((np.asarray(image) * 0.3).astype(np.uint8))
            image.save(root / concept / f"{i}.png")
    return root


@pytest.fixture
def open_page(tmp_path, monkeypatch):
    def opener(training, real_world=None, *, dark=False, **query):
        monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
        monkeypatch.setenv("EXPLORER_DATASET", str(make(tmp_path / "training", training)))
        if real_world:
            real = make(tmp_path / "real", real_world, dark=dark, first=50_000)
            monkeypatch.setenv("EXPLORER_REAL_WORLD", str(real))
        return run_until(new_session(PAGE, **query), has_title)

    return opener


def test_darker_pictures_are_told_and_both_sides_are_shown(open_page):
    at = open_page({"glass": 15, "paper": 15}, {"glass": 12, "paper": 12}, dark=True)
    text = words(at)
    assert "Real-world pictures are darker" in text
    sides = [h.proto.body for h in at.get("html") if "<figcaption" in h.proto.body and 'role="img"' in h.proto.body]
    assert len(sides) == 1 and sides[0].count("<figure") == 2
    assert "30 pictures" in sides[0] and "24 pictures" in sides[0]
    assert len(at.get("plotly_chart")) == 1


def test_a_large_comparison_runs_in_the_background_and_ends_on_the_same_page(open_page, monkeypatch):
    monkeypatch.setattr("components.comparison.SLOW", 0)
    at = open_page({"glass": 15}, {"glass": 12}, dark=True)
    run_until(at, lambda page: "Real-world pictures are darker" in words(page))
    assert len(at.get("plotly_chart")) == 1


def test_without_real_world_pictures_the_page_says_what_to_do(open_page):
    at = open_page({"glass": 3})
    assert "There are no real-world pictures yet" in words(at)
    assert not at.get("plotly_chart")


def test_a_link_opens_with_its_concept_and_choosing_changes_the_link(open_page):
    at = open_page({"glass": 8, "paper": 8}, {"glass": 8, "paper": 8}, concept="paper")
    assert at.selectbox(key="compare-concept").value == "paper"
    assert "8 pictures" in words(at)
    at.selectbox(key="compare-concept").set_value("").run()
    assert not at.exception
    assert "concept" not in at.query_params
    assert "16 pictures" in words(at)


def test_one_training_picture_is_too_few_to_compare_light(open_page):
    at = open_page({"glass": 1}, {"glass": 9})
    assert "With 1 picture on one side, light, colour and sharpness cannot be compared." in words(at)
    assert not at.get("plotly_chart")


def test_every_way_to_pick_pairs_works(open_page):
    at = open_page({"glass": 8, "paper": 8}, {"glass": 8, "paper": 8})
    for kind in ("Least covered", "One of many", "Typical ones"):
        (control,) = [c for c in at.get("button_group") if c.key == "compare-pairs"]
        control.set_value(kind).run()
        assert not at.exception
        assert sum("→" in h.proto.body for h in at.get("html")) == 1


def data(training, real_world):
    import pandas as pd

    rows = [("training", c) for c in training] + [("real_world", c) for c in real_world]
    frame = pd.DataFrame(
        {
            "image_id": [f"{i}" for i in range(len(rows))],
            "path": "/x",
            "origin": [o for o, _ in rows],
            "split": None,
        }
    )
    labels = label_frame((i, c) for i, (_, c) in enumerate(rows) if c)
    return Dataset("made", {}, frame, labels, label_frame([]))


def test_the_same_cell_of_both_mosaics_shows_the_same_concept():
    made = data([f"c{i}" for i in range(40)], [f"c{i}" for i in range(5, 40) for _ in range(3)])
    left, right = mosaic_rows(made, "", 24)
    assert len(left) == len(right) == 24
    assert [made.concepts_of(a) for a in left] == [made.concepts_of(b) for b in right]


def test_mosaics_of_one_concept_take_from_all_its_pictures():
    made = data(["a"] * 3, ["a"] * 100)
    left, right = mosaic_rows(made, "a", 24)
    assert left == [0, 1, 2]
    assert len(right) == 24 and right[0] == 3 and right[-1] == 102


def test_unlabelled_pictures_have_mosaics():
    left, right = mosaic_rows(data([""] * 2, [""] * 3), "", 24)
    assert (left, right) == ([0, 1], [2, 3, 4])


def test_only_concepts_of_both_origins_are_offered():
    made = data(["Fruit/Apple", "Leek"], ["Fruit/Pear", "Leek"])
    assert concepts_of_both(made) == ["Fruit", "Leek"]


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (2, 2), (6, 3), (24, 6)])
def test_tiles_fill_the_frame(n, columns):
    assert f"repeat({columns},1fr)" in mosaic("Training", "#123456", n, ["x.jpg"] * n)
