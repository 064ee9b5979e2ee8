"""Balance: equal counts pass, chance rarely alarms, a rare concept is found first."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from analysis.checks.balance import (
    BalanceResult,
    Params,
    _verdicts,
    compared_groups,
    find_balance,
    lower_tail,
)
from analysis.checks.base import Findings, Unavailable, Verdict
from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ModelInfo
from analysis.features import Features
from analysis.statistics import benjamini_hochberg


def made(training: Mapping[tuple[str, ...], int], real_world: Mapping[tuple[str, ...], int] | None = None) -> Dataset:
    """`{("A", "B"): 3}`: three images with both labels."""
    images = [("training", c) for c, n in training.items() for _ in range(n)]
    images += [("real_world", c) for c, n in (real_world or {}).items() for _ in range(n)]
    frame = pd.DataFrame(
        {
            "image_id": [f"{i}.jpg" for i in range(len(images))],
            "path": "/nowhere",
            "origin": [origin for origin, _ in images],
            "split": None,
        }
    )
    labels = label_frame((i, c) for i, (_, concepts) in enumerate(images) for c in concepts)
    return Dataset("made", {"training": Path("/nowhere")}, frame, labels, label_frame([]))


def counted(**counts: int) -> Dataset:
    return made({(name,): n for name, n in counts.items()})


def findings(dataset: Dataset) -> Findings:
    result = find_balance(dataset)
    assert isinstance(result, BalanceResult)
    return result.findings()


@pytest.mark.parametrize("n", [1, 3, 30, 3000])
def test_equal_counts_pass_with_a_full_score(n: int) -> None:
    found = findings(counted(**{f"c{i}": n for i in range(max(2, 24 // n))}))
    assert found.verdict is Verdict.PASS
    assert found.score == 1.0
    assert "equally common" in found.headline
    assert all(c.fix == "" and c.evidence == () for c in found.concepts)


def test_a_planted_rare_concept_is_found_first_with_its_pictures_and_what_to_collect() -> None:
    dataset = counted(a=60, b=58, rare=19, c=59, d=62)
    found = findings(dataset)
    first = found.concepts[0]
    assert found.verdict is Verdict.WARN
    assert (first.concept, first.verdict) == ("rare", Verdict.WARN)
    assert [c.verdict for c in found.concepts[1:]] == [Verdict.PASS] * 4
    assert found.score == first.score == pytest.approx(19 / (258 / 5))
    assert first.fix == "Collect about 40 more pictures of rare to reach the typical 59."
    assert set(first.evidence) == set(dataset.images["image_id"][118:137])
    assert "rare" in found.headline


def test_a_tenth_of_the_share_fails() -> None:
    found = findings(counted(a=100, b=100, c=100, d=5))
    assert next((c.concept, c.verdict) for c in found.concepts) == ("d", Verdict.FAIL)
    assert found.verdict is Verdict.FAIL


def test_a_small_gap_in_a_large_dataset_is_not_worth_a_warning() -> None:
    found = findings(counted(a=5000, b=5000, c=4500))
    assert found.verdict is Verdict.PASS
    assert found.p_value is not None and found.p_value < 1e-6


def test_one_concept_that_crowds_out_the_rest_is_named_in_the_fix() -> None:
    found = findings(counted(giant=1000, **{f"c{i}": 50 for i in range(9)}))
    assert [c.verdict for c in found.concepts] == [Verdict.WARN] * 9 + [Verdict.PASS]
    assert "Use fewer of the 1,000 pictures of giant" in found.concepts[0].fix


def test_parent_and_child_never_compete() -> None:
    # 10 leaves of 30; their parent holds 300 and must not make them look rare, nor the leaves the parent large
    leaves = {(f"Fruit/{i}",): 30 for i in range(10)}
    found = findings(made({**leaves, ("Fruit",): 5, ("Leek",): 30, ("Veg/Kale",): 290}))
    verdicts = {c.concept: c.verdict for c in found.concepts}
    assert verdicts["Fruit/0"] is not Verdict.FAIL
    counts = {c.concept: c.extra["n"] for c in found.concepts}
    assert counts["Fruit"] == 305
    assert verdicts["Fruit"] is Verdict.PASS


def test_groups_compare_like_with_like_and_never_overlap() -> None:
    concepts = ("Fruit", "Fruit/Apple/Gala", "Fruit/Pear", "Leek", "Veg/Onion/Red")
    detailed = ("Fruit/Apple/Gala", "Fruit/Pear", "Leek", "Veg/Onion/Red")
    assert compared_groups(concepts) == {
        None: (detailed, detailed),
        1: (("Fruit",), ("Fruit", "Leek", "Veg")),
    }


def test_a_level_leaves_out_what_lies_above_another_name() -> None:
    concepts = ("A", "A/B", "A/B/C", "A/D")
    assert compared_groups(concepts)[2] == (("A/B",), ("A/B", "A/D"))


@pytest.mark.parametrize(
    ("dataset", "why"),
    [
        (counted(only=50), "only one concept"),
        (counted(a=10, b=3), "at least 20"),
        (counted(**{f"c{i}": 1 + 2 * (i % 2) for i in range(20)}), "from chance"),
    ],
)
def test_too_little_to_judge_is_cannot_tell_and_says_why(dataset: Dataset, why: str) -> None:
    found = findings(dataset)
    assert found.verdict is Verdict.CANNOT_TELL
    assert why in found.reason


def test_no_labels_is_unavailable() -> None:
    result = find_balance(made({(): 40}))
    assert isinstance(result, Unavailable)
    assert result.findings().verdict is Verdict.UNAVAILABLE


def test_unlabelled_pictures_are_counted_and_said_and_real_world_ones_do_not_count() -> None:
    base = made({("a",): 30, ("b",): 30})
    more = made({("a",): 30, ("b",): 30, (): 7}, {("a",): 900})
    assert findings(more).concepts == findings(base).concepts
    assert findings(more).extra["unlabelled"] == 7
    assert "7 training pictures without a label" in findings(more).headline


def test_a_concept_seen_only_in_the_real_world_is_rare_and_shows_those_pictures() -> None:
    found = findings(made({("a",): 50, ("b",): 50}, {("c",): 3}))
    first = found.concepts[0]
    assert (first.concept, first.verdict, first.score) == ("c", Verdict.FAIL, 0.0)
    assert first.evidence == ("100.jpg", "101.jpg", "102.jpg")


def test_a_picture_with_several_labels_counts_for_each() -> None:
    found = findings(made({("a", "b"): 40, ("c",): 40, ("a", "rare"): 4}))
    assert {c.concept: c.extra["n"] for c in found.concepts} == {"a": 44, "b": 40, "c": 40, "rare": 4}
    assert found.concepts[0].concept == "rare"


def test_findings_are_the_same_on_every_run() -> None:
    assert findings(counted(a=60, b=20, c=59)) == findings(counted(a=60, b=20, c=59))


def test_the_p_value_is_the_exact_binomial_tail() -> None:
    by_hand = [(1 / 2) ** 4 * x for x in (1 + 4, 16 - 1)]  # N = 4, K = 2: P(X <= 1), P(X <= 3)
    assert lower_tail(np.array([1, 3])) == pytest.approx(by_hand)


def _alarms(probabilities: np.ndarray, labels: int, runs: int, seed: int) -> int:
    """In how many of `runs` datasets drawn from `probabilities` any concept is flagged, `matters_below` off."""
    rng = np.random.default_rng(seed)
    k, alarms = len(probabilities), 0
    for _ in range(runs):
        n = rng.multinomial(labels, probabilities)
        p = lower_tail(n)
        table = pd.DataFrame({"n": n, "equal_share": labels / k, "p_value": p, "p_one": binom.cdf(1, labels, 1 / k)})
        table["p_corrected"] = benjamini_hochberg(p)
        verdicts = _verdicts(table, Params(matters_below=1.0))
        alarms += any(v in ("warn", "fail") for v in verdicts)
    return alarms


@pytest.mark.parametrize(("k", "labels"), [(2, 200), (5, 150), (20, 600), (81, 2640)])
def test_sampling_noise_alarms_no_more_often_than_alpha(k: int, labels: int) -> None:
    runs = 600
    alarms = _alarms(np.full(k, 1 / k), labels, runs, seed=k)
    assert alarms <= binom.ppf(0.95, runs, 0.05)


def test_the_null_simulation_can_alarm() -> None:
    uneven = np.array([0.24, 0.24, 0.24, 0.24, 0.04])
    assert _alarms(uneven, 300, 100, seed=1) > 95


def vectors(dataset: Dataset, apart: float, seed: int = 0) -> Features:
    """Vectors that overlap more the smaller `apart` is; one direction a concept."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.25, (len(dataset), 400)).astype(np.float32)
    x[:, -1] += 1
    for row, concepts in enumerate(dataset.concepts_by_row):
        for concept in concepts:
            x[row, dataset.concepts.index(concept)] += apart
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return Features(ModelInfo("made", "made", "made", "nothing", "everything", 400, 400, 224, False), x, x)


def test_what_imbalance_costs_is_said_of_the_rare_concept_and_put_beside_the_counts() -> None:
    dataset = counted(a=120, b=120, rare=14)
    found = find_balance(dataset, vectors(dataset, 0.7)).findings()
    first = found.concepts[0]
    assert first.concept == "rare"
    even, plain = first.extra["recall_even"], first.extra["recall"]
    assert isinstance(even, float) and isinstance(plain, float) and even > plain
    assert f"Recognised in {plain:.0%} of cases" in first.headline
    assert f"in {even:.0%} were all equally common" in found.headline
    assert found.extra["recall_measured_on"] == 254
    table = found.tables["balance"].set_index("concept")
    assert table.loc["rare", "recall_even"] == even
    assert table["recall"].notna().all()


def test_a_rare_concept_that_is_recognised_all_the_same_is_still_rare_and_that_is_said() -> None:
    dataset = counted(a=60, b=60, rare=12)
    found = find_balance(dataset, vectors(dataset, 12.0)).findings()
    assert found.verdict is Verdict.WARN
    assert "does not clearly cost recognition" in found.headline
    assert "with the imbalance weighed out the same" in found.concepts[0].headline


@pytest.mark.parametrize(
    "dataset",
    [
        counted(only=50),
        counted(a=10, b=3),
        counted(a=60, b=1),
        made({("a", "b"): 30, ("b",): 30, ("c", "d"): 8}),
        made({("A/x",): 30, ("A/y",): 30, ("A",): 10, ("B",): 4}),
        made({("a",): 30, ("b",): 30, (): 7}, {("c",): 4}),
    ],
)
def test_the_cost_changes_no_verdict(dataset: Dataset) -> None:
    with_cost, without = find_balance(dataset, vectors(dataset, 1.0)).findings(), findings(dataset)
    assert [(c.concept, c.verdict, c.score) for c in with_cost.concepts] == [
        (c.concept, c.verdict, c.score) for c in without.concepts
    ]
    assert with_cost.verdict is without.verdict


def test_a_concept_with_a_picture_or_two_has_no_stated_recall() -> None:
    dataset = counted(a=60, b=60, rare=2)
    rare = find_balance(dataset, vectors(dataset, 2.0)).findings().concepts[0]
    assert rare.extra["recall"] is None
    assert "Recognised" not in rare.headline


def test_many_pictures_are_sampled_for_the_cost_and_counted_in_full() -> None:
    dataset = counted(a=300, b=300, c=40)
    found = find_balance(dataset, vectors(dataset, 1.0), Params(probed=200)).findings()
    assert found.extra["recall_measured_on"] == 200
    assert found.concepts[0].extra["n"] == 40
