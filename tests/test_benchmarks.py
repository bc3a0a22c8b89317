"""The benchmarks at a tiny size: every part runs, and what they call brute force is brute force."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks import galleries, memory, peer_stores, peers, scale, vectors
from benchmarks.__main__ import main
from benchmarks.baselines import floor, research_code, six_searches
from benchmarks.chart import draw_growth
from benchmarks.galleries import both_columns, gallery_folder, open_gallery
from benchmarks.strategies import strategies
from benchmarks.timing import in_rounds, ratio
from benchmarks.vectors import chunks, queries
from cvsi_db.search.plan.nodes import EXACT
from cvsi_db.store import indexes

ROWS, DIM, K = 600, 32, 10


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (vectors, galleries):
        monkeypatch.setattr(module, "CHUNK", 300)


def test_synthetic_rows_lie_as_embeddings_do() -> None:
    images, captions = (np.concatenate(parts) for parts in zip(*chunks(ROWS, DIM), strict=True))
    assert images.shape == captions.shape == (ROWS, DIM)
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, atol=1e-5)
    lengths = np.linalg.norm(captions, axis=1)
    assert 0.79 < lengths.min() < lengths.max() < 0.96
    own = (images * captions).sum(axis=1).mean()
    assert own > (images * np.roll(captions, 1, axis=0)).sum(axis=1).mean() + 0.2
    smaller = next(chunks(100, DIM))
    np.testing.assert_array_equal(smaller[0], images[:100])


def test_every_contender_over_one_gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "VECTOR_INDEX_ROWS", 300)
    store = open_gallery(tmp_path, ROWS, DIM)
    assert open_gallery(tmp_path, ROWS, DIM).version == store.version  # kept, not made again
    both = torch.from_numpy(both_columns(ROWS, DIM))
    six = six_searches(gallery_folder(tmp_path, ROWS, DIM))
    ours = strategies(store, "cpu")
    assert {"branches", "indexed"} <= ours.keys()
    for query in queries(5, DIM, K):
        fused = sum(term.weight * term.vector for term in query.terms)
        scores = 0.9 * both[:, :DIM].numpy() @ fused + 0.1 * both[:, DIM:].numpy() @ fused  # type: ignore[operator]
        truth = np.argsort(-scores)[:K].tolist()
        assert research_code(both)(query) == floor(both)(query) == truth
        assert len(six(query)) == K
        for name, search in ours.items():
            assert len(set(search(query)) & set(truth)) >= (K - 1 if "index" in name else K), name


def test_rounds_are_kept_but_the_first_and_stop_in_time() -> None:
    seen: list[int] = []
    times = in_rounds({"a": seen.append, "b": lambda _: None}, 10, seconds=0)
    assert seen == [0, 1, 2, 3]
    assert {name: len(kept) for name, kept in times.items()} == {"a": 3, "b": 3}
    assert ratio([2, 6, 400], [1, 2, 1]) == "**3.00** (2.00 to 400)"


def test_the_chart_has_a_line_per_contender() -> None:
    sizes = [(10_000, {"a & b": [1.0, 2, 3], "c": [200.0]}), (100_000, {"a & b": [20.0]})]
    root = ET.fromstring(draw_growth(sizes, DIM))
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "a & b 20 ms" in texts
    assert "c 200 ms" in texts
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) == 2


def test_the_engine_benchmark_prints_its_table_and_draws(tmp_path: Path) -> None:
    chart = tmp_path / "cost.svg"
    options = f"engine --rows 300 --dim 16 --rounds 3 --batch 2 --no-memory --data {tmp_path} --chart {chart}"
    done = CliRunner().invoke(main, [*options.split(), "--device", "cpu"], catch_exceptions=False)
    assert "### 300 × 16, k = 100, 3 rounds" in done.output
    assert "2 queries on the resident rows: " in done.output
    rows = [line.split(" | ") for line in done.output.splitlines() if line.startswith("| ")]
    assert {len(row) for row in rows} == {len(rows[0])}
    recall = {row[0].strip("| "): row[-3:-1] for row in rows[1:]}
    for name in (*EXACT, "(c) in float32"):
        assert recall[name] == ["1.000", "1.000"], name
    assert ET.parse(chart).getroot().tag.endswith("svg")


def test_memory_is_printed_before_and_after_the_searches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_gallery(tmp_path, 300, 16)
    memory.measure("branches", str(gallery_folder(tmp_path, 300, 16)), "10", "cpu")
    imported, searched = map(float, capsys.readouterr().out.split())
    assert 100 < imported <= searched


def test_the_peers_benchmark_compares_exact_answers_and_says_what_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(rows: np.ndarray, k: int) -> peer_stores.Search:
        raise ModuleNotFoundError("No module named 'somewhere'")

    def in_process(name: str, setting: peers.Setting, rows: int, place: Path) -> dict[str, Any]:
        monkeypatch.chdir(place)
        k = min(setting.k, rows)
        if name == peers.OURS:
            return peers.measure_ours(setting.folder, rows, setting.dim, k, setting.rounds, setting.batch)
        return peers.measure_peer(name, setting.dim, k, setting.rounds)

    monkeypatch.setattr(peers, "_in_process", in_process)
    monkeypatch.setattr(peers, "QUICK", {"numpy": peer_stores.numpy_search, "LanceDB": peer_stores.lancedb_search})
    monkeypatch.setattr(peers, "SLOW", {"absent": absent})
    options = f"peers --rows 300 --dim 16 -k 20 --rounds 3 --batch 6 --threads 1 --data {tmp_path}"
    done = CliRunner().invoke(main, options.split(), catch_exceptions=False)
    assert "### 300 × 16 × 2 columns, k = 20, 3 rounds" in done.output
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in done.output.splitlines()}
    for name in (peers.OURS, "numpy", "LanceDB"):
        assert rows[name][3:5] == ["1.000", "1.000"], name
    assert 0.2 < float(rows["numpy"][7]) < 1  # two searches, merged
    assert "6 queries: " in done.output
    assert "| absent | not installed: No module named 'somewhere' |" in done.output
    assert "refreshing after 30 rows were written: " in done.output


def test_rows_of_other_lengths_rank_by_distance_as_by_inner_product() -> None:
    rng = np.random.default_rng(0)
    rows, query = rng.normal(size=(50, 8)).astype(np.float32), rng.normal(size=8).astype(np.float32)
    long, as_query, score = peer_stores.as_distances(rows)
    distances = np.linalg.norm(long - as_query(query), axis=1)
    assert np.argsort(distances).tolist() == np.argsort(-(rows @ query)).tolist()
    assert [score(query, distance) for distance in distances] == pytest.approx((rows @ query).tolist(), abs=1e-4)


def test_the_scale_benchmark_fits_what_it_measured(tmp_path: Path) -> None:
    options = f"scale --rows 1000,2000 --dim 16 -k 10 --data {tmp_path}"
    done = CliRunner().invoke(main, options.split(), catch_exceptions=False)
    rows = [line.strip("| ").split(" | ") for line in done.output.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows[:4]] == ["rows", "1,000", "2,000", "grows as rows to the power of"]
    assert float(rows[1][6]) >= 0.9
    assert ["vectors on disk, float16, TB", "0.20", "2.05"] in rows
    assert not list(tmp_path.iterdir())
    measured = [scale.Measured(n, *[3.0 * n**1.5] * 10) for n in (10, 100, 1000)]
    assert scale.fit(measured, "index_s") == pytest.approx((3.0, 1.5))


def test_the_gpu_benchmark_runs_on_a_cpu() -> None:
    options = "gpu --rows 2000 --dim 16 -k 5 --batch 8 --photos 0 --device cpu"
    done = CliRunner().invoke(main, options.split(), catch_exceptions=False)
    assert "2,000 rows × 16 × 2 columns, 0.0 GB of torch.float16, k = 5" in done.output
    assert "the best 5 are those of float64" in done.output
    assert "8 queries together: " in done.output
