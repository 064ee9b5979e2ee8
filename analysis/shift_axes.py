"""In what do two sets of pictures differ? Named measures of each picture, each blind to what the others measure.

A darker picture also has less contrast and less noise, and a flatter one paler colours: with plain measures, one
cause moves many. So contrast is measured relative to brightness, noise in plain areas relative to contrast, sharpness
by the width of edges and not by their height, colour strength as a share of the light. Light, colour and file are
stored with the dataset; noise is measured on a sample of the pictures themselves, layout on their thumbnails.

The effect is Cliff's delta (1993) with a dead zone: the share of pairs in which real use has more, minus that in which
it has less, where a difference that nobody would notice counts as none (`Measure.unnoticed`). Without it, any shift of
a value that hardly varies would be a large one. Camera tilt is the angle of the edges to the upright (mean of the
quadrupled gradient angles), where a quarter turn is none: two sides are compared by the sine of the distance from the
usual tilt (the score of a turn in von Mises' distribution; Mardia and Jupp 2000). Viewpoint is how upright edges
converge across the picture, as seen from above or below; the subject is found as in `analysis.composition`.
OpenCV loads when a function runs, not on import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from analysis import composition
from analysis.attributes import gradient
from analysis.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.dataset import Dataset
    from analysis.features import Pictures, Pixels

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Measure:
    """One axis.

    Attributes:
        name: as in `report.json`.
        title: for a heading.
        lower, higher: complete "real-world pictures are …".
        unnoticed: two values that differ by less look the same; as ratio minus one where `ratio`.
        ratio: whether ratios matter, not differences.
        show: a value in words, `{}` stands for it.
        scale: what a value is multiplied with before it is shown.
        turn: values this far apart are the same; 0 where values do not come round.
        quality: whether values are JPEG qualities, see `coarseness`.
    """

    name: str
    title: str
    lower: str
    higher: str
    unnoticed: float
    ratio: bool = False
    show: str = "{:.2f}"
    scale: float = 1.0
    turn: float = 0.0
    quality: bool = False

    def said(self, value: float) -> str:
        """A value for a person."""
        return self.show.format(value * self.scale)

    def comparable(self, values: Float64) -> Float64:
        """Values on the scale on which `step` is what nobody would notice."""
        if self.quality:
            return -np.log2(coarseness(values))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(values > 0, np.log(np.maximum(values, 1e-12)), np.nan) if self.ratio else values)

    @property
    def step(self) -> float:
        """See `comparable`."""
        return float(np.log1p(self.unnoticed)) if self.ratio else self.unnoticed


MEASURES: Final = (
    Measure("brightness", "Brightness", "darker", "brighter", 0.02),
    Measure("colour_temperature", "Colour temperature", "warmer", "cooler", 0.03, True, "{:,.0f} K"),
    Measure("contrast", "Contrast", "flatter", "more contrasty", 0.05, True, "{:.0f} % of the brightness", 100.0),
    Measure("sharpness", "Sharpness", "blurrier", "sharper", 0.10, True, "{:.2f} lines a pixel"),
    Measure("noise", "Noise", "cleaner", "noisier", 0.25, True, "{:.1f} % of the contrast", 100.0),
    Measure("saturation", "Colour strength", "less colourful", "more colourful", 0.02),
    Measure("jpeg_quality", "Compression", "more compressed", "less compressed", 1.0, False, "quality {:.0f}",
            quality=True),
    Measure("megapixels", "Resolution", "smaller", "larger", 1.5, True, "{:.2f} MP"),
    Measure("aspect_ratio", "Shape", "taller", "wider", 0.05, True, "{:.2f} times as wide as high"),
    Measure("camera_tilt", "Camera tilt", "more tilted to the left", "more tilted to the right", 1.0, False, "{:.1f}°",
            turn=90.0),
    Measure("viewpoint", "Viewpoint", "seen more from below", "seen more from above", 1.0, False, "{:.1f}°"),
    Measure("subject_size", "Subject size", "of smaller subjects", "of larger subjects", 0.02, False, "{:.0f} %",
            100.0),
    Measure("clutter", "Clutter", "plainer", "more cluttered", 0.01, False, "{:.0f} %", 100.0),
)  # fmt: skip
"""Axes in the order in which equal ones are told."""

BY_MODEL: Final = {
    "camera_tilt": Measure("camera_tilt", "Camera tilt", "less tilted", "more tilted", 0.0),
    "viewpoint": Measure("viewpoint", "Viewpoint", "less slanted", "seen more from above, below or aside", 0.0),
    "subject_size": Measure("subject_size", "Subject size", "of smaller subjects", "of larger subjects", 0.0),
    "clutter": Measure("clutter", "Clutter", "plainer", "more cluttered", 0.0),
}  # fmt: skip
"""The same axes where the model's view of them tells more: 0 is a usual training picture, 1 one that was altered."""
ALTERED: Final = {
    "camera_tilt": "one turned by 12°",
    "viewpoint": "one seen clearly from another side",
    "subject_size": "one taken from much nearer",
    "clutter": "one with five things more in it",
}

BY_MARKS: Final = Measure(
    "jpeg_quality",
    "Compression",
    "more compressed",
    "less compressed",
    0.3,
    False,
    "{:.0f} % of fine detail left",
    100.0,
)
"""Compression where marks in the picture tell more than the file: it may have been saved anew since. By what they show
alone, sets of one quality lie up to 0.16 apart (cardboard and metal), and hardly two of their pictures 0.3."""

CONTENT: Final = "content"

NOISE_FLOOR: Final = 0.5
"""Luma units: rounding to whole numbers alone makes 0.3; less than this is no noise that could be told."""
PLAIN: Final = 0.2
"""Of the blocks, by how little happens in them: these are taken to be without texture."""
STRONG: Final = 0.2
"""Of the slopes, the steepest: these are taken for edges."""
NEAR_UPRIGHT: Final = 30.0
"""Degrees by which an upright line leans at most."""
LEAST_EDGES: Final = 0.1
"""Of the edges, that have to be near upright for their convergence to be measured."""
BATCH: Final = 32
LAYOUT: Final = ("camera_tilt", "viewpoint", "subject_size", "clutter")


def coarseness(quality: Float64) -> Float64:
    """Steps of quantisation at a JPEG quality (Independent JPEG Group's scale) beside what any picture has."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(quality < 50, 5000.0 / np.maximum(quality, 1.0), 200.0 - 2.0 * quality)
    return np.asarray(50.0 + np.where(np.isfinite(quality), scale, np.nan))


def stored_values(dataset: Dataset) -> dict[str, Float64]:
    """What the dataset's stored attributes say: for each measure one value an image, nan where unknown."""
    images = dataset.images

    def column(name: str) -> Float64:
        if name not in images:
            return np.full(len(images), np.nan)
        return images[name].to_numpy(dtype=np.float64)

    names = ("brightness", "colour_temperature", "saturation", "jpeg_quality", "megapixels", "aspect_ratio")
    out = {name: column(name) for name in names}
    with np.errstate(divide="ignore", invalid="ignore"):
        out["contrast"] = column("contrast") / 2 / np.maximum(out["brightness"], 1e-3)
        out["sharpness"] = 1.0 / column("blur")
        out["noise"] = np.hypot(column("noise"), NOISE_FLOOR / 255) / np.maximum(column("contrast") / 2, 1e-2)
    return {m.name: out[m.name] for m in MEASURES if m.name in out}


def detail_left(dataset: Dataset) -> Float64:
    """Values of `BY_MARKS`, one an image in [0, 1]; nan where unknown."""
    if "blockiness" not in dataset.images:
        return np.full(len(dataset.images), np.nan)
    return np.asarray(1.0 - dataset.images["blockiness"].to_numpy(dtype=np.float64))


def measured_values(
    dataset: Dataset, pictures: Pictures, rows: Int64, reread: Int64, *, progress: Progress = no_progress
) -> dict[str, Float64]:
    """Values that are not stored: layout from the thumbnails of `rows`, noise from the files of `reread`."""
    out = {name: np.full(len(dataset.images), np.nan) for name in (*LAYOUT, "noise")}
    known = composition.subject_boxes(dataset, rows)
    total = len(rows) + len(reread)
    for start in range(0, len(rows), BATCH):
        progress(start, total, "measuring layout")
        part = rows[start : start + BATCH]
        for row, jpeg in zip(part.tolist(), pictures.thumbnails(part), strict=True):
            rgb = composition.decode_thumbnail(jpeg)
            if rgb is not None and min(rgb.shape[:2]) >= 16:
                for name, value in layout(rgb, known.get(row)).items():
                    out[name][row] = value
    for start in range(0, len(reread), BATCH):
        progress(len(rows) + start, total, "measuring noise")
        part = reread[start : start + BATCH]
        for row, picture in zip(part.tolist(), pictures.originals(part), strict=True):
            out["noise"][row] = np.nan if picture is None else noise(picture)
    progress(total, total, "measuring noise")
    return out


def noise(rgb: Pixels) -> float:
    """Noise in plain areas over the spread of luma; nan for a picture too small.

    Mean size of the second difference along both sides, in blocks of 8: of a picture without noise it is small where
    nothing happens, whatever happens elsewhere. Blocks at the ends of the scale, where noise is cut off, do not count.
    """
    import cv2

    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    rows, columns = (gray.shape[0] - 1) // 8, (gray.shape[1] - 1) // 8
    if min(rows, columns) < 2:
        return float("nan")
    fine = np.abs(gray[:-1, :-1] - gray[1:, :-1] - gray[:-1, 1:] + gray[1:, 1:])[: 8 * rows, : 8 * columns] / 2
    size = fine.reshape(rows, 8, columns, 8).mean(axis=(1, 3)).ravel() * np.sqrt(np.pi / 2)
    light = cv2.resize(gray[: 8 * rows, : 8 * columns], (columns, rows), interpolation=cv2.INTER_AREA).ravel()
    inner = (light > 12) & (light < 243)
    plain = float(np.quantile(size[inner] if inner.sum() >= 10 else size, PLAIN))
    return float(np.hypot(plain, NOISE_FLOOR) / max(float(gray.std()), 2.55))


def layout(rgb: Pixels, box: composition.Box | None = None) -> dict[str, float]:
    """`LAYOUT` of a thumbnail: degrees, degrees, share of the width, share of the picture that is edges."""
    import cv2

    _, numbers = composition.measure(rgb, box)
    gray = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.2)
    gx, gy = (cv2.Scharr(gray, cv2.CV_32F, *order)[3:-3, 3:-3].astype(np.float64) for order in ((1, 0), (0, 1)))
    return {
        **dict(zip(("camera_tilt", "viewpoint"), lines(gx, gy), strict=True)),
        "subject_size": float(numbers[composition.NUMBERS.index("subject_size")]),
        "clutter": edges(rgb),
    }


def lines(gx: Float64, gy: Float64) -> tuple[float, float]:
    """Tilt in degrees (-45 to 45, above 0 clockwise) and convergence of upright edges from slopes (h, w); nan where
    there are none. Convergence: degrees by which edges lean more, per half of the width."""
    size = np.hypot(gx, gy)
    weight = np.where(size >= np.quantile(size, 1 - STRONG), size, 0.0)
    total = float(weight.sum())
    if total <= 0:
        return float("nan"), float("nan")
    angle = np.arctan2(gy, gx)
    tilt = float(np.rad2deg(np.angle((weight * np.exp(4j * angle)).sum())) / 4)
    lean = (np.rad2deg(angle) + 90) % 180 - 90
    near = (np.abs(lean) < NEAR_UPRIGHT) & (weight > 0)
    own = weight[near]
    if own.sum() < LEAST_EDGES * total:
        return tilt, float("nan")
    across = np.broadcast_to(np.linspace(-1, 1, gx.shape[1]), gx.shape)[near]
    across = across - np.average(across, weights=own)
    spread = float((own * across**2).sum())
    if spread < 0.02 * float(own.sum()):  # all in one place
        return tilt, float("nan")
    return tilt, float((own * across * lean[near]).sum() / spread)


def edges(rgb: Pixels) -> float:
    """Share of the picture with a slope steeper than a quarter of its own contrast a pixel, at the size of a stamp."""
    import cv2

    factor = composition.SIDE / max(rgb.shape[:2])
    size = (max(8, round(rgb.shape[1] * factor)), max(8, round(rgb.shape[0] * factor)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    light = cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)[..., 0]
    light = (light - light.mean()) / max(float(light.std()), 1.0)
    return float((gradient(light) / 8 > 0.25).mean())


def unwrapped(measure: Measure, training: Float64, real: Float64) -> tuple[Float64, Float64]:
    """Both sides' values within half a turn of their common mean; as they are where they do not come round."""
    if not measure.turn or not len(training) + len(real):
        return training, real
    usual, half = _usual(measure, training, real), measure.turn / 2
    return tuple((v - usual + half) % measure.turn + usual - half for v in (training, real))  # type: ignore[return-value]


def _usual(measure: Measure, training: Float64, real: Float64) -> float:
    """Circular mean of both sides."""
    from scipy.stats import circmean

    half = measure.turn / 2
    return float(circmean(np.concatenate([training, real]), high=half, low=-half))


def scores(measure: Measure, training: Float64, real: Float64) -> tuple[Float64, Float64, float]:
    """What two sides are compared by, and the difference in it that nobody would notice. Values without nan."""
    if not measure.turn:
        return measure.comparable(training), measure.comparable(real), measure.step
    usual, whole = _usual(measure, training, real), 2 * np.pi / measure.turn
    a, b = (np.sin(whole * (v - usual)) for v in (training, real))
    return a, b, float(np.sin(whole * measure.step))


def effect(measure: Measure, training: Float64, real: Float64) -> float:
    """Cliff's delta with the dead zone, in [-1, 1]; above 0 where real use has more. Values without nan."""
    a, b, step = scores(measure, training, real)
    a = np.sort(a)
    more = np.searchsorted(a, b - step, side="left").sum()
    less = (len(a) - np.searchsorted(a, b + step, side="right")).sum()
    return float(more - less) / (len(a) * len(b))


def rank_table(values: Sequence[Float64], rows: Int64) -> Float64:
    """Ranks in [-0.5, 0.5] of several measures for these rows, (n, k); 0 where unknown; constant ones left out."""
    from scipy.stats import rankdata

    out = []
    for of in values:
        own, known = of[rows], np.isfinite(of[rows])
        if known.sum() >= 2 and np.ptp(own[known]) > 0:
            ranks = np.zeros(len(rows))
            ranks[known] = rankdata(own[known]) / (known.sum() + 1) - 0.5
            out.append(ranks)
    return np.column_stack(out) if out else np.zeros((len(rows), 0))
