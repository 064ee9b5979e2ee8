"""Visibility: how often each pair is told apart, and a pair's most confused pictures side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from analysis.checks.base import Findings
from components.charts.common import bars, show
from components.evidence import picture_strip
from components.quiz import quiz_of_pair
from components.text import count, md, plain, short_concepts

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

SHOWN: Final = 30
PICTURES: Final = 4


def draw(opened: OpenDataset, findings: Findings) -> None:
    """Bars of the most confused pairs with intervals, one pair's pictures, and the quiz on it."""
    row = draw_pairs(opened, findings, "visibility", 0.75, "just noticeable")
    if row is not None:
        seen = [i for side in ("a", "b") for i in list(row[f"pictures_{side}"])[:PICTURES]]
        model = (float(row["auc"]), float(row["low"]), float(row["high"]))
        quiz_of_pair(opened, str(row["a"]), str(row["b"]), model, seen)


def draw_pairs(opened: OpenDataset, findings: Findings, key: str, limit: float, limit_words: str) -> pd.Series | None:
    """The chart of `separability` tables, `limit` being an AUC; returns the row of the pair that is shown."""
    pairs = findings.tables.get("separability")
    if pairs is None or pairs.empty:
        return None
    names = short_concepts(sorted({str(c) for c in [*pairs["a"], *pairs["b"]]}))
    pairs, drawn = enough_first(pairs, int(str(findings.extra.get("pictures_wanted", 0))))
    st.subheader("Told apart, the most confused pair first", anchor=False)
    top = pairs.head(min(SHOWN, drawn))
    every = [_words(str(a), str(b), names) for a, b in zip(pairs["a"], pairs["b"], strict=True)]
    figure = bars(
        every[: len(top)],
        top["auc"].to_numpy(),
        low=top["low"].to_numpy(),
        high=top["high"].to_numpy(),
        hover=[f"right in {100 * v:.0f} of 100 cases" for v in top["auc"]],
        limit=limit,
        limit_words=limit_words,
        title="Right answers, shown one of each",
        tick_format=".0%",
        value_range=(0.0, 1.02),
    )
    show(figure, key=f"{key}-pairs", alt="How often the pictures of two concepts are told apart, pair by pair")
    possible = int(str(findings.extra.get("pairs_possible", len(pairs))))
    seen = f"{count(len(pairs), 'pair')} examined" + (f" of {possible:,}" if possible > len(pairs) else "")
    shown = f"; the {SHOWN} most confused are drawn" if drawn > SHOWN else ""
    few = len(pairs) - drawn
    left_out = f"; {few:,} with too few pictures are not drawn" if few else ""
    st.caption(f"{seen}{shown}{left_out}. Guessing is right half of the time. The thin line is the 95 % interval.")
    st.subheader("Side by side", anchor=False)
    number = st.selectbox("Pair", range(len(pairs)), format_func=lambda i: plain(every[i]), key=f"{key}-pair")
    row = pairs.iloc[int(number)]
    st.caption("The pictures of each that look most like the other.")
    for side, column in zip(("a", "b"), st.columns(2), strict=True):
        with column:
            st.markdown(f"**{md(names[str(row[side])])}**")
            picture_strip(opened, list(row[f"pictures_{side}"]), f"{key}-{side}-{number}", limit=PICTURES)
    return row


def enough_first(pairs: pd.DataFrame, wanted: int) -> tuple[pd.DataFrame, int]:
    """Pairs with `wanted` different pictures of both concepts, then the others; and how many to draw.

    Of a handful of pictures chance decides: such pairs are drawn only where there are no others.
    """
    enough = pairs[["n_a", "n_b"]].min(axis=1) >= wanted
    drawn = int(enough.sum()) or len(pairs)
    return pd.concat([pairs[enough], pairs[~enough]], ignore_index=True), drawn


def _words(a: str, b: str, names: dict[str, str]) -> str:
    return f"{names[a]} / {names[b]}"
