"""Visibility: clean concepts pass, the lost pair is named, and odd datasets do not break it (nor outside context)."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from separability_support import FIRES, TRUTH, made, split, verdicts

from analysis.checks.base import Unavailable, Verdict
from analysis.checks.outside_context import find_outside_context
from analysis.checks.visibility import find_visibility
from analysis.dataset import PREDICTION_COLUMNS


def test_clean_concepts_pass_both():
    for check in (find_visibility, find_outside_context):
        assert set(verdicts(check, *made(TRUTH)).values()) == {Verdict.PASS}


def test_confused_with_is_ranked_and_a_persons_own_confusions_stand_beside():
    data, features = made(TRUTH, split())
    rows = np.flatnonzero(np.array(split()) == "friend")
    data = replace(data, predictions=pd.DataFrame([(r, "stranger", 0.9) for r in rows], columns=PREDICTION_COLUMNS))
    found = find_visibility(data, features).findings()
    friend = next(f for f in found.concepts if f.concept == "friend")
    ranked = [c["auc"] for c in friend.extra["confused_with"]]
    assert friend.extra["confused_with"][0]["concept"] == "stranger" and ranked == sorted(ranked)
    assert "one for the other in 50 of 50 pictures" in friend.headline


def test_same_input_same_answer_and_odd_datasets_do_not_break():
    for check in (find_visibility, find_outside_context):
        assert check(*made(TRUTH, split())).findings() == check(*made(TRUTH, split())).findings()
        assert isinstance(check(*made(TRUTH, [()] * 400)), Unavailable)
        assert set(verdicts(check, *made(TRUTH[:9])).values()) == {Verdict.CANNOT_TELL}
        odd = verdicts(check, *made(["a", *["b"] * 30], ["p/a", *["p/b"] * 30]))
        assert odd["p/a"] is Verdict.CANNOT_TELL


def _with_small(truth, given, count, seed=0):
    """`count` more concepts of two pictures each, which look like any."""
    rng = np.random.default_rng(seed)
    more = rng.choice(np.unique(truth), 2 * count)
    return np.r_[truth, more], [*given, *(f"odd{i // 2}" for i in range(2 * count))]


@pytest.mark.parametrize("check", [find_visibility, find_outside_context])
@pytest.mark.parametrize("small", [2, 7])
def test_folders_of_two_pictures_neither_hide_a_confusion_nor_take_a_clear_concept_s_answer(check, small):
    truth, given = _with_small(TRUTH, split(), small)
    result = check(*made(truth, given))
    found = {f.concept: f.verdict for f in result.findings().concepts}
    assert {c for c, v in found.items() if v in FIRES} == {"friend", "stranger"}
    assert [found[c] for c in ("cat", "owl", "fox")] == [Verdict.PASS] * 3
    assert all(found[f"odd{i}"] is Verdict.CANNOT_TELL for i in range(small))


@pytest.mark.parametrize("check", [find_visibility, find_outside_context])
def test_what_cannot_be_told_says_of_which_concept_and_how_many_pictures_would_do(check):
    truth, given = _with_small(TRUTH, list(TRUTH), 1)
    findings = check(*made(truth, given)).findings()
    assert findings.verdict is Verdict.CANNOT_TELL and "odd0" in findings.headline
    assert "the other 4 are fine" in findings.headline
    odd = next(f for f in findings.concepts if f.concept == "odd0")
    least = check(*made(truth, given)).params.min_images
    assert "2 pictures are too few" in odd.headline and f"{least} would do" in odd.headline


def test_a_small_concept_that_surely_looks_the_same_takes_the_answer_away():
    truth = np.r_[np.repeat(["cat", "owl", "fox"], 100), np.repeat("cat", 7)]
    given = [*np.repeat(["cat", "owl", "fox"], 100), *["kitten"] * 7]
    doubted = 0
    for seed in range(8):
        found = {f.concept: f for f in find_visibility(*made(truth, given, seed)).findings().concepts}
        assert found["owl"].verdict is found["fox"].verdict is Verdict.PASS
        assert found["cat"].verdict is Verdict.PASS or "may be mixed up with kitten" in found["cat"].headline
        doubted += found["cat"].verdict is Verdict.CANNOT_TELL
    assert doubted >= 3, "of 7 pictures, an AUC of a half is surely below 0.75 more often than not"
