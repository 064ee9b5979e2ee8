"""Leakage: is any picture on both sides of a border that training must not cross?

Question. A model is judged by pictures it has not seen. Which pictures of the validation and test splits, or of real
use, are also among those it learns from, perhaps resized, cropped or mirrored?

Sides. A split is learnt from where a word of its name begins with train, learn or fit, in any case (`Train`,
`train2017`); it is kept apart where one is val, test, eval, dev, holdout and the like. Where no name says what is
learnt from, it is the largest of the splits with unknown names, and the answer says so. Pictures without a split,
beside pictures with one, count as neither side, unless there is no other that could be learnt from or kept apart.

Method. The pairs of `uniqueness` (`analysis.duplicates`), between two splits or between training and real-world
pictures. Null hypothesis: no picture lies on both sides, and a pair of different photos that was compared passes by
mistake with probability `FALSE_PASS`; p is the exact binomial upper tail of the altered copies among the pairs
compared across the border, corrected over concepts (Benjamini and Hochberg 1995). `warn` is a pair that is a fact
(copied exactly, or nearly all of it agrees: `SURE`; p is 0): a single leaked picture is a mistake worth knowing. Pairs
that are less sure count where their corrected p is at most `alpha`. `fail` is a twentieth of a concept's held-out
pictures or more: a score measured on them is then no longer the model's.

Limits. Those of `uniqueness`. Photos of the same thing on both sides of the border (the same bottle, the same shelf a
moment later) leak too, and are not found here: split by place and day, not by picture.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import duplicates
from analysis.checks.base import (
    PAIRS,
    ConceptFinding,
    Findings,
    Unavailable,
    Verdict,
    at_least,
    borne,
    rank_findings,
    worst,
)
from analysis.checks.uniqueness import FALSE_PASS
from analysis.dataset import REAL_WORLD, Dataset
from analysis.duplicates import Duplicates, contract_pairs, find_duplicates
from analysis.features import Features
from analysis.progress import Progress, no_progress
from analysis.statistics import benjamini_hochberg

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_FAIL_FROM = 0.05  # of the held-out pictures: an accuracy is then off by up to a twentieth
DEFAULT_FAIL_AT_LEAST = 3  # leaked pictures: one of ten is a tenth, and still a single mistake
SURE: Final = 0.9  # share of parts that agree from which a pair is a fact; photos it fooled are counted in the docs
DEFAULT_EVIDENCE = 48  # image ids listed a concept: one page of the gallery
LEARNING: Final = ("train", "learn", "fit")  # a split with a word that begins so is learnt from
VALIDATION: Final = frozenset(("val", "valid", "validate", "validation", "dev", "devel", "development"))
JUDGING: Final = VALIDATION | frozenset(
    (
        "eval",
        "evaluate",
        "evaluation",
        "test",
        "tests",
        "testing",
        "tst",
        "hold",
        "holdout",
        "held",
        "heldout",
        "unseen",
    )
)
NO_SPLIT: Final = "no split"
REAL: Final = "real world"

METHOD: Final = """
- **Across a border.** Two splits, or training and real-world pictures. Names tell what is learnt from (train, learn,
  fit) and what is kept apart (val, test, eval, dev, holdout …); where none does, the largest split is taken as learnt
  from. Pictures without a split beside split ones count as neither. Copies are found as for *Repeated pictures*:
  exact ones by content, altered ones by laying pictures over each other.
- **Look at this:** any picture that surely is on both sides: an exact copy, or nine tenths of its parts agree.
  Less sure ones count where there are more than chance mistakes of the comparison explain (exact binomial test,
  corrected after Benjamini and Hochberg). **Needs work:** a twentieth of a concept's held-out
  pictures or more.
- **Limits.** Other photos of the same thing on both sides leak as well and are not found here: split by place
  and day, not by picture.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """`fail_from` is a share of the held-out pictures, in (0, 1]."""

    alpha: float = DEFAULT_ALPHA
    fail_from: float = DEFAULT_FAIL_FROM
    fail_at_least: int = DEFAULT_FAIL_AT_LEAST
    evidence: int = DEFAULT_EVIDENCE


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class LeakageResult:
    """Pictures on both sides of a border.

    Attributes:
        concepts: one row a concept with held-out pictures: `concept` (str), `held_out` (int, its pictures outside
            the training part), `leaked` (int, of these, with a copy across the border), `sure` (int, of these, with
            one that is a fact), `score` (1 - leaked / held_out), `p_value`, `p_corrected` (in [0, 1]; 0 where one is
            a fact), `p_doubtful` (the same for the others alone, corrected), `verdict`.
        pairs: columns of `pairs.parquet` and `change`, `side_a`, `side_b` (where each lies, in words).
        sides: what was taken for which side. leaked, sure, held_out: held-out pictures altogether.
        evidence: ids of each concept, and under "" of the dataset.
    """

    concepts: pd.DataFrame
    pairs: pd.DataFrame
    sides: Sides
    leaked: int
    sure: int
    held_out: int
    p_value: float
    p_doubtful: float
    evidence: dict[str, tuple[str, ...]]
    with_pictures: bool
    params: Params

    def findings(self) -> Findings:
        """Verdict of each concept, worst first, and of the dataset."""
        found = rank_findings(self._finding(row) for row in self.concepts.to_dict("records"))
        whole = _verdict(self.leaked, self.sure, self.held_out, self.p_doubtful, self.with_pictures, self.params)
        if any(f.score is not None and f.score < 1 for f in found):  # else only pictures without a label are shared
            found = borne(found, whole, "Over all concepts that is more than mistakes explain.", _FIX)
        verdict = worst([*(f.verdict for f in found), whole])
        bad = at_least(verdict, Verdict.WARN)
        corrected = [*self.concepts["p_corrected"].dropna(), self.p_value]
        mine = found[0].score if found and found[0].verdict is verdict else None
        return Findings(
            verdict=verdict,
            score=mine if mine is not None else 1.0 - self.leaked / max(1, self.held_out),
            headline=self._headline(bad),
            reason=_WITHOUT_PICTURES if verdict is Verdict.CANNOT_TELL else "",
            p_value=float(min(corrected)),
            concepts=found,
            evidence=self.evidence.get("", ()),
            fix=_FIX if bad else "",
            extra={
                "leaked": self.leaked,
                "sure": self.sure,
                "held_out": self.held_out,
                "learnt_from": list(self.sides.learning),
                "kept_apart": list(self.sides.judging),
                "on_neither_side": self.sides.aside,
                "alpha": self.params.alpha,
            },
            tables={PAIRS: self.pairs},
        )

    def _headline(self, bad: bool) -> str:
        note = self.sides.note
        if self.leaked:
            verb = "is" if self.leaked == 1 else "are"
            of = "The one picture" if self.held_out == 1 else f"{self.leaked:,} of {self.held_out:,} pictures"
            if not bad:
                return f"{of} kept apart for judging may also be among the others; {_FEW}{note}"
            return f"{of} kept apart for judging {verb} also among the others.{note}"
        if not self.with_pictures:
            return f"{_WITHOUT_PICTURES}{note}"
        if self.held_out == 1:
            return f"The one picture kept apart for judging is not among the others.{note}"
        return f"None of the {self.held_out:,} pictures kept apart for judging is among the others.{note}"

    def _finding(self, row: Mapping[Hashable, object]) -> ConceptFinding:
        concept, leaked, held = str(row["concept"]), int(str(row["leaked"])), int(str(row["held_out"]))
        many, verb = f"{leaked:,}" if leaked else "None", "are" if leaked > 1 else "is"
        said = f"{many} of {held:,} pictures kept apart {verb} also among the others."
        if held == 1:
            said = f"The one picture kept apart is {'also' if leaked else 'not'} among the others."
        verdict = Verdict(str(row["verdict"]))
        bad = at_least(verdict, Verdict.WARN)
        if leaked and not bad:
            of = "The one picture" if held == 1 else f"{leaked:,} of {held:,} pictures"
            said = f"{of} kept apart may also be among the others; {_FEW}"
        return ConceptFinding(
            concept=concept,
            verdict=verdict,
            score=float(str(row["score"])),
            headline=said,
            evidence=self.evidence.get(concept, ()),
            fix=_FIX if bad else "",
            extra={
                "leaked": leaked,
                "sure": int(str(row["sure"])),
                "held_out": held,
                "p_value": float(str(row["p_corrected"])),
            },
        )


_FIX: Final = "Remove the copies from the training part, or from the part kept apart; then judge the model again."
_FEW: Final = "so few may be mistakes of the comparison."
_WITHOUT_PICTURES: Final = "Only exact copies can be found without the pictures, and there are none across."


def _verdict(leaked: int, sure: int, held_out: int, p: float, with_pictures: bool, params: Params) -> Verdict:
    """`p`: of the doubtful ones, which count only where chance mistakes do not explain them."""
    counted = leaked if p <= params.alpha else sure
    if counted:
        much = counted >= max(params.fail_at_least, params.fail_from * held_out)
        return Verdict.FAIL if much else Verdict.WARN
    return Verdict.PASS if with_pictures or leaked else Verdict.CANNOT_TELL


@dataclass(frozen=True, slots=True)
class Sides:
    """Where each picture lies.

    Attributes:
        name: (n,) object, the split, `NO_SPLIT` or `REAL`; "training" where there are no splits at all.
        held, learnt: bool (n,), kept apart for judging, and learnt from; neither is possible.
        real: bool (n,). learning, judging: names of the sides. aside: pictures on neither side.
        note: sentence, with a space before it, where the sides had to be guessed or pictures are on neither; else "".
    """

    name: NDArray[np.object_]
    held: NDArray[np.bool_]
    learnt: NDArray[np.bool_]
    real: NDArray[np.bool_]
    learning: tuple[str, ...]
    judging: tuple[str, ...]
    aside: int
    note: str

    def crossed(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether pictures a and b (m,) lie on both sides of a border that training must not cross."""
        sided = self.held | self.learnt
        splits = sided[a] & sided[b] & (self.held[a] | self.held[b]) & (self.name[a] != self.name[b]).astype(bool)
        out: NDArray[np.bool_] = splits | (self.real[a] != self.real[b])
        return out


def role_of(split: str) -> str:
    """`learning`, `judging`, or "" where the name says nothing: by the first word that does."""
    for word in re.split(r"[^a-z]+", split.casefold()):
        if word.startswith(LEARNING):
            return "learning"
        if word in JUDGING:
            return "judging"
    return ""


def _learning(size: Mapping[str, int], real: bool) -> tuple[set[str], bool]:
    """Names of the splits learnt from (`NO_SPLIT` is one), and whether that was guessed by size."""
    named = [s for s in size if s != NO_SPLIT]
    known = {s for s in named if role_of(s) == "learning"}
    if known:
        return known, False
    unknown = [s for s in named if not role_of(s)]
    if NO_SPLIT in size and (not unknown or (len(named) == 1 and not real)):
        unknown.append(NO_SPLIT)  # no other could be learnt from, or nothing else be kept apart from it
        if len(unknown) == 1:
            return {NO_SPLIT}, False
    of = unknown or [s for s in named if VALIDATION & set(re.split(r"[^a-z]+", s.casefold()))] or named
    guessed = bool(unknown) and len(size) + real > 1
    return {min(of, key=lambda s: (-size[s], s))}, guessed


def find_sides(dataset: Dataset) -> Sides | None:
    """What is learnt from and what is kept apart; None where there is no border."""
    real = np.asarray(dataset.images["origin"] == REAL_WORLD, dtype=bool)
    split = [None if s is None or pd.isna(s) else str(s) for s in dataset.images["split"]]
    has_real = bool(real.any())
    if all(s is None or r for s, r in zip(split, real, strict=True)):
        name = np.array([REAL if r else "training" for r in real], dtype=object)
        apart = ("training",), (REAL,)
        return Sides(name, real, ~real, real, *apart, 0, "") if has_real and not real.all() else None
    name = np.array([REAL if r else s or NO_SPLIT for r, s in zip(real, split, strict=True)], dtype=object)
    size = {str(k): int(n) for k, n in zip(*np.unique(name[~real].astype(str), return_counts=True), strict=True)}
    learning, guessed = _learning(size, has_real)
    judging = {s for s in size if s not in learning and s != NO_SPLIT}
    if NO_SPLIT in size and NO_SPLIT not in learning and not judging and not has_real:
        judging = {NO_SPLIT}
    learnt = np.isin(name, list(learning)) & ~real
    held = (np.isin(name, list(judging)) & ~real) | real
    if not learnt.any() or not held.any():
        return None
    aside = int((~learnt & ~held).sum())
    note, (first, *_) = "", sorted(learning)
    if guessed:
        what = "the pictures without a split" if first == NO_SPLIT else f"the split “{first}”"
        note = f" No name of a split says which is learnt from, so the largest part was taken: {what}."
    elif judging == {NO_SPLIT}:
        note = f" The {size[NO_SPLIT]:,} pictures without a split were taken as kept apart."
    elif first == NO_SPLIT:
        note = f" The {size[NO_SPLIT]:,} pictures without a split were taken as learnt from."
    if aside:
        count = "1 picture without a split counts" if aside == 1 else f"{aside:,} pictures without a split count"
        note += f" {count} as neither side."
    note = note.replace("The 1 pictures without a split were", "The one picture without a split was")
    kept = (*sorted(judging), *([REAL] if has_real else []))
    return Sides(name, held, learnt, real, tuple(sorted(learning)), kept, aside, note)


def _p_value(doubtful: int, compared: int) -> float:
    from scipy.stats import binom

    return float(binom.sf(doubtful - 1, max(compared, doubtful), FALSE_PASS)) if doubtful else 1.0


def find_leakage(
    dataset: Dataset,
    features: Features,
    params: Params = DEFAULT_PARAMS,
    *,
    progress: Progress = no_progress,
) -> LeakageResult | Unavailable:
    """Find pictures that lie on both sides of a split, or in training and in real use."""
    if "content_hash" not in dataset.images:
        return Unavailable("The pictures were not read, so copies cannot be found.")
    sides = find_sides(dataset)
    if sides is None:
        return Unavailable("There are neither splits (train, val, test) nor real-world pictures to keep apart.")
    found = find_duplicates(dataset, features, progress=progress)
    a, b = (found.pairs[end].to_numpy(dtype=np.int64) for end in ("a", "b"))
    return _result(dataset, found, found.pairs[sides.crossed(a, b)].reset_index(drop=True), sides, params)


def _result(dataset: Dataset, found: Duplicates, across: pd.DataFrame, sides: Sides, params: Params) -> LeakageResult:
    held = sides.held
    pairs = across[["a", "b"]].to_numpy(dtype=np.int64)
    sure = ((across["kind"] == duplicates.EXACT) | (across["score"] >= SURE)).to_numpy(dtype=bool)
    certain = np.zeros(len(dataset), dtype=bool)
    certain[pairs[sure].ravel()] = True
    certain &= held
    tried = found.tried[sides.crossed(found.tried[:, 0], found.tried[:, 1])]
    leaked = np.zeros(len(dataset), dtype=bool)
    leaked[pairs.ravel()] = True
    leaked &= held
    ids = dataset.images["image_id"].astype(str).to_numpy()
    rows, evidence = [], {"": _ids(ids, pairs, params.evidence)}
    image, names = dataset.labels["image"].to_numpy(dtype=np.int64), dataset.labels["concept"].to_numpy()
    for concept in dataset.concepts:
        own = np.zeros(len(dataset), dtype=bool)
        own[image[names == concept]] = True
        if not (own & held).any():
            continue
        mine = own[pairs].any(axis=1) if len(pairs) else np.zeros(0, dtype=bool)
        n, hit, fact = (int((own & x).sum()) for x in (held, leaked, certain))
        p = _p_value(int((mine & ~sure).sum()), int(own[tried].any(axis=1).sum()))
        rows.append((concept, n, hit, fact, 1.0 - hit / n, 0.0 if (mine & sure).any() else p, p))
        evidence[concept] = _ids(ids, pairs[mine], params.evidence)
    table = pd.DataFrame(rows, columns=["concept", "held_out", "leaked", "sure", "score", "p_value", "p_doubtful"])
    for given, corrected in (("p_value", "p_corrected"), ("p_doubtful", "p_doubtful")):
        table[corrected] = benjamini_hochberg(table[given].to_numpy(dtype=np.float64)) if len(table) else []
    judged = table[["leaked", "sure", "held_out", "p_doubtful"]].to_numpy().tolist()
    table["verdict"] = [str(_verdict(hit, fact, n, p, found.with_pictures, params)) for hit, fact, n, p in judged]
    shown = contract_pairs(dataset, across).assign(
        change=across["change"], side_a=sides.name[pairs[:, 0]].astype(str), side_b=sides.name[pairs[:, 1]].astype(str)
    )
    p_doubtful = _p_value(int((~sure).sum()), len(tried))
    return LeakageResult(
        concepts=table,
        pairs=shown,
        sides=sides,
        leaked=int(leaked.sum()),
        sure=int(certain.sum()),
        held_out=int(held.sum()),
        p_value=0.0 if sure.any() else p_doubtful,
        p_doubtful=p_doubtful,
        evidence=evidence,
        with_pictures=found.with_pictures,
        params=params,
    )


def _ids(ids: np.ndarray, pairs: np.ndarray, limit: int) -> tuple[str, ...]:
    """Ids of the pairs, a picture beside its copy, each once."""
    return tuple(dict.fromkeys(str(ids[i]) for i in pairs.ravel()))[:limit]
