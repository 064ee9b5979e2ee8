"""Regions as COCO: pixels of the original, whole and readable again; what a person said of them is kept."""

from __future__ import annotations

import json

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.dataset import Dataset, label_frame
from analysis.regions import ACCEPTED, DROPPED, REGION_COLUMNS, RegionReviews, coco, region_key

SHARE = st.floats(0, 1, allow_nan=False)


def made(rows, sizes=((640, 480), (33, 57))):
    frame = pd.DataFrame(
        {"image_id": [f"{i}.jpg" for i in range(len(sizes))], "path": "", "origin": "training", "split": None,
         "width": [w for w, _ in sizes], "height": [h for _, h in sizes]}
    )  # fmt: skip
    return pd.DataFrame(rows, columns=list(REGION_COLUMNS)), Dataset("d", {}, frame, label_frame([]), label_frame([]))


ONE = ("0.jpg", "cat", 0.25, 0.5, 0.5, 0.25, 0.7, "heat")
TWO = ("1.jpg", "dog", 0.0, 0.0, 1.0, 1.0, 1.0, "given")


def test_boxes_are_in_pixels_of_the_original():
    content = coco(*made([ONE, TWO]))
    assert [a["bbox"] for a in content["annotations"]] == [[160, 240, 320, 120], [0, 0, 33, 57]]
    assert [c["name"] for c in content["categories"]] == ["cat", "dog"]
    assert content["annotations"][0]["area"] == 320 * 120 and content["images"][0]["file_name"] == "0.jpg"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SHARE, SHARE, SHARE, SHARE), max_size=6))
def test_every_box_lies_in_its_picture_and_every_id_leads_somewhere(boxes):
    content = coco(*made([(f"{i % 2}.jpg", f"c{i % 3}", *b, 0.5, "heat") for i, b in enumerate(boxes)]))
    images = {i["id"]: i for i in content["images"]}
    for one in content["annotations"]:
        x, y, w, h = one["bbox"]
        size = images[one["image_id"]]
        assert x >= 0 and y >= 0 and w >= 0 and h >= 0
        assert x + w <= size["width"] + 0.02 and y + h <= size["height"] + 0.02
        assert one["category_id"] in {c["id"] for c in content["categories"]}
    assert len({a["id"] for a in content["annotations"]}) == len(content["annotations"])
    json.dumps(content, allow_nan=False)


def test_dropped_regions_and_pictures_of_unknown_size_are_left_out():
    regions, data = made([ONE, TWO], sizes=((640, 480), (None, None)))
    assert [a["image_id"] for a in coco(regions, data)["annotations"]] == [1]
    keys = [region_key(r) for r in regions.to_dict("records")]
    assert not coco(regions, data, {keys[0]: DROPPED})["annotations"]
    assert coco(regions, data, {keys[0]: ACCEPTED})["annotations"][0]["review"] == ACCEPTED


def test_what_a_person_said_is_kept_and_can_be_taken_back(tmp_path):
    reviews = RegionReviews(tmp_path)
    reviews.say("set", ["a", "b"], ACCEPTED)
    reviews.say("set", ["b"], DROPPED)
    assert RegionReviews(tmp_path).every("set") == {"a": ACCEPTED, "b": DROPPED}
    reviews.say("set", ["a"], None)
    assert reviews.every("set") == {"b": DROPPED} and not reviews.every("other")
