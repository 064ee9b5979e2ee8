"""Picture quality: planted faults are found, unusual but fine sets are not, real use decides what is a fault."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from analysis.checks.base import IMAGES, Findings, Unavailable, Verdict
from analysis.checks.image_quality import (
    DEFAULT_PARAMS,
    ImageQualityResult,
    find_image_quality,
)
from analysis.dataset import REAL_WORLD, TRAINING, Dataset, label_frame
from analysis.fault_shares import FALSE_ALARMS, upper_tail
from analysis.faults import FAULTS, beyond, find_limits, limit, measures, scores

KINDS = [f.kind for f in FAULTS]
Z = 3.09
PLANT: dict[str, dict[str, float]] = {
    "dark": {"brightness": 0.08, "subject_brightness": 0.08},
    "overexposed": {"clipped": 0.7, "clipped_white": 0.35, "subject_brightness": 0.75, "brightness": 0.85},
    "blurry": {"blur": 2.1},
    "low_information": {"structure": 1.0, "blur": np.nan, "blockiness": np.nan, "jpeg_quality": np.nan},
    "odd_aspect_ratio": {"width": 256, "height": 51, "aspect_ratio": 256 / 51},
    "compressed": {"blockiness": 0.9},
    "tiny": {"width": 32, "height": 24},
}


def photos(n: int, seed: int = 0, **fixed: float) -> pd.DataFrame:
    """Attribute columns of n ordinary photos of 256 pixels, as spread out as real ones."""
    rng = np.random.default_rng(seed)
    light = np.exp(rng.normal(np.log(0.42), 0.17, n))
    burnt = rng.beta(0.6, 12, n)
    frame = pd.DataFrame(
        {
            "width": 256,
            "height": rng.choice([192, 256], n),
            "brightness": np.clip(light * rng.normal(1.05, 0.1, n), 0, 1),
            "subject_brightness": light,
            "blur": np.exp(rng.normal(np.log(0.68), 0.17, n)),
            "structure": np.exp(rng.normal(np.log(60), 0.25, n)),
            "clipped": burnt,
            "clipped_white": burnt * rng.uniform(0, 1, n),
            "blockiness": np.clip(rng.normal(0.15, 0.06, n), 0, 1),
            "jpeg_quality": 82.0,
        }
    )
    frame["aspect_ratio"] = frame["width"] / frame["height"]
    return frame.assign(**fixed)


def dataset(images: pd.DataFrame, concepts: list[tuple[str, ...]] | None = None, real: int = 0) -> Dataset:
    """The last `real` rows come from real use; concepts in turn `a`, `b` unless given."""
    n = len(images)
    names = concepts if concepts is not None else [("ab"[i % 2],) for i in range(n)]
    frame = images.reset_index(drop=True).assign(
        image_id=[f"{i}.jpg" for i in range(n)],
        path="/nowhere",
        origin=[TRAINING] * (n - real) + [REAL_WORLD] * real,
        split=None,
    )
    labels = label_frame((i, c) for i, each in enumerate(names) for c in each)
    return Dataset("made", {"training": Path("/nowhere")}, frame, labels, label_frame([]))


def plant(images: pd.DataFrame, rows: list[int], kind: str) -> pd.DataFrame:
    out = images.astype(float)
    for column, value in PLANT[kind].items():
        out.loc[rows, column] = value
    return out


def run(data: Dataset, **params: object) -> tuple[ImageQualityResult, Findings]:
    result = find_image_quality(data, params=replace(DEFAULT_PARAMS, **params))  # type: ignore[arg-type]
    assert isinstance(result, ImageQualityResult)
    return result, result.findings()


@pytest.mark.parametrize("kind", KINDS)
def test_each_planted_fault_is_named_and_comes_first(kind: str) -> None:
    rows = list(range(0, 40, 2))  # all of concept a
    result, found = run(dataset(plant(photos(200), rows, kind)))
    flagged = result.images[result.images["image_quality_flag"]]
    assert set(flagged.index) >= set(rows) and len(flagged) <= len(rows) + 3
    assert all(result.images["image_quality_reasons"][i] == [kind] for i in rows)
    assert set(found.evidence[: len(rows)]) == {f"{i}.jpg" for i in rows}
    assert found.verdict is Verdict.FAIL and found.concepts[0].concept == "a"
    assert found.extra["reasons"][kind] >= len(rows)  # type: ignore[index]
    assert found.concepts[1].verdict is Verdict.PASS
    assert found.fix and found.concepts[0].fix and f"{len(rows)} " in found.headline


def test_the_flag_is_true_exactly_when_a_reason_is_given_and_then_the_score_is_at_most_a_half() -> None:
    images = photos(300, seed=3)
    for i, kind in enumerate(KINDS):
        images = plant(images, [10 * i, 10 * i + 1], kind)
    result, found = run(dataset(images))
    table = found.tables[IMAGES]
    assert table["image_id"].tolist() == [f"{i}.jpg" for i in range(300)]
    assert table["image_quality_flag"].equals(table["image_quality_reasons"].map(bool))
    assert table["image_quality_score"].between(0, 1).all()
    assert table["image_quality_flag"].equals(table["image_quality_score"] <= 0.5)
    assert set(table["image_quality_reasons"].explode().dropna()) == set(KINDS)
    assert (result.pictures["flagged"].sum()) == table["image_quality_reasons"].map(len).sum()


@pytest.mark.parametrize("concepts", [1, 5])
def test_clean_photos_alarm_no_more_often_than_alpha(concepts: int) -> None:
    runs, alarms, flagged = 100, 0, 0
    for seed in range(runs):
        names = [(f"c{i % concepts}",) for i in range(200)]
        result, found = run(dataset(photos(200, seed=1000 + seed), names))
        alarms += found.verdict in (Verdict.WARN, Verdict.FAIL)
        flagged += int(result.images["image_quality_flag"].sum())
    assert alarms <= binom.ppf(0.95, runs, 0.05)
    assert flagged / (200 * runs) <= FALSE_ALARMS


@pytest.mark.parametrize("concepts", [1, 20])
def test_with_mistakes_at_the_stated_rate_alarms_stay_within_alpha(concepts: int) -> None:
    """The binomial test itself: 2 of 100 pictures flagged by mistake is what the null allows."""
    runs, alarms = 100, 0
    names = [(f"c{i % concepts}",) for i in range(400)]
    images = photos(400, seed=1, brightness=0.5, subject_brightness=0.45, blur=0.7, structure=60, clipped=0.0)
    for seed in range(runs):
        wrong = np.flatnonzero(np.random.default_rng(seed).random(400) < FALSE_ALARMS).tolist()
        _, found = run(dataset(images.assign(blur=np.where(np.isin(range(400), wrong), 2.2, 0.7)), names))
        alarms += found.verdict in (Verdict.WARN, Verdict.FAIL)
    assert alarms <= binom.ppf(0.95, runs, 0.05)


def test_a_set_of_night_photos_is_not_flagged_but_a_dark_one_among_daylight_photos_is() -> None:
    rng = np.random.default_rng(0)
    night = np.exp(rng.normal(np.log(0.16), 0.18, 150))
    result, found = run(dataset(photos(150, subject_brightness=night, brightness=night)))
    assert result.images["image_quality_reasons"].map(lambda r: "dark" in r).sum() <= 1
    assert found.verdict is Verdict.PASS
    one = photos(150).astype(float)
    one.loc[7, ["subject_brightness", "brightness"]] = 0.16
    result, _ = run(dataset(one))
    assert result.images["image_quality_reasons"][7] == ["dark"]


def test_what_no_person_would_keep_is_flagged_however_common() -> None:
    result, found = run(dataset(photos(100, subject_brightness=0.02, brightness=0.02)))
    assert result.images["image_quality_flag"].all() and found.verdict is Verdict.FAIL


def test_white_backdrops_are_not_overexposed_but_a_burnt_out_subject_before_one_is() -> None:
    rng = np.random.default_rng(2)
    white = np.clip(rng.normal(0.55, 0.07, 120), 0.3, 0.75)
    studio = photos(120, clipped=white + 0.02, clipped_white=white, brightness=0.84)
    studio["subject_brightness"] = rng.normal(0.58, 0.06, 120)
    studio.loc[5, ["clipped", "clipped_white", "subject_brightness"]] = [0.98, 0.6, 0.85]
    result, _ = run(dataset(studio))
    flagged = result.images["image_quality_reasons"]
    assert flagged[5] == ["overexposed"]
    assert flagged.map(bool).sum() <= 3


def test_a_picture_at_twice_the_brightness_before_a_white_ground_is_overexposed() -> None:
    """Burnt parts of the subject count, not how much of the picture is white ground."""
    rng = np.random.default_rng(3)
    white = np.clip(rng.normal(0.6, 0.1, 150), 0.2, 0.85)
    studio = photos(150, clipped=white + rng.uniform(0.01, 0.05, 150), clipped_white=white, brightness=0.84)
    studio["subject_brightness"] = rng.normal(0.62, 0.07, 150)
    studio.loc[5, ["clipped", "clipped_white", "subject_brightness"]] = [0.74, 0.5, 0.7]
    assert run(dataset(studio))[0].images["image_quality_reasons"][5] == ["overexposed"]
    everyday = photos(150, seed=4)
    everyday.loc[5, ["clipped", "clipped_white", "subject_brightness"]] = [
        0.42,
        0.41,
        0.6,
    ]  # a burnt-out ground, no more
    assert run(dataset(everyday))[0].images["image_quality_reasons"][5] == []


def test_dark_pictures_common_in_real_use_are_not_flagged_and_their_absence_is_the_finding() -> None:
    images = plant(photos(300), [0, 1, *range(200, 220)], "dark")
    result, found = run(dataset(images, real=100))
    assert found.extra["common_in_real_use"] == ["dark"]
    assert not result.images["image_quality_reasons"].map(lambda r: "dark" in r).any()
    assert result.images["image_quality_score"][[0, 1, 205]].min() > 0.5
    assert found.verdict is Verdict.WARN
    assert found.headline.startswith("Training lacks pictures that real use has: dark (2")
    assert "of real use, 1.0% of training)" in found.headline
    assert found.extra["lacking"][0]["kind"] == "dark"  # type: ignore[index]
    assert set(found.evidence[:20]) == {f"{i}.jpg" for i in range(200, 220)}
    assert all(c.verdict is Verdict.WARN and "hardly has the dark pictures" in c.headline for c in found.concepts)
    assert found.fix.startswith("Collect dark pictures")


def test_one_flagged_picture_as_by_mistake_does_not_come_before_what_training_lacks() -> None:
    images = plant(plant(photos(300), list(range(200, 220)), "dark"), [7], "tiny")
    result, found = run(dataset(images, real=100))
    assert result.images["image_quality_flag"][7] and "no more than would be flagged by mistake" in found.headline
    assert "7.jpg" not in found.evidence[:20] and "7.jpg" in found.evidence
    (b,) = (c for c in found.concepts if c.concept == "b")
    assert b.verdict is Verdict.WARN and b.evidence[0] != "7.jpg" and "7.jpg" in b.evidence


def test_a_concept_is_named_for_what_is_missing_only_by_its_own_pictures_of_real_use() -> None:
    """Nine of 12 real-world pictures of glass and one of metal are blurry; paper has one training picture."""
    names = [("glass",)] * 25 + [("metal",)] * 25 + [("paper",)] + [("glass",)] * 12 + [("metal",)] * 12
    names += [("paper",)] * 12
    _, found = run(dataset(plant(photos(87), [*range(51, 60), 65], "blurry"), names, real=36))
    by_name = {c.concept: c for c in found.concepts}
    assert by_name["glass"].verdict is Verdict.FAIL
    assert set(by_name["glass"].evidence) == {f"{i}.jpg" for i in range(51, 60)}
    assert by_name["metal"].verdict is by_name["paper"].verdict is Verdict.PASS
    assert not by_name["paper"].evidence and by_name["paper"].headline == "Its one training picture is not flagged."
    assert found.verdict is Verdict.FAIL and found.score == by_name["glass"].score == pytest.approx(0.25)
    assert found.p_value == by_name["glass"].extra["p_value"] < 0.001  # type: ignore[operator]
    assert "Above all of glass: blurry (75% of its real use" in found.headline


def test_without_labels_on_real_use_the_whole_lacks_it_and_one_concept_bears_that() -> None:
    names = [("big",)] * 150 + [("small",)] * 50 + [()] * 100
    images = plant(photos(300), [*range(150, 152), *range(200, 220)], "dark")
    _, found = run(dataset(images, names, real=100))
    big, small = found.concepts
    assert (big.concept, big.verdict, small.verdict) == ("big", Verdict.WARN, Verdict.PASS)
    assert "training as a whole hardly has the dark pictures" in big.headline and "its real use" not in big.headline
    assert found.verdict is Verdict.WARN and found.score == big.score
    assert found.p_value == big.extra["p_value"] < 0.05  # type: ignore[operator]
    assert set(big.evidence) >= {f"{i}.jpg" for i in range(200, 220)} and not small.evidence


def test_with_fewer_than_ten_pictures_of_real_use_a_concept_is_not_named_for_its_own() -> None:
    names = [("a",)] * 25 + [("b",)] * 25 + [("a",)] * 30 + [("b",)] * 9
    _, found = run(dataset(plant(photos(89), list(range(80, 89)), "blurry"), names, real=39))
    first, second = found.concepts
    assert first.concept == "b" and first.extra["borne_for_the_whole"] and "training as a whole" in first.headline
    assert second.verdict is Verdict.PASS


def test_what_no_concept_lacks_significantly_alone_is_the_finding_of_the_whole() -> None:
    names = [(f"c{i % 20:02}",) for i in range(400)]
    images = plant(photos(400), list(range(300, 330)), "dark")  # of each concept one or two of ten
    _, found = run(dataset(images, names, real=200))
    assert found.verdict is Verdict.WARN and found.extra["lacking"]
    assert [c.verdict for c in found.concepts] == [Verdict.WARN] + [Verdict.PASS] * 19
    assert found.concepts[0].extra["borne_for_the_whole"] and found.p_value <= 0.05  # type: ignore[operator]


def test_a_warning_or_worse_always_has_a_p_value_of_at_most_alpha() -> None:
    images = plant(plant(photos(300), [*range(200, 230)], "dark"), [*range(0, 40, 2)], "blurry")
    thin = dataset(plant(photos(400), list(range(24)), "blurry"), [(f"c{i % 40}",) for i in range(400)])
    for data in (dataset(images, real=100), thin):
        _, found = run(data)
        assert found.verdict in (Verdict.WARN, Verdict.FAIL) and found.p_value <= 0.05  # type: ignore[operator]
        for c in found.concepts:
            assert (c.verdict is Verdict.PASS) == (c.extra["p_value"] > 0.05)  # type: ignore[operator]


@pytest.mark.parametrize(("share", "labelled"), [(0.06, True), (0.15, True), (0.15, False)])
def test_faults_as_frequent_in_training_as_in_real_use_are_called_missing_no_more_often_than_alpha(
    share: float, labelled: bool
) -> None:
    runs, alarms = 100, 0
    for seed in range(runs):
        images, rng = photos(320, seed=seed), np.random.default_rng(seed)
        for kind in ("dark", "blurry", "compressed"):
            images = plant(images, np.flatnonzero(rng.random(320) < share).tolist(), kind)
        names = [(f"c{i % 4}",) if labelled or i < 200 else () for i in range(320)]
        found = run(dataset(images, names, real=120))[1]
        alarms += bool(found.extra["lacking"]) or any(c.extra["lacking"] for c in found.concepts)
    assert alarms <= binom.ppf(0.95, runs, 0.05)


def test_a_fault_that_training_has_as_often_as_real_use_is_no_finding() -> None:
    images = plant(photos(300), [*range(40), *range(200, 220)], "dark")
    _, found = run(dataset(images, real=100))
    assert found.extra["common_in_real_use"] == ["dark"] and found.extra["lacking"] == []
    assert found.verdict is Verdict.PASS


def test_a_fault_rare_in_real_use_is_still_flagged_in_training() -> None:
    images = plant(photos(300), [*range(10), 250], "blurry")
    result, found = run(dataset(images, real=100))
    assert found.extra["common_in_real_use"] == []
    assert result.images["image_quality_flag"][:10].all() and found.verdict is Verdict.WARN


def test_half_of_real_use_being_dark_and_none_of_training_fails() -> None:
    _, found = run(dataset(plant(photos(200), list(range(100, 150)), "dark"), real=100))
    assert found.verdict is Verdict.FAIL and found.score == pytest.approx(0.5, abs=0.02)


def test_flags_spread_thin_over_many_concepts_still_count_for_the_dataset() -> None:
    names = [(f"c{i % 40}",) for i in range(400)]
    _, found = run(dataset(plant(photos(400), list(range(24)), "blurry"), names))
    assert found.verdict in (Verdict.WARN, Verdict.FAIL)
    assert found.verdict is found.concepts[0].verdict and found.concepts[0].evidence


def test_few_pictures_give_cannot_tell_but_extreme_ones_are_still_named() -> None:
    _, found = run(dataset(photos(12)))
    assert found.verdict is Verdict.CANNOT_TELL and "12 training pictures" in found.reason
    result, found = run(dataset(plant(photos(12), [3, 5, 7], "dark").assign(brightness=0.04).round(3)))
    assert found.verdict is Verdict.CANNOT_TELL or result.images["image_quality_flag"][3]
    black = photos(12).astype(float)
    black.loc[[3, 5], ["subject_brightness", "brightness"]] = 0.02
    result, found = run(dataset(black))
    assert result.images["image_quality_reasons"][3] == ["dark"] and found.verdict is Verdict.FAIL


def test_no_labels_one_concept_one_picture_nested_and_multi_label_survive() -> None:
    images = plant(photos(60), list(range(8)), "blurry")
    _, unlabelled = run(dataset(images, [()] * 60))
    assert unlabelled.verdict is Verdict.FAIL and unlabelled.concepts == ()
    names = [("Fruit/Apple", "Red")] * 30 + [("Fruit",)] * 29 + [("Single",)]
    _, found = run(dataset(images, names))
    by_name = {c.concept: c for c in found.concepts}
    assert by_name["Fruit/Apple"].extra["flagged"] == 8 <= by_name["Fruit"].extra["flagged"]
    assert by_name["Single"].verdict is Verdict.PASS
    _, one = run(dataset(photos(1), [("a",)]))
    assert one.verdict is Verdict.CANNOT_TELL


def test_pictures_of_real_use_alone_and_a_concept_without_training_pictures_survive() -> None:
    result, found = run(dataset(photos(40), real=40))
    assert "no training picture" in found.reason
    assert len(result.images) == 40 and all(c.verdict is Verdict.CANNOT_TELL for c in found.concepts)


def test_pictures_that_were_not_measured_make_it_unavailable() -> None:
    found = find_image_quality(dataset(photos(30).drop(columns="blur")))
    assert isinstance(found, Unavailable)


def test_attributes_that_are_all_missing_flag_nothing() -> None:
    empty = photos(50).astype(float)
    empty[["blur", "blockiness", "jpeg_quality", "subject_brightness", "brightness"]] = np.nan
    result, _ = run(dataset(empty))
    assert not result.images["image_quality_flag"].any()
    assert (result.images["image_quality_score"] > 0.5).all()


def test_large_jpegs_are_judged_for_compression_by_what_the_file_says() -> None:
    images = photos(60, blockiness=np.nan, width=4000, height=3000).astype(float)
    images.loc[[4, 9], "jpeg_quality"] = 6
    result, _ = run(dataset(images))
    compressed = result.images["image_quality_reasons"].map(lambda r: "compressed" in r)
    assert result.images.index[compressed].tolist() == [4, 9]


def test_a_dark_picture_is_called_dark_not_empty() -> None:
    images = plant(photos(100), [0], "dark")
    images.loc[0, "structure"] = 4.0
    result, _ = run(dataset(images))
    assert result.images["image_quality_reasons"][0] == ["dark"]


def test_the_same_input_gives_the_same_answer() -> None:
    images = plant(photos(100), [1, 2], "compressed")
    first, second = run(dataset(images))[1], run(dataset(images))[1]
    assert first == second
    assert all(first.tables[name].equals(second.tables[name]) for name in first.tables)


@settings(max_examples=60, deadline=None)
@given(
    fault=st.sampled_from(FAULTS),
    middle=st.floats(0.05, 300),
    spread=st.floats(0.0, 2.0),
    n=st.integers(0, 80),
    z=st.floats(0.5, 6.0),
)
def test_a_limit_always_lies_between_suspicious_and_useless(fault, middle, spread, n, z) -> None:  # type: ignore[no-untyped-def]
    values = middle * np.exp(np.random.default_rng(0).normal(0, spread, n))
    low, high = sorted((fault.suspicious, fault.useless))
    assert low * 0.999 <= limit(fault, values, z) <= high * 1.001


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), worse=st.sampled_from(["blur", "blockiness"]), factor=st.floats(1.0, 4.0))
def test_a_worse_picture_never_scores_better(seed: int, worse: str, factor: float) -> None:
    images = photos(40, seed=seed)
    before = measures(images)
    limits = find_limits(before, np.ones(40, dtype=bool), Z)
    images.loc[0, worse] = images.loc[0, worse] * factor
    after = measures(images)
    assert (scores(after, limits).iloc[0] <= scores(before, limits).iloc[0]).all()
    assert (beyond(after, limits).iloc[0] >= beyond(before, limits).iloc[0]).all()


def test_planted_faults_hardly_move_the_limit() -> None:
    clean = photos(200)
    hit = plant(clean, list(range(30)), "blurry")
    reference = np.ones(200, dtype=bool)
    before = find_limits(measures(clean), reference, Z)["blurry"]
    assert find_limits(measures(hit), reference, Z)["blurry"] == pytest.approx(before, rel=0.05)


def test_the_tail_is_that_of_the_binomial() -> None:
    assert upper_tail(0, 0, 50) == 1.0
    assert upper_tail(5, 0, 50) == pytest.approx(2 * binom.sf(4, 50, 0.02))
    assert upper_tail(1, 1, 1) == pytest.approx(2 * 0.002)


def test_progress_is_told_and_a_cancel_goes_through() -> None:
    class Stop(Exception):
        pass

    def progress(done: int, total: int, note: str = "") -> None:
        if done == 1:
            raise Stop

    with pytest.raises(Stop):
        find_image_quality(dataset(photos(30)), progress=progress)
