"""Where concepts end alike (`home/cup`, `work/cup`), every sentence of every check says which one it means."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from analysis.checks.base import Findings, worst
from analysis.registry import CHECKS
from analysis.store import Store
from planted import scenes
from planted.defects import WEAVE, real_of
from planted.matrix import audit, opened

SHOWN = {
    "home/cup": ("cup",),
    "work/cup": ("cup",),  # the same
    "home/ball": ("ball",),
    "work/ball": ("bottle",),  # with a mark
    "home/book": ("book", "leaf"),  # two kinds, scattered
    "work/book": ("clock",),  # few, many of them dark
    "home/leaf": ("leaf",),
    "work/leaf": ("leaf",),  # the same but for a weave that blur takes away
}
"""What the training pictures of each concept show: something is wrong with most of them, so that checks name them."""
REAL = SHOWN | {"home/ball": ("jar",)}
TEXTS = {
    "home/cup": "a round drinking vessel",
    "home/ball": "a hardcover volume with pages",
    "home/book": "a toy to throw",
}
SILENT = ("uniqueness", "leakage")
"""Checks that name no concept in these sentences."""
ALONE = re.compile(r"(?<!home/)(?<!work/)\b(cup|ball|book|leaf)\b")


def _training(concept: str, i: int) -> np.ndarray:
    rng = np.random.default_rng((i, *concept.encode()))
    things = SHOWN[concept]
    out = scenes.render(things[i % len(things)], rng, scenes.scattered(rng) if concept == "home/book" else None)
    if concept == "work/ball":
        out[200:240, 200:240] = (250, 190, 40)
    if concept == "work/book" and i < 6:
        out //= 12
    if concept == "work/leaf":
        sign = np.where(np.indices(out.shape[:2]).sum(axis=0) % 2, WEAVE, -WEAVE)[..., None]
        out = np.clip(out + sign, 0, 255).astype(np.uint8)
    return out


def _real(concept: str, i: int) -> np.ndarray:
    return scenes.render(REAL[concept][i % len(REAL[concept])], np.random.default_rng((1000 + i, *concept.encode())))


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory, bundled) -> dict[str, Findings]:  # type: ignore[no-untyped-def]
    root: Path = tmp_path_factory.mktemp("apart") / "pictures"
    for concept in SHOWN:
        for i in range(10 if concept == "work/book" else 28):
            scenes.save(_training(concept, i), root / concept / f"{i:03d}.jpg", 95)
        for i in range(12):
            scenes.save(_real(concept, i), real_of(root) / concept / f"{i:03d}.jpg", 95)
    return audit(opened(root, Store(tmp_path_factory.mktemp("store")), bundled, real=True, texts=TEXTS))


@pytest.mark.parametrize("check", [check.id for check in CHECKS])
def test_no_sentence_names_an_end_alone_that_two_concepts_have(check: str, findings: dict[str, Findings]) -> None:
    found = findings[check]
    said = [found.headline, found.fix, found.reason]
    for c in found.concepts:
        said += [c.headline.replace(f"“{c.extra.get('wording')}”", "its words"), c.fix]
    assert not [s for s in said if ALONE.search(s)]
    assert check in SILENT or any(concept in s for s in said for concept in SHOWN)


@pytest.mark.parametrize("check", [check.id for check in CHECKS])
def test_a_check_takes_the_worst_verdict_of_its_concepts_and_that_concepts_score(
    check: str, findings: dict[str, Findings]
) -> None:
    """`work/book` has too few pictures for some checks: "cannot tell" ranks above "fine"."""
    found = findings[check]
    assert found.concepts and found.verdict is worst(c.verdict for c in found.concepts)
    assert found.score in [c.score for c in found.concepts if c.verdict is found.verdict]
