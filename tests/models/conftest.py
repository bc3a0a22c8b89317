"""A scripted chat endpoint for the tests of the language-model rewriter, and the environment of a hub of our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.chat_server import ChatServer, environment
from tests.models.fake_hub import FakeHub

Serve: TypeAlias = Callable[..., ChatServer]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts an endpoint with those replies; the environment leads there."""
    with environment(monkeypatch, "CVSI_OPENAI") as start:
        yield start


@pytest.fixture
def connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeHub], FakeHub]:
    """Points the hub's client and the releases at a server, with caches and data below tmp_path."""

    def point(hub: FakeHub) -> FakeHub:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("CVSI_RELEASES", hub.url)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "data"))
        return hub

    return point
