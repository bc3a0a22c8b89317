"""`cvsi-db export`: the images as a Parquet file, with their vectors if wanted."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from .common import common_options, emit, plural, settings_for, stdout_errors
from .completion import columns as complete_columns
from .progress import bar
from .query import filter_options

if TYPE_CHECKING:
    from cvsi_db.store.location import Location


@click.command("export")
@click.argument("file", metavar="FILE.parquet", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@filter_options
@click.option(
    "--columns",
    metavar="NAME,…",
    shell_complete=complete_columns,
    help="Only these columns.  [default: all but the vectors]",
)
@click.option("--vectors", is_flag=True, help="Also image_vector, and caption_vectors: a vector per caption.")
@common_options
def command(
    file: Path, where: str | None, columns: str | None, vectors: bool, db: Location | None, quiet: bool, **filters: Any
) -> None:
    """Write the images to a Parquet FILE, a row each; - is stdout.

    Vectors are float16 lists, as they are stored; the file's metadata name the model and its fingerprint.

    \b
    cvsi-db export photos.parquet --columns path,taken_at,camera,tags
    cvsi-db export vectors.parquet --columns image_id,path,captions --vectors --after 2024
    duckdb -c "SELECT camera, count(*) FROM 'photos.parquet' GROUP BY camera"
    """
    from cvsi_db.gallery import Gallery

    if file.suffix in (".csv", ".json", ".jsonl"):
        form = file.suffix[1:]
        raise click.UsageError(f"export writes Parquet: for {form} use `cvsi-db list --format {form} > {file.name}`")
    wanted = () if columns is None else tuple(name.strip() for name in columns.split(","))
    with TemporaryDirectory() as scratch, bar("exporting", quiet) as show:
        to_stdout = str(file) == "-"
        written = Path(scratch) / "export.parquet" if to_stdout else file
        with Gallery.open(settings_for(db).db) as gallery:
            summary = gallery.export(
                written,
                where,
                columns=wanted,
                vectors=vectors,
                on_progress=show and (lambda done, total: show(done, total, "")),
                **filters,
            )
        if to_stdout:
            with stdout_errors() as stdout, written.open("rb") as source:
                shutil.copyfileobj(source, stdout.buffer)
            return
    emit(f"{plural(summary.images, 'image')} in {file} ({summary.bytes:,} bytes)")
