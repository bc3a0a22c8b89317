"""The six things that may stand about, each some 40 units wide on (0, 0), and what floats in the air of a season.

Their colours are fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from cvsi_db.scenes.drawing.palette import Colour, shade
from cvsi_db.scenes.drawing.pen import Pen

WOOD: Colour = (158, 104, 62)
IRON: Colour = (70, 74, 84)


def _bench(pen: Pen) -> None:
    for x in (-18.0, 14.0):
        pen.box(x, -14, 4, 14, IRON)
    for y in (-16.0, -24.0, -31.0):
        pen.box(-24, y, 48, 5, WOOD, round_by=1.5)


def _tent(pen: Pen) -> None:
    canvas: Colour = (236, 120, 60)
    pen.path("M -28 0 L 0 -38 L 28 0 Z", canvas)
    pen.path("M -9 0 L 0 -38 L 9 0 Z", (92, 44, 36))
    pen.path("M 9 0 L 0 -38 L 16 0 Z", shade(canvas, 0.35))
    pen.stroke("M 0 -38 L 0 -43", WOOD, 2.2)


def _campfire(pen: Pen) -> None:
    pen.glow(0, -12, 34, (255, 196, 90), 0.6)
    pen.path("M -12 -3 C -18 -16 -8 -20 -7 -34 C 1 -26 2 -22 4 -19 C 7 -22 7 -26 6 -29 C 15 -20 17 -10 12 -3 Z",
             (244, 96, 36))  # fmt: skip
    pen.path("M -7 -3 C -9 -11 -3 -13 -2 -20 C 4 -15 9 -9 6 -3 Z", (255, 214, 70), line=False)
    for turn in (-14, 14):
        with pen.at(0, -2, turn=turn):
            pen.box(-19, -3, 38, 5.4, (110, 68, 42), round_by=2.5)


def _signpost(pen: Pen) -> None:
    pen.box(-2.4, -46, 4.8, 46, WOOD)
    pen.path("M -22 -44 L 16 -44 L 23 -38 L 16 -32 L -22 -32 Z", (250, 238, 206))
    for y in (-40.0, -36.5):
        pen.stroke(f"M -16 {y} L 13 {y}", IRON, 1.6)
    pen.path("M 20 -29 L -12 -29 L -19 -24 L -12 -19 L 20 -19 Z", (250, 238, 206))


def _barrel(pen: Pen) -> None:
    pen.path("M -13 -32 Q -20 -16 -13 0 L 13 0 Q 20 -16 13 -32 Z", WOOD)
    pen.oval(0, -32, 13, 4, shade(WOOD, -0.35))
    for y in (-25.0, -8.0):
        pen.stroke(f"M -16 {y} Q 0 {y + 4} 16 {y}", IRON, 3.2)
    for x in (-6, 6):
        pen.stroke(f"M {x} -28 L {x} 0", shade(WOOD, -0.3), 1)


def _bicycle(pen: Pen) -> None:
    frame: Colour = (30, 150, 140)
    for x in (-17, 17):
        pen.stroke(
            f"M {x - 11} -11 C {x - 11} -26 {x + 11} -26 {x + 11} -11 C {x + 11} 4 {x - 11} 4 {x - 11} -11", IRON, 2.6
        )
        pen.dot(x, -11, 2, IRON, line=False)
    pen.stroke("M -17 -11 L -7 -28 L 12 -28 L 0 -11 L -17 -11", frame, 3)
    pen.stroke("M 0 -11 L -8 -32", frame, 3)
    pen.stroke("M 17 -11 L 11 -34 L 18 -36", frame, 3)
    pen.stroke("M -13 -33 L -3 -33", IRON, 3.6)


PROPS: dict[str, Callable[[Pen], None]] = {
    "bench": _bench,
    "tent": _tent,
    "campfire": _campfire,
    "signpost": _signpost,
    "barrel": _barrel,
    "bicycle": _bicycle,
}

_DRIFTS: dict[str, tuple[tuple[Colour, ...], float]] = {
    "autumn": (((222, 104, 30), (196, 62, 36), (240, 176, 50)), 1.5),
    "spring": (((255, 176, 206), (255, 226, 238)), 1.15),
}


def draw_drift(pen: Pen, season: str, dice: Random) -> None:
    """Leaves in autumn, petals in spring, nothing otherwise."""
    if season in _DRIFTS:
        colours, size = _DRIFTS[season]
        for _ in range(22):
            with pen.at(dice.uniform(0, 100), dice.uniform(2, 98), dice.uniform(0.8, 1.25), dice.uniform(0, 180)):
                pen.oval(0, 0, size * 1.5, size * 0.8, dice.choice(colours), line=False)
