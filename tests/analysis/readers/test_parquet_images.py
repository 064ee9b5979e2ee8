"""Hugging Face Parquet: pictures inside tables become files once; labels, splits and boxes are read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forms_support import boxes, concepts, load, pictures, reasons, splits, write
from support import encode, photo

from analysis.errors import Cancelled, InputError, PathNotAllowed
from analysis.readers import parquet_images
from analysis.sources import Source, holds_packed_pictures, load_dataset

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
FEATURES: dict[str, Any] = {
    "image": {"_type": "Image"},
    "label": {"names": ["apple", "leek"], "_type": "ClassLabel"},
}
PNG = [encode(photo(i, size=(40, 20)), "PNG") for i in range(6)]


def table(path: Path, columns: dict[str, Any], features: dict[str, Any] | None = None, **options: Any) -> Path:
    """A table as the `datasets` library writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = pa.table(columns)
    if features is not None:
        made = made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(made, path, **options)
    return path


def images(*contents: bytes | None, names: list[str | None] | None = None) -> pa.Array:
    rows = [{"bytes": c, "path": names[i] if names else None} for i, c in enumerate(contents)]
    return pa.array(rows, IMAGE)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"),
        ("train-00000-of-00001-abc.parquet", "test-00000-of-00001-def.parquet"),
        ("default/train/0000.parquet", "default/test/0000.parquet"),
        ("set/data/train-00000-of-00001.parquet", "set/data/test-00000-of-00001.parquet"),
    ],
)
def test_every_usual_layout_is_read(tmp_path: Path, cache: Path, train: str, test: str) -> None:
    root = tmp_path / "in"
    table(root / train, {"image": images(*PNG[:2], names=["a.png", None]), "label": [0, 1]}, FEATURES)
    table(root / test, {"image": images(PNG[2]), "label": [-1]}, FEATURES)
    dataset = load(root, cache=cache)
    assert concepts(dataset) == {"test/000001.png": (), "train/000001-a.png": ("apple",), "train/000002.png": ("leek",)}
    assert set(splits(dataset).values()) == {"train", "test"}
    assert [Path(p).read_bytes() for p in dataset.images["path"]] == [PNG[2], PNG[0], PNG[1]]
    assert dataset.roots["training"].is_relative_to(cache)


def test_rows_are_counted_on_over_the_parts_of_a_split(tmp_path: Path, cache: Path) -> None:
    for part in range(2):
        table(
            tmp_path / "in" / "data" / f"train-0000{part}-of-00002.parquet",
            {"image": images(PNG[part]), "label": [part]},
            FEATURES,
        )
    assert concepts(load(tmp_path / "in", cache=cache)) == {
        "train/000001.png": ("apple",),
        "train/000002.png": ("leek",),
    }


@pytest.mark.parametrize(
    ("column", "values", "features", "expected"),
    [
        ("label", ["apple", "Fruit/ leek"], {}, [("apple",), ("Fruit/leek",)]),
        ("label", [3, 1], None, [("3",), ("1",)]),
        (
            "labels",
            [[0, 1], []],
            {"labels": {"feature": FEATURES["label"], "_type": "Sequence"}},
            [("apple", "leek"), ()],
        ),
        ("labels", [[0, 1], []], {"labels": [FEATURES["label"]]}, [("apple", "leek"), ()]),
        ("kind", [1, 0], {"kind": FEATURES["label"]}, [("leek",), ("apple",)]),
        ("label", [None, ""], None, [(), ()]),
        ("number", [1, 2], None, [(), ()]),
    ],
)
def test_labels_are_classes_names_or_lists(
    tmp_path: Path,
    cache: Path,
    column: str,
    values: list[Any],
    features: dict[str, Any] | None,
    expected: list[tuple[str, ...]],
) -> None:
    table(tmp_path / "in" / "train.parquet", {"image": images(*PNG[:2]), column: values}, features)
    assert list(concepts(load(tmp_path / "in", cache=cache)).values()) == expected


def test_class_names_may_stand_in_the_readme(tmp_path: Path, cache: Path) -> None:
    names = "dtype:\n      class_label:\n        names:\n          '0': apple\n          '1': leek\n"
    features = f"- name: image\n    dtype: image\n  - name: label\n    {names}"
    readme = f"---\ndataset_info:\n  features:\n  {features}---\n# Text\n"
    write(tmp_path / "in" / "README.md", readme)
    table(tmp_path / "in" / "data" / "train-0.parquet", {"image": images(*PNG[:2]), "label": [1, 0]})
    assert list(concepts(load(tmp_path / "in", cache=cache)).values()) == [("leek",), ("apple",)]


def test_other_columns_become_metadata_and_a_second_class_its_name(tmp_path: Path, cache: Path) -> None:
    features = {**FEATURES, "coarse": {"names": ["food", "toy"], "_type": "ClassLabel"}}
    columns = {
        "image": images(*PNG[:2]),
        "label": [0, 1],
        "coarse": [1, 0],
        "site": ["x", None],
        "width": [4, 5],
        "vector": [[1.0], [2.0]],
    }
    table(tmp_path / "in" / "train.parquet", columns, features)
    dataset = load(tmp_path / "in", cache=cache)
    assert set(dataset.metadata) == {"coarse", "site", "meta_width"}
    assert dataset.images["coarse"].tolist() == ["toy", "food"]


@pytest.mark.parametrize(("as_list", "newer"), [(False, False), (True, False), (False, True), (True, True)])
def test_objects_with_boxes_are_read(tmp_path: Path, cache: Path, as_list: bool, newer: bool) -> None:
    inner = {"bbox": {"feature": {"dtype": "float32"}, "length": 4}, "category": FEATURES["label"]}
    rows: list[Any] = [
        {"bbox": [[4.0, 2.0, 20.0, 10.0], [0.0, 0.0, 40.0, 20.0]], "category": [0, 1]},
        {"bbox": [], "category": []},
    ]
    if as_list:
        rows = [[{"bbox": b, "category": c} for b, c in zip(r["bbox"], r["category"], strict=True)] for r in rows]
    objects: Any = [inner] if as_list else {"feature": inner, "_type": "Sequence"}
    if newer:  # from release 4 of the library on
        lists = {k: {"feature": v, "_type": "List"} for k, v in inner.items()}
        objects = {"feature": inner, "_type": "List"} if as_list else lists
    features = {"image": FEATURES["image"], "objects": objects}
    table(
        tmp_path / "in" / "train.parquet",
        {"image": images(*PNG[:2]), "objects": rows, "width": [40, 40], "height": [20, 20]},
        features,
    )
    dataset = load(tmp_path / "in", cache=cache)
    assert concepts(dataset) == {"train/000001.png": ("apple", "leek"), "train/000002.png": ()}
    assert [b[1:] for b in boxes(dataset)] == [("apple", 0.1, 0.1, 0.5, 0.5), ("leek", 0, 0, 1, 1)]


def test_a_table_given_by_its_path_is_read_and_a_manifest_stays_one(tmp_path: Path, cache: Path) -> None:
    path = table(tmp_path / "in" / "train.parquet", {"image": images(PNG[0]), "label": [1]}, FEATURES)
    assert concepts(load(path, cache=cache)) == {"train/000001.png": ("leek",)}
    assert holds_packed_pictures(path)
    pictures(tmp_path / "in", "1.png")
    manifest = table(tmp_path / "in" / "m.parquet", {"image": ["1.png"], "concepts": ["leek"]})
    assert concepts(load(manifest, cache=cache)) == {"1.png": ("leek",)}
    assert not holds_packed_pictures(manifest)


def test_a_folder_that_holds_pictures_as_files_stays_one(tmp_path: Path, cache: Path) -> None:
    pictures(tmp_path / "in", "apple/1.png")
    table(tmp_path / "in" / "train.parquet", {"image": images(PNG[0]), "label": [1]}, FEATURES)
    assert concepts(load(tmp_path / "in", cache=cache)) == {"apple/1.png": ("apple",)}
    table(tmp_path / "in" / "train.parquet", {"image": images(*PNG[:2]), "label": [1, 1]}, FEATURES)
    assert len(load(tmp_path / "in", cache=cache)) == 2  # more in the table: the other is an ornament


def test_the_same_content_is_unpacked_once_and_other_content_apart(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(tmp_path / "in" / "train.parquet", {"image": images(*PNG[:2]), "label": [0, 1]}, FEATURES)
    first = load(tmp_path / "in", cache=cache)
    stamp = os.stat(path).st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr(parquet_images, "_pictures", lambda *_: pytest.fail("unpacked again"))
        again = load(tmp_path / "in", cache=cache)
    assert again.fingerprint == first.fingerprint and again.roots == first.roots
    table(path, {"image": images(*PNG[2:4]), "label": [0, 1]}, FEATURES)
    os.utime(path, ns=(stamp, stamp))
    other = load(tmp_path / "in", cache=cache)
    assert other.roots != first.roots
    assert Path(other.images["path"][0]).read_bytes() == PNG[2]


def test_a_stopped_unpacking_goes_on_and_a_deleted_picture_comes_back(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(tmp_path / "in" / "train.parquet", {"image": images(*PNG * 20), "label": [0, 1, 0, 1, 0, 1] * 20}, FEATURES)

    def cancel(done: int, total: int, note: str = "") -> None:
        if note.startswith("Unpacking") and done >= 64:
            raise Cancelled

    with pytest.raises(Cancelled):
        load_dataset(Source(tmp_path / "in"), cache=cache, progress=cancel)
    written: list[str] = []
    real = parquet_images._atomically
    monkeypatch.setattr(
        parquet_images, "_atomically", lambda target, content: (written.append(target.name), real(target, content))
    )
    dataset = load(tmp_path / "in", cache=cache)
    assert len(dataset) == 120
    assert len(written) == 120 - 64 + 1  # and the index
    Path(dataset.images["path"][7]).unlink()
    assert len(load(tmp_path / "in", cache=cache)) == 120
    assert not [p for p in cache.rglob("*") if p.name.endswith(".part")]


def test_rows_without_a_picture_are_told(tmp_path: Path, cache: Path) -> None:
    table(tmp_path / "in" / "train.parquet", {"image": images(PNG[0], None, b""), "label": [0, 5, 1]}, FEATURES)
    dataset = load(tmp_path / "in", cache=cache)
    assert list(concepts(dataset)) == ["train/000001.png"]
    assert reasons(dataset) == {"train.parquet row 2": "holds no picture", "train.parquet row 3": "holds no picture"}


@pytest.mark.parametrize(
    "name",
    ["../../../x.png", "/etc/passwd", "a/b/c.png", "..", ".png", "ä\n<b>.png", "x" * 400 + ".png", "a.exe", "\0"],
)
def test_names_inside_the_table_lead_nowhere(tmp_path: Path, cache: Path, name: str) -> None:
    table(
        tmp_path / "in" / "train.parquet",
        {"image": images(PNG[0], b"no picture", names=[name, name]), "label": [0, 7]},
        FEATURES,
    )
    dataset = load(tmp_path / "in", cache=cache)
    assert len(dataset) == 2
    for path in dataset.images["path"]:
        assert Path(os.path.realpath(path)).parent == dataset.roots["training"] / "train"
    assert "none of its classes" in dataset.unreadable[0].reason


def test_a_table_made_to_fill_the_disk_is_refused(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_images, "_GROWTH_FROM", 100_000)
    content = b"\x89PNG" + bytes(20_000)
    table(tmp_path / "in" / "train.parquet", {"image": images(*[content] * 200)}, None, compression="zstd")
    with pytest.raises(InputError, match="grow as no photos do"):
        load(tmp_path / "in", cache=cache)
    monkeypatch.setattr(parquet_images, "_GROWTH_FROM", 10**9)
    monkeypatch.setattr(parquet_images, "SPARE_BYTES", 2**62)
    with pytest.raises(InputError, match="not enough room"):
        load(tmp_path / "in", cache=cache)


def test_a_damaged_table_is_one_clear_line(tmp_path: Path, cache: Path) -> None:
    path = table(tmp_path / "in" / "train.parquet", {"image": images(*PNG), "label": [0, 1] * 3}, FEATURES)
    content = bytearray(path.read_bytes())
    content[100:3000] = bytes(2900)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"train\.parquet") as error:
        load(tmp_path / "in", cache=cache)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "metadata",
    [
        b"{",
        b"[]",
        b'{"info": 3}',
        b'{"info": {"features": [1]}}',
        b'{"info": {"features": {"label": {"_type": "ClassLabel", "names": 3}, "image": 1}}}',
    ],
)
def test_hostile_notes_in_the_schema_are_passed_over(tmp_path: Path, cache: Path, metadata: bytes) -> None:
    made = pa.table({"image": images(PNG[0]), "label": [1]}).replace_schema_metadata({b"huggingface": metadata})
    (tmp_path / "in").mkdir()
    pq.write_table(made, tmp_path / "in" / "train.parquet")
    write(tmp_path / "in" / "README.md", "---\ndataset_info: [3]\n---\n")
    assert list(concepts(load(tmp_path / "in", cache=cache)).values()) == [("1",)]


def test_the_real_world_may_be_packed_too(tmp_path: Path, cache: Path) -> None:
    pictures(tmp_path / "t", "Fruit/apple/1.png")
    table(tmp_path / "r" / "train.parquet", {"image": images(*PNG[:2]), "label": [0, 1]}, FEATURES)
    dataset = load(tmp_path / "t", tmp_path / "r", cache=cache)
    assert concepts(dataset)["real_world:train/000001.png"] == ("Fruit/apple",)
    assert concepts(dataset)["real_world:train/000002.png"] == ()


def test_the_fence_holds(tmp_path: Path, cache: Path) -> None:
    table(tmp_path / "out" / "train.parquet", {"image": images(PNG[0]), "label": [1]}, FEATURES)
    inside = tmp_path / "in"
    inside.mkdir()
    os.symlink(tmp_path / "out" / "train.parquet", inside / "train.parquet")
    assert len(load_dataset(Source(inside), allowed_roots=[inside], cache=cache)) == 0
    assert not cache.exists()
    with pytest.raises(PathNotAllowed):
        holds_packed_pictures(tmp_path / "out", [inside])
    (inside / "train.parquet").unlink()
    os.rename(tmp_path / "out" / "train.parquet", inside / "train.parquet")
    assert (
        len(load_dataset(Source(inside), allowed_roots=[inside], cache=cache)) == 1
    )  # the cache itself may lie outside
