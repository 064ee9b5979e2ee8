"""A dataset's pictures on demand: thumbnails and maps from the store, originals from their files, new vectors."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from analysis import imaging
from analysis.embedders.base import Embedder, Float32, ImageEncoding
from analysis.features import Pixels, Rows
from analysis.ingest import default_threads
from analysis.store import Store

CHUNK: Final = 16
"""Pictures encoded at once by a thread, as at the ingest."""


@dataclass(frozen=True, slots=True)
class StoredPictures:
    """`analysis.features.Pictures` of images whose files and content hashes are given, one a row of the dataset."""

    store: Store
    embedder: Embedder
    paths: Sequence[str]
    hashes: Sequence[str]

    def _of(self, rows: Rows) -> list[str]:
        return [self.hashes[int(row)] for row in rows]

    def thumbnails(self, rows: Rows) -> list[bytes | None]:
        """See the protocol."""
        return self.store.thumbnails(self._of(rows))

    def spatial(self, rows: Rows) -> Float32:
        """See the protocol."""
        return self.embedder.spatial_vectors(self.store.spatial(self._of(rows), self.embedder.info))

    def local_features(self, rows: Rows) -> Float32:
        """See the protocol."""
        return self.embedder.local_features(self.store.spatial(self._of(rows), self.embedder.info))

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """See the protocol."""
        return self.embedder.encode_texts(texts)

    def vocabulary(self) -> Float32 | None:
        """See the protocol."""
        return self.embedder.vocabulary()

    def originals(self, rows: Rows) -> list[Pixels | None]:
        """See the protocol."""
        with ThreadPoolExecutor(default_threads(), thread_name_prefix="originals") as pool:
            return list(pool.map(_read, [self.paths[int(row)] for row in rows]))

    def encode_pictures(self, pictures: Sequence[Pixels]) -> ImageEncoding:
        """See the protocol."""
        chunks = [pictures[i : i + CHUNK] for i in range(0, len(pictures), CHUNK)]
        with ThreadPoolExecutor(default_threads(), thread_name_prefix="encode") as pool:
            parts = list(pool.map(self._encode, chunks))
        if not parts:
            info = self.embedder.info
            empty = np.zeros((0, info.feature_dim), np.float32), np.zeros((0, info.vector_dim), np.float32)
            return ImageEncoding(*empty, [])
        return ImageEncoding(
            features=np.concatenate([p.features for p in parts]),
            vectors=np.concatenate([p.vectors for p in parts]),
            spatial=[one for p in parts for one in p.spatial],
        )

    def spatial_vectors(self, stored: Sequence[bytes]) -> Float32:
        """See the protocol."""
        chunks = [stored[i : i + CHUNK] for i in range(0, len(stored), CHUNK)]
        with ThreadPoolExecutor(default_threads(), thread_name_prefix="locations") as pool:
            parts = list(pool.map(self.embedder.spatial_vectors, chunks))
        return np.concatenate(parts) if parts else self.embedder.spatial_vectors([])

    def _encode(self, pictures: Sequence[Pixels]) -> ImageEncoding:
        inputs = [self.embedder.preprocess(Image.fromarray(p)) for p in pictures]
        return self.embedder.encode_images(np.stack(inputs))


def _read(path: str) -> Pixels | None:
    try:
        return imaging.decode(Path(path).read_bytes()).rgb
    except (OSError, imaging.UnreadableImage):
        return None
