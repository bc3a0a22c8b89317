"""The frames of ordinary English around a wish: questions, polite words, searches, "the same, only"; takes them off.

Takes and returns plain strings, lower case; knows nothing about captions or what a wish does to them.
"""

from __future__ import annotations

import re

from cvsi_db.models.rules.substitutions import END, START, Plain, rules, substituted
from cvsi_db.models.rules.words import COLOUR_LIST

IT = r"(?:it|he|she|they|this|that|(?:the|this|that|its|his|her)\ [\w-]+)"
_IMAGE = r"(?:one|version|variant|variation|picture|image|photo|photograph|scene|copy|shot|result)s?"
_RELATIVE = r"(?:that|which|who|where|in\ which|on\ which|so\ that)"
_POLITE = r"(?:please|kindly|maybe|perhaps|possibly|just|also|really|rather|much|still|now|then|ideally|instead|simply)"
_ANY = r"(?:the\ |an?\ |some\ |another\ |any\ )?(?:very\ |exact\ |same\ |similar\ |different\ |new\ )*"
_GERUNDS = {
    "making": "make", "giving": "give", "putting": "put", "turning": "turn", "changing": "change", "swapping": "swap",
    "replacing": "replace", "taking": "take", "moving": "move", "painting": "paint", "having": "have",
    "adding": "add", "removing": "remove", "letting": "let", "getting": "get", "dropping": "drop", "showing": "show",
}  # fmt: skip

_FRAMES: tuple[tuple[str, Plain], ...] = (
    (r",?\ ?\b(?:if\ (?:at\ all\ )?(?:possible|you\ (?:can|could|would|like|please|don't\ mind)|that\ is\ possible)"
     r"|for\ me|thanks|thank\ you|please|kindly|will\ you|would\ you|if\ you\ please)" + END, ""),
    (rf"{START}(?:if\ (?:possible|you\ (?:can|could|please|don't\ mind))|ideally|preferably|perhaps|hopefully"
     r"|could\ we\ say|this\ time(?:\ around)?|only\ now|now\ only|except\ (?:that|for\ this:?)"
     r"|apart\ from\ that|on\ the\ other\ hand"
     r"|other\ than\ that|otherwise|in\ addition|additionally|moreover|besides|only\ that|but\ this\ time),?\ ", ""),
    (rf",?\ (?:this\ time(?:\ around)?){END}", ""),
    (rf"{START}(?:would|might|is|could|will)\ it\ (?:not\ )?(?:be\ )?(?:possible|ok|okay|nice|good|great|better|fine"
     r"|cool)(?:\ (?:to\ (?:have|see|get|show)|to|if|for))?\ ", ""),
    (rf"{START}it\ (?:would|might|could|will|'d)\ (?:be|look)\ (?:nice|nicer|good|great|better|lovely|cool|fun"
     r"|best)(?:\ (?:to\ (?:have|see|get)|to|if|with\ it))?\ ", ""),
    (rf"{START}(?:can|could|would|will|may|might|do)\ (?:you|we|i|us)\ (?:{_POLITE}\ )*(?:(?:mind"
     rf"|try)\ )?", "would-you "),
    (rf"{START}would-you\ (?:have|get|see|like|want|prefer)(?:\ to\ (?:see|have))?\ (?=it\b|this\b|him\b|her\b"
     rf"|them\b|an?\b"
     rf"|the\b|one\b|some\b|two\b|three\b|that\b|any\b|{COLOUR_LIST})(?!the\ [\w-]+\ (?!in\b|with\b|on\b"
     rf"|at\b)\w+)", ""),
    (rf"{START}would-you\ ", ""),
    (rf"{START}(?:is|are)\ there\ (?:also\ )?(?=(?:one|any|a\ version|a\ picture|something|a\ {COLOUR_LIST})\b)", ""),
    (rf"{START}(?:any\ chance\ (?:of|to\ get|to\ have|to\ see)|(?:have\ (?:you|we)\ )?got)\ (?=an?\ )", ""),
    (rf"{START}(?:i|we)\ (?:really\ )?wish\ (?:that\ )?({IT})\ (?:were|was|had|could|would)\b", r"\1 should be"),
    (rf"{START}(?:i|we)(?:'d|\ would|\ do|'m|\ am|\ was|\ are|'re|'ll|\ will|\ had)?\ (?:{_POLITE}\ )*"
     rf"(?:want(?:ed)?|like|love|need|wish|prefer|hoped|hoping|looking|searching|after|think)"
     rf"(?:\ for)?(?:\ to\ (?:see|have|get|find|be\ shown|look\ at))?(?:\ if)?(?:\ that)?\ ({IT})"
     r"\ (?:were|was|to)\ (?=\w)", r"\1 should "),
    (rf"{START}(?:(?:i|we)(?:'d|\ would|\ do|'m|\ am|\ was|\ are|'re|'ll|\ will)?\ |would\ )(?:{_POLITE}\ )*"
     r"(?:want(?:ed)?|like|love|need|wish|hope[d]?|hoping|looking|searching|after|have|see)(?:\ for)?"
     r"(?:\ to\ (?:see|have|get|find|be\ shown))?(?:\ that)?\ (?!not\b)", ""),
    (rf"{START}(?:(?:i|we)(?:'d|\ would)?\ (?:much\ |really\ )?)?prefer(?:\ to\ (?:see|have))?"
     r"\ ([^,;.!?]+?)\ (?:to|over|rather\ than|instead\ of)\ (?!the\ (?:left|right))([^,;.!?]+?)" + END,
     r"\1 instead of \2"),
    (rf"{START}(?:(?:i|we)(?:'d|\ would)?\ (?:much\ |really\ )?)?prefer(?:\ to\ (?:see|have))?\ ", ""),
    (rf"{START}(?:let's|let\ us|why\ not|why\ don't\ (?:you|we)|what\ if|suppose|imagine|picture\ it|say)\ ", ""),
    (rf"{START}(?:what|how)\ about\ (?={'|'.join(_GERUNDS)}\b)", "about "),
    (rf"{START}(?:what|how)\ about\ ", ""),
    (rf"{START}(?:(?:make|be)\ sure|ensure|see\ to\ it|make\ it\ so)\ (?:that\ )?(?=it\b|the\b|he|she)", ""),
    (rf"{START}(?:can|could|may|might|would|will|should)\ ({IT})(?:\ {_POLITE})*\ (?=\w)(?!and\b)", r"\1 should "),
    (rf"{START}({IT})\ (?:would|could|might|ought\ to|(?:is|are|was)\ (?:supposed|meant)\ to|needs?\ to|has\ to"
     r"|have\ to|is\ to|are\ to|shall|had\ better|may|will)\ (?:also\ |rather\ |now\ )?(?!not\b|n't)(?=[a-z])",
     r"\1 should "),
    (rf"({IT})\ should\ (?:also\ )?use\ (?=an?\ )", r"\1 should have "),
    (rf"{START}({IT})\ (?:needs|wants|could\ do\ with|is\ missing|is\ lacking)\ (?=(?:an?"
     rf"|some)\ )", r"\1 should have "),
    (rf"{START}({IT})\ should\ look\ (?:better|good|nice|great|best)\ (?=in|with|as)", r"\1 should be "),
    (rf"\ (?:would|might|could|will)\ (?:be|look)\ (?:nice|great|good|better|lovely|cool|perfect|fine|ideal){END}", ""),
    (rf"{START}(?:find|search(?:\ for)?|look(?:ing)?(?:\ for)?|seeking|get|fetch|give|show|pick|choose|select|want)"
     rf"(?:\ (?:me|us))?(?:\ for)?\ {_ANY}{_IMAGE}\ (?:{_RELATIVE}\ |(?=with\b|in\b|on\b|at\b|as\b|of\b|during\b"
     r"|wearing|holding|without|from\b))", ""),
    (rf"{START}(?:(?:find|get|give|fetch|bring)\ (?:me|us)|find|(?:search|searching|look|looking)\ for|seeking"
     r"|in\ search\ of)\ (?=an?\b|the\b|one\b|some\b|this\b|it\b|two\b|three\b)", "show "),
    (rf"{START}{_ANY}{_IMAGE}\ {_RELATIVE}\ (?!(?:is\ |stands\ |sits\ )?(?:(?:on|to|at)\ the\ (?:left|right)|behind))"
     r"(?=\w)", ""),
    (rf"{START}(?:an?|the|another|same)\ (?:version|variant|variation|one)\ (?=with\b|wearing\b|holding\b|without\b)"
     r"(?!.*\b(?:is|are|should|must|has|have|holds|wears|gets|to|turn|be)\b)", ""),
    (rf"{START}(?:(?:it\ is|exactly|almost|just|all|everything)\ )*(?:the\ )?(?:very\ )?same(?!\ (?:in"
     rf"|with)\b)(?:\ [\w-]+)?"
     r"[ ,]+(?:only|just|except(?:ing)?(?:\ that|\ for)?|save\ that|apart\ from|but|other\ than)"
     r"(?:\ (?:now|this\ time|that))*\ (?=\w)", "same but "),
    (rf"{START}the\ [\w-]+\ only\ (?=(?:in|with|on|at|wearing|holding|now)\b)", ""),
    (r"\bwith\ ((?:an?|the|some)\ [\w\ -]+?)\ added" + END, r"with \1"),
)  # fmt: skip
_TABLE = rules(_FRAMES)
_ABOUT = re.compile(rf"\babout ({'|'.join(_GERUNDS)})\b")


def unframed(text: str) -> str:
    """`text` without its frames; never empty where `text` is not."""
    text = substituted(text, _TABLE)
    return _ABOUT.sub(lambda match: _GERUNDS[match[1]], text)
