"""Wishes for things on, with or near the main subject: headwear, accessories, things held, companions, props.

Takes a scene and a phrasebook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cvsi_db.scenes.lexicon import NOUNS, PROPS, plural, with_article
from cvsi_db.scenes.phrasings import Templates
from cvsi_db.scenes.scene import ATTRIBUTES, HATS, NONE, Scene
from cvsi_db.scenes.wish import Book, Kind, Row, Wish, changing, others, subject_slots

THINGS: dict[str, dict[str, tuple[str, ...]]] = NOUNS | {"prop": PROPS}
OWN = ("headwear", "wears", "holds")
"""What each of several subjects has one of: there the plural may be said."""

_GOAL = {"headwear": "WORN", "wears": "WORN", "holds": "HELD", "companion": "JOINED", "prop": "PROP_THERE"}
_ADD = {"headwear": "PUT_ON", "wears": "PUT_ON", "holds": "HAND_OVER", "companion": "BRING", "prop": "PROP_ADD"}
_SWAP = {
    "headwear": "SWAP_WORN",
    "wears": "SWAP_WORN",
    "holds": "SWAP_HELD",
    "companion": "SWAP_BESIDE",
    "prop": "SWAP_PROP",
}
_REMOVE = {
    "headwear": "TAKE_OFF",
    "wears": "TAKE_OFF",
    "holds": "PUT_DOWN",
    "companion": "SEND_OFF",
    "prop": "CLEAR_PROP",
}
PLACES_SAID: dict[str, tuple[str, ...]] = {
    "beside": ("left", "right"), "left": ("left",), "right": ("right",), "on top": ("on top",),
}  # fmt: skip
"""The places of a companion that people speak of, with the places they mean."""


def _items(scene: Scene, name: str, nouns: Iterable[str]) -> list[Row]:
    """One row of slots per way to name a thing; several subjects may share the singular or take the plural."""
    rows: list[Row] = []
    slots = subject_slots(scene)
    for noun in nouns:
        forms = [with_article(noun)]
        if scene.count != "one" and name in OWN:
            forms += [plural(noun)]
        rows += [{**slots, "item": form, "adds": with_article(noun)} for form in dict.fromkeys(forms)]
    return rows


def _present(scene: Scene, name: str) -> list[dict[str, str]]:
    """One row of slots per way to name the thing that is there now; a hat is also "the hat"."""
    value = getattr(scene, name)
    nouns = [*THINGS[name][value], *(["hat"] if value in HATS else [])]
    rows = [{"noun": noun, "old": f"the {noun}", "an_old": with_article(noun)} for noun in nouns]
    if scene.count != "one" and name in OWN:
        rows += [{"noun": plural(noun), "old": f"the {plural(noun)}", "an_old": plural(noun)} for noun in nouns]
    return rows


def _absent_values(name: str) -> Callable[[Scene], Sequence[str]]:
    return lambda scene: others(scene, name) if getattr(scene, name) == NONE else ()


def _present_values(name: str) -> Callable[[Scene], Sequence[str]]:
    return lambda scene: others(scene, name) if getattr(scene, name) != NONE else ()


def _removal(name: str) -> Callable[[Scene], Sequence[str]]:
    return lambda scene: (NONE,) if getattr(scene, name) != NONE else ()


def _goal_templates(book: Book, name: str) -> Templates:
    return tuple(getattr(book, _GOAL[name]))


def _add(name: str) -> Kind:
    """To have a thing where there is none; a companion may come anywhere."""

    def wish(scene: Scene, book: Book, value: str) -> Wish:
        wanted: dict[str, Iterable[str]] = {name: [value]}
        if name == "companion":
            wanted["companion_place"] = ATTRIBUTES["companion_place"]
        templates = _goal_templates(book, name) + getattr(book, _ADD[name])
        return Wish(changing(scene, wanted), ((templates, _items(scene, name, THINGS[name][value])),))

    return Kind(_absent_values(name), wish)


def _get(name: str) -> Kind:
    """To have a thing whatever there is now, without a word of that."""

    def wish(scene: Scene, book: Book, value: str) -> Wish:
        rows = _items(scene, name, THINGS[name][value])
        return Wish(changing(scene, {name: [value]}), ((_goal_templates(book, name), rows),))

    return Kind(_present_values(name), wish)


def _swap(name: str) -> Kind:
    def wish(scene: Scene, book: Book, value: str) -> Wish:
        rows = [{**row, **old} for row in _items(scene, name, THINGS[name][value]) for old in _present(scene, name)]
        return Wish(changing(scene, {name: [value]}), ((book.SWAP + getattr(book, _SWAP[name]), rows),))

    return Kind(_present_values(name), wish)


def _remove(name: str) -> Kind:
    def wish(scene: Scene, book: Book, value: str) -> Wish:
        slots = subject_slots(scene)
        rows = [{**slots, **old} for old in _present(scene, name)]
        bare = () if name == "companion" and scene.other != NONE else book.BARE[name]
        templates = book.REMOVE + getattr(book, _REMOVE[name])
        return Wish(changing(scene, {name: [value]}), ((templates, rows), (bare, [slots])))

    return Kind(_removal(name), wish)


def _any_hat(scene: Scene, book: Book, allowed: frozenset[str]) -> Wish:
    """A hat of whatever kind, for one who wears none."""
    rows = _items(scene, "headwear", ["hat"])
    return Wish(changing(scene, {"headwear": allowed}), ((book.WORN + book.PUT_ON, rows),))


def _swap_any_hat(scene: Scene, book: Book, allowed: frozenset[str]) -> Wish:
    """A hat for one who wears a crown, or another hat."""
    changes = changing(scene, {"headwear": allowed})
    if scene.headwear in HATS:
        return Wish(changes, ((book.OTHER_HAT, [{**subject_slots(scene), "adds": "a hat"}]),))
    rows = [{**row, **old} for row in _items(scene, "headwear", ["hat"]) for old in _present(scene, "headwear")]
    return Wish(changes, ((book.SWAP + book.SWAP_WORN, rows),))


def _placed_options(scene: Scene) -> Sequence[tuple[str, str]]:
    if scene.companion != NONE:
        return ()
    return [(value, place) for value in others(scene, "companion") for place in PLACES_SAID]


def _placed(scene: Scene, book: Book, option: tuple[str, str]) -> Wish:
    """A companion at a place that is said."""
    value, place = option
    items = _items(scene, "companion", THINGS["companion"][value])
    rows = [{**row, "where": where.format_map(row)} for row in items for where in book.WHERE[place]]
    changes = changing(scene, {"companion": [value], "companion_place": PLACES_SAID[place]})
    return Wish(changes, ((book.PLACED, rows),))


def _moved_options(scene: Scene) -> Sequence[str]:
    return others(scene, "companion_place") if scene.companion != NONE else ()


def _moved(scene: Scene, book: Book, place: str) -> Wish:
    """The companion that is there, elsewhere."""
    slots = subject_slots(scene)
    named = [{**slots, **old} for old in _present(scene, "companion")]
    rows = [{**row, "where": where.format_map(row)} for row in named for where in book.WHERE[place]]
    moves = [{**row, "to": to.format_map(row)} for row in named for to in book.WHERE_TO[place]]
    return Wish(changing(scene, {"companion_place": [place]}), ((book.STANDS, rows), (book.MOVE, moves)))


THING_KINDS: dict[str, Kind] = {
    "hat": Kind(lambda scene: (HATS,) if scene.headwear == NONE else (), _any_hat),
    "swap hat": Kind(lambda scene: (HATS - {scene.headwear},) if scene.headwear != NONE else (), _swap_any_hat),
    **{f"add {name}": _add(name) for name in THINGS},
    **{f"get {name}": _get(name) for name in THINGS},
    **{f"swap {name}": _swap(name) for name in THINGS},
    **{f"remove {name}": _remove(name) for name in THINGS},
    "placed companion": Kind(_placed_options, _placed),
    "companion place": Kind(_moved_options, _moved),
}
