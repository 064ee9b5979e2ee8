"""Training against real use in one object: the two-sample test, the ranked axes, their distributions, every value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.attributes import ATTRIBUTES
from analysis.blind_spots import Axis
from analysis.compare import attribute_differences
from analysis.coverage_test import farther_p_value
from analysis.dataset import Dataset
from analysis.features import Features
from analysis.progress import Progress, no_progress

Float64 = NDArray[np.float64]
Rows = NDArray[np.int64]
BINS = 24


@dataclass(frozen=True, slots=True)
class Shift:
    """What differs between training and real use.

    Attributes:
        p_value: of the two-sample test; nan where it was not made. strength: in [0, 1], 0 is no difference.
        table: one row an axis, the largest difference first: `axis`, `title`, `effect` (Cliff's delta in [-1, 1],
            above 0 where real use has more), `p_value` (corrected), `direction` (`higher` | `lower`), `word`
            (completes "real-world pictures are …"), `differs` (bool), `sentence`.
        distributions: `axis`, `origin`, `left`, `right` (edges of a bin), `share` (of that origin's pictures).
        measured: every axis with the value of each image.
    """

    p_value: float
    strength: float
    table: pd.DataFrame
    distributions: pd.DataFrame
    measured: tuple[Axis, ...]


def measure_shift(
    dataset: Dataset,
    features: Features,
    training: Rows,
    real_world: Rows,
    *,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Shift:
    """Test and measure the difference between these rows."""
    progress(0, 1, "comparing light, colour and sharpness")
    image = np.asarray(features.image, dtype=np.float32)
    p = farther_p_value(image[training], image[real_world], seed=seed)
    found = attribute_differences(dataset.images, training, real_world, ATTRIBUTES.values())
    rows = [
        {
            "axis": d.attribute.name,
            "title": d.attribute.title,
            "effect": d.effect,
            "p_value": d.p_value,
            "direction": "higher" if d.effect > 0 else "lower",
            "word": d.attribute.higher if d.effect > 0 else d.attribute.lower,
            "differs": d.differs,
            "sentence": d.words,
        }
        for d in found
        if np.isfinite(d.effect)
    ]
    measured = tuple(
        Axis(a.name, dataset.images[a.name].to_numpy(dtype=np.float64), a.lower, a.higher)
        for a in ATTRIBUTES.values()
        if a.name in dataset.images
    )
    columns = ["axis", "title", "effect", "p_value", "direction", "word", "differs", "sentence"]
    table = pd.DataFrame(rows, columns=columns)
    return Shift(p, np.nan, table, distributions(measured, training, real_world), measured)


def distributions(measured: tuple[Axis, ...], training: Rows, real_world: Rows) -> pd.DataFrame:
    """Histograms of both sides over common bins; what lies outside the middle 99 % counts in the outer bins."""
    parts = []
    for axis in measured:
        sides = {name: axis.values[rows] for name, rows in (("training", training), ("real_world", real_world))}
        known = {name: v[np.isfinite(v)] for name, v in sides.items()}
        if not all(len(v) for v in known.values()):
            continue
        low, high = np.quantile(np.concatenate(list(known.values())), [0.005, 0.995])
        edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
        for name, values in known.items():
            counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
            parts.append(
                pd.DataFrame(
                    {
                        "axis": axis.name,
                        "origin": name,
                        "left": edges[:-1],
                        "right": edges[1:],
                        "share": counts / len(values),
                    }
                )
            )
    columns = ["axis", "origin", "left", "right", "share"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
