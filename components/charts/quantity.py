"""Quantity: the learning curve of a concept and where it goes, every concept's need, and the guide's ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from analysis.checks.base import Findings
from components.audits import run_with
from components.charts.common import show
from components.figures import log_ticks
from components.text import md, plain, short_concepts
from components.theme import PALETTE, colours, figure_layout

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from analysis.opening import OpenDataset

# (name, colour, dash of the way ahead): told apart by colour, by the shape of the points and by their names.
REGIMES: Final = {
    "transfer": ("On top of an existing model", PALETTE[5], "circle"),
    "deep": ("Trained from scratch", PALETTE[1], "diamond"),
}
ALL: Final = "All concepts together"
OUTLOOKS: Final = {
    "reached": "reached",
    "reachable": "",
    "no_help": "more of the same will not help",
    "cannot_tell": "cannot tell",
}
CHART: Final = 400  # pixels


def draw(opened: OpenDataset, findings: Findings) -> None:
    """Curve with its range, a table of needs, the guide's ranges, and the button that trains a small network."""
    curves, needs = findings.tables.get("curves"), findings.tables.get("needs")
    if curves is None or needs is None or curves.empty:
        return
    target = float(findings.extra["target"])  # type: ignore[arg-type]
    st.subheader("What more pictures would bring", anchor=False)
    chosen = _choose(findings, needs)
    mine = curves[curves["concept"] == ("" if chosen == ALL else chosen)]
    show(learning_curves(mine, target), key="quantity-curve", alt=_alt(chosen, mine, target))
    st.caption(
        "Points: measured on pictures not learnt from. Dashed: forecast; the band should hold what will be observed "
        "in 90 of 100 cases. Beyond ten times the pictures at hand nothing can be said."
    )
    _scratch(opened, findings)
    st.subheader("How many each concept needs", anchor=False)
    _table(needs, target)
    st.subheader("Beside the guide's ranges", anchor=False)
    show(guide_ranges(findings), key="quantity-guide", alt=_guide_words(findings))
    st.caption(_guide_words(findings))


def _choose(findings: Findings, needs: pd.DataFrame) -> str:
    known = [c.concept for c in findings.concepts if c.extra.get("forecast", {}).get("transfer")]  # type: ignore[attr-defined]
    names = short_concepts(needs["concept"].tolist())
    chosen = st.selectbox(
        "Concept", [ALL, *known], key="quantity-concept", format_func=lambda c: md(names[c]) if c in names else c
    )
    return str(chosen or ALL)


def _scratch(opened: OpenDataset, findings: Findings) -> None:
    note = str(findings.extra.get("deep_note") or "")
    if note:
        st.caption(md(note))
    if findings.extra["forecast"]["deep"] is None and not note:  # type: ignore[index]
        st.button(
            "Train a small network from scratch",
            key="quantity-scratch",
            icon=":material/model_training:",
            help="Takes a few minutes, can be stopped: how far would these pictures go without an existing model?",
            on_click=run_with,
            args=(opened, "quantity"),
            kwargs={"deep": True},
        )


def learning_curves(curves: pd.DataFrame, target: float) -> go.Figure:
    """Measured points, forecast with its band, and the target, over the number of pictures (logarithmic).

    Args:
        curves: rows of one concept: `regime`, `kind` (`measured`, `ahead`), `n`, `mean`, `low`, `high`.
        target: in (0, 1).
    """
    import plotly.graph_objects as go

    fig = go.Figure()
    for regime, (name, colour, symbol) in REGIMES.items():
        of = curves[curves["regime"] == regime]
        if of.empty:
            continue
        done, ahead = of[of["kind"] == "measured"], of[of["kind"] == "ahead"]
        band = f"rgba({','.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))},0.2)"
        fig.add_scatter(
            x=np.concatenate([ahead["n"], ahead["n"][::-1]]),
            y=np.concatenate([ahead["high"], ahead["low"][::-1]]),
            fill="toself",
            fillcolor=band,
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        )
        fig.add_scatter(
            x=ahead["n"].to_numpy(),
            y=ahead["mean"].to_numpy(),
            mode="lines",
            line={"color": colour, "width": 2.5, "dash": "dash"},
            customdata=ahead[["low", "high"]].to_numpy(),
            hovertemplate="%{x:,.0f} pictures: %{y:.0%}<br>between %{customdata[0]:.0%} and %{customdata[1]:.0%}",
            name=f"{name}, forecast",
            showlegend=False,
        )
        fig.add_scatter(
            x=done["n"].to_numpy(),
            y=done["mean"].to_numpy(),
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": 8, "symbol": symbol, "color": colour},
            hovertemplate="%{x:,.0f} pictures: %{y:.0%}",
            name=name,
        )
    figure_layout(fig)
    fig.add_hline(
        y=target,
        line={"color": colours()["ink"], "width": 1.2, "dash": "dot"},
        annotation={"text": f"target {target:.0%}", "font": {"color": colours()["muted"], "size": 12}},
        annotation_position="top left",
    )
    fig.update_layout(
        height=CHART,
        margin={"l": 8, "r": 16, "t": 36, "b": 50},
        dragmode=False,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
    _log_axis(fig, float(curves["n"].min()), float(curves["n"].max()))
    fig.update_xaxes(title_text="training pictures")
    least = max(0.0, float(curves[["mean", "low"]].min().min()) - 0.05)
    fig.update_yaxes(tickformat=".0%", range=[min(least, target - 0.1), 1.02], fixedrange=True, title_text="found")
    return fig


def _log_axis(fig: go.Figure, low: float, high: float) -> None:
    ends = [float(np.log10(max(low, 1))) - 0.06, float(np.log10(high)) + 0.06]
    ticks = [10**t for t in log_ticks(ends[0], ends[1], most=7)]
    fig.update_xaxes(
        type="log", range=ends, tickvals=ticks, ticktext=[_short_number(t) for t in ticks], fixedrange=True
    )


def _short_number(n: float) -> str:
    return f"{n / 1e6:.3g} million" if n >= 1e6 else f"{round(n):,}"


def guide_ranges(findings: Findings) -> go.Figure:
    """The guide's two ranges as bars on a logarithmic axis, the pictures at hand and those needed marked."""
    import plotly.graph_objects as go

    fig = go.Figure()
    extra: Any = findings.extra
    for i, (regime, (name, colour, symbol)) in enumerate(REGIMES.items()):
        low, high = extra["guide"][regime]
        fig.add_scatter(
            x=[low, high],
            y=[i, i],
            mode="lines",
            line={"color": colour, "width": 16},
            opacity=0.35,
            hovertemplate=f"{name}: {_short_number(low)} to {_short_number(high)}<extra></extra>",
            showlegend=False,
        )
        forecast = extra["forecast"][regime]
        if forecast and forecast["needed"]:
            fig.add_scatter(
                x=[forecast["needed"]],
                y=[i],
                mode="markers",
                marker={"size": 13, "symbol": symbol, "color": colour, "line": {"color": colours()["ink"], "width": 1}},
                hovertemplate="needed for the target: about %{x:,.0f}<extra></extra>",
                showlegend=False,
            )
    figure_layout(fig)
    fig.add_vline(
        x=max(1, extra["images"]),
        line={"color": colours()["ink"], "width": 1.5},
    )
    fig.add_annotation(
        x=float(np.log10(max(1, extra["images"]))),  # on a logarithmic axis annotations stand at the logarithm
        y=1,
        yref="paper",
        yanchor="bottom",
        text=f"you have {extra['images']:,}",
        showarrow=False,
        font={"color": colours()["ink"], "size": 12},
    )
    fig.update_layout(height=170, margin={"l": 8, "r": 16, "t": 30, "b": 36}, dragmode=False)
    _log_axis(fig, min(5, max(1, extra["images"])), max(extra["guide"]["deep"][1], extra["images"]))
    fig.update_yaxes(
        tickvals=[0, 1],
        ticktext=[words.replace(" an existing", "<br>an existing") for words, *_ in REGIMES.values()],
        range=[1.6, -0.6],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        tickfont={"color": colours()["ink"]},
    )
    return fig


def _guide_words(findings: Findings) -> str:
    extra: Any = findings.extra
    sentences = [
        "The guide: tens to tens of thousands of pictures on top of an existing model, "
        "thousands to millions from scratch."
    ]
    for regime, (name, *_) in REGIMES.items():
        forecast = extra["forecast"][regime]
        if forecast is None:
            continue
        if forecast["needed"] is None:
            reach = f"more than ten times the {extra['images']:,} at hand, or cannot be told"
        elif forecast["now"] >= forecast["target"]:
            reach = "reached already, with all concepts together"
        else:
            reach = f"about {forecast['needed']:,} (marked)"
        sentences.append(f"{name}, needed for {forecast['target']:.0%}: {reach}.")
    return " ".join(sentences)


def _table(needs: pd.DataFrame, target: float) -> None:
    ordered = needs.sort_values(["score", "concept"], na_position="first")
    st.dataframe(
        pd.DataFrame(
            {
                "Concept": [plain(str(c)) for c in ordered["concept"]],
                "Pictures": ordered["n"].to_numpy(),
                "Found now": np.round(100 * ordered["now"].to_numpy()),  # as the sentences round
                f"Needed for {target:.0%}": [_needed(r) for r in ordered.to_dict("records")],
            }
        ),
        hide_index=True,
        width="stretch",
        height=min(420, 38 + 35 * len(ordered)),
        column_config={"Found now": st.column_config.NumberColumn(format="%.0f %%")},
    )


def _needed(row: dict[Any, Any]) -> str:
    if row["outlook"] != "reachable":
        return OUTLOOKS[row["outlook"]]
    ends = f"{int(row['needed_low']):,} to " + (
        f"{int(row['needed_high']):,}" if row["needed_high"] == row["needed_high"] else "unknown"
    )
    return f"about {int(row['needed']):,} ({ends})"


def _alt(concept: str, curves: pd.DataFrame, target: float) -> str:
    done = curves[(curves["regime"] == "transfer") & (curves["kind"] == "measured")]
    ahead = curves[(curves["regime"] == "transfer") & (curves["kind"] == "ahead")].iloc[-1]
    last = done.iloc[-1]
    return (
        f"Learning curve of {plain(concept)}: {last['mean']:.0%} found with {last['n']:,.0f} pictures; "
        f"forecast for {ahead['n']:,.0f} pictures {ahead['mean']:.0%}, "
        f"between {ahead['low']:.0%} and {ahead['high']:.0%}; target {target:.0%}."
    )
