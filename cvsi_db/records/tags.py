"""The form of a tag: printable text on one line, at most MAX_TAG_LENGTH characters."""

from __future__ import annotations

from collections.abc import Iterable

from cvsi_db.errors import UsageError

MAX_TAG_LENGTH = 100


def normalise_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags as they are stored: runs of white space as one blank, each tag once, in the order given.

    Raises UsageError for a tag that is empty, has a character that cannot be printed, or is longer than MAX_TAG_LENGTH.
    """
    normalised = {" ".join(tag.split()): tag for tag in tags}
    for name, given in normalised.items():
        if not name or not name.isprintable() or len(name) > MAX_TAG_LENGTH:
            raise UsageError(f"cannot use the tag {given[:200]!r}: give 1 to {MAX_TAG_LENGTH} printable characters")
    return tuple(normalised)


def file_keyword_as_tag(text: str) -> str:
    """A keyword from an image file in the form of a tag: cut to length, "" when nothing printable is in it."""
    words = "".join(char if char.isprintable() else " " for char in text).split()
    return " ".join(words)[:MAX_TAG_LENGTH].strip()
