"""The weights of a query's terms: presets, what further examples weigh, and what holds when a term is missing.

Takes a ComposedQuery and what its bundle can do; returns a weight per term, or raises RankError with the remedy.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from cvsi_db.errors import RankError
from cvsi_db.records import EXAMPLE_TERMS, METHOD_TERMS, BranchName, ComposedQuery, Preset, TermName, Weights


def _preset(
    name: str,
    edited: float,
    pseudo: float,
    image: float,
    *,
    direction: float = 0.0,
    gamma: float,
    unit_captions: bool = False,
) -> Preset:
    weights: dict[TermName, float] = {
        "edited_captions": edited,
        "edit_direction": direction,
        "pseudo_token": pseudo,
        "image": image,
        "objects": 0.0,
    }
    return Preset(name, MappingProxyType(weights), gamma, unit_captions)


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            _preset("default", 0.15, 0.15, 0.4, direction=0.3, gamma=0.1),
            _preset("cirr", 0.6, 0.4, 0.0, gamma=0.2),
            _preset("circo", 0.6, 0.4, 0.0, gamma=0.2),
            _preset("fashioniq", 0.2, 0.6, 0.2, gamma=0.1, unit_captions=True),
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

_PHI_REMEDY = "name a checkpoint as `phi` in a bundle file, or make one with `cvsi-db train phi`"
_MISSING: Mapping[TermName, str] = MappingProxyType(
    {"objects": "the edit text adds no objects", "edit_direction": "the edit changes nothing in the captions"}
)
_NEEDS: Mapping[TermName, str] = MappingProxyType(
    {
        "liked": "images to be near",
        "unliked": "images to keep away from",
        "negative": "texts of what to avoid",
        "pseudo_token": f"a reference image, an edit text and a bundle with phi ({_PHI_REMEDY})",
    }
)


def find_preset(name: str) -> Preset:
    """The preset of that name. Raises RankError naming the known ones."""
    if name not in PRESETS:
        raise RankError(f"unknown preset {name!r}: choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def possible_terms(query: ComposedQuery, has_phi: bool) -> tuple[TermName, ...]:
    """The terms this kind of query can have; `objects` is among them even when the edit then adds none."""
    if query.reference is not None and query.edit_text is not None:
        method = tuple(name for name in METHOD_TERMS if has_phi or name != "pseudo_token")
    elif query.reference is not None:
        method = ("image",)
    else:
        method = () if query.edit_text is None else ("edited_captions",)
    return (*method, *_example_terms(query))


def missing_branches(query: ComposedQuery, has_phi: bool) -> tuple[BranchName, ...]:
    """The branches this kind of query can have, but not with this bundle."""
    return ("pseudo_token",) if not has_phi and "pseudo_token" in possible_terms(query, True) else ()


def choose_weights(
    query: ComposedQuery, rank: Weights | None, preset: Preset, possible: Collection[TermName]
) -> tuple[Weights, list[str]]:
    """The weight of each term of the query, and the warnings that come with it; terms not named weigh 0.

    The weights of a `rank` replace all others. A lone half of a query is one term of weight 1. Without phi the other
    weights are scaled up to the preset's sum, unless the query is strict. Examples come on top, with EXAMPLE_WEIGHTS;
    where a liked image is all there is to search for, it weighs 1. Raises RankError when `rank` names a term that the
    query cannot have, and for a strict query whose preset does.
    """
    examples = _example_terms(query)
    if rank is not None:
        for name, weight in rank.items():
            if weight and name not in possible:
                needs = f"; {name} needs {_NEEDS[name]}" if name in _NEEDS else ""
                raise RankError(
                    f"the rank names {name}, which this query does not have: it has {', '.join(possible)}{needs}"
                )
        ignored = [name for name in examples if not rank.get(name)]
        return rank, [f"the rank gives {name} no weight: it does not count" for name in ignored]
    weights, warnings = _method_weights(query, preset, possible)
    added = {name: EXAMPLE_WEIGHTS[name] for name in examples}
    return {**weights, **(added if weights else {**added, "liked": 1.0})}, warnings


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


def _example_terms(query: ComposedQuery) -> tuple[TermName, ...]:
    given = {"liked": query.liked, "unliked": query.unliked, "negative": query.negative}
    return tuple(name for name in EXAMPLE_TERMS if given[name])


def _method_weights(query: ComposedQuery, preset: Preset, possible: Collection[TermName]) -> tuple[Weights, list[str]]:
    if query.reference is None:
        return {} if query.edit_text is None else {"edited_captions": 1.0}, []
    if query.edit_text is None:
        return {"image": 1.0}, []
    if "pseudo_token" in possible or not preset.weights["pseudo_token"]:
        return preset.weights, []
    if query.strict:
        raise RankError(
            f"the preset {preset.name} gives pseudo_token a weight, but this bundle has no phi: {_PHI_REMEDY}, "
            "or do without --strict"
        )
    rest = {name: weight for name, weight in preset.weights.items() if name != "pseudo_token"}
    scale = sum(preset.weights.values()) / sum(rest.values())
    warning = f"this bundle has no phi: the preset {preset.name} runs without its pseudo_token term"
    return {name: weight * scale for name, weight in rest.items()}, [warning]
