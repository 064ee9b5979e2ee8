"""Repeated pictures: copies are found and grouped, the best is kept, distinct pictures raise no alarm."""

from __future__ import annotations

import numpy as np
import pytest
from duplicates_support import Thumbnails, dataset_of, jpeg, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageOps
from scipy.stats import binom

from analysis import duplicates
from analysis.checks.base import Unavailable, Verdict
from analysis.checks.uniqueness import UniquenessResult, find_uniqueness
from analysis.duplicates import conflicting, find_duplicates
from analysis.errors import Cancelled
from analysis.features import Features

DISTINCT = {f"A/{i}.jpg": scene(i) for i in range(8)} | {f"B/{i}.jpg": scene(50 + i) for i in range(8)}


def result(pictures, **options):
    dataset, features = dataset_of(pictures, **options)
    found = find_uniqueness(dataset, features)
    assert isinstance(found, UniquenessResult)
    return found


def pair_set(found):
    return {frozenset(p) for p in found.pairs[["image_a", "image_b"]].to_numpy().tolist()}


def test_distinct_pictures_pass():
    findings = result(DISTINCT).findings()
    assert findings.verdict is Verdict.PASS and findings.score == 1.0
    assert findings.tables["pairs"].empty and not findings.tables["images"]["uniqueness_flag"].any()


def test_copies_are_found_flagged_and_come_first():
    copies = {
        "A/mirrored.jpg": ImageOps.mirror(scene(3)),
        "A/small.jpg": scene(5).resize((160, 120)),
        "A/same.jpg": jpeg(scene(6)),
    }
    found = result(DISTINCT | copies)
    findings = found.findings()
    expected = {("A/3.jpg", "A/mirrored.jpg"), ("A/5.jpg", "A/small.jpg"), ("A/6.jpg", "A/same.jpg")}
    assert pair_set(found) == {frozenset(p) for p in expected}
    kinds = dict(zip(found.pairs["image_b"], found.pairs["kind"], strict=True))
    assert kinds["A/same.jpg"] == "exact" and kinds["A/small.jpg"] == "near"
    assert findings.verdict is Verdict.FAIL and findings.concepts[0].concept == "A"
    assert set(findings.concepts[0].evidence) == {i for p in expected for i in p}
    assert found.images["uniqueness_flag"].sum() == 3
    assert (found.images["uniqueness_score"] < 1).equals(found.images["uniqueness_flag"])
    assert findings.concepts[0].score == pytest.approx(1 - 3 / 11)
    assert {c.concept: c.verdict for c in findings.concepts}["B"] is Verdict.PASS


def test_two_copies_of_one_picture_make_three_pairs_and_one_group():
    found = result(DISTINCT | {"A/x.jpg": jpeg(scene(2), 60), "A/y.jpg": ImageOps.mirror(scene(2))})
    assert pair_set(found) == {
        frozenset(p) for p in (("A/2.jpg", "A/x.jpg"), ("A/2.jpg", "A/y.jpg"), ("A/x.jpg", "A/y.jpg"))
    }
    assert found.members["group"].nunique() == 1 and found.members["keep"].sum() == 1


def test_two_parts_cut_out_of_one_picture_are_the_same_through_it():
    whole = scene(2)
    left, right = whole.crop((0, 0, 280, 210)), whole.crop((40, 30, 320, 240))
    found = result(DISTINCT | {"A/left.jpg": left, "A/right.jpg": right})
    assert frozenset(("A/left.jpg", "A/right.jpg")) in pair_set(found)


def test_one_picture_under_two_concepts_is_a_finding_whatever_its_share():
    many = {f"A/{i}.jpg": scene(200 + i, (96, 72)) for i in range(120)}
    many |= {f"B/{i}.jpg": scene(400 + i, (96, 72)) for i in range(120)}
    findings = result(many | {"B/copy.jpg": jpeg(scene(203, (96, 72)))}).findings()
    assert findings.verdict is Verdict.WARN
    assert {c.concept for c in findings.concepts if c.verdict is Verdict.WARN} == {"A", "B"}
    assert set(findings.concepts[0].evidence[:2]) == {"A/3.jpg", "B/copy.jpg"}
    assert findings.tables["pairs"]["across"].tolist() == ["concept"]
    scores = {c.concept: c.score for c in findings.concepts}
    assert scores == {"A": pytest.approx(1 - 1 / 120), "B": pytest.approx(1 - 1 / 121)}, (
        "both concepts have the picture"
    )


def test_one_picture_under_two_concepts_in_two_splits_is_shown_though_it_makes_no_group():
    split = dict.fromkeys(DISTINCT, "train") | {"B/copy.jpg": "test"}
    found = result(DISTINCT | {"B/copy.jpg": jpeg(scene(3))}, split=split)
    findings = found.findings()
    assert findings.verdict is Verdict.WARN and found.members.empty and not found.images["uniqueness_flag"].any()
    assert "different concepts" in findings.headline and "0 pictures" not in findings.headline
    assert set(findings.evidence) == {"A/3.jpg", "B/copy.jpg"}
    assert {c.concept: set(c.evidence) for c in findings.concepts} == {name: {"A/3.jpg", "B/copy.jpg"} for name in "AB"}


def test_a_weak_pair_is_shown_after_the_sure_ones():
    import pandas as pd

    from analysis.checks.uniqueness import _evidence

    dataset, _ = dataset_of(DISTINCT)
    members = pd.DataFrame({"group": [0, 0, 1, 1], "image": [0, 1, 4, 5], "keep": [True, False] * 2})
    pairs = pd.DataFrame({"a": [0, 4], "b": [1, 5], "score": [0.6, 0.95], "conflict": False})
    assert _evidence(dataset, members, pairs, 48)[""] == ("A/4.jpg", "A/5.jpg", "A/0.jpg", "A/1.jpg")
    assert _evidence(dataset, members, pairs.assign(score=[0.95, 0.6]), 48)[""][0] == "A/0.jpg"


def judged_pairs(scores, compared, kind="near"):
    """The table of two concepts of 500 pictures, with a pair across them for each score, of so many pairs compared."""
    from types import SimpleNamespace

    import pandas as pd

    from analysis.checks.uniqueness import DEFAULT_PARAMS, _concept_table
    from analysis.dataset import Dataset, label_frame

    frame = pd.DataFrame({"image_id": [f"{i}.jpg" for i in range(1000)], "origin": "training", "split": None})
    labels = label_frame([(i, "AB"[i >= 500]) for i in range(1000)])
    data = Dataset("made", {}, frame.assign(path="/nowhere"), labels, label_frame([]))
    pairs = pd.DataFrame({"a": range(len(scores)), "b": range(500, 500 + len(scores)), "kind": kind, "score": scores})
    tried = np.array([(i % 500, 500 + i % 499) for i in range(compared)])
    found = SimpleNamespace(tried=tried, with_pictures=True)
    table = _concept_table(data, found, pairs.assign(conflict=True), np.zeros(1000, dtype=bool), DEFAULT_PARAMS)
    return set(table["verdict"]), set(table["p_corrected"])


def test_a_pair_under_two_concepts_is_a_fact_where_it_agrees_and_else_more_than_chance_mistakes_must_explain():
    assert judged_pairs([0.55], 600) == ({"pass"}, {1.0}), "one weak pair of 600 compared is a mistake's worth"
    assert judged_pairs([0.95], 600) == ({"warn"}, {0.0})
    assert judged_pairs([1.0], 600, kind="exact") == ({"warn"}, {0.0})
    verdict, p = judged_pairs([0.55] * 8, 600)
    assert verdict == {"warn"} and max(p) < 0.001
    assert judged_pairs([0.55], 5)[0] == {"warn"}, "one of five compared is no mistake of 2 in 1,000"


@pytest.mark.parametrize("compared", [50, 600, 3000])
def test_mistakes_of_the_comparison_across_concepts_alarm_no_more_often_than_alpha(compared):
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(150):
        wrong = rng.binomial(compared, 0.002)
        alarms += wrong > 0 and judged_pairs([0.6] * int(wrong), compared)[0] != {"pass"}
    assert alarms <= binom.ppf(0.95, 150, 0.05)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (["A"], ["B"], True),
        (["Fruit"], ["Fruit/Apple"], False),
        (["A", "B"], ["B", "C"], False),
        ([], ["B"], False),
        (["Fruit/Apple"], ["Fruit/Pear"], True),
    ],
)
def test_a_concept_does_not_contradict_what_it_holds(one, other, expected):
    assert conflicting(one, other) is expected
    assert conflicting(other, one) is expected


def kept(pictures):
    members = result(pictures).members
    return members.loc[members["keep"], "image_id"].tolist()


def test_the_least_compressed_is_kept_and_a_smaller_copy_is_not():
    small, rough, fine = jpeg(scene(1).resize((200, 150))), jpeg(scene(1), 40), jpeg(scene(1), 95)
    assert kept({"A/small.jpg": small, "A/rough.jpg": rough, "A/fine.jpg": fine}) == ["A/fine.jpg"]


def test_clean_datasets_alarm_no_more_often_than_alpha():
    """100 draws of 12 out of 90 distinct pictures, among them ones with much alike in them."""
    pictures = {f"{'AB'[i % 2]}/{i}.jpg": scene(900 + i, (128, 96)) for i in range(90)}
    dataset, features = dataset_of(pictures)
    alarms = 0
    for seed in range(100):
        rows = np.sort(np.random.default_rng(seed).choice(len(dataset), 12, replace=False))
        shown = Thumbnails([features.pictures.jpegs[r] for r in rows])
        part = Features(features.model, features.image[rows], features.joint[rows], shown)
        found = find_uniqueness(dataset.select(rows), part)
        alarms += found.findings().verdict in (Verdict.WARN, Verdict.FAIL)
    assert alarms <= binom.ppf(0.95, 100, 0.05)


@pytest.mark.parametrize("n", [1, 2])
def test_very_few_pictures_break_nothing(n):
    findings = result(dict(list(DISTINCT.items())[:n])).findings()
    assert findings.verdict is Verdict.PASS


def test_pictures_without_labels_are_judged_as_a_whole():
    pictures = {f"{i}.jpg": scene(i) for i in range(6)} | {f"{i}b.jpg": ImageOps.mirror(scene(i)) for i in range(3)}
    findings = result(pictures).findings()
    assert findings.verdict is Verdict.FAIL and not findings.concepts
    assert set(findings.evidence) == {f"{i}{b}.jpg" for i in range(3) for b in ("", "b")}


def test_without_thumbnails_exact_copies_are_found_and_more_is_not_claimed():
    nothing = result(DISTINCT, with_pictures=False).findings()
    assert nothing.verdict is Verdict.CANNOT_TELL and nothing.reason
    found = result(DISTINCT | {"A/same.jpg": jpeg(scene(6))}, with_pictures=False)
    assert pair_set(found) == {frozenset(("A/6.jpg", "A/same.jpg"))}


def test_a_missing_thumbnail_is_passed_over():
    dataset, features = dataset_of(DISTINCT | {"A/m.jpg": ImageOps.mirror(scene(3))})
    features.pictures.jpegs[0] = None
    assert len(find_uniqueness(dataset, features).pairs) == 1


def test_pictures_that_were_not_read_are_unavailable():
    dataset, features = dataset_of(DISTINCT)
    bare = dataset.with_images(dataset.images.drop(columns="content_hash"))
    assert isinstance(find_uniqueness(bare, features), Unavailable)


def test_the_same_input_gives_the_same_output():
    first = result(DISTINCT | {"A/m.jpg": ImageOps.mirror(scene(3))})
    duplicates._KEPT.clear()
    second = result(DISTINCT | {"A/m.jpg": ImageOps.mirror(scene(3))})
    assert first.findings() == second.findings()
    assert first.pairs.equals(second.pairs) and first.images.equals(second.images)


def test_the_search_is_done_once_for_two_checks():
    dataset, features = dataset_of(DISTINCT | {"A/unseen.jpg": scene(77)})
    find_duplicates(dataset, features)
    read = features.pictures.read
    find_uniqueness(dataset, features)
    assert features.pictures.read == read > 0


def test_it_can_be_cancelled():
    def cancel(done, total, note=""):
        if note == "comparing":
            raise Cancelled

    dataset, features = dataset_of(DISTINCT | {"A/new.jpg": scene(78)})
    with pytest.raises(Cancelled):
        find_uniqueness(dataset, features, progress=cancel)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)).filter(lambda p: p[0] != p[1]), max_size=25))
def test_groups_join_exactly_what_pairs_connect(pairs):
    group = duplicates._groups(20, pairs)
    parent = list(range(20))
    for _ in range(20):
        for a, b in pairs:
            parent[a] = parent[b] = min(parent[a], parent[b])
    for a in range(20):
        for b in range(a):
            assert (group[a] == group[b] and group[a] >= 0) == (parent[a] == parent[b])
    sizes = np.bincount(group[group >= 0]) if (group >= 0).any() else np.array([])
    assert (np.diff(sizes) <= 0).all()
