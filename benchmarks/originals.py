"""Which copy is kept: one change planted in each of some photos; how often is the photo kept, not its copy?

    python benchmarks/originals.py [--data FOLDER] [--photos 30] [--seed 5] [--sets trashnet grocery/in_store]

Copies are named so that they come first where only the name decides: what is kept is kept for what the pictures show.
Only pairs that the search finds count. No model is needed: vectors are random.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from analysis import imaging
from analysis.attributes import measure, perceptual_hashes
from analysis.dataset import Dataset, label_frame
from analysis.duplicates import find_duplicates
from analysis.embedders.base import ModelInfo
from analysis.features import Features
from analysis.originals import Keeping

Change = Callable[[Image.Image], Image.Image]
WHITE: Final = (255, 255, 255)


class Stored:
    """`analysis.features.Pictures` as far as the search needs it."""

    def __init__(self, jpegs: list[bytes]) -> None:
        self.jpegs = jpegs

    def thumbnails(self, rows: np.ndarray) -> list[bytes]:
        """Those of the rows."""
        return [self.jpegs[int(r)] for r in rows]


def _layer(draw: Callable[[ImageDraw.ImageDraw, int, int], None], angle: float = 0) -> Change:
    def change(image: Image.Image) -> Image.Image:
        layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
        draw(ImageDraw.Draw(layer), *image.size)
        return Image.alpha_composite(image.convert("RGBA"), layer.rotate(angle, Image.Resampling.BICUBIC)).convert(
            "RGB"
        )

    return change


def _corner(d: ImageDraw.ImageDraw, w: int, h: int) -> None:
    d.text((w * 0.6, h * 0.9), "(c) photo.com", fill=(*WHITE, 200), font_size=max(10, h // 16))


def _middle(d: ImageDraw.ImageDraw, w: int, h: int) -> None:
    d.text((w * 0.1, h * 0.42), "SAMPLE", fill=(*WHITE, 128), font_size=int(w * 0.2))


def _rows(d: ImageDraw.ImageDraw, w: int, h: int) -> None:
    for i in range(3):
        d.text((w * 0.1, h * (0.1 + i * 0.3)), "SAMPLE PHOTO", fill=(*WHITE, 100), font_size=h // 10)


def _band(d: ImageDraw.ImageDraw, w: int, h: int) -> None:
    d.rectangle([0, h * 0.82, w, h], fill=(0, 0, 0, 170))
    d.text((w * 0.05, h * 0.85), "www.stock.com", fill=(*WHITE, 255), font_size=h // 10)


def _logo(d: ImageDraw.ImageDraw, w: int, h: int) -> None:
    d.rectangle([w * 0.7, h * 0.75, w * 0.95, h * 0.93], fill=(200, 30, 30, 255))
    d.text((w * 0.72, h * 0.78), "NEW", fill=(*WHITE, 255), font_size=h // 10)


def _lines(d: ImageDraw.ImageDraw, w: int, h: int) -> None:
    for x in range(0, w, w // 6):
        d.line([(x, 0), (x - w // 3, h)], fill=(*WHITE, 110), width=2)


def _resize(factor: float, how: Image.Resampling) -> Change:
    return lambda image: image.resize((round(image.width * factor), round(image.height * factor)), how)


def _cut(image: Image.Image) -> Image.Image:
    w, h = image.size
    return image.crop((int(w * 0.05), int(h * 0.05), int(w * 0.95), int(h * 0.95)))


def _cast(image: Image.Image) -> Image.Image:
    bands = zip(image.split(), (1.15, 1.0, 0.85), strict=True)
    return Image.merge("RGB", [b.point(lambda v, k=k: min(255, int(v * k))) for b, k in bands])


BICUBIC: Final = Image.Resampling.BICUBIC
CHANGES: Final[dict[str, Change]] = {
    "words in a corner": _layer(_corner),
    "words in the middle": _layer(_middle),
    "words aslant": _layer(_middle, 30),
    "words in three rows": _layer(_rows),
    "band with words": _layer(_band),
    "logo": _layer(_logo),
    "lines": _layer(_lines),
    "dark frame": lambda im: ImageOps.expand(im, im.width // 25, (20, 20, 20)),
    "white frame": lambda im: ImageOps.expand(im, im.width // 25, WHITE),
    "turned, filled": lambda im: im.rotate(5, BICUBIC, fillcolor=WHITE),
    "enlarged by half": _resize(1.5, BICUBIC),
    "reduced by a third": _resize(2 / 3, Image.Resampling.LANCZOS),
    "blurred": lambda im: im.filter(ImageFilter.GaussianBlur(1.2)),
    "sharpened": lambda im: im.filter(ImageFilter.UnsharpMask(2, 200, 2)),
    "recompressed at 45": lambda im: im,
    "recompressed at 92": lambda im: im,
    "cut by a tenth": _cut,
    "gray": lambda im: im.convert("L").convert("RGB"),
    "lighter": lambda im: ImageEnhance.Brightness(im).enhance(1.35),
    "darker": lambda im: ImageEnhance.Brightness(im).enhance(0.7),
    "warmer": _cast,
    "mirrored": ImageOps.mirror,
}


def planted(photos: list[Path], change: Change, quality: int) -> tuple[int, int]:
    """Pairs found, and of these, photos kept."""
    files: dict[str, bytes] = {}
    for n, path in enumerate(photos):
        buffer = io.BytesIO()
        change(Image.open(path).convert("RGB")).save(buffer, "JPEG", quality=quality)
        files[f"photo{n:04}"], files[f"copy{n:04}"] = path.read_bytes(), buffer.getvalue()
    decoded = [imaging.decode(f) for f in files.values()]
    sized = zip(decoded, files.values(), strict=True)
    measured = pd.DataFrame([{**measure(d, len(f)), **perceptual_hashes(d.rgb)} for d, f in sized])
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        frame = pd.DataFrame({"image_id": list(files), "path": [f"{folder}/{n}" for n in files]})
        frame = frame.assign(origin="training", split=None)
        frame["content_hash"] = [hashlib.sha256(f).hexdigest() for f in files.values()]
        images = pd.concat([frame, measured], axis=1)
        dataset = Dataset("planted", {"training": Path(folder)}, images, label_frame([]), label_frame([]))
        vectors = np.random.default_rng(0).normal(size=(len(files), 16)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        info = ModelInfo("none", "none", "None", "", "", 16, 16, 8, True)
        stored = Stored([imaging.thumbnail(d.rgb) for d in decoded])
        features = Features(info, vectors, vectors.copy(), stored)  # type: ignore[arg-type]
        found = find_duplicates(dataset, features)
        keeping = Keeping(dataset, features, found)
        pairs = [(2 * n, 2 * n + 1) for n in range(len(photos)) if (2 * n, 2 * n + 1) in found.laid]
        return len(pairs), sum(keeping.ordered(pair)[0] == pair[0] for pair in pairs)


def main() -> None:
    """Print a line for each change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--photos", type=int, default=30, help="of each set")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--sets", nargs="+", default=["trashnet", "grocery/in_store"])
    parser.add_argument("--changes", nargs="+", default=list(CHANGES), choices=list(CHANGES))
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    photos: list[Path] = []
    for name in args.sets:
        every = sorted(p for p in (args.data / name).rglob("*") if p.suffix.lower() in (".jpg", ".png"))
        photos += [every[i] for i in rng.choice(len(every), args.photos, replace=False)]
    for name in args.changes:
        pairs, kept = planted(photos, CHANGES[name], 45 if name.endswith("45") else 92)
        print(f"{name:22} {kept:4} of {pairs:4} pairs: the photo is kept", flush=True)


if __name__ == "__main__":
    main()
