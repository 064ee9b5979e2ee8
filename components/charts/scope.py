"""Scope: shares of each value in training and in real use, what is missing in pictures, how varied it all is."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import streamlit as st

from analysis.checks.base import ConceptFinding, Findings, Verdict
from analysis.dataset import REAL_WORLD, TRAINING
from analysis.subject_values import VALUES
from analysis.vendi import DRAWN
from components.charts.common import bars, cut, show
from components.evidence import picture_strip
from components.text import count, enumerate_words, percent, plain, short_concepts
from components.theme import ORIGIN_COLOURS, ORIGIN_NAMES, colours, figure_layout

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from analysis.opening import OpenDataset

KIND_TITLES: Final = {"colour": "Colour", "size": "Size", "posture": "Posture", "background": "Ground"}
ROW: Final = 40
STRIPS: Final = 4
SHOWN: Final = 30


def draw(opened: OpenDataset, findings: Findings) -> None:
    """One concept at a time, the worst first; below, how varied all of them are."""
    concepts = [c.concept for c in findings.concepts]
    names = short_concepts(concepts)
    beside = ", and what real use shows" if opened.dataset.has_real_world else ""
    st.subheader(f"What training shows{beside}", anchor=False)
    chosen = st.selectbox("Concept", concepts, format_func=lambda c: plain(names[c]), key="scope-concept", width=420)
    found = next(c for c in findings.concepts if c.concept == chosen)
    st.html(f'<p class="tde-text">{html.escape(plain(found.headline))}</p>')
    table = findings.tables["scope"]
    own = table[table["concept"] == chosen]
    if len(own):
        figure = shares(own)
        show(figure, key="scope-values", alt=f"Share of each value in training and in real use of {names[chosen]}")
        st.caption(
            "Share of the concept's pictures that show the value. Bold: real use shows it, training as good as never."
            + _everywhere(findings)
        )
    _missing(opened, found, names[chosen])
    _training(opened, found, names[chosen])
    _varied(findings.tables["scope_diversity"], names)


def _everywhere(findings: Findings) -> str:
    values = findings.extra.get("everywhere")
    if not isinstance(values, list) or not values:
        return ""
    listed = enumerate_words([f"“{plain(str(v))}”" for v in values[:3]])
    return (
        f" Not counted, as most concepts lack it alike: {listed}. That is how all the pictures were taken, which the "
        "comparison with real use looks at."
    )


def shares(own: pd.DataFrame) -> go.Figure:
    """Two bars a value, training and real use; kinds under one another, values nobody shows left out."""
    import plotly.graph_objects as go

    own = own[(own["training"] > 0) | (own["real"] > 0)].copy()
    order = [(kind, value) for kind in VALUES for value in VALUES[kind]]
    own["place"] = [order.index((k, v)) for k, v in zip(own["kind"], own["value"], strict=True)]
    own = own.sort_values("place", ignore_index=True)
    words = [_label(r) for r in own.to_dict("records")]
    fig = go.Figure()
    for origin, column in ((TRAINING, "training"), (REAL_WORLD, "real")):
        share = own[column].to_numpy(dtype=np.float64) / own[f"{column}_n"].to_numpy(dtype=np.float64)
        fig.add_bar(
            orientation="h",
            x=share,
            y=np.arange(len(own)),
            name=ORIGIN_NAMES[origin],
            marker={"color": ORIGIN_COLOURS[origin], "line": {"width": 0}},
            text=[f"{a:,} of {n:,}" for a, n in zip(own[column], own[f"{column}_n"], strict=True)],
            textposition="outside",
            cliponaxis=False,
            textfont={"size": 11, "color": colours()["muted"]},
            customdata=[html.escape(str(v)) for v in own["value"]],
            hovertemplate="%{customdata}: %{x:.0%}, %{text}<extra>%{fullData.name}</extra>",
        )
    figure_layout(fig)
    fig.update_layout(
        height=ROW * len(own) + 84,
        margin={"l": 8, "r": 72, "t": 34, "b": 46},
        bargap=0.28,
        barmode="group",
        dragmode=False,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
    )
    fig.update_xaxes(title_text="Share of pictures", tickformat=".0%", range=[0, 1.06], fixedrange=True, nticks=6)
    fig.update_yaxes(
        tickmode="array",
        tickvals=np.arange(len(own)),
        ticktext=words,
        range=[len(own) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        tickfont={"size": 13, "color": colours()["ink"]},
    )
    for kind_start in own.groupby("kind")["place"].idxmin().sort_values().iloc[1:]:
        fig.add_hline(y=kind_start - 0.5, line={"color": colours()["line"], "width": 1})
    return fig


def _label(row: dict[Any, Any]) -> str:
    words = html.escape(cut(str(row["value"]).capitalize()))
    return f"<b>{words}</b>" if row["missing"] else words


def _missing(opened: OpenDataset, found: ConceptFinding, name: str) -> None:
    listed = found.extra.get("missing")
    for number, one in enumerate(listed[:STRIPS] if isinstance(listed, list) else []):
        evidence = [str(i) for i in one["evidence"]]
        title = str(one["name"]).capitalize()
        where = f"{one['training']:,} of {one['training_n']:,} in training"
        if one["certain"] and evidence:
            text = f"{title}: {where}, {one['real']:,} of {one['real_n']:,} in real use"
        elif one["certain"]:
            text = f"{title}: {where}, named by the taxonomy"
        else:
            text = f"{title}: {where}; pictures of other concepts that show it"
        st.markdown(f"**{plain(text)}**")
        picture_strip(opened, evidence, f"scope-missing-{name}-{number}")


def _training(opened: OpenDataset, found: ConceptFinding, name: str) -> None:
    shown = found.extra.get("training_examples")
    if isinstance(shown, list) and shown and found.verdict in (Verdict.WARN, Verdict.FAIL):
        st.markdown("**What training shows instead**")
        picture_strip(opened, [str(i) for i in shown], f"scope-training-{name}")


def _varied(table: pd.DataFrame, names: dict[str, str]) -> None:
    table = table.dropna(subset=["value"]).sort_values("value", ignore_index=True)
    if table.empty:
        return
    st.subheader("How varied the training pictures are", anchor=False)
    top = table.head(SHOWN)
    real = [f"; real use {v:.1f}" if np.isfinite(v) else "" for v in top["real_value"]]
    figure = bars(
        [f"{names[c]}" for c in top["concept"]],
        top["value"].to_numpy(),
        colour=ORIGIN_COLOURS[TRAINING],
        low=top["low"].fillna(top["value"]).to_numpy(),
        high=top["high"].fillna(top["value"]).to_numpy(),
        hover=[f"{v:.1f} different pictures{r}" for v, r in zip(top["value"], real, strict=True)],
        title=f"{DRAWN} pictures count like this many entirely different ones",
        value_range=(1.0, max(4.0, float(top["value"].max()) * 1.25)),
    )
    show(figure, key="scope-varied", alt="How varied the training pictures of each concept are")
    more = f" The {SHOWN} least varied of {count(len(table), 'concept')}." if len(table) > SHOWN else ""
    wider = table[(table["real_value"] > table["high"]) & table["high"].notna()]
    beside = (
        f" Real use is more varied in {percent(len(wider) / len(table))} of the concepts."
        if table["real_value"].notna().any()
        else ""
    )
    st.caption(
        f"Vendi score, 95 % interval; it can be compared between datasets opened with the same model.{beside}{more}"
    )
