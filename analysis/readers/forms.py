"""Which form a folder or file is in, found by what lies in it.

The first that fits counts: COCO, YOLO, Pascal VOC, Datumaro, Parquet with pictures inside, and else a folder
of folders. Giving the path of the annotation file itself (a .json, data.yaml, obj.data) leaves no choice.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from analysis.readers.annotated import ANNOTATION_FOLDERS, Reading
from analysis.readers.coco import read_coco
from analysis.readers.folder import is_image
from analysis.readers.listing import Listing
from analysis.readers.parquet_images import holds_pictures, read_parquet_images
from analysis.readers.through_datumaro import read_through_datumaro
from analysis.readers.voc import read_voc
from analysis.readers.yolo import read_yolo

Reader = Callable[[Reading], Listing | None]
READERS: Final[tuple[Reader, ...]] = (
    read_coco,
    read_yolo,
    read_voc,
    read_through_datumaro,
    read_parquet_images,
)
ANNOTATION_SUFFIXES: Final = {".json": read_coco, ".yaml": read_yolo, ".yml": read_yolo, ".data": read_yolo}


def read_annotated_folder(reading: Reading) -> Listing | None:
    """The listing of a folder in one of the annotated forms; None where it is in none of them.

    A folder that holds nothing but one folder is that folder (packing makes such wrappers).
    """
    for reader in READERS:
        listing = reader(reading)
        if listing is not None:
            return listing
    inner = reading.folders()
    if len(inner) == 1 and not any(is_image(reading.path(f), f) for f in reading.files("", "")):
        root = Path(os.path.realpath(reading.path(inner[0])))
        if reading.fence.allows(str(root)):
            return read_annotated_folder(reading._replace(root=root))
    return None


def read_annotation_file(reading: Reading, path: Path) -> Listing | None:
    """The listing of an annotation file given by its path; None for a file of another kind."""
    folder, name = path.parent, path.name
    if path.suffix.lower() == ".parquet":
        reading = reading._replace(root=folder, file=name)
        return read_parquet_images(reading) if holds_pictures(reading, name) else None
    reader = ANNOTATION_SUFFIXES.get(path.suffix.lower())
    if reader is None:
        return None
    if folder.name.lower() in ANNOTATION_FOLDERS:  # ids are relative to the folder that holds the pictures too
        folder, name = folder.parent, f"{folder.name}/{path.name}"
    return reader(reading._replace(root=folder, file=name))
