"""Do two sides show other things, or only the same things otherwise? Content, as far as it can be told from quality.

Content is what still tells the sides' vectors apart without what alterations of the pictures move
(`analysis.altered_views`), and does so too once both sides were brought to one quality (`analysis.same_quality`) and
are seen from one place (`analysis.same_view`); where none could be tried, once all that was measured has been regressed
out of the vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from analysis.altered_views import without
from analysis.compare import DEFAULT_ALPHA
from analysis.progress import Progress, no_progress, scaled
from analysis.same_quality import AXES, LIFTED, Saved, seen_alike
from analysis.same_view import TRIED, WHOLE, View, likest
from analysis.shift_axes import rank_table
from analysis.two_sample import GapTest, gap_test

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.features import Pictures

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Rows = NDArray[np.int64]

MOST_VIEWS: Final = 2  # that are undone, those that differ most; 8 s each
MOST_WAYS: Final = 3 + MOST_VIEWS  # in which both sides are brought to one quality or view
CLOSE: Final = 0.5  # of content's strength, that an axis's effect has at least: a weaker one does not explain it
COARSER: Final = 5.0  # of JPEG quality, the least that is undone


def unmeasured(image: Float32, both: Rows, values: Sequence[Float64]) -> Float64:
    """What the measured values do not explain of the vectors of these rows, whichever side they are on."""
    x = image[both].astype(np.float64)
    ranks = rank_table(values, both)
    known = np.column_stack([np.ones(len(both)), ranks, ranks**2])
    return np.asarray(x - known @ np.linalg.lstsq(known, x, rcond=None)[0])


def at_one_quality(
    pictures: Pictures,
    sides: tuple[Rows, Rows],
    sizes: Mapping[str, float],
    content: GapTest,
    moves: Float64,
    saved: Saved | None,
    *,
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[float, float]:
    """Strength and p-value of content as it is and once both sides are of one quality or seen from one place.

    The weakest strength and the largest p-value, up to the first way in which content does not differ; those given
    where the sides are alike already.

    Args:
        sizes: effects of the axes that differ, the largest first. content: how the sides differ as they are.
        moves: as in `altered_views.Signatures`. saved: how the more compressed side was saved, if files say so.
    """
    strengths, p_values = [content.strength], [content.p_value]
    for place, order, lift, view in _ways(pictures, sides, sizes, content.strength, seed, scaled(progress, 0.5, 0.75)):
        progress(place, MOST_WAYS, "comparing at one quality")
        seen = seen_alike(pictures, sides, order, lift=lift, view=view, saved=saved, seed=seed)
        if seen is None:
            continue
        left = without(np.concatenate(seen).astype(np.float64), moves)
        test = gap_test(left[: len(seen[0])], left[len(seen[0]) :], seed=seed)
        if np.isfinite(test.p_value):
            strengths.append(test.strength)
            p_values.append(test.p_value)
        if max(p_values) > DEFAULT_ALPHA:  # and correcting for the other axes only makes it larger
            break
    return min(strengths), max(p_values)


def _ways(
    pictures: Pictures,
    sides: tuple[Rows, Rows],
    sizes: Mapping[str, float],
    strength: float,
    seed: int,
    progress: Progress,
) -> Iterator[tuple[int, list[str], bool, View]]:
    """A place in the order, below `MOST_WAYS`, and arguments `differing`, `lift` and `view` of `seen_alike`.

    `strength` is content's, as the sides are.
    """
    differs = [a for a in sizes if a in AXES]
    if differs:
        yield 0, differs, False, WHOLE
    if {"sharpness", "noise"} <= set(differs):  # where both effects are as large as can be, neither is the first
        yield 1, _exchanged(differs, "sharpness", "noise"), False, WHOLE
    if set(differs) & set(LIFTED):
        yield 2, differs, True, WHOLE
    views = [a for a, size in sizes.items() if a in TRIED and abs(size) >= CLOSE * strength]
    for place, axis in enumerate(views[:MOST_VIEWS], 3):
        side = int(axis == "subject_size" and sizes[axis] < 0)  # nothing is made farther away than it was taken
        view = likest(pictures, sides, axis, side, seed=seed, progress=progress)
        if view != WHOLE:
            yield place, differs, False, view


def _exchanged(names: list[str], one: str, other: str) -> list[str]:
    """The list with these two in each other's place."""
    return [{one: other, other: one}.get(name, name) for name in names]


def how_saved(values: Mapping[str, Float64], sides: tuple[Rows, Rows]) -> Saved | None:
    """How the more compressed side was saved; None where files do not say so or are alike."""
    quality = [values["jpeg_quality"][rows] for rows in sides]
    if any(np.isfinite(q).mean() < 0.5 for q in quality):
        return None
    usual = [float(np.nanmedian(q)) for q in quality]
    if abs(usual[0] - usual[1]) < COARSER:
        return None
    worse = sides[int(np.argmin(usual))]
    shape = values["aspect_ratio"][worse]
    length = np.sqrt(values["megapixels"][worse] * 1e6 * np.maximum(shape, 1 / shape))
    return Saved(int(np.argmax(usual)), min(usual), float(np.nanmedian(length)))
