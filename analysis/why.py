"""Why did it say that? The places of one picture that a wrong score rests on, and the positives that taught it.

A linear probe is fitted on the training pictures as a model on top of this one would be. For one picture and one
concept each place is hidden in turn (the mean of the others takes its place: occlusion, Zeiler and Fergus 2014,
doi:10.1007/978-3-319-10590-1_53); the places whose hiding lowers the score most are responsible, as few as bring the
score below one half. Connected places are a part; a part is looked for in every training picture by its most
similar place. Where pictures carry several concepts, each is learnt by itself, from those that carry it against those
that do not; one that every picture carries cannot be learnt. scikit-learn and scipy load when a function runs, not on
import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from analysis.companion_pool import stratified
from analysis.dataset import Dataset
from analysis.elements import LocalMaps, best_limit, read_maps
from analysis.embedders.base import l2_normalised
from analysis.hiding import Scorer, Space, fit_scorer, hidden, probe_space
from analysis.probe import DEFAULT_C, out_of_fold, stratified_folds, targets
from analysis.progress import Progress, no_progress

if TYPE_CHECKING:
    from analysis.features import Pictures

Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

PICTURES: Final = 1200  # training pictures learnt from, the same number of each concept
NEAREST: Final = 8
PARTS: Final = 4
MOST: Final = 0.5  # share of the places that may be called responsible
DRAWS: Final = 32  # random choices of as many places, for comparison
LACKING: Final = 20  # pictures without a concept that are learnt from at least, where there are as many


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was learnt from the training pictures.

    Attributes:
        rows: int64 (m,), rows of `Dataset.images`.
        classes: k names of what can be learnt.
        everywhere: names of what every picture carries: without one that lacks it there is nothing to learn it from.
        member: bool (m, k).
        single: whether each picture carries exactly one of `classes`, so that they compete for the answer.
        maps: of these pictures.
        x: float32 (m, f), pooled, L2-normalised.
        space: where probes are fitted.
        weight, bias: float64 (k, f) and (k,), logits: of all classes at once where `single`, and the largest is the
            answer; else of each against the pictures without it, and each of one half or more is an answer.
    """

    rows: Int64
    classes: tuple[str, ...]
    everywhere: tuple[str, ...]
    member: Bool
    single: bool
    maps: LocalMaps
    x: Float32
    space: Space
    weight: Float64
    bias: Float64

    def answer(self, x: NDArray[np.floating]) -> Float64:
        """float64 (q, k), probability of each class for pooled, L2-normalised features (q, f).

        Rows sum to 1 where `single`.
        """
        from scipy.special import expit, softmax

        logit = np.asarray(x, dtype=np.float64) @ self.weight.T + self.bias
        out: Float64 = softmax(logit, axis=1) if self.single else expit(logit)
        return out


@dataclass(frozen=True, slots=True)
class Part:
    """Connected places that the score rests on.

    Attributes:
        cells: bool (l,).
        alone: what hiding this part alone takes from the probability.
        in_concept, in_others: share of the concept's training pictures, and of the others, that have a place like it.
        matches: bool (m, l), places of the training pictures that are like it.
    """

    cells: Bool
    alone: float
    in_concept: float
    in_others: float
    matches: Bool


@dataclass(frozen=True, slots=True)
class Why:
    """The answer for one picture and one concept.

    Attributes:
        concept: its name.
        score: probability of the concept, in [0, 1].
        effect: float64 (l,), how far the logit falls when a place is hidden.
        responsible: bool (l,), the fewest places that bring the score below one half (at most half of all).
        after: the probability without them; `random`: without as many random ones, on average.
        parts: the responsible places, by what they cost, at most `PARTS`.
        nearest: int64, positions in `Learnt.rows` of the concept's pictures most like this one.
    """

    concept: str
    score: float
    effect: Float64
    responsible: Bool
    after: float
    random: float
    parts: tuple[Part, ...]
    nearest: Int64


def learn(dataset: Dataset, pictures: Pictures, *, seed: int = 0, progress: Progress = no_progress) -> Learnt | None:
    """Learn from the training pictures; None where no concept has pictures with it and pictures without it."""
    target = targets(dataset)
    lacking = np.asarray(~target.member.all(axis=0))
    if not lacking.any():
        return None
    classes = tuple(c for c, some in zip(target.classes, lacking.tolist(), strict=True) if some)
    everywhere = tuple(c for c in target.classes if c not in classes)
    chosen = _chosen(target.member, seed)
    rows, member = target.rows[chosen], target.member[np.ix_(chosen, np.flatnonzero(lacking))]
    maps = read_maps(pictures, rows, seed=seed, progress=progress)
    x = maps.pooled()
    space = probe_space(x, len(x), seed=seed)
    single = bool((member.sum(axis=1) == 1).all())
    weight, bias = _compete(space, member) if single else _each_alone(space, member)
    return Learnt(rows, classes, everywhere, member, single, maps, x, space, weight, bias)


def _chosen(member: Bool, seed: int) -> Int64:
    """Positions of the pictures to learn from: as many of each class, and some that lack it.

    Where pictures carry several concepts, those chosen for the others may all carry a common one.
    """
    rng = np.random.default_rng(seed)
    chosen = stratified(member, PICTURES, rng)
    for column in member.T:
        if column[chosen].all():  # nothing is added for what every picture carries
            chosen = np.union1d(chosen, rng.permutation(np.flatnonzero(~column))[:LACKING])
    return chosen


def _compete(space: Space, member: Bool) -> tuple[Float64, Float64]:
    """Weights and biases on features, of all classes at once; each picture carries one."""
    from sklearn.linear_model import LogisticRegression

    first = member.argmax(axis=1)
    model = LogisticRegression(C=DEFAULT_C, max_iter=500, class_weight="balanced").fit(space.z, first)
    coefficients, intercept = model.coef_, model.intercept_
    if len(coefficients) == 1:  # two classes
        coefficients, intercept = np.vstack([-coefficients, coefficients]) / 2, np.r_[-intercept, intercept] / 2
    weight = coefficients @ space.basis
    return weight, intercept - weight @ space.mean


def _each_alone(space: Space, member: Bool) -> tuple[Float64, Float64]:
    """Weights and biases on features, of each class against the pictures that do not carry it."""
    every = np.arange(len(member), dtype=np.int64)
    scorers = [fit_scorer(space, every, column) for column in member.T]
    return np.stack([s.weight for s in scorers]), np.array([s.bias for s in scorers])


def untaught(learnt: Learnt, concept: str, *, without: int | None = None) -> str:
    """Why `explain` cannot be asked, in a sentence; empty where it can.

    Args:
        learnt: see `learn`.
        concept: one of `learnt.classes` or `learnt.everywhere`.
        without: as of `explain`.
    """
    if concept in learnt.everywhere:
        return "Every training picture carries it, so nothing shows what a picture without it looks like."
    positive = np.delete(learnt.member[:, learnt.classes.index(concept)], [] if without is None else without)
    if not positive.any():
        return "No other training picture carries it, so there is nothing to learn it from."
    if positive.all():
        return "Every other training picture carries it, so nothing shows what a picture without it looks like."
    return ""


def explain(learnt: Learnt, local: NDArray[np.floating], concept: str, *, without: int | None = None) -> Why:
    """Say why a picture scores as `concept`.

    Args:
        learnt: see `learn`.
        local: (rows, columns, f), the picture's features per location.
        concept: one of `learnt.classes` of which `untaught` says nothing.
        without: position in `learnt.rows` of the picture itself, which then is not learnt from.
    """
    positive = learnt.member[:, learnt.classes.index(concept)]
    taught = np.delete(np.arange(len(positive)), [] if without is None else without)
    scorer = fit_scorer(learnt.space, taught, positive[taught])
    flat = np.asarray(local, dtype=np.float32).reshape(-1, local.shape[-1])
    x = hidden(flat, np.zeros(len(flat), dtype=bool))
    before = float(scorer.logit(x[None])[0])
    effect = before - scorer.logit(hidden(flat, np.eye(len(flat), dtype=bool)))
    responsible = _fewest(flat, effect, scorer)
    rng = np.random.default_rng(0)
    draws = rng.random((DRAWS, len(flat))).argsort(axis=1) < responsible.sum()
    nearest = taught[positive[taught]]
    return Why(
        concept=concept,
        score=float(scorer.probability(x[None])[0]),
        effect=effect,
        responsible=responsible,
        after=float(scorer.probability(hidden(flat, responsible)[None])[0]),
        random=float(scorer.probability(hidden(flat, draws)).mean()),
        parts=_parts(learnt, flat, effect, responsible, positive, scorer, taught),
        nearest=nearest[np.argsort(-(learnt.x[nearest] @ x), kind="stable")[:NEAREST]],
    )


def _fewest(flat: Float32, effect: Float64, scorer: Scorer) -> Bool:
    """The places of largest effect, as few as bring the score below one half; those that add nothing never."""
    order = np.argsort(-effect, kind="stable")
    order = order[effect[order] > 0][: max(1, int(MOST * len(effect)))]
    masks = np.zeros((len(order), len(effect)), dtype=bool)
    for i in range(len(order)):
        masks[i:, order[i]] = True
    if not len(order):
        return np.zeros(len(effect), dtype=bool)
    below = np.flatnonzero(scorer.probability(hidden(flat, masks)) < 0.5)
    out: Bool = masks[int(below[0]) if len(below) else len(order) - 1]
    return out


def _parts(
    learnt: Learnt, flat: Float32, effect: Float64, responsible: Bool, positive: Bool, scorer: Scorer, taught: Int64
) -> tuple[Part, ...]:
    from scipy.ndimage import label

    labels, count = label(responsible.reshape(learnt.maps.grid))
    whole = float(scorer.probability(hidden(flat, np.zeros(len(flat), dtype=bool))[None])[0])
    groups = sorted((labels.ravel() == i + 1 for i in range(count)), key=lambda g: -float(effect[g].sum()))
    out = []
    for cells in groups[:PARTS]:
        centre = learnt.maps.reduce(flat[cells].mean(axis=0)[None])[0]
        similarity = learnt.maps.reduced @ centre
        best = similarity.max(axis=1)
        limit = best_limit(best[taught][positive[taught]], best[taught][~positive[taught]])
        has = best >= limit
        out.append(
            Part(
                cells=cells,
                alone=whole - float(scorer.probability(hidden(flat, cells)[None])[0]),
                in_concept=float(has[taught][positive[taught]].mean()),
                in_others=float(has[taught][~positive[taught]].mean()),
                matches=similarity >= limit,
            )
        )
    return tuple(out)


def local_features_of(pictures: Pictures, row: int) -> Float32:
    """float32 (rows, columns, f) of one picture of the dataset."""
    out: Float32 = pictures.local_features(np.array([row]))[0]
    return out


def pooled(local: NDArray[np.floating]) -> Float32:
    """float32 (f,), L2-normalised: the whole picture of (rows, columns, f)."""
    return l2_normalised(np.asarray(local, dtype=np.float32).reshape(-1, local.shape[-1]).mean(axis=0))


def wrong_answers(
    learnt: Learnt, dataset: Dataset, pictures: Pictures, *, most: int = 400
) -> list[tuple[int, str, float]]:
    """Labelled pictures for which a concept that they do not carry is an answer: row, that concept, its probability.

    Where each picture carries one concept, the likeliest is its answer. Where they carry several, everything of one
    half or more is, and the likeliest of what is wrong is named. Real-world pictures where there are any (up to
    `most`), else training pictures, answered by a probe that has not seen them; the most confident first.
    """
    from analysis.dataset import REAL_WORLD

    real = targets(dataset, REAL_WORLD)
    carried = np.zeros((len(real.rows), len(learnt.classes)), dtype=bool)
    for k, concept in enumerate(learnt.classes):
        if concept in real.classes:
            carried[:, k] = real.member[:, real.classes.index(concept)]
    told = np.flatnonzero(carried.any(axis=1))[:most]
    if len(told):
        rows, carried = real.rows[told], carried[told]
        x = np.stack(
            [pooled(one) for at in range(0, len(rows), 64) for one in pictures.local_features(rows[at : at + 64])]
        )
        answer = learnt.answer(x)
    else:
        rows, carried = learnt.rows, learnt.member
        answer = out_of_fold(learnt.space.z, carried) if learnt.single else _held_out(learnt)
    wrong = np.where(carried, -1.0, answer)
    best = wrong.argmax(axis=1)
    top = wrong.max(axis=1)
    said = top > np.where(carried, answer, -1.0).max(axis=1) if learnt.single else top >= 0.5
    out = [(int(rows[i]), learnt.classes[best[i]], float(top[i])) for i in np.flatnonzero(said)]
    return sorted(out, key=lambda o: -o[2])


def _held_out(learnt: Learnt) -> Float64:
    """float64 (m, k), probability of each class for the pictures learnt from, by a scorer that has not seen the
    picture; 0 where the others do not teach the class."""
    out = np.zeros(learnt.member.shape)
    for k, positive in enumerate(learnt.member.T):
        for train, held in stratified_folds(positive.astype(np.int64), 5, 0):
            if 0 < positive[train].sum() < len(train):
                out[held, k] = fit_scorer(learnt.space, train, positive[train]).probability(learnt.x[held])
    return out
