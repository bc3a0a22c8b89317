"""Listening: the app on a socket, within bounds of connections and of time for slow clients.

Takes the app and a bound socket; runs until it is told to stop. uvicorn speaks HTTP; what it leaves open is closed
here: connections beyond a number, headers that do not come, answers that nobody reads.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from threading import Event, Thread
from time import monotonic
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from cvsi_db.errors import CvsiError, UsageError

CONNECTIONS = 512
"""Connections at once; one more is closed as soon as it comes."""

HEADER_SECONDS = 10.0
"""The time for the headers of a request, from a connection's first moment or a request's first byte."""

READ_SECONDS = 30.0
"""The longest that an answer may wait for its client to read on."""

KEEP_SECONDS = 15
"""How long a connection may wait for another request."""

GRACE_SECONDS = 3
"""How long answers under way may take once the server is to stop."""

LOOK_SECONDS = 1.0
"""How often to look whether the gallery has been replaced: on object storage that takes a request."""


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any that is free. Raises UsageError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=CONNECTIONS)
    except (OSError, UnicodeError, OverflowError) as error:
        reason = str(getattr(error, "strerror", None) or error).partition(" (while")[0]
        raise UsageError(f"cannot listen on {host} port {port}: {reason}; give another --port or --host") from None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        found = socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return False
    return all(ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def url_of(listening: socket.socket) -> str:
    """The URL of what listens there, with an address that a browser can open."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"


class Server(uvicorn.Server):
    """Runs the app; `on_ready` is called once it answers. It stops when told by `stop`, or `idle` seconds after the
    last request, or once it `is_over`, which is asked every LOOK_SECONDS in a thread of its own."""

    def __init__(
        self,
        app: FastAPI,
        on_ready: Callable[[], None],
        idle: float | None = None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                loop="asyncio",
                ws="none",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
                h11_max_incomplete_event_size=2**16,
            )
        )
        self._meter, self._on_ready, self._idle, self._is_over = app.state.meter, on_ready, idle, is_over
        self._ended = Event()

    def stop(self) -> None:
        """End after the answers that are under way. May be called from a signal's handler or another thread."""
        self.should_exit = True

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Run, with the signals left to the caller."""
        Thread(target=self._look, name="cvsi-db-look", daemon=True).start()
        try:
            await self._serve(sockets)
        finally:
            self._ended.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Look, ten times a second, whether it is time to stop."""
        idle = self._idle is not None and monotonic() - self._meter.last > self._idle
        if idle and not self.server_state.tasks:
            self.should_exit = True
        return await super().on_tick(counter)

    def _look(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            with suppress(CvsiError):  # no answer is no reason to end
                if self._is_over():
                    self.should_exit = True


class BoundedProtocol(H11Protocol):
    """A connection that is closed when its client is too slow, or one too many."""

    _timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Keep it, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            transport.abort()
        else:
            self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        """Read on; the time for headers ends with them."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._timer = _cancelled(self._timer)
        elif self._timer is None:
            self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._timer, self._write_timer = _cancelled(self._timer), _cancelled(self._write_timer)
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for another request."""
        self._timer = _cancelled(self._timer)
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client does not read: it has some time to go on."""
        super().pause_writing()
        self._write_timer = _cancelled(self._write_timer) or self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads on."""
        self._write_timer = _cancelled(self._write_timer)
        super().resume_writing()

    def _wait_for_headers(self) -> None:
        self._timer = self.loop.call_later(HEADER_SECONDS, self.transport.abort)


def _cancelled(timer: asyncio.TimerHandle | None) -> Any:
    if timer is not None:
        timer.cancel()
    return None
