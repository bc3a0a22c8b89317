"""Ingest: photographs against the bare encoder and the plain loop; small files by the thousand, again, and moved.

Each row is ours, its baseline, and their ratio with its spread. Captions are off. Nothing here passes or fails.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from itertools import count as counter
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.photos import make_photos
from benchmarks.small_files import Small, measured
from benchmarks.timing import Call, in_turn
from cvsi_db.ingest import ingest
from cvsi_db.ingest.decode import decode_bytes
from cvsi_db.models.bundle import load_bundle
from cvsi_db.models.clip import OpenClipEncoder
from cvsi_db.models.protocols import Encoder
from cvsi_db.models.torchvision_shim import ensure_torchvision
from cvsi_db.records import FloatArray, PseudoText
from cvsi_db.store.catalog import GalleryInfo
from cvsi_db.store.folder import create_gallery_folder

PHOTOS = 200
LOOP_BATCH = 32
"""Pictures per batch of the plain loop."""


def bench_photos(folder: Path, count: int = PHOTOS, rounds: int = 2) -> Iterator[tuple[str, str, Call, Call, int]]:
    """12-megapixel JPEGs, through an encoder of ViT-B/32's cost and through the starter.

    On a CPU decoding takes cores from the encoder, whoever schedules it; an encoder that only waits, as one on a device
    of its own lets the CPU do, shows what the pipeline itself costs. Encoders alone are given the distinct pictures in
    turn, decoded as an ingest decodes them, or in full.
    """
    photos = make_photos(folder / "photos", count)
    what = f"ingest {count:,} photos of 12 megapixels"
    big, starter = random_vit(), load_bundle("starter", "cpu").encoder
    small = [decode_bytes(photo, "", "a photo", side=big.side).image for photo in photos]
    whole = [Image.open(BytesIO(photo)).convert("RGB") for photo in photos]
    elsewhere = Elsewhere(big, small)
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


class Elsewhere:
    """Takes the time that another encoder takes for pictures like these, as if it were on a device of its own."""

    lanes = 1

    def __init__(self, encoder: OpenClipEncoder, pictures: Sequence[Image.Image]) -> None:
        self.dim, self.side, self.batch_size, self.prepare = encoder.dim, encoder.side, LOOP_BATCH, encoder.prepare
        batch = [encoder.prepare(pictures[number % len(pictures)]) for number in range(LOOP_BATCH)]
        encoder.encode_images(batch)
        started = time.perf_counter()
        encoder.encode_images(batch)
        self._seconds = (time.perf_counter() - started) / len(batch)

    def encode_images(self, pictures: Sequence[Image.Image]) -> FloatArray:
        """Vectors of ones, after that time."""
        time.sleep(self._seconds * len(pictures))
        return np.ones((len(pictures), self.dim), np.float32)

    def encode_texts(self, texts: Sequence[str | PseudoText]) -> FloatArray:
        """Vectors of ones."""
        return np.ones((len(texts), self.dim), np.float32)


def random_vit() -> OpenClipEncoder:
    """ViT-B/32 as open_clip builds it, without weights of anyone's: its cost is the same."""
    ensure_torchvision()
    import open_clip

    logging.getLogger().setLevel(logging.ERROR)  # it warns that there are no weights
    model, _, transform = open_clip.create_model_and_transforms("ViT-B-32")
    return OpenClipEncoder(model, open_clip.get_tokenizer("ViT-B-32"), transform, "cpu")


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
    from benchmarks.product import heading, report

    heading()
    with tempfile.TemporaryDirectory() as folder:
        for what, baseline, ours, other, _ in bench_photos(Path(folder), count):
            report(what, baseline, *in_turn(ours, other, rounds))
    print()


def run_small_files(few: int, many: int) -> None:
    """Ingest so many small files in new processes, again, and after their folder was moved; print a table."""
    print("| small files | first, s | again, s | first / again | moved, s | embedded then | peak memory, MiB |")
    print("|---|---|---|---|---|---|---|")
    found = [measured(count) for count in (few, many)]
    for small in found:
        print(_row(small), flush=True)
    print(f"\nPeak memory of {many:,} / {few:,} files: **{found[1].peak_mib / found[0].peak_mib:.2f}**")


def _row(small: Small) -> str:
    times = f"{small.first_s:.1f} | {small.again_s:.2f} | **{small.first_s / small.again_s:.0f}**"
    return f"| {small.files:,} | {times} | {small.moved_s:.1f} | {small.moved_embedded} | {small.peak_mib:,.0f} |"
