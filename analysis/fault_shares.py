"""How many faulty pictures are too many: of a concept, of the dataset, and beside what real use looks like.

Arithmetic of the check `image_quality`, on counts alone.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.checks.base import Verdict, worst
from analysis.faults import FAULTS
from analysis.statistics import benjamini_hochberg

Bool = NDArray[np.bool_]
Rows = NDArray[np.int64]

FALSE_ALARMS: Final = 0.02  # share of clean photos flagged, at most: real tails are heavier than the limits assume
USELESS_ALARMS: Final = 0.002  # share of clean photos past what any person would keep
MIN_OWN: Final = 10  # pictures of a concept in training and of its own in real use: below, a share is one or two


def upper_tail(flagged: int, beyond_use: int, n: int) -> float:
    """p-value of so many flagged, or so many beyond use, among n fine pictures: the smaller of two, doubled."""
    from scipy.stats import binom

    by_flags = float(binom.sf(flagged - 1, n, FALSE_ALARMS))
    by_useless = float(binom.sf(beyond_use - 1, n, USELESS_ALARMS))
    return min(1.0, 2.0 * min(by_flags, by_useless))


def find_common(past: pd.DataFrame, training: Bool, real: Bool, *, alpha: float, common_from: float) -> pd.DataFrame:
    """What of the faults is part of real use, and what of that training lacks: one row a fault, in order.

    Args:
        past: bool columns by kind, one row a picture: past its limit.
        training, real: bool (n,), which pictures are which.
        alpha: of both tests. common_from: share of real-world pictures from which a fault is part of real use.

    Returns:
        `common`, `lacking` (bool), `p_value` (of lacking, corrected), `training_share`, `real_share`: as in
        `ImageQualityResult.kinds`.
    """
    from scipy.stats import binom, fisher_exact

    n_training, n_real = int(training.sum()), int(real.sum())
    rows = []
    for fault in FAULTS:
        hit = past[fault.kind].to_numpy()
        here, there = int(hit[training].sum()), int(hit[real].sum())
        by_mistake = float(binom.sf(there - 1, n_real, FALSE_ALARMS)) if n_real else 1.0
        common = there >= common_from * n_real and by_mistake <= alpha / len(FAULTS) and there > 0
        table = np.array([[there, n_real - there], [here, n_training - here]])
        p = float(fisher_exact(table, alternative="greater").pvalue) if common and n_training else np.nan
        rows.append((common, here / n_training if n_training else np.nan, there / n_real if n_real else np.nan, p))
    out = pd.DataFrame(rows, columns=["common", "training_share", "real_share", "p_value"])
    out["p_value"] = benjamini_hochberg(out["p_value"].to_numpy(dtype=np.float64))
    out["lacking"] = (out["p_value"] <= alpha) & (out["training_share"] < 0.5 * out["real_share"])
    return out


def judge(table: pd.DataFrame, *, alpha: float, fail_share: float, enough: bool) -> pd.DataFrame:
    """Adds `p_value` (corrected), `share`, `verdict`, `score` by what is flagged; the last row is the dataset."""
    n, flagged = table["n"].to_numpy(dtype=np.int64), table["flagged"].to_numpy(dtype=np.int64)
    raw = [
        upper_tail(int(f), int(u), int(m)) if m else np.nan
        for f, u, m in zip(flagged, table["useless"], n, strict=True)
    ]
    p = benjamini_hochberg(np.array(raw, dtype=np.float64))
    share = np.divide(flagged, n, out=np.zeros(len(n)), where=n > 0)
    found = p <= alpha  # nan is not
    if found[-1] and not found[:-1].any() and flagged[:-1].any():  # spread thin over the concepts: one bears it
        bearer = int(np.nanargmin(np.where(flagged[:-1] > 0, p[:-1], np.nan)))
        found[bearer], p[bearer] = True, p[-1]
    fine = Verdict.PASS if enough else Verdict.CANNOT_TELL
    verdicts = [
        (Verdict.FAIL if s >= fail_share else Verdict.WARN) if f else fine if m else Verdict.CANNOT_TELL
        for f, s, m in zip(found, share, n, strict=True)
    ]
    return table.assign(p_value=p, share=share, verdict=[str(v) for v in verdicts], score=1.0 - share)


def add_lacking(
    table: pd.DataFrame, kinds: pd.DataFrame, past: pd.DataFrame, training: list[Rows], real: list[Rows], *,
    alpha: float, fail_from: float, common_from: float,
) -> pd.DataFrame:  # fmt: skip
    """What training lacks of real use: of each concept by its own pictures, else of the dataset as a whole.

    A concept is asked only where it has `MIN_OWN` pictures of its own on either side: Fisher's exact test of its
    real-world pictures against its training pictures, corrected over concepts and faults. What only the whole lacks is
    borne by the concept of the lowest p (`borne`): a check has the worst verdict of its concepts.

    Args:
        table: as made by `judge`. kinds: as made by `find_common`, with `kind`, `adjective`.
        past: bool columns by kind, one row a picture. training, real: rows of `past` of each row of `table`.
        fail_from: share of real use from which `fail`. common_from: share of real use that is worth a finding.

    Returns:
        `table` with `verdict`, `score` and `p_value` (corrected, of the test that made the verdict) renewed, and
        `by_flags` (verdict by flags alone), `lacking` (list of `kind`, `adjective`, `real_share`, `training_share`,
        `p_value`) and `borne` (bool, whether that is the whole's).
    """
    whole = len(table) - 1
    out = table.assign(by_flags=table["verdict"], lacking=pd.Series([[]] * len(table), dtype=object), borne=False)
    common = kinds[kinds["common"]].to_dict("records")
    if not common:
        return out
    counts = [
        [(int(hit[t].sum()), len(t), int(hit[r].sum()), len(r)) for hit in (past[k["kind"]].to_numpy() for k in common)]
        for t, r in zip(training, real, strict=True)
    ]
    asked = [[min(n, m) >= MIN_OWN for _, n, _, m in row] for row in counts[:whole]]
    raw = np.array(
        [[_less(*c) if a else np.nan for c, a in zip(*pair, strict=True)] for pair in zip(counts, asked, strict=False)],
        dtype=np.float64,
    ).reshape(whole, len(common))
    corrected = benjamini_hochberg(raw.ravel()).reshape(raw.shape)
    found: list[list[dict[str, Any]]] = []
    for i, row in enumerate(counts):
        of_whole = i == whole
        ps = [float(k["p_value"]) for k in common] if of_whole else corrected[i].tolist()
        lacks = [
            {"kind": k["kind"], "adjective": k["adjective"], "real_share": h / m, "training_share": g / n, "p_value": p}
            for k, (g, n, h, m), p in zip(common, row, ps, strict=True)
            if p <= alpha and h >= common_from * m and g / n < 0.5 * h / m
        ]
        found.append(sorted(lacks, key=lambda r: -float(r["real_share"])))
    verdicts = [_of_lacking(lacks, fail_from) for lacks in found]
    bearer = -1
    if found[whole] and whole and worst(verdicts[:whole]) is not worst(verdicts):
        bearer = _bearer(counts, raw, [k["kind"] in {r["kind"] for r in found[whole]} for k in common])
    rows = out.to_dict("records")
    for i, row_ in enumerate(rows):
        borne = i == bearer
        lacks, verdict = (found[whole], verdicts[whole]) if borne else (found[i], verdicts[i])
        if not lacks:
            continue
        p = min(float(r["p_value"]) for r in lacks)
        by_flags = Verdict(str(row_["verdict"]))
        both = worst([by_flags, verdict])
        tests = [x for x, v in ((float(row_["p_value"]), by_flags), (p, verdict)) if v is both]
        least = min(1.0 - (float(r["real_share"]) - float(r["training_share"])) for r in lacks)
        row_.update(verdict=str(both), p_value=min(tests), score=min(float(row_["score"]), least), lacking=lacks)
        row_["borne"] = borne
    return pd.DataFrame(rows, columns=out.columns)


def _less(here: int, n: int, there: int, m: int) -> float:
    """p-value that `here` of n training pictures is as much as `there` of m real-world ones (Fisher, one-sided)."""
    from scipy.stats import fisher_exact

    return float(fisher_exact(np.array([[there, m - there], [here, n - here]]), alternative="greater").pvalue)


def _of_lacking(lacks: list[dict[str, Any]], fail_from: float) -> Verdict:
    shares = [(float(r["real_share"]), float(r["training_share"])) for r in lacks]
    if any(real >= fail_from and own <= 0.1 * real for real, own in shares):
        return Verdict.FAIL
    return Verdict.WARN if lacks else Verdict.PASS


def _bearer(counts: list[list[tuple[int, int, int, int]]], raw: NDArray[np.float64], lacking: list[bool]) -> int:
    """Concept of the lowest p: its own, or where it could not be asked, its training against all of real use."""
    p = np.full(raw.shape, 2.0)
    for i, row in enumerate(counts[:-1]):
        for j, ((here, n, _, _), (_, _, there, m)) in enumerate(zip(row, counts[-1], strict=True)):
            if lacking[j] and n:
                p[i, j] = _less(here, n, there, m) if np.isnan(raw[i, j]) else raw[i, j]
    return int(p.min(axis=1).argmin())
