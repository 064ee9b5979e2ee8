"""Repeated pictures: what share of each concept, the groups side by side, and the list of which to keep."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from analysis.checks.base import PAIRS, Findings
from analysis.dataset import TRAINING
from components.charts.common import bars, show, verdict_colours
from components.evidence import id_rows
from components.gallery import gallery, picture_dialog
from components.gallery.tiles import concept_captions
from components.text import count, plain, short_concepts

if TYPE_CHECKING:
    from analysis.dataset import Dataset
    from analysis.opening import OpenDataset

GROUPS_A_PAGE: Final = 9
COLUMNS: Final = 3
TILES: Final = 8  # of one group: one row in a wide window
PAIRED: Final = 16  # tiles of pairs a page: even, so that no pair is torn
CONCEPTS: Final = 20
ALL: Final = "All groups"
DIFFERENT: Final = "With different concepts"
EXACT: Final = "Exact copies"
ALTERED: Final = "Altered copies"


def draw(opened: OpenDataset, findings: Findings) -> None:
    """Share of repeats by concept; groups as rows of pictures; the list to download."""
    members = findings.tables["members"]
    _across_splits(opened, members, findings.tables[PAIRS])
    if members.empty:
        return
    _share_by_concept(findings.tables["concepts"])
    _list_to_download(opened.dataset, members)
    _groups(opened, members, findings.tables[PAIRS])


def _across_splits(opened: OpenDataset, members: pd.DataFrame, pairs: pd.DataFrame) -> None:
    """Copies under different concepts that make no group, because they lie in different splits."""
    ends = pairs.loc[pairs["conflict"] & (pairs["across"] == "split"), ["image_a", "image_b"]]
    ends = ends[~ends.isin(set(members["image_id"])).all(axis=1)]  # both in groups: shown there
    if ends.empty:
        return
    st.subheader("One picture under two concepts, in two splits", anchor=False)
    st.caption("Side by side, two by two. Decide which concept is right, and keep the picture once.")
    at = id_rows(opened, ends.to_numpy().ravel().tolist())
    clicked = gallery(
        opened,
        at,
        key="uniqueness-across",
        captions=[plain(c) for c in concept_captions(opened, at)],
        size="small",
        page_size=PAIRED,
    )
    if clicked is not None:
        picture_dialog(opened, clicked, rows=at)


def _share_by_concept(table: pd.DataFrame) -> None:
    repeated = table[table["repeats"] > 0].assign(share=lambda t: t["repeats"] / t["n"])
    if len(table) < 2 or repeated.empty:
        return
    repeated = repeated.sort_values(["share", "concept"], ascending=[False, True]).head(CONCEPTS)
    st.subheader("Share of pictures that repeat another", anchor=False)
    names = short_concepts(table["concept"].tolist())
    figure = bars(
        [names[c] for c in repeated["concept"]],
        repeated["share"].to_numpy(),
        colour=verdict_colours(repeated["verdict"].tolist()),
        text=[f"{r:,} of {n:,}" for r, n in zip(repeated["repeats"], repeated["n"], strict=True)],
        limit=0.1,
        limit_words="needs work from here",
    )
    worst = repeated.iloc[0]
    first = f"{worst['concept']} first ({worst['share']:.0%})"
    alt = f"Bars of {count(len(repeated), 'concept')} with repeated pictures, {first}."
    show(figure, key="uniqueness-share", alt=alt)


def _list_to_download(dataset: Dataset, members: pd.DataFrame) -> None:
    aside = int((~members["keep"]).sum())
    if not aside:
        return
    st.subheader("Keep the best of each group", anchor=False)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="uniqueness-keep"):
        st.html(
            f'<span class="tde-small">Of each group the picture stays that the others can be made from: not cut, '
            f"framed, marked, enlarged or blurred; else the larger, then the first by name. "
            f"{count(aside, 'picture')} would be set aside. This makes a list; no file is changed.</span>",
            width="stretch",
        )
        st.download_button(
            "Keep the best of each group",
            lambda: keep_list(dataset, members),
            file_name="keep-and-set-aside.csv",
            mime="text/csv",
            key="uniqueness-list",
            icon=":material/download:",
            on_click="ignore",
        )


def keep_list(dataset: Dataset, members: pd.DataFrame) -> bytes:
    """CSV of every training picture: `image_id`, `action` (`keep`, `set aside`), `copy_of`, `change`, `group`."""
    best = members[members["keep"]].set_index("group")["image_id"]
    known = members.assign(copy_of=members["group"].map(best)).set_index("image_id")
    ids = dataset.images.loc[dataset.images["origin"] == TRAINING, "image_id"].astype(str)
    found = known.reindex(ids)
    aside = found["keep"].eq(False).to_numpy()
    table = pd.DataFrame(
        {
            "image_id": ids.to_numpy(),
            "action": ["set aside" if a else "keep" for a in aside],
            "copy_of": found["copy_of"].where(aside, "").to_numpy(),
            "change": found["change"].where(aside, "").fillna("").to_numpy(),
            "group": ["" if pd.isna(g) else str(int(g) + 1) for g in found["group"]],
        }
    )
    return table.to_csv(index=False).encode("utf-8-sig", "backslashreplace")


def _groups(opened: OpenDataset, members: pd.DataFrame, pairs: pd.DataFrame) -> None:
    st.subheader("The groups", anchor=False)
    shown = _chosen(members, pairs)
    numbers = list(dict.fromkeys(shown["group"]))
    if not numbers:
        st.caption("No group of this kind.")
        return
    pages = -(-len(numbers) // GROUPS_A_PAGE)
    page = min(int(st.session_state.get("uniqueness-page", 1)), pages)
    clashes = _clashing(members, pairs)
    with st.grid(COLUMNS, min_column_width=240, gap="small"):
        for number in numbers[(page - 1) * GROUPS_A_PAGE : page * GROUPS_A_PAGE]:
            _group(opened, shown[shown["group"] == number], int(number), number in clashes)
    if pages > 1:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.caption(f"{count(len(numbers), 'group')}, {GROUPS_A_PAGE} a page", width="content")
            st.pagination(pages, key="uniqueness-page")


def _clashing(members: pd.DataFrame, pairs: pd.DataFrame) -> set[int]:
    ids = set(pairs.loc[pairs["conflict"], ["image_a", "image_b"]].to_numpy().ravel())
    return set(members.loc[members["image_id"].isin(ids), "group"])


def _chosen(members: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    clashes = _clashing(members, pairs)
    ends = pairs.loc[pairs["kind"] == "exact", ["image_a", "image_b"]].to_numpy().ravel()
    exact = set(members.loc[members["image_id"].isin(set(ends)), "group"])
    ends = pairs.loc[pairs["kind"] == "near", ["image_a", "image_b"]].to_numpy().ravel()
    altered = set(members.loc[members["image_id"].isin(set(ends)), "group"])
    every = set(members["group"])
    kinds = {ALL: every, DIFFERENT: clashes, EXACT: exact, ALTERED: altered}
    options = [k for k, groups in kinds.items() if k == ALL or (groups and groups != every)]
    if len(options) == 1:
        return members
    kind = st.segmented_control("Show", options, default=ALL, key="uniqueness-kind", required=True)
    return members[members["group"].isin(kinds[kind or ALL])]


def _group(opened: OpenDataset, rows: pd.DataFrame, number: int, clash: bool) -> None:
    at = id_rows(opened, rows["image_id"].tolist())
    if len(at) != len(rows):
        return
    images = opened.dataset.images.iloc[at]
    sizes = [f"{int(w):,} × {int(h):,}" for w, h in zip(images["width"], images["height"], strict=True)]
    told = [f"keep · {size}" if keep else size for keep, size in zip(rows["keep"], sizes, strict=True)]
    changes = sorted({c or "copy of a copy" for c in rows.loc[~rows["keep"], "change"]})
    words = f"<strong>Group {number + 1}</strong> {html.escape('; '.join(changes))}"
    words += " · <strong>under different concepts</strong>" if clash else ""
    with st.container(border=True, key=f"uniqueness-group-{number}"):
        st.html(f'<span class="tde-small">{words}</span>')
        clicked = gallery(
            opened,
            at,
            key=f"uniqueness-row-{number}",
            captions=[plain(c) for c in concept_captions(opened, at)],
            notes=told,
            size="small",
            page_size=TILES,
        )
    if clicked is not None:
        picture_dialog(opened, clicked, rows=at)
