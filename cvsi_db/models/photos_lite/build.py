"""Builds vocabulary.json.gz from concepts.txt and WordNet 3.0.

`python -m cvsi_db.models.photos_lite.build --wordnet DIR`: DIR holds WordNet's index.*, data.* and *.exc files, as
Debian's package wordnet-base has them in /usr/share/wordnet. The same input gives the same bytes. What comes out:

- `meanings`: each with its name, kind, weight, classes or places (`at`) and how much of each (`by`);
- `classes`: the first name of each class;
- `words`: the meaning of each word: those of concepts.txt, ImageNet's own names, and WordNet's nouns above them;
- `groups`: the meanings that have a dimension of their own;
- `near`: of every other single noun, the known word nearest above it in WordNet, at most STEPS up;
- `unseen`: the words of WordNet that have nothing to show;
- `irregular`: forms that no rule folds, and their base.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cvsi_db.models.photos_lite.layout import CLASSES, COLOUR_PLACES, REGIONS

HERE = Path(__file__).parent
STEPS = 4
WIDEST = 130
"""A noun of WordNet with more classes below it says too little."""
NATURAL = {"05", "13", "20"}
"""WordNet's files of animals, food and plants: a word that is not known may stand for any noun of these; of others, as
"structure" and "surface", for words of concepts.txt and names of classes alone."""
SHOWN = {"05", "06", "13", "17", "18", "20"}
"""WordNet's files of what can stand before a camera: animals, artifacts, food, natural objects, people and plants."""
TOPS = {"person", "animal", "plant", "food"}
"""What WordNet keeps apart, for it is above all else."""
GROUPS_OF_PEOPLE = "14"
MARKS = {"~": 0.5, "-": -1.0}
Places = dict[int | str, float]


class WordNet:
    """The nouns of WordNet as a graph, and the words of its other parts of speech."""

    def __init__(self, folder: Path) -> None:
        self.lemmas: dict[str, list[str]] = {}
        self.above: dict[str, list[str]] = {}
        self.file: dict[str, str] = {}
        for offset, file, words, parents in _synsets(folder / "data.noun"):
            self.lemmas[offset], self.file[offset], self.above[offset] = words, file, parents
        self.senses = {lemma: offsets for lemma, offsets, _ in _index(folder / "index.noun")}
        self.tagged = {
            part: {lemma: count for lemma, _, count in _index(folder / f"index.{part}")}
            for part in ("noun", "verb", "adj", "adv")
        }
        self.irregular = {
            form: base
            for part in ("noun", "verb")
            for form, base, *_ in map(str.split, (folder / f"{part}.exc").read_text("utf-8").splitlines())
            if "_" not in form
        }

    def ancestors(self, offset: str, steps: int = 99) -> dict[str, int]:
        """The synsets above one, each with the fewest steps to it."""
        found, edge = {offset: 0}, [offset]
        for step in range(1, steps + 1):
            edge = [up for each in edge for up in self.above.get(each, ()) if up not in found]
            found |= dict.fromkeys(edge, step)
        return found


def _synsets(path: Path) -> Iterator[tuple[str, str, list[str], list[str]]]:
    """(offset, file, words, offsets of the synsets above) of each synset."""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith(" "):
            continue
        fields = line.split(" | ")[0].split()
        count = int(fields[3], 16)
        rest = fields[5 + 2 * count :]
        parents = [rest[at + 1] for at, mark in enumerate(rest) if mark == "@"]
        yield fields[0], fields[1], [word.replace("_", " ") for word in fields[4 : 4 + 2 * count : 2]], parents


def _index(path: Path) -> Iterator[tuple[str, list[str], int]]:
    """(lemma, offsets of its senses, how many of them are tagged in WordNet's texts) of each word."""
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith(" "):
            fields = line.split()
            senses = int(fields[2])
            yield fields[0].replace("_", " "), fields[-senses:], int(fields[-senses - 1])


def read_classes(wordnet: WordNet) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """ImageNet's classes by each of their names, and by the offset of every synset that they are below."""
    from cvsi_db.models.torchvision_shim import ensure_torchvision

    ensure_torchvision()  # before timm, which imports it
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    named: dict[str, list[int]] = {}
    below: dict[str, list[int]] = {}
    for place in range(CLASSES):
        for name in info.index_to_description(place, detailed=False).split(","):
            named.setdefault(name.strip().lower(), []).append(place)
        for offset in wordnet.ancestors(info.index_to_label_name(place)[1:]):
            below.setdefault(offset, []).append(place)
    return named, below


def read_concepts(
    text: str, named: dict[str, list[int]], below: dict[str, list[int]], wordnet: WordNet
) -> Iterator[Any]:
    """(kind, weight, whether a group, words, places) of each line. Raises ValueError for a line that makes no sense."""
    kind = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if header := re.fullmatch(r"\[(\w+)\]", line):
            kind = header[1]
            continue
        parts = re.fullmatch(r"([\d.]+ )?(\* )?(.+?) : ([^|]*)(?:\| *(.*))?", line)
        if parts is None:
            raise ValueError(f"line {number} is not WORDS : CLASSES | COLOURS: {line!r}")
        weight, group, words, classes, colours = parts.groups()
        places: Places = {}
        try:
            for name, share in _marked(classes):
                found = _classes(name, named, below, wordnet)
                each = share * min(1.0, (3 / len(found)) ** 0.5)
                places |= {place: each for place in found if abs(each) > abs(places.get(place, 0.0))}
            for name, share in _marked(colours or ""):
                colour, _, region = name.partition(".")
                for place in [f"{colour}.{each}" for each in REGIONS] if region == "a" else [name]:
                    if place not in COLOUR_PLACES:
                        raise KeyError(place)
                    places[place] = places.get(place, 0.0) + share / (len(REGIONS) if region == "a" else 1)
        except KeyError as error:
            raise ValueError(f"line {number} names {error.args[0]!r}, which is no class, noun or colour") from None
        yield kind, float(weight or 1), bool(group), [word.strip() for word in words.split(",")], places


def _marked(text: str) -> Iterator[tuple[str, float]]:
    for name in filter(None, map(str.strip, text.split(","))):
        bare, share = name.lstrip("~-"), 1.0
        for mark in name[: len(name) - len(bare)]:
            share *= MARKS[mark]
        yield bare, share


def _classes(name: str, named: dict[str, list[int]], below: dict[str, list[int]], wordnet: WordNet) -> list[int]:
    if name.startswith("@"):
        return next(below[offset] for offset in wordnet.senses[name[1:]] if offset in below)
    if "#" in name:
        return [int(name.partition("#")[2])]
    return named[name.lower()]


@dataclass
class Builder:
    """The vocabulary while it is made."""

    meanings: list[dict[str, Any]] = field(default_factory=list)
    words: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, kind: str, weight: float, places: Places) -> int:
        """A new meaning; returns its number."""
        by = [round(share, 4) for share in places.values()]
        self.meanings.append({"name": name, "kind": kind, "weight": weight, "at": list(places), "by": by})
        return len(self.meanings) - 1

    def add_class(self, name: str, classes: Sequence[int]) -> None:
        """A name of ImageNet's; one on a line of concepts.txt stands for its own class above all: "jeep" among cars."""
        own: Places = dict.fromkeys(classes, 1.0)
        if name in self.words:
            line = self.meanings[self.words[name]]
            shares = dict(zip(line["at"], line["by"], strict=True))
            if line["name"] == name or not any(shares.get(each) == 1 for each in classes):
                return  # the line's own name, or another thing of that name
            own = {place: share / 3 for place, share in shares.items()} | own
        self.words[name] = self.add(name, "class", 1.0, own)


def build(wordnet: WordNet, concepts: str) -> dict[str, Any]:
    """The vocabulary, as it is written."""
    named, below = read_classes(wordnet)
    made, groups, misleading = Builder(), list[int](), set[str]()
    sizes: dict[str, int] = {}
    for kind, weight, is_group, own, places in read_concepts(concepts, named, below, wordnet):
        if kind == "misleading":
            misleading |= {*own}
            continue
        number = made.add(own[0], kind, weight, places)
        groups += [number] if is_group else []
        for word in own:
            if len(own) <= sizes.get(word, len(own)):
                made.words[word], sizes[word] = number, len(own)
    for name in sorted(named.keys() - misleading):
        made.add_class(name, named[name])
    for offset, classes in below.items():
        if len(classes) > WIDEST or wordnet.file.get(offset) not in SHOWN:
            continue
        firsts = [word.lower() for word in wordnet.lemmas[offset] if _is_first(word, offset, wordnet)]
        if new := [word for word in firsts if word not in misleading and word not in made.words]:
            made.words |= dict.fromkeys(new, made.add(new[0], "noun", 1.0, dict.fromkeys(classes, 1.0)))
    near, unseen = _others(wordnet, made.words, made.meanings)
    first = {place: name for name, each in reversed(named.items()) for place in each}
    return {
        "classes": [first[place] for place in range(CLASSES)],
        "meanings": made.meanings,
        "words": made.words,
        "groups": groups,
        "near": near,
        "unseen": " ".join(unseen),
        "irregular": {form: base for form, base in wordnet.irregular.items() if base in made.words or base in near},
    }


def _is_first(word: str, offset: str, wordnet: WordNet) -> bool:
    """Whether a synset is what a word means most often."""
    return wordnet.senses.get(word.lower(), [""])[0] == offset


def _others(
    wordnet: WordNet, words: dict[str, int], meanings: list[dict[str, Any]]
) -> tuple[dict[str, str], list[str]]:
    """Of the single words that are not known: the known word above each noun, and the words that show nothing."""
    near: dict[str, str] = {}
    unseen: list[str] = []
    parts = wordnet.tagged
    for word in sorted(set().union(*parts.values())):
        if word in words or not re.fullmatch(r"[a-z][a-z-]+", word):
            continue
        tags = Counter({part: counts[word] for part, counts in parts.items() if word in counts})
        is_noun = "noun" in tags and tags["noun"] == max(tags.values())
        above = next(_known_above(word, wordnet, words, meanings), None) if is_noun else None
        is_name = "noun" in tags and len(tags) == 1 and not _is_common(word, wordnet)
        if above:
            near[word] = above
        elif not is_name:
            unseen.append(word)
    return near, unseen


def _is_common(word: str, wordnet: WordNet) -> bool:
    """Whether WordNet writes the word small in any sense."""
    return any(word in wordnet.lemmas.get(offset, ()) for offset in wordnet.senses[word])


def _known_above(word: str, wordnet: WordNet, words: dict[str, int], meanings: list[dict[str, Any]]) -> Iterator[str]:
    """The known words for what a noun means first, or is a kind of, from near to far."""
    first = wordnet.senses[word][0]
    if word not in wordnet.lemmas.get(first, ()):
        return  # a name
    for offset in wordnet.ancestors(first, STEPS):
        for lemma in wordnet.lemmas.get(offset, ()):
            if lemma in words and _is_first(lemma, offset, wordnet):
                meaning = meanings[words[lemma]]
                file, own = wordnet.file[offset], meaning["kind"] != "noun"
                at_place = file == GROUPS_OF_PEOPLE and meaning["kind"] == "place"  # a school, a church
                shown = file in SHOWN or lemma in TOPS or at_place
                if shown and (own or file in NATURAL):
                    yield lemma


PHOTOGRAPHS = ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "rocket.jpg", "brick.png")
"""Photographs of scikit-image that are in the public domain or under CC0."""


def build_reference(folder: Path) -> dict[str, list[float]]:
    """What an ordinary photograph has, by the photographs in a folder; classes halfway to their overall mean."""
    from PIL import Image

    from cvsi_db.models.photos_lite import network
    from cvsi_db.models.photos_lite.colours import colours_of
    from cvsi_db.models.photos_lite.encoder import lifted

    pictures = [network.prepare(Image.open(folder / name).convert("RGB")) for name in PHOTOGRAPHS]
    seen = [lifted(*network.look(picture, "cpu")) for picture in pictures]
    classes, groups = (np.mean(each, axis=0) for each in zip(*seen, strict=True))
    colours = np.stack([colours_of(picture) for picture in pictures])
    found = {
        "classes": (classes + classes.mean()) / 2,
        "groups": groups,
        "colours": colours.mean(0),
        "colour_deviations": colours.std(0) + 0.05,
    }
    return {name: [round(float(value), 4) for value in values] for name, values in found.items()}


def main() -> None:
    """Reads the command line and writes the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wordnet", type=Path, required=True, metavar="DIR", help="WordNet's database files")
    parser.add_argument("--out", type=Path, default=HERE / "vocabulary.json.gz", metavar="FILE")
    parser.add_argument("--photographs", type=Path, metavar="DIR", help="scikit-image's data, for reference.json")
    given = parser.parse_args()
    vocabulary = build(WordNet(given.wordnet), (HERE / "concepts.txt").read_text("utf-8"))
    text = json.dumps(vocabulary, separators=(",", ":"), ensure_ascii=False)
    given.out.write_bytes(gzip.compress(text.encode(), mtime=0))
    counts = ", ".join(f"{len(vocabulary[key])} {key}" for key in ("words", "meanings", "groups", "near", "irregular"))
    if given.photographs:  # only now: groups are those just written
        (HERE / "reference.json").write_text(json.dumps(build_reference(given.photographs)) + "\n", "utf-8")
    print(f"{given.out}: {given.out.stat().st_size:,} bytes; {counts}, {len(vocabulary['unseen'].split())} unseen")


if __name__ == "__main__":
    main()
