"""Co-occurrence: what recurs with a concept, where it is in the pictures, and what narrowing the pictures brings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from analysis.checks.base import Findings
from analysis.companion_tables import COMPANION_COLUMNS
from components.charts.common import bars, histogram, show
from components.evidence import picture_strip
from components.regions import outlined_strip
from components.text import count, md, plain, short_concepts
from components.theme import OTHER_COLOUR, PALETTE

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

ROLES: Final[Mapping[str, tuple[str, str]]] = {
    "accused": ("misleads the score", "#D8143B"),
    "itself": ("likely the thing itself", "#14899D"),
    "middle": ("likely the thing itself, else its company: only you can tell", "#14899D"),
    "unproven": ("the thing itself or its company? Only you can tell", "#D98200"),
    "along": ("recurs, does not mislead", OTHER_COLOUR),
}
KINDS: Final = {"look": "", "mark": "", "label": "label "}
PICTURES: Final = 6


def draw(opened: OpenDataset, findings: Findings) -> None:
    """Bars of what recurs with a concept, one thing's pictures with it outlined, then before and after narrowing."""
    companions = findings.tables.get("companions")
    if companions is None or companions.empty:
        return
    if "places" not in findings.tables or not set(COMPANION_COLUMNS) <= set(
        companions.columns
    ):  # kept by an earlier version
        st.caption("This result was kept by an earlier version: press “Run again” to see what recurs.")
        return
    order = [f.concept for f in findings.concepts if f.concept in set(companions["concept"])]
    names = short_concepts(order)
    concept = order[0]
    st.subheader("What recurs with a concept", anchor=False)
    if len(order) > 1:
        concept = str(
            st.selectbox("Concept", order, format_func=lambda c: plain(names[c]), key="co_occurrence-concept")
        )
    own = companions[companions["concept"] == concept].reset_index(drop=True)
    _bars(own, names[concept])
    rows = own.to_dict("records")
    chosen = 0
    if len(own) > 1:
        chosen = int(
            st.selectbox(
                "Show",
                range(len(own)),
                format_func=lambda i: plain(_words(rows[i])),
                key=f"co_occurrence-{concept}",
            )
        )
    _one(opened, findings, rows[chosen], names[concept])
    _narrowing(opened, findings, concept, names[concept])


def _words(row: Mapping[Any, Any]) -> str:
    name = str(row["name"])
    return f"{KINDS[str(row['kind'])]}{name[0].upper()}{name[1:]} ({ROLES[str(row['role'])][0]})"


def _bars(own: pd.DataFrame, name: str) -> None:
    figure = bars(
        [str(n) for n in own["name"]],
        own["with_it"].to_numpy(),
        colour=[ROLES[str(r)][1] for r in own["role"]],
        text=[f"{w:.0%}, others {o:.0%}" for w, o in zip(own["with_it"], own["without_it"], strict=True)],
        hover=[
            f"{ROLES[str(r['role'])][0]}; {r['lift']:.1f} times as often as in all pictures (at least {r['low']:.1f})"
            for r in own.to_dict("records")
        ],
        title=f"Share of the pictures of {name} that have it",
        tick_format=".0%",
        value_range=(0.0, 1.25),
    )
    show(figure, key="co_occurrence-bars", alt=f"How often each thing recurs in the pictures of {name}")
    there = [r for r in ROLES if r in set(own["role"])]
    legend = " ".join(
        f'<span style="white-space:nowrap;margin-right:16px"><span style="display:inline-block;width:10px;height:10px;'
        f'border-radius:3px;background:{ROLES[r][1]};margin-right:6px"></span>{ROLES[r][0]}</span>'
        for r in there
    )
    st.html(f'<p class="tde-small tde-muted">{legend}</p>')


def _one(opened: OpenDataset, findings: Findings, row: Mapping[Any, Any], name: str) -> None:
    """One companion: what was measured in words, then its pictures, outlined."""
    st.markdown(md(" ".join(_measured(row, name))))
    places = findings.tables["places"]
    cells = dict(zip(*(places.loc[places["number"] == row["number"], c] for c in ("image_id", "cells")), strict=True))
    grid = [int(g) for g in findings.extra["grid"]]  # type: ignore[attr-defined]

    def strip(title: str, key: str) -> None:
        ids = [i for i in row[key] if i in cells][:PICTURES]
        if ids:
            st.markdown(f"**{md(title)}**")
            outlined_strip(opened, ids, [cells[i] for i in ids], grid, [i.rsplit("/", 1)[-1] for i in ids])

    strip(f"{name}, with it", "pictures")
    strip(f"With it, but without {name}: wrongly scored ones first", "elsewhere")
    strip(f"Real pictures without a label that have it and score as {name}: do they show it?", "open")
    if len(row["lacking"]):
        st.markdown(f"**{md(f'{name}, without it')}**")
        picture_strip(opened, list(row["lacking"]), f"co_occurrence-lacking-{row['number']}", limit=PICTURES)


def _measured(row: Mapping[Any, Any], name: str) -> list[str]:
    out = [
        f"In {row['with_it']:.0%} of the pictures of {name} and {row['without_it']:.0%} of the others: "
        f"{row['lift']:.1f} times as often as in all pictures (at least {row['low']:.1f})."
    ]
    if not np.isnan(row["score_drop"]):
        out.append(
            f"Hiding it in pictures of {name} lowers the score by {100 * row['score_drop']:.1f} points of 100 more "
            "than hiding as much anywhere else."
        )
    if not np.isnan(row["odds"]):
        out.append(f"Put onto other pictures it multiplies the odds of {name} by {row['odds']:.1f}.")
    if not np.isnan(row["wrong_with"]):
        where = "pictures" if row["kind"] == "label" else "real pictures"
        out.append(
            f"Of {count(int(row['real_count']), where[:-1])} with it and without {name}, {row['wrong_with']:.0%} are "
            f"taken for {name}; of those without both, {row['wrong_without']:.0%}."
        )
    if not np.isnan(row["real_drop"]):
        out.append(f"Hiding it there lowers the score by {100 * row['real_drop']:.0f} points.")
    if not np.isnan(row["picture_drop"]):
        out.append(
            f"Painted over in a few pictures: {100 * row['picture_drop']:.0f} points less; as much painted over "
            f"anywhere: {100 * row['picture_random']:.0f}."
        )
    return out


def _narrowing(opened: OpenDataset, findings: Findings, concept: str, name: str) -> None:
    """The fix as it was tried: real pictures before and after."""
    table, scores = findings.tables["narrowing"], findings.tables["scores"]
    found = table[table["concept"] == concept]
    if found.empty:
        return
    row = found.iloc[0].to_dict()
    st.subheader("The fix, tried", anchor=False)
    st.markdown(
        md(
            f"A classifier learnt again with only the {row['kept']:,} of {row['n']:,} pictures in which {name} is the "
            f"focal point. It never saw the real pictures below."
        )
    )
    if not row.get("helps", True):
        st.markdown("It is not recommended here: the figures below do not show that it helps.")
    words, values = [], []
    for key, what in (("wrong", "wrongly taken for it"), ("found", "rightly found")):
        for when in ("before", "after"):
            if not np.isnan(row[f"{key}_{when}"]):
                words.append(f"{what}, {when}")
                values.append(row[f"{key}_{when}"])
    figure = bars(
        words,
        values,
        colour=[OTHER_COLOUR if w.endswith("before") else PALETTE[0] for w in words],
        text=[f"{v:.0%}" for v in values],
        title="Share of real pictures",
        tick_format=".0%",
        value_range=(0.0, 1.12),
    )
    show(figure, key="co_occurrence-fix", alt="False positives and pictures found, before and after narrowing")
    own = scores[(scores["concept"] == concept) & ~scores["shows"]]
    figure = histogram(
        {"before": own["before"].to_numpy(), "after": own["after"].to_numpy()},
        limit=0.5,
        limit_words="taken for it from here",
        title=f"Score for {name} of real pictures without it",
        bins=20,
    )
    show(figure, key="co_occurrence-scores", alt=f"Scores of real pictures without {name}, before and after")
    worst = own.sort_values("before", ascending=False)
    st.markdown("**Real pictures that were wrong: score before → after**")
    picture_strip(
        opened,
        worst["image_id"].tolist()[:24],
        "co_occurrence-wrong",
        captions=[f"{b:.0%} → {a:.0%}" for b, a in zip(worst["before"], worst["after"], strict=True)][:24],
    )
    for title, key in (("Kept: the most focal first", "keep"), ("Left out", "leave")):
        st.markdown(f"**{title}**")
        picture_strip(opened, list(row[key]), f"co_occurrence-{key}")
