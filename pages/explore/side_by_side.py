"""Training and real world, side by side: what differs, seen at once."""

from __future__ import annotations

import streamlit as st

from analysis.dataset import TRAINING
from components import comparison, side_by_side
from components.shell import shell
from components.state import require_dataset

TITLE = "Training and real world"

opened = require_dataset()
dataset = opened.dataset
if not dataset.has_real_world or not len(dataset.rows(origin=TRAINING)):
    shell(TITLE, "What do the people who will use the model photograph, and has it seen that?", opened)
    comparison.nothing_to_compare(dataset)
    st.stop()

header = st.container()
concept = comparison.choose_concept(dataset)
side_by_side.mosaics(opened, concept)
found = comparison.comparison(opened, concept)
with header:
    shell(TITLE, comparison.sentence(found, concept, dataset) if found else "Looking at both sides.", opened)
if found is None:
    st.stop()

comparison.top_differences(found)
side_by_side.strips(opened, found)
side_by_side.pairs(opened, found)
comparison.attributes(opened, found)
with st.expander("How this is measured"):
    st.markdown(comparison.METHOD)
st.download_button(
    "Download as CSV",
    comparison.export(dataset, found),
    file_name="training-and-real-world.csv",
    mime="text/csv",
    icon=":material/download:",
)
