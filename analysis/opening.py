"""Open a dataset: read its form, bring its images into the store, and put everything in one place."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis import imaging
from analysis.dataset import Dataset, Unreadable
from analysis.embedders.base import Embedder
from analysis.errors import InputError
from analysis.features import Features
from analysis.ingest import ingest
from analysis.pictures import StoredPictures
from analysis.progress import Progress, no_progress
from analysis.readers.boxes import measured
from analysis.sources import Source, load_dataset
from analysis.store import ATTRIBUTE_SCHEMA, Store
from analysis.taxonomy import Entry


@dataclass(frozen=True, slots=True)
class OpenDataset:
    """A dataset ready to be looked at.

    Attributes:
        source: where it came from.
        dataset: readable images only, with the attribute columns of `analysis.store.ATTRIBUTE_SCHEMA`.
        features: vectors, one row an image.
        embedder, store: for text queries, spatial maps, thumbnails.
        computed, reused: images embedded now, and taken from the store.
        seconds: wall time of opening.
    """

    source: Source
    dataset: Dataset
    features: Features
    embedder: Embedder
    store: Store
    computed: int
    reused: int
    seconds: float

    @property
    def fingerprint(self) -> str:
        """Changes with the data or the model: the key of anything computed from both."""
        return f"{self.dataset.fingerprint}-{self.features.model.key}"

    def content_hashes(self, rows: Sequence[int] | np.ndarray) -> list[str]:
        """Content hashes of these rows, in order."""
        return self.dataset.images["content_hash"].iloc[np.asarray(rows, dtype=np.int64)].tolist()

    def thumbnails(self, rows: Sequence[int] | np.ndarray) -> list[bytes]:
        """JPEG bytes of these rows' thumbnails (longest side 192 px); empty bytes where one is missing."""
        return [x or b"" for x in self.store.thumbnails(self.content_hashes(rows))]

    def full_picture(self, row: int, max_side: int = 1600) -> bytes:
        """JPEG bytes of the whole picture, upright, longest side at most `max_side`.

        Raises:
            InputError: the file is gone or no longer readable.
        """
        import io

        path = Path(self.dataset.images["path"].iloc[row])
        try:
            picture = imaging.decode_full(path.read_bytes(), max_side)
        except (OSError, imaging.UnreadableImage) as error:
            raise InputError(f"{path.name} can no longer be opened ({error}): open the dataset again.") from error
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=90)
        return buffer.getvalue()


def open_dataset(
    source: Source,
    *,
    store: Store,
    embedder: Embedder,
    allowed_roots: Sequence[Path] | None = None,
    taxonomy: Sequence[Entry] = (),
    progress: Progress = no_progress,
) -> OpenDataset:
    """Load, ingest what is missing, assemble. `taxonomy` is what the owner says of the concepts.

    A dataset without a single readable image is returned as such (length 0), with its unreadable files.

    Raises:
        InputError: the source cannot be read (see `analysis.sources.load_dataset`).
        Cancelled: from `progress`; a second call goes on where this one stopped.
    """
    start = time.monotonic()
    progress(0, 0, "Finding files")
    dataset = load_dataset(source, allowed_roots=allowed_roots, cache=store.root, progress=progress)
    paths = dataset.images["path"].astype(str).tolist()
    result = ingest(paths, embedder, store, progress=progress)
    bad = [
        Unreadable(image_id, result.reasons[path])
        for image_id, path, content in zip(dataset.images["image_id"], paths, result.content_hash, strict=True)
        if content is None
    ]
    hashes = [h for h in result.content_hash if h is not None]
    rows = np.array([i for i, h in enumerate(result.content_hash) if h is not None], dtype=np.int64)
    readable = replace(dataset.select(rows), unreadable=(*dataset.unreadable, *bad))
    readable = readable.with_images(_with_attributes(readable, store, hashes))
    sizes = (readable.images[side].to_numpy(dtype=np.float64) for side in ("width", "height"))
    image_vectors, joint = store.vectors(hashes, embedder.info)
    pictures = StoredPictures(store, embedder, readable.images["path"].astype(str).tolist(), hashes)
    return OpenDataset(
        source=source,
        dataset=replace(readable, boxes=measured(readable.boxes, *sizes), taxonomy=tuple(taxonomy), _cache={}),
        features=Features(embedder.info, image_vectors, joint, pictures),
        embedder=embedder,
        store=store,
        computed=result.computed,
        reused=result.reused,
        seconds=time.monotonic() - start,
    )


def _with_attributes(dataset: Dataset, store: Store, hashes: list[str]) -> pd.DataFrame:
    measured: pd.DataFrame = store.attributes(hashes).select(ATTRIBUTE_SCHEMA.names).to_pandas()
    measured.index = dataset.images.index
    core = dataset.images.drop(columns=list(dataset.metadata))
    out: pd.DataFrame = pd.concat([core, measured, dataset.images[list(dataset.metadata)]], axis=1)
    return out
