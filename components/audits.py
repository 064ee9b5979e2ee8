"""The audit as pages see it: kept results, what was dismissed, starting checks, progress, why a result is stale."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from analysis.audit import AuditRun, Task
from analysis.checks.base import Check
from analysis.dismissals import Dismissal, Standing, standing
from analysis.errors import StoreError
from analysis.jobs import Status
from analysis.registry import checks_by_id
from analysis.results import Change, Kept
from components.jobs_ui import POLL_SECONDS, progress_sentence, state_card
from components.shelf import shelf
from components.text import enumerate_words, md

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

SOON: Final = 0.4
"""Seconds a page waits for a check just started: quick ones are shown at once, without a flash of progress."""

_CHANGED: Final[Mapping[Change, str]] = {
    Change.PICTURES: "the pictures, labels or descriptions changed since",
    Change.MODEL: "it was made with another model",
    Change.SETTINGS: "the usual settings changed since",
    Change.METHOD: "the check itself was improved since",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One check as it stands for a dataset.

    Attributes:
        check: the check.
        kept: its kept result, if there is one.
        changes: why the result may no longer hold.
        dismissed: what a person dismissed, by concept (None: the check as a whole).
        standing: what counts without that; None without a result.
        state: as of `AuditRun.state`.
    """

    check: Check
    kept: Kept | None
    changes: tuple[Change, ...]
    dismissed: Mapping[str | None, Dismissal]
    standing: Standing | None
    state: str

    @property
    def stale(self) -> str:
        """Why the result may no longer hold, in words; empty when it holds."""
        if not self.changes:
            return ""
        words = [_CHANGED[c] for c in self.changes]
        return f"This may no longer hold: {enumerate_words(words)}."


def answer(opened: OpenDataset, check: Check) -> Answer:
    """How this check stands for this dataset under the model in use."""
    kept_here, source_id, model = shelf(), opened.source.id, opened.features.model.key
    try:
        kept = kept_here.results.get(source_id, check.id, model)
        dismissed = kept_here.dismissals.of_check(source_id, check.id)
    except StoreError as error:
        st.warning(md(str(error)))
        kept, dismissed = None, {}
    changes = kept.changes(check, check.read_from(opened.dataset), model) if kept else ()
    stands = standing(kept.findings, dismissed) if kept else None
    return Answer(check, kept, changes, dismissed, stands, run_of(opened).state(check.id))


def run_of(opened: OpenDataset) -> AuditRun:
    """The checks that run, ran or wait on this dataset."""
    return shelf().audit_run(opened)


def chosen_of(kept: Kept | None) -> Mapping[str, Any]:
    """What a person had set for the check: it stays set until reset."""
    return kept.chosen if kept else {}


def start(opened: OpenDataset, tasks: Sequence[Task]) -> None:
    """Run these checks; those that are quick are done when this returns."""
    run = run_of(opened)
    run.add(tasks)
    if run.job is not None:
        run.job.wait(SOON)


def start_again(opened: OpenDataset, check: Check) -> None:
    """Callback: run a check again with what was set for it."""
    start(opened, [Task(check, chosen_of(answer(opened, check).kept))])


def run_with(opened: OpenDataset, check_id: str, **chosen: Any) -> None:
    """Callback: run a check with these of its parameters, and what was set for it before."""
    check = checks_by_id([check_id])[0]
    before = chosen_of(answer(opened, check).kept)
    start(opened, [Task(check, {**before, **chosen})])


def show_progress(opened: OpenDataset, title: str, *, key: str) -> None:
    """Progress of the checks that work now, with cancel; the page runs again whenever one of them ends."""
    run = run_of(opened)
    job, drawn = run.job, run.counts()
    if job is None or not run.active:
        return

    @st.fragment(run_every=POLL_SECONDS)
    def poll() -> None:
        if not run.active or run.counts() != drawn:
            st.rerun()
        state = job.state()
        stopping = state.status is Status.STOPPING
        st.markdown(f"**{md(title)}**")
        st.progress(min(1.0, state.done / state.total) if state.total else 0.0)
        with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
            doing = "Stopping; what is finished is kept" if stopping else (state.note or "Getting ready")
            with st.container(width="stretch", gap="xxsmall"):
                st.markdown(md(doing))
                st.caption(md(progress_sentence(state, "") or "Starting"))
            if st.button("Cancel", key=f"{key}-cancel", disabled=stopping):
                run.cancel()
                job.wait(SOON)
                st.rerun()

    with st.container(border=True, key=f"{key}-running"):
        poll()


def show_failure(opened: OpenDataset, check: Check, *, key: str) -> None:
    """Say that a defect of ours stopped a check, details behind a click."""
    error = run_of(opened).failures.get(check.id)
    state_card(
        f"{check.title} could not be finished",
        "Something in the app itself went wrong. Your pictures are untouched, and the other checks are not affected.",
    )
    _again_button(opened, check, "Try again", key)
    if error is not None:
        with st.expander(f"Details for a bug report: {type(error).__name__}"):
            st.code("".join(traceback.format_exception(error)), language=None, wrap_lines=True)


def show_stopped(opened: OpenDataset, check: Check, *, key: str) -> None:
    """Say that a check was stopped before it ended."""
    state_card(f"{check.title} was stopped", "Nothing was found yet; other checks that had finished are kept.")
    _again_button(opened, check, "Run this check", key)


def _again_button(opened: OpenDataset, check: Check, label: str, key: str) -> None:
    with st.container(horizontal=True, horizontal_alignment="center"):
        st.button(label, type="primary", key=f"{key}-again", on_click=start_again, args=(opened, check))


def show_unwritten() -> None:
    """Say that results are not kept beyond this run of the app, where that is so."""
    problem = shelf().results.problem
    if problem:
        st.warning(md(f"Results cannot be kept on this computer and are lost when the app is closed: {problem}"))


def dismiss_button(opened: OpenDataset, check_id: str, concept: str | None, *, key: str) -> None:
    """A button that asks for a reason and dismisses a finding."""
    reason_key = f"{key}-reason"

    def dismiss() -> None:
        reason = str(st.session_state.get(reason_key, ""))
        _write(lambda: shelf().dismissals.add(opened.source.id, check_id, concept, reason))

    with st.popover("Dismiss", type="tertiary", key=f"{key}-dismiss"):
        st.markdown("**Dismiss this finding?** It stays listed with your reason, and no longer counts.")
        st.text_input("Reason", key=reason_key, placeholder="For instance: this is how users take them", max_chars=1000)
        st.button("Dismiss", type="primary", key=f"{key}-confirm", on_click=dismiss)


def undo_button(opened: OpenDataset, check_id: str, concept: str | None, *, key: str) -> None:
    """A button that lets a dismissed finding count again."""

    def undo() -> None:
        _write(lambda: shelf().dismissals.remove(opened.source.id, check_id, concept))

    st.button("Undo", key=f"{key}-undo", type="tertiary", on_click=undo, help="Let this finding count again")


def _write(change: Callable[[], None]) -> None:
    try:
        change()
    except StoreError as error:
        st.toast(md(str(error)), icon=":material/error:")
