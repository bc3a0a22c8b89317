"""The options of a composed query, declared once, and the check of a query.

`OPTIONS` has one entry per field of ComposedQuery: what kind of value it takes, what it does, and what it is called on
the command line and in compose(…). The command line's options, the keys of a JSON line, the arguments of compose(…)
and the table in the documentation are made from it; tests hold ComposedQuery and Gallery.search to it. `check_query`
is called once for each query, before any model loads.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

from cvsi_db.errors import QueryError
from cvsi_db.query.filters import Filters, is_date, is_folder, is_place, with_filters
from cvsi_db.query.sql_errors import is_text
from cvsi_db.query.weights import PRESETS, find_preset, weights_of
from cvsi_db.query.where import Condition, check_where
from cvsi_db.records import CheckedQuery, ComposedQuery


@dataclass(frozen=True)
class Kind:
    """A kind of value: `takes` says in words what it is, `accepts` whether a value is of it.

    `many` values come alone or as a list.
    """

    takes: str
    accepts: Callable[[Any], bool]
    many: bool = False


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_image(value: Any) -> bool:
    """A path, bytes, or an object such as a PIL image: what else it may be is for the one who reads it."""
    if isinstance(value, str | Path):
        return is_text(str(value))
    return value is not None and not isinstance(value, bool | int | float | list | tuple | dict)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and is_text(value)


def _every(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, tuple) and all(map(accepts, value))


IMAGE = Kind("a path or an image", _is_image)
IMAGES = Kind("a path, an image, or a list of them", _every(_is_image), many=True)
TEXT = Kind("a text", _is_text)
TEXTS = Kind("a text or a list of texts", _every(_is_text), many=True)
COUNT = Kind("a whole number, 0 or more", _is_count)
POSITIVE = Kind("a whole number, 1 or more", lambda value: _is_count(value) and value > 0)
NUMBER = Kind("a number", _is_number)
SWITCH = Kind("true or false", lambda value: isinstance(value, bool))
DATE = Kind("a date such as 2024, 2024-10 or 2024-10-31", is_date)
PLACE = Kind("latitude, longitude and kilometres, such as 48.858,2.294,5", is_place)
FOLDER = Kind("a folder's path or name", is_folder)
RATING = Kind("a whole number from 1 to 5", lambda value: _is_count(value) and 1 <= value <= 5)
SHARE = Kind("a number above 0", lambda value: _is_number(value) and value > 0)
PROBABILITY = Kind("a number above 0, at most 1", lambda value: _is_number(value) and 0 < value <= 1)
WEIGHTS = Kind("an expression or a weight per term", lambda value: isinstance(value, Mapping) or _is_text(value))


@dataclass(frozen=True)
class Option:
    """One field of ComposedQuery.

    `flag` is its option on the command line, or the argument's name where it has no dashes; None where the command
    line has no use for it. `argument` is its name in compose(…); None where a clause of the statement says it. With
    `negated`, flag and argument say the opposite of the field. `aliases` are further names of the flag.
    """

    field: str
    kind: Kind
    help: str
    flag: str | None = None
    metavar: str | None = None
    argument: str | None = None
    negated: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def default(self) -> Any:
        """What the field is where nothing is given."""
        return _DEFAULTS[self.field]

    def value(self, given: Any) -> Any:
        """What was given, as the field holds it: one or a list of many as a tuple."""
        if not self.kind.many or isinstance(given, tuple):
            return given
        return tuple(given) if isinstance(given, list) else (given,)

    def accepts(self, value: Any) -> bool:
        """Whether the field may hold the value."""
        return (value is None and self.default is None) or self.kind.accepts(value)

    def check(self, value: Any) -> None:
        """Raise QueryError unless the field may hold the value."""
        if not self.accepts(value):
            raise QueryError(f"{self.field} is {shown(value)}: give {self.kind.takes}")


OPTIONS: tuple[Option, ...] = (
    Option("reference", IMAGE, "The image to start from.", "reference", "REF", "reference"),
    Option("edit_text", TEXT, "What is different in the image looked for.", "edit_text", "EDIT", "edit"),
    Option("k", POSITIVE, "How many hits.", "-k", argument="k", aliases=("-n", "--limit")),
    Option("where", TEXT, """A condition, e.g. "width > 1000 AND folder = 'trip'".""", "--where", "SQL"),
    Option("rank", WEIGHTS, 'Weights, e.g. "0.6*edited_captions + 0.4*pseudo_token".', "--rank", "EXPR"),
    Option("preset", TEXT, f"{', '.join(PRESETS)}; else the bundle's own.", "--preset", "NAME", "preset"),
    Option(
        "exclude_reference",
        SWITCH,
        "Leave the reference and examples among the hits.",
        "--keep-reference",
        argument="keep_reference",
        negated=True,
    ),
    Option(
        "strict", SWITCH, "Fail where the bundle lacks a branch that the preset weighs.", "--strict", argument="strict"
    ),
    Option("offset", COUNT, "Skip the N best: the next page.", "--offset", "N"),
    Option("min_score", NUMBER, "No hits that score below X.", "--min-score", "X", "min_score"),
    Option("auto_cut", SWITCH, "No hits after the first clear gap in the scores.", "--auto-cut", argument="auto_cut"),
    Option("liked", IMAGES, "Also like this one; repeatable.", "--like", "IMAGE", "liked"),
    Option("unliked", IMAGES, "Unlike this one; repeatable.", "--unlike", "IMAGE", "unliked"),
    Option("negative", TEXTS, "Not what it says; repeatable.", "--not", "TEXT", "negative"),
    Option("pool", COUNT, "Keep the N best images, to be reranked with other weights."),
    Option("exact", SWITCH, "Compare every image, also where an index could be asked.", "--exact", argument="exact"),
    Option("after", DATE, "Taken on that day (or in that month or year) or later.", "--after", "DATE", "after"),
    Option("before", DATE, "Taken before that day, month or year.", "--before", "DATE", "before"),
    Option("near", PLACE, "Taken within KM kilometres of a place.", "--near", "LAT,LON,KM", "near"),
    Option("folder", FOLDER, "In that folder or below; a bare name is any folder of it.", "--folder", "DIR", "folder"),
    Option("camera", TEXT, "With these letters in the camera's name.", "--camera", "NAME", "camera"),
    Option("tag", TEXTS, "With this tag; repeatable: with all of them.", "--tag", "NAME", "tag"),
    Option("rating", RATING, "Rated so many stars or more.", "--rating", "N", "rating"),
    Option(
        "edited_captions",
        TEXTS,
        "An edited caption, in place of the rewriter's; repeatable.",
        "--edited-caption",
        "TEXT",
        "edited_captions",
    ),
    Option(
        "added_objects",
        TEXT,
        "What the edit adds, beside given edited captions.",
        "--added-objects",
        "TEXT",
        "added_objects",
    ),
    Option("match", TEXT, 'With all these words in a caption; "in quotes": side by side.', "--match", "TEXT", "match"),
    Option("verify", COUNT, "Show the N best hits to a verifier, which reorders them.", "--verify", "N", "verify"),
    Option(
        "verify_weight",
        SHARE,
        "Reorder by score plus X times the verifier's confidence; else by confidence.",
        "--verify-weight",
        "X",
        "verify_weight",
    ),
    Option(
        "refine",
        PROBABILITY,
        "Search once more where the verifier is of no hit as sure as X.",
        "--refine",
        "X",
        "refine",
    ),
)
"""In the order of ComposedQuery's fields."""

FILTERS: tuple[Option, ...] = tuple(option for option in OPTIONS if option.field in Filters.__annotations__)
"""The options that say which images count, as a listing takes them too."""

BY_FIELD: Mapping[str, Option] = {option.field: option for option in OPTIONS}
BY_ARGUMENT: Mapping[str, Option] = {option.argument: option for option in OPTIONS if option.argument}

HUGE = 1e30
"""More than any score."""

_PUNCTUATION = " \t\n.,;:!?"
_DEFAULTS = {field.name: None if field.default is MISSING else field.default for field in fields(ComposedQuery)}


def check_query(query: ComposedQuery, columns: Mapping[str, object]) -> CheckedQuery:
    """The query, found sound; `columns` maps the columns that its condition may name to their Arrow types.

    Raises QueryError for a value of the wrong kind, a text that says nothing, or when there is nothing to search for;
    RankError for an unknown preset or a rank that cannot be used, FilterError for such a condition.
    """
    for option in OPTIONS:
        option.check(getattr(query, option.field))
    if query.min_score is not None and abs(query.min_score) >= HUGE:
        raise QueryError(f"min_score is {query.min_score!r}: no score is near it")
    query = _matching(query)
    if query.reference is None and query.edit_text is None and not query.liked:
        only = "an unliked image or a negative text only keeps away: " if query.unliked or query.negative else ""
        raise QueryError(f"nothing to search for: {only}give a reference image, an edit text, or both")
    if query.edit_text is not None and not query.edit_text.strip(_PUNCTUATION):
        remedy = "leave it out to search by the reference image alone" if query.reference is not None else "describe it"
        raise QueryError(f"the edit text {query.edit_text!r} says nothing: {remedy}")
    for kind, texts in (("negative text", query.negative), ("edited caption", query.edited_captions)):
        for text in texts:
            if not text.strip(_PUNCTUATION):
                raise QueryError(f"the {kind} {text!r} says nothing: leave it out")
    _check_edited(query)
    _check_verify(query)
    preset = None if query.preset is None else find_preset(query.preset)
    rank = None if query.rank is None else weights_of(query.rank)
    filters: Any = {option.field: getattr(query, option.field) for option in FILTERS}
    where = query.where
    if any(given not in (None, ()) for given in filters.values()):
        where = with_filters(where, columns, filters)
    elif where is not None and not isinstance(where, Condition):
        where = check_where(where, columns)
    return CheckedQuery(query, preset, rank, where)


def _matching(query: ComposedQuery) -> ComposedQuery:
    """The query; where nothing but `match` says what to look for, its words do. Raises QueryError if it has none."""
    if query.match is None:
        return query
    _check_match(query.match)
    if query.reference is not None or query.edit_text is not None or query.liked:
        return query
    return replace(query, edit_text=" ".join(query.match.replace('"', " ").split()))


def _check_match(match: str) -> None:
    """Raise QueryError for a text without a word."""
    if not match.strip(f'{_PUNCTUATION}"'):
        raise QueryError(f"match is {match!r}, which has no word: leave it out")


def _check_edited(query: ComposedQuery) -> None:
    """Raise QueryError for edited captions, or added objects, of an edit that is not there."""
    if query.edited_captions and (query.reference is None or query.edit_text is None):
        raise QueryError("edited captions are given without an edit: give a reference image and an edit text with them")
    if query.added_objects is not None and not query.edited_captions:
        raise QueryError("added_objects is given alone: it stands beside edited captions, so give those too")


def _check_verify(query: ComposedQuery) -> None:
    """Raise QueryError where a verifier has nothing to ask about, or is not asked at all."""
    if query.verify and query.edit_text is None:
        raise QueryError("verify asks whether a hit is what the edit text says: give an edit text")
    for field in ("verify_weight", "refine"):
        if getattr(query, field) is not None and not query.verify:
            raise QueryError(f"{field} is given without verify: say how many hits to verify")
    if query.refine is not None and query.reference is None:
        raise QueryError("refine edits the captions of the reference image anew: give a reference image")


def condition(where: str | None, columns: Mapping[str, object], filters: Mapping[str, Any]) -> Condition | None:
    """The condition that `where` and the filters make, by their names, but for `match`; None where nothing is asked.

    Raises QueryError for a value of the wrong kind or an unknown filter, FilterError as check_where does.
    """
    values: Any = {}
    for name, given in filters.items():
        if name not in Filters.__annotations__:
            raise QueryError(f"unknown filter {name!r}: the filters are {', '.join(Filters.__annotations__)}")
        values[name] = BY_FIELD[name].value(given)
        BY_FIELD[name].check(values[name])
    if values.get("match") is not None:
        _check_match(values["match"])
    return with_filters(where, columns, values)


def shown(value: Any) -> str:
    """The value as an error shows it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 100 else text[:99] + "…"


def as_markdown() -> str:
    """The options as the table of docs/query-options.md."""
    rows = [
        "# The options of a query",
        "",
        "`Gallery.search` and the lines of `search --batch` take them by their names. Printed by",
        "`python -m cvsi_db.query.options`.",
        "",
        "| name | takes | default | command line | in compose(…) | what it does |",
        "|---|---|---|---|---|---|",
    ]
    clauses = {"k": "LIMIT", "offset": "OFFSET", "where": "WHERE", "rank": "ORDER BY"}
    for option in OPTIONS:
        if option.flag is None:
            flag = "—"
        elif option.flag.startswith("-"):
            flag = f"`{option.flag} {option.metavar}`" if option.metavar else f"`{option.flag}`"
        else:
            flag = f"`{option.metavar}`"
        said = [f"`{option.argument}`" if option.argument else "", clauses.get(option.field, "")]
        argument = " or ".join(filter(None, said)) or "—"
        default = json.dumps(option.default) if not isinstance(option.default, tuple) else "none"
        what = f"The opposite of: {option.help[0].lower()}{option.help[1:]}" if option.negated else option.help
        rows.append(f"| `{option.field}` | {option.kind.takes} | {default} | {flag} | {argument} | {what} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(as_markdown(), end="")
