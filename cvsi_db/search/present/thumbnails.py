"""Thumbnails: small pictures inside the page that shows them, and hits as a fragment for a notebook.

Takes decoded images, the gallery's thumbnails or paths; returns data URIs and HTML. Texts and paths are escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from cvsi_db.errors import ImageError
from cvsi_db.ingest.read_bytes import place_of
from cvsi_db.ingest.thumbnail import make_thumbnail

if TYPE_CHECKING:
    from PIL.Image import Image


def thumbnail(image: Image) -> str:
    """A data URI of the picture, its longest side at most 320 pixels."""
    return _data_uri(make_thumbnail(image))


def thumbnail_of(path: str, kept: bytes | None = None) -> str | None:
    """The thumbnail that the gallery has `kept` of an image, else one of its file; None when that cannot be read."""
    from cvsi_db.ingest.decode import read_picture

    if kept is not None:
        return _data_uri(kept)
    try:
        return thumbnail(read_picture(place_of(path)).image)
    except ImageError:
        return None


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def hits_table(hits: Iterable[tuple[int, float, str, bytes | None]]) -> str:
    """Hits, by rank, score, path and kept thumbnail, as an HTML fragment for a notebook."""
    cell = Markup(
        '<figure style="display:inline-block;width:170px;margin:4px;vertical-align:top;font-size:12px">{}'
        '<figcaption style="overflow-wrap:anywhere">{}. {} <span title="{}">{}</span></figcaption></figure>'
    )
    shown = []
    for rank, score, path, kept in hits:
        source = thumbnail_of(path, kept)
        image = Markup('<img src="{}" style="max-width:160px;max-height:160px">').format(source) if source else ""
        shown.append(cell.format(image, rank, f"{score:.4f}", path, Path(path).name))
    return f"<div>{''.join(shown) or 'no hits'}</div>"
