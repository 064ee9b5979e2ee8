"""Every still format, orientation and mode decodes to upright RGB; every bad file says why."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, features
from support import corrupt, encode, photo, png_of_size

from analysis import imaging
from analysis.imaging import UnreadableImage, decode

FORMATS = [
    "JPEG",
    "PNG",
    "GIF",
    "BMP",
    "WEBP",
    "TIFF",
    "PPM",
    "TGA",
    "ICO",
    "JPEG2000",
    "AVIF",
    "PCX",
    "SGI",
    "DDS",
    "QOI",
]


@pytest.mark.parametrize("name", FORMATS)
def test_each_common_format_decodes_to_nearly_the_same_picture(name: str) -> None:
    if name == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    original = photo(3, size=(64, 64))
    picture = decode(encode(original, name))
    assert (picture.width, picture.height) == (64, 64)
    assert np.abs(picture.rgb.astype(int) - np.asarray(original).astype(int)).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_exif_orientation_is_applied(orientation: int, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(photo(4, size=(60, 40)), name, exif=exif.tobytes())
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)).convert("RGB"))
    picture = decode(data)
    assert (picture.width, picture.height) == expected.size
    np.testing.assert_array_equal(picture.rgb, np.asarray(expected))


def test_an_orientation_survives_reduced_decoding_of_a_large_jpeg() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = decode(encode(photo(5, size=(3000, 2000)), "JPEG", exif=exif.tobytes()))
    assert (picture.width, picture.height) == (2000, 3000)
    assert picture.rgb.shape[0] == imaging.WORKING_SIDE
    assert abs(picture.rgb.shape[1] - imaging.WORKING_SIDE * 2 / 3) <= 1


def test_cmyk_keeps_its_colours() -> None:
    original = photo(6, tint=(180, 60, 60))
    picture = decode(encode(original.convert("CMYK"), "JPEG", quality=95))
    assert picture.mode == "CMYK"
    assert np.abs(picture.rgb.mean((0, 1)) - np.asarray(original).mean((0, 1))).max() < 6


def test_sixteen_bit_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    picture = decode(encode(Image.fromarray(ramp), "PNG"))
    assert picture.rgb[0, 0, 0] <= 1 and picture.rgb[-1, -1, 0] >= 254
    assert abs(float(picture.rgb.mean()) - 127.5) < 2


def test_a_large_sixteen_bit_picture_is_reduced_without_error() -> None:
    ramp = np.linspace(0, 65535, 1200 * 800).reshape(800, 1200).astype(np.uint16)
    picture = decode(encode(Image.fromarray(ramp), "TIFF"))
    assert max(picture.rgb.shape[:2]) == imaging.WORKING_SIDE
    assert abs(float(picture.rgb.mean()) - 127.5) < 3


def test_palette_and_its_transparency_are_laid_on_white() -> None:
    red = Image.new("RGBA", (40, 40), (200, 0, 0, 255))
    red.paste((0, 0, 0, 0), (0, 0, 20, 40))
    picture = decode(encode(red.quantize(4), "PNG"))
    assert picture.mode == "P"
    assert picture.rgb[20, 5].min() > 245
    assert picture.rgb[20, 35, 0] > 180 and picture.rgb[20, 35, 1] < 40


def test_alpha_is_laid_on_white() -> None:
    half = Image.new("RGBA", (10, 10), (0, 0, 0, 128))
    assert abs(int(decode(encode(half, "PNG")).rgb[5, 5, 0]) - 127) <= 2


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (30, 30), c) for c in ((250, 0, 0), (0, 250, 0), (0, 0, 250))]
    for name in ("GIF", "PNG", "WEBP"):
        buffer = io.BytesIO()
        frames[0].save(buffer, name, save_all=True, append_images=frames[1:], duration=50)
        rgb = decode(buffer.getvalue()).rgb
        assert rgb[15, 15, 0] > 200 and rgb[15, 15, 1] < 60, name


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I", "F", "RGBA", "YCbCr", "HSV", "LAB", "CMYK", "PA", "RGBa"])
def test_every_pillow_mode_becomes_rgb(mode: str) -> None:
    base = photo(8)
    through = {"PA": "P", "RGBa": "RGBA", "LAB": "RGB"}.get(mode, mode)
    image = base.convert(through)
    if mode == "LAB":
        from PIL import ImageCms

        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(base, srgb, lab, outputMode="LAB")  # type: ignore[assignment]
    elif mode in ("PA", "RGBa"):
        image = image.convert(mode)
    assert imaging.to_rgb(image).mode == "RGB"


def test_an_empty_file_says_so() -> None:
    with pytest.raises(UnreadableImage, match="empty"):
        decode(b"")


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_truncated_file_is_refused(name: str) -> None:
    data = encode(photo(9, size=(200, 150)), name)
    with pytest.raises(UnreadableImage):
        decode(data[: int(len(data) * 0.6)])


def test_a_truncated_jpeg_says_truncated() -> None:
    data = encode(photo(9, size=(200, 150)), "JPEG")
    with pytest.raises(UnreadableImage, match="truncated"):
        decode(data[: int(len(data) * 0.6)])


def test_text_named_like_a_picture_is_not_an_image() -> None:
    with pytest.raises(UnreadableImage, match="not an image"):
        decode(b"hello, I am a text file" * 20)


def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(UnreadableImage, match="bomb"):
        decode(png_of_size(60_000, 60_000))


def test_our_own_limit_of_pixels_is_the_one_that_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Image.MAX_IMAGE_PIXELS is not None and 2 * Image.MAX_IMAGE_PIXELS > imaging.MAX_PIXELS
    data = encode(photo(1, size=(50, 40)), "PNG")
    monkeypatch.setattr(imaging, "MAX_PIXELS", 2000)
    assert decode(data).width == 50
    monkeypatch.setattr(imaging, "MAX_PIXELS", 1999)
    with pytest.raises(UnreadableImage, match="50 x 40 pixels"):
        decode(data)


def test_a_file_beyond_the_byte_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imaging, "MAX_FILE_BYTES", 100)
    with pytest.raises(UnreadableImage, match="larger than"):
        decode(encode(photo(1), "JPEG"))


def test_heic_names_the_package_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imaging, "_heif_registered", False)
    with pytest.raises(UnreadableImage, match="pillow-heif"):
        decode(b"\x00\x00\x00\x18ftypheic" + b"\x00" * 60)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(FORMATS[:9]), st.integers(0, 2**32 - 1))
def test_no_damage_raises_anything_but_unreadable(noise: bytes, name: str, seed: int) -> None:
    for data in (noise, corrupt(encode(photo(2, size=(32, 24)), name), seed)):
        try:
            picture = decode(data)
        except UnreadableImage as error:
            assert str(error)
        else:
            assert picture.rgb.ndim == 3 and picture.rgb.dtype == np.uint8


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 90, 95])
def test_jpeg_quality_is_read_from_the_tables(quality: int) -> None:
    assert decode(encode(photo(1), "JPEG", quality=quality)).jpeg_quality == quality


def test_other_formats_have_no_jpeg_quality() -> None:
    assert np.isnan(decode(encode(photo(1), "PNG")).jpeg_quality)


@given(st.integers(1, 700), st.integers(1, 700))
@settings(max_examples=30, deadline=None)
def test_any_shape_is_reduced_to_the_working_side_and_never_enlarged(width: int, height: int) -> None:
    picture = decode(encode(Image.new("RGB", (width, height), (9, 90, 200)), "PNG"))
    assert (picture.width, picture.height) == (width, height)
    assert max(picture.rgb.shape[:2]) == min(imaging.WORKING_SIDE, max(width, height))


def test_a_thumbnail_is_a_small_upright_jpeg(make_photo: Callable[..., Image.Image]) -> None:
    data = imaging.thumbnail(np.asarray(make_photo(1, size=(400, 300))))
    small = Image.open(io.BytesIO(data))
    assert small.size == (imaging.THUMBNAIL_SIDE, imaging.THUMBNAIL_SIDE * 3 // 4)
    assert len(data) < 30_000
