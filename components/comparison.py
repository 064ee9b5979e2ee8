"""Parts of the page that puts training beside real-world pictures; the strip of both comes first."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from analysis.attributes import ATTRIBUTES
from analysis.compare import (
    DEFAULT_FAR,
    Coverage,
    Difference,
    Typical,
    apart,
    attribute_differences,
    find_coverage,
    find_typical,
    own_distances,
    show_value,
)
from analysis.dataset import ORIGINS, REAL_WORLD, TRAINING, Dataset, is_within
from analysis.progress import Progress, no_progress
from components.caching import background, cached
from components.figures import CONFIG, distributions
from components.text import count, enumerate_words, percent, plain, short_concept, short_concepts
from components.theme import ORIGIN_COLOURS, ORIGIN_NAMES
from components.thumbnails import thumbnail_sources

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

Rows = NDArray[np.int64]

ALL: Final = ""
CHOSEN: Final = "compare-concept"
TILES: Final = 24
STRIP: Final = 8
PAIRS: Final = 5
MATCHES: Final = 5
TOP: Final = 3
FILE_FACTS: Final = ("megapixels", "aspect_ratio", "jpeg_quality")  # told after what the eye sees
SLOW: Final = 40_000_000  # pairs of pictures from which the search runs in the background: about a second
METHOD: Final = """
- **Alike** means close in what the model sees (cosine similarity of its image vectors, searched exactly); 1 is
  the same picture. What the model is blind to, this page is blind to.
- **Not covered.** For each real-world picture we take the distance to its nearest training picture, and ask
  how many training pictures lie closer than that to *their* nearest fellow. At 95 % or more it counts as not
  covered; for pictures of the same kind that happens to about 5 %.
- **Typical** pictures are chosen so that every real-world picture looks like one of them, among pictures with
  close company only: a picture unlike all others is never typical.
- **Differences.** Each measured attribute is compared by ranks (Mann-Whitney test, corrected for the number
  of attributes); told are those that chance does not explain and that are not negligible (Cliff's delta of at
  least 0.147). Many copies of one scene make a difference look surer than it is.
"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything the page shows of one choice of concept."""

    training: Rows
    real_world: Rows
    coverage: Coverage
    typical: Typical
    least: Rows
    differences: tuple[Difference, ...]


def compare(opened: OpenDataset, concept: str, progress: Progress = no_progress) -> Comparison:
    """Compute a `Comparison`; both origins must have pictures of the concept (`ALL` for every picture)."""
    dataset, image = opened.dataset, opened.features.image
    every = dataset.rows(origin=TRAINING)
    training = dataset.rows(concept=concept or None, origin=TRAINING)
    real = dataset.rows(concept=concept or None, origin=REAL_WORLD)
    coverage = find_coverage(image, training, real, all_training=every, k=MATCHES, progress=progress)
    least = apart(image, coverage.rows[coverage.least_covered()], STRIP, own_distances(image, real))
    return Comparison(
        training=training,
        real_world=real,
        coverage=coverage,
        typical=find_typical(image, real, STRIP),
        least=least,
        differences=attribute_differences(dataset.images, training, real, ATTRIBUTES.values()),
    )


def comparison(opened: OpenDataset, concept: str) -> Comparison | None:
    """The comparison, kept; None while a large one is still being computed (its progress stands there)."""
    dataset = opened.dataset
    pairs = math.prod(len(dataset.rows(concept=concept or None, origin=o)) for o in ORIGINS)
    if pairs < SLOW:
        return cached(opened, "comparison", concept, lambda: compare(opened, concept))
    return background(
        opened,
        "comparison",
        concept,
        lambda progress: compare(opened, concept, progress),
        title="Comparing training with real world",
    )


def choose_concept(dataset: Dataset) -> str:
    """A list of the concepts that both origins show, all at first; follows and sets `?concept=`."""
    names = [ALL, *concepts_of_both(dataset)]
    linked = st.query_params.get("concept", ALL)
    if st.session_state.get(CHOSEN) not in names:
        st.session_state[CHOSEN] = linked if linked in names else ALL
    short = short_concepts(names[1:])
    chosen = st.selectbox(
        "Concept",
        names,
        key=CHOSEN,
        format_func=lambda c: short.get(c, c) if c else "All pictures",
        width=360,
    )
    if chosen:
        st.query_params["concept"] = chosen
    else:
        st.query_params.pop("concept", None)
    return str(chosen)


def concepts_of_both(dataset: Dataset) -> list[str]:
    """Concepts, implied parents included, with at least one picture of each origin, by name."""
    origin = dataset.images["origin"].to_numpy()[dataset.labels["image"].to_numpy(dtype=np.int64)]
    seen: dict[str, set[str]] = {}
    for concept, where in set(zip(dataset.labels["concept"], origin, strict=True)):
        parts = concept.split("/")
        for i in range(1, len(parts) + 1):
            seen.setdefault("/".join(parts[:i]), set()).add(where)
    return sorted(c for c, where in seen.items() if len(where) == len(ORIGINS))


def sentence(found: Comparison, concept: str) -> str:
    """What differs, in one sentence."""
    what = f" of {plain(short_concept(concept))}" if concept else ""
    told = [d for d in found.differences if d.differs]
    far = found.coverage.not_covered()
    if np.isnan(found.coverage.farther_than).all():
        return f"There is one training picture{what}, too few to say how far real use lies from it."
    if far > 2 * (1 - DEFAULT_FAR):
        return (
            f"Training does not cover real use{what}: {percent(far)} of the "
            f"real-world pictures are unlike every training picture (about {percent(1 - DEFAULT_FAR)} would be usual)."
        )
    if told:
        return f"Training covers what the real-world pictures{what} show, but they look different."
    return f"The real-world pictures{what} look like the training pictures."


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
    columns = max(1, math.ceil(math.sqrt(len(sources) * 1.5)))
    lines = max(1, math.ceil(len(sources) / columns))
    tiles = "".join(f'<img src="{html.escape(s)}" alt="" style="{_TILE}">' for s in sources)
    return (
        f'<figure style="margin:0;min-width:0"><figcaption style="{_CAPTION}">'
        f'<span class="tde-dot" style="width:.8rem;height:.8rem;background:{colour}"></span>{name}'
        f'<span class="tde-muted" style="font-weight:400">{count(total, "picture")}</span></figcaption>'
        f'<div role="img" aria-label="{len(sources)} of {count(total, "picture")}, {name.lower()}" '
        f'style="border-top:4px solid {colour};aspect-ratio:3/2;display:grid;gap:2px;overflow:hidden;'
        f"border-radius:8px;grid-template-columns:repeat({columns},1fr);grid-template-rows:repeat({lines},1fr)"
        f'">{tiles}</div></figure>'
    )


def top_differences(found: Comparison) -> None:
    """The largest differences in words, each with the spread of both origins drawn below."""
    told = sorted((d for d in found.differences if d.differs), key=lambda d: d.attribute.name in FILE_FACTS)
    if not told:
        few = min(len(found.training), len(found.real_world))
        why = (
            f"{count(few, 'picture')} on one side are too few to compare"
            if few < TOP + 2
            else "No clear difference"
        )
        st.html(
            f'<p class="tde-muted">{why} in light, colour, sharpness and the other measured attributes.</p>'
        )
        return
    grid = st.grid(TOP, min_column_width=230)
    for difference in told[:TOP]:
        with grid, st.container(border=True):
            st.html(difference_card(difference))


def difference_card(difference: Difference) -> str:
    """One difference as HTML: words, then the two medians as bars on one scale."""
    a = difference.attribute
    words = a.higher if difference.effect > 0 else a.lower
    values = {TRAINING: difference.training, REAL_WORLD: difference.real_world}
    top = max(abs(v) for v in values.values()) or 1.0
    bars = "".join(
        f'<div class="tde-small" style="display:grid;grid-template-columns:5.6rem 1fr auto;gap:.5rem;'
        f'align-items:center;margin-top:.3rem"><span>{ORIGIN_NAMES[o]}</span><span class="tde-bar" '
        f'style="background:color-mix(in srgb, currentColor 8%, transparent)"><span '
        f'style="width:{100 * max(v, 0) / top:.1f}%;background:{ORIGIN_COLOURS[o]}"></span></span>'
        f'<span style="font-variant-numeric:tabular-nums">{show_value(a, v)}</span></div>'
        for o, v in values.items()
    )
    return (
        f'<p style="margin:0;font-weight:650;font-size:1.05rem">Real-world pictures are {words}</p>'
        f'<p class="tde-small tde-muted" style="margin:.1rem 0 .3rem">{a.title}, median</p>{bars}'
    )


def strips(opened: OpenDataset, found: Comparison) -> None:
    """The most typical and the least covered real-world pictures; a click opens one."""
    from components.gallery import gallery, picture_dialog

    typical, coverage = found.typical, found.coverage
    st.subheader("Typical real-world pictures", anchor=False)
    st.caption(
        "Together they show what most look like; below each, the share of real-world pictures it stands for."
    )
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
    row = clicked if clicked is not None else also
    if row is not None:
        picture_dialog(opened, row)


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
    other = [
        not _share_concept(dataset, int(coverage.rows[i]), int(coverage.nearest[i, 0])) for i in labelled
    ]
    if not any(other):
        return out
    wrong = percent(sum(other) / len(other))
    return f"{out} For {wrong} of the real-world pictures the nearest training picture shows another concept."


def _share_concept(dataset: Dataset, a: int, b: int) -> bool:
    """Whether two pictures have a concept in common, or one's lies within the other's."""
    return any(
        is_within(x, y) or is_within(y, x) for x in dataset.concepts_of(a) for y in dataset.concepts_of(b)
    )


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
        cells.append('<span aria-hidden="true" class="tde-muted" style="align-self:center">→</span>')
        for other, similarity in zip(others, coverage.similarity[i], strict=True):
            same = _share_concept(opened.dataset, one, other) or not opened.dataset.concepts_of(one)
            note = f"{similarity:.2f} alike" + ("" if same else ", other concept")
            cells.append(_cell(source[other], caption[other], note, ORIGIN_COLOURS[TRAINING]))
        columns = f"minmax(0,1.25fr) auto repeat({len(others)},minmax(0,1fr))"
        out.append(
            f'<div style="display:grid;gap:8px;grid-template-columns:{columns};max-width:900px;'
            f'margin-bottom:14px;align-items:end">{"".join(cells)}</div>'
        )
    return "".join(out)


def attributes(opened: OpenDataset, found: Comparison) -> None:
    """How often each value occurs in both origins; all numbers behind a click."""
    st.subheader("How they differ in light, colour and sharpness", anchor=False)
    images = opened.dataset.images
    shown = [d for d in found.differences if d.differs]
    if shown:
        alt = " ".join(d.words for d in shown)
        values = _values(images, found, shown)
        st.plotly_chart(
            distributions(shown, values), theme=None, key="compare-spread", config=CONFIG, alt=alt
        )
    else:
        st.caption("No clear difference.")
    same = [d.attribute.title.lower() for d in found.differences if not d.differs and not np.isnan(d.effect)]
    few = [d.attribute.title.lower() for d in found.differences if np.isnan(d.effect)]
    if same and shown:
        st.caption(f"No clear difference in {enumerate_words(same)}.")
    if few:
        st.caption(f"Too few measured pictures to compare {enumerate_words(few)}.")
    with st.expander("All differences as a table"):
        st.dataframe(difference_table(found.differences), hide_index=True)


def _values(
    images: pd.DataFrame, found: Comparison, differences: Sequence[Difference]
) -> dict[str, dict[str, np.ndarray]]:
    out = {}
    for difference in differences:
        column = images[difference.attribute.name].to_numpy(dtype=np.float64)
        sides = {TRAINING: column[found.training], REAL_WORLD: column[found.real_world]}
        out[difference.attribute.name] = {o: v[np.isfinite(v)] for o, v in sides.items()}
    return out


def difference_table(differences: Sequence[Difference]) -> pd.DataFrame:
    """One row an attribute: medians, effect, corrected p-value, in words."""
    return pd.DataFrame(
        {
            "In words": [d.words for d in differences],
            "Attribute": [d.attribute.title for d in differences],
            "Training (median)": [show_value(d.attribute, d.training) for d in differences],
            "Real world (median)": [show_value(d.attribute, d.real_world) for d in differences],
            "Effect (Cliff's delta)": [round(d.effect, 3) for d in differences],
            "p (corrected)": [float(f"{d.p_value:.2g}") for d in differences],
        }
    )


def export(dataset: Dataset, found: Comparison) -> bytes:
    """A line a real-world picture, least covered first: nearest training pictures and similarity, CSV."""
    coverage, ids = found.coverage, dataset.images["image_id"].to_numpy()
    order = coverage.least_covered()
    table = pd.DataFrame({"image_id": ids[coverage.rows[order]]})
    table["concepts"] = [";".join(dataset.concepts_of(int(r))) for r in coverage.rows[order]]
    table["farther_than_share_of_training"] = coverage.farther_than[order].round(4)
    for i in range(coverage.nearest.shape[1]):
        table[f"nearest_{i + 1}"] = ids[coverage.nearest[order, i]]
        table[f"similarity_{i + 1}"] = coverage.similarity[order, i].round(4)
    return table.to_csv(index=False).encode("utf-8", "surrogateescape")


def nothing_to_compare(dataset: Dataset) -> None:
    """The state where one side is empty."""
    missing = "real-world" if not dataset.has_real_world else "training"
    with st.container(border=True):
        st.markdown(f"**There are no {missing} pictures yet.**")
        st.markdown(
            "Collect some pictures as your users would take them: a few dozen are enough for a first look. Put "
            "them into a folder of their own and open the dataset again with that folder as *real world*. This "
            "page then shows what training lacks."
            if missing == "real-world"
            else "All pictures are marked as real world, so there is nothing to hold them against."
        )


def _captions(dataset: Dataset, rows: Rows) -> list[str]:
    short = short_concepts(dataset.concepts)
    return [", ".join(short[c] for c in dataset.concepts_of(int(r))) or "no concept" for r in rows]


def _farther(share: float) -> str:
    return "" if np.isnan(share) else f"farther than {percent(share)}"


def _cell(source: str, caption: str, note: str, colour: str) -> str:
    text = html.escape(plain(caption))
    return (
        f'<figure style="margin:0;min-width:0"><img src="{html.escape(source)}" alt="{text}" loading="lazy" '
        'style="width:100%;aspect-ratio:1;object-fit:cover;border-radius:6px;display:block;'
        f'border-bottom:4px solid {colour}"><figcaption class="tde-small" title="{text}" '
        'style="overflow:hidden;text-overflow:ellipsis;white-space:nowrap">'
        f'{text}<br><span class="tde-muted">{html.escape(note)}</span></figcaption></figure>'
    )


def _spread(values: NDArray[np.int64], n: int) -> list[int]:
    """Up to n of the values at even distances, in order."""
    if len(values) <= n:
        return [int(v) for v in values]
    return [int(v) for v in values[np.linspace(0, len(values) - 1, n).round().astype(np.int64)]]


_PAIR: Final = "display:grid;grid-template-columns:1fr 1fr;gap:14px"
_TILE: Final = "width:100%;height:100%;object-fit:cover;min-width:0;min-height:0;display:block"
_CAPTION: Final = (
    "display:flex;gap:.5rem;align-items:baseline;font-family:Manrope,sans-serif;font-weight:700;"
    "font-size:1.15rem;margin-bottom:.4rem;flex-wrap:wrap"
)
