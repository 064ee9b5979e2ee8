"""Which pictures a gallery shows, and in which order. Pure: no widgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.attributes import ATTRIBUTES
from analysis.dataset import ancestors
from components.text import plain

if TYPE_CHECKING:
    from analysis.dataset import Dataset

NO_CONCEPT: Final = "\x00no concept"  # cannot be a concept's name
NO_SPLIT: Final = "\x00no split"
AS_LOADED: Final = "as loaded"
SIMILAR: Final = "similar"


@dataclass(frozen=True, slots=True)
class Filter:
    """What a picture must be to be shown; None means any.

    `concept` includes the concepts below it. `low` and `high` (both included) limit the numeric column `column`;
    `values` are the texts allowed in it otherwise.
    """

    concept: str | None = None
    origin: str | None = None
    split: str | None = None
    column: str | None = None
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()


def matching_rows(dataset: Dataset, wanted: Filter) -> NDArray[np.int64]:
    """Rows of `images` that match, int64 ascending."""
    images = dataset.images
    keep = np.ones(len(images), dtype=bool)
    if wanted.concept == NO_CONCEPT:
        keep[dataset.labels["image"].to_numpy(dtype=np.int64)] = False
    elif wanted.concept is not None:
        of_concept = np.zeros(len(images), dtype=bool)
        of_concept[dataset.rows(concept=wanted.concept)] = True
        keep &= of_concept
    if wanted.origin is not None:
        keep &= (images["origin"] == wanted.origin).to_numpy()
    if wanted.split is not None:
        split = images["split"]
        keep &= (split.isna() if wanted.split == NO_SPLIT else split == wanted.split).to_numpy(dtype=bool)
    if wanted.column is not None:
        values = images[wanted.column]
        if wanted.values:
            keep &= values.astype(str).isin(wanted.values).to_numpy() & values.notna().to_numpy()
        if wanted.low is not None and wanted.high is not None:
            numbers = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
            keep &= (numbers >= wanted.low) & (numbers <= wanted.high)
    return np.flatnonzero(keep)


def sorted_rows(dataset: Dataset, rows: NDArray[np.int64], column: str, descending: bool = False) -> NDArray[np.int64]:
    """The same rows by a column of `images`; pictures without a value come last, equal ones as loaded."""
    if column == AS_LOADED:
        return rows[::-1] if descending else rows
    values = dataset.images[column].iloc[rows].reset_index(drop=True)
    if not pd.api.types.is_numeric_dtype(values):
        values = values.where(values.isna(), values.astype(str))
    order = values.sort_values(ascending=not descending, kind="stable", na_position="last").index
    return rows[order.to_numpy(dtype=np.int64)]


def concept_choices(dataset: Dataset) -> list[str]:
    """Concepts and their implied parents, each parent before what is below it."""
    names = set(dataset.concepts)
    for concept in dataset.concepts:
        names.update(ancestors(concept))
    return sorted(names, key=lambda c: c.split("/"))


def column_choices(dataset: Dataset) -> dict[str, str]:
    """Columns to filter and sort by: name -> words for a person."""
    images = dataset.images
    out = {a.name: a.title for a in ATTRIBUTES.values() if a.name in images}
    out |= {c: t for c, t in (("file_bytes", "File size in bytes"), ("format", "File format")) if c in images}
    out |= {name: f"{plain(name)} (your column)" for name in dataset.metadata}
    return out


def is_range(values: pd.Series) -> bool:
    """Whether a column is filtered by a range rather than by its values."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values) and values.nunique() > 1
