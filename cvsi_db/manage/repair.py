"""Repair: mends what a check found, as far as that needs no model and loses nothing that a file still holds.

Takes the store and the catalog; returns what was done and what remains. What cannot be mended in place is taken out of
tables and catalog, so that the next ingest finds its file unknown and reads it again. Knows nothing about pictures.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.manage.check import Kind, Problem, find_problems

if TYPE_CHECKING:
    from cvsi_db.records import FloatArray, ImageRow
    from cvsi_db.store.catalog import Catalog, SourceFile
    from cvsi_db.store.images import Store

_CHUNK = 500
_ROUNDS = 3
"""A repair may bring another problem to light: captions, say, of a row that had to go."""


@dataclass(frozen=True)
class RepairSummary:
    """What a repair did, in problems mended by kind, and the problems that it could not mend."""

    mended: Mapping[Kind, int]
    remaining: tuple[Problem, ...]


def repair(store: Store, catalog: Catalog) -> RepairSummary:
    """Mend what can be mended. The caller holds the gallery's write lock; safe to interrupt and to repeat."""
    found, mended = find_problems(store, catalog, files=True), Counter[Kind]()
    for _ in range(_ROUNDS):
        hopeful = [problem for problem in found if problem.kind in _MENDERS]
        if not hopeful:
            break
        for kind, mend in _MENDERS.items():
            ill = [problem for problem in hopeful if problem.kind == kind]
            for start in range(0, len(ill), _CHUNK):
                mend(ill[start : start + _CHUNK], store, catalog)
            mended[kind] += len(ill)
        found = find_problems(store, catalog, files=True)
    mended.subtract(Counter(problem.kind for problem in found if problem.kind in _MENDERS))
    return RepairSummary({kind: count for kind, count in mended.items() if count > 0}, tuple(found))


# --- the catalog ------------------------------------------------------------------------------------------------


def _forget_files(ill: Sequence[Problem], store: Store, catalog: Catalog) -> None:
    """The next ingest does not know these files, and reads them."""
    catalog.forget_files([problem.path for problem in ill if problem.path is not None])


# --- rows -------------------------------------------------------------------------------------------------------


def _drop(image_ids: Collection[str], store: Store, catalog: Catalog) -> None:
    """Images out, and their files unknown: first these, so that the catalog never names a row that is not there."""
    catalog.forget_files([path for row in store.rows(image_ids).values() for path in row.paths])
    store.delete(image_ids)


def _drop_twice(ill: Sequence[Problem], store: Store, catalog: Catalog) -> None:
    store.drop_removed(_ids(ill, "removed"))
    _drop(_ids(ill, "images"), store, catalog)


def _mend_vectors(ill: Sequence[Problem], store: Store, catalog: Catalog) -> None:
    """To unit length, which is all that a search sees of it; one without a direction has to go."""
    store.drop_removed(_ids(ill, "removed"))
    rows = store.rows(_ids(ill, "images"))
    straight = {image_id: _scaled(row) for image_id, row in rows.items() if _has_direction(row.image_vector)}
    store.update([row for row in straight.values() if _are_captions_sound(row)])
    store.upsert([_bare(row) for row in straight.values() if not _are_captions_sound(row)], [])
    _drop(rows.keys() - straight.keys(), store, catalog)


def _strip_captions(ill: Sequence[Problem], store: Store, catalog: Catalog) -> None:
    """Images without captions are sound, and `cvsi-db caption` gives them those that the catalog has kept."""
    named = _ids(ill, "images")
    rows = store.rows(named)
    store.drop_removed(_ids(ill, "removed") | (named - rows.keys()))
    store.upsert([_bare(row) for row in rows.values()], [])


def _has_direction(vector: FloatArray) -> bool:
    return bool(np.isfinite(vector).all() and vector.any())


def _are_captions_sound(row: ImageRow) -> bool:
    return _has_direction(row.caption_vector) if row.captions else not row.caption_vector.any()


def _scaled(row: ImageRow) -> ImageRow:
    length = np.linalg.norm(row.image_vector.astype(np.float64))
    return replace(row, image_vector=row.image_vector / np.float32(length))


def _bare(row: ImageRow) -> ImageRow:
    return replace(row, captions=(), caption_vector=np.zeros_like(row.image_vector))


def _delete(ill: Sequence[Problem], store: Store, catalog: Catalog) -> None:
    store.delete(_ids(ill, "images"))


def _put_aside(ill: Sequence[Problem], store: Store, catalog: Catalog) -> None:
    """Rows without a file wait in `removed` for one of their content."""
    store.remove(list(store.rows(_ids(ill, "images")).values()))


def _place(ill: Sequence[Problem], store: Store, catalog: Catalog) -> None:
    """Path, folder and name anew from the paths."""
    from cvsi_db.ingest.image_row import placed

    rows = store.rows(_ids(ill, "images")).values()
    store.update([placed(replace(row, path=""), tuple(dict.fromkeys(row.paths))) for row in rows])


def _settle_paths(ill: Sequence[Problem], store: Store, catalog: Catalog) -> None:
    """A path whose file holds the image is made known; any other leaves the row."""
    from cvsi_db.ingest.image_row import placed

    known = dict(_recognised(ill))
    catalog.record_files(list(known.values()))
    strange = {problem.path for problem in ill} - known.keys()
    rows = store.rows(_ids(ill, "images")).values()
    left = {row.image_id: tuple(path for path in row.paths if path not in strange) for row in rows}
    store.update([placed(row, left[row.image_id]) for row in rows if left[row.image_id]])
    store.remove([row for row in rows if not left[row.image_id]])


def _recognised(ill: Sequence[Problem]) -> Iterator[tuple[str, SourceFile]]:
    """The files that hold the image that has their path, as the catalog should have them."""
    from cvsi_db.store.catalog import SourceFile

    for problem in ill:
        if problem.path is None or problem.image_id is None:
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
            seen = SourceFile(problem.path, status.st_size, status.st_mtime_ns, found, "ok", None)
            yield problem.path, seen


def _ids(ill: Sequence[Problem], table: str) -> set[str]:
    return {problem.image_id for problem in ill if problem.table == table and problem.image_id is not None}


_MENDERS: Mapping[Kind, Callable[[Sequence[Problem], Store, Catalog], None]] = {
    "image twice": _drop_twice,
    "image vector": _mend_vectors,
    "captions": _strip_captions,
    "captions without image": _delete,
    "row without file": _put_aside,
    "row paths": _place,
    "path unknown": _settle_paths,
    "path lost": _forget_files,
    "image missing": _forget_files,
}
"""Who mends which kind, in this order; the other kinds are for an ingest or an optimize."""
