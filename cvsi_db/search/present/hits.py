"""The presenter: a ranking becomes hits with their metadata; a result becomes JSON or an explanation.

Only what the search ranked is looked up by name. Knows nothing about how it was found; the HTML page is in page.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cvsi_db.records import (
    CompiledQuery,
    ComposedQuery,
    FloatArray,
    Hit,
    Pool,
    Reference,
    SearchResult,
    TermName,
    TermScore,
)
from cvsi_db.search.plan.nodes import TopK, format_plan
from cvsi_db.search.present.explain import analyzed_plan
from cvsi_db.search.present.score_gap import clear_gap

if TYPE_CHECKING:
    from cvsi_db.search.run.rerank import Ranking
    from cvsi_db.store.images import Store

METADATA = ("path", "folder", "name", "width", "height", "captions")
"""The columns a hit carries."""


def present(ranking: Ranking, store: Store, compiled: CompiledQuery) -> tuple[list[Hit], Pool]:
    """The hits of a ranking, with their metadata, and all it ranks, to be reranked.

    The ranking begins at the very best image: `offset` and the cut-offs take theirs away here. Raises GalleryError
    when an image was removed in the meantime.
    """
    metadata = store.take(ranking.image_ids, METADATA).to_pylist() if ranking.image_ids else []
    pool = Pool(ranking, tuple(metadata), whole=len(ranking.image_ids) < compiled.logical.k)
    return hits_of(pool, compiled.query), pool


def hits_of(pool: Pool, query: ComposedQuery) -> list[Hit]:
    """What the query shows of a pool: from its offset, at most k, and none below a cut."""
    return [_hit(pool, position) for position in range(query.offset, _end(pool.ranking.scores, query))]


def _end(scores: FloatArray, query: ComposedQuery) -> int:
    """The position after the last one that the query shows."""
    ends = [len(scores), query.offset + query.k]
    if query.min_score is not None:
        ends.append(int((scores >= query.min_score).sum()))
    if query.auto_cut:
        ends.append(clear_gap(scores.tolist()) or len(scores))
    return min(ends)


def _hit(pool: Pool, position: int) -> Hit:
    ranking, metadata = pool.ranking, pool.metadata[position]
    return Hit(
        rank=position + 1,
        path=metadata["path"],
        image_id=ranking.image_ids[position],
        score=float(ranking.scores[position]),
        terms=_term_scores(ranking, position),
        metadata=metadata,
    )


def to_json(result: SearchResult) -> dict[str, Any]:
    """The result as plain values: `query`, `plan`, `hits`, `timings_ms`, `warnings`."""
    plan = cast(TopK, result.plan)
    return {
        "query": _query_json(result),
        "plan": {"strategy": plan.strategy, "why": plan.why, "exact": plan.is_exact},
        "hits": [_hit_json(hit) for hit in result],
        "timings_ms": {lap: round(milliseconds, 3) for lap, milliseconds in result.timings_ms.items()},
        "warnings": list(result.warnings),
    }


def explain_text(result: SearchResult, *, analyzed: bool = False) -> str:
    """How the search ran: what each branch embeds, the weights, the plan with its actual rows, the time per stage.

    When `analyzed`, each node of the plan tells what it was expected to give, and its time.
    """
    plan = analyzed_plan(result) if analyzed else format_plan(cast(TopK, result.plan))
    lines = [_headline(result), "", *_branch_lines(result), "", plan, ""]
    lines.append(_timings_line(result))
    lines += [f"warning: {warning}" for warning in result.warnings]
    return "\n".join(lines)


def reference_label(reference: Reference | None) -> str | None:
    """What to call a reference: its path, or what kind of thing it is."""
    if reference is None or isinstance(reference, str | Path):
        return None if reference is None else str(reference)
    return f"<{len(reference):,} bytes>" if isinstance(reference, bytes) else "<image>"


def examples(query: ComposedQuery) -> dict[str, list[str]]:
    """What to call the further examples that a query gives, by the name of their term."""
    given = {
        "liked": [reference_label(each) or "" for each in query.liked],
        "unliked": [reference_label(each) or "" for each in query.unliked],
        "negative": list(query.negative),
    }
    return {name: labels for name, labels in given.items() if labels}


def _term_scores(ranking: Ranking, position: int) -> dict[TermName, TermScore]:
    return {
        term.name: TermScore(
            similarity=float(ranking.similarities[position, column]),
            weight=term.weight,
            contribution=float(ranking.contributions[position, column]),
        )
        for column, term in enumerate(ranking.terms)
    }


def _query_json(result: SearchResult) -> dict[str, Any]:
    compiled = result.compiled
    return {
        "reference": reference_label(compiled.query.reference),
        "edit_text": compiled.query.edit_text,
        "captions": list(compiled.captions),
        "edited_captions": list(compiled.rewrite.edited_captions) if compiled.rewrite else [],
        "added_objects": compiled.rewrite.added_objects if compiled.rewrite else "",
        "rewriter": compiled.rewrite.rewriter if compiled.rewrite else None,
        "preset": compiled.preset.name,
        "weights": {term.name: term.weight for term in compiled.logical.terms},
        "gamma": compiled.preset.gamma,
        **examples(compiled.query),
    }


def _hit_json(hit: Hit) -> dict[str, Any]:
    terms = {
        name: {"similarity": score.similarity, "weight": score.weight, "contribution": score.contribution}
        for name, score in hit.terms.items()
    }
    return {"rank": hit.rank, "path": hit.path, "image_id": hit.image_id, "score": hit.score, "terms": terms}


def _headline(result: SearchResult) -> str:
    query = result.compiled.query
    halves = [reference_label(query.reference), None if query.edit_text is None else repr(query.edit_text)]
    halves += [f"{name} {', '.join(labels)}" for name, labels in examples(query).items()]
    ranked = f"rank {query.rank}" if query.rank is not None else f"preset {result.compiled.preset.name}"
    return f"{' + '.join(half for half in halves if half)}  ({ranked}, γ {result.compiled.preset.gamma:g})"


def _branch_lines(result: SearchResult) -> Iterator[str]:
    for missing in result.compiled.logical.missing:
        yield f"branch {missing} is missing: this bundle has no phi"
    for branch in result.compiled.logical.branches:
        yield f"branch {branch.name}"
        for term in branch.terms:
            yield f"  {term.weight:+.4g} · {term.name}"
            texts = _edited_captions(result) if term.name == "edited_captions" else [term.text or "the reference image"]
            yield from (f"      {text}" for text in texts)


def _edited_captions(result: SearchResult) -> list[str]:
    rewrite = result.compiled.rewrite
    return list(rewrite.edited_captions) if rewrite else []


def _timings_line(result: SearchResult) -> str:
    return "time  " + " · ".join(f"{lap} {milliseconds:.1f} ms" for lap, milliseconds in result.timings_ms.items())
