"""Bad input: one clear line on stderr, nothing on stdout, the right exit code, no traceback."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.conftest import SAMPLES, Cli

REFERENCE = SAMPLES / "red-cat-beach.png"


def one_line(done: object, code: int, *said: str) -> None:
    """The failure is `code`, told in one line that holds each of `said`."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("skipped ")]  # type: ignore[attr-defined]
    assert done.returncode == code, done.stderr  # type: ignore[attr-defined]
    assert done.stdout == ""  # type: ignore[attr-defined]
    assert lines[0].startswith("error: ")
    assert "Traceback" not in done.stderr  # type: ignore[attr-defined]
    for text in said:
        assert text in done.stderr, text  # type: ignore[attr-defined]


def png_bomb(path: Path) -> None:
    """A PNG whose header promises 30,000 × 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1_000_000)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))


@pytest.fixture
def bad_files(tmp_path: Path) -> Path:
    """A folder with one good picture and every kind of file that cannot be read."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    shutil.copy(REFERENCE, folder / "good.png")
    (folder / "text.jpg").write_text("this is not a picture")
    (folder / "empty.png").write_bytes(b"")
    Image.new("RGB", (400, 300), "teal").save(tmp_path / "whole.jpg")
    (folder / "truncated.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:900])
    png_bomb(folder / "bomb.png")
    os.symlink(folder / "nowhere.png", folder / "unreadable.png")
    return folder


def test_unreadable_files_are_listed_and_counted(cli: Cli, bad_files: Path, tmp_path: Path) -> None:
    done = cli("ingest", bad_files, "--db", tmp_path / "db")
    assert done.returncode == 0, done.stderr
    assert "1 new" in done.stdout
    assert "5 failed" in done.stdout
    said = {Path(line.split(": ")[0].removeprefix("skipped ")).name: line for line in done.stderr.splitlines()}
    assert set(said) == {"text.jpg", "empty.png", "truncated.jpg", "bomb.png", "unreadable.png"}
    assert "megapixels" in said["bomb.png"]
    assert "empty" in said["empty.png"]
    assert "truncated" in said["truncated.jpg"]
    strict = cli("ingest", bad_files, "--db", tmp_path / "db", "--strict")
    assert strict.returncode == 1
    assert "1 unchanged" in strict.stdout


def test_paths_without_images_are_errors(cli: Cli, tmp_path: Path) -> None:
    db = tmp_path / "db"
    one_line(cli("ingest", tmp_path / "gone", "--db", db), 2, "gone")
    (tmp_path / "nothing").mkdir()
    one_line(cli("ingest", tmp_path / "nothing", "--db", db), 2, "nothing")
    one_line(cli("ingest", "--db", db), 2, "name at least one file or folder")
    assert not db.exists()


def test_no_gallery_yet(cli: Cli, tmp_path: Path) -> None:
    one_line(cli("search", REFERENCE, "with a hat", "--db", tmp_path / "none"), 1, "none", "cvsi-db ingest")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((REFERENCE, ""), ("edit text",)),
        ((REFERENCE, "with a hat", "-k", "0"), ("k", "0")),
        ((REFERENCE, "with a hat", "--where", "colour = 'red'"), ("colour", "width")),
        ((REFERENCE, "with a hat", "--rank", "0.5*image + 0.5*beauty"), ("beauty", "pseudo_token")),
        ((REFERENCE, "with a hat", "--rank", "image*image"), ("linear",)),
        ((REFERENCE, "with a hat", "--preset", "best"), ("best", "cirr")),
        ((REFERENCE, "with a hat", "--rewriter", "poet"), ("poet", "rules")),
        ((REFERENCE, "with a hat", "--model", "clip-b23"), ("clip-b23", "starter")),
        ((REFERENCE, "with a hat", "--model", "clip-b32"), ("clip-b32", "starter:", "--model starter")),
        ((Path(__file__), "with a hat"), ("test_bad_input.py",)),
        ((SAMPLES / "no-such.png", "with a hat"), ("no-such.png",)),
        ((), ("reference", "edit text")),
        ((REFERENCE, "a", "--text", "b"), ("once",)),
    ],
)
def test_bad_queries(cli: Cli, sample_db: Path, arguments: tuple[str | Path, ...], said: tuple[str, ...]) -> None:
    one_line(cli("search", *arguments, "--db", sample_db), 2, *said)


def test_unavailable_weights_name_the_remedy(cli: Cli, tmp_path: Path) -> None:
    env = {"HF_HOME": str(tmp_path / "cache"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = cli("ingest", SAMPLES, "--model", "clip-b32", "--db", tmp_path / "db", env=env)
    one_line(done, 1, "--model photos-lite", "local copy")
    assert not (tmp_path / "db").exists()


def test_a_gallery_of_a_newer_version_is_refused_and_unchanged(cli: Cli, sample_db: Path, tmp_path: Path) -> None:
    future = tmp_path / "future"
    shutil.copytree(sample_db, future)
    with sqlite3.connect(future / "catalog.sqlite") as catalog:
        catalog.execute("UPDATE alembic_version SET version_num = '9999'")
    one_line(cli("search", REFERENCE, "with a hat", "--db", future), 1, "newer", "9999")
    with sqlite3.connect(future / "catalog.sqlite") as catalog:
        assert catalog.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)


def test_debug_shows_the_traceback(cli: Cli, tmp_path: Path) -> None:
    done = cli("search", REFERENCE, "with a hat", "--db", tmp_path / "none", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_mistyped_command_is_told_its_like(cli: Cli) -> None:
    done = cli("serch", "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: no command 'serch': did you mean search? (try 'cvsi-db --help')\n"


def test_a_lone_text_is_searched_for_and_that_is_said(cli: Cli, sample_db: Path) -> None:
    lone, asked = (cli("search", *words, "--db", sample_db, "--json") for words in (["a cat"], ["--text", "a cat"]))
    assert [hit["path"] for hit in json.loads(lone.stdout)["hits"]] == [
        hit["path"] for hit in json.loads(asked.stdout)["hits"]
    ]
    assert lone.stderr.startswith("note: there is no file 'a cat', so it is searched for as a text")


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [(">/dev/full", "No space left on device"), pytest.param(">&-", "it is closed", marks=pytest.mark.slow)],
)
def test_output_that_cannot_be_written_is_one_line(sample_db: Path, redirection: str, reason: str) -> None:
    command = f"{sys.executable} -m cvsi_db list --db '{sample_db}' {redirection}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"error: cannot write to standard output: {reason}\n")


@pytest.mark.slow
def test_results_are_utf_8_whatever_the_locale(cli: Cli, sample_db: Path) -> None:
    page = cli("search", "--text", "a cat", "--format", "html", "--db", sample_db, env={"PYTHONIOENCODING": "latin-1"})
    assert page.returncode == 0
    assert "γ" in page.stdout
