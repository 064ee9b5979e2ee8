"""COCO: JSON files with `images`, `annotations` and `categories`, beside folders of images.

A picture's concepts are the names of its annotations' categories; a supercategory is not made a parent,
because tools fill it with anything. The picture's place is looked for where the usual tools put it, then anywhere
below the root where exactly one file's path ends as the JSON says. Only pictures a JSON names are read.

Form: https://cocodataset.org/#format-data. The JSON may lie in the root, in `annotations/`, or in a folder
that is named like a split. Masks and key points are passed over.
"""

from __future__ import annotations

import json
import mmap
import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from analysis.errors import InputError
from analysis.readers.annotated import (
    ANNOTATION_FOLDERS,
    MEBIBYTE,
    PROGRESS_EVERY,
    Annotated,
    Picture,
    Reading,
    below,
    concept_names,
    four_numbers,
    number,
    split_in,
    split_of_path,
)
from analysis.readers.boxes import in_pixels
from analysis.readers.listing import Listing, file_problem, shown

MOST_BYTES: Final = 2048 * MEBIBYTE
"""The instances of COCO's own 118,000 training images take 450 MB."""
OUTSIDE_FOLDER: Final = "is named by a path that leads out of the dataset's folder"
_TASKS: Final = ("captions_", "person_keypoints_", "stuff_", "panoptic_", "image_info_")
_HEAVY: Final = ("segmentation", "keypoints", "caption")


def read_coco(reading: Reading) -> Listing | None:
    """The pictures that COCO files name; None where there is no such file.

    Raises:
        InputError: a COCO file cannot be read.
    """
    found = Annotated(reading)
    place = _Places(reading)
    files = [reading.file] if reading.file else _candidates(reading)
    used = sum(_add(found, place, file) for file in files)
    if reading.file and not used:
        raise InputError(f"{shown(reading.file)} is not a COCO file: it lists no images with a file_name.")
    in_folder = any(file.split("/")[0].lower() in ANNOTATION_FOLDERS for file in files)
    if not used or not (found.pictures or reading.file or in_folder):
        return None  # a JSON that speaks of pictures elsewhere does not make this a COCO dataset
    for file, missing in place.missing.items():
        if found.pictures and len(missing) > 1 and file not in place.found:
            found.note(file, f"names {len(missing):,} pictures of which none is there", next(iter(missing)))
        else:
            found.unusable.update(missing)
    return found.listing()


def _candidates(reading: Reading) -> list[str]:
    """JSON files that look like COCO; where there are instances, the other tasks over the same pictures are left."""
    named = [
        f for f in reading.folders() if f.lower() in ANNOTATION_FOLDERS or split_in(f) is not None or f == "labels"
    ]
    files = [f for folder in ("", *named) for f in reading.files(folder, ".json")]
    files = [f for f in files if _looks_like_coco(reading, f)]
    if any(posixpath.basename(f).startswith("instances_") for f in files):
        files = [f for f in files if not posixpath.basename(f).startswith(_TASKS)]
    return files


def _looks_like_coco(reading: Reading, file: str) -> bool:
    path = reading.path(file)
    if not reading.fence.allows(path) or file_problem(path):
        return False
    try:
        with open(path, "rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
            start = content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
            return start.startswith(b"{") and content.find(b'"images"') >= 0 and content.find(b'"file_name"') >= 0
    except (OSError, ValueError):  # an empty file cannot be mapped
        return False


def _slim(value: dict[str, Any]) -> dict[str, Any]:
    for key in _HEAVY:
        value.pop(key, None)
    return value


def _content(reading: Reading, file: str) -> dict[str, Any] | None:
    """The JSON's object without masks, dropped as they are read; None where it is no COCO after all."""
    reading.progress(0, 0, f"Reading {shown(posixpath.basename(file), 60)}")
    try:
        content = json.loads(reading.read(file, MOST_BYTES), object_hook=_slim)
    except UnicodeDecodeError as error:
        raise InputError(f"{shown(file)} is not UTF-8 text; save it as UTF-8 and try again.") from error
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", "nested too deeply or a number too long")
        raise InputError(f"{shown(file)} is not JSON that can be read ({shown(reason)}).") from error
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list) or not any(isinstance(i, dict) and i.get("file_name") for i in images):
        return None
    for key in ("annotations", "categories"):
        if not isinstance(content.get(key) or [], list):
            raise InputError(f"{shown(file)}: “{key}” must be a list.")
    out: dict[str, Any] = content
    return out


class _Image(NamedTuple):
    picture: Picture
    size: tuple[float, float] | None


def _add(found: Annotated, place: _Places, file: str) -> bool:
    """Add what one file says; False where it is no COCO."""
    content = _content(found.reading, file)
    if content is None:
        return False
    categories = content.get("categories") or []
    names = {}
    for category in categories:
        one = concept_names([category.get("name")]) if isinstance(category, dict) else {}
        if one and isinstance(category.get("id"), (int, str)):
            names[category["id"]] = one[0]
        else:
            found.note(file, "has a category without an id and a name", category)
    images = _images(found, place, file, content["images"])
    for index, annotation in enumerate(_annotations(content.get("annotations") or [])):
        if index % (10 * PROGRESS_EVERY) == 0:
            found.reading.progress(0, 0, "Reading the annotations")
        _annotate(found, file, annotation, images, names)
    return True


def _images(found: Annotated, place: _Places, file: str, given: list[object]) -> dict[object, _Image | None]:
    """Images by their id; None where the file is not there."""
    split = split_in(posixpath.splitext(posixpath.basename(file))[0], posixpath.dirname(file))
    named: dict[object, tuple[str, Mapping[str, object]]] = {}
    for image in given:
        name, key = (image.get("file_name"), image.get("id")) if isinstance(image, dict) else (None, None)
        if not isinstance(image, dict) or not isinstance(name, str) or not isinstance(key, (int, str)):
            found.note(file, "has an image without an id and a file_name", image)
        elif key in named:
            found.note(file, "gives two images one id; the first is taken", key)
        else:
            named[key] = name, image
    located = place.locate(file, [name for name, _ in named.values()])
    images: dict[object, _Image | None] = {}
    for (key, (_, image)), (relative, problem) in zip(named.items(), located, strict=True):
        if problem:
            images[key] = None
            continue
        place.found.add(file)
        picture = found.picture(relative, split or split_of_path(relative), file)
        width, height = number(image.get("width")), number(image.get("height"))
        images[key] = _Image(picture, (width, height) if width and height and min(width, height) > 0 else None)
    place.missing[file] = {relative: problem for relative, problem in located if problem}
    return images


def _annotations(given: Iterable[object]) -> Iterator[object]:
    """Annotations one by one; those of the panoptic task hold a list of segments."""
    for annotation in given:
        segments = annotation.get("segments_info") if isinstance(annotation, dict) else None
        if isinstance(segments, list) and isinstance(annotation, dict):
            yield from ({**s, "image_id": annotation.get("image_id")} for s in segments if isinstance(s, dict))
        else:
            yield annotation


def _annotate(
    found: Annotated,
    file: str,
    annotation: object,
    images: Mapping[object, _Image | None],
    names: Mapping[object, str],
) -> None:
    key = annotation.get("image_id") if isinstance(annotation, dict) else None
    if not isinstance(annotation, dict) or not isinstance(key, (int, str)) or key not in images:
        found.note(file, "has an annotation of an image it does not list", key)
        return
    image, category = images[key], annotation.get("category_id")
    if image is None or category is None:  # the picture is missing; or a caption
        return
    concept = names.get(category) if isinstance(category, (int, str)) else None
    if concept is None:
        found.note(file, "has an annotation of a category it does not list", category)
        return
    given, box = annotation.get("bbox"), None
    if given:
        values = four_numbers(given)
        box = in_pixels(concept, *values, size=image.size) if values else None
        if box is None:
            found.note(file, "has a bbox that is no box in its picture; the label is kept", given)
    image.picture.show(concept, box)


class _Places:
    """Where the pictures of a COCO file lie."""

    def __init__(self, reading: Reading) -> None:
        self.missing: dict[str, dict[str, str]] = {}  # file -> path of a picture -> why it cannot be used
        self.found: set[str] = set()  # files of which some picture is there
        self._reading = reading
        self._by_name: dict[str, list[str]] | None = None

    def locate(self, file: str, names: Sequence[str]) -> list[tuple[str, str]]:
        """For each name the picture's path relative to the root, and why it cannot be used ("" if it can)."""
        bases = self._usual_bases(file)
        out = [self._in(bases, name, index, len(names)) for index, name in enumerate(names)]
        if any(not problem for _, problem in out):
            return out
        return [self._anywhere(name, *found) for name, found in zip(names, out, strict=True)]

    def _usual_bases(self, file: str) -> list[str]:
        here, stem = posixpath.dirname(file), posixpath.splitext(posixpath.basename(file))[0]
        parent = posixpath.dirname(here)
        set_name = next((stem.removeprefix(t) for t in ("instances_", *_TASKS) if stem.startswith(t)), stem)
        inner = [w for w in dict.fromkeys((set_name, split_in(stem) or "")) if w]
        bases = [posixpath.join(p, f, w) for w in inner for p in (parent, here) for f in ("images", "")]
        bases += [posixpath.join(p, f) for p in (parent, here) for f in ("images", "data", "")]
        return [b for b in dict.fromkeys(bases) if os.path.isdir(self._reading.path(b))]

    def _in(self, bases: Sequence[str], name: str, index: int, total: int) -> tuple[str, str]:
        if index % PROGRESS_EVERY == 0:
            self._reading.progress(index, total, "Looking for the pictures")
        inside = [relative for base in bases if (relative := below(base, name))]
        if not inside:
            return name, OUTSIDE_FOLDER
        there = next((r for r in inside if os.path.lexists(self._reading.path(r))), None)
        return (there, "") if there else (inside[0], "is not there")

    def _anywhere(self, name: str, relative: str, problem: str) -> tuple[str, str]:
        """The one file below the root whose path ends with this name."""
        named = below("", name)
        if not named:
            return relative, problem
        if self._by_name is None:
            self._by_name = {}
            for image in self._reading.walk():
                self._by_name.setdefault(posixpath.basename(image), []).append(image)
        ends = [i for i in self._by_name.get(posixpath.basename(named), ()) if f"/{i}".endswith(f"/{named}")]
        return (ends[0], "") if len(ends) == 1 else (relative, problem)
