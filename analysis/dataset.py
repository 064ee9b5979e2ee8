"""The dataset: images, their labels, and where they come from. One container, validated once.

Vocabulary: an *image* has an `origin` (`training` or `real_world`), perhaps a `split`, and *labels*, each
naming a *concept*. A concept's name is a path (`Fruit/Apple/Granny-Smith`); the prefixes of the path are its
implied parents, never its competitors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar, cast

import numpy as np
import pandas as pd

from analysis.taxonomy import Entry

T = TypeVar("T")

TRAINING: Final = "training"
REAL_WORLD: Final = "real_world"
ORIGINS: Final = (TRAINING, REAL_WORLD)
SPLITS: Final = ("train", "val", "valid", "test")
REAL_WORLD_PREFIX: Final = "real_world:"
CORE_COLUMNS: Final = ("image_id", "path", "origin", "split")
BOX_COLUMNS: Final = ("image", "concept", "x", "y", "width", "height")
PREDICTION_COLUMNS: Final = ("image", "concept", "confidence")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that should be an image and is not usable; `reason` is a sentence for a person."""

    image_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """Images and labels of one dataset, training and real world together.

    Attributes:
        name: short name for a person.
        roots: `{"training": folder, "real_world": folder}`; `image_id`s resolve against them.
        images: one row an image, index 0..n-1. Columns `image_id` (str, unique), `path` (str, absolute),
            `origin` (`training` | `real_world`), `split` (str or None), then attribute columns once the
            images were measured, then the columns named in `metadata`.
        labels: one row a label: `image` (int, row of `images`), `concept` (str). No duplicates.
        negatives: same columns; images known *not* to show the concept.
        metadata: names of the free columns of `images` that came with the dataset.
        unreadable: files that could not be used, with the reason.
        ignored: number of files that are not images.
        boxes: regions that came with the dataset: `image` (int, row of `images`), `concept` (str, empty where the
            box names none), `x`, `y`, `width`, `height` (float, shares in [0, 1] of the upright picture, `x` and
            `y` of the upper left corner; until the images were measured, a box with a number above 1 is in pixels).
        predictions: what a person's own model said: `image` (int), `concept` (str), `confidence` (float in
            [0, 1], nan where not given). An image may have none, or several.
        taxonomy: what the owner says of the concepts, in the order of their file; empty where none was given.
    """

    name: str
    roots: Mapping[str, Path]
    images: pd.DataFrame
    labels: pd.DataFrame
    negatives: pd.DataFrame
    metadata: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    ignored: int = 0
    boxes: pd.DataFrame = field(default_factory=lambda: empty_frame(BOX_COLUMNS))
    predictions: pd.DataFrame = field(default_factory=lambda: empty_frame(PREDICTION_COLUMNS))
    taxonomy: tuple[Entry, ...] = ()
    _cache: dict[str, object] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        missing = [c for c in CORE_COLUMNS if c not in self.images.columns]
        if missing:
            raise ValueError(f"images: expected columns {CORE_COLUMNS}, missing {missing}")
        if not self.images["image_id"].is_unique:
            raise ValueError("images: expected unique image_id")
        wrong = set(self.images["origin"].unique()) - set(ORIGINS)
        if wrong:
            raise ValueError(f"images: expected origin in {ORIGINS}, got {sorted(wrong)}")
        for name, frame in (("labels", self.labels), ("negatives", self.negatives)):
            if list(frame.columns[:2]) != ["image", "concept"]:
                raise ValueError(f"{name}: expected columns image, concept, got {list(frame.columns)}")
            if len(frame) and not frame["image"].between(0, len(self.images) - 1).all():
                raise ValueError(f"{name}: expected rows of images in 0..{len(self.images) - 1}")
            if frame.duplicated(["image", "concept"]).any():
                raise ValueError(f"{name}: expected each (image, concept) once")
        for name, frame, expected in (
            ("boxes", self.boxes, BOX_COLUMNS),
            ("predictions", self.predictions, PREDICTION_COLUMNS),
        ):
            if tuple(frame.columns) != expected:
                raise ValueError(f"{name}: expected columns {expected}, got {list(frame.columns)}")
            if len(frame) and not frame["image"].between(0, len(self.images) - 1).all():
                raise ValueError(f"{name}: expected rows of images in 0..{len(self.images) - 1}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def concepts(self) -> tuple[str, ...]:
        """Concepts that occur as a label, sorted by name."""
        return self._remember("concepts", lambda: tuple(sorted(self.labels["concept"].unique())))

    @property
    def has_real_world(self) -> bool:
        """Whether any image comes from real use."""
        return bool((self.images["origin"] == REAL_WORLD).any())

    def rows(self, *, concept: str | None = None, origin: str | None = None) -> np.ndarray:
        """Rows of `images` as int64, ascending; of a concept (its descendants included) and/or an origin."""
        keep = np.ones(len(self.images), dtype=bool)
        if origin is not None:
            keep &= (self.images["origin"] == origin).to_numpy()
        if concept is not None:
            of_concept = [c for c in self.concepts if is_within(c, concept)]
            hit = np.zeros(len(self.images), dtype=bool)
            hit[self.labels.loc[self.labels["concept"].isin(of_concept), "image"].to_numpy(dtype=np.int64)] = True
            keep &= hit
        return np.flatnonzero(keep)

    def concepts_of(self, row: int) -> tuple[str, ...]:
        """Concepts of one image, in the order they were given."""
        return self.concepts_by_row[row]

    @property
    def concepts_by_row(self) -> tuple[tuple[str, ...], ...]:
        """For each row of `images`, its concepts."""

        def build() -> tuple[tuple[str, ...], ...]:
            out: list[list[str]] = [[] for _ in range(len(self.images))]
            for image, concept in zip(self.labels["image"], self.labels["concept"], strict=True):
                out[int(image)].append(str(concept))
            return tuple(tuple(x) for x in out)

        return self._remember("by_row", build)

    @property
    def fingerprint(self) -> str:
        """Hex digest of the images' identity, content (once measured), origin, split, labels and metadata.

        Equal datasets have equal fingerprints, so it serves as the key of anything computed from them.
        """

        def build() -> str:
            digest = hashlib.blake2b(digest_size=16)
            columns = [c for c in ("image_id", "origin", "split", "content_hash", *self.metadata) if c in self.images]
            for frame, cols in (
                (self.images, columns),
                (self.labels, ["image", "concept"]),
                (self.negatives, ["image", "concept"]),
                (self.boxes, list(BOX_COLUMNS)),
                (self.predictions, list(PREDICTION_COLUMNS)),
            ):
                digest.update(repr(cols).encode())
                for column in cols:
                    digest.update("\x1f".join(map(str, frame[column].tolist())).encode("utf-8", "surrogatepass"))
                    digest.update(b"\x1e")
            return digest.hexdigest()

        return self._remember("fingerprint", build)

    @property
    def taxonomy_fingerprint(self) -> str:
        """Hex digest of the taxonomy; empty without one. Few checks read it, so it is no part of `fingerprint`."""
        text = repr(self.taxonomy).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=8).hexdigest() if self.taxonomy else ""

    def select(self, rows: np.ndarray) -> Dataset:
        """The same dataset with only these rows of `images`, renumbered in the order given."""
        position = np.full(len(self.images), -1, dtype=np.int64)
        position[rows] = np.arange(len(rows))
        return replace(
            self,
            images=self.images.iloc[rows].reset_index(drop=True),
            labels=_renumber(self.labels, position),
            negatives=_renumber(self.negatives, position),
            boxes=_renumber(self.boxes, position),
            predictions=_renumber(self.predictions, position),
            _cache={},
        )

    def with_images(self, images: pd.DataFrame) -> Dataset:
        """The same dataset with another `images` table of equal length and order (added columns)."""
        if len(images) != len(self.images):
            raise ValueError(f"expected {len(self.images)} rows, got {len(images)}")
        return replace(self, images=images, _cache={})

    def _remember(self, key: str, build: Callable[[], T]) -> T:
        if key not in self._cache:
            self._cache[key] = build()
        return cast(T, self._cache[key])


def is_within(concept: str, ancestor: str) -> bool:
    """Whether `concept` is `ancestor` or lies below it."""
    return concept == ancestor or concept.startswith(ancestor + "/")


def ancestors(concept: str) -> tuple[str, ...]:
    """Implied parents of a concept, outermost first: `a/b/c` -> (`a`, `a/b`)."""
    parts = concept.split("/")
    return tuple("/".join(parts[:i]) for i in range(1, len(parts)))


def at_level(concept: str, level: int) -> str:
    """The concept cut to `level` parts (1 is the outermost); shallower concepts stay as they are."""
    return "/".join(concept.split("/")[:level])


def depth(concepts: Iterable[str]) -> int:
    """Number of levels of the deepest concept; 0 without concepts."""
    return max((c.count("/") + 1 for c in concepts), default=0)


def empty_frame(columns: Iterable[str]) -> pd.DataFrame:
    """A table without rows: `image` int64, `concept` text, every other column float64."""
    kinds = {"image": np.int64, "concept": object}
    return pd.DataFrame({c: pd.Series([], dtype=kinds.get(c, np.float64)) for c in columns})


def label_frame(pairs: Iterable[tuple[int, str]]) -> pd.DataFrame:
    """A `labels` (or `negatives`) table from (row, concept) pairs, repeated pairs dropped."""
    unique = list(dict.fromkeys(pairs))
    return pd.DataFrame(
        {
            "image": np.array([p[0] for p in unique], dtype=np.int64),
            "concept": pd.Series([p[1] for p in unique], dtype=object),
        }
    )


def _renumber(frame: pd.DataFrame, position: np.ndarray) -> pd.DataFrame:
    new = position[frame["image"].to_numpy(dtype=np.int64)]
    out: pd.DataFrame = frame.assign(image=new)[new >= 0].reset_index(drop=True)
    return out
