"""The page of a check, as far as all checks share it: answer, findings, settings, dismissing, states, CSV."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from app_support import has_answer, press, run_until, words
from streamlit.testing.v1 import AppTest
from support import photo

from analysis.checks.base import Check, ConceptFinding, Findings, Unavailable, Verdict, option
from analysis.dismissals import standing
from components.charts.common import bars, cut, histogram
from components.check_page import chance_words
from components.check_settings import decimals, options_of
from components.verdicts import what_to_do


@dataclass(frozen=True, slots=True)
class MadeParams:
    limit: float = option(0.25, "Limit of sameness", help="Higher finds more.", low=0.0, high=1.0, step=0.005)
    few: int = option(12, "Fewest pictures", help="Below this nothing is said.", low=2, high=100, step=1)
    strict: bool = option(False, "Be strict", help="Finds more.")
    seed: int = 0
    deep: bool = False


def balance_page() -> None:
    """A script that shows the check `balance` as a page of its own."""
    import streamlit as st

    from components.charts.common import bars, histogram, show, verdict_colours
    from components.check_page import check_page

    def draw(opened, findings):  # type: ignore[no-untyped-def]
        values = [c.score for c in findings.concepts]
        names, found = [c.concept for c in findings.concepts], [c.verdict for c in findings.concepts]
        show(bars(names, values, colour=verdict_colours(found), limit=0.8, limit_words="limit"), key="a", alt="Bars")
        show(histogram(values, limit=0.8, limit_words="limit", title="Share"), key="b", alt="Histogram")
        st.write("drawn")

    check_page("balance", draw)


def made_page() -> None:
    """A script that shows the made-up check of the test."""
    from components.check_page import check_page

    check_page("made", lambda opened, findings: None)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for number, (concept, n) in enumerate({"glass": 30, "paper": 30, "rare": 2}.items()):
        (tmp_path / "data" / concept).mkdir(parents=True)
        for i in range(n):
            photo(1000 * number + i, size=(48, 36)).save(tmp_path / "data" / concept / f"{i}.jpg")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """`made(find) -> calls`: a check of that function in the registry; calls are the parameters it ran with."""

    def maker(find, needs=()):  # type: ignore[no-untyped-def]
        calls: list[MadeParams] = []

        def function(dataset, features, params, *, progress):  # type: ignore[no-untyped-def]
            calls.append(params)
            found = find(dataset, params)

            class Made:
                def findings(self) -> Findings:
                    return found if isinstance(found, Findings) else found.findings()

            return Made()

        check = Check("made", (), "Made", "Is it made?", needs, "made", function, MadeParams, "By making.")
        monkeypatch.setattr("analysis.registry.CHECKS", (check,))
        return calls

    return maker


def page(script=made_page, there=has_answer) -> AppTest:  # type: ignore[no-untyped-def]
    return run_until(AppTest.from_function(script, default_timeout=60), there)


def many(dataset, params) -> Findings:  # type: ignore[no-untyped-def]
    ids = tuple(dataset.images["image_id"])
    concepts = tuple(
        ConceptFinding(
            f"kind/c{i}",
            Verdict.WARN if i < 7 else Verdict.PASS,
            i / 10,
            f"Finding {i}.",
            ids[:3],
            f"Fix {i}.",
            {"n": i},
        )
        for i in range(9)
    )
    return Findings(Verdict.WARN, 0.0, "Seven to look at.", "", 0.004, concepts, evidence=ids[:20], fix="Look at them.")


def test_the_answer_comes_with_chart_pictures_and_what_to_do(data: Path) -> None:
    at = page(balance_page)
    text = words(at)
    assert (
        "Needs work</span>" in text
        and "too rare beside the others" in text
        and "Collect about" in text
        and "drawn" in text
    )
    assert len(at.get("plotly_chart")) == 2
    assert "How this is judged" in [e.label for e in at.expander] and "docs/checks/balance" in text.replace("\\", "")


def test_the_sentence_comes_first_and_the_number_second(data: Path, made) -> None:  # type: ignore[no-untyped-def]
    made(many)
    text = words(page())
    assert text.index("Seven to look at.") < text.index("Score 0.00, where 1 is fine.") < text.index("Look at them.")
    assert "about 1 of 250 such datasets" in text


def test_without_advice_of_its_own_the_answer_gives_that_of_the_worst_finding_still_open() -> None:
    found = replace(many(SimpleNamespace(images=pd.DataFrame({"image_id": list("abc")})), None), fix="")
    assert what_to_do(found, standing(found, ())) == "Fix 0."
    assert what_to_do(found, standing(found, ("kind/c0",))) == "Fix 1."
    fine = replace(found, concepts=tuple(c for c in found.concepts if c.verdict is Verdict.PASS), verdict=Verdict.PASS)
    assert what_to_do(fine, standing(fine, ())) == ""


def test_many_concepts_come_a_few_at_first_and_the_fine_ones_in_a_table(data: Path, made) -> None:  # type: ignore[no-untyped-def]
    made(many)
    at = page()
    assert "Finding 4." in words(at) and "Finding 5." not in words(at)
    at = press(at, "Show 2 more concepts")
    assert "Finding 6." in words(at) and "Fix 6." in words(at)
    assert at.dataframe[0].value["Concept"].tolist() == ["c7", "c8"]


def test_a_kept_result_is_shown_without_running_again(data: Path, made) -> None:  # type: ignore[no-untyped-def]
    calls = made(many)
    page()
    page()
    assert len(calls) == 1
    at = page()
    press(at, "Run again")
    run_until(at, lambda at: len(calls) == 2)


def test_settings_are_run_with_kept_and_reset(data: Path, made) -> None:  # type: ignore[no-untyped-def]
    calls = made(lambda dataset, params: Findings(Verdict.PASS, 1.0, f"Limit {params.limit}, few {params.few}."))
    at = page()
    at.number_input(key="made-option-limit").set_value(0.5)
    at.checkbox(key="made-option-strict").check()
    at = run_until(press(at, "Run again with these"), lambda at: "Limit 0.5, few 12." in words(at))
    assert calls[-1] == MadeParams(limit=0.5, strict=True)
    assert "Limit of sameness: 0.5 and Be strict: on" in words(at)
    again = page()  # another session finds them set
    assert again.number_input(key="made-option-limit").value == 0.5
    at = run_until(press(again, "Reset"), lambda at: "Limit 0.25, few 12." in words(at))
    assert calls[-1] == MadeParams() and at.number_input(key="made-option-limit").value == 0.25


def test_a_finding_is_dismissed_with_a_reason_and_brought_back(data: Path, made) -> None:  # type: ignore[no-untyped-def]
    def two(dataset, params) -> Findings:  # type: ignore[no-untyped-def]
        found = (
            ConceptFinding("glass", Verdict.FAIL, 0.1, "Glass is off.", ("glass/0.jpg",)),
            ConceptFinding("rare", Verdict.WARN, 0.2, "Rare is off."),
        )
        return Findings(Verdict.FAIL, 0.1, "Two are off.", concepts=found)

    made(two)
    at = page()
    reason = next(t for t in at.text_input if "concept" in str(t.key))
    reason.set_value("Users send <b>such</b>")
    confirm = next(b for b in at.button if str(b.key) == str(reason.key).replace("-reason", "-confirm"))
    at = confirm.click().run()
    text = words(at)
    assert "Users send &lt;b&gt;such&lt;/b&gt;" in text and "1 finding is dismissed" in text
    assert "Glass is off." not in text and "Rare is off." in text and "Needs work" not in text
    at = page()  # it survives
    assert "Users send" in words(at)
    at = press(at, "Undo")
    assert "Glass is off." in words(at) and "Users send" not in words(at)


def test_a_missing_input_says_what_would_help(data: Path, made) -> None:  # type: ignore[no-untyped-def]
    made(lambda dataset, params: Unavailable("There are no pictures from real use."), needs=("labels", "real_world"))
    text = words(page())
    assert "Not available" in text and "There are no pictures from real use." in text
    assert "with a second folder" in text and "one folder per concept" not in text


def test_a_defect_of_ours_is_named_and_can_be_tried_again(data: Path, made) -> None:  # type: ignore[no-untyped-def]
    fails = [True]

    def find(dataset, params) -> Findings:  # type: ignore[no-untyped-def]
        if fails.pop() if fails else False:
            raise ZeroDivisionError("of ours")
        return Findings(Verdict.PASS, 1.0, "All is well.")

    made(find)
    at = page(there=lambda at: "could not be finished" in words(at))
    assert any("ZeroDivisionError" in e.label for e in at.expander)
    assert "All is well." in words(run_until(press(at, "Try again"), has_answer))


def test_the_csv_has_a_row_a_concept_and_the_check_first(data: Path, made) -> None:  # type: ignore[no-untyped-def]
    from analysis.registry import CHECKS
    from components.audits import answer
    from components.check_findings import findings_csv
    from components.shelf import given_source, shelf

    made(many)
    page()
    source = given_source()
    assert source is not None
    opened = shelf().get(source.id, "bundled")
    assert opened is not None
    shelf().dismissals.add(source.id, "made", "kind/c1", "Fine")
    from analysis import registry

    assert registry.CHECKS is not CHECKS
    table = pd.read_csv(io.BytesIO(findings_csv(opened.dataset, answer(opened, registry.CHECKS[0]))))
    assert table.columns.tolist() == [
        "concept", "verdict", "score", "headline", "fix", "dismissed", "pictures", "evidence", "n",
    ]  # fmt: skip
    assert len(table) == 10 and table["headline"][0] == "Seven to look at." and table["pictures"][0] == 62
    assert table["dismissed"].tolist()[:3] != [] and table.set_index("concept")["dismissed"]["kind/c1"] == "Fine"
    assert table["evidence"][1] == "glass/0.jpg|glass/1.jpg|glass/10.jpg"


def test_what_is_said_of_every_picture_and_label_comes_as_csv_with_its_ids(data: Path, made) -> None:  # type: ignore[no-untyped-def]
    from components.check_findings import table_csv
    from components.shelf import given_source, shelf

    def find(dataset, params) -> Findings:  # type: ignore[no-untyped-def]
        tables = {
            "images": pd.DataFrame({"made_score": np.linspace(0, 1, len(dataset)), "made_flag": False}),
            "labels": pd.DataFrame({"made_score": np.linspace(1, 0, len(dataset.labels))}),
            "own": pd.DataFrame({"n": [1]}),
        }
        return Findings(Verdict.PASS, 1.0, "All is well.", tables=tables)

    made(find)
    at = page()
    labels = [b.label for b in at.get("download_button")]
    assert labels == ["Findings, concept by concept (CSV)", "Every picture (CSV)", "Every label (CSV)"]
    source = given_source()
    assert source is not None
    opened = shelf().get(source.id, "bundled")
    assert opened is not None
    found = find(opened.dataset, None)
    images = pd.read_csv(io.BytesIO(table_csv(opened.dataset, found, "images")))
    assert images.columns.tolist() == ["image_id", "concepts", "made_score", "made_flag"] and len(images) == 62
    labelled = pd.read_csv(io.BytesIO(table_csv(opened.dataset, found, "labels")))
    assert labelled.iloc[0].tolist() == ["glass/0.jpg", "glass", 1.0]


def test_only_fields_made_for_a_person_can_be_set() -> None:
    check = Check("made", (), "Made", "Is it?", (), "made", lambda: None, MadeParams, "How.")  # type: ignore[arg-type, return-value]
    assert list(options_of(check)) == ["limit", "few", "strict", "deep"]


@pytest.mark.parametrize(("values", "digits"), [((0.25, None), 2), ((0.5, 0.005), 3), ((3.0, 1.0), 2), ((1e-7,), 2)])
def test_a_number_shows_all_its_digits(values: tuple[float | None, ...], digits: int) -> None:
    assert decimals(*values) == digits


@pytest.mark.parametrize(("p", "part"), [(0.0, "fewer than 1 of 1,000"), (0.02, "1 of 50 ")])
def test_chance_in_words(p: float, part: str) -> None:
    assert part in chance_words(p)


def test_an_axis_of_shares_names_none_above_all_though_words_need_room() -> None:
    ticks = bars(["a", "b"], [1.0, 0.4], tick_format=".0%", value_range=(0.0, 1.25)).layout.xaxis.tickvals
    assert list(ticks) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert bars(["a"], [1.4], tick_format=".0%", value_range=(0.0, 1.6)).layout.xaxis.tickvals is None


def test_bars_and_histograms_hold_what_they_are_given() -> None:
    hostile = "<img src=x onerror=alert(1)>" * 3
    fig = bars(
        [hostile, "b"], [0.2, np.nan], low=[0.1, np.nan], high=[0.4, np.nan], limit=0.5, limit_words="<b>limit</b>"
    )
    labels = fig.layout.yaxis.ticktext
    assert "<img" not in labels[0] and "…" in labels[0] and fig.layout.xaxis.range[1] >= 0.5
    assert fig.data[0].error_x.array[0] == pytest.approx(0.2) and fig.data[0].error_x.arrayminus[0] == pytest.approx(
        0.1
    )
    assert "&lt;b&gt;" in fig.layout.annotations[0].text
    rng = np.random.default_rng(0)
    of = rng.normal(size=500)
    fig = histogram({"one": np.append(of, np.nan), "two": of[:50]}, limit=1.0, limit_words="limit")
    assert [int(sum(t.y)) for t in fig.data] == [500, 50]
    assert not histogram([], title="Nothing").data
    assert cut("x" * 100) != "x" * 100 and cut("short") == "short"
