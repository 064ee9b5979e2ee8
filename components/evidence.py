"""Pictures that show a finding: a short strip of tiles, each opens in full; all of them behind a click."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from components.caching import cached
from components.gallery import gallery, picture_dialog
from components.text import count

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

STRIP: Final = 8
"""Pictures in a strip before the rest is asked for: one row in a wide window."""
ALL_PAGE: Final = 24


def id_rows(opened: OpenDataset, image_ids: Sequence[str]) -> NDArray[np.int64]:
    """Rows of `images` of these ids, in their order; ids that are not (or no longer) in the dataset are left out."""
    known = cached(opened, "rows by id", None, lambda: _rows_by_id(opened))
    return np.array([known[i] for i in image_ids if i in known], dtype=np.int64)


def _rows_by_id(opened: OpenDataset) -> dict[str, int]:
    return {str(name): row for row, name in enumerate(opened.dataset.images["image_id"])}


def picture_strip(
    opened: OpenDataset,
    image_ids: Sequence[str],
    key: str,
    captions: Sequence[str] | None = None,
    *,
    notes: Sequence[str] | None = None,
    limit: int = STRIP,
) -> None:
    """A row of pictures; a click opens one over the page. Beyond `limit` a button shows all of them.

    Args:
        opened: whose pictures they are.
        image_ids: the most telling first; unknown ids are left out.
        key: unique on the page.
        captions: one a picture, any text; its concepts if None.
        notes: a second, quieter line each.
        limit: pictures shown at first.
    """
    known = cached(opened, "rows by id", None, lambda: _rows_by_id(opened))
    at = [i for i, name in enumerate(image_ids) if name in known]
    if not at:
        return
    rows = id_rows(opened, image_ids)
    every = len(rows) > limit and bool(st.session_state.get(f"{key}-every"))
    shown = len(rows) if every else min(limit, len(rows))
    clicked = gallery(
        opened,
        rows[:shown],
        key=key,
        captions=None if captions is None else [captions[i] for i in at[:shown]],
        notes=None if notes is None else [notes[i] for i in at[:shown]],
        size="small",
        page_size=ALL_PAGE if every else limit,
    )
    if len(rows) > limit:
        st.button(
            "Show fewer" if every else f"Show all {count(len(rows), 'picture')}",
            key=f"{key}-toggle",
            type="tertiary",
            on_click=_toggle,
            args=(f"{key}-every",),
        )
    if clicked is not None:
        picture_dialog(opened, clicked, rows=rows)


def tiny_strip(opened: OpenDataset, image_ids: Sequence[str], key: str) -> None:
    """A row of small pictures without captions; a click opens one over the page."""
    rows = id_rows(opened, image_ids)
    if not len(rows):
        return
    clicked = gallery(opened, rows, key=key, size="tiny", page_size=len(rows))
    if clicked is not None:
        picture_dialog(opened, clicked, rows=rows)


def _toggle(key: str) -> None:
    st.session_state[key] = not st.session_state.get(key)
