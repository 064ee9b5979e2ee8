"""Does a text pick out the pictures of a concept? Measured against texts about nothing, so that knowing shows.

*Fitting*: how far the text points from the pictures of the rivals to those of the concept: the product of its vector
with the difference of mean picture vectors, mean over the rivals (each counts the same). Unlike an AUC this does not
saturate: where two kinds of pictures differ in anything at all, many words tell them apart in every picture, but only
the right ones point all the way. *By chance*: the same of unrelated texts of like length (`analysis.unrelated_texts`);
the p-value is the rank among them. So a model that cannot read a text, or has never seen the thing, gives a middling
p-value and no claim.

*Exchanged*: two texts, each on the wrong side of two concepts. The statistic is the sum of both, which is the product
of the difference of texts with the difference of pictures; by chance it is that of two unrelated texts, each of the
length of the one it stands for. Texts that say nearly the same as either description are left out: that other birds
fit the pictures of birds too does not show what a text does that the model cannot read.

The picking out that is shown to a person is an AUC: a concept's pictures against those of a rival, mean over its
rivals. scipy loads when a function runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.progress import Progress, no_progress
from analysis.statistics import benjamini_hochberg

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

DEFAULT_MOST_RIVALS: Final = 12  # beyond, those that look most alike: they decide
LEAST_RIVALS: Final = 3  # with fewer siblings all other concepts are rivals
LEAST_SAMPLE: Final = 40  # pictures of a concept compared; an AUC is then known to 0.06
MOST_SAMPLE: Final = 150  # to 0.03
PICTURES: Final = 3000  # of all concepts together, between the two: keeps the check within seconds
IN_ORDER: Final = 0.2  # p-value up to which two texts are held to stand where they belong, whatever one does alone
MIDDLE: Final = 0.5  # p-value from which two texts stand no better in one order than in the other
SAYING_THE_SAME: Final = 0.1  # share of unrelated texts, those most like a description: a kind of things is that many
NOTHING: Final = 1e-9  # differences below come from rounding


@dataclass(frozen=True, slots=True)
class Clause:
    """A further text: the concept it belongs to, its vector (d,), and which of the `nulls` it is compared with."""

    owner: int
    vector: Float32
    null: int = 0


@dataclass(frozen=True, slots=True)
class Fit:
    """How descriptions and concepts fit together, for k concepts.

    Attributes:
        rivals: for each concept the positions of those it is compared with.
        auc: (k, k), how well text i picks out concept j among j's rivals, in [0, 1]; nan where i is neither j nor
            one of its rivals.
        p: (k, k), the share of unrelated texts that fit concept j as well as text i, in (0, 1]; 1 where `auc` is nan.
        name_p: (k,), p-value of the concept's bare name for itself.
        p_other: (k,), that a description belongs to a rival instead: uncorrected for the number of concepts, but for
            that of rivals.
        other: (k,), position of that rival; -1 for none.
        clause_p: for each clause the smallest p-value with which it fits its concept or one of the rivals,
            corrected for their number; small where the model can read it.
        astride: (k,), position of the rival whose text, understood as that rival's or as this concept's, stands with
            this description no better in this order than pairs of unrelated texts do in the middle; -1 for none.
    """

    rivals: tuple[tuple[int, ...], ...]
    auc: Float64
    p: Float64
    name_p: Float64
    p_other: Float64
    other: Int64
    clause_p: Float64
    astride: Int64

    @property
    def own_p(self) -> Float64:
        """(k,), p-value of each description for its own concept."""
        return np.asarray(np.diag(self.p))


def choose_rivals(
    joint: Float32, member: Bool, parents: Sequence[str], *, most: int = DEFAULT_MOST_RIVALS
) -> tuple[tuple[int, ...], ...]:
    """Siblings of each concept (all others where there are fewer than `LEAST_RIVALS`), the `most` most alike.

    Args:
        joint: (m, d), L2-normalised. member: bool (m, k), no empty column. parents: of each concept; empty at the top.
        most: rivals at most.
    """
    means = (member.T.astype(np.float64) @ joint) / member.sum(axis=0)[:, None]
    alike = means @ means.T
    out = []
    for j, parent in enumerate(parents):
        others = [i for i in range(len(parents)) if i != j]
        siblings = [i for i in others if parents[i] == parent]
        pool = siblings if len(siblings) >= LEAST_RIVALS else others
        out.append(tuple(sorted(pool, key=lambda i: (-alike[i, j], i))[:most]))
    return tuple(out)


def find_fit(
    joint: Float32,
    member: Bool,
    rivals: tuple[tuple[int, ...], ...],
    texts: Float32,
    names: Float32,
    nulls: Sequence[Float32],
    null_of: Sequence[int],
    *,
    clauses: Sequence[Clause] = (),
    own_limit: float = 0.05,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Fit:
    """Measure each description on its concept and on the rivals.

    Args:
        joint: (m, d), picture vectors in the space of texts, L2-normalised.
        member: bool (m, k), what each picture shows; pictures of two compared concepts are left out of that pair.
        rivals: from `choose_rivals`.
        texts, names: (k, d), vectors of descriptions and of bare names.
        nulls: vectors of unrelated texts, (u, d) each; of texts of one length each, the first of short ones.
        null_of: for each description which of `nulls` are of its length; names are short.
        clauses: further texts.
        own_limit: p-value up to which a description fits its own concept, so that it is not called a rival's for
            fitting that one too. Nor is it where the rival's own text fits so much better that the two stand in order.
        seed: of the draw of pictures for the AUC where a concept has many.
        progress: counts concepts.
    """
    k = member.shape[1]
    drawn = _draw(member, int(np.clip(PICTURES // k, LEAST_SAMPLE, MOST_SAMPLE)), seed)
    means = _Means(joint, member)
    auc, p, name_p = np.full((k, k), np.nan), np.ones((k, k)), np.ones(k)
    clause_p = np.ones(len(clauses))
    for j in range(k):
        progress(j, 2 * k, "reading descriptions beside pictures")
        asked = [j, *rivals[j]]
        auc[asked, j] = _picks_out(joint, drawn, j, rivals[j], texts[asked])
        direction = np.mean([means.difference(j, i) for i in rivals[j]], axis=0)
        chance = [np.sort(null @ direction) for null in nulls]
        p[asked, j] = [_share_above(chance[null_of[i]], float(texts[i] @ direction)) for i in asked]
        name_p[j] = _share_above(chance[0], float(names[j] @ direction))
        for c, clause in enumerate(clauses):
            if j == clause.owner or j in rivals[clause.owner]:
                share = _share_above(chance[clause.null], float(clause.vector @ direction))
                clause_p[c] = min(clause_p[c], (1 + len(rivals[clause.owner])) * share)
    exchanged, partner, in_order = _exchanged(means, rivals, texts, nulls, null_of, progress)
    p_other, other = np.ones(k), np.full(k, -1, dtype=np.int64)
    for i in range(k):
        asked = [j for j in rivals[i] if p[i, i] > own_limit and in_order[i, j] > IN_ORDER]
        tried = [(float(p[i, j]), j) for j in asked]
        for value, j in [*tried, (float(exchanged[i]), int(partner[i]))]:
            corrected = min(1.0, 2 * len(rivals[i]) * value)  # two questions, each asked of every rival
            if j >= 0 and corrected < p_other[i]:
                p_other[i], other[i] = corrected, j
    astride = _astride(rivals, p, in_order, benjamini_hochberg(p_other), own_limit)
    return Fit(rivals, auc, p, name_p, p_other, other, clause_p, astride)


def _astride(
    rivals: tuple[tuple[int, ...], ...], p: Float64, in_order: Float64, p_other: Float64, limit: float
) -> Int64:
    """See `Fit.astride`. Exchanged, two texts in order are out of order: so an exchange is never taken for a fit.

    A rival whose text is held to be another's (`p_other`, here corrected over the concepts) throws no doubt on texts
    that are where they belong.
    """
    out = np.full(len(rivals), -1, dtype=np.int64)
    for j, others in enumerate(rivals):
        understood = [i for i in others if min(p[i, i], p[i, j]) <= limit < p_other[i]]
        known = [i for i in understood if in_order[i, j] >= MIDDLE]
        if known:
            out[j] = max(known, key=lambda i: (in_order[i, j], -i))
    return out


class _Means:
    """Mean vectors of concepts, without the pictures that show both of two."""

    def __init__(self, joint: Float32, member: Bool) -> None:
        self._joint, self._member = joint.astype(np.float64), member
        self._sums, self._counts = member.T.astype(np.float64) @ self._joint, member.sum(axis=0)
        self._overlaps = bool((member.sum(axis=1) > 1).any())

    def difference(self, j: int, i: int) -> Float64:
        """Mean of the pictures of j less that of the pictures of i; zeros where nothing can be compared."""
        of_j, of_i, n_j, n_i = self._sums[j], self._sums[i], self._counts[j], self._counts[i]
        if self._overlaps:
            both = self._member[:, j] & self._member[:, i]
            shared = self._joint[both].sum(axis=0)
            of_j, of_i, n_j, n_i = of_j - shared, of_i - shared, n_j - both.sum(), n_i - both.sum()
        if not n_j or not n_i:
            return np.zeros(self._joint.shape[1])
        return np.asarray(of_j / n_j - of_i / n_i)


def _share_above(chance: Float64, value: float) -> float:
    """p-value: share of the sorted values that are as large, in (0, 1]."""
    return float(1 + len(chance) - np.searchsorted(chance, value - NOTHING)) / (1 + len(chance))


def _exchanged(
    means: _Means,
    rivals: tuple[tuple[int, ...], ...],
    texts: Float32,
    nulls: Sequence[Float32],
    null_of: Sequence[int],
    progress: Progress,
) -> tuple[Float64, Int64, Float64]:
    """(k,), p-value that the text of a concept was exchanged with that of its likeliest partner, and the partner.

    1 and -1 where that partner's own likeliest partner is another: of three texts at most two were exchanged. Third,
    (k, k), the p-value that two texts stand where they belong; 1 where they were not compared.
    """
    k = len(texts)
    in_order = np.ones((k, k))
    apart = [_saying_else(null, texts) for null in nulls]
    best, partner = np.ones(k), np.full(k, -1, dtype=np.int64)
    pairs = {(min(i, j), max(i, j)) for i, others in enumerate(rivals) for j in others}
    for i, j in sorted(pairs):
        progress(k + i, 2 * k, "reading descriptions against one another")
        direction = means.difference(j, i)  # where text i points if it is text j's, and text j away from
        chance_i, chance_j = (nulls[null_of[c]] @ direction for c in (i, j))
        at_i, at_j = np.sort(chance_i), np.sort(chance_j)
        value_i, value_j = float(texts[i] @ direction), float(texts[j] @ direction)
        in_order[i, j] = in_order[j, i] = _share_of_pairs(at_j, at_i, value_j - value_i)
        if value_i <= np.median(at_i) or value_j >= np.median(at_j):
            continue
        else_i, else_j = (apart[null_of[c]][i] & apart[null_of[c]][j] for c in (i, j))
        p = _share_of_pairs(chance_i[else_i], np.sort(chance_j[else_j]), value_i - value_j)
        for one, two in ((i, j), (j, i)):
            if p < best[one]:
                best[one], partner[one] = p, two
    alone = np.array([partner[i] < 0 or partner[partner[i]] != i for i in range(k)], dtype=bool)
    return np.where(alone, 1.0, best), np.where(alone, -1, partner), in_order


def _saying_else(null: Float32, texts: Float32) -> Bool:
    """(k, u), which unrelated texts do not say nearly the same as each description."""
    alike = texts @ null.T
    return np.asarray(alike <= np.quantile(alike, 1 - SAYING_THE_SAME, axis=1, keepdims=True), dtype=bool)


def _share_of_pairs(one: Float64, other: Float64, gained: float) -> float:
    """p-value: share of pairs, one value of each, that differ by at least `gained`, in (0, 1]; `other` is sorted."""
    as_large = int(np.searchsorted(other, one - (gained - NOTHING), side="right").sum())
    return (1 + as_large) / (1 + len(one) * len(other))


def _draw(member: Bool, sample: int, seed: int) -> list[Int64]:
    rng = np.random.default_rng(seed)
    out = []
    for j in range(member.shape[1]):
        rows = np.flatnonzero(member[:, j])
        out.append(np.sort(rng.choice(rows, sample, replace=False)) if len(rows) > sample else rows)
    return out


def _picks_out(joint: Float32, drawn: list[Int64], j: int, rivals: Sequence[int], texts: Float32) -> Float64:
    """Mean over rivals of the AUC of each text, concept `j` against the rival; 0.5 where nothing can be compared."""
    out, counted = np.zeros(len(texts)), 0
    for i in rivals:
        both = np.intersect1d(drawn[i], drawn[j])
        a, b = np.setdiff1d(drawn[j], both), np.setdiff1d(drawn[i], both)
        if not len(a) or not len(b):
            continue
        rows, counted = np.concatenate([a, b]), counted + 1
        order = np.argsort(texts @ joint[rows].T, axis=1)
        below = ((order < len(a)) @ np.arange(len(rows))) - len(a) * (len(a) - 1) / 2
        out += below / (len(a) * len(b))
    return out / counted if counted else np.full(len(texts), 0.5)


def label_fit(
    joint: Float32,
    member: Bool,
    texts: Float32,
    readable: Bool,
    rivals: tuple[tuple[int, ...], ...],
    clauses: Sequence[Clause] = (),
) -> tuple[Float64, Int64]:
    """How well each picture fits the description of each of its concepts, beside those of the rivals.

    Similarities are standardised over the pictures of concept and rivals for each text, then turned into shares by the
    softmax that explains the labels best (one temperature a concept, by maximum likelihood: Guo et al. 2017).

    Args:
        joint, member, texts, rivals: as in `find_fit`.
        readable: bool (k,), concepts whose description picks out its pictures; only these are judged, and only these
            are rivals.
        clauses: texts that say what does not belong to a concept: further rivals of it, all readable.

    Returns:
        float64 (m, k) in [0, 1], nan where a picture has not that label or the concept is not readable; and
        int64 (m, k), the rival that fits best, -1 likewise; k + c for the clause c.
    """
    m, k = member.shape
    score, best = np.full((m, k), np.nan), np.full((m, k), -1, dtype=np.int64)
    for j in np.flatnonzero(readable):
        others = [i for i in rivals[j] if readable[i]]
        mine_too = [c for c, clause in enumerate(clauses) if clause.owner == j]
        if not others:
            continue
        of = [int(j), *others]
        rows = np.flatnonzero(member[:, of].any(axis=1))
        vectors = np.concatenate([texts[of], *(clauses[c].vector[None] for c in mine_too)])
        similar = (joint[rows] @ vectors.T).astype(np.float64)
        z = (similar - similar.mean(axis=0)) / np.maximum(similar.std(axis=0), 1e-9)
        shares = _softmax(z * _sharpness(z[:, : len(of)], member[rows][:, of]))
        mine = member[rows, j]
        score[rows[mine], j] = shares[mine, 0]
        codes = np.array([*others, *(member.shape[1] + c for c in mine_too)])
        best[rows[mine], j] = codes[shares[mine, 1:].argmax(axis=1)]
    return score, best


def _softmax(z: Float64) -> Float64:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _sharpness(z: Float64, shown: Bool) -> float:
    """Factor on z under which the labels are likeliest, in [0, 20]; each concept counts the same."""
    from scipy.optimize import minimize_scalar

    weight = (shown / np.maximum(shown.sum(axis=0), 1)).sum(axis=1)

    def loss(factor: float) -> float:
        return float(-(weight * np.log((_softmax(factor * z) * shown).sum(axis=1) + 1e-12)).sum())

    return float(minimize_scalar(loss, bounds=(0.0, 20.0), method="bounded").x)
