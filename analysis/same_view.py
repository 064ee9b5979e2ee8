"""Pictures of two sides seen from one place: what still tells them apart is no distance, tilt or lean.

The pictures of one side are looked at as if taken from nearer, turned or leaning, in the way that makes them most like
the other side's to the model; the other side's are cut, and enlarged or scaled down, as much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from analysis import altered_views, perturbations
from analysis.progress import Progress, no_progress

if TYPE_CHECKING:
    from analysis.features import Pictures, Pixels

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
Kind = Literal["nearer", "turned", "leaning", "leaning_aside"]

LEAST: Final = 32  # pixels a side that a picture seen has at least
TRIED_ON: Final = 24  # pictures of a side that a view is tried on


@dataclass(frozen=True, slots=True)
class View:
    """How one side's pictures are looked at.

    Attributes:
        side: 0 or 1.
        kind, level: `nearer`, the share of width and height that is seen, in (0, 1]; `turned`, degrees; `leaning` and
            `leaning_aside`, see `altered_views.leaning`.
    """

    side: int = 0
    kind: Kind = "nearer"
    level: float = 1.0

    @property
    def least(self) -> float:
        """Pixels a side that a picture has to have."""
        return LEAST / self.level if self.kind == "nearer" else LEAST


WHOLE: Final = View()
TRIED: Final[Mapping[str, tuple[tuple[tuple[Kind, ...], tuple[float, ...]], float]]] = {
    "subject_size": ((("nearer",), (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)), 0.05),
    "camera_tilt": ((("turned",), (-16.0, -8.0, 8.0, 16.0)), 4.0),
    "viewpoint": ((("leaning", "leaning_aside"), (-0.24, -0.12, 0.12, 0.24)), 0.06),
}
"""For an axis the kinds and levels that are tried, and what is tried to both sides of the best level."""


def seen_from(sides: Sequence[list[Pixels]], view: View) -> list[list[Pixels]]:
    """One side's pictures as `view` says, the other's cut, enlarged or scaled down as much."""
    if view == WHOLE:
        return list(sides)
    return [[_changed(p, view) if i == view.side else _likewise(p, view) for p in side] for i, side in enumerate(sides)]


def _changed(rgb: Pixels, view: View) -> Pixels:
    if view.kind == "nearer":
        return altered_views.middle(rgb, view.level)
    if view.kind == "turned":
        return altered_views.turned(rgb, view.level)
    return altered_views.leaning(rgb, view.level, view.kind == "leaning_aside")


def _likewise(rgb: Pixels, view: View) -> Pixels:
    if view.kind == "nearer":
        return perturbations.scaled_down(rgb, view.level * max(rgb.shape[:2]))
    if view.kind == "turned":
        return altered_views.turned(rgb, 0.0, view.level)
    return altered_views.straight(rgb, view.level, view.kind == "leaning_aside")


def likest(
    pictures: Pictures,
    rows: tuple[Int64, Int64],
    axis: str,
    side: int,
    *,
    seed: int = 0,
    progress: Progress = no_progress,
) -> View:
    """The view of one side's pictures in which their mean vector is nearest to the other side's.

    Args:
        rows: of the dataset, of either side; up to `TRIED_ON` of each are used.
        axis: of `TRIED`. side: whose pictures are looked at in another way, 0 or 1.

    Returns:
        A view of this axis; `WHOLE` where hardly any picture can be read.
    """
    (kinds, levels), step = TRIED[axis]
    views = [View(side, kind, level) for kind in kinds for level in levels]
    least = max(view.least for view in views)
    rng = np.random.default_rng([seed, 3])
    read: list[list[Pixels]] = [[], []]
    for i in (side, 1 - side):
        some = pictures.originals(rng.permutation(rows[i])[:TRIED_ON])
        read[i] = [p for p in some if p is not None and min(p.shape[:2]) >= least]
    if min(len(r) for r in read) < 8:
        return WHOLE

    def mean(some: list[Pixels]) -> Float64:
        return np.asarray(pictures.encode_pictures(some).features.mean(axis=0, dtype=np.float64))

    others: dict[tuple[Kind, float], Float64] = {}

    def far(view: View) -> float:
        way = view.kind, abs(view.level)  # to the left or right, the other side loses the same
        if way not in others:
            others[way] = mean([_likewise(p, view) for p in read[1 - side]])
        return float(np.linalg.norm(mean([_changed(p, view) for p in read[side]]) - others[way]))

    found = {}
    for i, view in enumerate(views):
        progress(i, len(views), "looking from another place")
        found[view] = far(view)
    best = min(found, key=lambda v: found[v])
    beside = [View(side, best.kind, best.level + d) for d in (-step, step)]
    found |= {view: far(view) for view in beside}
    return min(found, key=lambda v: found[v])
