"""A bar on stderr for work that counts, shared by the commands that take long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Show = Callable[[int, int, str], None]
"""Told how many are done, of how many, and a remark to set beside them."""


@contextmanager
def bar(label: str, quiet: bool) -> Iterator[Show | None]:
    """A bar on stderr while it is a terminal, else nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[remark]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(label, total=None, remark="")

        def show(done: int, total: int, remark: str) -> None:
            shown.update(task, completed=done, total=total, remark=remark)

        yield show
