"""Wishes about a second subject: to have one, to have it otherwise, to tell the two apart, to exchange what they have.

Takes a scene and a phrasebook. Whatever is not said of a new second subject is left open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cvsi_db.scenes.lexicon import COLOURS, NOUNS, PEOPLE, with_article
from cvsi_db.scenes.scene import ATTRIBUTES, DEPENDENTS, HATS, NONE, Scene
from cvsi_db.scenes.wish import Book, Kind, Row, Wish, changing, free_others, others, subject_slots

OPEN = tuple(name for name, owner in DEPENDENTS.items() if owner == "other")
"""What may be anything of a new second subject unless it is said."""

RELATIONS_SAID: dict[str, tuple[str, ...]] = {
    "": ("left", "right", "behind"), "beside": ("left", "right"), "left": ("left",), "right": ("right",),
    "behind": ("behind",),
}  # fmt: skip
_SIZES_SAID = {"smaller": ("small", "little"), "bigger": ("big", "large")}
_WHERES = 3
"""In how many ways it is said where a newcomer of a certain look stands: this keeps the list of all edits short."""
_BY_SIZE = ("smaller", "same", "bigger")


def _pair_slots(scene: Scene) -> dict[str, str]:
    """The slots of templates about both: each by its name."""
    return {**subject_slots(scene), "other": scene.other, "the_other": f"the {scene.other}"}


# --- a new one, another kind, none ------------------------------------------------------------------------------


def _newcomers(scene: Scene) -> list[str]:
    return free_others(scene, "other") if scene.other == NONE and scene.count == "one" else []


def _come(scene: Scene, book: Book, nouns: Sequence[str], place: str, said: dict[str, Iterable[str]]) -> Wish:
    """Another subject named by one of the nouns, at a place, with what is said of it."""
    wanted: dict[str, Iterable[str]] = {name: ATTRIBUTES[name] for name in OPEN}
    changes = changing(scene, {**said, "relation": RELATIONS_SAID[place], **_unsaid(wanted, said)})
    slots = subject_slots(scene)
    rows: list[Row] = [{**slots, "item": noun, "adds": noun} for noun in nouns]
    if not place:
        return Wish(changes, ((book.ADD_OTHER, rows),))
    wheres = [where.format_map(slots) for where in book.WHERE[place][: _WHERES if len(said) > 1 else None]]
    return Wish(changes, ((book.PLACED, [{**row, "where": where} for row in rows for where in wheres]),))


def _unsaid(wanted: dict[str, Iterable[str]], said: dict[str, Iterable[str]]) -> dict[str, Iterable[str]]:
    return {name: values for name, values in wanted.items() if name not in said and name != "relation"}


def _add_options(scene: Scene) -> Sequence[tuple[str, str]]:
    return [(kind, place) for kind in _newcomers(scene) for place in RELATIONS_SAID]


def _add_other(scene: Scene, book: Book, option: tuple[str, str]) -> Wish:
    kind, place = option
    return _come(scene, book, [with_article(kind)], place, {"other": [kind]})


def _looking_options(scene: Scene) -> Sequence[tuple[str, str, str, str]]:
    """Each look a newcomer may have; where it stands is said beside colours and sizes only."""
    tall = [("other_colour", value) for value in ATTRIBUTES["other_colour"]] + [
        ("other_size", size) for size in _SIZES_SAID
    ]
    worn = [(f"other_{name}", value) for name in ("headwear", "holds") for value in NOUNS[name]]
    looks = [(place, *look) for look in tall for place in RELATIONS_SAID] + [("", *look) for look in worn]
    return [(kind, *look) for kind in _newcomers(scene) for look in looks]


def _add_looking(scene: Scene, book: Book, option: tuple[str, str, str, str]) -> Wish:
    """A new one of which its colour, size, headwear or thing held is said."""
    kind, place, name, value = option
    return _come(scene, book, _described(kind, name, value), place, {"other": [kind], name: [value]})


def _described(kind: str, name: str, value: str) -> list[str]:
    """Noun phrases of a kind that tell one more thing of it: "a blue dog", "a dog in a cap"."""
    if name == "other_colour":
        return [_coloured(kind, colour, with_article) for colour in COLOURS[value]]
    if name == "other_size":
        return [with_article(f"{size} {kind}") for size in _SIZES_SAID[value]]
    joint = "holding" if name == "other_holds" else "wearing"
    nouns = NOUNS[name.removeprefix("other_")][value]
    return [f"{with_article(kind)} {joint} {with_article(noun)}" for noun in nouns]


def _coloured(kind: str, colour: str, article: Callable[[str], str]) -> str:
    return f"{article(kind)} in {colour}" if kind in PEOPLE else article(f"{colour} {kind}")


def _swap_other(scene: Scene, book: Book, value: str) -> Wish:
    item = with_article(value)
    slots = {**_pair_slots(scene), "old": f"the {scene.other}", "an_old": with_article(scene.other)}
    rows = [{**slots, "item": item, "adds": item}]
    return Wish(changing(scene, {"other": [value]}), ((book.SWAP_OTHER, rows),))


def _remove_other(scene: Scene, book: Book, value: str) -> Wish:
    rows = [
        {**_pair_slots(scene), "old": f"the {scene.other}", "an_old": with_article(scene.other), "noun": scene.other}
    ]
    alone = book.ALONE if scene.companion == NONE else ()
    return Wish(changing(scene, {"other": [value]}), ((book.REMOVE_OTHER, rows), (alone, rows)))


def _if_two(options: Callable[[Scene], Sequence[object]]) -> Callable[[Scene], Sequence[object]]:
    return lambda scene: options(scene) if scene.other != NONE else ()


# --- one of the two by name -------------------------------------------------------------------------------------


def _names(scene: Scene, book: Book, name: str) -> list[Row]:
    """The ways to say which of the two an attribute belongs to: the main one by its kind, the other in more ways."""
    slots = _pair_slots(scene)
    forms = [*book.OTHER_NAMES, *book.OTHER_NAMES_AT[scene.relation], *book.OTHER_NAMES_SIZED[scene.other_size]]
    if not name.startswith("other"):
        forms = [*book.MAIN_NAMES]
    return [{**slots, "who": form.format_map(slots)} for form in forms]


def _tell_options(name: str, absent: bool) -> Callable[[Scene], Sequence[object]]:
    return _if_two(lambda scene: others(scene, name) if (getattr(scene, name) == NONE) == absent else ())


def _plain(name: str) -> str:
    return name.removeprefix("other_")


def _tell(name: str) -> Kind:
    """To give one of the two a thing it has not."""
    held = _plain(name) == "holds"

    def wish(scene: Scene, book: Book, value: str) -> Wish:
        items = [with_article(noun) for noun in NOUNS[_plain(name)][value]]
        rows = [{**who, "item": item, "adds": item} for who in _names(scene, book, name) for item in items]
        return Wish(changing(scene, {name: [value]}), ((book.TELL_HELD if held else book.TELL_WORN, rows),))

    return Kind(_tell_options(name, absent=True), wish)


def _tell_hat(name: str) -> Kind:
    def wish(scene: Scene, book: Book, allowed: frozenset[str]) -> Wish:
        rows = [{**who, "item": "a hat", "adds": "a hat"} for who in _names(scene, book, name)]
        return Wish(changing(scene, {name: allowed}), ((book.TELL_WORN, rows),))

    return Kind(_if_two(lambda scene: (HATS,) if getattr(scene, name) == NONE else ()), wish)


def _owned(scene: Scene, name: str) -> list[Row]:
    """What one of the two wears or holds, by each of its nouns; a hat is also "the hat"."""
    value = getattr(scene, name)
    nouns = [*NOUNS[_plain(name)][value], *(["hat"] if value in HATS else [])]
    return [{"noun": noun, "old": f"the {noun}", "an_old": with_article(noun)} for noun in nouns]


def _tell_swap(name: str) -> Kind:
    def wish(scene: Scene, book: Book, value: str) -> Wish:
        items = [with_article(noun) for noun in NOUNS[_plain(name)][value]]
        named = [{**who, **old} for who in _names(scene, book, name) for old in _owned(scene, name)]
        rows = [{**row, "item": item, "adds": item} for row in named for item in items]
        return Wish(changing(scene, {name: [value]}), ((book.TELL_SWAP, rows),))

    return Kind(_tell_options(name, absent=False), wish)


def _tell_remove(name: str) -> Kind:
    def wish(scene: Scene, book: Book, value: str) -> Wish:
        rows = [{**who, **old} for who in _names(scene, book, name) for old in _owned(scene, name)]
        return Wish(changing(scene, {name: [value]}), ((book.TELL_REMOVE, rows),))

    return Kind(_if_two(lambda scene: (NONE,) if getattr(scene, name) != NONE else ()), wish)


def _tell_colour(name: str) -> Kind:
    def wish(scene: Scene, book: Book, value: str) -> Wish:
        rows = [{**who, "new": new} for who in _names(scene, book, name) for new in COLOURS[value]]
        return Wish(changing(scene, {name: [value]}), ((book.TELL_COLOUR, rows),))

    return Kind(_if_two(lambda scene: others(scene, name)), wish)


# --- the two beside each other ----------------------------------------------------------------------------------


def _relation(scene: Scene, book: Book, place: str) -> Wish:
    slots = {**_pair_slots(scene), "old": f"the {scene.other}"}
    rows = [{**slots, "where": where.format_map(slots)} for where in (*book.WHERE[place], *book.WHERE_NAMED[place])]
    moves = [{**slots, "to": to.format_map(slots)} for to in book.WHERE_TO[place]]
    inverse = book.INVERSE[place]
    return Wish(changing(scene, {"relation": [place]}), ((book.STANDS, rows), (book.MOVE, moves), (inverse, [slots])))


def _size(scene: Scene, book: Book, value: str) -> Wish:
    return Wish(changing(scene, {"other_size": [value]}), ((book.SIZE[value], [_pair_slots(scene)]),))


def _resized(scene: Scene) -> dict[str, Sequence[str]]:
    """What is bigger and what is smaller than the present size."""
    now = _BY_SIZE.index(scene.other_size)
    return {"bigger": _BY_SIZE[now + 1 :], "smaller": _BY_SIZE[:now]}


def _resize(scene: Scene, book: Book, way: str) -> Wish:
    return Wish(changing(scene, {"other_size": _resized(scene)[way]}), ((book.RESIZE[way], [_pair_slots(scene)]),))


_BOTH = ("headwear", "holds", "colour")


def _exchangeable(scene: Scene) -> Sequence[str]:
    """What both have, each another one: hats, things held, colours."""
    pairs = {name: (getattr(scene, name), getattr(scene, f"other_{name}")) for name in _BOTH}
    different = [name for name, (mine, its) in pairs.items() if mine != its and NONE not in (mine, its)]
    return different + (["places"] if scene.relation != "behind" else [])


def _exchange(scene: Scene, book: Book, name: str) -> Wish:
    """The two exchange their hats, what they hold, their colours or their places."""
    if name == "places":
        wanted = {"relation": ["right" if scene.relation == "left" else "left"]}
    else:
        wanted = {name: [getattr(scene, f"other_{name}")], f"other_{name}": [getattr(scene, name)]}
    hats = name == "headwear" and {scene.headwear, scene.other_headwear} <= HATS
    return Wish(changing(scene, wanted), ((book.EXCHANGE["hats" if hats else name], [_pair_slots(scene)]),))


def _transfers(scene: Scene) -> Sequence[tuple[str, str]]:
    """What one has and the other has not, or another of: it may change hands."""
    pairs = [(name, f"other_{name}") for name in ("headwear", "holds")]
    ways = [*pairs, *((its, mine) for mine, its in pairs)]
    return [(giver, taker) for giver, taker in ways if getattr(scene, giver) not in (NONE, getattr(scene, taker))]


def _transfer(scene: Scene, book: Book, way: tuple[str, str]) -> Wish:
    """The hat on the dog instead of the cat."""
    giver, taker = way
    slots = _pair_slots(scene)
    both = {"giver": slots["the_subject"], "taker": slots["the_other"]}
    if giver.startswith("other"):
        both = {"giver": slots["the_other"], "taker": slots["the_subject"]}
    owned = [row for row in _owned(scene, giver) if row["noun"] != "hat" or getattr(scene, taker) not in HATS]
    templates = book.TRANSFER_WORN if _plain(giver) == "headwear" else book.TRANSFER_HELD
    changes = changing(scene, {giver: [NONE], taker: [getattr(scene, giver)]})
    return Wish(changes, ((templates, [{**slots, **both, **row} for row in owned]),))


_TOLD = ("headwear", "wears", "holds", "other_headwear", "other_holds")

OTHER_KINDS: dict[str, Kind] = {
    "add other": Kind(_add_options, _add_other),
    "add looking other": Kind(_looking_options, _add_looking),
    "swap other": Kind(_if_two(lambda scene: free_others(scene, "other")), _swap_other),
    "remove other": Kind(_if_two(lambda _scene: (NONE,)), _remove_other),
    **{f"tell {name}": _tell(name) for name in _TOLD},
    **{f"tell hat {name}": _tell_hat(name) for name in ("headwear", "other_headwear")},
    **{f"tell swap {name}": _tell_swap(name) for name in _TOLD},
    **{f"tell remove {name}": _tell_remove(name) for name in _TOLD},
    **{f"tell {name}": _tell_colour(name) for name in ("colour", "other_colour")},
    "relation": Kind(_if_two(lambda scene: others(scene, "relation")), _relation),
    "size": Kind(_if_two(lambda scene: others(scene, "other_size")), _size),
    "resize": Kind(_if_two(lambda scene: [way for way, allowed in _resized(scene).items() if allowed]), _resize),
    "exchange": Kind(_if_two(_exchangeable), _exchange),
    "transfer": Kind(_if_two(_transfers), _transfer),
}
