"""Views of labelled pictures: scores of each class for each picture that never saw the picture's own label.

Rows are labelled pictures, columns are classes. Leave-one-out predictions of kernel ridge regression on the class
indicators have a closed form (Rasmussen and Williams 2006, section 5.4.2): two Gaussian kernels and a linear one.
Beside them, the distance to the nearest pictures of each class, the few nearest and some more, and the vote of the
nearest pictures. scipy loads when a function runs, not on import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.progress import no_tick

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

EXACT_UP_TO: Final = 3000  # pictures; beyond, kernels are approximated from LANDMARKS (Nyström)
LANDMARKS: Final = 1500
RIDGE: Final = {"angle": 0.3, "root": 0.3, "line": 1.0}  # of kernels with 1 on the diagonal: the usual middle
NEAREST: Final = (3, 10)  # of each class: the few most alike, and a neighbourhood
VOTERS: Final = 10
VOTE_SPREAD: Final = 0.1  # cosine; a voter this much less alike weighs 1/e
ROWS_AT_ONCE: Final = 512


def unit(x: Float32 | Float64) -> Float32:
    """Rows of length 1 (a zero row stays zero)."""
    out: Float32 = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return out


def spaces(image: Float32) -> dict[str, Float32]:
    """The vectors in two forms, centred, L2-normalised: as they are, and with the square root of each number.

    The root brings down the few large activations (Hellinger: Arandjelović and Zisserman 2012).
    """
    x = np.asarray(image, dtype=np.float32)
    rooted = unit(np.sign(x) * np.sqrt(np.abs(x)))
    return {"angle": unit(x - x.mean(axis=0)), "root": unit(rooted - rooted.mean(axis=0))}


class Kernels:
    """Leave-one-out ridge regression in the kernels; what does not depend on labels is computed once."""

    def __init__(self, forms: dict[str, Float32], seed: int) -> None:
        n = len(next(iter(forms.values())))
        self._exact = n <= EXACT_UP_TO
        rng = np.random.default_rng(seed)
        marks = np.arange(n) if self._exact else np.sort(rng.permutation(n)[:LANDMARKS])
        self._parts: dict[str, Float64 | Float32] = {}
        for name, x in forms.items():
            d = np.maximum(2 - 2 * (x @ x[marks].T), 0)
            width = float(np.median(d[: min(n, 2000)])) or 1.0
            self._parts[name] = self._prepared(np.exp(-d / width), marks)
        x = forms["angle"]
        line = x @ x[marks].T
        self._parts["line"] = self._prepared(line, marks)

    def _prepared(self, kernel: Float32, marks: Int64) -> Float64 | Float32:
        if self._exact:
            return kernel
        from scipy.linalg import cholesky, solve_triangular

        small = kernel[marks].astype(np.float64)
        small[np.diag_indices(len(small))] += 1e-4
        root = cholesky(small, lower=True)
        out: Float32 = solve_triangular(root, kernel.T.astype(np.float64), lower=True).T.astype(np.float32)
        return out

    def views(self, target: Float64, weight: Float64, tick: Callable[[], None] = no_tick) -> list[Float64]:
        """Predictions float64 (n, k) of each kernel for `target` (n, k), each picture left out in turn."""
        make = _dual if self._exact else _primal
        out = []
        for name, ridge in RIDGE.items():
            tick()
            out.append(make(self._parts[name], target, ridge / np.maximum(weight, 1e-3)))
        return out


def _dual(kernel: Any, target: Float64, ridge: Float64) -> Float64:
    from scipy.linalg import blas, lapack

    # The constant is part of the kernel: it stands for a mean that is fitted too. Single precision is enough: the
    # ridge keeps the condition number below about 1e5.
    a = np.array(kernel.T, dtype=np.float32, order="F")
    a += 1.0
    a[np.diag_indices(len(a))] += ridge.astype(np.float32)
    factor, _ = lapack.spotrf(a, lower=1, overwrite_a=1)
    inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    diagonal = np.diag(inverse).copy()
    solved = blas.ssymm(1.0, inverse, np.asfortranarray(target, dtype=np.float32), lower=1)
    out: Float64 = target - solved.astype(np.float64) / diagonal[:, None]
    return out


def _primal(phi: Any, target: Float64, ridge: Float64) -> Float64:
    from scipy.linalg import cho_factor, cho_solve

    x = np.concatenate([np.asarray(phi), np.ones((len(phi), 1), dtype=np.float32)], axis=1)
    w = (1.0 / ridge).astype(np.float32)
    a = (x.T @ (x * w[:, None])).astype(np.float64)
    a[np.diag_indices(len(a))] += 1.0
    factor = cho_factor(a, lower=True)
    beta = cho_solve(factor, (x.T @ (target * w[:, None]).astype(np.float32)).astype(np.float64))
    inverse = cho_solve(factor, np.eye(len(a))).astype(np.float32)
    leverage = np.einsum("ij,ij->i", x @ inverse, x) * w
    fitted = x @ beta
    out: Float64 = target - (target - fitted) / np.maximum(1.0 - leverage, 1e-3)[:, None]
    return out


def neighbour_views(
    forms: dict[str, Float32], member: Bool, weight: Float64, tick: Callable[[], None] = no_tick
) -> list[Float64]:
    """Closeness to each class and votes, own label unseen: float64 (n, k) each.

    Labels of weight under one half are left out of the distances (unless that leaves a class empty) and vote
    with their weight.
    """
    n, k = member.shape
    plan = [("angle", NEAREST[0]), ("angle", NEAREST[1]), ("root", NEAREST[0])]
    close = [np.full((n, k), -np.sqrt(2.0)) for _ in plan]
    votes = np.zeros((n, k))
    trusted = member & (weight > 0.5)[:, None]
    pools = [np.flatnonzero(trusted[:, c] if trusted[:, c].sum() > 1 else member[:, c]) for c in range(k)]
    for start in range(0, n, ROWS_AT_ONCE):
        tick()
        stop = min(n, start + ROWS_AT_ONCE)
        rows, own = np.arange(stop - start), np.arange(start, stop)
        for form in ("angle", "root"):
            alike = forms[form][start:stop] @ forms[form].T
            alike[rows, own] = -9.0
            for c, pool in enumerate(pools):
                top = _largest(alike[:, pool], max(NEAREST))
                for view, (of, count) in zip(close, plan, strict=True):
                    if of == form:
                        view[start:stop, c] = _closeness(top, count)
            if form == "root":
                votes[start:stop] = _votes(alike, member, weight)
    return [*close, np.log(votes + 0.02)]


def _largest(values: Float32, count: int) -> Float32:
    if values.shape[1] > count:
        values = -np.partition(-values, count - 1, axis=1)[:, :count]
    return -np.sort(-values, axis=1)


def _closeness(top: Float32, count: int) -> Float64:
    """Minus the mean distance to the `count` most alike; the picture itself (marked -9) does not count."""
    part = top[:, :count].astype(np.float64)
    real = part > -8.0
    distance = np.sqrt(np.maximum(0.0, 2.0 - 2.0 * part))
    total = np.where(real, distance, 0.0).sum(axis=1)
    out: Float64 = -np.where(real.any(axis=1), total / np.maximum(real.sum(axis=1), 1), np.sqrt(2.0))
    return out


def _votes(alike: Float32, member: Bool, weight: Float64) -> Float64:
    count = min(VOTERS, alike.shape[1] - 1)
    chosen = np.argpartition(-alike, count - 1, axis=1)[:, :count]
    near = np.take_along_axis(alike, chosen, axis=1).astype(np.float64)
    strength = np.exp((near - near.max(axis=1, keepdims=True)) / VOTE_SPREAD) * np.maximum(weight[chosen], 0.02)
    votes = np.einsum("ij,ijk->ik", strength, member[chosen].astype(np.float64))
    out: Float64 = votes / np.maximum(strength.sum(axis=1, keepdims=True), 1e-9)
    return out


def standardised(views: list[Float64]) -> Float64:
    """Views side by side, (n, k, m): each picture's mean taken off, unit spread."""
    centred = [v - v.mean(axis=1, keepdims=True) for v in views]
    return np.stack([v / max(float(v.std()), 1e-9) for v in centred], axis=2)
