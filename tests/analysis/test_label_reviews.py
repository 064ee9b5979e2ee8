"""Labels found right: kept beside the dataset, taken back, never mixed up between datasets."""

from __future__ import annotations

from analysis.label_reviews import LabelReviews


def test_a_label_found_right_is_kept_and_can_be_taken_back(tmp_path):
    LabelReviews(tmp_path).say("set", ("a.jpg", "glass"), right=True)
    LabelReviews(tmp_path).say("set", ("a.jpg", "metal"), right=True)
    LabelReviews(tmp_path).say("set", ("a.jpg", "metal"), right=True)
    assert LabelReviews(tmp_path).right("set") == {("a.jpg", "glass"), ("a.jpg", "metal")}
    assert LabelReviews(tmp_path).right("other") == frozenset()
    LabelReviews(tmp_path).say("set", ("a.jpg", "glass"), right=False)
    assert LabelReviews(tmp_path).right("set") == {("a.jpg", "metal")}


def test_a_damaged_file_is_set_aside_and_counts_as_nothing_said(tmp_path):
    reviews = LabelReviews(tmp_path)
    reviews.say("set", ("a.jpg", "glass"), right=True)
    (kept,) = tmp_path.rglob("label_reviews.json")
    kept.write_text('{"version": 1, "label_reviews": [{"image_id": 3, "concept": "glass"}]}')
    assert reviews.right("set") == frozenset()
    assert not kept.exists()
    reviews.say("set", ("b.jpg", "glass"), right=True)
    assert reviews.right("set") == {("b.jpg", "glass")}
