"""More ways in which people type a change to a picture, kept from all training: only the test split speaks like this.

The same tables as `phrasings`, under the same names and with the same slots, but not one template in common.
"""

from __future__ import annotations

from collections.abc import Mapping

from cvsi_db.scenes.phrasings import Templates

WORN: Templates = (
    "{item} would suit {them}", "could {they} be wearing {item}?", "i'd like to see {them} in {item}",
    "{they} could do with {item}", "the one that wears {item}", "same thing, only {they} {has} {item} on",
    "with {item} to wear", "imagine {the_subject} in {item}", "find one with {item}", "dressed with {item}",
    "show {them} with {item} on", "the version where {they} wear{s} {item}",
)  # fmt: skip
PUT_ON: Templates = (
    "could you put {item} on {them}?", "please add {item}", "{they} need{s} {item}", "get {them} into {item}",
    "{item} is missing, put it on {them}", "have {them} try on {item}", "can you give {them} {item} to wear?",
    "{the_subject} gets {item}", "add {item} for {them} to wear",
)  # fmt: skip
HELD: Templates = (
    "could {they} be holding {item}?", "clutching {item}", "with {item} to hold", "the one that carries {item}",
    "same thing, only {they} {has} {item}", "find one holding {item}", "{item} in {their} hand",
    "the version where {they} hold{s} {item}", "show {them} carrying {item}", "gripping {item}",
    "i'd like {them} to carry {item}",
)  # fmt: skip
HAND_OVER: Templates = (
    "could you give {them} {item} to hold?", "{the_subject} gets {item}", "pass {them} {item}",
    "{they} could use {item}", "please let {them} carry {item}", "let {the_subject} have {item} to hold",
)  # fmt: skip
JOINED: Templates = (
    "in the company of {item}", "{they} {has} {item} for company", "keep {the_subject} company with {item}",
    "along with {item}", "{item} keeps {them} company", "find one where {item} is there too",
    "could {item} be with {them}?",
)  # fmt: skip
BRING: Templates = (
    "please include {item}", "{item} could join in", "get {them} {item} as a little friend",
    "could you add {item}?", "throw in {item}", "{the_subject} could use {item} for company",
)  # fmt: skip
PLACED: Templates = (
    "could you add {item} {where}?", "i'd like to see {item} {where}", "{item} could be {where}", "have {item} {where}",
    "please include {item} {where}", "let there be {item} {where}", "{item} appears {where}",
    "find one with {item} {where}",
)  # fmt: skip
WHERE: Mapping[str, Templates] = {
    "beside": ("right by {their} side", "alongside {them}", "close beside {the_subject}"),
    "left": (
        "on the left-hand side", "over on the left", "at the left of {the_subject}", "on the left side of the picture",
    ),
    "right": (
        "on the right-hand side", "over on the right", "at the right of {the_subject}",
        "on the right side of the picture",
    ),
    "behind": ("at {their} back", "in the back, behind {the_subject}", "further back than {the_subject}"),
    "on top": ("perched on {them}", "up on {their} head", "right on top of {the_subject}"),
}  # fmt: skip
WHERE_TO: Mapping[str, Templates] = {
    "left": ("over to the left", "to the left-hand side", "across to the left of {the_subject}"),
    "right": ("over to the right", "to the right-hand side", "across to the right of {the_subject}"),
    "behind": ("further back, behind {them}", "round behind {the_subject}", "to a spot behind {the_subject}"),
    "on top": ("up onto {their} head", "up onto {the_subject}", "to a perch on {their} head"),
}  # fmt: skip
STANDS: Templates = (
    "could {old} be {where}?", "i'd rather see {old} {where}", "{old} belongs {where}", "have {old} stay {where}",
    "the one where {old} is {where}", "let {old} be {where}",
)  # fmt: skip
MOVE: Templates = (
    "could you move {old} {to}?", "push {old} {to}", "{old} goes {to}", "get {old} {to}", "let {old} go {to}",
)  # fmt: skip

PROP_THERE: Templates = (
    "there could be {item} somewhere", "{item} stands in the back", "could we see {item} behind {them}?",
    "find one where there is {item}", "{item} standing around", "let there be {item}", "i'd like to see {item} there",
    "the one with {item} at the back",
)  # fmt: skip
PROP_ADD: Templates = (
    "could you add {item} to the background?", "please include {item}", "the background needs {item}",
    "set {item} up behind {them}", "the scene could use {item}", "stick {item} in the background",
)  # fmt: skip

SWAP: Templates = (
    "could we have {item} in place of {old}?", "{old} should become {item}", "i'd prefer {item} to {old}",
    "lose {old}, i want {item}", "make that {item}, not {old}", "let {item} take the place of {old}",
    "let {item} stand in for {old}", "use {item} in the place of {old}", "instead of {old}, {item}",
    "substitute {item} for {old}", "switch {old} to {item}",
)  # fmt: skip
SWAP_WORN: Templates = (
    "have {them} change {old} for {item}", "{they} took off {old} and put on {item}",
    "{item} on {them}, and not {an_old}",
)  # fmt: skip
SWAP_HELD: Templates = (
    "{they} put down {old} and picked up {item}", "let {them} trade {old} for {item}",
    "{item} in {their} hand, and not {an_old}",
)  # fmt: skip
SWAP_BESIDE: Templates = (
    "{old} leaves and {item} comes", "send {old} off and bring {item}", "{item} for company, and not {an_old}",
)  # fmt: skip
SWAP_PROP: Templates = (
    "clear {old} and set up {item}", "{item} stands there, and not {an_old}", "where {old} was, put {item}",
)  # fmt: skip
REMOVE: Templates = (
    "could you remove {old}?", "{old} must go", "i don't want {old}", "ditch {old}", "do away with {old}",
    "skip {old}", "please take out {old}", "{old} shouldn't be there", "erase {old}", "the one that has no {noun}",
    "find one with {old} missing", "{they} can do without {old}", "free of any {noun}",
)  # fmt: skip
TAKE_OFF: Templates = (
    "{they} took off {old}",
    "could {they} take off {old}?",
    "{they} should not wear {old}",
    "{old} must come off",
)
PUT_DOWN: Templates = (
    "{they} let go of {old}",
    "could {they} put {old} away?",
    "{they} should not hold {old}",
    "{they} dropped {old}",
)
SEND_OFF: Templates = ("{old} went away", "could {old} leave?", "let {old} leave", "chase {old} off")
CLEAR_PROP: Templates = ("tidy {old} away", "could {old} be gone?", "the background without {old}", "carry {old} off")
BARE: Mapping[str, Templates] = {
    "headwear": ("leave {their} head bare", "nothing on top of {their} head, please", "{their} head uncovered"),
    "wears": ("strip off the accessories", "{they} should wear no accessories", "skip the accessories"),
    "holds": ("{their} hands should be empty", "{they} {has} nothing to hold", "free {their} hands"),
    "companion": ("leave {them} without companions", "{they} want{s} to be alone", "nobody near {them}"),
    "prop": ("clear the background", "leave the background empty", "nothing standing around in the back"),
}  # fmt: skip
OTHER_HAT: Templates = (
    "could we try another hat?", "some other hat", "a hat of another kind", "any hat but this one", "a new hat, please",
)  # fmt: skip

COLOUR: Templates = (
    "could {they} be {new}?", "i'd like {them} in {new}", "the {new} version", "dye {them} {new}",
    "{new} would be nicer",
    "go for {new}", "how about {new}?", "{new} as the colour", "find one in {new}", "switch {was} to {new}",
    "make that {new} rather than {was}", "{their} colour should be {new}", "let {them} be {new}",
)  # fmt: skip
COLOUR_ANIMAL: Templates = (
    "i'd prefer {new_subject}", "could it be {new_subject}?", "{new_subject} rather than {was_subject}",
    "find {new_subject}",
)  # fmt: skip
COLOUR_PERSON: Templates = (
    "{new} would suit {them}", "could the clothes be {new}?", "change into something {new}",
    "put {them} into {new} clothes",
)  # fmt: skip
OTHER_COLOUR: Templates = (
    "could we try another colour?", "some other colour", "any colour except {was}", "a colour that isn't {was}",
    "recolour {them}",
)  # fmt: skip

NOT_SO: Templates = ("i don't want {them} {was}", "{they} should not be {was}", "not {was}, please", "rather not {was}")
INSTEAD: Templates = (
    "could we have {new} in place of {was}?", "i'd prefer {new} to {was}", "make that {new} rather than {was}",
    "swap out {was} for {new}", "switch from {was} to {new}", "{was} should become {new}",
    "go from {was} to {new}",
)  # fmt: skip

PATTERN: Templates = (
    "could {they} be {new}?", "i'd like {them} {new}", "the {new} version", "go for {new}", "how about {new}?",
    "find {a_new} one", "the look should be {new}", "let {them} be {new}",
)  # fmt: skip
PATTERN_ANIMAL: Templates = (
    "i'd prefer {a_new} {subject}",
    "{their} look should be {new}",
    "this {subject}, only {new}",
)
PATTERN_PERSON: Templates = (
    "{new} clothes would suit {them}", "could the clothes be {new}?", "change into {new} clothes",
    "put {them} into {new} clothes",
)  # fmt: skip
MARKED: Templates = (
    "could {they} have {marks}?", "{marks} all over", "{they} could do with {marks}", "paint {marks} on {them}",
    "{marks} would suit {them}", "decorated with {marks}",
)  # fmt: skip
UNMARKED: Templates = (
    "could you remove the {marks}?", "i don't want {marks}", "ditch the {marks}", "the {marks} must go",
    "skip the {marks}",
    "wipe the {marks} off",
)  # fmt: skip

POSE: Templates = (
    "could {they} be {doing}?", "i'd like {them} {doing}", "the one that is {doing}", "same thing, only {doing}",
    "find one {doing}", "catch {them} {doing}", "imagine {the_subject} {doing}",
)  # fmt: skip
POSE_VERB: Templates = (
    "could {they} {do}?", "ask {them} to {do}", "{they} should {do}", "tell {the_subject} to {do}",
    "get {them} to {do}",
)  # fmt: skip
MOOD: Templates = (
    "could {they} be {mood}?", "i'd like {them} {mood}", "the {subject} should seem {mood}", "let {them} be {mood}",
    "find {them} {mood}", "{they} ought to be {mood}",
)  # fmt: skip
LOOKING: Templates = (
    "could we see {them} {look}?", "a version of {them} {look}", "same thing, only {look}", "find one {look}",
    "imagine {the_subject} {look}", "catch {them} {look}",
)  # fmt: skip
MOOD_WORDS: Mapping[str, Templates] = {
    "smiling": ("give us a smile", "put a smile on {their} face", "could {they} smile?", "with a grin"),
    "sad": ("down in the dumps", "{they} feel{s} sad", "could {they} look sad?", "with a gloomy face"),
    "surprised": (
        "give {them} a surprise",
        "could {they} look surprised?",
        "with a startled look",
        "caught by surprise",
    ),
    "asleep": ("{they} fell asleep", "could {they} be taking a nap?", "with shut eyes", "send {them} off to sleep"),
}  # fmt: skip
MOOD_SHIFT: Mapping[str, Templates] = {
    "smiling": ("could {they} look happier?", "a happier face", "more cheerful", "with a happier expression than now"),
    "sad": ("could {they} look sadder?", "a sadder face", "less cheerful", "with a sadder expression than now"),
}  # fmt: skip

SUBJECT: Templates = (
    "could it be {item}?", "{old} should become {item}", "i'd prefer {item} to {old}", "make that {item}, not {an_old}",
    "let {item} take the place of {old}", "use {item} in the place of {old}", "let {item} stand in for {old}",
    "substitute {item} for {old}",
    "the same picture, only of {item}", "it was {an_old}, let it be {item}",
)  # fmt: skip

SETTING: Templates = (
    "could {they} be {place}?", "i'd like to see {them} {place}", "let it all happen {place}",
    "take the same picture {place}",
    "find one {place}", "set the scene {place}", "imagine {the_subject} {place}", "same thing, only {place}",
    "have {them} turn up {place}",
)  # fmt: skip
DESTINATION: Templates = (
    "could {they} go {to}?", "a trip {to}", "let {them} travel {to}", "off {to}", "transport {them} {to}",
)  # fmt: skip
BACKGROUND: Templates = (
    "could the background be {ground}?", "the background should show {ground}", "use {ground} as the backdrop",
    "i'd prefer {ground} to {old_ground}", "switch the backdrop to {ground}",
)  # fmt: skip

WHEN: Templates = (
    "could it be {when}?", "i'd like it {when}", "take the same picture {when}", "set the scene {when}",
    "find one {when}",
    "let it all happen {when}", "imagine this {when}", "same thing, only {when}",
)  # fmt: skip
TIME_WORDS: Mapping[str, Templates] = {
    "day": ("could it be day?", "full daylight, please", "let the sun be up", "while it is day"),
    "sunset": ("could it be evening?", "with the sun going down", "let the sun set", "in the light of sunset"),
    "night": ("could it be night?", "switch off the daylight", "let night fall", "under a night sky"),
}  # fmt: skip
TIME_SHIFT: Mapping[str, Templates] = {
    "later": (
        "could it be darker?",
        "some hours on",
        "with less daylight",
        "let it get darker",
        "a darker hour than this",
    ),
    "earlier": (
        "could it be brighter?",
        "some hours before",
        "with more daylight",
        "let it get brighter",
        "a brighter hour than this",
    ),
}  # fmt: skip
INSTEAD_OF_TIME: Templates = (
    "i'd prefer {new} to {was}",
    "make that {new} rather than {was}",
    "switch from {was} to {new}",
)

WEATHER_WORDS: Mapping[str, Templates] = {
    "clear": (
        "let the weather clear up",
        "could the sky be clear?",
        "fine weather, please",
        "when the weather is good",
    ),
    "rain": ("could it rain?", "let some rain fall", "turn on the rain", "in wet weather", "pouring with rain"),
    "snow": (
        "could it snow?",
        "let some snow fall",
        "turn on the snow",
        "with snowflakes coming down",
        "in a snowfall",
    ),
    "fog": ("could it be foggy?", "let some fog roll in", "wrapped in mist", "shrouded in fog", "in murky mist"),
}  # fmt: skip
STOP_WEATHER: Templates = (
    "could the {was} stop?", "i don't want {was}", "the {was} has to end", "enough of the {was}",
    "wait until the {was} is over",
)  # fmt: skip
WEATHER_CLAUSE: Templates = (
    "suddenly {clause}",
    "same thing, only {clause}",
    "let it be that {clause}",
    "while {clause}",
)
INSTEAD_OF_WEATHER: Templates = (
    "i'd prefer {new} to {was}",
    "switch from {was} to {new}",
    "let {new} follow the {was}",
)

SEASON: Templates = (
    "could it be {new}?", "wait until {new}", "let {new} come", "the {new} version", "when {new} comes", "during {new}",
    "skip ahead to {new}", "{new} has come", "i'd prefer {new} to {was}",
)  # fmt: skip

COUNT: Templates = (
    "could there be {number}?", "i'd like to see {number} of them", "a picture with {number} {nouns}",
    "let there be {number}",
    "{number} {nouns} rather than {was}", "find {number} {nouns}", "the number should be {number}",
    "exactly {number} {nouns}",
)  # fmt: skip
COUNT_WORDS: Mapping[str, Templates] = {
    "one": ("could there be a lone {subject}?", "a {subject} by itself", "a lone {subject}"),
    "two": ("could {nouns} come in a pair?", "two of a kind", "a duo of {nouns}"),
    "three": ("a trio of {nouns}", "could there be a trio?", "three of a kind"),
}  # fmt: skip
MORE: Mapping[tuple[str, str], Templates] = {
    ("one", "two"): (
        "twice as many {nouns}",
        "give us one extra {subject}",
        "could there be one more?",
        "double the {nouns}",
    ),
    ("one", "three"): ("three times as many {nouns}", "give us two extra {nouns}", "could there be two more?"),
    ("two", "three"): ("let a third {subject} join", "give us one extra {subject}", "could there be one more?"),
    ("three", "two"): ("leave out one {subject}", "one {subject} can go", "could there be one fewer?"),
    ("two", "one"): (
        "leave out one {subject}",
        "one {subject} can go",
        "could there be one fewer?",
        "half as many {nouns}",
    ),
    ("three", "one"): ("leave out two {nouns}", "two {nouns} can go", "could there be two fewer?"),
}  # fmt: skip

VIEW_WORDS: Mapping[str, Templates] = {
    "close-up": (
        "could we see {them} up close?", "fill the frame with {the_subject}", "a tight shot",
        "a portrait shot from near",
        "get really close to {them}", "the camera right in front of {them}",
    ),
    "full view": (
        "could we see all of {them}?", "fit {the_subject} into the frame entirely", "a full-length shot",
        "the entire {subject}",
        "let the picture show {them} from top to bottom",
    ),
    "from afar": (
        "could we see {them} from far off?", "tiny in the distance", "a long shot", "with the camera far away",
        "photographed from a long way off", "{they} {is} far off",
    ),
}  # fmt: skip
ZOOM_IN: Templates = (
    "could we get closer?",
    "move the camera nearer",
    "a nearer view than this",
    "get nearer to {them}",
    "nearer",
)
ZOOM_OUT: Templates = (
    "could we get further away?", "move the camera back", "a view from further off than this", "pull back from {them}",
    "less close",
)  # fmt: skip

STYLE: Templates = (
    "could it be {style}?", "i'd like to see it {style}", "find one {style}", "imagine this {style}",
    "the same scene, only {style}",
    "let it be {style}",
)  # fmt: skip
STYLE_NOUNS: Mapping[str, Templates] = {
    "cartoon": ("a cartoon picture", "a cartoon illustration"),
    "sketch": ("a drawing in pencil", "a sketch in pencil"),
    "watercolour": ("a picture in watercolours", "a painting in watercolours"),
    "pixel art": ("a pixelated picture", "a piece of pixel art"),
    "paper cut": ("a cut-paper picture", "a collage of cut paper"),
}  # fmt: skip
STYLE_NOUN: Templates = (
    "could it be {new}?", "i'd like it as {new}", "let it look like {new}", "what would it be as {new}?",
    "redo it as {new}",
    "{new} showing the same", "rather {new} than {was}",
)  # fmt: skip

ADD_OTHER: Templates = (
    "could you add {item}?", "{item} could join {them}", "please include {item}", "let there be {item} too",
    "{they} could be in the company of {item}", "invite {item} along", "{the_subject} meets {item}", "throw in {item}",
    "find one where {item} is there too", "{they} need{s} {item} around",
)  # fmt: skip
SWAP_OTHER: Templates = (
    "could we have {item} in place of {old}?", "{old} should become {item}", "i'd prefer {item} to {old}",
    "let {item} take the place of {old}", "use {item} in the place of {old}", "substitute {item} for {old}",
    "switch {old} to {item}",
    "{old} leaves and {item} comes", "let {the_subject} be with {item}, not {an_old}",
)  # fmt: skip
REMOVE_OTHER: Templates = (
    "could you remove {old}?", "{old} must go", "i don't want {old}", "ditch {old}", "do away with {old}",
    "could {old} leave?",
    "please take out {old}", "{old} shouldn't be there", "erase {old}", "{old} went away",
    "{they} can do without {old}",
)  # fmt: skip
ALONE: Templates = (
    "leave {the_subject} alone in the picture", "nobody else with {the_subject}", "{the_subject} and no one else",
    "have {the_subject} all to {themself}", "a solo picture of {the_subject}",
)  # fmt: skip

MAIN_NAMES: Templates = ("that {subject}", "the {subject} itself")
OTHER_NAMES: Templates = ("that {other}", "the {other} there", "the other of the two")
OTHER_NAMES_AT: Mapping[str, Templates] = {
    "left": ("the left one", "the {other} over on the left", "whoever is on the left"),
    "right": ("the right one", "the {other} over on the right", "whoever is on the right"),
    "behind": ("the one at the back", "the {other} at the back", "whoever is behind {the_subject}"),
}  # fmt: skip
OTHER_NAMES_SIZED: Mapping[str, Templates] = {
    "same": (),
    "smaller": ("the small one", "the smaller of the two"),
    "bigger": ("the big one", "the bigger of the two"),
}  # fmt: skip
TELL_WORN: Templates = (
    "could you put {item} on {who}?", "{item} would suit {who}", "{who} needs {item}", "dress {who} in {item}",
    "{who} gets {item} to wear", "have {who} put on {item}", "could {who} be wearing {item}?",
    "find one with {who} in {item}",
    "i'd like {who} to wear {item}",
)  # fmt: skip
TELL_HELD: Templates = (
    "could {who} be holding {item}?", "pass {item} to {who}", "{who} needs {item}", "{who} gets {item} to hold",
    "have {who} carry {item}", "i'd like {who} to hold {item}", "{who} clutching {item}",
    "find one with {who} holding {item}",
)  # fmt: skip
TELL_SWAP: Templates = (
    "could {who} have {item} in place of {old}?", "{who} needs {item}, not {an_old}",
    "have {who} change {old} for {item}",
    "{who} trades {old} for {item}", "for {who} use {item} in the place of {old}",
    "i'd prefer {who} with {item} to {who} with {old}",
)  # fmt: skip
TELL_REMOVE: Templates = (
    "could {who} lose {old}?", "{who} can do without {old}", "i don't want {old} on {who}", "have {who} drop {old}",
    "{who} should be free of {old}", "make {old} of {who} vanish", "{who} has to give up {old}",
)  # fmt: skip
TELL_COLOUR: Templates = (
    "could {who} be {new}?", "i'd like {who} in {new}", "dye {who} {new}", "{who} ought to be {new}",
    "let {who} be {new}",
    "for {who} go with {new}", "{new} for {who}",
)  # fmt: skip

WHERE_NAMED: Mapping[str, Templates] = {
    "left": ("just left of {the_subject}", "at {the_subject}'s left"),
    "right": ("just right of {the_subject}", "at {the_subject}'s right"),
    "behind": ("hiding behind {the_subject}", "behind {the_subject}'s back"),
}  # fmt: skip
INVERSE: Mapping[str, Templates] = {
    "left": (
        "{the_subject} has {the_other} on the left", "{the_other} left, {the_subject} right",
        "have {the_subject} right of {the_other}",
    ),
    "right": (
        "{the_subject} has {the_other} on the right", "{the_subject} left, {the_other} right",
        "have {the_subject} left of {the_other}",
    ),
    "behind": (
        "{the_subject} stands before {the_other}", "have {the_subject} in front, {the_other} behind",
        "{the_subject} partly hides {the_other}",
    ),
}  # fmt: skip
SIZE: Mapping[str, Templates] = {
    "same": ("the two equally big", "{the_other} the size of {the_subject}", "could both be the same size?"),
    "smaller": (
        "could {the_other} be smaller than {the_subject}?", "{the_subject} towers over {the_other}",
        "a {other} smaller than {the_subject}",
    ),
    "bigger": (
        "could {the_other} be bigger than {the_subject}?", "{the_other} towers over {the_subject}",
        "a {other} bigger than {the_subject}",
    ),
}  # fmt: skip
RESIZE: Mapping[str, Templates] = {
    "bigger": (
        "could {the_other} be bigger?",
        "enlarge {the_other}",
        "{the_other} grew",
        "i'd like a bigger {other}",
        "scale {the_other} up",
    ),
    "smaller": (
        "could {the_other} be smaller?",
        "downsize {the_other}",
        "{the_other} shrank",
        "i'd like a smaller {other}",
        "scale {the_other} down",
    ),
}  # fmt: skip
EXCHANGE: Mapping[str, Templates] = {
    "hats": (
        "could they trade hats?",
        "let each wear the other's hat",
        "switch their hats around",
        "their hats got mixed up",
    ),
    "headwear": ("could they trade headwear?", "let each wear the other's headwear", "switch their headwear around"),
    "holds": ("could they trade what they hold?", "let each hold the other's thing", "switch around what they hold"),
    "colour": ("could they trade colours?", "let each have the other's colour", "switch their colours around"),
    "places": (
        "could they trade places?",
        "let each stand where the other is",
        "switch {the_subject} and {the_other} around",
        "mirror their positions",
    ),
}  # fmt: skip
TRANSFER_WORN: Templates = (
    "could {taker} wear {old} of {giver}?", "{giver} lends {old} to {taker}", "pass {old} from {giver} on to {taker}",
    "{taker} takes {old} from {giver}", "{old} moves from {giver}'s head to {taker}'s",
)  # fmt: skip
TRANSFER_HELD: Templates = (
    "could {taker} hold {old} of {giver}?", "{giver} hands {old} to {taker}", "pass {old} from {giver} on to {taker}",
    "{taker} takes {old} from {giver}", "{old} goes from {giver} to {taker}",
)  # fmt: skip

JOINTS: Templates = ("; ", ", plus ", ", and also ", " and at the same time ", ", then ")
SHARED: Templates = ("could you ", "i'd like ", "please ", "find one ", "imagine ")
