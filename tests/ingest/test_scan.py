"""The scan: what is found, in which order, what is skipped, and what counts as unchanged or gone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cvsi_db.catalog import SourceFile
from cvsi_db.errors import IngestError
from cvsi_db.ingest.scan import SUFFIXES, is_gone, scan


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(root: Path, *paths: Path) -> list[str]:
    found = scan(paths or [root], {}, ())
    return [os.path.relpath(file.path, root) for file in found.pending]


def recorded(path: Path, image_id: str | None = "id", state: str = "ok") -> dict[str, SourceFile]:
    status = path.stat() if path.exists() else None
    size, mtime = (status.st_size, status.st_mtime_ns) if status else (1, 1)
    return {str(path): SourceFile(str(path), size, mtime, image_id, state, None)}  # type: ignore[arg-type]


def test_folders_are_walked_and_sorted(tmp_path: Path) -> None:
    touch(tmp_path / "b.png", tmp_path / "a" / "z.JPG", tmp_path / "a" / "b" / "y.webp", tmp_path / "c.Tiff")
    assert names(tmp_path) == ["a/b/y.webp", "a/z.JPG", "b.png", "c.Tiff"]


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_every_suffix_counts(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path / f"x{suffix}")
    assert names(tmp_path) == [f"x{suffix}"]


def test_hidden_and_other_files_are_skipped(tmp_path: Path) -> None:
    touch(tmp_path / ".x.png", tmp_path / ".trash" / "x.png", tmp_path / "x.txt", tmp_path / "png", tmp_path / "y.png")
    assert names(tmp_path) == ["y.png"]


def test_a_named_file_is_always_tried(tmp_path: Path) -> None:
    touch(tmp_path / "notes.txt", tmp_path / ".hidden.png")
    assert names(tmp_path, tmp_path / "notes.txt", tmp_path / ".hidden.png") == [".hidden.png", "notes.txt"]


def test_a_file_named_twice_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a" / "x.png")
    monkeypatch.chdir(tmp_path)
    assert names(tmp_path, tmp_path, tmp_path / "a", Path("a/../a/x.png")) == ["a/x.png"]


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path / "photos" / "real" / "x.png", tmp_path / "elsewhere" / "y.png")
    (tmp_path / "photos" / "again").symlink_to(tmp_path / "photos")
    (tmp_path / "photos" / "real" / "up").symlink_to("..")
    (tmp_path / "photos" / "alias").symlink_to("real")
    (tmp_path / "photos" / "other").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "photos") == ["other/y.png", "real/x.png"]


def test_a_link_to_itself_is_tried_and_ends(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert names(tmp_path) == ["loop.png"]


def test_nothing_named(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="nothing to ingest") as error:
        scan([], {}, ())
    assert error.value.exit_code == 2


def test_no_such_path(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"there is no '.*nowhere'"):
        scan([tmp_path / "nowhere"], {}, ())


def test_a_folder_without_a_picture_is_named(tmp_path: Path) -> None:
    touch(tmp_path / "full" / "x.png", tmp_path / "empty" / "notes.txt")
    with pytest.raises(IngestError, match=r"no picture in '.*empty'"):
        scan([tmp_path / "full", tmp_path / "empty"], {}, ())


def test_same_size_and_time_is_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    touch(path)
    found = scan([tmp_path], recorded(path), {"id"})
    assert [file.path for file in found.unchanged] == [path]
    assert (found.pending, found.total) == ((), 1)


@pytest.mark.parametrize("why", ["time", "size", "failed", "missing", "no row"])
def test_anything_else_is_pending(tmp_path: Path, why: str) -> None:
    path = tmp_path / "x.png"
    touch(path)
    files = recorded(path, state=why if why in ("failed", "missing") else "ok")
    if why == "time":
        os.utime(path, ns=(1, 1))
    if why == "size":
        path.write_bytes(b"longer")
    found = scan([path], files, set() if why == "no row" else {"id"})
    assert [file.path for file in found.pending] == [path]


def test_gone_are_the_known_ones_below_the_named_folders(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "x.png", tmp_path / "a" / "odd.dat")
    paths = ["a/lost.png", "a/odd.dat", "ab/lost.png", "a/before.png"]
    files = {key: value for path in paths for key, value in recorded(tmp_path / path).items()}
    files |= recorded(tmp_path / "a/before.png", state="missing")
    assert [file.path for file in scan([tmp_path / "a"], files, ()).gone] == [str(tmp_path / "a/lost.png")]


def test_is_gone(tmp_path: Path) -> None:
    touch(tmp_path / "x.png")
    assert not is_gone(str(tmp_path / "x.png"))
    assert is_gone(str(tmp_path / "y.png"))
    assert is_gone(str(tmp_path / "x.png" / "y.png"))
    assert is_gone(str(tmp_path))
