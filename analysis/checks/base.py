"""What every check shares: its entry in the registry, the words of a verdict, the form of its findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Verdict(StrEnum):
    """The five words of the contract."""

    PASS = "pass"
    CANNOT_TELL = "cannot_tell"
    WARN = "warn"
    FAIL = "fail"
    UNAVAILABLE = "unavailable"


# Worst last. `unavailable` concerns a whole check, never one of its concepts, so it ranks below everything.
_RANK: Mapping[Verdict, int] = {
    Verdict.UNAVAILABLE: 0,
    Verdict.PASS: 1,
    Verdict.CANNOT_TELL: 2,
    Verdict.WARN: 3,
    Verdict.FAIL: 4,
}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of some verdicts (`cannot_tell` below `warn`, above `pass`); `unavailable` for none."""
    return max(verdicts, key=_RANK.__getitem__, default=Verdict.UNAVAILABLE)


def at_least(verdict: Verdict, limit: Verdict) -> bool:
    """Whether `verdict` is `limit` or worse."""
    return _RANK[verdict] >= _RANK[limit]


@dataclass(frozen=True, slots=True)
class ConceptFinding:
    """What a check says of one concept.

    Attributes:
        concept: the concept's full name.
        verdict: never `unavailable`.
        score: in [0, 1], 1 is fine; None where there is nothing to measure.
        headline: one sentence for a person.
        evidence: `image_id`s that show it, the most telling first.
        fix: one sentence saying what to do; empty when there is nothing to do.
        extra: further keys of the report, JSON-ready (numbers, strings, lists, dicts).
    """

    concept: str
    verdict: Verdict
    score: float | None
    headline: str
    evidence: tuple[str, ...] = ()
    fix: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check says of a dataset; `concepts` come worst first.

    Attributes:
        verdict: the worst of the concepts' verdicts.
        score: that concept's score.
        headline: one sentence for a person.
        reason: why the answer is `cannot_tell` or `unavailable`; else empty.
        p_value: the smallest corrected p-value, None when nothing was tested.
        concepts: one finding for each concept judged.
        extra: further keys of the report, JSON-ready.
    """

    verdict: Verdict
    score: float | None
    headline: str
    reason: str = ""
    p_value: float | None = None
    concepts: tuple[ConceptFinding, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)


class Result(Protocol):
    """A check's own frozen result; the numbers behind the findings."""

    def findings(self) -> Findings:
        """Verdicts and sentences."""
        ...


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Returned by a check in place of a result when an input is missing; `reason` is a sentence."""

    reason: str

    def findings(self) -> Findings:
        """The single finding: nothing was measured, and why."""
        return Findings(Verdict.UNAVAILABLE, None, self.reason, reason=self.reason)


# The public function of a check: `find_x(dataset, features, *, progress=…)`; params have defaults.
CheckFunction = Callable[..., Result]


@dataclass(frozen=True, slots=True)
class Check:
    """An entry of the registry.

    Attributes:
        id: the check's id in the contract.
        guideline: ids of the guide's statements it measures, for instance `("G3",)`.
        title: two or three words for a heading.
        question: the question it answers, for a person.
        needs: inputs without which it answers `unavailable`: `labels`, `features`, `real_world`, `taxonomy`.
        page: url slug of the page of the app that shows it.
        function: its one public function.
    """

    id: str
    guideline: tuple[str, ...]
    title: str
    question: str
    needs: tuple[str, ...]
    page: str
    function: CheckFunction


def rank_findings(findings: Iterable[ConceptFinding]) -> tuple[ConceptFinding, ...]:
    """Worst verdict first, then lowest score, then name."""
    return tuple(sorted(findings, key=lambda f: (-_RANK[f.verdict], 1.0 if f.score is None else f.score, f.concept)))
