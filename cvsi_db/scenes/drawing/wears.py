"""What a figure wears besides headwear: drawn behind it (cape, backpack) and in front of it, from its anatomy."""

from __future__ import annotations

from collections.abc import Callable

from cvsi_db.scenes.drawing.anatomy import Subject
from cvsi_db.scenes.drawing.palette import INK, WHITE, Colour, shade
from cvsi_db.scenes.drawing.pen import Pen

KNIT: Colour = (208, 44, 60)
BOW: Colour = (30, 84, 200)
CANVAS: Colour = (22, 140, 136)
STRAP: Colour = (246, 140, 48)
VELVET: Colour = (150, 28, 52)

Wear = Callable[[Pen, Subject], None]


def _scarf(pen: Pen, subject: Subject) -> None:
    half, y = subject.neck_width / 2 + 4, subject.neck
    pen.path(f"M 5 {y} L 15 {y} L 18 {y + 25} L 7 {y + 26} Z", KNIT)
    pen.path(f"M 6 {y + 10} L 16.3 {y + 10} L 16.9 {y + 15} L 6.4 {y + 15.5} Z", WHITE, line=False)
    pen.path(f"M 6.8 {y + 20} L 17.4 {y + 19.5} L 18 {y + 25} L 7 {y + 26} Z", WHITE, line=False)
    pen.path(
        f"M {-half} {y - 4} Q 0 {y + 4} {half} {y - 4} Q {half + 4} {y + 2} {half - 1} {y + 6} "
        f"Q 0 {y + 13} {1 - half} {y + 6} Q {-half - 4} {y + 2} {-half} {y - 4} Z",
        KNIT,
    )
    for x in (-11, 1):
        pen.path(f"M {x} {y} L {x + 5} {y + 0.6} L {x + 5.4} {y + 9} L {x + 0.4} {y + 8.6} Z", WHITE, line=False)


def _bow_tie(pen: Pen, subject: Subject) -> None:
    with pen.at(0, subject.neck + 3):
        for flip in (False, True):
            with pen.at(0, 0, flip=flip):
                pen.path("M 1 -1 L 17 -9 Q 20 0 17 9 L 1 1 Z", BOW)
                for x, y in ((8, 0), (13.5, -3.6), (13.5, 3.6)):
                    pen.dot(x, y, 1.5, WHITE, line=False)
        pen.dot(0, 0, 4.2, shade(BOW, -0.3))


def _glasses(pen: Pen, subject: Subject) -> None:
    gap, y = max(subject.eye_gap, 10.0), subject.eyes
    for x in (-gap, gap):
        pen.dots([(x, y, 8)], (220, 240, 255), 0.35)
        for tone, width in ((WHITE, 3.8), (INK, 2.2)):
            pen.stroke(
                f"M {x - 8} {y} C {x - 8} {y - 10.6} {x + 8} {y - 10.6} {x + 8} {y} "
                f"C {x + 8} {y + 10.6} {x - 8} {y + 10.6} {x - 8} {y} Z",
                tone,
                width,
            )
    pen.stroke(f"M {8 - gap} {y - 1} Q 0 {y - 4} {gap - 8} {y - 1}", INK, 2.2)
    pen.stroke(f"M {gap + 8} {y - 1} L {gap + 14} {y - 3}", INK, 2)
    pen.stroke(f"M {-gap - 8} {y - 1} L {-gap - 14} {y - 3}", INK, 2)


def _sunglasses(pen: Pen, subject: Subject) -> None:
    gap, y = max(subject.eye_gap, 10.5), subject.eyes
    black = (24, 22, 30)
    pen.stroke(f"M {-gap - 13} {y - 5} L {gap + 13} {y - 5}", black, 2.8)
    for x in (-gap, gap):
        pen.path(
            f"M {x - 9.6} {y - 6.5} L {x + 9.6} {y - 6.5} C {x + 10.5} {y + 3} {x + 6} {y + 7.5} {x} {y + 7.5} "
            f"C {x - 6} {y + 7.5} {x - 10.5} {y + 3} {x - 9.6} {y - 6.5} Z",
            black,
        )
        pen.stroke(f"M {x - 5} {y + 1} L {x - 0.5} {y - 4}", (200, 215, 235), 1.8)


def _backpack_behind(pen: Pen, _subject: Subject) -> None:
    pen.box(-32, -50, 64, 42, CANVAS, round_by=11)
    for x in (-33, 22):
        pen.box(x, -30, 11, 18, shade(CANVAS, -0.25), round_by=4)
    pen.stroke("M -6 -50 Q 0 -58 6 -50", STRAP, 3, line=True)


def _backpack_front(pen: Pen, _subject: Subject) -> None:
    for flip in (False, True):
        with pen.at(0, 0, flip=flip):
            pen.stroke("M 10 -46 C 17 -38 17 -24 15 -12", STRAP, 5, line=True)
    pen.stroke("M -15 -27 L 15 -27", STRAP, 3.2, line=True)
    pen.box(-3, -29.5, 6, 5, (255, 230, 120), round_by=1)


def _cape_behind(pen: Pen, _subject: Subject) -> None:
    pen.path("M -14 -50 C -30 -40 -36 -20 -42 -3 Q -32 -8 -24 -2 Q -12 -7 0 -2 Q 12 -7 24 -2 Q 32 -8 42 -3 "
             "C 36 -20 30 -40 14 -50 Z", VELVET)  # fmt: skip
    for flip in (False, True):
        with pen.at(0, 0, flip=flip):
            pen.path(
                "M 42 -3 Q 38 -5.6 34 -5.4 C 32 -22 24 -40 14 -50 C 30 -40 36 -20 42 -3 Z", (250, 200, 70), line=False
            )


def _cape_front(pen: Pen, subject: Subject) -> None:
    y = subject.neck
    pen.path(f"M -19 {y - 3} Q 0 {y + 7} 19 {y - 3} L 21 {y + 3} Q 0 {y + 15} -21 {y + 3} Z", VELVET)
    pen.dot(0, y + 6, 3.6, (255, 210, 70))


def _nothing(pen: Pen, subject: Subject) -> None:
    """Nothing on this side of the figure."""


WEARS: dict[str, tuple[Wear, Wear]] = {
    "none": (_nothing, _nothing),
    "scarf": (_nothing, _scarf),
    "bow tie": (_nothing, _bow_tie),
    "glasses": (_nothing, _glasses),
    "sunglasses": (_nothing, _sunglasses),
    "backpack": (_backpack_behind, _backpack_front),
    "cape": (_cape_behind, _cape_front),
}
"""What is drawn behind the figure, and what in front of it."""
