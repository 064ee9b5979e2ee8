"""Are some labels wrong, or are the pictures only ambiguous? Likelihood ratios, of all labels and of each class.

*Ambiguity alone*: labels are draws from softmax(scale x score + lean of the class), as likely as can be. *Wrong
labels*: the same, but a share of labels is replaced. Ambiguous pictures lie between two classes and are explained by a
smaller scale; wrong labels lie where nothing is ambiguous, and are not. Three ratios are taken:

- labels replaced evenly by all other classes, over all labels together (the scale is free);
- the same over the labels of each class (what is gathered in one; the scale stays);
- labels of one class given to one other, the likeliest for each class, over all labels together (the scale is free):
  two classes exchanged look like a smaller scale to the first two. How ambiguous pictures are differs from pair to pair
  of classes, which "ambiguity alone" does not know, so this ratio must be `SURPLUS` times what chance explains.

By chance are the same ratios of labels drawn from "ambiguity alone" (parametric bootstrap: Efron and Tibshirani 1993,
chapter 6; a chi-square law does not hold, since rare draws count for much); those of classes are corrected for their
number by the largest of each draw, and the three for one another by the smallest p-value of each draw (Westfall and
Young 1993).

Where pictures carry several labels, each (picture, class) is a choice of two, shown or not, and "ambiguity alone" has
a share of missing labels too, which are usual there and no sign of wrong ones. Only the last ratio is taken then, over
all labels and over those of each class: labels given where the class is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.progress import no_tick

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

DRAWS: Final = 399  # the least p-value is 0.0025; of three ratios about 0.01
MOST_CELLS: Final = 4000  # drawn from more: enough to see one wrong label in a hundred
SCALES: Final = np.exp(np.arange(-0.4, 1.65, 0.1))  # tried, times the likeliest under ambiguity alone
COARSE: Final = np.exp(np.arange(-0.2, 1.45, 0.2))  # the same for labels given to one other class, which cost more
SHARES: Final = np.geomspace(0.001, 0.4, 12)  # of wrong labels tried
FLIPPED: Final = np.geomspace(0.02, 0.4, 6)  # of the labels of one class, given to one other
SOURCES: Final = 5  # other classes tried for each, those that are most alike
SURPLUS: Final = 1.5
LEAN_PRIOR: Final = 1.0  # precision of a class's lean, in log-odds
LEAN_PRIOR_ALONE: Final = 0.04  # most pictures do not show a given class
MISSING: Final = np.array([0.0, 0.02, 0.05, 0.1, 0.2, 0.4])  # of the labels of a class, where pictures carry several
USUALLY_KEPT: Final = 3.0  # log-odds that a label that should be given is (95 of 100)
KEPT_PRIOR: Final = 0.25  # precision of the same


@dataclass(frozen=True, slots=True)
class NoiseEvidence:
    """How surprising the labels are if all are right.

    Attributes:
        together: p-value of all labels, in (0, 1], corrected for the other ratios.
        classes: float64 (k,), p-value of the labels of each class, corrected for the classes and the other ratios.
        alone: float64 (k,), of each class, not corrected.
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
        seed: of the draws, and of the pictures used where there are more than `MOST_CELLS`.
        tick: called often; may raise to stop.
    """
    rng, k = np.random.default_rng(seed), score.shape[1]
    rows = _some(np.flatnonzero(allowed.sum(axis=1) > 1), MOST_CELLS, rng)
    if not len(rows):
        return NoiseEvidence(1.0, np.ones(k), np.ones(k))
    score, label, allowed = score[rows], label[rows], allowed[rows]
    null = _ambiguity(score, label, np.where(allowed, 0.0, -np.inf))
    labels = _drawn(np.exp(null.log_p(1.0)), label, rng, tick)
    others, cell = allowed.sum(axis=1) - 1.0, np.arange(len(rows)) * k + labels
    plain, even = np.full(len(labels), -np.inf), np.full(len(labels), -np.inf)
    fitted = np.zeros(labels.shape)  # log p of each label under the scale that is likeliest in its draw
    for scale in SCALES:
        tick()
        log_p = null.log_p(scale)
        own = log_p.ravel()[cell]
        total = own.sum(axis=1)
        better = total > plain
        plain[better], fitted[better] = total[better], own[better]
        p = np.exp(log_p)
        for share in SHARES:
            mixed = np.log((1 - share) * p + share * (1 - p) / others[:, None])
            even = np.maximum(even, mixed.ravel()[cell].sum(axis=1))
    classes = _of_classes(fitted, labels, others, k, tick)
    near = _alike(np.exp(null.log_p(1.0)))
    flips, counts = np.full(len(labels), -np.inf), np.stack([(labels == c).sum(axis=1) for c in range(k)], axis=1)
    for scale in COARSE:
        log_p = null.log_p(scale)
        total = log_p.ravel()[cell].sum(axis=1)
        for gain in _class_flips(log_p, labels, counts, near, tick):
            total += gain
        flips = np.maximum(flips, total)
    ratios = (_shares(np.maximum(even - plain, 0.0)), _shares(np.maximum(flips - plain, 0.0), SURPLUS))
    most = classes.max(axis=1)
    least = np.minimum(np.minimum(*ratios), _shares(most))
    return NoiseEvidence(
        together=_corrected(min(ratio[0] for ratio in ratios), least),
        classes=np.array([_corrected(_share(most, value), least) for value in classes[0]]),
        alone=np.array([_share(classes[:, c], classes[0, c]) for c in range(k)]),
    )


def noise_evidence_alone(
    score: Float64, given: Bool, *, seed: int = 0, tick: Callable[[], None] = no_tick
) -> NoiseEvidence:
    """The same where classes do not exclude each other: are labels given where the class is not shown?

    Args:
        score: float64 (n, k), log-odds up to a scale that the picture shows the class, made without the label.
        given: bool (n, k), labels.
        seed: of the draws, and of the pictures used where there are more than `MOST_CELLS` / k.
        tick: called often; may raise to stop.
    """
    rng, k = np.random.default_rng(seed), score.shape[1]
    rows = _some(np.arange(len(score)), max(200, MOST_CELLS // k), rng)
    score, given = score[rows], given[rows]
    scale, border, missing = _shown(score, given)
    p = (1 - missing) / (1 + np.exp(-scale * (score - border)))
    labels = np.empty((1 + DRAWS, *given.shape), dtype=np.float32)
    labels[0] = given
    for d in range(1, 1 + DRAWS):
        tick()
        labels[d] = rng.random(p.shape) < p
    plain, flips = np.full(len(labels), -np.inf), np.full(len(labels), -np.inf)
    gains = np.zeros((len(labels), k))
    for times in COARSE:
        shown = 1 / (1 + np.exp(-np.clip(scale * times * (score - border), -500, 500)))
        right, wrong = np.zeros(len(labels)), np.zeros((len(labels), k))
        for c in range(k):
            tick()
            fits = _alone_fits(shown[:, c], labels[:, :, c])  # (d, wrong, missing)
            best = fits[:, 0].max(axis=1)
            right += best
            wrong[:, c] = fits.max(axis=(1, 2)) - best
        better = right > plain
        plain[better], gains[better] = right[better], wrong[better]
        flips = np.maximum(flips, right + wrong.sum(axis=1))
    together, most = _shares(np.maximum(flips - plain, 0.0)), gains.max(axis=1)
    least = np.minimum(together, _shares(most))
    return NoiseEvidence(
        together=_corrected(together[0], least),
        classes=np.array([_corrected(_share(most, value), least) for value in gains[0]]),
        alone=np.array([_share(gains[:, c], gains[0, c]) for c in range(k)]),
    )


def _alone_fits(shown: Float64, labels: Float32) -> Float64:
    """Log-likelihood of one class's labels by shares of wrong (`FLIPPED`, from none) and missing ones.

    Args:
        shown: float64 (n,), probability that the picture shows the class.
        labels: float32 (d, n), 1 where it is given.

    Returns:
        float64 (d, 1 + `FLIPPED`, `MISSING`).
    """
    wrong, missing = np.concatenate([[0.0], FLIPPED])[:, None], MISSING[None, :]
    p = shown[:, None, None] * (1 - missing) + (1 - shown[:, None, None]) * wrong
    p = np.clip(p, 1e-12, 1 - 1e-12).reshape(len(shown), -1)
    odds: Float32 = (np.log(p) - np.log1p(-p)).astype(np.float32)
    out: Float64 = (labels @ odds).astype(np.float64) + np.log1p(-p).sum(axis=0)
    return out.reshape(len(labels), len(wrong), -1)


def _shown(score: Float64, given: Bool) -> tuple[float, Float64, Float64]:
    """Fit "shown": logistic in the score with one scale and a border for each class, and the share of missing labels.

    Returns:
        Scale; borders float64 (k,); shares of labels missing where the class is shown, float64 (k,).
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    k = score.shape[1]

    def misfit(x: Float64) -> tuple[float, Float64]:
        scale, lean, kept = float(np.exp(x[0])), x[1 : 1 + k], expit(x[1 + k :])
        shown = expit(scale * score + lean)
        p = np.clip(shown * kept, 1e-12, 1 - 1e-12)
        slope = np.where(given, 1 / p, -1 / (1 - p))  # of the log-likelihood by p
        by_logit = slope * shown * (1 - shown) * kept
        by_kept = (slope * shown).sum(axis=0) * kept * (1 - kept)
        value = -float(np.where(given, np.log(p), np.log1p(-p)).sum()) + LEAN_PRIOR_ALONE / 2 * float((lean**2).sum())
        value += KEPT_PRIOR / 2 * float(((x[1 + k :] - USUALLY_KEPT) ** 2).sum())
        grad = np.concatenate(
            [
                [-float((by_logit * score).sum()) * scale],
                -by_logit.sum(axis=0) + LEAN_PRIOR_ALONE * lean,
                -by_kept + KEPT_PRIOR * (x[1 + k :] - USUALLY_KEPT),
            ]
        )
        return value, grad

    start = np.concatenate([[0.0], np.zeros(k), np.full(k, USUALLY_KEPT)])
    bounds = [(-3.0, 5.0)] + [(None, None)] * k + [(-2.0, 8.0)] * k
    x = minimize(misfit, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    scale = float(np.exp(x[0]))
    return scale, -x[1 : 1 + k] / scale, 1 - expit(x[1 + k :])


@dataclass(frozen=True, slots=True)
class _Ambiguity:
    """Softmax(scale x score + lean): the likeliest, and others by the scale."""

    score: Float64
    lean: Float64  # (n, k)
    scale: float

    def log_p(self, times: float) -> Float64:
        """Log-probabilities (n, k), the scale multiplied."""
        from scipy.special import log_softmax

        out: Float64 = log_softmax(self.score * (self.scale * times) + self.lean, axis=1)
        return out


def _ambiguity(score: Float64, label: Int64, barred: Float64) -> _Ambiguity:
    """Fit scale and leans."""
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    n, k = score.shape
    rows = np.arange(n)
    given = np.zeros((n, k))
    given[rows, label] = 1.0

    def misfit(x: Float64) -> tuple[float, Float64]:
        scale, lean = float(np.exp(x[0])), x[1:]
        log_p = log_softmax(score * scale + lean + barred, axis=1)
        off = np.exp(log_p) - given
        value = -float(log_p[rows, label].sum()) + LEAN_PRIOR / 2 * float((lean**2).sum())
        return value, np.concatenate([[float((off * score).sum()) * scale], off.sum(axis=0) + LEAN_PRIOR * lean])

    bounds = [(-3.0, 4.0)] + [(None, None)] * k
    x = minimize(misfit, np.zeros(1 + k), jac=True, method="L-BFGS-B", bounds=bounds).x
    return _Ambiguity(score, x[1:] + barred, float(np.exp(x[0])))


def _some(rows: Int64, most: int, rng: np.random.Generator) -> Int64:
    return np.sort(rng.choice(rows, most, replace=False)) if len(rows) > most else rows


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


def _alike(p: Float64) -> Int64:
    """For each class the `SOURCES` others that pictures are most often between: (k, s)."""
    k = p.shape[1]
    shared = np.stack([np.minimum(p, p[:, [c]]).sum(axis=0) for c in range(k)])
    np.fill_diagonal(shared, -1.0)
    out: Int64 = np.argsort(-shared, axis=1, kind="stable")[:, : min(SOURCES, k - 1)]
    return out


def _class_flips(
    log_p: Float64, labels: Int64, counts: Int64, near: Int64, tick: Callable[[], None]
) -> Iterator[Float64]:
    """For each class in turn: what is gained in each draw where some of its labels are another's (1 + DRAWS,)."""
    for c in range(log_p.shape[1]):
        tick()
        rows = np.flatnonzero((labels == c).any(axis=0))
        if not len(rows) or not near.shape[1]:
            continue
        with np.errstate(over="ignore"):
            ratio = np.exp(log_p[np.ix_(rows, near[c])] - log_p[rows, c][:, None])
        yield _gain(labels[:, rows] == c, ratio, counts[:, near[c]].astype(np.float64))


def _gain(given: Bool, ratio: Float64, lost: Float64) -> Float64:
    """Log-likelihood gained where a share of one other class's labels is given to this class: (d,), 0 and more.

    Args:
        given: bool (d, m), in each draw, rows labelled as the class.
        ratio: float64 (m, s), how much likelier each other class is there.
        lost: float64 (d, s), labels each other class has kept.
    """
    each: Float32 = np.log1p(FLIPPED[None, :, None] * np.minimum(ratio, 1e30)[:, None, :]).astype(np.float32)
    won = (given.astype(np.float32) @ each.reshape(len(ratio), -1)).reshape(len(given), len(FLIPPED), -1)
    out: Float64 = (won + np.log1p(-FLIPPED)[None, :, None] * lost[:, None, :]).max(axis=(1, 2))
    return np.maximum(out, 0.0)


def _share(values: Float64, value: float) -> float:
    """p-value: share of the draws (the labels themselves are one of them) with as large a value."""
    return float((values >= value - 1e-9).mean())


def _shares(values: Float64, surplus: float = 1.0) -> Float64:
    """The p-value that each draw would have: of its value divided by `surplus`."""
    order = np.sort(values)
    return 1.0 - np.searchsorted(order, values / surplus - 1e-9, side="left") / len(values)


def _corrected(p: float, least: Float64) -> float:
    """p-value corrected for the ratios: share of the draws of which the smallest is as small."""
    return float((least <= p + 1e-12).mean())
