"""The settings without houses: beach, forest, desert, mountains, meadow and moon, in picture units.

Each takes a Place and draws back to front.
"""

from __future__ import annotations

from math import sin

from cvsi_db.scenes.drawing.palette import SNOW, WHITE, Colour, shade
from cvsi_db.scenes.drawing.place import Place
from cvsi_db.scenes.drawing.sky import HORIZON, stars


def draw_beach(place: Place) -> None:
    """Sea, sand and a palm."""
    pen, dice = place.pen, place.dice
    pen.gradient((-20, 52, 120, 72), [pen.tint((30, 120, 190)), pen.tint((88, 202, 214))])
    for y in (56, 60, 64):
        for _ in range(4):
            x = dice.uniform(-5, 95)
            pen.streaks([((x, y), (x + dice.uniform(5, 12), y))], pen.tint((230, 246, 250)), 0.5, 0.6)
    place.hill(69.4, 1.3, (248, 252, 252), 2.2)
    place.hill(71, 1.3, place.ground((244, 216, 150)), 2.2)
    for _ in range(26):
        pen.dots([(dice.uniform(0, 100), dice.uniform(75, 99), 0.35)], pen.tint((206, 172, 110)), 0.8)
    _palm(place, dice.uniform(7, 15), 82)
    pen.poly(_star_points(dice.uniform(80, 94), dice.uniform(84, 94), 3.2), place.tone((240, 110, 80)))
    pen.oval(dice.uniform(60, 74), 96, 2.2, 1.5, place.tone((255, 226, 214)))


def _star_points(x: float, y: float, size: float) -> list[tuple[float, float]]:
    reach = (1, 0.42) * 5
    return [(x + size * r * sin(i * 0.6283), y - size * r * sin(i * 0.6283 + 1.5708)) for i, r in enumerate(reach)]


def _palm(place: Place, x: float, y: float) -> None:
    pen = place.pen
    pen.stroke(f"M {x:.2f} {y} Q {x + 1:.2f} {y - 24} {x + 8:.2f} {y - 42}", place.tone((140, 98, 60)), 3.4, line=True)
    leaf = place.ground((50, 150, 76), 0.5)
    with pen.at(x + 8, y - 42, turn=place.dice.uniform(-8, 8)):
        for turn in (-160, -125, -60, -20, 20, -95):
            with pen.at(0, 0, turn=turn):
                pen.path("M 0 0 Q 10 -9 22 1 Q 11 -2 0 2 Z", leaf)
        pen.dot(-1, 2, 1.7, (110, 70, 40))
        pen.dot(2, 2.4, 1.7, (110, 70, 40))


def _pine(place: Place, x: float, y: float, height: float, colour: Colour) -> None:
    pen, half = place.pen, height * 0.27
    pen.box(x - height * 0.035, y - height * 0.16, height * 0.07, height * 0.18, (104, 70, 46))
    for level, reach in ((0.12, 1.0), (0.36, 0.78), (0.6, 0.54)):
        base = y - height * level
        shape = [(x - half * reach, base), (x, base - height * 0.4), (x + half * reach, base)]
        pen.poly(shape, colour)
        if place.weather == "snow":
            tip = base - height * 0.4
            drift = half * reach * 0.5
            low, middle = tip + height * 0.2, tip + height * 0.15
            pen.poly([(x - drift, low), (x, tip), (x + drift, low), (x, middle)], SNOW, line=False)


def draw_forest(place: Place) -> None:
    """Rows of pines, and mushrooms."""
    dice = place.dice
    place.hill(54, 2, place.ground((120, 168, 128), 0.5))
    for step in range(13):
        _pine(place, step * 8.5 - 2 + dice.uniform(-2, 2), 62, dice.uniform(22, 32), place.tone((98, 150, 116)))
    place.hill(62, 1.6, place.ground((74, 132, 78)))
    for step in range(8):
        _pine(place, step * 14.5 - 2 + dice.uniform(-3, 3), 68, dice.uniform(36, 50), place.tone((44, 112, 74)))
    place.hill(68, 1.4, place.ground((86, 142, 70)))
    for x in (dice.uniform(-4, 6), dice.uniform(94, 104)):
        _pine(place, x, 80, dice.uniform(66, 76), place.tone((28, 86, 58)))
    for _ in range(3):
        _mushroom(place, dice.uniform(6, 94), dice.uniform(82, 97))


def _mushroom(place: Place, x: float, y: float) -> None:
    place.pen.box(x - 0.9, y - 3, 1.8, 3.4, (248, 236, 214), round_by=0.6)
    with place.pen.at(x, y - 2.6):
        place.pen.path("M -3.2 0 C -3 -4.6 3 -4.6 3.2 0 Z", (214, 60, 50))
        place.pen.dots([(-1, -1.6, 0.55), (1.1, -1.9, 0.5)], place.pen.tint(WHITE))


def draw_desert(place: Place) -> None:
    """Dunes, mesas and cacti."""
    pen, dice = place.pen, place.dice
    x = dice.uniform(8, 60)
    mesa = place.tone((196, 108, 70))
    pen.path(f"M {x:.1f} 64 L {x + 4:.1f} 44 L {x + 22:.1f} 43 L {x + 27:.1f} 64 Z", mesa)
    pen.path(f"M {x + 26:.1f} 64 L {x + 29:.1f} 51 L {x + 36:.1f} 51 L {x + 40:.1f} 64 Z", shade(mesa, -0.12))
    place.hill(61, 2.4, place.ground((236, 178, 106), 0.7), 1.1)
    place.hill(68, 2.6, place.ground((240, 192, 116), 0.7), 1.4)
    place.hill(79, 2.8, place.ground((228, 164, 92), 0.7), 0.9)
    for x, y, scale in (
        (dice.uniform(6, 16), 80, 1.25),
        (dice.uniform(84, 95), 73, 0.9),
        (dice.uniform(28, 70), 66, 0.45),
    ):
        with pen.at(x, y, scale, flip=dice.random() < 0.5):
            _cactus(place)
    pen.oval(dice.uniform(60, 80), 95, 4, 2, place.tone((178, 116, 76)))


def _cactus(place: Place) -> None:
    green = place.ground((70, 146, 84), 0.35)
    place.pen.stroke("M 0 -14 L -7 -14 L -7 -21", green, 3.4, line=True)
    place.pen.stroke("M 0 -9 L 7 -9 L 7 -17", green, 3.4, line=True)
    place.pen.stroke("M 0 0 L 0 -28", green, 5, line=True)
    place.pen.dot(0, -31, 1.6, (250, 110, 150))


def draw_mountains(place: Place) -> None:
    """Snow-capped peaks behind small pines."""
    dice = place.dice
    for count, base, low, high, tone in ((4, 66, 30, 38, (150, 168, 204)), (3, 72, 38, 48, (104, 122, 162))):
        for step in range(count):
            x = (step + 0.5) * 104 / count + dice.uniform(-7, 7)
            _peak(place, x, base, dice.uniform(low, high), place.tone(tone))
    place.hill(70, 1.6, place.ground((98, 146, 96)), 1.2)
    for step in range(9):
        _pine(
            place,
            step * 12 + dice.uniform(-3, 3),
            74 + dice.uniform(-1, 2),
            dice.uniform(7, 11),
            place.tone((48, 104, 80)),
        )
    place.hill(77, 1.5, place.ground((128, 150, 116)), 1)
    for _ in range(4):
        x, y, size = dice.uniform(4, 96), dice.uniform(84, 97), dice.uniform(2, 4)
        place.pen.oval(x, y, size, size * 0.6, place.tone((140, 144, 154)))


def _peak(place: Place, x: float, base: float, height: float, rock: Colour) -> None:
    pen, half, top = place.pen, height * 0.72, base - height
    pen.poly([(x - half, base), (x, top), (x + half, base)], rock)
    pen.poly([(x, top), (x + half, base), (x + half * 0.1, base)], shade(rock, -0.16), line=False)
    snow = [(0, 0), (0.36, 0.36), (0.2, 0.32), (0.08, 0.44), (-0.06, 0.33), (-0.2, 0.42), (-0.34, 0.34)]
    pen.poly([(x + half * dx, top + height * dy) for dx, dy in snow], (250, 252, 255), line=False)


def draw_meadow(place: Place) -> None:
    """Rolling green with flowers and a round tree."""
    pen, dice = place.pen, place.dice
    place.hill(58, 3, place.ground((156, 206, 120)), 1.1)
    place.hill(64, 3, place.ground((128, 194, 96)), 1.5)
    _round_tree(place, dice.choice((dice.uniform(8, 18), dice.uniform(82, 92))), 72, dice.uniform(0.9, 1.2))
    place.hill(72, 2, place.ground((104, 182, 80)), 1)
    for _ in range(34):
        x, y = dice.uniform(0, 100), dice.uniform(75, 99)
        petal = dice.choice(((255, 255, 255), (255, 214, 70), (246, 110, 130), (190, 130, 236)))
        size = 0.55 + (y - 74) * 0.026
        pen.streaks([((x, y), (x, y + size * 3))], pen.tint((70, 140, 60)), 0.4, 0.9)
        pen.dots([(x - size, y, size), (x + size, y, size), (x, y - size, size), (x, y + size, size)], pen.tint(petal))
        pen.dots([(x, y, size * 0.7)], pen.tint((250, 180, 50)))


def _round_tree(place: Place, x: float, y: float, scale: float) -> None:
    leaves = place.ground((84, 160, 76), 0.5)
    with place.pen.at(x, y, scale):
        place.pen.path("M -2 0 L -1.4 -14 L 1.4 -14 L 2 0 Z", (122, 82, 52))
        place.pen.path("M -12 -14 C -18 -26 -6 -36 2 -34 C 14 -36 18 -20 11 -14 C 6 -9 -6 -9 -12 -14 Z", leaves)
        place.pen.oval(-3, -26, 5, 3.6, shade(leaves, 0.18), line=False)


def draw_moon(place: Place) -> None:
    """Grey craters, a rocket, and a planet above."""
    pen, dice = place.pen, place.dice
    planet_x, planet_y = dice.uniform(16, 34), dice.uniform(14, 24)
    with pen.at(planet_x, planet_y, turn=-18):
        pen.dot(0, 0, 9.5, place.tone((92, 150, 226)))
        pen.oval(-3, -2, 4, 2.4, (110, 190, 120), line=False)
        pen.oval(4, 3.4, 3, 1.8, (110, 190, 120), line=False)
        pen.stroke("M -15 1 Q 0 9 15 1", (240, 214, 160), 1.6, line=True)
    ground = place.tone((204, 202, 212))
    place.hill(60, 2, shade(ground, -0.16), 1)
    _rocket(place, dice.uniform(82, 92), 70)
    place.hill(67, 2, ground, 1.3)
    for _ in range(9):
        x, y = dice.uniform(2, 98), dice.uniform(72, 97)
        size = 1.4 + (y - 70) * 0.13
        pen.oval(x, y, size * 1.5, size * 0.62, shade(ground, -0.24), line=False)
        pen.oval(x, y + size * 0.16, size * 1.3, size * 0.44, shade(ground, -0.12), line=False)


def _rocket(place: Place, x: float, y: float) -> None:
    pen = place.pen
    with pen.at(x, y, turn=5):
        for flip in (False, True):
            with pen.at(0, 0, flip=flip):
                pen.path("M 3 -8 L 8 1 L 3 -2 Z", (222, 64, 60))
        pen.path("M -4.6 -2 C -6 -14 -3 -21 0 -25 C 3 -21 6 -14 4.6 -2 Z", (240, 242, 248))
        pen.path("M -3.3 -18.4 C -2.4 -21.4 -1 -23.7 0 -25 C 1 -23.7 2.4 -21.4 3.3 -18.4 Z", (222, 64, 60))
        pen.dot(0, -13, 2.2, (110, 190, 240))


def draw_space(place: Place) -> None:
    """The sky over the moon: always stars."""
    tones: dict[str, tuple[Colour, Colour]] = {
        "day": ((52, 56, 120), (122, 132, 196)),
        "sunset": ((70, 36, 92), (226, 110, 92)),
        "night": ((4, 5, 18), (14, 16, 44)),
    }
    place.pen.gradient((-20, -20, 120, HORIZON + 6), tones[place.time])
    stars(place.pen, place.dice, {"day": 40, "sunset": 40, "night": 110}[place.time])
    if place.time == "sunset":
        place.pen.glow(60, HORIZON - 2, 44, (255, 200, 110), 0.85)
        place.pen.dots([(60, HORIZON - 2, 11)], (255, 238, 180))
    elif place.time == "day":
        place.pen.glow(80, 14, 26, (255, 252, 224), 0.9)
        place.pen.dots([(80, 14, 6)], (255, 250, 220))
