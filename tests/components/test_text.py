"""Names from files are shown as they are, and numbers as a person would say them."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.text import count, duration, enumerate_words, file_size, md, percent, plain, short_concepts

_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


@given(st.text())
def test_escaped_text_reads_as_the_text_itself(text):
    shown = _ESCAPED.sub(r"\1", md(text)).replace("\u2060", "")
    assert shown == plain(text)


@given(st.text())
def test_no_punctuation_is_left_unescaped(text):
    rest = _ESCAPED.sub("", md(text))
    assert not re.search(r"[!-/:-@\[-`{-~]", rest)


@given(st.text())
def test_escaped_text_stays_on_one_line(text):
    assert len(md(text).splitlines()) <= 1


@pytest.mark.parametrize("code", [":smile:", ":material/home:", ":red[x]", ":streamlit:", ":blue-background[x]"])
def test_no_icon_or_colour_code_survives(code):
    shown = _ESCAPED.sub(r"\1", md(f"a {code} b"))
    assert not re.search(r":[\w+-]", shown)


def test_markup_in_names_is_defused():
    assert md("<b>*x*</b>") == r"\<b\>\*x\*\<\/b\>"
    assert md("[a](http://b)").startswith(r"\[a\]\(http")
    assert html.unescape("&lt;") == "<" and md("&lt;") == r"\&lt\;"


def test_counts_shares_and_sizes_in_words():
    assert count(1, "image") == "1 image" and count(2640, "image") == "2,640 images"
    assert count(0, "entry", "entries") == "0 entries"
    assert percent(0.5) == "50%" and percent(0.004) == "under 1%" and percent(0.999) == "over 99%"
    assert percent(0) == "0%" and percent(1) == "100%" and percent(float("nan")) == "–"
    assert file_size(812) == "812 bytes" and file_size(2_100_000) == "2.1 MB"
    assert enumerate_words(["a", "b", "c"]) == "a, b and c" and enumerate_words([]) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "a moment"),
        (7.2, "7 seconds"),
        (21, "20 seconds"),
        (70, "a minute"),
        (200, "3 minutes"),
        (7300, "2 hours"),
    ],
)
def test_durations_are_rounded(seconds, words):
    assert duration(seconds) == words


def test_short_names_stay_distinct():
    names = short_concepts(["Fruit/Apple/Red", "Vegetables/Pepper/Red", "Fruit/Pear"])
    assert names == {
        "Fruit/Apple/Red": "Apple/Red",
        "Vegetables/Pepper/Red": "Pepper/Red",
        "Fruit/Pear": "Pear",
    }


@given(st.lists(st.from_regex(r"[ab](/[ab]){0,3}", fullmatch=True), unique=True))
def test_short_names_are_as_many_as_concepts(concepts):
    names = short_concepts(concepts)
    assert len(set(names.values())) == len(concepts)
    assert all(c == n or c.endswith("/" + n) for c, n in names.items())
