"""What the subjects have in common: where things are worn and held on them, and the parts several share.

In figure units: feet at (0, 0), y grows downwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cvsi_db.scenes.drawing.palette import CREAM, INK, WHITE, Colour, mix, shade
from cvsi_db.scenes.drawing.pen import Pen

BLUSH: Colour = (250, 150, 150)
NOSE: Colour = (60, 42, 48)

Draw = Callable[[Pen, Colour], None]


@dataclass(frozen=True)
class Subject:
    """A subject's drawings and its anatomy in figure units."""

    back: Draw  # what lies behind everything worn: tail, ears that hang behind
    front: Draw  # body, left arm, head and face
    crown: float = -84.0  # y on which a hat sits
    hat_width: float = 42.0
    eyes: float = -68.0  # y of the eyes
    eye_gap: float = 9.5  # from the middle to an eye
    neck: float = -44.0
    neck_width: float = 30.0
    shoulder: float = 15.0  # x of the shoulder, its y is -36
    arm: Callable[[Colour], Colour] = lambda coat: coat
    hand: Callable[[Colour], Colour] = lambda coat: shade(coat, 0.12)
    arm_width: float = 9.0


def belly(coat: Colour) -> Colour:
    """The paler colour of a belly or muzzle."""
    return mix(coat, CREAM, 0.62)


def eyes(pen: Pen, y: float = -68, gap: float = 9.5, size: float = 3.3) -> None:
    """Two round eyes with a gleam."""
    for x in (-gap, gap):
        pen.oval(x, y, size, size * 1.2, INK, line=False)
        pen.dot(x - size * 0.3, y - size * 0.45, size * 0.42, WHITE, line=False)


def cheeks(pen: Pen, y: float = -60, gap: float = 16) -> None:
    """Two blushing cheeks."""
    for x in (-gap, gap):
        pen.oval(x, y, 3.6, 2.4, BLUSH, line=False)


def smile(pen: Pen, y: float, width: float = 4) -> None:
    """A small double curve of a mouth."""
    pen.stroke(f"M {-width} {y} Q {-width / 2} {y + 3.4} 0 {y} Q {width / 2} {y + 3.4} {width} {y}", INK, 1.3)


def nothing(pen: Pen, coat: Colour) -> None:
    """Nothing behind."""


def feet(pen: Pen, colour: Colour, gap: float = 10, width: float = 8.5) -> None:
    """Two feet on the ground."""
    for x in (-gap, gap):
        pen.oval(x, -3.5, width, 4.8, colour)


def left_arm(pen: Pen, colour: Colour, width: float = 9, shoulder: float = 15) -> None:
    """The arm that never holds anything, as it hangs; a raised one is drawn by `manner`."""
    if not pen.arm_raised:
        pen.stroke(f"M {-shoulder} -36 Q {-shoulder - 9} -28 {-shoulder - 9} -21", colour, width, line=True)


def furry_body(pen: Pen, coat: Colour, width: float = 19) -> None:
    """Feet, left arm, trunk and belly of a furry animal."""
    feet(pen, shade(coat, -0.08))
    left_arm(pen, coat)
    pen.path(
        f"M 0 -50 C {width} -50 {width + 4} -24 {width + 1} -12 C {width} -2 {-width} -2 {-width - 1} -12 "
        f"C {-width - 4} -24 {-width} -50 0 -50 Z",
        coat,
    )
    pen.oval(0, -20, width * 0.62, 14, belly(coat), line=False)


def ears(pen: Pen, outer: str, inner: str, coat: Colour, lining: Colour) -> None:
    """The same ear on both sides, given for the right one."""
    for flip in (False, True):
        with pen.at(0, 0, flip=flip):
            pen.path(outer, coat)
            pen.path(inner, lining, line=False)
