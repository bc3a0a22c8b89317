from __future__ import annotations

import json
import re
import shutil
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
    AutoTokenizer,
    BertTokenizer,
    GPT2Config,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
)

from cvsi_db.errors import ModelError  # noqa: E402
from cvsi_db.models import captioner as captioner_module  # noqa: E402
from cvsi_db.models.captioner import (  # noqa: E402
    NOTHING_SAID,
    SeededNucleus,
    TransformersCaptioner,
    clean_caption,
    draw_uniforms,
    nucleus,
)
from cvsi_db.models.conv_encoder import ConvEncoderConfig, register_conv_encoder  # noqa: E402
from cvsi_db.models.starter import FOLDER  # noqa: E402
from tests.models.small_captioners import WORD_PIECES, save_blip, save_blip2, save_word_pieces  # noqa: E402

COLOURS = ("red", "green", "blue", "yellow", "black")
SEEDS = tuple(f"picture-{colour}" for colour in COLOURS)


@pytest.fixture(scope="session")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_blip(tmp_path_factory.mktemp("blip"))


@pytest.fixture(scope="session")
def blip2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_blip2(tmp_path_factory.mktemp("blip2"))


@pytest.fixture(scope="session")
def conv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A captioner of random weights with the starter's architecture."""
    folder = tmp_path_factory.mktemp("conv")
    register_conv_encoder()
    torch.manual_seed(0)
    eyes = ConvEncoderConfig(image_size=32, hidden_size=32, num_attention_heads=2, intermediate_size=32)
    words = GPT2Config(
        vocab_size=len(WORD_PIECES), n_embd=32, n_layer=1, n_head=2, n_positions=64, add_cross_attention=True,
        bos_token_id=2, eos_token_id=3, pad_token_id=0, initializer_range=0.5,
    )  # fmt: skip
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(eyes, words)
    config.decoder_start_token_id, config.eos_token_id, config.pad_token_id = 2, 3, 0
    VisionEncoderDecoderModel(config).half().save_pretrained(folder)
    save_word_pieces(folder)
    return folder


@pytest.fixture(params=["blip", "blip2", "conv"])
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


def test_word_pieces_are_decoded_to_clean_text(tmp_path: Path) -> None:
    text = "a woman's t-shirt (left), 25% off."
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(re.findall(r"\w+|[^\w\s]", text))]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    tokenizer = BertTokenizer(str(tmp_path / "vocab.txt"))
    decoded = tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert decoded.startswith("a woman ' s t - shirt ( left )")
    assert clean_caption(decoded) == text


def test_sentence_pieces_are_decoded_to_clean_text() -> None:
    text = "a close-up of the wizard's fox, a paper-cut: the moon."
    tokenizer = AutoTokenizer.from_pretrained(FOLDER / "captioner")
    decoded = tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert clean_caption(decoded) == decoded == text


def test_beams_sample_alike_alone_and_in_a_batch(source: str, pictures: list[Image.Image]) -> None:
    settings = {"beams": 4, "temperature": 1.0}
    together = load(source, **settings).caption(pictures, SEEDS)
    assert [len(of_one) for of_one in together] == [3] * 5
    alone = load(source, **settings).caption(pictures[2:3], SEEDS[2:3])
    assert alone == together[2:3]
    assert load(source, **settings).caption(pictures[2:3], ["another"]) != alone
    assert not any("[" in text or "<" in text for of_one in together for text in of_one)


@pytest.mark.parametrize("beams", [1, 4])
def test_a_prompt_is_gone_on_from_and_is_not_part_of_the_captions(
    blip: Path, blip2: Path, conv: Path, pictures: list[Image.Image], beams: int
) -> None:
    for folder in (blip, blip2):
        plain = load(str(folder), beams=beams).caption(pictures, SEEDS)
        prompted = TransformersCaptioner.load(
            str(folder), captions=3, name="tiny", max_new_tokens=2, beams=beams, prompt="a dog on the moon"
        )
        captions = prompted.caption(pictures, SEEDS)
        assert captions != plain
        assert all(len(text.split()) <= 2 for of_one in captions for text in of_one)
        assert "'a dog on the moon'" in prompted.name
    with pytest.raises(ModelError, match="takes no prompt"):
        TransformersCaptioner.load(str(conv), prompt="a photo of").caption(pictures, SEEDS)


def test_more_captions_than_beams_are_refused(blip: Path) -> None:
    with pytest.raises(ModelError, match="15 captions need as many beams at least, or 1 beam, found 5"):
        TransformersCaptioner.load(str(blip), captions=15, beams=5)


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


def hear(module: torch.nn.Module, heard: list[int], key: str) -> None:
    """Notes the size of the first dimension (of the second, for tokens) of what `module` is given under `key`."""
    dimension = 0 if key == "pixel_values" else 1

    def note(_module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], named: dict[str, torch.Tensor]) -> None:
        heard.append((inputs[0] if inputs else named[key]).shape[dimension])

    module.register_forward_pre_hook(note, with_kwargs=True)


@pytest.mark.parametrize(("kind", "tower"), [("blip", "vision_model"), ("blip2", "vision_model"), ("conv", "encoder")])
def test_the_vision_tower_sees_each_picture_once(
    request: pytest.FixtureRequest, pictures: list[Image.Image], kind: str, tower: str
) -> None:
    captioner = load(str(request.getfixturevalue(kind)), 5)
    batches: list[int] = []
    hear(getattr(captioner._model, tower), batches, "pixel_values")
    captioner.caption(pictures, SEEDS)
    assert batches == [5]


def test_the_q_former_sees_each_picture_once(blip2: Path, pictures: list[Image.Image]) -> None:
    captioner = load(str(blip2), 5)
    batches: list[int] = []
    captioner._model.qformer.register_forward_hook(lambda _module, _inputs, output: batches.append(len(output[0])))
    captioner.caption(pictures, SEEDS)
    assert batches == [5]


@pytest.mark.parametrize(("kind", "decoder"), [("blip", "text_decoder"), ("conv", "decoder")])
def test_the_decoder_is_given_one_token_at_a_time(
    request: pytest.FixtureRequest, pictures: list[Image.Image], kind: str, decoder: str
) -> None:
    captioner = load(str(request.getfixturevalue(kind)))
    lengths: list[int] = []
    hear(getattr(captioner._model, decoder), lengths, "input_ids")
    captioner.caption(pictures, SEEDS)
    assert len(lengths) > 2
    assert set(lengths) == {1}


def test_blip2_reads_the_image_tokens_once_and_then_one_token_at_a_time(
    blip2: Path, pictures: list[Image.Image]
) -> None:
    captioner = load(str(blip2))
    lengths: list[int] = []
    captioner._model.language_model.register_forward_hook(
        lambda _module, _inputs, output: lengths.append(output.past_key_values.get_seq_length())
    )
    captioner.caption(pictures, SEEDS)
    assert lengths == [5, 6, 7, 8, 9, 10, 11, 12]  # four image tokens and the first token, then the eight new ones


def test_blip2_ends_a_caption_at_its_line_end_and_gives_back_no_prompt(
    blip2: Path, pictures: list[Image.Image]
) -> None:
    captioner = load(str(blip2), 20, temperature=100.0, top_p=1.0)
    tokens = captioner._sample(pictures, SEEDS)
    line_end, padding = captioner._tokenizer.convert_tokens_to_ids(["Ċ", "<pad>"])
    assert tokens.shape == (100, 8)
    ended = [row[row.index(line_end) + 1 :] for row in tokens.tolist() if line_end in row]
    assert len(ended) > 5
    assert {token for rest in ended for token in rest} == {padding}
    assert "<" not in "".join(text for of_one in captioner.caption(pictures, SEEDS) for text in of_one)


def test_a_blip2_without_image_tokens_is_an_error(blip2: Path, tmp_path: Path) -> None:
    shutil.copytree(blip2, tmp_path / "old")
    config = json.loads((blip2 / "config.json").read_text())
    del config["image_token_index"]
    (tmp_path / "old" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="no image_token_index: take a newer copy"):
        load(str(tmp_path / "old"))


def test_captioning_prints_nothing(source: str, pictures: list[Image.Image], capfd: pytest.CaptureFixture[str]) -> None:
    load(source).caption(pictures, SEEDS)
    assert capfd.readouterr() == ("", "")


def test_half_precision_on_cuda_alone(
    source: str, pictures: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = [captioner_module.weights_dtype(device) for device in ("cpu", "mps", "cuda", "cuda:1")]
    assert kinds == [torch.float32, torch.float32, torch.float16, torch.float16]
    monkeypatch.setattr(captioner_module, "weights_dtype", lambda device: torch.float16)
    captioner = load(source, 15)
    kinds = {name.split(".")[0]: value.dtype for name, value in captioner._model.named_parameters()}
    assert {name for name, kind in kinds.items() if kind == torch.float32} <= {"query_tokens", "qformer"}
    assert [len(of_one) for of_one in captioner.caption(pictures, SEEDS)] == [15] * 5


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


def test_scores_that_are_not_numbers_are_an_error() -> None:
    with pytest.raises(ModelError, match="scores that are not numbers"):
        SeededNucleus(torch.tensor([[0.5]]), 0.9, 0.7)(torch.zeros(1, 1), torch.tensor([[1.0, torch.nan]]))


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
    assert "--model photos-lite" in message
    assert "\n" not in message


def test_a_folder_that_holds_no_captioner_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="this folder holds no captioner"):
        TransformersCaptioner.load(str(tmp_path))


@pytest.mark.parametrize("settings", [{"captions": 0}, {"top_p": 0.0}, {"top_p": 1.5}, {"temperature": 0.0}])
def test_sampling_settings_out_of_range_are_an_error(conv: Path, settings: dict[str, int]) -> None:
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
