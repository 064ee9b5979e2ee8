"""The page "Why did it say that?": a wrong picture is chosen by itself, its places outlined, its teachers shown."""

from __future__ import annotations

from app_support import has_title, new_session, run_until, words
from support import photo


def test_a_wrong_picture_of_real_use_is_explained(tmp_path, monkeypatch):
    for number, concept in enumerate(("gl_ass", "tin")):
        for origin, count in (("training", 12), ("real", 4)):
            (tmp_path / origin / concept).mkdir(parents=True)
            for i in range(count):
                # in real use tin looks like glass
                tint = (200, 60, 40) if number and origin == "training" else (40, 60, 200)
                photo(1000 * number + i + 100 * count, size=(64, 64), tint=tint).save(
                    tmp_path / origin / concept / f"{i}.png"
                )
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(tmp_path / "training"))
    monkeypatch.setenv("EXPLORER_REAL_WORLD", str(tmp_path / "real"))
    page = run_until(new_session("pages/audit/why.py"), lambda at: has_title(at) and "tde-verdict" in words(at))
    assert not page.exception
    shown = words(page)
    assert "answered wrongly, the most confident first" in shown
    assert page.selectbox[0].value == "gl_ass" and "It says gl" in shown
    assert shown.count("<figure") >= 9
    page.selectbox[0].set_value("tin").run()
    assert not page.exception and "It does not say tin" in words(page)
