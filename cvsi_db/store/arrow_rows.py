"""Arrow rows: records become Arrow tables for the gallery's Lance tables; images.py reads them back.

Takes ImageRow and CaptionRow (vectors float32) and a table's schema (vectors float16); checks keys, vectors and times
on the way in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from cvsi_db.errors import GalleryError, ModelError
from cvsi_db.records import CaptionRow, FloatArray, ImageRow

VECTORS = ("image_vector", "caption_vector")
IMAGE_FIELDS = tuple(field.name for field in fields(ImageRow))


def image_batch(images: Sequence[ImageRow], schema: pa.Schema) -> pa.Table:
    """The images as a table of `schema`; the caption_vector of one without captions may be zero, and so may the
    image_vector of one without paths.

    Raises ModelError for an unusable vector, GalleryError for a repeated id.
    """
    columns: dict[str, Any] = {name: [getattr(image, name) for image in images] for name in IMAGE_FIELDS}
    modified = [_moment(image.modified_at, image.image_id) for image in images]
    columns["modified_at"] = [at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC) for at in modified]
    columns["taken_at"] = [  # the camera's clock, without a zone
        _moment(image.taken_at, image.image_id).replace(tzinfo=None) if image.taken_at else None for image in images
    ]
    bare = frozenset(image.image_id for image in images if not image.captions)
    gone = frozenset(image.image_id for image in images if not image.paths)
    return _batch(columns, schema, columns["image_id"], {"caption_vector": bare, "image_vector": gone})


def caption_batch(captions: Sequence[CaptionRow], schema: pa.Schema) -> pa.Table:
    """The captions as a table of `schema`; raises as image_batch does."""
    columns: dict[str, Any] = {
        "caption_id": [f"{caption.image_id}/{caption.ordinal}" for caption in captions],
        "image_id": [caption.image_id for caption in captions],
        "ordinal": [caption.ordinal for caption in captions],
        "text": [caption.text for caption in captions],
        "vector": [caption.vector for caption in captions],
    }
    return _batch(columns, schema, columns["caption_id"], {})


def check_vector(vector: FloatArray, dim: int, what: str, *, may_be_zero: bool = False) -> None:
    """Raise ModelError unless `vector` is (dim,), finite and, if it must be, not zero, also after rounding to float16.

    LanceDB stores such vectors without an error, and finds nothing when it searches for one.
    """
    if vector.shape != (dim,):
        raise ModelError(f"{what} has shape {vector.shape}, the gallery needs ({dim},): was another model used?")
    with np.errstate(over="ignore"):
        rounded = vector.astype(np.float16)
    if not np.isfinite(rounded).all():
        raise ModelError(f"{what} holds NaN, an infinity or a number beyond ±65504: the model's output is broken")
    if not (rounded.any() or may_be_zero):
        raise ModelError(f"{what} is zero, which is near to no image: the model's output is broken")


def _batch(
    columns: dict[str, Any], schema: pa.Schema, keys: Sequence[str], zeros: Mapping[str, Collection[str]]
) -> pa.Table:
    """The columns as a table; `zeros` names, by column, the keys whose vector may be zero."""
    # LanceDB inserts a new key as often as the batch has it.
    repeated = [key for key, times in Counter(keys).items() if times > 1]
    if repeated:
        raise GalleryError(f"{repeated[0]!r} is in one batch more than once: merge its rows before they are written")
    arrays = []
    for field in schema:
        values = columns[field.name]
        if not pa.types.is_fixed_size_list(field.type):
            arrays.append(pa.array(values, field.type))
            continue
        dim, may_be_zero = field.type.list_size, zeros.get(field.name, ())
        for key, vector in zip(keys, values, strict=True):
            check_vector(vector, dim, f"the {field.name} of {key!r}", may_be_zero=key in may_be_zero)
        flat = np.asarray(values, np.float16).reshape(-1)
        arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float16()), dim))
    return pa.table(arrays, schema=schema)


def _moment(text: str, image_id: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise GalleryError(f"cannot store image {image_id!r}: its time {text!r} is not ISO 8601") from None
