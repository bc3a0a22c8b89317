"""`cvsi-db watch` as a process: it follows a folder, survives another writer, and ends well at Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
from filelock import FileLock

from cvsi_db.gallery import Gallery
from tests.e2e.conftest import SAMPLES, Cli
from tests.e2e.test_bad_input import REFERENCE, one_line
from tests.processes import COMMAND, Forked

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send")


class Watcher:
    """A running `cvsi-db watch --format json`: the ingests it told of on stdout, its lines on stderr."""

    def __init__(self, *arguments: str | Path, before_start: Callable[[], None] | None = None) -> None:
        env = os.environ | {"HF_HUB_OFFLINE": "1", "CVSI_CONFIG": os.devnull, "CVSI_MODEL": "starter"}
        command = ["watch", *map(str, arguments), "--format", "json"]
        self.process: Forked | Popen[str] = (
            Popen([COMMAND, *command], env=env, stdout=PIPE, stderr=PIPE, text=True, preexec_fn=before_start)
            if before_start
            else Forked(command, env)
        )
        self.ingests: list[dict[str, object]] = []
        self.lines: list[str] = []
        assert self.process.stdout
        assert self.process.stderr
        readers = (self.process.stdout, lambda line: self.ingests.append(json.loads(line)))
        sayers = (self.process.stderr, lambda line: self.lines.append(line.rstrip("\n")))
        self._threads = [threading.Thread(target=_read, args=pair) for pair in (readers, sayers)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, said: Callable[[], object], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not said():
            assert self.process.poll() is None, self.lines
            assert time.monotonic() < end, (self.ingests, self.lines)
            time.sleep(0.05)

    def wait_for_ingest(self, **counts: int) -> None:
        self.wait_for(lambda: any(counts.items() <= told.items() for told in self.ingests))

    def end(self, *signals: signal.Signals) -> int:
        for number in signals:
            self.process.send_signal(number)
        code = self.process.wait(30)
        for thread in self._threads:
            thread.join(10)
        return code


def _read(stream: Iterator[str], take: Callable[[str], None]) -> None:
    for line in stream:
        take(line)


@pytest.fixture
def start() -> Iterator[Callable[..., Watcher]]:
    """Starts a watcher; whatever still runs at the end is killed."""
    started: list[Watcher] = []

    def run(*arguments: str | Path, before_start: Callable[[], None] | None = None) -> Watcher:
        started.append(Watcher(*arguments, before_start=before_start))
        return started[-1]

    yield run
    for watcher in started:
        if watcher.process.poll() is None:
            watcher.process.kill()
        watcher.end()


def test_a_folder_is_followed_until_ctrl_c(start: Callable[..., Watcher], tmp_path: Path) -> None:
    folder, db = tmp_path / "inbox", tmp_path / "db"
    folder.mkdir()
    shutil.copy(REFERENCE, folder / "one.png")
    watcher = start(folder, "--model", "starter", "--db", db)
    watcher.wait_for_ingest(new=1)
    shutil.copy(SAMPLES / "red-cat-beach.png", folder / "copy.png")
    watcher.wait_for_ingest(duplicates=1, unchanged=1)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    watcher.wait_for(lambda: any("skipped" in line and "broken.png" in line for line in watcher.lines))
    (folder / "one.png").unlink()
    watcher.wait_for_ingest(removed=1)
    with FileLock(db / "lock"):
        shutil.copy(SAMPLES / "blue-fox-harbour-three-duck.png", folder / "two.png")
        watcher.wait_for(lambda: any("another process is writing" in line for line in watcher.lines))
    watcher.wait_for_ingest(new=1, unchanged=1)
    assert watcher.end(signal.SIGINT) == 0
    assert (watcher.lines[0], watcher.lines[-1]) == (f"watching {folder} for {db}: Ctrl-C ends it", "stopped")
    with Gallery.open(db, device="cpu") as gallery:
        assert [image["path"] for image in gallery.images()] == [str(folder / "copy.png"), str(folder / "two.png")]
        assert gallery.check() == []


@pytest.mark.slow
def test_started_with_ctrl_c_ignored_it_ignores_ctrl_c_and_ends_at_sigterm(
    start: Callable[..., Watcher], tmp_path: Path
) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    shutil.copy(REFERENCE, folder / "one.png")
    ignore = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    watcher = start(folder, "--model", "starter", "--db", tmp_path / "db", before_start=ignore)
    watcher.wait_for_ingest(new=1)
    watcher.process.send_signal(signal.SIGINT)
    shutil.copy(SAMPLES / "red-cat-beach.png", folder / "copy.png")
    watcher.wait_for_ingest(duplicates=1, unchanged=1)
    assert watcher.end(signal.SIGTERM) == 0


def test_watch_refuses_missing_paths_and_files(cli: Cli, tmp_path: Path) -> None:
    db = tmp_path / "db"
    one_line(cli("watch", tmp_path / "none", "--db", db), 2, "none", "FOLDER")
    one_line(cli("watch", REFERENCE, "--db", db), 2, "red-cat-beach.png")
    one_line(cli("watch", "--db", db), 2, "FOLDER")
    assert not db.exists()
