"""Recent datasets: kept over restarts, in order, and never lost to damage."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analysis.errors import StoreError
from analysis.recent import RECENT_FILE, RecentDatasets, RecentEntry
from analysis.sources import Source

START = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        self.time += timedelta(minutes=1)
        return self.time


def recent(folder: Path, keep: int = 30) -> RecentDatasets:
    return RecentDatasets(folder, keep=keep, now=Clock())


def test_what_was_added_is_there_after_a_restart_latest_first(tmp_path: Path) -> None:
    one, two = Source(tmp_path / "one"), Source(tmp_path / "two", tmp_path / "real", "Two", "two_sample")
    datasets = recent(tmp_path / "cache" / "deep")
    datasets.add(one, images=3, concepts=2)
    datasets.add(two, images=5, concepts=0)
    assert RecentDatasets(tmp_path / "cache" / "deep").list() == [
        RecentEntry(two, START + timedelta(minutes=2), 5, 0),
        RecentEntry(one, START + timedelta(minutes=1), 3, 2),
    ]


def test_a_dataset_opened_again_moves_to_the_front_and_is_listed_once(tmp_path: Path) -> None:
    datasets = recent(tmp_path)
    for name in ("one", "two", "one"):
        datasets.add(Source(tmp_path / name), images=len(datasets.list()), concepts=0)
    assert [(e.source.name, e.images) for e in datasets.list()] == [("one", 2), ("two", 1)]


def test_only_the_latest_are_kept(tmp_path: Path) -> None:
    datasets = recent(tmp_path, keep=3)
    for i in range(5):
        datasets.add(Source(tmp_path / str(i)), images=0, concepts=0)
    assert [e.source.name for e in datasets.list()] == ["4", "3", "2"]


def test_find_and_remove_go_by_id(tmp_path: Path) -> None:
    datasets = recent(tmp_path)
    one, two = Source(tmp_path / "one"), Source(tmp_path / "two")
    datasets.add(one, images=1, concepts=1)
    datasets.add(two, images=1, concepts=1)
    assert datasets.find(one.id) == one
    datasets.remove(one.id)
    datasets.remove("nonsense")
    assert datasets.find(one.id) is None
    assert [e.source for e in datasets.list()] == [two]


def test_nothing_is_listed_and_nothing_made_before_the_first(tmp_path: Path) -> None:
    datasets = RecentDatasets(tmp_path / "cache")
    assert datasets.list() == []
    datasets.remove("x")
    assert not (tmp_path / "cache").exists()


def test_paths_that_are_not_unicode_survive(tmp_path: Path) -> None:
    source = Source(tmp_path / os.fsdecode(b"caf\xe9"))
    recent(tmp_path).add(source, images=1, concepts=1)
    assert RecentDatasets(tmp_path).find(source.id) == source


def entry(**changes: object) -> dict[str, object]:
    good: dict[str, object] = {
        "training": "/a", "real_world": None, "name": "a", "sample": "", "opened_at": START.isoformat(),
        "images": 1, "concepts": 1,
    }  # fmt: skip
    return {**good, **changes}


def test_the_form_of_the_file_is_the_one_written(tmp_path: Path) -> None:
    (tmp_path / RECENT_FILE).write_text(json.dumps({"version": 1, "datasets": [entry()]}))
    assert RecentDatasets(tmp_path).list() == [RecentEntry(Source(Path("/a"), name="a"), START, 1, 1)]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"version": 1}', b'{"version": 2, "datasets": []}',
        b'{"version": 1, "datasets": 3}', b'{"version": 1, "datasets": [3]}', b"[" * 100_000,
        *(
            json.dumps({"version": 1, "datasets": [entry(**change)]}).encode()
            for change in (
                {"training": 3}, {"real_world": 3}, {"opened_at": "yesterday"}, {"opened_at": "2024-05-01"},
                {"opened_at": None}, {"images": "1"}, {"concepts": None}, {"name": None},
            )
        ),
    ],
)  # fmt: skip
def test_a_damaged_file_is_put_aside_and_a_new_one_begun(tmp_path: Path, content: bytes) -> None:
    (tmp_path / RECENT_FILE).write_bytes(content)
    datasets = recent(tmp_path)
    assert datasets.list() == []
    assert (tmp_path / f"{RECENT_FILE}.damaged").read_bytes() == content
    datasets.add(Source(tmp_path / "one"), images=1, concepts=1)
    assert len(RecentDatasets(tmp_path).list()) == 1


def test_adding_to_a_damaged_file_loses_nothing_and_no_earlier_damage(tmp_path: Path) -> None:
    for content in (b"first", b"second", b"third"):
        (tmp_path / RECENT_FILE).write_bytes(content)
        recent(tmp_path).add(Source(tmp_path / "one"), images=1, concepts=1)
    aside = sorted(p for p in tmp_path.iterdir() if "damaged" in p.name)
    assert {p.read_bytes() for p in aside} == {b"first", b"second", b"third"}


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = recent(tmp_path)
    datasets.add(Source(tmp_path / "one"), images=1, concepts=1)
    before = (tmp_path / RECENT_FILE).read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(StoreError, match=r"recent\.json cannot be written: No space left"):
        datasets.add(Source(tmp_path / "two"), images=1, concepts=1)
    assert [p.name for p in tmp_path.iterdir()] == [RECENT_FILE]
    assert (tmp_path / RECENT_FILE).read_bytes() == before


def test_a_folder_that_cannot_be_made_or_read_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be written"):
        recent(tmp_path / "file").add(Source(tmp_path), images=1, concepts=1)
    (tmp_path / RECENT_FILE).mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        recent(tmp_path).list()


def test_sessions_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    threads = [
        threading.Thread(
            target=lambda i=i: RecentDatasets(tmp_path).add(Source(tmp_path / str(i)), images=i, concepts=0)
        )
        for i in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {e.images for e in RecentDatasets(tmp_path).list()} == set(range(16))
