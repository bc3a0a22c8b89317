"""The fourteen subjects by name with their anatomy; here are drawn those with a body of their own.

Takes a pen and a coat colour, in figure units.
"""

from __future__ import annotations

from cvsi_db.scenes.drawing import animals
from cvsi_db.scenes.drawing.anatomy import Subject, belly, cheeks, ears, eyes, left_arm, nothing, smile
from cvsi_db.scenes.drawing.palette import INK, WHITE, Colour, mix, shade
from cvsi_db.scenes.drawing.pen import Pen

SKIN: Colour = (246, 205, 170)
HAIR: Colour = (92, 58, 38)
BEAK: Colour = (250, 166, 44)


def _owl_back(pen: Pen, coat: Colour) -> None:
    ears(pen, "M 6 -86 L 26 -102 L 24 -72 Z", "M 14 -87 L 23 -96 L 22 -82 Z", coat, shade(coat, -0.35))


def _owl(pen: Pen, coat: Colour) -> None:
    for x in (-8.0, 8.0):
        pen.oval(x, -3, 7, 4, BEAK)
    pen.path("M 0 -91 C 34 -91 30 -40 26 -16 C 22 -2 -22 -2 -26 -16 C -30 -40 -34 -91 0 -91 Z", coat)
    pen.oval(0, -24, 16, 18, belly(coat), line=False)
    for y, xs in ((-34, (-7.0, 0.0, 7.0)), (-26, (-10, -3.5, 3.5, 10)), (-18, (-7.0, 0.0, 7.0))):
        for x in xs:
            pen.stroke(f"M {x - 2.6} {y} Q {x} {y + 4.5} {x + 2.6} {y}", shade(coat, -0.25), 1.5)
    pen.path("M -25 -44 C -36 -34 -34 -16 -25 -12 C -21 -22 -20 -34 -25 -44 Z", shade(coat, -0.25))
    for x in (-10.5, 10.5):
        pen.dot(x, -69, 11.5, mix(coat, WHITE, 0.75))
        pen.dot(x, -69, 6.8, (255, 200, 50), line=False)
        pen.dot(x, -69, 4.2, INK, line=False)
        pen.dot(x - 1.3, -70.8, 1.5, WHITE, line=False)
    pen.path("M -4.5 -64 L 4.5 -64 L 0 -54 Z", BEAK)


def _penguin(pen: Pen, coat: Colour) -> None:
    for x in (-10.0, 10.0):
        pen.oval(x, -3, 9.5, 4, BEAK)
    pen.path("M -20 -44 C -34 -36 -36 -22 -31 -14 C -24 -18 -18 -26 -17 -36 Z", shade(coat, -0.15))
    pen.path(
        "M 0 -89 C 24 -89 25 -62 25 -40 C 29 -14 18 -3 0 -3 C -18 -3 -29 -14 -25 -40 C -25 -62 -24 -89 0 -89 Z", coat
    )
    face = (253, 252, 250)
    pen.path("M 0 -46 C 20 -46 22 -8 0 -6 C -22 -8 -20 -46 0 -46 Z", face, line=False)
    pen.path(
        "M 0 -75 C 4 -84 20 -82 19 -67 C 18 -52 8 -50 0 -50 C -8 -50 -18 -52 -19 -67 C -20 -82 -4 -84 0 -75 Z", face
    )
    eyes(pen, -68, 8.5)
    cheeks(pen, -60, 13)
    pen.path("M -6 -63 Q 0 -66.5 6 -63 Q 3 -55.5 0 -55.5 Q -3 -55.5 -6 -63 Z", BEAK)


def _frog(pen: Pen, coat: Colour) -> None:
    for flip in (False, True):
        with pen.at(0, 0, flip=flip):
            pen.oval(22, -11, 10, 11, shade(coat, -0.12))
            pen.path("M 14 -2 L 36 -2 Q 34 -8 26 -8 Q 16 -8 14 -2 Z", shade(coat, -0.05))
    left_arm(pen, coat, 8)
    pen.path("M 0 -50 C 18 -50 24 -22 22 -12 C 20 -2 -20 -2 -22 -12 C -24 -22 -18 -50 0 -50 Z", coat)
    pen.oval(0, -20, 14, 15, belly(coat), line=False)
    for x in (-18, 18):
        pen.dot(x, -78, 11.5, coat)
    pen.oval(0, -62, 33, 18.5, coat)
    for x in (-18, 18):
        pen.dot(x, -79, 7.8, WHITE, line=False)
        pen.dot(x, -78, 4.3, INK, line=False)
        pen.dot(x - 1.4, -80, 1.5, WHITE, line=False)
    for x in (-4, 4):
        pen.dot(x, -65, 1.2, shade(coat, -0.6), line=False)
    pen.stroke("M -23 -61 Q 0 -44 23 -61", shade(coat, -0.75), 2)
    cheeks(pen, -57, 25)


def _robot_back(pen: Pen, _coat: Colour) -> None:
    pen.stroke("M 0 -86 L 0 -98", (96, 100, 110), 2.6, line=True)
    pen.dot(0, -100, 4.4, (240, 70, 70))


def _robot(pen: Pen, coat: Colour) -> None:
    steel = (150, 156, 166)
    for x in (-10.0, 10.0):
        pen.box(x - 4, -14, 8, 12, steel)
        pen.box(x - 7, -6, 14, 6, shade(coat, -0.3), round_by=2)
    left_arm(pen, steel, 7, 19)
    pen.dot(-28, -19, 5, shade(coat, -0.2))
    pen.box(-5, -50, 10, 8, steel)
    pen.box(-21, -45, 42, 34, coat, round_by=4)
    pen.box(-14, -38, 28, 20, (232, 236, 240), round_by=2)
    pen.dot(-7, -31.5, 3.2, (230, 70, 70), line=False)
    pen.dot(0, -31.5, 3.2, (250, 200, 60), line=False)
    pen.dot(7, -31.5, 3.2, (80, 190, 100), line=False)
    pen.box(-9, -25, 18, 3.4, (90, 96, 108), line=False)
    for x in (-29, 23):
        pen.box(x, -73, 6, 12, steel, round_by=2)
    pen.box(-24, -87, 48, 38, coat, round_by=6)
    pen.box(-18, -79, 36, 22, (44, 52, 68), round_by=4)
    for x in (-9.5, 9.5):
        pen.dot(x, -69, 5.2, (130, 235, 250), line=False)
        pen.dot(x, -69, 2.2, WHITE, line=False)
    pen.box(-8, -62.4, 16, 2.6, (130, 235, 250), round_by=1, line=False)


def _snowman(pen: Pen, coat: Colour) -> None:
    snow = mix(coat, WHITE, 0.12)
    pen.stroke("M -16 -36 L -36 -47", (110, 74, 46), 2.6, line=True)
    pen.stroke("M -31 -44 L -36 -40", (110, 74, 46), 2)
    pen.stroke("M -32 -45 L -34 -52", (110, 74, 46), 2)
    pen.oval(0, -18, 27, 19, snow)
    pen.oval(0, -41, 20, 15, snow)
    for y in (-40.0, -33.0, -18.0):
        pen.dot(0, y, 2.3, INK, line=False)
    pen.oval(0, -68, 21, 19, snow)
    for x in (-8.0, 8.0):
        pen.dot(x, -71, 2.9, INK, line=False)
    pen.path("M -1 -67.5 L 19 -63 L -1 -61 Z", (250, 130, 40))
    for x, y in ((-9, -59), (-5, -56.2), (0, -55.3), (5, -56.2), (9, -59)):
        pen.dot(x, y, 1.4, INK, line=False)
    cheeks(pen, -62, 14)


def _girl_back(pen: Pen, coat: Colour) -> None:
    pen.oval(0, -70, 25, 22, HAIR)
    for flip in (False, True):
        with pen.at(0, 0, flip=flip):
            pen.path("M 20 -76 C 38 -78 38 -56 31 -42 C 26 -46 20 -60 20 -76 Z", HAIR)
            pen.dot(23, -72, 4, coat)


def _child_head(pen: Pen) -> None:
    for x in (-22, 22):
        pen.dot(x, -65, 4.5, SKIN)
    pen.oval(0, -66, 22.5, 20.5, SKIN)
    eyes(pen, -66, 8.5, 2.9)
    cheeks(pen, -59, 13)
    pen.dot(0, -61, 1.5, shade(SKIN, -0.2), line=False)
    smile(pen, -56, 4.5)


def _girl(pen: Pen, coat: Colour) -> None:
    for x in (-7, 7):
        pen.stroke(f"M {x} -14 L {x} -4", SKIN, 5.5, line=True)
        pen.oval(x - 1 if x < 0 else x + 1, -3, 6, 3.6, shade(coat, -0.35))
    left_arm(pen, SKIN, 6.5, 13)
    pen.path("M -11 -48 L 11 -48 L 27 -12 Q 0 -4 -27 -12 Z", coat)
    pen.path("M -25 -16.5 L -27 -12 Q 0 -4 27 -12 L 25 -16.5 Q 0 -9 -25 -16.5 Z", shade(coat, 0.45), line=False)
    pen.oval(-14, -40, 6.5, 6, coat)
    _child_head(pen)
    pen.path("M -23 -66 C -26 -94 26 -94 23 -66 C 20 -76 12 -79 2 -80 C -8 -80 -18 -76 -23 -66 Z", HAIR)


def _boy(pen: Pen, coat: Colour) -> None:
    trousers = mix(coat, INK, 0.42)
    for x in (-9, 9):
        pen.box(x - 7, -20, 14, 17, trousers, round_by=2)
        pen.oval(x, -3, 8.5, 4, (245, 245, 245))
    left_arm(pen, SKIN, 6.5, 16)
    pen.path("M -12 -48 L 12 -48 Q 21 -46 19 -14 L -19 -14 Q -21 -46 -12 -48 Z", coat)
    pen.path("M -19.5 -29 L 19.5 -29 L 19.4 -23 L -19.4 -23 Z", shade(coat, 0.5), line=False)
    pen.stroke("M -15 -42 L -21 -33", coat, 10, line=True)
    _child_head(pen)
    pen.path(
        "M -23.5 -64 C -27 -82 -14 -92 2 -90 C 18 -92 27 -80 23.5 -64 L 20 -74 L 13 -77 L 7 -73 L 0 -78 L -8 -73 "
        "L -14 -78 L -20 -73 Z",
        HAIR,
    )


def _steel(_coat: Colour) -> Colour:
    return 150, 156, 166


def _skin(_coat: Colour) -> Colour:
    return SKIN


def _twig(_coat: Colour) -> Colour:
    return 110, 74, 46


def _flipper(coat: Colour) -> Colour:
    return shade(coat, -0.2)


SUBJECTS: dict[str, Subject] = {
    "cat": Subject(animals.draw_cat_back, animals.draw_cat, hat_width=35),
    "dog": Subject(animals.draw_dog_back, animals.draw_dog, crown=-85, eyes=-70),
    "bear": Subject(animals.draw_bear_back, animals.draw_bear, crown=-85, eyes=-69),
    "rabbit": Subject(animals.draw_rabbit_back, animals.draw_rabbit, crown=-83, hat_width=38, eyes=-69),
    "fox": Subject(animals.draw_fox_back, animals.draw_fox, hat_width=35, eyes=-69.5),
    "owl": Subject(_owl_back, _owl, hat_width=37, eyes=-69, eye_gap=10.5, neck=-47, shoulder=20,
                   arm=_flipper, hand=_flipper),
    "penguin": Subject(nothing, _penguin, eyes=-68, neck=-47, shoulder=18, arm=_flipper, hand=_flipper),
    "frog": Subject(nothing, _frog, crown=-89, hat_width=38, eyes=-78, eye_gap=18, arm_width=8),
    "robot": Subject(_robot_back, _robot, crown=-85, hat_width=46, eyes=-69, shoulder=19, arm=_steel, hand=_flipper,
                     arm_width=7),
    "snowman": Subject(nothing, _snowman, eyes=-71, hat_width=38, neck=-51, arm=_twig, hand=_twig, arm_width=2.8),
    "girl": Subject(_girl_back, _girl, crown=-82, hat_width=44, eyes=-66, eye_gap=8.5, shoulder=12, arm=_skin,
                    hand=_skin, arm_width=6.5),
    "boy": Subject(nothing, _boy, crown=-82, hat_width=46, eyes=-66, eye_gap=8.5, shoulder=14, arm=_skin, hand=_skin,
                   arm_width=6.5),
    "elephant": Subject(animals.draw_elephant_back, animals.draw_elephant, crown=-85, hat_width=40, eyes=-71),
    "pig": Subject(animals.draw_pig_back, animals.draw_pig, crown=-84, eyes=-70, eye_gap=11),
}  # fmt: skip
