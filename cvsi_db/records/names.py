"""Names that records share: float arrays, the names of terms, branches and columns, what a reference may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

    from cvsi_db.records.ingest import Picture

FloatArray: TypeAlias = "npt.NDArray[np.float32]"
"""Float32 arrays; the docstring of whoever returns one gives its shape."""

TermName = Literal[
    "edited_captions",
    "edit_direction",
    "pseudo_token",
    "image",
    "objects",
    "edit_text",
    "composed",
    "liked",
    "unliked",
    "negative",
]
METHOD_TERMS: tuple[TermName, ...] = ("edited_captions", "edit_direction", "pseudo_token", "image", "objects")
"""CVSI's terms, which come of a reference image and an edit text."""

LATE_TERMS: tuple[TermName, ...] = ("edit_text", "composed")
"""The terms that come of the same two, and that a query has where they weigh something or a pool is kept to be
reranked: the edit as it was typed, and image and edit embedded together, by a model that can."""

EXAMPLE_TERMS: tuple[TermName, ...] = ("liked", "unliked", "negative")
"""The terms of further images and texts; only a query that gives some has them."""

TERM_NAMES: tuple[TermName, ...] = (*METHOD_TERMS, *LATE_TERMS, *EXAMPLE_TERMS)

Weights: TypeAlias = Mapping[TermName, float]
"""What each term weighs in the score."""

BranchName = Literal["pseudo_token", "edited_captions", "image_objects", "edit_text", "composed", "examples"]
ColumnName = Literal["image_vector", "caption_vector"]


@dataclass(frozen=True)
class StoredImage:
    """An image of the gallery as a reference; the file at `path`, which holds it, is read if a model must see it."""

    image_id: str
    path: str

    def __str__(self) -> str:
        return self.path


Reference: TypeAlias = "str | Path | bytes | Image | BinaryIO | np.ndarray[Any, Any] | StoredImage | Picture"
"""A reference image as a caller may give it: a path, a URL, the bytes of an image file, an open file, a PIL
image, an array of uint8 (height, width) or (height, width, 3), an image of the gallery, or one decoded by
cvsi_db.ingest.decode."""

URL = ("http://", "https://")
"""How a reference begins, in any case, that is to be fetched."""
