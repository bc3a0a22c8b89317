"""Ingest: photographs against the bare encoder and the plain loop; small files by the thousand, again, and moved.

Each row is ours, its baseline, and their ratio with its spread. Captions are off, but for the time until the images of
an ingest with captions can be searched. Nothing here passes or fails.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from io import BytesIO
from itertools import count as counter
from pathlib import Path
from types import SimpleNamespace

from PIL import Image

from benchmarks.encoders import LOOP_BATCH, WaitingEncoder, random_blip, random_vit
from benchmarks.photos import make_photos
from benchmarks.small_files import measured
from benchmarks.table import print_heading, print_row
from benchmarks.timing import Call, in_turn
from cvsi_db.ingest import ingest
from cvsi_db.ingest.decode import decode_bytes
from cvsi_db.ingest.recaption import CAPTIONER_SIDE
from cvsi_db.models.bundle import load_bundle
from cvsi_db.models.protocols import Encoder
from cvsi_db.models.rewriters import make_rewriter
from cvsi_db.records import ComposedQuery, IngestSummary
from cvsi_db.search import SearchContext, search
from cvsi_db.store.catalog import GalleryInfo
from cvsi_db.store.folder import create_gallery_folder

PHOTOS = 200


def bench_photos(folder: Path, count: int = PHOTOS, rounds: int = 2) -> Iterator[tuple[str, str, Call, Call, int]]:
    """12-megapixel JPEGs, through an encoder of ViT-B/32's cost and through the starter.

    On a CPU decoding takes cores from the encoder, however it is scheduled; an encoder that only waits, as for a device
    of its own, shows what the pipeline itself costs. Encoders alone are given the distinct pictures in turn, decoded as
    an ingest decodes them, or in full.
    """
    photos = make_photos(folder / "photos", count)
    what = f"ingest {count:,} photos of 12 megapixels"
    big, starter = random_vit(), load_bundle("starter", "cpu").encoder
    small = [decode_bytes(photo, "", "a photo", side=big.side).image for photo in photos]
    whole = [Image.open(BytesIO(photo)).convert("RGB") for photo in photos]
    elsewhere = WaitingEncoder(big, small)
    ours = {encoder: taken(folder / "photos", folder, encoder) for encoder in (big, elsewhere, starter)}
    alone = partial(encoded, big, small, count)
    yield f"{what}, ViT-B/32 on the same cores", "it alone, pictures decoded small", ours[big], alone, rounds
    alone = partial(encoded, big, whole, count)
    yield (
        f"{what}, ViT-B/32 on the same cores",
        "it alone, pictures decoded in full in memory",
        ours[big],
        alone,
        rounds,
    )
    alone = partial(encoded, elsewhere, small, count)
    yield f"{what}, an encoder as slow that needs no core", "it alone", ours[elsewhere], alone, rounds
    loop = partial(plain_loop, folder / "photos", starter)
    yield f"{what}, the starter", "open and encode in full, batch by batch", ours[starter], loop, rounds


def run_searchable(count: int, rounds: int) -> None:
    """Print how long an ingest with captions takes until a search has answered, against the image tower alone.

    Models of real size with random weights. The ingest is stopped there; captioning is measured on two photos.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = make_photos(folder / "photos", count)
        encoder, captioner = random_vit(), random_blip()
        small = [decode_bytes(photo, "", "a photo", side=encoder.side).image for photo in photos]
        galleries = (folder / f"searchable-{number}" for number in counter())

        def until_searched() -> None:
            info = GalleryInfo("benchmark", "none", encoder.dim, "2024-01-01T00:00:00+00:00")
            store, catalog = create_gallery_folder(next(galleries), info)
            models = SimpleNamespace(encoder=encoder, phi=None, captioner=captioner, device="cpu")

            def searched(_summary: IngestSummary, waiting: int) -> None:
                query, context = ComposedQuery(edit_text="a cat"), SearchContext(store, catalog, models, rewriter)
                assert (len(search(query, context)), waiting) == (min(10, count), count)
                raise KeyboardInterrupt

            rewriter = make_rewriter("rules")
            with suppress(KeyboardInterrupt):
                ingest(
                    [folder / "photos"],
                    store=store,
                    catalog=catalog,
                    encoder=encoder,
                    captioner=captioner,
                    on_searchable=searched,
                )
            catalog.close()

        ours, alone = in_turn(until_searched, partial(encoded, encoder, small, count), rounds)
        print_heading()
        what = f"ingest {count:,} photos with captions, until a search has answered"
        print_row(what, "ViT-B/32 alone, pictures decoded small", ours, alone)
        pictures = [decode_bytes(photo, "", "a photo", side=CAPTIONER_SIDE).image for photo in photos[:2]]
        started = time.perf_counter()
        captioner.caption(pictures, ["one", "other"])
        print(f"\nCaptions, 5 of 60 tokens for each image: {(time.perf_counter() - started) / 2:.1f} s per image")


def taken(photos: Path, folder: Path, encoder: Encoder) -> Callable[[], None]:
    """An ingest of all photos into a new gallery, each time it is called."""
    galleries = (folder / f"photos-{type(encoder).__name__}-{encoder.dim}-{number}" for number in counter())

    def ours() -> None:
        info = GalleryInfo("benchmark", "none", encoder.dim, "2024-01-01T00:00:00+00:00")
        store, catalog = create_gallery_folder(next(galleries), info)
        summary = ingest([photos], store=store, catalog=catalog, encoder=encoder, captioner=None)
        catalog.close()
        assert not summary.failed

    return ours


def encoded(encoder: Encoder, pictures: Sequence[Image.Image], count: int) -> None:
    """`count` pictures through the encoder, in batches of its own size, from one thread."""
    wanted = [pictures[number % len(pictures)] for number in range(count)]
    for start in range(0, count, encoder.batch_size):
        encoder.encode_images(wanted[start : start + encoder.batch_size])


def plain_loop(photos: Path, encoder: Encoder) -> None:
    """What one writes first: open, decode in full, encode, one batch after the other."""
    files = sorted(photos.iterdir())
    for start in range(0, len(files), LOOP_BATCH):
        batch = [Image.open(file).convert("RGB") for file in files[start : start + LOOP_BATCH]]
        encoder.encode_images(batch)


def run_photos(count: int, rounds: int) -> None:
    """Run the photos' benchmarks alone, and print their rows."""
    print_heading()
    with tempfile.TemporaryDirectory() as folder:
        for what, baseline, ours, other, _ in bench_photos(Path(folder), count):
            print_row(what, baseline, *in_turn(ours, other, rounds))
    print()


def run_small_files(few: int, many: int) -> None:
    """Ingest `few` and `many` small files in new processes, again, and after their folder was moved; print a table."""
    print("| small files | first, s | again, s | first / again | moved, s | embedded then | peak memory, MiB |")
    print("|---|---|---|---|---|---|---|")
    found = [measured(count) for count in (few, many)]
    for small in found:
        times = f"{small.first_s:.1f} | {small.again_s:.2f} | **{small.first_s / small.again_s:.0f}**"
        moved = f"{small.moved_s:.1f} | {small.moved_embedded} | {small.peak_mib:,.0f}"
        print(f"| {small.files:,} | {times} | {moved} |", flush=True)
    print(f"\nPeak memory of {many:,} / {few:,} files: **{found[1].peak_mib / found[0].peak_mib:.2f}**")
