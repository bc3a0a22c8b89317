"""Galleries on object storage: their life is that of one on disk, with one writer at a time; on moto's S3."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cvsi_db.cli import run
from cvsi_db.cli.query import Warm
from cvsi_db.cli.warm import answering
from cvsi_db.errors import GalleryError, IngestError, MigrationError, UsageError
from cvsi_db.gallery import Gallery
from cvsi_db.ingest import commit_thread
from cvsi_db.ingest.files_from import read_file_list
from cvsi_db.manage.backup import restore
from cvsi_db.manage.reembed import reembed
from cvsi_db.manage.watch import Listener, WatchOptions, watch
from cvsi_db.migrations import CHAIN, REVISIONS, Chain
from cvsi_db.records import Rewrite
from cvsi_db.settings import Settings
from cvsi_db.store import lance
from cvsi_db.store import lease as leases
from cvsi_db.store.catalog import Catalog
from cvsi_db.store.folder import create_gallery_folder, is_gallery, open_gallery_folder, write_lock
from cvsi_db.store.lance import connect, lance_write_errors
from cvsi_db.store.lance_catalog import LanceCatalog
from cvsi_db.store.location import Location, RemoteFolder, files_in, locate, move, remove_tree
from tests.fakes import FakeCaptioner, FakeEncoder, picture_bytes, save_picture
from tests.ingest.test_tar_member import pack
from tests.object_store import make_bucket, serving, within
from tests.processes import context, run_forked
from tests.safety.photos import Photos
from tests.safety.test_kills import assert_whole, rows_of
from tests.safety.workers import INFO, gallery_in, keep_changing, keep_searching, start, take_in, take_in_slowly
from tests.server.conftest import serving as serving_gallery

_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def store_environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The settings of an object store that serves this module, and of a cache of its own."""
    with serving() as environ:
        yield environ | {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture
def cloud(store_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The same, set in this process."""
    for name, value in store_environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(leases, "_probed", set())
    return store_environ


@pytest.fixture
def root(cloud: dict[str, str]) -> RemoteFolder:
    """Where a gallery may be made; nothing is there yet."""
    return RemoteFolder(f"s3://{make_bucket(cloud, f'bucket-{next(_NUMBERS)}')}/my 100% #1 gallery")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that end soon."""
    monkeypatch.setattr(leases, "LASTS_S", 3.0)
    monkeypatch.setattr(leases, "SLACK_S", 0.1)
    monkeypatch.setattr(leases, "POLL_S", 0.02)


# --- addresses --------------------------------------------------------------------------------------------------


def test_an_address_keeps_its_slashes_and_a_path_stays_a_path() -> None:
    assert locate("s3://bucket/a b/") == RemoteFolder("s3://bucket/a b") == locate(Path("s3://bucket/a b"))
    assert [type(locate(text)) for text in ("gs://b", "AZ://b/c", "/a", "a:b", "~/x")] == [
        RemoteFolder, RemoteFolder, *[type(Path())] * 3
    ]  # fmt: skip
    for text, said in (("s3://", "names no bucket"), ("http://host/x", r"s3://, gs://, az://")):
        with pytest.raises(UsageError, match=said):
            locate(text)


def test_folders_of_objects_are_listed_moved_and_deleted(root: RemoteFolder) -> None:
    (root / "a" / "x").write_bytes(b"1")
    (root / "a" / "b" / "y").write_bytes(b"22")
    (root / "ab").write_bytes(b"333")
    assert (root / "a").is_dir()
    assert not (root / "b").is_dir()
    assert sorted(files_in(root / "a")) == [("b/y", 2), ("x", 1)]
    assert sorted(each.name for each in root.iterdir()) == ["a", "ab"]
    move(root / "a", root / "c" / "d")
    assert (root / "c" / "d" / "b" / "y").read_bytes() == b"22"
    remove_tree(root / "c")
    assert list(files_in(root)) == [("ab", 3)]
    with pytest.raises(FileNotFoundError):
        (root / "a" / "x").read_bytes()


# --- the life of a gallery --------------------------------------------------------------------------------------


LATER = '''"""A later gallery."""
import sqlalchemy as sa
from alembic import context, op

revision, down_revision = "0099_later", "HEAD"

def upgrade():
    upgrade_lance(context.config.attributes["lance"], 0)
    op.add_column("source_file", sa.Column("stars", sa.Integer()))

def upgrade_lance(lance, dim):
    lance.open_table("images").add_columns({"stars": "cast(0 as int)"})

def upgrade_lance_catalog(lance):
    lance.open_table("source_file").add_columns({"stars": "cast(0 as bigint)"})
'''


@pytest.fixture
def later(tmp_path: Path) -> Callable[[str], Chain]:
    """The chain of a later cvsi-db."""

    def make(source: str) -> Chain:
        scripts = tmp_path / "migrations"
        shutil.copytree(CHAIN.scripts, scripts)
        (scripts / "versions" / "0099_later.py").write_text(source.replace("HEAD", CHAIN.head))
        return Chain(scripts, (*REVISIONS, "0099_later"))

    return make


def bundle_of(width: int) -> Any:
    digest = f"width{width}"
    return SimpleNamespace(
        encoder=FakeEncoder(width),
        captioner=FakeCaptioner(),
        source=digest,
        clip_digest=digest,
        fingerprint=digest,
        fits=lambda fingerprint: fingerprint == digest,
    )


def life(where: Location, photos: Path, later: Chain, *, whole: bool) -> Iterator[Any]:
    """What there is to see of a gallery from its making to its migration; `whole` with all that one can do to it."""
    shutil.rmtree(photos, ignore_errors=True)
    for name, colour in (("0", "red"), ("1", "green"), ("2", "blue")):
        os.utime(save_picture(photos / f"{name}.png", colour, dot="black"), (1e9, 1e9))

    def found(gallery: Gallery) -> Any:
        result = gallery.search(photos / "0.png", "with a green hat", k=3)
        return [(hit.path, hit.score, hit.metadata) for hit in result], result.warnings

    with gallery_in(where) as gallery:
        yield replace(gallery.ingest(photos, tags=["sea"]), seconds=0)
        yield found(gallery), len(gallery)
        (photos / "1.png").unlink()
        os.utime(save_picture(photos / "5.png", "orange"), (1e9, 1e9))
        yield watched(gallery, photos) if whole else replace(gallery.ingest(photos), seconds=0)
        summary = gallery.optimize()
        yield summary.rows, summary.built, summary.kept
        if whole:
            yield gallery.tag(photos / "2.png", add=["sky"]), gallery.remove(photos / "5.png")
            yield list(gallery.sql("SELECT name, tags FROM images ORDER BY name").to_pylist()), gallery.tags()
            told = gallery.stats()
            yield {name: told[name] for name in ("images", "removed", "files", "tags", "indexes")}, len(told["runs"])
            yield gallery.ingest(photos, prune=True).pruned, gallery.optimize().built
        yield found(gallery), gallery.check(), gallery.failed()
    if whole:
        store, catalog = open_gallery_folder(where)
        with closing(catalog), write_lock(where):
            yield replace(reembed(where, store, catalog, bundle_of(48)), seconds=0)
    store, catalog = open_gallery_folder(where, later)
    with closing(catalog):
        yield (
            catalog.gallery(),
            catalog.source_files(),
            store.dim,
            store.columns.keys(),
            store.ids(),
            store.ids("removed"),
        )


def watched(gallery: Gallery, photos: Path) -> Any:
    """The summary of the ingest with which a watch begins."""
    stop, summaries = threading.Event(), SimpleQueue[Any]()

    def on_ingest(_roots: Any, summary: Any) -> None:
        summaries.put(summary)
        stop.set()

    watch(gallery, [photos], options=WatchOptions(), listener=Listener(on_ingest, print), stop=stop)
    return replace(summaries.get(timeout=5), seconds=0)


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_life_of_a_gallery_is_the_same_as_on_disk(
    root: RemoteFolder, tmp_path: Path, later: Callable[[str], Chain], monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    photos, chain = tmp_path / "photos", later(LATER) if whole else CHAIN
    if whole:
        monkeypatch.setattr(lance, "PAGE", 2)
    on_disk, remote = (list(life(where, photos, chain, whole=whole)) for where in (tmp_path / "gallery", root))
    for number, (local, far) in enumerate(zip(on_disk, remote, strict=True)):
        assert far == local, f"step {number}"
    if whole:
        with pytest.raises(MigrationError, match=r"made by a newer cvsi-db .*0099_later"):
            open_gallery_folder(root)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setattr(leases, "_probed", set())
    store, catalog = open_gallery_folder(root, chain)
    assert store.count() == len(catalog.captions(store.ids(), "fake-captioner")) == 3
    denied = r"cannot write to '.*': the credentials may not write objects \(s3:PutObject\)$"
    with pytest.raises(GalleryError, match=denied), write_lock(root):
        pass
    with pytest.raises(GalleryError, match=denied):
        store.drop(["id1"], "images")
    # What a search caches stays on this machine.
    rewrite = Rewrite(("a cat with a hat",), "a hat", "rules")
    catalog.keep_rewrite(["a cat"], "with a hat", "rules", rewrite)
    catalog.keep_captions("blip", {"id1": ("a cat",)})
    assert catalog.rewrite(["a cat"], "with a hat", "rules") == rewrite
    assert catalog.captions(["id1"], "blip") == {"id1": ("a cat",)}
    catalog.close()
    shutil.rmtree(Path(os.environ["XDG_CACHE_HOME"]) / "cvsi-db")
    catalog = open_gallery_folder(root, chain)[1]
    assert (catalog.rewrite(["a cat"], "with a hat", "rules"), catalog.captions(["id1"], "blip")) == (None, {})
    catalog.close()


def test_no_method_of_a_catalog_is_left_to_sqlite_but_for_caches() -> None:
    inherited = {name for name in vars(Catalog) if not name.startswith("_")} - vars(LanceCatalog).keys()
    caches = {"captions", "rewrite", "keep_rewrite", "verdicts", "keep_verdicts"}
    assert inherited == {"close", "source_files", "was_cut_short", *caches}


@pytest.mark.slow
def test_a_backup_is_restored_on_disk_and_on_object_storage(root: RemoteFolder, photos: Path, tmp_path: Path) -> None:
    with gallery_in(root) as gallery:
        gallery.ingest(photos)
        before = rows_of(gallery)
        gallery.backup(tmp_path / "kept.tar")
        files, runs = gallery._catalog.source_files(), gallery._catalog.runs()
        kept = gallery._catalog.kept_captions(before)
    for place in (tmp_path / "local", root.with_name("other")):
        assert restore(tmp_path / "kept.tar", place).images == 5
        with gallery_in(place) as again:
            assert (rows_of(again), again._catalog.source_files(), again._catalog.runs()) == (before, files, runs)
            assert again._catalog.kept_captions(before) == kept
            assert again.check() == []
    with pytest.raises(GalleryError, match="is not empty"):
        restore(tmp_path / "kept.tar", root)


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["catalog/source_file.lance", "catalog", "lance/captions.lance/data"])
def test_damage_is_found_and_mended(root: RemoteFolder, photos: Path, lost: str) -> None:
    with gallery_in(root) as gallery:
        gallery.ingest(photos)
        before = rows_of(gallery)
    place: Any = root
    for part in lost.split("/"):
        place = place / part
    remove_tree(place)
    assert {problem.kind for problem in Gallery.check_folder(root)} <= {"catalog damaged", "table damaged"}
    summary = Gallery.repair_folder(root)
    assert summary.damage
    with gallery_in(root) as gallery:
        gallery.ingest(photos)
        assert gallery.check() == []
        assert rows_of(gallery).keys() == before.keys()


@pytest.mark.slow
def test_a_migration_that_fails_leaves_the_gallery_as_it_was(root: RemoteFolder, later: Callable[[str], Chain]) -> None:
    create_gallery_folder(root, INFO)[1].close()
    with pytest.raises(MigrationError, match="the store is away; the gallery is as before"):
        open_gallery_folder(root, later(f"{LATER}    raise RuntimeError('the store is away')\n"))
    for folder, table in (("lance", "images"), ("catalog", "source_file")):
        assert "stars" not in connect(root / folder).open_table(table).schema.names
    open_gallery_folder(root)[1].close()


# --- one writer -------------------------------------------------------------------------------------------------


def test_a_second_writer_is_refused_by_the_name_of_the_first(root: RemoteFolder) -> None:
    with write_lock(root), write_lock(root):  # nested
        said = rf"another process is writing to .*\(process {os.getpid()} on .*\): wait until it is done"
        with ThreadPoolExecutor(1) as other, pytest.raises(GalleryError, match=said):
            other.submit(lambda: write_lock(root, timeout=0.1).__enter__()).result()
    with write_lock(root, timeout=0):
        pass


@pytest.mark.slow
def test_a_lease_is_renewed_while_it_is_held(root: RemoteFolder, quick: None) -> None:
    with write_lock(root), ThreadPoolExecutor(1) as other, pytest.raises(GalleryError, match="another process"):
        other.submit(lambda: write_lock(root, timeout=4.0).__enter__()).result()


def test_a_writer_that_died_is_taken_over_by_one(root: RemoteFolder) -> None:
    with write_lock(root):
        pass
    table = connect(root).open_table("lease")
    table.add([{"name": "writer", "holder": "process 1 on gone (a)", "until": time.time() + 3600}])
    said = r"\(process 1 on gone\).* its lock ends at \d\d:\d\d:\d\d UTC"
    with pytest.raises(GalleryError, match=said), write_lock(root, timeout=0):
        pass

    table.update(values={"until": time.time() - 10})

    def take(number: int) -> bool:
        try:
            leases._take(root, connect(root).open_table("lease"), f"process {number}", 0)
        except GalleryError:
            return False
        return True

    with ThreadPoolExecutor(3) as threads:
        assert sorted(threads.map(take, range(3))) == [False, False, True]


def test_a_writer_that_lost_its_lease_writes_no_more(root: RemoteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LASTS_S", 0.9)
    lease = connect(root).create_table("lease", schema=leases._SCHEMA)
    with write_lock(root):
        with lance_write_errors(root / "lance"):
            lease.update(values={"holder": "another"})
        time.sleep(1)
        said = "lost the lock of 's3://.*', which could not be renewed for 0.9 seconds"
        with pytest.raises(GalleryError, match=said), lance_write_errors(root / "lance"):
            pytest.fail("it may not write")
        with lance_write_errors(root.with_name("another gallery")):
            pass
    assert [row["holder"] for row in lease.search().to_list()] == ["another"]


# --- what a store and its credentials allow ---------------------------------------------------------------------


def test_a_store_that_ignores_conditions_is_refused(cloud: dict[str, str]) -> None:
    root = RemoteFolder(f"s3://{make_bucket(cloud, 'careless')}/g")
    with pytest.raises(GalleryError, match=r"cannot write to 's3://careless/g': its store ignores If-None-Match"):
        create_gallery_folder(root, INFO)
    assert list(files_in(root.parent)) == []


def test_errors_name_the_address(root: RemoteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_gallery(root)
    with pytest.raises(GalleryError, match=rf"no gallery in '{root}': make one with .* --db {root}"):
        open_gallery_folder(root)
    with pytest.raises(GalleryError, match=r"cannot read 's3://nowhere/.*NoSuchBucket"):
        open_gallery_folder(RemoteFolder("s3://nowhere/gallery"))
    (root / "notes.txt").write_bytes(b"mine")
    with pytest.raises(GalleryError, match="holds other files and no gallery"):
        create_gallery_folder(root, INFO)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(GalleryError, match=r"cannot read '.*': no answer from http://127.0.0.1:9"):
        open_gallery_folder(root)


@pytest.mark.slow
def test_commands_take_an_address(
    root: RemoteFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    create_gallery_folder(root, INFO)[1].close()
    monkeypatch.setenv("CVSI_CONFIG", os.devnull)
    for arguments, said in (
        (["check", "--db", root], f"no problems in {root}\n"),
        (["migrate"], f"{root} is up to date\n"),
    ):
        monkeypatch.setenv("CVSI_DB", root)
        monkeypatch.setattr("sys.argv", ["cvsi-db", *arguments])
        assert run() == 0
        assert capsys.readouterr().out == said


# --- images on object storage -----------------------------------------------------------------------------------


def test_images_on_object_storage_are_taken_in_and_followed(root: RemoteFolder, tmp_path: Path) -> None:
    photos = root.with_name("photos")
    for name, colour in (("red.png", "red"), ("trip/blue.png", "blue"), (".hidden/green.png", "green")):
        (photos / name).write_bytes(picture_bytes(colour))
    (photos / "notes.txt").write_bytes(b"no image")
    with gallery_in(tmp_path / "gallery") as gallery:
        done = gallery.ingest(str(photos))
        assert (done.new, done.skipped, done.failed, done.captioned) == (2, 2, 0, 2)
        assert {(failed.path, failed.reason) for failed in done.skipped_files} == {
            (f"{photos}/.hidden/green.png", "a hidden folder"),
            (f"{photos}/notes.txt", "not an image (text/plain)"),
        }
        found = gallery.search(f"{photos}/red.png", "in blue", k=5)
        assert [(hit.path, hit.metadata["folder"]) for hit in found] == [(f"{photos}/trip/blue.png", "trip")]
        assert len(gallery.search(edit_text="blue", folder=f"{photos}/trip", k=5)) == 1
        assert (gallery.ingest(photos).unchanged, gallery.check()) == (2, [])
        (photos / "trip" / "blue.png").unlink()
        time.sleep(0.01)
        (photos / "red.png").write_bytes(picture_bytes("orange"))
        assert sorted(problem.kind for problem in gallery.check()) == ["file changed", "file gone"]
        done = gallery.ingest(photos)
        assert (done.new, done.removed, done.unchanged) == (1, 1, 0)
        assert gallery.check() == []
        assert gallery.tag(f"{photos}/red.png", add=["sea"]).changed == 1
        assert gallery.remove(photos).images == 3
        with pytest.raises(IngestError, match=rf"'{photos}/none' does not exist: name a folder or an object"):
            gallery.ingest(f"{photos}/none")


@pytest.mark.parametrize("rounds", [1, pytest.param(2, marks=pytest.mark.slow)], ids=["new", "changed"])
def test_a_shard_on_object_storage_is_taken_in_as_one_on_disk(
    root: RemoteFolder, empty_gallery: Path, tmp_path: Path, rounds: int
) -> None:
    files = {
        "0.png": picture_bytes("red"), "0.json": b'{"rating": 4, "tags": ["sea"]}', "0.txt": b"a red\nsquare",
        "1.bin": bytes(3 * 2**20), "1.png": picture_bytes("blue"), "1.json": b'{"rating": "four"}',
        "trip/\u00fc.png": picture_bytes("green"), "trip/copy.png": picture_bytes("red"), "trip/bad.png": b"bad",
    }  # fmt: skip
    here, there = tmp_path / "shards" / "00000.tar", root.with_name("shards") / "00000.tar"
    here.parent.mkdir()
    for shard in (here, there):
        shutil.copytree(empty_gallery, tmp_path / type(shard).__name__)

    def taken_in(shard: Location) -> dict[str, str]:
        """All that is in the gallery of the shard after an ingest, without where the shard is."""
        with gallery_in(tmp_path / type(shard).__name__) as gallery:
            done = replace(gallery.ingest(str(shard)), seconds=0)
            hits = [(hit.path, hit.score) for hit in gallery.search(f"{shard}/1.png", "in green", k=5)]
            rows = {
                name: sorted(gallery._store.scan(["*"], table=name).to_pylist(), key=repr)  # type: ignore[arg-type]
                for name in ("images", "captions", "thumbnails")
            }
            seen = {"files": gallery._catalog.source_files(), "problems": gallery.check()}
            told = {"done": done, "hits": hits} | rows | seen
        return {name: repr(value).replace(str(shard.parent), "…") for name, value in told.items()}

    counts = ["new=3, unchanged=0, moved=0, duplicates=1, failed=1", "new=1, unchanged=1, moved=0, duplicates=0"]
    for round in range(rounds):
        there.write_bytes(pack(here, files))
        os.utime(here, ns=(there.status()[1],) * 2)
        local = taken_in(here)
        assert taken_in(there) == local
        assert counts[round] in local["done"]
        files = {"0.png": files["0.png"], "1.png": picture_bytes("orange")}
        time.sleep(0.01)


def test_a_parquet_file_names_files_and_says_more_of_them(tmp_path: Path) -> None:
    for name in ("red", "blue"):
        save_picture(tmp_path / f"{name}.png", name)
    columns = {
        "url": [str(tmp_path / "red.png"), str(tmp_path / "blue.png")],
        "rating": [4, None],
        "taken_at": [datetime(2024, 5, 1), None],
        "tags": [["sea", "sky"], []],
        "NSFW": ["no", "no"],
    }
    pq.write_table(pa.table(columns), tmp_path / "list.parquet")
    (tmp_path / "list.txt").write_text(f"{tmp_path / 'red.png'}\n\ns3://bucket/a b.jpg\n")
    assert read_file_list(tmp_path / "list.txt").paths == (str(tmp_path / "red.png"), "s3://bucket/a b.jpg")
    named = read_file_list(tmp_path / "list.parquet")
    assert (named.ignored, list(named.metadata)) == (("NSFW",), [columns["url"][0], columns["url"][1]])
    with gallery_in(tmp_path / "gallery") as gallery:
        assert gallery.ingest(*named.paths, metadata=named.metadata).new == 2
        told = gallery.sql("SELECT name, rating, taken_at, tags FROM images ORDER BY name").to_pylist()
    assert told == [
        {"name": "blue.png", "rating": None, "taken_at": None, "tags": []},
        {"name": "red.png", "rating": 4, "taken_at": datetime(2024, 5, 1), "tags": ["sea", "sky"]},
    ]
    pq.write_table(pa.table({"path": ["a.png"], "rating": ["four"]}), tmp_path / "list.parquet")
    with pytest.raises(IngestError, match=r"list.parquet': row 1: rating is 'four'"):
        read_file_list(tmp_path / "list.parquet")
    pq.write_table(pa.table({"image": ["a.png"]}), tmp_path / "list.parquet")
    with pytest.raises(IngestError, match="has no column path or url"):
        read_file_list(tmp_path / "list.parquet")


# --- servers ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_replicas_see_what_another_writes_and_end_when_the_tables_are_replaced(
    root: RemoteFolder, photos: Path
) -> None:
    def found(url: str) -> list[str]:
        answer = httpx.post(f"{url}api/search", json={"edit_text": "an orange picture", "k": 9}, timeout=60).json()
        return [Path(hit["path"]).stem for hit in answer["hits"]]

    def ask_for(seconds: float, url: str) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            httpx.get(f"{url}api/health", timeout=10)

    def listed(url: str) -> int:
        return int(httpx.get(f"{url}api/images", timeout=60).json()["total"])

    with gallery_in(root) as writer:
        writer.ingest(photos)
    with (
        gallery_in(root) as one,
        gallery_in(root) as other,
        serving_gallery(one) as first,
        serving_gallery(other) as second,
        gallery_in(root) as writer,
    ):
        for url in (first, second, first, second):  # the second search of each loads the rows
            assert "orange" not in found(url)
        save_picture(photos / "orange.png", "orange")
        writer.ingest(photos)
        assert [(found(url)[0], listed(url)) for url in (first, second)] == [("orange", 6)] * 2
        (photos / "orange.png").unlink()
        writer.ingest(photos)
        assert [("orange" in found(url), listed(url)) for url in (first, second)] == [(False, 5)] * 2
        assert [each.is_replaced() for each in (one, other)] == [False, False]
        writer.optimize(rewrite=True)
        for url in (first, second):
            with pytest.raises(httpx.TransportError):
                ask_for(10, url)


@pytest.mark.slow
def test_a_server_answers_the_command_line(root: RemoteFolder, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVSI_CONFIG", os.devnull)
    search = ["search", "--text", "a red picture", "-k", "1", "--json", "--db", root]

    def asked(**environ: str) -> tuple[int, str]:
        done = run_forked(search, os.environ | environ, cwd=None, input=b"", timeout=60)
        return done.returncode, (done.stdout or done.stderr).decode()

    with gallery_in(root) as gallery:  # of fakes, with which no command can search by itself
        gallery.ingest(photos)
        with answering(Warm(gallery, Settings(root), None), run, lambda: None):
            code, told = asked()
            assert (code, json.loads(told)["hits"][0]["path"]) == (0, str(photos / "red.png"))
            assert asked(AWS_ACCESS_KEY_ID="another")[0] != 0
    assert asked()[0] != 0


# --- processes --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_ingesters_at_once(root: RemoteFolder, cloud: dict[str, str], photos: Path) -> None:
    begun, go = context.Event(), context.Event()
    first = start(within, cloud, take_in_slowly, root, photos, begun, go)
    assert begun.wait(60)
    with gallery_in(root) as gallery:
        with pytest.raises(GalleryError, match=rf"another process is writing .*\(process {first.pid} on "):
            gallery.ingest(photos)
        go.set()
        first.join(60)
        assert gallery.ingest(photos).unchanged == 5
        assert gallery.check() == []


@pytest.mark.slow
def test_searches_during_ingests_see_one_version(root: RemoteFolder, cloud: dict[str, str], tmp_path: Path) -> None:
    photos = Photos(tmp_path / "photos", 1)
    photos.add(40)
    references = Photos(tmp_path / "references", 5)
    references.add(8)
    take_in(root, photos.folder, False, False)  # type: ignore[arg-type]
    written, asked = context.Queue(), context.Queue()
    writer = start(within, cloud, keep_changing, root, photos.folder, 30, written)
    searchers = [start(within, cloud, keep_searching, root, references.folder, 30, n, asked) for n in range(4)]
    answers = [asked.get(timeout=120) for _ in searchers]
    rounds, problems = written.get(timeout=120)
    writer.join(60)
    print(rounds, answers)
    assert problems == []
    assert [faults for _, _, faults in answers] == [[]] * 4
    assert rounds >= 2
    assert min(searches for searches, _, _ in answers) >= 3


LASTS_S = 6.0


def take_in_once_it_may(root: RemoteFolder, photos: Path, begun: Event) -> None:
    """Ingest with as many commits as there can be, as soon as the lease of the one before has ended."""
    leases.LASTS_S, leases.SLACK_S, commit_thread.COMMIT_S = LASTS_S, 0.5, 0
    with gallery_in(root) as gallery, write_lock(root, timeout=60):  # type: ignore[arg-type]
        begun.set()
        gallery.ingest(photos, batch_size=2)


@pytest.mark.slow
def test_after_20_kills_nothing_is_lost_or_doubled(
    root: RemoteFolder, cloud: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LASTS_S", LASTS_S)
    monkeypatch.setattr(leases, "SLACK_S", 0.5)
    photos, chance, ends, spread = Photos(tmp_path / "photos", 1), random.Random(3), Counter[int | None](), 3.0
    photos.add(30)
    while ends.total() < 20:
        photos.change(12)
        begun = context.Event()
        process = start(within, cloud, take_in_once_it_may, root, photos.folder, begun)
        assert begun.wait(120)
        time.sleep(chance.uniform(0, spread))
        process.kill()
        process.join()
        spread *= 1.2 if process.exitcode else 0.8
        ends[process.exitcode] += 1
        if ends.total() % 5 == 0:
            with gallery_in(root) as gallery, write_lock(root, timeout=60):  # type: ignore[arg-type]
                done = gallery.ingest(photos.folder)
                assert [each for each in done.errors if not Path(each.path).name.startswith("bad")] == []
                assert_whole(gallery, photos.contents())
    with gallery_in(root) as gallery, gallery_in(tmp_path / "whole") as whole:  # type: ignore[arg-type]
        whole.ingest(photos.folder)
        assert rows_of(gallery) == rows_of(whole)
    print(dict(ends))
    assert ends[-signal.SIGKILL] >= 10
