"""Is a concept made inconsistent found first, in the right aspect, with its pictures; is clean data left alone?

    python benchmarks/consistency.py [--data ../shared/data] [--seeds 5] [--share 0.4]

Real photos (TrashNet, Grocery Store in the shop) and the bundled Perfect Pint studio pictures, as thumbnails. Planted:
`share` of one concept's pictures are changed, a different concept each seed. Clean: the sets as they are, subsets of
their concepts, and one concept cut at random into pseudo-concepts, which are composed alike by construction.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.checks.consistency import _COLUMNS, DEFAULT_PARAMS, ORDER, PRIOR, in_what, judge
from analysis.composition import UNNOTICED, measure
from analysis.imaging import decode, shrunk
from analysis.scatter import Scatter, compare

REPOSITORY = Path(__file__).resolve().parents[1]
Picture = NDArray[np.uint8]
Change = Callable[[Picture, np.random.Generator, Picture], Picture]
MOST = 60  # pictures a concept
SPLITS = 200  # random cuts of a concept into pseudo-concepts
DRAWS = {3: 100, 6: 60, 12: 30, 20: 30}  # random draws of so many concepts from a clean set


def in_a_corner(picture: Picture, rng: np.random.Generator, other: Picture) -> Picture:
    """Shrunk, in a corner, on the picture's own ground."""
    h, w = picture.shape[:2]
    scale = rng.uniform(0.3, 0.45)
    small = cv2.resize(picture, (int(w * scale), int(h * scale)), interpolation=cv2.INTER_AREA)
    rim = np.concatenate([picture[:6].reshape(-1, 3), picture[-6:].reshape(-1, 3)])
    out = np.empty_like(picture)
    out[:] = np.median(rim, axis=0)
    y, x = (int(rng.choice([0.04 * full, 0.96 * full - part])) for full, part in zip((h, w), small.shape, strict=False))
    out[y : y + small.shape[0], x : x + small.shape[1]] = small
    return out


def turned(picture: Picture, rng: np.random.Generator, other: Picture) -> Picture:
    """By a quarter, a half or three quarters."""
    return np.ascontiguousarray(np.rot90(picture, rng.integers(1, 4)))


def cut_narrow(picture: Picture, rng: np.random.Generator, other: Picture) -> Picture:
    """Only a strip of it, lying or standing."""
    h, w = picture.shape[:2]
    if rng.random() < 0.5:
        return np.ascontiguousarray(picture[int(h * 0.275) : int(h * 0.725)])
    return np.ascontiguousarray(picture[:, int(w * 0.275) : int(w * 0.725)])


def zoomed(picture: Picture, rng: np.random.Generator, other: Picture) -> Picture:
    """A third of the side, from anywhere."""
    h, w = picture.shape[:2]
    y, x = int(rng.integers(0, int(h * 0.65))), int(rng.integers(0, int(w * 0.65)))
    part = picture[y : y + int(h * 0.35), x : x + int(w * 0.35)]
    return np.asarray(cv2.resize(part, (w, h), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def elsewhere(picture: Picture, rng: np.random.Generator, other: Picture) -> Picture:
    """The middle of it before another scene."""
    h, w = picture.shape[:2]
    out = np.ascontiguousarray(cv2.resize(other, (w, h)), dtype=np.uint8)
    yy, xx = np.mgrid[0:h, 0:w]
    inside = ((yy - h / 2) / (h * 0.4)) ** 2 + ((xx - w / 2) / (w * 0.4)) ** 2 < 1
    out[inside] = picture[inside]
    return out


def lit_otherwise(picture: Picture, rng: np.random.Generator, other: Picture) -> Picture:
    """From one side, warm or cold."""
    fall = np.linspace(0.3, 1.3, picture.shape[1])[None, :, None]
    cast = np.array([1.2, 1.0, 0.7]) if rng.random() < 0.5 else np.array([0.7, 0.95, 1.25])
    return np.clip(picture * (fall if rng.random() < 0.5 else fall[:, ::-1]) * cast, 0, 255).astype(np.uint8)


PLANTS: dict[str, tuple[Change, tuple[str, ...]]] = {
    "in a corner": (in_a_corner, ("subject",)),
    "turned": (turned, ("viewpoint", "shape")),
    "cut narrow": (cut_narrow, ("shape",)),
    "zoomed": (zoomed, ("framing", "subject")),
    "elsewhere": (elsewhere, ("background",)),
    "lit otherwise": (lit_otherwise, ("lighting",)),
}


def anything(picture: Picture, rng: np.random.Generator, other: Picture) -> Picture:
    """One of the changes above, another for each picture."""
    return list(PLANTS.values())[int(rng.integers(len(PLANTS)))][0](picture, rng, other)


def read(folder: Path, depth: int, seed: int = 0) -> dict[str, list[Picture]]:
    """Up to `MOST` thumbnails, at random, of each concept, its name cut to `depth` parts."""
    out: dict[str, list[Picture]] = {}
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".png"))
    for i in np.random.default_rng(seed).permutation(len(paths)):
        path = paths[i]
        name = "/".join(path.relative_to(folder).parent.parts[:depth])
        if len(out.setdefault(name, [])) < MOST:
            out[name].append(shrunk(decode(path.read_bytes()).rgb, 192))
    return {name: pictures for name, pictures in out.items() if len(pictures) >= 20}


def verdicts(numbers: NDArray[np.float64], groups: list[NDArray[np.int64]]) -> tuple[Scatter, NDArray[np.bool_], int]:
    """What was found of each group and aspect, and the group that comes first (-1 where nothing was found)."""
    scatter = compare(numbers, UNNOTICED, groups, _COLUMNS, len(groups), prior=PRIOR)
    corrected, found = judge(scatter, DEFAULT_PARAMS)
    hit = np.flatnonzero(found.any(axis=1))
    if not len(hit):
        return scatter, found, -1
    share = scatter.share[hit, np.where(found, corrected, 2.0)[hit].argmin(axis=1)]
    verdict = share >= DEFAULT_PARAMS.fail_from
    return scatter, found, int(hit[np.lexsort((-share, ~verdict))[0]])


def main() -> int:
    """Print the figures; 1 where what must hold does not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.4)
    arguments = parser.parse_args()
    sets = {
        "TrashNet": (arguments.data / "trashnet", 1),
        "Grocery in shops": (arguments.data / "grocery" / "in_store", 2),
        "Grocery in shops, finest": (arguments.data / "grocery" / "in_store", 9),
        "Perfect Pint": (REPOSITORY / "sample_data" / "perfect_pint" / "studio", 1),
    }
    scenes = REPOSITORY / "sample_data" / "perfect_pint" / "real_world"
    others = [p for pictures in read(scenes, 1).values() for p in pictures[:10]] if scenes.is_dir() else []
    good = True
    for name, (folder, depth) in sets.items():
        if not folder.is_dir():
            print(f"{name}: {folder} is not there, left out")
            continue
        good &= _one_set(name, read(folder, depth), others, arguments.seeds, arguments.share)
    return 0 if good else 1


def _one_set(name: str, concepts: dict[str, list[Picture]], others: list[Picture], seeds: int, share: float) -> bool:
    names = sorted(concepts)
    pictures = [p for c in names for p in concepts[c]]
    start = time.process_time()
    numbers = np.array([measure(p)[1] for p in pictures])
    each = (time.process_time() - start) / len(pictures) * 1000
    edges = np.cumsum([0, *(len(concepts[c]) for c in names)])
    groups = [np.arange(edges[k], edges[k + 1]) for k in range(len(names))]
    _, found, _ = verdicts(numbers, groups)
    print(f"\n{name}: {len(names)} concepts, {len(pictures)} pictures, {each:.1f} CPU ms a picture")
    print(f"  as it is: {int(found.any(axis=1).sum())} concepts named")
    for k, (named, draws) in _subsets(numbers, groups).items():
        print(f"  {k} concepts at random, 40-80 pictures each where there are: something named in {named} of {draws}")
    alarms = _pseudo_concepts(numbers, groups)
    print(f"  one concept cut at random into four: {alarms} alarms of {SPLITS} (alpha 0.05)")
    print(
        f"  {share:.0%} of a concept, {seeds} seeds: named, named first, right aspect named, of the first 10 pictures"
    )
    for title, (change, aspects) in {**PLANTS, "anything": (anything, tuple(ORDER[:-1]))}.items():
        rows = []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            k = seed % len(names) if len(names) <= seeds else int(rng.integers(len(names)))
            chosen = np.sort(rng.choice(groups[k], round(share * len(groups[k])), replace=False))
            changed = numbers.copy()
            for i in chosen:
                other = others[int(rng.integers(len(others)))] if others else pictures[int(rng.integers(len(pictures)))]
                changed[i] = measure(change(pictures[i], rng, other))[1]
            scatter, found, first = verdicts(changed, groups)
            named = in_what(dict(zip(ORDER, scatter.share[k], strict=True)))
            by = scatter.distance[k][:, found[k] if found[k].any() else slice(None)].max(axis=1)
            top = groups[k][np.argsort(-by)[:10]]
            hit = bool(found[k].any())
            rows.append((hit, first == k, hit and bool(set(named) & set(aspects)), float(np.isin(top, chosen).mean())))
        sums = np.array(rows, dtype=np.float64)
        counts = ", ".join(f"{int(x)}" for x in sums[:, :3].sum(axis=0))
        print(f"    {title:14s} {counts} of {seeds}; {sums[:, 3].mean():.2f}")
    from scipy.stats import binom

    return alarms <= binom.ppf(0.975, SPLITS, DEFAULT_PARAMS.alpha)


def _subsets(numbers: NDArray[np.float64], groups: list[NDArray[np.int64]]) -> dict[int, tuple[int, int]]:
    """For each number of concepts: draws in which something was named, of how many."""
    out = {}
    for k, draws in DRAWS.items():
        if k > len(groups):
            continue
        named = 0
        for seed in range(draws):
            rng = np.random.default_rng([seed, k])
            of = [groups[i] for i in rng.choice(len(groups), k, replace=False)]
            some = [np.sort(rng.choice(g, min(len(g), int(rng.integers(40, 81))), replace=False)) for g in of]
            named += bool(verdicts(numbers, some)[1].any())
        out[k] = (named, draws)
    return out


def _pseudo_concepts(numbers: NDArray[np.float64], groups: list[NDArray[np.int64]]) -> int:
    alarms = 0
    for seed in range(SPLITS):
        rng = np.random.default_rng(seed)
        whole = rng.permutation(groups[seed % len(groups)])
        if len(whole) < 48:
            whole = rng.permutation(max(groups, key=len))
        alarms += bool(verdicts(numbers, [np.sort(part) for part in np.array_split(whole, 4)])[1].any())
    return alarms


if __name__ == "__main__":
    sys.exit(main())
