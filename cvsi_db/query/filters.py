"""Filters: what people ask of images most: when, where, in which folder, by which camera, with what tags and rating.

Takes the values of the options; returns the condition that says the same, as LanceDB reads it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, TypedDict

from cvsi_db.query.sql_errors import is_text
from cvsi_db.query.where import Condition, check_where, period_of

EARTH_KM = 6371.0088
"""The earth's mean radius (IUGG)."""

Place = tuple[float, float, float]
"""Latitude, longitude (degrees, WGS 84) and a distance in kilometres."""


class Filters(TypedDict, total=False):
    """The filters by name; those that are left out or None keep no image away. ComposedQuery says what they mean."""

    after: str | date | None
    before: str | date | None
    near: str | Sequence[float] | None
    folder: str | os.PathLike[str] | None
    camera: str | None
    tag: str | Sequence[str]
    rating: int | None
    match: str | None


def with_filters(where: str | None, columns: Mapping[str, object], filters: Filters) -> Condition | None:
    """The condition `where` and those of the filters, whose values are sound; None where nothing is asked.

    `match` is not among them: which captions have its words, the store knows.

    Raises FilterError as check_where does.
    """
    parts = [] if where is None else [where if isinstance(where, Condition) else check_where(where, columns)]
    if (after := filters.get("after")) is not None:
        parts.append(Condition(f"taken_at >= {_timestamp(after)}"))
    if (before := filters.get("before")) is not None:
        parts.append(Condition(f"taken_at < {_timestamp(before)}"))
    if (near := filters.get("near")) is not None:
        parts.append(_near(*place_of(near)))
    if (folder := filters.get("folder")) is not None:
        parts.append(_inside(os.fspath(folder)))
    if (camera := filters.get("camera")) is not None:
        parts.append(Condition(f"contains(lower(camera), {_quoted(camera.lower())})"))
    parts += [Condition(f"array_has(tags, {_quoted(tag)})") for tag in filters.get("tag", ())]
    if (rating := filters.get("rating")) is not None:
        parts.append(Condition(f"rating >= {rating}"))
    return Condition(" AND ".join(f"({part})" for part in parts)) if len(parts) > 1 else parts[0] if parts else None


def is_date(value: Any) -> bool:
    """Whether the value says a year, a month, a day or a time."""
    try:
        return isinstance(value, date) or (isinstance(value, str) and bool(period_of(value)))
    except ValueError:
        return False


def is_place(value: Any) -> bool:
    """Whether the value says a place on the globe and a distance."""
    try:
        latitude, longitude, km = place_of(value)
    except (TypeError, ValueError):
        return False
    return abs(latitude) <= 90 and abs(longitude) <= 180 and 0 < km < math.inf


def is_folder(value: Any) -> bool:
    """Whether the value may be a folder's path or name."""
    return isinstance(value, str | os.PathLike) and os.fspath(value) != "" and is_text(os.fspath(value))


def place_of(value: str | Sequence[float]) -> Place:
    """The place and distance in 'LAT,LON,KM' or in three numbers. Raises ValueError or TypeError for others."""
    latitude, longitude, km = (float(part) for part in (value.split(",") if isinstance(value, str) else value))
    return latitude, longitude, km


def _timestamp(given: str | date) -> str:
    start, _ = period_of(given if isinstance(given, str) else given.isoformat())
    return f"CAST('{start.isoformat(' ')}' AS TIMESTAMP)"


def _near(latitude: float, longitude: float, km: float) -> Condition:
    """Within `km` on a sphere: the haversine, and before it a band of latitudes, which is quicker to compare."""
    angle = min(km / EARTH_KM, math.pi)
    band = math.degrees(angle)
    haversine = (
        f"pow(sin(radians(latitude - {latitude!r}) / 2), 2) + {math.cos(math.radians(latitude))!r}"
        f" * cos(radians(latitude)) * pow(sin(radians(longitude - {longitude!r}) / 2), 2)"
    )
    within = f"latitude BETWEEN {latitude - band!r} AND {latitude + band!r}"
    return Condition(f"{within} AND {haversine} <= {math.sin(angle / 2) ** 2!r}")


def _inside(folder: str) -> Condition:
    """With a file in the folder or below: in the one at that path, or for a bare name in any of that name."""
    all_paths = "concat(chr(10), path, chr(10), array_to_string(paths, chr(10)))"
    if os.sep not in folder and folder not in (".", "..") and not folder.startswith("~"):
        return Condition(f"contains({all_paths}, {_quoted(f'{os.sep}{folder}{os.sep}')})")
    start = os.path.join(folder.rstrip("/") if "://" in folder else os.path.abspath(os.path.expanduser(folder)), "")
    return Condition(f"contains({all_paths}, concat(chr(10), {_quoted(start)}))")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
