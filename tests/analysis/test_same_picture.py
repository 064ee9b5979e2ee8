"""A picture and what became of it are one picture; two photos of one scene are not."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from duplicates_support import jpeg, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from analysis import glimpse, imaging
from analysis.glimpse import LOOKS, Look, look_matrix
from analysis.same_picture import Agreement, compare, is_same, print_of


def verdict(one: Image.Image, other: Image.Image) -> bool:
    """What the search would say of two pictures: best look first, then laid over each other."""
    grays = [np.asarray(imaging.decode(jpeg(p)).rgb.mean(axis=2), dtype=np.uint8) for p in (one, other)]
    fields = np.stack([glimpse.field(g) for g in grays])
    aspects = np.array([g.shape[1] / g.shape[0] for g in grays])
    turned, look, _ = glimpse.best_looks(fields, aspects, np.array([[0, 1]]))
    prints = [print_of(imaging.thumbnail(imaging.decode(jpeg(p)).rgb)) for p in (one, other)]
    a, b = prints[::-1] if turned[0] else prints
    assert a is not None and b is not None
    agreement = compare(a, b, LOOKS[look[0]])
    return agreement is not None and is_same(agreement)


def cut(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """Without these shares of each side."""
    w, h = image.size
    return image.crop((round(left * w), round(top * h), round(w - right * w), round(h - bottom * h)))


CHANGES = {
    "as it is": lambda p: p,
    "half the size": lambda p: p.resize((p.width // 2, p.height // 2)),
    "squeezed": lambda p: p.resize((224, 224)),
    "compressed": lambda p: Image.open(io.BytesIO(jpeg(p, 30))),
    "cropped": lambda p: cut(p, 0.05, 0.05, 0.05, 0.05),
    "cropped at a corner": lambda p: cut(p, 0.1, 0.1, 0, 0),
    "cropped at one side": lambda p: cut(p, 0, 0, 0.1, 0),
    "mirrored": ImageOps.mirror,
    "mirrored and cropped": lambda p: cut(ImageOps.mirror(p), 0.1, 0, 0, 0.1),
    "turned": lambda p: p.rotate(5, Image.Resampling.BICUBIC),
    "turned and cut": lambda p: cut(p.rotate(-5, Image.Resampling.BICUBIC), 0.08, 0.08, 0.08, 0.08),
    "darker": lambda p: ImageEnhance.Brightness(p).enhance(0.6),
    "lighter": lambda p: ImageEnhance.Brightness(p).enhance(1.3),
    "gray": lambda p: ImageOps.grayscale(p).convert("RGB"),
    "covered in a corner": lambda p: covered(p, 0.35),
}


def covered(image: Image.Image, share: float) -> Image.Image:
    """A corner filled with one colour."""
    out = image.copy()
    out.paste((10, 90, 200), (0, 0, round(share * out.width), round(share * out.height)))
    return out


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_changed_picture_is_the_same_picture(change, seed):
    picture = scene(seed)
    assert verdict(picture, CHANGES[change](picture))
    assert verdict(CHANGES[change](picture), picture)


@pytest.mark.parametrize("seed", range(6))
def test_two_pictures_are_two_pictures(seed):
    assert not verdict(scene(seed), scene(seed + 100))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shift", [0.03, 0.08])
def test_two_views_of_one_scene_are_two_pictures(seed, shift):
    """Each shows something the other does not, so neither was cut out of the other."""
    wide = scene(seed, (480, 360))
    assert not verdict(cut(wide, 0, 0, shift, shift), cut(wide, shift, shift, 0, 0))


@pytest.mark.parametrize("seed", range(4))
def test_a_scene_whose_things_moved_is_another_picture(seed):
    """From the same stand, but each part lies a few pixels from where it was: parallax, not a copy."""
    before = np.asarray(scene(seed))
    rng = np.random.default_rng(seed)
    after = before.copy()
    for y in range(0, 240, 60):
        for x in range(0, 320, 80):
            moved = np.roll(before, tuple(rng.choice([-6, 6], 2)), axis=(0, 1))
            after[y : y + 60, x : x + 80] = moved[y : y + 60, x : x + 80]
    assert not verdict(Image.fromarray(before), Image.fromarray(after))


def test_nothing_is_said_of_plain_pictures():
    assert not verdict(Image.new("RGB", (320, 240), (200, 200, 190)), Image.new("RGB", (320, 240), (190, 200, 200)))


@pytest.mark.parametrize(("squeezed", "same"), [(1.5, True), (3.5, False)])
def test_half_of_the_parts_is_not_enough_where_one_side_was_squeezed_beyond_use(squeezed, same):
    """So agree an apple of 46 pixels and an outlined letter `l`: with one side drawn out, one curve fits another."""
    agreement = Agreement(
        share=0.58, parts=43, outside=0.0, moved=31.0, mirrored=False, degrees=0.0, scale=1.5, squeezed=squeezed,
        faint=False, matrix=np.eye(2, 3),
    )  # fmt: skip
    assert is_same(agreement) == same


@pytest.mark.parametrize("seed", range(4))
def test_a_nearly_black_picture_is_found_again_and_is_no_copy_of_whatever_has_its_outline(seed):
    """What is left in the dark is an outline and the marks of storing: with a cut of its own it fits many pictures."""
    dark = ImageEnhance.Brightness(thing(seed)).enhance(0.08)
    assert verdict(thing(seed), dark)
    agreement = Agreement(
        share=0.75, parts=40, outside=0.0, moved=28.0, mirrored=False, degrees=0.7, scale=0.82, squeezed=1.0,
        faint=True, matrix=np.eye(2, 3),
    )  # fmt: skip
    assert not is_same(agreement) and is_same(replace(agreement, faint=False))
    assert is_same(replace(agreement, moved=0.3))  # the same cut to the pixel


def test_what_cannot_be_decoded_is_left_out():
    assert print_of(b"not a picture") is None


@settings(max_examples=60, deadline=None)
@given(
    mirror=st.booleans(),
    keep=st.floats(0.7, 1.0),
    degrees=st.floats(-10, 10),
    size=st.tuples(st.integers(40, 200), st.integers(40, 200)),
)
def test_the_middle_of_a_look_is_the_middle_of_the_picture(mirror, keep, degrees, size):
    matrix = look_matrix(Look(mirror, keep, keep, 0, 0, degrees), size, (64, 48))
    middle = matrix @ np.array([31.5, 23.5, 1.0])
    assert np.allclose(middle, [(size[0] - 1) / 2, (size[1] - 1) / 2])
    assert (np.linalg.det(matrix[:, :2]) < 0) == mirror


def test_screening_does_not_depend_on_the_order_of_the_pictures():
    pictures = [scene(i, (96, 72)) for i in range(8)]
    pictures += [ImageOps.mirror(pictures[2]), cut(pictures[5], 0.1, 0.1, 0, 0)]
    grays = [np.asarray(p.convert("L")) for p in pictures]
    fields, aspects = np.stack([glimpse.field(g) for g in grays]), np.array([g.shape[1] / g.shape[0] for g in grays])
    order = np.random.default_rng(0).permutation(len(grays))
    pairs, _ = glimpse.screen(fields, aspects, 0.7, 5)
    again, _ = glimpse.screen(fields[order], aspects[order], 0.7, 5)
    assert {frozenset(order[p].tolist()) for p in again} == {frozenset(p.tolist()) for p in pairs}
    assert {frozenset({2, 8}), frozenset({5, 9})} <= {frozenset(p.tolist()) for p in pairs}


def thing(seed: int) -> Image.Image:
    """One small thing on plain light ground: little but it, and the fill, to compare."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (320, 240), (205, 203, 198))
    small = scene(seed, (110, 90))
    picture.paste(small, tuple(int(x) for x in rng.integers([60, 50], [150, 100])))
    return picture


FILLS = {"black": (0, 0, 0), "white": (255, 255, 255), "gray": (128, 128, 128)}


@pytest.mark.parametrize("colour", FILLS)
@pytest.mark.parametrize("expand", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_what_two_pictures_were_filled_in_with_does_not_make_them_one(colour, expand, seed):
    """Different things on plain ground, both turned alike: only the corners agree."""
    turned = [
        thing(s).rotate(-5, Image.Resampling.BICUBIC, expand=expand, fillcolor=FILLS[colour]) for s in (seed, seed + 50)
    ]
    assert not verdict(*turned)


@pytest.mark.parametrize("colour", FILLS)
@pytest.mark.parametrize("expand", [False, True])
@pytest.mark.parametrize("degrees", [-5, 5])
def test_a_turned_copy_is_found_whatever_its_corners_were_filled_with(colour, expand, degrees):
    for picture in (scene(3), thing(7)):
        turned = picture.rotate(degrees, Image.Resampling.BICUBIC, expand=expand, fillcolor=FILLS[colour])
        assert verdict(picture, turned)
        assert verdict(turned, picture)


def ball(seed, tint, side=256):
    """A smooth ball on a plain ground: hardly anything but its outline to hold on to."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    shade = np.clip(1.1 - 0.5 * (x - 0.3) - 0.6 * (y + 0.3), 0.2, 1.2)[..., None]
    ground = 205 + 8 * y[..., None] + rng.normal(0, 1.5, (side, side, 1))
    inside = np.clip((0.5 - np.hypot(x, y)) * side / 3, 0, 1)[..., None]
    pixels = inside * shade * np.array(tint) + (1 - inside) * ground
    return Image.fromarray(np.clip(pixels + rng.normal(0, 1, pixels.shape), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("side", [256, 160, 48])
def test_the_same_outline_in_another_colour_is_another_picture_whatever_its_size(side):
    orange, apple = ball(1, (230, 120, 20)), ball(1, (90, 190, 40))
    tiny = apple.resize((side, side), Image.Resampling.LANCZOS)
    assert verdict(orange, orange.resize((side, side), Image.Resampling.LANCZOS))
    assert not verdict(orange, tiny)
    assert not verdict(tiny, orange)


def test_the_same_outline_without_colours_or_in_other_light_is_a_copy():
    orange = ball(1, (230, 120, 20))
    assert verdict(orange, CHANGES["gray"](orange))
    assert verdict(orange, CHANGES["darker"](orange))
    warm = Image.fromarray((np.asarray(orange) * [1.0, 0.92, 0.8]).astype(np.uint8))
    assert verdict(orange, warm)
