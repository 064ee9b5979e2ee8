"""Can the model judge a concept by its name? And the concept's heat over the pictures where it is labelled.

A concept has several wordings: the last part of its path, that with the part above, its taxonomy entry's synonyms and
description. The wording is taken under which the labelled pictures stand out most from the others. If even they do not
stand out (one-sided Mann-Whitney test, corrected for the number of wordings, and an AUC of `LEAST_AUC`), the name says
nothing to this model, and no verdict is built on it. Nor is one where the model knows only certain names and none is
near any of the wordings (`KNOWN_NAME`): pictures that stand out then do so by what surrounds the concept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.concept_tree import ConceptTree, build_tree, entry_of
from analysis.features import Pictures
from analysis.focal_heat import COMMON, Direction, best_part, first_heat, ground, learn
from analysis.focal_maps import Maps
from analysis.progress import Progress, no_progress
from analysis.taxonomy import Entry

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

ALPHA: Final = 0.05
LEAST_AUC: Final = 0.7
"""Of a labelled against another picture, by the name alone: below, a name that works is hardly told from one that does
not (TrashNet's `metal` and `paper` have 0.62 to 0.66, and their heat lies anywhere)."""
KNOWN_NAME: Final = 0.5
"""Cosine of a wording and the nearest name the model knows. Of 46 things in the scenes of ADE20K, 13 have less
("flower", "person"): their pictures stand out by an AUC of 0.68 on average, those of the others by 0.83."""
LEAST_WITH: Final = 5
LEAST_WITHOUT: Final = 10
LEAST_DISTANT: Final = 0.25
"""Of the pictures that must show something else than a concept's parent; with fewer, its siblings count too."""
MOST_NAMES: Final = 300
"""Other names that one is held against: more say nothing new."""
WORDS: Final = 40
"""Of a description that are read."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the model makes of one concept.

    Attributes:
        wording: the words used.
        auc: labelled pictures against others by these words alone; nan where there are too few.
        judged: whether the words say something to this model.
        direction: of the learnt heat; None where nothing could be learnt.
    """

    wording: str
    auc: float
    judged: bool
    direction: Direction | None


def wordings(concept: str, tree: ConceptTree | None = None) -> tuple[str, ...]:
    """Ways to say a concept, plainest first, no two alike."""
    parts = [_plain(p) for p in concept.split("/")]
    out = [parts[-1], *([f"{parts[-1]} {parts[-2]}"] if len(parts) > 1 else [])]
    if tree is not None:
        name = entry_of(concept, tree)
        entry = tree.entry(name) if name is not None else None
        if entry is not None:
            out += [_plain(s) for s in entry.synonyms[:3]]
            if entry.description:
                out.append(" ".join(entry.description.split()[:WORDS]))
    return tuple(dict.fromkeys(w for w in out if w))


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").replace("-", " ").split()).lower()


def know(
    entries: Sequence[Entry],
    pictures: Pictures,
    maps: Maps,
    member: Bool,
    classes: Sequence[str],
    *,
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[Known, ...]:
    """For each class what the model makes of it; `member` bool (n, k) over the pictures of `maps`."""
    tree = build_tree(entries) if entries else None
    every = [wordings(c, tree) for c in classes]
    flat = list(dict.fromkeys(w for one in every for w in one))
    vector = dict(zip(flat, pictures.encode_texts(flat), strict=True))
    plain = np.stack([vector[one[0]] for one in every[:MOST_NAMES]])
    others = np.concatenate([plain, pictures.encode_texts(COMMON)])
    shared = ground(maps.vectors, seed=seed) if len(maps.rows) else None
    read = known_words(flat, np.stack([vector[w] for w in flat]), pictures.vocabulary())
    out = []
    for k, ways in enumerate(every):
        progress(k, len(every), "learning where each concept is")
        has = member[:, k]
        against = counter(k, member, classes)
        if shared is None or has.sum() < LEAST_WITH or against.sum() < LEAST_WITHOUT:
            out.append(Known(ways[0], float("nan"), False, None))
            continue
        tried = []
        for words in [w for w in ways if w in read] or ways:
            heat = first_heat(maps.vectors, vector[words], others)
            tried.append((*stands_out(best_part(heat), has, against), words, heat))
        auc, p, words, heat = max(tried, key=lambda t: t[0])
        judged = words in read and p * len(ways) <= ALPHA and auc >= LEAST_AUC
        out.append(Known(words, auc, judged, learn(maps.vectors, heat, has, against, shared, seed=seed)))
    return tuple(out)


def known_words(texts: Sequence[str], vectors: Float32, names: Float32 | None) -> frozenset[str]:
    """Those of the texts that lie near a name the model knows; all of them where it reads any text.

    Args:
        texts: with `vectors` float32 (n, d), L2-normalised.
        names: float32 (m, d), L2-normalised (`Pictures.vocabulary`), or None.
    """
    if names is None:
        return frozenset(texts)
    near = (vectors @ names.T).max(axis=1) >= KNOWN_NAME
    return frozenset(t for t, hit in zip(texts, near, strict=True) if hit)


def counter(k: int, member: Bool, classes: Sequence[str]) -> Bool:
    """bool (n,): pictures that show something else than class k.

    What lies under the same parent (one apple and another) is nothing else, as far as where to look goes, unless
    hardly anything would be left to compare with.
    """
    parent = classes[k].rpartition("/")[0]
    kin = np.array([bool(parent) and c.rpartition("/")[0] == parent for c in classes])
    kin[k] = True
    distant = ~member[:, kin].any(axis=1)
    return np.asarray(distant if distant.mean() >= LEAST_DISTANT else ~member[:, k])


def stands_out(value: Float64, has: Bool, against: Bool) -> tuple[float, float]:
    """AUC of `value` for `has`, and the one-sided Mann-Whitney p-value of "not above those of `against`"."""
    from scipy.stats import mannwhitneyu

    test = mannwhitneyu(value[has], value[against], alternative="greater")
    return float(test.statistic) / (int(has.sum()) * int(against.sum())), float(test.pvalue)
