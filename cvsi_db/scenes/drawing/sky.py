"""Sky, sun, moon and clouds, and the weather that falls in front of everything.

Takes picture units and a random.Random for what no attribute names.
"""

from __future__ import annotations

from random import Random

from cvsi_db.scenes.drawing.palette import FOG, WHITE, Colour, mix, plain_tint, shade
from cvsi_db.scenes.drawing.pen import Pen

HORIZON = 60.0

SKIES: dict[str, tuple[Colour, Colour, Colour]] = {
    "day": ((66, 150, 232), (138, 200, 246), (214, 238, 252)),
    "sunset": ((94, 70, 150), (236, 112, 104), (255, 206, 120)),
    "night": ((10, 14, 46), (26, 34, 86), (62, 74, 136)),
}
OVERCAST: dict[str, Colour] = {"day": (128, 138, 152), "sunset": (168, 112, 110), "night": (34, 40, 66)}
SNOWY: dict[str, Colour] = {"day": (206, 214, 228), "sunset": (226, 176, 176), "night": (58, 66, 104)}


def draw_sky(pen: Pen, time: str, weather: str, dice: Random) -> None:
    """The gradient, what shines in it, and the clouds."""
    veil = {"rain": (OVERCAST[time], 0.72), "snow": (SNOWY[time], 0.6), "fog": (FOG[time], 0.75)}
    tones = SKIES[time]
    if weather in veil:
        tones = tuple(mix(tone, *veil[weather]) for tone in tones)  # type: ignore[assignment]
    pen.gradient((-20, -20, 120, HORIZON + 6), tones)
    _shine(pen, time, weather, dice)
    _clouds(pen, time, weather, dice)


def _shine(pen: Pen, time: str, weather: str, dice: Random) -> None:
    if time == "night":
        stars(pen, dice, 70 if weather == "clear" else 14)
        draw_moon(pen, dice.uniform(74, 88), dice.uniform(11, 18))
    elif time == "sunset":
        x, clear = dice.uniform(20, 80), weather == "clear"
        pen.glow(x, HORIZON - 6, 46, (255, 214, 130), 0.8 if clear else 0.45)
        pen.dots([(x, HORIZON - 6, 12)], (255, 236, 170) if clear else (250, 200, 150))
    elif weather in ("clear", "fog"):
        x, y = dice.uniform(76, 90), dice.uniform(11, 18)
        pen.glow(x, y, 26, (255, 248, 200), 0.8)
        pen.dots([(x, y, 7.5)], (255, 226, 92) if weather == "clear" else (255, 250, 232))


def stars(pen: Pen, dice: Random, count: int) -> None:
    """Small lights over the sky, some larger."""
    spots = [(dice.uniform(0, 100), dice.uniform(0, 54), dice.choice((0.28, 0.4, 0.75))) for _ in range(count)]
    pen.dots(spots, (255, 250, 224))


def draw_moon(pen: Pen, x: float, y: float) -> None:
    """A crescent with a halo."""
    pen.glow(x, y, 22, (220, 226, 255), 0.45)
    with pen.light(plain_tint), pen.at(x, y, turn=24):
        pen.path("M 2 -8 C -11 -7 -11 7 2 8 C -4 4 -4 -4 2 -8 Z", (255, 246, 200), line=False)


def _clouds(pen: Pen, time: str, weather: str, dice: Random) -> None:
    if weather == "fog":
        return
    base = {"day": WHITE, "sunset": (255, 196, 170), "night": (66, 76, 122)}[time]
    if weather == "clear":
        for _ in range(dice.randint(2, 3)):
            cloud(pen, dice.uniform(4, 70), dice.uniform(7, 32), dice.uniform(0.7, 1.25), base, 0.88)
        return
    tone = shade(OVERCAST[time], -0.22) if weather == "rain" else mix(SNOWY[time], WHITE, 0.25)
    for step in range(7):
        tint = shade(tone, dice.uniform(-0.1, 0.12))
        cloud(pen, step * 17 - 4 + dice.uniform(-4, 4), dice.uniform(4, 13), dice.uniform(1.3, 1.9), tint, 0.95)


def cloud(pen: Pen, x: float, y: float, scale: float, colour: Colour, alpha: float) -> None:
    """A heap of soft balls on a flat base."""
    balls = ((-9, 0, 4.2), (-4.5, -2.6, 5), (1.5, -4, 6), (7, -1.2, 4.6), (11, 0.6, 3.4), (0, 0.6, 4.4), (5, 1, 4))
    pen.dots(
        [(x + scale * bx, y + scale * (by + 1), scale * radius) for bx, by, radius in balls],
        shade(colour, -0.12),
        alpha,
    )
    pen.dots([(x + scale * bx, y + scale * by, scale * radius) for bx, by, radius in balls], colour, alpha)


def draw_weather(pen: Pen, time: str, weather: str, dice: Random) -> None:
    """What falls or drifts in front of everything."""
    if weather == "rain":
        _rain(pen, dice)
    elif weather == "snow":
        _snow(pen, dice)
    elif weather == "fog":
        for _ in range(5):
            pen.veil(
                dice.uniform(0, 100), dice.uniform(56, 100), dice.uniform(40, 70), dice.uniform(6, 12), FOG[time], 0.5
            )


def _rain(pen: Pen, dice: Random) -> None:
    for width, alpha, count in ((0.55, 0.55, 60), (0.9, 0.62, 26)):
        drops = []
        for _ in range(count):
            x, y, length = dice.uniform(-4, 108), dice.uniform(-6, 100), dice.uniform(5, 9)
            drops.append(((x, y), (x - length * 0.28, y + length)))
        pen.streaks(drops, (222, 236, 252), width, alpha)


def _snow(pen: Pen, dice: Random) -> None:
    for low, high, count, alpha in ((0.5, 0.8, 55, 0.85), (0.9, 1.6, 34, 0.95)):
        pen.dots(
            [(dice.uniform(0, 100), dice.uniform(0, 100), dice.uniform(low, high)) for _ in range(count)], WHITE, alpha
        )
