"""What was filled in around a picture is found, and scenery is not taken for it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from duplicates_support import jpeg, scene
from PIL import Image, ImageDraw

from analysis import fill, imaging

FILLS = [(0, 0, 0), (255, 255, 255)]


def gray(picture: Image.Image) -> np.ndarray:
    """As the thumbnail's decoder would show it."""
    thumbnail = Image.open(io.BytesIO(imaging.thumbnail(imaging.decode(jpeg(picture)).rgb)))
    return np.asarray(thumbnail.convert("L"))


@pytest.mark.parametrize("colour", FILLS)
@pytest.mark.parametrize("expand", [False, True])
@pytest.mark.parametrize("degrees", [-9, -5, 4, 7])
def test_the_corners_of_a_turned_picture_are_fill(degrees, expand, colour):
    options = {"resample": Image.Resampling.BICUBIC, "expand": expand}
    picture = gray(scene(abs(degrees)).rotate(degrees, fillcolor=colour, **options))
    whole = Image.new("L", (320, 240), 255).rotate(degrees, fillcolor=0, **options).resize(picture.shape[::-1])
    kept = fill.content(picture)
    assert kept is not None
    inside = np.asarray(whole)
    assert (kept[inside < 64].mean(), kept[inside > 192].mean()) == (
        pytest.approx(0, abs=0.1),
        pytest.approx(1, abs=0.15),
    )


@pytest.mark.parametrize("colour", FILLS)
def test_bars_and_frames_are_fill(colour):
    wide = Image.new("RGB", (320, 320), colour)
    wide.paste(scene(1), (0, 40))
    framed = Image.new("RGB", (380, 300), colour)
    framed.paste(scene(2), (30, 30))
    for picture in (wide, framed):
        kept = fill.content(gray(picture))
        assert kept is not None
        assert 0.5 < kept.mean() < 0.8


def test_a_thing_on_white_ground_is_no_fill():
    picture = Image.new("RGB", (320, 240), (255, 255, 255))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((60, 100, 260, 140), fill=(40, 90, 160))
    draw.rectangle((140, 40, 180, 200), fill=(160, 60, 40))
    assert fill.content(gray(picture)) is None


@pytest.mark.parametrize("seed", range(20))
def test_a_scene_has_no_fill(seed):
    assert fill.content(gray(scene(seed))) is None


def test_a_picture_of_one_colour_is_not_fill_alone():
    assert fill.content(np.full((144, 192), 200, dtype=np.uint8)) is None


def test_where_it_was_filled_in_the_picture_goes_on():
    picture = np.full((60, 80), 90, dtype=np.uint8)
    kept = np.ones((60, 80), dtype=bool)
    kept[:20] = False
    picture[:20] = 255
    assert (fill.extended(picture, kept) == 90).all()
