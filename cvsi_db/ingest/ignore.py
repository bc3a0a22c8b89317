"""Ignore: what an ingest leaves out by name, and what the `.cvsiignore` files exclude, by the rules of gitignore(5).

Takes names, folders and paths as text; returns why a name is left out, and whether a path is ignored. A pattern is
relative to the folder whose file it is in; the deepest file that has a pattern for a path decides, and in a file the
last line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.errors import IngestError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".cvsiignore"

SKIPPED_FOLDERS: Mapping[str, str] = {
    "@eadir": "thumbnails that a Synology NAS keeps",
    "@recently-snapshot": "snapshots of a NAS",
    "@recycle": "a NAS's recycle bin",
    "#recycle": "a NAS's recycle bin",
    "#snapshot": "snapshots of a NAS",
    "$recycle.bin": "Windows' recycle bin",
    "system volume information": "Windows' own files",
    "__macosx": "macOS metadata from an archive",
    "lost+found": "fragments that a file system check found",
    ".thumbnails": "thumbnails",
    ".@__thumb": "thumbnails that a QNAP NAS keeps",
    ".appledouble": "macOS metadata of other files",
}
"""The folders that an ingest does not enter, in lower case, and what they hold; beside them all hidden ones."""
NO_MEDIA = ".nomedia"
"""A file that says of its folder, and of all below: nothing here is for a gallery (Android's convention)."""


def why_hidden(name: str, is_folder: bool) -> str | None:
    """Why a file or folder of this name is left out; None where it is not."""
    if is_folder:
        if kept := SKIPPED_FOLDERS.get(name.lower()):
            return f"a folder of {kept}"
        if name.startswith("."):
            return "a folder of deleted files" if name.lower().startswith(".trash") else "a hidden folder"
    elif name.startswith("."):
        return "macOS metadata of another file" if name.startswith("._") else "a hidden file"
    return None


def why_skipped(names: Set[str]) -> str | None:
    """Why a folder that holds these names is not entered; None where it is."""
    if NO_MEDIA in names:
        return f"a folder with a {NO_MEDIA} file"
    return "a gallery of cvsi-db" if names >= {"catalog.sqlite", "lance"} else None


@dataclass(frozen=True)
class IgnoreRules:
    """The rules for a folder: those of its own file and of the folders above, the deepest first."""

    specs: tuple[tuple[str, GitIgnoreSpec], ...] = ()

    def within(self, folder: str) -> IgnoreRules:
        """These rules and those of the file in `folder`, which exists. Raises IngestError when it cannot be used."""
        from pathspec import GitIgnoreSpec

        path = os.path.join(folder, IGNORE_FILE)
        try:
            spec = GitIgnoreSpec.from_lines(Path(path).read_text("utf-8", "surrogateescape").splitlines())
        except OSError as error:
            raise IngestError(f"cannot read the ignore file {path!r}: {error.strerror}") from error
        except ValueError as error:
            raise IngestError(f"cannot use the ignore file {path!r}: {error}") from error
        return IgnoreRules(((os.path.join(folder, ""), spec), *self.specs))

    def ignore(self, path: str, *, folder: bool) -> bool:
        """Whether `path` is ignored; an ignored folder is not opened, so a pattern cannot bring back files in it."""
        for above, spec in self.specs:
            name = path[len(above) :].replace(os.sep, "/").replace("\n", "\r")  # a pattern's dots match no newline
            ignored = spec.check_file(f"{name}/" if folder else name).include
            if ignored is not None:
                return ignored
        return False


def rules_above(folder: str) -> IgnoreRules:
    """The rules of the folders that `folder` is in, without its own. Raises IngestError as `within` does.

    Ignore files that exclude `folder` itself do not count: it was named, so it is wanted.
    """
    rules = IgnoreRules()
    for above in reversed(Path(folder).parents):
        if os.path.lexists(above / IGNORE_FILE):
            rules = rules.within(str(above))
    return IgnoreRules(tuple(spec for spec in rules.specs if not IgnoreRules((spec,)).ignore(folder, folder=True)))
