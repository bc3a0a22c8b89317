"""The query compiler: a composed query in, its terms out as vectors; the only stage of a search that runs models.

At most one image forward and one text forward per query, whatever it asks for; captions and rewrites come from the
catalog when they can, and are kept there. Knows nothing about plans or scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.errors import ImageError, QueryError, RewriteError
from cvsi_db.models.rewriter import cache_name
from cvsi_db.records import (
    Branch,
    BranchName,
    Column,
    CompiledQuery,
    ComposedQuery,
    FloatArray,
    LogicalQuery,
    Picture,
    Preset,
    PseudoText,
    Reference,
    Rewrite,
    Term,
    TermName,
)
from cvsi_db.search.query import (
    Weights,
    check_query,
    check_weights,
    choose_weights,
    find_preset,
    missing_branches,
    possible_terms,
    tidy,
)
from cvsi_db.search.sql import check_where
from cvsi_db.vectors import normalise

if TYPE_CHECKING:
    from cvsi_db.search import SearchContext

BRANCHES: tuple[tuple[BranchName, tuple[TermName, ...]], ...] = (
    ("pseudo_token", ("pseudo_token",)),
    ("edited_captions", ("edited_captions", "edit_direction")),
    ("image_objects", ("image", "objects")),
)
"""The branches of CVSI, each with its terms."""


NO_DIRECTION = 1e-4
"""Means of unit vectors that lie closer than this differ by rounding alone."""


@dataclass(frozen=True)
class _Embedded:
    """A query vector (dim,) before it has a weight, and the text it came from."""

    vector: FloatArray = field(repr=False)
    text: str | None = None


def compile_query(query: ComposedQuery, context: SearchContext) -> CompiledQuery:
    """The logical query with its vectors, and the texts that went into it.

    Everything that can be wrong with the query's text is found before a model is touched. Raises QueryError, RankError
    or FilterError for a query that cannot be meant, RewriteError and ModelError from the models.
    """
    check_query(query)
    preset = find_preset(query.preset or context.preset)
    weights, warnings = choose_weights(query, preset, possible_terms(query, context.phi is not None))
    condition = _checked_filter(query.where, context)
    picture = None if query.reference is None else read_reference(query.reference)
    captions = _captions(picture, context) if picture and query.edit_text is not None else ()
    rewrite = None if query.edit_text is None else _rewrite(captions, query.edit_text, context)
    embedded = _embed(picture, query.edit_text, captions, rewrite, context)
    reference_id = picture.image_id if picture else None
    return CompiledQuery(
        query=query,
        logical=LogicalQuery(
            branches=_branches(embedded, weights),
            columns=(Column("image_vector", 1 - preset.gamma), Column("caption_vector", preset.gamma)),
            filter=condition,
            exclude=reference_id if query.exclude_reference else None,
            k=query.k,
            missing=missing_branches(query, context.phi is not None),
        ),
        reference_id=reference_id,
        captions=captions,
        rewrite=rewrite,
        preset=preset,
        warnings=(
            *warnings,
            *check_weights(weights, tuple(embedded)),
            *_rewrite_warnings(rewrite, query),
            *_caption_warnings(preset, context),
        ),
    )


def read_reference(reference: Reference) -> Picture:
    """The decoded reference image. Raises QueryError when it is missing or no image."""
    from PIL.Image import Image

    from cvsi_db.ingest.decode import picture_of, read_picture

    if isinstance(reference, Image):
        return picture_of(reference)
    if not isinstance(reference, str | Path | bytes):
        kind = type(reference).__name__
        raise QueryError(f"the reference image is a {kind}: give a path, the bytes of an image file, or a PIL image")
    try:
        return read_picture(reference if isinstance(reference, bytes) else Path(reference))
    except ImageError as error:
        raise QueryError(f"the reference image is no use: {error}") from error


def pseudo_sentence(edit_text: str, added_objects: str) -> str:
    """The sentence whose `$` becomes the pseudo-token (CVSI, the visual branch)."""
    added = tidy(added_objects)
    addition = f" And the photo should have {added}." if added else ""
    return f"a photo of $ that {tidy(edit_text)}.{addition}"


def edit_direction(edited: FloatArray, captions: FloatArray) -> FloatArray | None:
    """(dim,) the unit vector from the captions' mean (dim,) to that of the edited captions; None where they are one.

    The edit alone, free of what the captions say or get wrong about the reference. At length 1 it weighs alike
    whatever the rewriter changed: a rewrite that leaves nothing of a caption cannot outweigh the other terms.
    """
    difference = edited - captions
    length = float(np.linalg.norm(difference))
    return None if length < NO_DIRECTION else np.asarray(difference / length, dtype=np.float32)


def _checked_filter(where: str | None, context: SearchContext) -> str | None:
    if where is None:
        return None
    condition = check_where(where, context.store.columns)
    context.store.check_filter(condition)
    return condition


def _captions(picture: Picture, context: SearchContext) -> tuple[str, ...]:
    """The captions of the reference, from the catalog or else from the captioner."""
    name, image_id = context.captioner.name, picture.image_id
    known = context.catalog.captions([image_id], name)
    if image_id not in known:
        known = {image_id: tuple(context.captioner.caption([picture.image], [image_id])[0])}
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


def _embed(
    picture: Picture | None,
    edit_text: str | None,
    captions: Sequence[str],
    rewrite: Rewrite | None,
    context: SearchContext,
) -> dict[TermName, _Embedded]:
    """Every term the query has, whatever its weight: one image forward, one text forward."""
    image = None if picture is None else context.encoder.encode_images([picture.image])[0]
    terms: dict[TermName, _Embedded] = {}
    if rewrite is not None:
        pseudo = None if image is None else _pseudo_text(image, edit_text or "", rewrite, context)
        terms.update(_embed_texts(captions, rewrite, pseudo, context))
    if image is not None:
        terms["image"] = _Embedded(normalise(image[None], 1)[0])
    return terms


def _pseudo_text(image: FloatArray, edit_text: str, rewrite: Rewrite, context: SearchContext) -> PseudoText | None:
    if context.phi is None:
        return None
    return PseudoText(pseudo_sentence(edit_text, rewrite.added_objects), context.phi(image[None])[0])


def _embed_texts(
    captions: Sequence[str], rewrite: Rewrite, pseudo: PseudoText | None, context: SearchContext
) -> dict[TermName, _Embedded]:
    edited, objects = rewrite.edited_captions, rewrite.added_objects
    texts: list[str | PseudoText] = [*edited, *captions, *([pseudo] if pseudo else []), *([objects] if objects else [])]
    rows = iter(normalise(context.encoder.encode_texts(texts), len(texts)))
    after, before = list(islice(rows, len(edited))), list(islice(rows, len(captions)))
    # The mean of unit vectors is not normalised again: its length says how far the edited captions agree.
    mean = np.asarray(np.mean(after, axis=0), dtype=np.float32)
    terms: dict[TermName, _Embedded] = {"edited_captions": _Embedded(mean, " | ".join(edited))}
    direction = edit_direction(mean, np.mean(before, axis=0)) if before else None
    if direction is not None:
        terms["edit_direction"] = _Embedded(direction, "from the captions to the edited captions")
    if pseudo:
        terms["pseudo_token"] = _Embedded(next(rows), pseudo.text)
    if objects:
        terms["objects"] = _Embedded(next(rows), objects)
    return terms


def _branches(embedded: dict[TermName, _Embedded], weights: Weights) -> tuple[Branch, ...]:
    def terms(names: Sequence[TermName]) -> tuple[Term, ...]:
        found = [(name, embedded[name]) for name in names if name in embedded]
        return tuple(Term(name, each.vector, float(weights.get(name, 0.0)), each.text) for name, each in found)

    return tuple(Branch(name, terms(names)) for name, names in BRANCHES if terms(names))
