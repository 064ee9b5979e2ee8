"""Representativeness: a gap is found where it is, in the right concept, and draws of one collection are quiet."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from analysis.blind_spots import BlindSpot
from analysis.checks.base import IMAGES, Unavailable, Verdict
from analysis.checks.representativeness import Params, covered_score, find_representativeness
from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ModelInfo
from analysis.errors import Cancelled
from analysis.features import Features
from analysis.real_use_words import (
    alike_sentence,
    beyond_sentence,
    concept_sentence,
    differs_sentence,
    fix,
    in_ten,
    tried,
)
from analysis.what_if import Step, WhatIf

MODEL = ModelInfo("made", "made", "made", "nothing", "everything", 16, 16, 224, False)
QUICK = Params(splits=4)


def made(
    training, real_world, *, seed=0, shifted=(), apart=1.5, labelled_real=True, dark=False, shuffle=False, corner=0
):
    """Concept -> pictures on each side; concepts in `shifted` look different in real use; every third
    real-world picture, `corner` of them, is very dark, which the vectors do not see."""
    rng = np.random.default_rng(seed)
    names = sorted({*training, *real_world})
    centre = {c: apart * v / np.linalg.norm(v) for c, v in zip(names, rng.normal(size=(len(names), 16)), strict=True)}
    moved = rng.normal(size=16)
    moved *= 1.5 / np.linalg.norm(moved)
    rows = [("training", c) for c, n in training.items() for _ in range(n)]
    rows += [("real_world", c) for c, n in real_world.items() for _ in range(n)]
    x = np.array([centre[c] + (moved if o == "real_world" and c in shifted else 0) for o, c in rows])
    x = x.reshape(-1, 16)
    x = (x + rng.normal(0, 0.25, x.shape)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    bright = rng.uniform(0.4, 0.7, len(rows)) - np.array([0.25 * (dark and o == "real_world") for o, _ in rows])
    first = [i for i, (origin, _) in enumerate(rows) if origin == "real_world"][::3][:corner]
    bright[first] = rng.uniform(0.02, 0.1, len(first))
    order = rng.permutation(len(rows)) if shuffle else np.arange(len(rows))
    frame = pd.DataFrame(
        {
            "image_id": [f"{rows[i][0][:1]}:{i:04d}" for i in order],
            "path": "/nowhere",
            "origin": [rows[i][0] for i in order],
            "split": None,
            "brightness": bright[order],
        }
    )
    known = [(n, rows[i][1]) for n, i in enumerate(order) if rows[i][0] == "training" or labelled_real]
    return Dataset("made", {}, frame, label_frame(known), label_frame([])), Features(MODEL, x[order], x[order])


def found_in(*args, params=QUICK, **kwargs):
    result = find_representativeness(*made(*args, **kwargs), params)
    assert not isinstance(result, Unavailable)
    return result.findings()


def test_draws_of_one_collection_pass_and_say_so() -> None:
    found = found_in({"a": 60, "b": 60}, {"a": 30, "b": 30})
    assert found.verdict is Verdict.PASS
    assert found.score is not None and found.score > 0.9
    assert found.extra["blind_spots"] == []


@pytest.mark.parametrize("labelled", [True, False])
def test_draws_of_one_collection_raise_alarms_no_more_often_than_alpha(labelled) -> None:
    runs = 100
    alarms = sum(
        found_in(
            {"a": 40, "b": 30}, {"a": 25, "b": 20}, seed=i, labelled_real=labelled, params=Params(splits=1)
        ).verdict
        in (Verdict.WARN, Verdict.FAIL)
        for i in range(runs)
    )
    assert alarms <= binom.ppf(0.95, runs, 0.05)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_dim_corner_of_real_use_that_the_model_sees_past_is_found_and_named(labelled) -> None:
    found = found_in({"a": 60, "b": 60}, {"a": 30, "b": 30}, corner=16, labelled_real=labelled)
    rows = list(range(120, 168, 3))
    dim = [f"r:{i:04d}" for i in rows]
    assert found.verdict is Verdict.WARN
    assert found.headline.startswith("Real-world pictures look different: ") and "darker" in found.headline
    assert [e["axis"] for e in found.extra["out_of_range"]] == ["brightness"]
    assert len(set(found.evidence[:16]) & set(dim)) >= 13 and found.evidence[0] in dim
    assert found.extra["blind_spots"][0]["name"] == "darker"
    images = found.tables[IMAGES]
    assert images["representativeness_flag"].iloc[rows].all()
    assert (images["representativeness_score"].iloc[rows] <= 0.05).all()
    assert found.score is not None and found.score < 0.85
    if labelled:  # no concept shows it alone: the one with most such pictures bears it
        first = found.concepts[0]
        assert (first.concept, first.verdict, first.score) == ("a", Verdict.WARN, found.score)
        assert "Real use as a whole differs. Of the real-world pictures" in first.headline and first.fix


def test_a_few_dark_pictures_in_real_use_are_no_corner() -> None:
    found = found_in({"a": 60, "b": 60}, {"a": 30, "b": 30}, corner=4)
    assert found.verdict is Verdict.PASS and found.extra["out_of_range"] == []


def test_the_concept_that_looks_different_in_real_use_comes_first_with_its_real_pictures() -> None:
    found = found_in({"a": 40, "b": 40, "c": 40}, {"a": 20, "b": 20, "c": 20}, shifted=("b",))
    assert found.concepts[0].concept == "b" and found.concepts[0].verdict is Verdict.FAIL
    assert all(f.verdict is Verdict.PASS for f in found.concepts[1:])
    assert found.concepts[0].evidence and set(found.concepts[0].evidence) <= {f"r:{i:04d}" for i in range(140, 160)}
    assert "b" in found.extra["blind_spots"][0]["name"]


def counted(finding):
    """Pictures that a concept's finding says are uncovered."""
    return round(finding.extra["uncovered"] * finding.extra["real_world"])


@pytest.mark.parametrize("corner", [0, 16])
def test_a_concept_s_evidence_is_the_pictures_its_sentence_counts(corner) -> None:
    """Half of b looks in real use like c's training pictures: as a whole covered, yet not by b's own."""
    (data, features), real = made({"a": 40, "b": 40, "c": 40}, {"a": 20, "b": 20, "c": 20}, corner=corner), 140
    x = features.image.copy()
    x[real : real + 10] = x[80:90]
    found = find_representativeness(data, Features(MODEL, x, x), QUICK).findings()
    (b,) = [f for f in found.concepts if f.concept == "b"]
    assert b.verdict is Verdict.FAIL and set(b.evidence[:10]) == {f"r:{i:04d}" for i in range(real, real + 10)}
    for f in found.concepts:
        n = counted(f)
        assert len(f.evidence) == n or not n
        assert n == sum(int(k) for k in re.findall(r"(\d+) (?:of 20|more)", f.headline))
    if not corner:  # only a concept is uncovered: its pictures are the check's
        assert found.evidence == b.evidence


def test_where_no_concept_could_be_asked_the_score_is_the_whole_s() -> None:
    """A few labels in real use: too few of each concept, yet the whole is dark in a quarter."""
    data, features = made({"a": 60, "b": 60}, {"a": 30, "b": 30}, corner=16)
    kept = data.labels[(data.labels["image"] < 120) | (data.labels["image"] % 6 == 0)].reset_index(drop=True)
    result = find_representativeness(replace(data, labels=kept), features, QUICK)
    assert not isinstance(result, Unavailable)
    found = result.findings()
    assert found.verdict is Verdict.WARN and found.score == covered_score(result.uncovered) == found.concepts[0].score
    assert found.concepts[0].headline.startswith("Real use as a whole differs. ")
    assert "Of this concept alone it cannot be told: 60 training and 5" in found.concepts[0].headline


@pytest.mark.parametrize(
    ("verdict", "uncovered", "outside", "p", "words"),
    [
        ("pass", 0.25, 5, 0.4, ["no more", "1 of 24; 5 more are darker or warmer than all but a few training"]),
        ("pass", 0.25, 0, 0.4, ["no more", "than chance explains: 6 of 24 (30 training"]),
        ("pass", 0.125, 0, 0.01, ["Nearly covered: 12 % of its real-world pictures are unlike"]),
        ("warn", 0.25, 2, 0.01, ["Partly covered: 25 %", "6 of 24, 2 only for being darker or warmer than all but"]),
        ("fail", 0.75, 0, 0.01, ["Not covered: 75 %", "(18 of 24; 30 training"]),
    ],
)
def test_what_is_said_of_a_concept_agrees_with_its_verdict(verdict, uncovered, outside, p, words) -> None:
    row = {"verdict": verdict, "training": 30, "real_world": 24, "uncovered": uncovered, "outside": outside}
    said = concept_sentence({**row, "p_corrected": p}, 5, 8, 0.05, ["darker", "warmer"])
    assert all(w in said for w in words) and not (verdict == "pass" and said.startswith("Covered"))


def test_a_person_s_own_model_is_asked_where_training_is_blind() -> None:
    data, features = made({"a": 40, "b": 40}, {"a": 25, "b": 25}, shifted=("b",))
    real = np.flatnonzero(data.images["origin"] == "real_world")
    wrong = np.array(["b" in data.concepts_of(int(r)) for r in real])  # just those that training does not cover
    said = pd.DataFrame({"image": real, "concept": "a", "confidence": 0.9})
    own = find_representativeness(replace(data, predictions=said), features, QUICK).findings().extra["own_model"]
    assert own["wrong_uncovered"] + own["wrong_covered"] == wrong.sum() and own["p_value"] < 0.001
    assert own["wrong_uncovered"] > own["wrong_covered"] and "Your own model is wrong in" in own["sentence"]
    assert found_in({"a": 40, "b": 40}, {"a": 25, "b": 25}).extra["own_model"] is None


def test_a_real_use_wholly_different_fails_and_every_picture_is_flagged() -> None:
    found = found_in({"a": 40, "b": 40}, {"a": 20, "b": 20}, shifted=("a", "b"))
    images = found.tables[IMAGES]
    assert found.verdict is Verdict.FAIL and found.score is not None and found.score < 0.3
    assert images["representativeness_flag"].sum() >= 30
    assert images["representativeness_score"].isna().sum() == 80  # training pictures are not judged
    assert set(found.extra["collect_next"][:10]) <= {f"r:{i:04d}" for i in range(80, 120)}


def test_a_concept_of_real_use_without_a_training_picture_fails() -> None:
    found = found_in({"a": 40, "b": 40}, {"a": 20, "b": 20, "new": 12})
    assert found.concepts[0].concept == "new"
    assert "Not in training at all" in found.concepts[0].headline


def test_darker_pictures_with_the_same_content_are_a_warning_in_words() -> None:
    found = found_in({"a": 60, "b": 60}, {"a": 40, "b": 40}, dark=True)
    (axis,) = [a for a in found.extra["axes"] if a["axis"] == "brightness"]
    assert axis["direction"] == "lower" and axis["effect"] < -0.5 and axis["p_value"] < 0.001
    assert "darker" in axis["sentence"]


@pytest.mark.parametrize(("training", "real"), [({"a": 60}, {"a": 8}), ({"a": 6, "b": 6}, {"a": 40, "b": 40})])
def test_with_few_pictures_on_a_side_it_cannot_tell_and_says_how_many_are_needed(training, real) -> None:
    found = found_in(training, real)
    assert found.verdict is Verdict.CANNOT_TELL
    assert "at least 20" in found.reason


def test_without_real_world_pictures_it_is_unavailable_and_says_what_to_do() -> None:
    answer = find_representativeness(*made({"a": 30}, {}), QUICK)
    assert isinstance(answer, Unavailable) and "second folder" in answer.reason


def test_what_if_is_refused_with_a_reason_where_labels_are_missing() -> None:
    found = found_in({"a": 40, "b": 40}, {"a": 20, "b": 20}, labelled_real=False, shifted=("a", "b"))
    assert found.extra["what_if"] == [] and "labels" in str(found.extra["why_no_what_if"])
    assert len(found.extra["collect_next"]) == 40


def test_the_order_pictures_came_in_changes_nothing() -> None:
    a, b = (
        found_in({"a": 40, "b": 40}, {"a": 30, "b": 30}, shifted=("a",), shuffle=s, params=dataclasses.replace(QUICK))
        for s in (False, True)
    )
    assert a.extra["uncovered"] == b.extra["uncovered"]
    assert sorted(a.extra["collect_next"][:10], key=str) == sorted(b.extra["collect_next"][:10], key=str)


def test_cancel_stops_it() -> None:
    def stop(done: int, total: int, note: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        find_representativeness(*made({"a": 40}, {"a": 40}), QUICK, progress=stop)


def test_the_evidence_opens_with_the_largest_gap() -> None:
    """Two concepts look different in real use, one with three times as many pictures."""
    training, real = {"a": 60, "b": 60, "c": 60}, {"a": 20, "b": 20, "c": 60}
    found = find_representativeness(*made(training, real, shifted=("b", "c")), QUICK).findings()
    first = found.extra["blind_spots"][0]["evidence"]
    shown = min(len(first), QUICK.evidence // 2)
    assert shown >= 10 and set(found.evidence[:shown]) <= set(first)
    assert len(set(found.evidence)) == len(found.evidence) <= QUICK.evidence


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 25), max_size=3),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 25), max_size=3),
    st.booleans(),
)
def test_any_sizes_give_scores_in_range_and_lists_of_real_pictures(training, real, labelled) -> None:
    result = find_representativeness(*made(training, real, labelled_real=labelled), Params(splits=2))
    if isinstance(result, Unavailable):
        assert not sum(real.values()) or not sum(training.values())
        return
    found = result.findings()
    assert found.score is None or 0 <= found.score <= 1
    assert all(i.startswith("r:") for i in (*found.evidence, *found.extra["collect_next"]))
    assert len(set(found.extra["collect_next"])) == len(found.extra["collect_next"]) <= sum(real.values())
    for step in found.extra["what_if"]:
        assert 0 <= step["low"] <= step["score_after"] <= step["high"] <= 1
    for spot in found.extra["blind_spots"]:
        assert 0 < spot["share"] <= 1 and spot["evidence"]


@pytest.mark.parametrize(
    ("share", "words"), [(1.0, "all"), (0.96, "nearly all"), (0.72, "7 in 10"), (0.02, "1 in 50"), (0, "none")]
)
def test_shares_are_said_in_words(share, words) -> None:
    assert in_ten(share) == words


def test_as_many_uncovered_as_in_training_itself_is_a_full_score() -> None:
    assert covered_score(0.05) == 1.0
    assert covered_score(1.0) == 0.0


def tried_out(gain, low, high, *, random=0.03, better=1.0, added=25):
    steps = [
        Step(name, added, 0.51, 0.51 + g, 0.4, 0.9, g, a, b)
        for name, g, a, b in (("ranked", gain, low, high), ("random", random, -0.05, 0.1))
    ]
    return WhatIf(tuple(steps), 60, 30, 40, better)


def test_a_gain_is_told_only_where_it_is_one_and_the_lists_own_only_where_it_beats_chance() -> None:
    unsure = tried(tried_out(0.05, -0.07, 0.31))
    assert "made no difference that these pictures can show (−7 to +31 points" in unsure
    assert "on average +5, with as many at random +3" in unsure and "raised" not in unsure
    assert "raised recognition from 51% to 60% (+2 to +15 points), as many at random to 54%." in tried(
        tried_out(0.09, 0.02, 0.15)
    )
    for better in (0.9, float("nan")):
        assert "as many at random did about as well (54%)" in tried(tried_out(0.09, 0.02, 0.15, better=better))
    assert "lowered recognition" in tried(tried_out(-0.09, -0.2, -0.02)) and "raised" not in tried(
        tried_out(-0.09, -0.2, -0.02)
    )
    assert tried(None) == tried(WhatIf((), 5, 2, 4, float("nan"))) == ""
    assert fix(range(30), (), tried_out(0.05, -0.07, 0.31)).startswith("Add pictures like the first 25") and not fix(
        [], (), None
    )


@pytest.mark.parametrize(("first", "words"), [(22, "3 of these 25 show it"), (40, "none of these 25 shows it")])
def test_the_advice_says_how_many_of_the_first_listed_are_of_the_largest_gap(first, words) -> None:
    spot = BlindSpot(np.arange(first, 60), 0.3, ("darker",), (), "")
    assert words in fix(range(30), [spot], None) and "1 of these 1 shows it" in fix([first], [spot], None)


def test_where_a_difference_was_found_real_use_is_not_said_to_look_like_training() -> None:
    axes = pd.DataFrame({"axis": ["content", "noise"], "differs": [True, True], "word": ["other", "noisier"]})
    for wrong in ([], ["plum"]):
        said = alike_sentence(0.07, wrong, 3, True, axes)
        assert "looks like" not in said and "shows what" not in said and "93 %" in said and "noisier" in said
        assert ("plum" in said) == bool(wrong)
        assert "differ" not in alike_sentence(0.07, wrong, 3, False, axes)
    result = find_representativeness(*made({"a": 60}, {"a": 60}), QUICK)
    assert not isinstance(result, Unavailable) and result.verdict is Verdict.PASS
    assert replace(result, p_value=0.002).findings().headline.startswith("Real-world pictures differ a little")
    assert replace(result, p_value=0.2).findings().headline.startswith("Training shows what real use shows")


@pytest.mark.parametrize("n", [1, 12])
def test_too_few_pictures_give_no_score(n) -> None:
    for labelled in (True, False):
        found = found_in({"a": 40, "b": 40}, {"a": n}, labelled_real=labelled)
        assert found.verdict is Verdict.CANNOT_TELL and found.score is None and found.reason
        assert all(f.score is None for f in found.concepts if f.verdict is Verdict.CANNOT_TELL)


def test_what_lies_beyond_training_s_range_is_said_in_shares() -> None:
    ends = [{"share": 0.335, "word": "darker"}, {"share": 0.2, "word": "warmer"}]
    assert beyond_sentence(ends) == (
        "Of the real-world pictures 34 % are darker and 20 % are warmer than all but a few training pictures; "
        "2 or 3 in 100 would be usual."
    )
    assert beyond_sentence([]) == ""
    nothing = pd.DataFrame({"axis": ["content"], "word": ["different in what they show"], "differs": [True]})
    assert "most of all they are darker and warmer" in differs_sentence(nothing, 0.3, 0.1, ["darker", "warmer"])
