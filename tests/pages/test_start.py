"""The start page: folders, zip files, recent datasets, models; errors stand where they belong."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from app_support import OVERVIEW, has_title, new_session, press, run_until, words
from forms_support import MAKERS, make_parquet
from support import photo

from analysis.errors import ExplorerError
from analysis.progress import no_progress
from analysis.sources import load_dataset
from components.cards import ago
from components.uploads import checked_source, unpacking


@pytest.fixture(autouse=True)
def roots(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))


def open_folder(at, training, real_world=""):
    at.text_input[0].set_value(str(training))
    at.text_input[1].set_value(str(real_world))
    return press(at, "Open")


def test_a_typed_folder_is_opened_and_shown(small_folder):
    at = open_folder(new_session().run(), small_folder)
    run_until(at, has_title)
    assert at.title[0].value == "Overview"
    assert {m.label: m.value for m in at.metric}["Images"] == "15"


@pytest.mark.parametrize("path", ["/etc", "missing", ""])
def test_a_path_that_cannot_be_opened_says_so_in_place(tmp_path, path):
    at = open_folder(new_session().run(), path if path in ("/etc", "") else tmp_path / path)
    assert not at.exception and len(at.error) == 1
    assert at.text_input[0].label == "Training pictures"


def test_an_empty_folder_says_so_in_place(tmp_path):
    (tmp_path / "empty").mkdir()
    at = open_folder(new_session().run(), tmp_path / "empty")
    assert "No picture lies in" in at.error[0].value


def test_overlapping_folders_say_so_in_place(small_folder):
    at = open_folder(new_session().run(), small_folder, small_folder / "Fruit")
    assert len(at.error) == 1 and not at.exception


def test_markup_in_a_path_is_shown_as_text(tmp_path):
    at = open_folder(new_session().run(), tmp_path / "**bold** :red[x]")
    assert r"\*\*bold\*\*" in at.error[0].value


def test_the_folders_that_may_be_opened_are_listed(tmp_path):
    at = new_session().run()
    assert any(str(tmp_path) in code.value for code in at.code)


def test_recent_datasets_can_be_opened_and_removed(small_folder):
    run_until(open_folder(new_session().run(), small_folder), has_title)
    at = new_session().run()
    assert "15 images" in words(at)
    opener = next(b for b in at.button if (b.key or "").startswith("recent-open-"))
    opener.click()
    run_until(at, has_title)
    at = new_session().run()
    next(b for b in at.button if (b.key or "").startswith("recent-remove-")).click().run()
    assert "15 images" not in words(at)


def test_the_dataset_given_at_the_start_is_shown_first_and_the_start_page_stays_reachable(small_folder, monkeypatch):
    monkeypatch.setenv("EXPLORER_DATASET", str(small_folder))
    at = run_until(new_session(), has_title)
    assert at.title[0].value == "Overview"
    at.switch_page("pages/explore/start.py").run()
    assert any(b.label.startswith("Continue with") for b in at.button)


def test_a_model_name_of_the_wrong_form_is_not_tried():
    at = new_session().run()
    at.radio[0].set_value("open_clip").run()
    at.text_input[-1].set_value("no slash here").run()
    assert not any(b.label == "Use this model" for b in at.button) and not at.exception


def test_an_unknown_model_says_so_and_the_one_in_use_stays():
    at = new_session().run()
    at.radio[0].set_value("open_clip").run()
    at.text_input[-1].set_value("No-Such-Model/none").run()
    press(at, "Use this model")
    assert len(at.error) == 1 and not at.exception
    assert "bundled" in at.expander[0].label


def make_zip(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in files:
            picture = io.BytesIO()
            photo(len(name)).save(picture, "JPEG")
            archive.writestr(name, picture.getvalue())
    out.seek(0)
    return out


def test_a_zip_file_becomes_a_dataset_below_the_cache(own_cache):
    source = unpacking(make_zip(["apple/1.jpg", "pear/2.jpg"]), "my fruit.zip")(no_progress)
    assert source.name == "my fruit" and source.real_world is None
    assert source.training.is_relative_to(own_cache / "uploads")
    assert sorted(p.name for p in source.training.rglob("*.jpg")) == ["1.jpg", "2.jpg"]
    again = unpacking(make_zip(["apple/1.jpg", "pear/2.jpg"]), "my fruit.zip")(no_progress)
    assert again.id == source.id


def test_a_zip_file_may_bring_both_origins():
    source = unpacking(make_zip(["set/training/apple/1.jpg", "set/real_world/apple/22.jpg"]), "set.zip")(no_progress)
    assert source.training.name == "training" and source.real_world.name == "real_world"


def test_a_folder_packed_whole_is_that_folder():
    source = unpacking(make_zip(["set/apple/1.jpg", "set/pear/22.jpg"]), "set.zip")(no_progress)
    assert load_dataset(source).concepts == ("apple", "pear")
    again = unpacking(make_zip(["set/apple/1.jpg", "set/pear/22.jpg"]), "set.zip")(no_progress)
    assert again.id == source.id


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_dataset_of_another_tool_opens_from_the_path_box(tmp_path, make):
    make(tmp_path / "in")
    at = open_folder(new_session().run(), tmp_path / "in")
    run_until(at, has_title)
    assert at.title[0].value == "Overview"
    assert {m.label: m.value for m in at.metric}["Images"] == "8"
    assert not at.exception


def test_pictures_in_tables_are_unpacked_when_they_are_opened_not_before(tmp_path, own_cache):
    make_parquet(tmp_path / "in")
    source = checked_source(str(tmp_path / "in"), "")
    assert source.training == tmp_path / "in"
    assert not (own_cache / "unpacked").exists()


@pytest.mark.parametrize("content", [b"no zip at all", b""])
def test_a_bad_zip_file_leaves_nothing_behind(own_cache, content):
    with pytest.raises(ExplorerError):
        unpacking(io.BytesIO(content), "bad.zip")(no_progress)
    assert not list((own_cache / "uploads").iterdir())


def test_ago_is_said_in_words():
    now = datetime(2025, 3, 4, 12, tzinfo=UTC)
    assert ago(now - timedelta(seconds=20), now) == "just now"
    assert ago(now - timedelta(minutes=5), now) == "5 minutes ago"
    assert ago(now - timedelta(days=40), now) == "23 January 2025"


def test_a_damaged_sample_is_said_and_stops_nothing(tmp_path, monkeypatch):
    import functools

    from analysis.samples import bundled_samples
    from components import shelf

    folder = tmp_path / "samples" / "bad"
    folder.mkdir(parents=True)
    (folder / "sample.json").write_text(json.dumps({"id": "bad"}))
    monkeypatch.setattr(shelf, "bundled_samples", functools.partial(bundled_samples, tmp_path / "samples"))
    at = new_session().run()
    assert not at.exception and len(at.warning) == 1


def test_a_sample_is_offered_as_a_card_and_opens(tmp_path, small_folder, monkeypatch):
    import functools

    from analysis.samples import bundled_samples
    from components import shelf

    sample = {
        "id": "fruit",
        "title": "Fruit <b>",
        "tagline": "Apples & pears.",
        "story": "A story.",
        "training": ".",
        "cover": ["Fruit/Apple/0.jpg"],
    }
    (small_folder / "sample.json").write_text(json.dumps(sample))
    monkeypatch.setattr(shelf, "bundled_samples", functools.partial(bundled_samples, tmp_path))
    at = new_session().run()
    assert not at.exception and "Apples &amp; pears." in words(at) and "data:image/jpeg;base64," in words(at)
    next(b for b in at.button if b.key == "open-fruit").click()
    run_until(at, has_title)
    assert at.query_params["dataset"] in ("fruit", ["fruit"])
    cold = new_session(OVERVIEW, dataset="fruit")
    run_until(cold, has_title)
    assert {m.label: m.value for m in cold.metric}["Concepts"] == "3"
