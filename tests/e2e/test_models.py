"""The models command, and bundles of real classes: from a hub of our own, from the cache alone, and from nowhere."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cvsi_db.models.spec import BUNDLES, STARTER
from tests.e2e.conftest import SAMPLES, Cli
from tests.models.fake_hub import FakeHub, folder_files, serve_hub

REAL = [name for name in BUNDLES if name not in ("starter", "photos-lite")]
REFERENCE = SAMPLES / "red-cat-beach.png"
NOWHERE = "http://127.0.0.1:9"
UNREACHABLE = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": NOWHERE}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment whose every folder for data and caches is below tmp_path/home, which is empty."""
    folder = tmp_path / "home"
    folder.mkdir()
    places = {"HF_HOME": "hf", "XDG_CACHE_HOME": "cache", "XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config"}
    return {"HOME": str(folder)} | {name: str(folder / place) for name, place in places.items()}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    shutil.copy(REFERENCE, tmp_path / "pictures")
    return tmp_path / "pictures"


# --- nothing cached, nothing reachable --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "weights", "network", "reason"),
    [
        ("clip-b32", "ViT-B-32/openai", {"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
        ("bge-vl-large", "BAAI/BGE-VL-large", {"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
        ("clip-bigg14", "ViT-bigG-14/laion2b_s39b_b160k", UNREACHABLE, f"{NOWHERE} cannot be reached"),
    ],
)
def test_weights_that_cannot_be_had_are_one_quick_line_and_nothing_is_written(
    cli: Cli,
    tmp_path: Path,
    home: dict[str, str],
    picture: Path,
    name: str,
    weights: str,
    network: dict[str, str],
    reason: str,
) -> None:
    before = sorted(tmp_path.rglob("*"))
    began = time.monotonic()
    done = cli("ingest", picture, "--model", name, "--db", tmp_path / "db", env=home | network, cwd=tmp_path)
    assert time.monotonic() - began < 5
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: the weights of ")
    assert f"{weights}' are not in the local cache" in done.stderr
    for said in (reason, "the path of a local copy", "--model photos-lite"):
        assert said in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("network", [{"HF_HUB_OFFLINE": "1"}, UNREACHABLE])
def test_pull_without_a_hub_is_one_clear_line(cli: Cli, home: dict[str, str], network: dict[str, str]) -> None:
    done = cli("models", "pull", "clip-b32", env=home | network)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("error: the weights of 'ViT-B-32/openai' are not in the local cache and ")
    assert not any(Path(home["HOME"]).iterdir())


# --- list, show, verify -----------------------------------------------------------------------------------------


def test_the_list_tells_licence_size_and_what_is_here(cli: Cli, home: dict[str, str]) -> None:
    listed = cli("models", "list", env=home)
    assert listed.returncode == 0
    lines = {line.split()[0]: line for line in listed.stdout.splitlines()}
    assert list(lines) == ["BUNDLE", *BUNDLES]
    assert lines["starter"].split()[1:4] == ["fully", "none", "MIT"]
    assert lines["clip-b32"].split()[1:4] == ["not", "1.62", "GB"]
    assert "MIT (clip), CC BY-NC 4.0 (phi), BSD-3-Clause (captioner)" in lines["clip-b32"]
    assert cli("models", env=home).stdout == listed.stdout
    shown = json.loads(cli("models", "--format", "json", env=home).stdout)
    assert json.loads(cli("models", "list", "--format", "json", env=home).stdout) == shown
    cached = {bundle["name"]: bundle["cached"] for bundle in shown}
    assert cached == {"starter": "fully", "photos-lite": "fully"} | dict.fromkeys(REAL, "not")


def test_show_tells_every_part(cli: Cli, home: dict[str, str]) -> None:
    starter = json.loads(cli("models", "show", "starter", "--format", "json", env=home).stdout)
    assert [part["name"] for part in starter["parts"]] == ["clip", "phi", "captioner", "rewriter"]
    phi = starter["parts"][1]["files"][0]
    assert phi["path"] == str(STARTER / "phi.safetensors")
    assert f"{phi['sha256']}  phi.safetensors" in (STARTER / "sha256sums.txt").read_text().splitlines()
    assert (starter["preset"], starter["preprocess"], starter["captions"]) == ("default", "clip", 5)
    real = cli("models", "show", "clip-bigg14", env=home)
    assert real.returncode == 0
    for said in (
        "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
        "download    10.2 GB",
        "Salesforce/blip-image-captioning-large",
        "BSD-3-Clause",
        "preset      circo",
        "none: searches run without the pseudo_token branch",
    ):
        assert said in real.stdout


def test_verify_finds_a_damaged_installation(cli: Cli, home: dict[str, str], tmp_path: Path) -> None:
    sound = cli("models", "verify", "starter", env=home)
    assert (sound.returncode, sound.stderr) == (0, "")
    assert {line.split()[0] for line in sound.stdout.splitlines()} == {"ok"}
    shutil.copytree(STARTER, tmp_path / "copy")
    (tmp_path / "copy.toml").write_text(
        'arch = "local-dir:copy/clip"\nphi = "copy/phi.safetensors"\ncaptioner = "copy/captioner"\n'
    )
    with (tmp_path / "copy" / "phi.safetensors").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\0\0\0\0")
    damaged = cli("models", "verify", tmp_path / "copy.toml", "--format", "json", env=home)
    assert damaged.returncode == 1
    verdicts = {Path(file["path"]).name: file["verdict"] for file in json.loads(damaged.stdout)}
    assert {name for name, verdict in verdicts.items() if verdict != "ok"} == {"phi.safetensors"}
    assert verdicts["phi.safetensors"] == "damaged"
    assert damaged.stderr.startswith("1 of 11 files of copy are damaged: delete the damaged ones, then ")


@pytest.mark.parametrize("command", ["show", "pull", "verify"])
def test_unknown_bundles_are_wrong_usage(cli: Cli, command: str) -> None:
    done = cli("models", command, "clip-b23")
    assert (done.returncode, done.stdout) == (2, "")
    assert "clip-b23" in done.stderr
    assert "clip-b32" in done.stderr


# --- a hub --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeHub]:
    """A small CLIP as open_clip writes it, and the starter's captioner."""
    from tests.models import small_clip

    clip = small_clip.save_folder(small_clip.small_model(), tmp_path_factory.mktemp("hub") / "clip")
    with serve_hub(
        {"someone/small-clip": folder_files(clip), "someone/captioner": folder_files(STARTER / "captioner")}
    ) as running:
        yield running


@pytest.fixture
def bundle_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text('arch = "hf-hub:someone/small-clip"\ncaptioner = "someone/captioner"\ncaptions = 2\n')
    return path


@pytest.mark.slow
def test_the_first_use_downloads_and_the_next_works_offline(
    cli: Cli, hub: FakeHub, home: dict[str, str], bundle_file: Path, picture: Path, tmp_path: Path
) -> None:
    online = home | {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.url}
    done = cli("ingest", picture, "--model", bundle_file, "--db", tmp_path / "db", env=online)
    assert done.returncode == 0, done.stderr
    assert "note: pulling clip someone/small-clip (unknown size, licence: unknown)" in done.stderr.splitlines()
    assert done.stdout.startswith("1 new")
    assert cli("models", "pull", bundle_file, env=home).stdout == "mine: nothing to pull; fully on this machine\n"
    found = cli("search", REFERENCE, "with a hat", "--db", tmp_path / "db", "--format", "json", env=home)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["query"]["captions"]


def test_what_was_pulled_is_verified(cli: Cli, hub: FakeHub, home: dict[str, str], bundle_file: Path) -> None:
    pulled = cli("models", "pull", bundle_file, env=home | {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.url})
    assert (pulled.returncode, pulled.stdout) == (0, "mine: pulled clip, captioner; fully on this machine\n")
    assert pulled.stderr.splitlines() == [
        "note: pulling clip someone/small-clip (unknown size, licence: unknown)",
        "note: pulling captioner someone/captioner (unknown size, licence: unknown)",
    ]
    verified = cli("models", "verify", bundle_file, env=home)
    assert verified.returncode == 0, verified.stdout
    assert {line.split()[0] for line in verified.stdout.splitlines()} == {"ok"}


def test_a_damaged_download_is_found(cli: Cli, hub: FakeHub, home: dict[str, str], bundle_file: Path) -> None:
    online = home | {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.url}
    assert cli("models", "pull", bundle_file, "--quiet", env=online).stderr == ""
    weights = next(Path(home["HF_HOME"]).rglob("models--someone--small-clip/snapshots/*/*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.resolve().write_bytes(content)
    verified = cli("models", "verify", bundle_file, env=home)
    assert verified.returncode == 1
    bad = [line.split() for line in verified.stdout.splitlines() if not line.startswith("ok")]
    assert [(line[0], line[1], line[-1]) for line in bad] == [("damaged", "clip", str(weights))]
    assert "delete the damaged ones" in verified.stderr
