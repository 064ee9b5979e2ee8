"""What is said of real use beside training: sentences for a person, in the words of pictures."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from analysis.blind_spots import BlindSpot
from analysis.checks.base import Verdict
from analysis.names import Say, leaf
from analysis.what_if import WhatIf

SURELY: Final = 0.975
"""Share of the splits in which the list must beat chance before it is given credit: the end of a 95 % interval."""


def in_ten(share: float) -> str:
    """A share for a person: "7 in 10"."""
    if share > 0.995:
        return "all"
    if share >= 0.95:
        return "nearly all"
    if share >= 0.095:
        return f"{round(10 * share)} in 10"
    return f"1 in {round(1 / share):,}" if share >= 0.001 else "none"


def differs_sentence(axes: pd.DataFrame, uncovered: float, matters: float, outside: Sequence[str] = ()) -> str:
    """The answer where real use differs: how much training lacks, and in what it differs most; `outside`: words for
    what lies beyond training's range, said where no axis differs on the whole."""
    table = axes[axes["differs"]]
    named = table[table["axis"] != "content"]  # "other things in them" helps least where something has a name
    words = [str(w) for w in named["word"]] or list(outside) or [str(w) for w in table["word"]]
    most = f"most of all they are {' and '.join(words[:2])}" if words else ""
    alike = "all are" if uncovered > 0.995 else f"{in_ten(uncovered)} are"
    if uncovered >= matters:
        tail = f"; {most}." if most else "."
        return f"Real-world pictures look different: {alike} unlike anything in training{tail}"
    return (
        f"Real-world pictures differ: {most}. Yet training has something like nearly all of them: "
        f"{alike} unlike anything in training."
    )


def beyond_sentence(ends: Sequence[Mapping[str, Any]]) -> str:
    """What lies beyond training's range, the three largest parts; empty where nothing does. `ends` as in the report."""
    parts = [f"{percent_of(float(e['share']))} are {e['word']}" for e in ends[:3]]
    if not parts:
        return ""
    several = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
    return f"Of the real-world pictures {several} than all but a few training pictures; 2 or 3 in 100 would be usual."


def alike_sentence(
    uncovered: float, wrong: Sequence[str], of: int, sure: bool = False, axes: pd.DataFrame | None = None
) -> str:
    """The answer where the whole is covered; `wrong` names the concepts that are not, the worst first; `sure`: whether
    a difference was found that is too small to matter, `axes` says in what."""
    covered = f"{percent_of(1 - uncovered)} of the real-world pictures have one like them in training"
    but = f"not for {len(wrong)} of {of} concepts; the least covered is {wrong[0]}" if wrong else ""
    if sure:
        words = (
            [] if axes is None else axes.loc[axes["differs"] & (axes["axis"] != "content"), "word"].astype(str).tolist()
        )
        most = f" (most of all they are {words[0]})" if words else ""
        if wrong:
            return f"Real-world pictures differ from training{most}. As a whole {covered}, but {but}."
        return f"Real-world pictures differ a little from training{most}. Yet {covered}."
    if wrong:
        return f"As a whole real use looks like training, but {but}."
    return f"Training shows what real use shows: {covered}."


def percent_of(share: float) -> str:
    """A share in whole per cent, never rounded up to all."""
    return f"{int(100 * share + 0.5) if share in (0.0, 1.0) else min(99, max(1, round(100 * share)))} %"


def fix(listed: Sequence[int], spots: Sequence[BlindSpot], what_if: WhatIf | None, say: Say = leaf) -> str:
    """What to do, and what that would bring where it was measured; `listed`: rows, the first to collect first."""
    if not len(listed):
        return ""
    n = min(25, len(listed))
    first = spots[0] if spots else None
    start = f"Add pictures like the first {n} of the list below to training"
    why = "."
    if first and first.words:
        k = int(np.isin(listed[:n], first.rows).sum())
        shows = f"{k or 'none'} of these {n} {'show' if k > 1 else 'shows'} it"
        why = f"; the largest gap is “{first.called(say)}”, {in_ten(first.share)} of real use: {shows}."
    return f"{start}{why}{tried(what_if)}"


def tried(what_if: WhatIf | None) -> str:
    """What adding pictures of the list brought on pictures kept aside: a gain only where its interval leaves out zero,
    and the list's only where it beats as many pictures at random in 39 of 40 splits."""
    steps = {(s.strategy, s.added): s for s in what_if.steps} if what_if is not None else {}
    amounts = [k for name, k in steps if name == "ranked"]
    if what_if is None or not amounts:
        return ""
    added = 25 if 25 in amounts else max(amounts)
    step, random = steps["ranked", added], steps["random", added]
    points = f"{_signed(step.gain_low)} to {_signed(step.gain_high)} points"
    kept = "On real-world pictures kept aside, adding"
    rose = f"recognition from {step.score_before:.0%} to {step.score_after:.0%} ({points})"
    if step.gain_high < 0:
        return f" {kept} {added} of them lowered {rose}: look through them before you add them."
    if step.gain_low <= 0:
        return (
            f" {kept} {added} of them made no difference that these pictures can show ({points}; "
            f"on average {_signed(step.gain)}, with as many at random {_signed(random.gain)})."
        )
    if not what_if.better >= SURELY:
        return f" {kept} {added} of them raised {rose}; as many at random did about as well ({random.score_after:.0%})."
    return f" {kept} {added} of them raised {rose}, as many at random to {random.score_after:.0%}."


def _signed(share: float) -> str:
    """A difference of shares in points of 100: `+5`, `−7`, `0`."""
    points = round(100 * share)
    return f"+{points}" if points > 0 else f"−{-points}" if points else "0"


def concept_sentence(
    row: Mapping[Hashable, Any], least_training: int, least_real: int, alpha: float, outside: Sequence[str] = ()
) -> str:
    """What is said of a concept; `outside`: words for what lies beyond training's range. Its p-value is of content
    alone, so pictures out of range are counted apart where content is no more unlike than by chance."""
    verdict, n, m = Verdict(row["verdict"]), int(row["training"]), int(row["real_world"])
    if not n and verdict is Verdict.FAIL:
        return f"Not in training at all: {m:,} real-world pictures show it, no training picture does."
    counts = f"{n:,} training and {m:,} real-world pictures"
    if np.isnan(row["p_corrected"]):
        return (
            f"Cannot tell: {counts}; at least {least_training} and {least_real} are needed "
            "to say whether training covers it."
        )
    every, alone = round(row["uncovered"] * m), int(row["outside"])
    words = f"{' or '.join(outside)} than all but a few training pictures"
    if verdict is Verdict.PASS and row["p_corrected"] > alpha:
        more = f"; {alone:,} more {'is' if alone == 1 else 'are'} {words}" if alone else ""
        return (
            f"In content no more of its real-world pictures are unlike its training pictures than chance explains: "
            f"{every - alone:,} of {m:,}{more} ({n:,} training pictures)."
        )
    of_them = f", {alone:,} only for being {words}" if alone else ""
    alike = (
        f"{percent_of(row['uncovered'])} of its real-world pictures are unlike its training pictures "
        f"({every:,} of {m:,}{of_them}; {n:,} training pictures)"
    )
    if verdict is Verdict.PASS:
        return f"Nearly covered: {alike}."
    return f"{'Not covered' if verdict is Verdict.FAIL else 'Partly covered'}: {alike}."


def too_few(training: int, real: int, least: int) -> str:
    """Why nothing can be told where one side is small."""
    n, what = (real, "from real use") if real < least else (training, "for training")
    word = "picture" if n == 1 else "pictures"
    return f"Only {n:,} {word} {what}; at least {least} on each side are needed to compare them."
