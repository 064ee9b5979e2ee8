"""How well a probe does when it learns from few, more, all pictures: the measured part of a learning curve.

Share by share of the training pictures a linear probe on frozen vectors is fitted and asked about pictures it never
saw (cross-validation, repeated). The probe is ridge regression onto the labels: its fit is one linear system, so
that hundreds of fits cost seconds. Its penalty is a fixed total, as in logistic regression: it weighs less the more
pictures there are. On the sets at hand it is as good as logistic regression (docs/checks/quantity.md).

"n pictures" means: n pictures at hand, of which four fifths teach and one fifth is asked about, in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.progress import Progress, no_progress

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

FOLDS: Final = 5
PENALTY: Final = 0.2  # times the mean squared length of the centred vectors; flat optimum, see docs
STEP: Final = 2**0.5  # between two shares: two measured points a doubling
LEAST_SHARE: Final = 1 / 32
LEAST_OF_CONCEPT: Final = 1.5  # pictures of the median concept at the least share

# (what to learn from, bool (n, k), what is asked about) -> scores (q, k); higher is more likely.
Learner = Callable[[Any, Bool, Any], Float64]
# (rows to learn from, rows asked about, place of the share)
Fit = tuple[Int64, Int64, int]
# Like `map`: does all fits, in order of the fits, however many at a time.
Each = Callable[[Callable[[Fit], Bool], Sequence[Fit]], Iterable[Bool]]


@dataclass(frozen=True, slots=True)
class Measured:
    """How often each label was found, by the share of the pictures that were learnt from.

    Attributes:
        shares: float64 (j,), ascending, the last is 1: share of the pictures.
        found: float64 (l, j) in [0, 1]: share of the repeats in which the label was found.
        image, concept: int64 (l,): row of the label in `member`, and its column.
        names: of the k concepts.
    """

    shares: Float64
    found: Float64
    image: Int64
    concept: Int64
    names: tuple[str, ...]

    @property
    def counts(self) -> Int64:
        """int64 (k,): labels of each concept."""
        out: Int64 = np.bincount(self.concept, minlength=len(self.names)).astype(np.int64)
        return out

    @property
    def pictures(self) -> int:
        """Pictures measured with."""
        return len(np.unique(self.image))

    @property
    def overall(self) -> Float64:
        """float64 (j,): share of all labels found; accuracy where each picture has one label."""
        out: Float64 = self.found.mean(axis=0)
        return out

    @property
    def recall(self) -> Float64:
        """float64 (k, j): share of each concept's labels found."""
        total = np.zeros((len(self.names), len(self.shares)))
        np.add.at(total, self.concept, self.found)
        out: Float64 = total / np.maximum(self.counts, 1)[:, None]
        return out


def shares_for(counts: Int64, *, folds: int = FOLDS) -> Float64:
    """The shares to measure at: from as few as the concepts allow to 1, two a doubling, at least three.

    float64, ascending. `counts`: pictures of each concept.
    """
    median = float(np.median(counts)) * (folds - 1) / folds
    least = min(0.5, max(LEAST_SHARE, LEAST_OF_CONCEPT / max(median, 1.0)))
    steps = max(2, int(np.floor(np.log(1 / least) / np.log(STEP) + 1e-9)))
    out: Float64 = STEP ** -np.arange(steps, -1, -1, dtype=np.float64)
    return out


def deal(first: Int64, folds: int, seed: int) -> tuple[Int64, Int64]:
    """(place within its class, fold) of each picture; each class is shuffled and dealt out over the folds in turn."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(first))
    order = order[np.argsort(first[order], kind="stable")]
    place = np.empty(len(first), dtype=np.int64)
    fold = np.empty(len(first), dtype=np.int64)
    starts = np.searchsorted(first[order], first[order], side="left")
    place[order] = np.arange(len(first)) - starts
    fold[order] = np.arange(len(first)) % max(2, min(folds, len(first)))
    return place, fold


def nested(first: Int64, place: Int64, train: Int64, shares: Float64) -> Int64:
    """int64 (len(train),): for each picture to learn from, the first of `shares` at which it takes part.

    Each class gives its share, rounded, but at least one picture, so that the parts are nested and stratified.
    """
    order = np.lexsort((place[train], first[train]))
    classes = first[train][order]
    rank = np.arange(len(train)) - np.searchsorted(classes, classes, side="left")
    size = np.bincount(classes)[classes]
    quota = np.maximum(1, np.rint(shares[None, :] * size[:, None]))
    out = np.empty(len(train), dtype=np.int64)
    out[order] = (rank[:, None] >= quota).sum(axis=1)
    return out


def ridge(x: Float32, member: Bool, queries: Float32, penalty: float = PENALTY) -> Float64:
    """Scores float64 (q, k) of a ridge regression of `member` on `x`, whichever of its two forms is smaller."""
    from scipy.linalg import cho_factor, cho_solve

    centre = x.mean(axis=0)
    a, q = x - centre, queries - centre
    y = member.astype(np.float32)
    base = y.mean(axis=0)
    weight = max(penalty * float((a**2).sum()) / len(a), 1e-8)
    if len(a) < a.shape[1]:
        gram = a @ a.T
        gram[np.diag_indices_from(gram)] += weight
        out = (q @ a.T) @ cho_solve(cho_factor(gram, overwrite_a=True, check_finite=False), y - base)
    else:
        gram = a.T @ a
        gram[np.diag_indices_from(gram)] += weight
        out = q @ cho_solve(cho_factor(gram, overwrite_a=True, check_finite=False), a.T @ (y - base))
    scores: Float64 = (out + base).astype(np.float64)
    return scores


def top_labels(scores: Float64, member: Bool) -> Bool:
    """bool (q, k): whether each label is among the as many best-scored concepts as the picture has labels."""
    order = np.argsort(-scores, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(scores.shape[1])[None, :], axis=1)
    out: Bool = member & (rank < member.sum(axis=1, keepdims=True))
    return out


def measure(
    x: NDArray[Any],
    member: Bool,
    names: tuple[str, ...],
    *,
    shares: Float64 | None = None,
    repeats: int = 5,
    folds: int = FOLDS,
    seed: int = 0,
    learner: Learner = ridge,
    each: Each = map,
    progress: Progress = no_progress,
) -> Measured:
    """Cross-validated recall at each share of the pictures.

    Args:
        x: (m, …), a row a picture: vectors, or pictures.
        member: bool (m, k), at least one label a picture.
        names: of the k concepts.
        shares: ascending, the last 1; `shares_for` by default.
        repeats: times the pictures are shuffled anew.
        learner: what learns and scores; the probe unless given.
        each: how the fits are gone through; one after the other unless given.
    """
    first = member.argmax(axis=1).astype(np.int64)
    shares = shares_for(member.sum(axis=0), folds=folds) if shares is None else shares
    image, concept = (part.astype(np.int64) for part in np.nonzero(member))
    total = np.zeros((len(image), len(shares)))
    used = np.zeros(len(shares))
    of_image = np.searchsorted(image, np.arange(len(member) + 1))
    folds = max(2, min(folds, len(member)))
    fits: list[Fit] = []
    for repeat in range(repeats):
        place, fold = deal(first, folds, seed * 1000 + repeat)
        for held_fold in range(folds):
            train, held = np.flatnonzero(fold != held_fold), np.flatnonzero(fold == held_fold)
            joins = nested(first, place, train, shares)
            fits += [(train[joins <= j], held, j) for j in range(len(shares))]

    def hits(fit: Fit) -> Bool:
        rows, held, _ = fit
        return top_labels(learner(x[rows], member[rows], x[held]), member[held])[member[held]]

    progress(0, len(fits), "learning from more and more pictures")
    for done, ((rows, held, j), hit) in enumerate(zip(fits, each(hits, fits), strict=True), 1):
        labels = np.concatenate([np.arange(of_image[i], of_image[i + 1]) for i in held])
        total[labels, j] += hit
        used[j] += len(rows)
        progress(done, len(fits), "learning from more and more pictures")
    kept = np.append(np.diff(used) > 0, True)  # few pictures: rounding makes neighbouring shares the same
    return Measured(used[kept] / used[-1], total[:, kept] / repeats, image, concept, names)
