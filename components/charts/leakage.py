"""Pictures on both sides: how many cross each border, and each of them beside its copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from analysis.checks.base import PAIRS, Findings
from components.evidence import id_rows
from components.gallery import gallery, picture_dialog
from components.gallery.tiles import concept_captions
from components.text import plain

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

PAIRS_A_PAGE: Final = 9
COLUMNS: Final = 3


def draw(opened: OpenDataset, findings: Findings) -> None:
    """A table of the borders; pairs beside each other with where each lies; the list to download."""
    pairs = findings.tables[PAIRS]
    if pairs.empty:
        return
    st.subheader("Which border they cross", anchor=False)
    borders = _borders(pairs)
    st.dataframe(borders, hide_index=True)
    st.subheader("Each picture beside its copy", anchor=False)
    names = ["All borders", *borders["Between"]]
    shown = pairs
    if len(names) > 2:
        chosen = st.segmented_control("Border", names, default=names[0], key="leakage-border", required=True)
        if chosen in names[1:]:
            shown = pairs[_between(pairs) == chosen]
    pages = -(-len(shown) // PAIRS_A_PAGE)
    page = min(int(st.session_state.get("leakage-page", 1)), pages)
    with st.grid(COLUMNS, min_column_width=210, gap="small"):
        for n, row in enumerate(shown.iloc[(page - 1) * PAIRS_A_PAGE : page * PAIRS_A_PAGE].to_dict("records")):
            _pair(opened, {str(k): str(v) for k, v in row.items()}, n)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.download_button(
            "Download these pairs (CSV)",
            lambda: pairs.drop(columns="score").to_csv(index=False).encode("utf-8-sig", "backslashreplace"),
            file_name="pictures-on-both-sides.csv",
            mime="text/csv",
            key="leakage-list",
            icon=":material/download:",
            on_click="ignore",
        )
        if pages > 1:
            st.pagination(pages, key="leakage-page")


def _between(pairs: pd.DataFrame) -> pd.Series:
    ends = [" and ".join(sorted((str(a), str(b)))) for a, b in zip(pairs["side_a"], pairs["side_b"], strict=True)]
    return pd.Series(ends, index=pairs.index)


def _borders(pairs: pd.DataFrame) -> pd.DataFrame:
    between = _between(pairs)
    rows = []
    for name in sorted(set(between)):
        of = pairs[between == name]
        exact = int((of["kind"] == "exact").sum())
        rows.append({"Between": name, "Pairs": len(of), "Exact copies": exact, "Altered copies": len(of) - exact})
    return pd.DataFrame(rows)


def _pair(opened: OpenDataset, row: dict[str, str], n: int) -> None:
    at = id_rows(opened, [row["image_a"], row["image_b"]])
    if len(at) != 2:
        return
    with st.container(border=True, key=f"leakage-pair-{n}"):
        clicked = gallery(
            opened,
            at,
            key=f"leakage-tiles-{n}",
            captions=[row["side_a"], row["side_b"]],
            notes=[plain(c) for c in concept_captions(opened, at)],
            size="small",
            show_origin=False,
        )
        st.caption(row["change"])
    if clicked is not None:
        picture_dialog(opened, clicked, rows=at)
