"""Datumaro as the second reader: what it writes we read alike, and where it reads a form in full we agree with it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forms_support import boxes, concepts, load, splits

WIDTH, HEIGHT = 64, 32
LABELS = ("apple", "leek", "Fruit stand")


@pytest.fixture(scope="module")
def made() -> Any:
    """A Datumaro dataset: 12 pictures in two splits with 0 to 3 boxes each."""
    import datumaro as dm

    rng = np.random.default_rng(0)
    items = []
    for n in range(12):
        things = []
        for number in range(n % 4):
            w, h = rng.integers(4, 30), rng.integers(4, 16)
            x, y = rng.integers(0, WIDTH - w), rng.integers(0, HEIGHT - h)
            things.append(
                dm.Bbox(int(x), int(y), int(w), int(h), label=int(rng.integers(3)), id=number + 1, group=number + 1)
            )
        pixels = rng.integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
        media = dm.Image.from_numpy(data=pixels, ext=".png")
        items.append(dm.DatasetItem(id=f"p{n}", subset="train" if n < 8 else "val", media=media, annotations=things))
    return dm.Dataset.from_iterable(items, categories=list(LABELS))


def as_read(dataset: Any) -> dict[str, tuple[str, set[tuple[str, float, float, float, float]]]]:
    """Split and boxes in shares by name of the picture, of a Datumaro dataset."""
    import datumaro as dm

    out = {}
    names = dataset.categories()[dm.AnnotationType.label]
    for item in dataset:
        found = set()
        for a in item.annotations:
            if a.type == dm.AnnotationType.bbox:
                x, y, w, h = a.get_bbox()
                found.add((names[a.label].name, *(round(v, 2) for v in (x / WIDTH, y / HEIGHT, w / WIDTH, h / HEIGHT))))
        out[Path(item.id).name] = (item.subset, found)
    return out


@pytest.mark.parametrize("form", ["coco_instances", "yolo", "yolo_ultralytics", "voc_detection"])
def test_what_datumaro_writes_is_read_alike(made: Any, tmp_path: Path, form: str) -> None:
    logging.disable(logging.CRITICAL)
    try:
        made.export(
            str(tmp_path / "out"),
            form,
            save_media=True,
            **({"image_ext": ".png"} if "yolo" in form or "voc" in form else {}),
        )
    finally:
        logging.disable(logging.NOTSET)
    dataset = load(tmp_path / "out")
    ours: dict[str, tuple[str | None, set[tuple[Any, ...]]]] = {
        Path(i).stem: (s, set()) for i, s in splits(dataset).items()
    }
    for image_id, *box in boxes(dataset):
        ours[Path(image_id).stem][1].add((box[0], *(round(v, 2) for v in box[1:])))
    assert ours == as_read(made)
    assert {Path(i).stem: set(c) for i, c in concepts(dataset).items()} == {
        name: {b[0] for b in found} for name, (_, found) in as_read(made).items()
    }
    assert not dataset.unreadable
