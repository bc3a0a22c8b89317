"""An edit text in the words that the rules know: compounds with hyphens, roundabout wordings made plain.

Takes and returns plain strings, lower case; knows nothing about captions or what a clause does to them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cvsi_db.models.rules.words import COLOURS, SLOTS, either

_Replacement = str | Callable[[re.Match[str]], str]
_IMAGE = r"(?:image|picture|photo|photograph|one|item|product|object|garment)"

_ITEM = r"(?:item|product|object|garment|one)"
_COLOUR = either(COLOURS)

_WORDINGS: tuple[tuple[str, _Replacement], ...] = (
    (r"\s*&\s*|\s+/\s+", " and "),
    (r"(?<!\w)['\"`]([^'\"`]+)['\"`](?!\w)", r"\1"),
    (r"`", ""),
    (r"\ba (?:little|tad|bit)(?: bit)? (?=\w+(?:er\b|ed\b|y\b)|more\b|less\b|too\b)", "slightly "),
    (r"\bdoes have\b", "has"),
    (r"^(?:the |its |it's )?colou?r (?:is|should be) ", "is "),
    (r"\bcomes in (?:a )?", "in "),
    (r",? (?:and |that |which |it )*(?:says|states|saying) (?=\w)", ". says "),
    (r"\bmore of an? (?=[\w-]+(?:$| and| with| to| on))", "more "),
    (r"\ban? (long|short|longer|shorter|cap|half) sleeve[sd]?(?=$|,| and| with| in)", r"\1 sleeves"),
    (r"\b(long|short|cap|half|bell|puff|three-quarter|elbow|wide|spaghetti) (?:sleeved|sleeve)\b", r"\1-sleeved"),
    (r"\b(spaghetti|racer)-sleeved\b", r"\1-strap"),
    (r"\b(button|zip)(?:ed|s|ped)?[ -](up|down)s?\b(?! the\b)", r"\1-\2"),
    (r"\boff (?:of )?(?:the )?shoulders?\b", "off-the-shoulder"),
    (r"\b(one|cold|bare|open|low|high|v|u|crew|scoop|round|boat|square|turtle|deep|halter|polo) "
     r"(shoulder|neck|back|cut)(?:ed)?\b(?! of)", r"\1-\2"),
    (r"\b(knee|floor|ankle|full|mid|tea|calf|waist) length\b", r"\1-length"),
    (r"\b(form|loose|tight|close|slim|body|well|better) (fitting|fitted|fit|hugging)\b", r"\1-\2"),
    (r"\bsee[ -]th(?:ro|r)u(?:gh)?\b", "see-through"),
    (r"\btie[ -]dyed?\b", "tie-dyed"),
    (r"\b(two|three|multi)[ -](tone|toned|colou?r|colou?red|piece|layered)\b", r"\1-\2"),
    (r"\bt[ -]?shirts?\b", lambda match: "t-shirts" if match[0].endswith("s") else "t-shirt"),
    (r"\b(polka|animal|leopard|zebra|snake|floral|flower|tropical|graphic) (print|dot)(?:ed|ted|s)?\b(?=$|,| and)",
     r"\1 \2"),
    (r"^(?:was|from|it was) (?:now )?.+? (?:-|–|—|,) (?:now|to) (?:there is |it is )?", ""),
    (rf"\bunlike (?:the|in the) (?:\w+ )?{_IMAGE}(?: of [\w ]+)?, ", ""),
    (rf"\bi want (?:the|a|my) (?:\w+ )?{_IMAGE} to (?:show|have|be of|be|contain|display|feature|include)\b", "show"),
    (rf"(?:^|(?<=and )|(?<=, ))(?:the )?(?:desired|wanted|provided)(?: {_ITEM}| dress| shirt| top)?"
     r" (?=is\b|has\b)", "it "),
    (r"\b(?:i|that) (?:would|want to|'d) (?:like|see)\b", ""),
    (r"\b(?:is|are|in|of) (?:a )?(more|less) of an? ", r"\1 "),
    (r"^(more|less) of an? (?=[\w-]+(?: \w+)?(?:$| and))", r"\1 "),
    (rf"\b({_COLOUR})[ -]colou?r(?:ed)?\b", r"\1"),
    (r"\bcolou?red (?:only |all |solid )(?=\w)", ""),
    (r"\b(lighter|darker|brighter)[ -]colou?red\b", r"\1"),
    (r"\ban? ([\w-]+) version of (?:the|this|that) (?:same )?", r"a \1 "),
    (r"(?<=\w) (?:likely |possibly )?(?:of|that is|from) (?:the |a )?(?:likely |possibly |very )?(?:same|similar) "
     r"(?:breed|species|colou?r|type|kind|brand|size)(?: and (?:similar )?(?:fur )?(?:colou?r|size|breed))?", ""),
    (rf"\b(?:the|a|possibly the) (?:exact |very )?same (?={either(SLOTS['animal'] | SLOTS['person'])}s?\b)", "the "),
    (r"^change (?:the )?(?:shot|photo|image|picture|scene|view|it)? ?so (?:that )?(?:it )?(?:shows?|is of|displays?)\b",
     "show"),
    (r"^change (the [\w ]+?) so (?:that )?(?:it|they|there) (?:is|are)\b", r"make \1"),
    (r"^(?:replace|change) (?:the )?(?:entire|whole|all|all the|complete) "
     r"(?:contents?|images?|pictures?|things?|items?)? ?(?:with|to|into|by)\b",
     "show"),
    (r"^(?:remove|take away|delete|drop) (?:all|everything|everyone|every ?one) (?:but|except)(?: for)? ", "only "),
    (r"(?<=\w) in \.?colou?rs?\b(?! of)", ""),
    (r"\b(?:a |the )?(lighter|darker|brighter) (?:in )?(?:colou?r|shade)\b(?! of)", r"\1"),
    (r"\b(?:has|have|with|is|are|in|of|it's) (?:an? )?(lighter|darker|brighter)(?: (?:to|on) it)?$", r"is \1"),
    (r"\bnot (?:as|so|too|quite as|that|very) (?=\w)", "less "),
    (r"\b(?:reduces?|decreases?|lower|lessen|fewer|cut down|limit|drop) (?:the )?(?:number|amount|quantity|count) of\b",
     "fewer"),
    (r"\b(?:increases?|raise|multiply) (?:the )?(?:number|amount|quantity|count) of\b", "more"),
    (r"\b(?:fewer|more) (?:the )?[\w -]+? (?:down |up )?to (?:just |only )?(one|two|three|four|five|six|seven|\d)\b"
     r"(?= [a-z]+ \w)(?! (?:in|on|and|with|of|at|\w+ing|that|who)\b)", r"\1"),
    (r",? must (?:all )?be(?=$|,)", ""),
    (r"\bfit and flared?\b", "fit-and-flare"),
    (r"\b(?:fewer|more) ((?:the )?[\w -]+?) (?:down |up )?to (?:just |only )?(one|two|three|four|five|six|seven|\d)\b"
     r"(?: [\w-]+(?=$|,))?",
     lambda match: f"{match[2]} {match[1].removeprefix('the ')}"),
    (r"\b(?:same|similar) (?:type|kind|sort|species) of\b", "similar"),
    (r"\bphotographed\b", "seen"),
)  # fmt: skip
_RULES = tuple((re.compile(pattern), plain) for pattern, plain in _WORDINGS)


def plain_wording(text: str) -> str:
    """`text`, lower case, with the wordings above made plain; never empty where `text` is not."""
    for pattern, plain in _RULES:
        changed = pattern.sub(plain, text).strip()
        text = changed or text
    return text
