"""Nothing: why no image answers: an empty gallery, a folder or a tag that is not in it, a filter too narrow, a miss.

Takes the store and what was asked; returns one line. Called once nothing was found: it counts, and looks for names that
are close to those that were given.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from cvsi_db.errors import FilterError
from cvsi_db.query.filters import with_filters
from cvsi_db.query.options import FILTERS
from cvsi_db.query.sql_errors import DIALECT, clipped, parse
from cvsi_db.query.where import Condition, condition_of

if TYPE_CHECKING:
    from cvsi_db.records import ComposedQuery, FloatArray
    from cvsi_db.store.images import Store, TableName

Part = tuple[str, Condition, str | None, str]
"""One of the conditions that must hold together: as it was written, as LanceDB reads it, and the column and the value
that it is about, where it names one."""


def why_no_image(
    store: Store, where: str | None, filters: Mapping[str, Any], table: TableName = "images"
) -> str | None:
    """Why no image of `table` satisfies `where` and the filters, both found sound; None where some do."""
    total = store.count(table=table)
    if not total:
        if table == "removed":
            return "no image of the gallery has lost its files"
        gone = store.count(table="removed")
        what = f"the gallery has no image whose file is there, and {gone:,} whose files are gone" if gone else ""
        return f"{what or 'the gallery is empty'}: `cvsi-db ingest FOLDER` takes images in"
    parts = list(_parts(where, filters, store))
    if (match := filters.get("match")) is not None:
        matching = Condition(store.match_condition(match))
        if not store.count(matching, table):
            return f"no image has a caption with all words of {match!r} (--match)"
        parts.append((f"match {match!r}", matching, None, ""))
    counts = [store.count(condition, table) for _, condition, _, _ in parts]
    everything = f"none of the {total:,} images satisfies" if total > 1 else "the only image does not satisfy"
    for (said, _, column, value), count in zip(parts, counts, strict=True):
        if not count:
            return f"{everything} {said}{_hint(store, column, value, table)}"
    if store.count(" AND ".join(f"({condition})" for _, condition, _, _ in parts) or None, table):
        return None
    alone = ", ".join(f"{said} {count:,}" for (said, *_), count in zip(parts, counts, strict=True))
    return f"{everything} all that is asked; what each leaves alone: {alone}"


def why_no_hit(store: Store, query: ComposedQuery, scores: FloatArray) -> str:
    """Why a search shows no hit, whose candidates scored `scores`, best first."""
    if not len(scores):
        filters = {option.field: getattr(query, option.field) for option in FILTERS}
        left_out = "only the reference and the examples could be hits, and they are left out (--keep-reference)"
        return why_no_image(store, query.where, filters) or left_out
    if query.min_score is not None and scores[0] < query.min_score:
        return f"the best image scores {scores[0]:.4f}, less than the least score {query.min_score:g} (--min-score)"
    return f"no hit has a rank above {query.offset:,}: ask for an earlier page (--offset)"


def close_path(wanted: str, paths: Iterable[str]) -> str:
    """A question whether a file or a folder of the gallery was meant whose name is nearly that of `wanted`, or ""."""
    by_name: dict[str, str] = {}
    for path in paths:
        for each in (PurePath(path), *PurePath(path).parents):
            by_name.setdefault(each.name, str(each))
    by_name.pop("", None)
    close = get_close_matches(PurePath(wanted).name, by_name, 1)
    return f"did you mean {by_name[close[0]]!r}?" if close else ""


def _parts(where: str | None, filters: Mapping[str, Any], store: Store) -> Iterator[Part]:
    if where is not None:
        whole = parse(where, "filter", FilterError)
        for tree in list(whole.flatten()) if isinstance(whole, exp.And) else [whole]:
            said = where if tree is whole else tree.sql(DIALECT)
            column = tree.this if isinstance(tree, exp.EQ | exp.ArrayContains) else None
            value = tree.expression if isinstance(tree.expression, exp.Literal) else None
            named = column.name.lower() if isinstance(column, exp.Column) and value is not None else None
            sound = isinstance(where, Condition)
            condition = Condition(tree.sql(DIALECT)) if sound else condition_of(tree.copy(), where, store.columns)
            yield f"the condition {clipped(said)!r}", condition, named, value.this if value is not None else ""
    for name, given in filters.items():
        for value in given if name == "tag" and not isinstance(given, str) else (given,):
            asked: Any = {name: (value,) if name == "tag" else value}
            if (filtered := with_filters(None, store.columns, asked)) is not None:
                column = {"tag": "tags", "folder": "paths", "after": "taken_at", "before": "taken_at"}.get(name, name)
                yield f"{name} {str(value)!r}", filtered, column, str(value)


def _hint(store: Store, column: str | None, value: str, table: TableName) -> str:
    """What the column has that is like the value: a name that is close, or from when to when its times are."""
    if column is None or column not in store.columns:
        return ""
    values = store.scan([column], table=table)[column]
    if column == "taken_at":
        ends = pc.min_max(values).as_py()
        return f": their dates are from {ends['min']} to {ends['max']}" if ends["min"] else ": none of them has a date"
    if pa.types.is_list(values.type):
        values = pc.list_flatten(values)
    if not pa.types.is_string(values.type):
        return ""
    known = values.unique().drop_null().to_pylist()
    if column in ("path", "paths"):
        asked = close_path(value, known if column == "path" else {os.path.dirname(path) for path in known})
    else:
        words = {word.lower(): word for text in known for word in (*text.split(), text)}
        close = get_close_matches(value.lower(), words, 1)
        asked = f"did you mean {words[close[0]]!r}?" if close else ""
    return f": {asked}" if asked else ""
