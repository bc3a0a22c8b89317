"""What phi learns from: embeddings of captions, token ids of the same ones masked."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from cvsi_db.models.clip import OpenClipEncoder
from cvsi_db.training.sentences import Sentences, batches_of, embed_sentences
from cvsi_db.training.towers import new_clip, save_clip


@pytest.fixture(scope="module")
def encoder(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> OpenClipEncoder:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("clip")
    save_clip(new_clip(len(tokenizer)), tokenizer, folder)
    return OpenClipEncoder.load(f"local-dir:{folder}", None, device="cpu")


def test_embeddings_stand_beside_masked_tokens(encoder: OpenClipEncoder) -> None:
    captions = ["a red cat on the beach", "two dogs", "it is"]
    done: list[int] = []
    sentences = embed_sentences(encoder, captions, whole=0.0, seed=0, chunk=2, progress=done.append)
    assert done == [2, 3]
    assert sentences.embeddings.dtype == torch.bfloat16
    expected = torch.from_numpy(encoder.encode_texts(captions))
    torch.testing.assert_close(sentences.embeddings.float(), expected, rtol=0.1, atol=0.1)
    length = sentences.masked.shape[1]
    tokens, places = encoder.place_words(["$ on $", "$", "a photo of $"])
    assert sentences.masked.tolist() == tokens[:, :length].tolist()
    assert sentences.places.tolist() == places[:, :length].tolist()
    assert places.sum(dim=1).tolist() == [2, 1, 1]


def test_some_captions_are_masked_as_a_whole(encoder: OpenClipEncoder) -> None:
    sentences = embed_sentences(encoder, ["a red cat on the beach"] * 40, whole=0.5, seed=0)
    dollars = sentences.places.sum(dim=1)
    assert 8 < (dollars == 1).sum() < 32
    assert set(dollars.tolist()) == {1, 2}


def test_both_forms_of_a_long_caption_say_the_same(encoder: OpenClipEncoder) -> None:
    long = "a red cat on the beach " + "and it is wearing nothing " * 30
    sentences = embed_sentences(encoder, [long + "by the sea", long, "a cat"], whole=0.0, seed=0)
    assert sentences.embeddings[0].equal(sentences.embeddings[1])  # its end is beyond what the tower reads
    assert sentences.masked[0].equal(sentences.masked[1])
    assert sentences.places[0].sum() == 2
    assert sentences.masked.shape[1] < encoder.tokenizer([""]).shape[1]


def test_a_caption_whose_keywords_are_beyond_the_towers_reach_is_masked_as_a_whole(encoder: OpenClipEncoder) -> None:
    sentences = embed_sentences(encoder, ["and it is with " * 40 + "a cat"], whole=0.0, seed=0)
    assert sentences.places.sum() == 1


def test_batches_are_neighbours_in_length_and_follow_the_seed() -> None:
    lengths = torch.arange(50) % 10
    masked = torch.zeros(50, 12, dtype=torch.int32)
    sentences = Sentences(torch.zeros(50, 2), masked, masked.bool(), ends=lengths)

    def first(count: int) -> list[list[int]]:
        torch.manual_seed(4)
        batches = batches_of(sentences, 5)
        return [next(batches).tolist() for _ in range(count)]

    drawn = first(20)
    assert drawn == first(20)
    assert len({tuple(rows) for rows in drawn}) > 10
    assert all(max(lengths[rows]) - min(lengths[rows]) <= 1 for rows in drawn)
    assert next(batches_of(sentences, 99)).sort().values.tolist() == list(range(50))
