"""Taking: one file is read, decoded and prepared for the image tower, in whichever thread it falls to.

Takes a FoundFile; returns it as a ReadFile or a FailedFile. Several threads take files at once: each content is decoded
once, and no more are decoded at a time than there are cores. Knows nothing about batches, or what is written.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cvsi_db.errors import ImageError
from cvsi_db.ingest.decode import decode_bytes
from cvsi_db.ingest.read_bytes import Content, FailedFile, ReadFile, printable, read_file
from cvsi_db.models.protocols import Encoder
from cvsi_db.records import FoundFile, Picture

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class _Decoded:
    """A picture, and what the image tower sees of it."""

    picture: Picture
    view: Image


class Taking:
    """Takes files in. `known` are the contents that need no model; `side` is what models make of a picture, in pixels.

    With `whole` the picture keeps its pixels beside the view of them: a captioner wants them. `cores` is how many
    files may be decoded at once; any number may be read, because that is waiting.
    """

    def __init__(self, known: Collection[str], encoder: Encoder, *, side: int, whole: bool, cores: int) -> None:
        self._known, self._encoder, self._side, self._whole = known, encoder, side, whole
        self._cores = threading.Semaphore(cores)
        self._claiming = threading.Lock()
        self._claims: dict[str, Future[_Decoded]] = {}
        self._given: set[str] = set()

    def take(self, file: FoundFile) -> ReadFile | FailedFile:
        """The file with its picture, if its content needs one and nobody was given it yet."""
        try:
            content = read_file(file.path)
            found = None if self._is_known(content.image_id) else self._decode_once(content, printable(file.path))
        except ImageError as error:
            return FailedFile(file, error.reason)
        file = replace(file, size_bytes=content.size_bytes, mtime_ns=content.mtime_ns)
        if found is None:
            return ReadFile(file, content.image_id, None)
        return ReadFile(file, content.image_id, found.picture, found.view)

    def give(self, taken: ReadFile | FailedFile) -> ReadFile | FailedFile:
        """What was taken, as those see it who go by the order of the files: a content's first file has the picture.

        To be called by one thread at a time.
        """
        if isinstance(taken, FailedFile) or taken.picture is None:
            return taken
        if taken.image_id in self._given:
            return replace(taken, picture=None, view=None)
        self._given.add(taken.image_id)
        self._claims.pop(taken.image_id, None)
        return taken

    def _is_known(self, image_id: str) -> bool:
        return image_id in self._known or image_id in self._given

    def _decode_once(self, content: Content, where: str) -> _Decoded:
        with self._claiming:
            claim = self._claims.get(content.image_id)
            mine = claim is None
            claim = self._claims.setdefault(content.image_id, Future()) if claim is None else claim
        if mine:
            try:
                claim.set_result(self._decode(content, where))
            except BaseException as error:
                self._claims.pop(content.image_id, None)
                claim.set_exception(error)
        return claim.result()

    def _decode(self, content: Content, where: str) -> _Decoded:
        with self._cores:
            picture = decode_bytes(content.data, content.image_id, where, side=self._side)
            view = self._encoder.prepare(picture.image)
        return _Decoded(picture if self._whole else replace(picture, image=view), view)
