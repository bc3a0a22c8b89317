"""The weights of a query's terms: a rank, presets, what further examples weigh, and what holds when a term is missing.

A rank is a linear expression, as in "0.6*edited_captions + 0.4*(image - objects)", or a weight per term. All errors are
RankErrors with the remedy; those about an expression have a caret under the place.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from sqlglot import exp

from cvsi_db.errors import RankError
from cvsi_db.query.sql_errors import parse, place_of, pointed, sql_errors
from cvsi_db.records import (
    EXAMPLE_TERMS,
    LATE_TERMS,
    METHOD_TERMS,
    TERM_NAMES,
    BranchName,
    ComposedQuery,
    Preset,
    TermName,
    Weights,
)

SMALLEST, LARGEST = 1e-6, 1e6
"""The range of a weight's size, so that float32 scores neither vanish nor overflow."""

_CONSTANT = ""


def _preset(
    name: str,
    edited: float,
    pseudo: float,
    image: float,
    *,
    direction: float = 0.0,
    late: Weights = MappingProxyType({}),
    gamma: float,
    unit_captions: bool = False,
    scaled_by: Literal["length", "spread"] | None = None,
) -> Preset:
    weights: dict[TermName, float] = {
        "edited_captions": edited,
        "edit_direction": direction,
        "pseudo_token": pseudo,
        "image": image,
        "objects": 0.0,
        **late,
    }
    return Preset(name, MappingProxyType(weights), gamma, unit_captions, scaled_by)


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            _preset("default", 0.15, 0.15, 0.4, direction=0.3, gamma=0.1),
            _preset("cirr", 0.6, 0.4, 0.0, gamma=0.2),
            _preset("circo", 0.6, 0.4, 0.0, gamma=0.2),
            _preset("photos-lite", 0.15, 0.7, 0.0, direction=0.15, gamma=0.0),
            _preset("fashioniq", 0.2, 0.6, 0.2, gamma=0.1, unit_captions=True),
            _preset("sum", 0.0, 0.0, 0.5, late={"edit_text": 0.5}, gamma=0.0, scaled_by="length"),
            _preset("composed", 0.0, 0.0, 0.0, late={"composed": 1.0}, gamma=0.0),
            _preset("untuned", 0.15, 0.0, 0.475, direction=0.375, gamma=0.0, scaled_by="spread"),
        )
    }
)
"""The named weights. `cirr`, `circo` and `fashioniq` are those of CVSI (Ye et al., ICDM 2025, arXiv 2601.14060);
`default` was tuned on the val split of Scenes-CIR with the starter (docs/scenes-cir.md),
`photos-lite` on photographs with the bundle of that name (its model card). `sum` is the composed query that MMRet and
BGE-VL were trained with (Zhou et al., ACL 2025, arXiv 2412.14475): the sum i + t of the un-normalised embeddings of
image and edit text, whose cosine with x is |i|·<î, x> + |t|·<t̂, x> up to a factor that is the same for every x.
`composed` is for models that embed image and edit text together. `untuned` is for bundles that nobody could tune
weights for: see `usable_preset`."""

EXAMPLE_WEIGHTS: Weights = MappingProxyType({"liked": 0.3, "unliked": -0.2, "negative": -0.5})
"""What further examples weigh, beside other weights that sum to 1, unless a rank says otherwise.

Chosen on the sample gallery with the starter. `unliked`: a wrong image among the first five falls from rank 3.2 to 5.9,
and 92 % of the queries keep a right one first (85 % at -0.3). `negative`: of 88 texts "a cat" without "a top hat", the
unwanted among the first five fall from 0.69 to 0.22, and 4.15 of the five still show the subject (4.35 before).
`liked`: the other right images rank as high as before beside reference and edit text (1.1), and rise from rank 7.1 to
2.3 beside an edit text alone.
"""

_COMPOSER = "a model that embeds image and text together, `st:` in a bundle file"
_PHI_REMEDY = "name a checkpoint as `phi` in a bundle file, or make one with `cvsi-db train phi`"
_MISSING: Mapping[TermName, str] = MappingProxyType(
    {"objects": "the edit text adds no objects", "edit_direction": "the edit changes nothing in the captions"}
)
_NO_CAPTIONS = "the reference image has no captions"
_UNCAPTIONED: Weights = MappingProxyType({"pseudo_token": 0.0, "image": 0.5, "edit_text": 0.5})
"""The weights of `untuned` where there are no captions."""
_NEEDS: Mapping[TermName, str] = MappingProxyType(
    {
        "liked": "images to be near",
        "unliked": "images to keep away from",
        "negative": "texts of what to avoid",
        "edit_text": "a reference image and an edit text, and for a rerank a search that gave it a weight, or a pool",
        "composed": f"a reference image, an edit text and {_COMPOSER}",
        "pseudo_token": f"a reference image, an edit text and a bundle with phi ({_PHI_REMEDY})",
    }
)


def find_preset(name: str) -> Preset:
    """The preset of that name. Raises RankError naming the known ones."""
    if name not in PRESETS:
        raise RankError(f"unknown preset {name!r}: choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def possible_terms(query: ComposedQuery, has_phi: bool, composes: bool = False) -> tuple[TermName, ...]:
    """The terms this kind of query can have; `objects` is among them even when the edit then adds none.

    With phi `pseudo_token` is, with a model that `composes` image and text `composed`.
    """
    if query.reference is not None and query.edit_text is not None:
        lacking = {name for name, has in (("pseudo_token", has_phi), ("composed", composes)) if not has}
        method = tuple(name for name in (*METHOD_TERMS, *LATE_TERMS) if name not in lacking)
    elif query.reference is not None:
        method = ("image",)
    else:
        method = () if query.edit_text is None else ("edited_captions",)
    return (*method, *_example_terms(query))


def missing_branches(query: ComposedQuery, branches: Collection[BranchName]) -> tuple[BranchName, ...]:
    """The branches that this kind of query can have, but that are not among its `branches`."""
    if query.reference is None or query.edit_text is None:
        return ()
    method: tuple[BranchName, ...] = ("pseudo_token", "edited_captions")
    return tuple(name for name in method if name not in branches)


def usable_preset(
    query: ComposedQuery, preset: Preset, *, has_phi: bool, captioned: bool, composes: bool = False
) -> tuple[Preset, list[str]]:
    """The preset, or what stands in for one that a query with both halves has not the terms for, and a warning.

    Without phi that is `untuned`. The pseudo-token's sentence says what the reference looks like and what the edit asks
    for; of the terms that are left `image` says the first and `edit_direction` the second, while edited captions, to
    which the presets of CVSI's paper would leave everything, know of the reference only what a captioner happened to
    mention. Its weights are the `default` ones with the pseudo-token's shared between those two. Where the reference is
    not `captioned` either, its image and the edit text as typed are all there is, half and half. Nobody has tuned these
    for the bundle at hand, and image-to-image similarities of CLIPs are spread more widely than image-to-text ones: so
    each is divided by its term's spread over the gallery. What that keeps and loses: docs/modality-gap.md.

    Raises RankError for a strict query whose preset gives pseudo_token a weight without phi, and for a preset that
    gives composed one without a model that `composes` image and text.
    """
    if preset.weights.get("composed") and not composes and None not in (query.reference, query.edit_text):
        raise RankError(f"the preset {preset.name} needs {_COMPOSER}: name another preset, as --preset untuned")
    of_captions = preset.weights["edited_captions"] or preset.weights["edit_direction"]
    needs_phi, needs_captions = preset.weights["pseudo_token"], of_captions and not captioned
    if query.reference is None or query.edit_text is None or has_phi or not (needs_phi or needs_captions):
        return preset, []
    if query.strict and needs_phi:
        raise RankError(
            f"the preset {preset.name} gives pseudo_token a weight, but this bundle has no phi: {_PHI_REMEDY}, "
            "or do without --strict"
        )
    untuned, missing = PRESETS["untuned"], "this bundle has no phi"
    if not captioned:
        untuned = replace(untuned, weights=_UNCAPTIONED)
        missing += f" and {_NO_CAPTIONS}"
    return untuned, [] if preset.name == untuned.name else [
        f"{missing}: the preset untuned stands in for {preset.name}"
    ]


def choose_weights(
    query: ComposedQuery, rank: Weights | None, preset: Preset, possible: Collection[TermName]
) -> tuple[Weights, list[str]]:
    """The weight of each term of the query, and the warnings that come with it; terms not named weigh 0.

    The weights of a `rank` replace all others. A lone half of a query is one term of weight 1. Examples come on top,
    with EXAMPLE_WEIGHTS; where a liked image is all there is to search for, it weighs 1. Raises RankError when `rank`
    names a term that the query cannot have.
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
    weights = _method_weights(query, preset)
    added = {name: EXAMPLE_WEIGHTS[name] for name in examples}
    return {**weights, **(added if weights else {**added, "liked": 1.0})}, []


def scale_weights(weights: Weights, factors: Mapping[TermName, float]) -> Weights:
    """The weights, those of the terms in `factors` times their factor and a common one that keeps the sum."""
    names = [name for name in factors if weights.get(name)]
    common = sum(weights[name] for name in names) / (sum(weights[name] * factors[name] for name in names) or 1.0)
    return {**weights, **{name: weights[name] * factors[name] * common for name in names}}


def check_weights(weights: Weights, available: Collection[TermName], *, captioned: bool = True) -> list[str]:
    """Warnings about weights whose term the query turned out not to have, or to have but in name.

    An edit text stands for the edited captions of a reference that is not `captioned`.

    Raises RankError when no term that it does have carries any weight.
    """
    if not any(weights.get(name) for name in available):
        raise RankError(
            f"every weight of this query is 0: give one of {', '.join(available)} a weight, "
            f'as in --rank "1*{next(iter(available))}"'
        )
    missing = [name for name, weight in weights.items() if weight and name not in available]
    reasons = _MISSING if captioned else {**_MISSING, "edit_direction": _NO_CAPTIONS}
    warnings = [f"{reasons.get(name, 'it is not there')}: the term {name} was left out" for name in missing]
    if not captioned and weights.get("edited_captions"):
        warnings.append(f"{_NO_CAPTIONS}: the edit text stands for the edited captions")
    return warnings


def _example_terms(query: ComposedQuery) -> tuple[TermName, ...]:
    given = {"liked": query.liked, "unliked": query.unliked, "negative": query.negative}
    return tuple(name for name in EXAMPLE_TERMS if given[name])


def _method_weights(query: ComposedQuery, preset: Preset) -> Weights:
    if query.reference is None:
        return {} if query.edit_text is None else {"edited_captions": 1.0}
    if query.edit_text is None:
        return {"image": 1.0}
    return preset.weights


def weights_of(rank: str | Mapping[TermName, float]) -> Weights:
    """The weight of each term that a rank names, be it an expression or a mapping.

    Raises RankError when an expression does not parse or is not linear; for a name that is not a term, a bare number,
    or a weight that is not finite or outside SMALLEST to LARGEST (0 is fine).
    """
    if isinstance(rank, str):
        return linear_weights(parse(rank, "rank", RankError), rank)
    for name in rank:
        if name not in TERM_NAMES:
            raise RankError(f"unknown term {name!r} in the rank: the terms are {_terms()}")
    return _checked(dict(rank))


def linear_weights(tree: exp.Expr, text: str) -> Weights:
    """The weights in the tree of a rank expression; `text` is what it was read from. Raises as `weights_of` does."""
    with sql_errors(text, "rank", RankError):
        form = _linear(tree, text)
    if form.pop(_CONSTANT, 0.0):
        raise RankError(f"the rank {text!r} adds a number that weighs no term: multiply it with one of {_terms()}")
    return _checked({name: form[name] for name in TERM_NAMES if name in form})


def _checked(weights: dict[TermName, float]) -> Weights:
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise RankError(f"the rank gives {name} the weight {weight!r}: give a number")
        if weight and not SMALLEST <= abs(weight) <= LARGEST:
            limits = f"{SMALLEST:g} and {LARGEST:g}"
            raise RankError(f"the rank gives {name} the weight {weight:g}: keep weights between {limits}")
    return {name: float(weight) for name, weight in weights.items()}


def _linear(node: exp.Expr, text: str) -> dict[str, float]:
    """The expression as a weight per term; what weighs no term is under _CONSTANT."""
    match node:
        case exp.Paren():
            return _linear(node.this, text)
        case exp.Neg():
            return _times(_linear(node.this, text), -1.0)
        case exp.Add() | exp.Sub():
            sign = 1.0 if isinstance(node, exp.Add) else -1.0
            return _plus(_linear(node.left, text), _times(_linear(node.right, text), sign))
        case exp.Mul():
            return _product(node, text)
        case exp.Div():
            return _times(_linear(node.left, text), 1 / _divisor(node, text))
        case exp.Literal() if not node.is_string:
            return {_CONSTANT: _number(node, text)}
        case exp.Column() if not node.table and node.name.lower() in TERM_NAMES:
            return {node.name.lower(): 1.0}
        case exp.Column():
            raise pointed(
                RankError,
                f"unknown term {node.sql()!r} in the rank: the terms are {_terms()}",
                text,
                place_of(node, text),
            )
    message = f"the rank cannot use {node.sql()!r}: only numbers, terms, + - * / and brackets"
    raise pointed(RankError, message, text, place_of(node, text))


def _product(node: exp.Mul, text: str) -> dict[str, float]:
    left, right = _linear(node.left, text), _linear(node.right, text)
    if set(left) == {_CONSTANT}:
        return _times(right, left[_CONSTANT])
    if set(right) == {_CONSTANT}:
        return _times(left, right[_CONSTANT])
    raise pointed(RankError, "the rank is not linear: it multiplies a term with a term", text, place_of(node, text))


def _divisor(node: exp.Div, text: str) -> float:
    form, place = _linear(node.right, text), place_of(node.right, text)
    if set(form) != {_CONSTANT}:
        raise pointed(RankError, "the rank is not linear: it divides by a term", text, place)
    if not form[_CONSTANT] or not math.isfinite(1 / form[_CONSTANT]):
        raise pointed(RankError, "the rank divides by zero", text, place)
    return form[_CONSTANT]


def _number(node: exp.Literal, text: str) -> float:
    try:
        return float(node.this)
    except ValueError:
        raise pointed(
            RankError, f"the rank holds {node.this!r}, which is no number", text, place_of(node, text)
        ) from None


def _times(form: dict[str, float], factor: float) -> dict[str, float]:
    return {name: weight * factor for name, weight in form.items()}


def _plus(left: dict[str, float], right: dict[str, float]) -> dict[str, float]:
    return {name: left.get(name, 0.0) + right.get(name, 0.0) for name in {**left, **right}}


def _terms() -> str:
    return ", ".join(TERM_NAMES)
