"""Rows for people and for programs: mappings of plain values as a table, as CSV, as JSON, or as paths."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


def as_json(value: object) -> str:
    """One JSON document; a time is written as ISO 8601."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain)


def as_csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """One line of names, then one per row; a list is written as JSON, nothing as nothing."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([flat(row[name]) for name in columns])
    return text.getvalue()


def as_table(rows: Sequence[Row], columns: Sequence[str], *, nothing: str) -> str:
    """A table as wide as the terminal, or as its rows elsewhere; without rows the words `nothing`."""
    from rich import box
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    if not rows:
        return nothing
    table = Table(*(Column(name, overflow="fold") for name in columns), box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(_said(row[name])) for name in columns))
    terminal = Console().is_terminal
    console = Console(width=None if terminal else 200, soft_wrap=not terminal)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n")


def shortest(path: str) -> str:
    """The path relative to where we are when it lies below, else whole."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def sized(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1000:,.0f} kB" if size < 10**6 else f"{size / 10**6:,.1f} MB"


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(flat(value))


def flat(value: Any) -> Any:
    """A value as one cell: a list as JSON, a time with a blank, nothing as nothing."""
    if isinstance(value, list | tuple):
        return json.dumps(list(value), ensure_ascii=False)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return "" if value is None else value


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
