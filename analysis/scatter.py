"""How scattered groups of pictures are beside each other, aspect by aspect; plain arrays, no pictures.

Distances from a group's usual picture, as in tests of equal dispersion (Anderson 2006,
doi:10.1111/j.1541-0420.2005.00440.x), but what is compared is the share of a group's pictures that lie beyond where
95 % of a typical sibling's lie *and* are unlike every sibling's pictures too: breadth that siblings show is no fault.
Groups differ naturally, so the null is not "one rate for all" but "this group's rate is one more draw from where its
siblings' rates come from", predicted from few siblings with the long tails that few deserve (`one_more_draw`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

TAIL: Final = 0.95
"""A picture sticks out where it is farther from its usual composition than this share of a sibling's pictures."""
SLACK: Final = 0.3
"""Added to the limit, in units of the typical spread: groups that hardly vary at all are not nitpicked."""
DENSEST: Final = 40
"""Per cent of a group's pictures that show what is usual in it: as many others may be composed otherwise, and more."""
CANDIDATES: Final = 200
"""Points tried as the middle of the densest part."""
CLIP: Final = 10.0
"""Numbers farther than this many typical spreads from the usual one count as this far."""
EXPECTED: Final = 1 - TAIL
PRIOR_RATE: Final = 0.03
"""Of a group's pictures that are far from its usual one and unlike all siblings', where groups are alike."""
PRIOR_SPREAD: Final = 0.1
"""Standard deviation of groups' rates on the arcsine scale (0.1 is 3 % against 7 % or 1 %). In subsets of shelf photos,
of things on a table and of beer in a studio 0.0-0.19 were found, by aspect."""
PRIOR_WEIGHT: Final = 5.0
"""Degrees of freedom of that prior spread."""
PRIOR_GROUPS: Final = 2
"""Siblings that the prior rate weighs as much as."""
MOST_FREEDOM: Final = 10.0
"""Degrees of freedom of the tail, at most: by nature a few groups are far broader than the rest, in any number of
siblings, so the tail never becomes normal."""
NEIGHBOURS: Final = 5
"""A picture is like some pictures where its so-many-th nearest one of them is near."""
NEAR: Final = 0.9
"""As near as this share of a typical sibling's pictures are to those of all other groups."""
FARTHEST: Final = 2
"""Aspects that count twice in the composition as a whole: those in which a picture is farthest."""


@dataclass(frozen=True, slots=True)
class Scatter:
    """What `compare` finds of K groups and A aspects (the last one is all numbers together).

    Attributes:
        distance: for each group float64 (n, A): distance from its usual picture over what is usual in siblings'
            far ends, so 1 is the limit; at most 1 where siblings have such pictures too.
        share: float64 (K, A): share of the group's pictures beyond the limit. Of siblings, a few per cent.
        dispersion: float64 (K, A): mean distance in units of the typical spread. ratio: over the siblings' median.
        p_value: float64 (K, A); nan where there is no sibling.
        excused: pictures that would stick out, were they not excused.
    """

    distance: tuple[Float64, ...]
    share: Float64
    dispersion: Float64
    ratio: Float64
    p_value: Float64
    excused: int


def compare(
    numbers: Float64,
    unnoticed: Float64,
    groups: Sequence[Int64],
    aspects: Sequence[Int64],
    judged: int,
    excused: Bool | None = None,
    prior: Float64 | None = None,
) -> Scatter:
    """Compare the scatter of groups with that of their siblings.

    Args:
        numbers: (n, m), finite.
        unnoticed: (m,), differences nobody would notice, in the unit of each number.
        groups: positions of each group's pictures, at least one each; a picture may be in several.
        aspects: columns of each aspect.
        judged: the first so many groups are compared and compared with; the others get distances only. Where it is
            0, the others are measured against themselves.
        excused: (n,), pictures that may be composed otherwise: they do not count, in no group.
        prior: (A,), spread of groups' rates by nature (`one_more_draw`); `PRIOR_SPREAD` for all by default.
    """
    base = list(groups[:judged] or groups)
    space = spaces(numbers, unnoticed, base, aspects)
    far = [distances(numbers[g], space) for g in groups]
    typical = np.median([np.quantile(d, TAIL, axis=0) for d in far[: len(base)]], axis=0) + SLACK
    whole = [as_a_whole(d / typical) for d in far]
    loose = [np.column_stack([d[:, :-1] / typical[:-1], w]) for d, w in zip(far, whole, strict=True)]
    slack = np.append(SLACK / typical[:-1], SLACK / float(typical.mean()))
    ends = np.array([np.quantile(d, TAIL, axis=0) for d in loose[: len(base)]])
    new = unlike_siblings(numbers, groups, space, len(base))
    size = np.array([len(g) for g in groups])
    dispersion = np.array([np.minimum(d, CLIP / 2).mean(axis=0) for d in far[:judged]]).reshape(judged, len(typical))
    distance: list[Float64] = []
    share, p_value, ratio, spared = [], [], [], 0
    for k, g in enumerate(groups):
        others = [j for j in range(len(base)) if j != k] or list(range(len(base)))
        limit = np.median(ends[others], axis=0) + slack
        sticks_out = (loose[k] > limit) & new[k]
        if excused is not None:
            spared += int((sticks_out.any(axis=1) & excused[g]).sum())
        distance.append(np.where(new[k], loose[k] / limit, np.minimum(loose[k] / limit, 1.0)))
        if k >= judged:
            continue
        beyond = np.array(
            [_counted((loose[j] > limit) & new[j], groups[j], excused).sum(axis=0) for j in range(judged)]
        )
        others = [j for j in range(judged) if j != k]
        share.append(beyond[k] / size[k])
        compared = judged > 1
        p_value.append(
            one_more_draw(beyond[k], size[k], beyond[others], size[others], prior)
            if compared
            else np.full(len(limit), np.nan)
        )
        beside = np.median(dispersion[others if compared else [k]], axis=0)
        ratio.append(dispersion[k] / np.maximum(beside, 0.1))
    wide = len(typical)
    shares, ratios, p_values = (np.array(x).reshape(judged, wide) for x in (share, ratio, p_value))
    return Scatter(tuple(distance), shares, dispersion.reshape(judged, wide), ratios, p_values, spared)


def as_a_whole(distance: Float64) -> Float64:
    """Distance of the composition as a whole, (n,), from those of the aspects and of all numbers together, (n, A).

    Half is the distance in all numbers together (small differences that go together), half that in the `FARTHEST`
    aspects (pictures that are each odd in another way).
    """
    farthest = np.sort(distance[:, :-1], axis=1)[:, -FARTHEST:]
    out: Float64 = np.sqrt(((farthest**2).mean(axis=1) + distance[:, -1] ** 2) / 2)
    return out


def _counted(beyond: Bool, group: Int64, excused: Bool | None) -> Bool:
    return beyond if excused is None else beyond & ~excused[group][:, None]


@dataclass(frozen=True, slots=True)
class Spaces:
    """Units (m,) of the numbers, and for each aspect its columns and inverse covariance in those units."""

    unit: Float64
    columns: tuple[Int64, ...]
    inverse: tuple[Float64, ...]


def spaces(numbers: Float64, unnoticed: Float64, groups: Sequence[Int64], aspects: Sequence[Int64]) -> Spaces:
    """Units in which the typical group varies by one, and how numbers of an aspect vary together in its core.

    The last space holds all numbers. Medians over groups and cores of groups: one odd group changes neither.
    """
    spread = np.array([1.4826 * np.median(np.abs(numbers[g] - np.median(numbers[g], axis=0)), axis=0) for g in groups])
    unit = np.sqrt(np.median(spread, axis=0) ** 2 + unnoticed**2)
    offsets = []
    for g in groups:
        core = numbers[g[usual_pictures(numbers[g] / unit)]]
        offsets.append(np.clip((core - np.median(core, axis=0)) / unit, -6, 6))
    columns = (*aspects, np.sort(np.concatenate(aspects)))
    inverse = []
    for use in columns:
        covariance = sum((z[:, use].T @ z[:, use] / len(z) for z in offsets), np.zeros((len(use), len(use))))
        covariance /= len(offsets)
        shrunk = 0.8 * covariance + 0.2 * np.diag(np.diag(covariance)) + 0.05 * np.eye(len(use))
        inverse.append(np.linalg.inv(shrunk))
    return Spaces(unit, tuple(columns), tuple(inverse))


def distances(numbers: Float64, space: Spaces) -> Float64:
    """Distances of one group's pictures from its usual picture: float64 (n, A), root mean square a number."""
    z = numbers / space.unit
    offset = np.clip(z - np.median(z[usual_pictures(z)], axis=0), -CLIP, CLIP)
    out = np.empty((len(numbers), len(space.columns)))
    for a, (use, inverse) in enumerate(zip(space.columns, space.inverse, strict=True)):
        out[:, a] = np.sqrt(np.einsum("ni,ij,nj->n", offset[:, use], inverse, offset[:, use]) / len(use))
    return out


def usual_pictures(z: Float64) -> Int64:
    """Positions of the densest `DENSEST` of some points (n, m), ascending.

    The smallest ball around one of the points that holds that many, then the nearest ones of their median. All
    numbers decide together, so that the same pictures are the usual ones in every aspect; up to half of the points
    may lie anywhere.
    """
    from scipy.spatial.distance import cdist

    k = max(1, -(-len(z) * DENSEST // 100))
    z = np.clip(z - np.median(z, axis=0), -4, 4)
    tried = np.unique(np.linspace(0, len(z) - 1, min(len(z), CANDIDATES)).astype(np.int64))
    apart = np.partition(cdist(z[tried], z, "sqeuclidean"), k - 1, axis=1)[:, k - 1]
    centre = z[tried[int(apart.argmin())]]
    near = np.arange(len(z))
    for _ in range(3):
        near = np.sort(np.argsort(((z - centre) ** 2).sum(axis=1), kind="stable")[:k])
        centre = np.median(z[near], axis=0)
    return near


def unlike_siblings(numbers: Float64, groups: Sequence[Int64], space: Spaces, base: int) -> tuple[Bool, ...]:
    """Whether no other group has such pictures: for each group bool (n, A); all True where there is no other.

    The first `base` groups are the siblings. A picture is unlike theirs where its `NEIGHBOURS`-th nearest picture of
    another group is farther than in `NEAR` of the pictures of the typical sibling, and by more than `SLACK`.
    """
    apart = [np.full((len(g), len(space.columns)), np.inf) for g in groups]
    rows = np.unique(np.concatenate(groups[:base]))
    for a, (use, inverse) in enumerate(zip(space.columns, space.inverse, strict=True)):
        place = (numbers[:, use] / space.unit[use]) @ np.linalg.cholesky(inverse) / np.sqrt(len(use))
        for k, g in enumerate(groups):
            others = np.setdiff1d(rows, g)
            if len(others):
                apart[k][:, a] = _to_nearest(place[g], place[others])
    usual = np.array([np.quantile(d, NEAR, axis=0, method="lower") for d in apart[:base]])
    out = []
    for k in range(len(groups)):
        siblings = [j for j in range(base) if j != k]
        if siblings and np.isfinite(apart[k]).all():
            out.append(apart[k] > np.median(usual[siblings], axis=0) + SLACK)
        else:
            out.append(np.ones(apart[k].shape, dtype=bool))
    return tuple(out)


def _to_nearest(a: Float64, b: Float64) -> Float64:
    """Distance of each row of a to its `NEIGHBOURS`-th nearest of b (the last one where b is shorter)."""
    from scipy.spatial.distance import cdist

    k = min(NEIGHBOURS, len(b)) - 1
    parts = [np.partition(cdist(part, b), k, axis=1)[:, k] for part in np.array_split(a, -(-len(a) // 500))]
    out: Float64 = np.concatenate(parts)
    return out


def one_more_draw(beyond: Int64, size: int, siblings: Int64, sizes: Int64, prior: Float64 | None = None) -> Float64:
    """P(such a rate or a higher one), were this group one more draw of the siblings' kind.

    On the arcsine scale, where chance alone gives every rate the same variance, 1 / (4 size) (Anscombe 1948,
    doi:10.1093/biomet/35.3-4.246), the siblings' rates are normal with unknown mean and spread, of which a prior is
    held (`PRIOR_RATE`, `PRIOR_SPREAD`), so that what is predicted for one more is Student's t (Geisser 1993): few
    siblings, long tails.

    Args:
        beyond: (A,), pictures of the group beyond the limit, of `size`.
        siblings: (K - 1, A), likewise for each sibling, of `sizes` (K - 1,).
        prior: (A,), spread of groups' rates by nature; `PRIOR_SPREAD` by default.

    Returns:
        float64 (A,): upper tail.
    """
    from scipy.stats import t

    k = len(sizes)
    rate = np.arcsin(np.sqrt(siblings / sizes[:, None]))
    given = float(np.arcsin(np.sqrt(PRIOR_RATE)))
    mean = (rate.sum(axis=0) + PRIOR_GROUPS * given) / (k + PRIOR_GROUPS)
    seen = ((rate - mean) ** 2).sum(axis=0) + PRIOR_GROUPS * (given - mean) ** 2
    spread = np.full(len(mean), PRIOR_SPREAD) if prior is None else prior
    variance = (PRIOR_WEIGHT * spread**2 + seen) / (PRIOR_WEIGHT + k)
    error = np.sqrt(variance * (1 + 1 / (k + PRIOR_GROUPS)) + 0.25 / size)
    out: Float64 = t.sf((np.arcsin(np.sqrt(beyond / size)) - mean) / error, min(PRIOR_WEIGHT + k, MOST_FREEDOM))
    return out


def like_reference(numbers: Float64, reference: Float64, space: Spaces, k: int = 5, keep: float = 0.9) -> Bool:
    """Whether each picture (n, m) is composed like some reference pictures (r, m): bool (n,).

    It is where its k-th nearest reference picture is as near as `keep` of the reference pictures are to theirs.
    """
    from scipy.spatial.distance import cdist

    use, inverse = space.columns[-1], space.inverse[-1]
    root = np.linalg.cholesky(inverse)
    a, b = ((x[:, use] / space.unit[use]) @ root for x in (numbers, reference))
    k = min(k, len(reference) - 1)
    own = np.sort(cdist(b, b), axis=1)[:, k]
    out: Bool = np.sort(cdist(a, b), axis=1)[:, k - 1] <= np.quantile(own, keep)
    return out
