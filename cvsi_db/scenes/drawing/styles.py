"""The five drawing styles: the ink each draws with, and what it does to the finished picture.

Takes and returns RGB pixels as float32 arrays (size, size, 3), 0..255.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cvsi_db.scenes.drawing.pen import Ink, Pixels

Field = NDArray[np.float32]
"""One number per pixel, (size, size)."""

PIXEL_ART_SIZE = 64


@dataclass(frozen=True)
class Style:
    """An ink, a last step over the pixels (with the scene's seed), and a fixed drawing size if the style has one."""

    ink: Ink
    finish: Callable[[Pixels, int], Pixels]
    size: int | None = None


@lru_cache(maxsize=64)
def _noise(size: int, cells: int, stream: int) -> Field:
    """Smooth noise in -1..1 with about `cells` bumps across, (size, size)."""
    grid = np.random.default_rng(stream).uniform(-1, 1, (cells + 2, cells + 2)).astype(np.float32)
    places = np.linspace(0, cells, size, endpoint=False, dtype=np.float32)
    whole = places.astype(np.intp)
    part = places - whole
    part = part * part * (3 - 2 * part)
    rows = grid[whole] * (1 - part)[:, None] + grid[whole + 1] * part[:, None]  # (size, cells + 2)
    return np.ascontiguousarray(rows[:, whole] * (1 - part) + rows[:, whole + 1] * part)


@lru_cache(maxsize=16)
def _grain(size: int) -> Field:
    """The tooth of paper: fine noise, the same number of grains across at any size."""
    return 0.6 * _noise(size, 90, 1) + 0.4 * _noise(size, 37, 2)


def _luminance(pixels: Pixels) -> Field:
    return np.asarray(pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32))


def _as_drawn(pixels: Pixels, _seed: int) -> Pixels:
    return pixels


@lru_cache(maxsize=16)
def _hatching(size: int) -> tuple[Field, Field]:
    """Two sets of slanting pencil lines as darkness in 0..1, slightly wavy, 30 lines across."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) * (100 / size)
    wave = 0.5 * _noise(size, 6, 3)
    first = np.clip(np.sin((x + y + wave) * 2.1), 0, 1) ** 2
    second = np.clip(np.sin((x - y + wave) * 2.1), 0, 1) ** 2
    return first.astype(np.float32), second.astype(np.float32)


def _pencil(pixels: Pixels, _seed: int) -> Pixels:
    first, second = _hatching(pixels.shape[0])
    dark = 1 - _luminance(pixels) / 255
    weight = 0.34 * np.clip(dark * 1.9, 0, 1) * first + 0.3 * np.clip(dark * 2.4 - 0.9, 0, 1) * second
    tooth = 1 + 0.035 * _grain(pixels.shape[0])
    return np.asarray(pixels * ((1 - weight) * tooth)[..., None])


@lru_cache(maxsize=64)
def _bleed(size: int, variant: int) -> tuple[NDArray[np.intp], Field, Field]:
    """Where each pixel's paint ran from (flat indices), how much pigment settled there, and the bare paper margin."""
    strength = size / 100
    dy, dx = ((1.1 * _noise(size, 13, 10 + variant + way) + 0.5 * _noise(size, 40, 20 + way)) for way in (0, 40))
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    row = np.clip(y + strength * dy, 0, size - 1).astype(np.intp)
    column = np.clip(x + strength * dx, 0, size - 1).astype(np.intp)
    pigment = 0.16 * _noise(size, 7, 30 + variant) + 0.08 * _noise(size, 19, 31) + 0.05 * _grain(size)
    edge = np.minimum.reduce([x, y, size - 1 - x, size - 1 - y]) / strength
    bare = np.clip(1.6 - 0.55 * (edge + 1.6 * _noise(size, 24, 50 + variant)), 0, 1)
    return row * size + column, pigment.astype(np.float32), bare.astype(np.float32)


def _box_blur(pixels: Pixels, reach: int) -> Pixels:
    """The mean over a square of `reach` pixels to each side, edges repeated."""
    size, width = pixels.shape[0], 2 * reach + 1
    tall = np.pad(pixels, ((reach, reach), (0, 0), (0, 0)), mode="edge")
    rows = np.add.reduce([tall[step : step + size] for step in range(width)])
    wide = np.pad(rows, ((0, 0), (reach, reach), (0, 0)), mode="edge")
    return np.asarray(np.add.reduce([wide[:, step : step + size] for step in range(width)]) / np.float32(width * width))


def _wash(pixels: Pixels, seed: int) -> Pixels:
    size = pixels.shape[0]
    source, pigment, bare = _bleed(size, seed % 4)
    run = pixels.reshape(-1, 3)[source].reshape(pixels.shape)
    soft = _box_blur(run, max(1, round(size / 100)))
    # Paint dries darker along the rim of a wash: where a pixel is darker than what surrounds it.
    rim = np.clip(soft - run, 0, 60)
    thin = 1 - np.clip(0.92 + pigment, 0.66, 1.0)
    paper = np.array([253, 250, 242], dtype=np.float32)
    painted = (0.55 * run + 0.45 * soft) - 0.5 * rim
    share = np.maximum(thin, bare)[..., None]
    return np.asarray(painted * (1 - share) + paper * share)


def _few_colours(pixels: Pixels, _seed: int) -> Pixels:
    step = 255 / 10
    return np.asarray(np.round(pixels / step) * step)


def _cut_paper(pixels: Pixels, seed: int) -> Pixels:
    size = pixels.shape[0]
    fibre = 0.028 * _grain(size) + 0.03 * _noise(size, 60, 4 + seed % 3)
    return np.asarray(pixels * (1 + fibre)[..., None])


STYLES: dict[str, Style] = {
    "cartoon": Style(Ink(outline=0.62, shading=0.13), _as_drawn),
    "sketch": Style(Ink(outline=0.34, rough=0.28, paper=(250, 247, 238), fade=0.3), _pencil),
    "watercolour": Style(Ink(shading=0.22, paper=(253, 250, 242), fade=0.04), _wash),
    "pixel art": Style(Ink(outline=0.7), _few_colours, size=PIXEL_ART_SIZE),
    "paper cut": Style(Ink(shadow=1.15), _cut_paper),
}
