"""Where is training blind? Real-world pictures that no training picture covers, in groups with names in words.

A picture is not covered when it lies farther from its nearest training picture than 95 % of the training pictures
lie from theirs (`analysis.compare`). The uncovered ones are grouped (Ward 1963) by what the model sees and by what was
measured, in equal parts; there are as many groups as hold the mean silhouette (Rousseeuw 1987) near its best, of those
numbers whose silhouette is above that of pictures without groups (the same spreads, drawn independently). A group
is named after the measured axes in which it differs from training much (Cliff's delta at least 0.474: "large" after
Romano et al. 2006) and beyond chance (corrected for all axes of all groups), those first in which it also differs from
the other uncovered pictures; groups whose names would read the same are joined. Pictures are taken in the order of
their ids, so the order they came in changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.names import Say, leaf
from analysis.statistics import benjamini_hochberg, cliffs_delta

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

LARGE = 0.474  # Cliff's delta, Romano et al. 2006
APART = 0.33  # "medium": enough to tell a group from the others by
DEFAULT_ALPHA = 0.05
DEFAULT_MOST_GROUPS = 6  # more than a person keeps in mind
DEFAULT_BY_CHANCE = 0.05  # of real-world pictures: what `analysis.compare` calls not covered without a gap
DEFAULT_LEAST = 5  # pictures; fewer are no group, and an axis of fewer values is not tested
LEAST_SHARE = 0.05  # of the uncovered pictures
SAMPLE = 1200  # pictures grouped at first, the others join the nearest group; 12 MB of distances
TESTED = 300  # pictures on which it is tested whether there are groups at all
SURROGATES = 19  # sets without groups: one in twenty would be taken for grouped
COMPONENTS = 15
WORDS = 3
WORTH_SPLITTING = 0.05  # mean silhouette below which the uncovered pictures are one group
NEARLY_BEST = 0.8  # of the best silhouette: more groups say more, as long as they hold together
SAME = 0.7  # rank correlation above which two axes say one thing, so that one word is enough
FORM = (
    "megapixels",
    "aspect_ratio",
    "jpeg_quality",
    "blockiness",
)  # of the file, not of what is seen: no ground for a group
MOST_OF = 0.6  # share of a group that one concept must have to give its name


@dataclass(frozen=True, slots=True)
class Axis:
    """A measured axis: `values` float64, one an image of the dataset (nan where unknown); two words that complete
    "real-world pictures are …"."""

    name: str
    values: Float64
    lower: str
    higher: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A group against training on one axis: Cliff's delta in [-1, 1], and against the other uncovered pictures."""

    axis: str
    effect: float
    apart: float
    word: str


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """A group of real-world pictures that training does not cover.

    Attributes:
        rows: int64, its pictures: those that show what is different most plainly first, where nothing is named the
            most typical.
        share: of all real-world pictures, in (0, 1].
        words: up to `WORDS` words for what is different about it, the most telling first; may be empty.
        differences: all axes that differ from training, in the same order.
        concept: the concept that most of its pictures show; empty where there is none or nothing is known.
    """

    rows: Int64
    share: float
    words: tuple[str, ...]
    differences: tuple[Difference, ...]
    concept: str

    @property
    def name(self) -> str:
        """Its name in words."""
        return self.called(leaf)

    def called(self, say: Say) -> str:
        """Its name in words, the concept as `say` has it."""
        what = ", ".join(self.words)
        if self.concept:
            return f"{say(self.concept)}: {what}" if what else say(self.concept)
        return what or "different in content"


def find_blind_spots(
    image: Float32,
    training: Int64,
    real_world: Int64,
    uncovered: Int64,
    axes: Sequence[Axis],
    *,
    concepts_of: Callable[[int], Sequence[str]] | None = None,
    alpha: float = DEFAULT_ALPHA,
    most_groups: int = DEFAULT_MOST_GROUPS,
    by_chance: float = DEFAULT_BY_CHANCE,
) -> tuple[BlindSpot, ...]:
    """Group and name the uncovered pictures, the largest group first.

    So many pictures would be uncovered without any gap (`by_chance` of real use); a group that differs in nothing
    measured may be these, so it counts as that much smaller.

    Args:
        image: float32 (n, f), L2-normalised vectors of the dataset.
        training, real_world: rows. uncovered: those of `real_world` that are not covered. All in an order that does
            not depend on how the pictures came in (by their ids).
        axes: what was measured.
        concepts_of: concepts of a row, where there are labels.
        alpha: chance of a wrong word, over all axes and groups.
        most_groups: at most that many.
        by_chance: share of real-world pictures, in [0, 1), that would be uncovered if real use were like training.
    """
    if len(uncovered) < DEFAULT_LEAST:
        return ()
    axes = [a for a in axes if a.name not in FORM]
    place = _places(image, uncovered, training, axes)
    alike = _alike(axes, training, uncovered)
    groups = _groups(place, most_groups)
    while True:  # groups that would read the same are one
        named = _differences(axes, training, uncovered, groups, alpha)
        read = [
            (_concept(uncovered[groups == g], real_world, concepts_of), frozenset(_words(differences, alike)))
            for g, differences in enumerate(named)
        ]
        joined = np.array([read.index(name) for name in read], dtype=np.int64)
        if len(set(joined.tolist())) == len(named):
            break
        groups = np.unique(joined[groups], return_inverse=True)[1].astype(np.int64)
    out = []
    for g, differences in enumerate(named):
        rows = uncovered[groups == g]
        at = place[groups == g]
        typical = np.argsort(np.square(at - at.mean(axis=0)).sum(axis=1), kind="stable")
        telling = _plain(rows[typical], differences[:WORDS], axes, training)
        words = _words(differences, alike)
        out.append(BlindSpot(telling, len(rows) / len(real_world), words, differences, read[g][0]))
    chance = by_chance * len(real_world)
    return tuple(sorted(out, key=lambda s: (-len(s.rows) + (0 if s.words else chance), s.name, int(s.rows[0]))))


def _plain(rows: Int64, differences: Sequence[Difference], axes: Sequence[Axis], training: Int64) -> Int64:
    """The rows, those in which the differences are plainest first; else, and among equals, in their order."""
    values = {a.name: a.values for a in axes}
    shown = np.zeros(len(rows))
    for d in differences:
        shown += np.sign(d.effect) * ranks(values[d.axis], training, rows)
    return rows[np.argsort(-shown, kind="stable")]


def _places(image: Float32, uncovered: Int64, training: Int64, axes: Sequence[Axis]) -> Float64:
    """Where each uncovered picture lies, for grouping: float64 (u, p); vectors and axes weigh the same."""
    x = image[uncovered].astype(np.float64)
    x = x - x.mean(axis=0)
    few = len(x) < x.shape[1]
    values, vectors = np.linalg.eigh(x @ x.T if few else x.T @ x)
    top = np.argsort(-values, kind="stable")[:COMPONENTS]
    parts = [vectors[:, top] * np.sqrt(np.maximum(values[top], 0.0)) if few else x @ vectors[:, top]]
    measured = [ranks(a.values, training, uncovered) for a in axes]
    if measured:
        parts.append(np.column_stack(measured))
    return np.hstack([p / max(np.sqrt(np.square(p - p.mean(axis=0)).sum(axis=1).mean()), 1e-9) for p in parts])


def ranks(values: Float64, training: Int64, rows: Int64) -> Float64:
    """Rank of each row's value among those of training and these rows, in [-0.5, 0.5]; 0 where unknown."""
    from scipy.stats import rankdata

    both = values[np.concatenate([training, rows])]
    known = np.isfinite(both)
    out = np.zeros(len(both))
    if known.sum() > 1:
        out[known] = (rankdata(both[known]) - 0.5) / known.sum() - 0.5
    return np.asarray(out[len(training) :], dtype=np.float64)


def _groups(place: Float64, most: int) -> Int64:
    """Group of each picture, 0 to g - 1."""
    from sklearn.metrics import silhouette_score

    n = len(place)
    some = np.arange(n)
    if n > SAMPLE:
        some = np.sort(np.random.default_rng(0).choice(n, SAMPLE, replace=False))
    found = np.zeros(len(some), dtype=np.int64)
    true = _grouped_numbers(place[some], most)
    options = {k: labels for k, labels in _cuts(place[some], most).items() if k in true}
    scores = {k: float(silhouette_score(place[some], labels)) for k, labels in options.items()}
    if scores:
        found = options[max(k for k, score in scores.items() if score >= NEARLY_BEST * max(scores.values()))]
    centres = np.array([place[some][found == g].mean(axis=0) for g in range(found.max() + 1)])
    out = np.array([np.square(centres - p).sum(axis=1).argmin() for p in place], dtype=np.int64)
    out[some] = found
    return out


def _cuts(place: Float64, most: int) -> dict[int, Int64]:
    """Groups of each picture by their number, 2 to `most`; only where none is smaller than a group should be."""
    from scipy.cluster.hierarchy import fcluster, linkage

    least = max(DEFAULT_LEAST, round(LEAST_SHARE * len(place)))
    if len(place) < 2 * least:
        return {}
    tree = linkage(place, "ward")
    cuts = {k: fcluster(tree, k, "maxclust").astype(np.int64) - 1 for k in range(2, most + 1)}
    return {k: g for k, g in cuts.items() if len(np.bincount(g)) == k and np.bincount(g).min() >= least}


def _grouped_numbers(place: Float64, most: int) -> set[int]:
    """Numbers of groups that hold together better than in each of `SURROGATES` sets of pictures without groups."""
    from sklearn.metrics import silhouette_score

    rng = np.random.default_rng(0)
    if len(place) > TESTED:
        place = place[np.sort(rng.choice(len(place), TESTED, replace=False))]
    best = {k: float(silhouette_score(place, g)) for k, g in _cuts(place, most).items()}
    spread, middle = place.std(axis=0), place.mean(axis=0)
    for _ in range(SURROGATES):
        if not best:
            break
        plain = middle + spread * rng.normal(size=place.shape)
        chance = {k: float(silhouette_score(plain, g)) for k, g in _cuts(plain, most).items()}
        best = {k: score for k, score in best.items() if score > max(chance.get(k, 0.0), WORTH_SPLITTING)}
    return set(best)


def _differences(
    axes: Sequence[Axis], training: Int64, uncovered: Int64, groups: Int64, alpha: float
) -> list[tuple[Difference, ...]]:
    """For each group the axes that differ from training much and beyond chance, the most telling first."""
    number = int(groups.max()) + 1
    effect, p, apart = (np.full((number, len(axes)), np.nan) for _ in range(3))
    for i, axis in enumerate(axes):
        usual = _known(axis.values[training])
        for g in range(number):
            own = _known(axis.values[uncovered[groups == g]])
            others = _known(axis.values[uncovered[groups != g]])
            if min(len(usual), len(own)) >= DEFAULT_LEAST:
                effect[g, i], p[g, i] = cliffs_delta(usual, own)
                apart[g, i] = cliffs_delta(others, own)[0] if len(others) >= DEFAULT_LEAST else 0.0
    corrected = benjamini_hochberg(p.ravel()).reshape(p.shape)
    out = []
    for g in range(number):
        found = [
            Difference(a.name, float(effect[g, i]), float(apart[g, i]), a.higher if effect[g, i] > 0 else a.lower)
            for i, a in enumerate(axes)
            if corrected[g, i] <= alpha and abs(effect[g, i]) >= LARGE
        ]
        # apart from the others in the same direction as from training: that is what tells the group
        found.sort(key=lambda d: (-max(0.0, own_side(d) - APART), -abs(d.effect)))
        out.append(tuple(found))
    return out


def _alike(axes: Sequence[Axis], training: Int64, uncovered: Int64) -> dict[str, set[str]]:
    """For each axis those that say the same: their ranks correlate by `SAME` among the pictures of each side."""
    out: dict[str, set[str]] = {a.name: set() for a in axes}
    sides = [np.column_stack([ranks(a.values, rows, rows) for a in axes]) for rows in (training, uncovered) if axes]
    for i, a in enumerate(axes):
        for j, b in enumerate(axes[:i]):
            if any(abs(_correlation(side[:, i], side[:, j])) >= SAME for side in sides):
                out[a.name].add(b.name)
                out[b.name].add(a.name)
    return out


def _correlation(a: Float64, b: Float64) -> float:
    spread = float(a.std() * b.std())
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread > 1e-12 else 0.0


def _words(differences: Sequence[Difference], alike: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Up to `WORDS` words, none of two axes that say the same."""
    said: dict[str, str] = {}
    for d in differences:
        if len(said) < WORDS and not alike[d.axis] & said.keys() and d.word not in said.values():
            said[d.axis] = d.word
    return tuple(said.values())


def own_side(difference: Difference) -> float:
    """How far the group lies from the other uncovered pictures, on the side on which it differs from training."""
    return difference.apart * (1.0 if difference.effect > 0 else -1.0)


def _concept(rows: Int64, real_world: Int64, concepts_of: Callable[[int], Sequence[str]] | None) -> str:
    """The concept of most of these pictures, where it is not as common among all real-world pictures."""
    if concepts_of is None:
        return ""
    counted = _counts(rows, concepts_of)
    if not counted:
        return ""
    name, n = max(counted.items(), key=lambda item: (item[1], item[0]))
    everywhere = _counts(real_world, concepts_of)[name] / len(real_world)
    return name if n / len(rows) >= MOST_OF and n / len(rows) > 1.5 * everywhere else ""


def _counts(rows: Int64, concepts_of: Callable[[int], Sequence[str]]) -> Mapping[str, int]:
    out: dict[str, int] = {}
    for row in rows.tolist():
        for concept in concepts_of(row):
            out[concept] = out.get(concept, 0) + 1
    return out


def _known(values: Float64) -> Float64:
    return values[np.isfinite(values)]
