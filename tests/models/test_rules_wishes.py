"""The rules rewriter on wishes in many frames: questions, lets and haves, searches, exchanges, comparatives."""

from __future__ import annotations

import pytest

from cvsi_db.models.rules import RulesRewriter

REWRITER = RulesRewriter()

FOX = "a red fox in a scarf holding a flag on the beach at night"
PIGS = "three pink pigs in the rain"
GIRL = "a sad girl in blue sitting on the beach in summer"
PAIR = "a striped red cat in a cap and, to its left, a bigger blue dog holding a ball, in autumn"
OWL = "there is a grey owl with a lantern at night in the rain, with a small green frog behind it wearing a crown"
DRAWN = "a pig in sunglasses in a meadow on a foggy day, as a watercolour"

_BLUE = FOX.replace("red", "blue")
_CITY = FOX.replace("on the beach", "in the city")
_HAT = FOX.replace("a scarf", "a scarf and a hat")
_KITE = FOX.replace("a flag", "a kite")
_NO_FLAG = FOX.replace(" holding a flag", "")
_FROG = FOX.replace("fox", "frog")

FRAMES = {
    _BLUE: """
        could you make it blue?|can you please make the fox blue|i would like it to be blue|i want a blue fox|
        i'd prefer it in blue|i need a blue one|would it be possible to have it in blue|may i have it in blue?|
        can we have it blue?|if possible, make it blue|please make it blue if possible|find one that is blue|
        show me a blue one|give me a blue fox|looking for a blue one|search for one that is blue|the one that is blue|
        the same thing only blue|the same fox only in blue|a version in which it is blue|
        a picture where the fox is blue|what about blue?|how about a blue one|this time in blue|only now it is blue|
        same except that it is blue|ideally blue|ideally it would be blue|let it be blue|it should be blue|
        it must be blue|it needs to be blue|it ought to be blue|it is supposed to be blue|have the fox be blue|
        let the fox be blue|use blue as the colour|blue as its colour|recolour it blue|dye it blue|paint it blue|
        with blue fur|blue fur, please|it has blue fur|instead of red, make it blue|blue rather than red|
        i prefer blue to red|swap red for blue|swap out red for blue|trade the red for blue|the red becomes blue|
        the fox turns blue|blue, not red|not red but blue|colour the fox blue|the colour should be blue|
        would you kindly turn it blue|i wish it were blue|it could be blue|is there one in blue?|
        do you have this in blue?|any chance of a blue one?|got a blue one?|maybe a blue one instead|
        i was hoping for a blue one|let's make it blue|why not blue?|make the colour of the fox blue|
        change its colour to blue|i'm looking for a blue fox|the fox ought to be blue|a blue fox would be nice|
        it would look better in blue|make sure it is blue|see to it that it is blue
    """,
    _CITY: """
        take it to the city|place it in the city|set in the city|make the background the city|
        transport it to the city|the same scene but set in the city|i'd like to see it in the city|
        could it be in the city?|let it be in the city|bring it to the city|the place should be the city|
        have it in the city|the city instead of the beach|the city rather than the beach|in the city, not on the beach|
        not on the beach but in the city|swap the beach for the city|trade the beach for the city|
        the city in place of the beach|it is in the city now|relocate it to the city|send it to the city|
        with the city in the background|with the city as the background|the setting is the city|
        change the location to the city|it takes place in the city|find the one in the city|
        show me this in the city|make it be in the city|instead of the beach, the city|
        the beach becomes the city|move the scene to the city
    """,
    _HAT: """
        put a hat on it|throw in a hat|include a hat|i want it to wear a hat|it should also wear a hat|
        could it wear a hat|let it wear a hat|have it wear a hat|have it wearing a hat|one that wears a hat|
        the one with a hat|find one with a hat|give it a hat, please|it needs a hat|it needs to have a hat|
        it could use a hat|add a hat to it|dress it in a hat|let it have a hat|make it wear a hat|
        show me one with a hat on|top it off with a hat|put it in a hat|i'd like a hat on it|it gets a hat|
        with a hat too|plus a hat|a hat should be added|can it have a hat?|a version with a hat|
        same thing with a hat added|i would love to see it with a hat|would like it with a hat|it is now wearing a hat
    """,
    _KITE: """
        a kite instead of the flag|instead of the flag there is a kite|instead of a flag it has a kite|
        a kite rather than a flag|a kite in place of the flag|i'd prefer a kite to a flag|prefer a kite to the flag|
        swap out the flag for a kite|trade the flag for a kite|the flag becomes a kite|the flag turns into a kite|
        turn the flag into a kite|have it hold a kite|let it hold a kite|make it hold a kite|it should hold a kite|
        a kite, not a flag|not a flag but a kite|hand it a kite|replace the flag by a kite|put a kite in its hands|
        it holds a kite now|the flag should be a kite|instead of holding a flag it is holding a kite|
        exchange the flag for a kite|holding a kite this time|substitute a kite for the flag|
        let the flag be a kite|drop the flag and take a kite|in place of the flag, a kite
    """,
    _NO_FLAG: """
        do away with the flag|get rid of the flag|lose the flag|drop the flag|ditch the flag|skip the flag|
        leave out the flag|leave the flag out|forget the flag|forget about the flag|no need for the flag|
        no need for a flag|the flag is gone|the flag disappears|the flag has disappeared|take away the flag|
        take the flag away|i don't want the flag|i do not want a flag|it should not hold a flag|
        it shouldn't have a flag|it doesn't need the flag|could you remove the flag?|please get rid of its flag|
        have it drop the flag|let it put down the flag|the flag has to go|the flag must go|minus the flag|
        it no longer holds the flag|the flag should be removed|the flag should not be there|with the flag removed|
        i'd rather not have the flag|no more flag|without any flag|nothing in its hands|it holds nothing|
        holding nothing|empty-handed|scrap the flag|cut the flag|the flag is no longer there|it has no flag|
        take the flag off it|the flag is not needed|there should be no flag|let the flag disappear|erase the flag
    """,
    _FROG: """
        a frog instead of the fox|a frog rather than a fox|make it a frog|turn the fox into a frog|
        the fox becomes a frog|the fox turns into a frog|let it be a frog|it should be a frog|it must be a frog|
        swap out the fox for a frog|trade the fox for a frog|a frog in place of the fox|
        instead of a fox there is a frog|
        instead of the fox, show a frog|i'd prefer a frog to a fox|not a fox but a frog|a frog, not a fox|
        it is supposed to be a frog|could it be a frog?|what about a frog?|how about a frog instead|
        have a frog instead|replace the fox with a frog|the fox should be a frog|let the fox become a frog|
        i want a frog instead of a fox|change it into a frog|a frog this time|the animal is a frog|
        this time a frog|find one with a frog instead of the fox
    """,
}  # fmt: skip


def _framed() -> list[tuple[str, str, str]]:
    return [(FOX, wish.strip(), edited) for edited, wishes in FRAMES.items() for wish in wishes.split("|")]


NUMBERS = [
    (PIGS, "two pigs fewer", "a pink pig in the rain"),
    (PIGS, "one pig fewer", "two pink pigs in the rain"),
    (PIGS, "remove one of them", "two pink pigs in the rain"),
    (PIGS, "one of them leaves", "two pink pigs in the rain"),
    (PIGS, "two of them leave", "a pink pig in the rain"),
    (PIGS, "one of them has left", "two pink pigs in the rain"),
    (PIGS, "bring the number to two", "two pink pigs in the rain"),
    (PIGS, "bring the number of pigs down to one", "a pink pig in the rain"),
    (PIGS, "there are now two of them", "two pink pigs in the rain"),
    (PIGS, "take one of them away", "two pink pigs in the rain"),
    (PIGS, "one less of them", "two pink pigs in the rain"),
    (PIGS, "there should be only one of them", "a pink pig in the rain"),
    (PIGS, "just a single one", "a pink pig in the rain"),
    (FOX, "another one joins", FOX.replace("a red fox", "two red foxes").replace("a scarf", "scarves").replace(
        "a flag", "flags")),
    ("a red cat on the beach", "another one joins it", "two red cats on the beach"),
    ("a red cat on the beach", "double it", "two red cats on the beach"),
    ("a red cat on the beach", "double the number", "two red cats on the beach"),
    ("a red cat on the beach", "i want to see three of them", "three red cats on the beach"),
    ("a red cat on the beach", "make that two", "two red cats on the beach"),
    ("a red cat on the beach", "let there be two", "two red cats on the beach"),
    ("a red cat on the beach", "let there be three of them", "three red cats on the beach"),
    ("a red cat on the beach", "two cats rather than one", "two red cats on the beach"),
    ("a red cat on the beach", "there should be one more", "two red cats on the beach"),
    ("a red cat on the beach", "one more of them", "two red cats on the beach"),
    ("two red cats on the beach", "double them", "four red cats on the beach"),
    ("two red cats on the beach", "a third one joins them", "three red cats on the beach"),
]  # fmt: skip
MOMENTS = [
    (FOX, "have it rain", f"{FOX} in the rain"),
    (FOX, "let it snow", f"{FOX} in the snow"),
    (FOX, "it starts to rain", f"{FOX} in the rain"),
    (FOX, "let there be fog", f"{FOX} in the fog"),
    (FOX, "with rain coming down", f"{FOX} in the rain"),
    (FOX, "there should be snow falling", f"{FOX} in the snow"),
    (FOX, "earlier in the day", FOX.replace("at night", "during the day")),
    (FOX, "in broad daylight", FOX.replace("at night", "in broad daylight")),
    (FOX, "lighter outside", FOX.replace("at night", "during the day")),
    (FOX, "the sun is up", FOX.replace("at night", "during the day")),
    (FOX, "as the sun goes down", FOX.replace("at night", "as the sun goes down")),
    (PIGS, "when it is dark", f"{PIGS} at night"),
    (PIGS, "as night falls", f"{PIGS} at night"),
    (PIGS, "make it night-time", f"{PIGS} at night"),
    (PIGS, "darker outside", f"{PIGS} at night"),
    (PIGS, "later in the day", f"{PIGS} at night"),
    (PIGS, "the sky clears", PIGS.replace("in the rain", "under a clear sky")),
    (PIGS, "the rain stops", "three pink pigs"),
    (PIGS, "it stops raining", "three pink pigs"),
    (PIGS, "no more rain", "three pink pigs"),
    (DRAWN, "the fog lifts", "a pig in sunglasses in a meadow, as a watercolour"),
    (DRAWN, "the fog has cleared", "a pig in sunglasses in a meadow, as a watercolour"),
    (GIRL, "the season is autumn", GIRL.replace("summer", "autumn")),
    (GIRL, "it should be winter", GIRL.replace("summer", "winter")),
    (GIRL, "autumn rather than summer", GIRL.replace("summer", "autumn")),
    (GIRL, "set it in winter", GIRL.replace("summer", "winter")),
    (GIRL, "i'd like it to be spring", GIRL.replace("summer", "spring")),
    ("a cat in the city at sunset", "later", "a cat in the city at night"),
    ("a cat in the city at sunset", "earlier", "a cat in the city during the day"),
    ("a cat in the city at sunset", "darker", "a cat in the city at night"),
    ("a cat in the city during the day", "later", "a cat in the city at sunset"),
    ("a cat in the city at night", "brighter", "a cat in the city during the day"),
]
LOOKS = [
    (FOX, "give it stripes", FOX.replace("red", "striped red")),
    (FOX, "give it dots", FOX.replace("red", "spotted red")),
    (FOX, "give it a checked coat", FOX.replace("red", "checked red")),
    (FOX, "cover it in spots", FOX.replace("red", "spotted red")),
    (FOX, "let it have stripes", FOX.replace("red", "striped red")),
    (FOX, "it should be covered in dots", FOX.replace("red", "spotted red")),
    (PAIR, "remove the pattern", PAIR.replace("striped ", "plain ")),
    (PAIR, "lose the stripes", PAIR.replace("striped ", "")),
    (DRAWN, "redo it as a sketch", DRAWN.replace("watercolour", "sketch")),
    (DRAWN, "turn this into a comic", DRAWN.replace("watercolour", "comic")),
    (DRAWN, "make it look like a sketch", DRAWN.replace("watercolour", "sketch")),
    (DRAWN, "could this be a sketch?", DRAWN.replace("watercolour", "sketch")),
    (DRAWN, "i'd prefer a sketch to a watercolour", DRAWN.replace("watercolour", "sketch")),
    (DRAWN, "let it look as if drawn in pencil", DRAWN.replace("as a watercolour", "in pencil")),
    (DRAWN, "zoom in", f"{DRAWN}, seen up close"),
    (DRAWN, "zoom out a bit", f"{DRAWN}, seen from far away"),
    (DRAWN, "step back", f"{DRAWN}, seen from far away"),
    (DRAWN, "get closer", f"{DRAWN}, seen up close"),
    (DRAWN, "come nearer", f"{DRAWN}, seen up close"),
    (DRAWN, "nearer", f"{DRAWN}, seen up close"),
    (DRAWN, "show the whole pig", f"{DRAWN}, seen in full"),
    (DRAWN, "from a distance", f"{DRAWN}, seen from far away"),
    (DRAWN, "from further off", f"{DRAWN}, seen from far away"),
    (DRAWN, "let me see it up close", f"{DRAWN}, seen up close"),
    (FOX, "have it sit", FOX.replace("red", "sitting red")),
    (FOX, "let it jump", FOX.replace("red", "jumping red")),
    (FOX, "make it wave", FOX.replace("red", "waving red")),
    (FOX, "have it sitting", FOX.replace("red", "sitting red")),
    (FOX, "it sits down", FOX.replace("red", "sitting red")),
    (FOX, "have the fox sit down", FOX.replace("red", "sitting red")),
    (FOX, "could it be jumping?", FOX.replace("red", "jumping red")),
    (FOX, "make it cry", FOX.replace("red", "crying red")),
    (FOX, "make it frown", FOX.replace("red", "sad red")),
    (FOX, "make it look shocked", FOX.replace("red", "surprised red")),
    (FOX, "let it nod off", FOX.replace("red", "sleeping red")),
    (FOX, "it falls asleep", FOX.replace("red", "sleeping red")),
    (FOX, "have it sleep", FOX.replace("red", "sleeping red")),
    (FOX, "let it smile", FOX.replace("red", "smiling red")),
    (FOX, "it should look happy", FOX.replace("red", "happy red")),
    (FOX, "it bursts into tears", FOX.replace("red", "crying red")),
    (FOX, "looking sadder", FOX.replace("red", "sad red")),
    (FOX, "make it happier", FOX.replace("red", "happy red")),
    (GIRL, "happier", GIRL.replace("sad", "happy")),
    (GIRL, "less sad", GIRL.replace("sad ", "")),
    (GIRL, "cheer her up", GIRL.replace("sad", "happy")),
    (GIRL, "have her stand up", GIRL.replace("sitting", "standing")),
    (GIRL, "she gets up", GIRL.replace("sitting", "standing")),
]
EXCLUDED = [
    (FOX, "anything but red", FOX.replace("red ", "")),
    (FOX, "any colour but red", FOX.replace("red ", "")),
    (FOX, "any colour other than red", FOX.replace("red ", "")),
    (FOX, "anything but a flag", _NO_FLAG),
    (FOX, "holding anything but a flag", _NO_FLAG),
    (FOX, "anywhere but the beach", FOX.replace(" on the beach", "")),
    (FOX, "anywhere but on the beach", FOX.replace(" on the beach", "")),
    (FOX, "any time but night", FOX.replace(" at night", "")),
    (GIRL, "any season but summer", GIRL.replace(" in summer", "")),
    (DRAWN, "any style but watercolour", DRAWN.replace(", as a watercolour", "")),
    (PIGS, "any weather but rain", "three pink pigs"),
]
SECOND = [
    (PAIR, "give the cat glasses instead of the cap", PAIR.replace("a cap", "glasses")),
    (PAIR, "the cat with a cloak instead of the cap", PAIR.replace("a cap", "a cloak")),
    (PAIR, "the dog with a flag instead of the ball", PAIR.replace("a ball", "a flag")),
    (PAIR, "give the dog a scarf instead of the ball", PAIR.replace("holding a ball", "wearing a scarf")),
    (PAIR, "turn the other one green", PAIR.replace("blue", "green")),
    (PAIR, "the one on the left should be green", PAIR.replace("blue", "green")),
    (PAIR, "make the one on the right green", PAIR.replace("red", "green")),
    (PAIR, "the bigger one should be green", PAIR.replace("blue", "green")),
    (PAIR, "make the smaller one green", PAIR.replace("red", "green")),
    (PAIR, "give the other one a lantern", PAIR.replace("a ball", "a lantern")),
    (PAIR, "no ball for the one on the left", PAIR.replace(" holding a ball", "")),
    (PAIR, "no ball for the dog", PAIR.replace(" holding a ball", "")),
    (PAIR, "remove the ball of the dog", PAIR.replace(" holding a ball", "")),
    (PAIR, "take the ball away from the dog", PAIR.replace(" holding a ball", "")),
    (PAIR, "remove the cap of the dog", PAIR),
    (PAIR, "remove the dog's ball", PAIR.replace(" holding a ball", "")),
    (PAIR, "remove the cat's cap", PAIR.replace(" in a cap", "")),
    (PAIR, "make the dog smaller than the cat", PAIR.replace("bigger", "smaller")),
    (PAIR, "the dog should be smaller than the cat", PAIR.replace("bigger", "smaller")),
    (PAIR, "shrink the dog", PAIR.replace("bigger", "smaller")),
    (PAIR, "a littler dog", PAIR.replace("bigger", "smaller")),
    (PAIR, "make the cat bigger than the dog", PAIR.replace("bigger", "smaller")),
    (PAIR, "take the ball from the dog and give it to the cat",
     "a striped red cat in a cap holding a ball and, to its left, a bigger blue dog, in autumn"),
    (PAIR, "the dog leaves", "a striped red cat in a cap, in autumn"),
    (PAIR, "get rid of the dog", "a striped red cat in a cap, in autumn"),
    (PAIR, "the dog is gone", "a striped red cat in a cap, in autumn"),
    (PAIR, "make the other one happier", PAIR.replace("bigger blue", "bigger happy blue")),
    (PAIR, "have the dog sit", PAIR.replace("bigger blue", "bigger sitting blue")),
    (OWL, "turn the one behind brown", OWL.replace("green", "brown")),
    (OWL, "remove the crown of the one behind", OWL.replace(" wearing a crown", "")),
    (OWL, "remove the hat of the one behind", OWL),
    (OWL, "enlarge the frog", OWL.replace("small", "bigger")),
    (OWL, "the frog should be bigger than the owl", OWL.replace("small", "bigger")),
    (OWL, "shrink the frog", OWL.replace("small", "smaller")),
    (OWL, "no lantern for the owl", OWL.replace(" with a lantern", "")),
    (OWL, "no lantern for the frog", OWL),
    (OWL, "give the smaller one a hat instead of the crown", OWL.replace("a crown", "a hat")),
    (FOX, "with a yellow cat too", f"{FOX}, with a yellow cat next to it"),
    (FOX, "with a yellow dog as well", f"{FOX}, with a yellow dog next to it"),
    (FOX, "bring along a frog", f"{FOX}, with a frog next to it"),
    (FOX, "have a pig join it", f"{FOX}, with a pig next to it"),
    (FOX, "let a pig join in", f"{FOX}, with a pig next to it"),
    (FOX, "a pig joins the fox", f"{FOX}, with a pig next to it"),
    (FOX, "there should be a bird next to it", f"{FOX}, with a bird next to it"),
]  # fmt: skip
JOINED = [
    (GIRL, "the season is autumn and make it rain", GIRL.replace("in summer", "in autumn") + " in the rain"),
    (GIRL, "bring it to the seaside but in winter", GIRL.replace("on the beach in summer", "at the seaside in winter")),
    (FOX, "the place should be a room and add a hat", _HAT.replace("on the beach", "in a room")),
    (FOX, "could you make it blue and have it hold a kite?", _KITE.replace("red", "blue")),
    (FOX, "i'd like it blue, and the flag should go", _NO_FLAG.replace("red", "blue")),
    (FOX, "let it be a frog but get rid of the flag", _NO_FLAG.replace("fox", "frog")),
    (FOX, "have it wear a hat and let it snow", f"{_HAT} in the snow"),
    (FOX, "the same thing only blue, and zoom out", f"{_BLUE}, seen from far away"),
]

CASES = [*_framed(), *NUMBERS, *MOMENTS, *LOOKS, *EXCLUDED, *SECOND, *JOINED]


@pytest.mark.parametrize(
    ("caption", "edit_text", "edited"), [pytest.param(*case, id=f"{case[1]}: {case[0][:12]}") for case in CASES]
)
def test_a_wish_in_its_frame(caption: str, edit_text: str, edited: str) -> None:
    rewrite = REWRITER.rewrite([caption], edit_text)
    assert rewrite.edited_captions == (edited,)
    assert not rewrite.fallback
