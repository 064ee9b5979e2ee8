"""Measured attributes of one picture: light, colour, sharpness, noise, size.

All are measured on the working picture of `analysis.imaging` (longest side at most 512 pixels), so that two
images are compared at the size at which a person and a model look at them. Only the marks of compression are
looked for at the file's own resolution. Columns that no person needs in words are stored too: `structure`,
`subject_brightness` and `clipped_white`, from which `analysis.checks.image_quality` judges.
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
    Attribute("blur", "Blur", "px", "crisper", "softer", "Width (Gaussian sigma) over which the crisper edges of the picture are spread, in the direction in which they are softest; plain areas do not count."),
    Attribute("noise", "Noise", "0-1", "cleaner", "noisier", "Standard deviation of luma noise, Immerkaer 1996; 1 is full scale.", 4, True),
    Attribute("entropy", "Detail", "bits", "plainer", "richer in detail", "Entropy of the luma histogram; 0 is one flat tone, 8 the most."),
    Attribute("clipped", "Burnt-out highlights", "0-1", "less burnt out", "more burnt out", "Share of pixels in which a colour is at its maximum: detail there is lost. The flat paint of drawings is left out."),
    Attribute("blockiness", "Compression marks", "0-1", "free of compression marks", "full of compression marks", "Share of fine detail that JPEG compression removed, whatever the file says now; 0 is none. Not measured on pictures of 1,024 pixels or more."),
    Attribute("jpeg_quality", "JPEG quality", "1-100", "more compressed", "less compressed", "Quality the file was most likely saved with; none for other formats.", 0),
    Attribute("megapixels", "Resolution", "MP", "smaller", "larger", "Millions of pixels of the original.", 2, True),
    Attribute("aspect_ratio", "Shape", "width / height", "taller", "wider", "Width divided by height; 1 is square.", 2, True),
)  # fmt: skip

ATTRIBUTES: Final = {a.name: a for a in _LIST}
"""Numeric attributes in the order they are shown."""

DARK_LUMA: Final = 4.0
"""Mean luma (0-255) below which the colour of light cannot be told."""


REBLUR: Final = 1.5
"""Sigma, in pixels, of the second blur: above that of crisp edges, below that of edges beyond use."""
EDGE_SLOPE: Final = 2.0
"""Luma a pixel; below it noise and compression pass for edges."""
BLUR_QUANTILE: Final = 0.65
"""Of the blocks with edges: the crisper third may be all that is in focus."""
BLUR_PIXELS: Final = 384 * 384
"""In larger pictures every other band of 64 lines is measured: it saves half the time and loses little."""
OWN_DIRECTION: Final = 0.8
"""An edge tells of a direction when its slope there is this much of its slope in the steepest direction."""
FINE_LEVEL: Final = 8.0
"""Size of a DCT coefficient (luma units) that every quality of about 50 and above keeps."""


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
        "blur": blur(gray),
        "structure": structure(gray),
        "subject_brightness": subject_brightness(gray),
        **clipping(rgb),
        "blockiness": float("nan") if picture.crop is None else blockiness(picture.crop),
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


def blur(gray: np.ndarray) -> float:
    """Width of the picture's crisper edges, in the direction in which they are softest: Gaussian sigma in pixels.

    An edge of width s blurred again by r falls in slope by sqrt(1 + (r/s)^2), whatever its contrast (Zhuo and Sim
    2011, doi:10.1016/j.patcog.2011.03.009). The steepest slope of each block before and after gives s; blocks
    without a clear edge (plain backgrounds) do not count, and of the others the crisper ones (`BLUR_QUANTILE`), so
    a soft background behind a crisp subject does not either. Done for four directions, each with the edges that run
    across it (of an edge along the movement, shake leaves the slope as it is); the softest counts, more so where
    directions differ, as they do in a shaken picture. About 0.4-0.7 is a crisp photo. NaN where there are
    no edges.
    """
    import cv2

    height, width = gray.shape
    side = 16 if min(height, width) >= 96 else 8
    if min(height, width) < 2 * side:
        return float("nan")
    step = height if height * width <= BLUR_PIXELS else 4 * side
    bands = [gray[top : top + step].astype(np.float32) for top in range(0, height - 2 * side + 1, 2 * step)]
    before = np.concatenate([_slopes(band, side) for band in bands], axis=1)
    after = np.concatenate([_slopes(cv2.GaussianBlur(band, (9, 9), REBLUR), side) for band in bands], axis=1)
    own = OWN_DIRECTION * before.max(axis=0)
    logs = np.full(4, np.nan)
    for i, (first, second) in enumerate(zip(before, after, strict=True)):
        edges = first >= np.maximum(own, max(EDGE_SLOPE, 0.25 * _quantile(first, 0.95)))
        if edges.sum() >= 4:
            ratio = _quantile(first[edges] / np.maximum(second[edges], 1e-3), BLUR_QUANTILE)
            logs[i] = np.log(REBLUR / np.sqrt(max(ratio * ratio - 1.0, 0.01)))
    if np.isnan(logs).all():
        return float("nan")
    uneven = np.abs([logs[0] - logs[1], logs[2] - logs[3]])
    uneven = uneven[~np.isnan(uneven)]
    return float(np.exp(np.nanmax(logs) + 0.25 * uneven.max(initial=0.0)))


def _slopes(gray: np.ndarray, side: int) -> np.ndarray:
    """Steepest slope (luma a pixel) within each block of `side` pixels, for 0, 90, 45 and 135 degrees: (4, blocks)."""
    import cv2

    x = cv2.Scharr(gray, cv2.CV_32F, 1, 0, scale=1 / 32)
    y = cv2.Scharr(gray, cv2.CV_32F, 0, 1, scale=1 / 32)
    rows, columns = gray.shape[0] // side, gray.shape[1] // side
    out = np.empty((4, rows * columns))
    for i, slope in enumerate((cv2.add(x, y), cv2.subtract(x, y), x, y)):
        size = np.abs(slope, out=slope)[: rows * side, : columns * side]
        steepest = size.reshape(rows, side, columns * side).max(axis=1)
        out[i] = steepest.reshape(rows, columns, side).max(axis=2).ravel()
    out[:2] *= np.sqrt(0.5)
    return out[[2, 3, 0, 1]]


def structure(gray: np.ndarray) -> float:
    """How much there is to see at the size of a thumbnail: the steepest slopes (99th percentile, luma a pixel of
    64 x 64). Noise averages out, a few lines on a plain ground count in full; below about 5 there is nothing."""
    import cv2

    small = cv2.resize(gray, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    return float(_quantile(gradient(small)[1:-1, 1:-1].ravel(), 0.99) / 8.0)


def subject_brightness(gray: np.ndarray) -> float:
    """Mean luma (0-1) where there is something to see: each place of a 64 x 64 copy counts by its relative
    contrast, so a plain backdrop, black or white, hardly counts. Mean luma where the picture is flat."""
    import cv2

    small = cv2.resize(gray, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    weight = gradient(np.log(small + 8.0))
    total = float(weight.sum())
    return float(((weight * cv2.blur(small, (3, 3))).sum() / total if total > 1e-3 else small.mean()) / 255.0)


def gradient(values: np.ndarray) -> np.ndarray:
    """Steepest slope at each place by Sobel's operator (8 times that of a pixel), float32, of float32 values."""
    import cv2

    x, y = cv2.Sobel(values, cv2.CV_32F, 1, 0), cv2.Sobel(values, cv2.CV_32F, 0, 1)
    return np.asarray(np.sqrt(x * x + y * y))  # cv2.magnitude rounds by where in memory the numbers lie


def clipping(rgb: np.ndarray) -> dict[str, float]:
    """Shares of pixels (0-1) at the top of the scale: `clipped` in any colour, `clipped_white` in all three.

    A white backdrop is clipped in all three; an overexposed subject loses one colour after the other, and the ones it
    has left go on varying. Where most of what is partly clipped has exactly its neighbours' colour, it is paint (a
    drawing's pure yellow), and such places are not counted as clipped: of overexposed photos at most a fifth is
    so, heavily compressed ones at most half.
    """
    import cv2

    pixels = rgb.shape[0] * rgb.shape[1]
    below = cv2.inRange(rgb, (0, 0, 0), (251, 251, 251))
    white = cv2.inRange(rgb, (250, 250, 250), (255, 255, 255))
    partly = cv2.bitwise_not(cv2.bitwise_or(below, white))
    varying = cv2.morphologyEx(rgb, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    painted = cv2.countNonZero(cv2.bitwise_and(partly, cv2.inRange(varying, (0, 0, 0), (0, 0, 0))))
    paint = painted if 2 * painted > cv2.countNonZero(partly) else 0
    clipped = pixels - cv2.countNonZero(below) - paint
    return {"clipped": clipped / pixels, "clipped_white": cv2.countNonZero(white) / pixels}


def blockiness(luma: np.ndarray) -> float:
    """Share of fine detail that JPEG compression removed, 0-1; NaN for pictures under 24 pixels or without detail.

    Compression sets small DCT coefficients of 8 x 8 blocks to zero. Counted are the fine ones that are left in the
    picture's blocks, against those of blocks laid four pixels beside them, where the picture is the same and nothing
    was removed: content cancels out (calibration as in Fridrich et al. 2002, doi:10.1007/3-540-36415-3_20). The
    grid is searched for, so a later crop, another file format or a high quality afterwards do not hide it; a
    resize does.
    """
    if min(luma.shape) < 24:
        return float("nan")
    values = luma.astype(np.float32)
    top, left = _grid_start(values.T), _grid_start(values)
    own = _fine_share(values, top, left)
    beside = _fine_share(values, (top + 4) % 8, (left + 4) % 8)
    if beside < 1e-3:
        return float("nan")
    return float(np.clip(1.0 - own / beside, 0.0, 1.0))


def _grid_start(values: np.ndarray) -> int:
    """The column (0-7) at which blocks of 8 most likely start: where neighbours differ more than around it."""
    steps = np.minimum(np.abs(np.diff(values, axis=1)), 40.0).mean(axis=0)
    excess = np.zeros_like(steps)
    excess[1:-1] = steps[1:-1] - 0.5 * (steps[:-2] + steps[2:])
    return int((np.argmax([excess[phase::8].mean() for phase in range(8)]) + 1) % 8)


def _fine_share(values: np.ndarray, top: int, left: int) -> float:
    """Share of the fine DCT coefficients (indices sum to 3 or more) above `FINE_LEVEL`, in blocks from (top, left)."""
    rows, columns = (values.shape[0] - top) // 8, (values.shape[1] - left) // 8
    part = values[top : top + 8 * rows, left : left + 8 * columns]
    down = np.matmul(_DCT, part.reshape(rows, 8, 8 * columns))
    across = np.matmul(down.reshape(-1, 8), _DCT.T)
    large = (np.abs(across, out=across) > FINE_LEVEL).reshape(rows, 8, columns, 8)
    counts = large.sum(axis=0, dtype=np.int32).sum(axis=1)
    return float(counts[_FINE].sum() / (rows * columns * _FINE.sum()))


def _quantile(values: np.ndarray, q: float) -> float:
    """The value at rank q (no interpolation), of at least one value."""
    place = min(len(values) - 1, int(q * len(values)))
    return float(np.partition(values, place)[place])


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
_K: Final = np.arange(8)
_DCT: Final = (
    np.cos(np.pi * _K[:, None] * (2 * _K + 1) / 16) * np.where(_K == 0, np.sqrt(0.125), 0.5)[:, None]
).astype(np.float32)
_FINE: Final = np.add.outer(_K, _K) >= 3
