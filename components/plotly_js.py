"""How a browser gets plotly.js: from a route of our own when `serve.py` runs the app, else with a component.

The file is the one inside the installed `plotly` package, so nothing is fetched from anywhere else. By route it
travels compressed and the browser keeps it; without the route Streamlit sends it once a session as the script of
a component without content.
"""

from __future__ import annotations

import functools
import gzip
import importlib.metadata
import importlib.resources
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_served = False


def routes() -> list[Route]:
    """Routes for `streamlit.App`; from now on `plotly_url` gives an address."""
    from starlette.routing import Route

    global _served
    _served = True
    return [Route("/plotly/{version}.js", respond, methods=["GET"])]


def plotly_url() -> str | None:
    """Address of plotly.js on this server, or None where `provide` must bring it."""
    if not _served or st.get_option("server.baseUrlPath"):
        return None
    return f"/plotly/{importlib.metadata.version('plotly')}.js"


def respond(request: Request) -> Response:
    """Answer `GET /plotly/<version>.js`."""
    from starlette.responses import Response

    small = "gzip" in request.headers.get("accept-encoding", "")
    headers = {**_HEADERS, "Vary": "Accept-Encoding"} | ({"Content-Encoding": "gzip"} if small else {})
    return Response(_compressed() if small else _source(), media_type="text/javascript", headers=headers)


def _source() -> bytes:
    return importlib.resources.files("plotly").joinpath("package_data/plotly.min.js").read_bytes()


@functools.cache
def _compressed() -> bytes:
    return gzip.compress(_source(), 6)


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    script = _source().decode("utf-8")
    return st.components.v2.component("tde_plotly", js=f"{script}\nexport default function () {{}}")


def provide() -> None:
    """Bring plotly.js to the page where it has no address."""
    if plotly_url() is None:
        _component()(key="tde-plotly", height=1)
