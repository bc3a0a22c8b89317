"""Watch: keeps a gallery in step with folders, with an ingest at the start and one after each change below them.

Takes an open gallery and folders; calls a Listener, and returns when an event is set. A change only names the folder to
ingest; what changed is found by the ingest as usual, so lost or doubled events do no harm.
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
from cvsi_db.ingest.ignore import IGNORE_FILE
from cvsi_db.records import IngestProgress, IngestSummary

if TYPE_CHECKING:
    from cvsi_db.gallery import Gallery
    from cvsi_db.store.location import Location

TICK = 0.5
"""How often, in seconds, to check whether the folders still exist, and whether to stop."""
QUIET, PATIENCE = 0.4, 5.0
"""An ingest starts when nothing has changed for QUIET seconds, or PATIENCE seconds after the first change."""
RETRY = 3.0
"""Seconds before another attempt when the gallery could not be written."""

Identity = tuple[int, int]
"""Device and inode: they differ when a folder, or its disk, was away and is back."""


@dataclass(frozen=True)
class WatchOptions:
    """How to ingest (see Gallery.ingest), and whether to `poll`: to look for changes at intervals, for network drives,
    where the system does not report them."""

    prune: bool = False
    caption: bool = True
    batch_size: int | None = None
    poll: bool = False


@dataclass(frozen=True)
class Listener:
    """What is called: `on_ingest` with the folders and the summary of their ingest, `say` with each other message."""

    on_ingest: Callable[[Sequence[Path], IngestSummary], None]
    say: Callable[[str], None]


def watch(
    gallery: Gallery, folders: Sequence[str | Path], *, options: WatchOptions, listener: Listener, stop: Event
) -> None:
    """Ingest the folders, then again whatever of them changes, until `stop` is set.

    It waits for a folder that vanishes, retries when the gallery cannot be written, and reports an unreadable file
    once. Raises IngestError for a path that is not a folder, GalleryError when the system cannot watch that many, and
    what the models raise.
    """
    roots = tuple(Path(os.path.abspath(folder)) for folder in folders)
    for root in roots:
        if not root.is_dir():
            raise IngestError(f"cannot watch {str(root)!r}: name an existing folder")
    ingester = _Ingester(gallery, options, listener, stop)
    for changed in _changes(roots, gallery.folder.absolute(), options.poll, listener.say, stop):
        ingester.ingest(changed)


class _StopError(Exception):
    """Stops an ingest after a batch."""


@dataclass
class _Ingester:
    """Ingests what changed, and retries what failed; repeated messages (`messages` holds the last ones) are dropped."""

    gallery: Gallery
    options: WatchOptions
    listener: Listener
    stop: Event
    pending: set[Path] = field(default_factory=set)
    messages: dict[str, str] = field(default_factory=dict)
    retry_at: float = 0.0

    def ingest(self, changed: Sequence[Path]) -> None:
        """Ingest these folders, and those that failed before."""
        self.pending.update(changed)
        if not self.pending or time.monotonic() < self.retry_at:
            return
        roots = tuple(sorted(filter(Path.is_dir, self.pending)))  # a missing one is reported as changed when it is back
        with suppress(_StopError):
            if not roots or self._ingest(roots):
                self.pending.clear()

    def _ingest(self, roots: Sequence[Path]) -> bool:
        """Ingest all roots at once, so that moves between them are found; returns False if it must be tried again."""
        try:
            summary = self.gallery.ingest(
                *roots,
                on_progress=self._progress,
                batch_size=self.options.batch_size,
                caption=self.options.caption,
                prune=self.options.prune,
            )
        except IngestError as error:  # no image in one of them, so far
            if len(roots) > 1:
                return all(self._ingest([root]) for root in roots)
            self._say(str(roots[0]), str(error))
        except GalleryError as error:
            self._say("gallery", f"{error}; trying again")
            self.retry_at = time.monotonic() + RETRY
            return False
        else:
            self._report(roots, summary)
        return True

    def _report(self, roots: Sequence[Path], summary: IngestSummary) -> None:
        self.listener.on_ingest(roots, summary)
        failures = {failure.path: f"skipped {failure.path}: {failure.reason}" for failure in summary.errors}
        failures |= {lost.path: f"{lost.path}: {lost.reason}" for lost in summary.lost}
        seen = [
            about
            for about in self.messages
            if about == "gallery" or any(Path(about).is_relative_to(root) for root in roots)
        ]
        for about in set(seen) - failures.keys():
            del self.messages[about]
        for about, line in failures.items():
            self._say(about, line)

    def _say(self, about: str, line: str) -> None:
        """Pass the message on, unless it repeats the last one about the same thing."""
        if self.messages.get(about) != line:
            self.messages[about] = line
            self.listener.say(line)

    def _progress(self, _now: IngestProgress) -> None:
        if self.stop.is_set():
            raise _StopError


# --- what changes -----------------------------------------------------------------------------------------------


def _changes(
    roots: Sequence[Path], gallery: Location, poll: bool, say: Callable[[str], None], stop: Event
) -> Iterator[Sequence[Path]]:
    """The roots below which something changed, at first all; every TICK, and empty when nothing did."""
    seen: dict[Path, Identity] = {}
    while not stop.is_set():
        existing = _existing(roots)
        for root in seen.keys() - existing.keys():
            say(f"{root} is gone: waiting until it is back")
        changed = [root for root in existing if seen.get(root) != existing[root]]
        seen = existing
        if existing:
            yield from _changes_while(roots, existing, changed, gallery, poll, stop)
        else:
            stop.wait(TICK)


def _changes_while(
    roots: Sequence[Path],
    existing: dict[Path, Identity],
    changed: Sequence[Path],
    gallery: Location,
    poll: bool,
    stop: Event,
) -> Iterator[Sequence[Path]]:
    """The same, as long as the same roots exist; `changed` come first.

    When it cannot tell what changed, it empties `existing`, so that all roots count as changed.
    """
    from watchfiles import watch as watch_files

    kept, is_watching = _Filter(tuple(existing), gallery), False
    try:
        for changes in watch_files(
            *existing,
            watch_filter=lambda _change, path: kept.root_of(path) is not None,
            debounce=int(PATIENCE * 1000),
            step=int(QUIET * 1000),
            rust_timeout=int(TICK * 1000),
            yield_on_timeout=True,
            stop_event=stop,
            force_polling=poll or None,
            ignore_permission_denied=True,
        ):
            # The first set comes once the system watches: from then on nothing is missed.
            yield sorted({*changed, *(root for _, path in changes if (root := kept.root_of(path)) is not None)})
            changed = ()
            is_watching = True
            if _existing(roots) != existing:
                return
    except FileNotFoundError:  # a folder vanished before it was watched
        stop.wait(TICK)
    except (OSError, RuntimeError) as error:  # from watchfiles: what the consumer raises does not come here
        if not is_watching:
            raise GalleryError(
                f"cannot watch {', '.join(map(str, existing))}: {error}; watch fewer, or poll"
            ) from error
        existing.clear()  # for example, a name that is not UTF-8
        stop.wait(QUIET)


def _existing(roots: Sequence[Path]) -> dict[Path, Identity]:
    found = {}
    for root in roots:
        with suppress(OSError):
            status = root.stat()
            found[root] = (status.st_dev, status.st_ino)
    return found


class _Filter:
    """Finds the root of a changed path; hidden files and the gallery's own do not count."""

    def __init__(self, roots: Sequence[Path], gallery: Location) -> None:
        # Some systems report a path as it was named, others with its links resolved.
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
