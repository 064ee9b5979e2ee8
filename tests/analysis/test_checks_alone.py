"""Every check can be asked for alone: the command line writes the report, whatever the others would have found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import ImageDraw
from support import photo

from analysis import cli
from analysis.registry import CHECKS

TINTS = {"plum": (90, 40, 120), "leek": (60, 140, 90), "tin": (150, 150, 160)}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Three concepts of 24 pictures (a mark on all of one), twelve each from real use, a taxonomy; one cache."""
    root = tmp_path_factory.mktemp("alone")
    for part, count, start in (("training", 24, 0), ("real", 12, 5000)):
        for number, (concept, tint) in enumerate(TINTS.items()):
            folder = root / part / concept
            folder.mkdir(parents=True)
            for i in range(count):
                picture = photo(start + 1000 * number + i, size=(96, 96), tint=tint)
                if concept == "tin":
                    ImageDraw.Draw(picture).rectangle((60, 60, 90, 90), fill=(250, 250, 0), outline="black", width=6)
                picture.save(folder / f"{i}.png")
    entries = [
        {"name": name, "description": f"A {name} on a table.", "include": [f"red {name}s"], "exclude": ["drawings"]}
        for name in TINTS
    ]
    (root / "taxonomy.json").write_text(json.dumps(entries))
    options = ["--real-world", "real", "--taxonomy", "taxonomy.json", "--cache", "cache"]
    return root, options


@pytest.mark.parametrize("check_id", [check.id for check in CHECKS])
def test_a_check_alone_writes_its_report(
    check_id: str,
    given: tuple[Path, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root, options = given
    monkeypatch.chdir(root)
    code = cli.main(["audit", "training", *options, "--checks", check_id, "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert code == 0 and "Traceback" not in said and "defect" not in said, said
    (found,) = json.loads((tmp_path / "out" / "report.json").read_text())["checks"]
    assert found["id"] == check_id and "defect" not in found["reason"]
    regions = tmp_path / "out" / "regions.json"
    assert regions.exists() == (check_id == "focality" and found["verdict"] != "unavailable")


def test_a_table_of_another_check_by_the_name_of_regions_is_not_taken_for_boxes(
    given: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, options = given
    monkeypatch.chdir(root)
    out = tmp_path / "out"
    ids = "co_occurrence,focality"
    assert cli.main(["audit", "training", *options, "--checks", ids, "--out", str(out)]) == 0
    both = json.loads((out / "regions.json").read_text())
    assert cli.main(["audit", "training", *options, "--checks", "co_occurrence", "--out", str(out)]) == 0
    assert not (out / "regions.json").exists()  # of the run before
    assert set(both) >= {"images", "annotations"}
