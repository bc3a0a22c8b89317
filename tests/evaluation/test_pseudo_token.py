"""What the study of the pseudo-token puts in its place."""

from __future__ import annotations

import re

import numpy as np

from cvsi_db.evaluation.pseudo_token import ROWS, SENTENCES, terms_of, true_words
from cvsi_db.evaluation.scene_terms import SceneSource


def test_every_row_has_its_term_and_directions_are_of_length_1(source: SceneSource) -> None:
    terms = terms_of(source)
    assert {name for name in ROWS.values() if name} <= terms.keys()
    for name in ("pseudo_direction", "true_direction"):
        assert np.allclose(np.linalg.norm(terms[name], axis=1), 1, atol=1e-5)


def test_true_words_state_the_reference_and_the_edit(source: SceneSource) -> None:
    read: list[str] = []
    encode = source.models.encoder.encode_texts

    def keep(texts: list[str]) -> object:
        read.extend(texts)
        return encode(texts)

    source.models.encoder.encode_texts = keep  # type: ignore[method-assign, assignment]
    true_words(source)
    query = source.benchmark.queries[0]
    edit = re.sub(r"\W+$", "", query.edit.text)
    of_first = [text for text in read if f" that {edit}" in text]
    assert len(of_first) >= SENTENCES
    subject = source.benchmark.gallery[query.reference].subject
    assert any(subject in text for text in of_first)
    assert not any("$" in text for text in read)
