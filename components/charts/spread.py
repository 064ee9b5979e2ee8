"""Spread: the parts of one concept as coloured points and strips of pictures, and how varied every concept is."""

from __future__ import annotations

import html
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st

from analysis.checks.base import ConceptFinding, Findings, Verdict
from analysis.checks.spread import DEFAULT_PARAMS
from analysis.dataset import REAL_WORLD
from analysis.kinds import Kinds, kinds_of, kinds_table, most_parts
from analysis.progress import Progress
from components.caching import background
from components.charts.common import bars, show, verdict_colours
from components.evidence import id_rows, picture_strip
from components.text import count, plain, short_concepts
from components.theme import PALETTE, colours, figure_layout

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from analysis.opening import OpenDataset

SHOWN: Final = 30
MAP_HEIGHT: Final = 420
SYMBOLS: Final = ("circle", "diamond", "square", "triangle-up", "star", "cross")


def draw(opened: OpenDataset, findings: Findings) -> None:
    """One concept at a time, the worst first: its map and its parts; below, how varied all concepts are."""
    points, table = findings.tables.get("spread_points"), findings.tables.get("spread")
    if points is None or table is None or table.empty:
        return
    known = set(table["concept"])
    concepts = [c.concept for c in findings.concepts if c.concept in known]
    names = short_concepts(concepts)
    st.subheader("The pictures of one concept", anchor=False)
    chosen = st.selectbox("Concept", concepts, format_func=lambda c: plain(names[c]), key="spread-concept", width=420)
    found = next(c for c in findings.concepts if c.concept == chosen)
    st.html(f'<p class="tde-text">{html.escape(plain(found.headline))}</p>')
    own = points[points["concept"] == chosen]
    wanted = _wanted(found, len(own))
    if wanted is not None:
        kinds = background(
            opened,
            "kinds",
            (chosen, wanted),
            lambda progress: divided(opened, chosen, wanted, progress),
            title=f"Dividing {plain(names[chosen])} in {wanted}",
        )
        if kinds is None:
            return
        own, parts = kinds.points, list(zip(kinds.names, kinds.images, strict=True))
        gained: object = asdict(kinds.gain)
    else:
        parts, gained = _found_parts(found), found.extra.get("gain")
    show(
        scatter(own), key="spread-map", alt=f"Pictures of {names[chosen]} as points; like pictures lie near each other"
    )
    st.caption(
        "A point is a picture; like pictures lie near each other. The two directions are those in which "
        + ("the kinds differ most." if own["part"].max() else "this concept varies most.")
    )
    _parts(opened, names[chosen], own, parts, gained)
    _to_download(chosen, parts)
    _widths(table, names)


def scatter(own: pd.DataFrame) -> go.Figure:
    """Points of one concept, a colour and a symbol a part."""
    import plotly.graph_objects as go

    fig = go.Figure()
    several = bool(own["part"].max())
    for part, of in own.groupby("part", sort=True):
        number = int(str(part))
        name = plain(str(of["name"].iloc[0])) if several else "pictures"
        fig.add_scatter(
            x=of["x"].to_numpy(),
            y=of["y"].to_numpy(),
            mode="markers",
            name=html.escape(f"{name} ({len(of):,})"),
            text=[html.escape(plain(str(i))) for i in of["image_id"]],
            marker={
                "color": PALETTE[number % len(PALETTE)],
                "symbol": SYMBOLS[number % len(SYMBOLS)],
                "size": 9,
                "opacity": 0.85,
                "line": {"width": 0},
            },
            hovertemplate="%{text}<extra></extra>",
        )
    figure_layout(fig)
    fig.update_layout(
        height=MAP_HEIGHT,
        margin={"l": 8, "r": 8, "t": 36 if several else 8, "b": 8},
        dragmode=False,
        showlegend=several,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
    )
    plain_axis = {"showticklabels": False, "showgrid": False, "zeroline": False, "fixedrange": True, "ticks": ""}
    frame = {"showline": True, "mirror": True, "linecolor": colours()["line"], "linewidth": 1}
    fig.update_xaxes(**plain_axis, **frame)
    fig.update_yaxes(**plain_axis, **frame)
    return fig


def _wanted(found: ConceptFinding, pictures: int) -> int | None:
    """Into how many kinds a person wants to see the concept divided; None: as the check found."""
    most = most_parts(pictures)
    if most < 2:
        return None
    parts = len(_found_parts(found))
    as_found = f"As found ({parts})" if parts else "As found (one piece)"
    chosen = st.segmented_control(
        "Kinds to show",
        [as_found, *(str(n) for n in range(2, most + 1))],
        default=as_found,
        required=True,
        key=f"spread-kinds-{found.concept}",
        help="Look for yourself: the best division into so many kinds. The verdict stays what it is.",
    )
    if chosen is None or chosen == as_found:
        return None
    st.caption(
        f"Divided in {chosen} because you asked for it, whether or not the pictures fall apart like that. "
        "The verdict stays what it is."
    )
    return int(chosen)


def divided(opened: OpenDataset, concept: str, count: int, progress: Progress) -> Kinds:
    """The concept in so many kinds, by the check's own sample."""
    p = DEFAULT_PARAMS
    return kinds_of(
        opened.dataset,
        opened.features,
        concept,
        count,
        of_one=p.most_of_one,
        in_all=p.most_pictures,
        named=p.named,
        seed=p.seed,
        progress=progress,
    )


def _found_parts(found: ConceptFinding) -> list[tuple[str, tuple[str, ...]]]:
    parts = found.extra.get("parts")
    return [(str(p["name"]), tuple(map(str, p["images"]))) for p in parts] if isinstance(parts, list) else []


def _parts(
    opened: OpenDataset, name: str, own: pd.DataFrame, parts: list[tuple[str, tuple[str, ...]]], gained: object
) -> None:
    if not parts:
        picture_strip(opened, _ends(own), f"spread-{name}-all")
        return
    for number, (title, images) in enumerate(parts):
        real = int((opened.dataset.images["origin"].iloc[id_rows(opened, images)] == REAL_WORLD).sum())
        of = count(len(images), "picture") + (f", {real:,} of them from real use" if real else "")
        st.markdown(f"**{plain(title[:1].upper() + title[1:])}** · {of}")
        picture_strip(opened, images, f"spread-{name}-{number}")
    if isinstance(gained, dict):
        st.markdown(f"**What naming them apart would gain.** {gain_in_words(gained)}")


def _to_download(concept: str, parts: list[tuple[str, tuple[str, ...]]]) -> None:
    if not parts:
        return
    st.download_button(
        "Download which picture is of which kind",
        lambda: (
            kinds_table(concept, [t for t, _ in parts], [i for _, i in parts])
            .to_csv(index=False)
            .encode("utf-8-sig", "backslashreplace")
        ),
        file_name="kinds.csv",
        mime="text/csv",
        key="spread-kinds-list",
        icon=":material/download:",
        on_click="ignore",
    )


def gain_in_words(gained: dict[str, float]) -> str:
    """Two sentences on the recall as one concept and as parts."""
    one, two = round(100 * gained["single"]), round(100 * gained["split"])
    low, high = round(100 * gained["low"]), round(100 * gained["high"])
    first = (
        f"A simple classifier on top of this model recognises {one} of 100 of these pictures as one concept, and "
        f"{two} of 100 when each kind is learned by itself."
    )
    if low > 0:
        return f"{first} That is {low} to {high} more, measured on {int(gained['n']):,} pictures it had not seen."
    return (
        f"{first} The difference ({low:+d} to {high:+d}) is within chance on {int(gained['n']):,} pictures: this model "
        "copes with the mix; a person who reads the name may not."
    )


def _ends(own: pd.DataFrame) -> list[str]:
    """Pictures from one end of the concept to the other, evenly spaced."""
    ordered = own.sort_values(["x", "image_id"])["image_id"].astype(str).to_numpy()
    return [str(i) for i in ordered[np.unique(np.linspace(0, len(ordered) - 1, 8).round().astype(int))]]


def _widths(table: pd.DataFrame, names: dict[str, str]) -> None:
    st.subheader("How varied each concept is", anchor=False)
    top = table.dropna(subset=["ratio"]).sort_values("ratio", ascending=False, ignore_index=True).head(SHOWN)
    if top.empty:
        return
    figure = bars(
        [names[c] for c in top["concept"]],
        top["ratio"].to_numpy(),
        colour=verdict_colours([Verdict(v) for v in top["verdict"]]),
        text=[f"{r:.2f}" for r in top["ratio"]],
        hover=[
            f"{r:.2f} times as varied as usual, {n:,} pictures" for r, n in zip(top["ratio"], top["n"], strict=True)
        ],
        limit=1.0,
        limit_words="usual",
        title="Times as varied as the other concepts usually are",
        tick_format=".1f",
    )
    show(figure, key="spread-widths", alt="How varied each concept is beside the others")
    more = f" The {SHOWN} most varied of {count(len(table), 'concept')}." if len(table) > SHOWN else ""
    st.caption(f"Coloured by verdict. Varied alone is no fault: a concept must also fall into separate kinds.{more}")
