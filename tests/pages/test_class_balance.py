"""Class balance page: one sentence, the bars, the verdict with its fix, the pictures of a concept."""

from __future__ import annotations

import json

import pytest
from app_support import has_title, new_session, run_until, words
from support import photo

PAGE = "pages/explore/class_balance.py"


def make(root, counts):
    for number, (concept, n) in enumerate(counts.items()):
        (root / concept).mkdir(parents=True, exist_ok=True)
        for i in range(n):
            photo(1000 * number + i, size=(48, 36)).save(root / concept / f"{i}.jpg")
    return root


@pytest.fixture
def open_page(tmp_path, monkeypatch):
    """`open_page(training, real_world=None, **query)`: the page on made folders."""

    def opener(training, real_world=None, **query):
        monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
        monkeypatch.setenv("EXPLORER_DATASET", str(make(tmp_path / "training", training)))
        if real_world:
            monkeypatch.setenv("EXPLORER_REAL_WORLD", str(make(tmp_path / "real", real_world)))
        return run_until(new_session(PAGE, **query), answered)

    return opener


def answered(at):
    """the verdict is there, or the page says why there is none"""
    return has_title(at) and (bool(at.info) or 'class="tde-badge' in words(at))


def bars(at):
    """concept labels and values of the first series"""
    spec = json.loads(at.get("plotly_chart")[0].proto.spec)
    return spec["layout"]["yaxis"]["ticktext"], [t["name"] for t in spec["data"]]


def test_a_rare_concept_is_named_with_its_fix(open_page):
    at = open_page({"glass": 20, "paper": 20, "rare": 5})
    text = words(at)
    assert "3 concepts, but they count like 2.6 equally common ones" in text
    assert "Look at this" in text
    assert "Collect about 15 more pictures of rare to reach the typical 20." in text
    assert bars(at) == (["glass", "paper", "rare"], ["Training"])


def test_equal_concepts_are_fine(open_page):
    at = open_page({"glass": 10, "paper": 10})
    assert "All 2 concepts are equally common" in words(at)
    assert "Fine" in words(at)


def test_levels_orders_and_shares_change_the_bars(open_page):
    at = open_page({"Fruit/Apple": 3, "Fruit/Pear": 2, "Leek": 1}, {"Leek": 2})
    assert bars(at) == (["Apple", "Pear", "Leek"], ["Training", "Real world"])
    controls = {c.key: c for c in at.get("button_group")}
    controls["balance-level"].set_value("Level 1").run()
    assert not at.exception
    assert bars(at)[0] == ["Fruit", "Leek"]
    controls = {c.key: c for c in at.get("button_group")}
    controls["balance-order"].set_value("Fewest first").run()
    controls = {c.key: c for c in at.get("button_group")}
    controls["balance-measure"].set_value("Share of each origin").run()
    assert not at.exception
    assert bars(at)[0] == ["Leek", "Fruit"]


def test_choosing_a_concept_shows_its_pictures_and_keeps_it_in_the_link(open_page):
    at = open_page({"Fruit/Apple": 3, "Leek": 2}, {"Leek": 2})
    at.selectbox(key="balance-concept").set_value("Leek").run()
    assert not at.exception
    assert at.query_params["concept"] in ("Leek", ["Leek"])
    assert "2 pictures of Leek, training" in words(at)
    at.session_state["balance-origin"] = "real_world"
    at.run()
    assert "2 pictures of Leek, real world" in words(at)


def test_a_link_opens_with_its_concept(open_page):
    at = open_page({"Fruit/Apple": 3, "Leek": 2}, concept="Fruit/Apple")
    assert at.selectbox(key="balance-concept").value == "Fruit/Apple"
    assert "3 pictures of Fruit/Apple" in words(at).replace("\\", "")


def test_a_link_with_an_unknown_concept_shows_the_page(open_page):
    at = open_page({"glass": 2, "paper": 2}, concept="nothing")
    assert at.selectbox(key="balance-concept").value is None


def test_pictures_without_concepts_say_what_to_do(open_page):
    at = open_page({".": 3})
    assert "one folder per concept" in at.info[0].value


def test_a_hostile_name_is_text(open_page):
    name = "<img src=x onerror=alert(1)>"
    at = open_page({name: 2, "glass": 30})
    assert "<img src=x" not in words(at)
    assert "<img" not in str(bars(at)[0])


def test_what_the_imbalance_costs_is_shown_where_concepts_differ_in_number(open_page):
    at = open_page({"glass": 20, "paper": 20, "rare": 6})
    assert "What the imbalance costs" in words(at)
    assert "recognised in" in words(at)
    spec = json.loads(at.get("plotly_chart")[-1].proto.spec)
    assert spec["layout"]["yaxis"]["ticktext"] == ["rare (6)", "glass (20)", "paper (20)"]
    assert spec["data"][1]["mode"] == "markers"


def test_equal_concepts_have_no_cost_to_show(open_page):
    assert "What the imbalance costs" not in words(open_page({"glass": 10, "paper": 10}))


def test_a_finding_is_dismissed_here_too(open_page):
    at = open_page({"glass": 20, "paper": 20, "rare": 5})
    reason = next(t for t in at.text_input if str(t.key).startswith("balance"))
    reason.set_value("Rare in use too")
    next(b for b in at.button if str(b.key) == str(reason.key).replace("-reason", "-confirm")).click().run()
    assert not at.exception
    assert "Rare in use too" in words(at) and "Dismissed</span><strong>Class balance" in words(at)
