"""`cvsi-db serve` as a process: it starts, says where, answers, and ends cleanly."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cvsi_db import Gallery
from cvsi_db.cli import run
from cvsi_db.server.client import SOCKET
from cvsi_db.server.listen import bind, is_loopback, url_of
from tests.processes import Forked


@contextmanager
def started(folder: Path, *options: str) -> Iterator[tuple[Forked, str, str]]:
    """The process, its URL, and what it told until it was ready."""
    serve = ["serve", "--db", str(folder), "--port", "0", "--device", "cpu", *options]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CVSI_", "OPENAI_"))}
    environ |= {"CVSI_CONFIG": os.devnull, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    process, told = Forked(serve, environ), ""
    try:
        for line in process.stderr:
            told += line
            if found := re.search(r" at (http://\S+) \(Ctrl-C ends it\)\n", line):
                break
        else:
            raise AssertionError(told)
        yield process, found[1], told
    finally:
        process.kill()


@pytest.fixture
def copy(gallery: Gallery, tmp_path: Path) -> Path:
    """The gallery in a folder of its own."""
    return Path(shutil.copytree(gallery.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock")))


def test_it_says_where_answers_and_ends_with_ctrl_c(copy: Path) -> None:
    with started(copy) as (process, url, told):
        assert told == f"serving {copy} at {url} (Ctrl-C ends it)\n"
        answer = httpx.post(f"{url}api/search", json={"edit_text": "a cat", "k": 2}, timeout=60)
        assert len(answer.json()["hits"]) == 2
        assert (copy / SOCKET).exists()
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    assert (process.returncode, rest) == (0, "stopped\n")
    assert not (copy / SOCKET).exists()


@pytest.mark.slow
def test_killed_and_started_again_nothing_is_lost(copy: Path) -> None:
    query = {"edit_text": "a red cat", "k": 3}
    with started(copy, "--host", "0.0.0.0") as (process, url, told):
        token = re.search(r"^token: (\S{32}) ", told, re.MULTILINE)
        assert token is not None
        assert httpx.get(f"{url}api/images").status_code == 401
        first = httpx.post(f"{url}api/search", json=query, headers={"Authorization": f"Bearer {token[1]}"}, timeout=60)
        process.kill()
        process.wait(30)
    assert (copy / SOCKET).exists()
    with started(copy, "--idle-stop", "5") as (process, url, _):
        again = httpx.post(f"{url}api/search", json=query, timeout=60).json()
        assert again["hits"] == first.json()["hits"]
        process.wait(60)
    assert process.returncode == 0
    with Gallery.open(copy) as gallery:
        assert gallery.check() == []


@pytest.mark.slow
def test_a_gallery_of_another_model_is_served_by_a_server_started_anew(copy: Path) -> None:
    with started(copy) as (process, _, _):
        with Gallery.open(copy) as gallery:
            gallery.reembed("photos-lite")
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 1
    assert rest == f"error: {str(copy)!r} has new tables (reembed, optimize --rewrite): start the server again\n"
    assert not (copy / SOCKET).exists()


def test_what_cannot_be_served_is_told(gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with bind("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        assert run(["serve", "--db", str(gallery.folder), "--port", port]) == 2
        assert (
            f"cannot listen on 127.0.0.1 port {port}: Address already in use; give another" in capsys.readouterr().err
        )
    assert run(["serve", "--db", str(gallery.folder), "--token", "short"]) == 2
    assert "the token has 5 characters: give at least 16" in capsys.readouterr().err
    assert run(["serve", "--db", str(tmp_path / "none"), "--port", "0"]) == 1
    assert "no gallery in" in capsys.readouterr().err
    assert run(["serve", "--host", "no such host", "--port", "0"]) == 2


def test_loopback_is_what_only_this_machine_reaches() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "localhost", "127.1.2.3")))
    assert not any(map(is_loopback, ("0.0.0.0", "192.0.2.1", "no such host")))
    with bind("0.0.0.0", 0) as listening:
        assert url_of(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}/"
        assert listening.family == socket.AF_INET
