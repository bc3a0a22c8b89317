"""The options that say where models run: --engine, and what Ray is told. They come to a command as `engine`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import click

from .common import Command, debugging

_OPTIONS = (
    click.option(
        "--engine",
        "engine_name",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="Where files are read and models run: in this process, or in workers that Ray starts.",
    ),
    click.option(
        "--ray-address", metavar="ADDRESS", help="A cluster's, or auto; otherwise Ray runs on this machine alone."
    ),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        metavar="N",
        help="Workers of Ray.  [default: one for each GPU, else one for each machine]",
    ),
    click.option(
        "--gpus-per-worker",
        type=click.FloatRange(min=0),
        metavar="F",
        help="GPUs of each: 0, a part such as 0.5, or more.  [default: 1 if there are any]",
    ),
)


def engine_options(command: Command) -> Command:
    """--engine, --ray-address, --workers and --gpus-per-worker; `engine` is None for the local one."""

    @wraps(command)
    def run(
        *args: Any,
        engine_name: str,
        ray_address: str | None,
        workers: int | None,
        gpus_per_worker: float | None,
        **options: Any,
    ) -> Any:
        engine = None
        if engine_name == "ray":
            from cvsi_db.ingest.ray_engine import RayEngine

            engine = RayEngine(ray_address, workers, gpus_per_worker, verbose=debugging())
        elif (ray_address, workers, gpus_per_worker) != (None, None, None):
            raise click.UsageError("--ray-address, --workers and --gpus-per-worker are for --engine ray: give that too")
        return command(*args, engine=engine, **options)

    made: Callable[..., Any] = run
    for option in reversed(_OPTIONS):
        made = option(made)
    return cast(Command, made)
