"""Noise of a photo: what is left of a concept level by level, and one of its pictures at each level."""

from __future__ import annotations

import html
import io
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from analysis.checks.base import Findings
from analysis.perturbations import EVERYDAY, PERTURBATIONS, Perturbation
from components.charts.common import show
from components.evidence import id_rows
from components.text import plain, short_concepts
from components.theme import PALETTE, colours, figure_layout
from components.thumbnails import data_uri

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from analysis.opening import OpenDataset


def draw(opened: OpenDataset, findings: Findings) -> None:
    """A concept's curve for each perturbation, then a picture of it at each level."""
    curves = findings.tables.get("curves")
    if curves is None or curves.empty:
        return
    there = set(curves["concept"])
    names = [c.concept for c in findings.concepts if c.concept in there]
    st.subheader("What is left of a concept, level by level", anchor=False)
    short = short_concepts(names)
    chosen = str(st.selectbox("Concept", names, key="noise-concept", format_func=lambda c: plain(short[c])) or names[0])
    mine = curves[curves["concept"] == chosen]
    for i in range(0, len(PERTURBATIONS), 3):
        columns = st.columns(3)
        for column, p in zip(columns, PERTURBATIONS[i : i + 3], strict=False):
            with column:
                of = mine[mine["perturbation"] == p.id].sort_values("place")
                st.html(f'<p class="tde-text"><strong>{p.title}</strong></p>')
                show(curve(p, of), key=f"noise-{p.id}", alt=_alt(p, of))
    st.caption(
        "100 %: told apart as well as in the unaltered pictures. Grey ground: what everyday photos have. Below the "
        "dotted line less than half is left; a red point is where the concept is lost. Harsher levels are tried only "
        "until nothing is left."
    )
    _pictures(opened, findings, chosen, mine)


def curve(p: Perturbation, of: pd.DataFrame) -> go.Figure:
    """What is left of the concept at each level of one perturbation."""
    import plotly.graph_objects as go

    fig = go.Figure()
    x = np.r_[-1, of["place"].to_numpy()]
    colour = ["#D8143B" if lost else PALETTE[0] for lost in (False, *of["lost"].tolist())]
    fig.add_scatter(
        x=x,
        y=np.r_[1.0, of["left"].to_numpy()],
        mode="lines+markers",
        line={"color": PALETTE[0], "width": 2},
        marker={"size": 9, "color": colour},
        hovertext=[
            "unaltered",
            *(f"{p.say(v)}: {left:.0%} left" for v, left in zip(of["level"], of["left"], strict=True)),
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )
    figure_layout(fig)
    fig.add_vrect(x0=-1.3, x1=EVERYDAY + 0.25, fillcolor=colours()["line"], opacity=0.3, line_width=0, layer="below")
    fig.add_hline(y=0.5, line={"color": colours()["ink"], "width": 1.2, "dash": "dot"})
    fig.update_layout(height=210, margin={"l": 8, "r": 8, "t": 8, "b": 30}, dragmode=False)
    ticks = ["as is", *(f"{100 * v:.3g} %" if p.id == "darkness" else f"{v:.3g}" for v in p.levels)]
    fig.update_xaxes(
        tickvals=list(range(-1, len(p.levels))),
        ticktext=ticks,
        range=[-1.3, len(p.levels) - 0.7],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    fig.update_yaxes(range=[-0.04, 1.08], tickformat=".0%", nticks=3, zeroline=False, fixedrange=True)
    return fig


def _alt(p: Perturbation, of: pd.DataFrame) -> str:
    points = ", ".join(f"{p.say(v)} {left:.0%}" for v, left in zip(of["level"], of["left"], strict=True))
    return f"{p.title}: share of the concept left at {points}."


def _pictures(opened: OpenDataset, findings: Findings, concept: str, mine: pd.DataFrame) -> None:
    """One picture of the concept at each level, the level where the concept is lost marked."""
    evidence = next((c.evidence for c in findings.concepts if c.concept == concept), ())
    rows = id_rows(opened, evidence[:1])
    if not len(rows):
        return
    st.subheader("One of its pictures at each level", anchor=False)
    titles = {p.id: p.title for p in PERTURBATIONS}
    lost = mine.loc[mine["lost"], "perturbation"]
    first = next((p.id for p in PERTURBATIONS if (lost == p.id).any()), PERTURBATIONS[0].id)
    chosen = st.pills(
        "Perturbation", list(titles), default=first, required=True, format_func=titles.__getitem__,
        key=f"noise-kind-{concept}", label_visibility="collapsed",
    )  # fmt: skip
    p = next(one for one in PERTURBATIONS if one.id == chosen)
    st.html(strip(opened.thumbnails(rows.tolist())[0], p, mine[mine["perturbation"] == p.id]))
    st.caption(plain(f"Everyday: {p.say(p.levels[EVERYDAY])}, {p.reason}. Shown on a small copy of the picture."))


def strip(thumbnail: bytes, p: Perturbation, of: pd.DataFrame) -> str:
    """The picture unaltered and at each level, as HTML."""
    from PIL import Image

    with Image.open(io.BytesIO(thumbnail)) as image:
        picture = np.asarray(image.convert("RGB"))
    lost = of.set_index("place")["lost"].to_dict() if len(of) else {}
    tiles = [(picture, "as it is", "")]
    for place, level in enumerate(p.levels):
        mark = "" if place not in lost else "lost here" if lost[place] else "still there"
        everyday = "everyday" if place == EVERYDAY else ""
        tiles.append((p.apply(picture, level), p.say(level), ", ".join(w for w in (everyday, mark) if w)))
    shown = "".join(_tile(one, words, note) for one, words, note in tiles)
    return f'<div style="display:grid;grid-template-columns:repeat(5,minmax(0,1fr));gap:.6rem">{shown}</div>'


def _tile(picture: np.ndarray, words: str, note: str) -> str:
    mark = "outline:3px solid #D8143B" if "lost" in note else ""
    return (
        f'<div><img alt="{html.escape(words)}" src="{data_uri(_jpeg(picture))}" '
        f'style="width:100%;aspect-ratio:1;object-fit:cover;border-radius:6px;{mark}">'
        f'<div class="tde-small">{html.escape(words)}</div>'
        f'<div class="tde-small tde-muted">{html.escape(note)}</div></div>'
    )


def _jpeg(picture: np.ndarray) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=92)
    return out.getvalue()
