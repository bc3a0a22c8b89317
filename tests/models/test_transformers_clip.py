"""A CLIP in transformers' layout against transformers' own forward, and as the models of a bundle."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cvsi_db.errors import ModelError
from cvsi_db.models.bundle import load_bundle
from cvsi_db.models.clip import OpenClipEncoder, encode_tokens, is_causal, text_ends
from cvsi_db.models.inventory import inventory
from cvsi_db.models.spec import BUNDLES
from cvsi_db.models.transformers_clip import TransformersClip, load_transformers_clip
from cvsi_db.records import FloatArray, PseudoText
from cvsi_db.training.phi import PhiRun, train_phi
from tests.models.fake_hub import FakeHub, folder_files, serve_hub
from tests.models.small_transformers_clip import DIM, SIDE, CLIPModel, save_transformers_clip, small_clip_model

TEXTS = ["with a hat", "A  dog's $ tail, in 3 parks", "word " * 100]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_transformers_clip(tmp_path_factory.mktemp("clip") / "m")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> OpenClipEncoder:
    return load_transformers_clip(str(folder), device="cpu")


def pictures() -> list[Image.Image]:
    rng = np.random.default_rng(5)
    sizes = [(SIDE, SIDE), (40, 57), (90, 61)]
    return [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]


def reference(folder: Path) -> tuple[FloatArray, FloatArray]:
    """The features of pictures() and TEXTS as transformers computes them from its own processor and tokenizer."""
    from transformers import CLIPModel, CLIPTokenizerFast
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    model = CLIPModel.from_pretrained(folder).eval()
    pixels = CLIPImageProcessorPil.from_pretrained(folder)(images=pictures(), return_tensors="pt")["pixel_values"]
    tokens = CLIPTokenizerFast.from_pretrained(folder)(
        TEXTS, return_tensors="pt", padding=True, truncation=True, max_length=77
    )
    with torch.no_grad():
        found = model.get_image_features(pixel_values=pixels), model.get_text_features(**tokens)
    images, texts = (getattr(each, "pooler_output", each).numpy() for each in found)  # transformers 4 gives tensors
    return images, texts


def test_features_are_those_of_transformers_un_normalised(folder: Path, encoder: OpenClipEncoder) -> None:
    images, texts = reference(folder)
    assert encoder.encode_images(pictures()) == pytest.approx(images, abs=1e-5)
    assert encoder.encode_texts(TEXTS) == pytest.approx(texts, abs=1e-5)
    assert (encoder.dim, encoder.side, encoder.token_dim) == (DIM, SIDE, 16)
    assert float(np.linalg.norm(images, axis=1).min()) > 1.5
    assert np.array_equal(
        encoder.encode_images([encoder.prepare(each) for each in pictures()]), encoder.encode_images(pictures())
    )
    assert encoder.words_cut(TEXTS) == [0, 0, 25]


def test_the_forward_of_training_is_that_of_the_text_tower(encoder: OpenClipEncoder) -> None:
    assert is_causal(encoder.model)
    tokens = encoder.tokenizer(TEXTS)
    with torch.no_grad():
        assert encode_tokens(encoder.model, tokens) == pytest.approx(encoder.model.encode_text(tokens), abs=1e-5)


def test_a_text_ends_at_the_end_token_also_where_other_tokens_have_higher_ids(encoder: OpenClipEncoder) -> None:
    config = small_clip_model().config
    config.text_config.vocab_size += 2
    torch.manual_seed(3)
    clip = TransformersClip(CLIPModel(config).eval())
    tokens = encoder.tokenizer(TEXTS)
    tokens[1, 1] = config.text_config.vocab_size - 1
    assert (clip.text_pool_type, is_causal(clip)) == ("eos", True)
    with torch.no_grad():
        assert encode_tokens(clip, tokens) == pytest.approx(clip.encode_text(tokens), abs=1e-5)
        assert text_ends(clip, tokens).tolist() == text_ends(encoder.model, encoder.tokenizer(TEXTS)).tolist()


def test_a_pseudo_token_stands_where_the_dollar_would(encoder: OpenClipEncoder) -> None:
    embedding = encoder.model.token_embedding.weight
    cat = embedding[int(encoder.tokenizer(["cat"])[0, 1])].detach().numpy()
    plain, pseudo = encoder.encode_texts(["a cat on a mat", PseudoText("a $ on a mat", cat)])
    assert pseudo == pytest.approx(plain, abs=1e-6)


def test_phi_is_trained_for_it(encoder: OpenClipEncoder) -> None:
    run = PhiRun(steps=2, batch=4)
    network = train_phi(encoder, ["a cat on a mat", "a dog in a park", "two birds", "a red car"], run)
    assert network(torch.from_numpy(encoder.encode_images(pictures()))).shape == (3, 16)


def test_weights_that_are_not_those_of_a_clip_are_refused(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = shutil.copytree(folder, tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    del weights["text_projection.weight"]
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"1 of its weights are missing.*'text_projection\.weight'"):
        load_transformers_clip(str(broken), device="cpu")
    (broken / "model.safetensors").rename(broken / "pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot load the CLIP"):
        load_transformers_clip(str(broken), device="cpu")


def test_a_bundle_file_names_a_folder_beside_it(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "m")
    (tmp_path / "mine.toml").write_text('arch = "transformers:m"\npreset = "sum"\n')
    bundle = load_bundle(str(tmp_path / "mine.toml"), "cpu")
    assert bundle.spec.arch == f"transformers:{tmp_path / 'm'}"
    assert (bundle.captioner, bundle.phi, bundle.encoder.dim) == (None, None, DIM)
    (clip, _) = inventory(bundle.spec)
    assert (clip.state, clip.repo) == ("fully", None)
    before = bundle.fingerprint
    save_transformers_clip(tmp_path / "m", seed=4)
    assert not load_bundle(str(tmp_path / "mine.toml"), "cpu").fits(before)


@pytest.mark.parametrize("size", ["base", "large"])
def test_bge_vl_is_pulled_from_the_hub_and_its_code_does_not_run(
    size: str, folder: Path, connect: Callable[[FakeHub], FakeHub]
) -> None:
    spec = BUNDLES[f"bge-vl-{size}"]
    assert (spec.preset, spec.phi, spec.captioner) == ("sum", None, None)
    with serve_hub({f"BAAI/BGE-VL-{size}": folder_files(folder)}) as hub:
        connect(hub)
        (clip, _) = inventory(spec)
        assert (clip.state, clip.licence) == ("not", "MIT")
        encoder = load_bundle(spec.name, "cpu").encoder
        assert "modeling_theirs.py" not in " ".join(hub.asked)
    assert encoder.encode_texts(["a hat"]) == pytest.approx(
        load_transformers_clip(str(folder), device="cpu").encode_texts(["a hat"]), abs=1e-6
    )
