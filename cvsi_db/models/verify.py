"""Whether a bundle's files are what they were: hashes them and compares with what is recorded about them.

Takes Parts (inventory.py); returns one Checked per file. Four records are known: the hub's cache names a file's blob by
its hash, a `sha256sums.txt`, as `sha256sum` writes it, holds for the files of its folder and below (the starter comes
with one), the ledger (hashes.py) holds what a published file was at its first use, and photos-lite knows its weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cvsi_db.models.hashes import blob_fits, first_seen, hash_file
from cvsi_db.models.inventory import SUMS, Part
from cvsi_db.models.photos_lite.layout import SHA256, weights_file

Verdict = Literal["ok", "damaged", "changed", "missing", "unrecorded"]
"""`changed`: not what it was at its first use; `unrecorded`: nothing says what the file should be."""


@dataclass(frozen=True)
class Checked:
    """One file of a part. `sha256` is that of the file on disk, None where there is none."""

    part: str
    path: str
    verdict: Verdict
    sha256: str | None = None


def verify(parts: Sequence[Part]) -> list[Checked]:
    """Every file of these parts, and those that are missing; published ones are recorded when they never were."""
    return [checked for part in parts for checked in _verify_part(part)]


def _verify_part(part: Part) -> Iterator[Checked]:
    for path in part.files:
        sha256 = hash_file(path)
        source = part.release or (part.repo and f"{part.repo}/{path.name}")
        yield Checked(part.name, str(path), _verdict(path, sha256, source), sha256)
    for names in part.missing:
        yield Checked(part.name, " or ".join(names), "missing")
    folder = Path(part.source).expanduser()
    if part.repo is None and folder.is_dir():  # files that its record names and that are gone
        for path in recorded_sums(folder / SUMS):
            if path.parent == folder and not path.is_file():
                yield Checked(part.name, str(path), "missing")


def _verdict(path: Path, sha256: str, source: str | None) -> Verdict:
    """`source` is what a published file is called in the ledger."""
    fits = blob_fits(path, sha256)
    if fits is False:
        return "damaged"
    if source:
        return "ok" if first_seen(source, sha256) == sha256 else "changed"
    recorded = SHA256 if path == weights_file() else recorded_sums(path).get(path)
    return ("ok" if fits else "unrecorded") if recorded is None else "ok" if recorded == sha256 else "damaged"


def recorded_sums(path: Path) -> dict[Path, str]:
    """What the nearest `sha256sums.txt`, beside the file or in the folder above, says, by absolute path."""
    for folder in (path.parent, path.parent.parent):
        if (folder / SUMS).is_file():
            lines = (line.split(maxsplit=1) for line in (folder / SUMS).read_text("utf-8").splitlines())
            return {folder / name.lstrip("*"): digest for digest, name in lines}
    return {}
