"""Scope: the colour, size or ground that training lacks is named first; a lamp is no colour; nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from analysis.checks.base import Findings, Unavailable, Verdict
from analysis.checks.scope import Params, ScopeResult, chosen, find_scope
from analysis.dataset import Dataset, label_frame
from analysis.declared_values import words_of
from analysis.embedders.base import ModelInfo
from analysis.errors import Cancelled
from analysis.features import Features
from analysis.missing_values import UNLIKE, Tally, _everywhere, exact, findings_of, tally, unlike_training
from analysis.prompt_values import calibrate
from analysis.subject_light import LIGHTS, common_light, relit
from analysis.subject_values import COLOURS, SAMPLES, SubjectValues, colours_of, measure, to_lab, to_linear
from analysis.taxonomy import Entry
from analysis.vendi import DRAWN, diversity, vendi

MODEL = ModelInfo("none", "none", "None", "", "", 2, 2, 8, False)
TONES = {
    "red": (190, 30, 35), "orange": (235, 130, 25), "yellow": (225, 195, 40), "green": (70, 150, 45),
    "blue": (40, 80, 180), "brown": (95, 62, 35), "white": (240, 238, 235), "black": (20, 20, 22),
}  # fmt: skip
Colour = Callable[[int], str]


class Album:
    """Thumbnails drawn beforehand."""

    def __init__(self, jpegs: list[bytes | None]) -> None:
        self.jpegs = jpegs

    def thumbnails(self, rows: Sequence[int]) -> list[bytes | None]:
        return [self.jpegs[int(r)] for r in rows]


def drawn(rng, tone, *, size=0.28, ground=(175, 175, 175), light=(1.0, 1.0, 1.0)):
    """A disc, bright on one side, before a plain ground, under a light; JPEG."""
    picture = np.full((96, 96, 3), ground, dtype=np.float64) + rng.normal(0, 6)
    x, y = (0.5 + rng.normal(0, 0.02, 2)) * 96
    cv2.circle(picture, (int(x), int(y)), max(4, int(size * 96 * rng.uniform(0.92, 1.08))), TONES[tone], -1)
    shade = np.linspace(1.1, 0.8, 96)[None, :, None] * rng.uniform(0.9, 1.1)
    lit = to_linear((np.clip(picture * shade, 0, 255) / 255).astype(np.float32)) * np.array(light)
    out = np.clip(255 * np.clip(lit, 0, 1) ** (1 / 2.2) + rng.normal(0, 3, lit.shape), 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", out[..., ::-1])[1].tobytes()


def opened(pictures, taxonomy=()):
    """Dataset and features of (concept or concepts, origin, jpeg) rows."""
    ids = [f"{'real_world:' if origin == 'real_world' else ''}{i}.jpg" for i, (_, origin, _) in enumerate(pictures)]
    frame = pd.DataFrame({"image_id": ids, "path": "/x", "origin": [p[1] for p in pictures], "split": None})
    labels = [(i, c) for i, (of, _, _) in enumerate(pictures) for c in ([of] if isinstance(of, str) else of)]
    x = np.random.default_rng(0).normal(size=(len(pictures), 2)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    data = Dataset("made", {}, frame, label_frame(labels), label_frame([]), taxonomy=tuple(taxonomy))
    return data, Features(MODEL, x, x, pictures=Album([p[2] for p in pictures]))


def fruit(seed=0, *, training: Colour, real: Colour, n=26, m=36, others=("orange", "yellow", "blue"), of=14, **drawing):
    """Apples of the colours given, and other fruit that is of one colour in both origins."""
    rng = np.random.default_rng(seed)
    rows = [("apple", "training", drawn(rng, training(i))) for i in range(n)]
    rows += [("apple", "real_world", drawn(rng, real(i), **drawing)) for i in range(m)]
    for tone in others:
        rows += [(f"{tone} fruit", "training", drawn(rng, tone)) for _ in range(of)]
        rows += [(f"{tone} fruit", "real_world", drawn(rng, tone, **drawing)) for _ in range(of)]
    return rows


def green(_: int) -> str:
    return "green"


def mixed(i: int) -> str:
    return ("red", "green", "red", "yellow")[i % 4]


def look(rows, taxonomy=(), **given) -> Findings:
    result = find_scope(*opened(rows, taxonomy), replace(Params(), **given))
    assert isinstance(result, ScopeResult)
    return result.findings()


def values_of(pictures: list[bytes]) -> SubjectValues:
    seen = [measure(cv2.imdecode(np.frombuffer(p, np.uint8), 1)[..., ::-1].copy()) for p in pictures]
    numbers = np.array([n for _, n in seen])
    points = np.array([p for p, _ in seen], dtype=np.float32)
    return SubjectValues(np.arange(len(seen)), points, numbers[:, 0], numbers[:, 1], numbers[:, 2:])


@pytest.fixture(scope="module")
def green_apples():
    return look(fruit(training=green, real=mixed, of=24))


def test_the_colour_that_training_lacks_is_named_first_with_counts_and_its_pictures_from_real_use(green_apples):
    first = green_apples.concepts[0]
    assert (first.concept, first.verdict) == ("apple", Verdict.FAIL) and green_apples.verdict is Verdict.FAIL
    assert first.headline.startswith("No red apple: 0 of 26 in training, 18 of 36 in real use")
    missing = first.extra["missing"]
    assert missing[0]["name"] == "red" and "yellow" in [m["name"] for m in missing]
    reds = {f"real_world:{26 + i}.jpg" for i in range(36) if mixed(i) == "red"}
    assert set(missing[0]["evidence"]) == reds == set(first.evidence[: len(reds)])
    assert "red apple" in first.fix and "No red apple" in green_apples.headline
    assert first.score == pytest.approx(1 - 27 / 36, abs=0.03)


def test_concepts_of_one_colour_in_both_origins_pass(green_apples):
    assert {f.verdict for f in green_apples.concepts[1:]} == {Verdict.PASS}
    assert all(not f.extra["missing"] and f.score == 1 for f in green_apples.concepts[1:])


@pytest.mark.parametrize(
    "light", [(1.25, 1.0, 0.62), (0.8, 1.0, 1.3), (0.45, 0.45, 0.45)], ids=["lamp", "shade", "dim"]
)
@pytest.mark.parametrize("others", [("orange", "blue"), ()], ids=["with others", "alone"])
def test_the_same_fruit_under_another_light_is_no_other_colour(light, others):
    found = look(fruit(training=green, real=green, light=light, others=others, n=18, m=18, of=10))
    assert found.verdict in (Verdict.PASS, Verdict.CANNOT_TELL), found.headline


def test_red_is_still_named_under_warm_light():
    found = look(fruit(training=green, real=mixed, n=18, m=24, of=10, light=(1.2, 1.0, 0.7)))
    assert found.concepts[0].extra["missing"][0]["name"] == "red"


def test_a_size_or_a_ground_that_one_concept_alone_lacks_is_named():
    rng = np.random.default_rng(1)
    far = fruit(training=green, real=green, n=20, m=16, of=12) + [
        ("apple", "real_world", drawn(rng, "green", size=0.1)) for _ in range(16)
    ]
    assert look(far).concepts[0].extra["missing"][0]["name"] == "small in the picture"
    black = [("apple", "real_world", drawn(rng, "green", ground=(30, 30, 32))) for _ in range(16)]
    found = look(fruit(training=green, real=green, n=20, m=16, of=12) + black).concepts[0]
    assert (
        found.extra["missing"][0]["name"] == "before a dark ground" and "apple before a dark ground" in found.headline
    )


def test_what_all_concepts_lack_alike_is_how_pictures_were_taken_and_no_finding_of_one():
    found = look(fruit(training=green, real=green, ground=(30, 30, 32)))
    assert found.verdict in (Verdict.PASS, Verdict.CANNOT_TELL) and "before a dark ground" in found.extra["everywhere"]


def counted(concept: str, training: int, real: int, clear: int) -> Tally:
    at = np.arange(clear)
    return Tally(concept, "colour", "purple", training, 48, real, 12, clear, clear, float("nan"), float("nan"), at)


def test_others_that_show_a_value_in_training_too_do_not_lack_it():
    own = counted("leaf", 0, 8, 8)
    shown = [(11, 5, 1), (7, 3, 1), (14, 4, 0), (16, 5, 1), (9, 6, 0)]  # as drawn, a little more often in real use
    others = [counted(f"o{i}", *n) for i, n in enumerate(shown)]
    assert not _everywhere(own, [own, *others])
    assert _everywhere(own, [own, *(counted(f"o{i}", 0, real, real) for i, (_, real, _) in enumerate(shown))])


def test_without_real_use_and_taxonomy_uniform_and_narrow_are_not_told_apart_and_siblings_give_a_hint():
    rng = np.random.default_rng(2)
    rows = [("apple", "training", drawn(rng, "green")) for _ in range(40)]
    for tone in ("blue", "yellow"):
        grounds = [(25, 25, 25), (175, 175, 175)]
        rows += [(tone, "training", drawn(rng, tone, ground=grounds[i % 2])) for i in range(30)]
    found = look(rows)
    assert {f.verdict for f in found.concepts} == {Verdict.CANNOT_TELL} and found.score is None
    assert "by nature" in found.reason and "sampled narrowly" in found.reason
    apple = next(f for f in found.concepts if f.concept == "apple")
    assert "green (100%)" in apple.headline and "by nature or only here" in apple.headline
    assert ("before a dark ground", False) in [(m["name"], m["certain"]) for m in apple.extra["missing"]]
    assert not any(m["certain"] for m in apple.extra["missing"])
    assert len(apple.extra["missing"][0]["evidence"]) > 0


@pytest.mark.parametrize(("include", "verdict"), [
    (("green apples",), Verdict.PASS),
    (("green apples", "red apples", "yellow apples"), Verdict.FAIL),
    (("green", "red", "green ones with a leaf"), Verdict.FAIL),
    (("sliced apples",), Verdict.CANNOT_TELL),
])  # fmt: skip
def test_the_taxonomys_values_are_looked_for_where_real_use_is_not_there(include, verdict):
    rng = np.random.default_rng(3)
    rows = [("apple", "training", drawn(rng, "green")) for _ in range(60)]
    found = look(rows, [Entry("apple", include=include)]).concepts[0]
    assert found.verdict is verdict, found.headline
    assert found.evidence
    if verdict is Verdict.FAIL:
        assert "red" in [m["name"] for m in found.extra["missing"]] and "taxonomy names it" in found.headline
    if verdict is Verdict.CANNOT_TELL:
        assert found.extra["not_looked_for"] == ["sliced apples"] and "open_clip" in found.headline


def test_few_pictures_cannot_prove_that_a_named_colour_is_missing():
    rng = np.random.default_rng(3)
    rows = [("apple", "training", drawn(rng, "green")) for _ in range(15)]
    found = look(rows, [Entry("apple", include=("red", "green"))])
    assert found.verdict is Verdict.CANNOT_TELL and "may be chance" in found.headline


class Words(Album):
    """Knows one direction for “sliced” and another for all other words."""

    def encode_texts(self, texts):
        return np.array([[0.0, 1.0] if "sliced" in t else [1.0, 0.0] for t in texts], dtype=np.float32)


@pytest.mark.parametrize("sees", [True, False])
def test_a_prompt_names_a_value_only_after_a_calibration_on_pictures_known_to_show_it(sees):
    rng = np.random.default_rng(8)
    rows = [("apple", "training", drawn(rng, "green")) for _ in range(50)]
    rows += [((), "real_world", drawn(rng, "green")) for _ in range(12)]
    data, features = opened([*rows, ("pear", "training", rows[0][2])], [Entry("apple", include=("sliced apples",))])
    cut = np.arange(len(data)) // 50 == 1
    images = data.images.assign(cut=np.where(cut, "Sliced Apple", None))
    data = replace(data, images=images, metadata=("cut",), _cache={})
    angle = np.where(cut & sees, 1.2, 0.3) + rng.normal(0, 0.1, len(cut))
    joint = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    features = replace(features, joint=joint, pictures=Words(features.pictures.jpegs))
    found = next(f for f in find_scope(data, features).findings().concepts if f.concept == "apple")
    if sees:
        assert found.verdict is Verdict.FAIL and "No “sliced apples”" in found.headline
        assert set(found.extra["missing"][0]["evidence"]) <= set(images["image_id"][cut])
    else:
        assert found.verdict is Verdict.CANNOT_TELL and found.extra["not_looked_for"] == ["sliced apples"]


def test_a_prompt_that_many_others_also_answer_is_not_trusted():
    score = np.concatenate([np.linspace(1, 2, 30), np.linspace(0, 0.9, 60)])
    known = np.arange(90) < 30
    prompt = calibrate("sliced", score, known)
    assert prompt is not None and prompt.right == 1 and prompt.shown(np.array([29, 89])).tolist() == [True, False]
    assert calibrate("sliced", np.where(np.arange(90) % 5, score, 1.5), known) is None
    assert calibrate("sliced", np.random.default_rng(0).normal(size=90), known) is None


def test_words_of_a_taxonomy():
    def said(**given):
        return [value or word for word, _, value in words_of(Entry("apple", **given))]

    assert said(include=("Red ones", "gray", "sliced")) == ["red", "grey", "sliced"]
    assert said(description="Red, yellow or green. Never blue or black.") == ["red", "yellow", "green"]
    assert said(description="An apple with a green leaf") == []
    assert said(description="A red and green bag with an apple") == []


def test_what_lies_beside_a_concept_or_is_denied_of_it_is_not_missed():
    rng = np.random.default_rng(3)
    rows = [("banana", "training", drawn(rng, "yellow")) for _ in range(60)]
    include = ("bananas in a blue plastic bag", "bananas without black spots", "bananas lying on a table")
    found = look(rows, [Entry("banana", include=include)])
    assert found.verdict is Verdict.CANNOT_TELL and not found.concepts[0].extra["missing"]
    assert found.concepts[0].extra["not_looked_for"] == list(include)
    both = look(rows, [Entry("banana", include=(*include, "yellow bananas"))])
    assert both.verdict is Verdict.PASS and "Looked for: yellow; not “bananas in" in both.concepts[0].headline


def test_without_pictures_of_real_use_nothing_is_said_of_the_world():
    rng = np.random.default_rng(3)
    rows = [("apple", "training", drawn(rng, "green")) for _ in range(60)]
    found = look(rows, [Entry("apple", include=("green apples", "red apples"))])
    assert found.verdict is Verdict.FAIL and "narrower than the taxonomy says" in found.headline
    assert "world" not in found.headline and "Looked for: green and red" in found.concepts[0].headline
    assert "world" not in look(rows, [Entry("apple", include=("green apples",))]).headline
    real = look([*rows, *[("apple", "real_world", drawn(rng, mixed(i))) for i in range(30)]])
    assert "narrower than the world" in real.headline and "taxonomy" not in real.headline


def test_few_pictures_are_not_called_fine_and_odd_datasets_do_not_break():
    assert look(fruit(training=green, real=green, n=14, m=13)).verdict is Verdict.CANNOT_TELL
    rng = np.random.default_rng(4)
    one = [("a", "training", drawn(rng, "red")), ("b", "training", None), ("c", "real_world", drawn(rng, "blue"))]
    assert look(one).verdict is Verdict.CANNOT_TELL
    nested = [(("Fruit", "Fruit/Apple"), "training", drawn(rng, "green")) for _ in range(14)]
    nested += [(("Fruit/Apple", "Thing"), "real_world", drawn(rng, "red")) for _ in range(14)]
    assert {f.concept for f in look(nested).concepts} == {"Fruit", "Fruit/Apple"}
    data, features = opened(one)
    assert isinstance(find_scope(data, replace(features, pictures=None)), Unavailable)
    assert isinstance(find_scope(*opened([((), "training", None)])), Unavailable)
    unlabelled = look([*one, *[((), "real_world", drawn(rng, "red")) for _ in range(20)]])
    assert unlabelled.verdict is Verdict.CANNOT_TELL


def test_unlabelled_real_use_counts_where_there_is_one_concept_alone():
    rng = np.random.default_rng(6)
    rows = [("apple", "training", drawn(rng, "green")) for _ in range(16)]
    rows += [((), "real_world", drawn(rng, mixed(i))) for i in range(20)]
    found = look(rows)
    assert found.concepts[0].extra["missing"][0]["name"] == "red" and "have no labels" in found.headline


def test_same_input_same_answer_and_cancel_is_let_through():
    few = fruit(training=green, real=mixed, n=13, m=13, of=0)
    assert look(few) == look(few)

    def stop(done, total, note=""):
        raise Cancelled

    with pytest.raises(Cancelled):
        find_scope(*opened(few), progress=stop)


def test_too_many_pictures_are_drawn_from_evenly():
    data, _ = opened([(c, "training", None) for c, n in (("a", 300), ("b", 40)) for _ in range(n)])
    sizes = {c: len(rows) for (c, origin), rows in chosen(data, ["a", "b"], Params(most_pictures=120)).items()
             if origin == "training"}  # fmt: skip
    assert sizes["b"] == 40 and 60 <= sizes["a"] <= 80


def pool(rng, n=300):
    """Subjects of many colours, sizes, grounds, as a wide concept has."""
    tones = np.array([TONES[t] for t in TONES], dtype=np.float32)[rng.integers(0, len(TONES), n)] / 255
    points = to_linear(np.clip(tones[:, None] + rng.normal(0, 0.03, (n, 8, 3)), 0, 1).astype(np.float32))
    ground = rng.uniform(0.02, 0.9, (n, 1)) * rng.uniform(0.7, 1.3, (n, 3))
    return SubjectValues(np.arange(n), points, rng.uniform(0.1, 1, n), rng.uniform(-1, 1, n), ground)


def test_on_equal_halves_it_alarms_no_more_often_than_alpha_and_it_can_alarm():
    rng = np.random.default_rng(0)
    every = pool(rng)
    alarms, runs = 0, 100
    for _ in range(runs):
        order = rng.permutation(300)
        parts = [every.take(order[i : i + 30]) for i in range(0, 120, 30)]
        found = findings_of(tally(["a", "b"], parts[:2], parts[2:], 0.05), 0.05)
        alarms += any(t.missing for t in found)
    assert alarms <= binom.ppf(0.95, runs, 0.05)
    main = colours_of(every.points).main
    blue = COLOURS.index("blue")
    without = every.take(np.flatnonzero(main != blue)[:100])
    found = findings_of(tally(["a"], [without], [every.take(np.arange(200, 300))], 0.05), 0.05)
    assert [t.value for t in found if t.missing] == ["blue"]


@pytest.mark.parametrize("kind", ["colour", "background"])
def test_a_tone_that_a_plausible_light_explains_is_not_unlike_training_and_another_colour_is(kind):
    every = pool(np.random.default_rng(1), 60)
    tone = to_linear(np.array([[200, 150, 60]], dtype=np.float32) / 255)
    training = replace(every, points=np.tile(tone, (60, 8, 1)), ground=np.tile(tone, (60, 1)).astype(np.float64))
    names = set()
    for gains in LIGHTS:
        lit = 1 / np.array(gains)
        real = replace(training, points=(training.points * lit).astype(np.float32), ground=training.ground * lit)
        names |= {int(c) for c in colours_of(real.points).main}
        assert (unlike_training(training, real, kind) < UNLIKE[kind]).all()
    assert len(names) > 1  # the light does change what the colour is called
    red = np.tile(to_linear(np.array([[190, 30, 35]], dtype=np.float32) / 255), (60, 8, 1))
    assert (unlike_training(training, replace(training, points=red, ground=red[:, 0]), kind) > UNLIKE[kind]).all()


def test_the_exact_test_is_that_of_fisher():
    from scipy.stats import fisher_exact

    assert exact(1, 20, 9, 30) == pytest.approx(fisher_exact([[1, 19], [9, 21]], alternative="less").pvalue)


@pytest.mark.parametrize("name", sorted(TONES))
def test_plain_tones_get_their_usual_name(name):
    points = np.tile(to_linear(np.array(TONES[name], dtype=np.float32) / 255), (1, SAMPLES, 1))
    assert COLOURS[int(colours_of(points).main[0])] == name
    grey = to_lab(np.full((1, 1, 3), 0.2, dtype=np.float32))
    assert abs(float(grey[0, 0, 1])) < 0.5


def test_light_common_to_the_others_is_taken_out_and_one_other_is_not_enough():
    lamp = np.log([1.5, 1.0, 0.7])
    assert common_light([lamp, lamp, np.zeros(3)]) == pytest.approx(lamp)
    assert common_light([lamp]) == pytest.approx(np.zeros(3))
    points = np.full((2, 3, 3), 0.2, dtype=np.float32)
    assert relit(points * np.exp(lamp).astype(np.float32), lamp) == pytest.approx(points, rel=1e-5)
    assert LIGHTS[0] == (1.0, 1.0, 1.0)


def test_vendi_is_one_for_copies_and_the_number_of_pictures_where_none_are_alike():
    assert vendi(np.tile([1.0, 0.0], (7, 1))) == pytest.approx(1)
    assert vendi(np.eye(7)) == pytest.approx(7)
    assert diversity(np.eye(60)).value == pytest.approx(DRAWN)
    assert np.isnan(diversity(np.eye(DRAWN - 1)).value) and np.isnan(diversity(np.eye(DRAWN)).low)


def test_vendi_does_not_grow_with_the_dataset_and_its_interval_holds_the_truth():
    rng = np.random.default_rng(5)

    def sample(n):
        x = rng.normal(0, 0.6, (n, 16)) + np.eye(16)[0]
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    large = diversity(sample(3000)).value
    held = [low <= large <= high for low, high in ((d.low, d.high) for d in (diversity(sample(60)) for _ in range(12)))]
    assert sum(held) >= 9
