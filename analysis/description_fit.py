"""Does a text pick out the pictures of a concept? Measured against texts about nothing, so that knowing shows.

*Picking out*: the AUC of the similarity between text and pictures, a concept's pictures against those of a rival, mean
over its rivals (each counts the same). *By chance*: the same of some 1,500 unrelated texts
(`analysis.unrelated_texts`); the p-value is the rank among them. So a model that cannot read a text, or
has never seen the thing, gives a middling p-value and no claim. Two descriptions that were exchanged pick out each
other's pictures: both p-values together by Fisher's method (1932). scipy loads when a function runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.progress import Progress, no_progress

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

DEFAULT_MOST_RIVALS: Final = 12  # beyond, those that look most alike: they decide
LEAST_RIVALS: Final = 3  # with fewer siblings all other concepts are rivals
LEAST_SAMPLE: Final = 40  # pictures of a concept compared; an AUC is then known to 0.06
MOST_SAMPLE: Final = 150  # to 0.03
PICTURES: Final = 3000  # of all concepts together, between the two: keeps the check within seconds
TEXTS_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class Fit:
    """How descriptions and concepts fit together, for k concepts.

    Attributes:
        rivals: for each concept the positions of those it is compared with.
        auc: (k, k), how well text i picks out concept j among j's rivals, in [0, 1]; nan where i is neither j nor
            one of its rivals.
        p: (k, k), likewise the share of unrelated texts that do so as well, in (0, 1].
        name_p: (k,), p-value of the concept's bare name for itself.
        p_other: (k,), that a description belongs to a rival instead: uncorrected for the number of concepts, but for
            that of rivals; 1 where the own concept is picked out.
        other: (k,), position of that rival; -1 for none.
        clause_p: for each clause the smallest p-value with which it picks out its concept or one of the rivals,
            corrected for their number; small where the model can read it.
    """

    rivals: tuple[tuple[int, ...], ...]
    auc: Float64
    p: Float64
    name_p: Float64
    p_other: Float64
    other: Int64
    clause_p: Float64

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
    unrelated: Float32,
    *,
    clauses: Sequence[tuple[int, Float32]] = (),
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
        unrelated: (u, d), vectors of unrelated texts.
        clauses: further texts, each with the position of the concept it belongs to and its vector (d,).
        own_limit: p-value up to which a description picks out its own concept, whatever else it does.
        seed: of the draw of pictures where a concept has many.
        progress: counts concepts.
    """
    from scipy.stats import chi2

    k = member.shape[1]
    drawn = _draw(member, int(np.clip(PICTURES // k, LEAST_SAMPLE, MOST_SAMPLE)), seed)
    auc, p, name_p = np.full((k, k), np.nan), np.ones((k, k)), np.ones(k)
    clause_p = np.ones(len(clauses))
    for j in range(k):
        progress(j, k, "reading descriptions beside pictures")
        asked = [j, *rivals[j]]
        chance = np.sort(_picks_out(joint, drawn, j, rivals[j], unrelated))
        here = [c for c, (owner, _) in enumerate(clauses) if j == owner or j in rivals[owner]]
        every = [texts[asked], names[[j]], *(clauses[c][1][None] for c in here)]
        found = _picks_out(joint, drawn, j, rivals[j], np.concatenate(every))
        ranked = (1.0 + len(chance) - np.searchsorted(chance, found - 1e-9)) / (1.0 + len(chance))
        own = len(asked)
        auc[asked, j], p[asked, j], name_p[j] = found[:own], ranked[:own], float(ranked[own])
        for c, q in zip(here, ranked[own + 1 :], strict=True):
            clause_p[c] = min(clause_p[c], (1 + len(rivals[clauses[c][0]])) * float(q))
    p_other, other = np.ones(k), np.full(k, -1, dtype=np.int64)
    for i in range(k):
        for j in rivals[i]:
            if p[i, i] <= own_limit or np.isnan(auc[i, j]):
                continue
            exchanged = float(chi2.sf(-2 * np.log(p[i, j] * p[j, i]), 4)) if not np.isnan(auc[j, i]) else 1.0
            # two questions, each asked of every rival
            corrected = min(1.0, 2 * len(rivals[i]) * min(float(p[i, j]), exchanged))
            if corrected < p_other[i]:
                p_other[i], other[i] = corrected, j
    return Fit(rivals, auc, p, name_p, p_other, other, clause_p)


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
        x, counted = joint[np.concatenate([a, b])], counted + 1
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            order = np.argsort(texts[start : start + TEXTS_AT_ONCE] @ x.T, axis=1)
            below = ((order < len(a)) @ np.arange(len(x))) - len(a) * (len(a) - 1) / 2
            out[start : start + TEXTS_AT_ONCE] += below / (len(a) * len(b))
    return out / counted if counted else np.full(len(texts), 0.5)


def label_fit(
    joint: Float32,
    member: Bool,
    texts: Float32,
    readable: Bool,
    rivals: tuple[tuple[int, ...], ...],
    clauses: Sequence[tuple[int, Float32]] = (),
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
        mine_too = [c for c, (owner, _) in enumerate(clauses) if owner == j]
        if not others:
            continue
        of = [int(j), *others]
        rows = np.flatnonzero(member[:, of].any(axis=1))
        vectors = np.concatenate([texts[of], *(clauses[c][1][None] for c in mine_too)])
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
