"""One thread: the libraries that calculate are held while a check runs, and have their threads back after."""

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from analysis.threads import one_thread


def threads():
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] in ("blas", "openmp")}


@pytest.fixture
def two_threads():
    import scipy.linalg  # noqa: F401
    import sklearn  # noqa: F401

    with threadpool_limits(limits=2):
        yield


def test_libraries_run_on_one_thread_and_get_theirs_back(two_threads):
    assert threads() == {2}
    with one_thread():
        assert threads() == {1}
    assert threads() == {2}


def test_they_get_theirs_back_after_an_error(two_threads):
    with pytest.raises(ValueError, match="broken"), one_thread():
        raise ValueError("broken")
    assert threads() == {2}
