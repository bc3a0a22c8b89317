"""Who may ask: the checks of every request before it reaches a route, and the headers of every answer.

An ASGI middleware. A request is refused when its Host is no name of this server (DNS rebinding), when a page of another
origin sends it, without the token where there is one, and when its body is too large or comes too slowly. What goes
wrong behind it is answered with one line, and told on the server's log.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import Response

from cvsi_db.server.answers import error_answer
from cvsi_db.server.schemas import LIMITS

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

COOKIE = "cvsi_db"
JSON_BYTES = 2**20
"""The most bytes of a body without files."""

UPLOADS_AT_ONCE = 8

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

_OPEN = ("/api/health", "/api/login", "/api/logout")
"""What needs no token, beside the page itself, which holds nothing of the gallery."""

_GUARDED = ("/api/", "/metrics", "/mcp")
_SAFE = ("GET", "HEAD", "OPTIONS")
_log = logging.getLogger("cvsi_db.server")


class Access:
    """The token of a server, if it has one, and the hosts that it answers to."""

    def __init__(self, token: str | None = None, hosts: tuple[str, ...] = ()) -> None:
        self._token = token
        self._hosts = {"localhost", *(host.lower() for host in hosts)}

    @property
    def session(self) -> str:
        """The cookie's value, which proves that its owner knew the token, and outlives a restart of the server."""
        return hmac.new((self._token or "").encode(), b"cvsi-db session", hashlib.sha256).hexdigest()

    def is_token(self, given: str) -> bool:
        """Whether this is the token, or there is none."""
        return self._token is None or hmac.compare_digest(given.encode(), self._token.encode())

    def allows_host(self, host: str) -> bool:
        """Whether a Host header names this server: by localhost, an address, which no foreign name can stand for, or a
        name that it was given."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
            _ = urlsplit(f"//{host}").port
        except ValueError:
            return False
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def allows(self, headers: dict[str, str]) -> bool:
        """Whether the request's headers hold the token, or the cookie that a login set."""
        if self._token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(given.strip()):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and hmac.compare_digest(cookie.value.encode(), self.session.encode())


class Guard:
    """The middleware.

    `body_seconds` bounds the time that a body may take; `on_answer` is told scope, status and seconds of every request.
    """

    def __init__(
        self,
        app: App,
        *,
        access: Access,
        body_seconds: float = 30.0,
        on_answer: Callable[[MutableMapping[str, Any], int, float], None] = lambda *_: None,
    ) -> None:
        self._app = app
        self._access = access
        self._body_seconds = body_seconds
        self._on_answer = on_answer
        self._uploads = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"no {scope['type']} here")
        start, status = monotonic(), 500

        async def send_safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name.lower() for name, _ in message.get("headers", ())}
                more = [(name, value) for name, value in HEADERS if name not in given]
                if b"cache-control" not in given:
                    more.append((b"cache-control", b"no-store"))
                message["headers"] = [*message.get("headers", ()), *more]
            await send(message)

        try:
            if refusal := self._refusal(scope):
                await refusal(scope, receive, send_safely)
                return
            limit = _limit(_headers(scope))
            is_upload = limit > JSON_BYTES
            if is_upload and self._uploads >= UPLOADS_AT_ONCE:
                busy = error_answer(503, "busy", "the server is receiving too many uploads: try again in a moment")
                await busy(scope, receive, send_safely)
                return
            self._uploads += is_upload
            try:
                await self._app(scope, self._bounded(receive, limit), send_safely)
            finally:
                self._uploads -= is_upload
        except Exception:
            _log.exception("unexpected error in %s %s", scope["method"], scope["path"])
            if status != 500:  # the answer had begun
                raise
            failed = error_answer(500, "unexpected", "unexpected error: the server's log has it")
            await failed(scope, receive, send_safely)
        finally:
            self._on_answer(scope, status, monotonic() - start)

    def _refusal(self, scope: MutableMapping[str, Any]) -> Response | None:
        """The answer to a request that is not let in, else None."""
        headers, path = _headers(scope), scope["path"]
        host = headers.get("host", "")
        if not self._access.allows_host(host):
            return error_answer(403, "forbidden", f"this server is not {host[:100]!r}: add the name with --allow-host")
        guarded = path.startswith(_GUARDED)
        if (scope["method"] not in _SAFE or guarded) and not _is_own(headers, host):
            return error_answer(403, "forbidden", "a page of another origin asked: open the server's own page")
        if guarded and path not in _OPEN and not self._access.allows(headers):
            refused = error_answer(401, "unauthorized", "give the server's token: as Authorization: Bearer, or log in")
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
        length, limit = headers.get("content-length", "0"), _limit(headers)
        if not length.isascii() or not length.isdigit() or int(length) > limit:
            return error_answer(413, "too_large", f"the body is too large: the limit is {limit:,} bytes")
        return None

    def _bounded(self, receive: Receive, limit: int) -> Receive:
        """`receive` within limits of bytes and time; what is beyond is an HTTPException in whoever reads the body."""
        deadline, size, ended = monotonic() + self._body_seconds, 0, False

        async def read() -> Message:
            nonlocal size, ended
            if ended:  # what comes now is the end of the connection, for which one may wait long
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(deadline - monotonic(), 0.001))
            except TimeoutError:
                raise HTTPException(408, "the body came too slowly: send it again", {"Connection": "close"}) from None
            size += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if size > limit:
                raise HTTPException(
                    413, f"the body is too large: the limit is {limit:,} bytes", {"Connection": "close"}
                )
            return message

        return read


def _headers(scope: MutableMapping[str, Any]) -> dict[str, str]:
    """The headers as text; of one that is there twice the values are joined, so that two Hosts are none."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = f"{found[key]}, {value.decode('latin-1')}" if key in found else value.decode("latin-1")
    return found


def _limit(headers: dict[str, str]) -> int:
    """The most bytes that the body may have."""
    is_upload = headers.get("content-type", "").lower().startswith("multipart/")
    return LIMITS["upload_bytes"] + JSON_BYTES if is_upload else JSON_BYTES


def _is_own(headers: dict[str, str], host: str) -> bool:
    """Whether a browser that sent the request did so for the server's own page, or it was no browser."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == host.lower()
