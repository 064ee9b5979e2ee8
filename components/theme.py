"""Colours, chart layout and the little CSS that the pages share. Values mirror `.streamlit/config.toml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import streamlit as st

from analysis.dataset import REAL_WORLD, TRAINING

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Checked for the three colour-blindnesses: least ΔE2000 between any two is 12.
PALETTE: Final = (
    "#006289", "#EB7600", "#62C476", "#B162FF", "#D8143B", "#14899D",
    "#4E6200", "#EB9DB1", "#6214FF", "#B17676", "#B19DD8", "#894E62",
)  # fmt: skip
OTHER_COLOUR: Final = "#9AA0A6"
ORIGIN_COLOURS: Final[Mapping[str, str]] = {TRAINING: "#14899D", REAL_WORLD: "#EB7600"}
ORIGIN_NAMES: Final[Mapping[str, str]] = {TRAINING: "Training", REAL_WORLD: "Real world"}

LIGHT: Final[Mapping[str, str]] = {
    "paper": "#FBFAF7",
    "raised": "#F1EEE7",
    "ink": "#1C2126",
    "muted": "#5A626B",
    "line": "#DAD5CA",
    "primary": "#0B6E6E",
    "link": "#0B6E6E",
}
DARK: Final[Mapping[str, str]] = {
    "paper": "#14171C",
    "raised": "#20252C",
    "ink": "#E8E6E1",
    "muted": "#A7ADB5",
    "line": "#38404A",
    "primary": "#17807A",
    "link": "#5CC4BB",
}


def is_dark() -> bool:
    """Whether the person's browser shows the dark theme."""
    return st.context.theme.type == "dark"


def colours() -> Mapping[str, str]:
    """Named surface and text colours of the theme in use: paper, raised, ink, muted, line, primary, link."""
    return DARK if is_dark() else LIGHT


def ink() -> str:
    """Text colour."""
    return colours()["ink"]


def paper() -> str:
    """Ground colour."""
    return colours()["paper"]


def colour_of(concepts: Sequence[str]) -> dict[str, str]:
    """One colour per concept in the order given; those beyond the palette share one grey."""
    return {c: PALETTE[i] if i < len(PALETTE) else OTHER_COLOUR for i, c in enumerate(concepts)}


def figure_layout(fig: go.Figure) -> go.Figure:
    """Give a figure the app's fonts and explicit colours on a transparent ground; returns the same figure."""
    c = colours()
    clear = "rgba(0,0,0,0)"
    fig.update_layout(
        template="none",
        paper_bgcolor=clear,
        plot_bgcolor=clear,
        font={"family": "Inter, sans-serif", "size": 13, "color": c["ink"]},
        title={"font": {"family": "Manrope, sans-serif", "size": 16, "color": c["ink"]}},
        hoverlabel={
            "bgcolor": c["raised"],
            "bordercolor": c["line"],
            "font": {"color": c["ink"], "family": "Inter"},
        },
        legend={"bgcolor": clear, "font": {"color": c["ink"]}},
        colorway=list(PALETTE),
    )
    axis = {
        "gridcolor": c["line"],
        "linecolor": c["line"],
        "zerolinecolor": c["line"],
        "tickcolor": c["line"],
    }
    text = {"tickfont": {"color": c["muted"]}, "title": {"font": {"color": c["muted"]}, "standoff": 10}}
    fig.update_xaxes(**axis, **text, automargin=True)
    fig.update_yaxes(**axis, **text, automargin=True)
    return fig


def styles() -> None:
    """Put the shared CSS on the page; called once a run by `app.py`.

    Only `currentColor` and transparency, so it is right in light and dark without knowing which.
    """
    st.html(f"<style>{_CSS}</style>")


_CSS: Final = """
.stMainBlockContainer { padding-top: 4.25rem; padding-bottom: 4rem; max-width: 1240px; }
@media (max-width: 1100px) {
  .stMainBlockContainer { padding-left: 2rem; padding-right: 2rem; }
  [data-testid="stSidebar"][data-collapsed="false"] {
    width: 15rem !important; min-width: 15rem !important; }
  .tde-brand.tde-brand { font-size: .9rem; gap: .4rem; white-space: nowrap; }
}
[data-testid="stSidebarHeader"] { min-height: 2.25rem; height: 2.25rem; }
/* Streamlit darkens these to the primary colour's shade, which vanishes on a dark ground. */
button[kind="tertiary"]:is(:hover, :active, :focus, [aria-expanded="true"]),
[data-testid="stPopoverButton"]:is(:hover, :active, :focus, [aria-expanded="true"]) {
  color: inherit !important; }
button[kind="tertiary"]:hover { text-decoration: underline; text-underline-offset: .2em; }
/* The primary colour as text is too dim on a dark ground. */
button[data-variant="segmented_control"][aria-checked="true"] { color: inherit !important; font-weight: 600; }
.tde-lede { font-size: 1.05rem; line-height: 1.55; max-width: 70ch; margin: 0;
  color: color-mix(in srgb, currentColor 82%, transparent); }
.tde-hero { font-family: Manrope, sans-serif; font-weight: 700; font-size: clamp(1.7rem, 3.4vw, 2.5rem);
  line-height: 1.18; letter-spacing: -0.015em; margin: 0 0 .6rem; max-width: 24ch; text-wrap: balance; }
.tde-chips { display: flex; flex-wrap: wrap; gap: .4rem; }
.tde-chip { display: inline-flex; align-items: center; gap: .4rem; font-size: .8rem; line-height: 1.2;
  padding: .28rem .65rem; border-radius: 99px; max-width: 100%; overflow-wrap: anywhere;
  background: color-mix(in srgb, currentColor 7%, transparent); }
.tde-dot { width: .55rem; height: .55rem; border-radius: 50%; flex: none; }
.tde-muted { color: color-mix(in srgb, currentColor 66%, transparent); }
.tde-small { font-size: .85rem; line-height: 1.45; }
.tde-fit { container-type: inline-size; }
.tde-strip { display: grid; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 6px; }
@container (max-width: 760px) { .tde-strip { grid-template-columns: repeat(8, minmax(0, 1fr)); } }
@container (max-width: 460px) { .tde-strip { grid-template-columns: repeat(6, minmax(0, 1fr)); } }
.tde-strip img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 6px; display: block;
  background: color-mix(in srgb, currentColor 8%, transparent); }
.tde-cover { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: 4px;
  aspect-ratio: 2 / 1; border-radius: 8px; overflow: hidden;
  background: color-mix(in srgb, currentColor 8%, transparent); }
.tde-cover img { width: 100%; height: 100%; object-fit: cover; min-width: 0; min-height: 0; display: block; }
.tde-cover-5 { grid-auto-flow: row; grid-template-columns: 2fr 1fr 1fr; grid-template-rows: 1fr 1fr; }
.tde-cover-5 img:first-child { grid-row: 1 / span 2; }
.tde-state { padding: 2.2rem 1rem .6rem; text-align: center; }
.tde-state h2 { font-family: Manrope, sans-serif; font-size: 1.35rem; margin: 0 0 .4rem; }
.tde-state p { margin: 0 auto; max-width: 58ch; line-height: 1.55; overflow-wrap: anywhere; }
.tde-brand { font-family: Manrope, sans-serif; font-weight: 750; font-size: 1.02rem; letter-spacing: -0.01em;
  display: flex; gap: .55rem; align-items: center; margin: 0; }
.tde-brand img { flex: none; width: 1.45rem; height: 1.45rem; }
.tde-side-title { font-size: .74rem; font-weight: 600; letter-spacing: .02em; margin: .5rem 0 -.35rem;
  color: color-mix(in srgb, currentColor 62%, transparent); }
.tde-badge { border-radius: 99px; padding: .18rem .7rem; font-size: .82rem; font-weight: 600; line-height: 1.5;
  white-space: nowrap; color: #fff; display: inline-block; }
.tde-badge-quiet { color: inherit; font-weight: 500; background: color-mix(in srgb, currentColor 9%, transparent); }
.tde-verdict { font-family: Manrope, sans-serif; font-weight: 650; font-size: 1.28rem; line-height: 1.4;
  margin: 0; max-width: 62ch; text-wrap: pretty; overflow-wrap: anywhere; }
.tde-text { margin: .35rem 0 0; line-height: 1.5; max-width: 75ch; overflow-wrap: anywhere; }
.tde-score { font-family: Manrope, sans-serif; font-weight: 700; font-size: clamp(1.3rem, 2.4vw, 1.75rem);
  line-height: 1.3; letter-spacing: -0.01em; margin: 0; text-wrap: pretty; }
.tde-segments { display: flex; gap: 3px; margin: .9rem 0 .5rem; }
.tde-segments > span { flex: 1; height: .7rem; border-radius: 3px;
  background: color-mix(in srgb, currentColor 12%, transparent); }
.tde-statement.tde-quiet { font-weight: 500; color: color-mix(in srgb, currentColor 70%, transparent); }
[class*="st-key-statement-"] [data-testid="stPageLink-NavLink"] { padding: 0; margin: 0; background: none; }
[class*="st-key-statement-"] [data-testid="stPageLink-NavLink"]:hover { text-decoration: underline; }
.tde-rule { height: 1px; margin: .35rem 0; background: color-mix(in srgb, currentColor 12%, transparent); }
.tde-list { margin: .2rem 0 .2rem; padding-left: 1.1rem; line-height: 1.5; max-width: 75ch; overflow-wrap: anywhere; }
.tde-table { border-collapse: collapse; }
.tde-table td { padding: .3rem .9rem .3rem 0; vertical-align: top; border: 0; }
.tde-statement { font-family: Manrope, sans-serif; font-weight: 650; font-size: 1.02rem; line-height: 1.4; margin: 0; }
.tde-bar { height: .65rem; border-radius: 99px; overflow: hidden; display: flex; gap: 2px; }
.tde-bar > span { display: block; height: 100%; }
.tde-row { display: grid; grid-template-columns: minmax(0, 13rem) minmax(40%, 1fr) 3.2rem;
  gap: .8rem; align-items: center;
  font-size: .92rem; padding: .22rem 0; }
.tde-row > :first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.tde-row > :last-child { text-align: right; font-variant-numeric: tabular-nums; }
"""
