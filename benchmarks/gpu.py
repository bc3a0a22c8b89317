"""What a GPU makes of the two things that take time: the scan of rows in its memory, and the image encoder.

`make bench-gpu` runs it in a few minutes at the sizes below; on a CPU it takes small ones, to see that it works. Rows
are random and made on the device, so nothing is read from a disk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch

from benchmarks.encoders import random_vit
from benchmarks.ingest import encoded, taken
from benchmarks.photos import make_photos
from cvsi_db.ingest.decode import decode_bytes
from cvsi_db.models.device import choose_device
from cvsi_db.records import Column, Term
from cvsi_db.search.run.exact_scan import Request, find_rows
from cvsi_db.search.run.resident_matrix import ResidentMatrix

CHUNK = 2**16
GAMMA = 0.1


def run_gpu(rows: int, dim: int, k: int, batch: int, photos: int, device: str) -> None:
    """Print the scan as a fraction of the memory's bandwidth, a batch against single queries, and the ingest."""
    device = choose_device(device)
    name = torch.cuda.get_device_name() if device == "cuda" else device
    print(f"{name}, torch {torch.__version__}\n")
    if rows:
        _scan(rows, dim, k, batch, device)
    if photos:
        _ingest(photos, device)


def random_matrix(rows: int, dim: int, device: str) -> ResidentMatrix:
    """Random rows of two columns, about as long as embeddings are, in the type that resident rows have there."""
    dtype = torch.float16 if device == "cpu" else torch.float32
    values = torch.empty((rows, 2 * dim), dtype=dtype, device=device)
    generator = torch.Generator(device).manual_seed(0)
    for start in range(0, rows, CHUNK):
        block = values[start : start + CHUNK]
        drawn = torch.randn(block.shape, generator=generator, device=device).unflatten(1, (2, -1))
        block.copy_(torch.nn.functional.normalize(drawn, dim=2).flatten(1))
    return ResidentMatrix(1, np.arange(rows), values, (1.001, 1.001))  # type: ignore[arg-type]


def _scan(rows: int, dim: int, k: int, batch: int, device: str) -> None:
    matrix = random_matrix(rows, dim, device)
    asked = _requests(batch, dim, k)
    taken_bytes = rows * 2 * dim * matrix.rows.element_size()

    def bf16() -> None:
        torch.topk(half @ vector, k)

    bandwidth = taken_bytes / _seconds(lambda: matrix.rows.view(torch.int32).amax(), device)
    single = _seconds(lambda: find_rows(matrix, asked[:1]), device)
    many = _seconds(lambda: find_rows(matrix, asked), device)
    print(f"{rows:,} rows × {dim} × 2 columns, {taken_bytes / 1e9:.1f} GB of {matrix.rows.dtype}, k = {k}")
    lacking = len(_best(matrix, asked[0]) - set(find_rows(matrix, asked[:1])[0].tolist()))
    print(f"{lacking} of the best {k} by float64 are missing" if lacking else f"the best {k} are those of float64")
    print(f"reading them once: {bandwidth / 1e9:,.0f} GB/s")
    print(f"an exact scan: {single * 1000:.2f} ms, {taken_bytes / single / bandwidth:.2f} of that bandwidth")
    print(f"{batch} queries together: {many * 1000:.1f} ms, {batch * single / many:.1f} times the throughput")
    half, vector = matrix.rows.bfloat16(), torch.randn(2 * dim, device=device).bfloat16()
    product = _seconds(bf16, device)
    share = taken_bytes / matrix.rows.element_size() * 2 / product / bandwidth
    print(f"a bfloat16 product of the same rows, which is not exact: {product * 1000:.2f} ms, {share:.2f} of it\n")


def _best(matrix: ResidentMatrix, request: Request) -> set[int]:
    """The best k rows by scores in float64."""
    query = torch.from_numpy(np.outer(request.mix, request.vector).reshape(-1)).to(matrix.rows.device)
    scores = torch.cat([block.double() @ query for block in torch.split(matrix.rows, CHUNK)])
    return set(torch.topk(scores, request.k).indices.tolist())


def _requests(count: int, dim: int, k: int) -> list[Request]:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((count, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    columns = (Column("image_vector", 1 - GAMMA), Column("caption_vector", GAMMA))
    return [Request((Term("image", vector, 1.0),), columns, k) for vector in vectors]


def _ingest(photos: int, device: str) -> None:
    """An ingest through ViT-B/32 with random weights against it alone, which is given pictures decoded in memory."""
    encoder = random_vit(device)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files: Sequence[bytes] = make_photos(folder / "photos", photos)
        pictures = [decode_bytes(photo, "", "a photo", side=encoder.side).image for photo in files]
        ours, alone = taken(folder / "photos", folder, encoder), partial(encoded, encoder, pictures, photos)
        seconds = [_seconds(call, device, rounds=1) for call in (ours, alone)]
    speeds = [photos / spent for spent in seconds]
    print(f"{photos:,} photos of 12 megapixels through ViT-B/32: {speeds[0]:.1f} images/s, it alone {speeds[1]:.1f}:")
    print(f"{speeds[0] / speeds[1]:.2f} of its speed")


def _seconds(call: Callable[[], object], device: str, rounds: int = 5) -> float:
    """The median time of a call, after one that does not count."""
    times = []
    for _ in range(rounds + 1):
        start = perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(perf_counter() - start)
    return median(times[1:])
