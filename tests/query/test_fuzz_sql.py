"""Whatever is asked in SQL, the outcome is an answer or an error of ours, and no file changes.

A few thousand texts by default, many more behind the slow marker. What searches and images are is real (LanceDB,
SQLite); the models are the fakes.
"""

from __future__ import annotations

import hashlib
import math
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from cvsi_db.errors import CvsiError, RankError
from cvsi_db.query.engine import MAX_ROWS
from cvsi_db.query.statement import Hits, parse_statement
from cvsi_db.query.weights import weights_of
from cvsi_db.records import TERM_NAMES
from cvsi_db.search import SearchContext, search
from cvsi_db.search.present.arrow import answer
from tests.fakes import DIM, FakeModels, FakeRewriter, save_picture
from tests.search.conftest import fill, random_vectors

COLUMNS = {
    "image_id": pa.string(),
    "path": pa.string(),
    "folder": pa.string(),
    "name": pa.string(),
    "width": pa.int32(),
    "captions": pa.list_(pa.string()),
    "taken_at": pa.timestamp("us"),
}

WORDS = (
    "SELECT", "FROM", "WHERE", "ORDER BY", "LIMIT", "OFFSET", "AS", "AND", "OR", "NOT", "IN", "LIKE", "BETWEEN", "IS",
    "NULL", "TRUE", "ASC", "DESC", "DISTINCT", "UNION", "JOIN", "ON", "GROUP BY", "HAVING", "WITH", "CASE", "WHEN",
    "END", "EXISTS", "INSERT INTO", "DROP TABLE", "DELETE", "UPDATE", "CREATE", "COPY", "ATTACH", "PRAGMA", "VALUES",
    "LATERAL", "UNNEST", "OVER", "CAST", "read_csv", "read_parquet", "lower", "count", "compose", "images", "captions",
    "lance", "sqlite_master", "path", "width", "taken_at", "score", "rank", "similarity_image", "nope", *TERM_NAMES,
    "'a'", "'ref.png'", "'2024-01-01'", "''", '"path"', "`path`", "[1]", "{x: 1}", "0", "1", "-1", "0.5", "1e999",
    "9" * 400, ".5", "0x1F", "?", ":edit", ":ref", ":", "@a", "$1", "$$a$$", "%s", "=>", ":=", "::int", "||", "(", ")",
    ",", "*", "+", "-", "/", "%", "=", "<", ">", "!=", ".", ";", "--", "/*", "*/", "'", '"', "`", "\\", "\0", "\n",
    "\ud800", "é", "圖", "\u202e",
)  # fmt: skip

NASTY = (
    "SELECT path FROM images WHERE " + "(" * 60 + "width" + ")" * 60 + " > 1",
    "SELECT path FROM images WHERE " + "NOT " * 2000 + "width > 1",
    "SELECT path FROM images WHERE " + "- " * 4000 + "width > 1",
    "SELECT path FROM compose('ref.png') ORDER BY " + "- " * 4000 + "image",
    "SELECT path FROM compose('ref.png') ORDER BY " + "image + " * 1200 + "image",
    "SELECT path FROM images WHERE width = " + "+".join("1" * 2000),
    "SELECT " + "path, " * 1200 + "path FROM images",
    "SELECT path FROM images WHERE width IN (" + ", ".join("1" * 3000) + ")",
    "SELECT path FROM images WHERE " + "CASE WHEN " * 900,
    "SELECT " + "[" * 3000,
    "SELECT path FROM images LIMIT " + "9" * 5000,
    "SELECT path FROM images WHERE width > " + "9" * 5000,
    "SELECT path FROM images WHERE width > 1e99999",
    "SELECT path FROM images WHERE width / 0 > 1",
    "SELECT path FROM images WHERE width % 0 = 1",
    "SELECT path FROM images WHERE width + 9223372036854775807 > 1",
    "SELECT path FROM images WHERE CAST(name AS INT) = 1",
    "SELECT path FROM images WHERE taken_at + 1 > '2024-01-01'",
    "SELECT path FROM images WHERE taken_at = CAST('x' AS TIMESTAMP)",
    "SELECT path FROM images WHERE name LIKE '%\\'",
    "SELECT path FROM images WHERE name = '; DROP TABLE images; --'",
    "SELECT path FROM images WHERE name = '\0'",
    "SELECT path FROM images WHERE name = '\ud800'",
    "SELECT path FROM compose('a\0b')",
    "SELECT path FROM compose('" + "a" * 5000 + "')",
    "SELECT path FROM compose('/dev/zero')",
    "SELECT path FROM compose('.')",
    "SELECT path FROM compose('', '')",
    "SELECT path FROM compose('ref.png', min_score => 1e999)",
    "SELECT path FROM compose('ref.png', '圖\u202e')",
    "SELECT path AS \"\" FROM images",
    "SELECT path AS \"\ud800\" FROM images",
    "SELECT path" + " " * 100_000 + "FROM images",
    "x" * 100_000,
    "('" * 50_000,
    "\ufeffSELECT path FROM images",
    "SELECT\u00a0path FROM images",
)  # fmt: skip

COLUMN_LISTS = (
    "path",
    "path, score",
    "*",
    "rank, name AS n, similarity_image",
    "count(*)",
    "width, taken_at, captions",
)
SOURCES = ("compose('ref.png', 'in red')", "compose('ref.png')", "compose(NULL, 'red')", "images",
           "compose(:ref, :edit)", "compose('ref.png', 'in red', preset => 'circo', strict => TRUE)",
           "compose(liked => 'ref.png', negative => 'red')")  # fmt: skip
CONDITIONS = ("width > 101", "name LIKE '%.png' AND NOT width IN (100, 102)", "taken_at >= '2023-01-01'",
              "array_has(captions, 'a picture')", "lower(name) = '1.png' OR taken_at IS NULL")  # fmt: skip
ORDERS = ("score DESC", "image", "0.6*edited_captions + 0.4*(pseudo_token - image/2)", "width", "taken_at DESC")


@dataclass(frozen=True)
class Asked:
    """A gallery to ask: its search, and the folder whose files must stay as they are."""

    context: SearchContext
    folder: Path
    picture: Path


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    from cvsi_db.store.catalog import GalleryInfo
    from cvsi_db.store.folder import create_gallery_folder

    folder = tmp_path_factory.mktemp("fuzz")
    picture = save_picture(folder / "ref.png", "red")
    info = GalleryInfo(bundle="fake", fingerprint="fake-1", dim=DIM, created_at="2024-01-01T00:00:00+00:00")
    store, catalog = create_gallery_folder(folder / "gallery", info)
    fill(store, random_vectors(4, seed=3))
    before = Path.cwd()
    os.chdir(folder)
    context = SearchContext(store, catalog, FakeModels(), FakeRewriter())
    yield Asked(context, folder, picture)
    os.chdir(before)
    catalog.close()


def fingerprint(folder: Path) -> str:
    """Every file below `folder`, and every row of the catalog but those of the caches that searches fill."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path).encode())
        if path.is_file() and "catalog.sqlite" not in path.name:
            digest.update(path.read_bytes())
    with closing(sqlite3.connect(folder / "gallery" / "catalog.sqlite")) as catalog:
        for line in catalog.iterdump():
            if not line.startswith(tuple(f'INSERT INTO "{of}_cache"' for of in ("caption", "rewrite", "verdict"))):
                digest.update(line.encode())
    return digest.hexdigest()


def outcome(text: str, asked: Asked) -> None:
    """Ask; anything but a table of the right height or an error of ours is a failure."""
    names = {name: value for name, value in (("ref", asked.picture), ("edit", "in red")) if f":{name}" in text}
    try:
        statement = parse_statement(text, asked.context.store.columns, named=names)
        table = answer(statement, asked.context.store, lambda query: search(query, asked.context))
    except CvsiError:
        return
    assert len(table) <= MAX_ROWS
    assert len(set(table.column_names)) == len(table.column_names)


@st.composite
def statements(draw: st.DrawFn) -> str:
    """A right statement, or nearly: up to three of its words are dropped, doubled or replaced."""
    text = f"SELECT {draw(st.sampled_from(COLUMN_LISTS))} FROM {draw(st.sampled_from(SOURCES))}"
    for clause, choices in (("WHERE", CONDITIONS), ("ORDER BY", ORDERS), ("LIMIT", ("3", "0")), ("OFFSET", ("1",))):
        if draw(st.booleans()):
            text += f" {clause} {draw(st.sampled_from(choices))}"
    words = text.split(" ")
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(words) - 1))
        words[place : place + 1] = draw(st.sampled_from([(), (words[place],) * 2, (draw(st.sampled_from(WORDS)),)]))
        words = words or [""]
    return " ".join(words)


soups = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
texts = st.text(max_size=40) | st.text(max_size=30).map(lambda text: f"SELECT path FROM images WHERE {text}")
ranks = st.recursive(
    st.sampled_from([*TERM_NAMES, "0.5", "2", "1e9", "1e-9", "1e400", "0", "x", "'a'", ":a", "?"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/%"), inner).map(" ".join),
        inner.map("({})".format),
        inner.map("- {}".format),
    ),
    max_leaves=12,
)  # fmt: skip

values = st.recursive(
    st.sampled_from(
        ["width", "size_bytes", "name", "taken_at", "modified_at", "captions", "tags", "camera", "1", "0", "-3", "2.5",
         "1e300", "9223372036854775807", "9" * 20, "'a'", "'%'", "'2024-01-01'", "''", "'\\'", "NULL", "TRUE"]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/%"), inner).map(" ".join),
        st.tuples(st.sampled_from(["abs", "length", "lower", "upper"]), inner).map("{0[0]}({0[1]})".format),
        st.tuples(st.sampled_from(["array_has", "starts_with"]), inner, inner).map("{0[0]}({0[1]}, {0[2]})".format),
        st.tuples(inner, st.sampled_from(["INT", "DOUBLE", "DATE", "TIMESTAMP"])).map("CAST({0[0]} AS {0[1]})".format),
        inner.map("({})".format),
        inner.map("- {}".format),
    ),
    max_leaves=4,
)  # fmt: skip
conditions = st.recursive(
    st.one_of(
        st.tuples(values, st.sampled_from(["=", "<>", "<", ">=", "LIKE", "ILIKE", "IS"]), values).map(" ".join),
        st.tuples(values, st.lists(values, max_size=3)).map(lambda pair: f"{pair[0]} IN ({', '.join(pair[1])})"),
        st.tuples(values, values, values).map("{0[0]} BETWEEN {0[1]} AND {0[2]}".format),
        values,
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(" ".join),
        inner.map("NOT ({})".format),
    ),
    max_leaves=4,
)

PHASES = (Phase.explicit, Phase.generate)
"""Shrinking is for whoever debugs a failure."""


def budget(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        phases=PHASES,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_nasty_statements_do_no_harm(asked: Asked, text: str) -> None:
    before = fingerprint(asked.folder)
    outcome(text, asked)
    assert fingerprint(asked.folder) == before


def test_statements_are_answered_or_refused_and_change_nothing(asked: Asked) -> None:
    before = fingerprint(asked.folder)

    @budget(60)
    @given(statements())
    def ask(text: str) -> None:
        outcome(text, asked)

    ask()
    assert fingerprint(asked.folder) == before


def test_conditions_are_answered_or_refused(asked: Asked) -> None:
    before = fingerprint(asked.folder)

    @budget(60)
    @given(conditions)
    def ask(text: str) -> None:
        outcome(f"SELECT count(*) FROM images WHERE {text}", asked)
        outcome(f"SELECT path FROM images WHERE {text}", asked)

    ask()
    assert fingerprint(asked.folder) == before


@budget(500)
@given(statements() | soups | texts)
@example("SELECT path FROM images")
def test_reading_a_statement_touches_no_file(text: str) -> None:
    opened = _audited(text)
    assert opened == []


@budget(300)
@given(ranks | soups)
def test_a_rank_is_finite_weights_of_terms_or_an_error(text: str) -> None:
    try:
        weights = weights_of(text)
    except RankError:
        return
    assert set(weights) <= set(TERM_NAMES)
    assert all(math.isfinite(weight) for weight in weights.values())


@budget(150)
@given(ranks)
def test_a_rank_means_the_same_in_a_statement(text: str) -> None:
    try:
        statement = parse_statement(f"SELECT path FROM compose('a', 'b') ORDER BY {text}", COLUMNS)
    except CvsiError:
        with pytest.raises(RankError):
            weights_of(text)
        return
    hits = statement.sources["compose_1"]
    assert isinstance(hits, Hits)
    assert hits.query.rank is not None
    assert weights_of(hits.query.rank) == weights_of(text)


@pytest.mark.slow
def test_many_more_statements(asked: Asked) -> None:
    before = fingerprint(asked.folder)

    @budget(5000)
    @given(statements() | soups | texts | conditions.map("SELECT path FROM images WHERE {}".format))
    def ask(text: str) -> None:
        outcome(text, asked)

    ask()
    assert fingerprint(asked.folder) == before


@pytest.mark.slow
@budget(20_000)
@given(statements() | soups | texts)
def test_many_more_readings(text: str) -> None:
    assert _audited(text) == []


_watching: list[list[str]] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    watched = event in ("open", "os.remove", "os.rename", "os.mkdir", "subprocess.Popen", "socket.connect")
    if _watching and watched and not str(arguments[0]).endswith(".pyc"):  # a module that sqlglot imports late
        _watching[-1].append(f"{event} {arguments[0]!r}")


sys.addaudithook(_watch)  # for good: it does nothing unless a test is watching


def _audited(text: str) -> list[str]:
    """What reading `text` as a statement opened, removed, ran or called."""
    _watching.append([])
    try:
        parse_statement(text, COLUMNS)
    except CvsiError:
        pass
    finally:
        events = _watching.pop()
    return events
