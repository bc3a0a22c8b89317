"""Load: one file is read, decoded and prepared for the image tower.

Takes a FoundFile; returns a ReadFile or a FailedFile, and of several a DecodedBatch. Several threads load at once: each
content is decoded once, and no more are decoded at a time than there are cores.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from cvsi_db.errors import ImageError
from cvsi_db.ingest.decode import decode_bytes, metadata_in
from cvsi_db.ingest.iptc_xmp import Xmp, read_xmp
from cvsi_db.ingest.metadata import with_surroundings
from cvsi_db.ingest.read_bytes import Content, DecodedBatch, FailedFile, ReadFile, printable, read_file
from cvsi_db.ingest.shard_notes import Notes, read_notes
from cvsi_db.ingest.thumbnail import make_thumbnail
from cvsi_db.models.protocols import Encoder
from cvsi_db.records import FoundFile, Metadata, Picture


class Loader:
    """Loads files. `known` are the contents that need no model. A picture's pixels are what the image tower sees of it.

    `cores` is how many files may be decoded at once; any number may be read, because that is waiting. Pictures get
    `thumbnails` if they are wanted. `given` says by path what a file does not say itself, in Metadata's fields.
    """

    def __init__(
        self,
        known: Container[str],
        encoder: Encoder,
        *,
        cores: int,
        thumbnails: bool = False,
        given: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        self._known, self._encoder, self._thumbnails, self._given = known, encoder, thumbnails, given
        self._cores = threading.Semaphore(cores)
        self._claiming = threading.Lock()
        self._claims: dict[str, Future[Picture]] = {}
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
        read = ReadFile(file, content.image_id, found)
        return self._described(read, found.metadata if found else self._metadata_again(content, file))

    def gather(self, loaded: Sequence[ReadFile | FailedFile]) -> DecodedBatch:
        """The files as a batch, each without its picture unless it is the first with its content.

        To be called in the order of the files, by one thread at a time.
        """
        files = []
        for read in loaded:
            if isinstance(read, ReadFile):
                again = read.picture is not None and read.image_id in self._handed_on
                files.append(replace(read, picture=None) if again else read)
                if read.picture is not None and not again:
                    self._handed_on.add(read.image_id)
                    self._claims.pop(read.image_id, None)
        return DecodedBatch(tuple(files), tuple(failed for failed in loaded if isinstance(failed, FailedFile)))

    def _metadata_again(self, content: Content, file: FoundFile) -> Metadata | None:
        """The metadata of a known content, without a model; None where the file cannot be opened any more."""
        with self._cores, suppress(ImageError):
            return metadata_in(content.data, printable(file.path))
        return None

    def _described(self, read: ReadFile, metadata: Metadata | None) -> ReadFile:
        """The file with what its content, its sidecars and its name say."""
        sidecars, unread, notes = list[Xmp](), list[FailedFile](), Notes({}, "")
        for sidecar in read.file.sidecars:
            suffix = os.path.splitext(sidecar.path.name)[1].lower()
            try:
                data = read_file(sidecar.path).data
                if suffix == ".xmp":
                    sidecars.append(read_xmp(data))
                else:
                    said = read_notes(data, suffix)
                    notes = Notes(notes.metadata | said.metadata, said.caption or notes.caption)
            except (ImageError, ValueError) as error:
                reason = error.reason if isinstance(error, ImageError) else str(error)
                kind = "an XMP sidecar" if suffix == ".xmp" else f"a {suffix} file of an image"
                unread.append(FailedFile(sidecar, f"{kind} that cannot be read: {reason}"))
        full = metadata and with_surroundings(metadata, read.file.path.name, sidecars)
        if full and (given := notes.metadata | dict(self._given.get(str(read.file.path), {}))):
            full = replace(full, **{**given, "tags": tuple(dict.fromkeys((*full.tags, *given.get("tags", ()))))})
        return replace(read, metadata=full, unread=tuple(unread), caption=notes.caption)

    def _decode_once(self, content: Content, where: str) -> Picture:
        with self._claiming:
            claim = self._claims.get(content.image_id)
            mine = claim is None
            claim = self._claims.setdefault(content.image_id, Future()) if claim is None else claim
        if mine:
            try:
                with self._cores:
                    picture = decode_bytes(content.data, content.image_id, where, side=self._encoder.side)
                    thumbnail = make_thumbnail(picture.image) if self._thumbnails else b""
                    claim.set_result(replace(picture, image=self._encoder.prepare(picture.image), thumbnail=thumbnail))
            except BaseException as error:
                self._claims.pop(content.image_id, None)
                claim.set_exception(error)
        return claim.result()
