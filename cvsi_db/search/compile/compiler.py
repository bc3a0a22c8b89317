"""The query compiler: a composed query in, its terms out as vectors; the only stage of a search that runs models.

At most one image forward and one text forward per query, whatever it asks for; a picture that the gallery holds needs
none, and captions and rewrites come from the catalog when they can, and are kept there. Knows nothing about plans or
scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from cvsi_db.errors import RewriteError
from cvsi_db.models.rewriters.choice import cache_name
from cvsi_db.query.checks import (
    Weights,
    check_query,
    check_weights,
    choose_weights,
    find_preset,
    missing_branches,
    possible_terms,
    reach,
)
from cvsi_db.query.where import check_where
from cvsi_db.records import (
    EXAMPLE_TERMS,
    Branch,
    BranchName,
    Column,
    CompiledQuery,
    ComposedQuery,
    LogicalQuery,
    Preset,
    Rewrite,
    Term,
    TermName,
)
from cvsi_db.search.compile.embed import Embedded, Parts, embed
from cvsi_db.search.compile.references import SeenImage, read_reference, recognised

if TYPE_CHECKING:
    from cvsi_db.search import SearchContext
    from cvsi_db.store.images import Store

BRANCHES: tuple[tuple[BranchName, tuple[TermName, ...]], ...] = (
    ("pseudo_token", ("pseudo_token",)),
    ("edited_captions", ("edited_captions", "edit_direction")),
    ("image_objects", ("image", "objects")),
    ("examples", EXAMPLE_TERMS),
)
"""The branches of CVSI, each with its terms, and one for what a query gives beside."""


TOGETHER = 64
"""Queries that share a forward: more would not fit into memory, with their pictures and a large text tower."""


def compile_query(query: ComposedQuery, context: SearchContext) -> CompiledQuery:
    """The logical query with its vectors, and the texts that went into it.

    Everything that can be wrong with the query's text is found before a model is touched. Raises QueryError, RankError
    or FilterError for a query that cannot be meant, RewriteError and ModelError from the models.
    """
    return compile_queries([query], context)[0]


def compile_queries(queries: Sequence[ComposedQuery], context: SearchContext) -> list[CompiledQuery]:
    """Each query as compile_query would compile it, with one image forward and one text forward for every TOGETHER.

    All texts are checked before a model is touched. Raises what compile_query raises, for the first that gives cause.
    """
    checked = [_check(query, context) for query in queries]
    return [
        compiled
        for start in range(0, len(queries), TOGETHER)
        for compiled in _compile(queries[start : start + TOGETHER], checked[start : start + TOGETHER], context)
    ]


@dataclass(frozen=True)
class _Checked:
    """What a query says besides pictures and texts, found sound."""

    preset: Preset
    weights: Weights
    condition: str | None
    warnings: list[str]


def _check(query: ComposedQuery, context: SearchContext) -> _Checked:
    check_query(query)
    preset = find_preset(query.preset or context.preset)
    weights, warnings = choose_weights(query, preset, possible_terms(query, context.phi is not None))
    return _Checked(preset, weights, _checked_filter(query.where, context), warnings)


def _compile(
    queries: Sequence[ComposedQuery], checked: Sequence[_Checked], context: SearchContext
) -> list[CompiledQuery]:
    shown = _shown(queries, context.store)
    parts = [_parts(query, pictures, context) for query, pictures in zip(queries, shown, strict=True)]
    embedded = embed(parts, context.encoder, context.phi)
    return [_compiled(*each, context) for each in zip(queries, checked, parts, embedded, strict=True)]


def _compiled(
    query: ComposedQuery, checked: _Checked, parts: Parts, embedded: dict[TermName, Embedded], context: SearchContext
) -> CompiledQuery:
    preset, condition = checked.preset, checked.condition
    reference_id = parts.reference.image_id if parts.reference else None
    return CompiledQuery(
        query=query,
        logical=LogicalQuery(
            branches=_branches(embedded, checked.weights),
            columns=(Column("image_vector", 1 - preset.gamma), Column("caption_vector", preset.gamma)),
            filter=_without_examples(condition, parts) if query.exclude_reference else condition,
            exclude=reference_id if query.exclude_reference else None,
            k=reach(query),
            missing=missing_branches(query, context.phi is not None),
            exact=query.exact,
        ),
        reference_id=reference_id,
        captions=parts.captions,
        rewrite=parts.rewrite,
        preset=preset,
        warnings=(
            *checked.warnings,
            *check_weights(checked.weights, tuple(embedded)),
            *_rewrite_warnings(parts.rewrite, query),
            *_caption_warnings(preset, context),
        ),
    )


def _shown(queries: Sequence[ComposedQuery], store: Store) -> list[dict[str, tuple[SeenImage, ...]]]:
    """The pictures of each query by what they are to it; every one is read, and decoded if need be, before a model
    runs."""
    read = [_read(query) for query in queries]
    found = iter(recognised([image for shown in read for images in shown.values() for image in images], store))
    return [{what: tuple(islice(found, len(images))) for what, images in shown.items()} for shown in read]


def _read(query: ComposedQuery) -> dict[str, tuple[SeenImage, ...]]:
    return {
        "reference": () if query.reference is None else (read_reference(query.reference),),
        "liked": tuple(read_reference(each, "the liked image") for each in query.liked),
        "unliked": tuple(read_reference(each, "the unliked image") for each in query.unliked),
    }


def _parts(query: ComposedQuery, shown: dict[str, tuple[SeenImage, ...]], context: SearchContext) -> Parts:
    """All that the query embeds."""
    reference = next(iter(shown["reference"]), None)
    captions = _captions(reference, context) if reference and query.edit_text is not None else ()
    rewrite = None if query.edit_text is None else _rewrite(captions, query.edit_text, context)
    negative = tuple(" ".join(text.split()) for text in query.negative)
    return Parts(reference, query.edit_text, captions, rewrite, shown["liked"], shown["unliked"], negative)


def _without_examples(condition: str | None, parts: Parts) -> str | None:
    """The condition, and none of the images that were given as examples: whoever gave them has them."""
    given = sorted({picture.image_id for picture in (*parts.liked, *parts.unliked)})
    if not given:
        return condition
    others = f"image_id NOT IN ({', '.join(repr(image_id) for image_id in given)})"
    return others if condition is None else f"({condition}) AND {others}"


def _checked_filter(where: str | None, context: SearchContext) -> str | None:
    if where is None:
        return None
    condition = check_where(where, context.store.columns)
    context.store.check_filter(condition)
    return condition


def _captions(reference: SeenImage, context: SearchContext) -> tuple[str, ...]:
    """The captions of the reference, from the catalog or else from the captioner."""
    name, image_id = context.captioner.name, reference.image_id
    known = context.catalog.captions([image_id], name)
    if image_id not in known:
        known = {image_id: tuple(context.captioner.caption([reference.picture.image], [image_id])[0])}
        context.catalog.keep_captions(name, known)
    return known[image_id]


def _rewrite(captions: Sequence[str], edit_text: str, context: SearchContext) -> Rewrite:
    """The captions after the edit, from the catalog or else from the rewriter; a lone edit text stands for itself.

    What a second rewriter said because the first gave no answer is not kept: next time the first is asked again.
    """
    text = " ".join(edit_text.split())
    if not captions:
        return Rewrite((text,), added_objects="", rewriter="none")
    name = cache_name(context.rewriter)
    known = context.catalog.rewrite(captions, text, name)
    if known is None:
        known = context.rewriter.rewrite(captions, text)
        if not known.edited_captions:
            who = context.rewriter.name
            raise RewriteError(f"the rewriter {who} gave no edited caption for {text!r}: try again or use another one")
        if known.rewriter == name:
            context.catalog.keep_rewrite(captions, text, name, known)
    return known


def _rewrite_warnings(rewrite: Rewrite | None, query: ComposedQuery) -> list[str]:
    if rewrite is None:
        return []
    stood_in = [f"the rewriter {rewrite.rewriter} stood in: {rewrite.note}"] if rewrite.note else []
    appended = (
        f"the rewriter {rewrite.rewriter} did not understand {query.edit_text!r} and appended it to the captions: "
        "put it in other words, or use --rewriter openai"
    )
    return [*stood_in, *([appended] if rewrite.fallback else [])]


def _caption_warnings(preset: Preset, context: SearchContext) -> list[str]:
    """Images without captions lack the γ share of their score, which those with captions have."""
    missing = context.store.count_uncaptioned() if preset.gamma else 0
    if not missing:
        return []
    have, them = ("1 image has", "it") if missing == 1 else (f"{missing:,} images have", "them")
    return [f"{have} no captions yet, which sets {them} back: run `cvsi-db caption`"]


def _branches(embedded: dict[TermName, Embedded], weights: Weights) -> tuple[Branch, ...]:
    def terms(names: Sequence[TermName]) -> tuple[Term, ...]:
        found = [(name, embedded[name]) for name in names if name in embedded]
        return tuple(Term(name, each.vector, float(weights.get(name, 0.0)), each.text) for name, each in found)

    return tuple(Branch(name, terms(names)) for name, names in BRANCHES if terms(names))
