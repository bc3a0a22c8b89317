"""The head of a caption and its number: finds and replaces it, and makes verbs, pronouns and worn things agree.

Each takes and returns a `Caption`; knows nothing about how an edit text is worded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cvsi_db.models.rules.inflect import OBJECT_TO_MANY, TO_MANY, TO_ONE
from cvsi_db.models.rules.phrases import ATTACHED, Caption, NounPhrase, Phrase


def head_index(caption: Caption) -> int | None:
    """Where the head noun phrase stands."""
    return next((i for i, phrase in enumerate(caption) if phrase.kind == "head"), None)


def head_of(caption: Caption) -> NounPhrase | None:
    """The head noun phrase."""
    index = head_index(caption)
    return None if index is None else caption[index].things[0]


def with_head(caption: Caption, thing: NounPhrase) -> Caption:
    """The caption with `thing` for its head, words around it unchanged."""
    return tuple(phrase.keeping((thing,)) if phrase.kind == "head" else phrase for phrase in caption)


def replaced(caption: Caption, index: int, *phrases: Phrase) -> Caption:
    """The caption with `phrases` (or none) in place of the one at `index`."""
    return (*caption[:index], *phrases, *caption[index + 1 :])


def count(caption: Caption, number: Callable[[int], int]) -> Caption:
    """Another number of the head noun, with verbs, pronouns and worn things to agree."""
    head = head_of(caption)
    if head is None:
        return caption
    wanted = max(1, number(head.count or 3))
    return agree(with_head(caption, head.counted(wanted)), wanted != 1)


def agree(caption: Caption, many: bool) -> Caption:
    """All that speaks of the head in the plural, or in the singular."""
    return tuple(_agree_phrase(phrase, many) for phrase in caption)


def _agree_phrase(phrase: Phrase, many: bool) -> Phrase:
    table = TO_MANY if many else TO_ONE
    if phrase.kind == "weather" or phrase.kind == "head" or phrase.kind == "lead":
        return phrase
    words = [phrase.lead] if phrase.lead in table else phrase.lead.split(" ")
    tail = phrase.tail
    if many:
        tail = " ".join({**OBJECT_TO_MANY, "its": "their"}.get(word, word) for word in tail.split(" "))
    else:
        tail = " ".join(TO_ONE.get(word, word) for word in tail.split(" "))
        words = [word for word in words if word not in {"each", "both"}]
    changed = replace(phrase, lead=_agree_words(words, table, many), tail=tail)
    if phrase.kind in ATTACHED and phrase.kind != "with" and not changed.lead.startswith("each"):
        return changed.keeping([thing.agreeing(many) for thing in changed.things])
    return changed


def _agree_words(words: list[str], table: dict[str, str], many: bool) -> str:
    besides = len(words) > 1 and words[-1] in {"is", "are"}
    if besides:
        pronoun = OBJECT_TO_MANY.get(words[-2], words[-2]) if many else TO_ONE.get(words[-2], words[-2])
        return " ".join([*words[:-2], pronoun, words[-1]])
    return " ".join(table.get(word, word) for word in words)
