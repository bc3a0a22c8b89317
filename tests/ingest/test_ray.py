"""An ingest by workers: the gallery is that of a local one, whatever becomes of a worker or of the process that writes.

The tests with workers start Ray on this machine, once; all but one of them are slow.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cvsi_db import Gallery
from cvsi_db.cli import run as cli
from cvsi_db.errors import BundleError, EngineError, ModelError, UsageError
from cvsi_db.ingest import ingest, ray_engine
from cvsi_db.ingest.ray_engine import RayEngine, Workers, share_out
from cvsi_db.ingest.recaption import recaption
from cvsi_db.manage.check import find_problems
from cvsi_db.manage.reembed import reembed
from cvsi_db.models.spec import load_spec
from cvsi_db.records import IngestFailure, IngestProgress, IngestSummary
from cvsi_db.store.folder import open_gallery_folder
from cvsi_db.store.lance import connect
from cvsi_db.store.location import locate
from tests.e2e.conftest import SAMPLES, run_cli
from tests.evaluation import field_data
from tests.evaluation.test_photos import CAPTIONS, write_photos
from tests.fakes import FakeCaptioner, save_picture
from tests.ingest.remote_models import Fate, Mortal, ingest_and_die, make
from tests.manage.test_reembed import bundle_of
from tests.object_store import make_bucket, serving
from tests.processes import context

TABLES = ("images", "captions", "removed", "thumbnails")


def everything(folder: Path) -> dict[str, Any]:
    """All that is in a gallery, as it is stored, in a form that compares."""
    store, catalog = open_gallery_folder(folder)
    with closing(catalog):
        tables = connect(folder / catalog.gallery().tables)
        rows = {name: tables.open_table(name).to_arrow() for name in TABLES}
        keys = {name: "caption_id" if name == "captions" else "image_id" for name in TABLES}
        return {
            **{name: table.sort_by(keys[name]).to_pydict() for name, table in rows.items()},
            "files": catalog.source_files(),
            "kept": catalog.kept_captions(rows["images"]["image_id"].to_pylist()),
            "problems": find_problems(store, catalog),
        }


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of Ray on this machine, with room for two workers."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        on_sigterm = signal.getsignal(signal.SIGTERM)
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray's own would end these tests by an exception
        yield ray.get_runtime_context().gcs_address
        ray.shutdown()


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Two dozen pictures, copies of some beside them and at the end, and two bad files."""
    folder = tmp_path / "many"
    for number in range(24):
        path = save_picture(folder / f"{number:02}.png", ("red", "green", "blue")[number % 3], (30 + number, 40))
        if number % 5 == 0:
            (folder / f"{number:02}-copy.png").write_bytes(path.read_bytes())
            (folder / f"x-{number:02}.png").write_bytes(path.read_bytes())
    (folder / "07-bad.png").write_bytes(b"bad")
    (folder / "19-bad.png").write_bytes(b"bad" * 2)
    return folder


@pytest.fixture
def galleries(empty_gallery: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two new, empty galleries."""
    return tuple(shutil.copytree(empty_gallery, tmp_path / name) for name in ("local", "remote"))  # type: ignore[return-value]


def take_in(folder: Path, gallery: Path, fate: Fate | None = None, **options: Any) -> IngestSummary:
    """Ingest with fakes, by workers with that fate or here; the summary comes without its seconds."""
    store, catalog = open_gallery_folder(gallery)
    options = {"captioner": FakeCaptioner(), "encoder": Mortal(Fate())} | options
    with closing(catalog):
        if fate is None:
            return timeless(ingest([folder], store=store, catalog=catalog, **options))
        with Workers(RayEngine(workers=2), partial(make, fate)) as workers:
            options |= {"encoder": workers.encoder, "workers": workers}
            return timeless(ingest([folder], store=store, catalog=catalog, **options))


def timeless(summary: Any) -> Any:
    return replace(summary, seconds=0.0)


# --- without workers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "workers", "gpus", "shares"),
    [
        ([{"CPU": 8.0}], None, 0, (1, 8)),
        ([{"CPU": 8.0}], 3, 0, (3, 2)),
        ([{"CPU": 8.0}, {"CPU": 8.0}, {"CPU": 0.0}], None, 0, (2, 8)),
        ([{"CPU": 10.0}, {"CPU": 4.0}], 3, 0, (3, 4)),
        ([{"CPU": 16.0, "GPU": 4.0}, {"CPU": 16.0}], None, 1, (4, 4)),
        ([{"CPU": 16.0, "GPU": 1.0}], None, 0.5, (2, 8)),
        ([{"CPU": 16.0, "GPU": 8.0}], None, 2, (4, 4)),
    ],
)
def test_cores_and_gpus_are_shared_out(nodes: Any, workers: int | None, gpus: float, shares: tuple[int, int]) -> None:
    assert share_out(nodes, workers, gpus) == shares


@pytest.mark.parametrize(
    ("nodes", "workers", "gpus"), [([{"CPU": 2.0}], 3, 0), ([{"CPU": 2.0}], None, 1), ([], None, 0)]
)
def test_more_workers_than_there_is_room_for_are_refused(nodes: Any, workers: int | None, gpus: float) -> None:
    with pytest.raises(EngineError, match="room for"):
        share_out(nodes, workers, gpus)


def test_values_that_make_no_sense_are_refused() -> None:
    for wrong in ({"workers": 0}, {"gpus_per_worker": -1.0}, {"gpus_per_worker": 1.5}):
        with pytest.raises(UsageError):
            RayEngine(**wrong)


def test_without_the_extra_one_line_names_it(
    photos: Path, gallery_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    named = ["--db", str(gallery_folder), "--model", "photos-lite"]
    assert cli(["ingest", str(photos), *named, "--engine", "ray"]) == 2
    assert capfd.readouterr() == ("", "error: the engine ray needs the package ray: pip install 'cvsi-db[ray]'\n")
    assert not gallery_folder.exists()


def test_options_of_ray_need_its_engine(photos: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli(["ingest", str(photos), "--workers", "2"]) == 2
    assert "--engine ray" in capfd.readouterr().err


def test_an_evaluation_without_images_to_embed_takes_no_engine(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["eval", "circo", "--data", str(field_data.circo(tmp_path)), "--db", str(tmp_path / "db")]
    assert cli([*asked, "--workers", "2"]) == 2
    assert "are for --engine ray: give that too" in capfd.readouterr().err
    (tmp_path / "found.json").write_text("{}")
    assert cli([*asked, "--predictions", str(tmp_path / "found.json"), "--engine", "ray"]) == 2
    assert "--allow-missing and --engine out" in capfd.readouterr().err
    assert cli(["eval", "scenes", "--engine", "ray"]) == 2
    assert "No such option '--engine'" in capfd.readouterr().err
    assert not (tmp_path / "db").exists()


def test_a_file_that_only_this_machine_has_is_an_error(tmp_path: Path) -> None:
    workers = Workers(RayEngine(), partial(make, Fate()))
    workers.check_seen([IngestFailure(str(tmp_path / "gone.png"), "no such file")])
    here = save_picture(tmp_path / "here.png")
    workers.check_seen([IngestFailure(str(here), "not an image")])
    with pytest.raises(EngineError, match=r"here\.png.*the same paths"):
        workers.check_seen([IngestFailure(str(here), "no such file")])


def test_workers_start_only_when_there_is_something_to_do(
    many: Path, galleries: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(many, galleries[0])
    for bad in many.glob("*-bad.png"):
        bad.unlink()
    monkeypatch.setattr(Workers, "_add_worker", lambda self: pytest.fail("a worker was started"))
    assert take_in(many, galleries[0], Fate()).unchanged == 34


# --- by workers -----------------------------------------------------------------------------------------------------


def test_the_gallery_is_that_of_a_local_ingest(cluster: str, many: Path, galleries: tuple[Path, Path]) -> None:
    local = take_in(many, galleries[0], tags=["sea"])
    assert (local.new, local.duplicates, local.failed, local.captioned) == (24, 10, 2, 24)
    assert take_in(many, galleries[1], Fate(), tags=["sea"]) == local
    assert everything(galleries[1]) == everything(galleries[0])


@pytest.mark.slow
@pytest.mark.parametrize("colour", ["red", "yellow"], ids=["in its first batch", "in a later batch"])
def test_a_worker_that_dies_changes_nothing(
    cluster: str, many: Path, galleries: tuple[Path, Path], tmp_path: Path, colour: str
) -> None:
    save_picture(many / "16-yellow.png", "yellow")
    local = take_in(many, galleries[0])
    assert take_in(many, galleries[1], Fate(colour, tmp_path / "died")) == local
    assert (tmp_path / "died").exists()
    assert everything(galleries[1]) == everything(galleries[0])


@pytest.mark.slow
def test_a_batch_that_kills_every_worker_is_reported_file_by_file(
    cluster: str, many: Path, galleries: tuple[Path, Path]
) -> None:
    save_picture(many / "08-yellow.png", "yellow")
    files = sorted(path.name for path in many.iterdir())
    place = files.index("08-yellow.png") // 4 * 4
    summary = take_in(many, galleries[1], Fate("yellow"))
    died = {Path(each.path).name: each.reason for each in summary.errors if "died" in each.reason}
    assert sorted(died) == files[place : place + 4]
    assert set(died.values()) == {
        "the worker that had its batch died 3 times: run this again with --batch-size 1, which spares the other images "
        "of the batch"
    }
    assert everything(galleries[1])["problems"] == []
    again = take_in(many, galleries[1], Fate("yellow"), batch_size=1)
    assert [Path(each.path).name for each in again.errors if "died" in each.reason] == ["08-yellow.png"]
    assert again.unchanged == summary.new + summary.duplicates
    assert take_in(many, galleries[1]).new == 1
    take_in(many, galleries[0])
    assert everything(galleries[1])["images"]["path"] == everything(galleries[0])["images"]["path"]


@pytest.mark.slow
def test_a_gallery_is_that_of_the_real_models_too(cluster: str, tmp_path: Path) -> None:
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    for path in sorted(SAMPLES.glob("*.png"))[:40]:
        shutil.copy(path, drawn)
    for name, engine in (("local", None), ("remote", RayEngine(workers=2))):
        with Gallery.create(tmp_path / name, model="starter") as gallery:
            summary = gallery.ingest(drawn, engine=engine, tags=["drawn"])
            assert (summary.new, summary.captioned) == (40, 40)
    assert everything(tmp_path / "remote") == everything(tmp_path / "local")


@pytest.mark.slow
def test_evaluations_are_those_of_a_local_run(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CVSI_CONFIG", os.devnull)
    data, photos = field_data.circo(tmp_path / "circo"), write_photos(tmp_path, CAPTIONS)

    def measured(*options: str) -> Any:
        """The reports of two evaluations with the galleries that they made."""
        told = []
        for name, folder in (("circo", data), ("photos", photos)):
            db = tmp_path / f"{name}{len(options)}"
            assert cli(["eval", name, "--data", str(folder), "--db", str(db), "--model", "starter", *options]) == 0
            told.append((json.loads(capfd.readouterr().out) | {"seconds": 0}, everything(db)))
        return told

    assert measured("--json", "--engine", "ray", "--workers", "2") == measured("--json")


@pytest.mark.slow
def test_after_a_kill_of_the_process_that_writes_the_same_ingest_completes_the_gallery(
    cluster: str, many: Path, galleries: tuple[Path, Path]
) -> None:
    local = take_in(many, galleries[0])
    process = context.Process(target=ingest_and_die, args=(galleries[1], many, cluster, 5), daemon=True)
    process.start()
    process.join(300)
    assert process.exitcode == -signal.SIGKILL
    written = len(everything(galleries[1])["files"])
    assert 0 < written < len(everything(galleries[0])["files"])
    again = take_in(many, galleries[1], Fate())
    assert again.new < local.new
    assert everything(galleries[1]) == everything(galleries[0])


@pytest.mark.slow
def test_ctrl_c_writes_what_is_in_work_and_the_same_ingest_goes_on(
    cluster: str, many: Path, galleries: tuple[Path, Path]
) -> None:
    seen: list[int] = []

    def interrupt(now: IngestProgress) -> None:
        seen.append(now.done)
        if len(seen) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        take_in(many, galleries[1], Fate(), progress=interrupt, batch_size=1)
    assert 1 < len(seen) < 36
    assert len(everything(galleries[1])["files"]) == len(seen)
    take_in(many, galleries[0])
    take_in(many, galleries[1], Fate())
    assert everything(galleries[1]) == everything(galleries[0])


@pytest.mark.slow
def test_captions_are_those_of_a_local_run(cluster: str, many: Path, galleries: tuple[Path, Path]) -> None:
    save_picture(many / "08-yellow.png", "yellow")
    for gallery in galleries:
        take_in(many, gallery, captioner=None)
    (many / "03.png").unlink()
    (many / "04.png").write_bytes(b"bad")
    for gallery, fate in zip(galleries, (None, Fate("yellow")), strict=True):
        store, catalog = open_gallery_folder(gallery)
        models: dict[str, Any] = {"encoder": Mortal(Fate()), "captioner": FakeCaptioner(), "given": True}
        with closing(catalog):
            kept = store.uncaptioned()[5]
            catalog.keep_captions(FakeCaptioner().name, {kept: ("kept",)})
            if fate is None:
                local = timeless(recaption(store=store, catalog=catalog, **models))
                continue
            with Workers(RayEngine(workers=2), partial(make, fate)) as workers:
                models |= {"encoder": workers.encoder, "workers": workers}
                assert timeless(recaption(store=store, catalog=catalog, **models)) == local
    assert (local.captioned, local.skipped) == (23, 2)
    assert everything(galleries[1]) == everything(galleries[0])


@pytest.mark.slow
def test_a_gallery_of_another_model_is_that_of_a_local_run(
    cluster: str, many: Path, galleries: tuple[Path, Path], tmp_path: Path
) -> None:
    save_picture(many / "08-yellow.png", "yellow")
    for gallery in galleries:
        take_in(many, gallery)
    wide = Fate("yellow", tmp_path / "died", dim=48)
    for gallery, by_workers in zip(galleries, (False, True), strict=True):
        store, catalog = open_gallery_folder(gallery)
        with closing(catalog), Workers(RayEngine(workers=2), partial(make, wide)) as workers:
            bundle = bundle_of(Mortal(Fate(dim=48)))
            summary = reembed(gallery, store, catalog, bundle, workers=workers if by_workers else None)
            assert (summary.switched, summary.embedded, summary.captions) == (True, 25, 75)
    assert (tmp_path / "died").exists()
    assert everything(galleries[1]) == everything(galleries[0])


@pytest.mark.slow
def test_workers_read_object_storage(
    cluster: str, many: Path, galleries: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as environ:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        bucket = make_bucket(environ, "pictures")
        for path in many.iterdir():
            locate(f"s3://{bucket}/many/{path.name}").write_bytes(path.read_bytes())
        place: Any = locate(f"s3://{bucket}/many")
        local = take_in(place, galleries[0])
        assert (local.new, local.failed) == (24, 2)
        assert take_in(place, galleries[1], Fate(environ=environ)) == local
        assert everything(galleries[1]) == everything(galleries[0])


@pytest.mark.slow
def test_workers_that_cannot_load_their_models_end_the_run(
    cluster: str, many: Path, galleries: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match=r"^no weights here$"):
        take_in(many, galleries[0], Fate(refuses="no weights here"))
    with pytest.raises(EngineError, match="workers die while they load the models"):
        take_in(many, galleries[0], Fate(dies_loading=True))
    spec = load_spec("starter")
    with (
        Workers(RayEngine(), partial(ray_engine._load_models, spec, "starter", "other")) as workers,
        pytest.raises(BundleError, match=r"the weights of starter on .* are not those of this machine"),
    ):
        workers.call(ray_engine.encode_texts, ["a cat"])


@pytest.mark.slow
def test_the_command_writes_nothing_but_its_result(photos: Path, gallery_folder: Path) -> None:
    arguments = ["ingest", photos, "--db", gallery_folder, "--model", "starter", "--engine", "ray", "--workers", "2"]
    done = run_cli(*arguments, "--json", env={"PYTHONUNBUFFERED": "1"})  # a Python of its own
    assert done.returncode == 0
    assert json.loads(done.stdout)["captioned"] == 5
    assert done.stderr.strip() == ""
