"""Things that recur in the pictures of a concept, found without any label: clusters of what a model sees locally.

A picture's locations (7 x 7 for the bundled model) each have a feature vector. The locations of a concept's pictures
are clustered; a cluster is an *element*: a veil, leaves, a corner with a logo, or a part of the thing itself. Whether
a picture has an element is decided by its most similar location, with a limit learnt on one half of the pictures and
counted on the other (mid-level elements after Singh et al. 2012, doi:10.1007/978-3-642-33709-3_6, and Doersch et al.
2012, doi:10.1145/2185520.2185597, in the vectors at hand). scikit-learn loads when a function runs, not on import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from analysis.embedders.base import l2_normalised
from analysis.progress import Progress, no_progress

if TYPE_CHECKING:
    from analysis.features import Pictures

Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

CHUNK: Final = 64  # pictures whose maps are unpacked at once
REDUCED: Final = 64  # principal components that locations are compared in
FIT_ON: Final = 12_000  # locations the components are fitted on
CLUSTERED: Final = 6_000  # locations of a concept that are clustered at most


@dataclass(frozen=True, slots=True)
class LocalMaps:
    """What the model sees at each location of some pictures.

    Attributes:
        local: float16 (m, l, f), features per location; their mean over l is the picture's.
        reduced: float32 (m, l, d), the same on principal components, L2-normalised: compared by dot product.
        grid: rows and columns of locations; l is their product, row by row.
        basis: float32 (d, f) and `mean`, float32 (f,): the components.
    """

    local: NDArray[np.float16]
    reduced: Float32
    grid: tuple[int, int]
    basis: Float32
    mean: Float32

    def reduce(self, local: NDArray[np.floating]) -> Float32:
        """float32 (..., d), L2-normalised, of features per location (..., f)."""
        return l2_normalised((l2_normalised(np.asarray(local)) - self.mean) @ self.basis.T)

    def pooled(self) -> Float32:
        """float32 (m, f), L2-normalised: what the whole picture looks like to the model."""
        return l2_normalised(self.local.mean(axis=1, dtype=np.float32))


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements of one concept.

    Attributes:
        centres: float32 (k, d), L2-normalised, in the space of `LocalMaps.reduced`.
        limits: float64 (k,): similarity from which a location shows the element.
    """

    centres: Float32
    limits: Float64

    def __len__(self) -> int:
        return len(self.limits)

    def at(self, reduced: Float32) -> Bool:
        """bool (k, m, l): the locations that show each element: nearest to it, and near enough."""
        nearest, similarity = _nearest(reduced, self.centres)
        return np.stack([(nearest == i) & (similarity >= limit) for i, limit in enumerate(self.limits)])


def read_maps(pictures: Pictures, rows: Int64, *, seed: int = 0, progress: Progress = no_progress) -> LocalMaps:
    """The maps of these rows of `Dataset.images`, chunk by chunk."""
    from sklearn.decomposition import PCA

    first = pictures.local_features(rows[:1])
    height, width, dim = first.shape[1:]
    local = np.empty((len(rows), height * width, dim), dtype=np.float16)
    for at in range(0, len(rows), CHUNK):
        progress(at, len(rows), "reading what is where")
        part = pictures.local_features(rows[at : at + CHUNK])
        local[at : at + CHUNK] = part.reshape(len(part), -1, dim)
    rng = np.random.default_rng(seed)
    total = len(rows) * height * width
    chosen = np.sort(rng.choice(total, min(FIT_ON, total), replace=False))
    sample = l2_normalised(local.reshape(total, dim)[chosen])
    components = min(REDUCED, *sample.shape)
    model = PCA(components, svd_solver="randomized", random_state=seed).fit(sample)
    basis, mean = model.components_.astype(np.float32), model.mean_.astype(np.float32)
    maps = LocalMaps(local, np.empty((len(rows), height * width, components), np.float32), (height, width), basis, mean)
    for at in range(0, len(rows), CHUNK):
        progress(at, len(rows), "comparing what is where")
        maps.reduced[at : at + CHUNK] = maps.reduce(local[at : at + CHUNK])
    return maps


def find_elements(reduced: Float32, positive: Bool, learn: Bool, *, clusters: int, seed: int = 0) -> Elements:
    """The elements of a concept.

    Args:
        reduced: float32 (m, l, d), see `LocalMaps`.
        positive: bool (m,), pictures with the concept; all others count as without.
        learn: bool (m,), the half that elements and limits come from.
        clusters: elements looked for.
        seed: of the clustering.
    """
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(seed)
    own = reduced[positive & learn].reshape(-1, reduced.shape[-1])
    if len(own) > CLUSTERED:
        own = own[np.sort(rng.choice(len(own), CLUSTERED, replace=False))]
    k = min(clusters, len(np.unique(own, axis=0)))
    centres = l2_normalised(KMeans(k, n_init=2, max_iter=40, random_state=seed).fit(own).cluster_centers_)
    nearest, similarity = _nearest(reduced[learn], centres)
    of = positive[learn]
    best = np.stack([np.where(nearest == i, similarity, -1.0).max(axis=1) for i in range(k)])
    return Elements(centres, np.array([best_limit(values[of], values[~of]) for values in best]))


def _nearest(reduced: Float32, centres: Float32) -> tuple[Int64, Float32]:
    """Which element each location is most like, int64 (m, l), and how much, float32 (m, l)."""
    similarity = reduced @ centres.T
    return similarity.argmax(axis=-1).astype(np.int64), similarity.max(axis=-1)


def best_limit(with_it: NDArray[np.floating], without: NDArray[np.floating]) -> float:
    """The limit that tells the two groups of values apart best (Youden's J), the highest of equals."""
    values = np.concatenate([with_it, without])
    order = np.argsort(-values, kind="stable")
    gain = np.concatenate(
        [np.full(len(with_it), 1 / max(1, len(with_it))), np.full(len(without), -1 / max(1, len(without)))]
    )
    j = np.cumsum(gain[order])
    last_of_equals = np.append(np.diff(values[order]) < 0, True)
    return float(values[order][int(np.where(last_of_equals, j, -np.inf).argmax())])
