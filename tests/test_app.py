"""The app as a whole: its table of contents, cold links, and what it imports."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from app_support import APP, declared_pages, new_session, words

from analysis.registry import CHECKS

ROOT = APP.parent
HEAVY = ("sklearn", "scipy", "torch", "open_clip", "onnxruntime", "lancedb", "pacmap", "cv2", "transformers")


def test_every_page_is_declared_once_and_lies_one_level_down():
    on_disk = {p.relative_to(ROOT).as_posix() for p in ROOT.glob("pages/**/*.py") if p.name != "__init__.py"}
    assert set(declared_pages()) == on_disk
    assert all(path.count("/") == 2 for path in on_disk)


def test_addresses_are_flat_and_unique():
    pages = declared_pages()
    slugs = [k["url_path"] for k in pages.values() if not k.get("default")]
    assert len(set(slugs)) == len(slugs) == len(pages) - 1
    assert all(re.fullmatch("[a-z0-9_-]+", slug) for slug in slugs)


def test_the_checks_stand_in_the_order_of_the_registry():
    audit = [str(k["url_path"]) for page, k in declared_pages().items() if page.startswith("pages/audit/")]
    assert [slug for slug in audit if slug in {c.page for c in CHECKS}] == [c.page for c in CHECKS if c.id != "balance"]


@pytest.mark.parametrize("page", sorted(declared_pages()))
def test_a_cold_link_to_any_page_shows_the_frame_and_no_error(page):
    at = new_session(page).run()
    assert not at.exception
    assert "Training Data Explorer" in words(at)
    assert len(at.sidebar.get("page_link")) == len(declared_pages())
    if not page.endswith("start.py"):
        assert "No dataset is open yet" in words(at)


@pytest.mark.parametrize("page", sorted(p for p in declared_pages() if not p.endswith("start.py")))
def test_a_link_to_an_unknown_dataset_says_so(page):
    at = new_session(page, dataset="<b>nothing</b>").run()
    assert not at.exception and "not known here" in words(at) and "<b>nothing" not in words(at)


def test_links_in_the_sidebar_carry_the_dataset(small_folder, monkeypatch):
    monkeypatch.setenv("EXPLORER_DATASET", str(small_folder))
    at = new_session("pages/explore/gallery.py").run()
    queries = {link.proto.query_string for link in at.sidebar.get("page_link")}
    assert len(queries) == 1 and queries.pop().startswith("dataset=")


def test_heavy_libraries_are_not_imported_before_they_are_needed():
    names = [p.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for p in ROOT.glob("components/*.py")]
    code = f"import sys\nfor name in {names}: __import__(name)\nprint([m for m in {HEAVY} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip().splitlines()[-1] == "[]"


def test_pages_are_compiled_as_written_and_not_taken_apart():
    """Two sessions at a time: on Python 3.11 `ast.parse` in threads ends now and then in a SystemError."""
    from streamlit import config

    assert config.get_option("runner.magicEnabled") is False
