"""Watch: keeps a gallery in step with folders, by an ingest at first and one after each change below them.

Takes an open gallery and folders; tells what it does, and ends when it is told to. A change only says which folder to
look at: what changed is found by the ingest, the same way as ever, so that a lost or a doubled event does no harm.
Knows nothing about pictures, models or tables.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from cvsi_db.errors import GalleryError, IngestError
from cvsi_db.records import IngestProgress, IngestSummary

if TYPE_CHECKING:
    from cvsi_db.gallery import Gallery

TICK = 0.5
"""How often, in seconds, it is seen whether the folders are still there, and whether to stop."""
QUIET, PATIENCE = 0.4, 5.0
"""An ingest begins when nothing has changed for QUIET seconds, or PATIENCE seconds after the first change."""
RETRY = 3.0
"""Seconds before another attempt when the gallery could not be written."""
IGNORE_FILE = ".cvsiignore"
"""The one hidden file that matters."""

Identity = tuple[int, int]
"""Device and inode: a folder that was away and is back has another one, or its disk has."""


@dataclass(frozen=True)
class WatchOptions:
    """How to ingest (see Gallery.ingest), and whether to `poll`: to look again and again, where the system announces no
    changes, as on network drives."""

    prune: bool = False
    caption: bool = True
    batch_size: int | None = None
    poll: bool = False


@dataclass(frozen=True)
class Listener:
    """Who is told: `on_ingest` the folders and what the ingest of them did, `say` everything else, in lines."""

    on_ingest: Callable[[Sequence[Path], IngestSummary], None]
    say: Callable[[str], None]


def watch(
    gallery: Gallery, folders: Sequence[str | Path], *, options: WatchOptions, listener: Listener, stop: Event
) -> None:
    """Ingest the folders, then again whatever of them changes, until `stop` is set.

    A folder that vanishes is waited for, a gallery that cannot be written is tried again, a file that cannot be read
    is told once. Raises IngestError for what is no folder, GalleryError when the system cannot watch so many, and what
    the models raise.
    """
    roots = tuple(Path(os.path.abspath(folder)) for folder in folders)
    for root in roots:
        if not root.is_dir():
            raise IngestError(f"cannot watch {str(root)!r}: name an existing folder")
    keeper = _Keeper(gallery, options, listener, stop)
    for changed in _changes(roots, gallery.folder.absolute(), options.poll, listener.say, stop):
        keeper.keep_up(changed)


class _StopError(Exception):
    """Ends an ingest after a batch."""


@dataclass
class _Keeper:
    """Ingests what changed; what did not go through it tries again. `told` is what was said last, by what about."""

    gallery: Gallery
    options: WatchOptions
    listener: Listener
    stop: Event
    waiting: set[Path] = field(default_factory=set)
    told: dict[str, str] = field(default_factory=dict)
    pause_until: float = 0.0

    def keep_up(self, changed: Sequence[Path]) -> None:
        """Ingest these folders, and those that wait for another attempt."""
        self.waiting.update(changed)
        if not self.waiting or time.monotonic() < self.pause_until:
            return
        roots = tuple(sorted(filter(Path.is_dir, self.waiting)))  # one that is away will be a change when it is back
        with suppress(_StopError):
            if not roots or self._ingest(roots):
                self.waiting.clear()

    def _ingest(self, roots: Sequence[Path]) -> bool:
        """Whether there is no need to try again. In one ingest, so that what moved between the folders is seen to."""
        try:
            summary = self.gallery.ingest(
                *roots,
                on_progress=self._progress,
                batch_size=self.options.batch_size,
                caption=self.options.caption,
                prune=self.options.prune,
            )
        except IngestError as error:  # no picture in one of them, so far
            if len(roots) > 1:
                return all(self._ingest([root]) for root in roots)
            self._say(str(roots[0]), str(error))
        except GalleryError as error:
            self._say("gallery", f"{error}; trying again")
            self.pause_until = time.monotonic() + RETRY
            return False
        else:
            self._report(roots, summary)
        return True

    def _report(self, roots: Sequence[Path], summary: IngestSummary) -> None:
        self.listener.on_ingest(roots, summary)
        failures = {failure.path: f"skipped {failure.path}: {failure.reason}" for failure in summary.errors}
        failures |= {lost.path: f"{lost.path}: {lost.reason}" for lost in summary.lost}
        seen = [about for about in self.told if about == "gallery" or _is_in(about, roots)]
        for about in set(seen) - failures.keys():
            del self.told[about]
        for about, line in failures.items():
            self._say(about, line)

    def _say(self, about: str, line: str) -> None:
        """Say it, unless that is what was said last about the same thing."""
        if self.told.get(about) != line:
            self.told[about] = line
            self.listener.say(line)

    def _progress(self, now: IngestProgress) -> None:
        if self.stop.is_set():
            raise _StopError


def _is_in(path: str, roots: Sequence[Path]) -> bool:
    return any(Path(path).is_relative_to(root) for root in roots)


# --- what changes -----------------------------------------------------------------------------------------------


def _changes(
    roots: Sequence[Path], gallery: Path, poll: bool, say: Callable[[str], None], stop: Event
) -> Iterator[Sequence[Path]]:
    """The roots below which something changed, at first all; every TICK, also when there are none."""
    seen: dict[Path, Identity] = {}
    while not stop.is_set():
        there = _there(roots)
        for root in seen.keys() - there.keys():
            say(f"{root} is gone: waiting for it to come back")
        changed = [root for root in there if seen.get(root) != there[root]]
        seen = there
        if there:
            yield from _changes_while(roots, there, changed, gallery, poll, stop)
        else:
            stop.wait(TICK)


def _changes_while(
    roots: Sequence[Path],
    there: dict[Path, Identity],
    changed: Sequence[Path],
    gallery: Path,
    poll: bool,
    stop: Event,
) -> Iterator[Sequence[Path]]:
    """The same, as long as those of the roots are there that are now; `changed` are told first.

    It empties `there`, so that all of them count as changed, when it cannot tell what did.
    """
    from watchfiles import watch as watch_files

    kept, is_watching = _Filter(tuple(there), gallery), False
    try:
        for changes in watch_files(
            *there,
            watch_filter=lambda change, path: kept.root_of(path) is not None,
            debounce=int(PATIENCE * 1000),
            step=int(QUIET * 1000),
            rust_timeout=int(TICK * 1000),
            yield_on_timeout=True,
            stop_event=stop,
            force_polling=poll or None,
            ignore_permission_denied=True,
        ):
            # The first set comes when the system has begun to watch: from then on nothing is missed.
            yield sorted({*changed, *(root for _, path in changes if (root := kept.root_of(path)) is not None)})
            changed = ()
            is_watching = True
            if _there(roots) != there:
                return
    except FileNotFoundError:  # it went while we turned to it
        stop.wait(TICK)
    except (OSError, RuntimeError) as error:  # both are of the library: what a caller raises does not come here
        if not is_watching:
            raise GalleryError(f"cannot watch {', '.join(map(str, there))}: {error}; watch fewer, or poll") from error
        there.clear()  # a name that is not UTF-8, say
        stop.wait(QUIET)


def _there(roots: Sequence[Path]) -> dict[Path, Identity]:
    found = {}
    for root in roots:
        with suppress(OSError):
            status = root.stat()
            found[root] = (status.st_dev, status.st_ino)
    return found


class _Filter:
    """Which root a changed path is below, if it may matter: hidden files and the gallery's own do not."""

    def __init__(self, roots: Sequence[Path], gallery: Path) -> None:
        # Some systems report a path as it was named, others free of links.
        self._roots = {str(root.resolve()): root for root in roots} | {str(root): root for root in roots}
        self._gallery = {str(gallery), str(gallery.resolve())}

    def root_of(self, path: str) -> Path | None:
        """The root, or None."""
        here, inside = path, True
        while inside and here not in self._roots:
            name = os.path.basename(here)
            if here in self._gallery or (name.startswith(".") and name != IGNORE_FILE):
                return None
            above = os.path.dirname(here)
            here, inside = above, above != here
        return self._roots.get(here)
