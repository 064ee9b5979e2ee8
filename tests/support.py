"""Pictures and bytes that several tests need."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def photo(seed: int, size: tuple[int, int] = (96, 72), tint: tuple[int, int, int] = (120, 120, 120)) -> Image.Image:
    """A picture that differs for every seed: smooth blobs on a tinted ground, with a little noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(-70, 70, size=(6, 8, 3)) + np.array(tint)
    image = Image.fromarray(np.clip(coarse, 0, 255).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    noisy = np.asarray(image).astype(int) + rng.integers(-6, 7, size=(size[1], size[0], 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def encode(image: Image.Image, file_format: str, **options: object) -> bytes:
    """Bytes of the picture in a file format."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def corrupt(data: bytes, seed: int) -> bytes:
    """The same bytes with a few of them changed."""
    rng = np.random.default_rng(seed)
    out = bytearray(data)
    for position in rng.integers(0, len(out), size=5):
        out[position] = int(rng.integers(256))
    return bytes(out)


def png_of_size(width: int, height: int) -> bytes:
    """A tiny PNG file whose header claims any size: a decompression bomb."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\x00" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
