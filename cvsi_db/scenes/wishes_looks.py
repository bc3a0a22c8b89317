"""Wishes for how the main subject looks: its kind, number, colour, pattern, pose and expression, and to have it not so.

Takes a scene and a phrasebook.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cvsi_db.scenes.lexicon import COLOURS, EXPRESSIONS, PATTERNS, PEOPLE, POSES, plural, with_article
from cvsi_db.scenes.scene import ATTRIBUTES, NONE, Scene
from cvsi_db.scenes.wish import Book, Kind, Row, Wish, changing, free_others, others, subject_slots

MARKS = {
    "striped": ("stripes",),
    "spotted": ("spots", "dots"),
    "checked": ("checks", "a checked pattern"),
}
DOING = {value: tuple(word for word in words if word.split()[0].endswith("ing")) for value, words in POSES.items()}
DO = {
    "standing": ("stand", "stand up"),
    "sitting": ("sit", "sit down"),
    "jumping": ("jump", "jump up"),
    "waving": ("wave",),
}
MOODS = {
    "smiling": ("happy", "smiling"),
    "sad": ("sad", "unhappy"),
    "surprised": ("surprised", "astonished"),
    "asleep": ("asleep", "fast asleep", "sleeping"),
}


def each(name: str) -> Callable[[Scene], Sequence[str]]:
    """The options of a kind that may choose any other value of an attribute."""
    return lambda scene: others(scene, name)


def _colour(scene: Scene, book: Book, value: str) -> Wish:
    templates = book.COLOUR + (book.COLOUR_PERSON if scene.subject in PEOPLE else book.COLOUR_ANIMAL)
    rows = [_colour_slots(scene, new, was) for new in COLOURS[value] for was in COLOURS[scene.colour]]
    return Wish(changing(scene, {"colour": [value]}), ((templates, rows),))


def _colour_slots(scene: Scene, new: str, was: str) -> Row:
    slots = subject_slots(scene)
    one = scene.count == "one"
    new_subject, was_subject = (f"{colour} {slots['subject']}" for colour in (new, was))
    slots["new_subject"] = with_article(new_subject) if one else new_subject
    slots["was_subject"] = with_article(was_subject) if one else was_subject
    return {**slots, "new": new, "was": was}


def _any_colour(scene: Scene, book: Book, _: str) -> Wish:
    rows = [{**subject_slots(scene), "was": was} for was in COLOURS[scene.colour]]
    return Wish(changing(scene, {"colour": others(scene, "colour")}), ((book.OTHER_COLOUR, rows),))


def _subject(scene: Scene, book: Book, value: str) -> Wish:
    many = scene.count != "one"
    slots = subject_slots(scene)
    slots |= {"old": slots["the_subject"], "an_old": slots["subject"] if many else with_article(scene.subject)}
    item = plural(value) if many else with_article(value)
    return Wish(changing(scene, {"subject": [value]}), ((book.SUBJECT, [{**slots, "item": item, "adds": item}]),))


_NUMBERS = {"one": ("one", "only one", "just one"), "two": ("two", "2"), "three": ("three", "3")}


def _counts(scene: Scene) -> Sequence[str]:
    return others(scene, "count") if scene.other == NONE else ()


def _count(scene: Scene, book: Book, value: str) -> Wish:
    nouns = scene.subject if value == "one" else plural(scene.subject)
    row = {"nouns": nouns, "was": scene.count, "subject": scene.subject}
    rows = [row | {"number": number} for number in _NUMBERS[value]]
    return Wish(changing(scene, {"count": [value]}), ((book.COUNT, rows), (book.COUNT_WORDS[value], [row])))


def _more(scene: Scene, book: Book, value: str) -> Wish:
    """One more, two fewer."""
    row = {"nouns": plural(scene.subject), "subject": scene.subject}
    return Wish(changing(scene, {"count": [value]}), ((book.MORE[scene.count, value], [row]),))


def _pattern(scene: Scene, book: Book, value: str) -> Wish:
    slots = subject_slots(scene)
    templates = book.PATTERN + (book.PATTERN_PERSON if scene.subject in PEOPLE else book.PATTERN_ANIMAL)
    named = [{**slots, "new": new, "a_new": with_article(new)} for new in PATTERNS[value]]
    marks = [{**slots, "marks": mark} for mark in MARKS.get(value, ())]
    return Wish(changing(scene, {"pattern": [value]}), ((templates, named), (book.MARKED, marks)))


def _unmark(scene: Scene, book: Book, value: str) -> Wish:
    rows = [{**subject_slots(scene), "marks": mark.removeprefix("a ")} for mark in MARKS[scene.pattern]]
    return Wish(changing(scene, {"pattern": [value]}), ((book.UNMARKED, rows),))


def _pose(scene: Scene, book: Book, value: str) -> Wish:
    slots = subject_slots(scene)
    doing = [{**slots, "doing": words} for words in POSES[value]]
    do = [{**slots, "do": words} for words in DO[value]]
    return Wish(changing(scene, {"pose": [value]}), ((book.POSE, doing), (book.POSE_VERB, do)))


def _expression(scene: Scene, book: Book, value: str) -> Wish:
    slots = subject_slots(scene)
    rows = [{**slots, "mood": mood} for mood in MOODS[value]]
    looks = [{**slots, "look": look} for look in EXPRESSIONS[value]]
    phrasings = ((book.MOOD, rows), (book.LOOKING, looks), (book.MOOD_WORDS[value], [slots]))
    return Wish(changing(scene, {"expression": [value]}), phrasings)


def _moods(scene: Scene) -> Sequence[str]:
    """The happier and the sadder face than the present one."""
    return [value for value in ("smiling", "sad") if value != scene.expression]


def _mood_shift(scene: Scene, book: Book, value: str) -> Wish:
    return Wish(changing(scene, {"expression": [value]}), ((book.MOOD_SHIFT[value], [subject_slots(scene)]),))


_NOT_SO = {"pattern": PATTERNS, "pose": DOING, "expression": MOODS}


def _so(scene: Scene) -> Sequence[str]:
    return [name for name in _NOT_SO if (name, getattr(scene, name)) != ("pattern", "plain")]


def _not_so(scene: Scene, book: Book, name: str) -> Wish:
    """No longer striped, sitting or sad: any other value will do."""
    slots = subject_slots(scene)
    rows = [{**slots, "was": was} for was in _NOT_SO[name][getattr(scene, name)]]
    allowed = [value for value in ATTRIBUTES[name] if value != getattr(scene, name)]
    return Wish(changing(scene, {name: allowed}), ((book.NOT_SO, rows),))


LOOK_KINDS: dict[str, Kind] = {
    "colour": Kind(each("colour"), _colour),
    "any colour": Kind(lambda _scene: ("any",), _any_colour),
    "subject": Kind(lambda scene: free_others(scene, "subject"), _subject),
    "count": Kind(_counts, _count),
    "more": Kind(_counts, _more),
    "pattern": Kind(each("pattern"), _pattern),
    "no pattern": Kind(lambda scene: ("plain",) if scene.pattern != "plain" else (), _unmark),
    "pose": Kind(each("pose"), _pose),
    "expression": Kind(each("expression"), _expression),
    "mood": Kind(_moods, _mood_shift),
    "not so": Kind(_so, _not_so),
}
