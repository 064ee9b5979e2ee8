"""Render the sample data set "Perfect Pint": studio and real-world pictures of pints of beer.

    python sample_data/render/perfect_pint.py --out sample_data/perfect_pint [--only N] [--workers 2]

Every picture has its own seed, so the set comes out the same each time but for faint grain; pictures already
there are kept.
Needs the optional dependency group `render` (Mitsuba 3).
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
from plan import Picture, plan

VARIANT = "scalar_rgb"
SAMPLES = {"studio": 25, "real_world": 16}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--only", type=int, help="render the first N pictures")
    parser.add_argument("--index", type=int, nargs="*", help="render these pictures")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--samples", type=float, default=1.0, help="factor on the samples per pixel")
    parser.add_argument("--light", type=Path, help="keep the undeveloped pictures here, and use those found")
    options = parser.parse_args()
    pictures = plan()
    options.out.mkdir(parents=True, exist_ok=True)
    write_parameters(pictures, options.out / "render_parameters.csv")
    wanted = [pictures[i] for i in options.index] if options.index else pictures[: options.only]
    missing = [p for p in wanted if not (options.out / p.path).exists()]
    jobs = [(p, options.out, options.light, options.samples) for p in missing]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for done, (path, seconds) in enumerate(pool.imap_unordered(render_one, jobs), 1):
            print(f"{done}/{len(jobs)} {path} {seconds:.1f} s", flush=True)


def render_one(job: tuple[Picture, Path, Path | None, float]) -> tuple[str, float]:
    """Render one picture; returns its path and the seconds it took."""
    picture, out, kept, factor = job
    import mitsuba as mi

    mi.set_variant(VARIANT)
    from camera import develop
    from scene import render

    started = time.monotonic()
    negative = kept / f"{picture.index:03d}.npy" if kept else None
    if negative and negative.exists():
        light = np.load(negative).astype(np.float64)
    else:
        with tempfile.TemporaryDirectory() as folder:
            light = render(picture, Path(folder), max(4, int(SAMPLES[picture.origin] * factor)))
        if negative:
            negative.parent.mkdir(parents=True, exist_ok=True)
            np.save(negative, light.astype(np.float32))
    develop(light, picture, out / picture.path)
    return picture.path, time.monotonic() - started


def write_parameters(pictures: list[Picture], path: Path) -> None:
    """One row per picture: what was rendered."""
    fields = [
        "path",
        "concept",
        "origin",
        "head_fraction",
        "beer",
        "glass",
        "light",
        "table",
        "backdrop",
        "roll_degrees",
        "camera_height_cm",
        "clutter",
        "exposure",
        "motion_blur_px",
        "noise",
        "jpeg_quality",
        "degradations",
    ]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(fields)
        for p in pictures:
            writer.writerow(
                [
                    p.path,
                    p.concept,
                    p.origin,
                    f"{p.head.fraction:.3f}",
                    p.beer,
                    p.shape.kind,
                    p.light,
                    p.table,
                    p.backdrop,
                    f"{p.camera.roll:.1f}",
                    f"{p.camera.origin[1]:.1f}",
                    p.clutter,
                    f"{p.finish.exposure:.2f}",
                    f"{p.finish.motion:.1f}",
                    f"{p.finish.noise:.3f}",
                    p.finish.jpeg_quality,
                    ";".join(p.degradations),
                ]
            )


if __name__ == "__main__":
    main()
