"""The report keeps its contract, and its numbers come again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from cvsi_db.evaluation.baselines import Method, choose_methods
from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import Models
from cvsi_db.evaluation.scene_report import Prepared, Report, evaluate, prepare, scene_tables
from cvsi_db.evaluation.scenes import SceneBenchmark
from cvsi_db.models.spec import BUNDLES
from cvsi_db.scenes.aspects import ASPECTS
from tests.evaluation.conftest import silent

METRICS = [
    "map@5",
    "map@10",
    "map@25",
    "map@50",
    "recall@1",
    "recall@5",
    "recall@10",
    "recall@50",
    "negatives@1",
    "negatives@10",
]


def run(benchmark: SceneBenchmark, methods: Mapping[str, Method], models: Models, cache: Cache) -> Report:
    return evaluate(prepare(benchmark, methods.values(), models, cache, silent), methods, models, time.perf_counter())


def test_rankings_leave_out_the_own_reference(prepared: Prepared) -> None:
    method = Method({"image": 1.0})
    scores = method.scores(prepared.terms, prepared.features)
    ranked = prepared.rank(method, k=5)
    for row, query in enumerate(prepared.benchmark.queries):
        order = [image for image in np.argsort(-scores[row], kind="stable").tolist() if image != query.reference]
        assert ranked[row].tolist() == [image in query.targets for image in order[:5]]


def test_report_and_tables(tmp_path: Path, small: SceneBenchmark, models: Models) -> None:
    pytest.importorskip("cvsi_db.scenes.renderer", exc_type=Exception)
    methods = choose_methods(("image", "cvsi", "ceiling"), BUNDLES["starter"])
    report = run(small, methods, models, Cache(tmp_path))
    assert list(report) == [
        "benchmark", "split", "seed", "queries", "gallery", "model", "captioner", "rewriter", "methods", "paraphrases",
        "seconds",
    ]  # fmt: skip
    assert [report[name] for name in ("benchmark", "split", "seed", "queries", "gallery")] == [
        "Scenes-CIR", "val", 3, 9, 100,
    ]  # fmt: skip
    assert list(report["methods"]) == ["image", "cvsi", "ceiling"]
    for found in report["methods"].values():
        assert list(found) == [*METRICS, "aspects"]
        assert list(found["aspects"]) == list(ASPECTS)
        assert all(0 <= one["low"] <= one["value"] <= one["high"] <= 100 for one in map(found.get, METRICS))
        mean = sum(one["value"] for one in found["aspects"].values()) / 9
        assert mean == pytest.approx(found["map@10"]["value"], abs=0.02)
    for cache in (Cache(tmp_path), Cache(None)):
        assert run(small, methods, models, cache)["methods"] == report["methods"]
    lines = scene_tables(report).splitlines()
    assert lines[0].startswith("Scenes-CIR val, seed 3: 9 queries, gallery of 100; model fake-1")
    assert lines[2].split() == [
        "method", "mAP@5", "mAP@10", "mAP@25", "mAP@50", "R@1", "R@5", "R@10", "R@50", "negatives@1", "negatives@10",
        "mAP@10", "from", "to",
    ]  # fmt: skip
    assert lines[4].split()[:3] == ["cvsi", *(f"{report['methods']['cvsi'][f'map@{k}']['value']:.2f}" for k in (5, 10))]
    assert lines[9].startswith("method   cardinality  addition")
    assert len(lines) == 13


def test_negatives_are_the_share_of_own_distractors_among_ten(prepared: Prepared) -> None:
    method = Method({"image": 1.0})
    rankings = prepared.rankings(method, k=10)
    expected = [
        sum(image in query.negatives for image in ranking) / 10
        for ranking, query in zip(rankings.tolist(), prepared.benchmark.queries, strict=True)
    ]
    measured = prepared.measure(method)
    assert measured["negatives@10"].tolist() == pytest.approx(expected)
    first = [
        ranking[0] in query.negatives
        for ranking, query in zip(rankings.tolist(), prepared.benchmark.queries, strict=True)
    ]
    assert measured["negatives@1"].tolist() == first
    assert sum(expected) > 0


def test_a_shortcut_is_the_better_of_both_halves(prepared: Prepared, models: Models) -> None:
    methods = {"image": Method({"image": 1.0}), "text": Method({"text": 1.0})}
    report = evaluate(prepared, methods, models, time.perf_counter(), shortcut=True)
    image, text = (prepared.measure(method) for method in methods.values())
    found = report["methods"]["shortcut"]
    assert list(report["methods"]) == ["image", "text", "shortcut"]
    for name in ("map@10", "recall@5"):
        assert found[name]["value"] == pytest.approx(100 * np.maximum(image[name], text[name]).mean(), abs=0.01)
    least = np.minimum(image["negatives@10"], text["negatives@10"]).mean()
    assert found["negatives@10"]["value"] == pytest.approx(100 * least, abs=0.01)
