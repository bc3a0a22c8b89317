"""What a composed query may be: checked once, before any model loads.

Takes a ComposedQuery as it was asked; returns a CheckedQuery, with its rank as weights and its condition as LanceDB
reads it, or raises an error that names the remedy.
"""

from __future__ import annotations

from collections.abc import Mapping

from cvsi_db.errors import QueryError
from cvsi_db.query.options import check_kinds
from cvsi_db.query.weights import find_preset, weights_of
from cvsi_db.query.where import Condition, check_where
from cvsi_db.records import CheckedQuery, ComposedQuery

HUGE = 1e30
"""More than any score."""

_PUNCTUATION = " \t\n.,;:!?"


def check_query(query: ComposedQuery, columns: Mapping[str, object]) -> CheckedQuery:
    """The query, found sound; `columns` maps the columns that its condition may name to their Arrow types.

    Raises QueryError for a value of the wrong kind, a text that says nothing, or when there is nothing to search for;
    RankError for an unknown preset or a rank that cannot be used, FilterError for such a condition.
    """
    check_kinds(query)
    if query.min_score is not None and abs(query.min_score) >= HUGE:
        raise QueryError(f"min_score is {query.min_score!r}: no score is near it")
    if query.reference is None and query.edit_text is None and not query.liked:
        only = "an unliked image or a negative text only keeps away: " if query.unliked or query.negative else ""
        raise QueryError(f"nothing to search for: {only}give a reference image, an edit text, or both")
    if query.edit_text is not None and not query.edit_text.strip(_PUNCTUATION):
        remedy = "leave it out to search by the reference image alone" if query.reference is not None else "describe it"
        raise QueryError(f"the edit text {query.edit_text!r} says nothing: {remedy}")
    for text in query.negative:
        if not text.strip(_PUNCTUATION):
            raise QueryError(f"the negative text {text!r} says nothing: leave it out")
    preset = None if query.preset is None else find_preset(query.preset)
    rank = None if query.rank is None else weights_of(query.rank)
    where = query.where
    if where is not None and not isinstance(where, Condition):
        where = check_where(where, columns)
    return CheckedQuery(query, preset, rank, where)
