"""What the engine is measured against: research code in torch, six flat LanceDB searches merged in Python, the floor.

Each baseline is made once over a gallery, then takes a logical query and gives image numbers, best first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import lancedb
import torch

from cvsi_db.records import LogicalQuery

Baseline = Callable[[LogicalQuery], list[int]]


def research_code(both: torch.Tensor) -> Baseline:
    """The method as an experiment writes it: every term against every row of each column, then a full sort."""
    # `both` is (rows, 2·dim): image vectors, then caption vectors.
    columns = dict(zip(("image_vector", "caption_vector"), both.chunk(2, dim=1), strict=True))

    def search(query: LogicalQuery) -> list[int]:
        scores = torch.zeros(len(both), device=both.device)
        for term in query.terms:
            features = torch.from_numpy(term.vector).to(both.device)
            for column in query.columns:
                scores += term.weight * column.weight * (columns[column.name] @ features)
        best: list[int] = torch.argsort(scores, descending=True)[: query.k].tolist()
        return best

    return search


def six_searches(folder: Path) -> Baseline:
    """One flat LanceDB search per term and column, merged in Python: a row scores what the searches that found it say.

    Not exact: what a row would add to the score where a search did not find it is left out.
    """
    table = lancedb.connect(str(folder), read_consistency_interval=timedelta(0)).open_table("images")

    def search(query: LogicalQuery) -> list[int]:
        scores: defaultdict[str, float] = defaultdict(float)
        for term in query.terms:
            for column in query.columns:
                flat = table.search(term.vector, vector_column_name=column.name, query_type="vector")
                flat = flat.distance_type("dot").bypass_vector_index().limit(query.k).select(["image_id", "_distance"])
                for row in flat.to_arrow().to_pylist():
                    scores[row["image_id"]] += term.weight * column.weight * (1 - row["_distance"])
        best = sorted(scores, key=lambda image_id: -scores[image_id])[: query.k]
        return [int(image_id, 16) for image_id in best]

    return search


def floor(both: torch.Tensor) -> Baseline:
    """The least an exact scan of these bytes can cost: one product of a matrix and a vector, and the k greatest."""

    def search(query: LogicalQuery) -> list[int]:
        fused = torch.stack([term.weight * torch.from_numpy(term.vector) for term in query.terms]).sum(dim=0)
        vector = torch.cat([column.weight * fused for column in query.columns]).to(both)
        best: list[int] = torch.topk(both @ vector, query.k).indices.tolist()
        return best

    return search
