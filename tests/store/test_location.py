"""Addresses of Google's and Azure's object storage: settings from the environment, and what errors say; on loopback."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cvsi_db.errors import GalleryError
from cvsi_db.store.folder import is_gallery, open_gallery_folder
from cvsi_db.store.location import RemoteFolder, absolute, locate, reason_in

NOTHING = {
    "gs": b"<ListBucketResult></ListBucketResult>",
    "az": b"<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>",
}


class Store(ThreadingHTTPServer):
    """A store with nothing in it, or one that refuses everybody; `asked` are the paths of the requests."""

    def __init__(self, answer: tuple[int, bytes]) -> None:
        asked = self.asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1])

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "AZURE_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(params=["gs", "az"])
def scheme(request: pytest.FixtureRequest, no_settings: None) -> str:
    name: str = request.param
    return name


def settle(scheme: str, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what says where the store is and who asks."""
    if scheme == "gs":
        key = {"gcs_base_url": url, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
        (folder / "key.json").write_text(json.dumps(key))
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(folder / "key.json"))
        return
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", base64.b64encode(b"key").decode())
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", url)
    monkeypatch.setenv("AZURE_ALLOW_HTTP", "true")


@pytest.fixture
def store(
    request: pytest.FixtureRequest, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    status = getattr(request, "param", 200)
    with Store((status, NOTHING[scheme] if status == 200 else b"no")) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        settle(scheme, f"http://127.0.0.1:{server.server_port}", tmp_path, monkeypatch)
        yield server
        server.shutdown()
        thread.join()


def test_an_address_is_asked_at_the_place_that_the_environment_names(scheme: str, store: Store) -> None:
    root = locate(f"{scheme.upper()}://bucket/my gallery/")
    assert (root, absolute(root)) == (RemoteFolder(f"{scheme}://bucket/my gallery"), f"{scheme}://bucket/my gallery")
    assert not is_gallery(root)
    with pytest.raises(GalleryError, match=rf"no gallery in '{root}': make one with .* --db {root}"):
        open_gallery_folder(root)
    assert store.asked
    assert all("bucket" in path and "my%20gallery" in path.replace("+", "%20") for path in store.asked)


@pytest.mark.parametrize("store", [403], indirect=True)
def test_a_refusal_names_what_the_credentials_lack(scheme: str, store: Store) -> None:
    said = rf"^cannot read '{scheme}://bucket/g.*': the credentials may not list and read objects$"
    with pytest.raises(GalleryError, match=said):
        is_gallery(RemoteFolder(f"{scheme}://bucket/g"))


def test_a_store_that_does_not_answer_is_named(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(scheme, "http://127.0.0.1:9", tmp_path, monkeypatch)
    with pytest.raises(GalleryError, match=r"no answer from http://127.0.0.1:9$"):
        is_gallery(RemoteFolder(f"{scheme}://bucket/g"))


def test_missing_settings_are_named(no_settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GalleryError, match=r"cannot read 'az://bucket/g.*': set AZURE_STORAGE_ACCOUNT_NAME$"):
        is_gallery(RemoteFolder("az://bucket/g"))
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "none.json"))
    with pytest.raises(GalleryError, match=r"Unable to open service account file from .*none.json"):
        is_gallery(RemoteFolder("gs://bucket/g"))
    assert "no credentials in the environment" in reason_in("GET http://169.254.169.254/computeMetadata/v1/ failed")
