"""How many faulty pictures are too many: of a concept, of the dataset, and beside what real use looks like.

Arithmetic of the check `image_quality`, on counts alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.checks.base import Verdict, worst
from analysis.faults import FAULTS
from analysis.statistics import benjamini_hochberg

Bool = NDArray[np.bool_]

FALSE_ALARMS: Final = 0.02  # share of clean photos flagged, at most: real tails are heavier than the limits assume
USELESS_ALARMS: Final = 0.002  # share of clean photos past what any person would keep


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
    if found[-1] and not found[:-1].any() and flagged[:-1].any():
        found[int(np.nanargmin(np.where(flagged[:-1] > 0, p[:-1], np.nan)))] = True  # spread thin over the concepts
    fine = Verdict.PASS if enough else Verdict.CANNOT_TELL
    verdicts = [
        (Verdict.FAIL if s >= fail_share else Verdict.WARN) if f else fine if m else Verdict.CANNOT_TELL
        for f, s, m in zip(found, share, n, strict=True)
    ]
    return table.assign(p_value=p, share=share, verdict=[str(v) for v in verdicts], score=1.0 - share)


def add_lacking(table: pd.DataFrame, kinds: pd.DataFrame, shares: pd.DataFrame, *, fail_from: float) -> pd.DataFrame:
    """What training lacks makes a concept `warn` (`fail` beyond the limit) where it has less than half of it.

    `shares`: one row a row of `table`, a column a kind: share of the concept's training pictures past the limit.
    """
    verdict, score = table["verdict"].tolist(), table["score"].to_numpy().copy()
    for row in kinds[kinds["lacking"]].to_dict("records"):
        real, own = float(row["real_share"]), shares[row["kind"]].to_numpy()
        for i in np.flatnonzero((table["n"].to_numpy() > 0) & (own < 0.5 * real)):
            bad = real >= fail_from and own[i] <= 0.1 * real
            verdict[i] = str(worst([Verdict(verdict[i]), Verdict.FAIL if bad else Verdict.WARN]))
            score[i] = min(score[i], 1.0 - (real - own[i]))
    return table.assign(verdict=verdict, score=score)
