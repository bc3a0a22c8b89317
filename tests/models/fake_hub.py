"""A hub of our own on this machine: an HTTP server that serves repositories as the real one does, to the real client.

Large files are announced by their sha256, small ones by git's hash, as on the hub; `asked` collects the files fetched.
The same server has releases, under OWNER/REPO/releases/download/TAG/FILE as GitHub does, and goes wrong on request.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

COMMIT = "c" * 40
LARGE = (".safetensors", ".bin", ".pt")
LOGIN_PAGE = b"<html><body>Please log in to the network</body></html>"


@dataclass
class FakeHub:
    """The running server's address, what it serves (repository, name, bytes), and what was fetched from it.

    `releases` are files by OWNER/REPO/TAG/FILE. `fault` is what goes wrong from now on: an HTTP status, "html" (a login
    page instead of every answer), "damaged" (other bytes than announced), or "cut" (the next file ends in its middle).
    `sent` counts the bytes of files.
    """

    repos: Mapping[str, Mapping[str, bytes]]
    releases: Mapping[str, bytes] = field(default_factory=dict)
    url: str = ""
    asked: list[str] = field(default_factory=list)
    fault: int | str | None = None
    sent: int = 0


def folder_files(folder: Path) -> dict[str, bytes]:
    """The files of a folder, as a repository."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def etag(name: str, content: bytes) -> str:
    """What the hub calls a file's content."""
    if name.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


@contextmanager
def serve_hub(
    repos: Mapping[str, Mapping[str, bytes]], releases: Mapping[str, bytes] | None = None
) -> Iterator[FakeHub]:
    """Serves these repositories and releases at `hub.url` until the block ends."""
    hub = FakeHub(repos, releases or {})
    handler = type("Handler", (_Handler,), {"hub": hub})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield hub
        finally:
            server.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: FakeHub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, with_body: bool) -> None:
        fault = self.hub.fault
        if isinstance(fault, int) and self.path != "/":
            self._send(b"", {"X-Error-Message": "not here"}, with_body, status=fault)
            return
        if fault == "html":
            self._send(LOGIN_PAGE, {"Content-Type": "text/html; charset=utf-8"}, with_body)
            return
        if "/releases/download/" in self.path:
            source = self.path.strip("/").replace("/releases/download/", "/")
            if source in self.hub.releases:
                self._send_file(source, self.hub.releases[source], {}, with_body)
            else:
                self._send(b"", {}, with_body, status=404)
            return
        owner, name, rest = (self.path.split("?")[0].strip("/").removeprefix("api/models/") + "///").split("/", 2)
        files, rest = self.hub.repos.get(f"{owner}/{name}", {}), rest.strip("/")
        file = rest.split("/", 2)[-1]
        if files and not rest:
            self._send(json.dumps({"id": f"{owner}/{name}"}).encode(), {"Content-Type": "application/json"}, with_body)
        elif not owner:
            self._send(b"", {}, with_body)
        elif rest.startswith("tree/") and files:
            listing = [{"type": "file", "path": n, "size": len(c), "oid": etag(n, c)} for n, c in files.items()]
            self._send(json.dumps(listing).encode(), {"Content-Type": "application/json"}, with_body)
        elif rest.startswith("resolve/") and file in files:
            headers = {"ETag": f'"{etag(file, files[file])}"', "X-Repo-Commit": COMMIT}
            self._send_file(f"{owner}/{name}/{file}", files[file], headers, with_body)
        else:
            error = "EntryNotFound" if files else "RepoNotFound"
            self._send(b"", {"X-Error-Code": error, "X-Repo-Commit": COMMIT}, with_body, status=404)

    def _send_file(self, name: str, content: bytes, headers: Mapping[str, str], with_body: bool) -> None:
        """The file, or the rest of it that is asked for."""
        if self.hub.fault == "damaged":
            content = content[:-1] + bytes([content[-1] ^ 1])
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        if start >= len(content) > 0:
            self._send(b"", headers, with_body, status=416)
            return
        rest = content[start:]
        if with_body:
            self.hub.asked.append(name)
        self.send_response(206 if start else 200)
        ranges = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        length = {
            "Content-Length": str(len(rest)),
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
        for key, value in {**headers, **ranges, **length}.items():
            self.send_header(key, value)
        self.end_headers()
        if not with_body:
            return
        if self.hub.fault == "cut" and len(rest) > 1:
            self.hub.fault = None
            rest = rest[: len(rest) // 2]
            self.close_connection = True
        self.hub.sent += len(rest)  # first: who asked may look as soon as all has come
        self.wfile.write(rest)

    def _send(self, content: bytes, headers: Mapping[str, str], with_body: bool, status: int = 200) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if with_body:
            self.wfile.write(content)
