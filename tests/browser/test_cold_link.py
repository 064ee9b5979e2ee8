"""The very first request to a fresh server is a deep link: a person opens one they were sent."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def fresh_server() -> Iterator[str]:
    """A server that has had no session yet; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "serve.py", "--server.port", str(port)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def wait_for(base: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{base}/_stcore/health", timeout=5):
                return
        except OSError:
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.2)


def test_the_first_link_to_a_fresh_server_shows_its_page_without_a_false_alarm(fresh_server: str, page: Page) -> None:
    page.goto(f"{fresh_server}/overview")
    expect(page.get_by_text("No dataset is open yet")).to_be_visible()
    expect(page.get_by_text("Training Data Explorer")).to_have_count(1)
    page.wait_for_timeout(500)
    expect(page.get_by_text("Page not found")).to_have_count(0)
