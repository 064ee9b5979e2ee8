"""Nothing is undocumented: each check has its page of docs, its page in the app and its tests; README is current."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.registry import CHECKS

REPOSITORY = Path(__file__).resolve().parents[1]


def test_the_table_of_checks_in_the_readme_is_what_the_registry_says() -> None:
    done = subprocess.run([sys.executable, "docs/make_tables.py", "--check"], cwd=REPOSITORY, check=False)
    assert done.returncode == 0, "run: python docs/make_tables.py"


def test_check_ids_are_unique() -> None:
    ids = [check.id for check in CHECKS]
    assert len(ids) == len(set(ids)) > 0


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_each_check_has_docs_a_page_and_tests(check) -> None:  # type: ignore[no-untyped-def]
    assert (REPOSITORY / "docs" / "checks" / f"{check.id}.md").is_file()
    assert (REPOSITORY / "tests" / "analysis" / "checks" / f"test_{check.id}.py").is_file()
    assert f'url_path="{check.page}"' in (REPOSITORY / "app.py").read_text(encoding="utf-8")


def test_links_in_the_documents_lead_somewhere() -> None:
    broken = []
    for document in [
        *REPOSITORY.glob("*.md"),
        *(REPOSITORY / "docs").rglob("*.md"),
        *(REPOSITORY / "sample_data").glob("*.md"),
    ]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            if not (document.parent / target).exists():
                broken.append(f"{document.relative_to(REPOSITORY)} -> {target}")
    assert not broken


def test_no_file_names_a_registry_host_or_a_path_of_one_machine() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split()
    # Written in two parts, or this file would find itself.
    forbidden = [
        "files.python" + "hosted",
        "pypi." + "org",
        "registry." + "npmjs",
        "deb." + "debian.org",
        "/wo" + "rk/",
    ]
    found = []
    for name in tracked:
        path = REPOSITORY / name
        if path.suffix in (".jpg", ".png", ".woff2", ".ico") or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{name}: {word}" for word in forbidden if word in text]
    assert not found


def test_committed_pictures_stay_small() -> None:
    total = sum(p.stat().st_size for p in (REPOSITORY / "sample_data").rglob("*.jpg"))
    assert total < 15_000_000


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_each_check_has_a_row_on_the_page_about_verdicts(check) -> None:  # type: ignore[no-untyped-def]
    rows = (REPOSITORY / "docs" / "verdicts.md").read_text(encoding="utf-8").partition("## The checks")[2]
    row = [line for line in rows.splitlines() if re.match(rf"\| \[?{check.id}\b", line)]
    assert len(row) == 1
    assert all(len(cell.strip()) > 5 for cell in row[0].strip("|").split("|")[1:])
