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


def test_several_labels_a_picture_are_explained_and_any_picture_can_be_chosen(tmp_path, monkeypatch):
    """`wall` is on every picture, so there is nothing to learn it from; the rest is explained."""
    lines = ["image,concepts"]
    for number, of in enumerate((("wall", "lamp"), ("wall", "sofa"), ("wall", "lamp", "sofa"), ())):
        for i in range(12):
            tint = (200 if "lamp" in of else 40, 120, 200 if "sofa" in of else 40)
            photo(1000 * number + i, size=(64, 64), tint=tint).save(tmp_path / f"{number}-{i}.png")
            lines.append(f"{number}-{i}.png,{';'.join(of)}")
    (tmp_path / "rooms.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(tmp_path / "rooms.csv"))
    page = run_until(new_session("pages/audit/why.py"), has_title)
    assert not page.exception
    page.segmented_control[0].set_value("Any of this dataset").run()
    (name,) = page.text_input
    for picture in ("2-7.png", "3-11.png"):  # labelled, and not
        name.set_value(picture).run()
        assert not page.exception and "tde-verdict" in words(page)
        assert sorted(page.selectbox[0].options) == ["lamp", "sofa", "wall"]
    page.selectbox[0].set_value("wall").run()
    assert not page.exception and "Every training picture carries it" in words(page)
    name.set_value("no such").run()
    assert not page.exception and "No picture of this dataset" in words(page)


def test_what_a_part_makes_up_is_said_in_words() -> None:
    from components.why_page import _alone

    assert _alone(0.346) == "It alone makes up 35 points of the score."
    assert _alone(0.012) == "It alone makes up 1 point of the score."
    assert _alone(-0.03) == _alone(0.004) == "It alone changes next to nothing."
