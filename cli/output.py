"""Results as text: mappings or rows of plain values as a table, as CSV or as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

Row = Sequence[Any]


def as_json(value: object) -> str:
    """One JSON document; a time is written as ISO 8601."""
    return json.dumps(
        value, indent=2, ensure_ascii=False, default=lambda x: x.isoformat() if isinstance(x, datetime) else str(x)
    )


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """A line of column names, then one per row; a list is written as JSON, None as nothing."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([json.dumps(v, ensure_ascii=False) if isinstance(v, list | tuple) else _cell(v) for v in row])
    return text.getvalue()


def as_table(columns: Sequence[str], rows: Sequence[Row], *, nothing: str, numbers: Collection[str] = ()) -> str:
    """A table as wide as the terminal, 200 characters elsewhere; without rows the words `nothing`.

    `numbers` are the columns to be aligned right and never wrapped. Floats have four decimals; the items of a list
    are separated by " | ".
    """
    from rich import box
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    if not rows:
        return nothing
    headers = (
        Column(Text(name), justify="right", no_wrap=True) if name in numbers else Column(Text(name), overflow="fold")
        for name in columns
    )
    table = Table(*headers, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(_table_cell(value)) for value in row))
    terminal = Console().is_terminal
    console = Console(width=None if terminal else 200, soft_wrap=not terminal)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n")


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
    return " | ".join(map(str, value)) if isinstance(value, list | tuple) else str(_cell(value))


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return "" if value is None else value
