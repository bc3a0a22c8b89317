"""Which model a new gallery takes, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from cvsi_db.models.choice import choose_model
from cvsi_db.models.inventory import inventory, pull
from cvsi_db.models.spec import BUNDLES, complete_name
from tests.models.fake_hub import FakeHub, serve_hub

FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights",
    "tokenizer.json": b"{}",
    "preprocessor_config.json": b"{}",
}


@pytest.fixture
def hub(connect: Callable[[FakeHub], FakeHub], caplog: pytest.LogCaptureFixture) -> Iterator[FakeHub]:
    caplog.set_level("INFO", "cvsi_db")
    with serve_hub({"BAAI/BGE-VL-base": FILES}) as running:
        yield connect(running)


def test_a_hub_that_answers_gives_the_larger_model_and_its_cost_is_told(
    hub: FakeHub, caplog: pytest.LogCaptureFixture
) -> None:
    assert choose_model() == "bge-vl-base"
    (line,) = caplog.messages
    for said in (
        "bge-vl-base",
        "which is downloaded once: ",
        " MB, licence: MIT",
        "--model photos-lite needs no download",
    ):
        assert said in line
    assert hub.asked == []


def test_cached_weights_are_taken_without_a_network(
    hub: FakeHub, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(inventory(BUNDLES["bge-vl-base"]))
    caplog.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert choose_model() == "bge-vl-base"
    assert caplog.messages == [
        "the new gallery takes the model bge-vl-base, which is on this machine (--model takes another)"
    ]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("HF_HUB_OFFLINE", True, "HF_HUB_OFFLINE is set"),
        ("ENDPOINT", "http://127.0.0.1:9", "http://127.0.0.1:9 cannot be reached"),
    ],
)
def test_without_a_network_the_small_model_is_taken_and_that_is_a_warning(
    hub: FakeHub,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: object,
    why: str,
) -> None:
    monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    assert choose_model() == "photos-lite"
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    for said in ("photos-lite", why, "--model bge-vl-base in a new gallery", "cvsi-db reembed"):
        assert said in record.getMessage()


@pytest.mark.parametrize(("fault", "why"), [("html", "answers with a web page"), (403, r"refuses them (403)")])
def test_a_hub_that_gives_something_else_counts_as_none(
    hub: FakeHub, caplog: pytest.LogCaptureFixture, fault: int | str, why: str
) -> None:
    hub.fault = fault
    assert choose_model() == "photos-lite"
    assert f"{hub.url} {why}" in caplog.messages[0]


def test_a_bundle_without_its_phi_is_named_so() -> None:
    assert complete_name(None, "clip-b32") == "clip-b32"
    assert complete_name("starter", "clip-b32") == "starter"
    assert complete_name(":no-phi", "clip-b32") == "clip-b32:no-phi"
    assert complete_name(":no-phi", "clip-b32:no-phi") == "clip-b32:no-phi"
