"""A benchmark's images in a real gallery: taken in by an ordinary ingest, and read back as arrays.

Takes a FieldBenchmark and a gallery's folder; returns embeddings and captions by name, in the order asked for. An
ingest that was cut short goes on where it stopped, and what is there already costs nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.errors import GalleryError
from cvsi_db.evaluation.encoding import EMBEDDED_AT_ONCE, Models, StageProgress
from cvsi_db.evaluation.metrics import IntArray
from cvsi_db.gallery import Gallery
from cvsi_db.ingest.decode import read_picture
from cvsi_db.ingest.scan import scan
from cvsi_db.manage.caption_file import captioner_of
from cvsi_db.models.bundle import Bundle, load_bundle
from cvsi_db.models.choice import choose_model
from cvsi_db.models.protocols import Composer, Rewriter
from cvsi_db.models.rewriters import check_rewriter
from cvsi_db.models.spec import NO_PHI, complete_name
from cvsi_db.records import FloatArray
from cvsi_db.search.run.rerank import unit_scales
from cvsi_db.store.arrow_rows import VECTORS
from cvsi_db.store.folder import is_gallery, open_gallery_folder
from cvsi_db.store.images import matrix
from cvsi_db.store.location import Location

if TYPE_CHECKING:
    from cvsi_db.evaluation.cache import Cache
    from cvsi_db.evaluation.field import FieldBenchmark
    from cvsi_db.ingest.ray_engine import RayEngine
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

UNKNOWN = "unknown"
"""Stands for who wrote captions that were imported without saying so."""

CAPTIONS_AT_ONCE = 5000
PICTURES_AT_ONCE = 32


@dataclass(frozen=True)
class GalleryFeatures:
    """Images as the gallery keeps them, in some order of names.

    `images` (n, dim) are unit vectors and `caption_means` (n, dim) the means of caption embeddings, both as rounded in
    the store; `renormalised` says whether a score takes those means at unit length.
    """

    image_ids: tuple[str, ...] = field(repr=False)
    captions: tuple[tuple[str, ...], ...] = field(repr=False)
    images: FloatArray = field(repr=False)
    caption_means: FloatArray = field(repr=False)
    renormalised: bool = False

    def column(self, gamma: float) -> FloatArray:
        """(n, dim) what queries are scored against: (1-γ)·image + γ·captions."""
        scales = unit_scales(self.caption_means)[:, None] if self.renormalised else 1
        return np.asarray((1 - gamma) * self.images + gamma * scales * self.caption_means, dtype=np.float32)

    def take(self, rows: IntArray) -> GalleryFeatures:
        """The features of some rows, in that order; a row may come more than once."""
        if np.array_equal(rows, np.arange(len(self.images))):  # a copy of CIRCO's takes a gigabyte
            return self
        return GalleryFeatures(
            image_ids=tuple(self.image_ids[row] for row in rows),
            captions=tuple(self.captions[row] for row in rows),
            images=self.images[rows],
            caption_means=self.caption_means[rows],
            renormalised=self.renormalised,
        )


def bundle_for(folder: Location, model: str | None, default: str | None, device: str) -> Bundle:
    """The bundle `model`, or else the one that the gallery in `folder` was made with, or else `default`, or
    else the one that a new gallery takes. No weights are loaded yet. Raises BundleError for an unknown one.
    """
    if is_gallery(folder):
        _, catalog = open_gallery_folder(folder)
        with closing(catalog):
            default = catalog.gallery().bundle
    if model is None or model == NO_PHI:
        model = complete_name(model, default or choose_model())
    return load_bundle(model, device)


@contextmanager
def opened(folder: Location) -> Iterator[tuple[Store, Catalog]]:
    """The store and the catalog of the gallery in `folder`."""
    store, catalog = open_gallery_folder(folder)
    with closing(catalog):
        yield store, catalog


def take_in(
    benchmark: FieldBenchmark,
    folder: Location,
    bundle: Bundle,
    rewriter: Rewriter | None,
    on_progress: StageProgress,
    engine: RayEngine | None = None,
) -> dict[str, str]:
    """Ingests the benchmark's images into the gallery in `folder`, which is made if there is none.

    Returns the images that cannot be read, each with the reason. Before the first image is taken in, the bundle's
    models and the rewriter (None where none will be asked) are checked. With an `engine` its workers embed and caption.
    Raises ModelError and RewriteError when those cannot be used, BundleError when the gallery was made with another
    bundle, and what an ingest raises.
    """
    files = {name: os.path.abspath(benchmark.paths[name]) for name in benchmark.names}
    wanted = set(map(Path, files.values()))
    # Whole folders where all images in them are wanted, and files elsewhere: an ingest notes down each root.
    whole = {
        parent
        for parent in {file.parent for file in wanted}
        if {found.path for found in scan([parent], {}, ()).pending} <= wanted
    }
    roots = sorted(whole) + sorted(file for file in wanted if file.parent not in whole)
    is_complete = is_gallery(folder) and _is_taken_in(folder, roots, captioned=bundle.spec.captioner is not None)
    if not is_complete:
        bundle.check()
        if rewriter is not None:
            check_rewriter(rewriter)
    with Gallery.open_or_create(folder, model=bundle.source, device=bundle.device) as gallery:
        if not is_complete:
            gallery.ingest(*roots, on_progress=lambda now: on_progress(now.phase, now.done, now.total), engine=engine)
    with opened(folder) as (_, catalog):
        seen = catalog.source_files()
    failed = {path: file.error or "unreadable" for path, file in seen.items() if file.state == "failed"}
    return {name: failed[path] for name, path in files.items() if path in failed}


def _is_taken_in(folder: Location, roots: Sequence[Path], *, captioned: bool) -> bool:
    """Whether every file is known as it is, and has captions if it is to be `captioned`: then no model has to load."""
    with opened(folder) as (store, catalog):
        known = set(store.scan(["image_id"])["image_id"].to_pylist())
        found = scan(roots, catalog.source_files(), known)
        return not found.pending and not (captioned and store.uncaptioned(found.paths))


def read_features(
    store: Store, names: Sequence[str], paths: Mapping[str, Path], *, renormalised: bool = False, captioned: bool = True
) -> GalleryFeatures:
    """The features of the named images, in order; images of one content share theirs.

    Raises GalleryError for an image that the gallery does not hold, or holds without captions where they should be
    `captioned`.
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
        caption_means=matrix(table, "caption_vector"),
        renormalised=renormalised,
    )
    found = everything.take(rows)
    if captioned and (bare := sum(not captions for captions in found.captions)):
        raise GalleryError(f"{bare} images of the benchmark have no captions yet: run `cvsi-db caption` on the gallery")
    return found


@dataclass(frozen=True)
class CaptionOrigin:
    """Who wrote the captions of some images, those of the most images first, and the least and most for one image."""

    captioners: tuple[str, ...]
    least: int
    most: int


def caption_origin(features: GalleryFeatures, catalog: Catalog) -> CaptionOrigin:
    """Where the captions of these images came from, as the catalog knows."""
    captions_of = dict(zip(features.image_ids, features.captions, strict=True))
    ids = list(captions_of)
    writers: Counter[str] = Counter()
    for start in range(0, len(ids), CAPTIONS_AT_ONCE):
        chunk = ids[start : start + CAPTIONS_AT_ONCE]
        kept = catalog.kept_captions(chunk)
        writers.update(
            captioner_of(captions_of[each], kept.get(each, {})) or UNKNOWN for each in chunk if captions_of[each]
        )
    counts = [len(captions) for captions in captions_of.values()]
    return CaptionOrigin(tuple(name for name, _ in writers.most_common()), min(counts), max(counts))


def embed_references(
    image_ids: Sequence[str],
    files: Sequence[Path],
    models: Models,
    cache: Cache,
    on_progress: StageProgress,
    edit_texts: Sequence[str] | None = None,
) -> FloatArray:
    """(n, dim) the un-normalised embeddings of images, which phi reads and no gallery keeps.

    With `edit_texts`, one for each image, of both together: that takes a Composer. What is asked twice is embedded
    once; an interrupted run keeps the batches that it finished.
    """
    encoder, what, key = models.encoder, "references", [models.fingerprint]
    asked: list[tuple[str, ...]] = [(image_id,) for image_id in image_ids]
    if edit_texts is not None:
        what, key = "composed", [models.fingerprint, models.instruction or ""]
        asked = list(zip(image_ids, edit_texts, strict=True))
    file_of = dict(zip(asked, files, strict=True))

    def embed(chunk: Sequence[tuple[str, ...]]) -> FloatArray:
        rows = []
        for start in range(0, len(chunk), PICTURES_AT_ONCE):
            some = chunk[start : start + PICTURES_AT_ONCE]
            pictures = [read_picture(file_of[each]).image for each in some]
            if edit_texts is None:
                rows.append(encoder.encode_images(pictures))
            else:
                assert isinstance(encoder, Composer), "the term composed takes a composer"
                rows.append(encoder.encode_composed(pictures, [text for _, text in some]))
        return np.concatenate(rows)

    distinct, parts = list(file_of), []
    for start in range(0, len(distinct), EMBEDDED_AT_ONCE):
        chunk = distinct[start : start + EMBEDDED_AT_ONCE]
        parts.append(cache.array(what, (*key, *(part for each in chunk for part in each)), partial(embed, chunk)))
        on_progress(f"embedding {what}", start + len(chunk), len(distinct))
    place = {each: row for row, each in enumerate(distinct)}
    return np.concatenate(parts)[[place[each] for each in asked]]
