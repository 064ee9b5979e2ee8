"""Which pictures of a dataset are selected on its map, in session state of our own.

Leaving a page drops a component's state, so the image ids are kept under `selection_key(source id)`: a list of
`image_id`. Tests and other pages may read and seed it. Ids, not rows: rows shift when a folder changes.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from components.map.codec import mask_of

if TYPE_CHECKING:
    from analysis.opening import OpenDataset


def selection_key(source_id: str) -> str:
    """Key in session state of the selected image ids."""
    return f"map_selection_{source_id}"


def _sent_key(source_id: str) -> str:
    return f"map_selection_sent_{source_id}"


def selected_rows(open_dataset: OpenDataset) -> NDArray[np.int64]:
    """Rows that are selected, int64 ascending; ids that are gone are left out."""
    ids = st.session_state.get(selection_key(open_dataset.source.id), [])
    if not ids:
        return np.zeros(0, dtype=np.int64)
    rows = pd.Index(open_dataset.dataset.images["image_id"]).get_indexer(pd.Index(list(ids), dtype=object))
    return np.unique(rows[rows >= 0]).astype(np.int64)


def select_rows(open_dataset: OpenDataset, rows: Sequence[int] | NDArray[np.int64]) -> None:
    """Select these rows from Python; the map shows it in this run, or the next if it was drawn already."""
    keep_rows(open_dataset, np.asarray(rows, dtype=np.int64))
    st.session_state.pop(_sent_key(open_dataset.source.id), None)


def clear_selection(open_dataset: OpenDataset) -> None:
    """Select nothing."""
    select_rows(open_dataset, [])


def keep_rows(open_dataset: OpenDataset, rows: NDArray[np.int64]) -> None:
    """Keep a selection made on the map itself, which shows it already."""
    ids = open_dataset.dataset.images["image_id"].iloc[rows].tolist()
    st.session_state[selection_key(open_dataset.source.id)] = ids


def sent_to_browser(open_dataset: OpenDataset) -> tuple[str, str]:
    """(revision, mask) for the map's data: the selection as Python last set it.

    What a person selects in the browser does not change it, so a lasso does not send the whole map again; the
    browser takes the mask only when the revision is one it has not seen.
    """
    key = _sent_key(open_dataset.source.id)
    n = len(open_dataset.dataset)
    kept: tuple[str, str, int] | None = st.session_state.get(key)
    if kept is None or kept[2] != n:
        kept = (secrets.token_hex(6), mask_of(selected_rows(open_dataset), n), n)
        st.session_state[key] = kept
    return kept[0], kept[1]
