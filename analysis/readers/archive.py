"""Zip files of images, unpacked safely: nothing is written outside the target, and nothing without a limit.

Only plain files and folders, stored or deflated. No header is trusted: bytes are counted as they are read.
Zip files inside are left packed. Either everything is unpacked or nothing is left behind.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, NamedTuple

from analysis.dataset import SPLITS
from analysis.errors import ArchiveRefused
from analysis.progress import Progress, no_progress
from analysis.readers.folder import is_image
from analysis.readers.listing import shown

MEBIBYTE: Final = 1024 * 1024
_CHUNK: Final = MEBIBYTE
_MAX_NAME: Final = 255  # bytes: the limit of the file systems in use
_MAX_PATH: Final = 1024  # bytes below the target
# bzip2 and LZMA expand a small block without a limit while it is read, and no tool uses them unasked.
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
_UTF8: Final = 0x800
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_JUNK: Final = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", "Icon\r"})
_END, _END64, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one zip file may take.

    Attributes:
        entries: files and folders.
        total_bytes: all files unpacked.
        entry_bytes: one file unpacked.
        ratio: unpacked bytes per byte of the zip file, once more than `ratio_from` bytes are unpacked.
            Photos hardly shrink; drawings reach 50; the densest deflate is about 1,030.
        ratio_from: bytes.
        spare_bytes: left free on the disk.
    """

    entries: int = 200_000
    total_bytes: int = 4096 * MEBIBYTE
    entry_bytes: int = 512 * MEBIBYTE
    ratio: float = 200.0
    ratio_from: int = 64 * MEBIBYTE
    spare_bytes: int = 256 * MEBIBYTE


class _Planned(NamedTuple):
    info: zipfile.ZipInfo
    parts: tuple[str, ...]


def unpack(
    zip_file: str | Path | IO[bytes],
    into: Path,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Unpack a zip file into the new folder `into` and return the folder that is the dataset's root.

    That is `into`, or the single folder everything lies in if it holds folders only (the wrapper that
    packing a folder makes; one that holds images is itself a concept).

    Args:
        zip_file: a path, or an open binary file that can seek.
        into: not there yet, or an empty folder; its parent is made if need be.
        limits: by default those of `Limits`.
        progress: called with files done and in all; may raise `Cancelled`.

    Raises:
        ArchiveRefused: not a zip file, damaged, unsafe, encrypted, too large, or no room on the disk.
    """
    limits = limits or Limits()
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise ArchiveRefused(f"{shown(into)} is already there; choose a new folder to unpack into.")
    try:
        if isinstance(zip_file, (str, Path)):
            with open(zip_file, "rb") as file:
                return _unpack(file, into, limits, progress)
        return _unpack(zip_file, into, limits, progress)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise ArchiveRefused("The disk is full; free some space and try again.") from error
        raise ArchiveRefused(f"The zip file cannot be unpacked: {shown(error.strerror or error)}.") from error


def _unpack(file: IO[bytes], into: Path, limits: Limits, progress: Progress) -> Path:
    size = file.seek(0, os.SEEK_END)
    _count_entries(file, size, limits.entries)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OverflowError) as error:
        raise ArchiveRefused(f"This is not a zip file that can be read ({shown(error)}).") from error
    with archive:
        planned = _plan(archive.infolist(), limits, size)
        into.parent.mkdir(parents=True, exist_ok=True)
        _check_room(into.parent, sum(p.info.file_size for p in planned), limits)
        temporary = Path(tempfile.mkdtemp(prefix=f".{into.name[:80]}-", dir=into.parent))
        try:
            _extract(archive, planned, temporary, _Meter(limits, size), progress)
            if into.is_dir():
                into.rmdir()  # empty, as checked; renaming onto it fails on Windows
            temporary.rename(into)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)  # gone already unless something failed
    return dataset_root(into)


def _count_entries(file: IO[bytes], size: int, most: int) -> None:
    """Refuse too many entries before the directory is read into memory (zipfile holds all of it)."""
    tail_size = min(size, 65557)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    # Exactly where zipfile looks: at the very end, else the last one with a comment after it.
    plain_end = len(tail) >= 22 and tail[-22:-18] == _END and tail[-2:] == b"\0\0"
    end = len(tail) - 22 if plain_end else tail.rfind(_END)
    if end < 0 or len(tail) - end < 22:
        raise ArchiveRefused("This is not a zip file, or it is cut off at the end.")
    (length,) = struct.unpack_from("<L", tail, end + 12)
    stop = size - tail_size + end
    # With a zip64 record (56 bytes and a 20-byte locator before the end) the true length is in there.
    if stop >= 76:
        file.seek(stop - 76)
        record = file.read(76)
        if record[:4] == _END64 and record[56:60] == _LOCATOR64:
            (length,) = struct.unpack_from("<Q", record, 40)
            stop -= 76
    position, count = stop - length, 0
    while 0 <= position < stop:
        file.seek(position)
        header = file.read(46)
        if len(header) < 46 or header[:4] != b"PK\x01\x02":
            break  # damaged: zipfile says so
        count += 1
        if count > most:
            raise _too_many(most)
        position += 46 + sum(struct.unpack_from("<HHH", header, 28))
    file.seek(0)


def _too_many(most: int) -> ArchiveRefused:
    return ArchiveRefused(f"The zip file holds more than {most:,} files; split it into smaller ones.")


def _plan(infos: list[zipfile.ZipInfo], limits: Limits, size: int) -> list[_Planned]:
    """Check every entry before anything is written; drop junk, number names that differ by case alone."""
    if len(infos) > limits.entries:
        raise _too_many(limits.entries)
    meter = _Meter(limits, size)
    names = _Names()
    out = []
    for info in infos:
        parts = _parts(info)
        _check_kind(info)
        meter.start(info.filename)
        meter.add(info.file_size)
        if parts and not any(p in _JUNK or p.startswith("._") for p in parts):
            out.append(_Planned(info, names.place(parts, info.is_dir())))
    return out


def _parts(info: zipfile.ZipInfo) -> tuple[str, ...]:
    """Folders and name of an entry.

    Raises:
        ArchiveRefused: the name leads elsewhere, or is one that cannot be written.
    """
    name = info.orig_filename
    if not info.flag_bits & _UTF8:
        with contextlib.suppress(UnicodeError):  # the Mac's Finder writes UTF-8 without saying so
            name = name.encode("cp437").decode("utf-8")
    parts = tuple(p for p in name.split("/") if p not in ("", "."))
    unsafe = name.startswith("/") or "\\" in name or ".." in parts or any(_DRIVE.match(p) for p in parts)
    if unsafe:
        raise ArchiveRefused(f"The zip file is unsafe: “{shown(name)}” leads outside the folder; pack it anew.")
    if any((ord(c) < 32 or ord(c) == 127) for p in parts if p not in _JUNK for c in p):
        raise ArchiveRefused(f"The zip file is unsafe: “{shown(name)}” holds control characters; rename it.")
    try:
        sizes = [len(p.encode("utf-8")) for p in parts]
    except UnicodeEncodeError as error:
        raise ArchiveRefused(f"The zip file holds a name that is no valid text: “{shown(name)}”.") from error
    if max(sizes, default=0) > _MAX_NAME or sum(sizes) + len(sizes) > _MAX_PATH:
        raise ArchiveRefused(f"The zip file holds a name that is too long: “{shown(name)}”; shorten it.")
    return parts


def _check_kind(info: zipfile.ZipInfo) -> None:
    name = shown(info.filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if kind == stat.S_IFLNK else "a special file"
        raise ArchiveRefused(f"The zip file is unsafe: “{name}” is {what}; pack plain files only.")
    if info.flag_bits & _ENCRYPTED:
        raise ArchiveRefused(f"The zip file is encrypted (“{name}”); pack it again without a password.")
    if info.compress_type not in _METHODS:
        raise ArchiveRefused(f"“{name}” is packed in an unusual way; pack it again as an ordinary zip file.")


def _mebibytes(count: int) -> str:
    return f"{count / MEBIBYTE:,.0f} MiB"


class _Meter:
    """Counts unpacked bytes, declared or read, against the limits."""

    def __init__(self, limits: Limits, packed: int) -> None:
        self._limits = limits
        self._packed = max(packed, 1)
        self._total = 0
        self._entry = 0
        self._name = ""

    def start(self, name: str) -> None:
        """The next entry begins."""
        self._name, self._entry = name, 0

    def add(self, count: int) -> None:
        """Count bytes of the current entry."""
        limits = self._limits
        self._entry += count
        self._total += count
        if self._entry > limits.entry_bytes:
            raise ArchiveRefused(
                f"“{shown(self._name)}” is larger than {_mebibytes(limits.entry_bytes)} unpacked; leave it out."
            )
        if self._total > limits.total_bytes:
            raise ArchiveRefused(
                f"The zip file is larger than {_mebibytes(limits.total_bytes)} unpacked; split it, or"
                " unpack it yourself and open the folder."
            )
        if self._total > limits.ratio_from and self._total > limits.ratio * self._packed:
            raise ArchiveRefused(
                f"The zip file grows more than {limits.ratio:,.0f} times when unpacked, as no photos do;"
                " if you trust it, unpack it yourself and open the folder."
            )


class _Names:
    """Where entries go: once each, and apart on file systems that do not tell `A.jpg` from `a.jpg`."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, ...], tuple[str, ...]] = {(): ()}  # as in the zip -> as written
        self._taken: dict[tuple[str, ...], bool] = {(): True}  # folded, as written -> is a folder

    def place(self, parts: tuple[str, ...], is_folder: bool) -> tuple[str, ...]:
        """The path to write an entry to.

        Raises:
            ArchiveRefused: the name occurs twice, or as a file and as a folder.
        """
        for depth in range(1, len(parts) + 1):
            self._add(parts[:depth], is_folder or depth < len(parts), last=depth == len(parts))
        return self._given[parts]

    def _add(self, parts: tuple[str, ...], is_folder: bool, *, last: bool) -> None:
        if parts in self._given:
            was_folder = self._taken[_folded(self._given[parts])]
            if not (is_folder and was_folder):
                raise ArchiveRefused(f"The zip file holds “{shown('/'.join(parts))}” twice; pack it anew.")
            return
        parent, name = self._given[parts[:-1]], parts[-1]
        stem, suffix = (name, "") if is_folder else os.path.splitext(name)
        written, number = (*parent, name), 1
        while _folded(written) in self._taken:
            number += 1
            written = (*parent, f"{stem} ({number}){suffix}")
        self._given[parts] = written
        self._taken[_folded(written)] = is_folder


def _folded(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(unicodedata.normalize("NFC", unicodedata.normalize("NFC", p).casefold()) for p in parts)


def _check_room(folder: Path, needed: int, limits: Limits) -> None:
    free = shutil.disk_usage(folder).free
    if needed + limits.spare_bytes > free:
        raise ArchiveRefused(
            f"There is not enough room on the disk: {_mebibytes(needed)} are needed and"
            f" {_mebibytes(limits.spare_bytes)} kept free, {_mebibytes(free)} are free;"
            " make room and try again."
        )


def _extract(
    archive: zipfile.ZipFile, planned: list[_Planned], target: Path, meter: _Meter, progress: Progress
) -> None:
    for index, (info, parts) in enumerate(planned):
        progress(index, len(planned), "Unpacking")
        path = target.joinpath(*parts)
        if info.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        meter.start(info.filename)
        with open(path, "xb") as out:
            for chunk in _chunks(archive, info):
                meter.add(len(chunk))
                out.write(chunk)
                progress(index, len(planned), "Unpacking")
    progress(len(planned), len(planned), "Unpacking")


# What zipfile raises on crafted input, beside its own error.
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


def _chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Unpacked bytes of one entry, its checksum verified at the end."""
    try:
        with archive.open(info) as packed:
            while chunk := packed.read(_CHUNK):
                yield chunk
    except _DAMAGE as error:
        raise ArchiveRefused(
            f"The zip file is damaged at “{shown(info.filename)}” ({shown(error)}); pack it anew."
        ) from error


def dataset_root(into: Path) -> Path:
    """The folder that is the dataset: `into`, or the only folder in it, if that is a wrapper (see `unpack`)."""
    entries = list(os.scandir(into))
    if len(entries) != 1 or not entries[0].is_dir() or entries[0].name in SPLITS:
        return into
    inner = list(os.scandir(entries[0].path))
    if not any(e.is_dir() for e in inner) or any(e.is_file() and is_image(e.path, e.name) for e in inner):
        return into
    return Path(entries[0].path)
