"""Results as text: mappings or rows of plain values as a table, as CSV or as JSON."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from io import StringIO
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

Row = Sequence[Any]


def as_json(value: object) -> str:
    """One JSON document; a time is written as ISO 8601."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_json_default)


def as_json_lines(values: Iterable[object]) -> str:
    """A line of JSON for each value; times as in as_json."""
    return "".join(json.dumps(value, ensure_ascii=False, default=_json_default) + "\n" for value in values)


def _json_default(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def as_csv(columns: Sequence[str], rows: Iterable[Row], *, headed: bool = True) -> str:
    """A line of column names, if `headed`, then one per row; a list is written as JSON, None as nothing."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if headed:
        writer.writerow(columns)
    for row in rows:
        writer.writerow([json.dumps(v, ensure_ascii=False) if isinstance(v, list | tuple) else _cell(v) for v in row])
    return text.getvalue()


def as_table(
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    numbers: Collection[str] = (),
    whole: str = "path",
    spare: Sequence[str] = (),
) -> str:
    """A table that suits the terminal's width, 200 characters elsewhere; without rows an empty text.

    `numbers` are the columns to be aligned right and never wrapped; the column `whole` is never wrapped either, so that
    its values can be copied. Where there is no room, the columns `spare` are left out, the last first, and a line
    below says so. Floats have four decimals; the items of a list are separated by " | ".
    """
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    if not rows:
        return ""
    # A server's stdout for another process knows how wide that one's terminal is.
    width = getattr(sys.stdout, "columns", None) or get_terminal_size().columns
    room = width if sys.stdout and sys.stdout.isatty() else 200
    cells = {name: [_table_cell(row[at]) for row in rows] for at, name in enumerate(columns)}
    fixed = {name for name in columns if name in {*numbers, whole}}
    widths = {
        name: max(cell_len(name), max(map(cell_len, values)) if name in fixed else 8) for name, values in cells.items()
    }
    dropped: list[str] = []
    while len(dropped) < len(spare) and sum(widths[name] + 3 for name in columns if name not in dropped) > room + 2:
        dropped.append(spare[-1 - len(dropped)])
    shown = [name for name in columns if name not in dropped]
    headers = (
        Column(
            Text(name),
            justify="right" if name in numbers else "left",
            no_wrap=name in fixed,
            min_width=widths[name] if name in fixed else None,
            overflow="fold",
        )
        for name in shown
    )
    table = Table(*headers, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in zip(*(cells[name] for name in shown), strict=True):
        table.add_row(*map(Text, row))
    console = Console(width=max(room, sum(widths[name] + 3 for name in shown)), force_terminal=False)
    with console.capture() as captured:
        console.print(table, soft_wrap=True)
    lines = "\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n")
    return f"{lines}\n(no room for {', '.join(dropped[::-1])}: widen the terminal)" if dropped else lines


def labelled(name: str, value: str) -> str:
    """A line of a name and its value; what a terminal has no room for goes on below the value, from an item on."""
    room = get_terminal_size().columns - 13 if sys.stdout and sys.stdout.isatty() else len(value)
    lines = [""]
    for item in re.split("(?<=, )", value):
        if lines[-1] and len(lines[-1] + item.rstrip()) > room:
            lines.append("")
        lines[-1] += item
    return f"{name:12} " + f"\n{'':13}".join(line.rstrip() for line in lines)


def printable(text: str) -> str:
    """A text without what would steer a terminal: control characters and marks of direction are escaped.

    Line breaks stay; a name that is not UTF-8 is escaped too.
    """
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


_STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shortest(path: str) -> str:
    """The path relative to the current folder when it is in it, else as it is."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def sized(size: int) -> str:
    """A number of bytes for people: 12 kB, 3.4 MB."""
    return f"{size / 1000:,.0f} kB" if size < 10**6 else f"{size / 10**6:,.1f} MB"


def _table_cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    text = " | ".join(map(str, value)) if isinstance(value, list | tuple) else str(_cell(value))
    return printable(text).replace("\n", "\\n")


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return "" if value is None else value
