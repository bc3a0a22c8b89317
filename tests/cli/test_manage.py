"""list, stats, tag, remove, duplicates and check on a gallery of sample pictures: what they print, and exit with."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from subprocess import CompletedProcess

import pyarrow.parquet as pq
import pytest

from cvsi_db.cli import run
from cvsi_db.gallery import Gallery
from tests.e2e.conftest import SAMPLES, Cli
from tests.e2e.test_bad_input import REFERENCE, one_line


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line in this process, which spares the seconds that its imports take."""
    for name in [name for name in os.environ if name.startswith("CVSI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CVSI_CONFIG", os.devnull)

    def call(*arguments: str | Path) -> CompletedProcess[str]:
        monkeypatch.setattr("sys.argv", ["cvsi-db", *map(str, arguments)])
        capsys.readouterr()
        code = run()
        said = capsys.readouterr()
        return CompletedProcess(arguments, code, said.out, said.err)

    return call


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six sample pictures, one of them twice, a broken one, and one whose name holds a newline."""
    folder = tmp_path_factory.mktemp("pictures")
    for picture in sorted(SAMPLES.glob("*.png"))[:6]:
        shutil.copy(picture, folder)
    (folder / "sub").mkdir()
    shutil.copy(min(folder.glob("*.png")), folder / "sub" / "twin.png")
    shutil.copy(REFERENCE, folder / "sub" / "two\nlines.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their gallery; tests that change it work on a copy."""
    db = tmp_path_factory.mktemp("made") / "gallery"
    with Gallery.create(db, model="starter", device="cpu") as gallery:
        assert gallery.ingest(folder).new == 7
    return db


@pytest.fixture
def db(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "gallery")
    return tmp_path / "gallery"


Document = Callable[..., object]


@pytest.fixture
def document(cli: Cli) -> Document:
    """Runs a command that succeeds, and gives the one JSON document on its stdout."""

    def run(*arguments: str | Path, code: int = 0) -> object:
        done = cli(*arguments, "--format", "json")
        assert (done.returncode, done.stderr) == (code, "")
        return json.loads(done.stdout)

    return run


def test_list_in_every_format(cli: Cli, made: Path, folder: Path, document: Document) -> None:
    first = cli("list", "--db", made, "--limit", "2").stdout.splitlines()
    assert first == sorted(map(str, folder.glob("blue*.png")))[:2]
    assert cli("list", "--db", made, "--limit", "1", "--offset", "1").stdout == f"{first[1]}\n"
    names = cli("list", "--db", made, "-0").stdout.split("\0")
    assert (len(names), names[-1], str(folder / "sub" / "two\nlines.png") in names) == (8, "", True)
    told = document("list", "--db", made, "--where", "folder = 'sub'")
    assert isinstance(told, list)
    assert [(row["name"], row["format"], row["paths"]) for row in told] == [
        ("two\nlines.png", "png", [str(folder / "sub" / "two\nlines.png")])
    ]
    rows = list(csv.DictReader(StringIO(cli("list", "--db", made, "--format", "csv").stdout)))
    assert (len(rows), {row["format"] for row in rows}) == (7, {"png"})
    for form, nothing in (("table", ""), ("paths", ""), ("json", "[]\n")):
        done = cli("list", "--db", made, "--format", form, "--where", "width < 0")
        said = "note: none of the 7 images satisfies the condition 'width < 0'\n"
        assert (done.returncode, done.stdout, done.stderr) == (0, nothing, said)
    assert "camera" in cli("list", "--db", made, "--format", "table").stdout.splitlines()[0].split()


def test_export_to_a_file_and_to_stdout(cli: Cli, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, chosen = tmp_path / "out.parquet", ("--columns", "name, width", "--folder", "sub", "--db", made)
    done = cli("export", file, *chosen)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"2 images in {file} ({file.stat().st_size:,} bytes)\n"
    assert pq.read_table(file).column_names == ["name", "width"]
    monkeypatch.setattr("sys.stdout", TextIOWrapper(BytesIO()))
    cli("export", "-", *chosen)
    assert pq.read_table(sys.stdout.buffer).equals(pq.read_table(file))
    monkeypatch.undo()


def test_export_errors_are_one_line(cli: Cli, made: Path, tmp_path: Path) -> None:
    one_line(cli("export", tmp_path / "out.csv", "--db", made), 2, "writes Parquet", "cvsi-db list --format csv")
    one_line(cli("export", tmp_path / "x.parquet", "--columns", "nme", "--db", made), 2, "'nme': did you mean name?")
    one_line(cli("export", tmp_path / "no" / "x.parquet", "--db", made), 1, "cannot write", "No such file or directory")
    assert not any(tmp_path.iterdir())


def test_list_failed_and_removed(cli: Cli, made: Path, folder: Path, document: Document) -> None:
    (failed,) = document("list", "--db", made, "--failed")  # type: ignore[misc]
    assert (failed["path"], failed["size_bytes"]) == (str(folder / "broken.png"), 8)
    assert cli("list", "--db", made, "--failed").stdout == f"{folder / 'broken.png'}\n"
    done = cli("list", "--db", made, "--removed", "--json")
    assert (done.stdout, done.stderr) == ("[]\n", "note: no image of the gallery has lost its files\n")
    assert cli("list", "--db", made, "--offset", "7").stderr == "note: --offset leaves out all images\n"
    one_line(cli("list", "--db", made, "--failed", "--removed"), 2, "--failed")
    one_line(cli("list", "--db", made, "-0", "--format", "json"), 2, "-0")
    one_line(cli("list", "--db", made, "--where", "colour = 'red'"), 2, "colour")


def test_stats(cli: Cli, made: Path, folder: Path, document: Document) -> None:
    told = document("stats", "--db", made)
    assert isinstance(told, dict)
    assert (told["images"], told["duplicates"], told["removed"], told["uncaptioned"]) == (7, 1, 0, 0)
    assert (told["files"], told["formats"]) == ({"failed": 1, "ok": 8}, {"png": 7})
    assert told["runs"][0]["roots"] == [str(folder)]
    assert told["bytes"]["images"] > 0
    lines = cli("stats", "--db", made).stdout.splitlines()
    assert "files        1 failed, 8 ok" in lines
    assert any(line.startswith("run ") and str(folder) in line for line in lines)


def test_tags_are_added_counted_searched_for_and_removed(cli: Cli, db: Path, folder: Path, document: Document) -> None:
    assert document("tag", folder / "sub", "--add", "two words", "--add", "b", "--db", db) == {
        "images": 2,
        "changed": 2,
    }
    assert document("tag", "--db", db) == {"b": 2, "two words": 2}
    where = "array_has(tags, 'two words')"
    assert len(cli("list", "-0", "--where", where, "--db", db).stdout.split("\0")) == 3
    done = cli("tag", "--where", where, "--remove", "b", "--db", db)
    assert (done.returncode, done.stdout) == (0, "2 images of 2 changed\n")
    assert cli("tag", folder, "--db", db).stdout == "       2 two words\n"
    found = cli("search", REFERENCE, "--where", where, "--format", "json", "--db", db)
    assert len(json.loads(found.stdout)["hits"]) == 1  # the reference itself is one of the two
    one_line(cli("tag", folder / "none", "--add", "a", "--db", db), 2, "none", "cvsi-db list")
    one_line(cli("tag", "--add", "a", "--db", db), 2, "no image is named")


def test_remove_asks_first_and_prints_counts(cli: Cli, db: Path, folder: Path, document: Document) -> None:
    one_line(cli("remove", folder / "sub", "--db", db), 2, "--yes")
    dry = cli("remove", folder / "sub", "--db", db, "--dry-run")
    assert dry.stdout.endswith("1 image (2 files) would be removed; 1 image kept for another file\n")
    assert str(folder / "sub" / "twin.png") in dry.stdout
    told = document("remove", folder / "sub", "--db", db, "--yes")
    assert isinstance(told, dict)
    assert (told["images"], told["kept"], len(told["paths"]), told["dry_run"]) == (1, 1, 2, False)
    assert len(cli("list", "--db", db).stdout.splitlines()) == 6
    assert (folder / "sub" / "twin.png").exists()
    assert document("check", "--db", db) == {"sound": True, "mended": {}, "problems": []}
    one_line(cli("remove", folder / "sub", "--db", db, "--yes"), 2, "sub")
    near = min(folder.glob("*.png"))
    mistyped = near.with_name(near.name.replace("-", "_", 1))
    one_line(cli("remove", mistyped, "--db", db, "--yes"), 2, f"did you mean {str(near)!r}?")
    one_line(cli("remove", "--yes", "--db", db), 2, "no image is named")
    again = cli("ingest", folder, "--db", db, "--format", "json", "--quiet")
    assert {"new": 1, "duplicates": 1}.items() <= json.loads(again.stdout).items()


class Terminal(StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "code", "left"), [("n\n", 1, 7), ("y\n", 0, 6), ("", 130, 7)])
def test_remove_obeys_the_answer(
    cli: Cli, db: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, left: int
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    done = cli("remove", folder / "sub", "--db", db)
    asked = f"1 image (2 files) would be removed; 1 image kept for another file (gallery {db}). Go on?"
    assert (done.returncode, asked in done.stderr) == (code, True)
    assert len(cli("list", "-0", "--db", db).stdout.split("\0")) == left + 1


def test_duplicates(cli: Cli, made: Path, folder: Path, document: Document) -> None:
    told = document("duplicates", "--db", made, "--threshold", "0.5")
    assert isinstance(told, dict)
    assert (told["images"], told["threshold"]) == (7, 0.5)
    assert [len(same["paths"]) for same in told["exact"]] == [2]
    assert all(0.5 <= one["similarity"] <= 1 for group in told["near"] for one in group)
    assert sum(len(group) for group in told["near"]) >= 2
    done = cli("duplicates", "--db", made, "--threshold", "1")
    lines = done.stdout.splitlines()
    assert (lines[0], lines[2]) == ("same content", f"  {folder / 'sub' / 'twin.png'}")
    assert lines[-1].startswith("7 images: 1 with several files, 0 alike in 0 groups (threshold 1); ")
    one_line(cli("duplicates", "--db", made, "--threshold", "1.5"), 2, "--threshold")


def test_check_finds_problems_and_repairs_them(cli: Cli, db: Path, folder: Path, document: Document) -> None:
    sound = cli("check", "--db", db)
    assert (sound.returncode, sound.stdout) == (0, f"no problems in {db}\n")
    with sqlite3.connect(db / "catalog.sqlite") as catalog:
        catalog.execute("DELETE FROM source_file WHERE path LIKE '%twin.png'")
        columns = "path, size_bytes, mtime_ns, image_id, state"
        catalog.execute(f"INSERT INTO source_file ({columns}) VALUES ('/ghost.png', 1, 1, ?, 'ok')", ("0" * 64,))
    told = document("check", "--db", db, code=1)
    assert isinstance(told, dict)
    kinds = [problem["kind"] for problem in told["problems"]]
    assert (told["sound"], kinds) == (False, ["file gone", "image missing", "path unknown"])
    assert all(problem["what"] and problem["remedy"] for problem in told["problems"])
    done = cli("check", "--db", db)
    assert done.returncode == 1
    assert done.stdout.endswith(f"\n3 problems in {db}\n")
    assert done.stdout.count("to fix: ") == 3
    done = cli("check", "--repair", "--db", db)
    assert (done.returncode, done.stderr) == (0, "")
    mended = ["fixed 1 of 'path unknown'", "fixed 1 of 'image missing'"]
    assert done.stdout.splitlines() == [*mended, "  next: `cvsi-db ingest` its folder", f"no problems in {db}"]


def test_no_gallery_is_one_line(cli: Cli, tmp_path: Path) -> None:
    for arguments in (["tag"], ["duplicates"], ["check"], ["remove", "x", "--yes"]):
        one_line(cli(*arguments, "--db", tmp_path / "none"), 1, "no gallery", "cvsi-db ingest")


def test_list_takes_the_filters(cli: Cli, made: Path, folder: Path) -> None:
    def listed(*options: str | Path) -> list[str]:
        told = json.loads(cli("list", "--db", made, "--json", *options).stdout)
        return [image["name"] for image in told]

    twin = min(folder.glob("*.png")).name  # shown by its primary path
    assert listed("--folder", folder / "sub") == [twin, "two\nlines.png"]
    assert listed("--folder", "sub") == listed("--folder", f"{folder}/./sub/") == [twin, "two\nlines.png"]
    for nothing in (["--after", "1990"], ["--near", "0,0,9"], ["--rating", "1"], ["--tag", "x"]):
        assert listed(*nothing) == []
    assert len(listed("--where", "width > 0", "--folder", folder)) == 7
    captioned = json.loads(cli("list", "--db", made, "--json").stdout)
    word = captioned[0]["captions"][0].split()[-1]
    having = [image["name"] for image in captioned if any(word in text.split() for text in image["captions"])]
    assert listed("--match", word) == having
    assert listed("--match", word, "--folder", "sub") == [name for name in having if name in (twin, "two\nlines.png")]
    none = cli("list", "--db", made, "--match", "zebra crossing")
    assert none.stderr == "note: no image has a caption with all words of 'zebra crossing' (--match)\n"
    for options in (["--near", "Paris"], ["--after", "soon"], ["--rating", "7"], ["--folder", ""]):
        one_line(cli("list", "--db", made, *options), 2, f"{options[0][2:]} is ", "give ")
    done = cli("list", "--db", made, "--failed", "--rating", "3")
    assert done.returncode == 2


def test_search_takes_the_filters(cli: Cli, made: Path, folder: Path) -> None:
    done = cli("search", "--text", "a cat", "--folder", "sub", "--db", made, "--format", "json")
    assert len(json.loads(done.stdout)["hits"]) == 2
    done = cli("search", "--text", "a cat", "--near", "1,2", "--db", made)
    assert (done.returncode, done.stdout) == (2, "")
