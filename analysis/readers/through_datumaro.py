"""Datumaro's own form (JSON in `annotations/`, pictures in `images/`), read by Datumaro.

Why COCO, YOLO and Pascal VOC have readers of their own is told in `docs/decisions/008-readers.md`. No picture is
decoded: Datumaro opens them only when asked for pixels or for a size that the annotations do not give.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from analysis.errors import InputError
from analysis.readers.annotated import PROGRESS_EVERY, Annotated, Picture, Reading, below, split_in
from analysis.readers.boxes import in_pixels
from analysis.readers.coco import OUTSIDE_FOLDER
from analysis.readers.columns import concept_path
from analysis.readers.listing import Listing, shown

if TYPE_CHECKING:
    from datumaro import DatasetItem

_HEAD: Final = 64 * 1024
# What Datumaro lets through on a file that is not as it expects, beside its own errors.
_STUMBLES: Final = (OSError, ValueError, TypeError, LookupError, AttributeError, AssertionError)
_OWN: Final = re.compile(rb'"(dm_format_version|infos)"\s*:')


def read_through_datumaro(reading: Reading) -> Listing | None:
    """The pictures of a dataset in Datumaro's form; None where there is none.

    Raises:
        InputError: its files are there and Datumaro cannot read them.
    """
    if not _is_there(reading):
        return None
    from datumaro import Dataset
    from datumaro.components.errors import DatumaroError

    found = Annotated(reading)
    reading.progress(0, 0, "Reading the annotations")
    try:
        dataset = Dataset.import_from(str(reading.root), "datumaro")
        names = dataset.get_label_cat_names()
        for index, item in enumerate(dataset):
            if index % PROGRESS_EVERY == 0:
                reading.progress(index, len(dataset), "Reading the annotations")
            _add(found, item, names)
    except (DatumaroError, *_STUMBLES) as error:
        cause = shown(error.__cause__ or error).rstrip(".")
        raise InputError(f"The Datumaro annotations in {shown(reading.root)} cannot be read: {cause}.") from error
    return found.listing()


def _is_there(reading: Reading) -> bool:
    return any(_OWN.search(reading.head(f, _HEAD)) for f in reading.files("annotations", ".json"))


def _add(found: Annotated, item: DatasetItem, names: list[str]) -> None:
    from datumaro import AnnotationType

    path = getattr(item.media, "path", None)
    if not path:
        found.unusable[shown(item.id)] = "is not there"
        return
    relative = below("", os.path.relpath(path, found.reading.root))
    if not relative:
        found.unusable[shown(item.id)] = OUTSIDE_FOLDER
        return
    picture: Picture = found.picture(relative, split_in(item.subset or ""), "annotations")
    size = item.media.size if item.media.has_size else None  # height and width
    for annotation in item.annotations:
        label = getattr(annotation, "label", None)
        concept = concept_path(names[label]) if label is not None else ""
        box = None
        if annotation.type in (
            AnnotationType.bbox,
            AnnotationType.polygon,
            AnnotationType.polyline,
            AnnotationType.mask,
        ):
            box = in_pixels(concept, *map(float, annotation.get_bbox()), size=(size[1], size[0]) if size else None)
        picture.show(concept, box)
