"""Hits drawn in the terminal: as images in those that show images (kitty, iTerm2, sixel), else in half blocks."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from io import StringIO
from types import MappingProxyType
from typing import TYPE_CHECKING

from .common import tell
from .output import printable, shortest

if TYPE_CHECKING:
    from PIL.Image import Image

    from cvsi_db.search import Hit

WIDTH = 32
"""The longest side of a drawn hit, in characters; a character is as high as two are wide."""


def preview(
    hits: Iterable[Hit],
    *,
    to_terminal: bool,
    quiet: bool,
    thumbnails: Mapping[str, bytes] = MappingProxyType({}),
) -> str:
    """Each hit drawn, by its thumbnail or its file, under a line with its rank, score and path.

    Only half blocks can be written elsewhere than `to_terminal`. Tells on stderr, unless `quiet`, when the library is
    missing that draws images.
    """
    from cvsi_db.errors import ImageError
    from cvsi_db.ingest.decode import read_picture
    from cvsi_db.ingest.read_bytes import place_of

    draw = (_image_drawer(quiet) if to_terminal else None) or _in_blocks
    drawn: list[str] = []
    for hit in hits:
        drawn.append(f"{hit.rank}. {hit.score:.4f}  {_line(shortest(hit.path))}")
        try:
            source = thumbnails.get(hit.image_id) or place_of(hit.path)
            drawn.append(draw(read_picture(source).image.convert("RGB")))
        except ImageError as error:
            drawn.append(f"   (no preview: {_line(str(error))})")
    return "\n".join(drawn)


def _line(text: str) -> str:
    return printable(text).replace("\n", "\\n")


def _image_drawer(quiet: bool) -> Callable[[Image], str] | None:
    """What draws images in this terminal, which is asked whether it can; None where it cannot, or is none."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):
        return None
    if not os.get_terminal_size(sys.stdout.fileno()).columns:  # a terminal that has no size cannot place an image
        return None
    logging.getLogger("textual_image").setLevel(logging.ERROR)  # it warns, with a traceback, of questions not answered
    try:
        from textual_image import (
            renderable,
        )  # asks the terminal, which answers within a tenth of a second or not at all
    except ModuleNotFoundError:
        if not quiet:
            tell("note: drawn in blocks: the extra `preview` (pip install 'cvsi-db[preview]') draws images")
        return None
    made = renderable.Image
    if made not in (renderable.SixelImage, renderable.TGPImage):
        return None

    def draw(image: Image) -> str:
        from rich.console import Console

        console = Console(
            file=StringIO(), force_terminal=True, color_system="truecolor", width=WIDTH, height=WIDTH // 2
        )
        with console.capture() as captured:
            console.print(made(image, "auto", "auto"))
        return captured.get()

    return draw


def _in_blocks(image: Image) -> str:
    """The picture in half blocks of 24-bit colour, each of them two pixels."""
    import numpy as np

    image = image.copy()
    image.thumbnail((WIDTH, WIDTH))
    pixels, lines = np.asarray(image), []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=False):
        blocks = (
            f"\x1b[38;2;{r};{g};{b};48;2;{r2};{g2};{b2}m▀" for (r, g, b), (r2, g2, b2) in zip(upper, lower, strict=True)
        )
        lines.append(f"   {''.join(blocks)}\x1b[0m")
    return "\n".join(lines)
