"""Dismissed findings: kept with their reason, no longer counted, and back with one step."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.checks.base import ConceptFinding, Findings, Verdict, at_least, rank_findings, worst
from analysis.dismissals import Dismissals, standing
from analysis.results import RESULTS_FOLDER

PASS, UNSURE, WARN, FAIL = Verdict.PASS, Verdict.CANNOT_TELL, Verdict.WARN, Verdict.FAIL


def findings(own: Verdict | None = None, **verdicts: Verdict) -> Findings:
    found = rank_findings(ConceptFinding(name, v, 0.5, "Words.") for name, v in verdicts.items())
    return Findings(own or worst(c.verdict for c in found), 0.5, "Words.", concepts=found)


def test_a_dismissed_concept_no_longer_counts() -> None:
    found = findings(a=FAIL, b=WARN, c=PASS)
    assert standing(found, ()).verdict is FAIL
    left = standing(found, {"a"})
    assert (left.verdict, [c.concept for c in left.open], [c.concept for c in left.aside]) == (WARN, ["b"], ["a"])
    assert not left.dismissed
    assert standing(found, {"a", "b"}).verdict is PASS and standing(found, {"a", "b"}).dismissed
    assert standing(findings(a=FAIL), {"a"}).verdict is PASS


def test_what_could_not_be_told_stays_so() -> None:
    assert standing(findings(a=FAIL, b=UNSURE), {"a"}).verdict is UNSURE


def test_dismissing_the_check_lifts_everything() -> None:
    left = standing(findings(a=FAIL, b=WARN), {None})
    assert left.dismissed and left.verdict is PASS and not left.open and len(left.aside) == 2


def test_a_verdict_of_the_check_itself_is_not_lifted_by_its_concepts() -> None:
    found = findings(FAIL, a=WARN, b=PASS)
    assert standing(found, {"a"}).verdict is FAIL
    assert standing(found, {None}).verdict is PASS
    assert standing(findings(WARN), {"a"}).verdict is WARN


def test_there_is_nothing_to_dismiss_in_a_fine_check() -> None:
    left = standing(findings(a=PASS), {None, "a"})
    assert not left.dismissed and left.verdict is PASS and not left.aside


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([PASS, UNSURE, WARN, FAIL])),
    st.sets(st.sampled_from("abcdef")),
)
def test_dismissing_never_makes_a_verdict_worse(verdicts: dict[str, Verdict], dismissed: set[str]) -> None:
    found = findings(**verdicts)
    left = standing(found, dismissed)
    assert at_least(found.verdict, left.verdict) or not verdicts
    assert {c.concept for c in left.open} | {c.concept for c in left.aside} == {
        n for n, v in verdicts.items() if v in (WARN, FAIL)
    }
    assert not {c.concept for c in left.open} & dismissed


def test_they_are_kept_and_undone(tmp_path: Path) -> None:
    kept = Dismissals(tmp_path)
    assert kept.every("a") == ()
    kept.add("a", "balance", "Fruit/Apple", "  Rare in real use too. ")
    kept.add("a", "balance", None, "")
    kept.add("a", "spread", "Fruit/Apple", "Fine.")
    kept.add("b", "balance", "Leek", "Other dataset.")
    kept.add("a", "balance", "Fruit/Apple", "Another reason.")
    fresh = Dismissals(tmp_path)
    assert {d.concept: d.reason for d in fresh.of_check("a", "balance").values()} == {
        None: "",
        "Fruit/Apple": "Another reason.",
    }
    fresh.remove("a", "balance", None)
    fresh.remove("a", "balance", "never dismissed")
    assert list(kept.of_check("a", "balance")) == ["Fruit/Apple"]
    assert len(kept.every("a")) == 2 and len(kept.every("b")) == 1


def test_odd_names_and_long_reasons_survive(tmp_path: Path) -> None:
    kept = Dismissals(tmp_path)
    kept.add("a", "balance", "caf\udcff/<b>", "x" * 5000)
    (one,) = Dismissals(tmp_path).every("a")
    assert one.concept == "caf\udcff/<b>" and len(one.reason) == 1000


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1, "dismissals": [{"check": 3}]}', "null"])
def test_a_damaged_file_is_set_aside(tmp_path: Path, content: str) -> None:
    Dismissals(tmp_path).add("a", "balance", "x", "y")
    path = next((tmp_path / RESULTS_FOLDER).rglob("dismissals.json"))
    path.write_text(content)
    assert Dismissals(tmp_path).every("a") == ()
    assert path.with_name("dismissals.json.damaged").read_text() == content


def test_dismissals_survive_a_new_result_and_the_bound(tmp_path: Path) -> None:
    from analysis.results import Kept, ResultStore

    Dismissals(tmp_path).add("a", "balance", "x", "y")
    store = ResultStore(tmp_path, max_bytes=1)
    for source in ("a", "b", "c"):
        store.put(source, Kept("balance", findings(x=WARN), "f", "m", "M", {}))
    assert len(Dismissals(tmp_path).every("a")) == 1
