"""`python -m benchmarks`: the product's table; `python -m benchmarks engine`: the query engine's, as galleries grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cvsi_db.device import DEVICES


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


if __name__ == "__main__":
    main()
