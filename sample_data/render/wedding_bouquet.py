"""Paint the sample data set "Wedding bouquet": couples, bouquets and cakes, for the guide's tale of a false positive.

    python sample_data/render/wedding_bouquet.py --out sample_data/wedding_bouquet [--workers 2] [--only KIND]

Every picture has its own seed: a second run gives the same pictures. Needs NumPy and OpenCV alone.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from wedding_brush import Canvas, branch, develop, rgb, room
from wedding_figures import Person, arch, arm, body, bouquet, cake, head, someone, veil

TRAINING, REAL = "training", "real_world"
# folder, concept, what the picture shows, how many
GROUPS = (
    (TRAINING, "bouquet_holding", "small_bouquet", 40),
    (TRAINING, "bouquet_holding", "focal_bouquet", 24),
    (TRAINING, "couple", "plain_couple", 48),
    (TRAINING, "wedding_cake", "cake", 32),
    (REAL, "bouquet_holding", "focal_bouquet", 12),
    (REAL, "bouquet_holding", "focal_bouquet_plain", 14),
    (REAL, "bouquet_holding", "small_bouquet", 6),
    (REAL, "couple", "bride_without_bouquet", 32),
    (REAL, "couple", "plain_couple", 16),
    (REAL, "wedding_cake", "cake", 12),
)
NATURE = ("garden", "stone", "beach")
EVERYWHERE = ("garden", "hall", "street", "stone", "beach", "room")


@dataclass(frozen=True, slots=True)
class Picture:
    """What one picture shows and how it was taken; `bouquet_radius` is a share of the side, 0 without a bouquet."""

    path: str
    concept: str
    origin: str
    shows: str
    veil: bool
    greenery: bool
    large_flowers: bool
    bouquet_radius: float
    backdrop: str
    tilt_degrees: float
    exposure: float
    warmth: float
    noise: float
    shake_px: float
    jpeg_quality: int
    seed: int


def plan() -> list[Picture]:
    """All pictures, with everything that is drawn by lot but the strokes."""
    out = []
    for group, (origin, concept, shows, count) in enumerate(GROUPS):
        for i in range(count):
            seed = 1000 * (group + 1) + i
            rng = np.random.default_rng(seed)
            wedding = shows in ("small_bouquet", "focal_bouquet", "bride_without_bouquet")
            radius = {
                "small_bouquet": (0.075, 0.11),
                "focal_bouquet": (0.25, 0.32),
                "focal_bouquet_plain": (0.22, 0.32),
            }
            low, high = radius.get(shows, (0.0, 0.0))
            wild = origin == REAL
            out.append(
                Picture(
                    path=f"{origin}/{concept}/{shows}_{i:02d}.jpg",
                    concept=concept,
                    origin=origin,
                    shows=shows,
                    veil=wedding,
                    greenery=wedding,
                    large_flowers=wedding and shows != "focal_bouquet",
                    bouquet_radius=round(float(rng.uniform(low, high)), 3) if high else 0.0,
                    backdrop=str(rng.choice(NATURE if wedding else EVERYWHERE)),
                    tilt_degrees=round(float(rng.normal(0, 4 if wild else 2)), 1),
                    exposure=round(float(rng.uniform(0.85, 1.25) if wild else rng.uniform(1.05, 1.22)), 2),
                    warmth=round(float(rng.normal(0.01, 0.04 if wild else 0.02)), 3),
                    noise=round(float(rng.uniform(0.008, 0.03) if wild else rng.uniform(0.005, 0.012)), 3),
                    shake_px=round(float(rng.uniform(0, 3)) if wild and rng.uniform() < 0.3 else 0.0, 1),
                    jpeg_quality=int(rng.integers(62, 80)),
                    seed=seed,
                )
            )
    return out


def paint(picture: Picture) -> np.ndarray:
    """Uint8 RGB of one picture."""
    rng = np.random.default_rng((picture.seed, 7))
    canvas = Canvas(rng)
    room(canvas, picture.backdrop, float(rng.uniform(0.02, 0.035)))
    if picture.shows == "cake":
        _cake(canvas)
    elif picture.shows.startswith("focal"):
        _close_up(canvas, picture)
    else:
        _couple(canvas, picture)
    return develop(
        canvas,
        tilt=picture.tilt_degrees,
        zoom=float(rng.uniform(1.03, 1.12)),
        exposure=picture.exposure,
        warmth=picture.warmth,
        noise=picture.noise,
        shake=picture.shake_px,
    )


def _cake(canvas: Canvas) -> None:
    rng = canvas.rng
    edge = rng.uniform(0.66, 0.76)
    cloth = rgb(rng.uniform(), rng.uniform(0.02, 0.2), rng.uniform(0.75, 0.95))
    canvas.shape(
        [(-0.1, edge), (1.1, edge), (1.2, 1.3), (-0.2, 1.3)], cloth, smooth=1, round_=0.02, folds=0.05, fold_width=0.2
    )
    cake(canvas, rng.uniform(0.36, 0.64), rng.uniform(0.82, 0.9), rng.uniform(0.34, 0.52), int(rng.integers(2, 5)))
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.choice([rng.uniform(0.02, 0.16), rng.uniform(0.84, 0.98)]), rng.uniform(0.82, 0.92)
        canvas.disc(x, y, 0.06, 0.02, rgb(0.6, 0.02, 0.96))
        canvas.shape(
            [(x - 0.02, y - 0.18), (x + 0.02, y - 0.18), (x + 0.012, y - 0.02), (x - 0.012, y - 0.02)],
            rgb(0.12, 0.4, 0.9),
            alpha=0.6,
            round_=0.01,
        )


def _couple(canvas: Canvas, picture: Picture) -> None:
    rng = canvas.rng
    r = rng.uniform(0.082, 0.115)
    side = int(rng.choice([-1, 1]))
    cx, y = rng.uniform(0.42, 0.58), rng.uniform(0.33, 0.42)
    close = rng.uniform(0.92, 1.08) if picture.veil else rng.uniform(1.0, 1.7)
    one = someone(rng, cx - side * close * r, y + rng.uniform(0.0, 0.5) * r, r * 0.96, side, side * 0.5)
    two = someone(rng, cx + side * close * r, y - rng.uniform(0.0, 0.35) * r, r, -side, -side * 0.5)
    cloth = (
        rgb(0.6, 0.02, 0.97) if picture.veil else rgb(rng.uniform(), rng.uniform(0.25, 0.7), rng.uniform(0.35, 0.85))
    )
    suit = rgb(rng.uniform(0.55, 0.7), rng.uniform(0.05, 0.4), rng.uniform(0.14, 0.42))
    if not picture.veil and rng.uniform() < 0.6:
        suit = rgb(rng.uniform(), rng.uniform(0.2, 0.6), rng.uniform(0.3, 0.75))
    if picture.greenery:
        arch(canvas, rng.uniform(0.06, 0.08), rng.uniform(0.1, 0.15), 0)
        canvas.blur(0.006)
    body(canvas, two, suit, dress=False)
    head(canvas, two, long_hair=False)
    if picture.veil:
        veil(canvas, one, front=False)
    body(canvas, one, cloth, dress=True, white=picture.veil)
    head(canvas, one, long_hair=not picture.veil or rng.uniform() < 0.5)
    if picture.veil:
        veil(canvas, one, front=True)
    _arms(canvas, picture, one, two, suit, side)
    if picture.greenery:
        arch(canvas, rng.uniform(0.075, 0.1), rng.uniform(0.14, 0.2), int(rng.integers(5, 9)))


def _arms(canvas: Canvas, picture: Picture, one: Person, two: Person, suit: np.ndarray, side: int) -> None:
    rng, r = canvas.rng, one.r
    waist = one.y + 4.5 * r
    shoulder = (two.x - two.lean * two.r + side * 1.4 * r, two.y + 2.3 * r)
    arm(
        canvas,
        shoulder,
        (shoulder[0] + side * 0.4 * r, shoulder[1] + 1.8 * r),
        (two.x - side * 1.2 * r, two.y + 4.0 * r),
        r,
        suit,
        two.skin,
    )
    own = (one.x - one.lean * r - side * 1.2 * r, one.y + 2.3 * r)
    if picture.bouquet_radius:
        at = (one.x + side * rng.uniform(-0.3, 0.6) * r, min(0.88, waist + rng.uniform(-0.2, 0.5) * r))
        arm(
            canvas,
            own,
            (own[0] - side * 0.5 * r, waist - 0.3 * r),
            (at[0] - side * 0.2 * r, at[1] + 0.5 * r),
            0.8 * r,
            one.skin,
            one.skin,
        )
        bouquet(canvas, *at, picture.bouquet_radius, hands=one.skin, flowers=int(rng.integers(9, 15)))
    else:
        hand = (one.x + side * rng.uniform(1.0, 1.8) * r, one.y + rng.uniform(2.2, 3.6) * r)
        arm(canvas, own, (own[0] + side * 0.2 * r, waist - 0.8 * r), hand, 0.8 * r, one.skin, one.skin)


def _close_up(canvas: Canvas, picture: Picture) -> None:
    rng, r = canvas.rng, picture.bouquet_radius
    x, y = rng.uniform(0.42, 0.58), rng.uniform(0.44, 0.54)
    holder = someone(rng, x + rng.uniform(-0.1, 0.1), -0.34, 0.2, int(rng.choice([-1, 1])), 0.0)
    if picture.greenery:
        for _ in range(6):
            left = rng.uniform() < 0.5
            start = (-0.03 if left else 1.03, rng.uniform(0, 0.6))
            branch(
                canvas,
                start,
                ((0.2 if left else 0.8) + rng.uniform(-0.06, 0.06), start[1] + rng.uniform(0, 0.25)),
                0.11,
            )
        canvas.blur(0.008)
    white = picture.veil
    cloth = rgb(0.6, 0.02, 0.96) if white else rgb(rng.uniform(), rng.uniform(0.15, 0.6), rng.uniform(0.4, 0.9))
    body(canvas, holder, cloth, dress=True, white=white)
    if picture.veil:
        edge = float(rng.choice([-1, 1]))
        canvas.shape(
            [(x + edge * 0.22, -0.05), (x + edge * 0.5, -0.05), (x + edge * 0.56, 0.6), (x + edge * 0.5, 1.05), (x + edge * 0.3, 1.05)],
            rgb(0.6, 0.02, 1.0), alpha=0.55, folds=0.16, fold_width=0.07, round_=0.05,
        )  # fmt: skip
    canvas.blur(0.004)
    for side in (-1, 1):
        arm(
            canvas,
            (x + side * 0.42, -0.05),
            (x + side * 0.4, y + 0.12),
            (x + side * 0.06, y + 1.05 * r),
            0.17,
            holder.skin,
            holder.skin,
        )
    canvas.shadow(x, y + 0.15 * r, 1.15 * r, 1.15 * r, 0.25)
    bouquet(canvas, x, y, r, hands=holder.skin, flowers=int(rng.integers(11, 22)))


def write(job: tuple[Picture, Path]) -> str:
    """Paint one picture into its file."""
    picture, out = job
    target = out / picture.path
    target.parent.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    if not cv2.imwrite(str(target), paint(picture)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, picture.jpeg_quality]):
        raise OSError(f"{target} was not written")
    return picture.path


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--only", help="paint only pictures that show this")
    parser.add_argument("--first", type=int, help="paint only the first N of each group")
    options = parser.parse_args()
    pictures = plan()
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "render_parameters.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Picture)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(p) for p in pictures)
    wanted = [p for p in pictures if options.only in (None, p.shows)]
    if options.first is not None:
        wanted = [p for p in wanted if p.seed % 1000 < options.first]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for done, path in enumerate(pool.imap(write, [(p, options.out) for p in wanted]), 1):
            print(f"{done}/{len(wanted)} {path}", flush=True)


if __name__ == "__main__":
    main()
