"""The settings people built: city, room, harbour and farm, in picture units.

Each takes a Place and draws back to front.
"""

from __future__ import annotations

from cvsi_db.scenes.drawing.palette import SNOW, Colour, plain_tint, shade
from cvsi_db.scenes.drawing.pen import Point
from cvsi_db.scenes.drawing.place import LAMP, Place
from cvsi_db.scenes.drawing.sky import draw_moon


def draw_city(place: Place) -> None:
    """A skyline, a street and a lamp."""
    dice = place.dice
    for tone, low, high, width in (((164, 178, 204), 26, 42, 11.0), ((112, 124, 160), 14, 34, 14.0)):
        x = -6.0 - dice.uniform(0, 6)
        while x < 104:
            _building(
                place, x, dice.uniform(low, high) if low > 20 else 70 - dice.uniform(20, 44), width, place.tone(tone)
            )
            x += width + dice.uniform(0.2, 1.6)
    place.pen.box(-20, 70, 140, 6, place.ground((188, 186, 190)), line=False)
    place.flat(75, place.ground((92, 94, 106), 0.6))
    for step in range(6):
        place.pen.box(step * 20 - 6 + dice.uniform(-1, 1), 86, 10, 1.8, (246, 222, 120), line=False)
    _street_lamp(place, dice.choice((6.0, 94.0)))


def _building(place: Place, x: float, top: float, width: float, colour: Colour) -> None:
    pen = place.pen
    pen.box(x, top, width, 74 - top, colour)
    if place.weather == "snow":
        pen.box(x, top - 0.6, width, 1.8, SNOW, line=False)
    glass = shade(colour, -0.42) if place.time == "day" else shade(colour, -0.5)
    dark: list[Point] = []
    lit: list[Point] = []
    for row in range(int((70 - top) / 5)):
        for column in range(int((width - 2) / 3.6)):
            spot = (x + 1.7 + column * 3.6, top + 2.4 + row * 5)
            (lit if place.time != "day" and place.dice.random() < 0.55 else dark).append(spot)
    for left, upper in dark:
        pen.box(left, upper, 2, 2.8, glass, line=False)
    for left, upper in lit:
        place.glowing(left, upper, 2, 2.8)


def _street_lamp(place: Place, x: float) -> None:
    place.pen.stroke(f"M {x} 78 L {x} 46", (66, 66, 78), 1.4, line=True)
    if place.time != "day":
        place.pen.glow(x, 44, 14, LAMP, 0.7)
    with place.pen.light(plain_tint if place.time != "day" else place.pen.tint):
        place.pen.dot(x, 44.4, 2.4, (255, 240, 180))


def draw_room(place: Place) -> None:
    """A window, a bookcase, a lamp and a rug."""
    pen, dice = place.pen, place.dice
    wall = place.tone(dice.choice(((246, 222, 190), (204, 226, 220), (232, 214, 232))))
    pen.box(-20, -20, 140, 92, wall, line=False)
    for step in range(18):
        pen.box(step * 8 - 22, -20, 3.4, 92, shade(wall, -0.05), line=False)
    pen.box(-20, 68, 140, 4, (250, 246, 238), line=False)
    _boards(place)
    _window(place, dice.uniform(32, 44), 10)
    _bookcase(place, 3)
    _floor_lamp(place, dice.uniform(88, 93))
    pen.oval(50, 89, 38, 8, place.tone((202, 92, 92)))
    pen.oval(50, 89, 31, 6, (246, 226, 200), line=False)
    pen.oval(50, 89, 26, 4.8, place.tone((202, 92, 92)), line=False)


def _boards(place: Place) -> None:
    wood = place.tone((196, 142, 92))
    place.flat(72, wood)
    for y in (76, 81, 87, 94):
        place.pen.streaks([((-20, y), (120, y))], place.pen.tint(shade(wood, -0.25)), 0.5, 0.8)


def _window(place: Place, x: float, y: float) -> None:
    pen = place.pen
    pen.box(x - 2, y - 2, 34, 34, (250, 248, 244))
    with pen.at(x, y, 0.3):
        views: dict[str, tuple[Colour, Colour]] = {
            "day": ((90, 170, 240), (210, 238, 252)),
            "sunset": ((240, 110, 96), (255, 206, 120)),
            "night": ((12, 16, 52), (40, 50, 104)),
        }
        pen.gradient((0, 0, 100, 100), views[place.time])
        if place.night:
            pen.dots([(place.dice.uniform(5, 95), place.dice.uniform(5, 95), 1.8) for _ in range(14)], (255, 250, 224))
            with pen.at(60, 36, 2):
                draw_moon(pen, 0, 0)
        elif place.time == "sunset":
            pen.dots([(50, 84, 26)], (255, 236, 170))
        else:
            pen.dots([(74, 26, 14)], (255, 230, 110))
    pen.box(x + 14.2, y, 1.6, 30, (250, 248, 244), line=False)
    pen.box(x, y + 14.2, 30, 1.6, (250, 248, 244), line=False)
    curtain = place.tone((224, 120, 96))
    pen.path(f"M {x - 6:.1f} {y - 4} L {x + 6:.1f} {y - 4} Q {x + 4:.1f} {y + 18} {x - 6:.1f} {y + 36} Z", curtain)
    pen.path(f"M {x + 36:.1f} {y - 4} L {x + 24:.1f} {y - 4} Q {x + 26:.1f} {y + 18} {x + 36:.1f} {y + 36} Z", curtain)


def _bookcase(place: Place, x: float) -> None:
    pen, dice = place.pen, place.dice
    pen.box(x, 26, 20, 46, place.tone((150, 100, 62)))
    for shelf in (28, 43, 58):
        pen.box(x + 1.6, shelf, 16.8, 12.4, (98, 62, 40), line=False)
        left = x + 2
        while left < x + 15.5:
            width, height = dice.uniform(1.8, 3), dice.uniform(7.5, 11)
            cover = dice.choice(((196, 70, 66), (70, 120, 180), (230, 184, 80), (90, 150, 110), (150, 100, 170)))
            pen.box(left, shelf + 12.4 - height, width, height, cover, line=False)
            left += width + 0.2


def _floor_lamp(place: Place, x: float) -> None:
    pen = place.pen
    pen.stroke(f"M {x:.2f} 78 L {x:.2f} 42", (110, 80, 60), 1.2, line=True)
    pen.oval(x, 78, 4.5, 1.3, (110, 80, 60))
    if place.time != "day":
        pen.glow(x, 38, 26, LAMP, 0.75)
    with pen.light(plain_tint if place.time != "day" else pen.tint):
        pen.path(f"M {x - 3.4:.2f} 32 L {x + 3.4:.2f} 32 L {x + 6.6:.2f} 44 L {x - 6.6:.2f} 44 Z", (255, 226, 160))


def draw_harbour(place: Place) -> None:
    """A pier, boats and a lighthouse."""
    pen, dice = place.pen, place.dice
    place.hill(56, 1.5, place.ground((120, 152, 140), 0.6), 1.2)
    pen.gradient((-20, 57, 120, 82), [pen.tint((70, 136, 178)), pen.tint((36, 92, 142))])
    for _ in range(12):
        x, y = dice.uniform(0, 95), dice.uniform(60, 77)
        pen.streaks([((x, y), (x + dice.uniform(4, 9), y))], pen.tint((200, 226, 240)), 0.5, 0.55)
    _lighthouse(place, dice.uniform(84, 92))
    for x, y, scale in ((dice.uniform(8, 20), 68, 1.1), (dice.uniform(46, 66), 63, 0.65)):
        with pen.at(x, y, scale, turn=dice.uniform(-3, 3)):
            _sailing_boat(place)
    wood = place.ground((166, 120, 80), 0.75)
    pen.box(-20, 77, 140, 45, wood, line=False)
    for step in range(15):
        pen.streaks([((step * 10 - 20, 77), ((step - 5) * 13 - 5, 122))], pen.tint(shade(wood, -0.3)), 0.6, 0.9)
    pen.box(-20, 76, 140, 2.2, shade(wood, -0.18), line=False)
    for x in (6, 36, 66, 96):
        pen.box(x - 1.6, 71, 3.2, 9, place.tone((104, 74, 54)), round_by=0.8)


def _sailing_boat(place: Place) -> None:
    pen = place.pen
    pen.stroke("M 0 0 L 0 -27", (110, 76, 50), 1.3, line=True)
    pen.path("M 1.2 -26 Q 12 -14 13 -4 L 1.2 -4 Z", (252, 250, 244))
    pen.path("M -1.2 -22 Q -8 -12 -9 -4 L -1.2 -4 Z", place.tone((232, 90, 80)))
    pen.path("M -13 -2 L 15 -2 L 10 5 L -9 5 Z", place.tone((178, 66, 56)))


def _lighthouse(place: Place, x: float) -> None:
    pen = place.pen
    with pen.at(x, 60):
        pen.path("M -12 1 C -8 -5 8 -5 12 1 Z", place.ground((120, 116, 110), 0.6))
        pen.path("M -5 -2 L -3.2 -30 L 3.2 -30 L 5 -2 Z", (250, 248, 244))
        for top, bottom in ((-25, -19), (-13, -7)):
            wide, narrow = 5 - (-2 - bottom) * 0.064, 5 - (-2 - top) * 0.064
            pen.poly([(-narrow, top), (narrow, top), (wide, bottom), (-wide, bottom)], (214, 62, 56), line=False)
        if place.time != "day":
            pen.glow(0, -33, 18, LAMP, 0.85)
        pen.box(-2.6, -36, 5.2, 6, (255, 236, 150))
        pen.path("M -3.6 -36 L 0 -40 L 3.6 -36 Z", (190, 52, 50))


def draw_farm(place: Place) -> None:
    """A barn, a windmill, a fence and a bale."""
    pen, dice = place.pen, place.dice
    place.hill(58, 2, place.ground((170, 200, 110)), 1)
    place.hill(63, 1.5, place.ground((214, 190, 92)), 1.3)
    with pen.at(dice.uniform(18, 26), 70, dice.uniform(0.95, 1.1)):
        _barn(place)
    with pen.at(dice.uniform(80, 88), 68, 1.0):
        _windmill(place)
    place.hill(69.5, 1, place.ground((146, 184, 84)), 1)
    for step in range(9):
        pen.streaks(
            [((50 + (step - 4) * 9, 80), (50 + (step - 4) * 30, 122))], pen.tint(shade((132, 150, 70), -0.15)), 1.3, 0.5
        )
    _fence(place)
    with pen.at(dice.choice((8.0, 92.0)), 88):
        straw = place.ground((232, 196, 96), 0.5)
        pen.dot(0, -5, 6.5, straw)
        pen.dot(0, -5, 4, shade(straw, -0.15), line=False)
        pen.dot(0, -5, 2, straw, line=False)


def _barn(place: Place) -> None:
    pen, red = place.pen, place.tone((188, 54, 48))
    pen.box(17, -30, 9, 30, (206, 208, 214))
    pen.path("M 17 -30 C 17 -37 26 -37 26 -30 Z", (150, 154, 164))
    pen.path("M -16 0 L -16 -19 L -9 -28 L 0 -32 L 9 -28 L 16 -19 L 16 0 Z", red)
    roof = place.ground((110, 62, 54), 0.9)
    pen.stroke("M -18 -18 L -9.6 -28.6 L 0 -33 L 9.6 -28.6 L 18 -18", roof, 2.4, line=True)
    pen.box(-6, -13, 12, 13, (250, 244, 236))
    pen.box(-5, -12, 10, 12, shade(red, -0.2), line=False)
    pen.stroke("M -5 -12 L 5 0", (250, 244, 236), 1.1)
    pen.stroke("M 5 -12 L -5 0", (250, 244, 236), 1.1)
    if place.time == "day":
        pen.box(-3, -24, 6, 6, (250, 244, 236))
    else:
        place.glowing(-3, -24, 6, 6)


def _windmill(place: Place) -> None:
    pen = place.pen
    pen.path("M -5 0 L -3 -26 L 3 -26 L 5 0 Z", (246, 238, 222))
    pen.path("M -4 -26 L 0 -31 L 4 -26 Z", (150, 84, 60))
    with pen.at(0, -26, turn=place.dice.uniform(0, 90)):
        for turn in (0, 90, 180, 270):
            with pen.at(0, 0, turn=turn):
                pen.box(-0.6, 1, 4, 13, (252, 250, 246))
    pen.dot(0, -26, 1.4, (110, 70, 50))


def _fence(place: Place) -> None:
    pen, wood = place.pen, (246, 238, 224)
    for y in (71, 75.5):
        pen.box(-20, y, 140, 1.6, wood)
    for step in range(12):
        pen.poly([(step * 10 - 4, 80), (step * 10 - 4, 69), (step * 10 - 2.7, 67.4), (step * 10 - 1.4, 69),
                  (step * 10 - 1.4, 80)], wood)  # fmt: skip
