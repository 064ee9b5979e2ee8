"""Scope page: shares of training and real use side by side, and the pictures of what is missing."""

from __future__ import annotations

import json

import numpy as np
from app_support import has_title, new_session, run_until, words
from PIL import Image, ImageDraw


def _fruit(rng: np.random.Generator, tone: tuple[int, int, int]) -> Image.Image:
    picture = Image.new("RGB", (64, 64), tuple(int(v) for v in rng.integers(165, 185, 3)))
    x, y = rng.integers(28, 36, 2)
    ImageDraw.Draw(picture).ellipse([x - 18, y - 18, x + 18, y + 18], fill=tone)
    return picture


def test_shares_are_drawn_and_the_missing_colour_is_shown(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for origin, tones in (("training", [(70, 150, 45)]), ("kitchen", [(70, 150, 45), (190, 30, 35)])):
        folder = tmp_path / origin / "ap_ple"
        folder.mkdir(parents=True)
        for i in range(16):
            _fruit(rng, tones[i % len(tones)]).save(folder / f"{i}.png")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(tmp_path / "training"))
    monkeypatch.setenv("EXPLORER_REAL_WORLD", str(tmp_path / "kitchen"))
    page = run_until(new_session("pages/audit/scope.py"), lambda at: has_title(at) and bool(at.get("plotly_chart")))
    assert not page.exception
    data = json.loads(page.get("plotly_chart")[0].proto.spec)["data"]
    training, real = (t for t in data if t["type"] == "bar")
    assert (training["name"], real["name"]) == ("Training", "Real world")
    assert "0 of 16" in training["text"] and "8 of 16" in real["text"]
    assert "Red: 0 of 16 in training, 8 of 16 in real use" in words(page)
    assert "What training shows instead" in words(page)
