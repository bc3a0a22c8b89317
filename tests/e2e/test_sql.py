"""Statements through the real command line and the Python interface, on the sample pictures."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pytest

from cvsi_db import Gallery
from cvsi_db.errors import SqlError
from tests.e2e.conftest import SAMPLES, Cli

CAT = SAMPLES / "red-cat-beach.png"
STATEMENT = f"SELECT rank, path, score, image FROM compose('{CAT}', 'with a hat') LIMIT 3 OFFSET 1"


@pytest.fixture(scope="module")
def found(sample_db: Path) -> list[tuple[int, str, float]]:
    """What the search call finds for the same query."""
    with Gallery.open(sample_db, device="cpu") as gallery:
        return [(hit.rank, hit.path, hit.score) for hit in gallery.search(CAT, "with a hat", k=4)[1:]]


def test_a_statement_finds_what_a_search_finds(cli: Cli, sample_db: Path, found: list[tuple[int, str, float]]) -> None:
    done = cli("sql", STATEMENT, "--db", sample_db, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert [list(row) for row in rows] == [["rank", "path", "score", "image"]] * 3
    assert [(row["rank"], row["path"]) for row in rows] == [(rank, path) for rank, path, _ in found]
    assert [row["score"] for row in rows] == pytest.approx([score for _, _, score in found], abs=1e-4)


def test_a_gallery_answers_with_typed_columns(sample_db: Path, found: list[tuple[int, str, float]]) -> None:
    with Gallery.open(sample_db, device="cpu") as gallery:
        table = gallery.sql(
            "SELECT path, score, taken_at FROM compose(:statement, ?) LIMIT 4", "with a hat", statement=CAT.read_bytes()
        )
        with pytest.raises(SqlError, match="only reads"):
            gallery.sql("DELETE FROM images")
        assert gallery.stats()["images"] == 120
    assert table.schema.names == ["path", "score", "taken_at"]
    assert table.schema.types[1:] == [pa.float32(), pa.timestamp("us")]
    assert table["path"].to_pylist()[1:] == [path for _, path, _ in found]


def test_a_table_and_csv_of_images(cli: Cli, sample_db: Path) -> None:
    asked = "SELECT name, width, captions FROM images WHERE name LIKE 'red-cat-%' ORDER BY name LIMIT 2"
    table = cli("sql", asked, "--db", sample_db)
    assert table.returncode == 0, table.stderr
    assert table.stdout.split()[:3] == ["name", "width", "captions"]
    assert "red-cat-" in table.stdout
    first, *rows = csv.reader(StringIO(cli("sql", asked, "--db", sample_db, "--format", "csv").stdout))
    assert first == ["name", "width", "captions"]
    assert len(rows) == 2
    assert all(row[0].startswith("red-cat-") and row[1].isdigit() and json.loads(row[2]) for row in rows)


def test_groups_and_joins(cli: Cli, sample_db: Path) -> None:
    grouped = "SELECT format, count(*), sum(width * 2) AS twice FROM images GROUP BY format"
    done = cli("sql", grouped, "--db", sample_db, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert {tuple(row) for row in rows} == {("format", "count", "twice")}
    assert sum(row["count"] for row in rows) == 120
    assert all(type(row["twice"]) is int for row in rows)
    joined = f"""
        SELECT h.rank, count(c.text) AS captions FROM compose('{CAT}', 'with a hat', k => 3) h
        JOIN captions c USING (image_id) GROUP BY h.rank ORDER BY h.rank;
    """
    table = cli("sql", joined, "--db", sample_db)
    assert table.returncode == 0, table.stderr
    assert [line.split() for line in table.stdout.splitlines()[2:]] == [["1", "5"], ["2", "5"], ["3", "5"]]


def test_an_empty_statement_is_one_error(cli: Cli, sample_db: Path) -> None:
    done = cli("sql", "", "--db", sample_db)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: the statement is empty: write one SELECT\n"


def test_stdin_set_and_out(cli: Cli, sample_db: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    asked = "SELECT count(*) AS n\nFROM images\nWHERE name = :name\n"
    options = ("--db", sample_db, "--format", "json", "--set", f"name={CAT.name}", "--out", answer)
    done = cli("sql", "-", *options, input=asked)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(answer.read_text("utf-8")) == [{"n": 1}]


def test_a_wrong_statement_is_one_line_and_a_caret(cli: Cli, sample_db: Path) -> None:
    done = cli("sql", "SELECT path, colour FROM images", "--db", sample_db)
    assert (done.returncode, done.stdout) == (2, "")
    first, line, caret = done.stderr.rstrip("\n").split("\n")
    assert first.startswith("error: unknown column 'colour': the columns are image_id, path, ")
    assert line[caret.index("^") :] == "colour FROM images"
    assert cli("sql", "SELECT path FROM images", "--db", sample_db, "--set", "name").returncode == 2


def test_nothing_found_says_so_and_warnings_go_to_stderr(cli: Cli, sample_db: Path) -> None:
    asked = f"SELECT path FROM compose('{CAT}', 'at night') WHERE width > 9999 ORDER BY image + objects"
    done = cli("sql", asked, "--db", sample_db)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        "warning: the edit text adds no objects: the term objects was left out",
        "warning: none of the 120 images satisfies the condition 'width > 9999'",
    ]
