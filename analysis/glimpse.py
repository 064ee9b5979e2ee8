"""Find pairs of pictures that may be one picture, changed: small gradient maps compared under typical changes.

A *glimpse* is a picture's field of soft-limited brightness gradients on a 16 x 16 grid. Gradients do not change with
brightness, the soft limit keeps a watermark or a logo from speaking louder than the rest. Every picture is looked at
as it is, mirrored, cropped, and turned a little; each such look is compared with every other picture as it is. What
comes out are candidates: `analysis.same_picture` decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis import fill
from analysis.progress import Progress, no_progress

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

SIDE: Final = 16  # grid points a side of a glimpse
FIELD: Final = 32  # grid points a side of the stored field that looks are taken from
REDUCED: Final = 128  # principal components that pairs are screened with
ROWS_AT_ONCE: Final = 128
FIT_ON: Final = 2000  # pictures the components are fitted on


@dataclass(frozen=True, slots=True)
class Look:
    """A typical change: the part of a picture that the changed picture shows.

    A point (u, v) of the changed picture, each in [-0.5, 0.5], shows the point of the original at
    `turn(degrees) @ (mirror * keep_x * u, keep_y * v) + (shift_x, shift_y)`.
    """

    mirror: bool = False
    keep_x: float = 1.0
    keep_y: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    degrees: float = 0.0


def _looks() -> tuple[Look, ...]:
    out = []
    for mirror in (False, True):
        out += [Look(mirror, k, k) for k in (1.0, 0.9, 0.8)]
        out += [Look(mirror, 0.9, 0.9, x, y) for x in (-0.05, 0.05) for y in (-0.05, 0.05)]
        out += [Look(mirror, 0.9, 1.0, x, 0.0) for x in (-0.05, 0.05)]
        out += [Look(mirror, 1.0, 0.9, 0.0, y) for y in (-0.05, 0.05)]
        out += [Look(mirror, k, k, 0.0, 0.0, d) for k in (1.0, 0.88) for d in (-5.0, 5.0)]
    return tuple(out)


LOOKS: Final = _looks()
"""The changes tried; those between them are near enough for a grid of 16."""


def field(gray: NDArray[np.uint8]) -> Float32:
    """Soft-limited gradients of a gray picture on a square grid, float32 (FIELD, FIELD, 2), in [-1, 1].

    Nothing where the picture was filled in (`analysis.fill`).
    """
    import cv2

    kept = fill.content(gray)
    if kept is not None:
        gray = fill.extended(gray, kept)
    height, width = gray.shape
    factor = 64 / max(height, width)
    size = (max(4, round(width * factor)), max(4, round(height * factor)))
    small = cv2.GaussianBlur(cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.float32), (0, 0), 1.2)
    gradient = np.dstack([cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)])
    spread = float(np.sqrt(np.mean(gradient**2))) + 1e-6
    soft = np.tanh(gradient / (2.0 * spread))
    if kept is not None:
        soft *= cv2.resize(kept.astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None]
    soft = cv2.GaussianBlur(soft, (0, 0), sigmaX=size[0] / (2.2 * SIDE), sigmaY=size[1] / (2.2 * SIDE))
    return np.asarray(cv2.resize(soft, (FIELD, FIELD), interpolation=cv2.INTER_AREA), dtype=np.float32)


def glimpses(fields: Float32, aspects: NDArray[np.float64], looks: Sequence[Look] = LOOKS) -> Float32:
    """Each picture under each look, float32 (looks, n, 2 * SIDE * SIDE), L2-normalised.

    Args:
        fields: float32 (n, FIELD, FIELD, 2).
        aspects: float64 (n,), width over height of the pictures.
    """
    import cv2

    looks = tuple(looks)
    out = np.empty((len(looks), len(fields), SIDE, SIDE, 2), dtype=np.float32)
    for i, (one, aspect) in enumerate(zip(fields, aspects, strict=True)):
        x, y = _places(looks, round(float(np.clip(aspect, 0.1, 10.0)), 1))
        seen = cv2.remap(one, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        out[:, i] = seen.reshape(len(looks), SIDE, SIDE, 2)
    mirrored = [k for k, look in enumerate(looks) if look.mirror]
    out[mirrored, ..., 0] *= -1
    flat = out.reshape(len(looks), len(fields), -1)
    flat /= np.linalg.norm(flat, axis=2, keepdims=True) + 1e-9
    return flat


@cache
def _places(looks: tuple[Look, ...], aspect: float) -> tuple[Float32, Float32]:
    """Where on the field each grid point of each look lies, float32 (looks * SIDE, SIDE) each."""
    grid = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).reshape(-1, 2)
    places = []
    for look in looks:
        matrix = look_matrix(look, (aspect * FIELD, FIELD), (SIDE, SIDE))
        at = grid @ matrix[:, :2].T + matrix[:, 2]
        at[:, 0] = (at[:, 0] + 0.5) / aspect - 0.5
        places.append(at)
    every = np.concatenate(places).astype(np.float32).reshape(len(looks) * SIDE, SIDE, 2)
    return np.ascontiguousarray(every[..., 0]), np.ascontiguousarray(every[..., 1])


def look_matrix(look: Look, size_a: tuple[float, float], size_b: tuple[float, float]) -> NDArray[np.float64]:
    """The affine map (2, 3) from pixels of the changed picture b to pixels of the original a; sizes (width, height)."""
    turn = np.radians(look.degrees)
    cos, sin = np.cos(turn), np.sin(turn)
    sign = -1.0 if look.mirror else 1.0
    scale = np.diag([sign * look.keep_x * size_a[0] / size_b[0], look.keep_y * size_a[1] / size_b[1]])
    linear = np.array([[cos, sin], [-sin, cos]]) @ scale
    middle_a = np.array([(0.5 + look.shift_x) * size_a[0] - 0.5, (0.5 + look.shift_y) * size_a[1] - 0.5])
    middle_b = np.array([(size_b[0] - 1) / 2, (size_b[1] - 1) / 2])
    return np.column_stack([linear, middle_a - linear @ middle_b])


def screen(
    fields: Float32, aspects: NDArray[np.float64], floor: float, per_row: int, *, progress: Progress = no_progress
) -> tuple[Int64, Float32]:
    """Pairs of rows alike under some look.

    Returns:
        pairs int64 (m, 2) with a < b, each once, sorted; similarity float32 (m,) in [-1, 1] (of the reduced
        glimpses). Of a row no more than `per_row` pairs are started, the most alike ones.
    """
    n = len(fields)
    as_is = glimpses(fields, aspects, LOOKS[:1])[0]
    basis = _components(as_is)
    base = _reduced(as_is, basis)
    best: dict[tuple[int, int], float] = {}
    for start in range(0, n, ROWS_AT_ONCE):
        progress(start, n, "comparing")
        part = slice(start, min(n, start + ROWS_AT_ONCE))
        looks = _reduced(glimpses(fields[part], aspects[part]), basis)
        alike = looks[0] @ base.T
        for look in looks[1:]:
            np.maximum(alike, look @ base.T, out=alike)
        alike[np.arange(alike.shape[0]), np.arange(start, part.stop)] = -1.0
        for i, row in enumerate(alike):
            found = np.flatnonzero(row >= floor)
            if len(found) > per_row:
                found = found[np.lexsort((found, -row[found]))[:per_row]]
            for j in found:
                pair = (min(start + i, int(j)), max(start + i, int(j)))
                best[pair] = max(best.get(pair, -1.0), float(row[j]))
    ordered = sorted(best)
    return (
        np.array(ordered, dtype=np.int64).reshape(-1, 2),
        np.array([best[p] for p in ordered], dtype=np.float32),
    )


def best_looks(
    fields: Float32, aspects: NDArray[np.float64], pairs: Int64, *, progress: Progress = no_progress
) -> tuple[NDArray[np.bool_], Int64, Float32]:
    """For each pair the look under which it is most alike, on whole glimpses.

    Returns:
        turned bool (m,): the changed picture is the pair's first; look int64 (m,), index into `LOOKS`; similarity
        float32 (m,) in [-1, 1].
    """
    turned = np.zeros(len(pairs), dtype=bool)
    look = np.zeros(len(pairs), dtype=np.int64)
    alike = np.zeros(len(pairs), dtype=np.float32)
    for start in range(0, len(pairs), 4 * ROWS_AT_ONCE):
        progress(start, len(pairs), "comparing")
        part = pairs[start : start + 4 * ROWS_AT_ONCE]
        rows, place = np.unique(part, return_inverse=True)
        looks = glimpses(fields[rows], aspects[rows])
        a, b = place.reshape(-1, 2).T
        forward = np.einsum("kpd,pd->pk", looks[:, a], looks[0, b])
        backward = np.einsum("kpd,pd->pk", looks[:, b], looks[0, a])
        where = slice(start, start + len(part))
        turned[where] = backward.max(axis=1) > forward.max(axis=1)
        chosen = np.where(turned[where][:, None], backward, forward)
        look[where] = chosen.argmax(axis=1)
        alike[where] = chosen.max(axis=1)
    return turned, look, alike


def _components(glimpse: Float32) -> Any:
    step = max(1, len(glimpse) // FIT_ON)
    some = glimpse[::step].astype(np.float64)
    _, vectors = np.linalg.eigh(some.T @ some)
    return np.ascontiguousarray(vectors[:, ::-1][:, :REDUCED], dtype=np.float32)


def _reduced(glimpse: Float32, basis: Any) -> Float32:
    out = glimpse @ basis
    out /= np.linalg.norm(out, axis=-1, keepdims=True) + 1e-9
    return np.asarray(out, dtype=np.float32)
