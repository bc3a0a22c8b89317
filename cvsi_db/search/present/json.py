"""JSON: a search result as plain values, the shape that `cvsi-db search --format json` prints."""

from __future__ import annotations

from typing import Any

from cvsi_db.search.plan.nodes import Verify
from cvsi_db.search.present.labels import examples, reference_label
from cvsi_db.search.result import SearchResult


def to_json(result: SearchResult) -> dict[str, Any]:
    """The result as plain values: `query`, `plan`, `hits`, `timings_ms`, `warnings`."""
    compiled, plan = result.compiled, result.plan
    return {
        "query": {
            "model": compiled.model,
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
        },
        "plan": {
            "strategy": plan.strategy,
            "why": plan.why,
            "exact": plan.is_exact,
            "verify": _verify(result.verified),
        },
        "hits": [
            {
                "rank": hit.rank,
                "path": hit.path,
                "image_id": hit.image_id,
                "score": hit.score,
                "confidence": hit.confidence,
                "terms": {
                    name: {"similarity": term.similarity, "weight": term.weight, "contribution": term.contribution}
                    for name, term in hit.terms.items()
                },
            }
            for hit in result
        ],
        "timings_ms": {lap: round(milliseconds, 3) for lap, milliseconds in result.timings_ms.items()},
        "warnings": list(result.warnings),
    }


def _verify(node: Verify | None) -> dict[str, Any] | None:
    if node is None:
        return None
    counts = {"asked": node.asked, "cached": node.kept, "failed": node.failed, "moved": node.moved}
    return {"verifier": node.verifier, "first": node.first, **counts}
