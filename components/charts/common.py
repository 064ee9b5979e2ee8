"""Figures that several checks need: bars with intervals and a limit, histograms with a limit line."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import streamlit as st

from analysis.checks.base import Verdict
from components.figures import CONFIG, bin_edges
from components.text import plain
from components.theme import PALETTE, colours, figure_layout

if TYPE_CHECKING:
    import plotly.graph_objects as go

VERDICT_COLOURS: Final[Mapping[Verdict, str]] = {
    Verdict.PASS: "#5E8F2B",
    Verdict.CANNOT_TELL: "#8A929B",
    Verdict.WARN: "#D98200",
    Verdict.FAIL: "#D8143B",
    Verdict.UNAVAILABLE: "#8A929B",
}
"""Of bars and points; the word of the verdict must stand beside them."""
ROW: Final = 30
LABEL_CHARACTERS: Final = 34
TALL: Final = 620  # of the frame in which a long chart scrolls
SCROLLS: Final = 1000  # rows beyond this height; up to it a chart is shown whole, as a frame hides that there is more


def show(figure: go.Figure, *, key: str, alt: str) -> None:
    """Put a figure on the page; a long one scrolls in a frame. `alt` says what it shows to those who do not see it."""
    tall = (figure.layout.height or 0) > SCROLLS + 84
    with st.container(height=TALL if tall else "content", border=False, key=f"{key}-frame"):
        st.plotly_chart(figure, theme=None, key=key, config=CONFIG, alt=plain(alt))


def bars(
    labels: Sequence[str],
    values: Sequence[float] | np.ndarray,
    *,
    colour: str | Sequence[str] = PALETTE[0],
    low: Sequence[float] | np.ndarray | None = None,
    high: Sequence[float] | np.ndarray | None = None,
    text: Sequence[str] | None = None,
    hover: Sequence[str] | None = None,
    limit: float | None = None,
    limit_words: str = "",
    title: str = "",
    tick_format: str = "",
    value_range: tuple[float, float] | None = None,
) -> go.Figure:
    """Horizontal bars, the first on top.

    Args:
        labels: names, any text; long ones are cut in the middle.
        values: length of each bar.
        colour: one for all or one a bar.
        low, high: ends of an interval drawn on each bar.
        text: words at the end of each bar; the value if None.
        hover: words shown when pointing at a bar.
        limit: value of a thin line across all bars, named by `limit_words`.
        title: of the value axis.
        tick_format: of the value axis, as d3 writes it (".0%").
        value_range: of the value axis; from 0 (or the smallest) to a little beyond the largest by default.
    """
    import plotly.graph_objects as go

    values = np.asarray(values, dtype=np.float64)
    ends = np.asarray(high if high is not None else values, dtype=np.float64)
    every = np.concatenate([values, ends, [0.0 if limit is None else limit]])
    every = every[np.isfinite(every)]
    least, most = min(0.0, float(every.min(initial=0.0))), float(every.max(initial=0.0)) or 1.0
    words = list(text) if text is not None else [format(v, ".3g") for v in values]
    fig = go.Figure()
    fig.add_bar(
        orientation="h",
        x=values,
        y=np.arange(len(values)),
        marker={"color": colour if isinstance(colour, str) else list(colour), "line": {"width": 0}},
        error_x=_interval(values, low, high),
        text=None if low is not None else [html.escape(plain(w)) for w in words],
        textposition="outside",
        textangle=0,
        cliponaxis=False,
        textfont={"size": 12, "color": colours()["muted"]},
        hovertext=[html.escape(plain(h)) for h in (hover if hover is not None else words)],
        customdata=[html.escape(plain(name)) for name in labels],
        hovertemplate="%{customdata}<br>%{hovertext}<extra></extra>",
        showlegend=False,
    )
    figure_layout(fig)
    axis = bool(title or tick_format)
    named = limit is not None and bool(limit_words)
    # A chart that scrolls has its axis on top, where it is seen first.
    tall = axis and ROW * len(values) > SCROLLS
    head = (60 if tall else 8) + (22 if named else 0)
    foot = 46 if axis and not tall else 10
    fig.update_layout(
        height=ROW * len(values) + head + foot,
        margin={"l": 8, "r": 56, "t": head, "b": foot},
        bargap=0.3,
        dragmode=False,
    )
    shown = value_range or (least * 1.08, most * 1.08)
    fig.update_xaxes(
        range=shown,
        fixedrange=True,
        title_text=title,
        tickformat=tick_format,
        nticks=7,
        zeroline=least < 0,
        visible=axis,
        side="top" if tall else "bottom",
    )
    if tick_format == ".0%" and most <= 1 < shown[1]:  # room for the words beyond a bar is no share
        fig.update_xaxes(tickmode="array", tickvals=np.linspace(0, 1, 6))
    fig.update_yaxes(
        tickmode="array",
        tickvals=np.arange(len(values)),
        ticktext=[html.escape(cut(name)) for name in labels],
        range=[len(values) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        tickfont={"size": 13, "color": colours()["ink"]},
    )
    _limit_line(fig, limit, limit_words, above=58 if tall else 0)
    return fig


def histogram(
    values: Mapping[str, Sequence[float] | np.ndarray] | Sequence[float] | np.ndarray,
    *,
    limit: float | None = None,
    limit_words: str = "",
    second_limit: float | None = None,
    second_words: str = "",
    title: str = "",
    tick_format: str = "",
    bins: int = 36,
    height: int = 260,
) -> go.Figure:
    """How many pictures have which value, with up to two limit lines.

    Args:
        values: measured values, or several groups of them by name (drawn over each other); NaN is left out.
        limit, limit_words: a line and its name; likewise `second_limit`, `second_words`.
        title: of the value axis.
        tick_format: of the value axis, as d3 writes it.
        bins: at most that many.
        height: pixels.
    """
    import plotly.graph_objects as go

    groups = values if isinstance(values, Mapping) else {"": values}
    known = {name: (a := np.asarray(v, dtype=np.float64))[np.isfinite(a)] for name, v in groups.items()}
    every = np.concatenate(list(known.values())) if known else np.empty(0)
    fig = go.Figure()
    if len(every):
        edges = bin_edges(every, bins)
        middle, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
        for i, (name, of) in enumerate(known.items()):
            counts = np.histogram(np.clip(of, edges[0], edges[-1]), edges)[0]
            fig.add_bar(
                x=middle,
                y=counts,
                width=width * 0.94,
                name=html.escape(plain(name)),
                marker={
                    "color": PALETTE[i % len(PALETTE)],
                    "line": {"width": 0},
                    "opacity": 1 if len(known) == 1 else 0.65,
                },
                hovertemplate="%{y:,} pictures near %{x:.3g}<extra>%{fullData.name}</extra>",
            )
    figure_layout(fig)
    named = bool(limit_words or second_words)
    fig.update_layout(
        height=height,
        margin={"l": 8, "r": 12, "t": 30 if named or len(known) > 1 else 10, "b": 46},
        barmode="overlay",
        bargap=0,
        dragmode=False,
        showlegend=len(known) > 1,
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
    )
    fig.update_xaxes(
        title_text=title, tickformat=tick_format, showgrid=False, zeroline=False, fixedrange=True, nticks=9
    )
    fig.update_yaxes(title_text="Pictures", rangemode="tozero", nticks=4, fixedrange=True, zeroline=False)
    _limit_line(fig, limit, limit_words)
    _limit_line(fig, second_limit, second_words)
    return fig


def verdict_colours(verdicts: Sequence[Verdict | str]) -> list[str]:
    """One colour a verdict."""
    return [VERDICT_COLOURS[Verdict(v)] for v in verdicts]


def cut(name: str, most: int = LABEL_CHARACTERS) -> str:
    """A name for an axis: one line, its middle left out where it is long."""
    name = plain(name)
    if len(name) <= most:
        return name
    return f"{name[: most // 2]}…{name[-(most // 2 - 1) :]}"


def _interval(values: np.ndarray, low: Any, high: Any) -> dict[str, Any] | None:
    if low is None or high is None:
        return None
    return {
        "type": "data",
        "symmetric": False,
        "array": np.maximum(np.asarray(high, dtype=np.float64) - values, 0.0),
        "arrayminus": np.maximum(values - np.asarray(low, dtype=np.float64), 0.0),
        "color": colours()["ink"],
        "thickness": 1.4,
        "width": 4,
    }


def _limit_line(fig: go.Figure, limit: float | None, words: str, above: int = 0) -> None:
    if limit is None:
        return
    fig.add_vline(x=limit, line={"color": colours()["ink"], "width": 1.3, "dash": "dot"})
    if words:
        fig.add_annotation(
            x=limit,
            y=1,
            yref="paper",
            yanchor="bottom",
            yshift=above,
            showarrow=False,
            text=html.escape(plain(words)),
            font={"size": 12, "color": colours()["muted"]},
        )
