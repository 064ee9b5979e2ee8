"""Values that only words can name (“sliced apples”), seen by the model in use, where it proves that it can see them.

A prompt is trusted only after a calibration on pictures that are known to show the value: those whose concept or
whose own metadata (a column of a manifest, a folder of real use) says the same words. Shown one of them and one that
is of another concept or says another thing, the prompt must be right in at least `RIGHT` of 100 cases, by the lower end
of the 95 % interval (Hanley and McNeil 1982); then the score that `SEEN` of the known pictures reach decides, provided
few of the others do. All other prompts stay silent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.dataset import Dataset
from analysis.features import Features
from analysis.names import leaf

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

RIGHT: Final = 0.85
"""Lower end of the share of right answers: well above the 0.75 that is just noticeable."""
SEEN: Final = 0.8
"""Share of known pictures that must reach the score that decides."""
MISTAKEN: Final = 0.05
"""Share of the other pictures that may reach it."""
LEAST_KNOWN: Final = 8
MOST_OTHERS: Final = 1000


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that passed: `score` (n,) of all pictures, those from `limit` on show the value; `known` are rows of
    pictures known to show it; `right` is the share of right answers."""

    word: str
    score: Float64
    limit: float
    known: Int64
    right: float

    def shown(self, rows: Int64) -> Bool:
        """Which of these pictures show the value."""
        return np.asarray(self.score[rows] >= self.limit)


def calibrated(dataset: Dataset, features: Features, words: Sequence[str], concept: str) -> dict[str, Prompt]:
    """Of what a taxonomy names for a concept, what the model in use can be trusted with; by the taxonomy's word."""
    if not words or features.pictures is None:
        return {}
    out = {}
    for word in words:
        known = known_pictures(dataset, word)
        if known.sum() < LEAST_KNOWN or (~known).sum() < LEAST_KNOWN:
            continue
        texts = features.pictures.encode_texts([f"a photo of {word}", f"a photo of {leaf(concept)}"])
        score = (features.joint @ (texts[0] - texts[1])).astype(np.float64)
        prompt = calibrate(word, score, known)
        if prompt is not None:
            out[word] = prompt
    return out


def known_pictures(dataset: Dataset, word: str) -> Bool:
    """bool (n,): whose concept or metadata says the word."""
    said = spelt(word)
    out = np.zeros(len(dataset), dtype=bool)
    for concept in dataset.concepts:
        if spelt(leaf(concept)) == said:
            out[dataset.rows(concept=concept)] = True
    for column in dataset.metadata:
        cells = dataset.images[column]
        alike = {cell for cell in cells.dropna().unique() if isinstance(cell, str) and spelt(leaf(cell)) == said}
        out |= cells.isin(alike).to_numpy()
    return out


def spelt(text: str) -> str:
    """Lower case, words apart by one space, without the plural's s."""
    return " ".join(w.removesuffix("s") for w in re.findall(r"[a-z0-9]+", text.casefold()))


def calibrate(word: str, score: Float64, known: Bool) -> Prompt | None:
    """The prompt with its limit, or None where the model cannot be trusted with it."""
    mine, others = score[known], score[~known]
    if len(others) > MOST_OTHERS:
        others = np.sort(others)[np.linspace(0, len(others) - 1, MOST_OTHERS).astype(np.int64)]
    right = float(((mine[:, None] > others[None]) + 0.5 * (mine[:, None] == others[None])).mean())
    n, m = len(mine), len(others)
    q1, q2 = right / (2 - right), 2 * right**2 / (1 + right)
    spread = np.sqrt((right * (1 - right) + (n - 1) * (q1 - right**2) + (m - 1) * (q2 - right**2)) / (n * m))
    limit = float(np.quantile(mine, 1 - SEEN, method="lower"))
    if right - 1.96 * spread < RIGHT or float((others >= limit).mean()) > MISTAKEN:
        return None
    return Prompt(word, score, limit, np.flatnonzero(known), right)
