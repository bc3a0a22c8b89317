"""What the language-model rewriter says: the system prompt, the user template and the shape of the answer.

Plain text and one JSON schema; knows nothing about who is asked. Raise PROMPT_VERSION with every change: it is part of
the rewriter's name and so of the rewrite cache's key.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

PROMPT_VERSION = 1

SYSTEM_PROMPT = """\
You edit captions for an image search engine. Someone has a reference picture and looks for another picture that is \
like it except for one change. You are given captions of the reference picture and the change in that person's words.

Rewrite each caption so that it describes the wanted picture:
1. Carry out the whole change: put in what is new, take out what it replaces or removes, and adjust colours, numbers, \
place, time, weather, style and viewpoint as asked.
2. Keep every detail that the change leaves alone. Invent nothing.
3. Say only what can be seen. Name no absent thing, and do not speak of the change or of the reference picture.
4. Write plain, short English sentences or noun phrases, in the manner of the captions, under 40 words each.
5. Return exactly one caption for each given caption, in the given order.

Name also the objects that the change adds to the picture, as one short noun phrase such as "a hat" or "a scarf and \
a balloon"; an empty string when it adds none (a removal, or a change of colour, number, place, time or style).

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
    return f"Captions of the reference picture:\n{listed}\n\nChange: {json.dumps(edit_text, ensure_ascii=False)}"
