"""Tiny datasets in the forms that other tools write, made by hand as the forms' own documentation defines them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from support import photo

from analysis.dataset import Dataset
from analysis.sources import Source, load_dataset

SIZE = (40, 20)


def write(path: Path, content: str | bytes | Mapping[str, Any] | list[Any]) -> Path:
    """Write text, bytes, or an object as JSON; the folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def pictures(folder: Path, *names: str, size: tuple[int, int] = SIZE) -> None:
    """Real pictures, each another one."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        photo(abs(hash(name)) % 10_000 + number, size=size).save(path)


def coco(
    images: Iterable[str],
    annotations: Iterable[tuple[int, int, list[float] | None]],
    categories: Iterable[str] = ("apple", "leek"),
    *,
    first_category: int = 1,
) -> dict[str, Any]:
    """A COCO object; annotations are (number of the image, number of the category, bbox), numbers from 0."""
    return {
        "info": {"year": 2024},
        "licenses": [],
        "images": [
            {"id": 10 + i, "file_name": name, "width": SIZE[0], "height": SIZE[1]} for i, name in enumerate(images)
        ],
        "annotations": [
            {
                "id": n, "image_id": 10 + image, "category_id": first_category + category, "iscrowd": 0,
                "area": 50.0, "segmentation": [[1, 1, 9, 1, 9, 9]], **({"bbox": bbox} if bbox else {}),
            }
            for n, (image, category, bbox) in enumerate(annotations)
        ],
        "categories": [
            {"id": first_category + i, "name": name, "supercategory": "food"} for i, name in enumerate(categories)
        ],
    }  # fmt: skip


def voc_xml(filename: str, *objects: tuple[str, int, int, int, int], size: tuple[int, int] | None = SIZE) -> str:
    """An annotation of Pascal VOC; objects are (name, xmin, ymin, xmax, ymax)."""
    things = "".join(
        f"<object><name>{name}</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>"
        f"<bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for name, a, b, c, d in objects
    )
    given = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
    return (
        f"<annotation><folder>VOC2012</folder><filename>{filename}</filename><source><database>d</database></source>"
        f"{given}<segmented>0</segmented>{things}</annotation>"
    )


def load(training: Path, real_world: Path | None = None, cache: Path | None = None) -> Dataset:
    """The dataset, checked: every id resolves against its root."""
    dataset = load_dataset(Source(training, real_world), cache=cache)
    for image_id, path, origin in dataset.images[["image_id", "path", "origin"]].itertuples(index=False):
        assert (dataset.roots[origin] / image_id.removeprefix("real_world:")).samefile(path)
    return dataset


def concepts(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """Concepts of every image by its id."""
    return dict(zip(dataset.images["image_id"], dataset.concepts_by_row, strict=True))


def splits(dataset: Dataset) -> dict[str, str | None]:
    """Split of every image by its id."""
    return dict(zip(dataset.images["image_id"], dataset.images["split"], strict=True))


def boxes(dataset: Dataset) -> list[tuple[str, str, float, float, float, float]]:
    """(image_id, concept, x, y, width, height) of every box, rounded, sorted."""
    frame: pd.DataFrame = dataset.boxes
    ids = dataset.images["image_id"].to_numpy()[frame["image"].to_numpy(dtype=int)]
    rows = zip(ids, frame["concept"], *(frame[c].round(4) for c in ("x", "y", "width", "height")), strict=True)
    return sorted(rows)


def reasons(dataset: Dataset) -> dict[str, str]:
    """Why each unusable file is unusable."""
    return {u.image_id: u.reason for u in dataset.unreadable}
