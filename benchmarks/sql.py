"""SQL over a gallery on disk against plain DuckDB over the same Arrow columns in memory; compose(…) against its search.

Takes numbers of rows and rounds; prints the table.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.samples import EDIT, REFERENCE, SAMPLES
from benchmarks.table import print_heading, print_row
from benchmarks.timing import in_turn
from cvsi_db.gallery import Gallery
from cvsi_db.query.statement import parse_statement
from cvsi_db.search.present.arrow import answer
from cvsi_db.store.images import Store
from cvsi_db.store.lance import connect

CHUNK = 100_000
CAMERAS = ("Canon EOS R5", "NIKON Z 6", "SONY ILCE-7M4", "Apple iPhone 15", "Google Pixel 8", "FUJIFILM X-T5", None)
STATEMENTS = (
    "SELECT camera, count(*) AS n FROM images GROUP BY camera ORDER BY n DESC, camera",
    "SELECT year(taken_at) AS y, camera, avg(width) AS w FROM images GROUP BY y, camera ORDER BY y, camera LIMIT 20",
    "SELECT count(*) AS n FROM images WHERE width > 3000 AND camera LIKE 'Canon%'",
    "SELECT path, width FROM images ORDER BY width DESC, path LIMIT 10",
)
SEARCH = f"SELECT rank, path, score FROM compose('{REFERENCE}', '{EDIT}') LIMIT 10"


def run_sql(rows: int, rounds: int) -> None:
    """Print the table: each statement over `rows` images, then compose(…) over the sample gallery."""
    print_heading()
    with tempfile.TemporaryDirectory() as folder:
        store = _store(Path(folder) / "rows", rows)
        session = duckdb.connect()
        session.execute("SET threads = 2")
        session.register("images", store.scan(["path", "width", "camera", "taken_at"]))
        for text in STATEMENTS:

            def ours(asked: str = text) -> pa.Table:
                return answer(parse_statement(asked, store.columns), store, _never)

            def plain(asked: str = text) -> pa.Table:
                return session.sql(asked).to_arrow_table()

            assert ours().to_pylist() == plain().to_pylist(), text
            print_row(f"`{text}`", "plain DuckDB, columns in memory", *in_turn(ours, plain, rounds))
        with Gallery.open_or_create(Path(folder) / "samples", model="starter", device="cpu") as gallery:
            gallery.ingest(SAMPLES)
            times = in_turn(lambda: gallery.sql(SEARCH), lambda: gallery.search(REFERENCE, EDIT), rounds)
            print_row("the same search by `compose(…)`", "Gallery.search", *times)


def _never(_: object) -> Any:
    raise AssertionError("no search is needed")


def _store(folder: Path, rows: int) -> Store:
    """A store of `rows` images with small vectors, written as Arrow batches."""
    store = Store.create(folder, 8)
    table = connect(folder).open_table("images")
    for start in range(0, rows, CHUNK):
        table.add(_batch(np.arange(start, min(start + CHUNK, rows)), table.schema))
    table.optimize()
    return store


def _batch(numbers: np.ndarray, schema: pa.Schema) -> pa.Table:
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.ones(len(numbers) * 8, np.float16)), 8)
    lists = pa.ListArray.from_arrays(np.arange(len(numbers) + 1, dtype=np.int32), [f"word {n}" for n in numbers])
    made = {
        "image_id": [f"{n:064x}" for n in numbers],
        "path": [f"/photos/{n % 100:02}/{n:07}.jpg" for n in numbers],
        "folder": [f"/photos/{n % 100:02}" for n in numbers],
        "name": [f"{n:07}.jpg" for n in numbers],
        "width": (numbers * 7919 % 4000).astype(np.int32),
        "camera": [CAMERAS[n * 31 % 7919 % len(CAMERAS)] for n in numbers],
        "taken_at": (numbers * 97_003 % 800_000_000 * 1_000_000).astype("datetime64[us]"),
    }
    arrays = []
    for field in schema:
        if pa.types.is_fixed_size_list(field.type):
            arrays.append(vectors)
        elif pa.types.is_list(field.type):
            arrays.append(lists.cast(field.type))
        elif field.name in made:
            arrays.append(pa.array(made[field.name], field.type))
        elif field.nullable:
            arrays.append(pa.nulls(len(numbers), field.type))
        else:
            arrays.append(pa.array(["JPEG" if pa.types.is_string(field.type) else 0] * len(numbers), field.type))
    return pa.table(arrays, schema=schema)
