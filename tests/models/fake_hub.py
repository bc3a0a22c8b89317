"""A hub of our own on this machine: an HTTP server that serves repositories as the real one does, to the real client.

Large files are announced by their sha256, small ones by git's hash, as on the hub; `asked` collects the files fetched.
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
LARGE = (".safetensors", ".bin")


@dataclass
class FakeHub:
    """The running server's address, what it serves (repository, name, bytes), and what was fetched from it."""

    repos: Mapping[str, Mapping[str, bytes]]
    url: str = ""
    asked: list[str] = field(default_factory=list)


def folder_files(folder: Path) -> dict[str, bytes]:
    """The files of a folder, as a repository."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def etag(name: str, content: bytes) -> str:
    """What the hub calls a file's content."""
    if name.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


@contextmanager
def serve_hub(repos: Mapping[str, Mapping[str, bytes]]) -> Iterator[FakeHub]:
    """Serves these repositories at `hub.url` until the block ends."""
    hub = FakeHub(repos)
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
        owner, name, rest = (self.path.split("?")[0].strip("/").removeprefix("api/models/") + "///").split("/", 2)
        files, rest = self.hub.repos.get(f"{owner}/{name}", {}), rest.strip("/")
        file = rest.split("/", 2)[-1]
        if not owner:
            self._send(b"", {}, with_body)
        elif rest.startswith("tree/") and files:
            listing = [{"type": "file", "path": n, "size": len(c), "oid": etag(n, c)} for n, c in files.items()]
            self._send(json.dumps(listing).encode(), {"Content-Type": "application/json"}, with_body)
        elif rest.startswith("resolve/") and file in files:
            if with_body:
                self.hub.asked.append(f"{owner}/{name}/{file}")
            headers = {"ETag": f'"{etag(file, files[file])}"', "X-Repo-Commit": COMMIT}
            self._send(files[file], headers, with_body)
        else:
            error = "EntryNotFound" if files else "RepoNotFound"
            self._send(b"", {"X-Error-Code": error, "X-Repo-Commit": COMMIT}, with_body, status=404)

    def _send(self, content: bytes, headers: Mapping[str, str], with_body: bool, status: int = 200) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if with_body:
            self.wfile.write(content)
