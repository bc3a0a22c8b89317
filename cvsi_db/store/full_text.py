"""Full text: which images have a caption with the words of a text, and conditions that ask for that.

Takes LanceDB's table of captions and the text; returns image_ids. Words are those of LanceDB's index: lower case,
without accents, English endings cut off, common words like "the" left out. A table without an index gets one in memory,
made in the same way, so that the answer is the same. In a condition `captions_match('…')` stands for the images; the
store alone knows what it means, so that LanceDB refuses one that it was not asked about.
"""

from __future__ import annotations

import re
from typing import Any

import lancedb
import pyarrow as pa

_COLUMNS = ["image_id", "text"]
_CALL = re.compile(r"captions_match\('((?:'')*[^'](?:[^']|'')*)'\) /\* [\d,]+ \*/")


def call_of(text: str, images: int) -> str:
    """The condition that the images with the words of `text` meet; how many they are, plans show."""
    quoted = text.replace("'", "''").replace("\0", " ")
    return f"captions_match('{quoted}') /* {images:,} */"


def without_calls(condition: str) -> tuple[str, list[str]]:
    """The condition with `true` in place of such calls, of which no other operator than AND may stand around, and their
    texts."""
    texts = [found[1].replace("''", "'") for found in _CALL.finditer(condition)]
    return _CALL.sub("true", condition) if texts else condition, texts


def matching_images(captions: Any, text: str) -> pa.Array:
    """The image_ids of captions, a table with an index on `text`, that have all words of the text, in whatever order.

    Words in double quotes stand side by side in that order. A text of common words alone matches nothing.
    """
    from lancedb.query import FullTextOperator, MatchQuery, PhraseQuery

    words = MatchQuery(text.replace('"', " "), "text", operator=FullTextOperator.AND)
    found = _found(captions, words)
    for phrase in re.findall(r'"([^"]*)"', text):
        if len(phrase.split()) > 1 and len(found):
            found = _found(indexed(found, with_position=True), PhraseQuery(phrase, "text"))
    return found["image_id"].unique()


def indexed(captions: pa.Table, *, with_position: bool = False) -> Any:
    """A table in memory of these captions (image_id, text), with an index like that of a gallery's table."""
    from lancedb.index import FTS

    table = lancedb.connect("memory://").create_table("captions", captions.select(_COLUMNS))
    table.create_index("text", config=FTS(with_position=with_position))
    return table


def _found(table: Any, query: Any) -> pa.Table:
    search = table.search(query, query_type="fts").limit(max(table.count_rows(), 1)).select([*_COLUMNS, "_score"])
    return search.to_arrow().select(_COLUMNS)
