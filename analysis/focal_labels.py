"""Every label looked at: its heat map, its score, the facts behind it, and the regions it proposes.

A sample of pictures, even over concepts, is looked at closely (`analysis.focal_maps`), and from it each concept's heat
is learnt. The others are scored on the maps kept from the ingest with the same directions; a straight line, fitted on
the pictures that were seen both ways, puts the two kinds of score on one scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import focal_facts
from analysis.composition import background, decode_thumbnail, layout, reduced
from analysis.dataset import TRAINING, Dataset
from analysis.features import Features, Pictures
from analysis.focal_heat import best_part, centred_weight
from analysis.focal_maps import STORED_AT_ONCE, Maps, close_maps, even_sample, stored_maps
from analysis.focal_names import Known, know
from analysis.probe import Targets
from analysis.progress import Progress, no_progress, scaled
from analysis.regions import REGION_COLUMNS
from analysis.taxonomy import Entry

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

PLAIN: Final = 2.8
"""Busyness of the rim (`composition.background`) up to which a picture is one thing before a plain ground: three in
four of TrashNet's pictures, one in ten of ADE20K's scenes and none of the shelves in a shop."""
PLAIN_ASKED: Final = 0.5
"""Score above which nobody asks: such a label is what the picture is of anyway."""
RIVAL_FROM: Final = 0.4
"""Score from which another concept of the dataset is what the picture is of."""
NEAREST: Final = 10
"""Pictures most alike that are asked what a picture on a plain ground is of."""
COMPARED: Final = 3000
"""Pictures they are looked for among, at most."""
ENOUGH: Final = 8
"""Pictures of the usual concept that a close look must reach; with too many concepts for that, all are seen
coarsely."""
LEAST_FIT: Final = 20
HEAT_KEPT: Final = 400
"""Heat maps kept for the page."""
NUMBERS: Final = ("score", *focal_facts.Facts._fields, "subject", "agreement")


@dataclass(frozen=True, slots=True)
class LookedAt:
    """Attributes:
    labels: one row a label of the dataset: `image`, `concept`, `NUMBERS` (nan where not looked at), `rival` (str),
        `plain` (one thing before a plain ground), `own_kind` (among the pictures most alike no concept is more common
        than the label's; asked of plain ones alone), `close` (bool).
    classes: the most detailed concepts; `known`: one a class.
    close_rows: rows of `Dataset.images` that were looked at closely.
    heats: heat map (rows, columns) of a label, by its place in `Dataset.labels`.
    """

    labels: pd.DataFrame
    classes: tuple[str, ...]
    known: tuple[Known, ...]
    close_rows: Int64
    heats: dict[int, Float32]

    def proposals(
        self, dataset: Dataset, routes: NDArray[np.object_], found_from: float
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Regions (columns `REGION_COLUMNS`) and heat maps for the page, of labels with these routes.

        `found_from`: peak from which a concept is somewhere in its picture, so that the heat may draw a box.
        """
        return _regions(self, dataset, routes, found_from), _heat_table(self, dataset, routes)


def looked_at(
    dataset: Dataset,
    features: Features,
    target: Targets,
    entries: Sequence[Entry],
    *,
    sample: int,
    stored: int,
    seed: int = 0,
    progress: Progress = no_progress,
) -> LookedAt:
    """See the module docstring.

    Args:
        dataset, features, target: what is looked at.
        entries: of the taxonomy.
        sample: pictures looked at closely at most. stored: looked at otherwise at most.
        seed: of every draw.
        progress: called often.
    """
    pictures = features.pictures
    assert pictures is not None
    fine = features.model.name == "bundled"  # another model's own places are fine enough, and it is slower
    rows, member = _with_others(dataset, target, seed)
    chosen = even_sample(member, sample if fine else stored, seed=seed)
    if fine and len(chosen) < len(rows) and np.median(member[chosen].sum(axis=0)) < ENOUGH:
        fine, chosen = False, even_sample(member, stored, seed=seed)
    look = close_maps if fine else stored_maps
    maps = look(pictures, rows[chosen], progress=scaled(progress, 0.0, 0.7))
    place = np.searchsorted(rows, maps.rows)
    known = know(entries, pictures, maps, member[place], target.classes, seed=seed, progress=scaled(progress, 0.7, 0.8))
    table = dataset.labels[["image", "concept"]].copy().reset_index(drop=True)
    for name in NUMBERS:
        table[name] = np.nan
    table = table.assign(rival="", plain=False, own_kind=False, close=False)
    heats: dict[int, Float32] = {}
    at = _labels_by_row(dataset, target)
    _close(table, heats, maps, at, known, target.classes, pictures, fine, scaled(progress, 0.8, 0.9))
    if fine:
        rest = np.setdiff1d(rows[member.any(axis=1)], maps.rows)
        if len(rest) > stored:
            rest = rest[even_sample(member[np.searchsorted(rows, rest)], stored, seed=seed)]
        _coarse(table, heats, rest, at, known, pictures, scaled(progress, 0.9, 1.0))
    table["score"] = table["score"].clip(0.0, 1.0)
    asked = table.index[table["plain"] & (table["score"] < PLAIN_ASKED)].to_numpy(dtype=np.int64)
    image = table["image"].to_numpy(dtype=np.int64)[asked]
    of = np.array([target.classes.index(c) for c in table["concept"].iloc[asked]], dtype=np.int64)
    table.loc[asked, "own_kind"] = own_kind(features.image, target, image, of, seed=seed)
    return LookedAt(table, target.classes, known, maps.rows, heats)


def root_of(concept: str) -> str:
    """The outermost part of a path: what shares it (a fruit and another) is easily taken for one another."""
    return concept.split("/")[0] if "/" in concept else f"/{concept}"


def own_kind(image: Float32, target: Targets, rows: Int64, of: Int64, *, seed: int = 0) -> NDArray[np.bool_]:
    """Whether the pictures most alike (`NEAREST` of them, the picture itself left out) carry the class `of` at least
    as often as any other; `image` float32 (all, f), L2-normalised, `rows` and `of` int64 (n,)."""
    among = np.arange(len(target.rows))
    if len(among) > COMPARED:
        among = np.sort(np.random.default_rng(seed).choice(among, COMPARED, replace=False))
    there = target.rows[among]
    out = np.zeros(len(rows), dtype=bool)
    for start in range(0, len(rows), STORED_AT_ONCE):
        part = slice(start, start + STORED_AT_ONCE)
        alike = image[rows[part]] @ image[there].T
        alike[rows[part, None] == there[None, :]] = -2.0
        nearest = np.argsort(-alike, axis=1, kind="stable")[:, : min(NEAREST, max(1, len(there) - 1))]
        share = target.member[among[nearest]].mean(axis=1)
        out[part] = share[np.arange(len(share)), of[part]] >= share.max(axis=1)
    return out


def _with_others(dataset: Dataset, target: Targets, seed: int) -> tuple[Int64, NDArray[np.bool_]]:
    """The labelled pictures; with a single concept unlabelled ones too, to compare with."""
    if len(target.classes) > 1:
        return target.rows, target.member
    others = np.setdiff1d(dataset.rows(origin=TRAINING), target.rows)
    if len(others) > len(target.rows):
        others = np.sort(np.random.default_rng(seed).choice(others, len(target.rows), replace=False))
    rows = np.concatenate([target.rows, others])
    order = np.argsort(rows, kind="stable")
    member = np.concatenate([target.member, np.zeros((len(others), 1), dtype=bool)])
    return rows[order].astype(np.int64), member[order]


def _labels_by_row(dataset: Dataset, target: Targets) -> dict[int, list[tuple[int, int]]]:
    """Row of `images` -> (place in `labels`, class) of its labels."""
    column = {c: k for k, c in enumerate(target.classes)}
    out: dict[int, list[tuple[int, int]]] = {}
    for i, (image, concept) in enumerate(zip(dataset.labels["image"], dataset.labels["concept"], strict=True)):
        if concept in column:
            out.setdefault(int(image), []).append((i, column[concept]))
    return out


def _close(
    table: pd.DataFrame,
    heats: dict[int, Float32],
    maps: Maps,
    at: dict[int, list[tuple[int, int]]],
    known: tuple[Known, ...],
    classes: tuple[str, ...],
    pictures: Pictures,
    fine: bool,
    progress: Progress,
) -> None:
    """Fill the rows of labels on pictures looked at closely."""
    weight = centred_weight(maps.side)
    for start in range(0, len(maps.rows), STORED_AT_ONCE):
        progress(start, len(maps.rows), "scoring labels")
        rows = maps.rows[start : start + STORED_AT_ONCE]
        vectors = maps.vectors[start : start + STORED_AT_ONCE]
        heat = np.stack([_heat(k, vectors) for k in known])  # (classes, n, places)
        score = np.stack([best_part(h, weight) for h in heat])
        coarse = stored_maps(pictures, rows) if fine else None
        grounds = [_ground(jpeg, maps.side) for jpeg in pictures.thumbnails(rows)]
        judged = np.array([k.judged for k in known])
        for i, row in enumerate(rows.tolist()):
            mine = at.get(row, [])
            own = {k for _, k in mine}
            roots = {root_of(classes[k]) for k in own}
            others = [j for j in np.flatnonzero(judged).tolist() if j not in own and root_of(classes[j]) not in roots]
            for label, k in mine:
                if known[k].direction is None:
                    continue
                grid = heat[k, i].reshape(maps.side)
                heats[label] = grid.astype(np.float32)
                subject, plain = grounds[i]
                best = max(others, key=lambda j: score[j, i], default=None)
                rival = ""
                if best is not None and score[best, i] >= max(RIVAL_FROM, float(score[k, i])):
                    rival = classes[best]
                whole = _whole(known[k], coarse, i)
                found: dict[str, float | str | bool] = {
                    "score": float(score[k, i]),
                    **{n: float(v[0]) for n, v in focal_facts.facts(grid[None])._asdict().items()},
                    "subject": float(grid[subject].mean() - grid[~subject].mean()) if subject is not None else np.nan,
                    "agreement": float(np.clip(whole / max(float(score[k, i]), 0.05), 0.0, 1.0)),
                    "rival": rival,
                    "plain": plain,
                    "close": True,
                }
                for name, value in found.items():
                    table.at[label, name] = value


def _coarse(
    table: pd.DataFrame,
    heats: dict[int, Float32],
    rest: Int64,
    at: dict[int, list[tuple[int, int]]],
    known: tuple[Known, ...],
    pictures: Pictures,
    progress: Progress,
) -> None:
    """Fill the rows of labels on the other pictures."""
    seen = table[table["close"]]
    slope, offset = 1.0, 0.0
    whole = (seen["agreement"] * seen["score"].clip(lower=0.05)).to_numpy(dtype=np.float64)
    if len(seen) >= LEAST_FIT and np.ptp(whole) > 0.05:
        slope, offset = (float(v) for v in np.polyfit(whole, seen["score"].to_numpy(dtype=np.float64), 1))
    for start in range(0, len(rest), STORED_AT_ONCE):
        progress(start, len(rest), "scoring labels")
        rows = rest[start : start + STORED_AT_ONCE]
        maps = stored_maps(pictures, rows)
        weight = centred_weight(maps.side)
        asked: list[tuple[int, int]] = []
        for i, row in enumerate(rows.tolist()):
            for label, k in at.get(row, []):
                direction = known[k].direction
                if direction is None:
                    continue
                flat = direction.heat(maps.vectors[i : i + 1])
                grid = flat.reshape(maps.side)
                heats[label] = grid
                score = slope * float(best_part(flat, weight)[0]) + offset
                table.at[label, "score"] = score
                for name, value in focal_facts.facts(grid[None])._asdict().items():
                    table.at[label, name] = float(value[0])
                if score < PLAIN_ASKED:
                    asked.append((label, row))
        if asked:
            jpegs = pictures.thumbnails([row for _, row in asked])
            for (label, _), jpeg in zip(asked, jpegs, strict=True):
                table.at[label, "plain"] = _ground(jpeg, maps.side)[1]


def _heat(known: Known, vectors: Float32) -> Float32:
    if known.direction is None:
        return np.zeros(vectors.shape[:2], dtype=np.float32)
    return known.direction.heat(vectors)


def _whole(known: Known, coarse: Maps | None, i: int) -> float:
    if coarse is None or known.direction is None:
        return np.nan
    return float(best_part(known.direction.heat(coarse.vectors[i : i + 1]), centred_weight(coarse.side))[0])


def _ground(jpeg: bytes | None, side: tuple[int, int]) -> tuple[NDArray[np.bool_] | None, bool]:
    """Where the subject is, found without any concept (bool of `side`), and whether it lies on a plain ground."""
    import cv2

    rgb = decode_thumbnail(jpeg)
    if rgb is None:
        return None, False
    lab, mask, _, rim, colour = layout(reduced(rgb))
    plain = background(lab, rim, colour)["ground_busy"] < PLAIN
    small = cv2.resize(mask.astype(np.float32), (side[1], side[0]), interpolation=cv2.INTER_AREA) >= 0.5
    return (small if small.any() and not small.all() else None), bool(plain)


def _regions(seen: LookedAt, dataset: Dataset, routes: NDArray[np.object_], found_from: float) -> pd.DataFrame:
    ids = dataset.images["image_id"].to_numpy()
    several = dataset.labels["image"].map(dataset.labels["image"].value_counts()).to_numpy() > 1
    classes = {c: k for k, c in enumerate(seen.classes)}
    given: set[tuple[int, str]] = set()
    rows: list[tuple[object, ...]] = []
    for box in dataset.boxes.to_dict("records"):
        image, concept = int(box["image"]), str(box["concept"])
        names = [concept] if concept else list(dataset.concepts_of(image)) if not several_of(dataset, image) else []
        for name in names:
            given.add((image, name))
            rows.append((ids[image], name, box["x"], box["y"], box["width"], box["height"], 1.0, "given"))
    for label, heat in sorted(seen.heats.items()):
        image, concept = int(dataset.labels["image"].iloc[label]), str(dataset.labels["concept"].iloc[label])
        judged = seen.known[classes[concept]].judged
        wanted = judged and (routes[label] == "in" or several[label])
        if not wanted or (image, concept) in given:
            continue
        if focal_facts.facts(heat[None]).peak[0] < found_from:  # nowhere to be seen: a box would be anywhere
            continue
        found = focal_facts.hot_box(heat)
        score = min(1.0, max(0.0, found.heat))
        rows.append((ids[image], concept, found.x, found.y, found.width, found.height, score, "heat"))
    numbers = ("x", "y", "width", "height", "score")
    return pd.DataFrame(rows, columns=list(REGION_COLUMNS)).astype(dict.fromkeys(numbers, np.float64))


def several_of(dataset: Dataset, image: int) -> bool:
    """Whether a picture has several labels, so that a box without a name may be of any."""
    return len(dataset.concepts_of(image)) > 1


def _heat_table(seen: LookedAt, dataset: Dataset, routes: NDArray[np.object_]) -> pd.DataFrame:
    """Heat maps to show: for each concept in turn its lowest scores, then its highest."""
    table = seen.labels.assign(route=routes, label=np.arange(len(seen.labels)))
    table = table[table["label"].isin(list(seen.heats))]
    turn = []
    for _, mine in table.sort_values(["score", "label"]).groupby("concept"):
        order = mine["label"].tolist()
        ends = [v for pair in zip(order, reversed(order), strict=True) for v in pair]
        turn += [(i, v) for i, v in enumerate(dict.fromkeys(ends))]
    kept = [v for _, v in sorted(turn)][:HEAT_KEPT]
    ids = dataset.images["image_id"].to_numpy()
    out = []
    for label in sorted(kept):
        heat = seen.heats[label]
        row = seen.labels.loc[label]
        values = np.clip(np.rint(heat * 100), 0, 100).astype(int).ravel().tolist()
        out.append(
            (ids[int(row["image"])], row["concept"], float(row["score"]), str(routes[label]), *heat.shape, values)
        )
    return pd.DataFrame(out, columns=["image_id", "concept", "score", "route", "rows", "columns", "values"])
