"""Names for the parts of a concept: what most subjects of a part are like and those of the other parts are not.

The words are those of `analysis.subject_values` (colour, size in the picture, posture, background). Where none tells a
part from the others it is "part A": a name that is not measured would be a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from analysis.progress import Progress, no_progress
from analysis.subject_values import VALUES, SubjectValues, colours_of, measure_pictures

if TYPE_CHECKING:
    from analysis.dataset import Dataset
    from analysis.features import Pictures

Int64 = NDArray[np.int64]

MOSTLY: Final = 0.55  # share of a part's pictures that a word must fit
MORE: Final = 0.3  # by which it must fit more often than in the part where it fits second most often
LETTERS: Final = "ABCDEFGHIJ"


def words(values: SubjectValues) -> dict[str, Int64]:
    """For each kind of word, which word of `VALUES` fits each picture."""
    return {"colour": colours_of(values.points).main, **values.codes()}


def names(kinds: dict[str, Int64], labels: Int64, count: int) -> list[str]:
    """A name for each of `count` parts, all different.

    Args:
        kinds: for each kind of `VALUES`, int64 (n,): the word that fits a picture.
        labels: int64 (n,), the part of each picture.
        count: number of parts.
    """
    found: list[list[str]] = [[] for _ in range(count)]
    for kind, codes in kinds.items():
        share = np.array(
            [
                np.bincount(codes[labels == k], minlength=len(VALUES[kind])) / max(int((labels == k).sum()), 1)
                for k in range(count)
            ]
        )
        for k in range(count):
            word = int(share[k].argmax())
            others = np.delete(share[:, word], k)
            if share[k, word] >= MOSTLY and share[k, word] >= float(others.max(initial=0.0)) + MORE:
                found[k].append(VALUES[kind][word])
    plain = [", ".join(w[:2]) for w in found]
    return [_distinct(plain, k) for k in range(count)]


def _distinct(plain: Sequence[str], k: int) -> str:
    letter = LETTERS[k] if k < len(LETTERS) else str(k + 1)
    return f"part {letter}" if not plain[k] or plain.count(plain[k]) > 1 else plain[k]


def measured_names(
    dataset: Dataset,
    pictures: Pictures,
    rows: Int64,
    labels: Int64,
    most: int,
    seed: int = 0,
    *,
    progress: Progress = no_progress,
) -> list[str]:
    """Names of the parts `labels` of the pictures `rows`, from at most `most` of each, drawn at random."""
    count = int(labels.max()) + 1
    rng = np.random.default_rng(seed)
    some = [rng.permutation(np.flatnonzero(labels == p))[:most] for p in range(count)]
    part = dict(zip(rows.tolist(), labels.tolist(), strict=True))
    values = measure_pictures(dataset, pictures, rows[np.sort(np.concatenate(some))], progress=progress)
    of = np.array([part[int(r)] for r in values.rows], dtype=np.int64)
    return names(words(values), of, count)
