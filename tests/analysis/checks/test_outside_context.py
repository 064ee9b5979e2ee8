"""Outside context: random splits are unexplained; wrong labels, few pictures and clean concepts are not."""

from dataclasses import replace

import numpy as np
from separability_support import FIRES, TRUTH, made, split, verdicts

from analysis.checks.base import Verdict
from analysis.checks.outside_context import find_outside_context
from analysis.checks.visibility import find_visibility
from analysis.taxonomy import Entry


def test_a_concept_dealt_at_random_into_two_names_is_unexplained_and_only_that():
    found = find_outside_context(*made(TRUTH, split())).findings()
    assert {f.concept for f in found.concepts[:2]} == {"friend", "stranger"}
    assert [f.verdict in FIRES for f in found.concepts] == [True, True, False, False, False]
    own = {f"{i}.jpg" for i in np.flatnonzero(TRUTH == "dog")}
    assert set(found.evidence_strip(10)) <= own
    assert 'word "friend"' in next(f for f in found.concepts if f.concept == "friend").headline
    assert find_visibility(*made(TRUTH, split())).findings().concepts[0].verdict is Verdict.FAIL


def test_words_suggest_the_cause_and_never_the_verdict():
    given = ["sold" if c == "cat" else c for c in TRUTH]
    data, features = made(TRUTH, given)
    data = replace(data, taxonomy=(Entry("dog", "belongs to my wife"),))
    found = {f.concept: f for f in find_outside_context(data, features).findings().concepts}
    assert {f.verdict for f in found.values()} == {Verdict.PASS}
    assert found["sold"].extra["hint"] == "sold" and found["dog"].extra["hint"] == "wife"


def test_thirty_percent_wrong_labels_are_not_unexplained_and_not_invisible():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        given = TRUTH.astype(object)
        hit = np.isin(TRUTH, ["cat", "dog"]) & (rng.random(len(TRUTH)) < 0.3)
        given[hit] = np.where(TRUTH[hit] == "cat", "dog", "cat")
        data = made(TRUTH, list(given), seed)
        assert set(verdicts(find_outside_context, *data).values()) == {Verdict.PASS}
        assert not set(verdicts(find_visibility, *data).values()) & set(FIRES)


def test_few_pictures_cannot_tell():
    keep = np.r_[0:14, 100:200]
    given = [split("cat")[i] for i in keep]
    found = verdicts(find_outside_context, *made(TRUTH[keep], given))
    assert found["friend"] is found["stranger"] is Verdict.CANNOT_TELL


def test_a_label_dealt_over_every_concept_of_pictures_with_several_labels_is_unexplained():
    rng = np.random.default_rng(0)
    given = [(c, "gift") if rng.random() < 0.5 else (c,) for c in TRUTH]
    found = verdicts(find_outside_context, *made(TRUTH, given))
    assert found.pop("gift") in FIRES and not set(found.values()) & set(FIRES)


def test_a_label_dealt_among_the_pictures_of_its_usual_companion_says_what_it_was_compared_with():
    rng = np.random.default_rng(0)
    given = [(c, "gift") if c == "dog" and rng.random() < 0.5 else (c,) for c in TRUTH]
    found = {f.concept: f for f in find_outside_context(*made(TRUTH, given)).findings().concepts}
    assert found["gift"].verdict in FIRES and found["gift"].extra["compared_with"] == "without gift, but with dog"
    assert "told from pictures without gift, but with dog in" in found["gift"].headline
