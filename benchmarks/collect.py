"""Is the list to collect worth its order: does it open with what training lacks, and what would adding it teach?

Photos of five concepts on each side, a quarter of each concept's real-world ones dim and blurred, or dim and warm.
Counted: uncovered pictures among the first 10, 25 and 50 of the list, where to cover what training covers already
counts a tenth (`collect.COVERED`) and where all count the same; with labels and without. And accuracy on held-out
real-world pictures with so many added, by the list and at random.

    python benchmarks/collect.py [--data ../shared/data]
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from analysis.checks.base import IMAGES
from analysis.checks.representativeness import Params, RepresentativenessResult, find_representativeness
from analysis.embedders import load_embedder
from analysis.opening import open_dataset
from analysis.real_use import both_sides, to_collect, what_would_help
from analysis.sources import Source
from analysis.store import Store
from analysis.what_if import MIN_LABELLED, WhatIf

TRASH = [f"trashnet/{c}" for c in ("cardboard", "glass", "metal", "paper", "plastic")]
FRUIT = [
    f"grocery/in_store/Fruit/{c}"
    for c in ("Orange", "Kiwi", "Apple/Royal-Gala", "Apple/Granny-Smith", "Pear/Conference")
]
SETS = {  # concepts, pictures of each a side, seed, gains of red, green and blue, blur in pixels
    "TrashNet, dim and blurred": (TRASH, 24, 11, (0.35, 0.35, 0.35), 2.5),
    "TrashNet, others, dim and warm": (TRASH, 24, 77, (0.48, 0.4, 0.32), 0.0),
    "in-store Grocery, dim and blurred": (FRUIT, 22, 78, (0.35, 0.35, 0.35), 2.5),
}
ALTERED = 0.25
FIRST = (10, 25, 50)


def planted(
    data: Path, folder: Path, concepts: list[str], a_side: int, seed: int, gains: tuple[float, ...], blur: float
) -> Source:
    rng = random.Random(seed)  # noqa: S311 - no secret
    for concept in concepts:
        files = sorted(p for p in (data / concept).rglob("*") if p.suffix.lower() in (".jpg", ".png", ".jpeg"))
        rng.shuffle(files)
        for k, file in enumerate(files[: 2 * a_side]):
            image = Image.open(file).convert("RGB")
            image.thumbnail((360, 360))
            if a_side <= k < a_side + ALTERED * a_side:
                image = Image.fromarray((np.asarray(image) * np.array(gains)).clip(0, 255).astype(np.uint8))
                image = image.filter(ImageFilter.GaussianBlur(blur)) if blur else image
            target = folder / ("training" if k < a_side else "real") / Path(concept).name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            image.save(target, quality=90)
    return Source(folder / "training", folder / "real")


def accuracy(found: WhatIf | None, strategy: str) -> str:
    steps = found.steps if found is not None else ()
    return ", ".join(f"{s.score_after:.3f}" for s in steps if s.strategy == strategy and s.added in FIRST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    if not (data / "trashnet").is_dir() or not (data / "grocery").is_dir():
        print(f"no photos in {data}: nothing measured")
        return
    embedder, params = load_embedder("bundled"), Params()
    for name, how in SETS.items():
        with tempfile.TemporaryDirectory() as folder:
            source = planted(data, Path(folder) / "sets", *how)
            of = open_dataset(source, store=Store(Path(folder) / "store"), embedder=embedder)
            result = find_representativeness(of.dataset, of.features, params)
        assert isinstance(result, RepresentativenessResult)
        image, sides = np.asarray(of.features.image, dtype=np.float32), both_sides(of.dataset)
        lacking = np.flatnonzero(result.findings().tables[IMAGES]["representativeness_flag"])
        unlabelled = dataclasses.replace(sides, member=np.zeros_like(sides.member))
        print(f"{name}: {len(lacking)} of {len(sides.real_world)} uncovered")
        for how_called, given in (("all the same", np.empty(0, dtype=np.int64)), ("covered a tenth", lacking)):
            for labels, of_sides in (("labels", sides), ("no labels", unlabelled)):
                rows = to_collect(image, of_sides, 100, uncovered=given, least_labelled=MIN_LABELLED).rows
                hits = ", ".join(str(np.isin(rows[:k], lacking).sum()) for k in FIRST)
                print(f"  {how_called}, {labels}: {hits} of the first 10, 25, 50 uncovered")
            tried, _ = what_would_help(image, sides, uncovered=given, splits=params.splits, least_labelled=MIN_LABELLED)
            print(f"  {how_called}: accuracy {accuracy(tried, 'ranked')}; at random {accuracy(tried, 'random')}")


if __name__ == "__main__":
    main()
