"""Are these two the same picture, one of them changed? Lay them over each other, then compare part by part.

Two photos of one scene can look more alike than a picture and its copy. What tells them apart is what a copy cannot
have: parts that moved against each other, a view that is no mere cut, turn or mirror image, and scenery on both sides
that the other does not show. So the pictures are aligned (enhanced correlation coefficient: Evangelidis and Psarakis
2008, doi:10.1109/TPAMI.2008.113), the map is held to a turn, a scale and a mirror, and every part with any detail is
compared. A part of a copy differs by what storing it twice costs, which falls with the square of its detail; a part of
another photo differs by more. Where both are colourful their colours must be alike: an orange has the outline of an
apple, and a copy may lose its colours but not get others. OpenCV loads when a function runs, not on import.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis import fill
from analysis.glimpse import Look, look_matrix

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

COARSE: Final = 64  # longest side, pixels, of the first alignment
FINE: Final = 192  # of the second: that of the stored thumbnails
BLOCKS: Final = 8  # parts a side
DETAIL: Final = 1.2  # grey levels (standard deviation) of detail below which a part shows nothing but noise
ALLOWED: Final = 0.025  # lost correlation of a part of a copy, whatever its detail: resampling
ALLOWED_NOISE: Final = 0.4  # and in proportion to 1 / detail²: JPEG storage of file and thumbnail
MIN_PARTS: Final = 5  # detailed parts without which two pictures cannot be told apart
SHARE: Final = 0.5  # of the parts must agree: a watermark may cover the others
SHARE_SAME_CUT: Final = 0.35  # where the two show the same cut to the pixel, which two photos hardly ever do
SHARE_OTHER_CUT: Final = 0.7  # where one is clearly cut or turned and few parts agree; such copies had 0.98 and more
FAINT: Final = 1.0  # grey levels (standard deviation) of detail: nearly black, storing leaves marks as strong
SHARE_FAINT: Final = 0.85  # of another cut, one being faint: an outline in the dark fits many; cost is in the docs
MANY_PARTS: Final = 20  # agreeing parts that an outline on a plain ground alone does not have
SAME_CUT: Final = 0.5  # pixels at `FINE`
OTHER_CUT: Final = 4.0  # pixels at `FINE`; less is how far an alignment with little to hold on to may drift
COARSE_AGREES: Final = 0.88  # median correlation of the parts that makes the second alignment worth its time
COARSE_FITS: Final = 0.65  # the same for the whole of the evened pictures; copies of the development sets had 0.8
STRAYED: Final = 0.06  # of the longest side: farther from its look than looks lie apart
STEPS: Final = (10, 12)  # of the first and second alignment: copies settle within five
SAME_VIEW: Final = 1.0  # pixels at `FINE` by which a copy may show what its original does not
COLOURFUL: Final = 15.0  # chroma (CIELAB) from which a colour has a hue that light and storing hardly turn
OTHER_HUE: Final = 40.0  # degrees: from orange to yellow; a warm filter turns colourful places by less
PLACES: Final = 24  # on the longer side at which colours are compared
MIN_COLOURFUL: Final = 12  # places of about 24 x 24 that are colourful in both
SCALES: Final = (0.6, 1.7)
SQUEEZED: Final = 2.0  # one side against the other, from which few parts are not enough; a film made square has 1.8
DEGREES: Final = 12.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two pictures agree once aligned; b is taken for the changed one.

    Attributes:
        share: share of the detailed parts that agree within what storing a copy costs, in [0, 1].
        parts: number of detailed parts.
        outside: how far each picture at least shows what the other does not, pixels at `FINE`; 0 for a crop, a
            mirror image, a resized copy, and for a turn about the middle.
        moved: how far the corners of the two pictures lie apart, pixels at `FINE`; 0 for the same cut.
        mirrored, degrees, scale: the map from b to a; scale below 1 where b is cut out of a.
        squeezed: how many times more one side of b is enlarged than the other, at least 1.
        faint: whether there is next to nothing to see in one of them (`FAINT`).
        matrix: float64 (2, 3), pixels of b to pixels of a at the size compared.
    """

    share: float
    parts: int
    outside: float
    moved: float
    mirrored: bool
    degrees: float
    scale: float
    squeezed: float
    faint: bool
    matrix: Float64 = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Print:
    """A thumbnail ready to be compared.

    Attributes:
        gray: float32 (h, w), 0-255; where it was filled in, its border goes on.
        kept: float32 (h, w), 1 but where it was filled in; None where it was not.
        colour: float32 (about h / k, about w / k, 2), a* and b* of CIELAB, k of 1, 2, 4 or 8, the largest that leaves
            about 24 places on the longer side; None where unknown.
    """

    gray: Float32
    kept: Float32 | None = None
    colour: Float32 | None = None

    def sized(self, longest: int) -> Print:
        """With this longest side, pixels."""
        gray = _sized(self.gray, longest)
        return Print(gray, None if self.kept is None else np.asarray(_sized(self.kept, longest), dtype=np.float32))

    def evened(self, sigma: float) -> Float32:
        """What is aligned: nothing where it was filled in."""
        even = _evened(self.gray, sigma)
        return even if self.kept is None else even * self.kept

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, pixels."""
        return (self.gray.shape[0], self.gray.shape[1])


def print_of(thumbnail: bytes) -> Print | None:
    """Decode a thumbnail; None where it cannot be."""
    import cv2

    gray = cv2.imdecode(np.frombuffer(thumbnail, np.uint8), cv2.IMREAD_GRAYSCALE)
    if gray is None or min(gray.shape) < 8:
        return None
    picture = np.asarray(gray, dtype=np.uint8)
    kept, colour = fill.content(picture), _colour(thumbnail, max(picture.shape))
    if kept is None:
        return Print(picture.astype(np.float32), colour=colour)
    return Print(fill.extended(picture, kept).astype(np.float32), kept.astype(np.float32), colour)


def _colour(thumbnail: bytes, longest: int) -> Float32 | None:
    """a* and b* at an eighth of the size of a thumbnail whose longer side has `longest` pixels, more of a tiny one."""
    import cv2

    reduced = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
    by = next((k for k in reduced if longest >= k * PLACES), 1)
    small = cv2.imdecode(np.frombuffer(thumbnail, np.uint8), reduced.get(by, cv2.IMREAD_COLOR))
    if small is None:
        return None
    lab = cv2.cvtColor(np.asarray(small, dtype=np.float32) / 255.0, cv2.COLOR_BGR2LAB)
    return np.ascontiguousarray(lab[..., 1:], dtype=np.float32)


def compare(a: Print, b: Print, look: Look) -> Agreement | None:
    """Align b with a, starting from `look`, and compare; None where they clearly differ."""
    small_a, small_b = a.sized(COARSE), b.sized(COARSE)
    start = look_matrix(look, small_a.shape[::-1], small_b.shape[::-1])
    fit, matrix = _align(small_a.evened(1.0), small_b.evened(1.0), start, STEPS[0])
    if fit < COARSE_FITS:
        return None
    correlation, detail, _ = _parts(small_a, small_b, matrix, 1.0)
    if not len(detail) or _median(correlation, detail) < COARSE_AGREES:
        return None
    longest = int(min(FINE, max(a.gray.shape), max(b.gray.shape)))
    large_a, large_b = a.sized(longest), b.sized(longest)
    ratios = [
        (large.shape[1] / small.shape[1], large.shape[0] / small.shape[0])
        for large, small in ((large_a, small_a), (large_b, small_b))
    ]
    even_a, even_b = large_a.evened(1.5), large_b.evened(1.5)
    start = _rescaled(start, *ratios)
    best = _best_held(large_a, large_b, _align(even_a, even_b, _rescaled(matrix, *ratios), STEPS[1])[1], look)
    if not is_same(best) and _apart(best.matrix, start, large_b.shape) > STRAYED * longest:
        # Where there is little to hold on to, a free map strays: once more from the look, without scale and slant.
        again = _align(even_a, even_b, start, STEPS[1], free=False)[1]
        best = max(best, _best_held(large_a, large_b, again, look), key=lambda x: x.share)
    if is_same(best) and _other_colours(a, b, best.matrix, large_a.shape, large_b.shape):
        return replace(best, share=0.0)
    return best


def _other_colours(a: Print, b: Print, matrix: Float64, shape_a: tuple[int, int], shape_b: tuple[int, int]) -> bool:
    """Whether most places that are colourful in both have another hue; `matrix` is for pictures of these shapes."""
    import cv2

    if a.colour is None or b.colour is None:
        return False
    (ha, wa), (hb, wb) = a.colour.shape[:2], b.colour.shape[:2]
    small = _rescaled(matrix, (wa / shape_a[1], ha / shape_a[0]), (wb / shape_b[1], hb / shape_b[0]))
    inverse = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = np.asarray(cv2.warpAffine(a.colour, small, (wb, hb), flags=inverse)).reshape(-1, 2)
    other = b.colour.reshape(-1, 2)
    chroma = np.minimum(np.linalg.norm(moved, axis=1), np.linalg.norm(other, axis=1))
    both = chroma >= COLOURFUL
    if both.sum() < MIN_COLOURFUL:
        return False
    hue, another = (np.degrees(np.arctan2(x[both, 1], x[both, 0])) for x in (moved, other))
    turned = np.abs((hue - another + 180.0) % 360.0 - 180.0)
    return bool(np.median(turned) > OTHER_HUE)


def _best_held(a: Print, b: Print, matrix: Float64, look: Look) -> Agreement:
    held = _held(a, b, matrix, look.mirror)
    return max((_agreement(a, b, m, look.mirror) for m in held), key=lambda x: x.share)


def _apart(one: Float64, other: Float64, shape: tuple[int, ...]) -> float:
    """How far two maps of a picture of this shape send a corner to different places, pixels."""
    h, w = shape[:2]
    corners = np.array([[0, 0, 1], [w - 1, 0, 1], [0, h - 1, 1], [w - 1, h - 1, 1]], dtype=np.float64)
    return float(np.abs(corners @ (one - other).T).max())


def is_same(agreement: Agreement) -> bool:
    """Whether two pictures that agree like this are one picture, changed."""
    wanted = SHARE
    if agreement.moved <= SAME_CUT:
        wanted = SHARE_SAME_CUT
    elif agreement.moved > OTHER_CUT and agreement.share * agreement.parts < MANY_PARTS:
        wanted = SHARE_OTHER_CUT
    if agreement.squeezed > SQUEEZED:
        wanted = max(wanted, SHARE_OTHER_CUT)
    if agreement.faint and agreement.moved > OTHER_CUT:
        wanted = max(wanted, SHARE_FAINT)
    return (
        agreement.parts >= MIN_PARTS
        and agreement.share >= wanted
        and agreement.outside <= SAME_VIEW
        and SCALES[0] <= agreement.scale <= SCALES[1]
        and abs(agreement.degrees) <= DEGREES
    )


def in_parts(agreement: Agreement, a: Print, b: Print) -> tuple[Float64, Float64]:
    """Where a point of b lies in a, and one of a in b, both in parts of width and height: float64 (2, 3) each."""
    longest = int(min(FINE, max(a.gray.shape), max(b.gray.shape)))
    (ha, wa), (hb, wb) = a.sized(longest).shape, b.sized(longest).shape
    half = np.array([0.5, 0.5])
    linear, shift = agreement.matrix[:, :2], agreement.matrix[:, 2]
    there = np.column_stack(
        [np.diag([1 / wa, 1 / ha]) @ linear @ np.diag([wb, hb]), (shift + half - linear @ half) / [wa, ha]]
    )
    back = np.asarray(np.linalg.inv(there[:, :2]), dtype=np.float64)
    return there, np.column_stack([back, -back @ there[:, 2]])


def _sized(picture: Any, longest: int) -> Any:
    import cv2

    factor = longest / max(picture.shape[:2])
    size = (max(8, round(picture.shape[1] * factor)), max(8, round(picture.shape[0] * factor)))
    if size == (picture.shape[1], picture.shape[0]):
        return picture
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)


def _band(gray: Float32, sigma: float) -> Float32:
    import cv2

    return np.asarray(cv2.GaussianBlur(gray, (0, 0), sigma) - cv2.GaussianBlur(gray, (0, 0), 4 * sigma))


def _evened(gray: Float32, sigma: float) -> Float32:
    """Detail of about `sigma` pixels with its contrast evened out: no logo and no edge outvotes the rest."""
    import cv2

    band = _band(gray, sigma)
    local = np.sqrt(cv2.GaussianBlur(band * band, (0, 0), 4 * sigma))
    return np.asarray(band / (local + 0.5 * float(np.sqrt(np.mean(band * band))) + 0.3), dtype=np.float32)


def _align(a: Float32, b: Float32, start: Float64, steps: int, *, free: bool = True) -> tuple[float, Float64]:
    """How well b fits a, in [-1, 1], and the map that fits best; (-1, `start`) where they have nothing in common."""
    import cv2

    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, steps, 1e-4)
    if not free:  # the kind of map that only turns and shifts: a is brought to its scale and mirrored first
        height, width = b.shape
        inverse = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        a = cv2.warpAffine(a, start, (width, height), flags=inverse, borderMode=cv2.BORDER_CONSTANT)
    kind = cv2.MOTION_AFFINE if free else cv2.MOTION_EUCLIDEAN
    first = start if free else np.eye(2, 3)
    try:
        fit, matrix = cv2.findTransformECC(b, a, first.astype(np.float32), kind, criteria, None, 3)
    except cv2.error:  # its way of saying that the pictures have nothing in common
        return -1.0, start
    found = np.asarray(matrix, dtype=np.float64)
    if not free:
        found = np.column_stack([start[:, :2] @ found[:, :2], start[:, :2] @ found[:, 2] + start[:, 2]])
    return float(fit), found


def _rescaled(matrix: Float64, a: tuple[float, float], b: tuple[float, float]) -> Float64:
    """The map once a has `a` (x, y) times as many pixels and b `b` times."""
    linear = np.diag(a) @ matrix[:, :2] @ np.diag([1 / b[0], 1 / b[1]])
    half = np.array([0.5, 0.5])
    shift = np.diag(a) @ (matrix[:, 2] + half - matrix[:, :2] @ half) - half + linear @ half
    return np.column_stack([linear, shift])


def _parts(a: Print, b: Print, matrix: Float64, sigma: float) -> tuple[Float64, Float64, Float64]:
    """Parts of b with detail: correlation with a (m,), detail in grey levels (m,), and place in b (m, 2), pixels."""
    import cv2

    height, width = b.shape
    inverse = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(a.gray, matrix, (width, height), flags=inverse, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.warpAffine(np.ones_like(a.gray) if a.kept is None else a.kept, matrix, (width, height), flags=inverse)
    if b.kept is not None:
        seen = seen * b.kept
    seen = (cv2.erode(seen, np.ones((5, 5), np.uint8)) > 0.99).astype(np.float32)
    x, y = _band(moved, sigma), _band(b.gray, sigma)

    def mean(values: Any) -> Any:
        return cv2.resize(values * seen, (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA).ravel().astype(np.float64)

    share = mean(seen) + 1e-6
    mx, my = mean(x) / share, mean(y) / share
    vx, vy = np.maximum(mean(x * x) / share - mx * mx, 1e-6), np.maximum(mean(y * y) / share - my * my, 1e-6)
    correlation = (mean(x * y) / share - mx * my) / np.sqrt(vx * vy)
    detail = (vx * vy) ** 0.25
    grid = (np.stack(np.meshgrid(np.arange(BLOCKS), np.arange(BLOCKS)), axis=-1).reshape(-1, 2) + 0.5) / BLOCKS
    keep = (share > 0.5) & (np.sqrt(np.maximum(vx, vy)) > DETAIL)
    return correlation[keep], detail[keep], (grid * [width, height] - 0.5)[keep]


def _median(values: Float64, weights: Float64) -> float:
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulated, cumulated[-1] / 2)])


def _agree(correlation: Float64, detail: Float64) -> NDArray[np.bool_]:
    return np.asarray(1.0 - correlation <= ALLOWED + ALLOWED_NOISE / np.maximum(detail, 0.5) ** 2)


def _held(a: Print, b: Print, matrix: Float64, mirror: bool) -> list[Float64]:
    """The map held to what a copy can be: a turn with one scale, or two scales without a turn.

    Fitted where the pictures agree: an affine map is free, and wrong, where there is nothing to see.
    """
    correlation, detail, place = _parts(a, b, matrix, 1.2)
    if len(detail) < 3:
        return [matrix]
    weight = np.sqrt(np.minimum(detail, 8.0) * np.clip(correlation, 0.01, 1.0) ** 4)
    target = place @ matrix[:, :2].T + matrix[:, 2]
    sign = -1.0 if mirror else 1.0
    x, y = sign * place[:, 0], place[:, 1]
    one, zero = np.ones_like(x), np.zeros_like(x)

    def solve(columns_x: list[Float64], columns_y: list[Float64]) -> Float64:
        rows = np.concatenate([np.stack(columns_x, 1) * weight[:, None], np.stack(columns_y, 1) * weight[:, None]])
        values = np.concatenate([target[:, 0] * weight, target[:, 1] * weight])
        return np.asarray(np.linalg.lstsq(rows, values, rcond=None)[0])

    p, q, dx, dy = solve([x, -y, one, zero], [y, x, zero, one])
    turned = np.array([[sign * p, -q, dx], [sign * q, p, dy]])
    p, q, dx, dy = solve([x, zero, one, zero], [zero, y, zero, one])
    stretched = np.array([[sign * p, 0.0, dx], [0.0, q, dy]])
    return [turned, stretched]


def _agreement(a: Print, b: Print, matrix: Float64, mirror: bool) -> Agreement:
    correlation, detail, _ = _parts(a, b, matrix, 1.2)
    linear = matrix[:, :2] @ np.diag([-1.0 if mirror else 1.0, 1.0])
    degrees = float(np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])))
    scale = float(np.sqrt(abs(np.linalg.det(linear))))
    return Agreement(
        share=float(_agree(correlation, detail).mean()) if len(detail) else 0.0,
        parts=len(detail),
        outside=_outside(matrix, a.shape, b.shape, degrees, scale),
        moved=_moved(matrix, a.shape, b.shape, mirror),
        mirrored=mirror,
        degrees=degrees,
        scale=scale,
        squeezed=_squeezed(linear),
        faint=min(float(_band(one.gray, 1.2).std()) for one in (a, b)) < FAINT,
        matrix=matrix,
    )


def _squeezed(linear: Float64) -> float:
    most, least = np.linalg.svd(linear, compute_uv=False)
    return float(most / max(least, 1e-6))


def _outside(
    matrix: Float64, shape_a: tuple[int, ...], shape_b: tuple[int, ...], degrees: float, scale: float
) -> float:
    (ha, wa), (hb, wb) = shape_a[:2], shape_b[:2]
    linear, shift = matrix[:, :2], matrix[:, 2]
    middle = linear @ np.array([(wb - 1) / 2, (hb - 1) / 2]) + shift - np.array([(wa - 1) / 2, (ha - 1) / 2])
    # A picture turned about its middle loses its corners and gets new ones, whatever they are filled with.
    turned = abs(degrees) > 1.0 and abs(scale - 1.0) < 0.02
    around = float(np.abs(middle).max()) if turned else np.inf
    there = _beyond(linear, shift, (wb, hb), (wa, ha))
    back = np.asarray(np.linalg.inv(linear), dtype=np.float64)
    here = _beyond(back, -back @ shift, (wa, ha), (wb, hb))
    return float(min(around, there, here)) * FINE / max(*shape_a, *shape_b)


def _moved(matrix: Float64, shape_a: tuple[int, ...], shape_b: tuple[int, ...], mirror: bool) -> float:
    same = look_matrix(Look(mirror=mirror), (shape_a[1], shape_a[0]), (shape_b[1], shape_b[0]))
    return _apart(matrix, same, shape_b) * FINE / max(*shape_a, *shape_b)


def _beyond(linear: Float64, shift: Float64, size: tuple[int, int], frame: tuple[int, int]) -> float:
    """How far the corners of a picture of `size` lie outside `frame`, pixels."""
    w, h = size
    corners = np.array([[0, 0], [w - 1, 0], [0, h - 1], [w - 1, h - 1]], dtype=np.float64) @ linear.T + shift
    limit = np.array([frame[0] - 1, frame[1] - 1])
    return float(max(0.0, (-corners).max(), (corners - limit).max()))
