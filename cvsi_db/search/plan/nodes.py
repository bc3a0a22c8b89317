"""Plans: how a logical query will run, as a tree of frozen nodes that prints.

`TopK` is the root, unless a verifier had its say: then that is `Verify`, above it. Below come the rerank, what filters
its candidates, and one leaf that finds them: a union of vector searches, or a scan of the resident rows. After a plan
ran, a copy of it says what each node did: `fetched`, `rounds`, `matching`, `candidates`, and its own `milliseconds`,
without those of the nodes below it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, TypeVar

from cvsi_db.records import BranchName, Column, ColumnName, FloatArray, Term

Strategy = Literal["branches", "fused", "indexed", "resident"]
"""How the rows are found: a search per branch and column, one per column, one per column by its index, or a scan of the
rows in memory."""

EXACT: tuple[Strategy, ...] = ("branches", "fused", "resident")
"""The strategies that answer as scoring every row would; an index may miss a row."""


@dataclass(frozen=True)
class VectorSearch:
    """The best rows of one column for one branch. `vector` (dim,) is the weighted sum of the branch's terms.

    The branch `fused` is all branches at once; of a `unit` column the vectors count at length 1.

    `rows` is how many rows there are, `limit` how many to fetch first; `fetched` how many came in the end. Every row
    is compared, or with `partitions` the rows of that many partitions of the column's index.
    """

    branch: BranchName | Literal["fused"]
    column: ColumnName
    column_weight: float
    vector: FloatArray = field(repr=False, compare=False)
    rows: int
    limit: int | None = None
    where: str | None = None
    partitions: int | None = None
    unit: bool = False
    fetched: int | None = None
    milliseconds: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Union:
    """The candidates of all searches, once each. `rounds` and `candidates` tell what it took to be exact; `missing`
    names branches that could not be searched for, because the bundle lacks what makes them."""

    searches: tuple[VectorSearch, ...]
    rounds: int | None = None
    candidates: int | None = None
    missing: tuple[BranchName, ...] = ()
    milliseconds: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class ResidentScan:
    """Every row in memory, against the weighted sum of all terms; `where` and `exclude` leave rows out.

    `rows` is how many rows there are, `matching` how many of them met `where`, `candidates` how many the rounding of
    the scan leaves in question. `missing` as in a union.
    """

    rows: int
    where: str | None = None
    exclude: str | None = None
    missing: tuple[BranchName, ...] = ()
    matching: int | None = None
    candidates: int | None = None
    milliseconds: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Filter:
    """Only candidates that satisfy an SQL condition."""

    source: Source
    where: str


@dataclass(frozen=True)
class Exclude:
    """All candidates but one image: the reference."""

    source: Source
    image_id: str


@dataclass(frozen=True)
class Rerank:
    """The exact score of each candidate: the weighted terms against the mix of the columns."""

    source: Source
    terms: tuple[Term, ...]
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class TopK:
    """The `k` best, equal scores by image_id; which `strategy` finds them and `why` (empty while none was chosen)."""

    source: Rerank
    k: int
    strategy: Strategy = "branches"
    why: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether no better row can have been missed."""
        return self.strategy in EXACT


@dataclass(frozen=True)
class Verify:
    """The second look: the `first` hits were shown to a verifier and take their ranks among themselves by its word.

    `weight` as in ComposedQuery. Of the hits `asked` went to the verifier, `kept` were known from the catalog, `failed`
    keep their rank; `moved` changed it.
    """

    source: TopK
    first: int
    verifier: str
    weight: float | None = None
    asked: int = 0
    kept: int = 0
    failed: int = 0
    moved: int = 0
    milliseconds: float | None = field(default=None, compare=False)


Source: TypeAlias = Filter | Exclude | Union | ResidentScan
Node: TypeAlias = Verify | TopK | Rerank | Source | VectorSearch
N = TypeVar("N", Filter, Exclude, Union, ResidentScan)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes that feed this one."""
    if isinstance(node, VectorSearch | ResidentScan):
        return ()
    return node.searches if isinstance(node, Union) else (node.source,)


def find_node(plan: TopK, kind: type[N]) -> N | None:
    """The first node of that kind between a plan's rerank and its searches, from the top."""
    node: Source = plan.source.source
    while not isinstance(node, kind):
        if isinstance(node, Union | ResidentScan):
            return None
        node = node.source
    return node


def union_of(plan: TopK) -> Union:
    """The one union of a plan that has one."""
    union = find_node(plan, Union)
    assert union is not None
    return union


def searches_of(plan: TopK) -> tuple[VectorSearch, ...]:
    """The vector searches of a plan, in order; a plan that scans the resident rows has none."""
    union = find_node(plan, Union)
    return union.searches if union else ()


def rewrite_source(plan: TopK, change: Callable[[Source], Source]) -> TopK:
    """The plan with `change` applied to every node between its rerank and its searches, the lowest first."""

    def rebuilt(node: Source) -> Source:
        return change(node if isinstance(node, Union | ResidentScan) else replace(node, source=rebuilt(node.source)))

    return replace(plan, source=replace(plan.source, source=rebuilt(plan.source.source)))


def with_searches(plan: TopK, searches: Iterable[VectorSearch]) -> TopK:
    """The plan with these searches in place of its own, if it has a union."""
    given = tuple(searches)
    return rewrite_source(plan, lambda node: replace(node, searches=given) if isinstance(node, Union) else node)


def format_plan(plan: Node, note: Callable[[Node], str] = lambda _: "") -> str:
    """The plan as an indented tree, one line per node, each with its `note`; without a line end."""
    return "\n".join(_lines(plan, note))


def _lines(node: Node, note: Callable[[Node], str], first: str = "", rest: str = "") -> Iterator[str]:
    yield first + _describe(node) + note(node)
    below = children(node)
    for position, child in enumerate(below, start=1):
        last = position == len(below)
        yield from _lines(child, note, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))


def _describe(node: Node) -> str:
    match node:
        case Verify():
            rule = "confidence" if node.weight is None else f"score + {node.weight:g}·confidence"
            counts = _counts(asked=node.asked, cached=node.kept, failed=node.failed, moved=node.moved)
            return f"Verify first={node.first:,} by {rule} of {node.verifier}{counts}"
        case TopK():
            return f"TopK k={node.k:,}" + (f" · {node.strategy}: {node.why}" if node.why else "")
        case Rerank():
            terms = _weighted_sum([(term.weight, term.name) for term in node.terms])
            columns = [(column.weight, _column(column.name, column.unit)) for column in node.columns]
            return f"Rerank ({terms}) · ({_weighted_sum(columns)})"
        case Filter():
            return f"Filter {_shortened(node.where)}"
        case Exclude():
            return f"Exclude image_id={node.image_id[:12]}…"
        case Union():
            return f"Union by image_id{_counts(rounds=node.rounds, candidates=node.candidates)}{_without(node.missing)}"
        case ResidentScan():
            counts = _counts(rows=node.rows, matching=node.matching, candidates=node.candidates)
            excluded = "" if node.exclude is None else f" excluding image_id={node.exclude[:12]}…"
            return f"ResidentScan{counts}{_where(node.where)}{excluded}{_without(node.missing)}"
        case VectorSearch():
            counts = _counts(rows=node.rows, partitions=node.partitions, limit=node.limit, fetched=node.fetched)
            return f"VectorSearch {node.branch} × {_column(node.column, node.unit)}{counts}{_where(node.where)}"


def _column(name: ColumnName, unit: bool) -> str:
    return f"unit({name})" if unit else name


def _counts(**counts: int | None) -> str:
    return "".join(f" {name}={value:,}" for name, value in counts.items() if value is not None)


def _without(missing: tuple[BranchName, ...]) -> str:
    return f" without {', '.join(missing)}" if missing else ""


def _where(where: str | None) -> str:
    return "" if where is None else f" where {_shortened(where)}"


def _shortened(where: str) -> str:
    """The condition with image_ids cut, and with a text that captions match as people write it."""
    said = r"captions_match\(('(?:[^']|'')*')\) /\* ([\d,]+) \*/"
    named = re.sub(said, r"captions match \1 (\2 images)", where)
    return re.sub(r"'([0-9a-f]{12})[0-9a-f]{52}'", r"'\1…'", named)


def _weighted_sum(parts: list[tuple[float, str]]) -> str:
    text = " ".join(f"{'-' if weight < 0 else '+'} {abs(weight):.4g}·{name}" for weight, name in parts)
    return text.removeprefix("+ ")
