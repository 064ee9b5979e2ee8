"""How a picture is composed: where its subject is and how large, framing, background, view, light, shape.

All is measured on the thumbnail, so a picture costs a few milliseconds and its file is not read again. The
subject is estimated without a model, as what differs in colour from the rim of the picture (the rim as the guess
for the background: Wei et al. 2012, doi:10.1007/978-3-642-33712-3_3). Where the dataset came with boxes, those
are used. OpenCV loads when a function runs, not on import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from analysis.progress import Progress, no_progress

if TYPE_CHECKING:
    from analysis.dataset import Dataset
    from analysis.features import Pictures

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]
Box = tuple[float, float, float, float]

SIDE: Final = 96
"""Longest side, in pixels, of the picture measured on: the layout is there, texture is mostly gone."""
RIM: Final = 0.06
"""Width of the rim as a share of the shorter side."""
RIM_COLOURS: Final = 3
"""Colours the rim may have: a table, a wall, a shadow."""
RIM_SHARE: Final = 0.15
"""A colour that holds less of the rim than this may be the subject reaching out of the frame."""
SAME_COLOUR: Final = 5.0
"""CIELAB units within which two pixels count as one colour, beside what the rim itself varies."""
BATCH: Final = 64
"""Pictures between two reports of progress."""

ASPECTS: Final[Mapping[str, str]] = {
    "subject": "subject size and position",
    "framing": "framing",
    "background": "background",
    "viewpoint": "viewpoint",
    "lighting": "lighting",
    "shape": "picture shape",
}
"""Aspects of a composition, in words."""

_LIST: Final = (
    ("centre_x", "subject", 0.02),
    ("centre_y", "subject", 0.02),
    ("subject_size", "subject", 0.02),
    ("touches", "framing", 0.02),
    ("fills", "framing", 0.02),
    ("detail", "framing", 0.05),
    ("ground_light", "background", 2.0),
    ("ground_red", "background", 1.5),
    ("ground_yellow", "background", 1.5),
    ("ground_busy", "background", 0.1),
    ("ground_mixed", "background", 0.1),
    ("ground_colourful", "background", 0.1),
    ("edges_upright", "viewpoint", 0.03),
    ("edges_slanted", "viewpoint", 0.03),
    ("axis_upright", "viewpoint", 0.05),
    ("axis_slanted", "viewpoint", 0.05),
    ("weight_across", "subject", 0.02),
    ("weight_down", "subject", 0.02),
    ("brightness", "lighting", 2.0),
    ("contrast", "lighting", 2.0),
    ("warmth", "lighting", 1.5),
    ("magenta", "lighting", 1.5),
    ("light_across", "lighting", 2.0),
    ("light_down", "lighting", 2.0),
    ("shape", "shape", 0.05),
)
NUMBERS: Final = tuple(name for name, _, _ in _LIST)
"""What is measured, in order: see `measure`."""
ASPECT_OF: Final = tuple(aspect for _, aspect, _ in _LIST)
"""The aspect each number belongs to."""
UNNOTICED: Final = np.array([floor for _, _, floor in _LIST])
"""For each number a difference that nobody would notice, float64."""


@dataclass(frozen=True, slots=True)
class Compositions:
    """Measures of some pictures.

    Attributes:
        rows: int64 (n,), rows of `Dataset.images` that have a thumbnail.
        boxes: float64 (n, 4), the subject's x, y, width, height in shares of the picture.
        given: bool (n,), whether the box came with the dataset.
        numbers: float64 (n, len(NUMBERS)), finite.
    """

    rows: Int64
    boxes: Float64
    given: Bool
    numbers: Float64


def measure_pictures(
    dataset: Dataset, pictures: Pictures, rows: Int64, *, progress: Progress = no_progress
) -> Compositions:
    """The composition of these pictures; those without a readable thumbnail are left out."""
    known = subject_boxes(dataset, rows)
    kept: list[int] = []
    boxes: list[Float64] = []
    numbers: list[Float64] = []
    for row, rgb in readable(pictures, rows, "measuring compositions", progress):
        box, values = measure(rgb, known.get(row))
        kept.append(row)
        boxes.append(box)
        numbers.append(values)
    return Compositions(
        rows=np.array(kept, dtype=np.int64),
        boxes=np.array(boxes).reshape(-1, 4),
        given=np.array([row in known for row in kept], dtype=bool),
        numbers=np.array(numbers).reshape(-1, len(NUMBERS)),
    )


def subject_boxes(dataset: Dataset, rows: Int64) -> dict[int, Box]:
    """For each of these pictures that came with boxes, the box around those of its concepts (else around all)."""
    if not len(dataset.boxes):
        return {}
    wanted = dataset.boxes[dataset.boxes["image"].isin(set(rows.tolist()))]
    out = {}
    for row in np.unique(wanted["image"].to_numpy(dtype=np.int64)).tolist():
        boxes = wanted[wanted["image"] == row]
        own = boxes[boxes["concept"].isin(dataset.concepts_of(row))]
        used = own if len(own) else boxes
        left, top = float(used["x"].min()), float(used["y"].min())
        right, bottom = float((used["x"] + used["width"]).max()), float((used["y"] + used["height"]).max())
        if right > left and bottom > top:
            out[row] = (left, top, right - left, bottom - top)
    return out


def readable(
    pictures: Pictures, rows: Int64, note: str, progress: Progress = no_progress
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Row and thumbnail (uint8 RGB) of each of these pictures that has a readable one."""
    for start in range(0, len(rows), BATCH):
        progress(start, len(rows), note)
        part = rows[start : start + BATCH]
        for row, jpeg in zip(part.tolist(), pictures.thumbnails(part), strict=True):
            rgb = decode_thumbnail(jpeg)
            if rgb is not None:
                yield row, rgb
    progress(len(rows), len(rows), note)


def decode_thumbnail(jpeg: bytes | None) -> NDArray[np.uint8] | None:
    """RGB uint8 (h, w, 3) of a thumbnail's bytes; None where they are no picture."""
    import cv2

    if not jpeg:
        return None
    bgr = cv2.imdecode(np.frombuffer(jpeg, dtype=np.uint8), cv2.IMREAD_COLOR)
    return None if bgr is None else np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def measure(rgb: NDArray[np.uint8], box: Box | None = None) -> tuple[Float64, Float64]:
    """Box and numbers of one picture.

    Args:
        rgb: uint8 (h, w, 3), a thumbnail.
        box: the subject as x, y, width, height in shares of the picture, where it is known.

    Returns:
        float64 (4,), the subject's box in shares of the picture, and float64 (len(NUMBERS),). Places and sizes
        are shares of the picture; colours CIELAB; `ground_busy`, `ground_mixed`, `ground_colourful` and `detail`
        logarithms; orientations and `weight_*` in [-1, 1]; `shape` the binary logarithm of width / height.
    """
    shape = float(np.log2(rgb.shape[1] / rgb.shape[0]))
    lab, mask, found, rim, colour = layout(reduced(rgb), box)
    numbers = {
        "centre_x": found[0] + found[2] / 2,
        "centre_y": found[1] + found[3] / 2,
        "subject_size": np.sqrt(found[2] * found[3]),
        **_framing(lab[..., 0], mask),
        **background(lab, rim, colour),
        **viewpoint(lab[..., 0], mask),
        **_lighting(lab),
        "shape": shape,
    }
    return found, np.array([float(numbers[name]) for name in NUMBERS])


def reduced(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with `SIDE` pixels on its longest side."""
    import cv2

    factor = SIDE / max(rgb.shape[:2])
    size = (max(8, round(rgb.shape[1] * factor)), max(8, round(rgb.shape[0] * factor)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR))


def layout(small: NDArray[np.uint8], box: Box | None = None) -> tuple[Float32, Bool, Float64, Float32, Int64]:
    """CIELAB, subject's mask and box, the rim's pixels and their groups (`rim_colours`) of a reduced picture."""
    import cv2

    lab: Float32 = np.asarray(cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB))
    rim, colour = rim_colours(lab)
    if box is None:
        mask = subject_mask(lab, rim, colour)
        return lab, mask, bounding(mask), rim, colour
    return lab, filled(box, lab.shape[:2]), np.array(box, dtype=np.float64), rim, colour


def rim_of(size: tuple[int, ...]) -> Bool:
    """bool (h, w): the rim of a picture."""
    height, width = size[:2]
    rim = max(2, round(RIM * min(height, width)))
    out = np.ones((height, width), dtype=bool)
    out[rim:-rim, rim:-rim] = False
    return out


def rim_colours(lab: Float32) -> tuple[Float32, Int64]:
    """The rim's pixels, float32 (n, 3), and which of `RIM_COLOURS` groups each belongs to (k-means), int64 (n,)."""
    import cv2

    pixels = np.ascontiguousarray(lab[rim_of(lab.shape)])
    labels = np.empty((len(pixels), 1), dtype=np.int32)
    order = np.argsort(pixels[:, 0], kind="stable")  # a fixed start, dark to light: no chance in the result
    labels[order, 0] = np.arange(len(pixels)) * RIM_COLOURS // len(pixels)
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, 8, 0.0)
    _, labels, _ = cv2.kmeans(pixels, RIM_COLOURS, labels, criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    return pixels, labels[:, 0].astype(np.int64)


def unlike_rim(lab: Float32, rim: Float32, colour: Int64) -> Float32:
    """How unlike the rim each pixel is: float32 (h, w), Mahalanobis distance to the nearest colour of the rim."""
    import cv2

    flat = lab.reshape(-1, 3)
    far = np.full(len(flat), np.inf, dtype=np.float32)
    for k in range(RIM_COLOURS):
        of = rim[colour == k]
        if len(of) < max(4, RIM_SHARE * len(rim)):
            continue
        inverse = np.linalg.inv(np.cov(of, rowvar=False) + SAME_COLOUR**2 * np.eye(3)).astype(np.float32)
        offset = flat - of.mean(axis=0)
        far = np.minimum(far, np.einsum("ni,ij,nj->n", offset, inverse, offset))
    return np.asarray(cv2.GaussianBlur(np.sqrt(far).reshape(lab.shape[:2]), (0, 0), 1.5))


def subject_mask(lab: Float32, rim: Float32, colour: Int64) -> Bool:
    """bool (h, w): the part unlike the rim (Otsu's threshold), small gaps closed; all where nothing differs."""
    import cv2

    unlike = unlike_rim(lab, rim, colour)
    scaled = np.clip(unlike / max(float(np.quantile(unlike, 0.99)), 1e-6) * 255.0, 0, 255).astype(np.uint8)
    _, mask = cv2.threshold(scaled, 0, 1, cv2.THRESH_OTSU)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return mask.astype(bool) if mask.any() else np.ones(mask.shape, dtype=bool)


def bounding(mask: Bool, tail: float = 0.02) -> Float64:
    """x, y, width, height in [0, 1] of what holds the mask, but for a share `tail` of it on each side."""
    out = []
    for axis in (0, 1):
        share = np.cumsum(mask.sum(axis=axis))
        length = len(share)
        low = int(np.searchsorted(share, tail * share[-1], side="right"))
        high = int(np.searchsorted(share, (1 - tail) * share[-1])) + 1
        out.append((low / length, (min(high, length) - low) / length))
    (x, width), (y, height) = out
    return np.array([x, y, width, height])


def filled(box: Box, size: tuple[int, ...]) -> Bool:
    """A box in shares as a mask of (h, w); at least one pixel."""
    height, width = size
    x, y, w, h = box
    mask = np.zeros((height, width), dtype=bool)
    top, left = min(height - 1, int(y * height)), min(width - 1, int(x * width))
    mask[top : max(top + 1, round((y + h) * height)), left : max(left + 1, round((x + w) * width))] = True
    return mask


def _framing(light: Float32, mask: Bool) -> dict[str, float]:
    """How much of the frame the subject touches and fills, and how fine the detail is (near or far)."""
    import cv2

    light = np.ascontiguousarray(light)
    edge = np.concatenate([mask[:2].ravel(), mask[-2:].ravel(), mask[:, :2].ravel(), mask[:, -2:].ravel()])
    soft, softer = cv2.GaussianBlur(light, (0, 0), 1.0), cv2.GaussianBlur(light, (0, 0), 4.0)
    fine, coarse = float((light - soft).std()), float((soft - softer).std())
    return {
        "touches": float(edge.mean()),
        "fills": float(mask.mean()),
        "detail": float(np.log((fine + 0.2) / (coarse + 0.2))),
    }


def background(lab: Float32, rim: Float32, colour: Int64) -> dict[str, float]:
    """Main colour of the rim, and whether it is plain, busy or of several colours."""
    import cv2

    light = np.ascontiguousarray(lab[..., 0])
    gradient = np.hypot(cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1))
    main = np.median(rim[colour == int(np.bincount(colour, minlength=RIM_COLOURS).argmax())], axis=0)
    return {
        "ground_light": float(main[0]),
        "ground_red": float(main[1]),
        "ground_yellow": float(main[2]),
        "ground_busy": float(np.log1p(gradient[rim_of(lab.shape)].mean())),
        "ground_mixed": float(np.log1p(np.linalg.norm(rim - main, axis=1).mean())),
        "ground_colourful": float(np.log1p(rim[:, 1:].std(axis=0).sum())),
    }


def viewpoint(light: Float32, mask: Bool) -> dict[str, float]:
    """Orientation of the edges and of the subject's longer axis (doubled angles), and where the edges lie."""
    import cv2

    light = np.ascontiguousarray(light)
    gx, gy = (cv2.Sobel(light, cv2.CV_32F, *order).astype(np.float64) for order in ((1, 0), (0, 1)))
    energy = gx**2 + gy**2
    strength = np.sqrt(energy)
    total, weight = float(energy.sum()) + 1e-6, float(strength.sum()) + 1e-6
    ys, xs = np.nonzero(mask)
    dx, dy = xs - xs.mean(), ys - ys.mean()
    xx, yy, xy = float((dx * dx).mean()), float((dy * dy).mean()), float((dx * dy).mean())
    spread = xx + yy + 1e-6
    return {
        "edges_upright": float((gx**2 - gy**2).sum()) / total,
        "edges_slanted": float((2 * gx * gy).sum()) / total,
        "axis_upright": (yy - xx) / spread,
        "axis_slanted": 2 * xy / spread,
        "weight_across": float(strength.sum(axis=0) @ np.linspace(-1, 1, light.shape[1])) / weight,
        "weight_down": float(strength.sum(axis=1) @ np.linspace(-1, 1, light.shape[0])) / weight,
    }


def _lighting(lab: Float32) -> dict[str, float]:
    """Brightness, contrast, colour of the light, and how it falls off across and down the picture."""
    light = lab[..., 0].astype(np.float64)
    across, down = np.linspace(-1, 1, light.shape[1]), np.linspace(-1, 1, light.shape[0])
    return {
        "brightness": float(light.mean()),
        "contrast": float(light.std()),
        "warmth": float(lab[..., 2].mean()),
        "magenta": float(lab[..., 1].mean()),
        "light_across": float((light.mean(axis=0) * across).mean() * 3),
        "light_down": float((light.mean(axis=1) * down).mean() * 3),
    }
