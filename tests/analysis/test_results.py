"""Kept results: what comes back is what was put in; stale is said; damage and a full disk lose nothing else."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.checks.base import Check, ConceptFinding, Findings, Verdict, option
from analysis.errors import StoreError
from analysis.results import RESULTS_FOLDER, Change, Kept, ResultStore, params_with, plain_params

SOURCE, MODEL = "abc123", "bundled-1"


@dataclass(frozen=True, slots=True)
class MadeParams:
    limit: float = option(0.25, "Limit", help="More.", low=0.0, high=1.0)
    seed: int = 0


def check(version: int = 1) -> Check:
    def find(*_: object) -> None:
        raise AssertionError("not run here")

    return Check("made", ("G3",), "Made", "Is it?", (), "made", find, MadeParams, "How.", version)  # type: ignore[arg-type]


def kept(findings: Findings | None = None, **changes: object) -> Kept:
    found = findings or Findings(Verdict.PASS, 1.0, "All is well.")
    made = Kept("made", found, "pictures-1", MODEL, "Bundled", plain_params(MadeParams()))
    return replace(made, **changes)  # type: ignore[arg-type]


def files(root: Path) -> list[str]:
    return sorted(p.name for p in (root / RESULTS_FOLDER).rglob("*") if p.is_file())


# Names of files need not be valid Unicode: a stray byte arrives as a lone surrogate.
texts = st.text(st.characters(min_codepoint=1), max_size=12)
numbers = st.integers(-(2**50), 2**50) | st.floats(allow_nan=False)
scores = st.none() | st.floats(0, 1)
ids = st.lists(texts, max_size=4).map(tuple)
extras = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.booleans() | numbers | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)
concepts = st.builds(ConceptFinding, texts, st.sampled_from(list(Verdict)), scores, texts, ids, texts, extras)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.integers(0, 5))

    def column(of: st.SearchStrategy[object], dtype: object) -> pd.Series:
        return pd.Series(draw(st.lists(of, min_size=n, max_size=n)), dtype=dtype)  # type: ignore[call-overload, no-any-return]

    columns = {
        "text": column(st.none() | texts, object),
        "whole": column(st.integers(-(2**60), 2**60), np.int64),
        "number": column(st.floats(), np.float64),
        "small": column(st.floats(width=32), np.float32),
        "flag": column(st.booleans(), bool),
        "names": column(st.lists(st.text(max_size=4), max_size=3), object),
        "numbers": column(st.lists(st.floats(allow_nan=False), max_size=3), object),
        "own text": column(st.text(max_size=4), "string"),
    }
    return pd.DataFrame({c: columns[c] for c in draw(st.permutations(list(columns)))[: draw(st.integers(0, 8))]})


found = st.builds(
    Findings, st.sampled_from(list(Verdict)), scores, texts, texts, scores,
    st.lists(concepts, max_size=3).map(tuple), extras, ids, texts,
    st.dictionaries(st.sampled_from(["images", "labels", "pairs", "curve", "a b/ü"]), frames(), max_size=3),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(found)
def test_what_comes_back_from_disk_is_what_was_put_in(
    tmp_path_factory: pytest.TempPathFactory, found: Findings
) -> None:
    root = tmp_path_factory.mktemp("kept")
    put = kept(found, chosen={"limit": 0.5}, seconds=1.25)
    ResultStore(root).put(SOURCE, put)
    back = ResultStore(root).get(SOURCE, "made", MODEL)
    assert back == put
    assert list(back.findings.tables) == list(found.tables)
    for name, table in found.tables.items():
        if len(table.columns):
            pd.testing.assert_frame_equal(back.findings.tables[name], table)


def test_numbers_that_are_none_survive_in_the_extras(tmp_path: Path) -> None:
    extra = {"nan": math.nan, "more": [math.inf, np.float32(0.5), np.int64(3)], "array": np.array([1.5, 2.5])}
    ResultStore(tmp_path).put(SOURCE, kept(Findings(Verdict.PASS, 1.0, "x", extra=extra)))
    back = ResultStore(tmp_path).get(SOURCE, "made", MODEL).findings.extra  # type: ignore[union-attr]
    assert math.isnan(back["nan"]) and back["more"] == [math.inf, 0.5, 3] and back["array"] == [1.5, 2.5]  # type: ignore[arg-type]


def test_every_check_gives_findings_that_can_be_kept(tmp_path: Path, small_folder: Path, bundled) -> None:  # type: ignore[no-untyped-def]
    from analysis.opening import open_dataset
    from analysis.registry import CHECKS
    from analysis.report import run_check
    from analysis.sources import Source
    from analysis.store import Store

    opened = open_dataset(Source(small_folder), store=Store(tmp_path / "cache"), embedder=bundled)
    for one in CHECKS:
        findings = run_check(opened.dataset, opened.features, one, one.default_params()).findings
        put = replace(kept(findings), check=one.id, params=plain_params(one.default_params()))
        ResultStore(tmp_path).put(SOURCE, put)
        back = ResultStore(tmp_path).get(SOURCE, one.id, MODEL)
        assert back is not None and str(back.findings) == str(findings)  # str: nan is not equal to itself
        for name, table in findings.tables.items():
            pd.testing.assert_frame_equal(back.findings.tables[name], table, check_dtype=False)


def test_a_result_is_stale_when_pictures_model_version_or_settings_differ() -> None:
    one = kept()
    assert one.changes(check(), "pictures-1", MODEL) == ()
    assert one.changes(check(), "pictures-2", MODEL) == (Change.PICTURES,)
    assert one.changes(check(), "pictures-1", "other") == (Change.MODEL,)
    assert one.changes(check(2), "pictures-1", MODEL) == (Change.METHOD,)
    assert one.changes(check(2), "pictures-2", "other") == (Change.PICTURES, Change.MODEL, Change.METHOD)
    other_default = replace(one, params={**one.params, "limit": 0.3})
    assert other_default.changes(check(), "pictures-1", MODEL) == (Change.SETTINGS,)


def test_settings_of_a_persons_own_are_not_stale() -> None:
    chosen = {"limit": 0.5}
    own = kept(params=plain_params(params_with(check(), chosen)), chosen=chosen)
    assert own.changes(check(), "pictures-1", MODEL) == ()
    assert params_with(check(), {"limit": 0.5, "gone": 1}) == MadeParams(limit=0.5)


def test_the_model_in_use_comes_first_then_the_latest_of_another(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    assert store.get(SOURCE, "made", MODEL) is None
    for i, model in enumerate(("older", "newer")):
        store.put(SOURCE, kept(model=model, at=kept().at.replace(year=2020 + i)))
    store.put("another", kept(seconds=9.0))
    assert store.get(SOURCE, "made", MODEL).model == "newer"  # type: ignore[union-attr]
    store.put(SOURCE, kept(at=kept().at.replace(year=2001)))
    assert store.get(SOURCE, "made", MODEL).model == MODEL  # type: ignore[union-attr]
    assert store.get(SOURCE, "other_check", MODEL) is None


def test_names_of_datasets_and_models_never_leave_the_folder(tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "cache")
    for source, model in (("../../up", "a/b"), ("..", "."), ("x" * 300, "é")):
        store.put(source, kept(model=model))
        assert ResultStore(tmp_path / "cache").get(source, "made", model) is not None
    assert [p.name for p in tmp_path.iterdir()] == ["cache"]


def test_a_new_result_replaces_the_old_with_its_tables(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    for n in (1, 2):
        table = pd.DataFrame({"n": [n]})
        store.put(SOURCE, kept(Findings(Verdict.PASS, 1.0, "x", tables={"a": table, "b": table})))
    assert len(files(tmp_path)) == 3
    assert store.get(SOURCE, "made", MODEL).findings.tables["b"]["n"].tolist() == [2]  # type: ignore[union-attr]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"check": "made"}', b"\xff\x00", b"null"])
def test_a_damaged_file_is_set_aside_and_counts_as_none(tmp_path: Path, content: bytes) -> None:
    ResultStore(tmp_path).put(SOURCE, kept())
    path = next((tmp_path / RESULTS_FOLDER).rglob("made.json"))
    path.write_bytes(content)
    store = ResultStore(tmp_path)
    assert store.get(SOURCE, "made", MODEL) is None
    assert files(tmp_path) == ["made.json.damaged"]
    store.put(SOURCE, kept())
    assert store.get(SOURCE, "made", MODEL) is not None


@pytest.mark.parametrize("damage", ["gone", "half"])
def test_a_damaged_table_sets_its_result_aside(tmp_path: Path, damage: str) -> None:
    table = pd.DataFrame({"n": range(100)})
    ResultStore(tmp_path).put(SOURCE, kept(Findings(Verdict.PASS, 1.0, "x", tables={"a": table})))
    path = next((tmp_path / RESULTS_FOLDER).rglob("*.parquet"))
    path.unlink() if damage == "gone" else path.write_bytes(path.read_bytes()[:40])
    assert ResultStore(tmp_path).get(SOURCE, "made", MODEL) is None
    assert "made.json.damaged" in files(tmp_path)


def test_a_crash_while_writing_leaves_the_old_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.DataFrame({"n": [1]})
    findings = Findings(Verdict.PASS, 1.0, "old", tables={"a": table})
    ResultStore(tmp_path).put(SOURCE, kept(findings))
    real = os.replace

    def crash(source: object, target: object) -> None:
        if str(target).endswith(".json"):
            raise KeyboardInterrupt
        real(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        ResultStore(tmp_path).put(SOURCE, kept(replace(findings, headline="new", tables={"a": table + 1})))
    monkeypatch.undo()
    back = ResultStore(tmp_path).get(SOURCE, "made", MODEL)
    assert back is not None and back.findings.headline == "old" and back.findings.tables["a"]["n"].tolist() == [1]


def test_what_cannot_be_written_stays_in_memory_and_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ResultStore(tmp_path)

    def full(path: Path, content: bytes) -> None:
        raise StoreError("No space left.")

    monkeypatch.setattr("analysis.results.write_whole", full)
    store.put(SOURCE, kept())
    assert store.get(SOURCE, "made", MODEL) is not None and store.problem == "No space left."
    assert store.get(SOURCE, "made", "another model") is not None
    monkeypatch.undo()
    store.put(SOURCE, kept())
    assert store.problem is None and files(tmp_path) == ["made.json"]


def test_the_oldest_results_go_when_there_are_too_many(tmp_path: Path) -> None:
    big = pd.DataFrame({"n": np.random.default_rng(0).normal(size=4000)})
    store = ResultStore(tmp_path, max_bytes=130_000)  # three of them fit
    for i in range(6):
        store.put(f"source{i}", kept(Findings(Verdict.PASS, 1.0, "x", tables={"a": big})))
        os.utime(next((tmp_path / RESULTS_FOLDER / f"source{i}").rglob("made.json")), (i, i))
        for part in (tmp_path / RESULTS_FOLDER / f"source{i}").rglob("*.parquet"):
            os.utime(part, (i, i))
    fresh = ResultStore(tmp_path)
    there = [i for i in range(6) if fresh.get(f"source{i}", "made", MODEL)]
    assert there == [3, 4, 5]
    assert len(files(tmp_path)) == 6


def test_a_table_that_is_not_plain_is_a_defect_that_is_named(tmp_path: Path) -> None:
    mixed = pd.DataFrame({"a": [1, "x"]}, dtype=object)
    with pytest.raises(ValueError, match="made: table curve is not of plain columns"):
        ResultStore(tmp_path).put(SOURCE, kept(Findings(Verdict.PASS, 1.0, "x", tables={"curve": mixed})))
    assert not (tmp_path / RESULTS_FOLDER).exists()
