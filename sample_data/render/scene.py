"""The whole scene of one picture: pint, bar top, room, lights and lens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mitsuba as mi
import numpy as np
from denoise import denoised
from materials import bitmap, diffuse, glossy, rgb
from pint import pint
from plan import Picture
from props import clutter
from textures import bar_backdrop, studio_backdrop, table

Spec = dict[str, Any]
Vector = tuple[float, float, float]
T = mi.ScalarTransform4f


def render(picture: Picture, folder: Path, samples: int) -> np.ndarray:
    """Linear radiance of the picture, denoised, (rows, columns, 3); meshes are kept in `folder`."""
    scene = mi.load_dict(_scene(picture, folder, samples))
    light = np.array(mi.render(scene, seed=picture.index), dtype=np.float64)[..., :3]
    surfaces = mi.load_dict({"type": "aov", "aovs": "albedo:albedo,normal:sh_normal"})
    first_hit = np.array(mi.render(scene, integrator=surfaces, seed=picture.index, spp=4), dtype=np.float64)
    return denoised(light, first_hit[..., -6:], 0.10 if picture.origin == "studio" else 0.07)


def _scene(picture: Picture, folder: Path, samples: int) -> Spec:
    rng = np.random.default_rng([picture.seed, 3])
    spec: Spec = {"type": "scene", "integrator": {"type": "path", "max_depth": 15, "rr_depth": 6}}
    spec["sensor"] = _sensor(picture, samples)
    spec |= _room(rng, picture) | pint(picture, folder)
    if picture.origin == "studio":
        return spec | _studio_lights(rng, picture)
    return spec | _bar_lights(rng, picture) | clutter(picture, folder)


def _sensor(picture: Picture, samples: int) -> Spec:
    camera = picture.camera
    eye, target = np.array(camera.origin), np.array(camera.target)
    forward = (target - eye) / np.linalg.norm(target - eye)
    roll = T().rotate(forward.tolist(), -camera.roll)
    focus = float(np.linalg.norm(eye - np.array((0.0, target[1], 0.0)))) - 4.0
    return {
        "type": "thinlens",
        "fov": camera.fov,
        "fov_axis": "larger",
        "aperture_radius": camera.aperture,
        "focus_distance": focus,
        "to_world": T().look_at(eye.tolist(), target.tolist(), (roll @ mi.ScalarVector3f(0, 1, 0))),
        "film": {
            "type": "hdrfilm",
            "width": camera.width,
            "height": camera.height,
            "pixel_format": "rgb",
            "rfilter": {"type": "gaussian", "stddev": 0.45},
        },
        "sampler": {"type": "multijitter", "sample_count": samples},
    }


def _room(rng: np.random.Generator, picture: Picture) -> Spec:
    studio = picture.origin == "studio"
    top = table(rng, picture.table)
    gloss = rng.uniform(0.10, 0.22) if studio else rng.uniform(0.06, 0.3)
    image = studio_backdrop(rng, picture.backdrop) if studio else bar_backdrop(rng, picture.backdrop)
    far = -75.0 if studio else -95.0
    wide = 75.0 if studio else 100.0
    depth = (-34.0, 110.0) if studio else (-60.0, 110.0)
    shift = 0.0 if studio else -1.6 * picture.camera.origin[0]
    middle, half = (depth[0] + depth[1]) / 2, (depth[1] - depth[0]) / 2
    turn = float(rng.uniform(-4, 4) if studio else rng.uniform(-30, 30))
    flat = T().translate([0, 0, middle]).rotate([0, 1, 0], turn).rotate([1, 0, 0], -90).scale([90, half, 1])
    return {
        "table": {"type": "rectangle", "to_world": flat, "bsdf": glossy(bitmap(top, 2.5), float(gloss))},
        "backdrop": {
            "type": "rectangle",
            "to_world": T().translate([shift, wide * 0.667 * 0.45, far]).scale([wide, wide * 0.667, 1]),
            "bsdf": diffuse((0.02, 0.02, 0.02)),
            "emitter": {
                "type": "area",
                "radiance": bitmap(image * (1.0 if studio else 0.8)),
                "sampling_weight": 0.3,
            },
        },
    }


def _panel(origin: Vector, half: tuple[float, float], radiance: Vector, weight: float = 1.0) -> Spec:
    world = T().look_at(list(origin), [0, 8, 0], [0.01, 1, 0.02]).scale([*half, 1])
    return {
        "type": "rectangle",
        "to_world": world,
        "bsdf": diffuse((0, 0, 0)),
        "emitter": {"type": "area", "radiance": rgb(radiance), "sampling_weight": weight},
    }


def _studio_lights(rng: np.random.Generator, picture: Picture) -> Spec:
    warm = np.array((1.0, 0.95, 0.88)) * rng.uniform(0.9, 1.1)
    side = -1.0 if picture.light == "key_left" else 1.0
    key, fill = (9.0, 2.0) if picture.light != "top_soft" else (4.0, 3.5)
    height = rng.uniform(18, 32)
    return {
        "ambient": {"type": "constant", "radiance": rgb(0.10 * warm), "sampling_weight": 0.5},
        "key": _panel((side * 48, float(height), 34), (13, 26), tuple(key * warm), 2.0),
        "fill": _panel((-side * 52, 20, 26), (10, 24), tuple(fill * warm)),
        "top": _panel((0, 62, 12), (30, 20), tuple((2.6 if picture.light != "top_soft" else 6.0) * warm), 2.0),
        "rim_left": _panel((-30, 16, -26), (4, 20), tuple(5.0 * warm), 0.4),
        "rim_right": _panel((30, 16, -26), (4, 20), tuple(4.0 * warm), 0.4),
    }


_NEON = (
    (0.05, 0.25, 1.0),
    (1.0, 0.03, 0.45),
    (0.04, 0.9, 0.22),
    (1.0, 0.30, 0.02),
    (0.5, 0.05, 1.0),
    (1.0, 0.04, 0.04),
)


def _bar_lights(rng: np.random.Generator, picture: Picture) -> Spec:
    spec: Spec = {"ambient": {"type": "constant", "radiance": rgb((0.03, 0.022, 0.016)), "sampling_weight": 0.4}}
    lamp = np.array((1.0, 0.58, 0.26))
    if picture.light == "flash":
        eye = np.array(picture.camera.origin)
        offset = np.array((rng.uniform(-2, 2), 3.0, 0.0))
        spec["flash"] = _panel(tuple(eye + offset), (1.6, 1.6), (420.0, 430.0, 450.0))
        spec["lamp"] = _panel((30, 60, -40), (12, 12), tuple(0.9 * lamp))
    elif picture.light == "neon":
        first, second = (np.array(_NEON[i]) for i in rng.choice(len(_NEON), 2, replace=False))
        spec["neon_a"] = _panel(
            (-42, float(rng.uniform(8, 40)), float(rng.uniform(-25, 30))), (5, 22), tuple(6 * first)
        )
        spec["neon_b"] = _panel(
            (42, float(rng.uniform(8, 40)), float(rng.uniform(-25, 30))), (5, 22), tuple(5 * second)
        )
        spec["lamp"] = _panel((0, 80, 20), (16, 16), tuple(0.5 * lamp))
    elif picture.light == "window":
        day = np.array((0.85, 0.95, 1.1))
        side = float(rng.choice([-1, 1]))
        spec["window"] = _panel((side * 70, 45, float(rng.uniform(-30, 30))), (26, 34), tuple(3.0 * day))
    elif picture.light == "overhead":
        spec["lamp"] = _panel(
            (float(rng.uniform(-12, 12)), 70, float(rng.uniform(-10, 15))), (7, 7), tuple(26 * lamp**0.6)
        )
    else:
        spec["lamp"] = _panel((float(rng.uniform(-50, 50)), 55, float(rng.uniform(-30, 30))), (9, 9), tuple(8 * lamp))
        spec["lamp_far"] = _panel((float(rng.uniform(-60, 60)), 50, -50), (6, 6), tuple(10 * lamp))
    return spec
