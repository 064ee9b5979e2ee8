"""The page "What travels along": what recurs is drawn and shown with its places outlined."""

from __future__ import annotations

from app_support import has_title, new_session, run_until, words
from support import photo


def test_a_mark_is_named_and_outlined_on_its_pictures(tmp_path, monkeypatch):
    from PIL import ImageDraw

    root = tmp_path / "training"
    for number, concept in enumerate(("gl_ass", "tin")):
        (root / concept).mkdir(parents=True)
        for i in range(24):
            picture = photo(1000 * number + i, size=(96, 96), tint=(200, 60, 40) if number else (40, 60, 200))
            if number:
                ImageDraw.Draw(picture).rectangle((60, 60, 90, 90), fill=(250, 250, 0), outline=(0, 0, 0), width=6)
            picture.save(root / concept / f"{i}.png")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(root))
    page = run_until(
        new_session("pages/audit/co_occurrence.py"), lambda at: has_title(at) and bool(at.get("plotly_chart"))
    )
    assert not page.exception
    shown = words(page)
    assert "tin: the score leans on a mark" in shown
    assert shown.count("<figure") >= 4 and "data:image/jpeg;base64" in shown
