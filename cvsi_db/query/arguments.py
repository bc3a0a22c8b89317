"""Arguments: what the methods of a gallery take, by their names, and the check of a call.

The options of a query are in options.py, which checks them itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any

from cvsi_db.errors import UsageError
from cvsi_db.query.options import SWITCH, TEXT, Kind, shown
from cvsi_db.query.sql_errors import is_text


def _are_texts(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes) and all(isinstance(v, str) for v in value)


PATH = Kind("a path", lambda value: isinstance(value, str | PathLike) and is_text(str(value)))
WHOLE = Kind("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool))
NUMBER = Kind("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool))
NAMES = Kind("a list of texts", _are_texts)
FUNCTION = Kind("a function", callable)
ENGINE = Kind("a RayEngine", lambda value: callable(getattr(value, "start", None)))

KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("folder", "file", "paths"), PATH),
    **dict.fromkeys(("model", "default_model", "device", "rewriter", "verifier", "statement", "where"), TEXT),
    **dict.fromkeys(("limit", "offset", "batch_size", "captions", "max_pixels"), WHOLE),
    **dict.fromkeys(("columns", "tags", "add", "remove", "image_ids"), NAMES),
    **dict.fromkeys(
        (
            "removed",
            "vectors",
            "caption",
            "prune",
            "dry_run",
            "again",
            "allow_missing",
            "thumbnails",
            "rewrite",
            "verified",
        ),
        SWITCH,
    ),
    **dict.fromkeys(("on_progress", "on_searchable", "on_plan", "on_step", "answer"), FUNCTION),
    "threshold": NUMBER,
    "engine": ENGINE,
}
"""What each argument may be; one whose default is None may be None too."""


def check_arguments(method: Callable[..., Any], given: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    """Raise UsageError for an argument of a call of `method` that is of the wrong kind, and say which it takes."""
    signature = inspect.signature(method)
    for name, value in signature.bind(*given, **named).arguments.items():
        parameter = signature.parameters[name]
        if name not in KINDS or (value is None and parameter.default is None):
            continue
        for one in value if parameter.kind is parameter.VAR_POSITIONAL else (value,):
            if not KINDS[name].accepts(one):
                raise UsageError(f"{name} is {shown(one)}: give {KINDS[name].takes}")
