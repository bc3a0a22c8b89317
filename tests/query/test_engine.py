"""Any SELECT over the gallery: what it answers, held to plain Python, and what it must not do."""

from __future__ import annotations

import os
import re
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsi_db.errors import CvsiError, SqlError
from cvsi_db.query import engine
from cvsi_db.query.functions import FUNCTIONS
from cvsi_db.query.statement import CAPTIONS, parse_statement
from cvsi_db.records import TERM_NAMES, CaptionRow, ComposedQuery
from cvsi_db.search import SearchContext, search
from cvsi_db.search.present.arrow import answer
from cvsi_db.store.catalog import GalleryInfo
from cvsi_db.store.folder import create_gallery_folder
from tests.fakes import DIM, FakeModels, FakeRewriter, save_picture
from tests.query.test_fuzz_sql import budget, fingerprint
from tests.search.conftest import image_row, random_vectors

SECRET = "not for a gallery"
CAMERAS = ("Canon EOS R5", "NIKON Z 6", None)


@dataclass(frozen=True)
class Asked:
    context: SearchContext
    folder: Path
    rows: list[dict[str, Any]]
    captions: list[dict[str, Any]]

    def ask(self, text: str, **named: object) -> pa.Table:
        statement = parse_statement(text, self.context.store.columns, named=named)
        return answer(statement, self.context.store, lambda query: search(query, self.context))


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("engine")
    save_picture(folder / "ref.png", "red")
    (folder / "secret.csv").write_text(f"path\n{SECRET}\n")
    info = GalleryInfo(bundle="fake", fingerprint="fake-1", dim=DIM, created_at="2024-01-01T00:00:00+00:00")
    store, catalog = create_gallery_folder(folder / "gallery", info)
    store.upsert(*_rows())
    gone = store.rows(store.ids()).values()
    store.remove([row for row in gone if row.name == "gone.png"])
    before = Path.cwd()
    os.chdir(folder)
    columns = ["image_id", "path", "folder", "name", "width", "height", "camera", "taken_at", "captions"]
    rows = store.scan(columns).to_pylist()
    captions = [
        {"image_id": row["image_id"], "ordinal": number, "text": text}
        for row in rows
        for number, text in enumerate(row["captions"])
    ]
    yield Asked(SearchContext(store, catalog, FakeModels(), FakeRewriter()), folder, rows, captions)
    os.chdir(before)
    catalog.close()


def _rows() -> tuple[list[Any], list[CaptionRow]]:
    """40 images with one, two or no captions each, and one, gone.png, that is to be removed."""
    images, captions = [], []
    for number, pair in enumerate(random_vectors(41, seed=3)):
        row = image_row(number, *pair)
        texts = tuple(f"picture {number % 5} of {each}" for each in ("a cat", "the sea")[: number % 3])
        images.append(
            replace(
                row,
                name="gone.png" if number == 40 else row.name,
                folder=f"/photos/{number % 4}",
                camera=CAMERAS[number % 3],
                taken_at=None if number % 7 == 0 else f"{2021 + number % 4}-0{1 + number % 9}-15T10:30:00",
                captions=texts,
                caption_vector=row.caption_vector if texts else row.caption_vector * 0,
            )
        )
        captions += [CaptionRow(row.image_id, place, text, row.image_vector) for place, text in enumerate(texts)]
    return images, captions


# --- held to plain Python ---------------------------------------------------------------------------------------

ATOMS: tuple[tuple[str, Callable[[dict[str, Any]], bool | None]], ...] = (
    ("width > 120", lambda row: row["width"] > 120),
    ("width % 3 = 1", lambda row: row["width"] % 3 == 1),
    ("width / 2 = 60", lambda row: row["width"] // 2 == 60),
    ("camera = 'NIKON Z 6'", lambda row: row["camera"] and row["camera"] == "NIKON Z 6"),
    ("camera IS NULL", lambda row: row["camera"] is None),
    ("upper(camera) LIKE 'CANON%'", lambda row: row["camera"] and row["camera"].startswith("Canon")),
    ("year(taken_at) = 2023", lambda row: row["taken_at"] and row["taken_at"].year == 2023),
    ("taken_at >= '2023-05'", lambda row: row["taken_at"] and row["taken_at"] >= datetime(2023, 5, 1)),
    ("taken_at = '2022'", lambda row: row["taken_at"] and row["taken_at"].year == 2022),
    ("strftime(taken_at, '%m') IN ('01', '05')", lambda row: row["taken_at"] and row["taken_at"].month in (1, 5)),
    ("name LIKE '%1%'", lambda row: "1" in row["name"]),
    ("len(captions) > 1", lambda row: len(row["captions"]) > 1),
    ("array_has(captions, 'picture 1 of a cat')", lambda row: "picture 1 of a cat" in row["captions"]),
    ("regexp_matches(path, '[0-9]{2}')", lambda row: re.search("[0-9]{2}", row["path"]) is not None),
    ("width IN (100, 101, 130)", lambda row: row["width"] in (100, 101, 130)),
)


def _and(left: bool | None, right: bool | None) -> bool | None:
    return False if left is False or right is False else None if left is None or right is None else True


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


@dataclass(frozen=True)
class Where:
    """A condition and what it says of a row: true, false or unknown."""

    sql: str
    holds: Callable[[dict[str, Any]], bool | None]


atoms = st.sampled_from(ATOMS).map(lambda atom: Where(atom[0], lambda row: _known(atom[1](row))))
wheres = st.recursive(
    atoms,
    lambda inner: st.one_of(
        inner.map(lambda a: Where(f"NOT ({a.sql})", lambda row: _not(a.holds(row)))),
        st.tuples(inner, inner).map(
            lambda ab: Where(f"({ab[0].sql}) AND ({ab[1].sql})", lambda row: _and(ab[0].holds(row), ab[1].holds(row)))
        ),
        st.tuples(inner, inner).map(
            lambda ab: Where(
                f"({ab[0].sql}) OR ({ab[1].sql})",
                lambda row: _not(_and(_not(ab[0].holds(row)), _not(ab[1].holds(row)))),
            )
        ),
    ),
    max_leaves=4,
)


def _known(value: Any) -> bool | None:
    return None if value is None else bool(value)


AGGREGATES: tuple[tuple[str, Callable[[list[dict[str, Any]]], Any]], ...] = (
    ("count(*)", len),
    ("sum(width)", lambda rows: sum(row["width"] for row in rows)),
    ("avg(width)", lambda rows: pytest.approx(fmean(row["width"] for row in rows))),
    ("min(name)", lambda rows: min(row["name"] for row in rows)),
    ("max(taken_at)", lambda rows: max((row["taken_at"] for row in rows if row["taken_at"]), default=None)),
    ("count(camera)", lambda rows: sum(row["camera"] is not None for row in rows)),
    ("count(DISTINCT folder)", lambda rows: len({row["folder"] for row in rows})),
    ("sum(len(captions))", lambda rows: sum(len(row["captions"]) for row in rows)),
)
KEYS: tuple[tuple[str, Callable[[dict[str, Any]], Any]], ...] = (
    ("camera", lambda row: row["camera"]),
    ("folder", lambda row: row["folder"]),
    ("year(taken_at)", lambda row: row["taken_at"] and row["taken_at"].year),
    ("width % 4", lambda row: row["width"] % 4),
)


def test_conditions_choose_the_rows_that_python_chooses(asked: Asked) -> None:
    @budget(30)
    @given(wheres, st.integers(0, 12), st.integers(0, 5))
    def ask(where: Where, limit: int, offset: int) -> None:
        chosen = sorted((row for row in asked.rows if where.holds(row)), key=lambda row: (-row["width"], row["name"]))
        order = f"ORDER BY width DESC LIMIT {limit} OFFSET {offset}"
        found = asked.ask(f"SELECT name FROM images WHERE {where.sql} {order}")["name"].to_pylist()
        assert found == [row["name"] for row in chosen[offset : offset + limit]]
        assert asked.ask(f"SELECT count(*) FROM images WHERE {where.sql}")["count"].to_pylist() == [len(chosen)]
        joined = f"SELECT c.text FROM captions c JOIN images i USING (image_id) WHERE {where.sql}"
        assert Counter(asked.ask(joined)["text"].to_pylist()) == Counter(
            text for row in chosen for text in row["captions"]
        )

    ask()


def test_groups_are_those_of_python(asked: Asked) -> None:
    @budget(60)
    @given(wheres, st.sampled_from(KEYS), st.sampled_from(AGGREGATES))
    def ask(where: Where, by: tuple[str, Any], aggregate: tuple[str, Any]) -> None:
        groups: dict[Any, list[dict[str, Any]]] = {}
        for row in asked.rows:
            if where.holds(row):
                groups.setdefault(by[1](row), []).append(row)
        table = asked.ask(f"SELECT {by[0]} AS k, {aggregate[0]} AS v FROM images WHERE {where.sql} GROUP BY k")
        assert {row["k"]: row["v"] for row in table.to_pylist()} == {
            key: aggregate[1](rows) for key, rows in groups.items()
        }

    ask()


def test_joins_windows_and_sets_are_those_of_python(asked: Asked) -> None:
    rows = asked.rows
    assert len(asked.ask("SELECT image_id FROM captions LIMIT 1000")) == len(asked.captions)  # of gone.png none
    lonely = "SELECT count(*) FROM images i LEFT JOIN captions c USING (image_id) WHERE c.text IS NULL"
    assert asked.ask(lonely)["count"].to_pylist() == [sum(not row["captions"] for row in rows)]
    best = asked.ask("SELECT name FROM images QUALIFY rank() OVER (PARTITION BY folder ORDER BY width DESC) = 1")
    widest = {folder: max(r["width"] for r in rows if r["folder"] == folder) for folder in {r["folder"] for r in rows}}
    assert {*best["name"].to_pylist()} == {row["name"] for row in rows if row["width"] == widest[row["folder"]]}
    union = "SELECT camera FROM images EXCEPT SELECT camera FROM images WHERE width < 130 UNION SELECT 'x'"
    assert (
        len(asked.ask(union)) == len({r["camera"] for r in rows} - {r["camera"] for r in rows if r["width"] < 130}) + 1
    )
    nested = "WITH wide AS (SELECT * FROM images WHERE width > (SELECT avg(width) FROM images)) SELECT name FROM wide"
    mean = fmean(row["width"] for row in rows)
    assert {*asked.ask(nested)["name"].to_pylist()} == {row["name"] for row in rows if row["width"] > mean}
    condition = "taken_at = (SELECT max(taken_at) FROM images)"
    newest = f"SELECT name, (SELECT count(*) FROM captions) AS n FROM images WHERE {condition}"
    last = max(row["taken_at"] for row in rows if row["taken_at"])
    assert {(row["name"], row["n"]) for row in asked.ask(newest).to_pylist()} == {
        (row["name"], len(asked.captions)) for row in rows if row["taken_at"] == last
    }
    unnested = asked.ask("SELECT name, unnest(captions) AS text FROM images LIMIT 1000").to_pylist()
    assert Counter((row["name"], row["text"]) for row in unnested) == Counter(
        (row["name"], text) for row in rows for text in row["captions"]
    )


def test_hits_are_a_table(asked: Asked) -> None:
    data = (asked.folder / "ref.png").read_bytes()
    hits = search(ComposedQuery(data, "in blue", 20, "width > 105"), asked.context)
    call = "compose(:ref, 'in blue', k => 20) WHERE width > 105"
    grouped = f"SELECT folder, count(*) AS n, max(score) AS s FROM {call} GROUP BY 1"
    found = {row["folder"]: (row["n"], row["s"]) for row in asked.ask(grouped, ref=data).to_pylist()}
    folders = {row["image_id"]: row["folder"] for row in asked.rows}
    best: dict[str, float] = {}
    for hit in hits:
        best.setdefault(folders[hit.image_id], hit.score)
    assert found == {
        folder: (sum(folders[hit.image_id] == folder for hit in hits), pytest.approx(score))
        for folder, score in best.items()
    }
    joined = asked.ask(
        "SELECT h.rank, c.text FROM compose(:ref, 'in blue', k => 20) h JOIN captions c USING (image_id) "
        "WHERE h.width > 105 AND h.rank <= 5 ORDER BY h.rank, c.ordinal",
        ref=data,
    )
    all_hits = search(ComposedQuery(data, "in blue", 20), asked.context)
    captions = {row["image_id"]: row["captions"] for row in asked.rows}
    widths = {row["image_id"]: row["width"] for row in asked.rows}
    assert [(row["rank"], row["text"]) for row in joined.to_pylist()] == [
        (hit.rank, text) for hit in all_hits[:5] if widths[hit.image_id] > 105 for text in captions[hit.image_id]
    ]
    inner = "SELECT path, rank FROM compose(:ref, 'in blue') WHERE width > 105 LIMIT 3"
    assert asked.ask(f"SELECT path FROM ({inner}) ORDER BY rank DESC", ref=data)["path"].to_pylist() == [
        hit.path for hit in hits[2::-1]
    ]
    assert len(asked.ask("SELECT DISTINCT path FROM compose(:ref)", ref=data)) == 40


def test_types_and_names_of_columns(asked: Asked) -> None:
    table = asked.ask(
        "SELECT count(*), sum(width) AS s, sum(width) / 7, avg(width) AS a, 0.5 AS h, max(modified_at) AS m, "
        "list(taken_at) AS t, max(width) FROM images"
    )
    assert table.column_names == ["count", "s", "sum(width) / 7", "a", "h", "m", "t", "max(width)"]
    assert table.schema.types == [
        pa.int64(), pa.int64(), pa.int64(), pa.float64(), pa.float64(), pa.timestamp("us", "UTC"),
        pa.list_(pa.timestamp("us")), pa.int32(),
    ]  # fmt: skip
    assert asked.ask("SELECT replace(folder, '/photos/', '') AS f FROM images LIMIT 1")["f"].to_pylist() == ["0"]
    assert asked.ask("SELECT PATH, Width FROM images LIMIT 0").column_names == ["path", "width"]


def test_the_documentation_has_every_column_and_function_and_its_examples_run(asked: Asked) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sql.md").read_text("utf-8")
    named = {*re.findall(r"`([a-z_0-9]+)`", page)}
    wanted = {
        *asked.context.store.columns,
        *CAPTIONS,
        *TERM_NAMES,
        *(name for name in FUNCTIONS if name.isidentifier()),
    }
    assert wanted - named == set()
    examples = [line for block in re.findall(r"```sql\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert len(examples) > 8
    for line in examples:
        asked.ask(line.replace("ref.jpg", "ref.png"))


# --- what it must not do ----------------------------------------------------------------------------------------

HOSTILE = (
    "SELECT * FROM read_csv('secret.csv')",
    "SELECT * FROM read_csv_auto('secret.csv')",
    "SELECT * FROM 'secret.csv'",
    'SELECT * FROM "secret.csv"',
    "SELECT * FROM read_text('secret.csv')",
    "SELECT * FROM read_blob('*')",
    "SELECT * FROM glob('*')",
    "SELECT * FROM read_parquet('gallery/lance/*')",
    "SELECT * FROM read_json('secret.csv')",
    "SELECT * FROM sniff_csv('secret.csv')",
    "SELECT * FROM parquet_metadata('x')",
    "SELECT * FROM images, read_text('secret.csv')",
    "SELECT * FROM images JOIN LATERAL (SELECT * FROM read_text('secret.csv')) ON true",
    "SELECT (SELECT content FROM read_text('secret.csv')) FROM images",
    "WITH a AS (SELECT * FROM read_text('secret.csv')) SELECT * FROM a",
    "SELECT * FROM query('SELECT * FROM read_text(''secret.csv'')')",
    "SELECT * FROM query_table('images_1')",
    "SELECT * FROM json_execute_serialized_sql('{}')",
    "SELECT json_serialize_sql('SELECT 1')",
    "SELECT getenv('HOME')",
    "SELECT current_setting('home_directory')",
    "SELECT getvariable('x')",
    "SELECT current_user",
    "SELECT version()",
    "SELECT current_query()",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM pragma_version()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM memory.main.images_1",
    "SELECT * FROM images_1",
    "SELECT * FROM captions_1, images",
    "SELECT nextval('x')",
    "SELECT write_log('x') FROM images",
    "SELECT pg_sleep(10)",
    "SELECT sleep_ms(10000)",
    "SELECT setseed(0.5)",
    "SELECT * FROM (DESCRIBE images)",
    "SELECT * FROM (SHOW TABLES)",
    "SELECT * FROM (SUMMARIZE images)",
    "SELECT * INTO x FROM images",
    "WITH a AS (INSERT INTO images VALUES (1) RETURNING *) SELECT * FROM a",
    "INSERT INTO images SELECT * FROM images",
    "UPDATE images SET path = 'x'",
    "DELETE FROM images",
    "DROP TABLE images",
    "CREATE TABLE x AS SELECT * FROM images",
    "COPY images TO 'out.csv'",
    "COPY (SELECT 1) TO 'out.csv'",
    "EXPORT DATABASE 'out'",
    "ATTACH 'out.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET lock_configuration = false",
    "RESET memory_limit",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "SELECT 1; COPY images TO 'out.csv'",
    "SELECT * FROM images; DROP TABLE images",
    "SELECT repeat('x', 1000000000)",
    "SELECT replace(path, '/', 'longer') FROM images",
    "SELECT replace(path, '/', path) FROM images",
    "SELECT regexp_replace(path, '', path, 'g') FROM images",
    "SELECT lpad('x', 1000000000, 'y')",
    "SELECT range(1000000000)",
    "SELECT * FROM range(1000000000000)",
    "SELECT * FROM generate_series(1, 1000000000000)",
    "WITH RECURSIVE a AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM a) SELECT count(*) FROM a",
    "SELECT list_transform(captions, x -> read_text('secret.csv')) FROM images",
    "SELECT [x FOR x IN captions] FROM images",
    "SELECT path FROM images WHERE EXISTS (SELECT 1 FROM read_text('secret.csv') WHERE content LIKE '%not%')",
    "SELECT COLUMNS(c -> c LIKE 'p%') FROM images",
    "PIVOT images ON camera USING count(*)",
    "SELECT * FROM images UNPIVOT (v FOR n IN (width, height))",
    "SELECT * FROM images AT (VERSION => 1)",
    "SELECT path FROM compose('ref.png') WHERE path = (SELECT content FROM read_text('secret.csv'))",
    "SELECT image_vector FROM images",
    "SELECT error('no') FROM images",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_statements_are_refused(asked: Asked, text: str) -> None:
    before = fingerprint(asked.folder)
    with pytest.raises(CvsiError) as caught:
        asked.ask(text)
    assert caught.value.exit_code == 2
    assert SECRET not in str(caught.value)
    assert fingerprint(asked.folder) == before


@pytest.mark.parametrize(
    "text", [text for text in HOSTILE if re.search(r"\w\w+\(", text) and text.startswith(("SELECT", "WITH"))]
)
def test_the_engine_refuses_them_by_itself(asked: Asked, text: str) -> None:
    """Whatever reading a statement may overlook: the engine reads it once more, by its own parser."""
    relations = {"images": asked.context.store.scan(["path", "width", "height", "captions", "camera"])}
    with pytest.raises(SqlError) as caught:
        engine.run(text, relations, text)
    assert SECRET not in str(caught.value)


def test_the_engine_is_shut_off() -> None:
    session = engine._database().cursor()
    for text in ("SELECT * FROM read_text('secret.csv')", "COPY (SELECT 1) TO 'out.csv'", "ATTACH 'out.db'",
                 "SET memory_limit = '100GB'", "SET enable_external_access = true", "INSTALL httpfs"):  # fmt: skip
        with pytest.raises(Exception, match=r"disabled|locked|[Pp]ermission|Cannot") as caught:
            session.execute(text)
        assert type(caught.value).__module__ == "_duckdb"
    assert not Path("out.csv").exists()


@pytest.mark.parametrize(
    ("text", "tables", "reason"),
    [
        (
            "SELECT count(*) FROM {} WHERE a.width * b.width * c.width * d.width % 7 = f.width % 3",
            "abcdefg",
            "longer than 4 s",
        ),
        ("SELECT list(a.path || b.path || c.path || d.path) FROM {}", "abcdef", "takes more than 400 MB"),
        ("SELECT a.path FROM {}", "abcd", "more than 100,000 rows"),
    ],
)
def test_time_memory_and_rows_are_bounded(asked: Asked, text: str, tables: str, reason: str) -> None:
    start = time.perf_counter()
    with pytest.raises(SqlError, match=reason):
        asked.ask(text.format(", ".join(f"images {name}" for name in tables)))
    assert time.perf_counter() - start < engine.SECONDS + 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT path" + ".lower()" * 1000 + " FROM images", "more than 1,000 words"),
        ("SELECT 1 FROM images" + ", images" * 16, "names more than 16 tables"),
        (
            "SELECT 'x' AS a0" + "".join(f", a{n} || a{n} AS a{n + 1}" for n in range(30)),
            "uses its own columns more than",
        ),
        ("SELECT " + "+".join(["width"] * 490) + " FROM images", "nested too deeply"),
        ("SELECT " + "NOT " * 900 + "TRUE", "nested too deeply"),
    ],
)
def test_statements_that_parsers_take_long_over_are_refused(asked: Asked, text: str, reason: str) -> None:
    with pytest.raises(SqlError, match=reason):
        asked.ask(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SELECT nosuch(path) FROM images", "a statement cannot call nosuch: "),
        ("SELECT path FROM images GROUP BY width", 'column "path" must appear in the GROUP BY clause'),
        ("SELECT x.path FROM images i", 'Referenced table "x" not found!'),
        ("SELECT CAST(path AS INT) FROM images", "Could not convert string"),
        ("SELECT path FROM images WHERE sum(width) > 3", "WHERE clause cannot contain aggregates!"),
        ("SELECT sum(path) FROM images", "No function matches the given name and argument types"),
        ("SELECT path FROM images WHERE '2024' IN taken_at", "No function matches the given name and argument types"),
        ("SELECT path, path FROM images", "two columns are called 'path': name one of them with AS"),
    ],
)
def test_what_the_engine_refuses_is_pointed_at(asked: Asked, text: str, told: str) -> None:
    with pytest.raises(SqlError) as caught:
        asked.ask(text)
    first, line, caret = str(caught.value).split("\n")
    assert first.startswith(told)
    assert line == f"  {text}"
    assert caret.strip() == "^"


# --- fuzz -------------------------------------------------------------------------------------------------------

VALUES = ("path", "width", "height", "camera", "taken_at", "captions", "i.width", "c.text", "score", "1", "0.5", "'a'",
          "NULL", "'2024'", "count(*)", "x", "rank", "TRUE")  # fmt: skip
CALLS = ("lower({})", "length({})", "year({})", "max({})", "sum({})", "list({})", "string_agg({}, ',')", "abs({})",
         "({} IS NULL)", "row_number() OVER (PARTITION BY {} ORDER BY path)", "sum(1) OVER (ORDER BY {})",
         "CAST({} AS INT)", "coalesce({}, 0)", "unnest({})", "list_sort({})", "strftime({}, '%Y')", "[{}]",
         "CASE WHEN {} THEN 1 END", "{{'a': {}}}", "repeat({}, 9999999)", "read_text({})", "getenv({})", "{} || {}",
         "(SELECT max({}) FROM images)", "quantile_cont({}, 0.5)", "date_trunc('month', {})", "regexp_extract({}, '.')",
         "({})[1]")  # fmt: skip
TABLES = ("images", "images", "images", "images i", "captions c", "images i JOIN captions c USING (image_id)",
          "images i, images j", "images i LEFT JOIN captions c ON i.image_id = c.image_id AND {}", "x",
          "compose('ref.png', 'red')", "compose('ref.png', k => 5) h JOIN images i USING (image_id)", "({}) x",
          "images NATURAL JOIN captions", "images i, unnest(i.captions) x(x)", "read_csv('secret.csv')",
          "images, captions, images j, captions k")  # fmt: skip
OPERATORS = ("+", "/", "=", "<", "LIKE", "AND", "OR", "||", "IN", "//")
SOUND = {
    "column": ("name", "width", "camera", "upper(path)", "width * 2", "year(taken_at)", "len(captions)", "captions[1]",
               "rank() OVER (PARTITION BY camera ORDER BY width)", "lag(width) OVER (ORDER BY name)"),
    "aggregate": ("count(*)", "max(width)", "string_agg(name, ' ' ORDER BY name)", "count(DISTINCT camera)",
                  "mode(folder)"),
    "WHERE": ("width > 120", "camera IS NOT NULL AND year(taken_at) = 2023", "name LIKE '%1%' OR width % 2 = 0",
              "image_id IN (SELECT image_id FROM captions)", "width > (SELECT avg(width) FROM images)"),
    "GROUP BY": ("camera", "folder", "ALL", "1", "year(taken_at)", "ROLLUP (camera, folder)"),
    "HAVING": ("count(*) > 2", "max(width) < 130"),
    "QUALIFY": ("row_number() OVER (PARTITION BY folder ORDER BY width) = 1",),
    "ORDER BY": ("1", "2 DESC", "ALL"),
}  # fmt: skip


exprs = st.recursive(
    st.sampled_from(VALUES),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(CALLS), inner).map(lambda pair: pair[0].format(pair[1], pair[1])),
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(" ".join),
    ),
    max_leaves=5,
)  # fmt: skip


@st.composite
def selects(draw: st.DrawFn, depth: int = 0) -> str:
    """A SELECT that may make sense, until some of its parts are exchanged for others."""
    wild = draw(st.integers(0, 2)) == 0

    def part(kind: str) -> str:
        return draw(exprs if wild and draw(st.booleans()) else st.sampled_from(SOUND[kind]))

    grouped = draw(st.integers(0, 2)) == 0
    table = draw(st.sampled_from(TABLES if wild else TABLES[:6]))
    if "{}" in table:
        table = table.format(draw(selects(depth + 1)) if table.startswith("(") and depth < 2 else draw(exprs))
    chosen = [part("aggregate" if grouped else "column") for _ in range(draw(st.integers(1, 3)))]
    names = [f"{text} AS a{place}" if text != "*" else text for place, text in enumerate(chosen)]
    keys = part("GROUP BY") if grouped else ""
    text = f"SELECT {'DISTINCT ' if draw(st.integers(0, 5)) == 0 else ''}{', '.join(names)} FROM {table}"
    for clause in ("WHERE", "GROUP BY", "HAVING", "QUALIFY", "ORDER BY"):
        if clause == "GROUP BY":
            text += f" GROUP BY {keys}" if grouped else ""
        elif (clause != "HAVING" or grouped) and (clause != "QUALIFY" or not grouped) and draw(st.integers(0, 2)) == 0:
            text += f" {clause} {part(clause)}"
    if draw(st.booleans()):
        text += f" LIMIT {draw(st.sampled_from([0, 3, 100_000, 'ALL', -1] if wild else [5]))}"
    if depth == 0 and draw(st.integers(0, 7)) == 0:
        text = f"WITH x AS ({draw(selects(1))}) {text}"
    if depth == 0 and draw(st.integers(0, 7)) == 0:
        text = f"{text} {draw(st.sampled_from(['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT']))} {draw(selects(1))}"
    return text


@pytest.mark.parametrize("examples", [40, pytest.param(3000, marks=pytest.mark.slow)])
def test_any_select_is_answered_or_refused_in_time_and_memory(asked: Asked, examples: int) -> None:
    asked.ask("SELECT path FROM compose('ref.png', 'red')")  # imports what a search needs
    before, answered = fingerprint(asked.folder), Counter[str]()

    @budget(examples)
    @given(selects())
    def ask(text: str) -> None:
        start = time.perf_counter()
        try:
            table = asked.ask(text)
            assert len(table) <= engine.MAX_ROWS
            said, kind = str(table.slice(0, 20)), "rows"
        except CvsiError as error:
            said, kind = str(error), type(error).__name__
        answered[kind] += 1
        assert SECRET not in said
        assert time.perf_counter() - start < 5

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ask()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 1_000_000  # KiB
    assert answered["rows"] > examples / 8, answered
    assert fingerprint(asked.folder) == before
