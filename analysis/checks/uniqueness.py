"""Uniqueness: how many training pictures repeat another one?

Question. A picture that is there twice teaches nothing the second time, makes a model look surer than it is, and, with
two different labels, teaches a contradiction. Which pictures repeat another, and which of them to keep?

Method. Exact copies by content. Altered copies (resized, recompressed, cropped, mirrored, turned a little, lighter or
darker, marked, gray) are found among pictures with alike gradients, alike vectors or alike perceptual hashes, and each
such pair is laid over each other and compared part by part (`analysis.same_picture`): two photos of one scene are not
one picture. Pairs make groups; kept of a group is the picture that the others can be made from (`analysis.originals`):
in colour, not framed, cut or marked, with detail of its own, less compressed; else the larger, then the first by name.
Each concept's repeats are its training pictures that another of its group beats (within one split: copies across
splits are `leakage`). Null hypothesis: no picture is repeated, and a pair of different photos that was compared passes
by mistake with probability `FALSE_PASS`; p is the exact binomial upper tail of the altered copies found among the
pairs compared, 0 where there is an exact copy, corrected over the concepts (Benjamini and Hochberg 1995). `warn`
needs a corrected p of at most `alpha` and repeats that matter (a hundredth of the concept's pictures), or one picture
under two concepts: as a fact where it is copied exactly or nearly all of it agrees (`SURE`), else tested likewise.
`fail` is a tenth of the pictures or more.

Limits. Copies cut to less than about two thirds, turned by more than about ten degrees, stretched in a slant, or
with most of the picture covered are not found; nor plain pictures without detail, unless copied exactly. Two photos
taken from a tripod without anything moving count as one picture. Without thumbnails only exact copies and equal
hashes are found, and the answer is `cannot_tell` where there are none.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import duplicates
from analysis.checks.base import (
    IMAGES,
    PAIRS,
    ConceptFinding,
    Findings,
    Unavailable,
    Verdict,
    at_least,
    option,
    rank_findings,
    worst,
)
from analysis.dataset import TRAINING, Dataset
from analysis.duplicates import Duplicates, contract_pairs, find_duplicates
from analysis.features import Features
from analysis.originals import Keeping
from analysis.progress import Progress, no_progress, scaled
from analysis.statistics import benjamini_hochberg

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_MATTERS_FROM = 0.01  # of a concept's pictures: fewer change no model
DEFAULT_FAIL_FROM = 0.1  # of a concept's pictures: evaluation and balance are then visibly wrong
DEFAULT_FAIL_AT_LEAST = 3  # repeats: one of five pictures is a fifth, and still a single mistake
DEFAULT_EVIDENCE = 48  # image ids listed a concept: one page of the gallery
SURE: Final = 0.8  # share of parts that agree from which a pair is taken for a fact: most altered copies have 0.95
FALSE_PASS: Final = 0.002  # share of different photos, among those compared, that pass; see docs/checks/uniqueness.md

METHOD: Final = """
- **The same picture.** Exact copies share their content. Altered copies (smaller, recompressed, cropped,
  mirrored left to right, turned a little, lighter or darker, with a mark, without colour) are looked for among
  pictures that look alike; each such pair is laid over each other and compared part by part. Two photos of one
  scene differ in some parts, or show what the other does not: they are **not** called the same.
- **Look at this:** a hundredth of a concept's pictures repeat another, more than chance mistakes of the
  comparison explain (exact binomial test, corrected after Benjamini and Hochberg), or one picture carries two
  different concepts. **Needs work:** a tenth or more.
- **Which to keep.** Of each group the picture that the others can be made from. In this order: in colour;
  without a frame or filled corners; not cut; without a mark that the others lack; not enlarged, blurred or
  sharpened; less compressed. A mirror image, or other light or tint, does not tell which came first: then the
  larger stays, then the first by name. Nothing is deleted: you get a list; look at it before you delete.
- **Limits.** Copies cut to less than two thirds, turned by more than ten degrees, mirrored top to bottom or
  mostly covered (by rows of words, say) are not found. Photos taken twice from a tripod count as one picture.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """`matters_from` and `fail_from` are shares of a concept's training pictures, in (0, 1]."""

    alpha: float = DEFAULT_ALPHA
    matters_from: float = option(
        DEFAULT_MATTERS_FROM,
        "Repeats that matter",
        help="Share of a concept's pictures that may repeat another before it is called out.",
        low=0.0,
        high=0.1,
        step=0.005,
    )
    fail_from: float = DEFAULT_FAIL_FROM
    fail_at_least: int = DEFAULT_FAIL_AT_LEAST
    evidence: int = DEFAULT_EVIDENCE


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class UniquenessResult:
    """Repeats of each concept.

    Attributes:
        concepts: one row a concept: `concept` (str), `n` (int, training pictures that carry it), `repeats` (int, of
            them, those to set aside), `exact` (int, of these, exact copies), `conflicts` (int, pairs that show one
            picture under this and another concept), `compared` (int, pairs compared that hold one of its pictures),
            `score` (1 - repeats / n; where one picture under two concepts is a finding, such pictures count too),
            `p_value`, `p_corrected` (in [0, 1]), `verdict`.
        images: one row an image: `uniqueness_score` (1 less the score of its closest copy where it is to be set
            aside, else 1), `uniqueness_flag` (bool, to be set aside).
        members: one row a picture of a group: `group` (int), `image_id`, `keep` (bool, best of the group),
            `change` (str, against the best), `across` (str), best first.
        pairs: columns of `pairs.parquet`, `conflict` (bool, two different concepts) and `change` (str).
        found: every pair of the dataset. repeats, n: of the training pictures altogether.
        evidence: ids of each concept, and under "" of the dataset.
    """

    concepts: pd.DataFrame
    images: pd.DataFrame
    members: pd.DataFrame
    pairs: pd.DataFrame
    found: Duplicates
    repeats: int
    n: int
    evidence: dict[str, tuple[str, ...]]
    params: Params

    def findings(self) -> Findings:
        """Verdict of each concept, worst first, and of the dataset."""
        found = rank_findings(self._finding(row) for row in self.concepts.to_dict("records"))
        verdict = worst(f.verdict for f in found) if found else self._overall()
        score = found[0].score if found else 1.0 - self.repeats / max(1, self.n)
        corrected = self.concepts["p_corrected"].dropna()
        conflicts = int(self.pairs["conflict"].sum())
        return Findings(
            verdict=verdict,
            score=score,
            headline=self._headline(conflicts, at_least(verdict, Verdict.WARN)),
            reason=_WITHOUT_PICTURES if verdict is Verdict.CANNOT_TELL else "",
            p_value=float(corrected.min()) if len(corrected) else None,
            concepts=found,
            evidence=self.evidence.get("", ()),
            fix=self._fix(conflicts, at_least(verdict, Verdict.WARN)),
            extra={
                "repeats": self.repeats,
                "groups": int(self.members["group"].nunique()),
                "conflicts": conflicts,
                "compared": self.found.compared,
                "alpha": self.params.alpha,
            },
            tables={IMAGES: self.images, PAIRS: self.pairs, "members": self.members, "concepts": self.concepts},
        )

    def _overall(self) -> Verdict:
        if self.repeats >= max(self.params.fail_at_least, self.params.fail_from * self.n):
            return Verdict.FAIL
        if self.repeats and self.repeats >= self.params.matters_from * self.n:
            return Verdict.WARN
        return Verdict.PASS if self.found.with_pictures else Verdict.CANNOT_TELL

    def _headline(self, conflicts: int, bad: bool) -> str:
        if not self.repeats and not conflicts:
            if not self.found.with_pictures:
                return _WITHOUT_PICTURES
            return f"No picture repeats another among {self.n:,}."
        groups = int(self.members["group"].nunique())
        clash = f"{_count(conflicts, 'pair')} of copies {'carries' if conflicts == 1 else 'carry'} different concepts."
        if conflicts and not bad:
            clash = f"{_count(conflicts, 'pair')} may be one picture under two concepts; so few may be mistaken."
        if not self.repeats:
            return f"{clash} No picture repeats another of its split."
        out = f"{_pictures(self.repeats)} of {self.n:,} {_verb(self.repeats)} another, in {_count(groups, 'group')}."
        return f"{out} {clash}" if conflicts else out

    def _fix(self, conflicts: int, bad: bool) -> str:
        if not self.repeats and not conflicts:
            return ""
        keep = "Keep the best of each group and set the others aside." if self.repeats else ""
        label = "Decide which concept is right where one picture carries two." if conflicts and bad else ""
        return " ".join(x for x in (label, keep) if x)

    def _finding(self, row: Mapping[Hashable, object]) -> ConceptFinding:
        n, repeats, conflicts = (int(str(row[k])) for k in ("n", "repeats", "conflicts"))
        verdict = Verdict(str(row["verdict"]))
        if verdict is Verdict.CANNOT_TELL:
            headline = _WITHOUT_PICTURES
        elif not repeats and not conflicts:
            headline = f"No picture repeats another ({_pictures(n)})."
        else:
            headline = f"{repeats:,} of {_pictures(n)} {_verb(repeats)} another." if repeats else ""
            if conflicts:
                shown = f"{_pictures(conflicts)} may be under another concept too, but so few may be mistaken."
                if at_least(verdict, Verdict.WARN):
                    verb = "appears" if conflicts == 1 else "appear"
                    shown = f"{_pictures(conflicts)} also {verb} under another concept."
                headline = f"{headline} {shown}".strip()
        concept = str(row["concept"])
        return ConceptFinding(
            concept=concept,
            verdict=verdict,
            score=float(str(row["score"])),
            headline=headline,
            evidence=self.evidence.get(concept, ()),
            fix=self._fix_of(verdict, repeats, conflicts),
            extra={
                "n": n,
                "repeats": repeats,
                "exact": int(str(row["exact"])),
                "conflicts": conflicts,
                "p_value": float(str(row["p_corrected"])),
            },
        )

    def _fix_of(self, verdict: Verdict, repeats: int, conflicts: int) -> str:
        if verdict not in (Verdict.WARN, Verdict.FAIL):
            return ""
        if conflicts:
            return "Decide which concept is right, and keep the picture once."
        return f"Keep the best of each group and set {_pictures(repeats)} aside."


_WITHOUT_PICTURES: Final = "Only exact copies can be found without the pictures, and there are none."


def _pictures(n: int) -> str:
    return _count(n, "picture")


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _verb(n: int) -> str:
    return "repeats" if n == 1 else "repeat"


def _members(dataset: Dataset, pairs: pd.DataFrame, keeping: Keeping, progress: Progress) -> pd.DataFrame:
    """Groups of these pairs, best member first."""
    group = duplicates.groups_of(len(dataset), pairs)
    link = {
        (int(a), int(b)): (c, x)
        for a, b, c, x in zip(pairs["a"], pairs["b"], pairs["change"], pairs["across"], strict=True)
    }
    rows: list[tuple[int, int, bool, str, str]] = []
    groups = int(group.max(initial=-1)) + 1
    by_group: list[list[int]] = [[] for _ in range(groups)]
    for row in np.flatnonzero(group >= 0).tolist():
        by_group[group[row]].append(row)
    for number, inside in enumerate(by_group):
        progress(number, groups, "looking which is the original")
        best, *others = keeping.ordered(inside)
        rows.append((number, best, True, "", "none"))
        rows += [(number, r, False, *link.get((min(r, best), max(r, best)), ("", "none"))) for r in others]
    out = pd.DataFrame(rows, columns=["group", "image", "keep", "change", "across"])
    return out.astype({"group": np.int64, "image": np.int64, "keep": bool})


def _evidence(dataset: Dataset, members: pd.DataFrame, pairs: pd.DataFrame, limit: int) -> dict[str, tuple[str, ...]]:
    """Members side by side, of each concept and of the dataset: pictures under two concepts first, weak pairs last.

    Two copies under different concepts are no group where they lie in different splits; they are shown all the same.
    """
    ids = dataset.images["image_id"].astype(str).to_numpy()
    clashes: list[list[int]] = pairs.loc[pairs["conflict"], ["a", "b"]].to_numpy(dtype=np.int64).tolist()
    clash = {row for ends in clashes for row in ends}
    by_group = [g["image"].tolist() for _, g in members.groupby("group", sort=True)]
    grouped = {row: number for number, rows in enumerate(by_group) for row in rows}
    by_group += [[a, b] for a, b in clashes if a not in grouped or grouped[a] != grouped.get(b)]
    strong = set(pairs.loc[pairs["score"] >= SURE, ["a", "b"]].to_numpy().ravel().tolist())
    by_group.sort(key=lambda rows: (not clash & set(rows), not strong & set(rows), -len(rows)))
    out: dict[str, list[str]] = {"": []}
    for rows in by_group:
        shown = [str(ids[r]) for r in rows]
        out[""] += shown
        for concept in sorted({c for r in rows for c in dataset.concepts_of(r)}):
            out.setdefault(concept, []).extend(shown)
    return {concept: tuple(dict.fromkeys(found))[:limit] for concept, found in out.items()}


def _concept_table(
    dataset: Dataset, found: Duplicates, pairs: pd.DataFrame, aside: NDArray[np.bool_], params: Params
) -> pd.DataFrame:
    from scipy.stats import binom

    exact = np.zeros(len(dataset), dtype=bool)
    copies = pairs.loc[pairs["kind"] == duplicates.EXACT, ["a", "b"]].to_numpy(dtype=np.int64)
    exact[copies.ravel()] = True
    clash = pairs.loc[pairs["conflict"], ["a", "b"]].to_numpy(dtype=np.int64)
    sure = ((pairs["kind"] == duplicates.EXACT) | (pairs["score"] >= SURE))[pairs["conflict"]].to_numpy(dtype=bool)
    training = (dataset.images["origin"] == TRAINING).to_numpy()
    image = dataset.labels["image"].to_numpy(dtype=np.int64)
    names = dataset.labels["concept"].to_numpy()
    rows = []
    for concept in dataset.concepts:
        own = np.zeros(len(dataset), dtype=bool)
        own[image[names == concept]] = True
        own &= training
        if not own.any():
            continue
        repeats = int((own & aside).sum())
        compared = int(own[found.tried].any(axis=1).sum())
        near = repeats - int((own & aside & exact).sum())
        p = 0.0 if repeats > near else float(binom.sf(near - 1, max(compared, near), FALSE_PASS))
        under_two = np.zeros(len(dataset), dtype=bool)
        under_two[clash.ravel()] = True
        conflicts = int((own & under_two).sum())
        mine = own[clash].any(axis=1)
        doubtful = int((mine & ~sure).sum())
        p_clash = 0.0 if (mine & sure).any() else float(binom.sf(doubtful - 1, max(compared, doubtful), FALSE_PASS))
        if conflicts:  # two questions
            p = min(1.0, 2 * min(p, p_clash))
        n, either = int(own.sum()), int((own & (aside | under_two)).sum())
        rows.append((concept, n, repeats, repeats - near, conflicts, compared, 1 - repeats / n, 1 - either / n, p,
                     p_clash))  # fmt: skip
    columns = ["concept", "n", "repeats", "exact", "conflicts", "compared", "score", "with_conflicts", "p_value",
               "p_clash"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    table["p_corrected"] = benjamini_hochberg(table["p_value"].to_numpy(dtype=np.float64)) if len(table) else []
    clashes = (table["conflicts"] > 0) & (table["p_corrected"] <= params.alpha) & (2 * table["p_clash"] <= params.alpha)
    table["score"] = table["score"].where(~clashes, table["with_conflicts"])
    table["verdict"] = [
        _verdict(n, repeats, clash, p, found.with_pictures, params)
        for (n, repeats, p), clash in zip(
            table[["n", "repeats", "p_corrected"]].to_numpy().tolist(), clashes.tolist(), strict=True
        )
    ]
    return table.drop(columns=["with_conflicts"])


def _verdict(n: int, repeats: int, clash: bool, p: float, with_pictures: bool, params: Params) -> str:
    significant = repeats > 0 and p <= params.alpha
    if significant and repeats >= max(params.fail_at_least, params.fail_from * n):
        return str(Verdict.FAIL)
    if clash or (significant and repeats >= params.matters_from * n):
        return str(Verdict.WARN)
    return str(Verdict.PASS if with_pictures else Verdict.CANNOT_TELL)


def find_uniqueness(
    dataset: Dataset,
    features: Features,
    params: Params = DEFAULT_PARAMS,
    *,
    progress: Progress = no_progress,
) -> UniquenessResult | Unavailable:
    """Find the training pictures that repeat another."""
    if "content_hash" not in dataset.images:
        return Unavailable("The pictures were not read, so copies cannot be found.")
    found = find_duplicates(dataset, features, progress=scaled(progress, 0.0, 0.9))
    training = (dataset.images["origin"] == TRAINING).to_numpy()
    both = training[found.pairs["a"].to_numpy(dtype=np.int64)] & training[found.pairs["b"].to_numpy(dtype=np.int64)]
    pairs = found.pairs[both & ((found.pairs["across"] != "split") | found.pairs["conflict"])].reset_index(drop=True)
    keeping = Keeping(dataset, features, found)
    members = _members(dataset, pairs[pairs["across"] != "split"], keeping, scaled(progress, 0.9, 1.0))
    aside = np.zeros(len(dataset), dtype=bool)
    aside[members.loc[~members["keep"], "image"].to_numpy(dtype=np.int64)] = True
    closest = np.zeros(len(dataset))
    for end in ("a", "b"):
        np.maximum.at(closest, pairs[end].to_numpy(dtype=np.int64), pairs["score"].to_numpy(dtype=np.float64))
    ids = dataset.images["image_id"].astype(str).to_numpy()
    images = pd.DataFrame({"uniqueness_score": np.where(aside, 1.0 - closest, 1.0), "uniqueness_flag": aside})
    return UniquenessResult(
        concepts=_concept_table(dataset, found, pairs, aside, params),
        images=images,
        members=members.assign(image_id=ids[members["image"]]).drop(columns="image"),
        pairs=contract_pairs(dataset, pairs).assign(conflict=pairs["conflict"], change=pairs["change"]),
        found=found,
        repeats=int((aside & training).sum()),
        n=int(training.sum()),
        evidence=_evidence(dataset, members, pairs, params.evidence),
        params=params,
    )
