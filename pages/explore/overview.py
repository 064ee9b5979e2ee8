"""Overview: what is in the dataset, in words, numbers and pictures."""

from __future__ import annotations

import streamlit as st

from components import overview
from components.shell import shell
from components.state import require_dataset

opened = require_dataset()
dataset = opened.dataset

shell("Overview", overview.summary_sentence(dataset), opened)
overview.metrics(dataset)
overview.examples(opened)
overview.concepts(opened)

grid = st.grid(2, min_column_width=420, gap="medium")
with grid, st.container():
    overview.sizes(opened)
with grid, st.container():
    overview.splits(dataset)
    overview.unreadable(opened)
    overview.model(opened)

overview.export(opened)
