"""Softness, noise and darkness are not taken for content; other things in the pictures are, also in soft ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from support import photo

from analysis import perturbations
from analysis.dataset import REAL_WORLD, TRAINING
from analysis.embedders import load_embedder
from analysis.embedders.base import ImageEncoding
from analysis.opening import open_dataset
from analysis.pictures import StoredPictures
from analysis.real_shift import measure_shift
from analysis.same_quality import AXES, ENLARGED, MARKS, WORSE, Saved, _as_compressed, _as_large, quality_of, seen_alike
from analysis.sources import Source
from analysis.store import Store

SIDE = 60


@pytest.fixture(scope="module", autouse=True)
def seen_once() -> Iterator[None]:
    """The same training pictures are altered in each case: what was encoded once is not encoded again."""
    known: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
    encode = StoredPictures._encode

    def remembered(self: StoredPictures, pictures: Sequence[np.ndarray]) -> ImageEncoding:
        keys = [blake2b(p.tobytes(), person=str(p.shape).encode()).digest() for p in pictures]
        if new := {k: p for k, p in zip(keys, pictures, strict=True) if k not in known}:
            found = encode(self, list(new.values()))
            known.update(zip(new, zip(found.features, found.vectors, strict=True), strict=True))
        return ImageEncoding(np.array([known[k][0] for k in keys]), np.array([known[k][1] for k in keys]), [])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StoredPictures, "_encode", remembered)
        yield


def farther(p: np.ndarray) -> np.ndarray:
    """The whole at half its size on a ground of one colour."""
    out = np.empty_like(p)
    out[:] = np.concatenate([p[0], p[-1]]).mean(axis=0).astype(np.uint8)
    h, w = p.shape[0] // 2, p.shape[1] // 2
    small = Image.fromarray(p).resize((w, h), Image.Resampling.BOX)
    out[h // 2 : h // 2 + h, w // 2 : w // 2 + w] = np.asarray(small)
    return out


PLANTS = {
    "blur": lambda p: perturbations.blurred(p, 3.0),
    "noise": lambda p: perturbations.noisy(p, 14),
    "small": lambda p: perturbations.scaled_down(p, 96),
    "dark": lambda p: (p * 0.5).astype(np.uint8),
    "bright": lambda p: np.clip(p * 1.7, 0, 255).astype(np.uint8),
    "compressed": lambda p: perturbations.compressed(p, 15),  # and saved as PNG
    "farther": farther,
}


PLANTED = [
    ("blur", "sharpness"),
    ("noise", "noise"),
    ("small", "megapixels"),
    ("compressed", "jpeg_quality"),
    ("dark", "brightness"),
    ("bright", "brightness"),
    ("farther", "subject_size"),
]


def scene(seed: int, other: bool = False) -> np.ndarray:
    """Three boxes on a smooth ground; in `other` pictures, discs."""
    rng = np.random.default_rng(seed)
    image = photo(seed, size=(224, 168), tint=(130, 130, 120))
    draw = ImageDraw.Draw(image)
    for _ in range(3):
        x, y, s = int(rng.integers(5, 160)), int(rng.integers(5, 110)), int(rng.integers(30, 55))
        colour = tuple(int(v) for v in rng.integers(20, 235, 3))
        (draw.ellipse if other else draw.rectangle)((x, y, x + s, y + s), fill=colour, outline="black", width=3)
    return np.asarray(image)


def shift(root: Path, plant: str, other: bool):
    alter = PLANTS[plant]
    for part, start in (("training", 5000), ("real", 6000)):
        (root / part).mkdir(parents=True)
        for i in range(SIDE):
            real = part == "real"
            pixels = scene(start + i, other and real)
            Image.fromarray(alter(pixels) if real else pixels).save(root / part / f"{i}.png")
    of = open_dataset(
        Source(root / "training", root / "real"), store=Store(root / "cache"), embedder=load_embedder("bundled")
    )
    origin = of.dataset.images["origin"].to_numpy()
    rows = np.flatnonzero(origin == TRAINING), np.flatnonzero(origin == REAL_WORLD)
    return of, rows, measure_shift(of.dataset, of.features, *rows).table.set_index("axis")


@pytest.mark.parametrize(("plant", "axis"), PLANTED)
def test_a_shift_of_quality_is_no_content(plant: str, axis: str, tmp_path: Path) -> None:
    _, _, table = shift(tmp_path, plant, False)
    assert table.loc[axis, "differs"] and not table.loc["content", "differs"]
    assert table.index[0] == axis
    assert plant != "farther" or table.loc[axis, "effect"] < 0


def test_other_things_are_content_also_in_soft_pictures(tmp_path: Path) -> None:
    of, rows, table = shift(tmp_path, "blur", True)
    assert table.loc["content", "differs"]
    assert set(WORSE) <= set(AXES)
    assert of.features.pictures is not None
    a, b = seen_alike(of.features.pictures, rows, ["sharpness", "colour_temperature"])  # type: ignore[misc]
    again = seen_alike(of.features.pictures, rows, ["sharpness", "colour_temperature"])
    assert len(a) == len(b) == SIDE and again is not None and np.array_equal(a, again[0])
    assert seen_alike(of.features.pictures, (rows[0][:4], rows[1]), ["noise"]) is None


def marks(side: list[np.ndarray]) -> float:
    return float(np.nanmedian([MARKS[0](p) - 1.0 for p in side]))


def test_the_larger_pictures_are_scaled_down_to_the_size_of_the_others() -> None:
    sides = [[scene(i) for i in range(8)], [perturbations.scaled_down(scene(i), 80 + i) for i in range(9)]]
    large, small = _as_large(sides)
    assert {max(p.shape[:2]) for p in large} == {84}
    assert all(a is b for a, b in zip(small, sides[1], strict=True))
    assert _as_large([sides[0], sides[0]]) == [sides[0], sides[0]]


@pytest.mark.parametrize("saved", [None, Saved(0, 15, 224)], ids=["found by its marks", "said by the files"])
def test_the_less_compressed_side_is_saved_as_the_other(saved: Saved | None) -> None:
    fine = [scene(i) for i in range(12)]
    coarse = [perturbations.compressed(scene(100 + i), 15) for i in range(12)]
    assert marks(fine) < 0.2 and marks(coarse) > 0.6
    a, b = _as_compressed([fine, coarse], saved)
    assert b is coarse and abs(marks(a) - marks(coarse)) < 0.1


def test_marks_are_those_of_files_larger_than_the_picture_seen_and_none_where_scaling_down_takes_them() -> None:
    fine = [scene(i) for i in range(6)]
    sides = [fine, fine]
    at_once, from_larger = (_as_compressed(sides, Saved(0, 15, length))[0] for length in (224, 448))
    lost = [
        float(np.mean([np.abs(p * 1.0 - q).mean() for p, q in zip(fine, s, strict=True)]))
        for s in (at_once, from_larger)
    ]
    assert lost[0] > lost[1] > 0.5
    assert _as_compressed(sides, Saved(0, 15, 224 * ENLARGED + 10))[0][0] is fine[0]


def test_pictures_without_marks_are_left_as_they_are() -> None:
    sides = [[scene(i) for i in range(12)], [perturbations.blurred(scene(100 + i), 3.0) for i in range(12)]]
    assert _as_compressed(sides, None) is sides


@pytest.mark.parametrize("quality", [8.0, 15.0, 40.0])
@pytest.mark.parametrize("since", ["nothing", "saved as JPEG", "softened"])
def test_the_quality_a_picture_once_had_is_found_to_the_point(quality: float, since: str) -> None:
    some = [perturbations.compressed(scene(i), quality) for i in range(12)]
    if since != "nothing":
        some = [perturbations.compressed(p, 95) if "JPEG" in since else perturbations.blurred(p, 1.0) for p in some]
    assert quality_of(some, quality + 5) == quality_of(some, quality - 4) == quality
    assert quality_of([scene(i) for i in range(12)], quality + 0.5) == quality + 0.5  # never compressed
