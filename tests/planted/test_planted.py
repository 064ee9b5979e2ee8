"""Each check finds its own planted defect first and is quiet on the clean fixture; one seed, drawn pictures.

`benchmarks/planted.py` runs more seeds and every check on every defect.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from analysis.registry import CHECKS
from analysis.store import Store
from planted import scenes
from planted.defects import CHECKS_OF_STEP_2, DEFECTS
from planted.matrix import CONCEPTS, audit, fired, judge, opened, plant, rendered, rows

SEED = 0
THERE = [check.id for check in CHECKS]


@pytest.fixture(scope="session")
def fixture(tmp_path_factory):
    return rendered(tmp_path_factory.mktemp("clean") / "pictures", SEED)


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("planted-store"))


@pytest.fixture(scope="session")
def clean(fixture, store, bundled):
    return opened(fixture.root, store, bundled)


@pytest.fixture(scope="session")
def clean_findings(clean):
    return audit(clean)


@pytest.mark.parametrize("check", THERE)
def test_a_check_is_quiet_on_clean_pictures(check, clean_findings):
    assert not fired(clean_findings[check]), clean_findings[check]


@pytest.mark.parametrize("defect", rows(THERE), ids=lambda d: d.id)
def test_a_planted_defect_is_found_first(defect, fixture, clean, store, bundled, tmp_path):
    planted = plant(fixture, defect, tmp_path / "pictures", SEED)
    found = judge(audit(opened(tmp_path / "pictures", store, bundled), [defect.check])[defect.check], planted)
    assert found.right, found.why


def test_every_check_of_this_step_has_a_row_and_every_row_a_check_of_the_contract():
    assert set(CHECKS_OF_STEP_2) <= {d.check for d in DEFECTS}
    assert all(d.implies.keys().isdisjoint({d.check}) for d in DEFECTS)
    assert len({d.id for d in DEFECTS}) == len(DEFECTS)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda d: d.id)
def test_planting_changes_files_says_which_and_leaves_the_clean_fixture_alone(defect, fixture, tmp_path):
    before = {p.relative_to(fixture.root): p.read_bytes() for p in fixture.root.rglob("*.jpg")}
    planted = plant(fixture, defect, tmp_path / "pictures", SEED)
    assert {p.relative_to(fixture.root): p.read_bytes() for p in fixture.root.rglob("*.jpg")} == before
    after = {p.relative_to(tmp_path / "pictures"): p.read_bytes() for p in (tmp_path / "pictures").rglob("*.jpg")}
    assert after != before
    assert planted.images and all((tmp_path / "pictures" / image).is_file() for image in planted.images)
    again = plant(fixture, defect, tmp_path / "again", SEED)
    assert again == planted
    assert {p.relative_to(tmp_path / "again"): p.read_bytes() for p in (tmp_path / "again").rglob("*.jpg")} == after


def test_the_clean_fixture_is_what_it_claims_to_be(clean, fixture):
    """Equally common, every picture another, told apart by a probe but not by the mean colour."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    from analysis.probe import out_of_fold, targets

    assert fixture.concepts() == sorted(CONCEPTS)
    assert clean.dataset.images["content_hash"].is_unique
    target = targets(clean.dataset)
    assert target.member.sum(axis=0).tolist() == [48] * 6
    guess = out_of_fold(clean.features.image[target.rows], target.member).argmax(axis=1)
    recall = [(guess[target.first == k] == k).mean() for k in range(6)]
    assert min(recall) >= 0.9
    plain = clean.dataset.images[["brightness", "contrast", "saturation", "colour_temperature"]].to_numpy()
    plain = (plain - plain.mean(axis=0)) / plain.std(axis=0)
    accuracy = cross_val_score(LogisticRegression(max_iter=500), plain[target.rows], target.first, cv=4).mean()
    assert accuracy < 0.6


def test_drawing_is_the_same_for_the_same_seed():
    pictures = [scenes.render(c, np.random.default_rng(i)) for i, c in enumerate(scenes.CONCEPTS)]
    again = [scenes.render(c, np.random.default_rng(i)) for i, c in enumerate(scenes.CONCEPTS)]
    assert all(np.array_equal(a, b) for a, b in zip(pictures, again, strict=True))
    assert all(np.abs(a.astype(int) - b).mean() > 10 for a, b in itertools.combinations(pictures, 2))
