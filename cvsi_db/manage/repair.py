"""Repair: fixes what a check found, as far as that needs no model and loses nothing that a file still holds.

Takes the store and the catalog; returns what was fixed and what remains. What cannot be fixed in place is deleted from
tables and catalog, so that the next ingest finds its file unknown and reads it again.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.errors import ImageError
from cvsi_db.ingest.image_row import placed
from cvsi_db.ingest.read_bytes import mtime_ns, place_of, read_file
from cvsi_db.manage.check import Kind, Problem, find_problems
from cvsi_db.manage.damage import find_gallery, mend_damage
from cvsi_db.models.bundle import load_bundle
from cvsi_db.store.catalog import SourceFile
from cvsi_db.store.folder import open_gallery_folder, write_lock
from cvsi_db.store.images import any_of
from cvsi_db.store.location import Location, RemoteFolder

if TYPE_CHECKING:
    from cvsi_db.records import FloatArray, ImageRow
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

_CHUNK = 500
_ROUNDS = 3
"""A repair may reveal another problem: captions, for example, whose row had to be deleted."""


@dataclass(frozen=True)
class RepairSummary:
    """What a repair did: how many problems of each kind it mended, and the problems that remain; `damage` is what kept
    the gallery from being opened or read, and is mended too."""

    mended: Mapping[Kind, int]
    remaining: tuple[Problem, ...]
    damage: tuple[Problem, ...] = ()


def repair_folder(folder: Location, model: str | None = None) -> RepairSummary:
    """Mend the gallery in `folder`, which may be too damaged to be opened, then all that can be fixed without a model.

    `model` names the bundle that the gallery was made with, where nothing in the folder says so. Safe to interrupt and
    to repeat. Raises GalleryError when there is no gallery, when nothing says how it was made, and when it cannot be
    written; MigrationError as opening a gallery does.
    """
    from cvsi_db.store.catalog import GalleryInfo

    find_gallery(folder)
    info = None
    if model is not None:
        bundle = load_bundle(model, "auto")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        info = GalleryInfo(bundle.source, bundle.fingerprint, bundle.encoder.dim, now)
    with write_lock(folder):
        damage = mend_damage(folder, info)
        store, catalog = open_gallery_folder(folder)
        with closing(catalog):
            summary = repair(store, catalog)
    mended = Counter(problem.kind for problem in damage) + Counter(summary.mended)
    return replace(summary, mended=dict(mended), damage=tuple(damage))


def repair(store: Store, catalog: Catalog) -> RepairSummary:
    """Fix what can be fixed. The caller holds the gallery's write lock; safe to interrupt and to repeat."""
    found, mended = find_problems(store, catalog, files=True), Counter[Kind]()
    for _ in range(_ROUNDS):
        if not any(problem.kind in _REPAIRS for problem in found):
            break
        for kind, fix in _REPAIRS.items():
            problems = [problem for problem in found if problem.kind == kind]
            for start in range(0, len(problems), _CHUNK):
                fix(problems[start : start + _CHUNK], store, catalog)
            mended[kind] += len(problems)
        found = find_problems(store, catalog, files=True)
    mended.subtract(Counter(problem.kind for problem in found if problem.kind in _REPAIRS))
    return RepairSummary({kind: count for kind, count in mended.items() if count > 0}, tuple(found))


def _forget_files(problems: Sequence[Problem], _store: Store, catalog: Catalog) -> None:
    """The next ingest does not know these files, and reads them."""
    catalog.forget_files([problem.path for problem in problems if problem.path is not None])


def _delete_images(image_ids: Collection[str], store: Store, catalog: Catalog) -> None:
    """Delete images, and first forget their files: the catalog must never name a row that is missing."""
    catalog.forget_files([path for row in store.rows(image_ids).values() for path in row.paths])
    store.delete(image_ids)


def _delete_twice(problems: Sequence[Problem], store: Store, catalog: Catalog) -> None:
    store.drop(_ids(problems, "removed"), "removed")
    _delete_images(_ids(problems, "images"), store, catalog)


def _normalise_vectors(problems: Sequence[Problem], store: Store, catalog: Catalog) -> None:
    """Scale vectors to unit length, as they were before; delete images whose vector has no direction."""
    store.drop(_ids(problems, "removed"), "removed")
    rows = store.rows(_ids(problems, "images"))
    scaled = {
        image_id: replace(row, image_vector=row.image_vector / np.linalg.norm(row.image_vector))
        for image_id, row in rows.items()
        if _has_direction(row.image_vector)
    }
    store.update([row for row in scaled.values() if _has_valid_captions(row)])
    store.upsert([_without_captions(row) for row in scaled.values() if not _has_valid_captions(row)], [])
    _delete_images(rows.keys() - scaled.keys(), store, catalog)


def _keep_captions(image_ids: Collection[str], store: Store, catalog: Catalog) -> None:
    """Record captions that the catalog does not have, before they are deleted."""
    lacking = sorted(set(image_ids) - catalog.kept_captions(image_ids).keys())
    texts = {row.image_id: row.captions for row in store.rows(lacking).values() if row.captions}
    spoken = defaultdict[str, list[tuple[int, str]]](list)
    for row in store.scan(["image_id", "ordinal", "text"], any_of(lacking), "captions").to_pylist():
        spoken[row["image_id"]].append((row["ordinal"], row["text"]))
    catalog.give_captions({name: tuple(text for _, text in sorted(said)) for name, said in spoken.items()} | texts)


def _delete_captions(problems: Sequence[Problem], store: Store, catalog: Catalog) -> None:
    """Leave images without captions; `cvsi-db caption` restores them from the catalog."""
    named = _ids(problems, "images")
    _keep_captions(named, store, catalog)
    rows = store.rows(named)
    store.drop(_ids(problems, "removed") | (named - rows.keys()), "removed")
    store.upsert([_without_captions(row) for row in rows.values()], [])


def _has_direction(vector: FloatArray) -> bool:
    return bool(np.isfinite(vector).all() and vector.any())


def _has_valid_captions(row: ImageRow) -> bool:
    return _has_direction(row.caption_vector) if row.captions else not row.caption_vector.any()


def _without_captions(row: ImageRow) -> ImageRow:
    return replace(row, captions=(), caption_vector=np.zeros_like(row.image_vector))


def _delete(problems: Sequence[Problem], store: Store, catalog: Catalog) -> None:
    _keep_captions(_ids(problems, "images"), store, catalog)
    store.delete(_ids(problems, "images"))


def _drop_thumbnails(problems: Sequence[Problem], store: Store, _catalog: Catalog) -> None:
    store.drop(_ids(problems, "thumbnails"), "thumbnails")


def _move_to_removed(problems: Sequence[Problem], store: Store, _catalog: Catalog) -> None:
    """Rows without a file wait in `removed` until their content turns up again."""
    store.remove(list(store.rows(_ids(problems, "images")).values()))


def _recompute_primary_path(problems: Sequence[Problem], store: Store, _catalog: Catalog) -> None:
    rows = store.rows(_ids(problems, "images")).values()
    store.update([placed(replace(row, path=""), tuple(dict.fromkeys(row.paths))) for row in rows])


def _settle_paths(problems: Sequence[Problem], store: Store, catalog: Catalog) -> None:
    """Record a path in the catalog if its file holds the image; else take it out of the row."""
    known = dict(_files_with_their_image(problems))
    catalog.record_files(list(known.values()))
    wrong = {problem.path for problem in problems} - known.keys()
    rows = store.rows(_ids(problems, "images")).values()
    left = {row.image_id: tuple(path for path in row.paths if path not in wrong) for row in rows}
    store.update([placed(row, left[row.image_id]) for row in rows if left[row.image_id]])
    store.remove([row for row in rows if not left[row.image_id]])


def _files_with_their_image(problems: Sequence[Problem]) -> Iterator[tuple[str, SourceFile]]:
    """The paths whose file holds the image of the row that has the path, with the record for the catalog."""
    for problem in problems:
        if problem.path is None or problem.image_id is None:
            continue
        if isinstance(place := place_of(problem.path), RemoteFolder):
            with suppress(ImageError):
                content = read_file(place)
                size, changed = content.size_bytes, content.mtime_ns
                if content.image_id == problem.image_id:
                    yield problem.path, SourceFile(problem.path, size, changed, content.image_id, "ok", None)
            continue
        try:
            status = os.stat(problem.path)
            if not stat.S_ISREG(status.st_mode):
                continue
            with open(problem.path, "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            continue
        if found == problem.image_id:
            yield problem.path, SourceFile(problem.path, status.st_size, mtime_ns(status), found, "ok", None)


def _ids(problems: Sequence[Problem], table: str) -> set[str]:
    return {problem.image_id for problem in problems if problem.table == table and problem.image_id is not None}


_REPAIRS: Mapping[Kind, Callable[[Sequence[Problem], Store, Catalog], None]] = {
    "image twice": _delete_twice,
    "image vector": _normalise_vectors,
    "captions": _delete_captions,
    "captions without image": _delete,
    "thumbnail without image": _drop_thumbnails,
    "row without file": _move_to_removed,
    "row paths": _recompute_primary_path,
    "path unknown": _settle_paths,
    "path lost": _forget_files,
    "image missing": _forget_files,
}
"""What fixes which kind, in this order; the other kinds need an ingest or an optimize."""
