"""Leakage: is any picture on both sides of a border that training must not cross?

Question. A model is judged by pictures it has not seen. Which pictures of the validation and test splits, or of real
use, are also among those it learns from, perhaps resized, cropped or mirrored?

Method. The pairs of `uniqueness` (`analysis.duplicates`), between two splits or between training and real-world
pictures. Null hypothesis: no picture lies on both sides, and a pair of different photos that was compared passes by
mistake with probability `FALSE_PASS`; p is the exact binomial upper tail of the altered copies among the pairs
compared across the border, 0 where one is an exact copy, corrected over concepts (Benjamini and Hochberg 1995). `warn`
needs a corrected p of at most `alpha`: a single leaked picture is a mistake worth knowing. `fail` is a twentieth of a
concept's held-out pictures or more: a score measured on them is then no longer the model's.

Limits. Those of `uniqueness`. Photos of the same thing on both sides of the border (the same bottle, the same shelf a
moment later) leak too, and are not found here: split by place and day, not by picture.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from analysis import duplicates
from analysis.checks.base import PAIRS, ConceptFinding, Findings, Unavailable, Verdict, rank_findings, worst
from analysis.checks.uniqueness import FALSE_PASS
from analysis.dataset import REAL_WORLD, Dataset
from analysis.duplicates import Duplicates, contract_pairs, find_duplicates
from analysis.features import Features
from analysis.progress import Progress, no_progress
from analysis.statistics import benjamini_hochberg

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_FAIL_FROM = 0.05  # of the held-out pictures: an accuracy is then off by up to a twentieth
DEFAULT_FAIL_AT_LEAST = 3  # leaked pictures: one of ten is a tenth, and still a single mistake
DEFAULT_EVIDENCE = 48  # image ids listed a concept: one page of the gallery
_ORDER: Final = {"train": 0, "": 0, "val": 1, "valid": 1, "test": 2}

METHOD: Final = """
- **Across a border.** Two splits (train, val, valid, test), or training and real-world pictures. Copies are
  found as for *Repeated pictures*: exact ones by content, altered ones by laying pictures over each other.
- **Look at this:** any picture on both sides, unless chance mistakes of the comparison explain it (exact
  binomial test, corrected after Benjamini and Hochberg). **Needs work:** a twentieth of a concept's held-out
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
            the training part), `leaked` (int, of these, with a copy across the border), `score`
            (1 - leaked / held_out), `p_value`, `p_corrected` (in [0, 1]), `verdict`.
        pairs: columns of `pairs.parquet` and `change`, `side_a`, `side_b` (where each lies, in words).
        leaked, held_out: held-out pictures altogether. evidence: ids of each concept, and under "" of the dataset.
    """

    concepts: pd.DataFrame
    pairs: pd.DataFrame
    leaked: int
    held_out: int
    p_value: float
    evidence: dict[str, tuple[str, ...]]
    with_pictures: bool
    params: Params

    def findings(self) -> Findings:
        """Verdict of each concept, worst first, and of the dataset."""
        found = rank_findings(self._finding(row) for row in self.concepts.to_dict("records"))
        whole = Verdict(_verdict(self.leaked, self.held_out, self.p_value, self.with_pictures, self.params))
        verdict = worst([*(f.verdict for f in found), whole])
        corrected = [*self.concepts["p_corrected"].dropna(), self.p_value]
        scores = [f.score for f in found[:1] if f.score is not None]
        return Findings(
            verdict=verdict,
            score=min([*scores, 1.0 - self.leaked / max(1, self.held_out)]),
            headline=self._headline(),
            reason=_WITHOUT_PICTURES if verdict is Verdict.CANNOT_TELL else "",
            p_value=float(min(corrected)),
            concepts=found,
            evidence=self.evidence.get("", ()),
            fix=_FIX if self.leaked else "",
            extra={"leaked": self.leaked, "held_out": self.held_out, "alpha": self.params.alpha},
            tables={PAIRS: self.pairs},
        )

    def _headline(self) -> str:
        if self.leaked:
            verb = "is" if self.leaked == 1 else "are"
            return f"{self.leaked:,} of {self.held_out:,} pictures kept apart for judging {verb} also among the others."
        if not self.with_pictures:
            return _WITHOUT_PICTURES
        return f"None of the {self.held_out:,} pictures kept apart for judging is among the others."

    def _finding(self, row: Mapping[Hashable, object]) -> ConceptFinding:
        concept, leaked, held = str(row["concept"]), int(str(row["leaked"])), int(str(row["held_out"]))
        many, verb = f"{leaked:,}" if leaked else "None", "are" if leaked > 1 else "is"
        return ConceptFinding(
            concept=concept,
            verdict=Verdict(str(row["verdict"])),
            score=float(str(row["score"])),
            headline=f"{many} of {held:,} pictures kept apart {verb} also among the others.",
            evidence=self.evidence.get(concept, ()),
            fix=_FIX if leaked else "",
            extra={"leaked": leaked, "held_out": held, "p_value": float(str(row["p_corrected"]))},
        )


_FIX: Final = "Remove the copies from the training part, or from the part kept apart; then judge the model again."
_WITHOUT_PICTURES: Final = "Only exact copies can be found without the pictures, and there are none across."


def _verdict(leaked: int, held_out: int, p: float, with_pictures: bool, params: Params) -> str:
    if leaked and p <= params.alpha:
        much = leaked >= max(params.fail_at_least, params.fail_from * held_out)
        return str(Verdict.FAIL if much else Verdict.WARN)
    return str(Verdict.PASS if with_pictures else Verdict.CANNOT_TELL)


def _side(origin: str, split: str | float | None) -> str:
    if origin == REAL_WORLD:
        return "real world"
    return "training" if split is None or pd.isna(split) else str(split)


def _p_value(near: int, exact: int, compared: int) -> float:
    from scipy.stats import binom

    if exact:
        return 0.0
    return float(binom.sf(near - 1, max(compared, near), FALSE_PASS)) if near else 1.0


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
    sides = np.array(
        [_side(o, s) for o, s in zip(dataset.images["origin"], dataset.images["split"], strict=True)], dtype=object
    )
    if len(set(sides)) < 2:
        return Unavailable("There are neither splits (train, val, test) nor real-world pictures to keep apart.")
    found = find_duplicates(dataset, features, progress=progress)
    a, b = (found.pairs[end].to_numpy(dtype=np.int64) for end in ("a", "b"))
    across = found.pairs[(sides[a] != sides[b]).astype(bool)].reset_index(drop=True)
    learn = sorted(set(sides), key=lambda s: (_ORDER.get(s, 0) if s != "real world" else 3, s))[0]
    held = sides != learn
    return _result(dataset, found, across, sides, held, params)


def _result(
    dataset: Dataset, found: Duplicates, across: pd.DataFrame, sides: np.ndarray, held: np.ndarray, params: Params
) -> LeakageResult:
    pairs = across[["a", "b"]].to_numpy(dtype=np.int64)
    exact = (across["kind"] == duplicates.EXACT).to_numpy()
    tried = found.tried[sides[found.tried[:, 0]] != sides[found.tried[:, 1]]]
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
        n, hit = int((own & held).sum()), int((own & leaked).sum())
        p = _p_value(int((mine & ~exact).sum()), int((mine & exact).sum()), int(own[tried].any(axis=1).sum()))
        rows.append((concept, n, hit, 1.0 - hit / n, p))
        evidence[concept] = _ids(ids, pairs[mine], params.evidence)
    table = pd.DataFrame(rows, columns=["concept", "held_out", "leaked", "score", "p_value"])
    table["p_corrected"] = benjamini_hochberg(table["p_value"].to_numpy(dtype=np.float64)) if len(table) else []
    table["verdict"] = [
        _verdict(leaked, n, p, found.with_pictures, params)
        for leaked, n, p in table[["leaked", "held_out", "p_corrected"]].to_numpy().tolist()
    ]
    shown = contract_pairs(dataset, across).assign(
        change=across["change"], side_a=sides[pairs[:, 0]].astype(str), side_b=sides[pairs[:, 1]].astype(str)
    )
    return LeakageResult(
        concepts=table,
        pairs=shown,
        leaked=int(leaked.sum()),
        held_out=int(held.sum()),
        p_value=_p_value(int((~exact).sum()), int(exact.sum()), len(tried)),
        evidence=evidence,
        with_pictures=found.with_pictures,
        params=params,
    )


def _ids(ids: np.ndarray, pairs: np.ndarray, limit: int) -> tuple[str, ...]:
    """Ids of the pairs, a picture beside its copy, each once."""
    return tuple(dict.fromkeys(str(ids[i]) for i in pairs.ravel()))[:limit]
