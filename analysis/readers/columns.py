"""Values and names of free columns, so that csv, jsonl and Parquet give the same table."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Final

import numpy as np
import pandas as pd

from analysis.dataset import CORE_COLUMNS
from analysis.names import composed

# Columns that the measuring of an image adds, and the columns of the written reports.
MEASURED_COLUMNS: Final = (
    *("content_hash", "width", "height", "megapixels", "aspect_ratio", "brightness", "contrast"),
    *("saturation", "colour_temperature", "sharpness", "noise", "entropy", "jpeg_quality"),
    *("blur", "structure", "subject_brightness", "clipped", "clipped_white", "blockiness"),
    *("file_bytes", "format", "phash", "dhash"),
)
_REPORT_COLUMN: Final = re.compile(r"(image_quality|uniqueness|consistency|representativeness)_(score|flag|reasons)")
_RESERVED: Final = frozenset({*CORE_COLUMNS, *MEASURED_COLUMNS, "image", "concept"})
# 007 and +49 are names, 1_000 and nan are words: only what everybody reads as a number is one.
_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d{1,3})?|-?\.\d+([eE][+-]?\d{1,3})?", re.ASCII)
_INTEGER: Final = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
_EXACT: Final = 2**53  # the largest whole number a float holds exactly
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def free_names(names: Iterable[str]) -> dict[str, str]:
    """New names for free columns: `meta_` goes before one of our own (`width` -> `meta_width`)."""
    names = list(names)
    taken = set(names)
    out: dict[str, str] = {}
    for name in names:
        new = name
        if name in _RESERVED or _REPORT_COLUMN.fullmatch(name):
            new = f"meta_{name}"
            while new in taken:
                new = f"meta_{new}"
            taken.add(new)
        out[name] = new
    return out


def plain(value: object) -> object:
    """A value of a free column as None, bool, int, float or str.

    Blank text and NaN are None; lists and objects (`boxes`) become JSON text; dates ISO text.
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, str):
        return printable(value).strip() or None
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (list, tuple, dict)):
        return printable(json.dumps(value, ensure_ascii=False, default=str))
    return printable(str(value)).strip() or None


def as_text(value: object) -> str | None:
    """A plain value as text: 3.0 and 3 are both "3" (a gap in a column of numbers makes them floats)."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        value = int(value)
    return None if value is None else str(value)


def concept_path(value: object) -> str:
    """A concept's name, tidied and composed: `/Fruit/ Apple/` is `Fruit/Apple`; "" where there is none."""
    return "/".join(part for p in composed(as_text(plain(value)) or "").split("/") if (part := p.strip()))


def printable(text: str) -> str:
    """Text that can be written as UTF-8: half characters (lone surrogates) are replaced by "?"."""
    return text.encode("utf-8", "replace").decode("utf-8")


def from_text(values: Sequence[object]) -> list[object]:
    """A csv column (text or None): numbers or booleans when every value that is there reads as one."""
    texts = [v for v in values if isinstance(v, str)]
    if texts and all(t in _BOOLEANS for t in texts):
        return [_BOOLEANS[v] if isinstance(v, str) else v for v in values]
    if not texts or not all(_NUMBER.fullmatch(t) for t in texts):
        return list(values)
    if all(_INTEGER.fullmatch(t) for t in texts):
        numbers: list[object] = [int(v) if isinstance(v, str) else v for v in values]
        return numbers if _is_numeric(numbers) else list(values)
    if any(math.isinf(float(t)) or (t.lstrip("-").isdigit() and float(t) > _EXACT) for t in texts):
        return list(values)  # long identifiers: a float would change them
    return [float(v) if isinstance(v, str) else v for v in values]


def series(values: Sequence[object]) -> pd.Series:
    """A column of plain values: int64, float64 (gaps NaN), bool, or object with text (gaps None)."""
    present = [v for v in values if v is not None]
    complete = len(present) == len(values)
    if present and all(isinstance(v, bool) for v in present):
        return pd.Series(list(values), dtype=bool if complete else object)
    if not _is_numeric(values):
        return pd.Series([as_text(v) for v in values], dtype=object)
    if complete and all(isinstance(v, int) for v in present):
        return pd.Series(list(values), dtype="int64")
    return pd.Series(np.array([np.nan if v is None else v for v in values], dtype=np.float64))


def _is_numeric(values: Sequence[object]) -> bool:
    """Whether all values that are there are numbers, held exactly by int64 or (gaps, fractions) float64."""
    present = [v for v in values if v is not None]
    if not present or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in present):
        return False
    whole = [v for v in present if isinstance(v, int)]
    if len(whole) == len(values):
        return all(-(2**63) <= v < 2**63 for v in whole)
    return all(abs(v) <= _EXACT for v in whole)
