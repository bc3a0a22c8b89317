"""The ten things a figure holds, each drawn with the holding hand at (0, 0), to the right of the body.

Nothing reaches far to the left of x = -8, where the body is.
"""

from __future__ import annotations

from collections.abc import Callable

from cvsi_db.scenes.drawing.palette import WHITE, Colour, shade
from cvsi_db.scenes.drawing.pen import Pen

WOOD: Colour = (140, 88, 48)
METAL: Colour = (110, 112, 122)


def _balloon(pen: Pen) -> None:
    red = (236, 52, 72)
    pen.stroke("M 0 2 C 4 -12 2 -20 10 -34", METAL, 1.3)
    pen.path("M 10 -34 L 7 -30 L 13 -30 Z", shade(red, -0.2))
    pen.path("M 10 -34 C -9 -46 -7 -72 11 -72 C 29 -72 29 -46 10 -34 Z", red)
    pen.oval(4.5, -60, 3.6, 5.8, shade(red, 0.65), line=False)


def _umbrella(pen: Pen) -> None:
    pen.stroke("M 0 8 L 6 -44", METAL, 2.4, line=True)
    pen.stroke("M 0 8 Q -1 14 -6 12", WOOD, 2.6, line=True)
    with pen.at(6, -42, turn=7):
        pen.path("M -29 4 C -27 -24 27 -24 29 4 Q 24 -2 19.5 4 Q 15 -2 9.5 4 Q 5 -2 0 4 Q -5 -2 -9.5 4 "
                 "Q -15 -2 -19.5 4 Q -24 -2 -29 4 Z", (126, 64, 200))  # fmt: skip
        for flip in (False, True):
            with pen.at(0, 0, flip=flip):
                pen.path("M 0 -17 C 12 -16 18 -8 19.5 4 Q 15 -2 9.5 4 C 9 -8 6 -15 0 -17 Z", (255, 214, 70), line=False)
        pen.stroke("M 0 -17 L 0 -21", METAL, 2)


def _flower(pen: Pen) -> None:
    leaf = (60, 160, 70)
    pen.stroke("M 0 12 Q 5 -4 5 -18", leaf, 2.6, line=True)
    pen.path("M 3 2 Q 14 0 16 -9 Q 5 -9 3 2 Z", leaf)
    for x, y in ((0, -11), (10.5, -3.4), (6.5, 9), (-6.5, 9), (-10.5, -3.4)):
        pen.dot(5 + x, -28 + y, 7.6, (255, 92, 160))
    pen.dot(5, -28, 6.4, (255, 214, 60))


def _book(pen: Pen) -> None:
    with pen.at(9, -8, turn=-6):
        pen.path("M -19 -15 L 0 -11 L 19 -15 L 19 13 L 0 17 L -19 13 Z", (176, 42, 48))
        pen.path("M -16 -17 Q -6 -18 0 -12 L 0 13 Q -6 8 -16 10 Z", (255, 252, 240))
        pen.path("M 16 -17 Q 6 -18 0 -12 L 0 13 Q 6 8 16 10 Z", (255, 252, 240))
        for y in (-11, -6, -1, 4):
            pen.stroke(f"M -13 {y} Q -7 {y - 1} -3 {y + 3}", (120, 120, 130), 1.1)
            pen.stroke(f"M 13 {y} Q 7 {y - 1} 3 {y + 3}", (120, 120, 130), 1.1)


def _flag(pen: Pen) -> None:
    pen.stroke("M 0 14 L 0 -54", WOOD, 2.8, line=True)
    pen.path("M 1 -53 C 12 -60 22 -46 36 -52 L 36 -26 C 22 -20 12 -34 1 -27 Z", (40, 170, 90))
    pen.path("M 1 -44 C 12 -51 22 -37 36 -43 L 36 -35 C 22 -29 12 -43 1 -36 Z", WHITE, line=False)
    pen.dot(0, -55, 2.6, (255, 210, 70))


def _ball(pen: Pen) -> None:
    with pen.at(8, -9):
        pen.dot(0, 0, 15.5, (250, 250, 250))
        for turn, tone in ((0, (230, 56, 60)), (120, (40, 120, 230)), (240, (255, 206, 50))):
            with pen.at(0, 0, turn=turn):
                pen.path("M 0 0 C 4 -8 8 -12 13.4 -7.7 C 16 -1 14 6 11 11 C 7 8 3 4 0 0 Z", tone, line=False)
        pen.dot(0, 0, 2.8, (250, 250, 250), line=False)


def _ice_cream(pen: Pen) -> None:
    cone = (222, 158, 84)
    pen.path("M -6.5 -12 L 17 -12 L 5.5 18 Z", cone)
    for text in ("M 0 -11 L 9 8", "M 8 -11 L 11 2", "M 11 -11 L 2 8", "M 3 -11 L 0 2"):
        pen.stroke(text, shade(cone, -0.3), 1.1)
    pen.dot(-1, -18, 9, (250, 160, 190))
    pen.dot(12, -18, 9, (120, 72, 48))
    pen.dot(5.5, -28, 9.5, (255, 246, 214))
    pen.dot(6, -39, 3.8, (220, 40, 56))


def _lantern(pen: Pen) -> None:
    frame = (54, 52, 64)
    with pen.at(1, 0, 1.35):
        pen.glow(6, 10, 34, (255, 206, 90), 0.65)
        pen.stroke("M 0 -4 Q 6 -14 12 -4", frame, 2)
        pen.path("M -5 0 L 6 -8 L 17 0 Z", frame)
        pen.box(-5, 0, 22, 24, frame, round_by=3)
        pen.box(-2, 3, 16, 18, (255, 226, 110), line=False)
        pen.path("M 6 5 C 13 12 11 19 6 19 C 1 19 -1 12 6 5 Z", (255, 140, 40), line=False)
        pen.box(-7, 22, 26, 4.5, frame, round_by=1.5)


def _guitar(pen: Pen) -> None:
    with pen.at(3, 6, turn=28):
        pen.box(-2.7, -54, 5.4, 46, (92, 54, 32))
        pen.box(-4.5, -62, 9, 10, (60, 36, 24), round_by=2)
        pen.path(
            "M 0 -14 C 12 -16 12 -5 9 -2 C 18 4 17 21 0 21 C -17 21 -18 4 -9 -2 C -12 -5 -12 -16 0 -14 Z",
            (214, 130, 50),
        )
        pen.dot(0, 1, 4.8, (60, 36, 24), line=False)
        pen.box(-6, 11, 12, 3, (60, 36, 24), line=False)
        pen.stroke("M 0 12 L 0 -54", (245, 235, 210), 1)


def _gift(pen: Pen) -> None:
    teal, ribbon = (40, 190, 196), (246, 60, 96)
    with pen.at(9, -6, turn=4):
        pen.box(-15, -9, 30, 23, teal, round_by=1.5)
        pen.box(-17, -14, 34, 8.5, shade(teal, 0.25), round_by=1.5)
        pen.box(-3.2, -14, 6.4, 28, ribbon, line=False)
        for flip in (False, True):
            with pen.at(0, -14, flip=flip):
                pen.path("M 0 0 C 2 -12 16 -14 14 -5 C 13 0 6 1 0 0 Z", ribbon)


HOLDS: dict[str, Callable[[Pen], None]] = {
    "balloon": _balloon,
    "umbrella": _umbrella,
    "flower": _flower,
    "book": _book,
    "flag": _flag,
    "ball": _ball,
    "ice cream": _ice_cream,
    "lantern": _lantern,
    "guitar": _guitar,
    "gift": _gift,
}
