"""Small datasets of real files for the tests on repeated pictures; opened without a model."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageFilter

from analysis import imaging
from analysis.attributes import measure, perceptual_hashes
from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ModelInfo
from analysis.features import Features


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A picture with shapes and texture at every scale, another one for every seed."""
    rng = np.random.default_rng(seed)
    out = np.zeros((size[1], size[0], 3))
    for cells in (4, 9, 20, 45):
        part = rng.integers(0, 256, (cells, cells, 3)).astype(np.uint8)
        out += np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BICUBIC), dtype=float) / np.sqrt(cells)
    out = 20 + 215 * (out - out.min()) / np.ptp(out)
    return Image.fromarray(out.astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6))


class Thumbnails:
    """`analysis.features.Pictures` of pictures in memory."""

    def __init__(self, jpegs: Sequence[bytes | None]) -> None:
        self.jpegs = list(jpegs)
        self.read = 0

    def thumbnails(self, rows: Sequence[int]) -> list[bytes | None]:
        """Those of the rows."""
        self.read += len(rows)
        return [self.jpegs[int(r)] for r in rows]


def dataset_of(
    pictures: Mapping[str, Image.Image | bytes],
    *,
    split: Mapping[str, str] | None = None,
    real_world: Sequence[str] = (),
    labels: Mapping[str, Sequence[str]] | None = None,
    with_pictures: bool = True,
) -> tuple[Dataset, Features]:
    """Images by id; the concept is the folder unless `labels` says otherwise. Vectors are random."""
    ids = list(pictures)
    files = [p if isinstance(p, bytes) else jpeg(p) for p in pictures.values()]
    decoded = [imaging.decode(f) for f in files]
    frame = pd.DataFrame(
        {
            "image_id": ids,
            "path": [f"/nowhere/{i}" for i in ids],
            "origin": ["real_world" if i in real_world else "training" for i in ids],
            "split": [None if split is None else split.get(i) for i in ids],
            "content_hash": [hashlib.blake2b(f, digest_size=16).hexdigest() for f in files],
        }
    )
    measured = pd.DataFrame([measure(d, len(f)) for d, f in zip(decoded, files, strict=True)])
    hashes = pd.DataFrame([perceptual_hashes(d.rgb) for d in decoded])
    images = pd.concat([frame, measured, hashes], axis=1)
    given = labels or {i: [i.rsplit("/", 1)[0]] for i in ids if "/" in i}
    pairs = [(ids.index(i), c) for i, concepts in given.items() for c in concepts]
    roots = {"training": Path("/nowhere")}
    dataset = Dataset("made", roots, images, label_frame(pairs), label_frame([]))
    rng = np.random.default_rng(len(ids))
    vectors = rng.normal(size=(len(ids), 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    info = ModelInfo("fake", "fake-1", "Fake", "Sees all.", "Blind to none.", 16, 16, 8, True)
    shown = Thumbnails([imaging.thumbnail(d.rgb) for d in decoded]) if with_pictures else None
    return dataset, Features(info, vectors, vectors.copy(), shown)  # type: ignore[arg-type]


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    """Bytes of a JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
