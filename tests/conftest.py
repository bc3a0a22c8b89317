"""Fixtures every test folder shares: the fakes, a small folder of images, and an empty gallery to write to."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes import DIM, FakeCaptioner, FakeEncoder, FakePhi, FakeRewriter, save_picture

if TYPE_CHECKING:
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store


def pytest_xdist_auto_num_workers() -> int:
    """Three processes for two cores: a third of the time a test waits, for a process, a server or a lock."""
    return max((os.cpu_count() or 1) * 3 // 2, 1)


@pytest.fixture(scope="session", autouse=True)
def python_handles_ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts the tests and the processes they start, also where the tests were started with it ignored.

    `make test &` in a script does that, and so do some CI runners. A started process inherits that a signal is ignored,
    but not a handler: it begins with the default one.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def phi() -> FakePhi:
    return FakePhi()


@pytest.fixture
def captioner() -> FakeCaptioner:
    return FakeCaptioner()


@pytest.fixture
def rewriter() -> FakeRewriter:
    return FakeRewriter()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of five distinct images, two of them in a sub-folder."""
    folder = tmp_path / "photos"
    save_picture(folder / "red.png", "red")
    save_picture(folder / "green.png", "green", (48, 64))
    save_picture(folder / "blue.png", "blue", (50, 50))
    save_picture(folder / "trip" / "yellow.png", "yellow", dot="black")
    save_picture(folder / "trip" / "purple.png", "purple", dot="white")
    return folder


@pytest.fixture
def gallery_folder(tmp_path: Path) -> Path:
    """Where a gallery may be made; nothing is there yet."""
    return tmp_path / "gallery"


@pytest.fixture(scope="session")
def empty_gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a new gallery of the fakes' width, to be copied: making one takes ten times as long."""
    from cvsi_db.store.catalog import GalleryInfo
    from cvsi_db.store.folder import create_gallery_folder

    folder = tmp_path_factory.mktemp("empty") / "gallery"
    info = GalleryInfo(bundle="fake", fingerprint="fake-1", dim=DIM, created_at="2024-01-01T00:00:00+00:00")
    create_gallery_folder(folder, info)[1].close()
    return folder


@pytest.fixture
def opened(empty_gallery: Path, gallery_folder: Path) -> Iterator[tuple[Store, Catalog]]:
    """A new, empty gallery of the fakes' width: its store and its catalog."""
    from cvsi_db.store.folder import open_gallery_folder

    shutil.copytree(empty_gallery, gallery_folder)
    store, catalog = open_gallery_folder(gallery_folder)
    yield store, catalog
    catalog.close()


@pytest.fixture
def store(opened: tuple[Store, Catalog]) -> Store:
    return opened[0]


@pytest.fixture
def catalog(opened: tuple[Store, Catalog]) -> Catalog:
    return opened[1]
