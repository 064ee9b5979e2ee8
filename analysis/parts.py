"""Does a set of pictures fall into parts, and how far apart are they? Works on vectors alone.

Two views of the vectors are used. `plain` is their principal components. `even` is the same, stretched so that what
varies within the *other* concepts counts alike in every direction (within-class covariance normalisation: Hatch et al.
2006): differences that every concept has, as light or background, weigh less than those that tell concepts apart.
Parts are proposed by several clusterings; kept is the one whose nearest pictures stay together best (modularity of
the nearest-neighbour graph: Newman and Girvan 2004, doi:10.1103/PhysRevE.69.026113).
scikit-learn loads when a function runs, not on import.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.progress import no_tick

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

DIMENSIONS: Final = 64  # principal components kept: most of what differs between pictures, little of the noise
SHRINK: Final = 0.1  # of the scatter within concepts towards a sphere: few pictures know little of 64 directions
NEIGHBOURS: Final = 8  # nearest pictures of a graph; fewer in small sets
LEAST_CUT: Final = 0.03  # added to a cut before its logarithm: below, no nearest picture lies across anyway
HALVINGS: Final = 10  # of a set, to see whether both halves fall into the same parts; with 4 the answer still wavers
RESAMPLED: Final = 8  # principal components that the unimodal reference is drawn in


@dataclass(frozen=True, slots=True)
class Space:
    """Vectors of some pictures and what varies within their concepts.

    Attributes:
        plain: float64 (m, d), principal components.
        member: bool (m, k), the concepts of each.
        means: float64 (k, d), of the concepts, in `plain`.
        scatter: float64 (k, d, d), sums of squares and products about the mean, a concept.
    """

    plain: Float64
    member: Bool
    means: Float64
    scatter: Float64

    def even(self, concept: int) -> Float64:
        """Matrix (d, d) that turns `plain` into the view that the concepts other than this one call even."""
        others = np.arange(self.member.shape[1]) != concept
        known = int(np.maximum(self.member[:, others].sum(axis=0) - 1, 0).sum())
        d = self.plain.shape[1]
        if known < 2:
            return np.eye(d) / max(float(np.sqrt(self.plain.var(axis=0).sum() / d)), 1e-12)
        within = self.scatter[others].sum(axis=0) / known
        within = (1 - SHRINK) * within + (SHRINK * np.trace(within) / d + 1e-12) * np.eye(d)
        values, vectors = np.linalg.eigh(within)
        return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-12)))


def space(x: Float32, member: Bool) -> Space:
    """Principal components of the vectors (m, f) and the scatter within each concept of `member` (m, k)."""
    centred = np.asarray(x, dtype=np.float64) - x.mean(axis=0, dtype=np.float64)
    values, vectors = np.linalg.eigh(centred.T @ centred if len(x) >= x.shape[1] else centred @ centred.T)
    order = np.argsort(-values)[: min(DIMENSIONS, len(x), x.shape[1])]
    if len(x) >= x.shape[1]:
        plain = centred @ vectors[:, order]
    else:
        plain = vectors[:, order] * np.sqrt(np.maximum(values[order], 0.0))
    plain = plain * np.sign(plain[np.abs(plain).argmax(axis=0), np.arange(plain.shape[1])] + 1e-300)
    groups = [plain[member[:, k]] for k in range(member.shape[1])]
    means = np.stack([g.mean(axis=0) if len(g) else np.zeros(plain.shape[1]) for g in groups])
    scatter = np.stack([(g - m).T @ (g - m) for g, m in zip(groups, means, strict=True)])
    return Space(plain, member, means, scatter)


def squared(a: Float64, b: Float64) -> Float64:
    """Squared distances (n, m)."""
    out = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None] - 2 * a @ b.T
    return np.asarray(np.maximum(out, 0.0))


def components(z: Float64, count: int) -> Float64:
    """The leading principal components (n, count or fewer) of a set of its own."""
    centred = z - z.mean(axis=0)
    vectors = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    out: Float64 = centred @ vectors[:, : max(1, min(count, len(z) - 1))]
    return out


def directions(z: Float64) -> Float64:
    """Each row brought to length 1: far out in the even view counts no more than which way."""
    return np.asarray(z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12))


def nearest(z: Float64) -> Int64:
    """For each row the nearest others, int64 (n, k)."""
    away = squared(z, z)
    np.fill_diagonal(away, np.inf)
    return np.argsort(away, axis=1, kind="stable")[:, : max(1, min(NEIGHBOURS, len(z) // 5))].astype(np.int64)


def graph(z: Float64) -> Float64:
    """Symmetric weights (n, n): 1 for mutual nearest pictures, 0.5 where one is near to the other alone."""
    near = nearest(z)
    out = np.zeros((len(z), len(z)))
    out[np.arange(len(z))[:, None], near] = 0.5
    return np.asarray(out + out.T)


def modularity(weights: Float64, labels: Int64) -> float:
    """Share of weight inside the parts over what chance expects, below 1."""
    one = np.eye(int(labels.max()) + 1)[labels]
    degree = weights.sum(axis=1)
    total = degree.sum()
    return float(np.trace(one.T @ weights @ one) / total - np.square(one.T @ degree / total).sum())


def kept_together(graphs: tuple[Float64, ...], labels: Int64) -> float:
    """Modularity over the most that parts of these sizes can have, mean over the graphs: 1 is a clean gap."""
    share = np.bincount(labels) / len(labels)
    most = 1 - float(np.square(share).sum())
    return float(np.mean([modularity(g, labels) for g in graphs])) / most if most > 0 else 0.0


def propose(plain: Float64, even: Float64, count: int, seed: int = 0) -> Int64:
    """The best of several divisions into `count` parts, int64 (n,): labels by size, 0 is the largest.

    Args:
        plain, even: float64 (n, d), the set in both views; n above `count`.
        count: of parts, 2 or more.
        seed: of the clusterings' starts.
    """
    from sklearn.cluster import AgglomerativeClustering, SpectralClustering

    way = directions(even)
    graphs = graph(plain), graph(way)
    tried = [AgglomerativeClustering(count).fit_predict(z) for z in (way, plain)]
    tried += [_mixture(z, count, seed) for z in (components(plain, 4), components(plain, 8), components(way, 6))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a graph in pieces is what we hope for
        spectral = SpectralClustering(count, affinity="precomputed", random_state=seed, n_init=3)
        tried.append(spectral.fit_predict(graphs[0] + graphs[1] + 1e-4))
    whole = [t for t in tried if len(np.unique(t)) == count] or tried
    values = [sum(modularity(g, np.asarray(t, dtype=np.int64)) for g in graphs) for t in whole]
    return by_size(np.asarray(whole[int(np.argmax(values))], dtype=np.int64))


def strength(plain: Float64, even: Float64, count: int, seed: int = 0, *, tick: Callable[[], None] = no_tick) -> float:
    """Do two halves of the set fall into the same `count` parts? In [0, 1]; one part too many gives 0.4 to 0.7.

    Prediction strength (Tibshirani and Walther 2005, doi:10.1198/106186005X59243): each half is divided for itself, and
    its pictures join the nearest part of the other half too. Of the pairs of pictures in one part, how many join one
    part there? The least of the parts, mean over `HALVINGS` random halves, both ways.

    Args:
        plain, even: float64 (n, d), the set in both views; n at least four times `count`.
        count: of parts, 2 or more.
        seed: of the halves and of the clusterings' starts.
        tick: called for each halving; may raise to stop.
    """
    rng = np.random.default_rng((seed, 72))
    way = directions(even)
    found = []
    for _ in range(HALVINGS):
        tick()
        order = rng.permutation(len(plain))
        halves = [(side, propose(plain[side], even[side], count, seed)) for side in np.array_split(order, 2)]
        for (here, own), (there, known) in (halves, halves[::-1]):
            means = np.stack([way[there][known == k].mean(axis=0) for k in range(int(known.max()) + 1)])
            joined = squared(way[here], means).argmin(axis=1)
            found.append(min(_pairs_kept(joined[own == k]) for k in range(int(own.max()) + 1)))
    return float(np.mean(found))


def _pairs_kept(joined: Int64) -> float:
    """Share of the pairs that have one value; a single picture has none."""
    n, sizes = len(joined), np.bincount(joined)
    return float((sizes * (sizes - 1)).sum() / (n * (n - 1))) if n > 1 else 0.0


def _mixture(z: Float64, count: int, seed: int) -> Int64:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    floor = 0.02 * max(float(z.var()), 1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # sets in bursts have fewer places than parts
        mixture = GaussianMixture(count, n_init=2, reg_covar=floor, random_state=seed)
        return np.asarray(mixture.fit_predict(z), dtype=np.int64)


def by_size(labels: Int64) -> Int64:
    """The labels numbered anew, the largest part 0."""
    names, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(names))
    return rank[codes]


def cut(z: Float64, side: Bool) -> float:
    """Share of the nearest pictures that lie on the other side, over what chance expects: 0 is a clean gap."""
    share = float(side.mean())
    if share in (0.0, 1.0):
        return 1.0
    return float((side[nearest(z)] != side[:, None]).mean() / (2 * share * (1 - share)))


def between(a: Float64, b: Float64) -> float:
    """Squared distance of two sets' means, what their scatter adds taken out; at least 0."""
    noise = a.var(axis=0).sum() / len(a) + b.var(axis=0).sum() / len(b)
    return float(max(np.square(a.mean(axis=0) - b.mean(axis=0)).sum() - noise, 0.0))


def unimodal_p(plain: Float64, draws: int, seed: int = 0, *, within_alpha: float = 1.0) -> float:
    """Monte-Carlo p-value of "one wide heap without a gap".

    The reference has the set's own covariance and its own tails: each draw takes the set's distances from the middle
    (measured by its covariance) and throws their directions anew, so it may be as long, as flat and as heavy-tailed
    as the set, but has no gap. Both are divided in two the same way, and how empty the gaps are is compared. In the
    spirit of SigClust (Liu et al. 2008, doi:10.1198/016214508000000454), whose reference is a normal distribution.
    Drawing stops once the value is sure to lie above `within_alpha`; what is then returned is a lower bound of it.
    """
    rng = np.random.default_rng((seed, 71))
    z = components(plain, RESAMPLED)
    scale = np.sqrt(np.maximum(z.var(axis=0), 1e-12))
    radii = np.linalg.norm(z / scale, axis=1)
    found = _emptiest(z, seed)
    reached = 1
    for _ in range(draws):
        thrown = rng.normal(size=z.shape)
        thrown *= (rng.permutation(radii) / np.linalg.norm(thrown, axis=1))[:, None]
        reached += _emptiest(thrown * scale, seed) <= found
        if reached > within_alpha * (draws + 1):
            break
    return reached / (draws + 1)


def _emptiest(z: Float64, seed: int) -> float:
    """The clearest gap between two halves: cut less silhouette (Rousseeuw 1987), smaller is clearer."""
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.metrics import silhouette_score

    tried = AgglomerativeClustering(2).fit_predict(z), _mixture(z[:, :4], 2, seed)
    least = max(2.0, 0.1 * len(z))
    kept = [t for t in tried if least <= t.sum() <= len(z) - least]
    return min((cut(z, t.astype(bool)) - float(silhouette_score(z, t)) for t in kept), default=1.0)
