"""Wishes for where, when and how the picture is taken: setting, time, weather, season, viewpoint and style.

Takes a scene and a phrasebook.
"""

from __future__ import annotations

from collections.abc import Sequence

from cvsi_db.scenes.lexicon import (
    BACKGROUNDS,
    COLOURS,
    DESTINATIONS,
    PLACES,
    SEASONS,
    STYLES,
    TIMES,
    WEATHER_CLAUSES,
    WEATHERS,
    night_words,
    plural,
    with_article,
)
from cvsi_db.scenes.scene import ATTRIBUTES, Scene, applies
from cvsi_db.scenes.wish import Book, Kind, Wish, changing, free_others, others, subject_slots
from cvsi_db.scenes.wishes_looks import DOING, MARKS, MOODS, each


def _applying(name: str, scene: Scene) -> Sequence[str]:
    return others(scene, name) if applies(scene.attributes(), name) else ()


def _setting(scene: Scene, book: Book, value: str) -> Wish:
    slots = subject_slots(scene)
    grounds = [
        {**slots, "ground": new, "old_ground": was} for new in BACKGROUNDS[value] for was in BACKGROUNDS[scene.setting]
    ]
    places = [{**slots, "place": place} for place in PLACES[value]]
    moves = [{**slots, "to": to} for to in DESTINATIONS[value]]
    phrasings = ((book.SETTING, places), (book.DESTINATION, moves), (book.BACKGROUND, grounds))
    return Wish(changing(scene, {"setting": [value]}), phrasings)


def _time(scene: Scene, book: Book, value: str) -> Wish:
    whens = night_words(scene.setting) if value == "night" else TIMES[value]
    rows = [{**subject_slots(scene), "when": when, "new": value, "was": scene.time} for when in whens]
    plain = book.TIME_WORDS[value] + book.INSTEAD_OF_TIME
    return Wish(changing(scene, {"time": [value]}), ((book.WHEN, rows), (plain, rows[:1])))


def _shifts(scene: Scene) -> Sequence[str]:
    """Later ("darker") and earlier ("brighter"), where the day leaves room."""
    return [way for way, allowed in _hours(scene).items() if allowed]


def _hours(scene: Scene) -> dict[str, Sequence[str]]:
    hours = ATTRIBUTES["time"]
    now = hours.index(scene.time)
    return {"later": hours[now + 1 :], "earlier": hours[:now]}


def _time_shift(scene: Scene, book: Book, way: str) -> Wish:
    return Wish(changing(scene, {"time": _hours(scene)[way]}), ((book.TIME_SHIFT[way], [subject_slots(scene)]),))


def _weather(scene: Scene, book: Book, value: str) -> Wish:
    slots = subject_slots(scene)
    rows = [{**slots, "when": when} for when in WEATHERS[value]]
    clauses = [{"clause": clause} for clause in WEATHER_CLAUSES[value]]
    changed = [{"new": value if value != "clear" else "clear weather", "was": scene.weather}]
    both = book.INSTEAD_OF_WEATHER if scene.weather != "clear" else ()
    phrasings = ((book.WHEN, rows), (book.WEATHER_CLAUSE, clauses), (book.WEATHER_WORDS[value] + both, changed))
    return Wish(changing(scene, {"weather": [value]}), phrasings)


def _no_weather(scene: Scene, book: Book, value: str) -> Wish:
    return Wish(changing(scene, {"weather": [value]}), ((book.STOP_WEATHER, [{"was": scene.weather}]),))


def _season(scene: Scene, book: Book, value: str) -> Wish:
    slots = subject_slots(scene)
    rows = [{**slots, "when": when} for when in SEASONS[value]]
    named = [{**slots, "new": value, "was": scene.season}]
    return Wish(changing(scene, {"season": [value]}), ((book.WHEN, rows), (book.SEASON, named)))


def _viewpoint(scene: Scene, book: Book, value: str) -> Wish:
    return Wish(changing(scene, {"viewpoint": [value]}), ((book.VIEW_WORDS[value], [subject_slots(scene)]),))


def _views(scene: Scene) -> dict[str, Sequence[str]]:
    views = ATTRIBUTES["viewpoint"]
    here = views.index(scene.viewpoint)
    return {"ZOOM_IN": views[:here], "ZOOM_OUT": views[here + 1 :]}


def _zoom(scene: Scene, book: Book, way: str) -> Wish:
    """Nearer or further: any viewpoint on that side of the present one will do."""
    return Wish(changing(scene, {"viewpoint": _views(scene)[way]}), ((getattr(book, way), [subject_slots(scene)]),))


def _style(scene: Scene, book: Book, value: str) -> Wish:
    slots = subject_slots(scene)
    rows = [{**slots, "style": style} for style in STYLES[value]]
    nouns = [
        {**slots, "new": new, "was": was} for new in book.STYLE_NOUNS[value] for was in book.STYLE_NOUNS[scene.style]
    ]
    return Wish(changing(scene, {"style": [value]}), ((book.STYLE, rows), (book.STYLE_NOUN, nouns)))


# --- what is so, and what shall be instead ----------------------------------------------------------------------


def _as_called(name: str) -> dict[str, tuple[str, ...]]:
    return {value: (value,) for value in ATTRIBUTES[name] if value != "clear"}


_NAMES = {
    "subject": _as_called("subject"), "time": _as_called("time"), "season": _as_called("season"),
    "weather": _as_called("weather"), "setting": BACKGROUNDS, "colour": COLOURS, "pattern": MARKS, "pose": DOING,
    "expression": MOODS,
}  # fmt: skip


def _exchanges(scene: Scene) -> Sequence[tuple[str, str]]:
    """Attributes with another value, where both it and the present one have a name to say."""
    values = scene.attributes()
    named = [name for name, names in _NAMES.items() if values[name] in names and applies(values, name)]
    return [(name, value) for name in named for value in _kept_legal(scene, name) if value in _NAMES[name]]


def _kept_legal(scene: Scene, name: str) -> list[str]:
    return free_others(scene, name) if name == "subject" else others(scene, name)


def _instead(scene: Scene, book: Book, option: tuple[str, str]) -> Wish:
    """X instead of Y, of whatever attribute."""
    name, value = option
    pairs = [(new, was) for new in _NAMES[name][value] for was in _NAMES[name][getattr(scene, name)]]
    if name == "subject":
        word = plural if scene.count != "one" else with_article
        pairs = [(word(new), word(was)) for new, was in pairs]
    rows = [{"new": new, "was": was, "adds": new if name == "subject" else ""} for new, was in pairs]
    return Wish(changing(scene, {name: [value]}), ((book.INSTEAD, rows),))


_STATES = {"setting": PLACES, "time": TIMES, "weather": WEATHERS, "season": SEASONS}


def _left_behind(scene: Scene) -> Sequence[str]:
    values = scene.attributes()
    return [name for name in _STATES if applies(values, name) and (name, values[name]) != ("weather", "clear")]


def _not_there(scene: Scene, book: Book, name: str) -> Wish:
    """No longer on the beach, at night, in the rain: any other value will do that asks for no further change."""
    rows = [{**subject_slots(scene), "was": was} for was in _STATES[name][getattr(scene, name)]]
    return Wish(changing(scene, {name: free_others(scene, name)}), ((book.NOT_SO, rows),))


WORLD_KINDS: dict[str, Kind] = {
    "setting": Kind(each("setting"), _setting),
    "time": Kind(each("time"), _time),
    "time shift": Kind(_shifts, _time_shift),
    "weather": Kind(lambda scene: _applying("weather", scene), _weather),
    "no weather": Kind(lambda scene: ("clear",) if scene.weather != "clear" else (), _no_weather),
    "season": Kind(lambda scene: _applying("season", scene), _season),
    "viewpoint": Kind(each("viewpoint"), _viewpoint),
    "zoom": Kind(lambda scene: [way for way, allowed in _views(scene).items() if allowed], _zoom),
    "style": Kind(each("style"), _style),
    "instead": Kind(_exchanges, _instead),
    "not there": Kind(_left_behind, _not_there),
}
