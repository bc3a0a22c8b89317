"""`cvsi-db mcp`: the gallery as tools for assistants, over the Model Context Protocol."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import click

from cvsi_db.errors import UsageError

from .common import common_options, max_pixels_option, model_options, settings_for
from .query import REWRITER_HELP, VERIFIER_HELP, opened

if TYPE_CHECKING:
    from cvsi_db.store.location import Location


@click.command("mcp")
@click.option("--rewriter", metavar="NAME", help=REWRITER_HELP)
@click.option("--verifier", metavar="NAME", help=VERIFIER_HELP)
@max_pixels_option
@model_options
@common_options
def command(
    rewriter: str | None, verifier: str | None, model: str | None, device: str | None, db: Location | None, quiet: bool
) -> None:
    """Serve the gallery to an assistant (MCP).

    An assistant's program starts it, as its configuration says (Model Context Protocol, stdio). The tools only read.
    The models load with the first search. `cvsi-db serve` offers the same tools over HTTP, at /mcp.

    \b
    {"mcpServers": {"photos": {"command": "cvsi-db", "args": ["mcp", "--db", "/home/me/gallery"]}}}
    """
    try:
        import anyio

        from cvsi_db.server.app import ServeSettings, create_app
        from cvsi_db.server.mcp import run_stdio
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{error.name} is missing: install the extra `mcp`, as in pip install 'cvsi-db[mcp]'"
        ) from None

    settings = settings_for(db, model, device)
    with opened(settings, model, rewriter, quiet, verifier) as gallery:
        state = create_app(gallery, ServeSettings(device=settings.device)).state
        # A read of stdin cannot be cancelled: Ctrl-C ends the process as it is. Nothing is being written.
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
        anyio.run(run_stdio, state.mcp)
        state.queue.close()
