"""A gallery of random vectors to search, and the brute force that every search must equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cvsi_db.records import Branch, Column, CompiledQuery, ComposedQuery, FloatArray, ImageRow, LogicalQuery, Term
from cvsi_db.search import SearchContext
from cvsi_db.search.compile.compiler import compile_queries
from cvsi_db.search.run.int8_scan import encode
from cvsi_db.search.run.resident_matrix import ResidentMatrix, load_matrix
from cvsi_db.store import indexes
from cvsi_db.store.images import matrix
from tests.fakes import DIM, FakeCaptioner, FakeEncoder, FakeModels, FakePhi, FakeRewriter

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store


@pytest.fixture
def context(
    store: Store,
    catalog: Catalog,
    encoder: FakeEncoder,
    phi: FakePhi,
    captioner: FakeCaptioner,
    rewriter: FakeRewriter,
) -> SearchContext:
    return SearchContext(store, catalog, FakeModels(encoder, phi, captioner), rewriter)


def compile_query(query: ComposedQuery, context: SearchContext) -> CompiledQuery:
    """One query, compiled alone."""
    return compile_queries([query], context)[0]


@pytest.fixture(scope="session")
def big_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """1,500 random images; the last 40 are copies of others, so that there are ties."""
    return fill(new_store(tmp_path_factory.mktemp("big")), random_vectors(1460, seed=1), copies=40)


@pytest.fixture(scope="session")
def mean_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """1,500 random images, each with the mean of 15 captions that agree more or less, one in 40 without captions."""
    vectors = with_caption_means(random_vectors(1500, seed=1))
    vectors[::40, 1] = 0
    return fill(new_store(tmp_path_factory.mktemp("means")), vectors)


@pytest.fixture(scope="session")
def indexed_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The rows of big_store with an index on each vector column."""
    store = fill(new_store(tmp_path_factory.mktemp("indexed")), random_vectors(1460, seed=1), copies=40)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexes, "VECTOR_INDEX_ROWS", 1000)
        store.optimize()
    return store


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return fill(new_store(tmp_path_factory.mktemp("tiny")), random_vectors(3, seed=2))


def new_store(folder: Path) -> Store:
    from cvsi_db.store.images import Store

    return Store.create(folder / "lance", DIM)


def random_vectors(count: int, seed: int) -> FloatArray:
    """(count, 2, DIM): a unit image vector and a shorter caption vector of each image."""
    raw = np.random.default_rng(seed).standard_normal((count, 2, DIM)).astype(np.float32)
    return np.asarray(raw / np.linalg.norm(raw, axis=2, keepdims=True) * np.array([[[1.0], [0.8]]]), dtype=np.float32)


def with_caption_means(vectors: FloatArray) -> FloatArray:
    """(count, 2, DIM): the same image vectors, each with the mean of 15 unit vectors that agree more or less."""
    count = len(vectors)
    captions = random_vectors(count * 15, seed=3)[:, 0].reshape(count, 15, DIM)
    captions = captions + vectors[:, :1] * np.linspace(0, 2, count, dtype=np.float32)[:, None, None]
    means = (captions / np.linalg.norm(captions, axis=2, keepdims=True)).mean(axis=1)
    return np.stack([vectors[:, 0], means], axis=1)


def fill(store: Store, vectors: FloatArray, copies: int = 0) -> Store:
    rows = np.concatenate([vectors, vectors[:copies]])
    store.upsert([image_row(number, *pair) for number, pair in enumerate(rows)], [])
    return store


def image_row(number: int, image_vector: FloatArray, caption_vector: FloatArray) -> ImageRow:
    # Ids in an order of their own, so that neither insertion nor score explains how ties break.
    image_id = f"{number * 7919 % 10007:064x}"
    return ImageRow(
        image_id, f"/photos/{number}.png", (f"/photos/{number}.png",), "/photos", f"{number}.png", "png",
        100 + number, 100, 1, "2024-01-01T00:00:00", "2023-06-01T00:00:00" if number % 2 else None,
        None, ("a picture",) if caption_vector.any() else (), (),
        image_vector, caption_vector,
    )  # fmt: skip


def unit(seed: int) -> FloatArray:
    raw = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
    return np.asarray(raw / np.linalg.norm(raw), dtype=np.float32)


def logical_query(
    weights: Sequence[float],
    gamma: float,
    k: int,
    where: str | None = None,
    exclude: str | None = None,
    seed: int = 10,
    unit_captions: bool = False,
) -> LogicalQuery:
    """All branches with random vectors; `weights` are in TERM_NAMES' order, that of edit_text may be left out."""
    edited, direction, pseudo, image, objects, *typed = weights
    return LogicalQuery(
        branches=(
            Branch("pseudo_token", (Term("pseudo_token", unit(seed), pseudo),)),
            Branch(
                "edited_captions",
                (
                    Term("edited_captions", unit(seed + 1) * np.float32(0.9), edited),
                    Term("edit_direction", unit(seed + 4), direction),
                ),
            ),
            Branch("image_objects", (Term("image", unit(seed + 2), image), Term("objects", unit(seed + 3), objects))),
            *(Branch("edit_text", (Term("edit_text", unit(seed + 5), weight),)) for weight in typed),
        ),
        columns=(Column("image_vector", 1 - gamma), Column("caption_vector", gamma, unit=unit_captions)),
        where=where,
        exclude=exclude,
        k=k,
    )


def brute_force(store: Store, logical: LogicalQuery) -> dict[str, float]:
    """The score of every row that may be a hit, in float64, over the vectors as they are stored."""
    table = store.scan(["image_id", "image_vector", "caption_vector"], logical.where)
    mixed = 0.0
    for column in logical.columns:
        vectors = matrix(table, column.name).astype(np.float64)
        if column.unit:
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = np.where(lengths > 0, vectors / np.where(lengths > 0, lengths, 1), 0)
        mixed = mixed + column.weight * vectors
    query = sum(term.weight * term.vector.astype(np.float64) for term in logical.terms)
    scores = dict(zip(table["image_id"].to_pylist(), (mixed @ query).tolist(), strict=True))
    return {image_id: score for image_id, score in scores.items() if image_id != logical.exclude}


def load_coded(store: Store, device: str) -> ResidentMatrix:
    """The resident rows with their codes, however few they are and whatever this machine would choose."""
    loaded = load_matrix(store, device)
    return replace(loaded, codes=encode(loaded.rows, np.empty(loaded.memory.shape, np.int8), 2))


def assert_exact(found: Sequence[tuple[str, float]], truth: dict[str, float], k: int) -> None:
    """The best k of `truth`, in order, scores to 1e-4; ids may differ only where true scores are closer than 1e-6."""
    assert len(found) == min(k, len(truth))
    assert len({image_id for image_id, _ in found}) == len(found)
    best = sorted(truth.items(), key=lambda item: (-item[1], item[0]))[:k]
    scale = max(1.0, *(abs(score) for _, score in best)) if best else 1.0
    for (image_id, score), (best_id, best_score) in zip(found, best, strict=True):
        assert score == pytest.approx(best_score, abs=1e-4 * scale)
        assert image_id == best_id or truth[image_id] == pytest.approx(best_score, abs=1e-6 * scale)
