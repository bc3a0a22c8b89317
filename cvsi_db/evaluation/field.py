"""Benchmarks of the field (CIRR, CIRCO, FashionIQ) as records: images, queries, and the rules of the protocol as data.

One module per benchmark reads its annotations into a FieldBenchmark; everything after that is the same for all of them.
Images and queries are known by name, as in the benchmark's own files. Knows nothing about models, scores or galleries.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

from cvsi_db.errors import UsageError

ListName = Literal["recall", "recall_subset"]
DEPTH: Mapping[ListName, int] = {"recall": 50, "recall_subset": 3}
"""How many images a ranking holds: of the whole index, and of a query's subset."""

Rankings: TypeAlias = Mapping[ListName, Mapping[str, tuple[str, ...]]]
"""Names of images, best first, by list and query: what metrics are computed from and what submissions hold."""


@dataclass(frozen=True)
class Rules:
    """A benchmark's protocol.

    `preset` holds the weights that CVSI reports for it. `precision_ranks`, `recall_ranks` and `subset_ranks` are the K
    of mAP@K, Recall@K and Recall_subset@K; `groups` says whether queries have aspects (mAP@10 of each) or categories,
    whose plain mean every metric then is; `lead` is the metric that tables show with its interval. `renormalises`: each
    image's mean of caption embeddings is made a unit vector. `version` stands in submissions; `numbered`: images are
    numbers there.
    """

    name: str
    preset: str
    recall_ranks: tuple[int, ...]
    lead: str
    precision_ranks: tuple[int, ...] = ()
    subset_ranks: tuple[int, ...] = ()
    groups: Literal["aspects", "categories"] | None = None
    excludes_reference: bool = False
    renormalises: bool = False
    version: str | None = None
    numbered: bool = False

    @property
    def lists(self) -> tuple[ListName, ...]:
        """The rankings that the benchmark asks for."""
        return ("recall", "recall_subset") if self.subset_ranks else ("recall",)


@dataclass(frozen=True)
class FieldQuery:
    """A query: `category` names the index it is ranked over, `targets` start with the image that the text was written
    for and are empty where only the benchmark's server knows them; `subset` are CIRR's five candidates."""

    query_id: str
    reference: str
    edit_text: str
    targets: tuple[str, ...] = ()
    subset: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()
    category: str = ""


@dataclass(frozen=True)
class FieldBenchmark:
    """One split: its queries, the names in each category's index, and where the file of every image should be.

    An index is empty where nothing says what is in it.
    """

    rules: Rules
    split: str
    queries: tuple[FieldQuery, ...] = field(repr=False)
    indexes: Mapping[str, tuple[str, ...]] = field(repr=False)
    paths: Mapping[str, Path] = field(repr=False)

    @property
    def title(self) -> str:
        """Its name and split."""
        return f"{self.rules.name} {self.split}"

    @property
    def has_truth(self) -> bool:
        """Whether the annotations say what is right."""
        return all(query.targets for query in self.queries)

    @property
    def names(self) -> tuple[str, ...]:
        """Every image that has to be looked at, each once: those of the indexes, then references beside them."""
        indexed = dict.fromkeys(name for index in self.indexes.values() for name in index)
        return tuple(indexed | dict.fromkeys(query.reference for query in self.queries))

    def index_of(self, query: FieldQuery) -> frozenset[str]:
        """The names that a query is ranked over."""
        return self._indexes[query.category]

    @cached_property
    def _indexes(self) -> Mapping[str, frozenset[str]]:
        return {category: frozenset(index) for category, index in self.indexes.items()}

    def first(self, queries: int | None) -> FieldBenchmark:
        """The benchmark with its first queries alone (all when None), over the same indexes."""
        return replace(self, queries=self.queries[:queries])


def check_images(benchmark: FieldBenchmark) -> None:
    """Raises UsageError unless every image that the queries and indexes need is there; opens none of them."""
    missing = [path for name in benchmark.names if not (path := benchmark.paths[name]).is_file()]
    if missing:
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UsageError(
            f"{benchmark.title} needs {len(benchmark.names)} images, and {str(missing[0])!r} is missing{more}: "
            "put them there, or say with --images where they are"
        )
    for query, name in _to_be_found(benchmark):
        raise UsageError(f"query {query.query_id} of {benchmark.title} needs image {name} in the index: it is missing")


def _to_be_found(benchmark: FieldBenchmark) -> Iterator[tuple[FieldQuery, str]]:
    """Each query with each of its targets and candidates that its index lacks."""
    for query in benchmark.queries:
        for name in (*query.targets, *query.subset):
            if name not in benchmark.index_of(query):
                yield query, name


# --- reading annotations ----------------------------------------------------------------------------------------


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises UsageError when it is missing or no JSON."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"there is no {str(path)!r}: give the benchmark's folder, laid out as it is published"
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {str(path)!r}: {error}") from error


def read_entries(path: Path, make: Callable[[int, Any], FieldQuery]) -> tuple[FieldQuery, ...]:
    """The queries that `make` makes of the places and entries of an annotation file.

    Raises UsageError for a file that is missing, empty or not of the benchmark's shape.
    """
    entries = read_json(path)
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{str(path)!r} is no list of queries: give the annotations as they are published")
    queries = []
    for place, entry in enumerate(entries):
        try:
            queries.append(make(place, entry))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"entry {place} of {str(path)!r} is not as published: {error!r}") from error
    return tuple(queries)


def one_line(text: str) -> str:
    """The text with single spaces, as a search takes it."""
    return " ".join(text.split())
