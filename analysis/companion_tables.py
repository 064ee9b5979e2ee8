"""The tables and sentences of `co_occurrence`: what each companion is called, shows, and costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.checks.base import ConceptFinding, Verdict
from analysis.companion_pool import Read, known_negatives, not_known
from analysis.companions import LABEL, MARK, NUMBERS, Companion
from analysis.composition import decode_thumbnail
from analysis.dataset import Dataset
from analysis.features import Features
from analysis.hiding import Scorer, fall_of
from analysis.hiding_in_pictures import hide_in_pictures
from analysis.names import Say, leaf
from analysis.narrowing import Narrowing
from analysis.part_names import THINGS, colour_words, nearest_word, place_word
from analysis.progress import Progress
from analysis.statistics import benjamini_hochberg

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

ACCUSED: Final = "accused"  # travels with the concept, and the score leans on it
ITSELF: Final = "itself"  # likely a part of the concept: real pictures without the concept do not have it
MIDDLE: Final = "middle"  # likelier a part of the concept than its company; no real picture tells
UNPROVEN: Final = "unproven"  # looks like company, in most of its pictures and in few others; no real picture tells
ALONG: Final = "along"  # recurs, but nothing says that it misleads
OPEN: Final = (UNPROVEN, MIDDLE)  # the concept itself or its company: a person must look, so all of them are listed
MOST: Final[Mapping[str, int]] = {ACCUSED: 6, ITSELF: 3, UNPROVEN: 16, MIDDLE: 16, ALONG: 3}
"""Companions listed a concept, by role, in this order."""
COMPANION_COLUMNS: Final = [
    "concept", "number", "kind", "role", "name", "p_corrected", *NUMBERS, "real_positive_with", "picture_drop",
    "picture_random", "pictures", "lacking", "elsewhere", "open", "evidence",
]  # fmt: skip
PLACE_COLUMNS: Final = ["number", "image_id", "cells"]
NARROWING_COLUMNS: Final = [
    "concept", "n", "kept", "wrong_before", "wrong_after", "found_before", "found_after", "real_without",
    "real_with", "p_wrong", "helps", "keep", "leave",
]  # fmt: skip
SCORE_COLUMNS: Final = ["concept", "image_id", "shows", "before", "after"]
ALPHA: Final = 0.05  # of "narrowing makes wrong answers no fewer", corrected for the concepts it was tried on
LOST: Final = 0.05  # share of the real pictures of a concept that narrowing may lose
FEWEST_REAL: Final = 10  # real pictures of a concept that must say what narrowing costs
PICTURES: Final = 24  # ids listed for each question about a companion
DRAWN: Final = 8  # of each list, pictures whose places are kept


def companion_rows(
    dataset: Dataset,
    features: Features,
    read: Read,
    listed: Sequence[tuple[int, Companion, float, str]],
    wholes: Mapping[int, Scorer],
    progress: Progress,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Companions and their places.

    Returns:
        Companions, by concept, then role, then p: `concept`, `number` (row in this table), `kind`, `role`, `name`,
        `p_corrected`, the columns `NUMBERS`, `real_positive_with` (share of real pictures with the concept that have
        it), `picture_drop` and `picture_random` (fall of the probability when it, or as much at random, is painted
        over in a few pictures), and lists of ids: `pictures` (with the concept and it), `lacking` (with the concept,
        without it), `elsewhere` (known without the concept, with it), `open` (real, not known, with it and
        scored above one half), `evidence`.
        Places: `number`, `image_id`, `cells` (list of locations, row by row).
    """
    ids = dataset.images["image_id"].to_numpy()[read.rows].astype(str)
    out: list[dict[str, Any]] = []
    places: list[dict[str, Any]] = []
    for k in sorted({k for k, *_ in listed}):
        score = wholes[k].probability(read.pool.x)
        for role, most in MOST.items():
            of = sorted((x for x in listed if x[0] == k and x[3] == role), key=_order)
            for _, companion, p, _ in of[:most]:
                progress(k, len(read.classes), "naming what travels")
                lists = _lists(read, companion, k, score, wholes[k], role)
                row: dict[str, Any] = {
                    "concept": read.classes[k],
                    "number": len(out),
                    "kind": companion.kind,
                    "role": role,
                }
                row |= {"name": _name(features, read, companion, k), "p_corrected": p}
                row |= {name: companion.numbers[name] for name in NUMBERS}
                row["real_positive_with"] = _share(companion.has[read.pool.training :], read.real_member[:, k])
                row |= {"picture_drop": np.nan, "picture_random": np.nan}
                if role == ACCUSED:
                    shown = (lists["elsewhere"] if companion.kind != MARK else lists["pictures"])[:PICTURES]
                    row |= hide_in_pictures(features, read, companion.at, shown, wholes[k])
                row |= {name: [str(i) for i in ids[rows]] for name, rows in lists.items()}
                out.append(row)
                drawn = [*lists["pictures"][:DRAWN], *lists["elsewhere"][:DRAWN], *lists["open"][:DRAWN]]
                for i in dict.fromkeys(int(i) for i in drawn):
                    cells = [int(c) for c in np.flatnonzero(companion.at[i])]
                    places.append({"number": row["number"], "image_id": str(ids[i]), "cells": cells})
    return pd.DataFrame(out, columns=COMPANION_COLUMNS), pd.DataFrame(places, columns=PLACE_COLUMNS)


def _order(one: tuple[int, Companion, float, str]) -> tuple[bool, float, float]:
    """Labels first (a person gave them), then the surest, then what costs the score most."""
    return one[1].kind != LABEL, one[2], -_drop(one[1])


def _drop(companion: Companion) -> float:
    return float(np.nan_to_num(companion.numbers["score_drop"]))


def _share(has: Bool, of: Bool) -> float:
    return float(has[of].mean()) if of.any() else float("nan")


def _lists(
    read: Read, companion: Companion, k: int, score: NDArray[np.float64], whole: Scorer, role: str
) -> dict[str, Int64]:
    n, has = read.pool.training, companion.has
    positive = read.member[:, k]
    size = companion.at.sum(axis=1)
    most = np.argsort(-size[:n], kind="stable")
    with_it = most[(positive & has[:n])[most]]
    by_score = np.argsort(-score[:n], kind="stable")
    lacking = by_score[(positive & ~has[:n])[by_score]]
    real = n + np.flatnonzero(known_negatives(read, k) & has[n:])
    lone = np.flatnonzero(~positive & has[:n]) if companion.kind == LABEL else np.empty(0, dtype=np.int64)
    elsewhere = np.concatenate([real, lone])
    elsewhere = elsewhere[np.argsort(-score[elsewhere], kind="stable")]
    # A mark is told by the pictures that carry it, all others by the pictures that are wrongly scored.
    evidence = with_it if companion.kind == MARK or role != ACCUSED else np.concatenate([elsewhere, with_it])
    unlabelled = n + np.flatnonzero(not_known(read, k) & has[n:] & (score[n:] > 0.5))
    if len(unlabelled):  # those first whose score hangs on it most: likely without the concept
        local, at = read.pool.maps.local[unlabelled], companion.at[unlabelled]
        fall = fall_of(local, at, [whole], np.zeros(len(unlabelled), dtype=np.int64), draws=1)
        unlabelled = unlabelled[np.argsort(fall.after - fall.before, kind="stable")]
    if role == UNPROVEN:
        evidence = np.concatenate([unlabelled, with_it])
    lists = {"pictures": with_it, "lacking": lacking, "elsewhere": elsewhere, "open": unlabelled, "evidence": evidence}
    return {name: rows[:PICTURES].astype(np.int64) for name, rows in lists.items()}


def _name(features: Features, read: Read, companion: Companion, k: int) -> str:
    """A label's name; else colour and place."""
    if companion.kind == LABEL:
        return read.classes[companion.number]
    n, grid = read.pool.training, read.pool.maps.grid
    rows = np.flatnonzero(companion.has[:n] & read.member[:, k])
    share = companion.at[rows].mean(axis=0).reshape(grid)
    place = place_word(share)
    word = _word(features, read, companion, rows[:16])
    if companion.kind == MARK:
        return f"mark {place}"
    assert features.pictures is not None
    pixels = []
    for i, jpeg in zip(rows[:16], features.pictures.thumbnails(read.rows[rows[:16]]), strict=True):
        rgb = decode_thumbnail(jpeg)
        if rgb is not None:
            pixels.append(_pixels(rgb, companion.at[i].reshape(grid)))
    colour = colour_words(np.concatenate(pixels)) + " " if pixels else ""
    return f"{colour}part {place}" + (f" (like {word})" if word else "")


def _word(features: Features, read: Read, companion: Companion, rows: Int64) -> str:
    """What the model would call these places, of `THINGS`; empty where it knows no texts or is unsure."""
    if not features.model.knows_text or not len(rows):
        return ""
    assert features.pictures is not None
    spatial = features.pictures.spatial(read.rows[rows])
    spatial = spatial.reshape(len(rows), -1, spatial.shape[-1])
    if spatial.shape[1] != companion.at.shape[1]:
        return ""
    here = spatial[companion.at[rows]]
    texts = features.pictures.encode_texts([f"a photo of {thing}" for thing in THINGS])
    return nearest_word(here.mean(axis=0) - spatial.reshape(-1, spatial.shape[-1]).mean(axis=0), texts)


def _pixels(rgb: NDArray[np.uint8], cells: Bool) -> NDArray[np.uint8]:
    """Some pixels of these locations, uint8 (n, 3)."""
    import cv2

    mask = cv2.resize(cells.astype(np.uint8), (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_NEAREST) > 0
    inside = rgb[mask]
    out: NDArray[np.uint8] = inside[:: max(1, len(inside) // 500)]
    return out


def concept_rows(
    classes: Sequence[str], count: Int64, every: int, companions: pd.DataFrame, least: int, fail_wrong: float
) -> pd.DataFrame:
    """One row a concept: `concept`, `n`, `others`, `enough`, `verdict`, `score`.

    Args:
        classes: k names.
        count: int64 (k,), training pictures of each.
        every: training pictures.
        companions: see `companion_rows`.
        least: pictures below which nothing is said.
        fail_wrong: share of wrongly scored pictures from which it fails.
    """
    out = []
    for k, concept in enumerate(classes):
        n, others = int(count[k]), every - int(count[k])
        own = companions[companions["concept"] == concept]
        accused = own[own["role"] == ACCUSED]
        enough = min(n, others) >= least
        score = float("nan")
        if len(accused):
            score = float(np.clip(1 - (accused["with_it"] - accused["without_it"]).max(), 0, 1))
            verdict = Verdict.FAIL if (accused["wrong_with"] >= fail_wrong).any() else Verdict.WARN
        elif not enough or (own["role"] == UNPROVEN).any():
            verdict = Verdict.CANNOT_TELL
        else:
            verdict, score = Verdict.PASS, 1.0
        out.append(
            {"concept": concept, "n": n, "others": others, "enough": enough, "verdict": str(verdict), "score": score}
        )
    return pd.DataFrame(out, columns=["concept", "n", "others", "enough", "verdict", "score"])


def headline(
    row: Mapping[Any, Any], accused: Sequence[Mapping[Any, Any]], own: Sequence[Mapping[Any, Any]], say: Say
) -> str:
    """One sentence for a person."""
    name = f"“{say(str(row['concept']))}”"
    if accused:
        first = accused[0]
        what = described(first, say)
        having = f"{first['with_it']:.0%} of its pictures have {what}, {first['without_it']:.0%} of the others"
        if first["kind"] == MARK:
            odds = f"put onto other pictures it multiplies the odds of {name} by {first['odds']:.1f}"
            return f"The score leans on a mark: {having}; {odds}."
        if np.isnan(first["wrong_with"]):
            return f"The score leans on what travels along: {having}."
        where = "pictures" if first["kind"] == LABEL else "real pictures"
        return (
            f"The score leans on what travels along: {having}, and {first['wrong_with']:.0%} of the {where} "
            f"with it but without {name} are taken for it."
        )
    if not row["enough"]:
        n, what = (row["n"], "") if row["n"] <= row["others"] else (row["others"], " of anything else")
        few = f"1 picture{what} is" if n == 1 else f"{n:,} pictures{what} are"
        return f"Cannot tell: {few} too few to find what recurs."
    if row["verdict"] == Verdict.CANNOT_TELL:
        first = next(c for c in own if c["role"] == UNPROVEN)
        what = described(first, say)
        return (
            f"Cannot tell: {first['with_it']:.0%} of its pictures have {what}, {first['without_it']:.0%} "
            f"of the others. Is that a part of {name}, or does it only happen to be in the same pictures? "
            + (
                f"Real pictures that score as {name} for it are shown: label those."
                if len(first["open"])
                else f"Labelled real pictures without {name} would tell."
            )
        )
    undecided = sum(c["role"] == MIDDLE for c in own)
    if undecided:
        things, look = ("1 thing", "it") if undecided == 1 else (f"{undecided} things", "them")
        return (
            f"Nothing is shown to mislead the score, but it leans on {things} that may be {name} itself or its "
            f"company: without labelled real pictures only you can tell. Look at {look}."
        )
    return "Nothing that travels with it misleads the score."


def left_open(found: Sequence[ConceptFinding]) -> int:
    """Concepts that pass though their score leans on what may be their company."""
    return sum(f.verdict is Verdict.PASS and bool(f.extra["candidates"]) for f in found)


def nothing_shown(found: Sequence[ConceptFinding]) -> str:
    """One sentence where every concept passes."""
    some = left_open(found)
    if not some:
        return "Nothing was found that travels with a concept and would be mistaken for it."
    of = f"{some} of {len(found)} concepts" if len(found) > 1 else "the concept"
    return (
        f"Nothing is shown to mislead a score. What the score of {of} leans on may be the thing itself or its company: "
        "without labelled real pictures only you can tell."
    )


def described(row: Mapping[Any, Any], say: Say) -> str:
    """A companion in the middle of a sentence."""
    if row["kind"] == LABEL:
        return f"the label {say(str(row['name']))}"
    return f"the {row['name']}" if row["kind"] == "look" else f"a {row['name']}"


def fix_sentence(concept: str, first: Mapping[Any, Any], fixed: Sequence[Mapping[Any, Any]], say: Say = leaf) -> str:
    """What to do, with what it was measured to bring."""
    name = f"“{say(concept)}”"
    if first["kind"] == MARK:
        return (
            "Crop or paint the mark away, or collect pictures from where there is none; the pictures of other concepts "
            "must not be told by its absence."
        )
    what = described(first, say)
    collect = (
        f"Add pictures of {name} without {what}, and pictures with {what} but without {name}, "
        "labelled as what they show."
    )
    if not fixed:
        return collect
    f = fixed[0]
    before, after = f"{f['found_before']:.0%}", f"{f['found_after']:.0%}"
    kept = f"with the {f['kept']:,} best of {f['n']:,}"
    if f["helps"]:
        found = f"{after} of its real pictures are still found" if before == after else (
            f"of its real pictures {after} are found, before {before}"
        )  # fmt: skip
        return (
            f"Keep only pictures of which {name} is the focal point. Tried {kept}: real "
            f"pictures wrongly taken for it fall from {f['wrong_before']:.0%} to {f['wrong_after']:.0%}; "
            f"{found}."
        )
    wrong = f"of the real pictures without it {f['wrong_before']:.0%} were taken for it, then {f['wrong_after']:.0%}"
    focal = f"Keeping only those of which {name} is the focal point"
    fewer = f["p_wrong"] <= ALPHA
    if fewer and f["real_with"] < FEWEST_REAL:
        cost = f"only {f['real_with']:,} real pictures of it say what that costs, {FEWEST_REAL} would do"
        return f"{collect} {focal} may help too ({kept}, {wrong}), but {cost}."
    found = f"; of the real pictures of it {before} were found, then {after}" if f["real_with"] else ""
    return f"{collect} {focal} was tried {kept} and does not help: {wrong}{found}."


def p_fewer_wrong(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """One-sided p-value of "no fewer are scored above one half afterwards" (exact McNemar test: the same pictures)."""
    from scipy.stats import binomtest

    mended = int(((before > 0.5) & (after <= 0.5)).sum())
    broken = int(((before <= 0.5) & (after > 0.5)).sum())
    return float(binomtest(mended, mended + broken, 0.5, alternative="greater").pvalue) if mended + broken else 1.0


def confounders(accused: pd.DataFrame) -> list[dict[str, object]]:
    """The contract's list, JSON-ready."""
    out = []
    for c in accused.to_dict("records"):
        real = not np.isnan(c["real_drop"])
        out.append(
            {
                "name": c["name"],
                "kind": c["kind"],
                "lift": float(c["lift"]),
                "low": float(c["low"]),
                "score_drop": float(c["real_drop"] if real else c["score_drop"]),
                "with_it": float(c["with_it"]),
                "without_it": float(c["without_it"]),
                "wrong_with": None if np.isnan(c["wrong_with"]) else float(c["wrong_with"]),
                "evidence": list(c["evidence"]),
            }
        )
    return out


def narrowing_rows(
    dataset: Dataset, read: Read, narrowed: Mapping[int, Narrowing]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What narrowing brings: `concept`, `n`, `kept`, shares `wrong_before`, `wrong_after` of real pictures known not to
    show it that are scored above one half (of `real_without`), `found_before`, `found_after` of real pictures that show
    it (of `real_with`), `p_wrong` (`p_fewer_wrong`, corrected), `helps` (fewer are wrong, hardly any is lost), ids
    `keep` and `leave`, the most focal first; and the scores of these real pictures."""
    ids = dataset.images["image_id"].to_numpy()[read.rows].astype(str)
    n = read.pool.training
    out, scores = [], []
    for k, fixed in narrowed.items():
        shows, without = read.real_member[:, k], known_negatives(read, k)
        order = np.argsort(-fixed.focus, kind="stable")
        positive = read.member[:, k]
        row: dict[str, Any] = {"concept": read.classes[k], "n": int(positive.sum()), "kept": int(fixed.keep.sum())}
        for name, of in (("wrong", without), ("found", shows)):
            row |= {
                f"{name}_before": float((fixed.before[of] > 0.5).mean()) if of.any() else float("nan"),
                f"{name}_after": float((fixed.after[of] > 0.5).mean()) if of.any() else float("nan"),
            }
        row |= {"real_without": int(without.sum()), "real_with": int(shows.sum())}
        row["p_wrong"] = p_fewer_wrong(fixed.before[without], fixed.after[without])
        row["keep"] = [str(i) for i in ids[:n][order[fixed.keep[order]]]]
        row["leave"] = [str(i) for i in ids[:n][order[(positive & ~fixed.keep)[order]]]]
        out.append(row)
        for i in np.flatnonzero(shows | without):
            scores.append(
                {
                    "concept": read.classes[k],
                    "image_id": str(ids[n + i]),
                    "shows": bool(shows[i]),
                    "before": float(fixed.before[i]),
                    "after": float(fixed.after[i]),
                }
            )
    for row, p in zip(out, benjamini_hochberg(np.array([r["p_wrong"] for r in out], dtype=np.float64)), strict=True):
        row["p_wrong"] = float(p)
        kept = row["real_with"] >= FEWEST_REAL and row["found_before"] - row["found_after"] <= LOST + 1e-9
        row["helps"] = bool(p <= ALPHA and kept)
    return pd.DataFrame(out, columns=NARROWING_COLUMNS), pd.DataFrame(scores, columns=SCORE_COLUMNS)


def no_rows() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Empty companions, places, narrowing and scores."""
    columns = (COMPANION_COLUMNS, PLACE_COLUMNS, NARROWING_COLUMNS, SCORE_COLUMNS)
    companions, places, narrowing, scores = (pd.DataFrame(columns=list(c)) for c in columns)
    return companions, places, narrowing, scores
