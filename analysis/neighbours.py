"""Which pictures are most like a picture, or like a text: exact cosine similarity, no index.

Exact search over a million 384-number vectors takes well under a second, so an approximate index would buy
little and could miss the nearest picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.embedders.base import Embedder, Float32
from analysis.errors import InputError
from analysis.features import Features

DEFAULT_K: Final = 48  # one gallery page
MAX_TEXT: Final = 400  # characters; text models read no more than a sentence or two
SCORES_AT_ONCE: Final = 1 << 24  # 64 MB of scores a chunk


@dataclass(frozen=True, slots=True)
class Ranking:
    """Images in order of similarity.

    Attributes:
        rows: int64 (k,), rows of the dataset's images, most similar first; equal scores by row.
        scores: float32 (k,), cosine similarity, -1 to 1.
        note: what a person must know to read the ranking; empty if nothing.
    """

    rows: NDArray[np.int64]
    scores: Float32
    note: str = ""

    def __len__(self) -> int:
        return len(self.rows)


def nearest(
    vectors: Float32,
    queries: Float32,
    k: int = DEFAULT_K,
    exclude: NDArray[np.int64] | None = None,
    among: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64], Float32]:
    """The k most similar rows of `vectors` for each query, exactly.

    Args:
        vectors: float32 (n, d), L2-normalised.
        queries: float32 (q, d), L2-normalised.
        k: how many, at most; fewer where fewer are left.
        exclude: int64 (q,), for each query a row it must not find (itself); -1 for none.
        among: int64 (m,), the rows to choose from; all if None.

    Returns:
        rows int64 (q, k') and scores float32 (q, k'), most similar first, equal scores by row; k' is the
        smaller of k and the number of rows left (one less if any query excludes a row of the choice).
    """
    pool = np.arange(len(vectors), dtype=np.int64) if among is None else np.unique(np.asarray(among, dtype=np.int64))
    candidates = vectors if among is None else vectors[pool]
    lost = exclude is not None and bool(np.isin(exclude, pool).any())
    width = max(0, min(k, len(pool) - int(lost)))
    rows = np.empty((len(queries), width), dtype=np.int64)
    scores = np.empty((len(queries), width), dtype=np.float32)
    if width == 0:
        return rows, scores
    chunk = max(1, SCORES_AT_ONCE // len(pool))
    for start in range(0, len(queries), chunk):
        part = slice(start, start + chunk)
        similarity = np.asarray(queries[part] @ candidates.T, dtype=np.float32)
        if exclude is not None:
            _blank(similarity, pool, np.asarray(exclude)[part])
        order = _top(similarity, width)
        rows[part] = pool[order]
        scores[part] = np.take_along_axis(similarity, order, axis=1)
    return rows, scores


def _blank(similarity: np.ndarray, pool: np.ndarray, exclude: np.ndarray) -> None:
    """Set the score of each query's excluded row to minus infinity, where that row is in the pool."""
    place = np.searchsorted(pool, exclude)
    hit = (place < len(pool)) & (pool[np.minimum(place, len(pool) - 1)] == exclude)
    similarity[np.flatnonzero(hit), place[hit]] = -np.inf


def _top(similarity: np.ndarray, k: int) -> NDArray[np.int64]:
    """Columns of the k largest values of each row, largest first, equal values by column."""
    n = similarity.shape[1]
    if k < n:
        # the k-th largest value is a threshold; ties at it go to the lower column, which argpartition leaves open
        floor = np.partition(similarity, n - k, axis=1)[:, n - k]
    else:
        floor = np.full(len(similarity), -np.inf, dtype=similarity.dtype)
    out = np.empty((len(similarity), k), dtype=np.int64)
    for i, row in enumerate(similarity):
        above = np.flatnonzero(row > floor[i])
        level = np.flatnonzero(row == floor[i])[: k - len(above)] if len(above) < k else above[:0]
        chosen = np.concatenate([above, level])
        out[i] = chosen[np.lexsort((chosen, -row[chosen]))][:k]
    return out


def more_like(features: Features, row: int, k: int = DEFAULT_K, among: NDArray[np.int64] | None = None) -> Ranking:
    """The images most like the image in `row`, without it; `among` limits the choice to these rows."""
    own = np.array([row], dtype=np.int64)
    rows, scores = nearest(features.image, features.image[own], k, exclude=own, among=among)
    return Ranking(rows[0], scores[0])


def search_text(
    features: Features,
    embedder: Embedder,
    text: str,
    k: int = DEFAULT_K,
    among: NDArray[np.int64] | None = None,
) -> Ranking:
    """The images most like a text, most similar first, with a note on what the model cannot read.

    Raises:
        InputError: the text is empty.
    """
    words = " ".join(text.split())[:MAX_TEXT]
    if not words:
        raise InputError("The search text is empty: type what the picture should show.")
    query = embedder.encode_texts([words])
    rows, scores = nearest(features.joint, query, k, among=among)
    return Ranking(rows[0], scores[0], note=text_note(embedder))


def text_note(embedder: Embedder) -> str:
    """One or two sentences on how far a text search can be trusted with this model."""
    info = embedder.info
    start = "" if info.knows_text else "This model never learnt from text, so words reach pictures by a detour. "
    cannot = info.blind_to[:1].lower() + info.blind_to[1:]
    return f"{start}What it cannot tell: {cannot}" if cannot else start.strip()
