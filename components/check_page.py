"""The page of a check: its answer in a sentence, the chart that fits, the pictures, what to do, how it is judged.

A page file calls `check_page` and nothing else; what a check draws of its own comes in as `draw`.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import streamlit as st

from analysis.checks.base import Check, ConceptFinding, Findings, Verdict
from analysis.registry import checks_by_id
from components.caching import background
from components.evidence import picture_strip
from components.shell import shell
from components.state import require_dataset
from components.text import count, plain, short_concept
from components.verdicts import badge

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

Draw = Callable[["OpenDataset", Findings], None]
SHOWN: Final = 6


def check_page(check_id: str, draw: Draw | None = None) -> None:
    """Draw the page of this check.

    Args:
        check_id: its id in the registry.
        draw: draws the chart and pictures from the stored findings (`tables`, `extra`) alone.
    """
    check = checks_by_id([check_id])[0]
    opened = require_dataset()
    shell(check.title, check.question, opened)
    params = _parameters(check)
    findings = background(
        opened, f"check-{check.id}", (check.version, params), _run(opened, check, params), title=check.title
    )
    if findings is None:
        return
    _answer(opened, check, findings)
    if draw is not None and findings.verdict is not Verdict.UNAVAILABLE:
        draw(opened, findings)
    _concepts(opened, check, findings)
    with st.expander("How this is judged"):
        st.markdown(check.method)
    st.download_button(
        "Download as CSV", findings_csv(findings), file_name=f"{check.id}.csv", mime="text/csv", on_click="ignore"
    )


def _run(opened: OpenDataset, check: Check, params: Any) -> Callable[[Any], Findings]:
    def work(progress: Any) -> Findings:
        from analysis.report import run_check

        return run_check(opened.dataset, opened.features, check, params, progress=progress).findings

    return work


def _answer(opened: OpenDataset, check: Check, findings: Findings) -> None:
    with st.container(border=True, key=f"{check.id}-answer"):
        score = "" if findings.score is None else f'<span class="tde-muted tde-small">{findings.score:.2f} of 1</span>'
        st.html(
            '<div style="display:flex;gap:.7rem;align-items:center;flex-wrap:wrap">'
            f"{badge(findings.verdict)}{score}</div>"
            f'<p style="margin:.55rem 0 0;font-size:1.1rem;line-height:1.5;overflow-wrap:anywhere">'
            f"{html.escape(plain(findings.headline))}</p>"
            + (f'<p style="margin:.3rem 0 0">{html.escape(plain(findings.fix))}</p>' if findings.fix else "")
        )
        picture_strip(opened, findings.evidence, f"{check.id}-evidence")


def _concepts(opened: OpenDataset, check: Check, findings: Findings) -> None:
    found = [c for c in findings.concepts if c.verdict in (Verdict.WARN, Verdict.FAIL)]
    if not found:
        return
    st.subheader("Concept by concept", anchor=False)
    for i, one in enumerate(found[:SHOWN]):
        _concept(opened, check, one, i)
    if len(found) > SHOWN:
        with st.expander(count(len(found) - SHOWN, "more concept")):
            for i, one in enumerate(found[SHOWN:], SHOWN):
                _concept(opened, check, one, i)


def _concept(opened: OpenDataset, check: Check, found: ConceptFinding, i: int) -> None:
    with st.container(border=True):
        st.html(
            f'<div style="overflow-wrap:anywhere;line-height:1.6">{badge(found.verdict)}&ensp;'
            f"<strong>{html.escape(plain(short_concept(found.concept)))}</strong><br>"
            f"{html.escape(plain(found.headline))} {html.escape(plain(found.fix))}</div>"
        )
        picture_strip(opened, found.evidence, f"{check.id}-concept-{i}")


def _parameters(check: Check) -> Any:
    """The check's parameters as set in the form."""
    options = [f for f in fields(check.params) if "option" in f.metadata]
    params = check.default_params()
    if not options:
        return params
    chosen = {}
    with st.popover("Settings", type="tertiary"):
        for one in options:
            about, key, default = one.metadata["option"], f"{check.id}-option-{one.name}", getattr(params, one.name)
            if isinstance(default, bool):
                chosen[one.name] = st.checkbox(about["title"], default, key=key, help=about["help"])
            else:
                kind = int if isinstance(default, int) else float
                bounds: Any = {
                    k: None if about[v] is None else kind(about[v])
                    for k, v in (("min_value", "low"), ("max_value", "high"), ("step", "step"))
                }
                chosen[one.name] = st.number_input(about["title"], value=default, key=key, help=about["help"], **bounds)
    return replace(params, **chosen)


def findings_csv(findings: Findings) -> bytes:
    """One row a concept: concept, verdict, score, headline, fix, evidence (ids joined by `|`), then numbers."""
    rows = [
        {
            "concept": c.concept,
            "verdict": str(c.verdict),
            "score": c.score,
            "headline": c.headline,
            "fix": c.fix,
            "evidence": "|".join(c.evidence),
            **{k: v for k, v in c.extra.items() if isinstance(v, (int, float, str, bool))},
        }
        for c in findings.concepts
    ]
    columns = ["concept", "verdict", "score", "headline", "fix", "evidence"]
    return pd.DataFrame(rows, columns=None if rows else columns).to_csv(index=False).encode("utf-8-sig", "replace")
