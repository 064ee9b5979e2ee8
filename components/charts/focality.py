"""Subject or side matter: shares of labels by concept, heat maps over the pictures, and a review of the regions."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from analysis.checks.base import Findings
from analysis.errors import StoreError
from analysis.regions import ACCEPTED, DROPPED, coco, region_key
from components.charts.common import bars, show, verdict_colours
from components.evidence import id_rows
from components.heat import with_box, with_heat
from components.shelf import shelf
from components.text import count, md, plain, short_concepts

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

SHOWN: Final = 12
"""Heat maps, or regions, on the page at once."""
ROUTES: Final = {
    "in": "Only in the picture",
    "unclear": "Unclear",
    "of": "What the picture is of",
}
_PAGE: Final = "focality-regions-page"
_GRID: Final = (
    '<div style="display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px;align-items:start">'
    "{}</div>"
)
_TILE: Final = (
    '<figure style="margin:0"><img src="{}" alt="{}" style="width:100%;aspect-ratio:4/3;object-fit:contain;'
    'border-radius:6px;display:block;background:color-mix(in srgb, currentColor 7%, transparent)">'
    '<figcaption class="tde-small tde-muted" style="overflow-wrap:anywhere">{}</figcaption></figure>'
)


def draw(opened: OpenDataset, findings: Findings) -> None:
    """Bars, heat maps and regions."""
    _bars(findings)
    _heat_maps(opened, findings)
    _regions(opened, findings)


def _bars(findings: Findings) -> None:
    table = findings.tables.get("focality")
    if table is None:
        return
    table = table[table["verdict"] != "cannot_tell"].sort_values("share_in", ascending=False)
    if table.empty:
        return
    st.subheader("How often a concept is only in the picture", anchor=False)
    names = short_concepts([str(c) for c in table["concept"]])
    figure = bars(
        [names[str(c)] for c in table["concept"]],
        table["share_in"].to_numpy(dtype=np.float64),
        colour=verdict_colours(table["verdict"].tolist()),
        text=[f"{inside} of {n}" for inside, n in zip(table["in"], table["n"], strict=True)],
        title="Share of the labels looked at that are not what the picture is of",
        tick_format=".0%",
        value_range=(0.0, 1.08),
    )
    show(figure, key="focality-shares", alt="For each concept, the share of labels that are only in the picture")


def _heat_maps(opened: OpenDataset, findings: Findings) -> None:
    heat = findings.tables.get("heat")
    if heat is None or heat.empty:
        return
    st.subheader("Where the concept is", anchor=False)
    concepts = list(dict.fromkeys([f.concept for f in findings.concepts if (heat["concept"] == f.concept).any()]))
    names = short_concepts(concepts)
    first, second = st.columns(2)
    concept = first.selectbox("Concept", concepts, format_func=lambda c: plain(names[c]), key="focality-concept")
    mine = heat[heat["concept"] == concept]
    there = [r for r in ROUTES if (mine["route"] == r).any()]
    chosen = second.selectbox("Labels", there, format_func=lambda r: ROUTES[r], key="focality-route")
    mine = mine[mine["route"] == chosen].sort_values("score", ascending=chosen != "of").head(SHOWN)
    rows = id_rows(opened, mine["image_id"].tolist())
    if len(rows) != len(mine):
        st.caption("The pictures have changed since: run the check again to see where the concept is.")
        return
    tiles = []
    for one, picture in zip(mine.to_dict("records"), opened.thumbnails(rows.tolist()), strict=True):
        source = with_heat(picture, one["values"], one["rows"], one["columns"])
        words = f"Heat of {names[concept]} over {one['image_id']}"
        tiles.append(_TILE.format(source, _safe(words), f"score {one['score']:.2f}"))
    st.html(_GRID.format("".join(tiles)))
    unknown = {f.concept for f in findings.concepts if f.extra.get("why") == "name"}
    st.caption(
        "The model in use does not know this name: what is bright is a guess, and nothing is judged by it."
        if concept in unknown
        else "Bright: looks like the concept. Dark: looks like anything else."
    )


def _regions(opened: OpenDataset, findings: Findings) -> None:
    regions = findings.tables.get("regions")
    if regions is None or regions.empty:
        return
    st.subheader("Regions for a detector", anchor=False)
    try:
        said = shelf().region_reviews.every(opened.source.id)
    except StoreError as error:
        st.warning(md(str(error)))
        said = {}
    given = int((regions["source"] == "given").sum())
    where = f"{count(given, 'box', 'boxes')} came with the dataset. " if given else ""
    st.markdown(
        f"{where}{count(len(regions) - given, 'region')} proposed from the heat. They are drafts: drop the wrong ones, "
        "then train a detector on the rest."
    )
    names = short_concepts(sorted({str(c) for c in regions["concept"]}))
    options = ["", *names]
    left, right = st.columns(2, vertical_alignment="bottom")
    concept = left.selectbox(
        "Show regions of",
        options,
        format_func=lambda c: plain(names[c]) if c else "all concepts",
        key="focality-regions-of",
    )
    right.download_button(
        "Export regions (COCO)",
        lambda: json.dumps(coco(regions, opened.dataset, said), ensure_ascii=False, indent=1).encode(),
        file_name="regions.json",
        mime="application/json",
        key="focality-export",
        on_click="ignore",
        help="Without those that were dropped.",
    )
    mine = regions[regions["concept"] == concept] if concept else regions
    pages = max(1, -(-len(mine) // SHOWN))
    page = st.pagination(pages, key=f"{_PAGE}-{concept}") if pages > 1 else 1
    start = (int(page or 1) - 1) * SHOWN
    _tiles(opened, mine.iloc[start : start + SHOWN], said, names)
    dropped = sum(said.get(region_key(r)) == DROPPED for r in regions.to_dict("records"))
    accepted = sum(said.get(region_key(r)) == ACCEPTED for r in regions.to_dict("records"))
    st.caption(f"{accepted} accepted, {dropped} dropped, {len(regions) - accepted - dropped} not looked at.")


def _tiles(opened: OpenDataset, shown: pd.DataFrame, said: dict[str, str], names: dict[str, str]) -> None:
    rows = id_rows(opened, shown["image_id"].tolist())
    if len(rows) != len(shown):
        st.caption("The pictures have changed since: run the check again to see the regions.")
        return
    pictures = opened.thumbnails(rows.tolist())
    with st.container(horizontal=True, gap="small", key="focality-tiles"):
        for number, (region, picture) in enumerate(zip(shown.to_dict("records"), pictures, strict=True)):
            _tile(opened, region, picture, said.get(region_key(region)), names, number)


def _tile(
    opened: OpenDataset, region: dict[Any, Any], picture: bytes, said: str | None, names: dict[str, str], number: int
) -> None:
    key, source = region_key(region), opened.source.id
    box = [float(region[n]) for n in ("x", "y", "width", "height")]
    with st.container(width=172, gap="small", key=f"focality-region-{number}"):
        words = names[str(region["concept"])]
        state = {ACCEPTED: " · accepted", DROPPED: " · dropped"}.get(said or "", "")
        image = with_box(picture, box, faint=said == DROPPED)
        st.html(_TILE.format(image, _safe(f"Region of {words} in {region['image_id']}"), _safe(words + state)))
        with st.container(horizontal=True, gap="small"):
            if said is None:
                st.button("Accept", key=f"focality-accept-{key}", on_click=_say, args=(source, key, ACCEPTED))
                st.button("Drop", key=f"focality-drop-{key}", on_click=_say, args=(source, key, DROPPED))
            else:
                st.button("Undo", key=f"focality-undo-{key}", on_click=_say, args=(source, key, None))


def _say(source_id: str, key: str, verdict: str | None) -> None:
    try:
        shelf().region_reviews.say(source_id, [key], verdict)
    except StoreError as error:
        st.toast(md(str(error)))


def _safe(text: str) -> str:
    return html.escape(plain(text))
