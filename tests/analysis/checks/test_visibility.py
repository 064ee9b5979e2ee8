"""Visibility: clean concepts pass, the lost pair is named, and odd datasets do not break it (nor outside context)."""

from dataclasses import replace

import numpy as np
import pandas as pd
from separability_support import TRUTH, made, split, verdicts

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
