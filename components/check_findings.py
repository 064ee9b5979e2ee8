"""The findings of a check, concept by concept: words, what to do, pictures; dismissing one, and the CSV."""

from __future__ import annotations

import html
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import streamlit as st

from analysis.checks.base import ConceptFinding, Findings
from analysis.dataset import Dataset
from analysis.dismissals import Dismissal
from components import audits
from components.audits import Answer
from components.cards import ago
from components.evidence import picture_strip
from components.text import count, plain, short_concepts
from components.verdicts import badge, quiet_badge, verdict_word

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

SHOWN: Final = 5
"""Findings drawn at first; each has a strip of pictures, so many at once are slow and hard to take in."""


def concept_findings(opened: OpenDataset, now: Answer) -> None:
    """What needs a person, worst first, then a table of the rest."""
    assert now.kept is not None and now.standing is not None
    concepts, left, key = now.kept.findings.concepts, now.standing.open, now.check.id
    names = short_concepts([*opened.dataset.concepts, *(c.concept for c in concepts)])  # as the sentences name them
    if left:
        st.subheader(f"{count(len(left), 'concept')} to look at", anchor=False)
        every = bool(st.session_state.get(f"{key}-every-concept"))
        for found in left if every else left[:SHOWN]:
            _finding(opened, now, found, names[found.concept], f"{key}-concept-{_digest(found.concept)}")
        if len(left) > SHOWN:
            words = "Show fewer" if every else f"Show {count(len(left) - SHOWN, 'more concept')}"
            st.button(words, key=f"{key}-more", on_click=_toggle, args=(f"{key}-every-concept",))
    rest = [c for c in concepts if c not in left and c not in now.standing.aside]
    if rest:
        _others(rest, names, "The other concepts" if left else "Concept by concept")


def _digest(concept: str) -> str:
    """Names any widget of this concept: by place, an open form would pass to the next one when a finding goes."""
    return blake2b(concept.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _toggle(key: str) -> None:
    st.session_state[key] = not st.session_state.get(key)


def _finding(opened: OpenDataset, now: Answer, found: ConceptFinding, name: str, key: str) -> None:
    with st.container(border=True, key=key):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
            st.html(
                f'<div style="line-height:1.9;overflow-wrap:anywhere">{badge(found.verdict)}&ensp;'
                f"<strong>{html.escape(plain(name))}</strong></div>",
                width="stretch",
            )
            audits.dismiss_button(opened, now.check.id, found.concept, key=key)
        fix = f"<br><strong>What to do.</strong> {html.escape(plain(found.fix))}" if found.fix else ""
        st.html(f'<p class="tde-text" style="margin:0">{html.escape(plain(found.headline))}{fix}</p>')
        picture_strip(opened, found.evidence, f"{key}-pictures")


def _others(found: list[ConceptFinding], names: dict[str, str], title: str) -> None:
    table = pd.DataFrame(
        {
            "Concept": [plain(names[c.concept]) for c in found],
            "Verdict": [verdict_word(c.verdict) for c in found],
            "Score": [c.score for c in found],
            "What was found": [plain(c.headline) for c in found],
        }
    )
    with st.expander(f"{title} ({len(found):,})"):
        st.dataframe(
            table,
            hide_index=True,
            column_config={
                "Score": st.column_config.NumberColumn(format="%.2f", help="1 is fine", width="small"),
                "What was found": st.column_config.TextColumn(width="large"),
            },
        )


def dismissed_findings(opened: OpenDataset, now: Answer) -> None:
    """What a person dismissed, with the reason and a way back."""
    if not now.dismissed:
        return
    st.subheader("Dismissed", anchor=False)
    for one in sorted(now.dismissed.values(), key=lambda d: d.at):
        _dismissed(opened, one, now.check.title, f"{now.check.id}-aside-{_digest(one.concept or '')}")


def _dismissed(opened: OpenDataset, one: Dismissal, title: str, key: str) -> None:
    what = title if one.concept is None else one.concept
    reason = one.reason or "No reason given."
    with st.container(border=True, horizontal=True, wrap=False, vertical_alignment="center", key=key):
        st.html(
            f'<div style="overflow-wrap:anywhere">{quiet_badge("Dismissed")}&ensp;'
            f"<strong>{html.escape(plain(what))}</strong>"
            f'<span class="tde-small tde-muted">&ensp;{ago(one.at)}</span><br>{html.escape(plain(reason))}</div>',
            width="stretch",
        )
        audits.undo_button(opened, one.check, one.concept, key=key)


def findings_csv(dataset: Dataset, now: Answer) -> bytes:
    """CSV (UTF-8 with a mark, so that spreadsheets read it), one row a concept, worst first.

    Columns `concept`, `verdict`, `score`, `headline`, `fix`, `dismissed` (the reason), `pictures` (their number),
    `evidence` (ids joined by `|`), then the check's own numbers. The check as a whole is the first row, its
    concept empty.
    """
    assert now.kept is not None
    found = now.kept.findings
    whole = ConceptFinding("", found.verdict, found.score, found.headline, found.evidence, found.fix, found.extra)
    rows = [_row(dataset, now, c) for c in (whole, *found.concepts)]
    return pd.DataFrame(rows).to_csv(index=False).encode("utf-8-sig", "backslashreplace")


def table_csv(dataset: Dataset, findings: Findings, name: str) -> bytes:
    """What a check says of every image, label or pair (`Findings.tables`), with its ids in front."""
    table = findings.tables[name].reset_index(drop=True)
    ids = dataset.images["image_id"].to_numpy()
    front = pd.DataFrame(index=table.index)
    if name == "images":
        front = pd.DataFrame({"image_id": ids, "concepts": ["|".join(c) for c in dataset.concepts_by_row]})
    elif name == "labels":
        rows = dataset.labels["image"].to_numpy(dtype=np.int64)
        front = pd.DataFrame({"image_id": ids[rows], "concept": dataset.labels["concept"].to_numpy()})
    rest = table.drop(columns=[c for c in front.columns if c in table])
    return pd.concat([front, rest], axis=1).to_csv(index=False).encode("utf-8-sig", "backslashreplace")


def _row(dataset: Dataset, now: Answer, found: ConceptFinding) -> dict[str, object]:
    dismissed = now.dismissed.get(found.concept or None)
    return {
        "concept": found.concept,
        "verdict": str(found.verdict),
        "score": found.score,
        "headline": found.headline,
        "fix": found.fix,
        "dismissed": (dismissed.reason or "yes") if dismissed else "",
        "pictures": len(dataset.rows(concept=found.concept)) if found.concept else len(dataset),
        "evidence": "|".join(found.evidence),
        **{k: v for k, v in found.extra.items() if isinstance(v, int | float | str)},
    }
