"""The rows of papers: each can be asked for, its bundle file is one, and what it costs is the stated arithmetic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cvsi_db.errors import CvsiError
from cvsi_db.evaluation.annotations import READERS
from cvsi_db.evaluation.baselines import choose_methods, field_methods
from cvsi_db.evaluation.paper_rows import (
    PAPER_BUNDLES,
    PAPER_ROWS,
    SIZES,
    Cost,
    estimate_cost,
    figures_table,
    place_bundle,
)
from cvsi_db.models.inventory import PUBLISHED
from cvsi_db.models.spec import BUNDLES, load_spec
from tests.evaluation import field_data


@pytest.mark.parametrize("row", PAPER_ROWS.values(), ids=list(PAPER_ROWS))
def test_a_row_has_a_bundle_that_loads_a_method_that_it_can_run_and_weights_that_are_known(row, tmp_path: Path) -> None:
    placed = place_bundle(row, tmp_path / "bundles")
    spec = load_spec(placed)
    assert placed == row.bundle or placed == str(tmp_path / "bundles" / f"{row.bundle}.toml")
    assert replace(spec, name="") == replace(row.spec, name="")
    for preset in ("cirr", "circo", "fashioniq"):
        assert choose_methods([row.paper.method], spec, field_methods(preset))
    assert spec.captioner is None or (spec.captioner in PUBLISHED and row.gallery.endswith("-captions"))
    assert bool(spec.captioner) == bool(row.paper.rewriter)
    cost = estimate_cost(row)
    assert 0 < cost.gpu_hours < cost.cpu_hours
    assert cost.download_bytes > 1e8
    assert bool(cost.requests) == bool(cost.tokens) == bool(row.paper.rewriter)


def test_rows_are_those_of_the_papers() -> None:
    assert list(PAPER_ROWS)[:4] == ["bge-vl-base", "bge-vl-large", "bge-vl-mllm-s1", "searle-b32"]
    assert PAPER_ROWS["ldre-l14"].published == {
        "circo": {"map@5": 23.35},
        "cirr": {"recall@1": 26.53},
        "fashioniq": {"recall@10": 28.51, "recall@50": 50.54},
    }
    assert PAPER_ROWS["bge-vl-large"].published["fashioniq"] == {"recall@10": 34.6}
    one_tower = PAPER_ROWS["bge-vl-mllm-s1"]
    assert (one_tower.paper.method, one_tower.gallery, one_tower.spec.composes) == ("composed", "bge-vl-mllm-s1", True)
    assert one_tower.published == {"circo": {"map@5": 42.2}, "cirr": {"recall@1": 46.7}, "fashioniq": {}}
    assert PAPER_ROWS["cvsi-g14"].published == {"circo": {}, "cirr": {}, "fashioniq": {}}
    assert {name for name, row in PAPER_ROWS.items() if row.paper.verify} == {"wiser-b32", "wiser-l14", "wiser-g14"}
    assert {row.bundle for row in PAPER_ROWS.values()} - BUNDLES.keys() == PAPER_BUNDLES.keys()
    assert "| `wiser-b32` | B/32 | `b32-captions` | `vit-b-32-captions` | 32.23 | 49.45 | 41.99 / 58.74 |" in (
        figures_table()
    )


def test_an_estimate_is_counts_times_what_one_takes() -> None:
    captions = estimate_cost(PAPER_ROWS["ldre-l14"], "circo")
    assert captions == Cost(
        gpu_hours=pytest.approx(123_403 * (5.0 + 0.162) / 30 / 3600),
        cpu_hours=pytest.approx(123_403 * (5.0 + 0.162) / 0.178 / 3600),
        download_bytes=4 * 427_616_513 + 4 * 7_750_000_000,
        requests=1_020,
        tokens=1_020 * 1_500,
    )
    quick = estimate_cost(PAPER_ROWS["searle-b32"], "circo")
    assert quick.gpu_hours == pytest.approx(123_403 / 200 / 3600)  # files are not read faster
    assert (quick.requests, quick.tokens) == (0, 0)
    composed = estimate_cost(PAPER_ROWS["bge-vl-mllm-s1"], "circo")
    assert composed.gpu_hours == pytest.approx((123_403 + 1_020) * 44 / 30 / 3600)  # each query is seen as an image is
    assert (composed.download_bytes, composed.requests) == (2 * 7_570_000_000, 0)
    looked = estimate_cost(PAPER_ROWS["wiser-l14"], "cirr")
    assert (looked.requests, looked.tokens) == (8_329 * 51, 8_329 * (1_500 + 50 * 700))


@pytest.mark.parametrize(("name", "split"), [(name, split) for name, splits in SIZES.items() for split in splits])
def test_sizes_are_those_of_the_annotations(name: str, split: str, tmp_path: Path) -> None:
    benchmark = READERS[name](field_data.real(name), split, tmp_path)
    images, queries = SIZES[name][split]
    assert len(benchmark.queries) == queries
    if name != "circo":  # whose index is a list of COCO's
        assert sum(map(len, benchmark.indexes.values())) == images


def test_a_bundle_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "bundles").write_text("no folder")
    with pytest.raises(CvsiError, match=r"cannot write the bundle file '.*/bundles/l14-captions.toml': "):
        place_bundle(PAPER_ROWS["ldre-l14"], tmp_path / "bundles")
