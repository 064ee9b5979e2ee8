"""What a concept is called in a sentence: its last part, and as much of its path as tells it from the others."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.names import leaf, short_names

PATHS = st.lists(st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=4).map("/".join), unique=True)


@given(PATHS)
def test_distinct_names_stay_distinct_and_a_last_part_of_its_own_is_enough(names: list[str]) -> None:
    short, ends = short_names(names), Counter(map(leaf, names))
    assert len({short(n) for n in names}) == len(names)
    for name in names:
        assert f"/{name}".endswith(f"/{short(name)}")
        assert ends[leaf(name)] > 1 or short(name) == leaf(name)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["Coke/can", "Pepsi/can", "shelf/jar"], ["Coke/can", "Pepsi/can", "jar"]),
        (["shop/Coke/can", "shop/Pepsi/can"], ["Coke/can", "Pepsi/can"]),
        (["can", "Coke/can"], ["can", "Coke/can"]),
        (["Coke/can", "Coke/can"], ["can", "can"]),
    ],
)
def test_as_much_of_the_path_as_tells_it_from_the_others(names: list[str], said: list[str]) -> None:
    assert [short_names(names)(n) for n in names] == said


def test_names_that_mean_the_same_need_not_be_told_apart_and_a_name_from_elsewhere_is() -> None:
    short = short_names(["Fruit/apple", "apple", "Toys/ball"], {"apple": "Fruit/apple"})
    assert short("apple") == short("Fruit/apple") == "apple"
    assert short("Sports/ball") == "Sports/ball" and short("Sports/net") == "net"
