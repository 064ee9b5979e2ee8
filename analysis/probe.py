"""A linear probe on frozen image vectors: what a model trained on top of this one could tell apart.

Concepts that lie above one another never compete: a picture labelled `Fruit` says nothing against `Fruit/Apple`,
so only the most detailed concepts are classes. scikit-learn loads when a function runs, not on import.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.dataset import TRAINING, Dataset, ancestors

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Targets:
    """Labels as a matrix.

    Attributes:
        rows: int64 (m,), rows of `Dataset.images` that have at least one class, ascending.
        classes: k names, the most detailed concepts, sorted.
        member: bool (m, k), whether the picture carries the class.
        single: whether every picture carries exactly one.
    """

    rows: Int64
    classes: tuple[str, ...]
    member: NDArray[np.bool_]

    @property
    def single(self) -> bool:
        """Whether every picture carries exactly one class."""
        return bool((self.member.sum(axis=1) == 1).all())

    @property
    def first(self) -> Int64:
        """int64 (m,): the (first) class of each picture."""
        out: Int64 = self.member.argmax(axis=1).astype(np.int64)
        return out


def targets(dataset: Dataset, origin: str | None = TRAINING) -> Targets:
    """The labels of an origin's pictures (of all pictures for None), by the most detailed concepts."""
    broad = {a for c in dataset.concepts for a in ancestors(c)}
    of_origin = np.zeros(len(dataset), dtype=bool)
    of_origin[dataset.rows(origin=origin)] = True
    labels = dataset.labels[~dataset.labels["concept"].isin(broad)]
    image = labels["image"].to_numpy(dtype=np.int64)
    keep = of_origin[image]
    image, concept = image[keep], labels["concept"].to_numpy()[keep]
    rows, place = np.unique(image, return_inverse=True)
    classes, column = np.unique(concept.astype(str), return_inverse=True)
    member = np.zeros((len(rows), len(classes)), dtype=bool)
    member[place, column] = True
    return Targets(rows, tuple(str(c) for c in classes), member)


def out_of_fold(x: NDArray[np.floating], member: NDArray[np.bool_], *, folds: int = 5, seed: int = 0) -> Float64:
    """Probability of each class for each picture from a probe that never saw the picture.

    Multinomial logistic regression where each picture has one class, else one regression a class. A class that a
    fold cannot learn (all its pictures are held out) has probability 0 there.

    Args:
        x: (m, f), L2-normalised vectors.
        member: bool (m, k).
        folds: number of parts, each held out once; stratified by the first class.
        seed: of the shuffling.

    Returns:
        float64 (m, k) in [0, 1]; rows sum to 1 where each picture has one class.
    """
    single = bool((member.sum(axis=1) == 1).all())
    out = np.zeros(member.shape)
    for train, held in stratified_folds(member.argmax(axis=1), folds, seed):
        if single:
            out[held] = fit_predict(x[train], member[train].argmax(axis=1), x[held], member.shape[1])
        else:
            for k in range(member.shape[1]):
                out[held, k] = fit_predict(x[train], member[train, k].astype(np.int64), x[held], 2)[:, 1]
    return out


def stratified_folds(y: Int64, folds: int, seed: int) -> list[tuple[Int64, Int64]]:
    """(train, held out) positions; each class is dealt out over the folds in turn, singletons included.

    The parts never hold fewer than one picture: with fewer pictures than folds there are fewer folds.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % max(2, min(folds, len(y)))
    return [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in np.unique(fold)]


def fit_predict(x: NDArray[np.floating], y: Int64, queries: NDArray[np.floating], classes: int) -> Float64:
    """Probabilities float64 (q, classes) of a logistic regression fitted on (x, y); unseen classes get 0."""
    from sklearn.linear_model import LogisticRegression

    out = np.zeros((len(queries), classes))
    seen = np.unique(y)
    if len(seen) == 1:
        out[:, seen[0]] = 1.0
        return out
    model = LogisticRegression(C=DEFAULT_C, max_iter=500)
    scale = 1.0 / max(float(np.std(x)), 1e-12)  # unit spread on average: C then means the same for every model
    model.fit(x * scale, y)
    out[:, model.classes_] = model.predict_proba(queries * scale)
    return out


DEFAULT_C = 0.01  # on vectors of unit spread
