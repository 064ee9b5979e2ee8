"""The matrix of planted defects: which check fires on which defect, over several seeds.

    python benchmarks/planted.py [--seeds 5] [--first-seed 10] [--checks id,id] [--data FOLDER] [--no-photos]
                                 [--keep FOLDER] [--jobs 1]

A row is a defect planted into a clean dataset (`tests/planted/defects.py`), a column a check of the audit. Drawn
pictures: the fixture is drawn anew for each seed. Real photos, where the folder is present: for each seed a subset is
drawn of TrashNet (five classes, 60 photos each), of the Grocery Store Dataset as photographed in shops (eight kinds,
48 photos each) and of things cut out of the scenes of ADE20K by their masks (seven kinds, 39 each), and 12 more of each
as pictures from real use, which only the defects of real use get; the classes are written down here and no seed is left
out. Real photos may hold true faults: where a check fires on the subset as it is,
its column says nothing of other defects there (shown as `-`), and on its own defect what was planted must still come
first.

To be reached (drawn pictures): every defect found by its check, what was planted first; no other check fires but
where the defect truly is one of its own as well (listed with the reason); nothing fires on the clean pictures.
Exit code 1 otherwise. Beside it is printed in how many seeds each check fired without a reason, and how many its alpha
of 5 % allows (binomial 95 % bound): of 17 checks a few do in five seeds. The matrices of real photos are printed
likewise, with the same judgement.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.stats import binom

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from planted.defects import DEFECTS, Defect, Fixture, real_of, texts_of
from planted.matrix import REAL, audit, fired, implied, judge, opened, photographed, plant, rendered

from analysis.embedders import load_embedder
from analysis.embedders.base import Embedder, ImageEncoding
from analysis.registry import CHECKS
from analysis.store import Store

TRASHNET = ("cardboard", "glass", "metal", "paper", "plastic")
GROCERY = (
    "Fruit/Apple",
    "Fruit/Melon",
    "Fruit/Pear",
    "Packages/Juice",
    "Packages/Milk",
    "Packages/Yoghurt",
    "Vegetables/Pepper",
    "Vegetables/Tomato",
)
DRAWN = "drawn pictures"
PHOTOS = {"TrashNet": "trashnet", "Grocery in shops": "grocery/in_store", "Things in scenes": "ade20k"}
THINGS = ("armchair", "bed", "car", "chair", "person", "sofa", "table")
LEAST_SIDE, LEAST_FILLED, LONGEST, AROUND = 56, 0.25, 3.5, 0.15  # pixels; of the box; times as long as wide; of a side
ALPHA = 0.05  # of every check
CLEAN, CLEAN_REAL, CLEAN_TEXTS = "(nothing)", "(nothing, real use)", "(nothing, described)"
TRASHNET_TEXTS = {
    "cardboard": "a cardboard box or carton",
    "glass": "a glass bottle or jar",
    "metal": "a metal can or tin",
    "paper": "a sheet of paper, a magazine or a newspaper",
    "plastic": "a plastic bottle, bag or wrapping",
}
GROCERY_TEXTS = {
    "Apple": "an apple, red, green or yellow",
    "Melon": "a whole melon",
    "Pear": "a green or brown pear",
    "Juice": "a carton of fruit juice",
    "Milk": "a carton of milk",
    "Yoghurt": "a carton or cup of yoghurt",
    "Pepper": "a bell pepper, red, green, yellow or orange",
    "Tomato": "a red tomato",
}


THINGS_TEXTS = {
    "armchair": "an upholstered chair with arms for one person",
    "bed": "a bed to sleep in",
    "car": "a car on a road",
    "chair": "a chair without arms",
    "person": "a person, standing or sitting",
    "sofa": "a sofa for two or more people",
    "table": "a table with a flat top",
}


@dataclass(slots=True)
class Matrix:
    """Counts over seeds: `fired[row, check]`, `judged[row, check]` (cells that can be judged), `right[row]`.

    `stray[row, check]`: seeds in which it fired without a reason. `alone[check]`: seeds in which it did so somewhere.
    """

    name: str
    checks: tuple[str, ...]
    fired: Counter[tuple[str, str]] = field(default_factory=Counter)
    judged: Counter[tuple[str, str]] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    seeds: int = 0
    why: list[str] = field(default_factory=list)
    stray: Counter[tuple[str, str]] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)

    def add(self, other: Matrix) -> None:
        """Counts of further seeds."""
        self.fired.update(other.fired)
        self.judged.update(other.judged)
        self.right.update(other.right)
        self.seeds += other.seeds
        self.why += other.why
        self.stray.update(other.stray)
        self.alone.update(other.alone)


class Remembering:
    """An embedder that encodes the same model input once: most pictures of all fixtures of a seed are the same."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self._known: dict[bytes, tuple[np.ndarray, np.ndarray, bytes]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def encode_images(self, inputs: np.ndarray) -> ImageEncoding:
        """See the protocol."""
        keys = [blake2b(np.ascontiguousarray(one).tobytes(), digest_size=16).digest() for one in inputs]
        new = [i for i, key in enumerate(keys) if key not in self._known]
        if new:
            made = self._inner.encode_images(inputs[new])
            for i, feature, vector, spatial in zip(new, made.features, made.vectors, made.spatial, strict=True):
                self._known[keys[i]] = feature, vector, spatial
        features, vectors, spatial = zip(*(self._known[key] for key in keys), strict=True)
        return ImageEncoding(np.stack(features), np.stack(vectors), list(spatial))


def main() -> int:
    """Print the matrices; 1 when the one of drawn pictures is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=10, help="0 to 4 served to choose how hard a plant is")
    parser.add_argument("--checks", help="only these checks, and the defects that they must find")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--no-photos", action="store_true", help="drawn pictures only")
    parser.add_argument("--no-drawn", action="store_true", help="real photos only")
    parser.add_argument("--photos", nargs="+", choices=list(PHOTOS), default=list(PHOTOS), help="these sets of photos")
    parser.add_argument("--keep", type=Path, help="keep vectors here between runs")
    parser.add_argument("--jobs", type=int, default=1, help="seeds at a time, each in a process of its own")
    arguments = parser.parse_args()
    chosen = set(arguments.checks.split(",")) if arguments.checks else None
    checks = tuple(c.id for c in CHECKS if chosen is None or c.id in chosen)
    for missing in sorted({d.check for d in DEFECTS} - {c.id for c in CHECKS}):
        print(f"no check '{missing}' yet: its rows are left out")
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    wanted = [] if arguments.no_drawn else [DRAWN]
    for name, below in PHOTOS.items():
        if arguments.no_photos or name not in arguments.photos:
            continue
        if (arguments.data / below).is_dir():
            wanted.append(name)
        else:
            print(f"{name}: {arguments.data / below} is not there, left out")
    good = True
    for name in wanted:
        matrix = Matrix(name, checks)
        with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
            for one in pool.map(
                _seed, *zip(*((name, seed, checks, arguments.data, arguments.keep) for seed in seeds), strict=True)
            ):
                matrix.add(one)
        as_it_should_be = _show(matrix)
        good &= as_it_should_be or name != DRAWN
    return 0 if good else 1


def _fixture(name: str, data: Path, root: Path, seed: int) -> Fixture:
    if name == DRAWN:
        return rendered(root, seed)
    made = {"TrashNet": _trashnet, "Grocery in shops": _grocery, "Things in scenes": _things}
    return made[name](data / PHOTOS[name], root, seed)


def _trashnet(data: Path, root: Path, seed: int) -> Fixture:
    return photographed(
        "TrashNet",
        root,
        _subset(data, TRASHNET, 60, seed),
        hard="plastic",
        easy="paper",
        named="cardboard",
        texts=TRASHNET_TEXTS,
    )


def _grocery(data: Path, root: Path, seed: int) -> Fixture:
    return photographed(
        "Grocery in shops",
        root,
        _subset(data, GROCERY, 48, seed),
        hard="Pear",
        easy="Pepper",
        named="Pepper",
        texts=GROCERY_TEXTS,
    )


def _things(data: Path, root: Path, seed: int) -> Fixture:
    with tempfile.TemporaryDirectory() as scratch:
        _cut_out(data, Path(scratch))
        return photographed(
            "Things in scenes",
            root,
            _subset(Path(scratch), THINGS, 39, seed),
            hard="armchair",
            easy="car",
            named="car",
            texts=THINGS_TEXTS,
        )


def _cut_out(data: Path, folder: Path) -> None:
    """A picture of each connected part of a thing's mask, with a little around it."""
    with (data / "things.csv").open(encoding="utf-8") as file:
        names = {int(row["mask_value"]): row["name"] for row in csv.DictReader(file)}
    for path in sorted((data / "masks").glob("*.png")):
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        mask = mask if mask.ndim == 2 else mask[..., 0]
        scene = cv2.imread(str(next((data / "images").glob(f"{path.stem}.*"))))
        for value in np.unique(mask):
            name = names.get(int(value))
            if name not in THINGS:
                continue
            _, _, boxes, _ = cv2.connectedComponentsWithStats((mask == value).astype(np.uint8))
            for x, y, w, h, filled in boxes[1:].tolist():
                if min(w, h) < LEAST_SIDE or filled < LEAST_FILLED * w * h or max(w, h) > LONGEST * min(w, h):
                    continue
                dx, dy = int(AROUND * w), int(AROUND * h)
                cut = scene[max(0, y - dy) : y + h + dy, max(0, x - dx) : x + w + dx]
                (folder / str(name)).mkdir(exist_ok=True)
                cv2.imwrite(str(folder / str(name) / f"{path.stem}_{x}_{y}.jpg"), cut, [cv2.IMWRITE_JPEG_QUALITY, 92])


def _subset(data: Path, folders: Sequence[str], count: int, seed: int) -> dict[str, list[Path]]:
    rng = np.random.default_rng(seed)
    out = {}
    for name in folders:
        files = sorted(p for p in (data / name).rglob("*.jpg"))
        drawn = rng.choice(len(files), count + REAL, replace=False)
        out[name.rsplit("/", 1)[-1]] = [files[i] for i in (*sorted(drawn[:count]), *sorted(drawn[count:]))]
    return out


def _seed(name: str, seed: int, checks: tuple[str, ...], data: Path, keep: Path | None) -> Matrix:
    """The matrix of one seed."""
    matrix = Matrix(name, checks, seeds=1)
    start = time.monotonic()
    embedder = Remembering(load_embedder())
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(keep / f"{name}-{seed}".replace(" ", "_") if keep else Path(scratch) / "store")
        base = Path(scratch)
        fixture = _fixture(name, data, base / "clean", seed)
        quiet = {
            CLEAN: audit(opened(fixture.root, store, embedder), checks, seed),
            CLEAN_REAL: audit(opened(fixture.root, store, embedder, real=True), checks, seed),
            CLEAN_TEXTS: audit(opened(fixture.root, store, embedder, texts=fixture.texts), checks, seed),
        }
        already = {row: {c for c in checks if fired(found[c])} for row, found in quiet.items()}
        for row, found in quiet.items():
            for check in checks:
                _count(matrix, row, check, check in already[row])
                matrix.stray[row, check] += check in already[row]
                if check in already[row] and (row == CLEAN or check not in already[CLEAN]):
                    matrix.why.append(f"seed {seed}, {row}: {check} fires: {found[check].headline}")
        for defect in DEFECTS:
            if defect.check in checks:
                before = already[CLEAN_REAL if defect.real else CLEAN_TEXTS if defect.described else CLEAN]
                _one(matrix, defect, fixture, base / "planted", seed, before, store, embedder)
    matrix.alone.update({check for (_, check), hits in matrix.stray.items() if hits})
    print(f"{name}: seed {seed} done, {time.monotonic() - start:.0f} s", file=sys.stderr)
    return matrix


def _one(
    matrix: Matrix,
    defect: Defect,
    fixture: Fixture,
    folder: Path,
    seed: int,
    already: set[str],
    store: Store,
    embedder: Embedder,
) -> None:
    planted = plant(fixture, defect, folder, seed)
    found = audit(opened(folder, store, embedder, real=defect.real), matrix.checks, seed)
    answer = judge(found[defect.check], planted)
    matrix.right[defect.id] += answer.right
    if not answer.right:
        matrix.why.append(f"seed {seed}, {defect.id}: {defect.check}: {answer.why}")
    for check in matrix.checks:
        if check == defect.check or check not in already:
            _count(matrix, defect.id, check, fired(found[check]))
        if check in {defect.check, *already} or not fired(found[check]):
            continue
        if check not in defect.implies or not implied(check, found[check], planted):
            matrix.stray[defect.id, check] += 1
            matrix.why.append(f"seed {seed}, {defect.id}: {check} fires too: {found[check].headline}")
    shutil.rmtree(folder)
    texts_of(folder).unlink(missing_ok=True)
    if defect.real:
        shutil.rmtree(real_of(folder))


def _count(matrix: Matrix, row: str, check: str, hit: bool) -> None:
    matrix.judged[row, check] += 1
    matrix.fired[row, check] += hit


def _show(matrix: Matrix) -> bool:
    """Print it; whether it is as it should be."""
    rows = [d for d in DEFECTS if d.id in matrix.right]
    wide = max(len(d.id) for d in DEFECTS) + 2
    print(f"\n{matrix.name}, {matrix.seeds} seeds: in how many a check fired")
    widths = [max(len(c), 7) + 2 for c in matrix.checks]
    print(
        " " * wide + "".join(f"{c:>{w}}" for c, w in zip(matrix.checks, widths, strict=True)) + f"{'planted first':>15}"
    )
    good = True
    clean: list[tuple[str, Defect | None]] = [(name, None) for name in (CLEAN, CLEAN_REAL, CLEAN_TEXTS)]
    named = [*clean, *((d.id, d) for d in rows)]
    for row, defect in named:
        cells = []
        for check in matrix.checks:
            hits, of = matrix.fired[row, check], matrix.judged[row, check]
            own = defect is not None and check == defect.check
            stray = matrix.stray[row, check]
            word = "-" if not of else f"{hits}/{of}" if hits or own else "."
            cells.append(f"[{word}]" if own else f"({word})" if hits and not stray else word)
            good &= hits == matrix.seeds if own else stray == 0
        first = "" if defect is None else f"{matrix.right[row]}/{matrix.seeds}"
        good &= defect is None or matrix.right[row] == matrix.seeds
        print(f"{row:<{wide}}" + "".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True)) + f"{first:>15}")
    print("[own check]   (implied)   . quiet   - cannot be judged: fires on the subset as it is")
    for defect in rows:
        for check, reason in defect.implies.items():
            print(f"  {defect.id} -> {check}: {reason}")
    for line in matrix.why:
        print(f"  {line}")
    most = int(binom.ppf(0.975, matrix.seeds, ALPHA))
    seeds = ", ".join(f"{check} {count}" for check, count in sorted(matrix.alone.items())) or "none"
    print(f"fired without a reason, in how many of {matrix.seeds} seeds (alpha {ALPHA} allows {most} a check): {seeds}")
    print("as it should be" if good else "NOT as it should be")
    return good


if __name__ == "__main__":
    raise SystemExit(main())
