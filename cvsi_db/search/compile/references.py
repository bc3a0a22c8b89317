"""References: the pictures that a query gives, each with what models need of it, and no more than that.

Takes a path, bytes or a PIL image and a store; gives SeenImages. Of a picture that the gallery holds its embedding is
known: it is neither decoded nor shown to the image tower.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cvsi_db.errors import ImageError, QueryError
from cvsi_db.records import FloatArray, Picture, Reference
from cvsi_db.store.images import matrix

if TYPE_CHECKING:
    from cvsi_db.store.images import Store

T = TypeVar("T")


@dataclass(frozen=True)
class SeenImage:
    """A picture by its id. `embedding` (dim,) is the image tower's, un-normalised, where the gallery holds it."""

    image_id: str
    decode: Callable[[], Picture] = field(repr=False, compare=False)
    embedding: FloatArray | None = field(default=None, repr=False, compare=False)

    @cached_property
    def picture(self) -> Picture:
        """The picture, decoded when first asked for. Raises QueryError when there is none in the file."""
        return self.decode()


def read_reference(reference: Reference, what: str = "the reference image") -> SeenImage:
    """The image that a person gave; errors call it `what`. Raises QueryError when it is missing or of another kind.

    A file is read and hashed, but not decoded yet.
    """
    from PIL.Image import Image

    from cvsi_db.ingest.decode import decode_bytes, picture_of, printable
    from cvsi_db.ingest.read_bytes import read_file

    def told(make: Callable[[], Picture]) -> Callable[[], Picture]:
        return lambda: _or_no_use(make, what)

    if isinstance(reference, Image):
        picture = told(lambda: picture_of(reference))()
        return SeenImage(picture.image_id, lambda: picture)
    if isinstance(reference, bytes):
        image_id = hashlib.sha256(reference).hexdigest()
        return SeenImage(image_id, told(lambda: decode_bytes(reference, image_id, "the given bytes")))
    if isinstance(reference, str | Path):
        path = Path(reference)
        content = _or_no_use(lambda: read_file(path), what)
        return SeenImage(content.image_id, told(lambda: decode_bytes(content.data, content.image_id, printable(path))))
    kind = type(reference).__name__
    raise QueryError(f"{what} is a {kind}: give a path, the bytes of an image file, or a PIL image")


def recognised(images: Sequence[SeenImage], store: Store) -> list[SeenImage]:
    """The images, in order, those that the gallery holds with their un-normalised embedding."""
    if not images:
        return []
    named = ", ".join(f"'{image_id}'" for image_id in sorted({image.image_id for image in images}))
    table = store.scan(["image_id", "image_vector", "image_norm"], f"image_id IN ({named}) AND image_norm IS NOT NULL")
    vectors = matrix(table, "image_vector") * table["image_norm"].to_numpy()[:, None]
    known = dict(zip(table["image_id"].to_pylist(), vectors, strict=True))
    return [replace(image, embedding=known[image.image_id]) if image.image_id in known else image for image in images]


def _or_no_use(make: Callable[[], T], what: str) -> T:
    try:
        return make()
    except ImageError as error:
        raise QueryError(f"{what} is no use: {error}") from error
