"""Closed lists of ordinary English that the rules rewriter reads by: colours, numbers, things and their slots, places.

Plain tables and the regular-expression fragments made of them; knows nothing about captions, edits or any
particular collection of pictures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def either(words: Iterable[str]) -> str:
    """A group that matches any of `words`, the longest first."""
    return "(?:" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + ")"


def _listed(text: str) -> frozenset[str]:
    return frozenset(word.replace("_", " ") for word in text.split())


COLOURS = _listed("""
    red orange yellow green blue purple pink brown white grey gray black beige tan gold golden silver violet turquoise
    teal navy maroon crimson magenta cyan lavender cream ivory bronze khaki olive burgundy peach aqua indigo lilac coral
    mustard charcoal rainbow multicolored multicoloured ginger blonde mint salmon scarlet
""")
SHADES = _listed("light dark bright pale deep pastel neon solid royal sky hot baby navy lime forest chocolate")
COLOUR = rf"(?:(?:{either(SHADES)}[ -])?{either(COLOURS)}(?:[ -](?:colou?red|colou?r)\b)?)"
COLOUR_LIST = rf"{COLOUR}(?:(?:, | and |, and |-and-|/|-){COLOUR})*"

NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12,
}  # fmt: skip
NUMBER_WORDS = {value: word for word, value in NUMBERS.items()}
NUMBER = rf"(?:{either(NUMBERS)}|[1-9]\d?)"

SLOTS: dict[str, frozenset[str]] = {
    "headwear": _listed("""
        hat cap crown beanie helmet tiara hood beret bonnet turban fedora sombrero stetson headband bandana wig
        top_hat baseball_cap headdress hairband headwear headgear bowler visor cowboy_hat hardhat
    """),
    "eyewear": _listed("glasses sunglasses spectacles shades goggles eyeglasses monocle eyewear specs"),
    "neckwear": _listed("scarf tie bow_tie bowtie necktie shawl neckerchief cravat"),
    "back": _listed("backpack rucksack knapsack cape cloak"),
    "bag": _listed("handbag purse satchel"),
    "garment": _listed("""
        dress shirt t-shirt tshirt tee top blouse skirt pants trousers jeans shorts jacket coat suit sweater jumper
        hoodie cardigan vest gown uniform robe swimsuit bikini apron kimono costume outfit clothes clothing
        overalls pajamas pyjamas tuxedo leggings raincoat poncho sweatshirt blazer jersey tunic tank romper jumpsuit
        sari sundress polo
    """),
    "wearable": _listed("""
        shoes shoe boots boot sneakers sandals socks gloves mittens necklace bracelet earrings earring ring belt watch
        collar ribbon mask headphones badge medal bow bell harness leash wings moustache mustache beard tail pin
        slippers heels saddle lei bandage life_jacket
    """),
    "held": _listed("""
        balloon umbrella flower book flag ball ice_cream ice_cream_cone lantern guitar gift present parasol bouquet rose
        sword wand cup mug bottle glass phone cell_phone camera newspaper magazine racket bat frisbee stick kite torch
        lamp candle lollipop apple banana sandwich candy basket bucket box bag suitcase broom trumpet violin drum
        microphone sign banner letter map pen pencil brush paintbrush hammer spoon fork knife teddy_bear doll toy bone
        football basketball tennis_racket tennis_ball baseball_bat surfboard skateboard fishing_rod trophy cake cookie
        cupcake donut heart star wrench shovel spade cane staff shield remote tray key rope fan flashlight pinwheel
    """),
    "animal": _listed("""
        cat dog bear rabbit fox owl penguin frog elephant pig bird butterfly mouse turtle duck horse cow sheep goat
        lion tiger monkey gorilla ape chimpanzee panda koala kangaroo zebra giraffe wolf deer squirrel hamster rat
        chicken hen rooster goose swan parrot eagle pigeon seagull pelican ostrich flamingo peacock fish shark whale
        dolphin seal walrus crab lobster jellyfish snake lizard crocodile alligator dinosaur dragon unicorn bee ant
        spider snail ladybug ladybird worm bat hedgehog otter beaver badger raccoon skunk moose buffalo bison antelope
        camel llama alpaca donkey mule ox bull calf puppy kitten lamb foal chick duckling tortoise gecko toad boar
        warthog hyena cheetah leopard jaguar baboon orangutan meerkat marmot animal pet creature poodle terrier
        labrador retriever bulldog husky pug beagle dachshund collie spaniel corgi chihuahua doberman hound shepherd
        guinea_pig vulture hawk falcon crow raven robin sparrow stork heron crane stingray octopus sloth lemur mongoose
        robot snowman teddy alien ghost monster bunny doggy kitty pony puppies
    """),
    "person": _listed("""
        person man woman girl boy child kid baby lady guy gentleman people men women adult teenager teen model player
        couple family bride groom king queen prince princess doctor nurse chef cook farmer soldier policeman officer
        firefighter pirate knight clown astronaut cowboy dancer singer surfer skier skateboarder snowboarder rider
        driver toddler friend human someone student teacher mother father grandmother grandfather worker fisherman
        athlete
    """),
}  # fmt: skip
"""Nouns by what part of a picture they fill: one slot holds one kind of thing."""

EXCLUSIVE = ("headwear", "eyewear", "neckwear", "back", "bag", "held")
"""Slots in which a new thing takes the place of an old one."""

SLOT_OF: dict[str, str] = {noun: slot for slot, nouns in reversed(SLOTS.items()) for noun in nouns}
WORN_SLOTS = frozenset({"headwear", "eyewear", "neckwear", "back", "bag", "garment", "wearable"})
ACCESSORIES = WORN_SLOTS - {"headwear", "garment"}
BEINGS = frozenset({"animal", "person"})

HYPERNYMS: dict[str, frozenset[str]] = {
    "hat": SLOTS["headwear"] - {"crown", "tiara", "hood", "headband", "wig"},
    "headwear": SLOTS["headwear"],
    "headgear": SLOTS["headwear"],
    "glasses": SLOTS["eyewear"],
    "eyewear": SLOTS["eyewear"],
    "tie": frozenset({"tie", "bow tie", "bowtie", "necktie"}),
    "bag": SLOTS["bag"] | {"bag", "backpack", "rucksack", "knapsack"},
    "accessory": SLOTS["headwear"]
    | SLOTS["eyewear"]
    | SLOTS["neckwear"]
    | SLOTS["back"]
    | SLOTS["bag"]
    | SLOTS["wearable"],
    "animal": SLOTS["animal"],
    "pet": SLOTS["animal"],
    "person": SLOTS["person"],
    "people": SLOTS["person"],
    "human": SLOTS["person"],
    "clothes": SLOTS["garment"],
    "clothing": SLOTS["garment"],
    "bird": frozenset({"bird", "duck", "owl", "parrot", "duckling", "chick", "robin", "sparrow", "pigeon", "seagull"}),
    "ice cream": frozenset({"ice cream", "ice cream cone", "cone"}),
}
"""General words, and what they may point at when a caption is more precise."""

SYNONYMS: tuple[frozenset[str], ...] = tuple(
    map(
        _listed,
        (
            "backpack rucksack knapsack", "cape cloak", "gift present", "sunglasses shades", "glasses spectacles specs",
            "turtle tortoise", "duck duckling", "rabbit bunny", "dog puppy doggy", "cat kitten kitty", "man guy",
            "child kid", "hat cap beanie stetson fedora", "bow_tie bowtie", "tee t-shirt tshirt", "pants trousers",
            "ice_cream ice_cream_cone",
        ),
    )
)  # fmt: skip

PLACES = _listed("""
    beach forest woods wood city town desert mountain mountains meadow moon room harbour harbor farm farmyard sea ocean
    seaside seashore shore coast island lake river pond pool waterfall stream park garden yard backyard lawn field
    pasture savanna savannah jungle rainforest hill hills valley canyon cave cliff rock rocks sand dune dunes grass
    street road highway sidewalk pavement alley path trail track tracks bridge square plaza market mall shop store
    supermarket restaurant cafe bar kitchen bedroom bathroom living_room office classroom school library museum church
    cathedral temple castle palace house home building skyscraper tower hotel hospital station train_station airport
    runway stadium court arena gym theatre theater stage studio garage barn stable zoo aquarium cage fence port dock
    pier marina village countryside space sky planet mars volcano swamp playground skatepark ski_slope slope ice
    water waves surf mud dirt ground floor carpet rug bed couch sofa chair bench table desk shelf counter wall
    window windowsill door doorway porch patio balcony roof rooftop stairs steps background backdrop kennel driveway
    tree trees branch log stump leaves flowers crowd car truck bus train boat ship plane airplane bathtub tub sink
    quay wharf outdoors wilderness prairie suburb downtown graveyard cemetery parking_lot parking construction_site
    surface seabed reef underwater tent circus fairground galaxy orchard vineyard greenhouse hallway corridor lobby
    attic basement balcony pond riverbank hillside mountainside mountaintop snowfield iceberg glacier tundra bush bushes
""")

OBJECTS = _listed("""
    bed couch sofa chair bench table desk shelf window door tree trees branch log stump leaves flowers car truck bus
    train boat ship plane airplane bathtub tub sink tent bush bushes rock rocks fence house building tower castle crowd
""")
"""Places that are things too: with one of them in the background, the place is still another."""

WEATHERLESS = _listed("""
    moon space planet mars galaxy room bedroom bathroom kitchen living_room office classroom library museum
    church hallway indoors underwater lobby attic basement
""")
"""Places that no rain, snow or fog reaches."""

SMALL = _listed("""
    bird butterfly mouse turtle tortoise duck duckling bee snail ladybug ladybird ant spider chick sparrow robin
    hamster kitten puppy squirrel hedgehog lizard crab worm pigeon parrot gecko snake fish toad
""")
"""Creatures that a larger one may have for company."""

TIME_WORDS = _listed("""
    night midnight sunset dusk sunrise dawn noon midday daytime nighttime evening morning afternoon day daylight
    twilight dark darkness nightfall night-time golden_hour
""")
WEATHER_WORDS = {
    "rain": "in the rain", "raining": "in the rain", "rains": "in the rain", "rainy": "in the rain",
    "pouring": "in the pouring rain", "drizzling": "in the drizzle", "wet": "in the rain", "drizzle": "in the drizzle",
    "snow": "in the snow", "snowing": "in the snow", "snows": "in the snow", "snowy": "in the snow",
    "fog": "in the fog", "foggy": "in the fog", "mist": "in the mist", "misty": "in the mist",
    "storm": "in a storm", "stormy": "in stormy weather", "thunderstorm": "in a thunderstorm",
    "sunny": "on a sunny day", "sunshine": "in the sunshine", "cloudy": "in cloudy weather",
    "overcast": "under an overcast sky", "windy": "in windy weather", "clear": "in clear weather",
    "hail": "in the hail", "hailing": "in the hail", "blizzard": "in a blizzard", "fine weather": "in fine weather",
    "clear weather": "in clear weather", "clear sky": "under a clear sky", "clear skies": "under clear skies",
    "good weather": "in good weather", "better weather": "in good weather", "nice weather": "in nice weather",
    "hazy": "in the haze", "haze": "in the haze",
}  # fmt: skip
"""Weather as one word, and as a phrase that can follow a noun."""

IMPERATIVES = _listed("""
    line look focus make show shows display displays change place put paint keep ensure use see turn target zoom
    leave go come walk step replace open close face flip rotate stack arrange crop get give take move remove add
    set reverse switch swap decrease increase reduce lower raise rearrange fill attach insert include exclude
    hang lay unlike try want need shift bring send draw mirror align stretch spread redraw position cover split
    blur brighten darken erase extend separate capture allow angle enlarge shrink describe swallows depict
    depicts find delete drop lose
""")
"""Verbs that may open a wish; a wish that opens with one names nothing."""

MEDIA = _listed("""
    photo photograph picture image illustration drawing sketch painting watercolour watercolor cartoon collage portrait
    close-up close_up closeup view shot rendering render print etching pixel_art paper_cut paper-cut papercut cutout
    paper_cutout clip_art comic mosaic sculpture statue snapshot poster doodle artwork
""")
NEUTRAL_MEDIA = _listed("photo photograph picture image illustration snapshot shot view artwork poster")
STYLES = _listed("""
    cartoon sketch pencil watercolour watercolor pixel_art pixel-art pixels paper_cut paper-cut papercut paper_cutout
    oil charcoal crayon crayons ink comic anime manga 3d collage mosaic origami painting drawing photograph line_art
    vector illustration engraving chalk pastel pastels gouache acrylic clip_art doodle clay embroidery stained_glass
    statue sculpture silhouette paint cut_paper graffiti tattoo photo comic_book pen_and_ink black_and_white sepia
    pop_art impressionist cubist abstract retro vintage minimalist woodcut linocut cutout voxel claymation neon_sign
""")

DETERMINERS = _listed("""
    a an the his her its their my your our some any another several many each every both this that these those few
    a_few a_pair_of a_group_of a_couple_of a_bunch_of a_herd_of a_flock_of a_single a_lot_of lots_of multiple various
    the_same only_one just_one a_pack_of a_piece_of a_number_of more no all different other an_additional
    a_different a_small_group_of a_large_group_of one_more a_crowd_of a_set_of pair_of group_of single
    one_of_the plenty_of no_other less fewer much_more much_less a_bit_more a_little_more far_more way_more
    slightly_more several_different many_more a_few_more some_more not_as_many even_more a_lot_more
""")
PREPOSITIONS = _listed("""
    in on at by with without near beside behind under over above below through across along among amid around into onto
    from of for to down up off outside inside against between toward towards past underneath beneath within alongside
    atop during after before as like via until next_to in_front_of on_top_of close_to out_of up_in out_in down_by
    out_on up_on in_the_middle_of at_the_edge_of on_the_side_of around_by over_by together_with along_with
    accompanied_by close_to in_back_of
""")
VERBS = _listed("""
    is are was were be been being has have had do does did can could may might must should would will shall
    stands stand stood sits sit sat waits wait poses pose lies lie lays lay runs run walks walk rides ride flies fly
    holds hold held carries carry wears wear wore looks look plays jumps jump sleeps sleep eats eat drinks
    faces face swims swim stares stare shows show showing contains contain rests smiles smile
    leans lean hangs hang grazes graze seen pictured shown located perched parked covered filled surrounded
    made drawn painted dressed displayed seated placed decorated topped served stacked lined mounted attached
    gets get goes go comes come becomes become falls barks licks bites chews doesn't isn't aren't don't
    watches reads add adds added remove removed replace replaced change changed make makes turn turned
    put puts move moved taken take takes set sets using used features feature
""")
LINKS = _listed("""
    and or but while who which that's when where then so because than if not instead it he she they them him itself
    themselves there here i you we also too just very more less rather now same please instead removed back
""")
ADVERBS = _listed("""
    open closed out up down off away upright together still backwards forward forwards upside visible apart around over
    outside inside ahead aside sideways outdoors indoors each_other one_another facing underneath above below behind
""")
"""Words that close what was said before: "with its mouth open"."""
ING_NOUNS = _listed("""
    ring king thing building painting drawing ceiling string clothing earring wedding evening morning wing spring
    pudding parking living dining something anything nothing everything stuffing frosting icing topping wedding
    railing lightning swing sling fencing flooring lettering lining housing crossing swimming fishing duckling
    gosling sibling dumpling falling pouring writing wording shelving bedding packaging stitching piping beading ruching
    detailing marking markings opening covering coating dressing seasoning sting stuffing seating awning lightning
    paneling lacing pairing stocking scaffolding lining carving offspring
""")
