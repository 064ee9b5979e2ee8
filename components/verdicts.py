"""A verdict as a card: word and sign first, then the worst concepts and what to do, method behind a click."""

from __future__ import annotations

import html
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

import streamlit as st

from analysis.checks.base import ConceptFinding, Findings, Verdict
from analysis.dismissals import Standing
from components.text import count, md, plain, short_concepts

# (sign, word, colour that carries white text): the word says it, the colour only helps.
_LOOK: Final = {
    Verdict.PASS: ("✓", "Fine", "#3E6B12"),
    Verdict.CANNOT_TELL: ("?", "Cannot tell", "#5A626B"),
    Verdict.WARN: ("!", "Look at this", "#9A5200"),
    Verdict.FAIL: ("✕", "Needs work", "#B3122F"),
    Verdict.UNAVAILABLE: ("–", "Not available", "#5A626B"),
}
SHOWN: Final = 4


def badge(verdict: Verdict) -> str:
    """The verdict as a small label, HTML."""
    sign, word, colour = _LOOK[verdict]
    return f'<span class="tde-badge" style="background:{colour}">{sign}&nbsp; {word}</span>'


def quiet_badge(word: str) -> str:
    """A label for what has no verdict (not measured, dismissed), HTML; `word` is ours."""
    return f'<span class="tde-badge tde-badge-quiet">{word}</span>'


def verdict_word(verdict: Verdict) -> str:
    """The verdict as a person reads it."""
    return _LOOK[verdict][1]


def verdict_colour(verdict: Verdict) -> str:
    """Colour of its label; white text stands on it."""
    return _LOOK[verdict][2]


def what_to_do(findings: Findings, stands: Standing) -> str:
    """The check's own advice, else that of its worst finding that still counts; empty without any."""
    return findings.fix or next((c.fix for c in stands.open if c.fix), "")


def verdict_card(
    title: str,
    findings: Findings,
    method: str,
    *,
    key: str,
    on_concept: Callable[[str], None] | None = None,
    stands: Standing | None = None,
    dismiss: Callable[[str | None, str], None] | None = None,
) -> None:
    """One check's answer.

    Args:
        title: the check's title.
        findings: what it found.
        method: how it judges, plain sentences (Markdown of ours, no names from files).
        key: of the card's widgets.
        on_concept: called with a concept's name when its button is pressed, to show its pictures.
        stands: what still counts; all findings if None.
        dismiss: draws the button that dismisses a finding, given its concept (None: all of it) and a key.
    """
    verdict = stands.verdict if stands else findings.verdict
    shown = quiet_badge("Dismissed") if stands and stands.dismissed else badge(verdict)
    with st.container(border=True, key=f"{key}-card"):
        st.html(
            '<div style="display:flex;gap:.7rem;align-items:center;flex-wrap:wrap">'
            f"{shown}<strong>{html.escape(title)}</strong></div>"
            f'<p style="margin:.55rem 0 0;overflow-wrap:anywhere">{html.escape(plain(findings.headline))}</p>'
        )
        every = [c for c in findings.concepts if c.verdict in (Verdict.WARN, Verdict.FAIL)]
        rare = list(stands.open) if stands else every
        names = short_concepts([c.concept for c in findings.concepts])
        for i, found in enumerate(rare[:SHOWN]):
            _finding(found, names[found.concept], f"{key}-{i}", on_concept, dismiss)
        if len(rare) > SHOWN:
            with st.expander(f"{count(len(rare) - SHOWN, 'more concept')}"):
                for i, found in enumerate(rare[SHOWN:], SHOWN):
                    _finding(found, names[found.concept], f"{key}-{i}", on_concept, dismiss)
        with st.expander("How this is judged"):
            st.markdown(method)


def _finding(
    found: ConceptFinding,
    name: str,
    key: str,
    on_concept: Callable[[str], None] | None,
    dismiss: Callable[[str | None, str], None] | None,
) -> None:
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        st.html(
            f'<div class="tde-small" style="overflow-wrap:anywhere;line-height:1.7">{badge(found.verdict)} '
            f"<strong>{html.escape(plain(name))}</strong>: "
            f"{html.escape(plain(found.headline))} {html.escape(plain(found.fix))}</div>",
            width="stretch",
        )
        if on_concept is not None:
            st.button(
                "Show pictures",
                key=f"{key}-show",
                type="tertiary",
                on_click=on_concept,
                args=(found.concept,),
                help=md(f"The pictures of {name}"),
            )
        if dismiss is not None:
            digest = blake2b(found.concept.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
            dismiss(found.concept, f"{key.rsplit('-', 1)[0]}-{digest}")
