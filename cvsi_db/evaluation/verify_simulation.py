"""How good a verifier must be to pay, on Scenes-CIR: a SIMULATION, in which the truth is told with a stated error rate.

A simulated verifier says of each of the N best hits of `cvsi` whether it is a target, and is wrong by chance once in so
many answers; hits that it says yes to come first, as `--verify N` orders them. No model looks at any image. Beside it
stands what is there without a model, the verifier `captions`, which is real. Prints the table of docs/verify.md, and
draws its chart: `python -m cvsi_db.evaluation.verify_simulation --cache DIR --chart docs/verify.svg`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cvsi_db.evaluation.baselines import CVSI
from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.chart import FONT, svg_text
from cvsi_db.evaluation.encoding import Models, models_of
from cvsi_db.evaluation.metrics import BoolArray, IntArray, ValueArray, average_precision, ranked_relevance
from cvsi_db.evaluation.scene_report import prepare
from cvsi_db.evaluation.scene_terms import SceneSource
from cvsi_db.evaluation.scenes import make_benchmark
from cvsi_db.records import Question, ShownHit
from cvsi_db.search.verify.captions import CaptionVerifier

SEEDS = (1, 2, 3, 4)
FIRST = (5, 10, 20, 50, 100)
"""How many of the best hits are verified."""

RIGHT = (0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 1.0)
"""The share of a verifier's answers that are right, of targets and of others alike."""

DRAWS = 10
"""Times that the errors are drawn anew, for a mean."""

K, DEPTH = 10, 150


@dataclass(frozen=True)
class Ranked:
    """A benchmark's queries as `cvsi` ranks them: `relevant` and `said` (queries, DEPTH), whether each of the first
    hits is a target, and the confidence of the verifier `captions`; `targets` (queries,) how many there are."""

    relevant: BoolArray
    said: ValueArray
    targets: IntArray


def rank(seed: int, models: Models, cache: Cache) -> Ranked:
    """The test benchmark of that seed."""
    benchmark = make_benchmark("test", seed)
    prepared = prepare(benchmark, [CVSI], models, cache, _tell)
    rankings = prepared.rankings(CVSI, DEPTH)
    captions = prepared.features.captions
    verifier, said = CaptionVerifier(), []
    rewrites = SceneSource(benchmark, prepared.features, models, cache, _tell).rewrites()
    for query, rewrite, ranking in zip(benchmark.queries, rewrites, rankings.tolist(), strict=True):
        question = Question(query.edit.text, None, rewrite.edited_captions)
        said.append(verifier.verify(question, [ShownHit("", None, captions[place]) for place in ranking]))
    relevant = ranked_relevance(rankings, [query.targets for query in benchmark.queries])
    return Ranked(relevant, np.array(said), benchmark.target_counts)


def reordered(relevant: BoolArray, confidence: ValueArray, first: int) -> BoolArray:
    """(queries, DEPTH) the relevance, its first `first` columns by the confidence, equal ones as they were."""
    order = np.argsort(-confidence[:, :first], axis=1, kind="stable")
    return np.concatenate([np.take_along_axis(relevant[:, :first], order, axis=1), relevant[:, first:]], axis=1)


def simulated(ranked: Ranked, right: float, first: int, rng: np.random.Generator) -> float:
    """mAP@10 in percent behind a simulated verifier, of whose answers that share is right."""
    found = []
    for _ in range(DRAWS):
        wrong = rng.random(ranked.relevant.shape) >= right
        found.append(map10(reordered(ranked.relevant, (ranked.relevant ^ wrong).astype(np.float64), first), ranked))
    return float(np.mean(found))


def map10(relevant: BoolArray, ranked: Ranked) -> float:
    """mAP@10 in percent."""
    return 100 * float(average_precision(relevant, ranked.targets, K).mean())


def main() -> None:
    """Print the table, in Markdown, and draw the chart."""
    from cvsi_db.models.bundle import load_bundle
    from cvsi_db.models.rewriters import make_rewriter

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, help="where to keep what models computed")
    parser.add_argument("--chart", type=Path, help="an SVG to draw")
    arguments = parser.parse_args()
    bundle, cache = load_bundle("starter", "cpu"), Cache(arguments.cache)
    models = models_of(bundle, make_rewriter(bundle.spec.rewriter))
    ranked = [rank(seed, models, cache) for seed in SEEDS]
    rng = np.random.default_rng(0)
    plain = float(np.mean([map10(each.relevant, each) for each in ranked]))
    table = {
        right: [float(np.mean([simulated(each, right, first, rng) for each in ranked])) for first in FIRST]
        for right in RIGHT
    }
    words = [
        float(np.mean([map10(reordered(each.relevant, each.said, first), each) for each in ranked])) for first in FIRST
    ]
    print("| SIMULATED: answers that are right |", " | ".join(f"N = {first}" for first in FIRST), "|")
    print("|---" * (1 + len(FIRST)) + "|")
    for right, reached in table.items():
        print(f"| {right:.0%} |", " | ".join(f"{value:.1f} ({value - plain:+.1f})" for value in reached), "|")
    print("| `captions` (real) |", " | ".join(f"{value:.1f} ({value - plain:+.1f})" for value in words), "|")
    print(f"\nmAP@10 on `test`, the mean of seeds {', '.join(map(str, SEEDS))}; `cvsi` alone has {plain:.1f}.")
    if arguments.chart:
        arguments.chart.write_text(draw(table, plain), "utf-8")


# --- the chart --------------------------------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, RIGHT_EDGE, TOP, BOTTOM = 760, 460, 60, 130, 78, 56
COLOURS = ("#b38600", "#4d8b3c", "#1f6f8b", "#7a5ba6", "#c2553a")
_QUIET, _GRID = "#5f6368", "#e3e5e8"


def draw(table: Mapping[float, Sequence[float]], plain: float) -> str:
    """mAP@10 as answers get better, a line for each N, above the line of `cvsi` alone; as an SVG document."""
    values = [value for reached in table.values() for value in reached]
    low, high = 10 * float(np.floor(min(values) / 10)), 10 * float(np.ceil(max(values) / 10))

    def x(right: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT_EDGE) * (right - RIGHT[0]) / (RIGHT[-1] - RIGHT[0])

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)

    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    told = "Scenes-CIR test, four seeds: the truth with errors by chance; no model looked at an image"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        svg_text(24, 32, "Simulation: mAP@10 behind a verifier that is right so often", size=17, weight=600),
        svg_text(24, 53, told, size=12, colour=_QUIET),
    ]
    for value in range(int(low), int(high) + 1, 10):
        parts += [
            f'<line x1="{LEFT}" y1="{y(value):.1f}" x2="{WIDTH - RIGHT_EDGE}" y2="{y(value):.1f}" stroke="{_GRID}"/>',
            svg_text(LEFT - 8, y(value) + 4, str(value), size=11, colour=_QUIET, anchor="end"),
        ]
    parts += [
        svg_text(x(right), HEIGHT - BOTTOM + 20, f"{right:.0%}", size=11, colour=_QUIET, anchor="middle")
        for right in (0.6, 0.7, 0.8, 0.9, 1.0)
    ]
    parts += [
        f'<line x1="{LEFT}" y1="{y(plain):.1f}" x2="{WIDTH - RIGHT_EDGE}" y2="{y(plain):.1f}" stroke="{_QUIET}" '
        'stroke-dasharray="5 4"/>',
        svg_text(WIDTH - RIGHT_EDGE, y(plain) + 16, f"cvsi alone {plain:.1f}", size=12, colour=_QUIET, anchor="end"),
    ]
    lowest = float("-inf")
    for place in sorted(range(len(FIRST)), key=lambda place: -table[RIGHT[-1]][place]):
        points = [(x(right), y(reached[place])) for right, reached in table.items()]
        path = "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in points)
        lowest = max(points[-1][1], lowest + 16)
        parts += [
            f'<path d="{path}" stroke="{COLOURS[place]}" stroke-width="2" fill="none"/>',
            svg_text(points[-1][0] + 10, lowest + 4, f"N = {FIRST[place]}", size=12, colour=COLOURS[place]),
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _tell(_stage: str, _done: int, _total: int) -> None:
    """Tell nothing: the study runs unattended."""


if __name__ == "__main__":
    main()
