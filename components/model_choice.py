"""Choice of the model that looks at the pictures."""

from __future__ import annotations

import re
from typing import Final

import streamlit as st

from analysis.errors import ModelError
from components.shelf import shelf
from components.state import DEFAULT_MODEL, current_model, set_model
from components.text import md

_OPEN_CLIP: Final = "open_clip"
_FORM: Final = re.compile(r"[^/\s]+/\S+")
_LABELS: Final = {
    DEFAULT_MODEL: "Bundled: comes with the app, works offline, quick on any computer",
    _OPEN_CLIP: "OpenCLIP: sees far more, needs weights from its hub or from a file",
}


def model_choice() -> None:
    """Expander with the models; a model that cannot be loaded says so here, and the one in use stays."""
    using = current_model()
    with st.expander(f"Model in use: {md(using)}"):
        kind = st.radio(
            "Which model looks at the pictures?",
            [DEFAULT_MODEL, _OPEN_CLIP],
            index=0 if using == DEFAULT_MODEL else 1,
            format_func=_LABELS.__getitem__,
        )
        name = DEFAULT_MODEL
        if kind == _OPEN_CLIP:
            given = st.text_input(
                "Architecture/weights",
                value=using.removeprefix("open_clip:") if using != DEFAULT_MODEL else "",
                placeholder="ViT-B-32/laion2b_s34b_b79k, or ViT-B-32/path/to/weights.pt",
            ).strip()
            if not _FORM.fullmatch(given):
                st.caption("Write the architecture, a slash, then the name of the weights or the path of a file.")
                return
            name = f"open_clip:{given}"
        if name == using:
            st.caption("This model is in use.")
        elif st.button("Use this model", key="use-model"):
            _try(name)


def _try(name: str) -> None:
    try:
        with st.spinner("Loading the model"):
            shelf().model(name)
    except ModelError as error:
        st.error(md(str(error)))
        return
    set_model(name)
    st.rerun()
