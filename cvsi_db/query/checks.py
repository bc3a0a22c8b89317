"""What may be asked: the presets, the checks of a composed query, and the weights its terms get.

Takes a ComposedQuery as a person wrote it; returns weights, or raises an error that names the remedy. Knows nothing
about models, pictures or storage.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from cvsi_db.errors import QueryError, RankError
from cvsi_db.query.where import parse_rank
from cvsi_db.records import EXAMPLE_TERMS, METHOD_TERMS, BranchName, ComposedQuery, Preset, TermName
from cvsi_db.search.present.score_gap import CUT_WINDOW

Weights = Mapping[TermName, float]


def _preset(name: str, edited: float, pseudo: float, image: float, *, direction: float = 0.0, gamma: float) -> Preset:
    weights: dict[TermName, float] = {
        "edited_captions": edited,
        "edit_direction": direction,
        "pseudo_token": pseudo,
        "image": image,
        "objects": 0.0,
    }
    return Preset(name, MappingProxyType(weights), gamma)


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            _preset("default", 0.15, 0.15, 0.4, direction=0.3, gamma=0.1),
            _preset("cirr", 0.6, 0.4, 0.0, gamma=0.2),
            _preset("circo", 0.6, 0.4, 0.0, gamma=0.2),
            _preset("fashioniq", 0.2, 0.6, 0.2, gamma=0.1),
        )
    }
)
"""The named weights. `cirr`, `circo` and `fashioniq` are those of CVSI (Ye et al., ICDM 2025, arXiv 2601.14060);
`default` was tuned on the val split of Scenes-CIR with the starter (docs/scenes-cir.md)."""

EXAMPLE_WEIGHTS: Weights = MappingProxyType({"liked": 0.3, "unliked": -0.2, "negative": -0.5})
"""What further examples weigh, beside other weights that sum to 1, unless a rank says otherwise.

Chosen on the sample gallery with the starter. `unliked`: a wrong image among the first five falls from rank 3.2 to 5.9,
and 92 % of the queries keep a right one first (85 % at -0.3). `negative`: of 88 texts "a cat" without "a top hat", the
unwanted among the first five fall from 0.69 to 0.22, and 4.15 of the five still show the subject (4.35 before).
`liked`: the other right images rank as high as before beside reference and edit text (1.1), and rise from rank 7.1 to
2.3 beside an edit text alone.
"""

HUGE = 1e30
"""More than any score."""

_ONLY_TEXT: Weights = MappingProxyType({"edited_captions": 1.0})
_ONLY_IMAGE: Weights = MappingProxyType({"image": 1.0})
_MISSING: Mapping[TermName, str] = MappingProxyType(
    {"objects": "the edit text adds no objects", "edit_direction": "the edit changes nothing in the captions"}
)
_TO_HAVE: Mapping[TermName, str] = MappingProxyType(
    {"liked": "pictures to be near", "unliked": "pictures to keep away from", "negative": "texts of what to avoid"}
)
_TO_HAVE_PHI = "name a checkpoint as `phi` in a bundle file, or make one with `cvsi-db train phi`"
_COUNTS = (
    ("k", 1, "ask for at least 1 hit"),
    ("offset", 0, "skip 0 hits or more"),
    ("pool", 0, "keep 0 images or more"),
)
_PUNCTUATION = " \t\n.,;:!?"


def find_preset(name: str) -> Preset:
    """The preset of that name. Raises RankError naming the known ones."""
    if name not in PRESETS:
        raise RankError(f"unknown preset {name!r}: choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def check_query(query: ComposedQuery) -> None:
    """What can be told wrong from the query alone.

    Raises QueryError unless there is a k of at least 1, no number below what it counts, and a reference image, an
    edit text that says something, or a liked image; RankError for an unknown preset or a rank that does not parse.
    """
    _check_numbers(query)
    if query.reference is None and query.edit_text is None and not query.liked:
        only = "an unliked image or a negative text only keeps away: " if query.unliked or query.negative else ""
        raise QueryError(f"nothing to search for: {only}give a reference image, an edit text, or both")
    if query.edit_text is not None and not query.edit_text.strip(_PUNCTUATION):
        remedy = "leave it out to search by the reference image alone" if query.reference is not None else "describe it"
        raise QueryError(f"the edit text {query.edit_text!r} says nothing: {remedy}")
    for text in query.negative:
        if not text.strip(_PUNCTUATION):
            raise QueryError(f"the negative text {text!r} says nothing: leave it out")
    if query.preset is not None:
        find_preset(query.preset)
    if query.rank is not None:
        parse_rank(query.rank)


def reach(query: ComposedQuery) -> int:
    """How many of the best images a search must find: those it skips, shows, keeps and judges."""
    return max(query.offset + query.k, query.pool, CUT_WINDOW if query.auto_cut else 0)


def tidy(text: str) -> str:
    """The text on one line, without the punctuation at its end, so that it may be continued."""
    return " ".join(text.split()).rstrip(_PUNCTUATION)


def possible_terms(query: ComposedQuery, has_phi: bool) -> tuple[TermName, ...]:
    """The terms this kind of query can have; `objects` is among them even when the edit then adds none."""
    return (*_method_terms(query, has_phi), *_example_terms(query))


def _method_terms(query: ComposedQuery, has_phi: bool) -> tuple[TermName, ...]:
    if query.reference is None:
        return () if query.edit_text is None else ("edited_captions",)
    if query.edit_text is None:
        return ("image",)
    return tuple(name for name in METHOD_TERMS if has_phi or name != "pseudo_token")


def _example_terms(query: ComposedQuery) -> tuple[TermName, ...]:
    given = {"liked": query.liked, "unliked": query.unliked, "negative": query.negative}
    return tuple(name for name in EXAMPLE_TERMS if given[name])


def missing_branches(query: ComposedQuery, has_phi: bool) -> tuple[BranchName, ...]:
    """The branches this kind of query can have, but not with this bundle."""
    return ("pseudo_token",) if not has_phi and "pseudo_token" in possible_terms(query, True) else ()


def choose_weights(query: ComposedQuery, preset: Preset, possible: Collection[TermName]) -> tuple[Weights, list[str]]:
    """The weight of each term of the query, and the warnings that come with it; terms not named weigh 0.

    A rank expression replaces all other weights. A lone half of a query is one term of weight 1. Without phi the
    other weights are scaled up to the preset's sum, unless the query is strict. Examples come on top, with
    EXAMPLE_WEIGHTS; where a liked image is all there is to search for, it weighs 1. Raises RankError when `rank` is
    not linear or names a term the query cannot have, and for a strict query whose preset does.
    """
    if query.rank is not None:
        weights = _check_named(parse_rank(query.rank), possible, query.rank)
        ignored = [name for name in _example_terms(query) if not weights.get(name)]
        return weights, [f"the rank gives {name} no weight: it has no part in the order" for name in ignored]
    weights, warnings = _method_weights(query, preset, possible)
    examples = {name: EXAMPLE_WEIGHTS[name] for name in _example_terms(query)}
    if not weights:
        examples["liked"] = 1.0
    return {**weights, **examples}, warnings


def _method_weights(query: ComposedQuery, preset: Preset, possible: Collection[TermName]) -> tuple[Weights, list[str]]:
    if query.reference is None:
        return {} if query.edit_text is None else _ONLY_TEXT, []
    if query.edit_text is None:
        return _ONLY_IMAGE, []
    if "pseudo_token" in possible or not preset.weights["pseudo_token"]:
        return preset.weights, []
    if query.strict:
        raise RankError(
            f"the preset {preset.name} gives pseudo_token a weight, but this bundle has no phi: {_TO_HAVE_PHI}, "
            "or do without --strict"
        )
    return _without_pseudo_token(preset)


def check_weights(weights: Weights, available: Collection[TermName]) -> list[str]:
    """Warnings about weights whose term the query turned out not to have.

    Raises RankError when no term that it does have carries any weight.
    """
    if not any(weights.get(name) for name in available):
        raise RankError(
            f"every weight of this query is 0: give one of {', '.join(available)} a weight, "
            f'as in --rank "1*{next(iter(available))}"'
        )
    missing = [name for name, weight in weights.items() if weight and name not in available]
    return [f"{_MISSING.get(name, 'it is not there')}: the term {name} was left out" for name in missing]


def _check_named(weights: Weights, possible: Collection[TermName], rank: str) -> Weights:
    for name, weight in weights.items():
        if weight and name not in possible:
            raise RankError(
                f"the rank {rank!r} names {name}, which this query does not have: it has {', '.join(possible)}"
                f"{_reason(name)}"
            )
    return weights


def _check_numbers(query: ComposedQuery) -> None:
    for name, fewest, remedy in _COUNTS:
        number = getattr(query, name)
        if isinstance(number, bool) or not isinstance(number, int) or number < fewest:
            raise QueryError(f"{name} is {number!r}: {remedy}")
    least = query.min_score
    if least is not None and (isinstance(least, bool) or not isinstance(least, int | float) or not abs(least) < HUGE):
        raise QueryError(f"min_score is {least!r}: give a number, as scores are")


def _reason(name: TermName) -> str:
    if name in _TO_HAVE:
        return f"; {name} takes {_TO_HAVE[name]}"
    if name == "pseudo_token":
        return f"; a pseudo-token takes a reference image, an edit text and a bundle with phi ({_TO_HAVE_PHI})"
    return ""


def _without_pseudo_token(preset: Preset) -> tuple[Weights, list[str]]:
    rest = {name: weight for name, weight in preset.weights.items() if name != "pseudo_token"}
    scale = sum(preset.weights.values()) / sum(rest.values())
    warning = f"this bundle has no phi: the preset {preset.name} runs without its pseudo_token term"
    return {name: weight * scale for name, weight in rest.items()}, [warning]
