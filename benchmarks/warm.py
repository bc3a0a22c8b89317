"""Warm searches: what a search in a process that goes on costs beside the forwards of its models.

Gives benchmarks of the product's table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

from PIL import Image

from benchmarks.encoders import random_vit
from benchmarks.samples import EDIT, REFERENCE, SAMPLES
from benchmarks.timing import Call
from cvsi_db.ingest import ingest
from cvsi_db.models.bundle import load_bundle
from cvsi_db.models.protocols import Encoder, Phi
from cvsi_db.models.rewriters import make_rewriter
from cvsi_db.records import ComposedQuery
from cvsi_db.search import SearchContext, SearchResult, search
from cvsi_db.search.compile.embed import pseudo_sentence
from cvsi_db.store.catalog import Catalog, GalleryInfo
from cvsi_db.store.folder import create_gallery_folder
from cvsi_db.store.images import Store


def bench_search(folder: Path) -> Iterator[tuple[str, str, Call, Call, int]]:
    """Warm searches of the sample gallery, each against its model forwards alone."""
    starter = load_bundle("starter", "cpu")
    encoders: list[tuple[str, Encoder, Phi | None]] = [
        ("the starter", starter.encoder, starter.phi),
        ("ViT-B/32 with random weights", random_vit(), None),
    ]
    picture = BytesIO()
    Image.open(REFERENCE).convert("RGB").resize((400, 400)).save(picture, "PNG")
    for number, (name, encoder, phi) in enumerate(encoders):
        store, catalog = sample_gallery(folder / f"search-{number}", encoder)
        context = SearchContext(
            store,
            catalog,
            SimpleNamespace(encoder=encoder, phi=phi, captioner=starter.captioner, device="cpu"),
            make_rewriter("rules"),
        )
        for where, reference in (("the gallery", REFERENCE), ("elsewhere", picture.getvalue())):
            query = ComposedQuery(reference, EDIT)
            forwards = forwards_of(search(query, context), encoder, None if where == "the gallery" else picture)
            what = f"search by a picture from {where}, {name}"
            baseline = "its text forward alone" if where == "the gallery" else "its two model forwards alone"
            yield what, baseline, partial(search, query, context), forwards, 15


def sample_gallery(folder: Path, encoder: Encoder) -> tuple[Store, Catalog]:
    """The sample gallery through an encoder, without captions."""
    info = GalleryInfo("benchmark", "none", encoder.dim, "2024-01-01T00:00:00+00:00")
    store, catalog = create_gallery_folder(folder, info)
    ingest([SAMPLES], store=store, catalog=catalog, encoder=encoder, captioner=None)
    return store, catalog


def forwards_of(result: SearchResult, encoder: Encoder, picture: BytesIO | None) -> Callable[[], None]:
    """What a search makes its encoder do: all its texts, and the picture if it is unknown."""
    compiled = result.compiled
    rewrite = compiled.rewrite
    assert rewrite is not None
    sentence = pseudo_sentence(EDIT, rewrite.added_objects)
    texts = [*rewrite.edited_captions, *compiled.captions, sentence, rewrite.added_objects]
    image = None if picture is None else Image.open(picture).convert("RGB")

    def forwards() -> None:
        if image is not None:
            encoder.encode_images([image])
        encoder.encode_texts(texts)

    return forwards
