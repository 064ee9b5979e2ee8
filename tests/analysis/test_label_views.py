"""Views of labelled pictures: the closed forms equal the long way, and no view hears the label it judges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.label_views import Kernels, _dual, _primal, neighbour_views, spaces


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 3.0))
def test_a_left_out_prediction_equals_the_refit_without_that_picture(seed, ridge):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(14, 5)).astype(np.float32)
    target, weight = rng.normal(size=(14, 2)), rng.uniform(0.2, 1, size=14)
    kernel = x @ x.T
    both = _dual(kernel, target, ridge / weight), _primal(x, target, ridge / weight)
    full = kernel.astype(np.float64) + 1.0
    for i in range(14):
        rest = np.delete(np.arange(14), i)
        a = full[np.ix_(rest, rest)] + np.diag(ridge / weight[rest])
        truth = full[i, rest] @ np.linalg.solve(a, target[rest])
        for got in both:
            assert got[i] == pytest.approx(truth, abs=2e-3)


def test_no_view_hears_the_picture_s_own_label():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = (rng.normal(size=(3, 16))[y] + 0.9 * rng.normal(size=(60, 16))).astype(np.float32)
    other = y.copy()
    other[7] = (y[7] + 1) % 3
    forms, weight = spaces(x), np.ones(60)
    kernels = Kernels(forms, 0)
    for a, b in zip(
        [*kernels.views(np.eye(3)[y], weight), *neighbour_views(forms, np.eye(3, dtype=bool)[y], weight)],
        [*kernels.views(np.eye(3)[other], weight), *neighbour_views(forms, np.eye(3, dtype=bool)[other], weight)],
        strict=True,
    ):
        assert a[7] == pytest.approx(b[7], abs=2e-3)
