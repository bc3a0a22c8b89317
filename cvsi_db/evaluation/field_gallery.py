"""A benchmark's images in a real gallery: taken in by an ordinary ingest, and read back as arrays.

Takes a FieldBenchmark and a gallery's folder; returns embeddings and captions by name, in the order asked for. An
ingest that was cut short goes on where it stopped, and what is there already costs nothing. Knows nothing about terms.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.errors import GalleryError
from cvsi_db.evaluation.features import EMBEDDED_AT_ONCE, Models
from cvsi_db.evaluation.metrics import IntArray
from cvsi_db.evaluation.progress import Progress
from cvsi_db.gallery import Gallery
from cvsi_db.ingest.decode import read_picture
from cvsi_db.ingest.scan import scan
from cvsi_db.models.bundle import Bundle, load_bundle
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import FloatArray, IngestSummary
from cvsi_db.store.arrow_rows import VECTORS, matrix
from cvsi_db.store.folder import is_gallery, open_gallery_folder

if TYPE_CHECKING:
    from cvsi_db.evaluation.cache import Cache
    from cvsi_db.evaluation.field import FieldBenchmark
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store


@dataclass(frozen=True)
class GalleryFeatures:
    """Images as the gallery keeps them, in some order of names.

    `images` (n, dim) are unit vectors and `told` (n, dim) the means of caption embeddings, both as rounded in the
    store; `renormalised` says whether a score takes those means at unit length.
    """

    image_ids: tuple[str, ...] = field(repr=False)
    captions: tuple[tuple[str, ...], ...] = field(repr=False)
    images: FloatArray = field(repr=False)
    told: FloatArray = field(repr=False)
    renormalised: bool = False

    def column(self, gamma: float) -> FloatArray:
        """(n, dim) what queries are scored against: (1-γ)·image + γ·captions."""
        told = normalise(self.told, len(self.told)) if self.renormalised else self.told
        return np.asarray((1 - gamma) * self.images + gamma * told, dtype=np.float32)

    def take(self, rows: IntArray) -> GalleryFeatures:
        """The features of some rows, in that order; a row may come more than once."""
        if np.array_equal(rows, np.arange(len(self.images))):  # a copy of CIRCO's takes a gigabyte
            return self
        return GalleryFeatures(
            image_ids=tuple(self.image_ids[row] for row in rows),
            captions=tuple(self.captions[row] for row in rows),
            images=self.images[rows],
            told=self.told[rows],
            renormalised=self.renormalised,
        )


def bundle_for(folder: Path, model: str | None, default: str, device: str) -> Bundle:
    """The bundle `model`, or else the one that the gallery in `folder` was made with, or else `default`.

    No weights are loaded yet. Raises BundleError for an unknown one.
    """
    if model is None and is_gallery(folder):
        _, catalog = open_gallery_folder(folder)
        with closing(catalog):
            model = catalog.gallery().bundle
    return load_bundle(model or default, device)


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Store, Catalog]]:
    """The store and the catalog of the gallery in `folder`."""
    store, catalog = open_gallery_folder(folder)
    with closing(catalog):
        yield store, catalog


def take_in(benchmark: FieldBenchmark, folder: Path, bundle: Bundle, on_progress: Progress) -> None:
    """Ingests the benchmark's images into the gallery in `folder`, which is made if there is none.

    Raises BundleError when the gallery was made with another bundle, GalleryError when an image cannot be read, and
    what an ingest raises.
    """
    with Gallery.open_or_create(folder, model=bundle.source, device=bundle.device) as gallery:
        roots = _roots([benchmark.paths[name] for name in benchmark.names])
        if _is_taken_in(folder, roots):
            return
        summary = gallery.ingest(*roots, on_progress=lambda now: on_progress("ingesting", now.done, now.total))
        _refuse_failures(benchmark, summary)


def _is_taken_in(folder: Path, roots: Sequence[Path]) -> bool:
    """Whether every file is known as it is: then no model needs to be loaded."""
    with opened(folder) as (store, catalog):
        known = set(store.scan(["image_id"])["image_id"].to_pylist())
        return not scan(roots, catalog.source_files(), known).pending


def _roots(files: Sequence[Path]) -> list[Path]:
    """Whole folders where all pictures in them are wanted, and files elsewhere: an ingest notes down each root."""
    wanted = {Path(os.path.abspath(file)) for file in files}
    whole = {folder for folder in {file.parent for file in wanted} if _all_of(folder) <= wanted}
    return sorted(whole) + sorted(file for file in wanted if file.parent not in whole)


def _all_of(folder: Path) -> set[Path]:
    return {found.path for found in scan([folder], {}, ()).pending}


def _refuse_failures(benchmark: FieldBenchmark, summary: IngestSummary) -> None:
    if summary.failed:
        first = summary.errors[0]
        more = f", nor can {summary.failed - 1} more" if summary.failed > 1 else ""
        raise GalleryError(
            f"{benchmark.title} needs {first.path!r}, which cannot be read ({first.reason}){more}: "
            "replace it and run this again"
        )


def read_features(
    store: Store, names: Sequence[str], paths: Mapping[str, Path], *, renormalised: bool = False
) -> GalleryFeatures:
    """The features of the named images, in order; images of one content share theirs.

    Raises GalleryError for an image that the gallery does not hold, or holds without captions.
    """
    table = store.scan(["image_id", "paths", "captions", *VECTORS])
    row_of = {path: row for row, held in enumerate(table["paths"].to_pylist()) for path in held}
    try:
        rows = np.array([row_of[os.path.abspath(paths[name])] for name in names], dtype=np.int64)
    except KeyError as error:
        raise GalleryError(
            f"the gallery does not hold {error.args[0]!r}: run this again, or `cvsi-db check`"
        ) from error
    everything = GalleryFeatures(
        image_ids=tuple(table["image_id"].to_pylist()),
        captions=tuple(map(tuple, table["captions"].to_pylist())),
        images=matrix(table, "image_vector"),
        told=matrix(table, "caption_vector"),
        renormalised=renormalised,
    )
    found = everything.take(rows)
    if bare := sum(not captions for captions in found.captions):
        raise GalleryError(f"{bare} images of the benchmark have no captions yet: run `cvsi-db caption` on the gallery")
    return found


def embed_references(
    image_ids: Sequence[str], files: Sequence[Path], models: Models, cache: Cache, on_progress: Progress
) -> FloatArray:
    """(n, dim) the un-normalised embeddings of pictures, which phi reads and no gallery keeps.

    Each content is embedded once; an interrupted run keeps the batches that it finished.
    """
    file_of = dict(zip(image_ids, files, strict=True))
    distinct = list(file_of)
    parts = []
    for start in range(0, len(distinct), EMBEDDED_AT_ONCE):
        ids = distinct[start : start + EMBEDDED_AT_ONCE]
        parts.append(cache.array("references", (models.fingerprint, *ids), _embedder(ids, file_of, models)))
        on_progress("embedding references", start + len(ids), len(distinct))
    place = {image_id: row for row, image_id in enumerate(distinct)}
    return np.concatenate(parts)[[place[image_id] for image_id in image_ids]]


PICTURES_AT_ONCE = 32


def _embedder(ids: Sequence[str], file_of: Mapping[str, Path], models: Models) -> Callable[[], FloatArray]:
    def make() -> FloatArray:
        rows = []
        for start in range(0, len(ids), PICTURES_AT_ONCE):
            pictures = [read_picture(file_of[image_id]).image for image_id in ids[start : start + PICTURES_AT_ONCE]]
            rows.append(models.encoder.encode_images(pictures))
        return np.concatenate(rows)

    return make
