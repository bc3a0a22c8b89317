"""Edit texts that people wrote for real photographs and for clothes, each with a caption it may be meant for.

Reads the validation captions of CIRR and FashionIQ where they are present. `python -m tests.models.real_text` prints
the rows of the table in `cvsi_db/models/starter/rewrites.md`, without the verdicts.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from cvsi_db.models.rules import RulesRewriter
from cvsi_db.models.rules.inflect import singular

DATA = Path(os.environ.get("CVSI_DATA") or Path(__file__).parents[3] / "shared" / "data")
PHOTOS = {
    "a brown dog sitting on the grass": "dog puppy",
    "two small dogs lying on a bed": "bed",
    "a small bird on a branch": "bird branch",
    "a monkey sitting on a rock next to a tree": "monkey gorilla rock tree",
    "two bottles of soda on a wooden table": "bottle soda can",
    "a black laptop computer on a desk": "laptop computer screen phone",
    "a white bowl of soup on a table": "bowl food plate table",
    "a woman holding a baby in a kitchen": "woman baby girl kitchen",
    "a large building next to a street": "building house street store",
    "a red bus parked on the street": "bus car train",
    "a group of people at a restaurant": "people person man restaurant",
    "a large fish in the water": "fish water seal",
}
"""Captions of photographs, each with words of edit texts that it suits."""
CLOTHES = {
    "dress": ("a red sleeveless dress", "a woman wearing a long black dress"),
    "shirt": ("a white t-shirt with a logo", "a man in a blue plaid shirt"),
    "toptee": ("a pink top with short sleeves", "a grey tank top"),
}
STEPS = {"cirr": (34, 120), "fashioniq": (75, 80)}
"""Which entries the table shows: every how many-th, from the first on, and how many of them."""


def cirr() -> list[str]:
    """Every edit text of CIRR's validation split, in its order."""
    return [entry["caption"] for file in _files("cirr") for entry in _entries(file)]


def fashioniq() -> list[tuple[str, str]]:
    """Every pair of edit texts of FashionIQ's validation splits as one text, with the category before it."""
    return [
        (file.name.split(".")[1], " and ".join(text.strip(".?, ") for text in entry["captions"]))
        for file in _files("fashioniq")
        for entry in _entries(file)
    ]


def _files(name: str) -> list[Path]:
    return sorted((DATA / name / "captions").glob("*.val.json"))


def _entries(file: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(file.read_text())
    return entries


def photo_for(edit_text: str, row: int) -> str:
    """The first caption with a word of the edit text, else the next one in turn."""
    words = {singular(word) for word in re.findall(r"[a-z]+", edit_text.lower())}
    fitting = (caption for caption, suited in PHOTOS.items() if words & set(suited.split()))
    return next(fitting, list(PHOTOS)[row % len(PHOTOS)])


def chosen() -> list[tuple[str, str]]:
    """Caption and edit text of the rows of the table."""
    step, rows = STEPS["cirr"]
    photos = [(photo_for(text, row), text) for row, text in enumerate(cirr()[::step][:rows])]
    step, rows = STEPS["fashioniq"]
    clothes = [(CLOTHES[kind][row % 2], text) for row, (kind, text) in enumerate(fashioniq()[::step][:rows])]
    return photos + clothes


def cells(*texts: str) -> str:
    """One row of a Markdown table."""
    return "| " + " | ".join(" ".join(text.replace("|", "/").split()) for text in texts) + " |"


def main() -> None:
    """Prints caption, edit text, edited caption and added objects of every row."""
    rewriter = RulesRewriter()
    for caption, edit_text in chosen():
        rewrite = rewriter.rewrite([caption], edit_text)
        print(cells(caption, edit_text, rewrite.edited_captions[0], rewrite.added_objects))


if __name__ == "__main__":
    main()
