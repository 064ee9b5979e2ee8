"""Embedding map: similar pictures lie close together."""

from __future__ import annotations

import streamlit as st

from components.gallery import picture_dialog
from components.jobs_ui import state_card
from components.map import embedding_map
from components.map.panel import controls, find, find_like, positions, show_found, show_selection
from components.shell import shell
from components.state import require_dataset

opened = require_dataset()
shell(
    "Embedding map",
    "Similar pictures lie close together. Draw around points to see their pictures; point at one to see it at once.",
    opened,
)
xy = positions(opened)
if xy is None:
    st.stop()

view = controls(opened)
found = find(opened, view)
state = embedding_map(
    opened,
    xy,
    view.paint,
    shown=view.shown,
    rings=found.ranking.rows.tolist() if found else (),
    focus=found.focus if found else None,
    sheet=view.sheet,
)
with st.expander("How to read this map"):
    st.markdown(
        "Each point is a picture. Two pictures that the model finds alike lie close together; groups far apart differ. "
        "Directions, empty space and the size of a group mean nothing. "
        "Look for a concept that splits into separate islands, for islands of one origin only, "
        "and for single points deep inside another concept.\n\n"
        "Method: 50 principal components of the image vectors, then PaCMAP (Wang et al. 2021) with a fixed seed."
    )

to_open = state.opened
if found:
    clicked = show_found(opened, found)
    to_open = to_open if clicked is None else clicked
if len(state.selected):
    clicked = show_selection(opened, state.selected)
    to_open = to_open if clicked is None else clicked
elif not found:
    by_colour = "Or click a colour below the map to select all of its pictures."
    state_card("Draw around points to see their pictures", by_colour if view.paint.kind == "category" else "")

if to_open is not None:
    walk = state.selected if to_open in state.selected else None
    picture_dialog(opened, to_open, rows=walk, on_more_like=lambda row: find_like(opened, row))
