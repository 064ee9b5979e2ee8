"""Real use: before and after, what differs, where training is blind, and which pictures to collect next."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from analysis.checks.base import Findings
from analysis.dataset import ORIGINS, REAL_WORLD, TRAINING
from analysis.real_use_words import beyond_sentence
from components.charts.common import show
from components.evidence import id_rows, picture_strip
from components.text import count, percent, plain, short_concepts
from components.theme import ORIGIN_COLOURS, ORIGIN_NAMES, PALETTE, colours, figure_layout
from components.thumbnails import thumbnail_sources

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from analysis.opening import OpenDataset

AXES: Final = 6  # shown at first: two rows of three
PAIRS: Final = 6  # pictures of a blind spot shown
STRATEGIES: Final = {
    "ranked": ("the first of the list", PALETTE[0], "circle", "solid"),
    "random": ("as many at random", PALETTE[1], "diamond", "dash"),
}


def draw(opened: OpenDataset, findings: Findings) -> None:
    """The tale in four parts: what differs, where training is blind, what to collect, what it brings."""
    _axes(findings)
    _blind_spots(opened, findings)
    _own_model(findings)
    _collect(opened, findings)
    _what_if(findings)


def _axes(findings: Findings) -> None:
    axes, bins = findings.tables["axes"], findings.tables["distributions"]
    known = set(bins["axis"])
    differing = axes[axes["differs"] & axes["axis"].isin(known)]
    st.subheader("What is different in real use", anchor=False)
    if not len(differing):
        st.html('<p class="tde-text">No measured property of the pictures differs clearly.</p>')
        return
    every = len(differing) > AXES and st.toggle(
        f"Show all {len(differing)} differences", key="representativeness-all-axes"
    )
    shown = differing if every else differing.head(AXES)
    st.html(f'<p class="tde-small tde-muted" style="margin:0">{_legend()}</p>')
    with st.grid(3, min_column_width=250, gap="medium"):
        for row in shown.to_dict("records"):
            with st.container(key=f"representativeness-axis-{row['axis']}"):
                st.html(
                    f'<div style="font-weight:600">{html.escape(plain(str(row["title"])))}</div>'
                    f'<div class="tde-small">{html.escape(plain(str(row["sentence"])))}</div>'
                )
                show(
                    overlaid(bins[bins["axis"] == row["axis"]]),
                    key=f"representativeness-bins-{row['axis']}",
                    alt=str(row["sentence"]),
                )


def _legend() -> str:
    dots = [
        f'<span style="display:inline-flex;gap:.4rem;align-items:center;margin-right:1rem">'
        f'<span class="tde-dot" style="background:{ORIGIN_COLOURS[o]}"></span>{ORIGIN_NAMES[o]}</span>'
        for o in ORIGINS
    ]
    return "".join(dots) + "share of the pictures with each value, the largest difference first"


def overlaid(bins: pd.DataFrame) -> go.Figure:
    """Both sides of one axis over each other, as shares of each side's pictures."""
    import plotly.graph_objects as go

    fig = go.Figure()
    for origin in ORIGINS:
        of = bins[bins["origin"] == origin]
        fig.add_bar(
            x=((of["left"] + of["right"]) / 2).to_numpy(),
            y=of["share"].to_numpy(),
            width=((of["right"] - of["left"]) * 0.96).to_numpy(),
            name=ORIGIN_NAMES[origin],
            marker={"color": ORIGIN_COLOURS[origin], "opacity": 0.65, "line": {"width": 0}},
            hovertemplate="%{y:.0%} near %{x:.3g}<extra>" + ORIGIN_NAMES[origin] + "</extra>",
        )
    figure_layout(fig)
    fig.update_layout(
        height=150,
        margin={"l": 4, "r": 8, "t": 6, "b": 26},
        barmode="overlay",
        bargap=0,
        dragmode=False,
        showlegend=False,
    )
    fig.update_xaxes(showgrid=False, zeroline=False, fixedrange=True, nticks=6)
    fig.update_yaxes(visible=False, rangemode="tozero", fixedrange=True)
    return fig


def _blind_spots(opened: OpenDataset, findings: Findings) -> None:
    spots: Sequence[Mapping[str, Any]] = findings.extra["blind_spots"]  # type: ignore[assignment]
    st.subheader("Where training is blind", anchor=False)
    if not spots:
        st.html('<p class="tde-text">No group of real-world pictures is without training pictures like it.</p>')
        return
    st.html(
        '<p class="tde-small tde-muted" style="margin:0;max-width:70ch">Real-world pictures farther from training than '
        "training pictures are from each other, or beyond its range in light, colour or sharpness, in groups that look "
        "alike. Above: real use. Below each: the training picture nearest to it.</p>"
    )
    outside = beyond_sentence(findings.extra.get("out_of_range", ()))  # type: ignore[arg-type]  # kept ones lack it
    if outside:
        st.html(f'<p class="tde-text">{html.escape(outside)}</p>')
    own = short_concepts(opened.dataset.concepts).values()
    for n, spot in enumerate(spots):
        with st.container(border=True, key=f"representativeness-spot-{n}"):
            name = plain(str(spot["name"]))
            if not name.startswith(tuple(own)):  # a concept is written as the folder is
                name = name[:1].upper() + name[1:]
            of = f"{count(int(spot['pictures']), 'picture')}, {percent(float(spot['share']))} of real use"
            st.html(
                f'<div style="display:flex;gap:.2rem .8rem;flex-wrap:wrap;align-items:baseline">'
                f'<span style="font-weight:600;overflow-wrap:anywhere">{html.escape(name)}</span>'
                f'<span class="tde-small tde-muted">{of}</span></div>'
            )
            st.html(beside(opened, spot["evidence"][:PAIRS], spot["nearest_training"][:PAIRS]))


def _own_model(findings: Findings) -> None:
    """What the person's own model said of pictures that training covers and of those it does not."""
    own = findings.extra.get("own_model")
    if not isinstance(own, Mapping):  # none brought along, or kept before this was asked
        return
    st.html(f'<p class="tde-text">{html.escape(plain(str(own["sentence"])))}</p>')


def beside(opened: OpenDataset, real: Sequence[str], training: Sequence[str]) -> str:
    """Pictures of real use, each above the nearest training picture, as HTML."""
    pairs = [(a, b) for a, b in zip(real, training, strict=True) if len(id_rows(opened, [a, b])) == 2]
    rows = id_rows(opened, [i for pair in pairs for i in pair]).tolist()
    sources = thumbnail_sources(opened, rows)
    names = short_concepts(opened.dataset.concepts)
    cells = []
    for i in range(0, len(rows), 2):
        tiles = ""
        for source, row, origin in zip(sources[i : i + 2], rows[i : i + 2], (REAL_WORLD, TRAINING), strict=True):
            concepts = ", ".join(names[c] for c in opened.dataset.concepts_of(row))
            alt = html.escape(plain(f"{ORIGIN_NAMES[origin]}{': ' + concepts if concepts else ''}"))
            tiles += (
                f'<img src="{html.escape(source)}" alt="{alt}" title="{alt}" loading="lazy" style="width:100%;'
                "aspect-ratio:1;object-fit:cover;border-radius:6px;display:block;margin-bottom:6px;"
                f'border-bottom:4px solid {ORIGIN_COLOURS[origin]}">'
            )
        cells.append(f"<div>{tiles}</div>")
    grid = f"display:grid;gap:8px;grid-template-columns:repeat({PAIRS},minmax(0,150px))"
    return f'<div style="{grid}">{"".join(cells)}</div>'


def _collect(opened: OpenDataset, findings: Findings) -> None:
    listed = findings.tables["collect"]
    if not len(listed):
        return
    st.subheader("What to collect next", anchor=False)
    how = "what each would teach" if findings.extra["collected_by_labels"] else "what each would add"
    st.html(
        f'<p class="tde-small tde-muted" style="margin:0;max-width:70ch">Real-world pictures in the order in which '
        f"they help most: {how}, how many others it stands for, and never two alike. Add these to training, or "
        "photograph more like them.</p>"
    )
    names = short_concepts(opened.dataset.concepts)
    captions = [
        f"{i + 1}. " + ", ".join(names.get(c, c) for c in str(concept).split("; ") if c)
        for i, concept in enumerate(listed["concept"])
    ]
    notes = [f"stands for {count(int(n), 'picture')}" for n in listed["stands_for"]]
    picture_strip(opened, listed["image_id"].tolist(), "representativeness-collect", captions, notes=notes)
    st.download_button(
        "Download this list (CSV)",
        lambda: (
            listed.assign(rank=np.arange(1, len(listed) + 1))[["rank", "image_id", "concept", "stands_for"]]
            .to_csv(index=False)
            .encode("utf-8-sig", "backslashreplace")
        ),
        file_name="collect-next.csv",
        mime="text/csv",
        key="representativeness-list",
        icon=":material/download:",
        on_click="ignore",
    )


def _what_if(findings: Findings) -> None:
    st.subheader("What adding them would bring", anchor=False)
    extra: Mapping[str, Any] = findings.extra
    steps = pd.DataFrame(list(extra["what_if"]))
    if steps.empty:
        st.html(f'<p class="tde-text">{html.escape(plain(str(extra["why_no_what_if"])))}</p>')
        return
    words = what_if_words(steps)
    st.html(f'<p class="tde-text" style="margin:0">{html.escape(words)}</p>')
    show(what_if_chart(steps), key="representativeness-what-if", alt=words)
    st.caption(
        f"Measured {extra['what_if_splits']} times: {count(int(extra['what_if_held_out']), 'real-world picture')} kept "
        f"aside at random and recognised by a simple classifier, pictures added from the other "
        f"{int(extra['what_if_pool']):,}. Bars: 95 of 100 measurements. The same number at random shows what the order "
        "of the list is worth."
    )


def what_if_words(steps: pd.DataFrame) -> str:
    """The before and after in a sentence or two."""
    after = {
        name: dict(zip(of["added"].astype(int), of["score_after"].astype(float), strict=True))
        for name, of in steps.groupby("strategy")
    }
    ranked, random = after["ranked"], after["random"]
    least, most = min(ranked), max(ranked)
    out = (
        f"Before, {percent(float(steps['score_before'].iloc[0]))} of real-world pictures are recognised; "
        f"with {most} of them added, {percent(ranked[most])}."
    )
    ranked_steps = steps[(steps["strategy"] == "ranked") & (steps["added"] == most)]
    if "gain_low" in steps and bool((ranked_steps["gain_low"] <= 0).any() & (ranked_steps["gain_high"] >= 0).any()):
        out += " So small a change may be chance: it depends on which pictures are kept aside."
    if most > least:
        out += (
            f" The first {least} of the list alone bring {percent(ranked[least])}; "
            f"{least} at random bring {percent(random[least])}."
        )
    return out


def what_if_chart(steps: pd.DataFrame) -> go.Figure:
    """Recognised held-out pictures over pictures added, both strategies with intervals, the start as a line."""
    import plotly.graph_objects as go

    fig = go.Figure()
    added = sorted({int(k) for k in steps["added"]})
    at = {k: i + 1 for i, k in enumerate(added)}
    for side, (strategy, (name, colour, symbol, dash)) in zip((-1, 1), STRATEGIES.items(), strict=True):
        of = steps[steps["strategy"] == strategy].sort_values("added")
        y = of["score_after"].to_numpy(dtype=np.float64)
        fig.add_scatter(
            x=[at[int(k)] + 0.04 * side for k in of["added"]],
            y=y,
            mode="lines+markers",
            line={"color": colour, "width": 2.5, "dash": dash},
            marker={"size": 10, "symbol": symbol, "color": colour},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": of["high"].to_numpy() - y,
                "arrayminus": y - of["low"].to_numpy(),
                "color": colour,
                "thickness": 1.4,
                "width": 5,
            },
            customdata=of[["added", "low", "high"]].to_numpy(),
            hovertemplate="%{customdata[0]} added: %{y:.0%}<br>%{customdata[1]:.0%} to %{customdata[2]:.0%}"
            f"<extra>{name}</extra>",
            name=name,
        )
    figure_layout(fig)
    before = float(steps["score_before"].iloc[0])
    fig.add_hline(
        y=before,
        line={"color": colours()["ink"], "width": 1.2, "dash": "dot"},
        annotation={"text": f"before: {before:.0%}", "font": {"color": colours()["muted"], "size": 12}},
        annotation_position="bottom right",
    )
    fig.update_layout(
        height=360,
        margin={"l": 8, "r": 16, "t": 36, "b": 50},
        dragmode=False,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
    low, high = float(steps["low"].min()), float(steps["high"].max())
    fig.update_xaxes(
        tickvals=list(at.values()),
        ticktext=[str(k) for k in added],
        range=[0.6, len(added) + 0.4],
        title_text="real-world pictures added to training",
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    fig.update_yaxes(
        tickformat=".0%",
        range=[max(0.0, min(low, before) - 0.05), min(1.02, high + 0.05)],
        title_text="recognised",
        zeroline=False,
        fixedrange=True,
        nticks=6,
    )
    return fig
