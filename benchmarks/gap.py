"""Is there a gap, and in what: alarm rate, what is seen, and which axis comes first when one is planted.

Equal halves of real photos (alarm rate with its exact 95 % interval); halved brightness, light noise (spread
8 of 255) and light blur (1 pixel at 512) in one half, 100 a side; one axis planted in one half (matrix: planted, ranked
first); other things in real use, also altered, where content has to differ; Grocery, studio against shops; green apples
only against all apples. Where dataeval is installed, its drift detectors see the same vectors.

    python benchmarks/gap.py [--data ../shared/data] [--only alarms,seen,axes,other,grocery,apples] [--a-side 120]
                             [--sets NAME,...] [--axes "NAME;..."] [--seed 7]

Exit 1 where a figure falls short of its reach.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from analysis.dataset import REAL_WORLD, TRAINING
from analysis.embedders import load_embedder
from analysis.opening import OpenDataset, open_dataset
from analysis.real_shift import FORM, Shift, measure_shift
from analysis.shift_axes import stored_values
from analysis.sources import Source
from analysis.store import Store
from analysis.two_sample import gap_test

SETS = {"trashnet": "trashnet", "in-store grocery": "grocery/in_store", "ade20k": "ade20k/images"}
RESAMPLES = {"alarms": 400, "seen": 60}
ALARM_REACH, SEEN_REACH, FIRST_REACH = 0.05, 0.95, 1.0
RGB = Image.Image


def array(image: RGB) -> np.ndarray:
    return np.asarray(image).astype(np.float32)


def picture(values: np.ndarray) -> RGB:
    return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))


def gains(*factors: float) -> Callable[[RGB, np.random.Generator, RGB], RGB]:
    return lambda image, rng, other: picture(array(image) * np.array(factors, dtype=np.float32))


def contrast(factor: float) -> Callable[[RGB, np.random.Generator, RGB], RGB]:
    def alter(image: RGB, rng: np.random.Generator, other: RGB) -> RGB:
        values = array(image)
        return picture((values - values.mean()) * factor + values.mean())

    return alter


def coloured(factor: float) -> Callable[[RGB, np.random.Generator, RGB], RGB]:
    return lambda image, rng, other: ImageEnhance.Color(image).enhance(factor)


def noise(spread: float) -> Callable[[RGB, np.random.Generator, RGB], RGB]:
    return lambda image, rng, other: picture(array(image) + rng.normal(0, spread, (image.height, image.width, 3)))


def turned(degrees: float) -> Callable[[RGB, np.random.Generator, RGB], RGB]:
    """Turned, and cut and enlarged as 15 degrees ask for, however little it is turned."""

    def alter(image: RGB, rng: np.random.Generator, other: RGB) -> RGB:
        w, h = image.size
        c, s = np.cos(np.deg2rad(15)), np.sin(np.deg2rad(15))
        k = min(w / (w * c + h * s), h / (w * s + h * c))
        left, top = w * (1 - k) / 2, h * (1 - k) / 2
        part = image.rotate(degrees, Image.Resampling.BICUBIC).crop((int(left), int(top), int(w - left), int(h - top)))
        return part.resize((w, h), Image.Resampling.BICUBIC)

    return alter


def leaning(top: float, bottom: float) -> Callable[[RGB, np.random.Generator, RGB], RGB]:
    """Cut by these shares of the width on each side at the top and at the bottom, and drawn to the old width."""

    def alter(image: RGB, rng: np.random.Generator, other: RGB) -> RGB:
        w, h = image.size
        quad = (top * w, 0, bottom * w, h, w - bottom * w, h, w - top * w, 0)
        return image.transform((w, h), Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)

    return alter


def nearer(image: RGB, rng: np.random.Generator, other: RGB) -> RGB:
    w, h = image.size
    part = image.crop((int(w * 0.2), int(h * 0.2), int(w * 0.8), int(h * 0.8)))
    return part.resize((w, h), Image.Resampling.BICUBIC)


def as_soft(image: RGB, rng: np.random.Generator, other: RGB) -> RGB:
    """The whole picture, as soft as its enlarged middle is."""
    w, h = image.size
    small = image.resize((int(w * 0.6), int(h * 0.6)), Image.Resampling.BICUBIC)
    return small.resize((w, h), Image.Resampling.BICUBIC)


def smaller(image: RGB, rng: np.random.Generator, other: RGB) -> RGB:
    """The whole at 0.6 of its size on a ground in the mean colour of its rim."""
    values = array(image)
    rim = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]]).mean(axis=0)
    out = Image.new("RGB", image.size, tuple(round(float(v)) for v in rim))
    w, h = (round(side * 0.6) for side in image.size)
    out.paste(image.resize((w, h), Image.Resampling.BICUBIC), ((image.width - w) // 2, (image.height - h) // 2))
    return out


def clutter(image: RGB, rng: np.random.Generator, other: RGB) -> RGB:
    out, (w, h) = image.copy(), image.size
    for _ in range(6):
        side = int(min(w, h, *other.size) * rng.uniform(0.18, 0.3))
        x, y = (int(rng.integers(0, size - side + 1)) for size in other.size)
        piece = other.crop((x, y, x + side, y + side))
        x, y = int(rng.integers(0, w - side + 1)), int(rng.integers(0, h - side + 1))
        edge = int(rng.integers(4))
        x, y = (0, y) if edge == 0 else (w - side, y) if edge == 1 else (x, 0) if edge == 2 else (x, h - side)
        out.paste(piece, (x, y))
    return out


def shrunk(image: RGB, side: int) -> RGB:
    out = image.copy()
    out.thumbnail((side, side))
    return out


def tall(image: RGB, rng: np.random.Generator, other: RGB) -> RGB:
    cut = int(image.width * 0.2)
    return image.crop((cut, 0, image.width - cut, image.height))


PLANTS: dict[str, Callable[[RGB, np.random.Generator, RGB], RGB]] = {
    "brightness": gains(0.6, 0.6, 0.6),
    "brightness, up": gains(1.4, 1.4, 1.4),
    "brightness, much": gains(0.3, 0.3, 0.3),
    "colour_temperature": gains(1.15, 1.0, 0.8),
    "colour_temperature, up": gains(0.85, 1.0, 1.2),
    "contrast": contrast(0.6),
    "contrast, up": contrast(1.6),
    "sharpness": lambda image, rng, other: image.filter(ImageFilter.GaussianBlur(1)),
    "sharpness, much": lambda image, rng, other: image.filter(ImageFilter.GaussianBlur(3)),
    "noise": noise(8),
    "noise, much": noise(25),
    "saturation": coloured(0.4),
    "saturation, up": coloured(1.8),
    "jpeg_quality": lambda image, rng, other: image,  # saved at 25
    "jpeg_quality, much": lambda image, rng, other: image,  # saved at 10
    "megapixels": lambda image, rng, other: image.resize((max(8, image.width // 2), max(8, image.height // 2))),
    "megapixels, tiny": lambda image, rng, other: shrunk(image, 96),
    "aspect_ratio": tall,
    "camera_tilt": turned(15),
    "viewpoint": leaning(0.0, 0.2),
    "subject_size": nearer,
    "subject_size, farther away": as_soft,
    "subject_size, on a plain ground": smaller,
    "clutter": clutter,
}
"""The axis before the comma has to come first."""
QUALITY = {"jpeg_quality": 25, "jpeg_quality, much": 10}
LIKEWISE = {
    "camera_tilt": turned(0.2),
    "viewpoint": leaning(0.1, 0.1),
    "subject_size, farther away": nearer,
}
"""What the training side of these gets: the same enlarging and softening, so that the one axis is all that differs."""


def opened(store: Store, training: Path, real: Path | None = None) -> OpenDataset:
    return open_dataset(Source(training, real), store=store, embedder=load_embedder("bundled"))


def attributes(of: OpenDataset) -> np.ndarray:
    return np.column_stack([v for name, v in stored_values(of.dataset).items() if name not in FORM])


def interval(hits: int, n: int) -> str:
    from scipy.stats import binomtest

    low, high = binomtest(hits, n).proportion_ci()
    return f"{hits / n:.3f} ({low:.3f} to {high:.3f}, n = {n})"


def alarms(data: Path, store: Store) -> bool:
    fine = True
    for name, path in SETS.items():
        of = opened(store, data / path)
        x, values = of.features.image, attributes(of)
        hits, n = 0, RESAMPLES["alarms"]
        side = min(100, len(x) // 2)
        for seed in range(n):
            order = np.random.default_rng(seed).permutation(len(x))[: 2 * side]
            a, b = order[:side], order[side:]
            found = gap_test(x[a], x[b], attributes=(values[a], values[b]), seed=seed, permutations=199)
            hits += found.p_value <= 0.05
        from scipy.stats import binom

        fine &= hits <= binom.ppf(0.975, n, ALARM_REACH)
        print(f"equal halves, {name}, {side} a side: alarms {interval(hits, n)}, reach {ALARM_REACH}")
        peers(
            [
                (x[o[:side]], x[o[side : 2 * side]])
                for s in range(20)
                for o in [np.random.default_rng(s).permutation(len(x))]
            ],
            "equal halves",
        )
    return fine


def seen(data: Path, store: Store) -> bool:
    fine = True
    with tempfile.TemporaryDirectory() as folder:
        for name in ("trashnet", "in-store grocery"):
            base = planted(data / SETS[name], Path(folder) / name / "as_is", None, 400)
            of = opened(store, base)
            ways = {
                "halved brightness": gains(0.5, 0.5, 0.5),
                "light noise": noise(8),
                "light blur": PLANTS["sharpness"],
            }
            for way, alter in ways.items():
                changed = opened(store, planted(data / SETS[name], Path(folder) / name / way, alter, 400))
                x, z, v, u = of.features.image, changed.features.image, attributes(of), attributes(changed)
                hits, n, pairs = 0, RESAMPLES["seen"], []
                for seed in range(n):
                    order = np.random.default_rng(seed).permutation(len(x))[:200]
                    a, b = order[:100], order[100:]
                    pairs.append((x[a], z[b]))
                    hits += gap_test(x[a], z[b], attributes=(v[a], u[b]), seed=seed, permutations=199).p_value <= 0.05
                fine &= hits >= SEEN_REACH * n
                print(f"{way}, {name}, 100 a side: seen {interval(hits, n)}, reach {SEEN_REACH}")
                peers(pairs[:20], way)
    return fine


def peers(pairs: list[tuple[np.ndarray, np.ndarray]], what: str) -> None:
    """What dataeval's drift detectors say of the same pairs."""
    try:
        from dataeval.shift import DriftKNeighbors, DriftMMD, DriftUnivariate
    except ImportError:
        print(f"  dataeval is not installed: {what} not compared")
        return
    for kind in (DriftMMD, DriftKNeighbors, DriftUnivariate):
        hits = 0
        for a, b in pairs:
            detector = kind()
            detector.fit(a)
            hits += bool(detector.predict(b).drifted)
        print(f"  dataeval {kind.__name__}: {interval(hits, len(pairs))}")


def planted(
    source: Path,
    folder: Path,
    alter: Callable[[RGB, np.random.Generator, RGB], RGB] | None,
    most: int,
    *,
    quality: int = 95,
    side: int | None = None,
    seed: int = 7,
) -> Path:
    """Pictures of a set saved anew, altered; `side` 0 or 1 takes the first or second half of the sample."""
    files = sorted(p for p in source.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    order = np.random.default_rng(seed).permutation(len(files))[:most]
    if side is not None:
        order = order[side * (len(order) // 2) :][: len(order) // 2]
    folder.mkdir(parents=True)
    for n, i in enumerate(order):
        image = Image.open(files[i]).convert("RGB")
        image.thumbnail((640, 640))
        if alter is not None:
            other = Image.open(files[order[(n + 1) % len(order)]]).convert("RGB")
            other.thumbnail((640, 640))
            image = alter(image, np.random.default_rng(n), other)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        (folder / f"{i:05d}.jpg").write_bytes(buffer.getvalue())
    return folder


def shift(of: OpenDataset) -> Shift:
    origin = of.dataset.images["origin"].to_numpy()
    return measure_shift(
        of.dataset, of.features, np.flatnonzero(origin == TRAINING), np.flatnonzero(origin == REAL_WORLD)
    )


def first(of: OpenDataset) -> tuple[str, float]:
    """The axis ranked first ("nothing" where none differs), and the test's p-value."""
    found = shift(of)
    differing = found.table[found.table["differs"]]
    return (str(differing["axis"].iloc[0]) if len(differing) else "nothing"), found.p_value


def axes(data: Path, store: Store, a_side: int, chosen: set[str], seed: int) -> bool:
    right = total = 0
    for name, path in SETS.items():
        with tempfile.TemporaryDirectory() as folder:
            training = planted(data / path, Path(folder) / "training", None, 2 * a_side, side=0, seed=seed)
            for plant, alter in {"nothing": None, **PLANTS}.items():
                axis = plant.split(",")[0]
                if chosen and axis not in chosen and plant not in chosen:
                    continue
                quality = QUALITY.get(plant, 95)
                real = planted(data / path, Path(folder) / plant, alter, 2 * a_side, side=1, quality=quality, seed=seed)
                base = training
                if plant in LIKEWISE:
                    base = planted(
                        data / path, Path(folder) / f"{plant}_not", LIKEWISE[plant], 2 * a_side, side=0, seed=seed
                    )
                begun = time.process_time()
                got, p = first(opened(store, base, real))
                right += got == axis
                total += 1
                mark = "" if got == axis else "  <- wrong"
                spent = time.process_time() - begun
                print(
                    f"planted {plant}, {name}, {a_side} a side: first {got} (p {p:.3f}, {spent:.0f} s){mark}",
                    flush=True,
                )
    print(f"planted axis first: {interval(right, total)}, reach {FIRST_REACH}")
    return right == total


OTHER = ("nothing", "brightness, much", "brightness, up", "sharpness, much", "noise, much", "jpeg_quality, much",
         "megapixels, tiny", "subject_size", "subject_size, on a plain ground")  # fmt: skip


def other(data: Path, store: Store, a_side: int, seed: int) -> bool:
    """Glass to learn from, paper or plastic in real use, also altered: content has to be among what differs."""
    right = total = 0
    for name in ("paper", "plastic"):
        with tempfile.TemporaryDirectory() as folder:
            training = planted(data / SETS["trashnet"] / "glass", Path(folder) / "training", None, a_side, seed=seed)
            for plant in OTHER:
                source, quality = data / SETS["trashnet"] / name, QUALITY.get(plant, 95)
                real = planted(source, Path(folder) / plant, PLANTS.get(plant), a_side, quality=quality, seed=seed)
                table = shift(opened(store, training, real)).table
                differing = table.loc[table["differs"], "axis"].tolist()
                right += "content" in differing
                total += 1
                print(f"glass, then {name}, {plant}: {', '.join(differing[:3])}", flush=True)
    print(f"other things are said to be other things: {interval(right, total)}, reach {FIRST_REACH}")
    return right == total


def grocery(data: Path, store: Store) -> bool:
    of = opened(store, data / "grocery/studio", data / "grocery/in_store")
    got, p = first(of)
    print(f"grocery, studio against shops: first {got}, p {p:.4f}")
    return p <= 0.05


def apples(data: Path, store: Store) -> bool:
    """Training: green apples only; real use: all apples; both from the shops. Content has to come first."""
    of = opened(store, data / "grocery/in_store")
    concept = np.array([(of.dataset.concepts_of(i) or [""])[0] for i in range(len(of.dataset))])
    apple = np.flatnonzero(np.char.find(concept.astype(str), "Apple") >= 0)
    green = np.char.find(concept[apple].astype(str), "Granny") >= 0
    rng = np.random.default_rng(0)
    training = rng.permutation(apple[green])[: green.sum() // 2]
    real = np.setdiff1d(apple, training)
    dataset = dataclasses.replace(of.dataset, images=of.dataset.images.copy())
    found = measure_shift(dataset, of.features, training, real)
    lines = found.table.loc[found.table["differs"], ["axis", "sentence"]].head(3)
    print(f"green apples ({len(training)}) against all apples ({len(real)}): p {found.p_value:.3f}")
    for row in lines.to_dict("records"):
        print(f"  {row['axis']}: {row['sentence']}")
    return found.p_value <= 0.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", default="alarms,seen,axes,other,grocery,apples")
    parser.add_argument("--a-side", type=int, default=120)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--axes", help="only these are planted; separated by ;")
    parser.add_argument("--seed", type=int, default=7, help="which photos the axes are planted in")
    given = parser.parse_args()
    for name in list(SETS):
        if name not in given.sets.split(",") or not (given.data / SETS[name]).is_dir():
            print(f"{name}: left out or not there")
            SETS.pop(name)
    if not SETS or not (given.data / "grocery").is_dir():
        print(f"no photos in {given.data}: nothing measured")
        return 0
    fine = True
    with tempfile.TemporaryDirectory() as cache:
        store = Store(Path(cache))
        for part in given.only.split(","):
            if part == "axes":
                chosen = set(filter(None, (given.axes or "").split(";")))
                fine &= axes(given.data, store, given.a_side, chosen, given.seed)
            elif part == "other":
                fine &= "trashnet" not in SETS or other(given.data, store, given.a_side, given.seed)
            else:
                fine &= {"alarms": alarms, "seen": seen, "grocery": grocery, "apples": apples}[part](given.data, store)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
