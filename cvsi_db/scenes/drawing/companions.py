"""The five companions, each about 30 units large: flyers are drawn around (0, 0), walkers stand on it.

Their colours are fixed.
"""

from __future__ import annotations

from collections.abc import Callable

from cvsi_db.scenes.drawing.palette import INK, WHITE, Colour, shade
from cvsi_db.scenes.drawing.pen import Pen

FLYERS: frozenset[str] = frozenset({"bird", "butterfly"})


def _eye(pen: Pen, x: float, y: float, size: float = 1.8) -> None:
    pen.dot(x, y, size, INK, line=False)
    pen.dot(x - size * 0.3, y - size * 0.4, size * 0.4, WHITE, line=False)


def _bird(pen: Pen) -> None:
    blue = (52, 150, 236)
    pen.path("M -10 1 L -22 -4 L -21 5 Z", shade(blue, -0.25))
    pen.path("M -2 -3 C -12 -22 -2 -24 6 -5 Z", shade(blue, -0.2))
    pen.path("M -13 2 C -8 -10 6 -9 8 -8 C 18 -8 18 6 8 9 C -2 13 -12 9 -13 2 Z", blue)
    pen.path("M -6 7 C -2 2 8 3 11 6 C 6 11 -2 11 -6 7 Z", (255, 244, 214), line=False)
    pen.path("M -3 -1 C -18 -8 -20 -18 -14 -19 C -4 -18 2 -12 5 -2 Z", shade(blue, 0.2))
    pen.path("M 15 -3 L 22 0 L 15 3 Z", (250, 166, 44))
    _eye(pen, 10.5, -3)


def _butterfly(pen: Pen) -> None:
    orange = (255, 128, 30)
    for flip in (False, True):
        with pen.at(0, 0, flip=flip):
            pen.path("M 1 0 C 4 -20 22 -22 21 -9 C 20 -1 8 2 1 2 Z", orange)
            pen.path("M 1 1 C 8 1 18 4 15 12 C 11 19 3 12 1 4 Z", (255, 204, 64))
            pen.dot(14.5, -10.5, 3.4, INK, line=False)
            pen.dot(10, 8.5, 2.3, (200, 60, 40), line=False)
            pen.stroke("M 0 -8 Q 2 -15 6 -16", INK, 1.1)
    pen.oval(0, 1, 2.1, 10, (70, 44, 40))


def _mouse(pen: Pen) -> None:
    fur: Colour = (168, 166, 178)
    pen.stroke("M -12 -4 C -24 -2 -20 -14 -28 -14", (240, 160, 170), 2, line=True)
    pen.path("M -15 0 C -17 -16 -2 -19 5 -14 L 5 0 Z", fur)
    for x in (2, 15):
        pen.dot(x, -19, 6.4, fur)
        pen.dot(x, -19, 3.8, (250, 176, 190), line=False)
    pen.path("M -1 -8 C 0 -18 14 -20 18 -9 L 22 -5 C 18 0 2 2 -1 -8 Z", fur)
    pen.dot(21.5, -5, 2, (240, 100, 120), line=False)
    _eye(pen, 12, -9.5)
    for x in (-8, 5):
        pen.oval(x, -1, 4, 1.8, (250, 186, 190), line=False)


def _turtle(pen: Pen) -> None:
    skin: Colour = (150, 200, 90)
    shell: Colour = (56, 116, 62)
    for x in (-11.0, 8.0):
        pen.box(x - 3.5, -7, 7, 7.4, shade(skin, -0.15), round_by=2.5)
    pen.path("M -17 -5 L -24 -2 L -16 -1 Z", skin)
    pen.path("M 10 -6 C 14 -10 14 -20 21 -20 C 29 -19 28 -9 22 -8 C 18 -7 16 -3 12 -3 Z", skin)
    pen.path("M -19 -4 C -17 -26 13 -26 16 -4 Z", shell)
    for x, y in ((-9, -9), (-1.5, -15), (6, -9)):
        pen.oval(x, y, 3.6, 3.2, (186, 160, 80), line=False)
    pen.box(-20, -6, 37, 4, (186, 160, 80), round_by=2)
    _eye(pen, 22.5, -15)


def _duck(pen: Pen) -> None:
    down: Colour = (255, 216, 50)
    for x in (-4, 5):
        pen.path(f"M {x - 2} -2 L {x + 5} 0.6 L {x - 3} 0.6 Z", (250, 140, 40))
    pen.path("M -20 -14 C -14 -12 -8 -14 -2 -15 C 10 -16 13 -2 2 -1 C -12 0 -18 -4 -20 -14 Z", down)
    pen.dot(7, -20, 8.6, down)
    pen.path("M 14 -21 Q 22 -21 23 -17 Q 18 -15 13 -16 Z", (250, 120, 30))
    pen.path("M -9 -10 Q 0 -14 3 -8 Q -2 -3 -8 -5 Z", shade(down, -0.2))
    _eye(pen, 9, -22)


COMPANIONS: dict[str, Callable[[Pen], None]] = {
    "bird": _bird,
    "butterfly": _butterfly,
    "mouse": _mouse,
    "turtle": _turtle,
    "duck": _duck,
}
