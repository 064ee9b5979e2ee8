"""Gallery: every picture, filtered, sorted, one opened in full."""

from __future__ import annotations

import streamlit as st

from components.gallery import gallery, picture_dialog
from components.gallery.controls import (
    LIKE_PARAMETER,
    drop_from_link,
    filter_controls,
    filtered_rows,
    found_words,
    keep_in_link,
    linked_row,
    ordered,
)
from components.gallery.export import pictures_csv
from components.jobs_ui import state_card
from components.shell import shell
from components.state import require_dataset

opened = require_dataset()
dataset = opened.dataset
shell("Gallery", "Every picture, to filter, sort and look at closely. Click one to open it.", opened)

linked = linked_row(dataset)
rows = filtered_rows(opened, filter_controls(dataset))
if not len(rows):
    state_card("No picture matches", "Loosen a filter above, and pictures appear here.")
    st.stop()
rows, notes = ordered(opened, rows)

with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.markdown(f"**{found_words(len(rows), len(dataset))}**", width="content")
    st.download_button(
        "Download this list (CSV)",
        lambda: pictures_csv(dataset, rows),
        file_name="pictures.csv",
        mime="text/csv",
        key="gallery-csv",
        on_click="ignore",
    )
clicked = gallery(opened, rows, key="gallery", notes=notes)


def show_like(row: int) -> None:
    """Sort by likeness to this picture from the next run on."""
    drop_from_link()
    st.query_params[LIKE_PARAMETER] = str(dataset.images["image_id"].iloc[row])


row = linked if clicked is None else clicked
if row is not None:
    picture_dialog(
        opened,
        row,
        rows=rows,
        on_show=lambda shown: keep_in_link(dataset, shown),
        on_close=drop_from_link,
        on_more_like=show_like,
    )
