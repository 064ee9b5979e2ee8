"""Tiny datasets in the forms that other tools write, made by hand as the forms' own documentation defines them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from support import encode, photo

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


# The same dataset in each form: two splits of four pictures, the last of each without a label.

NAMES = tuple(f"{i}.png" for i in range(4))
BOX = [4.0, 2.0, 20.0, 10.0]


def make_coco(root: Path) -> None:
    for split in ("train", "val"):
        write(root / "annotations" / f"instances_{split}2017.json", coco(NAMES, [(i, i % 2, BOX) for i in range(3)]))
        pictures(root / f"{split}2017", *NAMES)


def make_yolo(root: Path) -> None:
    for split in ("train", "val"):
        pictures(root / "images" / split, *NAMES)
        for i in range(3):
            write(root / "labels" / split / f"{i}.txt", f"{i % 2} 0.35 0.35 0.5 0.5\n")
    write(root / "data.yaml", "path: .\ntrain: images/train\nval: images/val\nnames: [apple, leek]\n")


def make_voc(root: Path) -> None:
    for split in ("train", "val"):
        names = [f"{split}-{name}" for name in NAMES]
        pictures(root / "JPEGImages", *names)
        for i in range(3):
            write(
                root / "Annotations" / f"{split}-{i}.xml", voc_xml(names[i], (["apple", "leek"][i % 2], 4, 2, 24, 12))
            )
        write(root / "ImageSets" / "Main" / f"{split}.txt", "".join(f"{split}-{i}\n" for i in range(4)))


def make_parquet(root: Path) -> None:
    (root / "data").mkdir(parents=True)
    label = {"_type": "ClassLabel", "names": ["apple", "leek"]}
    features = {"image": {"_type": "Image"}, "objects": {"feature": {"category": label}, "_type": "Sequence"}}
    for split in ("train", "val"):
        rows = [{"bytes": encode(photo(len(split) * 9 + i, size=(40, 20)), "PNG"), "path": None} for i in range(4)]
        things = [{"bbox": [BOX], "category": [i % 2]} if i < 3 else {"bbox": [], "category": []} for i in range(4)]
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        table = pa.table({"image": pa.array(rows, kind), "objects": things})
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        pq.write_table(table, root / "data" / f"{split}-00000-of-00001.parquet")


MAKERS = {"coco": make_coco, "yolo": make_yolo, "voc": make_voc, "parquet": make_parquet}
