"""Outside context: does anything in the pictures explain the label?

Question. Can the label be seen in the picture, or does it state a fact from outside the frame (who owns it, who is
related to whom)?

Method. As in `visibility`, each pair of the most detailed concepts is told apart by a classifier asked about unseen
pictures; where pictures carry several labels, each label is also told from the pictures without it, and from the
pictures of every label it usually comes with. A difference not found proves nothing, so the test runs the other way:
the null hypothesis is that the label *is* explained, an AUC of `explained` (0.65) or more; it is rejected by a
one-sided score test (an equivalence test, Schuirmann 1987; variance of Hanley and McNeil 1982), corrected for the
number of concepts (Benjamini and Hochberg 1995). `warn` where it is rejected, the labels are not above chance by
permutation, and the most similar pictures carry the other label about as often as
chance expects; `fail` where even 0.60 is rejected. Labels with wrong ones among them stay above chance, so they pass
here and `label_errors` speaks. Words in names and descriptions (`friend`, `owner`, `sold`) only suggest the cause.

Limits. What the model in use cannot see looks unexplained: the fix names another. A concept that is hard but visible
(above chance, below noticeable) is a matter of `visibility`; at chance both speak.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.checks.base import (
    ConceptFinding,
    Findings,
    Unavailable,
    Verdict,
    not_judged,
    option,
    rank_findings,
    worst,
)
from analysis.checks.visibility import (
    concept_table,
    deciding,
    pair_table,
    pictures,
    too_few,
    wrong,
)
from analysis.dataset import Dataset
from analysis.embedders.base import RECOMMENDED_MODEL
from analysis.features import Features
from analysis.names import Say, leaf, short_names
from analysis.probe import targets
from analysis.progress import Progress, no_progress
from analysis.separability import Pair, examine, p_below, tell_apart

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_EXPLAINED = 0.65  # right answers of 1; below, pictures explain the label in too few cases to be of use
DEFAULT_FAIL_BELOW = 0.60  # right answers of 1: next to nothing
DEFAULT_MIN_IMAGES = 20  # of each concept: with fewer no limit near chance can be proved
DEFAULT_CONFLICT = 0.9  # of what chance expects among neighbours; 30 % wrong labels leave about 0.85
DEFAULT_EVIDENCE = 24
WITHOUT: Final = "without "
"""Begins the name of the other side where pictures with several labels are compared with those that lack one."""
OUTSIDE: Final = re.compile(
    r"\b(friends?|strangers?|owners?|owned|wife|husband|spouse|mother|father|sister|brother|son|daughter|cousin|boss|"
    r"colleague|neighbou?r|guests?|customers?|gifts?|stolen|sold|bought|expensive|cheap|price|borrowed|favou?rite|"
    r"liked|famous|relatives?|relationship|married|before|after|yesterday|(19|20)\d\d)\b",
    re.IGNORECASE,
)

FEW: Final = 5  # different pictures that may show a label, but are never enough to prove that it does not show

METHOD: Final = """
- **One picture of each.** As on the page *Visibility*: how often can unseen pictures of this concept be told from
  those of the one it is most confused with? Where pictures carry several labels, each is also compared with
  the pictures that lack it.
- **Proof, not absence.** "No difference found" may only mean too few pictures. So it must be *shown* that fewer than 65
  of 100 answers are right (guessing: 50), that the labels are no better than shuffled ones, and that similar pictures
  carry different labels. **Needs work:** even 60 of 100 is ruled out. Corrected for the number of concepts.
- **Wrong labels are something else.** When up to 30 % are wrong, the rest still shows what the concept looks like;
  this check then keeps quiet and *Label errors* speaks.
- **Names only hint.** Words such as *friend* or *sold* suggest why; they never change the verdict.
- **Limits.** What the model in use cannot see looks unexplained. Your own eyes decide: the page shows both.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """`explained` and `fail_below` are AUCs in (0.5, 1)."""

    explained: float = option(
        DEFAULT_EXPLAINED,
        "Right answers that explain a label",
        help="Higher: more labels are called unexplained.",
        low=0.55,
        high=0.8,
        step=0.05,
    )
    fail_below: float = DEFAULT_FAIL_BELOW
    alpha: float = DEFAULT_ALPHA
    min_images: int = DEFAULT_MIN_IMAGES
    conflict: float = DEFAULT_CONFLICT
    evidence: int = DEFAULT_EVIDENCE
    seed: int = 0


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class OutsideContextResult:
    """Pairs (as in `visibility`; `b` may begin with `WITHOUT`), concepts, and hints.

    Attributes:
        pairs: see `VisibilityResult.pairs`; `p_value` is of "explained".
        table: see `VisibilityResult.table`, with `verdict`.
        hints: concept -> the word of its name or description that points outside the frame.
        params: as used.
        say: what a concept is called in a sentence.
    """

    pairs: pd.DataFrame
    table: pd.DataFrame
    hints: Mapping[str, str]
    params: Params
    say: Say

    def findings(self) -> Findings:
        """Verdict of each concept, worst first."""
        found = rank_findings(self._finding(row) for row in self.table.to_dict("records"))
        verdict = worst(f.verdict for f in found)
        corrected = self.table["p_corrected"].dropna()
        bad = [f for f in found if f.verdict in (Verdict.WARN, Verdict.FAIL)]
        if bad:
            names = ", ".join(self.say(f.concept) for f in bad[:4])
            more = f" and {len(bad) - 4} more" if len(bad) > 4 else ""
            headline = (
                f"The pictures do not explain {'this label' if len(bad) == 1 else 'these labels'}: {names}{more}."
            )
        elif verdict is Verdict.CANNOT_TELL:
            headline = not_judged(found, self.say)
        else:
            headline = "Every label shows in its pictures."
        return Findings(
            verdict=verdict,
            score=found[0].score,
            headline=headline,
            reason=found[0].headline if verdict is Verdict.CANNOT_TELL else "",
            p_value=float(corrected.min()) if len(corrected) else None,
            concepts=found,
            extra={"pictures_wanted": self.params.min_images, "pairs_examined": len(self.pairs)},
            tables={"separability": self.pairs, "outside_context": self.table},
        )

    def _finding(self, row: Mapping[Hashable, Any]) -> ConceptFinding:
        verdict, concept = Verdict(row["verdict"]), str(row["concept"])
        measured = not np.isnan(row["auc"])
        evidence, fix = [], ""
        if measured:
            first = deciding(self.pairs, concept, str(row["other"]))
            own, its = ("pictures_a", "pictures_b") if first["a"] == concept else ("pictures_b", "pictures_a")
            evidence = [i for pair in zip(first[own], first[its], strict=False) for i in pair]
        if verdict in (Verdict.WARN, Verdict.FAIL):
            fix = (
                "Use a label that can be seen in the picture, or keep this fact as a note beside it. If you can see "
                f"the difference yourself, the model is the limit: open the dataset with {RECOMMENDED_MODEL}."
            )
        return ConceptFinding(
            concept,
            verdict,
            float(np.clip(2 * row["auc"] - 1, 0, 1)) if measured else None,
            self._sentence(row, verdict, concept),
            tuple(evidence[: self.params.evidence]),
            fix,
            {
                "n": int(row["n"]),
                "auc": float(row["auc"]) if measured else None,
                "auc_high": float(row["high"]) if measured else None,
                "compared_with": str(row["other"]),
                "hint": self.hints.get(concept, ""),
            },
        )

    def _sentence(self, row: Mapping[Hashable, Any], verdict: Verdict, concept: str) -> str:
        if np.isnan(row["auc"]):
            return "Cannot tell: there is no other concept to compare its pictures with."
        name = str(row["other"])
        other = f"pictures {name}" if name.startswith(WITHOUT) else self.say(name)
        cases = f"told from {other} in {100 - wrong(row['auc'])} of 100 cases (guessing: 50)"
        if verdict in (Verdict.WARN, Verdict.FAIL):
            hint = self.hints.get(concept)
            cause = f' The word "{hint}" suggests a fact outside the frame.' if hint else ""
            return f"The pixels do not explain this label: {cases}, and similar pictures carry both labels.{cause}"
        if verdict is Verdict.PASS:
            return f"Shows in its pictures: {cases} at the least."
        why = too_few(row, self.params.min_images, self.say)
        if why:
            return f"Cannot tell: {why}."
        return f"Cannot tell: {pictures(int(row['least']))} of each are too few to say; {cases}."


def outside_words(dataset: Dataset, classes: tuple[str, ...]) -> dict[str, str]:
    """For each class whose name or description names a relation or a fact outside the frame, that word."""
    said = {e.name: e.description for e in dataset.taxonomy}
    out = {}
    for concept in classes:
        text = f"{leaf(concept)} {said.get(concept) or said.get(leaf(concept)) or ''}"
        hit = OUTSIDE.search(re.sub(r"[_\-.]+", " ", text))
        if hit:
            out[concept] = hit.group(0).lower()
    return out


def _with_and_without(
    x: NDArray[np.float32],
    member: NDArray[np.bool_],
    classes: tuple[str, ...],
    say: Say,
    params: Params,
    progress: Progress,
) -> tuple[list[Pair], tuple[str, ...]]:
    """Pictures with several labels: each label against its absence, overall and among those of a usual companion."""
    names = [*classes]
    pairs = []
    together = member.T.astype(np.int64) @ member
    for c in np.flatnonzero((member & (member.sum(axis=1) > 1)[:, None]).any(axis=0)):
        progress(int(c), len(classes), "labels with and without")
        scopes = {"": np.ones(len(x), dtype=bool)}
        usual = [d for d in range(len(classes)) if d != c and together[c, d] >= 0.8 * together[c, c]]
        for d in sorted(usual, key=lambda d: -together[c, d])[:2]:
            scopes[f", but with {say(classes[d])}"] = member[:, d]
        for among, scope in scopes.items():
            a, b = np.flatnonzero(scope & member[:, c]), np.flatnonzero(scope & ~member[:, c])
            if min(len(a), len(b)) >= params.min_images:
                names.append(f"{WITHOUT}{say(classes[c])}{among}")
                pairs.append(tell_apart(x, a, b, a=int(c), b=len(names) - 1, seed=params.seed))
    return pairs, tuple(names)


def _verdict(row: Mapping[Hashable, Any], params: Params) -> Verdict:
    verdict = _of_pair(row, params)
    return Verdict.CANNOT_TELL if verdict is Verdict.PASS and row["doubt"] else verdict


def _of_pair(row: Mapping[Hashable, Any], params: Params) -> Verdict:
    if np.isnan(row["auc"]):
        return Verdict.CANNOT_TELL
    if row["p_chance"] <= params.alpha or row["conflict"] < params.conflict:
        sure, clear = row["p_chance"] <= params.alpha, row["auc"] >= params.explained
        needed = FEW if sure and clear else params.min_images
        return Verdict.PASS if (sure or clear) and row["least"] >= needed else Verdict.CANNOT_TELL
    if row["p_corrected"] <= params.alpha and row["least"] >= params.min_images:
        return Verdict.FAIL if row["p_far"] <= params.alpha else Verdict.WARN
    return Verdict.CANNOT_TELL if row["auc"] < params.explained or row["least"] < params.min_images else Verdict.PASS


def find_outside_context(
    dataset: Dataset, features: Features, params: Params = DEFAULT_PARAMS, *, progress: Progress = no_progress
) -> OutsideContextResult | Unavailable:
    """Say of each concept whether its training pictures explain its label."""
    target = targets(dataset)
    if not len(target.classes):
        return Unavailable("No training picture has a label, so there is none to explain.")
    x = np.asarray(features.image[target.rows], dtype=np.float32)
    found = examine(x, target.member, seed=params.seed, progress=progress)
    names, say = target.classes, short_names(dataset.concepts)
    if not target.single:
        more, names = _with_and_without(x, target.member, names, say, params, progress)
        found += more
    pairs = pair_table(dataset, found, names, target.rows, params.explained)
    enough = (params.min_images, FEW)
    table = concept_table(pairs, target.classes, target.member.sum(axis=0), enough, params.alpha)
    table["p_far"] = [
        p_below(r["auc"], params.fail_below, max(r["least"], 1), max(r["least"], 1)) if r["least"] else np.nan
        for r in table.to_dict("records")
    ]
    table["verdict"] = [str(_verdict(row, params)) for row in table.to_dict("records")]
    return OutsideContextResult(pairs, table, outside_words(dataset, target.classes), params, say)
