"""How much wider a concept is than its siblings, into how many parts it falls, and what splitting it would gain.

scikit-learn and scipy load when a function runs, not on import.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.parts import (
    LEAST_CUT,
    Bool,
    Float64,
    Int64,
    Space,
    between,
    by_size,
    cut,
    directions,
    graph,
    kept_together,
    propose,
    squared,
    strength,
)
from analysis.probe import stratified_folds
from analysis.progress import no_tick

BY_NATURE: Final = np.array([0.15, 0.30, 0.45])
"""How differently single concepts of one set are by nature in (log dispersion, clarity, log separation): standard
deviations over concepts with `STEADY` pictures or more: shop photos, objects cut out of scenes, waste."""
WEIGHTS: Final = np.array([1.0, 1.0, 0.5])
"""Of the three in the width. How far halves lie apart beside the nearest other concept says least: where concepts are
near to each other (waste), halves of single ones seem far apart."""
STEADY: Final = 40  # pictures of a concept; with fewer, a burst of like pictures makes a gap by itself
PRIOR_SPREAD: Final = 1.0
"""Of the width over single concepts with `STEADY` pictures or more: 0.8 to 1.4 in our sets. Weighs like `PRIOR_DF`
degrees of freedom."""
PRIOR_SPREAD_CLOSE: Final = 0.7
"""The same where concepts happen to be as like each other as waste or cut-out objects are. Enough to show parts, not to
alarm: with it, single concepts that hold two natural kinds (bags, sandals) alarmed too often."""
PRIOR_SPREAD_FEW: Final = 2.4  # the same with fewer pictures: 1.3 to 1.5 in shop photos, heavy-tailed by bursts
SCALES: Final = np.array([0.65, 0.6])  # of (-log cut, log distance) over the halves of concepts of shop photos
PRIOR_DF: Final = 12.0
FARTHER: Final = 0.84
"""Parts are parts where each two lie farther apart than the halves of this share of the other concepts: one standard
deviation above the usual. Larger finds fewer parts."""
APART_SPREAD: Final = 1.5
"""Standard deviation of `apart` of the halves of single concepts, in shop photos; weighs as `PRIOR_SPREAD` does."""
MOST_PARTS: Final = 6
AGREED: Final = 0.75  # of the greatest `parts.strength`: halves of the pictures agree on such a division as well
ALMOST: Final = 0.5  # of `apart`: where some division has parts far enough apart, a stable one may lack so much
LEAST_PART: Final = 8  # pictures; the outermost few of any heap lie far apart
LEAST_SHARE: Final = 0.07  # of the concept


@dataclass(frozen=True, slots=True)
class Halves:
    """One concept's best division in two.

    Attributes:
        dispersion: mean squared distance from its middle, of unit vectors: in [0, 1].
        cut: `parts.cut` between the halves in the even view.
        together: `parts.kept_together` of the halves in both views: 1 is a clean gap.
        distance: `parts.between` of them there.
        separation: that, over the squared distance of the nearer half to the nearest other concept.
        width: dispersion, clarity and separation together, larger is wider and more divided.
        labels: int64 (n,), 0 is the larger half.
    """

    dispersion: float
    cut: float
    together: float
    distance: float
    separation: float
    labels: Int64

    @property
    def width(self) -> float:
        """Dispersion, clarity and separation in one number; among single concepts it varies by about 1."""
        clarity = -np.log(1 + LEAST_CUT - min(self.together, 1.0))
        values = np.array([np.log(max(self.dispersion, 1e-6)), clarity, np.log(max(self.separation, 0.1))])
        return float((WEIGHTS * values / BY_NATURE).sum() / np.linalg.norm(WEIGHTS))

    @property
    def apart(self) -> float:
        """Cut and distance in one number, comparable with `apart` of any two parts."""
        return apart(self.cut, self.distance)


def gap(value: float) -> float:
    """Minus the logarithm of a cut."""
    return float(-np.log(value + LEAST_CUT))


def apart(value: float, distance: float) -> float:
    """How far apart two parts are: their cut and their distance, in scales of nature."""
    return gap(value) / float(SCALES[0]) + float(np.log(distance + 1.0)) / float(SCALES[1])


def views(space: Space, concept: int, at: Int64) -> tuple[Float64, Float64, Float64]:
    """Of the pictures `at`: plain and even, and the other concepts' means in the even view (at least one row)."""
    turn = space.even(concept)
    others = (np.arange(space.member.shape[1]) != concept) & (space.member.sum(axis=0) >= LEAST_PART)
    return space.plain[at], space.plain[at] @ turn, space.means[others] @ turn


def halves(space: Space, concept: int, at: Int64, seed: int = 0) -> Halves:
    """Divide the pictures `at` of a concept in two as well as can be; at least two of them."""
    plain, even, means = views(space, concept, at)
    labels = propose(plain, even, 2, seed)
    side = labels == 0
    if min(side.sum(), (~side).sum()) < 2:  # a single picture far out is no half
        side = np.asarray(plain[:, 0] > np.median(plain[:, 0]))
        labels = by_size(side.astype(np.int64))
        side = labels == 0
    if side.all():  # all pictures equal
        side = np.arange(len(at)) < (len(at) + 1) // 2
        labels = (~side).astype(np.int64)
    a, b = even[side], even[~side]
    middles = np.stack([a.mean(axis=0), b.mean(axis=0)])
    distance = between(a, b)
    near = float(squared(middles, means).min()) if len(means) else distance
    dispersion = float(plain.var(axis=0).sum())
    together = kept_together((graph(plain), graph(directions(even))), labels)
    return Halves(dispersion, cut(even, side), together, distance, distance / max(near, 1e-9), labels)


def excess(width: Float64, pictures: Int64, steady: float = PRIOR_SPREAD) -> Float64:
    """p-value of each concept's width being one more draw from its siblings', float64 (k,); nan without two siblings.

    Student's t on the siblings' median and median absolute deviation (some of them may be too wide themselves), the
    spread raised towards `steady` where they are few and happen to be alike; a larger one counts in full.

    Args:
        width: float64 (k,), `Halves.width`.
        pictures: int64 (k,), divided of each.
        steady: what the spread is raised towards for a concept with `STEADY` pictures or more.
    """
    from scipy.stats import t

    out = np.full(len(width), np.nan)
    for k in range(len(width)):
        others = np.delete(width, k)
        if len(others) < 2:
            continue
        middle = float(np.median(others))
        spread = 1.4826 * float(np.median(np.abs(others - middle)))
        known = (len(others) - 1) / 2  # the absolute deviation knows about half as much as all values would
        prior = steady if pictures[k] >= STEADY else PRIOR_SPREAD_FEW
        pulled = (PRIOR_DF * prior**2 + known * spread**2) / (PRIOR_DF + known)
        error = np.sqrt(max(pulled, spread**2) * (1 + np.pi / 2 / len(others)))
        out[k] = t.sf((width[k] - middle) / error, PRIOR_DF + known)
    return out


def least_apart(others: Sequence[float], farther: float = FARTHER) -> float:
    """The `apart` from which two parts count as parts, from that of the other concepts' halves (at least one)."""
    from scipy.stats import norm

    middle = float(np.median(others))
    spread = 1.4826 * float(np.median(np.abs(np.asarray(others) - middle)))
    known = (len(others) - 1) / 2
    pulled = np.sqrt((PRIOR_DF * APART_SPREAD**2 + known * spread**2) / (PRIOR_DF + known))
    return middle + float(norm.ppf(farther) * pulled)


@dataclass(frozen=True, slots=True)
class Division:
    """Parts of a concept.

    Attributes:
        labels: int64 (n,), 0 is the largest part.
        cut: the largest cut between two parts.
        nearest, farthest: least and largest squared distance between two parts, in the even view.
    """

    labels: Int64
    cut: float
    nearest: float
    farthest: float


def divide(
    space: Space,
    concept: int,
    at: Int64,
    limit: float,
    seed: int = 0,
    *,
    known: bool = False,
    tick: Callable[[], None] = no_tick,
) -> Division | None:
    """The parts each two of which lie `limit` (`apart`) or farther apart; None without any.

    Of several counts, the most parts that two halves of the pictures agree on about as well (`AGREED`) as on any; where
    some count has parts far enough apart, others may lack `ALMOST`. If `limit` is well `known` (from many other
    concepts), it decides alone: the most parts that reach it. `tick` is called now and then and may raise to stop.
    """
    plain, even, _ = views(space, concept, at)
    found: dict[int, tuple[float, Division]] = {}
    for count in range(2, min(MOST_PARTS, len(at) // LEAST_PART) + 1):
        labels = propose(plain, even, count, seed)
        sizes = np.bincount(labels)
        if sizes.min() < max(LEAST_PART, LEAST_SHARE * len(at)):
            continue
        pairs = []
        for i, j in combinations(range(len(sizes)), 2):
            of = (labels == i) | (labels == j)
            distance = between(even[labels == i], even[labels == j])
            pairs.append((cut(even[of], labels[of] == i), distance))
        distances = [d for _, d in pairs]
        parts = Division(labels, max(c for c, _ in pairs), min(distances), max(distances))
        found[count] = min(apart(c, d) for c, d in pairs), parts
    if max((least for least, _ in found.values()), default=-np.inf) < limit:
        return None
    if known:
        return found[max(count for count, (least, _) in found.items() if least >= limit)][1]
    asked = [count for count, (least, _) in found.items() if least >= limit - ALMOST]
    agreed = {count: strength(plain, even, count, seed, tick=tick) for count in asked}
    return found[max(count for count in asked if agreed[count] >= AGREED * max(agreed.values()))][1]


def usual_distance(space: Space, concept: int) -> float:
    """Median squared distance between two other concepts in the even view; nan with fewer than two."""
    _, _, means = views(space, concept, np.zeros(0, dtype=np.int64))
    if len(means) < 2:
        return float("nan")
    return float(np.median(squared(means, means)[np.triu_indices(len(means), 1)]))


@dataclass(frozen=True, slots=True)
class Gain:
    """What a simple classifier gains where a concept is taught as its parts.

    Attributes:
        single, split: share of the concept's held-out pictures recognised, as one and as parts (any of them counts).
        low, high: 95 % interval of the difference.
        n: pictures asked about.
    """

    single: float
    split: float
    low: float
    high: float
    n: int


def gain(
    plain: Float64, member: Bool, concept: int, part: Int64, *, folds: int = 5, seed: int = 0
) -> Gain:  # fmt: skip
    """Cross-validated recall of a concept with one label against a label a part (linear discriminant analysis).

    Args:
        plain: (m, d) vectors.
        member: bool (m, k); the first concept of a picture counts.
        concept: whose recall.
        part: int64 (m,), its part for pictures of the concept, -1 for those of it that were not divided (left out).
        folds, seed: of the cross-validation.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    own = member[:, concept]
    kept = np.flatnonzero(~own | (part >= 0))
    first = np.where(own, concept, member.argmax(axis=1))[kept]
    split = np.where(own, member.shape[1] + part, member.argmax(axis=1))[kept]
    x, mine = plain[kept], own[kept]
    hits = np.zeros((2, len(kept)), dtype=bool)
    for train, held in stratified_folds(split.astype(np.int64), folds, seed):
        asked = held[mine[held]]
        for row, y in enumerate((first, split)):
            names = np.unique(y[train])
            if len(names) < 2 or not len(asked):
                continue
            model = LinearDiscriminantAnalysis(
                solver="lsqr", shrinkage=0.1, priors=np.full(len(names), 1 / len(names))
            ).fit(x[train], y[train])  # fmt: skip
            answer = model.predict(x[asked])
            hits[row, asked] = (answer == concept) | (answer >= member.shape[1])
    one, two = hits[0, mine], hits[1, mine]
    more = two.astype(np.float64) - one
    error = 1.96 * float(more.std()) / np.sqrt(max(len(more), 1))
    difference = float(more.mean())
    return Gain(float(one.mean()), float(two.mean()), float(difference - error), float(difference + error), len(one))


def plane(plain: Float64, labels: NDArray[np.integer] | None) -> Float64:
    """A concept's own two-dimensional projection (n, 2): where its parts differ most, then where it varies most."""
    z = plain - plain.mean(axis=0)
    basis: list[Float64] = []
    parts = [] if labels is None else [z[labels == k].mean(axis=0) for k in np.unique(labels)]
    if len(parts) > 1:
        apart_in = np.linalg.svd(np.stack(parts) - np.mean(parts, axis=0), full_matrices=False)[2]
        basis += list(apart_in[: min(2, len(parts) - 1)])
    rest = z - sum((np.outer(z @ b, b) for b in basis), np.zeros_like(z))
    basis += list(np.linalg.svd(rest, full_matrices=False)[2])
    both = np.zeros((len(z), 2))
    for i, b in enumerate(basis[:2]):
        both[:, i] = z @ (b * np.sign(b[np.abs(b).argmax()]))
    return both


def sampled(groups: list[Int64], of_one: int, in_all: int, least: int, seed: int) -> list[Int64]:
    """Of each group all members, or so many at random that they fit: `of_one` each, `in_all` where `least` allows."""
    sizes = np.array([len(g) for g in groups])
    most = of_one
    while most > least and np.minimum(sizes, most).sum() > in_all:
        most = max(least, int(most * 0.9))
    rng = np.random.default_rng(seed)
    return [np.sort(rng.choice(g, most, replace=False)) if len(g) > most else g for g in groups]
