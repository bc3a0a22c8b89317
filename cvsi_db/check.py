"""Checks a gallery: catalog against tables, and whether vectors are sound; knows nothing about models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from cvsi_db.records import FloatArray, ImageRow

if TYPE_CHECKING:
    from cvsi_db.catalog import Catalog
    from cvsi_db.store import Store

UNIT_TOLERANCE = 5e-3
"""How far a float16 vector of unit length may be from 1."""

BATCH = 1000


def find_problems(store: Store, catalog: Catalog) -> list[str]:
    """One line per problem; an empty list when the gallery is sound.

    Looked for: files said to be ingested whose image is missing; images no file leads to; images with paths that the
    catalog does not know; vectors that are not finite or not of unit length; captions without their vector, or the
    reverse. An image that has neither is sound: it waits for its captions.
    """
    files = {path: file for path, file in catalog.source_files().items() if file.image_id is not None}
    ids: list[str] = store.scan(["image_id"])["image_id"].to_pylist()
    problems = [f"image {image_id} is in the table twice" for image_id in _repeated(ids)]
    known = set(ids)
    problems += [f"{path}: its image is missing" for path, file in files.items() if file.image_id not in known]
    for start in range(0, len(ids), BATCH):
        for row in store.rows(ids[start : start + BATCH]).values():
            problems += [f"image {row.image_id} ({row.path}): {problem}" for problem in _problems_of(row, set(files))]
    return sorted(problems)


def _problems_of(row: ImageRow, paths: set[str]) -> Iterator[str]:
    if row.path not in row.paths:
        yield "its path is not among its paths"
    for path in set(row.paths) - paths:
        yield f"the catalog does not know its path {path!r}"
    if not _is_unit(row.image_vector):
        yield "its image_vector is not of unit length"
    if not np.isfinite(row.caption_vector).all():
        yield "its caption_vector is not finite"
    elif bool(row.captions) != bool(row.caption_vector.any()):
        yield "its captions have no caption_vector" if row.captions else "it has a caption_vector but no captions"


def _is_unit(vector: FloatArray) -> bool:
    return bool(abs(float(np.linalg.norm(vector)) - 1.0) <= UNIT_TOLERANCE)


def _repeated(ids: list[str]) -> list[str]:
    return sorted({image_id for image_id in ids if ids.count(image_id) > 1}) if len(set(ids)) != len(ids) else []
