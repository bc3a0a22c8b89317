"""Captions are true: an independent list of key words finds what they state and nothing that would contradict it."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvsi_db.errors import UsageError
from cvsi_db.scenes.captions import ALWAYS, caption
from cvsi_db.scenes.grammar import sample_scene, sample_scenes
from cvsi_db.scenes.scene import ATTRIBUTES, Scene

KEYS: dict[str, dict[str, str]] = {
    "subject": {name: rf"{name}(e?s)?" for name in ATTRIBUTES["subject"]} | {"snowman": "snowm[ae]n"},
    "colour": {name: name for name in ATTRIBUTES["colour"]} | {"grey": "gr[ae]y"},
    "headwear": {
        "none": "bare-headed|without a hat|with no hat|have no hat|has no hat|hatless",
        "top hat": "top hats?",
        "party hat": "(party|birthday) hats?",
        "straw hat": "straw hats?",
        "wizard hat": "wizard('s)? hats?",
        "cowboy hat": "cowboy hats?|stetsons?",
        "woolly hat": "(woolly|knitted) hats?|beanies?",
        "cap": "caps?",
        "crown": "crowns?",
    },
    "wears": {
        "none": "(no|without) accessories",
        "scarf": "scarf|scarves",
        "bow tie": "bow ties?",
        "glasses": "glasses|spectacles",
        "sunglasses": "sunglasses|shades",
        "backpack": "backpacks?|rucksacks?",
        "cape": "capes?|cloaks?",
    },
    "holds": {
        "none": "empty-handed|empty hands|holding nothing",
        "balloon": "balloons?",
        "umbrella": "umbrellas?",
        "flower": "flowers?",
        "book": "books?",
        "flag": "flags?",
        "ball": "balls?",
        "ice cream": "ice creams?( cones?)?",
        "lantern": "lanterns?",
        "guitar": "guitars?",
        "gift": "gifts?|presents?",
    },
    "setting": {
        "beach": "beach|sea|seaside",
        "forest": "forest|woods",
        "city": "city|town",
        "desert": "desert",
        "mountains": "mountains",
        "meadow": "meadow",
        "moon": "on the (surface of the )?moon|lunar surface",
        "room": "room|indoors",
        "harbour": "harbou?r|port",
        "farm": "farm|farmyard",
    },
    "time": {
        "day": "day|daylight|daytime",
        "sunset": "sunset|dusk|evening|sun goes down",
        "night": "night|dark|under the moon|moonlight",
    },
    "weather": {
        "clear": "(fine|clear) weather|weather is fine|sky is clear",
        "rain": "rain|raining|rains|rainy",
        "snow": "snow|snowing|snows",
        "fog": "fog|foggy|mist|misty",
    },
    "companion": {
        "none": "alone",
        "bird": "bird",
        "butterfly": "butterfly",
        "mouse": "mouse",
        "turtle": "turtle|tortoise",
        "duck": "duck|duckling",
    },
    "viewpoint": {
        "close-up": "close-up|up close|close view",
        "full view": "full view|in full",
        "from afar": "afar|distance|distant|far away",
    },
    "style": {
        "cartoon": "cartoon",
        "sketch": "pencil|sketch",
        "watercolour": "watercolou?r",
        "pixel art": "pixels?( art)?",
        "paper cut": "paper|paper-cut",
    },
}
COUNTS = {"one": r"\b(one|an?|single)\b|^\w+ \w+,|^\w+,", "two": r"\b(two|2|pair)\b", "three": r"\b(three|3)\b"}


def mentioned(attribute: str, text: str) -> set[str]:
    return {value for value, key in KEYS[attribute].items() if re.search(rf"(?<![\w-])({key})(?!\w)", text)}


@settings(max_examples=400)
@given(st.integers(0, 2**31))
def test_a_caption_names_what_it_states_and_no_other_value(seed: int) -> None:
    rng = random.Random(seed)
    scene = sample_scene(rng)
    made = caption(scene, rng)
    for attribute in KEYS:
        expected = {getattr(scene, attribute)} if attribute in made.states else set()
        assert mentioned(attribute, made.text) == expected, (made.text, attribute)
    assert made.states >= ALWAYS


@given(st.integers(0, 2**31))
def test_numbers_are_those_of_the_scene(seed: int) -> None:
    rng = random.Random(seed)
    scene = sample_scene(rng)
    text = caption(scene, rng).text
    plain = {name: bool(re.search(key, text)) for name, key in COUNTS.items() if name != "one"}
    assert plain == {name: scene.count == name for name in plain}


@given(st.integers(0, 2**31), st.sets(st.sampled_from(list(ATTRIBUTES))))
def test_states_can_be_asked_for(seed: int, states: set[str]) -> None:
    rng = random.Random(seed)
    scene = sample_scene(rng)
    expected = (ALWAYS | states) - ({"weather"} if scene.setting in {"room", "moon"} else set())
    assert caption(scene, rng, states).states == expected


def test_grammar_of_articles_and_plurals() -> None:
    rng = random.Random(0)
    for scene in sample_scenes(4000, seed=1):
        text = caption(scene, rng).text
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou\W]|\ban? \w*(glasses|shades)\b", text), text
        assert not re.search(r"\s\s|\s[,.;]|[,;]{2}|^[,. ]|mouses|scarfs|foxs|mans\b", text), text
        assert text == text.lower()


def test_captions_are_short_varied_and_reproducible() -> None:
    scene = Scene("fox", "blue", "top hat", holds="balloon", setting="beach", time="night", count="two")
    texts = [caption(scene, random.Random(seed)).text for seed in range(300)]
    assert texts == [caption(scene, random.Random(seed)).text for seed in range(300)]
    assert len(set(texts)) > 285
    assert max(len(text.split()) for text in texts) <= 40


def test_an_unknown_attribute_is_named() -> None:
    with pytest.raises(UsageError, match="'mood'"):
        caption(Scene("cat", "red"), random.Random(0), ["mood"])
