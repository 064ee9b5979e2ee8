"""Class balance: how often each concept occurs, and which is too rare."""

from __future__ import annotations

import streamlit as st

from components import class_counts
from components.charts.balance import draw_cost
from components.shell import shell
from components.state import require_dataset

opened = require_dataset()
dataset = opened.dataset
labelled = class_counts.counts_at(opened, None)
detailed = labelled[~labelled["nested"]]
shell("Class balance", class_counts.sentence(detailed, dataset), opened)

if labelled.empty:
    st.info(
        "Put the pictures into one folder per concept, or name their concepts in a manifest, and open the "
        "dataset again.",
        icon=":material/label:",
    )
    st.stop()

class_counts.figures_in_words(detailed, dataset)
findings = class_counts.verdict(opened)

st.subheader("Pictures of each concept", anchor=False)
with st.container(horizontal=True, vertical_alignment="bottom"):
    level = class_counts.level_switch(dataset)
    order = st.segmented_control(
        "Order", class_counts.ORDERS, default=class_counts.ORDERS[0], key="balance-order", required=True
    )
    measure = (
        st.segmented_control(
            "Bars show",
            ["Pictures", "Share of each origin"],
            default="Pictures",
            key="balance-measure",
            required=True,
        )
        if dataset.has_real_world
        else "Pictures"
    )
table = class_counts.ordered(class_counts.counts_at(opened, level), order)
class_counts.chart(table, shares=measure != "Pictures", key=f"balance-chart-{level}-{order}-{measure}")
class_counts.pictures(opened, table)
if findings is not None:
    draw_cost(findings)
class_counts.shared(dataset)
st.download_button(
    "Download as CSV",
    class_counts.export(table, findings),
    file_name="class-balance.csv",
    mime="text/csv",
    icon=":material/download:",
)
