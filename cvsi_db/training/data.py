"""Training pictures: pairs of scenes, drawn once into a folder and read back as arrays.

A pair is a scene A and a scene B that an edit of A leads to. `draw_pairs` fills a folder, `PairSet.open` reads it
(pictures stay on disk, memory-mapped) and `augment` jitters a batch. Captions are not stored: they are cheap, and fresh
ones are better.

A folder holds `pictures.npy` (n, 2, size, size, 3) uint8, `labels.npy` (n, 2, attributes) int8, `seeds.npy` (n, 2)
int64, `fixed.npy` (n, attributes) bool and `edits.json` (n pairs of edit text and added objects).

    train = PairSet.open(draw_pairs(folder, n=40_000, seed=1))
    train.pictures[:256, 0], train.scene(0, side=1), train.edit_texts[0]
"""

from __future__ import annotations

import json
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from cvsi_db.scenes.edits import Edit, apply_edit, sample_edit
from cvsi_db.scenes.grammar import is_held_out, labels, sample_scene, scene_of
from cvsi_db.scenes.renderer import render
from cvsi_db.scenes.scene import ATTRIBUTES, Scene

DRAWN_SIZE = 128
"""Side in pixels at which scenes are drawn before they are shrunk, as bigger files are when they are embedded."""

PICTURE_SIZE = 96
TRAIN_SEED, VAL_SEED = 1, 2
"""Seeds of the shipped bundle's training and validation pairs; benchmarks use others."""

_CHUNK = 500


@dataclass(frozen=True)
class PairSet:
    """Pairs of pictures with their labels; see the module's docstring for shapes.

    `fixed[i, a]` is True when edit i states the one value attribute a has afterwards.
    """

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int8]
    seeds: npt.NDArray[np.int64]
    fixed: npt.NDArray[np.bool_]
    edit_texts: tuple[str, ...]
    adds: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path) -> PairSet:
        """Reads a folder made by `draw_pairs`."""
        edits = json.loads((folder / "edits.json").read_text())
        return cls(
            pictures=np.load(folder / "pictures.npy", mmap_mode="r"),
            labels=np.load(folder / "labels.npy"),
            seeds=np.load(folder / "seeds.npy"),
            fixed=np.load(folder / "fixed.npy"),
            edit_texts=tuple(text for text, _ in edits),
            adds=tuple(added for _, added in edits),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def scene(self, index: int, side: int) -> Scene:
        """The scene of picture [index, side]."""
        return scene_of(tuple(self.labels[index, side].tolist()), int(self.seeds[index, side]))


def draw_pairs(folder: Path, n: int, seed: int, *, workers: int = 2) -> Path:
    """Draws `n` pairs into `folder` with some processes, unless they are there already; returns the folder.

    Pair i depends on `seed` and i alone, so a larger set begins with the smaller one.
    """
    if (folder / "edits.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    _empty_arrays(folder, n)
    starts = range(0, n, _CHUNK)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_draw_chunk, folder, start, min(start + _CHUNK, n), seed) for start in starts]
        edits = [edit for job in jobs for edit in job.result()]
    (folder / "edits.json").write_text(json.dumps(edits))
    return folder


def _empty_arrays(folder: Path, n: int) -> None:
    width = len(ATTRIBUTES)
    for name, shape, kind in (
        ("pictures", (n, 2, PICTURE_SIZE, PICTURE_SIZE, 3), np.uint8),
        ("labels", (n, 2, width), np.int8),
        ("seeds", (n, 2), np.int64),
        ("fixed", (n, width), np.bool_),
    ):
        np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=kind, shape=shape)


def _draw_chunk(folder: Path, start: int, stop: int, seed: int) -> list[tuple[str, str]]:
    """Fills rows start..stop of the arrays; returns edit text and added objects of each."""
    names = ("pictures", "labels", "seeds", "fixed")
    pictures, label, seeds, fixed = (np.load(folder / f"{name}.npy", mmap_mode="r+") for name in names)
    edits = []
    for index in range(start, stop):
        before, edit, after = sample_pair(random.Random(f"{seed}/{index}"))
        for side, scene in enumerate((before, after)):
            pictures[index, side] = np.asarray(shrink(render(scene, DRAWN_SIZE)))
            label[index, side] = labels(scene)
            seeds[index, side] = scene.seed
        fixed[index] = fixed_by(edit, after)
        edits.append((edit.text, edit.adds))
    return edits


def sample_pair(rng: random.Random) -> tuple[Scene, Edit, Scene]:
    """A random scene, an edit of it, and a scene the edit leads to: none of both shows what training must not see."""
    while True:
        before = sample_scene(rng)
        edit = sample_edit(before, rng)
        after = apply_edit(before, edit, rng)
        if not is_held_out(after):
            return before, edit, after


def fixed_by(edit: Edit, after: Scene) -> list[bool]:
    """For each attribute, whether the edit leaves it one value only."""
    return [edit.changes.get(name) == frozenset({getattr(after, name)}) for name in ATTRIBUTES]


def shrink(picture: Image.Image, size: int = PICTURE_SIZE) -> Image.Image:
    """The picture at the model's size, resampled as the model's own preprocessing does it."""
    return picture.resize((size, size), Image.Resampling.BICUBIC)


def augment(pictures: npt.NDArray[np.uint8], size: int, rng: np.random.Generator) -> torch.Tensor:
    """(n, 3, size, size) float32 in -1..1: randomly shifted, scaled, brightened pictures.

    Small enough to leave every attribute readable: scale 0.95 to 1.1, shift 4 %, brightness and contrast 10 %. Never
    mirrored: left and right mean something.
    """
    n = len(pictures)
    images = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
    scale = rng.uniform(0.95, 1.1, n)
    transform = np.zeros((n, 2, 3), np.float32)
    transform[:, 0, 0] = transform[:, 1, 1] = scale
    transform[:, :, 2] = rng.uniform(-0.08, 0.08, (n, 2))  # in half widths
    grid = torch.nn.functional.affine_grid(torch.from_numpy(transform), [n, 3, size, size], align_corners=False)
    shrunk = torch.nn.functional.interpolate(images, size, mode="area") if size < images.shape[-1] else images
    jittered = torch.nn.functional.grid_sample(shrunk, grid, padding_mode="reflection", align_corners=False)
    gain, shift = (rng.uniform(low, high, (n, 1, 1, 1)).astype(np.float32) for low, high in ((0.9, 1.1), (-0.08, 0.08)))
    return (jittered * torch.from_numpy(gain) + torch.from_numpy(shift)).clamp_(-1.0, 1.0)


def plain(pictures: npt.NDArray[np.uint8]) -> torch.Tensor:
    """(n, 3, h, w) float32 in -1..1: the pictures as they are."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
