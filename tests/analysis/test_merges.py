"""Putting concepts together shows whether a concept cast too wide would be noticed."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.errors import Cancelled
from analysis.merges import NOT_TRIED, TRIED, merges_noticed, together
from analysis.parts import space
from analysis.wide import halves


def concepts(apart: float, count: int = 7, each: int = 30, seed: int = 0):
    """Heaps of pictures `apart` times their own width from each other: vectors, memberships, places."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.normal(size=(24, 24)))[0][:count] * apart
    x = np.concatenate([c + rng.normal(scale=1 / np.sqrt(24), size=(each, 24)) for c in centres]) + 3
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    member = np.repeat(np.eye(count, dtype=bool), each, axis=0)
    return space(x, member), [np.flatnonzero(member[:, k]) for k in range(count)]


def power(apart: float, count: int = 7, **more):
    made, places = concepts(apart, count)
    found = {k: halves(made, k, at) for k, at in enumerate(places)}
    return merges_noticed(made, places, found, alpha=0.05, **more)


def test_concepts_that_lie_apart_are_noticed_when_put_together_and_ones_that_do_not_are_not():
    clear, mixed = power(4.0), power(0.0)
    assert clear.tried == mixed.tried == TRIED
    assert clear.share >= 0.8 and mixed.share <= 0.2


def test_fewer_than_four_concepts_leave_nothing_to_try():
    assert power(4.0, count=3) == NOT_TRIED and np.isnan(NOT_TRIED.share)
    assert power(4.0, count=4).tried == 6  # all pairs


def test_two_concepts_put_together_are_one_and_the_space_stays_as_it_was():
    made, _ = concepts(2.0, count=4)
    before = made.member.copy()
    merged = together(made, 1, 3)
    assert merged.member[:, 1].sum() == 60 and not merged.member[:, 3].any()
    assert np.array_equal(made.member, before)
    fresh = space(made.plain.astype(np.float32), np.delete(merged.member, 3, axis=1))
    assert np.allclose(np.trace(merged.scatter[1]), np.trace(fresh.scatter[1]), rtol=1e-4)
    assert np.allclose(merged.means[1], made.plain[merged.member[:, 1]].mean(axis=0))
    assert not merged.scatter[3].any() and np.all(np.isfinite(merged.even(1)))  # an emptied concept counts for nothing


def test_it_is_the_same_twice_and_can_be_stopped():
    assert power(1.0, seed=3) == power(1.0, seed=3)

    def stop():
        raise Cancelled

    with pytest.raises(Cancelled):
        power(4.0, tick=stop)
