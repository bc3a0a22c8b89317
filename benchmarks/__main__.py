"""`python -m benchmarks`: the product's table; `python -m benchmarks engine`: the query engine's, as galleries
grow; `python -m benchmarks cold`: a new process, step by step; `python -m benchmarks sql`: SELECTs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from cvsi_db.models.device import DEVICES


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Speed and memory as ratios against baselines measured in the same run, in Markdown."""
    if context.invoked_subcommand is None:
        from benchmarks.product import run_product

        run_product()


@main.command()
@click.option("--rows", default="10000,100000", show_default=True, help="Sizes of the galleries, with commas.")
@click.option("--dim", default=512, show_default=True, help="Width of the vectors.")
@click.option("-k", default=100, show_default=True, help="Hits per query.")
@click.option("--rounds", default=15, show_default=True, help="Rounds of the timing, each with a query of its own.")
@click.option("--seconds", default=180.0, show_default=True, help="No round of a size begins after this.")
@click.option("--batch", default=256, show_default=True, help="Queries of the batch that is compared to single ones.")
@click.option("--device", type=click.Choice(DEVICES), default="auto", show_default=True)
@click.option("--memory/--no-memory", default=True, help="Measure peak memory too, in a new process per strategy.")
@click.option("--data", type=click.Path(path_type=Path), help="Where galleries are kept; else the user's cache folder.")
@click.option("--chart", type=click.Path(path_type=Path), help="An SVG to draw of cost as rows grow.")
def engine(rows: str, chart: Path | None, **options: Any) -> None:
    """Every strategy of the query engine against research code, six searches and the floor."""
    from benchmarks.engine import Setting, run_engine

    sizes = [int(size) for size in rows.replace("_", "").split(",")]
    run_engine(Setting(sizes, **options), chart)


@main.command()
@click.option("--rows", default="20000,100000,1000000", show_default=True, help="Sizes, with commas.")
@click.option("--dim", default=512, show_default=True, help="Width of a column.")
@click.option("-k", default=100, show_default=True, help="Hits per query.")
@click.option("--rounds", default=15, show_default=True)
@click.option("--batch", default=256, show_default=True, help="Queries of the batch that is compared to single ones.")
@click.option("--slow", default=20_000, show_default=True, help="The most rows that slow peers are given.")
@click.option("--threads", default=os.cpu_count(), show_default="as many as cores", help="Threads of each process.")
@click.option("--data", type=click.Path(path_type=Path), help="Where galleries are kept; else the user's cache folder.")
def peers(rows: str, data: Path | None, **options: Any) -> None:
    """The resident scan against numpy, faiss, usearch, LanceDB and other stores of vectors."""
    from benchmarks.galleries import default_folder
    from benchmarks.peers import Setting, run_peers

    sizes = [int(size) for size in rows.replace("_", "").split(",")]
    run_peers(Setting(sizes, folder=data or default_folder(), **options))


@main.command()
@click.option("--rows", default="10000,100000,1000000,10000000", show_default=True, help="Sizes, with commas.")
@click.option("--dim", default=64, show_default=True, help="Width of the vectors.")
@click.option("-k", default=100, show_default=True, help="Hits per query.")
@click.option("--memory-gb", default=12.0, show_default=True, help="Larger galleries are not loaded into memory.")
@click.option("--faiss", is_flag=True, help="Measure faiss IndexFlatIP over the same rows too, where they fit.")
@click.option("--data", type=click.Path(path_type=Path), help="Where galleries are written; else the cache folder.")
def scale(rows: str, dim: int, k: int, memory_gb: float, faiss: bool, data: Path | None) -> None:
    """Cost as a gallery grows to ten million rows, and what that says of more."""
    from benchmarks.galleries import default_folder
    from benchmarks.scale import run_scale

    sizes = [int(size) for size in rows.replace("_", "").split(",")]
    run_scale(sizes, dim, k, memory_gb, data or default_folder(), faiss)


@main.command()
@click.option("--rows", default=10_000_000, show_default=True, help="Rows in the device's memory; 0 for no scan.")
@click.option("--dim", default=512, show_default=True, help="Width of a column.")
@click.option("-k", default=100, show_default=True, help="Hits per query.")
@click.option("--batch", default=256, show_default=True, help="Queries of the batch.")
@click.option("--photos", default=1000, show_default=True, help="Photos of the ingest; 0 for none.")
@click.option("--device", type=click.Choice(DEVICES), default="auto", show_default=True)
def gpu(**options: Any) -> None:
    """The scan and the ingest on a GPU machine, in a few minutes."""
    from benchmarks.gpu import run_gpu

    run_gpu(**options)


@main.command()
@click.option("--clients", default=32, show_default=True, help="Clients at once, against one.")
@click.option("--seconds", default=60.0, show_default=True, help="How long each measurement takes.")
@click.option("--gallery", type=click.Path(path_type=Path, exists=True), help="Else the sample gallery.")
def serve(clients: int, seconds: float, gallery: Path | None) -> None:
    """Searches of many clients through one `cvsi-db serve`."""
    from benchmarks.serve import run_serve

    run_serve(clients, seconds, gallery)


@main.command()
def cold() -> None:
    """Where a new `cvsi-db search` process spends its time."""
    from benchmarks.cold import run_cold

    run_cold()


@main.command()
@click.option("--photos", default=2000, show_default=True, help="12-megapixel JPEGs; 0 for none.")
@click.option("--rounds", default=1, show_default=True, help="Rounds of the photos, after one that does not count.")
@click.option("--small", default="2000,20000", show_default=True, help="Two numbers of small files; empty for none.")
@click.option("--searchable", default=200, show_default=True, help="Photos to search before captions; 0 for none.")
def ingest(photos: int, rounds: int, small: str, searchable: int) -> None:
    """Photos against the bare encoder and the plain loop; small files; the time until a first search."""
    from benchmarks.ingest import run_photos, run_searchable, run_small_files

    if photos:
        run_photos(photos, rounds)
    if small:
        few, many = map(int, small.split(","))
        run_small_files(few, many)
    if searchable:
        run_searchable(searchable, rounds)


@main.command("captions-later")
@click.option("--split", type=click.Choice(["val", "test"]), default="val", show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--queries", default=1000, show_default=True)
@click.option("--gallery", default=10_000, show_default=True, help="Images.")
@click.option("--cache", type=click.Path(path_type=Path), required=True, help="Where what the models made is kept.")
def captions_later(split: str, seed: int, queries: int, gallery: int, cache: Path) -> None:
    """What may stand for captions that are not written yet, on Scenes-CIR with a random half captioned."""
    from benchmarks.captions_later import run_captions_later

    run_captions_later(split, seed, queries, gallery, cache)


@main.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Images of the gallery.")
@click.option("--rounds", default=15, show_default=True, help="Rounds of the timing.")
def sql(rows: int, rounds: int) -> None:
    """SELECTs over a gallery on disk against plain DuckDB, and compose(…) against the search it is."""
    from benchmarks.sql import run_sql

    run_sql(rows, rounds)


if __name__ == "__main__":
    main()
