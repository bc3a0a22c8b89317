"""Dates: when an image was taken, as cameras, editors and file names write it.

Takes text; returns a Moment, or None for what is no date. A time of day is by the clock of the place where the image
was taken; its offset from UTC is kept beside it where it is written.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

_DATE = r"(?P<year>\d{4})(?:[-:/.](?P<month>\d{1,2})[-:/.](?P<day>\d{1,2})|(?P<mm>\d\d)(?P<dd>\d\d))"
_TIME = r"(?P<hour>\d{1,2})[:.]?(?P<minute>\d\d)(?:[:.]?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
_OFFSET = r"Z|[+-]\d\d:?\d\d"
_WRITTEN = re.compile(rf"{_DATE}(?:[T ]+{_TIME})?\s*(?P<offset>{_OFFSET})?", re.ASCII)

_NAMED = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<dash>[-_.]?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)"
    r"(?:(?:[-_ T.]{0,3}|\s+at\s+)(?P<hour>\d{1,2})(?P<colon>[-_.:]?)(?P<minute>\d\d)(?P=colon)(?P<second>\d\d)"
    r"(?P<fraction>\d{3})?\s*(?P<half>[AP]M\b)?)?(?!\d)",
    re.IGNORECASE,
)
"""A date in a file's name, and a time where one follows, as of IMG_20241031_120000, PXL_20241031_120000123,
IMG-20241031-WA0001, 2024-10-31 12.00.00 and Screenshot 2024-10-31 at 1.02.03 PM."""

_YEARS = range(1800, 2100)


class Moment(NamedTuple):
    """ISO 8601 local time without a zone, and its offset from UTC as +02:00, where it is known."""

    taken_at: str
    utc_offset: str | None = None


def moment_of(text: str, fraction: str = "", offset: str = "") -> Moment | None:
    """The moment written as 2024:10:31 12:00:00, 2024-10-31T12:00:00.5+01:00, 2024/10/31, 20241031 and the like.

    A day without a time is its midnight; second 60 counts as 59, so that the day stays. `fraction` (the digits of
    EXIF's SubSecTime) and `offset` stand beside the text, and count where it has none of its own.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    parts = {name: part for name, part in found.groupdict().items() if part}
    if "mm" in parts:
        parts |= {"month": parts["mm"], "day": parts["dd"]}
    if fraction.strip().isdecimal():
        parts.setdefault("fraction", fraction.strip())
    return _moment(parts, parts.get("offset") or offset)


def moment_in_name(name: str) -> Moment | None:
    """The date, and the time if there is one, in the name of a file; the first that is valid.

    PXL_ files are named by the clock of UTC, all others by that of the place.
    """
    for found in _NAMED.finditer(name):
        parts = {key: part for key, part in found.groupdict().items() if part}
        if (half := parts.pop("half", "").upper()) and 1 <= int(parts["hour"]) <= 12:
            parts["hour"] = str(int(parts["hour"]) % 12 + 12 * (half == "PM"))
        day = {key: parts[key] for key in ("year", "month", "day")}
        offset = "Z" if name.startswith("PXL_") and "hour" in parts else ""
        if moment := _moment(parts, offset) or _moment(day, ""):
            return moment
    return None


def _moment(parts: dict[str, str], offset: str) -> Moment | None:
    year, month, day, hour, minute, second = (
        int(parts.get(name, "0")) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    microsecond = int(parts.get("fraction", "0").ljust(6, "0")[:6])
    if year not in _YEARS:
        return None
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59) if second <= 60 else second, microsecond)
    except ValueError:
        return None
    return Moment(moment.isoformat(), _offset(offset.strip()) if "hour" in parts else None)


def _offset(text: str) -> str | None:
    """+02:00 of what is written so, +0200 or Z; None where that cannot be one."""
    if text == "Z":
        return "+00:00"
    if not re.fullmatch(_OFFSET, text, re.ASCII):
        return None
    hours, minutes = int(text[1:3]), int(text[-2:])
    in_use = minutes < 60 and timedelta(hours=hours, minutes=minutes) <= timedelta(hours=14)
    return f"{text[0]}{hours:02}:{minutes:02}" if in_use else None
