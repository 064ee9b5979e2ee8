"""A table of pictures as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from analysis.dataset import Dataset

_NOT_FOR_PEOPLE: Final = ("path", "phash", "dhash", "signature")


def pictures_csv(dataset: Dataset, rows: Sequence[int] | NDArray[np.int64]) -> bytes:
    """CSV (UTF-8 with a mark, so that spreadsheets read it): id, origin, split, concepts joined by `|`, the rest."""
    rows = np.asarray(rows, dtype=np.int64)
    table = dataset.images.iloc[rows].drop(columns=[c for c in _NOT_FOR_PEOPLE if c in dataset.images])
    concepts = ["|".join(dataset.concepts_of(int(r))) for r in rows]
    table.insert(table.columns.tolist().index("split") + 1, "concepts", concepts, allow_duplicates=True)
    return table.to_csv(index=False).encode("utf-8-sig")
