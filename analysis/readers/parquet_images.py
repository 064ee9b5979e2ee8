"""Hugging Face image Parquet: tables that hold the pictures themselves.

A table is one when a column is a struct of `bytes` and `path`, or is an image by the `huggingface` entry of
its schema. The pictures are unpacked once into the cache folder, under a name made of the tables' content, so
that every image_id resolves to a file; labels are read from the tables each time. Class names come from the
schema, else from `dataset_info` in the README, else the numbers are the names.

Form: https://huggingface.co/docs/datasets/en/image_dataset and `datasets.features.Image`.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import shutil
import struct
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.errors import InputError
from analysis.paths import cache_dir
from analysis.readers.annotated import (
    MEBIBYTE,
    Annotated,
    Picture,
    Reading,
    concept_names,
    four_numbers,
    is_image_name,
    load_yaml,
    number,
    split_in,
)
from analysis.readers.boxes import in_pixels
from analysis.readers.columns import concept_path, free_names, plain
from analysis.readers.listing import Listing, file_problem, shown

UNPACKED: Final = "unpacked"
MOST_TABLES: Final = 10_000
MOST_PICTURE_BYTES: Final = 512 * MEBIBYTE
SPARE_BYTES: Final = 256 * MEBIBYTE
"""Left free on the disk."""
MOST_GROWTH: Final = 20
"""Unpacked bytes per byte of the tables. Pictures are packed already: only a table made to fill a disk grows more."""
_GROWTH_FROM: Final = 1024 * MEBIBYTE
_BATCH_ROWS: Final = 32
_CHUNK: Final = MEBIBYTE
_INDEX: Final = "index.json"
_LABEL_NAMES: Final = ("label", "labels", "class", "category", "concept", "concepts", "fine_label", "label_name")
_IMAGE_NAMES: Final = ("image", "img", "picture", "photo")
_CATEGORY_NAMES: Final = ("category", "categories", "label", "labels", "class", "class_id", "category_id")
_SIGNATURES: Final = (
    (b"\xff\xd8\xff", ".jpg"), (b"\x89PNG", ".png"), (b"GIF8", ".gif"), (b"BM", ".bmp"),
    (b"II*\0", ".tif"), (b"MM\0*", ".tif"),
)  # fmt: skip


def read_parquet_images(reading: Reading) -> Listing | None:
    """The pictures that lie inside tables; None where no table holds any.

    The listing's root is the folder they are unpacked into.

    Raises:
        InputError: a table is damaged, or its pictures cannot be unpacked.
        Cancelled: from `reading.progress`; the next call goes on where this one stopped.
    """
    tables = find_tables(reading)
    if not tables:
        return None
    try:
        return _read(reading, tables)
    except (pa.ArrowException, OverflowError) as error:
        reason = shown(" ".join(str(error).split()))
        raise InputError(f"{shown(tables[0])} is not a Parquet file that can be read: {reason}") from error


def find_tables(reading: Reading) -> list[str]:
    """Parquet files that hold pictures, relative to the root; none where at least as many lie beside them as files."""
    if reading.file:
        return [reading.file]
    # `data/train-….parquet`, `train-….parquet`, and `default/train/0000.parquet` as the hub converts them.
    first = reading.folders()
    folders = ["", *first, *(f for d in first for f in reading.folders(d))]
    files = [f for folder in folders for f in reading.files(folder, ".parquet")][:MOST_TABLES]
    tables = [f for f in files if holds_pictures(reading, f)]
    if not tables:
        return []
    # A repository may hold a picture or two for its README; a folder of pictures may hold a table.
    beside = sum(is_image_name(f) for d in ("", *first) for f in reading.files(d, ""))
    return tables if not beside or sum(_rows(reading, t) for t in tables) > beside else []


def holds_pictures(reading: Reading, file: str) -> bool:
    """Whether a file is a Parquet table with pictures inside."""
    path = reading.path(file)
    if not reading.fence.allows(path) or file_problem(path):
        return False
    try:
        with open(path, "rb") as handle:
            return _image_column(pq.read_schema(handle)) is not None
    except (pa.ArrowException, OSError, ValueError):
        return False


def _read(reading: Reading, tables: list[str]) -> Listing:
    digest = _digest(reading, tables)
    into = Path(os.path.realpath(reading.cache or cache_dir())) / UNPACKED / digest
    names = _unpacked(reading, tables, into)
    found = Annotated(reading._replace(root=into, fence=type(reading.fence)(None)))
    infos = _dataset_info(reading)
    for table in tables:
        _label(found, reading, table, names[table], infos)
    return found.listing()


def _digest(reading: Reading, tables: list[str]) -> str:
    """A name made of the tables' names and content."""
    digest = hashlib.blake2b(digest_size=12)
    total = sum(os.path.getsize(reading.path(t)) for t in tables)
    pictures = sum(_rows(reading, t) for t in tables)
    done = 0
    for table in tables:
        digest.update(struct.pack("<Q", os.path.getsize(reading.path(table))) + table.encode() + b"\0")
        try:
            with open(reading.path(table), "rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    done += len(chunk)
                    reading.progress(pictures * done // max(total, 1), pictures, "Reading the tables")
        except OSError as error:
            raise InputError(f"{shown(table)} cannot be read: {shown(error.strerror or error)}.") from error
    return digest.hexdigest()


def _unpacked(reading: Reading, tables: list[str], into: Path) -> dict[str, list[str]]:
    """For each table the name of each row's picture below `into` ("" where there is none), all unpacked."""
    index = into / _INDEX
    try:
        known: dict[str, list[str]] = json.loads(index.read_text(encoding="utf-8"))
        if all(os.path.exists(into / name) for names in known.values() for name in names):
            return known
    except (OSError, ValueError):
        pass
    names: dict[str, list[str]] = {}
    rows_of_split: dict[str, int] = {}
    done = 0
    try:
        into.mkdir(parents=True, exist_ok=True)
        room = _Room(into, sum(os.path.getsize(reading.path(t)) for t in tables))
        total = sum(_rows(reading, t) for t in tables)
        for table in tables:
            split = _split(table) or "data"
            names[table] = []
            for picture in _pictures(reading, table):
                if done % _BATCH_ROWS == 0:
                    reading.progress(done, total, "Unpacking the pictures")
                row = rows_of_split[split] = rows_of_split.get(split, 0) + 1
                names[table].append(_write(into, split, row, picture, room))
                done += 1
        _atomically(index, json.dumps(names).encode())
    except OSError as error:
        reason = shown(error.strerror or error)
        raise InputError(f"The pictures of {shown(tables[0])} cannot be unpacked: {reason}.") from error
    return names


def _split(table: str) -> str | None:
    return split_in(posixpath.splitext(posixpath.basename(table))[0], posixpath.dirname(table))


def _rows(reading: Reading, table: str) -> int:
    with open(reading.path(table), "rb") as handle:
        rows: int = pq.ParquetFile(handle).metadata.num_rows
    return rows


def _pictures(reading: Reading, table: str) -> Iterator[tuple[bytes, str]]:
    """Bytes and own name of each row's picture."""
    with open(reading.path(table), "rb") as handle:
        file = pq.ParquetFile(handle)
        column = _image_column(file.schema_arrow)
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=[column]):
            for value in batch.column(0).to_pylist():
                if isinstance(value, dict):
                    content, path = value.get("bytes"), value.get("path")
                    yield (content if isinstance(content, bytes) else b"", path if isinstance(path, str) else "")
                else:
                    yield (value if isinstance(value, bytes) else b"", "")


class _Room:
    """Counts what is written, against the disk and against tables made to fill it."""

    def __init__(self, folder: Path, packed: int) -> None:
        self._folder = folder
        self._most = max(_GROWTH_FROM, MOST_GROWTH * packed)
        self._written = 0
        self._free = 0

    def take(self, count: int) -> None:
        """Room for one more picture. Raises `InputError` where there is none."""
        self._written += count
        if self._written > self._most:
            raise InputError("The pictures in the tables grow as no photos do when unpacked; they are not opened.")
        self._free -= count
        if self._free < SPARE_BYTES:
            self._free = shutil.disk_usage(self._folder).free - count
        if self._free < SPARE_BYTES:
            raise InputError("There is not enough room on the disk to unpack the pictures; free some and try again.")


def _write(into: Path, split: str, row: int, picture: tuple[bytes, str], room: _Room) -> str:
    """Write one picture, if it is not there, and give its name."""
    content, path = picture
    name = f"{split}/{row:06d}{_stem(path)}{_suffix(content, path)}"
    if not content:
        return ""
    if len(content) > MOST_PICTURE_BYTES:
        raise InputError(f"The picture in row {row} is larger than {MOST_PICTURE_BYTES // MEBIBYTE} MiB.")
    target = into / name
    try:
        if target.stat().st_size == len(content):
            return name  # written at once, so whole
    except FileNotFoundError:
        target.parent.mkdir(exist_ok=True)
    room.take(len(content))
    _atomically(target, content)
    return name


def _stem(path: str) -> str:
    stem = posixpath.splitext(posixpath.basename(path.replace("\\", "/")))[0]
    clean = re.sub(r"[^\w.-]+", "-", stem, flags=re.ASCII).strip("-.")[:80]
    return f"-{clean}" if clean else ""


def _suffix(content: bytes, path: str) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return ".webp"
    known = next((suffix for start, suffix in _SIGNATURES if content.startswith(start)), None)
    return known or (posixpath.splitext(path)[1].lower() if is_image_name(path) else ".bin")


def _atomically(target: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


# What the columns mean


@dataclass(frozen=True, slots=True)
class _Columns:
    """How a table's columns are used; `names` are class names by number, for columns and for boxes."""

    labels: tuple[str, ...]
    objects: str | None
    metadata: Mapping[str, str]
    names: Mapping[str, Mapping[object, str]] = field(default_factory=dict)


def _features(schema: pa.Schema) -> Mapping[str, Any]:
    """The features that the `datasets` library notes in a schema."""
    try:
        content = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = content["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _image_column(schema: pa.Schema) -> str | None:
    features = _features(schema)
    found = []
    for column in schema:
        said = features.get(column.name)
        is_image = isinstance(said, dict) and said.get("_type") == "Image"
        if pa.types.is_struct(column.type):
            kinds = {f.name: f.type for f in column.type}
            packed = kinds.get("bytes")
            if packed is not None and (pa.types.is_binary(packed) or pa.types.is_large_binary(packed)):
                found.append(column.name)
        elif (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)) and (
            is_image or column.name in _IMAGE_NAMES
        ):
            found.append(column.name)
    return next((n for n in _IMAGE_NAMES if n in found), found[0] if found else None)


def _dataset_info(reading: Reading) -> Mapping[str, Any]:
    """Features by column from `dataset_info` in the README, in the shape that schemas have."""
    try:
        head = re.match(r"---\s*\n(.*?)\n---", reading.text("README.md", MEBIBYTE), re.DOTALL)
    except InputError:
        return {}
    content = load_yaml(head.group(1)) if head else None
    info = content.get("dataset_info") if isinstance(content, dict) else None
    info = info[0] if isinstance(info, list) and info else info
    features = info.get("features") if isinstance(info, dict) else None
    out = {}
    for feature in features if isinstance(features, list) else []:
        name, kind = (feature.get("name"), feature.get("dtype")) if isinstance(feature, dict) else (None, None)
        if isinstance(name, str) and isinstance(kind, dict) and isinstance(kind.get("class_label"), dict):
            out[name] = {"_type": "ClassLabel", "names": kind["class_label"].get("names")}
    return out


def _class_names(feature: object) -> Mapping[object, str] | None:
    """Class names by number of a ClassLabel, or of a list of them."""
    for _ in range(3):
        if isinstance(feature, list) and feature:
            feature = feature[0]
        if not isinstance(feature, dict):
            return None
        if feature.get("_type") == "ClassLabel":
            return concept_names(feature.get("names"))
        feature = feature.get("feature")
    return None


def _columns(schema: pa.Schema, infos: Mapping[str, Any]) -> _Columns:
    features = {**infos, **_features(schema)}
    image = _image_column(schema)
    columns = [f for f in schema if f.name != image]
    names = {f.name: n for f in columns if (n := _class_names(features.get(f.name))) is not None}
    named = [n for n in _LABEL_NAMES if n in schema.names and n != image]
    labels = tuple(named[:1] or list(names)[:1])
    objects = None
    for column in columns:
        inner = column.type
        if pa.types.is_list(inner) or pa.types.is_large_list(inner):
            inner = inner.value_type
        if pa.types.is_struct(inner) and "bbox" in [f.name for f in inner]:
            objects = column.name
            said = features.get(column.name)
            for _ in range(2):
                said = said[0] if isinstance(said, list) and said else said
                said = said.get("feature", said) if isinstance(said, dict) else said
            for key in _CATEGORY_NAMES:
                of_boxes = _class_names(said.get(key)) if isinstance(said, dict) else None
                if of_boxes is not None:
                    names[f"{objects}.{key}"] = of_boxes
            break
    free = [f.name for f in columns if f.name not in labels and not _is_nested(f.type)]
    return _Columns(labels, objects, free_names(free), names)


def _is_nested(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_nested(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _label(found: Annotated, reading: Reading, table: str, names: list[str], infos: Mapping[str, Any]) -> None:
    """Add the rows of one table."""
    split = _split(table)
    with open(reading.path(table), "rb") as handle:
        file = pq.ParquetFile(handle)
        columns = _columns(file.schema_arrow, infos)
        wanted = [*columns.labels, *columns.metadata, *([columns.objects] if columns.objects else [])]
        row = 0
        for batch in file.iter_batches(batch_size=4096, columns=wanted):
            reading.progress(row, len(names), "Reading the labels")
            for values in batch.to_pylist() if wanted else [{}] * batch.num_rows:
                name = names[row] if row < len(names) else ""
                row += 1
                if not name:
                    found.unusable[f"{shown(table)} row {row}"] = "holds no picture"
                    continue
                picture = found.picture(name, split, table)
                for column in columns.labels:
                    for concept in _concepts(found, table, values.get(column), columns.names.get(column), row):
                        picture.show(concept)
                picture.metadata = {
                    new: plain(_named(values.get(old), columns.names.get(old))) for old, new in columns.metadata.items()
                }
                if columns.objects:
                    _boxes(found, table, picture, values, columns, row)


def _named(value: object, names: Mapping[object, str] | None) -> object:
    return names.get(value, value) if names and isinstance(value, int) else value


def _concepts(found: Annotated, table: str, value: object, names: Mapping[object, str] | None, row: int) -> list[str]:
    """Concepts of a label: a number of a class, a name, or a list of either; -1 is no label, as on the hub."""
    out = []
    for item in value if isinstance(value, list) else [value]:
        if item is None or (isinstance(item, int) and not isinstance(item, bool) and item < 0):
            continue
        if names and isinstance(item, int):
            if item not in names:
                found.note(table, "has a label that is none of its classes", f"row {row}: {item}")
                continue
            out.append(names[item])
        elif isinstance(item, (str, int, float)):
            out.append(concept_path(item))
    return [c for c in out if c]


def _boxes(
    found: Annotated, table: str, picture: Picture, values: Mapping[str, object], columns: _Columns, row: int
) -> None:
    """Boxes of a row, [x, y, width, height] in pixels: an object of lists, or a list of objects."""
    given = values.get(str(columns.objects))
    width, height = number(values.get("width")), number(values.get("height"))
    size = (width, height) if width and height and min(width, height) > 0 else None
    key = next((k for k in _CATEGORY_NAMES if _has_key(given, k)), "")
    if isinstance(given, dict):
        boxes, kinds = given.get("bbox") or [], given.get(key) or []
        pairs = [(b, kinds[i] if i < len(kinds) else None) for i, b in enumerate(boxes)]
    else:
        things = [t for t in given if isinstance(t, dict)] if isinstance(given, list) else []
        pairs = [(t.get("bbox"), t.get(key)) for t in things]
    for numbers, kind in pairs:
        concept = next(iter(_concepts(found, table, kind, columns.names.get(f"{columns.objects}.{key}"), row)), "")
        four = four_numbers(numbers)
        box = in_pixels(concept, *four, size=size) if four else None
        if box is None:
            found.note(table, "has a bbox that is no box in its picture; the label is kept", f"row {row}")
        picture.show(concept, box)


def _has_key(given: object, key: str) -> bool:
    one = given[0] if isinstance(given, list) and given else given
    return isinstance(one, dict) and key in one
