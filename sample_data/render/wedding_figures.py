"""People, bouquets and cakes for the sample "Wedding bouquet", painted with `wedding_brush`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from wedding_brush import Canvas, Colour, branch, flower, greens, leaf, petal_colour, rgb

SKINS = ((0.06, 0.28, 0.93), (0.06, 0.36, 0.82), (0.055, 0.45, 0.62), (0.05, 0.5, 0.45))
HAIRS = ((0.08, 0.6, 0.2), (0.07, 0.5, 0.35), (0.11, 0.45, 0.7), (0.04, 0.65, 0.4), (0.6, 0.1, 0.12))


@dataclass(frozen=True, slots=True)
class Person:
    """Where someone stands and looks: head centre and radius, +1 looks right, and colours."""

    x: float
    y: float
    r: float
    facing: int
    skin: Colour
    hair: Colour
    lean: float


def someone(rng: np.random.Generator, x: float, y: float, r: float, facing: int, lean: float) -> Person:
    """A person with colours of their own."""
    skin, hair = SKINS[int(rng.integers(len(SKINS)))], HAIRS[int(rng.integers(len(HAIRS)))]
    return Person(x, y, r, facing, rgb(*skin), rgb(*hair), lean)


def head(canvas: Canvas, p: Person, long_hair: bool) -> None:
    """Neck, face in half profile, hair."""
    x, y, r, f = p.x, p.y, p.r, p.facing
    lean = p.lean * r
    if long_hair:
        canvas.shape(
            [(x - f * 1.15 * r, y - 0.5 * r), (x - f * 0.1 * r, y - 1.25 * r), (x + f * 0.6 * r, y - 0.9 * r), (x, y + 0.4 * r),
             (x - f * 0.4 * r, y + 1.9 * r), (x - f * 1.4 * r, y + 1.8 * r)], p.hair, round_=0.3 * r, folds=0.18, fold_width=0.12 * r,
        )  # fmt: skip
    canvas.shape(
        [(x - 0.45 * r, y + 0.5 * r), (x + 0.4 * r, y + 0.5 * r), (x + 0.5 * r - lean, y + 1.7 * r), (x - 0.6 * r - lean, y + 1.7 * r)],
        p.skin * 0.86, round_=0.3 * r,
    )  # fmt: skip
    face = [
        (x - f * 0.8 * r, y - 0.5 * r), (x, y - 1.02 * r), (x + f * 0.72 * r, y - 0.7 * r), (x + f * 0.86 * r, y - 0.15 * r),
        (x + f * 1.06 * r, y + 0.12 * r), (x + f * 0.86 * r, y + 0.26 * r), (x + f * 0.88 * r, y + 0.52 * r),
        (x + f * 0.6 * r, y + 0.98 * r), (x - f * 0.1 * r, y + 0.9 * r), (x - f * 0.75 * r, y + 0.4 * r),
    ]  # fmt: skip
    canvas.shape(face, p.skin, smooth=2, round_=0.3 * r, depth=0.6, texture=0.015)
    canvas.disc(
        x + f * 0.45 * r, y + 0.3 * r, 0.22 * r, 0.16 * r, rgb(0.0, 0.45, 0.8), alpha=0.22, soft=0.06 * r, depth=0.0
    )
    dark = p.hair * 0.5
    canvas.line(
        [(x + f * 0.5 * r, y - 0.08 * r), (x + f * 0.62 * r, y - 0.02 * r), (x + f * 0.76 * r, y - 0.08 * r)],
        0.06 * r,
        dark,
        0.8,
    )
    canvas.line(
        [(x + f * 0.45 * r, y - 0.33 * r), (x + f * 0.64 * r, y - 0.4 * r), (x + f * 0.78 * r, y - 0.34 * r)],
        0.06 * r,
        dark,
        0.6,
    )
    canvas.line([(x + f * 0.66 * r, y + 0.5 * r), (x + f * 0.86 * r, y + 0.47 * r)], 0.06 * r, rgb(0.98, 0.5, 0.6), 0.8)
    canvas.shape(
        [(x - f * 0.95 * r, y + 0.45 * r), (x - f * 1.12 * r, y - 0.5 * r), (x - f * 0.3 * r, y - 1.28 * r), (x + f * 0.55 * r, y - 1.12 * r),
         (x + f * 0.82 * r, y - 0.62 * r), (x + f * 0.2 * r, y - 0.55 * r), (x - f * 0.3 * r, y - 0.2 * r), (x - f * 0.45 * r, y + 0.35 * r)],
        p.hair, smooth=2, round_=0.22 * r, folds=0.15, fold_width=0.1 * r,
    )  # fmt: skip


def body(canvas: Canvas, p: Person, cloth: Colour, *, dress: bool, white: bool = False) -> None:
    """Shoulders to the ground; a dress flares, a jacket has lapels."""
    x, y, r, f = p.x - p.lean * p.r, p.y, p.r, p.facing
    top, waist, foot = y + 1.45 * r, y + 4.4 * r, max(1.15, y + 9 * r)
    if dress:
        canvas.shape([(x - 1.1 * r, waist), (x + 1.1 * r, waist), (x + 2.6 * r, foot), (x - 2.8 * r, foot)], cloth,
                     round_=0.5 * r, folds=0.12, fold_width=0.5 * r, smooth=2)  # fmt: skip
        canvas.shape([(x - 1.4 * r, top + 0.2 * r), (x - 0.5 * r, top + 0.1 * r), (x + 0.5 * r, top + 0.1 * r), (x + 1.4 * r, top + 0.2 * r),
                      (x + 1.6 * r, top + 1.3 * r), (x - 1.6 * r, top + 1.3 * r)], p.skin, round_=0.4 * r)  # fmt: skip
        canvas.shape([(x - 1.25 * r, top + 0.8 * r), (x, top + 1.1 * r), (x + 1.25 * r, top + 0.8 * r), (x + 1.15 * r, waist + 0.3 * r),
                      (x - 1.15 * r, waist + 0.3 * r)], cloth * (0.97 if white else 0.9), round_=0.4 * r, folds=0.06, fold_width=0.25 * r)  # fmt: skip
        return
    canvas.shape(
        [(x - 1.1 * r, waist), (x + 1.1 * r, waist), (x + 1.2 * r, foot), (x - 1.2 * r, foot)],
        cloth * 0.8,
        round_=0.4 * r,
        folds=0.1,
        fold_width=r,
    )
    canvas.shape([(x - 0.7 * r, top - 0.15 * r), (x + 0.7 * r, top - 0.15 * r), (x + 1.9 * r, top + 0.6 * r), (x + 1.3 * r, waist + 1.3 * r),
                  (x - 1.3 * r, waist + 1.3 * r), (x - 1.9 * r, top + 0.6 * r)], cloth, smooth=2, round_=0.35 * r, folds=0.06, fold_width=0.8 * r)  # fmt: skip
    at = x + f * 0.35 * r
    canvas.shape(
        [(at - 0.45 * r, top - 0.1 * r), (at + 0.45 * r, top - 0.1 * r), (at, top + 2.2 * r)],
        rgb(0.6, 0.02, 0.95),
        smooth=1,
        round_=0.1 * r,
    )
    canvas.shape([(at - 0.1 * r, top), (at + 0.1 * r, top), (at + 0.12 * r, top + 1.4 * r), (at, top + 1.7 * r), (at - 0.12 * r, top + 1.4 * r)],
                 rgb(canvas.rng.uniform(), 0.5, 0.4), smooth=1, round_=0.06 * r)  # fmt: skip


def arm(
    canvas: Canvas,
    start: tuple[float, float],
    elbow: tuple[float, float],
    hand: tuple[float, float],
    r: float,
    sleeve: Colour,
    skin: Colour,
) -> None:
    """An upper arm, a forearm and a hand."""
    for a, b, wide in ((start, elbow, 0.42), (elbow, hand, 0.34)):
        along = np.array(b) - np.array(a)
        across = np.array([-along[1], along[0]]) / (np.linalg.norm(along) + 1e-6) * wide * r
        points = [np.array(a) + across, np.array(b) + 0.8 * across, np.array(b) - 0.8 * across, np.array(a) - across]
        canvas.shape(np.array(points), sleeve, smooth=2, round_=0.22 * r)
    canvas.disc(hand[0], hand[1], 0.36 * r, 0.3 * r, skin, depth=0.5)


def veil(canvas: Canvas, p: Person, front: bool) -> None:
    """Translucent cloth from the crown down the back; `front` is the thin part over hair and shoulder."""
    x, y, r, f = p.x, p.y, p.r, p.facing
    rng = canvas.rng
    if front:
        shape = [(x + f * 0.25 * r, y - 1.32 * r), (x - f * 0.6 * r, y - 1.25 * r), (x - f * 1.5 * r, y + 0.2 * r),
                 (x - f * 2.3 * r, y + 4.0 * r), (x - f * 1.0 * r, y + 4.4 * r), (x - f * 0.55 * r, y + 1.2 * r), (x - f * 0.3 * r, y - 0.4 * r)]  # fmt: skip
        canvas.shape(
            shape,
            rgb(0.6, 0.015, 1.0),
            smooth=2,
            round_=0.2 * r,
            alpha=0.62,
            folds=0.16,
            fold_width=0.34 * r,
            depth=0.3,
        )
        canvas.line(
            [(x + f * 0.3 * r, y - 1.28 * r), (x - f * 0.55 * r, y - 1.2 * r), (x - f * 1.05 * r, y - 0.6 * r)],
            0.16 * r,
            rgb(0.12, 0.1, 0.95),
            0.9,
        )
        for i in range(6):
            t = i / 5
            canvas.disc(
                x + f * (0.3 - 1.2 * t) * r,
                y - (1.3 - 0.35 * t * t) * r,
                0.1 * r,
                0.1 * r,
                rgb(0.12, 0.08, 1.0),
                depth=0.5,
            )
        return
    sway = rng.uniform(0.6, 1.6)
    shape = [(x + f * 0.5 * r, y - 1.3 * r), (x - f * 0.8 * r, y - 1.4 * r), (x - f * 1.9 * r, y + 0.4 * r), (x - f * (2.4 + sway) * r, y + 4.5 * r),
             (x - f * (3.0 + sway) * r, y + 8.0 * r), (x - f * 0.3 * r, y + 8.2 * r), (x + f * 0.6 * r, y + 3.0 * r)]  # fmt: skip
    canvas.shape(
        shape, rgb(0.6, 0.02, 0.98), smooth=2, round_=0.3 * r, alpha=0.72, folds=0.16, fold_width=0.42 * r, depth=0.3
    )


def bouquet(canvas: Canvas, x: float, y: float, r: float, *, hands: Colour | None, flowers: int) -> None:
    """A round bouquet of radius `r`, its stalks below, held where `hands` has a colour."""
    rng = canvas.rng
    for _ in range(7):
        dx = rng.uniform(-0.16, 0.16) * r
        canvas.line([(x + dx, y + 0.4 * r), (x + 2.2 * dx, y + 1.9 * r)], 0.05 * r, greens(rng, 0.85))
    for side in (-1, 1):
        canvas.shape([(x, y + r), (x + side * 0.12 * r, y + r), (x + side * 0.45 * r, y + 2.1 * r), (x + side * 0.3 * r, y + 2.15 * r)],
                     rgb(0.11, 0.12, 0.95), round_=0.05 * r, smooth=1)  # fmt: skip
    for i in range(16):
        a = 6.283 * i / 16 + rng.normal(0, 0.1)
        leaf(
            canvas, x + 0.6 * r * np.cos(a), y + 0.6 * r * np.sin(a), 0.62 * r * rng.uniform(0.8, 1.25), a, greens(rng)
        )
    main, second = petal_colour(rng), petal_colour(rng)
    golden = np.pi * (3 - np.sqrt(5))
    for i in reversed(range(flowers)):
        reach = 0.88 * r * np.sqrt((i + 0.3) / flowers)
        a = golden * i + rng.normal(0, 0.12)
        colour = main if rng.uniform() < 0.65 else second
        size = r * 0.98 / np.sqrt(flowers) * rng.uniform(0.95, 1.3)
        flower(canvas, x + reach * np.cos(a), y + 0.95 * reach * np.sin(a), size, *colour)
        if i % 3 == 0:
            leaf(canvas, x + reach * np.cos(a) * 1.05, y + reach * np.sin(a), 0.3 * r, rng.uniform(0, 6.3), greens(rng))
    if hands is not None:
        canvas.shadow(x, y + 1.05 * r, 0.4 * r, 0.16 * r, 0.25)
        for side in (-1, 1):
            for finger in range(4):
                canvas.disc(
                    x + side * (0.2 - 0.02 * finger) * r,
                    y + (1.0 + 0.13 * finger) * r,
                    0.24 * r,
                    0.085 * r,
                    hands,
                    turn=side * 0.25,
                    depth=0.6,
                )


def arch(canvas: Canvas, size: float, low: float, blooms: int) -> None:
    """Greenery over the heads with large flowers in it; it hangs down to `low`."""
    rng = canvas.rng
    for _ in range(int(rng.integers(9, 13))):
        x = rng.uniform(-0.1, 1.1)
        edge = low * (0.5 + 1.2 * abs(x - 0.5))
        end = (x + rng.uniform(-0.3, 0.3), edge * rng.uniform(0.5, 1.05))
        branch(canvas, (x, -0.04), end, size, rng.uniform(0.75, 1.15))
    for side in (0.0, 1.0):
        branch(canvas, (side + rng.uniform(-0.05, 0.05), 0.0), (side + rng.uniform(-0.08, 0.08), low * 2.0), size)
    colour = petal_colour(rng)
    for _ in range(blooms):
        x = rng.uniform(0.03, 0.97)
        edge = low * (0.35 + 1.0 * abs(x - 0.5))
        flower(
            canvas,
            x,
            rng.uniform(0.0, edge),
            size * rng.uniform(0.75, 1.15),
            *(colour if rng.uniform() < 0.7 else petal_colour(rng)),
        )


def cake(canvas: Canvas, x: float, foot: float, width: float, tiers: int) -> None:
    """A tiered cake on a stand."""
    rng = canvas.rng
    tone = rgb(*[(0.1, 0.05, 0.97), (0.95, 0.12, 0.95), (0.5, 0.1, 0.9), (0.08, 0.45, 0.4)][int(rng.integers(4))])
    y, w = foot, width
    canvas.shadow(x, foot + 0.03, 0.75 * width, 0.05, 0.5)
    canvas.disc(x, foot, 0.62 * width, 0.09 * width, rgb(0.6, 0.03, 0.85))
    for tier in range(tiers):
        h = w * rng.uniform(0.34, 0.46)
        canvas.shape(
            [(x - w / 2, y - h), (x + w / 2, y - h), (x + w / 2, y), (x - w / 2, y)],
            tone,
            smooth=2,
            round_=0.16 * w,
            depth=0.9,
        )
        canvas.disc(x, y - h, 0.48 * w, 0.07 * w, tone * 1.06, depth=0.3)
        for i in range(int(9 - 2 * tier)):
            t = (i + 0.5) / (9 - 2 * tier) - 0.5
            canvas.disc(
                x + t * w * 0.98, y - 0.02 * w + 0.03 * w * np.cos(t * 3), 0.055 * w, 0.045 * w, tone * 0.93, depth=0.8
            )
        y, w = y - h + 0.01, w * rng.uniform(0.68, 0.76)
    top = rgb(*[(0.99, 0.7, 0.75), (0.12, 0.3, 0.9), (0.6, 0.4, 0.5)][int(rng.integers(3))])
    for i in range(3):
        canvas.disc(x + (i - 1) * 0.16 * w, y - 0.06 * w, 0.1 * w, 0.1 * w, top, depth=0.7)
