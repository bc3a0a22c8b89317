"""`cvsi-db ingest`: its options, what it prints, and what it leaves alone; in this process, with the starter."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cvsi_db.cli import ingest_command, run
from cvsi_db.cli.ingest_command import remark
from cvsi_db.gallery import Gallery
from cvsi_db.ingest import pillow_guard
from cvsi_db.records import IngestProgress
from tests.fakes import save_picture

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ingest(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    """Runs `cvsi-db ingest` on the test's gallery; gives exit code, stdout and stderr."""
    for name in [name for name in os.environ if name.startswith("CVSI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CVSI_CONFIG", os.devnull)
    monkeypatch.setenv("CVSI_MODEL", "starter")

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        options = ["--db", tmp_path / "db", "--device", "cpu", "--no-captions", *arguments]
        monkeypatch.setattr("sys.argv", ["cvsi-db", "ingest", *map(str, options)])
        capsys.readouterr()
        return run(), *capsys.readouterr()

    return call


def test_a_dry_run_makes_no_gallery_and_changes_none(ingest: Cli, photos: Path, tmp_path: Path) -> None:
    code, out, _ = ingest(photos, "--dry-run")
    assert (code, out) == (0, "would read 5 files; 0 unchanged; nothing was read or written\n")
    assert not (tmp_path / "db").exists()
    ingest(photos)
    (photos / "red.png").unlink()
    save_picture(photos / "black.png", "black")
    told = json.loads(ingest(photos, "--dry-run", "--json")[1])
    assert (told["new"], told["unchanged"], told["removed"]) == (1, 4, 1)
    with Gallery.open(tmp_path / "db") as gallery:
        assert len(gallery.images()) == 5


def test_failures_are_logged_a_line_each(ingest: Cli, photos: Path, tmp_path: Path) -> None:
    (photos / "bad.png").write_bytes(b"bad")
    (photos / "new\nline.png").write_bytes(b"")
    log = tmp_path / "errors.jsonl"
    assert ingest(photos, "--errors", log)[0] == 0
    assert [json.loads(line) for line in log.read_text("utf-8").splitlines()] == [
        {"path": str(photos / "bad.png"), "reason": "not an image"},
        {"path": str(photos / "new\nline.png"), "reason": "empty file"},
    ]
    for bad in ("bad.png", "new\nline.png"):
        (photos / bad).unlink()
    ingest(photos, "--errors", log)
    assert log.read_text() == ""
    assert list(tmp_path.glob("*.part")) == []


def test_what_is_not_taken_is_told_by_reason_and_logged(ingest: Cli, photos: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "notes.txt", ".DS_Store"):
        (photos / name).write_bytes(b"x")
    (photos / "@eaDir").mkdir()
    log = tmp_path / "errors.jsonl"
    code, out, err = ingest(photos, "--errors", log, "--strict")
    assert (code, out.partition(";")[0]) == (0, "5 new, 0 unchanged, 5 not taken")
    assert err.splitlines()[-3:] == [
        f"not taken: 2 files, as {photos / 'a.mp4'}: not an image (video/mp4)",
        f"not taken: {photos / '@eaDir'}: a folder of thumbnails that a Synology NAS keeps",
        f"not taken: {photos / 'notes.txt'}: not an image (text/plain)",
    ]
    assert [Path(json.loads(line)["path"]).name for line in log.read_text("utf-8").splitlines()] == [
        ".DS_Store",
        "@eaDir",
        "a.mp4",
        "b.mp4",
        "notes.txt",
    ]
    told = json.loads(ingest(photos, "--json")[1])
    assert (told["skipped"], len(told["skipped_files"])) == (5, 5)
    with Gallery.open(tmp_path / "db") as gallery:
        assert {Path(file["path"]).name: file["state"] for file in gallery.failed()}[".DS_Store"] == "skipped"
        assert gallery.stats()["files"] == {"ok": 5, "skipped": 5}


def test_max_pixels(ingest: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pillow_guard._allowed, "pixels", pillow_guard.MAX_PIXELS)  # restored at the end
    code, out, err = ingest(photos / "red.png", photos / "blue.png", "--max-pixels", "2500")
    assert (code, out.partition(";")[0]) == (0, "1 new, 0 unchanged, 1 failed")
    assert f"skipped {photos / 'red.png'}: too large: 0.00307 megapixels, the limit is 0.0025 (--max-pixels" in err
    monkeypatch.setenv("CVSI_MAX_PIXELS", "4000")
    assert ingest(photos / "red.png", photos / "blue.png")[1].partition(";")[0] == "1 new, 1 unchanged"
    assert ingest(photos, "--max-pixels", "0")[0] == 2


def test_an_unwritable_error_log_is_an_error_before_any_work(ingest: Cli, photos: Path, tmp_path: Path) -> None:
    code, out, err = ingest(photos, "--errors", tmp_path / "none" / "errors.jsonl")
    assert (code, out) == (1, "")
    assert "errors.jsonl" in err
    assert not (tmp_path / "db").exists()


def test_ctrl_c_tells_what_is_kept_and_how_to_go_on(
    ingest: Cli, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes when the first batch has been written."""

    @contextmanager
    def bars(_labels: object, _quiet: bool) -> Iterator[list[Callable[..., None]]]:
        yield [lambda *_: signal.raise_signal(signal.SIGINT)] * 2

    with monkeypatch.context() as patch:
        patch.setattr(ingest_command, "bars", bars)
        code, out, told = ingest(photos, "--batch-size", "1")
    kept = re.fullmatch(r"(\d) images? can be searched: the same command goes on\n\n?error: interrupted\n", told)
    assert (code, out, kept is not None) == (130, "", True), told
    with Gallery.open(tmp_path / "db") as gallery:
        assert kept is not None
        assert len(gallery) == int(kept[1])
    assert ingest(photos)[0] == 0
    with Gallery.open(tmp_path / "db") as gallery:
        assert len(gallery) == 5


def test_tags_and_prune(ingest: Cli, photos: Path, tmp_path: Path) -> None:
    assert ingest(photos, "--tag", "summer", "--tag", "the sea")[0] == 0
    with Gallery.open(tmp_path / "db") as gallery:
        assert {tuple(image["tags"]) for image in gallery.images()} == {("summer", "the sea")}
    (photos / "red.png").unlink()
    code, out, _ = ingest(photos, "--prune")
    assert code == 0
    assert out.startswith("0 new, 4 unchanged, 1 removed, 1 pruned; nothing to embed")
    assert json.loads(ingest(photos, "--format", "json", "--prune")[1])["pruned"] == 0


def test_an_unusable_tag_makes_no_gallery(ingest: Cli, photos: Path, tmp_path: Path) -> None:
    code, _, err = ingest(photos, "--tag", " ")
    assert (code, "cannot use the tag" in err) == (2, True)
    assert not (tmp_path / "db").exists()


def test_a_lost_folder_is_a_warning_and_exit_code_1(ingest: Cli, photos: Path) -> None:
    save_picture(photos.parent / "more" / "black.png", "black")
    ingest(photos, photos.parent / "more")
    photos.rename(photos.parent / "elsewhere")
    code, out, err = ingest(photos, photos.parent / "more")
    assert code == 1
    assert f"warning: {photos}: " in err
    assert out.startswith("0 new, 1 unchanged")


def test_the_remark_has_rate_failures_and_waits() -> None:
    now = IngestProgress(50, 100, 40, 2, seconds=10.0, reading=1.0, model=9.5, writing=0.0)
    assert remark(now) == "4.0 images/s · 2 failed · waits for reading 10%, models 95%, writing 0%"
