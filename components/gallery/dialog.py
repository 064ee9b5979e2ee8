"""One picture in full: the picture, its labels, what was measured, and the pictures most like it."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from analysis.attributes import ATTRIBUTES
from analysis.errors import InputError
from analysis.neighbours import more_like
from components.caching import cached
from components.gallery.tiles import concept_captions, gallery
from components.text import file_size, md, plain
from components.theme import ORIGIN_NAMES
from components.thumbnails import data_uri

if TYPE_CHECKING:
    from analysis.dataset import Dataset
    from analysis.opening import OpenDataset

NEIGHBOURS: Final = 10
ROW_KEY: Final = "picture_row"
"""Session state: row of the picture the dialog shows; set by `picture_dialog`, changed by its buttons."""


def picture_dialog(
    open_dataset: OpenDataset,
    row: int,
    *,
    rows: Sequence[int] | NDArray[np.int64] | None = None,
    on_show: Callable[[int], None] | None = None,
    on_close: Callable[[], None] | None = None,
    on_more_like: Callable[[int], None] | None = None,
) -> None:
    """Open one picture over the page.

    Args:
        open_dataset: whose picture it is.
        row: row of `images`.
        rows: the list that "previous" and "next" walk through; all images if None.
        on_show: called with the row whenever another picture is shown.
        on_close: called when the person closes it.
        on_more_like: called with the row when the person asks for pictures like it; without it no button is shown.
    """
    st.session_state[ROW_KEY] = int(row)
    order = np.arange(len(open_dataset.dataset)) if rows is None else np.asarray(rows, dtype=np.int64)
    dialog = st.dialog("Picture", width="large", on_dismiss=on_close or "ignore")
    dialog(_body)(open_dataset, order, on_show, on_more_like)


def _body(
    open_dataset: OpenDataset,
    order: NDArray[np.int64],
    on_show: Callable[[int], None] | None,
    on_more_like: Callable[[int], None] | None,
) -> None:
    row = min(int(st.session_state[ROW_KEY]), len(open_dataset.dataset) - 1)
    if on_show is not None:
        on_show(row)
    _steps(order, row, on_show)
    picture, facts = st.columns([3, 2], gap="medium")
    with picture:
        _picture(open_dataset, row)
    with facts:
        _facts(open_dataset.dataset, row)
        if on_more_like is not None and st.button("Show all pictures like this", key="picture-more-like"):
            on_more_like(row)
            st.rerun()
    _neighbours(open_dataset, row)


def _show(row: int, on_show: Callable[[int], None] | None = None) -> None:
    st.session_state[ROW_KEY] = int(row)
    if on_show is not None:
        on_show(row)


def _steps(order: NDArray[np.int64], row: int, on_show: Callable[[int], None] | None) -> None:
    """Buttons to the previous and next picture of the list; after a jump to a neighbour, back into it."""
    found = np.flatnonzero(order == row)
    at = int(found[0]) if len(found) else None
    before = int(order[at - 1]) if at else None
    after = int(order[at + 1]) if at is not None and at + 1 < len(order) else None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Previous",
            key="picture-previous",
            on_click=_show,
            args=(before, on_show),
            disabled=before is None,
        )
        st.button("Next", key="picture-next", on_click=_show, args=(after, on_show), disabled=after is None)
        if at is not None:
            st.caption(f"{at + 1:,} of {len(order):,}")
        else:
            st.button(
                "Back to the list",
                key="picture-back",
                on_click=_show,
                args=(int(order[0]), on_show),
                type="tertiary",
            )


def _picture(open_dataset: OpenDataset, row: int) -> None:
    try:
        picture = open_dataset.full_picture(row, 1200)
    except InputError as error:
        st.warning(md(str(error)))
        picture = open_dataset.thumbnails([row])[0]
    # By data address: Streamlit's own media files are answered to anyone who has the address.
    st.html(
        f'<img src="{data_uri(picture)}" alt="" style="display:block;width:100%;max-height:62vh;object-fit:contain;'
        'border-radius:8px;background:color-mix(in srgb, currentColor 6%, transparent)">'
    )


def _facts(dataset: Dataset, row: int) -> None:
    image = dataset.images.iloc[row]
    concepts = dataset.concepts_of(row)
    # headings shrink to the size of text inside a dialog
    st.html(
        '<p style="font:650 1.3rem/1.3 Manrope,sans-serif;margin:0;overflow-wrap:anywhere">'
        f"{html.escape(', '.join(plain(c) for c in concepts)) or 'No concept'}</p>"
    )
    denied = dataset.negatives.loc[dataset.negatives["image"] == row, "concept"].tolist()
    if denied:
        st.markdown(f"Known not to show {md(', '.join(denied))}")
    where = ORIGIN_NAMES[image["origin"]]
    split = image["split"]
    st.markdown(f"{where}{f', split {md(str(split))}' if pd.notna(split) else ''}  \n{md(str(image['image_id']))}")
    st.dataframe(facts_table(dataset, row), hide_index=True, width="stretch", height="content")


def facts_table(dataset: Dataset, row: int) -> pd.DataFrame:
    """What is known of one image: columns `What`, `Value` (text with unit), measured first, then its own columns."""
    image = dataset.images.iloc[row]
    out: list[tuple[str, str]] = []
    if "width" in image.index:
        out.append(("Size", f"{int(image['width']):,} x {int(image['height']):,} pixels"))
        out.append(("File", f"{image['format']}, {file_size(float(image['file_bytes']))}"))
    for attribute in ATTRIBUTES.values():
        if attribute.name in image.index:
            out.append((attribute.title, _value(image[attribute.name], attribute.digits, attribute.unit)))
    out += [(plain(name), plain(_own(image[name]))) for name in dataset.metadata]
    return pd.DataFrame(out, columns=["What", "Value"], dtype=object)


def _value(value: Any, digits: int, unit: str) -> str:
    if pd.isna(value):
        return "–"
    said = f" ({unit})" if "-" in unit or "/" in unit else f" {unit}" if unit else ""
    return f"{float(value):,.{digits}f}{said}"


def _own(value: Any) -> str:
    return "–" if pd.api.types.is_scalar(value) and pd.isna(value) else str(value)


def _neighbours(open_dataset: OpenDataset, row: int) -> None:
    found = cached(
        open_dataset,
        "more_like",
        (row, NEIGHBOURS),
        lambda: more_like(open_dataset.features, row, NEIGHBOURS),
    )
    if not len(found):
        return
    st.markdown("**Most similar pictures**")
    captions = concept_captions(open_dataset, found.rows)
    clicked = gallery(open_dataset, found.rows, key="picture-neighbours", captions=captions, size="small")
    if clicked is not None:
        _show(clicked)
        st.rerun(scope="fragment")
