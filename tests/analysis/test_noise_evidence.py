"""Wrong labels or only ambiguous pictures: ratios over all labels and each class, against their own bootstrap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import binom

from analysis.errors import Cancelled
from analysis.noise_evidence import noise_evidence, noise_evidence_alone


def drawn(n=240, k=5, wrong=0.0, scale=3.0, seed=0):
    """Scores of pictures, some between two classes; labels as ambiguous as the scores say, a share `wrong` replaced."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0, 0.4, (n, k)) + np.eye(k)[rng.integers(0, k, n)] * rng.choice([1.0, 3.0], (n, 1))
    p = softmax(scale * score, axis=1)
    label = (rng.random((n, 1)) > np.cumsum(p, axis=1)).sum(axis=1).clip(0, k - 1)
    hit = rng.permutation(n)[: round(wrong * n)]
    label[hit] = (label[hit] + rng.integers(1, k, len(hit))) % k
    return score, label, np.ones((n, k), dtype=bool)


def test_ambiguous_pictures_alone_alarm_no_more_often_than_alpha():
    runs = 120
    found = [noise_evidence(*drawn(n=90, k=3, seed=s), seed=s) for s in range(runs)]
    most = binom.ppf(0.95, runs, 0.05)
    assert sum(min(e.together, *e.classes) <= 0.05 for e in found) <= most


def test_one_wrong_label_in_twenty_is_seen_though_spread_over_all_classes():
    assert all(noise_evidence(*drawn(wrong=0.05, seed=s)).together <= 0.02 for s in range(5))


def test_wrong_labels_gathered_in_one_class_are_seen_there_and_in_no_other():
    for seed in range(5):
        score, label, allowed = drawn(seed=seed)
        far = np.flatnonzero((score.argmax(axis=1) == 0) & (label == 0))[:7]
        label[far] = 1
        classes = noise_evidence(score, label, allowed).classes
        assert classes[1] <= 0.05 and np.delete(classes, 1).min() > 0.05


def test_two_classes_exchanged_in_a_quarter_are_seen_though_they_look_like_ambiguous_pictures():
    for seed in range(5):
        score, label, allowed = drawn(n=300, scale=1.5, seed=seed)  # evenly replaced labels alone do not explain these
        rng = np.random.default_rng(seed)
        hit = np.isin(label, [0, 1]) & (rng.random(300) < 0.25)
        label[hit] = 1 - label[hit]
        assert noise_evidence(score, label, allowed).together <= 0.025


def several(n=120, k=5, missing=0.0, wrong=0, seed=0):
    """Log-odds that pictures show a class up to a scale; labels, some missing, `wrong` given where it is not shown."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1.5, 1, k) + rng.normal(0, 4, (n, k))
    shown = rng.random((n, k)) < 1 / (1 + np.exp(-logit))
    given = shown & (rng.random((n, k)) >= missing)
    rows, classes = np.nonzero(~shown)
    hit = rng.permutation(len(rows))[:wrong]
    given[rows[hit], classes[hit]] = True
    return logit / 2, given


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_ambiguous_and_missing_labels_of_pictures_with_several_alarm_no_more_often_than_alpha(missing):
    runs = 100
    found = [noise_evidence_alone(*several(missing=missing, seed=s), seed=s) for s in range(runs)]
    assert sum(min(e.together, *e.classes) <= 0.05 for e in found) <= binom.ppf(0.95, runs, 0.05)


def test_wrong_labels_of_pictures_with_several_are_seen_though_others_are_missing():
    for seed in range(5):
        found = noise_evidence_alone(*several(missing=0.1, wrong=20, seed=seed), seed=seed)
        assert min(found.together, *found.classes) <= 0.025


def test_the_same_seed_gives_the_same_answer():
    one, two = (noise_evidence(*drawn(seed=3), seed=1) for _ in range(2))
    assert one.together == two.together and (one.classes == two.classes).all() and (one.alone == two.alone).all()


def test_classes_that_are_barred_are_never_drawn_and_rows_without_a_choice_say_nothing():
    score, label, allowed = drawn(n=60)
    alone = np.zeros_like(allowed)
    alone[np.arange(60), label] = True
    nothing = noise_evidence(score, label, alone)
    assert nothing.together == 1.0 and (nothing.classes == 1).all()
    half = allowed.copy()
    half[:30] = alone[:30]
    rest = noise_evidence(score[30:], label[30:], allowed[30:])
    assert noise_evidence(score, label, half).together == rest.together
    never = allowed.copy()
    never[:, 4] = label == 4
    assert not np.isnan(noise_evidence(score, label, never).together)


def test_of_many_pictures_some_are_used(monkeypatch):
    monkeypatch.setattr("analysis.noise_evidence.MOST_CELLS", 200)
    assert noise_evidence(*drawn(n=2000, wrong=0.1)).together <= 0.05


def test_it_can_be_stopped():
    def stop():
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        noise_evidence(*drawn(n=30), tick=stop)


@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 30), k=st.integers(1, 6), seed=st.integers(0, 99))
def test_any_labels_give_a_probability(n, k, seed):
    rng = np.random.default_rng(seed)
    allowed = rng.random((n, k)) > 0.3
    label = rng.integers(0, k, n)
    allowed[np.arange(n), label] = True
    found = noise_evidence(rng.normal(size=(n, k)), label, allowed)
    assert all(((p > 0) & (p <= 1)).all() for p in (np.array([found.together]), found.classes, found.alone))
    assert (found.classes >= found.alone - 1e-12).all()
