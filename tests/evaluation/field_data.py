"""Small benchmarks in the published layouts, with drawn pictures; and where the real annotations are, if anywhere."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.fakes import COLOURS

REAL = Path(os.environ.get("CVSI_DATA") or Path(__file__).parents[3] / "shared" / "data")


def real(name: str) -> Path:
    """The folder of a benchmark's real annotations; skips the test where there is none."""
    if not (REAL / name).is_dir():
        pytest.skip(f"no {name} annotations under {REAL}: set CVSI_DATA to the folder that holds {name}/")
    return REAL / name


def write_json(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), "utf-8")
    return path


def draw(path: Path) -> Path:
    """A small picture that no other name has: a square of one colour on another, placed by the name's digest."""
    digest = hashlib.sha256(path.stem.encode()).digest()
    colours = list(COLOURS.values())
    picture = Image.new("RGB", (48, 48), colours[digest[0] % 9])
    left, top, side = digest[1] % 32, digest[2] % 32, 6 + digest[3] % 10
    picture.paste(colours[digest[4] % 9], (left, top, left + side, top + side))
    picture.putpixel((0, 0), (digest[5], digest[6], digest[7]))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return path


def draw_all(paths: Iterable[Path]) -> None:
    for path in paths:
        draw(path)


def cirr(folder: Path, split: str = "val", images: int = 12) -> Path:
    """Three queries over `images` images, of which each has a subset of five; val says what is right."""
    names = [f"{split}-{number}-img0" for number in range(images)]
    entries = [
        {
            "pairid": 100 + row,
            "reference": names[row],
            "caption": text,
            "img_set": {"members": names[row : row + 6]},
            **({"target_hard": names[row + 2]} if split == "val" else {}),
        }
        for row, text in enumerate(("make it  blue", "with a hat", " "))
    ]
    write_json(folder / "captions" / f"cap.rc2.{split}.json", entries)
    files = {name: f"./dev/{name}.png" for name in names}
    write_json(folder / "image_splits" / f"split.rc2.{split}.json", files)
    draw_all(folder / "img_raw" / path for path in files.values())
    return folder


def circo(folder: Path, split: str = "val", images: int = 12) -> Path:
    """Three queries over images 1 to `images`; the last has two targets and two aspects."""
    truth: list[dict[str, Any]] = [
        {"target_img_id": 4, "gt_img_ids": [4], "semantic_aspects": ["addition"]},
        {"target_img_id": 5, "gt_img_ids": [5], "semantic_aspects": ["negation"]},
        {"target_img_id": 7, "gt_img_ids": [7, 6], "semantic_aspects": ["addition", "viewpoint"]},
    ]
    texts = ("make it blue", "without the hat", "at night")
    entries = [
        {"id": row, "reference_img_id": row + 1, "relative_caption": text, **(known if split == "val" else {})}
        for row, (text, known) in enumerate(zip(texts, truth, strict=True))
    ]
    write_json(folder / "annotations" / f"{split}.json", entries)
    pictures = folder / "COCO2017_unlabeled" / "unlabeled2017"
    draw_all(pictures / f"{number:012d}.jpg" for number in range(1, images + 1))
    return folder


def fashioniq(folder: Path, images: int = 12) -> Path:
    """Two queries in each category; shirt and toptee share an image, and every other picture is a JPEG."""
    for category in ("dress", "shirt", "toptee"):
        names = [f"{category.upper()}{number}" for number in range(images)]
        if category == "toptee":
            names[3] = "SHIRT3"
        entries = [
            {"candidate": names[row], "target": names[row + 2], "captions": ["is  blue. ", "has a hat?"]}
            for row in range(2)
        ]
        write_json(folder / "captions" / f"cap.{category}.val.json", entries)
        write_json(folder / "image_splits" / f"split.{category}.val.json", names)
        draw_all(folder / "images" / f"{name}.{('png', 'jpg')[row % 2]}" for row, name in enumerate(names))
    return folder
