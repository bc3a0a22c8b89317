"""The gallery: what an app works with. One class that opens a folder with its models and passes each call to the stage
that does the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from copy import copy
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cached_property, wraps
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, Unpack, cast

from cvsi_db.errors import BundleError, GalleryError, IngestError, ModelError, QueryError
from cvsi_db.records import ComposedQuery, IngestProgress, IngestSummary, Reference, Usage, Weights
from cvsi_db.store.location import Location, locate

if TYPE_CHECKING:
    import pyarrow as pa

    from cvsi_db.ingest.ray_engine import RayEngine
    from cvsi_db.ingest.recaption import RecaptionProgress, RecaptionSummary
    from cvsi_db.manage.backup import BackupSummary
    from cvsi_db.manage.caption_file import CaptionImport
    from cvsi_db.manage.check import Problem
    from cvsi_db.manage.duplicates import Duplicates
    from cvsi_db.manage.export import ExportSummary
    from cvsi_db.manage.reembed import ReembedPlan, ReembedSummary
    from cvsi_db.manage.remove import RemoveSummary
    from cvsi_db.manage.repair import RepairSummary
    from cvsi_db.manage.tags import TagSummary
    from cvsi_db.models.bundle import Bundle
    from cvsi_db.models.protocols import Rewriter, Verifier
    from cvsi_db.query.filters import Filters
    from cvsi_db.search import SearchContext, SearchResult
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store
    from cvsi_db.store.indexes import OptimizeSummary

PathLike = str | Path
Method = TypeVar("Method", bound=Callable[..., Any])


class _Closed:
    """Stands for the store and the catalog of a closed gallery."""

    def __init__(self, folder: Location) -> None:
        self._folder = folder

    def __getattr__(self, name: str) -> Any:
        self.refuse()

    def refuse(self) -> NoReturn:
        """Raise GalleryError."""
        raise GalleryError(f"the gallery {str(self._folder)!r} is closed: open it again")


def _checked(method: Method) -> Method:
    """The method; it raises UsageError for an argument of the wrong kind, GalleryError once the gallery is closed."""

    @wraps(method)
    def call(*given: Any, **named: Any) -> Any:
        from cvsi_db.query.arguments import check_arguments

        if given and isinstance(given[0], Gallery) and isinstance(given[0]._catalog, _Closed):
            given[0]._catalog.refuse()
        check_arguments(method, given, named)
        return method(*given, **named)

    return cast(Method, call)


class Gallery:
    """A folder of searchable images: their embeddings, captions and metadata.

    >>> from cvsi_db import Gallery
    >>> with Gallery.open_or_create("my-gallery") as gallery:          # doctest: +SKIP
    ...     gallery.ingest("photos")
    ...     for hit in gallery.search("ref.jpg", "with a hat"):
    ...         print(hit.rank, hit.path, hit.score)

    `folder` is a path, or an address on object storage (s3://bucket/gallery, gs://, az://) with the settings of the
    environment. A method that writes raises GalleryError when another process is writing, and when the tables cannot be
    written.
    """

    def __init__(
        self,
        folder: Location,
        store: Store,
        catalog: Catalog,
        bundle: Bundle,
        rewriter: Rewriter,
        verifier: str | None = None,
    ) -> None:
        self.folder = folder
        self._store = store
        self._catalog = catalog
        self._bundle = bundle
        self._rewriter = rewriter
        if verifier is not None:
            from cvsi_db.search.verify import make_verifier

            self._verifier = make_verifier(verifier)

    # --- opening and closing ------------------------------------------------------------------------------------

    @classmethod
    @_checked
    def create(
        cls,
        folder: str | Path,
        *,
        model: str | None = None,
        device: str = "auto",
        rewriter: str | None = None,
        verifier: str | None = None,
    ) -> Self:
        """Make an empty gallery for the bundle `model` and open it; `rewriter` replaces the bundle's own.

        `verifier` looks at the best hits again where a query says `verify`: openai where none is named.

        Without `model` it is for photographs: bge-vl-base where its weights can be had, else photos-lite; which one is
        logged.

        Raises GalleryError when the folder holds a gallery already or something else, BundleError for an unknown
        bundle, ModelError when the weights of its CLIP or phi cannot be had or do not fit each other.
        """
        from cvsi_db.models.bundle import load_bundle
        from cvsi_db.models.choice import choose_model
        from cvsi_db.models.rewriters import make_rewriter
        from cvsi_db.models.spec import NO_PHI, complete_name
        from cvsi_db.store.catalog import GalleryInfo
        from cvsi_db.store.folder import create_gallery_folder

        if model is None or model == NO_PHI:
            model = complete_name(model, choose_model())
        bundle = load_bundle(model, device)
        chosen = make_rewriter(rewriter or bundle.spec.rewriter, device)
        bundle.check(captioner=False)  # a gallery may be made without captions
        now = datetime.now(UTC).isoformat(timespec="seconds")
        info = GalleryInfo(bundle.source, bundle.fingerprint, bundle.encoder.dim, now)
        return cls(locate(folder), *create_gallery_folder(locate(folder), info), bundle, chosen, verifier)

    @classmethod
    @_checked
    def open(
        cls,
        folder: str | Path,
        *,
        model: str | None = None,
        device: str = "auto",
        rewriter: str | None = None,
        verifier: str | None = None,
    ) -> Self:
        """Open a gallery with the bundle it was made with; `model` may name it again, or give a bundle's file.

        `:no-phi` behind a bundle's name, or alone, leaves its phi out.

        Raises GalleryError when there is none, MigrationError when a newer version made it, BundleError when `model`
        is another bundle or its weights have changed.
        """
        from cvsi_db.models.bundle import load_bundle
        from cvsi_db.models.rewriters import make_rewriter
        from cvsi_db.models.spec import complete_name
        from cvsi_db.store.folder import open_gallery_folder

        store, catalog = open_gallery_folder(locate(folder))
        with ExitStack() as on_error:
            on_error.callback(catalog.close)
            info = catalog.gallery()
            bundle = load_bundle(complete_name(model, info.bundle), device)
            if not bundle.fits(info.fingerprint):
                raise BundleError(
                    f"the gallery {str(folder)!r} was made with {info.fingerprint}, not with {bundle.fingerprint}: "
                    f"use --model {info.bundle}, or change its model with `cvsi-db reembed --model {bundle.source}`"
                )
            chosen = make_rewriter(rewriter or bundle.spec.rewriter, device)
            on_error.pop_all()
        return cls(locate(folder), store, catalog, bundle, chosen, verifier)

    @classmethod
    @_checked
    def open_or_create(
        cls,
        folder: str | Path,
        *,
        model: str | None = None,
        default_model: str | None = None,
        device: str = "auto",
        rewriter: str | None = None,
        verifier: str | None = None,
    ) -> Self:
        """Open the gallery in `folder`, or make it; a new one without `model` takes the bundle `default_model`.

        Without either it takes the one that `create` chooses.
        """
        from cvsi_db.models.spec import complete_name
        from cvsi_db.store.folder import is_gallery

        if is_gallery(locate(folder)):
            return cls.open(folder, model=model, device=device, rewriter=rewriter, verifier=verifier)
        chosen = complete_name(model, default_model) if default_model else model
        return cls.create(folder, model=chosen, device=device, rewriter=rewriter, verifier=verifier)

    @property
    def model(self) -> str:
        """The bundle it is opened with: a name, or a bundle file's path."""
        return self._bundle.source

    @property
    def preset(self) -> str:
        """The preset of a query that names none."""
        return self._bundle.spec.preset

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """The columns of an image that conditions and statements may name, with their types."""
        return self._store.columns

    @property
    def uncaptioned(self) -> int:
        """How many images have no captions."""
        return self._store.count_uncaptioned()

    @property
    def version(self) -> int:
        """Changes with every write to the images, by whichever process."""
        return self._store.version

    @property
    def usage(self) -> Usage | None:
        """What the rewriter has cost since the gallery was opened: requests and tokens; None when it asked nobody."""
        from cvsi_db.models.rewriters import usage_of

        usage = usage_of(self._rewriter)
        return usage if usage and usage.requests else None

    @property
    def verifier_usage(self) -> Usage | None:
        """What the verifier has cost since the gallery was opened; None when it asked nobody."""
        made: Verifier | None = self.__dict__.get("_verifier")  # it need not be made for that
        usage = made.usage if made else None
        return usage if usage and usage.requests else None

    def close(self) -> None:
        """Close the catalog; the gallery cannot be used afterwards."""
        if not isinstance(self._catalog, _Closed):
            self._catalog.close()
            self._store = self._catalog = cast(Any, _Closed(self.folder))
            self.__dict__.pop("_context", None)

    @_checked
    def is_replaced(self) -> bool:
        """Whether a reembed or a rewrite has replaced the tables that are open: open the gallery again then."""
        return self._store.is_gone()

    def __len__(self) -> int:
        """How many images it holds."""
        return self._store.count()

    def __repr__(self) -> str:
        closed = isinstance(self._catalog, _Closed)
        state = "closed" if closed else f"{len(self):,} images, model {self._bundle.spec.name}"
        return f"<Gallery {str(self.folder)!r}: {state}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- searching ----------------------------------------------------------------------------------------------

    def search(  # noqa: PLR0913  # one argument per option of a query
        self,
        reference: Reference | None = None,
        edit_text: str | None = None,
        *,
        k: int = 10,
        where: str | None = None,
        rank: str | Weights | None = None,
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
        after: str | date | None = None,
        before: str | date | None = None,
        near: str | Sequence[float] | None = None,
        folder: PathLike | None = None,
        camera: str | None = None,
        tag: str | Sequence[str] = (),
        rating: int | None = None,
        edited_captions: str | Sequence[str] = (),
        added_objects: str | None = None,
        match: str | None = None,
        verify: int = 0,
        verify_weight: float | None = None,
        refine: float | None = None,
    ) -> SearchResult:
        """Find the images that look like `reference` changed as `edit_text` says; either may be missing, not both.

        The reference is a path, a URL, the bytes of an image file, an open file, a PIL image, or an array of uint8
        (height, width) or (height, width, 3); it need not be in the gallery, and when
        it is, it is left out of the hits unless `exclude_reference` is False. Returns a list of hits, best first.
        ComposedQuery says what the other arguments do.
        Raises QueryError, RankError or FilterError when the query makes no sense, RankError when it is `strict`
        and the bundle lacks a branch that the preset asks for, and VerifyError when no verifier can answer.
        """
        query = ComposedQuery(
            reference, edit_text, k, where, rank, preset, exclude_reference, strict, offset, min_score, auto_cut,
            _several(liked), _several(unliked), _several(negative), pool, exact,
            after, before, near, folder, camera, _several(tag), rating, _several(edited_captions), added_objects, match,
            verify, verify_weight, refine,
        )  # fmt: skip
        return self.search_many([query])[0]

    def search_many(self, queries: Sequence[ComposedQuery], *, verified: bool = True) -> list[SearchResult]:
        """A result per query, in their order, each as `search` would give it, but with one scan for all of them.

        >>> queries = [ComposedQuery("ref.jpg", text) for text in ("with a hat", "at night")]
        >>> hats, nights = gallery.search_many(queries)                # doctest: +SKIP

        Unless they are `verified`, no verifier is asked: `verify` can do that later. Raises what `search` raises, for
        the first query that causes it: the error's `position` says which.
        """
        from cvsi_db.search import search_many

        if not isinstance(queries, Sequence) or not all(isinstance(query, ComposedQuery) for query in queries):
            raise QueryError(f"queries is {queries!r:.100}: give a list of ComposedQuery")
        return search_many(queries, self._context, verified=verified)

    @_checked
    def verify(self, results: Sequence[SearchResult]) -> list[SearchResult]:
        """The results of searches that were not verified, as their queries ask: see ComposedQuery's `verify`.

        Raises VerifyError when the verifier cannot answer at all.
        """
        from cvsi_db.search.verify import verify

        return verify(results, self._context, lambda query: self.search_many([query])[0])

    def explain(self, reference: Reference | None = None, edit_text: str | None = None, **options: Any) -> str:
        """Run a search and tell how it ran: branches, the texts they embed, the plan, the time of each stage.

        Takes search's arguments and raises what it raises.
        """
        from cvsi_db.search.present.explain import explain_text

        return explain_text(self.search(reference, edit_text, **options))

    @_checked
    def sql(self, statement: str, /, *values: object, **parameters: object) -> pa.Table:
        """The rows of one SELECT over images, captions and compose(reference, edit), as an Arrow table: docs/sql.md.

        Images and files are only read; what a search keeps in the catalog (captions, rewrites) is kept here too.
        `values` fill its `?` and `parameters` its `:name`: a reference may be a path, bytes or a PIL image there, and
        no text needs quoting. The warnings of searches are in the schema's metadata, a line each. Raises SqlError for
        what is no such statement or takes too much time or memory, and what a search raises.

        >>> gallery.sql("SELECT path FROM compose(:ref, :edit)", ref=picture, edit="with a hat")  # doctest: +SKIP
        """
        from cvsi_db.query.statement import parse_statement
        from cvsi_db.search.present.arrow import answer

        asked = parse_statement(statement, self._store.columns, values, parameters)
        return answer(asked, self._store, lambda query: self.search_many([query])[0])

    @_checked
    def through(self, answer: Callable[[Sequence[ComposedQuery]], list[SearchResult]]) -> Gallery:
        """The same gallery, open once, with `answer` in place of its search_many, as for a queue that several share."""
        other = copy(self)
        other.search_many = answer  # type: ignore[assignment, method-assign]
        return other

    # --- images and captions ------------------------------------------------------------------------------------

    @_checked
    def ingest(  # noqa: PLR0913  # one argument per option of an ingest
        self,
        *paths: PathLike,
        on_progress: Callable[[IngestProgress], None] | None = None,
        on_searchable: Callable[[IngestSummary, int], None] | None = None,
        batch_size: int | None = None,
        caption: bool = True,
        prune: bool = False,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Mapping[str, Any]] | None = None,
        max_pixels: int | None = None,
        dry_run: bool = False,
        thumbnails: bool = True,
        engine: RayEngine | None = None,
    ) -> IngestSummary:
        """Take in files and folders: embed all, then caption those that have no captions, if the model has a captioner.

        `on_progress` is called after each batch, which is as large as suits the device; `on_searchable` when all
        images can be searched, with the summary so far and the number of images to caption. Whatever interrupts the
        captions after that, the method `caption` goes on with them. Without `caption` they are left to it. An image
        whose last file is gone is kept out of searches until it is back; with `prune` it is forgotten for good. All
        named images get the `tags`. `metadata` says of files, by absolute path, what they do not say themselves, in
        Metadata's fields; it counts when a file is read. `max_pixels` lets larger images be read than MAX_PIXELS, from
        then on in the whole process. New images get `thumbnails`: small JPEGs in the gallery, to be shown where their
        files are not mounted. With `dry_run` nothing is done but counting. Files that cannot be read, and those that
        are no images, are counted and listed in the summary. With an `engine` its workers read the files and run the
        models; the gallery becomes the same. Raises IngestError for a path that does not exist or holds no image,
        UsageError for a tag that cannot be one, EngineError when the workers cannot be started.
        """
        from cvsi_db.ingest import dry_run as count
        from cvsi_db.ingest import ingest
        from cvsi_db.ingest.pillow_guard import allow_pixels
        from cvsi_db.store.folder import write_lock

        if max_pixels is not None:
            allow_pixels(max_pixels)
        named = [locate(path) for path in paths]
        if dry_run:
            return count(named, self._store, self._catalog)
        with write_lock(self.folder), engine.start(self._bundle) if engine else nullcontext() as workers:
            return ingest(
                named,
                store=self._store,
                catalog=self._catalog,
                encoder=workers.encoder if workers else self._bundle.encoder,
                captioner=self._bundle.captioner if caption else None,
                batch_size=batch_size,
                progress=on_progress,
                on_searchable=on_searchable,
                prune=prune,
                tags=tags,
                metadata=metadata or {},
                thumbnails=thumbnails,
                workers=workers,
            )

    @_checked
    def caption(
        self,
        *,
        captions: int | None = None,
        again: bool = False,
        on_progress: Callable[[RecaptionProgress], None] | None = None,
        batch_size: int | None = None,
        engine: RayEngine | None = None,
    ) -> RecaptionSummary:
        """Caption the images that have no captions; `on_progress` is called after each batch.

        `captions` is how many each gets, in place of the bundle's number. With `again` those are captioned too whose
        captions another captioner wrote, as after `reembed`. Images whose file is gone or changed are counted and
        listed in the summary. May be interrupted and called again; `engine` as for `ingest`. Raises ModelError when the
        bundle has no captioner, or its weights cannot be had.
        """
        from cvsi_db.ingest.recaption import captioned_by_others, recaption
        from cvsi_db.models.bundle import Bundle
        from cvsi_db.store.catalog import GIVEN
        from cvsi_db.store.folder import write_lock

        bundle = self._bundle
        if captions is not None:
            if captions < 1:
                raise IngestError(f"cannot write {captions!r} captions per image: ask for at least 1")
            bundle = Bundle(replace(bundle.spec, captions=captions), bundle.device, bundle.source)
        captioner = bundle.captioner
        if captioner is None and not self._catalog.captions(self._store.uncaptioned(), GIVEN):
            raise ModelError(
                f"the bundle {bundle.spec.name} has no captioner: name one in a bundle file, or import captions"
            )
        with write_lock(self.folder), engine.start(bundle) if engine else nullcontext() as workers:
            others = captioned_by_others(self._store, self._catalog, captioner.name) if again and captioner else []
            return recaption(
                store=self._store,
                catalog=self._catalog,
                encoder=workers.encoder if workers else self._bundle.encoder,
                captioner=captioner,
                image_ids=sorted([*self._store.uncaptioned(), *others]),
                batch_size=batch_size,
                given=bundle.spec != self._bundle.spec,
                progress=on_progress,
                workers=workers,
            )

    @_checked
    def export_captions(self) -> Iterator[str]:
        """A line of JSON per image, in the order of their paths: image_id, path, captions, captioner."""
        from cvsi_db.manage.caption_file import export_captions

        return export_captions(self._store, self._catalog)

    @_checked
    def export(
        self,
        file: PathLike,
        where: str | None = None,
        *,
        columns: Sequence[str] = (),
        vectors: bool = False,
        on_progress: Callable[[int, int], None] | None = None,
        **filters: Unpack[Filters],
    ) -> ExportSummary:
        """Write the images that satisfy `where` and the filters, a row each, to the Parquet `file`: see `images`.

        They come in no particular order, with their `columns`, by default all but the vectors. With `vectors` also
        `image_vector` (a list of the model's width) and `caption_vectors` (such a list per caption), float16 as stored;
        the schema's metadata hold the model's name and fingerprint. The file is replaced, whole or not at all.
        `on_progress` is called with the images done and their total. Raises FilterError when `where` does not parse or
        names an unknown column, QueryError for unknown `columns`, GalleryError when the file cannot be written.
        """
        from cvsi_db.manage.export import export

        return export(
            Path(file),
            store=self._store,
            catalog=self._catalog,
            where=where,
            columns=columns,
            vectors=vectors,
            filters=filters,
            progress=on_progress,
        )

    @_checked
    def import_captions(
        self, file: PathLike, *, on_progress: Callable[[int, int], None] | None = None
    ) -> CaptionImport:
        """Take captions from a file of such lines, in place of those its images have; see caption_lines.

        `on_progress` is called with the images done and their total. Raises IngestError, before anything is written,
        for a line that cannot be used.
        """
        from cvsi_db.manage.caption_file import import_captions
        from cvsi_db.store.folder import write_lock

        store, catalog, encoder = self._store, self._catalog, self._bundle.encoder
        with write_lock(self.folder):
            return import_captions(Path(file), store=store, catalog=catalog, encoder=encoder, progress=on_progress)

    # --- what is there ------------------------------------------------------------------------------------------

    @_checked
    def stats(self) -> dict[str, Any]:
        """Counts and facts, as plain values: see cvsi_db.manage.stats."""
        from cvsi_db.manage.stats import stats

        return stats(self.folder, self._store, self._catalog)

    @_checked
    def images(
        self,
        where: str | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        removed: bool = False,
        columns: Sequence[str] = (),
        **filters: Unpack[Filters],
    ) -> list[dict[str, Any]]:
        """The metadata of all images, or of those that satisfy `where` and the filters, in the order of their paths.

        At most `limit` of them, after the first `offset`; their `columns`, by default all but the vectors. With
        `removed` those whose files are all gone: searches do not find them, and they come back with their files.
        Raises FilterError when `where` does not parse or names an unknown column, QueryError for a negative number.
        """
        return list(self.each_image(where, limit=limit, offset=offset, removed=removed, columns=columns, **filters))

    @_checked
    def each_image(
        self,
        where: str | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        removed: bool = False,
        columns: Sequence[str] = (),
        **filters: Unpack[Filters],
    ) -> Iterator[dict[str, Any]]:
        """The same one by one, as they are read: no more than some are in memory, however large the gallery is.

        They are those of the moment at which the first one is asked for. Raises as `images` does.
        """
        from cvsi_db.manage.listing import each_image

        return each_image(self._store, where, limit, offset, removed, columns, filters)

    @_checked
    def count(self, where: str | None = None, **filters: Unpack[Filters]) -> int:
        """How many images satisfy `where` and the filters. Raises as `images` does."""
        from cvsi_db.manage.selection import wanted_rows

        return self._store.count(wanted_rows(self._store, where, filters))

    @_checked
    def facets(self, where: str | None = None, *, limit: int = 100, **filters: Unpack[Filters]) -> dict[str, Any]:
        """How many of the images that satisfy `where` and the filters are in which folder, of which camera, year, tag,
        rating and format: see cvsi_db.manage.facets. Raises as `images` does.
        """
        from cvsi_db.manage.facets import facets

        return facets(self._store, where, filters, limit)

    @_checked
    def why_no_image(
        self, where: str | None = None, *, removed: bool = False, **filters: Unpack[Filters]
    ) -> str | None:
        """Why `images` with these arguments lists none, in one line; None where there are some.

        The gallery is empty, a folder or a tag is not in it, a condition is too narrow. Raises as `images` does.
        """
        from cvsi_db.manage.nothing import why_no_image
        from cvsi_db.query.options import condition

        condition(where, self._store.columns, filters)
        return why_no_image(self._store, where, filters, "removed" if removed else "images")

    @_checked
    def failed(self) -> list[dict[str, Any]]:
        """The files that were seen and are not in the gallery, by path: path, error, size_bytes and state.

        The state is "failed" for a file that could not be read, "skipped" for one that is no image and for a folder
        that is not entered.
        """
        from cvsi_db.manage.listing import list_failed

        return list_failed(self._catalog)

    @_checked
    def duplicates(
        self, threshold: float = 0.98, *, on_progress: Callable[[int, int], None] | None = None
    ) -> Duplicates:
        """Images with several files, and groups of images that look alike: each has one in its group whose embedding
        is as near as the cosine `threshold`. No pair is missed; the time grows up to the square of the gallery.

        `on_progress` is called with the comparisons done and their total. Raises QueryError for a threshold that is
        not above 0 and at most 1.
        """
        from cvsi_db.manage.duplicates import find_duplicates

        return find_duplicates(self._store, threshold, on_progress)

    @_checked
    def thumbnails(self, image_ids: Sequence[str]) -> dict[str, bytes]:
        """The thumbnails of those of these images that have one: JPEG files, at most 320 pixels long, by image_id."""
        return self._store.thumbnails(image_ids)

    # --- keeping it in order ------------------------------------------------------------------------------------

    @_checked
    def tag(
        self, *paths: PathLike, where: str | None = None, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> TagSummary:
        """Add tags to the images at or under `paths` that satisfy `where`, and remove others from them.

        Raises UsageError when neither says which images, a path names none of the gallery, or a tag is empty or both
        added and removed; FilterError for a condition that cannot be used.
        """
        from cvsi_db.manage.tags import tag
        from cvsi_db.store.folder import write_lock

        with write_lock(self.folder):
            return tag(self._store, [locate(path) for path in paths], where, add, remove)

    @_checked
    def tags(self, *paths: PathLike, where: str | None = None) -> dict[str, int]:
        """How many of these images, else of all, have each tag, by name. Raises as `tag` does."""
        from cvsi_db.manage.tags import count_tags

        return count_tags(self._store, [locate(path) for path in paths], where)

    @_checked
    def remove(self, *paths: PathLike, where: str | None = None, dry_run: bool = False) -> RemoveSummary:
        """Forget images with their captions and what the catalog knows of their files; the files stay as they are.

        Meant are the files at or under `paths` of images that satisfy `where`; an image with another file stays with
        that one. A later ingest of such a file takes it in as new. `dry_run` only tells. Raises as `tag` does.
        """
        from cvsi_db.manage.remove import remove
        from cvsi_db.store.folder import write_lock

        with nullcontext() if dry_run else write_lock(self.folder):
            return remove(self._store, self._catalog, [locate(path) for path in paths], where, dry_run)

    @_checked
    def check(self) -> list[Problem]:
        """What is wrong with the gallery, sorted: catalog, tables and files against each other, vectors, captions."""
        from cvsi_db.manage.check import find_problems

        return find_problems(self._store, self._catalog, files=True)

    @_checked
    def repair(self) -> RepairSummary:
        """Mend what can be mended without a model; the summary says what was done and what remains.

        Nothing that a file still holds is lost: what is taken out of the tables is read again by the next ingest.
        """
        from cvsi_db.manage.repair import repair
        from cvsi_db.store.folder import write_lock

        with write_lock(self.folder):
            return repair(self._store, self._catalog)

    @staticmethod
    @_checked
    def check_folder(folder: PathLike) -> list[Problem]:
        """What is wrong with the gallery in `folder`, which may be too damaged to be opened. No model is loaded.

        Raises GalleryError when there is none, and when another program has its catalog.
        """
        from cvsi_db.manage.damage import check_folder

        return check_folder(locate(folder))

    @staticmethod
    @_checked
    def repair_folder(folder: PathLike, *, model: str | None = None) -> RepairSummary:
        """Mend the gallery in `folder`, which may be too damaged to be opened; else as `repair`.

        `model` names the bundle that it was made with, if nothing in the folder says so any more. What is replaced is
        moved to `damaged` in the folder. Raises GalleryError when there is no gallery, and when it cannot be written.
        """
        from cvsi_db.manage.repair import repair_folder

        return repair_folder(locate(folder), model)

    @_checked
    def backup(self, file: PathLike) -> BackupSummary:
        """Write the whole gallery, at one moment, to a new tar archive `file`; a name in .zst needs Python 3.14.

        Other processes can search meanwhile, and cannot write. Raises GalleryError when the file is there already or
        cannot be written.
        """
        from cvsi_db.manage.backup import backup

        return backup(self.folder, Path(file))

    @staticmethod
    @_checked
    def restore(file: PathLike, folder: PathLike) -> BackupSummary:
        """Make the gallery of a backup `file` anew in `folder`, which must not exist or be empty.

        Raises GalleryError when it is not, when the file is no backup or is damaged; the folder is then left as it was.
        """
        from cvsi_db.manage.backup import restore

        return restore(Path(file), locate(folder))

    @_checked
    def reembed(
        self,
        model: str,
        *,
        allow_missing: bool = False,
        batch_size: int | None = None,
        on_plan: Callable[[ReembedPlan], None] | None = None,
        on_progress: Callable[[IngestProgress], None] | None = None,
        engine: RayEngine | None = None,
    ) -> ReembedSummary:
        """Make this a gallery of the bundle `model`: every image is embedded anew, tags and captions stay.

        Searches are the old model's until all is done; a call that is interrupted is resumed by the next one with the
        same model. `on_plan` is told beforehand what there is to do and how much disk it takes. Images that cannot be
        read leave the gallery as it is, unless `allow_missing`: they then wait for an ingest that finds their file. The
        rewriter stays; `engine` as for `ingest`. Raises BundleError for an unknown bundle, ModelError when its weights
        cannot be had, GalleryError when the disk has too little room.
        """
        from cvsi_db.manage.reembed import reembed
        from cvsi_db.models.bundle import load_bundle
        from cvsi_db.store.folder import open_gallery_folder, write_lock

        bundle = load_bundle(model, self._bundle.device)
        with write_lock(self.folder), engine.start(bundle) if engine else nullcontext() as workers:
            summary = reembed(
                self.folder,
                self._store,
                self._catalog,
                bundle,
                allow_missing=allow_missing,
                batch_size=batch_size,
                on_plan=on_plan,
                progress=on_progress,
                workers=workers,
            )
        if summary.switched:
            self._catalog.close()
            self._store, self._catalog = open_gallery_folder(self.folder)
            self._bundle = bundle
            self.__dict__.pop("_context", None)
        return summary

    @_checked
    def optimize(
        self, *, rewrite: bool = False, on_step: Callable[[int, int, str], None] | None = None
    ) -> OptimizeSummary:
        """Compact the tables, drop their old versions, and build the indexes that a gallery of this size should have.

        With `rewrite` the tables are written anew first, in the form that new galleries have, and images without
        thumbnails get them as far as their files can be read. `on_step` is told the steps done, their total and the
        next one. Safe to interrupt and to repeat.
        """
        from cvsi_db.manage.rewrite import rewrite as write_anew
        from cvsi_db.store.folder import open_gallery_folder, write_lock

        with write_lock(self.folder):
            if rewrite:
                write_anew(self.folder, self._store, self._catalog, on_step)
                self._catalog.close()
                self._store, self._catalog = open_gallery_folder(self.folder)
                self.__dict__.pop("_context", None)
            self._catalog.optimize()
            return self._store.optimize(on_step=on_step)

    @cached_property
    def _context(self) -> SearchContext:
        from cvsi_db.search import SearchContext

        bundle = self._bundle
        return SearchContext(
            self._store,
            self._catalog,
            bundle,
            self._rewriter,
            bundle.spec.preset,
            model=self.model,
            verifier=lambda: self._verifier,
        )

    @cached_property
    def _verifier(self) -> Verifier:
        from cvsi_db.search.verify import make_verifier

        return make_verifier()


def _several(given: Any) -> tuple[Any, ...]:
    """What was given, be it one or a sequence: a lone text or path is one, not its letters."""
    return tuple(given) if isinstance(given, Sequence) and not isinstance(given, str | bytes) else (given,)
