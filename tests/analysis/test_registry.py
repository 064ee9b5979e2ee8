"""Every check has a unique id, a page in docs, a page in the app and a test file."""

import inspect
import itertools
import sys
from pathlib import Path

import pytest

from analysis.checks.base import Check, Verdict, at_least, worst
from analysis.errors import UsageError
from analysis.registry import CHECKS, checks_by_id

ROOT = Path(__file__).parents[2]


def test_ids_are_unique() -> None:
    ids = [check.id for check in CHECKS]
    assert len(ids) == len(set(ids)) > 0


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_a_check_is_documented_shown_and_tested(check: Check) -> None:
    assert (ROOT / "docs" / "checks" / f"{check.id}.md").is_file()
    assert (ROOT / "tests" / "analysis" / "checks" / f"test_{check.id}.py").is_file()
    assert f'url_path="{check.page}"' in (ROOT / "app.py").read_text(encoding="utf-8")
    assert check.question.endswith("?")
    assert check.function.__doc__


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_a_check_whose_code_reads_the_taxonomy_says_so(check: Check) -> None:
    source = inspect.getsource(sys.modules[check.function.__module__])
    assert check.reads_taxonomy == ("dataset.taxonomy" in source)


def test_an_unknown_id_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no check 'sharpness'; there are: .*balance"):
        checks_by_id(["balance", "sharpness"])
    assert checks_by_id(None) == CHECKS
    assert [c.id for c in checks_by_id(["balance"])] == ["balance"]


def test_cannot_tell_ranks_below_warn_and_above_pass() -> None:
    order = [Verdict.PASS, Verdict.CANNOT_TELL, Verdict.WARN, Verdict.FAIL]
    for lower, higher in itertools.pairwise(order):
        assert worst([higher, lower, lower]) is higher
        assert at_least(higher, lower)
        assert not at_least(lower, higher)
    assert worst([]) is Verdict.UNAVAILABLE
