"""Shard notes: what a shard says of an image in files of the same name: metadata as JSON, a caption as text.

Takes the bytes of such a file; returns fields of Metadata and a caption.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from cvsi_db.ingest.files_from import FIELDS, metadata_value

MAX_BYTES = 2**20
"""The longest file of that kind."""


class Notes(NamedTuple):
    """What is said of an image: fields of Metadata by name, and its caption, or ""."""

    metadata: dict[str, Any]
    caption: str


def read_notes(data: bytes, suffix: str) -> Notes:
    """The notes in a file of that suffix, .json or .txt. Raises ValueError for one that cannot be used."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"longer than {MAX_BYTES // 2**20} MiB")
    text = data.decode("utf-8-sig")
    if suffix == ".txt":
        return Notes({}, _one_line(text))
    try:
        said = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(said, dict):
        raise ValueError("not a JSON object")
    given = {name: value for name, value in said.items() if name in FIELDS and value is not None}
    caption = said.get("caption")
    metadata = {name: metadata_value(name, value) for name, value in given.items()}
    return Notes(metadata, _one_line(caption) if isinstance(caption, str) else "")


def _one_line(text: str) -> str:
    # Half a surrogate pair is valid JSON, but cannot be stored.
    return " ".join(text.encode("utf-8", "ignore").decode().split())
