"""Tiles of pictures, each a real button: one component a page of pictures, not one widget a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from analysis.dataset import REAL_WORLD
from components.text import count, plain, short_concepts
from components.theme import ORIGIN_NAMES
from components.thumbnails import thumbnail_sources

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

PAGE_SIZE: Final = 48
_HERE: Final = Path(__file__).parent
Size = Literal["tiny", "small", "medium", "large"]

_mount: Final = st.components.v2.component(
    "tde_gallery",
    css=(_HERE / "gallery.css").read_text(encoding="utf-8"),
    js=(_HERE / "gallery.js").read_text(encoding="utf-8"),
)


def gallery(
    open_dataset: OpenDataset,
    rows: Sequence[int] | NDArray[np.int64],
    *,
    key: str,
    captions: Sequence[str] | None = None,
    notes: Sequence[str] | None = None,
    size: Size = "medium",
    page_size: int = PAGE_SIZE,
    show_origin: bool | None = None,
) -> int | None:
    """Show pictures page by page; the row of the one clicked in this run, else None.

    Args:
        open_dataset: whose pictures they are.
        rows: rows of `images`, in the order to show.
        key: unique on the page.
        captions: a line under each picture, any text; its concepts if None.
        notes: a second, quieter line under each picture.
        size: of the tiles; tiny ones stand in one row, without captions.
        page_size: pictures on a page.
        show_origin: badge that says where a picture comes from; by default where the dataset has both origins.
    """
    rows = np.asarray(rows, dtype=np.int64)
    pages = max(1, -(-len(rows) // page_size))
    page_key = f"{key}-page-{hashlib.blake2b(rows.tobytes(), digest_size=6).hexdigest()}"
    page = min(int(st.session_state.get(page_key, 1)), pages)
    part = slice((page - 1) * page_size, page * page_size)
    tiles = _tiles(open_dataset, rows[part], captions and captions[part], notes and notes[part], show_origin)
    result = _mount(
        key=component_key(key),
        data={"tiles": tiles, "size": size, "label": count(len(rows), "picture")},
        on_open_change=_nothing,
    )
    if pages > 1:
        _pager(page_key, pages, page, len(rows), page_size)
    return clicked_row(result.get("open"), rows)


def clicked_row(value: Any, rows: NDArray[np.int64]) -> int | None:
    """The row a browser says was clicked, if it is one of those shown."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        return None
    return int(value) if int(value) in rows else None


def _nothing() -> None:
    """A trigger needs a callback to be declared; the caller reads the result instead."""


def _tiles(
    open_dataset: OpenDataset,
    rows: NDArray[np.int64],
    captions: Sequence[str] | None,
    notes: Sequence[str] | None,
    show_origin: bool | None,
) -> list[dict[str, Any]]:
    dataset = open_dataset.dataset
    with_origin = dataset.images["origin"].nunique() > 1 if show_origin is None else show_origin
    origins = dataset.images["origin"].iloc[rows].tolist()
    texts = captions if captions is not None else concept_captions(open_dataset, rows)
    return [
        {
            "row": int(row),
            "src": source,
            "caption": plain(texts[i]),
            "note": plain(notes[i]) if notes is not None else "",
            "origin": ORIGIN_NAMES[origins[i]] if with_origin else "",
            "real": origins[i] == REAL_WORLD,
        }
        for i, (row, source) in enumerate(zip(rows, thumbnail_sources(open_dataset, rows.tolist()), strict=True))
    ]


def concept_captions(open_dataset: OpenDataset, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
    """Each picture's concepts by the ends of their names."""
    dataset = open_dataset.dataset
    short = short_concepts(dataset.concepts)
    return [", ".join(short[c] for c in dataset.concepts_of(int(r))) or "no concept" for r in rows]


def component_key(key: str) -> str:
    """A key Streamlit accepts for a component: it refuses double underscores, which a concept's name may hold."""
    if "__" not in key and not key.endswith("_"):
        return key
    return "gallery-" + hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _pager(key: str, pages: int, page: int, total: int, page_size: int) -> None:
    first = (page - 1) * page_size + 1
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(f"{first:,}–{min(page * page_size, total):,} of {total:,}", width="content")
        st.pagination(pages, key=key)
