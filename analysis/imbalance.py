"""What unequal counts cost: how often a concept is recognised as it stands, and with the imbalance weighed out.

A probe that saw one concept ten times as often as another answers with the first when in doubt. Dividing its
probabilities by how common each concept was in its training pictures takes that preference away and nothing else
(Saerens et al. 2002, doi:10.1162/089976602753284446; logit adjustment, Menon et al. 2021, arXiv:2007.07314): the
probe learned from the same few pictures. The difference of the two recalls is what the imbalance costs; what remains
below the other concepts is too few pictures, or a concept hard to tell. Both come from the same cross-validation,
so the comparison costs one probe. scikit-learn and scipy load when a function runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.probe import fit_predict, stratified_folds
from analysis.progress import Progress, no_progress

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cost:
    """Recall of each class in cross-validation; arrays of length k, nan where a class has no picture.

    Attributes:
        n: int64, pictures of the class that took part.
        recall: share of them recognised, in [0, 1]. low, high: its 95 % interval (Wilson 1927).
        even: the same with the imbalance weighed out.
        others: share of the pictures of all other classes recognised as it stands.
        p_value: of "weighing the imbalance out changes nothing" against "it finds more of the class": exact sign
            test over the pictures that only one of the two recognises (McNemar 1947), one-sided.
    """

    n: NDArray[np.int64]
    recall: Float64
    low: Float64
    high: Float64
    even: Float64
    others: Float64
    p_value: Float64


def cost_of_imbalance(
    x: NDArray[np.floating],
    member: NDArray[np.bool_],
    *,
    folds: int = 5,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Cost:
    """Recall of each class as it stands and with the imbalance weighed out.

    Args:
        x: (m, f), L2-normalised vectors.
        member: bool (m, k), the classes of each picture, at least one each, k at least 2.
        folds: number of parts, each held out once.
        seed: of the shuffling.
        progress: called before each part.
    """
    plain, even = np.zeros(member.shape), np.zeros(member.shape)
    parts = stratified_folds(member.argmax(axis=1), folds, seed)
    single = bool((member.sum(axis=1) == 1).all())
    steps = len(parts) * (1 if single else member.shape[1])
    for i, (train, held) in enumerate(parts):
        if single:
            progress(i, steps, "recognising each concept")
            p = fit_predict(x[train], member[train].argmax(axis=1), x[held], member.shape[1])
            plain[held], even[held] = p, weighed_out(p, member[train].mean(axis=0))
            continue
        for k in range(member.shape[1]):
            progress(i * member.shape[1] + k, steps, "recognising each concept")
            p = fit_predict(x[train], member[train, k].astype(np.int64), x[held], 2)
            share = float(member[train, k].mean())
            plain[held, k] = p[:, 1]
            even[held, k] = weighed_out(p, np.array([1 - share, share]))[:, 1]
    progress(steps, steps, "recognising each concept")
    return compare(recognised(plain, member), recognised(even, member), member)


def weighed_out(probabilities: Float64, shares: Float64) -> Float64:
    """Probabilities (m, k) as they would be were all classes equally common; `shares` (k,) is how common they were."""
    odds = np.divide(probabilities, shares, out=np.zeros_like(probabilities), where=shares > 0)
    total = odds.sum(axis=1, keepdims=True)
    out: Float64 = np.divide(odds, total, out=np.zeros_like(odds), where=total > 0)
    return out


def recognised(scores: Float64, member: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Bool (m, k): which of a picture's own classes are among its best-scored, as many as it has classes.

    With one class a picture that is "the best-scored class is the right one". Of equal scores the earlier class is
    the better one; a score of 0 recognises nothing.
    """
    place = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1, kind="stable")
    out: NDArray[np.bool_] = member & (place < member.sum(axis=1, keepdims=True)) & (scores > 0)
    return out


def compare(plain: NDArray[np.bool_], even: NDArray[np.bool_], member: NDArray[np.bool_]) -> Cost:
    """`Cost` from what was recognised (bool (m, k), within `member`) as it stands and weighed out."""
    from scipy.stats import binom

    n, hit = member.sum(axis=0).astype(np.int64), plain.sum(axis=0)
    low, high = wilson(hit, n)
    gained, lost = (even & ~plain).sum(axis=0), (plain & ~even).sum(axis=0)
    rest = n.sum() - n
    return Cost(
        n=n,
        recall=_share(hit, n),
        low=low,
        high=high,
        even=_share(even.sum(axis=0), n),
        others=_share(hit.sum() - hit, rest),
        p_value=np.where(gained + lost > 0, binom.sf(gained - 1, np.maximum(1, gained + lost), 0.5), 1.0),
    )


def wilson(hits: NDArray[np.integer], n: NDArray[np.integer], z: float = 1.959964) -> tuple[Float64, Float64]:
    """Interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953), 95 % by default; nan where n is 0."""
    count = np.where(n > 0, n, np.nan)
    p = hits / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    low, high = np.clip(middle - half, 0, p), np.clip(middle + half, p, 1)  # rounding must not cross the share
    return low, high


def _share(hits: NDArray[np.integer], n: NDArray[np.integer]) -> Float64:
    out: Float64 = np.divide(hits, n, out=np.full(len(n), np.nan), where=n > 0)
    return out
