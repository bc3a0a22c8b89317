"""Damage to a gallery's tables, as the store itself would never write it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cvsi_db.records import ImageRow
from cvsi_db.store.images import Store


def spoil(store: Store, row: ImageRow, column: str) -> None:
    """Write infinities over a vector, which LanceDB lets through, as it does not NaN."""
    broken = _stored(store, row)
    place = broken.schema.get_field_index(column)
    numbers = pa.array(np.full(store.dim, np.inf, np.float16))
    vector = pa.FixedSizeListArray.from_arrays(numbers, store.dim)
    broken = broken.set_column(place, broken.schema.field(place), vector)
    store._images.merge_insert("image_id").when_matched_update_all().execute(broken)


def double(store: Store, row: ImageRow) -> None:
    """Write the row a second time."""
    store._images.add(_stored(store, row))


def widow(store: Store, row: ImageRow) -> None:
    """Delete the row and leave its captions."""
    store._images.delete(f"image_id = '{row.image_id}'")


def _stored(store: Store, row: ImageRow) -> pa.Table:
    found = store._images.search().where(f"image_id = '{row.image_id}'").to_arrow()
    return found.select(store._images.schema.names)
