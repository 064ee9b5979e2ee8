"""Are some labels wrong, or are the pictures only ambiguous? Likelihood ratios, of all labels and of each class.

*Ambiguity alone*: labels are draws from softmax(scale x score), the scale as likely as can be. *Wrong labels*: the
same, but a share of labels is replaced evenly by other classes. Ambiguous pictures lie between two classes and are
explained by a smaller scale; wrong labels lie where nothing is ambiguous, and are not. The ratio is taken over all
labels (it sees what is spread thinly over many classes; the scale is free) and over the labels of each class (what is
gathered in one; the scale stays). By chance are the same ratios of labels drawn from "ambiguity alone" (parametric
bootstrap: Efron and Tibshirani 1993, chapter 6; a chi-square law does not hold, since rare draws count for much); those
of classes are corrected for their number by the largest of each draw (Westfall and Young 1993).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.progress import no_tick

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

DRAWS: Final = 199  # the least p-value is 0.005
MOST_PICTURES: Final = 5000  # drawn from more: enough to see one wrong label in a hundred
SCALES: Final = np.exp(np.arange(-0.4, 1.65, 0.1))  # tried, times the likeliest under ambiguity alone
SHARES: Final = np.geomspace(0.001, 0.4, 12)  # of wrong labels tried


@dataclass(frozen=True, slots=True)
class NoiseEvidence:
    """How surprising the labels are if all are right.

    Attributes:
        together: p-value of all labels, in (0, 1].
        classes: float64 (k,), p-value of the labels of each class, corrected for the number of classes.
        alone: float64 (k,), the same, not corrected.
    """

    together: float
    classes: Float64
    alone: Float64


def noise_evidence(
    score: Float64, label: Int64, allowed: Bool, *, seed: int = 0, tick: Callable[[], None] = no_tick
) -> NoiseEvidence:
    """Compare labels with labels drawn as often as the scores are ambiguous.

    Args:
        score: float64 (n, k), larger where the picture looks more like the class, made without the label.
        label: int64 (n,), given class, one that is allowed.
        allowed: bool (n, k), classes that compete; rows with fewer than two say nothing and are left out.
        seed: of the draws, and of the pictures used where there are more than `MOST_PICTURES`.
        tick: called often; may raise to stop.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    rng, k = np.random.default_rng(seed), score.shape[1]
    rows = np.flatnonzero(allowed.sum(axis=1) > 1)
    if len(rows) > MOST_PICTURES:
        rows = np.sort(rng.choice(rows, MOST_PICTURES, replace=False))
    if not len(rows):
        return NoiseEvidence(1.0, np.ones(k), np.ones(k))
    score, label, allowed = score[rows], label[rows], allowed[rows]
    barred, others, at = np.where(allowed, 0.0, -np.inf), allowed.sum(axis=1) - 1.0, np.arange(len(rows))

    def log_p(scale: float) -> Float64:
        out: Float64 = log_softmax(score * scale + barred, axis=1)
        return out

    def misfit(log_scale: float) -> float:
        return -float(log_p(float(np.exp(log_scale)))[at, label].sum())

    best = float(np.exp(minimize_scalar(misfit, bounds=(-3, 4), method="bounded").x))
    labels = _drawn(np.exp(log_p(best)), label, rng, tick)
    plain, mixed = np.full(1 + DRAWS, -np.inf), np.full(1 + DRAWS, -np.inf)
    fitted = np.zeros(labels.shape)  # log p of each label under the scale that is likeliest in its draw
    for scale in best * SCALES:
        tick()
        own = log_p(scale)[at, labels]
        total = own.sum(axis=1)
        better = total > plain
        plain[better], fitted[better] = total[better], own[better]
        p = np.exp(own)
        for share in SHARES:
            mixed = np.maximum(mixed, np.log((1 - share) * p + share * (1 - p) / others).sum(axis=1))
    ratio, classes = np.maximum(mixed - plain, 0.0), _of_classes(fitted, labels, others, k, tick)
    return NoiseEvidence(
        together=_share(ratio, ratio[0]),
        classes=np.array([_share(classes.max(axis=1), value) for value in classes[0]]),
        alone=np.array([_share(classes[:, c], classes[0, c]) for c in range(k)]),
    )


def _drawn(p: Float64, label: Int64, rng: np.random.Generator, tick: Callable[[], None]) -> Int64:
    """The labels, and `DRAWS` times others as likely as `p` says: (1 + DRAWS, n)."""
    steps = np.cumsum(p, axis=1)
    out = np.empty((1 + DRAWS, len(p)), dtype=np.int64)
    out[0] = label
    for d in range(1, 1 + DRAWS):
        tick()
        out[d] = (rng.random((len(p), 1)) * steps[:, -1:] >= steps).sum(axis=1)
    np.minimum(out, p.shape[1] - 1, out=out)
    return out


def _of_classes(own: Float64, labels: Int64, others: Float64, k: int, tick: Callable[[], None]) -> Float64:
    """Ratio of the labels of each class in each draw: (1 + DRAWS, k), 0 and more."""
    p, out = np.exp(own), np.zeros((len(own), k))
    for share in SHARES:
        tick()
        gained = np.log((1 - share) * p + share * (1 - p) / others) - own
        for d in range(len(own)):
            out[d] = np.maximum(out[d], np.bincount(labels[d], weights=gained[d], minlength=k))
    return out


def _share(values: Float64, value: float) -> float:
    """p-value: share of the draws (the labels themselves are one of them) with as large a value."""
    return float((values >= value - 1e-9).mean())
