"""Leakage: copies across splits and origins are found; without a border there is nothing to say."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from duplicates_support import dataset_of, jpeg, scene
from PIL import ImageOps
from scipy.stats import binom

from analysis.checks.base import Unavailable, Verdict
from analysis.checks.leakage import DEFAULT_PARAMS, LeakageResult, _result, find_leakage, find_sides
from analysis.checks.uniqueness import find_uniqueness
from analysis.dataset import Dataset, label_frame

TRAIN = {f"A/train{i}.jpg": scene(i) for i in range(10)}
TEST = {f"A/test{i}.jpg": scene(100 + i) for i in range(10)}


def result(pictures, **options):
    dataset, features = dataset_of(pictures, **options)
    found = find_leakage(dataset, features)
    assert isinstance(found, LeakageResult)
    return found


def splits(pictures):
    return {i: "test" if "test" in i else "train" for i in pictures}


def test_without_a_border_it_is_unavailable():
    dataset, features = dataset_of(TRAIN)
    assert isinstance(find_leakage(dataset, features), Unavailable)


def test_clean_splits_pass():
    pictures = TRAIN | TEST
    findings = result(pictures, split=splits(pictures)).findings()
    assert findings.verdict is Verdict.PASS and findings.score == 1.0 and not findings.evidence


def test_a_single_altered_copy_across_splits_is_a_warning_with_both_pictures_first():
    pictures = TRAIN | TEST | {"A/test_x.jpg": ImageOps.mirror(scene(4))}
    found = result(pictures, split=splits(pictures))
    findings = found.findings()
    assert findings.verdict is Verdict.WARN
    assert set(findings.evidence) == {"A/train4.jpg", "A/test_x.jpg"}
    assert found.pairs["across"].tolist() == ["split"]
    assert {found.pairs["side_a"].iloc[0], found.pairs["side_b"].iloc[0]} == {"train", "test"}
    assert findings.score == pytest.approx(1 - 1 / 11)


def judged(scores, compared, kind="near"):
    """300 held-out pictures of one concept, with a copy in training for each score, of so many pairs compared."""
    frame = pd.DataFrame({"image_id": [f"{i}.jpg" for i in range(1000)], "origin": "training", "path": "/nowhere"})
    split = ["train" if i < 700 else "test" for i in range(1000)]
    data = Dataset("made", {}, frame.assign(split=split), label_frame([(i, "A") for i in range(1000)]), label_frame([]))
    n = len(scores)
    pairs = pd.DataFrame({"a": range(n), "b": range(700, 700 + n), "kind": kind, "score": scores, "across": "split"})
    tried = np.array([(i % 700, 700 + i % 299) for i in range(compared)])
    found = SimpleNamespace(tried=tried, with_pictures=True)
    return _result(data, found, pairs.assign(change=""), find_sides(data), DEFAULT_PARAMS).findings()


@pytest.mark.parametrize(("score", "kind"), [(1.0, "exact"), (1.0, "near"), (0.95, "near")])
def test_a_single_leak_that_is_sure_is_a_warning_however_many_pairs_were_compared(score, kind):
    findings = judged([score], 600, kind)
    assert findings.verdict is Verdict.WARN and findings.concepts[0].verdict is Verdict.WARN
    assert findings.p_value == 0.0 and findings.fix and findings.concepts[0].fix
    assert "1 of 300 pictures kept apart for judging is also" in findings.headline


def test_a_doubtful_leak_that_chance_explains_passes_and_nothing_is_ordered_removed():
    findings = judged([0.6], 600)
    assert findings.verdict is Verdict.PASS and findings.p_value > 0.05
    assert not findings.fix and not findings.concepts[0].fix
    for said in (findings.headline, findings.concepts[0].headline):
        assert "may also be among the others; so few may be mistakes" in said
    assert judged([0.6] * 8, 600).verdict is Verdict.WARN


def test_doubtful_leaks_beside_a_sure_one_do_not_make_it_many():
    assert judged([0.95, *[0.6] * 2], 3000).verdict is Verdict.WARN
    assert judged([0.95] * 15, 3000).verdict is Verdict.FAIL


def test_many_leaked_pictures_fail():
    pictures = TRAIN | TEST | {f"A/test_x{i}.jpg": jpeg(scene(i), 60) for i in range(3)}
    findings = result(pictures, split=splits(pictures)).findings()
    assert findings.verdict is Verdict.FAIL
    assert findings.extra["leaked"] == 3 and findings.extra["held_out"] == 13


def test_what_leaks_thinly_over_all_concepts_is_borne_by_the_one_where_most_does():
    concepts = "ABC"
    pictures = {f"{c}/train{i}.jpg": scene(100 * k + i) for k, c in enumerate(concepts) for i in range(3)}
    pictures |= {f"{c}/test{i}.jpg": scene(100 * k + 50 + i) for k, c in enumerate(concepts) for i in range(3 + k)}
    pictures |= {f"{c}/test_copy.jpg": jpeg(scene(100 * k), 60) for k, c in enumerate(concepts)}
    findings = result(pictures, split=splits(pictures)).findings()
    assert findings.extra["leaked"] == 3 and findings.verdict is Verdict.FAIL
    first, *others = findings.concepts
    assert (first.concept, first.verdict, first.score) == ("A", Verdict.FAIL, findings.score)
    assert first.headline == (
        "1 of 4 pictures kept apart is also among the others. Over all concepts that is more than mistakes explain."
    )
    assert [f.verdict for f in others] == [Verdict.WARN] * 2


def test_a_copy_across_origins_is_found_though_the_real_world_has_no_labels():
    pictures = TRAIN | {f"real_world:{i}.jpg": scene(300 + i) for i in range(5)}
    pictures |= {"real_world:copy.jpg": scene(7).resize((200, 150))}
    real = [i for i in pictures if i.startswith("real_world:")]
    labels = {i: ["A"] for i in TRAIN}
    found = result(pictures, real_world=real, labels=labels)
    assert found.findings().verdict is Verdict.WARN
    assert found.pairs[["image_a", "image_b", "across"]].to_numpy().tolist() == [
        ["A/train7.jpg", "real_world:copy.jpg", "origin"]
    ]


def test_copies_within_a_split_do_not_leak_and_copies_across_do_not_repeat():
    pictures = TRAIN | TEST | {"A/train_same.jpg": jpeg(scene(1)), "A/test_leak.jpg": jpeg(scene(2))}
    dataset, features = dataset_of(pictures, split=splits(pictures))
    leaks = find_leakage(dataset, features).pairs
    repeats = find_uniqueness(dataset, features).pairs
    assert leaks[["image_a", "image_b"]].to_numpy().tolist() == [["A/train2.jpg", "A/test_leak.jpg"]]
    assert repeats[["image_a", "image_b"]].to_numpy().tolist() == [["A/train1.jpg", "A/train_same.jpg"]]


def test_without_thumbnails_no_more_than_exact_copies_is_claimed():
    pictures = TRAIN | TEST
    findings = result(pictures, split=splits(pictures), with_pictures=False).findings()
    assert findings.verdict is Verdict.CANNOT_TELL and findings.reason


@pytest.mark.parametrize(
    ("learn", "judge"),
    [
        *(("train", "holdout"), ("Train", "Test"), ("TRAIN", "eval"), ("train2017", "val2017"), ("training", "dev")),
        *(("learning", "Validation"), ("zeta", "alpha"), ("fit_1", "unknown"), ("b", "test")),
    ],
)
def test_the_side_that_is_learnt_from_is_known_by_its_name_else_it_is_the_largest(learn, judge):
    pictures = {f"A/{i}.jpg": scene(i, (128, 96)) for i in range(9)}
    split = {f"A/{i}.jpg": judge if i < 3 else learn for i in range(9)}
    pictures |= {"A/again.jpg": ImageOps.mirror(scene(5, (128, 96)))}
    findings = result(pictures, split=split | {"A/again.jpg": judge}).findings()
    assert (findings.extra["learnt_from"], findings.extra["kept_apart"]) == ([learn], [judge])
    assert "1 of 4 pictures kept apart" in findings.headline
    assert ("largest" in findings.headline) == (learn in ("zeta", "b"))
    assert findings.score == pytest.approx(1 - 1 / 4)


def test_pictures_without_a_split_beside_split_ones_are_on_neither_side_and_that_is_said():
    pictures = {f"A/{i}.jpg": scene(i, (128, 96)) for i in range(9)}
    split = {f"A/{i}.jpg": "test" if i < 2 else "train" for i in range(6)}
    pictures |= {"A/copy.jpg": ImageOps.mirror(scene(0, (128, 96)))}  # of a test picture, itself without a split
    findings = result(pictures, split=split).findings()
    assert findings.verdict is Verdict.PASS and findings.extra["held_out"] == 2
    assert "4 pictures without a split count as neither side" in findings.headline


def test_clean_draws_alarm_no_more_often_than_alpha():
    """100 draws of 14 out of 80 different pictures, cut into two splits at random."""
    pictures = {f"{'AB'[i % 2]}/{i}.jpg": scene(1500 + i, (128, 96)) for i in range(80)}
    alarms = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        names = [list(pictures)[i] for i in rng.choice(80, 14, replace=False)]
        split = {n: "test" if rng.random() < 0.3 else "train" for n in names}
        split |= {names[0]: "test", names[1]: "train"}
        found = find_leakage(*dataset_of({n: pictures[n] for n in names}, split=split))
        alarms += found.findings().verdict in (Verdict.WARN, Verdict.FAIL)
    assert alarms <= binom.ppf(0.95, 100, 0.05)
