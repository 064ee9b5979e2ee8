"""Label errors: what is taken for what, and each suspect beside the pictures of both concepts."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from analysis.checks.base import Findings
from analysis.errors import StoreError
from analysis.label_reviews import Label
from components.charts.common import bars, show
from components.evidence import tiny_strip
from components.shelf import shelf
from components.text import count, md, plain, short_concepts

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

ALL: Final = "All concepts"
SHOWN: Final = 6
MORE: Final = 12
FLOWS: Final = 12
COLUMNS: Final = ["image_id", "concept", "suggested_concept", "score"]


def draw(opened: OpenDataset, findings: Findings) -> None:
    """Bars of given -> suggested, then the suspects of one concept or all, with neighbours and a CSV."""
    suspects, flow = findings.tables.get("suspects"), findings.tables.get("flow")
    if suspects is None or flow is None or suspects.empty:
        return
    concepts = [*suspects["concept"], *suspects["suggested_concept"].dropna()]
    names = short_concepts(sorted({str(c) for c in concepts}))
    if not flow.empty:
        _flow(flow, names)
    st.subheader("Suspects, most suspicious first", anchor=False)
    chosen = _choose(suspects, names)
    mine = suspects if chosen == ALL else suspects[suspects["concept"] == chosen]
    right = _right(opened.source.id)
    _corrections(suspects, right)
    limit = int(st.session_state.get("label_errors-shown", SHOWN))
    for row in mine.head(limit).to_dict("records"):
        _suspect(opened, row, right, names)
    if len(mine) > limit:
        st.button(
            f"Show {count(min(MORE, len(mine) - limit), 'more suspect')}",
            key="label_errors-more",
            on_click=_show_more,
            args=(limit + MORE,),
        )


def _flow(flow: pd.DataFrame, names: dict[str, str]) -> None:
    st.subheader("Labelled as, looks like", anchor=False)
    top = flow.head(FLOWS)
    words = [f"{names[g]} → {names[s]}" for g, s in zip(top["given"], top["suggested"], strict=True)]
    figure = bars(words, top["n"].to_numpy(), text=[f"{n:,}" for n in top["n"]], hover=_pictures(top["n"].to_numpy()))
    show(figure, key="label_errors-flow", alt="How many pictures of each label look like which other concept")
    if len(flow) > FLOWS:
        st.caption(f"The {FLOWS} most frequent of {count(len(flow), 'pair')}.")


def _pictures(numbers: np.ndarray) -> list[str]:
    return [count(int(n), "picture") for n in numbers]


def _choose(suspects: pd.DataFrame, names: dict[str, str]) -> str:
    numbers = suspects["concept"].value_counts()
    options = [ALL, *(str(c) for c in numbers.index)]

    def words(concept: str) -> str:
        n = len(suspects) if concept == ALL else int(numbers[concept])
        return f"{concept if concept == ALL else plain(names[concept])} ({n:,})"

    return str(st.selectbox("Labelled as", options, format_func=words, key="label_errors-concept"))


def _right(source_id: str) -> frozenset[Label]:
    try:
        return shelf().label_reviews.right(source_id)
    except StoreError as error:
        st.warning(md(str(error)))
        return frozenset()


def _corrections(suspects: pd.DataFrame, right: frozenset[Label]) -> None:
    keep = [(i, c) not in right for i, c in zip(suspects["image_id"], suspects["concept"], strict=True)]
    left = suspects.loc[keep, COLUMNS]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.download_button(
            f"Download {count(len(left), 'correction')} (CSV)",
            left.to_csv(index=False).encode("utf-8-sig", "backslashreplace"),
            file_name="corrections.csv",
            mime="text/csv",
            key="label_errors-corrections",
            on_click="ignore",
        )
        st.caption("Labels you tick as right are left out; your ticks are kept with this dataset.")


def _suspect(opened: OpenDataset, row: dict[Any, Any], right: frozenset[Label], names: dict[str, str]) -> None:
    concept, suggested = str(row["concept"]), row["suggested_concept"]
    given = plain(names[concept])
    other = plain(names[str(suggested)]) if suggested is not None and suggested == suggested else ""
    key = f"label_errors-{row['image_id']}-{concept}"
    with st.container(border=True, key=f"{key}-card"):
        looks = f"looks like <strong>{html.escape(other)}</strong>" if other else "looks like something else"
        with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
            st.html(
                f'<div style="overflow-wrap:anywhere">Labelled <strong>{html.escape(given)}</strong>, {looks}'
                f'<span class="tde-small tde-muted">&ensp;{html.escape(_chance(float(row["score"])))}</span></div>',
                width="stretch",
            )
            st.checkbox(
                "Label is right",
                value=(row["image_id"], concept) in right,
                key=f"{key}-right",
                on_change=_say,
                args=(opened.source.id, (str(row["image_id"]), concept), f"{key}-right"),
            )
        picture, near, own = st.columns([1.1, 4, 4], vertical_alignment="top")
        with picture:
            st.caption("This")
            tiny_strip(opened, [row["image_id"]], f"{key}-picture")
        with near:
            st.caption(f"Most alike in {md(other)}" if other else "No other concept fits")
            tiny_strip(opened, list(row["neighbours"]), f"{key}-near")
        with own:
            st.caption(f"Most alike in {md(given)}")
            tiny_strip(opened, list(row["neighbours_given"]), f"{key}-own")


def _chance(score: float) -> str:
    if score < 0.01:
        return "almost surely wrong"
    return f"wrong with a chance of about {round(100 * (1 - score))} in 100"


def _say(source_id: str, label: Label, key: str) -> None:
    try:
        shelf().label_reviews.say(source_id, label, right=bool(st.session_state[key]))
    except StoreError as error:
        st.toast(md(str(error)))


def _show_more(limit: int) -> None:
    st.session_state["label_errors-shown"] = limit
