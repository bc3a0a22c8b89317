"""The product as a person meets it: ingests, cold commands, a warm search; one Markdown row per benchmark.

Each row is ours, its baseline, and their ratio with its spread. Nothing here passes or fails.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.galleries import both_columns, open_gallery
from benchmarks.ingest import bench_photos
from benchmarks.samples import COMMAND, EDIT, REFERENCE, SAMPLES
from benchmarks.serve import server
from benchmarks.table import print_heading, print_row
from benchmarks.timing import Call, in_turn
from benchmarks.vectors import GAMMA, queries
from benchmarks.warm import bench_search
from cvsi_db import Gallery
from cvsi_db.models.bundle import load_bundle
from cvsi_db.search.plan.build import build_plan
from cvsi_db.search.run.executor import run_plan
from cvsi_db.search.run.rerank import rerank

ROWS, DIM, K = 10_000, 256, 50


def run_product() -> None:
    """Run every benchmark and print the table."""
    print_heading()
    with tempfile.TemporaryDirectory() as folder:
        for benchmark in (bench_ingest, bench_photos, bench_commands, bench_search, bench_rows):
            for what, baseline, ours, other, rounds in benchmark(Path(folder)):
                print_row(what, baseline, *in_turn(ours, other, rounds))


def bench_ingest(folder: Path) -> Iterator[tuple[str, str, Call, Call, int]]:
    """Ingesting the sample gallery, against the plain loop over the same pictures with captions left out."""
    bundle = load_bundle("starter", "cpu")
    files = sorted(path for path in SAMPLES.iterdir() if path.suffix in (".png", ".jpg"))
    galleries = (folder / f"ingest-{n}" for n in range(100))

    def ours() -> None:
        with Gallery.create(next(galleries), model="starter", device="cpu") as gallery:
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
    with server(folder / "ingest-0"):
        alone = ("search", REFERENCE, EDIT, "--db", folder / "ingest-0", "--no-server")
        yield "`cvsi-db search` while `cvsi-db serve` runs", "`cvsi-db search`, cold", search, lambda: run(*alone), 5


def bench_rows(folder: Path) -> Iterator[tuple[str, str, Call, Call, int]]:
    """Plan, run and rerank over 10,000 rows, against full scans of the same vectors held in memory."""
    store = open_gallery(folder, ROWS, DIM)
    images, captions = np.hsplit(both_columns(ROWS, DIM), 2)
    logical = queries(1, DIM, K)[0]
    terms = logical.terms

    def ours() -> None:
        plan = build_plan(logical, ROWS)
        executed = run_plan(plan, store, "cpu")
        rerank(executed.plan, executed.candidates)

    def six_searches() -> None:
        for term in terms:
            for column in ("image_vector", "caption_vector"):
                store.search(column, term.vector, K)

    def full_scan() -> None:
        mixed = (1 - GAMMA) * images + GAMMA * captions
        np.argsort(-sum(term.weight * (mixed @ term.vector) for term in terms), kind="stable")[:K]

    what = f"exact search over {ROWS:,} × {DIM} rows"
    yield what, "six LanceDB searches, not merged (not exact)", ours, six_searches, 10
    yield what, "mix, score and sort all rows in numpy, in memory", ours, full_scan, 10
