"""Which branch put each hit where it is: parts that add up, and ranks counted by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cvsi_db.records import ComposedQuery
from cvsi_db.search import SearchContext, search
from cvsi_db.search.present.explain import analyze_lines, branch_parts, branch_ranks
from tests.fakes import make_picture
from tests.search.conftest import fill, random_vectors


def test_branch_ranks_count_the_better_images_and_ties_share_one() -> None:
    parts = np.array([[0.5, -0.1], [0.2, 0.3], [0.5, 0.2]], dtype=np.float32)
    assert branch_ranks(parts).tolist() == [[1, 3], [3, 1], [1, 2]]


def test_the_parts_of_the_branches_sum_to_the_score(context: SearchContext) -> None:
    fill(context.store, random_vectors(60, seed=4))
    result = search(ComposedQuery(make_picture(), "with a hat", negative=("snow",), pool=60), context)
    assert result.pool is not None
    parts = branch_parts(result.compiled.logical.branches, result.pool)
    assert parts.shape == (60, 5)  # with a pool the edit text as typed is there too
    assert parts.sum(axis=1) == pytest.approx(result.pool.ranking.scores, abs=1e-6)


def test_a_line_per_hit_tells_part_and_rank_of_every_branch_with_weight(context: SearchContext) -> None:
    fill(context.store, random_vectors(60, seed=4))
    query = ComposedQuery(make_picture(), "with a hat", rank="0.5*image - 0.25*edited_captions", k=3, pool=60)
    result = search(query, context)
    assert result.pool is not None
    by_captions, by_image, said, head, *lines = analyze_lines(result, result.compiled.logical.branches, result.pool)
    assert "among the 60 best images" in said
    assert head.split() == ["#", "score", "edited_captions", "image_objects", "path"]
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]
    assert by_captions.startswith("branch edited_captions: ")
    assert by_image.startswith("branch image_objects: ")
    images = sorted((hit.terms["image"].contribution for hit in search(replace(query, k=60), context)), reverse=True)
    for line, hit in zip(lines, result, strict=True):
        image = hit.terms["image"].contribution
        assert f"{image:+.3f} #{images.index(image) + 1}" in line
        assert line.endswith(Path(hit.path).name)
        assert "*" in line
