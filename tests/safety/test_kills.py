"""SIGKILL at random moments: whatever an ingest was doing, only work is left, and the next one does it."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from cvsi_db.gallery import Gallery
from tests.safety.photos import Photos
from tests.safety.workers import gallery_in, start, take_in


def rows_of(gallery: Gallery) -> dict[str, dict[str, Any]]:
    """All rows, by image_id; what follows from the order in which an image's files were met is left out."""
    store, told = gallery._store, {}
    for image_id, row in store.rows(store.ids()).items():
        values = asdict(row) | {name: getattr(row, name).tolist() for name in ("image_vector", "caption_vector")}
        if len(row.paths) > 1:
            values |= {"path": "", "folder": "", "name": "", "modified_at": "", "paths": sorted(row.paths)}
        told[image_id] = values
    return told


def assert_whole(gallery: Gallery, contents: dict[str, set[str]]) -> set[str]:
    """The gallery holds these contents, each once, with all of their captions; returns the removed ones.

    Those may have been removed before they were captioned.
    """
    store = gallery._store
    images, removed, spoken = (
        store.scan([key], table=name)[key].to_pylist()  # type: ignore[arg-type]
        for name, key in (("images", "image_id"), ("removed", "image_id"), ("captions", "caption_id"))
    )
    assert sorted(images) == sorted(contents)
    assert len(removed) == len(set(removed))
    assert not set(removed) & set(images)
    silent = [row for row in store.rows(removed, "removed").values() if not row.captions]
    assert len(spoken) == len(set(spoken)) == 3 * (len(images) + len(removed) - len(silent))
    assert {image_id: set(row.paths) for image_id, row in store.rows(images).items()} == contents
    led = {file.path: file.image_id for file in gallery._catalog.source_files().values() if file.image_id}
    assert led == {path: image_id for image_id, paths in contents.items() for path in paths}
    assert store.orphans() == set()
    assert gallery.check() == []
    return set(removed)


class Killer:
    """Kills ingests; the later after their start, the longer they turned out to take."""

    def __init__(self, seed: int) -> None:
        self.count, self.ends = 0, Counter[str]()
        self._random, self._spread = random.Random(seed), 0.3
        start(print).join()  # the first process waits until everything is imported

    def kill(self, folder: Path, photos: Path, prune: bool) -> None:
        process = start(take_in, folder, photos, prune, self._random.random() < 0.2)
        time.sleep(self._random.uniform(0, self._spread))
        process.kill()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        self.count += 1
        self.ends["killed" if process.exitcode else "done"] += 1
        self._spread *= 1.1 if process.exitcode else 0.75


@pytest.mark.parametrize("kills", [3, pytest.param(200, marks=pytest.mark.slow)])
def test_after_any_kill_the_next_ingest_completes_the_gallery(tmp_path: Path, kills: int) -> None:
    folder, photos, chance, killer = tmp_path / "gallery", Photos(tmp_path / "photos", 1), random.Random(2), Killer(3)
    photos.add(60)
    seen, safe = set[str](), set[str]()
    while killer.count < kills:
        photos.change(25)
        prunes = [chance.random() < 0.2]
        killer.kill(folder, photos.folder, prunes[0])
        if chance.random() < 0.3 and killer.count < kills:  # a second time, in other photos
            photos.change(10)
            prunes.append(chance.random() < 0.2)
            killer.kill(folder, photos.folder, prunes[1])
        prunes.append(chance.random() < 0.2)
        with gallery_in(folder) as gallery:
            killer.ends["within an ingest"] += gallery._catalog.was_cut_short()
            gallery.ingest(photos.folder, prune=prunes[-1])
            contents = photos.contents()
            removed = assert_whole(gallery, contents)
        assert not (prunes[-1] and removed)
        assert any(prunes) or seen - contents.keys() <= removed
        seen = removed | contents.keys()
        safe |= contents.keys()
    assert killer.ends["killed"] > kills / 2
    with gallery_in(folder) as killed, gallery_in(tmp_path / "whole") as whole:
        whole.ingest(photos.folder)
        assert rows_of(killed) == rows_of(whole)
    print(dict(killer.ends), len(safe), "contents")
