"""Bundled samples: read from their own folders, and refused when damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from analysis.errors import InputError
from analysis.samples import bundled_samples
from analysis.sources import SAMPLE_DATA, load_dataset

GOOD: dict[str, object] = {
    "id": "perfect_pint",
    "title": "The perfect pint",
    "tagline": "A pint counter that failed.",
    "story": "It was trained on studio pictures.",
    "training": "training",
    "real_world": "pub",
    "cover": ["training/Beer/a.png"],
}


def sample(folder: Path, name: str = "perfect_pint", **changes: object) -> Path:
    here = folder / name
    for place in ("training/Beer", "pub"):
        (here / place).mkdir(parents=True)
        Image.new("RGB", (2, 2)).save(here / place / "a.png")
    values = {k: v for k, v in {**GOOD, **changes}.items() if v is not ...}
    (here / "sample.json").write_text(json.dumps(values), encoding="utf-8")
    return here


def test_a_sample_has_its_words_its_paths_and_an_id_of_its_own(tmp_path: Path) -> None:
    here = sample(tmp_path)
    (found,) = bundled_samples(tmp_path)
    assert (found.id, found.title, found.tagline) == ("perfect_pint", GOOD["title"], GOOD["tagline"])
    assert found.story == GOOD["story"]
    assert found.cover == (here / "training/Beer/a.png",)
    assert (found.source.training, found.source.real_world) == (here / "training", here / "pub")
    assert (found.source.id, found.source.name) == ("perfect_pint", "The perfect pint")
    assert len(load_dataset(found.source)) == 2


def test_real_world_and_cover_may_be_missing(tmp_path: Path) -> None:
    sample(tmp_path, real_world=..., cover=...)
    (found,) = bundled_samples(tmp_path)
    assert (found.source.real_world, found.cover) == (None, ())


def test_a_sample_may_bring_what_is_written_of_its_concepts(tmp_path: Path) -> None:
    here = sample(tmp_path, taxonomy="words.csv")
    (here / "words.csv").write_text("name,description\nBeer,a glass of beer\n", encoding="utf-8")
    (found,) = bundled_samples(tmp_path)
    assert [(e.name, e.description) for e in found.taxonomy] == [("Beer", "a glass of beer")]


def test_samples_are_in_order_of_their_folders_and_other_folders_are_passed_over(tmp_path: Path) -> None:
    sample(tmp_path, "b", id="first")
    sample(tmp_path, "a", id="second", cover="pub/a.png")
    (tmp_path / "scripts").mkdir()
    assert [s.id for s in bundled_samples(tmp_path)] == ["second", "first"]


def test_without_the_folder_there_are_no_samples(tmp_path: Path) -> None:
    assert bundled_samples(tmp_path / "none") == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "Perfect Pint"}, "lower-case"),
        ({"id": "../x"}, "lower-case"),
        ({"title": ...}, "“title” must be a text"),
        ({"story": " "}, "“story” must be a text"),
        ({"tagline": 3}, "“tagline” must be a text"),
        ({"training": "none"}, "missing or lies outside"),
        ({"training": "../.."}, "missing or lies outside"),
        ({"real_world": "/"}, "missing or lies outside"),
        ({"real_world": 3}, "“real_world” must be a text"),
        ({"taxonomy": "none.csv"}, "missing or lies outside"),
        ({"taxonomy": "../../words.csv"}, "missing or lies outside"),
        ({"cover": 3}, "“cover” must be a list"),
        ({"cover": [3]}, "“cover” must be a list"),
        ({"cover": ["../../etc"]}, "missing or lies outside"),
    ],
)
def test_a_damaged_sample_is_one_clear_line(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    sample(tmp_path, **changes)
    with pytest.raises(InputError, match=message):
        bundled_samples(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_sample_file_that_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    (sample(tmp_path) / "sample.json").write_bytes(content)
    with pytest.raises(InputError, match="install the sample again"):
        bundled_samples(tmp_path)


def test_two_samples_with_one_id_are_refused(tmp_path: Path) -> None:
    sample(tmp_path, "a")
    sample(tmp_path, "b")
    with pytest.raises(InputError, match="Two bundled samples"):
        bundled_samples(tmp_path)


def test_the_samples_that_come_with_the_app_can_all_be_read() -> None:
    found = bundled_samples()
    assert len(found) == len(list(SAMPLE_DATA.glob("*/sample.json")))
    for each in found:
        dataset = load_dataset(each.source)
        assert len(dataset) > 0
        assert dataset.unreadable == ()
        assert dataset.concepts
