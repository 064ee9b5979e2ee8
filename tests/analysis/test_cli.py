"""The command line: exit codes, one line for each mistake, progress, Ctrl-C."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis import cli
from analysis.embedders.base import Embedder
from analysis.embedders.bundled import BundledEmbedder
from analysis.errors import Cancelled
from analysis.pictures import StoredPictures
from analysis.registry import CHECKS
from analysis.store import Store

REPOSITORY = Path(__file__).parents[2]


def run(*arguments: str | Path) -> int:
    return cli.main([str(a) for a in arguments])


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The only line of stderr that is no progress; nothing on stdout."""
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert err.splitlines()[-1] == lines[0]
    return lines[0]


def test_checks_lists_the_registry_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("checks") == 0
    (balance,) = [c for c in json.loads(capsys.readouterr().out) if c["id"] == "balance"]
    assert balance == {
        "id": "balance",
        "guideline": [],
        "title": "Class balance",
        "question": "Does every concept have its share of the training pictures?",
        "needs": ["labels"],
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "required"),
        (["paint"], "invalid choice"),
        (["audit"], "required"),
        (["audit", "x"], "--out"),
        (["audit", "x", "--out", "o", "--checks", "balance,magic"], "no check 'magic'"),
        (["audit", "x", "--out", "o", "--checks", ","], "check ids"),
        (["audit", "x", "--out", "o", "--seed", "-1"], "whole number"),
        (["audit", "x", "--out", "o", "--seed", "one"], "whole number"),
        (["audit", "x", "--out", "o", "--deep", "yes"], "invalid choice"),
        (["audit", "x", "--out", "o", "--fail-on", "cannot_tell"], "invalid choice"),
        (["audit", "x", "--out", "o", "--colour", "red"], "unrecognized"),
        (["audit", "", "--out", "o"], "empty"),
        (["audit", "nowhere", "--out", "o"], "nowhere"),
        (["audit", ".", "--out", "o", "--real-world", "nowhere"], "nowhere"),
        (["audit", "x", "--out", "o", "--taxonomy", "none.yaml"], "none.yaml"),
        (["audit", "x", "--out", "o", "--embeddings", "none.parquet"], "none.parquet"),
        (["audit", ".", "--out", "o", "--model", "crystal ball"], "crystal ball"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    assert says in error_line(capsys)


def test_an_out_that_is_a_file_is_said_before_any_work(
    small_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("x")
    assert run("audit", small_folder, "--out", tmp_path / "taken") == 2
    assert "--out" in error_line(capsys)


def test_names_cannot_write_control_characters() -> None:
    assert cli.one_line("a\x1b[31mb\nc\u202ed") == "a [31mb c d"


def test_an_audit_of_every_check_writes_every_file(
    small_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (small_folder / "Leek" / "broken.jpg").write_bytes(b"no picture")
    (small_folder / "notes.txt").write_text("x")
    real = tmp_path / "real"
    (real / "Leek").mkdir(parents=True)
    Image.new("RGB", (40, 30), "green").save(real / "Leek" / "r.png")
    out = tmp_path / "out"
    taxonomy = tmp_path / "t.json"
    taxonomy.write_text('[{"name": "Leek", "description": "A leek"}]')
    options = ("--real-world", real, "--taxonomy", taxonomy, "--deep", "on", "--seed", "3", "--cache", tmp_path / "c")
    assert run("audit", small_folder, *options, "--out", out) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["seed"] == 3
    assert report["deep"] == "on"
    assert report["dataset"]["images"] == 16
    assert report["dataset"]["real_world"] == 1
    assert [u["image_id"] for u in report["dataset"]["unreadable"]] == ["Leek/broken.jpg"]
    assert [c["id"] for c in report["checks"]] == [c.id for c in CHECKS]
    found = {c["id"]: c for c in report["checks"]}
    assert found["balance"]["verdict"] == "cannot_tell"
    assert "15 training pictures" in found["balance"]["reason"]
    assert all(c["reason"] for c in report["checks"] if c["verdict"] in ("cannot_tell", "unavailable"))
    for check_id in ("image_quality", "uniqueness", "consistency"):
        assert {f"{check_id}_score", f"{check_id}_flag"} <= set(pd.read_parquet(out / "images.parquet"))
    assert {"label_errors_score", "label_errors_flag", "suggested_concept"} <= set(
        pd.read_parquet(out / "labels.parquet")
    )
    assert {"image_a", "image_b", "kind", "score", "across"} == set(pd.read_parquet(out / "pairs.parquet"))
    assert "Audit of" in (out / "report.html").read_text(encoding="utf-8")
    images, labels = (pd.read_parquet(out / f"{name}.parquet") for name in ("images", "labels"))
    assert len(images) == len(labels) == 16
    assert set(report["dataset"]["roots"]) == {"training", "real_world"}
    for image_id in images["image_id"]:
        origin = "real_world" if image_id.startswith("real_world:") else "training"
        assert (Path(report["dataset"]["roots"][origin]) / image_id.removeprefix("real_world:")).is_file()
    printed = capsys.readouterr()
    assert "balance: cannot_tell - " in printed.out
    assert "\r" not in printed.err  # no bar where stderr is no terminal

    # Again, with vectors of one's own: nothing is computed anew (but what some checks ask of altered pictures).
    vectors = tmp_path / "v.parquet"
    pd.DataFrame({"image_id": images["image_id"], "embedding": [[1.0, float(i)] for i in range(16)]}).to_parquet(
        vectors
    )
    again = tmp_path / "again"
    encode = BundledEmbedder.encode_images
    monkeypatch.setattr(
        StoredPictures,
        "_encode",
        lambda self, pictures: encode(
            self.embedder, np.stack([self.embedder.preprocess(Image.fromarray(p)) for p in pictures])
        ),
    )
    monkeypatch.setattr(BundledEmbedder, "encode_images", lambda *_: pytest.fail("an image was computed again"))
    assert run("audit", small_folder, *options, "--embeddings", vectors, "--out", again) == 0
    assert pd.read_parquet(again / "labels.parquet")["image_id"].tolist() == labels["image_id"].tolist()
    assert "+own-" in json.loads((again / "report.json").read_text())["model"]["key"]


@pytest.fixture
def uneven_folder(tmp_path: Path, make_photo: Callable[..., Image.Image]) -> Path:
    root = tmp_path / "uneven"
    for number, (name, n) in enumerate({"a": 20, "b": 20, "rare": 6}.items()):
        (root / name).mkdir(parents=True)
        for i in range(n):
            make_photo(1000 * number + i, size=(32, 24)).save(root / name / f"{i}.png")
    return root


@pytest.mark.parametrize(("fail_on", "code"), [("never", 0), ("fail", 0), ("warn", 1)])
def test_fail_on_decides_the_exit_code(uneven_folder: Path, tmp_path: Path, fail_on: str, code: int) -> None:
    options = ("--checks", "balance", "--fail-on", fail_on)
    assert run("audit", uneven_folder, *options, "--out", tmp_path / "out") == code
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["checks"][0]["verdict"] == "warn"
    assert report["checks"][0]["concepts"][0]["concept"] == "rare"


@pytest.mark.parametrize(("fail_on", "code"), [("never", 0), ("fail", 1)])
def test_a_check_that_a_defect_stops_is_unavailable_and_the_others_are_written(
    uneven_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    fail_on: str, code: int,
) -> None:  # fmt: skip
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("float division by zero")

    checks = tuple(replace(c, function=broken) if c.id == "leakage" else c for c in CHECKS)
    monkeypatch.setattr("analysis.registry.CHECKS", checks)
    options = ("--checks", "balance,leakage,image_quality", "--fail-on", fail_on)
    assert run("audit", uneven_folder, *options, "--out", tmp_path / "out") == code
    found = {c["id"]: c for c in json.loads((tmp_path / "out" / "report.json").read_text())["checks"]}
    assert found["balance"]["verdict"] == "warn" and found["image_quality"]["score"] is not None
    assert found["leakage"]["verdict"] == "unavailable" and "test_cli.py" in found["leakage"]["reason"]
    err = capsys.readouterr().err
    assert "leakage: ZeroDivisionError" in err and "Traceback" not in err


def test_an_empty_real_world_folder_is_said(
    uneven_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nothing").mkdir()
    assert run("audit", uneven_folder, "--real-world", tmp_path / "nothing", "--out", tmp_path / "out") == 2
    assert "nothing: no readable image" in error_line(capsys)


def test_no_readable_image_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "x.jpg").write_bytes(b"")
    assert run("audit", tmp_path / "in", "--out", tmp_path / "out") == 2
    line = error_line(capsys)
    assert "no readable image" in line and "a/x.jpg" in line


def test_missing_vectors_are_one_line(small_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vectors = tmp_path / "v.parquet"
    pd.DataFrame({"image_id": ["Leek/0.jpg"], "embedding": [[1.0]]}).to_parquet(vectors)
    assert run("audit", small_folder, "--embeddings", vectors, "--out", tmp_path / "out") == 2
    assert "no vector for 14 of 15 images" in error_line(capsys)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal_only() -> None:
    for stream, bar in ((io.StringIO(), False), (Terminal(), True)):
        with cli.ProgressLine(stream) as progress:
            for done in range(101):
                progress(done, 100, "Reading pictures")
        text = stream.getvalue()
        assert ("\r" in text) is bar
        assert "Reading pictures" in text
        assert text.count("\n") <= 2


def test_ctrl_c_raises_at_the_next_step() -> None:
    interrupted = threading.Event()
    progress = cli.ProgressLine(io.StringIO(), interrupted)
    progress(1, 2, "x")
    interrupted.set()
    with pytest.raises(Cancelled):
        progress(2, 2, "x")


def test_ctrl_c_stops_cleanly_and_keeps_what_was_finished(
    tmp_path: Path, own_cache: Path, make_photo: Callable[..., Image.Image], bundled: Embedder
) -> None:
    root = tmp_path / "many" / "a"
    root.mkdir(parents=True)
    for i in range(300):
        make_photo(i, size=(64, 48)).save(root / f"{i}.jpg")
    command = [sys.executable, "-m", "analysis", "audit", str(root.parent), "--checks", "balance"]
    command += ["--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ.copy()
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("Reading pictures"):
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("Stopped.")
    assert not (tmp_path / "out" / "report.json").exists()
    kept = len(Store(own_cache).known(bundled.info))
    assert 0 < kept < 300
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, env=os.environ.copy(), timeout=300)
    assert done.returncode == 0, done.stderr
    assert len(Store(own_cache).known(bundled.info)) == 300
