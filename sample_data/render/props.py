"""Things that stand about on a bar table: other glasses, bottles, plates, phones, coasters, lamps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mitsuba as mi
import numpy as np
from geometry import GLASSES, glass_shape, moved, revolve, write_ply
from materials import BEERS, clear_glass, diffuse, glossy, metal, rgb
from pint import build, empty_glass
from plan import Head, Picture

Rng = np.random.Generator
Spec = dict[str, Any]
T = mi.ScalarTransform4f

_KINDS = ("glass", "glass", "beer", "bottle", "bottle", "plate", "phone", "coaster", "candle", "menu", "salt")


def clutter(picture: Picture, folder: Path) -> Spec:
    """The picture's clutter, placed so that nothing stands between the lens and the pint."""
    rng = np.random.default_rng([picture.seed, 5])
    shapes: Spec = {}
    taken = [(0.0, 0.0, 5.5)]
    for number in range(picture.clutter):
        kind = str(rng.choice(_KINDS))
        flat = kind in ("plate", "phone", "coaster", "menu")
        place = _free_place(rng, picture, taken, 7.5 if kind == "plate" else 4.5, flat)
        if place is not None:
            shapes |= MAKERS[kind](rng, folder, f"prop{number}", place)
    return shapes


def _free_place(
    rng: Rng, picture: Picture, taken: list[tuple[float, float, float]], radius: float, flat: bool
) -> tuple[float, float, float] | None:
    eye = np.array(picture.camera.origin)[[0, 2]]
    sight = -eye / np.linalg.norm(eye)
    for _ in range(60):
        x, z = rng.uniform(-26, 26), rng.uniform(-38, 16)
        free = all(np.hypot(x - a, z - b) > r + radius for a, b, r in taken)
        along = np.dot(np.array((x, z)) - eye, sight)
        aside = abs(np.cross(np.append(sight, 0), np.append(np.array((x, z)) - eye, 0))[2])
        before = along < np.linalg.norm(eye)
        if free and along > 9 and (not before or flat or aside > 10):
            taken.append((x, z, radius))
            return float(x), 0.0, float(z)
    return None


def _ply(
    rng: Rng,
    folder: Path,
    name: str,
    profile: list[tuple[float, float]],
    bsdf: Spec,
    place: tuple[float, float, float],
) -> Spec:
    mesh = moved(revolve(np.array(profile, dtype=float), 56), place)
    return {name: {"type": "ply", "filename": write_ply(mesh, folder / f"{name}.ply"), "bsdf": bsdf}}


def _glass(rng: Rng, folder: Path, name: str, place: tuple[float, float, float]) -> Spec:
    if rng.random() < 0.35:
        stem = [
            (0, 0.1),
            (3.2, 0.1),
            (3.2, 0.25),
            (0.5, 0.5),
            (0.35, 1),
            (0.35, 7.5),
            (1.6, 8.4),
            (3.5, 11),
            (3.6, 13),
            (3.0, 17),
            (2.9, 17.1),
            (2.85, 17),
            (3.4, 13),
            (3.3, 11.1),
            (1.5, 8.8),
            (0, 8.4),
        ]
        return _ply(rng, folder, name, stem, clear_glass(), place)
    return empty_glass(glass_shape(str(rng.choice(GLASSES[:3])), rng.uniform(0.6, 1.0), 0.9), folder, name, place)


def _beer(rng: Rng, folder: Path, name: str, place: tuple[float, float, float]) -> Spec:
    shape = glass_shape(str(rng.choice(GLASSES[:3])), rng.uniform(0.9, 1.0), 1.0)
    top = shape.height * rng.uniform(0.25, 0.6)
    head = Head("other", 0.02, top - 0.12, top, 1.0)
    return build(rng, shape, head, BEERS[str(rng.choice(list(BEERS)))], folder, name, offset=place)


def _bottle(rng: Rng, folder: Path, name: str, place: tuple[float, float, float]) -> Spec:
    outline = [
        (0, 0.05),
        (2.9, 0.05),
        (3.05, 0.3),
        (3.05, 12.5),
        (2.8, 14),
        (1.6, 17),
        (1.3, 18.5),
        (1.25, 22),
        (1.4, 22.1),
        (1.4, 22.8),
        (0, 22.8),
    ]
    tint = [(0.02, 0.09, 0.03), (0.10, 0.035, 0.01), (0.012, 0.012, 0.015)][int(rng.integers(3))]
    body = _ply(rng, folder, name, outline, glossy(rgb(tint), 0.06), place)
    label = [(3.07, 4.0), (3.08, 4.1), (3.08, 10.0), (3.07, 10.1)]
    colour = rng.uniform(0.05, 0.8, 3)
    return body | _ply(rng, folder, f"{name}_label", label, diffuse(colour), place)


def _plate(rng: Rng, folder: Path, name: str, place: tuple[float, float, float]) -> Spec:
    outline = [(0, 0.1), (5, 0.1), (8.6, 1.4), (8.7, 1.6), (8.5, 1.6), (5.5, 0.6), (0, 0.5)]
    shapes = _ply(rng, folder, name, outline, glossy(rgb((0.75, 0.74, 0.70)), 0.08), place)
    for i in range(int(rng.integers(5, 16))):
        angle, r = rng.uniform(0, 6.28), rng.uniform(0, 4.5)
        centre = (place[0] + r * np.cos(angle), 1.0 + rng.uniform(0, 0.9), place[2] + r * np.sin(angle))
        turn = (
            T().translate(list(centre)).rotate([0, 1, 0], rng.uniform(0, 360)).rotate([1, 0, 0], rng.uniform(-20, 20))
        )
        shapes[f"{name}_chip{i}"] = {
            "type": "cube",
            "to_world": turn.scale([0.42, 0.42, rng.uniform(1.5, 3.2)]),
            "bsdf": diffuse(np.array((0.70, 0.45, 0.14)) * rng.uniform(0.7, 1.1)),
        }
    return shapes


def _slab(
    name: str, place: tuple[float, float, float], size: tuple[float, float, float], turn: float, bsdf: Spec
) -> Spec:
    world = T().translate([place[0], size[1] + 0.02, place[2]]).rotate([0, 1, 0], turn).scale(list(size))
    return {name: {"type": "cube", "to_world": world, "bsdf": bsdf}}


def _phone(rng: Rng, folder: Path, name: str, place: tuple[float, float, float]) -> Spec:
    turn = rng.uniform(0, 180)
    shapes = _slab(name, place, (3.6, 0.4, 7.3), turn, glossy(rgb((0.015, 0.015, 0.018)), 0.05))
    if rng.random() < 0.5:
        world = T().translate([place[0], 0.85, place[2]]).rotate([0, 1, 0], turn).rotate([1, 0, 0], -90)
        glow = rng.uniform(0.2, 0.9, 3)
        shapes[f"{name}_screen"] = {
            "type": "rectangle",
            "to_world": world.scale([3.3, 6.8, 1]),
            "emitter": {"type": "area", "radiance": rgb(glow * 0.5)},
        }
    return shapes


def _coaster(rng: Rng, folder: Path, name: str, place: tuple[float, float, float]) -> Spec:
    return _slab(name, place, (4.6, 0.06, 4.6), rng.uniform(0, 90), diffuse(rng.uniform(0.1, 0.8, 3)))


def _menu(rng: Rng, folder: Path, name: str, place: tuple[float, float, float]) -> Spec:
    return _slab(name, place, (6, 0.08, 9), rng.uniform(0, 180), glossy(rgb(rng.uniform(0.02, 0.7, 3)), 0.15))


def _salt(rng: Rng, folder: Path, name: str, place: tuple[float, float, float]) -> Spec:
    outline = [(0, 0.02), (1.8, 0.02), (1.9, 0.2), (1.5, 5.5), (1.5, 6.8), (1.2, 7.3), (0, 7.4)]
    surface = metal() if rng.random() < 0.5 else glossy(rgb((0.5, 0.03, 0.02)), 0.1)
    return _ply(rng, folder, name, outline, surface, place)


def _candle(rng: Rng, folder: Path, name: str, place: tuple[float, float, float]) -> Spec:
    outline = [(0, 0.02), (3.0, 0.02), (3.2, 0.3), (3.4, 6.0), (3.3, 6.1), (3.15, 6.0), (2.9, 0.8), (0, 0.7)]
    shapes = _ply(rng, folder, name, outline, clear_glass((0.95, 0.6, 0.35)), place)
    shapes[f"{name}_flame"] = {
        "type": "sphere",
        "center": [place[0], 3.2, place[2]],
        "radius": 0.7,
        "emitter": {"type": "area", "radiance": rgb((14.0, 6.5, 2.0))},
    }
    return shapes


MAKERS = {
    "glass": _glass,
    "beer": _beer,
    "bottle": _bottle,
    "plate": _plate,
    "phone": _phone,
    "coaster": _coaster,
    "candle": _candle,
    "menu": _menu,
    "salt": _salt,
}
