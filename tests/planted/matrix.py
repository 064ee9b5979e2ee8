"""Builds fixtures, plants defects, runs the audit, and says what fired: shared by the tests and the benchmark."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.checks.base import Findings, Verdict, at_least, worst
from analysis.embedders.base import Embedder
from analysis.opening import OpenDataset, open_dataset
from analysis.registry import CHECKS
from analysis.report import run_checks
from analysis.sources import Source
from analysis.store import Store
from analysis.taxonomy import Entry, read_taxonomy
from planted import scenes
from planted.defects import DEFECTS, Defect, Fixture, Planted, real_of, texts_of, write_texts
from planted.transforms import Picture, into_a_corner, scatter

CONCEPTS = ("ball", "book", "bottle", "cup", "leaf", "mug")
HARD, EASY, NAMED = "cup", "leaf", "ball"  # a cup is a mug without its handle; the model knows a drawn ball by name
TEXTS = {
    "ball": "a ball for playing",
    "book": "a hardcover book with printed pages",
    "bottle": "a bottle for drinks",
    "cup": "a round cup without a handle",
    "leaf": "a green leaf of a plant",
    "mug": "a mug with a handle for coffee",
}
ELSE = ("clock", "jar")  # things that are none of the concepts
IMAGES = 48  # a concept
REAL = 12  # pictures of a concept from real use
TEST_SHARE = 4  # every fourth picture is in the split `test`
LOOKED_AT = 10  # evidence a person looks at first
MOSTLY = 0.8  # of it must be what was planted
CALLS_PICTURES_WRONG = ("image_quality", "label_errors", "leakage", "uniqueness")


def rendered(folder: Path, seed: int, images: int = IMAGES) -> Fixture:
    """The clean fixture of drawn pictures."""
    for number, concept in enumerate(CONCEPTS):
        for i in range(images + REAL):
            rng = np.random.default_rng((seed, number, i))
            scenes.save(scenes.render(concept, rng), _place(folder, concept, i, images))

    def again(path: Path, rng: np.random.Generator) -> Picture:
        return scenes.render(path.parent.name, rng, scenes.scattered(rng))

    def aside(path: Path, rng: np.random.Generator) -> Picture:
        return scenes.render(str(rng.choice(ELSE)), rng, beside=[(path.parent.name, scenes.in_a_corner(rng))])

    return Fixture("drawn pictures", folder, HARD, EASY, again, NAMED, aside, TEXTS)


def _place(folder: Path, concept: str, i: int, images: int) -> Path:
    """Where the picture number `i` of a concept belongs: those from `images` on are of real use."""
    if i >= images:
        return real_of(folder) / concept / f"{i:03d}.jpg"
    return folder / ("test" if i % TEST_SHARE == 0 else "train") / concept / f"{i:03d}.jpg"


def photographed(
    name: str,
    folder: Path,
    concepts: Mapping[str, Sequence[Path]],
    hard: str,
    easy: str,
    named: str,
    texts: Mapping[str, str],
) -> Fixture:
    """A clean fixture of real photos: concept -> files, copied into splits; the last `REAL` of each are of real use."""
    for concept, files in concepts.items():
        for i, file in enumerate(files):
            target = _place(folder, concept, i, len(files) - REAL)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)

    def again(path: Path, rng: np.random.Generator) -> Picture:
        import cv2

        return scatter(np.ascontiguousarray(cv2.imread(str(path))[..., ::-1]), rng)

    def aside(path: Path, rng: np.random.Generator) -> Picture:
        import cv2

        others = sorted(p for p in folder.glob("*/*/*.jpg") if p.parent.name != path.parent.name)
        thing, ground = (
            np.ascontiguousarray(cv2.imread(str(p))[..., ::-1]) for p in (path, others[int(rng.integers(len(others)))])
        )
        return into_a_corner(thing, scatter(ground, rng), rng)

    return Fixture(name, folder, hard, easy, again, named, aside, texts)


def plant(fixture: Fixture, defect: Defect, folder: Path, seed: int) -> Planted:
    """The fixture with one defect, in `folder`."""
    shutil.copytree(fixture.root, folder, copy_function=_link)
    if defect.real:
        shutil.copytree(fixture.real, real_of(folder), copy_function=_link)
    if defect.described:
        write_texts(folder, fixture.texts)
    return defect.plant(folder, fixture, np.random.default_rng((seed, zlib.crc32(defect.id.encode()))))


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def opened(
    folder: Path, store: Store, embedder: Embedder, *, real: bool = False, texts: Mapping[str, str] | None = None
) -> OpenDataset:
    """The folder (with its pictures from real use), brought into the store: only changed pictures are embedded.

    Its written descriptions are `texts`, else those beside it, if there are any.
    """
    kept = texts_of(folder)
    taxonomy = read_taxonomy(kept) if kept.exists() else ()
    if texts is not None:
        taxonomy = tuple(Entry(concept, text) for concept, text in texts.items())
    source = Source(folder, real_of(folder) if real else None)
    return open_dataset(source, store=store, embedder=embedder, taxonomy=taxonomy)


def audit(dataset: OpenDataset, checks: Iterable[str] | None = None, seed: int = 0) -> dict[str, Findings]:
    """Findings of these checks (all, by default) by id, each as the contract wants it."""
    wanted = [c for c in CHECKS if checks is None or c.id in set(checks)]
    found = {o.check.id: o.findings for o in run_checks(dataset.dataset, dataset.features, wanted, seed=seed)}
    for check, findings in found.items():
        assert takes_the_worst(findings), f"{check}: {findings}"
    return found


def takes_the_worst(findings: Findings) -> bool:
    """Whether a check has the worst verdict of its concepts, and the score of a concept with that verdict."""
    if not findings.concepts:
        return True
    verdict = worst(c.verdict for c in findings.concepts)
    return findings.verdict is verdict and findings.score in [
        c.score for c in findings.concepts if c.verdict is verdict
    ]


def fired(findings: Findings) -> bool:
    """Whether the check says that something is wrong."""
    return at_least(findings.verdict, Verdict.WARN)


def implied(check: str, findings: Findings, planted: Planted) -> bool:
    """Whether what fired can be what a planted defect implies: it names the planted concept before any other.

    Where pictures of any concept were changed, a check that calls pictures wrong must call these so.
    """
    if planted.concept is not None and findings.concepts:
        return findings.concepts[0].concept in (planted.concept, *planted.others)
    return check not in CALLS_PICTURES_WRONG or _shows(findings, planted)


@dataclass(frozen=True, slots=True)
class Found:
    """How a check answers a planted defect; `why` says what is missing, empty when nothing is."""

    fired: bool
    why: str

    @property
    def right(self) -> bool:
        """Fired, with what was planted first."""
        return self.fired and not self.why


def judge(findings: Findings, planted: Planted) -> Found:
    """Whether the check fired and named what was planted before anything else.

    A planted concept must be the first concept of the findings. Planted pictures must be the first of the evidence
    and at least `MOSTLY` of the `LOOKED_AT` first.
    """
    if not fired(findings):
        return Found(False, f"{findings.verdict}: {findings.headline}")
    if planted.concept is not None:
        first = findings.concepts[0].concept if findings.concepts else None
        if first not in (planted.concept, *planted.others):
            return Found(True, f"first concept is {first}, planted was {planted.concept}")
        shown = findings.concepts[0].evidence
        if not set(shown[:1]) <= set(planted.images):
            return Found(True, f"first evidence {shown[:1]} is not of {planted.concept}")
        return Found(True, "")
    if not _shows(findings, planted):
        shown = _looked_at(findings, planted)
        hits = len({*shown} & {*planted.images})
        return Found(True, f"{hits} of the first {len(shown)} pictures were planted: {shown}")
    return Found(True, "")


def _looked_at(findings: Findings, planted: Planted) -> tuple[str, ...]:
    return findings.evidence_strip(min(LOOKED_AT, len(planted.images)))


def _shows(findings: Findings, planted: Planted) -> bool:
    """Whether the evidence begins with a planted picture and most of what a person looks at first was planted."""
    hits = [image in planted.images for image in _looked_at(findings, planted)]
    return bool(hits) and hits[0] and float(np.mean(hits)) >= MOSTLY


def rows(checks: Iterable[str]) -> list[Defect]:
    """Defects whose check exists."""
    there = set(checks)
    return [d for d in DEFECTS if d.check in there]
