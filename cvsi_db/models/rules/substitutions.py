"""Ordered tables of (pattern, plain wording) and how they are applied to a text, some only where a wish may begin.

Takes and returns plain strings, lower case; knows nothing about what any wording means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

Plain = str | Callable[[re.Match[str]], str]
START = r"(?#start)"
"""Opens a pattern that may match only where a wish may begin."""
END = r"(?=$|\s*[,;.!?]|\s(?:and|but|then|while)\b)"
"""Where a wish may end."""
_JOINT = re.compile(r"(?:[,;:.!?]|\b(?:and|but|then))\s+")


class Rule(NamedTuple):
    """A pattern, what takes its place, and whether it may match only at the start of a wish."""

    pattern: re.Pattern[str]
    plain: Plain
    opens: bool


def rules(table: Iterable[tuple[str, Plain]]) -> tuple[Rule, ...]:
    """The rules of a table of verbose patterns, in order."""
    return tuple(Rule(re.compile(pattern, re.VERBOSE), plain, pattern.startswith(START)) for pattern, plain in table)


def substituted(text: str, table: Iterable[Rule]) -> str:
    """`text` with every rule applied once, in order; never empty where `text` is not."""
    starts = _starts(text)
    for rule in table:
        changed = _at_starts(text, rule, starts) if rule.opens else rule.pattern.sub(rule.plain, text)
        if changed != text:
            text = changed.strip(" ,") or text
            starts = _starts(text)
    return text


def _starts(text: str) -> list[int]:
    """Where a wish may begin, the last place first."""
    return [0, *(joint.end() for joint in _JOINT.finditer(text))][::-1]


def _at_starts(text: str, rule: Rule, starts: list[int]) -> str:
    for start in starts:
        match = rule.pattern.match(text, start)
        if match:
            plain = match.expand(rule.plain) if isinstance(rule.plain, str) else rule.plain(match)
            text = text[:start] + plain + text[match.end() :]
    return text
