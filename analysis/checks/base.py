"""What every check shares: its entry in the registry, the words of a verdict, the form of its findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from analysis.names import Say

if TYPE_CHECKING:
    import pandas as pd

    from analysis.dataset import Dataset

IMAGES: Final = "images"
LABELS: Final = "labels"
PAIRS: Final = "pairs"
"""Names of `Findings.tables` that the contract's files are made of."""


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
        evidence: `image_id`s that show the headline, the most telling first; where empty, those of the concepts
            serve (`evidence_strip`).
        fix: one sentence saying what to do about the dataset as a whole; empty when there is nothing to do.
        tables: frames of plain columns (numbers, str, bool, lists of them) that are kept with the findings and
            drawn by the check's page. Three names go into the contract's files: `images` (one row an image, in
            the order of `Dataset.images`; columns `<check>_score`, `<check>_flag`, …), `labels` (one row a label,
            in the order of `Dataset.labels`; likewise) and `pairs` (columns of `pairs.parquet`). Any other name
            is the check's own.
    """

    verdict: Verdict
    score: float | None
    headline: str
    reason: str = ""
    p_value: float | None = None
    concepts: tuple[ConceptFinding, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    fix: str = ""
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict, compare=False)

    def evidence_strip(self, limit: int) -> tuple[str, ...]:
        """Up to `limit` ids that show the headline: the check's own, else its concepts' in turn, worst first."""
        if self.evidence:
            return self.evidence[:limit]
        if self.verdict not in (Verdict.WARN, Verdict.FAIL):
            lists = [c.evidence for c in self.concepts]
        else:  # a fine concept's pictures do not show what is wrong
            lists = [c.evidence for c in self.concepts if at_least(c.verdict, Verdict.WARN)]
        longest = max((len(ids) for ids in lists), default=0)
        turns = (ids[i] for i in range(longest) for ids in lists if i < len(ids))
        return tuple(dict.fromkeys(turns))[:limit]


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
        params: its frozen dataclass of parameters, all with defaults; a field `seed` takes the audit's seed, a
            field `deep` its `--deep`. Fields made with `option` can be set in the app.
        method: how it judges, for a person: a few plain sentences (Markdown of ours).
        version: goes up whenever the same input may give another answer, so that kept results become stale.
        reads_taxonomy: whether a taxonomy, where there is one, changes its answer.
    """

    id: str
    guideline: tuple[str, ...]
    title: str
    question: str
    needs: tuple[str, ...]
    page: str
    function: CheckFunction
    params: type[Any]
    method: str
    version: int = 1
    reads_taxonomy: bool = False

    def read_from(self, dataset: Dataset) -> str:
        """Names all of the dataset that its answer depends on: a kept result is stale once this differs."""
        meaning = dataset.taxonomy_fingerprint if self.reads_taxonomy else ""
        return f"{dataset.fingerprint}-{meaning}" if meaning else dataset.fingerprint

    def default_params(self, *, seed: int = 0, deep: bool = False) -> Any:
        """Its parameters with this seed and depth, where it has such fields."""
        names = {f.name for f in fields(self.params)}
        given = {"seed": seed, "deep": deep}
        return self.params(**{name: value for name, value in given.items() if name in names})


def option(
    default: float | int | bool,
    title: str,
    *,
    help: str,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
) -> Any:
    """A field of a check's `Params` that a person may set in the app.

    Args:
        default: its value unless set; its type decides the widget.
        title: a few words, in the app's language.
        help: one sentence: what changes when it goes up.
        low, high, step: of a number.
    """
    metadata = {"title": title, "help": help, "low": low, "high": high, "step": step}
    return field(default=default, metadata={"option": metadata})


def not_judged(found: tuple[ConceptFinding, ...], say: Say) -> str:
    """A sentence that names the concepts of which it cannot be told, for a check of which that is the answer."""
    names = [say(f.concept) for f in found if f.verdict is Verdict.CANNOT_TELL]
    if len(names) == len(found) == 1:
        return f"{names[0]}: {found[0].headline}"
    if len(names) == len(found):
        return f"Cannot tell of any of the {len(found)} concepts. {names[0]}: {_lower(found[0].headline)}"
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    fine = len(found) - len(names)
    return f"Cannot tell of {listed}; the other {fine if fine > 1 else 'concept'} {'are' if fine > 1 else 'is'} fine."


def _lower(sentence: str) -> str:
    return sentence.removeprefix("Cannot tell: ")


def rank_findings(findings: Iterable[ConceptFinding]) -> tuple[ConceptFinding, ...]:
    """Worst verdict first, then lowest score, then name."""
    return tuple(sorted(findings, key=lambda f: (-_RANK[f.verdict], 1.0 if f.score is None else f.score, f.concept)))


def borne(
    found: tuple[ConceptFinding, ...], whole: Verdict, note: str, fix: str = "", score: float | None = None
) -> tuple[ConceptFinding, ...]:
    """The findings, ranked, where no concept alone shows what the whole does: the one that fares worst bears it.

    A check has the worst verdict of its concepts, and that concept's score. What is spread thinly over all of them is
    therefore said of the concept with the lowest score; `note` is added to its sentence. `fix` is for one without, and
    `score`, the whole's, where no concept could be asked: then `note` is the sentence.
    """
    if not found or at_least(worst(f.verdict for f in found), whole):
        return found
    first = min(found, key=lambda f: (2.0 if f.score is None else f.score, f.concept))
    unknown = whole is Verdict.CANNOT_TELL
    said = f"{first.headline} {note}"
    if not unknown and first.verdict is Verdict.CANNOT_TELL:
        said = f"{note} Of this concept alone it cannot be told: {_lower(first.headline)}"
    bearer = replace(
        first,
        verdict=whole,
        score=None if unknown else score if first.score is None else first.score,
        headline=said,
        fix=first.fix or ("" if unknown else fix),
    )
    return rank_findings(bearer if f is first else f for f in found)
