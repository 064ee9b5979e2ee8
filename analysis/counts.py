"""How often each concept occurs: counts, nested levels, concepts that share pictures, and how even it all is.

A concept is counted with its descendants; a picture counts once for a concept, however many of its labels
lie below it. Pure functions, numpy and pandas only.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analysis.dataset import REAL_WORLD, TRAINING, Dataset, ancestors, at_level, depth, is_within


def imbalance_ratio(counts: ArrayLike) -> float:
    """Largest count over smallest, at least 1; inf when one is 0 and another is not; nan without counts."""
    n = np.asarray(counts, dtype=np.float64)
    if not len(n) or n.max() == 0:
        return float("nan")
    return float(n.max() / n.min()) if n.min() > 0 else float("inf")


def effective_number(counts: ArrayLike) -> float:
    """Number of equally common concepts that would be as diverse: exp of the Shannon entropy of the counts.

    The Hill number of order 1 (Hill 1973, doi:10.2307/1934352; Jost 2006, doi:10.1111/j.2006.0030-1299.14714.x).
    Between 1 and the number of counts above 0; 0.0 without any.
    """
    n = np.asarray(counts, dtype=np.float64)
    n = n[n > 0]
    if not len(n):
        return 0.0
    p = n / n.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def levels(dataset: Dataset) -> int:
    """Number of levels of the deepest concept; 1 when concepts do not nest, 0 without labels."""
    return depth(dataset.concepts)


def concept_counts(dataset: Dataset, level: int | None = None) -> pd.DataFrame:
    """Pictures of each concept, by origin.

    Args:
        dataset: any dataset.
        level: None counts the concepts that were given as labels, each with its descendants; a number from 1
            cuts every concept to that many parts first (a shallower concept stays as it is).

    Returns:
        Columns `concept` (str), `training`, `real_world` (int64, pictures), `nested` (bool, whether the count
        holds pictures of concepts below it); most training pictures first, then by name.
    """
    if level is None:
        pairs = _with_ancestors(dataset)
    else:
        cut = [at_level(c, level) for c in dataset.labels["concept"]]
        pairs = pd.DataFrame({"image": dataset.labels["image"], "concept": pd.Series(cut, dtype=object)})
        pairs["below"] = (pairs["concept"] != dataset.labels["concept"]).to_numpy()
    nested = set(pairs.loc[pairs["below"], "concept"])
    pairs = pairs.drop_duplicates(["image", "concept"])
    origin = dataset.images["origin"].to_numpy()[pairs["image"].to_numpy(dtype=np.int64)]
    names = tuple(sorted(set(pairs["concept"])))
    code = pd.Categorical(pairs["concept"], categories=list(names)).codes
    out = pd.DataFrame({"concept": pd.Series(names, dtype=object)})
    for name in (TRAINING, REAL_WORLD):
        out[name] = np.bincount(code[origin == name], minlength=len(names)).astype(np.int64)
    out["nested"] = np.array([name in nested for name in names], dtype=bool)
    return out.sort_values(["training", "concept"], ascending=[False, True], ignore_index=True)


def unlabelled(dataset: Dataset, origin: str = TRAINING) -> int:
    """Number of pictures of an origin without any label."""
    has = np.zeros(len(dataset), dtype=bool)
    has[dataset.labels["image"].to_numpy(dtype=np.int64)] = True
    return int(((dataset.images["origin"] == origin).to_numpy() & ~has).sum())


def shared_pictures(dataset: Dataset, origin: str | None = TRAINING) -> pd.DataFrame:
    """Pairs of concepts that occur in the same picture, a concept and its own ancestor left out.

    Returns:
        Columns `concept_a`, `concept_b` (str, a before b), `pictures` (int), `share` (of the rarer concept's
        pictures, 0-1); most pictures first. Empty when every picture has one concept.
    """
    rows = set(dataset.rows(origin=origin).tolist())
    together: dict[tuple[str, str], int] = {}
    own: dict[str, int] = {}
    for row, concepts in enumerate(dataset.concepts_by_row):
        if row not in rows:
            continue
        found = sorted(concepts)
        for i, a in enumerate(found):
            own[a] = own.get(a, 0) + 1
            for b in found[i + 1 :]:
                if not is_within(b, a):
                    together[a, b] = together.get((a, b), 0) + 1
    out = pd.DataFrame(
        [(a, b, n, n / min(own[a], own[b])) for (a, b), n in together.items()],
        columns=["concept_a", "concept_b", "pictures", "share"],
    )
    return out.sort_values(["pictures", "concept_a", "concept_b"], ascending=[False, True, True], ignore_index=True)


def _with_ancestors(dataset: Dataset) -> pd.DataFrame:
    """Labels, and for each label (`below` True) also those of its ancestors that occur as labels themselves."""
    given = set(dataset.concepts)
    up = {c: [c, *(a for a in ancestors(c) if a in given)] for c in given}
    images: list[int] = []
    concepts: list[str] = []
    below: list[bool] = []
    for image, concept in zip(dataset.labels["image"], dataset.labels["concept"], strict=True):
        for name in up[concept]:
            images.append(int(image))
            concepts.append(name)
            below.append(name != concept)
    return pd.DataFrame(
        {
            "image": np.array(images, dtype=np.int64),
            "concept": pd.Series(concepts, dtype=object),
            "below": np.array(below, dtype=bool),
        }
    )
