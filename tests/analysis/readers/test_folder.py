"""The folder reader: what counts as an image, which concept and split it gets, and hostile trees."""

from __future__ import annotations

import os
import string
import tempfile
import unicodedata
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from analysis.dataset import REAL_WORLD
from analysis.errors import Cancelled, InputError
from analysis.readers.folder import IMAGE_SUFFIXES, is_image, read_folder, split_of
from analysis.readers.listing import Fence, Listing


def picture(path: Path, image_format: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3), (200, 30, 30)).save(path, format=image_format)
    return path


def tree(root: Path, *names: str) -> Path:
    for name in names:
        picture(root / name)
    return root


def ids(listing: Listing) -> list[str]:
    return [e.image_id for e in listing.images]


def concepts(listing: Listing) -> dict[str, tuple[str, ...]]:
    return {e.image_id: e.concepts for e in listing.images}


def real_world(root: Path, known: set[str]) -> Listing:
    return read_folder(root, origin=REAL_WORLD, known=known, prefix="real_world:")


def test_an_images_concept_is_the_path_of_its_deepest_folder(tmp_path: Path) -> None:
    tree(tmp_path, "Fruit/Apple/Granny-Smith/a.png", "Fruit/Apple/b.png", "Milk/c.png")
    assert concepts(read_folder(tmp_path)) == {
        "Fruit/Apple/Granny-Smith/a.png": ("Fruit/Apple/Granny-Smith",),
        "Fruit/Apple/b.png": ("Fruit/Apple",),
        "Milk/c.png": ("Milk",),
    }


def test_images_in_the_root_or_in_a_split_are_unlabelled(tmp_path: Path) -> None:
    tree(tmp_path, "a.png", "train/b.png")
    assert concepts(read_folder(tmp_path)) == {"a.png": (), "train/b.png": ()}


@pytest.mark.parametrize("name", ["train", "val", "valid", "test"])
def test_a_top_level_split_folder_sets_the_split_and_is_no_concept(tmp_path: Path, name: str) -> None:
    tree(tmp_path, f"{name}/Apple/a.png")
    (entry,) = read_folder(tmp_path).images
    assert (entry.image_id, entry.split, entry.concepts) == (f"{name}/Apple/a.png", name, ("Apple",))


@pytest.mark.parametrize("name", ["Train", "TEST", "training", "validation", "trains"])
def test_only_exact_split_names_are_splits(tmp_path: Path, name: str) -> None:
    tree(tmp_path, f"{name}/a.png")
    (entry,) = read_folder(tmp_path).images
    assert (entry.split, entry.concepts) == (None, (name,))


def test_a_split_name_below_the_top_level_is_a_concept(tmp_path: Path) -> None:
    tree(tmp_path, "Apple/test/a.png", "train/val/b.png")
    assert concepts(read_folder(tmp_path)) == {
        "Apple/test/a.png": ("Apple/test",),
        "train/val/b.png": ("val",),
    }


def test_other_files_are_ignored_and_counted_and_hidden_ones_never_listed(tmp_path: Path) -> None:
    tree(tmp_path, "Apple/a.png", ".hidden/b.png", "__MACOSX/Apple/c.png")
    picture(tmp_path / "Apple" / "._a.png", "PNG")
    (tmp_path / "Apple" / "notes.txt").write_text("x")
    (tmp_path / "Apple" / "clip.mp4").write_bytes(b"x")
    (tmp_path / "Apple" / "LICENSE").write_text("free")
    listing = read_folder(tmp_path)
    assert ids(listing) == ["Apple/a.png"]
    assert listing.ignored == 4  # notes, clip, licence and the hidden file; hidden folders are not entered
    assert listing.unreadable == []


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_an_image_is_known_by_its_extension_in_any_case(tmp_path: Path, suffix: str) -> None:
    for name in (f"a{suffix}", f"b{suffix.upper()}"):
        (tmp_path / name).write_bytes(b"not looked at")
    assert len(read_folder(tmp_path).images) == 2


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_a_file_without_an_extension_is_an_image_by_its_header(tmp_path: Path, image_format: str) -> None:
    picture(tmp_path / "Apple" / "IMG0001", image_format)
    assert ids(read_folder(tmp_path)) == ["Apple/IMG0001"]


@pytest.mark.parametrize(
    "content",
    [b"", b"P5", b"P6 x y", b"\x89PNG\r\n\x1a\n", b"II*\0", b"\xff\xd8\xff", b"#!/bin/sh\n", b"\0" * 64],
)
def test_a_file_without_an_extension_and_without_a_whole_header_is_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "thing").write_bytes(content)
    listing = read_folder(tmp_path)
    assert (ids(listing), listing.ignored) == ([], 1)


def test_a_huge_picture_without_an_extension_is_listed_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(tmp_path / "big", "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    assert is_image(str(tmp_path / "big"), "big")


def test_images_are_sorted_by_id_whatever_the_disk_says(tmp_path: Path) -> None:
    tree(tmp_path, "b/2.png", "b/10.png", "a.png", "b.png", "B/1.png", "a/z/1.png", "a-b/1.png")
    found = ids(read_folder(tmp_path))
    assert found == sorted(found)
    assert len(found) == 7


def test_an_empty_folder_has_no_images(tmp_path: Path) -> None:
    listing = read_folder(tmp_path)
    assert (listing.images, listing.unreadable, listing.ignored) == ([], [], 0)


def test_a_loop_of_links_ends_and_lists_each_image_once(tmp_path: Path) -> None:
    tree(tmp_path, "Apple/a.png")
    (tmp_path / "Apple" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "Apple" / "here").symlink_to(".")
    assert ids(read_folder(tmp_path)) == ["Apple/a.png"]


def test_links_that_lead_to_each_other_do_not_multiply(tmp_path: Path) -> None:
    folders = [tmp_path / f"f{i}" for i in range(12)]
    for folder in folders:
        picture(folder / "a.png")
    for folder in folders:
        for other in folders:
            if other != folder:
                (folder / f"to-{other.name}").symlink_to(other, target_is_directory=True)
    found = ids(read_folder(tmp_path))
    assert {f"f{i}/a.png" for i in range(12)} <= set(found)
    assert len(found) < 12 * 12 * 12  # unbounded: more than 12 factorial


def test_a_linked_folder_and_a_linked_image_are_read(tmp_path: Path) -> None:
    outside = tree(tmp_path / "elsewhere", "a.png")
    root = tree(tmp_path / "root", "Apple/b.png")
    (root / "Pear").symlink_to(outside, target_is_directory=True)
    (root / "Apple" / "c.png").symlink_to(outside / "a.png")
    assert ids(read_folder(root)) == ["Apple/b.png", "Apple/c.png", "Pear/a.png"]


def test_links_out_of_the_fence_are_unreadable_with_the_reason(tmp_path: Path) -> None:
    outside = tree(tmp_path / "elsewhere", "a.png", "deep/b.png")
    picture(outside / "noname", "PNG")
    root = tree(tmp_path / "root", "Apple/b.png")
    (root / "Pear").symlink_to(outside, target_is_directory=True)
    (root / "Apple" / "c.png").symlink_to(outside / "a.png")
    (root / "Apple" / "noname").symlink_to(outside / "noname")
    (root / "Apple" / "inside.png").symlink_to("b.png")
    listing = read_folder(root, fence=Fence([root]))
    assert ids(listing) == ["Apple/b.png", "Apple/inside.png"]
    assert [(u.image_id, u.reason) for u in listing.unreadable] == [
        ("Apple/c.png", "lies outside the allowed folders"),
        ("Pear", "lies outside the allowed folders"),
    ]
    assert listing.ignored == 1


def test_broken_links_and_special_files_are_reported_and_never_opened(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")  # opening one would wait for ever
    listing = read_folder(tmp_path)
    assert {u.image_id: u.reason for u in listing.unreadable} == {
        "gone.png": "leads to a file that is not there",
        "pipe.jpg": "is not an ordinary file",
    }
    assert (listing.images, listing.ignored) == ([], 1)


def test_a_folder_named_like_an_image_is_a_folder(tmp_path: Path) -> None:
    tree(tmp_path, "apples.jpg/a.png")
    assert concepts(read_folder(tmp_path)) == {"apples.jpg/a.png": ("apples.jpg",)}


def test_a_name_that_is_not_unicode_is_unreadable_and_its_id_printable(tmp_path: Path) -> None:
    with open(os.path.join(os.fsencode(tmp_path), b"caf\xe9.png"), "wb") as file:
        file.write(b"x")
    (found,) = read_folder(tmp_path).unreadable
    found.image_id.encode("utf-8")
    assert "rename" in found.reason


def test_a_training_name_with_the_prefix_of_the_second_root_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "real_world:a.png", "real_world:x/b.png", "c.png")
    listing = read_folder(tmp_path)
    assert ids(listing) == ["c.png"]
    assert [u.image_id for u in listing.unreadable] == ["real_world:a.png", "real_world:x/b.png"]


@pytest.mark.parametrize("name", ["a\nb.png", "<b>.png", "[x](y).png", "😀.png", "a\\b.png", "a;b.png", " a .png"])
def test_odd_names_keep_their_id_and_resolve(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "c" / name)
    (entry,) = read_folder(tmp_path).images
    assert (tmp_path / entry.image_id).is_file()
    assert Path(entry.path).name == name


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_reported(tmp_path: Path) -> None:
    tree(tmp_path, "Apple/a.png", "Pear/b.png")
    (tmp_path / "Pear").chmod(0)
    try:
        listing = read_folder(tmp_path)
    finally:
        (tmp_path / "Pear").chmod(0o755)
    assert ids(listing) == ["Apple/a.png"]
    assert [u.image_id for u in listing.unreadable] == ["Pear"]


def test_a_folder_that_vanishes_while_listing_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "Apple/a.png", "Pear/b.png")
    real = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("Pear"):
            raise FileNotFoundError(2, "No such file or directory")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    listing = read_folder(tmp_path)
    assert ids(listing) == ["Apple/a.png"]
    assert [u.image_id for u in listing.unreadable] == ["Pear"]


def test_a_root_that_cannot_be_listed_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scandir(path: str) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InputError, match="cannot be listed"):
        read_folder(tmp_path)


def test_listing_can_be_cancelled(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.png", "b/1.png")

    def cancel(done: int, total: int, note: str = "") -> None:
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        read_folder(tmp_path, progress=cancel)


def test_real_world_folders_are_labels_only_where_they_name_a_training_concept(tmp_path: Path) -> None:
    tree(tmp_path, "Apple/a.png", "2024/Apple/phone/b.png", "shop/c.png", "d.png", "test/Apple/e.png")
    listing = real_world(tmp_path, {"Apple", "Pear"})
    assert {e.image_id: (e.concepts, e.metadata.get("folder"), e.split) for e in listing.images} == {
        "real_world:Apple/a.png": (("Apple",), None, None),
        "real_world:2024/Apple/phone/b.png": (("Apple",), "2024/phone", None),
        "real_world:shop/c.png": ((), "shop", None),
        "real_world:d.png": ((), None, None),
        "real_world:test/Apple/e.png": (("Apple",), None, "test"),
    }
    assert {e.origin for e in listing.images} == {REAL_WORLD}


@pytest.mark.parametrize(
    ("folders", "concept", "folder"),
    [
        ("Fruit/Apple/Granny-Smith", "Fruit/Apple/Granny-Smith", None),
        ("Fruit/Apple", "Fruit/Apple", None),  # an implied parent
        ("Fruit", "Fruit", None),
        ("Fruit/Apple/Fuji", None, "Fruit/Apple/Fuji"),  # a kind training does not know is not "apple"
        ("Milk/Fuji", "Milk", "Fuji"),  # a known concept with a folder of its own below
        ("Apple/Granny-Smith", "Fruit/Apple/Granny-Smith", "Apple"),  # the last name, which no other concept has
        ("2024/Granny-Smith/phone", "Fruit/Apple/Granny-Smith", "2024/phone"),
        ("Apple", None, "Apple"),  # the last name of an implied parent only
        ("x/Fruit/Apple", "Fruit/Apple", "x"),
        ("Fruit/x/Apple", None, "Fruit/x/Apple"),  # not one run
        ("Fruit/Fruit/Apple", "Fruit/Apple", "Fruit"),  # the longest
        ("Milk/Fruit", "Fruit", "Milk"),  # the deepest of equal length
        ("fruit", None, "fruit"),
    ],
)
def test_the_longest_then_deepest_run_of_folders_names_the_concept(
    tmp_path: Path, folders: str, concept: str | None, folder: str | None
) -> None:
    tree(tmp_path, f"{folders}/a.png")
    (entry,) = real_world(tmp_path, {"Fruit/Apple/Granny-Smith", "Milk"}).images
    assert entry.concepts == ((concept,) if concept else ())
    assert entry.metadata.get("folder") == folder


def test_a_last_name_that_two_concepts_share_names_neither(tmp_path: Path) -> None:
    tree(tmp_path, "Red/a.png")
    (entry,) = real_world(tmp_path, {"Apple/Red", "Pepper/Red"}).images
    assert (entry.concepts, entry.metadata) == ((), {"folder": "Red"})


def test_without_training_concepts_every_real_world_folder_is_metadata(tmp_path: Path) -> None:
    tree(tmp_path, "Apple/a.png")
    (entry,) = real_world(tmp_path, set()).images
    assert (entry.concepts, entry.metadata) == ((), {"folder": "Apple"})


NAMES = st.text(string.ascii_letters + string.digits + " ._-;#äé漢", min_size=1, max_size=8).filter(
    lambda s: not s.startswith(".") and s.strip(". ") and s != "__MACOSX"
)
PATHS = st.lists(NAMES, min_size=0, max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PATHS, NAMES, st.sampled_from([".jpg", ".PNG", ".webp", ".txt"])), max_size=8))
def test_any_tree_gives_ids_that_resolve_and_the_folder_as_concept(
    files: list[tuple[list[str], str, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        written = {}
        for parts, stem, suffix in files:
            path = root.joinpath(*parts, stem + suffix)
            if any(p.is_file() for p in path.parents if p != root.parent) or path.is_dir():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
            written["/".join([*parts, stem + suffix])] = tuple(parts)
        listing = read_folder(root)
        images = {i: parts for i, parts in written.items() if not i.endswith(".txt")}
        assert ids(listing) == sorted(images)
        assert listing.ignored == len(written) - len(images)
        for entry in listing.images:
            assert (root / entry.image_id).is_file()
            assert Path(entry.path) == root / entry.image_id
            split, left = split_of(images[entry.image_id])
            assert entry.split == split
            assert entry.concepts == (("/".join(left),) if left else ())


def test_names_that_read_the_same_are_one_concept_and_ids_keep_the_name_on_disk(tmp_path: Path) -> None:
    whole, apart = unicodedata.normalize("NFC", "Käse/Höhle"), unicodedata.normalize("NFD", "Käse/Höhle")
    tree(tmp_path / "in", f"{apart}/a.png", f"{whole}/b.png")
    listing = read_folder(tmp_path / "in")
    assert set(concepts(listing).values()) == {(whole,)}
    assert set(ids(listing)) == {f"{apart}/a.png", f"{whole}/b.png"}
    assert all((tmp_path / "in" / i).is_file() for i in ids(listing))


@pytest.mark.parametrize(("training", "real"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_real_world_folder_names_a_training_concept_in_either_form(
    tmp_path: Path, training: Literal["NFC", "NFD"], real: Literal["NFC", "NFD"]
) -> None:
    folder = unicodedata.normalize(real, "Käse")
    tree(tmp_path, f"{folder}/a.png", f"{folder}/monday/b.png")
    listing = real_world(tmp_path, {unicodedata.normalize(training, "Kühl/Käse")})
    assert set(concepts(listing).values()) == {(unicodedata.normalize("NFC", "Kühl/Käse"),)}
    assert all((tmp_path / i.removeprefix("real_world:")).is_file() for i in ids(listing))
