"""Measured attributes of one picture: light, colour, sharpness, noise, size.

All are measured on the working picture of `analysis.imaging` (longest side at most 512 pixels), so that two
images are compared at the size at which a person and a model look at them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.imaging import Picture

Value = float | int | str


@dataclass(frozen=True, slots=True)
class Attribute:
    """A numeric column of the images table, in words.

    `lower` and `higher` complete "real-world pictures are …"; `digits` is how many decimals to show;
    `log` says that ratios, not differences, matter.
    """

    name: str
    title: str
    unit: str
    lower: str
    higher: str
    description: str
    digits: int = 2
    log: bool = False


_LIST: Final = (
    Attribute("brightness", "Brightness", "0-1", "darker", "brighter", "Mean luma; 0 is black, 1 is white."),
    Attribute("contrast", "Contrast", "0-1", "flatter", "more contrasty", "Spread (standard deviation) of luma; 1 is half black, half white."),
    Attribute("saturation", "Colour strength", "0-1", "less colourful", "more colourful", "Mean saturation (HSV); 0 is grey."),
    Attribute("colour_temperature", "Colour temperature", "K", "warmer", "cooler", "Correlated colour temperature of the mean colour (McCamy 1992): 3,000 is lamp light, 6,500 daylight.", 0, True),
    Attribute("sharpness", "Sharpness", "", "blurrier", "sharper", "Variance of the Laplacian of luma (0-255), Pech-Pacheco et al. 2000.", 0, True),
    Attribute("noise", "Noise", "0-1", "cleaner", "noisier", "Standard deviation of luma noise, Immerkaer 1996; 1 is full scale.", 4, True),
    Attribute("entropy", "Detail", "bits", "plainer", "richer in detail", "Entropy of the luma histogram; 0 is one flat tone, 8 the most."),
    Attribute("jpeg_quality", "JPEG quality", "1-100", "more compressed", "less compressed", "Quality the file was most likely saved with; none for other formats.", 0),
    Attribute("megapixels", "Resolution", "MP", "smaller", "larger", "Millions of pixels of the original.", 2, True),
    Attribute("aspect_ratio", "Shape", "width / height", "taller", "wider", "Width divided by height; 1 is square.", 2, True),
)  # fmt: skip

ATTRIBUTES: Final = {a.name: a for a in _LIST}
"""Numeric attributes in the order they are shown."""

DARK_LUMA: Final = 4.0
"""Mean luma (0-255) below which the colour of light cannot be told."""


def measure(picture: Picture, file_bytes: int) -> dict[str, Value]:
    """Attribute columns of one picture; see `ATTRIBUTES` for units and ranges (NaN where not defined)."""
    import cv2

    rgb = picture.rgb
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    mean, deviation = (float(x[0, 0]) for x in cv2.meanStdDev(gray))
    return {
        "width": picture.width,
        "height": picture.height,
        "megapixels": picture.width * picture.height / 1e6,
        "aspect_ratio": picture.width / picture.height,
        "brightness": mean / 255.0,
        "contrast": deviation / 127.5,
        "saturation": mean_saturation(rgb),
        "colour_temperature": colour_temperature(rgb) if mean >= DARK_LUMA else float("nan"),
        "sharpness": sharpness(gray),
        "noise": noise(gray),
        "entropy": entropy(gray),
        "jpeg_quality": picture.jpeg_quality,
        "file_bytes": file_bytes,
        "format": picture.format,
        "mode": picture.mode,
    }


def mean_saturation(rgb: np.ndarray) -> float:
    """Mean HSV saturation, 0-1."""
    import cv2

    small = cv2.resize(rgb, (64, 64), interpolation=cv2.INTER_AREA)
    return float(cv2.mean(cv2.cvtColor(small, cv2.COLOR_RGB2HSV))[1] / 255.0)


def colour_temperature(rgb: np.ndarray) -> float:
    """Correlated colour temperature in kelvin (1,000-20,000) of the mean colour (McCamy 1992), sRGB assumed."""
    import cv2

    small = cv2.resize(rgb, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float64) / 255.0
    linear = np.where(small <= 0.04045, small / 12.92, ((small + 0.055) / 1.055) ** 2.4).mean(axis=(0, 1))
    x, y, z = _SRGB_TO_XYZ @ linear
    total = x + y + z
    if total <= 0:
        return float("nan")
    n = (x / total - 0.3320) / (0.1858 - y / total)
    return float(np.clip(449.0 * n**3 + 3525.0 * n**2 + 6823.3 * n + 5520.33, 1000.0, 20000.0))


def sharpness(gray: np.ndarray) -> float:
    """Variance of the 4-neighbour Laplacian of luma (0-255); 0 for a flat picture."""
    import cv2

    _, deviation = cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_16S))
    return float(deviation[0, 0] ** 2)


def noise(gray: np.ndarray) -> float:
    """Standard deviation of luma noise over 255 (Immerkaer 1996): strong edges count little, texture some."""
    import cv2

    height, width = gray.shape
    if height < 3 or width < 3:
        return 0.0
    response = cv2.filter2D(gray, cv2.CV_16S, _IMMERKAER)[1:-1, 1:-1]
    return float(cv2.norm(response, cv2.NORM_L1) * np.sqrt(np.pi / 2) / (6.0 * response.size) / 255.0)


def entropy(gray: np.ndarray) -> float:
    """Shannon entropy of the luma histogram, bits, 0-8."""
    import cv2

    counts = cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel()
    share = counts[counts > 0] / gray.size
    return float(-(share * np.log2(share)).sum())


def perceptual_hashes(rgb: np.ndarray) -> dict[str, str]:
    """`phash` (DCT) and `dhash` (gradient) of the picture, 64 bits as 16 hex characters each."""
    import cv2
    import imagehash
    from PIL import Image

    gray = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (64, 64), interpolation=cv2.INTER_AREA)
    small = Image.fromarray(gray)
    return {"phash": str(imagehash.phash(small)), "dhash": str(imagehash.dhash(small))}


_SRGB_TO_XYZ: Final = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_IMMERKAER: Final = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
