"""Drive the app without a browser."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

APP = Path(__file__).resolve().parents[1] / "app.py"
OVERVIEW = "pages/explore/overview.py"


def new_session(page: str | None = None, **query: str) -> AppTest:
    """A session at the start page, or at another page, as after typing its address; not run yet."""
    at = AppTest.from_file(str(APP), default_timeout=60)
    for name, value in query.items():
        at.query_params[name] = value
    if page is not None:
        # `switch_page` knows an address that differs from the file's name only after a first run, and a cold
        # link has none before it.
        at._page_hash = calc_hash(address_of(page))
    return at


def declared_pages() -> dict[str, dict[str, object]]:
    """Keyword arguments of each `st.Page` in app.py, by the path of its file."""
    calls = [n for n in ast.walk(ast.parse(APP.read_text())) if isinstance(n, ast.Call)]
    pages = [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "Page"]
    return {c.args[0].value: {k.arg: k.value.value for k in c.keywords} for c in pages}


def address_of(page: str) -> str:
    """The `url_path` app.py gives to a page; empty for the start page."""
    return str(declared_pages()[page].get("url_path", ""))


def run_until(at: AppTest, there: Callable[[AppTest], bool], seconds: float = 120) -> AppTest:
    """Run again and again, as the polling fragment does in a browser, until `there` holds."""
    end = time.monotonic() + seconds
    while True:
        at.run()
        assert not at.exception, at.exception[0].value
        if there(at):
            return at
        assert time.monotonic() < end, f"still waiting; on the page: {words(at)}"
        time.sleep(0.1)


def has_title(at: AppTest) -> bool:
    """Whether the page shows its header, so its dataset is open."""
    return bool(at.title)


def has_answer(at: AppTest) -> bool:
    """Whether the page of a check shows a result."""
    return "tde-verdict" in words(at)


def words(at: AppTest) -> str:
    """All text on the page: markdown, captions, headings, raw HTML, errors."""
    elements = [*at.title, *at.subheader, *at.markdown, *at.caption, *at.error, *at.warning]
    texts = [str(e.value) for e in elements]
    texts += [e.proto.body for e in at.get("html")]
    return "\n".join(texts)


def press(at: AppTest, label: str) -> AppTest:
    """Press the button of that label and run; one that is not there yet is waited for."""
    if all(b.label != label for b in at.button):
        run_until(at, lambda at: any(b.label == label for b in at.button))
    return next(b for b in at.button if b.label == label).click().run()
