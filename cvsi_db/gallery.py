"""The gallery: what an app works with. Opens a folder with its models, and passes each call to the stage that does it.

Searching is here, everything else that a gallery does in upkeep.py. Knows nothing about tables, towers or plans itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from cvsi_db.records import ComposedQuery, Reference, SearchResult
from cvsi_db.upkeep import Upkeep

if TYPE_CHECKING:
    import pyarrow as pa

    from cvsi_db.records import Usage
    from cvsi_db.search import SearchContext


class Gallery(Upkeep):
    """A folder of searchable images: their embeddings, captions and metadata.

    >>> from cvsi_db import Gallery
    >>> with Gallery.open_or_create("my-gallery") as gallery:          # doctest: +SKIP
    ...     gallery.ingest("photos")
    ...     for hit in gallery.search("ref.jpg", "with a hat"):
    ...         print(hit.rank, hit.path, hit.score)
    """

    @classmethod
    def create(
        cls, folder: str | Path, *, model: str = "starter", device: str = "auto", rewriter: str | None = None
    ) -> Self:
        """Make an empty gallery for the bundle `model` and open it; `rewriter` stands in for the bundle's own.

        Raises GalleryError when the folder holds a gallery already or something else, BundleError for an unknown
        bundle, ModelError when its weights cannot be had.
        """
        from cvsi_db.opening import create

        return cls(*create(Path(folder), model, device, rewriter))

    @classmethod
    def open(
        cls, folder: str | Path, *, model: str | None = None, device: str = "auto", rewriter: str | None = None
    ) -> Self:
        """Open a gallery with the bundle it was made with; `model` may name it again, or give a bundle's file.

        Raises GalleryError when there is none, MigrationError when a newer version made it, BundleError when `model`
        is another bundle or its weights have changed.
        """
        from cvsi_db.opening import open_existing

        return cls(*open_existing(Path(folder), model, device, rewriter))

    @classmethod
    def open_or_create(
        cls,
        folder: str | Path,
        *,
        model: str | None = None,
        default_model: str = "starter",
        device: str = "auto",
        rewriter: str | None = None,
    ) -> Self:
        """Open the gallery in `folder`, or make it; a new one without `model` takes the bundle `default_model`."""
        from cvsi_db.store.folder import is_gallery

        if is_gallery(Path(folder)):
            return cls.open(folder, model=model, device=device, rewriter=rewriter)
        return cls.create(folder, model=model or default_model, device=device, rewriter=rewriter)

    def search(
        self,
        reference: Reference | None = None,
        edit_text: str | None = None,
        *,
        k: int = 10,
        where: str | None = None,
        rank: str | None = None,
        preset: str | None = None,
        exclude_reference: bool = True,
        strict: bool = False,
        offset: int = 0,
        min_score: float | None = None,
        auto_cut: bool = False,
        liked: Reference | Sequence[Reference] = (),
        unliked: Reference | Sequence[Reference] = (),
        negative: str | Sequence[str] = (),
        pool: int = 0,
        exact: bool = False,
    ) -> SearchResult:
        """Find the images that look like `reference` changed as `edit_text` says; either may be missing, not both.

        The reference is a path, the bytes of an image file, or a PIL image; it need not be in the gallery, and when
        it is, it is left out of the hits unless `exclude_reference` is False. Returns a list of hits, best first.
        ComposedQuery says what the other arguments do.
        Raises QueryError, RankError or FilterError when the query makes no sense, and RankError when it is `strict`
        and the bundle lacks a branch that the preset asks for.
        """
        from cvsi_db.query.checks import check_query
        from cvsi_db.search import search

        examples = (_several(liked), _several(unliked), _several(negative))
        query = ComposedQuery(
            reference, edit_text, k, where, rank, preset, exclude_reference, strict, offset, min_score, auto_cut,
            *examples, pool, exact,
        )  # fmt: skip
        check_query(query)  # before the models load: that takes seconds
        return search(query, self._context)

    def search_many(self, queries: Sequence[ComposedQuery]) -> list[SearchResult]:
        """A result per query, in their order, each as `search` would give it, but with one scan for all of them.

        >>> queries = [ComposedQuery("ref.jpg", text) for text in ("with a hat", "at night")]
        >>> hats, nights = gallery.search_many(queries)                # doctest: +SKIP

        Raises what `search` raises, for the first query that gives cause.
        """
        from cvsi_db.query.checks import check_query
        from cvsi_db.search import search_many

        for query in queries:
            check_query(query)  # before the models load
        return search_many(queries, self._context)

    def explain(self, reference: Reference | None = None, edit_text: str | None = None, **options: Any) -> str:
        """Run a search and tell how it ran: branches, the texts they embed, the plan, the time of each stage.

        Takes search's arguments and raises what it raises.
        """
        from cvsi_db.search.present.hits import explain_text

        return explain_text(self.search(reference, edit_text, **options))

    def sql(self, statement: str, /, *values: object, **parameters: object) -> pa.Table:
        """The rows of one SELECT from compose(reference, edit) or from images, as an Arrow table.

        Images and files are only read; what a search keeps in the catalog (captions, rewrites) is kept here too.
        `values` fill its `?` and `parameters` its `:name`: a reference may be a path, bytes or a PIL image there, and
        no text needs quoting. The search's warnings are in the schema's metadata, a line each. Raises SqlError for
        what is no such statement, and what a search raises.

        >>> gallery.sql("SELECT path FROM compose(:ref, :edit)", ref=picture, edit="with a hat")  # doctest: +SKIP
        """
        from cvsi_db.query.statement import parse_statement
        from cvsi_db.search import search
        from cvsi_db.search.present.arrow import answer

        asked = parse_statement(statement, self._store.columns, values, parameters)
        return answer(asked, self._store, lambda query: search(query, self._context))

    @property
    def usage(self) -> Usage | None:
        """What the rewriter has cost since the gallery was opened: requests and tokens; None when it asked nobody."""
        from cvsi_db.models.rewriters import usage_of

        usage = usage_of(self._rewriter)
        return usage if usage and usage.requests else None

    def close(self) -> None:
        """Close the catalog; the gallery cannot be used afterwards."""
        self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def _context(self) -> SearchContext:
        from cvsi_db.search import SearchContext

        bundle = self._bundle
        return SearchContext(
            store=self._store,
            catalog=self._catalog,
            encoder=bundle.encoder,
            phi=bundle.phi,
            captioner=bundle.captioner,
            rewriter=self._rewriter,
            preset=bundle.spec.preset,
            device=bundle.device,
        )


def _several(given: Any) -> tuple[Any, ...]:
    """What was given, be it one or a sequence: a lone text or path is one, not its letters."""
    return tuple(given) if isinstance(given, Sequence) and not isinstance(given, str | bytes) else (given,)
