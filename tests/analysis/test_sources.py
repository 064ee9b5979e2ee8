"""Sources, the allow-listed roots, and both roots read into one dataset."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from analysis.dataset import Dataset
from analysis.errors import Cancelled, InputError, PathNotAllowed
from analysis.sources import SAMPLE_DATA, Source, allowed_roots, confine, load_dataset


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(root / name)
    return root


def load(training: Path, real_world: Path | None = None) -> Dataset:
    return load_dataset(Source(training, real_world))


# Source


def test_the_id_is_twelve_hex_characters_of_the_resolved_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    base = Source(tmp_path / "a").id
    assert re.fullmatch("[0-9a-f]{12}", base)
    same = [Path("a"), Path("./a/"), tmp_path / "b" / ".." / "a", tmp_path / "link", Path("~/a")]
    assert {Source(p).id for p in same} == {base}
    assert Source(tmp_path / "a", name="other").id == base
    others = [
        Source(tmp_path),
        Source(tmp_path / "a", tmp_path / "b"),
        Source(tmp_path / "b", tmp_path / "a"),
    ]
    assert len({base, *(s.id for s in others)}) == 4


def test_the_id_of_a_sample_is_its_name(tmp_path: Path) -> None:
    assert Source(tmp_path, sample="perfect_pint").id == "perfect_pint"


def test_the_id_holds_for_names_that_are_not_unicode(tmp_path: Path) -> None:
    assert len(Source(tmp_path / os.fsdecode(b"caf\xe9")).id) == 12


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/data/grocery", "grocery"),
        ("/data/grocery/", "grocery"),
        ("/data/grocery/manifest.csv", "grocery"),
        ("/data/grocery/apples.jsonl", "apples"),
        ("/data/grocery.v2", "grocery.v2"),
        ("/", "/"),
    ],
)
def test_the_name_defaults_to_the_training_folders(path: str, name: str) -> None:
    assert Source(Path(path)).name == name
    assert Source(Path(path), name="mine").name == "mine"


def test_the_name_of_the_working_folder_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Source(Path(".")).name == tmp_path.name


# allowed_roots and confine


def test_roots_come_from_the_environment_and_always_hold_the_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, c = (tmp_path / n for n in "abc")
    monkeypatch.setenv("EXPLORER_ROOTS", os.pathsep.join([str(a), "", str(b), str(a)]))
    assert allowed_roots([c]) == (a, b, c, SAMPLE_DATA)


def test_without_the_variable_home_and_working_folder_are_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EXPLORER_ROOTS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert allowed_roots() == (tmp_path / "home", tmp_path / "work", SAMPLE_DATA)


def test_the_whole_machine_is_never_allowed_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXPLORER_ROOTS", raising=False)
    monkeypatch.setenv("HOME", "/")
    monkeypatch.chdir("/")
    assert allowed_roots() == (SAMPLE_DATA,)
    monkeypatch.setenv("EXPLORER_ROOTS", "/")
    assert Path("/") in allowed_roots()


def test_a_path_inside_is_resolved_and_home_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a b")
    monkeypatch.setenv("HOME", str(tmp_path))
    for text in ("~/a b", "  ~/a b/ ", str(tmp_path / "link"), str(tmp_path / "a b" / ".." / "a b")):
        assert confine(text, [tmp_path]) == tmp_path / "a b"
    assert confine(tmp_path, [tmp_path]) == tmp_path
    assert confine("/", None) == Path("/")
    assert confine("/etc", [Path("/")]) == Path("/etc")


@pytest.mark.parametrize("text", ["{out}", "{in}/../out", "{in}/door", "{in}/door/x", "{in}side", "/", "{out}/nothing"])
def test_a_path_outside_is_refused_whether_it_exists_or_not(tmp_path: Path, text: str) -> None:
    for name in ("in", "out", "inside"):
        (tmp_path / name).mkdir()
    (tmp_path / "in" / "door").symlink_to(tmp_path / "out")
    filled = text.replace("{in}", str(tmp_path / "in")).replace("{out}", str(tmp_path / "out"))
    with pytest.raises(PathNotAllowed, match=r"outside the folders this app may read.*EXPLORER_ROOTS"):
        confine(filled, [tmp_path / "in"])


def test_no_roots_allow_nothing(tmp_path: Path) -> None:
    with pytest.raises(PathNotAllowed, match="none"):
        confine(tmp_path, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No path was given"),
        ("   ", "No path was given"),
        ("a\0b", "not a path"),
        ("a\ud800b", "not a path"),
        ("{root}/none", "is not there"),
        ("{root}/file/below", "is not there"),
        ("{root}/" + "x" * 300, "cannot be opened"),
        ("{root}/" + "x/" * 5000, "cannot be opened|is not there"),
        ("{root}/loop", "cannot be opened"),
        ("{root}/line\nbreak", "is not there"),
    ],
)
def test_what_is_no_usable_path_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("x")
    for roots in (None, [tmp_path]):
        with pytest.raises(InputError, match=message) as caught:
            confine(text.replace("{root}", str(tmp_path)), roots)
        if "\0" not in text and text.strip():
            assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400
        str(caught.value).encode("utf-8")


# load_dataset


def test_both_folders_become_one_dataset(tmp_path: Path) -> None:
    training = tree(tmp_path / "grocery/studio", "Fruit/Apple/a.png", "train/Milk/b.png", "c.png")
    world = tree(tmp_path / "grocery/shop", "2024/Fruit/Apple/a.png", "street/d.png")
    (training / "notes.txt").write_text("x")
    (world / "notes.txt").write_text("x")
    dataset = load(training, world)
    assert dataset.name == "grocery"  # the folder that holds both
    assert dataset.roots == {"training": training, "real_world": world}
    assert dataset.images["image_id"].tolist() == [
        "Fruit/Apple/a.png", "c.png", "train/Milk/b.png",
        "real_world:2024/Fruit/Apple/a.png", "real_world:street/d.png",
    ]  # fmt: skip
    assert dataset.images["origin"].tolist() == ["training"] * 3 + ["real_world"] * 2
    assert dataset.images["split"].tolist() == [None, None, "train", None, None]
    assert dataset.concepts_by_row == (("Fruit/Apple",), (), ("Milk",), ("Fruit/Apple",), ())
    assert dataset.metadata == ("folder",)
    assert dataset.images["folder"].tolist() == [None, None, None, "2024", "street"]
    assert (dataset.ignored, dataset.unreadable, len(dataset.negatives)) == (2, (), 0)


def test_every_id_resolves_against_its_root(tmp_path: Path) -> None:
    dataset = load(tree(tmp_path / "a", "x/1.png", "2.png"), tree(tmp_path / "b", "x/1.png"))
    for row in dataset.images.itertuples():
        relative = str(row.image_id).removeprefix("real_world:")
        assert dataset.roots[str(row.origin)] / relative == Path(str(row.path))
        assert Path(str(row.path)).is_file()


def test_a_dataset_read_twice_has_the_same_fingerprint_and_another_does_not(tmp_path: Path) -> None:
    training = tree(tmp_path / "a", "x/1.png", "y/2.png")
    first = load(training).fingerprint
    assert load(training).fingerprint == first
    tree(training, "y/3.png")
    assert load(training).fingerprint != first


def test_one_manifest_may_hold_both_origins(tmp_path: Path) -> None:
    tree(tmp_path, "a.png", "b.png")
    (tmp_path / "m.csv").write_text("image,concepts,origin\na.png,Apple,training\nb.png,,real_world\n")
    dataset = load(tmp_path / "m.csv")
    assert dataset.images["image_id"].tolist() == ["a.png", "b.png"]
    assert dataset.images["origin"].tolist() == ["training", "real_world"]
    assert dataset.roots == {"training": tmp_path, "real_world": tmp_path}  # every id resolves, whatever its origin
    assert dataset.has_real_world


def test_a_manifest_and_a_folder_go_together_in_either_order(tmp_path: Path) -> None:
    tree(tmp_path, "lists/pictures/a.png", "shop/Apple/b.png")
    manifest = tmp_path / "lists" / "m.csv"
    manifest.write_text("image,concepts,site,folder\npictures/a.png,Apple,3,left\n")
    dataset = load(manifest, tmp_path / "shop")
    assert dataset.concepts_by_row == (("Apple",), ("Apple",))
    assert dataset.metadata == ("site", "folder")
    assert dataset.images["folder"].tolist() == ["left", None]
    assert dataset.images["site"].isna().tolist() == [False, True]
    other = load(tmp_path / "shop", manifest)
    assert other.images["image_id"].tolist() == ["Apple/b.png", "real_world:pictures/a.png"]
    assert other.images["origin"].tolist() == ["training", "real_world"]


def test_two_manifests_of_one_folder_go_together(tmp_path: Path) -> None:
    tree(tmp_path, "a.png")
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text("image,concepts\na.png,Apple\n")
    assert load(tmp_path / "one.csv", tmp_path / "two.csv").images["image_id"].tolist() == [
        "a.png",
        "real_world:a.png",
    ]


def test_real_world_labels_in_the_training_manifest_name_no_training_concept(tmp_path: Path) -> None:
    tree(tmp_path, "one/a.png", "one/b.png", "shop/Pear/c.png")
    (tmp_path / "one" / "m.csv").write_text("image,concepts,origin\na.png,Apple,\nb.png,Pear,real_world\n")
    dataset = load(tmp_path / "one" / "m.csv", tmp_path / "shop")
    assert dataset.concepts_by_row[2] == ()
    assert dataset.images["folder"].tolist() == [None, None, "Pear"]


def test_columns_of_different_kind_in_the_two_manifests_become_text(tmp_path: Path) -> None:
    tree(tmp_path, "a.png")
    (tmp_path / "one.csv").write_text("image,site,n\na.png,3,1\n")
    (tmp_path / "two.csv").write_text("image,site,n\na.png,left,2.5\n")
    images = load(tmp_path / "one.csv", tmp_path / "two.csv").images
    assert images["site"].tolist() == ["3", "left"]
    assert images["n"].tolist() == [1.0, 2.5]


def test_a_folder_with_no_image_is_an_empty_dataset_that_works(tmp_path: Path) -> None:
    (tmp_path / "Apple").mkdir()
    (tmp_path / "Apple" / "notes.txt").write_text("x")
    dataset = load(tmp_path)
    assert (len(dataset), dataset.concepts, dataset.ignored) == (0, (), 1)
    assert dataset.rows(concept="Apple", origin="training").tolist() == []
    assert dataset.concepts_by_row == ()
    assert not dataset.has_real_world
    assert len(dataset.fingerprint) == 32
    assert len(dataset.select(dataset.rows())) == 0
    assert list(dataset.images.columns) == ["image_id", "path", "origin", "split"]
    assert dataset.labels["image"].dtype == "int64"


def test_a_manifest_whose_files_are_all_gone_is_empty_but_tells_which(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("image,concepts,site\na.png,Apple,3\n")
    dataset = load(tmp_path / "m.csv")
    assert (len(dataset), dataset.concepts, dataset.metadata) == (0, (), ())
    assert [(u.image_id, u.reason) for u in dataset.unreadable] == [("a.png", "is not there")]


def test_text_columns_hold_python_text_and_none(tmp_path: Path) -> None:
    images = load(tree(tmp_path, "a.png")).images
    assert {str(images[c].dtype) for c in images} == {"object"}
    assert images["split"].tolist() == [None]
    assert isinstance(images, pd.DataFrame)


def test_a_folder_that_holds_a_manifest_is_still_a_folder(tmp_path: Path) -> None:
    tree(tmp_path, "Apple/a.png")
    (tmp_path / "manifest.csv").write_text("image,concepts\nApple/a.png,Pear\n")
    dataset = load(tmp_path)
    assert (dataset.concepts, dataset.ignored) == (("Apple",), 1)


@pytest.mark.parametrize(("one", "two"), [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "link"), ("a/m.csv", "a")])
def test_overlapping_roots_are_refused(tmp_path: Path, one: str, two: str) -> None:
    tree(tmp_path / "a", "b/1.png")
    (tmp_path / "a" / "m.csv").write_text("image\nb/1.png\n")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with pytest.raises(InputError, match=r"overlap.*neither inside the other"):
        load(tmp_path / one, tmp_path / two)


def test_folders_whose_names_begin_alike_do_not_overlap(tmp_path: Path) -> None:
    assert len(load(tree(tmp_path / "a", "1.png"), tree(tmp_path / "ab", "1.png"))) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "is not there"),
        ("a.zip", "zip file; unpack it first, or upload it on the start page"),
        ("a.png", "neither a folder nor a manifest.*“image”"),
        ("a.json", "not JSON that can be read"),
        ("b.json", "not a COCO file"),
        ("a.yaml", "names no classes"),
        ("pipe.csv", "not an ordinary file"),
    ],
)
def test_a_path_that_is_no_dataset_says_what_is_read(tmp_path: Path, name: str, message: str) -> None:
    for other, content in {"a.zip": "", "a.png": "", "a.json": "", "b.json": "{}", "a.yaml": "x: 1"}.items():
        (tmp_path / other).write_text(content)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match=message):
        load(tmp_path / name)
    good = tree(tmp_path / "good", "1.png")
    with pytest.raises(InputError, match=message):
        load(good, tmp_path / name)


def test_files_outside_the_allowed_folders_are_unreadable(tmp_path: Path) -> None:
    tree(tmp_path, "in/Apple/a.png", "out/b.png", "in2/c.png")
    (tmp_path / "in" / "Apple" / "b.png").symlink_to(tmp_path / "out" / "b.png")
    (tmp_path / "in2" / "m.csv").write_text("image\nc.png\n../out/b.png\n../in/Apple/a.png\n")
    source = Source(tmp_path / "in", tmp_path / "in2" / "m.csv")
    dataset = load_dataset(source, allowed_roots=[tmp_path / "in", tmp_path / "in2"])
    assert dataset.images["image_id"].tolist() == [
        "Apple/a.png",
        "real_world:c.png",
        "real_world:../in/Apple/a.png",
    ]
    assert [(u.image_id, u.reason) for u in dataset.unreadable] == [
        ("Apple/b.png", "lies outside the allowed folders"),
        ("real_world:../out/b.png", "lies outside the allowed folders"),
    ]
    assert len(load_dataset(source)) == 5


def test_a_source_outside_the_allowed_folders_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "in/a.png", "out/b.png")
    for source in (Source(tmp_path / "out"), Source(tmp_path / "in", tmp_path / "out")):
        with pytest.raises(PathNotAllowed):
            load_dataset(source, allowed_roots=[tmp_path / "in"])


def test_loading_can_be_cancelled(tmp_path: Path) -> None:
    def cancel(done: int, total: int, note: str = "") -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        load_dataset(Source(tree(tmp_path, "a.png")), progress=cancel)
