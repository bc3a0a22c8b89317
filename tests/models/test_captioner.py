from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cvsi_db.models.torchvision_shim import ensure_torchvision

ensure_torchvision()  # before transformers, which imports it

from transformers import (  # noqa: E402
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipTextConfig,
    BlipVisionConfig,
    GPT2Config,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
)

from cvsi_db.errors import ModelError  # noqa: E402
from cvsi_db.models.captioner import NOTHING_SAID, SeededNucleus, TransformersCaptioner, draw_uniforms, nucleus  # noqa: E402
from cvsi_db.models.conv_encoder import ConvEncoder, ConvEncoderConfig, register_conv_encoder  # noqa: E402

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "blue", "cat", "dog", "##s", "on", "the", "moon"]
LAYERS = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
COLOURS = ("red", "green", "blue", "yellow", "black")
SEEDS = tuple(f"picture-{colour}" for colour in COLOURS)


def save_words(folder: Path) -> None:
    """A BERT tokenizer of a few words and an image processor, as BLIP's folder has them."""
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    BlipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


@pytest.fixture(scope="session")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BLIP of random weights in the layout of a real one."""
    folder = tmp_path_factory.mktemp("blip")
    torch.manual_seed(0)
    text = BlipTextConfig(
        **LAYERS, vocab_size=len(WORDS), encoder_hidden_size=32, projection_dim=32, pad_token_id=0, bos_token_id=2,
        eos_token_id=3, sep_token_id=3, max_position_embeddings=64, initializer_range=0.3,
    )  # fmt: skip
    vision = BlipVisionConfig(**LAYERS, image_size=32, patch_size=16, projection_dim=32, initializer_range=0.3)
    config = BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=32)
    BlipForConditionalGeneration(config).save_pretrained(folder)
    save_words(folder)
    return folder


@pytest.fixture(scope="session")
def conv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A captioner of random weights with the starter's architecture."""
    folder = tmp_path_factory.mktemp("conv")
    register_conv_encoder()
    torch.manual_seed(0)
    eyes = ConvEncoderConfig(image_size=32, hidden_size=32, num_attention_heads=2, intermediate_size=32)
    words = GPT2Config(
        vocab_size=len(WORDS), n_embd=32, n_layer=1, n_head=2, n_positions=64, add_cross_attention=True,
        bos_token_id=2, eos_token_id=3, pad_token_id=0, initializer_range=0.5,
    )  # fmt: skip
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(eyes, words)
    config.decoder_start_token_id, config.eos_token_id, config.pad_token_id = 2, 3, 0
    VisionEncoderDecoderModel(config).half().save_pretrained(folder)
    save_words(folder)
    return folder


@pytest.fixture(params=["blip", "conv"])
def source(request: pytest.FixtureRequest) -> str:
    folder: Path = request.getfixturevalue(request.param)
    return str(folder)


@pytest.fixture
def pictures() -> list[Image.Image]:
    return [Image.new("RGB", (40, 30), colour) for colour in COLOURS]


def load(source: str, captions: int = 3, **settings: float) -> TransformersCaptioner:
    return TransformersCaptioner.load(source, captions=captions, name="tiny", max_new_tokens=8, **settings)


def test_captions_come_in_order_lower_case_and_tidy(source: str, pictures: list[Image.Image]) -> None:
    captions = load(source).caption(pictures, SEEDS)
    assert [len(of_one) for of_one in captions] == [3] * 5
    for text in (text for of_one in captions for text in of_one):
        assert text == " ".join(text.lower().split())
        assert text
        assert "[" not in text
    assert len({text for of_one in captions for text in of_one}) > 5


def test_captions_are_the_same_alone_and_in_a_batch(source: str, pictures: list[Image.Image]) -> None:
    captioner = load(source, temperature=1.0, top_p=1.0)
    together = captioner.caption(pictures, SEEDS)
    alone = [captioner.caption([picture], [seed])[0] for picture, seed in zip(pictures, SEEDS, strict=True)]
    assert alone == together
    assert load(source, temperature=1.0, top_p=1.0).caption(pictures[::-1], SEEDS[::-1]) == together[::-1]


def test_fewer_captions_are_the_first_of_more(source: str, pictures: list[Image.Image]) -> None:
    few, more = load(source, 2).caption(pictures, SEEDS), load(source, 4).caption(pictures, SEEDS)
    assert few == [of_one[:2] for of_one in more]


def test_the_seed_string_decides_what_is_sampled(source: str, pictures: list[Image.Image]) -> None:
    captioner = load(source, 5, temperature=2.0, top_p=1.0)
    assert captioner.caption(pictures[:1], ["one"]) != captioner.caption(pictures[:1], ["other"])


def test_no_pictures_give_no_captions_and_seeds_must_match(source: str) -> None:
    assert load(source).caption([], []) == []
    with pytest.raises(ValueError, match="1 pictures need as many seeds, found 0"):
        load(source).caption([Image.new("RGB", (8, 8))], [])


def test_the_vision_tower_sees_each_picture_once(conv: Path, pictures: list[Image.Image]) -> None:
    captioner = load(str(conv), 5)
    batches: list[int] = []
    encoder: ConvEncoder = captioner._model.encoder
    encoder.register_forward_hook(lambda _module, _inputs, output: batches.append(len(output.last_hidden_state)))
    captioner.caption(pictures, SEEDS)
    assert batches == [5]


def test_after_the_first_token_the_decoder_is_given_one_token_at_a_time(
    conv: Path, pictures: list[Image.Image]
) -> None:
    captioner = load(str(conv))
    lengths: list[int] = []
    captioner._model.decoder.register_forward_pre_hook(
        lambda _module, _inputs, named: lengths.append(named["input_ids"].shape[1]), with_kwargs=True
    )
    captioner.caption(pictures, SEEDS)
    assert len(lengths) > 2
    assert set(lengths) == {1}


def test_weights_are_used_as_float32(conv: Path) -> None:
    assert {value.dtype for value in load(str(conv))._model.parameters()} == {torch.float32}


def test_an_empty_caption_becomes_a_picture(conv: Path, pictures: list[Image.Image]) -> None:
    captioner = load(str(conv))
    with torch.no_grad():
        captioner._model.decoder.lm_head.weight.zero_()
        captioner._model.decoder.lm_head.weight[2] = 1e-3  # every token alike: [CLS] and its like decode to nothing
    settings = {"temperature": 1e-3, "top_p": 1e-3}
    always_first = load(str(conv), **settings)
    always_first._model.decoder.lm_head.weight = captioner._model.decoder.lm_head.weight
    texts = {text for of_one in always_first.caption(pictures, SEEDS) for text in of_one}
    assert NOTHING_SAID in texts


def test_the_name_tells_weights_and_settings(conv: Path) -> None:
    names = {load(str(conv), captions, top_p=top_p).name for captions in (2, 3) for top_p in (0.8, 0.9)}
    assert len(names) == 4
    assert "tiny/n2-m8-p0.8-t0.7" in names


# --- sampling ---------------------------------------------------------------------------------------------------


def test_nucleus_keeps_the_likeliest_tokens_that_reach_the_mass() -> None:
    kept = nucleus(torch.tensor([[0.1, 0.5, 0.15, 0.25], [0.97, 0.01, 0.01, 0.01]]), 0.7)
    assert kept.tolist() == [[0.0, 0.5, 0.0, 0.25], [pytest.approx(0.97), 0.0, 0.0, 0.0]]


def test_a_uniform_chooses_by_inverse_transform() -> None:
    scores = torch.tensor([[0.2, 0.3, 0.5]]).log().repeat(5, 1)
    uniforms = torch.tensor([[0.0], [0.19], [0.21], [0.49], [0.999999]])
    chosen = SeededNucleus(uniforms, top_p=1.0, temperature=1.0)(torch.zeros(5, 1), scores)
    assert chosen.isfinite().sum(-1).tolist() == [1] * 5
    assert chosen.argmax(-1).tolist() == [0, 0, 1, 1, 2]


@given(st.integers(1, 5), st.floats(0.05, 1.0), st.floats(0.1, 3.0), st.integers(0, 10_000))
def test_the_chosen_token_is_in_the_nucleus(rows: int, top_p: float, temperature: float, seed: int) -> None:
    scores = torch.randn(rows, 40, generator=torch.Generator().manual_seed(seed)) * 5
    uniforms = draw_uniforms([f"{seed}/{row}" for row in range(rows)], 1)
    chosen = SeededNucleus(uniforms, top_p, temperature)(torch.zeros(rows, 1), scores)
    kept = nucleus((scores / temperature).softmax(-1), top_p)
    assert bool((kept.gather(-1, chosen.argmax(-1, keepdim=True)) > 0).all())


def test_samples_follow_the_distribution() -> None:
    shares = torch.tensor([0.1, 0.2, 0.3, 0.4])
    uniforms = draw_uniforms([f"row/{row}" for row in range(4000)], 1)
    chosen = SeededNucleus(uniforms, 1.0, 1.0)(torch.zeros(4000, 1), shares.log().repeat(4000, 1))
    counted = chosen.argmax(-1).bincount(minlength=4) / 4000
    assert counted.tolist() == pytest.approx(shares.tolist(), abs=0.03)


def test_rows_are_drawn_from_their_own_string_alone() -> None:
    together = draw_uniforms(["a", "b", "c"], 6)
    assert torch.equal(draw_uniforms(["b"], 6)[0], together[1])
    assert together.shape == (3, 6)
    assert bool(((together >= 0) & (together < 1)).all())


# --- errors -----------------------------------------------------------------------------------------------------


def test_weights_that_cannot_be_had_are_one_quick_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    start = time.monotonic()
    with pytest.raises(ModelError) as raised:
        TransformersCaptioner.load("nobody/no-such-captioner")
    assert time.monotonic() - start < 5
    message = str(raised.value)
    assert "'nobody/no-such-captioner'" in message
    assert "local copy" in message
    assert "--model starter" in message
    assert "\n" not in message


def test_a_folder_that_holds_no_captioner_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="this folder holds no captioner"):
        TransformersCaptioner.load(str(tmp_path))


@pytest.mark.parametrize("settings", [{"captions": 0}, {"top_p": 0.0}, {"top_p": 1.5}, {"temperature": 0.0}])
def test_settings_that_cannot_be_meant_are_an_error(conv: Path, settings: dict[str, int]) -> None:
    with pytest.raises(ModelError, match="a captioner needs"):
        TransformersCaptioner.load(str(conv), **settings)  # type: ignore[arg-type]


# --- the starter ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def starter() -> TransformersCaptioner:
    from cvsi_db.models.starter import FOLDER

    return TransformersCaptioner.load(str(FOLDER / "captioner"))


def test_the_starter_tells_what_a_drawing_shows(starter: TransformersCaptioner) -> None:
    from cvsi_db.scenes.grammar import sample_scenes
    from cvsi_db.scenes.renderer import render
    from cvsi_db.training.caption_scores import score_captions

    scenes = sample_scenes(24, seed=31)
    captions = starter.caption([render(scene, 128) for scene in scenes], [str(scene.seed) for scene in scenes])
    scores = score_captions(captions, scenes)
    for attribute in ("colour", "setting", "time", "count"):
        assert scores[attribute].right > 0.8, attribute
    assert scores["subject"].stated == 1.0


def test_the_starter_is_small_and_float16() -> None:
    from safetensors import safe_open

    from cvsi_db.models.starter import FOLDER

    assert sum(file.stat().st_size for file in (FOLDER / "captioner").iterdir()) < 9_000_000
    with safe_open(FOLDER / "captioner" / "model.safetensors", "pt") as weights:
        kinds = {weights.get_slice(name).get_dtype() for name in weights.keys()}  # noqa: SIM118
    assert kinds == {"F16", "I64"}
