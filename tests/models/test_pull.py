"""Fetching with the hub's real client, from a hub of our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from cvsi_db.errors import ModelError
from cvsi_db.models.inventory import clip_part, inventory, pull, state_of
from cvsi_db.models.spec import BUNDLES, BundleSpec
from tests.models.fake_hub import FakeHub, serve_hub

INDEX = json.dumps({"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}).encode()
CAPTIONER = {
    "README.md": b"not wanted",
    "config.json": b"{1}",
    "preprocessor_config.json": b"{2}",
    "tokenizer.json": b"{3}",
    "tokenizer_config.json": b"{4}",
    "model.safetensors.index.json": INDEX,
    "model-1-of-2.safetensors": b"one",
    "model-2-of-2.safetensors": b"two",
    "pytorch_model.bin": b"the same as pickle",
}
CLIP = {"open_clip_model.safetensors": b"weights", "open_clip_pytorch_model.bin": b"the same as pickle"}
SPEC = BundleSpec("mine", "", "", arch="ViT-B-32", weights="openai", phi=None, captioner="someone/captioner")


@pytest.fixture
def hub(connect: Callable[[FakeHub], FakeHub]) -> Iterator[FakeHub]:
    repos = {"timm/vit_base_patch32_clip_224.openai": CLIP, "someone/captioner": CAPTIONER, "someone/else": {"a": b""}}
    with serve_hub(repos) as running:
        yield connect(running)


def test_pull_fetches_what_is_missing_and_nothing_twice(hub: FakeHub, caplog: pytest.LogCaptureFixture) -> None:
    assert state_of(inventory(SPEC)) == "not"
    caplog.set_level("INFO", "cvsi_db")
    assert [part.name for part in pull(inventory(SPEC))] == ["clip", "captioner"]
    assert caplog.messages == [
        "pulling clip timm/vit_base_patch32_clip_224.openai (605 MB, licence: MIT)",
        "pulling captioner someone/captioner (unknown size, licence: unknown)",
    ]
    assert state_of(inventory(SPEC)) == "fully"
    assert sorted(hub.asked) == sorted(
        ["timm/vit_base_patch32_clip_224.openai/open_clip_model.safetensors"]
        + [f"someone/captioner/{name}" for name in CAPTIONER if name not in ("README.md", "pytorch_model.bin")]
    )
    hub.asked.clear()
    assert pull(inventory(SPEC)) == []
    assert hub.asked == []


def test_a_shard_that_is_lost_is_missed_and_fetched_alone(hub: FakeHub) -> None:
    pull(inventory(SPEC))
    captioner = inventory(SPEC)[1]
    next(path for path in captioner.files if path.name == "model-2-of-2.safetensors").unlink()
    assert inventory(SPEC)[1].missing == (("model-2-of-2.safetensors",),)
    assert state_of(inventory(SPEC)) == "partly"
    hub.asked.clear()
    pull(inventory(SPEC))
    assert hub.asked in ([], ["someone/captioner/model-2-of-2.safetensors"])  # its blob may still be in the cache
    assert state_of(inventory(SPEC)) == "fully"


def test_a_damaged_index_is_one_clear_line(hub: FakeHub) -> None:
    pull(inventory(SPEC))
    index = next(path for path in inventory(SPEC)[1].files if path.name.endswith(".index.json"))
    index.resolve().write_text("{}")
    with pytest.raises(ModelError, match="is not an index of weights: delete it, then pull"):
        inventory(SPEC)


def test_a_repository_that_lacks_a_file_is_one_clear_line(hub: FakeHub) -> None:
    spec = BundleSpec("mine", "", "", arch="hf-hub:someone/else", weights=None, phi=None, captioner="someone/captioner")
    with pytest.raises(ModelError, match=r"repository 'someone/else' holds no open_clip_config.json: is it the right"):
        pull([clip_part(spec)])


def test_a_repository_that_is_not_there_is_one_clear_line(hub: FakeHub) -> None:
    spec = BundleSpec("mine", "", "", arch="hf-hub:nobody/nothing", weights=None, phi=None, captioner="a/b")
    with pytest.raises(ModelError, match="cannot download 'nobody/nothing'") as caught:
        pull([clip_part(spec)])
    assert "\n" not in str(caught.value)


def test_offline_is_respected_before_anything_is_said(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    caplog.set_level("INFO", "cvsi_db")
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
        pull(inventory(BUNDLES["clip-l14"]))
    assert caplog.messages == hub.asked == []
