"""Manifests: a csv, jsonl or Parquet table with one row an image (an image may have several rows).

Columns: `image` (path relative to the manifest), `concepts` and `not_concepts` (a list, or text with `;`
between), `origin`, `split`, `boxes` (see `analysis.readers.boxes`), `predicted` and `confidence` (a model's own
output; kept as metadata too, so that a gallery can be filtered by it); any other column is kept as metadata.
Columns of raw bytes are left out.
"""

from __future__ import annotations

import ast
import csv
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.dataset import ORIGINS, REAL_WORLD, REAL_WORLD_PREFIX, TRAINING, Unreadable
from analysis.errors import InputError
from analysis.progress import Progress, no_progress
from analysis.readers.boxes import given_boxes
from analysis.readers.columns import as_text, concept_path, free_names, from_text, plain, printable
from analysis.readers.listing import (
    BAD_NAME,
    OUTSIDE,
    RESERVED_NAME,
    Box,
    Entry,
    Fence,
    Listing,
    file_problem,
    is_text,
    shown,
)

MANIFEST_SUFFIXES: Final = (".csv", ".jsonl", ".parquet")
FORMS: Final = (
    "Give a folder of images (one folder a concept), a dataset in COCO, YOLO, Pascal VOC or Hugging Face Parquet form,"
    " or a manifest .csv, .jsonl or .parquet with a column “image” and, usually, “concepts”."
)
_CORE: Final = ("image", "concepts", "not_concepts", "origin", "split", "boxes")
# Names, not numbers, even where they are written with digits alone.
_TEXT_COLUMNS: Final = frozenset({"predicted"})
_MAX_CELL: Final = 16 * 1024 * 1024  # characters; Python's own limit (131,072) is below a long list of boxes
_LIST_TEXT: Final = re.compile(r"""\[\s*(['"].*)?\]""", re.DOTALL)
_PROGRESS_EVERY: Final = 1000


class _Row(NamedTuple):
    where: str  # "m.csv, line 3", ready for a message
    values: Mapping[str, object]


class _Image:
    """What the rows of one image add up to."""

    def __init__(self, image_id: str, path: str, where: str) -> None:
        self.image_id = image_id
        self.path = path
        self.where = where
        self.origin: str | None = None
        self.split: str | None = None
        self.concepts: dict[str, None] = {}
        self.negatives: dict[str, None] = {}
        self.metadata: dict[str, object] = {}
        self.boxes: dict[Box, None] = {}
        self.predictions: dict[str, float] = {}


def read_manifest(
    path: Path,
    *,
    origin: str | None = None,
    prefix: str = "",
    fence: Fence | None = None,
    progress: Progress = no_progress,
) -> Listing:
    """List the images a manifest names, in its order.

    Rows of one image are merged: labels are united, the first value of any other column counts. A concept
    given as shown and as not shown counts as shown.

    Args:
        path: the manifest, resolved.
        origin: forced on every image; None takes the column `origin` (training where it is empty).
        prefix: put before every `image_id`.
        fence: images outside it are unreadable.
        progress: called now and then with the number of rows so far; the total is not known (0).

    Raises:
        InputError: the table cannot be read or means nothing; the message names the line.
    """
    fence = fence or Fence(None)
    listing = Listing(path.parent)
    images: dict[str, _Image] = {}
    count = 0
    for row in _rows(path):
        count += 1
        if count % _PROGRESS_EVERY == 0:
            progress(count, 0, "Reading the manifest")
        _merge(images, row, path.parent)
    if count == 0:
        raise InputError(f"{shown(path.name)} has no rows. {FORMS}")
    columns = _metadata_columns(images, from_csv=path.suffix.lower() == ".csv")
    for index, image in enumerate(images.values()):
        if index % _PROGRESS_EVERY == 0:
            progress(count, 0, "Looking for the images")
        reason = _problem(image, fence, prefix)
        if reason:
            listing.unreadable.append(Unreadable(prefix + shown(image.image_id, 4096), reason))
            continue
        listing.images.append(
            Entry(
                prefix + image.image_id,
                image.path,
                origin or image.origin or TRAINING,
                image.split,
                tuple(image.concepts),
                tuple(c for c in image.negatives if c not in image.concepts),
                {name: column[index] for name, column in columns.items()},
                tuple(image.boxes),
                tuple(image.predictions.items()),
            )
        )
    return listing


def _problem(image: _Image, fence: Fence, prefix: str) -> str | None:
    """Why the file cannot be used. The fence comes first, so nothing is learnt about files outside it."""
    if not is_text(image.image_id):
        return BAD_NAME
    if not prefix and image.image_id.startswith(REAL_WORLD_PREFIX):
        return RESERVED_NAME
    return OUTSIDE if not fence.allows(image.path) else file_problem(image.path)


def _merge(images: dict[str, _Image], row: _Row, folder: Path) -> None:
    """Add one row to its image; the first row of an image makes it."""
    where, image_id = row.where, _image_id(row)
    location = _locate(folder, image_id)
    image = images.get(location)
    if image is None:
        image = images[location] = _Image(image_id, location, where)
    image.origin = _agreed(image, "origin", image.origin, _origin(row), where)
    image.split = _agreed(image, "split", image.split, as_text(plain(row.values.get("split"))), where)
    image.concepts.update(dict.fromkeys(_concepts(row.values.get("concepts"), where)))
    image.negatives.update(dict.fromkeys(_concepts(row.values.get("not_concepts"), where)))
    image.boxes.update(dict.fromkeys(given_boxes(row.values.get("boxes"), where, concept_path)))
    for concept, confidence in _predictions(row):
        said = image.predictions.get(concept, math.nan)
        image.predictions[concept] = confidence if math.isnan(said) or confidence > said else said
    for name, value in row.values.items():
        if name not in _CORE and name.strip():
            value = plain(value)
            if image.metadata.get(name) is None:
                image.metadata[name] = as_text(value) if name in _TEXT_COLUMNS else value


def _image_id(row: _Row) -> str:
    where, value = row.where, row.values.get("image")
    if isinstance(value, (dict, bytes)):
        raise InputError(f"{where}: “image” holds the picture itself; it must be a path relative to the manifest.")
    if isinstance(value, (list, bool)):
        raise InputError(f"{where}: “image” must be one path, not {shown(value, 60)}.")
    text = value.strip() if isinstance(value, str) else as_text(plain(value))
    if not text:
        raise InputError(f"{where}: “image” is empty; give the path of an image relative to the manifest.")
    return text


def _locate(folder: Path, image_id: str) -> str:
    """Absolute path of an image: as written if that exists, else with Windows separators read as such."""
    written = os.path.normpath(os.path.join(folder, image_id))
    if "\\" not in image_id or "\0" in image_id or os.path.lexists(written):
        return written
    return os.path.normpath(os.path.join(folder, image_id.replace("\\", "/")))


def _origin(row: _Row) -> str | None:
    value = as_text(plain(row.values.get("origin")))
    if value is not None and value not in ORIGINS:
        raise InputError(f"{row.where}: origin is “{shown(value, 60)}”; it must be {TRAINING} or {REAL_WORLD}.")
    return value


def _agreed(image: _Image, what: str, old: str | None, new: str | None, where: str) -> str | None:
    """The one value an image may have; to choose between two would hide a leak."""
    if old is not None and new is not None and old != new:
        raise InputError(
            f"{where}: {shown(image.image_id)} has {what} “{shown(new, 60)}”, but “{shown(old, 60)}” before"
            f" (first in {image.where}); give it one {what}."
        )
    return old if new is None else new


def _concepts(value: object, where: str, column: str = "concepts") -> list[str]:
    """Concepts of a list or a text with `;` between, each tidied (`/Fruit/ Apple/` -> `Fruit/Apple`)."""
    if isinstance(value, dict):
        raise InputError(f"{where}: {column} must be a list or a text with “;” between, not an object.")
    items = value if isinstance(value, list) else _from_cell(value, where)
    if any(isinstance(item, (list, dict)) for item in items):
        raise InputError(f"{where}: {column} must be names, not lists of lists or objects.")
    return [path for path in map(concept_path, items) if path]


def _predictions(row: _Row) -> list[tuple[str, float]]:
    """What a model said of the image: each concept of `predicted` with its `confidence` (nan where there is none)."""
    where = row.where
    concepts = _concepts(row.values.get("predicted"), where, "predicted")
    value = row.values.get("confidence")
    if isinstance(value, str):
        text = value.strip().removeprefix("[").removesuffix("]")
        value = [part for part in text.replace(";", ",").split(",") if part.strip()]
    given = [_confidence(v, where) for v in (value if isinstance(value, list) else [value])]
    if not concepts or all(map(math.isnan, given)):
        return [(concept, math.nan) for concept in concepts]
    if len(given) != len(concepts):
        raise InputError(
            f"{where}: {len(concepts)} concepts are predicted, but {len(given)} confidences are given;"
            " give one number for each, separated by “;”."
        )
    return list(zip(concepts, given, strict=True))


def _confidence(value: object, where: str) -> float:
    value = plain(value)
    if value is None:
        return math.nan
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= 1:
        raise InputError(f"{where}: confidence is {shown(value, 60)}; it must be a number from 0 to 1.")
    return number


def _from_cell(value: object, where: str) -> list[object]:
    if not isinstance(value, str):
        return [value]
    text = value.strip()
    if not _LIST_TEXT.fullmatch(text):
        return list(text.split(";"))
    # A list written into a cell, as JSON or as Python prints it. Two quoted texts with no comma between
    # (a printed numpy array) would silently become one name.
    try:
        return list(json.loads(text))
    except ValueError:
        pass
    except RecursionError as error:
        raise InputError(f"{where}: the list of concepts is nested too deeply.") from error
    try:
        if not re.search(r"""['"]\s+['"]""", text):
            return list(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    raise InputError(f"{where}: the list of concepts {shown(text, 60)} cannot be read; write a;b;c instead.")


def _metadata_columns(images: Mapping[str, _Image], *, from_csv: bool) -> dict[str, list[object]]:
    """Free columns by their new names, one value an image."""
    names = free_names(dict.fromkeys(n for image in images.values() for n in image.metadata))
    out: dict[str, list[object]] = {}
    for name, new in names.items():
        values = [image.metadata.get(name) for image in images.values()]
        out[new] = from_text(values) if from_csv and name not in _TEXT_COLUMNS else values
    return out


def _rows(path: Path) -> Iterator[_Row]:
    reader = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".parquet": _parquet_rows}.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{shown(path.name)} is not a form this app reads. {FORMS}")
    try:
        yield from reader(path)
    except UnicodeDecodeError as error:
        raise InputError(f"{shown(path.name)} is not UTF-8 text; save it as UTF-8 and try again.") from error
    except OSError as error:
        raise InputError(f"{shown(path.name)} cannot be read: {shown(error.strerror or error)}.") from error


def _require_image_column(path: Path, names: list[str], hint: str = "") -> None:
    if "image" not in names:
        raise InputError(f"{shown(path.name)} has no column “image”{hint}. {FORMS}")
    twice = sorted({n for n in names if n and names.count(n) > 1})
    if twice:
        raise InputError(f"{shown(path.name)} has the column “{shown(twice[0], 60)}” twice; give each its own name.")


def _csv_rows(path: Path) -> Iterator[_Row]:
    csv.field_size_limit(_MAX_CELL)
    name = shown(path.name)
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [printable(name).strip() for name in next(reader, [])]
            odd = next((c for c in ";\t|" if "image" in [n.strip() for n in ",".join(header).split(c)]), None)
            _require_image_column(path, header, " (separate the columns with commas)" if odd else "")
            for cells in reader:
                where = f"{name}, line {reader.line_num}"
                if not any(cell.strip() for cell in cells):
                    continue
                if any(cell.strip() for cell in cells[len(header) :]):
                    raise InputError(
                        f"{where}: {len(cells)} cells, but {len(header)} columns;"
                        " put quotes around a value that holds a comma."
                    )
                yield _Row(where, dict(zip(header, cells, strict=False)))
        except csv.Error as error:
            raise InputError(f"{name}, line {reader.line_num}: {shown(error)}.") from error


def _jsonl_rows(path: Path) -> Iterator[_Row]:
    name = shown(path.name)
    with open(path, encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"{name}, line {number}"
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as error:
                reason = getattr(error, "msg", "nested too deeply or out of range")
                raise InputError(f"{where} is not JSON ({shown(reason)}); each line must be one object.") from error
            if not isinstance(values, dict):
                raise InputError(f'{where} is not an object; each line must be like {{"image": "a.jpg"}}.')
            if "image" not in values:
                raise InputError(f"{where} has no “image”. {FORMS}")
            yield _Row(where, {printable(k).strip(): v for k, v in values.items()})


def _parquet_rows(path: Path) -> Iterator[_Row]:
    name = shown(path.name)
    try:
        with open(path, "rb") as handle:  # a handle, so that no folder or address is ever guessed from the name
            table = pq.ParquetFile(handle)
            schema = table.schema_arrow
            _require_image_column(path, schema.names)
            if _is_binary(schema.field("image").type) or pa.types.is_nested(schema.field("image").type):
                raise InputError(f"{shown(path.name)}: “image” holds the pictures themselves, not paths. {FORMS}")
            names = [f.name for f in schema if not _is_binary(f.type) and not f.name.startswith("__index_level_")]
            number = 0
            for batch in table.iter_batches(batch_size=4096, columns=names):
                for values in batch.to_pylist():
                    number += 1
                    yield _Row(f"{name}, row {number}", {str(k).strip(): v for k, v in values.items()})
    except (pa.ArrowException, ValueError, OverflowError, OSError) as error:
        if isinstance(error, UnicodeDecodeError) or getattr(error, "errno", None) is not None:
            raise  # the disk, not the content
        reason = shown(" ".join(str(error).split()))
        raise InputError(f"{shown(path.name)} is not a Parquet file that can be read: {reason}") from error


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))
