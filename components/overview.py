"""Parts of the overview page: examples, concepts, sizes, unreadable files, the model, export."""

from __future__ import annotations

import html
import io
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import pandas as pd
import streamlit as st

from analysis.counts import concept_counts
from analysis.dataset import ORIGINS, REAL_WORLD, TRAINING, Dataset
from components.caching import cached
from components.shell import chips
from components.state import link_parameters, unreadable_table
from components.text import count, enumerate_words, md, percent, short_concepts
from components.theme import ORIGIN_COLOURS, ORIGIN_NAMES, figure_layout
from components.thumbnails import thumbnail_sources

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from analysis.opening import OpenDataset

EXAMPLES: Final = 24
CONCEPT_ROWS: Final = 8
SIZE_EDGES: Final = (128, 256, 512, 1024, 2048, 4096)
"""Longer sides in pixels where a class of the size chart begins: fixed, so that datasets compare."""


def summary_sentence(dataset: Dataset) -> str:
    """What is in a dataset, in one or two sentences."""
    parts = []
    for origin, words in ((TRAINING, "to train on"), (REAL_WORLD, "from real use")):
        n = int((dataset.images["origin"] == origin).sum())
        if n:
            parts.append(f"{n:,} {words}")
    of = f" of {count(len(dataset.concepts), 'concept')}" if dataset.concepts else ", none of them labelled"
    split = f": {enumerate_words(parts)}" if len(parts) > 1 else f", all {parts[0].split(' ', 1)[1]}" if parts else ""
    text = f"{count(len(dataset), 'picture')}{of}{split}."
    if dataset.unreadable:
        text += f" {count(len(dataset.unreadable), 'file')} could not be read."
    return text


def example_rows(dataset: Dataset, origin: str, n: int = EXAMPLES) -> list[int]:
    """Rows of up to n examples of an origin, taken in turn from each concept: the same ones on every run."""
    rows = dataset.rows(origin=origin)
    if len(rows) <= n:
        return [int(r) for r in rows]
    firsts = np.array([(dataset.concepts_of(int(r)) or ("",))[0] for r in rows], dtype=object)
    groups = [rows[firsts == c] for c in sorted(set(firsts))]
    if len(groups) >= n:
        groups = [groups[i] for i in np.linspace(0, len(groups) - 1, n).round().astype(int)]
    each = -(-n // len(groups))
    spread = [g[np.linspace(0, len(g) - 1, min(each, len(g))).round().astype(int)] for g in groups]
    turns = [int(g[i]) for i in range(each) for g in spread if i < len(g)]
    return turns[:n]


def metrics(dataset: Dataset) -> None:
    """The counts in a row that wraps."""
    images = dataset.images
    values = [("Images", f"{len(dataset):,}"), ("Concepts", f"{len(dataset.concepts):,}")]
    for origin in ORIGINS:
        values.append((ORIGIN_NAMES[origin], f"{int((images['origin'] == origin).sum()):,}"))
    unlabelled = sum(not c for c in dataset.concepts_by_row)
    if unlabelled:
        values.append(("No concept", f"{unlabelled:,}"))
    values.append(("Unreadable", f"{len(dataset.unreadable):,}"))
    grid = st.grid(len(values), min_column_width=104, gap="xsmall")
    for label, value in values:
        grid.metric(label, value, border=True)


def examples(opened: OpenDataset) -> None:
    """A strip of pictures for each origin."""
    dataset = opened.dataset
    for origin in ORIGINS:
        total = int((dataset.images["origin"] == origin).sum())
        if not total:
            continue
        rows = cached(opened, "examples", (origin, EXAMPLES), partial(example_rows, dataset, origin))
        names = short_names(dataset)
        tags = []
        for row, source in zip(rows, thumbnail_sources(opened, rows), strict=True):
            words = enumerate_words([names[c] for c in dataset.concepts_of(row)]) or "no concept"
            tags.append(f'<img src="{html.escape(source)}" alt="{html.escape(words)}" title="{html.escape(words)}">')
        shown = "" if len(rows) == total else f", {len(rows)} of {total:,}"
        st.subheader(f"{ORIGIN_NAMES[origin]} pictures{shown}", anchor=False)
        st.html(f'<div class="tde-fit"><div class="tde-strip">{"".join(tags)}</div></div>')
    if not dataset.has_real_world:
        st.caption(
            "No real-world pictures were given. With some, the app shows what training lacks: "
            "open the dataset again from the start page with a second folder."
        )


def short_names(dataset: Dataset) -> dict[str, str]:
    """Shortest telling name of each concept."""
    return short_concepts(dataset.concepts)


def concepts(opened: OpenDataset) -> None:
    """The largest concepts with their counts per origin, and how uneven they are in words."""
    dataset = opened.dataset
    st.subheader("Concepts", anchor=False)
    if not dataset.concepts:
        st.markdown("No picture has a concept yet: put pictures into one folder per concept, or give a list.")
        return
    table = cached(opened, "concept counts", None, partial(labelled_counts, dataset))
    names = short_names(dataset)
    st.markdown(_evenness(table, names))
    st.html("".join(_concept_bar(record, names, int(table["total"].iloc[0])) for record in _top(table)))
    rest = len(table) - CONCEPT_ROWS
    more = f"{count(rest, 'more concept')} not shown. " if rest > 0 else ""
    key = [(ORIGIN_NAMES[o], ORIGIN_COLOURS[o]) for o in ORIGINS if (dataset.images["origin"] == o).any()]
    with st.container(horizontal=True, vertical_alignment="center"):
        if more:
            st.html(f'<span class="tde-small tde-muted">{more}</span>', width="content")
        st.html(chips(key), width="content")
        st.page_link("pages/explore/class_balance.py", label="See all in class balance", query_params=link_parameters())


def _evenness(table: pd.DataFrame, names: dict[str, str]) -> str:
    largest, smallest = int(table["total"].iloc[0]), int(table["total"].iloc[-1])
    if largest == smallest:
        return f"Each has {count(largest, 'picture')}."
    first, last = (md(names[c]) for c in (table["concept"].iloc[0], table["concept"].iloc[-1]))
    return f"The largest, {first}, has {count(largest, 'picture')}; the smallest, {last}, has {smallest:,}."


def _top(table: pd.DataFrame) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], table.head(CONCEPT_ROWS).to_dict("records"))


def _concept_bar(record: dict[str, Any], names: dict[str, str], longest: int) -> str:
    bars = "".join(
        f'<span style="width:{100 * record[o] / longest:.2f}%;background:{ORIGIN_COLOURS[o]}" '
        f'title="{ORIGIN_NAMES[o]}: {record[o]:,}"></span>'
        for o in ORIGINS
        if record[o]
    )
    full, name = html.escape(record["concept"]), html.escape(names[record["concept"]])
    return (
        f'<div class="tde-row"><span title="{full}">{name}</span><div class="tde-bar">{bars}</div>'
        f"<span>{record['total']:,}</span></div>"
    )


def labelled_counts(dataset: Dataset) -> pd.DataFrame:
    """Concepts that are labels, the largest first: columns `concept`, `training`, `real_world`, `total`."""
    table = concept_counts(dataset)
    table["total"] = table["training"] + table["real_world"]
    return table.sort_values(["total", "concept"], ascending=[False, True], ignore_index=True)


def splits(dataset: Dataset) -> None:
    """Origins against splits as a small table, where the dataset has splits."""
    split = dataset.images["split"]
    if split.isna().all():
        return
    st.subheader("Splits", anchor=False)
    rows = dataset.images["origin"].map(ORIGIN_NAMES)
    table = pd.crosstab(rows.to_numpy(), split.fillna("none").to_numpy())
    st.dataframe(table.rename_axis(index="Origin", columns=None), width="content")


def sizes(opened: OpenDataset) -> None:
    """Sizes and formats: words first, then how many pictures have which size."""
    images = opened.dataset.images
    st.subheader("Sizes and formats", anchor=False)
    st.markdown(md(size_sentence(images)))
    st.plotly_chart(
        size_figure(images),
        theme=None,
        key="sizes",
        config={"displayModeBar": False},
        alt="How many pictures of each origin have which longer side in pixels",
    )


def size_sentence(images: pd.DataFrame) -> str:
    """Formats by share and the typical size with its range."""
    formats = images["format"].value_counts()
    shares = [f"{name} ({percent(n / len(images))})" for name, n in formats.head(4).items()]
    if len(formats) > 4:
        shares.append(f"{count(len(formats) - 4, 'other format')}")
    sizes_seen = images.groupby(["width", "height"]).size().sort_values(ascending=False, kind="stable")
    (width, height), n = sizes_seen.index[0], int(sizes_seen.iloc[0])
    text = f"Formats: {enumerate_words(shares)}. "
    if n == len(images):
        return text + f"All are {width:,} × {height:,} pixels."
    low, high = images["megapixels"].min(), images["megapixels"].max()
    return text + (
        f"The most frequent size is {width:,} × {height:,} pixels ({percent(n / len(images))}); "
        f"they range from {low:.2g} to {high:.2g} megapixels."
    )


def size_figure(images: pd.DataFrame) -> go.Figure:
    """Share of each origin's pictures by longer side; `images` has columns `origin`, `width`, `height`."""
    import plotly.graph_objects as go

    side = images[["width", "height"]].max(axis=1).to_numpy()
    class_of = np.searchsorted(SIZE_EDGES, side, side="right")
    shown = range(int(class_of.min()), int(class_of.max()) + 1)
    labels = [_size_label(i) for i in shown]
    fig = go.Figure()
    for origin in ORIGINS:
        of = class_of[(images["origin"] == origin).to_numpy()]
        if not len(of):
            continue
        counts = np.array([int((of == i).sum()) for i in shown])
        fig.add_bar(
            x=labels,
            y=counts / len(of),
            name=ORIGIN_NAMES[origin],
            marker={"color": ORIGIN_COLOURS[origin]},
            customdata=counts,
            hovertemplate="%{x} pixels: %{customdata:,} pictures, %{y:.0%}<extra>%{fullData.name}</extra>",
        )
    figure_layout(fig)
    fig.update_layout(
        height=270,
        margin={"l": 8, "r": 8, "t": 30, "b": 8},
        bargap=0.3,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        showlegend=True,
    )
    fig.update_xaxes(title_text="Longer side in pixels", type="category", showgrid=False)
    fig.update_yaxes(title_text="Share of pictures", tickformat=".0%", rangemode="tozero", nticks=5)
    return fig


def _size_label(i: int) -> str:
    if i == 0:
        return f"under {SIZE_EDGES[0]}"
    if i == len(SIZE_EDGES):
        return f"{SIZE_EDGES[-1]:,} and more"
    return f"{SIZE_EDGES[i - 1]:,} to {SIZE_EDGES[i] - 1:,}"


def unreadable(opened: OpenDataset) -> None:
    """Files that could not be used with their reasons, and how many were no images."""
    dataset = opened.dataset
    st.subheader("Files left out", anchor=False)
    if not dataset.unreadable and not dataset.ignored:
        st.markdown("Every file could be read.")
        return
    if dataset.ignored:
        were = "was" if dataset.ignored == 1 else "were"
        st.markdown(f"{count(dataset.ignored, 'file')} {were} passed over: not pictures, but text, lists or the like.")
    if dataset.unreadable:
        table = unreadable_table(opened)
        st.markdown(f"{count(len(table), 'picture')} could not be read. Everything else is shown without them.")
        st.dataframe(table, hide_index=True)
        st.download_button(
            "Save this list as CSV",
            table.to_csv(index=False).encode("utf-8-sig"),
            "unreadable.csv",
            "text/csv",
            on_click="ignore",
        )


def model(opened: OpenDataset) -> None:
    """The model in use, what it sees and what it cannot see."""
    info = opened.features.model
    st.subheader("The model that looks at them", anchor=False)
    st.markdown(f"**{md(info.title)}**")
    st.markdown(f"It sees: {md(info.sees)}")
    st.markdown(f"It cannot see: {md(info.blind_to)}")
    st.caption(
        "Neighbours, maps and search rest on this model; counts, sizes and measurements do not. "
        "Another model can be chosen on the start page."
    )


def image_table(dataset: Dataset) -> pd.DataFrame:
    """The image table for export: no absolute paths, but `concepts` and `not_concepts` joined by `;`."""
    table = dataset.images.drop(columns=["path"])
    table.insert(1, "concepts", [";".join(c) for c in dataset.concepts_by_row])
    against = dataset.negatives.groupby("image")["concept"].agg(";".join)
    table.insert(2, "not_concepts", against.reindex(range(len(table)), fill_value="").to_numpy())
    return table


def export(opened: OpenDataset) -> None:
    """Download of the image table."""
    dataset = opened.dataset
    st.subheader("Take it along", anchor=False)
    st.markdown("One row a picture: its concepts, origin, split and everything measured.")

    def as_parquet() -> bytes:
        out = io.BytesIO()
        image_table(dataset).to_parquet(out, index=False)
        return out.getvalue()

    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in opened.source.name)[:60] or "images"
    with st.container(horizontal=True):
        st.download_button(
            "Images as CSV",
            lambda: image_table(dataset).to_csv(index=False).encode("utf-8-sig"),
            f"{name}.csv",
            "text/csv",
            on_click="ignore",
        )
        st.download_button(
            "Images as Parquet",
            as_parquet,
            f"{name}.parquet",
            "application/vnd.apache.parquet",
            on_click="ignore",
        )
