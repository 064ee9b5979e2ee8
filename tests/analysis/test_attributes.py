"""Each attribute moves the way its name says, on pictures where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter
from support import encode, photo

from analysis.attributes import ATTRIBUTES, colour_temperature, measure, perceptual_hashes
from analysis.imaging import decode
from analysis.store import ATTRIBUTE_SCHEMA


def attributes_of(image: Image.Image, **options: object) -> dict[str, float]:
    data = encode(image, "PNG", **options)
    return {k: v for k, v in measure(decode(data), len(data)).items() if not isinstance(v, str)}


BASE = photo(11, size=(256, 192), tint=(150, 120, 100))


def test_every_attribute_in_words_is_a_stored_column() -> None:
    assert set(ATTRIBUTES) <= set(ATTRIBUTE_SCHEMA.names)


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
