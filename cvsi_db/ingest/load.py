"""Load: one file is read, decoded and prepared for the image tower.

Takes a FoundFile; returns a ReadFile or a FailedFile. Several threads load at once: each content is decoded once, and
no more are decoded at a time than there are cores.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from cvsi_db.errors import ImageError
from cvsi_db.ingest.decode import decode_bytes
from cvsi_db.ingest.read_bytes import Content, FailedFile, ReadFile, printable, read_file
from cvsi_db.models.protocols import Encoder
from cvsi_db.records import FoundFile, Picture

if TYPE_CHECKING:
    from PIL.Image import Image


class _Decoded(NamedTuple):
    """A picture, and what the image tower sees of it."""

    picture: Picture
    view: Image


class Loader:
    """Loads files. `known` are the contents that need no model; `side` is the model's square, in pixels.

    With `keep_pixels` the picture keeps its pixels beside the view of them, for a captioner. `cores` is how many files
    may be decoded at once; any number may be read, because that is waiting.
    """

    def __init__(self, known: Collection[str], encoder: Encoder, *, side: int, keep_pixels: bool, cores: int) -> None:
        self._known, self._encoder, self._side, self._keep_pixels = known, encoder, side, keep_pixels
        self._cores = threading.Semaphore(cores)
        self._claiming = threading.Lock()
        self._claims: dict[str, Future[_Decoded]] = {}
        self._handed_on: set[str] = set()

    def load(self, file: FoundFile) -> ReadFile | FailedFile:
        """The file, with its picture if its content needs a model and was not handed on yet."""
        try:
            content = read_file(file.path)
            is_known = content.image_id in self._known or content.image_id in self._handed_on
            found = None if is_known else self._decode_once(content, printable(file.path))
        except ImageError as error:
            return FailedFile(file, error.reason)
        file = replace(file, size_bytes=content.size_bytes, mtime_ns=content.mtime_ns)
        if found is None:
            return ReadFile(file, content.image_id, None)
        return ReadFile(file, content.image_id, found.picture, found.view)

    def first_only(self, loaded: ReadFile | FailedFile) -> ReadFile | FailedFile:
        """The same file, without its picture unless it is the first with its content.

        To be called in the order of the files, by one thread at a time.
        """
        if isinstance(loaded, FailedFile) or loaded.picture is None:
            return loaded
        if loaded.image_id in self._handed_on:
            return replace(loaded, picture=None, view=None)
        self._handed_on.add(loaded.image_id)
        self._claims.pop(loaded.image_id, None)
        return loaded

    def _decode_once(self, content: Content, where: str) -> _Decoded:
        with self._claiming:
            claim = self._claims.get(content.image_id)
            mine = claim is None
            claim = self._claims.setdefault(content.image_id, Future()) if claim is None else claim
        if mine:
            try:
                with self._cores:
                    picture = decode_bytes(content.data, content.image_id, where, side=self._side)
                    view = self._encoder.prepare(picture.image)
                claim.set_result(_Decoded(picture if self._keep_pixels else replace(picture, image=view), view))
            except BaseException as error:
                self._claims.pop(content.image_id, None)
                claim.set_exception(error)
        return claim.result()
