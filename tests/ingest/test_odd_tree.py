"""Every file of a tree of odd ones is an image of the gallery, or named with the reason why it is not."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from cvsi_db.ingest import ingest
from cvsi_db.ingest.read_bytes import printable
from cvsi_db.manage.check import find_problems
from cvsi_db.manage.listing import each_image, list_failed
from cvsi_db.manage.stats import stats
from cvsi_db.records import IngestSummary
from cvsi_db.store.catalog import Catalog
from cvsi_db.store.images import Store
from tests.fakes import FakeCaptioner, FakeEncoder
from tests.ingest import odd_tree
from tests.ingest.odd_tree import BELOW, FAILED, IMAGE, LEFT_OUT, SIDECAR


def test_every_file_is_an_image_or_named_with_the_reason(
    store: Store, catalog: Catalog, encoder: FakeEncoder, captioner: FakeCaptioner, tmp_path: Path, gallery_folder: Path
) -> None:
    pytest.importorskip("rawpy")
    pytest.importorskip("pillow_jxl")
    root = tmp_path / "tree"
    expected = odd_tree.make(root, tmp_path / "outside") | odd_tree.add_extras(root)

    def take_in() -> IngestSummary:
        done = ingest([root], store=store, catalog=catalog, encoder=encoder, captioner=captioner)
        return replace(done, seconds=0.0, errors=(), skipped_files=())

    first = take_in()
    kinds = Counter(each.kind for each in expected.values())
    assert kinds.total() >= 300
    assert set(expected) == everything_in(root)

    rows = list(each_image(store))
    held = {path: row for row in rows for path in row["paths"]}
    left = {file["path"]: file for file in list_failed(catalog)}
    wrong = []
    for name, wanted in sorted(expected.items()):
        path = printable(root / name)
        became = IMAGE if path in held else left[path]["state"] if path in left else ""
        if became != {LEFT_OUT: "skipped", SIDECAR: "", BELOW: ""}.get(wanted.kind, wanted.kind):
            wrong.append((name, wanted.kind, became, left.get(path)))
        elif wanted.kind in (FAILED, LEFT_OUT) and wanted.reason not in left[path]["error"]:
            wrong.append((name, wanted.reason, left[path]["error"]))
        elif wanted.kind == IMAGE:
            row = {key: tuple(value) if isinstance(value, list) else value for key, value in held[path].items()}
            row["taken_at"] = row["taken_at"] and row["taken_at"].isoformat()
            wrong += [(name, key, row[key], value) for key, value in wanted.columns.items() if row[key] != value]
    assert wrong == []

    # The counts of the ingest, of the statistics and of the listings add up.
    told = stats(gallery_folder, store, catalog)
    assert len(rows) == first.new == told["images"] == store.count()
    assert first.new + first.duplicates == len(held) == kinds[IMAGE] == told["files"]["ok"]
    assert first.duplicates == told["duplicates"] == 7  # three copies, three symbolic links and a hard one
    assert first.failed == kinds[FAILED] == told["files"]["failed"]
    assert first.skipped == kinds[LEFT_OUT] == told["files"]["skipped"]
    assert len(left) == first.failed + first.skipped
    assert find_problems(store, catalog, files=True) == []

    again = take_in()
    assert again == replace(first, new=0, duplicates=0, embedded=0, captioned=0, unchanged=first.new + first.duplicates)
    assert stats(gallery_folder, store, catalog)["files"] == told["files"]


def everything_in(root: Path) -> set[str]:
    """All files, and the folders that are not entered, relative to it; links to folders outside are followed."""
    found = set()
    for folder, folders, files in os.walk(root):
        found.update(os.path.relpath(os.path.join(folder, name), root) for name in files)
        found.update(os.path.relpath(os.path.join(folder, name), root) for name in folders if "junk" in folder)
    inside = {name for name in found if name.endswith("/deeper")}  # below folders that are not entered
    return (found - inside) | {"links/elsewhere/there.jpg"}
