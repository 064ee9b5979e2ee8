"""Label errors page: suspects beside both concepts' pictures, a label ticked as right leaves the corrections."""

from __future__ import annotations

import numpy as np
from app_support import has_title, new_session, run_until, words
from PIL import Image
from support import photo

from analysis.paths import cache_dir

PAGE = "pages/audit/label_errors.py"
TINTS = {"glass": (200, 60, 60), "metal": (60, 170, 60), "paper": (60, 60, 200)}


def folder(root):
    """Three colours; the first picture of each concept has the colour of the next."""
    tints = list(TINTS.values())
    for c, concept in enumerate(TINTS):
        (root / concept).mkdir(parents=True)
        for i in range(20):
            tint = tints[(c + 1) % 3 if i == 0 else c]
            picture = np.asarray(photo(100 * c + i, tint=tint)) // 4 + np.array(tint) * 3 // 4
            Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(root / concept / f"{i}.png")
    return root


def test_suspects_are_shown_and_a_right_one_leaves_the_corrections(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(folder(tmp_path / "training")))
    at = run_until(new_session(PAGE), has_title)
    at = run_until(at, lambda at: "Suspects, most suspicious first" in words(at))
    text = words(at)
    assert "Labelled glass, looks like metal" in text.replace("<strong>", "").replace("</strong>", "")
    labels = [b.proto.label for b in at.get("download_button")]
    assert any("correction" in label for label in labels)
    before = next(label for label in labels if "correction" in label)
    at.checkbox[0].check().run()
    assert next(b.proto.label for b in at.get("download_button") if "correction" in b.proto.label) != before
    (kept,) = cache_dir().rglob("label_reviews.json")
    again = run_until(new_session(PAGE), lambda at: "Suspects, most suspicious first" in words(at))
    assert again.checkbox[0].value and '"image_id"' in kept.read_text()
    again.checkbox[0].uncheck().run()
    assert '"image_id"' not in kept.read_text()
