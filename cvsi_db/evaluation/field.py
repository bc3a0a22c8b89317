"""Benchmarks of the field (CIRR, CIRCO, FashionIQ) as records: images, queries, and the rules of the protocol as data.

Images and queries are known by name, as in the benchmark's own files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from cvsi_db.errors import UsageError

ListName = Literal["recall", "recall_subset"]
DEPTH: Mapping[ListName, int] = {"recall": 50, "recall_subset": 3}
"""How many images a ranking holds: of the whole index, and of a query's subset."""

NAMED = 3
"""How many missing images a message names."""

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

    @property
    def images(self) -> tuple[str, ...]:
        """Every image that the query names."""
        return (self.reference, *self.targets, *self.subset)


@dataclass(frozen=True)
class FieldBenchmark:
    """One split: its queries, the names in each category's index, and where the file of every image should be.

    An index is empty where nothing says what is in it. `missing` are the images that cannot be had, and `left_out` is
    how many queries that cost: see `without`.
    """

    rules: Rules
    split: str
    queries: tuple[FieldQuery, ...] = field(repr=False)
    indexes: Mapping[str, tuple[str, ...]] = field(repr=False)
    paths: Mapping[str, Path] = field(repr=False)
    missing: frozenset[str] = field(default=frozenset(), repr=False)
    left_out: int = 0

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

    def find_missing(self) -> dict[str, str]:
        """The images of the indexes and of the queries whose file does not exist, with that reason; opens none."""
        wanted = dict.fromkeys((*self.names, *(name for query in self.queries for name in query.images)))
        return {name: "no such file" for name in wanted if not self.paths[name].is_file()}

    def without(self, lacking: Mapping[str, str], *, allowed: bool) -> FieldBenchmark:
        """The benchmark without images that are missing or cannot be read, each with the reason.

        They are not ranked, and queries of which one is the reference are left out. A query stays where one is its
        target: that target then counts as not found. Raises UsageError, which names the first few, when there are any
        and that is not `allowed`, and when no query is left.
        """
        if not lacking:
            return self
        if not allowed:
            named = [f"{str(self.paths[name])!r} ({reason})" for name, reason in lacking.items()]
            more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
            raise UsageError(
                f"{len(named)} of the images that {self.title} needs cannot be had: {', '.join(named[:NAMED])}{more}; "
                "put them there, say with --images where they are, or leave them out with --allow-missing"
            )
        queries = tuple(
            replace(query, subset=tuple(name for name in query.subset if name not in lacking))
            for query in self.queries
            if query.reference not in lacking
        )
        if not queries:
            raise UsageError(f"no query of {self.title} has its reference image: say with --images where images are")
        return replace(
            self,
            queries=queries,
            indexes={
                category: tuple(name for name in index if name not in lacking)
                for category, index in self.indexes.items()
            },
            missing=self.missing | lacking.keys(),
            left_out=self.left_out + len(self.queries) - len(queries),
        )
