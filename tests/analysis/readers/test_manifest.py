"""The manifest reader: three forms of one table, and every way a table can be wrong."""

from __future__ import annotations

import json
import string
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.dataset import Dataset
from analysis.errors import Cancelled, InputError
from analysis.readers.listing import Box, Entry, Fence, Listing
from analysis.readers.manifest import read_manifest
from analysis.sources import Source, load_dataset

Row = dict[str, object]


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def csv_file(folder: Path, *lines: str, name: str = "m.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def jsonl_file(folder: Path, *rows: Row) -> Path:
    path = folder / "m.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return path


def parquet_file(folder: Path, *rows: Row) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), folder / "m.parquet")
    return folder / "m.parquet"


def by_id(listing: Listing) -> dict[str, Entry]:
    return {e.image_id: e for e in listing.images}


def metadata(path: Path) -> pd.DataFrame:
    dataset = load_dataset(Source(path))
    return dataset.images[list(dataset.metadata)]


@pytest.mark.parametrize("write", [jsonl_file, parquet_file])
@pytest.mark.parametrize("value", [["Fruit/Apple", "Red"], "Fruit/Apple;Red", " Fruit/Apple ; ;Red;"])
def test_concepts_are_a_list_or_text_with_semicolons(tmp_path: Path, write: Callable[..., Path], value: object) -> None:
    touch(tmp_path, "a.png")
    (entry,) = read_manifest(write(tmp_path, {"image": "a.png", "concepts": value})).images
    assert entry.concepts == ("Fruit/Apple", "Red")


@pytest.mark.parametrize(
    "cell",
    ["Apple;Red", '"[""Apple"", ""Red""]"', "\"['Apple', 'Red']\"", " Apple ;Red; ", "Apple;Red;Apple"],
)
def test_csv_cells_may_hold_a_printed_list(tmp_path: Path, cell: str) -> None:
    touch(tmp_path, "a.png")
    (entry,) = read_manifest(csv_file(tmp_path, "image,concepts", f"a.png,{cell}")).images
    assert entry.concepts == ("Apple", "Red")


@pytest.mark.parametrize("cell", ["['Apple' 'Red']", "['Apple", "['Apple', Red]", "[" * 5000 + "'a'" + "]" * 5000])
def test_a_printed_list_is_never_guessed_at(tmp_path: Path, cell: str) -> None:
    touch(tmp_path, "a.png")
    path = csv_file(tmp_path, "image,concepts", f'a.png,"{cell}"')
    if cell == "['Apple":  # no list at all, only an odd name
        assert read_manifest(path).images[0].concepts == ("['Apple",)
    elif cell.startswith("[["):
        assert read_manifest(path).images[0].concepts == (cell,)
    else:
        listing = read_manifest(path)
        assert listing.images[0].concepts == ()
        assert listing.unreadable[0].image_id == "m.csv, line 2"
        assert listing.unreadable[0].reason.startswith("concepts left out: the list of concepts")


def test_a_name_in_brackets_is_a_name(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (entry,) = read_manifest(csv_file(tmp_path, "image,concepts", "a.png,[unknown];[]")).images
    assert entry.concepts == ("[unknown]", "[]")


@pytest.mark.parametrize(
    ("given_path", "tidy"),
    [("/Fruit/Apple/", "Fruit/Apple"), ("Fruit // Apple", "Fruit/Apple"), ("/", None), ("  ", None)],
)
def test_concept_paths_are_tidied_and_empty_ones_dropped(tmp_path: Path, given_path: str, tidy: str | None) -> None:
    touch(tmp_path, "a.png")
    (entry,) = read_manifest(jsonl_file(tmp_path, {"image": "a.png", "concepts": [given_path]})).images
    assert entry.concepts == ((tidy,) if tidy else ())


def test_numbers_as_concepts_are_names(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "c.png")
    path = jsonl_file(
        tmp_path,
        {"image": "a.png", "concepts": 3},
        {"image": "b.png", "concepts": [3.0, None, float("nan")]},
        {"image": "c.png", "concepts": None},
    )
    assert [e.concepts for e in read_manifest(path).images] == [("3",), ("3",), ()]


def test_origin_split_and_not_concepts_are_read(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    path = csv_file(
        tmp_path,
        "image,concepts,not_concepts,origin,split",
        "a.png,Apple,Pear;Milk, real_world ,test",
        "b.png,Apple,,,",
    )
    found = by_id(read_manifest(path))
    assert found["a.png"][2:6] == ("real_world", "test", ("Apple",), ("Pear", "Milk"))
    assert found["b.png"][2:6] == ("training", None, ("Apple",), ())


def test_a_concept_given_as_shown_and_as_not_shown_is_shown(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (entry,) = read_manifest(csv_file(tmp_path, "image,concepts,not_concepts", "a.png,Apple,Apple;Pear")).images
    assert (entry.concepts, entry.not_concepts) == (("Apple",), ("Pear",))


def test_rows_of_one_image_are_united(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    path = csv_file(
        tmp_path,
        "image,concepts,not_concepts,split,site",
        "a.png,Apple,Red,,",
        "b.png,Pear,,,x",
        "a.png,Red;Apple,Milk,val,Berlin",
        "./a.png,Green,,,Bonn",
    )
    found = by_id(read_manifest(path))
    assert list(found) == ["a.png", "b.png"]
    assert found["a.png"].concepts == ("Apple", "Red", "Green")
    assert found["a.png"].not_concepts == ("Milk",)
    assert (found["a.png"].split, found["a.png"].metadata["site"]) == ("val", "Berlin")


@pytest.mark.parametrize(("column", "one", "two"), [("split", "train", "test"), ("origin", "training", "real_world")])
def test_one_image_in_two_splits_or_origins_is_told_not_hidden(tmp_path: Path, column: str, one: str, two: str) -> None:
    touch(tmp_path, "a.png")
    listing = read_manifest(csv_file(tmp_path, f"image,{column}", f"a.png,{one}", f"a.png,{two}"))
    assert getattr(listing.images[0], column) == one
    (told,) = listing.unreadable
    assert told.image_id == "m.csv, line 3"
    assert told.reason.startswith(f"{column} left out: a.png has {column} “{two}” here, but “{one}” before")
    assert "line 2" in told.reason


@pytest.mark.parametrize("written", ["sub\\a.png", "./sub/a.png", ".\\sub\\a.png", "sub/../sub/a.png", " sub/a.png "])
def test_the_id_stays_as_written_and_the_path_resolves(tmp_path: Path, written: str) -> None:
    touch(tmp_path, "sub/a.png")
    (entry,) = read_manifest(jsonl_file(tmp_path, {"image": written})).images
    assert entry.image_id == written.strip()
    assert Path(entry.path) == tmp_path / "sub" / "a.png"


def test_a_backslash_that_is_part_of_a_name_wins_over_a_separator(tmp_path: Path) -> None:
    touch(tmp_path, "sub/a.png", "sub\\a.png")
    listing = read_manifest(jsonl_file(tmp_path, {"image": "sub\\a.png"}, {"image": "sub/a.png"}))
    assert len(listing.images) == 2


def test_an_absolute_path_and_one_above_the_manifest_are_read(tmp_path: Path) -> None:
    touch(tmp_path, "pictures/a.png", "b.png")
    (tmp_path / "lists").mkdir()
    path = csv_file(tmp_path / "lists", "image", str(tmp_path / "pictures/a.png"), "../b.png")
    assert [Path(e.path).name for e in read_manifest(path).images] == ["a.png", "b.png"]


def test_files_that_cannot_be_used_are_unreadable_with_a_reason(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "folder/x.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    path = jsonl_file(
        tmp_path,
        {"image": "a.png"},
        {"image": "gone.png"},
        {"image": "folder"},
        {"image": "a.png/b.png"},
        {"image": "x" * 5000},
        {"image": "nul\0.png"},
        {"image": "half\ud800.png"},
        {"image": "real_world:a.png"},
        {"image": "loop.png"},
    )
    listing = read_manifest(path)
    assert [e.image_id for e in listing.images] == ["a.png"]
    reasons = [u.reason for u in listing.unreadable]
    assert reasons[:3] == ["is not there", "is a folder, not a picture", "is not there"]
    assert len(reasons) == 8
    for found in listing.unreadable:
        found.image_id.encode("utf-8")


def test_files_outside_the_fence_are_unreadable_whether_they_exist_or_not(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png", "out/b.png")
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "out" / "b.png")
    (tmp_path / "in" / "door").symlink_to(tmp_path / "out")
    names = ["a.png", "../out/b.png", "../out/none.png", "link.png", "door/b.png", "/etc/hostname", ".."]
    path = csv_file(tmp_path / "in", "image", *names)
    listing = read_manifest(path, fence=Fence([tmp_path / "in"]))
    assert [e.image_id for e in listing.images] == ["a.png"]
    assert [u.image_id for u in listing.unreadable] == names[1:]
    assert {u.reason for u in listing.unreadable} == {"lies outside the allowed folders"}


def test_a_byte_order_mark_spaces_in_the_header_and_blank_lines_are_tolerated(tmp_path: Path) -> None:
    touch(tmp_path, "ä.png", "b.png")
    path = tmp_path / "m.CSV"
    path.write_text("\ufeff image , concepts\r\n\r\nä.png,Äpfel\r\n,\r\nb.png\r\n", encoding="utf-8")
    found = by_id(read_manifest(path))
    assert {i: e.concepts for i, e in found.items()} == {"ä.png": ("Äpfel",), "b.png": ()}
    jsonl = tmp_path / "m.jsonl"
    jsonl.write_text('\ufeff{"image": "ä.png"}\n\n  \n{"image": "b.png"}', encoding="utf-8")
    assert list(by_id(read_manifest(jsonl))) == ["ä.png", "b.png"]


def test_free_columns_are_kept_and_numbers_in_csv_become_numbers(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "c.png")
    path = csv_file(
        tmp_path,
        "image,site,whole,gap,share,zip,long,word,flag,predicted,confidence,boxes,nothing",
        'a.png,Berlin,1,1,0.5,01234,123456789012345678,nan,true,1,0.9,"[[1, 2, 3, 4]]",',
        "b.png,,2,,.5e1,99999,123456789012345679,1,false,2,,,",
        "c.png,Bonn,-3,3,2.,1,1.5,2,true,1,1,,",
    )
    frame = metadata(path)
    kinds = {name: str(frame[name].dtype) for name in frame}
    assert kinds["whole"] == "int64"
    assert kinds["gap"] == kinds["share"] == kinds["confidence"] == "float64"
    assert kinds["flag"] == "bool"
    assert frame["share"].tolist() == [0.5, 5.0, 2.0]
    assert frame["gap"].isna().tolist() == [False, True, False]
    assert frame["zip"].tolist() == ["01234", "99999", "1"]
    assert frame["long"].tolist()[0] == "123456789012345678"
    assert frame["word"].tolist() == ["nan", "1", "2"]
    assert frame["predicted"].tolist() == ["1", "2", "1"]
    assert frame["site"].tolist() == ["Berlin", None, "Bonn"]
    assert "boxes" not in frame
    assert frame["nothing"].tolist() == [None, None, None]


def test_text_in_jsonl_stays_text_and_mixed_columns_become_text(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    path = jsonl_file(
        tmp_path,
        {"image": "a.png", "code": "007", "mixed": 1, "tags": [[1, 2.5]], "big": 2**70, "yes": True},
        {"image": "b.png", "code": "1", "mixed": "x", "tags": {"ä": 1}, "big": 1, "predicted": 3},
    )
    frame = metadata(path)
    assert frame["code"].tolist() == ["007", "1"]
    assert frame["mixed"].tolist() == ["1", "x"]
    assert frame["tags"].tolist() == ["[[1, 2.5]]", '{"ä": 1}']
    assert frame["big"].tolist() == [str(2**70), "1"]
    assert frame["yes"].tolist() == [True, None]
    assert frame["predicted"].tolist() == [None, "3"]


def test_no_free_column_takes_the_name_of_one_of_ours(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    row: Row = {
        "image": "a.png", "path": "p", "image_id": "i", "width": 5, "meta_width": 6, "content_hash": "h",
        "brightness": 1, "uniqueness_score": 1, "image_quality_reasons": "x", "colour": "red",
    }  # fmt: skip
    dataset = load_dataset(Source(jsonl_file(tmp_path, row)))
    assert set(dataset.metadata) == {
        "meta_path", "meta_image_id", "meta_meta_width", "meta_width", "meta_content_hash", "meta_brightness",
        "meta_uniqueness_score", "meta_image_quality_reasons", "colour",
    }  # fmt: skip
    assert dataset.images["meta_meta_width"].tolist() == [5]
    assert dataset.images["image_id"].tolist() == ["a.png"]


def test_a_column_without_a_name_is_dropped(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    assert list(metadata(csv_file(tmp_path, ",image,x", "0,a.png,1"))) == ["x"]


def test_parquet_values_are_made_plain(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    table = pa.table(
        {
            "image": pa.array(["a.png", "b.png"]).dictionary_encode(),
            "concepts": pa.array([["Apple", None], None], pa.list_(pa.string())),
            "when": pa.array([pd.Timestamp("2024-05-01T10:00"), None]),
            "price": pa.array([Decimal("1.00"), Decimal("2.00")]),
            "raw": pa.array([b"x", b"y"]),
            "__index_level_0__": pa.array([0, 1]),
        }
    )
    pq.write_table(table, tmp_path / "m.parquet")
    dataset = load_dataset(Source(tmp_path / "m.parquet"))
    assert dataset.metadata == ("when", "price")
    assert dataset.images["when"].tolist() == ["2024-05-01T10:00:00", None]
    assert dataset.images["price"].tolist() == [1.0, 2.0]
    assert dataset.concepts_by_row == (("Apple",), ())


def test_the_second_path_forces_origin_and_prefix(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    path = csv_file(tmp_path, "image,origin", "a.png,training", "gone.png,")
    listing = read_manifest(path, origin="real_world", prefix="real_world:")
    assert [(e.image_id, e.origin) for e in listing.images] == [("real_world:a.png", "real_world")]
    assert [u.image_id for u in listing.unreadable] == ["real_world:gone.png"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.csv", "", "no column “image”"),
        ("m.csv", "image,concepts\n", "has no rows"),
        ("m.csv", "file,label\na.png,Apple\n", "no column “image”.*manifest .csv, .jsonl or .parquet"),
        ("m.csv", "image;concepts\na.png;Apple\n", "separate the columns with commas"),
        ("m.csv", "image\tconcepts\na.png\tApple\n", "separate the columns with commas"),
        ("m.csv", "image,x,x\na.png,1,2\n", "column “x” twice"),
        ("m.csv", "image,concepts\na.png,A,B\n", "line 2: 3 cells, but 2 columns"),
        ("m.csv", 'image,concepts\na.png,"A\n', "line 2"),
        ("m.csv", "image,concepts\n,Apple\n", "line 2: “image” is empty"),
        ("m.csv", "image,origin\nb.png,studio\nc.png,x\n", "no line .* The first is m.csv, line 2: origin is “studio”"),
        ("m.csv", b"image\n\xff\xfe.png\n", "not UTF-8"),
        ("m.csv", "image\na.png\n".encode("utf-16"), "not UTF-8"),
        ("m.jsonl", "", "has no rows"),
        ("m.jsonl", '\n{"image": \n', "line 2: not JSON"),
        ("m.jsonl", '["a.png"]\n', "line 1: not an object"),
        ("m.jsonl", '{"file": "b.png"}\n', "line 1: it has no “image”"),
        ("m.jsonl", b'{"image": "\xff.png"}\n', "line 1: not UTF-8"),
        ("m.jsonl", '{"image": ["a.png"]}\n', "line 1: “image” must be one path"),
        ("m.jsonl", '{"image": {"bytes": "x"}}\n', "holds the picture itself"),
        ("m.jsonl", '{"image": null}\n', "“image” is empty"),
        ("m.jsonl", "[" * 100_000 + "\n", "line 1: not JSON"),
        ("m.jsonl", '{"image": "a.png", "n": ' + "9" * 5000 + "}\n", "line 1: not JSON"),
        ("m.parquet", b"PAR1 no", "not a Parquet file"),
        ("m.parquet", b"", "not a Parquet file"),
        ("m.json", "[]", "not a form this app reads"),
    ],
)  # fmt: skip
def test_a_manifest_that_means_nothing_is_one_clear_line(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message) as caught:
        read_manifest(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


BAD_LINES = {
    "m.csv": (
        "image,concepts,origin\n",
        (b'b.png,"Pear,\n', "quotation marks do not pair up"),
        (b'b.png,"Pe"ar,\n', "quotation marks do not pair up"),
        (b"b.png,Pear,Red,Green\n", "4 cells, but 3 columns"),
        (b",Pear,\n", "“image” is empty"),
        (b"b.png,Pear,studio\n", "origin is “studio”"),
        (b"b.png,K\xe4se,\n", "not UTF-8"),
    ),
    "m.jsonl": (
        "",
        (b"{bad\n", "not JSON"),
        (b"[1]\n", "not an object"),
        (b'{"file": "b.png"}\n', "no “image”"),
        (b'{"image": {"bytes": "x"}}\n', "holds the picture itself"),
        (b'{"image": ["b.png"]}\n', "must be one path"),
        (b'{"image": "b.png", "origin": "studio"}\n', "origin is “studio”"),
        (b'{"image": "\xff.png"}\n', "not UTF-8"),
    ),
}
GOOD_LINES = {
    "m.csv": [b"a.png,Apple,\n", b'c.png,"Fig;\nRed",\n', b"d.png,Leek,\n"],
    "m.jsonl": [
        b'{"image": "a.png", "concepts": "Apple"}\n',
        b'{"image": "c.png", "concepts": ["Fig", "Red"]}\n',
        b'{"image": "d.png", "concepts": "Leek"}\n',
    ],
}


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("name", "line", "message"), [(n, *bad) for n, (_, *every) in BAD_LINES.items() for bad in every]
)
def test_a_bad_line_is_listed_and_costs_no_other_line(
    tmp_path: Path, name: str, line: bytes, message: str, place: int
) -> None:
    touch(tmp_path, "a.png", "c.png", "d.png")
    good = GOOD_LINES[name]
    head = str(BAD_LINES[name][0]).encode()
    (tmp_path / name).write_bytes(head + b"".join([*good[:place], line, *good[place:]]))
    listing = read_manifest(tmp_path / name)
    assert {i: e.concepts for i, e in by_id(listing).items()} == {
        "a.png": ("Apple",), "c.png": ("Fig", "Red"), "d.png": ("Leek",),
    }  # fmt: skip
    (left,) = listing.unreadable
    at = 1 + (head + b"".join(good[:place])).count(b"\n")
    assert left.image_id == f"{name}, line {at}" and left.reason.startswith("line left out: ")
    assert message in left.reason and "\n" not in left.reason


@pytest.mark.parametrize(("value", "message"), [({"a": 1}, "not an object"), ([["a"]], "must be names")])
def test_concepts_that_are_none_are_left_out_and_the_picture_stays(tmp_path: Path, value: object, message: str) -> None:
    touch(tmp_path, "a.png", "b.png")
    path = jsonl_file(tmp_path, {"image": "a.png", "concepts": value}, {"image": "b.png", "concepts": "Pear"})
    listing = read_manifest(path)
    assert [e.concepts for e in listing.images] == [(), ("Pear",)]
    assert message in listing.unreadable[0].reason


def test_of_very_many_bad_lines_the_first_are_listed_and_the_others_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    path = csv_file(tmp_path, "image,origin", "a.png,", *["b.png,studio"] * 1000)
    listing = read_manifest(path, origin="real_world", prefix="real_world:")
    assert len(listing.unreadable) == 201
    assert listing.unreadable[0].image_id == "real_world:m.csv, line 3"
    assert (listing.unreadable[-1].image_id, listing.unreadable[-1].reason) == (
        "real_world:m.csv", "has 800 more lines or values that were left out",
    )  # fmt: skip


@pytest.mark.parametrize("kind", [pa.binary(), pa.struct([("bytes", pa.binary()), ("path", pa.string())])])
def test_parquet_with_the_pictures_inside_is_refused_clearly(tmp_path: Path, kind: pa.DataType) -> None:
    pq.write_table(pa.table({"image": pa.nulls(1, kind)}), tmp_path / "m.parquet")
    with pytest.raises(InputError, match="holds the pictures themselves"):
        read_manifest(tmp_path / "m.parquet")


@pytest.mark.parametrize(
    ("table", "message"),
    [({"file": ["a"]}, "no column “image”"), ({"image": pa.array([], pa.string())}, "no rows")],
)
def test_parquet_without_images_is_refused_clearly(tmp_path: Path, table: Row, message: str) -> None:
    pq.write_table(pa.table(table), tmp_path / "m.parquet")
    with pytest.raises(InputError, match=message):
        read_manifest(tmp_path / "m.parquet")


def test_a_damaged_parquet_body_is_an_input_error(tmp_path: Path) -> None:
    path = parquet_file(tmp_path, *({"image": f"{i}.png"} for i in range(500)))
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a Parquet file"):
        read_manifest(path)


def test_a_very_long_cell_is_read(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    boxes = json.dumps([[1, 2, 3, 4]] * 20_000)
    assert len(boxes) > 131_072  # the limit of Python's own csv reader
    (entry,) = read_manifest(csv_file(tmp_path, "image,boxes", f'a.png,"{boxes}"')).images
    assert entry.boxes == (Box("", 1.0, 2.0, 3.0, 4.0),)


def test_reading_can_be_cancelled(tmp_path: Path) -> None:
    def cancel(done: int, total: int, note: str = "") -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        read_manifest(csv_file(tmp_path, "image", "a.png"), progress=cancel)


WORDS = (
    st.text(string.ascii_letters + "äé漢 -_'\"<>", min_size=1, max_size=6)
    .map(str.strip)
    .filter(lambda s: s and s not in ("true", "True", "false", "False") and not s.startswith(("[", ".")))
)
CONCEPTS = st.lists(st.lists(WORDS, min_size=1, max_size=3).map("/".join), max_size=3, unique=True)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "image": st.sampled_from([f"{c}.png" for c in "abcde"]),
            "concepts": CONCEPTS,
            "not_concepts": CONCEPTS,
            "site": st.none() | WORDS,
            "count": st.none() | st.integers(-(2**50), 2**50),
            "share": st.none() | st.floats(-1e6, 1e6, allow_nan=False, width=32),
            "flag": st.booleans(),
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_any_table_gives_the_same_dataset_in_all_three_forms(rows: list[Row]) -> None:
    order = ("image", "concepts", "not_concepts", "site", "count", "share", "flag")
    rows = [{key: row[key] for key in order} for row in rows]
    with tempfile.TemporaryDirectory() as name:
        folder = touch(Path(name).resolve(), *(f"{c}.png" for c in "abcd"))  # e.png is missing
        cells = [{k: ";".join(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows]
        table = pd.DataFrame(cells, dtype=object)
        table.to_csv(folder / "m.csv", index=False)
        jsonl_file(folder, *rows)
        schema = pa.schema(
            [
                ("image", pa.string()), ("concepts", pa.list_(pa.string())),
                ("not_concepts", pa.list_(pa.string())),
                ("site", pa.string()), ("count", pa.int64()), ("share", pa.float64()), ("flag", pa.bool_()),
            ]
        )  # fmt: skip
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "m.parquet")
        first, *others = (load_dataset(Source(folder / f"m{s}")) for s in (".csv", ".jsonl", ".parquet"))
        for other in others:
            assert_same(first, other)
        merged = {r["image"]: set[str]() for r in rows if r["image"] != "e.png"}
        for row in rows:
            if row["image"] != "e.png":
                merged[row["image"]].update(row["concepts"])  # type: ignore[arg-type]
        got = dict(zip(first.images["image_id"], map(set, first.concepts_by_row), strict=True))
        assert got == merged


def assert_same(a: Dataset, b: Dataset) -> None:
    pd.testing.assert_frame_equal(a.images, b.images)
    pd.testing.assert_frame_equal(a.labels, b.labels)
    pd.testing.assert_frame_equal(a.negatives, b.negatives)
    assert (a.metadata, a.unreadable, a.ignored) == (b.metadata, b.unreadable, b.ignored)
    assert a.fingerprint == b.fingerprint
