"""Labels: what to call the parts of a query where a result is shown."""

from __future__ import annotations

from pathlib import Path

from cvsi_db.records import CompiledQuery, ComposedQuery, Reference, StoredImage


def reference_label(reference: Reference | None) -> str | None:
    """What to call a reference: its path, or what kind of thing it is."""
    if reference is None or isinstance(reference, str | Path | StoredImage):
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


def ranked_by(compiled: CompiledQuery) -> str:
    """The rank that a query gives, else the name of its preset."""
    rank = compiled.query.rank
    if rank is None:
        return f"preset {compiled.preset.name}"
    if isinstance(rank, str):
        return rank
    return " + ".join(f"{weight:g}*{name}" for name, weight in rank.items()).replace("+ -", "- ")
