"""Each check finds its own planted defect first and is quiet on the clean fixture; one seed, drawn pictures.

`benchmarks/planted.py` runs more seeds and every check on every defect.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from analysis.checks.base import ConceptFinding, Findings, Verdict
from analysis.registry import CHECKS
from analysis.store import Store
from planted import scenes
from planted.defects import CHECKS_OF_STEP_2, DEFECTS, Planted, real_of, texts_of
from planted.matrix import CONCEPTS, IMAGES, audit, fired, implied, judge, opened, plant, rendered, rows

SEED = 0
PAIRS = ("uniqueness", "leakage")
THERE = [check.id for check in CHECKS]


@pytest.fixture(scope="session")
def fixture(tmp_path_factory):
    return rendered(tmp_path_factory.mktemp("clean") / "pictures", SEED)


@pytest.fixture(scope="session")
def half(tmp_path_factory):
    """The same pictures, but half as many: pairs of copies do not need more, and comparing pairs takes long."""
    return rendered(tmp_path_factory.mktemp("half") / "pictures", SEED, IMAGES // 2)


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


NEEDS_REAL = [check.id for check in CHECKS if "real_world" in check.needs]


@pytest.fixture(scope="session")
def clean_real_findings(fixture, store, bundled):
    return audit(opened(fixture.root, store, bundled, real=True), {d.check for d in DEFECTS if d.real})


@pytest.mark.parametrize("check", sorted({d.check for d in rows(THERE) if d.real}))
def test_a_check_is_quiet_where_real_use_is_like_training(check, clean_real_findings):
    assert not fired(clean_real_findings[check]), clean_real_findings[check]


@pytest.mark.parametrize("check", ["description", "taxonomy"])
def test_a_check_is_quiet_where_every_concept_is_described_as_it_is(check, fixture, store, bundled):
    described = opened(fixture.root, store, bundled, texts=fixture.texts)
    found = audit(described, [check])[check]
    assert not fired(found), found
    assert any(c.verdict is Verdict.PASS for c in found.concepts)  # some texts are really judged


@pytest.mark.parametrize("defect", rows(THERE), ids=lambda d: d.id)
def test_a_planted_defect_is_found_first(defect, fixture, half, clean, store, bundled, tmp_path):
    planted = plant(half if defect.check in PAIRS else fixture, defect, tmp_path / "pictures", SEED)
    seen = opened(tmp_path / "pictures", store, bundled, real=defect.real)
    found = judge(audit(seen, [defect.check])[defect.check], planted)
    assert found.right, found.why


def test_every_check_of_the_contract_has_a_row():
    assert {d.check for d in DEFECTS} == set(THERE)


def test_every_check_that_needs_pictures_from_real_use_has_a_row_with_them():
    assert set(NEEDS_REAL) <= {d.check for d in DEFECTS if d.real}


def test_every_check_of_this_step_has_a_row_and_every_row_a_check_of_the_contract():
    assert set(CHECKS_OF_STEP_2) <= {d.check for d in DEFECTS}
    assert all(d.implies.keys().isdisjoint({d.check}) for d in DEFECTS)
    assert len({d.id for d in DEFECTS}) == len(DEFECTS)


def test_a_defect_implies_an_alarm_on_the_planted_concept_and_on_no_other():
    def about(concept):
        return Findings(Verdict.WARN, 0.5, "", concepts=(ConceptFinding(concept, Verdict.WARN, 0.5, ""),))

    assert implied("spread", about("cup"), Planted(("a.jpg",), "cup"))
    assert implied("spread", about("mug"), Planted((), "cup", ("mug",)))
    assert not implied("spread", about("leaf"), Planted(("a.jpg",), "cup", ("mug",)))
    assert implied("quantity", about("leaf"), Planted(("a.jpg",))), "pictures of any concept were changed"


def test_pictures_called_wrong_beside_a_defect_of_any_concept_must_be_the_planted_ones():
    def with_evidence(*evidence):
        return Findings(
            Verdict.WARN, 0.5, "", concepts=(ConceptFinding("leaf", Verdict.WARN, 0.5, "", evidence=evidence),)
        )

    planted = Planted(("a.jpg", "b.jpg", "c.jpg"))
    assert implied("label_errors", with_evidence("b.jpg", "a.jpg"), planted)
    assert not implied("label_errors", with_evidence("b.jpg", "clean.jpg"), planted)
    assert not implied("label_errors", with_evidence(), planted)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda d: d.id)
def test_planting_changes_files_says_which_and_leaves_the_clean_fixture_alone(defect, fixture, tmp_path):
    before = _by_id(fixture.root, real=defect.real)
    planted = plant(fixture, defect, tmp_path / "pictures", SEED)
    assert _by_id(fixture.root, real=defect.real) == before
    after = _by_id(tmp_path / "pictures", real=defect.real)
    assert after != before
    assert planted.images and set(planted.images) <= set(after)
    again = plant(fixture, defect, tmp_path / "again", SEED)
    assert again == planted
    assert _by_id(tmp_path / "again", real=defect.real) == after


def _by_id(root, *, real):
    """Content of each picture by its id."""
    found = {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*.jpg")}
    if texts_of(root).exists():
        found["texts"] = texts_of(root).read_bytes()
    if real:
        other = real_of(root)
        found |= {f"real_world:{p.relative_to(other).as_posix()}": p.read_bytes() for p in other.rglob("*.jpg")}
    return found


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


def test_a_mug_s_handle_is_always_seen_and_outside_the_picture_draws_all_the_same():
    for seed in range(60):
        mug, cup = (scenes.render(c, np.random.default_rng(seed)).astype(float) for c in ("mug", "cup"))
        differs = np.linalg.norm(mug - cup, axis=2) / 255  # the same but for the handle
        assert differs[differs > 0].mean() > 0.15
    gone = scenes.Composition(x=-0.6, y=0.5, size=0.3, tilt=0, horizon=0.5)
    assert scenes.render("mug", np.random.default_rng(0), gone).shape == (256, 256, 3)


def test_drawing_is_the_same_for_the_same_seed():
    pictures = [scenes.render(c, np.random.default_rng(i)) for i, c in enumerate(scenes.CONCEPTS)]
    again = [scenes.render(c, np.random.default_rng(i)) for i, c in enumerate(scenes.CONCEPTS)]
    assert all(np.array_equal(a, b) for a, b in zip(pictures, again, strict=True))
    assert all(np.abs(a.astype(int) - b).mean() > 10 for a, b in itertools.combinations(pictures, 2))
