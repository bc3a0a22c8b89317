"""How a figure looks beyond its clothes: the pattern of its coat, its pose, its expression. All in figure units.

Drawn over the plain figure, so that every subject has them.
"""

from __future__ import annotations

from cvsi_db.scenes.drawing.anatomy import Subject
from cvsi_db.scenes.drawing.palette import INK, WHITE, Colour, grey, mix, shade
from cvsi_db.scenes.drawing.pen import Pen

TEAR: Colour = (86, 176, 250)
MOUTH: Colour = (120, 30, 44)

_SPOTS = (
    (-14, -39, 3.6), (-4, -44, 3.2), (9, -40, 3.8), (16, -30, 3.4), (-17, -26, 3.6), (-8, -31, 3.4), (4, -29, 3.8),
    (-13, -14, 3.6), (0, -17, 3.4), (12, -17, 3.8), (-6, -7, 3.0), (8, -6, 3.0), (-14, -80, 3.2), (13, -81, 3.2),
)  # fmt: skip


def _mark(coat: Colour) -> Colour:
    """A colour that stands out from the coat: much darker, on dark coats much lighter."""
    return shade(coat, -0.62) if grey(coat)[0] > 105 else mix(coat, WHITE, 0.72)


def draw_pattern(pen: Pen, coat: Colour, pattern: str) -> None:
    """Stripes, spots or checks over the trunk, and a trace of them over the head."""
    ink = _mark(coat)
    if pattern == "striped":
        for y in (-43, -34, -25, -16, -7):
            half = 12 if y == -43 else 18
            pen.stroke(f"M {-half} {y} Q 0 {y + 5} {half} {y}", ink, 3.4)
        for y in (-84, -79):
            pen.stroke(f"M -9 {y} Q 0 {y + 3} 9 {y}", ink, 2.6)
    elif pattern == "spotted":
        for x, y, radius in _SPOTS:
            pen.dot(x, y, radius, ink, line=False)
    elif pattern == "checked":
        for row, y in enumerate((-45, -36, -27, -18, -9)):
            for left in range(-18 + 9 * (row % 2), 18, 18):
                pen.box(left, y, 9, 9, ink, line=False)


def draw_raised_arm(pen: Pen, subject: Subject, coat: Colour) -> None:
    """The left arm lifted to wave, with two lines that show it move."""
    shoulder = subject.shoulder
    pen.stroke(
        f"M {-shoulder} -36 Q {-shoulder - 15} -38 {-shoulder - 19} -58", subject.arm(coat),
        max(5.0, subject.arm_width), line=True,
    )  # fmt: skip
    pen.dot(-shoulder - 19, -60, max(5.4, subject.arm_width * 0.62), subject.hand(coat))
    for reach in (10, 15):
        pen.stroke(
            f"M {-shoulder - 19 - reach} -56 Q {-shoulder - 20 - reach} -66 {-shoulder - 14 - reach} -73", INK, 1.6
        )


def draw_seat(pen: Pen, coat: Colour) -> None:
    """Legs stretched out to both sides of a figure that sits."""
    for side in (-1, 1):
        pen.stroke(f"M {side * 9} -7 L {side * 27} -3", shade(coat, -0.08), 10, line=True)
        pen.oval(side * 31, -5, 5.4, 8, shade(coat, 0.3))


def draw_leap(pen: Pen) -> None:
    """Lines under the feet of a figure that jumps."""
    for x in (-14, 0, 14):
        pen.stroke(f"M {x} 5 L {x} 14", WHITE, 2.4)


def draw_expression(pen: Pen, subject: Subject, coat: Colour, expression: str) -> None:
    """What the face does besides smiling, with a sign of it that can be seen from further away."""
    if expression == "sad":
        _sad(pen, subject)
    elif expression == "surprised":
        _surprised(pen, subject)
    elif expression == "asleep":
        _asleep(pen, subject, subject.hand(coat) if subject.arm_width == 6.5 else shade(coat, -0.16))


def _sad(pen: Pen, subject: Subject) -> None:
    y, gap = subject.eyes, subject.eye_gap
    for side in (-1, 1):
        pen.stroke(f"M {side * (gap - 5)} {y - 11} L {side * (gap + 5)} {y - 5.5}", INK, 2.6)
        x = side * (gap + 3)
        pen.path(
            f"M {x} {y + 4} C {x + side * 6} {y + 13} {x + side * 3} {y + 17} {x} {y + 17} "
            f"C {x - side * 3} {y + 17} {x - side * 6} {y + 13} {x} {y + 4} Z",
            TEAR, line=False,
        )  # fmt: skip
    pen.stroke(f"M -6 {y + 16} Q 0 {y + 9.5} 6 {y + 16}", INK, 2.2)


def _surprised(pen: Pen, subject: Subject) -> None:
    y, gap = subject.eyes, subject.eye_gap
    for side in (-1, 1):
        pen.dot(side * gap, y, 7.2, WHITE)
        pen.dot(side * gap, y, 2.8, INK, line=False)
        pen.stroke(f"M {side * (gap - 5)} {y - 11} Q {side * gap} {y - 15} {side * (gap + 5)} {y - 11}", INK, 2)
    pen.oval(0, y + 14.5, 5, 6.4, MOUTH)


def _asleep(pen: Pen, subject: Subject, lid: Colour) -> None:
    y, gap = subject.eyes, subject.eye_gap
    for side in (-1, 1):
        pen.dot(side * gap, y, 8.4 if gap > 10 else 5.6, lid, line=False)
        pen.stroke(f"M {side * gap - 5} {y} Q {side * gap} {y + 4.5} {side * gap + 5} {y}", INK, 2)
    for x, top, size in ((-36, -100, 9), (-48, -116, 12)):
        pen.stroke(f"M {x} {top} L {x + size} {top} L {x} {top + size} L {x + size} {top + size}", INK, 4.4)
        pen.stroke(f"M {x} {top} L {x + size} {top} L {x} {top + size} L {x + size} {top + size}", WHITE, 2.2)
