"""Findings a person has looked at and dismissed, with the reason: kept per dataset, beside the results.

A dismissal names a check and a concept (or the check as a whole), so it survives a new run. A dismissed finding
stays visible, with its reason, but no longer counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from analysis.checks.base import ConceptFinding, Findings, Verdict, at_least, worst
from analysis.kept_lists import KeptList

MAX_REASON: Final = 1000  # characters


@dataclass(frozen=True, slots=True)
class Dismissal:
    """One finding set aside: of a concept, or (None) of the check as a whole; `at` is UTC."""

    check: str
    concept: str | None
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a check's findings once the dismissed ones no longer count.

    Attributes:
        verdict: that counts now.
        dismissed: whether the check was dismissed as a whole, or every finding that called for a person was.
        open: findings of `warn` or `fail` that still count, worst first.
        aside: those that were dismissed.
    """

    verdict: Verdict
    dismissed: bool
    open: tuple[ConceptFinding, ...]
    aside: tuple[ConceptFinding, ...]


def standing(findings: Findings, dismissed: Collection[str | None]) -> Standing:
    """Judge without the dismissed concepts (None: the check as a whole).

    A verdict that is worse than that of every concept is the check's own: only dismissing the check lifts it.
    """
    needs = [c for c in findings.concepts if at_least(c.verdict, Verdict.WARN)]
    aside = tuple(c for c in needs if c.concept in dismissed)
    left = tuple(c for c in needs if c.concept not in dismissed)
    if None in dismissed and at_least(findings.verdict, Verdict.WARN):
        return Standing(Verdict.PASS, True, (), tuple(needs))
    own = findings.verdict is not worst(c.verdict for c in findings.concepts)
    if own or not aside:
        return Standing(findings.verdict, False, left, aside)
    rest = [c.verdict for c in findings.concepts if c not in aside]
    return Standing(worst(rest) if rest else Verdict.PASS, not left, left, aside)


class Dismissals:
    """The dismissals of every dataset under one cache folder (see `KeptList`). Safe to share between threads."""

    def __init__(self, root: Path) -> None:
        self._kept = KeptList(root, "dismissals", as_json, _entry)

    def every(self, source_id: str) -> tuple[Dismissal, ...]:
        """Those of a dataset, oldest first. Raises StoreError like `KeptList.every`."""
        return self._kept.every(source_id)

    def of_check(self, source_id: str, check: str) -> dict[str | None, Dismissal]:
        """Those of a check by concept (None: the check as a whole)."""
        return {d.concept: d for d in self.every(source_id) if d.check == check}

    def add(self, source_id: str, check: str, concept: str | None, reason: str) -> None:
        """Dismiss a finding; one dismissed before gets the new reason.

        Raises:
            StoreError: the file cannot be written.
        """
        one = Dismissal(check, concept, reason.strip()[:MAX_REASON], datetime.now(UTC))
        self._kept.change(source_id, lambda every: [*_others(every, check, concept), one])

    def remove(self, source_id: str, check: str, concept: str | None) -> None:
        """Let a finding count again; nothing happens when it was not dismissed. Raises StoreError like `add`."""
        self._kept.change(source_id, lambda every: _others(every, check, concept))


def _others(every: Sequence[Dismissal], check: str, concept: str | None) -> list[Dismissal]:
    return [d for d in every if (d.check, d.concept) != (check, concept)]


def as_json(dismissal: Dismissal) -> dict[str, Any]:
    """As kept, and as it goes into `report.json`."""
    return {
        "check": dismissal.check,
        "concept": dismissal.concept,
        "reason": dismissal.reason,
        "at": dismissal.at.isoformat(),
    }


def _entry(value: dict[str, Any]) -> Dismissal:
    check, concept, reason = value["check"], value["concept"], value["reason"]
    if not isinstance(check, str) or not isinstance(reason, str) or not isinstance(concept, str | None):
        raise TypeError("expected texts")
    at = datetime.fromisoformat(value["at"])
    if at.tzinfo is None:
        raise ValueError("expected a time with its zone")
    return Dismissal(check, concept, reason, at)
