"""Text as people write it from text as word-piece tokenizers join it.

"a man ' s t - shirt , 25 % off" becomes "a man's t-shirt, 25% off". Only spaces are removed, so no letter is ever lost,
and a text that has no such spaces stays as it is.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PREFIXES = _words(
    "anti bi co de ex extra lace mid mini mono multi non off one over polka pre pro pull re self semi sub super tri "
    "ultra un under"
)
"""Words that a hyphen joins to whatever follows."""

_SUFFIXES = _words(
    "angle armed backed based bodied bottomed breasted brimmed button buttoned collar collared color colored colour "
    "coloured decker door dye dyed eared edged eyed faced fit fitted footed friendly fronted haired handed headed "
    "heel heeled heels hop leg legged length line lined neck neckline necked pack paneled panelled patterned piece "
    "print printed proof quarter ray rays resistant road seater shape shaped shirt shirts shoulder shouldered sided "
    "size sized skinned sleeve sleeved sleeves sleeveless soled story storey style styled tailed toe toed tone "
    "toned top topped trimmed type waist waisted walled wheel wheeled wheeler winged year zip"
)
"""Words that a hyphen joins to whatever comes before."""

_UNITS = _words("d day foot hour inch lane level man mile part person point ply way") | _SUFFIXES
_NUMBERS = _words("two three four five six seven eight nine ten twelve first second third half double triple")
_COLOURS = _words("black blue brown gold gray green grey orange pink purple red silver white yellow")
_VERBS = _words(
    "back blow break built button check clip close cut draw dress drive drop flip fold follow grown hands head hold "
    "kick lay line made make mark pick pin pop print push roll round set sit slip stand start stick strap take tip "
    "try turn walk warm work wrap zip"
)
_PARTICLES = _words("around by down flop flops in off on out over through up ups")
_CONNECTORS = _words("a and by in n of on the to up")
_OPENERS = _words("a an the this that these those his her its their my your our some he she it they we you")
"""Words that begin something new: the mark before them is a dash."""

_CHAIN = re.compile(r"(?<!\S)[^\W_]+(?:'[^\W_]+)?(?: - [^\W_]+(?:'[^\W_]+)?)+(?![^\W_])")

_RULES = tuple(
    (re.compile(pattern, re.IGNORECASE), kept)
    for pattern, kept in (
        (r"(\w) (['’]) (?=(?:s|t|re|ve|ll|m|d)\b(?! ['’]))", r"\1\2"),  # woman ' s
        (r"(\w) (?=['’](?:s|re|ve|ll)(?![\w'’]))", r"\1"),  # woman 's
        (r"(\w) (?=n['’]t\b)", r"\1"),  # do n't
        (r"\b([odl]) (['’]) (?=\w)", r"\1\2"),  # o ' clock
        (r"(?<!\S)' ([^']*[^' ]) '(?!\S)", r"'\1'"),  # ' quoted '
        (r'(?<![^\s(])(?<!\d )" ?([^"]*[^" ]) ?"(?![^\s.,;:!?)])', r'"\1"'),  # " quoted "
        (r"([(\[{“‘]) +", r"\1"),
        (r" +([)\]}”’])", r"\1"),
        (r"(\d) ([.:/]) (?=\d)", r"\1\2"),  # 3 . 5, 10 : 30, 24 / 7
        (r"(\d) , (?=\d{3}\b)", r"\1,"),  # 1 , 000
        (r"(\d) (?=%)", r"\1"),
        (r"([$€£¥#]) (?=\d)", r"\1"),
        (r"\b([a-z]) \. (?=[a-z] \.)", r"\1."),  # u . s .
        (r"(?<=\S) +(?=[.,;:!?]+(?![^\s\"')\]]))", ""),
    )
)


def detokenise(text: str) -> str:
    """The text without the spaces that a tokenizer set around its marks. To do it twice changes nothing more.

    A hyphen between spaces may have been a dash ("a dog - a cat"): it is closed only between words that say so
    ("t - shirt", "long - sleeved", "black - and - white").
    """
    while (closed := _close(text)) != text:
        text = closed
    return text


def _close(text: str) -> str:
    for pattern, kept in _RULES:
        text = pattern.sub(kept, text)
    if len(re.findall(r"(?<!\S)['’](?!\S)", text)) == 1:  # a lone one: the dogs ' tails
        text = re.sub(r"(?<=\ws) (?=['’] \w)", "", text)
    return _CHAIN.sub(lambda found: _close_hyphens(found[0].split(" - ")), text)


def _close_hyphens(words: list[str]) -> str:
    closed = words[0]
    for place in range(1, len(words)):
        before, after = (word.lower() for word in words[place - 1 : place + 1])
        inside = (before in _CONNECTORS and place > 1) or (after in _CONNECTORS and place + 1 < len(words))
        closed += ("-" if inside or _is_hyphen(before, after) else " - ") + words[place]
    return closed


def _is_hyphen(before: str, after: str) -> bool:
    if after in _OPENERS:
        return False
    if before.isdigit() or before in _NUMBERS:
        return after.isdigit() or after in _UNITS
    return (
        len(before) == 1
        or before in _PREFIXES
        or after in _SUFFIXES
        or (before in _COLOURS and after in _COLOURS)
        or (before in _VERBS and after in _PARTICLES)
    )
