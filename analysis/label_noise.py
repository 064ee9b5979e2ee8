"""Which labels do not fit their pictures: several views that never saw the label they judge, stacked, then cleaned.

Rows are labelled pictures, columns are classes. A *view* (`analysis.label_views`) is a score of each class for each
picture, made from all other pictures, so a picture's own label never speaks for itself.

Each view becomes a calibrated logit, and a stack of all of them is fitted with a loss that a wrong label cannot
dominate (generalised cross-entropy: Zhang and Sabuncu 2018, arXiv:1805.07836). Then labels are weighted by how
probably they are right and every view is made once more (a form of self-training; compare Reed et al. 2015,
arXiv:1412.6596): a model fitted to wrong labels repeats them. scipy loads when a function runs, not on import.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.label_views import Kernels, neighbour_views, spaces, standardised
from analysis.noise_evidence import NoiseEvidence, noise_evidence, noise_evidence_alone
from analysis.progress import Progress, no_progress, no_tick

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

ROBUSTNESS: Final = 0.7  # q of the loss: 0 is cross-entropy, 1 the mean absolute error; the paper's value
TRUST: Final = 3.0  # log-odds by which a label is believed beforehand: about 1 wrong in 20
CELLS_FOR_WEIGHTS: Final = 40_000  # pictures x classes the few weights are fitted on
SINGLE_SHARE: Final = 0.5  # of the views' own scales beside the stack: steadier than the stack alone
PAIR_PRIOR: Final = 60.0  # pictures a class must have before its own flips outweigh the average
CONCENTRATED: Final = (0.5, 0.7)  # evenly wrong labels reach 0.2-0.46, labels flipped to one class 0.7-0.97
EM_STEPS: Final = 45
USUAL_RATE: Final = 0.05  # of wrong labels, to say whether one would be noticed
SEVERAL: Final = 0.2  # share of pictures with several classes from which classes no longer exclude each other


def robust_weights(views: Float64, label: Int64, allowed: Bool) -> Float64:
    """Non-negative weights (m,) of the views: a conditional logit fitted with the generalised cross-entropy."""
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    n, _, m = views.shape
    rows = np.arange(n)
    barred = np.where(allowed, 0.0, -np.inf)

    def loss(t: Float64, q: float) -> tuple[float, Float64]:
        w = np.exp(t)
        p = np.exp(log_softmax(views @ w + barred, axis=1))
        own = np.maximum(p[rows, label], 1e-12)
        p[rows, label] -= 1.0
        slope = np.tensordot(p * (own**q)[:, None], views, ([0, 1], [0, 1]))
        penalty = 1e-4 * n
        return float(((1 - own**q) / q).sum() + penalty * (w @ w)), (slope + 2 * penalty * w) * w

    t = np.full(m, np.log(1.0 / m))
    for q in (0.1, ROBUSTNESS):  # the robust loss has flat places: start from where the plain one ends
        t = np.clip(t, np.log(0.01), 4)
        t = minimize(loss, t, args=(q,), jac=True, method="L-BFGS-B", bounds=[(-7.0, 4.0)] * m).x
    out: Float64 = np.exp(t)
    return out


def combined(views: Float64, label: Int64, allowed: Bool, seed: int) -> Float64:
    """One score for each class (n, k), of unit spread: the stack, with a third of the views' own scales mixed in.

    The weights come from at most `CELLS_FOR_WEIGHTS` / k pictures: they are few and need no more.
    """
    n, k, m = views.shape
    count = max(200, CELLS_FOR_WEIGHTS // k)
    part = np.random.default_rng(seed).permutation(n)[:count] if n > count else np.arange(n)
    v, y, a = views[part], label[part], allowed[part]
    stack = robust_weights(v, y, a)
    single = np.concatenate([robust_weights(v[:, :, [i]], y, a) for i in range(m)])
    weight = stack / max(float(stack.sum()), 1e-9) + SINGLE_SHARE * single / max(float(single.sum()), 1e-9)
    joined = views @ weight
    out: Float64 = joined / max(float(joined.std()), 1e-9)
    return out


@dataclass(frozen=True, slots=True)
class Noise:
    """How labels go wrong, estimated from scores and labels.

    Attributes:
        rate: share of wrong labels, in (0, 1).
        clean: float64 (n, k), probability of each class given the picture alone.
        wrong: float64 (n, k), log-odds that a label of each class would be wrong on the picture.
        truth: float64 (n, k), probability of each class given picture and label.
        flips: float64 (k, k), expected number of pictures of class a labelled b; diagonal 0.
    """

    rate: float
    clean: Float64
    wrong: Float64
    truth: Float64
    flips: Float64


def noise_model(
    score: Float64, label: Int64, allowed: Bool, *, structured: bool, tick: Callable[[], None] = no_tick
) -> Noise:
    """Fit "true class given the picture" x "label given the true class" by expectation maximisation.

    The first is softmax(scale x score), with the scale found by likelihood; the second a matrix with an equal
    rate for every wrong class or, `structured`, a rate for each pair of classes, drawn towards the equal one by
    `PAIR_PRIOR` pictures (Dawid and Skene 1979, with one annotator and the scores in place of a prior).
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    n, k = score.shape
    rows = np.arange(n)
    barred = np.where(allowed, 0.0, -np.inf)
    given = np.zeros((n, k))
    given[rows, label] = 1.0
    rate, scale = 0.05, 2.5
    matrix = np.full((k, k), rate / (k - 1))
    np.fill_diagonal(matrix, 1.0 - rate)

    def clean(s: float) -> Float64:
        out: Float64 = np.exp(log_softmax(score * s + barred, axis=1))
        return out

    def misfit(log_s: float) -> float:
        return -float(np.log((clean(float(np.exp(log_s))) * matrix[:, label].T).sum(axis=1) + 1e-12).sum())

    for step in range(EM_STEPS):
        if step % 5 == 0:
            tick()
            scale = float(np.exp(minimize_scalar(misfit, bounds=(-3, 3), method="bounded", options={"xatol": 0.02}).x))
            p = clean(scale)
        truth = p * matrix[:, label].T + 1e-300
        truth /= truth.sum(axis=1, keepdims=True)
        rate = float(((1 - truth[rows, label]).sum() + 0.5) / (n + 10))
        flips = truth.T @ given
        np.fill_diagonal(flips, 0.0)
        if structured:
            matrix = (flips + PAIR_PRIOR * rate / (k - 1)) / (truth.sum(axis=0)[:, None] + PAIR_PRIOR)
        else:
            matrix = np.full((k, k), rate / (k - 1))
        np.fill_diagonal(matrix, 0.0)
        np.fill_diagonal(matrix, np.maximum(1.0 - matrix.sum(axis=1), 0.05))
    log_p = log_softmax(score * scale + barred, axis=1)
    own = log_p + np.log(np.diag(matrix))
    flipped = matrix - np.diag(np.diag(matrix))
    wrong = np.log(p @ flipped + 1e-300) - np.maximum(own, -690.0)
    return Noise(rate, p, wrong, truth, flips)


def usual_wrong(clean: Float64) -> Float64:
    """Log-odds (n, k) that a label of each class would be wrong if `USUAL_RATE` of all were, evenly."""
    odds = USUAL_RATE / (clean.shape[1] - 1) / (1 - USUAL_RATE)
    out: Float64 = np.log(np.maximum(1 - clean, 1e-300) * odds) - np.log(np.maximum(clean, 1e-300))
    return out


def concentration(flips: Float64) -> float:
    """How much of each class's flips goes to one other class: 0 as even as can be, 1 all. In [0, 1]."""
    k, total = len(flips), float(flips.sum())
    if k < 3 or total <= 0:
        return 0.0
    share = float(flips.max(axis=1).sum()) / total
    return float(np.clip((share - 1 / (k - 1)) / (1 - 1 / (k - 1)), 0.0, 1.0))


def estimate_noise(score: Float64, label: Int64, allowed: Bool, tick: Callable[[], None] = no_tick) -> Noise:
    """Equal rates, or a rate for each pair where the flips found are concentrated on a few pairs; between, a mix."""
    even = noise_model(score, label, allowed, structured=False, tick=tick)
    pairs = noise_model(score, label, allowed, structured=True, tick=tick)
    low, high = CONCENTRATED
    w = float(np.clip((concentration(pairs.flips) - low) / (high - low), 0.0, 1.0))
    if w == 0.0:
        return even

    def mixed(a: Any, b: Any) -> Any:
        return (1 - w) * a + w * b

    return Noise(*(mixed(getattr(even, f), getattr(pairs, f)) for f in Noise.__slots__))


def believed(score: Float64, label: Int64, allowed: Bool) -> Float64:
    """Probability (n,) that each label is right, for the weights of the second round: one fixed prior for all."""
    from scipy.special import expit, log_softmax

    scale = robust_weights(score[:, :, None], label, allowed)[0]
    logits = log_softmax(score * scale, axis=1)
    out: Float64 = expit(TRUST - margins(logits, label, allowed))
    return out


def margins(logits: Float64, label: Int64, allowed: Bool) -> Float64:
    """How far the best other class lies above the label, in log-odds (n,); `allowed` (n, k) says which compete."""
    rows = np.arange(len(label))
    other = np.where(allowed, logits, -np.inf)
    other[rows, label] = -np.inf
    out: Float64 = other.max(axis=1) - logits[rows, label]
    return out


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is said of m labels and k classes.

    Attributes:
        picture, label: int64 (m,), row and class of each label, in the order of `np.nonzero(member)`.
        wrong: float64 (m,), log-odds that the label is wrong.
        instead: int64 (m,), the class that fits best among those the picture does not carry; -1 for none.
        expected: float64 (k,), labels of the class that would look wrong (log-odds above the cut) if all were right.
        power: float64 (k,), share of other classes' pictures that would look wrong under a label of this class,
            were wrong labels as common as usual (`USUAL_RATE`).
        rate: estimated share of wrong labels.
        evidence: that labels are wrong; None where it was not asked for.
    """

    picture: Int64
    label: Int64
    wrong: Float64
    instead: Int64
    expected: Float64
    power: Float64
    rate: float
    evidence: NoiseEvidence | None = None


def doubts(
    image: Float32,
    member: Bool,
    barred: Bool,
    *,
    cut: float = 0.0,
    counted: Bool | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Doubts:
    """Judge every label.

    Args:
        image: float32 (n, f), vectors of labelled pictures.
        member: bool (n, k), the classes each carries; at least one each, k at least 2.
        barred: bool (n, k), classes a picture is known not to show.
        cut: log-odds above which a label looks wrong (for `expected` and `power`).
        counted: bool (n, k), labels that the evidence is made of; all by default.
        seed: of subsamples.

    Where few pictures carry several classes, classes compete, but those of one picture not with each other. Where
    many do (over `SEVERAL`), each label is judged alone: does the picture show the class or not?
    """
    several = float((member.sum(axis=1) > 1).mean()) > SEVERAL
    forms = spaces(image)
    progress(0, 4, "comparing every picture with every other")
    kernels = Kernels(forms, seed)
    weight, target = np.ones(len(image)), member.astype(np.float64)
    cells = _cells_alone(member) if several else _cells_competing(member, barred)
    picture, label, allowed = cells
    total = np.zeros(allowed.shape)
    for turn, note in enumerate(("looking at each picture without its label", "looking again")):
        tick = partial(progress, 1 + turn, 4, note)
        views = standardised(kernels.views(target, weight, tick) + neighbour_views(forms, member, weight, tick))
        tick()
        views = _alone(views, member) if several else views[picture]
        score = combined(views, label, allowed, seed)
        total += score
        if turn == 0:
            right = believed(score, label, allowed)
            carries = label == 0 if several else np.ones(len(label), dtype=bool)
            np.minimum.at(weight, picture[carries], right[carries])
    total /= max(float(total.std()), 1e-9)
    tick = partial(progress, 3, 4, "weighing the doubts")
    noise = estimate_noise(total, label, allowed, tick)
    if several:
        odds = (total[:, 0] - total[:, 1]).reshape(member.shape)
        alone = noise_evidence_alone(odds, member, seed=seed, tick=tick)
        return replace(_several(noise, member, barred, cut), evidence=alone)
    of = np.ones(len(label), dtype=bool) if counted is None else counted[picture, label]
    evidence = noise_evidence(total[of], label[of], allowed[of], seed=seed, tick=tick)
    return replace(_single(noise, picture, label, allowed, cut), evidence=evidence)


def _cells_competing(member: Bool, barred: Bool) -> tuple[Int64, Int64, Bool]:
    picture, label = (a.astype(np.int64) for a in np.nonzero(member))
    allowed = ~member[picture] & ~barred[picture]
    allowed[np.arange(len(label)), label] = True
    return picture, label, allowed


def _cells_alone(member: Bool) -> tuple[Int64, Int64, Bool]:
    """Every (picture, class) as a choice of two: class 0 shown, class 1 not shown."""
    n, k = member.shape
    return np.repeat(np.arange(n), k), np.where(member, 0, 1).ravel().astype(np.int64), np.ones((n * k, 2), dtype=bool)


def _alone(views: Float64, member: Bool) -> Float64:
    """Views (n * k, 2, m + 2): each class's own scale, 0 midway between pictures with and without; two constants."""
    n, k, m = views.shape
    x = np.empty_like(views)
    for c in range(k):
        inside = member[:, c]
        x[:, c] = (
            views[:, c] - (views[inside, c].mean(axis=0) + views[~inside, c].mean(axis=0)) / 2
            if not (inside.all())
            else 0.0
        )
    out = np.zeros((n * k, 2, m + 2))
    out[:, 0, :m] = x.reshape(n * k, m)
    out[:, 0, m] = out[:, 1, m + 1] = 1.0
    return out


def _single(noise: Noise, picture: Int64, label: Int64, allowed: Bool, cut: float) -> Doubts:
    rows, k = np.arange(len(label)), allowed.shape[1]
    other = np.where(allowed, noise.truth, -1.0)
    other[rows, label] = -1.0
    instead = np.where(other.max(axis=1) >= 0, other.argmax(axis=1), -1).astype(np.int64)
    shown = noise.wrong > cut
    expected = (noise.clean * shown).sum(axis=0)
    strange = np.ones((len(label), k), dtype=bool)
    strange[rows, label] = False
    seen = usual_wrong(noise.clean) > cut
    power = (seen & strange).sum(axis=0) / np.maximum(strange.sum(axis=0), 1)
    return Doubts(picture, label, noise.wrong[rows, label], instead, expected, power, noise.rate)


def _several(noise: Noise, member: Bool, barred: Bool, cut: float) -> Doubts:
    n, k = member.shape
    wrong, clean = noise.wrong[:, 0].reshape(n, k), noise.clean[:, 0].reshape(n, k)
    picture, label = (a.astype(np.int64) for a in np.nonzero(member))
    other = np.where(member | barred, -1.0, clean)[picture]
    instead = np.where(other.max(axis=1) > 0.5, other.argmax(axis=1), -1).astype(np.int64)
    shown = wrong > cut
    seen = usual_wrong(noise.clean)[:, 0].reshape(n, k) > cut
    power = (seen & ~member).sum(axis=0) / np.maximum((~member).sum(axis=0), 1)
    own = wrong[picture, label]
    return Doubts(picture, label, own, instead, (clean * shown).sum(axis=0), power, float((own > cut).mean()))
