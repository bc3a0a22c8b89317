"""References: a picture that the gallery holds is recognised by its content, and shown to no model again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from cvsi_db.errors import QueryError
from cvsi_db.ingest import ingest
from cvsi_db.records import ComposedQuery, StoredImage
from cvsi_db.search import SearchContext, search
from cvsi_db.search.compile.compiler import compile_queries
from cvsi_db.search.compile.references import read_reference, recognised
from cvsi_db.search.present.labels import reference_label
from tests.fakes import FakeCaptioner, FakeEncoder, make_picture
from tests.search.conftest import compile_query, image_row


def hold(context: SearchContext, file: Path, norm: float | None = 7.5, *, vector: int = 0) -> str:
    """Put the file's content into the gallery with a vector that is not the one an encoder would give."""
    image_id = hashlib.sha256(file.read_bytes()).hexdigest()
    direction = np.eye(context.models.encoder.dim, dtype=np.float32)[vector]
    row = replace(image_row(0, direction, direction), image_id=image_id, image_norm=norm)
    context.store.upsert([row], [])
    context.catalog.keep_captions(context.models.captioner.name, {image_id: ("a red square",)})
    return image_id


def test_a_picture_in_the_gallery_is_neither_decoded_nor_encoded_nor_captioned(
    context: SearchContext,
    photos: Path,
    encoder: FakeEncoder,
    captioner: FakeCaptioner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image_id = hold(context, photos / "red.png")
    monkeypatch.setattr("cvsi_db.ingest.decode.decode_bytes", lambda *_: pytest.fail("decoded"))
    compiled = compile_query(ComposedQuery(photos / "red.png", "with a hat"), context)
    assert (encoder.image_batches, captioner.batches) == ([], [])
    assert compiled.reference_id == compiled.logical.exclude == image_id
    assert compiled.captions == ("a red square",)
    vectors = {term.name: term.vector for term in compiled.logical.terms}
    assert vectors["image"].tolist() == np.eye(encoder.dim, dtype=np.float32)[0].tolist()
    assert "pseudo_token" in vectors


def test_an_image_of_the_gallery_is_found_by_without_its_file(
    context: SearchContext, photos: Path, encoder: FakeEncoder, tmp_path: Path
) -> None:
    image_id = hold(context, photos / "red.png")
    compiled = compile_query(ComposedQuery(StoredImage(image_id, str(tmp_path / "gone.png")), "with a hat"), context)
    assert (encoder.image_batches, compiled.reference_id) == ([], image_id)
    by_path = compile_query(ComposedQuery(photos / "red.png", "with a hat"), context)
    assert [term.vector.tolist() for term in compiled.logical.terms] == [
        term.vector.tolist() for term in by_path.logical.terms
    ]
    assert reference_label(compiled.query.reference) == str(tmp_path / "gone.png")


def test_an_image_of_the_gallery_whose_file_holds_something_else_is_no_reference(
    context: SearchContext, photos: Path
) -> None:
    image_id = hold(context, photos / "red.png", norm=None)
    with pytest.raises(QueryError, match=r"blue\.png': its content has changed: ingest it again"):
        compile_query(ComposedQuery(StoredImage(image_id, str(photos / "blue.png"))), context)


def test_phi_is_given_the_embedding_at_its_own_length(context: SearchContext, photos: Path) -> None:
    given = []

    def phi(embeddings: np.ndarray) -> np.ndarray:
        given.append(embeddings)
        return context.models.phi(embeddings)  # type: ignore[misc]

    hold(context, photos / "red.png", norm=7.5, vector=2)
    compile_query(
        ComposedQuery(photos / "red.png", "with a hat"), replace(context, models=replace(context.models, phi=phi))
    )  # type: ignore[arg-type]
    assert given[0].tolist() == (7.5 * np.eye(context.models.encoder.dim, dtype=np.float32)[2:3]).tolist()


def test_the_bytes_of_its_file_are_recognised_too_but_not_its_pixels(
    context: SearchContext, photos: Path, encoder: FakeEncoder
) -> None:
    image_id = hold(context, photos / "red.png")
    assert compile_query(ComposedQuery((photos / "red.png").read_bytes()), context).reference_id == image_id
    assert encoder.image_batches == []
    assert compile_query(ComposedQuery(make_picture("red")), context).reference_id != image_id
    assert encoder.image_batches == [1]


def test_a_row_that_does_not_know_the_length_is_encoded_again(
    context: SearchContext, photos: Path, encoder: FakeEncoder
) -> None:
    hold(context, photos / "red.png", norm=None)
    compile_query(ComposedQuery(photos / "red.png", "with a hat"), context)
    assert encoder.image_batches == [1]


def test_only_the_unknown_ones_of_several_pictures_are_encoded_in_their_places(
    context: SearchContext, photos: Path, encoder: FakeEncoder
) -> None:
    blue = hold(context, photos / "blue.png", vector=3)
    queries = [ComposedQuery(photos / "red.png", liked=(photos / "blue.png",)), ComposedQuery(photos / "blue.png")]
    first, second = compile_queries(queries, context)
    assert encoder.image_batches == [1]
    alone = compile_query(ComposedQuery(photos / "red.png"), context)
    known = np.eye(encoder.dim, dtype=np.float32)[3].tolist()
    terms = {term.name: term.vector.tolist() for term in first.logical.terms}
    assert terms["image"] == alone.logical.terms[0].vector.tolist()
    assert terms["liked"] == second.logical.terms[0].vector.tolist() == known
    assert (second.reference_id, blue in str(first.logical.where)) == (blue, True)


def test_a_search_by_an_ingested_picture_finds_what_one_by_its_pixels_finds(
    context: SearchContext, photos: Path, encoder: FakeEncoder
) -> None:
    for file in sorted(photos.glob("*.png")):
        picture = read_reference(file).picture
        embedding = encoder.encode_images([picture.image])[0]
        norm = float(np.linalg.norm(embedding))
        row = replace(image_row(0, embedding / norm, embedding / norm), image_id=picture.image_id, image_norm=norm)
        context.store.upsert([row], [])
    rank = "0.5*image + 0.5*pseudo_token"  # captions are drawn by lot, by the image_id
    by_file = search(ComposedQuery(photos / "red.png", "with a hat", rank=rank, exclude_reference=False), context)
    by_pixels = search(ComposedQuery(make_picture("red"), "with a hat", rank=rank, exclude_reference=False), context)
    assert [hit.image_id for hit in by_file] == [hit.image_id for hit in by_pixels]
    assert [hit.score for hit in by_file] == pytest.approx([hit.score for hit in by_pixels], abs=1e-3)


def test_what_is_no_picture_is_told_before_a_model_runs(
    context: SearchContext, photos: Path, encoder: FakeEncoder
) -> None:
    (photos / "none.png").write_bytes(b"no picture")
    with pytest.raises(QueryError, match=r"the unliked image cannot be used: .*not an image"):
        compile_query(ComposedQuery(photos / "red.png", unliked=(photos / "none.png",)), context)
    with pytest.raises(QueryError, match="the reference image is a int: give a path"):
        read_reference(7)  # type: ignore[arg-type]
    assert encoder.image_batches == []
    assert recognised([], context.store) == []


def test_what_was_ingested_is_recognised(context: SearchContext, photos: Path, encoder: FakeEncoder) -> None:
    ingest([photos], store=context.store, catalog=context.catalog, encoder=encoder, captioner=context.models.captioner)
    batches = list(encoder.image_batches)
    compiled = compile_query(ComposedQuery(photos / "red.png", "with a hat"), context)
    assert encoder.image_batches == batches
    embedding = encoder.encode_images([make_picture("red")])[0]
    term = next(term for term in compiled.logical.terms if term.name == "image")
    assert term.vector == pytest.approx(embedding / np.linalg.norm(embedding), abs=1e-3)


@pytest.fixture
def web(photos: Path) -> Iterator[str]:
    """A web server of the photos."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(photos))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_url_is_fetched_and_its_picture_is_that_of_the_file(web: str, photos: Path) -> None:
    file = min(photos.rglob("*.png"))
    fetched = read_reference(f"{web}/{file.relative_to(photos)}")
    assert fetched.image_id == hashlib.sha256(file.read_bytes()).hexdigest()
    assert fetched.picture.image.size == read_reference(file).picture.image.size


def test_a_url_that_gives_no_image_is_told(web: str, monkeypatch: pytest.MonkeyPatch, photos: Path) -> None:
    with pytest.raises(QueryError, match=r"the reference image cannot be fetched from http.*/none.png: .*404"):
        read_reference(f"{web}/none.png")
    monkeypatch.setattr("cvsi_db.ingest.pillow_guard.MAX_BYTES", 50)
    with pytest.raises(QueryError, match="is too large"):
        read_reference(f"{web}/{min(photos.rglob('*.png')).relative_to(photos)}")


def test_home_is_expanded_and_a_file_opened_as_text_is_refused(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = min(photos.rglob("*.png"))
    monkeypatch.setenv("HOME", str(file.parent))
    assert read_reference(f"~/{file.name}").image_id == read_reference(file).image_id
    with (
        file.open(encoding="latin-1") as opened,
        pytest.raises(QueryError, match="was opened as text: open it with mode 'rb'"),
    ):
        read_reference(opened)  # type: ignore[arg-type]
