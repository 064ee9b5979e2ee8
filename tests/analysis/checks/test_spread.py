"""Spread: merged concepts are found and taken apart again, wide ones in one piece are left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from separability_support import FIRES
from sklearn.metrics import adjusted_rand_score

from analysis.checks.base import Unavailable, Verdict
from analysis.checks.spread import Params, find_spread
from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ModelInfo
from analysis.errors import Cancelled
from analysis.features import Features
from analysis.kind_names import names
from analysis.parts import between, by_size, cut, graph, kept_together, modularity, propose, space, strength, unimodal_p
from analysis.spread_words import Judged
from analysis.statistics import benjamini_hochberg
from analysis.subject_values import VALUES
from analysis.wide import Halves, divide, excess, gain, halves, plane, sampled, views

MODEL = ModelInfo("made", "made", "made", "nothing", "everything", 32, 32, 224, False)
FEW = Params(draws=19)


def drawn(seed=0, concepts=9, each=24, dims=32, tails="normal", bursts=False):
    """Vectors of concepts that lie apart, each an elongated heap; `truth` names them."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.normal(size=(max(concepts, dims), dims)))[0][:concepts] * 5
    centres *= 5 / np.linalg.norm(centres, axis=1, keepdims=True)
    out, truth = [], []
    for k in range(concepts):
        shape = np.linalg.qr(rng.normal(size=(dims, dims)))[0] * 3.2 * np.exp(-np.arange(dims) / 12)[:, None]
        heap = rng.normal(size=(each, dims)) if tails == "normal" else rng.standard_t(3, size=(each, dims)) / 1.7
        if bursts:  # taken in six sessions, pictures of one alike
            heap = 0.6 * heap + 0.8 * rng.normal(size=(6, dims))[rng.integers(0, 6, each)]
        out.append(centres[k] + 0.18 * np.exp(rng.normal(0, 0.08)) * heap @ shape)
        truth += [f"c{k:02d}"] * each
    x = np.concatenate(out)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), np.array(truth, dtype=object)


def made(x, labels):
    import pandas as pd

    frame = pd.DataFrame({"image_id": [f"{i}.jpg" for i in range(len(x))]})
    frame = frame.assign(path="/nowhere", origin="training", split=None)
    pairs = [(i, c) for i, of in enumerate(labels) for c in ((of,) if isinstance(of, str) else of) if c]
    return Dataset("made", {}, frame, label_frame(pairs), label_frame([])), Features(MODEL, x, x)


def merged(truth, count, name="all"):
    return np.where(np.isin(truth, [f"c{k:02d}" for k in range(count)]), name, truth).astype(object)


def of(result, concept):
    return next(c for c in result.findings().concepts if c.concept == concept)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_merged_concepts_are_found_first_and_their_parts_are_the_concepts(count):
    x, truth = drawn(count)
    data, features = made(x, merged(truth, count))
    findings = find_spread(data, features, FEW).findings()
    assert findings.verdict in FIRES and findings.concepts[0].concept == "all"
    found = findings.concepts[0]
    assert found.extra["p_corrected"] <= 0.05 and found.extra["gap_p_value"] <= 0.05
    parts = found.extra["parts"]
    part = {i: k for k, one in enumerate(parts) for i in one["images"]}
    rows = data.rows(concept="all")
    assert sorted(part) == sorted(f"{r}.jpg" for r in rows) and len(parts) == count
    assert adjusted_rand_score(truth[rows], [part[f"{r}.jpg"] for r in rows]) >= 0.9
    assert len({one["name"] for one in parts}) == count
    assert not [c for c in findings.concepts[1:] if c.verdict in FIRES]
    assert found.score < 0.7 and all(0 <= c.score <= 1 for c in findings.concepts)
    first = [part[i] for i in found.evidence[:count]]
    assert sorted(first) == list(range(count))  # a picture of each kind before a second of any


def test_a_rare_kind_of_a_third_is_found_or_said_to_be_unclear():
    x, truth = drawn(3, each=45)
    keep = np.ones(len(x), dtype=bool)
    keep[np.flatnonzero(truth == "c01")[15:]] = False
    data, features = made(x[keep], merged(truth, 2)[keep])
    found = of(find_spread(data, features, FEW), "all")
    assert found.verdict in (*FIRES, Verdict.CANNOT_TELL)
    assert sorted(len(p["images"]) for p in found.extra["parts"]) == [15, 45]


@pytest.mark.parametrize(("tails", "bursts"), [("normal", False), ("heavy", False), ("normal", True)])
def test_the_siblings_call_a_single_concept_wide_no_more_often_than_alpha(tails, bursts):
    """Datasets of 4 to 12 out of a pool of single concepts; gap and parts, which alarm less, are left out."""
    from scipy.stats import binom

    x, truth = drawn(7, concepts=20, each=20, dims=16, tails=tails, bursts=bursts)
    member = truth[:, None] == np.unique(truth)[None]
    made_space = space(x, member)
    width = np.array([halves(made_space, k, np.flatnonzero(member[:, k])).width for k in range(20)])
    rng = np.random.default_rng(0)
    runs = [width[rng.choice(20, rng.integers(4, 13), replace=False)] for _ in range(200)]
    alarms = sum(np.nanmin(benjamini_hochberg(excess(w, np.full(len(w), 20)))) <= 0.05 for w in runs)
    assert alarms <= binom.ppf(0.95, len(runs), 0.05)
    wide = sum(
        benjamini_hochberg(excess(np.append(w, width.max() + 15), np.full(len(w) + 1, 20)))[-1] <= 0.05 for w in runs
    )
    assert wide >= 0.9 * len(runs)  # the counting can alarm


def test_a_wide_concept_in_one_piece_is_variety_and_no_fault():
    x, truth = drawn(5)
    own = truth == "c00"
    wide = x.astype(np.float64)
    wide[own] = wide[own].mean(axis=0) + 3.2 * (wide[own] - wide[own].mean(axis=0))
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    found = of(find_spread(*made(wide.astype(np.float32), truth), FEW), "c00")
    assert found.extra["dispersion_ratio"] > 2 and found.verdict is Verdict.PASS and found.extra["parts"] == []


def test_few_concepts_that_may_be_wide_cannot_be_told_but_parts_are_shown():
    x, truth = drawn(2, concepts=6)
    sure = find_spread(*made(x, merged(truth, 2)), FEW)
    assert of(sure, "all").verdict in FIRES
    unsure = replace(sure, concepts=tuple(replace(c, corrected=0.3) for c in sure.concepts))
    findings, found = unsure.findings(), of(unsure, "all")
    assert found.verdict is Verdict.CANNOT_TELL and found.headline.startswith("Cannot tell: perhaps")
    assert found.extra["parts"] == of(sure, "all").extra["parts"] != []
    assert findings.verdict is Verdict.CANNOT_TELL and "too few concepts" in findings.reason


@pytest.mark.parametrize(
    ("corrected", "alike", "near", "few", "word"),
    [
        (0.001, False, False, True, Verdict.FAIL),
        (0.03, False, False, True, Verdict.CANNOT_TELL),  # few say what is usual
        (0.03, False, False, False, Verdict.FAIL),
        (0.03, True, False, True, Verdict.CANNOT_TELL),
        (0.001, True, False, True, Verdict.WARN),
        (0.001, False, True, True, Verdict.CANNOT_TELL),  # parts no farther apart than many halves are
        (0.08, False, False, True, Verdict.CANNOT_TELL),
    ],
)
def test_the_fewer_the_concepts_the_more_an_alarm_asks_for(corrected, alike, near, few, word):
    two = Halves(0.4, 0.05, 0.95, 50.0, 2.0, np.array([0, 1]))
    j = Judged("all", 60, 60, two, 0.01, corrected, 0.01, None, alike, few, near, ("a", "b"), (("1",), ("2",)))
    assert j.verdict(0.05) is word


def test_two_kinds_taken_in_bursts_stay_two_and_parts_must_lie_apart():
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1], 40)
    bursts = rng.normal(size=(2, 4, 8))[kind, np.tile(np.arange(40) // 10, 2)]
    x = rng.normal(size=(80, 8)) * 0.7 + bursts + kind[:, None] * 8 * np.eye(8)[0]
    other = rng.normal(size=(80, 8)) + np.repeat([8, -8], 40)[:, None] * np.eye(8)[1]
    member = np.repeat(np.eye(3, dtype=bool), [80, 40, 40], axis=0)
    made_space = space(np.concatenate([x, other]).astype(np.float32), member)
    division = divide(made_space, 0, np.arange(80), limit=0.0)
    assert division is not None and adjusted_rand_score(kind, division.labels) == 1.0
    assert divide(made_space, 0, np.arange(80), limit=99.0) is None
    graphs = (graph(x),)
    assert kept_together(graphs, kind) == pytest.approx(1.0)
    assert kept_together(graphs, np.arange(80) % 2) < 0.5


@pytest.mark.parametrize("seed", [0, 1])
def test_the_number_of_parts_is_the_one_that_halves_of_the_pictures_agree_on(seed):
    """Four kinds in two pairs: two parts are cleaner, four are as sure."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(4), 50)
    far, near = np.where(kind < 2, -1, 1) * 8, np.where(kind % 2, -1, 1) * 2.3
    x = rng.normal(size=(200, 8)) + far[:, None] * np.eye(8)[0] + near[:, None] * np.eye(8)[1]
    other = rng.normal(size=(80, 8)) + np.repeat([8, -8], 40)[:, None] * np.eye(8)[2]
    member = np.repeat(np.eye(3, dtype=bool), [200, 40, 40], axis=0)
    made_space = space(np.concatenate([x, other]).astype(np.float32), member)
    plain, even, _ = views(made_space, 0, np.arange(200))
    agreed = [strength(plain, even, count, seed) for count in (2, 4, 5)]
    assert min(agreed[:2]) > 0.85 > 0.7 > agreed[2]
    division = divide(made_space, 0, np.arange(200), limit=0.0)
    assert division is not None and adjusted_rand_score(kind, division.labels) >= 0.8


def test_a_merge_of_many_pictures_is_told_from_less_than_one_of_few():
    width = np.array([0.0, 0.5, -0.5, 0.2, 3.5])
    assert excess(width, np.full(5, 60))[4] < 0.05 < excess(width, np.full(5, 20))[4]


def test_too_few_pictures_or_siblings_cannot_be_told():
    x, truth = drawn(0, concepts=3, each=16)
    one = made(x[:16], truth[:16])
    assert find_spread(*one, FEW).findings().verdict is Verdict.CANNOT_TELL
    two = find_spread(*made(x[:32], truth[:32]), FEW).findings()
    assert two.verdict is Verdict.CANNOT_TELL and "two other concepts" in two.reason
    few = find_spread(*made(x[:3], ["a", "b", "b"]), FEW).findings()
    assert few.verdict is Verdict.CANNOT_TELL and {c.extra["n"] for c in few.concepts} == {1, 2}
    x, truth = drawn(3, concepts=5, each=24)
    lone = find_spread(*made(np.vstack([x, x[:1]]), [*truth, "rare"]), FEW)
    assert {c.concept for c in lone.findings().concepts if c.verdict is Verdict.CANNOT_TELL} == {"rare"}
    assert lone.findings().verdict is Verdict.CANNOT_TELL and "Cannot tell of rare" in lone.findings().headline


def test_without_labels_it_is_unavailable():
    x, _ = drawn(0, concepts=1, each=4)
    assert isinstance(find_spread(*made(x, [""] * 4)), Unavailable)


def test_several_labels_nested_names_and_equal_pictures_are_survived():
    x, truth = drawn(1, concepts=6, each=18)
    x[truth == "c05"] = x[truth == "c05"][0]
    labels = [(f"top/{t}", "also") if i % 7 == 0 else (f"top/{t}",) for i, t in enumerate(truth)]
    findings = find_spread(*made(x, labels), FEW).findings()
    assert {c.concept for c in findings.concepts} == {*(f"top/c{k:02d}" for k in range(6)), "also"}
    assert of(find_spread(*made(x, labels), FEW), "top/c05").verdict is Verdict.PASS


def test_the_same_input_gives_the_same_answer_and_pictures_that_were_not_divided_join_a_part():
    x, truth = drawn(2, each=30)
    data, features = made(x, merged(truth, 2))
    small = Params(draws=19, most_of_one=40)
    first, again = find_spread(data, features, small).findings(), find_spread(data, features, small).findings()
    assert first == again and first.tables["spread_points"].equals(again.tables["spread_points"])
    found = first.concepts[0]
    assert found.extra["used"] == 40 and sum(len(p["images"]) for p in found.extra["parts"]) == 60
    part = {i: k for k, one in enumerate(found.extra["parts"]) for i in one["images"]}
    assert adjusted_rand_score(truth[:60], [part[f"{i}.jpg"] for i in range(60)]) >= 0.9


def test_cancelling_ends_the_work():
    def stop(done, total, note=""):
        if "dividing" in note:
            raise Cancelled

    with pytest.raises(Cancelled):
        find_spread(*made(*drawn(0, concepts=4)), FEW, progress=stop)


def test_cancelling_ends_the_work_also_while_the_number_of_parts_is_sought():
    x, truth = drawn(2)
    data, features = made(x, merged(truth, 2))
    data_concepts, calls = len(set(merged(truth, 2))), []

    def stop(done, total, note=""):
        calls.append(note)
        if calls.count("looking for parts") > data_concepts + 2:  # one a concept, and one at the end
            raise Cancelled

    with pytest.raises(Cancelled):
        find_spread(data, features, FEW, progress=stop)


def test_one_wide_heap_has_no_gap_and_two_heaps_have():
    rng = np.random.default_rng(0)
    heap = rng.standard_t(3, size=(80, 12)) * np.exp(-np.arange(12) / 3)
    bent = np.c_[heap[:, 0], heap[:, 0] ** 2 * 0.2 + 0.3 * heap[:, 1], heap[:, 2:]]
    two = np.concatenate([heap[:40], heap[40:] + 9 * np.eye(12)[0]])
    assert unimodal_p(heap, 19, within_alpha=0.05) > 0.05 and unimodal_p(bent, 19) > 0.05
    assert unimodal_p(two, 19) <= 0.05


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**16), st.integers(2, 4), st.integers(9, 30))
def test_parts_are_numbered_by_size_and_cuts_and_distances_stay_in_range(seed, count, n):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 5))
    labels = propose(z, z, count, 0)
    sizes = np.bincount(labels)
    assert len(labels) == n and (np.diff(sizes) <= 0).all() and len(sizes) <= count
    side = labels == 0
    assert cut(z, side) >= 0 and modularity(graph(z), labels) < 1
    if 0 < side.sum() < n:
        assert between(z[side], z[~side]) >= 0
        assert cut(z, side) == pytest.approx(cut(z, ~side))
    assert by_size(labels).tolist() == labels.tolist()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=3, max_size=12), st.integers(0, 11), st.floats(0, 5))
def test_a_wider_concept_never_has_a_larger_p_value(widths, which, more):
    values = np.array(widths)
    k = which % len(values)
    many = np.full(len(values), 50)
    before = excess(values, many)
    values[k] += more
    assert excess(values, many)[k] <= before[k] + 1e-12 and ((before > 0) & (before < 1)).all()
    assert np.isnan(excess(values[:2], many[:2])).all()


def test_the_even_view_forgets_what_varies_within_every_concept():
    rng = np.random.default_rng(0)
    member = np.repeat(np.eye(4, dtype=bool), 30, axis=0)
    x = 4 * member @ rng.normal(size=(4, 6)) + rng.normal(size=(120, 6)) * [5, 1, 1, 1, 1, 1]
    made_space = space(x.astype(np.float32), member)
    even = made_space.plain @ made_space.even(0)
    within = [np.linalg.eigvalsh(np.cov(z[30:60].T)) for z in (even, made_space.plain)]
    assert within[0][-1] / within[0][0] < 8 < within[1][-1] / within[1][0]


def test_splitting_helps_where_another_concept_lies_between_the_kinds():
    rng = np.random.default_rng(0)
    place = np.array([[-4, 0], [4, 0], [0, 0.5]])
    which = np.repeat([0, 1, 2], 40)
    x = place[which] + rng.normal(size=(120, 2)) * 0.5
    member = np.c_[which < 2, which == 2]
    helped = gain(x, member, 0, np.where(which < 2, which, -1))
    assert helped.split > 0.95 > 0.8 > helped.single and helped.low > 0.1 and helped.n == 80
    never = gain(x, member, 0, np.where(which < 2, np.arange(120) % 2, -1))
    assert never.low <= 0.1


def test_parts_are_named_by_what_tells_them_apart_and_by_letters_where_nothing_does():
    labels = np.repeat([0, 1, 2], 10)
    colour = np.where(labels == 0, VALUES["colour"].index("green"), VALUES["colour"].index("red"))
    assert names({"colour": colour}, labels, 3) == ["green", "part B", "part C"]
    ground = np.where(labels == 1, 0, 2)
    assert names({"colour": colour, "background": ground}, labels, 3) == ["green", "before a dark ground", "part C"]
    assert names({"colour": np.zeros(30, dtype=np.int64)}, labels, 3) == ["part A", "part B", "part C"]


def test_the_projection_shows_the_parts_apart_and_samples_keep_small_groups_whole():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    z = rng.normal(size=(40, 6)) * [9, 9, 1, 1, 1, 1] + labels[:, None] * [0, 0, 0, 0, 0, 8]
    x = plane(z, labels)[:, 0]
    assert x[labels == 0].max() < x[labels == 1].min() or x[labels == 1].max() < x[labels == 0].min()
    chosen = sampled([np.arange(100), np.arange(5)], 30, 20, 4, 0)
    assert len(chosen[1]) == 5 and len(chosen[0]) <= 16 and len(set(chosen[0])) == len(chosen[0])


def test_concepts_of_one_and_the_same_picture_break_nothing_and_are_not_wide():
    x, truth = drawn(concepts=3, each=20)
    x[truth != "c00"] = x[-1]  # such siblings vary by nothing
    found = find_spread(*made(x, truth), FEW).findings()
    assert all(c.verdict not in FIRES for c in found.concepts if c.concept != "c00")
    equal = find_spread(*made(np.ones_like(x), truth), FEW).findings()
    assert equal.verdict not in FIRES and all(c.extra["dispersion_ratio"] is None for c in equal.concepts)


def test_where_two_concepts_put_together_would_go_unnoticed_nothing_found_is_not_fine():
    """Labels dealt at random over one collection: each concept is as wide as all, and two are no wider."""
    x, truth = drawn(3, concepts=8, each=30)
    clear = find_spread(*made(x, truth), FEW).findings()
    assert clear.verdict is Verdict.PASS and clear.concepts[0].extra["merges_noticed"] >= 5
    dealt = np.random.default_rng(0).permutation(truth)
    mixed = find_spread(*made(x, dealt), FEW).findings()
    assert mixed.verdict is Verdict.CANNOT_TELL
    assert "put together as if they were one" in mixed.headline and "open_clip" in mixed.reason
    assert all(c.verdict is Verdict.CANNOT_TELL for c in mixed.concepts)


def test_of_three_concepts_nothing_found_is_not_fine_as_no_two_can_be_tried_together():
    x, truth = drawn(3, concepts=3, each=30)
    found = find_spread(*made(x, truth), FEW).findings()
    assert found.verdict is Verdict.CANNOT_TELL and "three concepts are too few" in found.headline
    assert all(c.verdict is Verdict.CANNOT_TELL and c.extra["merges_tried"] == 0 for c in found.concepts)
    assert find_spread(*made(*drawn(3, concepts=4, each=30)), FEW).findings().verdict is Verdict.PASS
