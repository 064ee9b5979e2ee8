"""Start the app, wait for it, and look at it in a browser."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, TimeoutError

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE = "perfect_pint"
TOO_WIDE = (
    "() => { const main = document.querySelector('[data-testid=stMain]'); return main.scrollWidth - main.clientWidth }"
)


@contextlib.contextmanager
def running_app(cache: Path, **environment: str) -> Iterator[str]:
    """The app on a free port; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "serve.py",
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    cache.mkdir(parents=True, exist_ok=True)
    log = (cache.parent / "app.log").open("w")
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "EXPLORER_CACHE": str(cache), **environment},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            if process.poll() is not None:
                raise RuntimeError((cache.parent / "app.log").read_text())
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                break
            time.sleep(0.25)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()


def settled(page: Page) -> None:
    """Wait until the app has nothing left to do."""
    page.wait_for_selector("[data-testid=stApp]")
    page.wait_for_timeout(300)
    page.wait_for_function(
        "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState !== 'running'"
        " && !document.querySelector('[data-testid=stStatusWidget]')",
        timeout=120_000,
    )


def width_too_much(page: Page) -> dict[str, int]:
    """Pixels by which the page is wider than its window, in the light and in the dark look."""
    wide = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.wait_for_function(
            "(dark) => { const app = document.querySelector('[data-testid=stApp]');"
            " const ground = getComputedStyle(app).backgroundColor;"
            " return (ground.match(/\\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) < 384) === dark }",
            arg=scheme == "dark",
        )
        settled(page)
        with contextlib.suppress(TimeoutError):  # a chart follows the window a moment later
            page.wait_for_function(f"() => ({TOO_WIDE})() <= 0", timeout=5_000)
        wide[scheme] = page.evaluate(TOO_WIDE)
    return wide


def draw_around(page: Page, left: float = 0.02, top: float = 0.02, right: float = 0.98, bottom: float = 0.98) -> None:
    """Draw around a part of the map with the mouse, given as shares of its frame."""
    plot = page.locator(".tde-map-plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=8)
    page.mouse.up()
