"""The embedding map: one component around plotly.js that shows, selects and finds the pictures of a dataset."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from analysis.dataset import ORIGINS, REAL_WORLD
from components import plotly_js
from components.caching import cached
from components.map.codec import mask_of, pack, rows_of
from components.map.selection import keep_rows, selected_rows, sent_to_browser
from components.text import count, plain
from components.theme import ORIGIN_NAMES, is_dark
from components.thumbnails import data_uri, thumbnail_url

if TYPE_CHECKING:
    from analysis.embedders.base import Float32
    from analysis.opening import OpenDataset
    from components.map.paint import Paint

_HERE: Final = Path(__file__).parent
_SCRIPTS: Final = ("codec.js", "scene.js", "parts.js", "main.js")
SHEET_WITHOUT_ROUTE: Final = 150  # pictures of a contact sheet that travel inside the message: about 1 MB
_PROBE: Final = "0" * 32


@dataclass(frozen=True, slots=True)
class MapState:
    """What a person did: `selected` rows (int64, ascending) and the row of a picture to open, if any."""

    selected: NDArray[np.int64]
    opened: int | None


def _component() -> Any:
    script = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    style = (_HERE / "map.css").read_text(encoding="utf-8")
    # Plotly puts its styles into the page's head, out of reach of a shadow root.
    return st.components.v2.component("tde_map", css=style, js=script, isolate_styles=False)


_mount: Final = _component()


def embedding_map(
    open_dataset: OpenDataset,
    xy: Float32,
    paint: Paint,
    *,
    shown: NDArray[np.int64] | None = None,
    rings: Sequence[int] = (),
    focus: int | None = None,
    sheet: bool = False,
    height: int = 600,
) -> MapState:
    """Draw the map and return what a person selected or opened.

    Args:
        open_dataset: whose pictures they are.
        xy: float32 (n, 2), from `analysis.projection`.
        paint: colours, from `components.map.paint`.
        shown: rows that take part; the others stay as faint context. All if None.
        rings: rows to mark, such as search hits.
        focus: a row to mark more strongly, such as the picture the others are like.
        sheet: draw thumbnails into the map.
        height: of the map, px.
    """
    plotly_js.provide()
    result = _mount(
        key=f"map-{open_dataset.source.id}",
        data=_data(open_dataset, xy, paint, shown, rings, focus, sheet, height),
        on_select_change=_nothing,
        on_open_change=_nothing,
    )
    return take_events(open_dataset, result.get("select"), result.get("open"))


def take_events(open_dataset: OpenDataset, selected: Any, opened: Any) -> MapState:
    """Keep a selection that came from the browser, if it fits this dataset; say what is selected and opened now."""
    n = len(open_dataset.dataset)
    if (
        isinstance(selected, dict)
        and selected.get("n") == n
        and selected.get("rev") == sent_to_browser(open_dataset)[0]
    ):
        with contextlib.suppress(ValueError):  # not what our own script sends: the selection stays as it was
            keep_rows(open_dataset, rows_of(str(selected.get("mask")), n))
    row = int(opened) if isinstance(opened, (int, float)) and 0 <= opened < n else None
    return MapState(selected_rows(open_dataset), row)


def _nothing() -> None:
    """State and triggers need a callback to be declared; the page reads the result instead."""


def _data(
    open_dataset: OpenDataset,
    xy: Float32,
    paint: Paint,
    shown: NDArray[np.int64] | None,
    rings: Sequence[int],
    focus: int | None,
    sheet: bool,
    height: int,
) -> dict[str, Any]:
    n = len(open_dataset.dataset)
    revision, mask = sent_to_browser(open_dataset)
    url = thumbnail_url(open_dataset, _PROBE)
    place = pack(np.asarray(xy, dtype=np.float32))
    return {
        **cached(open_dataset, "map_facts", url is not None, lambda: _facts(open_dataset, url is not None)),
        "rev": revision,
        "selection": mask,
        "xy": place,
        "paint": paint.data,
        "shown": None if shown is None else mask_of(shown, n),
        "rings": [int(r) for r in rings],
        "focus": focus,
        "sheet": sheet,
        "url": url.replace(_PROBE, "{}") if url else None,
        "thumbs": _inline(open_dataset, xy, shown) if sheet and not url else None,
        "plotly": plotly_js.plotly_url(),
        "height": height,
        "dark": is_dark(),
    }


def _facts(open_dataset: OpenDataset, with_hashes: bool) -> dict[str, Any]:
    """What stays the same however the map is drawn."""
    n = len(open_dataset.dataset)
    real = (open_dataset.dataset.images["origin"] == REAL_WORLD).to_numpy()
    return {
        "key": f"{open_dataset.source.id}-{_digest(open_dataset.fingerprint)}",
        "n": n,
        "origin": pack(real.astype(np.uint8)),
        "origin_names": [ORIGIN_NAMES[o] for o in ORIGINS],
        "origin_counts": [int((~real).sum()), int(real.sum())],
        **_labels(open_dataset),
        "hashes": _hashes(open_dataset) if with_hashes else None,
        "hash_bytes": len(_PROBE) // 2,
        "description": f"Map of {count(n, 'picture')}. The buttons below it select by category; "
        "selected pictures are listed further down.",
    }


def _labels(open_dataset: OpenDataset) -> dict[str, Any]:
    """Names of each image's concepts together, each combination once, and its number for every image."""
    code_of: dict[str, int] = {}
    codes = np.empty(len(open_dataset.dataset), dtype=np.uint32)
    for row, concepts in enumerate(open_dataset.dataset.concepts_by_row):
        name = ", ".join(plain(c) for c in concepts) or "no concept"
        codes[row] = code_of.setdefault(name, len(code_of))
    return {
        "labels": list(code_of),
        "label": pack(codes if len(code_of) > 65535 else codes.astype(np.uint16)),
    }


def _hashes(open_dataset: OpenDataset) -> str:
    """All content hashes as bytes, one after the other, so that the browser can name any picture itself."""
    raw = bytes.fromhex("".join(open_dataset.dataset.images["content_hash"].tolist()))
    return pack(np.frombuffer(raw, dtype=np.uint8))["base64"]


def _inline(open_dataset: OpenDataset, xy: Float32, shown: NDArray[np.int64] | None) -> dict[str, str]:
    rows = spread(xy, SHEET_WITHOUT_ROUTE, shown)
    return {
        str(r): data_uri(p) for r, p in zip(rows.tolist(), open_dataset.thumbnails(rows.tolist()), strict=True) if p
    }


def spread(xy: Float32, at_most: int, among: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Rows well spread over the map: in each cell of a grid the one nearest its middle, at most `at_most`."""
    rows = np.arange(len(xy)) if among is None else np.asarray(among, dtype=np.int64)
    if not len(rows):
        return rows.astype(np.int64)
    side = max(1, int(np.sqrt(at_most)))
    unit = (xy[rows].astype(np.float64) + 1) / 2 * side
    cell = np.clip(np.floor(unit), 0, side - 1)
    distance = ((unit - cell - 0.5) ** 2).sum(axis=1)
    order = np.lexsort((rows, distance))
    place = (cell[:, 1] * side + cell[:, 0]).astype(np.int64)
    _, first = np.unique(place[order], return_index=True)
    chosen: NDArray[np.int64] = np.sort(rows[order[first]]).astype(np.int64)
    return chosen


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
