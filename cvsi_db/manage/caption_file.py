"""Caption file: the captions of a gallery as JSON lines, exported from one gallery and imported into another.

One object per line and image: `image_id`, `path`, `captions` (a list of texts) and `captioner` (its name, or null).
Imported captions are embedded; no image is read and no captioner runs.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from cvsi_db.errors import IngestError
from cvsi_db.ingest.embed import with_captions
from cvsi_db.models.protocols import Encoder

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

_CHUNK = 500


@dataclass(frozen=True)
class CaptionLine:
    """One line: the captions of the image that `image_id` or `path` names; without captions it changes nothing."""

    image_id: str | None
    path: str | None
    captions: tuple[str, ...]
    captioner: str | None


@dataclass(frozen=True)
class CaptionImport:
    """What an import did, in lines, each for another image: `matched` ones replaced the captions of their image,
    `unmatched` ones name no image of the gallery, `empty` ones had no caption. `images` is the gallery's size."""

    matched: int
    unmatched: int
    empty: int
    images: int


def export_captions(store: Store, catalog: Catalog) -> Iterator[str]:
    """A line per image, in the order of their paths; without captions the list is empty."""
    found = store.scan(["path", "image_id", "captions"]).to_pylist()
    rows = sorted((row["path"], row["image_id"], tuple(row["captions"])) for row in found)
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        kept = catalog.kept_captions([image_id for _, image_id, _ in chunk])
        for path, image_id, captions in chunk:
            line = CaptionLine(image_id, path, captions, captioner_of(captions, kept.get(image_id, {})))
            yield json.dumps(asdict(line), ensure_ascii=False)


def captioner_of(captions: tuple[str, ...], kept: Mapping[str, tuple[str, ...]]) -> str | None:
    """The captioner in the cache that wrote exactly these captions, or None."""
    from cvsi_db.store.catalog import GIVEN

    return next((name for name, texts in sorted(kept.items()) if name != GIVEN and texts == captions), None)


def import_captions(
    file: Path,
    *,
    store: Store,
    catalog: Catalog,
    encoder: Encoder,
    batch_size: int = 128,
    progress: Callable[[int, int], None] | None = None,
) -> CaptionImport:
    """Replace the captions of images by those in a file; `progress` is called with (done, matched).

    The caller holds the gallery's write lock. A line names its image by `image_id`, else by a `path` that the gallery
    knows, else by that path's file name. Nothing is written unless the whole file is valid; an import that is cut short
    may be repeated. Raises IngestError, naming the line, for a file that cannot be used.
    """
    lines = read_lines(file)
    matched = _match(lines, store, file)
    wanted = sorted(matched)
    for start in range(0, len(wanted), batch_size):
        batch = {image_id: matched[image_id] for image_id in wanted[start : start + batch_size]}
        texts = {image_id: line.captions for image_id, line in batch.items()}
        rows = [replace(row, captions=texts[row.image_id]) for row in store.rows(batch).values()]
        store.upsert(*with_captions(rows, encoder))
        for captioner in {line.captioner for line in batch.values() if line.captioner}:
            theirs = {image_id: line.captions for image_id, line in batch.items() if line.captioner == captioner}
            catalog.keep_captions(captioner, theirs)
        catalog.give_captions(texts)
        if progress is not None:
            progress(min(start + batch_size, len(wanted)), len(wanted))
    empty = sum(not line.captions for line in lines.values())
    return CaptionImport(len(matched), len(lines) - empty - len(matched), empty, store.count())


def read_lines(file: Path) -> dict[int, CaptionLine]:
    """The lines of a file by their number, from 1, without blank ones. Raises IngestError for the first invalid one."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise IngestError(f"cannot read the captions in {str(file)!r}: {error.strerror or error}") from error
    lines = {}
    for number, raw in enumerate(content.split(b"\n"), 1):
        try:
            if text := raw.decode("utf-8-sig").strip():
                lines[number] = _line(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise _unusable(file, number, error) from None
    return lines


def _line(value: Any) -> CaptionLine:
    """The line in a JSON value. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    image_id, path, captioner = (_text(value, key) for key in ("image_id", "path", "captioner"))
    if image_id is None and path is None:
        raise ValueError("it has neither 'image_id' nor 'path'")
    captions = value.get("captions")
    if not isinstance(captions, list):
        raise ValueError("'captions' must be a list of texts")
    texts = (" ".join(_valid(text, "a caption must be a text that is not empty").split()) for text in captions)
    return CaptionLine(image_id, path, tuple(texts), captioner)


def _text(value: Mapping[str, Any], key: str) -> str | None:
    text = value.get(key)
    return None if text is None else _valid(text, f"{key!r} must be a text that is not empty")


def _valid(text: Any, wish: str) -> str:
    """The text, if it is one. Half a surrogate pair is valid JSON, but cannot be stored."""
    if not isinstance(text, str) or not text.strip() or text != text.encode("utf-8", "ignore").decode():
        raise ValueError(f"{wish}, not {text!r}")
    return text


def _match(lines: Mapping[int, CaptionLine], store: Store, file: Path) -> dict[str, CaptionLine]:
    """The lines that have captions, by the image of the gallery that each names. Raises IngestError."""
    find, numbers, matched = _finder(store), dict[str, int](), dict[str, CaptionLine]()
    for number, line in lines.items():
        try:
            image_id = find(line)
            if image_id in numbers:
                raise ValueError(f"it names the same image as line {numbers[image_id]}: keep one of them")
        except ValueError as error:
            raise _unusable(file, number, error) from None
        if image_id is not None:
            numbers[image_id] = number
            if line.captions:
                matched[image_id] = line
    return matched


def _finder(store: Store) -> Callable[[CaptionLine], str | None]:
    """A function that finds a line's image, or None; raises ValueError for a file name that several images have."""
    known, by_path, by_name = set[str](), dict[str, str](), defaultdict[str, set[str]](set)
    for row in store.scan(["image_id", "paths"]).to_pylist():
        known.add(row["image_id"])
        for path in row["paths"]:
            by_path[path] = row["image_id"]
            by_name[Path(path).name].add(row["image_id"])

    def find(line: CaptionLine) -> str | None:
        if line.image_id is not None:
            return line.image_id if line.image_id in known else None
        path = line.path or ""
        if path in by_path:
            return by_path[path]
        name = PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name
        image_ids = by_name.get(name, set())
        if len(image_ids) > 1:
            raise ValueError(f"{len(image_ids)} images have the file name of {path!r}: give the image_id")
        return next(iter(image_ids), None)

    return find


def _unusable(file: Path, number: int, error: Exception) -> IngestError:
    reason = str(error)
    if isinstance(error, json.JSONDecodeError):
        reason = f"not JSON ({error.msg}, column {error.colno})"
    if isinstance(error, UnicodeDecodeError):
        reason = "not UTF-8"
    return IngestError(f"cannot use the captions in {str(file)!r}: line {number}: {reason}")
