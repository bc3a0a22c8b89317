"""Thumbnails: small pictures inside the page that shows them, and hits as a fragment for a notebook.

Takes decoded images or paths; returns data URIs and HTML. Texts and paths are escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from cvsi_db.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

THUMBNAIL = 320
"""The longest side of a thumbnail, in pixels."""


def thumbnail(image: Image) -> str:
    """A data URI of the picture, its longest side at most THUMBNAIL pixels."""
    small = image.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def thumbnail_of(path: Path) -> str | None:
    """The thumbnail of a file, or None when it cannot be read."""
    from cvsi_db.ingest.decode import read_picture

    try:
        return thumbnail(read_picture(path).image)
    except ImageError:
        return None


def hits_table(hits: Iterable[tuple[int, float, str]]) -> str:
    """Hits, by rank, score and path, as an HTML fragment for a notebook, with a thumbnail each."""
    cell = Markup(
        '<figure style="display:inline-block;width:170px;margin:4px;vertical-align:top;font-size:12px">{}'
        '<figcaption style="overflow-wrap:anywhere">{}. {} <span title="{}">{}</span></figcaption></figure>'
    )
    shown = []
    for rank, score, path in hits:
        source = thumbnail_of(Path(path))
        image = Markup('<img src="{}" style="max-width:160px;max-height:160px">').format(source) if source else ""
        shown.append(cell.format(image, rank, f"{score:.4f}", path, Path(path).name))
    return f"<div>{''.join(shown) or 'no hits'}</div>"
