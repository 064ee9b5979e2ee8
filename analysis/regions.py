"""Regions of pictures, proposed for a detector to be trained on: as COCO JSON, and what a person said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from analysis.dataset import Dataset
from analysis.kept_lists import KeptList

REGION_COLUMNS: Final = ("image_id", "concept", "x", "y", "width", "height", "score", "source")
"""`x`, `y`, `width`, `height` are shares of the upright picture; `source` is `given` (came with the dataset)
or `heat`."""
ACCEPTED: Final = "accepted"
DROPPED: Final = "dropped"


def region_key(region: Mapping[Any, Any]) -> str:
    """What names a region from run to run: picture, concept and place (in hundredths)."""
    place = "-".join(f"{100 * float(region[n]):.0f}" for n in ("x", "y", "width", "height"))
    return f"{region['image_id']}|{region['concept']}|{place}"


def coco(regions: pd.DataFrame, dataset: Dataset, said: Mapping[str, str] | None = None) -> dict[str, Any]:
    """COCO's object detection form, boxes in pixels of the upright original.

    Args:
        regions: columns `REGION_COLUMNS`.
        dataset: gives the pictures' sizes; a region of a picture without one is left out.
        said: `region_key` to `ACCEPTED` or `DROPPED`; dropped regions are left out.
    """
    said = said or {}
    names = sorted({str(c) for c in regions["concept"]})
    number = {name: i + 1 for i, name in enumerate(names)}
    sizes = _sizes(dataset)
    images: dict[str, dict[str, Any]] = {}
    annotations: list[dict[str, Any]] = []
    for region in regions.to_dict("records"):
        image_id = str(region["image_id"])
        verdict = said.get(region_key(region), "proposed")
        if verdict == DROPPED or image_id not in sizes:
            continue
        width, height = sizes[image_id]
        if image_id not in images:
            images[image_id] = {
                "id": len(images) + 1, "file_name": image_id, "width": width, "height": height,
            }  # fmt: skip
        x, y = float(region["x"]) * width, float(region["y"]) * height
        w = min(float(region["width"]) * width, width - x)
        h = min(float(region["height"]) * height, height - y)
        if w <= 0 or h <= 0:
            continue
        box = [round(v, 2) for v in (x, y, w, h)]
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": images[image_id]["id"],
                "category_id": number[str(region["concept"])],
                "bbox": box,
                "area": round(box[2] * box[3], 2),
                "iscrowd": 0,
                "segmentation": [],
                "score": round(float(region["score"]), 4),
                "source": str(region["source"]),
                "review": verdict,
            }
        )
    return {
        "info": {"description": f"Regions proposed for {dataset.name}: look at them before training on them."},
        "licenses": [],
        "images": list(images.values()),
        "annotations": annotations,
        "categories": [{"id": number[name], "name": name, "supercategory": ""} for name in names],
    }


def _sizes(dataset: Dataset) -> dict[str, tuple[int, int]]:
    """Width and height in pixels of the pictures that were measured."""
    if not {"width", "height"} <= set(dataset.images.columns):
        return {}
    table = dataset.images[["image_id", "width", "height"]].dropna()
    table = table[(table["width"] > 0) & (table["height"] > 0)]
    return {
        str(name): (int(width), int(height))
        for name, width, height in zip(table["image_id"], table["width"], table["height"], strict=True)
    }


class RegionReviews:
    """What a person said of proposed regions, per dataset, under one cache folder (see `KeptList`)."""

    def __init__(self, root: Path) -> None:
        self._kept: KeptList[tuple[str, str]] = KeptList(root, "region_reviews", _as_json, _parse)

    def every(self, source_id: str) -> dict[str, str]:
        """`region_key` to `ACCEPTED` or `DROPPED`. Raises StoreError like `KeptList.every`."""
        return dict(self._kept.every(source_id))

    def say(self, source_id: str, keys: Sequence[str], verdict: str | None) -> None:
        """Accept or drop these regions; None takes back what was said. Raises StoreError."""
        new = [] if verdict is None else [(key, verdict) for key in keys]
        self._kept.change(source_id, lambda every: [*(e for e in every if e[0] not in set(keys)), *new])


def _as_json(one: tuple[str, str]) -> dict[str, Any]:
    return {"region": one[0], "verdict": one[1]}


def _parse(value: dict[str, Any]) -> tuple[str, str]:
    region, verdict = value["region"], value["verdict"]
    if not isinstance(region, str) or verdict not in (ACCEPTED, DROPPED):
        raise ValueError("expected a region and what was said of it")
    return region, verdict
