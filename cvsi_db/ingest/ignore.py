"""Ignore: which files and folders the `.cvsiignore` files say to leave alone, by the rules of gitignore(5).

Takes folders and paths as text; returns whether a path is ignored. A pattern is relative to the folder whose file it is
in, the deepest file that says anything about a path decides, and within a file the last line. Knows nothing about
pictures or the gallery.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.errors import IngestError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".cvsiignore"


@dataclass(frozen=True)
class IgnoreRules:
    """The rules that hold in a folder: those of its own file and of the folders above, the deepest first."""

    specs: tuple[tuple[str, GitIgnoreSpec], ...] = ()

    def within(self, folder: str) -> IgnoreRules:
        """These rules and those of the file in `folder`, which is there. Raises IngestError when it cannot be used."""
        return IgnoreRules(((os.path.join(folder, ""), _read(os.path.join(folder, IGNORE_FILE))), *self.specs))

    def ignore(self, path: str, *, folder: bool) -> bool:
        """Whether to leave `path` alone; an ignored folder is not looked into, so nothing in it can be asked for."""
        for above, spec in self.specs:
            name = path[len(above) :].replace(os.sep, "/").replace("\n", "\r")  # a pattern's dots match no newline
            said = spec.check_file(f"{name}/" if folder else name).include
            if said is not None:
                return said
        return False


def rules_above(folder: str) -> IgnoreRules:
    """The rules of the folders that `folder` lies in, without its own. Raises IngestError as `within` does.

    Whoever names a folder wants what is in it: a file that says to ignore that very folder does not count.
    """
    rules = IgnoreRules()
    for above in reversed(Path(folder).parents):
        if os.path.lexists(above / IGNORE_FILE):
            rules = rules.within(str(above))
    return IgnoreRules(tuple(spec for spec in rules.specs if not IgnoreRules((spec,)).ignore(folder, folder=True)))


def _read(path: str) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    try:
        lines = Path(path).read_text("utf-8", "surrogateescape").splitlines()
        return GitIgnoreSpec.from_lines(lines)
    except OSError as error:
        raise IngestError(f"cannot read {path!r}, which says what to leave alone: {error.strerror}") from error
    except ValueError as error:
        raise IngestError(f"cannot use {path!r}: {error}") from error
