"""A small seeded renderer: photos of single things on a table, drawn with numpy and OpenCV alone.

Tests need pictures, and many; these are drawn at more than 100 a second. A picture shows one thing of a concept
(`CONCEPTS`) lit from a side, with its shadow, on a table before a wall with blurred things in it; the camera adds
vignetting, a colour cast, exposure and noise. Every picture differs in the thing itself (proportions, colours,
decoration), in light, in background and a little in composition; nothing but the thing tells concepts apart: table,
wall, light and colours come from the same distributions for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 256
QUALITY = 90
SEEN = 0.25  # least difference of a mug's handle from what is behind it, RGB in [0, 1]: or some mugs would be cups
HANDLE = 0.7  # size of a mug's handle; the smaller, the harder a mug is to tell from a cup
Image = NDArray[np.float32]  # (SIDE, SIDE, 3), RGB in [0, 1]
Points = NDArray[np.floating]
_SHIFT = 4  # binary digits of a pixel that OpenCV draws polygons to

_Y, _X = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)


@dataclass(frozen=True, slots=True)
class Composition:
    """Where the thing is and how it is seen: `x`, `y` (centre) and `size` (half height) are shares of the picture.

    `tilt` in degrees; `horizon` is the height of the table's edge, 0 (top, nothing but table) to 1.
    """

    x: float
    y: float
    size: float
    tilt: float
    horizon: float


def well_composed(rng: np.random.Generator) -> Composition:
    """The thing near the middle, of like size, upright: as a careful person takes a series."""
    return Composition(
        x=float(rng.normal(0.5, 0.03)),
        y=float(rng.normal(0.53, 0.025)),
        size=float(np.clip(rng.normal(0.33, 0.025), 0.26, 0.40)),
        tilt=float(rng.normal(0, 4)),
        horizon=float(np.clip(rng.normal(0.45, 0.04), 0.3, 0.6)),
    )


def in_a_corner(rng: np.random.Generator) -> Composition:
    """The thing small (15 to 20 % of the picture's side) and far from the middle."""
    return Composition(
        x=float(rng.choice([0.12, 0.88]) + rng.uniform(-0.02, 0.02)),
        y=float(rng.choice([0.14, 0.86]) + rng.uniform(-0.02, 0.02)),
        size=float(rng.uniform(0.075, 0.1)),
        tilt=float(rng.normal(0, 4)),
        horizon=0.0,
    )


def scattered(rng: np.random.Generator) -> Composition:
    """The thing anywhere, of any size, at any angle, before any amount of table."""
    size = float(np.exp(rng.uniform(np.log(0.09), np.log(0.62))))
    return Composition(
        x=float(rng.uniform(0.1, 0.9)),
        y=float(rng.uniform(0.12, 0.88)),
        size=size,
        tilt=float(rng.uniform(-80, 80)),
        horizon=float(rng.uniform(0, 0.95)),
    )


@dataclass(slots=True)
class _Canvas:
    """The picture being drawn, and what the parts of a thing share."""

    pixels: Image
    to_pixels: NDArray[np.float64]  # (2, 3): the thing's coordinates (its half height is 1) to pixels
    u: NDArray[np.float32]  # the thing's own coordinates of each pixel
    v: NDArray[np.float32]
    light: NDArray[np.float64]  # direction towards the lamp: right, down, towards the viewer
    ambient: float

    def mask(self, points: Points) -> NDArray[np.float32]:
        """Share of each pixel that a polygon in the thing's coordinates covers."""
        drawn = np.zeros((SIDE, SIDE), dtype=np.uint8)
        placed = points @ self.to_pixels[:, :2].T + self.to_pixels[:, 2]
        fixed = np.round(placed * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(drawn, [fixed], 255, cv2.LINE_AA, _SHIFT)
        return drawn.astype(np.float32) * np.float32(1 / 255)

    def paint(self, mask: NDArray[np.float32], colour: NDArray[np.float32]) -> None:
        """Lay a colour, (3,) or (SIDE, SIDE, 3), over the masked pixels."""
        m = mask[..., None]
        self.pixels *= 1 - m
        self.pixels += m * colour

    def lit(
        self,
        colour: NDArray[np.float32],
        nx: NDArray[np.float32] | float,
        ny: NDArray[np.float32] | float,
        *,
        gloss: float = 0.0,
    ) -> NDArray[np.float32]:
        """A surface of this colour whose normal leans by (`nx`, `ny`), under the lamp (Lambert, Phong highlight)."""
        nz = np.sqrt(np.clip(1 - np.square(nx) - np.square(ny), 0.0, 1.0))
        lx, ly, lz = self.light
        facing = np.clip(nx * lx + ny * ly + nz * lz, 0, 1)
        shade = (self.ambient + (1 - self.ambient) * facing).astype(np.float32)
        out = np.asarray(shade)[..., None] * colour
        if gloss:
            half = np.array([lx, ly, lz + 1])
            half /= np.linalg.norm(half)
            glint = np.clip(nx * half[0] + ny * half[1] + nz * half[2], 0, 1) ** 40
            out = out + np.float32(gloss) * np.asarray(glint, dtype=np.float32)[..., None]
        return np.asarray(out, dtype=np.float32)


def _ellipse(cx: float, cy: float, rx: float, ry: float, start: float = 0, end: float = 360) -> Points:
    a = np.radians(np.linspace(start, end, 48))
    return np.stack([cx + rx * np.cos(a), cy + ry * np.sin(a)], axis=1)


def _rounded(x0: float, y0: float, x1: float, y1: float, r: float) -> Points:
    corners = [(x1 - r, y0 + r, -90), (x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180)]
    return np.concatenate([_ellipse(cx, cy, r, r, a, a + 90)[::6] for cx, cy, a in corners])


def _hsv(h: float, s: float, v: float) -> NDArray[np.float32]:
    """RGB of hue (0-1, any real), saturation and value (0-1)."""
    k = (np.array([5.0, 3.0, 1.0]) + (h % 1.0) * 6) % 6
    return np.asarray(v - v * s * np.clip(np.minimum(k, 4 - k), 0, 1), dtype=np.float32)


def _paint_colour(rng: np.random.Generator) -> NDArray[np.float32]:
    return _hsv(rng.uniform(), rng.uniform(0.25, 0.8), rng.uniform(0.45, 0.9))


def _drinking(c: _Canvas, rng: np.random.Generator, *, handle: bool) -> None:
    w, lip = rng.uniform(0.62, 0.78), rng.uniform(0.13, 0.2)
    side = float(rng.choice([-1.0, 1.0]))
    thick = rng.uniform(0.68, 0.76)
    outer = _ellipse(side * w, 0.12, HANDLE * rng.uniform(0.4, 0.5), HANDLE * rng.uniform(0.42, 0.55))
    centre = np.array([side * w, 0.12])
    ring = c.mask(outer) * (1 - c.mask((outer - centre) * thick + centre))
    colour, handle_colour = _seen_on(c, ring, side, rng)
    other = _paint_colour(rng)
    if handle:
        c.paint(ring, handle_colour)
    taper = rng.uniform(0.84, 1.0)
    bottom = _ellipse(0, 0.92 - lip * 0.6, w * taper, lip * 0.75, 0, 180)
    body = c.mask(np.concatenate([[[w, -0.85]], bottom, [[-w, -0.85]]]))
    nx = np.clip(c.u / w, -0.98, 0.98)
    surface = np.broadcast_to(colour, (SIDE, SIDE, 3))
    style = rng.integers(3)
    if style == 0:
        y, h = rng.uniform(-0.3, 0.3), rng.uniform(0.1, 0.25)
        surface = np.where((np.abs(c.v - y) < h)[..., None], other, surface)
    elif style == 1:
        r = rng.uniform(0.2, 0.32)
        surface = np.where((np.hypot(c.u, c.v - 0.1) < r)[..., None], other, surface)
    c.paint(body, c.lit(surface, nx, 0.0, gloss=0.45))
    rim = _ellipse(0, -0.85, w, lip)
    c.paint(c.mask(rim), c.lit(colour, 0.0, -0.6) * np.float32(1.08))
    inner = _ellipse(0, -0.84, w * 0.9, lip * 0.84)
    c.paint(c.mask(inner), c.lit(colour * np.float32(0.55), -nx * np.float32(0.8), 0.1))
    drink = _ellipse(0, -0.84 + lip * 0.25, w * 0.84, lip * 0.58)
    c.paint(c.mask(drink), _hsv(rng.uniform(0.04, 0.1), 0.7, rng.uniform(0.15, 0.4)))


def _seen_on(
    c: _Canvas, ring: NDArray[np.float32], side: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A colour, and the same on a handle, that stands out from what is behind it. Cups too: colours tell nothing."""
    area = float(ring.sum())
    behind = (c.pixels * ring[..., None]).sum(axis=(0, 1)) / max(area, 1.0)
    while True:
        colour = _paint_colour(rng)
        lit = c.lit(colour * np.float32(0.9), side * 0.3, -0.1, gloss=0.2)
        if area < 1 or np.linalg.norm(lit.reshape(-1, 3).mean(axis=0) - behind) >= SEEN:
            return colour, lit


def _ball(c: _Canvas, rng: np.random.Generator) -> None:
    """A beach ball: one make, or it would be several kinds in one concept."""
    base, other = _paint_colour(rng), _paint_colour(rng)
    r = 0.95
    z = np.sqrt(np.clip(r * r - c.u * c.u - c.v * c.v, 0, None))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    p = np.stack([c.u, c.v, z], axis=-1) @ turn.astype(np.float32)
    pattern = np.sin(3 * np.arctan2(p[..., 1], p[..., 0])) > rng.uniform(-0.35, 0.35)  # six segments, more or less wide
    pattern &= np.abs(p[..., 2]) < rng.uniform(0.86, 0.94)  # and a cap at both ends
    surface = np.where(pattern[..., None], other, base)
    c.paint(c.mask(_ellipse(0, 0, r, r)), c.lit(surface, c.u / r, c.v / r, gloss=rng.uniform(0.1, 0.5)))


def _bottle(c: _Canvas, rng: np.random.Generator) -> None:
    w, neck = rng.uniform(0.3, 0.4), rng.uniform(0.1, 0.14)
    _vessel(c, rng, w, neck, shoulder=rng.uniform(-0.3, -0.1), slope=0.36)


def _jar(c: _Canvas, rng: np.random.Generator) -> None:
    w = rng.uniform(0.5, 0.64)
    _vessel(c, rng, w, w * rng.uniform(0.72, 0.85), shoulder=rng.uniform(-0.6, -0.5), slope=0.2)


def _vessel(c: _Canvas, rng: np.random.Generator, w: float, neck: float, *, shoulder: float, slope: float) -> None:
    """Something of glass with a label: half width `w`, half width of its neck, where the shoulder begins."""
    glass = _hsv(rng.uniform(), rng.uniform(0.35, 0.8), rng.uniform(0.3, 0.75))
    top = -1.0
    t = np.linspace(0, 1, 12)
    curve = neck + (w - neck) * (0.5 - 0.5 * np.cos(np.pi * t))
    right = np.stack([curve, shoulder - 0.28 + slope * t], axis=1)
    right = np.concatenate([[[neck, top]], right, _ellipse(w - 0.06, 0.94, 0.06, 0.06, 0, 90)])
    outline = np.concatenate([right, right[::-1] * [-1, 1]])
    body = c.mask(outline)
    width = np.where(c.v < shoulder - 0.28 + slope / 2, neck, w).astype(np.float32)
    nx = np.clip(c.u / width, -0.97, 0.97)
    behind = c.pixels * (glass + np.float32(0.15))
    surface = c.lit(glass, nx, 0.0, gloss=0.9) * np.float32(0.75) + behind * np.float32(0.35)
    surface *= (1 - 0.45 * np.abs(nx) ** 3)[..., None].astype(np.float32)
    c.paint(body, surface)
    y0 = rng.uniform(0.05, 0.2)
    y1 = y0 + rng.uniform(0.35, 0.5)
    paper, ink = _hsv(rng.uniform(), rng.uniform(0, 0.25), 0.92), _paint_colour(rng)
    label = np.broadcast_to(paper, (SIDE, SIDE, 3))
    band = (np.abs(c.v - (y0 + y1) / 2) < 0.08) & (np.abs(c.u) < w * rng.uniform(0.5, 0.95))
    label = np.where(band[..., None], ink, label)
    lines = (np.abs(c.v - y1 + 0.07) < 0.018) & (np.abs(c.u) < w * 0.6)
    label = np.where(lines[..., None], ink * np.float32(0.5), label)
    bend = np.stack([np.linspace(-w, w, 16), 0.05 * np.sqrt(1 - np.linspace(-1, 1, 16) ** 2)], axis=1)
    outline = np.concatenate([bend + np.array([0, y0]), bend[::-1] + np.array([0, y1])])
    c.paint(c.mask(outline), c.lit(label, nx, 0.0))
    streak = np.exp(-np.square((c.u + w * 0.55) / 0.03)) * body * (c.v > shoulder) * (c.v < 0.85)
    c.pixels += (0.35 * streak)[..., None].astype(np.float32)
    lid = neck + 0.02
    cap = _rounded(-lid, top - 0.02, lid, top + 0.13, 0.03)
    c.paint(c.mask(cap), c.lit(_paint_colour(rng), np.clip(c.u / lid, -0.97, 0.97), 0.0, gloss=0.3))


def _cup(c: _Canvas, rng: np.random.Generator) -> None:
    _drinking(c, rng, handle=False)


def _mug(c: _Canvas, rng: np.random.Generator) -> None:
    _drinking(c, rng, handle=True)


def _leaf(c: _Canvas, rng: np.random.Generator) -> None:
    colour = _hsv(rng.uniform(0.08, 0.38), rng.uniform(0.5, 0.85), rng.uniform(0.4, 0.8))
    w, lobes, depth = rng.uniform(0.45, 0.62), int(rng.integers(5, 9)), rng.uniform(0.0, 0.13)
    t = np.linspace(0, 1, 90)
    edge = w * np.sin(np.pi * t**0.85) ** 0.85
    edge = edge * (1 + depth * np.sin(2 * np.pi * lobes * t))
    bow = rng.uniform(-0.15, 0.15)
    middle = bow * np.sin(np.pi * t)
    y = -0.95 + 1.65 * t
    outline = np.concatenate([np.stack([middle + edge, y], axis=1), np.stack([middle - edge, y], axis=1)[::-1]])
    stem = np.stack([[-0.02, 0.66], [0.02, 0.66], [0.06 + bow, 1.0], [0.01 + bow, 1.0]])
    c.paint(c.mask(stem), colour * np.float32(0.6))
    along = (c.v + 0.95) / np.float32(1.65)
    from_middle = c.u - bow * np.sin(np.pi * np.clip(along, 0, 1))
    veins = np.abs((along * 8 + np.abs(from_middle) * 5) % 1 - 0.5)
    surface = np.broadcast_to(colour, (SIDE, SIDE, 3)) * (0.88 + 0.24 * veins)[..., None].astype(np.float32)
    pale = np.exp(-np.square(from_middle / 0.022)) + 0.55 * (veins < 0.07)
    surface = surface + (0.25 * np.clip(pale, 0, 1))[..., None].astype(np.float32) * (1 - colour)
    spots = _noise(rng, 24)
    surface = surface * (1 + 0.16 * spots)[..., None]
    lean = np.where(from_middle > 0, 0.35, -0.35).astype(np.float32)
    c.paint(c.mask(outline), c.lit(surface, lean, 0.2 * np.sin(3 * c.v), gloss=0.15))


def _book(c: _Canvas, rng: np.random.Generator) -> None:
    cover, ink = _paint_colour(rng), _hsv(rng.uniform(), rng.uniform(0, 0.5), rng.choice([0.12, 0.95]))
    w, thick = rng.uniform(0.6, 0.72), rng.uniform(0.1, 0.2)
    slant = rng.uniform(0.05, 0.16)
    side = float(rng.choice([-1.0, 1.0]))

    def place(points: list[tuple[float, float]]) -> Points:
        return np.array([(side * x, y) for x, y in points])

    pages = place([(w, -0.9 + slant), (w + thick, -0.9), (w + thick, 0.84), (w, 0.95)])
    stripes = 0.86 + 0.1 * np.sin(c.u * 160)
    c.paint(c.mask(pages), c.lit(np.repeat(stripes[..., None], 3, axis=2).astype(np.float32), side * 0.7, 0.0))
    top = place([(-w, -0.9 + slant * 0.4), (-w + thick * 1.2, -0.98), (w + thick, -0.9), (w, -0.9 + slant)])
    c.paint(c.mask(top), c.lit(np.full(3, 0.9, dtype=np.float32), 0.0, -0.7))
    front = place([(-w, -0.9 + slant * 0.4), (w, -0.9 + slant), (w, 0.95), (-w, 0.88)])
    surface = np.broadcast_to(cover, (SIDE, SIDE, 3))
    u, title = c.u * side, rng.uniform(-0.5, -0.25)
    for row in range(int(rng.integers(1, 4))):
        reach = rng.uniform(0.25, 0.5)
        line = (np.abs(c.v - title - 0.17 * row) < 0.045) & (np.abs(u) < reach)
        letters = np.sin(c.u * rng.uniform(50, 80)) > -0.5
        surface = np.where((line & letters)[..., None], ink, surface)
    if rng.integers(2):
        picture = (np.abs(c.v - 0.42) < rng.uniform(0.15, 0.28)) & (np.abs(u) < rng.uniform(0.25, 0.45))
        inside = _paint_colour(rng) * (1 + 0.5 * _noise(rng, 12))[..., None]
        surface = np.where(picture[..., None], inside, surface)
    else:
        picture = np.abs(c.v - 0.7) < 0.03
        surface = np.where(picture[..., None], ink, surface)
    surface = np.where((u < -w + 0.1)[..., None], surface * np.float32(0.7), surface)
    c.paint(c.mask(front), c.lit(surface, -side * 0.2, 0.0, gloss=0.1))


def _clock(c: _Canvas, rng: np.random.Generator) -> None:
    rim, face = _paint_colour(rng), _hsv(rng.uniform(), rng.uniform(0, 0.15), rng.uniform(0.85, 0.97))
    ink = _hsv(rng.uniform(), rng.uniform(0, 0.6), rng.uniform(0.08, 0.3))
    r = 0.88
    for x in (-0.5, 0.5):  # feet, or it would be a wall clock
        c.paint(c.mask(_ellipse(x, 0.86, 0.12, 0.14)), rim * np.float32(0.5))
    if rng.integers(2):  # bells
        for x in (-0.45, 0.45):
            c.paint(
                c.mask(_ellipse(x, -0.84, 0.3, 0.22)), c.lit(rim, np.clip((c.u - x) / 0.32, -0.9, 0.9), -0.3, gloss=0.5)
            )
    radius = np.maximum(np.hypot(c.u, c.v), 1e-3)
    out = np.clip((radius - 0.82 * r) / (0.18 * r), -0.5, 1) * 1.2 - 0.3
    c.paint(c.mask(_ellipse(0, 0, r, r)), c.lit(rim, c.u / radius * out, c.v / radius * out, gloss=0.5))
    c.paint(c.mask(_ellipse(0, 0, 0.82 * r, 0.82 * r)), c.lit(face, 0.1 * c.u, 0.1 * c.v))
    for hour in range(12):
        a, long = hour * np.pi / 6, 0.12 if hour % 3 == 0 else 0.06
        d, n = np.array([np.sin(a), -np.cos(a)]), np.array([np.cos(a), np.sin(a)]) * 0.022
        tip, root = d * 0.76 * r, d * (0.76 - long) * r
        c.paint(c.mask(np.stack([tip + n, tip - n, root - n, root + n])), ink)
    for length, wide in ((0.4, 0.05), (0.62, 0.032)):
        a = rng.uniform(0, 2 * np.pi)
        d, n = np.array([np.sin(a), -np.cos(a)]), np.array([np.cos(a), np.sin(a)]) * wide
        c.paint(c.mask(np.stack([d * length * r, -d * 0.08 + n, -d * 0.08 - n])), ink)
    c.paint(c.mask(_ellipse(0, 0, 0.055, 0.055)), ink)


CONCEPTS: Mapping[str, Callable[[_Canvas, np.random.Generator], None]] = {
    "ball": _ball,
    "book": _book,
    "bottle": _bottle,
    "clock": _clock,
    "cup": _cup,
    "jar": _jar,
    "leaf": _leaf,
    "mug": _mug,
}


def render(
    concept: str,
    rng: np.random.Generator,
    composition: Composition | None = None,
    beside: Sequence[tuple[str, Composition]] = (),
) -> NDArray[np.uint8]:
    """One picture, uint8 RGB (256, 256, 3); without a composition a well composed one.

    `beside`: other things in the same room, before the first, each with its own composition (its horizon is not read).
    """
    view = well_composed(rng) if composition is None else composition
    angle = rng.uniform(-2.6, -0.55)
    height = rng.uniform(0.55, 0.75)
    light = np.array([np.cos(angle) * (1 - height), np.sin(angle) * (1 - height), height])
    light /= np.linalg.norm(light)
    pixels = _room(rng, view.horizon)
    for name, place in ((concept, view), *beside):
        canvas = _canvas(pixels, place, light, rng)
        _shadow(canvas, place, light)
        CONCEPTS[name](canvas, rng)
        pixels = canvas.pixels
    return _camera(pixels, rng)


def _canvas(pixels: Image, view: Composition, light: NDArray[np.float64], rng: np.random.Generator) -> _Canvas:
    turn, scale = np.radians(view.tilt), view.size * SIDE
    to_pixels = np.array(
        [
            [scale * np.cos(turn), -scale * np.sin(turn), view.x * SIDE],
            [scale * np.sin(turn), scale * np.cos(turn), view.y * SIDE],
        ]
    )
    dx, dy = (_X - np.float32(view.x * SIDE)) / scale, (_Y - np.float32(view.y * SIDE)) / scale
    cos, sin = np.cos(turn), np.sin(turn)
    u, v = (dx * cos + dy * sin).astype(np.float32), (dy * cos - dx * sin).astype(np.float32)
    return _Canvas(pixels, to_pixels, u, v, light, float(rng.uniform(0.35, 0.5)))


def _noise(rng: np.random.Generator, cells: int, stretch: int = 1) -> NDArray[np.float32]:
    """Smooth noise of about unit spread with this many cells a side; `stretch` makes grain along x."""
    coarse = rng.standard_normal((cells, max(2, cells // stretch))).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _room(rng: np.random.Generator, horizon: float) -> Image:
    wall = _hsv(rng.uniform(), rng.uniform(0.03, 0.22), rng.uniform(0.55, 0.85))
    pixels = np.empty((SIDE, SIDE, 3), dtype=np.float32)
    pixels[:] = wall
    for _ in range(int(rng.integers(2, 6))):  # things out of focus
        x, y = rng.uniform(0, SIDE), rng.uniform(0, max(8.0, horizon * SIDE))
        w, h = rng.uniform(12, 70), rng.uniform(12, 70)
        colour = tuple(float(k) for k in _hsv(rng.uniform(), rng.uniform(0.05, 0.4), rng.uniform(0.3, 0.9)))
        cv2.rectangle(pixels, (int(x - w / 2), int(y - h)), (int(x + w / 2), int(y)), colour, -1)
    pixels = np.asarray(cv2.blur(cv2.blur(pixels, (15, 15)), (13, 13)), dtype=np.float32)
    kind = rng.integers(3)
    hue, value = (
        (rng.uniform(0.05, 0.11), rng.uniform(0.4, 0.75)) if kind < 2 else (rng.uniform(), rng.uniform(0.5, 0.85))
    )
    table = _hsv(hue, rng.uniform(0.2, 0.5) if kind < 2 else rng.uniform(0.05, 0.3), value)
    if kind < 2:  # wood
        grain = 0.06 * _noise(rng, 96, 16) + 0.05 * _noise(rng, 32, 8)
    else:  # cloth
        table = _hsv(rng.uniform(), rng.uniform(0.05, 0.3), rng.uniform(0.5, 0.85))
        grain = 0.02 * rng.standard_normal((SIDE, SIDE)).astype(np.float32) + 0.04 * _noise(rng, 6)
    surface = table * (1 + grain)[..., None]
    edge = horizon * SIDE + (_X - SIDE / 2) * np.float32(rng.uniform(-0.06, 0.06))
    on_table = np.clip(_Y - edge, 0, 2) / 2
    nearer = 0.88 + 0.2 * np.clip((_Y - edge) / SIDE, 0, 1)
    pixels += on_table[..., None] * (surface * nearer[..., None] - pixels)
    a = rng.uniform(0, 2 * np.pi)
    across = ((_X - SIDE / 2) * np.cos(a) + (_Y - SIDE / 2) * np.sin(a)) / SIDE
    pixels *= (1 + np.float32(rng.uniform(0.08, 0.3)) * across.astype(np.float32) + 0.03 * _noise(rng, 5))[..., None]
    return pixels


def _shadow(canvas: _Canvas, view: Composition, light: NDArray[np.float64]) -> None:
    small = np.zeros((SIDE // 4, SIDE // 4), dtype=np.float32)
    scale = view.size * SIDE / 4
    centre = (view.x * SIDE / 4 - light[0] * scale * 0.5, view.y * SIDE / 4 + 0.9 * scale)
    axes = (max(1, int(0.85 * scale)), max(1, int(0.2 * scale)))
    cv2.ellipse(small, (int(centre[0]), int(centre[1])), axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(small, (0, 0), max(1.0, 0.12 * scale))
    canvas.pixels *= (1 - 0.55 * cv2.resize(soft, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR))[..., None]


def _camera(pixels: Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    r2 = np.square((_X - SIDE / 2) / SIDE) + np.square((_Y - SIDE / 2) / SIDE)
    cast = (1 + rng.normal(0, 0.035, 3)).astype(np.float32)
    exposed = (
        pixels * cast * (1 - np.float32(rng.uniform(0.1, 0.5)) * r2)[..., None] * np.float32(rng.uniform(0.85, 1.12))
    )
    exposed = np.clip(exposed, 0, 1) ** np.float32(rng.uniform(0.85, 1.1))
    grain = rng.standard_normal((SIDE, SIDE, 3), dtype=np.float32) * np.float32(rng.uniform(0.006, 0.014))
    return np.asarray(np.clip((exposed + grain) * 255, 0, 255), dtype=np.uint8)


def save(picture: NDArray[np.uint8], path: Path, quality: int = QUALITY) -> None:
    """Write uint8 RGB as JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]):
        raise OSError(f"{path} was not written")
