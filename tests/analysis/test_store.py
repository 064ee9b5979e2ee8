"""The store returns what was put in, in the order asked for, across processes and compactions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import store as module
from analysis.embedders.base import ModelInfo
from analysis.errors import StoreError
from analysis.store import ATTRIBUTE_SCHEMA, Store, vector_schema

MODEL = ModelInfo("m", "m-1", "M", "", "", feature_dim=4, vector_dim=3, input_size=8, knows_text=True)


def batch(keys: list[int]) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    for field in ATTRIBUTE_SCHEMA:
        values = [str(k) for k in keys] if pa.types.is_string(field.type) else keys
        columns[field.name] = pa.array(values).cast(field.type)
    columns["content_hash"] = pa.array([f"h{k}" for k in keys])
    columns["jpeg"] = pa.array([f"jpeg{k}".encode() for k in keys], type=pa.binary())
    schema = vector_schema(MODEL)
    for name, width in (("features", 4), ("vector", 3)):
        flat = pa.array(np.repeat(np.array(keys, dtype=np.float16), width))
        columns[name] = pa.FixedSizeListArray.from_arrays(flat, width).cast(schema.field(name).type)
    columns["spatial"] = pa.array([bytes([k % 256]) for k in keys], type=pa.binary())
    return pa.table(columns)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=6), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_whatever_the_batches_reading_returns_each_key_in_the_order_asked(tmp_path_factory, batches, random) -> None:  # type: ignore[no-untyped-def]
    store = Store(tmp_path_factory.mktemp("store"))
    for keys in batches:
        store.append(batch(keys), MODEL)
    every = sorted({k for keys in batches for k in keys})
    ask = [random.choice(every) for _ in range(12)]
    hashes = [f"h{k}" for k in ask]
    assert store.known(MODEL) == {f"h{k}" for k in every}
    assert store.attributes(hashes)["width"].to_pylist() == ask
    features, vectors = store.vectors(hashes, MODEL)
    assert features.shape == (12, 4) and vectors.shape == (12, 3)
    assert features[:, 0].tolist() == vectors[:, 2].tolist() == ask
    assert store.spatial(hashes, MODEL) == [bytes([k]) for k in ask]
    assert store.thumbnails([*hashes, "nowhere"]) == [*(f"jpeg{k}".encode() for k in ask), None]


def test_reading_nothing_gives_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.attributes([]).num_rows == 0
    assert store.vectors([], MODEL)[0].shape == (0, 4)
    assert store.thumbnails([]) == []


def test_a_missing_key_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="h9"):
        Store(tmp_path).attributes(["h9"])


def test_a_compaction_changes_nothing_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPACT_EVERY", 3)
    store = Store(tmp_path)
    for k in range(10):
        store.append(batch([k]), MODEL)
        assert store.attributes([f"h{i}" for i in range(k + 1)])["width"].to_pylist() == list(range(k + 1))
    assert store.vectors(["h7", "h0"], MODEL)[0][:, 0].tolist() == [7, 0]


def test_two_stores_on_one_folder_see_each_other(tmp_path: Path) -> None:
    one, two = Store(tmp_path), Store(tmp_path)
    one.append(batch([1]), MODEL)
    two.append(batch([2]), MODEL)
    assert one.known(MODEL) == two.known(MODEL) == {"h1", "h2"}
    assert one.attributes(["h2"])["width"].to_pylist() == [2]


def test_only_images_complete_in_every_table_count_as_known(tmp_path: Path) -> None:
    """A kill between two tables must not leave an image half stored for ever."""
    store = Store(tmp_path)
    store._attributes().add(batch([1, 2]))
    store._thumbnails().add(batch([1]))
    assert store.known(MODEL) == set()
    store.append(batch([1, 2]), MODEL)
    assert store.known(MODEL) == {"h1", "h2"}
    assert store._attributes().all(["content_hash"]).num_rows == 2


def test_the_newest_memory_of_a_file_counts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.remember_files({"a": ("s1", "h1"), "b": ("s", "h")})
    store.remember_files({"a": ("s2", "h2")})
    assert store.remembered_files() == {"a": ("s2", "h2"), "b": ("s", "h")}


def test_a_folder_that_cannot_be_made_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="--cache"):
        Store(tmp_path / "file" / "store")
