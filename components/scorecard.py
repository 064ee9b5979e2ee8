"""Parts of the scorecard page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from analysis.guide import STATEMENTS
from analysis.registry import CHECKS
from components.text import md

if TYPE_CHECKING:
    from analysis.opening import OpenDataset


def statements(opened: OpenDataset) -> None:
    """The statements in order, each with its checks."""
    titles = {check.id: check.title for check in CHECKS}
    for statement in STATEMENTS:
        named = ", ".join(titles[c] for c in statement.checks if c in titles) or "not measured yet"
        st.markdown(f"{md(statement.words)} *{md(named)}*")
