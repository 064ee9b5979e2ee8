"""Why did it say that? The places of one picture that a wrong score rests on, and the positives that taught it.

A linear probe is fitted on the training pictures as a model on top of this one would be. For one picture and one
concept each place is hidden in turn (the mean of the others takes its place: occlusion, Zeiler and Fergus 2014,
doi:10.1007/978-3-319-10590-1_53); the places whose hiding lowers the score most are responsible, as few as bring the
score below one half. Connected places are a part; a part is looked for in every training picture by its most
similar place. scikit-learn and scipy load when a function runs, not on import.
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
from analysis.probe import DEFAULT_C, targets
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


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was learnt from the training pictures.

    Attributes:
        rows: int64 (m,), rows of `Dataset.images`.
        classes: k names.
        member: bool (m, k).
        maps: of these pictures.
        x: float32 (m, f), pooled, L2-normalised.
        space: where probes are fitted.
        weight, bias: float64 (k, f) and (k,), logits of all classes at once; the largest is the answer.
    """

    rows: Int64
    classes: tuple[str, ...]
    member: Bool
    maps: LocalMaps
    x: Float32
    space: Space
    weight: Float64
    bias: Float64

    def answer(self, x: NDArray[np.floating]) -> Float64:
        """float64 (q, k), probability of each class for pooled, L2-normalised features (q, f)."""
        from scipy.special import softmax

        out: Float64 = softmax(np.asarray(x, dtype=np.float64) @ self.weight.T + self.bias, axis=1)
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
    """Learn from the training pictures; None where they have fewer than two concepts."""
    from sklearn.linear_model import LogisticRegression

    target = targets(dataset)
    if len(target.classes) < 2:
        return None
    chosen = stratified(target.member, PICTURES, np.random.default_rng(seed))
    rows, member = target.rows[chosen], target.member[chosen]
    maps = read_maps(pictures, rows, seed=seed, progress=progress)
    x = maps.pooled()
    space = probe_space(x, len(x), seed=seed)
    first = member.argmax(axis=1)
    model = LogisticRegression(C=DEFAULT_C, max_iter=500, class_weight="balanced").fit(space.z, first)
    coefficients, intercept = model.coef_, model.intercept_
    if len(coefficients) == 1:  # two classes
        coefficients, intercept = np.vstack([-coefficients, coefficients]) / 2, np.r_[-intercept, intercept] / 2
    weight, bias = np.zeros((len(target.classes), x.shape[1])), np.full(len(target.classes), -np.inf)
    weight[model.classes_] = coefficients @ space.basis
    bias[model.classes_] = intercept - weight[model.classes_] @ space.mean
    return Learnt(rows, target.classes, member, maps, x, space, weight, bias)


def explain(learnt: Learnt, local: NDArray[np.floating], concept: str, *, without: int | None = None) -> Why:
    """Say why a picture scores as `concept`.

    Args:
        learnt: see `learn`.
        local: (rows, columns, f), the picture's features per location.
        concept: one of `learnt.classes`.
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
    """Labelled pictures for which another concept than theirs is the answer: row, that concept, its probability.

    Real-world pictures where there are any (up to `most`), else training pictures, answered by a probe that has not
    seen them; the most confident first.
    """
    from analysis.dataset import REAL_WORLD
    from analysis.probe import out_of_fold

    real = targets(dataset, REAL_WORLD)
    known = [c for c in real.classes if c in learnt.classes]
    if known:
        rows = real.rows[real.member[:, [real.classes.index(c) for c in known]].any(axis=1)][:most]
        x = np.stack(
            [pooled(one) for at in range(0, len(rows), 64) for one in pictures.local_features(rows[at : at + 64])]
        )
        answer = learnt.answer(x)
        own = [{real.classes[c] for c in np.flatnonzero(real.member[i])} for i in np.searchsorted(real.rows, rows)]
    else:
        rows, answer = learnt.rows, out_of_fold(learnt.space.z, learnt.member)
        own = [{learnt.classes[c] for c in np.flatnonzero(of)} for of in learnt.member]
    best = answer.argmax(axis=1)
    out = [(int(r), learnt.classes[b], float(a[b])) for r, b, a in zip(rows, best, answer, strict=True)]
    return sorted((o for o, of in zip(out, own, strict=True) if o[1] not in of), key=lambda o: -o[2])
