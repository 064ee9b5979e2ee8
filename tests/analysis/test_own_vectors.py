"""Vectors a person brings: every way Parquet holds them, ids of every kind, one clear line where they do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forms_support import pictures, write

from analysis import cli
from analysis.errors import InputError
from analysis.own_vectors import read_vectors

IDS = ["a b/ä.png", "real_world:c;1.png", "7"]
WANTED = [[0.6, 0.8], [0.0, 1.0], [1.0, 0.0]]
ROWS = [[3.0, 4.0], [0.0, 2.0], [5.0, 0.0]]


def save(path: Path, embedding: Any, ids: Any = None) -> Path:
    pq.write_table(pa.table({"image_id": IDS if ids is None else ids, "embedding": embedding}), path)
    return path


@pytest.mark.parametrize(
    "embedding",
    [
        pa.array(ROWS, pa.list_(pa.float32())),
        pa.array(ROWS, pa.list_(pa.float64(), 2)),
        pa.array(ROWS, pa.large_list(pa.float64())),
        pa.array([[np.float16(v) for v in row] for row in ROWS], pa.list_(pa.float16())),
        pa.array([[int(v) for v in row] for row in ROWS], pa.list_(pa.int8())),
        pa.FixedShapeTensorArray.from_numpy_ndarray(np.array(ROWS)),
        pa.chunked_array([pa.array(ROWS[:1]), pa.array(ROWS[1:])]),
    ],
    ids=["floats", "fixed size", "large", "half", "whole numbers", "tensor", "chunks"],
)
def test_every_way_to_hold_vectors_is_read(tmp_path: Path, embedding: Any) -> None:
    path = save(tmp_path / "v.parquet", embedding)
    np.testing.assert_allclose(read_vectors(path, IDS), WANTED, atol=1e-6)
    np.testing.assert_allclose(read_vectors(path, IDS[::-1][:2]), WANTED[::-1][:2], atol=1e-6)


def test_pandas_arrays_and_rows_of_unknown_images_are_read(tmp_path: Path) -> None:
    frame = pd.DataFrame({"image_id": ["x", *IDS], "embedding": [np.zeros(5), *map(np.array, ROWS)], "more": range(4)})
    frame.to_parquet(tmp_path / "v.parquet")
    np.testing.assert_allclose(read_vectors(tmp_path / "v.parquet", IDS), WANTED, atol=1e-6)


def test_ids_that_are_numbers_are_read_as_text(tmp_path: Path) -> None:
    path = save(tmp_path / "v.parquet", ROWS, [1, 2, 7])
    assert read_vectors(path, ["7", "1"]).shape == (2, 2)


@pytest.mark.parametrize(
    ("embedding", "message"),
    [
        (["1,2", "3,4", "5,6"], "list of numbers"),
        ([1.0, 2.0, 3.0], "list of numbers"),
        ([["1"], ["2"], ["3"]], "list of numbers"),
        ([[[1.0]], [[2.0]], [[3.0]]], "list of numbers"),
        ([[1.0], None, [2.0]], "of one length"),
        ([[], [], []], "list of numbers"),
        ([[1.0], [None], [2.0]], "not finite"),
        ([[1.0], [1e300], [2.0]], "not finite"),
    ],
)
def test_what_is_no_vector_is_one_clear_line(tmp_path: Path, embedding: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        read_vectors(save(tmp_path / "v.parquet", embedding), IDS)
    assert "\n" not in str(error.value)


def test_a_wrong_file_is_said_before_any_picture_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path / "in", "apple/1.png")
    for content in ("missing", "no table", pd.DataFrame({"image_id": ["a"]})):
        path = tmp_path / "v.parquet"
        if isinstance(content, pd.DataFrame):
            content.to_parquet(path)
        elif content != "missing":
            write(path, content)
        assert cli.main(["audit", str(tmp_path / "in"), "--embeddings", str(path), "--out", str(tmp_path / "o")]) == 2
        err = capsys.readouterr().err.strip().splitlines()
        assert len(err) == 1 and err[0].startswith("error: --embeddings")


def test_ids_of_a_manifest_and_of_the_real_world_are_those_of_the_report(tmp_path: Path) -> None:
    pictures(tmp_path, "p/1.png", "p/2.png", "real/apple/3.png")
    rows = [{"image": "./p/1.png", "concepts": "apple"}, {"image": "p/2.png", "concepts": "apple"}]
    manifest = write(tmp_path / "m.jsonl", "\n".join(map(json.dumps, rows)))
    vectors = save(tmp_path / "v.parquet", ROWS, ["./p/1.png", "p/2.png", "real_world:apple/3.png"])
    out = tmp_path / "out"
    arguments = ["audit", str(manifest), "--real-world", str(tmp_path / "real"), "--embeddings", str(vectors)]
    assert cli.main([*arguments, "--checks", "balance", "--out", str(out)]) == 0
    assert sorted(pd.read_parquet(out / "images.parquet")["image_id"]) == [
        "./p/1.png", "p/2.png", "real_world:apple/3.png",
    ]  # fmt: skip
    assert "+own-" in json.loads((out / "report.json").read_text())["model"]["key"]
