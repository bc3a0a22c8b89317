"""Which form of a weighted sum of images and texts needs no tuning, with and without a gap between the modalities.

A study on Scenes-CIR with the starter, and with a copy of it whose images and texts are pushed apart as those of real
CLIPs are. Prints the tables of docs/modality-gap.md: `python -m cvsi_db.evaluation.modality_gap --cache DIR`.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from cvsi_db.evaluation.cache import Cache
from cvsi_db.evaluation.encoding import Models, StageProgress, models_of, unit_text_vectors
from cvsi_db.evaluation.metrics import average_precision, ranked_relevance, top
from cvsi_db.evaluation.scene_features import compute_features
from cvsi_db.evaluation.scene_terms import SceneSource
from cvsi_db.evaluation.scenes import SceneBenchmark, make_benchmark
from cvsi_db.models.unit_vectors import normalise
from cvsi_db.query.weights import PRESETS
from cvsi_db.records import FloatArray

PAIRS = 0.25
"""The mean cosine of an image and its captions behind a gap: what CLIPs show (.2 to .3)."""

IMAGE_CONE, TEXT_CONE, BETWEEN = 1.0, 2.0, 0.1
"""Of the two cones: the lengths of what is added to images and to texts, and the cosine of the two. The mean cosine is
then .5 among images and .8 among texts, and what a text says is spread half as widely as what an image shows."""

SAMPLE = 1000
"""Images over which a spread is measured."""

GRID, ROUNDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8), 2

UNTUNED: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "without phi": {name: weight for name, weight in PRESETS["untuned"].weights.items() if weight},
        "image + edit text": {"image": 0.5, "edit_text": 0.5},
        "edited captions alone": {"edited_captions": 1.0},
    }
)
"""The sums that are compared, with the weights of who cannot tune: those of the preset `untuned`, with captions and
without, and what `circo` and `cirr` would be without phi if the weights that are left were scaled up."""

Terms = Mapping[str, FloatArray]


@dataclass(frozen=True)
class Vectors:
    """Unit vectors of a benchmark: `images` (n, dim), of each query its `edit_texts` (q, dim), and the `captions` of
    its reference and the `edited` ones (texts, dim), of which those of a query begin at its place in `…_starts`."""

    benchmark: SceneBenchmark
    images: FloatArray
    edit_texts: FloatArray
    captions: FloatArray
    caption_starts: Sequence[int]
    edited: FloatArray
    edited_starts: Sequence[int]

    @property
    def references(self) -> FloatArray:
        """(q, dim) each query's reference image."""
        return self.images[self.benchmark.references]

    def terms(self) -> Terms:
        """(q, dim) each of the terms, as a search makes them."""
        told, edited = _means(self.captions, self.caption_starts), _means(self.edited, self.edited_starts)
        change = edited - told
        length = np.linalg.norm(change, axis=1, keepdims=True)
        direction = np.divide(change, length, out=np.zeros_like(change), where=length > 1e-4)
        return {
            "image": self.references,
            "edit_text": self.edit_texts,
            "edited_captions": edited,
            "edit_direction": direction,
        }

    def pushed(self, image_shift: FloatArray, text_shift: FloatArray) -> Vectors:
        """The same with the one (dim,) added to every image and the other to every text, at length 1 again."""
        return replace(
            self,
            images=_unit(self.images + image_shift),
            edit_texts=_unit(self.edit_texts + text_shift),
            captions=_unit(self.captions + text_shift),
            edited=_unit(self.edited + text_shift),
        )


def pair_cosine(vectors: Vectors) -> float:
    """The mean cosine of a reference and the captions of it."""
    told = _means(vectors.captions, vectors.caption_starts)
    return float(np.vecdot(vectors.references, told).mean())


def find_shifts(vectors: Vectors) -> Iterator[tuple[str, FloatArray, FloatArray]]:
    """Each setting's name, and what it adds to images and to texts (dim,)."""
    nothing = np.zeros(vectors.images.shape[1], np.float32)
    yield "As trained", nothing, nothing
    between = vectors.images.mean(axis=0) - vectors.captions.mean(axis=0)
    between /= np.linalg.norm(between)
    low, high = 0.0, 3.0
    for _ in range(12):
        middle = (low + high) / 2
        apart = pair_cosine(vectors.pushed(middle * between, -middle * between))
        low, high = (middle, high) if apart > PAIRS else (low, middle)
    yield "Pushed apart", low * between, -low * between
    centred = [each - each.mean(axis=0) for each in (vectors.images, vectors.captions)]
    quiet = np.linalg.eigh(sum(each.T @ each / len(each) for each in centred))[1].T.astype(np.float32)
    text = BETWEEN * quiet[0] + np.sqrt(1 - BETWEEN**2) * quiet[1]  # along what hardly varies, as in real CLIPs
    yield "Two cones, that of texts narrow", IMAGE_CONE * quiet[0], np.asarray(TEXT_CONE * text, np.float32)


# --- the forms --------------------------------------------------------------------------------------------------

FORMS = ("plain", "centred", "spread")
"""`plain`: the terms as they are. `centred`: less the mean of their modality, at length 1 again; a direction has none.
`spread`: each over the standard deviation of its similarity to a sample of the gallery."""


def formed(terms: Terms, form: str, images: FloatArray, centres: Terms) -> Terms:
    """The terms in one of FORMS, for a gallery of `images` (n, dim) and modalities with the means `centres`."""
    if form == "centred":
        return {name: _unit(term - centres[name]) if name in centres else term for name, term in terms.items()}
    if form == "spread":
        sample = images[:: max(len(images) // SAMPLE, 1)]
        scales = {name: (term @ sample.T).std(axis=1, keepdims=True) for name, term in terms.items()}
        scales = {name: np.where(scale > 0, scale, 1).astype(np.float32) for name, scale in scales.items()}
        return {name: np.asarray(term / scales[name], np.float32) for name, term in terms.items()}
    return terms


# --- the study --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """A benchmark's similarities (q, n) by term, in one form."""

    benchmark: SceneBenchmark
    similarities: Terms

    def map10(self, weights: Mapping[str, float], every: int = 1) -> float:
        """mAP@10 in percent of a weighted sum, over all queries or one of `every` some."""
        used = {name: np.float32(weight) for name, weight in weights.items() if weight}
        scores = np.asarray(sum(weight * self.similarities[name][::every] for name, weight in used.items()))
        ranked = top(scores, self.benchmark.references[::every], 10)
        found = ranked_relevance(ranked, [query.targets for query in self.benchmark.queries[::every]])
        return 100 * float(average_precision(found, self.benchmark.target_counts[::every], 10).mean())


def make_trial(vectors: Vectors, form: str, names: Sequence[str], centres: Terms) -> Trial:
    """The similarities of the terms `names` in a form."""
    terms = vectors.terms()
    terms = formed({name: terms[name] for name in names}, form, vectors.images, centres)
    return Trial(vectors.benchmark, {name: term @ vectors.images.T for name, term in terms.items()})


def tune(trial: Trial, start: Mapping[str, float]) -> dict[str, float]:
    """The weights of GRID that rank a third of the queries best, found one at a time; they sum to 1."""
    best, found = dict(start), trial.map10(start, every=3)
    for _, (name, weight) in itertools.product(range(ROUNDS), itertools.product(start, GRID)):
        trying = {**best, name: weight}
        value = trial.map10(trying, every=3) if any(trying.values()) else 0.0
        best, found = (trying, value) if value > found else (best, found)
    return {name: round(weight / sum(best.values()), 3) for name, weight in best.items()}


def study(val: Vectors, tests: Sequence[Vectors]) -> Iterator[str]:
    """The tables, line by line: mAP@10 of every sum and form, untuned and tuned on `val`, the mean over `tests`."""
    for title, image_shift, text_shift in find_shifts(val):
        known, spaces = val.pushed(image_shift, text_shift), [each.pushed(image_shift, text_shift) for each in tests]
        centres = {"image": known.images.mean(axis=0), "edit_text": known.edit_texts.mean(axis=0)}
        centres["edited_captions"] = known.edited.mean(axis=0)
        image, text = _unit(np.stack([known.images.mean(axis=0), known.captions.mean(axis=0)]))
        yield f"**{title}**: cosine of image and caption {pair_cosine(known):.2f}, of the means {image @ text:.2f}.\n"
        yield "| sum | form | untuned | by seed | tuned on val | weights tuned |\n|---|---|---|---|---|---|"
        for (name, weights), form in itertools.product(UNTUNED.items(), FORMS):
            if len(weights) == 1 and form != FORMS[0]:
                continue
            trials = [make_trial(each, form, list(weights), centres) for each in spaces]
            given = [trial.map10(weights) for trial in trials]
            best, chosen = given, "–"
            if len(weights) > 1:
                tuned = tune(make_trial(known, form, list(weights), centres), weights)
                best = [trial.map10(tuned) for trial in trials]
                chosen = ", ".join(f"{weight:g} {term}" for term, weight in tuned.items())
            seeds = ", ".join(f"{value:.1f}" for value in given)
            yield f"| {name} | {form} | {np.mean(given):.1f} | {seeds} | {np.mean(best):.1f} | {chosen} |"
        yield ""


def read_vectors(benchmark: SceneBenchmark, models: Models, cache: Cache, on_progress: StageProgress) -> Vectors:
    """A benchmark's vectors, from the models; γ is 0 in this study, so only references are captioned."""
    wanted = [query.reference for query in benchmark.queries]
    features = compute_features(benchmark.gallery, models, cache, on_progress, captioned=wanted)
    source = SceneSource(benchmark, features, models, cache, on_progress)
    told = [features.captions[reference] for reference in wanted]
    edited = [rewrite.edited_captions for rewrite in source.rewrites()]

    def embed(texts: Sequence[Sequence[str]]) -> FloatArray:
        return unit_text_vectors([text for each in texts for text in each], models, cache, on_progress)

    return Vectors(
        benchmark,
        normalise(features.embeddings, len(features.embeddings)),
        unit_text_vectors(source.edit_texts, models, cache, on_progress),
        embed(told),
        _starts(told),
        embed(edited),
        _starts(edited),
    )


def _starts(texts: Sequence[Sequence[str]]) -> list[int]:
    return [0, *itertools.accumulate(len(each) for each in texts[:-1])]


def _means(rows: FloatArray, starts: Sequence[int]) -> FloatArray:
    """(q, dim) the mean of the rows from each start to the next."""
    counts = np.diff([*starts, len(rows)])
    return np.asarray(np.add.reduceat(rows, starts, axis=0) / counts[:, None], dtype=np.float32)


def _unit(rows: FloatArray) -> FloatArray:
    return normalise(np.asarray(rows, dtype=np.float32), len(rows))


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the study and prints its tables."""
    from cvsi_db.models.bundle import load_bundle
    from cvsi_db.models.rewriters import make_rewriter

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, help="where to keep what models computed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4], help="of the test split")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--gallery", type=int, default=10_000)
    given = parser.parse_args(arguments)
    bundle = load_bundle("starter", "cpu")
    models = replace(models_of(bundle, make_rewriter("rules")), phi=None)
    cache = Cache(given.cache)

    def read(split: str, seed: int) -> Vectors:
        benchmark = make_benchmark(split, seed, queries=given.queries, gallery=given.gallery)
        return read_vectors(benchmark, models, cache, lambda *_: None)

    for line in study(read("val", 1), [read("test", seed) for seed in given.seeds]):
        print(line, flush=True)


if __name__ == "__main__":
    main()
