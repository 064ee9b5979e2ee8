"""Manifests: a csv, jsonl or Parquet table with one row an image (an image may have several rows).

Columns: `image` (path relative to the manifest), `concepts` and `not_concepts` (a list, or text with `;`
between), `origin`, `split`, `boxes` (see `analysis.readers.boxes`), `predicted` and `confidence` (a model's own
output; kept as metadata too, so that a gallery can be filtered by it); any other column is kept as metadata.
Columns of raw bytes are left out. A line or a value that means nothing is passed over and listed with its place and
the reason; the rest counts.
"""

from __future__ import annotations

import ast
import csv
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
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
_MOST_LISTED: Final = 200
"""Lines listed one by one; with more, something is wrong with all of them."""


class _LeftOut:
    """Lines and values that were passed over."""

    def __init__(self) -> None:
        self.listed: list[tuple[str, str, str]] = []  # place, what, why
        self.count = 0

    def add(self, where: str, what: str, why: str) -> None:
        """`what` of the line at `where` is left out, because of `why`."""
        self.count += 1
        if self.count <= _MOST_LISTED:
            self.listed.append((where, what, why.rstrip(".")))

    def unreadable(self, name: str, prefix: str) -> list[Unreadable]:
        """As entries of a listing."""
        out = [Unreadable(prefix + where, f"{what} left out: {why}") for where, what, why in self.listed]
        if rest := self.count - len(self.listed):
            out.append(Unreadable(prefix + name, f"has {rest:,} more lines or values that were left out"))
        return out


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
        InputError: the table cannot be read, or not one of its lines can be used; the message names the first.
    """
    fence = fence or Fence(None)
    listing = Listing(path.parent)
    images: dict[str, _Image] = {}
    left_out = _LeftOut()
    count = 0
    for row in _rows(path, lambda where, why: left_out.add(where, "line", why)):
        count += 1
        if count % _PROGRESS_EVERY == 0:
            progress(count, 0, "Reading the manifest")
        try:
            _merge(images, row, path.parent, left_out)
        except InputError as error:
            left_out.add(row.where, "line", str(error))
    if not images and left_out.count:
        where, _, why = left_out.listed[0]
        raise InputError(f"{shown(path.name)}: no line of it can be used. The first is {where}: {why}.")
    if not images:
        raise InputError(f"{shown(path.name)} has no rows. {FORMS}")
    listing.unreadable += left_out.unreadable(shown(path.name), prefix)
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


def _merge(images: dict[str, _Image], row: _Row, folder: Path, left_out: _LeftOut) -> None:
    """Add one row to its image; the first row of an image makes it.

    Raises:
        InputError: the row says of no image, or of no origin, what it is; nothing of it is taken.
    """
    where, image_id, values = row.where, _image_id(row), dict(row.values)
    location, origin = _locate(folder, image_id), _origin(row)
    image = images.get(location)
    if image is None:
        image = images[location] = _Image(image_id, location, where)
    read = _Cells(values, where, left_out)
    image.origin = _agreed(image, "origin", image.origin, origin, read)
    image.split = _agreed(image, "split", image.split, as_text(plain(values.get("split"))), read)
    image.concepts.update(dict.fromkeys(read.concepts("concepts")))
    image.negatives.update(dict.fromkeys(read.concepts("not_concepts")))
    image.boxes.update(
        dict.fromkeys(given_boxes(values.get("boxes"), concept_path, lambda why: left_out.add(where, "box", why)))
    )
    for concept, confidence in read.predictions():
        said = image.predictions.get(concept, math.nan)
        image.predictions[concept] = confidence if math.isnan(said) or confidence > said else said
    for name, value in values.items():
        if name not in _CORE and name.strip():
            value = plain(value)
            if image.metadata.get(name) is None:
                image.metadata[name] = as_text(value) if name in _TEXT_COLUMNS else value


def _image_id(row: _Row) -> str:
    value = row.values.get("image")
    if isinstance(value, (dict, bytes)):
        raise InputError("“image” holds the picture itself; it must be a path relative to the manifest")
    if isinstance(value, (list, bool)):
        raise InputError(f"“image” must be one path, not {shown(value, 60)}")
    text = value.strip() if isinstance(value, str) else as_text(plain(value))
    if not text:
        raise InputError("“image” is empty; give the path of an image relative to the manifest")
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
        raise InputError(f"origin is “{shown(value, 60)}”; it must be {TRAINING} or {REAL_WORLD}")
    return value


def _agreed(image: _Image, what: str, old: str | None, new: str | None, read: _Cells) -> str | None:
    """The one value an image may have: the first; to take the second in silence would hide a leak."""
    if old is not None and new is not None and old != new:
        read.leave_out(
            what,
            f"{shown(image.image_id)} has {what} “{shown(new, 60)}” here, but “{shown(old, 60)}” before"
            f" (first in {image.where}), which is kept; give it one {what}",
        )
    return new if old is None else old


class _Cells:
    """The cells of one row. One that means nothing is left out, of `values` as well."""

    def __init__(self, values: dict[str, object], where: str, left_out: _LeftOut) -> None:
        self.values = values
        self._where = where
        self._left_out = left_out

    def leave_out(self, column: str, why: str) -> None:
        """Note it, and forget the cell."""
        self._left_out.add(self._where, column, why)
        self.values[column] = None

    def concepts(self, column: str) -> list[str]:
        """Concepts of a list or a text with `;` between, each tidied (`/Fruit/ Apple/` -> `Fruit/Apple`)."""
        try:
            return _concepts(self.values.get(column), column)
        except InputError as error:
            self.leave_out(column, str(error))
            return []

    def predictions(self) -> list[tuple[str, float]]:
        """What a model said: each concept of `predicted` with its `confidence` (nan where there is none)."""
        concepts = self.concepts("predicted")
        value = self.values.get("confidence")
        if isinstance(value, str):
            text = value.strip().removeprefix("[").removesuffix("]")
            value = [part for part in text.replace(";", ",").split(",") if part.strip()]
        given = []
        for one in value if isinstance(value, list) else [value]:
            try:
                given.append(_confidence(one))
            except InputError as error:
                self.leave_out("confidence", str(error))
                given.append(math.nan)
        if not concepts or all(map(math.isnan, given)):
            return [(concept, math.nan) for concept in concepts]
        if len(given) != len(concepts):
            self.leave_out(
                "confidence",
                f"{len(concepts)} concepts are predicted, but {len(given)} confidences are given;"
                " give one number for each, separated by “;”",
            )
            return [(concept, math.nan) for concept in concepts]
        return list(zip(concepts, given, strict=True))


def _concepts(value: object, column: str) -> list[str]:
    if isinstance(value, dict):
        raise InputError(f"{column} must be a list or a text with “;” between, not an object")
    items = value if isinstance(value, list) else _from_cell(value)
    if any(isinstance(item, (list, dict)) for item in items):
        raise InputError(f"{column} must be names, not lists of lists or objects")
    return [path for path in map(concept_path, items) if path]


def _confidence(value: object) -> float:
    value = plain(value)
    if value is None:
        return math.nan
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= 1:
        raise InputError(f"confidence is {shown(value, 60)}; it must be a number from 0 to 1")
    return number


def _from_cell(value: object) -> list[object]:
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
        raise InputError("the list of concepts is nested too deeply") from error
    try:
        if not re.search(r"""['"]\s+['"]""", text):
            return list(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    raise InputError(f"the list of concepts {shown(text, 60)} cannot be read; write a;b;c instead")


def _metadata_columns(images: Mapping[str, _Image], *, from_csv: bool) -> dict[str, list[object]]:
    """Free columns by their new names, one value an image."""
    names = free_names(dict.fromkeys(n for image in images.values() for n in image.metadata))
    out: dict[str, list[object]] = {}
    for name, new in names.items():
        values = [image.metadata.get(name) for image in images.values()]
        out[new] = from_text(values) if from_csv and name not in _TEXT_COLUMNS else values
    return out


def _rows(path: Path, leave_out: Callable[[str, str], None]) -> Iterator[_Row]:
    """The rows of a table. `leave_out` is told the place of each line that is none, and why."""
    reader = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".parquet": _parquet_rows}.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{shown(path.name)} is not a form this app reads. {FORMS}")
    try:
        yield from reader(path, leave_out)
    except OSError as error:
        raise InputError(f"{shown(path.name)} cannot be read: {shown(error.strerror or error)}.") from error


_NOT_UTF8: Final = "not UTF-8 text; save it as UTF-8 and try again"


def _is_utf8(text: str) -> bool:
    """Whether a text read with `errors="surrogateescape"` was UTF-8 on disk."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class _Lines:
    """The lines of a file, numbered. Those of a record that turned out to be none can be given back but the first."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: list[str] = []  # in reverse
        self.taken: list[str] = []
        self.start = 1

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._lines)
        self.taken.append(line)
        return line

    def end(self, kept: int | None = None) -> None:
        """A record ends here, or after `kept` of its lines."""
        kept = len(self.taken) if kept is None else kept
        self._again += reversed(self.taken[kept:])
        self.start += kept
        self.taken = []


def _require_image_column(path: Path, names: list[str], hint: str = "") -> None:
    if "image" not in names:
        raise InputError(f"{shown(path.name)} has no column “image”{hint}. {FORMS}")
    twice = sorted({n for n in names if n and names.count(n) > 1})
    if twice:
        raise InputError(f"{shown(path.name)} has the column “{shown(twice[0], 60)}” twice; give each its own name.")


def _csv_rows(path: Path, leave_out: Callable[[str, str], None]) -> Iterator[_Row]:
    csv.field_size_limit(_MAX_CELL)
    name = shown(path.name)
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = _Lines(iter(file))
        header = _csv_header(path, lines)
        while True:
            try:
                cells = next(csv.reader(lines, strict=True))
            except StopIteration:
                return
            except csv.Error as error:
                where = f"{name}, line {lines.start}"
                lines.end(1)  # a quotation mark that is not closed swallows what follows
                too_long = "field larger" in str(error)
                leave_out(where, shown(error) if too_long else "its quotation marks do not pair up")
                continue
            where, text = f"{name}, line {lines.start}", "".join(lines.taken)
            lines.end()
            if not any(cell.strip() for cell in cells):
                continue
            if not _is_utf8(text):
                leave_out(where, _NOT_UTF8)
            elif any(cell.strip() for cell in cells[len(header) :]):
                leave_out(
                    where,
                    f"{len(cells)} cells, but {len(header)} columns; put quotes around a value that holds a comma",
                )
            else:
                yield _Row(where, dict(zip(header, cells, strict=False)))


def _csv_header(path: Path, lines: _Lines) -> list[str]:
    try:
        header = [printable(name).strip() for name in next(csv.reader(lines, strict=True), [])]
    except csv.Error as error:
        raise InputError(f"{shown(path.name)}, line 1: {shown(error)}.") from error
    if not _is_utf8("".join(lines.taken)):
        raise InputError(f"{shown(path.name)} is {_NOT_UTF8}.")
    odd = next((c for c in ";\t|" if "image" in [n.strip() for n in ",".join(header).split(c)]), None)
    _require_image_column(path, header, " (separate the columns with commas)" if odd else "")
    lines.end()
    return header


def _jsonl_rows(path: Path, leave_out: Callable[[str, str], None]) -> Iterator[_Row]:
    name = shown(path.name)
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"{name}, line {number}"
            if not _is_utf8(line):
                leave_out(where, _NOT_UTF8)
                continue
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as error:
                reason = getattr(error, "msg", "nested too deeply or out of range")
                leave_out(where, f"not JSON ({shown(reason)}); each line must be one object")
                continue
            if not isinstance(values, dict):
                leave_out(where, 'not an object; each line must be like {"image": "a.jpg"}')
            elif "image" not in values:
                leave_out(where, f"it has no “image”. {FORMS}")
            else:
                yield _Row(where, {printable(k).strip(): v for k, v in values.items()})


def _parquet_rows(path: Path, leave_out: Callable[[str, str], None]) -> Iterator[_Row]:
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
