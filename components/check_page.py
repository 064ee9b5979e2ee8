"""The page of a check: its answer in a sentence, the chart that fits, the pictures, what to do, how it is judged.

A page file calls `check_page` and nothing else; what a check draws of its own comes in as `draw`. Results are kept
on disk and shown at once the next time; the first visit runs the check.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st

from analysis.audit import Task
from analysis.checks.base import Check, Findings, Verdict, at_least
from analysis.registry import checks_by_id
from analysis.results import Change, Kept
from components import audits
from components.audits import Answer
from components.cards import ago
from components.check_findings import concept_findings, dismissed_findings, findings_csv, table_csv
from components.check_settings import settings, settings_in_words
from components.evidence import picture_strip
from components.shell import shell
from components.state import START_PAGE, TAXONOMY_PAGE, link_parameters, require_dataset
from components.text import duration, md, plain
from components.verdicts import badge, quiet_badge, what_to_do

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

Draw = Callable[["OpenDataset", Findings], None]

ALPHA: Final = 0.05
_HELP: Final = {
    "labels": "Put the pictures into one folder per concept, or name their concepts in a manifest.",
    "real_world": "Open the dataset again from the start page with a second folder: pictures from real use.",
    "taxonomy": "Write down what each concept means on the page Taxonomy, or take over a file there.",
}


def check_page(check_id: str, draw: Draw | None = None) -> None:
    """Draw the page of this check.

    Args:
        check_id: its id in the registry.
        draw: draws the chart and pictures from the kept findings (`tables`, `extra`) alone; not called where there
            is nothing to draw (`unavailable`).
    """
    check = checks_by_id([check_id])[0]
    opened = require_dataset()
    shell(check.title, check.question, opened)
    now = answer_or_state(opened, check)
    if now.kept is None:
        _method(check)
        return
    _verdict(opened, now)
    _tools(opened, now, now.kept)
    findings = now.kept.findings
    if draw is not None and findings.verdict is not Verdict.UNAVAILABLE:
        draw(opened, findings)
    concept_findings(opened, now)
    dismissed_findings(opened, now)
    _method(check)


def answer_or_state(opened: OpenDataset, check: Check) -> Answer:
    """The check's answer; run first where none is kept. Progress, a failure or a stale mark is drawn here."""
    now = _run_at_first(opened, check)
    if now.state in ("working", "waiting"):
        _progress(opened, now)
    elif now.state == "failed":
        audits.show_failure(opened, check, key=check.id)
    elif now.state == "stopped" and now.kept is None:
        audits.show_stopped(opened, check, key=check.id)
    if now.kept is not None:
        audits.show_unwritten()
        _stale(opened, now)
    return now


def _run_at_first(opened: OpenDataset, check: Check) -> Answer:
    now = audits.answer(opened, check)
    if now.kept is None and not now.state:
        audits.start(opened, [Task(check)])
        now = audits.answer(opened, check)
    return now


def _progress(opened: OpenDataset, now: Answer) -> None:
    waits = now.state == "waiting"
    audits.show_progress(opened, f"{now.check.title} comes next" if waits else "Looking", key=now.check.id)
    if now.kept is None:
        st.caption("You may leave this page meanwhile: the result is kept, and waits for you here.")
    else:
        st.caption("Below is the result of the last time.")


def _stale(opened: OpenDataset, now: Answer) -> None:
    if not now.stale or now.state in ("working", "waiting"):
        return
    with st.container(
        border=True, horizontal=True, wrap=False, vertical_alignment="center", key=f"{now.check.id}-stale"
    ):
        st.html(f'<span class="tde-small">{html.escape(now.stale)}</span>', width="stretch")
        st.button("Run again", key=f"{now.check.id}-renew", on_click=audits.start_again, args=(opened, now.check))


def _verdict(opened: OpenDataset, now: Answer) -> None:
    """The sentence first, the number second; then what to do and the pictures that show it."""
    assert now.kept is not None and now.standing is not None
    findings, stands, key = now.kept.findings, now.standing, now.check.id
    with st.container(border=True, key=f"{key}-answer"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
            shown = quiet_badge("Dismissed") if stands.dismissed else badge(stands.verdict)
            st.html(shown, width="stretch")
            if not stands.dismissed and stands.verdict in (Verdict.WARN, Verdict.FAIL):
                audits.dismiss_button(opened, key, None, key=f"{key}-whole")
        st.html(f'<p class="tde-verdict">{html.escape(plain(findings.headline))}</p>{_second(now)}')
        fix = what_to_do(findings, stands)
        if fix and not stands.dismissed:
            st.html(f'<p class="tde-text"><strong>What to do.</strong> {html.escape(plain(fix))}</p>')
        if findings.verdict is Verdict.UNAVAILABLE:
            _what_would_help(opened, now.check)
        picture_strip(opened, findings.evidence, f"{key}-evidence")


def _second(now: Answer) -> str:
    assert now.kept is not None and now.standing is not None
    findings, stands = now.kept.findings, now.standing
    parts = []
    if findings.score is not None and findings.verdict is not Verdict.CANNOT_TELL:
        parts.append(f"Score {findings.score:.2f}, where 1 is fine.")
    # Where the smallest p-value is not small, something else than the test gave the verdict.
    if findings.p_value is not None and findings.p_value <= ALPHA and at_least(findings.verdict, Verdict.WARN):
        parts.append(chance_words(findings.p_value))
    if findings.reason and findings.reason != findings.headline:
        parts.append(findings.reason)
    if stands.aside and not stands.dismissed:
        n = len(stands.aside)
        parts.append("1 finding is dismissed and no longer counts." if n == 1 else f"{n} findings are dismissed.")
    words = html.escape(plain(" ".join(parts)))
    return f'<p class="tde-text tde-small tde-muted">{words}</p>' if words else ""


def chance_words(p: float) -> str:
    """A p-value for a person."""
    if p < 0.001:
        return "Chance alone would show this in fewer than 1 of 1,000 such datasets."
    return f"Chance alone would show this in about 1 of {round(1 / p):,} such datasets."


def _what_would_help(opened: OpenDataset, check: Check) -> None:
    missing = {
        "labels": not opened.dataset.concepts,
        "real_world": not opened.dataset.has_real_world,
        "taxonomy": not opened.dataset.taxonomy,
    }
    wanted = [need for need in check.needs if missing.get(need)]
    for need in wanted:
        st.html(f'<p class="tde-text"><strong>What would help.</strong> {html.escape(_HELP[need])}</p>')
    if "taxonomy" in wanted and st.button("To the page Taxonomy", key=f"{check.id}-taxonomy"):
        st.switch_page(TAXONOMY_PAGE, query_params=link_parameters())
    if {"labels", "real_world"} & set(wanted) and st.button("To the start page", key=f"{check.id}-start"):
        st.switch_page(START_PAGE, query_params=link_parameters())


def _tools(opened: OpenDataset, now: Answer, kept: Kept) -> None:
    """When this was found, and what can be done with it."""
    check = now.check
    took = f", took {duration(kept.seconds)}" if kept.seconds >= 3 else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{check.id}-tools"):
        st.html(
            f'<span class="tde-small tde-muted">Looked at {ago(kept.at)}{took}{settings_in_words(check, kept)}</span>',
            width="stretch",
        )
        st.button(
            "Run again",
            key=f"{check.id}-run",
            type="tertiary",
            on_click=audits.start_again,
            args=(opened, check),
            disabled=now.state in ("working", "waiting"),
        )
        settings(opened, check, kept)
        _downloads(opened, now, kept)


def _downloads(opened: OpenDataset, now: Answer, kept: Kept) -> None:
    """The findings as CSV, and what the check says of every picture, label or pair."""
    tables = {
        name: words
        for name, words in (("images", "Every picture"), ("labels", "Every label"), ("pairs", "Every pair"))
        if name in kept.findings.tables
        and (name == "pairs" or Change.PICTURES not in now.changes)  # their rows are those of the dataset
    }
    with st.popover("Download", type="tertiary", key=f"{now.check.id}-download"):
        st.download_button(
            "Findings, concept by concept (CSV)",
            lambda: findings_csv(opened.dataset, now),
            file_name=f"{now.check.id}.csv",
            mime="text/csv",
            key=f"{now.check.id}-csv",
            on_click="ignore",
            width="stretch",
        )
        for name, words in tables.items():
            st.download_button(
                f"{words} (CSV)",
                partial(table_csv, opened.dataset, kept.findings, name),
                file_name=f"{now.check.id}-{name}.csv",
                mime="text/csv",
                key=f"{now.check.id}-csv-{name}",
                on_click="ignore",
                width="stretch",
            )


def _method(check: Check) -> None:
    with st.expander("How this is judged"):
        st.markdown(check.method)
        st.caption(f"With references, limits and the figures reached: {md(f'docs/checks/{check.id}.md')}")
