"""Each file once; bad files listed; a killed run loses nothing finished; a change costs what changed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from support import encode, photo, png_of_size

from analysis import imaging
from analysis import ingest as module
from analysis.embedders.base import Embedder, ImageEncoding
from analysis.errors import Cancelled
from analysis.ingest import hash_content, ingest, ingest_batch
from analysis.store import Store, file_signature

REPOSITORY = Path(__file__).resolve().parents[2]


class Counting:
    """The real model, counting how many pictures it was asked for."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self.info = inner.info
        self.images = 0

    def preprocess(self, image):  # type: ignore[no-untyped-def]
        return self._inner.preprocess(image)

    def encode_images(self, inputs: np.ndarray) -> ImageEncoding:
        self.images += len(inputs)
        return self._inner.encode_images(inputs)

    def encode_texts(self, texts: Sequence[str]):  # type: ignore[no-untyped-def]
        return self._inner.encode_texts(texts)

    def vocabulary(self):  # type: ignore[no-untyped-def]
        return self._inner.vocabulary()

    def spatial_vectors(self, stored: Sequence[bytes]):  # type: ignore[no-untyped-def]
        return self._inner.spatial_vectors(stored)

    def local_features(self, stored: Sequence[bytes]):  # type: ignore[no-untyped-def]
        return self._inner.local_features(stored)


@pytest.fixture
def counting(bundled: Embedder) -> Counting:
    return Counting(bundled)


def write_photos(folder: Path, count: int, start: int = 0) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i in range(start, start + count):
        path = folder / f"{i:04d}.jpg"
        photo(i).save(path, quality=90)
        paths.append(str(path))
    return paths


def age(paths: Sequence[str]) -> None:
    """Make files look as if written a minute ago, past the two seconds in which a change could go unseen."""
    past = time.time() - 60
    for path in paths:
        os.utime(path, (past, past))


def test_a_batch_has_one_row_a_path_with_everything_from_one_decode(
    counting: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_photos(tmp_path / "p", 3)
    decoded, reads = [], []
    real_decode, real_read = imaging.decode, module._read
    monkeypatch.setattr(imaging, "decode", lambda data, *a: decoded.append(1) or real_decode(data, *a))
    monkeypatch.setattr(module, "_read", lambda path: reads.append(path) or real_read(path))
    batch = ingest_batch(paths, counting)
    assert len(decoded) == 3 and reads == paths
    assert batch.num_rows == 3 and counting.images == 3
    assert batch.column("path").to_pylist() == paths
    row = pa.Table.from_batches([batch]).to_pylist()[0]
    assert row["content_hash"] == hash_content(Path(paths[0]).read_bytes())
    assert row["width"] == 96 and 0 < row["brightness"] < 1 and len(row["phash"]) == 16
    assert len(row["features"]) == 1280 and len(row["vector"]) == 384
    assert 0 < len(row["spatial"]) <= 16 * 1024
    assert row["jpeg"][:2] == b"\xff\xd8"


def bad_files(folder: Path) -> dict[str, str]:
    """One file of each bad kind -> a word of the reason."""
    folder.mkdir(parents=True)
    whole = encode(photo(1, size=(300, 200)), "JPEG")
    kinds = {
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"I am no picture " * 9, "not an image"),
        "truncated.jpg": (whole[: len(whole) // 2], "truncated"),
        "truncated.png": (encode(photo(1), "PNG")[:3000], "truncated|damaged"),
        "bomb.png": (png_of_size(60_000, 60_000), "bomb"),
    }
    for name, (data, _) in kinds.items():
        (folder / name).write_bytes(data)
    (folder / "folder.jpg").mkdir()
    return {name: reason for name, (_, reason) in kinds.items()} | {"folder.jpg": "folder", "gone.jpg": "not there"}


def test_each_bad_file_is_listed_with_its_reason_and_stops_nothing(counting: Counting, tmp_path: Path) -> None:
    import re

    good = write_photos(tmp_path / "good", 4)
    bad = bad_files(tmp_path / "bad")
    paths = [*good[:2], *(str(tmp_path / "bad" / name) for name in bad), *good[2:]]
    result = ingest(paths, counting, Store(tmp_path / "store"))
    assert result.computed == 4
    assert {Path(p).name for p in result.reasons} == set(bad)
    for path, reason in result.reasons.items():
        assert re.search(bad[Path(path).name], reason), (path, reason)
    assert [h is None for h in result.content_hash] == [p in result.reasons for p in paths]


def test_a_second_run_computes_nothing(counting: Counting, tmp_path: Path) -> None:
    paths = write_photos(tmp_path / "p", 20)
    store = Store(tmp_path / "store")
    first = ingest(paths, counting, store)
    second = ingest(paths, counting, Store(tmp_path / "store"))
    assert (first.computed, second.computed, second.reused) == (20, 0, 20)
    assert counting.images == 20
    assert first.content_hash == second.content_hash


def test_one_percent_changed_costs_one_percent(counting: Counting, tmp_path: Path) -> None:
    paths = write_photos(tmp_path / "p", 200)
    age(paths)
    store = Store(tmp_path / "store")
    ingest(paths, counting, store)
    photo(9001).save(paths[17], quality=90)
    photo(9002).save(paths[150], quality=90)
    counting.images = 0
    again = ingest(paths, counting, store)
    assert counting.images == again.computed == 2
    assert again.content_hash[17] == hash_content(Path(paths[17]).read_bytes())


def test_a_change_that_keeps_size_and_time_is_still_seen(
    counting: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is keyed by the time of change alone, even where the file was not touched just now."""
    monkeypatch.setattr("analysis.store.time.time", lambda: 4e9)
    path = tmp_path / "a.bmp"
    photo(1).save(path)
    age([str(path)])
    store = Store(tmp_path / "store")
    before = ingest([str(path)], counting, store).content_hash[0]
    stat = path.stat()
    photo(2).save(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size and path.stat().st_mtime_ns == stat.st_mtime_ns
    assert ingest([str(path)], counting, store).content_hash[0] != before


def test_unchanged_files_are_not_even_read(counting: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_photos(tmp_path / "p", 5)
    monkeypatch.setattr("analysis.store.time.time", lambda: 4e9)  # long after they were written
    store = Store(tmp_path / "store")
    ingest(paths, counting, store)
    monkeypatch.setattr(module, "_read", lambda path: pytest.fail(f"{path} was read again"))
    assert ingest(paths, counting, store).reused == 5


def test_a_file_just_written_is_not_trusted_by_its_signature(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"1")
    assert file_signature(path.stat()) is None


def test_the_same_content_twice_is_stored_once(counting: Counting, tmp_path: Path) -> None:
    paths = write_photos(tmp_path / "p", 1)
    copy = tmp_path / "p" / "copy.jpg"
    shutil.copyfile(paths[0], copy)
    store = Store(tmp_path / "store")
    result = ingest([*paths, str(copy)], counting, store)
    assert result.content_hash[0] == result.content_hash[1]
    assert store._attributes().all(["content_hash"]).num_rows == 1


def test_another_model_gets_vectors_of_its_own(counting: Counting, tmp_path: Path) -> None:
    from dataclasses import replace

    paths = write_photos(tmp_path / "p", 3)
    store = Store(tmp_path / "store")
    ingest(paths, counting, store)
    counting.info = replace(counting.info, key="another-model")
    assert ingest(paths, counting, store).computed == 3


def test_cancel_keeps_what_was_finished(counting: Counting, tmp_path: Path) -> None:
    paths = write_photos(tmp_path / "p", 80)
    store = Store(tmp_path / "store")

    def cancel_after_40(done: int, total: int, note: str = "") -> None:
        if done >= 40:
            raise Cancelled

    with pytest.raises(Cancelled):
        ingest(paths, counting, store, progress=cancel_after_40, threads=1)
    kept = len(store.known(counting.info))
    assert kept >= 32
    counting.images = 0
    assert ingest(paths, counting, store).reused == kept
    assert counting.images == 80 - kept


def test_progress_ends_at_the_total(counting: Counting, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    paths = write_photos(tmp_path / "p", 11)
    ingest(paths, counting, Store(tmp_path / "s"), progress=lambda d, t, n="": seen.append((d, t)))
    assert seen[-1] == (11, 11)
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)


def test_order_and_number_of_threads_do_not_change_what_is_stored(counting: Counting, tmp_path: Path) -> None:
    paths = write_photos(tmp_path / "p", 24)
    results = []
    for name, threads, order in (("a", 1, paths), ("b", 3, paths[::-1])):
        store = Store(tmp_path / name)
        ingest(order, counting, store, threads=threads)
        hashes = [hash_content(Path(p).read_bytes()) for p in paths]
        results.append((store.attributes(hashes), store.vectors(hashes, counting.info)[0]))
    assert results[0][0].equals(results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


KILLED = """
import sys
from pathlib import Path
import analysis.ingest
from analysis.embedders import load_embedder
from analysis.ingest import ingest
from analysis.store import Store
analysis.ingest.FLUSH_ROWS = 8
paths = sorted(str(p) for p in Path(sys.argv[1]).glob("*.jpg"))
ingest(paths, load_embedder(), Store(Path(sys.argv[2])), progress=lambda d, t, n="": print(d, flush=True), threads=1)
"""


def test_a_run_killed_at_any_moment_resumes_and_loses_nothing_finished(
    counting: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_photos(tmp_path / "p", 150)
    stored = 0
    for stop_after in (20, 60, 100):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path / "p"), str(tmp_path / "store")],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= stop_after:
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
        assert process.returncode == -signal.SIGKILL
        known = Store(tmp_path / "store").known(counting.info)
        assert len(known) >= stored
        stored = len(known)
    assert 0 < stored < 150
    final = ingest(sorted(paths), counting, Store(tmp_path / "store"))
    assert final.reused == stored and counting.images == 150 - stored
    rows = Store(tmp_path / "store")._attributes().all(["content_hash"])["content_hash"].to_pylist()
    assert len(rows) == len(set(rows)) == 150
