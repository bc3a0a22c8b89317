"""`cvsi-db ingest` as a process: stopped, killed, met by a second one, and given the names that people give files."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path

import pytest

from cvsi_db.gallery import Gallery
from tests.e2e.conftest import SAMPLES, Cli, run_cli
from tests.fakes import picture_bytes, save_picture
from tests.processes import Forked

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send")

COUNT = 240


@pytest.fixture
def cli() -> Cli:
    return run_cli


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pictures enough for some seconds: the samples, and again with a byte more."""
    folder = tmp_path / "photos"
    folder.mkdir()
    samples = sorted(path for path in SAMPLES.iterdir() if path.suffix in (".png", ".jpg"))
    for number, sample in enumerate(islice(cycle(samples), COUNT)):
        (folder / f"{number:03}{sample.suffix}").write_bytes(sample.read_bytes() + b" " * (number // len(samples)))
    return folder


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Forked]]:
    """Starts `cvsi-db`, and kills at the end what still runs."""
    started: list[Forked] = []

    def run(*arguments: str | Path) -> Forked:
        env = os.environ | {"HF_HUB_OFFLINE": "1", "CVSI_CONFIG": os.devnull}
        started.append(Forked(arguments, env))
        return started[-1]

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def recorded(db: Path) -> int:
    """How many files a gallery's catalog has."""
    if not (db / "catalog.sqlite").is_file():
        return 0
    with closing(sqlite3.connect(db / "catalog.sqlite", timeout=10)) as catalog:
        known = catalog.execute("SELECT 1 FROM sqlite_master WHERE name = 'source_file'").fetchone()
        return int(catalog.execute("SELECT count(*) FROM source_file").fetchone()[0]) if known else 0


def wait_for(said: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < end
        time.sleep(0.02)


def told(cli: Cli, *arguments: str | Path) -> dict[str, object]:
    done = cli(*arguments, "--format", "json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.slow
def test_a_second_ingest_is_refused_and_ctrl_c_keeps_what_is_written(
    cli: Cli,
    start: Callable[..., Forked],
    photos: Path,
    tmp_path: Path,
) -> None:
    db = tmp_path / "gallery"
    first = start("ingest", photos, "--db", db, "--model", "starter")
    wait_for(lambda: recorded(db))
    first.send_signal(signal.SIGSTOP)
    second = cli("ingest", photos, "--db", db)
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.startswith(f"error: another process is writing to '{db}' (process {first.pid} on ")
    assert second.stderr.count("\n") == 1
    before = recorded(db)
    first.send_signal(signal.SIGINT)
    first.send_signal(signal.SIGCONT)
    assert first.communicate(timeout=60) == ("", "\nerror: interrupted\n")  # on a line of its own, after the ^C
    assert first.returncode == 130
    written = recorded(db)
    assert before < written < COUNT  # what was in work is written
    again = told(cli, "ingest", photos, "--db", db)
    assert (again["new"], again["unchanged"], again["failed"]) == (COUNT - written, written, 0)
    assert told(cli, "check", "--db", db) == {"sound": True, "mended": {}, "problems": []}


def test_the_second_ctrl_c_ends_at_once(start: Callable[..., Forked], photos: Path, tmp_path: Path) -> None:
    db, some = tmp_path / "gallery", sorted(photos.iterdir())[:80]
    process = start("ingest", *some, "--db", db, "--model", "starter", "--batch-size", "80")
    wait_for(lambda: (db / "catalog.sqlite").is_file() and runs(db))
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)  # two signals at once would be one; later, the images loaded so far may all be written
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, told = process.communicate(timeout=60)
    assert (out, told.splitlines()[-1]) == ("", "error: interrupted")  # on a line of its own, after the ^C
    assert process.returncode == 130
    assert time.monotonic() - began < 2
    written = recorded(db)
    with Gallery.open(db) as gallery:  # nothing is lost or half-written
        again = gallery.ingest(*some, caption=False)
        assert (again.new, again.unchanged, again.failed) == (len(some) - written, written, 0)
        assert gallery.check() == []


def runs(db: Path) -> int:
    """How many ingests a gallery's catalog knows."""
    with closing(sqlite3.connect(db / "catalog.sqlite", timeout=10)) as catalog:
        known = catalog.execute("SELECT 1 FROM sqlite_master WHERE name = 'ingest_run'").fetchone()
        return int(catalog.execute("SELECT count(*) FROM ingest_run").fetchone()[0]) if known else 0


@pytest.mark.slow
def test_after_a_kill_of_the_command_the_next_ingest_completes_the_gallery(
    cli: Cli,
    start: Callable[..., Forked],
    photos: Path,
    tmp_path: Path,
) -> None:
    db, chance, counts = tmp_path / "gallery", random.Random(1), [0]
    for number in range(8):
        process = start("ingest", photos, "--db", db, "--model", "starter", "--batch-size", "8")
        time.sleep(chance.uniform(2, 8))
        process.kill()
        process.communicate()
        assert recorded(db) >= counts[-1]
        counts.append(recorded(db))
        for path in sorted(photos.iterdir())[number : number + 2]:
            os.utime(path, (number, number))
    print(counts)
    assert told(cli, "ingest", photos, "--db", db)["failed"] == 0
    assert told(cli, "check", "--db", db) == {"sound": True, "mended": {}, "problems": []}
    assert told(cli, "stats", "--db", db)["images"] == COUNT


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_unusual_file_names_are_ingested(cli: Cli, tmp_path: Path) -> None:
    folder, db = tmp_path / "photos", tmp_path / "gallery"
    good = ["new\nline.png", "quo'te\".png", "ünï 猫.png", "Clash.png", "clash.png", "-rf.png", "x" * 251 + ".png"]
    for number, name in enumerate(good):
        save_picture(folder / name, "red", (30 + number, 40))
    os.makedirs(folder / "loop" / "deep")
    save_picture(folder / "loop" / "deep" / "inner.png", "blue")
    (folder / "loop" / "deep" / "up").symlink_to(folder)
    (folder / "itself.png").symlink_to("itself.png")
    (folder / "nowhere.png").symlink_to("missing.png")
    (folder / "other name.png").symlink_to("clash.png")
    with open(os.fsencode(folder) + b"/not-utf8-\xff.png", "wb") as file:
        file.write(picture_bytes("green"))
    far = too_far_away(folder, picture_bytes("grey"))
    first = told(cli, "ingest", folder, "--db", db, "--model", "starter", "--no-captions")
    assert (first["new"], first["duplicates"], first["failed"]) == (8, 1, 4)
    errors = first["errors"]
    assert isinstance(errors, list)
    assert {Path(each["path"]).name[:14]: each["reason"] for each in errors} == {
        "itself.png": "Too many levels of symbolic links",
        "nowhere.png": "no such file",
        "not-utf8-\\xff.": "its name is not UTF-8: rename it",
        far: "File name too long",
    }
    names = cli("list", "-0", "--db", db).stdout.split("\0")[:-1]
    assert sorted(Path(name).name for name in names) == sorted([*good, "inner.png"])
    second = told(cli, "ingest", folder, "--db", db)
    assert (second["new"], second["unchanged"], second["embedded"]) == (0, 9, 0)
    found = cli("search", folder / good[0], "--db", db, "-k", "1", "--format", "json")
    assert found.returncode == 0, found.stderr
    assert told(cli, "check", "--db", db)["sound"] is True
    shutil.rmtree(folder)


def too_far_away(folder: Path, data: bytes) -> str:
    """Folders in one another until no path reaches the file within; what the ingest is to call what it cannot reach."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("y" * 250, dir_fd=here)
        deeper = os.open("y" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    file = os.open("far.png", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.write(file, data)
    os.close(file)
    os.close(here)
    return "y" * 14
