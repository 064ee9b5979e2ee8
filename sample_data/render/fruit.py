"""Fruit: meshes and skins of apples, pears, oranges, lemons and bananas, computed from a seed.

Lengths are centimetres; y points up. A fruit stands at the origin on y = 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from geometry import Array, Mesh, grid_mesh, revolve, tube, write_ply
from materials import bitmap, glossy, rgb
from scipy.interpolate import PchipInterpolator
from textures import noise

Rng = np.random.Generator
Spec = dict[str, Any]
Colour = tuple[float, float, float]

APPLES: dict[str, tuple[Colour, Colour]] = {
    "green": ((0.27, 0.46, 0.045), (0.36, 0.50, 0.07)),
    "red": ((0.40, 0.018, 0.018), (0.22, 0.008, 0.012)),
    "yellow": ((0.78, 0.56, 0.075), (0.70, 0.45, 0.05)),
}
"""Two colours of the skin between which it varies, linear."""
_PEARS: tuple[tuple[Colour, Colour], ...] = (
    ((0.46, 0.47, 0.07), (0.36, 0.42, 0.06)),
    ((0.62, 0.50, 0.09), (0.50, 0.44, 0.08)),
    ((0.36, 0.22, 0.06), (0.27, 0.16, 0.045)),
)
_WOODY = (0.10, 0.055, 0.025)


@dataclass(frozen=True, slots=True)
class Part:
    """One surface of a fruit and what it is made of."""

    mesh: Mesh
    bsdf: Spec


def apple(rng: Rng, colour: str) -> list[Part]:
    """A standing apple with dimples at both ends, five soft lobes and a stem."""
    radius, tall = rng.uniform(3.3, 3.9), rng.uniform(0.84, 0.98)
    phi = np.linspace(0, np.pi, 90)
    r = radius * np.sin(phi) ** 0.92 * (1 - 0.13 * np.cos(phi))
    y = -radius * tall * np.cos(phi)
    y = np.where(phi > np.pi / 2, y - 1.25 * np.exp(-((r / 1.05) ** 2)), y + 0.75 * np.exp(-((r / 0.8) ** 2)))
    profile = np.stack([np.maximum(r, 0.0), y], -1)
    phase, bumps = rng.uniform(0, 6.3), [(k, rng.uniform(0, 6.3), rng.normal(0, 0.05)) for k in (1, 2, 3)]

    def lobes(theta: Array, height: Array) -> Array:
        low = np.clip(0.5 - height / (2 * radius), 0, 1)
        out = 0.10 * low * np.cos(5 * theta + phase) + sum(a * np.cos(k * theta + p) for k, p, a in bumps)
        return np.stack([out, np.zeros_like(out), np.zeros_like(out)], -1)

    body = revolve(profile, 96, lobes)
    t = np.linspace(0, 1, 12)
    lean = rng.uniform(-0.5, 0.5)
    top = radius * tall - 1.25
    path = np.stack([lean * t**2, top - 0.3 + rng.uniform(1.5, 2.6) * t, np.zeros_like(t)], -1)
    return [
        Part(body, glossy(bitmap(_apple_skin(rng, colour)), 0.13)),
        Part(tube(path, 0.11, 10), glossy(rgb(_WOODY), 0.4)),
    ]


def pear(rng: Rng) -> list[Part]:
    """A standing pear with a stem."""
    size = rng.uniform(0.9, 1.05)
    neck = rng.uniform(0.85, 1.15)
    at = np.array([0, 0.02, 0.10, 0.24, 0.38, 0.52, 0.66, 0.82, 0.93, 0.985, 1.0])
    wide = np.array([0, 0.9, 2.1, 3.15, 3.4, 2.9, 2.05 * neck, 1.5 * neck, 1.15 * neck, 0.55, 0])
    t = np.concatenate([np.linspace(0, 0.1, 20)[:-1], np.linspace(0.1, 0.93, 70)[:-1], np.linspace(0.93, 1, 20)])
    profile = np.stack([np.maximum(PchipInterpolator(at, wide)(t), 0), 9.6 * t], -1) * size
    bend, turn = rng.uniform(0.0, 0.5), rng.uniform(0, 6.3)

    def leaning(theta: Array, height: Array) -> Array:
        out = bend * np.clip(height / (9.6 * size), 0, 1) ** 2 * np.cos(theta + turn)
        return np.stack([out, np.zeros_like(out), np.zeros_like(out)], -1)

    first, second = _PEARS[int(rng.choice(3, p=[0.45, 0.35, 0.2]))]
    skin = _mixed(rng, first, second, (30, 60))
    skin = _specks(rng, skin, 900, np.array((0.22, 0.13, 0.04)), 0.6)
    s = np.linspace(0, 1, 12)
    path = np.stack([rng.uniform(-0.9, 0.9) * s**2, 9.6 * size - 0.15 + 2.0 * s, np.zeros_like(s)], -1)
    stalk = Part(tube(path, 0.14, 10), glossy(rgb(_WOODY), 0.4))
    return [Part(revolve(profile, 96, leaning), glossy(bitmap(skin), 0.2)), stalk]


def orange(rng: Rng) -> list[Part]:
    """An orange with pores and the green button of its stem."""
    radius = rng.uniform(3.5, 4.1)
    phi = np.linspace(0, np.pi, 80)
    squash = rng.uniform(0.9, 0.98)
    dent = 0.25 * np.exp(-((np.pi - phi) ** 2) / 0.02)
    profile = np.stack([radius * np.sin(phi), -radius * squash * np.cos(phi) - dent], -1)
    skin = _mixed(rng, (0.88, 0.31, 0.014), (0.80, 0.25, 0.010), (40, 80))
    pores = noise(rng, (384, 768), (2.2, 2.2), 1)
    button = np.array([(0, 0), (0.36, 0.02), (0.3, 0.16), (0.12, 0.24), (0, 0.25)])
    cap = revolve(button, 20)
    lifted = Mesh(cap.points + np.array([0, radius * squash - 0.28, 0]), cap.normals, cap.uv, cap.faces)
    return [
        Part(revolve(profile, 96), _rough(skin, pores, 0.035, 0.2)),
        Part(lifted, glossy(rgb((0.10, 0.16, 0.03)), 0.4)),
    ]


def lemon(rng: Rng) -> list[Part]:
    """A lemon lying on its side: an ellipsoid with a nipple at each end."""
    long, radius = rng.uniform(4.2, 4.8), rng.uniform(2.75, 3.1)
    s = np.linspace(-1, 1, 100)
    body = radius * np.sqrt(np.clip(1 - np.abs(s) ** 2.2, 0, 1))
    tip = 0.75 * np.sqrt(np.clip(1 - (np.abs(s) / 1.0) ** 8, 0, 1))
    profile = np.stack([np.maximum(body, tip) * (np.abs(s) < 1), long * (s + 0.10 * np.sign(s) * np.abs(s) ** 8)], -1)
    skin = _mixed(rng, (0.92, 0.74, 0.04), (0.86, 0.66, 0.03), (40, 80))
    green = np.clip((np.abs(np.linspace(1, -1, skin.shape[0])) - 0.88) / 0.12, 0, 1)[:, None, None]
    skin = skin * (1 - 0.5 * green) + 0.5 * green * np.array((0.45, 0.50, 0.05))
    pores = noise(rng, (384, 768), (2.2, 2.2), 1)
    mesh = _turned(revolve(profile, 96), np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]]))
    return [Part(mesh, _rough(skin, pores, 0.03, 0.2))]


def bananas(rng: Rng) -> list[Part]:
    """One to four bananas of a hand, lying on the table, joined at the stem."""
    parts = []
    number = int(rng.choice([1, 2, 3, 4], p=[0.25, 0.25, 0.3, 0.2]))
    ripe = rng.uniform(0, 1)
    for i in range(number):
        mesh = _banana(rng, rng.uniform(7.6, 8.8))
        lean = np.radians(6 + 16 * i + rng.uniform(-3, 3))
        c, s = np.cos(lean), np.sin(lean)
        tipped = _turned(mesh, np.array([[1, 0, 0], [0, c, s], [0, -s, c]]))  # about the long way
        turn = np.radians(12 * i + rng.uniform(-3, 3))
        c, s = np.cos(turn), np.sin(turn)
        around = _turned(tipped, np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]))
        parts.append(Part(around, glossy(bitmap(_banana_skin(rng, ripe)), 0.22)))
    return parts


def _banana(rng: Rng, bow: float) -> Mesh:
    """A bent tube of five soft edges in the plane of the table; the stem at x < 0."""
    half = np.radians(rng.uniform(58, 72))
    t = np.linspace(-1.0, 1.0, 90)
    angle = t * half
    path = np.stack([bow * np.sin(angle), np.zeros_like(t), bow * (np.cos(angle) - np.cos(half))], -1)
    tangent = np.stack([np.cos(angle), np.zeros_like(t), -np.sin(angle)], -1)
    out = np.stack([np.sin(angle), np.zeros_like(t), np.cos(angle)], -1)
    up = np.cross(out, tangent)
    at = np.array([-1.0, -0.97, -0.86, -0.72, -0.4, 0.1, 0.6, 0.86, 0.95, 0.975, 1.0])
    wide = np.array([0.0, 0.40, 0.44, 0.95, 1.45, 1.55, 1.4, 0.8, 0.40, 0.34, 0.0])
    radius = PchipInterpolator(at, wide)(t)
    theta = np.linspace(0, 2 * np.pi, 61)
    five = 1 + 0.045 * np.cos(5 * theta)
    ring = np.cos(theta)[None, :, None] * out[:, None] + np.sin(theta)[None, :, None] * up[:, None]
    grid = path[:, None] + (radius[:, None] * five[None])[..., None] * ring
    grid[:, -1] = grid[:, 0]
    return grid_mesh(grid[::-1], closed=True)


def _banana_skin(rng: Rng, ripe: float) -> Array:
    skin = _mixed(rng, (0.86, 0.60, 0.035), (0.74, 0.52, 0.04), (30, 30))
    along = np.linspace(-1, 1, skin.shape[0])[:, None, None]  # row 0 at the stem's other end
    ends = np.clip((np.abs(along) - 0.72) / 0.2, 0, 1)
    green = np.array((0.42, 0.48, 0.06)) if ripe < 0.4 else np.array((0.55, 0.42, 0.06))
    skin = skin * (1 - 0.75 * ends) + 0.75 * ends * green
    black = np.clip((np.abs(along) - 0.955) / 0.02, 0, 1)
    skin = skin * (1 - black) + black * np.array((0.06, 0.04, 0.02))
    return _specks(rng, skin, int(40 + 500 * ripe**2), np.array((0.16, 0.08, 0.02)), 0.7)


def _apple_skin(rng: Rng, colour: str) -> Array:
    first, second = APPLES[colour]
    skin = _mixed(rng, first, second, (20, 30))
    rows, columns, _ = skin.shape
    if colour == "red":  # streaks of a lighter ground
        streaks = noise(rng, (rows, columns), (60, 2.0), 3)
        shine = np.clip((streaks - 0.62) / 0.38, 0, 1)[..., None] * rng.uniform(0.15, 0.7)
        skin = skin * (1 - shine) + shine * np.array((0.66, 0.24, 0.06))
    if colour == "yellow" and rng.random() < 0.4:  # a cheek turned to the sun
        cheek = np.clip((noise(rng, (rows, columns), (60, 90), 2) - 0.6) / 0.4, 0, 1)[..., None]
        skin = skin * (1 - 0.5 * cheek) + 0.5 * cheek * np.array((0.72, 0.26, 0.05))
    skin = _specks(rng, skin, 500, np.minimum(1.5 * np.array(first) + 0.06, 0.9), 0.5)
    down = np.linspace(0, 1, rows)[:, None, None]  # row 0 is the stem's dimple
    cavity = np.clip(1 - down / 0.09, 0, 1) * 0.8
    skin = skin * (1 - cavity) + cavity * np.array((0.30, 0.28, 0.07))
    calyx = np.clip((down - 0.95) / 0.05, 0, 1)
    return np.asarray(skin * (1 - calyx) + calyx * np.array((0.10, 0.07, 0.03)))


def _mixed(rng: Rng, first: Colour, second: Colour, scale: tuple[float, float]) -> Array:
    """Skin of two colours that flow into each other, (192, 384, 3), a little lighter or darker as a whole."""
    mix = noise(rng, (192, 384), scale, 4)[..., None]
    out = (np.array(first) * (1 - mix) + np.array(second) * mix) * rng.uniform(0.88, 1.1)
    return np.asarray(np.clip(out, 0.003, 0.92))


def _specks(rng: Rng, skin: Array, number: int, colour: Array, strength: float) -> Array:
    out = skin.copy()
    rows, columns, _ = skin.shape
    for row, column in zip(rng.integers(0, rows, number), rng.integers(0, columns, number), strict=True):
        size = int(rng.integers(1, 3))
        part = out[row : row + size, column : column + size]
        part += strength * rng.uniform(0.3, 1.0) * (colour - part)
    return out


def _rough(skin: Array, pores: Array, height: float, gloss: float) -> Spec:
    return {"type": "bumpmap", "arbitrary": bitmap(pores), "scale": height, "bsdf": glossy(bitmap(skin), gloss)}


def _turned(mesh: Mesh, matrix: Array) -> Mesh:
    return Mesh(mesh.points @ matrix.T, mesh.normals @ matrix.T, mesh.uv, mesh.faces)


MAKERS: dict[str, Callable[[Rng], list[Part]]] = {"pear": pear, "orange": orange, "lemon": lemon, "banana": bananas}


def place(parts: list[Part], folder: Path, name: str, offset: tuple[float, float], turn: float, lean: float) -> Spec:
    """The fruit as Mitsuba shapes: tipped over by `lean` radians, turned by `turn`, set down at x, z = `offset`."""
    c, s = np.cos(lean), np.sin(lean)
    tip = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(turn), np.sin(turn)
    matrix = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ tip
    turned = [_turned(p.mesh, matrix) for p in parts]
    floor = min(float(m.points[:, 1].min()) for m in turned)
    middle = (turned[0].points.min(axis=0) + turned[0].points.max(axis=0)) / 2
    out: Spec = {}
    for i, (mesh, part) in enumerate(zip(turned, parts, strict=True)):
        shift = np.array([offset[0] - middle[0], 0.01 - floor, offset[1] - middle[2]])
        moved = Mesh(mesh.points + shift, mesh.normals, mesh.uv, mesh.faces)
        file = write_ply(moved, folder / f"{name}_{i}.ply")
        out[f"{name}_{i}"] = {"type": "ply", "filename": file, "bsdf": part.bsdf}
    return out
