"""Scenes-CIR: the same from the same seed, exact targets, and its splits as docs/scenes-cir.md promises."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.scenes import SceneBenchmark, make_benchmark
from cvsi_db.scenes import phrasings, unseen_phrasings
from cvsi_db.scenes.aspects import ASPECTS
from cvsi_db.scenes.edits import find_edit, is_match
from cvsi_db.scenes.grammar import is_held_out
from tests.evaluation.conftest import GALLERY, QUERIES


def test_same_seed_makes_the_same_benchmark(val: SceneBenchmark) -> None:
    assert make_benchmark("val", seed=3, queries=QUERIES, gallery=GALLERY) == val
    other = make_benchmark("val", seed=4, queries=QUERIES, gallery=GALLERY)
    assert not set(other.gallery) & set(val.gallery)


_TOLD = """
import random
from cvsi_db.evaluation.cache import digest
from cvsi_db.evaluation.scenes import make_benchmark
from cvsi_db.evaluation.scene_terms import true_captions
for split in ("val", "test"):
    made, rng = make_benchmark(split, queries=18, gallery=250), random.Random(1)
    said = [text for query in made.queries for text in true_captions(made.gallery[query.reference], query, rng)]
    asked = [(query.reference, query.edit.text, query.edit.adds, sorted(query.targets)) for query in made.queries]
    print(digest([repr(made.gallery), repr(asked), *said]))
"""


@pytest.mark.slow
def test_every_process_makes_the_same_benchmark() -> None:
    """Not in the order of sets, which each process shuffles anew."""
    told = {
        subprocess.run(
            [sys.executable, "-c", _TOLD], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


@pytest.mark.parametrize("split", ["val", "test"])
def test_targets_are_all_matches_of_the_gallery(split: str, request: pytest.FixtureRequest) -> None:
    benchmark: SceneBenchmark = request.getfixturevalue(split)
    assert (len(benchmark.queries), len(benchmark.gallery)) == (QUERIES, GALLERY)
    for query in benchmark.queries:
        reference = benchmark.gallery[query.reference]
        matches = {row for row, scene in enumerate(benchmark.gallery) if is_match(reference, query.edit, scene)}
        assert query.targets == matches
        assert query.targets
        assert query.reference not in query.targets
    assert benchmark.target_counts.tolist() == [len(query.targets) for query in benchmark.queries]
    assert benchmark.references.tolist() == [query.reference for query in benchmark.queries]


def test_every_reference_is_in_the_gallery_once(val: SceneBenchmark) -> None:
    assert len(set(val.gallery)) == GALLERY
    assert len(set(val.references.tolist())) == QUERIES
    assert abs(val.references.mean() - GALLERY / 2) < GALLERY / 8  # places tell nothing


def test_aspects_have_equal_shares(test: SceneBenchmark) -> None:
    assert Counter(query.aspect for query in test.queries) == dict.fromkeys(ASPECTS, QUERIES // 9)


def test_val_shows_no_held_out_combination(val: SceneBenchmark) -> None:
    assert not any(map(is_held_out, val.gallery))


def test_in_test_a_third_of_each_aspect_starts_from_held_out_combinations(test: SceneBenchmark) -> None:
    starts = Counter(query.aspect for query in test.queries if is_held_out(test.gallery[query.reference]))
    assert starts == dict.fromkeys(ASPECTS, QUERIES // 27)


@pytest.mark.slow
def test_val_uses_training_phrasings_and_test_uses_unseen_ones(val: SceneBenchmark, test: SceneBenchmark) -> None:
    for benchmark, book in ((val, phrasings), (test, unseen_phrasings)):
        for query in benchmark.queries[:12]:
            if query.aspect != "conjunction":
                assert find_edit(benchmark.gallery[query.reference], query.edit.text, book).text == query.edit.text


def test_unknown_split_and_small_gallery_are_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown split 'train' of Scenes-CIR: choose one of val, test"):
        make_benchmark("train")
    with pytest.raises(UsageError, match=r"a gallery of 10 has no room for 9 queries: it takes \d+ images"):
        make_benchmark("val", queries=9, gallery=10)
