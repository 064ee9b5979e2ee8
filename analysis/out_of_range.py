"""Is a part of real use darker, warmer, softer … than nearly any training picture, though most of it is not?

A gap in a corner: where a third of real use comes from a dim bar, the medians hardly differ, and a model that was made
to see past the light finds a training picture like each of them. So each measured value is asked at both ends: how many
real-world pictures lie beyond all but `TAIL` of the training pictures, by more than anybody would overlook? Such counts
are those of precedence tests (Nelson 1963, doi:10.1080/00401706.1963.10490108). Null: both sides are draws from one
collection. Which picture is called training is then chance; all are dealt out anew, within their concepts where both
sides have labels, and the count of each end is compared with the largest of all ends in each deal (Westfall and Young
1993). Of near-copies one is kept.

Only what everybody sees counts: light, its colour, contrast, colour strength and sharpness. Noise, compression and size
are of the file, and differ between any two cameras.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.shift_axes import MEASURES, Measure
from analysis.two_sample import MIN_SIDE, one_of_each_burst, strata_of

Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

TAIL: Final = 0.025
"""Of the training pictures, that lie beyond each end of its range."""
AXES: Final = ("brightness", "colour_temperature", "contrast", "saturation", "sharpness")
DEALS: Final = 999
MOST: Final = 800
"""Pictures of a side that the test uses at most, drawn at random."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of the range of one measure.

    Attributes:
        axis: name of the measure. word: completes "real-world pictures are …".
        limit: the value beyond which a picture counts, in the measure's unit.
        rows: int64, the real-world pictures beyond, the farthest first.
        share: of the real-world pictures, in [0, 1]; `TAIL` is usual.
        p_value: corrected for all ends, in (0, 1].
    """

    axis: str
    word: str
    limit: float
    rows: Int64
    share: float
    p_value: float


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """Every end, the one with most pictures first; `p_value` is the least of them, nan where nothing was tested."""

    ends: tuple[End, ...]
    p_value: float

    def sure(self, alpha: float, least: float) -> tuple[End, ...]:
        """Ends with a p-value of at most `alpha` and at least the share `least` of the real-world pictures."""
        return tuple(e for e in self.ends if e.p_value <= alpha and e.share >= least)


def find_out_of_range(
    image: Float32,
    values: Mapping[str, Float64],
    training: Int64,
    real_world: Int64,
    *,
    concepts: tuple[Sequence[str | None], Sequence[str | None]] | None = None,
    seed: int = 0,
) -> OutOfRange:
    """Count the real-world pictures beyond each end of training's range.

    Args:
        image: float32 (n, f), L2-normalised vectors of the dataset, to know near-copies by.
        values: measure -> float64 (n,), nan where unknown; those of `AXES` count.
        training, real_world: rows. concepts: the (first) concept of each picture of either side, None where unlabelled.
        seed: of the sampling and the deals.
    """
    rng = np.random.default_rng(seed)
    some = [np.sort(rng.permutation(len(rows))[:MOST]) for rows in (training, real_world)]
    rows = np.concatenate([training[some[0]], real_world[some[1]]])
    real = np.repeat([False, True], [len(s) for s in some])
    keep = one_of_each_burst(image[rows].astype(np.float64), rng)
    known = strata_of(concepts, len(training), len(real_world))
    group = np.zeros(len(rows), dtype=np.int64)
    if known is not None:
        group = np.concatenate([known[side][some[side]] for side in (0, 1)])
    deals = _deals(real[keep], group[keep], rng)
    found, counts = [], []
    for measure in MEASURES:
        if measure.name not in AXES or measure.name not in values:
            continue
        of = measure.comparable(values[measure.name])
        if min(np.isfinite(of[side]).sum() for side in (training, real_world)) < MIN_SIDE:
            continue
        for sign in (1.0, -1.0):
            found.append(_end(measure, sign, of, training, real_world))
            counts.append(_beyond(sign * of[rows[keep]], deals, measure.step))
    if not found:
        return OutOfRange((), float("nan"))
    table = np.array(counts)
    largest = table.max(axis=0)
    ends = []
    for (measure, sign, limit, beyond), row in zip(found, table, strict=True):
        p = float((largest >= row[0] - 1e-9).mean())
        word = measure.higher if sign > 0 else measure.lower
        ends.append(End(measure.name, word, limit, beyond, len(beyond) / len(real_world), p))
    ends.sort(key=lambda e: (-e.share, e.axis, e.word))
    return OutOfRange(tuple(ends), min(e.p_value for e in ends))


def _end(
    measure: Measure, sign: float, of: Float64, training: Int64, real_world: Int64
) -> tuple[Measure, float, float, Int64]:
    own = np.sort(sign * of[training][np.isfinite(of[training])])[::-1]
    cut = own[_place(len(own)) - 1]
    here = sign * of[real_world]
    with np.errstate(invalid="ignore"):
        beyond = real_world[here > cut + measure.step]
    farthest = beyond[np.argsort(-sign * of[beyond], kind="stable")]
    limit = float(np.exp(sign * cut)) if measure.ratio else float(sign * cut)
    return measure, sign, limit, farthest


def _place(n: int) -> int:
    """Which of n training values, the most extreme first, is the end of the range."""
    return max(1, int(np.ceil(TAIL * n)))


def _deals(real: Bool, group: Int64, rng: np.random.Generator) -> Bool:
    """(1 + DEALS, n): which pictures are called real-world, as it is and dealt out anew within groups."""
    out = np.empty((1 + DEALS, len(real)), dtype=bool)
    out[0] = real
    for g in np.unique(group):
        mine = np.flatnonzero(group == g)
        out[1:, mine] = rng.permuted(np.broadcast_to(real[mine], (DEALS, len(mine))), axis=1)
    return out


def _beyond(values: Float64, deals: Bool, step: float) -> Float64:
    """Share of the real-world pictures beyond the upper end of training's range in each deal: (1 + DEALS,)."""
    known = np.isfinite(values)
    order = np.argsort(-values[known], kind="stable")
    ordered, real = values[known][order], deals[:, known][:, order]
    before = np.cumsum(~real, axis=1)
    ends = np.maximum(1, np.ceil(TAIL * before[:, -1])).astype(np.int64)
    cut = ordered[(before < ends[:, None]).sum(axis=1).clip(max=len(ordered) - 1)] + step
    number = np.searchsorted(-ordered, -cut, side="left")  # values above the cut
    among = np.cumsum(real, axis=1)
    count = np.where(number > 0, among[np.arange(len(real)), np.maximum(number - 1, 0)], 0)
    return np.asarray(count / np.maximum(real.sum(axis=1), 1), dtype=np.float64)
