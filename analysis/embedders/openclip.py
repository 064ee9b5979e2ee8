"""Any open_clip model: `ARCH/PRETRAINED` with a published tag or a checkpoint file, or `hf-hub:org/name`.

torch and open_clip are imported when a model is loaded, never before. Loading itself is in `openclip_load`,
vectors per location in `openclip_dense`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from PIL import Image

from analysis.embedders.base import Float32, ImageEncoding, ModelInfo, l2_normalised
from analysis.embedders.openclip_dense import (
    FORM,
    DenseReader,
    dense_reader,
    pack_grid,
    pool_grid,
    stored_side,
    unpack_grid,
)
from analysis.embedders.openclip_load import HUB_PREFIX, OFFLINE_CHOICE, PREFIX, load_weights, parse_spec
from analysis.errors import ModelError

BATCH: Final = 32
"""Pictures or texts in one pass: bounds memory when a caller gives thousands."""


class OpenClipEmbedder:
    """An open_clip model. Features are the image vectors themselves. Thread-safe.

    One lock around each pass: torch already spreads a pass over the cores, and two passes at once were slower
    (docs/decisions/005); meanwhile the other threads decode.
    """

    def __init__(
        self, name: str, title: str, identity: dict[str, Any], model: Any, transform: Any, tokenizer: Any, device: str
    ) -> None:
        """`identity`: everything that, changed, would change the vectors; JSON-able."""
        self._model = model.to(device).eval()
        self._transform, self._tokenizer, self._device = transform, tokenizer, device
        self._lock = threading.Lock()
        height, width = _pair(model.visual.image_size)
        self._shape = (3, height, width)
        self._reader, rows, columns, dim = _probe(self._model, self._shape, device)
        self._side = stored_side(dim)
        if not self._side:
            raise ModelError(f"{name} gives vectors of {dim} numbers, more than can be kept: use another model.")
        self._grid = (min(rows, self._side), min(columns, self._side))
        self._info = ModelInfo(
            name=name,
            key=_key(identity),
            title=title,
            sees=(
                "What its training pictures and their captions spoke of: commonly objects, scenes, styles, brands "
                "and some text."
            ),
            blind_to=_blind_to(identity["preprocessing"], self._grid),
            feature_dim=dim,
            vector_dim=dim,
            input_size=height,
            knows_text=True,
        )

    @property
    def info(self) -> ModelInfo:
        """Name, dimensions, limits."""
        return self._info

    def preprocess(self, image: Image.Image) -> np.ndarray:
        """Float32 (3, h, w): the model's own evaluation transform."""
        return np.asarray(self._transform(image).numpy(), dtype=np.float32)

    def encode_images(self, inputs: np.ndarray) -> ImageEncoding:
        """Encode float32 (n, 3, h, w)."""
        if inputs.ndim != 4 or inputs.shape[1:] != self._shape or inputs.dtype != np.float32:
            raise ValueError(
                f"expected float32 (n, {', '.join(map(str, self._shape))}), got {inputs.dtype} {inputs.shape}"
            )
        vectors = np.zeros((len(inputs), self._info.vector_dim), dtype=np.float32)
        spatial: list[bytes] = []
        for at in range(0, len(inputs), BATCH):
            pooled, locations = self._encode(inputs[at : at + BATCH])
            vectors[at : at + BATCH] = l2_normalised(pooled)
            spatial += [pack_grid(grid) for grid in pool_grid(locations, self._side)]
        return ImageEncoding(features=vectors, vectors=vectors, spatial=spatial)

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """Float32 (n, vector_dim), L2-normalised."""
        import torch

        vectors = np.zeros((len(texts), self._info.vector_dim), dtype=np.float32)
        for at in range(0, len(texts), BATCH):
            with self._lock, torch.inference_mode():  # tokenizers of the hub cannot be shared between threads
                tokens = self._tokenizer(list(texts[at : at + BATCH])).to(self._device)
                vectors[at : at + BATCH] = l2_normalised(self._model.encode_text(tokens).float().cpu().numpy())
        return vectors

    def vocabulary(self) -> Float32 | None:
        """None: it reads any text."""
        return None

    def spatial_vectors(self, stored: Sequence[bytes]) -> Float32:
        """Float32 (n, rows, columns, vector_dim), L2-normalised, of `ImageEncoding.spatial` byte strings."""
        if not stored:
            return np.zeros((0, *self._grid, self._info.vector_dim), dtype=np.float32)
        return np.stack([unpack_grid(x) for x in stored])

    def local_features(self, stored: Sequence[bytes]) -> Float32:
        """The vectors per location again: features and vectors are one here, and their mean is close to both."""
        return self.spatial_vectors(stored)

    def _encode(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        import torch

        with self._lock, torch.inference_mode():
            pooled, locations = self._reader(torch.from_numpy(inputs).to(self._device))
            return pooled.float().cpu().numpy(), locations.float().cpu().numpy()


def load_open_clip(spec: str, device: str | None = None) -> OpenClipEmbedder:
    """The model `spec`, on `device` (default: CUDA, else MPS, else CPU).

    `spec` is `ARCH/TAG`, `ARCH/path/to/checkpoint` (a relative path, `~/…`, or, after the slash, an absolute
    one: `ARCH//abs/path`), or `hf-hub:org/name`.

    Raises:
        ModelError: unknown architecture or weights, no such file, a file that is damaged or of another
            architecture, a hub out of reach; one sentence saying what to do.
    """
    try:
        import open_clip
    except ImportError as error:
        raise ModelError(
            f"open_clip cannot be imported ({error}): install open_clip_torch, or {OFFLINE_CHOICE}"
        ) from error
    wanted = parse_spec(spec)
    tokenizer, model, transform = load_weights(wanted)
    identity = {
        "arch": wanted.arch,
        "weights": wanted.tag or _weights_digest(model),
        "config": None if wanted.arch.startswith(HUB_PREFIX) else open_clip.get_model_config(wanted.arch),
        "preprocessing": model.visual.preprocess_cfg,
        "form": FORM,
    }
    source = wanted.tag or (wanted.file.name if wanted.file else "from the hub")
    title = f"open_clip {wanted.arch.removeprefix(HUB_PREFIX)} ({source})"
    return OpenClipEmbedder(PREFIX + spec, title, identity, model, transform, tokenizer, device or best_device())


def _weights_digest(model: Any) -> str:
    """SHA-256 of the weights as loaded: the same file elsewhere is the same model, another file at its path not."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.numpy()).data)
    return digest.hexdigest()


def best_device() -> str:
    """`cuda`, `mps` or `cpu`: the first that is present."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _pair(size: Any) -> tuple[int, int]:
    return (int(size[0]), int(size[1])) if isinstance(size, (tuple, list)) else (int(size), int(size))


def _probe(model: Any, shape: tuple[int, ...], device: str) -> tuple[DenseReader, int, int, int]:
    """The way to location vectors, tried on a plain picture, and the rows, columns and dimensions it gives.

    A tower whose insides are not as expected (they change between versions) gives one location, the picture.
    """
    import torch
    from torch.nn.functional import normalize

    def whole_picture(x: Any) -> tuple[Any, Any]:
        vectors = model.encode_image(x)
        return vectors, vectors[:, None, None, :]

    with torch.inference_mode():
        x = torch.full((1, *shape), 0.1, device=device)
        truth = model.encode_image(x)
        if not bool(torch.isfinite(truth).all()):
            raise ModelError("The weights give no numbers for a plain picture: they are damaged, get them again.")
        reader = dense_reader(model.visual)
        if reader is not None:
            with contextlib.suppress(RuntimeError, AttributeError, TypeError, ValueError, IndexError):
                vectors, locations = reader(x)
                same = torch.allclose(normalize(vectors, dim=-1), normalize(truth, dim=-1), atol=1e-3)
                if same and locations.shape[-1] == truth.shape[-1]:
                    return reader, locations.shape[1], locations.shape[2], truth.shape[-1]
    return whole_picture, 1, 1, truth.shape[-1]


def _key(identity: dict[str, Any]) -> str:
    """A name for the store: readable, with a digest of the whole identity."""
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()
    readable = f"open_clip-{identity['arch']}-{identity['weights'][:40]}"
    return re.sub(r"[^A-Za-z0-9._-]", "_", readable)[:90] + "-" + digest[:16]


def _blind_to(preprocessing: dict[str, Any], grid: tuple[int, int]) -> str:
    weak = ["counting", "left and right", "'not'", "small print and small details"]
    if preprocessing.get("resize_mode") == "shortest":
        weak.append("what lies outside the central square of a wide or tall picture, which it never sees")
    if grid == (1, 1):
        weak.append("where in the picture something is")
    return f"It is weak at {', '.join(weak[:-1])} and {weak[-1]}. What it knows depends on its weights."
