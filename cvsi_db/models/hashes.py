"""Hashes of weights: what a file should be by the hub's cache, and what it was when it was first used here.

Takes paths; returns hex digests. The ledger (`weights.sha256` in the user's data folder, lines as `sha256sum` writes
them) holds the sha256 of every published file from its first download or check on: whoever serves it cannot replace it
unnoticed.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from platformdirs import user_data_path

from cvsi_db.errors import ModelError
from cvsi_db.settings import APP

_SCHEME = re.compile(r"^(?:local-dir|transformers|st|local):")


def hash_file(path: Path, before: bytes = b"", kind: str = "sha256") -> str:
    """The hex digest of `before` and the file, read in blocks."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.new(kind, before)).hexdigest()


def digest_weights(*parts: str | None) -> str:
    """16 hex digits that change with the parts, and with the weight files and folders that the parts name.

    A part may have a bundle's scheme before its path, as `local-dir:FOLDER`. Of a file its name, its size and both ends
    count: weights of gigabytes must not be hashed whole at every start.
    """
    end = 1 << 20
    digest = hashlib.sha256()
    for part in parts:
        path = Path(_SCHEME.sub("", part or "")).expanduser()
        files = [path] if part else []
        if part and path.is_dir():
            files = sorted(path.rglob("*.safetensors")) or sorted(path.rglob("*.bin"))
        found = [file for file in files if file.is_file()]
        for file in found:
            size = file.stat().st_size
            digest.update(f"{file.name}:{size}:".encode())
            with file.open("rb") as opened:
                head = opened.read(end)
                opened.seek(max(len(head), size - end))
                digest.update(head + opened.read(end))
        if not found:
            digest.update(repr(part).encode())
    return digest.hexdigest()[:16]


def blob_fits(path: Path, sha256: str) -> bool | None:
    """Whether a file of the hub's cache, of that sha256, is what the hub said; None for any other file.

    The cache names a blob by its hash: by sha256 for large files, by git's blob hash for small ones.
    """
    blob = path.readlink().name if path.is_symlink() and path.readlink().parent.name == "blobs" else ""
    if len(blob) == 40:
        return hash_file(path, f"blob {path.stat().st_size}\0".encode(), "sha1") == blob
    return sha256 == blob if len(blob) == 64 else None


def ledger() -> Path:
    """The file of what was seen at first use."""
    return user_data_path(APP) / "weights.sha256"


def first_seen(source: str, sha256: str) -> str:
    """The sha256 that `source` had at its first use; this one is noted down when it has not been used before.

    Where nothing can be written, every use is the first.
    """
    path = ledger()
    try:
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        known = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        if source not in known:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{sha256}  {source}\n")
    except OSError:
        return sha256
    return known.get(source, sha256)


def check_first_use(source: str, path: Path) -> None:
    """Raises ModelError when the file is not the one that `source` was when it was first used here."""
    sha256 = hash_file(path)
    if (known := first_seen(source, sha256)) != sha256:
        raise ModelError(
            f"{source} has changed: its sha256 is {sha256[:16]}…, and was {known[:16]}… at first use; delete "
            f"{str(path)!r} and pull it again, or remove its line from {str(ledger())!r} if you trust the new file"
        )
