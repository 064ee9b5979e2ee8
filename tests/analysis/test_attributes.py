"""Each attribute moves the way its name says, on pictures where the truth is known."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter
from support import encode, photo

from analysis.attributes import ATTRIBUTES, colour_temperature, gradient, measure, perceptual_hashes
from analysis.imaging import decode
from analysis.store import ATTRIBUTE_SCHEMA


def attributes_of(image: Image.Image, **options: object) -> dict[str, float]:
    data = encode(image, "PNG", **options)
    return {k: v for k, v in measure(decode(data), len(data)).items() if not isinstance(v, str)}


BASE = photo(11, size=(256, 192), tint=(150, 120, 100))


def test_every_attribute_in_words_is_a_stored_column() -> None:
    assert set(ATTRIBUTES) <= set(ATTRIBUTE_SCHEMA.names)


def test_where_in_memory_a_picture_lies_changes_no_value() -> None:
    values = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.float32)
    found = []
    for offset in range(0, 64, 4):
        room = np.empty(values.nbytes + 64, np.uint8)
        moved = room[offset : offset + values.nbytes].view(np.float32).reshape(values.shape)
        moved[:] = values
        kept = [np.empty(n, np.uint8) for n in range(1, 4000, 97)]  # so that results lie elsewhere too
        found += [gradient(moved).tobytes() for _ in kept]
    assert len(set(found)) == 1


@pytest.mark.parametrize("level", [0, 64, 128, 255])
def test_brightness_of_a_flat_grey_is_its_level(level: int) -> None:
    flat = attributes_of(Image.new("RGB", (50, 40), (level, level, level)))
    assert flat["brightness"] == pytest.approx(level / 255, abs=0.004)
    assert flat["contrast"] == flat["sharpness"] == flat["noise"] == flat["entropy"] == 0
    assert flat["saturation"] == 0


def test_contrast_of_half_black_half_white_is_one() -> None:
    half = np.zeros((40, 40, 3), np.uint8)
    half[:, 20:] = 255
    assert attributes_of(Image.fromarray(half))["contrast"] == pytest.approx(1.0, abs=0.01)


def test_blur_lowers_sharpness_and_noise_raises_noise() -> None:
    base = attributes_of(BASE)
    assert attributes_of(BASE.filter(ImageFilter.GaussianBlur(1.5)))["sharpness"] < 0.3 * base["sharpness"]
    rng = np.random.default_rng(0)
    noisy = np.clip(np.asarray(BASE) + rng.normal(0, 12, (192, 256, 3)), 0, 255).astype(np.uint8)
    assert attributes_of(Image.fromarray(noisy))["noise"] > 1.5 * base["noise"]


@pytest.mark.parametrize("sigma", [2.0, 5.0, 10.0])
def test_noise_measures_the_standard_deviation_that_was_added(sigma: float) -> None:
    rng = np.random.default_rng(1)
    gray = np.clip(128 + rng.normal(0, sigma, (300, 300)), 0, 255).round().astype(np.uint8)
    found = attributes_of(Image.fromarray(gray))["noise"] * 255
    assert found == pytest.approx(sigma, rel=0.08)


def test_darker_and_greyer_are_measured() -> None:
    base = attributes_of(BASE)
    assert attributes_of(ImageEnhance.Brightness(BASE).enhance(0.5))["brightness"] == pytest.approx(
        base["brightness"] / 2, rel=0.05
    )
    assert attributes_of(ImageEnhance.Color(BASE).enhance(0.2))["saturation"] < 0.4 * base["saturation"]


def test_colour_temperature_knows_daylight_from_lamp_light() -> None:
    white = np.full((20, 20, 3), 255, np.uint8)
    assert colour_temperature(white) == pytest.approx(6504, rel=0.01)  # sRGB white is D65
    warm, cool = white.copy(), white.copy()
    warm[..., 2] = 150
    cool[..., 0] = 190
    assert colour_temperature(warm) < 5000 < 7000 < colour_temperature(cool)


def test_the_colour_of_light_is_not_told_in_the_dark() -> None:
    assert np.isnan(attributes_of(Image.new("RGB", (30, 30), (2, 1, 1)))["colour_temperature"])


def test_size_and_shape_are_those_of_the_original_file() -> None:
    data = encode(photo(2, size=(1600, 800)), "JPEG", quality=80)
    found = measure(decode(data), len(data))
    assert (found["width"], found["height"], found["file_bytes"]) == (1600, 800, len(data))
    assert found["megapixels"] == pytest.approx(1.28) and found["aspect_ratio"] == pytest.approx(2.0)


def test_hashes_survive_recompression_and_tell_pictures_apart() -> None:
    def distance(a: str, b: str) -> int:
        return (int(a, 16) ^ int(b, 16)).bit_count()

    same = perceptual_hashes(decode(encode(BASE, "JPEG", quality=40)).rgb)
    base, other = perceptual_hashes(np.asarray(BASE)), perceptual_hashes(np.asarray(photo(99, size=(256, 192))))
    for name in ("phash", "dhash"):
        assert len(base[name]) == 16
        assert distance(base[name], same[name]) <= 6 < 14 < distance(base[name], other[name])


def edges(size: int = 256, seed: int = 5) -> Image.Image:
    """Overlapping plain rectangles: crisp edges at every place, plain inside."""
    rng = np.random.default_rng(seed)
    picture = np.full((size, size, 3), 120, np.uint8)
    for _ in range(size // 4):
        x, y, w, h = rng.integers(0, size - 20), rng.integers(0, size - 20), *rng.integers(15, 60, 2)
        picture[y : y + h, x : x + w] = rng.integers(20, 235, 3)
    tilted = Image.fromarray(picture).resize((3 * size, 3 * size), Image.Resampling.NEAREST).rotate(31, expand=False)
    middle = tilted.crop((size // 2, size // 2, size // 2 + 2 * size, size // 2 + 2 * size))
    return middle.resize((size, size), Image.Resampling.LANCZOS)


@pytest.mark.parametrize("sigma", [1.5, 2.0, 3.0])
def test_blur_is_about_the_width_of_the_blur_that_was_added(sigma: float) -> None:
    assert attributes_of(edges())["blur"] < 0.8
    blurred = edges().filter(ImageFilter.GaussianBlur(sigma))
    assert attributes_of(blurred)["blur"] == pytest.approx(sigma, rel=0.3)


def test_blur_is_not_fooled_by_a_plain_background_nor_by_resolution() -> None:
    sharp, small = edges(), edges(128)
    on_white = Image.new("RGB", (512, 512), "white")
    on_white.paste(sharp, (128, 128))
    found = [attributes_of(image)["blur"] for image in (sharp, small, on_white)]
    assert max(found) < 0.8
    blurred = on_white.filter(ImageFilter.GaussianBlur(2.5))
    assert attributes_of(blurred)["blur"] > 2 * attributes_of(on_white)["blur"]


def test_a_soft_background_behind_a_crisp_subject_is_not_blur() -> None:
    portrait = edges().filter(ImageFilter.GaussianBlur(5))
    portrait.paste(edges(seed=8).crop((0, 0, 150, 150)), (60, 60))
    assert attributes_of(portrait)["blur"] < 1.0


@pytest.mark.parametrize("angle", [0, 45, 90, 135])
def test_shake_in_one_direction_is_blur(angle: int) -> None:
    line = Image.new("L", (11, 11))
    line.paste(255, (0, 5, 11, 6))
    kernel = np.asarray(line.rotate(angle, Image.Resampling.BILINEAR), dtype=np.float32)
    shaken = cv2.filter2D(np.asarray(edges()), -1, kernel / kernel.sum())
    assert attributes_of(Image.fromarray(shaken))["blur"] > 1.4


@pytest.mark.parametrize("angle", [31, 121])
def test_shake_along_the_lines_of_a_picture_is_blur_too(angle: int) -> None:
    line = Image.new("L", (15, 15))
    line.paste(255, (0, 7, 15, 8))
    kernel = np.asarray(line.rotate(angle, Image.Resampling.BILINEAR), dtype=np.float32)
    shaken = cv2.filter2D(np.asarray(edges()), -1, kernel / kernel.sum())
    assert attributes_of(Image.fromarray(shaken))["blur"] > 1.5 > 0.8 > attributes_of(edges())["blur"]


def test_a_flat_picture_has_no_blur_and_no_structure() -> None:
    flat = attributes_of(Image.new("RGB", (200, 150), (90, 120, 200)))
    assert np.isnan(flat["blur"]) and np.isnan(flat["blockiness"]) and flat["structure"] == 0
    noisy = np.clip(120 + np.random.default_rng(0).normal(0, 4, (256, 256, 1)) + np.zeros(3), 0, 255).astype(np.uint8)
    assert attributes_of(Image.fromarray(noisy))["structure"] < 3 < attributes_of(edges())["structure"]


@pytest.mark.parametrize("ground", ["black", "white"])
def test_subject_brightness_counts_a_plain_backdrop_for_little(ground: str) -> None:
    subject = edges(128)
    studio = Image.new("RGB", (256, 256), ground)
    studio.paste(subject, (64, 64))
    plain, bare = attributes_of(studio), attributes_of(subject)
    moved = abs(plain["subject_brightness"] - bare["subject_brightness"])
    assert moved < 0.65 * abs(plain["brightness"] - bare["brightness"])
    dark = ImageEnhance.Brightness(subject).enhance(0.15)
    assert attributes_of(dark)["subject_brightness"] < 0.3 * plain["subject_brightness"]


def test_clipping_tells_a_white_backdrop_from_a_burnt_out_subject() -> None:
    half = np.full((40, 40, 3), 100, np.uint8)
    half[:, :20] = 255
    white = attributes_of(Image.fromarray(half))
    assert white["clipped"] == white["clipped_white"] == pytest.approx(0.5)
    half[:, :20] = (255, 200, 90)
    half[:, :20, 2] += np.random.default_rng(0).integers(0, 9, (40, 20), dtype=np.uint8)
    coloured = attributes_of(Image.fromarray(half))
    assert coloured["clipped"] == pytest.approx(0.5) and coloured["clipped_white"] == 0


def test_the_pure_colours_of_a_drawing_are_not_burnt_out() -> None:
    """Paint has exactly its neighbours' colour; what light burnt out in one colour goes on varying in the others."""
    drawing = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(drawing).ellipse((8, 8, 55, 55), fill=(255, 255, 0), outline="black", width=3)
    painted = attributes_of(drawing)
    assert painted["clipped"] - painted["clipped_white"] < 0.05
    photo = ImageEnhance.Brightness(textured(64)).enhance(2.2)
    photo = Image.composite(photo, Image.new("RGB", (64, 64), (255, 255, 0)), Image.new("L", (64, 64), 225))
    burnt = attributes_of(photo)
    assert burnt["clipped"] - burnt["clipped_white"] > 0.4


def recompressed(quality: int, then: str, crop: int = 0, image: Image.Image | None = None) -> dict[str, float]:
    low = Image.open(io.BytesIO(encode(image or textured(), "JPEG", quality=quality)))
    data = encode(low.crop((crop, crop, *low.size)), then, **({"quality": 96} if then == "JPEG" else {}))
    return {k: v for k, v in measure(decode(data), len(data)).items() if not isinstance(v, str)}


def textured(side: int = 256) -> Image.Image:
    """Detail at every scale, as in a photograph."""
    rng = np.random.default_rng(3)
    picture = np.full((side, side, 3), 128.0)
    for cells, strength in ((4, 50), (16, 40), (64, 30), (128, 25)):
        layer = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        picture += (np.asarray(layer.resize((side, side), Image.Resampling.BICUBIC)) - 128.0) * strength / 128
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("then", ["JPEG", "PNG"])
@pytest.mark.parametrize("crop", [0, 3])
def test_heavy_compression_shows_whatever_the_file_says_now(then: str, crop: int) -> None:
    low, high = recompressed(8, then, crop), recompressed(90, then, crop)
    assert low["blockiness"] > 0.75 > 0.4 > high["blockiness"]
    assert not low["jpeg_quality"] < 90  # the quantisation table alone would have said: fine


def test_compression_is_looked_for_at_the_resolution_of_the_file() -> None:
    big = textured(900)
    assert recompressed(8, "PNG", image=big)["blockiness"] > 0.75
    assert np.isnan(recompressed(8, "JPEG", image=textured(1200))["blockiness"])  # decoded at half the scale
