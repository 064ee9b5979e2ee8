"""The files of the contract: keys, columns, one row a label, the same on every run."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.checks.base import Check, ConceptFinding, Findings, Unavailable, Verdict
from analysis.dataset import Dataset, Unreadable, label_frame
from analysis.embedders.base import ModelInfo, l2_normalised
from analysis.errors import InputError, UsageError
from analysis.features import Features
from analysis.own_vectors import with_own_vectors
from analysis.progress import Progress
from analysis.registry import CHECKS
from analysis.report import images_table, jsonable, labels_table, report, run_checks, write

MODEL = ModelInfo("fake", "fake-1", "Fake", "Sees all.", "Blind to none.", 4, 4, 8, True)


def dataset() -> Dataset:
    images = pd.DataFrame(
        {
            "image_id": ["a.jpg", "b.jpg", "real_world:c.jpg"],
            "path": ["/x/a.jpg", "/x/b.jpg", "/y/c.jpg"],
            "origin": ["training", "training", "real_world"],
            "split": [None, None, None],
            "width": [4, 5, 6],
            "height": [4, 5, 6],
            "brightness": [0.5, float("nan"), 0.25],
            "camera": ["x", 3, None],
        }
    )
    labels = label_frame([(0, "Fruit/Apple"), (0, "red"), (1, "red"), (2, "red")])
    return Dataset(
        "made",
        {"training": Path("/x"), "real_world": Path("/y")},
        images,
        labels,
        label_frame([]),
        metadata=("camera",),
        unreadable=(Unreadable("bad.jpg", "It is empty."),),
        ignored=2,
    )


def features(n: int = 3) -> Features:
    vectors = l2_normalised(np.random.default_rng(0).normal(size=(n, 4)))
    return Features(MODEL, vectors, vectors.copy())


@dataclass(frozen=True, slots=True)
class MadeParams:
    seed: int = 0


def check(findings: Findings | Unavailable) -> Check:
    class Made:
        def findings(self) -> Findings:
            return findings if isinstance(findings, Findings) else findings.findings()

    def find(data: Dataset, features: Features, params: MadeParams, *, progress: Progress) -> Made:
        return Made()

    return Check("made", ("G3",), "Made", "Is it?", (), "made", find, MadeParams, "How.")


def content(*findings: Findings | Unavailable) -> dict[str, object]:
    data = dataset()
    return report(data, MODEL, run_checks(data, features(), [check(f) for f in findings]), seed=7)


def test_the_report_has_the_keys_of_the_contract() -> None:
    out = content(
        Findings(
            Verdict.WARN,
            0.25,
            "One.",
            p_value=0.01,
            concepts=(ConceptFinding("red", Verdict.WARN, 0.25, "Rare.", ("a.jpg",), "Collect.", {"n": np.int64(2)}),),
            extra={"ratio": math.inf},
        )
    )
    assert out["schema_version"] == 1
    assert out["seed"] == 7
    assert out["dataset"] == {
        "name": "made",
        "images": 3,
        "training": 2,
        "real_world": 1,
        "unlabelled": 0,
        "concepts": 2,
        "ignored_files": 2,
        "fingerprint": dataset().fingerprint,
        "roots": {"training": "/x", "real_world": "/y"},
        "unreadable": [{"image_id": "bad.jpg", "reason": "It is empty."}],
    }
    assert out["model"]["name"] == "fake"  # type: ignore[index]
    (one,) = out["checks"]  # type: ignore[misc]
    assert one.pop("seconds") >= 0
    assert one == {
        "id": "made",
        "guideline": ["G3"],
        "title": "Made",
        "verdict": "warn",
        "score": 0.25,
        "headline": "One.",
        "reason": "",
        "p_value": 0.01,
        "evidence": ["a.jpg"],
        "fix": "",
        "ratio": None,
        "concepts": [
            {
                "concept": "red",
                "verdict": "warn",
                "score": 0.25,
                "headline": "Rare.",
                "evidence": ["a.jpg"],
                "fix": "Collect.",
                "n": 2,
            }
        ],
    }


def test_a_missing_input_is_unavailable_with_its_reason() -> None:
    (one,) = content(Unavailable("No real-world pictures."))["checks"]  # type: ignore[misc]
    assert (one["verdict"], one["score"], one["reason"]) == ("unavailable", None, "No real-world pictures.")


def test_a_check_calculates_on_one_thread_so_that_its_last_digits_do_not_hang_on_the_machine() -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    seen = []

    def find(data: Dataset, features: Features, params: MadeParams, *, progress: Progress) -> Unavailable:
        seen.extend(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")
        raise InputError("enough")

    watched = replace(check(Unavailable("")), function=find)
    with threadpool_limits(limits=2):
        (out,) = run_checks(dataset(), features(), [watched])
    assert out.findings.verdict is Verdict.UNAVAILABLE
    assert seen and set(seen) == {1}


def test_images_have_attributes_but_no_paths_and_no_columns_of_ones_own() -> None:
    table = images_table(dataset())
    assert table.columns.tolist() == ["image_id", "origin", "split", "width", "height", "brightness"]


def test_labels_are_one_row_each_real_world_included() -> None:
    table = labels_table(dataset())
    assert [tuple(r) for r in table.itertuples(index=False)] == [
        ("a.jpg", "Fruit/Apple"),
        ("a.jpg", "red"),
        ("b.jpg", "red"),
        ("real_world:c.jpg", "red"),
    ]


def test_files_are_readable_and_identical_on_every_run(tmp_path: Path) -> None:
    data = dataset()
    for name in ("one", "two"):
        outcomes = [replace(o, seconds=0.0) for o in run_checks(data, features(), CHECKS)]
        write(tmp_path / name, data, report(data, MODEL, outcomes, seed=0))
    first, second = (sorted((tmp_path / name).iterdir()) for name in ("one", "two"))
    names = ["images.parquet", "labels.parquet", "report.html", "report.json"]
    assert [p.name for p in first] == names
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert len(pd.read_parquet(first[0])) == 3
    assert [c["id"] for c in json.loads(first[3].read_text())["checks"]] == [c.id for c in CHECKS]


def test_a_failed_write_leaves_the_old_file_and_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = dataset()
    write(tmp_path, data, report(data, MODEL, [], seed=0))
    before = (tmp_path / "labels.parquet").read_bytes()

    def full(self: pd.DataFrame, path: Path, **_: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(UsageError, match="No space left"):
        write(tmp_path, data, report(data, MODEL, [], seed=0))
    assert (tmp_path / "labels.parquet").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "images.parquet",
        "labels.parquet",
        "report.html",
        "report.json",
    ]


def test_an_out_that_is_a_file_is_said_in_one_line(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("x")
    with pytest.raises(UsageError, match="cannot be written"):
        write(taken, dataset(), report(dataset(), MODEL, [], seed=0))


def test_odd_names_survive(tmp_path: Path) -> None:
    named = replace(dataset(), name="caf\u00e9 \udcff <b>")
    write(tmp_path, named, report(named, MODEL, [], seed=0))
    assert json.loads((tmp_path / "report.json").read_bytes())["dataset"]["name"] == "café \udcff <b>"
    assert "Audit of café \\udcff &lt;b&gt;" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_only_what_json_can_hold_goes_in() -> None:
    assert jsonable({"a": [np.float32(0.5), np.nan, (1, True, None)]}) == {"a": [0.5, None, [1, True, None]]}
    with pytest.raises(TypeError, match="Path"):
        jsonable({"a": Path("/x")})


def own(path: Path, ids: list[str], vectors: list[list[float]]) -> Path:
    pd.DataFrame({"image_id": ids, "embedding": vectors}).to_parquet(path)
    return path


def test_own_vectors_replace_the_models_in_any_order(tmp_path: Path) -> None:
    ids = ["real_world:c.jpg", "a.jpg", "unknown", "b.jpg"]
    path = own(tmp_path / "v.parquet", ids, [[0.0, 2.0], [3.0, 0.0], [1.0, 1.0], [3.0, 4.0]])
    mine = with_own_vectors(features(), dataset(), path)
    np.testing.assert_allclose(mine.image, [[1, 0], [0.6, 0.8], [0, 1]], rtol=1e-6)
    assert mine.model.feature_dim == 2
    assert mine.model.key != MODEL.key
    np.testing.assert_array_equal(mine.joint, features().joint)


@pytest.mark.parametrize(
    ("ids", "vectors", "message"),
    [
        (["a.jpg", "b.jpg"], [[1.0], [1.0]], "no vector for 1 of 3 images, first 'real_world:c.jpg'"),
        (["a.jpg", "a.jpg"], [[1.0], [1.0]], "repeated"),
        (["a.jpg", "b.jpg", "real_world:c.jpg"], [[1.0], [1.0, 2.0], [1.0]], "one length"),
        (["a.jpg", "b.jpg", "real_world:c.jpg"], [[1.0], [0.0], [1.0]], "'b.jpg' is zero or not finite"),
        (["a.jpg", "b.jpg", "real_world:c.jpg"], [[1.0], [math.nan], [1.0]], "'b.jpg' is zero or not finite"),
    ],
)
def test_unusable_own_vectors_are_refused(
    tmp_path: Path, ids: list[str], vectors: list[list[float]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        with_own_vectors(features(), dataset(), own(tmp_path / "v.parquet", ids, vectors))


def test_a_file_that_holds_no_vectors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.parquet").write_text("no")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        with_own_vectors(features(), dataset(), tmp_path / "v.parquet")
    pd.DataFrame({"image_id": ["a.jpg"]}).to_parquet(tmp_path / "w.parquet")
    with pytest.raises(InputError, match="lacks embedding"):
        with_own_vectors(features(), dataset(), tmp_path / "w.parquet")
