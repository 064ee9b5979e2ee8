"""Descriptions: how well each text picks out its pictures, and the pictures that fit what is written least."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from analysis.checks.base import Findings
from components.charts.common import bars, show
from components.evidence import picture_strip
from components.text import plain, short_concepts

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

SHOWN: Final = 30
WORDS: Final = {
    "pass": "fits best",
    "cannot_tell": "not understood",
    "warn": "does not fit",
    "fail": "exchanged",
}


def draw(opened: OpenDataset, findings: Findings) -> None:
    """Bars of the texts, then one concept's text beside the pictures that fit it least."""
    texts, misfits = findings.tables.get("descriptions"), findings.tables.get("misfits")
    if texts is None or texts.empty or misfits is None:
        return
    names = short_concepts(sorted({*texts["concept"]}))
    texts = texts.sort_values(["auc", "concept"], ignore_index=True)
    _bars(texts, names)
    st.subheader("What is written, beside the pictures", anchor=False)
    every = [str(c) for c in texts["concept"]]
    with_misfits = [c for c in every if (misfits["concept"] == c).any()]
    chosen = str(
        st.selectbox(
            "Concept",
            [*with_misfits, *(c for c in every if c not in set(with_misfits))],
            format_func=lambda c: plain(names[c]),
            key="description-concept",
        )
    )
    _one(opened, texts[texts["concept"] == chosen].iloc[0], misfits[misfits["concept"] == chosen], names)


def _bars(texts: pd.DataFrame, names: dict[str, str]) -> None:
    st.subheader("How often the text picks its picture, of two", anchor=False)
    top = texts.head(SHOWN)
    figure = bars(
        [names[str(c)] for c in top["concept"]],
        top["auc"].to_numpy(),
        hover=[
            f"{WORDS[str(v)]}: right in {round(100 * float(a))} of 100"
            for v, a in zip(top["verdict"], top["auc"], strict=True)
        ],
        text=[WORDS[str(v)] for v in top["verdict"]],
        limit=0.5,
        limit_words="by chance",
        tick_format=".0%",
        value_range=(0.0, 1.02),
    )
    show(figure, key="description-bars", alt="How often each description fits its own pictures better than another's")
    rest = f" The {SHOWN} lowest of {len(texts):,} are drawn." if len(texts) > SHOWN else ""
    st.caption(
        "One picture of the concept, one of a sibling: how often the text is nearer to the right one. Where unrelated "
        f"texts do as well, it counts as not understood.{rest}"
    )


def _one(opened: OpenDataset, row: pd.Series, misfits: pd.DataFrame, names: dict[str, str]) -> None:
    text = html.escape(plain(str(row["description"]))) or "<em>nothing but what to include</em>"
    st.html(f'<blockquote class="tde-text" style="margin:0 0 .5rem;overflow-wrap:anywhere">{text}</blockquote>')
    if misfits.empty:
        why = "None of its pictures fits another description better."
        if str(row["verdict"]) != "pass":
            why = "Its pictures are not ranked, because the text was not understood or fits other pictures."
        st.caption(why)
        return
    st.caption("The pictures that fit it least, beside what fits them better. A wrong label, or a text too narrow?")
    fits = [str(f) for f in misfits["fits"]]
    picture_strip(
        opened,
        list(misfits["image_id"]),
        f"description-misfits-{row['concept']}",
        captions=[names.get(f, f) for f in fits],
        notes=[f"fits by {round(100 * float(s))} %" for s in misfits["score"]],
    )
