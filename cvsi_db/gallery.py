"""The gallery: what an app works with. Opens a folder with its models, and passes each call to the stage that does it.

Knows nothing about tables, towers or plans itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from cvsi_db.errors import BundleError, IngestError
from cvsi_db.records import ComposedQuery, IngestProgress, IngestSummary, Reference, SearchResult

if TYPE_CHECKING:
    import pyarrow as pa

    from cvsi_db.catalog import Catalog
    from cvsi_db.indexing import OptimizeSummary
    from cvsi_db.ingest.caption_lines import CaptionImport
    from cvsi_db.ingest.recaption import RecaptionProgress, RecaptionSummary
    from cvsi_db.models.bundle import Bundle
    from cvsi_db.models.protocols import Captioner, Rewriter
    from cvsi_db.models.usage import Usage
    from cvsi_db.search import SearchContext
    from cvsi_db.store import Store


class Gallery:
    """A folder of searchable images: their embeddings, captions and metadata.

    >>> from cvsi_db import Gallery
    >>> with Gallery.open_or_create("my-gallery") as gallery:          # doctest: +SKIP
    ...     gallery.ingest("photos")
    ...     for hit in gallery.search("ref.jpg", "with a hat"):
    ...         print(hit.rank, hit.path, hit.score)
    """

    def __init__(self, folder: Path, store: Store, catalog: Catalog, bundle: Bundle, rewriter: Rewriter) -> None:
        self.folder = folder
        self._store = store
        self._catalog = catalog
        self._bundle = bundle
        self._rewriter = rewriter

    @classmethod
    def create(
        cls, folder: str | Path, *, model: str = "starter", device: str = "auto", rewriter: str | None = None
    ) -> Self:
        """Make an empty gallery for the bundle `model` and open it; `rewriter` stands in for the bundle's own.

        Raises GalleryError when the folder holds a gallery already or something else, BundleError for an unknown
        bundle, ModelError when its weights cannot be had.
        """
        from cvsi_db.catalog import GalleryInfo
        from cvsi_db.models.bundle import load_bundle
        from cvsi_db.models.rewriter import make_rewriter
        from cvsi_db.storage import create_gallery_folder

        bundle = load_bundle(model, device)
        speaker = make_rewriter(rewriter or bundle.spec.rewriter)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        info = GalleryInfo(bundle.source, bundle.fingerprint, bundle.encoder.dim, now)
        return cls(Path(folder), *create_gallery_folder(Path(folder), info), bundle, speaker)

    @classmethod
    def open(
        cls, folder: str | Path, *, model: str | None = None, device: str = "auto", rewriter: str | None = None
    ) -> Self:
        """Open a gallery with the bundle it was made with; `model` may name it again, or give a bundle's file.

        Raises GalleryError when there is none, MigrationError when a newer version made it, BundleError when `model`
        is another bundle or its weights have changed.
        """
        from cvsi_db.models.bundle import load_bundle
        from cvsi_db.models.rewriter import make_rewriter
        from cvsi_db.storage import open_gallery_folder

        store, catalog = open_gallery_folder(Path(folder))
        with ExitStack() as on_error:
            on_error.callback(catalog.close)
            info = catalog.gallery()
            bundle = load_bundle(model or info.bundle, device)
            if bundle.fingerprint != info.fingerprint:
                raise BundleError(
                    f"the gallery {str(folder)!r} was made with {info.fingerprint}, not with {bundle.fingerprint}: "
                    f"use --model {info.bundle}, or another --db for this model"
                )
            speaker = make_rewriter(rewriter or bundle.spec.rewriter)
            on_error.pop_all()
        return cls(Path(folder), store, catalog, bundle, speaker)

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
        from cvsi_db.storage import is_gallery

        if is_gallery(Path(folder)):
            return cls.open(folder, model=model, device=device, rewriter=rewriter)
        return cls.create(folder, model=model or default_model, device=device, rewriter=rewriter)

    def ingest(
        self,
        *paths: str | Path,
        on_progress: Callable[[IngestProgress], None] | None = None,
        batch_size: int = 32,
        caption: bool = True,
    ) -> IngestSummary:
        """Take in files and folders; `on_progress` is called after each batch.

        Without `caption` new images wait for the method of that name, and searches say so. Files that cannot be read
        are counted and listed in the summary. Raises IngestError for a path that does not exist or holds no picture,
        GalleryError when another process is writing.
        """
        from cvsi_db.ingest import ingest
        from cvsi_db.storage import write_lock

        with write_lock(self.folder):
            return ingest(
                [Path(path) for path in paths],
                store=self._store,
                catalog=self._catalog,
                encoder=self._bundle.encoder,
                captioner=self._bundle.captioner if caption else None,
                batch_size=batch_size,
                progress=on_progress,
            )

    def caption(
        self,
        *,
        captions: int | None = None,
        on_progress: Callable[[RecaptionProgress], None] | None = None,
        batch_size: int = 32,
    ) -> RecaptionSummary:
        """Caption the images that have no captions; `on_progress` is called after each batch.

        `captions` is how many each gets, in place of the bundle's number. Images whose file is gone or changed are
        counted and listed in the summary. May be interrupted and called again. Raises GalleryError when another
        process is writing, ModelError when the captioner's weights cannot be had.
        """
        from cvsi_db.ingest.recaption import recaption
        from cvsi_db.storage import write_lock

        captioner = self._bundle.captioner if captions is None else self._captioner_of(captions)
        with write_lock(self.folder):
            return recaption(
                store=self._store,
                catalog=self._catalog,
                encoder=self._bundle.encoder,
                captioner=captioner,
                batch_size=batch_size,
                given=captioner.name != self._bundle.captioner.name,
                progress=on_progress,
            )

    def export_captions(self) -> Iterator[str]:
        """A line of JSON per image, in the order of their paths: image_id, path, captions, captioner."""
        from cvsi_db.ingest.caption_lines import export_captions

        return export_captions(self._store, self._catalog)

    def import_captions(
        self, file: str | Path, *, on_progress: Callable[[int, int], None] | None = None
    ) -> CaptionImport:
        """Take captions from a file of such lines, in place of those its images have; see caption_lines.

        `on_progress` is called with the images done and their total. Raises IngestError, before anything is written,
        for a line that cannot be used, GalleryError when another process is writing.
        """
        from cvsi_db.ingest.caption_lines import import_captions
        from cvsi_db.storage import write_lock

        with write_lock(self.folder):
            return import_captions(
                Path(file),
                store=self._store,
                catalog=self._catalog,
                encoder=self._bundle.encoder,
                progress=on_progress,
            )

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
    ) -> SearchResult:
        """Find the images that look like `reference` changed as `edit_text` says; either may be missing, not both.

        The reference is a path, the bytes of an image file, or a PIL image; it need not be in the gallery, and when
        it is, it is left out of the hits unless `exclude_reference` is False. Returns a list of hits, best first.
        ComposedQuery says what the other arguments do.
        Raises QueryError, RankError or FilterError when the query makes no sense, and RankError when it is `strict`
        and the bundle lacks a branch that the preset asks for.
        """
        from cvsi_db.search import search
        from cvsi_db.search.query import check_query

        examples = (_several(liked), _several(unliked), _several(negative))
        query = ComposedQuery(
            reference, edit_text, k, where, rank, preset, exclude_reference, strict, offset, min_score, auto_cut,
            *examples, pool,
        )  # fmt: skip
        check_query(query)  # before the models load: that takes seconds
        return search(query, self._context)

    def search_many(self, queries: Sequence[ComposedQuery]) -> list[SearchResult]:
        """A result per query, in their order, each as `search` would give it, but with one scan for all of them.

        >>> queries = [ComposedQuery("ref.jpg", text) for text in ("with a hat", "at night")]
        >>> hats, nights = gallery.search_many(queries)                # doctest: +SKIP

        Raises what `search` raises, for the first query that gives cause.
        """
        from cvsi_db.search import search_many
        from cvsi_db.search.query import check_query

        for query in queries:
            check_query(query)  # before the models load
        return search_many(queries, self._context)

    def explain(self, reference: Reference | None = None, edit_text: str | None = None, **options: Any) -> str:
        """Run a search and tell how it ran: branches, the texts they embed, the plan, the time of each stage.

        Takes search's arguments and raises what it raises.
        """
        from cvsi_db.search.present import explain_text

        return explain_text(self.search(reference, edit_text, **options))

    def sql(self, statement: str, /, *values: object, **parameters: object) -> pa.Table:
        """The rows of one SELECT from compose(reference, edit) or from images, as an Arrow table.

        Images and files are only read; what a search keeps in the catalog (captions, rewrites) is kept here too.
        `values` fill its `?` and `parameters` its `:name`: a reference may be a path, bytes or a PIL image there, and
        no text needs quoting. The search's warnings are in the schema's metadata, a line each. Raises SqlError for
        what is no such statement, and what a search raises.

        >>> gallery.sql("SELECT path FROM compose(:ref, :edit)", ref=picture, edit="with a hat")  # doctest: +SKIP
        """
        from cvsi_db.search import search
        from cvsi_db.search.select import answer
        from cvsi_db.search.statement import parse_statement

        asked = parse_statement(statement, self._store.columns, values, parameters)
        return answer(asked, self._store, lambda query: search(query, self._context))

    def stats(self) -> dict[str, Any]:
        """Counts and facts: images, those without captions, files by state, bundle, width, folder."""
        from collections import Counter

        info, files = self._catalog.gallery(), self._catalog.source_files()
        return {
            "folder": str(self.folder),
            "model": info.bundle,
            "fingerprint": info.fingerprint,
            "dim": info.dim,
            "created_at": info.created_at,
            "images": self._store.count(),
            "uncaptioned": self._store.count_uncaptioned(),
            "files": dict(sorted(Counter(file.state for file in files.values()).items())),
        }

    @property
    def usage(self) -> Usage | None:
        """What the rewriter has cost since the gallery was opened: requests and tokens; None when it asked nobody."""
        from cvsi_db.models.rewriter import usage_of

        usage = usage_of(self._rewriter)
        return usage if usage and usage.requests else None

    def images(self, where: str | None = None) -> list[dict[str, Any]]:
        """The metadata of all images, or of those that satisfy `where`, in the order of their paths.

        Raises FilterError when `where` does not parse or names an unknown column.
        """
        from cvsi_db.search.sql import check_where

        columns = self._store.columns
        condition = None if where is None else check_where(where, columns)
        rows: list[dict[str, Any]] = self._store.scan(list(columns), condition).to_pylist()
        return sorted(rows, key=lambda row: (row["path"], row["image_id"]))

    def check(self) -> list[str]:
        """What is wrong with the gallery, one line each: catalog against tables, vectors, captions."""
        from cvsi_db.check import find_problems

        return find_problems(self._store, self._catalog)

    def optimize(self, *, on_step: Callable[[int, int, str], None] | None = None) -> OptimizeSummary:
        """Compact the tables, drop their old versions, and build the indexes that a gallery of this size should have.

        `on_step` is told the steps done, their total and the next one. Safe to repeat. Raises GalleryError when
        another process is writing.
        """
        from cvsi_db.storage import write_lock

        with write_lock(self.folder):
            return self._store.optimize(on_step=on_step)

    def close(self) -> None:
        """Close the catalog; the gallery cannot be used afterwards."""
        self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _captioner_of(self, captions: int) -> Captioner:
        """The bundle's captioner, but for the number of its captions."""
        from cvsi_db.models.bundle import Bundle

        if captions < 1:
            raise IngestError(f"cannot write {captions!r} captions per image: ask for at least 1")
        bundle = self._bundle
        return Bundle(replace(bundle.spec, captions=captions), bundle.device, bundle.source).captioner

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
