"""The ten settings by name, each under its sky."""

from __future__ import annotations

from collections.abc import Callable

from cvsi_db.scenes.drawing import built, wild
from cvsi_db.scenes.drawing.place import Place
from cvsi_db.scenes.drawing.sky import draw_sky

BACKDROPS: dict[str, Callable[[Place], None]] = {
    "beach": wild.draw_beach,
    "forest": wild.draw_forest,
    "city": built.draw_city,
    "desert": wild.draw_desert,
    "mountains": wild.draw_mountains,
    "meadow": wild.draw_meadow,
    "moon": wild.draw_moon,
    "room": built.draw_room,
    "harbour": built.draw_harbour,
    "farm": built.draw_farm,
}


def draw_backdrop(place: Place, setting: str) -> None:
    """The sky where there is one, then the setting."""
    if setting == "moon":
        wild.draw_space(place)
    elif setting != "room":
        draw_sky(place.pen, place.time, place.weather, place.dice)
    BACKDROPS[setting](place)
