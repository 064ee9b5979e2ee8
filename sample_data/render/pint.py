"""The pint itself: glass, beer, bubbles and head, from the parameters of one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from geometry import WALL, Array, Displacement, GlassShape, Mesh, moved, revolve, spheres, tube, write_ply
from materials import BEERS, Beer, beer_body, clear_glass, foam_side, foam_top, wet
from plan import Head, Picture
from textures import foam, noise

Rng = np.random.Generator
Spec = dict[str, Any]

GAP = 0.012


def pint(picture: Picture, folder: Path) -> Spec:
    """Mitsuba shapes of the pint in `picture`; meshes are written to `folder`."""
    rng = np.random.default_rng([picture.seed, 1])
    return build(
        rng,
        picture.shape,
        picture.head,
        BEERS[picture.beer],
        folder,
        "pint",
        picture.facets,
        picture.handle_angle,
        picture.condensation,
    )


def build(
    rng: Rng,
    shape: GlassShape,
    head: Head,
    beer: Beer,
    folder: Path,
    name: str,
    facets: int = 0,
    handle: float = 0.0,
    condensation: float = 0.0,
    offset: tuple[float, float, float] = (0, 0, 0),
) -> Spec:
    """Shapes of a pint standing at `offset`."""
    panels = _panels(shape, facets)
    body = beer_body(beer)
    if condensation > 0:
        body = wet(body, _drops(rng), 0.09 * condensation)
    side, top = _foam_textures(rng, beer)
    parts: dict[str, tuple[Mesh, Spec]] = {
        "base": (revolve(_base_profile(shape), 96, panels), clear_glass()),
        "beer": (revolve(_beer_profile(shape, head), 96, panels), body),
        "bubbles": (_bubbles(rng, shape, head), {"type": "dielectric", "int_ior": 1.0, "ext_ior": 1.33}),
        "head": (_head_side(rng, shape, head, panels), foam_side(side)),
        "crown": (_head_top(rng, shape, head), foam_top(top, _cover(rng, head))),
    }
    if head.head_top < shape.height - 0.15:
        parts["wall"] = (
            revolve(_wall_profile(shape, head.head_top), 96, panels),
            clear_glass((0.98, 0.99, 0.98)),
        )
    if shape.kind == "mug":
        parts["handle"] = (moved(_handle(shape), (0, 0, 0), handle), clear_glass())
    return {
        f"{name}_{part}": {
            "type": "ply",
            "filename": write_ply(moved(mesh, offset), folder / f"{name}_{part}.ply"),
            "bsdf": bsdf,
        }
        for part, (mesh, bsdf) in parts.items()
    }


def empty_glass(shape: GlassShape, folder: Path, name: str, offset: tuple[float, float, float]) -> Spec:
    """A glass with nothing in it."""
    rim = _wall_profile(shape, shape.base)
    mesh = revolve(np.concatenate([_base_profile(shape)[:6], rim[1:], [[0.0, shape.base]]]), 64)
    return {
        name: {
            "type": "ply",
            "filename": write_ply(moved(mesh, offset), folder / f"{name}.ply"),
            "bsdf": clear_glass(),
        }
    }


def _panels(shape: GlassShape, facets: int) -> Displacement | None:
    if not facets:
        return None

    def displace(theta: Array, y: Array) -> Array:
        step = 2 * np.pi / facets
        local = np.mod(theta, step) - step / 2
        flat = np.cos(step / 2) / np.cos(local) - 1.0
        fade = np.clip((0.72 * shape.height - y) / 1.0, 0, 1) * np.clip((y - 0.4) / 0.8, 0, 1)
        return np.stack([1.6 * flat * fade * shape.radius(y), np.zeros_like(y), np.zeros_like(y)], -1)

    return displace


def _side(shape: GlassShape, low: float, high: float, rows: int, inset: float = 0.0) -> Array:
    y = np.linspace(low, high, rows)
    return np.stack([shape.radius(y) - inset, y], -1)


def _base_profile(shape: GlassShape) -> Array:
    top = shape.base - GAP
    r0, r1 = float(shape.radius(0.0)), float(shape.radius(top))
    foot = [[0, 0.10], [r0 - 0.5, 0.06], [r0 - 0.25, 0.01], [r0 - 0.06, 0.03], [r0, 0.10]]
    lens = [[r1 - 0.02, top], [r1 - 0.5, top - 0.12], [r1 * 0.5, top - 0.28], [0, top - 0.32]]
    return np.concatenate([foot, _side(shape, 0.16, top - 0.03, 10), lens])


def _beer_profile(shape: GlassShape, head: Head) -> Array:
    low, high = shape.base, head.beer_top
    r0, r1 = float(shape.radius(low)), float(shape.radius(high))
    under = [[0, low - 0.30], [r0 * 0.5, low - 0.26], [r0 - 0.5, low - 0.10], [r0 - 0.04, low]]
    over = [[r1, high], [r1 - 0.04, high + 0.005], [r1 - 0.4, high + 0.005], [0, high + 0.005]]
    return np.concatenate([under, _side(shape, low + 0.04, high - 0.03, 48), over])


def _wall_profile(shape: GlassShape, low: float) -> Array:
    high = shape.height
    outer = _side(shape, low + GAP, high - 0.12, 24)
    rim = float(shape.radius(high))
    turn = np.linspace(-0.1, np.pi + 0.1, 9)
    lip = np.stack([rim - WALL / 2 + WALL / 2 * np.cos(turn), high - 0.10 + WALL / 2 * np.sin(turn)], -1)
    inner = _side(shape, high - 0.12, low + GAP, 24, WALL)
    return np.concatenate([inner[-1:], outer, lip, inner])


def _ragged(rng: Rng, amount: float) -> Displacement:
    waves = [(int(k), rng.uniform(0, 6), rng.normal() / np.sqrt(k)) for k in rng.integers(2, 40, 14)]

    def displace(theta: Array, y: Array) -> Array:
        lift = sum(a * np.cos(k * theta + p) for k, p, a in waves) * amount
        return np.stack([np.zeros_like(y), lift, np.zeros_like(y)], -1)

    return displace


def _head_side(rng: Rng, shape: GlassShape, head: Head, panels: Displacement | None) -> Mesh:
    depth = head.head_top - head.beer_top
    top = min(head.head_top, shape.height)
    ragged = _ragged(rng, min(0.035, 0.1 * depth))
    low = head.beer_top - 0.02

    def displace(theta: Array, y: Array) -> Array:
        fade = np.clip(1 - (y - low) / max(0.4 * depth, 0.05), 0, 1)[..., None]
        out = ragged(theta, y) * fade
        return out + panels(theta, y) if panels else out

    rows = _side(shape, low, top, 28, -0.012)
    return revolve(rows, 120, displace)


def _head_top(rng: Rng, shape: GlassShape, head: Head) -> Mesh:
    top = min(head.head_top, shape.height)
    rise = head.head_top - top
    inset = WALL if head.head_top < shape.height - 0.15 else 0.0
    radius = float(shape.radius(top)) - inset + 0.01
    t = np.linspace(0, 1, 30)
    dome = np.sqrt(np.clip(1 - t**2.6, 0, 1)) if rise > 0 else np.zeros_like(t)
    bulge = 1 + 0.035 * np.sin(np.pi * dome) * (rise > 0.1)
    profile = np.stack([radius * t * bulge, top + rise * dome], -1)[::-1]
    amount = 0.0 if head.cover < 1 else min(0.14, 0.05 + 0.3 * (head.head_top - head.beer_top) / shape.height)
    bumps = noise(rng, (64, 128), (9, 9), 3) - 0.5

    def displace(theta: Array, y: Array) -> Array:
        column = (theta / (2 * np.pi) * 128).astype(int) % 128
        row = np.broadcast_to(np.linspace(0, 63, y.shape[0]).astype(int)[:, None], y.shape)
        edge = np.broadcast_to(np.minimum(1.0, np.linspace(0.2, 6, y.shape[0]))[:, None], y.shape)
        pole = np.broadcast_to(np.linspace(1, 0, y.shape[0])[:, None] ** 0.5, y.shape)
        lift = 2.4 * amount * bumps[row, column] * edge * pole
        return np.stack([np.zeros_like(y), lift, np.zeros_like(y)], -1)

    return revolve(profile, 128, displace)


def _cover(rng: Rng, head: Head) -> Array | None:
    if head.cover >= 0.995:
        return None
    patches = noise(rng, (128, 512), (16, 34), 4)
    ring = np.linspace(0, 1, 128)[:, None]
    # Row 0 of a texture lies at v = 1, the middle of the head; a ring of foam stays at the glass.
    keep = patches + 0.9 * np.clip((ring - 0.82) / 0.12, 0, 1) > 1.02 - head.cover
    return keep.astype(float)


def _foam_textures(rng: Rng, beer: Beer) -> tuple[Array, Array]:
    side = foam(rng, beer.foam, beer.haze)
    top = foam(rng, beer.foam, beer.foam)
    return side, top


def _bubbles(rng: Rng, shape: GlassShape, head: Head) -> Mesh:
    streams = int(rng.integers(8, 20))
    centres, radii = [], []
    for _ in range(streams):
        angle, share = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.97)
        for _ in range(int(rng.integers(4, 12))):
            y = rng.uniform(shape.base + 0.5, head.beer_top - 0.2)
            radius = (float(shape.radius(y)) - 0.15) * share
            jitter = rng.normal(0, 0.05, 2)
            centres.append((radius * np.cos(angle) + jitter[0], y, radius * np.sin(angle) + jitter[1]))
            radii.append(rng.uniform(0.02, 0.05))
    return spheres(np.array(centres), np.array(radii))


def _drops(rng: Rng) -> Array:
    fine = noise(rng, (512, 768), (2.6, 1.8), 1)
    coarse = noise(rng, (512, 768), (5, 3.4), 1)
    return 0.5 * np.clip((fine - 0.80) / 0.15, 0, 1) + np.clip((coarse - 0.90) / 0.1, 0, 1)


def _handle(shape: GlassShape) -> Mesh:
    t = np.linspace(-np.pi / 2, np.pi / 2, 28)
    radius = float(shape.radius(shape.height * 0.5)) - 0.15
    bend = np.sign(np.cos(t)) * np.abs(np.cos(t)) ** 0.6
    path = np.stack([radius + 3.0 * bend, shape.height * (0.52 + 0.30 * np.sin(t)), np.zeros_like(t)], -1)
    return tube(path[::-1], 0.5)
