"""Ledger: what a gallery's catalog and tables say of each other, side by side, for more rows than memory holds.

Takes streams of files, rows and captions; answers where they disagree. It is a private SQLite file that vanishes when
it is closed. Knows nothing about stores, disks or what a disagreement means.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from cvsi_db.store.images import TableName

_TABLES = """
CREATE TABLE file (path TEXT PRIMARY KEY, image_id TEXT, state TEXT) WITHOUT ROWID;
CREATE TABLE image (image_id TEXT, place TEXT, captions INTEGER);
CREATE TABLE held (path TEXT, image_id TEXT);
CREATE TABLE caption (image_id TEXT);
"""
_INDEXES = """
CREATE INDEX image_by_id ON image (image_id);
CREATE INDEX held_by_path ON held (path);
CREATE INDEX caption_by_id ON caption (image_id);
"""


class Ledger:
    """Three lists to compare: files by path, images by place (the table they are in), captions by image."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # a temporary file, on the disk when it grows
        self._database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;{_TABLES}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    # --- in -----------------------------------------------------------------------------------------------------

    def add_files(self, files: Iterable[tuple[str, str | None, str]]) -> None:
        """Note files: path, image_id or None, state."""
        self._database.executemany("INSERT INTO file VALUES (?, ?, ?)", files)

    def add_images(self, place: TableName, images: Iterable[tuple[str, int]]) -> None:
        """Note rows of the table `place`: image_id, number of captions."""
        self._database.executemany("INSERT INTO image VALUES (?1, ?3, ?2)", ((*image, place) for image in images))

    def add_paths(self, paths: Iterable[tuple[str, str]]) -> None:
        """Note the paths that rows of images hold: path, image_id."""
        self._database.executemany("INSERT INTO held VALUES (?, ?)", paths)

    def add_captions(self, image_ids: Iterable[str]) -> None:
        """Note captions, each by its image_id."""
        self._database.executemany("INSERT INTO caption VALUES (?)", ((image_id,) for image_id in image_ids))

    def close_lists(self) -> None:
        """Say that everything is noted: now the questions."""
        self._database.executescript(_INDEXES)

    # --- out ----------------------------------------------------------------------------------------------------

    def images_twice(self) -> Iterator[tuple[TableName, str]]:
        """Place and image_id of what is more than once in one table."""
        return self._ask("SELECT place, image_id FROM image GROUP BY image_id, place HAVING count(*) > 1")

    def files_without_image(self) -> Iterator[tuple[str]]:
        """Paths of files that lead to no row of images, or are in order and yet lead nowhere."""
        return self._ask(
            "SELECT path FROM file WHERE CASE WHEN image_id IS NULL THEN state = 'ok' ELSE NOT EXISTS "
            "(SELECT 1 FROM image WHERE image.image_id = file.image_id AND place = 'images') END ORDER BY path"
        )

    def files_not_held(self) -> Iterator[tuple[str, str]]:
        """Path and image_id of files whose row is there but does not hold the path."""
        return self._ask(
            "SELECT path, image_id FROM file WHERE image_id IS NOT NULL AND EXISTS "
            "(SELECT 1 FROM image WHERE image.image_id = file.image_id AND place = 'images') AND NOT EXISTS "
            "(SELECT 1 FROM held WHERE held.path = file.path AND held.image_id = file.image_id) ORDER BY path"
        )

    def paths_unknown(self) -> Iterator[tuple[str, str]]:
        """Path and image_id of paths that a row holds and no file leads to that row from."""
        return self._ask(
            "SELECT path, image_id FROM held WHERE NOT EXISTS "
            "(SELECT 1 FROM file WHERE file.path = held.path AND file.image_id = held.image_id) ORDER BY path"
        )

    def captions_without_image(self) -> Iterator[tuple[str]]:
        """Image_ids of captions whose image is in no table."""
        return self._ask(
            "SELECT DISTINCT image_id FROM caption WHERE NOT EXISTS "
            "(SELECT 1 FROM image WHERE image.image_id = caption.image_id)"
        )

    def captions_differing(self) -> Iterator[tuple[TableName, str, int, int]]:
        """Place, image_id, number of captions in the row, and in the captions table, where these differ."""
        return self._ask(
            "SELECT place, image_id, captions, (SELECT count(*) FROM caption WHERE caption.image_id = image.image_id) "
            "AS there FROM image WHERE there != captions"
        )

    def _ask(self, question: str) -> Iterator[Any]:
        return iter(self._database.execute(question))
