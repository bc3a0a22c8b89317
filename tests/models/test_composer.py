"""A composer of sentence-transformers as a bundle's encoder: against a stand-in of its interface, and the real one."""

from __future__ import annotations

import shutil
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvsi_db.errors import BundleError, ModelError, RankError
from cvsi_db.gallery import Gallery
from cvsi_db.models.bundle import load_bundle
from cvsi_db.models.composer import SIDE, load_composer
from cvsi_db.models.inventory import inventory
from cvsi_db.models.spec import read_bundle
from cvsi_db.models.torchvision_shim import ensure_torchvision
from cvsi_db.records import PseudoText
from tests.fakes import FakeEncoder, make_picture, save_picture
from tests.models.fake_hub import FakeHub, folder_files, serve_hub
from tests.models.small_composer import save_bundle, save_composer, save_stand_in, stand_in

COLOURS = ("red", "blue", "green", "yellow")


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The stand-in, in the real one's place."""
    module = stand_in()
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    return module


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle file of a folder beside it."""
    return save_bundle(tmp_path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for colour in COLOURS:
        save_picture(tmp_path / "pictures" / f"{colour}.png", colour)
    return tmp_path / "pictures"


def test_each_kind_of_input_has_its_own_instruction(package: Any, tmp_path: Path) -> None:
    folder = save_stand_in(tmp_path / "composer")
    encoder = load_composer(str(folder), device="cpu", instruction="both", image_instruction="seen")
    red, fake = make_picture("red"), FakeEncoder()
    for found, inner, prompt in (
        (encoder.encode_images([red]), fake.encode_images([red]), "seen"),
        (encoder.encode_texts(["a hat"]), fake.encode_texts(["a hat"]), None),
        (encoder.encode_composed([red], ["a hat"]), fake.encode_images([red]) + fake.encode_texts(["a hat"]), "both"),
    ):
        expected = inner + (0.1 * fake.encode_texts([prompt]) if prompt else 0)
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert package.calls == [(["image"], "seen"), (["text"], None), (["image+text"], "both")]
    assert (encoder.dim, encoder.encode_images([]).shape, encoder.encode_images([red]).dtype) == (
        32,
        (0, 32),
        np.float32,
    )
    with pytest.raises(ModelError, match="takes no pseudo-token: leave phi out"):
        encoder.encode_texts([PseudoText("a $", np.zeros(4, np.float32))])


def test_large_images_are_made_smaller_once(package: Any, tmp_path: Path) -> None:
    encoder = load_composer(str(save_stand_in(tmp_path / "composer")), device="cpu")
    noise = Image.fromarray(np.random.default_rng(2).integers(0, 256, (300, 2 * SIDE, 3), np.uint8))
    prepared = encoder.prepare(noise)
    assert prepared.size == (SIDE, 150)
    assert encoder.prepare(prepared) is prepared
    np.testing.assert_array_equal(encoder.encode_images([prepared]), encoder.encode_images([noise]))


def test_a_width_keeps_the_first_numbers_of_each_vector(package: Any, bundle: Path, pictures: Path) -> None:
    whole = load_bundle(str(bundle), "cpu")
    bundle.write_text(bundle.read_text() + "width = 12\n")
    narrow = load_bundle(str(bundle), "cpu")
    assert (whole.encoder.dim, narrow.encoder.dim) == (32, 12)
    np.testing.assert_array_equal(narrow.encoder.encode_texts(["a cat"]), whole.encoder.encode_texts(["a cat"])[:, :12])
    assert not narrow.fits(whole.fingerprint)
    bundle.write_text('arch = "st:composer"\n')
    assert load_bundle(str(bundle), "cpu").fits(whole.fingerprint)  # no gallery knows the instruction for both
    with Gallery.create(bundle.parent / "db", model=str(bundle), device="cpu") as gallery:
        assert gallery.stats()["dim"] == 32
    bundle.write_text('arch = "st:composer"\nwidth = 64\n')
    with pytest.raises(ModelError, match="has vectors of 32 numbers: width cannot be 64"):
        _ = load_bundle(str(bundle), "cpu").encoder


def test_a_gallery_is_searched_by_image_and_text_together(package: Any, bundle: Path, pictures: Path) -> None:
    fake = FakeEncoder()
    both = (
        fake.encode_images([make_picture("red")]) + fake.encode_texts(["blue"]) + 0.1 * fake.encode_texts(["as told"])
    )
    seen = fake.encode_images([make_picture(colour) for colour in COLOURS])
    cosines = unit(seen) @ unit(both)[0]
    with Gallery.create(bundle.parent / "db", model=str(bundle), device="cpu") as gallery:
        assert gallery.ingest(pictures).new == 4
        assert gallery.preset == "composed"
        result = gallery.search(pictures / "red.png", "blue", exclude_reference=False)
        assert {Path(hit.path).stem: hit.score for hit in result} == {
            colour: pytest.approx(cosine, abs=2e-3) for colour, cosine in zip(COLOURS, cosines, strict=True)
        }
        assert [Path(hit.path).stem for hit in result[:2]] == ["red", "blue"]
        assert result.warnings == ()
        assert package.calls[-1] == (["image+text"], "as told")
        assert "composed" in gallery.explain(pictures / "red.png", "blue")
        mixed = gallery.search(pictures / "red.png", "blue", rank="0.5*composed - 0.5*image + edit_text")
        terms = mixed[0].terms
        assert {name: term.weight for name, term in terms.items() if term.weight} == {
            "composed": 0.5, "image": -0.5, "edit_text": 1.0,
        }  # fmt: skip
        assert mixed[0].score == pytest.approx(sum(term.contribution for term in terms.values()), abs=1e-5)
        assert Path(mixed[0].path).stem == "blue"
        pooled = gallery.search(pictures / "red.png", "blue", rank="1*image", pool=4, exclude_reference=False)
        again = pooled.rerank({"composed": 1.0})
        assert [hit.image_id for hit in again] == [hit.image_id for hit in result]
        table = gallery.sql("SELECT path, composed FROM compose(:ref, 'blue')", ref=str(pictures / "red.png"))
        assert table["composed"].to_pylist() == pytest.approx([hit.score for hit in result if hit.rank > 1], abs=1e-4)


def unit(rows: Any) -> Any:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_either_half_alone_needs_no_composer(package: Any, bundle: Path, pictures: Path) -> None:
    with Gallery.create(bundle.parent / "db", model=str(bundle), device="cpu") as gallery:
        gallery.ingest(pictures)
        package.calls.clear()
        assert Path(gallery.search(edit_text="a green one")[0].path).stem == "green"
        assert Path(gallery.search(pictures / "red.png", exclude_reference=False)[0].path).stem == "red"
        assert [kinds for kinds, _ in package.calls] == [["text"]]


def test_other_models_have_no_term_composed(tmp_path: Path) -> None:
    sample = Path(__file__).parents[2] / "sample_gallery" / "red-cat-beach.png"
    shutil.copy(sample, tmp_path / "cat.png")
    with Gallery.create(tmp_path / "db", model="starter", device="cpu") as gallery:
        gallery.ingest(tmp_path / "cat.png", caption=False)
        with pytest.raises(
            RankError, match=r"the rank names composed, which this query does not have.*`st:` in a bundle"
        ):
            gallery.search(tmp_path / "cat.png", "with a hat", rank="1*composed")
        with pytest.raises(RankError, match="the preset composed needs a model that embeds image and text together"):
            gallery.search(tmp_path / "cat.png", "with a hat", preset="composed")


# --- bundle files ---------------------------------------------------------------------------------------------------


def test_a_bundle_file_names_a_folder_beside_it(bundle: Path) -> None:
    spec = read_bundle(bundle)
    assert (spec.arch, spec.preset, spec.instruction) == (f"st:{bundle.parent / 'composer'}", "composed", "as told")
    (clip, _) = inventory(spec)
    assert (clip.state, clip.repo) == ("fully", None)
    bundle.write_text('arch = "st:composer"\npreset = "untuned"\n')
    assert read_bundle(bundle).preset == "untuned"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('arch = "st:composer"\nphi = "phi.safetensors"', "phi is for all but composers"),
        ('arch = "st:composer"\nwidth = 0', "width cannot be 0"),
        ('arch = "st:composer"\nwidth = -1', "width is at least 1, not -1"),
        ('arch = "st:composer"\ninstruction = 3', "instruction cannot be 3"),
        ('arch = "ViT-B-32"\nwidth = 512', "width is for composers"),
    ],
)
def test_a_bundle_file_that_cannot_be_is_refused(bundle: Path, text: str, problem: str) -> None:
    bundle.write_text(text)
    with pytest.raises(BundleError, match=problem):
        read_bundle(bundle)


def test_no_phi_is_trained_for_it(bundle: Path) -> None:
    with pytest.raises(ModelError, match="has no CLIP to train a phi for"):
        _ = load_bundle(str(bundle), "cpu").clip


# --- what stands in its way -----------------------------------------------------------------------------------------


def test_the_package_is_asked_for_by_name(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ModelError, match=r"needs sentence_transformers: pip install 'cvsi-db\[st\]'"):
        _ = load_bundle(str(bundle), "cpu").encoder
    monkeypatch.setitem(sys.modules, "sentence_transformers", stand_in(version="5.3.1"))
    with pytest.raises(ModelError, match=r"sentence-transformers 5\.3\.1 takes no image with a text"):
        _ = load_bundle(str(bundle), "cpu").encoder


def test_models_of_texts_alone_and_pickles_are_refused(
    bundle: Path, package: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundle.parent / "composer" / "2_Dense").mkdir()
    (bundle.parent / "composer" / "2_Dense" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="has weights that are not safetensors"):
        _ = load_bundle(str(bundle), "cpu").encoder
    shutil.rmtree(bundle.parent / "composer" / "2_Dense")
    monkeypatch.setitem(sys.modules, "sentence_transformers", stand_in(modalities=["text", "image"]))
    with pytest.raises(ModelError, match="takes no image and text together"):
        _ = load_bundle(str(bundle), "cpu").encoder


def test_it_is_pulled_from_the_hub(
    package: Any, bundle: Path, connect: Callable[[FakeHub], FakeHub], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = folder_files(bundle.parent / "composer") | {"1_Pooling/config.json": b"{ }", "big.onnx": b"0"}
    bundle.write_text('arch = "st:some/composer"\n')
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="'some/composer' are not in the local cache and HF_HUB_OFFLINE is set"):
        _ = load_bundle(str(bundle), "cpu").encoder
    with serve_hub({"some/composer": files}) as hub:
        connect(hub)
        (clip, _) = inventory(read_bundle(bundle))
        assert (clip.state, clip.repo) == ("not", "some/composer")
        assert load_bundle(str(bundle), "cpu").encoder.dim == 32
        assert "some/composer/1_Pooling/config.json" in hub.asked
        assert "some/composer/big.onnx" not in hub.asked


# --- the real package -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_qwen2_vl_of_the_real_package_runs(tmp_path: Path, pictures: Path) -> None:
    ensure_torchvision()
    sentence_transformers = pytest.importorskip("sentence_transformers")
    folder = save_composer(tmp_path / "qwen")
    (tmp_path / "mine.toml").write_text('arch = "st:qwen"\ninstruction = "Find the image."\nwidth = 16\n')
    bundle = load_bundle(str(tmp_path / "mine.toml"), "cpu")
    theirs = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    red, path = make_picture("red"), str(pictures / "red.png")
    asked = {"image": red, "text": "in blue"}
    expected = theirs.encode([asked], prompt="Find the image.")[:, :16]
    np.testing.assert_allclose(bundle.encoder.encode_composed([red], ["in blue"]), expected, atol=1e-5)  # type: ignore[attr-defined]
    np.testing.assert_allclose(bundle.encoder.encode_images([red]), theirs.encode([red])[:, :16], atol=1e-5)
    np.testing.assert_allclose(bundle.encoder.encode_texts(["a cat"]), theirs.encode(["a cat"])[:, :16], atol=1e-5)
    assert np.isfinite(bundle.encoder.encode_composed([red], [""])).all()  # type: ignore[attr-defined]  # one of CIRR's edits says nothing
    text = bundle.encoder.encode_texts([path])  # a text that is the path of an image is a text
    assert not np.allclose(text, bundle.encoder.encode_images([Image.open(path)]), atol=1e-2)
    with Gallery.create(tmp_path / "db", model=str(tmp_path / "mine.toml"), device="cpu") as gallery:
        assert gallery.ingest(pictures).new == 4
        hits = gallery.search(path, "in blue")
        seen = {Path(each).stem: bundle.encoder.encode_images([Image.open(each)])[0] for each in pictures.iterdir()}
    assert len(hits) == 3
    for hit in hits:
        cosine = float((unit(expected) @ unit(seen[Path(hit.path).stem][None]).T)[0, 0])
        assert hit.terms["composed"].similarity == pytest.approx(cosine, abs=3e-3)
