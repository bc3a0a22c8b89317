"""Reads a language model's answer: edited captions and added objects out of text that should be one JSON object.

Text in, a checked `Answer` out, or a RewriteError in one line. The time is linear in the text, whatever it holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from cvsi_db.errors import RewriteError
from cvsi_db.models.chat import last_object, shortened

MAX_TEXT = 1000
"""Characters of an edited caption or of the added objects. A text tower reads some 300 of them; a longer one means that
the model has lost the thread, and cutting it would keep something arbitrary."""


@dataclass(frozen=True)
class Answer:
    """What the model said, checked: at least one edited caption, each one line."""

    edited_captions: tuple[str, ...]
    added_objects: str


def parse_answer(text: str, count: int) -> Answer:
    """The last answer in `text`, whatever surrounds its JSON object (a code fence, thoughts, politeness).

    `count` captions were given. Of more, the first `count` are kept. Fewer are accepted as they are, because the term
    is a mean and each entry carries the whole edit. Blank ones are dropped; equal ones are kept, so that the mean
    weighs the captions as the reference's own mean does. Raises RewriteError when nothing is left, and for entries
    that are not strings or longer than MAX_TEXT characters.
    """
    found = last_object(text, "edited_captions")
    if found is None:
        raise RewriteError(f"the model's answer holds no JSON object with edited_captions: {shortened(text)}")
    captions, objects = found["edited_captions"], found.get("added_objects")
    if not isinstance(captions, list) or not all(isinstance(caption, str) for caption in captions):
        raise RewriteError(f"edited_captions in the model's answer is not a list of strings: {shortened(text)}")
    if not isinstance(objects, str | None):
        raise RewriteError(f"added_objects in the model's answer is not a string: {shortened(text)}")
    edited = tuple(line for line in map(_line, captions) if line)[:count]
    if not edited:
        raise RewriteError(f"the model's answer has no edited caption: {shortened(text)}")
    return Answer(edited, _line(objects or ""))


def _line(text: str) -> str:
    line = " ".join(text.split())
    if len(line) > MAX_TEXT:
        raise RewriteError(f"a text of the model's answer has {len(line)} characters, over {MAX_TEXT}: {line[:60]}...")
    return line
