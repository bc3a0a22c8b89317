"""Which bundle a new gallery takes when nobody names one: BGE-VL base where its weights can be had, else photos-lite.

Returns a bundle's name; which one and why is logged, never silent. Loads no model.
"""

from __future__ import annotations

import logging

from cvsi_db.models.hub import why_not_served
from cvsi_db.models.inventory import inventory, readable, size_of, state_of
from cvsi_db.models.spec import BUNDLES

WANTED, ALWAYS_THERE = "bge-vl-base", "photos-lite"

_log = logging.getLogger(__name__)


def choose_model() -> str:
    """The bundle for a new gallery of photographs. The hub gets a few seconds to answer; nothing is fetched."""
    parts = inventory(BUNDLES[WANTED])
    if state_of(parts) == "fully":
        _log.info("the new gallery takes the model %s, which is on this machine (--model takes another)", WANTED)
        return WANTED
    if reason := why_not_served(next(part.repo for part in parts if part.repo)):
        _log.warning(
            "the new gallery takes the small model %s: the weights of %s are not on this machine and %s. To change: "
            "--model %s in a new gallery, or `cvsi-db reembed` later",
            ALWAYS_THERE, WANTED, reason, WANTED,
        )  # fmt: skip
        return ALWAYS_THERE
    licences = ", ".join(sorted({part.licence for part in parts if part.name != "rewriter"}))
    _log.info(
        "the new gallery takes the model %s, which is downloaded once: %s, licence: %s (--model %s needs no download)",
        WANTED, readable(size_of(parts)), licences, ALWAYS_THERE,
    )  # fmt: skip
    return WANTED
