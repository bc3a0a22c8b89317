"""Hashes against records: the starter's own list, a user's list, and the names of the hub's blobs."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from cvsi_db.models.inventory import Part, inventory
from cvsi_db.models.spec import BUNDLES, STARTER
from cvsi_db.models.verify import hash_file, recorded_sums, verify
from tests.models.fake_hub import COMMIT, etag


def test_the_starter_is_what_its_list_says_and_the_list_is_complete() -> None:
    """After training anew, in its folder: `sha256sum phi.safetensors */*.json */*.safetensors > sha256sums.txt`."""
    checked = verify(inventory(BUNDLES["starter"]))
    assert {file.verdict for file in checked} == {"ok"}
    assert {Path(file.path) for file in checked} == set(recorded_sums(STARTER / "phi.safetensors"))
    assert len(checked) == 11


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the starter's smaller parts with its list."""
    shutil.copytree(STARTER, tmp_path / "starter")
    return tmp_path / "starter"


def test_a_damaged_and_a_lost_file_are_found(copied: Path) -> None:
    weights = copied / "captioner" / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[5_000_000] ^= 1
    weights.write_bytes(changed)
    (copied / "captioner" / "tokenizer.json").unlink()
    files = tuple(path for path in sorted((copied / "captioner").iterdir()) if path.suffix != ".md")
    checked = verify([Part("captioner", str(copied / "captioner"), "MIT", files=files)])
    verdicts = {Path(file.path).name: file.verdict for file in checked}
    assert verdicts == {
        "config.json": "ok",
        "generation_config.json": "ok",
        "model.safetensors": "damaged",
        "preprocessor_config.json": "ok",
        "tokenizer.json": "missing",
        "tokenizer_config.json": "ok",
    }


def test_a_file_without_a_record_is_hashed_and_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "phi.pt").write_bytes(b"weights")
    part = Part("phi", str(tmp_path / "phi.pt"), "MIT", files=(tmp_path / "phi.pt",))
    assert [(file.verdict, file.sha256) for file in verify([part])] == [
        ("unrecorded", hashlib.sha256(b"weights").hexdigest())
    ]


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_the_hubs_cache_names_blobs_by_their_hash(tmp_path: Path, name: str) -> None:
    content = b"what the hub sent"
    blob, snapshot = tmp_path / "blobs" / etag(name, content), tmp_path / "snapshots" / COMMIT / name
    blob.parent.mkdir()
    snapshot.parent.mkdir(parents=True)
    blob.write_bytes(content)
    snapshot.symlink_to(Path("../../blobs") / blob.name)
    part = Part("captioner", "a/b", "MIT", repo="a/b", files=(snapshot,))
    assert [file.verdict for file in verify([part])] == ["ok"]
    blob.write_bytes(b"something else was sent")
    assert [file.verdict for file in verify([part])] == ["damaged"]


def test_missing_files_are_listed(tmp_path: Path) -> None:
    part = Part("clip", "a/b", "MIT", repo="a/b", missing=(("one.safetensors", "one.bin"),))
    assert [(file.path, file.verdict, file.sha256) for file in verify([part])] == [
        ("one.safetensors or one.bin", "missing", None)
    ]


def test_hash_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)
    assert hash_file(tmp_path / "file") == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert hash_file(tmp_path / "file", b"y", "sha1") == hashlib.sha1(b"y" + b"x" * 3_000_000).hexdigest()
