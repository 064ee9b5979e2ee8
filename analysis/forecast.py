"""Where a learning curve goes with more pictures: forms of curve, weighted by how they foretold what was measured.

The forms. Let x be the number of pictures over the number at hand, and e(x) the error (1 - recall). Each form is
e(1) times a shape h(x) with h(1) = 1:

- power law, x^-b, and with a floor, (1 - r) x^-b + r (Hestness et al. 2017, arXiv:1712.00409);
- piecewise power law: a parabola in log e over log x that runs out into a straight line (Jain et al. 2023,
  arXiv:2303.01598), for curves that bend while pictures are few;
- exponential of a power, exp(-k (x^c - 1)) (a form of the comparison by Viering and Loog 2021, arXiv:2103.10948);
- power law of the odds of an error, for curves that start near chance.

No optimiser. The shapes of each form lie on a grid; e(1) is integrated out in closed form (Gaussian likelihood with
the covariance of the measured points). So there is nothing that could stop in a local optimum, and no shape
foretells less than was observed. A form's weight is the probability it gave to the larger half of the measured sizes
after seeing the smaller half alone (held-out, not in-sample, error); a shape's weight within its form uses all points.

A concept has few pictures, so its own curve is noisy: it is the dataset's curve, moved and tilted on the scale of
log-odds, and drifts about that as a mean does while more is averaged. Moves and tilts are drawn towards 0 as far as the
concepts of the dataset are alike (partial pooling, Gelman and Hill 2007). How alike they are and how much they drift
is learnt from the measured points of all concepts together; what stays unknown goes into the interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.learning_curve import Measured

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

DRAWS: Final = 4000
MISFIT: Final = 0.008  # no form is exact: standard deviation added to each measured point
SPREAD: Final = 0.85  # of the forms' curves about their middle: unscaled, 97 of 100 intervals of the accuracy held
LEVEL: Final = 0.90  # of all intervals
LEAST_CHANCE: Final = 0.25  # of a coin's variance; measured were 0.67 to 0.89
TAIL: Final = (1 - LEVEL) / 2
REACH: Final = 10.0  # times the pictures at hand; beyond, a forecast is a guess
STATED: Final = np.array([1.0, 2.0, 4.0, REACH])  # factors that the report states
FACTORS: Final = np.unique(np.concatenate([np.geomspace(1, REACH, 25), STATED]))
PRIOR: Final[Mapping[str, float]] = {
    "power law": 0.25,
    "power law with floor": 0.25,
    "piecewise power law": 1.0,
    "exponential": 1.0,
    "power law of odds": 1.0,
}
"""Weight before a set was seen: the first two foretold too little on nearly every set (docs/checks/quantity.md)."""

# Shape: (S, 1) parameters already bound; x of shape (J,) -> h of shape (S, J).
Shape = Callable[[Float64], Float64]


def forms(error: float) -> Mapping[str, Shape]:
    """Name -> all shapes of that form at once. `error`: e(1), which the odds need."""

    def mesh(*axes: Sequence[float] | Float64) -> tuple[Float64, ...]:
        return tuple(g.ravel()[:, None] for g in np.meshgrid(*map(np.asarray, axes), indexing="ij"))

    def power(x: Float64) -> Float64:
        (b,) = mesh(np.geomspace(0.03, 1.6, 40))
        out: Float64 = x**-b
        return out

    def power_floor(x: Float64) -> Float64:
        b, r = mesh(np.geomspace(0.05, 1.6, 22), np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]))
        out: Float64 = (1 - r) * x**-b + r
        return out

    def piecewise(x: Float64) -> Float64:
        b, bend, start = mesh(
            np.geomspace(0.03, 1.6, 22), [-0.3, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.3], [0.125, 0.25, 0.5]
        )
        before = np.minimum(np.log(x / start), 0.0)
        out: Float64 = np.exp(-b * np.log(x) - bend * np.minimum(b, 1.0) * before**2)
        return out

    def exponential(x: Float64) -> Float64:
        k, c = mesh(np.geomspace(0.02, 4, 24), [0.1, 0.2, 0.35, 0.5, 0.7, 1.0])
        out: Float64 = np.exp(-k * (x**c - 1))
        return out

    def odds(x: Float64) -> Float64:
        (b,) = mesh(np.geomspace(0.03, 2, 40))
        o = x**-b
        out: Float64 = o / (1 - error + error * o)
        return out

    return {
        "power law": power,
        "power law with floor": power_floor,
        "piecewise power law": piecewise,
        "exponential": exponential,
        "power law of odds": odds,
    }


@dataclass(frozen=True, slots=True)
class Extrapolation:
    """Curves that agree with what was measured, each as probable as any other.

    Attributes:
        factors: float64 (f,), pictures over the pictures at hand.
        measured: float64 (s, j), value of each drawn curve at the measured sizes.
        ahead: float64 (s, f), at the factors.
        weights: of the forms, adding up to 1.
    """

    factors: Float64
    measured: Float64
    ahead: Float64
    weights: Mapping[str, float]


def _evidence(shapes: Float64, error: Float64, covariance: Float64) -> tuple[Float64, Float64, Float64]:
    """Log marginal likelihood, and mean and variance of e(1), of each shape (S, J); e(1) has a flat prior."""
    inverse = np.linalg.inv(covariance)
    weighted = shapes @ inverse
    a = np.einsum("sj,sj->s", weighted, shapes)
    b = weighted @ error
    _, log_det = np.linalg.slogdet(covariance)
    log_likelihood = -0.5 * (float(error @ inverse @ error) - b**2 / a) - 0.5 * np.log(a) - 0.5 * float(log_det)
    return log_likelihood, b / a, 1 / a


def _log_mean_exp(values: Float64) -> float:
    top = float(values.max())
    return top + float(np.log(np.exp(values - top).mean()))


def extrapolate(
    shares: Float64,
    value: Float64,
    covariance: Float64,
    factors: Float64,
    *,
    draws: int = DRAWS,
    misfit: float = MISFIT,
    seed: int = 0,
) -> Extrapolation:
    """Draw curves through measured points and beyond.

    Args:
        shares: float64 (j,), ascending, the last 1; at least 3.
        value: float64 (j,) in [0, 1], share found at each.
        covariance: (j, j) of the error in `value`.
        factors: float64 (f,), at least 1.
    """
    rng = np.random.default_rng(seed)
    error = 1 - value
    covariance = covariance + misfit**2 * np.eye(len(shares))
    early = shares <= 0.5 * shares[-1] * 1.01
    held_out, posts = {}, []
    for name, shape in forms(float(np.clip(error[-1], 0.01, 0.98))).items():
        at = shape(shares)
        log_likelihood, mean, variance = _evidence(at, error, covariance)
        held_out[name] = float(np.log(PRIOR[name]))
        if early.sum() >= 3 and not early.all():
            before, _, _ = _evidence(at[:, early], error[early], covariance[np.ix_(early, early)])
            held_out[name] += _log_mean_exp(log_likelihood) - _log_mean_exp(before)
        within = np.exp(log_likelihood - log_likelihood.max())
        posts.append((within / within.sum(), mean, variance, at, shape(factors)))
    scores = np.array(list(held_out.values()))
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    probability = np.concatenate([w * p[0] for w, p in zip(weights, posts, strict=True)])
    mean, variance = (np.concatenate([p[i] for p in posts]) for i in (1, 2))
    at, ahead = (np.concatenate([p[i] for p in posts]) for i in (3, 4))
    # Systematic resampling: no more noise than the number of draws forces.
    place = np.searchsorted(np.cumsum(probability), (np.arange(draws) + 0.5) / draws)
    place = rng.permutation(np.minimum(place, len(probability) - 1))
    last = np.clip(rng.normal(mean[place], np.sqrt(variance[place])), 1e-3, 0.999)
    measured, beyond = (np.clip(last[:, None] * h[place], 1e-4, 1 - 1e-4) for h in (at, ahead))
    measured, beyond = _drawn_in(1 - measured), _drawn_in(1 - beyond)
    return Extrapolation(
        factors,
        measured,
        beyond,
        {name: float(w) for name, w in zip(held_out, weights, strict=True)},
    )


def _drawn_in(curves: Float64) -> Float64:
    """Curves (s, f), each that much closer to their middle on the scale of log-odds; what rises still rises."""
    from scipy.special import expit, logit

    log_odds = logit(curves)
    middle = log_odds.mean(axis=0)
    out: Float64 = expit(middle + SPREAD * (log_odds - middle))
    return out


def overall(measured: Measured, factors: Float64, *, seed: int = 0) -> Extrapolation:
    """The curve of all labels together."""
    covariance = np.cov(measured.found.T) / len(measured.found)
    return extrapolate(measured.shares, measured.overall, covariance, factors, seed=seed)


_MOVES: Final = np.linspace(-6, 6, 61)
_TILTS: Final = np.linspace(-0.9, 0.9, 19)
_MIDDLES: Final = np.array([-0.3, 0.0, 0.3, 0.6, 0.9])  # a mean of log-odds lies further out than that of shares
_MOVE_SPREADS: Final = np.geomspace(0.1, 2.5, 12)
_TILT_SPREADS: Final = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.3])
_DRIFTS: Final = np.geomspace(0.01, 0.2, 6)  # times the deviation of a coin; on real sets from 0.015 to 0.19


def of_concepts(measured: Measured, whole: Extrapolation, *, seed: int = 0) -> tuple[Float64, Float64]:
    """Each concept's own curves: float64 (k, s, j) at the measured sizes and (k, s, f) at the factors of `whole`."""
    from scipy.special import expit, logit

    counts = measured.counts
    centre = logit(whole.measured.mean(axis=0))
    log_x = np.log(measured.shares)
    curve = expit(centre + _MOVES[:, None, None] + _TILTS[None, :, None] * log_x)  # (d, g, j)
    posterior, drift_odds = _posterior(_likelihoods(measured, curve), counts)
    rng = np.random.default_rng([seed, 1])
    draws = len(whole.ahead)
    at, ahead = [], []
    drift = rng.permutation(_DRIFTS[np.searchsorted(np.cumsum(drift_odds)[:-1], (np.arange(draws) + 0.5) / draws)])
    for table in posterior:
        place = np.searchsorted(np.cumsum(table.ravel()), (np.arange(draws) + 0.5) / draws)
        place = rng.permutation(np.minimum(place, table.size - 1))
        move = _MOVES[place // len(_TILTS)] + (rng.random(draws) - 0.5) * (_MOVES[1] - _MOVES[0])
        tilt = _TILTS[place % len(_TILTS)] + (rng.random(draws) - 0.5) * (_TILTS[1] - _TILTS[0])
        at.append(logit(whole.measured) + move[:, None] + tilt[:, None] * log_x)
        log_odds = logit(whole.ahead) + move[:, None] + tilt[:, None] * np.log(whole.factors)
        recall = expit(log_odds)
        # In units of a coin's deviation: on the scale of log-odds alone a concept near 1 could hardly fall back.
        slip = (drift * rng.standard_normal(draws))[:, None] * np.sqrt(1 - 1 / whole.factors)
        ahead.append(log_odds + slip / np.sqrt(np.maximum(recall * (1 - recall), 0.01)))
    share = counts / counts.sum()
    return _adding_up(np.array(at), share, whole.measured), _adding_up(np.array(ahead), share, whole.ahead)


def _adding_up(log_odds: Float64, share: Float64, whole: Float64) -> Float64:
    """Recall (k, s, f) from its log-odds, shifted at each f so that the concepts together give the whole's mean."""
    from scipy.special import expit

    target = whole.mean(axis=0)
    low, high = np.full(len(target), -4.0), np.full(len(target), 4.0)
    for _ in range(24):
        shift = (low + high) / 2
        above = share @ expit(log_odds + shift).mean(axis=1) > target
        low, high = np.where(above, low, shift), np.where(above, shift, high)
    out: Float64 = expit(log_odds + (low + high) / 2)
    return out


def _likelihoods(measured: Measured, curve: Float64) -> Float64:
    """float64 (r, k, d, g): log likelihood of each concept's points, at each drift, under each curve (d, g, j).

    How far a point is from a curve is the signed root of its binomial deviance: of one point this gives the binomial
    likelihood itself, also near 1, where a normal one is certain of too much. The points of a concept are shares of
    the same pictures, so they are correlated: correlation and variance relative to a coin's come from all labels
    together. The drift comes on top, with the covariance of the means of ever larger parts: between shares x <= y it is
    drift^2 (1 / y - 1), so that it vanishes at the pictures at hand and ahead of them grows towards a limit.
    """
    from scipy.special import rel_entr

    recall, counts = measured.recall, measured.counts
    pooled = _relative_covariance(measured) + 0.03 * np.eye(len(measured.shares))
    beyond = 1 / measured.shares - 1
    walk = np.minimum.outer(beyond, beyond)
    out = np.empty((len(_DRIFTS), len(counts), *curve.shape[:2]))
    for k, n in enumerate(counts):
        deviance = 2 * (rel_entr(recall[k], curve) + rel_entr(1 - recall[k], 1 - curve))
        apart = np.sign(recall[k] - curve) * np.sqrt(np.maximum(deviance, 0.0))
        for r, drift in enumerate(_DRIFTS):
            covariance = pooled / max(n, 1) + drift**2 * walk
            square = np.einsum("dgi,ij,dgj->dg", apart, np.linalg.inv(covariance), apart, optimize=True)
            out[r, k] = -0.5 * square - 0.5 * float(np.linalg.slogdet(covariance)[1])
    return out


def _relative_covariance(measured: Measured) -> Float64:
    """float64 (j, j): covariance, within concepts, of labels being found, over a coin's variance."""
    recall = measured.recall[measured.concept]
    rest = measured.found - recall
    scale = np.sqrt(np.mean(recall * (1 - recall), axis=0).clip(1e-6))
    out: Float64 = rest.T @ rest / max(1, len(rest) - len(measured.names)) / np.outer(scale, scale)
    return out


def _posterior(log_likelihood: Float64, counts: Int64) -> tuple[Float64, Float64]:
    """Probabilities of moves and tilts, float64 (k, d, g), and of drifts, float64 (r,), each adding up to 1.

    Averaged over spreads and drifts by how probable they make the points of all concepts together.
    """
    top = log_likelihood.max(axis=(0, 2, 3), keepdims=True)
    likelihood = np.exp(log_likelihood - top)
    settings, scores = [], []
    for middle in _MIDDLES:
        for move in _MOVE_SPREADS:
            p_move = np.exp(-0.5 * ((_MOVES - middle) / move) ** 2)
            p_move /= p_move.sum()
            moved = np.einsum("rkdg,d->rkg", likelihood, p_move, optimize=True)
            for tilt in _TILT_SPREADS:
                p_tilt = np.exp(-0.5 * (_TILTS / tilt) ** 2)
                p_tilt /= p_tilt.sum()
                score = np.log(moved @ p_tilt + 1e-300)[:, counts > 0].sum(axis=1)
                # Weak priors of the spreads: with two concepts they are all but unknown.
                score += -0.5 * middle**2 - 0.5 * move**2 - 0.5 * (tilt / 0.2) ** 2
                scores.append(score)
                settings.append(np.outer(p_move, p_tilt))
    weight = np.array(scores)
    weight = np.exp(weight - weight.max())
    weight /= weight.sum()
    out = np.zeros(log_likelihood.shape[1:])
    for prior, weights in zip(settings, weight, strict=True):
        for r in np.flatnonzero(weights > 1e-3):
            table = likelihood[r] * prior
            out += weights[r] * table / (table.sum(axis=(1, 2), keepdims=True) + 1e-300)
    out /= out.sum(axis=(1, 2), keepdims=True)
    return out, weight.sum(axis=0)


def chances(measured: Measured) -> tuple[float, float]:
    """Variance of a share found that chance makes, over a coin's: of all labels together and of one concept's.

    Below 1, as what is observed is a mean over several shuffles of the pictures. Read off the measured labels.
    """
    last = measured.overall[-1]
    whole = float(measured.found[:, -1].var() / max(last * (1 - last), 1e-6))
    concept = float(_relative_covariance(measured)[-1, -1])
    return (min(1.0, max(LEAST_CHANCE, whole)), min(1.0, max(LEAST_CHANCE, concept)))


def observed(
    curves: Float64, pictures: Int64, *, chance: float = 1.0, seed: int = 0
) -> tuple[Float64, Float64, Float64]:
    """Mean, and ends of the shortest 90 % interval, of what would be observed on that many held-out pictures.

    The shortest, as near 1 there is room on one side only; never without the mean.

    Args:
        curves: float64 (s, f).
        pictures: int64 (f,), at least 1.
        chance: variance relative to a coin's (`chances`); the binomial's `n` is that much larger.
    """
    rng = np.random.default_rng([seed, 2])
    tosses = np.maximum(1, np.rint(pictures / chance)).astype(np.int64)
    seen = rng.binomial(tosses[None, :], curves)
    mean = curves.mean(axis=0)
    low, high = np.array([_shortest(seen[:, i]) for i in range(len(tosses))]).T / tosses
    return mean, np.minimum(low, mean), np.maximum(high, mean)


def _shortest(values: Int64) -> tuple[int, int]:
    """Ends of the shortest interval that holds `LEVEL` of the values; of several, the one that holds most."""
    at, counts = np.unique(values, return_counts=True)
    before = np.concatenate([[0], np.cumsum(counts)])
    end = np.searchsorted(before, before[:-1] + np.ceil(LEVEL * len(values))) - 1
    start = np.flatnonzero(end < len(at))
    end = end[start]
    best = np.lexsort((before[start] - before[end + 1], at[end] - at[start]))[0]
    return int(at[start[best]]), int(at[end[best]])


@dataclass(frozen=True, slots=True)
class Regime:
    """Measured and continued curves of one way to train.

    Attributes:
        measured: what was measured.
        whole: curves of all labels together, at `FACTORS` times the pictures at hand.
        at, ahead: each concept's curves, float64 (k, s, j) at the measured shares, (k, s, f) at `FACTORS`.
        chances: as the function of that name, of `measured`.
    """

    measured: Measured
    whole: Extrapolation
    at: Float64
    ahead: Float64
    chances: tuple[float, float]


def continued(measured: Measured, pictures: int, *, seed: int = 0) -> Regime | None:
    """The measured curves and where they go; None with fewer than three measured sizes.

    `pictures`: pictures at hand, of which those measured with may be a part.
    """
    if len(measured.shares) < 3:
        return None
    whole = overall(measured, FACTORS * max(1.0, pictures / measured.pictures), seed=seed)
    return Regime(measured, whole, *of_concepts(measured, whole, seed=seed), chances(measured))


def needed_factors(curves: Float64, target: float, now: float) -> tuple[float, float, float]:
    """Median, 5 % and 95 % quantile of the factor at which curves (s, f) over `FACTORS` first reach `target`.

    Infinite where it is not reached within `REACH`; 1 where the observed value `now` reaches it.
    """
    if now >= target:
        return 1.0, 1.0, 1.0
    reached = curves >= target
    factor = np.where(reached.any(axis=1), FACTORS[reached.argmax(axis=1)], np.inf)
    middle, low, high = (float(v) for v in np.quantile(factor, [0.5, TAIL, 1 - TAIL], method="higher"))
    return middle, low, high


def stated(
    curves: Float64, value: Float64, shares: Float64, n: int, used: int, metric: str, target: float, chance: float
) -> dict[str, object]:
    """A forecast as the report has it.

    Args:
        curves: float64 (s, f) over `FACTORS`.
        value, shares: float64 (j,), what was measured and at which share.
        n: pictures at hand. used: pictures measured with.
        metric: its name.
        target: value to be reached.
        chance: variance relative to a coin's (`chances`).
    """
    middle, low, high = (
        int(np.ceil(f * n - 1e-9)) if np.isfinite(f) else None for f in needed_factors(curves, target, float(value[-1]))
    )
    return {
        "metric": metric,
        "now": float(value[-1]),
        "at": points(curves[:, np.searchsorted(FACTORS, STATED)], STATED, n, chance),
        "needed": middle,
        "needed_low": low if middle is not None else None,
        "needed_high": high if middle is not None else None,
        "target": target,
        "measured": [{"n": float(s * used), "value": float(v)} for s, v in zip(shares, value, strict=True)],
    }


def points(curves: Float64, factors: Float64, n: int, chance: float) -> list[dict[str, float]]:
    """What would be observed on as many held-out pictures as there would be at each factor."""
    pictures = np.maximum(1, np.rint(factors * n)).astype(np.int64)
    mean, low, high = observed(curves, pictures, chance=chance)
    return [
        {"n": int(p), "mean": float(m), "low": float(a), "high": float(b)}
        for p, m, a, b in zip(pictures, mean, low, high, strict=True)
    ]
