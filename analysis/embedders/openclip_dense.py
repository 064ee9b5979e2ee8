"""Vectors per location from open_clip image towers, and their packed form.

A location's vector lies in the space of image and text. Which path gives it depends on how the tower pools:

- class token (ViT): the value projection of the last attention block, its output projection, the final norm and
  the visual projection (MaskCLIP, Zhou et al. 2022, "Extract free dense labels from CLIP"): the class token is
  an attention-weighted sum of such values.
- attention pooling (ResNet, CoCa): the value and output projections of the pooling attention (MaskCLIP again).
- average pooling (ViT): each token through the final norm and the projection, whose mean is the image's vector.
- timm towers (ConvNeXt, SigLIP, Swin, MobileCLIP …): each location through the tower's own head as if it were
  the whole map. Exact for average pooling; for attention pooling it is the value path again. Towers of timm
  that pool by class token (EVA) give their last tokens instead, which are less tidy.
- anything else: one location, the whole picture. Never a made-up map.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from analysis.embedders.base import MAX_SPATIAL_BYTES, Float32, l2_normalised

MAX_GRID: Final = 7
"""Locations a side at most: as fine as the bundled model's, and as ViT-B-32's own grid."""

FORM: Final = 1
"""Version of the packed form; part of the model's key, so that another form is never misread."""

_HEADER: Final = struct.Struct("<4sBBH")  # magic, height, width, dimensions
_MAGIC: Final = b"OCS1"
_LEVELS: Final = 7  # of a signed 4-bit number, kept symmetric
_CLIP: Final = 0.8  # the few largest deviations are cut, for finer steps: cosine .997 instead of .996

Tensor = Any
DenseReader = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Pictures (n, 3, h, w) to image vectors (n, d) and location vectors (n, rows, columns, d); not normalised."""


def dense_reader(visual: Any) -> DenseReader | None:
    """The path to location vectors that is right for this image tower, or None where there is none."""
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import VisionTransformer

    if isinstance(visual, VisionTransformer):
        return _vit_reader(visual)
    if isinstance(visual, ModifiedResNet):
        return lambda x: _read_resnet(visual, x)
    if isinstance(visual, TimmModel) and "pool" not in dict(visual.head.named_children()):
        return lambda x: _read_timm(visual, x)
    return None


def _vit_reader(visual: Any) -> DenseReader | None:
    from torch import nn

    last = len(visual.transformer.resblocks) - 1
    block = visual.transformer.resblocks[last]
    if visual.attn_pool is not None:
        if visual.attn_pool_contrastive is not None:
            return None
        return lambda x: _read_vit(visual, x, last, lambda h: visual.ln_post(_pooler_values(visual.attn_pool, h)))
    if visual.pool_type == "tok" and last > 0 and isinstance(getattr(block, "attn", None), nn.MultiheadAttention):
        return lambda x: _read_vit(visual, x, last - 1, lambda h: visual.ln_post(_block_values(block, h)))
    if visual.pool_type in ("tok", "avg"):
        return lambda x: _read_vit(visual, x, last, visual.ln_post)
    return None


def _read_vit(visual: Any, x: Tensor, index: int, to_pooled: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    out = visual.forward_intermediates(x, indices=[index], output_fmt="NLC")
    vectors = to_pooled(out["image_intermediates"][0])
    if visual.proj is not None:
        vectors = vectors @ visual.proj
    rows, columns = visual.grid_size
    return out["image_features"], vectors.reshape(len(x), rows, columns, -1)


def _block_values(block: Any, hidden: Tensor) -> Tensor:
    """What each token would add to a token that attends to it alone, (n, tokens, width)."""
    from torch.nn import functional

    attn = block.attn
    weight, bias = attn.in_proj_weight, attn.in_proj_bias
    values = functional.linear(block.ln_1(hidden), weight[-attn.embed_dim :], bias[-attn.embed_dim :])
    return block.ls_1(attn.out_proj(values))


def _pooler_values(pooler: Any, hidden: Tensor) -> Tensor:
    from torch.nn import functional

    attn = pooler.attn
    weight = attn.v_proj_weight if attn.in_proj_weight is None else attn.in_proj_weight[-attn.embed_dim :]
    return attn.out_proj(functional.linear(pooler.ln_k(hidden), weight, attn.in_proj_bias[-attn.embed_dim :]))


def _read_resnet(visual: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    out = visual.forward_intermediates(x, indices=1)
    grid, pool = out["image_intermediates"][0], visual.attnpool
    rows, columns = grid.shape[-2:]
    tokens = grid.flatten(2).permute(0, 2, 1) + pool.positional_embedding[1:]
    return out["image_features"], pool.c_proj(pool.v_proj(tokens)).reshape(len(x), rows, columns, -1)


def _read_timm(visual: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    trunk = visual.trunk
    features = trunk.forward_features(x)
    vectors = visual.head(trunk.forward_head(features))
    if features.ndim == 4:
        nhwc = getattr(trunk, "output_fmt", "NCHW") == "NHWC"
        grid = features if nhwc else features.permute(0, 2, 3, 1)
        rows, columns, width = grid.shape[1:]
        alone = grid.reshape(-1, 1, 1, width) if nhwc else grid.reshape(-1, width, 1, 1)
    else:
        prefix = int(getattr(trunk, "num_prefix_tokens", 0))
        rows, columns = trunk.patch_embed.grid_size
        width = features.shape[-1]
        # repeated where the head expects a class token first: attention over equal tokens is their value
        alone = features[:, prefix:].reshape(-1, 1, width).expand(-1, 1 + prefix, -1)
    return vectors, visual.head(trunk.forward_head(alone)).reshape(len(x), rows, columns, -1)


def packed_size(rows: int, columns: int, dim: int) -> int:
    """Bytes of a packed map: header, mean (8 bits a number), then a scale and 4 bits a number a location."""
    return _HEADER.size + (2 + dim) + rows * columns * (2 + (dim + 1) // 2)


def stored_side(dim: int) -> int:
    """Locations a side that fit into `MAX_SPATIAL_BYTES`, at most `MAX_GRID`; 0 if not even one does."""
    room = (MAX_SPATIAL_BYTES - packed_size(0, 0, dim)) // (2 + (dim + 1) // 2)
    return min(MAX_GRID, math.isqrt(max(room, 0)))


def pool_grid(locations: np.ndarray, side: int) -> Float32:
    """Float32 (n, rows, columns, d) averaged down to at most `side` rows and columns."""
    import torch

    rows, columns = min(side, locations.shape[1]), min(side, locations.shape[2])
    grid = torch.from_numpy(np.asarray(locations, dtype=np.float32)).permute(0, 3, 1, 2)
    pooled = torch.nn.functional.adaptive_avg_pool2d(grid, (rows, columns))
    return np.asarray(pooled.permute(0, 2, 3, 1).numpy(), dtype=np.float32)


def pack_grid(grid: np.ndarray) -> bytes:
    """Bytes of location vectors (rows, columns, d), which are normalised first.

    The mean over locations is kept in 8 bits a number, what differs from it in 4 bits: a map of 7 x 7 then fits
    where 8 bits throughout would leave 5 x 5 (docs/decisions/005), and numbers that are large everywhere, as
    CLIP models have, do not eat up the steps of the others.
    """
    rows, columns, dim = grid.shape
    flat = l2_normalised(grid).reshape(-1, dim)
    mean_scale, mean = _quantised(flat.mean(axis=0, keepdims=True), 127, 1.0)
    rest = flat - mean * mean_scale.astype(np.float32)
    scale, values = _quantised(rest, _LEVELS, _CLIP)
    if dim % 2:
        values = np.pad(values, ((0, 0), (0, 1)))
    nibbles = (values + 8).astype(np.uint8)
    packed = nibbles[:, 0::2] | (nibbles[:, 1::2] << 4)
    header = _HEADER.pack(_MAGIC, rows, columns, dim)
    return header + mean_scale.tobytes() + mean.tobytes() + scale.tobytes() + packed.tobytes()


def unpack_grid(stored: bytes) -> Float32:
    """Float32 (rows, columns, d), L2-normalised: what `pack_grid` packed, up to rounding.

    Raises:
        ValueError: these bytes are not a packed map.
    """
    if len(stored) < _HEADER.size:
        raise ValueError(f"expected a packed map, got {len(stored)} bytes")
    magic, rows, columns, dim = _HEADER.unpack_from(stored)
    if magic != _MAGIC or len(stored) != packed_size(rows, columns, dim):
        raise ValueError(f"expected a packed map, got {len(stored)} bytes beginning {stored[:4]!r}")
    at, n = _HEADER.size, rows * columns
    mean_scale = np.frombuffer(stored, np.float16, 1, at).astype(np.float32)
    mean = np.frombuffer(stored, np.int8, dim, at + 2) * mean_scale
    at += 2 + dim
    scale = np.frombuffer(stored, np.float16, n, at).astype(np.float32)
    packed = np.frombuffer(stored, np.uint8, offset=at + 2 * n).reshape(n, -1)
    values = np.stack([packed & 15, packed >> 4], axis=-1).reshape(n, -1)[:, :dim].astype(np.float32) - 8
    return l2_normalised(mean + values * scale[:, None]).reshape(rows, columns, dim)


def _quantised(x: np.ndarray, levels: int, clip: float) -> tuple[np.ndarray, np.ndarray]:
    """Float16 scale (n, 1) and int8 values (n, d) in -levels…levels whose product is nearly x."""
    largest = np.abs(x).max(axis=1, keepdims=True, initial=0.0)
    scale = np.maximum(largest * clip / levels, 1e-6).astype(np.float16)
    values = np.clip(np.rint(x / scale.astype(np.float32)), -levels, levels).astype(np.int8)
    return scale, values
