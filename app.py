"""Table of contents: page settings and navigation, nothing else."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from components.shell import sidebar
from components.theme import styles

st.set_page_config(
    page_title="Training Data Explorer",
    page_icon=str(Path(__file__).parent / "static" / "favicon.png"),
    layout="wide",
)
styles()

SECTIONS = {
    "Start": [
        st.Page("pages/explore/start.py", title="Start", default=True),
    ],
    "Explore": [
        st.Page("pages/explore/overview.py", title="Overview", url_path="overview"),
        st.Page("pages/explore/class_balance.py", title="Class balance", url_path="balance"),
        st.Page("pages/explore/embedding_map.py", title="Embedding map", url_path="map"),
        st.Page("pages/explore/side_by_side.py", title="Training and real world", url_path="compare"),
        st.Page("pages/explore/gallery.py", title="Gallery", url_path="gallery"),
    ],
    "Audit": [
        st.Page("pages/audit/scorecard.py", title="Scorecard", url_path="scorecard"),
        st.Page("pages/audit/quantity.py", title="Quantity", url_path="quantity"),
        st.Page("pages/audit/scope.py", title="Scope", url_path="scope"),
        st.Page("pages/audit/uniqueness.py", title="Repeated pictures", url_path="uniqueness"),
        st.Page("pages/audit/leakage.py", title="Pictures on both sides", url_path="leakage"),
        st.Page("pages/audit/consistency.py", title="Consistent composition", url_path="consistency"),
        st.Page("pages/audit/image_quality.py", title="Picture quality", url_path="image_quality"),
        st.Page("pages/audit/label_errors.py", title="Label errors", url_path="label_errors"),
        st.Page("pages/audit/taxonomy.py", title="Taxonomy", url_path="taxonomy"),
        st.Page("pages/audit/description.py", title="Descriptions", url_path="description"),
        st.Page("pages/audit/representativeness.py", title="Real use", url_path="representativeness"),
        st.Page("pages/audit/visibility.py", title="Visibility", url_path="visibility"),
        st.Page("pages/audit/noise_robustness.py", title="Noise of a photo", url_path="noise_robustness"),
        st.Page("pages/audit/outside_context.py", title="Outside context", url_path="outside_context"),
        st.Page("pages/audit/spread.py", title="Cast too wide", url_path="spread"),
        st.Page("pages/audit/focality.py", title="Subject or side matter", url_path="focality"),
        st.Page("pages/audit/co_occurrence.py", title="What travels along", url_path="co_occurrence"),
        st.Page("pages/audit/why.py", title="Why did it say that?", url_path="why"),
    ],
}

# The links are our own (components/shell.py): the built-in ones drop query parameters, the dataset's too.
page = st.navigation(SECTIONS, position="hidden")
sidebar(SECTIONS)
page.run()
