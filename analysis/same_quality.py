"""Pictures of two sides brought to one quality: what still tells them apart is no softness, noise or light.

The better side of each measured axis is made worse (softer, noisier, darker, flatter, paler; its colours drawn to the
other's) by one level for all of its pictures, chosen so that the sides' medians agree; nothing is sharpened or
cleaned, as that cannot be done. Or, for light, contrast and colour, the other side is made brighter, more contrasty,
more colourful: what was cut off at white in bright pictures does not come back when they are darkened, but is cut off
likewise in others made as bright. Before all that the sides may be seen from one place (`analysis.same_view`), then
the larger pictures are scaled down to the other side's size, and the less compressed ones saved as the others are. Both
sides are then seen by the model again.
OpenCV loads when a function runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from analysis import attributes, perturbations, shift_axes
from analysis.same_view import LEAST, WHOLE, View, seen_from

if TYPE_CHECKING:
    from analysis.features import Pictures, Pixels

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

MOST: Final = 120  # pictures of a side seen again: two sides take about 2 s
TUNED_ON: Final = 24  # pictures of the better side that a level is tried on
STEPS: Final = 9
LARGER: Final = 1.2  # ratio of the sides' usual lengths that is undone
MARKED_ON: Final = 40  # pictures a side whose marks of compression are measured
AROUND: Final = 8  # qualities to both sides of the one that marks suggest
GHOST: Final = 0.8  # of what is lost at the qualities beside it, at most: where nothing was lost it is 1.00
MOST_LOST: Final = 98.0  # of 100, of JPEG quality
ENLARGED: Final = 4.0  # marks in files larger than this many times the picture seen are gone once it is scaled down
GRAIN: Final = 2.0  # of 255, and
SAVED: Final = 75  # a JPEG quality: both sides get them last, so that nothing is told by how a picture was saved
Change = Callable[["Pixels", float], "Pixels"]


def _luma(rgb: Pixels) -> Pixels:
    import cv2

    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _contrast(rgb: Pixels) -> float:
    gray = _luma(rgb)
    return float(gray.std() / max(float(gray.mean()), 1.0))


def _flat(rgb: Pixels, share: float) -> Pixels:
    mean = float(rgb.mean(dtype=np.float64))
    out = np.rint(mean + (1 - share) * (rgb.astype(np.float32) - mean))
    return np.asarray(np.clip(out, 0, 255), dtype=np.uint8)


def _pale(rgb: Pixels, share: float) -> Pixels:
    gray = _luma(rgb)[..., None].astype(np.float32)
    return np.clip(np.rint(gray + (1 - share) * (rgb.astype(np.float32) - gray)), 0, 255).astype(np.uint8)


def _dark(rgb: Pixels, share: float) -> Pixels:
    return np.asarray(np.clip(np.rint(rgb * np.float32(1 - share)), 0, 255), dtype=np.uint8)


WORSE: Final[Mapping[str, tuple[Callable[[Pixels], float], int, float, Change, float]]] = {
    "sharpness": (lambda p: 1.0 / attributes.blur(_luma(p)), 1, 0.1, perturbations.blurred, 8.0),
    "brightness": (lambda p: float(_luma(p).mean()), 1, 0.02, _dark, 0.95),
    "contrast": (_contrast, 1, 0.05, _flat, 0.95),
    "saturation": (attributes.mean_saturation, 1, 0.05, _pale, 1.0),
    "noise": (shift_axes.noise, -1, 0.25, perturbations.noisy, 60.0),
}
"""For an axis its value, whether more (1) or less (-1) is better, the ratio less one that is noticed, what makes it
worse, and the strongest level."""
MARKS: Final[tuple[Callable[[Pixels], float], int, float]] = (lambda p: 1.0 + attributes.blockiness(_luma(p)), -1, 0.25)
"""Value, better and noticed, as in `WORSE`, of marks of compression: drawn edges and quality 75 have up to 0.15."""
LIFTED: Final = {"brightness": -4.0, "contrast": -3.0, "saturation": -4.0}
"""Axes in which a picture can be made better as well, by what makes it worse, and the strongest level of that."""
AXES: Final = (*WORSE, "colour_temperature", "jpeg_quality", "megapixels")


@dataclass(frozen=True, slots=True)
class Saved:
    """How the other side's pictures were saved: `side` (0 or 1) is the less compressed one, which is saved likewise.

    `quality` is the other side's usual JPEG quality, `length` the usual longer side of its files in pixels.
    """

    side: int
    quality: float
    length: float


def seen_alike(
    pictures: Pictures,
    rows: tuple[Int64, Int64],
    differing: Sequence[str],
    *,
    lift: bool = False,
    view: View = WHOLE,
    saved: Saved | None = None,
    seed: int = 0,
) -> tuple[Float32, Float32] | None:
    """Vectors of both sides' pictures at one quality.

    Args:
        rows: of the dataset, of either side; up to `MOST` of each are used.
        differing: axes of `AXES` in which they differ, in the order in which they are undone: blur takes noise away,
            and noise looks sharp, so the one that came first goes first, the other only where it is still there.
        lift: in the axes of `LIFTED` make the worse side better, not the better one worse.
        view: from which both sides are seen before anything else.
        saved: how the worse side was saved, where files say so; else marks of compression are looked for.
        seed: of the choice.

    Returns:
        float32 (n, f) and (m, f); None where hardly any can be read.
    """
    rng = np.random.default_rng([seed, 2])
    some = [rng.permutation(r)[:MOST] for r in rows]
    sides = [[p for p in pictures.originals(r) if p is not None and min(p.shape[:2]) >= view.least] for r in some]
    if min(len(s) for s in sides) < 8:
        return None
    sides = _as_compressed(_as_large(seen_from(sides, view)), saved)
    if "colour_temperature" in differing:
        sides[0] = _coloured(sides[0], sides[1])
    for axis in differing:
        if axis in WORSE:
            sides = _alike(sides, *WORSE[axis], LIFTED.get(axis, 0.0) if lift else 0.0)
    sides = _as_compressed(sides, saved)  # what was blurred or made noisy since has lost its marks
    fine = [[perturbations.compressed(perturbations.noisy(p, GRAIN), SAVED) for p in s] for s in sides]
    return pictures.encode_pictures(fine[0]).features, pictures.encode_pictures(fine[1]).features


def _as_large(sides: list[list[Pixels]]) -> list[list[Pixels]]:
    """With the side of the larger pictures scaled down by the ratio of their median longer sides."""
    usual = [float(np.median([max(p.shape[:2]) for p in side])) for side in sides]
    if max(usual) < LARGER * min(usual):
        return sides
    large, ratio = int(np.argmax(usual)), min(usual) / max(usual)
    return [
        [perturbations.scaled_down(p, max(LEAST, ratio * max(p.shape[:2]))) for p in side] if i == large else side
        for i, side in enumerate(sides)
    ]


def _as_compressed(sides: list[list[Pixels]], saved: Saved | None) -> list[list[Pixels]]:
    """With the less compressed side saved as the other."""
    if saved is None:
        found = _needed([side[:MARKED_ON] for side in sides], *MARKS, _saved_at, MOST_LOST)
        if found is None:
            return sides
        fine, lost = found
        return _changed(sides, _saved_at, fine, 100.0 - quality_of(sides[1 - fine][:TUNED_ON], 100.0 - lost))
    return [[_saved_as(p, saved) for p in side] if i == saved.side else side for i, side in enumerate(sides)]


def quality_of(some: list[Pixels], about: float) -> float:
    """JPEG quality that pictures were saved with before their files lost it, whole; `about` where none is found.

    Saved anew at that quality they hardly change, as their coefficients are multiples of its steps already, and less
    than at the qualities beside it ("JPEG ghosts", Farid 2009, doi:10.1109/TIFS.2008.2012215). Looked for within
    `AROUND` of `about`.
    """
    tried = [q for q in range(round(about) - AROUND - 1, round(about) + AROUND + 2) if 1 <= q <= 100]
    lost = np.array([np.median([_lost(p, float(q)) for p in some]) for q in tried])
    ends = np.minimum(lost[:-2], lost[2:])
    inner = lost[1:-1] / np.maximum(ends, 1e-9)
    best = int(np.argmin(inner)) if len(inner) else 0
    return float(tried[best + 1]) if len(inner) and inner[best] <= GHOST else about


def _lost(rgb: Pixels, quality: float) -> float:
    again = perturbations.compressed(rgb, quality)
    return float(np.abs(again.astype(np.int16) - rgb).mean())


def _saved_at(rgb: Pixels, lost: float) -> Pixels:
    return perturbations.compressed(rgb, max(1.0, 100.0 - lost))


def _saved_as(rgb: Pixels, saved: Saved) -> Pixels:
    """The picture saved at the size of the other side's files, and scaled down again as those are to be seen."""
    import cv2

    height, width = rgb.shape[:2]
    factor = saved.length / max(height, width)
    if factor > ENLARGED:
        return rgb
    if factor <= LARGER:
        return perturbations.compressed(rgb, saved.quality)
    size = round(width * factor), round(height * factor)
    large = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    return perturbations.scaled_down(perturbations.compressed(large, saved.quality), max(height, width))


def _alike(
    sides: list[list[Pixels]],
    value: Callable[[Pixels], float],
    better: int,
    noticed: float,
    change: Change,
    most: float,
    lifted: float,
) -> list[list[Pixels]]:
    """The sides with the better one made worse, or the other better by up to `lifted` where that is not 0; as they are
    where their medians hardly differ."""
    found = _needed(sides, value, better, noticed, change, lifted or most, worse=not lifted)
    return sides if found is None else _changed(sides, change, *found)


def _changed(sides: list[list[Pixels]], change: Change, side: int, level: float) -> list[list[Pixels]]:
    return [[change(p, level) for p in s] if i == side else s for i, s in enumerate(sides)]


def _needed(
    sides: list[list[Pixels]],
    value: Callable[[Pixels], float],
    better: int,
    noticed: float,
    change: Change,
    most: float,
    *,
    worse: bool = True,
) -> tuple[int, float] | None:
    """The side to change and the level; None where the sides' medians hardly differ."""
    middle = [_median(value, s) for s in sides]
    if not np.isfinite(middle).all() or max(middle) <= min(middle) * (1 + noticed):
        return None
    side = int(np.argmax(np.array(middle) * better))
    side = side if worse else 1 - side
    return side, _level(sides[side][:TUNED_ON], value, change, most, middle[1 - side], middle[side])


def _level(
    some: list[Pixels], value: Callable[[Pixels], float], change: Change, most: float, goal: float, whole: float
) -> float:
    """The level at which the median of these pictures is `goal`; `whole` is that of the whole side, unchanged."""
    now = _median(value, some)
    goal *= now / whole if whole else 1.0
    rises, low, high = goal > now, 0.0, most
    for _ in range(STEPS):
        level = (low + high) / 2
        got = _median(value, [change(p, level) for p in some])
        low, high = (level, high) if (got < goal) == rises else (low, level)
    return (low + high) / 2


def _median(value: Callable[[Pixels], float], of: list[Pixels]) -> float:
    found = np.array([value(p) for p in of], dtype=np.float64)
    found = found[np.isfinite(found)]
    return float(np.median(found)) if len(found) else float("nan")


def _coloured(some: list[Pixels], like: list[Pixels]) -> list[Pixels]:
    """With the other side's usual colour cast, as bright as before."""
    casts = [
        np.median([(m := p.mean(axis=(0, 1))) / max(float(m.mean()), 1.0) for p in s], axis=0) for s in (some, like)
    ]
    gains = (casts[1] / np.maximum(casts[0], 1e-3)).astype(np.float32)
    return [np.clip(np.rint(p * gains), 0, 255).astype(np.uint8) for p in some]
