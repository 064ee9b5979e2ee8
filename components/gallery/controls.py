"""The row of filters above the gallery page, and pictures opened by link."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from analysis.attributes import ATTRIBUTES
from analysis.dataset import ORIGINS
from analysis.neighbours import more_like
from components.caching import cached
from components.gallery.filters import (
    AS_LOADED,
    NO_CONCEPT,
    NO_SPLIT,
    SIMILAR,
    Filter,
    column_choices,
    concept_choices,
    is_range,
    matching_rows,
    sorted_rows,
)
from components.text import count, plain
from components.theme import ORIGIN_NAMES

if TYPE_CHECKING:
    from analysis.dataset import Dataset
    from analysis.opening import OpenDataset

IMAGE_PARAMETER = "image"
ROW_PARAMETER = "row"
LIKE_PARAMETER = "like"
CONCEPT_PARAMETER = "concept"


def filter_controls(dataset: Dataset) -> Filter:
    """Widgets for concept, origin, split and one more column; what they say now."""
    with st.grid(4, min_column_width=190, gap="small"):
        concept = _concept(dataset)
        origin = _one_of(
            "Origin", [o for o in ORIGINS if (dataset.images["origin"] == o).any()], ORIGIN_NAMES, "origin"
        )
        splits = sorted(dataset.images["split"].dropna().unique().tolist())
        split = None
        if splits:
            gaps = [NO_SPLIT] if dataset.images["split"].isna().any() else []
            split = _one_of("Split", splits + gaps, {NO_SPLIT: "No split"}, "split")
        columns = column_choices(dataset)
        column = st.selectbox(
            "And by",
            [None, *columns],
            format_func=lambda c: "Nothing else" if c is None else columns[c],
            key="gallery-column",
        )
    low, high, values = _limits(dataset, column, columns)
    return Filter(concept, origin, split, column, low, high, values)


def _concept(dataset: Dataset) -> str | None:
    options: list[str | None] = [None, *concept_choices(dataset)]
    if dataset.labels["image"].nunique() < len(dataset):
        options.append(NO_CONCEPT)
    wanted = st.query_params.get(CONCEPT_PARAMETER)
    index = options.index(wanted) if wanted in options else 0
    words = {None: "All concepts", NO_CONCEPT: "Without a concept"}
    return st.selectbox(
        "Concept",
        options,
        index=index,
        format_func=lambda c: words.get(c) or plain(str(c)),
        key="gallery-concept",
    )


def _one_of(label: str, options: list[str], names: object, key: str) -> str | None:
    words = dict(names)  # type: ignore[call-overload]
    choice: str | None = st.selectbox(
        label,
        [None, *options],
        format_func=lambda o: "All" if o is None else plain(words.get(o, o)),
        key=f"gallery-{key}",
    )
    return choice


def _limits(
    dataset: Dataset, column: str | None, titles: dict[str, str]
) -> tuple[float | None, float | None, tuple[str, ...]]:
    if column is None:
        return None, None, ()
    values = dataset.images[column]
    title = titles[column]
    if not is_range(values):
        known = values.dropna().astype(str).value_counts().index.tolist()
        return (
            None,
            None,
            tuple(st.multiselect(title, known, format_func=plain, key=f"gallery-values-{column}")),
        )
    numbers = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    least, most = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    step = (most - least) / 200
    low, high = st.slider(
        title, least, most + step, (least, most + step), step=step, key=f"gallery-range-{column}", width=480
    )
    whole = low <= least and high >= most
    return (None, None, ()) if whole else (float(low), float(high), ())


def ordered(open_dataset: OpenDataset, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[str] | None]:
    """Widgets for the order; the rows in it, and a note for each where the order has a figure to show."""
    dataset = open_dataset.dataset
    columns = {AS_LOADED: "As in the folder", "image_id": "Name"} | column_choices(dataset)
    like = row_of(dataset, st.query_params.get(LIKE_PARAMETER))
    if like is not None:
        columns = {SIMILAR: "Most like the chosen picture"} | columns
    with st.container(horizontal=True, vertical_alignment="bottom"):
        column = st.selectbox(
            "Sort by", list(columns), format_func=columns.__getitem__, key=f"gallery-sort-{like}", width=280
        )
        down = False
        words = _order_words(dataset, column)
        if words is not None:
            order = st.segmented_control(
                "Order",
                [False, True],
                default=False,
                required=True,
                format_func=words.__getitem__,
                key="gallery-order",
                label_visibility="collapsed",
            )
            down = bool(order)
        if column == SIMILAR and st.button("Forget the chosen picture", key="gallery-forget", type="tertiary"):
            st.query_params.pop(LIKE_PARAMETER, None)
            st.rerun()
    if column == SIMILAR and like is not None:
        found = cached(open_dataset, "like_all", like, lambda: more_like(open_dataset.features, like, len(dataset)))
        keep = np.isin(found.rows, rows)
        chosen = [like] if like in rows else []
        notes = ["the chosen picture"] * len(chosen) + [f"similarity {s:.2f}" for s in found.scores[keep]]
        return np.concatenate([np.array(chosen, dtype=np.int64), found.rows[keep]]), notes
    rows = sorted_rows(dataset, rows, column, down)
    return rows, _column_notes(dataset, rows, column)


def _order_words(dataset: Dataset, column: str) -> tuple[str, str] | None:
    """What ascending and descending mean for a column, None where there is only one order."""
    if column in (SIMILAR, AS_LOADED):
        return None
    if column in ATTRIBUTES:
        known = ATTRIBUTES[column]
        return f"{known.lower.capitalize()} first", f"{known.higher.capitalize()} first"
    if pd.api.types.is_numeric_dtype(dataset.images[column]):
        return "Lowest first", "Highest first"
    return "A to Z", "Z to A"


def _column_notes(dataset: Dataset, rows: NDArray[np.int64], column: str) -> list[str] | None:
    if column == AS_LOADED:
        return None
    values = dataset.images[column].iloc[rows]
    if pd.api.types.is_float_dtype(values):
        return ["–" if pd.isna(v) else f"{v:,.3g}" if abs(v) < 1000 else f"{v:,.0f}" for v in values]
    return ["–" if pd.isna(v) else f"{v:,}" if isinstance(v, int) else str(v) for v in values.tolist()]


def row_of(dataset: Dataset, image_id: str | None) -> int | None:
    """The row of an image id, or None."""
    if image_id is None:
        return None
    found = np.flatnonzero((dataset.images["image_id"] == image_id).to_numpy())
    return int(found[0]) if len(found) else None


def linked_row(dataset: Dataset) -> int | None:
    """The picture the link names, by `image=` (its id) or `row=`; tells the person where there is none."""
    image_id = st.query_params.get(IMAGE_PARAMETER)
    number = st.query_params.get(ROW_PARAMETER)
    if image_id is None and number is None:
        return None
    row = row_of(dataset, image_id)
    if row is None and number is not None and number.isdecimal() and int(number) < len(dataset):
        row = int(number)
    if row is None:
        st.info("The link names a picture that is not in this dataset, so it shows all of them.")
    return row


def keep_in_link(dataset: Dataset, row: int) -> None:
    """Make the link name this picture."""
    st.query_params.pop(ROW_PARAMETER, None)
    st.query_params[IMAGE_PARAMETER] = str(dataset.images["image_id"].iloc[row])


def drop_from_link() -> None:
    """Make the link name no picture."""
    st.query_params.pop(ROW_PARAMETER, None)
    st.query_params.pop(IMAGE_PARAMETER, None)


def filtered_rows(open_dataset: OpenDataset, wanted: Filter) -> NDArray[np.int64]:
    """`matching_rows`, kept for the next run."""
    return cached(open_dataset, "filter", wanted, lambda: matching_rows(open_dataset.dataset, wanted))


def found_words(found: int, total: int) -> str:
    """`412 of 2,640 pictures` or `2,640 pictures`."""
    return count(total, "picture") if found == total else f"{found:,} of {count(total, 'picture')}"
