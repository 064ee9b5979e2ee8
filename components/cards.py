"""Picture cards of the start screen: bundled samples and recent datasets."""

from __future__ import annotations

import html
import io
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from components.shelf import sample_problem, samples, shelf
from components.state import choose
from components.text import count, duration, md
from components.thumbnails import data_uri

if TYPE_CHECKING:
    from analysis.recent import RecentEntry
    from analysis.samples import Sample

COVER_SIDE: Final = 420
COVER_PICTURES: Final = 5


@st.cache_data(show_spinner=False, max_entries=64)
def _cover_picture(path: str, side: int) -> str:
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    picture.thumbnail((side, side))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=82)
    return data_uri(out.getvalue())


def cover(pictures: tuple[Path, ...]) -> str:
    """Up to five pictures composed into one, as HTML: five around a large one, fewer side by side."""
    shown = pictures[:COVER_PICTURES]
    tags = (f'<img src="{_cover_picture(str(p), COVER_SIDE)}" alt="">' for p in shown)
    return f'<div class="tde-cover tde-cover-{len(shown)}">{"".join(tags)}</div>'


def sample_cards() -> None:
    """The bundled samples, each with pictures, what it shows, and a button; nothing where there are none."""
    bundled = samples()
    if not bundled:
        problem = sample_problem()
        if problem is not None:
            st.warning(md(problem))
        return
    st.subheader("Start with a sample", anchor=False)
    if len(bundled) == 1:
        _wide_sample(bundled[0])
        return
    grid = st.grid(min(3, len(bundled)), min_column_width=300)
    for sample in bundled:
        with grid, st.container(border=True, height="stretch", key=f"sample-{sample.id}"):
            st.html(cover(sample.cover))
            _sample_words(sample)


def _wide_sample(sample: Sample) -> None:
    with st.container(border=True, key=f"sample-{sample.id}"):
        grid = st.grid(2, min_column_width=340, gap="medium", vertical_alignment="center")
        grid.html(cover(sample.cover))
        with grid, st.container():
            _sample_words(sample, story=True)


def _sample_words(sample: Sample, story: bool = False) -> None:
    st.markdown(f"#### {md(sample.title)}")
    st.html(f'<p style="margin:0;line-height:1.5">{html.escape(sample.tagline)}</p>')
    if story and sample.story:
        st.html(f'<p class="tde-small tde-muted" style="margin:0">{html.escape(sample.story)}</p>')
    if st.button(f"Open {md(sample.title)}", type="primary", key=f"open-{sample.id}"):
        choose(sample.source)


def recent_datasets() -> None:
    """Datasets opened before, the latest first, each with open and remove; nothing where there are none."""
    sample_ids = {sample.source.id for sample in samples()}
    entries = [entry for entry in shelf().recent.list() if entry.source.id not in sample_ids]
    if not entries:
        return
    st.subheader("Opened before", anchor=False)
    for entry in entries:
        _recent_row(entry)


def _recent_row(entry: RecentEntry) -> None:
    source = entry.source
    paths = [source.training] + ([source.real_world] if source.real_world else [])
    places = "<br>".join(html.escape(str(p)) for p in paths)
    with st.container(border=True, horizontal=True, wrap=False, vertical_alignment="center", key=f"recent-{source.id}"):
        st.html(
            f'<div style="overflow-wrap:anywhere"><strong>{html.escape(source.name)}</strong> '
            f'<span class="tde-muted tde-small">&nbsp;{count(entry.images, "image")}, '
            f"{count(entry.concepts, 'concept')}, {html.escape(ago(entry.opened_at))}</span><br>"
            f'<span class="tde-muted tde-small">{places}</span></div>'
        )
        if st.button("Open", key=f"recent-open-{source.id}"):
            choose(source)
        st.button(
            "Remove",
            key=f"recent-remove-{source.id}",
            type="tertiary",
            on_click=shelf().recent.remove,
            args=(source.id,),
            help="Takes it off this list. Your pictures stay where they are.",
        )


def ago(moment: datetime, now: datetime | None = None) -> str:
    """`just now`, `5 minutes ago`, `2 hours ago`, then the date."""
    now = now or datetime.now(moment.tzinfo)
    seconds = (now - moment).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 20 * 3600:
        return f"{duration(seconds)} ago"
    return f"{moment.day} {moment:%B %Y}"
