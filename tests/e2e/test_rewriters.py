"""`--rewriter` through the real command line, against a scripted chat endpoint on this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cvsi_db import Gallery
from cvsi_db.models.rewriters.openai import DEFAULT_MODEL
from tests.chat_server import ChatServer, Reply, answered, captions_in, chat_server, failed
from tests.e2e.conftest import SAMPLES, Cli

CAT = SAMPLES / "red-cat-beach.png"
DEAD = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "test-key"}


@pytest.fixture
def db(sample_db: Path, tmp_path: Path) -> Path:
    """The sample gallery with a rewrite cache of its own."""
    return Path(shutil.copytree(sample_db, tmp_path / "gallery"))


@pytest.fixture
def endpoint() -> Iterator[ChatServer]:
    """Puts a hat on every caption."""

    def reply(request: dict[str, Any]) -> Reply:
        return answered([f"{caption} with a hat" for caption in captions_in(request)], "a hat")

    with chat_server(reply=reply) as server:
        yield server


def env(server: ChatServer) -> dict[str, str]:
    return {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "test-key"}


def test_the_model_edits_the_captions_once(
    cli: Cli, db: Path, endpoint: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = ("search", CAT, "wearing headgear", "--rewriter", "openai", "--db", db, "--format", "json")
    done = cli(*search, env=env(endpoint))
    assert done.returncode == 0, done.stderr
    query = json.loads(done.stdout)["query"]
    assert query["edited_captions"] == [f"{caption} with a hat" for caption in query["captions"]]
    assert query["added_objects"] == "a hat"
    assert query["rewriter"].startswith(f"openai-{DEFAULT_MODEL}-prompt")
    assert done.stderr == "1 request, 100 + 20 tokens by the rewriter\n"
    (request,) = endpoint.asked
    assert request["model"] == DEFAULT_MODEL
    assert captions_in(request) == query["captions"]
    assert request["messages"][1]["content"].endswith('Change: "wearing headgear"')

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)  # none is needed for what the gallery remembers
    with Gallery.open(db, device="cpu", rewriter="openai") as gallery:
        again = gallery.search(CAT, "wearing headgear").compiled.rewrite
    assert again is not None
    assert list(again.edited_captions) == query["edited_captions"]


def test_a_failure_is_one_line_with_the_remedy(cli: Cli, db: Path) -> None:
    with chat_server(failed(401, "bad key")) as server:
        done = cli("search", CAT, "wearing headgear", "--rewriter", "openai", "--db", db, env=env(server))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: model {DEFAULT_MODEL!r} at {server.url}/ refused the key")
    assert done.stderr.endswith("set OPENAI_API_KEY, or use --rewriter rules\n")
    assert len(done.stderr.splitlines()) == 1


def test_a_wrong_number_in_the_environment_is_wrong_usage(cli: Cli, db: Path) -> None:
    bad = DEAD | {"CVSI_OPENAI_TIMEOUT": "soon"}
    done = cli("search", CAT, "with a hat", "--rewriter", "openai", "--db", db, env=bad)
    assert (done.returncode, done.stdout) == (2, "")
    assert "CVSI_OPENAI_TIMEOUT is 'soon'" in done.stderr


def test_rules_stand_in_for_a_dead_endpoint_with_a_warning_and_are_not_kept(
    cli: Cli, db: Path, endpoint: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = cli("search", CAT, "make it blue", "--rewriter", "openai,rules", "--db", db, "--format", "json", env=DEAD)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert any("blue cat" in caption for caption in answer["query"]["edited_captions"])
    (warning,) = answer["warnings"]
    assert "rules-" in warning
    assert "cannot be reached: check OPENAI_BASE_URL" in warning
    assert warning in done.stderr

    for name, value in env(endpoint).items():
        monkeypatch.setenv(name, value)
    with Gallery.open(db, device="cpu", rewriter="openai,rules") as gallery:
        alive = gallery.search(CAT, "make it blue")
    assert alive.compiled.rewrite is not None
    assert all(caption.endswith("with a hat") for caption in alive.compiled.rewrite.edited_captions)
    assert alive.warnings == ()
    assert len(endpoint.asked) == 1
