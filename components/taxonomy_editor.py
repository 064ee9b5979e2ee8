"""Edit a dataset's taxonomy in the app: a table of concepts, a file to take over, save, undo, take home."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from analysis.concept_tree import drafted
from analysis.errors import InputError, StoreError
from analysis.taxonomies import without_doubles
from analysis.taxonomy import COLUMNS, Entry, as_csv, as_rows, as_yaml, parse_rows, read_taxonomy
from components.cards import ago
from components.shelf import shelf
from components.text import count, md

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

_GENERATION: Final = "taxonomy-editor-generation"
"""Session state: goes up to give the table a fresh start after a save, an undo or a file."""
_SAID: Final = "taxonomy-editor-said"
_TITLES: Final = {
    "name": ("Concept", "As in your labels: a folder's name or its path."),
    "description": ("Description", "What is seen in a picture of it, in a sentence."),
    "parent": ("Belongs to", "The concept above it; empty at the top."),
    "synonyms": ("Also called", "Other names, with ; between them."),
    "include": ("Include", "What counts as it, with ; between."),
    "exclude": ("Exclude", "What does not count, without a “not”, with ; between."),
}


def editor(opened: OpenDataset) -> None:
    """The editor of this dataset's taxonomy, or of a draft from its concepts."""
    given = opened.dataset.taxonomy
    st.subheader("Edit the taxonomy" if given else "Write a taxonomy", anchor=False)
    start = given or drafted(opened.dataset.concepts)
    first = "Your taxonomy." if given else "A draft: one line for each concept. Say what each concept means."
    st.html(
        f'<p class="tde-text" style="margin:0">{first} What you save is kept beside the dataset; no file of yours '
        "is changed.</p>"
    )
    said = st.session_state.pop(_SAID, "")
    if said:
        st.warning(md(said))
    generation = int(st.session_state.get(_GENERATION, 0))
    before = as_table(start)
    edited = st.data_editor(
        before,
        num_rows="dynamic",
        hide_index=True,
        width="stretch",
        height=min(420, 75 + 35 * (len(before) + 1)),
        column_config={
            name: st.column_config.TextColumn(title, help=words, required=name == "name")
            for name, (title, words) in _TITLES.items()
        },
        key=f"taxonomy-editor-{opened.source.id}-{generation}",
    )
    entries = from_table(edited)
    _buttons(opened, start if given else (), entries)
    _file(opened)


def as_table(entries: tuple[Entry, ...]) -> pd.DataFrame:
    """A row an entry, lists as text with `;` between."""
    rows = [{k: "; ".join(v) if isinstance(v, list) else v for k, v in row.items()} for row in as_rows(entries)]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=str)


def from_table(table: pd.DataFrame) -> tuple[Entry, ...]:
    """The entries of such a table; rows without a name are left out."""
    return parse_rows([{str(k): v for k, v in row.items()} for row in table.fillna("").to_dict("records")])


def _buttons(opened: OpenDataset, saved: tuple[Entry, ...], entries: tuple[Entry, ...]) -> None:
    source = opened.source.id
    try:
        versions = shelf().taxonomies.versions(source)
    except StoreError as error:
        st.warning(md(str(error)))
        versions = ()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Save",
            key="taxonomy-save",
            type="primary",
            disabled=entries == saved or not entries,
            on_click=_save,
            args=(source, entries),
        )
        st.button(
            "Undo the last save",
            key="taxonomy-undo",
            disabled=not versions,
            on_click=_undo,
            args=(source,),
            help=f"Saved {ago(versions[-1].at)}" if versions else None,
        )
        for form, text in (("CSV", as_csv(entries)), ("YAML", as_yaml(entries))):
            st.download_button(
                f"Taxonomy ({form})",
                text.encode("utf-8", "backslashreplace"),
                file_name=f"taxonomy.{form.lower()}",
                key=f"taxonomy-{form}",
                type="tertiary",
                on_click="ignore",
            )


def _save(source_id: str, entries: tuple[Entry, ...]) -> None:
    try:
        shelf().taxonomies.save(source_id, entries)
        shelf().tell_taxonomy(source_id)
    except (InputError, StoreError) as error:
        st.session_state[_SAID] = str(error)
        return
    st.session_state[_GENERATION] = int(st.session_state.get(_GENERATION, 0)) + 1


def _undo(source_id: str) -> None:
    try:
        shelf().taxonomies.undo(source_id)
        shelf().tell_taxonomy(source_id)
    except StoreError as error:
        st.session_state[_SAID] = str(error)
        return
    st.session_state[_GENERATION] = int(st.session_state.get(_GENERATION, 0)) + 1


def _file(opened: OpenDataset) -> None:
    with st.expander("Take over a file"):
        given = st.file_uploader(
            "Taxonomy (CSV, YAML or JSON)", type=["csv", "yaml", "yml", "json"], key="taxonomy-file", max_upload_size=10
        )
        if given is None:
            return
        try:
            entries = without_doubles(read_bytes(given.getvalue(), given.name))
        except InputError as error:
            st.warning(md(str(error)))
            return
        st.button(
            f"Use these {count(len(entries), 'entry', 'entries')}",
            key="taxonomy-use",
            on_click=_save,
            args=(opened.source.id, entries),
        )


def read_bytes(content: bytes, name: str) -> tuple[Entry, ...]:
    """The entries of an uploaded file. Raises InputError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"taxonomy{Path(name).suffix.lower()}"
        path.write_bytes(content)
        try:
            return read_taxonomy(path)
        except InputError as error:
            raise InputError(str(error).replace(f"--taxonomy {path}", Path(name).name)) from error
