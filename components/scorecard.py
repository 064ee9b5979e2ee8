"""Parts of the scorecard page: the line for who has a minute, the statements with their answers, the reports."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from analysis.audit import Task
from analysis.checks.base import Verdict, worst
from analysis.guide import BESIDE, STATEMENTS, Statement
from analysis.registry import CHECKS
from components import audits
from components.audits import Answer
from components.evidence import tiny_strip
from components.state import link_parameters
from components.text import count, duration, enumerate_words, md, plain
from components.verdicts import badge, quiet_badge, verdict_colour, verdict_word, what_to_do

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

STRIP: Final = 7
FIRST: Final = 3
SECONDS: Final = {"balance": 2, "leakage": 1, "image_quality": 1, "quantity": 8, "uniqueness": 15, "consistency": 6}
OTHER_SECONDS: Final = 10
"""Of one check on `SECONDS_FOR` images on two cores, rounded up: only for the sentence before the first run."""
SECONDS_FOR: Final = 1500
_MEANING: Final = {
    Verdict.FAIL: "Beyond a practical limit that the check states: mend it before you train.",
    Verdict.WARN: "More than chance would show, and enough to matter: look at the pictures and decide.",
    Verdict.PASS: "Nothing was found, and there were enough pictures to find it.",
    Verdict.CANNOT_TELL: "Too few pictures, or the model in use cannot judge it: the check says what would help.",
    Verdict.UNAVAILABLE: "Something it needs was not given, for instance pictures from real use.",
}
_PAGES: Final = {"balance": "pages/explore/class_balance.py"}


@dataclass(frozen=True, slots=True)
class Line:
    """A statement, the answers of its checks that exist, the verdict they give together (None: none yet), and
    whether all they found was dismissed."""

    statement: Statement
    answers: tuple[Answer, ...]
    verdict: Verdict | None
    dismissed: bool


def lines(opened: OpenDataset) -> tuple[Line, ...]:
    """The statements in order, what is beside the guide last."""
    answers = {check.id: audits.answer(opened, check) for check in CHECKS}
    return tuple(_line(s, [answers[c] for c in s.checks if c in answers]) for s in (*STATEMENTS, *BESIDE))


def _line(statement: Statement, answers: Sequence[Answer]) -> Line:
    stands = [a.standing for a in answers if a.standing is not None]
    counted = [s.verdict for s in stands if s.verdict is not Verdict.UNAVAILABLE and not s.dismissed]
    if counted:
        return Line(statement, tuple(answers), worst(counted), False)
    dismissed = any(s.dismissed for s in stands)
    verdict = None if not stands else Verdict.PASS if dismissed else Verdict.UNAVAILABLE
    return Line(statement, tuple(answers), verdict, dismissed)


def summary_sentence(found: Sequence[Line]) -> str:
    """`9 of 12 looked at: 2 need work, 3 to look at, 4 fine.`"""
    counts = {v: sum(line.verdict is v and not line.dismissed for line in found) for v in Verdict}
    dismissed = sum(line.dismissed for line in found)
    seen = dismissed + sum(n for v, n in counts.items() if v is not Verdict.UNAVAILABLE)
    if not seen:
        return "Nothing has been looked at yet."
    fail, warn, unsure, fine = (counts[v] for v in (Verdict.FAIL, Verdict.WARN, Verdict.CANNOT_TELL, Verdict.PASS))
    parts = [
        f"{fail} {'needs' if fail == 1 else 'need'} work" if fail else "",
        f"{warn} to look at" if warn else "",
        f"{unsure} cannot be judged" if unsure else "",
        f"{fine} fine" if fine else "",
        f"{dismissed} dismissed" if dismissed else "",
    ]
    return f"{seen} of {len(found)} looked at: {', '.join(p for p in parts if p)}."


def summary(opened: OpenDataset, found: Sequence[Line]) -> None:
    """The line for who has a minute: a sentence, a bar in the statements' order, what to do first; run and reports."""
    run = audits.run_of(opened)
    kept = [a for a in _answers(found) if a.kept is not None]
    with st.container(border=True, key="scorecard-summary"):
        st.html(f'<p class="tde-score">{html.escape(summary_sentence(found))}</p>{_segments(found)}{_first(found)}')
        if not kept and not run.active:
            st.html(f'<p class="tde-text">{html.escape(before_words(opened))}</p>')
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if not run.active:
                _run_buttons(opened, found)
            if kept:
                downloads(opened, found)
    if run.active:
        done, every = run.counts()
        audits.show_progress(opened, f"Looking: {done} of {count(every, 'check')} done", key="scorecard")
        st.caption("Each answer appears below as soon as it is there. You may leave this page meanwhile.")


def _run_buttons(opened: OpenDataset, found: Sequence[Line]) -> None:
    """Run everything; or, where some answers are there, what is missing or may no longer hold."""
    answers = _answers(found)
    due = [a.check.id for a in answers if a.kept is None or a.changes]
    if 0 < len(due) < len(answers):
        words = f"Run {count(len(due), 'check')} missing or out of date"
        st.button(words, type="primary", key="run-due", on_click=run_all, args=(opened, due))
    fresh = len(due) == len(answers) and not any(a.kept for a in answers)
    st.button(
        "Run all checks" if fresh else "Run all checks again",
        type="primary" if len(due) == len(answers) else "secondary",
        key="run-all",
        on_click=run_all,
        args=(opened,),
    )


def before_words(opened: OpenDataset) -> str:
    """What will happen and how long it takes, for who has not run a check yet."""
    seconds = sum(SECONDS.get(c.id, OTHER_SECONDS) for c in CHECKS) * max(0.1, len(opened.dataset) / SECONDS_FOR)
    return (
        f"{count(len(CHECKS), 'check')} will look at your {count(len(opened.dataset), 'picture')} in turn, say what is "
        "fine and what needs work, and show the pictures that tell. No picture is changed. It takes about "
        f"{duration(max(5.0, seconds))}; you may stop at any time, and what is finished is kept."
    )


def run_all(opened: OpenDataset, only: Sequence[str] | None = None) -> None:
    """Callback: run every check (or only these), each with what was set for it."""
    checks = [c for c in CHECKS if only is None or c.id in only]
    audits.start(opened, [Task(c, audits.chosen_of(audits.answer(opened, c).kept)) for c in checks])


def _answers(found: Sequence[Line]) -> list[Answer]:
    """Each check once, in the registry's order."""
    by_id = {a.check.id: a for line in found for a in line.answers}
    return [by_id[check.id] for check in CHECKS if check.id in by_id]


def _segments(found: Sequence[Line]) -> str:
    parts = []
    for line in found:
        words = f"{line.statement.words}: {_word(line)}"
        counts = line.verdict not in (None, Verdict.UNAVAILABLE) and not line.dismissed
        colour = f' style="background:{verdict_colour(line.verdict)}"' if counts and line.verdict else ""
        parts.append(f'<span{colour} title="{html.escape(words)}"></span>')
    return f'<div class="tde-segments" role="img" aria-label="One segment a statement">{"".join(parts)}</div>'


def _word(line: Line) -> str:
    if line.verdict is None:
        return "not measured yet"
    return "dismissed" if line.dismissed else verdict_word(line.verdict).lower()


def _first(found: Sequence[Line]) -> str:
    """The worst findings that say what to do, as a short list."""
    worst_first = sorted(
        (a for a in _answers(found) if a.standing is not None and a.standing.verdict in (Verdict.WARN, Verdict.FAIL)),
        key=lambda a: a.standing is not None and a.standing.verdict is not Verdict.FAIL,
    )
    items = []
    for one in worst_first[:FIRST]:
        assert one.kept is not None and one.standing is not None
        fix = what_to_do(one.kept.findings, one.standing)
        if fix:
            items.append(f"<li><strong>{html.escape(one.check.title)}.</strong> {html.escape(plain(fix))}</li>")
    return (
        f'<p class="tde-text"><strong>Start here</strong></p><ul class="tde-list">{"".join(items)}</ul>'
        if items
        else ""
    )


def statements(opened: OpenDataset, found: Sequence[Line]) -> None:
    """Every statement with its answers; a check that serves two stands in full under the first."""
    shown: set[str] = set()
    with st.container(border=True, gap="xsmall", key="scorecard-statements"):
        for i, line in enumerate(found):
            if i:
                st.html('<div class="tde-rule"></div>')
            _statement(opened, line, shown)
            shown.update(a.check.id for a in line.answers)


def _statement(opened: OpenDataset, line: Line, shown: set[str]) -> None:
    with st.container(horizontal=True, wrap=False, gap="small", key=f"statement-{line.statement.id or 'beside'}"):
        st.html(f'<div style="padding-top:.1rem">{_badge(line)}</div>', width=132)
        with st.container(width="stretch", gap="xxsmall"):
            number = f' <span class="tde-muted tde-small">{line.statement.id}</span>' if line.statement.id else ""
            look = " tde-quiet" if not line.answers else ""
            st.html(f'<p class="tde-statement{look}">{html.escape(line.statement.words)}{number}</p>')
            for one in line.answers:
                if one.check.id in shown:
                    words = again_words(line.statement.id, one)
                    st.html(f'<p class="tde-text tde-small tde-muted">{html.escape(words)}</p>')
                else:
                    _answer(opened, one, several=len(line.answers) > 1)


def again_words(statement_id: str, one: Answer) -> str:
    """What a check that stands above in full says to this statement too."""
    extra: Any = one.kept.findings.extra if one.kept else {}
    if statement_id != "G2" or not {"guide", "forecast", "images"} <= set(extra):
        return f"Measured by {one.check.title}, above."
    low, high = (f"{n:,}" for n in extra["guide"]["deep"])
    words = (
        f"You have {extra['images']:,}. On top of an existing model, tens to tens of thousands are usual; trained from "
        f"scratch, {low} to {high}."
    )
    deep = extra["forecast"]["deep"]
    if deep is None:
        return f"{words} Whether yours would do from scratch can be tried on the page of {one.check.title}."
    if deep["needed"] is None:
        return f"{words} From scratch, yours would need more than ten times as many, or it cannot be told."
    return f"{words} From scratch, about {deep['needed']:,} would be needed."


def _badge(line: Line) -> str:
    if line.verdict is None:
        states = {a.state for a in line.answers}
        if "working" in states:
            return quiet_badge("Looking …")
        if "waiting" in states:
            return quiet_badge("Waiting")
        if "failed" in states:
            return quiet_badge("Stopped short")
        if not line.answers:
            return '<span class="tde-muted tde-small">Not measured yet</span>'
        return quiet_badge("Not run yet")
    return quiet_badge("Dismissed") if line.dismissed else badge(line.verdict)


def _answer(opened: OpenDataset, one: Answer, *, several: bool) -> None:
    check, key = one.check, f"scorecard-{one.check.id}"
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        if several and one.standing is not None:
            dismissed = one.standing.dismissed
            st.html(quiet_badge("Dismissed") if dismissed else badge(one.standing.verdict), width="content")
        with st.container(width="stretch"):
            st.page_link(
                page_of(check.id),
                label=check.title,
                icon=":material/arrow_forward:",
                icon_position="right",
                query_params=link_parameters(),
            )
        if one.standing is not None:
            if None in one.dismissed and one.standing.dismissed:
                audits.undo_button(opened, check.id, None, key=key)
            elif one.standing.verdict in (Verdict.WARN, Verdict.FAIL):
                audits.dismiss_button(opened, check.id, None, key=key)
        busy = one.state in ("working", "waiting")
        words = {"working": "Looking …", "waiting": "Waiting"}.get(one.state, "Run again" if one.kept else "Run")
        st.button(
            words, key=f"{key}-run", type="tertiary", disabled=busy, on_click=audits.start_again, args=(opened, check)
        )
    if one.kept is None:
        what = "An error in the app itself stopped it; its page says more." if one.state == "failed" else check.question
        st.html(f'<p class="tde-text tde-small tde-muted">{html.escape(what)}</p>')
        return
    st.html(
        f'<p class="tde-text" style="margin-top:0">{html.escape(plain(one.kept.findings.headline))}</p>{_notes(one)}'
    )
    tiny_strip(opened, one.kept.findings.evidence_strip(STRIP), f"{key}-strip")


def _notes(one: Answer) -> str:
    assert one.standing is not None
    notes = [one.stale] if one.stale else []
    whole = one.dismissed.get(None)
    if one.standing.dismissed and whole is not None:
        notes.append(f"Dismissed: {whole.reason or 'no reason given'}")
    elif one.standing.aside:
        names = enumerate_words([c.concept for c in one.standing.aside[:FIRST]])
        notes.append(f"{count(len(one.standing.aside), 'finding')} dismissed ({names}).")
    return "".join(f'<p class="tde-text tde-small tde-muted">{html.escape(plain(n))}</p>' for n in notes)


def legend() -> None:
    """What the five words mean, behind a click."""
    with st.expander("What the words mean"):
        rows = "".join(f"<tr><td>{badge(v)}</td><td>{html.escape(words)}</td></tr>" for v, words in _MEANING.items())
        st.html(f'<table class="tde-table">{rows}</table>')
        st.caption(f"How a verdict comes about, on one page: {md('docs/verdicts.md')}")


def page_of(check_id: str) -> str:
    """The page file of a check."""
    return _PAGES.get(check_id, f"pages/audit/{check_id}.py")


def downloads(opened: OpenDataset, found: Sequence[Line]) -> None:
    """The kept results as one page to send around, and as JSON; results that no longer hold are left out."""
    current = [a for a in _answers(found) if a.kept is not None and not a.changes]
    old = sum(a.kept is not None for a in _answers(found)) - len(current)
    if not current:
        st.caption("Run the checks again for a report: what is kept may no longer hold.")
        return
    help_text = f"{count(old, 'result')} that may no longer hold left out." if old else None
    st.download_button(
        "Report (one page)",
        lambda: report_html(opened, current),
        "report.html",
        "text/html",
        key="report-html",
        on_click="ignore",
        help=help_text,
    )
    st.download_button(
        "Report (JSON)",
        lambda: json.dumps(report_content(opened, current), ensure_ascii=False, indent=1).encode(
            "utf-8", "backslashreplace"
        ),
        "report.json",
        "application/json",
        key="report-json",
        on_click="ignore",
        help=help_text,
    )


def report_content(opened: OpenDataset, answers: Sequence[Answer]) -> dict[str, object]:
    """The content of report.json from kept results, with what was dismissed."""
    from analysis.dismissals import as_json
    from analysis.report import Outcome, report

    outcomes: list[Outcome] = [Outcome(a.check, a.kept.findings, a.kept.seconds) for a in answers if a.kept is not None]
    dismissed = [as_json(d) for a in answers for d in a.dismissed.values()]
    return report(opened.dataset, opened.features.model, outcomes, seed=0, extra={"dismissed": dismissed})


def report_html(opened: OpenDataset, answers: Sequence[Answer]) -> bytes:
    """report.html from kept results."""
    from analysis.report_html import render, thumbnails_by_id

    content = report_content(opened, answers)
    pictures = thumbnails_by_id(content, opened.dataset, opened.features.pictures)
    return render(content, pictures).encode("utf-8", "backslashreplace")
