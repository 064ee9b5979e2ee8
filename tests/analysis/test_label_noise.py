"""Doubts about labels: wrong labels come first, both kinds of noise."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from analysis import label_views
from analysis.label_noise import concentration, doubts, noise_model, robust_weights


def blobs(n=120, classes=4, spread=0.9, seed=0, dimensions=16):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    x = rng.normal(size=(classes, dimensions))[y] + spread * rng.normal(size=(n, dimensions))
    return x.astype(np.float32), y


def one_hot(y, k):
    return np.eye(k, dtype=bool)[y]


def free(member):
    return np.zeros_like(member)


@pytest.mark.parametrize("kind", ["even", "paired"])
def test_wrong_labels_come_first_with_the_right_class(kind):
    x, y = blobs(240, 4, spread=0.7)
    rng = np.random.default_rng(1)
    hit = rng.permutation(240)[:18]
    wrong = y.copy()
    wrong[hit] = (y[hit] + (1 if kind == "paired" else rng.integers(1, 4, 18))) % 4
    member = one_hot(wrong, 4)
    d = doubts(x, member, free(member))
    bad = wrong != y
    assert average_precision_score(bad, d.wrong) > 0.95
    assert (d.instead[bad] == y[bad]).mean() > 0.9
    assert ((d.wrong > 0) & bad).sum() >= 0.8 * bad.sum() and ((d.wrong > 0) & ~bad).sum() <= 4


def test_the_share_of_wrong_labels_is_estimated():
    x, y = blobs(300, 4, spread=0.6)
    for share in (0.0, 0.1):
        wrong = y.copy()
        hit = np.random.default_rng(3).permutation(300)[: int(share * 300)]
        wrong[hit] = (y[hit] + 1 + np.arange(len(hit)) % 3) % 4
        member = one_hot(wrong, 4)
        assert doubts(x, member, free(member)).rate == pytest.approx(share, abs=0.03)


def test_labels_that_do_not_count_are_no_evidence():
    x, y = blobs(160, spread=1.2)
    given = y.copy()
    given[:12] = (y[:12] + 1) % 4
    member = one_hot(given, 4)
    every = doubts(x, member, free(member)).evidence
    but_them = doubts(x, member, free(member), counted=member & (np.arange(len(y)) >= 12)[:, None]).evidence
    assert every is not None and but_them is not None
    assert every.together <= 0.01 < 0.2 < but_them.together


def test_a_class_known_not_to_be_shown_is_never_suggested():
    x, y = blobs(80, 3, spread=0.5)
    wrong = y.copy()
    wrong[4] = (y[4] + 1) % 3
    member, barred = one_hot(wrong, 3), np.zeros((80, 3), dtype=bool)
    assert doubts(x, member, barred).instead[4] == y[4]
    barred[4, y[4]] = True
    assert doubts(x, member, barred).instead[4] not in (y[4], wrong[4])


def test_pictures_with_several_classes_are_judged_class_by_class():
    rng = np.random.default_rng(0)
    member = rng.random((200, 5)) < 0.4
    member[~member.any(axis=1), 0] = True
    x = (member @ rng.normal(size=(5, 24)) * 1.5 + 0.5 * rng.normal(size=(200, 24))).astype(np.float32)
    noisy = member.copy()
    absent = np.argwhere(~member)[rng.permutation((~member).sum())[:15]]
    noisy[absent[:, 0], absent[:, 1]] = True
    d = doubts(x, noisy, free(noisy))
    bad = ~member[d.picture, d.label]
    assert average_precision_score(bad, d.wrong) > 0.7


def test_the_approximation_for_many_pictures_finds_the_same(monkeypatch):
    x, y = blobs(200, 4, spread=0.7)
    wrong = y.copy()
    wrong[:10] = (y[:10] + 1) % 4
    member = one_hot(wrong, 4)
    monkeypatch.setattr(label_views, "EXACT_UP_TO", 100)
    monkeypatch.setattr(label_views, "LANDMARKS", 80)
    d = doubts(x, member, free(member))
    assert average_precision_score(wrong != y, d.wrong) > 0.9


def test_concentration_tells_even_from_paired_flips():
    even, paired = np.ones((6, 6)) - np.eye(6), np.roll(np.eye(6), 1, axis=1)
    assert concentration(even) == pytest.approx(0.0)
    assert concentration(paired) == pytest.approx(1.0)
    assert concentration(np.zeros((6, 6))) == 0.0


def test_weights_favour_the_view_that_knows():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    views = np.stack([one_hot(y, 3) + 0.3 * rng.normal(size=(200, 3)), rng.normal(size=(200, 3))], axis=2)
    good, noise = robust_weights(views, y, np.ones((200, 3), dtype=bool))
    assert good > 5 * noise


def test_the_noise_model_is_silent_on_clear_and_right_labels():
    y = np.arange(90) % 3
    score = one_hot(y, 3) * 3.0 + np.random.default_rng(0).normal(size=(90, 3)) * 0.1
    model = noise_model(score, y, np.ones((90, 3), dtype=bool), structured=False)
    assert (model.wrong[np.arange(90), y] < 0).all() and model.rate < 0.02
