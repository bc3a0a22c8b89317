"""How people type a change to a picture: templates for every kind of edit, as plain tables.

The slots in braces are filled by `edits`. For things: `item` is the wanted one ("a top hat"), `old` and `an_old` the
present one ("the cap", "a cap"). For the subject: `the_subject` is "the cat", is "the dog", `who` whichever of the two
is meant.
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
JOINED: Templates = (
    "with {item}", "together with {item}", "{item}", "now with {item}", "but with {item}", "same but with {item}",
    "same picture with {item}", "accompanied by {item}", "{the_subject} with {item}", "{the_subject} and {item}",
    "this but with {item}",
)  # fmt: skip
BRING: Templates = ("add {item}", "give {them} {item} for company", "plus {item}", "and {item}", "bring in {item}")
PLACED: Templates = (
    "with {item} {where}", "{item} {where}", "add {item} {where}", "put {item} {where}", "there is {item} {where}",
    "now with {item} {where}", "but with {item} {where}", "{where} is {item}", "same but with {item} {where}",
    "place {item} {where}", "there should be {item} {where}", "i want {item} {where}",
)  # fmt: skip
WHERE: Mapping[str, Templates] = {
    "beside": ("next to {them}", "beside {them}", "at {their} side", "next to {the_subject}"),
    "left": ("on the left", "to the left of {them}", "to {their} left", "to the left of {the_subject}"),
    "right": ("on the right", "to the right of {them}", "to {their} right", "to the right of {the_subject}"),
    "behind": ("behind {them}", "behind {the_subject}"),
    "on top": ("on {their} head", "on top of {them}", "on top of {the_subject}"),
}  # fmt: skip
WHERE_TO: Mapping[str, Templates] = {
    "left": ("to the left", "to the left side", "to the left of {the_subject}"),
    "right": ("to the right", "to the right side", "to the right of {the_subject}"),
    "behind": ("behind {them}", "behind {the_subject}", "to the back"),
    "on top": ("on top of {them}", "onto {their} head"),
}  # fmt: skip
STANDS: Templates = (
    "{old} {where}", "with {old} {where}", "{old} {where} instead", "with {old} {where} instead", "put {old} {where}",
    "now {old} is {where}", "{old} should be {where}", "but with {old} {where}", "same but with {old} {where}",
    "place {old} {where}",
)  # fmt: skip
MOVE: Templates = ("move {old} {to}", "shift {old} {to}", "bring {old} {to}", "now move {old} {to}")

PROP_THERE: Templates = (
    "with {item}", "with {item} in the background", "{item} in the background", "now with {item}", "but with {item}",
    "same but with {item}", "same picture with {item}", "this but with {item}", "there is {item} in the background",
    "with {item} nearby", "in front of {item}", "{item}", "there should be {item}", "now there is {item}",
)  # fmt: skip
PROP_ADD: Templates = (
    "add {item}", "add {item} in the background", "add {item} to the scene", "put {item} in the background",
    "plus {item}", "and {item}", "add {item} to the picture", "put {item} there",
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
SWAP_BESIDE: Templates = ("instead of {an_old} there is {item}", "with {item} in place of {old}")
SWAP_PROP: Templates = (
    "in the background {item} instead of {an_old}", "instead of {an_old} there is {item}",
    "with {item} where {old} is now",
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
SEND_OFF: Templates = ("send {old} away", "{old} is gone")
CLEAR_PROP: Templates = ("no {noun} in the background", "clear {old} away", "{old} is gone")
BARE: Mapping[str, Templates] = {
    "headwear": ("bare-headed", "with nothing on {their} head", "with a bare head", "hatless"),
    "wears": ("without accessories", "no accessories"),
    "holds": ("empty-handed", "with empty hands", "holding nothing", "with nothing in {their} hands"),
    "companion": ("alone", "on {their} own", "all alone", "by {themself}", "without company"),
    "prop": ("with nothing in the background", "with an empty background"),
}  # fmt: skip
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
    "show me {new_subject}",
)  # fmt: skip
COLOUR_PERSON: Templates = (
    "dressed in {new}", "wearing {new}", "in {new} clothes", "with {new} clothes", "make the clothes {new}",
    "{new} clothes instead of {was}", "change the clothes to {new}", "but in {new} clothes",
)  # fmt: skip
OTHER_COLOUR: Templates = (
    "in another colour", "in a different colour", "another colour", "a different color", "change the colour",
    "not {was}", "any colour but {was}",
)  # fmt: skip

NOT_SO: Templates = (
    "no longer {was}",
    "not {was}",
    "{they} {is} no longer {was}",
    "not {was} any more",
    "anything but {was}",
)
INSTEAD: Templates = (
    "{new} instead of {was}", "{new} rather than {was}", "change {was} to {new}", "not {was} but {new}",
    "{new}, not {was}", "{new} in place of {was}", "replace {was} with {new}",
)  # fmt: skip

PATTERN: Templates = (
    "{new}", "but {new}", "now {new}", "same but {new}", "make {them} {new}", "make {the_subject} {new}",
    "turn {them} {new}", "{they} {is} {new}", "now {they} {is} {new}", "{the_subject} should be {new}",
    "{new} instead", "this but {new}", "with {a_new} pattern", "in a {new} version",
)  # fmt: skip
PATTERN_ANIMAL: Templates = ("the same {subject} but {new}", "as {a_new} one", "{a_new} one")
PATTERN_PERSON: Templates = (
    "in {new} clothes", "with {new} clothes", "dressed in {new} clothes", "make the clothes {new}",
)  # fmt: skip
MARKED: Templates = (
    "with {marks}", "but with {marks}", "now with {marks}", "same but with {marks}", "give {them} {marks}",
    "add {marks}", "covered in {marks}", "has {marks}", "give {the_subject} {marks}", "put {marks} on {them}",
)  # fmt: skip
UNMARKED: Templates = (
    "without {marks}", "no {marks}", "remove the {marks}", "without the {marks}", "but without the {marks}",
    "no more {marks}", "get rid of the {marks}", "lose the {marks}", "without any {marks}",
)  # fmt: skip

POSE: Templates = (
    "{doing}", "but {doing}", "now {doing}", "same but {doing}", "{doing} instead", "{the_subject} {doing}",
    "{they} {is} {doing}", "now {they} {is} {doing}", "show {them} {doing}", "i want {them} {doing}",
    "this but {doing}", "the same {subject} {doing}", "{they} should be {doing}", "is {doing}",
)  # fmt: skip
POSE_VERB: Templates = (
    "make {them} {do}", "let {them} {do}", "have {them} {do}", "{the_subject} should {do}", "make {the_subject} {do}",
    "let {the_subject} {do}",
)  # fmt: skip
MOOD: Templates = (
    "{mood}", "but {mood}", "now {mood}", "same but {mood}", "make {them} {mood}", "make {the_subject} {mood}",
    "{they} {is} {mood}", "now {they} {is} {mood}", "{the_subject} should be {mood}", "{mood} instead",
)  # fmt: skip
LOOKING: Templates = (
    "{look}", "but {look}", "now {look}", "same but {look}", "{the_subject} {look}", "show {them} {look}",
    "this but {look}", "the same {subject} {look}", "i want {them} {look}",
)  # fmt: skip
MOOD_WORDS: Mapping[str, Templates] = {
    "smiling": ("with a happy face", "make {them} smile", "cheer {them} up", "let {them} smile"),
    "sad": ("with a sad look", "make {them} look sad", "let {them} look sad"),
    "surprised": ("with a look of surprise", "surprise {them}", "make {them} look surprised"),
    "asleep": ("with {their} eyes closed", "let {them} sleep", "put {them} to sleep", "make {them} sleep"),
}  # fmt: skip
MOOD_SHIFT: Mapping[str, Templates] = {
    "smiling": ("happier", "looking happier", "make {them} happier", "{they} should look happier", "in a better mood"),
    "sad": ("sadder", "looking sadder", "make {them} sadder", "{they} should look sadder", "in a worse mood"),
}  # fmt: skip

SUBJECT: Templates = (
    "as {item}", "{item} instead", "{item} instead of {an_old}", "{item} instead of {old}", "replace {old} with {item}",
    "replace {old} by {item}", "make {them} {item}", "change {old} into {item}", "change {old} to {item}",
    "turn {old} into {item}", "turn {them} into {item}", "swap {old} for {item}",
    "with {item} instead of {old}", "with {item} instead of {an_old}",
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
}  # fmt: skip
TIME_SHIFT: Mapping[str, Templates] = {
    "later": ("later in the day", "darker", "make it darker", "later", "at a later hour", "when it is darker"),
    "earlier": ("earlier in the day", "brighter", "make it brighter", "earlier", "at an earlier hour"),
}  # fmt: skip
INSTEAD_OF_TIME: Templates = (
    "{new} instead of {was}",
    "change {was} to {new}",
    "change the time to {new}",
    "not {was} but {new}",
)

WEATHER_WORDS: Mapping[str, Templates] = {
    "clear": (
        "in good weather", "better weather", "clear weather", "with a clear sky", "under a clear sky",
        "now the sky is clear", "make the weather fine",
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
STOP_WEATHER: Templates = (
    "stop the {was}", "no {was}", "without the {was}", "without {was}", "remove the {was}", "but without the {was}",
    "no more {was}", "get rid of the {was}",
)  # fmt: skip
WEATHER_CLAUSE: Templates = ("{clause}", "now {clause}", "{clause} now", "same but {clause}")
INSTEAD_OF_WEATHER: Templates = (
    "{new} instead of {was}",
    "change the {was} to {new}",
    "replace the {was} with {new}",
)

SEASON: Templates = (
    "make it {new}", "{new}", "now it is {new}", "but it is {new}", "change the season to {new}", "it is {new} now",
    "turn it to {new}", "as a {new} scene", "a {new} scene", "{new} instead of {was}", "not {was} but {new}",
    "the season is {new}",
)  # fmt: skip

COUNT: Templates = (
    "{number} of them", "{number} {nouns}", "{number}", "make it {number}", "{number} instead of {was}", "but {number}",
    "{number} of them instead of {was}", "{number} {nouns} instead of {was}", "now {number}", "now {number} {nouns}",
    "same but {number}", "same but with {number} {nouns}", "with {number} {nouns}", "show {number} of them",
    "there should be {number}", "{number} of these", "but with {number} of them", "i want {number} {nouns}",
)  # fmt: skip
COUNT_WORDS: Mapping[str, Templates] = {
    "one": ("just a single {subject}", "a single {subject}", "not more than one {subject}"),
    "two": ("a pair of {nouns}", "a couple of {nouns}", "but a pair of {nouns}"),
    "three": ("three times", "a group of three {nouns}", "but a group of three"),
}  # fmt: skip
MORE: Mapping[tuple[str, str], Templates] = {
    ("one", "two"): ("add another {subject}", "with a second {subject}", "one more", "one more {subject}"),
    ("one", "three"): ("with two more {nouns}", "two more", "add two more {nouns}", "two more of them"),
    ("two", "three"): ("add another {subject}", "one more", "with a third {subject}", "add one more {subject}"),
    ("three", "two"): ("one less", "remove one of them", "one fewer", "one {subject} less", "one {subject} fewer"),
    ("two", "one"): ("one less", "remove one of them", "one fewer", "one {subject} less", "one {subject} fewer"),
    ("three", "one"): ("two less", "remove two of them", "two fewer", "two {nouns} fewer"),
}  # fmt: skip

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
ZOOM_IN: Templates = (
    "zoom in",
    "zoom in on {them}",
    "closer",
    "come closer",
    "zoomed in",
    "same but closer",
    "from closer by",
)
ZOOM_OUT: Templates = ("zoom out", "further away", "zoomed out", "step back", "same but further away")

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
}  # fmt: skip
STYLE_NOUN: Templates = (
    "as {new}", "make it {new}", "turn it into {new}", "{new}", "{new} instead of {was}", "drawn as {new}",
    "like {new}",
    "in the style of {new}", "change it to {new}", "convert it to {new}", "{new} instead", "{new} of {the_subject}",
)  # fmt: skip

ADD_OTHER: Templates = (
    "add {item}", "add {item} to the picture", "add {item} to the scene", "let {item} join {them}", "plus {item}",
    "and {item} too", "bring in {item}", "give {them} {item} as a friend", "also show {item}", "with {item} as well",
    "with {item} too", "{the_subject} together with {item}", "there is also {item}", "{the_subject} and {item}",
)  # fmt: skip
SWAP_OTHER: Templates = (
    "{item} instead of {old}", "with {item} instead of {old}", "replace {old} with {item}", "replace {old} by {item}",
    "swap {old} for {item}", "change {old} to {item}", "change {old} into {item}", "turn {old} into {item}",
    "exchange {old} for {item}", "{item} rather than {an_old}", "{item} instead of {an_old}",
    "{the_subject} with {item} instead of {old}",
    "make {old} {item}",
)  # fmt: skip
REMOVE_OTHER: Templates = (
    "without {old}", "without {an_old}", "no {noun}", "remove {old}", "but without {old}", "same but without {old}",
    "lose {old}", "get rid of {old}", "take {old} away", "with no {noun}", "no more {noun}", "send {old} away",
    "{the_subject} without {old}", "leave out {old}", "minus {old}", "delete {old}", "{old} is gone",
)  # fmt: skip
ALONE: Templates = (
    "just {the_subject}", "only {the_subject}", "{the_subject} alone", "alone", "all alone",
    "{the_subject} on {their} own",
    "nobody but {the_subject}",
)  # fmt: skip

MAIN_NAMES: Templates = ("{the_subject}",)
OTHER_NAMES: Templates = ("{the_other}", "{the_other}", "the other one")
OTHER_NAMES_AT: Mapping[str, Templates] = {
    "left": ("the one on the left", "{the_other} on the left"),
    "right": ("the one on the right", "{the_other} on the right"),
    "behind": ("the one behind", "{the_other} behind {them}"),
}  # fmt: skip
OTHER_NAMES_SIZED: Mapping[str, Templates] = {
    "same": (),
    "smaller": ("the smaller one",),
    "bigger": ("the bigger one",),
}  # fmt: skip
TELL_WORN: Templates = (
    "give {who} {item}", "put {item} on {who}", "{who} with {item}", "{who} wearing {item}", "{who} should wear {item}",
    "let {who} wear {item}", "{who} has {item}", "now {who} wears {item}", "{who} in {item}", "{item} for {who}",
    "add {item} to {who}", "with {item} on {who}", "make {who} wear {item}", "{who} wears {item}",
)  # fmt: skip
TELL_HELD: Templates = (
    "give {who} {item}", "hand {who} {item}", "{who} with {item}", "{who} holding {item}", "{who} should hold {item}",
    "{who} should be holding {item}", "let {who} hold {item}", "now {who} holds {item}", "{item} for {who}",
    "make {who} hold {item}", "{who} carrying {item}", "{who} holds {item}",
)  # fmt: skip
TELL_SWAP: Templates = (
    "{who} with {item} instead of {an_old}", "{who} with {item} instead of {old}", "give {who} {item} instead of {old}",
    "{who} should have {item} instead of {an_old}", "swap {old} of {who} for {item}",
    "for {who}, {item} instead of {old}",
    "replace {old} of {who} with {item}", "change {old} of {who} to {item}", "{who} has {item}, not {an_old}",
)  # fmt: skip
TELL_REMOVE: Templates = (
    "{who} without {old}", "{who} without {an_old}", "no {noun} for {who}", "take {old} away from {who}",
    "remove {old} from {who}", "{who} with no {noun}", "{who} no longer has {old}", "{who} loses {old}",
    "{who} should have no {noun}", "remove {old} of {who}",
)  # fmt: skip
TELL_COLOUR: Templates = (
    "make {who} {new}", "{who} in {new}", "{who} should be {new}", "{who} is {new}", "paint {who} {new}",
    "turn {who} {new}", "now {who} is {new}", "{who} is {new} now", "colour {who} {new}", "change {who} to {new}",
)  # fmt: skip

WHERE_NAMED: Mapping[str, Templates] = {
    "left": ("on the left of {the_subject}", "left of {the_subject}"),
    "right": ("on the right of {the_subject}", "right of {the_subject}"),
    "behind": ("at the back of {the_subject}",),
}  # fmt: skip
INVERSE: Mapping[str, Templates] = {
    "left": ("{the_subject} to the right of {the_other}", "put {the_subject} to the right of {the_other}"),
    "right": ("{the_subject} to the left of {the_other}", "put {the_subject} to the left of {the_other}"),
    "behind": ("{the_subject} in front of {the_other}", "put {the_subject} in front of {the_other}"),
}  # fmt: skip
SIZE: Mapping[str, Templates] = {
    "same": (
        "{the_other} as big as {the_subject}", "both of the same size", "make them the same size",
        "{the_other} should be as big as {the_subject}",
    ),
    "smaller": (
        "{the_other} smaller than {the_subject}", "make {the_other} smaller than {the_subject}",
        "{the_other} should be smaller than {the_subject}", "with {the_subject} bigger than {the_other}",
    ),
    "bigger": (
        "{the_other} bigger than {the_subject}", "make {the_other} bigger than {the_subject}",
        "{the_other} should be bigger than {the_subject}", "with {the_subject} smaller than {the_other}",
    ),
}  # fmt: skip
RESIZE: Mapping[str, Templates] = {
    "bigger": (
        "a bigger {other}", "make {the_other} bigger", "{the_other} should be bigger", "with a bigger {other}",
        "a larger {other}", "{the_other} is bigger now", "make {the_other} larger", "let {the_other} grow",
    ),
    "smaller": (
        "a smaller {other}", "make {the_other} smaller", "{the_other} should be smaller", "with a smaller {other}",
        "a littler {other}", "{the_other} is smaller now", "shrink {the_other}", "let {the_other} shrink",
    ),
}  # fmt: skip
EXCHANGE: Mapping[str, Templates] = {
    "hats": (
        "swap their hats", "exchange their hats", "swap the hats", "with their hats swapped",
        "{the_subject} and {the_other} swap hats", "the hats the other way round",
    ),
    "headwear": ("swap what they have on their heads", "exchange their headwear", "swap their headwear"),
    "holds": (
        "swap what they hold", "exchange what they are holding", "swap the things they hold",
        "{the_subject} and {the_other} swap what they hold",
    ),
    "colour": (
        "swap their colours", "exchange their colours", "with their colours swapped",
        "the colours the other way round",
    ),
    "places": (
        "swap their places", "let them change places", "{the_subject} and {the_other} swap places",
        "exchange {the_subject} and {the_other}", "swap sides",
    ),
}  # fmt: skip
TRANSFER_WORN: Templates = (
    "{old} on {taker} instead of {giver}", "put {old} on {taker} instead of {giver}",
    "{old} on {taker}, not on {giver}",
    "{taker} with {old} instead of {giver}", "move {old} from {giver} to {taker}",
    "{taker} wears {old} instead of {giver}",
    "take {old} off {giver} and put it on {taker}",
)  # fmt: skip
TRANSFER_HELD: Templates = (
    "{taker} holding {old} instead of {giver}", "{taker} with {old} instead of {giver}",
    "move {old} from {giver} to {taker}", "{taker} holds {old} instead of {giver}", "{giver} gives {old} to {taker}",
    "take {old} from {giver} and give it to {taker}", "let {taker} hold {old} instead of {giver}",
)  # fmt: skip

JOINTS: Templates = (" and ", " and ", ", ", ", and ", " but ")
SHARED: Templates = ("with ", "wearing ", "holding ", "in ", "add ", "make it ", "same but ", "now ", "but ")
"""Openings that two joined edits say only once: "with a hat and a scarf"."""
