"""Do two sets of pictures come from one distribution? A permutation test with an exact level, and how far apart.

Two families of statistics look at the same pictures. On the model's vectors: the maximum mean discrepancy at three
bandwidths around the median distance (Gretton et al. 2012, jmlr.org/papers/v13/gretton12a.html) and a ridge
regularised Hotelling statistic at three strengths (Li et al. 2020, doi:10.1214/19-AOS1869), which sees small shifts
along directions in which pictures hardly vary, as noise and blur cause them. On measured attributes: the shift in
ranks and the shift in spread of the one attribute that differs most, so that heavy tails and ties cost nothing.
All are compared with the same random re-assignments of pictures to the sides; each statistic's p-value is its rank
among them, and the smallest of these is compared with the smallest of each re-assignment (Westfall and Young 1993).
So many statistics cost no false alarms: under equal distributions at most `alpha` of the p-values are below `alpha`.

Where both sides carry labels, pictures are re-assigned within their concept only, and each concept's mean is taken
away: another mix of the same concepts is then no gap. Of a burst of nearly identical pictures one is kept, drawn
without regard to its side: a burst on one side would pass for a difference. Large sides are sampled.

Limits: bursts whose pictures look clearly different still make differences look surer than they are. A difference
in a small share of the pictures needs many pictures to be seen. numpy does the work; scipy loads when it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.progress import Progress, no_progress

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Floats = NDArray[np.floating]

DEFAULT_PERMUTATIONS: Final = 999  # p-values down to 0.001; at p = 0.05 a standard error of 0.007
DEFAULT_MOST: Final = 800  # pictures of a side used: a kernel of 1,600 squared is 20 MB, and small shifts show
MIN_SIDE: Final = 10  # pictures; below, no shift of a size that occurs would be seen
BANDWIDTHS: Final = (0.5, 1.0, 2.0)  # of the median distance
RIDGES: Final = (0.01, 0.1, 1.0)  # of the mean variance a direction
BURST: Final = 0.35  # of the median distance to the nearest other picture: nearer ones count as one shot
FOLDS: Final = 5
SEEN: Final = 0.8
"""Power that a test should have to be called able to see a shift."""


@dataclass(frozen=True, slots=True)
class GapTest:
    """Whether, and how far, two sets of pictures differ.

    Attributes:
        p_value: chance of a difference this clear between two samples of one distribution, in (0, 1]; nan where a
            side has fewer than `MIN_SIDE` pictures.
        strength: how well the two can be told apart picture by picture, in [0, 1]: 2 AUC - 1 of a classifier asked
            about pictures it has not seen; 0 is by chance, 1 without a mistake. Comparable between datasets.
        mix: total variation between the sides' shares of the concepts, in [0, 1]; nan without labels on both sides.
        stratified: whether pictures were compared within their concept only.
        n_training, n_real: pictures compared.
        bursts: pictures left out because they nearly repeat another one.
        sampled: whether a side was larger than what was compared.
        by: the statistic that differed most (`vectors` or `attributes`).
        smallest_seen: rough smallest shift of a measured value, in standard deviations, seen `SEEN` of the time.
    """

    p_value: float
    strength: float
    mix: float
    stratified: bool
    n_training: int
    n_real: int
    bursts: int
    sampled: bool
    by: str
    smallest_seen: float

    @property
    def note(self) -> str:
        """One sentence on what was compared."""
        how = f"{self.n_training:,} training pictures against {self.n_real:,} real-world pictures"
        how += ", each with its own concept" if self.stratified else ""
        drawn = " (drawn at random)" if self.sampled else ""
        left = f"; {self.bursts:,} near-repeats were left out" if self.bursts else ""
        return f"{how}{drawn}{left}."


def gap_test(
    training: Floats,
    real: Floats,
    *,
    attributes: tuple[Floats, Floats] | None = None,
    concepts: tuple[Sequence[str | None], Sequence[str | None]] | None = None,
    seed: int = 0,
    permutations: int = DEFAULT_PERMUTATIONS,
    most: int = DEFAULT_MOST,
    progress: Progress = no_progress,
) -> GapTest:
    """Compare two sets of pictures.

    Args:
        training: (n, f), L2-normalised vectors.
        real: (m, f).
        attributes: measured values of the same pictures, (n, p) and (m, p); nan where not measured.
        concepts: the (first) concept of each picture of either side, None where unlabelled; used where every
            picture of both sides has one and at least two concepts occur on both sides.
        seed: of the sampling and the re-assignments.
        permutations: number of re-assignments.
        most: pictures of a side compared at most.
        progress: called after each statistic.
    """
    rng = np.random.default_rng(seed)
    strata = strata_of(concepts, len(training), len(real))
    mix = _mix(concepts)
    rows = [_draw(len(side), most, rng) for side in (training, real)]
    x = np.concatenate([training[rows[0]], real[rows[1]]]).astype(np.float64)
    y = np.repeat([0, 1], [len(r) for r in rows])
    if strata is not None:
        group = np.concatenate([strata[0][rows[0]], strata[1][rows[1]]])
    else:
        group = np.zeros(len(y), dtype=np.int64)
    keep = one_of_each_burst(x, rng)
    bursts = int(len(x) - keep.sum())
    usable = keep & _shared(group, y, keep)
    measured = None
    if attributes is not None and attributes[0].shape[1]:
        measured = np.concatenate([attributes[0][rows[0]], attributes[1][rows[1]]]).astype(np.float64)[usable]
    x, y, group = x[usable], y[usable], group[usable]
    n, m = int((y == 0).sum()), int((y == 1).sum())
    sampled = len(training) > len(rows[0]) or len(real) > len(rows[1])
    smallest = _smallest_seen(n, m)
    if min(n, m) < MIN_SIDE:
        return GapTest(np.nan, 0.0, mix, strata is not None, n, m, bursts, sampled, "", smallest)
    signs = _assignments(y, group, permutations, rng)
    names, statistics = [], []
    apart = _distances(x)
    some = rng.permutation(len(x))[:500]
    scale = float(np.median(apart[np.ix_(some, some)][np.triu_indices(len(some), 1)]))
    for i, width in enumerate(BANDWIDTHS):
        progress(i, 8, "comparing with chance")
        kernel = np.exp(-apart / max(scale * width**2 * 2, 1e-12))
        names.append("vectors")
        statistics.append(_quadratic(kernel, signs))
    gram = _inner(x - _means(x, group))
    for i, ridge in enumerate(RIDGES):
        progress(3 + i, 8, "comparing with chance")
        names.append("vectors")
        statistics.append(_regularised(gram, ridge * float(np.trace(gram)) / max(1, min(x.shape)), signs))
    if measured is not None:
        progress(6, 8, "comparing with chance")
        for table in _rank_tables(measured, group):
            names.append("attributes")
            statistics.append((np.abs(table.T @ signs) / np.linalg.norm(table, axis=0)[:, None]).max(axis=0))
    progress(7, 8, "comparing with chance")
    p_value, best = _joint_p(np.array(statistics))
    strength = _told_apart(x, y, group, measured, rng)
    progress(8, 8, "comparing with chance")
    return GapTest(p_value, strength, mix, strata is not None, n, m, bursts, sampled, names[best], smallest)


def _joint_p(statistics: Float64) -> tuple[float, int]:
    """p-value of the first column of (k, 1 + B) by its smallest rank p, and which statistic that is.

    Many columns share the smallest rank p there can be; among them the most standard deviations decide.
    """
    from scipy.stats import rankdata

    count = statistics.shape[1]
    tiny = 1e-9 * np.maximum(np.abs(statistics).max(axis=1, keepdims=True), 1e-300)
    rounded = np.round(statistics / tiny)
    p = rankdata(-rounded, method="max", axis=1) / count
    spread = rounded.std(axis=1, keepdims=True)
    z = np.where(spread > 0, (rounded - rounded.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0), 0.0)
    least = p.min(axis=0)
    most = np.round(np.where(p == least, z, -np.inf).max(axis=0), 9)
    as_clear = (least < least[0]) | ((least == least[0]) & (most >= most[0]))
    return float(as_clear.mean()), int(np.where(p[:, 0] == least[0], z[:, 0], -np.inf).argmax())


def _told_apart(x: Float64, y: Int64, group: Int64, measured: Float64 | None, rng: np.random.Generator) -> float:
    """2 AUC - 1 (at least 0) of ridge regression on vectors and on the ranks of measured values, cross-validated.

    Means of concepts come from the pictures learnt from alone: a picture's own would give its side away.
    """
    from scipy.linalg import solve
    from scipy.stats import rankdata

    parts = [x] if measured is None else [x, np.concatenate(_rank_tables(measured, group), axis=1)]
    table = np.concatenate([p / max(float(np.sqrt(np.square(p - p.mean(axis=0)).sum())), 1e-9) for p in parts], axis=1)
    place = np.lexsort((rng.random(len(y)), y, group))
    fold = np.empty(len(y), dtype=np.int64)
    fold[place] = np.arange(len(y)) % FOLDS
    score = np.zeros(len(y))
    joined = np.column_stack([table, y])
    for f in range(FOLDS):
        learn, ask = fold != f, fold == f
        means = _means_of(joined[learn], group[learn], int(group.max()) + 1)
        known = joined[learn] - means[group[learn]]
        gram = _inner(known[:, :-1])
        gram.flat[:: len(gram) + 1] += max(float(np.trace(gram)) * 0.1 / np.sqrt(len(gram)), 1e-9)
        asked = table[ask] - means[group[ask], :-1]
        score[ask] = asked @ (known[:, :-1].T @ solve(gram, known[:, -1], assume_a="pos"))
    below = above = 0.0
    for g in np.unique(group):  # pairs within a concept only
        mine = group == g
        ones = y[mine] == 1
        a, b = int(ones.sum()), int((~ones).sum())
        above += float(rankdata(score[mine])[ones].sum()) - a * (a + 1) / 2
        below += a * b
    return float(max(0.0, 2 * above / below - 1)) if below else 0.0


def _means_of(x: Float64, group: Int64, size: int) -> Float64:
    """Mean of each group's rows (size, p); of all rows where a group has none."""
    sums = (np.arange(size)[:, None] == group).astype(np.float64) @ x
    count = np.bincount(group, minlength=size)[:, None]
    return np.asarray(np.where(count > 0, sums / np.maximum(count, 1), x.mean(axis=0)))


def _rank_tables(measured: Float64, group: Int64) -> list[Float64]:
    """Ranks of each value, and distance of the ranks from their middle; both centred by group, (n, p')."""
    from scipy.stats import rankdata

    table = np.full(measured.shape, 0.0)
    for column in range(measured.shape[1]):
        known = np.isfinite(measured[:, column])
        if known.any():
            table[known, column] = rankdata(measured[known, column]) / (known.sum() + 1) - 0.5
    missing = np.isnan(measured).astype(np.float64)
    out = []
    for part in (np.concatenate([table, missing], axis=1), np.abs(table)):
        centred = part - _means(part, group)
        spread = np.linalg.norm(centred, axis=0)
        if (spread > 1e-9).any():
            out.append(centred[:, spread > 1e-9])
    return out


def _quadratic(kernel: Float64, signs: Float64) -> Float64:
    """z' K z for each column z."""
    return np.asarray(np.einsum("nb,nb->b", signs, kernel @ signs))


def _regularised(gram: Float64, ridge: float, signs: Float64) -> Float64:
    """z' G (G + r)^-1 z for each column z."""
    from scipy.linalg import cholesky, solve_triangular

    if ridge <= 0:  # all pictures alike
        return np.zeros(signs.shape[1], dtype=np.float64)
    lower = cholesky(gram + ridge * np.eye(len(gram)), lower=True, check_finite=False)
    half = solve_triangular(lower, signs, lower=True, check_finite=False)
    return np.asarray(np.square(signs).sum(axis=0) - ridge * np.square(half).sum(axis=0))


def _inner(x: Float64) -> Float64:
    return np.asarray(x @ x.T)


def _assignments(y: Int64, group: Int64, count: int, rng: np.random.Generator) -> Float64:
    """(n, 1 + count): the sides as they are, then re-assigned within groups; each centred by group."""
    out = np.empty((len(y), count + 1))
    out[:, 0] = y
    for g in np.unique(group):
        mine = np.flatnonzero(group == g)
        for b in range(1, count + 1):
            out[mine, b] = y[mine][rng.permutation(len(mine))]
    return out - _means(y[:, None].astype(np.float64), group)


def _means(x: Float64, group: Int64) -> Float64:
    """For each row the mean of its group's rows."""
    return np.asarray(_means_of(x, group, int(group.max()) + 1)[group])


def _distances(x: Float64) -> Float64:
    """Squared Euclidean distances (n, n)."""
    norms = (x**2).sum(axis=1)
    return np.asarray(np.maximum(norms[:, None] + norms[None, :] - 2 * x @ x.T, 0.0))


def one_of_each_burst(x: Float64, rng: np.random.Generator) -> NDArray[np.bool_]:
    """bool (n,): one picture, drawn at random, of each set of near-repeats; all others."""
    from scipy.sparse.csgraph import connected_components

    keep = np.ones(len(x), dtype=bool)
    if len(x) < 3:
        return keep
    distance = np.sqrt(_distances(x))
    np.fill_diagonal(distance, np.inf)
    limit = BURST * float(np.median(distance.min(axis=1)))
    count, member = connected_components(distance <= limit, directed=False)
    if count < len(x):
        order = rng.permutation(len(x))
        _, first = np.unique(member[order], return_index=True)
        keep[:] = False
        keep[order[first]] = True
    return keep


def _draw(size: int, most: int, rng: np.random.Generator) -> Int64:
    if size <= most:
        return np.arange(size)
    return np.sort(rng.choice(size, most, replace=False))


def strata_of(
    concepts: tuple[Sequence[str | None], Sequence[str | None]] | None, n: int, m: int
) -> tuple[Int64, Int64] | None:
    """The number of each picture's concept; None unless every picture has one and two occur on both sides."""
    if concepts is None or any(c is None for side in concepts for c in side):
        return None
    if (len(concepts[0]), len(concepts[1])) != (n, m):
        raise ValueError(f"expected {n} and {m} concepts, got {len(concepts[0])} and {len(concepts[1])}")
    if len(set(concepts[0]) & set(concepts[1])) < 2:
        return None
    _, number = np.unique([str(c) for side in concepts for c in side], return_inverse=True)
    return number[:n].astype(np.int64), number[n:].astype(np.int64)


def _mix(concepts: tuple[Sequence[str | None], Sequence[str | None]] | None) -> float:
    if concepts is None or any(not [c for c in side if c is not None] for side in concepts):
        return float("nan")
    shares = []
    names = sorted({c for side in concepts for c in side if c is not None})
    for side in concepts:
        known = [c for c in side if c is not None]
        shares.append(np.array([known.count(name) / len(known) for name in names]))
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _shared(group: Int64, y: Int64, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool (n,): whether the picture's group has pictures on both sides."""
    size = int(group.max(initial=0)) + 1
    on = [np.bincount(group[keep & (y == side)], minlength=size) > 0 for side in (0, 1)]
    return np.asarray((on[0] & on[1])[group])


def _smallest_seen(n: int, m: int) -> float:
    """Shift in standard deviations that a two-sided test of one value at 0.05 sees `SEEN` of the time."""
    from scipy.stats import norm

    if min(n, m) < 2:
        return float("inf")
    return float((norm.ppf(0.975) + norm.ppf(SEEN)) * np.sqrt(1 / n + 1 / m))
