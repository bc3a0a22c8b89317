"""Shards: images in tar archives are taken in, followed and read again one by one; archives of strangers do no harm."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import tarfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest

from cvsi_db.errors import GalleryError, IngestError
from cvsi_db.ingest import tar_member
from cvsi_db.ingest.read_bytes import place_of, read_file
from cvsi_db.ingest.tar_member import TarMember, member_at
from cvsi_db.store.location import RemoteFolder
from tests.fakes import picture_bytes
from tests.safety.workers import gallery_in

NOTES = {
    "rating": 4,
    "tags": ["sea"],
    "taken_at": "2024-05-01T10:00:00",
    "url": "https://example.org/a",
    "similarity": 1,
}


def pack(archive: Path, files: Mapping[str, bytes], form: int = tarfile.USTAR_FORMAT) -> Path:
    """An archive of these files."""
    with tarfile.open(archive, "w", format=form) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return archive


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """A shard as img2dataset writes them."""
    files = {
        "000000.png": picture_bytes("red"),
        "000000.json": json.dumps(NOTES).encode(),
        "000000.txt": b"a red\nsquare ",
        "000001.png": picture_bytes("blue"),
        "000001.json": b'{"rating": "four"}',
        "trip/000002.png": picture_bytes("green"),
        "trip/000002.json": b'{"caption": "something green", "rating": null}',
        "readme.md": b"x",
    }
    return pack(tmp_path / "00000.tar", files)


def test_the_images_of_a_shard_are_taken_in_with_what_it_says_of_them(shard: Path, tmp_path: Path) -> None:
    with gallery_in(tmp_path / "gallery") as gallery:
        done = gallery.ingest(shard)
        assert (done.new, done.failed, done.skipped, done.captioned) == (3, 0, 2, 3)
        assert {(Path(each.path).name, each.reason) for each in done.skipped_files} == {
            ("000001.json", "a .json file of an image that cannot be read: rating is 'four'"),
            ("readme.md", "not an image (text/markdown)"),
        }
        columns = ["path", "folder", "name", "rating", "taken_at", "captions", "tags"]
        first, second, third = gallery.images(columns=columns)
        assert first == {
            "path": f"{shard}/000000.png", "folder": "00000.tar", "name": "000000.png", "rating": 4,
            "taken_at": datetime(2024, 5, 1, 10), "captions": ["a red square"], "tags": ["sea"],
        }  # fmt: skip
        assert (second["rating"], second["captions"][0][:2]) == (None, "a ")  # the captioner's
        assert (third["path"], third["captions"]) == (f"{shard}/trip/000002.png", ["something green"])
        assert (gallery.ingest(shard).unchanged, gallery.check()) == (3, [])
        assert [row["name"] for row in gallery.images(folder=shard / "trip")] == ["000002.png"]
        found = gallery.search(f"{shard}/000001.png", "in green", k=5)
        assert sorted(hit.metadata["name"] for hit in found) == ["000000.png", "000002.png"]
        assert gallery.remove(shard).images == 3


def test_a_shard_that_changes_is_followed(shard: Path, tmp_path: Path) -> None:
    with gallery_in(tmp_path / "gallery") as gallery:
        gallery.ingest(shard)
        files = {"000000.png": picture_bytes("yellow"), "000001.png": picture_bytes("blue")}
        os.utime(pack(shard, files), (1e9, 1e9))
        assert {problem.kind for problem in gallery.check()} == {"file changed", "file gone"}
        done = gallery.ingest(shard)
        assert (done.new, done.unchanged, done.removed, gallery.check()) == (1, 1, 1, [])
        copy = tmp_path / "copy.png"
        copy.write_bytes(files["000001.png"])
        pack(shard, {"000000.png": files["000000.png"]})
        assert gallery.ingest(shard, copy).moved == 1
        shard.unlink()
        assert "they stay in the gallery" in gallery.ingest(shard, copy).lost[0].reason
        assert [problem.kind for problem in gallery.check()] == ["file gone"]


def test_a_folder_does_not_open_the_archives_in_it(shard: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture_bytes("orange"))
    with gallery_in(tmp_path / "gallery") as gallery:
        done = gallery.ingest(tmp_path)
        assert done.new == 1
        told = {Path(each.path).name: each.reason for each in done.skipped_files}
        assert told["00000.tar"] == "a tar archive: name it by itself to take in what it holds"


def test_a_member_is_read_by_itself(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[tuple[int, int]]()
    whole = tar_member._read
    monkeypatch.setattr(
        tar_member, "_read", lambda archive, start, size: read.append((start, size)) or whole(archive, start, size)
    )
    place = place_of(f"{shard}/trip/000002.png")
    data = read_file(place).data
    assert data == picture_bytes("green")
    assert [size for _, size in read if size == len(data)] == [len(data)]
    read.clear()
    assert read_file(place).data == data
    assert [size for _, size in read] == [len(data)]  # where it lies is known by now
    assert pickle.loads(pickle.dumps(place)) == place
    assert isinstance(place, TarMember)
    assert place.name == "000002.png"
    assert str(place.parent) == f"{shard}/trip"
    shard.unlink()
    assert place_of(str(place)) == Path(str(place))


def test_what_is_called_like_an_archive_may_be_a_folder(shard: Path, tmp_path: Path) -> None:
    inner = tmp_path / "old.tar" / "x.TAR"
    inner.parent.mkdir()
    shard.rename(inner)
    assert member_at(f"{inner}/000001.png") == f"{inner}/000001.png"
    assert member_at(f"{inner.parent}/000001.png") is None
    assert member_at("/a/b.tarnish/c.png") is None


def names_in(archive: Path) -> tuple[list[str], list[str]]:
    place = TarMember(archive, "")
    return [name for name, _, _ in place.objects()], [reason for _, _, reason in place.left_out()]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_names_in_other_scripts(tmp_path: Path, form: int) -> None:
    names = [f"{'a' * 80}/{'b' * 60}.png", "./ü.png", "c.png"]
    archive = pack(tmp_path / "x.tar", dict.fromkeys(names, b"1234"), form)
    assert names_in(archive) == ([names[0], "ü.png", "c.png"], [])
    assert place_of(f"{archive}/ü.png").read_bytes() == b"1234"


def test_names_that_lead_elsewhere_and_what_is_no_file_are_left_out(tmp_path: Path) -> None:
    archive = tmp_path / "x.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("/etc/a.png", "../b.png", "a/../../c.png", "a/../d.png", "\udcff.png", "e.png"):
            tar.addfile(tarfile.TarInfo(name))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            member = tarfile.TarInfo("link.png")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    names, reasons = names_in(archive)
    assert names == ["d.png", "e.png"]
    assert [reason for reason in reasons if "leads elsewhere or is not UTF-8" in reason] == reasons[:4]
    assert reasons[4:] == ["not a regular file"] * 3


def test_an_archive_that_was_cut_short_gives_what_is_whole(shard: Path, tmp_path: Path) -> None:
    place = member_at(f"{shard}/trip/000002.png")
    assert place is not None
    end = tar_member._listed(shard)[0].places["trip/000002.png"][0]
    shard.write_bytes(shard.read_bytes()[: end + 10])
    names, reasons = names_in(shard)
    assert names[-1] == "000001.json"
    assert reasons[0] == "the archive ends in the middle of it"
    with gallery_in(tmp_path / "gallery") as gallery:
        done = gallery.ingest(shard)
        assert (done.new, done.failed) == (2, 0)
        assert "the archive ends in the middle of it" in {each.reason for each in done.skipped_files}


@pytest.mark.parametrize("content", [b"", b"no tar" * 1000, b"\x1f\x8b" + bytes(2000), bytes(10240)])
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "x.tar"
    archive.write_bytes(content)
    with (
        gallery_in(tmp_path / "gallery") as gallery,
        pytest.raises(IngestError, match=r"no image in '.*x.tar' or below"),
    ):
        gallery.ingest(archive)


def test_headers_and_members_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = tarfile.TarInfo("a.png")
    bomb.pax_headers = {"comment": "x" * (tar_member.HEADER_BYTES + 1)}
    archive = tmp_path / "x.tar"
    archive.write_bytes(bomb.tobuf(tarfile.PAX_FORMAT))
    assert names_in(archive) == ([], ["no uncompressed tar archive: a header is too long"])
    monkeypatch.setattr(tar_member, "MAX_MEMBERS", 2)
    many = pack(tmp_path / "y.tar", dict.fromkeys(["a", "b", "c"], b""))
    assert names_in(many) == (["a", "b"], ["damaged after 2 files: it has more than 2 files"])


def test_damaged_archives_do_no_harm(tmp_path: Path) -> None:
    files = {f"{n}.png": b"x" * n for n in range(0, 1500, 300)} | {"é" * 90 + ".json": b"{}"}
    whole = bytearray(pack(tmp_path / "whole.tar", files, tarfile.PAX_FORMAT).read_bytes())
    chance = random.Random(5)
    for number in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 20)):
            damaged[chance.randrange(len(damaged) // 2)] = chance.choice(
                (0, 0x2D, 0x37, 0x80, 0xFF, chance.randrange(256))
            )
        archive = tmp_path / f"{number}.tar"
        archive.write_bytes(damaged[: chance.randint(1, len(damaged))])
        for name in names_in(archive)[0]:
            place = TarMember(archive, name)
            assert len(place.read_bytes()) == place.status()[0]


def test_an_archive_that_changes_while_it_is_read_is_told(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = place_of(f"{shard}/000001.png")
    assert isinstance(place, RemoteFolder)
    whole = tar_member._read

    def read(archive: Path, start: int, size: int) -> bytes:
        data = whole(archive, start, size)
        os.utime(shard, (1e9, 1e9))
        return data

    monkeypatch.setattr(tar_member, "_read", read)
    with pytest.raises(GalleryError, match=r"00000.tar' changed while it was read: ingest it again"):
        place.read_bytes()
