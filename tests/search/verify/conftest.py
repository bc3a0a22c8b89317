"""A gallery of 24 small pictures, a verifier to put at its seam, and the endpoint of a vision-language model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cvsi_db import Gallery
from cvsi_db.models.protocols import Verifier
from cvsi_db.records import Question, ShownHit, Usage
from cvsi_db.search import SearchContext
from tests.chat_server import ChatServer, environment
from tests.fakes import COLOURS, picture_bytes, save_picture

REFERENCE = picture_bytes("red", (90, 60))
EDIT = "with green"


class FakeVerifier(Verifier):
    """Says what it is told of each image_id, or else a confidence that its id makes; keeps what it was shown."""

    name = "fake-1"
    usage: Usage

    def __init__(self, at_once: int = 1, **attributes: Any) -> None:
        self.at_once = at_once
        self.told: dict[str, float | Exception] = {}
        self.calls: list[tuple[Question, tuple[ShownHit, ...]]] = []
        self.before: Callable[[], object] = lambda: None
        self.usage = Usage()
        self._lock = Lock()
        for name, value in attributes.items():
            setattr(self, name, value)

    def verify(self, question: Question, hits: Sequence[ShownHit]) -> list[float]:
        with self._lock:
            self.calls.append((question, tuple(hits)))
        self.before()
        said = [self.told.get(hit.image_id, confidence_of(hit.image_id)) for hit in hits]
        for each in said:
            if isinstance(each, Exception):
                raise each
        self.usage.add(prompt_tokens=10)
        return cast(list[float], said)

    @property
    def shown(self) -> list[str]:
        return [hit.image_id for _, hits in self.calls for hit in hits]


def confidence_of(image_id: str) -> float:
    """One of eleven, so that some are equal."""
    return int(image_id[:8], 16) % 11 / 10


@pytest.fixture
def verifier() -> FakeVerifier:
    return FakeVerifier()


@pytest.fixture
def gallery(context: SearchContext, verifier: FakeVerifier, gallery_folder: Path, tmp_path: Path) -> Gallery:
    colours = list(COLOURS)
    for number in range(24):
        dot = colours[(number // 3 + 1) % len(colours)] if number % 3 else None
        save_picture(tmp_path / "photos" / f"{number:02}.png", colours[number // 3], (60 + number, 48), dot)
    models = {"encoder": context.models.encoder, "phi": context.models.phi, "captioner": context.models.captioner}
    spec = SimpleNamespace(preset="default", name="fake")
    bundle = SimpleNamespace(**models, spec=spec, device="cpu", source="fake")
    made = Gallery(cast(Any, gallery_folder), context.store, context.catalog, cast(Any, bundle), context.rewriter)
    made._verifier = verifier
    assert made.ingest(tmp_path / "photos").new == 24
    return made


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ChatServer]]:
    """Starts an endpoint with those replies; the environment leads there."""
    with environment(monkeypatch, "CVSI_VERIFIER") as start:
        yield start
