"""YOLO: one text file of boxes a picture, and a file that names the classes.

Read are the layouts of Ultralytics (`data.yaml` with `names` and the places of train, val and test), of Darknet
(`obj.data`, `obj.names` and lists of pictures), and plain `images/` beside `labels/` with a `classes.txt`. The text
file of `images/…/a.jpg` is `labels/…/a.txt`, else the one beside the picture. Its lines are a class number, then
a box (centre and size in shares), or the corners of a polygon, of which the enclosing box is kept. A picture
without lines is unlabelled.

Form: https://docs.ultralytics.com/datasets/detect/.
"""

from __future__ import annotations

import math
import os
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from analysis.dataset import SPLITS
from analysis.errors import InputError
from analysis.readers.annotated import (
    MEBIBYTE,
    PROGRESS_EVERY,
    Annotated,
    Picture,
    Reading,
    below,
    concept_names,
    is_image_name,
    load_yaml,
    split_in,
    split_of_path,
)
from analysis.readers.boxes import in_shares
from analysis.readers.coco import OUTSIDE_FOLDER
from analysis.readers.columns import concept_path
from analysis.readers.listing import Box, Listing, file_problem, shown

_YAML: Final = (".yaml", ".yml")
_NAMES_FILES: Final = ("obj.names", "classes.txt")
_LABELS_OF: Final = {"images": "labels", "Images": "Labels"}
_MOST_CONFIG, _MOST_LIST, _MOST_LABELS = MEBIBYTE // 2, 256 * MEBIBYTE, 16 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class _Config:
    """What the file that names the classes says.

    Attributes:
        file: its path relative to the root.
        names: concepts by class number; empty where numbers have no names.
        places: split (or None) and path of a folder or list of pictures, as written.
        base: the folder the paths are relative to, as written (`path:` of Ultralytics).
        keypoints: a line holds a box first, then key points.
    """

    file: str
    names: Mapping[object, str]
    places: tuple[tuple[str | None, str], ...] = ()
    base: str = ""
    keypoints: bool = False


def read_yolo(reading: Reading) -> Listing | None:
    """The pictures of a YOLO dataset; None where there is none.

    Raises:
        InputError: the file that names the classes cannot be read.
    """
    config = _config(reading)
    if config is None:
        return None
    found = Annotated(reading)
    for split, place in config.places:
        _add_place(found, config, split, place)
    if not found.pictures:
        _add_usual(found)
    if not reading.file and not _has_labels(reading, found.pictures):
        return None  # names of classes alone: a folder of folders may hold them too
    for index, (relative, picture) in enumerate(found.pictures.items()):
        if index % PROGRESS_EVERY == 0:
            reading.progress(index, len(found.pictures), "Reading the labels")
        _label(found, config, relative, picture)
    return found.listing()


def _config(reading: Reading) -> _Config | None:
    if reading.file:
        is_yaml = reading.file.lower().endswith(_YAML)
        config = _from_yaml(reading, reading.file) if is_yaml else _from_darknet(reading, reading.file)
        if config is None:
            raise InputError(f"{shown(reading.file)} names no classes; a YOLO file has “names” and “train” or “val”.")
        return config
    for file in reading.files("", *_YAML):
        if config := _from_yaml(reading, file):
            return config
    for file in reading.files("", ".data"):
        if config := _from_darknet(reading, file):
            return config
    names = next((f for n in _NAMES_FILES for d in ("", "labels", "data") for f in reading.files(d, n)), None)
    return _Config(names, _names_file(reading, names)) if names else None


def _from_yaml(reading: Reading, file: str) -> _Config | None:
    try:
        content = load_yaml(reading.text(file, _MOST_CONFIG))
        if content is None:
            raise InputError(f"{shown(file)} is not YAML.")
    except InputError:
        if reading.file or posixpath.basename(file) == "data.yaml":
            raise
        return None  # some other file of the same ending
    if not isinstance(content, dict) or not isinstance(content.get("names"), (list, dict)):
        return None
    places = []
    for key in SPLITS:
        given = content.get(key)
        places += [(key, p) for p in (given if isinstance(given, list) else [given]) if isinstance(p, str) and p]
    if not places:
        return None
    base = content.get("path")
    return _Config(
        file,
        concept_names(content["names"]),
        tuple(places),
        base if isinstance(base, str) else "",
        "kpt_shape" in content,
    )


def _from_darknet(reading: Reading, file: str) -> _Config | None:
    try:
        lines = reading.text(file, _MOST_CONFIG).splitlines()
    except InputError:
        if reading.file:
            raise
        return None
    pairs = (line.split("#")[0].split("=", 1) for line in lines)
    given = {p[0].strip(): p[1].strip() for p in pairs if len(p) == 2}
    names = next((p for p in _candidates(reading, "", given.get("names", "")) if _is_file(reading, p)), None)
    if names is None:
        return None
    places = tuple((split_in(k) or k, v) for k, v in given.items() if k not in ("classes", "names", "backup", "eval"))
    return _Config(file, _names_file(reading, names), places)


def _names_file(reading: Reading, file: str) -> dict[object, str]:
    """A line a class, numbered from 0; a blank line has its number too, or all that follow would get another name."""
    lines = reading.text(file, _MOST_CONFIG).splitlines()
    return {number: name for number, name in enumerate(map(concept_path, lines)) if name}


def _candidates(reading: Reading, folder: str, name: str, base: str = "") -> list[str]:
    """Where a path of a configuration may lead: as written, without a foreign or climbing start, without `data/`."""
    text = name.strip().replace("\\", "/")
    own = str(reading.root).replace(os.sep, "/").rstrip("/") + "/"
    text = text.removeprefix(own)
    plain = text
    while plain.startswith(("../", "./")):
        plain = plain.split("/", 1)[1]
    joined = posixpath.join(base.replace("\\", "/").removeprefix(own), text) if base else text
    tried = (below(folder, joined), below(folder, text), below("", text), below("", plain))
    local = below("", plain.removeprefix("data/"))
    return [p for p in dict.fromkeys((*tried, local)) if p is not None]


def _is_file(reading: Reading, relative: str) -> bool:
    path = reading.path(relative)
    return reading.fence.allows(path) and file_problem(path) is None


def _add_place(found: Annotated, config: _Config, split: str | None, place: str) -> None:
    reading = found.reading
    candidates = _candidates(reading, posixpath.dirname(config.file), place, config.base)
    for relative in candidates:
        path = reading.path(relative)
        if not reading.fence.allows(path):
            continue
        if os.path.isdir(path):
            for image in reading.walk(relative):
                found.picture(image, split, config.file)
            return
        if os.path.isfile(path) and not is_image_name(relative):
            _add_list(found, split, relative)
            return
    reason = "is not there" if candidates else "leads out of the dataset's folder"
    found.note(config.file, f"gives a place for {split} that {reason}", place)


def _add_list(found: Annotated, split: str | None, file: str) -> None:
    """Pictures of a text file with one path a line."""
    for line in found.reading.text(file, _MOST_LIST).splitlines():
        name = line.strip()
        if not name:
            continue
        candidates = _candidates(found.reading, posixpath.dirname(file), name)
        there = next((c for c in candidates if os.path.lexists(found.reading.path(c))), None)
        if there is not None:
            found.picture(there, split, file)
        elif candidates:
            found.unusable[candidates[0]] = "is not there"
        else:
            found.unusable[name] = OUTSIDE_FOLDER


def _add_usual(found: Annotated) -> None:
    """Pictures where they usually lie, for a configuration that names no place that is there."""
    reading = found.reading
    folders = ["images", *(f"{split}/images" for split in SPLITS), "data", "obj_train_data"]
    there = [f for f in folders if os.path.isdir(reading.path(f)) and reading.fence.allows(reading.path(f))]
    images = (i for f in there for i in reading.walk(f)) if there else iter(reading.walk())
    for image in images:
        found.picture(image, split_of_path(image), "")


def _label_files(relative: str) -> list[str]:
    """Where the text file of a picture may lie: `labels` in place of the last `images`, else beside it."""
    stem = posixpath.splitext(relative)[0] + ".txt"
    parts = stem.split("/")
    at = next((i for i in range(len(parts) - 2, -1, -1) if parts[i] in _LABELS_OF), None)
    return [stem] if at is None else ["/".join([*parts[:at], _LABELS_OF[parts[at]], *parts[at + 1 :]]), stem]


def _has_labels(reading: Reading, pictures: Iterable[str]) -> bool:
    """Whether text files go with the pictures, and the first that is not empty holds numbers (and no captions)."""
    found = False
    for file in (f for relative in pictures for f in _label_files(relative) if _is_file(reading, f)):
        found = True
        try:
            lines = reading.text(file, _MOST_LABELS).split("\n")
        except InputError:
            continue
        first = next(filter(None, map(str.split, lines)), None)
        if first is not None:
            return _numbers(first) is not None
    return found


def _numbers(fields: list[str]) -> list[float] | None:
    """The numbers of a line: a class number and at least four more; None for anything else."""
    try:
        values = [float(f) for f in fields]
    except ValueError:
        return None
    fits = len(values) >= 5 and all(map(math.isfinite, values)) and values[0].is_integer() and values[0] >= 0
    return values if fits else None


def _label(found: Annotated, config: _Config, relative: str, picture: Picture) -> None:
    reading = found.reading
    file = next((f for f in _label_files(relative) if os.path.lexists(reading.path(f))), None)
    if file is None:
        return
    try:
        lines = reading.text(file, _MOST_LABELS).splitlines()
    except InputError as error:
        found.unusable[file] = str(error).removeprefix(shown(file)).strip().rstrip(".")
        return
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields:
            continue
        values = _numbers(fields)
        if values is None:
            found.note(file, "has a line that is not a class number and a box", f"line {number}")
            continue
        concept = config.names.get(int(values[0])) if config.names else str(int(values[0]))
        if concept is None:
            found.note(
                file, f"has a class that {shown(config.file, 60)} does not name", f"line {number}: class {fields[0]}"
            )
            continue
        box = _box(concept, values[1:], keypoints=config.keypoints)
        if box is None:
            found.note(file, "has a box that is no box in its picture; the label is kept", f"line {number}")
        picture.show(concept, box)


def _box(concept: str, values: list[float], *, keypoints: bool) -> Box | None:
    """The box of a line's numbers: centre and size, or what encloses the corners of a polygon."""
    if keypoints or len(values) in (4, 5) or len(values) % 2:
        x, y, width, height = values[:4]
        return in_shares(concept, x - width / 2, y - height / 2, width, height)
    across, down = values[::2], values[1::2]
    return in_shares(concept, min(across), min(down), max(across) - min(across), max(down) - min(down))
