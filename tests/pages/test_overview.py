"""The overview says what is in a dataset, and every state before that is designed."""

from __future__ import annotations

import numpy as np
import pytest
from app_support import OVERVIEW, has_title, new_session, press, run_until, words
from support import photo

from components.overview import example_rows, image_table, labelled_counts, size_figure, summary_sentence


@pytest.fixture
def shown(small_folder, tmp_path, monkeypatch):
    """A dataset with both origins, a broken file, a text file and a hostile concept name, opened at the overview."""
    real = tmp_path / "real"
    for concept, n in {"Fruit/Apple": 4, "Leek": 2}.items():
        (real / concept).mkdir(parents=True)
        for i in range(n):
            photo(900 + i + 10 * n, size=(160, 120)).save(real / concept / f"r{i}.jpg")
    odd = small_folder / "<img src=x onerror=alert(1)> :red[x]"
    odd.mkdir()
    photo(77).save(odd / "one.png")
    (small_folder / "Leek" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    (small_folder / "notes.txt").write_text("not a picture")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(small_folder))
    monkeypatch.setenv("EXPLORER_REAL_WORLD", str(real))
    return run_until(new_session(OVERVIEW), has_title)


def test_counts_are_those_of_the_files(shown):
    values = {m.label: m.value for m in shown.metric}
    assert values == {
        "Images": "22",
        "Concepts": "4",
        "Training": "16",
        "Real world": "6",
        "Unreadable": "1",
    }


def test_unreadable_files_are_listed_with_their_reason(shown):
    table = shown.dataframe[0].value
    assert list(table["File"]) == ["Leek/broken.jpg"] and len(table["Reason"][0]) > 10
    assert "1 file" in words(shown)


def test_the_sentence_names_both_origins_and_the_loss(shown):
    assert "22 pictures of 4 concepts: 16 to train on and 6 from real use. 1 file could not be read." in words(shown)


def test_a_hostile_concept_name_is_text_everywhere(shown):
    assert "<img src=x" not in words(shown)
    assert "&lt;img src=x" in words(shown)


def test_both_origins_are_shown_in_pictures(shown):
    strips = [h.proto.body for h in shown.get("html") if "tde-strip" in h.proto.body and "<img" in h.proto.body]
    assert [s.count("<img") for s in strips] == [16, 6]
    assert all('src="data:image/jpeg;base64,' in s for s in strips)


def test_the_model_says_what_it_cannot_see(shown):
    assert "It cannot see" in words(shown) and "It sees" in words(shown)


def test_the_link_holds_the_dataset_and_opens_it_cold(shown):
    (dataset_id,) = np.atleast_1d(shown.query_params["dataset"])
    cold = run_until(new_session(OVERVIEW, dataset=str(dataset_id)), has_title)
    assert {m.label: m.value for m in cold.metric}["Images"] == "22"


def test_looking_for_changes_finds_a_new_picture(shown, small_folder):
    photo(4711).save(small_folder / "Leek" / "new.jpg")
    press(shown, "Look for changed files")
    run_until(shown, has_title)
    assert {m.label: m.value for m in shown.metric}["Training"] == "17"


def test_nothing_readable_is_an_empty_state_with_reasons(tmp_path, monkeypatch):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    monkeypatch.setenv("EXPLORER_DATASET", str(folder))
    at = run_until(new_session(OVERVIEW), lambda at: any(b.label == "Look again" for b in at.button))
    assert "holds no picture" in words(at) and list(at.dataframe[0].value["File"]) == ["a.jpg"]


def test_a_folder_that_is_gone_is_an_error_state_with_a_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_DATASET", str(tmp_path / "gone"))
    at = run_until(new_session(OVERVIEW), lambda at: any(b.label == "Try again" for b in at.button))
    assert "could not be opened" in words(at) and "is not there" in words(at)
    press(at, "Choose another dataset")
    assert at.text_input[0].label == "Training pictures"


def test_a_cancelled_opening_can_be_resumed(small_folder, monkeypatch):
    import threading

    from analysis import opening

    monkeypatch.setenv("EXPLORER_DATASET", str(small_folder))
    real, gate = opening.open_dataset, threading.Event()

    def held(*args, progress, **kwargs):
        if not gate.is_set():
            progress(3, 15, "Reading pictures")
            gate.wait(20)
            progress(4, 15, "Reading pictures")
        return real(*args, progress=progress, **kwargs)

    monkeypatch.setattr(opening, "open_dataset", held)
    at = run_until(new_session(OVERVIEW), lambda at: "3 of 15 images" in words(at))
    press(at, "Cancel")
    assert "Stopping" in words(at)
    gate.set()
    run_until(at, lambda at: any(b.label == "Resume" for b in at.button))
    assert "3 of 15 images are done and kept" in words(at)
    next(b for b in at.button if b.label == "Resume").click()
    run_until(at, has_title)
    assert {m.label: m.value for m in at.metric}["Images"] == "15"


def test_a_defect_while_opening_is_said_with_details_behind_a_click(small_folder, monkeypatch):
    from analysis import opening

    def broken(*args, **kwargs):
        raise RuntimeError("defect in opening")

    monkeypatch.setattr(opening, "open_dataset", broken)
    monkeypatch.setenv("EXPLORER_DATASET", str(small_folder))
    at = run_until(new_session(OVERVIEW), lambda at: any(b.label == "Try again" for b in at.button))
    assert "Something in the app itself went wrong" in words(at)
    assert "defect in opening" in at.code[0].value


def dataset_of(tmp_path, counts):
    import pandas as pd

    from analysis.dataset import Dataset, label_frame

    names = [c for c, n in counts.items() for _ in range(n)]
    images = pd.DataFrame(
        {
            "image_id": [f"{i}.jpg" for i in range(len(names))],
            "path": [str(tmp_path / f"{i}.jpg") for i in range(len(names))],
            "origin": "training",
            "split": None,
        }
    )
    labels = label_frame((i, c) for i, c in enumerate(names) if c)
    return Dataset("d", {"training": tmp_path}, images, labels, label_frame([]))


def test_examples_come_from_every_concept_in_turn(tmp_path):
    dataset = dataset_of(tmp_path, {"a": 100, "b": 3, "c": 1})
    rows = example_rows(dataset, "training", 9)
    shown = [dataset.concepts_of(r)[0] for r in rows]
    assert len(set(rows)) == len(rows) and set(shown) == {"a", "b", "c"}
    assert rows == example_rows(dataset, "training", 9)


def test_examples_with_more_concepts_than_places_are_spread(tmp_path):
    dataset = dataset_of(tmp_path, {f"c{i:03}": 2 for i in range(100)})
    assert len(example_rows(dataset, "training", 24)) == 24


def test_counts_sort_the_largest_first(tmp_path):
    table = labelled_counts(dataset_of(tmp_path, {"b": 2, "a": 2, "c": 5}))
    assert list(table["concept"]) == ["c", "a", "b"] and list(table["total"]) == [5, 2, 2]


def test_an_unlabelled_dataset_says_so(tmp_path):
    assert "none of them labelled" in summary_sentence(dataset_of(tmp_path, {"": 3}))


def test_the_exported_table_holds_labels_and_no_absolute_paths(tmp_path):
    table = image_table(dataset_of(tmp_path, {"a": 2}))
    assert list(table["concepts"]) == ["a", "a"] and list(table["not_concepts"]) == ["", ""]
    assert not table.astype(str).apply(lambda c: c.str.contains(str(tmp_path), regex=False)).any().any()


def test_size_classes_are_fixed_and_shares_add_up():
    import pandas as pd

    images = pd.DataFrame({"origin": ["training"] * 4, "width": [100, 127, 128, 5000], "height": [50, 90, 100, 4000]})
    figure = size_figure(images)
    (bars,) = figure.data
    assert bars.x[0] == "under 128" and bars.x[-1] == "4,096 and more"
    assert list(bars.customdata) == [2, 1, 0, 0, 0, 0, 1] and sum(bars.y) == pytest.approx(1)
