"""What imbalance costs: each concept's recall as it stands, and with the imbalance weighed out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from analysis.checks.base import Findings
from components.charts.common import bars, show
from components.text import count, percent, short_concepts
from components.theme import PALETTE, colours

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

SHOWN: Final = 30
"""Rarest concepts drawn."""
MARK: Final = PALETTE[1]


def draw_cost(findings: Findings) -> None:
    """A heading, a sentence and the chart; nothing where recall was not measured or all concepts are equally common."""
    table = findings.tables["balance"]
    table = table[table["recall"].notna()].sort_values(["n", "concept"])
    if len(table) < 2 or table["n"].min() == table["n"].max():
        return
    st.subheader("What the imbalance costs", anchor=False)
    st.markdown(_sentence(table))
    rarest = table.head(SHOWN)
    show(cost_figure(rarest), key="balance-cost", alt=_alt(rarest))
    st.caption(
        "Bars: how often a simple classifier recognises pictures it has not seen, with the range that chance leaves "
        "open (95%). Diamonds: the same, had it no preference for common concepts. "
        f"Rarest first{f'; the {SHOWN} rarest of {len(table)}' if len(table) > SHOWN else ''}. "
        f"Measured on {count(int(findings.extra['recall_measured_on']), 'training picture')}."  # type: ignore[call-overload]
    )


def cost_figure(table: pd.DataFrame) -> go.Figure:
    """Bars of `recall` with `recall_low` and `recall_high`, diamonds at `recall_even`, in the table's order."""
    names = short_concepts(table["concept"].tolist())
    labels = [f"{names[c]} ({n:,})" for c, n in zip(table["concept"], table["n"], strict=True)]
    words = [
        f"{percent(r)} recognised; {percent(e)} with the imbalance weighed out"
        for r, e in zip(table["recall"], table["recall_even"], strict=True)
    ]
    figure = bars(
        labels,
        table["recall"].to_numpy(),
        low=table["recall_low"].to_numpy(),
        high=table["recall_high"].to_numpy(),
        hover=words,
        tick_format=".0%",
        value_range=(0.0, 1.03),
        title="Recognised",
    )
    figure.add_scatter(
        x=table["recall_even"].to_numpy(),
        y=list(range(len(table))),
        mode="markers",
        marker={
            "symbol": "diamond",
            "size": 12,
            "color": MARK,
            "line": {"width": 1.5, "color": colours()["paper"]},
        },
        hovertext=words,
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
        showlegend=False,
    )
    return figure


def _sentence(table: pd.DataFrame) -> str:
    share = table["n"].sum() / len(table)
    rare = table[table["n"] < 0.8 * share]
    if rare.empty:
        return "No concept is rare enough for its recognition to suffer much."
    lost = (rare["recall_even"] - rare["recall"]).mean()
    stands = rare["recall"].mean()
    others = table[table["n"] >= 0.8 * share]["recall"].mean()
    who = "The rare concept is" if len(rare) == 1 else "The rare concepts are"
    said = f"{who} recognised in {percent(stands)} of cases, the others in {percent(others)}."
    if lost < 0.01:
        return f"{said} A preference for common concepts is not the reason for a difference."
    return f"{said} Had the classifier no preference for common concepts, it would be {percent(stands + lost)}."


def _alt(table: pd.DataFrame) -> str:
    first = table.iloc[0]
    return (
        f"Bars of recognition for {count(len(table), 'concept')}; the rarest, {first['concept']}, "
        f"{percent(first['recall'])}, and {percent(first['recall_even'])} with the imbalance weighed out."
    )
