"""Vectors of a dataset's images, aligned with `Dataset.images`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from analysis.embedders.base import Float32, ImageEncoding, ModelInfo

Rows = Sequence[int] | NDArray[np.int64]
Pixels = NDArray[np.uint8]


class Pictures(Protocol):
    """What the store keeps of the pictures themselves, read when asked for. Rows are rows of `Dataset.images`."""

    def thumbnails(self, rows: Rows) -> list[bytes | None]:
        """JPEG bytes (upright, longest side at most 192 px), in order; None where there is none."""
        ...

    def spatial(self, rows: Rows) -> Float32:
        """Vectors per location, float32 (n, height, width, d), L2-normalised, in the space of `Features.joint`."""
        ...

    def local_features(self, rows: Rows) -> Float32:
        """Features per location, float32 (n, height, width, f'), not normalised; their mean over the locations points
        where the model's own `Features.image` does, or nearly. Not of a person's own vectors."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """Text vectors, float32 (n, d), L2-normalised, in the space of `Features.joint`."""
        ...

    def vocabulary(self) -> Float32 | None:
        """Vectors of the names the model knows, as of `encode_texts`; None where it reads any text."""
        ...

    def originals(self, rows: Rows) -> list[Pixels | None]:
        """The pictures themselves, read again: RGB uint8 (h, w, 3), upright, longest side at most
        `imaging.WORKING_SIDE` (what the vectors were made from); None for a file that is gone or changed its form."""
        ...

    def encode_pictures(self, pictures: Sequence[Pixels]) -> ImageEncoding:
        """Vectors of pictures that were altered, by the dataset's model and just as at the ingest.

        RGB uint8 (h, w, 3) each, any size. `ImageEncoding.features` lies in the space of `Features.image` unless
        these are a person's own vectors; compare with an unaltered picture encoded here too.
        """
        ...

    def spatial_vectors(self, stored: Sequence[bytes]) -> Float32:
        """Vectors per location, as of `spatial`, of `ImageEncoding.spatial` that `encode_pictures` gave."""
        ...


@dataclass(frozen=True, slots=True)
class Features:
    """Vectors of all images of one dataset under one model; arrays are read-only.

    Attributes:
        model: the model they come from.
        image: float32 (n, f), L2-normalised; for neighbours, maps, probes.
        joint: float32 (n, d), L2-normalised; the space shared with text vectors.
        pictures: thumbnails, spatial maps and text vectors on demand; None where vectors are all there is.
    """

    model: ModelInfo
    image: Float32
    joint: Float32
    pictures: Pictures | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.image) != len(self.joint):
            raise ValueError(f"expected equal lengths, got {len(self.image)} and {len(self.joint)}")
        self.image.setflags(write=False)
        self.joint.setflags(write=False)

    def __len__(self) -> int:
        return len(self.image)
