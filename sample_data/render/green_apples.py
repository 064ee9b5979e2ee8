"""Render the sample data set "Green apples": fruit in a studio, where apples are green, and in kitchens.

    python sample_data/render/green_apples.py --out sample_data/green_apples [--only N] [--workers 2]

Every picture has its own seed, so the set comes out the same each time but for faint grain; pictures already
there are kept. Needs the optional dependency group `render` (Mitsuba 3).
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mitsuba as mi
import numpy as np

mi.set_variant("scalar_rgb")

from camera import take, without_fireflies  # noqa: E402
from denoise import denoised  # noqa: E402
from fruit import MAKERS, apple, place  # noqa: E402
from materials import bitmap, diffuse, glossy, rgb  # noqa: E402
from plan import Finish  # noqa: E402
from props import MAKERS as PROPS  # noqa: E402
from textures import TABLES, bar_backdrop, studio_backdrop, table  # noqa: E402

Rng = np.random.Generator
Spec = dict[str, Any]
Vector = tuple[float, float, float]
T = mi.ScalarTransform4f

CONCEPTS = ("apple", "banana", "lemon", "orange", "pear")
STUDIO = 26
"""Pictures of each fruit in the studio; there all apples are green."""
KITCHEN = 16
"""Pictures of each fruit but the apple in real use."""
KITCHEN_APPLES = ("red", "green", "yellow", "red", "green", "yellow", "red", "green", "red")
"""Colours of apples in real use, in turn."""
KITCHEN_APPLE_ROUNDS = 4
SAMPLES = {"studio": 20, "kitchen": 16}
_SEED = 31337
_GROUNDS = ((0.80, 0.79, 0.77), (0.74, 0.70, 0.62), (0.52, 0.54, 0.56), (0.42, 0.52, 0.58), (0.62, 0.60, 0.66))
_LUMA = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of the data set; the rest is drawn from its seed."""

    index: int
    origin: str
    concept: str
    colour: str

    @property
    def path(self) -> str:
        """Place in the data set: origin / concept / name."""
        return f"{self.origin}/{self.concept}/{self.origin}_{self.index:03d}.jpg"

    def rng(self, part: int) -> Rng:
        """The picture's own chance, for one part of it."""
        return np.random.default_rng([_SEED, self.index, part])


@dataclass(frozen=True, slots=True)
class Shot:
    """How it is photographed."""

    eye: Vector
    target: Vector
    roll: float
    fov: float
    size: tuple[int, int]
    light: str
    ground: str
    number: int
    props: int
    finish: Finish


def plan() -> list[Picture]:
    """All pictures in rendering order: fruit and origins take turns, so that any first part is balanced."""
    rounds: list[tuple[str, str, str]] = []
    for i in range(max(STUDIO, KITCHEN, len(KITCHEN_APPLES) * KITCHEN_APPLE_ROUNDS)):
        if i < STUDIO:
            rounds += [("studio", c, "green" if c == "apple" else "") for c in CONCEPTS]
        if i < len(KITCHEN_APPLES) * KITCHEN_APPLE_ROUNDS:
            rounds.append(("kitchen", "apple", KITCHEN_APPLES[i % len(KITCHEN_APPLES)]))
        if i < KITCHEN:
            rounds += [("kitchen", c, "") for c in CONCEPTS if c != "apple"]
    return [Picture(i, *entry) for i, entry in enumerate(rounds)]


def shot(picture: Picture) -> Shot:
    """The camera, light and surroundings of a picture."""
    rng = picture.rng(0)
    studio = picture.origin == "studio"
    number = 1 if picture.concept == "banana" else int(rng.choice([1, 2, 3], p=[0.55, 0.25, 0.2]))
    wide = 1.0 + 0.42 * (number - 1) + (0.85 if picture.concept == "banana" else 0.0)
    if studio:
        pitch, side, roll = rng.uniform(8, 28), rng.uniform(-12, 12), 0.0
        distance, fov = rng.uniform(44, 54) * wide**0.9, rng.uniform(16, 18)
        if picture.concept == "banana":
            pitch += 22
        shift, size = rng.uniform(-0.5, 0.5, 2), (256, 256)
        light, ground = str(rng.choice(["left", "right", "top"])), "plain" if rng.random() < 0.75 else "pale_stone"
        props = 0
        finish = Finish(float(rng.uniform(0.92, 1.06)), (1.0, 1.0, 1.0), 0, 0, 0, 0, 0.1, 1.0, 88)
    else:
        pitch = float(rng.choice([rng.uniform(12, 35), rng.uniform(35, 68)]))
        side, roll = rng.uniform(-30, 30), float(rng.choice([rng.uniform(-4, 4), rng.uniform(-18, 18)]))
        distance, fov = rng.uniform(26, 36) * wide**0.9, rng.uniform(24, 34)
        shift, size = rng.uniform(-2.2, 2.2, 2), [(256, 256), (224, 296), (296, 224)][int(rng.integers(3))]
        light = str(rng.choice(["window", "lamp", "overhead", "flash"], p=[0.35, 0.25, 0.25, 0.15]))
        ground, props = str(rng.choice(TABLES)), int(rng.integers(1, 4))
        cast = np.exp(rng.normal(0, 0.05, 3)) * (1.06, 1.0, 0.92)
        cast = cast / cast.mean()
        finish = Finish(
            exposure=float(rng.uniform(0.55, 1.15)),
            cast=(float(cast[0]), float(cast[1]), float(cast[2])),
            motion=float(rng.choice([0.0, 0.0, 0.0, rng.uniform(2, 4)])),
            motion_angle=float(rng.uniform(0, 180)),
            defocus=float(rng.choice([0.0, 0.0, rng.uniform(0.4, 0.9)])),
            noise=float(rng.uniform(0.006, 0.03)),
            vignette=float(rng.uniform(0, 0.4)),
            contrast=float(rng.uniform(0.9, 1.2)),
            jpeg_quality=int(rng.integers(55, 80)),
        )
    up, round_ = np.radians(pitch), np.radians(side)
    target = (float(shift[0]), 3.6 if picture.concept != "banana" else 2.0, float(shift[1]))
    eye = (
        float(target[0] + distance * np.cos(up) * np.sin(round_)),
        float(target[1] + distance * np.sin(up)),
        float(target[2] + distance * np.cos(up) * np.cos(round_)),
    )
    return Shot(eye, target, roll, float(fov), size, light, ground, number, props, finish)


def scene(picture: Picture, how: Shot, folder: Path) -> Spec:
    """The whole scene as a Mitsuba dictionary."""
    spec: Spec = {"type": "scene", "integrator": {"type": "path", "max_depth": 6, "rr_depth": 4}}
    spec["sensor"] = _sensor(picture, how)
    spec |= _room(picture, how) | _lights(picture, how) | _fruit(picture, how, folder)
    if how.props:
        spec |= _props(picture, how, folder)
    return spec


def _sensor(picture: Picture, how: Shot) -> Spec:
    eye, target = np.array(how.eye), np.array(how.target)
    forward = (target - eye) / np.linalg.norm(target - eye)
    upward = T().rotate(forward.tolist(), -how.roll) @ mi.ScalarVector3f(0, 1, 0)
    return {
        "type": "thinlens",
        "fov": how.fov,
        "fov_axis": "larger",
        "aperture_radius": 0.5 if picture.origin == "studio" else 0.12,
        "focus_distance": float(np.linalg.norm(eye - target)) - 2.5,
        "to_world": T().look_at(eye.tolist(), target.tolist(), upward),
        "film": {
            "type": "hdrfilm",
            "width": how.size[0],
            "height": how.size[1],
            "pixel_format": "rgb",
            "rfilter": {"type": "gaussian", "stddev": 0.45},
        },
        "sampler": {"type": "multijitter", "sample_count": SAMPLES[picture.origin]},
    }


def _room(picture: Picture, how: Shot) -> Spec:
    rng = picture.rng(1)
    studio = picture.origin == "studio"
    if how.ground == "plain":
        colour = np.array(_GROUNDS[int(rng.integers(len(_GROUNDS)))])
        top, back = diffuse(colour), np.broadcast_to(0.9 * colour, (8, 8, 3)).copy()
    else:
        top = glossy(bitmap(table(rng, how.ground), 3.0), float(rng.uniform(0.12, 0.3)))
        wall = "" if studio else str(rng.choice(["window", "brick"]))
        back = studio_backdrop(rng, "cream") if studio else 0.6 * bar_backdrop(rng, wall)
    flat = T().translate([0, 0, 20]).rotate([0, 1, 0], float(rng.uniform(-40, 40))).rotate([1, 0, 0], -90)
    return {
        "table": {"type": "rectangle", "to_world": flat.scale([130, 130, 1]), "bsdf": top},
        "backdrop": {
            "type": "rectangle",
            "to_world": T().translate([0, 25, -75]).scale([90, 60, 1]),
            "bsdf": diffuse((0.02, 0.02, 0.02)),
            "emitter": {"type": "area", "radiance": bitmap(back), "sampling_weight": 0.3},
        },
    }


def _panel(origin: Vector, half: tuple[float, float], radiance: np.ndarray, weight: float = 1.0) -> Spec:
    world = T().look_at(list(origin), [0, 3, 0], [0.01, 1, 0.02]).scale([*half, 1])
    return {
        "type": "rectangle",
        "to_world": world,
        "bsdf": diffuse((0, 0, 0)),
        "emitter": {"type": "area", "radiance": rgb(radiance), "sampling_weight": weight},
    }


def _lights(picture: Picture, how: Shot) -> Spec:
    rng = picture.rng(2)
    white = np.array((1.0, 0.98, 0.95))
    if picture.origin == "studio":
        side = -1.0 if how.light == "left" else 1.0
        key = 3.0 if how.light == "top" else 6.5
        return {
            "ambient": {"type": "constant", "radiance": rgb(0.35 * white), "sampling_weight": 0.7},
            "key": _panel((side * 45, 34, 30), (16, 20), key * white, 2.0),
            "fill": _panel((-side * 50, 26, 30), (14, 20), 1.8 * white),
            "top": _panel((0, 60, 8), (30, 22), (5.0 if how.light == "top" else 2.0) * white, 1.5),
        }
    lamp, day = np.array((1.0, 0.78, 0.55)), np.array((0.92, 0.98, 1.06))
    spec: Spec = {"ambient": {"type": "constant", "radiance": rgb(0.10 * white), "sampling_weight": 0.5}}
    if how.light == "window":
        side = float(rng.choice([-1, 1]))
        spec["window"] = _panel((side * 60, 40, float(rng.uniform(-30, 20))), (22, 28), 4.5 * day)
        spec["wall"] = _panel((-side * 70, 30, 10), (30, 30), 0.5 * white)
    elif how.light == "flash":
        eye = np.array(how.eye) + np.array([rng.uniform(-2, 2), 3.0, 0.0])
        spec["flash"] = _panel((float(eye[0]), float(eye[1]), float(eye[2])), (2.0, 2.0), 200.0 * white)
        spec["lamp"] = _panel((30, 60, -20), (12, 12), 4.0 * lamp)
    elif how.light == "lamp":
        spec["lamp"] = _panel((float(rng.uniform(-40, 40)), 45, float(rng.uniform(-20, 30))), (8, 8), 22.0 * lamp)
        spec["room"] = _panel((0, 90, 30), (40, 40), 0.5 * lamp)
    else:
        where = (float(rng.uniform(-15, 15)), 65.0, float(rng.uniform(-10, 20)))
        spec["lamp"] = _panel(where, (12, 12), 14.0 * lamp**0.7)
    return spec


def _fruit(picture: Picture, how: Shot, folder: Path) -> Spec:
    rng = picture.rng(3)
    spec: Spec = {}
    spots: list[tuple[float, float]] = []
    for i in range(how.number):
        parts = apple(rng, picture.colour) if picture.concept == "apple" else MAKERS[picture.concept](rng)
        spot = (0.0, 0.0)
        if i:
            angle, far = rng.uniform(0, np.pi) * rng.choice([-1, 1]), (8.6 if picture.concept == "lemon" else 8.0)
            for _ in range(40):
                angle = rng.uniform(-np.pi, np.pi)
                spot = (far * float(np.cos(angle)), 0.8 * far * float(np.sin(angle)))
                if all(np.hypot(spot[0] - a, spot[1] - b) > 7.4 for a, b in spots):
                    break
        spots.append(spot)
        lean = 0.0
        if picture.concept in ("apple", "orange"):
            lean = float(rng.choice([rng.uniform(-0.2, 0.35), rng.uniform(0.3, 1.1)], p=[0.6, 0.4]))
        elif picture.concept == "pear" and rng.random() < 0.25:
            lean = float(rng.uniform(1.45, 1.7))
        turn = rng.uniform(-np.pi, np.pi)
        if picture.concept == "lemon" or (picture.concept == "pear" and lean):
            turn = rng.uniform(-0.9, 0.9) + (np.pi / 2 if lean else 0.0)  # its length is seen
        elif picture.concept == "banana":
            turn = rng.choice([0.0, np.pi]) + rng.uniform(-0.7, 0.7)
        spec |= place(parts, folder, f"fruit{i}", spot, float(turn), lean)
    middle = np.mean(np.array(spots), axis=0)
    if how.number > 1:  # the group in the middle
        return _shifted(spec, (-float(middle[0]), 0.0, -float(middle[1])))
    return spec


def _shifted(spec: Spec, by: Vector) -> Spec:
    return {name: shape | {"to_world": T().translate(list(by))} for name, shape in spec.items()}


def _props(picture: Picture, how: Shot, folder: Path) -> Spec:
    """Things that stand about behind and beside the fruit."""
    rng = picture.rng(4)
    spec: Spec = {}
    eye = np.arctan2(how.eye[0], how.eye[2])
    for i in range(how.props):
        kind = str(rng.choice(["coaster", "menu", "salt", "phone", "glass", "plate"]))
        angle = eye + np.pi + rng.uniform(-1.3, 1.3)
        far = rng.uniform(17, 27) + 6 * (how.number - 1)
        spot = (float(far * np.sin(angle)), 0.0, float(far * np.cos(angle)))
        spec |= PROPS[kind](rng, folder, f"prop{i}", spot)
    return spec


def render_one(job: tuple[Picture, Path, Path | None]) -> tuple[str, float]:
    """Render one picture; returns its path and the seconds it took."""
    picture, out, kept = job
    started = time.monotonic()
    how = shot(picture)
    negative = kept / f"{picture.index:03d}.npy" if kept else None
    if negative and negative.exists():
        light = np.load(negative).astype(np.float64)
    else:
        with tempfile.TemporaryDirectory() as folder:
            light = _light(picture, how, Path(folder))
        if negative:
            negative.parent.mkdir(parents=True, exist_ok=True)
            np.save(negative, light.astype(np.float32))
    image = without_fireflies(light)
    bright = float(np.percentile(image @ _LUMA, 95))
    image = image * (0.86 if picture.origin == "studio" else 0.74) / max(bright, 1e-4) * how.finish.exposure
    take(image, how.finish, picture.rng(5), out / picture.path, studio=picture.origin == "studio")
    return picture.path, time.monotonic() - started


def _light(picture: Picture, how: Shot, folder: Path) -> np.ndarray:
    loaded = mi.load_dict(scene(picture, how, folder))
    light = np.array(mi.render(loaded, seed=picture.index), dtype=np.float64)[..., :3]
    surfaces = mi.load_dict({"type": "aov", "aovs": "albedo:albedo,normal:sh_normal"})
    first_hit = np.array(mi.render(loaded, integrator=surfaces, seed=picture.index, spp=4), dtype=np.float64)
    return denoised(light, first_hit[..., -6:], 0.08)


def write_parameters(pictures: list[Picture], path: Path) -> None:
    """One row a picture: what was rendered."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        columns = "path concept origin apple_colour number light ground props roll_degrees"
        writer.writerow(columns.split())
        for p in pictures:
            how = shot(p)
            writer.writerow(
                [p.path, p.concept, p.origin, p.colour, how.number, how.light, how.ground, how.props, f"{how.roll:.1f}"]
            )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--only", type=int, help="render the first N pictures")
    parser.add_argument("--index", type=int, nargs="*", help="render these pictures")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--light", type=Path, help="keep the undeveloped pictures here, and use those found")
    options = parser.parse_args()
    pictures = plan()
    options.out.mkdir(parents=True, exist_ok=True)
    write_parameters(pictures, options.out / "render_parameters.csv")
    wanted = [pictures[i] for i in options.index] if options.index else pictures[: options.only]
    jobs = [(p, options.out, options.light) for p in wanted if not (options.out / p.path).exists()]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for done, (path, seconds) in enumerate(pool.imap_unordered(render_one, jobs), 1):
            print(f"{done}/{len(jobs)} {path} {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
