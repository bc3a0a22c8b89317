"""Progress on stderr for the commands that take long: one bar, or one per stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import TaskID

Show = Callable[[int, int, str], None]
"""Called with how many are done, of how many, and a remark to show beside them."""


@contextmanager
def bar(label: str, quiet: bool) -> Iterator[Show | None]:
    """A bar on stderr while it is a terminal, else nothing."""
    with bars((label,), quiet) as shows:
        yield None if shows is None else shows[0]


@contextmanager
def bars(labels: Sequence[str], quiet: bool) -> Iterator[Sequence[Show] | None]:
    """A bar for each label, from its first call on, with the time left, on stderr while it is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(max(5, min(40, console.width // 4))),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[remark]}", markup=False, table_column=Column(ratio=1, no_wrap=True)),  # what fits
    )
    with Progress(*columns, console=console, transient=True, expand=True) as shown:
        tasks = [shown.add_task(label, total=None, remark="", start=False, visible=False) for label in labels]

        def show(task: TaskID, done: int, total: int, remark: str) -> None:
            if not shown.tasks[task].started:
                shown.start_task(task)
            shown.update(task, completed=done, total=total, remark=remark, visible=True)

        yield [partial(show, task) for task in tasks]


SECONDS_BETWEEN_LINES = 15
"""How often progress is printed where stderr is not a terminal."""


@contextmanager
def stage_progress(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar per stage on stderr while it is a terminal, else a line now and then."""
    from rich.console import Console
    from rich.progress import Progress

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
