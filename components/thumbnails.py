"""Where a browser gets thumbnails from: a route of our own when `serve.py` runs the app, else data URIs.

The address holds a random token made at the start of the process, and only pictures of datasets that are open
now are answered, and only to pages of this app. `static/` would answer any site.
"""

from __future__ import annotations

import base64
import re
import secrets
import threading
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from analysis.opening import OpenDataset
    from analysis.store import Store

_HASH: Final = re.compile(r"[0-9A-Za-z]{8,128}")
_HEADERS: Final = {
    "Cache-Control": "private, max-age=86400, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class ThumbnailServer:
    """Which pictures may be fetched by address, and the answer to such a request. Thread-safe."""

    def __init__(self) -> None:
        self.token: Final = secrets.token_urlsafe(24)
        self.served = False
        self._lock = threading.Lock()
        self._open: dict[str, tuple[Store, frozenset[str]]] = {}

    def allow(self, source_id: str, store: Store, content_hashes: frozenset[str]) -> None:
        """Answer for these pictures from now on."""
        with self._lock:
            self._open[source_id] = (store, content_hashes)

    def forbid(self, source_id: str) -> None:
        """Answer no longer for this dataset."""
        with self._lock:
            self._open.pop(source_id, None)

    def picture(self, source_id: str, content_hash: str) -> bytes | None:
        """JPEG bytes, or None where the dataset is not open or has no such picture."""
        with self._lock:
            entry = self._open.get(source_id)
        if entry is None or content_hash not in entry[1]:
            return None
        return entry[0].thumbnails([content_hash])[0]

    def respond(self, request: Request) -> Response:
        """Answer `GET /thumbnails/<token>/<source id>/<content hash>.jpg`."""
        from starlette.responses import Response

        # Browsers say which site asks; "none" is a person typing the address.
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return Response(status_code=403, headers={"Cache-Control": "no-store"})
        given = request.path_params
        content_hash = given["name"].removesuffix(".jpg")
        known = secrets.compare_digest(given["token"].encode(), self.token.encode())
        body = self.picture(given["source_id"], content_hash) if known and _HASH.fullmatch(content_hash) else None
        if body is None:
            return Response(status_code=404, headers={"Cache-Control": "no-store"})
        return Response(body, media_type="image/jpeg", headers=_HEADERS)

    def routes(self) -> list[Route]:
        """Routes for `streamlit.App`; from now on `thumbnail_url` gives addresses."""
        from starlette.routing import Route

        self.served = True
        return [Route("/thumbnails/{token}/{source_id}/{name}", self.respond, methods=["GET"])]


SERVER: Final = ThumbnailServer()


def thumbnail_url(open_dataset: OpenDataset, content_hash: str) -> str | None:
    """Address of a thumbnail on this server, or None where it must travel as a data URI."""
    if not SERVER.served or st.get_option("server.baseUrlPath"):
        return None
    return f"/thumbnails/{SERVER.token}/{open_dataset.source.id}/{content_hash}.jpg"


def thumbnail_sources(open_dataset: OpenDataset, rows: list[int]) -> list[str]:
    """For each row of `images`, what goes into `<img src>`: an address where served, else a data URI."""
    hashes = open_dataset.dataset.images["content_hash"].iloc[np.asarray(rows, dtype=np.int64)].astype(str).tolist()
    urls = [thumbnail_url(open_dataset, h) for h in hashes]
    if all(url is not None for url in urls):
        return [url for url in urls if url is not None]
    return [data_uri(picture) for picture in open_dataset.thumbnails(rows)]


def data_uri(picture: bytes, mime: str = "image/jpeg") -> str:
    """A picture as a `data:` address."""
    return f"data:{mime};base64,{base64.b64encode(picture).decode('ascii')}"
