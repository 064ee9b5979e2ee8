"""How well pictures of two concepts can be told apart: the chance of being right when shown one picture of each.

That chance is the area under the ROC curve (AUC; Hanley and McNeil 1982), of a ridge regression on the pair's own
pictures, asked only about pictures it has not seen. 0.5 is guessing. Held-out predictions have a closed form, so
labels can be permuted hundreds of times at the cost of one fit. Near-identical pictures are held out together and
count once. Intervals and limits come from the score method with Hanley and McNeil's variance (Newcombe 2006,
doi:10.1002/sim.2324). scipy loads when a function runs, not on import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.progress import Progress, no_progress

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

SIDE: Final = 250  # pictures of each concept of a pair, at most, drawn at random
FOLDS: Final = 5
REPEATS: Final = 4  # divisions into folds that the AUC is averaged over
RIDGE: Final = 1.0  # on kernels with 1 on the diagonal; less follows wrong labels, more blurs fine differences
IDENTICAL: Final = 0.98  # cosine from which two pictures count as one
CLOSEST: Final = 3  # others examined for each concept where not all pairs are
ENOUGH: Final = 8  # pictures of a class: those with fewer come last where not all pairs are examined
EVERY_PAIR_UP_TO: Final = 28  # pairs: 8 concepts
PERMUTATIONS: Final = 199
NEIGHBOURS: Final = 5
STRICT: Final = 0.01  # p-value from which labels surely say something
NOISE_AT_MOST: Final = 0.35  # share of wrong labels up to which groups that can be seen still show through


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair of concepts.

    Attributes:
        a, b: columns of the classes. n_a, n_b: different pictures of each that were used (copies count once).
        auc: in [0, 1]; `low`, `high`: its 95 % interval.
        p_chance: permutation p-value of "the labels say nothing about the pictures".
        conflict: share of the nearest pictures that carry the other label, over what chance expects (1: chance).
        groups: whether the pictures fall into two groups that can be seen and that most labels follow (the rest
            are then wrong labels, and not a sign that the two look alike).
        rows: int64, positions of the pictures; `is_a` bool; `score` float64, higher: more like `a`.
    """

    a: int
    b: int
    n_a: int
    n_b: int
    auc: float
    low: float
    high: float
    p_chance: float
    conflict: float
    groups: bool
    rows: Int64
    is_a: Bool
    score: Float64


def spread_at(auc: float | Float64, m: int, n: int) -> Float64:
    """Standard error of an AUC estimated from m and n pictures when the true one is `auc`."""
    theta = np.asarray(auc, dtype=np.float64)
    more = ((m + n) / 2 - 1) * ((1 - theta) / (2 - theta) + theta / (1 + theta))
    out: Float64 = np.sqrt(np.maximum(theta * (1 - theta) * (1 + more) / (m * n), 0.0))
    return out


def interval(auc: float, m: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """All true values that would not be rejected by the estimate, at 95 % by default."""
    grid = np.linspace(0.0, 1.0, 2001)
    kept = grid[np.abs(grid - auc) <= z * spread_at(grid, m, n) + 1e-9]
    return (float(min(kept.min(), auc)), float(max(kept.max(), auc))) if len(kept) else (auc, auc)


def p_below(auc: float, limit: float, m: int, n: int) -> float:
    """One-sided p-value of "the true AUC is `limit` or more"."""
    from scipy.stats import norm

    return float(norm.cdf((auc - limit) / max(float(spread_at(limit, m, n)), 1e-9)))


def auc_of(score: Float64, is_a: Bool) -> Float64:
    """AUC of each column of scores (n, p) for labels (n, p); nan where a column has one label only."""
    from scipy.stats import rankdata

    m = is_a.sum(axis=0)
    n = len(is_a) - m
    ranks = rankdata(score, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        out: Float64 = ((ranks * is_a).sum(axis=0) - m * (m + 1) / 2) / (m * n)
    return out


def identical_groups(x: Float32 | Float64) -> Int64:
    """int64 (n,): a number for each set of pictures that are linked by near-identity."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    return np.asarray(
        connected_components(csr_matrix((x @ x.T >= IDENTICAL).astype(np.int8)), directed=False)[1], dtype=np.int64
    )


def _folds(is_a: Bool, group: Int64, rng: np.random.Generator) -> Int64:
    """Fold of each picture: sets of identical pictures stay together, each label is dealt out evenly."""
    first = np.unique(group, return_index=True)[1]
    order = rng.permutation(first)
    order = order[np.argsort(is_a[order], kind="stable")]
    fold_of_group = np.empty(len(first), dtype=np.int64)
    fold_of_group[group[order]] = np.arange(len(order)) % FOLDS
    out: Int64 = fold_of_group[group]
    return out


def _held_out(inverse: Float64, y: Float64, fold: Int64) -> Float64:
    """Predictions for held-out pictures for each column of y (n, p), from the inverse of kernel + ridge."""
    out = np.empty_like(y)
    solved = inverse @ y
    for f in np.unique(fold):
        at = np.flatnonzero(fold == f)
        out[at] = y[at] - np.linalg.solve(inverse[np.ix_(at, at)], solved[at])
    return out


def _auc_in_folds(score: Float64, is_a: Bool, fold: Int64) -> Float64:
    total, weight = np.zeros(score.shape[1]), np.zeros(score.shape[1])
    for f in np.unique(fold):
        at = fold == f
        m = is_a[at].sum(axis=0)
        w = m * (at.sum() - m)
        total += np.where(w > 0, np.nan_to_num(auc_of(score[at], is_a[at])) * w, 0.0)
        weight += w
    out: Float64 = np.where(weight > 0, total / np.maximum(weight, 1), 0.5)
    return out


def tell_apart(
    x: Float32, rows_a: Int64, rows_b: Int64, *, a: int = 0, b: int = 1, seed: int = 0, permutations: int = PERMUTATIONS
) -> Pair:
    """Examine one pair.

    Args:
        x: float32 (m, f), L2-normalised vectors.
        rows_a, rows_b: their rows, disjoint, at least one each.
        a, b: names (columns) that go into the result.
        seed: of samples, folds and permutations.
        permutations: of the labels, for `p_chance`.
    """
    rng = np.random.default_rng((seed, a, b))
    rows_a, rows_b = (np.sort(rng.choice(r, SIDE, replace=False)) if len(r) > SIDE else r for r in (rows_a, rows_b))
    rows = np.concatenate([rows_a, rows_b])
    is_a = np.arange(len(rows)) < len(rows_a)
    z = np.asarray(x[rows], dtype=np.float64)
    group = identical_groups(z)
    z = z - z.mean(axis=0)
    kernel = z @ z.T
    kernel /= max(float(np.trace(kernel)) / len(rows), 1e-12)
    inverse = np.linalg.inv(kernel + RIDGE * np.eye(len(rows)))
    sign = np.where(is_a, 1.0 / len(rows_a), -1.0 / len(rows_b)) * len(rows) / 2
    score, values, p_chance = np.zeros(len(rows)), [], 1.0
    for repeat in range(REPEATS):
        fold = _folds(is_a, group, rng)
        labels, y = is_a[:, None], sign[:, None]
        if repeat == 0 and permutations:
            shuffled = _permuted(is_a, fold, permutations, rng)
            labels = np.concatenate([labels, shuffled], axis=1)
            y = np.where(labels, sign.max(), sign.min())
        held = _held_out(inverse, y, fold)
        found = _auc_in_folds(held, labels, fold)
        values.append(float(found[0]))
        score += held[:, 0] / REPEATS
        if repeat == 0 and permutations:
            p_chance = float((1 + (found[1:] >= found[0] - 1e-12).sum()) / (1 + permutations))
    n_a, n_b = len(np.unique(group[is_a])), len(np.unique(group[~is_a]))
    auc = float(np.mean(values))
    low, high = interval(auc, n_a, n_b)
    return Pair(
        a, b, n_a, n_b, auc, low, high, p_chance,
        _conflict(kernel, is_a, group), _two_groups(kernel, is_a, p_chance, auc, rng), rows, is_a, score,
    )  # fmt: skip


def _permuted(is_a: Bool, fold: Int64, count: int, rng: np.random.Generator) -> Bool:
    """Labels (n, count) exchanged within each fold, so that every fold keeps its share."""
    out = np.repeat(is_a[:, None], count, axis=1)
    for f in np.unique(fold):
        at = np.flatnonzero(fold == f)
        out[at] = rng.permuted(out[at], axis=0)
    return out


def _conflict(kernel: Float64, is_a: Bool, group: Int64) -> float:
    """Share of the nearest pictures with the other label, over the share chance expects, each label weighing alike."""
    norm = np.sqrt(np.maximum(np.diag(kernel), 1e-12))
    alike = kernel / norm[:, None] / norm[None, :]
    alike[group[:, None] == group[None, :]] = -np.inf
    k = min(NEIGHBOURS, len(is_a) - 1)
    near = np.argsort(-alike, axis=1, kind="stable")[:, :k]
    other = (is_a[near] != is_a[:, None]).mean(axis=1)
    share = is_a.mean()
    expected = 2 * share * (1 - share) * len(is_a) / max(len(is_a) - 1, 1)
    return float(other.mean() / max(expected, 1e-9))


def _two_groups(kernel: Float64, is_a: Bool, p_chance: float, auc: float, rng: np.random.Generator) -> bool:
    """Whether two groups that can be told apart carry what the labels say (wrong labels, not likeness).

    Self-training: each picture is given the label its held-out prediction says, a few times over. Groups count where
    the last labels are told apart nearly always, most given labels follow them, and the given labels are not chance.
    """
    if len(is_a) < 20 or p_chance > STRICT or auc >= 0.9:
        return False
    inverse = np.linalg.inv(kernel + RIDGE * np.eye(len(is_a)))
    alone = np.arange(len(is_a))
    now, held = is_a, np.zeros(len(is_a))
    for step in range(5):
        if now.all() or not now.any():
            return False
        y = np.asarray(np.where(now, 1.0 / now.sum(), -1.0 / (~now).sum()) * len(now) / 2, dtype=np.float64)
        held = _held_out(np.asarray(inverse, dtype=np.float64), y[:, None], _folds(now, alone, rng))[:, 0]
        before, now = now, held > (0.0 if step else np.median(held))
    agree = (now[is_a].mean() + (~now[~is_a]).mean()) / 2
    return bool((before == now).mean() >= 0.93 and agree >= 1 - NOISE_AT_MOST - 0.03)


def closest_pairs(x: Float32, member: Bool, *, seed: int = 0) -> list[tuple[int, int]]:
    """The pairs worth examining: all where they are few, else for each class its `CLOSEST` others.

    How close is judged by the AUC of held-out pictures between the two classes' means. A class with fewer than
    `ENOUGH` pictures is nobody's closest while others are left: how close it is, is luck.
    """
    k = member.shape[1]
    every = [(a, b) for a in range(k) for b in range(a + 1, k)]
    if len(every) <= EVERY_PAIR_UP_TO:
        return every
    rng = np.random.default_rng(seed)
    chosen = [np.flatnonzero(member[:, c]) for c in range(k)]
    chosen = [rng.choice(r, SIDE, replace=False) if len(r) > SIDE else r for r in chosen]
    half = [(r[::2], r[1::2] if len(r) > 1 else r) for r in (rng.permutation(r) for r in chosen)]
    near = np.ones((k, k))
    score: list[list[Float64]] = []
    for part in (0, 1):
        means = np.stack([x[h[1 - part]].mean(axis=0) for h in half])
        bias = 0.5 * (means**2).sum(axis=1)
        score.append([np.asarray(x[h[part]] @ means.T - bias, dtype=np.float64) for h in half])
    for a, b in every:
        values = []
        for part in (0, 1):
            sa, sb = score[part][a][:, a] - score[part][a][:, b], score[part][b][:, a] - score[part][b][:, b]
            labels = np.arange(len(sa) + len(sb)) < len(sa)
            values.append(float(auc_of(np.concatenate([sa, sb])[:, None], labels[:, None])[0]))
        near[a, b] = near[b, a] = float(np.mean(values))
    small = member.sum(axis=0) < ENOUGH
    near += small[None, :] | small[:, None]
    np.fill_diagonal(near, np.inf)
    order = np.argsort(near, axis=1, kind="stable")[:, :CLOSEST]
    return sorted({(min(a, int(b)), max(a, int(b))) for a in range(k) for b in order[a]})


def examine(
    x: Float32, member: Bool, *, seed: int = 0, permutations: int = PERMUTATIONS, progress: Progress = no_progress
) -> list[Pair]:
    """The closest pairs of classes; pictures that carry both classes of a pair are left out of it."""
    pairs = closest_pairs(x, member, seed=seed)
    out = []
    for i, (a, b) in enumerate(pairs):
        progress(i, len(pairs), "telling concepts apart")
        rows_a = np.flatnonzero(member[:, a] & ~member[:, b])
        rows_b = np.flatnonzero(member[:, b] & ~member[:, a])
        if len(rows_a) and len(rows_b):
            out.append(tell_apart(x, rows_a, rows_b, a=a, b=b, seed=seed, permutations=permutations))
    progress(len(pairs), len(pairs), "telling concepts apart")
    return out
