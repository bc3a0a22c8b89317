"""Every family of text towers: what stands in place of a word reads as that word, and phi is trained and used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cvsi_db.gallery import Gallery
from cvsi_db.models.bundle import load_bundle
from cvsi_db.models.clip import OpenClipEncoder, _token_embedding, is_causal
from cvsi_db.models.inventory import inventory
from cvsi_db.models.phi import save_phi
from cvsi_db.records import FloatArray, PseudoText
from cvsi_db.training.phi import PhiRun, Watch, train_phi
from tests.fakes import make_picture, save_picture
from tests.models.fake_hub import FakeHub, folder_files, serve_hub
from tests.models.small_clip import known_to_open_clip
from tests.models.small_text_towers import FAMILIES, save_family

CAUSAL = {"CLIP", "EVA-CLIP", "PE-Core", "MetaCLIP 2", "MetaCLIP 2, mT5"}
DROP_DOLLAR = {"SigLIP", "SigLIP 2", "MetaCLIP 2, mT5"}
SENTENCES = ("a photo of {} that is wet. And the photo should have a red hat.", "{}", "the dog and {}, not a cat")


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(family: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_family(FAMILIES[family], tmp_path_factory.mktemp("towers") / "tower")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> OpenClipEncoder:
    return OpenClipEncoder.load(f"local-dir:{folder}", None, device="cpu")


def plain(encoder: OpenClipEncoder, texts: list[str]) -> FloatArray:
    """The text forward as open_clip does it, over the whole context."""
    with torch.inference_mode():
        found: FloatArray = encoder.model.encode_text(encoder.tokenizer(texts), normalize=False).numpy()
    return found


def word(encoder: OpenClipEncoder, name: str) -> FloatArray:
    """What the tower's own embedding of a word of one token is."""
    _, places = encoder.place_words(["$"])
    (at,) = places[0].nonzero().flatten().tolist()
    token = encoder.tokenizer([name])[0, at : at + 1]
    with torch.inference_mode():
        return np.asarray(_token_embedding(encoder.model)(token)[0].numpy())


def test_a_pseudo_word_reads_as_the_word_whose_embedding_it_is(family: str, encoder: OpenClipEncoder) -> None:
    names = ("bird", "man", "beach")
    expected = plain(encoder, [sentence.format(name) for sentence in SENTENCES for name in names])
    assert np.abs(expected[0] - expected[1]).max() > 1e-3  # the word matters: the comparison is no empty one
    pseudo = [PseudoText(sentence.format("$"), word(encoder, name)) for sentence in SENTENCES for name in names]
    np.testing.assert_allclose(encoder.encode_texts(pseudo), expected, atol=1e-5)
    alone = np.concatenate([encoder.encode_texts([text]) for text in pseudo])
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    mixed = encoder.encode_texts(["a red dog", PseudoText("a $ and a $", word(encoder, "bird")), "it costs $"])
    np.testing.assert_allclose(mixed, plain(encoder, ["a red dog", "a bird and a $", "it costs $"]), atol=1e-5)
    assert (is_causal(encoder.model), encoder.dim) == (family in CAUSAL, 24)
    dropped = encoder.tokenizer(["a $ red dog"]).equal(encoder.tokenizer(["a red dog"]))
    assert dropped == (family in DROP_DOLLAR)


def test_words_beyond_the_context_are_counted(encoder: OpenClipEncoder) -> None:
    length = int(encoder.tokenizer.context_length)
    text = " ".join(["cat"] * (length + 5))
    cut = encoder.words_cut([text, "a cat"])
    assert 6 <= cut[0] <= 8  # beside what marks start and end
    assert cut[1] == 0
    read = text.split()[: -cut[0]]
    assert encoder.words_cut([" ".join(read), " ".join([*read, "dog"])]) == [0, 1]
    np.testing.assert_allclose(*encoder.encode_texts([text, " ".join(read)]), atol=1e-5)


@pytest.mark.parametrize(
    "name", [each if each == "SigLIP 2" else pytest.param(each, marks=pytest.mark.slow) for each in FAMILIES]
)
def test_phi_is_trained_for_it_and_used_by_a_search(name: str, tmp_path: Path) -> None:
    folder = save_family(FAMILIES[name], tmp_path / "tower")
    (tmp_path / "plain.toml").write_text(f'arch = "local-dir:{folder}"\n')
    losses: list[float] = []
    captions = ["a red cat on the beach", "a dog", "the man in the hat", "a blue bird", "a wet man", "a photo"]
    watch = Watch(report=lambda _step, loss: losses.append(loss), every=1)
    encoder = load_bundle(str(tmp_path / "plain.toml"), "cpu").clip
    network = train_phi(encoder, captions, PhiRun(steps=12, batch=6, learning_rate=3e-3), watch)
    assert losses[-1] < losses[0]
    save_phi(network, tmp_path / "phi.safetensors")
    (tmp_path / "mine.toml").write_text(f'arch = "local-dir:{folder}"\nphi = "phi.safetensors"\n')
    for colour in ("red", "blue", "green"):
        save_picture(tmp_path / "pictures" / f"{colour}.png", colour)
    with Gallery.create(tmp_path / "db", model=str(tmp_path / "mine.toml"), device="cpu") as gallery:
        assert gallery.ingest(tmp_path / "pictures").new == 3
        hits = gallery.search(tmp_path / "pictures" / "red.png", "with a hat", rank="1*pseudo_token")
    assert {Path(hit.path).stem for hit in hits} == {"blue", "green"}
    seen = encoder.encode_images([make_picture(colour) for colour in ("red", "blue", "green")])
    with torch.inference_mode():
        said = network(torch.from_numpy(seen[:1]))[0].numpy()
    query = encoder.encode_texts([PseudoText("a photo of $ that with a hat.", said)])[0]
    for hit in hits:
        image = seen[1 if Path(hit.path).stem == "blue" else 2]
        cosine = float(query @ image / np.linalg.norm(query) / np.linalg.norm(image))
        assert hit.terms["pseudo_token"].similarity == pytest.approx(cosine, abs=3e-3)  # float16 on disk


@pytest.mark.slow
def test_a_tokenizer_with_a_repository_of_its_own_is_pulled_with_the_model(
    tmp_path: Path, connect: Callable[[FakeHub], FakeHub], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SigLIP's: named by the architecture, the weights are another repository's or a file."""
    # Looks for chat templates at the address of the hub that it read when it was imported.
    monkeypatch.setattr("transformers.tokenization_utils_base.list_repo_templates", lambda *_, **__: [])
    folder = save_family(FAMILIES["SigLIP"], tmp_path / "siglip")
    config = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]
    config["text_cfg"]["hf_tokenizer_name"] = "some/tokenizer"
    (tmp_path / "mine.toml").write_text('arch = "test-siglip"\nweights = "siglip/open_clip_model.safetensors"\n')
    files = {name: data for name, data in folder_files(folder).items() if name.startswith("tokenizer")}
    with known_to_open_clip("test-siglip", tmp_path, config), serve_hub({"some/tokenizer": files}) as hub:
        connect(hub)
        bundle = load_bundle(str(tmp_path / "mine.toml"), "cpu")
        clip, tokenizer, _ = inventory(bundle.spec)
        assert (clip.state, tokenizer.name, tokenizer.repo, tokenizer.state) == (
            "fully", "tokenizer", "some/tokenizer", "not",
        )  # fmt: skip
        found = bundle.encoder.encode_texts(["a red cat"])
        assert inventory(bundle.spec)[1].state == "fully"
    expected = OpenClipEncoder.load(f"local-dir:{folder}", None, device="cpu").encode_texts(["a red cat"])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_embeddings_are_not_normalised(encoder: OpenClipEncoder) -> None:
    for found in (
        encoder.encode_texts(["a cat", "a dog"]),
        encoder.encode_images([make_picture(), make_picture("blue")]),
    ):
        assert np.abs(np.linalg.norm(found, axis=1) - 1).max() > 1e-2
