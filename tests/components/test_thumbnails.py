"""The thumbnail route answers this app's own pages, for pictures of open datasets, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from components import thumbnails
from components.thumbnails import ThumbnailServer, data_uri, thumbnail_sources, thumbnail_url

HASH, OTHER = "a1" * 16, "b2" * 16


class PicturesStore:
    """Gives a picture for every hash, so that only the route decides what is answered."""

    def thumbnails(self, content_hashes):
        return [b"jpeg of " + h.encode() for h in content_hashes]


@pytest.fixture
def server():
    server = ThumbnailServer()
    server.allow("photos", PicturesStore(), frozenset({HASH}))
    return server


@pytest.fixture
def client(server):
    return TestClient(Starlette(routes=server.routes()))


def test_a_picture_of_an_open_dataset_is_answered_and_kept_private(server, client):
    answer = client.get(f"/thumbnails/{server.token}/photos/{HASH}.jpg", headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 200 and answer.content == b"jpeg of " + HASH.encode()
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "private" in answer.headers["cache-control"] and "immutable" in answer.headers["cache-control"]
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_other_sites_are_refused(server, client, site):
    answer = client.get(f"/thumbnails/{server.token}/photos/{HASH}.jpg", headers={"sec-fetch-site": site})
    assert answer.status_code == 403 and not answer.content


def test_a_wrong_token_finds_nothing(client):
    assert client.get(f"/thumbnails/{'x' * 32}/photos/{HASH}.jpg").status_code == 404
    assert client.get(f"/thumbnails/ü/photos/{HASH}.jpg").status_code == 404


@pytest.mark.parametrize(
    "path", [f"photos/{OTHER}.jpg", f"other/{HASH}.jpg", "photos/..%2F..%2Fsecret.jpg", "photos/.jpg"]
)
def test_pictures_that_are_not_open_are_not_found(server, client, path):
    assert client.get(f"/thumbnails/{server.token}/{path}").status_code == 404


def test_a_closed_dataset_is_no_longer_answered(server, client):
    server.forbid("photos")
    assert client.get(f"/thumbnails/{server.token}/photos/{HASH}.jpg").status_code == 404


def test_only_reading_is_possible(server, client):
    assert client.post(f"/thumbnails/{server.token}/photos/{HASH}.jpg").status_code == 405


def test_every_process_has_its_own_long_token():
    tokens = {ThumbnailServer().token for _ in range(50)}
    assert len(tokens) == 50 and min(map(len, tokens)) >= 32


def opened_dataset(hashes):
    import pandas as pd

    return SimpleNamespace(
        source=SimpleNamespace(id="photos"),
        dataset=SimpleNamespace(images=pd.DataFrame({"content_hash": hashes})),
        thumbnails=lambda rows: [b"jpeg"] * len(rows),
    )


def test_without_the_route_pictures_travel_as_data(monkeypatch):
    monkeypatch.setattr(thumbnails, "SERVER", ThumbnailServer())
    assert thumbnail_url(opened_dataset([HASH]), HASH) is None
    assert thumbnail_sources(opened_dataset([HASH, OTHER]), [0, 1]) == [data_uri(b"jpeg")] * 2


def test_with_the_route_pictures_travel_by_address(monkeypatch, server, client):
    monkeypatch.setattr(thumbnails, "SERVER", server)
    (address,) = thumbnail_sources(opened_dataset([HASH]), [0])
    assert client.get(address).status_code == 200


def test_serve_adds_the_route_to_the_app(monkeypatch):
    import runpy
    from pathlib import Path

    monkeypatch.setattr(thumbnails, "SERVER", ThumbnailServer())
    names = runpy.run_path(str(Path(__file__).resolve().parents[2] / "serve.py"))
    assert thumbnails.SERVER.served
    assert "/thumbnails/{token}/{source_id}/{name}" in [r.path for r in names["app"]._user_routes]
