"""An object store on loopback: moto's S3 in this process.

The bucket `careless` is in a store that ignores If-None-Match. The credentials `reader` may only read.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

_DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


@contextmanager
def serving() -> Iterator[dict[str, str]]:
    """The store, for the block; what it yields belongs into the environment of who uses it."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, _behaving(DomainDispatcherApplication(create_backend_app)), threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.port}"
    try:
        yield {
            "AWS_ENDPOINT_URL": address,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "writer",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_bucket(environ: dict[str, str], name: str) -> str:
    """Make a bucket; returns its name. One for each test is quick: moto lists a folder by looking at all objects."""
    urlopen(Request(f"{environ['AWS_ENDPOINT_URL']}/{name}", method="PUT"), timeout=10).close()
    return name


def _behaving(inner: Any) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        writes = environ["REQUEST_METHOD"] in ("PUT", "POST", "DELETE")
        if writes and "Credential=reader/" in environ.get("HTTP_AUTHORIZATION", ""):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(_DENIED)))])
            return [_DENIED]
        if environ["PATH_INFO"].startswith("/careless/"):
            environ.pop("HTTP_IF_NONE_MATCH", None)
        answered: Iterable[bytes] = inner(environ, start)
        return answered

    return answer


def within(environ: dict[str, str], work: Callable[..., None], *args: Any) -> None:
    """`work` with that environment: for a process that is started with it."""
    os.environ.update(environ)
    work(*args)
