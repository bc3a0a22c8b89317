"""The routes: what each address under /api takes and gives.

Takes requests that `security` has let in; turns them into calls of the gallery and of the queue, and what these give
into the documents of `schemas`. Whatever reads or computes does so in threads, of which few wait at once.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from cvsi_db import __version__
from cvsi_db.errors import CvsiError, QueryError
from cvsi_db.gallery import Gallery
from cvsi_db.query.options import FILTERS, IMAGE, IMAGES, OPTIONS, check_query
from cvsi_db.query.weights import PRESETS
from cvsi_db.records import ComposedQuery, Picture, Reference, StoredImage
from cvsi_db.search.present.arrow import warnings_of
from cvsi_db.search.present.explain import ANALYZED, analyze_lines, explain_text
from cvsi_db.search.present.html import LABELS
from cvsi_db.search.present.json import to_json
from cvsi_db.search.result import SearchResult
from cvsi_db.server import schemas
from cvsi_db.server.answers import STATUSES, error_answer, json_answer, library_error
from cvsi_db.server.ingest_job import IngestJob
from cvsi_db.server.media import Kept, Media, NotFoundError
from cvsi_db.server.schemas import LIMITS, SEVERAL, THUMBNAIL_SIZES
from cvsi_db.server.search_queue import BusyError, SearchQueue
from cvsi_db.server.security import COOKIE, JSON_BYTES, Access

if TYPE_CHECKING:
    FilterQuery = BaseModel
else:
    FilterQuery = schemas.FilterQuery

T = TypeVar("T")

SQL_ROWS = 10_000
POOLED_IMAGES = 100_000
"""The images of all pools that are kept to be reranked."""

LOGIN_SECONDS = 1.0
"""What a wrong token costs."""


class Lane:
    """Threads for one kind of work: `threads` at once, while at most `waiting` wait; BusyError beyond that."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._limiter = CapacityLimiter(threads)
        self._waiting = waiting

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """What `work` returns or raises."""
        if self._limiter.statistics().tasks_waiting >= self._waiting:
            raise BusyError("the server is busy: try again in a moment")
        return await to_thread.run_sync(lambda: work(*args), limiter=self._limiter)


@dataclass(frozen=True)
class Served:
    """What the routes work with."""

    gallery: Gallery
    queue: SearchQueue
    media: Media
    ingest: IngestJob
    access: Access
    ingest_roots: tuple[Path, ...] = ()


def router(served: Served) -> APIRouter:
    """All routes under /api, with the models of what they take and give."""
    routes = Routes(served)
    made = APIRouter(prefix="/api")
    errors: dict[int | str, dict[str, Any]] = {
        status: {"model": schemas.ErrorDocument, "description": text} for status, text in STATUSES.items()
    }

    def add(
        method: str, path: str, route: Any, answer: Any, status: int = 200, body: dict[str, Any] | None = None
    ) -> None:
        made.add_api_route(
            path,
            route,
            methods=[method],
            status_code=status,
            response_model=None,
            responses={**errors, status: {"model": answer} if answer else {}},
            openapi_extra=body and {"requestBody": {"required": True, "content": body}},
            summary=(route.__doc__ or "").partition("\n")[0],
        )

    add("GET", "/health", routes.health, schemas.HealthDocument)
    add("POST", "/login", routes.login, None, 204)
    add("POST", "/logout", routes.logout, None, 204)
    add("GET", "/about", routes.about, schemas.AboutDocument)
    add("POST", "/search", routes.search, schemas.SearchAnswer, body=_query_body(uploads=True))
    add("POST", "/rerank", routes.rerank, schemas.SearchAnswer)
    add("POST", "/batch", routes.batch, schemas.BatchAnswer, body=_json_body(schemas.BatchRequest))
    add("POST", "/explain", routes.explain, schemas.ExplainAnswer, body=_query_body(uploads=False))
    add("POST", "/sql", routes.sql, schemas.SqlAnswer)
    add("GET", "/images", routes.images, schemas.ImagesAnswer)
    add("GET", "/images/{image_id}", routes.image, schemas.ImageDocument)
    add("GET", "/images/{image_id}/thumbnail", routes.thumbnail, None)
    add("GET", "/images/{image_id}/original", routes.original, None)
    add("GET", "/facets", routes.facets, schemas.FacetsDocument)
    add("GET", "/stats", routes.stats, schemas.StatsDocument)
    add("GET", "/ingest", routes.ingest_state, schemas.IngestDocument)
    add("POST", "/ingest", routes.ingest, schemas.IngestDocument, 202)
    return made


class Routes:
    """A method for each route."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._gallery, self._media, self._queue = served.gallery, served.media, served.queue
        self._kept: Kept[SearchResult] = Kept(POOLED_IMAGES)
        self._look_ups, self._decoding, self._slow = Lane(4, 256), Lane(2, 128), Lane(2, 32)

    # --- who and what -------------------------------------------------------------------------------------------

    async def health(self) -> Response:
        """Whether the gallery can be read."""
        await self._look_ups.run(lambda: self._gallery.version)
        return json_answer({"status": "ok"})

    async def login(self, request: Request, asked: schemas.LoginRequest) -> Response:
        """Set the cookie that stands for the token."""
        if not self._served.access.is_token(asked.token):
            await asyncio.sleep(LOGIN_SECONDS)
            return error_answer(401, "unauthorized", "this is not the server's token", "token")
        answer = Response(status_code=204)
        secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
        answer.set_cookie(COOKIE, self._served.access.session, httponly=True, samesite="strict", secure=secure)
        return answer

    async def logout(self) -> Response:
        """Take the cookie back."""
        answer = Response(status_code=204)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    async def about(self) -> Response:
        """The gallery, and what a request may say."""
        return json_answer(await self._look_ups.run(self._about))

    def _about(self) -> dict[str, Any]:
        gallery = self._gallery
        return {
            "version": __version__,
            "gallery": str(gallery.folder),
            "model": gallery.model,
            "images": len(gallery),
            "uncaptioned": gallery.uncaptioned,
            "preset": gallery.preset,
            "presets": [
                {"name": name, "weights": dict(preset.weights), "gamma": preset.gamma}
                for name, preset in PRESETS.items()
            ],
            "terms": [{"name": name, "label": label} for name, label in LABELS.items()],
            "options": [
                {"name": each.field, "takes": each.kind.takes, "help": each.help, "default": each.default}
                for each in OPTIONS
            ],
            "thumbnail_sizes": list(THUMBNAIL_SIZES),
            "limits": LIMITS,
            "ingest": bool(self._served.ingest_roots),
        }

    # --- searching ----------------------------------------------------------------------------------------------

    async def search(self, request: Request) -> Response:
        """Find images: a reference image, an edit text, or both. With an upload, as multipart/form-data."""
        asked, files = await _read(request)
        uploads = [(field, await self._decoding.run(self._media.take_upload, data)) for field, data in files]
        query = await self._look_ups.run(self.query, asked, uploads)
        [result] = await self._queue.search([query])
        return json_answer(await self._look_ups.run(self.answer, result))

    async def rerank(self, asked: schemas.RerankRequest) -> Response:
        """A search's pool in the order of other weights, without asking a model again."""
        result = self._kept.get(asked.result)
        if result is None:
            error = f"no result {asked.result!r} is kept: search again, with `rank`"
            return error_answer(404, "not_found", error, "result")
        reranked = result.rerank(asked.weights, asked.k)
        reranked.compiled = replace(reranked.compiled, query=replace(reranked.compiled.query, pool=0))
        return json_answer(await self._look_ups.run(self.answer, reranked))

    async def batch(self, request: Request) -> Response:
        """Several queries, answered together."""
        _check_type(request, "application/json")
        asked = schemas.BatchRequest.model_validate_json(await request.body())
        queries = await self._look_ups.run(self._queries, asked)
        try:
            results = await self._queue.search(queries)
        except CvsiError as error:
            return library_error(error, None if error.position is None else f"queries.{error.position}")
        return json_answer({"results": [to_json(result) for result in results]})

    async def explain(self, request: Request, analyze: bool = False) -> Response:
        """Run a search and tell how it ran."""
        _check_type(request, "application/json")
        asked = schemas.SearchRequest.model_validate_json(await request.body())
        query = await self._look_ups.run(self.query, asked)
        [result] = await self._queue.search([query])
        lines = [explain_text(result, analyzed=analyze)]
        if analyze and result:
            [more] = await self._queue.search([replace(query, pool=max(query.pool, ANALYZED))])
            assert more.pool is not None
            lines += ["", *analyze_lines(result, result.compiled.logical.branches, more.pool)]
        document = to_json(result)
        del document["hits"]
        return json_answer({"text": "\n".join(lines), **document})

    async def sql(self, asked: schemas.SqlRequest) -> Response:
        """The rows of one SELECT; images in compose(…) are those of the gallery."""
        return json_answer(await self._slow.run(self.rows, asked))

    def rows(self, asked: schemas.SqlRequest, most: int = SQL_ROWS) -> dict[str, Any]:
        """A statement's rows, at most so many, as a SqlAnswer."""
        table = self._gallery.through(self._search_for_sql).sql(asked.sql, **asked.parameters)
        warnings = list(warnings_of(table))
        if len(table) > most:
            warnings.append(f"the first {most:,} of {len(table):,} rows: add a LIMIT, or group them")
        rows = [[_finite(value) for value in row.values()] for row in table.slice(0, most).to_pylist()]
        return {"columns": table.column_names, "rows": rows, "warnings": warnings}

    def _search_for_sql(self, queries: Sequence[ComposedQuery]) -> list[SearchResult]:
        """A statement's searches: the images that it names are those of the gallery and of uploads."""

        def named(image: Reference) -> Reference:
            return self._media.reference(str(image), "sql")

        return self._queue.search_many(
            [
                replace(
                    query,
                    reference=None if query.reference is None else named(query.reference),
                    liked=tuple(map(named, query.liked)),
                    unliked=tuple(map(named, query.unliked)),
                )
                for query in queries
            ]
        )

    def query(self, asked: BaseModel, uploads: Sequence[tuple[str, Picture]] = ()) -> ComposedQuery:
        """The query that a request makes. Raises NotFoundError for an image that it names in vain."""
        given = asked.model_dump(exclude_unset=True)
        values: dict[str, Any] = {}
        for option in OPTIONS:
            value = given.get(option.field)
            if value is None:
                continue
            if option.kind is IMAGE:
                values[option.field] = self._media.reference(value, option.field)
            elif option.kind is IMAGES:
                values[option.field] = tuple(self._media.reference(name, option.field) for name in option.value(value))
            else:
                values[option.field] = option.value(value)
        for field, picture in uploads:
            values[field] = picture if field == "reference" else (*values.get(field, ()), picture)
        query = ComposedQuery(**values)
        _check_folder(query.folder)
        check_query(query, self._gallery.columns)
        return query

    def _queries(self, asked: Any) -> list[ComposedQuery]:
        defaults = asked.defaults.model_dump(exclude_unset=True) if asked.defaults else {}
        queries = []
        for position, each in enumerate(asked.queries):
            try:
                whole = type(each)(**{**defaults, **each.model_dump(exclude_unset=True)})
                queries.append(self.query(whole))
            except CvsiError as error:
                if isinstance(error, NotFoundError):
                    error.field = f"queries.{position}.{error.field}"
                error.position = position
                raise
        return queries

    def answer(self, result: SearchResult) -> dict[str, Any]:
        """The document of a search, with what only the server says: a SearchAnswer."""
        compiled, pool = result.compiled, None
        shown = {hit.image_id: hit.metadata for hit in result}
        if compiled.query.pool and result.pool is not None:
            ranking, name = result.pool.ranking, secrets.token_urlsafe(12)
            self._kept.put(name, result, len(ranking.image_ids))
            shown |= dict(zip(ranking.image_ids, result.pool.metadata, strict=True))
            pool = {
                "result": name,
                "complete": result.pool.complete,
                "terms": [term.name for term in ranking.terms],
                "weights": [term.weight for term in ranking.terms],
                "images": [
                    {"image_id": image_id, "path": metadata["path"], "similarities": similarities}
                    for image_id, metadata, similarities in zip(
                        ranking.image_ids, result.pool.metadata, ranking.similarities.tolist(), strict=True
                    )
                ],
            }
        reference, is_stored = compiled.reference_id, isinstance(compiled.query.reference, StoredImage)
        return {
            **to_json(result),
            "reference": reference
            and {"image_id": reference, "in_gallery": is_stored or self._media.row(reference) is not None},
            "images": {
                image_id: {name: metadata[name] for name in schemas.ShownImage.model_fields}
                for image_id, metadata in shown.items()
            },
            "pool": pool,
        }

    # --- images -------------------------------------------------------------------------------------------------

    async def images(self, asked: Annotated[FilterQuery, Query()]) -> Response:
        """Images in the order of their paths, of all or of those that satisfy the conditions."""
        filters, where = filters_of(asked)
        limit, offset = asked.limit, asked.offset  # type: ignore[attr-defined]

        def look_up() -> dict[str, Any]:
            total = self._gallery.count(where, **filters)
            return {"total": total, "images": self._gallery.images(where, limit=limit, offset=offset, **filters)}

        return json_answer(await self._look_ups.run(look_up))

    async def image(self, image_id: str) -> Response:
        """What the gallery knows of an image."""
        row = await self._look_ups.run(self._media.row, image_id)
        if row is None:
            return error_answer(404, "not_found", f"no image {image_id[:64]!r} in the gallery", "image_id")
        return json_answer(row)

    async def thumbnail(self, request: Request, image_id: str, size: int = 320, format: str = "webp") -> Response:
        """The picture, its longest side at most `size`, as WebP or JPEG; of an upload too."""
        if size not in THUMBNAIL_SIZES:
            return error_answer(
                422, "invalid", f"size is {size}: give one of {', '.join(map(str, THUMBNAIL_SIZES))}", "size"
            )
        if format not in ("webp", "jpeg"):
            return error_answer(422, "invalid", f"format is {format[:100]!r}: give webp or jpeg", "format")
        made = await self._decoding.run(self._media.thumbnail, image_id, size, format)
        if not made.final:
            return Response(made.data, media_type=f"image/{format}", headers={"Cache-Control": "no-store"})
        headers = {"ETag": f'"{image_id}-{size}-{format}"', "Cache-Control": "private, max-age=31536000, immutable"}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(made.data, media_type=f"image/{format}", headers=headers)

    async def original(self, request: Request, image_id: str, download: bool = False) -> Response:
        """The image's file, or a range of it."""
        found = await self._slow.run(self._media.original, image_id)
        etag, wanted = f'"{image_id}"', request.headers.get("range", "")
        how = "attachment" if download else "inline"
        headers = {
            "ETag": etag,
            "Accept-Ranges": "bytes",
            "Cache-Control": "private, no-cache",
            "Content-Disposition": f"{how}; filename*=UTF-8''{_percent(found.name)}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        if request.headers.get("if-none-match") == etag:
            found.file.close()
            return Response(status_code=304, headers=headers)
        start, end, status = 0, found.size, 200
        if wanted and request.headers.get("if-range", etag) == etag and (span := _span(wanted, found.size)):
            start, end = span
            status = 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
            if start >= end:
                found.file.close()
                refused = error_answer(416, "range", f"the range lies outside of the file's {found.size:,} bytes")
                refused.headers["Content-Range"] = f"bytes */{found.size}"
                return refused
        headers["Content-Length"] = str(end - start)
        return StreamingResponse(found.chunks(start, end), status, headers, found.media_type)

    async def facets(self, asked: Annotated[FilterQuery, Query()]) -> Response:
        """How many of the images that satisfy the conditions have which folder, camera, year, tag, rating, format."""
        filters, where = filters_of(asked)
        limit = asked.limit  # type: ignore[attr-defined]
        return json_answer(await self._slow.run(lambda: self._gallery.facets(where, limit=limit, **filters)))

    async def stats(self) -> Response:
        """What the gallery holds: the document of `cvsi-db stats --format json`."""
        return json_answer(await self._slow.run(self._gallery.stats))

    # --- ingest -------------------------------------------------------------------------------------------------

    async def ingest_state(self) -> Response:
        """How far the ingest is that was asked for last."""
        return json_answer(self._served.ingest.state)

    async def ingest(self, asked: schemas.IngestRequest) -> Response:
        """Take in folders that the server was started to allow, in the background."""
        roots = self._served.ingest_roots
        if not roots:
            return error_answer(403, "forbidden", "this server takes nothing in: start it with --allow-ingest DIR")
        paths = [Path(path).expanduser() for path in asked.paths]
        for path, given in zip(paths, asked.paths, strict=True):
            if "\0" in given or not any(path.resolve().is_relative_to(root) for root in roots):
                told = ", ".join(map(repr, map(str, roots)))
                return error_answer(
                    403, "forbidden", f"{given[:200]!r} is not below {told}: see --allow-ingest", "paths"
                )
        if not self._served.ingest.start(paths, asked.tags, asked.caption):
            return error_answer(409, "conflict", "an ingest is running already: wait until it is done")
        return json_answer(self._served.ingest.state, 202)


async def _read(request: Request) -> tuple[BaseModel, list[tuple[str, bytes]]]:
    """The query of a request, and the files that come with it by the name of their field."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        _check_type(request, "application/json", "multipart/form-data")
        return schemas.SearchRequest.model_validate_json(await request.body()), []
    files: list[tuple[str, bytes]] = []
    async with request.form(max_files=2 * SEVERAL + 1, max_fields=1, max_part_size=JSON_BYTES) as form:
        assert isinstance(form, FormData)
        for field, part in form.multi_items():
            if isinstance(part, UploadFile) and field in ("reference", "liked", "unliked"):
                if (part.size or 0) > LIMITS["upload_bytes"]:
                    raise HTTPException(413, f"{field} is too large: the limit is {LIMITS['upload_bytes']:,} bytes")
                files.append((field, await part.read()))
            elif field != "query" or isinstance(part, UploadFile):
                raise HTTPException(400, f"no part {field[:100]!r} is known: send reference, liked, unliked and query")
        asked = schemas.SearchRequest.model_validate_json(str(form.get("query", "{}")))
    return asked, files


def _check_type(request: Request, *types: str) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in types:
        raise HTTPException(415, f"the content type is {kind[:100]!r}: send {' or '.join(types)}")


def filters_of(asked: BaseModel) -> tuple[dict[str, Any], str | None]:
    """The filters that a query string gives, and its condition."""
    given = asked.model_dump()
    filters = {option.field: option.value(given[option.field]) for option in FILTERS if given[option.field]}
    _check_folder(filters.get("folder"))
    return filters, given["where"]


def _check_folder(folder: Any) -> None:
    """Raise QueryError for a path that is relative: to what, a client cannot know."""
    is_whole = folder is None or os.path.isabs(folder) or "://" in folder
    if not is_whole and (os.sep in folder or folder[0] in ".~"):
        raise QueryError(f"folder is {folder[:200]!r}: give an absolute path, or the bare name of a folder")


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """Where the one range of a Range header begins and ends; None where the whole file is to be sent (RFC 9110, 14)."""
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", wanted.strip())
    if found is None or found[0].endswith("=-"):
        return None
    first, last = found[1], found[2]
    if not first:
        return max(size - int(last), 0), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size


def _percent(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


def _finite(value: Any) -> Any:
    """NaN and infinities are no JSON: null."""
    return None if isinstance(value, float) and value - value != 0 else value


def _json_body(model: Any) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}


def _query_body(*, uploads: bool) -> dict[str, Any]:
    body = _json_body(schemas.SearchRequest)
    file = {"type": "string", "format": "binary"}
    parts = {
        "query": {"type": "string", "description": "A SearchRequest as JSON."},
        "reference": file,
        "liked": {"type": "array", "items": file},
        "unliked": {"type": "array", "items": file},
    }
    if uploads:
        body["multipart/form-data"] = {"schema": {"type": "object", "properties": parts}}
    return body
