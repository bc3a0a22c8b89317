"""The two phrasebooks: the same tables, not one template in common, every slot one that is filled."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

import pytest

from cvsi_db.scenes import phrasings, unseen_phrasings
from cvsi_db.scenes.wish import Book

BOOKS = [phrasings, unseen_phrasings]


def tables(book: Book) -> dict[str, dict[object, tuple[str, ...]]]:
    """Each constant as a mapping of keys to templates; a plain tuple has the key ""."""
    held = {name: value for name, value in vars(book).items() if name.isupper()}
    return {name: dict(value) if not isinstance(value, tuple) else {"": value} for name, value in held.items()}


def templates(book: Book) -> Iterator[str]:
    for name, table in tables(book).items():
        if name not in {"JOINTS", "SHARED"}:
            yield from (template for row in table.values() for template in row)


def bare(template: str) -> str:
    """The template in lower case, without punctuation and opening words."""
    words = " ".join(re.sub(r"[^\w\s{}]", " ", template.lower().replace("'", "")).split())
    return re.sub(r"^(same |but |now )+", "", words)


def test_both_books_hold_the_same_tables() -> None:
    shapes = [{name: set(table) for name, table in tables(book).items()} for book in BOOKS]
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) > 50


def test_no_template_is_in_both_books() -> None:
    seen, unseen = ({bare(template) for template in templates(book)} for book in BOOKS)
    assert seen & unseen == set()
    assert len(seen) > 600
    assert len(unseen) > 500


def test_joints_and_shared_openings_differ_too() -> None:
    assert not set(phrasings.JOINTS) & set(unseen_phrasings.JOINTS)
    assert not set(phrasings.SHARED) & set(unseen_phrasings.SHARED)


def test_the_unseen_book_has_several_ways_to_say_everything() -> None:
    few = {
        (name, key)
        for name, table in tables(unseen_phrasings).items()
        for key, row in table.items()
        if len(row) < 3 and name not in {"STYLE_NOUNS", "MAIN_NAMES", "WHERE_NAMED"}
    }
    assert few == {("OTHER_NAMES_SIZED", "same"), ("OTHER_NAMES_SIZED", "smaller"), ("OTHER_NAMES_SIZED", "bigger")}


@pytest.mark.parametrize("book", BOOKS)
def test_templates_are_lower_case_and_well_formed(book: Book) -> None:
    for template in templates(book):
        slots = [slot for _, slot, spec, _ in string.Formatter().parse(template) if slot is not None and not spec]
        assert template == template.lower().strip()
        assert all(slot.isidentifier() for slot in slots), template
