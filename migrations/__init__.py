"""The gallery's migrations: the ordered revisions, and how to run them on one gallery.

Takes a connection to the catalog and the open Lance database; each revision changes both, Lance first and the catalog
(with its version stamp) last in one transaction, so that a crash leaves a step to repeat. On object storage the catalog
is a Lance database too. store/folder.py and store/remote.py lock the gallery and keep what was there. Importing this
does not import alembic, which an up-to-date gallery never needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection

REVISIONS = (
    "0001_first",
    "0002_places_and_removed",
    "0003_file_metadata",
    "0004_tables",
    "0005_thumbnails",
    "0006_verdicts",
)
"""Every revision, oldest first; a revision's id is its module's name in `versions/`."""


@dataclass(frozen=True)
class Chain:
    """A chain of revisions: the Alembic folder (env.py and versions/) and the ids in it, oldest first."""

    scripts: Path
    revisions: tuple[str, ...]

    @property
    def head(self) -> str:
        """The newest revision: the stamp of an up-to-date gallery."""
        return self.revisions[-1]

    def upgrade(self, connection: Connection, lance: Any, dim: int) -> None:
        """Run the revisions that `connection`'s catalog lacks, on it and on the Lance database `lance`.

        `dim` is the width of the gallery's vectors. Raises whatever a revision raises; the catalog is then at the
        last revision that succeeded.
        """
        from alembic import command
        from alembic.config import Config

        config = Config(attributes={"connection": connection, "lance": lance, "dim": dim})
        config.set_main_option("script_location", str(self.scripts).replace("%", "%%"))
        command.upgrade(config, "head")

    def upgrade_remote(self, catalog: Any, lance: Any, dim: int, before: str | None = None) -> None:
        """Run the revisions after `before` on a gallery on object storage: its catalog is a Lance database too.

        The caller stamps it. Raises whatever a revision raises.
        """
        from alembic.script import ScriptDirectory

        scripts = ScriptDirectory(str(self.scripts))
        for name in self.revisions[self.revisions.index(before) + 1 if before else 0 :]:
            module: Any = scripts.get_revision(name).module
            module.upgrade_lance(lance, dim)
            if hasattr(module, "upgrade_lance_catalog"):
                module.upgrade_lance_catalog(catalog)


CHAIN = Chain(Path(__file__).parent, REVISIONS)


def upgrade_lance_catalog(lance: Any) -> None:
    """Bring an empty Lance database to the head as the catalog of a gallery on object storage."""
    for name in REVISIONS:
        revision: Any = import_module(f"{__name__}.versions.{name}")
        if hasattr(revision, "upgrade_lance_catalog"):
            revision.upgrade_lance_catalog(lance)


def upgrade_lance(lance: Any, dim: int) -> None:
    """Bring an empty Lance database to the head, without a catalog: the Lance half of every revision, in order."""
    for name in REVISIONS:
        import_module(f"{__name__}.versions.{name}").upgrade_lance(lance, dim)
