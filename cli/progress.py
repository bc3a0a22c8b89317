"""Progress on stderr for the commands that take long: one bar, or one per stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Show = Callable[[int, int, str], None]
"""Called with how many are done, of how many, and a remark to show beside them."""


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


SECONDS_BETWEEN_LINES = 15
"""How often progress is printed where stderr is not a terminal."""


@contextmanager
def stage_progress(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar per stage on stderr while it is a terminal, else a line now and then."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield (lambda _stage, _done, _total: None) if quiet else _lines()
        return
    with Progress(console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage)
            bars.update(tasks[stage], completed=done, total=total)

        yield show


def _lines() -> Callable[[str, int, int], None]:
    printed = time.monotonic()

    def show(stage: str, done: int, total: int) -> None:
        nonlocal printed
        if time.monotonic() - printed >= SECONDS_BETWEEN_LINES:
            printed = time.monotonic()
            click.echo(f"{stage}: {done} of {total}", err=True)

    return show
