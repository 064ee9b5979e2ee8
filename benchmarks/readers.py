"""Layouts of COCO, YOLO and Pascal VOC as common tools write them: which are read in full, and how fast.

    python benchmarks/readers.py [--images 10000]

Every layout holds the same known pictures, labels and boxes. "In full" means: every picture (those without a label
too), every label and every box. Datumaro is asked twice, to find the form itself and with the form named, and
its better answer counts. The second part times the reading of a COCO file with seven boxes and polygons a picture.
Exits 1 where a layout is not read in full by us.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from analysis.errors import ExplorerError
from analysis.sources import Source, load_dataset

SIZE = (40, 20)
LABELS = ("apple", "leek")
ALIASES = {"dog": "apple", "cat": "leek"}  # the challenge's own classes, for Pascal VOC
# picture -> (label, x, y, width, height) in pixels; the third shows nothing
TRUTH = {"1": [(0, 4, 2, 20, 10)], "2": [(1, 0, 0, 40, 20), (0, 20, 10, 10, 5)], "3": []}
Found = set[tuple[str, str, float, float, float, float]]


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=10_000, help="pictures of the timed COCO file")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    right = {"here": 0, "datumaro": 0}
    print(f"{'layout':44} {'here':14} datumaro")
    with tempfile.TemporaryDirectory() as name:
        for number, (title, (form, splits, make)) in enumerate(LAYOUTS.items()):
            root = Path(name) / str(number)
            make(root)
            answers = {"here": _ours(root, splits), "datumaro": _datumaro(root, form, splits)}
            for who, answer in answers.items():
                right[who] += answer == "in full"
            print(f"{title:44} {answers['here']:14} {answers['datumaro']}")
        print(f"read in full: here {right['here']}, datumaro {right['datumaro']} of {len(LAYOUTS)}\n")
        _speed(Path(name) / "big", arguments.images)
    return 0 if right["here"] == len(LAYOUTS) else 1


def _judge(pictures: int, boxes: Found, splits: int) -> str:
    boxes = {(n, ALIASES.get(c, c), *rest) for n, c, *rest in boxes}
    if pictures != 3 * splits:
        return f"{pictures} of {3 * splits} pictures"
    truth: Found = set()
    for name, things in TRUTH.items():
        truth |= {(name, LABELS[i], x / SIZE[0], y / SIZE[1], w / SIZE[0], h / SIZE[1]) for i, x, y, w, h in things}
    rounded = {(n, c, *(round(v, 2) for v in rest)) for n, c, *rest in boxes}
    expected = {(n, c, *(round(v, 2) for v in rest)) for n, c, *rest in truth}
    return "in full" if rounded == expected else f"{len(rounded & expected)} of {len(expected)} boxes"


def _ours(root: Path, splits: int) -> str:
    try:
        dataset = load_dataset(Source(root))
    except ExplorerError as error:
        return f"error: {error}"
    names = [Path(p).stem.split("-")[-1] for p in dataset.images["path"]]
    return _judge(
        len(dataset),
        {(names[b.image], b.concept, b.x, b.y, b.width, b.height) for b in dataset.boxes.itertuples()},
        splits,
    )


def _datumaro(root: Path, form: str, splits: int) -> str:
    import datumaro as dm

    answers = []
    for asked in (None, form):
        try:
            dataset = dm.Dataset.import_from(str(root), asked)
            names = dataset.get_label_cat_names()
            found: Found = set()
            for item in dataset:
                for a in item.annotations:
                    if a.type == dm.AnnotationType.bbox:
                        x, y, w, h = a.get_bbox()
                        label = names[a.label] if a.label is not None else ""
                        name = Path(item.id).name.split("-")[-1]
                        found.add((name, label, x / SIZE[0], y / SIZE[1], w / SIZE[0], h / SIZE[1]))
            answers.append(_judge(len(dataset), found, splits))
        except Exception as error:  # noqa: BLE001 - a benchmark reports whatever the peer raises
            answers.append(type(error).__name__)
    return next((a for a in answers if a == "in full"), next((a for a in answers if " of " in a), answers[-1]))


def _speed(root: Path, count: int) -> None:
    rng = random.Random(0)  # noqa: S311 - no secret
    (root / "annotations").mkdir(parents=True)
    (root / "images" / "train").mkdir(parents=True)
    images = [{"id": i, "file_name": f"{i:08d}.jpg", "width": 640, "height": 480} for i in range(count)]
    annotations = [
        {
            "id": 7 * i + k + 1, "image_id": i, "category_id": rng.randint(1, 80), "iscrowd": 0, "area": 1e4,
            "bbox": [rng.uniform(0, 300), rng.uniform(0, 300), 100, 100],
            "segmentation": [[round(rng.uniform(0, 480), 2) for _ in range(40)]],
        }
        for i in range(count) for k in range(7)
    ]  # fmt: skip
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": i, "name": f"c{i}"} for i in range(1, 81)],
    }
    file = root / "annotations" / "instances_train.json"
    file.write_text(json.dumps(content))
    for image in images:
        (root / "images" / "train" / str(image["file_name"])).write_bytes(b"x")
    del images, annotations, content

    import datumaro as dm

    start = time.process_time()
    json.loads(file.read_bytes())
    parsed = time.process_time()
    boxes = len(load_dataset(Source(root)).boxes)
    ours, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sum(len(item.annotations) for item in dm.Dataset.import_from(str(root), "coco_instances"))
    theirs, peak_after = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"COCO, {count:,} pictures, {boxes:,} boxes, {file.stat().st_size >> 20} MiB of JSON; CPU seconds:")
    print(f"json.loads alone {parsed - start:.2f}, here {ours - parsed:.2f}, datumaro {theirs - ours:.2f}")
    print(f"peak memory of the process, MB: {peak >> 10} after ours, {peak_after >> 10} after datumaro's")


# The layouts


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def _pictures(folder: Path, prefix: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in TRUTH:
        Image.new("RGB", SIZE, (int(name) * 60, 90, 90)).save(folder / f"{prefix}{name}.jpg")


def _coco(first: int = 1, *, least: bool = False) -> dict[str, Any]:
    more: dict[str, Any] = {} if least else {"iscrowd": 0, "area": 1.0, "segmentation": [[1, 1, 9, 1, 9, 9]]}
    things = [(int(name), thing) for name, all_of in TRUTH.items() for thing in all_of]
    return {
        "images": [{"id": int(n), "file_name": f"{n}.jpg", "width": SIZE[0], "height": SIZE[1]} for n in TRUTH],
        "annotations": [
            {"id": i + 1, "image_id": n, "category_id": first + c, "bbox": box, **more}
            for i, (n, (c, *box)) in enumerate(things)
        ],
        "categories": [{"id": first + i, "name": n, "supercategory": "food"} for i, n in enumerate(LABELS)],
    }  # fmt: skip


def _coco_layout(json_at: str, images_at: str, first: int = 1, *, least: bool = False) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        for split in ("train", "val"):
            _write(root / json_at.format(split), _coco(first, least=least))
            _pictures(root / images_at.format(split))

    return make


def _yolo_layout(pattern: str, name: str, *, polygons: bool = False) -> Callable[[Path], None]:
    def line(c: int, x: float, y: float, w: float, h: float) -> str:
        x, y, w, h = x / SIZE[0], y / SIZE[1], w / SIZE[0], h / SIZE[1]
        if polygons:
            return f"{c} {x} {y} {x + w} {y} {x + w} {y + h} {x} {y + h}\n"
        return f"{c} {x + w / 2} {y + h / 2} {w} {h}\n"

    def make(root: Path) -> None:
        places = []
        for split in ("train", "val"):
            places.append(pattern.format(kind="images", split=split))
            _pictures(root / places[-1])
            for picture, things in TRUTH.items():
                if things:
                    _write(
                        root / pattern.format(kind="labels", split=split) / f"{picture}.txt",
                        "".join(line(*t) for t in things),
                    )
        _write(root / name, f"path: .\ntrain: {places[0]}\nval: {places[1]}\nnames:\n  0: apple\n  1: leek\n")

    return make


def _darknet(root: Path) -> None:
    _yolo_layout("obj_{split}_data", "unused.txt")(root)
    for split in ("train", "val"):
        _write(root / f"{split}.txt", "".join(f"data/obj_{split}_data/{name}.jpg\n" for name in TRUTH))
    _write(root / "obj.names", "apple\nleek\n")
    _write(
        root / "obj.data",
        "classes = 2\ntrain = data/train.txt\nval = data/val.txt\nnames = data/obj.names\nbackup = b/\n",
    )


def _voc_layout(home: str, *, sets: bool, labels: tuple[str, str] = LABELS) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        base = root / home
        for split in ("train", "val"):
            _pictures(base / "JPEGImages", f"{split}-")
            for name, things in TRUTH.items():
                inner = "".join(
                    f"<object><name>{labels[c]}</name><difficult>0</difficult><bndbox><xmin>{x}</xmin><ymin>{y}</ymin>"
                    f"<xmax>{x + w}</xmax><ymax>{y + h}</ymax></bndbox></object>"
                    for c, x, y, w, h in things
                )
                if things:
                    size = f"<size><width>{SIZE[0]}</width><height>{SIZE[1]}</height><depth>3</depth></size>"
                    text = f"<annotation><filename>{split}-{name}.jpg</filename>{size}{inner}</annotation>"
                    _write(base / "Annotations" / f"{split}-{name}.xml", text)
            if sets:
                _write(base / "ImageSets" / "Main" / f"{split}.txt", "".join(f"{split}-{name}\n" for name in TRUTH))

    return make


YAML = "data.yaml"
LAYOUTS: dict[str, tuple[str, int, Callable[[Path], None]]] = {
    "COCO as published (annotations/, train2017/)": (
        "coco_instances", 2, _coco_layout("annotations/instances_{}2017.json", "{}2017"),
    ),
    "COCO of CVAT (annotations/, images/train/)": (
        "coco_instances", 2, _coco_layout("annotations/instances_{}.json", "images/{}"),
    ),
    "COCO of Roboflow (train/_annotations…)": ("coco_instances", 2, _coco_layout("{}/_annotations.coco.json", "{}", 0)),
    "COCO, categories from 0": ("coco_instances", 2, _coco_layout("annotations/instances_{}.json", "images/{}", 0)),
    "COCO, no field that is not needed": (
        "coco_instances", 2, _coco_layout("annotations/instances_{}.json", "images/{}", least=True),
    ),
    "COCO of Label Studio (result.json, images/)": (
        "coco_instances", 1, lambda root: (_write(root / "result.json", _coco(0)), _pictures(root / "images"))[0],
    ),
    "COCO, train.json beside train/": ("coco_instances", 2, _coco_layout("{}.json", "{}")),
    "YOLO of Ultralytics (images/train, labels/)": ("yolo", 2, _yolo_layout("{kind}/{split}", YAML)),
    "YOLO of Roboflow (train/images, train/labels)": ("yolo", 2, _yolo_layout("{split}/{kind}", YAML)),
    "YOLO, yaml of another name": ("yolo", 2, _yolo_layout("{kind}/{split}", "coco8.yaml")),
    "YOLO, polygons": ("yolo", 2, _yolo_layout("{kind}/{split}", YAML, polygons=True)),
    "YOLO of Darknet (obj.data, lists)": ("yolo", 2, _darknet),
    "VOC, its own layout, own class names": ("voc_detection", 2, _voc_layout("", sets=True)),
    "VOC in VOCdevkit/VOC2012, its own classes": (
        "voc_detection", 2, _voc_layout("VOCdevkit/VOC2012", sets=True, labels=("dog", "cat")),
    ),
    "VOC without ImageSets": ("voc_detection", 2, _voc_layout("", sets=False)),
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
