"""What the readers of annotated forms (COCO, YOLO, Pascal VOC, Parquet) share: paths, notes, and the listing.

Every path a file names is taken below the dataset's folder and nowhere else. An annotation that means
nothing is passed over and noted once per file, so that one bad line never costs the rest.
"""

from __future__ import annotations

import math
import os
import posixpath
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from analysis.dataset import REAL_WORLD_PREFIX, SPLITS, TRAINING, Unreadable
from analysis.errors import InputError
from analysis.progress import Progress, no_progress
from analysis.readers.columns import concept_path
from analysis.readers.folder import IMAGE_SUFFIXES, KnownConcepts, Walk
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

MEBIBYTE: Final = 1024 * 1024
CATEGORY_COLUMN: Final = "category"
ANNOTATION_FOLDERS: Final = ("annotations", "annotation", "anns")
PROGRESS_EVERY: Final = 1000
_SPLIT_WORDS: Final = {
    "train": "train", "training": "train", "val": "val", "valid": "valid", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


class Reading(NamedTuple):
    """What one reader is asked to read, and how.

    Attributes:
        root: an existing folder, resolved; `image_id`s are relative to it.
        file: the one annotation file to read (relative to `root`); "" looks for any.
        origin: given to every image.
        known: concepts that count as labels (see `read_folder`); None: every name does.
        prefix: put before every `image_id`.
        fence: files outside it are not read.
        cache: folder where pictures that lie inside tables are unpacked.
        progress: called now and then; may raise `Cancelled`.
    """

    root: Path
    file: str = ""
    origin: str = TRAINING
    known: Collection[str] | None = None
    prefix: str = ""
    fence: Fence = Fence(None)
    cache: Path | None = None
    progress: Progress = no_progress

    def path(self, relative: str) -> str:
        """Absolute path of a path below the root."""
        return os.path.join(self.root, *relative.split("/")) if relative else str(self.root)

    def folders(self, relative: str = "") -> list[str]:
        """Visible sub-folders of a folder, relative to the root, sorted; none where it cannot be listed."""
        return [posixpath.join(relative, e.name) for e in self._entries(relative) if e.is_dir()]

    def files(self, relative: str, *suffixes: str) -> list[str]:
        """Files of a folder with one of these endings (lower case), relative to the root, sorted."""
        found = (e.name for e in self._entries(relative) if e.name.lower().endswith(suffixes) and e.is_file())
        return [posixpath.join(relative, name) for name in found]

    def _entries(self, relative: str) -> list[os.DirEntry[str]]:
        path = self.path(relative)
        if not self.fence.allows(path):
            return []
        try:
            with os.scandir(path) as found:
                return sorted((e for e in found if not e.name.startswith(".")), key=lambda e: e.name)
        except OSError:
            return []

    def walk(self, relative: str = "") -> list[str]:
        """Every image below a folder, relative to the root, sorted."""
        walk = Walk(self.path(relative), self.fence, self.progress)
        walk.run()
        return sorted(posixpath.join(relative, *parts, name) for parts, name, _ in walk.images)

    def head(self, relative: str, count: int) -> bytes:
        """The first bytes of a file; none where it may not or cannot be read."""
        path = self.path(relative)
        if not self.fence.allows(path) or file_problem(path):
            return b""
        try:
            with open(path, "rb") as file:
                return file.read(count)
        except OSError:
            return b""

    def read(self, relative: str, most: int) -> bytes:
        """Content of a small file.

        Raises:
            InputError: it lies outside the fence, cannot be read, or is larger than `most` bytes.
        """
        path = self.path(relative)
        if not self.fence.allows(path):
            raise InputError(f"{shown(relative)} {OUTSIDE}.")
        if problem := file_problem(path):
            raise InputError(f"{shown(relative)} {problem}.")
        try:
            with open(path, "rb") as file:
                content = file.read(most + 1)
        except OSError as error:
            raise InputError(f"{shown(relative)} cannot be read: {shown(error.strerror or error)}.") from error
        if len(content) > most:
            raise InputError(f"{shown(relative)} is larger than {most // MEBIBYTE:,} MiB, too large for what it is.")
        return content

    def text(self, relative: str, most: int) -> str:
        """Content of a small UTF-8 file. Errors: see `read`."""
        try:
            return self.read(relative, most).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{shown(relative)} is not UTF-8 text.") from error


@dataclass(slots=True)
class Picture:
    """What the annotations say of one image."""

    split: str | None = None
    concepts: dict[str, None] = field(default_factory=dict)
    boxes: dict[Box, None] = field(default_factory=dict)
    metadata: dict[str, object] = field(default_factory=dict)

    def show(self, concept: str, box: Box | None = None) -> None:
        """The picture shows this concept, perhaps in this place."""
        if concept:
            self.concepts[concept] = None
        if box is not None:
            self.boxes[box] = None


@dataclass(slots=True)
class _Note:
    reason: str
    first: str
    count: int = 0


class Annotated:
    """Pictures by their path relative to the root, and notes on what was passed over."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.pictures: dict[str, Picture] = {}
        self.unusable: dict[str, str] = {}  # path or what the file calls it -> reason
        self._notes: dict[tuple[str, str], _Note] = {}

    def picture(self, relative: str, split: str | None, source: str) -> Picture:
        """The picture at this path; a second split for it is noted, since two splits would hide a leak."""
        picture = self.pictures.setdefault(relative, Picture())
        if picture.split is None:
            picture.split = split
        elif split is not None and split != picture.split:
            self.note(source, f"names a picture as “{split}” that is “{picture.split}” already, and stays so", relative)
        return picture

    def note(self, source: str, reason: str, example: object) -> None:
        """Something in file `source` was passed over; equal reasons are counted, the first example is shown."""
        note = self._notes.setdefault((source, reason), _Note(reason, shown(example, 80)))
        note.count += 1

    def listing(self, ignored: int = 0) -> Listing:
        """The images sorted by id, the unusable ones, and the notes."""
        reading = self.reading
        labels = None if reading.known is None else KnownConcepts(reading.known)
        out = Listing(reading.root, ignored=ignored)
        for index, (relative, picture) in enumerate(sorted(self.pictures.items())):
            if index % PROGRESS_EVERY == 0:
                reading.progress(index, len(self.pictures), "Looking for the pictures")
            path = reading.path(relative)
            if reason := self._problem(relative, path):
                self.unusable[relative] = reason
                continue
            out.images.append(_entry(reading, relative, path, picture, labels))
        problems = [(name, reason) for name, reason in self.unusable.items()]
        problems += [(source, _sentence(note)) for (source, _), note in self._notes.items()]
        out.unreadable = [Unreadable(reading.prefix + shown(name, 4096), reason) for name, reason in sorted(problems)]
        return out

    def _problem(self, relative: str, path: str) -> str | None:
        if not is_text(relative):
            return BAD_NAME
        if not self.reading.prefix and relative.startswith(REAL_WORLD_PREFIX):
            return RESERVED_NAME
        return file_problem(path) if self.reading.fence.allows(path) else OUTSIDE


def _sentence(note: _Note) -> str:
    return (
        f"{note.reason} ({note.first})"
        if note.count == 1
        else f"{note.reason} ({note.count:,} times, first {note.first})"
    )


def _entry(reading: Reading, relative: str, path: str, picture: Picture, labels: KnownConcepts | None) -> Entry:
    concepts, boxes, metadata = tuple(picture.concepts), tuple(picture.boxes), dict(picture.metadata)
    if labels is not None:
        matched = {c: labels.match(tuple(c.split("/")))[0] for c in (*concepts, *(b.concept for b in boxes))}
        unknown = [c for c in concepts if not matched[c]]
        concepts = tuple(dict.fromkeys(matched[c] for c in concepts if matched[c]))
        boxes = tuple(b._replace(concept=matched[b.concept]) for b in boxes)
        if unknown:
            metadata[CATEGORY_COLUMN] = ";".join(unknown)
    return Entry(reading.prefix + relative, path, reading.origin, picture.split, concepts, (), metadata, boxes)


def below(folder: str, name: str) -> str | None:
    """`name`, as a file in `folder` writes it, relative to the root; None where it leads out of the root.

    Both use "/" (`name` may use the Windows separator); `folder` is relative to the root.
    """
    name = name.strip().replace("\\", "/")
    if not name or "\0" in name or name.startswith(("/", "~")) or re.match(r"[A-Za-z]:", name) or "://" in name:
        return None
    joined = posixpath.normpath(posixpath.join(folder, name))
    return None if joined == ".." or joined.startswith("../") else ("" if joined == "." else joined)


def split_in(*texts: str) -> str | None:
    """The split that the first of these texts names as a word: `instances_train2017` -> `train`."""
    for text in texts:
        named = {s for word in re.split(r"[^a-z]+", text.lower()) if (s := _SPLIT_WORDS.get(word))}
        if len(named) == 1:
            return named.pop()
    return None


def split_of_path(relative: str) -> str | None:
    """The split named by one of the outermost folders of a path: `images/train/a.jpg` -> `train`."""
    return next((part for part in relative.split("/")[:-1] if part in SPLITS), None)


def number(value: object) -> float | None:
    """A finite number, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        out = float(value)
    except OverflowError:
        return None
    return out if math.isfinite(out) else None


def four_numbers(values: object) -> tuple[float, float, float, float] | None:
    """Exactly four finite numbers, or None."""
    if not isinstance(values, (list, tuple)) or len(values) != 4:
        return None
    a, b, c, d = map(number, values)
    return None if a is None or b is None or c is None or d is None else (a, b, c, d)


def concept_names(given: object) -> dict[object, str]:
    """Names by class number, from a list or an object as YAML and JSON give it; names that are blank are left out."""
    pairs: Iterable[tuple[object, object]]
    if isinstance(given, dict):
        pairs = ((int(k) if isinstance(k, str) and k.isascii() and k.isdigit() else k, v) for k, v in given.items())
    else:
        pairs = enumerate(given) if isinstance(given, list) else ()
    return {k: name for k, v in pairs if not isinstance(v, (list, dict)) and (name := concept_path(v))}


def load_yaml(text: str) -> object:
    """The content of a YAML text, plain values only; None where it is not YAML."""
    import yaml

    try:
        # The parser in C, where PyYAML was built with it: the other takes seconds for a long list of classes.
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def is_image_name(name: str) -> bool:
    """Whether a name ends like that of an image."""
    return posixpath.splitext(name)[1].lower() in IMAGE_SUFFIXES
