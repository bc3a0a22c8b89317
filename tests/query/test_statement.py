from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from PIL import Image

from cvsi_db.errors import CvsiError, FilterError, SqlError
from cvsi_db.query.options import BY_ARGUMENT
from cvsi_db.query.statement import Hits, Rows, Statement, parse_statement
from cvsi_db.query.where import Condition
from cvsi_db.records import METHOD_TERMS, TERM_NAMES, ComposedQuery
from cvsi_db.search import SearchContext, search
from cvsi_db.search.present.arrow import answer, warnings_of
from cvsi_db.store.images import Store
from tests.fakes import make_picture, picture_bytes
from tests.query.test_fuzz_sql import COLUMNS
from tests.search.conftest import fill, random_vectors

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog

EXAMPLE = (
    "SELECT path, score FROM compose('ref.jpg', 'with a hat') WHERE taken_at >= '2024-01-01' "
    "ORDER BY 0.6*edited_captions + 0.4*pseudo_token + 0.1*image LIMIT 20 OFFSET 5"
)


def composed(text: str, *values: object, **named: object) -> ComposedQuery:
    return hits_of(parse_statement(f"SELECT path FROM {text}", COLUMNS, values, named)).query


def hits_of(statement: Statement) -> Hits:
    source = statement.sources["compose_1"]
    assert isinstance(source, Hits)
    return source


def rows_of(text: str, name: str = "images_1") -> Rows:
    source = parse_statement(text, COLUMNS).sources[name]
    assert isinstance(source, Rows)
    return source


def test_a_statement_becomes_a_composed_query() -> None:
    hits = hits_of(parse_statement(EXAMPLE, COLUMNS))
    assert hits.query == ComposedQuery(
        "ref.jpg",
        "with a hat",
        k=20,
        offset=5,
        where="taken_at >= CAST('2024-01-01 00:00:00' AS TIMESTAMP)",
        rank={"edited_captions": 0.6, "pseudo_token": 0.4, "image": 0.1},
    )
    assert (hits.limit, hits.columns) == (20, ("rank", "score", "path"))


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("compose('a.jpg')", ComposedQuery("a.jpg")),
        ("COMPOSE(NULL, 'a cat')", ComposedQuery(None, "a cat")),
        ("compose(edit => 'a cat')", ComposedQuery(None, "a cat")),
        ("compose('a.jpg', edit => 'it''s', preset => 'circo')", ComposedQuery("a.jpg", "it's", preset="circo")),
        ("compose('a.jpg', NULL, strict => TRUE)", ComposedQuery("a.jpg", strict=True)),
        ("compose('a.jpg', keep_reference => TRUE)", ComposedQuery("a.jpg", exclude_reference=False)),
        ("compose('a.jpg', keep_reference => FALSE)", ComposedQuery("a.jpg")),
        ("compose('a', min_score => -0.5, auto_cut => TRUE)", ComposedQuery("a", min_score=-0.5, auto_cut=True)),
        (
            "compose(liked => 'a.jpg', unliked => 'b.jpg', negative => 'a dog')",
            ComposedQuery(liked=("a.jpg",), unliked=("b.jpg",), negative=("a dog",)),
        ),
        ("compose('a.jpg') ORDER BY score DESC LIMIT 3", ComposedQuery("a.jpg", k=3)),
        ("compose('a.jpg') ORDER BY -image DESC", ComposedQuery("a.jpg", rank={"image": -1.0})),
        ("compose('a.jpg') OFFSET 2", ComposedQuery("a.jpg", offset=2)),
        ("compose('a.jpg', k => 50)", ComposedQuery("a.jpg", k=50)),
        ("compose('a.jpg', k => 50) LIMIT 3", ComposedQuery("a.jpg", k=3)),
        ("compose('a.jpg') h WHERE h.width > 3", ComposedQuery("a.jpg", where="width > 3")),
        ("compose('a.jpg') h ORDER BY h.image", ComposedQuery("a.jpg", rank={"image": 1.0})),
        ("compose('a.jpg') WHERE width > 3 GROUP BY path", ComposedQuery("a.jpg", k=100, where="width > 3")),
        ("compose('a.jpg') h JOIN images i USING (image_id) WHERE i.width > 3", ComposedQuery("a.jpg", k=100)),
    ],
)  # fmt: skip
def test_compose_and_its_clauses(text: str, query: ComposedQuery) -> None:
    assert composed(text) == query


def test_placeholders_take_pictures_and_texts_as_they_are() -> None:
    picture, data, hat = make_picture("red"), picture_bytes("blue"), "with a 'hat'; --"
    assert composed("compose(:ref, :edit)", ref=picture, edit=hat) == ComposedQuery(picture, hat)
    assert composed("compose(?, ?) LIMIT ?", data, hat, 3) == ComposedQuery(data, hat, k=3)
    assert composed("compose(:a, liked => :more)", a=Path("a.jpg"), more=[data, "b.jpg"]).liked == (data, "b.jpg")
    assert composed("compose('a', :none)", none=None) == ComposedQuery("a")


@pytest.mark.parametrize("call", ["compose('https://a.b/c.jpg')", "compose('r.jpg', 'x', liked => 'HTTP://a.b/c.jpg')"])
def test_a_statement_fetches_no_url_that_it_names(call: str) -> None:
    with pytest.raises(SqlError, match="a statement fetches nothing: give a path, or the image as a parameter"):
        composed(call)
    assert composed("compose(?)", "https://a.b/c.jpg").reference == "https://a.b/c.jpg"


def test_placeholders_of_a_condition_become_literals() -> None:
    text = "compose('a') WHERE path = :p AND width > ? AND taken_at > :day AND (width = ? OR name = :none) LIMIT :n"
    query = composed(text, -3, 1.5, p="it's", day=date(2024, 1, 31), none=None, n=7)
    assert query.where == (
        "path = 'it''s' AND width > -3 AND taken_at >= CAST('2024-02-01 00:00:00' AS TIMESTAMP) "
        "AND (width = 1.5 OR name = NULL)"
    )
    assert query.k == 7


@pytest.mark.parametrize(
    ("text", "values", "named", "reason"),
    [
        ("compose(:a)", (), {}, "no value for :a: give it as a=…"),
        ("compose('a')", (), {"b": 1}, "a value for :b, which the statement does not hold"),
        ("compose('a')", (1,), {}, "too many values for the ? placeholders (1 given, 0 expected)"),
        ("compose(?, ?)", ("a",), {}, "too few values for the ? placeholders (1 given, 2 expected)"),
        ("compose(:a, :a)", (), {"a": b"x"}, "edit takes a text"),
        ("compose(:a)", (), {"a": "a\0b"}, "reference takes a path"),
        ("compose('a', liked => :a)", (), {"a": ["x", "\0"]}, "liked takes a path, an image, or a list of them"),
        ("compose('a') WHERE width > :a", (), {"a": float("nan")}, "cannot hold this float"),
        ("compose('a') WHERE width > :a", (), {"a": 10**5000}, "cannot hold this int"),
        ("compose('a') WHERE width > :a", (), {"a": b"1"}, "cannot hold this bytes"),
        ("compose('a') LIMIT :a", (), {"a": True}, "LIMIT takes a whole number"),
        ("compose('a') LIMIT :a", (), {"a": "3"}, "LIMIT takes a whole number"),
        ("compose('a') ORDER BY :a", (), {"a": "image"}, "the rank cannot use"),
        (":a", (), {"a": "images"}, "reads from nothing else"),
    ],
)
def test_values_that_fit_no_placeholder(text: str, values: tuple[object], named: dict[str, Any], reason: str) -> None:
    with pytest.raises(CvsiError) as caught:
        composed(text, *values, **named)
    assert reason in str(caught.value)


def test_conditions_and_columns_of_one_table_are_left_to_the_store() -> None:
    rows = rows_of("SELECT name FROM images WHERE width > 3 AND length(path) = width + 1 AND year(taken_at) = 2023")
    assert rows == Rows(
        "images", ("image_id", "path", "name", "taken_at"), Condition("width > 3 AND LENGTH(path) = width + 1")
    )
    tables = "images i JOIN captions c USING (image_id)"
    joined = f"SELECT i.path FROM {tables} WHERE i.width > 3 AND c.ordinal = 0 AND text > 'a'"
    assert rows_of(joined) == Rows("images", ("image_id", "path"), Condition("width > 3"))
    assert rows_of(joined, "captions_1") == Rows("captions", ("image_id", "text"), Condition("ordinal = 0"))
    assert rows_of("SELECT i.path FROM images i LEFT JOIN images j USING (image_id) WHERE i.width > 3").where is None
    assert rows_of("SELECT count(*) FROM images WHERE width > 3 OR year(taken_at) = 2023").where is None
    assert rows_of("SELECT count(*) FROM images") == Rows("images", ("width",), None)


def test_a_star_is_hits_with_their_terms_or_every_column_of_images() -> None:
    star = ("rank", "score", *METHOD_TERMS, "path", "width", "height", "taken_at")
    columns = {**COLUMNS, "height": pa.int32()}
    assert set(hits_of(parse_statement("SELECT * FROM compose('a')", columns)).columns) >= set(star)
    negative = hits_of(parse_statement("SELECT * FROM compose('a', negative => 'b')", columns))
    assert "negative" in negative.columns
    assert rows_of("SELECT * FROM images").columns == tuple(COLUMNS)
    assert rows_of("SELECT i FROM images i JOIN captions USING (image_id)").columns == tuple(COLUMNS)


def test_every_term_can_be_selected_and_ranked_by() -> None:
    selected = ", ".join(f"{name}, similarity_{name}" for name in TERM_NAMES)
    ranked = " + ".join(TERM_NAMES)
    hits = hits_of(parse_statement(f"SELECT {selected} FROM compose('a', 'b') ORDER BY {ranked}", COLUMNS))
    assert len(hits.columns) == 1 + 2 * len(TERM_NAMES)


def errors() -> Iterator[Any]:
    blocks = Path(__file__).with_name("sql_errors.txt").read_text("utf-8").strip().split("\n\n")
    for block in blocks:
        asked, told = block.split("\n", 1)
        told = told.replace("{arguments}", ", ".join(BY_ARGUMENT)).replace("{terms}", ", ".join(TERM_NAMES))
        yield pytest.param(asked.removeprefix("> "), told, id=asked.removeprefix("> "))


@pytest.mark.parametrize(("text", "told"), errors())
def test_what_is_no_statement_is_pointed_at(text: str, told: str) -> None:
    with pytest.raises(CvsiError) as caught:
        parse_statement(text, COLUMNS)
    assert f"{type(caught.value).__name__}: {caught.value}" == told
    assert caught.value.exit_code == 2


def test_an_error_in_a_long_statement_shows_what_is_near() -> None:
    names = ", ".join(f"name AS n{number}" for number in range(60))
    with pytest.raises(SqlError) as caught:
        parse_statement(f"SELECT {names}, nope, {names} FROM images", COLUMNS)
    _, line, caret = str(caught.value).split("\n")
    assert len(line) == 2 + 1 + 100 + 1
    assert line[caret.index("^") :].startswith("nope, ")


# --- answers ----------------------------------------------------------------------------------------------------


@pytest.fixture
def full(context: SearchContext) -> SearchContext:
    fill(context.store, random_vectors(30, seed=5))
    return context


def ask(context: SearchContext, text: str, **named: object) -> pa.Table:
    statement = parse_statement(text, context.store.columns, named=named)
    return answer(statement, context.store, lambda query: search(query, context))


def test_the_answer_is_that_of_the_search(full: SearchContext) -> None:
    data = picture_bytes("red")
    table = ask(
        full,
        "SELECT rank, path AS p, score, similarity_image, image, pseudo_token, captions FROM compose(:ref, 'in blue') "
        "WHERE width > 104 ORDER BY image - 0.5*pseudo_token LIMIT 4 OFFSET 2",
        ref=data,
    )
    hits = search(ComposedQuery(data, "in blue", 6, "width > 104", "image - 0.5*pseudo_token"), full)[2:]
    assert table["rank"].to_pylist() == [3, 4, 5, 6]
    assert table["p"].to_pylist() == [hit.path for hit in hits]
    assert table["score"].to_pylist() == pytest.approx([hit.score for hit in hits])
    assert table["similarity_image"].to_pylist() == pytest.approx([hit.terms["image"].similarity for hit in hits])
    for row in table.to_pylist():
        assert row["image"] + row["pseudo_token"] == pytest.approx(row["score"], abs=1e-5)
    assert table["captions"].to_pylist() == [["a picture"]] * 4


def test_columns_have_their_types_with_rows_or_without(full: SearchContext) -> None:
    picture = Image.open(BytesIO(picture_bytes("red")))
    text = "SELECT rank, score, image, objects, negative, taken_at, width, captions FROM compose(:ref) LIMIT {}"
    some, none = (ask(full, text.format(limit), ref=picture) for limit in (3, 0))
    assert (len(some), len(none)) == (3, 0)
    assert some.schema == none.schema
    float32 = pa.float32()
    assert some.schema.types[:5] == [pa.int64(), float32, float32, float32, float32]
    assert some.schema.types[5:7] == [pa.timestamp("us"), pa.int32()]
    assert some["negative"].to_pylist() == [None] * 3


def test_warnings_travel_with_the_table(full: SearchContext) -> None:
    asked = "SELECT path FROM compose(:ref, 'in blue') ORDER BY image + objects"
    table = ask(full, asked, ref=picture_bytes("red"))
    assert (
        warnings_of(table)
        == search(ComposedQuery(picture_bytes("red"), "in blue", rank="image + objects"), full).warnings
    )
    assert warnings_of(ask(full, "SELECT path FROM images")) == ()


def test_images_are_filtered_ordered_and_paged(full: SearchContext) -> None:
    first = ask(full, "SELECT name, width FROM images WHERE width >= 110 ORDER BY width DESC LIMIT 3 OFFSET 1")
    assert first.to_pylist() == [{"name": f"{n}.png", "width": 100 + n} for n in (28, 27, 26)]
    by_path = ask(full, "SELECT name FROM images")["name"].to_pylist()
    assert by_path == [f"{number}.png" for number in (0, 1, 10, 11, 12, 13, 14, 15, 16, 17)]
    assert ask(full, "SELECT count(*) AS n FROM images WHERE width >= 110").to_pylist() == [{"n": 20}]
    assert ask(full, "SELECT COUNT(*), max(width), width // 2 FROM images GROUP BY width").column_names == [
        "count",
        "max(width)",
        "width // 2",
    ]
    assert len(ask(full, "SELECT path FROM images LIMIT 5 OFFSET 99")) == 0
    times = ask(full, "SELECT taken_at FROM images ORDER BY taken_at LIMIT 16")["taken_at"]
    assert times.null_count == 1


def test_a_condition_that_only_the_store_can_refuse_is_refused(full: SearchContext) -> None:
    with pytest.raises(FilterError):
        ask(full, "SELECT path FROM images WHERE name + 1 > 2 AND lower(width) = 'a'")


def test_nothing_but_the_store_is_needed_to_list_images(store: Store, catalog: Catalog) -> None:
    fill(store, random_vectors(2, seed=6))

    def never(query: ComposedQuery) -> Any:
        raise AssertionError("no search is needed")

    assert len(answer(parse_statement("SELECT * FROM images", store.columns), store, never)) == 2
