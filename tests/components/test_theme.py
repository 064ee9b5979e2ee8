"""The theme: one set of colours in the app and its settings, readable in light and dark, nothing from outside."""

from __future__ import annotations

import tomllib
from pathlib import Path

import plotly.graph_objects as go
import pytest

from components.theme import DARK, LIGHT, OTHER_COLOUR, PALETTE, colour_of, figure_layout

ROOT = Path(__file__).resolve().parents[2]
CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("text", ["ink", "muted", "link"])
@pytest.mark.parametrize("ground", ["paper", "raised"])
def test_text_is_readable_on_every_ground(theme, text, ground):
    assert contrast(theme[text], theme[ground]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_white_is_readable_on_primary_buttons(theme):
    assert contrast("#FFFFFF", theme["primary"]) >= 4.5


@pytest.mark.parametrize(("name", "theme"), [("light", LIGHT), ("dark", DARK)])
def test_settings_and_charts_use_the_same_colours(name, theme):
    settings = CONFIG["theme"][name]
    assert settings["backgroundColor"] == theme["paper"]
    assert settings["secondaryBackgroundColor"] == theme["raised"]
    assert settings["textColor"] == theme["ink"]
    assert settings["primaryColor"] == theme["primary"]
    assert settings["linkColor"] == theme["link"]
    assert settings["borderColor"] == theme["line"]


@pytest.mark.parametrize("name", ["light", "dark"])
def test_sidebar_text_is_readable(name):
    assert contrast(CONFIG["theme"][name]["textColor"], CONFIG["theme"][name]["sidebar"]["backgroundColor"]) >= 7


def test_native_charts_take_the_first_ten_colours_of_the_palette():
    assert CONFIG["theme"]["chartCategoricalColors"] == list(PALETTE[:10])


def test_fonts_are_local_small_and_licensed():
    faces = CONFIG["theme"]["fontFaces"]
    files = [ROOT / "static" / face["url"].removeprefix("app/static/") for face in faces]
    assert {face["family"] for face in faces} == {"Inter", "Manrope"}
    assert sum(f.stat().st_size for f in files) < 100_000
    for family in ("inter", "manrope"):
        assert "SIL OPEN FONT LICENSE" in (ROOT / "static" / f"{family}-OFL.txt").read_text()


def test_the_app_stays_on_this_machine():
    assert CONFIG["server"]["address"] == "127.0.0.1"
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert "http" not in (ROOT / ".streamlit" / "config.toml").read_text()


def test_concepts_beyond_the_palette_share_one_grey():
    colours = colour_of([f"c{i}" for i in range(15)])
    assert len({colours[f"c{i}"] for i in range(12)}) == 12
    assert {colours[f"c{i}"] for i in range(12, 15)} == {OTHER_COLOUR}


def test_figures_get_explicit_colours_and_no_template():
    figure = figure_layout(go.Figure(go.Bar(x=["a"], y=[1])))
    assert not figure.layout.template.layout.to_plotly_json()
    assert figure.layout.font.color in (LIGHT["ink"], DARK["ink"])
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
