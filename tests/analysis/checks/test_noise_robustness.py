"""Noise robustness: a concept coded in fine detail is lost where the detail goes, one coded in colour is not."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from analysis.altered_looks import falling, mcnemar
from analysis.checks.base import Unavailable, Verdict
from analysis.checks.noise_robustness import find_noise_robustness
from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ImageEncoding, ModelInfo, l2_normalised
from analysis.errors import Cancelled
from analysis.features import Features
from analysis.perturbations import EVERYDAY, PERTURBATIONS

MODEL = ModelInfo("bundled", "made", "made", "pixels", "all else", 5, 5, 64, False)


def vectors(pictures):
    """Colour, and how much neighbouring pixels differ: an eye that has no other."""
    out = []
    for p in pictures:
        x = p.astype(np.float32) / 255
        fine = np.abs(np.diff(x.mean(axis=2), axis=1)).mean() * 6
        out.append([*(x.mean(axis=(0, 1)) / x.mean() / 3 * 2), fine, 0.5])
    return l2_normalised(np.array(out))


class Eye:
    """Pictures drawn in memory."""

    def __init__(self, pictures):
        self.pictures = pictures

    def originals(self, rows):
        return [self.pictures[int(r)] for r in rows]

    def encode_pictures(self, pictures):
        v = vectors(pictures)
        return ImageEncoding(v, v, [b""] * len(v))


def drawn(concept, seed, side=256):
    rng = np.random.default_rng(seed)
    colour = {"red": (190, 60, 60), "blue": (60, 60, 190)}.get(concept, (90, 150, 90))
    x = np.full((side, side, 3), colour, dtype=np.float32) + rng.normal(0, 6, 3)
    if concept == "striped":
        x += (np.arange(side)[None, :, None] % 2) * 50 - 25
    return np.clip(x, 0, 255).astype(np.uint8)


def made(counts, seed=0, pictures=True):
    names = [c for c, n in counts.items() for _ in range(n)]
    pics = [drawn(c, seed * 1000 + i) for i, c in enumerate(names)]
    frame = pd.DataFrame({"image_id": [f"{i}.jpg" for i in range(len(names))], "path": "", "origin": "training",
                          "split": None})  # fmt: skip
    v = vectors(pics)
    return Dataset("made", {}, frame, label_frame(enumerate(names)), label_frame([])), Features(
        MODEL, v, v, Eye(pics) if pictures else None
    )


COUNTS = {"red": 40, "blue": 40, "green": 40, "striped": 40}


@pytest.fixture(scope="module")
def found():
    return find_noise_robustness(*made(COUNTS)).findings()


def test_what_is_told_apart_by_fine_detail_is_lost_first_and_named(found):
    assert found.concepts[0].concept == "striped"
    assert found.verdict in (Verdict.WARN, Verdict.FAIL)
    limits = {one["perturbation"]: one for one in found.concepts[0].extra["limits"]}
    assert limits["blur"]["unit"].startswith("pixels")
    assert found.concepts[0].fix and found.concepts[0].headline.startswith("Lost at blur")
    assert set(found.concepts[0].evidence) <= {f"{i}.jpg" for i in range(120, 160)}


def test_what_is_told_apart_by_colour_is_not(found):
    verdicts = {c.concept: c.verdict for c in found.concepts}
    assert verdicts["red"] == verdicts["blue"] == Verdict.PASS


def test_without_fine_detail_nothing_is_lost_in_everyday_photos():
    found = find_noise_robustness(*made({"red": 40, "blue": 40, "green": 40})).findings()
    assert found.verdict is Verdict.PASS and found.score > 0.9


def test_the_same_input_gives_the_same_answer_and_says_how_many_pictures_were_altered(found):
    again = find_noise_robustness(*made(COUNTS)).findings()
    assert again == found
    pd.testing.assert_frame_equal(again.tables["curves"], found.tables["curves"])
    assert 48 <= found.extra["sampled"] <= 80 < found.extra["altered"]


def test_harsher_is_never_better_and_lost_means_less_than_half_left(found):
    curves = found.tables["curves"]
    for _, one in curves.sort_values("place").groupby(["concept", "perturbation"]):
        assert (np.diff(one["left"]) <= 1e-9).all()
    assert (curves.loc[curves["lost"], "left"] < 0.5).all()


def test_nothing_is_scaled_down_below_its_own_size_twice():
    down = next(p for p in PERTURBATIONS if p.id == "downscaling")
    small = drawn("red", 1, side=40)
    assert np.array_equal(down.apply(small, 64), small)
    assert max(down.apply(small, 32).shape) == 32


@pytest.mark.parametrize("p", PERTURBATIONS, ids=lambda p: p.id)
def test_a_harsher_level_changes_a_picture_more_and_always_in_the_same_way(p):
    picture = drawn("striped", 3, side=300)
    if p.id == "downscaling":
        assert [max(p.apply(picture, level).shape) for level in p.levels] == list(p.levels)
        return
    away = [np.abs(p.apply(picture, v).astype(int) - picture).mean() for v in p.levels]
    assert all(b >= a * 0.9 for a, b in itertools.pairwise(away)) and away[-1] > 5
    assert np.array_equal(p.apply(picture, p.levels[EVERYDAY]), p.apply(picture, p.levels[EVERYDAY]))


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [({"red": 1, "blue": 1}, Verdict.CANNOT_TELL), ({"red": 40, "blue": 3}, Verdict.CANNOT_TELL)],
)
def test_too_few_pictures_are_not_called_fine(counts, verdict):
    found = find_noise_robustness(*made(counts)).findings()
    assert found.verdict is verdict and found.reason
    assert {c.concept for c in found.concepts} == set(counts)


def test_without_pictures_labels_or_a_second_concept_it_is_unavailable():
    assert isinstance(find_noise_robustness(*made(COUNTS, pictures=False)), Unavailable)
    assert isinstance(find_noise_robustness(*made({"red": 30})), Unavailable)


def test_it_can_be_stopped():
    def stop(done, total, note=""):
        if done > 30:
            raise Cancelled

    with pytest.raises(Cancelled):
        find_noise_robustness(*made(COUNTS), progress=stop)


def test_chance_alone_raises_an_alarm_no_more_often_than_it_says():
    """Decisions that change at random, as often for the better as for the worse."""
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(400):
        before, after = rng.random(60) < 0.8, rng.random(60) < 0.8
        alarms += mcnemar(before, after) <= 0.05
    assert alarms <= 28  # 95 % point of the binomial


def test_the_exact_test_and_the_smoothing():
    worse = np.zeros(12, bool)
    assert mcnemar(~worse, worse) == pytest.approx(2**-12)
    assert mcnemar(worse, worse) == 1.0
    assert falling(np.array([1.0, 0.4, 0.6])).tolist() == [1.0, 0.5, 0.5]


def test_a_level_is_said_in_words_also_where_it_is_one() -> None:
    from analysis.perturbations import PERTURBATIONS

    of = {p.id: p for p in PERTURBATIONS}
    assert [of["blur"].say(level) for level in (1, 2)] == ["blur of 1 pixel radius", "blur of 2 pixels radius"]
    assert of["darkness"].say(0.12) == "12 % of the light"
