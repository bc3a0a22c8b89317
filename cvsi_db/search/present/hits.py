"""The presenter: rankings become hits, with the metadata of their images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cvsi_db.records import CompiledQuery
from cvsi_db.search.result import Hit, Pool, Ranking

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

METADATA = ("path", "folder", "name", "width", "height", "captions")
"""The columns a hit carries."""


def present(
    rankings: Sequence[Ranking], compiled: Sequence[CompiledQuery], store: Store
) -> list[tuple[list[Hit], Pool]]:
    """The hits of each ranking, and all it ranks, to be reranked; one look-up brings the metadata of all.

    A ranking begins at the very best image: `offset` and the cut-offs are applied here. Raises ImageGoneError when an
    image was removed in the meantime.
    """
    image_ids = list(dict.fromkeys(image_id for ranking in rankings for image_id in ranking.image_ids))
    rows = store.take(image_ids, METADATA).to_pylist() if image_ids else []
    metadata = dict(zip(image_ids, rows, strict=True))
    presented = []
    for ranking, of in zip(rankings, compiled, strict=True):
        complete = len(ranking.image_ids) < of.logical.k
        pool = Pool(ranking, tuple(metadata[image_id] for image_id in ranking.image_ids), complete)
        presented.append((pool.hits(of.query), pool))
    return presented
