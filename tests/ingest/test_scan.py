"""The scan: what is found, in which order, what is skipped, and what counts as unchanged or gone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from cvsi_db.errors import IngestError
from cvsi_db.ingest import formats
from cvsi_db.ingest.formats import SUFFIXES
from cvsi_db.ingest.ignore import SKIPPED_FOLDERS
from cvsi_db.ingest.scan import Scan, check_paths, is_gone, scan, signature
from cvsi_db.store.catalog import SourceFile
from tests.disks import read_only
from tests.fakes import picture_bytes


def touch(*paths: Path, content: bytes = b"x") -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def names(root: Path, *paths: Path) -> list[str]:
    found = scan(paths or [root], {}, ())
    return [os.path.relpath(file.path, root) for file in found.pending]


def left_out(root: Path) -> dict[str, str | None]:
    """What the scan of a folder does not take, by its path below it, and why."""
    return {os.path.relpath(file.path, root): file.error for file in scan([root], {}, ()).skipped}


def recorded(path: Path, image_id: str | None = "id", state: str = "ok") -> dict[str, SourceFile]:
    status = path.stat() if path.exists() else None
    size, mtime = (status.st_size, status.st_mtime_ns) if status else (1, 1)
    return {str(path): SourceFile(str(path), size, mtime, image_id, state, None)}  # type: ignore[arg-type]


def test_folders_are_walked_and_sorted(tmp_path: Path) -> None:
    touch(tmp_path / "b.png", tmp_path / "a" / "z.JPG", tmp_path / "a" / "b" / "y.webp", tmp_path / "c.Tiff")
    assert names(tmp_path) == ["a/b/y.webp", "a/z.JPG", "b.png", "c.Tiff"]


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_every_image_suffix_is_pending(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path / f"x{suffix}")
    assert names(tmp_path) == [f"x{suffix}"]


def test_hidden_files_are_ignored_and_other_files_are_skipped(tmp_path: Path) -> None:
    touch(tmp_path / ".x.png", tmp_path / ".trash" / "x.png", tmp_path / "x.txt", tmp_path / "png", tmp_path / "y.png")
    assert names(tmp_path) == ["y.png"]
    assert left_out(tmp_path) == {
        ".trash": "a folder of deleted files",
        ".x.png": "a hidden file",
        "png": "not an image",
        "x.txt": "not an image (text/plain)",
    }
    assert scan([tmp_path], {}, ()).skipped == scan([tmp_path, tmp_path / "y.png"], {}, ()).skipped


def test_a_file_with_an_image_header_is_pending_whatever_its_name(tmp_path: Path) -> None:
    touch(tmp_path / "camera" / "00017", tmp_path / "photo.jpeg~", content=picture_bytes(kind="JPEG"))
    touch(tmp_path / "empty", tmp_path / "film.mp4", content=b"")
    os.mkfifo(tmp_path / "pipe")  # opening it would wait forever
    (tmp_path / "loop").symlink_to("loop")
    assert names(tmp_path) == ["camera/00017", "photo.jpeg~"]
    assert left_out(tmp_path) == {
        "empty": "empty file",
        "film.mp4": "empty file",
        "loop": "cannot be read: too many levels of symbolic links",
        "pipe": "not a regular file",
    }


def test_a_file_that_was_an_image_is_read_whatever_it_is_now(tmp_path: Path) -> None:
    touch(tmp_path / "00017", tmp_path / "notes")
    found = scan([tmp_path], recorded(tmp_path / "00017") | recorded(tmp_path / "notes", None, "failed"), ())
    assert [file.path.name for file in found.pending] == ["00017"]
    assert [Path(file.path).name for file in found.skipped] == ["notes"]


# --- what is ignored ----------------------------------------------------------------------------------------------


def ignored(tmp_path: Path, patterns: dict[str, str], *paths: str, root: str = "") -> list[str]:
    """What is found of `paths` below `root`, where the folders have these patterns."""
    touch(*(tmp_path / path for path in paths))
    for folder, lines in patterns.items():
        (tmp_path / folder / ".cvsiignore").write_text(lines, "utf-8")
    return names(tmp_path, tmp_path / root)


def test_ignore_patterns_are_those_of_gitignore(tmp_path: Path) -> None:
    lines = "# thumbnails\n*.thumb.png\n/private/\nraw\n\n!keep.thumb.png\n**/cache/*.png\na\\ b.png\n"
    found = ["private.png", "sub/private/x.png", "keep.thumb.png", "ab.png", "cache/x.jpg"]
    left = ["a.thumb.png", "sub/b.thumb.png", "private/x.png", "sub/raw/x.png", "raw", "sub/cache/x.png", "a b.png"]
    assert ignored(tmp_path, {"": lines}, *found, *left) == sorted(found)


def test_the_deepest_ignore_file_with_a_pattern_decides(tmp_path: Path) -> None:
    patterns = {"": "*.png\n", "a": "!*.png\n/only/\n", "a/b": "x.png\n"}
    paths = ["x.png", "a/x.png", "a/only/y.png", "a/b/x.png", "a/b/y.png", "a/b/only/y.png"]
    assert ignored(tmp_path, patterns, *paths) == ["a/b/only/y.png", "a/b/y.png", "a/x.png"]


def test_a_pattern_cannot_bring_back_files_in_an_ignored_folder(tmp_path: Path) -> None:
    patterns = {"": "out/\n", "out": "!*\n"}
    assert ignored(tmp_path, patterns, "out/x.png", "in/x.png") == ["in/x.png"]


def test_ignore_files_above_a_named_folder_apply(tmp_path: Path) -> None:
    patterns = {"": "*.thumb.png\n", "a": "/b/private/\n"}
    paths = ["a/b/x.png", "a/b/x.thumb.png", "a/b/private/y.png"]
    assert ignored(tmp_path, patterns, *paths, root="a/b") == ["a/b/x.png"]
    assert names(tmp_path, tmp_path / "a" / "b" / "private") == ["a/b/private/y.png"]  # named, so wanted


def test_ignore_patterns_and_odd_names(tmp_path: Path) -> None:
    touch(tmp_path / "two\nlines" / "x\ny.thumb.png", tmp_path / os.fsdecode(b"caf\xe9") / "z.thumb.png")
    assert ignored(tmp_path, {"": "*.thumb.png\n"}, "two\nlines/kept.png") == ["two\nlines/kept.png"]


@pytest.mark.parametrize(
    ("content", "said"), [("ok\n!\n", "cannot use the ignore file"), (None, "cannot read the ignore file")]
)
def test_an_ignore_file_that_cannot_be_used_is_named(tmp_path: Path, content: str | None, said: str) -> None:
    touch(tmp_path / "a" / "x.png")
    if content is None:
        (tmp_path / "a" / ".cvsiignore").mkdir()
    else:
        (tmp_path / "a" / ".cvsiignore").write_text(content)
    with pytest.raises(IngestError, match=rf"^{said} '.*a/\.cvsiignore'[^\n]*$"):
        scan([tmp_path], {}, ())


def test_a_named_file_is_always_pending(tmp_path: Path) -> None:
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


def test_no_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="nothing to ingest") as error:
        scan([], {}, ())
    assert error.value.exit_code == 2


def test_unusual_file_names_are_found(tmp_path: Path) -> None:
    odd = ["IMG.PNG", "img.png", "new\nline.png", os.fsdecode(b"caf\xe9.png"), "e\u0301.png", "\u00e9.png", " .png"]
    touch(*(tmp_path / name for name in odd))
    assert names(tmp_path) == sorted(odd)


def test_check_paths_stops_at_the_first_image(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "x.png", tmp_path / "b" / "notes.txt")
    check_paths([tmp_path, tmp_path / "a"])
    for paths, said in (
        ([], "nothing to ingest"),
        ([tmp_path / "b"], "no image in"),
        ([tmp_path, tmp_path / "c"], "does not exist"),
    ):
        with pytest.raises(IngestError, match=said):
            check_paths(paths)


def test_a_missing_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"'.*nowhere' does not exist"):
        scan([tmp_path / "nowhere"], {}, ())


def test_a_folder_without_images_is_named_in_the_error(tmp_path: Path) -> None:
    touch(tmp_path / "full" / "x.png", tmp_path / "empty" / "notes.txt")
    with pytest.raises(IngestError, match=r"no image in '.*empty'"):
        scan([tmp_path / "full", tmp_path / "empty"], {}, ())


def test_same_size_and_time_is_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    touch(path)
    found = scan([tmp_path], recorded(path), {"id"})
    assert (found.unchanged, len(found.pending), found.total, found.paths) == ((str(path),), 0, 1, {str(path)})


@pytest.mark.parametrize("why", ["time", "size", "failed", "missing", "no row"])
def test_changed_failed_or_unknown_files_are_pending(tmp_path: Path, why: str) -> None:
    path = tmp_path / "x.png"
    touch(path)
    files = recorded(path, state=why if why in ("failed", "missing") else "ok")
    if why == "time":
        os.utime(path, ns=(1, 1))
    if why == "size":
        path.write_bytes(b"longer")
    found = scan([path], files, set() if why == "no row" else {"id"})
    assert [file.path for file in found.pending] == [path]


def test_known_files_missing_below_the_named_folders_are_gone(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "x.png", tmp_path / "a" / "odd.dat")
    paths = ["a/lost.png", "a/odd.dat", "ab/lost.png", "a/before.png"]
    files = {key: value for path in paths for key, value in recorded(tmp_path / path).items()}
    files |= recorded(tmp_path / "a/before.png", None, "missing")
    assert [file.path for file in scan([tmp_path / "a"], files, ()).gone] == [str(tmp_path / "a/lost.png")]


def test_is_gone(tmp_path: Path) -> None:
    touch(tmp_path / "x.png")
    assert not is_gone(str(tmp_path / "x.png"))
    assert is_gone(str(tmp_path / "y.png"))
    assert is_gone(str(tmp_path / "x.png" / "y.png"))
    assert is_gone(str(tmp_path))


# --- roots that are not there -------------------------------------------------------------------------------------


def with_known(*roots: Path) -> dict[str, SourceFile]:
    """A known picture that is there no more below each of the roots."""
    return {key: file for root in roots for key, file in recorded(root / "sub" / "lost.png").items()}


def lose(root: Path, how: str) -> None:
    if how == "empty":
        touch(root / "lost+found" / "notes.txt")
    elif how == "a link to nothing":
        root.symlink_to("unplugged")


@pytest.mark.parametrize("how", ["gone", "empty", "a link to nothing"])
def test_a_root_without_its_former_images_is_lost_while_others_are_scanned(tmp_path: Path, how: str) -> None:
    disk, home = tmp_path / "disk", tmp_path / "home"
    touch(home / "x.png")
    lose(disk, how)
    found = scan([disk, home], with_known(disk, home), ())
    assert [file.path.name for file in found.pending] == ["x.png"]
    assert [file.path for file in found.gone] == [str(home / "sub" / "lost.png")]
    ((path, reason),) = [(each.path, each.reason) for each in found.lost]
    assert path == str(disk)
    assert "where 1 image was: they stay in the gallery; mount the disk, or use `cvsi-db remove`" in reason
    assert (found.folders, found.covers(str(home / "y")), found.covers(str(disk / "y"))) == ((str(home),), True, False)


@pytest.mark.parametrize("how", ["gone", "empty", "a link to nothing"])
def test_roots_that_are_all_lost_are_an_error(tmp_path: Path, how: str) -> None:
    lose(tmp_path / "disk", how)
    with pytest.raises(IngestError, match=r"disk'.*where 1 image was: they stay in the gallery"):
        scan([tmp_path / "disk"], with_known(tmp_path / "disk"), ())


def test_nothing_below_a_lost_root_counts_as_gone(tmp_path: Path) -> None:
    touch(tmp_path / "x.png")
    found = scan([tmp_path, tmp_path / "disk"], with_known(tmp_path, tmp_path / "disk"), ())
    assert [file.path for file in found.gone] == [str(tmp_path / "sub" / "lost.png")]


def test_a_missing_path_beside_an_existing_one_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path / "home" / "x.png")
    with pytest.raises(IngestError, match=r"'.*hmoe' does not exist"):
        scan([tmp_path / "home", tmp_path / "hmoe"], with_known(tmp_path / "home"), ())


def test_an_unreadable_folder_removes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk that fails; a real one cannot be had, and root may look into every folder."""
    touch(tmp_path / "home" / "x.png", tmp_path / "home" / "sub" / "y.png", tmp_path / "disk" / "z.png")
    listed, closed = os.scandir, {str(tmp_path / "home" / "sub"), str(tmp_path / "disk")}

    def refuse(folder: str) -> Iterator[os.DirEntry[str]]:
        if folder in closed:
            raise OSError(5, "Input/output error")
        return listed(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    known = {key: file for name in ("home/sub/y.png", "disk/z.png") for key, file in recorded(tmp_path / name).items()}
    found = scan([tmp_path / "home", tmp_path / "disk"], known, {"id"})
    assert [file.path.name for file in found.pending] == ["sub", "x.png"]
    assert (found.gone, [each.path for each in found.lost]) == ((), [str(tmp_path / "disk")])


def test_a_root_in_a_read_only_folder_is_scanned(tmp_path: Path) -> None:
    touch(tmp_path / "disk" / "x.png")
    with read_only(tmp_path / "disk"):
        assert names(tmp_path, tmp_path / "disk") == ["disk/x.png"]


# --- size ---------------------------------------------------------------------------------------------------------


def timed(folder: Path, files: int) -> tuple[Scan, float]:
    """A scan of `files` known files in one folder, and the least processor time that one of three took, in seconds."""
    folder.mkdir()
    for number in range(files):
        (folder / f"{number:06}.png").touch()
    known = {key: file for path in folder.iterdir() for key, file in recorded(path).items()}
    taken = []
    for _ in range(3):
        start = time.thread_time()
        found = scan([folder], known, {"id"})
        taken.append(time.thread_time() - start)
    return found, min(taken)


def test_a_folder_of_many_files_costs_as_much_per_file_as_one_of_few(tmp_path: Path) -> None:
    few, seconds_few = timed(tmp_path / "few", 1000)
    many, seconds_many = timed(tmp_path / "many", 8000)
    assert (len(few.unchanged), len(many.unchanged)) == (1000, 8000)
    assert seconds_many < 8 * 4 * seconds_few  # quadratic work would cost 64 times as much


# --- what is left out ---------------------------------------------------------------------------------------------


def test_folders_of_junk_are_named_and_not_entered(tmp_path: Path) -> None:
    touch(tmp_path / "x.png", tmp_path / "._x.png", tmp_path / "a" / ".nomedia", tmp_path / "db" / "catalog.sqlite")
    (tmp_path / "db" / "lance").mkdir()
    junk = [
        "@eaDir",
        "__MACOSX",
        ".thumbnails",
        ".AppleDouble",
        "#recycle",
        "$RECYCLE.BIN",
        ".Trash-1000",
        "LOST+FOUND",
    ]
    touch(*(tmp_path / folder / "y.png" for folder in (*junk, "a", "a/b", "db")))
    assert names(tmp_path) == ["x.png"]
    found = left_out(tmp_path)
    assert set(found) == {*junk, "._x.png", "a", "db"}
    assert found["@eaDir"] == "a folder of thumbnails that a Synology NAS keeps"
    assert found["._x.png"] == "macOS metadata of another file"
    assert found["a"] == "a folder with a .nomedia file"
    assert names(tmp_path / "a") == ["b/y.png", "y.png"]  # named, so wanted


def test_the_documentation_lists_every_folder_of_junk() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "files.md").read_text("utf-8").lower()
    assert [name for name in SKIPPED_FOLDERS if f"`{name}`" not in documented] == []


def test_other_files_are_named_by_their_kind(tmp_path: Path) -> None:
    touch(tmp_path / "x.png", tmp_path / "film.mp4", tmp_path / "drawing.svg", tmp_path / "notes", tmp_path / "a.aae")
    (tmp_path / "gone").symlink_to("nothing")
    assert left_out(tmp_path) == {
        "a.aae": "not an image",
        "drawing.svg": "an image of a format that is not read (image/svg+xml): convert it",
        "film.mp4": "not an image (video/mp4)",
        "gone": "a link to nothing",
        "notes": "not an image",
    }


@pytest.mark.parametrize("extra", ["rawpy", "pillow_jxl"])
def test_formats_without_their_extra_are_named_with_the_remedy(
    tmp_path: Path, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == extra else find_spec(name))
    formats.unreadable.cache_clear()
    touch(tmp_path / "x.png")
    touch(tmp_path / "a.NEF", content=b"II*\0\x08\0\0\0")
    touch(tmp_path / "b.jxl", content=b"\xff\x0a\0\0")
    found = left_out(tmp_path)
    formats.unreadable.cache_clear()
    if extra == "rawpy":
        assert found == {"a.NEF": "RAW photo: install 'cvsi-db[raw]' to read it"}
    else:
        assert found == {"b.jxl": "JPEG XL image: install 'cvsi-db[jxl]' to read it"}


def test_a_folder_of_nothing_that_can_be_read_says_what_is_in_it(tmp_path: Path) -> None:
    touch(tmp_path / "b.mp4", tmp_path / "a.mov")
    with pytest.raises(IngestError, match=r"not taken: 2 others, as '.*a\.mov' \(not an image \(video/quicktime\)\)$"):
        scan([tmp_path], {}, ())


# --- sidecars -----------------------------------------------------------------------------------------------------


def test_sidecars_belong_to_their_images(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("a.jpg", "a.jpg.xmp", "a.XMP", "b.png", "b.jpg.xmp", "c.xmp")))
    by_walk = scan([tmp_path], {}, ())
    beside = {file.path.name: [sidecar.path.name for sidecar in file.sidecars] for file in by_walk.pending}
    assert beside == {"a.jpg": ["a.jpg.xmp", "a.XMP"], "b.png": []}
    assert left_out(tmp_path) == dict.fromkeys(("b.jpg.xmp", "c.xmp"), "an XMP sidecar of no image here")
    assert list(scan([tmp_path / "a.jpg"], {}, ()).pending) == list(
        by_walk.pending[:1]
    )  # as when it is named by itself


def test_a_changed_sidecar_makes_its_image_pending(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "b.jpg", tmp_path / "a.xmp")
    pending = scan([tmp_path], {}, ()).pending
    files = {
        str(file.path): SourceFile(
            str(file.path), file.size_bytes, file.mtime_ns, "id", "ok", None, signature(file.sidecars)
        )
        for file in pending
    }
    assert not scan([tmp_path], files, ["id"]).pending
    touch(tmp_path / "a.xmp", content=b"longer")
    assert [file.path.name for file in scan([tmp_path], files, ["id"]).pending] == ["a.jpg"]
    older = {path: replace(file, sidecars=None) for path, file in files.items()}  # of a gallery that was migrated
    assert len(scan([tmp_path], older, ["id"]).pending) == 2
