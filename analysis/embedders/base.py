"""What an embedding model must offer: image, text and spatial vectors in one space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a person must know of the model in use.

    `name` is what the command line takes; `key` names name, weights and preprocessing, so a change of any
    of them never reuses old vectors. `sees` and `blind_to` are plain sentences.
    """

    name: str
    key: str
    title: str
    sees: str
    blind_to: str
    feature_dim: int
    vector_dim: int
    input_size: int
    knows_text: bool


@dataclass(frozen=True, slots=True)
class ImageEncoding:
    """Vectors of n images.

    Attributes:
        features: float32 (n, feature_dim), L2-normalised: for neighbours, maps and probes.
        vectors: float32 (n, vector_dim), L2-normalised: comparable with text vectors by dot product.
        spatial: n byte strings, each at most `MAX_SPATIAL_BYTES`: the reduced spatial map, read by
            `Embedder.spatial_vectors`.
    """

    features: Float32
    vectors: Float32
    spatial: list[bytes]


MAX_SPATIAL_BYTES = 16 * 1024


class Embedder(Protocol):
    """An image and text model. Thread-safe: many threads may encode at once."""

    @property
    def info(self) -> ModelInfo:
        """Name, dimensions, limits."""
        ...

    def preprocess(self, image: Image.Image) -> np.ndarray:
        """Model input of one upright RGB picture (any size, no alpha): uint8 or float32, fixed shape."""
        ...

    def encode_images(self, inputs: np.ndarray) -> ImageEncoding:
        """Encode a stack (n, …) of `preprocess` results."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """Text vectors, float32 (n, vector_dim), L2-normalised, in the space of `ImageEncoding.vectors`."""
        ...

    def vocabulary(self) -> Float32 | None:
        """Vectors of the names the model knows, float32 (n, vector_dim), L2-normalised, in the space of
        `encode_texts`: a text near none of them means nothing to it. None where it reads any text."""
        ...

    def spatial_vectors(self, stored: Sequence[bytes]) -> Float32:
        """Vectors per location, float32 (n, height, width, vector_dim), L2-normalised, same space again."""
        ...

    def local_features(self, stored: Sequence[bytes]) -> Float32:
        """Features per location, float32 (n, height, width, feature_dim), not normalised: their mean over a picture's
        locations points where its `ImageEncoding.features` does, or nearly (exactly, where the model pools so)."""
        ...


def l2_normalised(x: np.ndarray) -> Float32:
    """Rows scaled to length 1 (all-zero rows stay zero), float32."""
    x = np.asarray(x, dtype=np.float32)
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    out: Float32 = x / np.maximum(norm, np.float32(1e-12))
    return out


RECOMMENDED_MODEL: Final = "open_clip:ViT-B-32/laion2b_s34b_b79k"
"""Named where the model in use cannot judge: small enough for a laptop, learnt from pictures with their captions."""
