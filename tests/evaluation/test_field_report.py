"""Metrics of the field's benchmarks, against figures worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cvsi_db.evaluation.annotations import read_circo, read_cirr, read_fashioniq
from cvsi_db.evaluation.field_report import field_report, field_tables, measure_field
from cvsi_db.evaluation.metrics import balanced, estimates
from tests.evaluation import field_data


def values(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: one["value"] for name, one in found.items()}


def test_cirr_metrics_match_worked_example(tmp_path: Path) -> None:
    benchmark = read_cirr(field_data.cirr(tmp_path), "val")
    target = [query.targets[0] for query in benchmark.queries]  # 2, 3 and 4
    other = ["val-9-img0", "val-10-img0", "val-11-img0", "val-8-img0", "val-7-img0"]
    rankings = {
        "100": (target[0], *other),  # at rank 1
        "101": (*other, target[1]),  # at rank 6
        "102": tuple(other),  # nowhere
    }
    subsets = {"100": ("a", target[0], "b"), "101": (target[1], "a", "b"), "102": ("a", "b", target[2])}
    found = measure_field(benchmark, {"recall": rankings, "recall_subset": subsets})
    assert values(found) == {
        "recall@1": 33.33, "recall@5": 33.33, "recall@10": 66.67, "recall@50": 66.67,
        "recall_subset@1": 33.33, "recall_subset@2": 66.67, "recall_subset@3": 100,
    }  # fmt: skip
    assert list(measure_field(benchmark, {"recall_subset": subsets})) == [f"recall_subset@{k}" for k in (1, 2, 3)]


def test_circo_metrics_match_worked_example(tmp_path: Path) -> None:
    benchmark = read_circo(field_data.circo(tmp_path), "val")
    rankings = {
        "0": ("9", "4", "8"),  # AP 1/2
        "1": ("9", "10", "8", "11", "12", "5"),  # AP@5 0, beyond 1/6
        "2": ("6", "9", "7"),  # both of its targets: (1/1 + 2/3) / 2 = 5/6; the one written for is third
    }
    found = measure_field(benchmark, {"recall": rankings})
    aspects = found.pop("aspects")
    assert values(found) == {
        "map@5": 44.44, "map@10": 50.0, "map@25": 50.0, "map@50": 50.0,
        "recall@5": 66.67, "recall@10": 100, "recall@25": 100, "recall@50": 100,
    }  # fmt: skip
    assert values(aspects) == {"addition": 66.67, "negation": 16.67, "viewpoint": 83.33}


def test_recall_of_circo_asks_for_the_image_that_the_text_was_written_for(tmp_path: Path) -> None:
    benchmark = read_circo(field_data.circo(tmp_path), "val")
    rankings = {"0": ("9",), "1": ("9",), "2": ("6", "9", "8")}
    found = measure_field(benchmark, {"recall": rankings})
    assert found["map@5"]["value"] == pytest.approx(100 / 3 / 2, abs=0.01)
    assert found["recall@50"]["value"] == 0


def test_missing_target_counts_as_not_found_and_stays_in_the_denominator(tmp_path: Path) -> None:
    benchmark = read_circo(field_data.circo(tmp_path), "val").without({"7": "no such file"}, allowed=True)
    found = measure_field(benchmark, {"recall": {"0": ("4",), "1": ("5",), "2": ("6",)}})
    assert found["map@5"]["value"] == pytest.approx(100 * (1 + 1 + 1 / 2) / 3, abs=0.01)  # the last has 7 and 6
    assert found["recall@5"]["value"] == pytest.approx(66.67)  # 7 is the one that the text was written for
    report = field_report(benchmark, {"m": {"recall": {"0": ("4",), "1": ("5",), "2": ("6",)}}}, {"model": None}, 0.0)
    assert report["missing"] == {"images": 1, "queries_left_out": 0, "queries_without_target": 1}
    table = field_tables(benchmark, report)
    assert "\nmissing images: 1; queries left out for want of their reference: 0; queries with" in table
    assert "83.33" in table


def test_fashioniq_weighs_its_categories_alike(tmp_path: Path) -> None:
    benchmark = read_fashioniq(field_data.fashioniq(tmp_path), "val").first(5)  # toptee has one query
    rankings = {query.query_id: ("x",) * 10 + query.targets for query in benchmark.queries}
    rankings |= {"dress/0": ("DRESS2",), "toptee/0": ("TOPTEE2",)}
    found = measure_field(benchmark, {"recall": rankings})
    assert values(found["categories"]["dress"]) == {"recall@10": 50, "recall@50": 100}
    assert values(found["categories"]["shirt"]) == {"recall@10": 0, "recall@50": 100}
    assert values(found["categories"]["toptee"]) == {"recall@10": 100, "recall@50": 100}
    del found["categories"]
    assert values(found) == {"recall@10": 50, "recall@50": 100}  # the mean over queries is 40


def test_balanced_means_and_intervals() -> None:
    rng = np.random.default_rng(1)
    large, small = rng.random(900), 0.2 * rng.random(100)
    groups = ["large"] * 900 + ["small"] * 100
    found = balanced({"metric": np.concatenate([large, small])}, groups)["metric"]
    assert found.value == pytest.approx(50 * (large.mean() + small.mean()))
    spread = 50 * np.hypot(large.std() / 30, small.std() / 10)
    assert found.low == pytest.approx(found.value - 1.96 * spread, abs=0.2)
    assert found.high == pytest.approx(found.value + 1.96 * spread, abs=0.2)
    alone = balanced({"metric": large}, ["large"] * 900)
    assert vars(alone["metric"]) == pytest.approx(vars(estimates({"metric": large})["metric"]))


@pytest.mark.parametrize("split", ["test1"])
def test_nothing_is_measured_without_truth(split: str, tmp_path: Path) -> None:
    benchmark = read_cirr(field_data.cirr(tmp_path, split), split)
    assert measure_field(benchmark, {"recall": {query.query_id: () for query in benchmark.queries}}) == {}
