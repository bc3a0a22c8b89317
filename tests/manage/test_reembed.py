"""Another model for a gallery, in place: what stays, what is resumed, what cannot be read; on real tables."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cvsi_db.errors import GalleryError
from cvsi_db.ingest import commit_thread, ingest
from cvsi_db.ingest.decode import read_picture
from cvsi_db.ingest.recaption import captioned_by_others, recaption
from cvsi_db.manage.check import find_problems
from cvsi_db.manage.reembed import ReembedPlan, ReembedSummary, reembed
from cvsi_db.records import ImageRow, IngestFailure, IngestSummary
from cvsi_db.store.catalog import Catalog
from cvsi_db.store.folder import open_gallery_folder
from cvsi_db.store.images import Store
from tests.fakes import CutShort, FakeCaptioner, FakeEncoder, save_picture
from tests.ingest.killed import cut_inside, die
from tests.safety.workers import start

WIDE = 48


def bundle_of(encoder: Any, captioner: Any = None, name: str = "wide") -> Any:
    """A bundle whose fingerprint tells its encoder's width."""
    digest = f"width{encoder.dim}"
    return SimpleNamespace(
        encoder=encoder,
        captioner=captioner,
        source=name,
        clip_digest=digest,
        fingerprint=f"{name}:{digest}",
        fits=lambda fingerprint: fingerprint.endswith(f":{digest}"),
    )


@contextmanager
def reopened(folder: Path) -> Iterator[tuple[Store, Catalog]]:
    store, catalog = open_gallery_folder(folder)
    with closing(catalog):
        yield store, catalog


@pytest.fixture
def full(store: Store, catalog: Catalog, photos: Path) -> Callable[..., IngestSummary]:
    """Ingests the five photos, or what is there then, with the gallery's first model."""

    def call(**options: Any) -> IngestSummary:
        models = {"encoder": FakeEncoder(), "captioner": FakeCaptioner()} | options
        return ingest([photos], store=store, catalog=catalog, **models)

    call(tags=("trip",))
    return call


@pytest.fixture
def change(full: object, gallery_folder: Path, store: Store, catalog: Catalog) -> Callable[..., ReembedSummary]:
    """Makes the test's gallery one of a model of another width; the summary comes without its seconds."""

    def call(encoder: Any = None, captioner: Any = None, **options: Any) -> ReembedSummary:
        bundle = bundle_of(encoder or FakeEncoder(WIDE), captioner)
        return replace(reembed(gallery_folder, store, catalog, bundle, **options), seconds=0.0)

    return call


def told(store: Store) -> dict[str, ImageRow]:
    """Every row by its name, without what a model made."""
    bare = {"image_vector": 0, "caption_vector": 0, "image_norm": None}
    return {row.name: replace(row, **bare) for row in store.rows(store.ids()).values()}  # type: ignore[arg-type]


def assert_embedded(store: Store, catalog: Catalog) -> None:
    """Vectors of images and captions are those of the wide encoder, and nothing is wrong."""
    assert store.dim == WIDE
    for row in store.rows(store.ids()).values():
        (vector,) = FakeEncoder(WIDE).encode_images([read_picture(Path(row.path)).image])
        np.testing.assert_allclose(row.image_vector, vector / np.linalg.norm(vector), atol=1e-3)
        assert row.image_norm == pytest.approx(np.linalg.norm(vector), rel=1e-5)
        if row.captions:
            texts = FakeEncoder(WIDE).encode_texts(row.captions)
            mean = (texts / np.linalg.norm(texts, axis=1, keepdims=True)).mean(axis=0)
            np.testing.assert_allclose(row.caption_vector, mean, atol=1e-3)
    assert find_problems(store, catalog, files=True) == []


def test_every_image_is_embedded_anew_and_keeps_what_is_not_the_models(
    change: Callable[..., ReembedSummary], store: Store, gallery_folder: Path
) -> None:
    before, captions = told(store), store.count(table="captions")
    assert not store.is_gone()
    plans: list[ReembedPlan] = []
    assert change(captioner=FakeCaptioner(), on_plan=plans.append) == ReembedSummary(
        True, "fake-1", "wide:width48", images=5, captions=15, embedded=5
    )
    assert (plans[0].images, plans[0].embedded, captions) == (5, 0, 15)
    assert 15 * 2 * WIDE < plans[0].bytes_needed < 2**20
    assert not (gallery_folder / "lance").exists()
    with reopened(gallery_folder) as (new, catalog):
        info = catalog.gallery()
        assert (info.bundle, info.fingerprint, info.dim, info.tables) == ("wide", "wide:width48", 48, "lance-width48")
        assert told(new) == before
        assert all(row.tags == ("trip",) for row in before.values())
        assert_embedded(new, catalog)
    assert store.is_gone()
    with pytest.raises(GalleryError, match="or `optimize --rewrite` has replaced them, open the gallery again"):
        store.count()


def test_a_model_with_the_same_vectors_only_changes_the_name(
    change: Callable[..., ReembedSummary], store: Store, catalog: Catalog, gallery_folder: Path
) -> None:
    change()
    with reopened(gallery_folder) as (new, opened):
        encoder = FakeEncoder(WIDE)
        done = reembed(gallery_folder, new, opened, bundle_of(encoder, name="other"))
        assert (done.switched, done.images, done.embedded, encoder.image_batches) == (True, 5, 0, [])
        assert opened.gallery().bundle == "other"
        assert_embedded(new, opened)


def press_ctrl_c() -> None:
    raise KeyboardInterrupt


def test_an_interrupted_change_leaves_the_old_model_and_is_resumed(
    change: Callable[..., ReembedSummary],
    full: Callable[..., IngestSummary],
    store: Store,
    catalog: Catalog,
    gallery_folder: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commit_thread, "COMMIT_S", 0)
    (gallery_folder / "lance-of-another-try").mkdir()
    first = FakeEncoder(WIDE)
    with pytest.raises(KeyboardInterrupt):
        change(CutShort(first, "encode_images", 2, press_ctrl_c), batch_size=2)
    assert (catalog.gallery().fingerprint, store.dim, store.count()) == ("fake-1", 32, 5)
    assert find_problems(store, catalog) == []
    assert not (gallery_folder / "lance-of-another-try").exists()
    # Until the next try everything changes.
    rows = store.rows(store.ids())
    store.update([replace(row, tags=("changed",)) for row in rows.values() if row.name == "blue.png"])
    (photos / "green.png").unlink()
    (photos / "red.png").rename(photos / "crimson.png")
    save_picture(photos / "black.png", "black")
    full()
    done = set(Store.open(gallery_folder / "lance-width48").ids())
    assert len(done) == 2
    before, gone = told(store), store.ids("removed")
    second, plans = FakeEncoder(WIDE), list[ReembedPlan]()
    summary = change(second, on_plan=plans.append)
    waiting = len(store_ids(before) - done)
    assert (summary.switched, summary.images, summary.embedded) == (True, 5, waiting)
    assert (plans[0].images, plans[0].embedded, second.image_batches) == (5, 5 - waiting, [waiting])
    with reopened(gallery_folder) as (new, opened):
        assert told(new) == before
        assert (before["blue.png"].tags, "crimson.png" in before) == (("changed",), True)
        assert new.ids("removed") == gone
        assert_embedded(new, opened)


def change_and_die(folder: Path, step: str, number: int) -> None:
    """In a process of its own: change the model, and be killed after the `number`-th `step`."""
    commit_thread.COMMIT_S = 0
    store, catalog = open_gallery_folder(folder)
    method, _, table = step.partition(" ")
    if table:
        cut_inside(store, method, table, number)
    catalog = catalog if table else CutShort(catalog, method, number, die)  # type: ignore[assignment]
    reembed(folder, store, catalog, bundle_of(FakeEncoder(WIDE)), batch_size=2)


@pytest.mark.parametrize(
    ("step", "number", "is_switched"),
    [
        ("merge images", 2, False),
        ("describe", 1, True),
        pytest.param("merge captions", 2, False, marks=pytest.mark.slow),
        pytest.param("merge removed", 1, False, marks=pytest.mark.slow),
    ],
)
def test_a_change_that_is_killed_is_resumed(
    full: Callable[..., IngestSummary], catalog: Catalog, gallery_folder: Path, photos: Path,
    step: str, number: int, is_switched: bool,
) -> None:  # fmt: skip
    (photos / "red.png").unlink()
    full()
    process = start(change_and_die, gallery_folder, step, number)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with reopened(gallery_folder) as (store, opened):
        assert (store.dim, store.count(), store.count(table="removed")) == (WIDE if is_switched else 32, 4, 1)
        assert find_problems(store, opened, files=True) == []
        reembed(gallery_folder, store, opened, bundle_of(FakeEncoder(WIDE)))
    with reopened(gallery_folder) as (store, opened):
        assert (store.count(), store.count(table="removed"), store.count(table="captions")) == (4, 1, 15)
        assert_embedded(store, opened)
    full_again = full_of(gallery_folder, photos)
    assert (full_again.unchanged, full_again.embedded) == (4, 0)


def full_of(folder: Path, photos: Path) -> IngestSummary:
    with reopened(folder) as (store, opened):
        return ingest([photos], store=store, catalog=opened, encoder=FakeEncoder(WIDE), captioner=FakeCaptioner())


def store_ids(rows: dict[str, ImageRow]) -> set[str]:
    return {row.image_id for row in rows.values()}


def test_images_that_cannot_be_read_leave_the_gallery_as_it_is_unless_allowed(
    change: Callable[..., ReembedSummary], store: Store, catalog: Catalog, gallery_folder: Path, photos: Path
) -> None:
    (photos / "red.png").rename(photos.parent / "red.png")
    save_picture(photos / "green.png", "orange")
    missing = [
        IngestFailure(str(photos / "green.png"), "its content has changed: ingest it again"),
        IngestFailure(str(photos / "red.png"), "no such file"),
    ]
    summary = change()
    assert sorted(summary.missing, key=lambda failure: failure.path) == missing
    assert (summary.switched, summary.embedded, catalog.gallery().fingerprint) == (False, 3, "fake-1")
    assert (store.count(), find_problems(store, catalog)) == (5, [])
    red = next(row for row in store.rows(store.ids()).values() if row.name == "red.png")
    summary = change(allow_missing=True)
    assert (summary.switched, summary.images, summary.embedded, len(summary.missing)) == (True, 3, 0, 2)
    with reopened(gallery_folder) as (new, opened):
        assert_embedded(new, opened)
        (waiting,) = new.rows([red.image_id], "removed").values()
        assert (waiting.captions, waiting.tags, waiting.image_vector.any()) == (red.captions, ("trip",), np.False_)
        (photos.parent / "red.png").rename(photos / "red.png")
        encoder = FakeEncoder(WIDE)
        again = ingest([photos], store=new, catalog=opened, encoder=encoder, captioner=FakeCaptioner())
        assert (again.new, again.unchanged, again.embedded, again.captioned) == (1, 4, 2, 1)
        assert told(new)["red.png"].captions == red.captions
        assert told(new)["red.png"].tags == ("trip",)
        assert_embedded(new, opened)


def test_removed_images_come_back_with_captions_and_tags(
    full: Callable[..., IngestSummary], change: Callable[..., ReembedSummary], gallery_folder: Path, photos: Path
) -> None:
    (photos / "red.png").rename(photos.parent / "red.png")
    full()
    assert change().missing == ()
    with reopened(gallery_folder) as (new, opened):
        assert (new.count(), new.count(table="removed"), find_problems(new, opened)) == (4, 1, [])
        (photos.parent / "red.png").rename(photos / "red.png")
        captioner = FakeCaptioner()
        again = ingest([photos], store=new, catalog=opened, encoder=FakeEncoder(WIDE), captioner=captioner)
        assert (again.unchanged, again.embedded, captioner.batches) == (5, 1, [])
        assert told(new)["red.png"].tags == ("trip",)
        assert_embedded(new, opened)


def test_too_little_room_is_told_before_an_image_is_read(
    change: Callable[..., ReembedSummary], catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1000))
    encoder = FakeEncoder(WIDE)
    with pytest.raises(GalleryError, match=r"take some 0 MB, and 0 MB are free: free some space"):
        change(encoder)
    assert (encoder.image_batches, catalog.gallery().fingerprint) == ([], "fake-1")


def test_captions_of_another_captioner_are_counted_and_those_of_people_are_not(
    change: Callable[..., ReembedSummary], store: Store, catalog: Catalog, gallery_folder: Path
) -> None:
    row = next(iter(store.rows(store.ids()).values()))
    catalog.give_captions({row.image_id: row.captions})
    summary = change(captioner=FakeCaptioner("another"))
    assert (summary.captions, summary.other_captions) == (15, 4)
    with reopened(gallery_folder) as (new, opened):
        others = captioned_by_others(new, opened, "another")
        assert len(others) == 4
        models = {"encoder": FakeEncoder(WIDE), "captioner": FakeCaptioner("another")}
        recaption(store=new, catalog=opened, image_ids=others, **models)
        assert captioned_by_others(new, opened, "another") == []
        assert_embedded(new, opened)


def test_the_indexes_that_are_lost_are_named(change: Callable[..., ReembedSummary], store: Store) -> None:
    store.optimize()
    assert change().indexes == ("images.image_id", "captions.caption_id", "captions.image_id", "captions.text")
