"""Boxes around what a picture shows: how they are written, and as shares of the picture.

A box is x and y of its upper left corner, its width and height. In shares of the upright picture all four
lie in [0, 1]; a box with a number above 1 is in pixels and becomes shares once the picture's size is known.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from analysis.errors import InputError
from analysis.readers.listing import Box, shown

# Rounding carries a share a little above 1; a box in pixels this small shows nothing.
LARGEST_SHARE: Final = 1.01
_LONGEST: Final = 1e7  # pixels; more is no picture, and far less than a float can hold
_NAME_KEYS: Final = ("concept", "label", "category", "name")
_FORM: Final = 'a box is {"concept": …, "x": …, "y": …, "width": …, "height": …} or [x, y, width, height]'


def in_shares(concept: str, x: float, y: float, width: float, height: float) -> Box | None:
    """The box cut to the picture, or None where nothing of it is left. Numbers are shares of the picture."""
    if not all(map(math.isfinite, (x, y, width, height))):
        return None
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + width, 1.0), min(y + height, 1.0)
    if right <= left or bottom <= top:
        return None
    return Box(concept, left, top, right - left, bottom - top)


def in_pixels(
    concept: str, x: float, y: float, width: float, height: float, *, size: tuple[float, float] | None
) -> Box | None:
    """A box given in pixels, as shares where `size` (width and height of the picture) is known, else as it is."""
    if not all(math.isfinite(v) and abs(v) <= _LONGEST for v in (x, y, width, height)) or width <= 0 or height <= 0:
        return None
    if size is None:
        return Box(concept, float(x), float(y), float(width), float(height))
    return in_shares(concept, x / size[0], y / size[1], width / size[0], height / size[1])


def measured(boxes: pd.DataFrame, width: np.ndarray, height: np.ndarray) -> pd.DataFrame:
    """Boxes of a dataset with every one in shares; those that lie beside their picture are dropped.

    Args:
        boxes: columns `analysis.dataset.BOX_COLUMNS`; `image` is a row of `width` and `height`.
        width, height: pixels of every picture, upright.
    """
    if boxes.empty:
        return boxes
    image = boxes["image"].to_numpy(dtype=np.int64)
    numbers = boxes[["x", "y", "width", "height"]].to_numpy(dtype=np.float64)
    pixels = (numbers > LARGEST_SHARE).any(axis=1)
    scale = np.ones_like(numbers)
    scale[pixels] = np.column_stack([width[image], height[image]] * 2)[pixels]
    numbers = numbers / scale
    low = np.clip(numbers[:, :2], 0.0, 1.0)
    high = np.clip(numbers[:, :2] + numbers[:, 2:], 0.0, 1.0)
    kept = (high > low).all(axis=1)
    sides = dict(zip(("x", "y", "width", "height"), np.column_stack([low, high - low])[kept].T, strict=True))
    return pd.DataFrame({"image": image[kept], "concept": boxes["concept"].to_numpy()[kept], **sides})


class _Given(NamedTuple):
    concept: object
    numbers: list[object]


def given_boxes(value: object, name_of: Callable[[object], str], leave_out: Callable[[str], None]) -> list[Box]:
    """The boxes of a manifest's cell: a list, or its JSON text; None and blank text are no boxes.

    Args:
        value: the cell.
        name_of: makes a tidy concept of what a box names.
        leave_out: told why a box (or the whole cell) means nothing; it is passed over, the others stay.
    """
    try:
        items = _items(value)
    except InputError as error:
        leave_out(str(error))
        return []
    boxes = []
    for item in items:
        if item is not None:
            try:
                given = _one(item)
                boxes.append(_placed(name_of(given.concept), given.numbers))
            except InputError as error:
                leave_out(str(error))
    return boxes


def _items(value: object) -> list[object]:
    if isinstance(value, str):
        value = _parsed(value) if value.strip() else None
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return []
    if isinstance(value, dict):
        return [value]
    if isinstance(value, (list, tuple)):
        return [list(value)] if len(value) == 4 and all(map(_is_number, value)) else list(value)
    raise InputError(f"boxes must be a list, not {shown(value, 60)}; {_FORM}")


def _parsed(text: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"boxes {shown(text, 60)} are not JSON; {_FORM}") from error
    return value


def _one(item: object) -> _Given:
    if isinstance(item, (list, tuple)):
        # A name may stand before or after the four numbers.
        names = [v for v in item if isinstance(v, str)]
        numbers = [v for v in item if not isinstance(v, str)]
        if len(names) <= 1:
            return _Given(names[0] if names else None, numbers)
    if isinstance(item, dict):
        concept = next((item[k] for k in _NAME_KEYS if item.get(k) is not None), None)
        given: object = item.get("bbox", item.get("box"))
        if given is None:
            given = [item.get(k) for k in ("x", "y", "width", "height")]
        if isinstance(given, (list, tuple)) and not isinstance(concept, (list, dict)):
            return _Given(concept, list(given))
    raise InputError(f"{shown(item, 60)} is no box; {_FORM}")


def _placed(concept: str, numbers: Iterable[object]) -> Box:
    values = list(numbers)
    if len(values) != 4 or not all(map(_is_number, values)):
        raise InputError(f"{shown(values, 60)} are not the four numbers of a box; {_FORM}")
    x, y, width, height = (float(v) for v in values)  # type: ignore[arg-type]
    if width <= 0 or height <= 0:
        raise InputError(f"a box must have a width and a height above 0, not {width:g} and {height:g}")
    given = (concept, x, y, width, height)
    shares = max(x, y, width, height) <= LARGEST_SHARE
    box = in_shares(*given) if shares else in_pixels(*given, size=None)
    if box is None:
        raise InputError(f"the box {shown(values, 60)} lies outside its picture; {_FORM}")
    return box


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= _LONGEST  # false for nan; a whole number may be too long for a float
