"""Descriptions: exchanged texts are found, texts the model cannot read claim nothing, odd pictures come first."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from analysis.checks.base import LABELS, Unavailable, Verdict
from analysis.checks.description import Params, find_description
from analysis.dataset import Dataset, label_frame
from analysis.description_fit import choose_rivals, find_fit
from analysis.embedders.base import ModelInfo, l2_normalised
from analysis.errors import Cancelled
from analysis.features import Features
from analysis.taxonomy import Entry
from analysis.unrelated_texts import is_short, unrelated_texts

DIMS = 24
MODEL = ModelInfo("made", "made", "made", "words", "all else", DIMS, DIMS, 224, True)
WORDS = {c: f"a thing of the kind {c}" for c in ("apple", "pear", "plum", "leek")}


def anything(text):
    """A vector that only depends on the text, and means nothing."""
    seed = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
    v = np.random.default_rng(seed).normal(size=DIMS)
    return v / np.linalg.norm(v)


class Reader:
    """A model that knows the words of some concepts and makes something up for all other texts."""

    def __init__(self, known):
        self.known = known

    def encode_texts(self, texts):
        out = []
        for text in texts:
            hit = [c for c in self.known if f"kind {c}" in text or text == c]
            v = np.eye(DIMS)[sorted(WORDS).index(hit[0])] + 0.3 * anything(text) if hit else anything(text)
            out.append(v / np.linalg.norm(v))
        return np.array(out, dtype=np.float32)


def made(entries, *, known=tuple(WORDS), counts=None, odd=0, seed=0, noise=0.5, reader=None, model=MODEL):
    """Pictures of each concept along its own axis; `odd` apples look like pears."""
    rng = np.random.default_rng(seed)
    names = [c for c in sorted(WORDS) for _ in range((counts or {}).get(c, 30))]
    x = np.array([np.eye(DIMS)[sorted(WORDS).index(c)] for c in names]) if names else np.zeros((0, DIMS))
    x[:odd] = np.eye(DIMS)[sorted(WORDS).index("pear")]
    x = x + rng.normal(0, noise / np.sqrt(DIMS) * 2, x.shape)
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    frame = pd.DataFrame(
        {"image_id": [f"{i:03d}.jpg" for i in range(len(names))], "path": "", "origin": "training", "split": None}
    )
    table = label_frame((i, c) for i, c in enumerate(names))
    data = Dataset("made", {}, frame, table, label_frame([]), taxonomy=tuple(entries))
    return data, Features(model, x, x, pictures=reader or Reader(known))  # type: ignore[arg-type]


def entries(**changed):
    return [Entry(c, changed.get(c, WORDS[c])) for c in sorted(WORDS)]


def found_in(*args, **kwargs):
    result = find_description(*made(*args, **kwargs), Params())
    assert not isinstance(result, Unavailable), result
    return result.findings()


def by_concept(found):
    return {f.concept: f for f in found.concepts}


def test_texts_that_fit_their_pictures_pass() -> None:
    found = found_in(entries())
    assert found.verdict is Verdict.PASS and found.score is not None and found.score > 0.8


def test_two_exchanged_texts_are_both_named_first_and_as_exchanged() -> None:
    found = found_in(entries(apple=WORDS["plum"], plum=WORDS["apple"]))
    assert found.verdict is Verdict.FAIL and found.score == 0.0
    assert {f.concept for f in found.concepts[:2]} == {"apple", "plum"}
    assert all("exchanged" in f.headline for f in found.concepts[:2])
    assert all(f.verdict is Verdict.PASS for f in found.concepts[2:])
    assert by_concept(found)["apple"].extra["fits"] == "plum"
    assert by_concept(found)["apple"].evidence[0] == "000.jpg"


def test_one_text_that_belongs_to_another_concept_is_a_warning_for_that_concept_alone() -> None:
    found = found_in(entries(apple=WORDS["leek"]))
    assert by_concept(found)["apple"].verdict is Verdict.WARN and "leek" in by_concept(found)["apple"].headline
    assert all(f.verdict is Verdict.PASS for f in found.concepts if f.concept != "apple")


def test_a_text_that_fits_nothing_though_the_bare_name_does_is_a_warning() -> None:
    found = found_in(entries(apple="what the customer ordered last year"))
    apple = by_concept(found)["apple"]
    assert apple.verdict is Verdict.WARN and "bare name" in apple.headline


def test_a_model_that_reads_few_words_does_not_call_a_text_wrong_for_making_nothing_of_it() -> None:
    few_words = replace(MODEL, key="few words", knows_text=False)
    found = found_in(entries(apple="what the customer ordered last year"), model=few_words)
    apple = by_concept(found)["apple"]
    assert apple.verdict is Verdict.CANNOT_TELL and "by its name" in apple.headline


class Faint(Reader):
    """A model to whom each text says only faintly what it is about: `strength` of its axis in all else."""

    def __init__(self, strength):
        super().__init__(tuple(WORDS))
        self.strength = strength

    def encode_texts(self, texts):
        out = []
        for text in texts:
            hit = [c for c in WORDS if f"kind {c}" in text]
            v = anything(text)
            for c in hit:
                v = v + self.strength.get(c, 0.0) * np.eye(DIMS)[sorted(WORDS).index(c)]
            out.append(v / np.linalg.norm(v))
        return np.array(out, dtype=np.float32)


def test_an_exchange_is_seen_by_both_texts_together_where_neither_alone_says_enough() -> None:
    reader = Faint({"apple": 0.8, "plum": 0.8})
    given_entries = entries(apple=WORDS["plum"], plum=WORDS["apple"])
    result = find_description(*made(given_entries, reader=reader, model=replace(MODEL, key="faint")), Params())
    assert not isinstance(result, Unavailable)
    one, two = (result.concepts.index(c) for c in ("apple", "plum"))
    alone = 2 * 3 * min(result.fit.p[one, two], result.fit.p[two, one])  # as corrected, before the concepts
    assert alone > 0.05 / 2 and result.fit.p_other[one] < alone / 2
    assert {f.concept for f in result.findings().concepts if f.verdict is Verdict.FAIL} == {"apple", "plum"}


@pytest.mark.parametrize(("rivals_own_text", "accused"), [(1.0, False), (0.0, True)])
def test_a_misread_text_is_not_the_siblings_while_the_siblings_own_text_fits_far_better(
    rivals_own_text, accused
) -> None:
    """A bottle "for drinks" reads a little like a mug; the text of the mug reads far more like one, or not at all."""
    rng, dims = np.random.default_rng(0), 100
    axes = np.eye(dims, dtype=np.float32)
    joint = l2_normalised(np.repeat(axes[:3], 20, axis=0) + rng.normal(0, 0.02, (60, dims)))
    member = np.repeat(np.eye(3, dtype=bool), 20, axis=0)
    bottle = 0.45 * axes[1] + 0.89 * axes[50]
    mug = rivals_own_text * axes[1] + (1 - rivals_own_text) * axes[51]
    texts = np.stack([bottle, mug, axes[2]])
    unrelated = l2_normalised(rng.normal(size=(1600, dims)))
    fit = find_fit(joint, member, choose_rivals(joint, member, [""] * 3), texts, texts, [unrelated], [0, 0, 0])
    assert fit.p[0, 1] <= 0.001 and fit.p[0, 0] > 0.5
    assert bool(fit.p_other[0] <= 0.01) is accused and (int(fit.other[0]) == 1) is accused


def test_two_texts_that_the_model_puts_the_other_way_round_are_never_called_fine() -> None:
    # each text points from the leeks to fruit, so both pick out their pictures; between the two it is upside down
    axes = np.eye(DIMS)
    lean = {"apple": axes[0] * 0.9 + axes[2], "leek": axes[1], "pear": axes[0] + axes[2] * 0.9, "plum": axes[3]}

    class Muddled(Reader):
        def encode_texts(self, texts):
            out = super().encode_texts(texts)
            for i, text in enumerate(texts):
                hit = [c for c in self.known if f"kind {c}" in text]
                if hit:
                    out[i] = lean[hit[0]] / np.linalg.norm(lean[hit[0]])
            return out

    found = found_in(entries(), reader=Muddled(tuple(WORDS)))
    verdicts = {c: f.verdict for c, f in by_concept(found).items()}
    assert verdicts["plum"] is Verdict.PASS
    assert verdicts["leek"] is Verdict.PASS
    assert found.verdict is Verdict.CANNOT_TELL
    assert verdicts["apple"] is Verdict.CANNOT_TELL
    assert verdicts["pear"] is Verdict.CANNOT_TELL
    assert "could as well be that of pear" in by_concept(found)["apple"].headline


def test_words_for_the_same_kinds_of_things_do_not_hide_that_two_texts_are_exchanged() -> None:
    """Of all words 8 in 100 are about birds and 8 about vehicles, and fit the pictures as the descriptions do."""
    rng, dims, k = np.random.default_rng(0), 100, 10
    axes = np.eye(dims, dtype=np.float32)
    joint = l2_normalised(np.repeat(axes[:k], 20, axis=0) + rng.normal(0, 0.02, (20 * k, dims)))
    member = np.repeat(np.eye(k, dtype=bool), 20, axis=0)
    bird, vehicle = axes[0] + axes[50], axes[1] + axes[51]
    other = rng.normal(0, 1 / np.sqrt(dims), (1600, dims))
    other[:128] += bird
    other[128:256] += vehicle
    texts = l2_normalised(np.stack([vehicle, bird, *axes[2:k]]) + rng.normal(0, 1 / np.sqrt(dims), (k, dims)))
    fit = find_fit(joint, member, choose_rivals(joint, member, [""] * k), texts, texts, [l2_normalised(other)], [0] * k)
    assert fit.other[0] == 1 and fit.other[1] == 0
    assert k / 2 * max(fit.p_other[:2]) <= 0.05  # as corrected over the concepts, two of which alarm
    assert min(fit.p_other[2:]) > 0.05


def test_unrelated_texts_come_in_two_lengths_and_leave_out_what_the_descriptions_are_about() -> None:
    for short in (True, False):
        unrelated = unrelated_texts(short=short)
        assert all(is_short(t) is short for t in unrelated.texts) and len(set(unrelated.texts)) == len(unrelated.texts)
        kept = unrelated.apart_from(["Glass bottles", "a ball for playing"])
        gone = {unrelated.nouns[i] for i in set(range(len(unrelated.nouns))) - set(kept)}
        assert gone and all({"glass", "bottle", "ball"} & set(n.split()) for n in gone)
        assert not any({"bottle", "ball"} & set(unrelated.texts[i].split()) for i in kept)


def test_where_the_model_knows_no_word_it_claims_nothing_and_names_one_that_may() -> None:
    found = found_in(entries(apple=WORDS["plum"], plum=WORDS["apple"]), known=("leek",))
    assert by_concept(found)["apple"].verdict is Verdict.CANNOT_TELL
    assert "open_clip" in by_concept(found)["apple"].headline
    assert found.verdict is Verdict.CANNOT_TELL and found.reason


def test_pictures_that_look_like_what_another_text_says_come_first_and_are_flagged() -> None:
    found = found_in(entries(), odd=3, noise=0.3)
    labels = found.tables[LABELS]
    assert set(np.flatnonzero(labels["description_flag"])) == {0, 1, 2}
    assert by_concept(found)["apple"].evidence[:3] and set(by_concept(found)["apple"].evidence[:3]) == {
        "000.jpg", "001.jpg", "002.jpg"
    }  # fmt: skip
    misfits = found.tables["misfits"]
    assert set(misfits["fits"]) == {"pear"}


def test_what_does_not_belong_counts_as_a_rival_where_the_model_can_read_it_and_is_listed_where_not() -> None:
    given_entries = [
        Entry("apple", WORDS["apple"], exclude=("a thing of the kind pear", "nonsense about nothing")),
        *entries()[1:],
    ]
    result = find_description(*made(given_entries, odd=3, noise=0.9), Params())
    assert not isinstance(result, Unavailable)
    found = result.findings()
    assert found.extra["unread_clauses"] == ["nonsense about nothing"]
    fits = set(found.tables["misfits"].loc[found.tables["misfits"]["concept"] == "apple", "fits"])
    assert fits <= {"pear", "not: a thing of the kind pear"} and fits


def test_texts_about_nothing_alarm_no_more_often_than_alpha() -> None:
    _, features = made(entries(), noise=1.0)
    texts = np.array([anything(t) for t in unrelated_texts().texts], dtype=np.float32)
    member = np.repeat(np.eye(4, dtype=bool), 30, axis=0)
    rivals = choose_rivals(features.joint, member, ["", "", "", ""])
    rng, alarms, runs = np.random.default_rng(0), 0, 100
    from analysis.statistics import benjamini_hochberg

    for _ in range(runs):
        own = l2_normalised(rng.normal(size=(4, DIMS)))
        fit = find_fit(features.joint, member, rivals, own, own, [texts[::4]], [0, 0, 0, 0])
        alarms += bool((benjamini_hochberg(fit.p_other) <= 0.05).any())
    assert alarms <= binom.ppf(0.95, runs, 0.05)


def test_siblings_are_the_rivals_where_there_are_enough_of_them() -> None:
    joint = np.eye(6, dtype=np.float32)
    rivals = choose_rivals(joint, np.eye(6, dtype=bool), ["a", "a", "a", "a", "b", "b"])
    assert set(rivals[0]) == {1, 2, 3} and set(rivals[4]) == {0, 1, 2, 3, 5}
    assert len(choose_rivals(joint, np.eye(6, dtype=bool), [""] * 6, most=2)[0]) == 2


@pytest.mark.parametrize(
    ("texts", "word"),
    [([], "taxonomy file"), ([Entry("apple", "")], "has a description"), ([Entry("apple", "red")], "at least two")],
)
def test_without_enough_texts_it_is_unavailable_and_says_what_is_missing(texts, word) -> None:
    answer = find_description(*made(texts))
    assert isinstance(answer, Unavailable) and word in answer.reason


def test_a_concept_of_few_pictures_cannot_be_told_and_breaks_nothing() -> None:
    found = found_in(entries(), counts={"apple": 1})
    assert by_concept(found)["apple"].verdict is Verdict.CANNOT_TELL
    assert np.isnan(found.tables[LABELS]["description_score"].iloc[0])


def test_vectors_without_a_model_are_unavailable() -> None:
    data, features = made(entries())
    answer = find_description(data, Features(MODEL, features.image, features.joint))
    assert isinstance(answer, Unavailable)


def test_cancel_stops_it() -> None:
    def stop(done: int, total: int, note: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        find_description(*made(entries()), progress=stop)


@settings(max_examples=10, deadline=None)
@given(
    st.fixed_dictionaries({c: st.integers(0, 20) for c in WORDS}),
    st.lists(st.sampled_from(["", "pear", "words", *WORDS.values()]), min_size=4, max_size=4),
)
def test_any_texts_and_counts_give_scores_in_range(counts, texts) -> None:
    given_entries = [Entry(c, t) for c, t in zip(sorted(WORDS), texts, strict=True)]
    result = find_description(*made(given_entries, counts=counts))
    if isinstance(result, Unavailable):
        return
    found = result.findings()
    score = found.tables[LABELS]["description_score"].dropna()
    assert ((score >= 0) & (score <= 1)).all() and len(found.tables[LABELS]) == sum(counts.values())
    assert all(f.score is None or 0 <= f.score <= 1 for f in found.concepts)
