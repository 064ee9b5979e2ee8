"""Ways to bring own pictures: a folder on this computer, or a zip file. Errors stand where they belong."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import streamlit as st

from analysis.errors import ExplorerError, InputError
from analysis.jobs import Status
from analysis.progress import Progress
from analysis.sources import Source, confine, holds_packed_pictures, load_dataset
from components.jobs_ui import jobs, show_cancelled, show_failed, show_running
from components.shelf import path_roots, uploads_folder
from components.state import choose
from components.text import md

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

_LAYOUT_HELP: Final = """
**One folder per concept.** The name of a picture's folder is its concept: `apple/`, `pear/`, or nested as
`fruit/apple/`. Folders named `train`, `val` or `test` at the top are splits. Pictures directly in the folder
have no concept yet.

**A list.** A `.csv`, `.jsonl` or `.parquet` file with a column `image` (path beside the file) and a column
`concepts` (several separated by `;`). `predicted` and `confidence` tell what your model said, `boxes` where things
are; every other column is kept.

**A dataset as other tools write it.** COCO, YOLO, Pascal VOC, or Hugging Face Parquet with the pictures inside: give
its folder, and the files in it say which it is. Boxes are kept.
"""


def folder_form() -> None:
    """Path boxes for training and, if wanted, real-world pictures on the computer that runs the app."""
    with st.form("folder", border=False):
        training = st.text_input("Training pictures", placeholder="Folder, dataset (COCO, YOLO, VOC, Parquet), or list")
        real_world = st.text_input(
            "Real-world pictures (optional)",
            placeholder="Folder with pictures as they come in real use",
            help="Pictures from where the model will be used. With them the pages show what training lacks.",
        )
        problem = st.empty()
        sent = st.form_submit_button("Open", type="primary")
    with st.container(horizontal=True, gap="small"):
        with st.popover("How to arrange pictures", type="tertiary"):
            st.markdown(_LAYOUT_HELP)
        with st.popover("Which folders may be opened", type="tertiary"):
            st.markdown("For safety only folders below these can be opened:")
            st.code("\n".join(str(p) for p in path_roots()), language=None, wrap_lines=True)
            st.caption("To allow others, set EXPLORER_ROOTS before starting the app, or start it with that folder.")
    if sent:
        try:
            with st.spinner("Reading the folder"):
                source = checked_source(training, real_world)
        except ExplorerError as error:
            problem.error(md(str(error)))
        else:
            choose(source)


def checked_source(training: str, real_world: str) -> Source:
    """A source from typed paths. Raises `InputError` (its subclasses too) where they cannot be opened."""
    if not training.strip():
        raise InputError("Type the path of the folder that holds the training pictures.")
    roots = path_roots()
    first = confine(training.strip(), roots)
    second = confine(real_world.strip(), roots) if real_world.strip() else None
    source = Source(first, second)
    if any(holds_packed_pictures(path, roots) for path in (first, second) if path is not None):
        return source  # unpacked while it is opened, where there is a bar and a way to stop
    found = load_dataset(source, allowed_roots=roots)
    if not len(found) and not found.unreadable:
        raise InputError(f"No picture lies in {first.name} or below it. Choose the folder that holds the pictures.")
    return source


def zip_form() -> None:
    """Upload of a zip file; it is unpacked on this computer and opened."""
    given = st.file_uploader(
        "Zip file with your pictures",
        type=["zip"],
        help="One folder per concept, or a COCO, YOLO, Pascal VOC or Parquet dataset. With two folders named "
        "training and real_world at its top, both are read.",
    )
    if given is None:
        return
    job_key = ("unpack", given.file_id)
    registry = jobs()

    def start() -> None:
        registry.join_or_start(job_key, unpacking(given, given.name))

    job = registry.find(job_key) or registry.join_or_start(job_key, unpacking(given, given.name))
    if job.active:
        show_running(job, f"Unpacking {given.name}", key="unpacking", noun="file")
    elif job.status is Status.DONE:
        _offer(job.result())
    elif job.message is not None:
        st.error(md(job.message))
    elif job.status is Status.CANCELLED:
        show_cancelled(job, f"Stopped unpacking {given.name}", start, key="unpacking", noun="")
    else:
        show_failed(job, f"{given.name} could not be unpacked", start, key="unpacking")


def _offer(source: Source) -> None:
    # Opened once by itself; coming back to this page later must not jump away again.
    opened = st.session_state.setdefault("uploads_opened", set())
    if source.id not in opened:
        opened.add(source.id)
        choose(source)
    if st.button(f"Open {md(source.name)}", type="primary", key="open-upload"):
        choose(source)


def unpacking(file: UploadedFile | BinaryIO, name: str) -> Callable[[Progress], Source]:
    """The work of unpacking a zip file into the cache folder, to run in a job; gives the source to open."""
    into = uploads_folder()
    roots = path_roots()

    def work(progress: Progress) -> Source:
        from analysis.readers.archive import unpack

        progress(0, 0, "Checking the file")
        target = into / f"{_safe_stem(name)}-{_digest(file)}"
        if not target.is_dir():
            into.mkdir(parents=True, exist_ok=True)
            # Unpacked beside its place and renamed at the end: a stop in between leaves no half dataset.
            with tempfile.TemporaryDirectory(dir=into, prefix=".unpacking-") as scratch:
                unpack(file, Path(scratch) / "content", progress=progress)
                shutil.move(Path(scratch) / "content", target)
        source = _source_in(target, Path(name).stem)
        load_dataset(source, allowed_roots=roots, progress=progress)
        return source

    return work


def _source_in(folder: Path, name: str) -> Source:
    from analysis.readers.archive import dataset_root

    inner = [p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX"))]
    if len(inner) == 1 and inner[0].is_dir() and {p.name for p in inner[0].iterdir()} >= {"training", "real_world"}:
        folder = inner[0]
    if (folder / "training").is_dir() and (folder / "real_world").is_dir():
        return Source(folder / "training", folder / "real_world", name=name)
    return Source(dataset_root(folder), name=name)


def _safe_stem(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(name).stem)[:60].strip("-") or "upload"


def _digest(file: UploadedFile | BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.blake2b(digest_size=6)
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()
