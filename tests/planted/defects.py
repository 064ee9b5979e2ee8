"""The table of defects: what is done to a clean folder, and which check must find it.

A new row is a small function and an entry in `DEFECTS`. The function changes a folder of the form
`<split>/<concept>/<picture>.jpg` in place and says what it planted; it may use what the fixture knows of itself (which
concept is hard to tell, which is easy, how to draw a picture anew).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from planted.transforms import COMPRESSED_QUALITY, COPIES, FAULTS, Picture

CHECKS_OF_STEP_2 = ("quantity", "balance", "uniqueness", "leakage", "consistency", "image_quality", "label_errors")
FEW = 5  # pictures left of a hard concept, the least that is judged; of 6 a lucky draw finds enough to be but chance
RARE = 10  # pictures left of an easy concept
FLIPPED = 0.09  # of all labels
MARK, GAP = 0.18, 0.025  # of the shorter side: the mark, and its distance from the corner
WEAVE = 24.0  # grey levels up and down from pixel to pixel: plain to see at full size, gone at half of it


@dataclass(frozen=True, slots=True)
class Fixture:
    """A clean dataset on disk.

    Attributes:
        name: for the printed matrix.
        root: the folder, `<split>/<concept>/<picture>.jpg` with the splits `train` and `test`.
        hard: a concept that a probe needs many pictures to tell from another.
        easy: a concept that a few pictures are enough for.
        scatter: draws a picture of a concept anew with scattered composition; it gets the path and a generator.
        named: a concept that the model knows by its name.
        aside: draws a picture with the concept's thing small in a corner, and something else in the middle.
        texts: a written description of each concept.
    """

    name: str
    root: Path
    hard: str
    easy: str
    scatter: Callable[[Path, np.random.Generator], Picture]
    named: str
    aside: Callable[[Path, np.random.Generator], Picture]
    texts: Mapping[str, str]

    @property
    def real(self) -> Path:
        """Its pictures from real use."""
        return real_of(self.root)

    def concepts(self) -> list[str]:
        """Names of the concepts, sorted."""
        return sorted({p.name for p in self.root.glob("*/*") if p.is_dir()})


def real_of(root: Path) -> Path:
    """Where the pictures from real use lie that belong to a folder of training pictures, `<concept>/<picture>.jpg`."""
    return root.with_name(f"{root.name}_real")


def texts_of(root: Path) -> Path:
    """Where the written descriptions lie that belong to a folder of training pictures, a taxonomy file."""
    return root.with_name(f"{root.name}_texts.json")


def write_texts(root: Path, texts: Mapping[str, str]) -> None:
    """Give the folder these written descriptions."""
    entries = [{"name": concept, "description": text} for concept, text in texts.items()]
    texts_of(root).write_text(json.dumps(entries))


@dataclass(frozen=True, slots=True)
class Planted:
    """What was planted: pictures (ids; paths relative to the root), a concept, or both.

    Where several concepts share a defect, it is as right to name one of the `others` first.
    """

    images: tuple[str, ...] = ()
    concept: str | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Defect:
    """A row of the matrix.

    Attributes:
        id: the row's name.
        check: the check that must fire, with what was planted first in its evidence.
        plant: changes the folder (a copy of the fixture's root) in place.
        implies: other checks that may fire too because this defect truly is one of theirs: id -> the reason.
        real: whether the dataset has pictures from real use, in which or against which the defect shows.
        described: whether it has written descriptions of its concepts.
    """

    id: str
    check: str
    plant: Callable[[Path, Fixture, np.random.Generator], Planted]
    implies: Mapping[str, str] = field(default_factory=dict)
    real: bool = False
    described: bool = False


def _pictures(root: Path, concept: str = "*", split: str = "*") -> list[Path]:
    return sorted(root.glob(f"{split}/{concept}/*.jpg"))


def _some(paths: Sequence[Path], count: int, rng: np.random.Generator) -> list[Path]:
    return [paths[i] for i in sorted(rng.choice(len(paths), size=count, replace=False))]


def _ids(root: Path, paths: Sequence[Path]) -> tuple[str, ...]:
    return tuple(p.relative_to(root).as_posix() for p in paths)


def _read(path: Path) -> Picture:
    return np.ascontiguousarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1], dtype=np.uint8)


def _write(path: Path, picture: Picture, quality: int = 88) -> None:
    """Replaces the file: in a copied folder it may be a hard link to the clean one."""
    path.unlink(missing_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])


def _keep(root: Path, concept: str, count: int, rng: np.random.Generator) -> Planted:
    paths = _pictures(root, concept)
    kept = set(_some(paths, count, rng))
    for path in paths:
        if path not in kept:
            path.unlink()
    return Planted(_ids(root, sorted(kept)), concept)


def few_of_a_hard_concept(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """All but `FEW` pictures of the hard concept are lost."""
    return _keep(root, fixture.hard, FEW, rng)


def one_rare_concept(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """All but `RARE` pictures of the easy concept are lost."""
    return _keep(root, fixture.easy, RARE, rng)


def _copy_some(
    root: Path, rng: np.random.Generator, per_transform: int, from_split: str, target: Callable[[Path, str], Path]
) -> Planted:
    sources = _some(_pictures(root, split=from_split), per_transform * len(COPIES), rng)
    names = [name for name in COPIES for _ in range(per_transform)]
    planted = []
    for source, name in zip(sources, names, strict=True):
        copy = target(source, name)
        _write(copy, COPIES[name](_read(source), rng))
        planted += [source, copy]
    return Planted(_ids(root, planted))


def copies(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """Two pictures for each transform get a copy beside them."""
    return _copy_some(root, rng, 2, "train", lambda source, name: source.with_name(f"{source.stem}_{name}.jpg"))


def copies_across_splits(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """A training picture for each transform gets a copy in `test`, in the place of a test picture."""

    def target(source: Path, name: str) -> Path:
        lost = _some([p for p in _pictures(root, source.parent.name, "test") if "_" not in p.name], 1, rng)[0]
        lost.unlink()
        return lost.with_name(f"{lost.stem}_{name}.jpg")

    return _copy_some(root, rng, 1, "train", target)


def copies_under_another_concept(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """A picture for each transform gets a copy in the folder of another concept."""
    concepts = fixture.concepts()

    def target(source: Path, name: str) -> Path:
        other = str(rng.choice([c for c in concepts if c != source.parent.name]))
        return source.parent.parent / other / f"{source.parent.name}{source.stem}_{name}.jpg"

    return _copy_some(root, rng, 1, "train", target)


def scattered_composition(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """Every picture of one concept is taken anew from anywhere."""
    concept = fixture.easy
    paths = _pictures(root, concept)
    for path in paths:
        _write(path, fixture.scatter(path, rng), 90)
    return Planted(_ids(root, paths), concept)


def bad_pictures(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """Two pictures get each fault, across all concepts."""
    hit = _some(_pictures(root), 2 * len(FAULTS), rng)
    for i, path in enumerate(rng.permutation(np.array(hit, dtype=object))):
        name = list(FAULTS)[i % len(FAULTS)]
        _write(path, FAULTS[name](_read(path), rng), COMPRESSED_QUALITY if name == "compressed" else 90)
    return Planted(_ids(root, hit))


def flipped_labels(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """`FLIPPED` of each concept's pictures move on to the next concept's folder, so that counts stay."""
    concepts = list(rng.permutation(fixture.concepts()))
    chosen = {}
    for concept in concepts:
        paths = _pictures(root, concept)
        chosen[concept] = _some(paths, round(FLIPPED * len(paths)), rng)
    moved = []
    for concept, following in zip(concepts, [*concepts[1:], concepts[0]], strict=True):
        for path in chosen[concept]:
            target = path.parent.parent / following / f"{concept}{path.name}"
            path.rename(target)
            moved.append(target)
    return Planted(_ids(root, sorted(moved)))


def dim_corner_of_real_use(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """A third of the pictures from real use were taken in dim, warm light that no training picture shows."""
    paths = sorted(real_of(root).glob("*/*.jpg"))
    hit = _some(paths, len(paths) // 3, rng)
    for path in hit:
        dim = _read(path).astype(np.float32) * np.array([0.42, 0.3, 0.16]) + rng.normal(0, 2.0, 3)
        _write(path, np.asarray(np.clip(dim, 0, 255), dtype=np.uint8))
    return Planted(tuple(f"real_world:{i}" for i in _ids(real_of(root), hit)))


def another_colour_in_real_use(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """Two thirds of a concept's pictures from real use show it in purple, which no training picture does."""
    paths = sorted((real_of(root) / fixture.easy).glob("*.jpg"))
    hit = _some(paths, 2 * len(paths) // 3, rng)
    for path in hit:
        picture = _read(path)
        height, width = picture.shape[:2]
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        inside = np.clip((0.85 - np.hypot(x, y)) / 0.2, 0, 1)[..., None]  # the subject, a little more
        light = picture.astype(np.float32).mean(axis=2, keepdims=True)
        purple = np.clip(light * np.array([1.15, 0.45, 1.5]) + np.array([10, 0, 15]), 0, 255)
        _write(path, np.asarray(picture * (1 - inside) + purple * inside, dtype=np.uint8))
    return Planted(tuple(f"real_world:{i}" for i in _ids(real_of(root), hit)), fixture.easy)


def _partner(fixture: Fixture) -> str:
    """The concept that shares a defect with the hard one."""
    return [c for c in fixture.concepts() if c != fixture.hard][-1]


def _shuffled(root: Path, concepts: Sequence[str], rng: np.random.Generator) -> list[Path]:
    """Deal the pictures of these concepts out among them at random, within each split; counts stay. Their new paths."""
    out = []
    for split in sorted(p for p in root.iterdir() if p.is_dir()):
        paths = [path for concept in concepts for path in _pictures(root, concept, split.name)]
        moved = [p.rename(p.with_name(f"moving_{i}_{p.name}")) for i, p in enumerate(paths)]
        for place, i in zip(paths, rng.permutation(len(moved)), strict=True):
            moved[i].rename(place)
        out += paths
    return out


def labels_at_random(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """Which of two concepts a picture is filed under is chance: no picture shows it."""
    one, other = fixture.hard, _partner(fixture)
    return Planted(_ids(root, _shuffled(root, (one, other), rng)), one, (other,))


def labels_no_picture_explains(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """Under most labels a picture is filed by a fact that no picture shows, as if by who took it.

    More than two, because between two of 48 pictures each, proof that a label does *not* show is a matter of luck.
    """
    one, *others = [c for c in fixture.concepts() if c not in (fixture.easy, fixture.named)]
    return Planted(_ids(root, _shuffled(root, (one, *others), rng)), one, tuple(others))


def told_apart_by_fine_detail(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """Two concepts differ in a fine weave alone, which one has and the other lacks; any softer photo loses it."""
    one, other = fixture.hard, _partner(fixture)
    paths = _shuffled(root, (one, other), rng)
    for path in paths:
        picture = _read(path).astype(np.float32)
        if path.parent.name == one:
            y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
            picture += (((x + y) % 2) * 2.0 - 1.0)[..., None] * WEAVE
        _write(path, np.asarray(np.clip(picture, 0, 255), dtype=np.uint8), 95)
    return Planted(_ids(root, paths), one, (other,))


def mistyped_labels(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """A third of the pictures of the concept with the longest name lie in a folder whose name has a slip."""
    concept = max(fixture.concepts(), key=lambda c: (len(c), c))
    place = int(rng.integers(1, len(concept) - 2))
    slip = concept[:place] + concept[place + 1] + concept[place] + concept[place + 2 :]
    slip = slip if slip != concept else concept + concept[-1]
    for split in sorted(p for p in root.iterdir() if p.is_dir()):
        paths = _pictures(root, concept, split.name)
        (split / slip).mkdir()
        for path in _some(paths, len(paths) // 3, rng):
            path.rename(split / slip / path.name)
    return Planted(_ids(root, _pictures(root, slip)), slip, (concept,))


def a_mark_on_one_concept(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """Nine of ten pictures of one concept carry the same small label in the lower right corner."""
    paths = _pictures(root, fixture.easy)
    hit = _some(paths, round(0.9 * len(paths)), rng)
    for path in hit:
        picture = _read(path)
        height, width = picture.shape[:2]
        side, gap = round(MARK * min(height, width)), round(GAP * min(height, width))
        label = picture[height - side - gap : height - gap, width - side - gap : width - gap]
        label[:] = (250, 190, 40)
        cv2.circle(label, (side // 2, side // 2), side // 3, (180, 40, 40), -1, cv2.LINE_AA)
        cv2.line(label, (side // 4, side // 2), (3 * side // 4, side // 2), (255, 255, 255), max(2, side // 10))
        _write(path, picture, 90)
    return Planted(_ids(root, hit), fixture.easy)


def a_thing_on_the_side(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """In a third of a concept's pictures it is small, in a corner, and the picture is of something else."""
    paths = _pictures(root, fixture.named)
    hit = _some(paths, len(paths) // 3, rng)
    for path in hit:
        _write(path, fixture.aside(path, rng), 90)
    return Planted(_ids(root, hit), fixture.named)


def two_kinds_as_one(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """The hard concept is filed under the easy one, half of the pictures of each, so that counts stay."""
    one, other = fixture.easy, fixture.hard
    for split in sorted(p for p in root.iterdir() if p.is_dir()):
        own, others = _pictures(root, one, split.name), _pictures(root, other, split.name)
        for path in _some(own, len(own) // 2, rng):
            path.unlink()
        for path in _some(others, len(own) // 2, rng):
            path.rename(split / one / f"{other}{path.name}")
        shutil.rmtree(split / other)
    return Planted(_ids(root, _pictures(root, one)), one)


def exchanged_descriptions(root: Path, fixture: Fixture, rng: np.random.Generator) -> Planted:
    """What is written of the concept that the model knows by name, and of the first other one, is exchanged."""
    one = fixture.named
    other = next(c for c in fixture.concepts() if c != one)
    write_texts(root, {**fixture.texts, one: fixture.texts[other], other: fixture.texts[one]})
    return Planted(_ids(root, [*_pictures(root, one), *_pictures(root, other)]), one, (other,))


_RARER = "the concept with few pictures is at the same time rarer than the others"
_COPIED = "a copy across splits is a copy"
_WRONG = "of two copies under different concepts one has a wrong label"
_UNSEEN = "a colour that training lacks is a part of real use that training does not cover"
_NOT_SEEN = "a picture too spoilt to show its thing looks like one of something else"
_DARK = "dark pictures in real use and none in training are a fault of pictures that training lacks"
_CHANCE = "labels that are chance are not seen, not explained, not learnt, and wrong for half of the pictures"
_FROM_ANYWHERE = "taken from near and far, in front of wall and table, its pictures are of several kinds"
_TWO_IN_ONE = "both concepts hold the pictures of two things"
_OF_ELSE = "a third of the concept's pictures are pictures of something else"
_HALF_OF_ELSE = "half of the pictures are of something else than their label says"
_ENLARGED = "a part of a picture that is enlarged is less sharp"
_NOT_FOUND_AGAIN = "a wrong label is not found again, and what the picture shows is found less often"
_NOT_OF = "three of four pictures are of something else than their label says"
_SLIP = "one concept under two names is cut into two that nothing tells apart, one of them rare"


def _at_chance(found_by: str) -> dict[str, str]:
    others = {"quantity", "label_errors", "visibility", "outside_context", "taxonomy"} - {found_by}
    return dict.fromkeys(sorted(others), _CHANCE) | {"spread": _TWO_IN_ONE}


DEFECTS: tuple[Defect, ...] = (
    Defect("few of a hard concept", "quantity", few_of_a_hard_concept, {"balance": _RARER}),
    Defect("one rare concept", "balance", one_rare_concept),
    Defect("copies", "uniqueness", copies),
    Defect("copies under another concept", "uniqueness", copies_under_another_concept, {"label_errors": _WRONG}),
    Defect("copies across splits", "leakage", copies_across_splits, {"uniqueness": _COPIED}),
    Defect(
        "scattered composition",
        "consistency",
        scattered_composition,
        {"image_quality": _ENLARGED, "spread": _FROM_ANYWHERE},
    ),
    Defect("bad pictures", "image_quality", bad_pictures, {"label_errors": _NOT_SEEN}),
    Defect("flipped labels", "label_errors", flipped_labels, {"quantity": _NOT_FOUND_AGAIN}),
    Defect(
        "mistyped labels",
        "taxonomy",
        mistyped_labels,
        dict.fromkeys(("balance", "quantity", "label_errors", "visibility", "outside_context"), _SLIP),
    ),
    Defect(
        "told apart by fine detail",
        "noise_robustness",
        told_apart_by_fine_detail,
        {"spread": _TWO_IN_ONE, "focality": _HALF_OF_ELSE},
    ),
    Defect("labels at random", "visibility", labels_at_random, _at_chance("visibility") | {"focality": _HALF_OF_ELSE}),
    Defect(
        "labels no picture explains",
        "outside_context",
        labels_no_picture_explains,
        _at_chance("outside_context") | {"focality": _NOT_OF},
    ),
    Defect(
        "another colour in real use", "scope", another_colour_in_real_use, {"representativeness": _UNSEEN}, real=True
    ),
    Defect("dim corner of real use", "representativeness", dim_corner_of_real_use, {"image_quality": _DARK}, real=True),
    Defect("a mark on one concept", "co_occurrence", a_mark_on_one_concept),
    Defect("two kinds as one", "spread", two_kinds_as_one, {"focality": _HALF_OF_ELSE}),
    Defect("exchanged descriptions", "description", exchanged_descriptions, described=True),
    Defect("a thing on the side", "focality", a_thing_on_the_side, {"spread": _OF_ELSE, "label_errors": _OF_ELSE}),
)
