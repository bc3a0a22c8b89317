"""Embed: the pictures and texts of queries become vectors, one for each term they have.

One image forward and one text forward at most, whatever is asked for; a picture whose embedding is known needs none.
Takes what the compiler has read, looked up and rewritten; returns unweighted vectors.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Literal

import numpy as np

from cvsi_db.models.unit_vectors import normalise
from cvsi_db.records import FloatArray, PseudoText, Rewrite, TermName
from cvsi_db.search.compile.references import SeenImage

if TYPE_CHECKING:
    from cvsi_db.models.protocols import Encoder, Phi

NO_DIRECTION = 1e-4
"""Means of unit vectors that lie closer than this differ by rounding alone."""


_NONE: FloatArray = np.zeros((0, 0), dtype=np.float32)


@dataclass(frozen=True)
class Parts:
    """What there is to embed: the reference with its captions, the rewrite of the edit text, and further examples.

    With `as_typed` the edit text is also embedded as it was typed, with `together` with the reference, by an encoder
    that can. Parts that are not `to_rewrite` need no rewrite.
    """

    reference: SeenImage | None = None
    edit_text: str | None = None
    as_typed: bool = False
    together: bool = False
    to_rewrite: bool = True
    captions: tuple[str, ...] = ()
    rewrite: Rewrite | None = None
    liked: tuple[SeenImage, ...] = ()
    unliked: tuple[SeenImage, ...] = ()
    negative: tuple[str, ...] = ()


@dataclass(frozen=True)
class Embedded:
    """A query vector (dim,) before it has a weight, the text it came from, and of one embedding alone its length before
    it was normalised."""

    vector: FloatArray = field(repr=False)
    text: str | None = None
    length: float | None = None


_Rows = Iterator[tuple[FloatArray, float]]
"""Unit vectors (dim,), each with the length that it had."""


def embed(many: Sequence[Parts], encoder: Encoder, phi: Phi | None) -> list[dict[TermName, Embedded]]:
    """Every term that each query's parts give, whatever its weight: one image forward and one text forward for all, and
    one of both together.

    Raises ModelError for an embedding without a direction.
    """
    pictures = [picture for parts in many for picture in _pictures(parts)]
    images = _image_embeddings(pictures, encoder)
    pseudos = _pseudo_texts(many, images, encoder, phi)
    texts = [text for parts, pseudo in zip(many, pseudos, strict=True) for text in _texts(parts, pseudo)]
    text_rows = _unit_rows(encoder.encode_texts(texts) if texts else _NONE, len(texts))
    image_rows = _unit_rows(np.stack(images) if pictures else _NONE, len(pictures))
    both = [(parts.reference.picture.image, _typed(parts)) for parts in many if parts.together and parts.reference]
    compose: Callable[..., FloatArray] = getattr(encoder, "encode_composed", lambda *_: _NONE)
    both_rows = _unit_rows(compose(*map(list, zip(*both, strict=True))) if both else _NONE, len(both))
    return [
        _text_terms(parts, pseudo, text_rows)
        | _image_terms(parts, image_rows)
        | ({"composed": _single(both_rows, _typed(parts))} if parts.together else {})
        for parts, pseudo in zip(many, pseudos, strict=True)
    ]


def pseudo_sentence(edit_text: str, added_objects: str, encoder: Encoder | None = None) -> str:
    """The sentence whose `$` becomes the pseudo-token (CVSI, the visual branch).

    Where it is longer than the `encoder` reads, the edit loses its last words rather than the sentence its objects.
    """
    edit, added = normalise_text(edit_text), normalise_text(added_objects)
    addition = f" And the photo should have {added}." if added else ""
    sentence = f"a photo of $ that {edit}.{addition}"
    while encoder and edit and (cut := words_cut(encoder, [sentence])[0]):
        edit = normalise_text(" ".join(edit.split()[:-cut]))
        sentence = f"a photo of $ that {edit}.{addition}"
    return sentence


def cut_warnings(
    parts: Parts, embedded: Mapping[TermName, Embedded], weights: Mapping[TermName, float], encoder: Encoder
) -> Iterator[str]:
    """A line for each kind of text in a term with a weight of which the text tower reads only the beginning."""
    rewrite, used = parts.rewrite, {name for name in embedded if weights.get(name)}
    kinds: list[tuple[set[TermName], str, Sequence[str]]] = [
        ({"negative"}, "a negative text", parts.negative),
        ({"edit_text"}, "the edit text", [parts.edit_text or ""]),
    ]
    if rewrite:
        kinds.append(({"edited_captions", "edit_direction"}, "an edited caption", rewrite.edited_captions))
        kinds.append(({"objects"}, "the added objects", [rewrite.added_objects]))
    for names, what, texts in kinds:
        cuts = words_cut(encoder, texts) if names & used else []
        if longest := max(cuts, default=0):
            total = len(texts[cuts.index(longest)].split())
            yield f"the text model reads only {total - longest} of the {total} words of {what}: make the text shorter"
    sentence = embedded["pseudo_token"].text if "pseudo_token" in used else None
    whole = pseudo_sentence(parts.edit_text or "", rewrite.added_objects) if rewrite else None
    if sentence and whole and sentence != whole:
        left_out = len(whole.split()) - len(sentence.split()) + words_cut(encoder, [sentence])[0]
        total = len((parts.edit_text or "").split())
        read = f"only {max(total - left_out, 0)} of the {total} words of the edit text"
        yield f"pseudo_token: the text model reads {read}: make it shorter"


def words_cut(encoder: Encoder, texts: Sequence[str]) -> list[int]:
    """How many words at the end of each text are beyond what the encoder's text tower reads; 0 when it does not say."""
    count: Callable[[Sequence[str]], list[int]] | None = getattr(encoder, "words_cut", None)
    return [0] * len(texts) if count is None else count(texts)


def normalise_text(text: str) -> str:
    """The text on one line, without the punctuation at its end, so that it may be continued."""
    return " ".join(text.split()).rstrip(" .,;:!?")


def edit_direction(edited: FloatArray, captions: FloatArray) -> FloatArray | None:
    """(dim,) the unit vector from the captions' mean (dim,) to that of the edited captions; None where they are one.

    The edit alone, free of what the captions say or get wrong about the reference. At length 1 it weighs alike
    whatever the rewriter changed: a rewrite that leaves nothing of a caption cannot outweigh the other terms.
    """
    difference = edited - captions
    length = float(np.linalg.norm(difference))
    return None if length < NO_DIRECTION else np.asarray(difference / length, dtype=np.float32)


def _image_embeddings(pictures: Sequence[SeenImage], encoder: Encoder) -> Sequence[FloatArray]:
    """The un-normalised embedding (dim,) of each picture; one forward for those that are not known."""
    unknown = [picture.picture.image for picture in pictures if picture.embedding is None]
    made = iter(encoder.encode_images(unknown) if unknown else ())
    return [next(made) if picture.embedding is None else picture.embedding for picture in pictures]


def _pictures(parts: Parts) -> list[SeenImage]:
    return [*([] if parts.reference is None else [parts.reference]), *parts.liked, *parts.unliked]


def _pseudo_texts(
    many: Sequence[Parts], images: Sequence[FloatArray], encoder: Encoder, phi: Phi | None
) -> list[PseudoText | None]:
    """Each query's sentence with a pseudo-token, if it has one, of the `images` that `many` show in order."""
    found: list[PseudoText | None] = [None] * len(many)
    firsts = accumulate((len(_pictures(parts)) for parts in many), initial=0)
    places = [
        (at, first)
        for at, (parts, first) in enumerate(zip(many, firsts, strict=False))
        if parts.rewrite and parts.reference
    ]
    if phi is None or not places:
        return found
    # phi reads embeddings as the encoder gives them, before they are normalised.
    words = phi(np.stack([images[first] for _, first in places]))
    for (at, _), word in zip(places, words, strict=True):
        edit_text, rewrite = many[at].edit_text or "", many[at].rewrite
        assert rewrite is not None
        found[at] = PseudoText(pseudo_sentence(edit_text, rewrite.added_objects, encoder), word)
    return found


def _texts(parts: Parts, pseudo: PseudoText | None) -> list[str | PseudoText]:
    """What _text_terms takes a row for, in its order."""
    edited = parts.rewrite.edited_captions if parts.rewrite else ()
    objects = [parts.rewrite.added_objects] if parts.rewrite and parts.rewrite.added_objects else []
    typed = [_typed(parts)] if parts.as_typed else []
    return [*edited, *parts.captions, *([pseudo] if pseudo else []), *objects, *typed, *parts.negative]


def _typed(parts: Parts) -> str:
    return " ".join((parts.edit_text or "").split())


def _text_terms(parts: Parts, pseudo: PseudoText | None, rows: _Rows) -> dict[TermName, Embedded]:
    terms: dict[TermName, Embedded] = {}
    if parts.rewrite:
        terms |= _edited_terms(rows, parts.rewrite.edited_captions, parts.captions)
    if pseudo:
        terms["pseudo_token"] = _single(rows, pseudo.text)
    if parts.rewrite and parts.rewrite.added_objects:
        terms["objects"] = _single(rows, parts.rewrite.added_objects)
    if parts.as_typed:
        terms["edit_text"] = _single(rows, _typed(parts))
    if parts.negative:
        terms["negative"] = Embedded(_mean(rows, len(parts.negative)), " | ".join(parts.negative))
    return terms


def _image_terms(parts: Parts, rows: _Rows) -> dict[TermName, Embedded]:
    terms: dict[TermName, Embedded] = {}
    if parts.reference:
        terms["image"] = _single(rows)
    if parts.liked:
        terms["liked"] = Embedded(_mean(rows, len(parts.liked)), _count(parts.liked))
    if parts.unliked:
        terms["unliked"] = Embedded(_mean(rows, len(parts.unliked)), _count(parts.unliked))
    return terms


def _edited_terms(rows: _Rows, edited: Sequence[str], captions: Sequence[str]) -> dict[TermName, Embedded]:
    # The mean of unit vectors is not normalised again: its length says how far the edited captions agree.
    mean = _mean(rows, len(edited))
    terms: dict[TermName, Embedded] = {"edited_captions": Embedded(mean, " | ".join(edited))}
    direction = edit_direction(mean, _mean(rows, len(captions))) if captions else None
    if direction is not None:
        terms["edit_direction"] = Embedded(direction, "from the captions to the edited captions")
    return terms


def _unit_rows(embeddings: FloatArray, count: int) -> _Rows:
    """`count` embeddings (count, dim) as rows. Raises ModelError as `normalise` does."""
    units = normalise(embeddings, count) if count else _NONE
    return iter(zip(units, np.linalg.norm(embeddings, axis=1).tolist(), strict=True))


def _single(rows: _Rows, text: str | None = None) -> Embedded:
    vector, length = next(rows)
    return Embedded(vector, text, length)


def _mean(rows: _Rows, count: int) -> FloatArray:
    """(dim,) the mean of the next `count` rows, not normalised again."""
    return np.asarray(np.mean([row for row, _ in islice(rows, count)], axis=0), dtype=np.float32)


def _count(pictures: Sequence[SeenImage]) -> str:
    return "1 picture" if len(pictures) == 1 else f"{len(pictures)} pictures"


def word_lines(parts: Parts, encoder: Encoder, kind: Literal["word_warnings", "word_readings"]) -> tuple[str, ...]:
    """The warnings about words, or what each word was read as, of the edit text and the negative texts, each once.

    Of an encoder that does not read word by word the words are warned of that are in no Latin script, and emoji.
    """
    ask = getattr(encoder, kind, None)
    texts = [text for text in (parts.edit_text, *parts.negative) if text]
    if ask is not None:
        return tuple(dict.fromkeys(line for text in texts for line in ask(text)))
    foreign = [
        word
        for text in texts
        for word in (() if kind != "word_warnings" or text.isascii() else dict.fromkeys(text.split()))
        for letter in word
        if unicodedata.category(letter) == "So" or (letter.isalpha() and "LATIN" not in unicodedata.name(letter, ""))
    ]
    shown = ", ".join(map(repr, dict.fromkeys(foreign)))
    return (f"most models read English alone: what this one makes of {shown} is uncertain",) if foreign else ()
