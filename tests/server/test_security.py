"""Who is let in, and what a hostile client gets: nothing, and in bounded time."""

from __future__ import annotations

import json
import shutil
import socket
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from cvsi_db import Gallery
from cvsi_db.server import listen, schemas, security
from cvsi_db.server.app import ServeSettings
from cvsi_db.server.security import Access
from tests.server.conftest import HOSTILE, serving

TOKEN = "a token of the tests"


@pytest.fixture(scope="module")
def strict(gallery: Gallery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a token, a name, little patience, and a folder to ingest from."""
    roots = (tmp_path_factory.mktemp("allowed"),)
    with (
        pytest.MonkeyPatch.context() as patch,
        serving(gallery, ServeSettings(TOKEN, ("photos.example.org",), roots, body_seconds=1.0)) as url,
    ):
        patch.setattr(listen, "HEADER_SECONDS", 1.0)
        patch.setattr("cvsi_db.server.routes.LOGIN_SECONDS", 0.0)
        yield url


def raw(url: str, data: bytes, *, wait: float = 30.0) -> bytes:
    """What a server answers to these bytes, until it closes the connection."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=wait) as connection:
        connection.sendall(data)
        found = b""
        while part := connection.recv(65536):
            found += part
    return found


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "[::1", "a b", ""])
def test_a_wrong_host_is_refused(url: str, host: str) -> None:
    answer = httpx.get(f"{url}api/health", headers={"Host": host})
    assert (answer.status_code, answer.json()["kind"]) == (403, "forbidden")
    assert httpx.get(url, headers={"Host": host}).status_code == 403


def test_its_own_names_are_right_hosts(strict: str) -> None:
    for host in ("localhost:1", "127.0.0.1", "[::1]:80", "photos.example.org", "192.0.2.7:8765"):
        assert httpx.get(f"{strict}api/health", headers={"Host": host}).status_code == 200, host
    assert not Access(None).allows_host("photos.example.org")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_origin_is_refused(url: str, http: httpx.Client, headers: dict[str, str]) -> None:
    for method, path in (("POST", "/api/search"), ("POST", "/api/sql"), ("GET", "/api/images"), ("GET", "/metrics")):
        answer = http.request(method, path, json={} if method == "POST" else None, headers=headers)
        assert (answer.status_code, answer.json()["kind"]) == (403, "forbidden")
    own = {"Origin": url.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert http.post("/api/search", json={"edit_text": "a cat"}, headers=own).status_code == 200
    assert http.get("/", headers=headers).status_code == 200  # a link to the page is no attack


def test_without_the_token_nothing_of_the_gallery_is_given(strict: str) -> None:
    with httpx.Client(base_url=strict) as client:
        for path in ("/api/about", "/api/images", "/api/stats", "/api/openapi.json", "/metrics", "/api/nothing"):
            refused = client.get(path)
            assert (refused.status_code, refused.json()["kind"]) == (401, "unauthorized"), path
            assert refused.headers["www-authenticate"] == "Bearer"
        assert client.post("/api/search", json={"edit_text": "a"}).status_code == 401
        assert (client.get("/").status_code, client.get("/api/health").status_code) == (200, 200)
        for wrong in ("Bearer wrong", f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN}x"):
            assert client.get("/api/images", headers={"Authorization": wrong}).status_code == 401
        assert client.get("/api/images", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_login_sets_a_cookie_that_is_as_good(strict: str) -> None:
    with httpx.Client(base_url=strict) as client:
        assert client.post("/api/login", json={"token": "wrong"}).json()["field"] == "token"
        answer = client.post("/api/login", json={"token": TOKEN})
        cookie = answer.headers["set-cookie"]
        assert answer.status_code == 204
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert TOKEN not in cookie
        assert client.get("/api/images").status_code == 200
        assert client.post("/api/logout").status_code == 204
        assert client.get("/api/images").status_code == 401
        assert client.get("/api/images", headers={"Cookie": 'cvsi_db="; x'}).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
        "/static//etc/passwd",
        "/static/..\\app.py",
        "/static/%00",
        "/api/images/..%2f..%2fetc%2fpasswd",
        "/api/images/..%2fpasswd/original",
        "/api/images/%00/thumbnail",
        "/../../etc/passwd",
        "/etc/passwd",
    ],
)
def test_a_path_leads_nowhere_else(url: str, path: str) -> None:
    place = urlsplit(url)
    answer = raw(url, f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n\r\n".encode())
    assert answer.split()[1] in (b"404", b"400"), answer[:200]
    assert b"root:" not in answer
    assert b"def create_app" not in answer


def test_a_file_that_was_swapped_is_gone(http: httpx.Client, photos: Path, image_ids: dict[str, str]) -> None:
    name = "red-cat-beach-top-hat"
    file, kept = photos / "cats" / f"{name}.png", photos / "kept"
    address = f"/api/images/{image_ids[name]}"
    kept_small = http.get(f"{address}/thumbnail?size=640&format=jpeg").content  # what the gallery holds of it
    file.rename(kept)
    try:
        for target in ("/etc/passwd", str(photos / "cats" / "red-cat-beach.png"), "/nowhere", "/dev/zero"):
            file.symlink_to(target)
            answer = http.get(f"{address}/original")
            assert (answer.status_code, answer.json()["kind"]) == (410, "gone"), target
            assert http.get(f"{address}/thumbnail?size=640&format=jpeg").content == kept_small, target
            file.unlink()
    finally:
        kept.rename(file)
    assert http.get(f"{address}/original").content == file.read_bytes()


def test_an_upload_is_bounded_in_bytes_and_pixels(
    http: httpx.Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10_000))) + chunk(b"IEND", b"")
    refused = http.post("/api/search", files={"reference": ("x.png", bomb)})
    assert (refused.status_code, refused.json()["kind"]) == (422, "ImageError")
    assert "900 megapixels" in refused.json()["error"]
    text = http.post("/api/search", files={"reference": ("x.png", b"<svg onload=alert(1)>")})
    assert (text.status_code, text.json()["error"]) == (422, "cannot read 'the uploaded image': not an image")
    monkeypatch.setitem(schemas.LIMITS, "upload_bytes", 1000)
    monkeypatch.setattr(security, "JSON_BYTES", 1000)
    large = http.post("/api/search", files={"reference": ("x.png", bytes(1100))})
    assert (large.status_code, large.json()["kind"]) == (413, "too_large")
    declared = http.post("/api/search", files={"reference": ("x.png", bytes(5000))})
    assert declared.json()["kind"] == "too_large"
    assert http.post("/api/search", json={"edit_text": "a" * 2000}).json()["kind"] == "too_large"
    place = urlsplit(url)
    head = f"POST /api/search HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
    body = b"5dc\r\n" + b" " * 1500 + b"\r\n"  # in chunks, which declare no length
    assert b" 413 " in raw(url, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + body).split(b"\r\n")[0]


def test_parts_that_nobody_asked_for_are_refused(http: httpx.Client) -> None:
    for files in ({"other": ("x", b"x")}, {"query": ("x", b"{}")}, {"edit_text": (None, "a")}):
        assert http.post("/api/search", files=files).json()["kind"] == "bad_request"
    many = [("liked", ("x", b"x"))] * 80
    assert http.post("/api/search", files=many).status_code == 400
    kind = {"Content-Type": "multipart/form-data"}
    assert http.post("/api/search", content=b"x", headers=kind).json()["kind"] == "bad_request"
    assert http.post("/api/search", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415


def test_slow_clients_are_given_up(strict: str) -> None:
    place = urlsplit(strict)
    start = monotonic()
    assert raw(strict, b"") == b""  # no headers at all
    assert raw(strict, b"GET / HTTP/1.1\r\nHost: local") == b""
    head = f"POST /api/login HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
    answer = raw(strict, f"{head}Content-Length: 100\r\n\r\n{{".encode())
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert monotonic() - start < 20


def test_a_client_that_leaves_amid_its_body_does_no_harm(strict: str) -> None:
    place = urlsplit(strict)
    head = f"POST /api/login HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
    for _ in range(5):
        with socket.create_connection((place.hostname, place.port)) as connection:
            connection.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
    assert httpx.get(f"{strict}api/health").json() == {"status": "ok"}


def test_connections_are_bounded(strict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "CONNECTIONS", 20)
    place = urlsplit(strict)
    held = [socket.create_connection((place.hostname, place.port), timeout=20) for _ in range(60)]
    try:
        closed = 0
        for connection in held[20:]:
            try:
                closed += connection.recv(1) == b""
            except ConnectionError:
                closed += 1
        assert closed == 40
    finally:
        for connection in held:
            connection.close()
    with httpx.Client(base_url=strict, transport=httpx.HTTPTransport(retries=10)) as client:
        assert client.get("/api/health").status_code == 200


def test_too_many_searches_are_told_to_come_again(gallery: Gallery) -> None:
    began, let = Event(), Event()

    def slowly(queries: Any, *, verified: bool) -> Any:
        began.set()
        let.wait(30)
        return gallery.search_many(queries, verified=verified)

    with serving(gallery.through(slowly), ServeSettings(waiting=1)) as url, httpx.Client(base_url=url) as client:
        refused = client.post("/api/batch", json={"queries": [{"edit_text": "a"}, {"edit_text": "b"}]})
        assert (refused.status_code, refused.json()["kind"], refused.headers["retry-after"]) == (503, "busy", "1")
        let.set()
        assert client.post("/api/search", json={"edit_text": "a cat"}).status_code == 200


def test_every_answer_has_the_headers(http: httpx.Client, url: str) -> None:
    for path in ("/", "/api/health", "/nothing", "/static/index.html", "/api/images/x/original"):
        headers = http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "server" not in headers
    assert b" 400 " in raw(url, b"NONSENSE\r\n\r\n").split(b"\r\n")[0]


def test_hostile_names_are_data(http: httpx.Client, photos: Path) -> None:
    path = str(photos / "cats" / f"{HOSTILE}.png")
    answer = http.post("/api/search", json={"reference": path, "exclude_reference": False, "k": 1})
    assert answer.headers["content-type"] == "application/json"
    hit = answer.json()["hits"][0]
    assert hit["path"] == path
    original = http.get(f"/api/images/{hit['image_id']}/original")
    assert "<" not in original.headers["content-disposition"]
    assert original.headers["content-type"] == "image/png"


def test_an_unexpected_error_is_one_line(gallery: Gallery) -> None:
    def broken(_: Any) -> Any:
        raise RuntimeError("secret of the inside")

    with serving(gallery.through(broken)) as url:
        answer = httpx.post(f"{url}api/search", json={"edit_text": "a cat"})
    assert (answer.status_code, answer.json()["kind"]) == (500, "unexpected")
    assert "secret" not in answer.text
    assert "nosniff" in answer.headers["x-content-type-options"]


def test_what_may_be_ingested_is_below_the_allowed_folders(strict: str, photos: Path) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for path in (str(photos), "/", "..", "a\0b"):
        refused = httpx.post(f"{strict}api/ingest", json={"paths": [path]}, headers=headers)
        assert (refused.status_code, refused.json()["field"]) == (403, "paths"), path
    assert json.loads(httpx.get(f"{strict}api/ingest", headers=headers).text)["state"] == "none"


@pytest.mark.slow
def test_an_ingest_goes_on_beside_searches(tmp_path: Path) -> None:
    samples = Path(__file__).parents[2] / "sample_gallery"
    for file in sorted(samples.glob("red-cat-*"))[:4]:
        shutil.copy(file, tmp_path)
    with Gallery.create(tmp_path / "gallery", model="starter", device="cpu") as gallery:
        settings = ServeSettings(ingest_roots=(tmp_path,), device="cpu")
        with serving(gallery, settings) as url, httpx.Client(base_url=url, timeout=60) as client:
            started = client.post("/api/ingest", json={"paths": [str(tmp_path)], "tags": ["new"], "caption": False})
            assert (started.status_code, started.json()["state"]) == (202, "running")
            assert client.post("/api/ingest", json={"paths": [str(tmp_path)]}).status_code == 409
            while (state := client.get("/api/ingest").json())["state"] == "running":
                assert client.post("/api/search", json={"edit_text": "a cat"}).status_code == 200
            schemas.IngestDocument.model_validate(state)
            assert (state["state"], state["summary"]["new"]) == ("done", 4)
            assert client.get("/api/facets").json()["tags"] == [{"value": "new", "count": 4}]
