"""Checkpoints of the real classes and layouts, written by the tests and read on the path that downloaded ones take."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cvsi_db.errors import ModelError
from cvsi_db.gallery import Gallery
from cvsi_db.models.clip import OpenClipEncoder, encode_tokens, is_causal, text_ends
from cvsi_db.models.phi import MappingNetwork, save_phi
from cvsi_db.models.spec import STARTER
from cvsi_db.records import FloatArray, PseudoText
from tests.models import small_clip
from tests.models.small_clip import open_clip

SAMPLES = Path(__file__).parents[2] / "sample_gallery"
PICTURES = ("red-cat-beach.png", "white-owl-room-glasses-book.png", "orange-fox-city-umbrella-rain.jpg")


@pytest.fixture(scope="module")
def model() -> Any:
    return small_clip.small_model()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in PICTURES:
        shutil.copy(SAMPLES / name, folder)
    return folder


# --- ingest and search, end to end ------------------------------------------------------------------------------


@pytest.fixture(params=["folder", "module.pt", "plain.pt", "plain.safetensors"])
def bundle_file(request: pytest.FixtureRequest, model: Any, tmp_path: Path) -> Iterator[Path]:
    """A bundle of the small CLIP in one of the layouts, a phi of its widths, and the starter's captioner."""
    save_phi(MappingNetwork(dim=48, token_dim=32), tmp_path / "phi.safetensors")
    rest = f'phi = "phi.safetensors"\ncaptioner = "{STARTER / "captioner"}"\ncaptions = 2\n'
    if request.param == "folder":
        small_clip.save_folder(model, tmp_path / "small")
        (tmp_path / "mine.toml").write_text(f'arch = "local-dir:small"\n{rest}')
        yield tmp_path / "mine.toml"
        return
    weights = tmp_path / request.param
    if weights.suffix == ".safetensors":
        small_clip.save_file(model.state_dict(), weights)
    elif weights.stem == "module":  # as open_clip's own training writes it
        state = {f"module.{name}": value for name, value in model.state_dict().items()}
        torch.save({"epoch": 3, "name": "run", "state_dict": state}, weights)
    else:
        torch.save(model.state_dict(), weights)
    (tmp_path / "mine.toml").write_text(f'arch = "test-small"\nweights = "{weights.name}"\n{rest}')
    with small_clip.known_to_open_clip("test-small", tmp_path):
        yield tmp_path / "mine.toml"


def test_a_bundle_in_every_layout_ingests_and_searches(
    bundle_file: Path, model: Any, pictures: Path, tmp_path: Path
) -> None:
    """Every similarity to the reference is what open_clip alone computes from the pictures and the stored captions."""
    with Gallery.create(tmp_path / "db", model=str(bundle_file), device="cpu") as gallery:
        assert gallery.ingest(pictures).new == 3
        assert gallery.stats()["dim"] == 48
        composed = gallery.search(pictures / PICTURES[0], "with a hat", preset="cirr", exclude_reference=False)
        alone = gallery.search(pictures / PICTURES[0], exclude_reference=False, preset="cirr")
        captions = {Path(row["path"]).name: row["captions"] for row in gallery.images()}
    assert {Path(hit.path).name for hit in composed} == set(PICTURES)
    assert all({"pseudo_token", "edited_captions"} <= set(hit.terms) for hit in composed)
    images = image_vectors(model, pictures)
    found = {Path(hit.path).name: hit.terms["image"].similarity for hit in alone}
    for name, vector in images.items():
        mixed = 0.8 * vector + 0.2 * caption_vector(model, captions[name])
        assert found[name] == pytest.approx(float(mixed @ images[PICTURES[0]]), abs=2e-3)  # stored as float16


def image_vectors(model: Any, folder: Path) -> dict[str, FloatArray]:
    """The normalised image embeddings as open_clip alone computes them."""
    transform = open_clip.image_transform(64, is_train=False)
    pictures = [transform(Image.open(folder / name).convert("RGB")) for name in PICTURES]
    with torch.inference_mode():
        vectors = model.encode_image(torch.stack(pictures), normalize=True).numpy()
    return dict(zip(PICTURES, vectors, strict=True))


def caption_vector(model: Any, captions: list[str]) -> FloatArray:
    """The mean of the normalised embeddings of captions, likewise."""
    with torch.inference_mode():
        vectors: FloatArray = model.encode_text(open_clip.get_tokenizer("ViT-B-32")(captions), normalize=True).numpy()
    return vectors.mean(axis=0)


@pytest.mark.parametrize("layout", ["folder", "file"])
def test_what_is_loaded_computes_what_was_saved(model: Any, layout: str, pictures: Path, tmp_path: Path) -> None:
    if layout == "folder":
        place = small_clip.save_folder(model, tmp_path / "small")
        encoder = OpenClipEncoder.load(f"local-dir:{place}", None, device="cpu")
    else:
        torch.save(model.state_dict(), tmp_path / "small.pt")
        with small_clip.known_to_open_clip("test-small", tmp_path):
            encoder = OpenClipEncoder.load("test-small", str(tmp_path / "small.pt"), device="cpu")
    opened = [Image.open(pictures / name).convert("RGB") for name in PICTURES]
    found = encoder.encode_images(opened)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    np.testing.assert_allclose(found, list(image_vectors(model, pictures).values()), atol=1e-5)
    texts = ["a cat", "a dog on a beach"]
    with torch.inference_mode():
        expected = model.encode_text(open_clip.get_tokenizer("ViT-B-32")(texts)).numpy()
    np.testing.assert_allclose(encoder.encode_texts(texts), expected, atol=1e-5)


def test_weights_of_another_architecture_are_one_clear_line(model: Any, tmp_path: Path) -> None:
    torch.save(model.state_dict(), tmp_path / "small.pt")
    with pytest.raises(ModelError, match=r"cannot load 'RN50' with weights .*small.pt") as caught:
        OpenClipEncoder.load("RN50", str(tmp_path / "small.pt"), device="cpu")
    assert "\n" not in str(caught.value)


# --- the pseudo-token, on the text towers of the three backbones -----------------------------------------------

BACKBONES = ("ViT-B-32-quickgelu", "ViT-L-14-quickgelu", "ViT-bigG-14")
"""OpenAI's weights, B/32 and L/14, run with the quick GELU; bigG/14 of LAION without."""

SENTENCES = ("a photo of {} that is wet. and the photo should have a red hat.", "{}", "a photo of {} that")
WORDS = ("dog", "cat", "beach")


@pytest.fixture(scope="module", params=BACKBONES)
def backbone(request: pytest.FixtureRequest) -> OpenClipEncoder:
    """The backbone's own architecture, small, behind the tokenizer that open_clip gives it."""
    config = small_clip.shrunk(request.param)
    small = small_clip.small_model(config)
    return OpenClipEncoder(small, open_clip.get_tokenizer(request.param), lambda _: torch.empty(0), "cpu")


def word(encoder: OpenClipEncoder, name: str) -> FloatArray:
    """The token embedding of a word of one token."""
    token = int(encoder.tokenizer([name])[0, 1])
    return encoder.model.token_embedding.weight[token].detach().numpy()


def plain(encoder: OpenClipEncoder, texts: list[str]) -> FloatArray:
    """The text forward as open_clip does it, over the whole context."""
    with torch.inference_mode():
        return encoder.model.encode_text(encoder.tokenizer(texts)).numpy()


def test_the_backbones_differ_as_the_real_ones_do(backbone: OpenClipEncoder) -> None:
    kinds = {type(module).__name__ for module in backbone.model.transformer.modules()}
    assert ("QuickGELU" in kinds) != ("GELU" in kinds)
    assert backbone.place_words(["$ that"])[1][0].nonzero().tolist() == [[1]]
    assert backbone.tokenizer.context_length == 77
    assert is_causal(backbone.model)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_pseudo_word_reads_as_the_word_whose_embedding_it_is(backbone: OpenClipEncoder, sentence: str) -> None:
    expected = plain(backbone, [sentence.format(name) for name in WORDS])
    assert np.abs(expected[0] - expected[1]).max() > 1e-2  # the word matters: the comparison below is no empty one
    pseudo = [PseudoText(sentence.format("$"), word(backbone, name)) for name in WORDS]
    np.testing.assert_allclose(backbone.encode_texts(pseudo), expected, atol=1e-5)
    alone = np.concatenate([backbone.encode_texts([text]) for text in pseudo])  # each cropped to its own length
    np.testing.assert_allclose(alone, expected, atol=1e-5)


def test_pseudo_words_and_plain_texts_share_a_batch(backbone: OpenClipEncoder) -> None:
    long = "a very " + "long " * 40 + "text about a cat"
    batch = [
        "a red dog",
        PseudoText("a photo of $ that is wet", word(backbone, "dog")),
        "it costs $ 5",
        PseudoText("one $ and another $", word(backbone, "cat")),
        long,
        PseudoText(long.replace("cat", "$"), word(backbone, "beach")),
    ]
    expected = plain(
        backbone,
        [
            "a red dog",
            "a photo of dog that is wet",
            "it costs $ 5",
            "one cat and another $",
            long,
            long.replace("cat", "beach"),
        ],
    )
    np.testing.assert_allclose(backbone.encode_texts(batch), expected, atol=1e-5)


def test_the_cropped_forward_is_the_whole_one(backbone: OpenClipEncoder) -> None:
    texts = ["a dog", "a photo of dog that is wet, and a second sentence", ""]
    tokens = backbone.tokenizer(texts)
    ends = text_ends(backbone.model, tokens)
    assert int(ends.max()) + 1 < tokens.shape[1]
    with torch.inference_mode():
        found = encode_tokens(backbone.model, tokens).numpy()
    np.testing.assert_allclose(found, plain(backbone, texts), atol=1e-5)


def test_words_given_to_the_tower_itself_stand_at_every_dollar(backbone: OpenClipEncoder) -> None:
    tokens, places = backbone.place_words(["a $ beside a $ at night", "a photo of $"])
    words = torch.from_numpy(np.stack([word(backbone, "dog"), word(backbone, "cat")]))
    with torch.inference_mode():
        found = encode_tokens(backbone.model, tokens, words, places).numpy()
    np.testing.assert_allclose(found, plain(backbone, ["a dog beside a dog at night", "a photo of cat"]), atol=1e-5)


# --- preprocessing, against the formula ------------------------------------------------------------------------

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
SIZES = ((640, 426), (333, 500), (224, 224), (100, 400), (1001, 300))


def by_hand(picture: Image.Image, side: int, padded: bool) -> FloatArray:
    """(3, side, side): bars to a ratio of 1.25, bicubic resize of the shorter side, centre crop, mean and deviation."""
    pixels = np.asarray(picture)
    height, width = pixels.shape[:2]
    if padded:
        least = max(width, height) / 1.25
        rows, columns = (max(int((least - length) / 2), 0) for length in (height, width))
        pixels = np.pad(pixels, ((rows, rows), (columns, columns), (0, 0)))
        height, width = pixels.shape[:2]
    scaled = (side, int(side * height / width)) if width <= height else (int(side * width / height), side)
    pixels = np.asarray(Image.fromarray(pixels).resize(scaled, Image.Resampling.BICUBIC))
    top, left = round((scaled[1] - side) / 2), round((scaled[0] - side) / 2)
    cropped = pixels[top : top + side, left : left + side].astype(np.float32) / 255
    return ((cropped - np.float32(MEAN)) / np.float32(STD)).transpose(2, 0, 1)


@pytest.fixture(scope="module")
def encoders(model: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, OpenClipEncoder]:
    arch = f"local-dir:{small_clip.save_folder(model, tmp_path_factory.mktemp('small'))}"
    return {
        "clip": OpenClipEncoder.load(arch, None, device="cpu"),
        "targetpad": OpenClipEncoder.load(arch, None, device="cpu", preprocess="targetpad"),
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PICTURES)
def test_preprocessing_is_what_the_formula_says(
    encoders: dict[str, OpenClipEncoder], name: str, size: tuple[int, int]
) -> None:
    picture = Image.open(SAMPLES / name).convert("RGB").resize(size)
    for kind, encoder in encoders.items():
        found = encoder.preprocess(picture)
        assert found.shape == (3, 64, 64)
        np.testing.assert_allclose(found, by_hand(picture, 64, kind == "targetpad"), atol=1e-5)


def test_a_tags_own_mean_and_size_are_used_for_its_weights(model: Any, tmp_path: Path) -> None:
    torch.save(model.state_dict(), tmp_path / "small.pt")
    with small_clip.known_to_open_clip("test-small", tmp_path):
        encoder = OpenClipEncoder.load("test-small", str(tmp_path / "small.pt"), device="cpu")
    grey = encoder.preprocess(Image.new("RGB", (90, 70), (128, 128, 128)))
    expected = (128 / 255 - np.float32(MEAN)) / np.float32(STD)
    np.testing.assert_allclose(grey[:, 0, 0], expected, atol=1e-5)


# --- full size --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_full_size_vit_b_32_is_saved_loaded_and_searched(pictures: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    full = open_clip.create_model("ViT-B-32-quickgelu", pretrained=None).eval()
    small_clip.save_file(full.state_dict(), tmp_path / "full.safetensors")
    assert abs((tmp_path / "full.safetensors").stat().st_size - 605_109_252) < 100_000
    save_phi(MappingNetwork(dim=512, token_dim=512), tmp_path / "phi.safetensors")
    (tmp_path / "full.toml").write_text(
        'arch = "ViT-B-32-quickgelu"\nweights = "full.safetensors"\nphi = "phi.safetensors"\n'
        f'captioner = "{STARTER / "captioner"}"\ncaptions = 2\npreprocess = "targetpad"\n'
    )
    with Gallery.create(tmp_path / "db", model=str(tmp_path / "full.toml"), device="cpu") as gallery:
        assert gallery.ingest(pictures).new == 3
        hits = gallery.search(pictures / PICTURES[0], "with a hat", preset="circo", exclude_reference=False)
    assert len(hits) == 3
    assert hits[0].terms["pseudo_token"].weight == pytest.approx(0.4)
