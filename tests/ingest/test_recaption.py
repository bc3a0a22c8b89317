"""Pictures taken in without captions, and captioned later, against a real store and catalog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvsi_db.errors import IngestError, ModelError
from cvsi_db.ingest import commit_thread, ingest
from cvsi_db.ingest.recaption import RecaptionProgress, RecaptionSummary, recaption
from cvsi_db.manage.check import find_problems
from cvsi_db.records import ImageRow, IngestFailure, IngestSummary
from cvsi_db.store.catalog import Catalog
from cvsi_db.store.images import Store
from tests.fakes import CutShort, FakeCaptioner, FakeEncoder, save_picture

Recaption = Callable[..., RecaptionSummary]


def rows(store: Store) -> dict[str, ImageRow]:
    """Every row by the stem of its name."""
    found = store.rows(store.scan(["image_id"])["image_id"].to_pylist())
    return {Path(row.path).stem: row for row in found.values()}


@pytest.fixture
def bare(photos: Path, store: Store, catalog: Catalog, encoder: FakeEncoder) -> IngestSummary:
    """The five pictures, taken in without captions."""
    return ingest([photos], store=store, catalog=catalog, encoder=encoder, captioner=None, batch_size=3)


@pytest.fixture
def run(
    bare: IngestSummary, store: Store, catalog: Catalog, encoder: FakeEncoder, captioner: FakeCaptioner
) -> Recaption:
    """Captions what is left in the test's gallery; the summary comes without its seconds."""

    def call(**options: Any) -> RecaptionSummary:
        given = {"store": store, "catalog": catalog, "encoder": encoder, "captioner": captioner} | options
        return replace(recaption(**given), seconds=0.0)

    return call


def test_images_without_captions_have_zero_caption_vectors(
    bare: IngestSummary, store: Store, catalog: Catalog, encoder: FakeEncoder
) -> None:
    assert (bare.new, bare.embedded, encoder.text_batches) == (5, 5, [])
    for row in rows(store).values():
        assert row.captions == ()
        assert not row.caption_vector.any()
        assert np.linalg.norm(row.image_vector) == pytest.approx(1, abs=1e-3)
    assert (store.count_uncaptioned(), len(store.uncaptioned()), find_problems(store, catalog)) == (5, 5, [])


def test_moved_and_copied_files_stay_without_captions(
    bare: IngestSummary, store: Store, catalog: Catalog, encoder: FakeEncoder, photos: Path
) -> None:
    (photos / "red.png").rename(photos / "crimson.png")
    (photos / "copy.png").write_bytes((photos / "green.png").read_bytes())
    again = ingest([photos], store=store, catalog=catalog, encoder=encoder, captioner=None)
    assert (again.moved, again.duplicates, again.embedded) == (1, 1, 0)
    assert rows(store)["crimson"].captions == ()
    assert (store.count_uncaptioned(), find_problems(store, catalog)) == (5, [])


def test_captioning_later_gives_what_captioning_at_once_gives(
    run: Recaption, store: Store, catalog: Catalog, captioner: FakeCaptioner, photos: Path
) -> None:
    seen: list[RecaptionProgress] = []
    assert run(batch_size=2, progress=seen.append) == RecaptionSummary(captioned=5)
    assert seen == [RecaptionProgress(done, 5, 0) for done in (2, 4, 5)]
    assert captioner.batches == [2, 2, 1]
    for stem, row in rows(store).items():
        with Image.open(row.path) as picture:
            assert row.captions == FakeCaptioner().caption([picture], [row.image_id])[0]
        assert stem in row.captions[0]
        texts = FakeEncoder().encode_texts(row.captions)
        mean = (texts / np.linalg.norm(texts, axis=1, keepdims=True)).mean(axis=0)
        np.testing.assert_allclose(row.caption_vector, mean, atol=1e-3)
    assert (store.count_uncaptioned(), find_problems(store, catalog)) == (0, [])
    assert store._captions.count_rows() == 15


def test_cached_captions_need_no_picture(
    run: Recaption, store: Store, catalog: Catalog, captioner: FakeCaptioner, photos: Path
) -> None:
    red = rows(store)["red"]
    catalog.keep_captions(captioner.name, {red.image_id: ("a kept caption",)})
    (photos / "red.png").unlink()
    assert run() == RecaptionSummary(captioned=5)
    assert (rows(store)["red"].captions, captioner.batches) == (("a kept caption",), [4])


def test_images_with_captions_are_not_touched(
    run: Recaption, store: Store, catalog: Catalog, captioner: FakeCaptioner, photos: Path
) -> None:
    run()
    version, batches = store.version, list(captioner.batches)
    assert run() == RecaptionSummary()
    assert (store.version, captioner.batches) == (version, batches)
    save_picture(photos / "orange.png", "orange")
    ingest([photos], store=store, catalog=catalog, encoder=FakeEncoder(), captioner=None)
    assert run() == RecaptionSummary(captioned=1)
    assert captioner.batches == [*batches, 1]


def test_files_that_are_gone_changed_or_bad_are_skipped(run: Recaption, store: Store, photos: Path) -> None:
    (photos / "red.png").unlink()
    save_picture(photos / "green.png", "orange")
    (photos / "blue.png").write_bytes(b"bad")
    summary = run(batch_size=1)
    assert (summary.captioned, summary.skipped) == (2, 3)
    assert sorted(summary.errors, key=lambda failure: failure.path) == [
        IngestFailure(str(photos / "blue.png"), "its content has changed: ingest it again"),
        IngestFailure(str(photos / "green.png"), "its content has changed: ingest it again"),
        IngestFailure(str(photos / "red.png"), "no such file"),
    ]
    assert store.count_uncaptioned() == 3
    assert run().skipped == 3


def test_recaption_reads_another_path_of_the_same_content(
    run: Recaption, store: Store, catalog: Catalog, photos: Path
) -> None:
    (photos / "z.png").write_bytes((photos / "red.png").read_bytes())
    ingest([photos], store=store, catalog=catalog, encoder=FakeEncoder(), captioner=None)
    save_picture(photos / "red.png", "orange")
    assert run() == RecaptionSummary(captioned=5)
    assert rows(store)["red"].captions[0] == "a red picture"


def press_ctrl_c() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("part", "method", "done", "asked"),
    [
        ("captioner", "caption", 2, 7),
        ("catalog", "keep_captions", 2, 5),
        ("store", "upsert", 4, 5),
    ],
)
def test_an_interrupted_recaption_resumes(
    run: Recaption,
    store: Store,
    catalog: Catalog,
    captioner: FakeCaptioner,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    method: str,
    done: int,
    asked: int,
) -> None:
    monkeypatch.setattr(commit_thread, "COMMIT_S", 0)
    broken = CutShort({"captioner": captioner, "catalog": catalog, "store": store}[part], method, 2, press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        run(batch_size=2, **{part: broken})
    assert (5 - store.count_uncaptioned(), find_problems(store, catalog)) == (done, [])
    assert run(batch_size=2) == RecaptionSummary(captioned=5 - done)
    assert sum(captioner.batches) == asked
    assert (store.count_uncaptioned(), find_problems(store, catalog)) == (0, [])


def test_imported_captions_take_precedence_over_every_captioner(run: Recaption, store: Store, catalog: Catalog) -> None:
    run(captioner=FakeCaptioner("generous"), given=True)
    red = rows(store)["red"]
    for name in ("generous", "another"):
        assert catalog.captions([red.image_id], name) == {red.image_id: red.captions}


def test_an_empty_answer_of_the_captioner_writes_nothing(run: Recaption, store: Store) -> None:
    class Silent(FakeCaptioner):
        def caption(self, pictures: Sequence[Image.Image], seeds: Sequence[str]) -> list[tuple[str, ...]]:
            return [(" ",)] * len(pictures)

    with pytest.raises(ModelError, match="wrote no caption for image"):
        run(captioner=Silent())
    assert store.count_uncaptioned() == 5


def test_a_batch_size_below_one_is_an_error(run: Recaption) -> None:
    with pytest.raises(IngestError, match="cannot caption 0 images at a time"):
        run(batch_size=0)
