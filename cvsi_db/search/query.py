"""What may be asked: the presets, the checks of a composed query, and the weights its terms get.

Takes a ComposedQuery as a person wrote it; returns weights, or raises an error that names the remedy. Knows nothing
about models, pictures or storage.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from cvsi_db.errors import QueryError, RankError
from cvsi_db.records import TERM_NAMES, BranchName, ComposedQuery, Preset, TermName
from cvsi_db.search.sql import parse_rank

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

_ONLY_TEXT: Weights = MappingProxyType({"edited_captions": 1.0})
_ONLY_IMAGE: Weights = MappingProxyType({"image": 1.0})
_MISSING: Mapping[TermName, str] = MappingProxyType(
    {"objects": "the edit text adds no objects", "edit_direction": "the edit changes nothing in the captions"}
)
_TO_HAVE_PHI = "name a checkpoint as `phi` in a bundle file, or make one with `cvsi-db train phi`"
_PUNCTUATION = " \t\n.,;:!?"


def find_preset(name: str) -> Preset:
    """The preset of that name. Raises RankError naming the known ones."""
    if name not in PRESETS:
        raise RankError(f"unknown preset {name!r}: choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def check_query(query: ComposedQuery) -> None:
    """What can be told wrong from the query alone.

    Raises QueryError unless there is a k of at least 1 and a reference image or an edit text that says something,
    RankError for an unknown preset or a rank that does not parse.
    """
    if isinstance(query.k, bool) or not isinstance(query.k, int) or query.k < 1:
        raise QueryError(f"k is {query.k!r}: ask for at least 1 hit")
    if query.reference is None and query.edit_text is None:
        raise QueryError("nothing to search for: give a reference image, an edit text, or both")
    if query.edit_text is not None and not query.edit_text.strip(_PUNCTUATION):
        remedy = "leave it out to search by the reference image alone" if query.reference is not None else "describe it"
        raise QueryError(f"the edit text {query.edit_text!r} says nothing: {remedy}")
    if query.preset is not None:
        find_preset(query.preset)
    if query.rank is not None:
        parse_rank(query.rank)


def tidy(text: str) -> str:
    """The text on one line, without the punctuation at its end, so that it may be continued."""
    return " ".join(text.split()).rstrip(_PUNCTUATION)


def possible_terms(query: ComposedQuery, has_phi: bool) -> tuple[TermName, ...]:
    """The terms this kind of query can have; `objects` is among them even when the edit then adds none."""
    if query.reference is None:
        return ("edited_captions",)
    if query.edit_text is None:
        return ("image",)
    return tuple(name for name in TERM_NAMES if has_phi or name != "pseudo_token")


def missing_branches(query: ComposedQuery, has_phi: bool) -> tuple[BranchName, ...]:
    """The branches this kind of query can have, but not with this bundle."""
    return ("pseudo_token",) if not has_phi and "pseudo_token" in possible_terms(query, True) else ()


def choose_weights(query: ComposedQuery, preset: Preset, possible: Collection[TermName]) -> tuple[Weights, list[str]]:
    """The weight of each term of the query, and the warnings that come with it; terms not named weigh 0.

    A rank expression replaces the preset's weights. A lone half of a query is one term of weight 1. Without phi the
    other weights are scaled up to the preset's sum, unless the query is strict. Raises RankError when `rank` is not
    linear or names a term the query cannot have, and for a strict query whose preset does.
    """
    if query.rank is not None:
        return _check_named(parse_rank(query.rank), possible, query.rank), []
    if query.reference is None:
        return _ONLY_TEXT, []
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


def _reason(name: TermName) -> str:
    if name == "pseudo_token":
        return f"; a pseudo-token takes a reference image, an edit text and a bundle with phi ({_TO_HAVE_PHI})"
    return ""


def _without_pseudo_token(preset: Preset) -> tuple[Weights, list[str]]:
    rest = {name: weight for name, weight in preset.weights.items() if name != "pseudo_token"}
    scale = sum(preset.weights.values()) / sum(rest.values())
    warning = f"this bundle has no phi: the preset {preset.name} runs without its pseudo_token term"
    return {name: weight * scale for name, weight in rest.items()}, [warning]
