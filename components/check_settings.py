"""The settings of a check that a person may change: a form behind a button, kept with the result."""

from __future__ import annotations

import html
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from analysis.audit import Task
from analysis.checks.base import Check
from analysis.results import Kept
from components import audits
from components.text import enumerate_words, md

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

_DEEP: Final = {
    "title": "Also train small networks from scratch",
    "help": "Shows how many pictures a model trained from nothing would need. Takes minutes.",
    "low": None,
    "high": None,
    "step": None,
}


def options_of(check: Check) -> dict[str, dict[str, Any]]:
    """What a person may set: field of the check's parameters -> title, help, low, high, step."""
    out = {}
    for one in fields(check.params):
        if "option" in one.metadata:
            out[one.name] = dict(one.metadata["option"])
        elif one.name == "deep":
            out[one.name] = dict(_DEEP)
    return out


def settings_in_words(check: Check, kept: Kept) -> str:
    """`, with your settings: Minimum pictures 5` as HTML; empty where nothing was set."""
    titles = options_of(check)
    parts = [f"{titles[n]['title']}: {_shown(v)}" for n, v in kept.chosen.items() if n in titles]
    return html.escape(f", with your settings ({enumerate_words(parts)})") if parts else ""


def _shown(value: Any) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else f"{value:g}"


def settings(opened: OpenDataset, check: Check, kept: Kept) -> None:
    """A button with the form; nothing where there is nothing to set."""
    options = options_of(check)
    if not options:
        return
    defaults = check.default_params()
    keys = {name: f"{check.id}-option-{name}" for name in options}
    if st.session_state.get(f"{check.id}-options-of") != kept.at:  # another result: the form shows its settings
        st.session_state[f"{check.id}-options-of"] = kept.at
        for key in keys.values():
            st.session_state.pop(key, None)

    def run() -> None:
        values = {name: st.session_state[key] for name, key in keys.items()}
        chosen = {name: value for name, value in values.items() if value != getattr(defaults, name)}
        audits.start(opened, [Task(check, chosen)])

    def reset() -> None:
        audits.start(opened, [Task(check)])

    with st.popover("Settings", type="tertiary", key=f"{check.id}-settings"), st.form(f"{check.id}-form", border=False):
        for name, about in options.items():
            default = getattr(defaults, name)
            _widget(keys[name], about, default, kept.chosen.get(name, default))
        with st.container(horizontal=True):
            st.form_submit_button("Run again with these", type="primary", on_click=run, key=f"{check.id}-run-with")
            st.form_submit_button("Reset", on_click=reset, key=f"{check.id}-reset", disabled=not kept.chosen)


def _widget(key: str, about: dict[str, Any], default: Any, value: Any) -> None:
    if isinstance(default, bool):
        st.checkbox(md(about["title"]), bool(value), key=key, help=md(about["help"]))
        return
    kind: Any = int if isinstance(default, int) else float
    given = {"min_value": about["low"], "max_value": about["high"], "step": about["step"]}
    bounds: Any = {name: None if bound is None else kind(bound) for name, bound in given.items()}
    shape = None if kind is int else f"%.{decimals(default, about['step'])}f"
    help_text = f"{about['help']} Usually {default:g}."
    st.number_input(md(about["title"]), value=kind(value), key=key, help=md(help_text), format=shape, **bounds)


def decimals(*values: float | None) -> int:
    """Digits after the point that show these values in full: at least 2, at most 6."""
    most = 2
    for value in values:
        if value is not None:
            text = f"{value:.6f}".rstrip("0")
            most = max(most, len(text) - text.index(".") - 1)
    return most
