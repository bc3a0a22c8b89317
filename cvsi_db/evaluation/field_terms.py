"""What benchmarks of the field make terms of: their queries, the gallery's captions, and rewrites kept in its catalog.

Every rewrite is kept as soon as it is there, under the key by which a search looks it up: an interrupted run loses
nothing, and a search of the same reference and edit text asks nobody. Knows nothing about weights or rankings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cvsi_db.errors import RewriteError
from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.features import Models
from cvsi_db.evaluation.progress import Progress
from cvsi_db.models.protocols import Rewriter
from cvsi_db.models.rewriters import cache_name, rewrite_many
from cvsi_db.records import FloatArray, Rewrite

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog

Request = tuple[tuple[str, ...], str]
"""Captions and an edit text."""


@dataclass(frozen=True)
class FieldSource:
    """A TermSource. `captions` are those of each query's reference, `told` (queries, dim) their means."""

    edit_texts: Sequence[str]
    captions: Sequence[tuple[str, ...]]
    references: FloatArray = field(repr=False)
    told: FloatArray = field(repr=False)
    models: Models
    catalog: Catalog
    cache: Cache
    on_progress: Progress
    _asked: dict[int | None, list[Rewrite]] = field(default_factory=dict, repr=False)

    def rewrites(self, captions: int | None = None) -> list[Rewrite]:
        """What the rewriter makes of the edit text and each reference's first `captions` captions (all when None)."""
        if captions not in self._asked:  # several terms ask, and not every answer is kept in the catalog
            requests = [(told[:captions], text) for told, text in zip(self.captions, self.edit_texts, strict=True)]
            answers = rewrite_all(requests, self.models.rewriter, self.catalog, self.on_progress)
            self._asked[captions] = answers
        return self._asked[captions]


def rewrite_all(
    requests: Sequence[Request], rewriter: Rewriter, catalog: Catalog, on_progress: Progress
) -> list[Rewrite]:
    """The rewrite of each request, in order: from the catalog, else from the rewriter, who is asked once for each.

    An edit text that says nothing leaves the captions as they are. Raises RewriteError when there is no usable answer.
    """
    name = cache_name(rewriter)
    known = {request: _known(request, name, catalog) for request in dict.fromkeys(requests)}
    missing = [request for request, rewrite in known.items() if rewrite is None]

    def keep(index: int, rewrite: Rewrite) -> None:
        captions, text = missing[index]
        if not rewrite.edited_captions:
            raise RewriteError(f"the rewriter {name} gave no edited caption for {text!r}: try again or use another one")
        if rewrite.rewriter == name:
            catalog.keep_rewrite(captions, text, name, rewrite)

    answers = rewrite_many(rewriter, missing, lambda done, total: on_progress("rewriting", done, total), keep)
    fresh = dict(zip(missing, answers, strict=True))
    return [known[request] or fresh[request] for request in requests]


def _known(request: Request, name: str, catalog: Catalog) -> Rewrite | None:
    captions, text = request
    return catalog.rewrite(captions, text, name) if text else Rewrite(captions, added_objects="", rewriter="none")
