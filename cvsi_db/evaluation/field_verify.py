"""A verifier's second look at rankings of a benchmark of the field, as a search with `--verify N` takes it.

Takes rankings by name; returns them with their first images in the order of its confidences, and what was asked. What
it says is kept in the gallery's catalog, under the key by which a search looks it up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cvsi_db.errors import VerifyError
from cvsi_db.evaluation.encoding import StageProgress
from cvsi_db.evaluation.field import ListName, Rankings
from cvsi_db.evaluation.field_gallery import opened
from cvsi_db.evaluation.field_ranking import FieldPrepared
from cvsi_db.ingest.decode import read_picture
from cvsi_db.models.protocols import Verifier
from cvsi_db.records import Question
from cvsi_db.search.verify import Look, ask, small
from cvsi_db.store.location import Location


@dataclass
class Verified:
    """How many images a verifier was asked of, of how many its answer was known, and why there was none of others."""

    asked: int = 0
    kept: int = 0
    failures: Counter[str] = field(default_factory=Counter)


def verify_field(
    prepared: FieldPrepared,
    rankings: Rankings,
    first: int,
    verifier: Verifier,
    folder: Location,
    on_progress: StageProgress,
) -> tuple[Rankings, Verified]:
    """The rankings, the `first` images of each by the verifier's confidence, equal ones as they stood.

    An image of which no answer could be had keeps its rank. Raises VerifyError when none could be had of any image of
    a query.
    """
    benchmark, features = prepared.benchmark, prepared.features
    row_of = {name: row for row, name in enumerate(benchmark.names)}
    id_of = {name: features.image_ids[row] for name, row in row_of.items()}
    told, found = Verified(), {name: dict(ranked) for name, ranked in rankings.items()}
    with opened(folder) as (store, catalog):
        for done, query in enumerate(benchmark.queries, 1):
            reference = small(read_picture(benchmark.paths[query.reference]).image)
            question = Question(query.edit_text, reference, (query.edit_text,))
            for ranked in found.values() if query.edit_text else ():  # one of CIRR's says nothing
                names = ranked[query.query_id]
                images = {
                    id_of[name]: {"path": str(benchmark.paths[name]), "captions": features.captions[row_of[name]]}
                    for name in names[:first]
                }
                look = Look.of(question, id_of[query.reference], images, verifier)
                ask([look], verifier, catalog, store)
                if images and not look.confidences:
                    raise VerifyError(next(iter(look.failures.values())))
                told.asked, told.kept = told.asked + len(images) - look.kept, told.kept + look.kept
                told.failures.update(look.failures.values())
                ranked[query.query_id] = _reordered(
                    names, [look.confidences.get(id_of[name]) for name in names[:first]]
                )
            on_progress("verifying", done, len(benchmark.queries))
    kept: dict[ListName, dict[str, tuple[str, ...]]] = found
    return kept, told


def _reordered(names: tuple[str, ...], confidences: list[float | None]) -> tuple[str, ...]:
    """The names, those with a confidence in its order, in the places that they had among themselves."""
    seats = {place: value for place, value in enumerate(confidences) if value is not None}
    order = list(names)
    for place, at in zip(seats, sorted(seats, key=lambda place: seats[place], reverse=True), strict=True):
        order[place] = names[at]
    return tuple(order)
