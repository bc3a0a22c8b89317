"""Upkeep: the half of a gallery that keeps it, from taking pictures in to throwing them out.

Each method takes the write lock where it writes, and passes the call to the module that does it. Knows nothing about
searching.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvsi_db.errors import IngestError
from cvsi_db.records import IngestProgress, IngestSummary

if TYPE_CHECKING:
    from cvsi_db.ingest.recaption import RecaptionProgress, RecaptionSummary
    from cvsi_db.manage.caption_file import CaptionImport
    from cvsi_db.manage.check import Problem
    from cvsi_db.manage.duplicates import Duplicates
    from cvsi_db.manage.remove import RemoveSummary
    from cvsi_db.manage.repair import RepairSummary
    from cvsi_db.manage.tags import TagSummary
    from cvsi_db.models.bundle import Bundle
    from cvsi_db.models.protocols import Captioner, Rewriter
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store
    from cvsi_db.store.indexes import OptimizeSummary

PathLike = str | Path


class Upkeep:
    """What a gallery does for its images besides finding them. A method that writes raises GalleryError when another
    process is writing, and when the tables cannot be written."""

    def __init__(self, folder: Path, store: Store, catalog: Catalog, bundle: Bundle, rewriter: Rewriter) -> None:
        self.folder = folder
        self._store = store
        self._catalog = catalog
        self._bundle = bundle
        self._rewriter = rewriter

    # --- pictures and captions ----------------------------------------------------------------------------------

    def ingest(
        self,
        *paths: PathLike,
        on_progress: Callable[[IngestProgress], None] | None = None,
        batch_size: int | None = None,
        caption: bool = True,
        prune: bool = False,
        tags: Sequence[str] = (),
        dry_run: bool = False,
    ) -> IngestSummary:
        """Take in files and folders; `on_progress` is called after each batch, which is as large as suits the device.

        Without `caption` new images wait for the method of that name, and searches say so. An image whose last file is
        gone is kept out of searches until it is back; with `prune` it is forgotten for good. All named images get the
        `tags`. With `dry_run` nothing is done but counting. Files that cannot be read are counted and listed in the
        summary. Raises IngestError for a path that does not exist or holds no picture, UsageError for a tag that is
        none.
        """
        from cvsi_db.ingest import dry_run as count
        from cvsi_db.ingest import ingest
        from cvsi_db.store.folder import write_lock

        named = [Path(path) for path in paths]
        if dry_run:
            return count(named, self._store, self._catalog)
        with write_lock(self.folder):
            return ingest(
                named,
                store=self._store,
                catalog=self._catalog,
                encoder=self._bundle.encoder,
                captioner=self._bundle.captioner if caption else None,
                batch_size=batch_size,
                progress=on_progress,
                prune=prune,
                tags=tags,
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
        counted and listed in the summary. May be interrupted and called again. Raises ModelError when the captioner's
        weights cannot be had.
        """
        from cvsi_db.ingest.recaption import recaption
        from cvsi_db.store.folder import write_lock

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
        from cvsi_db.manage.caption_file import export_captions

        return export_captions(self._store, self._catalog)

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

    def _captioner_of(self, captions: int) -> Captioner:
        """The bundle's captioner, but for the number of its captions."""
        from cvsi_db.models.bundle import Bundle

        if captions < 1:
            raise IngestError(f"cannot write {captions!r} captions per image: ask for at least 1")
        bundle = self._bundle
        return Bundle(replace(bundle.spec, captions=captions), bundle.device, bundle.source).captioner

    # --- what is there ------------------------------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """Counts and facts, as plain values: see cvsi_db.manage.stats."""
        from cvsi_db.manage.stats import stats

        return stats(self.folder, self._store, self._catalog)

    def images(
        self,
        where: str | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        removed: bool = False,
        columns: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """The metadata of all images, or of those that satisfy `where`, in the order of their paths.

        At most `limit` of them, after the first `offset`; their `columns`, by default all but the vectors. With
        `removed` those whose files are all gone: searches do not find them, and they come back with their files.
        Raises FilterError when `where` does not parse or names an unknown column, QueryError for a negative number.
        """
        from cvsi_db.manage.listing import list_images

        return list_images(self._store, where, limit, offset, removed, columns)

    def failed(self) -> list[dict[str, Any]]:
        """The files that could not be read when they were last seen, by path: path, error, size_bytes."""
        from cvsi_db.manage.listing import list_failed

        return list_failed(self._catalog)

    def duplicates(
        self, threshold: float = 0.98, *, on_progress: Callable[[int, int], None] | None = None
    ) -> Duplicates:
        """Images with several files, and groups of images that look alike: each has one in its group whose embedding
        is as near as the cosine `threshold`. Exact, so the time grows with the square of the gallery.

        `on_progress` is called with the comparisons done and their total. Raises QueryError for a threshold that is
        not above 0 and at most 1.
        """
        from cvsi_db.manage.duplicates import find_duplicates

        return find_duplicates(self._store, threshold, on_progress)

    # --- keeping it in order ------------------------------------------------------------------------------------

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
            return tag(self._store, [Path(path) for path in paths], where, add, remove)

    def tags(self, *paths: PathLike, where: str | None = None) -> dict[str, int]:
        """How many of these images, else of all, have each tag, by name. Raises as `tag` does."""
        from cvsi_db.manage.tags import count_tags

        return count_tags(self._store, [Path(path) for path in paths], where)

    def remove(self, *paths: PathLike, where: str | None = None, dry_run: bool = False) -> RemoveSummary:
        """Forget images with their captions and what the catalog knows of their files; the files stay as they are.

        Meant are the files at or under `paths` of images that satisfy `where`; an image with another file stays with
        that one. A later ingest of such a file takes it in as new. `dry_run` only tells. Raises as `tag` does.
        """
        from cvsi_db.manage.remove import remove
        from cvsi_db.store.folder import write_lock

        with nullcontext() if dry_run else write_lock(self.folder):
            return remove(self._store, self._catalog, [Path(path) for path in paths], where, dry_run)

    def check(self) -> list[Problem]:
        """What is wrong with the gallery, sorted: catalog, tables and files against each other, vectors, captions."""
        from cvsi_db.manage.check import find_problems

        return find_problems(self._store, self._catalog, files=True)

    def repair(self) -> RepairSummary:
        """Mend what can be mended without a model; the summary says what was done and what remains.

        Nothing that a file still holds is lost: what is taken out of the tables is read again by the next ingest.
        """
        from cvsi_db.manage.repair import repair
        from cvsi_db.store.folder import write_lock

        with write_lock(self.folder):
            return repair(self._store, self._catalog)

    def optimize(self, *, on_step: Callable[[int, int, str], None] | None = None) -> OptimizeSummary:
        """Compact the tables, drop their old versions, and build the indexes that a gallery of this size should have.

        `on_step` is told the steps done, their total and the next one. Safe to repeat.
        """
        from cvsi_db.store.folder import write_lock

        with write_lock(self.folder):
            return self._store.optimize(on_step=on_step)
