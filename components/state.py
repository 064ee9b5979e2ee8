"""Which dataset a page shows, and what stands there until it can: empty, loading, cancelled, error."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

import pandas as pd
import streamlit as st

from analysis.jobs import Job, Status
from analysis.sources import Source
from components.jobs_ui import jobs, show_cancelled, show_failed, show_running, state_card
from components.shelf import given_source, samples, shelf
from components.text import count, md

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

START_PAGE: Final = "pages/explore/start.py"
TAXONOMY_PAGE: Final = "pages/audit/taxonomy.py"
OVERVIEW_PAGE: Final = "pages/explore/overview.py"
DEFAULT_MODEL: Final = "bundled"
ENV_MODEL: Final = "EXPLORER_MODEL"
_DATASET: Final = "dataset_id"
_MODEL: Final = "model_name"
_GREETED: Final = "greeted"


@dataclass(frozen=True, slots=True)
class Choice:
    """What this session looks at: a dataset by id (known here or not) and a model by name."""

    dataset_id: str
    source: Source | None
    model: str


def current_model() -> str:
    """The model of this session: link, then choice, then environment, then the bundled one."""
    return str(
        st.query_params.get("model") or st.session_state.get(_MODEL) or os.environ.get(ENV_MODEL) or DEFAULT_MODEL
    )


def set_model(name: str) -> None:
    """Use another model from now on."""
    st.session_state[_MODEL] = name
    st.query_params.pop("model", None)


def current() -> Choice | None:
    """What to show: the link's dataset, else this session's, else the one the app was started with."""
    dataset_id = st.query_params.get("dataset") or st.session_state.get(_DATASET)
    if dataset_id:
        return Choice(dataset_id, shelf().source(dataset_id), current_model())
    given = given_source()
    return Choice(given.id, given, current_model()) if given else None


def current_open() -> OpenDataset | None:
    """The dataset this session looks at, if it is open already."""
    choice = current()
    return shelf().get(choice.dataset_id, choice.model) if choice else None


def link_parameters() -> dict[str, str]:
    """Query parameters that make a link to another page show the same dataset under the same model."""
    choice = current()
    if choice is None:
        return {}
    model = {} if choice.model == DEFAULT_MODEL else {"model": choice.model}
    return {"dataset": choice.dataset_id, **model}


def choose(source: Source) -> None:
    """Look at this dataset from now on, and go to its overview. Does not return."""
    shelf().remember(source)
    st.session_state[_DATASET] = source.id
    st.query_params["dataset"] = source.id
    st.switch_page(OVERVIEW_PAGE, query_params=link_parameters())


def greet() -> None:
    """Once a session, go from a bare start page to the dataset the app was started with."""
    first = not st.session_state.get(_GREETED)
    st.session_state[_GREETED] = True
    given = given_source()
    if first and given is not None and not st.query_params and not st.session_state.get(_DATASET):
        choose(given)


def require_dataset() -> OpenDataset:
    """The dataset this page shows, opened.

    Until there is one, a designed state stands there and the run of the page stops.
    """
    st.session_state[_GREETED] = True
    choice = current()
    if choice is None:
        _nothing_chosen()
    if choice.source is None:
        _unknown(choice.dataset_id)
    _keep_in_link(choice)
    opened = shelf().get(choice.dataset_id, choice.model)
    if opened is None:
        opened = _open(choice.source, choice.model)
    if len(opened.dataset) == 0:
        _nothing_readable(opened)
    return opened


def reopen(source_id: str) -> None:
    """Look for changed files: open the dataset anew, computing only what changed."""
    shelf().drop(source_id)


def _keep_in_link(choice: Choice) -> None:
    st.session_state[_DATASET] = choice.dataset_id
    st.session_state[_MODEL] = choice.model
    for name, value in link_parameters().items():
        if st.query_params.get(name) != value:
            st.query_params[name] = value


def _open(source: Source, model: str) -> OpenDataset:
    """The dataset if its job has just ended; else the job's state, and the run of the page stops."""
    registry, kept = jobs(), shelf()
    key = ("open", str(kept.root), source.id, model)
    work = kept.opening(source, model)

    def start() -> None:
        registry.join_or_start(key, work)

    job = registry.find(key)
    if job is None or job.status is Status.DONE:
        # It may have ended between the two looks; opened and dropped since means opening it again.
        opened = kept.get(source.id, model)
        if opened is not None:
            return opened
        job = registry.join_or_start(key, work)
    return _show_opening(job, source.name, start)


def _show_opening(job: Job[None], name: str, start: Callable[[], None]) -> NoReturn:
    if job.active:
        show_running(job, f"Opening {name}", key="opening")
        _while_opening()
    elif job.status is Status.CANCELLED:
        show_cancelled(job, f"Stopped opening {name}", start, key="opening", beside=_start_button)
    else:
        show_failed(job, f"{name} could not be opened", start, key="opening", beside=_start_button)
    st.stop()


def _while_opening() -> None:
    st.caption(
        "Each picture is read once: its thumbnail, its measurements and what the model sees in it are kept "
        "on this computer. The next time, only new and changed pictures take time. You may leave this page "
        "meanwhile."
    )


def _start_button(label: str = "Choose another dataset", primary: bool = False) -> None:
    if st.button(label, type="primary" if primary else "secondary", key="to-start"):
        st.switch_page(START_PAGE)


def _nothing_chosen() -> NoReturn:
    state_card(
        "No dataset is open yet",
        "Choose a folder of your own, upload a zip file or take a bundled sample; this page then shows it.",
    )
    with st.container(horizontal=True, horizontal_alignment="center"):
        _start_button("Choose a dataset", primary=True)
        for sample in samples():
            if st.button(f"Open {md(sample.title)}", key=f"empty-{sample.id}"):
                choose(sample.source)
    st.stop()


def _unknown(dataset_id: str) -> NoReturn:
    state_card(
        "This link names a dataset that is not known here",
        f"No dataset called “{dataset_id[:60]}” was opened on this computer. Open its folder once on the "
        "start page; after that, links to it work.",
    )
    st.session_state.pop(_DATASET, None)
    with st.container(horizontal=True, horizontal_alignment="center"):
        _start_button("Choose a dataset", primary=True)
    st.stop()


def _nothing_readable(opened: OpenDataset) -> NoReturn:
    unreadable, ignored = opened.dataset.unreadable, opened.dataset.ignored
    found = []
    if unreadable:
        found.append(f"{count(len(unreadable), 'file')} could not be read")
    if ignored:
        found.append(count(ignored, "other file is not a picture", "other files are not pictures"))
    state_card(
        f"{opened.source.name} holds no picture that can be shown",
        (" and ".join(found) + "." if found else "The folder is empty.")
        + " Put JPEG, PNG, WebP, TIFF or similar pictures there, or choose another folder.",
    )
    if unreadable:
        st.dataframe(unreadable_table(opened), hide_index=True)
    with st.container(horizontal=True, horizontal_alignment="center"):
        st.button("Look again", key="look-again", on_click=reopen, args=(opened.source.id,))
        _start_button(primary=True)
    st.stop()


def unreadable_table(opened: OpenDataset) -> pd.DataFrame:
    """Files that could not be used: columns `File`, `Reason`."""
    files = opened.dataset.unreadable
    return pd.DataFrame({"File": [u.image_id for u in files], "Reason": [u.reason for u in files]}, dtype=object)
