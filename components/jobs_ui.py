"""Show a job while it works and how it ended; the registry of this process's jobs."""

from __future__ import annotations

import html
import traceback
from collections.abc import Callable
from typing import Any, Final

import streamlit as st

from analysis.jobs import Job, JobRegistry, JobState, Status
from components.text import count, duration, md

POLL_SECONDS: Final = 0.5


@st.cache_resource(show_spinner=False)
def jobs() -> JobRegistry:
    """Jobs of this process, shared by all sessions: key them by dataset and kind (or by owner)."""
    return JobRegistry()


def progress_sentence(state: JobState, noun: str = "image", plural: str | None = None) -> str:
    """`1,240 of 2,900 images, 96 a second, about 20 seconds left`; without a noun the share and time left."""
    parts = []
    if state.total > 0:
        parts.append(
            f"{state.done:,} of {count(state.total, noun, plural)}" if noun else f"{state.done / state.total:.0%}"
        )
        if noun and state.rate is not None:
            parts.append(f"{state.rate:,.0f} a second" if state.rate >= 2 else f"{state.rate:.1f} a second")
        if state.seconds_left is not None and state.done < state.total:
            parts.append(f"about {duration(state.seconds_left)} left")
    elif state.elapsed > 5:
        parts.append(f"{duration(state.elapsed)} so far")
    return ", ".join(parts)


def no_buttons() -> None:
    """Draw nothing."""


def state_card(title: str, *sentences: str) -> None:
    """A centred title and sentences: how empty, loading and error states look. Text is escaped."""
    body = "".join(f"<p>{html.escape(s)}</p>" for s in sentences if s)
    st.html(f'<div class="tde-state"><h2>{html.escape(title)}</h2>{body}</div>')


def show_running(job: Job[Any], title: str, *, key: str, noun: str = "image", plural: str | None = None) -> None:
    """Progress of a job with a cancel button, updated twice a second; the page runs again when it ends."""

    @st.fragment(run_every=POLL_SECONDS)
    def poll() -> None:
        state = job.state()
        if not job.active:
            st.rerun()
        stopping = state.status is Status.STOPPING
        share = min(1.0, state.done / state.total) if state.total else 0.0
        st.markdown(f"**{md(title)}**")
        st.progress(share)
        numbers, button = st.columns([4, 1], vertical_alignment="center")
        doing = "Stopping; what is finished is kept" if stopping else (state.note or "Getting ready")
        with numbers:
            st.markdown(md(progress_sentence(state, noun, plural) or "Starting"))
            st.caption(md(doing))
        with button:
            if st.button("Cancel", key=f"{key}-cancel", disabled=stopping, width="stretch"):
                job.cancel()
                # Work reports often, so this is short; the fragment takes over when it is not.
                job.wait(0.4)
                st.rerun()

    with st.container(border=True, key=f"{key}-running"):
        poll()


def show_cancelled(
    job: Job[Any],
    title: str,
    resume: Callable[[], Any],
    *,
    key: str,
    noun: str = "image",
    beside: Callable[[], None] = no_buttons,
) -> None:
    """Say how far a cancelled job came, and offer to go on; `beside` draws further buttons in the same row."""
    state = job.state()
    far = (
        f"{state.done:,} of {count(state.total, noun)} are done and kept. Resuming does only the rest."
        if state.total and noun
        else "What was finished is kept. Resuming does only the rest."
    )
    state_card(title, far)
    with st.container(horizontal=True, horizontal_alignment="center"):
        st.button("Resume", type="primary", key=f"{key}-resume", on_click=resume)
        beside()


def show_failed(
    job: Job[Any],
    title: str,
    again: Callable[[], Any],
    *,
    key: str,
    beside: Callable[[], None] = no_buttons,
) -> None:
    """Say what went wrong. A defect of ours is named as such, its details behind a click."""
    error = job.error
    ours = error is not None and job.message is None
    state_card(title, job.message or "Something in the app itself went wrong. Your pictures are untouched.")
    with st.container(horizontal=True, horizontal_alignment="center"):
        st.button("Try again", key=f"{key}-again", on_click=again)
        beside()
    if ours:
        with st.expander(f"Details for a bug report: {type(error).__name__}"):
            st.code("".join(traceback.format_exception(error)), language=None, wrap_lines=True)
