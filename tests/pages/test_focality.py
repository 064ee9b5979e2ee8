"""Subject or side matter page: heat over the pictures, regions to accept or drop, and what was said is kept."""

from __future__ import annotations

import csv
import json

import numpy as np
from app_support import has_title, new_session, press, run_until, words
from focal_support import scene
from PIL import Image

COLOURS = ("red", "green", "blue")


def manifest(root):
    """Eight pictures of each of three colours; each has its box."""
    root.mkdir()
    rng = np.random.default_rng(0)
    box = json.dumps([{"concept": "red", "x": 0.25, "y": 0.25, "width": 0.5, "height": 0.5}])
    with (root / "list.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "concepts", "boxes"])
        for number, colour in enumerate(COLOURS * 8):
            name = f"{number}.png"
            Image.fromarray(scene(rng, colour, 0.5)).save(root / name)
            writer.writerow([name, colour, box.replace('"red"', f'"{colour}"')])
    return root / "list.csv"


def test_heat_is_drawn_and_what_is_said_of_a_region_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(manifest(tmp_path / "training")))
    page = run_until(new_session("pages/audit/focality.py"), has_title)
    page = run_until(page, lambda at: "Regions for a detector" in words(at))
    text = words(page)
    assert "Where the concept is" in text and text.count("Heat of") >= 6
    assert "what is bright is a guess" in text and "looks like anything else" not in text
    assert "24 boxes came with the dataset" in text and "24 not looked at" in text
    press(page, "Drop")
    press(page, "Accept")
    assert "1 accepted, 1 dropped, 22 not looked at" in words(page)
    press(page, "Undo")
    assert "23 not looked at" in words(page)
    assert any("Export regions" in b.proto.label for b in page.get("download_button"))
