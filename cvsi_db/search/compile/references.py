"""References: the pictures that a query gives, each with what models need of it, and no more than that.

Takes what a person gave for an image and a store; gives SeenImages. Of a picture that the gallery holds its
embedding is known: it is neither decoded nor shown to the image tower.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from cvsi_db.errors import ImageError, QueryError
from cvsi_db.records import URL, FloatArray, Picture, Reference, StoredImage
from cvsi_db.store.images import matrix

if TYPE_CHECKING:
    from PIL.Image import Image

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
    from PIL.Image import Image, fromarray

    from cvsi_db.ingest.decode import decode_bytes, picture_of, printable
    from cvsi_db.ingest.read_bytes import place_of, read_file

    def told(make: Callable[[], Picture]) -> Callable[[], Picture]:
        return lambda: _or_no_use(make, what)

    if isinstance(reference, Picture):
        decoded = reference
        return SeenImage(decoded.image_id, lambda: decoded)
    if isinstance(reference, StoredImage):
        return SeenImage(reference.image_id, told(partial(_stored, reference)))
    if isinstance(reference, Image | np.ndarray):
        try:
            image = reference if isinstance(reference, Image) else fromarray(reference)
        except (TypeError, ValueError) as error:
            shape = "uint8 of (height, width) or (height, width, 3)"
            raise QueryError(f"{what} is an array that holds no image ({error}): give {shape}") from error
        picture = told(lambda: picture_of(image))()
        return SeenImage(_file_id(image, picture) or picture.image_id, lambda: picture)
    if isinstance(reference, str) and reference.lower().startswith(URL):
        reference = _fetched(reference, what)
    elif hasattr(reference, "read"):
        reference = reference.read()
        if isinstance(reference, str):
            raise QueryError(f"{what} is a file that was opened as text: open it with mode 'rb'")
    if isinstance(reference, bytes):
        image_id = hashlib.sha256(reference).hexdigest()
        return SeenImage(image_id, told(lambda: decode_bytes(reference, image_id, "the given bytes")))
    if isinstance(reference, str | Path):
        path = place_of(str(reference))
        path = path.expanduser() if isinstance(path, Path) else path
        content = _or_no_use(lambda: read_file(path), what)
        return SeenImage(content.image_id, told(lambda: decode_bytes(content.data, content.image_id, printable(path))))
    kind = type(reference).__name__
    raise QueryError(
        f"{what} is a {kind}: give a path, a URL, the bytes of an image file, an open file, a PIL image or an array"
    )


def _stored(image: StoredImage) -> Picture:
    """The picture in an image's file. Raises ImageError when the file holds something else by now."""
    from cvsi_db.ingest.decode import decode_bytes
    from cvsi_db.ingest.read_bytes import read_image

    return decode_bytes(read_image(image.path, image.image_id).data, image.image_id, image.path)


def _file_id(image: Image, picture: Picture) -> str | None:
    """The content's id of the file that a PIL image was opened from, if it still shows what the file shows."""
    from cvsi_db.ingest.decode import picture_of
    from cvsi_db.ingest.pillow_guard import image_errors, open_image
    from cvsi_db.ingest.read_bytes import read_file

    name = getattr(image, "filename", "")
    if not name or not Path(name).is_file():
        return None
    try:
        content = read_file(Path(name))
        with image_errors(name), open_image(content.data, name) as opened:
            return content.image_id if picture_of(opened).image_id == picture.image_id else None
    except (ImageError, OSError):
        return None


def _fetched(url: str, what: str) -> bytes:
    """The bytes behind a URL, with the limits of a file. Raises QueryError."""
    from urllib.request import Request, urlopen

    from cvsi_db.ingest.pillow_guard import MAX_BYTES
    from cvsi_db.ingest.read_bytes import PATIENCE_S

    try:
        with urlopen(Request(url, headers={"User-Agent": "cvsi-db"}), timeout=PATIENCE_S) as answer:
            data: bytes = answer.read(MAX_BYTES + 1)
    except (OSError, ValueError, HTTPException) as error:
        raise QueryError(f"{what} cannot be fetched from {url}: {error}") from error
    if len(data) > MAX_BYTES:
        raise QueryError(f"{what} at {url} is too large: the limit is {MAX_BYTES // 2**20} megabytes")
    return data


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
        raise QueryError(f"{what} cannot be used: {error}") from error
