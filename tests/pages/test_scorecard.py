"""Scorecard: before a run it says what will happen; then verdicts, pictures, what was dismissed, what is stale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from app_support import new_session, press, run_until, words
from streamlit.testing.v1 import AppTest
from support import photo

from analysis import registry
from analysis.audit import Task
from analysis.checks.base import Check, ConceptFinding, Findings, Verdict, rank_findings, worst
from analysis.dismissals import Dismissal, standing
from analysis.guide import BESIDE, STATEMENTS, Statement, statement_words
from analysis.registry import CHECKS
from analysis.results import Kept
from components import scorecard
from components.audits import Answer
from components.scorecard import Line, summary_sentence

PAGE = "pages/audit/scorecard.py"


@dataclass(frozen=True, slots=True)
class MadeParams:
    seed: int = 0


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "data"
    for number, (concept, n) in enumerate({"glass": 30, "paper": 30, "rare": 2}.items()):
        (root / concept).mkdir(parents=True)
        for i in range(n):
            photo(1000 * number + i, size=(48, 36)).save(root / concept / f"{i}.jpg")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(root))
    return root


@pytest.fixture
def only_balance(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The page with one quick check, whatever else the registry holds."""
    checks = tuple(c for c in CHECKS if c.id == "balance")
    monkeypatch.setattr(scorecard, "CHECKS", checks)
    monkeypatch.setattr(registry, "CHECKS", checks)
    yield


def ready(at: AppTest) -> bool:
    return bool(at.title) and any("tde-score" in e.proto.body for e in at.get("html"))


def after_run(at: AppTest) -> bool:
    return "1 of 16 looked at" in words(at)


def open_card() -> AppTest:
    return run_until(new_session(PAGE), ready)


def test_before_the_first_run_it_says_what_will_happen(data: Path, only_balance: None) -> None:
    at = open_card()
    text = words(at)
    assert "Nothing has been looked at yet." in text
    assert "1 check will look at your 62 pictures" in text and "you may stop at any time" in text
    assert [b.label for b in at.button if b.key == "run-all"] == ["Run all checks"]
    assert not at.get("download_button")
    for statement in (*STATEMENTS, *BESIDE):
        assert statement.words.replace("'", "&#x27;") in text
    assert text.count("Not measured yet") == 15 and text.count("Not run yet") == 1


def test_run_all_gives_verdicts_what_to_do_first_and_reports(data: Path, only_balance: None) -> None:
    at = run_until(press(open_card(), "Run all checks"), after_run)
    text = words(at)
    assert "1 of 16 looked at: 1 needs work." in text
    assert "Start here" in text and "Collect about 28 more pictures of rare" in text
    assert {b.label for b in at.get("download_button")} == {"Report (one page)", "Report (JSON)"}
    assert any(b.label == "Run again" for b in at.button)


def test_kept_results_are_there_in_a_new_session_and_after_a_restart(data: Path, only_balance: None) -> None:
    run_until(press(open_card(), "Run all checks"), after_run)
    restart()
    at = open_card()
    assert "1 of 16 looked at: 1 needs work." in words(at)


def restart() -> None:
    """Forget what the process holds, as after closing the app."""
    import streamlit as st

    st.cache_resource.clear()


def test_changed_pictures_make_a_result_stale_and_a_run_makes_it_current(data: Path, only_balance: None) -> None:
    run_until(press(open_card(), "Run all checks"), after_run)
    photo(77, size=(48, 36)).save(data / "rare" / "new.jpg")
    restart()
    at = open_card()
    assert "the pictures, labels or descriptions changed since" in words(at) and not at.get("download_button")
    at = run_until(press(at, "Run again"), lambda at: "changed since" not in words(at))
    assert "1 of 16 looked at" in words(at)


def test_a_dismissed_finding_does_not_count_and_is_shown_with_its_reason(data: Path, only_balance: None) -> None:
    from components.shelf import given_source, shelf

    at = run_until(press(open_card(), "Run all checks"), after_run)
    source = given_source()
    assert source is not None
    shelf().dismissals.add(source.id, "balance", "rare", "Rare in use too")
    text = words(at.run())
    assert "1 of 16 looked at: 1 dismissed." in text and "1 finding dismissed (rare)" in text
    assert "Start here" not in text
    shelf().dismissals.remove(source.id, "balance", "rare")
    shelf().dismissals.add(source.id, "balance", None, "All is <b>well</b>")
    text = words(at.run())
    assert "Dismissed: All is &lt;b&gt;well&lt;/b&gt;" in text and "1 dismissed" in text


def test_what_the_app_finds_is_what_the_command_line_finds(data: Path, only_balance: None) -> None:
    from analysis.report import run_checks
    from components.shelf import given_source, shelf

    run_until(press(open_card(), "Run all checks"), after_run)
    source = given_source()
    assert source is not None
    opened = shelf().get(source.id, "bundled")
    assert opened is not None
    (outcome,) = run_checks(opened.dataset, opened.features, scorecard.CHECKS)
    kept = shelf().results.get(source.id, "balance", opened.features.model.key)
    assert kept is not None and kept.findings == outcome.findings


def test_the_report_holds_the_kept_results_and_what_was_dismissed(data: Path, only_balance: None) -> None:
    from components.shelf import given_source, shelf

    run_until(press(open_card(), "Run all checks"), after_run)
    source = given_source()
    assert source is not None
    shelf().dismissals.add(source.id, "balance", "rare", "Rare in use too")
    opened = shelf().get(source.id, "bundled")
    assert opened is not None
    from components.audits import answer

    answers = [answer(opened, c) for c in scorecard.CHECKS]
    content: Any = scorecard.report_content(opened, answers)
    assert [c["id"] for c in content["checks"]] == ["balance"]
    assert [(d["check"], d["concept"], d["reason"]) for d in content["dismissed"]] == [
        ("balance", "rare", "Rare in use too")
    ]
    page = scorecard.report_html(opened, answers).decode()
    assert "Dismissed by a person: Rare in use too" in page and "data:image/jpeg;base64" in page


def test_a_failing_check_is_named_and_stops_no_other(
    data: Path, only_balance: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of ours")

    checks = (
        *scorecard.CHECKS,
        replace(scorecard.CHECKS[0], id="scope", title="Scope", function=broken, params=MadeParams),
    )
    monkeypatch.setattr(scorecard, "CHECKS", checks)
    monkeypatch.setattr(scorecard, "page_of", lambda check_id: "pages/explore/class_balance.py")
    at = run_until(press(open_card(), "Run all checks"), lambda at: after_run(at) and "Stopped short" in words(at))
    assert "An error in the app itself stopped it" in words(at)


def test_a_hostile_concept_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only_balance: None) -> None:
    for concept, n in {"<img src=x onerror=alert(1)>": 2, "glass": 40}.items():
        (tmp_path / "data" / concept).mkdir(parents=True)
        for i in range(n):
            photo(n * 100 + i, size=(48, 36)).save(tmp_path / "data" / concept / f"{i}.jpg")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(tmp_path / "data"))
    at = run_until(press(open_card(), "Run all checks"), after_run)
    assert "<img src=x" not in words(at) and "&lt;img src=x" in words(at)


def test_every_check_of_the_registry_has_its_statement_and_its_page() -> None:
    named = {c for s in (*STATEMENTS, *BESIDE) for c in s.checks}
    root = Path(__file__).resolve().parents[2]
    for check in CHECKS:
        assert check.id in named
        assert (root / scorecard.page_of(check.id)).is_file(), check.id
        for statement in check.guideline:
            assert check.id in next(s.checks for s in STATEMENTS if s.id == statement)
    assert [s.id for s in STATEMENTS] == [f"G{i}" for i in range(1, 16)]
    assert statement_words("G99") == "" and statement_words("G1")


def line(*verdicts: Verdict | None, dismissed: bool = False) -> Line:
    answers = [made(v, dismissed) for v in verdicts if v is not None]
    return scorecard._line(Statement("G1", "Words", ()), answers)


def made(verdict: Verdict, dismissed: bool = False) -> Answer:
    check = Check("made", (), "Made", "Is it?", (), "made", lambda: None, MadeParams, "How.")  # type: ignore[arg-type, return-value]
    concepts = rank_findings([ConceptFinding("a", verdict, 0.5, "a")])
    found = Findings(worst([verdict]), 0.5, "Words.", concepts=concepts)
    aside = {None: Dismissal("made", None, "", datetime.now(UTC))} if dismissed else {}
    return Answer(check, Kept("made", found, "f", "m", "M", {}), (), aside, standing(found, aside), "")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "Nothing has been looked at yet."),
        ([line(None), line(Verdict.UNAVAILABLE)], "Nothing has been looked at yet."),
        ([line(Verdict.PASS), line(None)], "1 of 2 looked at: 1 fine."),
        (
            [line(Verdict.FAIL), line(Verdict.FAIL, Verdict.PASS), line(Verdict.WARN), line(Verdict.CANNOT_TELL)],
            "4 of 4 looked at: 2 need work, 1 to look at, 1 cannot be judged.",
        ),
        ([line(Verdict.FAIL, dismissed=True), line(Verdict.FAIL)], "2 of 2 looked at: 1 needs work, 1 dismissed."),
        ([line(Verdict.UNAVAILABLE, Verdict.WARN)], "1 of 1 looked at: 1 to look at."),
    ],
)
def test_the_sentence_for_who_has_a_minute(lines: list[Line], sentence: str) -> None:
    assert summary_sentence(lines) == sentence


def test_what_is_missing_can_be_run_alone(data: Path, only_balance: None, monkeypatch: pytest.MonkeyPatch) -> None:
    at = run_until(press(open_card(), "Run all checks"), after_run)
    assert not [b for b in at.button if b.key == "run-due"]
    (balance,) = scorecard.CHECKS
    monkeypatch.setattr(scorecard, "CHECKS", (balance, replace(balance, id="scope", title="Scope")))
    monkeypatch.setattr(scorecard, "page_of", lambda check_id: "pages/explore/class_balance.py")
    started: list[str] = []
    monkeypatch.setattr("components.audits.start", lambda opened, tasks: started.extend(t.check.id for t in tasks))
    at = press(at.run(), "Run 1 check missing or out of date")
    assert not at.exception and started == ["scope"]
    press(at, "Run all checks again")
    assert started == ["scope", "balance", "scope"]


@pytest.mark.parametrize(
    ("deep", "part"),
    [
        (None, "can be tried on the page of Made"),
        ({"needed": None}, "more than ten times"),
        ({"needed": 12000}, "about 12,000 would be needed"),
    ],
)
def test_the_kind_of_training_is_answered_from_both_regimes(deep: dict[str, object] | None, part: str) -> None:
    one = made(Verdict.PASS)
    assert one.kept is not None
    extra = {"images": 150, "guide": {"transfer": [10, 50000], "deep": [1000, 5000000]}, "forecast": {"deep": deep}}
    spoken = replace(one, kept=replace(one.kept, findings=replace(one.kept.findings, extra=extra)))
    words = scorecard.again_words("G2", spoken)
    assert "You have 150." in words and "1,000 to 5,000,000" in words and part in words
    assert scorecard.again_words("G2", one) == scorecard.again_words("G11", spoken) == "Measured by Made, above."


def test_running_all_keeps_what_was_set_for_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Task] = []
    one = replace(made(Verdict.PASS), kept=replace(made(Verdict.PASS).kept, chosen={"seed": 3}))  # type: ignore[type-var]
    monkeypatch.setattr(scorecard, "CHECKS", (one.check,))
    monkeypatch.setattr("components.audits.answer", lambda opened, check: one)
    monkeypatch.setattr("components.audits.start", lambda opened, tasks: started.extend(tasks))
    scorecard.run_all(None)  # type: ignore[arg-type]
    assert [(t.check.id, dict(t.chosen)) for t in started] == [("made", {"seed": 3})]
