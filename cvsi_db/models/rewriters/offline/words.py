"""English word lists: what the offline rewriter knows about single words."""

from __future__ import annotations


def words_of(text: str) -> frozenset[str]:
    """The words of a text, in which "_" stands for a space."""
    return frozenset(word.replace("_", " ") for word in text.split())


MARKS = frozenset(",.;:!?")
NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
SIZES = {"pair": 2, "couple": 2, "duo": 2, "trio": 3, "single": 1, "lone": 1, "sole": 1}
POSSESSIVE = words_of("its his her their")
PRONOUNS = words_of("""it they he she them him his her this that these those both you i one ones there itself himself
    anything nothing something""")
DEFINITE = POSSESSIVE | words_of("the this that these those it they he she them him same")
DETERMINERS = POSSESSIVE | words_of("""a an the this that these those some any another every both several many few all
    no more fewer less multiple""")
PREPOSITIONS = words_of("""in on at by with without near beside behind under over above below through across along
    among around into onto from of for to off outside inside against between toward towards past underneath within
    alongside during after before like until next_to in_front_of on_top_of close_to out_of in_the_middle_of
    together_with accompanied_by""")
COMPOUNDS = [word.split() for word in sorted(PREPOSITIONS) if " " in word]
JOINERS = words_of("and but or nor while who which that what where when as than if because so then plus")
ADVERBS = words_of("""also too together up down away back apart still here there upright indoors outdoors directly
    straight forward sideways upwards downwards alone only just now instead very slightly each asleep astonished
    surprised bare-headed later earlier""")
BE = words_of("is are was were be been being")
WEARING = words_of("wearing wear wears sporting donning")
HOLDING = words_of("holding carrying clutching gripping reading playing eating holds carries hold carry")
POSES = words_of("""standing sitting lying laying jumping leaping waving running walking sleeping flying kneeling
    seated resting swimming posing waiting hanging perched climbing smiling frowning stands sits lies jumps waves runs
    walks sleeps flies waits poses stand sit lie jump wave run walk sleep fly wait pose leap smile""")
"""What a being does one of at a time."""
VERBS = words_of("""has have had can could should must will would may does do did seen shown made drawn taken held worn
    painted lays rides looks eats drinks faces swims shows contains rests smiles leans hangs reads watches says gets
    goes comes becomes turns makes gives puts sticks feeds paddles plays lead line hang eat swim seems covers""")
VERBS |= POSES | BE | HOLDING | WEARING
ING_NOUNS = words_of("""ring king thing building painting drawing ceiling string clothing earring wedding evening
    morning wing spring railing awning fencing lettering lining duckling icing something anything nothing everything
    stocking writing opening revealing""")
COLOURS = words_of("""red blue green yellow orange purple pink brown black white grey gray beige tan gold golden silver
    navy teal turquoise maroon burgundy lavender violet mint coral khaki peach magenta multicolored colorful colourful
    brownish ivory""")
SHADES = words_of("light dark bright pale deep darker lighter brighter deeply solid neon")
_GROUPS = """plain striped stripy stripey spotted dotted floral plaid checked checkered chequered patterned printed
    small little tiny large big huge giant smaller bigger larger
    young old younger older adult
    long short longer shorter knee-length
    long-sleeved short-sleeved sleeveless sleeved strapless
    happy sad cheerful unhappy smiling surprised astonished angry happier sadder frowning asleep sleeping"""
GROUPS = [COLOURS, *map(words_of, _GROUPS.splitlines())]
"""Adjectives of which a thing has one at a time."""
ADJECTIVES = SHADES.union(*GROUPS) | words_of("""new different same other wooden colored coloured formal casual loose
    tight fitted revealing feminine faded shiny lacy sheer modern vintage western wet dirty clean fluffy furry round
    square open closed empty full tall thin thick fancy elegant fashionable cheaper""")
PERSONS = words_of("man woman boy girl child person lady guy model")
BEINGS = PERSONS | words_of("""dog puppy cat kitten bird duck owl penguin parrot chicken goose swan horse cow pig sheep
    goat bear panda monkey gorilla lion tiger wolf fox rabbit hare mouse rat squirrel frog turtle tortoise fish
    elephant giraffe zebra deer hyena baby people robot snowman doll butterfly bee animal human""")
HEADWEAR = words_of("hat cap crown beanie helmet stetson fedora beret hood sombrero headband")
CLOTHES = words_of("dress shirt skirt top t-shirt tee blouse sweater coat jacket suit gown clothes cardigan jeans")
WORN = words_of("""scarf tie glasses sunglasses spectacles shades backpack rucksack cape cloak gloves vest uniform
    necklace mask shoes boots bikini earrings watch""")
WORN |= HEADWEAR | CLOTHES
_SAME = """dog puppy/bike bicycle/backpack rucksack/cape cloak/present gift/tortoise turtle/laptop computer/sea ocean
    /cat kitten/sunglasses shades/glasses spectacles/duckling duck/fire campfire"""
KINDS = {one: frozenset(pair.split()) - {one} for pair in _SAME.split("/") for one in pair.split()} | {
    "hat": HEADWEAR, "headwear": HEADWEAR, "people": PERSONS, "person": PERSONS, "human": PERSONS, "shirt": CLOTHES,
    "animal": BEINGS - PERSONS, "top": CLOTHES,
}  # fmt: skip
"""What a word of an edit text may be called in a caption."""
MEDIA = words_of("""photo photograph picture image drawing sketch painting watercolour watercolor cartoon illustration
    collage close-up view shot art cut portrait piece""")
COLLECTIVE = words_of("group pair couple herd flock bunch pile row lot number plate cup bowl bottle pack slice slices")
"""Words for several or a measure: what counts is the noun after "of"."""
ON_PLACES = words_of("beach moon farm street road grass sand island hill hillside sidewalk deck bridge stage surface")
PLACES = ON_PLACES | words_of("""forest woods city town desert mountain meadow room harbour harbor port farmyard sea
    seaside lake river park garden yard field kitchen bedroom office library restaurant snow jungle countryside house
    barn zoo village cave ocean shore studio classroom museum church station market pool""")
MASS = words_of("""water snow grass sand rain fog mist food soup bread meat hair fur ice smoke light sunlight text
    writing lace denim furniture clothing art fruit cheese dough""")
PLURAL_ONLY = words_of("glasses sunglasses spectacles shades trousers pants jeans shorts clothes scissors people woods")
_MOMENTS = """time/at night/night nighttime midnight dark darkness nightfall moonlight moonlit starlit stars moon
    time/at sunset/sunset sundown dusk evening twilight sun goes
    time/at sunrise/sunrise dawn morning
    time/by day/daytime daylight noon midday
    weather/in the rain/rain raining rains rainy rainfall downpour drizzle showers
    weather/in the snow/snow snowing snows snowy snowfall blizzard
    weather/in the fog/fog foggy mist misty haze hazy
    weather/in a storm/storm stormy thunderstorm
    weather/on a sunny day/sunny sunshine sunlit
    weather/under a cloudy sky/cloudy overcast
    weather/in clear weather/fine clear cloudless
    season/in spring/spring springtime
    season/in summer/summer summertime
    season/in autumn/autumn fall autumnal
    season/in winter/winter wintertime wintry
    view/seen up close/close-up closeup close closer zoom zoomed nearby near nearer tight tighter portrait headshot
    view/seen from afar/afar far distance distant further farther out step wide wider remote panoramic
    view/seen in full/full whole entire all toe full-length full-body
    style//cartoon sketch pencil watercolour watercolor pixel pixels paper collage drawing painting oil comic photograph
    style//watercolours papercut paper-cut cutout sketched pixelated crayon"""
MOMENT_OF = {
    word: (aspect, said)
    for aspect, said, words in (line.strip().split("/") for line in _MOMENTS.splitlines())
    for word in words.split()
}
"""What an image has one of whatever it shows, and how a caption says it, by the words of an edit text that mean it."""
FILLERS = words_of("""make turn let set change the it is it's its to a an now be should scene time weather season day
    broad sky there falling heavy thick dense pouring image picture add some of has becomes getting view seen shot up
    away in on at by during under with while for as drawn painted cut from art style made like shown them show into
    when convert redraw rendered taken good me down going sets setting come head back after frame camera pull move go
    bring range perspective look looking version using give length body want outside do done falls fallen comes coming
    rolls starts begins arrives everything already grows colour color colours colors coloured colored and one very much
    bit clothes fur these those just only exactly single pair couple duo trio lone sole group total that are number
    amount reduce increase have has of goes gone left photo""")
"""Words that add nothing to a moment, a quality or a number beside which they stand."""
