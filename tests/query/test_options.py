"""The one declaration of a query's options, held against everything that is made from it."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields
from pathlib import Path

import click
import pytest

from cvsi_db.cli.query import compose, query_options
from cvsi_db.errors import QueryError
from cvsi_db.gallery import Gallery
from cvsi_db.query.json_lines import read_queries
from cvsi_db.query.options import BY_ARGUMENT, BY_FIELD, OPTIONS
from cvsi_db.query.statement import Hits, parse_statement
from cvsi_db.records import ComposedQuery

ROOT = Path(__file__).parents[2]
BY_CLAUSE = {"k", "where", "rank", "offset"}
"""What a clause of a statement says: LIMIT, WHERE, ORDER BY, OFFSET."""


def test_every_field_of_a_query_is_declared_once_in_order() -> None:
    assert [option.field for option in OPTIONS] == [field.name for field in fields(ComposedQuery)]


def test_the_search_of_a_gallery_takes_every_field_with_its_default() -> None:
    taken = dict(inspect.signature(Gallery.search).parameters)
    del taken["self"]
    assert {name: parameter.default for name, parameter in taken.items()} == {
        option.field: option.default for option in OPTIONS
    }


def test_every_default_is_of_its_kind() -> None:
    for option in OPTIONS:
        option.check(option.default)


def test_the_command_line_has_every_flag_and_no_other() -> None:
    @query_options
    def command(**_: object) -> None: ...

    made = {parameter.name: parameter for parameter in command.__click_params__}  # type: ignore[attr-defined]
    declared = {option.field for option in OPTIONS if option.flag}
    assert set(made) == declared | {"text", "rewriter", "verifier", "no_server"}
    for option in OPTIONS:
        if option.flag and option.flag.startswith("-"):
            assert (made[option.field].opts, made[option.field].help) == ([option.flag, *option.aliases], option.help)


def test_options_that_are_not_given_make_the_default_query() -> None:
    @click.command()
    @query_options
    def command(**given: object) -> ComposedQuery:
        return compose(given)

    assert command.main([], standalone_mode=False) == ComposedQuery()
    asked = ["ref.jpg", "red", "-k", "3", "--keep-reference", "--like", "a.jpg", "--not", "snow", "--min-score", "0.5"]
    assert command.main(asked, standalone_mode=False) == ComposedQuery(
        "ref.jpg", "red", 3, exclude_reference=False, liked=("a.jpg",), negative=("snow",), min_score=0.5
    )


def test_a_json_line_takes_every_field() -> None:
    line = {option.field: option.default for option in OPTIONS}
    assert read_queries([json.dumps(line)], ComposedQuery(k=3, strict=True)) == [(1, ComposedQuery())]


def test_a_statement_says_every_field_by_an_argument_or_a_clause() -> None:
    by_argument = {option.field for option in OPTIONS if option.argument}
    assert by_argument | BY_CLAUSE | {"pool"} == {option.field for option in OPTIONS}
    assert by_argument & BY_CLAUSE == {"k"}
    nulls = ", ".join(f"{name} => NULL" for name in BY_ARGUMENT)
    parsed = parse_statement(f"SELECT path FROM compose({nulls})", {"path": "string"})
    hits = parsed.sources["compose_1"]
    assert isinstance(hits, Hits)
    assert hits.query == ComposedQuery()


@pytest.mark.parametrize(
    ("field", "value", "takes"),
    [
        ("k", 0, "a whole number, 1 or more"),
        ("k", "3", "a whole number, 1 or more"),
        ("k", True, "a whole number, 1 or more"),
        ("offset", -1, "a whole number, 0 or more"),
        ("pool", 1.5, "a whole number, 0 or more"),
        ("min_score", float("nan"), "a number"),
        ("edit_text", 3, "a text"),
        ("where", b"width > 3", "a text"),
        ("strict", 1, "true or false"),
        ("liked", "a.jpg", "a path, an image, or a list of them"),
        ("negative", (3,), "a text or a list of texts"),
        ("rank", 0.5, "an expression or a weight per term"),
        ("reference", 3, "a path or an image"),
        ("reference", "half a character \udc80", "a path or an image"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_what_to_give(field: str, value: object, takes: str) -> None:
    with pytest.raises(QueryError) as caught:
        BY_FIELD[field].check(value)
    assert str(caught.value) == f"{field} is {value!r}: give {takes}"


def test_the_help_of_sql_names_every_argument() -> None:
    from cvsi_db.cli.sql_command import command

    assert [name for name in BY_ARGUMENT if name not in (command.help or "")] == []


def test_the_documentation_lists_every_option() -> None:
    """docs/query-options.md is `python -m cvsi_db.query.options`."""
    from cvsi_db.query.options import as_markdown

    assert (ROOT / "docs" / "query-options.md").read_text("utf-8") == as_markdown()
