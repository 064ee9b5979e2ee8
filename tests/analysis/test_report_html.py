"""report.html: one file that opens from disk, loads nothing, shows pictures, and shows names as text."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from analysis.dataset import Dataset, label_frame
from analysis.guide import STATEMENTS
from analysis.report_html import CONCEPTS, WORDS, render, summary, thumbnails_by_id

HOSTILE = "<img src=x onerror=alert(1)> \"quoted\" 'single' {{ 7*7 }} </script><b>&amp; http://example.invalid/x"


def jpeg(colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def concept(name: str, verdict: str = "warn", evidence: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    made = {
        "concept": name,
        "verdict": verdict,
        "score": 0.5,
        "headline": f"{name} is rare.",
        "fix": f"Collect {name}.",
    }
    return {**made, "evidence": list(evidence), **more}


def check(**changes: Any) -> dict[str, Any]:
    made = {
        "id": "made", "guideline": ["G3", "G99"], "title": "Made", "verdict": "warn", "score": 0.25,
        "headline": "Two concepts are rare.", "reason": "", "p_value": 0.01, "seconds": 1.0, "evidence": [], "fix": "",
        "concepts": [],
    }  # fmt: skip
    return {**made, **changes}


def content(*checks: dict[str, Any], name: str = "pictures", **more: Any) -> dict[str, Any]:
    return {
        "dataset": {
            "name": name, "images": 1200, "training": 1000, "real_world": 200, "concepts": 3,
            "unreadable": [{"image_id": f"{name}.jpg", "reason": "It is empty."}],
        },
        "model": {"title": "Bundled", "sees": "Things.", "blind_to": "Words."},
        "seed": 0,
        "checks": list(checks),
        **more,
    }  # fmt: skip


class Page(HTMLParser):
    """Tags with their attributes, and the text a person reads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._hidden = False
        self.feed(page)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data


def test_nothing_is_loaded_from_elsewhere() -> None:
    made = check(concepts=[concept("red", evidence=("a.jpg",))], evidence=["a.jpg"])
    page = render(content(made), {"a.jpg": jpeg()})
    assert not re.search(r"https?:|//[a-z]|@import|url\(", page)
    tags = Page(page).tags
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in tags}
    for tag, attributes in tags:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/jpeg;base64,", "#")), (tag, name, value)
        assert not [name for name in attributes if name.startswith("on")]
    policy = next(a["content"] for t, a in tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'")


def test_hostile_names_are_text_wherever_they_stand() -> None:
    one = concept(HOSTILE, evidence=(HOSTILE, "known.jpg"), headline=HOSTILE, fix=HOSTILE)
    made = check(headline=HOSTILE, fix=HOSTILE, reason=HOSTILE + "!", concepts=[one])
    dismissed = [{"check": "made", "concept": HOSTILE, "reason": HOSTILE, "at": ""}]
    page = render(content(made, name=HOSTILE, dismissed=dismissed), {"known.jpg": jpeg()})
    read = Page(page)
    assert [a.get("src", "") != "x" for t, a in read.tags if t == "img"] == [True]
    assert "b" not in {t for t, _ in read.tags} and not [a for _, a in read.tags if "onerror" in a]
    assert read.text.count("{{ 7*7 }}") >= 8 and "49" not in read.text


def test_pictures_are_inside_the_file_and_a_missing_one_is_named() -> None:
    made = check(concepts=[concept("red", evidence=("a.jpg", "gone.jpg"))])
    page = Page(render(content(made), {"a.jpg": jpeg()}))
    (picture,) = [a for t, a in page.tags if t == "img"]
    assert picture["alt"] == "a.jpg" and picture["src"].startswith("data:image/jpeg;base64,/9j/")  # type: ignore[union-attr]
    assert "gone.jpg" in page.text


def test_the_first_lines_say_it_all() -> None:
    page = Page(render(content(check(), check(id="other", title="Other", verdict="pass", headline="Fine.")), {}))
    assert page.text.index("2 checks: 1 to look at, 1 fine.") < page.text.index("Two concepts are rare.")
    assert "1,200 pictures (1,000 to train on, 200 from real use), 3 concepts" in page.text
    assert {a["href"] for t, a in page.tags if t == "a"} == {"#made", "#other"}
    assert {"made", "other"} <= {a.get("id") for _, a in page.tags}


def test_a_check_shows_statement_answer_what_to_do_and_score() -> None:
    page = Page(render(content(check(fix="Collect more.", score=0.256, reason="Because.")), {})).text
    assert f"G3: {STATEMENTS[2].words}" in page and "G99" not in page
    for words in ("Two concepts are rare.", "What to do. Collect more.", "Because.", "Score 0.26, where 1 is fine."):
        assert words in page


def test_fine_concepts_are_left_out_and_many_are_counted() -> None:
    many = [concept(f"c{i}") for i in range(CONCEPTS + 2)]
    page = Page(render(content(check(concepts=[*many, concept("good", "pass")])), {})).text
    assert "good" not in page and f"c{CONCEPTS - 1} is rare" in page and f"c{CONCEPTS} is rare" not in page
    assert "And 2 more concepts" in page


def test_what_a_person_dismissed_says_so_with_the_reason() -> None:
    made = check(concepts=[concept("red"), concept("blue")])
    dismissed = [
        {"check": "made", "concept": "red", "reason": "Rare in use too", "at": ""},
        {"check": "made", "concept": None, "reason": "", "at": ""},
    ]
    page = Page(render(content(made, dismissed=dismissed), {})).text
    assert "Dismissed by a person: Rare in use too" in page and "Dismissed by a person: no reason given" in page
    assert page.count("Dismissed by a person") == 2


@pytest.mark.parametrize("verdict", WORDS)
def test_every_verdict_has_its_word_and_colour(verdict: str) -> None:
    page = render(content(check(verdict=verdict, score=None)), {})
    assert WORDS[verdict][1] in page and f".{verdict}" in page and "Score" not in Page(page).text


def test_an_audit_without_checks_is_a_page_too() -> None:
    assert "No check was run." in Page(render(content(), {})).text


def test_the_summary_counts_worst_first() -> None:
    assert summary(["pass", "fail", "unavailable", "fail", "cannot_tell", "warn"]) == (
        "6 checks: 2 need work, 1 to look at, 1 cannot be judged, 1 fine, 1 not available."
    )
    assert summary(["fail"]) == "1 check: 1 needs work."


def test_pictures_that_are_no_longer_in_the_dataset_are_left_out() -> None:
    images = pd.DataFrame({"image_id": ["a.jpg"], "path": ["/a"], "origin": ["training"], "split": [None]})
    dataset = Dataset("made", {}, images, label_frame([]), label_frame([]))

    class Pictures:
        def thumbnails(self, rows: list[int]) -> list[bytes | None]:
            assert rows == [0]
            return [jpeg()]

    made = content(check(concepts=[concept("red", evidence=("a.jpg", "gone.jpg"))]))
    assert list(thumbnails_by_id(made, dataset, Pictures())) == ["a.jpg"]  # type: ignore[arg-type]


def test_it_is_written_whole_by_the_audit(tmp_path: Path, small_folder: Path, bundled) -> None:  # type: ignore[no-untyped-def]
    from analysis.opening import open_dataset
    from analysis.registry import CHECKS
    from analysis.report import report, run_checks, write
    from analysis.sources import Source
    from analysis.store import Store

    opened = open_dataset(Source(small_folder), store=Store(tmp_path / "cache"), embedder=bundled)
    outcomes = run_checks(opened.dataset, opened.features, CHECKS)
    made = report(opened.dataset, opened.features.model, outcomes, seed=0)
    write(tmp_path / "out", opened.dataset, made, outcomes, pictures=opened.features.pictures)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>")
    assert all(f'id="{c.id}"' in page for c in CHECKS)
