"""Colours: the ten of the subjects, mixing them, and the light of a time of day and a weather.

A colour is an (r, g, b) tuple of 0..255.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

Colour = tuple[float, float, float]
Tint = Callable[[Colour], Colour]

WHITE: Colour = (255, 255, 255)
INK: Colour = (36, 28, 46)
CREAM: Colour = (255, 244, 226)

SUBJECT_COLOURS: dict[str, Colour] = {
    "red": (217, 43, 47),
    "orange": (249, 135, 24),
    "yellow": (252, 212, 40),
    "green": (66, 172, 72),
    "blue": (44, 112, 222),
    "purple": (134, 62, 188),
    "pink": (253, 146, 190),
    "brown": (128, 78, 42),
    "white": (252, 251, 248),
    "grey": (140, 145, 152),
}


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour `share` (0..1) of the way from `first` to `second`."""
    return tuple(a + (b - a) * share for a, b in zip(first, second, strict=True))  # type: ignore[return-value]


def shade(colour: Colour, amount: float) -> Colour:
    """Lighter for amount > 0, darker for amount < 0, both up to 1."""
    return mix(colour, WHITE, amount) if amount > 0 else mix(colour, INK, -amount)


def jitter(colour: Colour, dice: Random, spread: float = 8) -> Colour:
    """A shade near `colour`: each channel moves by at most `spread`."""
    moved = [min(255.0, max(0.0, channel + dice.uniform(-spread, spread))) for channel in colour]
    return moved[0], moved[1], moved[2]


def multiply(colour: Colour, light: Colour) -> Colour:
    """`colour` seen under a `light` given as 0..1 per channel."""
    return colour[0] * light[0], colour[1] * light[1], colour[2] * light[2]


def grey(colour: Colour) -> Colour:
    """The colour's luminance (Rec. 601) as a grey."""
    level = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    return level, level, level


BACKDROP_LIGHT: dict[str, Colour] = {"day": (1, 1, 1), "sunset": (0.98, 0.72, 0.62), "night": (0.34, 0.40, 0.66)}
FIGURE_LIGHT: dict[str, Colour] = {"day": (1, 1, 1), "sunset": (1, 0.95, 0.88), "night": (0.92, 0.90, 0.97)}
FOG: dict[str, Colour] = {"day": (222, 227, 230), "sunset": (238, 196, 172), "night": (92, 100, 132)}
SNOW: Colour = (246, 249, 255)


def _autumn(colour: Colour) -> Colour:
    leaves = multiply((1.9 * colour[1], 0.78 * colour[1], 0.5 * colour[2]), (1, 1, 1))
    return mix(multiply(colour, (1, 0.93, 0.8)), leaves, _leafy(colour))


def _winter(colour: Colour) -> Colour:
    return mix(colour, SNOW, 0.35 + 0.4 * _leafy(colour))


def _spring(colour: Colour) -> Colour:
    return mix(colour, (190, 236, 120), 0.55 * _leafy(colour))


def _leafy(colour: Colour) -> float:
    """How much a colour is that of leaves and grass, 0..1."""
    return min(1.0, max(0.0, (colour[1] - max(colour[0], colour[2])) / 24))


SEASONS: dict[str, Tint] = {"summer": lambda colour: colour, "autumn": _autumn, "winter": _winter, "spring": _spring}
"""What a season does to the colours of the land."""


def backdrop_tint(time: str, weather: str, season: str = "summer") -> Tint:
    """How season and light change what stands behind the figures: strongly."""

    def tint(colour: Colour) -> Colour:
        colour = SEASONS[season](colour)
        if weather == "rain":
            colour = multiply(mix(colour, grey(colour), 0.4), (0.80, 0.83, 0.88))
        if weather == "snow":
            colour = mix(colour, SNOW, 0.2)
        lit = multiply(colour, BACKDROP_LIGHT[time])
        return mix(lit, FOG[time], 0.5) if weather == "fog" else lit

    return tint


def figure_tint(time: str, weather: str) -> Tint:
    """How the light changes the figures: lightly, so that their colours can still be named."""

    def tint(colour: Colour) -> Colour:
        lit = multiply(colour, FIGURE_LIGHT[time])
        return mix(lit, FOG[time], 0.10) if weather == "fog" else lit

    return tint


def plain_tint(colour: Colour) -> Colour:
    """No change: for what shines of itself."""
    return colour
