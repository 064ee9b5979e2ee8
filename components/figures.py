"""Results as Plotly figures. Two origins differ by colour and by pattern or line, never by colour alone."""

from __future__ import annotations

import html
import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from analysis.compare import Difference, show_value
from analysis.dataset import ORIGINS, REAL_WORLD, TRAINING
from components.text import count, plain, short_concepts
from components.theme import ORIGIN_COLOURS, ORIGIN_NAMES, colours, figure_layout

if TYPE_CHECKING:
    import plotly.graph_objects as go

ROW: Final = {1: 30, 2: 38}  # pixels a concept, by number of bars
COMPACT_ROW: Final = {1: 20, 2: 30}
COMPACT_FROM: Final = 25  # concepts
LABEL_CHARACTERS: Final = 30
PATTERN: Final = {TRAINING: "", REAL_WORLD: "/"}
DASH: Final = {TRAINING: "solid", REAL_WORLD: "dash"}
BINS: Final = 28
CONFIG: Final = {"displayModeBar": False, "scrollZoom": False}


def balance_bars(
    counts: pd.DataFrame,
    *,
    shares: bool = False,
    line: float | None = None,
    marked: str | None = None,
    itself: Collection[str] = (),
) -> go.Figure:
    """Horizontal bars of pictures per concept, the first row on top.

    Args:
        counts: columns `concept`, `training`, `real_world` of `analysis.counts.concept_counts`.
        shares: bars as share of the labels of their origin, so that origins of unlike size compare.
        line: value of a thin line across all bars, in the unit of the bars (an equal share).
        marked: concept whose name is set in bold.

        itself: concepts whose bar holds only pictures with no narrower label; their name says so.

    Returns:
        A figure whose points carry `customdata` [row of `counts`, origin, pictures].
    """
    import plotly.graph_objects as go

    origins = [o for o in ORIGINS if counts[o].sum()] or [TRAINING]
    compact = len(counts) >= COMPACT_FROM
    names = _names(counts["concept"].tolist(), marked, itself)
    total = {o: max(1, int(counts[o].sum())) for o in origins}
    longest = max((float((counts[o] / total[o] if shares else counts[o]).max()) for o in origins), default=1.0)
    fig = go.Figure()
    for origin in origins:
        pictures = counts[origin].to_numpy()
        values = pictures / total[origin] if shares else pictures
        fig.add_bar(
            orientation="h",
            x=values,
            y=np.arange(len(counts)),
            name=ORIGIN_NAMES[origin],
            customdata=[[i, origin, int(n)] for i, n in enumerate(pictures)],
            text=[f"{v:.1%}" if shares else f"{v:,}" for v in values],
            textposition="outside",
            textangle=0,
            cliponaxis=False,
            textfont={"size": 10 if compact else 12, "color": colours()["muted"]},
            marker={"color": ORIGIN_COLOURS[origin], "line": {"width": 0}, "pattern": _pattern(origin)},
            selected={"marker": {"opacity": 1.0}},
            unselected={"marker": {"opacity": 1.0}},
            hovertext=[html.escape(plain(str(c))) for c in counts["concept"]],
            hovertemplate="%{hovertext}<br>%{customdata[2]:,} pictures<extra>%{fullData.name}</extra>",
        )
    figure_layout(fig)
    head = 40 if len(origins) > 1 else 8  # room for the legend
    row = (COMPACT_ROW if compact else ROW)[len(origins)]
    fig.update_layout(
        height=row * len(counts) + 16 + head,
        margin={"l": 8, "r": 48, "t": head, "b": 8},
        bargap=0.25,
        bargroupgap=0.04,
        showlegend=len(origins) > 1,
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yanchor": "bottom",
            "xanchor": "left",
            "traceorder": "normal",
        },
        clickmode="event+select",
        dragmode=False,
        barmode="group",
    )
    fig.update_xaxes(side="top", visible=False, range=[0, longest * 1.1 or 1], fixedrange=True)
    fig.update_yaxes(
        tickmode="array",
        tickvals=np.arange(len(counts)),
        ticktext=names,
        range=[len(counts) - 0.4, -0.6],
        automargin=True,
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        ticks="",
        tickfont={"size": 11 if compact else 13, "color": colours()["ink"]},
    )
    if line is not None and len(counts) > 1:
        fig.add_vline(x=line, line={"color": colours()["ink"], "width": 1.2, "dash": "dot"}, opacity=0.75)
    return fig


def distributions(differences: Sequence[Difference], values: dict[str, dict[str, np.ndarray]]) -> go.Figure:
    """Small multiples: for each attribute how often each value occurs, both origins over each other.

    Args:
        differences: what to show, in order.
        values: attribute name -> origin -> measured values (finite float64).
    """
    from plotly.subplots import make_subplots

    columns = min(3, max(1, len(differences)))
    lines = max(1, math.ceil(len(differences) / columns))
    fig = make_subplots(
        rows=lines,
        cols=columns,
        subplot_titles=[f"<b>{d.attribute.title}</b>{_unit(d)}" for d in differences],
        vertical_spacing=min(0.4, 0.36 / lines + 0.03),
        horizontal_spacing=0.05,
    )
    for i, difference in enumerate(differences):
        place = {"row": i // columns + 1, "col": i % columns + 1}
        _overlay(fig, difference, values[difference.attribute.name], place, first=i == 0)
    figure_layout(fig)
    fig.update_layout(
        height=225 * lines + 60,
        margin={"l": 8, "r": 8, "t": 78, "b": 28},
        legend={"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"},
        hovermode="x",
        dragmode=False,
    )
    fig.update_yaxes(visible=False, rangemode="tozero", fixedrange=True)
    fig.update_xaxes(showgrid=False, fixedrange=True, nticks=5, ticks="outside", ticklen=3)
    fig.update_annotations(font={"size": 13, "color": colours()["ink"]}, xanchor="left", align="left", yshift=4)
    for annotation, axis in zip(fig.layout.annotations, fig.select_xaxes(), strict=False):
        annotation.x = axis.domain[0]
    return fig


def _overlay(
    fig: go.Figure,
    difference: Difference,
    values: dict[str, np.ndarray],
    place: dict[str, int],
    *,
    first: bool,
) -> None:
    attribute = difference.attribute
    both = np.concatenate([values[o] for o in ORIGINS])
    if not len(both):
        return
    log = attribute.log and both.min() > 0
    edges = bin_edges(np.log10(both) if log else both)
    middle = (edges[:-1] + edges[1:]) / 2
    for origin in ORIGINS:
        of = np.log10(values[origin]) if log else values[origin]
        if not len(of):
            continue
        # what lies beyond the outermost edges is counted in the outermost bins
        share = np.histogram(np.clip(of, edges[0], edges[-1]), edges)[0] / len(of)
        fig.add_scatter(
            x=middle,
            y=share,
            name=ORIGIN_NAMES[origin],
            legendgroup=origin,
            showlegend=first,
            mode="lines",
            line={"color": ORIGIN_COLOURS[origin], "width": 2, "shape": "hvh", "dash": DASH[origin]},
            fill="tozeroy",
            fillcolor=_faint(ORIGIN_COLOURS[origin]),
            customdata=[show_value(attribute, v) for v in (10**middle if log else middle)],
            hovertemplate="%{y:.0%} near %{customdata}<extra>%{fullData.name}</extra>",
            **place,
        )
        line = {"color": ORIGIN_COLOURS[origin], "width": 1.5, "dash": DASH[origin]}
        fig.add_vline(x=float(np.median(of)), line=line, **place)
    fig.update_xaxes(range=[edges[0], edges[-1]], **place)
    if log:
        ticks = log_ticks(edges[0], edges[-1], most=3)
        text = [show_value(attribute, 10**t, unit=False) for t in ticks]
        fig.update_xaxes(tickmode="array", tickvals=ticks, ticktext=text, **place)


def log_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Logarithms (base 10) of round values within [low, high]: at most `most`."""
    exponents = range(math.floor(low), math.ceil(high) + 1)
    for factors in ((1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        ticks = [e + math.log10(f) for e in exponents for f in factors]
        ticks = [t for t in ticks if low <= t <= high]
        if len(ticks) <= most:
            return ticks
    return ticks[:: math.ceil(len(ticks) / most)]


def bin_edges(values: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Edges over the middle 99 % of the values, so that one odd picture does not squeeze the rest.

    Float64 (bins + 1,), ascending; half a unit to both sides where all values are equal.
    """
    low, high = (float(x) for x in np.quantile(values, [0.005, 0.995]))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def bars_sentence(counts: pd.DataFrame) -> str:
    """What the bars show, for people who do not see them."""
    if counts.empty:
        return "No concepts."
    ends = [f"{plain(str(r['concept']))} ({r['training']:,} training)" for r in (counts.iloc[0], counts.iloc[-1])]
    return f"Bars of pictures per concept for {count(len(counts), 'concept')}, from {ends[0]} to {ends[1]}."


def _names(concepts: list[str], marked: str | None, itself: Collection[str]) -> list[str]:
    """Axis labels: short, escaped (Plotly reads some HTML), cut in the middle."""
    short = short_concepts(concepts)
    out = []
    for concept in concepts:
        name = plain(short[concept])
        if len(name) > LABEL_CHARACTERS:
            half = LABEL_CHARACTERS // 2
            name = f"{name[:half]}…{name[-half + 1 :]}"
        name = html.escape(name) + (" <i>(no narrower label)</i>" if concept in itself else "")
        out.append(f"<b>{name}</b>" if concept == marked else name)
    return out


def _pattern(origin: str) -> dict[str, object]:
    return {
        "shape": PATTERN[origin],
        "fillmode": "overlay",
        "fgcolor": colours()["paper"],
        "fgopacity": 0.55,
        "size": 6,
        "solidity": 0.3,
    }


def _faint(colour: str) -> str:
    r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({r},{g},{b},0.16)"


def _unit(difference: Difference) -> str:
    unit = difference.attribute.unit
    median = " / ".join(
        show_value(difference.attribute, v, unit=False) for v in (difference.training, difference.real_world)
    )
    shown = f" {unit}" if unit in ("K", "MP", "bits") else ""
    # A line of its own: three titles stand side by side also in a narrow window.
    return f"<br><span style='font-size:11px'>median {median}{shown}</span>"
