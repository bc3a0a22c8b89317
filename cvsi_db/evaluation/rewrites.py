"""Rewrites made elsewhere: what a language model made of a benchmark's queries, as other methods publish it.

Takes files and a benchmark; returns each query's Rewrite by its id. Read are the files of CIReVL (Karthik et al., ICLR
2024: lists `instruction` and `modified_captions` in the order of the queries), of CVSI (Ye et al., ICDM 2025: the same,
with several captions each and `added_content`), of LDRE (Yang et al., SIGIR 2024: the annotations with one list
`multi_gpt…` in each entry), and our own: an object by query id, each value the edited captions or an object of
`edited_captions` and `added_objects`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.field import FieldBenchmark, FieldQuery
from cvsi_db.records import Rewrite

LDRE = "multi_gpt"


def read_rewrites(benchmark: FieldBenchmark, paths: Sequence[Path]) -> dict[str, Rewrite]:
    """The rewrite of every query, from files that together hold them all (FashionIQ's have one for each category).

    Raises UsageError for a file that is none of these, that belongs to other queries, or that leaves a query out.
    """
    name = f"imported:{','.join(path.stem for path in paths)}"
    found: dict[str, Rewrite] = {}
    for path in paths:
        try:
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot read {str(path)!r}: {error}") from error
        if isinstance(content, dict) and "modified_captions" in content:
            entries = _in_order(benchmark, content, path)
        elif isinstance(content, list):
            entries = {_id(entry, path): (_ldre(entry, path), "") for entry in content}
        elif isinstance(content, dict):
            entries = {key: _ours(value) for key, value in content.items()}
        else:
            raise UsageError(f"{str(path)!r} holds no rewrites: see `cvsi-db eval {benchmark.rules.name} --help`")
        for query_id, (captions, objects) in entries.items():
            found[query_id] = Rewrite(_texts(captions, path, query_id), " ".join(str(objects).split()), name)
    lacking = [query for query in benchmark.queries if query.edit_text and query.query_id not in found]
    if lacking:
        raise UsageError(
            f"{', '.join(map(str, paths))}: no rewrite for {len(lacking)} of {len(benchmark.queries)} queries of "
            f"{benchmark.title}, as for {lacking[0].query_id!r} ({lacking[0].edit_text!r}): give every query one"
        )
    return found


def _in_order(benchmark: FieldBenchmark, content: Mapping[str, Any], path: Path) -> dict[str, tuple[Any, Any]]:
    """Entries that stand in the order of the queries, of all or of one category; `instruction` shows of which."""
    edited, told = content["modified_captions"], content.get("instruction")
    objects = content.get("added_content") or [""] * len(edited)
    if not (isinstance(edited, list) and isinstance(objects, list) and len(objects) == len(edited)):
        raise UsageError(f"{str(path)!r}: modified_captions and added_content are lists of one length")
    categories = dict.fromkeys(query.category for query in benchmark.queries)
    groups = [[query for query in benchmark.queries if query.category == each] for each in categories]
    fitting = [group for group in groups if len(group) == len(edited)]
    wrong = None
    for group in fitting:
        wrong = None if told is None else _first_unlike(group, told)
        if wrong is None:
            return {query.query_id: pair for query, pair in zip(group, zip(edited, objects, strict=True), strict=True)}
    if wrong is None:
        sizes = ", ".join(str(len(group)) for group in groups)
        raise UsageError(f"{str(path)!r} holds {len(edited)} rewrites, and {benchmark.title} has {sizes} queries")
    query, instruction = wrong
    raise UsageError(
        f"{str(path)!r} is for other queries than those of {benchmark.title}: where it says {instruction!r}, query "
        f"{query.query_id!r} says {query.edit_text!r}"
    )


def _first_unlike(queries: Sequence[FieldQuery], told: Sequence[Any]) -> tuple[FieldQuery, str] | None:
    for query, instruction in zip(queries, told, strict=False):
        if str(instruction).casefold().split() != query.edit_text.casefold().split():
            return query, str(instruction)
    return None


def _id(entry: Any, path: Path) -> str:
    number = entry.get("pairid", entry.get("id")) if isinstance(entry, dict) else None
    if number is None:
        raise UsageError(f"{str(path)!r}: an entry has neither pairid nor id")
    return str(number)


def _ldre(entry: Mapping[str, Any], path: Path) -> Any:
    names = [name for name, value in entry.items() if name.startswith(LDRE) and isinstance(value, list)]
    if len(names) != 1:
        raise UsageError(
            f"{str(path)!r}: an entry has {len(names)} lists whose name begins with {LDRE} "
            f"({', '.join(names) or 'none'}): leave one"
        )
    return entry[names[0]]


def _ours(value: Any) -> tuple[Any, Any]:
    return (value.get("edited_captions"), value.get("added_objects", "")) if isinstance(value, dict) else (value, "")


def _texts(captions: Any, path: Path, query_id: str) -> tuple[str, ...]:
    """One caption or several, without empty ones."""
    given = captions if isinstance(captions, list) else [captions]
    texts = tuple(" ".join(text.split()) for text in given if isinstance(text, str) and text.strip())
    if not texts:
        raise UsageError(f"{str(path)!r}: the rewrite of query {query_id!r} has no edited caption")
    return texts
