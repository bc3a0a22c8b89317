"""Explain: how a search ran, and which branch put each hit where it is.

Takes a result, for `analyze_lines` also the pool of a wider search for the same query; returns text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cvsi_db.records import Branch, FloatArray
from cvsi_db.search.plan.nodes import Node, Rerank, ResidentScan, TopK, Union, VectorSearch, children, format_plan
from cvsi_db.search.present.labels import examples, ranked_by, reference_label
from cvsi_db.search.result import Hit, Pool, SearchResult

ANALYZED = 200
"""The best images that the branches' ranks are counted among: a search for this many costs little more than for ten."""


def explain_text(result: SearchResult, *, analyzed: bool = False) -> str:
    """How the search ran: what each branch embeds, the weights, the plan with its actual rows, the time per stage.

    When `analyzed`, each node of the plan tells what it was expected to give, and its time.
    """
    compiled, query = result.compiled, result.compiled.query
    halves = [reference_label(query.reference), None if query.edit_text is None else repr(query.edit_text)]
    halves += [f"{name} {', '.join(labels)}" for name, labels in examples(query).items()]
    ranked = f"{'' if query.rank is None else 'rank '}{ranked_by(compiled)}, γ {compiled.preset.gamma:g}"
    unit = ", captions at unit length" if compiled.preset.unit_captions else ""
    scaled = {
        None: "",
        "length": ", weights times the lengths of the embeddings",
        "spread": ", weights over the spreads",
    }
    unit += scaled[compiled.preset.scaled_by] if query.rank is None else ""
    lines = [f"{' + '.join(half for half in halves if half)}  ({ranked}{unit})"]
    lines += [f"model {compiled.model}", ""] if compiled.model else [""]
    why = {"pseudo_token": "this bundle has no phi", "edited_captions": "the reference image has no captions"}
    lines += [f"branch {missing} is missing: {why[missing]}" for missing in compiled.logical.missing]
    for branch in compiled.logical.branches:
        lines.append(f"branch {branch.name}")
        for term in branch.terms:
            lines.append(f"  {term.weight:+.4g} · {term.name}")
            texts: Sequence[str] = [term.text or "the reference image"]
            if term.name == "edited_captions":
                texts = compiled.rewrite.edited_captions if compiled.rewrite else []
            lines += [f"      {text}" for text in texts]
    lines += ["words", *(f"  {word}" for word in compiled.words)] if compiled.words else []
    lines += ["", analyzed_plan(result) if analyzed else format_plan(result.verified or result.plan), ""]
    lines.append("time  " + " · ".join(f"{lap} {spent:.1f} ms" for lap, spent in result.timings_ms.items()))
    lines += [f"warning: {warning}" for warning in result.warnings]
    return "\n".join(lines)


def analyzed_plan(result: SearchResult) -> str:
    """The executed plan; behind each node the rows that it was expected to give, those it gave, and its own time."""
    found = len(result.pool.ranking.image_ids) if result.pool else len(result)

    def note(node: Node) -> str:
        spent = result.timings_ms.get("rerank") if isinstance(node, Rerank) else getattr(node, "milliseconds", None)
        time = "" if spent is None else f", {spent:.1f} ms"
        return f"  [{expected_rows(node, result.plan.k):,} → {actual_rows(node, found):,} rows{time}]"

    return format_plan(result.verified or result.plan, note)


def expected_rows(node: Node, k: int) -> int:
    """The rows that a node is expected to give before anything has run: a search its limit, all else what feeds it.

    What a filter leaves is not counted, so this is the most.
    """
    match node:
        case VectorSearch():
            return min(node.limit or node.rows, node.rows)
        case ResidentScan():
            return min(k, node.rows)
        case Union():
            rows = [search.rows for search in node.searches]
            return min(sum(expected_rows(search, k) for search in node.searches), max(rows, default=0))
        case TopK():
            return min(node.k, expected_rows(node.source, k))
    return expected_rows(children(node)[0], k)


def actual_rows(node: Node, found: int) -> int:
    """The rows that a node gave; the root's are all that were `found`."""
    match node:
        case VectorSearch():
            return node.fetched or 0
        case ResidentScan() | Union():
            return node.candidates or 0
        case TopK():
            return found
    return actual_rows(children(node)[0], found)


def branch_parts(branches: Sequence[Branch], pool: Pool) -> FloatArray:
    """(images, branches) the part of each branch in the score of each image of the pool."""
    terms = [term.name for term in pool.ranking.terms]
    of = [[terms.index(term.name) for term in branch.terms] for branch in branches]
    return np.stack([pool.ranking.contributions[:, places].sum(axis=1) for places in of], axis=1)


def branch_ranks(parts: FloatArray) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """(images, branches) the rank of each image, from 1, by the part of one branch alone; equal parts share one."""
    return np.array([[1 + int((column > value).sum()) for value in column] for column in parts.T]).T


def analyze_lines(hits: Sequence[Hit], branches: Sequence[Branch], pool: Pool) -> Iterator[str]:
    """A line per branch: how many hits are among as many of its own best. Then a line per hit: its rank and score, and
    of each branch its part in the score and the hit's rank by it alone.

    Branches without any weight are left out. A star marks the branch (or branches) that ranks the hit highest.
    """
    weighed = [branch for branch in branches if any(term.weight for term in branch.terms)]
    parts = branch_parts(weighed, pool)
    ranks = branch_ranks(parts)
    places = {image_id: place for place, image_id in enumerate(pool.ranking.image_ids)}
    of_hits = ranks[[places[hit.image_id] for hit in hits]]
    for branch, own in zip(weighed, of_hits.T, strict=True):
        yield f"branch {branch.name}: {int((own <= len(hits)).sum())} of the {len(hits)} hits are among its own best"
    yield (
        f"hits, each branch's part in their score, and their rank by it alone among the {len(places):,} best images "
        "(* ranks the hit highest)"
    )
    yield "   #   score  " + "".join(f"{branch.name:<20}" for branch in weighed) + "path"
    for hit in hits:
        of, rank = parts[places[hit.image_id]], ranks[places[hit.image_id]]
        cells = [f"{part:+.3f} #{at}{'*' if at == rank.min() else ''}" for part, at in zip(of, rank, strict=True)]
        yield f"{hit.rank:>4}  {hit.score:.4f}  " + "".join(f"{cell:<20}" for cell in cells) + Path(hit.path).name
