"""Taxonomy: each broken promise is found and named, an honest tree passes, look-alike names of unlike things too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from analysis.checks.base import Findings, Unavailable, Verdict
from analysis.checks.taxonomy import Params, TaxonomyResult, find_taxonomy
from analysis.concept_tree import build_tree, drafted, entry_of, spelling, spoken
from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ModelInfo, l2_normalised
from analysis.features import Features
from analysis.probe import Targets
from analysis.same_name import Reason, alike, same_descriptions
from analysis.taxonomy import Entry
from analysis.taxonomy_facts import Kind
from analysis.taxonomy_looks import fit_of
from analysis.tree_fit import Agreement, agreement, siblings_apart

MODEL = ModelInfo("made", "made", "Made", "", "", 8, 8, 8, False)
TREE = (
    Entry("Fruit"),
    Entry("Apple", "A round fruit with a stem", "Fruit"),
    Entry("Pear", "A fruit that is narrow at the top", "Fruit", synonyms=("poire",)),
    Entry("Tool"),
    Entry("Hammer", "A head of steel on a handle", "Tool"),
    Entry("Saw", "A blade with teeth", "Tool"),
)
SAME_AS_HAMMER = Entry("Saw", "a head of STEEL, on the handle", "Tool")
FOLDERS = ("Fruit/Apple", "Fruit/Pear", "Tool/Hammer", "Tool/Saw")


def made(
    counts: Mapping[str, int],
    *,
    centres: Mapping[str, Sequence[float]] | None = None,
    spread: float = 0.25,
    seed: int = 0,
    taxonomy: Sequence[Entry] = (),
) -> tuple[Dataset, Features]:
    """Concepts as clouds around a direction each (their own axis unless given)."""
    rng = np.random.default_rng(seed)
    concepts = [c for c, n in counts.items() for _ in range(n)]
    axes = {c: np.eye(max(8, len(counts)))[i] for i, c in enumerate(counts)}
    where = {**axes, **{k: np.asarray(v, dtype=float) for k, v in (centres or {}).items()}}
    x = l2_normalised(
        np.stack([where[c] for c in concepts]) + rng.normal(0, spread, (len(concepts), len(axes[concepts[0]])))
    )
    frame = pd.DataFrame(
        {
            "image_id": [f"{c}/{i}.jpg" for i, c in enumerate(concepts)],
            "path": "/nowhere",
            "origin": "training",
            "split": None,
        }
    )
    dataset = Dataset("made", {"training": Path("/nowhere")}, frame, label_frame(enumerate(concepts)), label_frame([]))
    return replace(dataset, taxonomy=tuple(taxonomy)), Features(MODEL, x, x)


def found_in(counts: Mapping[str, int], taxonomy: Sequence[Entry] = TREE, **how: object) -> Findings:
    result = find_taxonomy(*made(counts, taxonomy=taxonomy, **how))  # type: ignore[arg-type]
    assert isinstance(result, TaxonomyResult)
    return result.findings()


def kinds(found: Findings) -> dict[str, set[str]]:
    return {c.concept: {p["kind"] for p in c.extra["problems"]} for c in found.concepts if c.extra}  # type: ignore[attr-defined]


CLEAN = dict.fromkeys(FOLDERS, 30)
FLAT = dict.fromkeys(("cans", "hardware", "glass", "paper"), 60)


def test_labels_that_follow_the_taxonomy_pass_written_as_paths_or_as_names() -> None:
    for counts in (CLEAN, {c.rsplit("/", 1)[1]: n for c, n in CLEAN.items()}):
        found = found_in(counts)
        assert (found.verdict, found.score, kinds(found)) == (Verdict.PASS, 1.0, {})
        assert found.extra["siblings_compared"] == 2


def test_without_a_taxonomy_one_is_drafted_and_without_labels_nothing_is_said() -> None:
    found = found_in(CLEAN, ())
    assert found.verdict is Verdict.PASS and found.extra["drafted"] is True
    dataset, features = made(CLEAN)
    assert isinstance(find_taxonomy(replace(dataset, labels=label_frame([])), features), Unavailable)


@pytest.mark.parametrize(
    ("counts", "taxonomy", "concept", "kind", "verdict"),
    [
        ({**CLEAN, "Fruit/Plum": 3}, TREE, "Fruit/Plum", Kind.UNKNOWN_LABEL, Verdict.WARN),
        ({**CLEAN, "Fruit/Plum": 30}, TREE, "Fruit/Plum", Kind.UNKNOWN_LABEL, Verdict.FAIL),
        (CLEAN, (*TREE, Entry("Plum", "", "Fruit")), "Plum", Kind.NO_IMAGES, Verdict.WARN),
        (CLEAN, (*TREE[1:], Entry("Fruit", "", "Apple")), "Apple", Kind.CYCLE, Verdict.FAIL),
        (CLEAN, (*TREE, Entry("Saw", "", "Fruit")), "Saw", Kind.TWO_PARENTS, Verdict.WARN),
        ({**CLEAN, "Box/Tin": 30}, (*TREE, Entry("Box/Tin")), "Box", Kind.ONLY_CHILD, Verdict.WARN),
        ({**CLEAN, "Tool/Apple": 9}, TREE, "Tool/Apple", Kind.ELSEWHERE, Verdict.WARN),
        (CLEAN, (*TREE[:5], SAME_AS_HAMMER), "Hammer", Kind.SAME_DESCRIPTION, Verdict.WARN),
    ],
)  # fmt: skip
def test_each_broken_promise_is_found_first(
    counts: dict[str, int], taxonomy: tuple[Entry, ...], concept: str, kind: Kind, verdict: Verdict
) -> None:
    found = found_in(counts, taxonomy)
    assert found.verdict is verdict
    assert found.concepts[0].concept == concept and str(kind) in kinds(found)[concept]
    if kind is not Kind.CYCLE:  # where a tree bites its tail, steps with one child come with it
        assert all(v == {str(kind)} for v in kinds(found).values())
    assert found.concepts[0].fix and found.fix
    if counts.get(concept):
        assert set(found.concepts[0].evidence[:1]) <= {f"{concept}/{i}.jpg" for i in range(999)}


def test_an_unknown_label_comes_with_what_it_most_likely_means() -> None:
    for label, meant in (("Fruit/Aplle", "Apple"), ("Fruit/poire", "Pear"), ("Tool/HAMMERS", "Hammer")):
        found = found_in({**CLEAN, label: 4})
        assert meant in found.concepts[0].fix, found.concepts[0]
        assert found.concepts[0].concept == label


def test_two_names_for_one_thing_are_found_and_look_alike_names_of_unlike_things_are_not() -> None:
    unlike = found_in({"glove": 30, "globe": 30, "stone": 30}, ())
    assert unlike.verdict is Verdict.PASS
    same = found_in({"glove": 30, "globe": 30, "stone": 30}, (), centres={"globe": np.eye(8)[0]})
    assert kinds(same) == {"globe": {Kind.SAME_NAME}, "glove": {Kind.SAME_NAME}}
    assert found_in({"Apple": 30, "apples": 3}, ()).concepts[0].concept == "apples"  # the rarer name goes


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ("Granny-Smith", "granny smith", Reason.SPELLING),
        ("Boxes", "box", Reason.SPELLING),
        ("Mango", "Mnago", Reason.TYPING),
        ("Red-Delicious", "Red-Delicous", Reason.TYPING),
        ("Red-Delicious", "Golden-Delicious", None),
        ("cat", "bat", None),
        ("Lime", "Lemon", None),
        ("Peach", "Pear", None),
        ("bottle type 1", "bottle type 2", None),
    ],
)
def test_names_alike(a: str, b: str, reason: Reason | None) -> None:
    assert alike(a, b) is reason is alike(b, a)


def test_descriptions_say_the_same_by_words_or_by_meaning_and_one_other_word_makes_a_difference() -> None:
    red, green = Entry("Gala", "A whole red apple"), Entry("Granny", "A whole green apple")
    assert same_descriptions([red, green], None) == ()
    assert same_descriptions([red, replace(green, description="The apple, whole and red")], None) == (
        ("Gala", "Granny"),
    )
    text = "{} is a crisp apple, grown in Kent, sold by weight, best eaten fresh"
    named = [Entry(name, text.format(name)) for name in ("Gala", "Fuji")]
    assert same_descriptions(named, None) == (("Gala", "Fuji"),)
    near = np.array([[1, 0], [0.96, 0.28]], dtype=np.float32)
    assert same_descriptions([red, green], lambda texts: near[: len(texts)]) == (("Gala", "Granny"),)


@pytest.mark.parametrize("text", ["a {} bottle", "A {}, whole", "a photo of a {}", "a big {} thing, seen from above"])
def test_short_descriptions_that_differ_in_the_name_are_two(text: str) -> None:
    two = [Entry(name, text.format(name)) for name in ("glass", "plastic")]
    assert same_descriptions(two, None) == same_descriptions(two, lambda texts: np.ones((len(texts), 1))) == ()
    assert same_descriptions([Entry(name, text.format("glass")) for name in ("glass", "plastic")], None) != ()


def test_siblings_that_are_one_thing_cut_in_two_at_random_are_named_and_others_are_not() -> None:
    found = found_in({**CLEAN, "Tool/Saw": 60, "Tool/Hammer": 60}, centres={"Tool/Saw": np.eye(8)[2]})
    assert found.verdict is Verdict.WARN and found.p_value is not None and found.p_value <= 0.05
    assert kinds(found) == {n: {Kind.NOT_TOLD_APART} for n in ("Tool/Hammer", "Tool/Saw", "Hammer", "Saw")}
    assert {i.split("/")[1] for i in found.concepts[0].evidence[:2]} == {"Hammer", "Saw"}


@pytest.mark.parametrize(
    ("counts", "taxonomy", "names", "how"),
    [
        (FLAT, (), {"cans", "hardware"}, {"centres": {"hardware": np.eye(8)[0]}}),
        (CLEAN, (*TREE[:5], SAME_AS_HAMMER), {"Hammer", "Saw", "Tool/Hammer", "Tool/Saw"}, {}),
        (CLEAN, (*TREE[1:], Entry("Fruit", "", "Apple")), {"Apple", "Fruit", "Fruit/Apple"}, {}),
        ({**CLEAN, "poire": 9}, (*TREE, Entry("poire", "", "Fruit")), {"Fruit/Pear", "poire", "Pear"}, {}),
        (CLEAN, (*TREE, Entry("Saw", "", "Fruit")), {"Saw", "Tool/Saw"}, {}),
        ({**CLEAN, "Tool/Apple": 9}, TREE, {"Tool/Apple", "Apple"}, {}),
    ],
)  # fmt: skip
def test_both_halves_of_a_problem_and_label_and_entry_alike_are_said_to_have_it(
    counts: dict[str, int], taxonomy: tuple[Entry, ...], names: set[str], how: dict[str, object]
) -> None:
    found = found_in(counts, taxonomy, **how)
    assert {c.concept for c in found.concepts if c.verdict is not Verdict.PASS} == names
    assert not any("Nothing is wrong" in c.headline for c in found.concepts if c.concept in names)
    assert len({c.verdict for c in found.concepts if c.concept in names}) == 1
    if counts is FLAT:
        (other,) = [c for c in found.concepts if c.concept == "hardware"]
        assert other.evidence[0].startswith("hardware/") and other.headline == found.concepts[0].headline


def test_names_that_end_alike_are_told_apart_in_sentences() -> None:
    flat = {"Fresh/Apple": 60, "Fresh/Orange": 60, "Juice/Apple": 60, "Juice/Orange": 60}
    found = found_in(flat, (), centres={"Juice/Orange": np.eye(8)[2]})
    assert "Juice/Apple and Juice/Orange stand side by side" in found.headline
    say = spoken(["Fruit/Apple", "a/x/Pear", "b/x/Pear"], build_tree([Entry("Apple", "", "Fruit"), Entry("Kiwi")]))
    assert [say(n) for n in ("Fruit/Apple", "Apple", "a/x/Pear", "Kiwi", "?/new")] == [
        "Apple", "Apple", "a/x/Pear", "Kiwi", "new",
    ]  # fmt: skip
    two = spoken(["Fresh/Apple", "Juice/Apple"], build_tree([Entry("Apple")]))
    assert [two(n) for n in ("Fresh/Apple", "Juice/Apple", "Apple")] == ["Fresh/Apple", "Juice/Apple", "Apple"]


def test_a_synonym_of_two_entries_or_that_is_an_entry_is_named() -> None:
    fruit = (*TREE[:2], replace(TREE[2], synonyms=("pome",)), *TREE[3:])
    assert found_in(CLEAN, fruit).verdict is Verdict.PASS
    both = found_in(CLEAN, (fruit[0], replace(fruit[1], synonyms=("Pome",)), *fruit[2:]))
    assert kinds(both)["Apple"] == kinds(both)["Pear"] == {Kind.SHARED_SYNONYM}
    assert "“Pome” is listed as another name of Apple and of Pear" in both.headline
    entry = found_in(CLEAN, (*fruit, Entry("pome", "", "Fruit")))
    assert Kind.SHARED_SYNONYM in kinds(entry)["pome"] & kinds(entry)["Pear"]
    own = found_in(CLEAN, (*fruit[:1], replace(fruit[1], synonyms=("apples", "apple")), *fruit[2:]))
    assert own.verdict is Verdict.PASS
    signs = found_in({"A/+": 30, "A/-": 30}, ())
    assert signs.verdict is Verdict.PASS


def test_without_a_taxonomy_nothing_is_said_of_folders() -> None:
    assert found_in(CLEAN, ()).headline.startswith("Your labels agree with one another and with the pictures:")


EACH = 6
"""Concepts of a branch."""


def two_branches(moved: str | None) -> dict[str, Sequence[float]]:
    """Concepts near to one another within their branch; `moved` lies with the other branch."""
    axes = np.eye(2 + 2 * EACH)
    out: dict[str, Sequence[float]] = {}
    for b, branch in enumerate(("A", "B")):
        for i in range(EACH):
            name = f"{branch}/{branch.lower()}{i}"
            home = (1 - b) if name == moved else b
            out[name] = 1.5 * axes[home] + axes[2 + EACH * b + i]
    return out


def branched(centres: Mapping[str, Sequence[float]]) -> Findings:
    # one picture of two more concepts makes room for the axes
    spare = dict.fromkeys(("Z/y", "Z/z"), 1)
    everywhere = {**centres, **dict.fromkeys(spare, np.eye(2 + 2 * EACH)[0])}
    return found_in({**dict.fromkeys(centres, 30), **spare}, (), centres=everywhere, spread=0.2)


def test_a_concept_that_lies_in_the_wrong_branch_is_named() -> None:
    assert kinds(branched(two_branches(None))) == {}
    assert kinds(branched(two_branches("A/a1"))) == {"A/a1": {str(Kind.LIKE_COUSINS)}}


def looks(likes: Sequence[str], groups: Sequence[str], *, each: int = 22, seed: int = 0) -> Agreement:
    """Agreement of concepts whose pictures have their next best answers in the groups `likes`: one letter for all of
    them, or several to draw from for each picture, with a dash for no group in particular."""
    rng = np.random.default_rng(seed)
    k = len(groups)
    first = np.repeat(np.arange(k), each)
    p = rng.uniform(0.0, 0.1, (len(first), k))
    for i, c in enumerate(first):
        liked = rng.choice(list(likes[c]))
        p[i, [g == liked for g in groups]] += rng.uniform(0.3, 0.4)
        if liked == "-":  # but rather the second group than the first
            p[i, int(rng.choice([j for j in range(k) if groups[j] not in "AB"]))] = 0.5
            p[i, [g == "B" for g in groups]] += 0.1
    p[np.arange(len(first)), first] = 1.0
    t = Targets(np.arange(len(first)), tuple(f"c{i}" for i in range(k)), np.eye(k, dtype=bool)[first])
    found = fit_of(p, t, list(groups), range(k), most=0.6, seed=0)
    assert found is not None and found.p_value <= 0.05
    return found


GROUPS = "AAAAAABBBBBBCCCCCCDDDDDD"


def test_a_concept_that_is_hardly_ever_like_its_own_branch_is_named_with_less_than_most_in_another() -> None:
    found = looks(["BBBB-----", *GROUPS[1:]], GROUPS)
    (place,) = [p for p in found.places if p.p_value <= 0.05]
    assert (place.concept, place.other, place.own) == (0, "B", 0) and 1 / 3 <= place.share < 0.6
    # of two branches in turn, the own one among them, nothing is said
    assert not [p for p in looks(["AB", *GROUPS[1:]], GROUPS).places if p.p_value <= 0.05]


def test_one_concept_in_the_wrong_branch_makes_no_other_easier_to_find() -> None:
    undecided = ["BBBA", *GROUPS[1:]]
    moved = [*undecided[:-1], "C"]
    for seed in range(4):
        alone, beside = looks(undecided, GROUPS, seed=seed), looks(moved, GROUPS, seed=seed)
        assert [p.concept for p in beside.places if p.concept == 23 and p.p_value <= 0.05] == [23]
        assert beside.places[0].p_value == alone.places[0].p_value


def test_undecided_concepts_alarm_no_more_often_than_alpha() -> None:
    trials = 60
    alarms = sum(
        any(p.p_value <= 0.05 for p in looks(["AB"] * 3 + [*GROUPS[3:]], GROUPS, seed=s).places) for s in range(trials)
    )
    assert alarms <= binom.ppf(0.975, trials, 0.05)


def test_a_tree_that_does_not_follow_looks_is_said_as_a_whole() -> None:
    centres = two_branches(None)
    found = branched({f"{'XY'[i % 2]}/{k.split('/')[1]}": v for i, (k, v) in enumerate(centres.items())})
    assert found.verdict is Verdict.WARN and "does not follow looks" in found.headline
    assert list(kinds(found).values()) == [
        {str(Kind.AGAINST_LOOKS)}
    ]  # one concept bears it, the one that shows it most
    assert found.concepts[0].concept in kinds(found) and found.score == found.concepts[0].score


@pytest.mark.parametrize("taxonomy", [(), tuple(Entry(c) for c in FLAT), tuple(Entry(c, "", "Waste") for c in FLAT)])
def test_one_thing_cut_in_two_at_the_top_is_named_as_it_is_under_a_parent(taxonomy: tuple[Entry, ...]) -> None:
    found = found_in(FLAT, taxonomy, centres={"hardware": np.eye(8)[0]})
    assert found.verdict is Verdict.WARN and found.extra["siblings_compared"] == 6
    assert found.concepts[0].extra["problems"] == [{"kind": "not_told_apart", "names": ["cans", "hardware"]}]
    assert "One entry or two?" in found.headline


@pytest.mark.parametrize(("images", "least"), [(30, 12), (60, 17)])
def test_how_often_random_halves_are_found(images: int, least: int) -> None:
    hits = 0
    for seed in range(20):
        found = found_in(
            {**FLAT, "cans": images, "hardware": images}, (), centres={"hardware": np.eye(8)[0]}, seed=seed
        )
        hits += "cans" in kinds(found)
    assert hits >= least, hits


def test_a_flat_folder_of_different_things_passes_and_says_what_was_compared() -> None:
    found = found_in({**FLAT, "rare": 3}, ())
    assert found.verdict is Verdict.PASS and kinds(found) == {}
    assert "compared for 6 pairs of concepts that stand side by side; 4 pairs, with fewer than 20" in found.headline
    assert "No two concepts stand side by side" in found_in({"D": 30}, ()).headline


def test_of_many_pictures_rare_concepts_keep_theirs_and_the_sample_is_said() -> None:
    counts = {"a": 300, "b": 200, "c": 25, "d": 5}
    dataset, features = made(counts)
    result = find_taxonomy(dataset, features, Params(probed=110))
    assert isinstance(result, TaxonomyResult)
    found = result.findings()
    assert (found.extra["siblings_compared"], found.extra["siblings_not_compared"]) == (3, 3)
    assert "with fewer than 20 pictures of one of them among the 110 looked at" in found.headline
    again = find_taxonomy(dataset, features, Params(probed=110))
    assert isinstance(again, TaxonomyResult) and again.pairs == result.pairs


def test_a_label_that_is_no_entry_is_nobodys_sibling() -> None:
    found = found_in({**FLAT, "stray": 60}, tuple(Entry(c) for c in FLAT), centres={"stray": np.eye(8)[0]})
    assert kinds(found) == {"stray": {Kind.UNKNOWN_LABEL}} and found.extra["siblings_compared"] == 6


@pytest.mark.parametrize("pairs", [[(0, 1), (2, 3), (4, 5), (6, 7)], list(combinations(range(12), 2))])
def test_pairs_that_are_told_apart_just_so_alarm_no_more_often_than_alpha(pairs: list[tuple[int, int]]) -> None:
    rng = np.random.default_rng(0)
    alarms, trials = 0, 200
    for _ in range(trials):
        first = np.repeat(np.arange(12), 20)
        logits = rng.normal(0, 1, (len(first), 12))
        logits[np.arange(len(first)), first] += norm.ppf(0.75)  # the AUC of each pair is 0.75, the limit itself
        probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        alarms += any(p.p_value <= 0.05 for p in siblings_apart(probability, first, pairs, limit=0.75))
    assert alarms <= binom.ppf(0.975, trials, 0.05)


def test_random_groups_agree_with_looks_by_chance_only() -> None:
    rng = np.random.default_rng(2)
    p = []
    for _ in range(60):
        first = np.repeat(np.arange(9), 10)
        probability = rng.dirichlet(np.ones(9), len(first))
        p.append(agreement(probability, first, list("AAABBBCCC"), shuffles=99).p_value)
    assert sum(x <= 0.05 for x in p) <= binom.ppf(0.99, 60, 0.05)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(["", *"abcde", "a;b", "x/y"])), max_size=8))
def test_any_tangle_of_parents_is_a_tree_that_can_be_asked(rows: list[tuple[str, str]]) -> None:
    tree = build_tree([Entry(n, parent=p) for n, p in rows])
    for name in tree.names:
        assert name in tree.lineage(name)
        assert (len({x for knot in tree.cycles() for x in knot} & {name}) == 1) == any(
            name in tree.lineage(p) for p in tree.parents(name)
        )


def test_a_drafted_tree_holds_every_folder_once_and_a_label_finds_its_entry() -> None:
    tree = build_tree(drafted(["A/B/c", "A/d"]))
    assert tree.names == ("A", "A/B", "A/B/c", "A/d")
    assert tree.parents("A/B/c") == ("A/B",) and tree.children("A") == ("A/B", "A/d")
    two = build_tree([Entry("Orange", "", "Fruit"), Entry("Juice/Orange")])
    assert entry_of("Packages/Juice/Orange", two) == "Juice/Orange"
    assert entry_of("Fruit/Orange", two) == "Orange"
    assert entry_of("Lemon", two) is None
    assert spelling("Fruit/Crème-Brûlées") == "creme brulee"


def test_words_of_two_branches_that_come_near_each_other_are_no_slip() -> None:
    """`plants` beside `space/planets`: two words. `Fruit/Aple` beside `Fruit/Apple` is a slip."""
    centres = {"space/planets": np.eye(8)[0], "plants/fern": np.eye(8)[0]}  # the pictures acquit nobody
    counts = {"plants": 4, "plants/fern": 30, "plants/bracken": 30, "space/planets": 30, "space/suns": 30}
    assert Kind.SAME_NAME not in {k for v in kinds(found_in(counts, (), centres=centres)).values() for k in v}
    slip = found_in({**counts, "plants/braken": 3}, ())
    assert kinds(slip)["plants/braken"] == {Kind.SAME_NAME}


def test_a_parent_with_pictures_of_its_own_and_one_child_is_a_step_that_tells() -> None:
    """`Tin` holds tins of any kind, and those with a lid apart from them."""
    counts = {"Box/Tin": 30, "Box/Tin/Lid": 30, "Box/Crate": 30}
    assert kinds(found_in(counts, ())) == {}
    without = found_in({"Box/Tin/Lid": 30, "Box/Crate": 30, "Box/Bin": 30}, ())
    assert kinds(without)["Box/Tin"] == {Kind.ONLY_CHILD}
