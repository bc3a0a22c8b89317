"""The first command on a new machine, with no model named: what it takes, what it says, and what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Cli
from tests.models.fake_hub import FakeHub, folder_files, serve_hub

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """A person's environment: nothing is cached, and no model is named."""
    folder = tmp_path / "home"
    folder.mkdir()
    places = {"HF_HOME": "hf", "XDG_CACHE_HOME": "cache", "XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config"}
    return {"HOME": str(folder), "CVSI_MODEL": ""} | {name: str(folder / place) for name, place in places.items()}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeHub]:
    """BGE-VL base under its name and in its layout, small and of random weights."""
    from tests.models.small_clip import save_transformers_clip

    folder = save_transformers_clip(tmp_path_factory.mktemp("bge"))
    with serve_hub({"BAAI/BGE-VL-base": folder_files(folder)}) as running:
        yield running


def test_without_a_hub_the_small_model_is_taken_and_said_everywhere(
    cli: Cli, home: dict[str, str], photos: Path, tmp_path: Path
) -> None:
    db, env = tmp_path / "db", home | {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": NOWHERE}
    done = cli("ingest", photos, "--db", db, env=env)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "the new gallery takes" in line]
    for said in ("photos-lite", f"{NOWHERE} cannot be reached", "--model bge-vl-base", "reembed"):
        assert said in line
    assert done.stdout.endswith(f"gallery {db} (photos-lite)\n")
    again = cli("ingest", photos, "--db", db, env=env)
    assert "the new gallery takes" not in again.stderr
    found = cli("search", "--text", "something red", "--db", db, "--format", "json", "--explain", env=env)
    assert json.loads(found.stdout)["query"]["model"] == "photos-lite"
    assert "model photos-lite" in found.stderr.splitlines()
    assert json.loads(cli("stats", "--db", db, "--json", env=env).stdout)["model"] == "photos-lite"


@pytest.mark.slow
def test_with_a_hub_the_larger_model_is_pulled_with_its_cost_told_and_works_offline_later(
    cli: Cli, home: dict[str, str], photos: Path, tmp_path: Path, hub: FakeHub
) -> None:
    db, online = tmp_path / "db", {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.url}
    done = cli("ingest", photos, "--db", db, env=home | online)
    assert done.returncode == 0, done.stderr
    chosen, pulling = [line for line in done.stderr.splitlines() if line.startswith("note: ")]
    assert chosen.startswith("note: the new gallery takes the model bge-vl-base, which is downloaded once: ")
    assert pulling.startswith("note: pulling clip BAAI/BGE-VL-base (")
    assert pulling.endswith(" MB, licence: MIT)")
    found = cli("search", photos / "red.png", "in blue", "--db", db, "--format", "json", env=home)
    assert found.returncode == 0, found.stderr
    answer = json.loads(found.stdout)
    assert (answer["query"]["model"], answer["query"]["preset"]) == ("bge-vl-base", "sum")
    offline = cli("ingest", photos, "--db", tmp_path / "second", "--quiet", env=home)
    assert (offline.returncode, offline.stderr) == (0, "")
    assert offline.stdout.endswith("(bge-vl-base)\n")


@pytest.mark.slow
def test_a_login_page_in_place_of_the_hub_is_said_and_no_download_is_left_half_written(
    cli: Cli, home: dict[str, str], photos: Path, tmp_path: Path
) -> None:
    with serve_hub({}) as hub:
        hub.fault = "html"
        env = home | {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.url}
        done = cli("ingest", photos, "--model", "bge-vl-base", "--db", tmp_path / "db", "--quiet", env=env)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "a proxy or a login page stands between" in done.stderr
        assert not (tmp_path / "db").exists()
        assert not [path for path in Path(home["HOME"]).rglob("*") if path.is_file()]
        done = cli("ingest", photos, "--db", tmp_path / "db", env=env)
        assert done.returncode == 0, done.stderr
        assert f"{hub.url} answers with a web page (a proxy or a login page stands between)" in done.stderr
        assert done.stdout.endswith("(photos-lite)\n")


def test_a_model_that_is_named_is_never_replaced(cli: Cli, home: dict[str, str], photos: Path, tmp_path: Path) -> None:
    for asked, env in ((("--model", "bge-vl-base"), {}), ((), {"CVSI_MODEL": "bge-vl-base"})):
        done = cli("ingest", photos, "--db", tmp_path / "db", *asked, env=home | env)
        assert done.returncode == 1
        assert done.stderr.startswith("error: the weights of ")
        assert "the new gallery takes" not in done.stderr
        assert not (tmp_path / "db").exists()
