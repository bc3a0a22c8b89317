"""Evaluates a bundle on a folder of captioned photographs: text → photo, and composed queries made from the captions.

The folder holds images and captions.json: {FILE NAME: [CAPTION, ...], ...}. Every caption is a query for its photo.
Composed queries are made by rule (`make_queries`): a photo, and an edit text that asks for another place, for one more
thing, or for another thing in the place of its main one; every photo whose captions name what is wanted is a target.
Everything runs through an ordinary gallery and an ordinary search. A report is plain values, and a table of them.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cvsi_db.errors import UsageError
from cvsi_db.evaluation.encoding import StageProgress
from cvsi_db.evaluation.metrics import BoolArray, average_precision, by_group, estimates, recall
from cvsi_db.evaluation.report_tables import aligned, groups_table, metrics_table, rounded
from cvsi_db.gallery import Gallery
from cvsi_db.models.rewriters.offline.captions import article
from cvsi_db.records import ComposedQuery

if TYPE_CHECKING:
    from cvsi_db.ingest.ray_engine import RayEngine

DEPTH = 10
AT_ONCE = 64
KINDS = ("scene", "addition", "swap")
PER_KIND = 60
"""The most composed queries of a kind."""
SEED = 1
SHOWN, ABOUT = 2, 4
"""How many captions must name what a photo shows, and what it is about; fewer where it has fewer captions."""

THINGS: Mapping[str, str] = {
    "dog": "dog dogs puppy puppies",
    "cat": "cat cats kitten kittens kitty",
    "horse": "horse horses pony",
    "cow": "cow cows cattle bull",
    "sheep": "sheep lamb lambs",
    "elephant": "elephant elephants",
    "giraffe": "giraffe giraffes",
    "zebra": "zebra zebras",
    "bear": "bear bears",
    "bird": "bird birds seagull seagulls pigeon duck ducks parrot",
    "person": "person people man men woman women boy boys girl girls child children kid kids lady guy guys player",
    "car": "car cars",
    "bus": "bus buses",
    "truck": "truck trucks",
    "train": "train trains subway",
    "airplane": "airplane airplanes plane planes jet jets airliner",
    "boat": "boat boats ship sailboat canoe kayak",
    "bicycle": "bicycle bicycles bike bikes bicyclist bicyclists cyclist",
    "motorcycle": "motorcycle motorcycles motorbike moped scooter",
    "skateboard": "skateboard skateboarder skateboarding skateboards",
    "surfboard": "surfboard surfboards surfer surfers surfing",
    "snowboard": "snowboard snowboarder snowboarding",
    "umbrella": "umbrella umbrellas",
    "kite": "kite kites",
    "frisbee": "frisbee frisbees",
    "laptop": "laptop laptops",
    "computer": "computer computers monitor",
    "television": "television tv televisions",
    "phone": "phone cellphone telephone",
    "book": "book books",
    "clock": "clock clocks",
    "bench": "bench benches",
    "chair": "chair chairs",
    "sofa": "sofa couch",
    "bed": "bed beds",
    "toilet": "toilet toilets",
    "sink": "sink sinks",
    "bathtub": "bathtub tub",
    "refrigerator": "refrigerator fridge",
    "stove": "stove oven",
    "microwave": "microwave",
    "pizza": "pizza pizzas",
    "cake": "cake cakes",
    "sandwich": "sandwich sandwiches",
    "banana": "banana bananas",
    "fruit": "fruit fruits apples oranges",
    "vase": "vase vases",
    "teddy bear": "teddy",
    "suitcase": "suitcase suitcases luggage",
    "hat": "hat cap helmet",
    "flower": "flower flowers bouquet sunflowers",
    "candle": "candle candles",
    "mirror": "mirror mirrors",
}
"""What a photo may show, by the words that name it in a caption."""

PLACES: Mapping[str, tuple[str, str]] = {
    "kitchen": ("in a kitchen", "kitchen kitchenette"),
    "bathroom": ("in a bathroom", "bathroom restroom washroom"),
    "bedroom": ("in a bedroom", "bedroom"),
    "living room": ("in a living room", "living"),
    "office": ("at a desk", "desk office cubicle"),
    "restaurant": ("in a restaurant", "restaurant cafe diner"),
    "street": ("on a street", "street road sidewalk intersection"),
    "city": ("in the city", "city downtown"),
    "beach": ("on the beach", "beach shore sand"),
    "water": ("on the water", "water ocean sea river lake wave waves"),
    "snow": ("in the snow", "snow snowy ski slope skiing"),
    "field": ("in a field", "field grass grassy meadow pasture hillside"),
    "forest": ("among trees", "forest woods trees"),
    "mountains": ("with mountains behind", "mountain mountains"),
    "station": ("at a station", "station platform"),
    "airport": ("at an airport", "airport runway tarmac"),
    "zoo": ("in a zoo", "zoo enclosure"),
    "table": ("on a table", "table"),
}
"""Where it may be: how an edit text says so, and the words that name it."""

SCENE = ("the same but {there}", "{there}", "move it: {there}", "{there} instead")
ADDITION = ("with {a_thing}", "add {a_thing}", "and {a_thing}", "also show {a_thing}")
SWAP = ("{a_thing} instead of the {old}", "replace the {old} with {a_thing}", "not {an_old} but {a_thing}")


@dataclass(frozen=True)
class PhotoSet:
    """Photographs with their captions, in the order of their names."""

    folder: Path
    captions: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """File names."""
        return tuple(self.captions)


@dataclass(frozen=True)
class PhotoQuery:
    """A reference with an edit text, and the names of the photographs that it asks for."""

    kind: str
    reference: str
    edit_text: str
    targets: frozenset[str] = field(repr=False)


def read_photos(folder: Path) -> PhotoSet:
    """The captioned photographs in a folder; images without captions are left out.

    Raises UsageError when captions.json is missing or of another form, or names a file that is not there.
    """
    file = folder / "captions.json"
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {str(file)!r}: {error}; it holds {{FILE NAME: [CAPTION, ...], ...}}") from error
    is_sound = isinstance(found, dict) and all(
        isinstance(texts, list) and texts and all(isinstance(text, str) and text.strip() for text in texts)
        for texts in found.values()
    )
    if not is_sound or not found:
        raise UsageError(f"{str(file)!r} is not {{FILE NAME: [CAPTION, ...], ...}}, with at least one caption each")
    for name in found:
        if Path(name).name != name or not (folder / name).is_file():
            raise UsageError(f"{str(file)!r} names {name!r}, which is not in {str(folder)!r}")
    return PhotoSet(folder, {name: tuple(found[name]) for name in sorted(found)})


# --- composed queries -------------------------------------------------------------------------------------------


def make_queries(photos: PhotoSet, per_kind: int = PER_KIND, seed: int = SEED) -> list[PhotoQuery]:
    """Composed queries of three kinds, at most `per_kind` of each, spread over the references; the same every time.

    `scene`: what the photo is about, in another place. `addition`: what it is about, and a thing that no caption of it
    names. `swap`: another thing in the place of what it is about. Of every query there is at least one target, and
    none that satisfies it already: the reference is never one.
    """
    named = {name: _named(texts, 1) for name, texts in photos.captions.items()}
    shown = {name: _named(texts, SHOWN) for name, texts in photos.captions.items()}
    about = {name: _named(texts, ABOUT) for name, texts in photos.captions.items()}
    rng = np.random.default_rng(seed)
    chosen: list[PhotoQuery] = []
    for kind in KINDS:
        found: dict[str, list[PhotoQuery]] = {}
        for name in photos.names:
            for main in sorted(about[name] & THINGS.keys()):
                found.setdefault(name, []).extend(_queries_of(kind, name, main, named[name], shown, about))
        # One of each reference in turn, so that no photo is asked about much more often than others.
        turns = [list(rng.permutation(len(each))) for each in found.values()]
        order = [
            list(found.values())[row][turn.pop()]
            for _ in range(max(map(len, turns), default=0))
            for row, turn in enumerate(turns)
            if turn
        ]
        chosen += order[:per_kind]
    return chosen


def _queries_of(
    kind: str, name: str, main: str, named: set[str], shown: Mapping[str, set[str]], about: Mapping[str, set[str]]
) -> list[PhotoQuery]:
    """The queries of one kind about the main thing of one photo, whose captions name `named`."""
    queries = []
    if kind == "swap":
        for place, new in product(sorted(about[name] & PLACES.keys()), sorted(THINGS.keys() - named)):
            targets = {other for other, has in shown.items() if place in has and new in about[other] - {main}}
            targets = {other for other in targets if main not in shown[other]}
            queries += _query(kind, name, SWAP, {"old": main, "an_old": _a(main), "a_thing": _a(new)}, targets)
        return queries
    for new in sorted((PLACES if kind == "scene" else THINGS).keys() - named):
        targets = {other for other, has in shown.items() if {main, new} <= has}
        words = {"there": PLACES[new][0]} if kind == "scene" else {"a_thing": _a(new)}
        queries += _query(kind, name, SCENE if kind == "scene" else ADDITION, words, targets)
    return queries


def _query(kind: str, name: str, forms: Sequence[str], words: Mapping[str, str], targets: set[str]) -> list[PhotoQuery]:
    wanted = frozenset(targets - {name})
    text = forms[sum(map(ord, name + "".join(words.values()))) % len(forms)].format(**words)
    return [PhotoQuery(kind, name, text, wanted)] if wanted else []


def _a(thing: str) -> str:
    return thing if thing == "fruit" else f"{article(thing)} {thing}"


def _words(caption: str) -> set[str]:
    return set(re.findall(r"[a-z]+", caption.lower()))


def _in_caption(caption: str) -> set[str]:
    words = _words(caption)
    things = {thing for thing, names in THINGS.items() if words & {*names.split()}}
    if "teddy bear" in things or words & {"stuffed", "toy", "toys"}:
        things -= {"bear"}
    return things | {place for place, (_, names) in PLACES.items() if words & {*names.split()}}


def _named(captions: Sequence[str], least: int) -> set[str]:
    """What at least that many captions name, or all where there are fewer."""
    seen = [_in_caption(caption) for caption in captions]
    return {each for each in set().union(*seen) if sum(each in those for those in seen) >= min(least, len(captions))}


# --- running ----------------------------------------------------------------------------------------------------


def take_in(photos: PhotoSet, gallery: Gallery, on_progress: StageProgress, engine: RayEngine | None = None) -> None:
    """Ingests the photographs that the gallery lacks, by workers of an `engine`. Raises what an ingest raises."""
    paths = [photos.folder / name for name in photos.names]
    gallery.ingest(*paths, on_progress=lambda now: on_progress(now.phase, now.done, now.total), engine=engine)


def evaluate_photos(photos: PhotoSet, gallery: Gallery, on_progress: StageProgress) -> dict[str, Any]:
    """The report: text → photo, and composed queries by the gallery's preset, by the image alone and the text alone.

    `gallery` holds the photographs already; further images in it are ranked too. Percentages come with their intervals.
    """
    started = time.perf_counter()
    ask = partial(_ranked, gallery=gallery, on_progress=on_progress)
    texts = [(name, text) for name, captions in photos.captions.items() for text in captions]
    found = ask("text → photo", [ComposedQuery(edit_text=text, k=DEPTH) for _, text in texts])
    hits = _relevance(found, [frozenset({name}) for name, _ in texts])
    queries = make_queries(photos)
    methods: dict[str, Any] = {}
    for method, has_image, has_text in (("preset", True, True), ("image", True, False), ("text", False, True)):
        asked = [
            ComposedQuery(
                reference=photos.folder / query.reference if has_image else None,
                edit_text=query.edit_text if has_text else None,
                # A text alone must not find the reference either: it asks for one more, and leaves it out.
                k=DEPTH if has_image else DEPTH + 1,
            )
            for query in queries
        ]
        ranked = [
            [name for name in row if name != query.reference][:DEPTH]
            for query, row in zip(queries, ask(f"composed: {method}", asked), strict=True)
        ]
        methods[method] = _measured(queries, ranked)
    return {
        "benchmark": "photos",
        "model": gallery.stats()["model"],
        "photos": len(photos.names),
        "captions": len(texts),
        "text_to_photo": rounded(estimates({f"recall@{k}": recall(hits, k) for k in (1, 5, 10)})),
        "text_to_photo_chance": {f"recall@{k}": round(100 * min(k / len(gallery), 1), 2) for k in (1, 5, 10)},
        "composed_queries": {kind: sum(query.kind == kind for query in queries) for kind in KINDS},
        "targets_per_query": round(float(np.mean([len(query.targets) for query in queries] or [0])), 2),
        "methods": methods,
        "chance": {"hit@5": round(100 * _chance(queries, len(gallery) - 1), 2)},
        "seconds": round(time.perf_counter() - started, 1),
    }


def _ranked(
    stage: str, queries: Sequence[ComposedQuery], gallery: Gallery, on_progress: StageProgress
) -> list[list[str]]:
    """The file names that each query finds, best first."""
    found: list[list[str]] = []
    for start in range(0, len(queries), AT_ONCE):
        answers = gallery.search_many(queries[start : start + AT_ONCE])
        found += [[Path(hit.path).name for hit in answer] for answer in answers]
        on_progress(stage, len(found), len(queries))
    return found


def _relevance(ranked: Sequence[Sequence[str]], targets: Sequence[frozenset[str]]) -> BoolArray:
    """(queries, DEPTH) whether each photo found is a target; a shorter ranking has nothing right at its end."""
    right = np.zeros((len(ranked), DEPTH), dtype=bool)
    for row, names, wanted in zip(right, ranked, targets, strict=True):
        row[: len(names)] = [name in wanted for name in names]
    return right


def _measured(queries: Sequence[PhotoQuery], ranked: Sequence[Sequence[str]]) -> dict[str, Any]:
    """hit@5 and mAP@10 with intervals, and hit@5 by kind; nothing where there are no queries."""
    if not queries:
        return {}
    right = _relevance(ranked, [query.targets for query in queries])
    counts = np.array([len(query.targets) for query in queries])
    hit = recall(right, 5)
    kinds = by_group(hit, [(query.kind,) for query in queries])
    return {
        **rounded(estimates({"hit@5": hit, "map@10": average_precision(right, counts, 10)})),
        "aspects": rounded(kinds),
    }


def _chance(queries: Sequence[PhotoQuery], others: int) -> float:
    """The share of queries that five photos drawn at random from the `others` hit."""

    def missed(targets: int) -> float:
        return float(np.prod([max(others - targets - drawn, 0) / max(others - drawn, 1) for drawn in range(5)]))

    return float(np.mean([1 - missed(len(query.targets)) for query in queries])) if queries else 0.0


def photo_tables(report: Mapping[str, Any]) -> str:
    """The report to read."""
    found, chance = report["text_to_photo"], report["text_to_photo_chance"]
    rows = [["", *(name.replace("recall", "R") for name in found), "R@10 from", "to"]]
    rows.append(["text → photo", *(f"{each['value']:.2f}" for each in found.values())])
    rows[-1] += [f"{found['recall@10'][end]:.2f}" for end in ("low", "high")]
    rows.append(["chance", *(f"{each:.2f}" for each in chance.values()), "", ""])
    title = f"{report['photos']} photos, {report['captions']} captions; model {report['model']}; percent"
    parts = [f"{title}, with 95 % intervals", aligned(rows)]
    if not (asked := sum(report["composed_queries"].values())):
        return "\n\n".join([*parts, "no composed queries: the captions name too little in common"])
    kinds = ", ".join(f"{count} {kind}" for kind, count in report["composed_queries"].items())
    methods = report["methods"]
    return "\n\n".join(
        [
            *parts,
            f"{asked} composed queries ({kinds}), {report['targets_per_query']:.1f} targets each; chance hit@5 "
            f"{report['chance']['hit@5']:.2f}",
            metrics_table(methods, "hit@5"),
            "hit@5 by kind",
            groups_table({name: found["aspects"] for name, found in methods.items()}),
        ]
    )
