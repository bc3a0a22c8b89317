"""Asking the hub: what is cached, and how soon it is known that it cannot be reached."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cvsi_db.errors import ModelError
from cvsi_db.models.hub import _answers, cached_file, require_hub


@pytest.fixture
def server() -> Iterator[str]:
    """A server that says 404 to everything: it answers, and that is all that counts."""
    handler = type("Handler", (http.server.BaseHTTPRequestHandler,), {"do_HEAD": lambda self: self.send_error(404)})
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_an_http_error_counts_as_reachable(server: str) -> None:
    assert _answers(server)


def test_a_hub_that_refuses_the_connection_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert not _answers(f"http://127.0.0.1:{unused.getsockname()[1]}")


def test_a_hub_that_does_not_answer_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cvsi_db.models.hub.PATIENCE_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        assert not _answers(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - began < 3


def test_unreachable_hub_is_a_model_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(ModelError, match=r"weights of 'x' .*127.0.0.1:1 cannot be reached: .*--model photos-lite"):
        require_hub("'x'")


def test_empty_cache_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert cached_file("someone/something", ["model.safetensors"]) is None
