"""The query compiler: composed queries in, their terms out as vectors; the only stage of a search that runs models.

Queries are compiled together, TOGETHER at a time: all uncaptioned references go to the captioner at once, the rewriter
is asked as often at once as it allows, and there is one image forward and one text forward, or one for every
WHILE_WAITING queries while a rewriter works elsewhere. An image that the gallery holds needs no forward; captions and
rewrites come from the catalog when they can, and are kept there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from cvsi_db.errors import CvsiError, RewriteError
from cvsi_db.models.rewriters import cache_name, concurrency_of, rewrite_many
from cvsi_db.query.options import check_query
from cvsi_db.query.weights import (
    check_weights,
    choose_weights,
    find_preset,
    missing_branches,
    possible_terms,
    scale_weights,
    usable_preset,
)
from cvsi_db.records import (
    EXAMPLE_TERMS,
    Branch,
    BranchName,
    CheckedQuery,
    Column,
    CompiledQuery,
    ComposedQuery,
    LogicalQuery,
    Picture,
    Preset,
    Rewrite,
    Term,
    TermName,
    Weights,
)
from cvsi_db.search.compile.embed import Embedded, Parts, cut_warnings, embed, word_lines
from cvsi_db.search.compile.references import SeenImage, read_reference, recognised
from cvsi_db.search.score_gap import CUT_WINDOW

if TYPE_CHECKING:
    from cvsi_db.search import SearchContext
    from cvsi_db.store.catalog import Catalog

BRANCHES: tuple[tuple[BranchName, tuple[TermName, ...]], ...] = (
    ("pseudo_token", ("pseudo_token",)),
    ("edited_captions", ("edited_captions", "edit_direction")),
    ("image_objects", ("image", "objects")),
    ("edit_text", ("edit_text",)),
    ("composed", ("composed",)),
    ("examples", EXAMPLE_TERMS),
)
"""The branches of CVSI, each with its terms, one each for the edit text as it was typed and for image and text embedded
together, and one for further examples."""

_REWRITTEN: tuple[TermName, ...] = ("edited_captions", "edit_direction", "pseudo_token", "objects")
"""The terms that a rewrite goes into."""

LENGTHY: tuple[TermName, ...] = ("image", "edit_text")
"""The terms that are one embedding each of what was given: their lengths can be compared."""

NO_SPREAD = 1e-5
"""Similarities that differ less are equal."""

GIVEN = "given"
"""Stands for the rewriter where the edited captions came with the query."""

TOGETHER = 64
"""Queries that share a forward: more would not fit into memory, with their images and a large text tower."""

WHILE_WAITING = 8
"""Queries that are embedded at a time while a rewriter elsewhere works on others."""


def compile_queries(queries: Sequence[ComposedQuery], context: SearchContext) -> list[CompiledQuery]:
    """Each query's logical form with its vectors, and the texts that went into it.

    Everything that can be wrong with a query's text is found before a model is touched. Raises QueryError, RankError
    or FilterError for a query that makes no sense, RewriteError and ModelError from the models; the error's `position`
    is that of the query that caused it.
    """
    columns = context.store.columns
    checked = []
    for position, query in enumerate(queries):
        with _caused_by(position):
            checked.append(check_query(query, columns))
            if checked[-1].where is not None:
                context.store.check_filter(checked[-1].where)
            if query.match is not None:
                checked[-1] = _matched(checked[-1], query.match, context)
    queries = [each.query for each in checked]
    weighed = []
    for position, each in enumerate(checked):
        with _caused_by(position):
            weighed.append(_weigh(each, context))
    parts: list[Parts] = []
    embedded: list[dict[TermName, Embedded]] = []
    for start in range(0, len(queries), TOGETHER):
        read = _parts(queries[start : start + TOGETHER], start, context)
        for place, of in enumerate(read, start):
            if of.reference and of.edit_text is not None and not of.captions:
                weighed[place] = _weigh(checked[place], context, captioned=False)
        wanted = [_wanted(of, weighed[start + at], context) for at, of in enumerate(read)]
        some, terms = _rewritten(wanted, start, context)
        parts += some
        embedded += terms
    compiled = []
    for position, of_query in enumerate(weighed):
        with _caused_by(position):
            compiled.append(_compiled(of_query, parts[position], embedded[position], context))
    return compiled


def _matched(checked: CheckedQuery, match: str, context: SearchContext) -> CheckedQuery:
    """The query with the images whose captions match as one more condition."""
    matching = context.store.match_condition(match)
    return replace(checked, where=matching if checked.where is None else f"({checked.where}) AND {matching}")


@dataclass(frozen=True)
class _Weighed:
    """A checked query with its preset, the weights that it asks for, and the warnings that come with them."""

    checked: CheckedQuery
    preset: Preset
    weights: Weights
    warnings: list[str]


def _weigh(checked: CheckedQuery, context: SearchContext, *, captioned: bool = True) -> _Weighed:
    """The weights of a query, before anything is embedded; of one whose reference is not `captioned`, once that is
    known."""
    query = checked.query
    composed = query.reference is not None and query.edit_text is not None
    has_phi = composed and context.models.phi is not None  # which may have to be loaded, or cannot
    composes = composed and hasattr(context.models.encoder, "encode_composed")
    preset, told = checked.preset or find_preset(context.preset), list[str]()
    if checked.rank is None:
        preset, told = usable_preset(query, preset, has_phi=has_phi, captioned=captioned, composes=composes)
    weights, warnings = choose_weights(query, checked.rank, preset, possible_terms(query, has_phi, composes))
    fair, missing = _fair_to_uncaptioned(preset, context)
    return _Weighed(checked, fair, weights, [*told, *warnings, *missing])


def _fair_to_uncaptioned(preset: Preset, context: SearchContext) -> tuple[Preset, list[str]]:
    """The preset, with γ = 0 while some image has no captions, and a warning that says so.

    Such an image would lack the γ share of its score. With a random half captioned that costs up to 15 points of
    mAP@10, and whatever stands in its place favours one half with some model or preset (docs/captions-later.md).
    """
    missing = context.store.count_uncaptioned() if preset.gamma else 0
    if not missing:
        return preset, []
    images, fair = context.resident.rows(context.store, context.store.version), replace(preset, gamma=0.0)
    if missing == images and context.models.captioner is None:
        return fair, []
    told = f"{missing:,} of {images:,} images have no captions yet"
    return fair, [
        f"{told}: until `cvsi-db caption` has written them, captions count for none (γ 0, not {preset.gamma:g})"
    ]


def _wanted(parts: Parts, weighed: _Weighed, context: SearchContext) -> Parts:
    """The parts of which all is computed but the edit text as it was typed, alone and with the reference, where neither
    a weight nor a pool asks for it, and what would stand for edited captions where there are none and nothing uses it.
    """
    if parts.reference is None or parts.edit_text is None:
        return parts
    pool = bool(weighed.checked.query.pool)
    together = hasattr(context.models.encoder, "encode_composed") and (pool or bool(weighed.weights.get("composed")))
    if together:
        _ = parts.reference.picture  # the embedding that the gallery holds is not enough: decoded before a model runs
    return replace(
        parts,
        as_typed=pool or bool(weighed.weights.get("edit_text")),
        together=together,
        to_rewrite=bool(parts.captions or context.models.phi or weighed.weights.get("edited_captions")),
    )


def _parts(queries: Sequence[ComposedQuery], start: int, context: SearchContext) -> list[Parts]:
    """What the queries embed, but for rewrites; every image is read, and decoded if need be, before a model runs."""
    read: list[SeenImage] = []
    for position, query in enumerate(queries, start):
        with _caused_by(position):
            read += [] if query.reference is None else [read_reference(query.reference)]
            read += [read_reference(each, "the liked image") for each in query.liked]
            read += [read_reference(each, "the unliked image") for each in query.unliked]
    found = iter(recognised(read, context.store))
    shown = []
    for position, query in enumerate(queries, start):
        reference = None if query.reference is None else next(found)
        liked, unliked = tuple(islice(found, len(query.liked))), tuple(islice(found, len(query.unliked)))
        with _caused_by(position):
            for image in (*([reference] if reference else []), *liked, *unliked):
                if image.embedding is None:
                    _ = image.picture  # decoded now, before a model runs
        shown.append((reference, liked, unliked))
    edited = [image for query, (image, *_) in zip(queries, shown, strict=True) if image and query.edit_text is not None]
    captions = _captions(edited, context)
    return [
        Parts(
            reference=reference,
            edit_text=query.edit_text,
            captions=captions.get(reference.image_id, ()) if reference and query.edit_text is not None else (),
            rewrite=Rewrite(_lines(query.edited_captions), " ".join((query.added_objects or "").split()), GIVEN)
            if query.edited_captions
            else None,
            liked=liked,
            unliked=unliked,
            negative=_lines(query.negative),
        )
        for query, (reference, liked, unliked) in zip(queries, shown, strict=True)
    ]


def _lines(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(" ".join(text.split()) for text in texts)


def _captions(images: Sequence[SeenImage], context: SearchContext) -> dict[str, tuple[str, ...]]:
    """The captions of the images by image_id, from the catalog or else from the captioner, asked once for all.

    Without a captioner an image has those that were imported, if any.
    """
    if not images:
        return {}
    captioner = context.models.captioner
    known = context.catalog.captions([image.image_id for image in images], captioner.name if captioner else "")
    wanted = {image.image_id: image for image in images if image.image_id not in known}
    if wanted and captioner:
        written = captioner.caption([image.picture.image for image in wanted.values()], list(wanted))
        new = dict(zip(wanted, map(tuple, written), strict=True))
        context.catalog.keep_captions(captioner.name, new)
        known = {**known, **new}
    return known


def _rewritten(
    parts: Sequence[Parts], start: int, context: SearchContext
) -> tuple[list[Parts], list[dict[TermName, Embedded]]]:
    """The parts with the rewrites of their edits, from the catalog or else from the rewriter, and all their terms.

    A lone edit text stands for itself. What a second rewriter said because the first gave no answer is not kept: next
    time the first is asked again. While a rewriter that takes several requests at once is working on some, what it has
    answered is embedded, WHILE_WAITING queries at a time.
    """
    rewriter = context.rewriter
    name, at_once = cache_name(rewriter), WHILE_WAITING if concurrency_of(rewriter) > 1 else len(parts)
    whole, waiting = _known_rewrites(parts, name, context.catalog)
    embedded = [dict[TermName, Embedded]()] * len(parts)
    ready = sorted({*range(len(parts))}.difference(*waiting.values()))
    requests = list(waiting)

    def embed_ready() -> None:
        for place, terms in zip(ready, embed([whole[at] for at in ready], *models), strict=True):
            embedded[place] = terms
        ready.clear()

    def take(index: int, rewrite: Rewrite) -> None:
        if rewrite.rewriter == name:
            context.catalog.keep_rewrite(*requests[index], name, rewrite)
        for place in waiting[requests[index]]:
            whole[place] = replace(parts[place], rewrite=rewrite)
            ready.append(place)
        if len(ready) >= at_once:
            embed_ready()

    composed = any(each.reference is not None and each.edit_text is not None for each in parts)
    models = (context.models.encoder, context.models.phi if composed else None)
    if requests:
        try:
            rewrite_many(rewriter, requests, on_answer=take)
        except RewriteError as error:
            error.position = start + waiting[requests[error.position or 0]][0]
            raise
    if ready:
        embed_ready()
    return whole, embedded


def _known_rewrites(
    parts: Sequence[Parts], name: str, catalog: Catalog
) -> tuple[list[Parts], dict[tuple[tuple[str, ...], str], list[int]]]:
    """The parts with the rewrites that need no rewriter; the requests that do, with the places of their parts."""
    whole = list(parts)
    waiting: dict[tuple[tuple[str, ...], str], list[int]] = {}
    for place, each in enumerate(parts):
        if each.edit_text is None or not each.to_rewrite or each.rewrite:
            continue
        edit = " ".join(each.edit_text.split())
        known = catalog.rewrite(each.captions, edit, name) if each.captions else Rewrite((edit,), "", "none")
        whole[place] = replace(each, rewrite=known)
        if known is None:
            waiting.setdefault((each.captions, edit), []).append(place)
    return whole, waiting


def _compiled(
    weighed: _Weighed, parts: Parts, embedded: dict[TermName, Embedded], context: SearchContext
) -> CompiledQuery:
    query, where, preset, weights = weighed.checked.query, weighed.checked.where, weighed.preset, weighed.weights
    if weighed.checked.rank is None and query.reference is not None and query.edit_text is not None:
        weights = _scaled(weights, preset, embedded, context)
    used = [name for name, weight in weights.items() if weight]
    uses_rewrite = bool(set(_REWRITTEN) & set(used))
    captioned = bool(parts.captions or parts.reference is None or parts.edit_text is None)
    examples = sorted({image.image_id for image in (*parts.liked, *parts.unliked)})
    if examples and query.exclude_reference:
        others = f"image_id NOT IN ({', '.join(map(repr, examples))})"
        where = others if where is None else f"({where}) AND {others}"
    reference_id = parts.reference.image_id if parts.reference else None
    branches = []
    for branch, names in BRANCHES:
        terms = tuple(
            Term(name, embedded[name].vector, float(weights.get(name, 0.0)), embedded[name].text)
            for name in names
            if name in embedded
        )
        branches += [Branch(branch, terms)] if terms else []
    return CompiledQuery(
        query=query,
        logical=LogicalQuery(
            branches=tuple(branches),
            columns=(
                Column("image_vector", 1 - preset.gamma),
                Column("caption_vector", preset.gamma, unit=preset.unit_captions),
            ),
            where=where,
            exclude=reference_id if query.exclude_reference else None,
            k=max(query.offset + query.k, query.pool, query.verify, CUT_WINDOW if query.auto_cut else 0),
            missing=missing_branches(query, [branch.name for branch in branches]),
            exact=query.exact,
        ),
        reference_id=reference_id,
        captions=parts.captions,
        rewrite=parts.rewrite,
        preset=preset,
        model=context.model,
        words=word_lines(parts, context.models.encoder, "word_readings"),
        picture=_shown(parts.reference) if query.verify and parts.reference else None,
        warnings=(
            *weighed.warnings,
            *check_weights(weights, tuple(embedded), captioned=captioned),
            *cut_warnings(parts, embedded, weights, context.models.encoder),
            *_warnings(parts if uses_rewrite else replace(parts, rewrite=None), context),
            *([] if uses_rewrite or not query.edited_captions else ["the given edited captions have no weight here"]),
        ),
    )


def _shown(image: SeenImage) -> Callable[[], Picture]:
    return lambda: image.picture


def _scaled(weights: Weights, preset: Preset, embedded: dict[TermName, Embedded], context: SearchContext) -> Weights:
    """The weights of a query, multiplied by what its preset says."""
    factors: dict[TermName, float] = {}
    if preset.scaled_by == "length":
        factors = {name: embedded[name].length or 0.0 for name in LENGTHY if name in embedded}
    elif preset.scaled_by == "spread":
        sample = context.store.sample()
        used = [name for name, weight in preset.weights.items() if weight and name in embedded and len(sample)]
        spreads = {name: float((sample @ embedded[name].vector).std()) for name in used}
        if all(spread > NO_SPREAD for spread in spreads.values()):  # one image, or copies of one, have none
            factors = {name: 1 / spread for name, spread in spreads.items()}
    return scale_weights(weights, factors)


def _warnings(parts: Parts, context: SearchContext) -> Iterator[str]:
    """What made the texts of this answer less than was asked for."""
    rewrite = parts.rewrite
    yield from word_lines(parts, context.models.encoder, "word_warnings")
    if rewrite and rewrite.note:
        yield f"the rewriter {rewrite.rewriter} stood in: {rewrite.note}"
    if rewrite and rewrite.fallback:
        yield (
            f"the rewriter {rewrite.rewriter} did not understand {parts.edit_text!r} and appended it to the captions: "
            "put it in other words, or use --rewriter openai"
        )


@contextmanager
def _caused_by(position: int) -> Iterator[None]:
    """Note on an error which of several queries caused it."""
    try:
        yield
    except CvsiError as error:
        error.position = position
        raise
