"""Start: choose a bundled sample, a folder, a zip file, or a dataset opened before."""

from __future__ import annotations

import streamlit as st

from components.cards import recent_datasets, sample_cards
from components.model_choice import model_choice
from components.state import OVERVIEW_PAGE, current, greet, link_parameters
from components.text import md
from components.uploads import folder_form, zip_form

greet()

st.html('<h1 class="tde-hero">See your training data before your model does</h1>')
st.html(
    '<p class="tde-lede">Look at the pictures a model learns from, beside the pictures it will meet in real '
    "use: what is in them, what is missing, and what to collect next. Everything stays on this computer.</p>"
)

choice = current()
if choice is not None and choice.source is not None and st.button(f"Continue with {md(choice.source.name)}"):
    st.switch_page(OVERVIEW_PAGE, query_params=link_parameters())

sample_cards()

st.subheader("Open your own pictures", anchor=False)
grid = st.grid(2, min_column_width=340, gap="medium")
with grid, st.container(border=True, height="stretch"):
    st.markdown("#### A folder on this computer")
    folder_form()
with grid, st.container(border=True, height="stretch"):
    st.markdown("#### A zip file")
    zip_form()
    st.caption("It is unpacked on this computer and sent nowhere else.")

recent_datasets()

st.subheader("Model", anchor=False)
model_choice()
