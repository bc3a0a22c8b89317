"""Folders that cannot be written, and disks that are full: made for a while, really, or the test is skipped."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """`folder` refuses every write: mounted read-only for root, whom permissions do not stop, else by permissions."""
    if os.geteuid():
        with _without_permission(folder):
            yield
        return
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        yield
    finally:
        _unmount(folder)


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """`folder`, made if missing, is a file system of its own of that size."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder))
    try:
        yield
    finally:
        _unmount(folder)


def fill(folder: Path, left: int = 0) -> Path:
    """Fill the disk that `folder` is on, but for `left` bytes, with one file; returns it."""
    file = folder / "fill"
    disk = os.statvfs(folder)
    room = disk.f_bavail * disk.f_frsize - left
    with file.open("wb", buffering=0) as out:
        for start in range(0, room, 4096):
            try:
                out.write(b"x" * min(4096, room - start))
            except OSError:
                break
    return file


@contextmanager
def _without_permission(folder: Path) -> Iterator[None]:
    places = [folder, *(path for path in folder.rglob("*"))]
    modes = {path: path.stat().st_mode for path in places}
    try:
        for path, mode in modes.items():
            path.chmod(mode & ~0o222)
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def _mount(*arguments: str) -> None:
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"nothing can be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def also_called(file: Path, other: Path) -> Iterator[None]:
    """`other` is the same one file as `file`, with no second link to it."""
    other.touch()
    _mount("--bind", str(file), str(other))
    try:
        yield
    finally:
        _unmount(other)


@contextmanager
def letters_alike(folder: Path) -> Iterator[None]:
    """`folder`, made if missing, does not tell upper from lower case, as on other people's computers."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", "casefold", "tmpfs", str(folder))
    try:
        if subprocess.run(["chattr", "+F", str(folder)], capture_output=True, check=False).returncode:
            pytest.skip("no file system here takes two spellings for one name")
        yield
    finally:
        _unmount(folder)
