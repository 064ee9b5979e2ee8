"""Training and real world, side by side: what matches, what is typical, what is not covered, what differs.

All distances are cosine distances (1 - similarity) of `Features.image`, exact, in chunks. A distance alone says
nothing to a person, so it is set against the training set's own: how far training pictures lie from their
nearest fellow. "Farther than 95 % of them" then means the same with every model and every dataset.

Typical pictures are chosen among those with close company only, so a picture unlike all others is never
"typical" (choosing for coverage alone ranks outliers second, a known defect elsewhere).

Limits: near-duplicates (bursts of one scene) make differences look surer than they are; a small, real
difference hidden in many pictures of one kind stays unseen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.attributes import Attribute
from analysis.embedders.base import Float32
from analysis.neighbours import nearest
from analysis.progress import Progress, no_progress, scaled
from analysis.statistics import Float64, benjamini_hochberg, cliffs_delta

Rows = NDArray[np.int64]

DEFAULT_ALPHA = 0.05
DEFAULT_SMALL_EFFECT = 0.147  # Cliff's delta below which Romano et al. (2006) call a difference negligible
DEFAULT_FAR = 0.95  # a picture farther than 95 % of the training pictures' own distances counts as not covered
MIN_REFERENCE = 20  # own distances of fewer pictures give no 95 % point; then those of all training pictures serve
MIN_VALUES = 5  # measured values on each side below which a difference is not judged
SAMPLE = 2000  # pictures for the reference and for typical ones: 95 % point to within about 1 %, 16 MB of scores
CHUNK = 512


@dataclass(frozen=True, slots=True)
class Coverage:
    """Each real-world picture beside its nearest training pictures.

    Attributes:
        rows: int64 (m,), the real-world rows, as given.
        nearest: int64 (m, k), the most similar training rows, most similar first.
        similarity: float32 (m, k), cosine similarity in [-1, 1].
        farther_than: float64 (m,), share in [0, 1] of the training pictures that lie nearer to their own nearest
            fellow than this picture lies to its nearest training picture.
        reference: how many training pictures that share rests on.
        reference_is_all: whether these are of all concepts, because the chosen one has too few.
    """

    rows: Rows
    nearest: Rows
    similarity: Float32
    farther_than: Float64
    reference: int
    reference_is_all: bool

    def least_covered(self) -> Rows:
        """Positions in `rows`, the picture farthest from training first, equal ones by row."""
        return np.lexsort((self.rows, self.similarity[:, 0])).astype(np.int64)

    def not_covered(self, far: float = DEFAULT_FAR) -> float:
        """Share in [0, 1] of the real-world pictures with `farther_than` at or above `far`; 1 - far is usual."""
        return float((self.farther_than >= far).mean())


@dataclass(frozen=True, slots=True)
class Typical:
    """Pictures that together show what most of a set looks like.

    Attributes:
        rows: int64 (c,), the one that stands for most pictures first.
        share: float64 (c,), in (0, 1], of the set that looks most like that picture; sums to 1.
    """

    rows: Rows
    share: Float64


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute, training against real world.

    Attributes:
        attribute: the attribute compared.
        training, real_world: medians, in the attribute's unit.
        training_n, real_world_n: measured values on each side.
        effect: Cliff's delta in [-1, 1], above 0 where real-world pictures have more; nan if not judged.
        p_value: Benjamini-Hochberg corrected over the attributes, in [0, 1]; nan if not judged.
        differs: significant, and not negligible.
        words: one sentence.
    """

    attribute: Attribute
    training: float
    real_world: float
    training_n: int
    real_world_n: int
    effect: float
    p_value: float
    differs: bool
    words: str


def find_coverage(
    image: Float32,
    training: Rows,
    real_world: Rows,
    *,
    all_training: Rows | None = None,
    k: int = 5,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Coverage:
    """Match each real-world picture with its nearest training pictures.

    Args:
        image: float32 (n, f), L2-normalised vectors of the whole dataset.
        training: rows to match with, at least one.
        real_world: rows to be matched, at least one.
        all_training: training rows of every concept, the reference when `training` holds too few.
        k: matches a picture, at most.
        seed: for the sample of reference pictures in large datasets.
        progress: counts steps of both searches.
    """
    if not len(training) or not len(real_world):
        raise ValueError(f"expected pictures on both sides, got {len(training)} and {len(real_world)}")
    rows, similarity = _search(image, real_world, training, k, None, scaled(progress, 0.0, 0.7))
    enough = len(training) >= MIN_REFERENCE or all_training is None or len(all_training) <= len(training)
    pool = training if enough or all_training is None else all_training
    own = own_distances(image, pool, seed=seed, progress=scaled(progress, 0.7, 1.0))
    distance = 1.0 - similarity[:, 0].astype(np.float64)
    farther = np.searchsorted(own, distance, side="left") / len(own) if len(own) else np.full(len(distance), np.nan)
    return Coverage(real_world, rows, similarity, farther, len(own), not enough)


def own_distances(image: Float32, rows: Rows, *, seed: int = 0, progress: Progress = no_progress) -> Float64:
    """Cosine distance of each picture to its nearest other one among `rows`: float64, ascending.

    Exact for every picture asked; of more than `SAMPLE` pictures a random sample is asked. Empty for one row.
    """
    if len(rows) < 2:
        return np.empty(0)
    asked = rows
    if len(rows) > SAMPLE:
        asked = np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))
    _, similarity = _search(image, asked, rows, 1, asked, progress)
    return np.sort(1.0 - similarity[:, 0].astype(np.float64))


def find_typical(image: Float32, rows: Rows, count: int = 8, *, seed: int = 0) -> Typical:
    """Pictures that stand for the set: greedy facility location (each set member counts by its most similar
    chosen one) among the half with the closest company; sets above `SAMPLE` are sampled."""
    if not len(rows):
        return Typical(rows, np.empty(0))
    some = rows
    if len(rows) > SAMPLE:
        some = np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))
    scores = np.maximum(image[some] @ image[some].T, 0.0).astype(np.float64)
    # company: mean similarity to the nearest twentieth of the set, so that a burst of one scene is not enough
    near = min(len(some) - 1, max(5, len(some) // 20))
    company = np.ones(len(some))
    if near:
        others = scores - np.diag(np.full(len(some), np.inf))
        company = np.partition(others, len(some) - near, axis=1)[:, len(some) - near :].mean(axis=1)
    candidates = np.flatnonzero(company >= np.median(company))
    chosen: list[int] = []
    best = np.zeros(len(some))
    while len(chosen) < min(count, len(candidates)):
        gain = np.maximum(scores[candidates], best).sum(axis=1)
        gain[np.isin(candidates, chosen)] = -1.0
        chosen.append(int(candidates[gain.argmax()]))
        best = np.maximum(best, scores[chosen[-1]])
    picked = some[chosen]
    share = np.bincount((image[rows] @ image[picked].T).argmax(axis=1), minlength=len(picked)) / len(rows)
    order = np.argsort(-share, kind="stable")
    order = order[share[order] > 0]
    return Typical(picked[order], share[order])


def apart(image: Float32, ranked: Rows, count: int, own: Float64) -> Rows:
    """The first `count` of `ranked` that are not near-copies of one already taken.

    Near-copy: closer than the median of `own` (the set's own nearest distances, see `own_distances`).
    """
    limit = float(np.median(own)) if len(own) else 0.0
    taken: list[int] = []
    for row in ranked:
        if len(taken) == count:
            break
        if not taken or float((image[taken] @ image[row]).max()) <= 1.0 - limit:
            taken.append(int(row))
    return np.array(taken, dtype=np.int64)


def attribute_differences(
    images: pd.DataFrame,
    training: Rows,
    real_world: Rows,
    attributes: Iterable[Attribute],
    *,
    alpha: float = DEFAULT_ALPHA,
    small_effect: float = DEFAULT_SMALL_EFFECT,
) -> tuple[Difference, ...]:
    """What differs, largest effect first; attributes that were measured too rarely come last, not judged."""
    measured = []
    for attribute in attributes:
        if attribute.name in images.columns:
            values = images[attribute.name].to_numpy(dtype=np.float64)
            measured.append((attribute, _known(values[training]), _known(values[real_world])))
    judged = [min(len(a), len(b)) >= MIN_VALUES for _, a, b in measured]
    tests = [cliffs_delta(a, b) if ok else (np.nan, np.nan) for (_, a, b), ok in zip(measured, judged, strict=True)]
    corrected = benjamini_hochberg(np.array([p for _, p in tests], dtype=np.float64))
    out = []
    for (attribute, a, b), (effect, _), p in zip(measured, tests, corrected, strict=True):
        differs = bool(p <= alpha and abs(effect) >= small_effect)
        middle = (float(np.median(a)) if len(a) else np.nan, float(np.median(b)) if len(b) else np.nan)
        words = _words(attribute, *middle, effect, differs)
        out.append(Difference(attribute, *middle, len(a), len(b), effect, float(p), differs, words))
    return tuple(sorted(out, key=lambda d: (not d.differs, -np.nan_to_num(abs(d.effect)))))


def show_value(attribute: Attribute, value: float, *, unit: bool = True) -> str:
    """A value with the attribute's digits, and its unit where it has one: `5,210 K`, `0.31`."""
    if np.isnan(value):
        return "–"
    named = unit and attribute.unit in ("K", "MP", "bits")
    return f"{value:,.{attribute.digits}f}" + (f" {attribute.unit}" if named else "")


def _words(attribute: Attribute, training: float, real_world: float, effect: float, differs: bool) -> str:
    if np.isnan(effect):
        return f"{attribute.title}: too few measured pictures to compare."
    if not differs:
        return f"{attribute.title}: no clear difference."
    now, then = show_value(attribute, real_world), show_value(attribute, training)
    how = attribute.higher if effect > 0 else attribute.lower
    if now == then:  # medians agree, the rest does not
        return f"Real-world pictures are more often {how}, with the same median of {now}."
    return f"Real-world pictures are {how}: median {now} against {then}."


def _known(values: Float64) -> Float64:
    return values[np.isfinite(values)]


def _search(
    image: Float32, asked: Rows, pool: Rows, k: int, exclude: Rows | None, progress: Progress
) -> tuple[Rows, Float32]:
    """`nearest` in chunks of `CHUNK` queries with progress; similarity clipped to [-1, 1]."""
    vectors, pool = image[pool], np.asarray(pool)
    place = np.full(int(max(pool.max(), asked.max())) + 1, -1, dtype=np.int64)
    place[pool] = np.arange(len(pool))
    rows, scores = [], []
    for start in range(0, len(asked), CHUNK):
        part = asked[start : start + CHUNK]
        skip = None if exclude is None else place[exclude[start : start + CHUNK]]
        found, similarity = nearest(vectors, image[part], k, exclude=skip)
        rows.append(pool[found])
        scores.append(np.clip(similarity, -1.0, 1.0))
        progress(min(start + CHUNK, len(asked)), len(asked), "comparing pictures")
    return np.concatenate(rows), np.concatenate(scores)
