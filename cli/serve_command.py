"""`cvsi-db serve`: the gallery in a browser, and over HTTP."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cvsi_db.errors import GalleryError, UsageError
from cvsi_db.interrupt import stop_between_steps

from .common import common_options, max_pixels_option, model_options, settings_for, tell
from .query import REWRITER_HELP, VERIFIER_HELP, PassOver, Warm, opened
from .warm import answering

if TYPE_CHECKING:
    from cvsi_db.records import ComposedQuery
    from cvsi_db.search import SearchResult
    from cvsi_db.server.search_queue import SearchQueue
    from cvsi_db.store.location import Location

PORT = 8765
SHORTEST_TOKEN = 16


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes a free one.")
@click.option("--token", envvar="CVSI_TOKEN", metavar="TEXT", help="Ask everybody for it; also as CVSI_TOKEN.")
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="Answer to this name too; repeatable.")
@click.option(
    "--allow-ingest",
    "roots",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Let clients ingest what is at or below it; repeatable.",
)
@click.option("--idle-stop", type=click.FloatRange(min=0, min_open=True), metavar="S", help="Stop when idle for S s.")
@click.option("--rewriter", metavar="NAME", help=REWRITER_HELP)
@click.option("--verifier", metavar="NAME", help=VERIFIER_HELP)
@max_pixels_option
@model_options
@common_options
def command(
    host: str,
    port: int,
    token: str | None,
    hosts: tuple[str, ...],
    roots: tuple[Path, ...],
    idle_stop: float | None,
    rewriter: str | None,
    verifier: str | None,
    model: str | None,
    device: str | None,
    db: Location | None,
    quiet: bool,
) -> None:
    """Serve the gallery: a page to search in, and an HTTP API.

    Only this machine can reach it, unless --host says otherwise: then everybody must know the token, which is made and
    told where none is given. The command answers `search`, `explain` and `sql` of this gallery meanwhile, in a tenth of
    the time. Ctrl-C ends it after the answers under way, with exit code 0; a second Ctrl-C ends it at once.

    \b
    cvsi-db serve
    cvsi-db serve --host 0.0.0.0 --allow-host photos.example.org
    """
    from . import run

    try:
        from cvsi_db.server.app import ServeSettings, create_app
        from cvsi_db.server.listen import Server, bind, is_loopback, url_of
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{error.name} is missing: install the extra `server`, as in pip install 'cvsi-db[server]'"
        ) from None

    if token is not None and len(token) < SHORTEST_TOKEN:
        raise click.UsageError(f"the token has {len(token)} characters: give at least {SHORTEST_TOKEN}")
    is_open = is_loopback(host)
    made = secrets.token_urlsafe(24) if token is None and not is_open else None
    settings = settings_for(db, model, device)
    settings = replace(settings, db=settings.db.resolve())
    names = (*hosts, *([] if is_open else [host]))
    allowed = tuple(root.resolve() for root in roots)
    with (
        stop_between_steps(signal.SIGINT, signal.SIGTERM, on_stop=lambda: server.stop()) as stop,
        bind(host, port) as listening,
        opened(settings, model, rewriter, quiet, verifier) as gallery,
    ):
        for _ in range(2):  # the models load with the first search, and the gallery's vectors with the second
            gallery.search(edit_text="a picture", k=1)
        app = create_app(gallery, ServeSettings(token or made, names, allowed, settings.device))
        shared = gallery.through(partial(_search, app.state.queue))

        def ready() -> None:
            if made:
                tell(f"token: {made}  (of your own with --token or CVSI_TOKEN)")
            tell(f"serving {settings.db} at {url_of(listening)} (Ctrl-C ends it)")

        server = Server(app, ready, idle_stop, gallery.is_replaced)
        asked = replace(settings, rewriter=rewriter or settings.rewriter, verifier=verifier or settings.verifier)
        warm = Warm(shared, asked, model)
        if not stop.is_set():
            with answering(warm, run, app.state.meter.touch):
                asyncio.run(server.serve([listening]))
        if gallery.is_replaced():
            raise GalleryError(
                f"{str(settings.db)!r} has new tables (reembed, optimize --rewrite): start the server again"
            )
    if not quiet:
        tell("stopped")


def _search(queue: SearchQueue, queries: Sequence[ComposedQuery]) -> list[SearchResult]:
    """The results of another command's queries.

    Raises PassOver where the queue is full, where an image would have to be fetched, and where a verifier is asked: its
    key and its limits are in that command's environment.
    """
    from cvsi_db.records import URL
    from cvsi_db.server.search_queue import BusyError

    images = (image for query in queries for image in (query.reference, *query.liked, *query.unliked))
    fetches = any(isinstance(image, str) and image.lower().startswith(URL) for image in images)
    if fetches or any(query.verify for query in queries):
        raise PassOver
    try:
        return queue.search_many(queries)
    except BusyError:
        raise PassOver from None
