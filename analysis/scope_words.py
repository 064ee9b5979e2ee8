"""The sentences of the check `scope`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from analysis.checks.base import ConceptFinding, Verdict
from analysis.declared_values import WORDS
from analysis.embedders.base import RECOMMENDED_MODEL
from analysis.missing_values import Tally, lacking

if TYPE_CHECKING:
    from analysis.declared_values import Declared
    from analysis.scope_concept import Judged

NAMED: Final = 3
"""Values named in a sentence."""
NOTHING_TO_COMPARE: Final = (
    "There are no pictures of real use and no taxonomy that names values, and without either a concept that is "
    "uniform by nature looks like one that was sampled narrowly."
)
WORLD: Final = "the world"
TAXONOMY: Final = "the taxonomy says"
"""What a concept is narrower than."""
NO_LABELS: Final = "The pictures of real use have no labels, so nobody knows which of them show which concept."


def thing(value: str, kind: str, name: str) -> str:
    """`red apple`, `upright apple`, `apple before a dark ground`, `“sliced apples”`."""
    if kind == WORDS:
        return f"“{value}”"
    return f"{value} {name}" if kind in ("colour", "posture") else f"{name} {value}"


def gap(t: Tally, name: str) -> str:
    """`No red apple: 0 of 26 in training, 15 of 36 in real use`."""
    few = "No" if not t.training else "Hardly any"
    return (
        f"{few} {thing(t.value, t.kind, name)}: {t.training:,} of {t.training_n:,} in training, "
        f"{t.real:,} of {t.real_n:,} in real use"
    )


def unmet(d: Declared, name: str) -> str:
    """The same of a value the taxonomy names."""
    few = "No" if not d.shown else "Hardly any"
    return f"{few} {thing(d.value, d.kind, name)} though the taxonomy names it: {d.shown:,} of {d.n:,} in training"


def sentence(
    verdict: Verdict,
    name: str,
    j: Judged,
    found: Sequence[Tally],
    absent: Sequence[Declared],
    real: bool,
    least: int,
) -> str:
    """Headline of a concept that is called `name`."""
    parts = [gap(t, name) for t in found[:NAMED]] + [unmet(d, name) for d in absent[:NAMED]]
    if parts:
        return ". ".join(parts) + "." + (looked_for(j) if absent else "")
    if verdict is Verdict.PASS and j.tallies:
        return (
            f"Training shows what real use shows of {name}: no colour, size, posture or ground is missing "
            f"({j.n:,} pictures against {j.n_real:,})."
        )
    if verdict is Verdict.PASS:
        values = _and([d.value for d in j.declared if d.kind])
        if unmeasured(j):
            return f"Training shows what could be looked for of {name} ({j.n:,} pictures).{looked_for(j)}"
        return f"All values the taxonomy names for {name} are among its {j.n:,} pictures: {values}."
    open_ones = [d for d in j.declared if d.lacking]
    if j.tallies:
        few = f"{j.n:,} training pictures and {j.n_real:,} of real use"
        return f"Cannot tell: {few} are too few to notice a missing value."
    if open_ones:
        return (
            f"Cannot tell: no {thing(open_ones[0].value, open_ones[0].kind, name)} among {j.n:,} training pictures, "
            f"which may be chance.{looked_for(j)}"
        )
    if j.declared and not any(d.kind for d in j.declared):
        names = _and([f"“{w}”" for w in unmeasured(j)[:NAMED]])
        return (
            f"Cannot tell: what the taxonomy names for {name} is not measured here ({names}); "
            f"look through the pictures, or search them by text with {RECOMMENDED_MODEL}."
        )
    if j.n < least:
        return (
            f"Cannot tell: {j.n:,} training {'picture is' if j.n == 1 else 'pictures are'} too few; {least} would do."
        )
    if real and j.of_real:
        return f"Cannot tell: only {j.n_real:,} of the pictures of real use are labelled {name}; {least} would do."
    return _uniform(j, name, real)


def _uniform(j: Judged, name: str, real: bool) -> str:
    lack = "no picture of real use is labelled with it" if real else "there are no pictures of real use"
    hint = ""
    if j.hints:
        h = j.hints[0]
        hint = (
            f" No {thing(h.value, h.kind, name)}, though {h.share:.0%} of the other concepts' pictures are like that."
        )
    if j.common:
        alike = _and([f"{value} ({share:.0%})" for value, share in j.common[:NAMED]])
        return f"Cannot tell whether {name} is so by nature or only here: nearly always {alike}, and {lack}.{hint}"
    return f"Cannot tell whether real use shows more than these {j.n:,} pictures of {name}: {lack}.{hint}"


def fix(name: str, found: Sequence[Tally], absent: Sequence[Declared]) -> str:
    """What to do about a concept that is called `name`."""
    things = [thing(t.value, t.kind, name) for t in found[:NAMED]]
    things += [n for d in absent[:NAMED] if (n := thing(d.value, d.kind, name)) not in things]
    more = ""
    if found:
        share = min(found[0].real / found[0].real_n, 0.9)
        wanted = max(1, round(found[0].training_n * share / (1 - share)) - found[0].training)
        more = f" (about {wanted:,}{' of the first' if len(things) > 1 else ''} would match real use)"
    return (
        f"Add training pictures of {_and(things)}{more}. If real use is never meant to show them, "
        "say so where the concept is described, and dismiss this."
    )


def in_all(tallies: Iterable[Tally]) -> list[str]:
    """Values that all concepts lack alike, the largest gap first."""
    gaps: dict[str, list[float]] = {}
    for t in tallies:
        if t.everywhere and lacking(t):
            gaps.setdefault(t.value, []).append(t.gap)
    return sorted(gaps, key=lambda value: (-max(gaps[value]), value))


def headline(found: Sequence[ConceptFinding], measured: int, of: int, against: Sequence[str]) -> str:
    """Headline of the dataset; `against`: what concepts were compared with, `WORLD` or `TAXONOMY` or both."""
    narrow = [f for f in found if f.verdict in (Verdict.WARN, Verdict.FAIL)]
    part = f" Looked at {measured:,} of {of:,} pictures." if measured < of else ""
    if narrow:
        be = "is" if len(narrow) == 1 else "are"
        count = f"{len(narrow)} of {len(found)} concepts {be} narrower than {' or '.join(against)}"
        first = narrow[0].headline.split(". ")[0].rstrip(".")
        return f"{count}. {first}.{part}"
    unsure = sum(f.verdict is Verdict.CANNOT_TELL for f in found)
    if unsure == len(found):
        return (
            f"{found[0].headline}{part}"
            if unsure == 1
            else f"Cannot tell for any of {unsure} concepts whether the world shows more than training does.{part}"
        )
    open_ones = f" For {unsure} of {len(found)} that cannot be told." if unsure else ""
    than = " or ".join(against)
    return f"No concept is narrower in training than {than}, as far as can be measured.{open_ones}{part}"


def unmeasured(j: Judged) -> list[str]:
    """What the taxonomy names and no measurement or calibrated prompt can see."""
    return [d.word for d in j.declared if not d.kind]


def looked_for(j: Judged) -> str:
    """What of the taxonomy was looked for, and what was not; empty where that is one value and all of it."""
    seen, rest = list(dict.fromkeys(d.value for d in j.declared if d.kind)), unmeasured(j)
    if not rest and len(seen) < 2:
        return ""
    other = f"; not {_and([f'“{w}”' for w in rest[:NAMED]])}" if rest else ""
    if len(rest) > NAMED:
        other += f" nor {len(rest) - NAMED:,} more"
    return f" Looked for: {_and(seen)}{other}."


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
