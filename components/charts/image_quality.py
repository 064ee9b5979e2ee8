"""Picture quality: how often each fault occurs, what training lacks, and the pictures of one fault beside its limit."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from analysis.checks.base import IMAGES, Findings
from analysis.dataset import ORIGINS, REAL_WORLD
from components.charts.common import histogram, show
from components.evidence import picture_strip
from components.figures import log_ticks
from components.gallery import gallery, picture_dialog
from components.text import count, percent
from components.theme import ORIGIN_NAMES

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

PAGE: Final = 24
TITLES: Final = {
    "dark": "Dark",
    "overexposed": "Overexposed",
    "blurry": "Blurry",
    "low_information": "Empty",
    "odd_aspect_ratio": "Oddly shaped",
    "compressed": "Compressed",
    "tiny": "Tiny",
}
_AXES: Final = {
    "dark": "How bright the subject is (0 black, 1 white)",
    "overexposed": "How much of the picture is burnt out",
    "blurry": "How wide the edges are, in pixels",
    "low_information": "How strong the strongest edges of a thumbnail are",
    "odd_aspect_ratio": "How many times longer than wide",
    "compressed": "Share of fine detail that compression removed",
    "tiny": "Side of a square of the same size, in pixels",
}


def draw(opened: OpenDataset, findings: Findings) -> None:
    """Tiles of the faults, what training lacks, then one fault with its spread and its pictures."""
    kinds, pictures = findings.tables["kinds"], findings.tables["pictures"]
    has_real = opened.dataset.has_real_world
    _tiles(kinds, has_real)
    _lacking(opened, kinds, pictures)
    st.subheader("One fault at a time", anchor=False)
    names = kinds["kind"].tolist()
    counted = kinds.set_index("kind")
    first = max(names, key=lambda k: (counted.at[k, "flagged"], bool(counted.at[k, "lacking"])))
    chosen = st.pills(
        "Fault",
        names,
        default=first,
        required=True,
        format_func=lambda k: TITLES[k],
        key="image-quality-kind",
        label_visibility="collapsed",
    )
    row = kinds[kinds["kind"] == str(chosen)].iloc[0]
    _spread(opened, findings, str(chosen), row, has_real)
    _pictures_of(opened, pictures, str(chosen), row)
    origins = opened.dataset.images["origin"][findings.tables[IMAGES]["image_quality_flag"].to_numpy(dtype=bool)]
    if len(origins):
        st.download_button(
            f"Download {_flagged_in_words(origins)} (CSV)",
            lambda: flagged_csv(opened, findings),
            file_name="flagged-pictures.csv",
            mime="text/csv",
            icon=":material/download:",
            key="image-quality-pictures-csv",
            on_click="ignore",
        )


def _flagged_in_words(origins: pd.Series[str]) -> str:
    """`7 flagged pictures, all real-world`: the headline counts training pictures alone, the file holds both."""
    numbers = [(ORIGIN_NAMES[o].lower(), int((origins == o).sum())) for o in ORIGINS if (origins == o).any()]
    if len(numbers) > 1:
        where = " and ".join(f"{n:,} {name}" for name, n in numbers)
    else:
        where = ("all " if len(origins) > 1 else "") + numbers[0][0]
    return f"{count(len(origins), 'flagged picture')}, {where}"


def _tiles(kinds: pd.DataFrame, has_real: bool) -> None:
    """A tile a fault: how many training pictures are flagged for it, or that it is part of real use."""
    with st.grid(7, min_column_width=116, gap="small"):
        for row in kinds.to_dict("records"):
            st.html(_tile({str(k): v for k, v in row.items()}, has_real))


def _tile(row: dict[str, Any], has_real: bool) -> str:
    number, word = f"{int(row['flagged']):,}", "flagged"
    if row["common"]:
        number, word = percent(float(row["training_share"])), "of training"
    below = ""
    if has_real:
        below = f"{percent(float(row['real_share']))} of real use"
    strong = "opacity:.55" if not row["flagged"] and not row["common"] else ""
    return (
        '<div style="border:1px solid color-mix(in srgb, currentColor 16%, transparent);border-radius:.6rem;'
        f'padding:.55rem .75rem;height:100%"><div class="tde-small" style="font-weight:600">{TITLES[row["kind"]]}</div>'
        f'<div style="font-size:1.45rem;font-weight:650;line-height:1.35;{strong}">{number}'
        f'<span class="tde-small tde-muted" style="font-weight:400"> {word}</span></div>'
        f'<div class="tde-small tde-muted">{below}</div></div>'
    )


def _lacking(opened: OpenDataset, kinds: pd.DataFrame, pictures: pd.DataFrame) -> None:
    """Pictures of real use whose kind training hardly has."""
    rows = kinds[kinds["lacking"]].sort_values("real_share", ascending=False, kind="stable")
    if rows.empty:
        return
    st.subheader("In real use, and missing in training", anchor=False)
    st.html(
        '<p class="tde-text">These faults belong to real use. A model copes with them only if it has seen them, so '
        "training pictures of these kinds are not flagged: keep them, and collect more like these.</p>"
    )
    for row in rows.to_dict("records"):
        of = pictures[(pictures["kind"] == row["kind"]) & (pictures["origin"] == REAL_WORLD)]
        st.html(
            f'<p class="tde-text" style="margin-bottom:0"><strong>{TITLES[row["kind"]]}</strong>: '
            f"{percent(float(row['real_share']))} of real-world pictures, {percent(float(row['training_share']))} of "
            "training.</p>"
        )
        picture_strip(opened, of["image_id"].tolist(), f"image-quality-lacking-{row['kind']}")


def _spread(opened: OpenDataset, findings: Findings, kind: str, row: pd.Series, has_real: bool) -> None:
    """How often each value occurs in training (and real use), and where the limit lies."""
    values = findings.tables["measured"][kind].to_numpy(dtype=np.float64)
    origin = opened.dataset.images["origin"].to_numpy()
    if len(values) != len(origin):
        return
    limit, log = float(row["limit"]), bool(row["log"])
    groups = {ORIGIN_NAMES[o]: values[(origin == o) & np.isfinite(values)] for o in ORIGINS}
    groups = {name: np.log10(np.maximum(v, 1e-3)) if log else v for name, v in groups.items() if len(v)}
    if not groups:
        st.caption("This could not be measured on any of the pictures.")
        return
    worse = int(row["worse"]) > 0
    figure = histogram(
        groups if has_real else next(iter(groups.values())),
        limit=np.log10(limit) if log else limit,
        limit_words=f"{TITLES[kind].lower()} from here →" if worse else f"← {TITLES[kind].lower()} from here",
        title=_AXES[kind],
    )
    every = np.concatenate([*groups.values(), [np.log10(limit) if log else limit]])
    low, high = (float(x) for x in np.quantile(every, [0.002, 0.998]))
    at = np.log10(limit) if log else limit
    low, high = min(low, at), max(high, at)
    pad = 0.06 * (high - low) or 0.1
    figure.update_xaxes(range=[low - pad, high + pad])
    if log:
        ticks = log_ticks(low - pad, high + pad)
        figure.update_xaxes(tickmode="array", tickvals=ticks, ticktext=[f"{10**t:.3g}" for t in ticks])
        figure.update_traces(hovertemplate="%{y:,} pictures<extra>%{fullData.name}</extra>")
    figure.update_layout(margin={"t": 52 if has_real else 30})
    if has_real:
        figure.update_layout(legend={"y": 1.12})
    show(figure, key=f"image-quality-spread-{kind}", alt=f"Histogram: {_AXES[kind]}; the limit is at {limit:.3g}.")


def _pictures_of(opened: OpenDataset, pictures: pd.DataFrame, kind: str, row: pd.Series) -> None:
    """The pictures past the limit of a fault, worst first."""
    of = pictures[pictures["kind"] == kind]
    shown = of if row["common"] else of[of["flagged"]]
    shown = shown[np.isin(shown["image"].to_numpy(), np.arange(len(opened.dataset)))]
    if row["common"]:
        st.html('<p class="tde-text">Common in real use, so none is flagged. These are all pictures of this kind.</p>')
    if shown.empty:
        st.html(f'<p class="tde-text tde-muted">No picture is flagged as {html.escape(TITLES[kind].lower())}.</p>')
        return
    notes = [f"{float(v):.2g}" if abs(v) < 100 else f"{float(v):.0f}" for v in shown["value"]]
    rows = shown["image"].to_numpy(dtype=np.int64)
    clicked = gallery(opened, rows, key=f"image-quality-gallery-{kind}", notes=notes, size="small", page_size=PAGE)
    if clicked is not None:
        picture_dialog(opened, clicked, rows=rows)


def flagged_csv(opened: OpenDataset, findings: Findings) -> bytes:
    """A line a flagged picture, worst first: id, origin, concepts, reasons, score, and what was measured."""
    dataset, table = opened.dataset, findings.tables[IMAGES]
    keep = np.flatnonzero(table["image_quality_flag"].to_numpy(dtype=bool))
    keep = keep[np.argsort(table["image_quality_score"].to_numpy()[keep], kind="stable")]
    out = pd.DataFrame(
        {
            "image_id": dataset.images["image_id"].to_numpy()[keep],
            "origin": dataset.images["origin"].to_numpy()[keep],
            "concepts": ["|".join(dataset.concepts_of(int(r))) for r in keep],
            "reasons": ["|".join(table["image_quality_reasons"].iloc[int(r)]) for r in keep],
            "score": table["image_quality_score"].to_numpy()[keep].round(4),
        }
    )
    measured = findings.tables["measured"].iloc[keep].round(4).reset_index(drop=True).add_prefix("measured_")
    return pd.concat([out, measured], axis=1).to_csv(index=False).encode("utf-8-sig", "surrogatepass")
