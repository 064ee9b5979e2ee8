"""The bundled model: EfficientNet-Lite0 and MiniLM joined as ConSE; works offline, on any CPU.

ConSE (Norouzi et al. 2014, "Zero-shot learning by convex combination of semantic embeddings"): an image's
place in the text space is the probability-weighted mean of the text vectors of its most probable ImageNet
classes. The space is centred on the mean class vector, which spreads it out (MiniLM vectors of nouns share a
large common part).

Per location the 7 x 7 x 320 map before the network's head is kept, as int8 with one scale a location: 15.8 KB,
from which the head, the classifier and ConSE give vectors in the same space (cosine 0.999 to the unreduced map).
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from analysis.embedders.base import Float32, ImageEncoding, ModelInfo, l2_normalised
from analysis.embedders.runtime import session
from analysis.embedders.sentences import SentenceEncoder
from analysis.errors import ModelError

NAME: Final = "bundled"
KEY: Final = "bundled-lite0-minilm-conse-1"
"""Changes whenever weights, preprocessing or the form of what is stored change."""

INPUT_SIZE: Final = 224
GRID: Final = 7
CHANNELS: Final = 320
MAPS_AT_ONCE: Final = 64
TOP_CLASSES: Final = 10  # Norouzi et al. found 10 best; more adds noise
FILES: Final = ("image.onnx", "text.onnx", "tokenizer.json", "tail.npz", "manifest.json")

INFO: Final = ModelInfo(
    name=NAME,
    key=KEY,
    title="Bundled model (EfficientNet-Lite0 + MiniLM)",
    sees="Everyday objects, animals, food, scenes and materials: it was trained on the 1,000 kinds of ImageNet.",
    blind_to=(
        "Text in pictures, faces and people's relations, brands, fine differences within one kind of thing, and words "
        "far from its 1,000 kinds. For those use an open_clip model."
    ),
    feature_dim=1280,
    vector_dim=384,
    input_size=INPUT_SIZE,
    knows_text=False,
)


class BundledEmbedder:
    """See the module docstring. Thread-safe. `folder` holds the exported files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._image = session(folder / "image.onnx")
        tail = np.load(folder / "tail.npz", allow_pickle=False)
        self._head_weight, self._head_bias = tail["head_weight"], tail["head_bias"]
        self._class_weight, self._class_bias = tail["class_weight"], tail["class_bias"]
        self.class_names: tuple[str, ...] = tuple(str(x) for x in tail["class_names"])
        self._centre = tail["class_vectors"].mean(axis=0)
        self._class_vectors = l2_normalised(tail["class_vectors"] - self._centre)
        self._sentences: SentenceEncoder | None = None
        self._lock = threading.Lock()

    @property
    def info(self) -> ModelInfo:
        """Name, dimensions, limits."""
        return INFO

    def preprocess(self, image: Image.Image) -> np.ndarray:
        """uint8 (224, 224, 3): the whole picture, squeezed to a square.

        Nothing is cut off, so what lies at the border is seen and locations map straight onto the picture;
        a probe on real photos loses about 0.01 accuracy against the usual centre crop (docs/decisions/003).
        """
        import cv2

        rgb = np.asarray(image)
        shrinks = min(rgb.shape[:2]) >= 1.5 * INPUT_SIZE
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(rgb, (INPUT_SIZE, INPUT_SIZE), interpolation=how))

    def encode_images(self, inputs: np.ndarray) -> ImageEncoding:
        """Encode uint8 (n, 224, 224, 3). One picture a call of the session: faster than batches on a CPU."""
        features, logits, locations = self._run(inputs)
        return ImageEncoding(
            features=l2_normalised(features),
            vectors=self._conse(logits),
            spatial=[pack_locations(x) for x in locations],
        )

    def class_logits(self, inputs: np.ndarray) -> Float32:
        """ImageNet logits, float32 (n, 1000), of uint8 (n, 224, 224, 3)."""
        return self._run(inputs)[1]

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """Float32 (n, 384), L2-normalised."""
        with self._lock:
            if self._sentences is None:
                self._sentences = SentenceEncoder(self._folder)
        return l2_normalised(self._sentences.encode(texts) - self._centre)

    def vocabulary(self) -> Float32 | None:
        """Float32 (1000, 384), L2-normalised: the names of ImageNet's classes."""
        names: Float32 = self._class_vectors
        return names

    def spatial_vectors(self, stored: Sequence[bytes]) -> Float32:
        """Float32 (n, 7, 7, 384), L2-normalised, of `ImageEncoding.spatial` byte strings."""
        if not stored:
            return np.zeros((0, GRID, GRID, INFO.vector_dim), dtype=np.float32)
        out = np.empty((len(stored), GRID, GRID, INFO.vector_dim), dtype=np.float32)
        for at in range(0, len(stored), MAPS_AT_ONCE):
            wide = self.local_features(stored[at : at + MAPS_AT_ONCE]).reshape(-1, GRID * GRID, INFO.feature_dim)
            vectors = self._conse((wide @ self._class_weight + self._class_bias).reshape(-1, len(self.class_names)))
            out[at : at + MAPS_AT_ONCE] = vectors.reshape(-1, GRID, GRID, INFO.vector_dim)
        return out

    def local_features(self, stored: Sequence[bytes]) -> Float32:
        """Float32 (n, 7, 7, 1280): what the network averages over the picture, up to rounding."""
        if not stored:
            return np.zeros((0, GRID, GRID, INFO.feature_dim), dtype=np.float32)
        # A product for each picture: one for all rounds the last digit by how many there are, on some processors.
        narrow = np.stack([unpack_locations(x) for x in stored]).reshape(-1, GRID * GRID, CHANNELS)
        wide: Float32 = np.clip(narrow @ self._head_weight + self._head_bias, 0.0, 6.0)
        return wide.reshape(len(stored), GRID, GRID, -1)

    def _run(self, inputs: np.ndarray) -> tuple[Float32, Float32, np.ndarray]:
        if inputs.ndim != 4 or inputs.shape[1:] != (INPUT_SIZE, INPUT_SIZE, 3) or inputs.dtype != np.uint8:
            raise ValueError(f"expected uint8 (n, {INPUT_SIZE}, {INPUT_SIZE}, 3), got {inputs.dtype} {inputs.shape}")
        if not len(inputs):
            empty = np.zeros((0, GRID, GRID, CHANNELS), dtype=np.float32)
            return np.zeros((0, 1280), np.float32), np.zeros((0, 1000), np.float32), empty
        rows = [self._image.run(None, {"image": x[None]}) for x in inputs]
        features, logits, locations = (np.concatenate([row[i] for row in rows]) for i in range(3))
        return features, logits, locations

    def _conse(self, logits: np.ndarray) -> Float32:
        top = np.argpartition(logits, -TOP_CLASSES, axis=1)[:, -TOP_CLASSES:]
        chosen = np.take_along_axis(logits, top, axis=1)
        weight = np.exp(chosen - chosen.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        return l2_normalised(np.einsum("nk,nkd->nd", weight, self._class_vectors[top]))


def pack_locations(locations: np.ndarray) -> bytes:
    """float32 (7, 7, 320) as 98 bytes of float16 scales and 15,680 of int8 values."""
    flat = locations.reshape(GRID * GRID, CHANNELS)
    scale = np.maximum(np.abs(flat).max(axis=1) / 127.0, 1e-4).astype(np.float16)
    values = np.clip(np.rint(flat / scale[:, None].astype(np.float32)), -127, 127).astype(np.int8)
    return bytes(scale.tobytes() + values.tobytes())


def unpack_locations(stored: bytes) -> Float32:
    """The float32 (7, 7, 320) map that `pack_locations` packed, up to rounding."""
    n = GRID * GRID
    scale = np.frombuffer(stored, dtype=np.float16, count=n).astype(np.float32)
    values = np.frombuffer(stored, dtype=np.int8, offset=2 * n).astype(np.float32)
    return (values.reshape(n, CHANNELS) * scale[:, None]).reshape(GRID, GRID, CHANNELS)


def load_bundled(models: Path) -> BundledEmbedder:
    """The bundled embedder, exporting its files into the folder `models` on first use (about 20 s, own process).

    Raises:
        ModelError: the packaged weights are missing or not the pinned ones, or the export failed.
    """
    folder = models / KEY
    if not is_complete(folder):
        _export_in_own_process(folder)
    return BundledEmbedder(folder)


def is_complete(folder: Path) -> bool:
    """Whether every exported file is there with the size it was written with."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return False
    try:
        sizes: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))["sizes"]
    except (ValueError, KeyError):
        return False
    return all((folder / n).is_file() and (folder / n).stat().st_size == s for n, s in sizes.items())


def _export_in_own_process(folder: Path) -> None:
    import shutil

    if folder.exists():  # damaged: make it anew
        shutil.rmtree(folder)
    command = [sys.executable, "-m", "analysis.embedders.bundled_export", str(folder.absolute())]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).resolve().parents[2], timeout=900
    )
    if done.returncode != 0 or not is_complete(folder):
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise ModelError(f"The bundled model could not be prepared: {lines[-1]}")
