"""Makes the sample gallery: drawn pictures, what they show, ten sample queries with their right answers.

`python -m cvsi_db.scenes.samples sample_gallery` writes pictures, scenes.json, queries.json and README.md; the same
files every time. Around each sample query it puts near misses on purpose.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from PIL.Image import Dither, Image, Quantize

from cvsi_db.scenes.edits import Edit, apply_edit, find_edit, is_match
from cvsi_db.scenes.grammar import neighbour, sample_plain_scene
from cvsi_db.scenes.scene import NONE, PLAIN_ATTRIBUTES, Scene

PICTURES = 120
"""How many pictures the gallery holds."""

_SEED = 32
_SIZES = (384, 448, 512)
_RIGHT = 2

QUERIES: tuple[tuple[Scene, str], ...] = (
    (Scene("cat", "red", setting="beach"), "with a hat"),
    (Scene("frog", "green", holds="flower", setting="meadow", style="watercolour"), "make it blue"),
    (Scene("bear", "brown", wears="scarf", setting="forest", style="paper cut"), "same but at night"),
    (Scene("owl", "white", wears="glasses", setting="room", holds="book"), "remove the glasses"),
    (Scene("fox", "orange", holds="umbrella", setting="city", weather="rain"), "move it to the mountains"),
    (Scene("pig", "pink", headwear="crown", setting="farm", style="watercolour"), "as a dog"),
    (Scene("penguin", "blue", companion="duck", setting="harbour"), "three of them"),
    (Scene("robot", "purple", setting="city", style="paper cut"), "now it is raining"),
    (Scene("rabbit", "yellow", holds="balloon", setting="meadow"), "holding a gift instead of a balloon"),
    (Scene("girl", "red", holds="ice cream", setting="beach"), "drawn as a pencil sketch"),
)
"""The sample queries: reference and edit text, one for each kind of edit worth trying."""

_MISSED = ("subject", "colour", "setting", "holds", "companion", "wears")
"""What near misses get wrong, after the edit was done right."""

_UNSAID = {"time": "day", "weather": "clear", "count": "one", "viewpoint": "full view", "style": "cartoon"}


@dataclass(frozen=True)
class Sample:
    """One picture of the gallery: its file name and the scene it shows."""

    file: str
    scene: Scene


def samples() -> list[Sample]:
    """The gallery's pictures in order: each query's reference, right answers and near misses, then random ones."""
    rng = random.Random(_SEED)
    scenes = [scene for reference, text in QUERIES for scene in _around(reference, find_edit(reference, text), rng)]
    for _ in range(PICTURES):
        scene = sample_plain_scene(rng)
        scenes.append(replace(scene, style=rng.choice(("cartoon", "watercolour", "paper cut", scene.style))))
    scenes = _distinct(scenes)[:PICTURES]
    return list(_named(scenes))


def queries(gallery: Iterable[Sample]) -> list[dict[str, Any]]:
    """The sample queries as queries.json holds them: reference, edit text, changes and the files that are right."""
    listed = list(gallery)
    found = []
    for reference, text in QUERIES:
        edit = find_edit(reference, text)
        found.append(
            {
                "reference": next(sample.file for sample in listed if sample.scene == reference),
                "edit_text": text,
                "changes": {name: sorted(allowed) for name, allowed in edit.changes.items()},
                "right": [sample.file for sample in listed if is_match(reference, edit, sample.scene)],
            }
        )
    return found


# --- scenes -----------------------------------------------------------------------------------------------------


def _around(reference: Scene, edit: Edit, rng: random.Random) -> Iterator[Scene]:
    """The reference, right answers, and near misses of one query."""
    right = _right_answers(reference, edit, rng)
    yield reference
    yield from right
    for name in _MISSED:
        if name not in edit.changes:
            yield _reseeded(neighbour(rng.choice(right), name, rng), rng)
    yield _undone(reference, edit, rng)
    for name in rng.sample([name for name in ("companion", "wears", "holds", "time") if name not in edit.changes], 2):
        yield _reseeded(neighbour(reference, name, rng), rng)


def _right_answers(reference: Scene, edit: Edit, rng: random.Random) -> list[Scene]:
    """Answers with different values where the edit leaves a choice, else two drawings of the same."""
    answers: list[Scene] = []
    choice = max(len(allowed) for allowed in edit.changes.values())
    while len(answers) < (3 if choice > 1 else _RIGHT):
        answer = apply_edit(reference, edit, rng)
        if choice == 1 or answer.attributes() not in [known.attributes() for known in answers]:
            answers.append(answer)
    return answers


def _undone(reference: Scene, edit: Edit, rng: random.Random) -> Scene:
    """The reference with the edited attribute changed to something that was not asked for."""
    name = next(iter(edit.changes))
    while True:
        other = neighbour(reference, name, rng)
        if not is_match(reference, edit, other):
            return _reseeded(other, rng)


def _reseeded(scene: Scene, rng: random.Random) -> Scene:
    return replace(scene, seed=rng.getrandbits(31))


def _distinct(scenes: Iterable[Scene]) -> list[Scene]:
    """Each content once; only the right answers of a query may show the same attributes twice."""
    kept: list[Scene] = []
    answers = [(reference, find_edit(reference, text)) for reference, text in QUERIES]
    for scene in scenes:
        twin = any(scene.attributes() == other.attributes() for other in kept)
        is_right = any(is_match(reference, edit, scene) for reference, edit in answers)
        if not twin or is_right:
            kept.append(scene)
    return kept


# --- files ------------------------------------------------------------------------------------------------------


def _named(scenes: Iterable[Scene]) -> Iterator[Sample]:
    """File names from what is notable; a second drawing of the same gets a "-2". Every eighth picture is a JPEG."""
    taken: dict[str, int] = {}
    for index, scene in enumerate(scenes):
        name = _name(scene)
        taken[name] = taken.get(name, 0) + 1
        number = f"-{taken[name]}" if taken[name] > 1 else ""
        yield Sample(f"{name}{number}.{'jpg' if index % 8 == 7 else 'png'}", scene)


def _name(scene: Scene) -> str:
    facts = [scene.colour, scene.subject, scene.setting]
    for name in PLAIN_ATTRIBUTES:
        value = getattr(scene, name)
        if name not in ("colour", "subject", "setting") and value not in (NONE, _UNSAID.get(name)):
            facts.append(value)
    return "-".join(facts).replace(" ", "-")


def write_samples(folder: Path) -> list[Path]:
    """Write the whole sample gallery into `folder` (made if missing) and return the files; others there stay."""
    from cvsi_db.scenes.renderer import render  # draws with skia, which only this step needs

    folder.mkdir(parents=True, exist_ok=True)
    gallery = samples()
    for index, sample in enumerate(gallery):
        _save(render(sample.scene, _SIZES[index % len(_SIZES)]), folder / sample.file)
    listed = [{"file": sample.file, **sample.scene.attributes(), "seed": sample.scene.seed} for sample in gallery]
    asked = queries(gallery)
    one_per_line = ",\n".join(json.dumps(record) for record in listed)
    (folder / "scenes.json").write_text(f"[\n{one_per_line}\n]\n", encoding="utf-8")
    (folder / "queries.json").write_text(json.dumps(asked, indent=2) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_readme(asked), encoding="utf-8")
    return [folder / sample.file for sample in gallery]


def _save(picture: Image, path: Path) -> None:
    """A JPEG, or a PNG of 256 colours: a third of the bytes, and k-means keeps the small bright things."""
    if path.suffix == ".jpg":
        picture.save(path, quality=88)
    else:
        picture.quantize(256, method=Quantize.MAXCOVERAGE, kmeans=2, dither=Dither.NONE).save(path, optimize=True)


_README = """# Sample gallery

{pictures} pictures to try composed image search on: *this picture, but …*. All of them are drawn by this project's own
code, from scenes of its own small world, so they need no photographer's permission. Made by one command:

```
python -m cvsi_db.scenes.samples sample_gallery
```

`scenes.json` says what each picture shows, `queries.json` holds ten queries with their right answers. A right answer
shows what the edit text asks for and keeps everything else of the reference image. Around each query the gallery holds
near misses on purpose: the right change on another subject, in another setting or colour, or with something extra.

## Try

```
cvsi-db ingest sample_gallery --model starter --db samples
cvsi-db search sample_gallery/{reference} "{edit_text}" --db samples
```

| reference image | edit text | right answers |
|---|---|---|
{rows}

## Licence

Pictures and descriptions: MIT, like the code that draws them.
"""


def _readme(asked: list[dict[str, Any]]) -> str:
    rows = [
        f"| `{q['reference']}` | {q['edit_text']} | {', '.join(f'`{file}`' for file in q['right'])} |" for q in asked
    ]
    first = asked[0]
    return _README.format(
        pictures=PICTURES, reference=first["reference"], edit_text=first["edit_text"], rows="\n".join(rows)
    )


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Draw the sample gallery into FOLDER."""
    written = write_samples(folder)
    size = sum(path.stat().st_size for path in written)
    click.echo(f"{len(written)} pictures, {size / 1e6:.1f} MB, in {folder}")


if __name__ == "__main__":
    main()
