"""What would a shift of one axis look like to the model? Training pictures are altered and seen again.

Two uses. *Which axis explains the shift*: an alteration moves a picture's vector along a signature (mean of altered
minus unaltered); the share of the sides' mean difference that lies along an axis's signatures, in the metric of the
pictures' own spread, says how well that axis explains it (linear discriminant geometry; sampling noise is taken out
by dealing pictures to the sides at random). So a picture that was turned, and thereby slightly blurred, counts as
turned. What no signature explains is content. *How much of it is in one picture*: for axes that no simple measure
catches (`SEEN_BY_MODEL`), a linear filter for an alteration that is blind to the others, learnt on one half of the
pictures and asked of the other. OpenCV and scipy load when a function runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from analysis import perturbations
from analysis.progress import Progress, no_progress

if TYPE_CHECKING:
    from analysis.features import Pictures, Pixels

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Alteration = Callable[["Pixels", "Pixels", np.random.Generator], "Pixels"]

DEFAULT_SAMPLE: Final = 32  # training pictures altered: the mean of their differences is clear, 25 times 32 take 8 s
SAME_SPACE: Final = 0.9  # cosine of a picture encoded anew with its vector; below, the vectors are a person's own
TURN: Final = 12.0  # degrees: beyond what a steady hand does
LEAN: Final = 0.24  # cut off at both ends: the far edge shows twice as much
RIDGE: Final = 1.0  # of the mean variance a direction
DEALS: Final = 20
LEAST_CLEAR: Final = 0.3  # of the sampling noise: a shift below is none to be explained


def turned(rgb: Pixels, degrees: float, room_for: float | None = None) -> Pixels:
    """Turned about its middle and enlarged until no corner is empty (or would be, turned by `room_for` degrees)."""
    import cv2

    height, width = rgb.shape[:2]
    angle = np.deg2rad(abs(degrees if room_for is None else room_for))
    c, s = float(np.cos(angle)), float(np.sin(angle))
    room = min(width / (width * c + height * s), height / (width * s + height * c))
    edge = cv2.BORDER_REPLICATE
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1 / room)
    return np.asarray(
        cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=edge), dtype=np.uint8
    )


def leaning(rgb: Pixels, inset: float, across: bool) -> Pixels:
    """Seen from above (or below, inset < 0), or from one side: one edge whole, of the other `inset` of its length cut
    off at either end."""
    d = abs(inset)
    return _drawn(rgb, *((0.0, d) if inset > 0 else (d, 0.0)), across)


def straight(rgb: Pixels, inset: float, across: bool) -> Pixels:
    """As narrow as a leaning picture is on average, and not leaning."""
    return _drawn(rgb, abs(inset) / 2, abs(inset) / 2, across)


def _drawn(rgb: Pixels, first: float, second: float, across: bool) -> Pixels:
    """These shares cut off at both ends of the top and bottom (or left and right) edges; the rest fills the frame."""
    import cv2

    height, width = rgb.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    a, b = (share * (height if across else width) for share in (first, second))
    cut = [[0, a], [0, b], [0, -b], [0, -a]] if across else [[a, 0], [-a, 0], [-b, 0], [b, 0]]
    edge = cv2.BORDER_REPLICATE
    matrix = cv2.getPerspectiveTransform(corners + np.array(cut, dtype=np.float32), corners)
    return np.asarray(
        cv2.warpPerspective(rgb, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=edge), dtype=np.uint8
    )


def middle(rgb: Pixels, share: float) -> Pixels:
    """This share of the width and height, from the middle."""
    height, width = rgb.shape[:2]
    top, left = int(height * (1 - share) / 2), int(width * (1 - share) / 2)
    return np.ascontiguousarray(rgb[top : top + max(1, int(height * share)), left : left + max(1, int(width * share))])


def nearer(rgb: Pixels, share: float) -> Pixels:
    """The middle, enlarged to the size of the whole."""
    import cv2

    height, width = rgb.shape[:2]
    part = middle(rgb, share)
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def cluttered(rgb: Pixels, other: Pixels, rng: np.random.Generator, pieces: int = 5) -> Pixels:
    """Pieces of another picture laid around the middle."""
    out = rgb.copy()
    height, width = rgb.shape[:2]
    for _ in range(pieces):
        side = max(4, min(int(min(height, width) * rng.uniform(0.15, 0.3)), *(s - 1 for s in other.shape[:2])))
        y, x = (int(rng.integers(0, max(1, s - side))) for s in other.shape[:2])
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 1.0)
        top = int(np.clip(height / 2 * (1 + np.sin(angle) * far) - side / 2, 0, max(0, height - side)))
        left = int(np.clip(width / 2 * (1 + np.cos(angle) * far) - side / 2, 0, max(0, width - side)))
        piece = other[y : y + side, x : x + side]
        target = out[top : top + piece.shape[0], left : left + piece.shape[1]]
        target[:] = piece[: target.shape[0], : target.shape[1]]
    return out


def _scaled(rgb: Pixels, factors: tuple[float, float, float]) -> Pixels:
    return np.clip(np.rint(rgb * np.array(factors, dtype=np.float32)), 0, 255).astype(np.uint8)


def _towards(rgb: Pixels, goal: NDArray[np.floating], share: float) -> Pixels:
    return np.clip(np.rint(goal + share * (rgb.astype(np.float32) - goal)), 0, 255).astype(np.uint8)


def _gray(rgb: Pixels) -> NDArray[np.floating]:
    return np.asarray((rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32))[..., None])


def _taller(rgb: Pixels) -> Pixels:
    cut = rgb.shape[1] // 6
    return np.ascontiguousarray(rgb[:, cut : rgb.shape[1] - cut])


def _enlarged(rgb: Pixels) -> Pixels:
    return turned(rgb, 0.0, TURN)


def _narrowed(rgb: Pixels) -> Pixels:
    return straight(rgb, LEAN, False)


def _lowered(rgb: Pixels) -> Pixels:
    return straight(rgb, LEAN, True)


ALTERATIONS: Final[tuple[tuple[str, Alteration], ...]] = (
    ("brightness", lambda p, o, r: _scaled(p, (0.6, 0.6, 0.6))),
    ("brightness", lambda p, o, r: _scaled(p, (1.5, 1.5, 1.5))),
    ("colour_temperature", lambda p, o, r: _scaled(p, (1.15, 1.0, 0.8))),
    ("colour_temperature", lambda p, o, r: _scaled(p, (0.85, 1.0, 1.2))),
    ("contrast", lambda p, o, r: _towards(p, np.asarray(p.mean(dtype=np.float64)), 0.6)),
    ("contrast", lambda p, o, r: _towards(p, np.asarray(p.mean(dtype=np.float64)), 1.6)),
    ("sharpness", lambda p, o, r: perturbations.blurred(p, 1.3)),
    ("noise", lambda p, o, r: perturbations.noisy(p, 8)),
    ("saturation", lambda p, o, r: _towards(p, _gray(p), 0.5)),
    ("saturation", lambda p, o, r: _towards(p, _gray(p), 1.8)),
    ("jpeg_quality", lambda p, o, r: perturbations.compressed(p, 25)),
    ("megapixels", lambda p, o, r: perturbations.scaled_down(p, max(p.shape[:2]) / 2)),
    ("aspect_ratio", lambda p, o, r: _taller(p)),
    ("camera_tilt", lambda p, o, r: turned(p, TURN)),
    ("camera_tilt", lambda p, o, r: turned(p, -TURN)),
    ("viewpoint", lambda p, o, r: leaning(p, LEAN, False)),
    ("viewpoint", lambda p, o, r: leaning(p, -LEAN, False)),
    ("viewpoint", lambda p, o, r: leaning(p, LEAN, True)),
    ("viewpoint", lambda p, o, r: leaning(p, -LEAN, True)),
    ("subject_size", lambda p, o, r: nearer(p, 0.6)),
    ("subject_size", lambda p, o, r: nearer(p, 0.6)),
    ("clutter", cluttered),
)
"""Axis and a moderate shift of it."""

AXES: Final = tuple(axis for axis, _ in ALTERATIONS)
LIKEWISE: Final[Mapping[int, Callable[[Pixels], Pixels]]] = dict(
    zip(
        [i for i, axis in enumerate(AXES) if axis in ("camera_tilt", "viewpoint")],
        (_enlarged, _enlarged, _narrowed, _narrowed, _lowered, _lowered),
        strict=True,
    )
)
"""Alterations that are compared not with the picture itself but with one cut and enlarged likewise."""
SEEN_BY_MODEL: Final = ("camera_tilt", "viewpoint", "subject_size", "clutter")
"""Axes for which the model's view is asked beside the measures."""


OF_REAL: Final = AXES.index("subject_size") + 1
"""This alteration is of pictures from real use, and its move the way back: what training would look like taken from
farther away nobody can make up, but what real use would look like from nearer can be seen."""


def axis_columns(axis: str) -> int:
    """How many alterations an axis has."""
    return AXES.count(axis)


def goes_both_ways(axis: str) -> bool:
    """Whether the opposite of an axis's alterations is a shift of it too; else it is said how much, not which way."""
    return axis in ("subject_size", "clutter")


@dataclass(frozen=True, slots=True)
class Signatures:
    """Altered minus unaltered vectors; of `LIKEWISE` minus those of pictures cut and enlarged as these are.

    Attributes:
        rows: int64 (len(ALTERATIONS), k), rows of the dataset that were altered: of `OF_REAL` real-world pictures, of
            the others training pictures.
        moves: float64 (len(ALTERATIONS), k, f); of `OF_REAL` unaltered minus altered.
    """

    rows: Int64
    moves: Float64


def signatures(
    pictures: Pictures, image: Float32, rows: Int64, real: Int64, *, seed: int = 0, progress: Progress = no_progress
) -> Signatures | None:
    """Alter these pictures of training and of real use and see them again; None where too few can be read or the
    vectors are not the model's."""
    some = _seen_again(pictures, image, rows), _seen_again(pictures, image, real)
    k = min(len(own) for own, _, _ in some)
    if k < 8:
        return None
    moves, of = [], []
    likewise = _likewise(pictures, some[0][1][:k])
    for i, (_, alter) in enumerate(ALTERATIONS):
        progress(i, len(ALTERATIONS), "trying out what changes would look like")
        rng = np.random.default_rng([seed, i])
        own, read, same = some[i == OF_REAL]
        seen = [alter(p, read[(n + 1) % len(read)], rng) for n, p in enumerate(read[:k])]
        before = likewise.get(i, same[:k])
        move = pictures.encode_pictures(seen).features.astype(np.float64) - before
        moves.append(-move if i == OF_REAL else move)
        of.append(own[:k])
    progress(len(ALTERATIONS), len(ALTERATIONS), "trying out what changes would look like")
    return Signatures(np.array(of), np.array(moves))


def _likewise(pictures: Pictures, read: list[Pixels]) -> dict[int, Float32]:
    """Vectors of these pictures as in `LIKEWISE`, (k, f) each; each way is seen once."""
    seen = {way: pictures.encode_pictures([way(p) for p in read]).features for way in dict.fromkeys(LIKEWISE.values())}
    return {i: seen[way] for i, way in LIKEWISE.items()}


def _seen_again(pictures: Pictures, image: Float32, rows: Int64) -> tuple[Int64, list[Pixels], Float32]:
    """Rows that can be read, their pixels and vectors; empty where these are not those of `image`."""
    found = [(int(row), p) for row, p in zip(rows, pictures.originals(rows), strict=True) if p is not None]
    found = [(row, p) for row, p in found if min(p.shape[:2]) >= 32]
    if len(found) < 8:
        return np.empty(0, dtype=np.int64), [], image[:0]
    kept, read = np.array([row for row, _ in found]), [p for _, p in found]
    same = pictures.encode_pictures(read).features
    if same.shape[1] != image.shape[1] or float((same * image[kept]).sum(axis=1).mean()) < SAME_SPACE:
        return np.empty(0, dtype=np.int64), [], image[:0]
    return kept, read, same


def explained(x: Float64, y: Int64, moves: Float64, *, seed: int = 0) -> dict[str, float]:
    """For each axis, and `content`, how much of the sides' mean difference it explains: cosine in [0, 1].

    Args:
        x: (n, f), vectors. y: (n,), 0 or 1, their side. moves: as in `Signatures`.
    """
    rng = np.random.default_rng(seed)
    centred = x - x.mean(axis=0)
    spread = centred.T @ centred / len(x)
    values, axes = np.linalg.eigh(spread)
    values = np.maximum(values, 0.0)
    whiten = 1.0 / np.sqrt(values + RIDGE * max(float(values.mean()), 1e-12))
    place = (centred @ axes) * whiten
    shift = _difference(place, y)
    chance = np.array([_difference(place, rng.permutation(y)) for _ in range(DEALS)])
    along = (moves.mean(axis=1) @ axes) * whiten
    clear = max(float(shift @ shift) - float(np.square(chance).sum(axis=1).mean()), 0.0)
    noise = float(np.square(chance).sum(axis=1).mean())
    whole = max(clear, LEAST_CLEAR * noise, 1e-12)
    out = {}
    for axis in dict.fromkeys(AXES):
        basis = _basis(along[[i for i, name in enumerate(AXES) if name == axis]])
        part = float(np.square(basis @ shift).sum() - np.square(chance @ basis.T).sum(axis=1).mean())
        out[axis] = float(np.sqrt(np.clip(part / whole, 0.0, 1.0)))
    every = _basis(along)
    left = float(shift @ shift) - float(np.square(every @ shift).sum())
    left -= float(np.square(chance).sum(axis=1).mean() - np.square(chance @ every.T).sum(axis=1).mean())
    out["content"] = float(np.sqrt(np.clip(left / whole, 0.0, 1.0)))
    return out


def without(x: Float64, moves: Float64) -> Float64:
    """Vectors without what any of the alterations moves."""
    basis = _basis(moves.mean(axis=1))
    return np.asarray(x - (x @ basis.T) @ basis)


def filtered(
    x: Float32, known: Int64, y: Int64, half: NDArray[np.bool_], moves: Float64, altered: Int64, blind: float = 1.0
) -> dict[str, Float64]:
    """For each axis of `SEEN_BY_MODEL` and each of its alterations how much of it is in each picture, (n, a).

    0 is as much as in the middle picture of side 0; 1 is as much more as the alteration adds. With `blind` 0 a filter
    may also answer to the other alterations, and sees its own better.

    Args:
        x: (n, f), vectors of all pictures.
        known: (m,), rows of `x` from whose spread the filters are learnt. y: (m,), 0 or 1, their side.
        half: bool (m,), which of these belong to the first half; each half is asked of what the other taught.
        moves: as in `Signatures`. altered: (len(moves), k), positions in `known` of the pictures altered.
    """
    from scipy.linalg import solve

    scores: dict[str, list[Float64]] = {axis: [] for axis in SEEN_BY_MODEL}
    for side in (True, False):
        learn, of = x[known[half == side]].astype(np.float64), y[half == side]
        centred = np.concatenate([learn[of == s] - learn[of == s].mean(axis=0) for s in (0, 1) if (of == s).any()])
        spread = centred.T @ centred / max(1, len(learn))
        spread.flat[:: len(spread) + 1] += RIDGE * max(float(np.trace(spread)) / len(spread), 1e-12)
        own = half[altered] == side
        means = np.array([m[o].mean(axis=0) if o.any() else m.mean(axis=0) for m, o in zip(moves, own, strict=True)])
        for axis in SEEN_BY_MODEL:
            mine = np.array([name == axis for name in AXES])
            weights = solve(spread + blind * means[~mine].T @ means[~mine], means[mine].T, assume_a="pos")
            weights /= np.maximum((means[mine] * weights.T).sum(axis=1), 1e-12)
            weights *= np.where(np.flatnonzero(mine) == OF_REAL, -1.0, 1.0)
            scores[axis].append((x @ weights.astype(np.float32)).astype(np.float64))
    out = {}
    for axis, (first, second) in scores.items():
        usual = y == 0
        first = first - np.median(first[known[usual & ~half]], axis=0)
        second = second - np.median(second[known[usual & half]], axis=0)
        both = (first + second) / 2
        both[known[half]] = second[known[half]]
        both[known[~half]] = first[known[~half]]
        out[axis] = both
    return out


def _difference(place: Float64, y: Int64) -> Float64:
    return np.asarray(place[y == 1].mean(axis=0) - place[y == 0].mean(axis=0))


def _basis(rows: Float64) -> Float64:
    """Orthonormal rows that span these."""
    _, values, axes = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(axes[values > 1e-9 * max(float(values.max(initial=0.0)), 1e-12)])
