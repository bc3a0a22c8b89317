"""The furry subjects and the elephant, which share a body: cat, dog, bear, rabbit, fox, elephant, pig.

Each is drawn in figure units with a pen and a coat colour.
"""

from __future__ import annotations

from cvsi_db.scenes.drawing.anatomy import NOSE, belly, cheeks, ears, eyes, furry_body, smile
from cvsi_db.scenes.drawing.palette import CREAM, INK, WHITE, Colour, mix, shade
from cvsi_db.scenes.drawing.pen import Pen


def draw_cat_back(pen: Pen, coat: Colour) -> None:
    """What lies behind the cat's body."""
    pen.stroke("M -10 -10 C -34 -2 -40 -22 -33 -34 C -30 -40 -38 -44 -41 -38", coat, 7, line=True)


def draw_cat(pen: Pen, coat: Colour) -> None:
    """The cat's body, face and left arm."""
    furry_body(pen, coat, 16)
    ears(pen, "M 8 -84 L 21 -104 L 25 -74 Z", "M 13 -85 L 19.5 -97 L 22 -80 Z", coat, (248, 170, 180))
    pen.oval(0, -67, 26, 21.5, coat)
    for x in (-5, 0, 5):
        pen.stroke(f"M {x} -87 L {x * 0.8} -80", shade(coat, -0.35), 1.8)
    pen.oval(0, -58.5, 10, 6.5, belly(coat), line=False)
    for flip in (False, True):
        with pen.at(0, 0, flip=flip):
            pen.stroke("M 10 -60 L 30 -64", shade(coat, -0.65), 0.9)
            pen.stroke("M 10 -57.5 L 30 -56", shade(coat, -0.65), 0.9)
    eyes(pen)
    pen.path("M -3 -62 L 3 -62 L 0 -58.5 Z", (240, 110, 130), line=False)
    smile(pen, -57.5)


def draw_dog_back(pen: Pen, coat: Colour) -> None:
    """What lies behind the dog's body."""
    pen.stroke("M -14 -14 Q -32 -18 -33 -36", coat, 7, line=True)


def draw_dog(pen: Pen, coat: Colour) -> None:
    """The dog's body, face and left arm."""
    furry_body(pen, coat, 18)
    pen.oval(0, -67, 24, 22, coat)
    for flip in (False, True):
        with pen.at(0, 0, flip=flip):
            pen.path(
                "M 14 -86 C 27 -90 36 -76 33 -58 C 31 -46 21 -48 21 -60 C 21 -70 18 -76 14 -86 Z", shade(coat, -0.3)
            )
    pen.oval(0, -57, 13, 10, belly(coat), line=False)
    eyes(pen, -70)
    pen.path("M -3.6 -53 L 3.6 -53 C 4.5 -44 -4.5 -44 -3.6 -53 Z", (236, 96, 112), line=False)
    pen.oval(0, -61.5, 4.8, 3.5, NOSE, line=False)
    smile(pen, -54.5, 5.5)


def draw_bear_back(pen: Pen, coat: Colour) -> None:
    """What lies behind the bear's body."""
    for x in (-19, 19):
        pen.dot(x, -85, 9.5, coat)
        pen.dot(x, -85, 5.2, belly(coat), line=False)


def draw_bear(pen: Pen, coat: Colour) -> None:
    """The bear's body, face and left arm."""
    furry_body(pen, coat, 21)
    pen.oval(0, -67, 26, 22.5, coat)
    pen.oval(0, -58, 11, 8.5, belly(coat), line=False)
    eyes(pen, -69)
    pen.oval(0, -62, 4.2, 3, NOSE, line=False)
    smile(pen, -57.5)
    cheeks(pen, -60, 18)


def draw_rabbit_back(pen: Pen, coat: Colour) -> None:
    """What lies behind the rabbit's body."""
    pen.dot(-20, -12, 7, shade(coat, 0.6))
    for flip in (False, True):
        with pen.at(0, 0, flip=flip), pen.at(13, -82, turn=13):
            pen.oval(0, -21, 7.2, 23, coat)
            pen.oval(0, -20, 3.8, 17, (250, 176, 190), line=False)


def draw_rabbit(pen: Pen, coat: Colour) -> None:
    """The rabbit's body, face and left arm."""
    furry_body(pen, coat, 16)
    pen.oval(0, -66, 23.5, 21.5, coat)
    eyes(pen, -69)
    for x in (-5, 5):
        pen.oval(x, -58, 6, 5, belly(coat), line=False)
    pen.box(-3, -56, 6, 6.5, WHITE, round_by=1)
    pen.path("M -3 -62.5 L 3 -62.5 L 0 -59 Z", (240, 110, 130), line=False)
    smile(pen, -57.5)
    cheeks(pen, -62, 16)


def draw_fox_back(pen: Pen, coat: Colour) -> None:
    """What lies behind the fox's body."""
    pen.path("M -8 -8 C -26 4 -52 -10 -44 -44 C -38 -36 -28 -30 -16 -22 Z", coat)
    pen.path("M -48.5 -25 C -49 -31 -47 -38 -44 -44 C -41 -39 -36 -35 -31 -31.5 C -37 -33 -41 -24 -48.5 -25 Z", WHITE)


def draw_fox(pen: Pen, coat: Colour) -> None:
    """The fox's body, face and left arm."""
    furry_body(pen, coat, 16)
    ears(pen, "M 6 -82 L 23 -108 L 27 -70 Z", "M 14.5 -95 L 23 -108 L 25.2 -88 Z", coat, INK)
    pen.path(
        "M 0 -89 C 20 -89 30 -76 34 -60 C 22 -54 10 -46 0 -45 C -10 -46 -22 -54 -34 -60 C -30 -76 -20 -89 0 -89 Z", coat
    )
    for flip in (False, True):
        with pen.at(0, 0, flip=flip):
            pen.path("M 0 -60 C 8 -66 18 -66 33 -60 C 22 -54 10 -46 0 -46 Z", shade(WHITE, -0.02), line=False)
    eyes(pen, -69.5)
    pen.oval(0, -50, 4, 3.3, NOSE, line=False)


def draw_elephant_back(pen: Pen, coat: Colour) -> None:
    """What lies behind the elephant's body."""
    for flip in (False, True):
        with pen.at(0, 0, flip=flip):
            pen.path("M 14 -84 C 36 -96 50 -76 44 -58 C 39 -44 24 -46 15 -54 Z", coat)
            pen.path(
                "M 19 -79 C 34 -87 44 -74 39 -61 C 35 -52 26 -52 19 -58 Z", mix(coat, (252, 170, 190), 0.6), line=False
            )


def draw_elephant(pen: Pen, coat: Colour) -> None:
    """The elephant's body, face and left arm."""
    furry_body(pen, coat, 22)
    for x in (-13, -9, 9, 13):
        pen.dot(x, -2.2, 1.7, CREAM, line=False)
    pen.oval(0, -68, 23, 21.5, coat)
    eyes(pen, -71)
    for flip in (False, True):
        with pen.at(0, 0, flip=flip):
            pen.path("M 8 -56 Q 9 -45 15 -45 Q 14 -50 14 -57 Z", (255, 252, 240))
    pen.stroke("M 0 -62 C 0 -48 -2 -38 -12 -35", coat, 10.5, line=True)
    for y in (-56, -50, -44):
        pen.stroke(f"M -4 {y} Q 0 {y + 1.6} 4 {y - 0.6}", shade(coat, -0.35), 1.1)
    cheeks(pen, -61, 16)


def draw_pig_back(pen: Pen, coat: Colour) -> None:
    """What lies behind the pig's body."""
    pen.stroke("M -18 -16 C -30 -12 -34 -22 -27 -25 C -20 -26 -24 -14 -34 -18", coat, 3.2, line=True)


def draw_pig(pen: Pen, coat: Colour) -> None:
    """The pig's body, face and left arm."""
    furry_body(pen, coat, 22)
    pen.oval(0, -66, 26.5, 22, coat)
    for flip in (False, True):
        with pen.at(0, 0, flip=flip):
            pen.path("M 8 -85 L 25 -95 Q 31 -82 25 -73 Q 22 -82 8 -85 Z", shade(coat, -0.18))
    eyes(pen, -70, 11)
    pen.oval(0, -59.5, 11, 7.8, mix(coat, (250, 120, 140), 0.45))
    for x in (-4, 4):
        pen.oval(x, -59.5, 2, 3, shade(coat, -0.7), line=False)
    pen.stroke("M -6 -49.5 Q 0 -46 6 -49.5", INK, 1.3)
    cheeks(pen, -60, 20)
