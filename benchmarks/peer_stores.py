"""Other stores of vectors by name: each is given rows (n, dim) in float32, and answers queries by the inner product.

A maker takes rows and k and returns a search: from a query (dim,) to the numbers of at most k rows and their scores,
best first. Each imports its library when it is made; one that is not installed raises ImportError. Where a peer knows
no inner product, one more number per row makes it one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from cvsi_db.records import FloatArray

Found = tuple[Sequence[int], Sequence[float]]
Search = Callable[[FloatArray], Found]


def numpy_search(rows: FloatArray, k: int) -> Search:
    """One product of the matrix and the vector, the k greatest by partition, then sorted."""

    def search(query: FloatArray) -> Found:
        scores = rows @ query
        best = np.argpartition(-scores, k - 1)[:k]
        best = best[np.argsort(-scores[best])]
        return best.tolist(), scores[best].tolist()

    return search


def _faiss(rows: FloatArray, k: int) -> Search:
    import faiss

    index = faiss.IndexFlatIP(rows.shape[1])
    for start in range(0, len(rows), 2**16):  # no second copy of rows that are read from a file
        index.add(np.ascontiguousarray(rows[start : start + 2**16]))

    def search(query: FloatArray) -> Found:
        scores, numbers = index.search(query[None], k)
        return numbers[0].tolist(), scores[0].tolist()

    return search


def _usearch(rows: FloatArray, k: int) -> Search:
    from usearch.index import MetricKind, search

    def answer(query: FloatArray) -> Found:
        found = search(rows, query, k, MetricKind.IP, exact=True, threads=0)
        return found.keys.tolist(), (1 - found.distances).tolist()

    return answer


def lancedb_search(rows: FloatArray, k: int) -> Search:
    """A flat search of a table on disk, in the folder that the process is in."""
    import lancedb
    import pyarrow as pa

    folder = tempfile.TemporaryDirectory(dir=".", prefix="lancedb-")
    schema = pa.schema([("number", pa.int64()), ("vector", pa.list_(pa.float32(), rows.shape[1]))])

    def batches() -> Sequence[pa.RecordBatch]:
        for start in range(0, len(rows), 2**15):
            block = np.ascontiguousarray(rows[start : start + 2**15])
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(block.reshape(-1)), rows.shape[1])
            yield pa.record_batch([pa.array(range(start, start + len(block))), vectors], schema=schema)

    table = lancedb.connect(folder.name).create_table("rows", batches(), schema=schema)

    def search(query: FloatArray) -> Found:
        _ = folder  # lives as long as the search
        near = table.search(query).distance_type("dot").limit(k).select(["number", "_distance"]).to_arrow()
        return near["number"].to_pylist(), (1 - near["_distance"].to_numpy()).tolist()

    return search


def _sqlite_vec(rows: FloatArray, k: int) -> Search:
    import apsw
    import sqlite_vec

    long, as_query, score = as_distances(rows)
    database = apsw.Connection(":memory:")
    database.enable_load_extension(True)
    database.load_extension(sqlite_vec.loadable_path())
    database.execute(f"CREATE VIRTUAL TABLE rows USING vec0(vector float[{long.shape[1]}])")
    with database:
        database.executemany("INSERT INTO rows(rowid, vector) VALUES (?, ?)", enumerate(row.tobytes() for row in long))
    question = "SELECT rowid, distance FROM rows WHERE vector MATCH ? AND k = ? ORDER BY distance"

    def search(query: FloatArray) -> Found:
        found = list(database.execute(question, (as_query(query).tobytes(), k)))
        return [row for row, _ in found], [score(query, distance) for _, distance in found]

    return search


def _qdrant(rows: FloatArray, k: int) -> Search:
    from qdrant_client import QdrantClient
    from qdrant_client.models import Distance, VectorParams

    client = QdrantClient(":memory:")
    client.create_collection("rows", VectorParams(size=rows.shape[1], distance=Distance.DOT))
    client.upload_collection("rows", np.asarray(rows), ids=range(len(rows)))

    def search(query: FloatArray) -> Found:
        points = client.query_points("rows", query.tolist(), limit=k).points
        return [int(point.id) for point in points], [point.score for point in points]

    return search


def _chroma(rows: FloatArray, k: int) -> Search:
    import chromadb

    name = f"rows-{rows.shape[1]}-{id(rows)}"
    kept = chromadb.EphemeralClient().create_collection(name, configuration={"hnsw": {"space": "ip"}})
    for start in range(0, len(rows), 5000):
        block = rows[start : start + 5000]
        kept.add([str(number) for number in range(start, start + len(block))], embeddings=block)

    def search(query: FloatArray) -> Found:
        found = kept.query(query[None], n_results=k, include=["distances"])
        return [int(number) for number in found["ids"][0]], [1 - far for far in found["distances"][0]]

    return search


def _rclip(rows: FloatArray, k: int) -> Search:
    from rclip.db import DB
    from rclip.main import RClip
    from rclip.model import Model

    class Given(Model):  # its own search, with a query's vector in place of a text's
        vector: FloatArray

        def compute_features_for_queries(self, queries: list[str]) -> FloatArray:
            return self.vector if queries else np.zeros_like(self.vector)

    database, model = DB(Path(tempfile.mkdtemp(dir=".")) / "rclip.sqlite"), Given()
    for number, row in enumerate(rows):
        image = {"filepath": f"/rows/{number}", "modified_at": 0, "size": 0, "hash": str(number)}
        database.upsert_image({**image, "vector": row.tobytes()}, commit=False)
    database.commit()
    search = RClip(model, database, 8, None).search

    def answer(query: FloatArray) -> Found:
        model.vector = query
        hits = search("", "/rows", k)
        return [int(Path(hit.filepath).name) for hit in hits], [hit.score for hit in hits]

    return answer


def as_distances(
    rows: FloatArray,
) -> tuple[FloatArray, Callable[[FloatArray], FloatArray], Callable[[FloatArray, float], float]]:
    """Rows, and a function of queries, whose Euclidean distances rank as the inner products do, since one number more
    makes all rows equally long; and the inner product that a query and a distance stand for."""
    squares = np.einsum("ij,ij->i", rows, rows)
    most = float(squares.max())
    long = np.hstack([rows, np.sqrt(np.float32(most) - squares).reshape(-1, 1)]).astype(np.float32)

    def score(query: FloatArray, distance: float) -> float:
        return (most + float(query @ query) - distance**2) / 2

    return long, lambda query: np.append(query, np.float32(0)), score


QUICK: Mapping[str, Callable[[FloatArray, int], Search]] = {
    "numpy": numpy_search,
    "faiss IndexFlatIP": _faiss,
    "usearch, exact": _usearch,
    "LanceDB, flat, on disk": lancedb_search,
}
SLOW: Mapping[str, Callable[[FloatArray, int], Search]] = {
    "sqlite-vec, in memory": _sqlite_vec,
    "qdrant-client, in memory": _qdrant,
    "chroma, HNSW, in memory": _chroma,
    "rclip": _rclip,
}
"""Those that take minutes to fill with a million rows, or seconds to answer."""
