"""Parts of the class balance page: words, controls, the chart, the pictures behind a bar, exports."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from analysis.checks.base import Findings
from analysis.counts import (
    concept_counts,
    effective_number,
    imbalance_ratio,
    levels,
    shared_pictures,
    unlabelled,
)
from analysis.dataset import ORIGINS, TRAINING, Dataset, ancestors
from analysis.registry import checks_by_id
from components import audits
from components.caching import cached
from components.check_findings import dismissed_findings
from components.check_page import answer_or_state
from components.figures import CONFIG, balance_bars, bars_sentence
from components.text import count, md, percent, short_concepts
from components.theme import ORIGIN_NAMES
from components.verdicts import verdict_card

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

CHOSEN: Final = "balance-concept"
ORIGIN: Final = "balance-origin"
CHART_HEIGHT: Final = 620
ORDERS: Final = ("Most first", "Fewest first", "By name")
SHARED_ROWS: Final = 50
MOST_DETAILED: Final = "Most detailed"


def sentence(table: pd.DataFrame, dataset: Dataset) -> str:
    """The page in one sentence; `table` as of `concept_counts`."""
    n = table["training"].to_numpy()
    k = len(n)
    if k == 0:
        return "No picture has a concept yet, so there is nothing to weigh against each other."
    if n.sum() == 0:
        return f"None of the {count(k, 'concept')} has a training picture."
    if k == 1:
        return f"There is one concept, with {count(int(n[0]), 'training picture')}; nothing to weigh it against."
    ratio, like = imbalance_ratio(n), effective_number(n)
    if ratio == 1.0:
        return f"All {k} concepts are equally common, with {count(int(n[0]), 'training picture')} each."
    most = f"the most common has {n.max():,} training pictures, the rarest {n.min():,}"
    if like > 0.95 * k:
        return f"{k} concepts, and they count nearly like {k} equally common ones: {most}."
    return f"{k} concepts, but they count like {_about(like)} equally common ones: {most}."


def _about(like: float) -> str:
    return f"{like:.1f}" if like < 10 else f"{like:.0f}"


def figures_in_words(table: pd.DataFrame, dataset: Dataset) -> None:
    """Imbalance ratio, effective number and what is not counted, as numbers with a sentence each."""
    n = table["training"].to_numpy()
    if len(n) < 2 or n.sum() == 0:
        return
    ratio, like, without = imbalance_ratio(n), effective_number(n), unlabelled(dataset)
    grid = st.grid(3 if without else 2, min_column_width=210)
    shown = "some have none" if math.isinf(ratio) else f"{ratio:,.3g} to 1" if ratio < 10 else f"{ratio:,.0f} to 1"
    grid.metric(
        "Largest to smallest",
        shown,
        border=True,
        help="Training pictures of the most common concept for each one of the rarest.",
    )
    grid.metric(
        "Concepts it counts like",
        f"{_about(like)} of {len(n)}",
        border=True,
        help="Equally common concepts that would give the same variety.",
    )
    if without:
        grid.metric(
            "Without a label",
            f"{without:,}",
            border=True,
            help="Training pictures that belong to no concept; they are not counted below.",
        )


def level_switch(dataset: Dataset) -> int:
    """The level chosen, the deepest at first; a control only where concepts nest."""
    deepest = levels(dataset)
    if deepest < 2:
        return deepest
    words = [MOST_DETAILED, *(f"Level {i}" for i in range(1, deepest))]
    chosen = st.segmented_control(
        "Concepts",
        words,
        default=MOST_DETAILED,
        key="balance-level",
        required=True,
        help="Level 1 adds up everything below the outermost concepts, and so on.",
    )
    return deepest if chosen == MOST_DETAILED else words.index(chosen)


def counts_at(opened: OpenDataset, level: int | None) -> pd.DataFrame:
    """`concept_counts` of this level, kept; never change it in place."""
    return cached(opened, "balance counts", level, lambda: concept_counts(opened.dataset, level))


def ordered(table: pd.DataFrame, order: str) -> pd.DataFrame:
    """The table in one of `ORDERS`."""
    if order == "Fewest first":
        return table.sort_values(["training", "concept"], ignore_index=True)
    if order == "By name":
        return table.sort_values("concept", ignore_index=True)
    return table


def chart(table: pd.DataFrame, *, shares: bool, key: str) -> None:
    """The bars; a click puts concept and origin into session state. Long charts scroll in a frame."""
    above = {a for c in table["concept"] for a in ancestors(c)}
    itself = set(table["concept"]) & above
    n = table.loc[~table["concept"].isin(itself), "training"]
    mean = (1 / len(n) if shares else float(n.mean())) if n.sum() and n.max() > n.min() else None
    figure = balance_bars(table, shares=shares, line=mean, marked=st.session_state.get(CHOSEN), itself=itself)

    def clicked() -> None:
        points = st.session_state[key].selection.points
        if points:
            row, origin, _ = points[0]["customdata"]
            st.session_state[CHOSEN] = table["concept"].iloc[int(row)]
            st.session_state[ORIGIN] = origin

    tall = figure.layout.height > CHART_HEIGHT
    with st.container(height=CHART_HEIGHT if tall else "content", border=False, key="balance-bars"):
        st.plotly_chart(
            figure,
            theme=None,
            key=key,
            on_select=clicked,
            selection_mode="points",
            config=CONFIG,
            alt=bars_sentence(table),
        )
    line = f" The dotted line is an equal share ({percent(mean) if shares else f'{mean:,.0f}'})." if mean else ""
    st.caption(f"Click a bar to see its pictures.{line}")


def verdict(opened: OpenDataset) -> Findings | None:
    """The check's answer with what was dismissed; None while it is being found."""
    check = checks_by_id(["balance"])[0]
    now = answer_or_state(opened, check)
    if now.kept is None or now.standing is None:
        return None
    verdict_card(
        check.title,
        now.kept.findings,
        check.method,
        key="balance",
        on_concept=show_concept,
        stands=now.standing,
        dismiss=lambda concept, key: audits.dismiss_button(opened, check.id, concept, key=key),
    )
    dismissed_findings(opened, now)
    return now.kept.findings


def show_concept(concept: str) -> None:
    """Callback: show the pictures of this concept."""
    st.session_state[CHOSEN] = concept
    st.session_state[ORIGIN] = TRAINING


def pictures(opened: OpenDataset, table: pd.DataFrame) -> None:
    """The pictures of the chosen concept (bar, card, list or link `?concept=`), by origin."""
    from components.gallery import gallery, picture_dialog

    names = sorted(set(table["concept"]) | set(opened.dataset.concepts))
    linked = st.query_params.get("concept")
    if CHOSEN not in st.session_state:
        st.session_state[CHOSEN] = linked if linked in names else None
    if st.session_state[CHOSEN] not in names:
        st.session_state[CHOSEN] = None
    short = short_concepts(names)
    chosen = st.selectbox(
        "Pictures of",
        names,
        key=CHOSEN,
        index=None,
        format_func=lambda c: short.get(c, c),
        placeholder="Choose a concept",
    )
    if chosen is None:
        st.query_params.pop("concept", None)
        return
    st.query_params["concept"] = chosen
    rows = {o: opened.dataset.rows(concept=chosen, origin=o) for o in ORIGINS}
    present = [o for o in ORIGINS if len(rows[o])]
    if st.session_state.get(ORIGIN) not in present:
        st.session_state[ORIGIN] = present[0]
    if len(present) > 1:
        st.segmented_control(
            "Origin",
            present,
            key=ORIGIN,
            format_func=lambda o: f"{ORIGIN_NAMES[o]} ({len(rows[o]):,})",
            label_visibility="collapsed",
        )
    origin = st.session_state.get(ORIGIN) or present[0]
    st.caption(f"{count(len(rows[origin]), 'picture')} of {md(chosen)}, {ORIGIN_NAMES[origin].lower()}")
    clicked = gallery(opened, rows[origin], key=f"balance-gallery-{origin}-{chosen}", show_origin=False)
    if clicked is not None:
        picture_dialog(opened, clicked, rows=rows[origin])


def shared(dataset: Dataset) -> None:
    """Which concepts share pictures, where pictures have several labels."""
    table = shared_pictures(dataset)
    if table.empty:
        return
    first, names = table.iloc[0], short_concepts(dataset.concepts)
    st.subheader("Concepts that share pictures", anchor=False)
    st.markdown(
        f"{md(names[first['concept_a']])} and {md(names[first['concept_b']])} most often: "
        f"{count(int(first['pictures']), 'training picture')} show both, {percent(first['share'])} of those "
        "of the rarer one."
    )
    with st.expander("All pairs"):
        st.dataframe(
            table.head(SHARED_ROWS),
            hide_index=True,
            column_config={
                "concept_a": "Concept",
                "concept_b": "Shares pictures with",
                "pictures": "Training pictures",
                "share": st.column_config.NumberColumn("Share of the rarer one", format="percent"),
            },
        )


def export(table: pd.DataFrame, findings: Findings) -> bytes:
    """Counts with verdict, score, recall and fix, as CSV (UTF-8); concepts that were not judged have none."""
    judged = pd.DataFrame(
        [
            {
                "concept": c.concept,
                "verdict": str(c.verdict),
                "score": c.score,
                "p_value": c.extra.get("p_value"),
                "recall": c.extra.get("recall"),
                "recall_even": c.extra.get("recall_even"),
                "fix": c.fix,
            }
            for c in (findings.concepts if findings else ())
        ],
        columns=["concept", "verdict", "score", "p_value", "recall", "recall_even", "fix"],
    )
    return table.drop(columns="nested").merge(judged, on="concept", how="left").to_csv(index=False).encode()
