"""Figures: points lead back to rows, origins differ by more than colour, names are text."""

import math

import numpy as np
import pandas as pd
import pytest

from analysis.attributes import ATTRIBUTES
from analysis.compare import attribute_differences
from components import theme
from components.figures import balance_bars, bars_sentence, bin_edges, distributions, log_ticks


@pytest.fixture(params=[False, True], ids=["light", "dark"], autouse=True)
def ground(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(theme, "is_dark", lambda: request.param)
    return bool(request.param)


def counts(n: int = 3, real_world: bool = True) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "concept": [f"Fruit/c{i}" for i in range(n)],
            "training": [10 * (n - i) for i in range(n)],
            "real_world": [i if real_world else 0 for i in range(n)],
        }
    )


def test_each_bar_leads_back_to_its_row_and_origin() -> None:
    fig = balance_bars(counts())
    assert [list(p) for p in fig.data[0].customdata] == [[0, "training", 30], [1, "training", 20], [2, "training", 10]]
    assert [list(p) for p in fig.data[1].customdata] == [
        [0, "real_world", 0],
        [1, "real_world", 1],
        [2, "real_world", 2],
    ]
    assert list(fig.data[0].x) == [30, 20, 10]
    assert fig.layout.yaxis.range[0] > fig.layout.yaxis.range[1]  # the first row on top


def test_origins_differ_by_pattern_and_are_named() -> None:
    fig = balance_bars(counts())
    assert fig.data[0].marker.pattern.shape != fig.data[1].marker.pattern.shape
    assert [t.name for t in fig.data] == ["Training", "Real world"]
    assert fig.layout.showlegend


def test_without_real_world_there_is_one_series() -> None:
    fig = balance_bars(counts(real_world=False))
    assert [t.name for t in fig.data] == ["Training"]


def test_shares_are_of_each_origin() -> None:
    fig = balance_bars(counts(), shares=True)
    assert sum(fig.data[0].x) == pytest.approx(1)
    assert sum(fig.data[1].x) == pytest.approx(1)


def test_bars_of_many_concepts_are_thin_and_of_none_are_no_error() -> None:
    few, many = (balance_bars(counts(n)).layout.height / n for n in (20, 81))
    assert many < 0.85 * few
    assert balance_bars(counts(0)).layout.height > 0
    assert bars_sentence(counts(0)) == "No concepts."


def test_names_are_text_not_markup() -> None:
    table = counts(1).assign(concept=["a/<b onmouseover=x>evil</b>"])
    fig = balance_bars(table)
    assert "<" not in fig.layout.yaxis.ticktext[0]


def test_the_hover_text_is_text_too() -> None:
    fig = balance_bars(counts(1).assign(concept=["<b>x</b>"]))
    assert "<" not in fig.data[0].hovertext[0]


def test_colours_are_explicit_and_the_ground_is_clear() -> None:
    layout = balance_bars(counts()).layout
    assert layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert layout.font.color == theme.ink()


def test_distributions_show_both_origins_in_every_panel() -> None:
    rng = np.random.default_rng(0)
    names = ["brightness", "sharpness", "noise", "entropy"]
    images = pd.DataFrame({n: rng.gamma(2.0, size=60) for n in names})
    differences = attribute_differences(images, np.arange(30), np.arange(30, 60), [ATTRIBUTES[n] for n in names])
    values = {n: {"training": images[n].to_numpy()[:30], "real_world": images[n].to_numpy()[30:]} for n in names}
    fig = distributions(differences, values)
    assert len(fig.data) == 8
    for trace in fig.data:
        assert sum(trace.y) == pytest.approx(1)
    assert {t.line.dash for t in fig.data if t.name == "Real world"} == {"dash"}
    assert sum(bool(t.showlegend) for t in fig.data) == 2


def test_distributions_of_few_or_equal_values_are_no_error() -> None:
    images = pd.DataFrame({"brightness": [0.5] * 12})
    differences = attribute_differences(images, np.arange(6), np.arange(6, 12), [ATTRIBUTES["brightness"]])
    values = {"brightness": {"training": np.full(6, 0.5), "real_world": np.full(6, 0.5)}}
    assert len(distributions(differences, values).data) == 2
    assert not distributions(differences, {"brightness": {"training": np.empty(0), "real_world": np.empty(0)}}).data


def test_one_odd_value_does_not_squeeze_the_rest() -> None:
    edges = bin_edges(np.concatenate([np.linspace(0, 1, 999), [1000.0]]))
    assert edges[-1] < 1.1
    assert (np.diff(bin_edges(np.full(5, 2.0))) > 0).all()


@pytest.mark.parametrize(("low", "high"), [(-3.0, -1.5), (3.2, 3.8), (0.0, 6.0), (-4.0, 4.0)])
def test_log_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 1 <= len(ticks) <= 5
    assert all(low <= t <= high for t in ticks)
    for tick in ticks:
        leading = 10 ** (tick - math.floor(tick + 1e-9))
        assert leading == pytest.approx(round(leading * 2) / 2)
