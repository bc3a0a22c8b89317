"""The methods that are put side by side: the product's presets, their ablations, and the baselines of the literature.

A method is a set of weights of terms and a γ, and its scores are linear: Σ weight · <term, (1-γ)·image + γ·captions>.
So all of them rank the same features of the same models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cvsi_db.errors import UsageError
from cvsi_db.query.weights import PRESETS
from cvsi_db.records import FloatArray, Preset

if TYPE_CHECKING:
    from cvsi_db.models.spec import BundleSpec

TEXT_WEIGHT = 0.55
"""The share of the text in `image+text`, the rest being the image's; `cvsi-db eval scenes --tune` finds it."""


class Columns(Protocol):
    """The gallery side of a score."""

    def column(self, gamma: float) -> FloatArray:
        """(images, dim) what queries are scored against: (1-γ)·image + γ·captions."""


@dataclass(frozen=True)
class Method:
    """Weights of terms by name, and the share γ of the captions in what they are scored against."""

    weights: Mapping[str, float]
    gamma: float = 0.0

    def query(self, terms: Mapping[str, FloatArray]) -> FloatArray:
        """(queries, dim) the weighted sum of the terms."""
        return np.asarray(sum(weight * terms[name] for name, weight in self.weights.items()), dtype=np.float32)

    def scores(self, terms: Mapping[str, FloatArray], features: Columns) -> FloatArray:
        """(queries, images) the score of every image, see the module."""
        return np.asarray(self.query(terms) @ features.column(self.gamma).T, dtype=np.float32)


def weights_of(preset: Preset) -> Method:
    """The method that a preset is."""
    return Method({name: weight for name, weight in preset.weights.items() if weight}, preset.gamma)


def image_and_text(share: float) -> Method:
    """Image and text embedding, the text weighing `share` of 1."""
    return Method({"image": 1 - share, "text": share})


def without(method: Method, *terms: str) -> Method:
    """The method without some of its terms."""
    return replace(method, weights={name: weight for name, weight in method.weights.items() if name not in terms})


CVSI = weights_of(PRESETS["default"])

_CVSI_WITHOUT_OBJECTS = {
    "pseudo_token_alone" if name == "pseudo_token" else name: weight
    for name, weight in without(CVSI, "objects").weights.items()
}
"""Neither the term of the added objects, nor their words in the sentence of the pseudo-token."""

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "image": Method({"image": 1.0}),
        "text": Method({"text": 1.0}),
        "image+text": image_and_text(TEXT_WEIGHT),
        "sum": Method({"sum": 1.0}),
        "pseudo_token": Method({"pseudo_token": 1.0}),
        "edited_caption": Method({"edited_caption": 1.0}),
        "edited_captions": Method({"edited_captions": 1.0}),
        "cvsi_paper": weights_of(PRESETS["cirr"]),
        "cvsi": CVSI,
        "cvsi-pseudo_token": without(CVSI, "pseudo_token"),
        "cvsi-edited_captions": without(CVSI, "edited_captions", "edit_direction"),
        "cvsi-edit_direction": without(CVSI, "edit_direction"),
        "cvsi-image": without(CVSI, "image"),
        "cvsi-objects": replace(CVSI, weights=_CVSI_WITHOUT_OBJECTS),
        "cvsi-gamma": replace(CVSI, gamma=0.0),
        "ceiling": Method({"true_captions": 1.0}, CVSI.gamma),
    }
)
"""By name, in the order in which they are reported.

`pseudo_token` ranks as SEARLE and LinCIR do (Baldrati et al., ICCV 2023; Gu et al., CVPR 2024), but for the added
objects in its sentence (see `field_methods`), `edited_caption` as
CIReVL (Karthik et al., ICLR 2024), `edited_captions` as LDRE (Yang et al., SIGIR 2024) without its weighting,
`sum` with the preset of that name (Zhou et al., ACL 2025), `cvsi_paper` with the weights of CVSI (Ye et al., ICDM
2025), `cvsi` with the `default` preset. `cvsi-X` is `cvsi` without X, and without edited captions there is no direction
to them either. `ceiling` is not a method: it embeds true
captions of the edited scene, as a flawless captioner and rewriter would give.
"""


def field_methods(preset: str) -> dict[str, Method]:
    """The methods on a benchmark of the field: `cvsi_paper` with that benchmark's weights; a ceiling takes drawings.

    `pseudo_token_alone` is the sentence that SEARLE and LinCIR have: without the added objects, which a rewriter would
    have to name. `composed` is the one vector that a composer makes of reference and edit text.
    """
    methods = {name: method for name, method in METHODS.items() if name != "ceiling"}
    return methods | {
        "cvsi_paper": weights_of(PRESETS[preset]),
        "pseudo_token_alone": Method({"pseudo_token_alone": 1.0}),
        "composed": weights_of(PRESETS["composed"]),
    }


def choose_methods(names: Sequence[str], spec: BundleSpec, among: Mapping[str, Method] = METHODS) -> dict[str, Method]:
    """The methods of these names, or all that the bundle can run when there are none.

    Raises UsageError for an unknown name, and for one that takes a phi or a composer where there is none.
    """
    lacking = {name: lack for name, method in among.items() if (lack := _lacks(method, spec))}
    possible = {name: method for name, method in among.items() if name not in lacking}
    for name in names:
        if name not in among:
            raise UsageError(f"unknown method {name!r}: choose among {', '.join(among)}")
        if name in lacking:
            raise UsageError(f"method {name!r} {lacking[name]}: choose among {', '.join(possible)}")
    return {name: method for name, method in possible.items() if not names or name in names}


def _lacks(method: Method, spec: BundleSpec) -> str:
    """What the method takes and the bundle does not have, if anything."""
    if spec.phi is None and any(term.startswith("pseudo_token") for term in method.weights):
        return "takes a phi, and this bundle has none"
    if not spec.composes and "composed" in method.weights:
        return "takes a model that embeds image and text together, and this bundle's does not"
    return ""
