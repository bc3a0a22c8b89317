"""Draws a scene: `render(scene, size)` returns an RGB picture, the same bytes for the same scene.

Composes backdrop, prop, figures, companion and weather, then finishes in the scene's style. What no attribute names
(exact places and shades, which way a figure or the backdrop is turned) comes from the scene's seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from random import Random

import numpy as np
from PIL import Image

from cvsi_db.scenes.drawing import manner
from cvsi_db.scenes.drawing.anatomy import Subject
from cvsi_db.scenes.drawing.backdrops import draw_backdrop
from cvsi_db.scenes.drawing.companions import COMPANIONS, FLYERS
from cvsi_db.scenes.drawing.headwear import HEADWEAR
from cvsi_db.scenes.drawing.holds import HOLDS
from cvsi_db.scenes.drawing.palette import SUBJECT_COLOURS, Colour, backdrop_tint, figure_tint, jitter
from cvsi_db.scenes.drawing.pen import Pen
from cvsi_db.scenes.drawing.place import Place
from cvsi_db.scenes.drawing.props import PROPS, draw_drift
from cvsi_db.scenes.drawing.sky import draw_weather
from cvsi_db.scenes.drawing.styles import STYLES
from cvsi_db.scenes.drawing.subjects import SUBJECTS
from cvsi_db.scenes.drawing.wears import WEARS
from cvsi_db.scenes.scene import NONE, Scene

HAND = (33.0, -40.0)
"""Where a holding hand is, in figure units."""

OTHER_SIZES = {"same": 0.97, "smaller": 0.66, "bigger": 1.32}
"""The other subject's scale, relative to the main one's."""


@dataclass(frozen=True)
class Framing:
    """How a viewpoint shows figures: by count their scale, places (x) and the y of their feet; the backdrop's zoom.

    With another subject there is one main figure: `paired` is its scale, `beside` how far right of the middle it stands
    when the other is on its left, `apart` how far the two are from each other.
    """

    scales: dict[str, float]
    places: dict[str, tuple[float, ...]]
    feet: dict[str, float]
    zoom: float
    companion: float  # scale of the companion
    prop: float  # scale of the prop
    paired: float
    beside: float
    apart: float


FRAMINGS: dict[str, Framing] = {
    "close-up": Framing(
        scales={"one": 0.94, "two": 0.78, "three": 0.62},
        places={"one": (50,), "two": (27, 71), "three": (20, 50, 80)},
        feet={"one": 122, "two": 117, "three": 111},
        zoom=1.5,
        companion=0.82,
        prop=1.15,
        paired=0.76,
        beside=11,
        apart=43,
    ),
    "full view": Framing(
        scales={"one": 0.58, "two": 0.50, "three": 0.42},
        places={"one": (50,), "two": (31, 69), "three": (20, 50, 80)},
        feet={"one": 91, "two": 90, "three": 89},
        zoom=1.0,
        companion=0.58,
        prop=0.78,
        paired=0.54,
        beside=10,
        apart=37,
    ),
    "from afar": Framing(
        scales={"one": 0.40, "two": 0.37, "three": 0.33},
        places={"one": (50,), "two": (36, 64), "three": (27, 50, 73)},
        feet={"one": 84, "two": 84, "three": 84},
        zoom=1.0,
        companion=0.46,
        prop=0.56,
        paired=0.38,
        beside=8,
        apart=27,
    ),
}


@dataclass(frozen=True)
class Figure:
    """One subject as it is drawn: what it is and wears, how it holds itself, and where its feet are."""

    subject: str
    colour: str
    headwear: str
    wears: str
    holds: str
    pattern: str
    pose: str
    expression: str
    x: float
    y: float
    scale: float

    @property
    def top(self) -> float:
        """The y above everything it wears on its head."""
        subject = SUBJECTS[self.subject]
        return self.y + (subject.crown - (30 * subject.hat_width / 40 if self.headwear != NONE else 0)) * self.scale


def render(scene: Scene, size: int = 384) -> Image.Image:
    """The picture of `scene`: RGB, `size` × `size` pixels. Importing this module without skia raises CvsiError."""
    style = STYLES[scene.style]
    pen = Pen(style.size or size, style.ink)
    _draw_backdrop(pen, scene)
    _draw_figures(pen, scene)
    draw_drift(pen, scene.season, dice(scene, "drift", scene.season))
    draw_weather(pen, scene.time, scene.weather, dice(scene, "weather", scene.weather))
    pixels = style.finish(pen.pixels(), dice(scene, "finish").randrange(1 << 16))
    picture = Image.fromarray(np.asarray(np.clip(pixels + 0.5, 0, 255), dtype=np.uint8), "RGB")
    if picture.width == size:
        return picture
    times = -(-size // picture.width)  # square pixels at any size: whole multiples first, then down to `size`
    large = picture.resize((picture.width * times,) * 2, Image.Resampling.NEAREST)
    return large if large.width == size else large.resize((size, size), Image.Resampling.BOX)


def dice(scene: Scene, *stream: str) -> Random:
    """Randomness for one part of a picture: other parts may change without touching it. Never Python's own hash()."""
    name = "|".join((str(scene.seed), *stream))
    return Random(int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big"))


def _draw_backdrop(pen: Pen, scene: Scene) -> None:
    framing = FRAMINGS[scene.viewpoint]
    luck = dice(scene, "backdrop", scene.setting)
    shift = dice(scene, "shift").uniform(-4, 4)
    place = Place(pen, scene.time, scene.weather, luck)
    light = pen.light(backdrop_tint(scene.time, scene.weather, scene.season), line_weight=0.5)
    turned = pen.at(50, 50, flip=dice(scene, "mirror").random() < 0.5)
    with turned, pen.at(-50, -50), light, pen.at(50 + shift, 66, framing.zoom), pen.at(-50, -66):
        draw_backdrop(place, scene.setting)


# --- figures ----------------------------------------------------------------------------------------------------


def _draw_figures(pen: Pen, scene: Scene) -> None:
    framing, luck = FRAMINGS[scene.viewpoint], dice(scene, "figures")
    figures = _figures(scene, framing, luck)
    with pen.light(figure_tint(scene.time, scene.weather)):
        _draw_prop(pen, scene, framing, luck)
        for figure in figures:
            _ground_shadow(pen, figure.x, figure.y, figure.scale)
            _place_figure(pen, figure, luck)
        _draw_companion(pen, scene, figures, framing, luck)


def _figures(scene: Scene, framing: Framing, luck: Random) -> list[Figure]:
    """The figures from back to front, the main one (or the leftmost of its kind) last."""
    sway, drop = luck.uniform(-2.5, 2.5), luck.uniform(-1.5, 1.5)
    size = luck.uniform(0.96, 1.04)
    if scene.other != NONE:
        return _pair(scene, framing, sway, drop, size)
    places = [x + sway for x in framing.places[scene.count]]
    feet, scale = framing.feet[scene.count] + drop, framing.scales[scene.count] * size
    # From right to left: what one holds on its right lies over its neighbour, not under.
    return [_main(scene, x, feet + luck.uniform(-1, 1), scale) for x in reversed(places)]


def _pair(scene: Scene, framing: Framing, sway: float, drop: float, size: float) -> list[Figure]:
    side = {"left": -1.0, "right": 1.0, "behind": 1.0 if dice(scene, "behind").random() < 0.5 else -1.0}[scene.relation]
    behind = scene.relation == "behind"
    scale, feet = framing.paired * size, framing.feet["one"] + drop
    x = 50 - side * framing.beside * (0.5 if behind else 1.0) + sway
    apart = framing.apart * (0.62 if behind else 1.0)
    raised = 26 * scale if behind else 3 * scale
    other = Figure(
        scene.other, scene.other_colour, scene.other_headwear, NONE, scene.other_holds, "plain", "standing", "smiling",
        x + side * apart, feet - raised, scale * OTHER_SIZES[scene.other_size],
    )  # fmt: skip
    return [other, _main(scene, x, feet, scale)]


def _main(scene: Scene, x: float, y: float, scale: float) -> Figure:
    return Figure(
        scene.subject, scene.colour, scene.headwear, scene.wears, scene.holds, scene.pattern, scene.pose,
        scene.expression, x, y, scale,
    )  # fmt: skip


def _ground_shadow(pen: Pen, x: float, y: float, scale: float) -> None:
    pen.veil(x + 2 * scale, y - scale, 36 * scale, 7 * scale, (20, 20, 40), 0.5)


def _place_figure(pen: Pen, figure: Figure, luck: Random) -> None:
    """Where it stands, squats or hangs in the air, turned either way."""
    coat = jitter(SUBJECT_COLOURS[figure.colour], luck, 7)
    lift = 17 * figure.scale if figure.pose == "jumping" else 0.0
    stretch, scale = (1.14, 0.88) if figure.pose == "sitting" else (1.0, 1.0)
    turned = luck.random() < 0.5
    lean = luck.uniform(-2, 2)
    with pen.at(figure.x, figure.y - lift, figure.scale * scale, lean, flip=turned, stretch=stretch):
        pen.arm_raised = figure.pose == "waving"
        _draw_figure(pen, figure, coat)
        pen.arm_raised = False


def _draw_figure(pen: Pen, figure: Figure, coat: Colour) -> None:
    subject = SUBJECTS[figure.subject]
    behind, before = WEARS[figure.wears]
    if figure.pose == "jumping":
        manner.draw_leap(pen)
    behind(pen, subject)
    subject.back(pen, coat)
    if figure.holds == NONE:
        _arm(pen, subject, coat, (24.0, -21.0))
    subject.front(pen, coat)
    _draw_manner(pen, figure, subject, coat)
    before(pen, subject)
    if figure.headwear != NONE:
        with pen.at(0, subject.crown, subject.hat_width / 40):
            HEADWEAR[figure.headwear](pen)
    if figure.holds != NONE:
        _arm(pen, subject, coat, HAND)
        with pen.at(*HAND):
            HOLDS[figure.holds](pen)
        pen.dot(HAND[0] + 1, HAND[1] + 1, max(4.4, subject.arm_width * 0.62), subject.hand(coat))


def _draw_manner(pen: Pen, figure: Figure, subject: Subject, coat: Colour) -> None:
    manner.draw_pattern(pen, coat, figure.pattern)
    if figure.pose == "waving":
        manner.draw_raised_arm(pen, subject, coat)
    elif figure.pose == "sitting":
        manner.draw_seat(pen, coat)
    manner.draw_expression(pen, subject, coat, figure.expression)


def _arm(pen: Pen, subject: Subject, coat: Colour, hand: tuple[float, float]) -> None:
    shoulder = subject.shoulder
    bend = f"M {shoulder} -36 Q {shoulder + 9} {max(-36, hand[1]) + 8} {hand[0]} {hand[1]}"
    pen.stroke(bend, subject.arm(coat), subject.arm_width, line=True)


# --- what stands about ------------------------------------------------------------------------------------------


def _draw_prop(pen: Pen, scene: Scene, framing: Framing, luck: Random) -> None:
    """Behind the figures, away from another subject and the companion where there is room."""
    taken = scene.relation if scene.other != NONE else scene.companion_place if scene.companion != NONE else "behind"
    side = {"left": 1, "right": -1}.get(taken, 1 if luck.random() < 0.5 else -1)
    x, y = 50 + side * (34 + luck.uniform(-2, 2)), min(framing.feet["one"], 92) - 9
    if scene.prop != NONE:
        _ground_shadow(pen, x, y, framing.prop * 0.7)
        with pen.at(x, y, framing.prop):
            PROPS[scene.prop](pen)


def _draw_companion(pen: Pen, scene: Scene, figures: list[Figure], framing: Framing, luck: Random) -> None:
    if scene.companion == NONE:
        return
    x, y, scale = _companion_spot(scene, figures, framing, luck)
    if scene.companion not in FLYERS and scene.companion_place != "on top":
        _ground_shadow(pen, x, y, scale * 0.6)
    with pen.at(x, y, scale, luck.uniform(-5, 5), flip=luck.random() < 0.5):
        COMPANIONS[scene.companion](pen)


def _companion_spot(scene: Scene, figures: list[Figure], framing: Framing, luck: Random) -> tuple[float, float, float]:
    """Where the companion is and how large: at the main figure's side, or on the head of its first."""
    main, flies = figures[-1], scene.companion in FLYERS
    if scene.companion_place == "on top":
        y = max(12.0 if flies else 17.0, main.top - (17 * main.scale if main.pose == "jumping" else 0) + 2)
        return main.x + luck.uniform(-1, 1), y - (6 * framing.companion if flies else 0), framing.companion * 0.8
    edge = min(figure.x for figure in figures) if scene.companion_place == "left" else max(f.x for f in figures)
    side = -1 if scene.companion_place == "left" else 1
    x = min(88.0, max(12.0, edge + side * 46 * main.scale)) + luck.uniform(-1.5, 1.5)
    if flies:
        return x, max(14.0, main.y - 108 * main.scale) + luck.uniform(-3, 3), framing.companion
    return x, min(main.y + 3.5, 97.0) + luck.uniform(-1, 1), framing.companion
