"""`python -m benchmarks`: prints one Markdown row per benchmark: ours, the baseline, their ratio with its spread.

The two sides of a row run in turn, ours and baseline, round after round, so that a machine whose speed drifts does
not decide the ratio. Nothing here passes or fails.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from cvsi_db import Gallery
from cvsi_db.models.bundle import load_bundle
from cvsi_db.records import Branch, CaptionRow, Column, FloatArray, ImageRow, LogicalQuery, Term
from cvsi_db.search.executor import run_plan
from cvsi_db.search.planner import build_plan
from cvsi_db.search.rerank import rerank
from cvsi_db.store import Store

SAMPLES = Path(__file__).parents[1] / "sample_gallery"
REFERENCE, EDIT = SAMPLES / "red-cat-beach.png", "with a hat"
COMMAND = str(Path(sys.executable).with_name("cvsi-db"))
ROWS, DIM, K = 10_000, 256, 50

Call = Callable[[], Any]


def main() -> None:
    """Run every benchmark and print the table."""
    print("| what | ours, ms | baseline | baseline, ms | ours / baseline (min to max) |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for benchmark in (bench_ingest, bench_commands, bench_search, bench_rows):
            for what, baseline, ours, other, rounds in benchmark(Path(folder)):
                report(what, baseline, *in_turn(ours, other, rounds))


def bench_ingest(folder: Path) -> Iterator[tuple[str, str, Call, Call, int]]:
    """Ingesting the sample gallery, against the plain loop over the same pictures with captions left out."""
    bundle = load_bundle("starter", "cpu")
    files = sorted(path for path in SAMPLES.iterdir() if path.suffix in (".png", ".jpg"))
    galleries = (folder / f"ingest-{n}" for n in range(100))

    def ours() -> None:
        with Gallery.create(next(galleries), device="cpu") as gallery:
            gallery.ingest(SAMPLES)

    def loop() -> None:
        for file in files:
            with Image.open(file) as image:
                bundle.encoder.encode_images([image.convert("RGB")])

    yield "ingest 120 pictures with 5 captions each", "open and encode one by one, no captions", ours, loop, 3

    def again() -> None:
        with Gallery.open(folder / "ingest-0", device="cpu") as gallery:
            assert gallery.ingest(SAMPLES).embedded == 0

    yield "ingest them again, unchanged", "open and encode one by one, no captions", again, loop, 3


def bench_commands(folder: Path) -> Iterator[tuple[str, str, Call, Call, int]]:
    """Cold processes: help against a search."""

    def run(*arguments: str | Path) -> None:
        subprocess.run([COMMAND, *map(str, arguments)], check=True, capture_output=True)

    def search() -> None:
        run("search", REFERENCE, EDIT, "--db", folder / "ingest-0")

    yield "`cvsi-db --help`, cold", "`cvsi-db search`, cold", lambda: run("--help"), search, 5
    yield "`cvsi-db search --help`, cold", "`cvsi-db search`, cold", lambda: run("search", "--help"), search, 5


def bench_search(folder: Path) -> Iterator[tuple[str, str, Call, Call, int]]:
    """A warm search of the sample gallery, against its model forwards alone."""
    bundle = load_bundle("starter", "cpu")
    gallery = Gallery.open(folder / "ingest-0", device="cpu")
    texts = list(gallery.search(REFERENCE, EDIT).compiled.rewrite.edited_captions)  # type: ignore[union-attr]
    image = Image.open(REFERENCE).convert("RGB")

    def forwards() -> None:
        bundle.encoder.encode_images([image])
        bundle.encoder.encode_texts([*texts, "a photo of $ that with a hat.", "a hat"])

    yield (
        "search the sample gallery, in process",
        "its two model forwards alone",
        lambda: gallery.search(REFERENCE, EDIT),
        forwards,
        15,
    )


def bench_rows(folder: Path) -> Iterator[tuple[str, str, Call, Call, int]]:
    """Plan, run and rerank over 10,000 rows, against full scans of the same vectors held in memory."""
    rng = np.random.default_rng(0)
    images, captions = (_clustered(rng, 200, ROWS) for _ in range(2))
    store = Store.create(folder / "rows", DIM)
    store.upsert(*_rows(images, captions))
    terms = [Term(name, _unit(images[7] + images[i]), w) for name, i, w in _TERMS]  # type: ignore[arg-type]
    branches = (
        Branch("edited_captions", (terms[0],)),
        Branch("pseudo_token", (terms[1],)),
        Branch("image_objects", (terms[2],)),
    )
    logical = LogicalQuery(branches, (Column("image_vector", 0.8), Column("caption_vector", 0.2)), None, None, K)

    def ours() -> None:
        plan = build_plan(logical, ROWS)
        executed = run_plan(plan, store, "cpu")
        rerank(executed.plan, executed.candidates, "cpu")

    def six_searches() -> None:
        for term in terms:
            for column in ("image_vector", "caption_vector"):
                store.search(column, term.vector, K)  # type: ignore[arg-type]

    def full_scan() -> None:
        mixed = 0.8 * images + 0.2 * captions
        np.argsort(-sum(term.weight * (mixed @ term.vector) for term in terms), kind="stable")[:K]

    what = f"exact search over {ROWS:,} × {DIM} rows"
    yield what, "six LanceDB searches, not merged (not exact)", ours, six_searches, 10
    yield what, "mix, score and sort all rows in numpy, in memory", ours, full_scan, 10


_TERMS = (("edited_captions", 11, 0.5), ("pseudo_token", 23, 0.3), ("image", 42, 0.2))


def _unit(rows: FloatArray) -> FloatArray:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)


def _clustered(rng: np.random.Generator, clusters: int, n: int) -> FloatArray:
    """(n, DIM) unit vectors around `clusters` centres, as embeddings of real pictures lie."""
    centres = rng.normal(size=(clusters, DIM))
    return _unit(centres[rng.integers(clusters, size=n)] + 0.7 * rng.normal(size=(n, DIM)))


def _rows(images: FloatArray, captions: FloatArray) -> tuple[list[ImageRow], list[CaptionRow]]:
    rows = [
        ImageRow(
            image_id=f"{i:064d}",
            path=f"/{i}.png",
            paths=(f"/{i}.png",),
            folder="",
            name=f"{i}.png",
            format="PNG",
            width=1,
            height=1,
            size_bytes=1,
            modified_at="2024-01-01T00:00:00+00:00",
            taken_at=None,
            camera=None,
            captions=("x",),
            tags=(),
            image_vector=images[i],
            caption_vector=captions[i],
        )
        for i in range(len(images))
    ]
    return rows, [CaptionRow(row.image_id, 0, "x", row.caption_vector) for row in rows]


def in_turn(ours: Call, baseline: Call, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of both, round by round, after one round that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for round_number in range(rounds + 1):
        for call, kept in zip((ours, baseline), times, strict=True):
            start = time.perf_counter()
            call()
            if round_number:
                kept.append((time.perf_counter() - start) * 1000)
    return times


def report(what: str, baseline: str, ours: list[float], other: list[float]) -> None:
    """Print one row of the table."""
    ratios = [a / b for a, b in zip(ours, other, strict=True)]
    spread = f"**{median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"
    print(f"| {what} | {median(ours):.0f} | {baseline} | {median(other):.0f} | {spread} |", flush=True)


if __name__ == "__main__":
    main()
