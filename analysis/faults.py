"""Seven faults of a single picture: what is measured for each, and from where on it counts.

A picture is flagged when it is worse than a limit of its kind. Each kind has two absolute values: `suspicious`, up
to which no picture is flagged however unusual it is here, and `useless`, from which every picture is flagged however
usual it is here. Between the two the dataset decides: the limit lies where a picture is `z` robust standard
deviations worse than the middle of the dataset. So among night photos a dark one is not flagged, among daylight
photos it is. The middle and the spread (from the median to the quartile on the bad side, on a scale on which the
measure is about normal) are taken from the pictures that are not flagged, so the faults do not widen the limit.

Everything here works on columns of numbers; nothing opens a picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
Scale = Literal["linear", "log", "root"]

MIN_REFERENCE: Final = 20  # pictures; the quartile of fewer is a guess, so then only an absolute limit is used
PASSES: Final = 3  # the limits settle in two or three rounds of leaving the flagged out
WHITE_GROUND: Final = 0.4  # what clipping counts where the rest of the picture is untouched: a white ground, a lamp
NEEDED: Final = (
    *("width", "height", "aspect_ratio", "brightness", "jpeg_quality"),
    *("blur", "structure", "subject_brightness", "clipped", "clipped_white", "blockiness"),
)
"""Columns of the images table that the measures are made of."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    Attributes:
        kind: its word in `image_quality_reasons`.
        adjective: how a sentence calls such pictures ("12 blurry pictures").
        measure: what is measured, for a person. unit: of it.
        worse: +1 where more is worse, -1 where less is.
        scale: on which the measure is about normal.
        suspicious, useless: the absolute values (see the module), in the measure's unit.
        fine: a value at which nothing is wrong; with `suspicious` it sets the unit of the score.
        spread: least and most standard deviation believed, on the scale.
        lost: what a model loses by it, a clause for a person.
    """

    kind: str
    adjective: str
    measure: str
    unit: str
    worse: int
    scale: Scale
    suspicious: float
    useless: float
    fine: float
    spread: tuple[float, float]
    lost: str

    def scaled(self, values: Float64) -> Float64:
        """Values on the scale, turned so that more is worse; nan stays nan."""
        if self.scale == "log":
            return self.worse * np.log(np.maximum(values, 1e-3))
        if self.scale == "root":
            return self.worse * np.sqrt(np.maximum(values, 0.0))
        return self.worse * values

    def plain(self, scaled: float) -> float:
        """The measure at a place of the scale."""
        value = self.worse * scaled
        return float(np.exp(value) if self.scale == "log" else value**2 if self.scale == "root" else value)


FAULTS: Final = (
    Fault("dark", "dark", "Brightness of the subject", "0-1", -1, "log", 0.27, 0.06, 0.4, (0.1, 0.4),
          "what lies in the shadow cannot be seen"),
    Fault("overexposed", "overexposed", "Burnt-out highlights", "0-1", 1, "root", 0.13, 0.67, 0.006, (0.04, 0.15),
          "the bright parts have lost their detail"),
    Fault("blurry", "blurry", "Width of the edges", "px", 1, "log", 1.35, 2.5, 0.7, (0.1, 0.24),
          "nothing in them is sharp"),
    Fault("low_information", "empty", "Structure", "luma a pixel", -1, "log", 5.5, 2.5, 20.0, (0.2, 1.0),
          "there is next to nothing in them to see"),
    Fault("odd_aspect_ratio", "oddly shaped", "Longer by shorter side", "times", 1, "log", 2.5, 8.0, 1.4, (0.15, 0.25),
          "a model squeezes or crops them beyond recognition"),
    Fault("compressed", "heavily compressed", "Compression marks", "0-1", 1, "linear", 0.72, 0.86, 0.3, (0.03, 0.15),
          "blocks have taken the place of fine detail"),
    Fault("tiny", "tiny", "Side of a square of equal size", "px", -1, "log", 64.0, 16.0, 200.0, (0.25, 0.5),
          "they hold too few pixels"),
)  # fmt: skip
"""In the order of the contract. The values were chosen by eye and by planted faults on the photo sets of
`benchmarks/image_quality.py`; none of these is unseen."""

# Share of fine detail lost at a JPEG quality, for files too large to measure it (medians over ordinary photos).
_QUALITY: Final = (5.0, 10.0, 20.0, 30.0, 50.0, 75.0, 95.0)
_LOST: Final = (0.95, 0.89, 0.76, 0.63, 0.37, 0.15, 0.0)


def measures(images: pd.DataFrame) -> pd.DataFrame:
    """The measure of each fault for each picture: float64 columns named by kind, nan where it cannot be judged.

    Args:
        images: columns `NEEDED`, as the ingest measures them.
    """
    c = {name: images[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in NEEDED}
    # A white backdrop brightens the mean, a black one darkens it: the subject decides, softened by the mean.
    light = np.fmax(c["subject_brightness"], 0.65 * c["brightness"])
    # Clipped in any colour; twice where not in all, for then it is no white backdrop; by how bright the subject is.
    partly = np.maximum(c["clipped"] - c["clipped_white"], 0.0)
    burnt = (2.0 * partly + c["clipped_white"]) * c["subject_brightness"]
    # And by how much of what is not white is partly clipped: on a white ground that alone tells of the subject.
    burnt *= WHITE_GROUND + partly / (1.05 - c["clipped_white"])
    by_quality = np.interp(c["jpeg_quality"], _QUALITY, _LOST)
    longer, shorter = np.maximum(c["width"], c["height"]), np.minimum(c["width"], c["height"])
    return pd.DataFrame(
        {
            "dark": light,
            "overexposed": burnt,
            "blurry": c["blur"],
            "low_information": c["structure"],
            "odd_aspect_ratio": longer / np.maximum(shorter, 1.0),
            "compressed": np.where(np.isnan(c["blockiness"]), by_quality, c["blockiness"]),
            "tiny": np.sqrt(c["width"] * c["height"]),
        }
    )


def find_limits(measured: pd.DataFrame, reference: Bool, z: float) -> Mapping[str, float]:
    """For each kind the value from which a picture counts as faulty.

    Args:
        measured: of `measures`.
        reference: bool (n,), the pictures that say what is usual here.
        z: robust standard deviations from the middle.
    """
    good = reference.copy()
    limits: dict[str, float] = {}
    for _ in range(PASSES):
        limits = {f.kind: limit(f, measured[f.kind].to_numpy()[good], z) for f in FAULTS}
        faulty = beyond(measured, limits).to_numpy().any(axis=1)
        if (good == (reference & ~faulty)).all():
            break
        good = reference & ~faulty
    return limits


def limit(fault: Fault, values: Float64, z: float) -> float:
    """The limit of one kind, given the measures of the pictures that say what is usual."""
    suspicious, useless = fault.scaled(np.array([fault.suspicious, fault.useless]))
    scaled = fault.scaled(values[np.isfinite(values)])
    if len(scaled) < MIN_REFERENCE:
        return fault.plain((suspicious + useless) / 2)
    middle, quartile = np.quantile(scaled, [0.5, 0.75])
    spread = float(np.clip((quartile - middle) / 0.6745, *fault.spread))
    return fault.plain(float(np.clip(middle + z * spread, suspicious, useless)))


def beyond(measured: pd.DataFrame, limits: Mapping[str, float]) -> pd.DataFrame:
    """Whether each picture is at or past each limit: bool columns named by kind; what was not measured is not.

    Darkness hides what there is to see: a dark picture also counts as empty only when even that little is useless.
    """
    out = pd.DataFrame(index=measured.index)
    for fault in FAULTS:
        values = measured[fault.kind].to_numpy()
        with np.errstate(invalid="ignore"):
            out[fault.kind] = fault.worse * values >= fault.worse * limits[fault.kind]
    nothing = measured["low_information"] <= _BY_KIND["low_information"].useless
    out["low_information"] &= ~out["dark"] | nothing
    return out


def useless(measured: pd.DataFrame) -> pd.DataFrame:
    """Whether each picture is past what any person would keep, whatever is usual here: bool columns by kind."""
    return beyond(measured, {f.kind: f.useless for f in FAULTS})


def scores(measured: pd.DataFrame, limits: Mapping[str, float]) -> pd.DataFrame:
    """How far each picture is from each limit: float64 columns by kind in [0, 1], 1/2 at the limit, 1 is fine.

    The unit is absolute (from `fine` to `suspicious`), so a score means the same in every dataset. 1 where a kind
    cannot be judged.
    """
    out = pd.DataFrame(index=measured.index)
    for fault in FAULTS:
        at, fine, suspicious = fault.scaled(np.array([limits[fault.kind], fault.fine, fault.suspicious]))
        past = (fault.scaled(measured[fault.kind].to_numpy()) - at) / (suspicious - fine)
        out[fault.kind] = np.where(np.isnan(past), 1.0, 0.5 * (1.0 - np.tanh(past)))
    return out


_BY_KIND: Final = {f.kind: f for f in FAULTS}
