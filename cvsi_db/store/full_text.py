"""Full text: which images have a caption with the words of a text.

Takes LanceDB's table of captions and the text; returns image_ids. Words are those of LanceDB's index: lower case,
without accents, English endings cut off, common words like "the" left out. A table without an index gets one in memory,
made in the same way, so that the answer is the same.
"""

from __future__ import annotations

import re
from typing import Any

import lancedb
import pyarrow as pa

_COLUMNS = ["image_id", "text"]


def matching_images(captions: Any, text: str) -> set[str]:
    """The image_ids of captions, a table with an index on `text`, that have all words of the text, in whatever order.

    Words in double quotes stand side by side in that order. A text of common words alone matches nothing.
    """
    from lancedb.query import FullTextOperator, MatchQuery, PhraseQuery

    words = MatchQuery(text.replace('"', " "), "text", operator=FullTextOperator.AND)
    found = _found(captions, words)
    for phrase in re.findall(r'"([^"]*)"', text):
        if len(phrase.split()) > 1 and len(found):
            found = _found(indexed(found, with_position=True), PhraseQuery(phrase, "text"))
    return set(found["image_id"].to_pylist())


def indexed(captions: pa.Table, *, with_position: bool = False) -> Any:
    """A table in memory of these captions (image_id, text), with an index like that of a gallery's table."""
    from lancedb.index import FTS

    table = lancedb.connect("memory://").create_table("captions", captions.select(_COLUMNS))
    table.create_index("text", config=FTS(with_position=with_position))
    return table


def _found(table: Any, query: Any) -> pa.Table:
    search = table.search(query, query_type="fts").limit(max(table.count_rows(), 1)).select([*_COLUMNS, "_score"])
    return search.to_arrow().select(_COLUMNS)
