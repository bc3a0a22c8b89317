"""Whether a bundle's files are what they were: hashes them and compares with what is recorded about them.

Takes Parts (inventory.py); returns one Checked per file. Two records are known: the hub's cache names a file's blob by
its hash (sha256 for large files, git's blob hash for small ones), and a `sha256sums.txt`, as `sha256sum` writes it,
holds for the files of its folder and below; the starter comes with one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cvsi_db.models.inventory import SUMS, Part

Verdict = Literal["ok", "damaged", "missing", "unrecorded"]
"""`unrecorded`: the file is there, and nothing says what it should be."""


@dataclass(frozen=True)
class Checked:
    """One file of a part. `sha256` is that of the file on disk, None where there is none."""

    part: str
    path: str
    verdict: Verdict
    sha256: str | None = None


def verify(parts: Sequence[Part]) -> list[Checked]:
    """Every file of these parts, and those that are missing; reads each file once."""
    return [checked for part in parts for checked in _verify_part(part)]


def _verify_part(part: Part) -> Iterator[Checked]:
    for path in part.files:
        sha256 = hash_file(path)
        yield Checked(part.name, str(path), _verdict(path, sha256), sha256)
    for names in part.missing:
        yield Checked(part.name, " or ".join(names), "missing")
    folder = Path(part.source).expanduser()
    if part.repo is None and folder.is_dir():  # files that its record names and that are gone
        for path in recorded_sums(folder / SUMS):
            if path.parent == folder and not path.is_file():
                yield Checked(part.name, str(path), "missing")


def _verdict(path: Path, sha256: str) -> Verdict:
    blob = path.readlink().name if path.is_symlink() and path.readlink().parent.name == "blobs" else ""
    if len(blob) == 40:  # git's hash, under which the hub keeps small files
        return "ok" if hash_file(path, f"blob {path.stat().st_size}\0".encode(), "sha1") == blob else "damaged"
    recorded = blob if len(blob) == 64 else recorded_sums(path).get(path)
    return "unrecorded" if recorded is None else "ok" if recorded == sha256 else "damaged"


def recorded_sums(path: Path) -> dict[Path, str]:
    """What the nearest `sha256sums.txt`, beside the file or in the folder above, says, by absolute path."""
    for folder in (path.parent, path.parent.parent):
        if (folder / SUMS).is_file():
            lines = (line.split(maxsplit=1) for line in (folder / SUMS).read_text("utf-8").splitlines())
            return {folder / name.lstrip("*"): digest for digest, name in lines}
    return {}


def hash_file(path: Path, before: bytes = b"", kind: str = "sha256") -> str:
    """The hex digest of `before` and the file, read in blocks."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.new(kind, before)).hexdigest()
