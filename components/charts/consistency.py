"""Consistency: subject boxes laid over each other, mean pictures, how scattered each aspect is, what sticks out."""

from __future__ import annotations

import html
import io
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st

from analysis.checks.base import Findings, Verdict
from analysis.checks.consistency import ORDER, WORDS
from analysis.scatter import PRIOR_RATE
from components.caching import cached
from components.charts.common import bars, show, verdict_colours
from components.evidence import id_rows, picture_strip
from components.text import count, percent, plain, short_concepts
from components.theme import PALETTE
from components.thumbnails import data_uri

if TYPE_CHECKING:
    import pandas as pd

    from analysis.opening import OpenDataset

SIDE: Final = 200  # pixels of a mean picture's longer side
MOST_IN_MEAN: Final = 200  # pictures; more change nothing that can be seen
MOST_BOXES: Final = 300
TYPICAL: Final = 8
SHORT: Final = {
    "subject": "position",
    "framing": "framing",
    "background": "background",
    "viewpoint": "viewpoint",
    "lighting": "light",
    "shape": "shape",
}
USUAL: Final = PALETTE[0]
ODD: Final = PALETTE[4]


def draw(opened: OpenDataset, findings: Findings) -> None:
    """The composition of one concept at a time, the worst first."""
    subjects, aspects = findings.tables["subjects"], findings.tables["aspects"]
    if not len(subjects):
        return
    measured = set(subjects["concept"])
    concepts = [c.concept for c in findings.concepts if c.concept in measured]
    names = short_concepts(concepts)
    words = {c.concept: c for c in findings.concepts}
    st.subheader("How the pictures of a concept are composed", anchor=False)
    chosen = st.selectbox(
        "Concept", concepts, format_func=lambda c: plain(names[c]), key="consistency-concept", width=420
    )
    found = words[chosen]
    st.html(f'<p class="tde-text">{html.escape(plain(found.headline))}</p>')
    of = subjects[subjects["concept"] == chosen]
    _pictures_of_composition(opened, subjects, of, chosen, names[chosen])
    named = str(found.extra.get("in", ""))
    _aspect_bars(aspects[aspects["concept"] == chosen], found.verdict, named, names[chosen])
    _strips(opened, of, found.evidence, names[chosen])


def _pictures_of_composition(
    opened: OpenDataset, subjects: pd.DataFrame, of: pd.DataFrame, concept: str, name: str
) -> None:
    shape = cached(opened, "consistency-shape", concept, lambda: usual_shape(opened, of))
    others = subjects[subjects["concept"] != concept]
    panels = [
        _panel(
            f"Where the subject is: {count(len(of), 'picture')}",
            _as_picture(overlay(of, shape), f"Boxes around the subjects of {len(of)} pictures, laid over each other"),
            _legend(of),
        ),
        _panel(
            f"Mean of all pictures of {name}",
            _mean(opened, of, concept, shape, "own"),
            "Sharp where the pictures agree, a blur where they do not.",
        ),
    ]
    if len(others):
        panels.append(
            _panel(
                "Mean of the other concepts",
                _mean(opened, others, concept, shape, "others"),
                "For comparison, as many pictures.",
            )
        )
    st.html(f'<div style="{_GRID}">{"".join(panels)}</div>')


def usual_shape(opened: OpenDataset, of: pd.DataFrame) -> float:
    """Median width / height of these pictures, between 1:2 and 2:1."""
    shapes = opened.dataset.images["aspect_ratio"].iloc[id_rows(opened, of["image_id"].tolist())]
    middle = float(np.nanmedian(shapes)) if len(shapes) else 1.0
    return float(np.clip(middle if np.isfinite(middle) else 1.0, 0.5, 2.0))


def overlay(of: pd.DataFrame, shape: float) -> str:
    """Subject boxes over each other as SVG; those of pictures that stick out drawn last, with a dashed line."""
    order = of.sort_values("sticks_out", kind="stable")
    if len(order) > MOST_BOXES:
        order = order.iloc[np.linspace(0, len(order) - 1, MOST_BOXES).astype(int)]
    width, height = 100.0 * min(1.0, shape), 100.0 / max(1.0, shape)
    faint = float(np.clip(4.0 / max(1, len(order)), 0.02, 0.25))
    boxes = []
    for x, y, w, h, odd in zip(
        *(order[c].to_numpy(dtype=np.float64) for c in ("x", "y", "width", "height")), order["sticks_out"], strict=True
    ):
        colour, dash, opacity = (ODD, ' stroke-dasharray="2 1.2"', 0.85) if odd else (USUAL, "", 0.3)
        boxes.append(
            f'<rect x="{x * width:.1f}" y="{y * height:.1f}" width="{w * width:.1f}" height="{h * height:.1f}" '
            f'fill="{colour}" fill-opacity="{faint:.3f}" stroke="{colour}" stroke-opacity="{opacity}" '
            f'stroke-width=".5"{dash}/>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.1f} {height:.1f}" '
        f'width="{4 * width:.0f}" height="{4 * height:.0f}">'
        # the frame of the usual picture
        f'<rect width="100%" height="100%" fill="none" stroke="#8A929B" stroke-width=".8"/>{"".join(boxes)}</svg>'
    )


def _as_picture(svg: str, words: str) -> str:
    """An SVG as an image: inside HTML the browser's frame strips it."""
    source = data_uri(svg.encode(), "image/svg+xml")
    return f'<img src="{source}" alt="{html.escape(words)}" style="max-width:100%;max-height:100%;display:block">'


def _legend(of: pd.DataFrame) -> str:
    odd = int(of["sticks_out"].sum())
    drawn = "as your boxes say" if bool(of["given"].all()) else "estimated"
    parts = [f'<span class="tde-dot" style="background:{USUAL}"></span>subject, {drawn}']
    if odd:
        words = f"of the {count(odd, 'picture')} sticking out (dashed)"
        parts.append(f'<span class="tde-dot" style="background:{ODD}"></span>{words}')
    spans = "".join(f'<span style="display:inline-flex;gap:.4rem;align-items:center">{p}</span>' for p in parts)
    return f'<span style="display:flex;gap:.2rem .9rem;flex-wrap:wrap">{spans}</span>'


def _mean(opened: OpenDataset, of: pd.DataFrame, concept: str, shape: float, which: str) -> str:
    def compute() -> str:
        ids = of["image_id"].tolist()
        picked = [ids[i] for i in np.linspace(0, len(ids) - 1, min(len(ids), MOST_IN_MEAN)).astype(int)]
        return data_uri(mean_picture(opened.thumbnails(id_rows(opened, picked)), shape))

    source = cached(opened, "consistency-mean", (concept, which, round(shape, 3), len(of)), compute)
    return f'<img src="{source}" alt="" style="width:100%;height:100%;object-fit:fill;display:block">'


def mean_picture(thumbnails: list[bytes], shape: float) -> bytes:
    """JPEG of the mean of some pictures, each stretched to width / height = `shape`; grey where there is none."""
    from PIL import Image

    size = (round(SIDE * min(1.0, shape)), round(SIDE / max(1.0, shape)))
    total, number = np.zeros((size[1], size[0], 3)), 0
    for jpeg in thumbnails:
        if not jpeg:
            continue
        with Image.open(io.BytesIO(jpeg)) as picture:
            total += np.asarray(picture.convert("RGB").resize(size), dtype=np.float64)
        number += 1
    mean = total / number if number else total + 128
    out = io.BytesIO()
    Image.fromarray(np.clip(mean, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=88)
    return out.getvalue()


def _panel(title: str, inside: str, below: str) -> str:
    return (
        f'<figure style="margin:0;min-width:0"><figcaption style="font-weight:600;margin-bottom:.4rem;'
        f'overflow-wrap:anywhere">{html.escape(plain(title))}</figcaption>'
        f'<div style="{_FRAME}">{inside}</div>'
        f'<div class="tde-small tde-muted" style="margin-top:.35rem">{below}</div></figure>'
    )


def _aspect_bars(aspects: pd.DataFrame, verdict: Verdict, named: str, name: str) -> None:
    if not len(aspects):
        return
    by = aspects.set_index("aspect").loc[list(ORDER)]
    order = [a for a in by.sort_values("share", ascending=False, kind="stable").index if a != "overall"] + ["overall"]
    by = by.loc[order]
    st.markdown("**In what: pictures that are unlike the rest of their concept**")
    strong = verdict_colours([verdict])[0]
    colours = [strong if f or WORDS[a] in named else "#8A929B" for a, f in zip(by.index, by["found"], strict=True)]
    figure = bars(
        [WORDS[a].capitalize() for a in by.index],
        by["share"].to_numpy(dtype=np.float64),
        colour=colours,
        text=[percent(s) for s in by["share"]],
        hover=[f"{percent(s)} stick out{_beside(r)}" for s, r in zip(by["share"], by["ratio"], strict=True)],
        limit=PRIOR_RATE,
        limit_words="usual",
        value_range=(0.0, max(0.3, float(by["share"].max()) * 1.15)),
    )
    alt = "; ".join(f"{WORDS[a]} {percent(s)}" for a, s in zip(by.index, by["share"], strict=True))
    show(figure, key="consistency-aspects", alt=f"Share of the pictures of {name} that stick out: {alt}")


def _beside(ratio: float) -> str:
    if not np.isfinite(ratio) or ratio < 1.25:
        return ""
    return f"; {ratio:.1f} times as scattered as the other concepts"


def _strips(opened: OpenDataset, of: pd.DataFrame, evidence: tuple[str, ...], name: str) -> None:
    if evidence:
        odd = dict(zip(of["image_id"], (in_short(d) for d in of[list(SHORT)].to_dict("records")), strict=True))
        shown = [i for i in evidence if i in odd]
        st.markdown(f"**Pictures that stick out** ({len(shown):,}, the farthest first), and in what")
        picture_strip(opened, shown, "consistency-odd", captions=[odd[i] for i in shown])
    usual = of[~of["sticks_out"]].sort_values("far", kind="stable")["image_id"].tolist()[:TYPICAL]
    if usual:
        st.markdown("**Typical pictures**, composed most like the rest")
        picture_strip(
            opened, usual, "consistency-usual", captions=[plain(i.rsplit("/", 1)[-1]) for i in usual], limit=TYPICAL
        )


def in_short(distance: Mapping[Hashable, float]) -> str:
    """A word for what is odd about a picture: the aspect it is farthest in."""
    farthest = max(SHORT, key=lambda a: distance[a])
    return SHORT[farthest] if distance[farthest] > 1 else "a bit of all"


_GRID: Final = (
    "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,150px),1fr));gap:1.1rem;max-width:960px"
)
_FRAME: Final = (
    "aspect-ratio:1;display:flex;align-items:center;justify-content:center;overflow:hidden;border-radius:8px;"
    "background:color-mix(in srgb, currentColor 7%, transparent)"
)
