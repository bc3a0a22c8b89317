"""Where a backdrop is drawn: the pen, the light, the dice, and the grounds every setting is built on."""

from __future__ import annotations

from dataclasses import dataclass
from math import sin
from random import Random

from cvsi_db.scenes.drawing.palette import SNOW, Colour, jitter, mix, plain_tint, shade
from cvsi_db.scenes.drawing.pen import Pen

LAMP: Colour = (255, 222, 120)


@dataclass(frozen=True)
class Place:
    """Where a backdrop is drawn: the pen (already under the backdrop's light), time, weather and dice."""

    pen: Pen
    time: str
    weather: str
    dice: Random

    @property
    def night(self) -> bool:
        """Whether lamps are lit."""
        return self.time == "night"

    def tone(self, colour: Colour) -> Colour:
        """A shade near `colour`."""
        return jitter(colour, self.dice, 9)

    def ground(self, colour: Colour, cover: float = 0.85) -> Colour:
        """A shade near `colour`, under snow when it snows."""
        return mix(self.tone(colour), SNOW, cover if self.weather == "snow" else 0)

    def hill(self, y: float, height: float, colour: Colour, waves: float = 1.5) -> None:
        """Rolling ground from `y` (its mean upper edge) down to below the picture."""
        phase = self.dice.uniform(0, 6.3)
        edge = [(x, y + height * sin(phase + x * waves * 0.0628)) for x in range(-20, 121, 4)]
        self.pen.poly([*edge, (120.0, 120.0), (-20.0, 120.0)], colour, line=False, layer=True)

    def flat(self, y: float, colour: Colour) -> None:
        """Level ground from `y` down, a little darker towards the viewer."""
        self.pen.gradient((-20, y, 120, 120), [self.pen.tint(colour), self.pen.tint(shade(colour, -0.14))])

    def glowing(self, x: float, y: float, width: float, height: float) -> None:
        """A lit window."""
        with self.pen.light(plain_tint):
            self.pen.box(x, y, width, height, LAMP, line=False)
