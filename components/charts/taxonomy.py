"""Taxonomy: the tree coloured by verdict, what is wrong with it, siblings side by side, and the editor."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from analysis.checks.base import Findings, Verdict
from analysis.names import leaf, short_names
from components.charts.common import VERDICT_COLOURS, bars, show
from components.taxonomy_editor import editor
from components.text import count, plain
from components.theme import colours, figure_layout
from components.verdicts import verdict_word

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from analysis.opening import OpenDataset

ROOT: Final = "\x00all"
PAIRS_SHOWN: Final = 20
HEIGHT: Final = 520


def draw(opened: OpenDataset, findings: Findings) -> None:
    """The tree, a table of problems, the siblings hardest to tell apart, and the editor."""
    tree = findings.tables["tree"]
    st.subheader("The tree", anchor=False)
    words = "Drafted from your labels." if findings.extra["drafted"] else "As written in your taxonomy."
    st.markdown(f"{words} The wider a part, the more pictures; grey has none. Click a part to look into it.")
    show(tree_figure(tree), key="taxonomy-tree", alt=_alt(tree))
    st.html(_legend(tree))
    _problems(findings.tables["problems"])
    _siblings(findings.tables["siblings"])
    editor(opened)


def tree_figure(tree: pd.DataFrame) -> go.Figure:
    """A sunburst of `name`, `parent`, `images`, coloured by `verdict`; every name has a part, also without images."""
    import plotly.graph_objects as go

    look = colours()
    known = set(tree["name"])
    verdicts = [Verdict(v) for v in tree["verdict"]]
    shade = [
        look["line"] if v is Verdict.PASS and not n else VERDICT_COLOURS[v]
        for v, n in zip(verdicts, tree["images"], strict=True)
    ]
    leaves = tree.loc[~tree["name"].isin(tree["parent"]), "images"].clip(lower=1)
    own = leaves.reindex(tree.index, fill_value=0)
    short = short_names(tree["name"])
    hover = [
        escape(plain(f"{short(name)}: {count(int(images), 'picture')}. {said}"))
        for name, images, said in zip(tree["name"], tree["images"], tree["headline"], strict=True)
    ]
    figure = go.Figure(
        go.Sunburst(
            ids=[ROOT, *tree["name"]],
            labels=["All", *(escape(plain(leaf(n))) for n in tree["name"])],
            parents=["", *(p if p in known else ROOT for p in tree["parent"])],
            values=[0, *own.tolist()],
            branchvalues="remainder",
            marker={"colors": [look["paper"], *shade], "line": {"color": look["paper"], "width": 1.5}},
            hovertext=["", *hover],
            hoverinfo="text",
            sort=False,
            insidetextorientation="auto",
        )
    )
    figure_layout(figure)
    return figure.update_layout(height=HEIGHT, margin={"l": 0, "r": 0, "t": 8, "b": 8}, uniformtext=None)


def _alt(tree: pd.DataFrame) -> str:
    wrong = tree[tree["verdict"] != str(Verdict.PASS)]["name"].tolist()
    named = ", ".join(map(short_names(tree["name"]), wrong[:5]))
    return f"A tree of {count(len(tree), 'concept')}; " + (f"to look at: {named}." if wrong else "nothing is wrong.")


def _legend(tree: pd.DataFrame) -> str:
    there = [v for v in VERDICT_COLOURS if str(v) in set(tree["verdict"])]
    dots = "".join(
        f'<span class="tde-small" style="margin-right:1rem"><span style="color:{VERDICT_COLOURS[v]}">&#9632;</span> '
        f"{verdict_word(v)}</span>"
        for v in there
    )
    return f"<p>{dots}</p>"


def _problems(problems: pd.DataFrame) -> None:
    if problems.empty:
        return
    st.subheader("What is out of order", anchor=False)
    kinds = problems["what"].value_counts()
    st.markdown("; ".join(f"{what}: {n}" for what, n in kinds.items()) + ".")
    short = short_names(problems["concept"])
    shown = problems.assign(concept=[short(c) or "The whole tree" for c in problems["concept"]])
    shown = shown[["concept", "what", "sentence", "fix"]]
    shown.columns = pd.Index(["Concept", "What", "In words", "What to do"])
    st.dataframe(shown, hide_index=True, key="taxonomy-problems")


def _siblings(pairs: pd.DataFrame) -> None:
    if pairs.empty:
        return
    st.subheader("Siblings, hardest to tell apart first", anchor=False)
    st.markdown("Of 100 pairs of pictures, one of each concept: how often the pictures tell which is which.")
    top = pairs.head(PAIRS_SHOWN)
    short = short_names([*top["first"], *top["second"]])
    figure = bars(
        [f"{short(a)} and {short(b)}" for a, b in zip(top["first"], top["second"], strict=True)],
        top["auc"].to_numpy(),
        low=top["low"].to_numpy(),
        high=top["high"].to_numpy(),
        tick_format=".0%",
        value_range=(0.0, 1.03),
        limit=0.5,
        limit_words="by guessing",
        title="Told apart",
    )
    show(figure, key="taxonomy-siblings", alt=f"Bars for {count(len(top), 'pair')} of siblings.")
