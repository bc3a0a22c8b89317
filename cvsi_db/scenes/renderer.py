"""Draws a scene: `render(scene, size)` returns an RGB picture, the same bytes for the same scene.

Composes backdrop, figures, companion and weather, then finishes in the scene's style. What no attribute names (layout,
exact shades, mirroring) comes from the scene's seed. Knows nothing about words or edits.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cvsi_db.scenes.drawing.anatomy import Subject
from cvsi_db.scenes.drawing.backdrops import draw_backdrop
from cvsi_db.scenes.drawing.companions import COMPANIONS, FLYERS
from cvsi_db.scenes.drawing.headwear import HEADWEAR
from cvsi_db.scenes.drawing.holds import HOLDS
from cvsi_db.scenes.drawing.palette import SUBJECT_COLOURS, Colour, backdrop_tint, figure_tint, jitter
from cvsi_db.scenes.drawing.pen import Pen, Pixels
from cvsi_db.scenes.drawing.place import Place
from cvsi_db.scenes.drawing.sky import draw_weather
from cvsi_db.scenes.drawing.styles import STYLES
from cvsi_db.scenes.drawing.subjects import SUBJECTS
from cvsi_db.scenes.drawing.wears import WEARS
from cvsi_db.scenes.scene import NONE, Scene

HAND = (33.0, -40.0)
"""Where a holding hand is, in figure units."""


@dataclass(frozen=True)
class Framing:
    """How a viewpoint shows figures: by count their scale, places (x) and the y of their feet; the backdrop's zoom."""

    scales: dict[str, float]
    places: dict[str, tuple[float, ...]]
    feet: dict[str, float]
    zoom: float
    companion: float  # scale of the companion


FRAMINGS: dict[str, Framing] = {
    "close-up": Framing(
        scales={"one": 0.94, "two": 0.78, "three": 0.62},
        places={"one": (43,), "two": (22, 64), "three": (14, 43, 72)},
        feet={"one": 122, "two": 117, "three": 111},
        zoom=1.5,
        companion=0.82,
    ),
    "full view": Framing(
        scales={"one": 0.58, "two": 0.50, "three": 0.42},
        places={"one": (46,), "two": (27, 67), "three": (17, 47, 77)},
        feet={"one": 91, "two": 90, "three": 89},
        zoom=1.0,
        companion=0.58,
    ),
    "from afar": Framing(
        scales={"one": 0.38, "two": 0.35, "three": 0.32},
        places={"one": (46,), "two": (33, 61), "three": (25, 48, 71)},
        feet={"one": 84, "two": 84, "three": 84},
        zoom=1.0,
        companion=0.46,
    ),
}


def render(scene: Scene, size: int = 384) -> Image.Image:
    """The picture of `scene`: RGB, `size` × `size` pixels. Importing this module without skia raises CvsiError."""
    style = STYLES[scene.style]
    pen = Pen(style.size or size, style.ink)
    with pen.at(50, 50, flip=dice(scene, "mirror").random() < 0.5), pen.at(-50, -50):
        _draw_backdrop(pen, scene)
        _draw_figures(pen, scene)
        draw_weather(pen, scene.time, scene.weather, dice(scene, "weather", scene.weather))
    pixels = style.finish(pen.pixels(), dice(scene, "finish").randrange(1 << 16))
    picture = Image.fromarray(_to_bytes(pixels), "RGB")
    return picture if picture.width == size else _enlarge(picture, size)


def dice(scene: Scene, *stream: str) -> Random:
    """Randomness for one part of a picture: other parts may change without touching it. Never Python's own hash()."""
    name = "|".join((str(scene.seed), *stream))
    return Random(int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big"))


def _to_bytes(pixels: Pixels) -> NDArray[np.uint8]:
    return np.asarray(np.clip(pixels + 0.5, 0, 255), dtype=np.uint8)


def _enlarge(picture: Image.Image, size: int) -> Image.Image:
    """Square pixels at any size: whole multiples first, then down to `size`."""
    times = -(-size // picture.width)
    large = picture.resize((picture.width * times,) * 2, Image.Resampling.NEAREST)
    return large if large.width == size else large.resize((size, size), Image.Resampling.BOX)


def _draw_backdrop(pen: Pen, scene: Scene) -> None:
    framing = FRAMINGS[scene.viewpoint]
    luck = dice(scene, "backdrop", scene.setting)
    shift = dice(scene, "shift").uniform(-4, 4)
    place = Place(pen, scene.time, scene.weather, luck)
    light = pen.light(backdrop_tint(scene.time, scene.weather), line_weight=0.5)
    with light, pen.at(50 + shift, 66, framing.zoom), pen.at(-50, -66):
        draw_backdrop(place, scene.setting)


def _draw_figures(pen: Pen, scene: Scene) -> None:
    framing, luck = FRAMINGS[scene.viewpoint], dice(scene, "figures")
    coat = jitter(SUBJECT_COLOURS[scene.colour], luck, 7)
    scale, places = framing.scales[scene.count], framing.places[scene.count]
    scale *= luck.uniform(0.96, 1.04)
    sway, drop = luck.uniform(-2.5, 2.5), luck.uniform(-1.5, 1.5)
    with pen.light(figure_tint(scene.time, scene.weather)):
        # From right to left: what one holds on its right lies over its neighbour, not under.
        for x in reversed(places):
            y = framing.feet[scene.count] + drop + luck.uniform(-1, 1)
            _ground_shadow(pen, x + sway, y, scale)
            with pen.at(x + sway, y, scale, luck.uniform(-2, 2)):
                _draw_figure(pen, scene, coat)
        _draw_companion(pen, scene, framing, luck)


def _ground_shadow(pen: Pen, x: float, y: float, scale: float) -> None:
    pen.veil(x + 2 * scale, y - scale, 36 * scale, 7 * scale, (20, 20, 40), 0.5)


def _draw_figure(pen: Pen, scene: Scene, coat: Colour) -> None:
    subject = SUBJECTS[scene.subject]
    behind, before = WEARS[scene.wears]
    behind(pen, subject)
    subject.back(pen, coat)
    if scene.holds == NONE:
        _arm(pen, subject, coat, (24.0, -21.0))
    subject.front(pen, coat)
    before(pen, subject)
    if scene.headwear != NONE:
        with pen.at(0, subject.crown, subject.hat_width / 40):
            HEADWEAR[scene.headwear](pen)
    if scene.holds != NONE:
        _hold(pen, subject, coat, scene.holds)


def _arm(pen: Pen, subject: Subject, coat: Colour, hand: tuple[float, float]) -> None:
    shoulder = subject.shoulder
    bend = f"M {shoulder} -36 Q {shoulder + 9} {max(-36, hand[1]) + 8} {hand[0]} {hand[1]}"
    pen.stroke(bend, subject.arm(coat), subject.arm_width, line=True)


def _hold(pen: Pen, subject: Subject, coat: Colour, thing: str) -> None:
    _arm(pen, subject, coat, HAND)
    with pen.at(*HAND):
        HOLDS[thing](pen)
    pen.dot(HAND[0] + 1, HAND[1] + 1, max(4.4, subject.arm_width * 0.62), subject.hand(coat))


def _draw_companion(pen: Pen, scene: Scene, framing: Framing, luck: Random) -> None:
    if scene.companion == NONE:
        return
    left, scale, feet = framing.places[scene.count][0], framing.scales[scene.count], framing.feet[scene.count]
    if scene.companion in FLYERS:
        x, y = max(14.0, left - 48 * scale), feet - (104 if scene.count == "one" else 132) * scale
        y = max(14.0, y) + luck.uniform(-3, 3)
    else:
        x, y = max(15.0, left - 44 * scale), min(feet + 3.5, 97.0) + luck.uniform(-1, 1)
        _ground_shadow(pen, x, y, framing.companion * 0.6)
    with pen.at(x + luck.uniform(-1.5, 1.5), y, framing.companion, luck.uniform(-5, 5)):
        COMPANIONS[scene.companion](pen)
