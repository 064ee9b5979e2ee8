"""The frame around every page: sidebar with navigation, and the header that says what one looks at."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from analysis.dataset import ORIGINS
from components.state import current, current_open, link_parameters, reopen
from components.text import count, md
from components.theme import ORIGIN_COLOURS, ORIGIN_NAMES
from components.thumbnails import data_uri

if TYPE_CHECKING:
    from streamlit.navigation.page import Page

    from analysis.opening import OpenDataset


@st.cache_resource(show_spinner=False)
def _mark() -> str:
    return data_uri((Path(__file__).parent.parent / "static" / "favicon.png").read_bytes(), "image/png")


def sidebar(sections: Mapping[str, Sequence[Page]]) -> None:
    """Name of the product, links to the pages (they carry the dataset along), the dataset that is open."""
    parameters = link_parameters()
    with st.sidebar:
        st.html(f'<p class="tde-brand"><img src="{_mark()}" alt=""><span>Training Data Explorer</span></p>')
        for section, pages in sections.items():
            if len(sections) > 1 and len(pages) > 1:
                st.html(f'<p class="tde-side-title">{html.escape(section)}</p>')
            with st.container(gap="xxsmall"):
                for page in pages:
                    st.page_link(page, query_params=parameters, width="stretch")
        _open_now()


def _open_now() -> None:
    choice = current()
    if choice is None or choice.source is None:
        return
    opened = current_open()
    st.html('<p class="tde-side-title">Open now</p>')
    what = count(len(opened.dataset), "image") if opened else "not open yet"
    st.html(
        f'<p class="tde-small" style="margin:0;overflow-wrap:anywhere">{html.escape(choice.source.name)}<br>'
        f'<span class="tde-muted">{what}</span></p>'
    )
    if opened is not None:
        st.button(
            "Look for changed files",
            key="look-for-changes",
            type="tertiary",
            on_click=reopen,
            args=(choice.dataset_id,),
            help="Reads the folder again; only new and changed pictures are computed.",
        )


def shell(title: str, sentence: str, opened: OpenDataset | None = None) -> None:
    """Header of a page: title, one sentence, and what is open: name, counts, model."""
    opened = opened or current_open()
    st.title(md(title), anchor=False)
    st.html(f'<p class="tde-lede">{html.escape(sentence)}</p>')
    if opened is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="shell-facts"):
        st.html(chips(dataset_facts(opened)), width="content")
        _model_chip(opened)


def dataset_facts(opened: OpenDataset) -> list[tuple[str, str | None]]:
    """Name and counts of a dataset as (text, colour of its dot or None)."""
    dataset = opened.dataset
    facts: list[tuple[str, str | None]] = [(opened.source.name, None)]
    for origin in ORIGINS:
        n = int((dataset.images["origin"] == origin).sum())
        if n:
            facts.append((f"{ORIGIN_NAMES[origin]}: {n:,}", ORIGIN_COLOURS[origin]))
    facts.append((count(len(dataset.concepts), "concept"), None))
    return facts


def chips(facts: Sequence[tuple[str, str | None]]) -> str:
    """Small rounded labels as HTML; texts are escaped."""
    out = []
    for text, colour in facts:
        dot = f'<span class="tde-dot" style="background:{colour}"></span>' if colour else ""
        out.append(f'<span class="tde-chip">{dot}{html.escape(text)}</span>')
    return f'<div class="tde-chips">{"".join(out)}</div>'


def _model_chip(opened: OpenDataset) -> None:
    info = opened.features.model
    with st.popover(f"Model: {md(info.title)}", type="tertiary"):
        st.markdown(f"**{md(info.title)}**")
        st.markdown(f"**What it sees.** {md(info.sees)}")
        st.markdown(f"**What it cannot see.** {md(info.blind_to)}")
        st.caption(f"On the command line: --model {md(info.name)}")
