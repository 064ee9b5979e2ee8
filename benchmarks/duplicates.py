"""Duplicates: exact copies and altered ones, planted into photos, against the peers.

    python benchmarks/duplicates.py [--data FOLDER] [--photos 1400] [--seed 0] [--peers none]

Photos of three sets are mixed; about two fifths of them get a copy of one kind each, a few get three copies. Every
pair of a group counts. Printed are precision, recall and F1 over pairs, and the recall of each kind of change, for
the product and for the peers that are installed (extra `bench`): imagededup's PHash and dataeval's full hash set.
Copies that the sets themselves hold are listed in `KNOWN` (looked at by eye) and count neither for nor against.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

Change = Callable[[Image.Image, np.random.Generator], Image.Image]


def _resize(factor: float) -> Change:
    def change(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        size = (max(8, round(image.width * factor)), max(8, round(image.height * factor)))
        return image.resize(size, Image.Resampling.LANCZOS)

    return change


def _crop(keep: float, where: str = "centre", *, back: bool = False) -> Change:
    """Keep this share of each side; `back`: enlarged to the old size."""

    def change(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        width, height = image.size
        w, h = round(width * keep), round(height * keep)
        x, y = {
            "centre": ((width - w) // 2, (height - h) // 2),
            "corner": (int(rng.integers(2)) * (width - w), int(rng.integers(2)) * (height - h)),
            "side": (0, 0),
        }[where]
        if where == "side":  # one side only
            w, h = (w, height) if rng.random() < 0.5 else (width, h)
        out = image.crop((x, y, x + w, y + h))
        return out.resize(image.size, Image.Resampling.BICUBIC) if back else out

    return change


def _rotate(
    degrees: float, *, expand: bool = False, fill: tuple[int, int, int] = (0, 0, 0), cut: bool = False
) -> Change:
    def change(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        sign = 1 if rng.random() < 0.5 else -1
        out = image.rotate(sign * degrees, Image.Resampling.BICUBIC, expand=expand, fillcolor=fill)
        if not cut:
            return out
        width, height = out.size
        t = np.tan(np.radians(degrees))
        dx, dy = round(height * t / 2), round(width * t / 2)
        return out.crop((dx, dy, width - dx, height - dy))

    return change


def _brightness(factor: float) -> Change:
    return lambda image, rng: ImageEnhance.Brightness(image).enhance(factor)


def _text(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Words across the middle, half transparent."""
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    font = ImageFont.load_default(size=max(10, image.width // 9))
    draw.text((image.width / 2, image.height / 2), "© SAMPLE PHOTO", (255, 255, 255, 150), font=font, anchor="mm")
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def _logo(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """An opaque box with words in a corner."""
    out = image.copy()
    draw = ImageDraw.Draw(out)
    w, h = image.width // 3, image.height // 8
    x, y = int(rng.integers(2)) * (image.width - w), int(rng.integers(2)) * (image.height - h)
    draw.rectangle((x, y, x + w, y + h), fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
    draw.text(
        (x + w / 2, y + h / 2), "shop.example", (255, 255, 255), font=ImageFont.load_default(size=h // 2), anchor="mm"
    )
    return out


def _tiled(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Slanted words all over, a third opaque."""
    side = 2 * max(image.size)
    layer = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    size = max(10, image.width // 14)
    for y in range(0, side, 3 * size):
        for x in range(0, side, 8 * size):
            draw.text((x, y), "preview", (255, 255, 255, 90), font=ImageFont.load_default(size=size))
    layer = layer.rotate(30)
    left, top = (side - image.width) // 2, (side - image.height) // 2
    layer = layer.crop((left, top, left + image.width, top + image.height))
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def _jpeg(quality: int) -> Change:
    def change(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer).convert("RGB")

    return change


def _all(*changes: Change) -> Change:
    def change(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        for one in changes:
            image = one(image, rng)
        return image

    return change


def _same(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return image


GRAY: Change = lambda image, rng: ImageOps.grayscale(image).convert("RGB")  # noqa: E731
FLIP: Change = lambda image, rng: ImageOps.mirror(image)  # noqa: E731

KINDS: Mapping[str, Mapping[str, Change]] = {
    "exact": {"exact": _same},
    "resize": {"half": _resize(0.5), "third": _resize(0.34), "larger": _resize(1.5)},
    "recompress": {"q50": _jpeg(50), "q30": _jpeg(30), "q15": _jpeg(15)},
    "crop": {
        "centre": _crop(0.9),
        "corner": _crop(0.9, "corner"),
        "side": _crop(0.9, "side"),
        "back": _crop(0.9, back=True),
        "each-side": _crop(0.8),
    },
    "flip": {"mirror": FLIP},
    "rotate": {
        "black": _rotate(5),
        "cut": _rotate(5, cut=True),
        "expand": _rotate(5, expand=True, fill=(255, 255, 255)),
    },
    "brightness": {"0.7": _brightness(0.7), "1.3": _brightness(1.3), "0.5": _brightness(0.5), "1.5": _brightness(1.5)},
    "watermark": {"text": _text, "logo": _logo, "tiled": _tiled},
    "grayscale": {"gray": GRAY},
}
COMBINED: Mapping[str, Change] = {
    "crop+jpeg": _all(_crop(0.9, "corner"), _jpeg(30)),
    "flip+brightness": _all(FLIP, _brightness(0.7)),
    "rotate+gray": _all(_rotate(5), GRAY),
    "crop+text": _all(_crop(0.9), _text),
    "flip+crop": _all(FLIP, _crop(0.9)),
    "resize+bright": _all(_resize(0.5), _brightness(1.3)),
}


def save(image: Image.Image, target: Path, quality: int = 92) -> None:
    """Write a JPEG."""
    target.parent.mkdir(parents=True, exist_ok=True)
    image.save(target, "JPEG", quality=quality)
