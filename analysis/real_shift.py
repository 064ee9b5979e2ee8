"""Training against real use in one object: the two-sample test, the ranked axes, their distributions, every value.

Whether: `analysis.two_sample` on vectors and on measured values, within concepts where both sides have labels.
In what: the measures of `analysis.shift_axes`, p-values corrected for all of them (Benjamini and Hochberg 1995); of
four axes that no simple measure catches also the model's own view (`analysis.altered_views`), whichever tells more.
Whether other things are shown: `analysis.content_shift`.

Ranked by effect times how much of the shift in the model's eyes the axis explains: a picture taken from nearer is also
softer, and this way "nearer" comes first. Content counts half: a named cause is told before an unnamed one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.altered_views import (
    DEFAULT_SAMPLE,
    SEEN_BY_MODEL,
    Signatures,
    explained,
    filtered,
    goes_both_ways,
    signatures,
    without,
)
from analysis.blind_spots import Axis
from analysis.compare import DEFAULT_ALPHA, DEFAULT_SMALL_EFFECT
from analysis.content_shift import at_one_quality, how_saved, unmeasured
from analysis.dataset import Dataset
from analysis.features import Features
from analysis.out_of_range import OutOfRange, find_out_of_range
from analysis.progress import Progress, no_progress, scaled
from analysis.shift_axes import (
    ALTERED,
    BY_MARKS,
    BY_MODEL,
    CONTENT,
    MEASURES,
    Measure,
    detail_left,
    effect,
    measured_values,
    scores,
    stored_values,
    unwrapped,
)
from analysis.statistics import benjamini_hochberg, cliffs_delta
from analysis.two_sample import MIN_SIDE, gap_test

Float64 = NDArray[np.float64]
Rows = NDArray[np.int64]
BINS = 24
MOST_LAYOUT: Final = 400  # pictures of a side whose thumbnails are measured: an effect to within 0.05
MOST_REREAD: Final = 200  # pictures of a side whose files are read again for noise: within 0.07, in 3 s
FORM: Final = ("jpeg_quality", "megapixels")  # of the file: how it was saved is no gap in what is seen
COLUMNS: Final = ["axis", "title", "effect", "p_value", "direction", "word", "differs", "sentence", "explains"]
CLEAR: Final = 1e-4  # a p-value below which it is the effect that tells more
UNNAMED: Final = 0.5  # weight of content in the ranking


@dataclass(frozen=True, slots=True)
class Shift:
    """What differs between training and real use.

    Attributes:
        p_value: of the two-sample test; nan where it was not made. strength: in [0, 1], 0 is no difference.
        table: one row an axis, the largest difference first: `axis`, `title`, `effect` (Cliff's delta in [-1, 1],
            above 0 where real use has more; nan where too few pictures could be measured), `p_value` (corrected),
            `direction` (`higher` | `lower`), `word` (completes "real-world pictures are …"), `differs` (bool),
            `sentence`, `explains` (share of the shift in the model's eyes, in [0, 1]; nan where it was not tried).
        distributions: `axis`, `origin`, `left`, `right` (edges of a bin), `share` (of that origin's pictures).
        measured: every axis with the value of each image.
        outside: real-world pictures beyond nearly all of training in one measured value.
    """

    p_value: float
    strength: float
    table: pd.DataFrame
    distributions: pd.DataFrame
    measured: tuple[Axis, ...]
    outside: OutOfRange


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
    image = np.asarray(features.image, dtype=np.float32)
    sides = (training, real_world)
    stored = stored_values(dataset)
    seen = [v for name, v in stored.items() if name not in FORM and np.isfinite(v).any()]
    concepts = tuple([next(iter(dataset.concepts_of(int(row))), None) for row in rows] for rows in sides)
    gap = gap_test(
        image[training],
        image[real_world],
        attributes=tuple(_columns(seen, rows) for rows in sides),  # type: ignore[arg-type]
        concepts=concepts,  # type: ignore[arg-type]
        seed=seed,
        progress=scaled(progress, 0.0, 0.3),
    )
    values = stored | _from_pictures(dataset, features, sides, stored, seed, scaled(progress, 0.3, 0.6))
    rows = {m.name: _row(m, *(values[m.name][rows] for rows in sides)) for m in MEASURES if m.name in values}
    measured = {m.name: Axis(m.name, values[m.name], m.lower, m.higher) for m in MEASURES if m.name in values}
    kept = detail_left(dataset)
    _second_view(rows, measured, _row(BY_MARKS, *(kept[side] for side in sides)), BY_MARKS, kept)
    some = _sampled(sides, seed)
    tried = None
    if features.pictures is not None and min(len(s) for s in some) >= 2 * MIN_SIDE:
        tried = signatures(
            features.pictures,
            image,
            some[0][:DEFAULT_SAMPLE],
            some[1][:DEFAULT_SAMPLE],
            seed=seed,
            progress=scaled(progress, 0.6, 0.9),
        )
    if tried is None:
        left = unmeasured(image, np.concatenate(some), list(values.values()))
    else:
        left = without(image[np.concatenate(some)].astype(np.float64), tried.moves)
        for name, found in _seen_by_model(image, some, tried, seed).items():
            rows[name]["strongest"] = found["strongest"]
            _second_view(rows, measured, found, BY_MODEL[name], found["values"])  # type: ignore[arg-type]
        y = np.repeat([0, 1], [len(s) for s in some])
        part = explained(image[np.concatenate(some)].astype(np.float64), y, tried.moves, seed=seed)
    n = len(some[0])
    test = gap_test(left[:n], left[n:], seed=seed, progress=scaled(progress, 0.9, 0.95))
    content = _content_row(test.strength, test.p_value)
    every = [*rows.values(), content]
    sizes = _sizes(every)
    if tried is not None and features.pictures is not None and CONTENT in sizes:
        saved, rest = how_saved(values, sides), scaled(progress, 0.95, 1.0)
        every[-1] = _content_row(
            *at_one_quality(features.pictures, sides, sizes, test, tried.moves, saved, seed=seed, progress=rest)
        )
    if tried is not None:
        for row in every:
            row["explains"] = part[str(row["axis"])] ** 2
    axes = tuple(measured.values())
    outside = find_out_of_range(image, stored, training, real_world, concepts=(concepts[0], concepts[1]), seed=seed)
    table = ranked(every)
    return Shift(gap.p_value, gap.strength, table, distributions(axes, training, real_world), axes, outside)


def _sizes(rows: list[dict[str, object]]) -> dict[str, float]:
    """Effects of the axes that differ, the largest first."""
    table = ranked([dict(row) for row in rows])
    table = table[table["differs"]].sort_values("effect", key=lambda e: -e.abs(), kind="stable")
    return dict(zip(table["axis"], table["effect"], strict=True))


def _sampled(sides: tuple[Rows, Rows], seed: int) -> list[Rows]:
    rng = np.random.default_rng(seed)
    return [rng.permutation(rows)[:MOST_LAYOUT] for rows in sides]


def _seen_by_model(
    image: NDArray[np.float32], some: list[Rows], tried: Signatures, seed: int
) -> dict[str, dict[str, object]]:
    """What `_row` gives, for the axes of which the model is asked; `strongest` is the effect of a filter not blind to
    the other axes, for the ranking."""
    known = np.concatenate(some)
    y = np.repeat([0, 1], [len(s) for s in some])
    place = {int(row): i for i, row in enumerate(known)}
    altered = np.array([[place[int(row)] for row in rows] for rows in tried.rows])
    half = np.zeros(len(known), dtype=bool)
    rng = np.random.default_rng([seed, 1])
    tried_on = np.isin(np.arange(len(known)), altered)
    for group in (np.flatnonzero((y == side) & (tried_on == of)) for of in (True, False) for side in (0, 1)):
        half[rng.permutation(group)[: len(group) // 2]] = True
    blind, keen = (filtered(image, known, y, half, tried.moves, altered, b) for b in (1.0, 0.0))
    out: dict[str, dict[str, object]] = {}
    for name in SEEN_BY_MODEL:
        tests = [cliffs_delta(v[known[y == 0]], v[known[y == 1]]) for v in blind[name].T]
        both_ways = goes_both_ways(name)
        best = int(np.argmax([abs(d) if both_ways else d for d, _ in tests]))
        delta, p_value = tests[best]
        if not both_ways:  # only more of it is asked for: one-sided
            p_value = p_value / 2 if delta > 0 else 1 - p_value / 2
        others = [cliffs_delta(v[known[y == 0]], v[known[y == 1]])[0] for v in keen[name].T]
        values = blind[name][:, best]
        out[name] = {
            "axis": name,
            "title": BY_MODEL[name].title,
            "measure": BY_MODEL[name],
            "sides": (values[some[0]], values[some[1]]),
            "values": values,
            "effect": delta,
            "raw_p": min(1.0, len(tests) * p_value),
            "steps": 0.0,
            "strongest": max(abs(d) if both_ways else max(d, 0.0) for d in others),
        }
    return out


def _second_view(
    rows: dict[str, dict[str, object]],
    measured: dict[str, Axis],
    found: dict[str, object],
    measure: Measure,
    values: Float64,
) -> None:
    """Let the surer of two views of an axis speak; where both could be taken, each has half of alpha."""
    name = measure.name
    if not np.isfinite(float(found["raw_p"])):  # type: ignore[arg-type]
        return
    before = rows.get(name)
    if before is not None and np.isfinite(float(before["raw_p"])):  # type: ignore[arg-type]
        for row in (before, found):
            row["raw_p"] = min(1.0, 2 * float(row["raw_p"]))  # type: ignore[arg-type]
        if not _surer(found, before):
            return
    rows[name] = found
    measured[name] = Axis(name, values, measure.lower, measure.higher)


def _surer(one: dict[str, object], other: dict[str, object]) -> bool:
    """Whether the effect of one row alone matters; or its p-value is smaller; or, where both p-values are as small as
    can be, its effect larger."""
    p = [float(row["raw_p"]) for row in (one, other)]  # type: ignore[arg-type]
    size = [abs(float(row["effect"])) for row in (one, other)]  # type: ignore[arg-type]
    matters = [s >= DEFAULT_SMALL_EFFECT for s in size]
    if matters[0] != matters[1]:
        return matters[0]
    return size[0] > size[1] if max(p) <= CLEAR else p[0] < p[1]


def _columns(values: list[Float64], rows: Rows) -> Float64:
    return np.column_stack([v[rows] for v in values]) if values else np.zeros((len(rows), 0))


def _from_pictures(
    dataset: Dataset,
    features: Features,
    sides: tuple[Rows, Rows],
    stored: dict[str, Float64],
    seed: int,
    progress: Progress,
) -> dict[str, Float64]:
    """What is measured on the pictures: layout, and noise where it could be measured on both sides."""
    if features.pictures is None:
        return {}
    some = _sampled(sides, seed)
    fewer = [rows[:MOST_REREAD] for rows in some]
    found = measured_values(dataset, features.pictures, np.concatenate(some), np.concatenate(fewer), progress=progress)
    if any(np.isfinite(found["noise"][rows]).sum() < min(MIN_SIDE, len(rows)) for rows in fewer):
        found["noise"] = stored["noise"]
    return found


def _row(measure: Measure, training: Float64, real: Float64) -> dict[str, object]:
    """One axis of `Shift.table`, with `raw_p` and `step` (the medians' distance in steps nobody would notice)."""
    a, b = unwrapped(measure, training[np.isfinite(training)], real[np.isfinite(real)])
    row: dict[str, object] = {"axis": measure.name, "title": measure.title, "measure": measure, "sides": (a, b)}
    if min(len(a), len(b)) < MIN_SIDE:
        return row | {"effect": np.nan, "raw_p": np.nan, "steps": 0.0}
    middle = [float(np.median(measure.comparable(side))) for side in (a, b)]
    return row | {
        "effect": effect(measure, a, b),
        "raw_p": cliffs_delta(*scores(measure, a, b)[:2])[1],
        "steps": abs(middle[1] - middle[0]) / measure.step,
    }


def _content_row(strength: float, p_value: float) -> dict[str, object]:
    known = np.isfinite(p_value)
    return {
        "axis": CONTENT,
        "title": "Content",
        "effect": strength if known else np.nan,
        "raw_p": p_value,
        "steps": 0.0,
    }


def ranked(rows: list[dict[str, object]]) -> pd.DataFrame:
    """`Shift.table` of what `_row` gives: differing axes first, see the module; equal ones by how plain they are."""
    table = pd.DataFrame(rows)
    for column in ("explains", "strongest"):
        if column not in table:
            table[column] = np.nan
    table["p_value"] = benjamini_hochberg(table["raw_p"].to_numpy(dtype=np.float64))
    size = table["effect"].abs()
    table["differs"] = (table["p_value"] <= DEFAULT_ALPHA) & (size >= DEFAULT_SMALL_EFFECT)
    table["direction"] = np.where(table["effect"] > 0, "higher", "lower")
    said = [_said(row) for row in table.to_dict("records")]
    table["word"], table["sentence"] = [w for w, _ in said], [s for _, s in said]
    weight = np.where(table["axis"] == CONTENT, UNNAMED, 1.0)
    table["size"] = size.round(2)
    score = np.fmax(size, table["strongest"].astype(float)) * table["explains"].astype(float).fillna(0.0) * weight
    table["score"] = score.round(2)
    clear = table[table["differs"]]
    table["first"] = ~table["axis"].isin(_follow(dict(zip(clear["axis"], clear["effect"], strict=True))))
    order = ["differs", "score", "size", "first", "steps"]
    table = table.sort_values(order, ascending=False, kind="stable", na_position="last")
    return table[COLUMNS].reset_index(drop=True)


def _follow(effects: dict[str, float]) -> set[str]:
    """Of noise, sharpness and compression what another explains, by the effects of the axes that differ: blur and
    compression take noise away, and noise and the edges of blocks look sharp."""
    lower = {axis for axis, size in effects.items() if size < 0}
    if "jpeg_quality" in lower:
        return {"noise", "sharpness"}
    return {"noise"} if {"noise", "sharpness"} <= lower else {"sharpness"}


def _said(row: dict[object, object]) -> tuple[str, str]:
    """Word and sentence of an axis."""
    title, size, differs = str(row["title"]), float(row["effect"]), bool(row["differs"])  # type: ignore[arg-type]
    if np.isnan(size):
        return "", f"{title}: cannot tell, it could be measured in too few of the pictures."
    if row["axis"] == CONTENT:
        word = "different in what they show"
        if not differs:
            return word, f"{title}: no clear difference beyond the above."
        return (
            word,
            f"Real-world pictures show other things or scenes: told apart {size / 2 + 0.5:.0%} of the time by that.",
        )
    measure: Measure = row["measure"]  # type: ignore[assignment]
    sides: tuple[Float64, Float64] = row["sides"]  # type: ignore[assignment]
    word = measure.higher if size > 0 else measure.lower
    if not differs:
        return word, f"{title}: no clear difference."
    if measure is BY_MODEL.get(measure.name):
        then, now = (f"{float(np.median(side)):.1f}" for side in sides)
        scale = f"where 0 is a usual training picture and 1 {ALTERED[measure.name]}"
        return word, f"Real-world pictures are {word}: median {now}, {scale}."
    then, now = (measure.said(float(np.median(side))) for side in sides)
    if now == then:  # medians agree, the rest does not
        return word, f"Real-world pictures are more often {word}, with the same median of {now}."
    return word, f"Real-world pictures are {word}: median {now} against {then}."


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
