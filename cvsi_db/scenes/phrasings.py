"""How people type a change to a picture: templates for every kind of edit, as plain tables.

The slots in braces are filled by `edits`; knows nothing about scenes, captions or pictures. For things: `item` is the
wanted one ("a top hat"), `old` and `an_old` the present one ("the cap", "a cap"). For the subject: `the_subject` is
"the cat", `them` and `they` its pronouns, `s` the ending of its verb, `has` and `is` that verb.
"""

from __future__ import annotations

from collections.abc import Mapping

Templates = tuple[str, ...]

WORN: Templates = (
    "with {item}", "with {item} on", "wearing {item}", "in {item}", "{item}", "now with {item}", "now wearing {item}",
    "but with {item}", "but wearing {item}", "but in {item}", "same but with {item}", "same but wearing {item}",
    "same picture with {item}", "the same with {item}", "{the_subject} with {item}", "{the_subject} wearing {item}",
    "{the_subject} in {item}", "make {them} wear {item}", "let {them} wear {item}", "have {them} wear {item}",
    "{they} wear{s} {item}", "now {they} wear{s} {item}", "{the_subject} should wear {item}",
    "{they} should have {item}", "{they} now {has} {item}", "this but with {item}", "i want {them} wearing {item}",
    "that is wearing {item}", "has {item}", "wears {item}", "has {item} on",
)  # fmt: skip
PUT_ON: Templates = (
    "add {item}", "put {item} on {them}", "put {item} on {the_subject}", "give {them} {item}",
    "give {the_subject} {item}",
    "add {item} to {the_subject}", "plus {item}", "and {item}", "also wearing {item}", "dress {them} in {item}",
)  # fmt: skip
HELD: Templates = (
    "with {item}", "holding {item}", "carrying {item}", "{item}", "now with {item}", "now holding {item}",
    "but with {item}", "but holding {item}", "same but with {item}", "same but holding {item}",
    "same picture with {item}", "the same with {item}", "{the_subject} with {item}", "{the_subject} holding {item}",
    "make {them} hold {item}", "let {them} hold {item}", "have {them} carry {item}", "{they} hold{s} {item}",
    "now {they} hold{s} {item}", "{the_subject} should hold {item}", "{they} should have {item}",
    "{they} now {has} {item}", "this but with {item}", "with {item} in hand", "i want {them} holding {item}",
    "that is holding {item}", "has {item}", "holds {item}", "is holding {item}",
)  # fmt: skip
HAND_OVER: Templates = (
    "add {item}", "give {them} {item}", "give {the_subject} {item}", "hand {them} {item}", "plus {item}", "and {item}",
    "put {item} in {their} hands", "also holding {item}", "let {them} have {item}",
)  # fmt: skip
BESIDE: Templates = (
    "with {item}", "with {item} next to {them}", "with {item} beside {them}", "next to {item}", "beside {item}",
    "together with {item}", "{item}", "{item} next to {them}", "now with {item}", "but with {item}",
    "same but with {item}", "same picture with {item}", "accompanied by {item}", "{the_subject} with {item}",
    "{the_subject} and {item}", "there is {item} next to {them}", "there is {item} beside {them}",
    "next to {them} is {item}", "this but with {item}", "with {item} at {their} side",
)  # fmt: skip
BRING: Templates = (
    "add {item}", "put {item} next to {them}", "put {item} beside {them}", "give {them} {item} for company",
    "add {item} next to {the_subject}", "plus {item}", "and {item}", "bring in {item}",
)  # fmt: skip
SWAP: Templates = (
    "{item} instead", "with {item} instead", "{item} instead of {old}", "with {item} instead of {old}",
    "{item} instead of {an_old}", "with {item} instead of {an_old}", "replace {old} with {item}",
    "replace {old} by {item}", "swap {old} for {item}", "change {old} to {item}", "change {old} into {item}",
    "turn {old} into {item}", "exchange {old} for {item}", "not {an_old} but {item}", "{item} rather than {an_old}",
    "make {old} {item}", "{item}, not {an_old}", "trade {old} for {item}", "has {item} instead of {an_old}",
)  # fmt: skip
SWAP_WORN: Templates = (
    "instead of {an_old} {they} wear{s} {item}", "wearing {item} instead of {an_old}", "wearing {item} instead",
    "wears {item} instead of {an_old}", "take off {old} and put on {item}",
)  # fmt: skip
SWAP_HELD: Templates = (
    "instead of {an_old} {they} hold{s} {item}", "holding {item} instead of {an_old}", "holding {item} instead",
    "holds {item} instead of {an_old}", "carrying {item} instead of {an_old}",
)  # fmt: skip
SWAP_BESIDE: Templates = (
    "instead of {an_old} there is {item}", "next to {item} instead of {an_old}", "next to {item} instead",
)  # fmt: skip
REMOVE: Templates = (
    "without {old}", "without {an_old}", "no {noun}", "remove {old}", "but without {old}", "same but without {old}",
    "lose {old}", "but no {noun}", "with no {noun}", "get rid of {old}", "drop {old}", "delete {old}", "minus {old}",
    "{noun} removed", "now without {old}", "same picture without {old}", "no more {noun}",
    "{the_subject} without {old}",
    "leave out {old}", "take away {old}", "without any {noun}", "take {old} away",
)  # fmt: skip
TAKE_OFF: Templates = ("take off {old}", "take {old} off", "not wearing {an_old}", "no longer wearing {old}")
PUT_DOWN: Templates = ("put {old} down", "not holding {an_old}", "no longer holding {old}", "let go of {old}")
BARE: Mapping[str, Templates] = {
    "headwear": ("bare-headed", "with nothing on {their} head", "with a bare head", "hatless"),
    "wears": ("without accessories", "no accessories"),
    "holds": ("empty-handed", "with empty hands", "holding nothing", "with nothing in {their} hands"),
    "companion": ("alone", "on {their} own", "all alone", "by {themself}", "without company"),
}
OTHER_HAT: Templates = (
    "with another hat", "with a different hat", "another hat", "a different hat", "wearing a different hat",
    "change the hat", "swap the hat for another", "wearing another hat",
)  # fmt: skip

COLOUR: Templates = (
    "in {new}", "{new}", "but {new}", "now {new}", "same but {new}", "same but in {new}", "but in {new}",
    "in {new} instead", "{new} instead", "{new} instead of {was}", "in {new} instead of {was}", "make {them} {new}",
    "make {the_subject} {new}", "turn {them} {new}", "paint {them} {new}", "colour {them} {new}",
    "recolour {them} {new}",
    "change the colour to {new}", "change the color to {new}", "in the colour {new}", "with {new} colour",
    "not {was} but {new}", "change {was} to {new}", "the same {subject} in {new}", "in a {new} version",
    "{the_subject} in {new}", "{the_subject} should be {new}", "{they} {is} {new} now", "this but in {new}", "is {new}",
)  # fmt: skip
COLOUR_ANIMAL: Templates = (
    "{new_subject}", "a {new} one", "as {new_subject}", "{new_subject} instead",
    "{new_subject} instead of {was_subject}",
    "but with {new_subject}", "show me {new_subject}",
)  # fmt: skip
COLOUR_PERSON: Templates = (
    "dressed in {new}", "wearing {new}", "in {new} clothes", "with {new} clothes", "make the clothes {new}",
    "{new} clothes instead of {was}", "change the clothes to {new}", "but in {new} clothes",
)  # fmt: skip
OTHER_COLOUR: Templates = (
    "in another colour", "in a different colour", "another colour", "a different color", "change the colour",
    "not {was}", "any colour but {was}",
)  # fmt: skip

SUBJECT: Templates = (
    "as {item}", "{item} instead", "{item} instead of {an_old}", "{item} instead of {old}", "replace {old} with {item}",
    "replace {old} by {item}", "make {them} {item}", "change {old} into {item}", "change {old} to {item}",
    "turn {old} into {item}", "turn {them} into {item}", "swap {old} for {item}", "but with {item}",
    "the same with {item}", "same but with {item}", "with {item} instead of {old}", "with {item} instead of {an_old}",
    "with {item} instead", "but as {item}", "same but as {item}", "not {an_old} but {item}", "{item}",
    "but {item} instead", "show {item} instead", "it should be {item}", "{item} rather than {an_old}", "is {item}",
)  # fmt: skip

SETTING: Templates = (
    "{place}", "but {place}", "now {place}", "same but {place}", "{place} instead", "but {place} instead",
    "the same {subject} {place}", "{the_subject} {place}", "put {them} {place}", "this but {place}",
    "place {them} {place}",
    "show {them} {place}", "{they} {is} {place}", "now {they} {is} {place}", "same picture {place}", "is {place}",
)  # fmt: skip
DESTINATION: Templates = (
    "move {them} {to}",
    "move {the_subject} {to}",
    "take {them} {to}",
    "bring {them} {to}",
    "send {them} {to}",
)
BACKGROUND: Templates = (
    "change the background to {ground}", "with {ground} in the background", "change the setting to {ground}",
    "{ground} instead of {old_ground}", "change the place to {ground}", "replace the background with {ground}",
)  # fmt: skip

WHEN: Templates = (
    "{when}", "but {when}", "now {when}", "same but {when}", "{when} instead", "the same {when}", "same picture {when}",
    "the same {subject} {when}", "{the_subject} {when}", "this but {when}", "show {them} {when}", "make it {when}",
)  # fmt: skip
TIME_WORDS: Mapping[str, Templates] = {
    "day": ("make it day", "daytime", "in broad daylight", "turn on the daylight", "now it is day", "make it daytime"),
    "sunset": ("make it sunset", "sunset", "with a sunset", "now the sun is setting", "evening", "make it evening"),
    "night": ("make it night", "nighttime", "under the stars", "now it is night", "make it dark", "turn it to night"),
}
INSTEAD_OF_TIME: Templates = (
    "{new} instead of {was}",
    "change {was} to {new}",
    "change the time to {new}",
    "not {was} but {new}",
)

WEATHER_WORDS: Mapping[str, Templates] = {
    "clear": (
        "in good weather", "better weather", "clear weather", "with a clear sky", "under a clear sky",
        "now the sky is clear", "make the weather fine", "stop the {was}", "no {was}", "without the {was}",
        "without {was}", "remove the {was}", "but without the {was}", "no more {was}",
    ),
    "rain": (
        "make it rain", "rainy", "with rain", "add rain", "let it rain", "rain", "on a rainy day", "but rainy",
        "in pouring rain", "rainy weather", "but it is raining",
    ),
    "snow": (
        "make it snow", "snowy", "with snow", "add snow", "let it snow", "snow", "on a snowy day", "but snowy",
        "with falling snow", "snowy weather", "but it is snowing",
    ),
    "fog": (
        "make it foggy", "foggy", "with fog", "add fog", "misty", "fog", "on a foggy day", "but foggy",
        "in dense fog", "foggy weather", "but it is foggy",
    ),
}  # fmt: skip
WEATHER_CLAUSE: Templates = ("{clause}", "now {clause}", "{clause} now", "same but {clause}")
INSTEAD_OF_WEATHER: Templates = (
    "{new} instead of {was}",
    "change the {was} to {new}",
    "replace the {was} with {new}",
)

COUNT: Templates = (
    "{number} of them", "{number} {nouns}", "{number}", "make it {number}", "{number} instead of {was}", "but {number}",
    "{number} of them instead of {was}", "{number} {nouns} instead of {was}", "now {number}", "now {number} {nouns}",
    "same but {number}", "same but with {number} {nouns}", "with {number} {nouns}", "show {number} of them",
    "there should be {number}", "{number} of these", "but with {number} of them", "i want {number} {nouns}",
)  # fmt: skip
MORE: Mapping[tuple[str, str], Templates] = {
    ("one", "two"): ("add another {subject}", "with a second {subject}", "one more", "a pair of {nouns}"),
    ("one", "three"): ("with two more {nouns}", "two more", "three times", "add two more {nouns}"),
    ("two", "three"): ("add another {subject}", "one more", "with a third {subject}", "add one more {subject}"),
    ("three", "two"): ("one less", "remove one of them", "one fewer", "a pair of {nouns}"),
    ("two", "one"): ("one less", "remove one of them", "only one", "just one", "just a single {subject}"),
    ("three", "one"): ("only one", "just one", "just a single {subject}", "remove two of them"),
}

VIEW_WORDS: Mapping[str, Templates] = {
    "close-up": (
        "close-up", "close up", "a close-up", "in close-up", "up close", "seen up close", "from close by",
        "from close up", "as a close-up", "make it a close-up", "a close-up of {the_subject}", "seen from nearby",
        "show {them} up close", "but close up",
    ),
    "full view": (
        "in full view", "a full view", "seen in full", "full view", "show all of {them}", "show {them} in full",
        "from head to toe", "but in full view", "the whole {subject}",
    ),
    "from afar": (
        "from afar", "seen from afar", "from far away", "seen from far away", "from a distance", "seen from a distance",
        "in the distance", "far away", "but from far away", "same but from afar", "show {them} from far away",
        "from further away",
    ),
}  # fmt: skip
ZOOM_IN: Templates = ("zoom in", "zoom in on {them}", "closer", "come closer", "zoomed in", "same but closer", "bigger")
ZOOM_OUT: Templates = ("zoom out", "further away", "zoomed out", "smaller", "step back")

STYLE: Templates = (
    "{style}", "but {style}", "now {style}", "same but {style}", "{style} instead", "the same {style}",
    "same picture {style}", "{the_subject} {style}", "this but {style}", "redraw {them} {style}", "show {them} {style}",
)  # fmt: skip
STYLE_NOUNS: Mapping[str, Templates] = {
    "cartoon": ("a cartoon", "a cartoon drawing"),
    "sketch": ("a pencil sketch", "a sketch", "a pencil drawing"),
    "watercolour": ("a watercolour", "a watercolor", "a watercolour painting"),
    "pixel art": ("pixel art", "a pixel art picture"),
    "paper cut": ("a paper cut", "a paper-cut picture", "a paper collage"),
}
STYLE_NOUN: Templates = (
    "as {new}", "make it {new}", "turn it into {new}", "{new}", "{new} instead of {was}", "drawn as {new}",
    "like {new}",
    "in the style of {new}", "change it to {new}", "convert it to {new}", "{new} instead", "{new} of {the_subject}",
)  # fmt: skip
