"""Decode an image file once, into one upright RGB picture of working size.

Everything the ingest stores (attributes, hashes, thumbnail, vectors) is made from that one picture, so a file
is read and decoded once. JPEGs are decoded at a reduced scale where the file is larger than needed
(Pillow's `draft`), which bounds time and memory for phone pictures.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

WORKING_SIDE: Final = 512
"""Longest side, in pixels, of the picture the attributes are measured on: fine enough for blur that a person
would see on a screen, coarse enough that a twelve-megapixel file costs no more than a small one."""

CROP_SIDE: Final = 256
"""Longest side of the piece kept at the file's own resolution: 1,024 of the 8 x 8 blocks that JPEG works in."""

MAX_PIXELS: Final = 200_000_000
"""Largest picture decoded: what the largest phone cameras take, below what fills the memory."""

# Pillow refuses twice its own limit, 179 megapixels: less than ours, which would never be reached.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

MAX_FILE_BYTES: Final = 512 * 1024 * 1024
THUMBNAIL_SIDE: Final = 192
THUMBNAIL_QUALITY: Final = 82

_EXIF_ORIENTATION: Final = 0x0112
_SWAPPED: Final = frozenset({5, 6, 7, 8})
_TRANSPOSE: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DECODE_ERRORS: Final = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, struct.error,
                         zlib.error, OverflowError, NotImplementedError)  # fmt: skip


class UnreadableImage(Exception):
    """This file cannot be used as an image; the text is the reason, for a person."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded image.

    Attributes:
        rgb: uint8 (h, w, 3), upright, longest side at most `WORKING_SIDE`.
        width, height: pixels of the upright original.
        format: Pillow's name of the file format (`JPEG`, `PNG` …).
        mode: Pillow's mode of the original (`RGB`, `CMYK`, `I;16` …).
        jpeg_quality: estimated 1-100, NaN if not a JPEG.
        crop: uint8 (h, w), luma of the middle at the file's own resolution, sides at most `CROP_SIDE`; None where
            the file was decoded at a reduced scale.
    """

    rgb: np.ndarray
    width: int
    height: int
    format: str
    mode: str
    jpeg_quality: float
    crop: np.ndarray | None = None


def decode(data: bytes, working_side: int = WORKING_SIDE) -> Picture:
    """Decode the bytes of an image file.

    Raises:
        UnreadableImage: empty, truncated, not an image, too large, or a damaged file; with the reason.
    """
    if not data:
        raise UnreadableImage("the file is empty")
    if len(data) > MAX_FILE_BYTES:
        raise UnreadableImage(f"the file is larger than {MAX_FILE_BYTES // 2**20} MB")
    register_optional_formats()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = _open(data)
        width, height = image.size
        file_format, mode = image.format or "unknown", image.mode
        quality = jpeg_quality(image)
        orientation = _orientation(image)
        try:
            if file_format in ("JPEG", "MPO"):
                image.draft(None, _draft_size(width, height, working_side))
            image.load()
            crop = _middle(image) if image.size == (width, height) else None
            small = to_rgb(_reduced(image, working_side))
        except Image.DecompressionBombError as error:
            raise _too_large(width, height) from error
        except MemoryError as error:
            raise UnreadableImage("not enough memory to decode this picture") from error
        except _DECODE_ERRORS as error:
            raise UnreadableImage(_reason(error)) from error
    if orientation != 1:
        small = _upright(small, orientation)
        if orientation in _SWAPPED:
            width, height = height, width
    return Picture(np.asarray(small), width, height, file_format, mode, quality, crop)


def decode_full(data: bytes, max_side: int = 1600) -> Image.Image:
    """An upright RGB picture for looking at, longest side at most `max_side`. Raises as `decode` does."""
    return Image.fromarray(decode(data, working_side=max_side).rgb)


def to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB of any Pillow mode: 16-bit and float scaled down, transparency laid on white."""
    if image.mode == "RGB":
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_to_8_bit(np.asarray(image))).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, with_alpha).convert("RGB")
    return image.convert("RGB")


def jpeg_quality(image: Image.Image) -> float:
    """Quality setting (1-100) a JPEG was most likely saved with; NaN for other files.

    The luma quantisation table is compared with the standard's (ITU-T T.81, Annex K.1) scaled as the
    Independent JPEG Group's library scales it.
    """
    tables = getattr(image, "quantization", None)
    if not tables or 0 not in tables or image.format not in ("JPEG", "MPO"):
        return float("nan")
    # The sum of the table, not its order, is used: files and Pillow versions differ in zigzag order.
    return float(1 + int(np.argmin(np.abs(_luma_sums() - sum(tables[0])))))


def thumbnail(rgb: np.ndarray, side: int = THUMBNAIL_SIDE) -> bytes:
    """JPEG bytes of an RGB picture, longest side at most `side`."""
    import cv2

    small = cv2.cvtColor(shrunk(rgb, side), cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY])
    return encoded.tobytes()


def shrunk(rgb: np.ndarray, side: int) -> np.ndarray:
    """The picture with its longest side at most `side` pixels (area averaging); never enlarged."""
    import cv2

    height, width = rgb.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return rgb
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))


def register_optional_formats() -> bool:
    """Let Pillow open HEIC files when the optional package pillow-heif is installed."""
    global _heif_registered
    if _heif_registered is None:
        try:
            import pillow_heif
        except ImportError:
            _heif_registered = False
        else:
            pillow_heif.register_heif_opener()
            _heif_registered = True
    return _heif_registered


_heif_registered: bool | None = None
# ITU-T T.81, table K.1, row by row.
_STANDARD_LUMA: Final = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip


@cache
def _luma_sums() -> np.ndarray:
    """Sum of the luma table at each quality 1-100, float64 (100,)."""
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables = np.clip((np.array(_STANDARD_LUMA)[None, :] * scale[:, None] + 50) // 100, 1, 255)
    return np.asarray(tables.sum(axis=1), dtype=np.float64)


def _open(data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise UnreadableImage("the picture is too large to decode safely (decompression bomb)") from error
    except UnidentifiedImageError as error:
        raise UnreadableImage(_unidentified(data)) from error
    except _DECODE_ERRORS as error:
        raise UnreadableImage(_reason(error)) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_large(width, height)
    if width < 1 or height < 1:
        raise UnreadableImage("the picture has no pixels")
    return image


def _too_large(width: int, height: int) -> UnreadableImage:
    return UnreadableImage(
        f"{width} x {height} pixels is more than {MAX_PIXELS // 10**6} megapixels (decompression bomb)"
    )


def _unidentified(data: bytes) -> str:
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        return "a HEIC picture: install the optional package pillow-heif, or convert it to JPEG"
    return "not an image, or a format that is not supported"


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return "the file is truncated: part of it is missing"
    return f"the file is damaged ({text or type(error).__name__})"[:200]


def _draft_size(width: int, height: int, side: int) -> tuple[int, int]:
    factor = min(1.0, side / max(width, height))
    return max(1, int(width * factor)), max(1, int(height * factor))


def _reduced(image: Image.Image, side: int) -> Image.Image:
    width, height = image.size
    factor = side / max(width, height)
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if image.mode in ("P", "PA", "1"):  # colour indices must not be averaged
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray(_to_8_bit(np.asarray(image)))
    return image.resize(size, Image.Resampling.BOX if factor < 0.25 else Image.Resampling.BICUBIC, reducing_gap=3.0)


def _middle(image: Image.Image) -> np.ndarray:
    """Luma of the middle of a picture, uint8 (h, w), sides at most `CROP_SIDE`, not turned upright."""
    left, top = (max(0, (side - CROP_SIDE) // 2) for side in image.size)
    box = (left, top, min(left + CROP_SIDE, image.width), min(top + CROP_SIDE, image.height))
    return np.asarray(to_rgb(image.crop(box)).convert("L"))


def _to_8_bit(values: np.ndarray) -> np.ndarray:
    values = np.nan_to_num(values.astype(np.float32))
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if low >= 0 and 255 < high <= 65535:
        return (values / 257.0).round().astype(np.uint8)
    if low >= 0 and 1 < high <= 255:
        return values.astype(np.uint8)
    return ((values - low) / (high - low or 1.0) * 255.0).round().astype(np.uint8)


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except _DECODE_ERRORS:  # broken EXIF does not make a picture unusable
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TRANSPOSE[orientation])
