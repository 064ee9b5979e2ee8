"""Co-occurrence: what travels and misleads is named first, the thing itself and shared marks are not accused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from analysis.checks.base import Unavailable, Verdict
from analysis.checks.co_occurrence import Params, find_co_occurrence
from analysis.companion_pool import read_pool, single_targets
from analysis.companion_presence import cut, presence, there_or_not
from analysis.companion_tables import fix_sentence, narrowing_rows, p_fewer_wrong
from analysis.companions import LOOK, enriched, p_joint, wilson
from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ImageEncoding, ModelInfo, l2_normalised
from analysis.features import Features
from analysis.fixed_marks import edge_field, find_mark
from analysis.hiding import hidden
from analysis.narrowing import Narrowing
from analysis.part_names import THINGS, colour_words, nearest_word, place_word

GRID, DIM = 4, 24
MODEL = ModelInfo("made", "made", "made", "nothing", "everything", DIM, DIM, 224, False)
# Direction and number of locations of the concept's own part, of the other concept's, of the concept's company.
THING, OTHER, VEIL = (0, 3), (1, 3), (2, 4)
SMALL = (0, 1)
PARAMS = Params(clusters=6)
FIRES = (Verdict.WARN, Verdict.FAIL)


class Made:
    """Maps made in memory: each picture has a ground, and parts at some locations."""

    def __init__(self, parts: Sequence[Sequence[int]], seed: int = 0, *, marked: Sequence[bool] = ()) -> None:
        rng = np.random.default_rng(seed)
        self.maps = np.abs(rng.normal(0, 0.25, (len(parts), GRID * GRID, DIM)))
        for i, of in enumerate(parts):
            places = rng.permutation(GRID * GRID)
            for part, size in of:
                self.maps[i, places[:size], 6 * part : 6 * part + 6] += 1.0
                places = places[size:]
            if marked and marked[i]:
                self.maps[i, [10, 11, 14, 15], 6 * VEIL[0] : 6 * VEIL[0] + 6] += 1.0
        self.maps = self.maps.astype(np.float32).reshape(-1, GRID, GRID, DIM)
        self.marked = list(marked) or [False] * len(parts)
        self.seed = seed

    def local_features(self, rows):
        return self.maps[np.asarray(rows)]

    def pixels(self, row):
        rng = np.random.default_rng((self.seed, int(row)))
        coarse = rng.integers(0, 255, (6, 6, 3)).astype(np.uint8)
        import cv2

        out = cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_LINEAR)
        if self.marked[int(row)]:
            out[70:90, 60:90] = (250, 250, 30)
            out[75:85, 65:85] = (20, 20, 160)
        return out

    def thumbnails(self, rows):
        import cv2

        return [cv2.imencode(".png", self.pixels(r))[1].tobytes() for r in rows]

    def originals(self, rows):
        return [self.pixels(r) for r in rows]

    def encode_pictures(self, pictures):
        x = l2_normalised(np.stack([p.mean(axis=(0, 1)) for p in pictures]) @ np.ones((3, DIM), np.float32))
        return ImageEncoding(x, x, [])


class ManyShapes(Made):
    """Its pictures differ in shape; the mark keeps its distance from the corner beside the shorter side."""

    def pixels(self, row):
        import cv2

        rng = np.random.default_rng((self.seed, int(row), 1))
        width, height = (int(v) for v in rng.integers(72, 161, 2))
        coarse = rng.integers(0, 255, (6, 6, 3)).astype(np.uint8)
        out = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
        if self.marked[int(row)]:
            unit = min(width, height) / 96
            edges = [round(v * unit) for v in (26, 6, 21, 11)]
            out[height - edges[0] : height - edges[1], width - edges[0] : width - edges[1]] = (250, 250, 30)
            out[height - edges[2] : height - edges[3], width - edges[2] : width - edges[3]] = (20, 20, 160)
        return out


def made(parts, labels, *, real: Sequence[bool] | None = None, marked=(), seed=0, kind=Made):
    """Dataset and features; `labels` is a tuple of names a picture."""
    pictures = kind(parts, seed, marked=marked)
    x = l2_normalised(pictures.maps.reshape(len(parts), -1, DIM).mean(axis=1))
    real = real or [False] * len(parts)
    frame = pd.DataFrame(
        {
            "image_id": [f"{'real_world:' if r else ''}{i}.jpg" for i, r in enumerate(real)],
            "path": "/nowhere",
            "origin": ["real_world" if r else "training" for r in real],
            "split": None,
        }
    )
    if kind is ManyShapes:
        sizes = [pictures.pixels(i).shape[:2] for i in range(len(parts))]
        frame = frame.assign(height=[h for h, _ in sizes], width=[w for _, w in sizes])
    table = label_frame((i, c) for i, of in enumerate(labels) for c in of)
    return Dataset("made", {}, frame, table, label_frame([])), Features(MODEL, x, x, pictures)


def wedding(*, veil_in_others: bool = False, seed: int = 0):
    """60 bouquets with a veil (20 of them without), 60 couples, and 30 real brides without a bouquet."""
    parts = [[SMALL, VEIL]] * 40 + [[THING]] * 20 + ([[OTHER, VEIL], [VEIL]] if veil_in_others else [[OTHER], []]) * 30
    parts += [[VEIL]] * 30 + [[OTHER]] * 15 + [[THING]] * 10
    labels = [("bouquet",)] * 60 + [("couple",)] * 60 + [("couple",)] * 45 + [("bouquet",)] * 10
    return made(parts, labels, real=[False] * 120 + [True] * 55, seed=seed)


def find(*data):
    return find_co_occurrence(*data, PARAMS)


def findings(data):
    result = find(*data)
    assert not isinstance(result, Unavailable)
    return result.findings()


def test_company_that_real_pictures_have_without_the_concept_is_named_first_with_those_pictures():
    result = find(*wedding())
    found = result.findings()
    assert found.concepts[0].concept == "bouquet" and found.concepts[0].verdict in FIRES
    first = found.concepts[0].extra["confounders"][0]
    assert set(first["evidence"][:20]) <= {f"real_world:{i}.jpg" for i in range(120, 150)}
    assert first["lift"] > first["low"] > 1 and first["score_drop"] > 0.02
    itself = result.companions[(result.companions["concept"] == "bouquet") & (result.companions["role"] == "itself")]
    assert len(itself), "the bouquet itself is shown as such, and not accused"
    (fix,) = result.narrowing[result.narrowing["concept"] == "bouquet"].to_dict("records")
    assert fix["wrong_after"] < fix["wrong_before"] and fix["found_after"] >= 0.9
    assert set(fix["keep"]) <= {f"{i}.jpg" for i in range(60)}


def test_company_that_all_concepts_share_is_not_accused():
    assert not {c.verdict for c in findings(wedding(veil_in_others=True)).concepts} & set(FIRES)


def test_without_real_pictures_company_is_shown_and_not_accused():
    parts = [[THING, VEIL]] * 40 + [[OTHER]] * 60
    found = findings(made(parts, [("bouquet",)] * 40 + [("couple",)] * 60))
    assert found.verdict is Verdict.CANNOT_TELL and found.reason
    assert all(c.extra["confounders"] == [] for c in found.concepts)


NOT_CUT = dict.fromkeys(("gap", "level", "beyond"), float("nan"))


def said_to_be_there_or_not(own, others):
    return there_or_not(NOT_CUT | cut(np.asarray(own, np.float32), np.asarray(others, np.float32)))


def test_company_is_clearly_there_or_not_and_the_thing_itself_is_there_by_degrees():
    rng = np.random.default_rng(0)
    others, there, without = rng.normal(0.3, 0.05, 280), rng.normal(0.9, 0.03, 60), rng.normal(0.3, 0.05, 10)
    assert said_to_be_there_or_not([*there, *without], others)
    assert not said_to_be_there_or_not(rng.normal(0.8, 0.1, 70), others)  # by degrees
    assert not said_to_be_there_or_not([*there, *(without + 0.3)], others)  # more of it than others even without it
    assert not said_to_be_there_or_not([*there, *without], [*others[:240], *there[:40]])  # others have it too
    assert not said_to_be_there_or_not([*there, *without[:3]], others)  # three odd pictures are no side
    assert not said_to_be_there_or_not(there[:6], others) and not said_to_be_there_or_not(there, [])
    assert presence(np.zeros((4, 2, 3), np.float32), np.zeros((4, 2), bool), np.ones(4, bool)) == {}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 120), st.floats(0, 1))
def test_one_cloud_of_pictures_is_hardly_ever_called_there_or_not(seed, n, above):
    rng = np.random.default_rng(seed)
    assert not said_to_be_there_or_not(rng.normal(above, 0.2, n), rng.normal(0, 0.2, 200))


class Photographed(Made):
    """Small things in a row of the middle; the thing itself is there by degrees, its company is or is not."""

    def __init__(self, parts, seed=0, *, marked=()):
        super().__init__([[] for _ in parts], seed, marked=marked)
        rng = np.random.default_rng((seed, 1))
        for i, of in enumerate(parts):
            for part, _ in of:
                strength = 1.5 if part == VEIL[0] else rng.uniform(0.1, 0.9)
                at = (1, 1) if part == VEIL[0] else (2, slice(1, 3))
                self.maps[i][at][..., 6 * part : 6 * part + 6] += strength


def photographed(with_it):
    parts = [[THING, VEIL] if i < with_it else [THING] for i in range(60)] + [[OTHER]] * 60
    found = findings(made(parts, [("bouquet",)] * 60 + [("couple",)] * 60, kind=Photographed))
    return found, next(c for c in found.concepts if c.concept == "bouquet")


@pytest.mark.parametrize("with_it", [30, 48])
def test_company_in_the_middle_is_shown_where_no_real_picture_tells(with_it):
    found, bouquet = photographed(with_it)
    assert bouquet.verdict is Verdict.CANNOT_TELL and bouquet.score is None and found.verdict is Verdict.CANNOT_TELL
    first = bouquet.extra["candidates"][0]
    assert set(first["evidence"]) <= {f"{i}.jpg" for i in range(with_it)}
    assert bouquet.evidence == tuple(first["evidence"])


def test_the_thing_itself_in_the_middle_is_left_open_and_no_cause_for_alarm():
    found, bouquet = photographed(0)
    assert {c.verdict for c in found.concepts} == {Verdict.PASS} and bouquet.score == 1
    assert bouquet.extra["candidates"], "what the score leans on is listed: it may be company all the same"
    assert "may be “bouquet” itself or its company" in bouquet.headline and "only you can tell" in found.headline


def test_real_pictures_without_a_label_are_shown_for_the_person_to_decide_and_accuse_nobody():
    data, features = wedding()
    training = data.labels[data.labels["image"] < 120].reset_index(drop=True)
    result = find(replace(data, labels=training, _cache={}), features)
    assert not {c.verdict for c in result.findings().concepts} & set(FIRES)
    shown = {i for ids in result.companions.loc[result.companions["concept"] == "bouquet", "open"] for i in ids}
    assert shown and all(i.startswith("real_world:") for i in shown)


def test_a_mark_in_the_corner_of_pictures_of_many_shapes_is_named():
    parts, labels = [[THING]] * 48 + [[OTHER]] * 48, [("bouquet",)] * 48 + [("couple",)] * 48
    hit = [i % 10 != 0 for i in range(48)]
    found = findings(made(parts, labels, marked=hit + [False] * 48, kind=ManyShapes))
    first = found.concepts[0]
    assert (first.concept, first.verdict) == ("bouquet", Verdict.WARN)
    assert first.extra["confounders"][0]["name"] == "mark at the bottom right"
    assert set(first.evidence) <= {f"{i}.jpg" for i in range(48) if hit[i]}
    clean = findings(made([[THING]] * 48 + [[OTHER]] * 48, labels, kind=ManyShapes))
    assert not {c.verdict for c in clean.concepts} & set(FIRES)


def test_a_mark_on_one_concept_is_named_and_on_all_of_them_it_is_not():
    parts, labels = [[THING]] * 48 + [[OTHER]] * 48, [("bouquet",)] * 48 + [("couple",)] * 48
    hit = [i % 10 != 0 for i in range(48)]
    found = findings(made(parts, labels, marked=hit + [False] * 48))
    first = found.concepts[0]
    assert (first.concept, first.verdict) == ("bouquet", Verdict.WARN)
    assert first.extra["confounders"][0]["kind"] == "mark"
    assert set(first.evidence) <= {f"{i}.jpg" for i in range(48) if hit[i]}
    assert not {c.verdict for c in findings(made(parts, labels, marked=[True] * 96)).concepts} & set(FIRES)


def test_a_label_that_travels_and_misleads_is_named_and_a_dominant_one_is_not():
    parts = [[THING, VEIL]] * 40 + [[VEIL]] * 24 + [[OTHER]] * 60
    labels = [("bouquet", "veil")] * 40 + [("veil",)] * 24 + [("couple",)] * 60
    result = find(*made(parts, labels))
    labels_of = result.companions[(result.companions["kind"] == "label") & (result.companions["concept"] == "bouquet")]
    assert labels_of["name"].tolist() == ["veil"]
    assert labels_of["lift"].iloc[0] == pytest.approx(124 / 64)
    common = [(*of, "person") for of in labels]
    result = find(*made(parts, common))
    assert "person" not in set(result.companions["name"])


@pytest.mark.parametrize(
    ("parts", "labels"),
    [
        ([[THING]], [("a",)]),
        ([[THING]] * 30, [("a",)] * 30),
        ([[THING]] * 3 + [[OTHER]] * 30, [("a",)] * 3 + [("b",)] * 30),
    ],
)
def test_too_few_pictures_cannot_tell(parts, labels):
    assert findings(made(parts, labels)).verdict is Verdict.CANNOT_TELL


def test_without_labels_or_pictures_it_is_unavailable():
    data, features = made([[THING]] * 4, [()] * 4)
    assert isinstance(find_co_occurrence(data, features), Unavailable)
    data, features = made([[THING]] * 4, [("a",)] * 4)
    assert isinstance(find_co_occurrence(data, Features(MODEL, features.image, features.joint)), Unavailable)


def test_the_same_input_gives_the_same_answer():
    assert findings(wedding()) == findings(wedding())


def test_hiding_takes_the_mean_of_the_others_and_hiding_all_hides_nothing():
    local = np.eye(3, dtype=np.float32)
    assert np.allclose(hidden(local, np.array([True, False, False])), np.array([0, 1, 1]) / np.sqrt(2))
    assert np.allclose(hidden(local, np.ones(3, bool)), np.ones(3) / np.sqrt(3))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(1, 60))
def test_the_wilson_interval_holds_the_share_and_stays_within_0_and_1(hits, n):
    hits = min(hits, n)
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n + 1e-9 and hits / n - 1e-9 <= high <= 1


def test_a_dominant_concept_has_a_lift_near_one():
    positive = np.arange(200) < 180
    numbers = enriched(positive | (np.arange(200) < 190), positive)
    assert numbers["lift"] < 1.12 and numbers["with_it"] == 1


def test_one_failed_or_missing_test_is_enough_to_acquit():
    assert p_joint({"a": 1e-9, "b": 0.3}, ("a", "b")) == 0.3
    assert p_joint({"a": 1e-9, "b": float("nan")}, ("a", "b")) == 1.0


def test_photographed_edges_do_not_line_up_and_a_mark_does():
    plain, marked = Made([[THING]] * 80), Made([[THING]] * 80, marked=[True] * 40 + [False] * 40)
    positive, learn = np.arange(80) < 40, np.arange(80) % 2 == 0
    assert find_mark(np.stack([edge_field(plain.pixels(i)) for i in range(80)]), positive, learn) is None
    mark = find_mark(np.stack([edge_field(marked.pixels(i)) for i in range(80)]), positive, learn)
    assert mark is not None and mark.pixels[68:92, 58:92].sum() == mark.pixels.sum() > 0


def test_words_for_places_and_colours():
    share = np.zeros((7, 7))
    share[0, :] = 1
    assert place_word(share) == "at the top"
    share[:] = 0
    share[6, 6] = 1
    assert place_word(share) == "at the bottom right"
    assert colour_words(np.full((10, 3), (200, 30, 40), np.uint8)) == "red"


def test_a_part_is_called_what_it_points_to_and_nothing_where_two_are_as_near():
    texts = np.eye(len(THINGS))
    assert nearest_word(texts[3], texts) == THINGS[3]
    assert nearest_word(texts[3] + texts[4], texts) == ""


TRIED = {"kept": 25, "n": 64, "wrong_before": 0.48, "wrong_after": 0.0, "found_before": 1.0, "found_after": 1.0,
         "real_with": 32, "p_wrong": 0.001, "helps": True}  # fmt: skip
VEIL_ROW = {"kind": LOOK, "name": "white part at the top"}


def said_of(**given):
    return fix_sentence("wedding/bouquet", VEIL_ROW, [TRIED | given])


def test_the_fix_says_what_it_was_measured_to_bring():
    words = said_of()
    assert words.startswith("Keep only pictures of which “bouquet” is the focal point. Tried with the 25 best of 64:")
    assert "fall from 48% to 0%; " in words and words.endswith("100% of its real pictures are still found.")
    assert said_of(found_after=0.96).endswith("of its real pictures 96% are found, before 100%.")


def test_narrowing_that_does_not_help_is_not_recommended():
    for tried in ({"wrong_before": 0.11, "wrong_after": 0.11, "p_wrong": 1.0}, {"found_after": 0.56}):
        words = said_of(helps=False, **tried)
        assert not words.startswith("Keep") and "does not help" in words
        assert words.startswith("Add pictures of “bouquet” without the white part at the top, and pictures with")
    assert "but only 3 real pictures of it say what that costs" in said_of(helps=False, real_with=3)
    assert "“bouquet” without" in fix_sentence("wedding/bouquet", VEIL_ROW, [])


def test_fewer_wrong_answers_are_told_by_a_paired_test():
    rng = np.random.default_rng(0)
    high, low = np.full(30, 0.9), np.full(30, 0.1)
    assert p_fewer_wrong(high, low) < 1e-6 and p_fewer_wrong(low, high) == 1.0 and p_fewer_wrong(high, high) == 1.0
    assert p_fewer_wrong(np.r_[high[:4], low], np.r_[low[:4], low]) > 0.05  # four of four may be chance
    drawn = [p_fewer_wrong(*(rng.random((2, 40)))) <= 0.05 for _ in range(400)]
    assert sum(drawn) <= binom.ppf(0.975, 400, 0.05)


def test_narrowing_helps_only_where_fewer_are_wrong_and_hardly_any_is_lost():
    dataset, features = wedding()
    read = read_pool(dataset, features.pictures, 2000)
    k = read.classes.index("bouquet")
    shows, n = read.real_member[:, k], read.pool.training
    keep = read.member[:, k] & (np.arange(n) % 3 == 0)

    def helps(found_after, wrong_after):
        before = np.full(len(shows), 0.9)
        after = np.where(shows, 0.9, wrong_after)
        after[np.flatnonzero(shows)[found_after:]] = 0.1
        table, _ = narrowing_rows(dataset, read, {k: Narrowing(keep, np.zeros(n), before, after)})
        return bool(table["helps"].iloc[0])

    assert shows.sum() == 10
    assert helps(10, 0.1) and not helps(9, 0.1) and not helps(10, 0.9) and not helps(0, 0.1)


def test_copies_of_one_picture_are_one_picture():
    def with_copies(copied):
        rng = np.random.default_rng(1)
        parts = [[THING]] * 30 + [[OTHER]] * 30
        labels = [("a",)] * 30 + [("b",)] * 30
        data, features = made(parts, labels, seed=1)
        pictures = features.pictures
        if copied:
            maps, pixels = pictures.maps.copy(), pictures.pixels
            maps[:30] = maps[0]
            pictures.maps, pictures.pixels = maps, lambda row: pixels(0 if int(row) < 30 else row)
        content = [f"{0 if copied and i < 30 else i}" for i in range(60)]
        images = data.images.assign(content_hash=content)
        return replace(data, images=images, _cache={}), features, rng

    data, features, _ = with_copies(True)
    result = find(data, features)
    found = next(f for f in result.findings().concepts if f.concept == "a")
    assert found.verdict is Verdict.CANNOT_TELL and found.score is None and found.extra["n"] == 1
    assert "too few" in found.headline and not len(result.companions)
    target = single_targets(replace(data, labels=label_frame([*enumerate("a" * 30 + "b" * 30), (7, "b")]), _cache={}))
    assert len(target.rows) == 31 and target.member[0].all()  # a copy's label counts for all of them
    plain, features, _ = with_copies(False)
    assert next(f for f in find(plain, features).findings().concepts if f.concept == "a").extra["n"] == 30


def test_what_cannot_be_told_has_no_score_and_says_so_in_plain_words():
    data, features = wedding()
    keep = data.images["origin"] == "training"
    few = [(i, c) for i, c in zip(data.labels["image"], data.labels["concept"], strict=True) if keep[i]]
    found = findings((replace(data, labels=label_frame(few), _cache={}), features))
    for one in found.concepts:
        if one.verdict is Verdict.CANNOT_TELL:
            assert one.score is None and "itself, or only its company" not in one.headline
    assert found.verdict is not Verdict.CANNOT_TELL or found.score is None


RUNS = 100


def at_random(seed: int, share: float, real_share: float):
    """Two concepts and pictures of neither; a veil in some of all, marks on some, real use with labels."""
    rng = np.random.default_rng(seed)
    own = {"bouquet": [THING], "couple": [OTHER], "": []}
    labels = [*["bouquet"] * 40, *["couple"] * 40, *[""] * 20, *["bouquet"] * 20, *["couple"] * 20]
    real = np.arange(len(labels)) >= 100
    veil = rng.random(len(labels)) < np.where(real, real_share, share)
    parts = [own[of] + ([VEIL] if with_veil else []) for of, with_veil in zip(labels, veil, strict=True)]
    marked = (rng.random(len(labels)) < 0.3).tolist()
    return made(parts, [(c,) if c else () for c in labels], real=real.tolist(), marked=marked, seed=seed)


def test_what_has_nothing_to_do_with_the_label_is_accused_no_more_often_than_alpha():
    alarms = sum(any(c.verdict in FIRES for c in findings(at_random(seed, 0.3, 0.6)).concepts) for seed in range(RUNS))
    assert alarms <= binom.ppf(0.95, RUNS, 0.05)
