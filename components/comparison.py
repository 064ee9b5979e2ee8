"""What differs between training and real-world pictures: computed, kept, in words and charts."""

from __future__ import annotations

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
    MIN_VALUES,
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
from analysis.dataset import ORIGINS, REAL_WORLD, TRAINING, Dataset
from analysis.names import short_names
from analysis.progress import Progress, no_progress
from components.caching import background, cached
from components.figures import CONFIG, distributions
from components.text import count, enumerate_words, percent, plain, short_concepts
from components.theme import ORIGIN_COLOURS, ORIGIN_NAMES

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

Rows = NDArray[np.int64]

ALL: Final = ""
CHOSEN: Final = "compare-concept"
STRIP: Final = 8
MATCHES: Final = 5
TOP: Final = 3
FILE_FACTS: Final = ("megapixels", "aspect_ratio", "jpeg_quality")  # told after what the eye sees
SLOW: Final = 20_000_000  # pairs of pictures from which the search runs in the background: two seconds
METHOD: Final = """
- **Alike** means close in what the model sees (cosine similarity of its image vectors, searched exactly); 1
  is the same picture. What the model is blind to, this page is blind to.
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
    training, real = (len(dataset.rows(concept=concept or None, origin=o)) for o in ORIGINS)
    if (training + real) * real < SLOW:
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


def sentence(found: Comparison, concept: str, dataset: Dataset) -> str:
    """What differs, in one sentence."""
    say = short_names((*dataset.concepts, *concepts_of_both(dataset)))
    what = f" of {plain(say(concept))}" if concept else ""
    told = [d for d in found.differences if d.differs]
    far = found.coverage.not_covered()
    if np.isnan(found.coverage.farther_than).all():
        return f"There is one training picture{what}, too few to say how far real use lies from it."
    if far > 2 * (1 - DEFAULT_FAR):
        return (
            f"Training does not cover real use{what}: {percent(far)} of the "
            f"real-world pictures are unlike every training picture "
            f"(about {percent(1 - DEFAULT_FAR)} would be usual)."
        )
    if told:
        return f"Training covers what the real-world pictures{what} show, but they look different."
    return f"The real-world pictures{what} look like the training pictures."


def top_differences(found: Comparison) -> None:
    """The largest differences in words, each with the spread of both origins drawn below."""
    told = sorted((d for d in found.differences if d.differs), key=lambda d: d.attribute.name in FILE_FACTS)
    if not told:
        few = min(len(found.training), len(found.real_world))
        why = "There is no clear difference in light, colour, sharpness and the other measured attributes."
        if few < MIN_VALUES:
            why = f"With {count(few, 'picture')} on one side, light, colour and sharpness cannot be compared."
        st.html(f'<p class="tde-muted">{why}</p>')
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


def attributes(opened: OpenDataset, found: Comparison) -> None:
    """How often each value occurs in both origins; all numbers behind a click."""
    st.subheader("How they differ in light, colour and sharpness", anchor=False)
    images = opened.dataset.images
    shown = [d for d in found.differences if d.differs]
    if shown:
        alt = " ".join(d.words for d in shown)
        values = _values(images, found, shown)
        st.plotly_chart(distributions(shown, values), theme=None, key="compare-spread", config=CONFIG, alt=alt)
    same = [_inline(d.attribute.title) for d in found.differences if not d.differs and not np.isnan(d.effect)]
    few = [_inline(d.attribute.title) for d in found.differences if np.isnan(d.effect)]
    if same:
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
            "Collect some pictures as your users would take them: a few dozen are enough for a first look. "
            "Put them into a folder of their own and open the dataset again with that folder as *real "
            "world*. This page then shows what training lacks."
            if missing == "real-world"
            else "All pictures are marked as real world, so there is nothing to hold them against."
        )
        st.page_link("pages/explore/start.py", label="Open with real-world pictures", icon=":material/add:")


def _inline(title: str) -> str:
    """A title within a sentence: `Colour strength` -> `colour strength`, `JPEG quality` stays."""
    return title if title[:2].isupper() else title[0].lower() + title[1:]
