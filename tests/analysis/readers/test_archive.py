"""Unpacking zip files: each kind of hostile archive is really built here, byte by byte where need be."""

from __future__ import annotations

import io
import os
import stat
import struct
import tempfile
import zipfile
import zlib
from collections import namedtuple
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from analysis.errors import ArchiveRefused, Cancelled
from analysis.readers import archive
from analysis.readers.archive import Limits, unpack

SMALL = Limits(spare_bytes=0)


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2), (1, 2, 3)).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(path: Path, *names: str, content: bytes = b"x", method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as out:
        for name in names:
            out.writestr(name, b"" if name.endswith("/") else content)
    return path


def with_mode(path: Path, name: str, mode: int, content: bytes = b"/etc/passwd") -> Path:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(info, content)
    return path


def raw_zip(
    entries: list[tuple[bytes, bytes]], *, flags: int = 0, method: int = 8, declared: int | None = None,
    crc: int | None = None,
) -> bytes:  # fmt: skip
    """A zip file out of (name, content), with headers that may lie about size, checksum, method and flags."""
    body, directory = b"", b""
    for name, content in entries:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(content) + packer.flush() if method == 8 else content
        size = len(content) if declared is None else declared
        check = zlib.crc32(content) if crc is None else crc
        common = struct.pack("<HHHHHLLLHH", 20, flags, method, 0, 33, check, len(packed), size, len(name), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + common
        directory += struct.pack("<HHHLL", 0, 0, 0, 0, len(body)) + name
        body += b"PK\x03\x04" + common + name + packed
    count = len(entries)
    return body + directory + b"PK\x05\x06" + struct.pack(
        "<HHHHLLH", 0, 0, count, count, len(directory), len(body), 0
    )  # fmt: skip


def files(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def refused(source: Path | bytes, tmp_path: Path, message: str, limits: Limits = SMALL) -> None:
    """Refused with one clear line, and nothing written anywhere."""
    if isinstance(source, bytes):
        (tmp_path / "made.zip").write_bytes(source)
        source = tmp_path / "made.zip"
    before = sorted(p for p in tmp_path.rglob("*"))
    with pytest.raises(ArchiveRefused, match=message) as caught:
        unpack(source, tmp_path / "into", limits)
    assert "\n" not in str(caught.value)
    assert sorted(p for p in tmp_path.rglob("*")) == before


def test_a_plain_zip_is_unpacked_whole(tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", "Apple/a.png", "Pear/deep/b.png", "Empty/", content=png())
    root = unpack(source, tmp_path / "into", SMALL)
    assert root == tmp_path / "into"
    assert files(root) == ["Apple/a.png", "Pear/deep/b.png"]
    assert (root / "Apple/a.png").read_bytes() == png()
    assert (root / "Empty").is_dir()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "into"]


def test_an_open_file_will_do_and_parents_are_made(tmp_path: Path) -> None:
    buffer = io.BytesIO(zipped(tmp_path / "a.zip", "a/b.png", "c/d.png").read_bytes())
    assert files(unpack(buffer, tmp_path / "x" / "y", SMALL)) == ["a/b.png", "c/d.png"]


def test_an_empty_target_is_used_and_one_with_files_is_not_touched(tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", "a/b.png", "c/d.png")
    (tmp_path / "into").mkdir()
    assert files(unpack(source, tmp_path / "into", SMALL)) == ["a/b.png", "c/d.png"]
    with pytest.raises(ArchiveRefused, match="already there"):
        unpack(source, tmp_path / "into", SMALL)
    assert files(tmp_path / "into") == ["a/b.png", "c/d.png"]


@pytest.mark.parametrize(
    ("names", "root"),
    [
        (("set/Apple/a.png", "set/Pear/b.png"), "set"),
        (("set/Apple/a.png", "set/readme.txt"), "set"),
        (("Apple/a.png",), ""),  # holds images: a concept
        (("Apple/a.png", "Apple/Fuji/b.png"), ""),
        (("Apple/notes.txt",), ""),
        (("Apple/a.png", "Pear/b.png"), ""),
        (("set/Apple/a.png", "b.png"), ""),
        (("train/Apple/a.png", "train/Pear/b.png"), ""),  # a split
        (("set/train/Apple/a.png", "set/test/Apple/b.png"), "set"),
        (("set/Apple/a.png", "__MACOSX/set/._Apple", ".DS_Store"), "set"),
        (("a/b/Apple/x.png",), "a"),  # one wrapper only
    ],
)
def test_the_root_is_the_single_wrapper_folder_unless_it_is_a_concept(
    tmp_path: Path, names: tuple[str, ...], root: str
) -> None:
    assert unpack(zipped(tmp_path / "a.zip", *names), tmp_path / "into", SMALL) == tmp_path / "into" / root


def test_junk_of_other_systems_is_left_out_and_inner_zips_stay_packed(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", "../evil.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        for name in ("__MACOSX/x/._a.png", "x/._a.png", "x/.DS_Store", "x/Thumbs.db", "x/Icon\r", "x/a.png"):
            out.writestr(name, b"x")
        out.writestr("y/inner.zip", inner)
    root = unpack(tmp_path / "a.zip", tmp_path / "into", SMALL)
    assert files(root) == ["x/a.png", "y/inner.zip"]
    assert (root / "y/inner.zip").read_bytes() == inner


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png", "a/../../evil.png", "a/..", "/etc/evil.png", "//server/evil.png", "C:/evil.png",
        "c:evil.png", "a/C:evil.png", "..\\evil.png", "a\\..\\evil.png", "\\\\server\\evil.png",
        "__MACOSX/../../evil.png",
    ],
)  # fmt: skip
def test_names_that_lead_outside_are_refused(tmp_path: Path, name: str) -> None:
    refused(raw_zip([(b"ok.png", b"x"), (name.encode(), b"x")]), tmp_path, "leads outside")


@pytest.mark.parametrize("name", [b"a\0.png", b"a\n.png", b"a\x1b[2J.png", b"a\x7f.png"])
def test_names_with_control_characters_are_refused(tmp_path: Path, name: bytes) -> None:
    refused(raw_zip([(name, b"x")]), tmp_path, "control characters")


@pytest.mark.parametrize("name", [b"n" * 256 + b".png", b"/".join([b"n" * 100] * 12), "漢".encode() * 90])
def test_names_that_no_disk_can_hold_are_refused(tmp_path: Path, name: bytes) -> None:
    refused(raw_zip([(name, b"x")], flags=0x800), tmp_path, "too long")


def test_a_name_flagged_utf8_that_is_not_is_refused(tmp_path: Path) -> None:
    refused(raw_zip([(b"caf\xe9.png", b"x")], flags=0x800), tmp_path, "not a zip file that can be read")


def test_a_name_in_utf8_without_the_flag_is_read_as_utf8_else_as_the_old_code_page(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(raw_zip([("Äpfel/ä.png".encode(), b"x"), (b"caf\x82/b.png", b"x")]))
    assert files(unpack(tmp_path / "a.zip", tmp_path / "into", SMALL)) == ["café/b.png", "Äpfel/ä.png"]


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        (stat.S_IFLNK | 0o777, "is a link"),
        (stat.S_IFIFO | 0o644, "special file"),
        (stat.S_IFCHR | 0o644, "special file"),
        (stat.S_IFBLK | 0o644, "special file"),
        (stat.S_IFSOCK | 0o644, "special file"),
    ],
)
def test_links_and_special_files_are_refused(tmp_path: Path, mode: int, message: str) -> None:
    refused(with_mode(tmp_path / "a.zip", "a.png", mode), tmp_path, message)


def test_a_link_is_refused_whatever_system_it_claims_to_come_from(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("a.png")
    info.create_system, info.external_attr = 0, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        out.writestr(info, b"/etc")
    refused(tmp_path / "a.zip", tmp_path, "is a link")


def test_modes_are_not_taken_over(tmp_path: Path) -> None:
    root = unpack(with_mode(tmp_path / "a.zip", "a.png", stat.S_IFREG | 0o6777), tmp_path / "into", SMALL)
    assert stat.S_IMODE((root / "a.png").stat().st_mode) & 0o7111 == 0


@pytest.mark.parametrize("flags", [0x1, 0x41, 0x2000])
def test_encrypted_entries_are_refused(tmp_path: Path, flags: int) -> None:
    refused(raw_zip([(b"a.png", b"x")], flags=flags), tmp_path, "encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_expand_without_a_limit_are_refused(tmp_path: Path, method: int) -> None:
    refused(zipped(tmp_path / "a.zip", "a.png", method=method), tmp_path, "unusual way")


def test_an_unknown_method_is_refused(tmp_path: Path) -> None:
    refused(raw_zip([(b"a.png", b"x")], method=97), tmp_path, "unusual way")


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"not a zip" * 50, b"\x89PNG\r\n\x1a\n" + b"\0" * 100, b"PK\x05\x06"],
)
def test_what_is_no_zip_file_is_refused(tmp_path: Path, content: bytes) -> None:
    refused(content, tmp_path, "not a zip file")


def test_a_zip_that_is_cut_off_or_damaged_is_refused(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "a.zip", "a.png", "b.png", content=os.urandom(5000)).read_bytes()
    refused(whole[:-40], tmp_path, "zip file")
    flipped = bytearray(whole)
    flipped[2000] ^= 0xFF
    refused(bytes(flipped), tmp_path, "damaged")
    header = bytearray(whole)
    header[0] = 0
    refused(bytes(header), tmp_path, "damaged")


def test_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    refused(raw_zip([(b"a.png", b"hello")], crc=7), tmp_path, "damaged")


def test_a_missing_file_is_refused_not_a_traceback(tmp_path: Path) -> None:
    refused(tmp_path / "none.zip", tmp_path, "cannot be unpacked")


@pytest.mark.parametrize(
    "names", [("a.png", "a.png"), ("x/a.png", "./x//a.png"), ("a", "a/b.png"), ("a/b.png", "a"), ("a/", "a")]
)
def test_one_name_twice_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    refused(raw_zip([(n.encode(), b"x") for n in names]), tmp_path, "twice")


def test_a_folder_may_be_listed_twice(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(raw_zip([(b"a/", b""), (b"a/", b""), (b"a/b.png", b"x"), (b"c.png", b"x")]))
    assert files(unpack(tmp_path / "a.zip", tmp_path / "into", SMALL)) == ["a/b.png", "c.png"]


def test_names_that_differ_by_case_alone_are_kept_apart_everywhere(tmp_path: Path) -> None:
    names = ("Apple/a.png", "Apple/A.PNG", "apple/a.png", "Apple/a (2).PNG", "b.png")
    (tmp_path / "a.zip").write_bytes(raw_zip([(n.encode(), n.encode()) for n in names]))
    root = unpack(tmp_path / "a.zip", tmp_path / "into", SMALL)
    written = files(root)
    assert len({w.casefold() for w in written}) == len(names)
    assert {(root / w).read_bytes().decode() for w in written} == set(names)
    assert "apple (2)/a.png" in written


def test_names_that_differ_by_composition_alone_are_kept_apart(tmp_path: Path) -> None:
    names = ("\u00e4.png", "a\u0308.png")
    (tmp_path / "a.zip").write_bytes(raw_zip([(n.encode(), b"x") for n in names], flags=0x800))
    assert len(files(unpack(tmp_path / "a.zip", tmp_path / "into", SMALL))) == 2


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", *(f"{i}.png" for i in range(11)))
    refused(source, tmp_path, "more than 10 files", Limits(entries=10, spare_bytes=0))
    assert len(files(unpack(source, tmp_path / "into", Limits(entries=11, spare_bytes=0)))) == 11


def test_too_many_entries_are_refused_before_the_directory_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(raw_zip([(b"%d.png" % i, b"") for i in range(50)]))
    content[-14:-10] = struct.pack("<HH", 1, 1)  # the end record claims one entry
    monkeypatch.setattr(zipfile, "ZipFile", None)  # must not get there
    refused(bytes(content), tmp_path, "more than 10 files", Limits(entries=10, spare_bytes=0))


def test_too_many_entries_in_a_zip64_file_are_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 5)  # makes zipfile write the zip64 records
    source = zipped(tmp_path / "a.zip", *(f"{i}.png" for i in range(20)))
    assert b"PK\x06\x06" in source.read_bytes()
    assert len(files(unpack(source, tmp_path / "ok", SMALL))) == 20
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(ArchiveRefused, match="more than 10 files"):
        unpack(source, tmp_path / "into", Limits(entries=10, spare_bytes=0))


def test_a_comment_at_the_end_is_no_obstacle(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        out.writestr("a.png", b"x")
        out.comment = b"hello " * 100
    assert files(unpack(tmp_path / "a.zip", tmp_path / "into", SMALL)) == ["a.png"]


def test_a_file_that_declares_too_much_is_refused(tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", "a.png", content=b"x" * 2000)
    refused(source, tmp_path, "a.png.*is larger than", Limits(entry_bytes=1999, spare_bytes=0))
    refused(source, tmp_path, "zip file is larger than", Limits(total_bytes=1999, spare_bytes=0))


def test_the_total_counts_all_files(tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", *(f"{i}.png" for i in range(10)), content=b"x" * 100)
    refused(source, tmp_path, "larger than", Limits(total_bytes=999, spare_bytes=0))
    assert len(files(unpack(source, tmp_path / "into", Limits(total_bytes=1000, spare_bytes=0)))) == 10


def test_a_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    bomb = raw_zip([(b"%d.png" % i, bytes(1_000_000)) for i in range(5)])
    refused(bomb, tmp_path, "grows more than 200 times", Limits(ratio_from=1_000_000, spare_bytes=0))


def test_a_bomb_that_lies_about_its_size_writes_no_more_than_it_declared(tmp_path: Path) -> None:
    bomb = raw_zip([(b"a.png", bytes(50_000_000))], declared=10)
    refused(bomb, tmp_path, "damaged", Limits(entry_bytes=1000, spare_bytes=0))


def test_bytes_are_counted_while_they_are_read_not_by_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should zipfile ever hand out more than was declared, our own count stops it."""
    source = zipped(tmp_path / "a.zip", "a.png", content=b"x")

    def endless(packed: object, info: object) -> object:
        while True:
            yield bytes(1024)

    monkeypatch.setattr(archive, "_chunks", endless)
    refused(source, tmp_path, "a.png.*larger than", Limits(entry_bytes=100_000, spare_bytes=0))
    refused(source, tmp_path, "zip file is larger", Limits(total_bytes=100_000, spare_bytes=0))
    refused(source, tmp_path, "grows more than", Limits(ratio_from=100_000, spare_bytes=0))


def test_overlapping_entries_cannot_multiply_beyond_the_limits(tmp_path: Path) -> None:
    """Many directory entries that share one packed body (Fifield 2019)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(1_000_000)) + packer.flush()
    common = struct.pack("<HHHHHLLLHH", 20, 0, 8, 0, 33, zlib.crc32(bytes(1_000_000)), len(packed), 1_000_000, 5, 0)
    body = b"PK\x03\x04" + common + b"a.png" + packed
    directory = b"".join(
        b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + b"%c.png" % c
        for c in b"abcdefghij"
    )
    end = b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 10, 10, len(directory), len(body), 0)
    refused(body + directory + end, tmp_path, "larger than", Limits(total_bytes=5_000_000, spare_bytes=0))


def test_a_drawing_that_packs_well_is_no_bomb(tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", "a.bmp", content=bytes(2_000_000))
    assert files(unpack(source, tmp_path / "into", SMALL)) == ["a.bmp"]


def test_the_disk_is_asked_for_room_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = zipped(tmp_path / "a.zip", "a.png", content=b"x" * 1000)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda path: usage(0, 0, 5000))
    refused(source, tmp_path, "not enough room", Limits(spare_bytes=4001))
    assert files(unpack(source, tmp_path / "into", Limits(spare_bytes=4000))) == ["a.png"]


def test_a_disk_that_fills_up_midway_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = zipped(tmp_path / "a.zip", "a.png", "b.png")

    def full(packed: object, info: zipfile.ZipInfo) -> object:
        if info.filename == "b.png":
            raise OSError(28, "No space left on device")
        yield b"x"

    monkeypatch.setattr(archive, "_chunks", full)
    refused(source, tmp_path, "disk is full")


def test_cancelling_leaves_nothing_behind(tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", *(f"{i}.png" for i in range(5)))

    def cancel(done: int, total: int, note: str = "") -> None:
        assert total == 5
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        unpack(source, tmp_path / "into", SMALL, cancel)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    unpack(
        zipped(tmp_path / "a.zip", "a.png", "b.png"),
        tmp_path / "into",
        SMALL,
        lambda done, total, note="": seen.append((done, total)),
    )
    assert seen[-1] == (2, 2)
    assert seen == sorted(seen)


PARTS = st.sampled_from(
    [
        "..",
        ".",
        "",
        "a",
        "A",
        "b.png",
        "C:",
        "~",
        "a\\b",
        "\\",
        "con",
        "\0",
        "\n",
        "é",
        "__MACOSX",
        "._x",
        " ",
        "...",
    ]
) | st.text(max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(PARTS, min_size=1, max_size=5).map("/".join), min_size=1, max_size=4), st.booleans())
def test_no_name_ever_writes_outside_the_target(names: list[str], flagged: bool) -> None:
    raw = [n.encode("utf-8", "surrogatepass") for n in names]
    with tempfile.TemporaryDirectory() as name:
        home = Path(name).resolve()
        folder = home / "deep" / "er"
        folder.mkdir(parents=True)
        content = raw_zip([(r, b"x") for r in raw], flags=0x800 if flagged else 0)
        try:
            root = unpack(io.BytesIO(content), folder / "into", SMALL)
        except ArchiveRefused:
            assert list(folder.iterdir()) == []
        else:
            assert (folder / "into").resolve() in (root, root.parent)
            assert [p.name for p in folder.iterdir()] == ["into"]
        assert [p.name for p in home.iterdir()] == ["deep"]
        assert [p.name for p in (home / "deep").iterdir()] == ["er"]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_is_refused_or_harmless(data: st.DataObject) -> None:
    content = bytearray(raw_zip([(b"a/b.png", b"hello" * 20), (b"c.png", b"world" * 20)]))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        try:
            unpack(io.BytesIO(bytes(content)), folder / "into", Limits(total_bytes=10_000, spare_bytes=0))
        except ArchiveRefused:
            assert list(folder.iterdir()) == []
