"""Which pictures of a dataset are the same picture: every verified pair, and the groups they make.

Candidates come from four sides: equal content; alike glimpses (`analysis.glimpse`); neighbours by the model's vectors;
perceptual hashes. Every candidate that is not an exact copy is laid over its counterpart and compared part by part
(`analysis.same_picture`), so a candidate costs time, never trust. Two checks need the answer in one audit, so the last
few are kept in memory.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import glimpse
from analysis.dataset import Dataset, is_within
from analysis.features import Features
from analysis.neighbours import nearest
from analysis.progress import Progress, no_progress, scaled
from analysis.same_picture import Agreement, Print, compare, in_parts, is_same, print_of

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

DEFAULT_FLOOR = 0.6  # likeness of glimpses below which no altered copy of the development sets lay (least: 0.73)
DEFAULT_NEIGHBOUR_FLOOR = 0.5  # the same for neighbours by vectors and hashes, which have another reason to be tried
DEFAULT_PER_IMAGE = 12  # pairs started from one picture: a picture with more copies is reached through them
DEFAULT_BUDGET = 2.0  # pairs compared in full, times the number of pictures; the most alike come first
HASH_BITS: Final = 6  # of 64 that may differ
NEIGHBOURS: Final = 3
CHUNK: Final = 192  # pairs compared between two reports of progress and two readings of thumbnails
KEPT: Final = 3  # searches kept in memory
FULL_GROUP: Final = 60  # members of a group up to which every pair is listed; beyond, pairs with the first member

EXACT: Final = "exact"
NEAR: Final = "near"
PAIR_COLUMNS: Final = ("a", "b", "kind", "score", "across", "conflict", "change")


@dataclass(frozen=True, slots=True)
class Params:
    """See the constants for the reasons of the values."""

    floor: float = DEFAULT_FLOOR
    neighbour_floor: float = DEFAULT_NEIGHBOUR_FLOOR
    per_image: int = DEFAULT_PER_IMAGE
    budget: float = DEFAULT_BUDGET


DEFAULT_PARAMS: Final = Params()


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Every verified pair of a dataset.

    Attributes:
        pairs: one row a pair, most telling first: `a`, `b` (int, rows of `images`, a < b), `kind` (`exact`, `near`),
            `score` (float in [0, 1]; 1 for exact copies, else the share of detailed parts that agree), `across`
            (`none`, `concept`, `split`, `origin`: the border the pair crosses, the last of these that holds),
            `conflict` (bool, the two carry concepts of which none holds another), `change` (str, what was done to
            the one, in words).
        group: int64 (n,), number of the group of each image, -1 where it is alone; groups by falling size.
        compared: int, pairs laid over each other.
        tried: int64 (m, 2), those pairs.
        with_pictures: whether altered copies could be verified; else only exact copies and equal hashes are found.
        laid: (a, b) -> float64 (2, 3), where a point of b, in parts of its width and height, lies in a; both ways
            round, of every pair that was verified.
    """

    pairs: pd.DataFrame
    group: Int64
    compared: int
    tried: Int64
    with_pictures: bool
    laid: Mapping[tuple[int, int], Float64] = field(default_factory=dict, compare=False, repr=False)


def find_duplicates(
    dataset: Dataset, features: Features, params: Params = DEFAULT_PARAMS, *, progress: Progress = no_progress
) -> Duplicates:
    """The duplicates of a dataset, searched once and then kept for the next to ask."""
    key = (dataset.fingerprint, features.model.key, features.pictures is None, params)
    with _LOCK:
        if key in _KEPT:
            _KEPT.move_to_end(key)
            return _KEPT[key]
    found = _search(dataset, features, params, progress)
    with _LOCK:
        _KEPT[key] = found
        while len(_KEPT) > KEPT:
            _KEPT.popitem(last=False)
    return found


_LOCK: Final = threading.Lock()
_KEPT: OrderedDict[object, Duplicates] = OrderedDict()


def _search(dataset: Dataset, features: Features, params: Params, progress: Progress) -> Duplicates:
    contents = dataset.images["content_hash"].astype(str).to_numpy()
    _, first, of = np.unique(contents, return_index=True, return_inverse=True)
    copies: list[list[int]] = [[] for _ in first]  # rows of each content
    for row, number in enumerate(of.tolist()):
        copies[number].append(row)
    laid: dict[tuple[int, int], Float64] = {}
    if features.pictures is None:
        near, tried = _equal_hashes(dataset, first), np.empty((0, 2), dtype=np.int64)
    else:
        near, tried = _near(dataset, features, first.astype(np.int64), params, laid, progress)
    pairs = _all_pairs(copies, near, of, len(dataset))
    group = _groups(len(dataset), ((p[0], p[1]) for p in pairs))
    for (a, b), matrix in list(laid.items()):
        laid.update({(x, y): matrix for x in copies[of[a]][:FULL_GROUP] for y in copies[of[b]][:FULL_GROUP]})
    with_pictures = features.pictures is not None
    return Duplicates(_pair_frame(dataset, pairs), group, len(tried), tried, with_pictures, laid)


def _near(
    dataset: Dataset,
    features: Features,
    rows: Int64,
    params: Params,
    laid: dict[tuple[int, int], Float64],
    progress: Progress,
) -> tuple[dict[tuple[int, int], tuple[float, str]], Int64]:
    """Verified pairs among `rows` (one for each content): (a, b) -> (score, change); and the pairs compared.

    How they lie over each other is added to `laid`, as of `Duplicates`.
    """
    assert features.pictures is not None
    rows, fields, aspects = _fields(features, rows, scaled(progress, 0.0, 0.15))
    if len(rows) < 2:
        return {}, np.empty((0, 2), dtype=np.int64)
    pairs, _ = glimpse.screen(fields, aspects, params.floor, params.per_image, progress=scaled(progress, 0.15, 0.45))
    others = np.concatenate([_neighbour_pairs(features, rows), _hash_pairs(dataset, rows)])
    every = np.unique(np.concatenate([pairs, others]), axis=0)
    turned, look, alike = glimpse.best_looks(fields, aspects, every, progress=scaled(progress, 0.45, 0.5))
    n = len(rows)
    code = every[:, 0] * n + every[:, 1]
    limit = np.where(np.isin(code, others[:, 0] * n + others[:, 1]), params.neighbour_floor, params.floor)
    chosen = np.flatnonzero(alike >= limit)
    most = int(params.budget * n)
    if len(chosen) > most:
        chosen = np.sort(chosen[np.lexsort((chosen, -alike[chosen]))[:most]])
    found: dict[tuple[int, int], tuple[float, str]] = {}
    step = scaled(progress, 0.5, 1.0)
    for start in range(0, len(chosen), CHUNK):
        part = chosen[start : start + CHUNK]
        prints = _prints(features, rows, np.unique(every[part]))
        for done, p in enumerate(part.tolist()):
            if done % 16 == 0:
                step(start + done, len(chosen), "laying pictures over each other")
            a, b = (int(x) for x in (every[p][::-1] if turned[p] else every[p]))
            one, other = prints[a], prints[b]
            if one is None or other is None:
                continue
            agreement = compare(one, other, glimpse.LOOKS[look[p]])
            if agreement is not None and is_same(agreement):
                pair = (int(rows[every[p, 0]]), int(rows[every[p, 1]]))
                found[min(pair), max(pair)] = (agreement.share, change_in_words(agreement))
                there, back = in_parts(agreement, one, other)
                laid[int(rows[a]), int(rows[b])], laid[int(rows[b]), int(rows[a])] = there, back
    step(1, 1, "laying pictures over each other")
    return found, np.sort(rows[every[chosen]], axis=1)


def change_in_words(agreement: Agreement) -> str:
    """What was done to one of the two pictures, as far as the way they lie over each other tells."""
    words = []
    if agreement.mirrored:
        words.append("mirrored")
    if abs(agreement.degrees) >= 1.0:
        words.append("turned")
    if abs(agreement.scale - 1.0) >= 0.02:
        words.append("cropped")
    if agreement.share < 0.9:
        words.append("marked or retouched")
    return ", ".join(words)


def _seen_in_attributes(images: pd.DataFrame, a: int, b: int) -> list[str]:
    """What two measured pictures differ in, in words."""
    known = images.columns
    words = []
    if {"width", "height"} <= set(known):
        one, other = (images[k].to_numpy() for k in ("width", "height"))
        if one[a] != one[b] or other[a] != other[b]:
            words.append("resized")
    both = images.iloc[np.array([a, b])]
    if "saturation" in known and int((both["saturation"] < 0.01).sum()) == 1:
        words.append("without colour")
    if "brightness" in known:
        dark, light = sorted(both["brightness"].tolist())
        if light > 1.1 * dark + 0.01:
            words.append("lighter or darker")
    return words or ["recompressed"]


def _fields(
    features: Features, rows: Int64, progress: Progress
) -> tuple[Int64, NDArray[np.float32], NDArray[np.float64]]:
    import cv2

    assert features.pictures is not None
    kept, fields, aspects = [], [], []
    for start in range(0, len(rows), CHUNK):
        progress(start, len(rows), "reading thumbnails")
        part = rows[start : start + CHUNK]
        for row, jpeg in zip(part.tolist(), features.pictures.thumbnails(part), strict=True):
            gray = None if not jpeg else cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
            if gray is None or min(gray.shape) < 8:
                continue
            kept.append(row)
            fields.append(glimpse.field(gray))
            aspects.append(gray.shape[1] / gray.shape[0])
    shape = (len(kept), glimpse.FIELD, glimpse.FIELD, 2)
    return (
        np.array(kept, dtype=np.int64),
        np.array(fields, dtype=np.float32).reshape(shape),
        np.array(aspects, dtype=np.float64),
    )


def _prints(features: Features, rows: Int64, places: Int64) -> dict[int, Print | None]:
    assert features.pictures is not None
    jpegs = features.pictures.thumbnails(rows[places])
    return {int(p): print_of(jpeg) if jpeg else None for p, jpeg in zip(places, jpegs, strict=True)}


def _neighbour_pairs(features: Features, rows: Int64) -> Int64:
    """Nearest by the model's vectors, as places in `rows`."""
    vectors = features.image[rows]
    found, _ = nearest(vectors, vectors, NEIGHBOURS, exclude=np.arange(len(rows)))
    return _ordered(np.repeat(np.arange(len(rows)), found.shape[1]), found.ravel())


def _hash_pairs(dataset: Dataset, rows: Int64) -> Int64:
    """Pairs whose perceptual hash differs in few bits, as places in `rows`."""
    if "phash" not in dataset.images:
        return np.empty((0, 2), dtype=np.int64)
    bits = _bits(dataset.images["phash"].iloc[rows])
    out = [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, len(bits), 256):
        part = bits[start : start + 256]
        a, b = np.nonzero(np.bitwise_count(part[:, None] ^ bits[None, :]) <= HASH_BITS)
        keep = a + start < b
        order = np.flatnonzero(keep)
        if len(order) > 4096:  # plain pictures share a hash: glimpses tell them apart
            order = order[:4096]
        out.append(np.stack([a[order] + start, b[order]], axis=1))
    return np.concatenate(out).astype(np.int64)


def _bits(hashes: pd.Series) -> NDArray[np.uint64]:
    return np.array([int(str(h), 16) for h in hashes], dtype=np.uint64)


def _ordered(a: Int64, b: Int64) -> Int64:
    out: Int64 = np.unique(np.sort(np.stack([a, b], axis=1), axis=1), axis=0).astype(np.int64)
    return out


def _equal_hashes(dataset: Dataset, rows: NDArray[np.intp]) -> dict[tuple[int, int], tuple[float, str]]:
    """Without pictures: contents whose two hashes are equal are taken for one picture."""
    if not {"phash", "dhash"} <= set(dataset.images.columns):
        return {}
    by: dict[tuple[str, str], list[int]] = {}
    for row in sorted(rows.tolist()):
        image = dataset.images.iloc[row]
        by.setdefault((str(image["phash"]), str(image["dhash"])), []).append(row)
    return {(m[0], other): (0.9, "") for m in by.values() for other in m[1:]}


def _all_pairs(
    copies: Sequence[list[int]], near: dict[tuple[int, int], tuple[float, str]], of: NDArray[np.intp], n: int
) -> list[tuple[int, int, str, float, str]]:
    """Every pair: exact copies, verified pairs, and two pictures that both are the same as a third."""
    out: dict[tuple[int, int], tuple[str, float, str]] = {}

    def add(a: int, b: int, kind: str, score: float, change: str) -> None:
        pair = (min(a, b), max(a, b))
        if pair not in out or out[pair][1] < score:
            out[pair] = (kind, score, change)

    for members in copies:
        chosen = members if len(members) <= FULL_GROUP else members[:1]
        for i, a in enumerate(chosen):
            for b in members[i + 1 :]:
                add(a, b, EXACT, 1.0, "exact copy")
    linked: dict[int, dict[int, float]] = {}
    for (a, b), (score, change) in near.items():
        linked.setdefault(a, {})[b] = score
        linked.setdefault(b, {})[a] = score
        for x in copies[of[a]][:FULL_GROUP]:
            for y in copies[of[b]][:FULL_GROUP]:
                add(x, y, NEAR, score, change)
    for ends in linked.values():
        members = sorted(ends)[:FULL_GROUP]
        for i, a in enumerate(members):
            for b in members[i + 1 :]:
                if (a, b) not in near:
                    score = min(ends[a], ends[b])
                    for x in copies[of[a]][:FULL_GROUP]:
                        for y in copies[of[b]][:FULL_GROUP]:
                            add(x, y, NEAR, score, "both changed")
    return [(a, b, *out[a, b]) for a, b in sorted(out)]


def _groups(n: int, pairs: Iterable[tuple[int, int]]) -> Int64:
    """Connected pictures, numbered by falling size, then by first row; -1 for those alone."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n))
    _, part = connected_components(graph, directed=False)
    size = np.bincount(part, minlength=1)
    first = np.full(len(size), n)
    np.minimum.at(first, part, np.arange(n))
    together = np.flatnonzero(size > 1)
    order = together[np.lexsort((first[together], -size[together]))]
    number = np.full(len(size), -1, dtype=np.int64)
    number[order] = np.arange(len(order))
    out: Int64 = number[part]
    return out


def _pair_frame(dataset: Dataset, pairs: Sequence[tuple[int, int, str, float, str]]) -> pd.DataFrame:
    origin = dataset.images["origin"].astype(str).to_numpy()
    split = [None if pd.isna(s) else str(s) for s in dataset.images["split"]]
    rows = []
    for a, b, kind, score, change in pairs:
        conflict = conflicting(dataset.concepts_of(a), dataset.concepts_of(b))
        if kind == NEAR and change != "both changed":
            seen = _seen_in_attributes(dataset.images, a, b)
            # A cut changes the size too, and a mark is the better word for what recompressing explains.
            seen = [w for w in seen if not change or w not in ("resized", "recompressed")]
            change = ", ".join(w for w in (change, *seen) if w)
        if origin[a] != origin[b]:
            across = "origin"
        elif split[a] is not None and split[b] is not None and split[a] != split[b]:
            across = "split"
        else:
            across = "concept" if conflict else "none"
        rows.append((a, b, kind, score, across, conflict, change))
    frame = pd.DataFrame(rows, columns=list(PAIR_COLUMNS))
    frame = frame.astype({"a": np.int64, "b": np.int64, "score": np.float64, "conflict": bool})
    frame["telling"] = frame["across"].map({"none": 0, "concept": 1, "split": 2, "origin": 3}).astype(np.int64)
    frame = frame.sort_values(["telling", "score", "a", "b"], ascending=[False, False, True, True], ignore_index=True)
    return frame.drop(columns="telling")


def groups_of(n: int, pairs: pd.DataFrame) -> Int64:
    """Number of each picture's group under these pairs, -1 where it is alone; groups by falling size."""
    return _groups(n, zip(pairs["a"], pairs["b"], strict=True))


def conflicting(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether both carry concepts, of which none is, or holds, a concept of the other."""
    if not one or not other:
        return False
    return not any(is_within(a, b) or is_within(b, a) for a in one for b in other)


def contract_pairs(dataset: Dataset, pairs: pd.DataFrame) -> pd.DataFrame:
    """The columns of `pairs.parquet`."""
    ids = dataset.images["image_id"].astype(str).to_numpy()
    return pd.DataFrame(
        {
            "image_a": ids[pairs["a"].to_numpy(dtype=np.int64)],
            "image_b": ids[pairs["b"].to_numpy(dtype=np.int64)],
            "kind": pairs["kind"].to_numpy(),
            "score": pairs["score"].to_numpy(dtype=np.float64),
            "across": pairs["across"].to_numpy(),
        }
    )
