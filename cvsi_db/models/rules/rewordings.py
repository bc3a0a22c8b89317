"""The many ways to word one wish made one plain way: exchanges, removals, additions, numbers, moments, looks, views.

Takes and returns plain strings, lower case; knows nothing about captions or what a wish does to them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from cvsi_db.models.rules.frames import unframed
from cvsi_db.models.rules.idioms import SEASONS
from cvsi_db.models.rules.substitutions import END, START, Plain, rules, substituted
from cvsi_db.models.rules.tables import ADJECTIVES
from cvsi_db.models.rules.words import BEINGS, COLOUR_LIST, MEDIA, NUMBER, PLACES, SLOTS, STYLES, either

_BEING = either(SLOTS["animal"] | SLOTS["person"])
_THING = either(noun for slot, nouns in SLOTS.items() if slot not in BEINGS | {"garment"} for noun in nouns)
_NAMED = rf"(?:(?:the|its|his|her|their)\ (?:[\w-]+\ ){{0,2}}?(?:{_THING}|{_BEING})s?)"
_NEW = r"(?:(?:an?|some|the|two|three)\ [^,;.!?]+?)"
_PATTERN = either(word for word, (group, _) in ADJECTIVES.items() if group == "pattern")
_HAVE = r"(?:(?:let|have|make|get|see|with)\ (?:it|him|her|them)\ (?:to\ )?|(?:it|he|she|they)\ (?:should\ |must\ )?)"
_GOES = (
    r"(?:(?:should|must|has\ to|have\ to|can|could|may|to)\ (?:go(?:\ away)?|leave|disappear|vanish|be\ (?:gone|removed"
    r"|taken\ (?:away|out|off)|left\ out|dropped|deleted))|(?:disappears?|vanish(?:es)?|leaves?|goes\ away"
    r"|walks\ (?:away"
    r"|off)|runs\ (?:away|off)|go(?:es)?)|(?:has|have|is|are)\ (?:gone|left|disappeared|vanished|removed|taken\ away)"
    r"|(?:is|are|should\ be)\ (?:no\ longer|not|no\ more)\ (?:there|needed|wanted|necessary|present)"
    r"|(?:should\ not|shouldn't|must\ not|need\ not)\ be\ (?:there|here|present|shown)|(?:isn't"
    r"|aren't)\ (?:there|needed)"
    r"|removed|gone|disappear|vanish)"
)
_RID = (
    r"(?:do\ away\ with|get\ rid\ of|ditch|skip|scrap|forget(?:\ about)?|no\ need\ (?:for|of)|dispense\ with|banish"
    r"|be\ done\ with|throw\ (?:out|away)|toss(?:\ out)?|chuck(?:\ out)?|clear\ away|do\ without|go\ without|leave\ off"
    r"|(?:i|we)\ (?:don't|do\ not|no\ longer)\ (?:want|need|like)(?:\ to\ (?:see|have))?(?:\ it\ to\ (?:have"
    r"|hold|wear))?"
    r"|(?:i|we)(?:'d|\ would)\ rather\ not\ (?:have|see)|(?:it|he|she|they)\ (?:doesn't|does\ not|don't|do\ not)\ need"
    r"|(?:it|he|she|they)\ no\ longer\ (?:needs|holds|wears|has|carries))"
)


def _exchange(match: re.Match[str]) -> str:
    return f"replace {match[1]} with {match[2]}"


_EXCHANGES: tuple[tuple[str, Plain], ...] = (
    (r"\bin\ (?:place|lieu|exchange)\ (?:of|for)\b", "instead of"),
    (rf"{START}take\ (the\ [\w\ -]+?)\ (?:away\ |off\ )?(?:from|off)\ the\ [\w\ -]+?\ and\ (?:give|hand|pass|put)\ it"
     r"\ (?:to|on)\ ", r"give \1 to "),
    (rf"{START}substitute\ ([^,;.!?]+?)\ for\ ([^,;.!?]+?){END}", r"\1 instead of \2"),
    (rf"{START}(?:swap|switch|trade|exchange)(?:\ (?:in|out|away))?\ (?!places|sides)([^,;.!?]+?)\ (?:for|against"
     rf"|with(?!\ each))\ ([^,;.!?]+?){END}", _exchange),
    (rf"{START}the\ (?:{COLOUR_LIST})\ (?:becomes|turns(?:\ into)?|changes\ to"
     rf"|should\ be(?:come)?)\ ({COLOUR_LIST}){END}",
     r"make it \1"),
    (rf"{START}((?:the|its|his|her)\ [\w-]+)\ (?:turns|goes|becomes)\ (?:to\ )?({COLOUR_LIST}){END}", r"\1 is \2"),
    (rf"{START}((?:the|its|his|her)\ {_THING})\ (?:should|must)\ be(?:come)?\ (an?\ (?!bit|little|lot|different|other)"
     rf"[^,;.!?]+?){END}", _exchange),
    (rf"{START}(?:let|have|make)\ ({_NAMED})\ (?:be|become|turn\ into)\ (an?\ [^,;.!?]+?){END}", r"turn \1 into \2"),
    (rf"{START}(?:take|grab|pick\ up|fetch)\ (an?\ (?:[\w-]+\ )?{either(SLOTS['held'])}){END}", r"holding \1"),
    (rf"{START}(?:in\ |it\ is\ |make\ it\ )?({either(SEASONS)})(?:\ instead\ of|\ rather\ than|,?\ (?:and\ )?not)"
     rf"\ (?:in\ )?{either(SEASONS)}{END}", r"in \1"),
)  # fmt: skip
_EXCHANGES += (
    (rf"{START}(?:replace|change|swap|switch|turn)\ (?:the\ |its\ )?(?:{COLOUR_LIST})\ (?:with|for|to|by|into)"
     rf"\ ({COLOUR_LIST}){END}", r"make it \1"),
)  # fmt: skip
_REMOVALS: tuple[tuple[str, Plain], ...] = (
    (rf"{START}(?:remove|drop|lose|without|no|with\ no|ditch|scrap|delete)\ (?:the\ |any\ "
     rf"|its\ )?pattern{END}", "plain"),
    (rf"{START}{_RID}\ (?=\w)", "remove "),
    (rf"{START}leave\ ({_NAMED})\ (?:out|off|behind|away){END}", r"remove \1"),
    (rf"{START}(?:cut|hide|omit|kill|nix)(?:\ out)?\ ({_NAMED}){END}", r"remove \1"),
    (rf"{START}{_HAVE}(?:drop|lose|put\ down|take\ off|let\ go\ of|give\ up|throw\ away"
     rf"|do\ without)\ (?=\w)", "remove "),
    (rf"{START}(?:(?:let|have|make|with|see)\ )?({_NAMED})\ {_GOES}{END}", r"remove \1"),
    (rf"{START}(?:it|he|she|they)\ (?:should\ )?(?:holds?|carr(?:y|ies))\ nothing{END}", "holding nothing"),
)  # fmt: skip
_ADDITIONS: tuple[tuple[str, Plain], ...] = (
    (rf"{START}(?:with\ |and\ |also\ |plus\ )?(an?\ (?!bit|place|little\ (?:more|less))[^,;.!?]+?),?\ (?:too"
     rf"|as\ well|in\ addition){END}", r"add \1"),
    (rf"{START}(?:throw\ in|bring\ along|bring\ in|toss\ in|invite|top\ it\ off\ with"
     rf"|include\ also)\ (?={_NEW})", "add "),
    (rf"{START}(?:let|have|get|make|see)\ (an?\ [^,;.!?]+?)\ (?:to\ )?(?:join|come|appear)(?:\ (?:in|along|it"
     rf"|him|her|them"
     rf"|the\ [\w-]+))*{END}", r"add \1"),
    (rf"{START}(?:another|one\ more|an\ additional)(?:\ one)?\ (?:joins?|appears?|comes|arrives"
     rf"|is\ added)(?:\ (?:in|along|it"
     rf"|him|her|them|the\ [\w-]+))*{END}", "one more"),
    (rf"{START}(an?\ (?:[\w-]+\ ){{0,3}}{_BEING})\ (?:joins?|comes\ along|arrives)(?:\ (?:in|along|it|him|her|them|the"
     rf"\ [\w-]+))*{END}", r"add \1"),
    (rf"{START}(an?\ [^,;.!?]+?)\ should\ be\ (?:added|put\ on\ it|included){END}", r"add \1"),
    (rf"{START}(?:put|dress|have)\ (?:it|him|her|them)\ in\ (an?\ (?:[\w-]+\ )*{_THING}){END}", r"wearing \1"),
    (rf"{START}{_HAVE}(?:also\ )?(?:hold|carry)\ (?=(?:an?|some|two|three|the|his|her|its)\ )", "holding "),
    (rf"{START}{_HAVE}(?:also\ )?wear\ (?=\w)", "wearing "),
    (rf"{START}hold\ (?=(?:an?|some|two|three|the)\ )", "holding "),
)  # fmt: skip
_NUMBERS: tuple[tuple[str, Plain], ...] = (
    (rf"{START}({NUMBER})\ [a-z]+\ (?:fewer|less){END}", r"\1 fewer"),
    (rf"{START}(?:let\ |have\ |make\ )?({NUMBER})\ of\ (?:them|these|those)\ {_GOES}{END}", r"remove \1 of them"),
    (rf"{START}(?:take|send|leave|put)\ ({NUMBER})\ of\ (?:them|these|those)\ (?:away|off|out){END}",
     r"remove \1 of them"),
    (rf"{START}(?:(?:bring|get|set|make|change|raise|lower|reduce|increase|put|keep|the)\ )?(?:the\ )?(?:number|count)"
     rf"(?:\ of\ [\w]+)?\ (?:(?:down|up|is|should\ be)\ )*(?:to\ )?(?:just\ |only\ )?({NUMBER}){END}", r"\1 of them"),
    (rf"{START}a\ (?:second|2nd)\ one(?:\ (?:joins?|appears?|comes|is\ added)(?:\ \w+)?)?{END}", "one more"),
    (rf"{START}a\ third\ one(?:\ (?:joins?|appears?|comes|is\ added)(?:\ \w+)?)?{END}", "three of them"),
    (rf"{START}let\ there\ be\ (?:just\ |only\ )?({NUMBER})(?:\ of\ them)?{END}", r"\1 of them"),
    (rf"{START}let\ there\ be\ ", "there is "),
)  # fmt: skip
_FALLS = {"rain": "rain", "snow": "snow", "pour": "rain", "drizzle": "rain", "hail": "hail"}
_MOMENTS: tuple[tuple[str, Plain], ...] = (
    (rf"{START}(?:it\ )?(?:starts?|begins?|is\ starting|is\ beginning)\ (?:to\ )?(rain|snow|pour|drizzle"
     rf"|hail)(?:ing)?{END}",
     lambda match: f"make it {_FALLS[match[1]]}"),
    (rf"{START}(?:with\ |there\ (?:is|should\ be)\ )?(?:the\ |some\ )?(rain|snow|hail)\ (?:is\ )?(?:falling"
     rf"|coming\ down"
     rf"|pouring(?:\ down)?|falls|sets\ in|comes\ down|begins|starts){END}", r"make it \1"),
    (rf"{START}(?:some\ |the\ )?(?:fog|mist)\ (?:rolls|comes|drifts|moves|creeps)\ (?:in|up){END}", "make it foggy"),
    (rf"{START}(?:with\ )?(?:the\ )?(fog|mist|rain|snow|storm|clouds|haze)\ (?:lifts?|has\ lifted|lifted"
     rf"|clear(?:s|ed|ing)"
     r"(?:\ (?:up|away))?|has\ (?:cleared|stopped|passed|gone)(?:\ (?:up|away))?|stops?|is\ (?:gone|over)"
     r"|lets?\ up|ends?"
     rf"|disappears?|melts(?:\ away)?|has\ melted|goes\ away|disperses|dissolves|passes){END}", r"no \1"),
    (rf"{START}(?:it\ )?(?:(?:should\ )?stops?|has\ stopped|is\ no\ longer)\ (rain|snow)ing{END}", r"no \1"),
    (rf"{START}(?:the\ )?(?:sky|skies|weather)\ (?:clears?|has\ cleared|is\ clearing|should\ clear)(?:\ up)?{END}",
     "under a clear sky"),
    (rf"{START}(?:with\ )?the\ sun\ (?:comes|is|coming|has\ come|peeks)\ (?:out|through)(?:\ shining)?{END}", "sunny"),
    (rf"{START}(?:with\ )?the\ sun\ (?:is\ )?(?:shining|shines){END}", "sunny"),
    (rf"{START}(?:with\ )?the\ sun\ (?:is\ )?up{END}", "during the day"),
    (rf"{START}(?:(?:when|while|once|after|as|now|at\ a\ time\ when)\ )?(?:it\ (?:is|has|should\ be|gets|becomes"
     rf"|grows|turns)"
     rf"\ )(?:already\ |gotten\ |pitch\ )?dark(?:\ outside|\ out|\ already)?{END}", "at night"),
    (rf"{START}(?:(?:when|once|after|as|with)\ )?(?:the\ )?(?:night|darkness)\ (?:falls|has\ fallen|is\ falling"
     rf"|comes|fell"
     rf"|falling){END}", "at night"),
    (rf"{START}(?:(?:when|once|as|at|with)\ )?(?:the\ )?(?:day\ ?break|day\ breaks|dawn\ breaks|morning\ comes){END}",
     "at sunrise"),
    (rf"{START}(?:change\ |make\ |set\ )?the\ season\ (?:is|should\ be(?:come)?|becomes|changes\ to|to|turns\ to"
     rf"|turns\ into)?"
     rf"\ ?({either(SEASONS)}){END}", r"in \1"),
    (rf"{START}(?:change\ |make\ |have\ |let\ )?the\ (?:place|setting|location|scene|scenery|background|backdrop)"
     r"\ (?:(?:is|be|should\ be(?:come)?|must\ be|becomes|changes\ to|turns\ into|to|to\ be)\ )?"
     rf"((?:an?|the)\ (?:[\w-]+\ )?{either(PLACES)}){END}", r"change the background to \1"),
    (rf"{START}(?:it\ )?(?:is\ |be\ |should\ be\ )?(?:takes?\ place|taking\ place|happens|happening|set|located"
     rf"|situated)"
     r"\ (?=(?:in|on|at)\ )(?!in\ front)", ""),
)  # fmt: skip
_STYLE = either((STYLES | MEDIA) - {"photo", "picture", "image", "view", "shot"})
_MOODS = {
    "sadder": "sad", "unhappier": "sad", "gloomier": "sad", "happier": "happy", "merrier": "happy", "jollier": "happy",
    "angrier": "angry", "sleepier": "asleep", "littler": "smaller", "tinier": "smaller",
}  # fmt: skip
_ACTS = {
    "crying": r"cr(?:y|ies)|weeps?|sobs?|(?:bursts?\ into|(?:is\ )?in|shed(?:s|ding)?)\ tears"
    r"|starts?\ (?:to\ cry|crying)",
    "sad": r"frowns?|scowls?|pouts?",
    "asleep": r"(?:nods?|doz(?:es?|ing)|drifts?|nodding|drops?)\ off(?:\ to\ sleep)?|falls?\ asleep"
    r"|go(?:es)?\ to\ sleep"
    r"|fallen\ asleep|takes?\ a\ nap|naps?|sleeps?|snoozes?|dozes?|close\ (?:its|his|her)\ eyes",
    "smiling": r"smiles?|grins?|beams?",
    "laughing": r"laughs?|giggles?",
    "happy": r"cheers?\ (?:it\ |him\ |her\ |them\ )?up|(?:be|look)\ cheerful",
    "standing": r"gets?\ up|gets?\ (?:on|to)\ (?:its|his|her)\ feet|rises",
    "sitting": r"takes?\ a\ seat|sits?\ (?:itself\ |himself\ |herself\ )?down|be\ seated",
    "jumping": r"leaps?(?:\ up|\ into\ the\ air)?|hops?(?:\ up)?|jumps?\ (?:up|for\ joy)",
}  # fmt: skip
_BODY = r"(?:(?:it|he|she|they|him|her|them|make|let|have|should|must|to|also|now|is|be)\ )*"
_LOOKS: tuple[tuple[str, Plain], ...] = (
    (rf"\b(?:(?:a\ bit|a\ little|much|even|slightly|still"
     rf"|a\ lot)\ )?({'|'.join(_MOODS)})\b", lambda match: _MOODS[match[1]]),
    *((rf"{START}{_BODY}(?:{verbs}){END}", adjective) for adjective, verbs in _ACTS.items()),
    (rf"{START}(?:use\ |with\ |have\ |in\ |take\ )?({COLOUR_LIST})\ (?:as|for)\ (?:the|its|his|her"
     rf"|a)\ (?:main\ )?colou?r{END}", r"in \1"),
    (rf"{START}(?:make\ |change\ |turn\ |have\ )?(?:the\ )?colou?r\ of\ (the\ (?:[\w-]+\ )??[\w-]+)\ (?:to\ "
     rf"|is\ |should\ be\ |into\ "
     rf"|be\ )?({COLOUR_LIST}){END}", r"make \1 \2"),
    (rf"{START}(?:give\ (it|him|her|them)|with|has|have|having|in|wearing)\ (?:an?\ )?({_PATTERN})\ (?:coat|fur"
     rf"|pattern|skin|hide){END}",
     r"\2"),
    (rf"{START}{_BODY}cover(?:ed)?\ (?:it\ |him\ |her\ |them\ )?(?:in|with)\ (spots|dots|stripes|checks|speckles){END}",
     r"with \1"),
    (rf"{START}(?:redo|remake|render|reimagine|recreate|repaint|redraw|convert|restyle)\ (?:it|this"
     rf"|the\ (?:picture|image"
     r"|scene|photo))\ (?:as|in|into|to|like)\ ", "as "),
    (rf"{START}(?:(?:make|have|let)\ (?:it|this|everything|the\ (?:picture|image|scene|photo))\ |(?:it"
     rf"|this)\ should\ )?"
     r"(?:look(?:s|ing)?|appear)\ (?:like|as\ though|as\ if)\ (?:(?:it|this)\ (?:is|was|were|had\ been)\ )?"
     r"(?=(?:drawn|painted|done|made|cut)\b)", ""),
    (rf"{START}(?:(?:make|have|let)\ (?:it|this|everything|the\ (?:picture|image|scene|photo))\ |(?:it|this"
     rf"|the\ picture)"
     r"\ should\ )?(?:look(?:s|ing)?|appear|be|feel)\ (?:like\ |as\ )?"
     rf"(?=(?:an?\ )?(?:[\w-]+\ )?{_STYLE}{END})", "as "),
    (rf"{START}((?:zoom|step|move|go|come|get|pull)\ (?:in|out|back|away|closer|nearer))\ (?:(?:a\ (?:bit|little"
     rf"|lot)|slightly|more|further|somewhat"
     rf"|some|by\ far|on\ it)\ ?)+{END}", r"\1"),
    (rf"{START}from\ (?:further|farther)\ (?:off|away|back|out){END}", "seen from far away"),
    (rf"{START}(?:get|come|go|move)\ (?:closer|nearer)(?:\ to\ (?:it|him|her|them|the\ [\w-]+))?{END}", "closer"),
    (rf"{START}(?:shrink|scale\ down|downsize|reduce)\ (the\ (?:[\w-]+\ )?(?:{_BEING}|one"
     rf"|other)){END}", r"make \1 smaller"),
    (rf"{START}(?:enlarge|grow|scale\ up|blow\ up|increase)\ (the\ (?:[\w-]+\ )?(?:{_BEING}|one"
     rf"|other)){END}", r"make \1 bigger"),
    (rf"{START}(the\ (?:[\w-]+\ )?(?:{_BEING}|one|other))\ (shrinks|grows)(?:\ \w+)?{END}",
     lambda match: f"make {match[1]} {'smaller' if match[2] == 'shrinks' else 'bigger'}"),
)  # fmt: skip
_SAVE = r"(?:but(?!\ with\b)|except(?:\ for)?|other\ than|besides|apart\ from|save)"


def _excluded(match: re.Match[str]) -> str:
    """What "anything but" excludes, as a wish of its own."""
    asked = re.sub(r"^(?:in|on|at|during|as|with)\ ", "", match[1])
    return "any other colour" if re.fullmatch(COLOUR_LIST, asked) else f"exclude {asked}"


_EXCLUSIONS: tuple[tuple[str, Plain], ...] = (
    (rf"{START}(?:(?:in|on|at|with|holding|wearing|make|it|is|should|be|as|during|use|have|show|of|some|place)\ )*"
     rf"(?:any(?:thing|where|one|body|\ time)?|whatever|some(?:thing|where))(?:\ (?:other\ )?(?:else\ )?(?!but\b"
     rf"|except|other|besides|apart)[\w-]+){{0,2}}"
     rf"\ (?:{_SAVE})\ ([^,;.!?]+?){END}", _excluded),
)  # fmt: skip

_TABLES = (_EXCLUSIONS, _EXCHANGES, _REMOVALS, _NUMBERS, _ADDITIONS, _MOMENTS, _LOOKS)
_RULES = rules(rule for table in _TABLES for rule in table)


@lru_cache(maxsize=4096)
def reworded(text: str) -> str:
    """`text`, lower case, out of its frames and with the wordings above made plain; never empty where `text` is not."""
    return substituted(unframed(text), _RULES)
