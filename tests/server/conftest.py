"""One gallery of forty of the sample images, with hostile names in it, and servers of it in this process."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from cvsi_db import Gallery
from cvsi_db.server.app import ServeSettings, create_app
from cvsi_db.server.listen import Server, bind, url_of

SAMPLES = Path(__file__).parents[2] / "sample_gallery"
HOSTILE = "<img src=x onerror=window.hit=1>"


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty of the sample images, in folders; the name of one is markup."""
    photos = tmp_path_factory.mktemp("photos")
    for sub, pattern in (("cats", "red-cat-*"), ("frogs", "*-frog-*"), ("bears", "brown-bear-*")):
        (photos / sub).mkdir()
        for file in sorted(SAMPLES.glob(pattern)):
            shutil.copy(file, photos / sub)
    shutil.copy(SAMPLES / "white-owl-room-glasses-book.png", photos / "cats" / f"{HOSTILE}.png")
    return photos


@pytest.fixture(scope="session")
def gallery(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """The photos, each with its name as its caption; the hostile one also with a caption and a tag that are markup."""
    hostile = photos / "cats" / f"{HOSTILE}.png"
    captions = tmp_path_factory.mktemp("captions") / "captions.jsonl"
    lines = [{"path": str(hostile), "captions": [f"a caption {HOSTILE}<script>window.hit=1</script>"]}]
    lines += [
        {"path": str(file), "captions": [file.stem.replace("-", " ")]}
        for file in sorted(photos.rglob("*.*"))
        if file != hostile
    ]
    captions.write_text("\n".join(map(json.dumps, lines)))
    with Gallery.create(tmp_path_factory.mktemp("served") / "gallery", model="starter", device="cpu") as made:
        made.ingest(photos, caption=False)
        made.import_captions(captions)
        made.tag(hostile, add=[HOSTILE])
        for _ in range(2):  # the second loads the rows
            made.search(edit_text="a cat", k=1)
        yield made


@contextmanager
def serving(gallery: Gallery, settings: ServeSettings | None = None) -> Iterator[str]:
    """The URL of a server of the gallery, in a thread of this process."""
    ready = Event()
    listening = bind("127.0.0.1", 0)
    server = Server(create_app(gallery, settings), ready.set, is_over=gallery.is_replaced)
    thread = Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield url_of(listening)
    finally:
        server.stop()
        thread.join(30)


@pytest.fixture(scope="session")
def url(gallery: Gallery) -> Iterator[str]:
    with serving(gallery) as url:
        yield url


@pytest.fixture(scope="session")
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=120) as client:
        yield client


@pytest.fixture(scope="session")
def image_ids(gallery: Gallery) -> dict[str, str]:
    """The image_id of each file, by its name without the suffix."""
    return {Path(row["name"]).stem: row["image_id"] for row in gallery.images(columns=["name", "image_id"])}


Search = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def search(http: httpx.Client) -> Search:
    """Posts a query and returns the answer, which must be a 200."""

    def search(**query: Any) -> dict[str, Any]:
        answer = http.post("/api/search", json=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return search
