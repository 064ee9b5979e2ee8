"""What the pictures say against a taxonomy: names they do not tell apart, and concepts that lie in the wrong branch.

Each function turns what was measured (`analysis.tree_fit`) into problems in words (`analysis.taxonomy_facts.Problem`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.concept_tree import ConceptTree, entry_of
from analysis.names import leaf
from analysis.probe import Targets
from analysis.same_name import Reason, SameName
from analysis.taxonomy_facts import Kind, Problem, Say
from analysis.tree_fit import Agreement, Place, Siblings, agreement, siblings_apart

MIN_CLASSES: Final = 6  # below, random trees of the same sizes are too few for a null
THIRD: Final = 1 / 3  # of a concept's pictures, that one other branch has where the own one is hardly ever next best
RARELY: Final = 0.25  # of what chance gives the own branch: hardly ever
EXPECTED: Final = 2.0  # pictures that chance gives it at least; below, none at all is no wonder


def two_names(
    suspects: Sequence[SameName],
    t: Targets,
    probability: NDArray[np.float64],
    enough: Sequence[int],
    *,
    limit: float,
    say: Say,
) -> list[Problem]:
    """Suspected pairs that the pictures do not acquit. A slip is acquitted by pictures clearly told apart."""
    number = {c: i for i, c in enumerate(t.classes)}
    found = []
    for pair in suspects:
        if pair.reason is Reason.TYPING and pair.first in number and pair.second in number:
            a, b = number[pair.first], number[pair.second]
            if a in enough and b in enough:
                (asked,) = siblings_apart(probability, t.first, [(a, b)], limit=limit)
                if asked.low > limit:
                    continue
        why = {
            Reason.SPELLING: "are spelled differently and mean the same",
            Reason.TYPING: "differ by a slip of the finger only",
            Reason.SYNONYM: "are synonyms by the taxonomy",
        }[pair.reason]
        counted = {n: int(t.member[:, number[n]].sum()) if n in number else 0 for n in (pair.first, pair.second)}
        rare, common = sorted((pair.first, pair.second), key=lambda n: (counted[n], n))
        found.append(
            Problem(
                Kind.SAME_NAME,
                rare,
                (common,),
                f"{say(rare)} and {say(common)} {why}.",
                f"Give the pictures of {say(rare)} the label {say(common)}.",
                0.0,
            )
        )
    return found


def said_already(found: Sequence[Problem], pair: SameName) -> bool:
    """Whether one of the names is unknown to the taxonomy and the other is what it likely means."""
    last = {leaf(pair.first), leaf(pair.second)}
    return any(p.kind is Kind.UNKNOWN_LABEL and {leaf(n) for n in (p.concept, *p.others)} == last for p in found)


def named_twice(found: Sequence[Problem]) -> frozenset[frozenset[str]]:
    """Pairs that are already said to be one thing under two names."""
    return frozenset(frozenset((p.concept, *p.others)) for p in found if p.kind is Kind.SAME_NAME)


def side_by_side(groups: Sequence[str | None]) -> Iterator[tuple[int, int]]:
    """Pairs (a < b) of classes with one parent; those at the top, whose group is empty, are siblings as well."""
    members: dict[str, list[int]] = {}
    for number, group in enumerate(groups):
        if group is not None:
            members.setdefault(group, []).append(number)
    for together in members.values():
        yield from combinations(together, 2)


def not_told_apart(pairs: Sequence[Siblings], classes: Sequence[str], *, alpha: float, say: Say) -> list[Problem]:
    """Siblings significantly below the limit that they were asked against."""
    found = []
    for pair in pairs:
        if pair.p_value > alpha:
            continue
        a, b = classes[pair.a], classes[pair.b]
        found.append(
            Problem(
                Kind.NOT_TOLD_APART,
                a,
                (b,),
                f"{say(a)} and {say(b)} stand side by side, and the pictures do not tell which is which: of 100 "
                f"pairs, {round(100 * (1 - pair.auc))} would be taken the wrong way round (by guessing: 50). "
                "One entry or two?",
                f"Make {say(a)} and {say(b)} one entry, or say in words and pictures what makes them two.",
                max(0.0, min(1.0, 2 * pair.auc - 1)),  # 0: by guessing
                pair.p_value,
            )
        )
    return found


def fit_of(
    probability: NDArray[np.float64],
    t: Targets,
    groups: Sequence[str | None],
    enough: Sequence[int],
    *,
    most: float,
    seed: int,
) -> Agreement | None:
    """Agreement over the classes of a branch with enough images; None with too few, or no two groups of siblings.

    The p-values of its places are those of `_corrected`; `most` is the share of a class's pictures that one other
    branch must have.
    """
    below = {i: g for i in enough if (g := groups[i])}  # the top is no branch to lie in
    kept = np.array(list(below), dtype=np.int64)
    size = Counter(below.values())
    if len(kept) < MIN_CLASSES or sum(s > 1 for s in size.values()) < 2:
        return None
    rows = np.flatnonzero(np.isin(t.first, kept))
    first, among = np.searchsorted(kept, t.first[rows]), probability[np.ix_(rows, kept)]
    found = agreement(among, first, list(below.values()), seed=seed)
    p_values = _corrected(found.places, among, first, list(below.values()), most)
    places = tuple(
        Place(int(kept[p.concept]), p.own, p.other, p.share, q) for p, q in zip(found.places, p_values, strict=True)
    )
    return Agreement(found.own, found.by_chance, found.p_value, places)


def _corrected(
    places: Sequence[Place],
    probability: NDArray[np.float64],
    first: NDArray[np.int64],
    groups: Sequence[str],
    most: float,
) -> list[float]:
    """p-value of each place, one-sided, of "its pictures look at least as much like the own branch as the other".

    A sign test over all its pictures: has the other branch the likelier concept, or the own one? Times the
    number of places (Bonferroni): a concept found makes no other easier to find. One not far enough off counts as 1.
    """
    from scipy.stats import binomtest

    of = np.array(groups)
    p_values = np.ones(len(places))
    for at, place in enumerate(places):
        mine = probability[first == place.concept]
        beside = np.arange(len(of)) != place.concept
        own = (of == of[place.concept]) & beside
        if not _far_off(place, len(mine), own.sum() / beside.sum(), most):
            continue
        other = mine[:, of == place.other].max(axis=1) > mine[:, own].max(axis=1)
        p_values[at] = binomtest(int(other.sum()), len(mine), 0.5, alternative="greater").pvalue
    return [min(1.0, float(p) * len(places)) for p in p_values]


def _far_off(place: Place, pictures: int, by_chance: float, most: float) -> bool:
    """Whether the other branch has most of the pictures; or a third, and the own one hardly any of those that its
    share `by_chance` of all other concepts would give it."""
    hardly = by_chance * pictures >= EXPECTED and place.own <= RARELY * by_chance
    return place.share >= most or (place.share >= THIRD and hardly)


def out_of_place(
    fit: Agreement, classes: Sequence[str], groups: Sequence[str | None], *, alpha: float, say: Say
) -> list[Problem]:
    """Concepts whose pictures go to one other branch; the tree itself where it follows no looks."""
    if fit.p_value > alpha:
        least = min(fit.places, key=lambda p: (p.own, classes[p.concept]))  # said of the one that shows it most plainly
        return [
            Problem(
                Kind.AGAINST_LOOKS,
                classes[least.concept],
                (),
                f"The tree does not follow looks: {round(100 * fit.own)} of 100 pictures look most like a sibling, "
                f"{round(100 * fit.by_chance)} would in a tree drawn at random; of {say(classes[least.concept])} "
                f"{round(100 * least.own)}.",
                "If the concepts are meant to be grouped by looks, group them anew; otherwise dismiss this.",
                max(0.0, min(1.0, fit.own)),
                fit.p_value,
            )
        ]
    return [
        Problem(
            Kind.LIKE_COUSINS,
            classes[p.concept],
            (p.other,),
            f"{say(classes[p.concept])} looks more like what is under {say(p.other)} ({round(100 * p.share)} of 100 "
            f"pictures) than like its siblings under {say(groups[p.concept] or '')} ({round(100 * p.own)}).",
            f"See whether {say(classes[p.concept])} belongs under {say(p.other)}.",
            max(0.5, 1 - p.share / 2),  # a thing to look at: after what is wrong by the book
            p.p_value,
        )
        for p in fit.places
        if p.p_value <= alpha
    ]


def group_of(concept: str, tree: ConceptTree) -> str | None:
    """The first parent of the entry a concept means; empty at the top, None for a concept that is no entry."""
    name = entry_of(concept, tree)
    if name is None:
        return None
    parents = tree.parents(name)
    return parents[0] if parents else ""
