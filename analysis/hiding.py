"""What a score rests on: hide some locations of a picture, and see how the probe's score falls.

The probe is a linear one on the mean of a picture's local features, so hiding locations is exact: the mean of the
others takes their place (occlusion after Zeiler and Fergus 2014, doi:10.1007/978-3-319-10590-1_53, in features). What
is hidden is compared with as many locations of the same picture drawn at random. scikit-learn loads when a function
runs, not on import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.embedders.base import l2_normalised
from analysis.probe import DEFAULT_C, stratified_folds

Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


COMPONENTS: Final = 192  # principal components probes are fitted on


@dataclass(frozen=True, slots=True)
class Scorer:
    """One concept against the rest: the probability that a picture shows it.

    Attributes:
        weight: float64 (f,), on L2-normalised features.
        bias: of the logit.
    """

    weight: Float64
    bias: float

    def logit(self, x: NDArray[np.floating]) -> Float64:
        """float64 (q,) of L2-normalised features (q, f)."""
        out: Float64 = np.asarray(x, dtype=np.float64) @ self.weight + self.bias
        return out

    def probability(self, x: NDArray[np.floating]) -> Float64:
        """float64 (q,) in [0, 1] of L2-normalised features (q, f)."""
        from scipy.special import expit

        return np.asarray(expit(self.logit(x)), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Space:
    """Where probes are fitted: principal components of the pictures, so that many concepts stay quick.

    Attributes:
        z: float64 (m, d), the pictures there, of unit spread.
        basis: float64 (d, f) and `mean`, float64 (f,): z = (x - mean) @ basis.T.
    """

    z: Float64
    basis: Float64
    mean: Float64


def probe_space(x: Float32, training: int, *, seed: int = 0) -> Space:
    """The space of pictures float32 (m, f), fitted on the first `training` of them."""
    from sklearn.decomposition import PCA

    components = min(COMPONENTS, training, x.shape[1])
    model = PCA(components, svd_solver="randomized", random_state=seed).fit(x[:training])
    scale = 1.0 / max(float(np.std(x[:training])), 1e-12)  # as in `analysis.probe`: unit spread of the features
    basis = model.components_.astype(np.float64) * scale
    mean = model.mean_.astype(np.float64)
    return Space((x - mean) @ basis.T, basis, mean)


def fit_scorer(space: Space, rows: Int64, positive: Bool) -> Scorer:
    """Logistic regression on these rows, both sides weighing the same, so that one half is the border whatever their
    numbers; `positive` is of these rows."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=DEFAULT_C, max_iter=500, class_weight="balanced")
    model.fit(space.z[rows], positive)
    weight = model.coef_[0] @ space.basis
    return Scorer(weight, float(model.intercept_[0] - space.mean @ weight))


def held_out_scorers(space: Space, positive: Bool, *, folds: int = 5, seed: int = 0) -> tuple[list[Scorer], Int64]:
    """A scorer a fold of the first len(positive) pictures, and for each the one that has not seen it: int64."""
    scorers, of = [], np.zeros(len(positive), dtype=np.int64)
    for fold, (train, held) in enumerate(stratified_folds(positive.astype(np.int64), folds, seed)):
        scorers.append(fit_scorer(space, train, positive[train]))
        of[held] = fold
    return scorers, of


def hidden(local: NDArray[np.floating], mask: Bool) -> Float32:
    """L2-normalised features of one picture without the masked locations.

    Args:
        local: (l, f), features per location.
        mask: bool (..., l), True is hidden; where all are, nothing is.

    Returns:
        float32 (..., f).
    """
    keep = np.where(mask.all(axis=-1, keepdims=True), True, ~mask).astype(np.float32)
    return l2_normalised(keep @ np.asarray(local, dtype=np.float32) / keep.sum(axis=-1, keepdims=True))


@dataclass(frozen=True, slots=True)
class Fall:
    """How a score falls when something is hidden, one number a picture.

    Attributes:
        before: float64 (q,), probability with everything in sight.
        after: float64 (q,), without the element.
        other: float64 (q,), mean without as many locations at random.
        effect: float64 (q,), how much further the logit falls than at random.
    """

    before: Float64
    after: Float64
    other: Float64
    effect: Float64

    @property
    def drop(self) -> float:
        """Mean fall of the probability beyond what hiding as much at random costs, in [-1, 1]."""
        return float((self.other - self.after).mean()) if len(self.after) else 0.0

    def p_value(self) -> float:
        """One-sided Wilcoxon signed-rank test of "hiding it costs no more than hiding as much anywhere"."""
        return p_above_zero(self.effect)


def fall_of(
    local: NDArray[np.float16], masks: Bool, scorers: list[Scorer], of: Int64, *, draws: int = 16, seed: int = 0
) -> Fall:
    """Hide `masks` in these pictures.

    Args:
        local: (q, l, f), features per location.
        masks: bool (q, l), True where the element is.
        scorers, of: see `held_out_scorers`; `of` for these pictures.
        draws: random masks a picture.
        seed: of the draws.
    """
    from scipy.special import expit

    rng = np.random.default_rng(seed)
    q, places = masks.shape
    out = np.zeros((4, q))
    for i in range(q):
        size = int(masks[i].sum())
        rank = rng.random((draws, places)).argsort(axis=1)
        logit = scorers[of[i]].logit(hidden(local[i], np.vstack([np.zeros(places, bool), masks[i], rank < size])))
        p = expit(logit)
        out[:, i] = p[0], p[1], p[2:].mean(), logit[2:].mean() - logit[1]
    return Fall(*out)


def rise_of(
    local: NDArray[np.float16],
    cells: Bool,
    into: Int64,
    marked: Int64,
    plain: Int64,
    scorers: list[Scorer],
    of: Int64,
    *,
    draws: int = 8,
    seed: int = 0,
) -> Float64:
    """What a mark does to pictures that lack it: how much more the logit rises when these locations come from marked
    pictures than when they come from plain ones, float64 (len(into),).

    Args:
        local: (m, l, f), features per location.
        cells: bool (l,), the mark's locations.
        into: int64, pictures that get them, each scored by a probe that has not seen it.
        marked, plain: int64, pictures to take them from.
        scorers, of: see `held_out_scorers`; `of` for all m pictures.
        draws: donors of each kind a picture.
        seed: of the donors.
    """  # fmt: skip
    rng = np.random.default_rng(seed)
    size = local.shape[1]
    given = {i: local[i][cells].astype(np.float32).sum(axis=0) for i in np.union1d(marked, plain)}
    out = np.zeros(len(into))
    for at, i in enumerate(into):
        rest = local[i][~cells].astype(np.float32).sum(axis=0)
        logit = [
            scorers[of[i]].logit(l2_normalised(np.stack([rest + given[j] for j in rng.choice(donors, draws)]) / size))
            for donors in (marked, plain)
        ]
        out[at] = float(logit[0].mean() - logit[1].mean())
    return out


def p_above_zero(values: Float64) -> float:
    """One-sided Wilcoxon signed-rank test of "no larger than zero"; 1 with fewer than five values."""
    from scipy.stats import wilcoxon

    if len(values) < 5 or not np.any(values):
        return 1.0
    return float(wilcoxon(values, alternative="greater").pvalue)
