"""Understands one clause of an edit text: which operation it asks for, and which objects it adds.

An ordered table of (pattern, reading); the first reading that makes sense of the clause wins. Knows nothing about how
operations work.
"""

from __future__ import annotations

import re
from functools import lru_cache

from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.aspects import (
    adjectives,
    background,
    count,
    fewer,
    move,
    recolour,
    recolour_thing,
    style,
    sunset,
    time_of_day,
    uncolour,
    view,
    weather,
)
from cvsi_db.models.rules.clauses import strip_fillers, strip_openings
from cvsi_db.models.rules.described import acting, read_all, shown
from cvsi_db.models.rules.edit import Edit, Reading
from cvsi_db.models.rules.things import (
    add_things,
    alone,
    another,
    as_being,
    beside,
    instead,
    remove,
    said_of,
    subject,
    swap,
    worn_instead,
)


@lru_cache(maxsize=4096)
def understand(clause: str) -> Edit | None:
    """The edit a clause asks for; None when it makes no sense to these rules."""
    clause = strip_openings(clause)
    for pattern, reading in _RULES:
        match = pattern.fullmatch(clause)
        edit = reading(match) if match else None
        if edit:
            return edit
    shorter = strip_fillers(clause)
    return understand(shorter) if shorter != clause else None


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.VERBOSE)


_RULES: tuple[tuple[re.Pattern[str], Reading], ...] = (
    (_pattern(r"""
            (?:instead\ of|rather\ than)\ (?P<old>.+?),?\ (?P<new>(?:(?:it|he|she|they|there)\ (?:is\ |are\ |
            now\ )*)?(?:hold|carr|wear|has\b|have\b|with\b|in\b|on\b|at\b|by\b|use\b|put\b|show|make|as\b|is\b|
            draw|give|during).*)
        """), swap),
    (_pattern(r"""
            (?:instead\ of|rather\ than)\ (?P<old>[^,]+),?\ (?P<new>(?:an?|the|two|three|some)\ .+)
        """), swap),
    (_pattern(r"""
            (?:swap|change|changes|exchange|replace|replaced|switch|trade|substitute|turn|transform|convert|
            make)(?:\ out)?\ (?P<old>.+?)\ (?:for|to|with|into|by|becomes?|in)\ (?P<new>.+?)(?:\ instead)?
        """), swap),
    (_pattern(r"""
            (?P<new>.+?),?\ (?:instead\ of|rather\ than|in\ place\ of|replacing|and\ not|not|
            but\ no\ longer)\ (?P<old>.+)
        """), swap),
    (_pattern(r"(?:no\ longer|not)\ (?P<old>.+?),?\ but\ (?P<new>.+)"), swap),
    (_pattern(r"""
            (?P<old>the\ [\w\ ]+?)\ (?:becomes?|turns?\ into|(?:is|are)\ (?:now|replaced\ (?:by|with)|
            swapped\ for|changed\ to))\ (?P<new>.+)
        """), swap),
    (_pattern(r"""
            (?:all\ |standing\ )?(?:alone|on\ (?:its|their|his|her)\ own|by\ (?:itself|themselves|himself|
            herself)|without\ company|with\ no\ one\ else|empty[ -]handed|with\ empty\ hands|bare-?headed|
            hatless|with\ (?:a\ )?bare\ heads?|holding\ nothing)
        """), alone),
    (_pattern(rf"""
            (?:remove|lose|drop|take\ away)\ (?P<number>{w.NUMBER})\ of\ (?:them|these|those)
            |(?P<fewer>{w.NUMBER})\ (?:less|fewer)(?:\ of\ them|\ \w+)?
        """), fewer),
    (_pattern(r"(?:with\ )?nothing(?:\ in\ (?:its|their|his|her|the)\ (?:hands?|paws?))?"), alone),
    (_pattern(r"""
            (?:no\ longer\ (?:wearing|holding|has|with|carrying)|no\ more|remove|removing|removes|without|
            no(?!\ longer)|take\ off|takes?\ away|get\ rid\ of|lose|loses|lost|drop|delete|minus|excluding|
            exclude|eliminate|erase|has\ no|have\ no|having\ no|with\ no|not\ wearing|not\ holding|(?:doesn't|
            does\ not|don't|shouldn't|should\ not)\ (?:have|wear|hold|carry)|isn't\ (?:wearing|holding)|
            is\ not\ (?:wearing|holding)|(?:there\ )?(?:is|are)\ no|lacks?|missing|leave\ out|omit|take\ out|
            put\ down|puts\ down|hide|not\ with|less|stop)\ (?P<what>.+)
        """), remove),
    (_pattern(r"""
            (?P<what>.+?)\ (?:is\ |are\ |has\ been\ |being\ )?(?:removed|gone|taken\ (?:off|away|out)|missing|
            deleted)
        """), remove),
    (_pattern(r"(?:let\ go\ of|put\ away|with\ nothing\ on)\ (?P<what>.+)"), remove),
    (_pattern(r"put\ (?P<what>.+)\ (?:down|away)"), remove),
    (_pattern(r"(?:change|changing|swap|switch)\ (?P<what>the\ [\w\ ]+)"), another),
    (_pattern(rf"""
            (?:(?:in|of|with|make|it|has|have)\ )*(?:another|a\ different|any\ other|some\ other|any|different|
            a\ new)\ colou?rs?(?:\ but\ .+|\ than\ .+|\ except\ .+)?|not\ (?:{w.COLOUR_LIST})(?:\ any\ ?more)?
        """), uncolour),
    (_pattern(r"take\ (?P<what>.+)\ (?:off|away|out)(?:\ .*)?"), remove),
    (_pattern(rf"""
            (?:(?:there|is|are|should|be|show|shows|have|has|with|only|just|make|now|it|to|add|and|plus|increase|reduce|
            decreased?|number)\ )*(?P<number>{w.NUMBER}|a\ single|single|another|a\ pair|
            a\ couple)(?:\ (?P<more>more|additional|extra))?(?:\ (?:of\ (?:them|these|it|those)|ones?|
            single\ one|times))?(?:\ (?:of\ (?:the\ )?)?(?P<noun>[a-z][a-z\ ]*?))?(?:\ instead(?:\ of\ \w+)?)?
        """), count),
    (_pattern(rf"""
            (?:(?:in|all|coloured|colored|painted|dyed|dressed\ in|wearing|a|an|the|same|more|turn|has|have|
            with|solid|entirely|completely|mostly|
            one|colou?r)\ )*(?P<colour>{w.COLOUR_LIST})(?:\ (?:in\ )?(?:colou?r(?:ed)?|one|version|fur|clothes|instead|
            coat|now|all\ over|colou?ring))*
        """), recolour),
    (_pattern(rf"""
            (?:make|paint|colou?r|turn|dye|recolou?r)\ (?P<what>(?:the|its|his|her|their)\ .+?|it|them|him|
            her)(?:\ (?:be|to|in))?\ (?P<colour>{w.COLOUR_LIST})
        """), recolour_thing),
    (_pattern(rf"""
            (?P<what>(?:the|its|his|her|their)\ .+?)\ (?:is|are|should\ be|must\ be|
            being)\ (?:now\ )?(?:in\ )?(?P<colour>{w.COLOUR_LIST})(?:\ (?:in\ )?colou?r)?(?:\ instead)?
        """), recolour_thing),
    (_pattern(rf"""
            (?:(?:it|is|now|to|be|make|let|very|in|the|a|an|while|weather|falling|heavy|with|under|on|
            some|make)\ )*(?P<what>{w.either(w.WEATHER_WORDS)}|fine)(?:\ (?:weather|day|outside|instead|now))*
        """), weather),
    (_pattern(rf"""
            (?:(?:it|is|now|to|be|make|let|turn|on|with|the|a|
            an)\ )*(?P<what>{w.either(w.TIME_WORDS)})(?:\ time)?(?:\ instead)?
        """), time_of_day),
    (_pattern(r"""
            (?:the\ |a\ )?.*\b(?:zoom|step|back|away|bigger|larger|smaller|near\w*|by|move|toe|all|clos(?:e|
            er)|closeup|far|further|farther|afar|distan|full|whole|wider).*
        """), view),
    (_pattern(r"""
            (?:(?:drawn|painted|done|made|rendered|redraw|redrawn|draw|paint|turn(?:ed)?|them|him|her|sketched|
            shown|use|give|in\ the\ style\ of|it)\ )*(?P<how>as|in|like|into|in\ the|to|a|an|using|
            with)?\ ?(?:(?:it|form|style)\ )?(?:of\ )?(?P<what>[\w\ -]+?)(?:\ instead)?
        """), style),
    (_pattern(r"""
            (?:move|put|place|set|take|bring|transport|relocate|moved|placed|go|goes|send|shift|
            transfer)(?:\ (?:it|him|her|them|everything|this|that|(?:the|this|
            that)\ \w+(?:\ \w+)?))?\ (?P<place>(?:(?:back|over|out|down|up)\ )?(?:to|into|onto|in|on|at|by|
            near|inside|indoors|outdoors|outside|among|under|against)\b.*)
        """), move),
    (_pattern(r"""
            (?:(?:on|in|at|against|with|has|have)\ )*(?P<what>(?:an?\ |the\ )?[\w\ -]+?)\ (?:background|
            backdrop|setting|in\ the\ (?:background|back|backdrop)|as\ (?:the\ |a\ )?(?:background|backdrop))
        """), background),
    (_pattern(r"""
            (?:add|adds|adding|include|includes|insert|attach|introduce|added|put\ on|put|place|give\ (?:it|
            him|her|them|(?:the|this)\ \w+)|hand\ (?:it|him|her|them|(?:the|this)\ \w+)|dress\ (?:it|him|her|
            them|(?:the|this)\ \w+)\ (?:in|with)|bring(?:\ in)?|gets?|got|has\ got|wants|
            with\ the\ addition\ of|draw|and|plus)\ (?:in\ |on\ )?(?P<what>.+)
        """), add_things),
    (_pattern(r"""
            (?P<what>.+?)(?<!next)(?<!close)\ (?:on|over|around|to)\ (?:it|its\ (?:head|neck|back|face|nose)|
            his\ head|her\ head|their\ heads|top\ of\ (?:it|its\ head))
        """), add_things),
    (_pattern(r"""
            (?:(?:there\ (?:is|are)|has|have|with|and|put|add|bring|place|
            have)\ )*(?P<what>.+?)\ (?:standing\ |sitting\ |is\ )?(?P<where>next\ to|beside|near|behind|
            in\ front\ of|alongside|close\ to)\ (?:it|him|her|them|the\ \w+)
        """), beside),
    (_pattern(r"""
            (?:make|have|let|keep|change)\ (?P<old>(?:the|its|his|her|their)
            (?:\ (?!(?:on|in|at|with|to|of|for|by|\w+ing)\b)[\w-]+){1,3}?)\ (?P<new>(?:an?|two|three|some)\ .+)
        """), swap),
    (_pattern(r"(?:(?:with|show|use|have)\ )?(?P<what>.+?)\ instead"), instead),
    (_pattern(r"(?:wearing|wears?|with|has|in)\ (?P<what>.+?)\ instead"), worn_instead),
    (_pattern(r"(?:the\ )?sun\ (?:is\ )?(?:setting|sets|going\ down|goes\ down)"), sunset),
    (_pattern(r"""
            (?:make|have|let|get|keep|show)\ (?P<what>(?:the|his|her|its|their)\ [\w-]+)\ (?P<rest>.+)
        """), said_of),
    (_pattern(r"""
            (?:in\ )?(?:(?:the|this|a|my)\ )?(?:(?:target|targeted|new|desired|second|other|final)\ )?(?:image|picture|
            photo|photograph|pic|scene)\ (?:(?:should|must|that)\ )*(?:is\ of|is|be|has|have|shows?|showing|contains?|
            features?|depicts?|displays?|of)\ (?P<what>.+)
        """), shown),
    (_pattern(r"""
            (?:shows?|showing|displays?|depicts?|features?|target|focus(?:es)?
            |(?:change|switch)(?=\ (?:to|into)\b)|get|see|include)(?:\ me)?
            (?:\ only)?(?:\ on|\ to|\ into)?\ (?P<what>.+?)(?:,?\ (?:rather|excluding)\b.*)?
        """), shown),
    (_pattern(r"(?P<what>.+?),?\ rather\ .+"), shown),
    (_pattern(r"""
            (?:have|make|there\ (?:is|are|should\ be))\ (?P<what>(?:an?|one|two|three|four|some|several|only|
            many)\ .+)
        """), acting),
    (_pattern(r"(?P<what>(?:the|this)\ [\w-]+)\ (?:is|are|should\ be|has|have|in)\ (?P<rest>.+)"), subject),
    (_pattern(r"(?:as|into|to)\ (?P<what>.+)"), as_being),
    (_pattern(r"[\w\ ,-]+"), adjectives),
    (_pattern(r"(?P<whole>.+?),?\ instead"), lambda match: understand(strip_fillers(match["whole"]))),
    (_pattern(r".+"), read_all),
)  # fmt: skip
