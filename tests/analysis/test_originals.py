"""Which copy is the original: one change planted in a picture, and the picture itself is kept whatever the names."""

from __future__ import annotations

import io

import numpy as np
import pytest
from duplicates_support import dataset_of, jpeg, scene
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from analysis import duplicates, imaging
from analysis.checks.uniqueness import find_uniqueness
from analysis.originals import Keeping, Seen, original

SIZE = (320, 240)


def picture(seed=3):
    """A scene with noise as fine as a pixel, as a photo has."""
    rgb = np.asarray(scene(seed, SIZE), dtype=float) + np.random.default_rng(seed).normal(0, 12, (SIZE[1], SIZE[0], 1))
    return Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))


def words(image, angle=0):
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    ImageDraw.Draw(layer).text((30, 95), "SAMPLE", fill=(255, 255, 255, 150), font_size=64)
    return Image.alpha_composite(image.convert("RGBA"), layer.rotate(angle, Image.Resampling.BICUBIC)).convert("RGB")


def logo(image):
    image = image.copy()
    ImageDraw.Draw(image).rectangle([200, 160, 290, 220], fill=(210, 20, 30))
    return image


CHANGES = {
    "words": words,
    "words aslant": lambda im: words(im, 25),
    "logo": logo,
    "frame": lambda im: ImageOps.expand(im, 14, (20, 20, 20)),
    "turned": lambda im: im.rotate(5, Image.Resampling.BICUBIC, fillcolor=(255, 255, 255)),
    "enlarged": lambda im: im.resize((480, 360), Image.Resampling.BICUBIC),
    "reduced": lambda im: im.resize((213, 160), Image.Resampling.LANCZOS),
    "blurred": lambda im: im.filter(ImageFilter.GaussianBlur(1.2)),
    "sharpened": lambda im: im.filter(ImageFilter.UnsharpMask(2, 150, 0)),
    "cut": lambda im: im.crop((16, 12, 304, 228)),
    "gray": lambda im: im.convert("L").convert("RGB"),
}


def seen(image, quality=92):
    decoded = imaging.decode(jpeg(image, quality))
    spread = np.ptp(decoded.rgb.astype(float), axis=2).mean() / 255
    return Seen(decoded.rgb, *image.size, saturation=float(spread), quality=decoded.jpeg_quality)


def laid(original_image, copy):
    """How the pipeline lays the two over each other."""
    dataset, features = dataset_of({"A/a.jpg": original_image, "A/b.jpg": copy})
    duplicates._KEPT.clear()
    return duplicates.find_duplicates(dataset, features).laid


@pytest.mark.parametrize("change", CHANGES)
def test_the_picture_that_the_other_is_made_from_is_the_original(change):
    first, copy = picture(), CHANGES[change](picture())
    found = laid(first, copy)
    assert original(seen(first), seen(copy), found[0, 1])[0] == 1
    assert original(seen(copy), seen(first), found[1, 0])[0] == -1


@pytest.mark.parametrize("change", [ImageOps.mirror, lambda im: im.point(lambda v: int(0.8 * v)), lambda im: im])
def test_a_mirror_image_other_light_and_storing_again_tell_nothing(change):
    first, copy = picture(), change(picture())
    assert original(seen(first), seen(copy, 86), laid(first, jpeg(copy, 86))[0, 1]) == (0, "")


def test_qualities_within_ten_are_equal_wherever_they_lie():
    first = picture()
    way = np.eye(2, 3)
    assert original(seen(first, 84), seen(first, 86), way)[0] == original(seen(first, 86), seen(first, 84), way)[0] == 0
    assert original(seen(first, 84), seen(first, 60), way) == (1, "more compressed")


def test_files_are_read_so_that_an_enlarged_copy_is_known_and_names_count_last(tmp_path):
    first = picture()
    files = {"A/1.jpg": CHANGES["enlarged"](first), "A/2.jpg": first, "A/2 (copy).jpg": ImageOps.mirror(first)}
    for name, image in files.items():
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=90)
        (tmp_path / name.replace("/", "-")).write_bytes(buffer.getvalue())
    dataset, features = dataset_of(files)
    paths = [str(tmp_path / name.replace("/", "-")) for name in files]
    found = find_uniqueness(dataset.with_images(dataset.images.assign(path=paths)), features)
    assert found.members["image_id"].tolist()[0] == "A/2.jpg" and found.members["keep"].sum() == 1


def test_what_cannot_be_read_is_ordered_by_size_and_name():
    dataset, features = dataset_of({"A/b.jpg": scene(1), "A/a.jpg": scene(2), "A/c.jpg": scene(3, (640, 480))})
    features.pictures.jpegs = [None] * 3
    keeping = Keeping(dataset, features, duplicates.find_duplicates(dataset, features))
    assert keeping.ordered([0, 1, 2]) == [2, 1, 0]
