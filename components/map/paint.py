"""How the points of a map are coloured: by concept, origin, split, a measured attribute or a column of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from analysis.attributes import ATTRIBUTES
from analysis.dataset import ORIGINS, at_level, depth
from components.map.codec import pack
from components.text import count, plain, short_concepts
from components.theme import ORIGIN_COLOURS, ORIGIN_NAMES, OTHER_COLOUR, PALETTE

if TYPE_CHECKING:
    from analysis.dataset import Dataset

NONE: Final = 255  # code of an image without a value
MAX_COLOURS: Final = len(PALETTE)
FEW: Final = 12  # a numeric column of the data with no more different values is a category
SCALE_LIGHT: Final = ("#4A2E8F", "#2E6FA8", "#1E9A8A", "#6DB344", "#D9A514")
SCALE_DARK: Final = ("#7C5BD6", "#3D8FD0", "#2BB5A0", "#93CC55", "#F5D142")
"""From low to high, told apart by lightness too; on its ground no end vanishes."""


@dataclass(frozen=True, slots=True)
class Paint:
    """Colours of n images: `kind` "category" or "number", and what the browser needs to draw and explain them."""

    kind: str
    data: dict[str, Any]


def choices(dataset: Dataset) -> dict[str, str]:
    """What the points can be coloured by: id -> words for a person, in the order to offer."""
    out: dict[str, str] = {}
    levels = depth(dataset.concepts)
    for level in range(1, levels + 1):
        names = {at_level(c, level) for c in dataset.concepts}
        words = "Concept" if levels == 1 else f"Concept, level {level} of {levels}"
        out[f"concept:{level}"] = f"{words} ({len(names):,})"
    if dataset.images["origin"].nunique() > 1:
        out["origin"] = "Training or real world"
    if dataset.images["split"].notna().any():
        out["split"] = "Split"
    out |= {f"attribute:{a.name}": a.title for a in ATTRIBUTES.values() if a.name in dataset.images}
    out |= {f"column:{name}": f"{plain(name)} (your column)" for name in dataset.metadata}
    return out


def default_choice(dataset: Dataset) -> str:
    """The deepest level of concepts that the colours can tell apart, else the outermost; else the first choice."""
    offered = choices(dataset)
    levels = [c for c in offered if c.startswith("concept:")]
    telling = [c for c in levels if 1 < len({at_level(x, int(c[8:])) for x in dataset.concepts}) <= MAX_COLOURS]
    return (telling[-1:] or levels[:1] or list(offered))[0]


def paint_by(dataset: Dataset, choice: str, dark: bool = False) -> Paint:
    """Colours by one of `choices`.

    Raises:
        KeyError: a choice this dataset does not offer.
    """
    title = choices(dataset)[choice]
    kind, _, name = choice.partition(":")
    images = dataset.images
    if kind == "concept":
        return _concepts(dataset, int(name))
    if kind == "origin":
        names = [ORIGIN_NAMES[o] for o in ORIGINS]
        return _categories(title, images["origin"].map(ORIGIN_NAMES), names, [ORIGIN_COLOURS[o] for o in ORIGINS])
    if kind == "attribute":
        known = ATTRIBUTES[name]
        return _numbers(title, known.unit, images[name], dark, (known.lower, known.higher))
    if kind == "column" and _is_number(images[name]):
        return _numbers(plain(name), "", pd.to_numeric(images[name]), dark)
    values = images["split" if kind == "split" else name]
    return _categories("Split" if kind == "split" else plain(name), values.where(values.isna(), values.astype(str)))


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values) and values.nunique() > FEW


def _concepts(dataset: Dataset, level: int) -> Paint:
    cut = [tuple(dict.fromkeys(at_level(c, level) for c in cs)) for cs in dataset.concepts_by_row]
    several = "several of them"
    values = pd.Series([cs[0] if len(cs) == 1 else (several if cs else None) for cs in cut], dtype=object)
    title = "Concept" if level == depth(dataset.concepts) else f"Concept, level {level}"
    names = [c for c in values.value_counts().index if c != several]
    shown = short_concepts(names) | {several: several}
    return _categories(
        title, values.map(shown), [shown[c] for c in names] + ([several] if several in set(values) else [])
    )


def _categories(
    title: str, values: pd.Series, order: Sequence[str] | None = None, colours: Sequence[str] | None = None
) -> Paint:
    """Colours for the most frequent names (or those of `order`); the others share one grey."""
    counts = values.value_counts()
    names = [str(x) for x in (order if order is not None else counts.index) if counts.get(x, 0)]
    shades = list(colours or PALETTE)
    if colours is not None:
        shades = [c for c, name in zip(colours, order or (), strict=True) if counts.get(name, 0)]
    own = names[: min(len(names), MAX_COLOURS)]
    rest = names[len(own) :]
    code_of = {name: i for i, name in enumerate(own)} | dict.fromkeys(rest, len(own))
    code = values.map(code_of).fillna(NONE).to_numpy(dtype=np.uint8)
    note = f"{count(int((code == NONE).sum()), 'picture')} without one: hollow." if (code == NONE).any() else ""
    return Paint(
        "category",
        {
            "kind": "category",
            "title": title,
            "code": pack(code),
            "names": [plain(x) for x in own] + ([f"{len(rest):,} others"] if rest else []),
            "colours": shades[: len(own)] + ([OTHER_COLOUR] if rest else []),
            "counts": [f"{int(counts[x]):,}" for x in own] + ([f"{int(counts[rest].sum()):,}"] if rest else []),
            "rest": len(own) if rest else -1,
            "tell": not title.startswith("Concept") and title != "Training or real world",
            "note": note,
        },
    )


def _numbers(title: str, unit: str, values: pd.Series, dark: bool, words: tuple[str, str] = ("", "")) -> Paint:
    """A continuous scale between the 5th and the 95th percentile, so that a few odd pictures do not flatten it."""
    x = values.to_numpy(dtype=np.float32, na_value=np.nan)
    x = np.where(np.isfinite(x), x, np.float32(np.nan)).astype(np.float32)
    known = x[~np.isnan(x)]
    low, high = (float(q) for q in np.percentile(known, [5, 95])) if len(known) else (0.0, 1.0)
    shades = SCALE_DARK if dark else SCALE_LIGHT
    missing = len(x) - len(known)
    return Paint(
        "number",
        {
            "kind": "number",
            "title": title,
            "unit": _unit(unit),
            "code": pack(np.where(np.isnan(x), NONE, 0).astype(np.uint8)),
            "values": pack(x),
            "low": low,
            "high": high if high > low else low + 1.0,
            "low_text": f"{words[0]} {_figure(low)}".strip(),
            "high_text": f"{_figure(high)} {_unit(unit)} {words[1]}".replace("  ", " ").strip(),
            "scale": [[i / (len(shades) - 1), colour] for i, colour in enumerate(shades)],
            "rest": -1,
            "note": f"{count(missing, 'picture')} without a value: hollow." if missing else "",
        },
    )


def _figure(x: float) -> str:
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


def _unit(unit: str) -> str:
    """The unit, but not where it only names the range (`0-1`)."""
    return "" if "-" in unit else unit
