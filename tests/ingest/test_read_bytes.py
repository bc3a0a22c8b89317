"""Reading one file: whole, once, and never for ever."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cvsi_db.errors import ImageError
from cvsi_db.ingest import read_bytes
from cvsi_db.ingest.pillow_guard import MAX_BYTES
from cvsi_db.ingest.read_bytes import read_file


def reason_of(path: Path, **options: Any) -> str:
    with pytest.raises(ImageError) as error:
        read_file(path, **options)
    return error.value.reason


def test_the_content_comes_with_its_sha256_size_and_time(tmp_path: Path) -> None:
    data = os.urandom(3 * read_bytes._CHUNK // 2)
    path = tmp_path / "x.jpg"
    path.write_bytes(data)
    os.utime(path, ns=(5, 7_000_000_123))
    content = read_file(path)
    assert (content.data, content.image_id) == (data, hashlib.sha256(data).hexdigest())
    assert (content.size_bytes, content.mtime_ns) == (len(data), 7_000_000_123)


def test_an_empty_file_has_a_content(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert read_file(tmp_path / "x").data == b""


def test_pipes_folders_and_devices_are_errors(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert reason_of(tmp_path / "pipe") == "not a regular file"
    assert reason_of(tmp_path) == "not a regular file"
    assert reason_of(Path("/dev/zero")) == "not a regular file"
    assert reason_of(tmp_path / "dangling") == "no such file"
    assert reason_of(tmp_path / "\0") == "its name holds a NUL"
    assert reason_of(tmp_path / os.fsdecode(b"caf\xe9")) == "its name is not UTF-8: rename it"


def test_a_folder_that_cannot_be_listed_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(os, "scandir", refuse)  # a real one cannot be had: root may list every folder
    assert reason_of(tmp_path) == "permission denied"


def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(Path, "stat", lambda self: os.stat(__file__))  # what it was a moment ago
    assert reason_of(tmp_path / "pipe", patience=5) == "not a regular file"


def test_more_than_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    started = time.monotonic()
    assert reason_of(tmp_path / "x") == "too large: the limit is 256 megabytes"
    assert time.monotonic() - started < 0.5


class Meddling:
    """Stands in for the note that a part was read: changes the file the first `times` times."""

    def __init__(self, times: int, change: Callable[[], None]) -> None:
        self.left, self.change = times, change

    def __call__(self) -> None:
        if self.left:
            self.left -= 1
            self.change()


@pytest.mark.parametrize("change", [b"more", b"els", b"x"])
def test_a_file_that_changes_during_the_read_is_read_once_more(tmp_path: Path, change: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    moments = iter(range(10, 20))

    def rewrite() -> None:
        path.write_bytes(change)
        os.utime(path, (0, next(moments)))

    assert read_bytes._read(path, Meddling(1, rewrite)).data == change
    path.write_bytes(b"old")
    with pytest.raises(ImageError, match="changed while it was read"):
        read_bytes._read(path, Meddling(9, rewrite))


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Until it is set, files called `slow` give no byte."""
    wake, real = threading.Event(), read_bytes._read

    def slow(path: Path, note: Callable[[], None]) -> Any:
        if path.name == "slow":
            wake.wait(20)
        return real(path, note)

    monkeypatch.setattr(read_bytes, "_read", slow)
    for name in ("slow", "quick"):
        (tmp_path / name).write_bytes(name.encode())
    return wake


def test_a_file_that_hangs_is_given_up_and_the_next_is_read(tmp_path: Path, hanging: threading.Event) -> None:
    started = time.monotonic()
    assert reason_of(tmp_path / "slow", patience=0.1) == "no answer for 0.1 seconds: is its drive connected?"
    assert 0.1 <= time.monotonic() - started < 2
    assert read_file(tmp_path / "quick", patience=5).data == b"quick"
    idle = len(read_bytes._idle)
    hanging.set()
    end = time.monotonic() + 5
    while len(read_bytes._idle) == idle and time.monotonic() < end:
        time.sleep(0.01)
    assert len(read_bytes._idle) == idle + 1  # the thread that hung reads on


def test_a_slow_file_that_keeps_giving_bytes_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def trickling(path: Path, note: Callable[[], None]) -> Any:
        for _ in range(10):
            time.sleep(0.05)
            note()
        return read_bytes.Content(b"all of it", "id", 9, 0)

    monkeypatch.setattr(read_bytes, "_read", trickling)
    assert read_file(tmp_path / "x", patience=0.3).data == b"all of it"
