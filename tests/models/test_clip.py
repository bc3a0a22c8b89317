"""The open_clip encoder: pseudo-tokens, batches, preprocessing, and weights that cannot be had."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cvsi_db.errors import ModelError
from cvsi_db.models import clip, hub
from cvsi_db.models.clip import OpenClipEncoder, find_weights, pad_to_ratio
from cvsi_db.models.starter import FOLDER
from cvsi_db.models.torchvision_shim import ensure_torchvision
from cvsi_db.records import PseudoText

ensure_torchvision()
import open_clip  # noqa: E402  # importable only after the line above

VISION = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
TEXT = {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}


def small_encoder(kind: str) -> OpenClipEncoder:
    """A random CLIP of width 32 with OpenAI's tokenizer; `kind` is an open_clip class."""
    torch.manual_seed(7)
    model = getattr(open_clip, kind)(embed_dim=24, vision_cfg=dict(VISION), text_cfg=dict(TEXT))
    transform = open_clip.image_transform(32, is_train=False)
    return OpenClipEncoder(model, open_clip.SimpleTokenizer(context_length=20), transform, "cpu")


@pytest.fixture(scope="module", params=["CLIP", "CustomTextCLIP"])
def encoder(request: pytest.FixtureRequest) -> OpenClipEncoder:
    return small_encoder(request.param)


def word(encoder: OpenClipEncoder, text: str) -> Any:
    """The token embedding of a one-token word."""
    tower = getattr(encoder.model, "text", encoder.model)
    return tower.token_embedding.weight[int(encoder.tokenizer([text])[0, 1])].detach().numpy()


def test_widths(encoder: OpenClipEncoder) -> None:
    assert (encoder.dim, encoder.token_dim) == (24, 32)


def test_dollar_is_found_by_tokenizing(encoder: OpenClipEncoder) -> None:
    assert encoder.dollar_id == 259  # OpenAI's vocabulary


@pytest.mark.parametrize("name", ["cat", "beach"])
def test_pseudo_word_equals_the_word_it_stands_for(encoder: OpenClipEncoder, name: str) -> None:
    plain = encoder.encode_texts([f"a photo of {name} that is red."])
    pseudo = encoder.encode_texts([PseudoText("a photo of $ that is red.", word(encoder, name))])
    np.testing.assert_allclose(pseudo, plain, atol=1e-5)


def test_mixed_batch_keeps_order_and_leaves_plain_texts_alone(encoder: OpenClipEncoder) -> None:
    cat, dog = word(encoder, "cat"), word(encoder, "dog")
    mixed = encoder.encode_texts(["a $ in cash", PseudoText("one $", cat), "a dog", PseudoText("a big $ $", dog)])
    plain = encoder.encode_texts(["a $ in cash", "one cat", "a dog", "a big dog $"])
    np.testing.assert_allclose(mixed, plain, atol=1e-5)


def test_hook_is_gone_after_a_failed_forward(encoder: OpenClipEncoder) -> None:
    before = encoder.encode_texts(["two dogs"])
    with pytest.raises(ModelError, match=r"shape \(5,\)"):
        encoder.encode_texts([PseudoText("a $", np.zeros(5, np.float32))])
    np.testing.assert_array_equal(encoder.encode_texts(["two dogs"]), before)


def test_threads_do_not_meet_each_others_words(encoder: OpenClipEncoder) -> None:
    queries = [PseudoText("a photo of $ at night", word(encoder, name)) for name in ("cat", "dog", "bird", "moon")]
    expected = [encoder.encode_texts([query]) for query in queries]
    found: dict[int, Any] = {}

    def ask(index: int) -> None:
        for _ in range(5):
            found[index] = encoder.encode_texts([queries[index]])

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, vectors in enumerate(expected):
        np.testing.assert_allclose(found[index], vectors, atol=1e-5)


@pytest.mark.parametrize("text", ["no place for it", "a $$", " ".join(["word"] * 30) + " $"])
def test_pseudo_token_without_place_is_an_error(encoder: OpenClipEncoder, text: str) -> None:
    with pytest.raises(ModelError, match="set it between spaces"):
        encoder.encode_texts([PseudoText(text, word(encoder, "cat"))])


def test_pictures_are_one_batch_in_order(encoder: OpenClipEncoder) -> None:
    red, blue = Image.new("RGB", (50, 40), "red"), Image.new("RGB", (40, 90), "blue")
    both = encoder.encode_images([red, blue])
    assert both.shape == (2, 24)
    assert both.dtype == np.float32
    np.testing.assert_allclose(both[1], encoder.encode_images([blue])[0], atol=1e-5)
    assert not np.allclose(both[0], both[1])


def test_empty_batches(encoder: OpenClipEncoder) -> None:
    assert encoder.encode_images([]).shape == (0, 24)
    assert encoder.encode_texts([]).shape == (0, 24)


def test_embeddings_are_not_normalised(encoder: OpenClipEncoder) -> None:
    assert not np.allclose(np.linalg.norm(encoder.encode_texts(["a cat"]), axis=1), 1.0, atol=0.05)


# --- preprocessing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "padded"),
    [((100, 100), (100, 100)), ((120, 100), (120, 100)), ((200, 100), (200, 160)), ((100, 500), (400, 500))],
)
def test_pad_to_ratio(size: tuple[int, int], padded: tuple[int, int]) -> None:
    assert pad_to_ratio(Image.new("RGB", size, "white")).size == padded


def test_padding_is_black_and_centred() -> None:
    padded = pad_to_ratio(Image.new("RGB", (200, 100), "white"))
    column = np.asarray(padded)[:, 100, 0]
    assert (column[:30] == 0).all()
    assert (column[30:130] == 255).all()
    assert (column[130:] == 0).all()


def test_targetpad_sees_what_a_crop_would_lose() -> None:
    assert clip._padded(lambda picture: torch.tensor(picture.size))(Image.new("RGB", (400, 100))).tolist() == [400, 320]


# --- weights ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arch", "weights", "message"),
    [
        ("local-dir:/nowhere", None, "is no CLIP folder"),
        ("ViT-B-33", "openai", "no architecture that open_clip knows"),
        ("ViT-B-32", None, "needs weights"),
        ("ViT-B-32", "openia", "neither a file nor a tag.*openai"),
    ],
)
def test_what_cannot_be_meant_is_said_at_once(arch: str, weights: str | None, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        OpenClipEncoder.load(arch, weights, device="cpu")


def test_folder_without_weights(tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(ModelError, match="holds no weights"):
        OpenClipEncoder.load(f"local-dir:{tmp_path}", None, device="cpu")


def test_damaged_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_text("{}")
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot load 'local-dir:") as caught:
        OpenClipEncoder.load(f"local-dir:{tmp_path}", None, device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("arch", "weights"), [("ViT-B-32", "openai"), ("hf-hub:someone/something", None)])
def test_offline_without_cache_names_the_two_ways_out(
    arch: str, weights: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"HF_HUB_OFFLINE is set: .*local copy.*--model starter"):
        OpenClipEncoder.load(arch, weights, device="cpu")


def test_cached_weights_are_used_without_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = tmp_path / "models--timm--vit_base_patch32_clip_224.openai" / "snapshots" / "abc"
    cached.mkdir(parents=True)
    (cached / hub.OPEN_CLIP_FILES[0]).touch()
    refs = cached.parent.parent / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    source = find_weights("ViT-B-32", "openai")
    assert source.pretrained == str(cached / hub.OPEN_CLIP_FILES[0])
    assert source.settings["force_quick_gelu"] is True  # OpenAI's weights were trained with it
    assert source.settings["image_mean"] == (0.48145466, 0.4578275, 0.40821073)


def test_weights_file_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").touch()
    source = find_weights("ViT-B-32", str(tmp_path / "mine.safetensors"))
    assert source.pretrained == str(tmp_path / "mine.safetensors")


# --- the bundled model ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def starter() -> OpenClipEncoder:
    return OpenClipEncoder.load(f"local-dir:{FOLDER / 'clip'}", None, device="cpu")


def test_starter_loads_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    encoder = OpenClipEncoder.load(f"local-dir:{FOLDER / 'clip'}", None, device="cpu")
    assert (encoder.dim, encoder.token_dim) == (256, 192)
    assert capfd.readouterr().out == ""


def test_starter_tells_colours_apart(starter: OpenClipEncoder) -> None:
    scenes = pytest.importorskip("cvsi_db.scenes.renderer", exc_type=Exception)
    from cvsi_db.scenes.scene import Scene

    colours = ["red", "blue", "green", "yellow"]
    pictures = starter.encode_images([scenes.render(Scene("cat", colour), 256) for colour in colours])
    texts = starter.encode_texts([f"a {colour} cat" for colour in colours])
    assert (pictures @ texts.T).argmax(axis=1).tolist() == [0, 1, 2, 3]
