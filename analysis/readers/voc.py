"""Pascal VOC: one XML file a picture, with an `object` for everything it shows.

Read are the layout of the challenge (`JPEGImages`, `Annotations`, `ImageSets/Main`; the root may hold it, or
hold one or several `VOC…` folders, perhaps in `VOCdevkit`), an `annotations` folder beside a folder of images,
and XML files beside their pictures, as labelling tools write them. A picture belongs to the XML of its own
name, else to the one whose `filename` names it. Pictures in the same folders without an XML are unlabelled.
Coordinates are taken as they stand: tools do not agree whether the first pixel is 0 or 1, and one pixel is
less than anybody draws.

Form: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from analysis.dataset import SPLITS
from analysis.errors import InputError
from analysis.readers.annotated import (
    ANNOTATION_FOLDERS,
    MEBIBYTE,
    PROGRESS_EVERY,
    Annotated,
    Picture,
    Reading,
    split_in,
    split_of_path,
)
from analysis.readers.boxes import in_pixels
from analysis.readers.columns import concept_path
from analysis.readers.listing import Listing, shown

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_IMAGE_FOLDERS: Final = ("jpegimages", "images", "image", "imgs", "img")
_MASKS: Final = ("segmentationclass", "segmentationobject")
_MOST_XML, _MOST_LIST = 4 * MEBIBYTE, 256 * MEBIBYTE
_ROOT_TAG: Final = re.compile(rb"<annotation[\s>]")


def read_voc(reading: Reading) -> Listing | None:
    """The pictures of a Pascal VOC dataset; None where there is none."""
    found = Annotated(reading)
    for home in _homes(reading):
        files = _annotation_files(reading, home)
        if files:
            _add_home(found, home, files)
    return found.listing() if found.pictures or found.unusable else None


def _homes(reading: Reading) -> list[str]:
    """The folders that hold `Annotations`: `VOC…` below the root or below `VOCdevkit`, else the root."""
    inner = [f for f in reading.folders() if f.lower() == "vocdevkit"] or [""]
    homes = [f for d in inner for f in reading.folders(d) if re.match(r"voc\d*$", posixpath.basename(f).lower())]
    return homes or inner


def _annotation_files(reading: Reading, home: str) -> list[str]:
    """XML files that begin like an annotation, in the places where they usually lie."""
    places = [home]
    for folder in reading.folders(home):
        name = posixpath.basename(folder).lower()
        if name in ANNOTATION_FOLDERS or name in _IMAGE_FOLDERS or split_in(name):
            inner = reading.folders(folder)
            places += [folder, *inner, *(f for i in inner for f in reading.folders(i))]
    files = []
    for place in places:
        here = reading.files(place, ".xml")
        if here and _is_annotation(reading, here[0]):
            files += here
    return files


def _is_annotation(reading: Reading, file: str) -> bool:
    return _ROOT_TAG.search(reading.head(file, 4096)) is not None


class _Images:
    """The pictures of one home, found by the name of an XML file."""

    def __init__(self, reading: Reading, home: str) -> None:
        self.every = [i for i in reading.walk(home) if not {p.lower() for p in i.split("/")} & {*_MASKS}]
        self._by_stem: dict[str, list[str]] = {}
        self._by_name: dict[str, list[str]] = {}
        for image in self.every:
            name = posixpath.basename(image)
            self._by_name.setdefault(name, []).append(image)
            self._by_stem.setdefault(posixpath.splitext(name)[0], []).append(image)

    def of(self, file: str) -> str | None:
        """The picture an XML file (or `…/ImageSets/id`) is about, by its own name."""
        return self._nearest(self._by_stem.get(posixpath.splitext(posixpath.basename(file))[0], []), file)

    def named(self, name: str, file: str) -> str | None:
        """The picture that the `filename` of an XML file names."""
        return self._nearest(self._by_name.get(posixpath.basename(name.replace("\\", "/")), []), file)

    @staticmethod
    def _nearest(images: list[str], file: str) -> str | None:
        """Of several pictures of one name: the one in the same folders but for `Annotations` and `JPEGImages`."""

        def folders(path: str) -> list[str]:
            skip = (*ANNOTATION_FOLDERS, *_IMAGE_FOLDERS, "xmls")
            return [p for p in path.split("/")[:-1] if p.lower() not in skip]

        if len(images) > 1:
            images = [i for i in images if folders(i) == folders(file)]
        return images[0] if images else None


def _add_home(found: Annotated, home: str, files: list[str]) -> None:
    reading, images = found.reading, _Images(found.reading, home)
    for index, file in enumerate(files):
        if index % PROGRESS_EVERY == 0:
            reading.progress(index, len(files), "Reading the annotations")
        root = _parsed(found, file)
        if root is None:
            continue
        name = (root.findtext("filename") or "").strip()
        image = images.of(file) or images.named(name, file)
        if image is None:
            missing = name or posixpath.splitext(posixpath.basename(file))[0]
            found.note(file, "is about a picture that is not there", missing)
            continue
        _objects(found, file, root, found.picture(image, None, file))
    folders = {posixpath.dirname(i) for i in found.pictures}
    for image in images.every:
        if posixpath.dirname(image) in folders or "JPEGImages" in image.split("/"):
            found.picture(image, None, "")
    _splits(found, home, images)


def _parsed(found: Annotated, file: str) -> Element | None:
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    try:
        root: Element = ElementTree.fromstring(found.reading.read(file, _MOST_XML))
    except InputError as error:
        found.unusable[file] = str(error).removeprefix(shown(file)).strip().rstrip(".")
        return None
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        what = "declares entities" if isinstance(error, DefusedXmlException) else f"is not XML ({shown(error, 60)})"
        found.unusable[file] = f"{what}; the picture is unlabelled"
        return None
    if root.tag != "annotation":
        found.unusable[file] = "is not an annotation; the picture is unlabelled"
        return None
    return root


def _objects(found: Annotated, file: str, root: Element, picture: Picture) -> None:
    width, height = _number(root, "size/width"), _number(root, "size/height")
    size = (width, height) if width and height and min(width, height) > 0 else None
    for thing in root.iterfind("object"):
        concept = concept_path(thing.findtext("name"))
        if not concept:
            found.note(file, "has an object without a name", "")
            continue
        corners = [_number(thing, f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
        left, top, right, bottom = corners
        box = None
        if left is not None and top is not None and right is not None and bottom is not None:
            box = in_pixels(concept, left, top, right - left, bottom - top, size=size)
        if box is None and thing.find("bndbox") is not None:
            found.note(file, "has a box that is no box in its picture; the label is kept", concept)
        picture.show(concept, box)


def _number(element: Element, path: str) -> float | None:
    try:
        return float(element.findtext(path) or "")
    except ValueError:
        return None


def _splits(found: Annotated, home: str, images: _Images) -> None:
    """Splits from `ImageSets/Main/train.txt` and the like, else from the folders."""
    for split in SPLITS:
        file = posixpath.join(home, "ImageSets", "Main", f"{split}.txt")
        try:
            lines = found.reading.text(file, _MOST_LIST).splitlines()
        except InputError:
            continue
        for line in filter(None, map(str.strip, lines)):
            image = images.of(posixpath.join(home, "JPEGImages", f"{line.split()[0]}.xml"))
            if image is None:
                found.note(file, "names a picture that is not there", line)
            else:
                found.picture(image, split, file)
    for relative, picture in found.pictures.items():
        picture.split = picture.split or split_of_path(relative.removeprefix(home).lstrip("/"))
