"""A person's own image vectors (`--embeddings`), used in place of the model's."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

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


def read_vectors(path: Path, image_ids: list[str]) -> Float32:
    """Vectors of these images, in order: float32 (n, d), L2-normalised. Errors: see `with_own_vectors`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
        missing = [c for c in ("image_id", "embedding") if c not in schema.names]
        if missing:
            raise InputError(f"--embeddings {path}: expected columns image_id and embedding; lacks {missing[0]}.")
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
            "image_id must be the path relative to the dataset's folder."
        )
    chosen = table["embedding"].take(pa.array([row_of[name] for name in image_ids], type=pa.int64())).to_pylist()
    lengths = {len(v) if isinstance(v, list) else 0 for v in chosen}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(f"--embeddings {path}: every embedding must be a list of numbers of one length.")
    try:
        vectors = np.array(chosen, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"--embeddings {path}: every embedding must be a list of numbers.") from error
    bad = ~np.isfinite(vectors).all(axis=1) | ~vectors.any(axis=1)
    if bad.any():
        raise InputError(f"--embeddings {path}: the vector of {image_ids[int(bad.argmax())]!r} is zero or not finite.")
    return l2_normalised(vectors)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
