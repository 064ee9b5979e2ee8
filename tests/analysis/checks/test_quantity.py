"""Quantity: a concept short of pictures comes first, what is fine passes, what cannot be said is not said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from analysis.checks.base import Findings, Unavailable, Verdict
from analysis.checks.quantity import Params, QuantityResult, _sentence, find_quantity, lower_tail, outlook
from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ModelInfo
from analysis.errors import Cancelled
from analysis.features import Features
from analysis.forecast import FACTORS, needed_factors
from analysis.learning_curve import measure
from analysis.probe import targets
from analysis.statistics import benjamini_hochberg

MODEL = ModelInfo("made", "made-1", "Made", "Shapes.", "Words.", 8, 8, 8, False)


def made(vectors: np.ndarray, concepts: list[tuple[str, ...]], origin: str = "training") -> tuple[Dataset, Features]:
    frame = pd.DataFrame(
        {"image_id": [f"{i}.jpg" for i in range(len(vectors))], "path": "/nowhere", "origin": origin, "split": None}
    )
    labels = label_frame((i, c) for i, names in enumerate(concepts) for c in names)
    dataset = Dataset("made", {"training": Path("/nowhere")}, frame, labels, label_frame([]))
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return dataset, Features(MODEL, vectors.astype(np.float32), vectors.astype(np.float32))


def clouds(seed: int, sizes: dict[str, int], apart: dict[str, float] | float = 3.0, noise: int = 24):
    """Normal clouds, one a concept, each around an axis of its own."""
    rng = np.random.default_rng(seed)
    parts, names = [], []
    for k, (name, n) in enumerate(sizes.items()):
        x = rng.normal(size=(n, len(sizes) + noise))
        x[:, k] += apart if isinstance(apart, float) else apart[name]
        parts.append(x)
        names += [(name,)] * n
    return made(np.concatenate(parts), names)


def findings(dataset: Dataset, features: Features, **options: object) -> Findings:
    result = find_quantity(dataset, features, Params(repeats=2, **options))
    assert isinstance(result, QuantityResult)
    return result.findings()


def test_well_separated_concepts_with_enough_pictures_pass() -> None:
    found = findings(*clouds(0, {"a": 60, "b": 60, "c": 60}, apart=7.0))
    assert found.verdict is Verdict.PASS
    assert found.score is not None and found.score > 0.97
    assert {c.extra["outlook"] for c in found.concepts} == {"reached"}
    assert all(c.fix == "" for c in found.concepts)


def test_a_planted_concept_short_of_pictures_comes_first_with_what_to_collect() -> None:
    dataset, features = clouds(1, {"a": 90, "short": 8, "c": 90, "d": 90}, apart=3.5)
    found = findings(dataset, features)
    first = found.concepts[0]
    assert (first.concept, first.verdict) == ("short", Verdict.WARN)
    assert [c.verdict for c in found.concepts[1:]] == [Verdict.PASS] * 3
    assert set(first.evidence) == set(dataset.images["image_id"][90:98])
    assert found.p_value is not None and found.p_value < 0.01
    assert first.extra["forecast"]["transfer"]["needed"] is None
    assert "Collect about 82 more pictures of short, so that it has as many as the other concepts" in first.fix


def test_concepts_that_cannot_be_told_apart_fail_because_more_will_not_help() -> None:
    found = findings(*clouds(2, {"a": 150, "b": 150}, apart=0.0))
    assert [c.verdict for c in found.concepts] == [Verdict.FAIL] * 2
    assert all("More of the same will not help" in c.fix for c in found.concepts)
    assert all(c.extra["forecast"]["transfer"]["needed"] is None for c in found.concepts)


def test_forecasts_stop_at_ten_times_the_pictures_and_never_fall() -> None:
    found = findings(*clouds(3, {"a": 40, "b": 25}, apart=2.0))
    for c in found.concepts:
        forecast = c.extra["forecast"]["transfer"]
        n = c.extra["n"]
        assert [point["n"] for point in forecast["at"]] == [n, 2 * n, 4 * n, 10 * n]
        means = [point["mean"] for point in forecast["at"]]
        assert means == sorted(means)
        assert all(0 <= p["low"] <= p["mean"] <= p["high"] <= 1 for p in forecast["at"])
        assert (forecast["metric"], forecast["target"]) == ("recall", 0.9)
        assert c.extra["forecast"]["deep"] is None


@pytest.mark.parametrize("sizes", [{"only": 40}, {"a": 1, "b": 1}, {"a": 2, "b": 1, "c": 1}])
def test_one_concept_or_a_handful_of_pictures_cannot_be_judged(sizes: dict[str, int]) -> None:
    found = findings(*clouds(4, sizes))
    assert found.verdict is Verdict.CANNOT_TELL
    assert found.reason
    assert all(c.extra["forecast"] == {"transfer": None, "deep": None} for c in found.concepts)


def test_a_concept_with_one_picture_is_left_open_and_harms_no_other() -> None:
    found = findings(*clouds(5, {"a": 60, "b": 60, "one": 1}, apart=7.0))
    by_name = {c.concept: c for c in found.concepts}
    assert by_name["one"].verdict is Verdict.CANNOT_TELL
    assert by_name["one"].extra["forecast"]["transfer"] is None
    assert by_name["one"].fix == "Collect at least 4 more pictures of one to be able to tell."
    assert by_name["a"].verdict is by_name["b"].verdict is Verdict.PASS


def test_what_was_not_measured_has_no_score() -> None:
    found = {f.concept: f for f in findings(*clouds(0, {"a": 40, "b": 40, "rare": 4}, apart=7.0)).concepts}
    assert found["rare"].verdict is Verdict.CANNOT_TELL and found["rare"].score is None
    assert found["rare"].fix.startswith("Collect at least 1 more picture of rare ")
    assert found["a"].score is not None and found["a"].score > 0.9


def test_what_ten_times_the_pictures_bring_is_never_rounded_up_to_the_target() -> None:
    row = {"n": 40, "now": 0.6, "far": 0.8996}
    assert "would bring 89 at best" in _sentence(Verdict.FAIL, row, Params())


def test_no_labels_and_real_world_labels_alone_are_unavailable() -> None:
    x = np.random.default_rng(0).normal(size=(20, 5))
    assert isinstance(find_quantity(*made(x, [()] * 20)), Unavailable)
    assert isinstance(find_quantity(*made(x, [("a",), ("b",)] * 10, origin="real_world")), Unavailable)


def test_parents_are_not_judged_and_several_labels_a_picture_are_all_asked_for() -> None:
    rng = np.random.default_rng(6)
    a, b, c = (rng.random(150) < 0.5 for _ in range(3))
    x = rng.normal(size=(150, 12)) * 0.4
    x[:, 0] += 3 * a
    x[:, 1] += 3 * b
    x[:, 2] += 3 * c
    names = [
        tuple(n for n, on in (("Up", True), ("Up/a", i), ("Up/b", j), ("c", k)) if on)
        for i, j, k in zip(a, b, c, strict=True)
    ]
    found = findings(*made(x, names))
    assert {f.concept for f in found.concepts} == {"Up/a", "Up/b", "c"}
    assert all(f.score is not None and f.score > 0.9 for f in found.concepts)


def test_the_same_input_gives_the_same_answer_and_the_seed_matters() -> None:
    data = clouds(7, {"a": 30, "b": 40, "c": 20}, apart=2.0)
    first, again, other = (findings(*data, seed=s) for s in (0, 0, 1))
    assert first == again
    pd.testing.assert_frame_equal(first.tables["curves"], again.tables["curves"])
    assert first.concepts != other.concepts


def test_a_stratified_part_of_a_large_dataset_is_used_and_said() -> None:
    found = findings(*clouds(8, {"a": 200, "b": 100}, apart=7.0), max_images=90)
    assert (found.extra["images"], found.extra["images_used"]) == (300, 90)
    assert "Measured with 90 of 300 pictures." in found.headline
    at = {c.concept: c.extra["forecast"]["transfer"]["at"][0]["n"] for c in found.concepts}
    assert at == {"a": 200, "b": 100}


def test_deep_without_pictures_says_so() -> None:
    found = findings(*clouds(9, {"a": 20, "b": 20}), deep=True)
    assert "no pictures" in str(found.extra["deep_note"])
    assert all(c.extra["forecast"]["deep"] is None for c in found.concepts)


def test_no_network_is_trained_on_a_handful_of_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object, **options: object) -> None:
        raise AssertionError("a network was trained")

    monkeypatch.setattr("analysis.deep_probe.measure_from_scratch", never)
    dataset, features = clouds(11, {"a": 5, "b": 5, "c": 5})
    found = findings(dataset, replace(features, pictures=object()), deep=True)
    assert found.extra["forecast"]["deep"] is None
    assert "15 pictures have a label" in str(found.extra["deep_note"])
    with pytest.raises(AssertionError, match="was trained"):
        dataset, features = clouds(11, {"a": 30, "b": 30})
        findings(dataset, replace(features, pictures=object()), deep=True)


def test_cancelling_gets_through() -> None:
    calls = 0

    def stop(done: int, total: int, note: str = "") -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        find_quantity(*clouds(10, {"a": 20, "b": 20}), progress=stop)


def test_where_every_recall_is_just_the_target_alarms_are_rare() -> None:
    """At the border of the null hypothesis, for 1, 6 and 80 concepts: hits as the binomial has them."""
    rng = np.random.default_rng(0)
    for concepts, n in ((1, 60), (6, 50), (80, 30)):
        rounds = 400
        alarms = sum(
            bool(
                (
                    benjamini_hochberg(lower_tail(rng.binomial(n, 0.9, concepts) / n, np.full(concepts, n), 0.9))
                    <= 0.05
                ).any()
            )
            for _ in range(rounds)
        )
        assert alarms <= binom.ppf(0.95, rounds, 0.05)


def test_two_clouds_found_at_the_target_rarely_alarm() -> None:
    """The measurement itself, not only the binomial: 200 fresh datasets whose recall is the target on average."""
    alarms, recalls = 0, []
    for seed in range(200):
        dataset, features = clouds(seed, {"a": 60, "b": 60}, apart=1.87, noise=2)
        goal = targets(dataset)
        measured = measure(features.image, goal.member, goal.classes, shares=np.array([0.5, 1.0]), repeats=2, seed=seed)
        recalls.append(measured.recall[:, -1])
        corrected = benjamini_hochberg(lower_tail(measured.recall[:, -1], measured.counts, _BORDER))
        alarms += bool((corrected <= 0.05).any())
    assert abs(np.mean(recalls) - _BORDER) < 0.005  # the null hypothesis holds with equality
    assert alarms <= binom.ppf(0.95, 200, 0.05)


_BORDER = 0.9


def test_words_of_the_outlook() -> None:
    assert outlook((1.0, 1.0, 1.0), 1.0) == "reached"
    assert outlook((3.0, 2.0, np.inf), 0.8) == "reachable"
    assert outlook((np.inf, 4.0, np.inf), 0.2) == "cannot_tell"
    assert outlook((np.inf, np.inf, np.inf), 0.01) == "no_help"
    assert outlook((np.inf, np.inf, np.inf), 0.01, rare=True) == "cannot_tell"
    assert outlook((np.inf, np.inf, np.inf), 0.01, within=True) == "cannot_tell"


def test_more_of_the_same_will_not_help_is_said_only_where_the_stated_interval_stays_below_the_target() -> None:
    """Few pictures: the curves may all stay below while what would be observed of them does not."""
    failed = open_ = 0
    for seed in range(20):
        apart = 1.2 if seed < 10 else 1.5
        for f in findings(*clouds(seed % 10, {"a": 15, "b": 15, "c": 15}, apart=apart, noise=2)).concepts:
            high = f.extra["forecast"]["transfer"]["at"][-1]["high"]  # type: ignore[index]
            if f.verdict is Verdict.FAIL:
                failed += 1
                assert high < Params().target and f"would bring {int(100 * high + 1e-9)} at best" in f.headline
            else:
                open_ += f.verdict is Verdict.WARN and high >= Params().target
                assert "will not help" not in f.fix
    assert failed and open_


def test_the_factor_needed_is_where_half_of_the_curves_have_reached_the_target() -> None:
    curves = np.tile(np.linspace(0.5, 1.0, len(FACTORS)), (10, 1))
    middle, low, high = needed_factors(curves, 0.75, 0.5)
    assert middle == low == high == FACTORS[np.flatnonzero(curves[0] >= 0.75)[0]]
    assert needed_factors(curves * 0.5, 0.75, 0.5) == (np.inf, np.inf, np.inf)
    assert needed_factors(curves, 0.75, 0.8) == (1.0, 1.0, 1.0)
