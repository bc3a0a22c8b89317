"""The kinds of edits that a scene allows, each change with its meaning and all its phrasings.

Takes a scene and yields wishes, from which texts are drawn or listed; knows nothing about joining, reading back or
judging edits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cvsi_db.scenes import phrasings as say
from cvsi_db.scenes.grammar import WEATHERLESS
from cvsi_db.scenes.lexicon import (
    BACKGROUNDS,
    COLOURS,
    DESTINATIONS,
    NOUNS,
    PEOPLE,
    PLACES,
    STYLES,
    TIMES,
    WEATHER_CLAUSES,
    WEATHERS,
    night_words,
    plural,
    pronoun,
    with_article,
)
from cvsi_db.scenes.scene import ATTRIBUTES, HATS, NONE, Scene

Changes = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Edit:
    """An edit text and its meaning.

    `changes` maps each attribute that changes to its allowed values afterwards (all others stay); `adds` is the noun
    phrase of the objects it adds ("a top hat"), or "".
    """

    text: str
    changes: Changes
    adds: str


@dataclass(frozen=True)
class Wish:
    """One change with all its phrasings: every template filled with every row of slots."""

    changes: Changes
    phrasings: tuple[tuple[tuple[str, ...], Sequence[Mapping[str, str]]], ...]

    def edits(self) -> Iterator[Edit]:
        """The change in every phrasing."""
        for templates, rows in self.phrasings:
            for row in rows:
                for template in templates:
                    yield Edit(template.format_map(row), self.changes, row.get("adds", ""))

    def draw(self, rng: random.Random) -> Edit:
        """The change in a random phrasing."""
        templates, rows = rng.choices(self.phrasings, [len(templates) for templates, _ in self.phrasings])[0]
        row = rng.choice(rows)
        return Edit(rng.choice(templates).format_map(row), self.changes, row.get("adds", ""))


# --- kinds of edits ---------------------------------------------------------------------------------------------


def _others(scene: Scene, name: str) -> list[str]:
    return [value for value in ATTRIBUTES[name] if value not in (getattr(scene, name), NONE)]


def _subject_slots(scene: Scene) -> dict[str, str]:
    """The slots that every template may use: how to speak of the subject."""
    many = scene.count != "one"
    noun = plural(scene.subject) if many else scene.subject
    them = pronoun(scene.subject, many)
    they, their, themself = _PRONOUNS[them]
    return {
        "subject": noun,
        "the_subject": f"the {noun}",
        "them": them,
        "they": they,
        "their": their,
        "themself": themself,
        "s": "" if many else "s",
        "has": "have" if many else "has",
        "is": "are" if many else "is",
    }


_PRONOUNS = {
    "it": ("it", "its", "itself"),
    "her": ("she", "her", "herself"),
    "him": ("he", "his", "himself"),
    "them": ("they", "their", "themselves"),
}


def _items(scene: Scene, name: str, nouns: Iterable[str]) -> list[dict[str, str]]:
    """One row of slots per way to name a thing; several subjects may share the singular or take the plural."""
    rows = []
    for noun in nouns:
        forms = [with_article(noun)]
        if scene.count != "one" and name != "companion":
            forms += [plural(noun)]
        rows += [{**_subject_slots(scene), "item": form, "adds": with_article(noun)} for form in dict.fromkeys(forms)]
    return rows


def _present(scene: Scene, name: str) -> list[dict[str, str]]:
    """One row of slots per way to name the thing that is there now; a hat is also "the hat"."""
    value = getattr(scene, name)
    nouns = [*NOUNS[name][value], *(["hat"] if value in HATS else [])]
    many = scene.count != "one" and name != "companion"
    rows = [{"noun": noun, "old": f"the {noun}", "an_old": with_article(noun)} for noun in nouns]
    if many:
        rows += [{"noun": plural(noun), "old": f"the {plural(noun)}", "an_old": plural(noun)} for noun in nouns]
    return rows


_PUT = {
    "headwear": (say.WORN, say.PUT_ON, say.SWAP_WORN, say.TAKE_OFF),
    "wears": (say.WORN, say.PUT_ON, say.SWAP_WORN, say.TAKE_OFF),
    "holds": (say.HELD, say.HAND_OVER, say.SWAP_HELD, say.PUT_DOWN),
    "companion": (say.BESIDE, say.BRING, say.SWAP_BESIDE, ()),
}


def _goal(scene: Scene, name: str, allowed: Iterable[str], nouns: Iterable[str]) -> Wish:
    """To have a thing, whether nothing or another one is in its place now."""
    base, add, swap, _ = _PUT[name]
    rows = _items(scene, name, nouns)
    if getattr(scene, name) == NONE:
        return Wish({name: frozenset(allowed)}, ((base + add, rows),))
    swaps = [{**row, **old} for row in rows for old in _present(scene, name) if row["item"] != old["an_old"]]
    return Wish({name: frozenset(allowed)}, ((base, rows), (say.SWAP + swap, swaps)))


def _put(name: str) -> Callable[[Scene], Iterator[Wish]]:
    def wishes(scene: Scene) -> Iterator[Wish]:
        for value in _others(scene, name):
            yield _goal(scene, name, [value], NOUNS[name][value])

    return wishes


def _remove(name: str) -> Callable[[Scene], Iterator[Wish]]:
    def wishes(scene: Scene) -> Iterator[Wish]:
        if getattr(scene, name) != NONE:
            slots = _subject_slots(scene)
            rows = [{**slots, **old} for old in _present(scene, name)]
            yield Wish({name: frozenset({NONE})}, ((say.REMOVE + _PUT[name][3], rows), (say.BARE[name], [slots])))

    return wishes


def _any_hat(scene: Scene) -> Iterator[Wish]:
    if scene.headwear not in HATS:
        yield _goal(scene, "headwear", HATS, ["hat"])
    else:
        row = {"adds": "a hat"}
        yield Wish({"headwear": HATS - {scene.headwear}}, ((say.OTHER_HAT, [row]),))


def _colour(scene: Scene) -> Iterator[Wish]:
    templates = say.COLOUR + (say.COLOUR_PERSON if scene.subject in PEOPLE else say.COLOUR_ANIMAL)
    for value in _others(scene, "colour"):
        rows = [_colour_slots(scene, new, was) for new in COLOURS[value] for was in COLOURS[scene.colour]]
        yield Wish({"colour": frozenset({value})}, ((templates, rows),))


def _colour_slots(scene: Scene, new: str, was: str) -> dict[str, str]:
    slots = _subject_slots(scene)
    one = scene.count == "one"
    new_subject, was_subject = (f"{colour} {slots['subject']}" for colour in (new, was))
    slots["new_subject"] = with_article(new_subject) if one else new_subject
    slots["was_subject"] = with_article(was_subject) if one else was_subject
    return {**slots, "new": new, "was": was}


def _any_colour(scene: Scene) -> Iterator[Wish]:
    rows = [{"was": was} for was in COLOURS[scene.colour]]
    yield Wish({"colour": frozenset(_others(scene, "colour"))}, ((say.OTHER_COLOUR, rows),))


def _subject(scene: Scene) -> Iterator[Wish]:
    many = scene.count != "one"
    slots = _subject_slots(scene)
    slots |= {"old": slots["the_subject"], "an_old": slots["subject"] if many else with_article(scene.subject)}
    for value in _others(scene, "subject"):
        item = plural(value) if many else with_article(value)
        rows = [{**slots, "item": item, "adds": item}]
        yield Wish({"subject": frozenset({value})}, ((say.SUBJECT, rows),))


def _setting(scene: Scene) -> Iterator[Wish]:
    slots = _subject_slots(scene)
    for value in _others(scene, "setting"):
        changes = {"setting": frozenset({value})}
        if value in WEATHERLESS and scene.weather != "clear":
            changes["weather"] = frozenset({"clear"})
        grounds = [
            {**slots, "ground": new, "old_ground": was}
            for new in BACKGROUNDS[value]
            for was in BACKGROUNDS[scene.setting]
        ]
        places = [{**slots, "place": place} for place in PLACES[value]]
        moves = [{**slots, "to": to} for to in DESTINATIONS[value]]
        yield Wish(changes, ((say.SETTING, places), (say.DESTINATION, moves), (say.BACKGROUND, grounds)))


def _time(scene: Scene) -> Iterator[Wish]:
    slots = _subject_slots(scene)
    for value in _others(scene, "time"):
        whens = night_words(scene.setting) if value == "night" else TIMES[value]
        rows = [{**slots, "when": when, "new": value, "was": scene.time} for when in whens]
        plain = say.TIME_WORDS[value] + say.INSTEAD_OF_TIME
        yield Wish({"time": frozenset({value})}, ((say.WHEN, rows), (plain, rows[:1])))


def _weather(scene: Scene) -> Iterator[Wish]:
    if scene.setting in WEATHERLESS:
        return
    slots = _subject_slots(scene)
    for value in _others(scene, "weather"):
        rows = [{**slots, "when": when} for when in WEATHERS[value]]
        clauses = [{"clause": clause} for clause in WEATHER_CLAUSES[value]]
        changed = [{"new": value if value != "clear" else "clear weather", "was": scene.weather}]
        both = say.INSTEAD_OF_WEATHER if scene.weather != "clear" else ()
        plain = say.WEATHER_WORDS[value] + both
        yield Wish({"weather": frozenset({value})}, ((say.WHEN, rows), (say.WEATHER_CLAUSE, clauses), (plain, changed)))


def _count(scene: Scene) -> Iterator[Wish]:
    for value in _others(scene, "count"):
        nouns = scene.subject if value == "one" else plural(scene.subject)
        rows = [
            {"number": number, "nouns": nouns, "was": scene.count, "subject": scene.subject}
            for number in _NUMBERS[value]
        ]
        more = say.MORE[scene.count, value]
        yield Wish({"count": frozenset({value})}, ((say.COUNT, rows), (more, [rows[0] | {"nouns": nouns}])))


_NUMBERS = {"one": ("one", "only one", "just one"), "two": ("two", "2"), "three": ("three", "3")}


def _viewpoint(scene: Scene) -> Iterator[Wish]:
    slots = _subject_slots(scene)
    for value in _others(scene, "viewpoint"):
        yield Wish({"viewpoint": frozenset({value})}, ((say.VIEW_WORDS[value], [slots]),))


def _zoom(scene: Scene) -> Iterator[Wish]:
    """Nearer or further: any viewpoint on that side of the present one will do."""
    slots, views = _subject_slots(scene), ATTRIBUTES["viewpoint"]
    here = views.index(scene.viewpoint)
    for templates, allowed in ((say.ZOOM_IN, views[:here]), (say.ZOOM_OUT, views[here + 1 :])):
        if allowed:
            yield Wish({"viewpoint": frozenset(allowed)}, ((templates, [slots]),))


def _style(scene: Scene) -> Iterator[Wish]:
    slots = _subject_slots(scene)
    for value in _others(scene, "style"):
        rows = [{**slots, "style": style} for style in STYLES[value]]
        nouns = [
            {**slots, "new": new, "was": was} for new in say.STYLE_NOUNS[value] for was in say.STYLE_NOUNS[scene.style]
        ]
        yield Wish({"style": frozenset({value})}, ((say.STYLE, rows), (say.STYLE_NOUN, nouns)))


KINDS: dict[str, Callable[[Scene], Iterator[Wish]]] = {
    "hat": _any_hat,
    **{f"put {name}": _put(name) for name in NOUNS},
    **{f"remove {name}": _remove(name) for name in NOUNS},
    "colour": _colour,
    "any colour": _any_colour,
    "subject": _subject,
    "setting": _setting,
    "time": _time,
    "weather": _weather,
    "count": _count,
    "viewpoint": _viewpoint,
    "zoom": _zoom,
    "style": _style,
}
KIND_NAMES = tuple(name for name in KINDS if name != "any colour") * 3 + ("any colour",)
