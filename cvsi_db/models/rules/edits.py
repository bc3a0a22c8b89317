"""Understands one clause of an edit text: which operation it asks for, and which objects it adds.

An ordered table of (pattern, reading); the first reading that makes sense of the clause wins. Knows nothing about how
operations work.
"""

from __future__ import annotations

import re
from functools import lru_cache

from cvsi_db.models.rules import words as w
from cvsi_db.models.rules.addressed import (
    WHOM,
    addressed,
    bereft,
    both,
    exchanged,
    joined_by,
    larger,
    only,
    parted,
    passed_on,
    placed,
    sized,
)
from cvsi_db.models.rules.aspects import (
    adjectives,
    backdrop,
    background,
    count,
    fewer,
    move,
    recolour,
    recolour_thing,
    season,
    style,
    sunset,
    time_of_day,
    uncolour,
    view,
    weather,
)
from cvsi_db.models.rules.belongings import multiplied, unstyled
from cvsi_db.models.rules.clauses import strip_fillers, strip_openings
from cvsi_db.models.rules.described import acting, read_all, shown
from cvsi_db.models.rules.edit import Edit, Reading
from cvsi_db.models.rules.hours import hour
from cvsi_db.models.rules.idioms import SEASONS
from cvsi_db.models.rules.rewordings import reworded
from cvsi_db.models.rules.statements import (
    acts,
    angle,
    breed,
    changed,
    cut_short,
    elsewhere,
    facing,
    looking_with,
    partial,
    put,
    resulting,
    same,
    says,
)
from cvsi_db.models.rules.tables import RESULTS
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
    clause = strip_openings(reworded(strip_openings(clause)))
    for pattern, reading in _RULES:
        match = pattern.fullmatch(clause)
        edit = reading(match) if match else None
        if edit:
            return edit
    shorter = strip_fillers(clause)
    return understand(shorter) if shorter != clause else None


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.VERBOSE)


_WHERE = r"""
    (?:over\ |back\ )*(?:(?:to|on|at)\ (?:the|its|his|her|their)\ (?:left|right)(?:\ side)?(?:\ of\ .+)?
    |(?:left|right)\ of\ .+|behind\ (?:it|him|her|them|the\ [\w-]+)|in\ front\ of\ (?:it|him|her|them|the\ [\w-]+)
    |(?:on\ )?(?:top\ of\ )?(?:its|his|her|their)\ (?:head|back|shoulders?)|on\ top\ of\ (?:it|him|her|them
    |the\ [\w-]+))
"""


_RULES: tuple[tuple[re.Pattern[str], Reading], ...] = (
    (_pattern(r"""
            (?:(?:it|is|are|has|the|about|almost|exactly|nearly|very|appears?|seems?|to|be|looks?|very|of)\ )*
            (?:same|identical|similar|unchanged|no\ change|nothing\ changed)(?:\ (?:product|item|dress|shirt|top
            |one|thing|image|picture
            |photo|style|type|colou?r|design|pattern|length|exact|to\ it|exactly|as\ before))*
        """), same),
    (_pattern(r"""
            (?:(?:it|they|have|is|are|should|to|be|make|must|now|and|them|both|all|one|put|keep|position
            |the\ [\w-]+)\ )*
            (?P<verb>fac(?:e|es|ing|ed)|look(?:s|ing)?|turn(?:s|ed|ing)|star(?:e|es|ing)|gaz(?:e|es|ing)|point(?:s
            |ed|ing))\ (?P<rest>(?:directly\ |straight\ |more\ |slightly\ )*
            (?:(?:to|at|toward|towards|away\ from|into|out|on|in|up|down|over)\ )*
            (?:(?:the|its|his|her|their)\ )?(?:left|right
            |camera|viewer|front|away|forward
            |forwards|sideways|side|up|down|upwards?|downwards?|straight|back|backwards?|ahead|outside|each\ other
            |one\ another
            |opposite\ directions?|lens|sky|ground|distance|window|photographer|left\ side|right\ side|him|her|it)
            (?:\ (?:side|hand\ side|direction|camera|of\ the\ (?:image|picture|photo|frame)))?)
        """), facing),
    (_pattern(r"""
            (?:(?:it|has|should|now|was|is|the|take|shot|photo|picture|image|seen|different|in|with|show|a|an|taken
            |change|view|camera)\ )*
            (?:from\ )?(?:(?:a|an|another|different|the|other|camera|new|shooting|shot|opposite
            |change)\ )+(?:camera\ |viewing\ )?
            (?:angle|perspective|viewpoint|point\ of\ view|view)
        """), angle),
    (_pattern(r"""
            (?:(?:it|is|are|has|should|be|with|change|make|to|have|but|a|an|the|of|in|completely|another|different
            |new|same|his|its|type
            |their|from|dog|dogs|animal|animals|cat|colou?r|and)\ )*(?:different\ |the\ |other\ |same\ |
            dog\ |dog's\ |dogs'\ |its\ |their\ )(?P<what>breeds?|species|brands?|fabric|material|style|design|shape
            |kinds?|varieties|variety)(?:\ of\ (?:the\ )?[\w]+)?(?:\ (?:to|from)\ .+)?
        """), breed),
    (_pattern(r"""
            (?:(?:it|has|is|in|a|an|the|with|change|completely|another|totally|entirely
            |new)\ )*(?:change\ (?:the\ )?|changed\ |different\ |another\ |new\ |other\ )
            (?:the\ )?(?:(?:colou?r|setting)\ of\ the\ )?(?:background|setting|location|surroundings|environment
            |scenery|backdrop)(?:\ colou?r)?
        """), elsewhere),
    (_pattern(r"of\ (?P<what>.+)"), shown),
    (_pattern(r"""
            (?:(?:make|it|is|should|be|a|bit|little|much|even|let|now|somewhat|slightly|get|gets|at|an|set)\ )*
            (?P<word>later|earlier|darker|brighter|lighter)(?P<outside>\ (?:outside|out|outdoors|(?:in\ the|time\ of
            |of\ the)\ (?:day|evening)|on|hour|time|scene))?
        """), hour),
    (_pattern(r"""
            (?:(?:make|there\ (?:is|are)|have|with|show)\ )?(?P<times>double|triple|twice|three\ times)
            (?:\ (?:it|them|that|as\ many|(?:the|their)\ (?:number|amount|count)|that\ number|up)
            (?:\ of\ (?:them|[a-z]+))?)?
        """), multiplied),
    (_pattern(r"exclude\ (?P<what>.+)"), unstyled),
    (_pattern(rf"""
            (?:(?:make|have|let|keep|turn)\ )?(?P<whom>(?:(?:the|that)\ other|the\ (?:[\w-]+\ ){{0,2}}?(?:one
            |{w.either(w.SLOTS["animal"] | w.SLOTS["person"])})(?:\ (?:on|to|at)\ the\ (?:left|right)|\ behind)?))
            \ (?:(?:should|must|to|be|is|look|a\ bit|a\ little|much|now|even)\ )*(?P<size>smaller|bigger|larger)
            \ than\ .+
        """), larger),
    (_pattern(rf"""
            (?:no|without|remove|take(?:\ away)?|drop|lose|delete|take\ off|erase|omit|with\ no)
            \ (?P<what>(?:(?:the|its|an?|any|his|her)\ )?[\w\ ]+?)(?:\ away|\ off)?\ (?:for|of|from|on|off)
            \ (?P<whom>{WHOM})
        """), bereft),
    (_pattern(rf"""
            (?:no|without|remove|take(?:\ away|\ off)?|drop|lose|delete|erase|omit)\ (?P<whom>{WHOM})'s
            \ (?P<what>[\w\ ]+)
        """), bereft),
    (_pattern(r"""
            (?:(?:it|has|that|which|and|the|text|with|shirt|top)\ )*(?:says|reads|say|saying|reading|states|spells
            |quotes)\ (?P<text>(?!a\b|an\b|the\b).+)
        """), says),
    (_pattern(r"""
            (?:(?:change|changes?|changed|go|goes|switch|switched|going|turn|turned)\ )?(?P<what>(?:the\ |its\ )?
            [\w\ '-]+?\ )??(?:(?:has|have|is|are|was|were|been
            |had)\ )*(?:changed\ |turned\ |goes\ |gone\ |transformed\ |switched\ |become\ |became\ )?
            from\ (?P<old>[\w\ '-]+?)\ (?:to|into)\ (?:a\ single\ |just\ |only\ )?(?P<new>.+)
        """), changed),
    (_pattern(r"""
            (?P<what>[\w\ '-]+?)\ (?:(?:has|have|is|are|was|were)\ (?:been\ )?|(?=changed\ ))
            (?:changed|turned|transformed|switched
            |become|replaced)
            (?P<old>)\ (?:to|into|by|with)?\ ?(?P<new>.+)
        """), changed),
    (_pattern(r"""
            (?:swap|switch|exchange|trade)\ (?:their\ |the\ )?(?P<what>[\w\ ]{3,14}?|them)(?:\ (?:over|around
            |with\ each\ other))?
        """), exchanged),
    (_pattern(rf"""
            (?:put|place|move|give|hand|transfer|pass|let)\ (?P<what>(?:the|its|his|her)\ [\w\ ]+?)\ (?:on|onto|to
            |over\ to)
            \ (?P<whom>{WHOM})(?:'s\ head)?(?:,?\ (?:instead|rather|not\ (?:the|on)|now).*)?
        """), passed_on),
    (_pattern(rf"""
            (?P<whom>{WHOM})\ (?:should\ |now\ |is\ )*(?:wears?|has|have|holds?|hold|wearing|holding|gets)
            \ (?P<what>(?:the|its|his|her)\ [\w\ ]+?)(?:,?\ (?:instead|rather|not|now).*)?
        """), passed_on),
    (_pattern(rf"""
            (?:(?:move|put|place|set|with|have|bring|shift|now|is)\ )*(?P<whom>{WHOM})\ (?:(?:is|should\ be|goes|be
            |moves?|stands?|
            standing|sits?|sitting|now|moved)\ )*(?P<where>{_WHERE})(?:\ instead)?
        """), placed),
    (_pattern(rf"""
            (?:(?:without|remove|no\ longer|lose|drop|delete|take\ away|leave\ out|get\ rid\ of|minus|omit|erase
            |exclude|take\ out|
            not)\ )+(?P<whom>{WHOM})(?:\ (?:any\ ?more|away))?
        """), parted),
    (_pattern(rf"""
            (?P<whom>{WHOM})\ (?:is\ |has\ |should\ be\ |be\ )*(?:gone|removed|left|disappeared|missing|not\ there)
        """), parted),
    (_pattern(rf"""
            (?:with\ )?(?:just|only|nothing\ but|no\ one\ but)\ (?P<whom>{WHOM})(?:,?\ (?:and\ nothing|without
            |alone|on|not).*)?
        """), only),
    (_pattern(rf"""
            (?:leave\ |keep\ |show\ )*(?:only\ )?(?P<whom>{WHOM})\ (?:alone|on\ (?:its|his|her)\ own|by\ (?:it|him
            |her)self
            |only)
        """), only),
    (_pattern(r"""
            (?P<before>(?:give|put|make|have|let|show|dress|with|should)\ )?(?:both(?:\ of\ them)?
            |each(?:\ of\ them)?|them\ both)
            (?:\ (?:should\ be|are|is|now))*(?P<after>\ .+)
        """), both),
    (_pattern(rf"""
            (?P<before>(?:give|hand|dress|make|let|have|get|keep|turn|paint|dye|colou?r|move|bring|send)\ )
            (?P<whom>{WHOM})(?P<after>\ (?!into\b|for\b|to\ an?\b).+)
        """), addressed),
    (_pattern(rf"""
            (?P<before>(?:put|place|add|set|hang|throw)\ (?:an?|some|two|three|his|her)\ .+?\ (?:on|onto|to|over
            |around|in)\ )
            (?P<whom>{WHOM})(?:'s\ (?:head|neck|hands?|paws?))?(?P<after>)
        """), addressed),
    (_pattern(rf"""
            (?:(?:with|and|now|while|for)\ )*(?P<whom>{WHOM}),?(?P<after>\ (?:is|are|should|must|has|have|holds?
            |wears?|carries
            |now|also|with|in|wants|gets|without|no\ longer|doesn't|needs|sits|stands|jumps|waves|lies|smiles
            |sleeps|looks
            |\w+ing)\b(?!\ (?:replaced|changed|swapped|turned|gone|removed)).*)
        """), addressed),
    (_pattern(rf"""
            (?:(?:there\ (?:is|are)|has|have|with|and|put|add|bring|place|adding)\ )*(?P<what>(?!not\b)[\w\ -]+?)
            \ (?:standing\ |sitting\ |is\ |perched\ )*(?P<where>{_WHERE})
        """), joined_by),
    (_pattern(r"(?:(?:make|show|with|have|now)\ )*(?P<whole>an?\ [\w\ -]+?)(?:\ instead)?"), sized),
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
            make(?=.*\ into\ ))(?:\ out)?\ (?P<old>.+?)\ (?:for|to|with|into|by|becomes?|in)\ (?P<new>.+?)(?:\ instead)?
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
            does\ not|do\ not|don't|shouldn't|should\ not)\ (?:have|wear|hold|carry|show|include|contain)
            |isn't\ (?:wearing|holding)|
            is\ not\ (?:wearing|holding)|(?:there\ )?(?:is|are)\ no|lacks?|missing|leave\ out|omit|take\ out|
            put\ down|puts\ down|hide|not\ with|less|stop|no\ longer|not(?:\ an?)?|not\ any)\ (?P<what>.+)
        """), remove),
    (_pattern(r"""
            (?P<what>.+?)\ (?:is\ |are\ |has\ been\ |being\ )?(?:removed|gone|taken\ (?:off|away|out)|missing|
            deleted)(?:\ from\ .+)?
        """), remove),
    (_pattern(r"(?:let\ go\ of|put\ away|(?:with|wears|wearing|has)\ nothing\ on)\ (?P<what>.+)"), remove),
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
            (?:(?:it|is|now|to|be|make|let|turn|on|with|the|a|an|in|during|should|set|into
            |one)\ )*(?P<what>{w.either(SEASONS)})
            (?:\ (?:scene|day|time|season|landscape|setting|instead|weather|afternoon|morning))*
        """), season),
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
            that)\ \w+(?:\ (?!next\b|close\b|out\b)\w+)?))?\ (?P<place>(?:(?:back|over|out|down|up)\ )?(?:to|into
            |onto|in|on|at|by|next\ to|
            near|inside|indoors|outdoors|outside|among|under|against)\b.*)
        """), move),
    (_pattern(r"(?:(?:with|has|have|add|on|in|against|put|make|use|show|now|it|change|to)\ )*(?P<what>.+)"), backdrop),
    (_pattern(r"""
            (?:(?:on|in|at|against|with|has|have|add|adds|put|include|show|place|some)\ )*
            (?P<what>(?:an?\ |the\ )?[\w\ -]+?)\ (?:background|
            backdrop|setting|in\ the\ (?:background|back|backdrop)|as\ (?:the\ |a\ )?(?:background|backdrop))
        """), background),
    (_pattern(r"""
            (?:put|puts|place|places|add|adds|set|hang|include|insert|install|position|lay)\ (?P<what>(?!it\b
            |them\b)[\w\ -]+?)\ (?P<where>(?:right\ |up\ )?(?:on\ top\ of
            |next\ to|behind|above|below|under|in\ front\ of|beside|near|between|around|over|beneath|underneath
            |against|along|on|in|inside
            |to\ the\ (?:left|right)\ of|at\ the\ (?:top|bottom|side|edge|end)\ of|on\ the\ (?:top|bottom|side|edge
            |left|right)\ of)
            \ (?!its?\b|h(?:im|er|is)\b|their\b|them\b)(?:the|an?|each|every|some|both|two|three)\ .+)
        """), put),
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
            (?:make|have|let|get|keep)\ (?P<what>(?:the|his|her|its|their)\ [\w-]+)\ (?P<rest>.+)
        """), said_of),
    (_pattern(r"""
            (?:in\ )?(?:(?:the|this|a|my)\ )?(?:(?:target|targeted|new|desired|second|other|final)\ )?(?:image|picture|
            photo|photograph|pic|scene)\ (?:(?:should|must|that)\ )*(?:is\ of|is|be|has|have|shows?|showing|contains?|
            features?|depicts?|displays?|of)\ (?P<what>.+)
        """), shown),
    (_pattern(r"""
            (?:shows?|showing|leave|keep|displays?|depicts?|features?|target|(?:more\ )?focus(?:es|ed)?(?:\ more)?
            |(?:change|switch|go)(?=\ (?:to|into|for)\b)|get|see|include)(?:\ me)?
            (?:\ only|\ more)?(?:\ on|\ to|\ into|\ for)?(?:\ show|\ be)?(?:\ only)?\ (?P<what>.+?)(?:,?\ (?:rather
            |excluding)\b.*)?
        """), shown),
    (_pattern(r"(?P<what>.+?),?\ rather\ .+"), shown),
    (_pattern(r"""
            (?:have|has|contains?|make|there\ (?:is|are|should\ be))\ (?P<what>(?:an?|one|two|three|four|some
            |several|only|
            many)\ .+)
        """), acting),
    (_pattern(r"(?P<what>(?:the|this|its)\ [\w\ -]{2,30}?)\ (?:is|are|should\ be|has|have|in)\ (?P<rest>.+)"), subject),
    (_pattern(r"(?:as|into|to)\ (?P<what>.+)"), as_being),
    (_pattern(rf"(?P<verb>{w.either(RESULTS)})(?:\ (?=up\b|out\b|on\b|off\b|down\b))?\ (?P<rest>.+)"), resulting),
    (_pattern(r"[\w\ ,-]+"), adjectives),
    (_pattern(r"(?P<whole>.+?),?\ instead"), lambda match: understand(strip_fillers(match["whole"]))),
    (_pattern(r".+"), read_all),
    (_pattern(r"(?P<how>[\w\ ,-]+?)\ (?P<rest>(?:with|without|in|and)\b.+)"), looking_with),
    (_pattern(r"""
            (?P<what>(?:the|its|his|her|their)\ [\w'\ -]+?)\ (?:is|are|should\ be|must\ be|being|be|seems?|looks?
            |appears?|becomes?|gets?)\ (?P<rest>.+)
        """), partial),
    (_pattern(r"""
            (?P<what>.{3,}?),?\ (?:instead|excluding|rather|unlike|compared\ to|and\ not|but\ not)\b.+
        """), cut_short),
    (_pattern(r"(?P<what>(?:(?:the|this|a|an|one)\ )?[\w-]+)\ (?P<rest>.+)"), acts),
)  # fmt: skip
