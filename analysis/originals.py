"""Which of two copies is the original? What only one of them can have been made from, as far as the pictures tell.

A copy loses and gains in known ways. Cut, it shows less. Turned or framed, it gets ground of one colour. Marked, it
has edges where the other has none. Enlarged, it has pixels but no finer detail; blurred, less of it. What is lost or
added is looked for where the two lie over each other, in this order; the first that tells decides. A mirror image or
another tint says nothing of which came first. OpenCV loads when a function runs, not on import.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import fill, imaging
from analysis.dataset import Dataset
from analysis.duplicates import Duplicates
from analysis.features import Features

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Pixels = NDArray[np.uint8]

READ: Final = 2048  # longest side, pixels, up to which fine detail is looked at
THUMBNAIL: Final = 192  # the same, where fill is looked for
PLAIN: Final = 0.95  # of what one picture shows more than the other: one colour, so a frame
SMALLEST: Final = 8  # pixels a side, below which a picture shows nothing
SIDE: Final = 256  # longest side, pixels, at which marks are looked for
GRAY: Final = 0.01  # mean saturation up to which a picture has no colour
FILLED: Final = 0.01  # more of one picture than of the other that is fill: what `fill` finds at the least
CUT: Final = 0.03  # of the view that the one lacks: more than the laying over each other strays
NOISE: Final = 8.0  # grey levels that storing twice and resizing explain
EDGE: Final = 1.2  # and times the contrast around: blur, sharpening, and half a pixel of misalignment
LEAST_MARKED: Final = 0.0015  # of the picture: less is a speck
ONE_SIDED: Final = 0.25  # of the edges at the rim of a difference that one picture must have more of than the other
FINER: Final = 0.05  # of the size, by which one must have more pixels to have finer detail
ENLARGED: Final = 0.8  # of the smaller one's finest detail is left in the larger: enlarging by any usual filter
REDUCED: Final = 1.05  # the same, where the smaller lost some by being reduced; planted: at most 0.66, at least 1.16
COARSEST: Final = 0.1  # cycles a pixel: of a picture reduced by more than five the larger surely shows more
BASE: Final = (0.03, 0.08)  # cycles a pixel: coarse detail that neither blur nor sharpening changes much
BANDS: Final = ((0.1, 0.15), (0.18, 0.28), (0.35, 0.45))  # finer and finer
STORED: Final = 2.0  # power, squared grey levels, that a JPEG may have of its own
SOFTER: Final = 0.5  # of the other's fine detail: less is blur; heavy compression leaves more
BLURRED: Final = 0.35  # times what is left of coarser detail: blur takes the more the finer
SHARPENED: Final = 0.45  # times: sharpening adds to both
READ_MOST: Final = 1000  # files read anew in one audit; beyond, thumbnails, which show no fine detail
HELD: Final = 24  # pictures held in memory
LARGE_GROUP: Final = 100  # pictures of a group that are gone through once only
QUALITY: Final = 10.0  # of 100, JPEG: less is how the estimate and usual settings vary


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture as far as it bears on being an original.

    Attributes:
        rgb: uint8 (h, w, 3), as large as could be read.
        width, height: of its file, pixels.
        saturation: mean, 0-1. quality: of JPEG, 1-100; 100 for other formats.
    """

    rgb: Pixels
    width: float
    height: float
    saturation: float
    quality: float


def original(a: Seen, b: Seen, there: Float64) -> tuple[int, str]:
    """1 where `a` is the original, -1 where `b` is, 0 where nothing tells; and what the other one is.

    `there` (2, 3): where a point of b, in parts of its width and height, lies in a.
    """
    for look in (_colour, _filled, _cut, _marked, _finer, _compressed):
        found, said = look(a, b, there)
        if found:
            return found, said
    return 0, ""


def _colour(a: Seen, b: Seen, there: Float64) -> tuple[int, str]:
    return int(a.saturation > GRAY) - int(b.saturation > GRAY), "without colour"


def _filled(a: Seen, b: Seen, there: Float64) -> tuple[int, str]:
    """Fill counts where the other shows something else in its place, or nothing: white ground in both is no fill."""
    back = _turned_round(there)
    more = _fill_of_its_own(b, a, there) - _fill_of_its_own(a, b, back)
    return (int(np.sign(more)) if abs(more) >= FILLED else 0), "with filled corners or a frame"


def _fill_of_its_own(x: Seen, other: Seen, there: Float64) -> float:
    """Share of x that is fill which `other` does not have; `there`: where a point of x lies in it."""
    import cv2

    gray = _gray(x.rgb, THUMBNAIL)
    kept = fill.content(gray)
    if kept is None:
        return 0.0
    small = _gray(other.rgb, THUMBNAIL)
    moved, seen = _laid(small, _matrix(there, small.shape, gray.shape), gray.shape)
    one, another = (cv2.GaussianBlur(y.astype(np.float32), (0, 0), 1.0) for y in (moved, gray))
    lit = _same_light(one, another, seen) if seen.sum() > 0.3 * seen.size else one
    has = seen & (np.minimum(np.abs(one - another), np.abs(lit - another)) <= 2 * NOISE)
    return float((~kept & ~has).mean())


def _cut(a: Seen, b: Seen, there: Float64) -> tuple[int, str]:
    """The one that shows more, unless all that it shows more is one colour: then it is framed."""
    covered = abs(float(np.linalg.det(there[:, :2])))  # share of a that b takes
    if 1 - CUT <= covered <= 1 / (1 - CUT):
        return 0, ""
    found = 1 if covered < 1 else -1
    wide, narrow, way = (a, b, _turned_round(there)) if found > 0 else (b, a, there)
    gray = _gray(wide.rgb, THUMBNAIL)
    small = _gray(narrow.rgb, THUMBNAIL)
    _, seen = _laid(small, _matrix(way, small.shape, gray.shape), gray.shape)
    beyond = gray[_shrunk(~seen)].astype(np.float64)
    if len(beyond) and float(np.mean(np.abs(beyond - np.median(beyond)) <= fill.SAME)) > PLAIN:
        return -found, "with a frame"
    return found, "cut"


def _shrunk(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    import cv2

    out = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return np.asarray(out > 0)


def _marked(a: Seen, b: Seen, there: Float64) -> tuple[int, str]:
    one, other, seen = _over(a, b, there, SIDE)
    ways = [_edges_of(one, other, seen), tuple(-x for x in _edges_of(other, one, seen))]
    # A large mark spoils setting one picture's light to the other's, not the other way round: less differs.
    balance, _ = max(ways, key=lambda way: (way[0] != 0, -abs(way[1]), way[0]))
    return (int(np.sign(balance)) if abs(balance) > ONE_SIDED else 0), "with a mark"


def _over(a: Seen, b: Seen, there: Float64, side: int) -> tuple[Float32, Float32, NDArray[np.bool_]]:
    """a and b in gray, laid over each other in the frame of b, and where both show something."""
    import cv2

    one, other = (_gray(x.rgb, side) for x in (a, b))
    matrix = _matrix(there, one.shape, other.shape)
    even_a, even_b = (cv2.GaussianBlur(x.astype(np.float32), (0, 0), 1.0) for x in (one, other))
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 1e-5)
    try:  # thumbnails are laid over each other to about a pixel of theirs
        _, found = cv2.findTransformECC(even_b, even_a, matrix, cv2.MOTION_AFFINE, criteria, None, 3)
        if np.abs(found - matrix).max() < 3.0:
            matrix = np.asarray(found, dtype=np.float32)
    except cv2.error:
        pass
    moved, seen = _laid(one, matrix, other.shape)
    return moved, other.astype(np.float32), seen


def _turned_round(there: Float64) -> Float64:
    back = np.linalg.inv(there[:, :2])
    return np.column_stack([back, -back @ there[:, 2]])


def _matrix(there: Float64, shape_a: tuple[int, ...], shape_b: tuple[int, ...]) -> Float32:
    """The same map from pixels of b to pixels of a, for pictures of these shapes."""
    (ha, wa), (hb, wb) = shape_a[:2], shape_b[:2]
    half = np.array([0.5, 0.5])
    linear = np.diag([wa, ha]) @ there[:, :2] @ np.diag([1 / wb, 1 / hb])
    return np.column_stack([linear, there[:, 2] * [wa, ha] - half + linear @ half]).astype(np.float32)


def _laid(gray: Pixels, matrix: Float32, shape: tuple[int, ...]) -> tuple[Float32, NDArray[np.bool_]]:
    """A picture as it lies in another's frame of this shape, and where it shows something there."""
    import cv2

    size, inverse = (shape[1], shape[0]), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(gray.astype(np.float32), matrix, size, flags=inverse, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.warpAffine(np.ones(gray.shape, dtype=np.float32), matrix, size, flags=inverse) > 0.99
    return np.asarray(moved, dtype=np.float32), np.asarray(seen)


def _edges_of(a: Float32, b: Float32, seen: NDArray[np.bool_]) -> tuple[float, ...]:
    """Whose the edges are at the rim of what differs, 1 for b and -1 for a (0: of neither); and the share that differs.

    An overlaid mark, opaque or not, ends in an edge in its own picture and in none in the other. What blurring,
    sharpening and storing change lies on edges that both have, and is within what the contrast around allows.
    """
    import cv2

    seen = cv2.erode(seen.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if seen.sum() < 0.3 * seen.size:
        return 0.0, 0.0
    a, b = (np.asarray(cv2.GaussianBlur(x, (0, 0), 1.0)) for x in (a, b))
    a = _same_light(a, b, seen)
    around = np.ones((5, 5), np.uint8)
    # The contrast of the flatter of the two: where only one has an edge, that edge excuses nothing.
    contrast = np.minimum(*(cv2.dilate(x, around) - cv2.erode(x, around) for x in (a, b)))
    rest = b - a
    differs = ((np.abs(rest) > NOISE + EDGE * contrast) & seen).astype(np.uint8)
    differs = cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    share = float(differs.sum()) / float(seen.sum())
    if share < LEAST_MARKED:
        return 0.0, share
    differs = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    rim = cv2.dilate(differs, np.ones((3, 3), np.uint8)) - cv2.erode(differs, np.ones((3, 3), np.uint8))
    at = (rim > 0) & seen
    slope = [np.stack([cv2.Sobel(x, cv2.CV_32F, 1, 0), cv2.Sobel(x, cv2.CV_32F, 0, 1)]) for x in (a, b, rest)]
    of_a, of_b = (float((x * slope[2])[:, at].sum()) for x in slope[:2])
    whole = float((slope[2] ** 2)[:, at].sum()) + 1e-6
    return (of_a + of_b) / whole, share


def _same_light(a: Float32, b: Float32, seen: NDArray[np.bool_]) -> Float32:
    """a with its grey levels set to what most of b has in their place."""
    edges = np.unique(np.quantile(a[seen], np.linspace(0.0, 1.0, 25)))
    if len(edges) < 3:
        return a
    number = np.clip(np.searchsorted(edges, a[seen], side="right") - 1, 0, len(edges) - 2)
    values, place = b[seen], []
    for k in range(len(edges) - 1):
        mine = number == k
        if mine.sum() >= 20:
            place.append((float(np.median(a[seen][mine])), float(np.median(values[mine]))))
    if len(place) < 3:
        return a
    x, y = np.array(place).T
    y = np.maximum.accumulate(y)
    # Beyond the outermost levels it goes on as between them and the next: the few lightest and darkest are no marks.
    first, last = ((y[j] - y[i]) / max(x[j] - x[i], 1.0) for i, j in ((0, 1), (-2, -1)))
    out = np.interp(a, x, y) + np.minimum(a - x[0], 0) * first + np.maximum(a - x[-1], 0) * last
    return np.asarray(np.clip(out, 0.0, 255.0), dtype=np.float32)


def _finer(a: Seen, b: Seen, there: Float64) -> tuple[int, str]:
    """The one that shows finer detail of its own.

    Of two sizes: enlarging weakens the finest detail of the smaller picture and adds none, reducing keeps it in the
    larger. Of one size: blur takes the more the finer the detail; sharpening adds alike to all that is fine.
    """
    if any(max(x.rgb.shape) < 0.9 * min(READ, max(x.width, x.height)) for x in (a, b)):
        return 0, ""  # thumbnails: their detail is not that of the files
    one, other = (_gray(x.rgb, READ) for x in (a, b))
    linear = _matrix(there, one.shape, other.shape)[:, :2]
    pixels = float(np.sqrt(abs(np.linalg.det(linear.astype(np.float64)))))  # of a, for one of b
    if not 1 / (1 + FINER) <= pixels <= 1 + FINER:
        large, small, found = (one, other, 1) if pixels > 1 else (other, one, -1)
        finest = 0.5 * min(pixels, 1 / pixels)  # cycles a pixel of the larger: what the smaller just can show
        if finest < COARSEST:
            return found, "reduced"
        kept = _power(large, 0.8 * finest, 0.95 * finest) / _power(small, 0.4, 0.475)
        kept /= _power(large, 0.25 * finest, 0.5 * finest) / _power(small, 0.125, 0.25)
        if kept > REDUCED:
            return found, "reduced"
        return (-found, "enlarged") if kept < ENLARGED else (0, "")
    base, *ratios = (_power(one, *b) / _power(other, *b) for b in (BASE, *BANDS))
    if max(ratios) / base > 1 / SOFTER:
        found, soft = 1, other
        left = [base / r for r in ratios]  # of each band in the softer, in parts of the crisper
    else:
        found, soft = -1, one
        left = [r / base for r in ratios]
    # Below what storing adds of its own, nothing is seen of blur: then a band less fine tells.
    middle, fine = (left[0], left[1]) if _power(soft, *BANDS[2]) < STORED else (left[1], left[2])
    if fine >= SOFTER:
        return 0, ""
    if fine < BLURRED * middle:
        return found, "blurred"
    return (-found, "sharpened") if fine > SHARPENED * middle and middle < SOFTER else (0, "")


def _power(gray: Pixels, low: float, high: float) -> float:
    """Mean power of a picture between two spatial frequencies, cycles a pixel."""
    height, width = gray.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    values = gray.astype(np.float64)
    power = np.abs(np.fft.rfft2((values - values.mean()) * window)) ** 2 / float((window**2).sum())
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    at = (frequency >= low) & (frequency < high)
    return float(power[at].mean()) + 1e-3 if at.any() else 1e-3


def _compressed(a: Seen, b: Seen, there: Float64) -> tuple[int, str]:
    if abs(a.quality - b.quality) <= QUALITY:
        return 0, ""
    return (1 if a.quality > b.quality else -1), "more compressed"


def _gray(rgb: Any, longest: int) -> Pixels:
    import cv2

    gray = rgb if rgb.ndim == 2 else cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    factor = longest / max(gray.shape)
    if factor < 1:
        size = (max(8, round(gray.shape[1] * factor)), max(8, round(gray.shape[0] * factor)))
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    return np.asarray(gray, dtype=np.uint8)


class Keeping:
    """Orders the pictures of a group, the one to keep first; files are read when asked for, a few kept in memory."""

    def __init__(self, dataset: Dataset, features: Features, found: Duplicates) -> None:
        self._laid, self._pictures = found.laid, features.pictures
        images = dataset.images
        self._paths = images["path"].astype(str).to_numpy() if "path" in images else None
        self._ids = images["image_id"].astype(str).to_numpy()
        self._width, self._height = (_column(images, name, 0.0) for name in ("width", "height"))
        self._saturation, self._quality = _column(images, "saturation", 1.0), _column(images, "jpeg_quality", 100.0)
        self._kept: OrderedDict[int, tuple[Pixels | None, Pixels | None]] = OrderedDict()
        self._read = 0

    def ordered(self, rows: Sequence[int]) -> list[int]:
        """Rows of one group, the one to keep first; the others by size and name."""
        inside = sorted(rows, key=lambda r: (-self._width[r] * self._height[r], len(self._ids[r]), self._ids[r]))
        first = inside[0]
        for _ in range(2 if len(inside) <= LARGE_GROUP else 1):  # again: what was beaten early may beat a later one
            for row in inside:
                if row != first and self._before(row, first):
                    first = row
        return [first, *(r for r in inside if r != first)]

    def _before(self, a: int, b: int) -> bool:
        rgb_a, rgb_b = self._both(a, b)
        one, other = self._seen(a, rgb_a), self._seen(b, rgb_b)
        if (a, b) in self._laid and min(*rgb_a.shape[:2], *rgb_b.shape[:2]) >= SMALLEST:
            found = original(one, other, self._laid[a, b])[0]
        else:
            found = _colour(one, other, np.eye(2, 3))[0] or _compressed(one, other, np.eye(2, 3))[0]
        if found:
            return found > 0
        pixels = [x.width * x.height for x in (one, other)]
        if abs(pixels[0] - pixels[1]) > FINER * max(pixels):
            return pixels[0] > pixels[1]
        return _by_name(self._ids[a], self._ids[b])

    def _seen(self, row: int, rgb: Pixels) -> Seen:
        return Seen(rgb, self._width[row], self._height[row], self._saturation[row], self._quality[row])

    def _both(self, a: int, b: int) -> tuple[Pixels, Pixels]:
        """Two pictures, both from their files or both from their thumbnails."""
        nothing = np.zeros((0, 0, 3), dtype=np.uint8)
        if (a, b) not in self._laid:
            return nothing, nothing
        (file_a, small_a), (file_b, small_b) = self._picture(a), self._picture(b)
        if file_a is not None and file_b is not None:
            return file_a, file_b
        return (nothing, nothing) if small_a is None or small_b is None else (small_a, small_b)

    def _picture(self, row: int) -> tuple[Pixels | None, Pixels | None]:
        import cv2

        if row in self._kept:
            self._kept.move_to_end(row)
            return self._kept[row]
        file, small = None, None
        if self._paths is not None and self._read < READ_MOST:
            self._read += 1
            try:
                file = imaging.decode(Path(self._paths[row]).read_bytes(), READ).rgb
            except (OSError, imaging.UnreadableImage):
                file = None
        stored = None if self._pictures is None else self._pictures.thumbnails([row])[0]
        if stored:
            found = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_COLOR)
            small = None if found is None else np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), dtype=np.uint8)
        self._kept[row] = file, small
        while len(self._kept) > HELD:
            self._kept.popitem(last=False)
        return file, small


def _column(images: pd.DataFrame, name: str, missing: float) -> Float64:
    if name not in images:
        return np.full(len(images), missing)
    values = images[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(np.nan_to_num(values, nan=missing), dtype=np.float64)


def _by_name(a: str, b: str) -> bool:
    """Whether a's name comes first: the one that the other was made from (`3.jpg`, `3 (copy).jpg`), else by order."""
    one, other = (PurePosixPath(x.rsplit(":", 1)[-1]).stem.casefold() for x in (a, b))
    for short, long, first in ((one, other, True), (other, one, False)):
        if len(short) < len(long) and re.search(rf"(?<![a-z0-9]){re.escape(short)}(?![a-z0-9])", long):
            return first
    return a < b
