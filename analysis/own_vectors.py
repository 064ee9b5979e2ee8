"""A person's own image vectors (`--embeddings`), used in place of the model's."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.dataset import Dataset
from analysis.embedders.base import Float32, l2_normalised
from analysis.errors import InputError
from analysis.features import Features


def with_own_vectors(features: Features, dataset: Dataset, path: Path) -> Features:
    """The features with `image` read from a Parquet file of columns `image_id` and `embedding`.

    `joint` stays the model's, since a person's vectors need not share a space with text. Rows of unknown
    images are ignored.

    Raises:
        InputError: the file is unreadable, lacks a column, or lacks a usable vector for an image.
    """
    vectors = read_vectors(path, dataset.images["image_id"].astype(str).tolist())
    digest = hashlib.blake2b(vectors.tobytes(), digest_size=8).hexdigest()
    model = replace(features.model, key=f"{features.model.key}+own-{digest}", feature_dim=vectors.shape[1])
    return replace(features, model=model, image=vectors)


def check_vectors_file(path: Path) -> None:
    """Prove, before any long work, that the file is there and has the two columns. Errors: see `with_own_vectors`."""
    if not path.is_file():
        raise InputError(f"--embeddings {path}: there is no such file.")
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"--embeddings {path}: not a readable Parquet file ({_first_line(error)}).") from error
    missing = [c for c in ("image_id", "embedding") if c not in schema.names]
    if missing:
        raise InputError(f"--embeddings {path}: expected columns image_id and embedding; lacks {missing[0]}.")
    if not _holds_numbers(schema.field("embedding").type):
        raise InputError(f"--embeddings {path}: every embedding must be a list of numbers.")


def read_vectors(path: Path, image_ids: list[str]) -> Float32:
    """Vectors of these images, in order: float32 (n, d), L2-normalised. Errors: see `with_own_vectors`."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    check_vectors_file(path)
    try:
        table = pq.read_table(path, columns=["image_id", "embedding"])
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"--embeddings {path}: not a readable Parquet file ({_first_line(error)}).") from error
    row_of = {str(name): i for i, name in enumerate(table["image_id"].to_pylist())}
    if len(row_of) < len(table):
        raise InputError(f"--embeddings {path}: each image_id may occur once; {len(table) - len(row_of)} are repeated.")
    lacking = [name for name in image_ids if name not in row_of]
    if lacking:
        raise InputError(
            f"--embeddings {path}: no vector for {len(lacking)} of {len(image_ids)} images, first {lacking[0]!r}; "
            "image_id must be the path relative to the dataset's folder, as in the report."
        )
    rows = pa.array([row_of[name] for name in image_ids], type=pa.int64())
    chosen = _storage(table["embedding"].combine_chunks()).take(rows)
    lengths = set(pc.list_value_length(chosen).to_pylist())
    if chosen.null_count or len(lengths) != 1 or lengths & {0, None}:
        raise InputError(f"--embeddings {path}: every embedding must be a list of numbers of one length.")
    flat = chosen.flatten()
    with np.errstate(over="ignore"):
        vectors = flat.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float32)
    vectors = vectors.reshape(len(image_ids), lengths.pop())
    bad = ~np.isfinite(vectors).all(axis=1) | ~vectors.any(axis=1)
    if bad.any():
        raise InputError(f"--embeddings {path}: the vector of {image_ids[int(bad.argmax())]!r} is zero or not finite.")
    return l2_normalised(vectors)


def _storage(column: Any) -> Any:
    """A column of lists as such; a tensor column (one list a row) by the lists it is stored as."""
    return column.storage if hasattr(column, "storage") else column


def _holds_numbers(kind: Any) -> bool:
    import pyarrow as pa

    kind = getattr(kind, "storage_type", kind)
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        return False
    return bool(pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
