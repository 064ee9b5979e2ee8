"""What stands around the map on its page: the row of controls, search hits, the selected pictures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from analysis.names import Say, leaf, short_names
from analysis.neighbours import Ranking, more_like, search_text, text_note
from analysis.paths import cache_dir
from analysis.projection import load_or_project, stored_projection
from components.caching import background, cached
from components.gallery import gallery
from components.gallery.controls import LIKE_PARAMETER, row_of
from components.gallery.export import pictures_csv
from components.gallery.filters import concept_choices
from components.map.paint import Paint, choices, default_choice, paint_by
from components.map.selection import clear_selection, select_rows
from components.text import count, md, plain
from components.theme import is_dark

if TYPE_CHECKING:
    from analysis.embedders.base import Float32
    from analysis.opening import OpenDataset

HITS: Final = 48
POINTS, PICTURES = "Points", "Pictures"
SHARE: Final = "Of the concept"


@dataclass(frozen=True, slots=True)
class View:
    """What the controls say: colours, which rows take part (None: all), contact sheet or points, words to find."""

    paint: Paint
    shown: NDArray[np.int64] | None
    sheet: bool
    words: str


@dataclass(frozen=True, slots=True)
class Found:
    """Pictures to mark in the map: a title for a person (Markdown), the ranking, the picture they are like."""

    title: str
    ranking: Ranking
    focus: int | None


def positions(open_dataset: OpenDataset) -> Float32 | None:
    """The map, float32 (n, 2); None while it is being computed in the background, which is shown here."""
    vectors, folder = open_dataset.features.image, cache_dir()
    name = _vectors_name(open_dataset)
    known = cached(open_dataset, "map_stored", (), lambda: stored_projection(folder, name, len(vectors)))
    if known is not None:
        return known
    return background(
        open_dataset,
        "map",
        (),
        lambda progress: load_or_project(vectors, name, folder, progress=progress),
        title="Laying out the map",
    )


def _vectors_name(open_dataset: OpenDataset) -> str:
    """Names the vectors only: other labels on the same pictures need no other map."""
    text = "".join(open_dataset.dataset.images["content_hash"].tolist()) + open_dataset.features.model.key
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def controls(open_dataset: OpenDataset) -> View:
    """One row: colours, points or pictures, one concept only, words to find."""
    dataset = open_dataset.dataset
    offered = choices(dataset)
    with st.grid(4, min_column_width=190, gap="small"):
        first = list(offered).index(default_choice(dataset))
        choice = st.selectbox(
            "Colour by", list(offered), index=first, format_func=offered.__getitem__, key="map-colour"
        )
        concepts: list[str | None] = [None, *concept_choices(dataset)]
        only = st.selectbox(
            "Show",
            concepts,
            format_func=lambda c: "All concepts" if c is None else plain(c),
            key="map-concept",
        )
        words = st.text_input(
            "Find by words",
            key="map-words",
            placeholder="such as: green apple",
            icon=":material/search:",
            help=md(text_note(open_dataset.embedder)) or None,
        )
        look = st.segmented_control("Draw as", [POINTS, PICTURES], default=POINTS, required=True, key="map-look")
    dark = is_dark()
    return View(
        paint=cached(open_dataset, "paint", (choice, dark), lambda: paint_by(dataset, choice, dark)),
        shown=None if only is None else dataset.rows(concept=only),
        sheet=look == PICTURES,
        words=words.strip(),
    )


def find(open_dataset: OpenDataset, view: View) -> Found | None:
    """Pictures most like the words, or like the picture the link names; None if neither was asked for."""
    features = open_dataset.features
    among = view.shown
    like = row_of(open_dataset.dataset, st.query_params.get(LIKE_PARAMETER))
    if view.words:
        ranking = search_text(features, open_dataset.embedder, view.words, HITS, among)
        return Found(f"{count(len(ranking), 'picture')} most like “{md(view.words)}”", ranking, None)
    if like is not None:
        ranking = more_like(features, like, HITS, among)
        return Found(f"{count(len(ranking), 'picture')} most like the chosen one", ranking, like)
    return None


def show_found(open_dataset: OpenDataset, found: Found) -> int | None:
    """Search hits in order, as a gallery; the row of one that was clicked."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"#### {found.title}", width="content")
        with st.container(horizontal=True, width="content"):
            rows = found.ranking.rows
            st.button(
                "Select them on the map",
                key="map-select-found",
                on_click=select_rows,
                args=(open_dataset, rows),
            )
            st.button("End this search", key="map-end-search", on_click=end_search, type="tertiary")
    if found.ranking.note:
        st.caption(f"They are ringed in the map. {md(found.ranking.note)}")
    rows, notes = found.ranking.rows, [f"similarity {s:.2f}" for s in found.ranking.scores]
    if found.focus is not None:
        rows, notes = np.concatenate([[found.focus], rows]), ["the chosen one", *notes]
    return gallery(open_dataset, rows, key="map-found", notes=notes, page_size=24, size="small")


def end_search() -> None:
    """Look for nothing any more."""
    st.session_state["map-words"] = ""
    st.query_params.pop(LIKE_PARAMETER, None)


def find_like(open_dataset: OpenDataset, row: int) -> None:
    """Look for pictures like this one from the next run on."""
    st.query_params[LIKE_PARAMETER] = str(open_dataset.dataset.images["image_id"].iloc[row])


def show_selection(open_dataset: OpenDataset, rows: NDArray[np.int64]) -> int | None:
    """The selected pictures: how many of each concept, the pictures, a CSV; the row of one that was clicked."""
    dataset = open_dataset.dataset
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"#### {count(len(rows), 'picture')} selected", width="content")
        with st.container(horizontal=True, width="content"):
            st.download_button(
                "Download the selection (CSV)",
                lambda: pictures_csv(dataset, rows),
                file_name="selection.csv",
                mime="text/csv",
                key="map-csv",
                on_click="ignore",
            )
            st.button(
                "Clear the selection",
                key="map-clear",
                on_click=clear_selection,
                args=(open_dataset,),
                type="tertiary",
            )
    table = selection_counts(open_dataset, rows)
    with st.expander(
        selection_sentence(table, len(rows), short_names(open_dataset.dataset.concepts)), expanded=len(table) > 1
    ):
        bar = st.column_config.ProgressColumn(
            "Pictures", format="%d", min_value=0, max_value=int(table["Pictures"].max())
        )
        share = st.column_config.NumberColumn(SHARE, format="%.0f %%", help="How much of all its pictures is selected.")
        st.dataframe(
            table,
            hide_index=True,
            width="stretch",
            height="content" if len(table) <= 6 else 248,
            column_config={"Pictures": bar, SHARE: share},
        )
    return gallery(open_dataset, rows, key="map-selection")


def selection_counts(open_dataset: OpenDataset, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Selected pictures per concept, most first: `Concept`, `Pictures`, `SHARE` (per cent)."""
    labels = open_dataset.dataset.labels
    total = labels["concept"].value_counts()
    inside = labels.loc[labels["image"].isin(rows), "concept"].value_counts()
    without = len(rows) - int(np.isin(rows, labels["image"].to_numpy()).sum())
    share = (100 * inside / total.reindex(inside.index)).tolist()
    return pd.DataFrame(
        {
            "Concept": [plain(str(c)) for c in inside.index] + ["no concept"] * bool(without),
            "Pictures": inside.tolist() + [without] * bool(without),
            SHARE: share + [float("nan")] * bool(without),
        }
    )


def selection_sentence(table: pd.DataFrame, selected: int, say: Say = leaf) -> str:
    """The table in one line of Markdown."""
    if len(table) == 1:
        return f"All of one concept: {md(str(table['Concept'].iloc[0]))}"
    top = table.iloc[0]
    share = int(top["Pictures"]) / selected
    return f"{len(table):,} concepts; {share:.0%} are {md(say(str(top['Concept'])))}"
