"""The app: the routes behind the guard, the page, the schema, and what is measured of them.

`create_app` takes an open gallery and settings; returns the FastAPI app that `cvsi-db serve` runs. The gallery stays
its owner's to close, after the app has ended.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from cvsi_db import __version__
from cvsi_db.errors import CvsiError
from cvsi_db.server import schemas
from cvsi_db.server.answers import KINDS, error_answer, library_error
from cvsi_db.server.ingest_job import IngestJob
from cvsi_db.server.media import Media
from cvsi_db.server.routes import Served, router
from cvsi_db.server.search_queue import SearchQueue
from cvsi_db.server.security import Access, Guard

if TYPE_CHECKING:
    from cvsi_db.gallery import Gallery

WEB = Path(str(files("cvsi_db.server"))) / "web"


@dataclass(frozen=True)
class ServeSettings:
    """Who may ask, and how much at once.

    `token` is asked of everybody, if there is one. `hosts` are names that the server answers to, beside localhost and
    addresses. Below `ingest_roots` an ingest may be asked for. `waiting` bounds the searches that wait, `body_seconds`
    the time that a request's body may take.
    """

    token: str | None = None
    hosts: tuple[str, ...] = ()
    ingest_roots: tuple[Path, ...] = ()
    device: str = "auto"
    waiting: int = 256
    body_seconds: float = 30.0


def create_app(gallery: Gallery, settings: ServeSettings | None = None) -> FastAPI:
    """The app. Its state has `queue`, the search queue, for others in this process to share, `meter`, and `mcp`, the
    server of assistants' tools, where the extra `mcp` is installed."""
    settings, meter = settings or ServeSettings(), Meter()
    queue = SearchQueue(gallery, settings.waiting, meter.batch.observe)
    meter.waiting.set_function(lambda: len(queue))
    ingest = IngestJob(gallery.folder, settings.device)
    access = Access(settings.token, settings.hosts)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with nullcontext() if sessions is None else sessions.run():
            yield
        queue.close()
        ingest.close()

    app = FastAPI(
        title="cvsi-db",
        version=__version__,
        description="Composed image search: this picture, but …",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
    )
    app.state.queue, app.state.meter = queue, meter
    served = Served(gallery, queue, Media(gallery), ingest, access, settings.ingest_roots)
    app.include_router(router(served))
    app.add_api_route("/metrics", meter.show, methods=["GET"], include_in_schema=False)
    app.add_api_route("/", _page, methods=["GET"], include_in_schema=False)
    sessions = None
    if find_spec("mcp"):
        from cvsi_db.server.mcp import mcp_server, streamable_http

        app.state.mcp = mcp_server(served)
        route, sessions = streamable_http(app.state.mcp)
        app.router.routes.append(route)
    app.mount("/static", _Static(directory=WEB, check_dir=False))
    app.add_exception_handler(CvsiError, _on_library_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(ValidationError, _on_invalid)
    app.add_middleware(Guard, access=access, body_seconds=settings.body_seconds, on_answer=meter.count)
    _declare(app)
    return app


class Meter:
    """What /metrics tells: requests and seconds by route and status, waiting searches, and how many share a batch.

    `last` is when the last request was answered, by the monotonic clock.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ["route", "status"]
        self._requests = Counter("cvsi_requests", "Requests answered.", labels, registry=self._registry)
        self._seconds = Histogram("cvsi_request_seconds", "Time of a request.", ["route"], registry=self._registry)
        self.last = monotonic()
        self.waiting = Gauge("cvsi_searches_waiting", "Searches that wait.", registry=self._registry)
        self.batch = Histogram(
            "cvsi_searches_together",
            "Searches answered together.",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self._registry,
        )

    def touch(self) -> None:
        """Note that somebody has asked."""
        self.last = monotonic()

    def count(self, scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
        """Note an answered request."""
        self.touch()
        route = getattr(scope.get("route"), "path", "other")
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    async def show(self) -> Response:
        """All of it as Prometheus text."""
        return Response(generate_latest(self._registry), media_type="text/plain; version=0.0.4; charset=utf-8")


class _Static(StaticFiles):
    """The page's files; a browser asks each time whether they have changed."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        answer = super().file_response(*args, **kwargs)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


async def _page() -> Response:
    return FileResponse(WEB / "index.html", headers={"Cache-Control": "no-cache"})


async def _on_library_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, CvsiError)
    return library_error(error, None if error.position is None else f"queries.{error.position}")


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    known = {404: "no such page: the addresses are under /api", 405: "this address has another method"}
    told = known.get(status, error.detail) if error.detail in ("Not Found", "Method Not Allowed") else error.detail
    answer = error_answer(status, KINDS.get(status, "invalid"), told)
    answer.headers.update(error.headers or {})
    return answer


async def _on_invalid(_: Request, error: Exception) -> Response:
    """The first thing that does not fit the schema; JSON that is none is a 400."""
    assert isinstance(error, RequestValidationError | ValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return error_answer(400, "bad_request", "the body is not valid JSON")
    place = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
    field = ".".join(place[:1] if len(place) > 1 and not place[1].isdigit() else place[:3])
    return error_answer(422, "invalid", f"{field or 'the body'}: {first['msg']}", field or None)


def _declare(app: FastAPI) -> None:
    """Put the models of bodies that routes read themselves into the schema."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = made()
            for model in (schemas.SearchRequest, schemas.BatchRequest):
                found = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schema["components"]["schemas"] |= found.pop("$defs", {})
                schema["components"]["schemas"][model.__name__] = found
        return made()

    app.openapi = openapi  # type: ignore[method-assign]
