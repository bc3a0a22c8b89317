"""The warm command line: a server's answer is the command's own, byte for byte, or the command runs on its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from cvsi_db import Gallery
from cvsi_db.cli import run
from cvsi_db.cli.query import PassOver, Warm
from cvsi_db.cli.warm import answering
from cvsi_db.server import client
from cvsi_db.server.client import ask
from cvsi_db.settings import Settings
from tests.processes import run_forked

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets in folders on this system")


class Asked:
    """The commands that a server has answered, and how it runs them."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def run(self, arguments: Sequence[str], program: str, warm: Warm) -> int:
        code = run(arguments, program, warm)
        self.commands.append(arguments[0])
        return code


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("CVSI_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CVSI_CONFIG", os.devnull)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("NO_COLOR", "1")


@contextmanager
def served(gallery: Gallery, device: str = "auto", **options: Any) -> Iterator[Asked]:
    asked = Asked()
    settings = Settings(gallery.folder, device=device, **options)
    with answering(Warm(gallery, settings, None), asked.run, lambda: None):
        yield asked


def command(gallery: Gallery, *arguments: str, input: bytes = b"", cwd: Path | None = None) -> tuple[int, bytes, bytes]:
    """What a new process of the command line gives: code, stdout, stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "cvsi_db", arguments[0], "--db", str(gallery.folder), *arguments[1:]],
        input=input,
        cwd=cwd,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


QUERY = ["red-cat-beach.png", "with a hat", "-k", "4"]
COMMANDS: list[tuple[list[str], str]] = [
    (["search", *QUERY], ""),
    (["search", "-", "with a hat", "--json"], "red-cat-beach.png"),
    (["search", "nope.png"], ""),
    (["explain", *QUERY], ""),
    (["sql", "SELECT path, score FROM compose('red-cat-beach.png', 'a hat') LIMIT 3", "--format", "json"], ""),
]
"""Commands, and the file that is their standard input."""

MORE: list[tuple[list[str], str]] = [
    (["search", *QUERY, "--format", "csv", "--like", "red-cat-beach-top-hat.png"], ""),
    (["search", *QUERY, "--format", "paths"], ""),
    (["search", "--batch", "-"], "queries.jsonl"),
    (["search", "--text", "an \u00e9clair \u2744", "-k", "1", "--format", "jsonl"], ""),
    (["search", *QUERY, "-k", "x"], ""),
    (["search", *QUERY, "--where", "colour = 1"], ""),
    (["sql", "SELECT nope"], ""),
    (["sql", "-"], "groups.sql"),
]


def compare(gallery: Gallery, cats: Path, asked: list[tuple[list[str], str]]) -> None:
    """Hold each command, run in the folder `cats`, to what it writes without the server."""
    with served(gallery) as answered:
        for arguments, file in asked:
            given = (cats / file).read_bytes() if file else b""
            code, out, err = command(gallery, *arguments, input=given, cwd=cats)
            cold = [arguments[0], "--no-server", "--db", str(gallery.folder), *arguments[1:]]
            alone = run_forked(cold, {**os.environ}, cwd=cats, input=given, timeout=120)
            program = b"(try 'python -m cvsi_db", b"(try 'cvsi-db"
            assert (code, err.replace(*program)) == (alone.returncode, alone.stderr), arguments
            assert timeless(out) == timeless(alone.stdout), arguments
    assert answered.commands == [arguments[0] for arguments, _ in asked]


def test_the_bytes_are_those_of_the_command_alone(gallery: Gallery, photos: Path) -> None:
    compare(gallery, photos / "cats", COMMANDS)


@pytest.mark.slow
def test_the_bytes_of_more_commands(gallery: Gallery, photos: Path, tmp_path: Path) -> None:
    cats = tmp_path / "cats"
    shutil.copytree(photos / "cats", cats)
    (cats / "queries.jsonl").write_text('{"edit_text": "a frog", "k": 2}\n{"reference": "red-cat-beach.png"}\n')
    (cats / "groups.sql").write_text("SELECT folder, count(*) AS n FROM images GROUP BY folder ORDER BY folder")
    compare(gallery, cats, MORE)


def test_files_are_named_from_the_folder_of_the_command(gallery: Gallery, photos: Path, tmp_path: Path) -> None:
    with served(gallery) as answered:
        relative = os.path.relpath(photos / "cats" / "red-cat-beach.png", tmp_path)
        assert command(gallery, "search", relative, "--format", "paths", "--out", "answer.txt", cwd=tmp_path)[0] == 0
    assert len((tmp_path / "answer.txt").read_text().splitlines()) == 10
    assert answered.commands == ["search"]


def timeless(out: bytes) -> Any:
    """The output without what tells of the run itself: times, and the plan."""
    text = out.decode()
    if "branch image" in text:
        return text.split("\n\n")[:2]
    if not text.startswith('{\n  "query"') and not text.startswith('{"query"'):
        return text
    documents = [json.loads(text)] if text.startswith("{\n") else list(map(json.loads, text.splitlines()))
    return [{**document, "timings_ms": None, "plan": document["plan"]["exact"]} for document in documents]


def test_the_socket_is_its_owners_alone_and_goes_with_the_server(gallery: Gallery) -> None:
    file = gallery.folder / client.SOCKET
    with served(gallery):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not file.exists()
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(file))
    stale.close()
    assert ask(["sql", "SELECT 1", "--db", str(gallery.folder)], "cvsi-db") is None
    with served(gallery) as answered:
        assert command(gallery, "sql", "SELECT count(*) AS n FROM images")[0] == 0
    assert answered.commands == ["sql"]


@pytest.mark.parametrize(
    "other",
    [
        {"version": "0.0.1"},
        {"protocol": 2},
        {"installation": "/elsewhere"},
        {"user": -1},
        {"umask": 0},
        {"settings": ""},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_version_user_or_setting_is_passed_over(
    gallery: Gallery, other: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(gallery) as answered:
        own = client.identity(str(gallery.folder))
        monkeypatch.setattr(client, "identity", lambda _: own | other)
        assert ask(["sql", "SELECT count(*) AS n FROM images", "--db", str(gallery.folder)], "cvsi-db") is None
    assert answered.commands == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["stats"],
        ["search", "a cat", "--no-server"],
        ["search", "a cat", "--debug"],
        ["search", "a cat", "--format", "preview"],
        ["search", "https://example.org/a.png"],
        ["search", "--help"],
        [],
    ],
)
def test_some_commands_run_on_their_own(
    gallery: Gallery, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVSI_DB", str(gallery.folder))
    with served(gallery) as answered:
        assert ask(arguments, "cvsi-db") is None
    assert answered.commands == []


def test_a_command_with_other_models_is_given_back(gallery: Gallery, tmp_path: Path) -> None:
    with served(gallery) as answered:
        for more in (
            ["--device", "cpu"],
            ["--rewriter", "openai"],
            ["--verifier", "captions"],
            ["--model", "photos-lite"],
        ):
            assert ask(["search", "a cat", "--db", str(gallery.folder), *more], "cvsi-db") is None
        shutil.copytree(gallery.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock"))
        assert ask(["search", "a cat", "--db", str(tmp_path / "copy")], "cvsi-db") is None
    assert answered.commands == []


def test_a_command_that_names_no_device_takes_the_servers(gallery: Gallery) -> None:
    with served(gallery, device="cpu") as answered:
        for more in ([], ["--device", "cpu"]):
            assert ask(["search", "--text", "a cat", "--db", str(gallery.folder), *more], "cvsi-db") == 0
    assert len(answered.commands) == 2


def test_a_server_that_does_not_answer_is_passed_over(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PATIENCE_S", 0.1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(gallery.folder / client.SOCKET))
        silent.listen()
        try:
            assert ask(["search", "a cat", "--db", str(gallery.folder)], "cvsi-db") is None
        finally:
            (gallery.folder / client.SOCKET).unlink()


def test_a_long_path_is_no_obstacle(gallery: Gallery, tmp_path: Path) -> None:
    long = tmp_path / ("long" * 40)
    shutil.copytree(gallery.folder, long, ignore=shutil.ignore_patterns("*.sock"))
    with Gallery.open(long) as copy, served(copy) as answered:
        assert command(copy, "sql", "SELECT count(*) AS n FROM images")[0] == 0
    assert answered.commands == ["sql"]


def test_a_reader_that_leaves_is_no_error(gallery: Gallery) -> None:
    with served(gallery):
        line = f"{sys.executable} -m cvsi_db search --text 'a cat' -k 30 --format jsonl --db '{gallery.folder}' | true"
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""


def test_the_client_imports_next_to_nothing() -> None:
    heavy = ("click", "rich", "pydantic", "torch", "lancedb", "duckdb", "sqlglot", "numpy", "asyncio")
    script = (
        "import sys; from cvsi_db.__main__ import main; from cvsi_db.server.client import ask\n"
        "sys.argv = ['cvsi-db', 'search', 'a', '--db', '/nowhere']; assert ask(sys.argv[1:], 'cvsi-db') is None\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_a_full_queue_gives_a_command_back() -> None:
    from cvsi_db.cli.serve_command import _search
    from cvsi_db.records import ComposedQuery
    from cvsi_db.server.search_queue import SearchQueue

    queue = SearchQueue(cast(Any, None), 0)
    with pytest.raises(PassOver):
        _search(queue, [ComposedQuery(None, "a cat")])
    with pytest.raises(PassOver):
        _search(queue, [ComposedQuery("https://example.org/a.png")])
    with pytest.raises(PassOver):
        _search(queue, [ComposedQuery(None, "a cat", verify=3)])
    queue.close()
