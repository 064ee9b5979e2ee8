"""What a taxonomy says of a concept itself, and what only of things beside it, or denies."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.declared_values import words_of
from analysis.said_values import said_of
from analysis.subject_values import COLOURS
from analysis.taxonomy import Entry

APPLE = Entry("Fruit/Apple", synonyms=("pome fruit",))


def values(text: str, entry: Entry = APPLE) -> list[str]:
    return [value for _, value in said_of(entry, text)]


@pytest.mark.parametrize(("text", "expected"), [
    ("red apples", ["red"]),
    ("Red Apple", ["red"]),
    ("apples that are red", ["red"]),
    ("apples which can be red or green", ["red", "green"]),
    ("red, yellow or green", ["red", "yellow", "green"]),
    ("Red, yellow, and sometimes green.", ["red", "yellow", "green"]),
    ("gray", ["grey"]),
    ("Red ones", ["red"]),
    ("green ones with a leaf", ["green"]),
    ("red or green apples", ["red", "green"]),
    ("red/green apple", ["red", "green"]),
    ("a red pome fruit", ["red"]),
    ("photos of red apples", ["red"]),
    ("a ripe red apple on a white table", ["red"]),
    ("red apples in a blue plastic bag", ["red"]),
    ("apples, red or green", ["red", "green"]),
    ("An apple (red or green)", ["red", "green"]),
    ("apples come in red and green", ["red", "green"]),
    ("red apples, green apples and yellow apples", ["red", "green", "yellow"]),
    ("red apples; apples in a green bag", ["red"]),
    ("orange-coloured apples", ["orange"]),
    ("varieties that are red", ["red"]),
    ("lying on its side", ["flat"]),
    ("red apples lying on their side", ["red", "flat"]),
    ("apples lying flat on a table", ["flat"]),
    ("apples standing upright", ["upright"]),
    ("upright apples", ["upright"]),
])  # fmt: skip
def test_what_is_said_of_the_concept_counts(text, expected):
    assert values(text) == expected


@pytest.mark.parametrize("text", [
    "", "   ", "apples", "apples in a blue plastic bag", "apples without black spots", "no red apples", "not red",
    "never blue or black", "apples except red ones", "red apples aren't meant", "anything but red apples",
    "non-red apples", "neither red nor green", "apples free of brown spots", "red apples are excluded",
    "red apple juice", "red apple tree", "red apple and pear juice", "red bags of apples", "bags of red apples",
    "slices of red apple", "apples on a red table", "apples that are on a red plate", "apples in red and green bags",
    "apples in red light", "apples beside a red car", "apples with green leaves", "a green leaf", "white background",
    "on a white table", "a white table with apples", "red apples and green leaves", "black and white photos of apples",
    "black and white", "dark red apples", "reddish apples", "red-skinned apples", "unripe apples", "red if ripe",
    "apples that are red inside", "red kinds of leaves", "apples lying on a table", "apples standing on a shelf",
    "flat apples", "upright bottles beside apples", "apples in a bag lying on its side", "a red apple-shaped lamp",
    "pears that are red", "red pears", "red apples in no case",
    "red apples for anything but juice", "Äpfel in einer orange Tüte", "§ red §", "red " * 200,
])  # fmt: skip
def test_what_is_said_of_other_things_or_denied_or_unclear_does_not(text):
    assert values(text) == []


@pytest.mark.parametrize(("entry", "text", "expected"), [
    (Entry("Orange"), "A round orange citrus fruit", []),
    (Entry("Orange"), "green or yellow oranges", ["green", "yellow"]),
    (Entry("Red Delicious"), "Red Delicious apples", []),
    (Entry("Granny-Smith"), "yellow granny smiths", ["yellow"]),
    (Entry("Wine"), "white wine", []),  # a kind, and yellow
    (Entry("Leaf"), "red leaves", ["red"]),
    (Entry("Cherry"), "black cherries", ["black"]),
    (Entry("bag of bananas"), "blue bags", ["blue"]),
    (Entry("bag of bananas"), "green bananas", []),
    (Entry("beer_glass"), "a green glass", ["green"]),
    (Entry("???"), "red ones", ["red"]),
])  # fmt: skip
def test_the_concepts_own_names_and_head_nouns_are_known(entry, text, expected):
    assert values(text, entry) == expected


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(COLOURS),
    st.sampled_from(["bag", "table", "leaf", "plate", "wall", "car", "tray", "spot"]),
    st.sampled_from(["in a {} {}", "on {} {}s", "with a {} {}", "beside the {} {}", "without {} {}s", "under {} {}s"]),
)
def test_no_phrase_after_the_name_gives_a_colour(colour, thing, phrase):
    after = phrase.format(colour, thing)
    assert values(f"apples {after}") == []
    own = values(f"green apples {after}")
    assert own == ([] if "without" in phrase else ["green"])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["no", "not", "never", "without", "except", "unlike", "neither"]),
    st.lists(st.sampled_from(COLOURS), min_size=1, max_size=4, unique=True),
    st.sampled_from(["{deny} {colours} apples", "apples, {deny} {colours}", "apples that are {deny} {colours}",
                     "{colours} apples {deny} any spots", "{deny} {colours}"]),
)  # fmt: skip
def test_nothing_is_taken_from_a_clause_that_denies(deny, colours, form):
    assert values(form.format(deny=deny, colours=" or ".join(colours))) == []


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_any_text_can_be_read(text, name, synonym):
    entry = Entry(name, text, synonyms=(synonym,), include=(text,))
    assert all(kind in ("colour", "posture") for kind, _ in said_of(entry, text))
    words_of(entry)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(COLOURS), min_size=2, max_size=5, unique=True))
def test_enumerations_are_read_whole(colours):
    for joined in (", ".join(colours), " or ".join(colours), ", ".join(colours[:-1]) + " and " + colours[-1]):
        assert values(f"{joined} apples") == colours
        assert values(f"apples are {joined}") == colours
        assert values(f"apples, {joined}") == colours
