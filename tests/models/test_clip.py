"""The open_clip encoder: pseudo-tokens, batches, preprocessing."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cvsi_db.errors import ModelError
from cvsi_db.models import clip
from cvsi_db.models.clip import OpenClipEncoder, pad_to_ratio, quiet_libraries
from cvsi_db.models.device import cores_shared
from cvsi_db.models.starter import FOLDER
from cvsi_db.models.torchvision_shim import ensure_torchvision
from cvsi_db.records import PseudoText

ensure_torchvision()
import open_clip  # noqa: E402  # importable only after the line above
from torchvision.transforms import Compose  # noqa: E402

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


def test_dim_and_token_dim(encoder: OpenClipEncoder) -> None:
    assert (encoder.dim, encoder.token_dim) == (24, 32)


def test_places_are_found_by_tokenizing(encoder: OpenClipEncoder) -> None:
    tokens, places = encoder.place_words(["a $ in $5", "no place", "it costs $."])
    assert [row.nonzero().flatten().tolist() for row in places] == [[2, 4], [], [3]]
    assert len(set(tokens[places].tolist())) == 1
    assert encoder.place_words(["a $ in $5"], 1)[1].nonzero().tolist() == [[0, 2]]
    assert encoder.place_words([" ".join(["word"] * 30) + " $"])[1].sum() == 0


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


@pytest.mark.parametrize("text", ["no place for it", " ".join(["word"] * 30) + " $"])
def test_pseudo_token_without_place_is_an_error(encoder: OpenClipEncoder, text: str) -> None:
    with pytest.raises(ModelError, match="put spaces around it"):
        encoder.encode_texts([PseudoText(text, word(encoder, "cat"))])


LONG = " ".join(["cat dog bird moon"] * 5)


def test_words_beyond_the_context_are_counted(encoder: OpenClipEncoder) -> None:
    assert encoder.words_cut(["a cat", " ".join(["cat"] * 18), " ".join(["cat"] * 19), LONG, ""]) == [0, 0, 1, 2, 0]
    assert encoder.words_cut([]) == []


def test_a_word_that_is_read_in_part_counts_as_cut(encoder: OpenClipEncoder) -> None:
    assert len(encoder.tokenizer.encode("sousaphone")) == 3
    assert encoder.words_cut([" ".join(["cat"] * 15) + " sousaphone", " ".join(["cat"] * 16) + " sousaphone"]) == [0, 1]


def test_words_that_are_cut_change_nothing(encoder: OpenClipEncoder) -> None:
    cut = encoder.words_cut([LONG])[0]
    read = " ".join(LONG.split()[:-cut])
    np.testing.assert_allclose(*encoder.encode_texts([LONG, read]), atol=1e-6)
    assert encoder.words_cut([read]) == [0]


@pytest.mark.parametrize("mark", ["<end_of_text>", "<START_OF_TEXT>", "&lt;end_of_text&gt;", "<|endoftext|>"])
def test_a_special_tokens_mark_in_a_text_does_not_end_the_sentence(encoder: OpenClipEncoder, mark: str) -> None:
    check_marks_are_text(encoder, mark)


def check_marks_are_text(encoder: OpenClipEncoder, mark: str) -> None:
    cat, dog = encoder.encode_texts([f"a {mark} cat", f"a {mark} dog"])
    assert not np.allclose(cat, dog, atol=1e-3)
    tokens = encoder._tokenize([f"a {mark} cat {mark}"])[0].tolist()
    start, end = encoder.tokenizer([""])[0, :2].tolist()
    assert (tokens.count(start), tokens.count(end)) == (1, 1)
    pseudo = PseudoText(f"a photo of $ that {mark} is red.", np.zeros(encoder.token_dim, np.float32))
    other = PseudoText(f"a photo of $ that {mark} is blue.", np.zeros(encoder.token_dim, np.float32))
    assert not np.allclose(*encoder.encode_texts([pseudo, other]), atol=1e-3)


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
    [
        ((100, 100), (100, 100)),
        ((120, 100), (120, 100)),
        ((125, 100), (125, 100)),
        ((200, 100), (200, 160)),
        ((100, 500), (400, 500)),
        ((500, 333), (500, 399)),  # two bars of 33.5 pixels, rounded down
        ((127, 101), (127, 101)),
    ],
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
    padded = clip.padded(Compose([lambda picture: picture.size]))
    assert padded(Image.new("RGB", (400, 100))) == (400, 320)


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash", "targetpad"])
def test_a_prepared_picture_embeds_to_the_same_bits(encoder: OpenClipEncoder, mode: str) -> None:
    padded = mode == "targetpad"
    transform = open_clip.image_transform(32, is_train=False, resize_mode="shortest" if padded else mode)
    ours = OpenClipEncoder(encoder.model, encoder.tokenizer, clip.padded(transform) if padded else transform, "cpu")
    noise = np.random.default_rng(3).integers(0, 256, (90, 130, 3), np.uint8)
    pictures = [Image.fromarray(noise), Image.fromarray(noise[:, :40]), Image.fromarray(noise[:20, :25])]
    prepared = [ours.prepare(picture) for picture in pictures]
    assert {picture.size for picture in prepared} == {(32, 32)}
    np.testing.assert_array_equal(ours.encode_images(prepared), ours.encode_images(pictures))


def test_side_lanes_and_batch_size(encoder: OpenClipEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    assert (encoder.side, encoder.lanes, encoder.batch_size) == (32, 6, 16)
    monkeypatch.setattr(encoder, "device", "cuda:1")
    assert (encoder.lanes, encoder.batch_size) == (1, 128)


def test_lanes_give_the_same_bits(encoder: OpenClipEncoder) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (8, 32, 32, 3), np.uint8)
    pictures = [Image.fromarray(each) for each in noise]
    whole = encoder.encode_images(pictures)
    with cores_shared(2) as begin, ThreadPoolExecutor(2, initializer=begin) as lanes:
        halves = list(lanes.map(encoder.encode_images, (pictures[:4], pictures[4:])))
    np.testing.assert_array_equal(np.concatenate(halves), whole)


# --- the bundled model ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def starter() -> OpenClipEncoder:
    return OpenClipEncoder.load(f"local-dir:{FOLDER / 'clip'}", None, device="cpu")


def test_two_threads_that_load_leave_the_logs_as_they_were() -> None:
    def load() -> None:
        with quiet_libraries():
            begun.set()
            over.wait(60)

    begun, over = threading.Event(), threading.Event()
    other = threading.Thread(target=load)
    with quiet_libraries():
        other.start()
        begun.wait(0.2)  # it must not begin before this one has ended
    over.set()
    other.join()
    assert logging.root.manager.disable == 0


def test_starter_loads_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    encoder = OpenClipEncoder.load(f"local-dir:{FOLDER / 'clip'}", None, device="cpu")
    assert (encoder.dim, encoder.token_dim) == (256, 192)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("mark", ["<end>", "<start>", "<pad>", "\uff1cend\uff1e", "<|endoftext|>"])
def test_a_special_tokens_mark_does_not_end_a_sentence_of_the_starter(starter: OpenClipEncoder, mark: str) -> None:
    check_marks_are_text(starter, mark)


def test_words_beyond_the_starters_context_are_counted(starter: OpenClipEncoder) -> None:
    words = ["cat"] * 62
    assert starter.words_cut([" ".join(words), " ".join([*words, "dog", "fox"])]) == [0, 2]


def test_starter_tells_colours_apart(starter: OpenClipEncoder) -> None:
    scenes = pytest.importorskip("cvsi_db.scenes.renderer", exc_type=Exception)
    from cvsi_db.scenes.scene import Scene

    colours = ["red", "blue", "green", "yellow"]
    pictures = starter.encode_images([scenes.render(Scene("cat", colour), 256) for colour in colours])
    texts = starter.encode_texts([f"a {colour} cat" for colour in colours])
    assert (pictures @ texts.T).argmax(axis=1).tolist() == [0, 1, 2, 3]
