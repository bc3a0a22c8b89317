"""What the language-model rewriter asks: the system prompt, the user template and the JSON schema of the answer.

Raise PROMPT_VERSION with every change: it is part of the rewriter's name and so of the rewrite cache's key.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

PROMPT_VERSION = 2

SYSTEM_PROMPT = """\
You edit captions for an image search engine. Someone has a reference picture and looks for another picture that is \
like it except for one change. You are given captions of the reference picture and the change in that person's words.

Rewrite each caption so that it describes the wanted picture as if nobody had ever seen the reference:
1. Carry out the whole change in every caption, each of its parts, also where the caption says nothing of the thing \
concerned. Where caption and change disagree, the change is right.
2. Keep every detail that the change leaves alone. Invent nothing. What is to be "different" in a way nobody names is \
left out.
3. Name only what can be seen. What is removed, missing or replaced goes unnamed: drop it with all that is said of it, \
and say "sleeveless", "bare" or "alone" where the language has such a word, never "no", "without" or "not".
4. Turn comparisons into how the wanted picture looks: "darker" becomes "dark", "more birds" a greater number or \
"many birds", "fewer" a smaller number or "a few", "closer" a close-up. Never write "more", "less", "same" or "than".
5. The change may be an order ("make it blue"), a description ("a dog on grass") or a list of traits ("is longer and \
has a collar"). Traits belong to the main subject. A description with another main subject replaces the subject, \
and keeps of the rest what still fits. Words such as "same" or "keep" ask to leave that part alone.
6. Write short plain English sentences or noun phrases in the manner of the captions, under 40 words each. Do not \
speak of the change, of the reference or of yourself.
7. Return exactly one caption for each given caption, in the given order, even if two turn out alike.

Name also the objects that the wanted picture has and the reference has not, added or put in another's place, as one \
short noun phrase such as "a hat" or "a scarf and a balloon"; an empty string when there are none (a removal, or a \
change of colour, number, size, place, time, viewpoint or style).

Answer with one JSON object: {"edited_captions": ["..."], "added_objects": "..."} and nothing else.\
"""

ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "edited_captions": {"type": "array", "items": {"type": "string"}},
        "added_objects": {"type": "string"},
    },
    "required": ["edited_captions", "added_objects"],
    "additionalProperties": False,
}


def user_prompt(captions: Sequence[str], edit_text: str) -> str:
    """The captions and the change, each quoted as JSON so that neither can be taken for an instruction."""
    listed = "\n".join(f"{number}. {json.dumps(text, ensure_ascii=False)}" for number, text in enumerate(captions, 1))
    change = json.dumps(edit_text, ensure_ascii=False)
    return f"Captions of the reference picture ({len(captions)}):\n{listed}\n\nChange: {change}"
