"""Pictures of both origins beside each other: two mosaics, strips of real-world pictures, matched pairs."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from analysis.compare import Coverage
from analysis.dataset import ORIGINS, REAL_WORLD, TRAINING, Dataset, is_within
from components.caching import cached
from components.comparison import MATCHES, Comparison, Rows
from components.text import count, percent, plain, short_concepts
from components.theme import ORIGIN_COLOURS, ORIGIN_NAMES
from components.thumbnails import thumbnail_sources

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

TILES: Final = 24
PAIRS: Final = 5


def mosaic_rows(dataset: Dataset, concept: str, n: int = TILES) -> tuple[list[int], list[int]]:
    """Rows for both mosaics: the same concept in the same cell where both origins have it."""
    rows = {o: dataset.rows(concept=concept or None, origin=o) for o in ORIGINS}
    by_concept: dict[str, dict[str, list[int]]] = {}
    for origin in ORIGINS:
        for row in rows[origin]:
            for name in dataset.concepts_of(int(row))[:1]:
                by_concept.setdefault(name, {o: [] for o in ORIGINS})[origin].append(int(row))
    both = [by_concept[c] for c in sorted(by_concept) if all(by_concept[c].values())]
    if len(both) < 2:
        return _spread(rows[TRAINING], n), _spread(rows[REAL_WORLD], n)
    picked = [both[i] for i in _spread(np.arange(len(both)), n)]
    each = -(-n // len(picked))
    out: dict[str, list[int]] = {o: [] for o in ORIGINS}
    for group in picked:
        # the same number from both, so that cells stay beside each other
        take = min(each, *(len(group[o]) for o in ORIGINS)) if len(picked) >= n // 2 else each
        for origin in ORIGINS:
            out[origin] += _spread(np.array(group[origin]), take)
    return out[TRAINING][:n], out[REAL_WORLD][:n]


def mosaics(opened: OpenDataset, concept: str) -> None:
    """Both origins as two pictures of equal size."""
    dataset = opened.dataset
    key = ("mosaics", concept)
    sides = cached(opened, "mosaics", key, lambda: mosaic_rows(dataset, concept))
    parts = []
    for origin, rows in zip(ORIGINS, sides, strict=True):
        total = len(dataset.rows(concept=concept or None, origin=origin))
        sources = thumbnail_sources(opened, rows)
        parts.append(mosaic(ORIGIN_NAMES[origin], ORIGIN_COLOURS[origin], total, sources))
    st.html(f'<div style="{_PAIR}">{"".join(parts)}</div>')


def mosaic(name: str, colour: str, total: int, sources: Sequence[str]) -> str:
    """One side as HTML: a heading, and equal tiles in a frame of fixed shape."""
    columns = max(1, round(math.sqrt(len(sources) * 1.5)))
    lines = max(1, math.ceil(len(sources) / columns))
    fit = "contain" if len(sources) < 3 else "cover"
    tiles = "".join(f'<img src="{html.escape(s)}" alt="" style="{_TILE};object-fit:{fit}">' for s in sources)
    return (
        f'<figure style="margin:0;min-width:0"><figcaption style="{_CAPTION}">'
        f'<span class="tde-dot" style="width:.8rem;height:.8rem;background:{colour}"></span>{name}'
        f'<span class="tde-muted" style="font-weight:400">{count(total, "picture")}</span></figcaption>'
        f'<div role="img" aria-label="{len(sources)} of {count(total, "picture")}, {name.lower()}" '
        f'style="border-top:4px solid {colour};aspect-ratio:3/2;display:grid;gap:2px;overflow:hidden;'
        f"border-radius:8px;grid-template-columns:repeat({columns},1fr);grid-template-rows:repeat({lines},1fr)"
        f'">{tiles}</div></figure>'
    )


def strips(opened: OpenDataset, found: Comparison) -> None:
    """The most typical and the least covered real-world pictures; a click opens one."""
    from components.gallery import gallery, picture_dialog

    typical, coverage = found.typical, found.coverage
    st.subheader("Typical real-world pictures", anchor=False)
    st.caption("Together they show what most look like; below each, the share of real-world pictures it stands for.")
    names = _captions(opened.dataset, typical.rows)
    clicked = gallery(
        opened,
        typical.rows,
        key="compare-typical",
        captions=names,
        notes=[f"stands for {percent(s)}" for s in typical.share],
        size="small",
        show_origin=False,
    )
    st.subheader("Real-world pictures that training covers least", anchor=False)
    of = "all training pictures" if coverage.reference_is_all else "training pictures"
    st.caption(
        f"Below each, how many {of} lie closer to their nearest fellow than this picture to its nearest "
        "training picture. Near-copies are shown once."
    )
    farther = dict(zip(coverage.rows.tolist(), coverage.farther_than, strict=True))
    also = gallery(
        opened,
        found.least,
        key="compare-least",
        captions=_captions(opened.dataset, found.least),
        notes=[_farther(farther[int(r)]) for r in found.least],
        size="small",
        show_origin=False,
    )
    if clicked is not None:
        picture_dialog(opened, clicked, rows=typical.rows)
    elif also is not None:
        picture_dialog(opened, also, rows=found.least)


def pairs(opened: OpenDataset, found: Comparison) -> None:
    """Real-world pictures, each with its nearest training pictures."""
    st.subheader("Each real-world picture with its nearest training pictures", anchor=False)
    kinds = ("Typical ones", "Least covered", "One of many")
    kind = st.segmented_control(
        "Real-world pictures",
        kinds,
        default=kinds[0],
        key="compare-pairs",
        required=True,
        label_visibility="collapsed",
    )
    many = found.real_world[_spread(np.arange(len(found.real_world)), PAIRS)]
    chosen = {kinds[0]: found.typical.rows, kinds[1]: found.least}.get(str(kind), many)[:PAIRS]
    position = {int(r): i for i, r in enumerate(found.coverage.rows)}
    lines = [position[int(r)] for r in chosen]
    st.caption(pairs_caption(opened.dataset, found.coverage))
    st.html(pairs_html(opened, found.coverage, lines))


def pairs_caption(dataset: Dataset, coverage: Coverage) -> str:
    """What the numbers mean, and how often the nearest training picture shows something else."""
    out = "The number says how alike two pictures are to the model: 1 is the same picture."
    labelled = [i for i, r in enumerate(coverage.rows) if dataset.concepts_of(int(r))]
    if not labelled:
        return out
    other = [not _share_concept(dataset, int(coverage.rows[i]), int(coverage.nearest[i, 0])) for i in labelled]
    if not any(other):
        return out
    wrong = percent(sum(other) / len(other))
    return f"{out} For {wrong} of the real-world pictures the nearest training picture shows another concept."


def _share_concept(dataset: Dataset, a: int, b: int) -> bool:
    """Whether two pictures have a concept in common, or one's lies within the other's."""
    return any(is_within(x, y) or is_within(y, x) for x in dataset.concepts_of(a) for y in dataset.concepts_of(b))


def pairs_html(opened: OpenDataset, coverage: Coverage, lines: Sequence[int]) -> str:
    """Rows of pictures, the real-world one first; `lines` are positions in `coverage.rows`."""
    rows = [int(coverage.rows[i]) for i in lines]
    near = [[int(r) for r in coverage.nearest[i]] for i in lines]
    flat = [r for one, others in zip(rows, near, strict=True) for r in (one, *others)]
    source = dict(zip(flat, thumbnail_sources(opened, flat), strict=True))
    caption = dict(zip(flat, _captions(opened.dataset, np.array(flat)), strict=True))
    out = []
    for i, one, others in zip(lines, rows, near, strict=True):
        cells = [_cell(source[one], caption[one], "Real world", ORIGIN_COLOURS[REAL_WORLD])]
        cells.append('<span aria-hidden="true" class="tde-muted" style="align-self:center;font-size:1.3rem">→</span>')
        for other, similarity in zip(others, coverage.similarity[i], strict=True):
            same = _share_concept(opened.dataset, one, other) or not opened.dataset.concepts_of(one)
            note = f"{similarity:.2f} alike" + ("" if same else "\nother concept")
            cells.append(_cell(source[other], caption[other], note, ORIGIN_COLOURS[TRAINING]))
        columns = f"minmax(0,1.25fr) auto repeat({MATCHES},minmax(0,1fr))"
        out.append(
            f'<div style="display:grid;gap:8px;grid-template-columns:{columns};max-width:900px;'
            f'margin-bottom:14px;align-items:start">{"".join(cells)}</div>'
        )
    return "".join(out)


def _captions(dataset: Dataset, rows: Rows) -> list[str]:
    short = short_concepts(dataset.concepts)
    return [", ".join(short[c] for c in dataset.concepts_of(int(r))) or "no concept" for r in rows]


def _farther(share: float) -> str:
    return "" if np.isnan(share) else f"farther than {percent(share)}"


def _cell(source: str, caption: str, note: str, colour: str) -> str:
    text, below = html.escape(plain(caption)), html.escape(note).replace("\n", "<br>")
    return (
        f'<figure style="margin:0;min-width:0"><img src="{html.escape(source)}" alt="{text}" loading="lazy" '
        'style="width:100%;aspect-ratio:1;object-fit:cover;border-radius:6px;display:block;'
        f'border-bottom:4px solid {colour}"><figcaption class="tde-small" title="{text}" '
        'style="overflow:hidden;text-overflow:ellipsis;white-space:nowrap">'
        f'{text}<br><span class="tde-muted" style="white-space:normal">{below}</span></figcaption></figure>'
    )


def _spread(values: NDArray[np.int64], n: int) -> list[int]:
    """Up to n of the values at even distances, in order."""
    if len(values) <= n:
        return [int(v) for v in values]
    return [int(v) for v in values[np.linspace(0, len(values) - 1, n).round().astype(np.int64)]]


_PAIR: Final = "display:grid;grid-template-columns:1fr 1fr;gap:14px"
_TILE: Final = "width:100%;height:100%;min-width:0;min-height:0;display:block"
_CAPTION: Final = (
    "display:flex;gap:.5rem;align-items:baseline;font-family:Manrope,sans-serif;font-weight:700;"
    "font-size:1.15rem;margin-bottom:.4rem;flex-wrap:wrap"
)
