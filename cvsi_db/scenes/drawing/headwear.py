"""The eight kinds of headwear, each drawn sitting on (0, 0) for a head 40 units wide.

Each has its own outline and its own fixed colours, so that it is told apart on any coat.
"""

from __future__ import annotations

from collections.abc import Callable

from cvsi_db.scenes.drawing.palette import WHITE, Colour, shade
from cvsi_db.scenes.drawing.pen import Pen

STRAW: Colour = (244, 208, 120)
GOLD: Colour = (255, 205, 56)


def _top_hat(pen: Pen) -> None:
    black = (46, 44, 56)
    pen.path("M -15 -2 L -17 -33 Q 0 -37 17 -33 L 15 -2 Z", black)
    pen.path("M -15.6 -11 Q 0 -7 15.6 -11 L 15.2 -3 Q 0 1 -15.2 -3 Z", (214, 48, 58), line=False)
    pen.oval(0, -1, 26, 4.8, black)
    pen.path("M -15.2 -4 Q 0 0 15.2 -4 L 15.4 -9 Q 0 -5 -15.4 -9 Z", (214, 48, 58), line=False)


def _party_hat(pen: Pen) -> None:
    pen.path("M -15 2 L 0 -38 L 15 2 Q 0 7 -15 2 Z", (38, 198, 218))
    pen.path("M -11.2 -8 L -8 -16.5 Q 2 -13 11 -9 L 13.6 -1.5 Q 0 -3 -11.2 -8 Z", (255, 82, 150), line=False)
    pen.path("M -5.6 -23 L -2.6 -31 Q 1 -30 3.4 -29 L 6.6 -20.5 Q 0 -21 -5.6 -23 Z", (255, 82, 150), line=False)
    pen.dot(0, -39, 5.5, (255, 226, 70))


def _straw_hat(pen: Pen) -> None:
    pen.oval(0, -1, 35, 6.8, STRAW)
    pen.path("M -18 -2 C -18 -20 -10 -22 0 -22 C 10 -22 18 -20 18 -2 Q 0 4 -18 -2 Z", STRAW)
    pen.path("M -18 -3 L -17.6 -9 Q 0 -4 17.6 -9 L 18 -3 Q 0 3 -18 -3 Z", (226, 74, 60), line=False)
    for x in (-27, -22, 22, 27):
        pen.stroke(f"M {x} -2 L {x * 1.07} 2", shade(STRAW, -0.3), 1)
    pen.stroke("M -10 -18 Q 0 -14 10 -18", shade(STRAW, -0.3), 1)
    pen.stroke("M -13 -13 Q 0 -8.5 13 -13", shade(STRAW, -0.3), 1)


def _wizard_hat(pen: Pen) -> None:
    night = (74, 58, 168)
    pen.path("M -17 -1 C -10 -20 -6 -34 6 -46 Q 18 -50 21 -40 Q 12 -42 11 -34 C 13 -20 15 -10 17 -1 Z", night)
    pen.oval(0, 0, 31, 6, night)
    pen.path("M -17 -3 L -15 -9 Q 0 -4 15.6 -9 L 17 -3 Q 0 3 -17 -3 Z", GOLD, line=False)
    for x, y, size in ((-4, -16, 3.8), (6, -23, 3.2), (3, -36, 2.8)):
        star(pen, x, y, size, (255, 228, 90))


def star(pen: Pen, x: float, y: float, size: float, colour: Colour) -> None:
    """A four-pointed star."""
    thin = size * 0.3
    pen.poly(
        [(x, y - size), (x + thin, y - thin), (x + size, y), (x + thin, y + thin), (x, y + size), (x - thin, y + thin),
         (x - size, y), (x - thin, y - thin)], colour, line=False,
    )  # fmt: skip


def _cowboy_hat(pen: Pen) -> None:
    leather = (150, 92, 48)
    pen.path("M -16 0 C -18 -16 -15 -27 -8 -26 Q 0 -20 8 -26 C 15 -27 18 -16 16 0 Z", leather)
    pen.path("M -16.6 -4 L -16.4 -9.5 Q 0 -5.5 16.4 -9.5 L 16.6 -4 Q 0 0 -16.6 -4 Z", (70, 42, 28), line=False)
    pen.path("M -36 -13 C -34 0 -18 6 0 6 C 18 6 34 0 36 -13 C 28 -6 16 -3 0 -3 C -16 -3 -28 -6 -36 -13 Z", leather)
    star(pen, 0, -5.5, 3.2, GOLD)


def _woolly_hat(pen: Pen) -> None:
    red = (222, 56, 62)
    pen.path("M -21 0 C -22 -22 -12 -27 0 -27 C 12 -27 22 -22 21 0 Z", red)
    pen.path("M -20.6 -9 L -19 -15 Q 0 -11 19 -15 L 20.6 -9 Q 0 -5 -20.6 -9 Z", WHITE, line=False)
    pen.box(-23, -4, 46, 10, (250, 250, 250), round_by=4)
    for x in (-16, -8, 0, 8, 16):
        pen.stroke(f"M {x} -2 L {x} 4", (190, 196, 210), 1.3)
    pen.dot(0, -30, 7.5, (252, 252, 255))


def _cap(pen: Pen) -> None:
    blue = (36, 104, 214)
    pen.path("M 8 -3 C 22 -9 38 -6 42 3 Q 28 1 12 5 Z", shade(blue, -0.25))
    pen.path("M -21 3 C -23 -16 -12 -22 0 -22 C 12 -22 22 -16 21 3 Q 0 7 -21 3 Z", blue)
    pen.path("M -7 4.6 C -8 -12 -5 -19 0 -22 C 6 -19 8 -12 7 4.6 Z", (250, 250, 250), line=False)
    pen.dot(0, -22, 2.4, (250, 250, 250))


def _crown(pen: Pen) -> None:
    pen.path("M -20 3 L -23 -19 L -12 -9 L 0 -26 L 12 -9 L 23 -19 L 20 3 Q 0 8 -20 3 Z", GOLD)
    pen.path("M -20.3 1 L -20.9 -4 Q 0 0.5 20.9 -4 L 20.3 1 Q 0 6 -20.3 1 Z", shade(GOLD, -0.22), line=False)
    for x, y, gem in ((-23, -20, (230, 60, 70)), (0, -27, (60, 140, 240)), (23, -20, (230, 60, 70))):
        pen.dot(x, y, 3.2, gem)
    for x, gem in ((-11, (80, 200, 120)), (0, (230, 60, 70)), (11, (80, 200, 120))):
        pen.dot(x, -1.5, 2.4, gem, line=False)


HEADWEAR: dict[str, Callable[[Pen], None]] = {
    "top hat": _top_hat,
    "party hat": _party_hat,
    "straw hat": _straw_hat,
    "wizard hat": _wizard_hat,
    "cowboy hat": _cowboy_hat,
    "woolly hat": _woolly_hat,
    "cap": _cap,
    "crown": _crown,
}
