"""Finds the weights that rank best on a benchmark: of `cvsi` by coordinate search, of `image+text` along a line.

Takes a benchmark (give it the val split alone) and models, returns weights with their mAP@10.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.baselines import CVSI, Method, image_and_text
from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import Models, StageProgress
from cvsi_db.evaluation.metrics import average_precision
from cvsi_db.evaluation.scene_report import Prepared, prepare
from cvsi_db.evaluation.scenes import SceneBenchmark

TUNED = ("edited_captions", "edit_direction", "pseudo_token", "image", "objects")
WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0)
GAMMAS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7)
SHARES = tuple(round(0.05 * step, 2) for step in range(1, 20))
ROUNDS = 6


@dataclass(frozen=True)
class Tuned:
    """The best method found and its mAP@10 in percent."""

    method: Method
    map10: float


@dataclass
class _Trials:
    """mAP@10 in percent of methods on one benchmark, each computed once."""

    prepared: Prepared
    known: dict[tuple[object, ...], float] = field(default_factory=dict)

    def map10(self, method: Method) -> float:
        """The method's mAP@10 in percent."""
        key = (*method.weights.items(), method.gamma)
        if key not in self.known:
            ranked, counts = self.prepared.rank(method, k=10), self.prepared.benchmark.target_counts
            self.known[key] = 100 * float(average_precision(ranked, counts, 10).mean())
        return self.known[key]

    def outcome(self, method: Method) -> Tuned:
        """The method with its mAP@10, to two decimals as in reports."""
        return Tuned(method, round(self.map10(method), 2))

    def best(self, methods: Iterable[Method]) -> Method:
        """The first of the best."""
        return max(methods, key=self.map10)


def tune_weights(benchmark: SceneBenchmark, models: Models, cache: Cache, on_progress: StageProgress) -> dict[str, Any]:
    """The best weights, γ and mAP@10 of `cvsi` and of `image+text` on a benchmark, as plain values.

    Raises UsageError for a bundle without phi.
    """
    if models.phi is None:
        raise UsageError("the weights of cvsi are tuned with a pseudo-token, and this bundle has no phi")
    every = [Method(dict.fromkeys((*TUNED, "text"), 1.0))]
    prepared = prepare(benchmark, every, models, cache, on_progress)
    return {"cvsi": asdict(tune_cvsi(prepared)), "image+text": asdict(tune_image_and_text(prepared))}


def tune_cvsi(prepared: Prepared) -> Tuned:
    """The best weights of the terms TUNED and the best γ, found one coordinate at a time until none improves.

    Scores do not change their order when all weights grow alike: the search starts with the greatest at 1, and the
    weights returned sum to 1.
    """
    trials = _Trials(prepared)
    scale = max(CVSI.weights.values())
    start = {name: CVSI.weights.get(name, 0.0) / scale for name in TUNED}
    best = Method(start, CVSI.gamma)
    for _ in range(ROUNDS):
        before = best
        for name in TUNED:
            best = trials.best(_with_weight(best, name))
        best = trials.best(replace(best, gamma=gamma) for gamma in (best.gamma, *GAMMAS))
        if best == before:
            break
    return trials.outcome(_summing_to_one(best))


def tune_image_and_text(prepared: Prepared) -> Tuned:
    """The best share of the text in `image+text`."""
    trials = _Trials(prepared)
    best = trials.best(image_and_text(share) for share in SHARES)
    return trials.outcome(_summing_to_one(best))


def _with_weight(method: Method, name: str) -> Iterator[Method]:
    """The method as it is, then with every other weight of one term: of equals the first is kept."""
    for weight in (method.weights[name], *WEIGHTS):
        yield replace(method, weights={**method.weights, name: weight})


def _summing_to_one(method: Method) -> Method:
    total = sum(method.weights.values())
    return replace(method, weights={name: round(weight / total, 3) for name, weight in method.weights.items()})
